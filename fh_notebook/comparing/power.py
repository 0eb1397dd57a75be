"""Power and sample size of a paired comparison: of one that was made, and of one that is planned. Pure.

Yes and no by the power of the exact test, counted up to `MOST_COUNTED` rows; above, by R. J. Connor, "Sample size for
testing differences in proportions for the paired-sample design", Biometrics 43 (1987), 207-211. Numbers by W. C.
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
from fh_notebook.comparing.pairs import ALPHA, Pair, tested_in

__all__ = [
    "POWER",
    "POWER_COLUMNS",
    "Needs",
    "needs_of",
    "power_of_mcnemar",
    "power_table",
    "rows_needed",
    "rows_of_mcnemar",
    "rows_of_numbers",
]

POWER: Final = 0.8
"""The chance to see a difference that is there, that is usually asked for."""
POWER_COLUMNS: Final = ("a", "b", "n", "difference", "power", "rows_needed", "rows_more", "detectable")

MOST_COUNTED: Final = 3_000
"""Rows up to which the exact test's power is counted; above, it is the normal distribution's to two digits or three."""
_HALVINGS: Final = 20
"""Of a difference that can be detected: to a millionth."""

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
    law = _law(pair, power, alpha)
    return Needs(
        n=pair.n,
        difference=pair.difference if difference is None else difference,
        power=law.power(apart),
        rows_needed=law.rows(apart),
        detectable=law.least(),
    )


def rows_needed(pair: Pair, *, power: float = POWER, alpha: float = ALPHA) -> float:
    """Return the rows that a pair needs for the difference that was seen: `Needs.rows_needed` alone."""
    return _law(pair, power, alpha).rows(abs(pair.difference))


def _law(pair: Pair, power: float, alpha: float) -> _Numbers | _YesNo:
    return _YesNo(pair, power, alpha) if pair.test == "mcnemar_exact" else _Numbers(pair, power, alpha)


class _Numbers:
    """Of differences that are numbers."""

    def __init__(self, pair: Pair, power: float, alpha: float) -> None:
        self.n, self.spread, self.asked, self.alpha = pair.n, pair.spread, power, alpha
        self.z, self.reach = _quantiles(power, alpha)

    def rows(self, apart: float) -> float:
        return rows_of_numbers(apart, self.spread, power=self.asked, alpha=self.alpha)

    def power(self, apart: float) -> float:
        if self.spread != self.spread:
            return NAN
        if self.spread == 0:
            return 1.0 if apart else 0.0
        return _NORMAL.cdf(apart / self.spread * math.sqrt(self._worth) - self.z)

    def least(self) -> float:
        return (self.z + self.reach) * self.spread / math.sqrt(self._worth) if self._worth else NAN

    @property
    def _worth(self) -> float:
        """Rows, less what estimating the spread costs."""
        return max(0.0, self.n - self.z**2 / 2)


class _YesNo:
    """Of yes and no: what counts are the pairs that differ."""

    def __init__(self, pair: Pair, power: float, alpha: float) -> None:
        self.n, self.asked, self.alpha = pair.n, power, alpha
        self.differing = (pair.wins + pair.losses) / pair.n

    def rows(self, apart: float) -> float:
        return rows_of_mcnemar(*self._shares(apart), power=self.asked, alpha=self.alpha)

    def power(self, apart: float) -> float:
        return power_of_mcnemar(self.n, *self._shares(apart), alpha=self.alpha)

    def least(self) -> float:
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.power(middle) >= self.asked else (middle, high)
        return high

    def _shares(self, apart: float) -> tuple[float, float]:
        """Return the shares of rows that are won and lost."""
        apart = min(apart, 1.0)
        differing = max(self.differing, apart)
        return (differing + apart) / 2, (differing - apart) / 2


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


# --- of a comparison that is planned


def rows_of_numbers(apart: float, spread: float, *, power: float, alpha: float) -> float:
    """Return the rows of a paired test of numbers; `spread` is the standard deviation of the differences.

    Examples
    --------
    >>> rows_of_numbers(0.1, 0.3, power=0.9, alpha=0.05)
    97
    """
    # Differences of rows that cancel out leave the noise of binary fractions.
    if not apart or abs(apart) <= 1e-12 * spread:
        return math.inf
    z, reach = _quantiles(power, alpha)
    return NAN if math.isnan(spread) else math.ceil(((z + reach) * spread / apart) ** 2 + z**2 / 2)


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
    z, reach = _quantiles(power, alpha)
    rows = max(1, math.ceil(((z * math.sqrt(differing) + reach * _rest(apart, differing)) / apart) ** 2))
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
    from scipy import special

    less, differing = min(won, lost), min(1.0, won + lost)
    if not differing:
        return 0.0
    if rows > MOST_COUNTED:
        z, apart = -_NORMAL.inv_cdf(alpha / 2), abs(won - lost)
        over, rest = math.sqrt(rows) * apart - z * math.sqrt(differing), _rest(apart, differing)
        return _NORMAL.cdf(over / rest) if rest else float(over > 0)
    # Numbers of rows that differ, but for those beyond eight standard deviations.
    mean, reach = rows * differing, 8 * math.sqrt(rows * differing * (1 - differing)) + 1
    n = np.arange(max(0, math.floor(mean - reach)), min(rows, math.ceil(mean + reach)) + 1)
    chances = np.diff(special.bdtr(n, rows, differing), prepend=0.0)
    most_lost = _most_lost(2 ** rows.bit_length(), alpha)[n]
    may_be_found = most_lost >= 0
    found = special.bdtr(most_lost[may_be_found], n[may_be_found], less / differing)
    return float(chances[may_be_found] @ found)


def _rest(apart: float, differing: float) -> float:
    """Return the standard deviation of the difference on one row."""
    return math.sqrt(max(0.0, differing - apart**2))


@lru_cache(maxsize=64)
def _most_lost(size: int, alpha: float) -> NDArray[np.int64]:
    """Return, for 0 to `size` - 1 rows that differ, how many may be lost so that the test still finds a difference.

    -1 where none may.
    """
    from scipy import special

    n = np.arange(size)
    most = np.full(size, -1)
    some = 2 * 0.5**n < alpha
    most[some] = np.floor(special.bdtrik(alpha / 2, n[some], 0.5))
    return most
