"""Parser of a pasted curl command: words split as in a POSIX shell, then URL, method, headers, body.

Rules of this file:

1. Nothing is expanded. A word that a shell would have filled in (``$NAME``, ``$(command)``) keeps the text that
   stands there and is marked, and whoever needs its value refuses it.
2. What would make curl read a file, or send something other than one request with a JSON body, is refused with its
   cure. What only changes how curl talks (``--compressed``, ``-s``, ``--max-time``) is left out.

`shlex` is not used: it does not know ``$'...'``, and it does not say where in the text a word lies,
which a broken body needs for "line 9, column 5". Every character is looked at once or twice, however long the text.

Two kindnesses, since text is pasted from web pages: a line that begins with ``-`` continues the command even when the
backslash before it was lost, or has blanks after it; a no-break space outside of quotes is a blank.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from fh_notebook.errors import SnippetError


@dataclass(slots=True)
class Word:
    """One word of a command line, unquoted, that knows where each of its characters came from."""

    text: str = ""
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Where a run of characters begins: in `text`, and in the pasted text."""
    filled_in: str = ""
    """What a shell would have filled in here, as it stands: ``$NAME``. Empty when nothing."""

    def source(self, at: int) -> int:
        """Return where in the pasted text the character `at` of this word lies."""
        i = bisect_right(self.spans, at, key=lambda span: span[0]) - 1
        return self.spans[i][1] + at - self.spans[i][0] if i >= 0 else 0

    def after(self, count: int) -> Word:
        """Return the word without its first `count` characters."""
        return self if not count else Word(self.text[count:], self._spans_after(count), self.filled_in)

    def _spans_after(self, count: int) -> list[tuple[int, int]]:
        later = [(at - count, source) for at, source in self.spans if at > count]
        return [(0, self.source(count)), *later]

    def joined(self, other: Word, between: str) -> Word:
        """Return this word and `other`, `between` in the middle, as one."""
        shift = len(self.text) + len(between)
        spans = [*self.spans, *((at + shift, source) for at, source in other.spans)]
        return Word(f"{self.text}{between}{other.text}", spans, self.filled_in or other.filled_in)


def line_and_column(text: str, at: int) -> tuple[int, int]:
    r"""Return the line and the column of a position in `text`, both counted from 1.

    Examples
    --------
    >>> line_and_column("ab\ncd", 4)
    (2, 2)
    """
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


@dataclass(slots=True)
class WordBuilder:
    """A word that is being read; its text is joined once, at the end."""

    parts: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    length: int = 0
    filled_in: str = ""

    def add(self, part: str, source: int) -> None:
        """Add characters that begin at `source` of the pasted text."""
        self.parts.append(part)
        self.spans.append((self.length, source))
        self.length += len(part)

    def word(self) -> Word:
        """Return the word that was read."""
        return Word("".join(self.parts), self.spans, self.filled_in)


class UnclosedError(SnippetError):
    """Something that opens in a pasted text is never closed: the rest of it may still come."""


def unclosed(text: str, at: int) -> UnclosedError:
    """Return the error of a quote that opens at `at` and is never closed; it shows nothing of what is inside."""
    line, column = line_and_column(text, at)
    mark = text[at : at + 2] if text[at] == "$" else text[at]
    return UnclosedError(
        f"the {mark} that opens in line {line}, column {column} is never closed; paste the whole snippet"
    )


ANSI_END: Final = re.compile(r"(?:[^'\\]+|\\.)*+'", re.DOTALL)

_ANSI_PART: Final = re.compile(
    r"[^\\]+"
    r"|\\(?P<octal>[0-7]{1,3})|\\x(?P<hex>[0-9A-Fa-f]{1,2})"
    r"|\\u(?P<u>[0-9A-Fa-f]{1,4})|\\U(?P<U>[0-9A-Fa-f]{1,8})|\\c(?P<control>.)|\\(?P<other>.)",
    re.DOTALL,
)

_ANSI_NAMED: Final = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "?": "?",
}


def ansi_parts(text: str, start: int, end: int) -> Iterator[tuple[str, int]]:
    r"""Yield the parts of the inside of ``$'...'``, unescaped, each with its place.

    ``\x`` and octal escapes are bytes, of which several may make one character. Two halves of a character, which
    browsers write (``\ud83d\ude00``), are put together.
    """
    run: list[tuple[str, int]] = []
    for match in _ANSI_PART.finditer(text, start, end):
        part = _ansi_part(match)
        if run and not _is_loose(part):
            yield _put_together(run)
            run = []
        if _is_loose(part):
            run.append((part, match.start()))
        else:
            yield part, match.start()
    if run:
        yield _put_together(run)


_BYTE: Final = 0xDC00
"""A byte is held as `surrogateescape` does, as a half of a character, until its neighbours are there."""


def _ansi_part(match: re.Match[str]) -> str:
    if match["octal"] or match["hex"]:
        byte = (int(match["octal"], 8) if match["octal"] else int(match["hex"], 16)) & 0xFF
        return chr(byte) if byte < 0x80 else chr(_BYTE + byte)
    if match["u"] or match["U"]:
        return chr(min(int(match["u"] or match["U"], 16), 0x10FFFF))
    if match["control"]:
        return chr(ord(match["control"]) & 0x1F)
    if match["other"]:
        return _ANSI_NAMED.get(match["other"], f"\\{match['other']}")
    return match[0]


def _is_loose(part: str) -> bool:
    return len(part) == 1 and "\ud800" <= part <= "\udfff"


def _put_together(run: list[tuple[str, int]]) -> tuple[str, int]:
    text = "".join(part for part, _ in run)
    if all("\udc80" <= part <= "\udcff" for part in text):
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), run[0][1]
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), run[0][1]


# What begins something other than itself outside of quotes, and inside of double quotes.
_PLAIN: Final = re.compile(r"[^ \t\n\u00a0'\"\\$`;|&<>#]+")

_PLAIN_QUOTED: Final = re.compile(r'[^"\\$`]+')

_FILLED_IN: Final = re.compile(r"\$(?:\w+|[@*#?!$-]|\{[^{}]*\}|\([^()]*\))|`[^`]*`", re.ASCII)

_CONTINUED: Final = re.compile(r"\\[ \t\u00a0]*\n")

_NEXT_OPTION: Final = re.compile(r"[ \t\u00a0\n]*(?=-)")

_REDIRECTION: Final = re.compile(r"[<>]+[&|]?[ \t]*")

_BLANKS: Final = re.compile(r"[ \t\u00a0]+")


class _Posix:
    """One pass over the text from `at`, to the end of the first command."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.found: list[Word] = []
        self.growing: WordBuilder | None = None
        self.skip_next = False

    def run(self) -> tuple[list[Word], int]:
        while self.at < len(self.text):
            if not self._step(self.text[self.at]):
                break
        self._end_word()
        return self.found, self.at

    def _step(self, char: str) -> bool:
        """Read what begins at `char`; ``False`` at the end of the command."""
        if char in " \t\u00a0":
            self._end_word()
            self.at = _BLANKS.match(self.text, self.at).end()  # type: ignore[union-attr]  # it begins with a blank
        elif char == "\n":
            return self._line_end()
        elif char in ";|&":
            return False
        elif char in "<>":
            self._redirection()
        elif char == "#" and self.growing is None:
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        else:
            self._inside_word(char)
        return True

    def _line_end(self) -> bool:
        self._end_word()
        more = _NEXT_OPTION.match(self.text, self.at)
        if more is None:
            return False
        self.at = more.end()
        return True

    def _redirection(self) -> None:
        if self.growing and "".join(self.growing.parts).isdigit():
            self.growing = None  # 2>file: the number belongs to the arrow
        self._end_word()
        self.at = _REDIRECTION.match(self.text, self.at).end()  # type: ignore[union-attr]  # it begins with an arrow
        self.skip_next = True

    def _end_word(self) -> None:
        if self.growing is None:
            return
        if not self.skip_next:
            self.found.append(self.growing.word())
        self.growing, self.skip_next = None, False

    def _add(self, part: str, source: int, end: int) -> None:
        self.growing = self.growing or WordBuilder()
        self.growing.add(part, source)
        self.at = end

    def _inside_word(self, char: str) -> None:
        if char == "'":
            self._single()
        elif char == '"':
            self._double()
        elif char == "\\":
            self._backslash()
        elif char in "$`":
            self._dollar(quoted=False)
        else:
            plain = _PLAIN.match(self.text, self.at)
            end = plain.end() if plain else self.at + 1
            self._add(self.text[self.at : end], self.at, end)

    def _backslash(self) -> None:
        if continued := _CONTINUED.match(self.text, self.at):
            self.at = continued.end()
        else:
            self._add(self.text[self.at + 1 : self.at + 2], self.at + 1, self.at + 2)

    def _single(self) -> None:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise unclosed(self.text, self.at)
        self._add(self.text[self.at + 1 : end], self.at + 1, end + 1)

    def _double(self) -> None:
        opened = self.at
        self._add("", opened + 1, opened + 1)
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return
            if char == "\\":
                self._backslash_quoted()
            elif char in "$`":
                self._dollar(quoted=True)
            else:
                end = _PLAIN_QUOTED.match(self.text, self.at).end()  # type: ignore[union-attr]  # all others are plain
                self._add(self.text[self.at : end], self.at, end)
        raise unclosed(self.text, opened)

    def _backslash_quoted(self) -> None:
        escaped = self.text[self.at + 1 : self.at + 2]
        if escaped == "\n":
            self.at += 2
        elif escaped and escaped in '"\\$`':
            self._add(escaped, self.at + 1, self.at + 2)
        else:
            self._add("\\", self.at, self.at + 1)

    def _dollar(self, *, quoted: bool) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        filled = _FILLED_IN.match(self.text, self.at)
        if self.text[self.at] == "$" and following == "'" and not quoted:
            self._ansi()
        elif self.text[self.at] == "$" and following == '"' and not quoted:
            self.at += 1  # $"..." is "..." in another language; the language is not ours
        elif filled:
            self._add(filled[0], self.at, filled.end())
            if self.growing:
                self.growing.filled_in = self.growing.filled_in or filled[0]
        elif self.text[self.at] == "`" or following == "(":
            raise unclosed(self.text, self.at)
        else:
            self._add("$", self.at, self.at + 1)

    def _ansi(self) -> None:
        opened = self.at
        end = ANSI_END.match(self.text, opened + 2)
        if end is None:
            raise unclosed(self.text, opened)
        self._add("", opened + 2, opened + 2)
        for part, source in ansi_parts(self.text, opened + 2, end.end() - 1):
            self._add(part, source, end.end())
        self.at = end.end()


def split_posix(text: str, at: int = 0) -> tuple[list[Word], int]:
    r"""Return the words of the command that begins at `at`, as bash would cut it, and where it ends.

    Redirections are left out; ``|``, ``;``, ``&`` and the end of the line end the command.

    Examples
    --------
    >>> [word.text for word in split_posix('''curl -d 'it'"'"'s' $'a\\tb' "c\\"d" | jq .''')[0]]
    ['curl', '-d', "it's", 'a\tb', 'c"d']
    """
    return _Posix(text, at).run()


@dataclass(slots=True)
class CurlCall:
    """What a curl command would send."""

    urls: list[Word] = field(default_factory=list)
    method: str | None = None
    headers: list[Word] = field(default_factory=list)
    body: Word | None = None
    bearer: Word | None = None


# curl's options that take a value and matter here, by their long name.
_SHORT: Final = {
    "H": "header",
    "X": "request",
    "d": "data",
    "F": "form",
    "T": "upload-file",
    "G": "get",
    "I": "head",
    "K": "config",
}

_DATA: Final = frozenset({"data", "data-ascii", "data-binary", "data-raw", "json"})

_REFUSED: Final = {
    "form": "sends a form; a workflow takes a JSON body, in --data-raw",
    "form-string": "sends a form; a workflow takes a JSON body, in --data-raw",
    "data-urlencode": "sends a form; a workflow takes a JSON body, in --data-raw",
    "upload-file": "sends a file; a workflow takes a JSON body, in --data-raw",
    "get": "makes a GET request; a workflow is invoked by POST",
    "head": "makes a HEAD request; a workflow is invoked by POST",
    "config": "reads a file, which a pasted snippet may not do",
    "next": "makes a second request; paste one at a time",
}

# Long options whose value is an address that is not the one called.
_ADDRESSES: Final = frozenset({"proxy", "preproxy", "referer", "doh-url", "socks5", "socks5-hostname"})

_SHORT_WITH_VALUE: Final = frozenset("AbcCDeEdFHKmoPQrtTuUwxXyYz")


def read_curl(words: Sequence[Word]) -> CurlCall:
    """Return what the command ``words`` (``curl`` itself first) would send."""
    call = CurlCall()
    problems: list[str] = []
    for name, value in _options(words[1:]):
        if reason := _REFUSED.get(name):
            problems.append(f"{'-' if len(name) == 1 else '--'}{name} {reason}")
        elif value is not None and (reason := _file(name, value)):
            problems.append(reason)
        elif value is not None:
            _take(call, name, value)
    if problems:
        raise SnippetError(list(dict.fromkeys(problems)))
    return call


def _file(name: str, value: Word) -> str:
    if not value.text.startswith("@") or name not in {*_DATA, "header"} - {"data-raw"}:
        return ""
    noun = "body" if name in _DATA else "headers"
    return (
        f"--{name} @... reads the {noun} from a file, which a pasted snippet may not do; paste the contents of the file"
    )


def _take(call: CurlCall, name: str, value: Word) -> None:
    if name in ("", "url"):
        call.urls.append(value)
    elif name == "request":
        call.method = value.text.upper()
    elif name == "header":
        call.headers.append(value)
    elif name == "oauth2-bearer":
        call.bearer = value
    elif name in _DATA:
        # curl puts an ampersand between pieces of data, and nothing between pieces of JSON
        call.body = value if call.body is None else call.body.joined(value, "" if name == "json" else "&")


def _options(words: Sequence[Word]) -> Iterator[tuple[str, Word | None]]:
    """Yield each option's long name with its value; a bare word has no name."""
    at = 0
    while at < len(words):
        following = words[at + 1] if at + 1 < len(words) else None
        options, used = _read_option(words[at], following)
        yield from options
        at += 1 + used


def _read_option(word: Word, following: Word | None) -> tuple[list[tuple[str, Word | None]], int]:
    """Return what `word` says, and how many of the words after it (0 or 1) are its value."""
    if word.text in ("-", "--"):
        return [], 0
    if not word.text.startswith("-"):
        return [("", word)], 0
    if not word.text.startswith("--"):
        return _read_short(word, following)
    name, equals, _ = word.text[2:].partition("=")
    if equals:
        return [(name, word.after(len(name) + 3))], 0
    used = _takes(name, following)
    return [(name, following if used else None)], used


def _takes(name: str, following: Word | None) -> int:
    if following is None:
        return 0
    if name in {"header", "request", "url", "oauth2-bearer"} | _DATA | _ADDRESSES:
        return 1
    # Of the other two hundred options only this matters, that an address or an option is not taken for a value.
    return 0 if following.text.startswith("-") or "/" in following.text else 1


def _read_short(word: Word, following: Word | None) -> tuple[list[tuple[str, Word | None]], int]:
    """Return what a cluster like ``-sSX POST`` or ``-XPOST`` says."""
    options: list[tuple[str, Word | None]] = []
    for at, letter in enumerate(word.text[1:], start=1):
        name = _SHORT.get(letter, letter)
        if letter not in _SHORT_WITH_VALUE:
            options.append((name, None))
        elif word.text[at + 1 :]:
            return [*options, (name, word.after(at + 1))], 0
        else:
            return [*options, (name, following)], 1
    return options, 0
