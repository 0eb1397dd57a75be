"""A judge corrected by human labels: the estimator against another implementation, coverage, and what it never does."""

from __future__ import annotations

import math

import numpy as np
import pytest
from truescore import ppi_estimate

from fh_notebook.comparing.stats.correction import correct_difference, correct_mean, corrected, labels_needed
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.intervals import (
    ScoreRange,
    interval_of_share,
    interval_of_share_difference,
    intervals_of_differences,
    intervals_of_means,
)
from tests.benchmarks.correction import JUDGES, coverage, drawn

TRUTHS = [(0.5, 0.5), (0.8, 0.9), (0.95, 0.95)]


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
@pytest.mark.parametrize("truth", TRUTHS)
def test_the_estimate_is_that_of_another_implementation(judge: object, truth: tuple[float, float]) -> None:
    """To the last digit with the same weight; its weight differs by the variance of the labelled rows only."""
    rng = np.random.default_rng(3)
    for _ in range(5):
        judged, human = drawn(rng, 300, 40, truth, judge)
        for place, variant in enumerate("ab"):
            mine = correct_mean(judged, human, variant)
            known = human.means[:40, place]
            theirs = ppi_estimate(judged.means[:, place], known, np.arange(40), lambda_=mine.weight)
            assert mine.mean == pytest.approx(theirs.point, abs=1e-12)
            assert mine.weight == pytest.approx(
                ppi_estimate(judged.means[:, place], known, np.arange(40)).lambda_, abs=0.06
            )


def test_numbers_are_corrected_in_the_same_way() -> None:
    """A scale of 1 to 5 by a judge that is half a point too generous to one variant."""
    rng = np.random.default_rng(5)
    human = np.clip(np.round(rng.normal(3.4, 1.0, (400, 2))), 1, 5)
    judged = np.clip(human + rng.normal(0, 0.3, human.shape) + [0.0, 0.5], 1, 5)
    known = np.where(np.arange(400)[:, None] < 60, human, np.nan)
    grids = [_grid(judged), _grid(known)]
    rows = correct_difference(*grids, "a", "b")
    alone = intervals_of_differences([known[:60, 1] - known[:60, 0]], within=[grids[1].within.of_differences])[0]
    assert float(np.mean(judged[:, 1] - judged[:, 0])) > 0.3
    assert abs(rows.mean - float(np.mean(human[:, 1] - human[:, 0]))) < 0.1
    assert rows.interval.high - rows.interval.low < 0.75 * (alone.high - alone.low)
    assert rows.interval.rule == "corrected, bca"
    theirs = ppi_estimate(judged[:, 1], known[:60, 1], np.arange(60), lambda_=correct_mean(*grids, "b").weight)
    assert correct_mean(*grids, "b").mean == pytest.approx(theirs.point, abs=1e-12)


def _grid(means: np.ndarray) -> Grid:
    counts = (~np.isnan(means)).astype(np.int64)
    return Grid(
        variants=("a", "b"), means=means, counts=counts, yes_no=False, copies=np.ones(len(means), dtype=np.int64),
        distinct=counts, within=ScoreRange.of([means.ravel()], (1.0, 5.0)),
    )  # fmt: skip


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_an_interval_is_never_wider_than_that_of_the_labels(judge: object) -> None:
    """Whatever the judge says, also nothing but noise."""
    rng = np.random.default_rng(7)
    for labels in (10, 25, 80):
        judged, human = drawn(rng, 250, labels, (0.7, 0.8), judge)
        known = human.means[:labels]
        mean, difference = correct_mean(judged, human, "a"), correct_difference(judged, human, "a", "b", tested=False)
        for rows, alone in (
            (mean, interval_of_share(known[:, 0], labels)),
            (difference, interval_of_share_difference(known[:, 1] - known[:, 0], labels)),
        ):
            assert rows.interval.high - rows.interval.low <= alone.high - alone.low + 1e-12
            assert rows.labels == labels


def test_a_judge_that_says_the_same_of_all_leaves_the_labels_alone() -> None:
    """Its weight is 0; so is that of a judge that says the opposite, and where every row is labelled."""
    labels = np.full(100, np.nan)
    labels[:20] = np.tile([1.0, 0.0, 1.0, 1.0], 5)
    alone = interval_of_share(labels[:20], 20)
    for judged in (np.ones(100), 1 - np.nan_to_num(labels)):
        rows = corrected(judged, labels, lambda y, level: interval_of_share(y, len(y), level), ScoreRange(0, 1))
        assert (rows.weight, rows.ratio, rows.mean) == (0.0, 1.0, 0.75)
        assert rows.interval[:2] == pytest.approx(alone[:2])
    whole = corrected(
        labels[:20], labels[:20], lambda y, level: interval_of_share(y, len(y), level), ScoreRange(0, 1)
    )  # fmt: skip
    assert (whole.weight, whole.mean) == (0.0, 0.75)


def test_labels_that_all_agree_are_no_certainty() -> None:
    """With 20 of 20 the interval is narrower than that of the labels, and has a width."""
    rng = np.random.default_rng(1)
    judged = (rng.random(1_000) < 0.8) * 1.0
    labels = np.where(np.arange(1_000) < 20, judged, np.nan)
    rows = corrected(judged, labels, lambda y, level: interval_of_share(y, len(y), level), ScoreRange(0, 1))
    alone = interval_of_share(labels[:20], 20)
    assert 0.1 < rows.interval.high - rows.interval.low < alone.high - alone.low
    assert abs(rows.mean - judged[20:].mean()) < 0.03


def test_p_is_where_the_interval_reaches_zero() -> None:
    """At that level the interval ends at 0."""
    judged, human = drawn(np.random.default_rng(2), 400, 60, (0.6, 0.8), JUDGES["good"])
    rows = correct_difference(judged, human, "a", "b")
    assert 0 < rows.p < 0.05
    for alpha, contains in ((0.98 * rows.p, True), (1.02 * rows.p, False)):
        found = correct_difference(judged, human, "a", "b", level=1 - alpha, tested=False).interval
        assert (found.low <= 0 <= found.high) is contains
    same = correct_difference(*drawn(np.random.default_rng(2), 400, 60, (0.7, 0.7), JUDGES["good"]), "a", "b")
    assert same.p > 0.05


def test_more_labels_are_needed_for_a_narrower_interval() -> None:
    """With as many as it says, the interval of the same rows is about as narrow."""
    judged, human = drawn(np.random.default_rng(4), 6_000, 40, (0.8, 0.8), JUDGES["fair"])
    rows = correct_mean(judged, human, "a")
    needed = labels_needed(rows, 0.08)
    again = correct_mean(*drawn(np.random.default_rng(4), 6_000, round(needed), (0.8, 0.8), JUDGES["fair"]), "a")
    assert 0.06 < again.interval.high - again.interval.low < 0.1
    assert labels_needed(rows, 0.04) == pytest.approx(4 * needed)
    assert math.isinf(labels_needed(corrected(
        np.ones(3), np.full(3, np.nan), lambda y, level: intervals_of_means([y], level)[0], ScoreRange()
    ), 0.1))  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_intervals_cover_in_two_thousand_sets(judge: object) -> None:
    """95 %, less what 2,000 sets leave to chance; the judge alone does not, and a good one makes it narrower."""
    for truth in TRUTHS:
        found = coverage(300, 40, truth, judge, sets=2_000)
        for what in ("mean", "difference"):
            assert found[what][0] > 0.935, (what, truth, found)
            assert found[what][1] <= 1
    if judge is JUDGES["good"]:
        assert found["mean"][1] < 0.95
    if judge is JUDGES["biased"]:
        assert found["judge alone"][0] < 0.1
