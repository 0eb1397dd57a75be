"""Gates for CI: no worse by more than a margin, equivalent; shown by an interval, and told apart from "too few rows"."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired

import fh_notebook as fh
from fh_notebook.comparing.verdicts.gates import GateOutcome, margin_of
from tests.comparing.frames import scores, tall


def _yes_no(n: int, live: float, new: float, seed: int = 0) -> fh.Comparison:
    rng = np.random.default_rng(seed)
    return fh.compare(tall({"live": (rng.random(n) < live) * 1.0, "new": (rng.random(n) < new) * 1.0}), score="s")


def _counted(wins: int, losses: int, n: int) -> fh.Comparison:
    """New wins and loses so many of the rows; on the others both are right."""
    live, new = np.ones(n), np.ones(n)
    live[:wins], new[wins : wins + losses] = 0, 0
    return fh.compare(tall({"live": live, "new": new}), score="s")


def test_no_worse_is_shown_by_the_interval_of_pairs() -> None:
    """The lower limit of `pairs()` decides at the usual level, to the last digit."""
    cmp = _counted(20, 18, 300)
    (line,) = cmp.pairs().to_dict("records")
    assert line["ci_low"] < 0
    cmp.assert_not_worse("new", than="live", by=-line["ci_low"] + 1e-9)
    with pytest.raises(AssertionError, match=r"^(?!new\b).*\bnew .* live ") as raised:  # which would be what is worse
        cmp.assert_not_worse("new", than="live", by=-line["ci_low"] - 1e-9)
    with pytest.raises(fh.GateFailed) as raised_by_better:
        cmp.assert_better("new", than="live")
    for traceback in (raised.traceback, raised_by_better.traceback):  # pytest shows the line of the test alone
        assert [entry.name for entry in traceback.filter(raised)] == [traceback[0].name]


def test_worse_is_another_thing_than_too_few_rows() -> None:
    """Few rows are neither; the sentence says how many more would tell."""
    few, many = _yes_no(30, 0.9, 0.85), _yes_no(3_000, 0.9, 0.85)
    assert margin_of(few.data, "new", than="live", by=0.0, alpha=0.05).outcome is GateOutcome.UNCLEAR
    margin = margin_of(many.data, "new", than="live", by=0.0, alpha=0.05)
    assert margin.outcome is GateOutcome.WORSE
    with pytest.raises(
        AssertionError,
        match=r"^new .* live: .* \d\.\d points \w+ \(95 % [^)]* -\d\.\d to -\d\.\d points, 3",
    ):
        many.assert_not_worse("new", than="live", by=0)
    with pytest.raises(AssertionError, match=r"; \w+ [0-9,]+ "):
        few.assert_not_worse("new", than="live", by=0.2)


def test_the_rows_that_would_tell_do() -> None:
    """With so many rows of the same kind the margin is outside of the interval; the number is an estimate."""
    margin = margin_of(_counted(5, 5, 100).data, "new", than="live", by=0.01, alpha=0.05)
    needed = 1 + margin.rows_more / 100
    for times, outcome in ((1.3, GateOutcome.NOT_WORSE), (0.6, GateOutcome.UNCLEAR)):
        more = round(times * needed)
        again = _counted(5 * more, 5 * more, 100 * more)
        assert margin_of(again.data, "new", than="live", by=0.01, alpha=0.05).outcome is outcome


def test_where_lower_is_better_the_upper_limit_decides() -> None:
    """Seconds of completed runs; a run that failed has none."""
    rng = np.random.default_rng(1)
    hard = rng.normal(2.0, 0.5, 200)
    frame = tall({"live": np.ones(200), "new": np.ones(200)})
    frame["elapsed_s"] = np.concatenate([hard, hard + 0.05 + rng.normal(0, 0.1, 200)])
    frame["status"] = "completed"
    frame.loc[[3, 250], ["status", "elapsed_s"]] = ["failed", np.nan]
    cmp = fh.compare(frame, score="s")
    cmp.assert_not_worse("new", than="live", by=0.1, value="seconds")
    with pytest.raises(AssertionError, match=r"^new .* live .*\b0\.01 s: .* 0\.0[0-9]+ s "):
        cmp.assert_not_worse("new", than="live", by=0.01, value="seconds")
    margin = margin_of(cmp.data, "live", than="new", by=0.0, alpha=0.05, value="seconds")
    assert (margin.outcome, margin.pair.n) == (GateOutcome.NOT_WORSE, 198)
    # A score of which less is better goes the same way.
    by_column = fh.compare(frame, score="elapsed_s")
    by_column.assert_not_worse("new", than="live", by=0.1)
    with pytest.raises(AssertionError, match=r" 0\.0[0-9]+ "):
        by_column.assert_not_worse("new", than="live", by=0.01)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_few_numbers_agree_with_statsmodels(alpha: float) -> None:
    """Student's interval of the paired difference, and two one-sided tests of level alpha / 2 for equivalence."""
    frame = scores(n=30, live=0.0, new=0.1)
    wide = frame.pivot_table(index="row", columns="variant", values="s")
    low, high = DescrStatsW((wide["new"] - wide["live"]).to_numpy()).tconfint_mean(alpha=alpha)
    cmp = fh.compare(frame, score="s")
    margin = margin_of(cmp.data, "new", than="live", by=0.5, alpha=alpha)
    assert (margin.lead_low, margin.lead_high) == pytest.approx((low, high), abs=1e-9)
    for by in (0.2, 0.4, 0.6, 0.8, 1.0, 2.0):
        p = ttost_paired(wide["new"].to_numpy(), wide["live"].to_numpy(), -by, by)[0]
        assert cmp.is_equivalent("new", "live", by=by, alpha=alpha) == (p < alpha / 2)


def test_equivalent_needs_both_limits() -> None:
    """A variant that is much better is no worse, and not equivalent; the order of the two makes no difference."""
    cmp = _yes_no(2_000, 0.7, 0.9)
    cmp.assert_not_worse("new", than="live", by=0.02)
    assert not cmp.is_equivalent("new", "live", by=0.02)
    same = _yes_no(2_000, 0.9, 0.9)
    assert same.is_equivalent("new", "live", by=0.05) is same.is_equivalent("live", "new", by=0.05) is True


def test_a_narrower_level_asks_for_more() -> None:
    """Between the limits of two levels, one passes and the other does not."""
    cmp = _counted(20, 18, 300)
    wide, narrow = (-margin_of(cmp.data, "new", than="live", by=0, alpha=alpha).lead_low for alpha in (0.01, 0.2))
    between = (wide + narrow) / 2
    cmp.assert_not_worse("new", than="live", by=between, alpha=0.2)
    with pytest.raises(AssertionError, match="99 % "):
        cmp.assert_not_worse("new", than="live", by=between, alpha=0.01)


def test_what_people_prefer_is_gated_too() -> None:
    """The margin is of the share of rows on which one is preferred."""
    cmp = _yes_no(12, 1.0, 1.0)
    with pytest.raises(fh.InputError, match=r"cmp\.rate\(\)"):
        cmp.rated().assert_not_worse("new", than="live", by=0.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"variant": "nwe"}, r"'nwe'.* 'new'\?"),
        ({"than": "new"}, "'new' and 'new'"),
        ({"by": -0.1}, "by.* 0"),
        ({"by": float("nan")}, "by is nan"),
        ({"by": True}, "by is True"),
        ({"by": 2}, r"by is 2\b.*0\.02"),
        ({"alpha": 1.5}, "alpha"),
        ({"value": "second"}, "seconds"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(given: dict[str, Any], message: str) -> None:
    """With the cure."""
    words: dict[str, Any] = {"variant": "new", "than": "live", "by": 0.1, **given}
    with pytest.raises(fh.InputError, match=message) as caught:
        _yes_no(20, 0.9, 0.9).assert_not_worse(words.pop("variant"), **words)
    assert "\n" not in str(caught.value)


def test_without_scores_of_both_it_is_not_clear() -> None:
    """No row has both; the sentence says so, and no number stands in it."""
    cmp = fh.compare(tall({"live": [1, 0, None, None], "new": [None, None, 1, 0]}), score="s")
    with pytest.raises(AssertionError, match=r"^[^\d]*\bnew [^\d]*\blive [^\d]*$"):
        cmp.assert_not_worse("new", than="live", by=0)


def test_a_comparison_without_a_score_gates_seconds_only() -> None:
    """What cannot be scored has seconds."""
    frame = pd.DataFrame({"row": [*range(50)] * 2, "variant": ["a"] * 50 + ["b"] * 50, "output": "x"})
    frame["elapsed_s"], frame["status"] = np.tile(np.linspace(1, 2, 50), 2), "completed"
    cmp = fh.compare(frame)
    assert cmp.is_equivalent("a", "b", by=0.1, value="seconds")
    with pytest.raises(fh.InputError, match="score="):
        cmp.is_equivalent("a", "b", by=0.1)
