"""`Grid`: scores as an array, rows x variants, from which all statistics are computed. Pure.

Repeats of a row, and rows with equal inputs, are not independent, so they are averaged to one value before anything is
computed over rows. All operations are on whole arrays: 400,000 lines take a fraction of a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.comparing.stats.intervals import UNBOUNDED, Numbers, ScoreRange

DIGITS: Final = 12
"""Digits to which means of repeats are rounded: the same scores in another order must tie."""
NOISE_DIGITS: Final = 12
"""Digits of the largest score to which differences are rounded: 0.1 + 0.2 and 0.3 tie, and 0.3 - 0.2 and 0.2 - 0.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The mean score of each row and variant."""

    variants: tuple[str, ...]
    means: Numbers
    """Rows x variants; NaN where nothing was scored."""
    counts: NDArray[np.int64]
    """Scored lines behind each mean."""
    yes_no: bool
    """Whether all scores are true or false (0 or 1)."""
    copies: NDArray[np.int64]
    """Rows of the table behind each row of the grid: more than one where their inputs are equal."""
    distinct: NDArray[np.int64]
    """Scored lines behind each mean, without copies: a copy of a line has the same answer."""
    within: ScoreRange = UNBOUNDED

    @classmethod
    def of(cls, lines: pd.DataFrame, variants: Sequence[str], *, by: str = "pair") -> Grid:
        """Return the grid of scored lines: ``pair``, ``variant``, ``score``; `by` is the column that tells its rows.

        Examples
        --------
        >>> lines = pd.DataFrame({"pair": [7, 7, 8], "variant": ["a", "b", "a"], "score": [1.0, 0.0, 1.0]})
        >>> Grid.of(lines, ["a", "b"]).means.tolist()
        [[1.0, 0.0], [1.0, nan]]
        """
        row_of, rows = pd.factorize(lines[by])
        variant_of = pd.Index(list(variants)).get_indexer(pd.Index(lines["variant"]))
        scores = lines["score"].to_numpy(dtype="float64")
        is_scored = ~np.isnan(scores)
        cells = (row_of * len(variants) + variant_of)[is_scored]
        size, shape = len(rows) * len(variants), (len(rows), len(variants))
        counts = np.bincount(cells, minlength=size)
        sums = np.bincount(cells, weights=scores[is_scored], minlength=size)
        means = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
        repeated = counts > 1
        means[repeated] = _round_significant(means[repeated])
        distinct = counts if by == "pair" else _without_copies(cells, lines["pair"][is_scored], counts)
        first = ~lines["pair"].duplicated().to_numpy() if by != "pair" else np.unique(row_of, return_index=True)[1]
        return cls(
            variants=tuple(variants),
            means=means.reshape(shape),
            counts=counts.reshape(shape).astype("int64"),
            yes_no=are_yes_no(scores),
            copies=np.bincount(row_of[first], minlength=len(rows)).astype("int64"),
            distinct=distinct.reshape(shape).astype("int64"),
            within=ScoreRange.of([means], lines.attrs.get("bounds")),
        )

    @staticmethod
    def by_cell(
        row_of: NDArray[Any], cell_of: NDArray[Any], scores: Numbers, cells: int, *, pairs: pd.Series[Any] | None = None
    ) -> tuple[list[Numbers], NDArray[np.int64]]:
        """Return the means of the rows of each cell, and its number of scored lines without copies.

        It is for many cells of few rows each. `pairs` identifies the copies of a row; without it there are none.

        Examples
        --------
        >>> Grid.by_cell(np.array([0, 0, 1]), np.array([0, 0, 1]), np.array([1.0, 0.0, np.nan]), 2)
        ([array([0.5]), array([], dtype=float64)], array([2, 0]))
        """
        is_scored = ~np.isnan(scores)
        rows = int(row_of.max(initial=-1)) + 1
        places, inverse, counts = np.unique(
            cell_of[is_scored].astype(np.int64) * rows + row_of[is_scored], return_inverse=True, return_counts=True
        )
        means = np.bincount(inverse, weights=scores[is_scored], minlength=len(places)) / counts
        means[counts > 1] = _round_significant(means[counts > 1])
        ends = np.searchsorted(places, np.arange(1, cells) * rows)
        distinct = counts if pairs is None else _without_copies(inverse, pairs[is_scored], counts)
        lines = np.bincount(places // max(rows, 1), weights=distinct, minlength=cells)
        return np.split(means, ends), lines.astype(np.int64)

    def differing_rows(self, variant_pairs: Sequence[tuple[str, str]] | None = None) -> list[int]:
        """Return the rows on which scores differ (for the pairs of `which`, by default all), the largest first."""
        spread = score_spread(self.means) if variant_pairs is None else np.zeros(len(self.means))
        for a, b in variant_pairs or ():
            first, second = (self.means[:, self.variants.index(name)] for name in (a, b))
            spread = np.fmax(spread, np.abs(without_noise(second - first, _without_nan(first), _without_nan(second))))
        order = np.argsort(-spread, kind="stable")
        rows: list[int] = order[: int((spread > 0).sum())].tolist()
        return rows

    def of_variant(self, variant: str) -> Numbers:
        """Return the means of the rows that have a score of `variant`."""
        column = self.means[:, self.variants.index(variant)]
        return np.asarray(column[~np.isnan(column)])

    def lines_of(self, variant: str) -> int:
        """Return how many scored lines a variant has, copies left out."""
        return int(self.distinct[:, self.variants.index(variant)].sum())

    def shared(self, a: str, b: str) -> tuple[Numbers, Numbers]:
        """Return the means of both variants on the rows where both have a score."""
        first, second = (self.means[:, self.variants.index(name)] for name in (a, b))
        both = ~(np.isnan(first) | np.isnan(second))
        return first[both], second[both]

    def rows_of(self, variant: str) -> int:
        """Return how many rows of the table :meth:`of_variant` is made of."""
        return int(self.copies[self.counts[:, self.variants.index(variant)] > 0].sum())

    def behind(self, a: str, b: str) -> tuple[int, int]:
        """Return how many rows of the table, and scored lines of each variant without copies, :meth:`shared` is of."""
        places = [self.variants.index(name) for name in (a, b)]
        both = (self.counts[:, places] > 0).all(axis=1)
        return int(self.copies[both].sum()), int(self.distinct[both][:, places].min(axis=1).sum())


def are_yes_no(scores: Numbers) -> bool:
    """Whether all scores are true or false (0 or 1), and there are any; NaN does not count.

    Examples
    --------
    >>> are_yes_no(np.array([1.0, np.nan, 0.0])), are_yes_no(np.array([0.5])), are_yes_no(np.array([np.nan]))
    (True, False, False)
    """
    known = scores[~np.isnan(scores)]
    return bool(len(known)) and bool(((known == 0) | (known == 1)).all())


def _without_copies(cells: NDArray[Any], pairs: pd.Series, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of lines of each cell without copies: that of the pair with most lines in the cell.

    `counts` has the number with copies; in nearly every cell it is one line, and none of these is looked at.
    """
    most = np.minimum(counts, 1).astype(np.int64)
    has_many = counts[cells] > 1
    codes, pair_labels = pd.factorize(pairs[has_many])
    places, lines = np.unique(cells[has_many] * max(len(pair_labels), 1) + codes, return_counts=True)
    np.maximum.at(most, places // max(len(pair_labels), 1), lines)
    return most


def score_spread(means: Numbers) -> Numbers:
    """Return the range of the scores of each row, of rows x variants; 0 for a row without scores."""
    is_scored = ~np.isnan(means)
    low = np.where(is_scored, means, np.inf).min(axis=1, initial=np.inf)
    high = np.where(is_scored, means, -np.inf).max(axis=1, initial=-np.inf)
    spread = np.zeros(len(means))
    np.subtract(high, low, out=spread, where=is_scored.any(axis=1))
    return without_noise(spread, _without_nan(means))


def _without_nan(values: Numbers) -> Numbers:
    return np.asarray(values[~np.isnan(values)])


def _round_significant(values: Any) -> Any:
    """Round to `DIGITS` significant digits, whatever the scale of the scores."""
    if not len(values):
        return values
    largest = float(np.abs(values).max())
    if largest == 0 or not np.isfinite(largest):
        return values
    return np.round(values / largest, DIGITS) * largest


def without_noise(differences: Numbers, *scores: Numbers) -> Numbers:
    """Return differences without the noise of binary fractions: rounded to `NOISE_DIGITS` digits of the largest score.

    Examples
    --------
    >>> first, second = np.array([0.3, 0.2, 0.1]), np.array([0.1 + 0.2, 0.3, 0.2])
    >>> without_noise(second - first, first, second).tolist()
    [0.0, 0.1, 0.1]
    """
    largest = max((float(np.abs(part).max()) for part in scores if len(part)), default=0.0)
    if not 1e-200 < largest < 1e200:  # beyond, the power of ten would overflow; what has no size has no noise
        return differences
    return np.round(differences, NOISE_DIGITS - 1 - math.floor(math.log10(largest)))
