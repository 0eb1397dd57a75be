"""YAML loader for values that JSON has, for cell bodies and the catalogue, and hints for its typical errors.

Rules of this file:

1. Nothing is constructed or expanded, and no character is dropped in silence. ``no`` is a text, a date is a text; an
   alias, an anchor before a text, a tag, a directive and a name that is given twice are refused; whatever comes out
   is made of JSON's kinds.
2. The parser notices a slip one line late, or not at all; the message names the line of the slip and what is missing
   there, and where that is not certain it stays as the parser's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.constructor import ConstructorError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, ScalarEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import Reader, ReaderError
from ruamel.yaml.resolver import BaseResolver
from ruamel.yaml.scanner import Scanner, ScannerError
from ruamel.yaml.tokens import Token, ValueToken

from fh_notebook.core.text.formatting import short

MAX_DEPTH: Final = 500
"""Brackets within each other: deeper ones end in a `RecursionError` anyway, and two hundred thousand took seconds."""


_PREFIX: Final = "tag:yaml.org,2002:"


class _YamlReader(Reader):
    """The characters of a text, in the lines of YAML 1.1: U+0085, U+2028 and U+2029 end one, too."""

    forward = Reader.forward_1_1


class _Scanner(Scanner):
    """The tokens of YAML 1.1, without directives of one's own."""

    def scan_directive(self) -> Any:
        """Refuse ``%...`` in a line of its own, but those that YAML knows: a reader of YAML drops it."""
        token = super().scan_directive()
        if token.name not in ("YAML", "TAG"):
            message = "a line that begins with '%' is not read; leave it out, or put the text in quotes"
            raise ScannerError(None, None, message, token.start_mark)
        return token

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:  # noqa: N803 - as in the base class
        """Refuse what no input needs before it is read to its end: its cost grows with the square of its depth."""
        if self.flow_level >= MAX_DEPTH:
            raise ScannerError(None, None, "something is nested too deeply to be read", self.reader.get_mark())
        super().fetch_flow_collection_start(TokenClass, to_push)

    def scan_plain(self) -> Any:
        """Return a word without the colon before a bracket, brace or comma: ``{a:}`` and ``{a:[1]}`` name a."""
        token = super().scan_plain()
        reader = self.reader
        if self.flow_level and token.value.endswith(":") and reader.peek() in ",[]{}":
            reader.pointer, reader.index, reader.column = reader.pointer - 1, reader.index - 1, reader.column - 1
            token.value, token.end_mark = token.value[:-1].rstrip(), reader.get_mark()
        return token


class _Parser(Parser):
    """The events of a text, an empty value's at its own colon."""

    def parse_block_mapping_value(self) -> Any:
        """Return the event after a colon; the library gives an empty value the place of whatever comes next."""
        colon = self.scanner.peek_token()
        event = super().parse_block_mapping_value()
        if isinstance(event, ScalarEvent) and event.start_mark is event.end_mark and isinstance(colon, ValueToken):
            event.start_mark = event.end_mark = colon.end_mark
        return event


class _Composer(Composer):
    """The nodes of a text that hands on every character."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.warn_double_anchors = False  # two anchors of one name change nothing where no alias is read

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the next node; refuse an alias, and what would take characters away from a text."""
        event = self.parser.peek_event()
        if problem := _unsupported_part(event, parent):
            raise ConstructorError(None, None, problem, event.start_mark)
        return super().compose_node(parent, index)


class _Resolver(BaseResolver):
    """The kinds of plain words: those of JSON only, in the spellings of the core schema of YAML 1.2."""

    def __init__(self, version: Any = None, loader: Any = None) -> None:
        super().__init__(loader)

    @property
    def processing_version(self) -> tuple[int, int]:
        """The grammar that is read, whatever ``%YAML`` says: 1.1, in which ``[a?]`` and ``[::a]`` are refused."""
        return 1, 1


# The core schema of YAML 1.2.2, section 10.3.2, without octal and without infinities, which JSON does not have.
# (The library's own take `01234`, `1_000`, `0x1F` for numbers and 2026-11-25 for a date.)
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", [*"tTfF"]),
    ("null", r"^(?:null|Null|NULL|~|)$", [*"nN~", ""]),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", [*"-+0123456789"]),
    ("float", r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?$", [*"-+0123456789"]),
):
    _Resolver.add_implicit_resolver_base(_PREFIX + _tag, re.compile(_pattern), _first)


def _unsupported_part(event: Any, parent: Any) -> str | None:
    """Return the problem of an event that YAML would not load as it was written."""
    if isinstance(event, AliasEvent):
        # An alias can make a short text a huge value ("billion laughs"), and no input needs one.
        return "'*' begins an alias; put the text in quotes"
    if isinstance(event, ScalarEvent) and event.anchor is not None:
        return "'&' begins an anchor; put the text in quotes"
    if getattr(event, "tag", None) == "!":
        return "'!' begins a tag; put the text in quotes"
    if isinstance(event, ScalarEvent) and event.style in ("'", '"') and _is_unclosed(event, parent):
        return "the quote that begins here is not closed in its value; close it, or indent the lines that belong to it"
    return None


def _is_unclosed(event: Any, parent: Any) -> bool:
    """Whether a quoted text continues in a line that begins at the column of names: its quote was not closed."""
    begin, end = event.start_mark, event.end_mark
    if begin.line == end.line or not isinstance(parent, MappingNode) or parent.flow_style or begin.buffer is None:
        return False
    lines = begin.buffer[begin.pointer : end.pointer].split("\n")[1:]
    return any(line.strip() and len(line) - len(line.lstrip(" ")) <= parent.start_mark.column for line in lines)


_WORDS: Final = {True: "true", False: "false", None: "null"}


def name_of(key: object) -> str:
    """Return a name as it was written: `true:` and `3:` are names too.

    Examples
    --------
    >>> name_of(True), name_of(3), name_of("a")
    ('true', '3', 'a')
    """
    return _WORDS[key] if isinstance(key, bool) or key is None else str(key)


def tag_of(node: Node) -> str:
    """Return a node's tag; of YAML's own, the word alone: ``str``, ``int``, ``map``, ..."""
    return str(node.tag).removeprefix(_PREFIX)


def _yaml() -> YAML:
    """Return a reader of one text: it keeps what it read."""
    reader = YAML(typ="safe", pure=True)
    reader.Reader, reader.Scanner, reader.Parser = _YamlReader, _Scanner, _Parser
    reader.Composer, reader.Resolver = _Composer, _Resolver
    return reader


def tokens(text: str) -> list[Token]:
    """Return the tokens of `text`, each with its place."""
    return list(_yaml().scan(text))


def compose(text: str) -> Node | None:
    """Return the tree of nodes that `text` is, each with its place; ``None`` for an empty text."""
    node: Node | None = _yaml().compose(text)
    return node


_WORD_VALUES: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

_BUILDERS: Final[dict[str, Callable[[str], Any]]] = {
    "bool": lambda word: _WORD_VALUES[word.lower()],
    "float": float,
    "int": int,
    "null": lambda word: None,
    "str": str,
}


def load(text: str) -> Any:
    r"""Return the JSON value that `text` is, its names as they were written; ``None`` for an empty text.

    Examples
    --------
    >>> load("a: no\nb: [1, 1_000, 2026-11-25]")
    {'a': 'no', 'b': [1, '1_000', '2026-11-25']}
    """
    node = compose(text)
    return None if node is None else _value(node)


def _value(node: Node) -> Any:
    kind = tag_of(node)
    if isinstance(node, ScalarNode) and kind in _BUILDERS:
        return _BUILDERS[kind](node.value)
    if isinstance(node, SequenceNode) and kind == "seq":
        return [_value(item) for item in node.value]
    if not isinstance(node, MappingNode) or kind != "map":
        raise ConstructorError(
            None, None, "'!' begins a tag, which is not read; put the text in quotes", node.start_mark
        )
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _value(key_node)
        if isinstance(key, list | dict):
            message = "a name must be a string; put a text with braces in quotes"
            raise ConstructorError(None, None, message, key_node.start_mark)
        if name_of(key) in values:
            raise ConstructorError(None, None, f"{key!r} is given twice", key_node.start_mark)
        values[name_of(key)] = _value(value_node)
    return values


_HINTS: Final = (
    ("character '\\t'", "a tab is not indentation in YAML; use spaces"),
    (
        "mapping values are not allowed",
        "there is a second ': ' here; put a text with a colon in quotes, or use `name: |`",
    ),
    ("but found ':'", "a name is missing before the colon"),
    ("but found '<scalar>'", "this does not belong to the part before it; put the whole text in quotes"),
    (
        "could not find expected ':'",
        "this is neither `name: value` nor a part of the text above; use `name: |` and indent it",
    ),
    ("cannot start any token", "put a text that begins with this character in quotes"),
    ("mapping keys are not allowed", "put a text that begins with this character in quotes"),
    ("expected the node content", "put a text that begins with this character in quotes"),
    (
        "sequence entries are not allowed",
        ("'-' begins a list, in lines of its own; put a text that begins with '-' in quotes"),
    ),
    ("more indented follow up line", "the blank line that begins this text is indented more than the text; empty it"),
    ("expected <block end>, but found", "this line is indented differently from those above it"),
    ("expected ',' or", "a comma is missing before this, or the [ or { above it is not closed"),
    ("another document", "'---' begins a second document; keep one"),
    (
        "unexpected end of stream",
        "the quote that begins here is not closed; close it, or write the text below `name: |`",
    ),
    ("unknown escape", "a backslash in \"...\" begins an escape; use '...' quotes"),
)


_HINTS_BY_CONTEXT: Final = (
    (
        "scanning a block scalar",
        ("the text after | or > is on the lines below; put a text that begins with this character in quotes"),
    ),
    ("scanning an alias", "put a text that begins with this character in quotes"),
    ("scanning an anchor", "put a text that begins with this character in quotes"),
    ("scanning a tag", "put a text that begins with this character in quotes"),
    ("parsing a tag", "put a text that begins with this character in quotes"),
    ("parsing a node", "put a text that begins with this character in quotes"),
)
"""By what was being read, where the words of the problem itself say nothing to a person."""


def yaml_error_of(exc: YAMLError, text: str) -> tuple[int, str]:
    r"""Return the line, counted from 1, and what is wrong there, in a sentence.

    Examples
    --------
    >>> try:
    ...     compose("a: 1\n\tb: 2")
    ... except YAMLError as exc:
    ...     yaml_error_of(exc, "a: 1\n\tb: 2")
    (2, 'a tab is not indentation in YAML; use spaces')
    """
    if isinstance(exc, ReaderError):
        position = int(exc.position)
        code_point = f"U+{ord(text[position]):04X}"
        return text.count(
            "\n", 0, position
        ) + 1, f'the character {code_point} is not allowed; write \\u.... in "..." quotes'
    if not isinstance(exc, MarkedYAMLError):
        return 1, " ".join(str(exc).split())[:200]
    context = (exc.context or "").replace(" an tag", " a tag")
    message = (exc.problem or context or "is not YAML").replace("\n", " ")
    message = re.sub(r"\(('[^']*'),\)", r"\1", message)  # the library prints a tuple of one there
    mark = exc.problem_mark or exc.context_mark
    if "<stream end>" in message and exc.context_mark is not None:
        return exc.context_mark.line + 1, "what begins here with [, { or a quote is not closed"
    if "unexpected end of stream" in message:
        mark = exc.context_mark or mark
    lines = text.splitlines()
    hint = _hint_for_line(message, mark.line if mark else 0, lines)
    hint = hint or (
        _hint_within_line(message, lines[mark.line][: mark.column]) if mark and mark.line < len(lines) else None
    )
    hint = hint or next((text_of_hint for pattern, text_of_hint in _HINTS_BY_CONTEXT if pattern in context), None)
    hint = hint or next((text_of_hint for pattern, text_of_hint in _HINTS if pattern in message), message)
    return (mark.line + 1 if mark else 1), hint


def _hint_within_line(message: str, before: str) -> str | None:
    """Return the hint for an error inside a line that the parser reports as an error of indentation."""
    if not before.strip(" -"):
        return None
    if "'\\t'" in message:
        return "there is a tab in the text; put the text in quotes"
    if "expected <block end>, but found ','" in message:
        return "this does not belong to the part before it; put the whole text in quotes"
    return None


_NAME_AND_VALUE: Final = re.compile(r"""(?P<indent> *)(?:- +)?[^\s:#'"{[][^:#]*:(?: +(?P<value>[^\s#].*))?$""")


def _hint_for_line(message: str, number: int, lines: list[str]) -> str | None:
    """Return the hint for a line that does not fit those above it: its indent, or a quote inside its quotes."""
    if number >= len(lines):
        return None
    line = lines[number]
    value = (_NAME_AND_VALUE.match(line) or {"value": None})["value"] or ""
    if len(value) > 1 and value[0] in "\"'" and value.count(value[0]) > 2:
        return f"a {value[0]} inside the text ends its quotes; use `name: |` and indented lines below it"
    above = [line_above for line_above in lines[:number] if line_above.strip()]
    indent = len(line) - len(line.lstrip(" "))
    header = next(
        (h for o in reversed(above) if (h := _NAME_AND_VALUE.match(o)) and len(h["indent"]) < max(indent, 1)), None
    )
    if header is None or not indent:
        return None
    if "mapping values are not allowed" in message and header["value"] and header.string == above[-1]:
        return (
            "this line is indented more than the one above it, which already has its value; give both the same"
            " indentation"
        )
    if re.match(r"[|>]", header["value"] or "") and above and len(above[-1]) - len(above[-1].lstrip(" ")) > indent:
        return "this line is indented less than the text above it; give every line of the text the same indentation"
    return None


MISSING_BLANK: Final = "a space is missing after the colon"


_BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")

_COMMENT: Final = re.compile(r"(?:^|(?<=\s))#.*")

_VALUE: Final = re.compile(r":\s+\S")

# No blank after the colon; `http://` has none either, and is a text.
_NAME_WITHOUT_BLANK: Final = re.compile(r"(?:- )?(?P<name>[^\s:\"'{}\[\],#-][^:\"'{}\[\],#]{0,60}):(?P<rest>[^\s:/].*)")

_BARE: Final = re.compile(r"[^\s:\"'{}\[\],#|>-][^:\"'{}\[\],#]{0,60}")


def yaml_error_in(exc: YAMLError, text: str) -> tuple[int, str]:
    r"""Return the line, counted from 1, and what is wrong there, in a sentence.

    Examples
    --------
    >>> from fh_notebook.contract.catalog.yaml_loader import compose
    >>> def problem(text):
    ...     try:
    ...         compose(text)
    ...     except YAMLError as exc:
    ...         return yaml_error_in(exc, text)
    >>> problem("deployments:\n  triage\n    variants: [a]\n")
    (2, "a colon is missing after 'triage'")
    >>> problem("inputs:\n  ticket:text\n  tone: text\n")
    (2, "a space is missing after the colon: write 'ticket: text'")
    """
    line, problem = yaml_error_of(exc, text)
    if not isinstance(exc, MarkedYAMLError) or exc.problem_mark is None:
        return line, problem
    lines = [_COMMENT.sub("", line_text).rstrip() for line_text in _BREAK.split(text)]
    message, mark = exc.problem or "", exc.problem_mark
    at: int | None = None
    if "could not find expected ':'" in message and exc.context_mark is not None:
        at = exc.context_mark.line
    elif "expected <block end>" in message or (
        "mapping values are not allowed" in message and not _VALUE.search(lines[mark.line][: mark.column] + " x")
    ):
        at = _above(lines, mark.line)
    hint = None if at is None else _missing_colon_hint(lines, at)
    return (at + 1, hint) if at is not None and hint else (line, problem)


def _above(lines: list[str], at: int) -> int | None:
    """Return the nearest line above that is not empty."""
    return next((i for i in range(min(at, len(lines)) - 1, -1, -1) if lines[i].strip()), None)


def _missing_colon_hint(lines: list[str], at: int) -> str | None:
    line = lines[at].strip()
    if correction := with_blank_after_colon(line):
        return missing_blank_message(correction)
    above = _above(lines, at)
    # A text of several lines, of which this is one.
    if above is not None and _indent(lines[above]) < _indent(lines[at]) and _VALUE.search(lines[above]):
        return None
    return f"a colon is missing after {short(line)}" if _BARE.fullmatch(line) else None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def with_blank_after_colon(text: str) -> str | None:
    """Return ``name:value``, which YAML reads as one word, with the missing blank after its colon.

    Examples
    --------
    >>> with_blank_after_colon("ticket:{type: string}"), with_blank_after_colon("see https://example.com")
    ('ticket: {type: string}', None)
    """
    match = _NAME_WITHOUT_BLANK.fullmatch(text)
    return f"{match['name']}: {match['rest']}" if match else None


def missing_blank_message(meant: str) -> str:
    """Return the message about a missing blank; `meant` is the text with it."""
    return f"{MISSING_BLANK}: write {short(meant)}"
