"""How far people agree beyond chance: Cohen's kappa of two, Fleiss' of more. Pure, from counts to numbers.

Rule of this file: where chance alone would agree always (everybody always says the same), kappa is not defined and NaN;
the share of agreement is told beside it. An interval lies within what kappa can be and has a width at full agreement
too: ten items on which all agree do not prove that all always do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fh_notebook.comparing.intervals import NAN, RESAMPLES, SEED, Numbers, wilson_interval

__all__ = ["Kappa", "cohen", "fleiss", "table_of"]

FEWEST_ITEMS: Final = 2


class Kappa(NamedTuple):
    """How far two or more agree."""

    n: int
    """Items that all of them rated."""
    agree: float
    """The share on which they agree; on a scale, each disagreement counts by how far it is."""
    kappa: float
    low: float
    high: float
    """95 % interval of kappa; NaN where it has none."""


def table_of(first: Sequence[str], second: Sequence[str], answers: Sequence[str]) -> NDArray[np.float64]:
    """Return how often each answer of the one met each of the other.

    Examples
    --------
    >>> table_of("aab", "abb", "ab").tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    place = {answer: n for n, answer in enumerate(answers)}
    counts = np.zeros((len(answers), len(answers)))
    for x, y in zip(first, second, strict=True):
        counts[place[x], place[y]] += 1
    return counts


def cohen(counts: Numbers, *, ordered: bool = False) -> Kappa:
    """Return Cohen's kappa of two raters, from how often each answer of the one met each of the other.

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960),
    37-46; with `ordered`, answers that are far apart disagree more (squares of the distance: J. Cohen, "Weighted
    kappa", Psychological Bulletin 70 (1968), 213-220). The interval is Wilson's (:func:`_interval`), by the large
    sample variance of J. L. Fleiss, J. Cohen and B. S. Everitt, "Large sample standard errors of kappa and weighted
    kappa", Psychological Bulletin 72 (1969), 323-327, formula 13.

    Examples
    --------
    >>> found = cohen(np.array([[20.0, 5.0], [10.0, 15.0]]))
    >>> found.n, found.agree, round(found.kappa, 2), round(found.low, 2), round(found.high, 2)
    (50, 0.7, 0.4, 0.13, 0.61)
    """
    n, k = float(counts.sum()), len(counts)
    if not n:
        return Kappa(0, NAN, NAN, NAN, NAN)
    weights = np.eye(k)
    if ordered and k > 1:
        far = np.subtract.outer(np.arange(k), np.arange(k)) / (k - 1)
        weights = 1.0 - far**2
    shares = counts / n
    rows, columns = shares.sum(1), shares.sum(0)
    seen, chance = float((weights * shares).sum()), float(rows @ weights @ columns)
    if chance > 1 - 1e-12:
        return Kappa(int(n), seen, NAN, NAN, NAN)
    kappa = (seen - chance) / (1 - chance)
    of_row, of_column = weights @ columns, rows @ weights
    terms = (weights * (1 - chance) - (of_row[:, None] + of_column[None, :]) * (1 - seen)) ** 2
    variance = (float((shares * terms).sum()) - (seen * chance - 2 * chance + seen) ** 2) / (n * (1 - chance) ** 4)
    if n < FEWEST_ITEMS:
        return Kappa(int(n), seen, kappa, NAN, NAN)
    return Kappa(int(n), seen, kappa, *_interval(seen, chance, variance, n, least=-1.0))


def _interval(seen: float, chance: float, variance: float, n: float, *, least: float) -> tuple[float, float]:
    """Return the interval of a kappa, from its variance.

    Kappa is the share of agreement on another scale: from ``-chance / (1 - chance)`` where nobody agrees to 1. So its
    interval is Wilson's of that share on this scale, over the effective number of items: as many as give the share this
    variance (as E. L. Korn and B. I. Graubard, Survey Methodology 24 (1998), 193-201, do for clusters); where all agree
    and the variance is 0, over the items.

    Where chance agrees nearly always, that scale begins far below what any kappa can be, because agreement that is so
    low would change the chance too. So the lower limit is at least `least`, the lowest kappa of all tables.
    """
    of_share = variance * (1 - chance) ** 2
    trials = seen * (1 - seen) / of_share if of_share > 1e-15 and 0 < seen < 1 else n
    low, high = wilson_interval(seen * trials, trials)
    return max(least, (low - chance) / (1 - chance)), 1.0 if seen == 1 else (high - chance) / (1 - chance)


def fleiss(counts: Numbers) -> Kappa:
    """Return Fleiss' kappa of several raters, from how many gave each answer to each item.

    J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76 (1971), 378-382.
    Every item has the same number of raters. The interval is Wilson's (:func:`_interval`), by the variance of the
    bootstrap of items (B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 6), 2,000
    resamples with a fixed seed.

    Parameters
    ----------
    counts : array
        Items x answers.

    Examples
    --------
    >>> found = fleiss(np.array([[3.0, 0.0], [0.0, 3.0], [2.0, 1.0], [3.0, 0.0]]))
    >>> found.n, round(found.agree, 3), round(found.kappa, 3)
    (4, 0.833, 0.625)
    """
    n = len(counts)
    if not n:
        return Kappa(0, NAN, NAN, NAN, NAN)
    raters = float(counts[0].sum())
    same = (np.square(counts).sum(1) - raters) / (raters * (raters - 1))
    kappa = _fleiss(same.mean(), counts.mean(0) / raters)
    low = high = NAN
    if n >= FEWEST_ITEMS and not math.isnan(kappa):
        weights = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
        again = [_fleiss(s, c) for s, c in zip(weights @ same, weights @ counts / raters, strict=True)]
        known = [value for value in again if not math.isnan(value)]
        chance = float(np.square(counts.mean(0) / raters).sum())
        low, high = _interval(
            float(same.mean()), chance, float(np.var(known)) if known else 0.0, n, least=-1 / (raters - 1)
        )
    return Kappa(n, float(same.mean()), kappa, low, high)


def _fleiss(seen: float, shares: Numbers) -> float:
    chance = float(np.square(shares).sum())
    return NAN if chance > 1 - 1e-12 else float((seen - chance) / (1 - chance))
