"""Confidence intervals, against published numbers."""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist, fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats

from fh_notebook.comparing.stats.intervals import (
    analytic_bca,
    bca_interval,
    bca_intervals,
    blaker_interval,
    interval_of_mean,
    interval_of_share,
    intervals_of_differences,
    mean_interval,
    normal_interval,
    t_quantile,
)

COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def _blakers_p(yes: int, n: int, share: float) -> float:
    """Return the p of Blaker's test by its definition: of all that is as far out, by the smaller of its tails."""
    of = np.arange(n + 1)
    tails = np.minimum(stats.binom.cdf(of, n, share), stats.binom.sf(of - 1, n, share))
    return float(stats.binom.pmf(of, n, share)[tails <= tails[yes] * (1 + 1e-9)].sum())


@pytest.mark.parametrize(("yes", "n"), [(0.0, 0.0), (math.nan, 10.0), (3.0, math.nan)])
def test_a_share_of_nothing_or_of_nan_has_no_interval(yes: float, n: float) -> None:
    """Its limits are NaN, and are found at once."""
    assert all(map(math.isnan, blaker_interval(yes, n)))


@hypothesis_settings(max_examples=50)
@given(COUNTS)
def test_the_interval_of_a_share_ends_where_blakers_test_rejects(counts: tuple[int, int]) -> None:
    """By the binomial distribution of scipy: beyond a limit p is below 0.05, just inside it is not."""
    yes, n = counts
    low, high = blaker_interval(yes, n)
    for limit, sign in ((low, 1), (high, -1)):
        if 0 < limit < 1:
            assert _blakers_p(yes, n, limit + sign * 1e-9) >= 0.05 - 1e-6
            for beyond in (1e-7, 1e-3, 1e-2):
                share = limit - sign * beyond
                assert not 0 < share < 1 or _blakers_p(yes, n, share) < 0.05 + 1e-6


@hypothesis_settings(max_examples=50)
@given(COUNTS)
def test_the_interval_of_a_share_holds_it_and_is_never_wider_than_clopper_and_pearsons(counts: tuple[int, int]) -> None:
    """Never below 0 or above 1, and never empty; the same from the other side."""
    yes, n = counts
    low, high = blaker_interval(yes, n)
    exact = stats.binomtest(yes, n).proportion_ci(method="exact")
    assert max(0.0, exact.low - 1e-9) <= low <= yes / n <= high <= min(1.0, exact.high + 1e-9)
    assert low < high
    assert blaker_interval(n - yes, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize("n", range(1, 60))
def test_the_interval_of_none_and_of_all_ends_at_0_and_1(n: int) -> None:
    """Exactly: a table would show the rounding, 2e-17."""
    assert (blaker_interval(0, n)[0], blaker_interval(n, n)[1]) == (0.0, 1.0)


@pytest.mark.parametrize("n", [400_000, 1_000_000])
def test_the_interval_of_a_share_of_many_rows_is_the_normal_one(n: int) -> None:
    """To a thousandth of its width."""
    low, high = blaker_interval(0.9 * n, n)
    half = 1.959964 * math.sqrt(0.9 * 0.1 / n)
    assert (low, high) == pytest.approx((0.9 - half, 0.9 + half), abs=0.004 * half)


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
    """At 0.975, to the table's three digits."""
    assert t_quantile(0.975, df) == pytest.approx(quantile, abs=0.0006)


def test_students_interval_covers_as_often_as_it_says() -> None:
    """2,000 samples of 8 normal numbers: the true mean is inside in 95 %, give or take chance."""
    rng = Random(7)
    normal = NormalDist(10, 3)
    samples = ([normal.inv_cdf(max(rng.random(), 1e-12)) for _ in range(8)] for _ in range(2000))
    inside = [low <= 10 <= high for low, high in map(mean_interval, samples)]
    assert 0.935 <= fmean(inside) <= 0.965


def test_what_cannot_be_computed_is_not_guessed() -> None:
    """No rows, or one number: NaN."""
    assert all(math.isnan(x) for x in (*blaker_interval(0, 0), *mean_interval([]), *mean_interval([1.0])))
    assert mean_interval([2.0, 2.0]) == (2.0, 2.0)
    assert bca_interval(np.full(50, 0.1)) == pytest.approx((0.1, 0.1))
    assert all(math.isnan(x) for x in (*bca_interval(np.ones(1)), *normal_interval(np.ones(1))))
    assert interval_of_mean(np.ones(1)).rule == interval_of_share(np.ones(0), 0).rule == "none"


# Darwin's maize, crossed less self-fertilised in eighths of an inch: R. A. Fisher, "The Design of Experiments" (1935),
# sections 17 and 21: a mean of 20.933 with t = 2.148 on 14 degrees of freedom.
DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)


def test_students_interval_is_that_of_fishers_worked_example() -> None:
    """The mean is 2.148 standard errors from 0, so that the interval just leaves it out."""
    low, high = mean_interval(DARWIN.tolist())
    assert (low + high) / 2 == pytest.approx(20.933, abs=5e-4)
    assert (high + low) / (high - low) * t_quantile(0.975, 14) == pytest.approx(2.148, abs=5e-4)
    assert low > 0


@pytest.mark.parametrize("kind", ["normal", "skewed", "few values"])
def test_the_bootstrap_interval_is_that_of_scipy(kind: str) -> None:
    """BCa by another implementation with ten times the resamples: as near as the noise of resampling allows."""
    rng = np.random.default_rng(3)
    values = {
        "normal": rng.normal(10, 3, 80),
        "skewed": rng.exponential(2.0, 60),
        "few values": rng.choice([-1.0, 0.0, 1.0], 200, p=[0.1, 0.7, 0.2]),
    }[kind]
    theirs = stats.bootstrap((values,), np.mean, method="BCa", n_resamples=20_000, rng=1).confidence_interval
    width = theirs.high - theirs.low
    assert bca_interval(values) == pytest.approx((theirs.low, theirs.high), abs=0.04 * width)


def test_a_bootstrap_interval_is_the_same_at_each_display() -> None:
    """Its generator has a fixed seed; another seed gives another one."""
    values = np.random.default_rng(1).normal(size=50)
    assert bca_interval(values) == bca_interval(values) != bca_interval(values, seed=1)


@pytest.mark.parametrize(("n", "rule"), [(2, "t"), (39, "t"), (40, "bca"), (5_000, "bca"), (5_001, "normal")])
def test_the_rule_of_a_difference_follows_from_the_number_of_pairs_and_is_named(n: int, rule: str) -> None:
    """Student's below 40, BCa to 5,000, the normal distribution's above."""
    values = np.random.default_rng(n).normal(size=n)
    (found,) = intervals_of_differences([values])
    named = {"t": mean_interval(values.tolist()), "bca": bca_interval(values), "normal": normal_interval(values)}
    assert found.rule == rule
    assert tuple(found[:2]) == named[rule]


@pytest.mark.parametrize("n", [2, 6, 39, 40, 5_000, 5_001])
def test_the_interval_of_a_mean_is_bca_whatever_the_number_of_rows(n: int) -> None:
    """Widened by Student's factor below 40 rows, plain to 5,000, without resampling above."""
    values = np.random.default_rng(n).exponential(size=n)
    found = interval_of_mean(values)
    plain, mean = np.array(bca_interval(values)), values.mean()
    assert found.rule == ("bca, widened" if n < 40 else "bca" if n <= 5_000 else "bca, analytic")
    wider = t_quantile(0.975, n - 1) * math.sqrt(n / (n - 1)) / NormalDist().inv_cdf(0.975) if n < 40 else 1.0
    width = plain[1] - plain[0]
    assert found[:2] == pytest.approx(tuple(mean + wider * (plain - mean)), abs=1e-9 if n <= 5_000 else 0.04 * width)


@pytest.mark.parametrize("kind", ["normal", "skewed", "few values"])
def test_bca_without_resampling_is_bca_with_many_resamples(kind: str) -> None:
    """To what 20,000 resamples still vary; where one outlier is all of the skewness, it is resampled after all."""
    rng = np.random.default_rng(9)
    values = {
        "normal": rng.normal(10, 3, 1_000),
        "skewed": rng.exponential(2.0, 1_000),
        "few values": rng.choice([-1.0, 0.0, 1.0], 1_000, p=[0.1, 0.7, 0.2]),
    }[kind]
    low, high = bca_interval(values, resamples=20_000)
    assert analytic_bca(values) == pytest.approx((low, high), abs=0.015 * (high - low))
    assert analytic_bca(np.full(50, 0.1)) == pytest.approx((0.1, 0.1))
    outlier = np.append(values, 1e6)
    assert analytic_bca(outlier) is None
    assert interval_of_mean(np.append(outlier, np.zeros(4_000))).rule == "bca"


def test_many_samples_are_bootstrapped_as_each_by_itself() -> None:
    """They share their draws, whether they are few and small or not; one that does not vary is a point."""
    rng = np.random.default_rng(6)
    for n in (7, 300):
        samples = np.vstack([rng.normal(size=(3, n)), np.ones((1, n))])
        for values, both in zip(samples, bca_intervals(samples), strict=True):
            assert tuple(both) == pytest.approx(bca_interval(values), abs=1e-12)


def test_where_rules_meet_they_agree() -> None:
    """A row more does not make a jump of the interval."""
    values = np.random.default_rng(5).normal(size=5_001)
    for n, other in ((40, lambda v: mean_interval(v.tolist())), (5_000, normal_interval)):
        low, high = bca_interval(values[:n])
        assert other(values[:n]) == pytest.approx((low, high), abs=0.12 * (high - low))
    few, more = interval_of_mean(values[:39]), interval_of_mean(values[:40])
    assert few.high - few.low == pytest.approx(more.high - more.low, rel=0.12)
    more, many = interval_of_mean(values[:5_000]), interval_of_mean(values)
    assert more[:2] == pytest.approx(many[:2], abs=0.05 * (many.high - many.low))


def test_repeats_of_a_row_are_a_cluster_in_the_interval_of_a_share() -> None:
    """Ten times the same answer is no more than one; ten answers that vary by themselves are nearly ten rows."""
    same = np.repeat([1.0, 0.0], [30, 10])
    one = interval_of_share(same, 40)
    assert one.rule == "blaker"
    assert interval_of_share(same, 400) == (*one[:2], "blaker, clustered")
    varied = np.random.default_rng(2).binomial(10, 0.75, 40) / 10
    low, high, _ = interval_of_share(varied, 400)
    alone = blaker_interval(varied.mean() * 400, 400)
    assert high - low == pytest.approx(alone[1] - alone[0], rel=0.35)
    assert high - low < 0.6 * (one.high - one.low)
