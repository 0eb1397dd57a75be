"""By simulation: intervals cover as often as they say, tests are wrong as seldom as they say.

400 datasets, and 4,000 in the long tier, which alone draws those of most distributions. Seeds are fixed, so that a test
is the same each time; what is simulated is what ``summary()`` and ``pairs()`` are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from scipy import stats

from fh_notebook.comparing.stats.hypothesis_tests import holm, mcnemar_exact, p_permutation, wilcoxon
from fh_notebook.comparing.stats.intervals import (
    Interval,
    interval_of_share,
    intervals_of_differences,
    intervals_of_means,
)
from tests.benchmarks import coverage

TIERS = [pytest.param(400, id="400"), pytest.param(4_000, id="4000", marks=pytest.mark.long)]
COVERED = (0.925, 0.97)
"""What the issue asks of a 95 % interval."""

Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, float]]
"""A dataset, one number a row, and its true mean."""
Intervals = Callable[[list[np.ndarray]], list[Interval]]


def _normal(rng: np.random.Generator, n: int) -> tuple[np.ndarray, float]:
    return rng.normal(0.3, 1.0, n), 0.3


def _ratings(rng: np.random.Generator, n: int) -> tuple[np.ndarray, float]:
    return rng.choice([1.0, 2.0, 3.0, 4.0, 5.0], n, p=[0.05, 0.1, 0.2, 0.4, 0.25]), 3.7


def _wins(rng: np.random.Generator, n: int) -> tuple[np.ndarray, float]:
    """Differences of yes and no."""
    return rng.choice([-1.0, 0.0, 1.0], n, p=[0.15, 0.55, 0.3]), 0.15


def _skewed(rng: np.random.Generator, n: int) -> tuple[np.ndarray, float]:
    return rng.gamma(4.0, 0.25, n), 1.0


def _clusters(rng: np.random.Generator, n: int) -> tuple[np.ndarray, float]:
    """Means of four repeats, with a part that is the row's own."""
    return rng.normal(0.0, 1.0, n) + rng.normal(0.0, 1.0, (n, 4)).mean(axis=1), 0.0


CASES = [
    *((_normal, 12), (_ratings, 30), (_wins, 30), (_normal, 45), (_wins, 60), (_clusters, 50), (_skewed, 80)),
    (_normal, 5_001),
]


@pytest.mark.parametrize(
    ("draw", "n", "datasets"),
    [
        (_wins, 30, 400),
        (_normal, 45, 400),
        *(pytest.param(*case, 4_000, marks=pytest.mark.long) for case in [*CASES, (_normal, 6), (_skewed, 12)]),
    ],
)
@pytest.mark.parametrize("intervals", [intervals_of_means, intervals_of_differences])
def test_intervals_of_means_and_differences_cover(intervals: Intervals, draw: Draw, n: int, datasets: int) -> None:
    """By each of the rules, and of rows that were repeated."""
    rng = np.random.default_rng(20)
    # Small ones are many: chance alone moves the share of 400 by a hundredth, and more than two of them now and then.
    number = max(datasets, 2_000) if n <= 12 else datasets if n < 5_000 else datasets // 2
    drawn = [draw(rng, n) for _ in range(number)]
    found = intervals([values for values, _ in drawn])
    inside = sum(low <= mean <= high for (low, high, _rule), (_, mean) in zip(found, drawn, strict=True))
    assert COVERED[0] <= inside / len(drawn) <= COVERED[1]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((6, 8, 11, 13, 17, 21, 30, 60), id="some"),
        pytest.param(range(6, 301, 7), id="many", marks=pytest.mark.long),
    ],
)
def test_intervals_of_shares_cover(rows: Iterable[int]) -> None:
    """Every share from 0.5 to 0.99, all that can happen counted; the score interval of before covers 83 % of 6 rows."""
    for n in rows:
        assert coverage.one_covered(coverage.RULES_OF_ONE["here (Blaker)"], n).coverage >= 0.95
        assert coverage.one_covered(coverage.RULES_OF_ONE["Wilson (before)"], n).coverage < 0.945


@pytest.mark.parametrize("datasets", TIERS)
@pytest.mark.parametrize(("n", "repeats"), [(60, 1), (60, 5), (40, 3)])
def test_intervals_of_shares_cover_with_repeats_too(n: int, repeats: int, datasets: int) -> None:
    """Rows differ in how often they are right, so that repeats of a row are alike; shares are from 0.4 to 0.9."""
    rng = np.random.default_rng(26)
    share = rng.uniform(0.4, 0.9, (datasets, 1))
    chance = rng.beta(share * 4, (1 - share) * 4, (datasets, n))
    means = rng.binomial(repeats, chance) / repeats
    found = [interval_of_share(row, n * repeats) for row in means]
    inside = sum(low <= true <= high for (low, high, _), true in zip(found, share[:, 0], strict=True))
    assert COVERED[0] <= inside / datasets <= COVERED[1]


def _ps_wilcoxon(samples: np.ndarray) -> np.ndarray:
    """Return `wilcoxon` of each line, all of them by one call of scipy's, which takes a hundredth of the time."""
    ps = np.asarray(stats.wilcoxon(samples, axis=1).pvalue)
    assert ps[:200] == pytest.approx([wilcoxon(line) for line in samples[:200]], rel=1e-12)
    return ps


def _ps_permutation(samples: np.ndarray) -> np.ndarray:
    return np.array([p_permutation(line) for line in samples])


@pytest.mark.parametrize("datasets", TIERS)
@pytest.mark.parametrize("test", [_ps_wilcoxon, _ps_permutation])
def test_ps_are_uniform_under_no_difference(test: Callable[[np.ndarray], np.ndarray], datasets: int) -> None:
    """Kolmogorov's test does not tell them from uniform ones."""
    ps = test(np.random.default_rng(22).normal(0.0, 1.0, (datasets, 30)))
    assert stats.kstest(ps, "uniform").pvalue > 0.05
    assert np.mean(ps < 0.05) <= 0.07


@pytest.mark.parametrize("datasets", TIERS)
def test_mcnemars_p_is_never_too_small_under_no_difference(datasets: int) -> None:
    """An exact p of counts is not uniform but above: at most 5 % of them are below 0.05."""
    rng = np.random.default_rng(23)
    draws = rng.multinomial(60, [0.2, 0.2, 0.6], size=datasets)
    ps = np.array([mcnemar_exact(int(wins), int(losses)) for wins, losses, _ in draws])
    for level in (0.01, 0.05, 0.1, 0.25):
        assert np.mean(ps < level) <= level + 2 * np.sqrt(level * (1 - level) / datasets)


@pytest.mark.parametrize("datasets", TIERS)
@pytest.mark.parametrize("kind", ["numbers", "yes and no"])
def test_of_four_equal_variants_none_beats_another_in_95_percent(kind: str, datasets: int) -> None:
    """At most 5 % of datasets have any p below 0.05 after Holm, with a part of each score that is the row's own."""
    rng = np.random.default_rng(24)
    hard = rng.normal(0.0, 1.0, (datasets, 1, 40))
    scores = hard + rng.normal(0.0, 1.0, (datasets, 4, 40))
    first, second = np.triu_indices(4, 1)
    if kind == "numbers":
        ps = _ps_wilcoxon((scores[:, second] - scores[:, first]).reshape(-1, 40)).reshape(datasets, -1)
    else:
        right = scores > 0
        wins, losses = (
            (right[:, one] & ~right[:, other]).sum(axis=2) for one, other in ((second, first), (first, second))
        )
        ps = np.vectorize(mcnemar_exact)(wins, losses)
    wrong = sum(min(holm(line)) < 0.05 for line in ps.tolist())
    assert wrong / datasets <= 0.05
