"""How many rows a difference needs to be seen. Pure; each formula with its source.

Rule of this file: what was seen is taken for the truth, which it is not: a number of rows is a rough one, and is told
as one ("about").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import pandas as pd

from fh_notebook.comparing.intervals import NAN
from fh_notebook.comparing.pairs import ALPHA, Pair, tested_in

__all__ = ["POWER", "POWER_COLUMNS", "Needs", "needs_of", "power_table"]

POWER: Final = 0.8
"""The chance to see a difference that is there, that is usually asked for."""
POWER_COLUMNS: Final = ("a", "b", "n", "difference", "power", "rows_needed", "rows_more", "detectable")

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

    For yes and no: R. J. Connor, "Sample size for testing differences in proportions for the paired-sample design",
    Biometrics 43 (1987), 207-211, with the share of pairs that differ as it was seen. Else: W. C. Guenther, "Sample
    size formulas for normal theory t tests", The American Statistician 35 (1981), 243-244, with the standard deviation
    of the differences as it was seen.
    """
    apart = abs(pair.difference if difference is None else difference)
    z, reach = -_NORMAL.inv_cdf(alpha / 2), _NORMAL.inv_cdf(power)
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
        return math.ceil(((self.z + reach) * self.spread / apart) ** 2 + self.z**2 / 2)

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
        differing = max(self.differing, apart)
        rest = math.sqrt(max(0.0, differing - apart**2))
        return math.ceil(((self.z * math.sqrt(differing) + reach * rest) / apart) ** 2)

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
