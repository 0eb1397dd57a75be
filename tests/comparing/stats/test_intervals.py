"""Confidence intervals, against published numbers: each lies in the range of its score, and has a width."""

from __future__ import annotations

import math
import re
from pathlib import Path
from random import Random
from statistics import NormalDist, fmean
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import fh_notebook as fh
from fh_notebook.comparing.rating.agreement import cohen, fleiss
from fh_notebook.comparing.stats.intervals import (
    ScoreRange,
    analytic_bca,
    bca_interval,
    bca_intervals,
    blaker_interval,
    interval_of_mean,
    interval_of_median,
    interval_of_share,
    interval_of_share_difference,
    intervals_of_differences,
    intervals_of_means,
    mean_interval,
    normal_interval,
    t_quantile,
    tango_interval,
)
from fh_notebook.comparing.verdicts.verdict import winner_of
from tests.benchmarks import coverage
from tests.comparing.frames import tall
from tests.told import facts, numbers_in

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


# T. Tango, Statistics in Medicine 17 (1998), 891-908, as R. G. Newcombe's and others' papers quote the method: ends of
# score intervals of no and of all pairs that differ, in closed form: z^2 / (n + z^2).
Z2 = coverage.Z**2


@pytest.mark.parametrize("n", [6, 10, 50])
def test_tangos_interval_of_ties_is_that_of_the_formula(n: int) -> None:
    """Without a correction, no win and no loss of n end at z^2 / (n + z^2); with an eighth of a
    row, a little beyond.
    """
    low, high = tango_interval(0, 0, n)
    assert high == -low
    assert Z2 / (n + Z2) < high < (Z2 + 0.5) / (n + Z2)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n))))
def test_tangos_interval_holds_what_was_seen_and_stays_in_bounds(counts: tuple[int, int, int]) -> None:
    """Within -1 and 1, never a point, and turned when wins and losses are."""
    wins, losses, n = counts[0], min(counts[1], counts[2] - counts[0]), counts[2]
    low, high = tango_interval(wins, losses, n)
    assert -1 <= low < high <= 1
    assert low <= (wins - losses) / n <= high
    assert tango_interval(losses, wins, n) == (-high, -low)
    one, other = (
        interval_of_share_difference(np.repeat([1.0, -1.0, 0.0], [w, x, n - w - x]), n)
        for w, x in ((wins, losses), (losses, wins))
    )
    assert one[:2] == (low, high)
    assert one.rule == other.rule == "tango"


TIERS = [
    pytest.param((6, 7, 10, 20, 22), (0.5, 0.6, 0.9), id="some"),
    pytest.param(coverage.ROWS[::2], coverage.SHARES, id="many", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("rows", "shares"), TIERS)
def test_intervals_of_differences_of_shares_cover(rows: tuple[int, ...], shares: tuple[float, ...]) -> None:
    """At least 93 % wherever the truth is; Student's, which stood there before, covers half as often."""
    grid = list(coverage.cells(shares))
    least = {"here": 1.0, "before": 1.0}
    for n in rows:
        found = coverage.covered({"here": coverage.ours, "before": coverage.student}, n, grid)
        for name, of in found.items():
            least[name] = min(least[name], *(c.coverage for c in of))
    assert least["here"] >= 0.93
    assert least["before"] < 0.5


@pytest.mark.parametrize(
    "datasets", [pytest.param(500, id="500"), pytest.param(4_000, id="4000", marks=pytest.mark.long)]
)
@pytest.mark.parametrize(("rows", "repeats"), [(6, 5), (12, 3), (30, 5), (60, 3), (60, 12)])
def test_intervals_of_clusters_cover(rows: int, repeats: int, datasets: int) -> None:
    """Rows that were repeated, hard or easy for both variants."""
    held, _ = coverage.clusters_covered(rows, repeats, datasets)
    assert held >= 0.93 - 3 * math.sqrt(0.93 * 0.07 / datasets)


def test_ten_wins_of_ten_and_ten_ties_prove_no_certainty() -> None:
    """The interval of all won ends at 1 and begins far below; that of ties reaches to both sides. All places say so."""
    won, tied = (fh.compare(tall({"a": [x] * 10, "b": [1] * 10}), score="s") for x in (0, 1))
    (line,) = won.pairs().to_dict("records")
    assert (round(line["ci_low"], 3), line["ci_high"], line["interval"]) == (0.427, 1.0, "tango")
    assert won.verdict.startswith("b ")
    assert numbers_in(won.verdict) == ["100", "10", "100", "95", "43", "100"]
    assert re.search(r"\+100 \w+ \(43 to 100", won.plot("differences").alt)
    assert "43 to 100" in " ".join(re.sub("<[^>]+>", "", won._repr_html_()).split())
    won.assert_better("b", than="a")
    (line,) = tied.pairs().to_dict("records")
    assert (round(line["ci_low"], 3), round(line["ci_high"], 3)) == (-0.295, 0.295)


def test_repeats_that_all_agree_have_an_interval_of_the_rows() -> None:
    """Ten rows, five times each, half of the answers won: not a point."""
    frame = pd.DataFrame(
        {
            "row": np.repeat(range(10), 10),
            "variant": (["a"] * 5 + ["b"] * 5) * 10,
            "s": ([0, 1, 0, 1, 0] + [1] * 5) * 10,
        }
    )
    (line,) = fh.compare(frame, score="s").pairs().to_dict("records")
    assert line["interval"] == "tango, clustered"
    assert line["ci_low"] < 0.5 < 0.7 < line["ci_high"] <= 1


def test_a_winner_needs_test_and_interval() -> None:
    """Where only one of them says so, it is not clear yet; nor is it without either."""
    lead = tall({"a": [0] * 5 + [1] * 5, "b": [1] * 10})  # McNemar's p is 0.06
    apart = fh.compare(lead, score="s")
    assert apart.pairs()["ci_low"].iloc[0] > 0
    with pytest.raises(AssertionError):
        apart.assert_better("b", than="a")
    assert winner_of(apart.data) is None
    ranks = np.concatenate([np.full(50, 0.2), np.full(5, -3.0)]) + np.random.default_rng(0).normal(0, 0.01, 55)
    assert winner_of(fh.compare(tall({"a": np.zeros(55), "b": ranks}), score="s").data) is None


SAMPLES = {
    "words": (lambda rng, n: np.round(np.exp(rng.normal(5, 1.4, n))), 0.0, math.inf),
    "seconds": (lambda rng, n: rng.exponential(2.0, n), 0.0, math.inf),
    "similarity": (lambda rng, n: rng.beta(12, 0.6, n), 0.0, 1.0),
    "correlation": (lambda rng, n: 1 - 2 * rng.beta(0.5, 6, n) * (rng.random(n) < 0.9) - 0.0, -1.0, 1.0),
}


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize("n", [2, 3, 6, 12, 39, 40, 200, 5_001])
def test_intervals_of_numbers_stay_in_the_range_of_the_score(kind: str, n: int) -> None:
    """Counts and seconds are never below 0, similarities never above 1; the interval has a width and holds the mean."""
    draw, low, high = SAMPLES[kind]
    rng = np.random.default_rng(n)
    for _ in range(20 if n < 40 else 2):
        a, b = draw(rng, n), draw(rng, n)
        within = ScoreRange.of([a, b])
        for values, (x, y, rule) in zip((a, b), intervals_of_means([a, b], within=[within] * 2), strict=True):
            assert low <= x <= values.mean() <= y <= high, rule
            assert x < y or not values.std()
        (found,) = intervals_of_differences([b - a], within=[within.of_differences])
        assert low - high <= found.low <= (b - a).mean() <= found.high <= high - low


def test_word_counts_of_three_rows_begin_above_zero() -> None:
    """575 words on average, which had an interval from -124 to 3,337."""
    frame = tall({"a": [120.0, 180.0, 1425.0]})
    (line,) = fh.compare(frame, score="s").summary().to_dict("records")
    assert 0 < line["ci_low"] < 575 < line["ci_high"]


@given(st.sampled_from([0.5, 3.0, -2.0, 1e160, 1e-160]), st.integers(2, 60))
def test_numbers_that_are_all_equal_have_an_interval_with_a_width(value: float, n: int) -> None:
    """Also where no score varies at all; and the more rows, the narrower."""
    few, more = intervals_of_means([np.full(n, value), np.full(2 * n, value)])
    assert few.low < value < few.high
    assert few.rule == "all equal"
    assert more.high - more.low < few.high - few.low


def test_a_point_ahead_on_every_row_is_still_ahead() -> None:
    """Its interval has a width now, and the winner is named as before."""
    ratings = np.array([1.0, 2.0, 3.0, 4.0, 2.0, 3.0, 1.0, 4.0, 3.0, 2.0])
    cmp = fh.compare(tall({"a": ratings, "b": ratings + 1}), score="s")
    (line,) = cmp.pairs().to_dict("records")
    assert 0 < line["ci_low"] < 1 < line["ci_high"]
    assert line["interval"] == "all equal"
    cmp.assert_better("b", than="a")


def test_kappas_at_full_agreement_have_a_width_and_end_at_1() -> None:
    """Two raters and three, of ten items and of a hundred."""
    for times in (5, 50):
        two = cohen(np.diag([times, times]).astype(float))
        three = fleiss(np.array([[3.0, 0.0], [0.0, 3.0]] * times))
        for found, full in ((two, 0.298 if times == 5 else 0.908), (three, 0.530 if times == 5 else 0.947)):
            assert (found.kappa, found.high) == (1.0, 1.0)
            assert found.low == pytest.approx(full, abs=0.001)


@pytest.mark.parametrize("seed", range(4))
def test_kappas_stay_in_their_range(seed: int) -> None:
    """Few items, near agreement and near its opposite."""
    rng = np.random.default_rng(seed)
    for _ in range(50):
        counts = rng.multinomial(8, [0.45, 0.05, 0.05, 0.45] if seed % 2 else [0.05, 0.45, 0.45, 0.05]).reshape(2, 2)
        found = cohen(counts.astype(float))
        if not math.isnan(found.kappa):
            assert -1 <= found.low <= found.kappa + 1e-12
            assert found.kappa - 1e-12 <= found.high <= 1
            assert found.low < found.high


@pytest.mark.long
@pytest.mark.parametrize("size", [1e160, 1e-160, 1e300])
def test_scores_of_any_size_can_be_shown(size: float, tmp_path: Path) -> None:
    """Squares of 1e160 are no numbers; the repr, the page and the tables are there all the same, and nobody reads 160
    digits.
    """
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {"a": rng.normal(1, 0.3, 50) * size, "b": rng.normal(1.5, 0.3, 50) * size}
    for rows in (12, 50):
        cmp = fh.compare(tall({name: values[:rows] for name, values in columns.items()}), score="s")
        page = tmp_path / "page.html"
        cmp.report(page)
        plots = (cmp.plot(kind).alt for kind in ("scores", "differences"))
        for shown in (repr(cmp), cmp._repr_html_(), repr(cmp.power()), cmp.verdict, *plots, page.read_text("utf-8")):
            assert shown
            assert not re.search(r"\d[\d,]{20}|0\.0{20}", shown), "a number is written with an exponent"
        (line,) = cmp.pairs().to_dict("records")
        assert math.isfinite(line["ci_low"])
        assert line["ci_low"] < line["difference"] < line["ci_high"]


def test_the_interval_of_an_unbounded_difference_is_students() -> None:
    """Nothing is moved where the range has no end."""
    values = np.random.default_rng(0).normal(size=20)
    (found,) = intervals_of_differences([values], within=[ScoreRange(0.0).of_differences])
    assert found[:2] == mean_interval(values.tolist())


BOUNDED = {
    "uniform": (lambda rng, n: rng.random(n), ScoreRange(0.0, 1.0), 20),
    "U-shaped": (lambda rng, n: rng.beta(0.3, 0.3, n), ScoreRange(0.0, 1.0), 10),
    "grades": (lambda rng, n: rng.choice([1.0, 3.0, 5.0], n), ScoreRange(1.0, 5.0), 10),
}


@pytest.mark.parametrize("kind", BOUNDED)
def test_intervals_of_bounded_differences_cover_as_students_do(kind: str) -> None:
    """A bound takes nothing away but what lies beyond it."""
    draw, scores, n = BOUNDED[kind]
    within, rng = scores.of_differences, np.random.default_rng(3)
    samples = [draw(rng, n) - draw(rng, n) for _ in range(800)]
    found = intervals_of_differences(samples, within=[within] * len(samples))
    students = [mean_interval(values.tolist()) for values in samples]
    assert sum(x.low <= 0 <= x.high for x in found) == sum(low <= 0 <= high for low, high in students)
    assert [x[:2] for x in found] == [(max(low, within.low), min(high, within.high)) for low, high in students]


def test_bounds_that_a_scorer_states_hold_an_interval() -> None:
    """Grades from 1 to 5 that are nearly all 5: the interval ends at 5 at the most; a score beyond bounds undoes them;
    a judge's are its scale."""
    frame = pd.DataFrame({"row": range(8), "variant": "a", "output": ["5"] * 7 + ["3"]})

    def grade(run: fh.Run) -> float:
        return float(run.text)

    free = fh.compare(frame, score=grade).summary().iloc[0]
    for bounds in ((1, 5), [1.0, 5.0]):
        held = fh.compare(frame, score=fh.score.scorer(grade, bounds=bounds)).summary().iloc[0]
        assert 1 < held["ci_low"] < held["mean"] < held["ci_high"] <= 5
    wrong = fh.compare(frame, score=fh.score.scorer(grade, bounds=(0, 4))).summary().iloc[0]
    assert wrong.equals(free)
    judge = fh.score.judge("polite", scale=(1, 5), client=fh.local.LocalHive().client(), progress=False)
    assert judge.bounds == (1.0, 5.0)
    same = fh.compare(frame.assign(output="5"), score=fh.score.scorer(grade, bounds=(1, 5))).summary().iloc[0]
    assert same["ci_low"] < 5 == same["ci_high"]
    for slip in ((5, 1), (1,), "15", (1, None)):
        with pytest.raises(fh.InputError, match=facts("bounds")):
            fh.score.scorer(grade, bounds=slip)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [5, 6, 7, 20, 21, 75, 400])
def test_the_interval_of_a_median_is_that_of_scipy(n: int) -> None:
    """By order statistics; of fewer than six values there is none."""
    values = np.random.default_rng(n).gamma(2.0, 1.0, n)
    found = interval_of_median(values)
    expected = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    if n < 6:
        assert found.rule == "none"
    else:
        assert (found.low, found.high) == (expected.low, expected.high)


@pytest.mark.parametrize("rows", [8, 40])
def test_the_interval_of_a_median_of_repeats_covers(rows: int) -> None:
    """Of 400 sets of rows with 1 to 5 repeats each, less what chance leaves; that of independent values does not."""
    rng, hits, naive = np.random.default_rng(3), 0, 0
    for _ in range(400):
        repeats = rng.integers(1, 6, rows)
        clusters = np.repeat(np.arange(rows), repeats)
        values = np.repeat(rng.normal(size=rows), repeats) + 0.3 * rng.normal(size=len(clusters))
        low, high, rule = interval_of_median(values, clusters=clusters)
        assert rule == "order statistics, clustered"
        hits += low <= 0 <= high
        low, high, _ = interval_of_median(values)
        naive += low <= 0 <= high
    assert hits / 400 >= 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / 400)
    assert naive < hits - 20
