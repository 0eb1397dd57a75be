"""Every interval lies in the range of its score, and has a width."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.comparing.rating.agreement import cohen, fleiss
from fh_notebook.comparing.stats.intervals import (
    interval_of_shares_apart,
    intervals_of_differences,
    intervals_of_means,
    mean_interval,
    tango_interval,
)
from fh_notebook.comparing.stats.score_range import ScoreRange
from tests.benchmarks import coverage
from tests.comparing.frames import tall

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
        interval_of_shares_apart(np.repeat([1.0, -1.0, 0.0], [w, x, n - w - x]), n)
        for w, x in ((wins, losses), (losses, wins))
    )
    assert one[:2] == (low, high)
    assert one.rule == other.rule == "tango"


TIERS = [
    pytest.param((6, 7, 10, 20, 22), (0.5, 0.6, 0.9), id="some"),
    pytest.param(coverage.ROWS, coverage.SHARES, id="all", marks=pytest.mark.long),
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
    assert "b beats a by 1.00 (95% CI 0.43 to 1.00, p = 0.002, 10 rows)." in won.verdict
    assert "1.000 (0.427 to 1.000" in won.plot("differences").alt
    assert "0.427 to 1.000 (tango)" in won._repr_html_()
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
    with pytest.raises(AssertionError, match="which is better is not clear yet"):
        apart.assert_better("b", than="a")
    ranks = np.concatenate([np.full(50, 0.2), np.full(5, -3.0)]) + np.random.default_rng(0).normal(0, 0.01, 55)
    assert "not clear yet" in fh.compare(tall({"a": np.zeros(55), "b": ranks}), score="s").verdict


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


@hypothesis_settings(max_examples=50)
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
        with pytest.raises(fh.InputError, match=r"give \(lowest, highest\)"):
            fh.score.scorer(grade, bounds=slip)  # type: ignore[arg-type]
