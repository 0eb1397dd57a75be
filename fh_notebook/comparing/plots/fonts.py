"""Fonts of the plots: matplotlib's own and the system's, and which characters of a text they can draw.

matplotlib draws a box for a letter that no font has, as it has none of coloured emoji: names that differ by such
signs alone would look the same. Importing this module imports matplotlib.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any, Final

from matplotlib.font_manager import fontManager, get_font

OTHER_FONTS: Final = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Yu Gothic",
    "Microsoft YaHei", "Malgun Gothic", "Arial Unicode MS",
)  # fmt: skip
"""Fonts of systems with the letters of East Asia, which matplotlib's own font does not have."""

FAMILIES: Final = ["DejaVu Sans", *(name for name in OTHER_FONTS if name in fontManager.get_font_names())]
"""The fonts of plots: for each letter, the first one that has it."""

BOX: Final = "\N{WHITE SQUARE}"


@cache
def _fonts() -> list[Any]:
    return [get_font(fontManager.findfont(name)) for name in FAMILIES]


@cache
def _has_glyph(sign: str) -> bool:
    return any(font.get_char_index(ord(sign)) for font in _fonts())


def drawable(text: str) -> str:
    """Return a text as it can be drawn: a box for each sign that no font has, nothing for signs that join or vary.

    Examples
    --------
    >>> drawable("fast \N{SNOWMAN}"), drawable("\N{BRAHMI LETTER KA}1\N{VARIATION SELECTOR-16}")
    ('fast ☃', '□1')
    """
    return "".join(sign if sign.isspace() or _has_glyph(sign) else BOX for sign in text if not _is_unseen(sign))


def _is_unseen(sign: str) -> bool:
    return unicodedata.category(sign) == "Cf" or unicodedata.name(sign, "").startswith("VARIATION SELECTOR")
