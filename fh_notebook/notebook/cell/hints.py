"""Hints for problems of a cell body: what to write in the cell instead.

Rule of this file: it adds a hint and never removes a problem; it names what stands in the cell.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace

from fh_notebook.contract.catalog.deployments import near_name
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.schema.validation import fits
from fh_notebook.core.text.formatting import FORMATS, KINDS, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from fh_notebook.notebook.cell.template import braced

__all__ = ["misspelt_names", "with_hint"]


def with_hint(problem: Problem, sources: Mapping[str, str], deployment: Deployment) -> Problem:
    """Return a problem of one of a cell's inputs with what to write in the cell.

    Parameters
    ----------
    problem : Problem
        Of the check of the inputs.
    sources : mapping
        The expressions of the inputs that are one, by the names of the variables.
    deployment : Deployment
        Whose inputs they are.

    Examples
    --------
    >>> problem = Problem(("ticket",), "type", "3", "is not a text", expected="a text")
    >>> print(with_hint(problem, {"ticket": "n"}, Deployment("triage")))
    ticket: 3 is not a text; write {{ str(n) }}
    >>> problem = Problem(("words",), "type", "None", "is not a number", expected="a number")
    >>> print(with_hint(problem, {}, Deployment("triage")))
    words: is empty; give a number, or leave its line out
    """
    path = problem.path or ()
    expected = problem.expected
    if problem.keyword == "type" and problem.value == short(None):
        needs_text = expected == KINDS["string"]
        is_optional = len(path) == 1 and path[0] not in deployment.inputs.get("required", [])
        hint = "write its text" if needs_text else f"give {expected}{', or leave its line out' if is_optional else ''}"
        return replace(problem, value="", message="is empty", hint=hint)
    source = sources.get(str(path[0])) if path else None
    if problem.keyword == "type" and expected == KINDS["string"] and not problem.hint:
        return replace(problem, hint="put it in quotes" if source is None else f"write {braced(f'str({source})')}")
    if source is not None and problem.keyword == "format" and problem.hint and expected == FORMATS["date"]:
        is_simple = isinstance(ast.parse(source, mode="eval").body, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
        return replace(problem, hint=f"write {braced(f'{source}.date()' if is_simple else f'({source}).date()')}")
    return problem


def misspelt_names(names: Iterable[str], deployment: Deployment) -> list[Problem]:
    """Return a problem for each name that is nearly one of a deployment that takes other names too.

    What is guessed from a snippet is open: a slip would be sent, and paid for, beside the variable that was meant.

    Examples
    --------
    >>> guessed = Deployment("brief", inputs={"type": "object", "properties": {"topic": {"type": "string"}}})
    >>> print(*misspelt_names(["topc"], guessed))
    topc: no such variable is known; did you mean 'topic'? (to send it all the same, declare it in fetchhive.yaml)
    >>> misspelt_names(["topc", "topic"], guessed), misspelt_names(["tone"], guessed)
    ([], [])
    """
    if deployment.inputs.get("additionalProperties") is False:
        return []  # the check tells every name that is not declared
    input_names = list(names)
    declared = {"patternProperties": dict.fromkeys(deployment.inputs.get("patternProperties", {}), False)}
    left = [name for name in deployment.variable_names if name not in input_names]
    try:
        strange = [n for n in input_names if n not in deployment.variable_names and fits(declared, {n: None})]
    except InputError:
        return []  # the check of the inputs says so
    near = ((name, near_name(name, left)) for name in strange)
    declare = "(to send it all the same, declare it in fetchhive.yaml)"
    return [
        Problem(
            (name,), "additionalProperties", "", "no such variable is known", f"did you mean {short(close)}? {declare}"
        )
        for name, close in near
        if close is not None
    ]
