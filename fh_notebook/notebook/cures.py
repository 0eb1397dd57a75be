"""What a person who types into a cell can do about a problem, where the check's own words are for Python. Pure.

Rule of this file: it adds a cure, and never takes a problem away; it names what stands in the cell.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Final

from fh_notebook.contract.catalog import near_name
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.patterns import TooSlow, found
from fh_notebook.contract.spell import FORMATS, path_text, short
from fh_notebook.notebook.template import braced

__all__ = ["slips_of_names", "with_cure"]

_NULL: Final = re.compile(r"(?P<name>.+): None is not (?P<kind>.+)")
"""The words of the check for a null: no text of a person's is ``None`` without quotes."""
_MOMENT: Final = re.compile(r"'\d{4}-\d{2}-\d{2}[T ][^']*' is not " + re.escape(FORMATS["date"]))


def with_cure(problem: str, sources: Mapping[str, str], deployment: Deployment) -> str:
    """Return a problem of one of a cell's inputs with what to write in the cell.

    Examples
    --------
    >>> with_cure("ticket: 3 is not a text", {"ticket": "n"}, Deployment("triage"))
    'ticket: 3 is not a text; write {{ str(n) }}'
    >>> with_cure("max_words: None is not a whole number", {}, Deployment("triage"))
    'max_words is empty; give a whole number, or leave its line out'
    """
    if null := _NULL.fullmatch(problem):
        if null["kind"] == "a text":
            return f"{null['name']} is empty; write its text"
        needed = [path_text([name]) for name in deployment.inputs.get("required", [])]
        leave = "" if null["name"] in needed or not _is_top(null["name"]) else ", or leave its line out"
        return f"{null['name']} is empty; give {null['kind']}{leave}"
    source = next((s for name, s in sources.items() if problem.startswith(f"{path_text([name])}: ")), None)
    if problem.endswith(" is not a text"):
        return f"{problem}; put it in quotes" if source is None else f"{problem}; write {braced(f'str({source})')}"
    if source is not None and _MOMENT.search(problem):
        is_simple = isinstance(ast.parse(source, mode="eval").body, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
        day = f"{source}.date()" if is_simple else f"({source}).date()"
        return f"{problem.partition('; ')[0]}; write {braced(day)}"
    return problem


def _is_top(path: str) -> bool:
    return "." not in path and "[" not in path


def slips_of_names(names: Iterable[str], deployment: Deployment) -> list[str]:
    """Return a sentence for each name that is nearly one of a deployment that takes other names too.

    What is guessed from a snippet is open: a slip would be sent, and paid for, beside the variable that was meant.

    Examples
    --------
    >>> guessed = Deployment("brief", inputs={"type": "object", "properties": {"topic": {"type": "string"}}})
    >>> slips_of_names(["topc"], guessed)
    ["topc: no such variable is known; did you mean 'topic'? (to send it all the same, declare it in fetchhive.yaml)"]
    >>> slips_of_names(["topc", "topic"], guessed), slips_of_names(["tone"], guessed)
    ([], [])
    """
    if deployment.inputs.get("additionalProperties") is False:
        return []  # the check tells every name that is not declared
    given = list(names)
    patterns = deployment.inputs.get("patternProperties", {})
    left = [name for name in deployment.variable_names if name not in given]
    try:
        strange = [n for n in given if n not in deployment.variable_names and not any(found(p, n) for p in patterns)]
    except TooSlow:
        return []  # the check of the inputs says so
    near = ((name, near_name(name, left)) for name in strange)
    return [
        f"{path_text([name])}: no such variable is known; did you mean {short(close)}? "
        "(to send it all the same, declare it in fetchhive.yaml)"
        for name, close in near
        if close is not None
    ]
