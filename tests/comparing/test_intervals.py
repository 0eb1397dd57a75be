"""Confidence intervals, against published numbers."""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist, fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.comparing.intervals import mean_interval, t_quantile, wilson_interval

# R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), 857-872,
# table I, method 3 (score without continuity correction).
NEWCOMBE = [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]


@pytest.mark.parametrize(("yes", "n", "low", "high"), NEWCOMBE)
def test_wilsons_interval_is_the_published_one(yes: int, n: int, low: float, high: float) -> None:
    """Newcombe's four worked examples, to their four digits."""
    assert wilson_interval(yes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_holds_the_share_and_stays_in_bounds(counts: tuple[int, int]) -> None:
    """Never below 0 or above 1, and never empty."""
    yes, n = counts
    low, high = wilson_interval(yes, n)
    assert 0.0 <= low <= yes / n + 1e-12
    assert yes / n - 1e-12 <= high <= 1.0
    assert low < high


# The table that is in every textbook, such as NIST/SEMATECH, "e-Handbook of Statistical Methods", 1.3.6.7.2.
T_TABLE = [
    (1, 12.706),
    (2, 4.303),
    (3, 3.182),
    (4, 2.776),
    (5, 2.571),
    (6, 2.447),
    (8, 2.306),
    (10, 2.228),
    (20, 2.086),
    (30, 2.042),
    (60, 2.000),
    (100, 1.984),
]


@pytest.mark.parametrize(("df", "quantile"), T_TABLE)
def test_students_quantile_is_that_of_the_table(df: int, quantile: float) -> None:
    """At 0.975; the expansion is worst at 3 degrees of freedom."""
    assert t_quantile(0.975, df) == pytest.approx(quantile, abs=0.0045 if df == 3 else 0.0015)


def test_students_interval_covers_as_often_as_it_says() -> None:
    """2,000 samples of 8 normal numbers: the true mean is inside in 95 %, give or take chance."""
    rng = Random(7)
    normal = NormalDist(10, 3)
    samples = ([normal.inv_cdf(max(rng.random(), 1e-12)) for _ in range(8)] for _ in range(2000))
    inside = [low <= 10 <= high for low, high in map(mean_interval, samples)]
    assert 0.935 <= fmean(inside) <= 0.965


def test_what_cannot_be_computed_is_not_guessed() -> None:
    """No rows, or one number: NaN."""
    assert all(math.isnan(x) for x in (*wilson_interval(0, 0), *mean_interval([]), *mean_interval([1.0])))
    assert mean_interval([2.0, 2.0]) == (2.0, 2.0)
