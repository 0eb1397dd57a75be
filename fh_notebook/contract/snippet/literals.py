r"""Literals of Python, TypeScript, PHP and Ruby: the arguments of one call, read as JSON values.

Rules of this file:

1. Nothing is evaluated. A name, a call, an operator and a string with a value put in (``${x}``, ``"$x"``, ``#{x}``,
   ``f"{x}"``) are refused with their line. Python is read by :mod:`ast`; what the other three have in common is read
   by one reader, and what they have not by their `Language`.
2. All that is no literal is told at once: a reader notes it (`_LiteralError`), skips it, and goes on with what follows.
   Where a call is not even closed, what was noted before is told, and else that.
3. An error shows a name or a sign of the snippet at most, and never the inside of a string: a key may stand there.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from fh_notebook.contract.snippet.curl import UnclosedError, line_and_column, unclosed
from fh_notebook.core.redaction import redact
from fh_notebook.core.text.formatting import path_text, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import SnippetError

DEEPEST: Final = 60
"""Levels of lists and objects: below Python's own limits, wherever the reader is called."""

MOST_PROBLEMS: Final = 50
"""Of one call: with so many the rest is not read."""

_Path = tuple[str | int, ...]


class _LiteralError(SnippetError):
    """One argument, or a part of it, that cannot be read; what follows it can."""


def _not_literal(line: int, path: _Path, what: str) -> _LiteralError:
    place = path_text(path) if path else "an argument"
    return _LiteralError(
        f"line {line}: {place} is {what} and not a literal; write its value, since nothing in a snippet is evaluated"
    )


def _named_twice(line: int, path: _Path, name: str) -> _LiteralError:
    return _LiteralError(f"line {line}: {short(redact(name))} is given twice in {_object_text(path)}; keep one")


def _object_text(path: _Path) -> str:
    return path_text(path) if path else "the call"


def _too_deep(line: int) -> SnippetError:
    return SnippetError(f"line {line}: the arguments are nested more than {DEEPEST} levels deep")


# --- strings


@dataclass(frozen=True, slots=True)
class _Quotes:
    """How a string between two equal quotes is read."""

    escapes: re.Pattern[str] | None
    """What is an escape; ``None`` where only the quote and the backslash can be escaped."""
    named: Mapping[str, str] = field(default_factory=dict)
    filled_in: re.Pattern[str] | None = None
    """What the language would fill in."""
    keeps_backslash: bool = False
    """Whether a backslash before a character that needs none stays."""
    multiline: bool = True
    codes: str = "utf-8"
    r"""What ``\x`` and octal escapes give: bytes of this encoding."""


_ESCAPE: Final = (
    r"(?P<codes>(?:\\x[0-9A-Fa-f]{1,2}|\\[0-7]{1,3})+)"
    r"|\\u\{(?P<points>[0-9A-Fa-f ]{1,80})\}"
    r"|(?P<units>(?:\\u[0-9A-Fa-f]{4})+)"
    r"|\\(?P<other>\r?\n|.)"
)

_ANY_ESCAPE: Final = re.compile(_ESCAPE, re.DOTALL)

_PHP_ESCAPE: Final = re.compile(_ESCAPE.replace(r"|(?P<units>(?:\\u[0-9A-Fa-f]{4})+)", "|(?P<units>(?!))"), re.DOTALL)

_CODE: Final = re.compile(r"\\x([0-9A-Fa-f]{1,2})|\\([0-7]{1,3})")

_NAMED: Final = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f"}


def _unescape(match: re.Match[str], quotes: _Quotes) -> str:
    if match["codes"]:
        found = _CODE.findall(match["codes"])
        return bytes((int(x, 16) if x else int(o, 8)) & 0xFF for x, o in found).decode(quotes.codes, "replace")
    if match["points"]:
        return "".join(chr(min(int(point, 16), 0x10FFFF)) for point in match["points"].split())
    if match["units"]:
        halves = bytes.fromhex("".join(match["units"].split("\\u")))
        return halves.decode("utf-16-be", "replace")
    other = match["other"]
    if other in quotes.named:
        return quotes.named[other]
    return f"\\{other}" if quotes.keeps_backslash else other


_TS_NAMED: Final = {**_NAMED, "b": "\b", "\n": "", "\r\n": ""}

_RUBY_NAMED: Final = {**_NAMED, "a": "\a", "b": "\b", "e": "\x1b", "s": " ", "\n": "", "\r\n": ""}

_PHP_NAMED: Final = {**_NAMED, "e": "\x1b", "$": "$", '"': '"', "\\": "\\"}


# --- the languages


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """What distinguishes the literals of one language from those of another."""

    blanks: re.Pattern[str]
    """Blanks and comments."""
    quotes: Mapping[str, _Quotes]
    separators: tuple[str, ...]
    """What stands between a name in quotes and its value."""
    constants: Mapping[str, Any]
    ignores_case: bool = False
    lists_have_names: bool = False
    """PHP: one pair of brackets for lists and for objects."""
    has_symbols: bool = False
    """Ruby: ``:name`` is a text, and ``%w[a b]`` a list of texts."""


ABSENT: Final = object()
"""A value that is left out of its object: ``undefined``."""

TYPESCRIPT: Final = Language(
    blanks=re.compile(r"(?:\s|//[^\n]*|/\*(?:(?!\*/).)*+\*/)*+", re.DOTALL),
    quotes={
        "'": _Quotes(_ANY_ESCAPE, _TS_NAMED, multiline=False, codes="latin-1"),
        '"': _Quotes(_ANY_ESCAPE, _TS_NAMED, multiline=False, codes="latin-1"),
        "`": _Quotes(_ANY_ESCAPE, _TS_NAMED, re.compile(r"\$\{"), codes="latin-1"),
    },
    separators=(":",),
    constants={"true": True, "false": False, "null": None, "undefined": ABSENT},
)

PHP: Final = Language(
    blanks=re.compile(r"(?:\s|//[^\n]*|\#(?!\[)[^\n]*|/\*(?:(?!\*/).)*+\*/)*+", re.DOTALL),
    quotes={
        "'": _Quotes(None),
        '"': _Quotes(_PHP_ESCAPE, _PHP_NAMED, re.compile(r"\$(?=[A-Za-z_\x80-\U0010ffff{])|\{(?=\$)"), True),
    },
    separators=("=>",),
    constants={"true": True, "false": False, "null": None},
    ignores_case=True,
    lists_have_names=True,
)

RUBY: Final = Language(
    blanks=re.compile(r"(?:\s|#[^\n]*|\\\n)*+"),
    quotes={
        "'": _Quotes(None),
        '"': _Quotes(_ANY_ESCAPE, _RUBY_NAMED, re.compile(r"#(?=[{$@])")),
    },
    separators=("=>", ":"),
    constants={"true": True, "false": False, "nil": None},
    has_symbols=True,
)

_NUMBER: Final = re.compile(
    r"[-+]?(?:0[xX](?P<hex>[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*)"
    r"|(?P<whole>0|[1-9]\d*(?:_\d+)*)(?P<rest>(?:\.\d+(?:_\d+)*)?(?:[eE][-+]?\d+)?)|(?P<point>\.\d+(?:[eE][-+]?\d+)?))"
    r"(?![\w.])",
    re.ASCII,
)

_NAME: Final = re.compile(r"[^\W\d]\w*")

_PLAIN: Final = {quote: re.compile(rf"[^{quote}\\\n${{#]++") for quote in "'\"`"}
"""What stands for itself in a string, whatever the language."""

_TOKEN: Final = re.compile(r"[\w$@.?!\\>-]++|.", re.DOTALL)

_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}

_WORDS: Final = re.compile(r"%[wi](?:\[([^\]\\#]*)\]|\(([^)\\#]*)\)|\{([^}\\#]*)\})")

_ARRAY: Final = re.compile(r"array\s*\(", re.IGNORECASE)

_EMPTY_OBJECT: Final = re.compile(r"new\s+\\?stdClass(?:\s*\(\s*\))?|\(object\)\s*(?=\[|array)", re.IGNORECASE)


class _Reader:
    """One pass over the arguments of a call."""

    def __init__(self, text: str, at: int, language: Language) -> None:
        self.text = text
        self.at = at
        self.language = language
        self.opened = [at - 1]
        self.problems: list[Problem] = []

    def arguments(self) -> dict[str, Any]:
        """Read up to the bracket that closes the call: names and values, or one object of them."""
        try:
            members = self._arguments()
        except SnippetError as exc:
            # After something that was skipped, an error may be of the skipping.
            raise SnippetError(self.problems or exc.problems) from None
        if self.problems:
            raise SnippetError(self.problems)
        return members

    def _arguments(self) -> dict[str, Any]:
        if self._peek() not in ("{", "[") and not self._starts_array():
            return self._mapping(")", ())
        value = self._value(())
        self._comma(")")
        if self._peek() != ")":
            raise SnippetError(
                f"line {self._line()}: the call has a second argument; leave it out: options of the SDK are not read"
            )
        self.at += 1
        if isinstance(value, list) and value:
            raise SnippetError(f"line {self._line()}: the call takes names with values, not a list")
        return value if isinstance(value, dict) else {}

    def _line(self) -> int:
        return line_and_column(self.text, self.at)[0]

    def _peek(self) -> str:
        """Skip blanks and comments, and return the next character."""
        self.at = self.language.blanks.match(self.text, self.at).end()  # type: ignore[union-attr]  # it may be empty
        if self.at >= len(self.text):
            raise unclosed(self.text, self.opened[-1])
        return self.text[self.at]

    def _starts_array(self) -> bool:
        return self.language.lists_have_names and bool(_ARRAY.match(self.text, self.at))

    def _refused(self, path: _Path) -> SnippetError:
        token = _TOKEN.match(self.text, self.at)
        return _not_literal(self._line(), path, short(redact(token[0])) if token else "cut off")

    def _value(self, path: _Path) -> Any:
        char = self._peek()
        if char in self.language.quotes:
            return self._strings(path)
        if char == "{" and not self.language.lists_have_names:
            return self._nested(self._mapping, "}", path)
        if char == "[":
            return self._nested(self._array, "]", path)
        if self._starts_array():
            self.at = self.text.index("(", self.at)
            return self._nested(self._array, ")", path)
        return self._word(path)

    def _word(self, path: _Path) -> Any:
        """Read a value that has no brackets and no quotes."""
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            if (read := _number(number)) is None:
                raise _not_literal(self._line(), path, "a number with too many digits")
            return read
        if self.language.lists_have_names and (empty := _EMPTY_OBJECT.match(self.text, self.at)):
            self.at = empty.end()
            return {} if empty[0].lower().startswith("new") else _as_object(self._value(path))
        if self.language.has_symbols and (value := self._symbol()) is not None:
            return value
        name = _NAME.match(self.text, self.at)
        word = name[0].lower() if name and self.language.ignores_case else name[0] if name else ""
        if name is None or word not in self.language.constants:
            raise self._refused(path)
        self.at = name.end()
        return self.language.constants[word]

    def _symbol(self) -> str | list[str] | None:
        if words := _WORDS.match(self.text, self.at):
            self.at = words.end()
            return (words[1] or words[2] or words[3] or "").split()
        if self.text[self.at] != ":":
            return None
        if name := _NAME.match(self.text, self.at + 1):
            self.at = name.end()
            return name[0]
        if self.text[self.at + 1 : self.at + 2] in self.language.quotes:
            self.at += 1
            return self._string(())
        return None

    def _nested(self, read: Any, close: str, path: _Path) -> Any:
        if len(self.opened) > DEEPEST:
            raise _too_deep(self._line())
        self.opened.append(self.at)
        self.at += 1
        value = read(close, path)
        self.opened.pop()
        return value

    def _ends(self, close: str) -> bool:
        if self._peek() != close:
            return False
        self.at += 1
        return True

    def _comma(self, close: str, path: _Path = ()) -> None:
        """Read the comma after a value; what stands there in its place makes an expression of the value."""
        char = self._peek()
        if char == ",":
            self.at += 1
        elif char != close:
            # Of a word nothing is shown: it may be the rest of a string in which a quote is not escaped.
            what = "a word" if _NAME.match(self.text, self.at) else short(char)
            raise _not_literal(self._line(), path, f"followed by {what}")

    def _token(self) -> str:
        return redact(_TOKEN.match(self.text, self.at)[0])  # type: ignore[index]  # there is a character

    def _array(self, close: str, path: _Path) -> Any:
        if self.language.lists_have_names and self._has_names():
            return self._mapping(close, path)
        items: list[Any] = []
        while not self._ends(close):
            item = (*path, len(items))
            with self._skipping_unread(close):
                items.append(None)  # also of what is skipped: the places of the others stay theirs
                value = self._value(item)
                items[-1] = None if value is ABSENT else value
                self._comma(close, item)
        return items

    @contextmanager
    def _skipping_unread(self, close: str) -> Iterator[None]:
        """Hold a block that reads an element with its comma; one that cannot be read is noted, and skipped."""
        begun, depth = self.at, len(self.opened)
        try:
            yield
        except _LiteralError as exc:
            self.problems += exc.problems
            if len(self.problems) >= MOST_PROBLEMS:
                raise SnippetError(self.problems) from None
            del self.opened[depth:]
            self.at = begun
            self._skip(close)

    def _skip(self, close: str) -> None:
        """Skip an expression and the comma after it, but not the bracket `close` that ends what it is in."""
        opened: list[str] = []
        while True:
            char = self._peek()
            if char in self.language.quotes:
                self._skip_string(char)
                continue
            if self.text.startswith("/*", self.at):  # never closed: each further one would be searched to the end
                raise unclosed(self.text, self.at)
            if not opened and char == close:
                return
            self.at += 1
            if char in _CLOSING:
                opened.append(_CLOSING[char])
            elif char in _CLOSING.values():
                if not opened or opened.pop() != char:
                    raise unclosed(self.text, self.opened[-1])
            elif char == "," and not opened:
                return

    def _skip_string(self, quote: str) -> None:
        begun = self.at
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 2 if char == "\\" else 1
            if char == quote:
                return
        raise unclosed(self.text, begun)

    def _has_names(self) -> bool:
        """Whether the first element is a name with a value."""
        if self._peek() not in self.language.quotes:
            return False
        begun = self.at
        self._string(())
        found = self._peek() == "=" and self.text.startswith("=>", self.at)
        self.at = begun
        return found

    def _mapping(self, close: str, path: _Path) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not self._ends(close):
            with self._skipping_unread(close):
                name = self._key(path)
                if name in members:
                    raise _named_twice(self._line(), path, name)
                member = (*path, name)
                members[name] = self._value(member)
                self._comma(close, member)
        return {name: value for name, value in members.items() if value is not ABSENT}

    def _key(self, path: _Path) -> str:
        begun, char = self.at, self._peek()
        separators = self.language.separators
        name: str | list[str] | None
        if char in self.language.quotes:
            name = self._string(path)
        elif self.language.has_symbols and char == ":":
            name, separators = self._symbol(), ("=>",)
        else:
            word = _NAME.match(self.text, self.at)
            name, separators = (word[0] if word else None), (":",)
            self.at = word.end() if word else self.at
        if isinstance(name, str):
            self._peek()
            for separator in separators:
                if self.text.startswith(separator, self.at) and not self.text.startswith("::", self.at):
                    self.at += len(separator)
                    return name
        self.at = begun
        self._peek()
        token = short(self._token())
        raise _LiteralError(
            f"line {self._line()}: {token} in {_object_text(path)} is not a name with a literal value;"
            " write both, since nothing in a snippet is evaluated"
        )

    def _strings(self, path: _Path) -> str:
        """Read a string, and those that follow it without an operator where the language joins them."""
        text = self._string(path)
        while self.language.has_symbols and self._peek() in self.language.quotes:
            text += self._string(path)
        return text

    def _string(self, path: _Path) -> str:
        begun, quote = self.at, self.text[self.at]
        quotes = self.language.quotes[quote]
        parts: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == quote:
                self.at += 1
                return "".join(parts)
            if run := _PLAIN[quote].match(self.text, self.at):
                parts.append(run[0])
                self.at = run.end()
            elif char == "\\":
                parts.append(self._escape(quotes, quote))
            elif char == "\n" and not quotes.multiline:
                break
            elif quotes.filled_in and quotes.filled_in.match(self.text, self.at):
                raise _not_literal(self._line(), path, f"a string with an interpolated value ({char}...)")
            else:
                parts.append(char)
                self.at += 1
        raise unclosed(self.text, begun)

    def _escape(self, quotes: _Quotes, quote: str) -> str:
        if quotes.escapes is None:
            escaped = self.text[self.at + 1 : self.at + 2]
            kept = escaped if escaped in (quote, "\\") else f"\\{escaped}"
            self.at += 2
            return kept
        match = quotes.escapes.match(self.text, self.at)
        if match is None:  # the text ends here
            self.at += 1
            return ""
        self.at = match.end()
        return _unescape(match, quotes)


def _as_object(value: Any) -> Any:
    return {} if value == [] else value


def _number(match: re.Match[str]) -> int | float | None:
    """Return a number; ``None`` where it has too many digits."""
    text = match[0].replace("_", "")
    try:
        if match["hex"]:
            return int(text, 16)
        return float(text) if match["rest"] or match["point"] else int(text)
    except ValueError:  # Python reads integers of at most 4300 digits
        return None


def read_arguments(text: str, at: int, language: Language) -> tuple[dict[str, Any], int]:
    """Return the arguments of a call in TypeScript, PHP or Ruby, and where it ends.

    Examples
    --------
    >>> read_arguments("f({deployment: 'd', inputs: {tags: ['x', 1,]}})", 2, TYPESCRIPT)[0]
    {'deployment': 'd', 'inputs': {'tags': ['x', 1]}}
    """
    reader = _Reader(text, at, language)
    return reader.arguments(), reader.at


# --- Ruby

_RUBY_PART: Final = re.compile(
    r'"(?:[^"\\]|\\.)*+"'
    r"|'(?:[^'\\]|\\.)*+'"
    r"|(?P<blank>\#[^\n]*|\\\n|[^\S\n]++)"
    r"|%[wi](?:\[[^\]]*+\]?|\([^)]*+\)?|\{[^}]*+\}?)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<end>[\n;])|[^\s\"'#%()\[\]{};\\]++|[^\"']",
    re.DOTALL,
)

_GOES_ON: Final = (",", "=>", ":")
"""After these, Ruby reads the next line."""


def _end_of_command(text: str, at: int) -> int:
    """Return where a call without brackets ends: with its line, unless that cannot be its end."""
    opened: list[int] = []
    last = ""
    while at < len(text):
        part = _RUBY_PART.match(text, at)
        if part is None:
            raise unclosed(text, at)  # a quote
        if not opened and (part["close"] or part["end"] == ";" or (part["end"] and not last.endswith(_GOES_ON))):
            return at
        if part["open"]:
            opened.append(at)
        elif part["close"]:
            opened.pop()
        last = last if part["blank"] or part["end"] else part[0]
        at = part.end()
    if opened:
        raise unclosed(text, opened[-1])
    if last.endswith(_GOES_ON):
        line = line_and_column(text, len(text.rstrip()))[0]
        raise UnclosedError(f"line {line}: the call is cut off after {short(last[-1])}; paste the whole snippet")
    return at


def read_ruby_arguments(text: str, at: int) -> tuple[dict[str, Any], int]:
    """Return the arguments of a call in Ruby, with or without brackets, as :func:`read_arguments` does.

    Examples
    --------
    >>> read_ruby_arguments("f deployment: 'd', inputs: { a: 1 }", 2)[0]
    {'deployment': 'd', 'inputs': {'a': 1}}
    """
    if text[at - 1] == "(":
        return read_arguments(text, at, RUBY)
    end = _end_of_command(text, at)
    return _Reader(f"{text[:end]}\n)", at, RUBY).arguments(), end


# --- Python

_PYTHON_PART: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*+'''"
    r'|"(?!"")(?:[^"\\\n]|\\.)*+"|\'(?!\'\')(?:[^\'\\\n]|\\.)*+\'|""(?!")|\'\'(?!\')'
    r"|#[^\n]*|[^\"'#()\[\]{}]++|(?P<open>[(\[{])|(?P<close>[)\]}])",
    re.DOTALL,
)


def _closing(text: str, at: int) -> int:
    """Return where the bracket closes that opens before `at`."""
    opened = [at - 1]
    while at < len(text):
        part = _PYTHON_PART.match(text, at)
        if part is None:
            raise unclosed(text, at)  # a quote
        at = part.end()
        if part["open"]:
            opened.append(part.start())
        elif part["close"]:
            opened.pop()
            if not opened:
                return at
    raise unclosed(text, opened[-1])


def read_python_arguments(text: str, at: int) -> tuple[dict[str, Any], int]:
    """Return the arguments of a call in Python, and where it ends, as :func:`read_arguments` does.

    Examples
    --------
    >>> read_python_arguments("f(deployment='d', inputs={'n': -1})", 2)[0]
    {'deployment': 'd', 'inputs': {'n': -1}}
    """
    end = _closing(text, at)
    line = line_and_column(text, at)[0]
    try:
        with warnings.catch_warnings(action="ignore"):  # "\d" is Python's to complain of, where it is run
            call = ast.parse(f"f({text[at:end]}", mode="eval").body
    except SyntaxError as exc:
        broken = line + (exc.lineno or 1) - 1
        raise SnippetError(
            f"line {broken}: the Python code is not valid ({redact(exc.msg)}); paste the snippet as the dialog gives it"
        ) from None
    except (ValueError, MemoryError, RecursionError):
        raise SnippetError(
            f"line {line}: the Python code cannot be read; paste the snippet as the dialog gives it"
        ) from None
    if not isinstance(call, ast.Call):
        raise _not_literal(line, (), "an expression")
    return _PythonReader(line).keywords(call), end


class _PythonReader:
    """The values of a parsed call, whose first line is the line `first` of the pasted text."""

    def __init__(self, first: int) -> None:
        self._before = first - 1
        self._problems: list[Problem] = []

    def keywords(self, call: ast.Call) -> dict[str, Any]:
        """Return the arguments by their names."""
        for value in (*call.args, *(keyword.value for keyword in call.keywords if keyword.arg is None)):
            with self._noting():
                raise _LiteralError(
                    f"line {self._line(value)}: an argument has no name; write deployment=..., variant=..., inputs=..."
                )
        members: dict[str, Any] = {}
        for keyword in call.keywords:
            if keyword.arg is None:
                continue
            with self._noting():
                if keyword.arg in members:
                    raise _named_twice(self._line(keyword), (), keyword.arg)
                members[keyword.arg] = self._value(keyword.value, (keyword.arg,))
        if self._problems:
            raise SnippetError(self._problems)
        return members

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Hold a block that reads one element; one that cannot be read is noted."""
        try:
            yield
        except _LiteralError as exc:
            self._problems += exc.problems
            if len(self._problems) >= MOST_PROBLEMS:
                raise SnippetError(self._problems) from None

    def _line(self, node: ast.expr | ast.keyword) -> int:
        return self._before + node.lineno

    def _value(self, node: ast.expr, path: _Path) -> Any:
        if len(path) > DEEPEST:
            raise _too_deep(self._line(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | None):
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            number = node.operand.value if isinstance(node.operand, ast.Constant) else None
            if isinstance(number, int | float) and not isinstance(number, bool):
                return -number if isinstance(node.op, ast.USub) else number
        if isinstance(node, ast.List | ast.Tuple):
            items: list[Any] = []
            for i, item in enumerate(node.elts):
                with self._noting():
                    items.append(self._value(item, (*path, i)))
            return items
        if isinstance(node, ast.Dict):
            return self._members(node, path)
        raise _not_literal(self._line(node), path, _PYTHON_WORDS.get(type(node), "an expression"))

    def _members(self, node: ast.Dict, path: _Path) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            with self._noting():
                if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                    raise _LiteralError(
                        f"line {self._line(key or value)}: a name in {_object_text(path)} is not a string;"
                        " write it in quotes, since nothing in a snippet is evaluated"
                    )
                if key.value in members:
                    raise _named_twice(self._line(key), path, key.value)
                members[key.value] = self._value(value, (*path, key.value))
        return members


_PYTHON_WORDS: Final[Mapping[type[ast.expr], str]] = {
    ast.Name: "a variable",
    ast.Attribute: "a variable",
    ast.Subscript: "a variable",
    ast.Call: "a call",
    ast.Await: "a call",
    ast.JoinedStr: "an f-string",
    ast.Constant: "a constant that JSON cannot represent",
}
