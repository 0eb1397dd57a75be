"""Every pair of variants on the rows that both have a score of: the difference, its interval, its test.

Rule of this file: `a` stands before `b`, and everything is told of `b`: its difference to `a`, its wins, its effect.
Rows that ask the same count as one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.comparing.grid import Grid, without_noise
from fh_notebook.comparing.intervals import (
    NAN,
    Interval,
    Numbers,
    interval_of_shares_apart,
    intervals_of_differences,
)
from fh_notebook.comparing.paired import (
    FEWEST_PAIRS,
    holm,
    mcnemar_exact,
    p_permutation,
    ps_permutation,
    rank_biserial,
    wilcoxon,
)
from fh_notebook.comparing.ranges import ScoreRange, spread_of

__all__ = [
    "ALPHA",
    "PAIR_COLUMNS",
    "Pair",
    "Preferences",
    "all_pairs",
    "compared",
    "corrected",
    "pairs_table",
    "preferred_pairs",
    "tested_in",
]

ALPHA: Final = 0.05

Preferences = Mapping[tuple[str, str], Numbers]
"""By two variants that people rated beside each other: one share a row of the second one; a tie is half."""

PAIR_COLUMNS: Final = (
    *("a", "b", "n", "mean_a", "mean_b", "difference", "ci_low", "ci_high", "wins", "ties", "losses"),
    *("test", "p", "p_holm", "effect", "p_permutation", "interval"),
)

_DTYPES: Final = {
    **dict.fromkeys(("a", "b", "test", "interval"), "object"),
    **dict.fromkeys(("n", "wins", "ties", "losses"), "int64"),
    **dict.fromkeys(
        ("mean_a", "mean_b", "difference", "ci_low", "ci_high", "p", "p_holm", "effect", "p_permutation"), "float64"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One line of the table of pairs: `PAIR_COLUMNS`."""

    a: str
    b: str
    n: int
    mean_a: float
    mean_b: float
    difference: float
    ci_low: float
    ci_high: float
    wins: int
    ties: int
    losses: int
    test: str
    """``mcnemar_exact``, ``wilcoxon``, ``sign`` of preferences, or ``none`` below six pairs."""
    p: float
    p_holm: float = NAN
    effect: float
    p_permutation: float
    interval: str
    spread: float
    """The standard deviation of the differences; not in the table, nor are:"""
    rows: int = 0
    """Rows of the table that the `n` are made of: more, where some ask the same."""
    lower: bool = False
    """Whether a lower score is the better one, as with seconds."""

    @property
    def lead(self) -> float:
        """How far `b` is ahead: the difference, in the direction that is the better one."""
        return -self.difference if self.lower else self.difference

    @property
    def tested(self) -> bool:
        """Whether there is a p."""
        return self.p == self.p

    def turned(self) -> Pair:
        """Return the same with `a` and `b` exchanged."""
        return Pair(
            a=self.b, b=self.a, n=self.n, mean_a=self.mean_b, mean_b=self.mean_a, difference=-self.difference,
            ci_low=-self.ci_high, ci_high=-self.ci_low, wins=self.losses, ties=self.ties, losses=self.wins,
            test=self.test, p=self.p, p_holm=self.p_holm, effect=-self.effect, p_permutation=self.p_permutation,
            interval=self.interval, spread=self.spread, rows=self.rows, lower=self.lower,
        )  # fmt: skip

    def is_better(self, alpha: float = ALPHA) -> bool:
        """Whether `b` is better: by the test after Holm, and by the interval that is shown as well.

        Wilcoxon's test is of ranks. Where a variant wins often by little and loses rarely by much, test and mean say
        opposite things, and neither variant is called better.
        """
        return self.p_holm < alpha and (self.ci_high < 0 if self.lower else self.ci_low > 0)


def compared(
    a: str,
    b: str,
    first: Numbers,
    second: Numbers,
    *,
    yes_no: bool,
    behind: tuple[int, int] | None = None,
    tests: bool = True,
    lower: bool = False,
    within: ScoreRange | None = None,
) -> Pair:
    """Compare two variants on the rows that both have a score of.

    Parameters
    ----------
    a, b : str
        Their names.
    first, second : array
        One value a row, of `a` and of `b`. What differs by less than the noise of binary fractions is a tie.
    yes_no : bool
        Whether scores are true or false. With repeats the means of rows are numbers between: then ranks are tested.
    behind : (int, int), optional
        Rows of the table, and scored lines of each variant, that the rows are made of; as many as the rows by default.
    tests : bool
        ``False`` leaves the tests out.
    lower : bool
        Whether a lower score is the better one: then it is what wins.
    within : ScoreRange, optional
        The range of the scores; by default that of these.
    """
    side = _Sides(a, b, first, second, yes_no, behind=behind or (len(first), len(first)), within=within)
    return _compared([side], tests=tests, lower=lower)[0]


class _Sides:
    """Two variants, and their differences on the rows that both have a score of."""

    def __init__(
        self,
        a: str,
        b: str,
        first: Numbers,
        second: Numbers,
        yes_no: bool,
        *,
        behind: tuple[int, int],
        within: ScoreRange | None,
    ) -> None:
        self.rows, self.lines = behind
        self.yes_no = yes_no
        self.within = (ScoreRange.of([first, second]) if within is None else within).of_differences
        self.a, self.b, self.mean_a, self.mean_b = a, b, _mean(first), _mean(second)
        self.apart = without_noise(second - first, first, second)
        self.whole = yes_no and bool(np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all())


def _compared(sides: Sequence[_Sides], *, tests: bool, lower: bool) -> list[Pair]:
    """Compare many pairs: those with as many rows share what is drawn at random."""
    numbers = [side for side in sides if not side.yes_no]
    of_numbers = iter(intervals_of_differences([s.apart for s in numbers], within=[s.within for s in numbers]))
    intervals = [interval_of_shares_apart(s.apart, s.lines) if s.yes_no else next(of_numbers) for s in sides]
    tested = [tests and len(side.apart) >= FEWEST_PAIRS for side in sides]
    flipped = iter(ps_permutation([side.apart for side, is_tested in zip(sides, tested, strict=True) if is_tested]))
    return [
        _pair(side, found, next(flipped) if is_tested else NAN, is_tested, lower)
        for side, found, is_tested in zip(sides, intervals, tested, strict=True)
    ]


def _pair(side: _Sides, found: Interval, flipped: float, is_tested: bool, lower: bool) -> Pair:
    apart, n = side.apart, len(side.apart)
    gained = -apart if lower else apart
    wins, losses = int((gained > 0).sum()), int((gained < 0).sum())
    test, p = "none", NAN
    if is_tested:
        test = "mcnemar_exact" if side.whole else "wilcoxon"
        p = mcnemar_exact(wins, losses) if side.whole else wilcoxon(apart)
    return Pair(
        a=side.a, b=side.b, n=n, mean_a=side.mean_a, mean_b=side.mean_b, difference=_mean(apart),
        ci_low=found.low, ci_high=found.high, wins=wins, ties=n - wins - losses, losses=losses,
        test=test, p=p, effect=rank_biserial(gained) if n else NAN, p_permutation=flipped, interval=found.rule,
        spread=spread_of(apart) * math.sqrt(n / (n - 1)) if n > 1 else NAN, rows=side.rows, lower=lower,
    )  # fmt: skip


def _mean(values: Numbers) -> float:
    return float(values.mean()) if len(values) else NAN


def all_pairs(grid: Grid, which: Iterable[tuple[str, str]] | None = None, *, lower: bool = False) -> list[Pair]:
    """Return the pairs of `which` (all, in the order of the variants), corrected for how many were tested."""
    names = list(combinations(grid.variants, 2)) if which is None else list(which)
    sides = [
        _Sides(a, b, *grid.shared(a, b), grid.yes_no, behind=grid.behind(a, b), within=grid.within) for a, b in names
    ]
    return corrected(_compared(sides, tests=True, lower=lower))


def preferred_pairs(preferences: Preferences, grid: Grid) -> list[Pair]:
    """Return the pairs of variants that people preferred one of, by the shares of each on the rows of both.

    Who won a row is tested, and not by how much, which is no number here: by the exact two-sided sign test, which is
    McNemar's exact one.
    """
    found = []
    for (a, b), share in preferences.items():
        n = len(share)
        pair = compared(a, b, 1.0 - share, share, yes_no=grid.yes_no, behind=(n, n), tests=False, within=grid.within)
        if n >= FEWEST_PAIRS:
            p = mcnemar_exact(pair.wins, pair.losses)
            pair = replace(pair, test="sign", p=p, p_permutation=p_permutation(2 * share - 1.0))
        found.append(pair)
    return corrected(found)


def corrected(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs with their ``p_holm``: corrected for how many were tested."""
    return [replace(pair, p_holm=p) for pair, p in zip(pairs, holm([pair.p for pair in pairs]), strict=True)]


def tested_in(pairs: Sequence[Pair]) -> int:
    """Return how many were tested: it is for so many that Holm corrects."""
    return sum(pair.tested for pair in pairs)


def pairs_table(pairs: Sequence[Pair]) -> pd.DataFrame:
    """Return the pairs as a table: `PAIR_COLUMNS`."""
    columns: dict[str, Any] = {
        name: pd.Series([getattr(pair, name) for pair in pairs], dtype=_DTYPES[name]) for name in PAIR_COLUMNS
    }
    return pd.DataFrame(columns)
