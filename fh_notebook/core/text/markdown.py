"""Plain text of Markdown, for places without room for headings, lists and tables.

The parser is imported when a text has marks: most have none.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["plain_text"]

_MARKED: Final = re.compile(r"[*_`#\[>|~]|^\s*[-+] ", re.MULTILINE)
"""A text without any of these has no Markdown."""

_BREAKS: Final = {"softbreak": "\n", "hardbreak": "\n"}


def plain_text(text: str) -> str:
    """Return a text without its Markdown; a block, and a cell of a table, is a line.

    Examples
    --------
    >>> plain_text("**Markdown** is allowed: `lists`, *emphasis*. See [here](https://example.com).")
    'Markdown is allowed: lists, emphasis. See here.'
    """
    if not _MARKED.search(text):
        return text.strip()
    from markdown_it import MarkdownIt

    blocks = MarkdownIt("js-default", {"html": False, "linkify": False}).parse(text)
    lines = [block.children or [] if block.type == "inline" else [block] for block in blocks if block.content]
    texts = ("".join(_BREAKS.get(part.type, part.content) for part in line) for line in lines)
    return "\n".join(text.strip() for text in texts).strip()
