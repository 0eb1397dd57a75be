r"""The inside of bash's ``$'...'``, which browsers write when they copy a request as curl."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["ANSI_END", "ansi_parts"]

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
