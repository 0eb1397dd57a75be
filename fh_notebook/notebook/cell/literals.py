"""Free text in a cell body: the variables that take it, and values that YAML would misread. Pure.

``ticket: & co are late``, ``ticket: 'tis late``, ``ticket: {name}, hi``: the author means the text, and YAML reads an
anchor, an unclosed quote, a mapping. Such a value is quoted before YAML parses the body:

1. What YAML cannot read, or of which it would drop a character, is the text to the end of the line.
2. For a variable that takes text, a list or a mapping in one line is text, too.
3. So is ``#1 is late``, which is no comment (``# late``): otherwise the text would be empty, and refused.
4. So are names in braces without values (``{x}``), which JSON does not have, unless an object is declared.

What YAML reads as it is written is left to YAML: plain text, quoted text, values that continue on the lines below, a
second ``: ``, a comment. An unclosed quote or bracket is probably a mistake, and is reported with its line. So is a
Unicode space beside the name of a variable, which YAML takes as a letter of the name; inside a text it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from fh_notebook.contract.catalog.writer import scalar
from fh_notebook.contract.catalog.yaml_loader import compose
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.schema.references import effective_schema
from fh_notebook.contract.schema.text_variables import single_text, text_variables
from fh_notebook.core.text.formatting import types_of
from fh_notebook.errors import InputError

_LINE: Final = re.compile(
    r"""(?P<head>(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^']|'')*)'|(?P<plain>[^\s"'#\[\]{}&*!|>%@`,?:-][^:#\n]*))"""
    r"""[ \t]*:[ \t]+)(?P<value>\S.*)"""
)

_SIGNS: Final = frozenset("&*!|>'\"%@`{}[],?:-")
"""What YAML gives a meaning at the beginning of a value."""

_ODD_SIGNS: Final = re.compile("[\t\r\x85\u2028\u2029]")
"""What ends a plain text, or is folded in it."""

_BREAK: Final = re.compile("[\r\x85\u2028\u2029]")
"""What begins a new line for YAML, and for nobody who sees the cell."""

_HEADER: Final = re.compile(r"[|>](?P<indent>[+-]?[1-9]?[+-]?)[ \t]*(?:#.*)?")

_CORE_TAG: Final = re.compile(r"!!(?:bool|float|int|map|null|seq|str)(?:\s|$)")


def quoted_as_written(text: str, deployment: Deployment) -> str:
    r"""Return a body with those texts in quotes that YAML would not read as they stand.

    Examples
    --------
    >>> print(quoted_as_written("ticket: & co are late\nhello: 'tis *me*\nsizes: [1, 2]", Deployment("triage")))
    ticket: "& co are late"
    hello: "'tis *me*"
    sizes: [1, 2]
    """
    if text.lstrip().startswith(("{", "[")):
        return text
    reader = _ValueReader(deployment)
    lines = text.split("\n")
    for index, line in enumerate(lines):
        match = _LINE.fullmatch(line.rstrip(" \t\r"))
        if line[:1] in tuple("[]{}") or (match and reader.leaves_open(match) and not reader.takes(match, index)):
            break  # a list or a mapping over several lines, which need not be indented: all is YAML's from here
        if match and not _goes_on(lines, index) and reader.takes(match, index):
            lines[index] = match["head"] + scalar(match["value"])
    return "\n".join(lines)


def _goes_on(lines: Sequence[str], index: int) -> bool:
    """Whether the lines below this one belong to it: they are indented."""
    is_indented = False
    for below in range(index + 1, len(lines)):
        is_indented = is_indented or lines[below][:1] in (" ", "\t")
        if lines[below].strip():
            return lines[below][:1] in (" ", "\t")
    return is_indented


class _ValueReader:
    """What the values of one deployment's variables can be."""

    def __init__(self, deployment: Deployment) -> None:
        properties = deployment.inputs.get("properties", {})
        kinds = {
            name: types_of(effective_schema(schema, deployment.inputs).get("type", []))
            for name, schema in properties.items()
        }
        self._texts = set(text_variables(deployment.inputs))
        self._nested = {name for name, types in kinds.items() if {"array", "object"} & set(types)}
        # With one text variable, lines of other names may be that text: they stay as they are.
        self._only = set(properties) if single_text(deployment.inputs) else None

    def leaves_open(self, line: re.Match[str]) -> bool:
        """Whether a bracket that the value begins with is not closed in its line."""
        return line["value"][0] in "[{" and not _closes(line["value"])

    def takes(self, line: re.Match[str], index: int) -> bool:
        """Whether the value of a `line` is the text that stands there."""
        value, name = line["value"], _name_of(line)
        if value[0] == "#":
            return name in self._texts and not value[1:2].isspace() and len(value) > 1
        if (self._only is not None and name not in self._only) or (
            value[0] not in _SIGNS and not _ODD_SIGNS.search(value)
        ):
            return False
        if value[0] in "&!" and not _CORE_TAG.match(value):
            return True
        node = _compose_value(value)
        if node is None:
            return self._is_text(name, value, index)
        if isinstance(node, ScalarNode):
            return _is_other(node, value, index)
        return name in self._texts or (name not in self._nested and _has_bare_names(node))

    def _is_text(self, name: str, value: str, index: int) -> bool:
        """Whether what cannot be read is a text."""
        sign = value[0]
        if sign == '"' and '"' not in value[1:]:
            raise InputError(
                f"line {index + 1} of the body: the quote that begins here is not closed; close it, leave it out, "
                "or write the text below `name: |`"
            )
        if sign in "\"'":
            return len(value) == 1 or not value.endswith(sign)  # "it's "so"": told, since it can be read in two ways
        if sign in "[{":
            return name not in self._nested and _closes(value)
        return sign in _SIGNS or ": " not in value or _BREAK.search(value) is not None


def _name_of(line: re.Match[str]) -> str:
    return line["double"] or line["single"] or (line["plain"] or "").rstrip()


def _compose_value(value: str) -> Node | None:
    """Return what YAML makes of a value; ``None`` when it cannot read it."""
    try:
        root = compose(f"x: {value}")
    except (YAMLError, ValueError, RecursionError):
        return None
    node: Node | None = root.value[0][1] if isinstance(root, MappingNode) and len(root.value) == 1 else None
    return node


def _is_other(node: ScalarNode, value: str, index: int) -> bool:
    """Whether YAML reads one value as another than what is written."""
    if node.style in ("|", ">"):
        header = _HEADER.fullmatch(value)
        if header is None or any(sign.isdigit() for sign in header["indent"]):
            return True
        raise InputError(
            f"line {index + 1} of the body: {value[0]} has no text below it; indent the text there, or write it in"
            " quotes"
        )
    rest = value.removeprefix(node.value)
    is_whole = value.startswith(node.value) and (not rest.strip() or re.match(r"[ \t]+#", rest))
    return node.style is None and not is_whole


def _has_bare_names(node: Node) -> bool:
    """Whether it is a mapping with a name that has no value, as no JSON is."""
    pairs = node.value if isinstance(node, MappingNode) else ()
    return any(isinstance(item, ScalarNode) and item.style is None and not item.value for _, item in pairs)


def _closes(value: str) -> bool:
    """Whether the brackets that a value begins with are closed in it."""
    depth = 0
    for sign in value:
        depth += (sign in "[{") - (sign in "]}")
        if depth == 0:
            return True
    return False


_ODD: Final = "\u00a0\u2000-\u200b\u202f\u3000\ufeff"

_BESIDE: Final = re.compile(rf"""[ ]*(?:[{_ODD}][\s{_ODD}]*["']?([^\W\d]\w*)["']?\s*:|([^\W\d]\w*)[ ]*:[{_ODD}])""")


def unicode_space(lines: Iterable[tuple[int, str]]) -> str | None:
    r"""Say in which of the numbered `lines` of a body such a blank stands beside a name.

    Examples
    --------
    >>> unicode_space([(1, "ticket: late"), (2, "tone:\xa0calm")])
    'line 2 of the body: the space beside tone is not an ordinary space (as in copied text); type it again'
    """
    for number, line in lines:
        if match := _BESIDE.match(line):
            name = match[1] or match[2]
            problem = f"the space beside {name} is not an ordinary space (as in copied text); type it again"
            return f"line {number} of the body: {problem}"
    return None


def name_with_unicode_space(
    names: Iterable[str], lines: Iterable[tuple[int, str]], deployment: Deployment
) -> str | None:
    """Say where such a blank was read as a part of one of the `names`; a text that only reads as names is its own."""
    variables, is_text = deployment.variable_names, single_text(deployment.inputs) is not None
    for name in names:
        bare = re.sub(rf"^[\s{_ODD}]+", "", name)
        if bare != name and name not in variables and (bare.strip("\"'") in variables or not is_text):
            return unicode_space(lines)
    return None
