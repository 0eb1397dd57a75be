"""Sufficient statistics of a comparison, added over partitions: counts of values, sums, and wins. Pure.

Sums can be added in any order, any number of times. Values are counted exactly while there are few different ones
(yes/no scores have three differences); more than `MAX_VALUES` are rounded to 12 binary digits or fewer, about one part
in 2,000, while their sums stay exact. Quantiles, the bootstrap interval and the signed-rank test are computed from the
counts. All runs of a row lie in one partition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from fh_notebook.comparing.stats.grid import Grid, without_noise
from fh_notebook.comparing.stats.intervals import LEVEL, SEED, Numbers, ScoreRange

MAX_VALUES: Final = 20_000
"""Different values that are counted as they are."""

DIGITS: Final = 12

RESAMPLES: Final = 1_000

DRAWN_FROM: Final = 2_048
"""Different values that the bootstrap draws weights for."""


class ValueCounts(NamedTuple):
    """Numbers, each with how often it came; in order."""

    values: Numbers
    counts: Numbers

    @classmethod
    def of(cls, values: Numbers) -> ValueCounts:
        """Count values; NaN is left out.

        Examples
        --------
        >>> ValueCounts.of(np.array([1.0, 0.0, 1.0])).quantile(0.5)
        1.0
        """
        different, counts = np.unique(values[~np.isnan(values)], return_counts=True)
        return cls(different, counts.astype("float64")).thinned(MAX_VALUES)

    def plus(self, other: ValueCounts) -> ValueCounts:
        """Return both together."""
        return _together(np.concatenate([self.values, other.values]), np.concatenate([self.counts, other.counts]))

    def thinned(self, most: int) -> ValueCounts:
        """Return no more than about so many different values: near ones are one."""
        digits, result = DIGITS, self
        while len(result.values) > most and digits > 4:
            share, power = np.frexp(result.values)
            result = _together(np.ldexp(np.round(share * 2.0**digits) / 2.0**digits, power), result.counts, thin=False)
            digits -= 1
        return result

    @property
    def n(self) -> int:
        """How many numbers there are."""
        return int(self.counts.sum())

    def quantile(self, q: float) -> float:
        """Return a quantile: between the two numbers around it, as numpy does."""
        if not self.n:
            return float("nan")
        ends = np.cumsum(self.counts)
        position = q * (self.n - 1)
        low, high = (
            self.values[np.searchsorted(ends, x, side="right")] for x in (math.floor(position), math.ceil(position))
        )
        return float(low + (high - low) * (position - math.floor(position)))

    def expanded(self) -> Numbers:
        """Return all the numbers."""
        return np.repeat(self.values, self.counts.astype("int64"))


def _together(values: Numbers, counts: Numbers, *, thin: bool = True) -> ValueCounts:
    different, index = np.unique(values, return_inverse=True)
    counted = np.bincount(index, weights=counts, minlength=len(different))
    result = ValueCounts(different, np.asarray(counted, dtype=np.float64))
    return result.thinned(MAX_VALUES) if thin else result


NO_VALUES: Final = ValueCounts(np.zeros(0), np.zeros(0))


# --- from counts to numbers


def poisson_interval(
    counted: ValueCounts, level: float = LEVEL, *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """Return the bootstrap interval of a mean, by Poisson weights; NaN below two values.

    Each row is drawn a Poisson(1) number of times (N. Chamandy and others, "Estimating uncertainty for massive data
    streams", Google (2012); J. A. Hanley and B. MacGibbon, "Creating non-parametric bootstrap samples using Poisson
    frequencies", Computer Methods and Programs in Biomedicine 83 (2006), 57-62). The weights of `c` equal rows add up
    to a Poisson(`c`) number, so one is drawn for each different value, and ten million rows cost what their values do.
    Where a value is the mean of a row's repeats, rows are what is drawn: a clustered bootstrap.

    Examples
    --------
    >>> low, high = poisson_interval(ValueCounts(np.array([0.0, 1.0]), np.array([5000.0, 5000.0])))
    >>> bool(0.485 < low < 0.495 < 0.505 < high < 0.515)
    True
    """
    if counted.n < 2:
        return float("nan"), float("nan")
    if len(counted.values) == 1:
        return float(counted.values[0]), float(counted.values[0])
    sample = counted.thinned(DRAWN_FROM)
    weights = np.random.default_rng(seed).poisson(sample.counts, size=(resamples, len(sample.counts)))
    totals = weights.sum(axis=1)
    means = (weights @ sample.values)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilcoxon_of(differences: ValueCounts) -> tuple[float, float]:
    """Return the two-sided p of Wilcoxon's signed-rank test, and the rank-biserial correlation, from counts.

    By the normal distribution with the correction for ties, as for every table of more than 50 rows; F. Wilcoxon,
    "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945), 80-83.

    Examples
    --------
    >>> p, effect = wilcoxon_of(ValueCounts(np.array([-1.0, 0.0, 1.0]), np.array([40.0, 10.0, 60.0])))
    >>> round(p, 4), round(effect, 4)
    (0.0455, 0.2)
    """
    moved = differences.values != 0
    sizes, index = np.unique(np.abs(differences.values[moved]), return_inverse=True)
    counts = differences.counts[moved]
    tied = np.bincount(index, weights=counts, minlength=len(sizes))
    n = float(tied.sum())
    if n == 0:
        return 1.0, 0.0
    ranks = (np.cumsum(tied) - (tied - 1) / 2)[index]
    signs = np.sign(differences.values[moved])
    signed = float((ranks * signs * counts).sum())
    # Of R+ - R-: its mean is 0 and its variance four times that of R+.
    variance = n * (n + 1) * (2 * n + 1) / 6 - float((tied**3 - tied).sum()) / 12
    p = math.erfc(abs(signed) / math.sqrt(2 * variance)) if variance > 0 else 1.0
    return p, signed / (n * (n + 1) / 2)


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
    means: ValueCounts = NO_VALUES
    """Of rows."""
    seconds: ValueCounts = NO_VALUES

    def plus(self, other: VariantSum) -> VariantSum:
        """Return both together."""
        names = ("scored", "lines", "missing", "failed", "charged", "errors", "rows", "copies", "total", "squares")
        totals = {name: getattr(self, name) + getattr(other, name) for name in names}
        return VariantSum(
            **totals,
            yes_no=self.yes_no and other.yes_no,
            means=self.means.plus(other.means),
            seconds=self.seconds.plus(other.seconds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSum:
    """What is added up of two variants, on the rows where both have a score."""

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
    differences: ValueCounts = NO_VALUES
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
            differences=self.differences.plus(other.differences),
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
        totals = [total for total in self.variants.values() if total.rows]
        rows = sum(total.rows for total in totals)
        if not rows:
            return ScoreRange()
        mean = sum(total.total for total in totals) / rows
        spread = math.sqrt(max(0.0, sum(total.squares for total in totals) / rows - mean * mean))
        ends = [(float(total.means.values[0]), float(total.means.values[-1])) for total in totals]
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
    differences = ValueCounts(-pair.differences.values[::-1], pair.differences.counts[::-1])
    few = None if pair.few is None else (pair.few[1], pair.few[0])
    return replace(
        pair,
        total_a=pair.total_b,
        total_b=pair.total_a,
        wins=pair.losses,
        losses=pair.wins,
        differences=differences,
        few=few,
    )


def sums_of(lines: pd.DataFrame, *, scorer: str, lower: bool, few: int) -> Sums:
    """Return the sums of scored lines: those of one partition."""
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
    scored = scores[~np.isnan(scores)]
    failed = (lines["status"] == "failed").to_numpy(dtype=bool)
    return VariantSum(
        scored=len(scored),
        lines=grid.lines_of(name),
        missing=int((np.isnan(scores) & ~failed).sum()),
        failed=int(failed.sum()),
        charged=int(lines["charged"].sum()),
        errors=int(lines["score_error"].notna().sum()),
        rows=len(means),
        copies=grid.rows_of(name),
        total=float(means.sum()),
        squares=float(np.square(means).sum()),
        yes_no=bool(((scored == 0) | (scored == 1)).all()),
        means=ValueCounts.of(means),
        seconds=ValueCounts.of(lines["seconds"].to_numpy(dtype="float64")),
    )


def _of_pair(grid: Grid, a: str, b: str, *, lower: bool, few: int) -> PairSum:
    (first, second), (rows, scored) = grid.shared(a, b), grid.behind(a, b)
    differences = without_noise(second - first, first, second)
    gained = -differences if lower else differences
    return PairSum(
        n=len(differences),
        total_a=float(first.sum()),
        total_b=float(second.sum()),
        squares=float(np.square(differences).sum()),
        wins=int((gained > 0).sum()),
        losses=int((gained < 0).sum()),
        rows=rows,
        lines=scored,
        differences=ValueCounts.of(differences),
        few=(first, second) if len(differences) <= few else None,
    )
