"""The words of a curl command as one HTTP call: its address, method, headers and body.

Rule of this file: what would make curl read a file, or send something other than one request with a JSON body, is
refused with its cure. What only changes how curl talks (``--compressed``, ``-s``, ``--max-time``) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from fh_notebook.contract.shell_word import Word
from fh_notebook.errors import SnippetError

__all__ = ["CurlCall", "read_curl"]


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
    "config": "reads a file; a pasted snippet never does",
    "next": "makes a second request; paste one at a time",
}
# Long options whose value is an address that is not the one called.
_ADDRESSES: Final = frozenset({"proxy", "preproxy", "referer", "doh-url", "socks5", "socks5-hostname"})
_SHORT_WITH_VALUE: Final = frozenset("AbcCDeEdFHKmoPQrtTuUwxXyYz")


def read_curl(words: Sequence[Word]) -> CurlCall:
    """Return what the command ``words`` (``curl`` itself first) would send.

    Raises
    ------
    SnippetError
        With every option that cannot be taken.
    """
    call = CurlCall()
    found: list[str] = []
    for name, value in _options(words[1:]):
        if why := _REFUSED.get(name):
            found.append(f"{'-' if len(name) == 1 else '--'}{name} {why}")
        elif value is not None and (why := _file(name, value)):
            found.append(why)
        elif value is not None:
            _take(call, name, value)
    if found:
        raise SnippetError(list(dict.fromkeys(found)))
    return call


def _file(name: str, value: Word) -> str:
    if not value.text.startswith("@") or name not in {*_DATA, "header"} - {"data-raw"}:
        return ""
    what = "body" if name in _DATA else "headers"
    return f"--{name} @... reads the {what} from a file, which a pasted snippet never does; paste what the file holds"


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
        read, taken = _read_option(words[at], following)
        yield from read
        at += 1 + taken


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
    taken = _takes(name, following)
    return [(name, following if taken else None)], taken


def _takes(name: str, following: Word | None) -> int:
    if following is None:
        return 0
    if name in {"header", "request", "url", "oauth2-bearer"} | _DATA | _ADDRESSES:
        return 1
    # Of the other two hundred options only this matters, that an address or an option is not taken for a value.
    return 0 if following.text.startswith("-") or "/" in following.text else 1


def _read_short(word: Word, following: Word | None) -> tuple[list[tuple[str, Word | None]], int]:
    """Return what a cluster like ``-sSX POST`` or ``-XPOST`` says."""
    read: list[tuple[str, Word | None]] = []
    for at, letter in enumerate(word.text[1:], start=1):
        name = _SHORT.get(letter, letter)
        if letter not in _SHORT_WITH_VALUE:
            read.append((name, None))
        elif word.text[at + 1 :]:
            return [*read, (name, word.after(at + 1))], 0
        else:
            return [*read, (name, following)], 1
    return read, 0
