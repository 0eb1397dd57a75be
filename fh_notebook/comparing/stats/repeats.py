"""Repeats of a row: agreement of its answers, pass@k and pass^k, variance within and between rows. Pure.

Rows are independent and repeats of a row are not, so everything is computed for each row and then over rows.

**Agreement** of a row is the share of its pairs of repeats with equal answers: the chance that a second call says the
same again.

**pass@k** is the chance that at least one of k calls is right, **pass^k** that all of them are. Of a row with `c` right
ones of `n` they are estimated without bias by all sets of k of the n repeats: ``1 - C(n - c, k) / C(n, k)`` (M. Chen
and others, "Evaluating large language models trained on code", arXiv 2107.03374 (2021)) and ``C(c, k) / C(n, k)`` (S.
Yao, N. Shinn, P. Razavi and K. Narasimhan, "tau-bench: A benchmark for tool-agent-user interaction in real-world
domains", arXiv 2406.12045 (2024)). A row with fewer than k repeats says nothing of k and is left out.

**Variance** of a score within rows and between them by the analysis of variance of one random factor, with unequal
numbers of repeats (S. R. Searle, G. Casella and C. E. McCulloch, "Variance Components" (1992), section 3.6): the mean
square within rows, and ``(mean square between - mean square within) / n0`` with ``n0 = (N - sum(n**2) / N) / (rows -
1)``, at least 0. The **intraclass correlation** is the part of the variance that is between rows: near 1, more rows
make a mean more precise and repeats do not.

**Intervals** are over rows. Agreement and pass rates are means of shares, with Blaker's interval for an effective
number of trials (`interval_of_share`). That of the intraclass correlation has the percentiles of 2,000 bootstrap
samples of rows (fixed seed).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fh_notebook.comparing.stats.intervals import (
    LEVEL,
    NAN,
    RESAMPLES,
    SEED,
    Interval,
    Numbers,
    draw_counts,
    interval_of_share,
)

__all__ = [
    "PassRate",
    "RowScores",
    "VarianceComponents",
    "agreement_of_rows",
    "interval_of_agreement",
    "pass_all_of_rows",
    "pass_any_of_rows",
    "pass_rates",
    "variance_components",
]

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowScores:
    """The scores of the repeats of each row, summed up."""

    n: Counts
    """Scored repeats of each row, at least 1."""
    sums: Numbers
    squares: Numbers
    """Sum of the squared distances of the scores from the mean of their row."""

    @classmethod
    def of(cls, scores: Numbers, row_of: Counts) -> RowScores:
        """Return the sums of scores, by the row of each, which is numbered from 0."""
        n = np.bincount(row_of)
        sums = np.bincount(row_of, weights=scores).astype(np.float64)
        squares = np.bincount(row_of, weights=np.square(scores - (sums / n)[row_of])).astype(np.float64)
        return cls(n=n, sums=sums, squares=squares)


# --- answers


def agreement_of_rows(groups: Sequence[Sequence[int]]) -> Numbers:
    """Return the share of equal pairs of answers of each row, by how often it had each answer; NaN of one repeat.

    Examples
    --------
    >>> agreement_of_rows([[5], [4, 1], [1, 1], [1]]).tolist()
    [1.0, 0.6, 0.0, nan]
    """
    shares = np.full(len(groups), NAN)
    for place, sizes in enumerate(groups):
        n = sum(sizes)
        if n > 1:
            shares[place] = sum(size * (size - 1) for size in sizes) / (n * (n - 1))
    return shares


def interval_of_agreement(shares: Numbers, repeats: int, level: float = LEVEL) -> Interval:
    """Return the interval of the mean agreement of rows; `repeats` is the number of all their answers."""
    return interval_of_share(shares, repeats // 2, level)  # a pair has two of them


# --- pass@k and pass^k


def pass_any_of_rows(n: Counts, right: Counts, k: int) -> Numbers:
    """Return the share of sets of k repeats of each row of which at least one is right; NaN below k repeats.

    Examples
    --------
    >>> pass_any_of_rows(np.array([5, 5, 2]), np.array([1, 5, 1]), 3).tolist()
    [0.6, 1.0, nan]
    """
    return 1.0 - _share_of_sets(n, n - right, k)


def pass_all_of_rows(n: Counts, right: Counts, k: int) -> Numbers:
    """Return the share of sets of k repeats of each row of which all are right; NaN below k repeats.

    Examples
    --------
    >>> pass_all_of_rows(np.array([5, 5, 2]), np.array([4, 5, 1]), 3).tolist()
    [0.4, 1.0, nan]
    """
    return _share_of_sets(n, right, k)


def _share_of_sets(n: Counts, part: Counts, k: int) -> Numbers:
    """Return the share of sets of k of n that lie in a part of them, ``C(part, k) / C(n, k)``."""
    shares = np.ones(len(n))
    for taken in range(k):  # a product of shares: binomial coefficients of many repeats are no floats
        shares *= np.divide(np.maximum(part - taken, 0), n - taken, out=np.ones(len(n)), where=n > taken)
    return np.where(n >= k, shares, NAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRate:
    """pass@k and pass^k of a variant."""

    k: int
    rows: int
    """Rows with at least k scored repeats."""
    pass_any: float
    """pass@k."""
    any_low: float
    any_high: float
    pass_all: float
    """pass^k."""
    all_low: float
    all_high: float


def pass_rates(n: Counts, right: Counts) -> list[PassRate]:
    """Return the pass rates for k from 1 to the largest number of repeats.

    Examples
    --------
    >>> rates = pass_rates(np.array([2, 2, 1]), np.array([2, 1, 0]))
    >>> [(rate.k, rate.rows, rate.pass_any, rate.pass_all) for rate in rates]
    [(1, 3, 0.5, 0.5), (2, 2, 1.0, 0.5)]
    """
    return [_pass_rate(n, right, k) for k in range(1, int(n.max(initial=0)) + 1)]


def _pass_rate(n: Counts, right: Counts, k: int) -> PassRate:
    enough = n >= k
    trials = int(n[enough].sum()) // k
    of_any, of_all = (rate(n[enough], right[enough], k) for rate in (pass_any_of_rows, pass_all_of_rows))
    any_interval, all_interval = (interval_of_share(of_rows, trials) for of_rows in (of_any, of_all))
    return PassRate(
        k=k, rows=int(enough.sum()),
        pass_any=float(of_any.mean()), any_low=any_interval.low, any_high=any_interval.high,
        pass_all=float(of_all.mean()), all_low=all_interval.low, all_high=all_interval.high,
    )  # fmt: skip


# --- variance


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """The variance of a score within rows and between them."""

    within: float
    between: float
    icc: float
    """The intraclass correlation: the part that is between rows; NaN where nothing varies."""
    icc_low: float = NAN
    icc_high: float = NAN


def variance_components(rows: RowScores) -> VarianceComponents:
    """Return the variances of scores; NaN without a row that has repeats, or with one row only.

    Examples
    --------
    >>> scores = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    >>> found = variance_components(RowScores.of(scores, np.array([0, 0, 1, 1, 2, 2])))
    >>> round(found.within, 3), round(found.between, 3), round(found.icc, 3)
    (0.167, 0.167, 0.5)
    """
    within, between = (float(part[0]) for part in _components(rows, np.ones((1, len(rows.n)))))
    total = within + between
    low, high = NAN, NAN
    if len(rows.n) > 1 and total > 0:
        rng = np.random.default_rng(SEED)
        parts = _components(rows, draw_counts(rng, RESAMPLES, len(rows.n)))
        with np.errstate(invalid="ignore", divide="ignore"):
            iccs = parts[1] / (parts[0] + parts[1])
        known = iccs[~np.isnan(iccs)]
        if len(known):
            low, high = (float(limit) for limit in np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return VarianceComponents(
        within=within, between=between, icc=between / total if total > 0 else NAN, icc_low=low, icc_high=high
    )


def _components(rows: RowScores, weights: Numbers) -> tuple[Numbers, Numbers]:
    """Return the variances within and between rows of samples of rows: `weights` says how often each is in each."""
    n = rows.n.astype(np.float64)
    count, lines = weights.sum(axis=1), weights @ n
    means = rows.sums / n
    center = (weights @ rows.sums) / lines
    # Of distances from the mean of all, which keeps the digits of large scores.
    shift = float(rows.sums.sum() / n.sum())
    between_squares = weights @ (n * np.square(means - shift)) - lines * np.square(center - shift)
    with np.errstate(invalid="ignore", divide="ignore"):
        within = (weights @ rows.squares) / (lines - count)
        n0 = (lines - (weights @ np.square(n)) / lines) / (count - 1)
        between = np.maximum((between_squares / (count - 1) - within) / n0, 0.0)
    is_known = (lines > count) & (count > 1)
    return np.where(is_known, within, NAN), np.where(is_known, between, NAN)
