"""Numbers with their nouns and verbs, as sentences need them: one row is, two rows are.

Rule of this file: every sentence with a number takes its grammar from here.
"""

from __future__ import annotations

__all__ = ["agreeing", "counted"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "row"), counted(2000, "more row"), counted(2, "batch", "batches")
    ('1 row', '2,000 more rows', '2 batches')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def agreeing(number: int, verb: str) -> str:
    """Return a verb in the form that goes with so many: ``is`` or ``are``, and the like.

    Examples
    --------
    >>> agreeing(1, "are"), agreeing(3, "are"), agreeing(1, "were"), agreeing(1, "stay"), agreeing(0, "do")
    ('is', 'are', 'was', 'stays', 'do')
    """
    return verb if number != 1 else _SINGULAR.get(verb, f"{verb}s")


_SINGULAR = {"are": "is", "were": "was", "have": "has", "do": "does"}
