"""Markdown: what parsing it costs, and its plain text for places without room for headings, lists and tables.

The parser is imported when a text has marks: most have none.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_cheap", "plain_text"]

COST_AT_MOST: Final = 100_000
"""Of a text that is parsed, in characters of ordinary Markdown: some 0.3 s."""

A_BRACKET: Final = 40
"""So many of these a ``[`` costs: the parser looks for the end of its link again on each of its 20 levels."""

_MARKED: Final = re.compile(r"[*_`#\[>|~]|^\s*[-+] ", re.MULTILINE)
"""A text without any of these has no Markdown."""

_BREAKS: Final = {"softbreak": "\n", "hardbreak": "\n"}


def is_cheap(text: str) -> bool:
    """Whether a text can be parsed at once, whoever wrote it.

    Examples
    --------
    >>> is_cheap("see [the page](https://a.example)"), is_cheap("word " * 50_000), is_cheap("[" * 20_000)
    (True, False, False)
    """
    return len(text) + A_BRACKET * text.count("[") <= COST_AT_MOST


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
