"""Markdown: what parsing it costs, and its plain text for places without room for headings, lists and tables.

The parser is imported when a text has marks: most have none.
"""

from __future__ import annotations

import re
from typing import Final

COST_AT_MOST: Final = 100_000
"""Of a text that is parsed, in characters of ordinary Markdown: some 0.3 s, and at worst (all of it emphasis) 0.6 s."""

A_BRACKET: Final = 40
"""So many of these a ``[`` costs: the parser looks for the end of its link again on each of its 20 levels."""

A_LINE: Final = 4
A_CELL: Final = 4
"""So many more a line costs, and a cell of a table: three tokens, also where its row is too short to have it."""

_LINE_END: Final = re.compile(r"\r\n?")
_BLANK_LINE: Final = re.compile(r"\n[ \t]*\n")
"""A table ends at the first one."""

_MARKED: Final = re.compile(r"[*_`#\[>|~]|^\s*[-+] ", re.MULTILINE)
"""A text without any of these has no Markdown."""

_BREAKS: Final = {"softbreak": "\n", "hardbreak": "\n"}


def is_cheap(text: str) -> bool:
    r"""Whether a text can be parsed at once, whoever wrote it.

    Examples
    --------
    >>> is_cheap("see [the page](https://a.example)"), is_cheap("word " * 50_000), is_cheap("[" * 20_000)
    (True, False, False)
    >>> is_cheap("| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 1_000), is_cheap("|a|b|\n|-|-|\n" + "|||\n" * 20_000)
    (True, False)
    """
    if (cost := len(text) + A_BRACKET * text.count("[")) > COST_AT_MOST:
        return False
    text = _LINE_END.sub("\n", text)
    return cost + A_LINE * text.count("\n") + A_CELL * sum(map(_cells, _BLANK_LINE.split(text))) <= COST_AT_MOST


def _cells(block: str) -> int:
    """Return how many cells the lines of a text without a blank line make at most: each has those of the widest."""
    if "|" not in block:
        return 0
    lines = block.split("\n")
    return len(lines) * (max(line.count("|") for line in lines) + 1)


def plain_text(text: str) -> str:
    """Return a text without its Markdown; a block, and a cell of a table, is a line. A costly one stays as it is.

    Examples
    --------
    >>> plain_text("**Markdown** is allowed: `lists`, *emphasis*. See [here](https://example.com).")
    'Markdown is allowed: lists, emphasis. See here.'
    """
    if not _MARKED.search(text) or not is_cheap(text):
        return text.strip()
    from markdown_it import MarkdownIt

    blocks = MarkdownIt("js-default", {"html": False, "linkify": False}).parse(text)
    lines = [block.children or [] if block.type == "inline" else [block] for block in blocks if block.content]
    texts = ("".join(_BREAKS.get(part.type, part.content) for part in line) for line in lines)
    return "\n".join(text.strip() for text in texts).strip()
