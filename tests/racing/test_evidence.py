"""Conclusions of a race: each property that the error rates rest on, shown by itself."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fh_notebook.racing.evidence import BETS, SPLIT, Evidence, adjusted, capital, excludes, hedged, interval

D = (-1.0, 0.0, 1.0)
unit = st.floats(-1, 1, allow_nan=False, width=32)
scores = st.lists(unit, min_size=1, max_size=25)
some = settings(max_examples=30)


def test_the_wealth_is_split_once_and_whole() -> None:
    """The parts of the wealth add up to 1 and none is negative, so the mixture begins at 1."""
    assert SPLIT.sum() == pytest.approx(1.0, abs=1e-12)
    assert (SPLIT >= 0).all()


@pytest.mark.parametrize("at", [0.0, -0.3, 0.6])
@pytest.mark.parametrize("chances", [(0.2, 0.6, 0.2), (0.5, 0.1, 0.4), (0.7, 0.3, 0.0), (0.35, 0.0, 0.65)])
def test_the_wealth_of_a_bet_is_expected_not_to_grow_where_it_is_wrong(
    at: float, chances: tuple[float, float, float]
) -> None:
    """By enumerating every course of 6 rows: after each row, whatever came before, the expected wealth is at most what
    it was, where the mean is at most the one that is bet against; and it is never below 0."""
    mean = chances[2] - chances[0]
    before = {(): 1.0}
    for rows in range(1, 7):
        after = {}
        for course, wealth in before.items():
            grown = [math.exp(capital(np.array([*course, d]), np.ones(rows), at)) for d in D]
            after |= {(*course, d): w for d, w in zip(D, grown, strict=True)}
            assert min(grown) >= 0
            expected = sum(p * w for p, w in zip(chances, grown, strict=True))
            if mean <= at:
                assert expected <= wealth * (1 + 1e-9)
            else:
                assert expected > wealth
        before = after
        assert len(before) == 3**rows


@pytest.mark.parametrize("chances", [(0.2, 0.6, 0.2), (0.1, 0.4, 0.5), (0.6, 0.1, 0.3)])
def test_the_hedged_wealth_is_expected_to_stay_at_the_true_mean(chances: tuple[float, float, float]) -> None:
    """Over every course of 7 rows its expectation is 1 at the true mean: a martingale, so Ville's inequality holds."""
    mean = chances[2] - chances[0]
    courses = np.array(list(itertools.product(D, repeat=7)))
    weights = np.prod(np.array(chances)[(courses + 1).astype(int)], axis=1)
    for rows in range(1, 8):
        expected = weights @ [math.exp(hedged(course[:rows], np.ones(rows), mean)) for course in courses]
        assert expected == pytest.approx(1.0, rel=1e-9)


@some
@given(scores, st.floats(-0.9, 0.9))
def test_the_wealth_is_that_of_the_bets_row_by_row(differences: list[float], at: float) -> None:
    """Whichever values come how often: the parts of the wealth, multiplied after each row and added at the end."""
    wealth = SPLIT.copy()
    for d in differences:
        wealth = wealth * (1 + BETS * (d - at) / (1 + at))
    values, counts = np.unique(differences, return_counts=True)
    assert capital(values, counts, at) == pytest.approx(math.log(wealth.sum()), abs=1e-9)


def test_a_set_of_equals_is_rarely_broken_by_exact_enumeration() -> None:
    """Every course of 3 equal variants over 4 rows: the chance that the mean of the evidence of any set of best ones
    ever reaches a bar is at most 1 / bar, and the expected evidence against a best one stays at most 1."""
    rows = [np.array(r, dtype=float) for r in itertools.product((0, 1), repeat=3)]
    races = np.array(list(itertools.product(range(8), repeat=4)))
    evidence = Evidence(3, alpha=1e-9, races=(len(races),))
    table = np.array(rows)
    most = np.zeros(len(races))
    for row in range(4):
        evidence.take(table[races[:, row]])
        most = np.maximum(most, evidence.against.mean(axis=-1))
        assert evidence.against.mean() == pytest.approx(1.0)
    for bar in (1.2, 1.5, 2.0, 3.0):
        assert (most >= bar).mean() <= 1 / bar


@some
@given(st.lists(st.floats(0, 200), min_size=2, max_size=5))
def test_adjusted_is_the_least_mean_of_all_sets(values: list[float]) -> None:
    """The quick way by sorting gives what trying every set gives: the closure principle, to the letter."""
    n = len(values)
    sets = [s for size in range(1, n + 1) for s in itertools.combinations(range(n), size)]
    slow = [min(np.mean([values[i] for i in s]) for s in sets if place in s) for place in range(n)]
    np.testing.assert_allclose(adjusted(np.array(values)), slow, rtol=1e-9, atol=1e-9)


@some
@given(scores, st.randoms())
def test_the_wealth_after_rows_does_not_hang_on_their_order(differences: list[float], random: object) -> None:
    """The same rows in another order end at the same wealth: only the moment of a decision hangs on the order."""
    other = list(differences)
    random.shuffle(other)  # type: ignore[attr-defined]
    a, b = (capital(np.array(d), np.ones(len(d))) for d in (differences, other))
    assert a == pytest.approx(b, abs=1e-6)


@some
@given(scores, st.integers(0, 39), st.floats(0, 1))
def test_a_better_row_never_means_less_evidence(differences: list[float], place: int, more: float) -> None:
    """Raising one row's difference never lowers the wealth of who bets on it, nor either end of the interval."""
    place %= len(differences)
    raised = list(differences)
    raised[place] = min(1.0, raised[place] + more)
    each = np.ones(len(differences))
    assert capital(np.array(raised), each) >= capital(np.array(differences), each) - 1e-9
    assert interval(np.array(raised), 0.05)[0] >= interval(np.array(differences), 0.05)[0] - 1e-6
    assert interval(np.array(raised), 0.05)[1] >= interval(np.array(differences), 0.05)[1] - 1e-6


@some
@given(scores, st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_a_smaller_alpha_never_gives_a_narrower_interval(differences: list[float], a: float, b: float) -> None:
    """Intervals are nested in alpha, hold the mean of the rows, and leave out what `excludes` says."""
    rows = np.array(differences)
    wide, narrow = interval(rows, min(a, b)), interval(rows, max(a, b))
    assert wide[0] <= narrow[0] + 1e-6
    assert narrow[1] <= wide[1] + 1e-6
    assert narrow[0] - 1e-6 <= rows.mean() <= narrow[1] + 1e-6
    for end, step in ((narrow[0], -1e-3), (narrow[1], 1e-3)):
        if -1 < end + step < 1:
            assert excludes(rows, end + step, max(a, b))


@some
@given(scores)
def test_the_interval_turns_with_the_pair(differences: list[float]) -> None:
    """b against a is a against b with the sign turned."""
    low, high = interval(np.array(differences), 0.05)
    other = interval(-np.array(differences), 0.05)
    assert (-other[1], -other[0]) == pytest.approx((low, high), abs=1e-6)


@some
@given(st.lists(st.sampled_from([(0, 0), (0, 1), (1, 0), (1, 1)]), min_size=1, max_size=60))
def test_two_variants_are_decided_when_the_interval_leaves_out_no_difference(rows: list[tuple[int, int]]) -> None:
    """For two variants the test and the confidence sequence are one: the race ends at the first row at which the
    interval leaves 0 out."""
    evidence = Evidence(2, alpha=0.05)
    apart: list[float] = []
    for a, b in rows:
        apart.append(float(b - a))
        evidence.take(np.array([a, b], dtype=float))
        assert bool(evidence.decided) == excludes(np.array(apart), 0.0, 0.05)
        if evidence.decided:
            break


def test_many_races_at_once_are_the_races_one_by_one() -> None:
    """Side by side or alone, a race of four goes the same way to the last digit."""
    rng = np.random.default_rng(1)
    rows = (rng.random((40, 5, 4)) < (0.3, 0.5, 0.6, 0.95)).astype(float)
    rows[3, :, 1] = np.nan
    together = Evidence(4, alpha=0.2, races=(5,))
    alone = [Evidence(4, alpha=0.2) for _ in range(5)]
    for row in rows:
        together.take(row)
        for one, mine in zip(alone, row, strict=True):
            one.take(mine)
    np.testing.assert_allclose(together.adjusted, [one.adjusted for one in alone])
    assert together.racing.tolist() == [one.racing.tolist() for one in alone]
    assert not together.racing.all()


def test_who_is_out_plays_no_more_and_somebody_stays() -> None:
    """Evidence against a dropped one stands still; of scores in a ring, each ahead of the next, not all can go."""
    evidence = Evidence(3, alpha=0.5, by_rank=True)
    ring = [np.array([3.0, 2.0, 1.0]), np.array([2.0, 1.0, 3.0]), np.array([1.0, 3.0, 2.0])]
    for row in ring * 40:
        before, was_in = evidence.against, evidence.racing
        evidence.take(row)
        np.testing.assert_array_equal(evidence.against[~was_in], before[~was_in])
        assert evidence.racing.any()


def test_a_row_without_a_score_says_nothing() -> None:
    """A missing score changes no evidence, whatever the other variant scored."""
    evidence = Evidence(2, alpha=0.05)
    evidence.take(np.array([1.0, 0.0]))
    before = evidence.pairs
    evidence.take(np.array([np.nan, 1.0]))
    np.testing.assert_array_equal(evidence.pairs, before)
    assert interval(np.array([math.nan]), 0.05) == (-1.0, 1.0)


def test_needed_is_the_very_wealth_at_which_a_variant_is_dropped() -> None:
    """A pair that reaches what `needed` says is out, and a hair below it is not."""
    rng = np.random.default_rng(3)
    evidence = Evidence(4, alpha=0.05)
    for _ in range(15):
        evidence.take((rng.random(4) < (0.4, 0.5, 0.6, 0.7)).astype(float))
    assert evidence.racing.all()
    for variant, by in itertools.permutations(range(4), 2):
        needed = evidence.needed(variant, by)
        for factor, is_out in ((1 + 1e-9, True), (1 - 1e-6, False)):
            pairs = evidence.pairs
            pairs[variant, by] = needed * factor
            against = (pairs * (1 - np.eye(4))).sum(axis=1) / 3
            assert (adjusted(against)[variant] >= 20) == is_out
