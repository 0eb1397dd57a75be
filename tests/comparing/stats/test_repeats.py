"""Agreement, pass@k, pass^k and variances of repeats, against other implementations, by all sets and by simulation."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from statsmodels.regression.mixed_linear_model import MixedLM

from fh_notebook.comparing.stats.repeats import (
    RowScores,
    agreement_of_rows,
    interval_of_agreement,
    pass_all_of_rows,
    pass_any_of_rows,
    pass_rates,
    variance_components,
)

COUNTS = st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


@given(COUNTS)
def test_pass_rates_are_shares_of_all_sets(counts: tuple[int, int, int]) -> None:
    """Of k of the n repeats: those with a right one among them, and those with right ones only."""
    n, right, k = counts
    sets = [[place < right for place in chosen] for chosen in combinations(range(n), k)]
    numbers = np.array([n]), np.array([right])
    assert pass_any_of_rows(*numbers, k)[0] == pytest.approx(np.mean([any(chosen) for chosen in sets]))
    assert pass_all_of_rows(*numbers, k)[0] == pytest.approx(np.mean([all(chosen) for chosen in sets]))


def test_pass_rates_of_many_repeats_are_those_of_binomial_coefficients() -> None:
    """By scipy's exact ones, which are whole numbers of hundreds of digits."""
    n, right = 2_000, 700
    for k in (1, 7, 300, 1_500):
        total = special.comb(n, k, exact=True)
        numbers = np.array([n]), np.array([right])
        missed = float(special.comb(n - right, k, exact=True) * 10**15 // total) / 1e15
        assert 1 - pass_any_of_rows(*numbers, k)[0] == pytest.approx(missed, abs=1e-12)
        hit = float(special.comb(right, k, exact=True) * 10**15 // total) / 1e15
        assert pass_all_of_rows(*numbers, k)[0] == pytest.approx(hit, abs=1e-12)


@pytest.mark.parametrize("sets", [100, pytest.param(300, marks=pytest.mark.long)])
def test_pass_rates_are_unbiased_and_covered(sets: int) -> None:
    """Of sets of 40 rows with 3 to 8 repeats: the mean estimate is the true rate, within the intervals in 95 %."""
    rng, k = np.random.default_rng(11), 3
    shares = rng.beta(2.0, 1.0, 200_000)
    truth = {"any": (1 - (1 - shares) ** k).mean(), "all": (shares**k).mean()}
    estimates: dict[str, list[float]] = {"any": [], "all": []}
    hits = dict.fromkeys(truth, 0)
    for _ in range(sets):
        n = rng.integers(3, 9, 40)
        [rate] = [rate for rate in pass_rates(n, rng.binomial(n, rng.beta(2.0, 1.0, 40))) if rate.k == k]
        for name, low, value, high in (
            ("any", rate.any_low, rate.pass_any, rate.any_high), ("all", rate.all_low, rate.pass_all, rate.all_high)
        ):  # fmt: skip
            estimates[name].append(value)
            hits[name] += low <= truth[name] <= high
    for name, values in estimates.items():
        assert np.mean(values) == pytest.approx(truth[name], abs=4 * np.std(values) / np.sqrt(sets))
        assert hits[name] / sets >= 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / sets)


def test_rows_with_fewer_repeats_say_nothing_of_more() -> None:
    """They count up to their own number."""
    rates = pass_rates(np.array([4, 4, 2, 1]), np.array([4, 0, 1, 1]))
    assert [(rate.k, rate.rows) for rate in rates] == [(1, 4), (2, 3), (3, 2), (4, 2)]
    assert rates[0].pass_any == rates[0].pass_all == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert pass_rates(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)) == []


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_agreement_is_the_share_of_equal_pairs(sizes: list[int]) -> None:
    """Of all pairs of answers of a row."""
    answers = [place for place, size in enumerate(sizes) for _ in range(size)]
    pairs = [first == second for first, second in combinations(answers, 2)]
    [share] = agreement_of_rows([sizes])
    assert share == pytest.approx(np.mean(pairs)) if pairs else np.isnan(share)


def test_the_interval_of_agreement_covers() -> None:
    """Of 300 sets of 30 rows of 4 repeats, whose answers differ more on some rows."""
    rng, sets, hits = np.random.default_rng(12), 300, 0
    truth = (shares := rng.beta(4.0, 1.0, 200_000)) ** 2 + (1 - shares) ** 2
    for _ in range(sets):
        right = rng.binomial(4, rng.beta(4.0, 1.0, 30)).tolist()
        found = agreement_of_rows([[count, 4 - count] for count in right])
        low, high, _ = interval_of_agreement(found, 120)
        hits += low <= truth.mean() <= high
    assert hits / sets >= 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / sets)


def _random_effects(rng: np.random.Generator, n: Any, between: float, within: float) -> tuple[np.ndarray, np.ndarray]:
    row_of = np.repeat(np.arange(len(n)), n)
    scores = rng.normal(0, np.sqrt(between), len(n))[row_of] + rng.normal(0, np.sqrt(within), len(row_of))
    return scores, row_of


def test_variances_of_equal_numbers_of_repeats_are_those_of_a_mixed_model() -> None:
    """By restricted maximum likelihood, which is the analysis of variance then; the same at any shift."""
    scores, row_of = _random_effects(np.random.default_rng(2), np.full(40, 5), 1.5, 0.7)
    found = variance_components(RowScores.of(scores, row_of))
    fitted = MixedLM(scores, np.ones(len(scores)), groups=row_of).fit(reml=True)
    assert found.within == pytest.approx(fitted.scale, rel=1e-4)
    assert found.between == pytest.approx(float(np.asarray(fitted.cov_re)[0, 0]), rel=1e-3)
    shifted = variance_components(RowScores.of(scores + 1e6, row_of))
    assert shifted.icc == pytest.approx(found.icc, rel=1e-6)


def test_variances_of_unequal_numbers_are_those_of_the_analysis_of_variance() -> None:
    """By its sums of squares, written out; near the truth, on average."""
    rng = np.random.default_rng(3)
    n = rng.integers(1, 8, 60)
    scores, row_of = _random_effects(rng, n, 1.0, 1.0)
    found = variance_components(RowScores.of(scores, row_of))
    table = pd.DataFrame({"row": row_of, "score": scores})
    means = table.groupby("row")["score"].transform("mean")
    mean_square_within = ((table["score"] - means) ** 2).sum() / (n.sum() - 60)
    mean_square_between = ((means - scores.mean()) ** 2).sum() / 59
    n0 = (n.sum() - (n**2).sum() / n.sum()) / 59
    assert found.within == pytest.approx(mean_square_within)
    assert found.between == pytest.approx((mean_square_between - mean_square_within) / n0)
    many = [variance_components(RowScores.of(*_random_effects(rng, n, 1.0, 1.0))) for _ in range(60)]
    assert np.mean([one.between for one in many]) == pytest.approx(1.0, abs=0.12)
    assert np.mean([one.within for one in many]) == pytest.approx(1.0, abs=0.06)


def test_variances_that_are_not_known_are_nan() -> None:
    """Of one row, and where no row has repeats; scores that are all equal have no part between rows."""
    one = variance_components(RowScores.of(np.array([1.0, 0.0]), np.array([0, 0])))
    assert np.isnan([one.between, one.icc, one.icc_low]).all()
    single = variance_components(RowScores.of(np.array([1.0, 0.0]), np.array([0, 1])))
    assert np.isnan(single.within)
    sure = variance_components(RowScores.of(np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]), np.array([0, 0, 1, 1, 2, 2])))
    assert (sure.within, sure.icc, sure.icc_high) == (0, 1, 1)
    assert 0 <= sure.icc_low < 1
    equal = variance_components(RowScores.of(np.ones(6), np.array([0, 0, 1, 1, 2, 2])))
    assert (equal.within, equal.between) == (0, 0)
    assert np.isnan(equal.icc)


@pytest.mark.parametrize("kind", ["numbers", "yes/no"])
def test_the_interval_of_the_intraclass_correlation_covers(kind: str) -> None:
    """Of 200 sets of 60 rows with 2 to 6 repeats, less what chance leaves."""
    rng, sets, hits = np.random.default_rng(5), 200, 0
    for _ in range(sets):
        n = rng.integers(2, 7, 60)
        if kind == "numbers":
            truth, (scores, row_of) = 0.5, _random_effects(rng, n, 1.0, 1.0)
        else:  # the variance of a share is a / (a + b + 1) of that of yes/no: the correlation is 1 / (a + b + 1)
            truth, row_of = 1 / 3, np.repeat(np.arange(60), n)
            scores = (rng.random(len(row_of)) < rng.beta(1.2, 0.8, 60)[row_of]).astype(float)
        found = variance_components(RowScores.of(scores, row_of))
        hits += found.icc_low <= truth <= found.icc_high
    assert hits / sets >= 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / sets)


def test_too_few_rows_have_no_interval_of_the_correlation() -> None:
    """Two rows, or one with repeats: without one of them nothing is left to compare."""
    for row_of in ([0, 0, 1, 1], [0, 0, 1, 2], [0, 0, 1, 2, 3, 4]):
        scores = np.arange(len(row_of), dtype="float64") % 2
        found = variance_components(RowScores.of(scores, np.array(row_of)))
        assert np.isnan([found.icc_low, found.icc_high]).all() or found.icc_low <= found.icc <= found.icc_high
