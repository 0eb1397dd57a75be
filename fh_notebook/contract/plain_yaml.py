"""YAML that says only what JSON can say: the one reader of cell bodies and of the catalogue. Pure.

Rule of this file: nothing is constructed or expanded, and no character is dropped in silence. ``no`` is a text, a date
is a text; an alias, an anchor before a text, a tag, a directive and a name that is given twice are refused; whatever
comes out is made of JSON's kinds.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

import yaml

__all__ = ["PlainLoader", "compose", "name_of", "trouble_of"]


MAX_DEPTH: Final = 500
"""Brackets within each other: deeper ones end in a `RecursionError` anyway, and two hundred thousand took seconds."""


class PlainLoader(yaml.SafeLoader):
    """YAML that builds only what JSON can say: the 1.2 core words, no dates, no anchors, no repeated keys."""

    # Explicit tags too: `!!binary` would make bytes, and `!!timestamp` a date.
    yaml_constructors: ClassVar[dict[str | None, Any]] = {
        tag: build
        for tag, build in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in {"bool", "int", "float", "map", "null", "seq", "str"}
    }
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as in the base class

    def scan_directive(self) -> Any:
        """Refuse ``%...`` in a line of its own, but those that YAML knows: a reader of YAML drops it."""
        token: Any = super().scan_directive()
        if token.name not in ("YAML", "TAG"):
            said = "a line that begins with '%' is read by nobody; leave it out, or put the text in quotes"
            raise yaml.scanner.ScannerError(None, None, said, token.start_mark)
        return token

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # noqa: N803 - as in the base class
        """Refuse what no input needs before it is read to its end: its cost grows with the square of its depth."""
        if self.flow_level >= MAX_DEPTH:
            told = "something is nested too deep to be read"
            raise yaml.scanner.ScannerError(None, None, told, self.get_mark())
        super().fetch_flow_collection_start(TokenClass)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the next node; refuse an alias, and what would take characters away from a text."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        if problem := _lost_in(event, parent):
            raise yaml.constructor.ConstructorError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping by the names as they were written; a second one of the same name is refused."""
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                told = "a name must be a text; put a text with braces in quotes"
                raise yaml.constructor.ConstructorError(None, None, told, key_node.start_mark)
            if name_of(key) in built:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", key_node.start_mark)
            built[name_of(key)] = self.construct_object(value_node, deep=True)
        return built


def _lost_in(event: Any, parent: Any) -> str | None:
    """Say what of an event YAML would not hand on as it was written."""
    if isinstance(event, yaml.AliasEvent):
        # An alias can make a short text a huge value ("billion laughs"), and no input needs one.
        return "'*' begins an alias; quote the text"
    if isinstance(event, yaml.ScalarEvent) and event.anchor is not None:
        return "'&' begins an anchor; put the text in quotes"
    if getattr(event, "tag", None) == "!":
        return "'!' begins a tag; put the text in quotes"
    if isinstance(event, yaml.ScalarEvent) and event.style in ("'", '"') and _leaves_its_place(event, parent):
        return "the quote that begins here is not closed in its place; close it, or indent the lines that belong to it"
    return None


def _leaves_its_place(event: Any, parent: Any) -> bool:
    """Whether a text in quotes goes on in a line that begins where names do: that quote was left open."""
    begin, end = event.start_mark, event.end_mark
    if begin.line == end.line or not isinstance(parent, yaml.MappingNode) or parent.flow_style or begin.buffer is None:
        return False
    lines = begin.buffer[begin.pointer : end.pointer].split("\n")[1:]
    return any(line.strip() and len(line) - len(line.lstrip(" ")) <= parent.start_mark.column for line in lines)


# The core schema of YAML 1.2.2, section 10.3.2, without octal and without infinities, which JSON does not have.
# (PyYAML's own follow YAML 1.1, where `no` is false, 12:30 is a number and 2026-11-25 is a date.)
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", [*"tTfF"]),
    ("null", r"^(?:null|Null|NULL|~|)$", [*"nN~", ""]),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", [*"-+0123456789"]),
    ("float", r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?$", [*"-+0123456789"]),
):
    PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _int(loader: PlainLoader, node: Any) -> int:
    return int(loader.construct_scalar(node))


def _float(loader: PlainLoader, node: Any) -> float:
    return float(loader.construct_scalar(node))


PlainLoader.add_constructor("tag:yaml.org,2002:int", _int)
PlainLoader.add_constructor("tag:yaml.org,2002:float", _float)


_WORDS: Final = {True: "true", False: "false", None: "null"}


def name_of(key: object) -> str:
    """Return a name as it was written: `true:` and `3:` are names too.

    Examples
    --------
    >>> name_of(True), name_of(3), name_of("a")
    ('true', '3', 'a')
    """
    return _WORDS[key] if isinstance(key, bool) or key is None else str(key)


def compose(text: str) -> yaml.Node | None:
    """Return the tree of nodes that `text` is, each with its place; ``None`` for an empty text.

    Raises
    ------
    yaml.YAMLError
        It is not YAML, has an alias, or has a second document.
    """
    loader = PlainLoader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return node


_CURES: Final = (
    ("character '\\t'", "a tab is no indentation in YAML; use spaces"),
    (
        "mapping values are not allowed",
        "there is a second ': ' here; put a text with a colon in quotes, or use `name: |`",
    ),
    ("but found ':'", "there is no name before the colon"),
    ("but found '<scalar>'", "this does not belong to what stands before it; put the whole text in quotes"),
    (
        "could not find expected ':'",
        "this is no `name: value`, and no part of the text above; use `name: |` and indent it",
    ),
    ("cannot start any token", "a text that begins with this sign is put in quotes"),
    ("mapping keys are not allowed", "a text that begins with this sign is put in quotes"),
    ("expected the node content", "a text that begins with this sign is put in quotes"),
    ("sequence entries are not allowed", "'-' begins a list, in lines of its own; put a text that begins so in quotes"),
    ("could not determine a constructor", "'!' begins a tag, which is not read; put the text in quotes"),
    ("expected <block end>, but found", "this line is indented otherwise than those above it"),
    ("expected ',' or", "a comma is missing before this, or the [ or { above it is not closed"),
    ("another document", "'---' begins a second document; keep one"),
    (
        "unexpected end of stream",
        "the quote that begins here is not closed; close it, or write the text below `name: |`",
    ),
    ("unknown escape", "a backslash in \"...\" begins an escape; use '...' quotes"),
)

_CURES_IN: Final = (
    ("scanning a block scalar", "a text stands in the lines below | or >; put one that begins with the sign in quotes"),
    ("scanning an alias", "a text that begins with this sign is put in quotes"),
    ("scanning an anchor", "a text that begins with this sign is put in quotes"),
    ("scanning a tag", "a text that begins with this sign is put in quotes"),
    ("parsing a tag", "a text that begins with this sign is put in quotes"),
    ("parsing a node", "a text that begins with this sign is put in quotes"),
)
"""By what was being read, where the words of the problem itself say nothing to a person."""


def trouble_of(broken: yaml.YAMLError, text: str) -> tuple[int, str]:
    r"""Return the line, counted from 1, and what is wrong there, in a sentence.

    Examples
    --------
    >>> try:
    ...     compose("a: 1\n\tb: 2")
    ... except yaml.YAMLError as broken:
    ...     trouble_of(broken, "a: 1\n\tb: 2")
    (2, 'a tab is no indentation in YAML; use spaces')
    """
    if isinstance(broken, yaml.reader.ReaderError):
        place = int(broken.position)
        found = f"U+{ord(text[place]):04X}"
        return text.count("\n", 0, place) + 1, f'the character {found} is not allowed; write \\u.... in "..." quotes'
    if not isinstance(broken, yaml.MarkedYAMLError):
        return 1, " ".join(str(broken).split())[:200]
    said = (broken.problem or broken.context or "is not YAML").replace("\n", " ")
    mark = broken.problem_mark or broken.context_mark
    if "<stream end>" in said and broken.context_mark is not None:
        return broken.context_mark.line + 1, "what begins here with [, { or a quote is not closed"
    if "unexpected end of stream" in said:
        mark = broken.context_mark or mark
    lines = text.splitlines()
    cured = _slip_of_line(said, mark.line if mark else 0, lines)
    cured = cured or (_slip_within(said, lines[mark.line][: mark.column]) if mark and mark.line < len(lines) else None)
    cured = cured or next((cure for sign, cure in _CURES_IN if sign in (broken.context or "")), None)
    cured = cured or next((cure for sign, cure in _CURES if sign in said), said)
    return (mark.line + 1 if mark else 1), cured


def _slip_within(said: str, before: str) -> str | None:
    """Say what is wrong behind something in the same line, where the parser speaks of indentation."""
    if not before.strip(" -"):
        return None
    if "'\\t'" in said:
        return "there is a tab in the text; put the text in quotes"
    if "expected <block end>, but found ','" in said:
        return "this does not belong to what stands before it; put the whole text in quotes"
    return None


_NAMED: Final = re.compile(r"""(?P<indent> *)(?:- +)?[^\s:#'"][^:#]*:(?: +(?P<value>[^\s#].*))?$""")


def _slip_of_line(said: str, number: int, lines: list[str]) -> str | None:
    """Say what is wrong with a line beside those above it: its indent, or a quote inside of its quotes."""
    if number >= len(lines):
        return None
    line = lines[number]
    value = (_NAMED.match(line) or {"value": None})["value"] or ""
    if len(value) > 1 and value[0] in "\"'" and value.count(value[0]) > 2:
        return f"a {value[0]} inside of the text ends its quotes; use `name: |` and indented lines below it"
    above = [other for other in lines[:number] if other.strip()]
    indent = len(line) - len(line.lstrip(" "))
    header = next((h for o in reversed(above) if (h := _NAMED.match(o)) and len(h["indent"]) < max(indent, 1)), None)
    if header is None or not indent:
        return None
    if "mapping values are not allowed" in said and header["value"] and header.string == above[-1]:
        return "this line is indented more than the one above it, which has its value already; begin both alike"
    if re.match(r"[|>]", header["value"] or "") and above and len(above[-1]) - len(above[-1].lstrip(" ")) > indent:
        return "this line is indented less than the text above it; indent every line of the text alike"
    return None
