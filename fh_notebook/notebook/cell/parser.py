"""Parser of a cell body: YAML, JSON or plain text to inputs, with a message for each likely mistake. Pure.

A body is one of these, in this order:

1. ``NAME = value`` in its first line, where NAME is a Start variable: refused, since it was meant as ``NAME: value``.
2. A mapping in JSON or YAML: the inputs. A first name with a blank in it, none of the names being a Start variable, is
   the beginning of a sentence ("My order: it broke") where the deployment has one text variable.
3. With one text variable, anything else: that text, without the white space at its two ends and not changed otherwise.
   A text that reads as a mapping, or must keep its ends, is given as ``name: |`` and indented lines, or by
   ``{{ variable }}``.

Rule of this file: a body is data. YAML and JSON are read by a loader that builds only JSON's kinds (so ``no`` is a
text, a date is a text, and nothing is constructed or expanded), and a text that cannot be read is one line with its
place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from fh_notebook.contract.catalog.yaml_loader import compose, load, tag_of, yaml_error_of
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.schema.references import effective_schema
from fh_notebook.contract.schema.text_variables import single_text
from fh_notebook.core.text.formatting import nearest, path_text
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from fh_notebook.notebook.cell.literals import name_with_unicode_space, quoted_as_written, unicode_space
from fh_notebook.notebook.cell.template import Template


def read_inputs(template: Template, deployment: Deployment) -> dict[str, Any]:
    """Return the inputs that a body is, its expressions still tokens."""
    text = template.text
    problem = _assignment(text, deployment, lines=1) or _dash(text, deployment) or _colon(text, deployment, lines=1)
    if problem:
        raise InputError(_untoken(problem, template), where=deployment.name)
    error: InputError
    try:
        inputs = parse_mapping(quoted_as_written(text, deployment), where=deployment.name)
    except InputError as exc:
        error = exc
    else:
        single = single_text(deployment.inputs)
        if single and _is_prose(inputs, deployment):
            return {single: text.strip()}
        if problem_text := name_with_unicode_space(inputs, _content(text), deployment):
            raise InputError(problem_text, where=deployment.name)
        if _is_closed(deployment) and (problem_text := _unknown_names_text(inputs, template, deployment)):
            raise InputError(problem_text, where=deployment.name)
        return inputs
    if (single := single_text(deployment.inputs)) and not _names_a_variable(text, deployment):
        return {single: text.strip()}
    slip = _assignment(text, deployment) or _colon(text, deployment) or unicode_space(_content(text))
    raise InputError(slip or [_untoken(problem, template) for problem in error.problems], where=error.where)


def _untoken(problem: Problem, template: Template) -> Problem:
    """Return a problem with the expressions of the body in place of their tokens."""
    value, message, hint = map(template.untoken, (problem.value, problem.message, problem.hint))
    return replace(problem, value=value, message=message, hint=hint)


def _in_line(number: int, keyword: str, message: str, hint: str = "", value: str = "") -> Problem:
    line_text = f"line {number} of the body"
    return Problem(None, keyword, value, message, hint, line=number, place=line_text)


def _is_prose(names: Iterable[str], deployment: Deployment) -> bool:
    """Whether "My order: it broke" is a sentence, and not a variable called "My order"."""
    first = next(iter(names), "")
    return " " in first and not set(names) & set(deployment.variable_names)


def _is_closed(deployment: Deployment) -> bool:
    return deployment.inputs.get("additionalProperties") is False


def _unknown_names_text(names_given: Iterable[str], template: Template, deployment: Deployment) -> str | None:
    """Say how a text that reads as a mapping is given, where none of its names is a variable or nearly one."""
    single, variables, inputs = single_text(deployment.inputs), deployment.variable_names, list(names_given)
    if not single or not inputs or template.text.lstrip().startswith("{"):
        return None
    if any(name in variables or nearest(name, variables) for name in inputs):
        return None
    names = [template.untoken(path_text([name])) for name in inputs]
    no = "no such variable is" if len(names) == 1 else "no such variables are"
    are = f"{no} there" if _is_closed(deployment) else f"sent as written, though {no} known"
    hint = f"if the body is the text of {single}, write `{single}: |` above it and indent it"
    return f"{', '.join(names[:5])}: {are}; {hint}"


def remarks_in(template: Template, deployment: Deployment) -> list[str]:
    r"""Return a sentence for each text that YAML does not hand on as it stands, with its line.

    What follows a ``#`` is a remark, and is not sent; line breaks of a text without ``|`` are sent as blanks.

    Examples
    --------
    >>> remarks_in(Template("ticket: 100% sure #1 customer"), Deployment("triage"))
    ["line 1 of the body: the text from ' #' on is a comment and is not sent; put the text in quotes to send all of it"]
    """
    if _as_json(template.text) is not None:
        return []
    try:
        text = quoted_as_written(template.text, deployment)
        root = compose(text)
    except (InputError, YAMLError, ValueError, RecursionError):  # then it is a text, and all of it is sent
        return []
    if not isinstance(root, MappingNode) or not all(isinstance(name, ScalarNode) for name, _ in root.value):
        return []
    names = [name.value for name, _ in root.value]
    if single_text(deployment.inputs) and _is_prose(names, deployment):
        return []
    properties = deployment.inputs.get("properties", {})
    chosen = {n for n in names if {"enum", "const"} & {*effective_schema(properties.get(n, {}), deployment.inputs)}}
    texts = [node for name, value in root.value if name.value not in chosen for node in _scalars(value)]
    texts = [node for node in texts if template.source_of(node.value) is None]
    strange = _unknown_names_text(names, template, deployment)
    return [
        *([strange] if strange else []),
        *(f"line {node.end_mark.line + 1} of the body: {_CUT}" for node in texts if _is_cut(node, text)),
        *(f"line {node.start_mark.line + 1} of the body: {_FOLDED}" for node in texts if _is_folded(node)),
    ]


_CUT: Final = "the text from ' #' on is a comment and is not sent; put the text in quotes to send all of it"
_FOLDED: Final = "the line breaks of this text are sent as spaces; write it below `name: |` to keep them"


def _is_cut(node: ScalarNode, text: str) -> bool:
    is_text = node.style is None and (tag_of(node) == "str" or not node.value)
    return is_text and re.match(r"[ \t]+#", text[node.end_mark.index : node.end_mark.index + 200]) is not None


def _is_folded(node: ScalarNode) -> bool:
    return node.style in (None, "'", '"') and node.start_mark.line < node.end_mark.line and bool(node.value)


def _scalars(node: Node, *, flow_only: bool = False) -> Iterator[ScalarNode]:
    """Yield every value in `node`, or those inside of braces only."""
    if isinstance(node, ScalarNode):
        if not flow_only:
            yield node
    elif isinstance(node, CollectionNode):
        inner = flow_only and not (isinstance(node, MappingNode) and node.flow_style)
        for part in node.value:
            yield from _scalars(part[1] if isinstance(part, tuple) else part, flow_only=inner)


def _assignment(text: str, deployment: Deployment, lines: int | None = None) -> Problem | None:
    """Say where a variable is assigned as in Python, in the first of its `lines` that are no remarks."""
    for number, line in _content(text)[:lines]:
        match = re.match(r"([^\W\d]\w*)[ \t]*=(?!=)", line)
        if match and match[1] in deployment.variable_names:
            message, hint = f"assigns {match[1]} with '='", f"write `{match[1]}: value`"
            return Problem(None, "assignment", f"line {number} of the body", message, hint, line=number)
    return None


def _colon(text: str, deployment: Deployment, lines: int | None = None) -> Problem | None:
    """Say where a blank is missing behind a variable's colon, or the colon is that of an East Asian keyboard."""
    for number, line in _content(text)[:lines]:
        match = re.match(r"([^\W\d]\w*)[ \t]*(?::(?=[^\s:/])|\uff1a\s*)(.*)", line)
        if match and match[1] in deployment.variable_names:
            example = f"`{match[1]}: {match[2][:40]}`"
            return _in_line(number, "syntax", f"write a colon and a space, {example}")
    return None


def _dash(text: str, deployment: Deployment) -> Problem | None:
    """Say where a body begins as a list of one mapping; "- one, - two" is a text."""
    for number, line in _content(text)[:1]:
        match = re.match(r"-\s+(([^\s:]+)\s*:(?:\s.*)?)$", line)
        if match and match[2] in deployment.variable_names:
            return _in_line(number, "type", "begins a list", f"did you mean `{match[1].strip()}`?", "'-'")
    return None


def is_blank(text: str) -> bool:
    """Whether a body has nothing in it but remarks."""
    return not _content(text)


def _content(text: str) -> list[tuple[int, str]]:
    """The lines that are neither empty nor remarks, with their numbers from 1."""
    return [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip() and line.lstrip()[0] != "#"]


def _names_a_variable(text: str, deployment: Deployment) -> bool:
    """Whether a body was meant as a mapping: a broken one is told, never sent as a text that costs money."""
    start = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")).lstrip()
    if start.startswith("{"):
        return True
    first = re.match(r"""["']?([^\n:"']*)["']?\s*:""", start)
    return first is not None and first[1].strip() in deployment.variable_names


def parse_mapping(text: str, *, where: str = "") -> dict[str, Any]:
    r"""Return the mapping that `text` is, in YAML or JSON; an empty text is an empty mapping.

    Examples
    --------
    >>> parse_mapping("ticket: |\n  Where is it?\nurgent: no\nmax_words: 12")
    {'ticket': 'Where is it?\n', 'urgent': 'no', 'max_words': 12}
    """
    if (value := _as_json(text)) is not None:
        return value
    problem: Problem | None = None
    try:
        value = load(text)
    except YAMLError as exc:
        line, message = yaml_error_of(exc, text)
        problem = _in_line(line, "syntax", message)
    except (ValueError, RecursionError) as exc:
        why = " ".join(str(exc).split())[:200]
        problem = Problem(None, "syntax", "the cell's body", f"cannot be read ({why})")
    if problem:  # raised outside the block: a notebook shows one line only for an error without a context
        raise InputError(problem, where=where)
    if value is None and not _content(text):
        return {}
    if odd := _no_json(text):
        raise InputError(odd, where=where)
    if not isinstance(value, dict):
        no_mapping, hint = f"is a {_kind(value)}, not a mapping of inputs", "write `name: value` lines, or JSON"
        raise InputError(Problem(None, "type", "the cell's body", no_mapping, hint), where=where)
    return value


_NO_NUMBERS: Final = ("NaN", "nan", "Infinity", "-Infinity", "inf", "-inf")
"""What Python's `json` and its `repr` write where JSON has no word."""


def _no_json(text: str) -> Problem | None:
    """Say where a word of Python's stands inside of braces without quotes: YAML would read it as that text."""
    if "{" not in text or not any(word in text for word in ("None", *_NO_NUMBERS)):
        return None
    root = compose(text)
    for node in _scalars(root, flow_only=True) if root is not None else ():
        line = node.start_mark.line + 1
        if node.style is None and node.value == "None":
            return _in_line(line, "syntax", "this is Python", "write null for None, true for True and false for False")
        if node.style is None and node.value in _NO_NUMBERS:
            hint = "write null or a number, or put the text in quotes"
            return _in_line(line, "type", "is not a JSON value", hint, node.value)
    return None


def _as_json(text: str) -> dict[str, Any] | None:
    """Return the object that `text` is in JSON, or ``None``: then it is read as YAML, which says what is wrong.

    YAML is nearly a superset of JSON, but for one escape: a character beyond the first 65,536, as two of them.
    """
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) < len(pairs):
        raise ValueError
    return built


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _kind(value: object) -> str:
    return {str: "text", list: "list", bool: "true or false", type(None): "null"}.get(type(value), "number")
