"""The words of an unfinished line, by the rules of `shlex`, which refuses an unfinished one."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Word", "split_words"]


class Word(NamedTuple):
    """The word that the line ends in; empty behind a blank."""

    raw: str
    """As it stands, quotes and all."""
    text: str
    """As it will be read."""
    quote: str
    """The quote that is open at its end: ``'``, ``"`` or nothing."""


def split_words(line: str) -> tuple[list[str], Word]:
    r"""Return the finished words of `line`, and the one that it ends in.

    Examples
    --------
    >>> split_words("triage -v 'my va")
    (['triage', '-v'], Word(raw="'my va", text='my va', quote="'"))
    >>> split_words(r"triage\ 2 ")
    (['triage 2'], Word(raw='', text='', quote=''))
    """
    words: list[str] = []
    start, text, quote, position = 0, "", "", 0
    while position < len(line):
        char = line[position]
        position += 1
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"' and line[position : position + 1] in ('"', "\\"):
                text += line[position]
                position += 1
            else:
                text += char
        elif char in " \t\r\n":
            if position - 1 > start:
                words.append(text)
            start, text = position, ""
        elif char in "\"'":
            quote = char
        elif char == "\\":
            text += line[position : position + 1]
            position += 1
        else:
            text += char
    return words, Word(line[start:], text, quote)
