"""What a sentence must have in whatever words it is written: its numbers."""

from __future__ import annotations

import re


def numbers_in(sentence: object) -> list[str]:
    """Return the numbers of a text as they are written, in its order; digits within a word are none."""
    return re.findall(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?", str(sentence))
