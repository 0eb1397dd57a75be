"""The evidence of a change: exact p values, the rate of false alarms, and how soon a fall is found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from fh_notebook.monitoring.evidence import ChangeEvidence
from tests.benchmarks import canary as paper


def one_day(scores: list[list[float]], *, seed: int = 0, copies: int = 999) -> ChangeEvidence:
    """Return the evidence of one day: the last score of each row is today's."""
    evidence = ChangeEvidence(len(scores), alpha=0.05, seed=seed, copies=copies)
    for row, (*earlier, _) in enumerate(scores):
        evidence.take_baseline(row, np.array(earlier))
    evidence.take(np.array([row[-1] for row in scores]))
    return evidence


def test_the_p_value_of_a_day_is_that_of_all_arrangements() -> None:
    """Of 12 rows of which 9 fell from 1 to 0: the sign test's, as each of two scores was equally likely today's."""
    evidence = one_day([[1.0, 0.0]] * 9 + [[0.0, 1.0]] + [[1.0, 1.0]] * 2, copies=100_000)
    below = 1 - evidence.days[0].p
    less, as_few = stats.binom.cdf(0, 10, 0.5), stats.binom.cdf(1, 10, 0.5)
    assert less - 1e-3 < below < as_few + 1e-3
    assert evidence.days[0].difference == pytest.approx(-8 / 12)
    assert evidence.days[0].rows == 12


def test_p_values_of_days_are_uniform_and_independent_where_nothing_changes() -> None:
    """For rows of very different rates, called again and again beside one and the same baseline score."""
    rng = np.random.default_rng(5)
    found = []
    for seed in range(300):
        rates = rng.beta(1.7, 0.3, 12)
        evidence = ChangeEvidence(12, alpha=1e-9, seed=seed, copies=99)
        for _ in range(5):
            evidence.take((rng.random(12) < rates).astype(float))
        found.append([day.p for day in evidence.days[1:]])
    p = np.array(found)
    assert stats.kstest(p.ravel(), "uniform").pvalue > 0.001
    assert np.abs(np.corrcoef(stats.norm.ppf(p).T) - np.eye(4)).max() < 0.2


@pytest.mark.long
@pytest.mark.parametrize(
    "settings",
    [
        {"rows": 20, "a_day": 5, "concentration": 1.0, "failing": 0.2},
        {"rows": 30, "a_day": 10, "concentration": 2.0},
        {"rows": 30, "a_day": 30, "concentration": 2.0, "numbers": True, "repeats": 0},
    ],
)
def test_false_alarms_in_100_days_are_as_rare_as_they_are_said_to_be(settings: paper.Settings) -> None:
    """Of 100 canaries at alpha 0.05 at most 11 (more with a chance of 1 % where the rate is 5 %); 2,000 in the benchmark."""
    assert paper.alarms(settings, canaries=100, copies=99) <= stats.binom.ppf(0.99, 100, 0.05) / 100


def test_a_fall_is_found_soon_and_as_a_fall() -> None:
    """From 0.85 to 0.70 on 200 rows, 20 a day: in a median of one pass at the most, and hardly ever before it."""
    settings: paper.Settings = {"rows": 200, "a_day": 20, "concentration": 8.0}
    median, share, early = paper.falls(settings, canaries=30)
    assert paper.known(settings) < median <= 200
    assert share >= 0.8
    assert early <= 0.1


def test_a_change_that_begins_late_is_dated() -> None:
    """The most probable first day is near the true one, and the side is right; nothing is taken after that."""
    rng = np.random.default_rng(1)
    evidence = ChangeEvidence(100, alpha=0.05)
    for day in range(60):
        rate = 0.9 if day < 30 else 0.5
        evidence.take((rng.random(100) < rate).astype(float))
    assert evidence.changed
    assert evidence.sign == -1
    assert evidence.since is not None
    assert abs(evidence.since - 30) <= 2
    assert len(evidence.days) < 35


def test_a_rise_is_a_change_as_a_fall_is() -> None:
    """The scores mirrored give the same evidence on the other side."""
    rng = np.random.default_rng(2)
    days = [(rng.random(80) < rate).astype(float) for rate in (0.5, 0.8, 0.8, 0.8)]
    rising, falling = ChangeEvidence(80, alpha=0.05), ChangeEvidence(80, alpha=0.05)
    for scores in days:
        rising.take(scores)
        falling.take(-scores)
    assert (rising.sign, falling.sign) == (1, -1)
    assert rising.changed
    assert falling.changed


def test_days_that_say_nothing_leave_the_evidence_as_it_is() -> None:
    """First scores of their rows, and a day on which every call failed."""
    evidence = ChangeEvidence(3, alpha=0.05)
    evidence.take(np.array([1.0, 0.0, math.nan]))
    evidence.take(np.full(3, math.nan))
    assert [day.rows for day in evidence.days] == [0, 0]
    assert evidence.evidence == 1.0
    assert (evidence.sign, evidence.since, evidence.changed) == (0, None, False)


def test_the_same_scores_give_the_same_evidence() -> None:
    """By the same seed; by another one nearly the same."""
    scores = [[1.0, 0.0]] * 7 + [[1.0, 1.0]] * 30
    assert one_day(scores).evidence == one_day(scores).evidence
    assert one_day(scores, seed=-3).evidence != one_day(scores, seed=3).evidence


def test_no_change_is_found_while_no_row_has_two_different_scores() -> None:
    """The evidence is of broken ties: it may pass its threshold, and nothing is reported."""
    evidence = ChangeEvidence(20, alpha=0.05, seed=271)
    wealth = []
    for _ in range(8):
        evidence.take(np.ones(20))
        wealth.append(evidence.evidence)
        assert not evidence.changed
    assert max(wealth) >= 20
    assert len(evidence.days) == 8


def test_rows_count_as_higher_or_lower_than_their_newest_score() -> None:
    """Not than a mean, at which a row of right and wrong answers never is: where nothing changes, no count grows."""
    rng = np.random.default_rng(3)
    evidence = ChangeEvidence(200, alpha=1e-9)
    for _ in range(7):
        evidence.take((rng.random(200) < np.linspace(0.02, 0.98, 200)).astype(float))
    same = [day.rows - day.higher - day.lower for day in evidence.days[1:]]
    assert min(same) > 110
    assert max(same) - min(same) < 40
    assert [(day.higher, day.lower) for day in one_day([[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]).days] == [(0, 1)]
    noise = one_day([[0.1, 0.2, 0.1 + 0.2, 0.3], [0.0, 1e-18]])
    assert (noise.days[0].higher, noise.days[0].lower) == (0, 0)
