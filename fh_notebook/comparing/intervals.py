"""Confidence intervals. Pure, from numbers to numbers; each formula with its source.

Rule of this file: an interval that cannot be computed is NaN, never a guess; and every interval names its rule. Nothing
here needs scipy, and every random number comes from a generator of a fixed seed: a table is the same at each display.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FEW_ROWS",
    "LEVEL",
    "MANY_ROWS",
    "RESAMPLES",
    "SEED",
    "Interval",
    "bca_interval",
    "interval_of_mean",
    "interval_of_share",
    "mean_interval",
    "normal_interval",
    "t_quantile",
    "wilson_interval",
]

LEVEL: Final = 0.95
NAN: Final = float("nan")

FEW_ROWS: Final = 40
"""Below it, BCa covers too seldom (it has no notion of the degrees of freedom), and Student's interval is named."""
MANY_ROWS: Final = 5_000
"""Above it, the bootstrap finds what the normal distribution says, at a thousand times the price."""
RESAMPLES: Final = 2_000
"""Of a bootstrap: the noise of a limit is then about a fiftieth of the interval's width."""
SEED: Final = 20_261_125

_DRAWN_AT_ONCE: Final = 400_000
"""Numbers, so that they stay in the processor's cache: five times as fast as all at once."""

Numbers = NDArray[np.float64]


class Interval(NamedTuple):
    """Two limits, and by which rule they were found."""

    low: float
    high: float
    rule: str
    """``wilson``, ``wilson, clustered``, ``t``, ``bca``, ``normal`` or ``none``."""


# --- by the kind of the scores


def interval_of_share(row_means: Numbers, lines: int, level: float = LEVEL) -> Interval:
    """Return Wilson's interval of a share, from one mean a row.

    Without repeats that is Wilson's own. Repeats of a row are a cluster: the number of trials is then the effective
    one, ``m (1 - m) / v`` with `v` the variance of the mean of the rows (E. L. Korn and B. I. Graubard, "Confidence
    intervals for proportions with small expected number of positive counts estimated from survey data", Survey
    Methodology 24 (1998), 193-201), at least the number of rows and at most the number of lines.

    Parameters
    ----------
    row_means : array
        The share of every row, between 0 and 1.
    lines : int
        Scored lines behind them; equal to the rows without repeats.
    level : float
        Its confidence.

    Examples
    --------
    >>> interval_of_share(np.array([1.0] * 8 + [0.0] * 2), 10).rule
    'wilson'
    """
    rows = len(row_means)
    if rows == 0:
        return Interval(NAN, NAN, "none")
    share = min(max(float(row_means.mean()), 0.0), 1.0)
    if lines <= rows:
        return Interval(*wilson_interval(share * rows, rows, level), "wilson")
    trials = float(rows)
    if rows > 1 and (variance := float(row_means.var(ddof=1)) / rows) > 0:
        trials = min(max(share * (1 - share) / variance, float(rows)), float(lines))
    return Interval(*wilson_interval(share * trials, trials, level), "wilson, clustered")


def interval_of_mean(values: Numbers, level: float = LEVEL) -> Interval:
    """Return the interval of a mean by the rule for this many values.

    Student's below `FEW_ROWS`, BCa up to `MANY_ROWS`, the normal distribution's above.

    Examples
    --------
    >>> [interval_of_mean(np.arange(n, dtype=float)).rule for n in (1, 39, 40, 5_001)]
    ['none', 't', 'bca', 'normal']
    """
    n = len(values)
    if n < 2:
        return Interval(NAN, NAN, "none")
    if n < FEW_ROWS:
        return Interval(*mean_interval(values.tolist(), level), "t")
    if n <= MANY_ROWS:
        return Interval(*bca_interval(values, level), "bca")
    return Interval(*normal_interval(values, level), "normal")


# --- the rules


def wilson_interval(yes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the score interval of a share, `yes` of `n`.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212. It
    holds its level also for few rows and for shares near 0 and 1, where the usual one collapses.

    Examples
    --------
    >>> [round(x, 3) for x in wilson_interval(8, 10)]
    [0.49, 0.943]
    """
    if n == 0:
        return NAN, NAN
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = yes / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def mean_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Return Student's interval of a mean (Student, Biometrika 6 (1908), 1-25); NaN below two values.

    Examples
    --------
    >>> [round(x, 2) for x in mean_interval([1.0, 2.0, 3.0, 4.0])]
    [0.45, 4.55]
    """
    n = len(values)
    if n < 2:
        return NAN, NAN
    mean = fmean(values)
    half = t_quantile((1 + level) / 2, n - 1) * stdev(values) / math.sqrt(n)
    return mean - half, mean + half


def normal_interval(values: Numbers, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of a mean of many values, by the central limit theorem; NaN below two values.

    Examples
    --------
    >>> [round(x, 3) for x in normal_interval(np.array([0.0, 1.0] * 200))]
    [0.451, 0.549]
    """
    if len(values) < 2:
        return NAN, NAN
    z = NormalDist().inv_cdf((1 + level) / 2)
    half = z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half


def bca_interval(
    values: Numbers, level: float = LEVEL, *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated bootstrap interval of a mean; NaN below two values.

    B. Efron, "Better bootstrap confidence intervals", JASA 82 (1987), 171-185; the acceleration of a mean is a sixth of
    the skewness over the root of n (equation 7.3 there, by the jackknife). Where `values` are the means of rows, rows
    are what is drawn: a clustered bootstrap.

    Parameters
    ----------
    values : array
        One a row.
    level : float
        Its confidence.
    resamples : int
        How many samples are drawn.
    seed : int
        Of the generator: the same numbers give the same interval.

    Examples
    --------
    >>> [round(x, 2) for x in bca_interval(np.arange(50.0))]
    [20.66, 28.57]
    """
    n = len(values)
    if n < 2:
        return NAN, NAN
    mean = float(values.mean())
    apart = values - mean
    spread = float(np.square(apart).sum())
    if spread <= 1e-24 * max(1.0, mean * mean) * n:
        return mean, mean
    means = np.sort(_means_of_resamples(values, resamples, seed))
    acceleration = float((apart**3).sum()) / (6 * spread**1.5)
    # A share of 0 or 1 has no quantile: half a resample is the least that can be told.
    below = (np.searchsorted(means, mean, "left") + np.searchsorted(means, mean, "right")) / (2 * resamples)
    bias = NormalDist().inv_cdf(min(max(float(below), 0.5 / resamples), 1 - 0.5 / resamples))
    limits = [_bca_share(bias, acceleration, share) for share in ((1 - level) / 2, (1 + level) / 2)]
    low, high = np.quantile(means, limits)
    return float(low), float(high)


def _bca_share(bias: float, acceleration: float, share: float) -> float:
    reach = bias + NormalDist().inv_cdf(share)
    return NormalDist().cdf(bias + reach / (1 - acceleration * reach))


def _means_of_resamples(values: Numbers, resamples: int, seed: int) -> Numbers:
    rng = np.random.default_rng(seed)
    n = len(values)
    at_once = max(1, _DRAWN_AT_ONCE // n)
    parts: list[Any] = []
    for begin in range(0, resamples, at_once):
        places = rng.integers(n, size=(min(at_once, resamples - begin), n), dtype=np.int32)
        parts.append(values[places].mean(axis=1))
    return np.concatenate(parts)


# --- Student's distribution, without scipy


def t_quantile(p: float, df: int) -> float:
    """Return the quantile of Student's t distribution.

    The expansion of M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions" (1964), 26.7.5, made exact by
    Newton's steps on its finite series (26.7.3 and 26.7.4); above 200 degrees of freedom the expansion is exact enough.

    Examples
    --------
    >>> round(t_quantile(0.975, 10), 6)
    2.228139
    """
    if df == 1:
        return math.tan(math.pi * (p - 0.5))
    if df == 2:
        return (2 * p - 1) * math.sqrt(2 / (4 * p * (1 - p)))
    t = _expanded(p, df)
    if df > 200:
        return t
    scale = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    for _ in range(4):
        t -= (_t_probability(t, df) - p) / (scale * (1 + t * t / df) ** (-(df + 1) / 2))
    return t


def _expanded(p: float, df: int) -> float:
    x = NormalDist().inv_cdf(p)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + math.fsum(term / float(df) ** power for power, term in enumerate(terms, 1))


def _t_probability(t: float, df: int) -> float:
    """Return the probability below `t`: 26.7.3 for odd degrees of freedom, 26.7.4 for even ones."""
    angle = math.atan2(t, math.sqrt(df))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = df % 2
    term = cosine if odd else 1.0
    total = term if df > 1 else 0.0
    for k in range(2 + odd, df, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    within = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return (1 + within) / 2
