"""Bets on a pair of variants, and the confidence sequence that they give. Pure: from numbers to numbers.

Rule of this file: a statement holds at every moment at once, because each rests on a process that is never expected to
grow where the statement is false. Everything is built from one such process:

**A bet.** Of a row, ``d`` is the score of variant j less that of variant i, both scaled to [0, 1]: a number from -1 to
1. Whoever bets the share ``b`` (0 < b < 1) of a wealth of 1 that j is the better one has ``1 + b * d`` after the
row: never below 0, and not more than 1 on average where j is not better (``E[d] <= 0``). The wealth after any number of
rows is thus a nonnegative supermartingale that begins at 1, and the chance that it *ever* reaches 1/alpha is at most
alpha (J. Ville, "Etude critique de la notion de collectif", 1939). Which share pays best hangs on the difference, which
nobody knows; so the wealth is split over `BETS` beforehand and the parts are added: a mixture of such processes is one
(H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41,
1970, 1397-1409). This is the capital process of I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random
variables by betting", Journal of the Royal Statistical Society B 86 (2024), 1-27, with their section on mixtures.

**Yes and no.** There ``d`` is 1 where only j is right, -1 where only i is, else 0: the wealth is the likelihood ratio
of "j wins a share (1 + b) / 2 of the rows on which they differ" against "one half", the sequential form of McNemar's
test, and rows on which both agree change nothing. So one formula serves both kinds of score; it assumes no more
than that the rows are drawn, independently, from the population that the claim is about.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["BETS", "PARTS", "SPLIT", "Numbers", "capital", "excludes", "hedged", "interval"]

Numbers = NDArray[np.float64]

PARTS: Final = 32
BETS: Final[Numbers] = (np.arange(PARTS) + 0.5) / PARTS
"""The shares of the wealth that are bet: the middles of 32 parts of (0, 1)."""
SPLIT: Final[Numbers] = BETS * (1 - BETS) / float((BETS * (1 - BETS)).sum())
"""How the wealth is split over them: as Beta(2, 2), which prefers what is neither hopeless nor obvious. Any split that
is fixed beforehand is valid, for every difference; this one is for races of some dozens of rows. Evenly split, 0.6
against 0.8 takes 9 % more of them; as narrow as Beta(5, 7) around that difference, 2 % less, and more elsewhere."""
_LOG_SPLIT: Final[Numbers] = np.log(SPLIT)

EDGE: Final = 1e-9
"""A mean difference of -1 or 1 itself is never asked about: the wealth is infinite there."""
STEPS: Final = 24
"""Halvings of an interval's end: seven digits."""


def capital(values: Numbers, counts: NDArray[Any], at: float = 0.0) -> float:
    """Return the log wealth, after some rows, of who bets that the mean difference is above `at`.

    With ``at=m`` the bet on a row is ``1 + b * (d - m) / (1 + m)``: as ``d >= -1`` it is never below 0, and it is not
    expected to grow where the mean is at most m.

    Parameters
    ----------
    values : array
        The differences that were seen, each in [-1, 1].
    counts : array
        How often each was: in which order makes no difference to the wealth.
    at : float
        Between -1 and 1.

    Examples
    --------
    >>> [round(math.exp(capital(np.array([1.0]), np.array([rows]))), 3) for rows in (1, 2)]
    [1.5, 2.3]
    """
    steps = (values - at) / (1 + at)
    logs = counts @ np.log1p(np.outer(steps, BETS)) + _LOG_SPLIT
    most = logs.max()
    return float(most + np.log(np.exp(logs - most).sum()))


def hedged(values: Numbers, counts: NDArray[Any], at: float) -> float:
    """Return the log of the mean of two wealths: one bets on more than `at`, the other one on less.

    Where the mean difference *is* `at`, this is a supermartingale, so it ever reaches 1/alpha with a chance of at most
    alpha: the hedged capital process of Waudby-Smith and Ramdas (2024, section 4), with their mean in place of the
    larger one.
    """
    return float(np.logaddexp(capital(values, counts, at), capital(-values, counts, -at)) - math.log(2))


def interval(differences: Numbers, alpha: float) -> tuple[float, float]:
    """Return the mean differences that the rows so far do not speak against: one moment of a confidence sequence.

    Those are the m at which `hedged` is below 1/alpha. Whatever the true one is, it is outside at *some* moment with a
    chance of at most alpha; so the intersection over all moments is an interval, too. As the wealth is convex in m, and
    at the mean of the rows at most 1 (a product of ``1 + x`` is at most ``exp`` of the sum of the ``x``, here 0), the
    ends are found by halving on both sides of that mean.

    Examples
    --------
    >>> low, high = interval(np.array([1.0, 0.0] * 30), 0.05)
    >>> round(low, 2), round(high, 2)
    (0.3, 0.7)
    >>> interval(np.array([]), 0.05)
    (-1.0, 1.0)
    """
    known = differences[~np.isnan(differences)]
    if not len(known):
        return -1.0, 1.0
    values, counts = np.unique(known, return_counts=True)
    middle = float(np.clip(known.mean(), -1 + EDGE, 1 - EDGE))
    bar = math.log(1 / alpha)

    def is_out(m: float) -> bool:
        return hedged(values, counts, m) >= bar

    return _end(is_out, middle, -1.0), _end(is_out, middle, 1.0)


def excludes(differences: Numbers, at: float, alpha: float) -> bool:
    """Whether the interval of this moment leaves `at` out."""
    values, counts = np.unique(differences[~np.isnan(differences)], return_counts=True)
    if not len(values):
        return False
    return hedged(values, counts, at) >= math.log(1 / alpha)


def _end(is_out: Any, inside: float, outside: float) -> float:
    edge = outside * (1 - EDGE)
    if not is_out(edge):
        return outside
    outside = edge
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if is_out(middle) else (middle, outside)
    return outside  # the wider one of the two
