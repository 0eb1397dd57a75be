"""The variants that cannot be told apart from the best: the set holds them, groups and probabilities are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fh_notebook.comparing.stats import best as best_module
from fh_notebook.comparing.stats.best import (
    beaten_by,
    groups_of,
    lead_limit,
    parts_of,
    probabilities_of_best,
)
from fh_notebook.comparing.stats.correction import correct_mean
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.pairs import all_pairs, compare_variants
from tests.benchmarks import correction
from tests.benchmarks.best import SHAPES, TRUTHS, coverage, drawn, lacks_of, pairs_of


def _by_hand(scores: np.ndarray, samples: int = 4_000) -> np.ndarray:
    """Return the shares of bootstrap samples that each variant wins, drawn one by one."""
    rng = np.random.default_rng(77)
    wins = np.zeros(scores.shape[1])
    for _ in range(samples):
        means = scores[rng.choice(len(scores), len(scores))].mean(axis=0)
        best = np.isclose(means, means.max(), rtol=1e-9)
        wins += best / best.sum()
    return wins / samples


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_probabilities_are_those_of_samples_drawn_one_by_one(shape: str) -> None:
    """Within the error of the draws, ties shared; they sum to one."""
    grid = drawn(np.random.default_rng(4), 40, [0.0, 0.1, 0.3], shape)
    found = probabilities_of_best([grid.means])
    assert found.sum() == pytest.approx(1)
    assert found == pytest.approx(_by_hand(grid.means), abs=0.035)
    assert probabilities_of_best([-grid.means], lower=True) == pytest.approx(found)


def test_two_numbers_have_the_probability_of_the_normal_distribution() -> None:
    """Of the difference of their means, also above the number of rows from which nothing is resampled."""
    rng = np.random.default_rng(5)
    for rows in (400, best_module.MANY_ROWS + 1):
        scores = rng.normal([0.0, 0.5 / np.sqrt(rows)], 1.0, (rows, 2))
        difference = scores[:, 1] - scores[:, 0]
        expected = stats.norm.cdf(difference.mean() / difference.std() * np.sqrt(rows))
        assert probabilities_of_best([scores])[1] == pytest.approx(expected, abs=0.035)


@pytest.mark.parametrize("rows", [30, best_module.MANY_ROWS + 1])
def test_equal_variants_share_every_sample(rows: int) -> None:
    """And a variant that is worse on every row never is the best."""
    scores = np.random.default_rng(6).random((rows, 1)) + np.array([0.0, 0.0, 0.0, -2.0])
    assert probabilities_of_best([scores]) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])


def test_rows_that_lack_a_variant_are_left_out() -> None:
    """With fewer than two rows of all variants there is no probability."""
    scores = np.array([[1.0, 0.0], [np.nan, 1.0], [0.0, 1.0], [1.0, np.nan], [1.0, 0.0]])
    assert probabilities_of_best([scores]) == pytest.approx(probabilities_of_best([scores[[0, 2, 4]]]))
    assert np.isnan(probabilities_of_best([scores[:2]])).all()


def test_corrected_means_are_resampled_as_they_are_made() -> None:
    """The parts sum to the corrected means, and the probability is near that of their normal distribution."""
    judged, human = correction.drawn(np.random.default_rng(3), 400, 100, (0.7, 0.75), correction.JUDGES["biased"])
    parts = parts_of(judged, human)
    means = sum(np.nanmean(part, axis=0) for part in parts)
    corrected = [correct_mean(judged, human, variant) for variant in "ab"]
    assert means == pytest.approx([rows.mean for rows in corrected])
    probability = probabilities_of_best(parts)[1]
    spread = np.sqrt(sum(np.nanvar(part[:, 1] - part[:, 0]) / (~np.isnan(part[:, 0])).sum() for part in parts))
    assert probability == pytest.approx(stats.norm.cdf((means[1] - means[0]) / spread), abs=0.05)


def test_a_level_beyond_the_shown_one_is_farther_out() -> None:
    """By Student's quantiles of few rows and the normal ones of many; on the side of the variant that is behind."""
    rng = np.random.default_rng(8)
    for rows in (12, 60):
        first, second = rng.normal(0, 1, (2, rows))
        pair = compare_variants("a", "b", first, second + 1, yes_no=False, tests=False)
        expected = stats.t.ppf(0.99, rows - 1) / stats.t.ppf(0.975, rows - 1) if rows < 40 else 2.3263 / 1.95996
        assert lead_limit(pair, 0.01) == pytest.approx(pair.lead - expected * (pair.lead - pair.ci_low), rel=1e-4)
        assert lead_limit(pair.turned(), 0.025) == pytest.approx(-pair.ci_high)


def test_a_test_of_ranks_alone_beats_nobody() -> None:
    """A variant that wins by little on most rows and loses by much on few has no better mean."""
    rng = np.random.default_rng(21)
    first = rng.normal(size=200)
    second = first + np.where(rng.random(200) < 0.9, 0.1, -0.9) + rng.normal(0, 0.01, 200)
    counts = np.ones((200, 2), dtype=np.int64)
    grid = Grid(
        variants=("a", "b"), means=np.stack([first, second], axis=1), counts=counts, yes_no=False,
        copies=counts[:, 0], distinct=counts,
    )  # fmt: skip
    [pair] = all_pairs(grid)
    assert pair.p < 0.001
    assert beaten_by(["a", "b"], [pair]) == {"a": (), "b": ()}


def test_groups_follow_from_who_beats_whom() -> None:
    """A circle is one group; a variant that nobody beats is in the first."""
    assert groups_of({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == {"a": 1, "b": 1, "c": 1, "d": 1}
    assert groups_of({"a": [], "b": ["a"], "c": [], "d": ["b", "c"]}) == {"a": 1, "c": 1, "b": 2, "d": 3}
    assert groups_of({}) == {}


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_the_sets_of_the_benchmark_are_those_of_the_package(shape: str) -> None:
    """Its pairs have the same tests and intervals."""
    rng = np.random.default_rng(9)
    for _ in range(3):
        grid: Grid = drawn(rng, 60, lacks_of("a ladder", 4), shape)
        assert beaten_by(grid.variants, pairs_of(grid)) == beaten_by(grid.variants, all_pairs(grid))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("truth", TRUTHS[:2])
def test_the_set_holds_the_best(shape: str, truth: str) -> None:
    """Each of the best ones in at least 95 % of 100 sets, less what chance leaves."""
    counted = coverage(3, truth, shape, rows=60, sets=100)
    assert counted.holds_best >= 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / 100)


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES[:2])
@pytest.mark.parametrize("k", [2, 5, 8])
def test_the_set_holds_the_best_of_two_to_eight(shape: str, k: int) -> None:
    """Each of the best ones in at least 95 % of 200 sets, less what chance leaves; the benchmark `best` draws 2,000."""
    least = 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / 200)
    for truth in TRUTHS[:2]:
        assert coverage(k, truth, shape, rows=60, sets=200).holds_best >= least, truth
