"""What is added up over partitions so that a comparison needs no row: counts of values, sums, wins. Pure.

Rule of this file: adding is all that is done with it, in any order and any number of times. Values are counted
(`counted.py` rounds them where there are many different ones), while their sums stay exact. All runs of a row lie in
one partition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from fh_notebook.comparing.grid import Grid, without_noise
from fh_notebook.comparing.intervals import Numbers
from fh_notebook.comparing.ranges import ScoreRange
from fh_notebook.scaling.counted import NOTHING, Counted

__all__ = ["PairSum", "Sums", "VariantSum", "sums_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSum:
    """What is added up of one variant."""

    scored: int = 0
    lines: int = 0
    """Scored lines without those of copies."""
    missing: int = 0
    """Lines without a score that did not fail."""
    failed: int = 0
    charged: int = 0
    errors: int = 0
    rows: int = 0
    """Distinct ones: those that ask the same are one."""
    copies: int = 0
    """Rows of the table behind them."""
    total: float = 0.0
    squares: float = 0.0
    yes_no: bool = True
    means: Counted = NOTHING
    """Of rows."""
    seconds: Counted = NOTHING

    def plus(self, other: VariantSum) -> VariantSum:
        """Return both together."""
        names = ("scored", "lines", "missing", "failed", "charged", "errors", "rows", "copies", "total", "squares")
        whole = {name: getattr(self, name) + getattr(other, name) for name in names}
        return VariantSum(
            **whole,
            yes_no=self.yes_no and other.yes_no,
            means=self.means.plus(other.means),
            seconds=self.seconds.plus(other.seconds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSum:
    """What is added up of two variants, on the rows that both have a score of."""

    n: int = 0
    total_a: float = 0.0
    total_b: float = 0.0
    squares: float = 0.0
    """Of the differences."""
    wins: int = 0
    losses: int = 0
    rows: int = 0
    """Rows of the table behind the `n` distinct ones."""
    lines: int = 0
    """Scored lines of each variant behind them."""
    apart: Counted = NOTHING
    """The differences, `b` less `a`."""
    few: tuple[Numbers, Numbers] | None = (np.zeros(0), np.zeros(0))
    """All scores of both, while there are few rows: then every test is the very one of a table in memory."""

    def plus(self, other: PairSum, few: int) -> PairSum:
        """Return both together, with the scores themselves up to so many rows."""
        both = None
        if self.few is not None and other.few is not None and self.n + other.n <= few:
            both = (np.concatenate([self.few[0], other.few[0]]), np.concatenate([self.few[1], other.few[1]]))
        return PairSum(
            n=self.n + other.n,
            total_a=self.total_a + other.total_a,
            total_b=self.total_b + other.total_b,
            squares=self.squares + other.squares,
            wins=self.wins + other.wins,
            losses=self.losses + other.losses,
            rows=self.rows + other.rows,
            lines=self.lines + other.lines,
            apart=self.apart.plus(other.apart),
            few=both,
        )


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What is added up of a comparison."""

    scorer: str = ""
    lower: bool = False
    variants: dict[str, VariantSum] = field(default_factory=dict)
    pairs: dict[tuple[str, str], PairSum] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    first_at: Any = None
    last_at: Any = None
    bounds: tuple[float, float] | None = None
    """Between which the scorer says that scores are."""

    @property
    def within(self) -> ScoreRange:
        """The range of the scores of all variants."""
        known = [total for total in self.variants.values() if total.rows]
        rows = sum(total.rows for total in known)
        if not rows:
            return ScoreRange()
        mean = sum(total.total for total in known) / rows
        spread = math.sqrt(max(0.0, sum(total.squares for total in known) / rows - mean * mean))
        ends = [(float(total.means.values[0]), float(total.means.values[-1])) for total in known]
        least, most = min(low for low, _ in ends), max(high for _, high in ends)
        return ScoreRange.between(least, most, spread if most > least else 0.0, self.bounds)

    def plus(self, other: Sums, few: int) -> Sums:
        """Return both together."""
        variants, pairs = dict(self.variants), dict(self.pairs)
        for name, more in other.variants.items():
            variants[name] = variants[name].plus(more) if name in variants else more
        for (a, b), more_of in other.pairs.items():
            key = (a, b)
            if (b, a) in pairs:
                key, more_of = (b, a), turned(more_of)
            pairs[key] = pairs[key].plus(more_of, few) if key in pairs else more_of
        moments = [x for x in (self.first_at, other.first_at) if x is not None]
        ends = [x for x in (self.last_at, other.last_at) if x is not None]
        return replace(
            self,
            scorer=self.scorer or other.scorer,
            lower=self.lower or other.lower,
            bounds=self.bounds or other.bounds,
            variants=variants,
            pairs=pairs,
            notes=tuple(dict.fromkeys((*self.notes, *other.notes))),
            first_at=min(moments, default=None),
            last_at=max(ends, default=None),
        )


def turned(pair: PairSum) -> PairSum:
    """Return the same with both variants exchanged."""
    apart = Counted(-pair.apart.values[::-1], pair.apart.counts[::-1])
    few = None if pair.few is None else (pair.few[1], pair.few[0])
    return replace(
        pair, total_a=pair.total_b, total_b=pair.total_a, wins=pair.losses, losses=pair.wins, apart=apart, few=few
    )


def sums_of(lines: pd.DataFrame, *, scorer: str, lower: bool, few: int) -> Sums:
    """Return the sums of scored lines: those of one partition.

    Parameters
    ----------
    lines : DataFrame
        As ``comparing.sources.take`` makes them.
    scorer : str
        What scored.
    lower : bool
        Whether a lower score is the better one.
    few : int
        Up to so many rows the scores themselves are kept, too.
    """
    names = [str(v) for v in dict.fromkeys(lines["variant"])]
    grid = Grid.of(lines, names, by="cluster")
    began = lines["started_at"].dropna()
    return Sums(
        scorer=scorer,
        lower=lower,
        variants={name: _of_variant(lines[lines["variant"] == name], grid, name) for name in names},
        pairs={(a, b): _of_pair(grid, a, b, lower=lower, few=few) for a, b in combinations(names, 2)},
        notes=tuple(lines.attrs.get("notes", ())),
        first_at=began.min() if len(began) else None,
        last_at=began.max() if len(began) else None,
        bounds=lines.attrs.get("bounds"),
    )


def _of_variant(lines: pd.DataFrame, grid: Grid, name: str) -> VariantSum:
    means = grid.of_variant(name)
    scores = lines["score"].to_numpy(dtype="float64")
    told = scores[~np.isnan(scores)]
    failed = (lines["status"] == "failed").to_numpy(dtype=bool)
    return VariantSum(
        scored=len(told),
        lines=grid.lines_of(name),
        missing=int((np.isnan(scores) & ~failed).sum()),
        failed=int(failed.sum()),
        charged=int(lines["charged"].sum()),
        errors=int(lines["score_error"].notna().sum()),
        rows=len(means),
        copies=grid.rows_of(name),
        total=float(means.sum()),
        squares=float(np.square(means).sum()),
        yes_no=bool(((told == 0) | (told == 1)).all()),
        means=Counted.of(means),
        seconds=Counted.of(lines["seconds"].to_numpy(dtype="float64")),
    )


def _of_pair(grid: Grid, a: str, b: str, *, lower: bool, few: int) -> PairSum:
    (first, second), (rows, scored) = grid.shared(a, b), grid.behind(a, b)
    apart = without_noise(second - first, first, second)
    gained = -apart if lower else apart
    return PairSum(
        n=len(apart),
        total_a=float(first.sum()),
        total_b=float(second.sum()),
        squares=float(np.square(apart).sum()),
        wins=int((gained > 0).sum()),
        losses=int((gained < 0).sum()),
        rows=rows,
        lines=scored,
        apart=Counted.of(apart),
        few=(first, second) if len(apart) <= few else None,
    )
