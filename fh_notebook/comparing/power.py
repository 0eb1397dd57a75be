"""Power and sample size of a paired comparison: of one that was made, and of one that is planned. Pure.

Yes and no by R. J. Connor, "Sample size for testing differences in proportions for the paired-sample design",
Biometrics 43 (1987), 207-211; `rows_of_mcnemar` adds the rows that the exact test needs beyond that. Numbers by W. C.
Guenther, "Sample size formulas for normal theory t tests", The American Statistician 35 (1981), 243-244.

Rule of this file: what was seen is taken for the truth, which it is not: a number of rows is a rough one, and is told
as one ("about").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.comparing.intervals import NAN
from fh_notebook.comparing.paired import mcnemar_exact
from fh_notebook.comparing.pairs import ALPHA, Pair, tested_in

__all__ = [
    "POWER",
    "POWER_COLUMNS",
    "Needs",
    "needs_of",
    "power_of_mcnemar",
    "power_table",
    "rows_of_mcnemar",
    "rows_of_numbers",
]

POWER: Final = 0.8
"""The chance to see a difference that is there, that is usually asked for."""
POWER_COLUMNS: Final = ("a", "b", "n", "difference", "power", "rows_needed", "rows_more", "detectable")

MOST_COUNTED: Final = 3_000
"""Rows up to which the exact test's power is counted; above, it is the normal distribution's to three digits."""

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What one comparison can see, and what it would need."""

    n: int
    """Rows that it has."""
    difference: float
    power: float
    """The chance to see this difference with so many rows."""
    rows_needed: float
    """For the power that was asked for; infinite where there is no difference."""
    detectable: float
    """The smallest difference that so many rows show with the power that was asked for."""

    @property
    def rows_more(self) -> float:
        """Rows that are lacking."""
        return max(0.0, self.rows_needed - self.n)


def needs_of(pair: Pair, *, difference: float | None = None, power: float = POWER, alpha: float = ALPHA) -> Needs:
    """Return what a pair needs, for the difference that was seen, or for another one.

    The share of pairs that differ, or the standard deviation of the differences, is taken as it was seen.
    """
    apart = abs(pair.difference if difference is None else difference)
    z, reach = _quantiles(power, alpha)
    law = _YesNo(pair, z) if pair.test == "mcnemar_exact" else _Numbers(pair, z)
    return Needs(
        n=pair.n,
        difference=pair.difference if difference is None else difference,
        power=law.power(apart),
        rows_needed=law.rows(apart, reach),
        detectable=law.least(reach),
    )


class _Numbers:
    """Of differences that are numbers."""

    def __init__(self, pair: Pair, z: float) -> None:
        self.z, self.n, self.spread = z, pair.n, pair.spread

    def rows(self, apart: float, reach: float) -> float:
        if not apart or self.spread != self.spread:
            return math.inf if not apart else NAN
        return math.ceil(_guenther(apart, self.spread, self.z, reach))

    def power(self, apart: float) -> float:
        if self.spread != self.spread:
            return NAN
        if self.spread == 0:
            return 1.0 if apart else 0.0
        return _NORMAL.cdf(apart / self.spread * math.sqrt(self._worth) - self.z)

    def least(self, reach: float) -> float:
        return (self.z + reach) * self.spread / math.sqrt(self._worth) if self._worth else NAN

    @property
    def _worth(self) -> float:
        """Rows, less what estimating the spread costs."""
        return max(0.0, self.n - self.z**2 / 2)


class _YesNo:
    """Of yes and no: what counts are the pairs that differ."""

    def __init__(self, pair: Pair, z: float) -> None:
        self.z, self.n = z, pair.n
        self.differing = (pair.wins + pair.losses) / pair.n

    def rows(self, apart: float, reach: float) -> float:
        if not apart:
            return math.inf
        return math.ceil(_connor(apart, max(self.differing, apart), self.z, reach))

    def power(self, apart: float) -> float:
        differing = max(self.differing, apart)
        rest = math.sqrt(max(0.0, differing - apart**2))
        over = math.sqrt(self.n) * apart - self.z * math.sqrt(differing)
        if not rest:
            return float(over > 0)
        return _NORMAL.cdf(over / rest)

    def least(self, reach: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if self.rows(middle, reach) <= self.n else (middle, high)
        return high


def power_table(
    pairs: Sequence[Pair], *, difference: float | None = None, power: float = POWER, alpha: float = ALPHA
) -> pd.DataFrame:
    """Return one line a pair: `POWER_COLUMNS`. `alpha` is divided by the number of pairs, as Holm's first step does."""
    share = alpha / max(1, tested_in(pairs))
    lines = []
    for pair in pairs:
        needs = needs_of(pair, difference=difference, power=power, alpha=share) if pair.n else None
        figures = (
            (needs.difference, needs.power, needs.rows_needed, needs.rows_more, needs.detectable)
            if needs
            else (NAN,) * 5
        )
        lines.append((pair.a, pair.b, pair.n, *figures))
    table = pd.DataFrame(lines, columns=list(POWER_COLUMNS))
    return table.astype({"n": "int64", **dict.fromkeys(POWER_COLUMNS[3:], "float64")})


def _quantiles(power: float, alpha: float) -> tuple[float, float]:
    """Return the normal quantiles of a two-sided test and of the power."""
    return -_NORMAL.inv_cdf(alpha / 2), _NORMAL.inv_cdf(power)


def _connor(apart: float, differing: float, z: float, reach: float) -> float:
    rest = math.sqrt(max(0.0, differing - apart**2))
    return ((z * math.sqrt(differing) + reach * rest) / apart) ** 2


def _guenther(apart: float, spread: float, z: float, reach: float) -> float:
    return ((z + reach) * spread / apart) ** 2 + z**2 / 2


# --- of a comparison that is planned


def rows_of_numbers(apart: float, spread: float, *, power: float, alpha: float) -> float:
    """Return the rows of a paired test of numbers; `spread` is the standard deviation of the differences.

    Examples
    --------
    >>> rows_of_numbers(0.1, 0.3, power=0.9, alpha=0.05)
    97
    """
    return math.inf if abs(apart) < 1e-12 else math.ceil(_guenther(apart, spread, *_quantiles(power, alpha)))


def rows_of_mcnemar(won: float, lost: float, *, power: float, alpha: float) -> float:
    """Return the rows from which the exact test has this `power`; infinite where there is no difference.

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
    rows = max(1, math.floor(_connor(apart, differing, *_quantiles(power, alpha))))
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
