"""Tests of paired differences, against scipy, statsmodels and published worked examples."""

from __future__ import annotations

import gc
import inspect
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from fh_notebook.comparing.stats.hypothesis_tests import holm, mcnemar_exact, p_permutation, rank_biserial, wilcoxon
from fh_notebook.comparing.stats.pairs import compare_variants, estimate_power, power_of_mcnemar

# R. A. Fisher, "The Design of Experiments" (1935), section 21: of the 32,768 ways to give signs to the differences of
# Darwin's 15 pairs of maize plants, 863 have a sum of 314 or more, and as many of -314 or less.
# scipy before 1.15 calls it otherwise.
SEEDED: dict[str, Any] = {"rng" if "rng" in inspect.signature(stats.permutation_test).parameters else "random_state": 1}
DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=float)

# M. Hollander and D. A. Wolfe, "Nonparametric Statistical Methods" (1973), example 3.1: Hamilton's depression scale of
# nine patients before and after; P(T+ >= 40) = 0.020 one-sided (10 of 512).
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def test_the_permutation_test_is_fishers_worked_example() -> None:
    """1,726 of 32,768, counted and not drawn."""
    assert p_permutation(DARWIN) == 1726 / 32768


def test_wilcoxons_test_is_the_published_one() -> None:
    """Exact: 2 x 10 / 512."""
    assert wilcoxon(BEFORE - AFTER) == pytest.approx(20 / 512, abs=1e-12)


@pytest.mark.parametrize(
    "differences",
    [
        [2, 2, 2, 2, 2, 2],
        [0, 0, 1, 1, 1, 1, 0],
        [1, -1, 2, -2, 3, 0],
        [-3, 1, 1, 2, -1, 1, 3, 3, 0],
        [0.5, 0.25, -0.25, 1, 1, 2, -0.5, 3, 4, 4, 5, 5, 0],
    ],
)
def test_wilcoxons_test_of_zeros_and_ties_counts_all_patterns_of_signs(differences: list[float]) -> None:
    """Up to 13 pairs, as scipy's permutation test of the rank sum does."""
    signed = np.array(differences, dtype=float)
    signed = signed[signed != 0]
    ranks = stats.rankdata(np.abs(signed))
    counted = stats.permutation_test(
        (signed,),
        lambda values, axis: ((values > 0) * ranks).sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
    )
    assert wilcoxon(np.array(differences, dtype=float)) == pytest.approx(counted.pvalue, abs=1e-12)


@pytest.mark.parametrize(
    ("wins", "losses", "p"),
    [
        (7, 1, 0.070),  # B. Rosner, "Fundamentals of Biostatistics", 10.4: a machine and an observer measure pressure
        (16, 5, 0.027),  # the same chapter: two chemotherapies in 621 pairs, of which 21 differ
    ],
)
def test_mcnemars_exact_test_is_the_published_one(wins: int, losses: int, p: float) -> None:
    """To the digits that are printed."""
    assert mcnemar_exact(wins, losses) == pytest.approx(p, abs=6e-4)


@given(st.integers(0, 1500), st.integers(0, 1500))
def test_mcnemars_exact_test_is_that_of_scipy_and_statsmodels(wins: int, losses: int) -> None:
    """For few pairs and for many."""
    theirs = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert mcnemar_exact(wins, losses) == pytest.approx(theirs, rel=1e-9)
    assert mcnemar_exact(wins, losses) == pytest.approx(mcnemar([[9, wins], [losses, 9]], exact=True).pvalue, rel=1e-9)


def test_mcnemars_exact_test_is_quick_for_a_hundred_thousand_pairs() -> None:
    """By logarithms, to nine digits."""
    assert mcnemar_exact(50_000, 50_600) == pytest.approx(stats.binomtest(50_000, 100_600).pvalue, rel=1e-9)


@pytest.mark.parametrize("n", [20, 60, 400])
def test_random_flips_are_as_near_to_scipys_as_chance_allows(n: int) -> None:
    """Two samples of ten thousand flips; the same at each display."""
    apart = np.random.default_rng(n).normal(0.2, 1.0, n)
    theirs = stats.permutation_test(
        (apart, np.zeros(n)), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples",
        n_resamples=9_999, vectorized=True, **SEEDED,
    ).pvalue  # fmt: skip
    assert p_permutation(apart) == pytest.approx(theirs, abs=4 * math.sqrt(2 * theirs * (1 - theirs) / 9_999) + 1e-4)
    assert p_permutation(apart) == p_permutation(apart)


def test_flips_of_many_pairs_are_those_of_the_normal_distribution() -> None:
    """Above 5,000 pairs that differ; p is as good as Student's."""
    apart = np.random.default_rng(4).normal(0.02, 1.0, 6_000)
    assert p_permutation(apart) == pytest.approx(stats.ttest_1samp(apart, 0).pvalue, rel=0.01)


def test_flips_of_yes_and_no_are_the_binomial_distribution() -> None:
    """Then the permutation test is McNemar's."""
    apart = np.repeat([1.0, 0.0, -1.0], [17, 63, 12])
    assert p_permutation(apart) == mcnemar_exact(17, 12)


@pytest.fixture(scope="module")
def statsmodels_without_collections() -> Iterator[None]:
    """Its Holm correction ends with a full collection of garbage, through all that the tests have imported: 0.1 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)
        yield


PS = st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12)


@pytest.mark.usefixtures("statsmodels_without_collections")
@example([0.04, math.nan, 0.01, 0.03, 0.005])
@example([0.02, 0.02, 0.9, 0.6, 1.0, 0.0])
@given(PS)
def test_holms_correction_is_that_of_statsmodels(ps: list[float]) -> None:
    """What was not tested does not count, and stays untested."""
    tested = [p for p in ps if p == p]
    theirs = iter(multipletests(tested, method="holm")[1] if tested else [])
    assert holm(ps) == pytest.approx([next(theirs) if p == p else math.nan for p in ps], nan_ok=True)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=30))
def test_the_effect_is_the_difference_of_scipys_rank_sums(apart: list[int]) -> None:
    """Favourable less unfavourable ranks, as a share of all: Kerby's simple difference formula."""
    known = np.array([d for d in apart if d], dtype=float)
    ranks = stats.rankdata(np.abs(known))
    theirs = (ranks[known > 0].sum() - ranks[known < 0].sum()) / ranks.sum() if len(known) else 0.0
    assert rank_biserial(np.array(apart, dtype=float)) == pytest.approx(theirs)


def test_nothing_is_tested_below_six_pairs() -> None:
    """There are an interval and a tally, and no p."""
    pair = compare_variants("a", "b", np.zeros(5), np.ones(5), yes_no=True)
    assert (pair.test, pair.wins, pair.difference) == ("none", 5, 1.0)
    assert math.isnan(pair.p)
    assert math.isnan(pair.p_permutation)
    assert compare_variants("a", "b", np.zeros(6), np.ones(6), yes_no=True).p == 2 / 64


def test_the_test_follows_the_kind_of_the_scores() -> None:
    """McNemar's for yes and no, Wilcoxon's for numbers, also for means of repeats that are between."""
    rng = np.random.default_rng(0)
    yes_no, numbers = rng.integers(0, 2, (2, 40)).astype(float), rng.normal(size=(2, 40))
    assert compare_variants("a", "b", *yes_no, yes_no=True).p == mcnemar_exact(*_tally(yes_no))
    assert compare_variants("a", "b", *numbers, yes_no=False).p == stats.wilcoxon(numbers[1] - numbers[0]).pvalue
    assert compare_variants("a", "b", yes_no[0], (yes_no[1] + 0.5) / 2, yes_no=True).test == "wilcoxon"
    assert compare_variants("a", "b", *yes_no, yes_no=False).test == "wilcoxon"


def _tally(yes_no: np.ndarray) -> tuple[int, int]:
    return int((yes_no[1] > yes_no[0]).sum()), int((yes_no[1] < yes_no[0]).sum())


def test_a_pair_that_is_turned_says_the_same_of_the_other() -> None:
    """Every figure changes its side."""
    first, second = np.random.default_rng(1).normal(size=(2, 30))
    pair, back = (
        compare_variants(*side, yes_no=False) for side in (("a", "b", first, second), ("b", "a", second, first))
    )
    turned = pair.turned()
    assert (turned.wins, turned.losses, turned.test) == (back.wins, back.losses, back.test)
    for name in ("difference", "ci_low", "ci_high", "p", "effect", "mean_a", "mean_b", "spread"):
        assert getattr(turned, name) == pytest.approx(getattr(back, name)), name


def test_where_lower_is_better_the_lower_one_wins() -> None:
    """The difference stays b - a."""
    pair = compare_variants("a", "b", np.full(20, 2.0), np.linspace(0.5, 1.5, 20), yes_no=False, lower=True)
    assert (pair.wins, pair.losses, pair.difference, pair.effect) == (20, 0, -1.0, 1.0)
    assert pair.lead == 1.0


# --- power


@pytest.mark.parametrize("difference", [0.2, 0.35, 0.8])
def test_rows_needed_for_numbers_are_those_of_statsmodels(difference: float) -> None:
    """By the noncentral t distribution there, by Guenther's formula here: within a row or two."""
    apart = np.random.default_rng(2).normal(size=100)
    apart = (apart - apart.mean()) / apart.std(ddof=1)
    pair = compare_variants("a", "b", np.zeros(100), apart + difference, yes_no=False)
    theirs = TTestPower().solve_power(effect_size=difference, power=0.8, alpha=0.05)
    assert estimate_power(pair).rows_needed == pytest.approx(theirs, abs=2)
    power = TTestPower().power(effect_size=difference, nobs=100, alpha=0.05)
    assert estimate_power(pair).power == pytest.approx(power, abs=0.01)
    least = TTestPower().solve_power(nobs=100, power=0.8, alpha=0.05)
    assert estimate_power(pair).detectable == pytest.approx(least, abs=0.005)


def test_rows_needed_for_yes_and_no_have_the_power_that_was_asked_for() -> None:
    """By simulation: with so many rows, 80 % of datasets show the difference by the exact test."""
    first, second = np.zeros(100), np.zeros(100)
    second[:20] = first[20:30] = 1
    pair = compare_variants("a", "b", first, second, yes_no=True)
    needed = int(estimate_power(pair).rows_needed)
    draws = np.random.default_rng(8).multinomial(needed, [0.2, 0.1, 0.7], size=1_000)
    seen = np.mean([mcnemar_exact(int(wins), int(losses)) < 0.05 for wins, losses, _ in draws])
    assert seen == pytest.approx(0.8, abs=0.03)
    assert power_of_mcnemar(needed, 0.2, 0.1, alpha=0.05) >= 0.8 > power_of_mcnemar(needed - 1, 0.2, 0.1, alpha=0.05)
    assert estimate_power(pair, difference=estimate_power(pair).detectable).rows_needed <= 100
    assert estimate_power(pair).rows_more == needed - 100


def test_no_difference_needs_no_end_of_rows() -> None:
    """And a difference without any spread is seen at once."""
    level = compare_variants("a", "b", np.zeros(20), np.repeat([1.0, -1.0], 10), yes_no=False)
    assert estimate_power(level).rows_needed == math.inf
    sure = compare_variants("a", "b", np.zeros(20), np.ones(20), yes_no=False)
    assert estimate_power(sure).power == 1.0
