"""How many rows a comparison needs that looks only once, at its end. Pure: the peer that a race is measured by.

Rule of this file: yes and no are counted exactly, as the test of McNemar is; numbers by the normal distribution.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fh_notebook.comparing.paired import mcnemar_exact

__all__ = ["power_of_mcnemar", "rows_of_mcnemar", "rows_of_numbers"]

MOST_COUNTED: Final = 3_000
"""Rows up to which the power is counted; above it, it is the normal distribution's to three digits."""
_NORMAL: Final = NormalDist()


def rows_of_mcnemar(won: float, lost: float, *, power: float, alpha: float) -> float:
    """Return the rows from which the exact test has this `power`; infinite where there is no difference.

    From Connor's number (R. J. Connor, "Sample size for testing differences in proportions for the paired-sample
    design", Biometrics 43, 1987, 207-211), which is that of the inexact test, rows are added until the exact one has
    the power.

    Parameters
    ----------
    won, lost : float
        The shares of rows on which only the one, or only the other, is right.

    Examples
    --------
    >>> rows_of_mcnemar(0.8 * 0.4, 0.2 * 0.6, power=0.9, alpha=0.05)
    118
    """
    apart, differing = abs(won - lost), won + lost
    if apart < 1e-9:
        return math.inf
    z, reach = -_NORMAL.inv_cdf(alpha / 2), _NORMAL.inv_cdf(power)
    rest = math.sqrt(max(0.0, differing - apart**2))
    rows = max(1, math.floor(((z * math.sqrt(differing) + reach * rest) / apart) ** 2))
    while rows <= MOST_COUNTED and power_of_mcnemar(rows, won, lost, alpha=alpha) < power:
        rows += 1
    return rows


def power_of_mcnemar(rows: int, won: float, lost: float, *, alpha: float) -> float:
    """Return the chance that the exact two-sided test finds, after `rows`, that who wins more often is ahead.

    Examples
    --------
    >>> round(power_of_mcnemar(118, 0.32, 0.12, alpha=0.05), 3)
    0.902
    """
    more, less = max(won, lost), min(won, lost)
    differing = more + less
    if not differing:
        return 0.0
    share = more / differing
    of_differing = _binomial(rows, differing)
    found = 0.0
    for n in np.flatnonzero(of_differing > 1e-12).tolist():
        most_lost = _most_lost(n, alpha)
        if most_lost >= 0:
            found += of_differing[n] * float(_binomial(n, 1 - share)[: most_lost + 1].sum())
    return float(found)


@lru_cache(maxsize=4_096)
def _most_lost(n: int, alpha: float) -> int:
    """How many of `n` rows that differ may be lost so that the test still finds a difference; -1 where none may."""
    low, high = -1, n // 2
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if mcnemar_exact(n - middle, middle) < alpha else (low, middle - 1)
    return low


def _binomial(n: int, share: float) -> NDArray[np.float64]:
    """Return the chance of each number from 0 to `n`."""
    if share <= 0 or share >= 1:
        certain = np.zeros(n + 1)
        certain[0 if share <= 0 else n] = 1.0
        return certain
    k = np.arange(n + 1)
    logs = np.concatenate([[0.0], np.log(np.arange(1, n + 1)).cumsum()])  # of the factorials
    chances = logs[n] - logs[k] - logs[n - k] + k * math.log(share) + (n - k) * math.log1p(-share)
    return np.asarray(np.exp(chances))


def rows_of_numbers(apart: float, spread: float, *, power: float, alpha: float) -> float:
    """Return the rows of a paired test of numbers: W. C. Guenther, "Sample size formulas for normal theory t tests".

    The American Statistician 35 (1981), 243-244. `spread` is the standard deviation of the differences.

    Examples
    --------
    >>> rows_of_numbers(0.1, 0.3, power=0.9, alpha=0.05)
    97
    """
    if abs(apart) < 1e-12:
        return math.inf
    z, reach = -_NORMAL.inv_cdf(alpha / 2), _NORMAL.inv_cdf(power)
    return math.ceil(((z + reach) * spread / apart) ** 2 + z**2 / 2)
