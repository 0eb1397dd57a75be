"""`ScoreRange`: the limits between which scores, differences and intervals lie, and the spread of scores. Pure.

An interval stays within the range. A limit beyond a bound becomes the bound: the true value lies within the range, so
the interval contains it as often as before. A limit that is moved by a factor (`ScoreRange.widened`) is moved on the
scale of logarithms of the distance to the bound on its side, so it approaches the bound and never passes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNKNOWN", "ScoreRange", "spread_of"]

_INFINITY: Final = math.inf
KNOWN: Final = ((0.0, 1.0), (-1.0, 1.0), (0.0, _INFINITY))
"""Ranges that scores are taken to have where all of them lie inside, the narrowest first: shares and similarities,
correlations, and counts, lengths and seconds."""


class ScoreRange(NamedTuple):
    """Between which limits scores lie, and how far they spread."""

    low: float = -_INFINITY
    high: float = _INFINITY
    spread: float = 0.0
    """The standard deviation of the scores of all variants; 0 where all are the same."""

    @classmethod
    def of(cls, scores: Iterable[NDArray[np.float64]], stated: tuple[float, float] | None = None) -> ScoreRange:
        """Return the range of scores, those of all variants together: the stated one, else the one that they show.

        Examples
        --------
        >>> ScoreRange.of([np.array([0.2, 0.4])])[:2], ScoreRange.of([np.array([3.0]), np.array([120.0])])[:2]
        ((0.0, 1.0), (0.0, inf))
        """
        known = np.concatenate([np.zeros(0), *scores])
        known = known[~np.isnan(known)]
        if not len(known):
            return cls()
        return cls.between(float(known.min()), float(known.max()), spread_of(known), stated)

    @classmethod
    def between(cls, least: float, most: float, spread: float, stated: tuple[float, float] | None = None) -> ScoreRange:
        """Return the range of scores, by the least and the largest: the stated one, unless one of them is outside."""
        ranges = KNOWN if stated is None else (stated, *KNOWN)
        low, high = next(((x, y) for x, y in ranges if x <= least and most <= y), (-_INFINITY, _INFINITY))
        return cls(low, high, spread)

    @property
    def of_differences(self) -> ScoreRange:
        """The range of the differences of two such scores."""
        return ScoreRange(self.low - self.high, self.high - self.low, self.spread)

    def widened(self, mean: float, low: float, high: float, by: float) -> tuple[float, float]:
        """Return limits around a mean with their reach to either side multiplied.

        Towards a bound it is the logarithm of the distance to the bound that is multiplied: ``(1 - u) ** by`` of the
        distance is left where the plain rule leaves ``1 - by * u``, which may be negative.

        Examples
        --------
        >>> ScoreRange().widened(0.5, 0.3, 0.6, by=2), ScoreRange(0.0).widened(0.5, 0.25, 0.75, by=2)
        ((0.09999999999999998, 0.7), (0.125, 1.0))
        """
        return (
            mean - _widened(mean - low, mean - self.low, by),
            mean + _widened(high - mean, self.high - mean, by),
        )

    def kept(self, low: float, high: float) -> tuple[float, float]:
        """Return limits as they are, but within the range.

        Examples
        --------
        >>> ScoreRange(-1.0, 1.0).kept(0.7, 1.1), ScoreRange().kept(0.7, 1.1)
        ((0.7, 1.0), (0.7, 1.1))
        """
        return max(low, self.low), min(high, self.high)


def _widened(reach: float, room: float, by: float) -> float:
    if not math.isfinite(room):
        return by * reach
    return room * (1 - max(0.0, 1 - reach / room) ** by) if room > 0 else 0.0


UNKNOWN: Final = ScoreRange()


def spread_of(values: NDArray[np.float64]) -> float:
    """Return the standard deviation, of numbers of any size: squares of 1e160 have none.

    Examples
    --------
    >>> spread_of(np.array([0.0, 2e200])), spread_of(np.array([0.1, 0.1, 0.1]))
    (1e+200, 0.0)
    """
    if not len(values):
        return 0.0
    largest = float(np.abs(values).max())
    if largest == 0 or float(np.ptp(values / largest)) <= 1e-12:
        return 0.0
    return float((values / largest).std()) * largest
