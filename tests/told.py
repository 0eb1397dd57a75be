"""Checks of what a message tells: names, values, numbers, commands. Its words are for tests/golden alone."""

from __future__ import annotations

import re

__all__ = ["facts", "numbers_in", "tells"]


def facts(*values: object) -> str:
    """Return a pattern, for ``match=``, of a text that has each value, in any order, not inside of a word or number."""
    return "(?s)^" + "".join(rf"(?=.*(?<!\w)(?<!\d[.,]){re.escape(str(value))}(?!\w|[.,]\d))" for value in values)


def numbers_in(sentence: object) -> list[str]:
    """Return the numbers of a text as they are written, in its order; digits within a word are none."""
    return re.findall(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?", str(sentence))


def tells(text: object, *values: object) -> bool:
    """Whether a text has each value, as :func:`facts` finds them."""
    return re.search(facts(*values), str(text)) is not None
