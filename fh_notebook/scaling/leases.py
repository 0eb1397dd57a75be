"""How many calls may be out at once over all workers of one round. Pure.

Rule of this file: the number is fixed for a round. Where the service refuses too many calls (429, for concurrency), the
round ends as calls end, and the next one has fewer leases; so there are never more calls out than the ceiling.
"""

from __future__ import annotations

from math import ceil
from typing import Final

__all__ = ["UNASKED", "are_too_many", "leases_of", "lowered"]

UNASKED: Final = 5
"""Leases where nobody set a ceiling and nothing is learned: the largest plan with a known number admits so many calls
at once [docs]. More must be asked for by `max_concurrency`."""
KEPT_PART: Final = 3 / 4
"""Of one lease less than there were, this part is kept: from 10 leases to a service that admits 3 it takes 3 rounds."""
FEW: Final = 3
REFUSED_PART: Final = 1 / 20
"""Refusals that are too many: a few, and this part of the calls of the round. A service that frees a place a little
later than it answers refuses one call now and then, which is tried again and no reason for another round."""


def leases_of(ceiling: int | None, admits: int | None) -> int:
    """Return the leases of a round.

    Parameters
    ----------
    ceiling : int, optional
        The lowest of those that somebody set.
    admits : int, optional
        What the service admits, as this process has learned.

    Examples
    --------
    >>> leases_of(10, None), leases_of(10, 3), leases_of(2, 3), leases_of(None, None), leases_of(None, 8)
    (10, 3, 2, 5, 8)
    """
    if ceiling is None:
        return admits or UNASKED
    return ceiling if admits is None else min(ceiling, admits)


def lowered(leases: int) -> int:
    """Return the leases of the next round, where a service has refused too many calls in one of so many.

    Examples
    --------
    >>> lowered(10), lowered(7), lowered(5), lowered(2), lowered(1)
    (7, 5, 3, 1, 1)
    """
    return max(1, ceil(KEPT_PART * (leases - 1)))


def are_too_many(refused: int, calls: int) -> bool:
    """Whether so many calls of a round were refused that the next one is to have fewer leases.

    Examples
    --------
    >>> are_too_many(2, 4), are_too_many(3, 4), are_too_many(3, 1_000), are_too_many(50, 1_000)
    (False, True, False, True)
    """
    return refused >= max(FEW, REFUSED_PART * calls)
