"""Confidence intervals. Pure, from numbers to numbers; each formula with its source.

Rule of this file: an interval that cannot be computed is NaN, never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import Final

__all__ = ["LEVEL", "mean_interval", "t_quantile", "wilson_interval"]

LEVEL: Final = 0.95
NAN: Final = float("nan")


def wilson_interval(yes: float, n: int, level: float = LEVEL) -> tuple[float, float]:
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


def t_quantile(p: float, df: int) -> float:
    """Return the quantile of Student's t distribution.

    Exact for 1 and 2 degrees of freedom; else the expansion of M. Abramowitz and I. Stegun, "Handbook of Mathematical
    Functions" (1964), 26.7.5, whose error at p = 0.975 is 0.004 at 3 degrees of freedom and below 0.001 from 4.

    Examples
    --------
    >>> round(t_quantile(0.975, 10), 3)
    2.228
    """
    if df == 1:
        return math.tan(math.pi * (p - 0.5))
    if df == 2:
        return (2 * p - 1) * math.sqrt(2 / (4 * p * (1 - p)))
    x = NormalDist().inv_cdf(p)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + math.fsum(term / float(df) ** power for power, term in enumerate(terms, 1))
