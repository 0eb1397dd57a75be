"""`cmp.pairs()` and what is built on it: the sentence, the leaderboard, power, `assert_better`."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import fh_notebook as fh
from fh_notebook.comparing.report.report import settings_of
from fh_notebook.comparing.stats.hypothesis_tests import holm, mcnemar_exact
from fh_notebook.comparing.verdicts.verdict import verdict, winner_of
from tests.comparing.frames import scores, tall
from tests.notebook.hostile import Page
from tests.told import numbers_in, tells

COLUMNS = ["a", "b", "n", "mean_a", "mean_b", "difference", "ci_low", "ci_high", "wins", "ties", "losses", "test", "p", "p_holm", "effect"]  # fmt: skip


def test_a_pair_has_every_figure_of_the_rows_that_both_have() -> None:
    """`a` stands before `b`, everything is of `b`; rows that one has not are left out."""
    a = [1, 1, 0, 0, 1, 0, 0, 0, 1, None]
    b = [1, 0, 1, 1, 1, 1, 1, 0, None, 1]
    (line,) = fh.compare(tall({"a": a, "b": b}), score="s").pairs().to_dict("records")
    assert list(line)[: len(COLUMNS)] == COLUMNS
    assert set(line) - set(COLUMNS) == {"p_permutation", "interval"}
    assert (line["a"], line["b"], line["n"]) == ("a", "b", 8)
    assert (line["mean_a"], line["mean_b"], line["difference"]) == pytest.approx((3 / 8, 6 / 8, 3 / 8))
    assert (line["wins"], line["ties"], line["losses"]) == (4, 3, 1)
    assert (line["test"], line["p"]) == ("mcnemar_exact", mcnemar_exact(4, 1))
    assert line["p_holm"] == line["p"]
    assert (line["effect"], line["interval"]) == (0.6, "tango")
    assert line["ci_low"] < line["difference"] < line["ci_high"]


def test_numbers_are_tested_by_wilcoxon_as_scipy_does_by_default() -> None:
    """And by flips of the signs beside it; the interval is the bootstrap's from 40 pairs on."""
    frame = scores(a=0.0, b=0.4)
    wide = frame.pivot_table(index="row", columns="variant", values="s")
    (line,) = fh.compare(frame, score="s").pairs().to_dict("records")
    assert line["p"] == stats.wilcoxon(wide["b"] - wide["a"]).pvalue
    assert (line["test"], line["interval"]) == ("wilcoxon", "bca")
    assert line["p_permutation"] == pytest.approx(stats.ttest_rel(wide["b"], wide["a"]).pvalue, abs=0.02)


def test_pairs_stand_in_the_order_of_the_variants_and_are_corrected_together() -> None:
    """Holm's, over all of them."""
    frame = scores(z=0.0, a=0.3, m=0.6)
    table = fh.compare(frame, score="s").pairs()
    assert table[["a", "b"]].values.tolist() == [["z", "a"], ["z", "m"], ["a", "m"]]
    assert table["p_holm"].tolist() == holm(table["p"].tolist())
    assert (table["p_holm"] >= table["p"]).all()


def test_below_six_pairs_there_is_no_test_and_it_says_so() -> None:
    """`none` and NaN, and they do not count for Holm's correction of the others."""
    columns = {"a": np.arange(30.0), "b": np.arange(30.0) + np.tile([0.4, 1.0, -0.2], 10), "c": [1.0] * 5 + [None] * 25}
    table = fh.compare(tall(columns), score="s").pairs().set_index(["a", "b"])
    few = table.loc[("a", "c")]
    assert (few["test"], few["n"]) == ("none", 5)
    assert math.isnan(few["p"]) and math.isnan(few["p_holm"]) and math.isnan(few["p_permutation"])  # noqa: PT018
    assert table.loc[("a", "b"), "p_holm"] == table.loc[("a", "b"), "p"]
    alone = fh.compare(tall({"keywords": [1, 0, 1, 0, 1], "nearest": [0] * 5}), score="s")
    assert numbers_in(alone.verdict) == ["5", "6"]  # those that both have, and the least that are tested
    assert tells(alone.verdict, "keywords", "nearest")


def test_repeats_of_a_row_are_one_pair() -> None:
    """Their means are compared, as numbers; and the same scores in another order are a tie."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"row": np.tile(np.repeat(np.arange(50), 3), 2), "variant": np.repeat(["a", "b"], 150), "s": rng.integers(0, 2, 300)}
    )  # fmt: skip
    (line,) = fh.compare(frame, score="s").pairs().to_dict("records")
    assert (line["n"], line["test"], line["interval"]) == (50, "wilcoxon", "tango, clustered")
    shuffled = pd.DataFrame({"row": [0] * 6, "variant": ["a"] * 3 + ["b"] * 3, "s": [0.1, 0.2, 0.7, 0.7, 0.1, 0.2]})
    assert fh.compare(shuffled, score="s").pairs()["ties"].tolist() == [1]


def test_ten_times_the_same_answers_make_no_difference_surer() -> None:
    """Repeats are a cluster: the interval is that of the rows."""
    once = scores(a=0.0, b=0.3)
    often = pd.concat([once] * 10, ignore_index=True)
    columns = ["n", "difference", "ci_low", "ci_high", "p"]
    first, second = (fh.compare(frame, score="s").pairs()[columns].iloc[0].tolist() for frame in (once, often))
    assert first == pytest.approx(second, rel=1e-6)


def test_figures_are_the_same_at_each_display() -> None:
    """Whatever is drawn at random has a fixed seed."""
    frame = scores(a=0.0, b=0.3)
    one, two = fh.compare(frame, score="s"), fh.compare(frame, score="s")
    pd.testing.assert_frame_equal(one.pairs(), two.pairs())
    assert repr(one) == repr(two)


def test_tables_are_new_ones_at_each_call() -> None:
    """What a user does to one changes nothing."""
    cmp = fh.compare(scores(a=0.0, b=0.3), score="s")
    pairs, summary = cmp.pairs(), cmp.summary()
    pairs["p"] = summary["mean"] = 0.0
    assert cmp.pairs()["p"].iloc[0] > 0
    assert cmp.summary()["mean"].iloc[1] != 0


# --- the sentence


def test_what_is_better_is_told_in_one_sentence() -> None:
    """By how much, how sure, and on how many rows: the same sentence in every view."""
    cmp = fh.compare(scores(keywords=0.0, nearest=1.0), score="s")
    (line,) = cmp.pairs().to_dict("records")
    assert re.fullmatch(
        r"nearest .*: \d\.\d{3} .* 60 rows, \d\.\d{3} \(95 % \w+ 0\.\d{3} \w+ \d\.\d{3}\) .* keywords\.", cmp.verdict
    )
    ends = (f"{line[name]:.3f}" for name in ("difference", "ci_low", "ci_high"))
    assert [number for number in numbers_in(cmp.verdict) if number != "95"][-3:] == [*ends]
    pages = [Page(str(shown._repr_html_())).text for shown in (cmp, cmp.pairs())]
    for shown in (repr(cmp), repr(cmp.pairs()), *pages):
        assert shown.count(cmp.verdict) == 1


def test_holm_is_named_only_where_there_is_something_to_correct() -> None:
    """Of two variants there is one p, and it stands as it is; of three all are corrected, and it is said."""
    two, three = (
        fh.compare(scores(**shift), score="s") for shift in ({"a": 0.0, "b": 1.0}, {"a": 0.0, "b": 1.0, "c": 0.0})
    )
    for said in (repr(two.pairs()), two.plot("differences").alt, settings_of(two.data)["tests"]):
        assert "Holm" not in said
    assert "Holm" in repr(three.pairs())
    assert " after Holm" in three.plot("differences").alt
    assert "Holm over 3 pairs" in settings_of(three.data)["tests"]


def test_a_pair_that_is_too_few_rows_to_be_tested_is_none_that_holm_corrects_for() -> None:
    """The third variant has a score of five rows only."""
    columns = {"a": np.arange(9.0), "b": np.arange(9.0) + np.tile([1.0, 1.1, 1.2], 3), "c": [9.0] * 5 + [None] * 4}
    cmp = fh.compare(tall(columns), score="s")
    with pytest.raises(AssertionError) as told:
        cmp.assert_better("a", than="b")
    assert "Holm" not in str(told.value)


def test_without_a_row_in_common_the_better_one_is_told_where_lower_is_better() -> None:
    """Over partitions no pair may have been seen; then the means are told, and of seconds the lowest is the best."""
    frame = pd.DataFrame({"row": range(4), "variant": ["a", "a", "b", "b"], "elapsed_s": [3.0, 3.0, 1.0, 1.0]})
    summary = fh.compare(frame, score="elapsed_s").data.summary_lines
    for lower, best in ((True, "b"), (False, "a")):
        said = verdict(summary, [], scorer="elapsed_s", lower=lower)
        assert re.match(rf"{best} .*\belapsed_s\b", said)


def test_what_is_not_sure_says_how_many_rows_are_lacking() -> None:
    """About as many as `power()` says."""
    cmp = fh.compare(scores(a=0.0, b=0.35), score="s")
    told = int(numbers_in(cmp.verdict)[-1].replace(",", ""))
    assert told == pytest.approx(cmp.power()["rows_more"].iloc[0], rel=0.1)
    assert winner_of(cmp.data) is None


def test_of_several_the_best_is_told_with_what_it_beats_where_the_next_one_is_equal() -> None:
    """The two best first, then the one behind."""
    equal = scores(a=0.0, b=2.0)
    also = equal[equal["variant"] == "b"].assign(variant="c")
    cmp = fh.compare(pd.concat([equal, also]), score="s")
    assert re.fullmatch(r"c and b .* 60 rows .*\. c \w+ a\.|b and c .* 60 rows .*\. b \w+ a\.", cmp.verdict)


def test_where_test_and_mean_disagree_neither_is_better() -> None:
    """Many small wins and a few heavy losses: ranks say one thing, the mean another."""
    apart = np.concatenate([np.full(50, 0.2), np.full(5, -3.0)]) + np.random.default_rng(0).normal(0, 0.01, 55)
    cmp = fh.compare(tall({"a": np.zeros(55), "b": apart}), score="s")
    assert cmp.pairs()["p_holm"].iloc[0] < 0.05
    assert winner_of(cmp.data) is None
    for better, than in (("a", "b"), ("b", "a")):
        with pytest.raises(AssertionError):
            cmp.assert_better(better, than=than)
    assert cmp.leaderboard()["beats"].tolist() == ["", ""]


def test_what_only_a_wider_alpha_finds_is_told_by_the_interval() -> None:
    """10 wins and 3 losses of 14 rows at `alpha=0.1`: test and mean agree, and the 95 % interval includes 0."""
    cmp = fh.compare(tall({"a": [0] * 10 + [1] * 4, "b": [1] * 10 + [0] * 3 + [1]}), score="s")
    with pytest.raises(AssertionError, match=r"95 % interval \S+ 0\b"):
        cmp.assert_better("b", than="a", alpha=0.1)


def test_the_same_mean_is_told_as_that() -> None:
    """No number of rows would tell."""
    cmp = fh.compare(tall({"a": [0.0, 1.0] * 10, "b": [1.0, 0.0] * 10}), score="s")
    assert cmp.verdict.startswith("a and b ")
    assert numbers_in(cmp.verdict) == ["95", "-41", "41", "1.00", "20"], "and none of rows that are lacking"


@pytest.mark.parametrize("failed", ["drop", "zero"])
def test_failed_runs_are_left_out_or_count_as_zero_and_it_is_said(failed: str) -> None:
    """Counted as failed either way."""
    lines = [(r, v, "failed" if (v == "b" and r < 3) else "completed", 1.0) for r in range(10) for v in "ab"]
    frame = pd.DataFrame(lines, columns=["row", "variant", "status", "s"])
    cmp = fh.compare(frame, score="s", failed=failed)  # type: ignore[arg-type]
    b = cmp.summary().set_index("variant").loc["b"]
    assert (b["n"], b["missing"], b["failed"]) == ((7, 0, 3) if failed == "drop" else (10, 0, 3))
    assert b["mean"] == (1.0 if failed == "drop" else 0.7)
    assert cmp.pairs()["n"].tolist() == [7 if failed == "drop" else 10]
    said = "3 failed runs "
    assert any(said in note for note in cmp.notes)
    assert said in repr(cmp)
    assert said in cmp._repr_html_()


def test_another_word_for_failed_runs_is_refused() -> None:
    """With the ones that there are."""
    with pytest.raises(fh.InputError, match="failed is 'ignore'; .*'drop' or 'zero'"):
        fh.compare(scores(a=0.0), score="s", failed="ignore")  # type: ignore[arg-type]


def test_missing_scores_are_counted_with_their_reasons() -> None:
    """An error of the scorer, and nothing to be scored by, are not the same."""
    frame = pd.DataFrame({"row": range(8), "variant": "a", "output": "x", "status": ["completed"] * 7 + ["unknown"]})

    def score(run: fh.Run, row: dict[str, int]) -> bool | None:
        return None if row["row"] == 1 else bool(1 / row["row"])

    (note,) = fh.compare(frame, score=score).notes
    assert numbers_in(note) == ["3", "1", "1", "1"]
    assert "cmp.score_errors()" in note


def test_the_headline_says_which_rows_it_counts_where_the_table_counts_more() -> None:
    """One number a variant, as in the table, and the rows of both, which the difference is of; said once where equal."""
    lines = [(r, v, r % 3 != 0 or v == "b", "completed") for r in range(60) for v in "ab"]
    frame = pd.DataFrame(lines, columns=["row", "variant", "s", "status"])
    assert numbers_in(repr(fh.compare(frame, score="s")).splitlines()[0])[:2] == ["100", "60"]
    frame.loc[0, "status"] = "failed"
    shown = repr(fh.compare(frame, score="s"))
    headline = shown.splitlines()[0]
    assert headline.startswith("b ")
    assert numbers_in(headline)[:5] == ["100", "60", "60", "32", "95"]
    assert numbers_in(headline)[-3:] == ["59", "100", "68"]
    assert shown.count("100 % (60 of 60)") == 2
    frame["s"] = frame["s"] * 2.5
    shown = repr(fh.compare(frame, score="s"))
    assert numbers_in(shown.splitlines()[0])[:3] == ["2.500", "60", "0.805"]
    assert numbers_in(shown.splitlines()[0])[-1] == "59"


def test_macro_f1_says_which_label_of_few_rows_decides_it() -> None:
    """Only where others have more: of a table that is small altogether no label decides alone."""
    answered = [*["billing"] * 8, *["delivery"] * 6, "returns"]
    frame = pd.DataFrame({"row": range(15), "variant": "a", "output": answered, "expected_output": answered})
    frame["status"] = "completed"
    (note,) = fh.compare(frame).notes
    assert re.search("F1.*'returns'", note)
    assert note.startswith("*")
    assert "macro F1 *" in repr(fh.compare(frame))
    assert numbers_in(note)[-1] == "1"
    for few in (frame[frame["output"] != "returns"], frame.iloc[6:].query("row not in (8, 9, 10)")):
        (note,) = fh.compare(few).notes
        assert numbers_in(note) == [], "of no label alone"


# --- leaderboard, slice, power


def test_the_leaderboard_has_the_best_first_and_whom_it_beats() -> None:
    """With the rule of each interval, rows, and failures."""
    frame = scores(a=0.0, b=2.5, c=1.2)
    frame["status"] = np.where((frame["variant"] == "c") & (frame["row"] < 6), "failed", "completed")
    board = fh.compare(frame, score="s").leaderboard()
    assert board[["rank", "variant", "beats"]].values.tolist() == [[1, "b", "a, c"], [2, "c", "a"], [3, "a", ""]]
    assert board["interval"].tolist() == ["bca"] * 3
    assert board["rows"].tolist() == [60, 54, 60]
    assert board["failure_rate"].tolist() == [0.0, 0.1, 0.0]


def test_what_calls_cost_is_there_where_a_call_has_a_price() -> None:
    """Of calls that ran or may have run; without a price there is no such column."""
    frame = pd.DataFrame({"row": range(4), "variant": "a", "s": 1, "status": ["completed"] * 2 + ["unknown", "failed"]})
    cmp = fh.compare(frame, score="s")
    assert "cost" not in cmp.summary().columns
    fh.configure(price_per_call=0.5)
    assert cmp.summary()["cost"].tolist() == [1.5]
    assert cmp.leaderboard()["cost"].tolist() == [1.5]
    assert "1.50" in cmp._repr_html_()


def test_a_slice_is_a_summary_for_each_value() -> None:
    """In the order of their first coming; a missing value is one of them; metadata by its own name."""
    frame = pd.DataFrame(
        {
            "row": np.repeat(range(6), 2), "variant": ["a", "b"] * 6, "s": [1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1],
            "metadata.language": np.repeat(["fr", "en", "fr", "en", None, "en"], 2),
        }
    )  # fmt: skip
    cmp = fh.compare(frame, score="s")
    table = cmp.slice(by="language")
    assert table.columns.tolist() == ["language", *cmp.summary().columns]
    assert table[["language", "variant", "n", "mean"]].values.tolist() == [
        ["fr", "a", 2, 0.5], ["fr", "b", 2, 0.0], ["en", "a", 3, 1.0], ["en", "b", 3, 1.0], [None, "a", 1, 0.0], [None, "b", 1, 1.0],
    ]  # fmt: skip
    with pytest.raises(fh.InputError, match=r"'langage'.* 'language'\?"):
        cmp.slice(by="langage")


def test_a_slice_of_several_columns_is_one_of_each_combination() -> None:
    """In the order of their first lines; each is what the slice of its rows alone is."""
    frame = pd.DataFrame(
        {
            "row": range(8),
            "variant": "a",
            "s": [1, 0, 1, 1, 0, 0, 1, 0],
            "tone": list("ppqqppqq"),
            "words": [60, 120] * 4,
        }
    )
    table = fh.compare(frame, score="s").slice(by=["tone", "words"])
    assert table[["tone", "words", "mean"]].values.tolist() == [
        ["p", 60, 0.5], ["p", 120, 0.0], ["q", 60, 1.0], ["q", 120, 0.5],
    ]  # fmt: skip
    one = fh.compare(frame[frame["tone"] == "q"], score="s").slice(by="words")
    pd.testing.assert_frame_equal(table[2:].reset_index(drop=True)[one.columns], one)
    for by, words in (([], r"^by\b"), (["tone", "word"], "'word'")):
        with pytest.raises(fh.InputError, match=words):
            fh.compare(frame, score="s").slice(by=by)


def test_slices_of_a_batch_are_those_of_its_frame() -> None:
    """By a column of the rows that the variants never saw."""
    hive = fh.local.demo_hive(pace=0.0)
    batch = fh.batch(fh.local.tickets(), "support-triage", client=hive.client(), progress=False)
    table = fh.compare(batch).slice(by="language")
    pd.testing.assert_frame_equal(table, fh.compare(batch.frame).slice(by="language"))
    assert table["n"].sum() == fh.compare(batch).summary()["n"].sum()
    assert {"en", "fr"} <= set(table["language"])


def test_power_says_what_so_many_rows_can_see() -> None:
    """For the difference that was seen, and for one that would matter."""
    cmp = fh.compare(scores(a=0.0, b=0.35), score="s")
    (seen,) = cmp.power().to_dict("records")
    assert seen["power"] < 0.8 < 1
    assert seen["rows_more"] == seen["rows_needed"] - 60
    (other,) = cmp.power(difference=seen["detectable"]).to_dict("records")
    assert other["power"] == pytest.approx(0.8, abs=0.01)
    assert other["rows_needed"] == pytest.approx(60, abs=1)
    with pytest.raises(fh.InputError, match="power is 80"):
        cmp.power(power=80)
    for wrong in ("0.1", math.nan, math.inf):
        with pytest.raises(fh.InputError, match=f"difference is '?{wrong}'?; .*None"):
            cmp.power(difference=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_rows_that_are_too_few_to_be_tested_have_no_power(n: int) -> None:
    """However large the difference is that they show; the number that is needed is one that is tested."""
    lines = [{"row": row, "variant": v, "s": 0.1 * row + 5 * (v == "b")} for row in range(n) for v in "ab"]
    cmp = fh.compare(pd.DataFrame(lines), score="s")
    (estimate,) = cmp.power(difference=5.0).to_dict("records")
    assert estimate["rows_needed"] >= 6
    if n < 6:
        assert (estimate["power"], estimate["detectable"]) == (0.0, math.inf)
        assert estimate["rows_more"] == estimate["rows_needed"] - n
    else:
        assert estimate["power"] > 0.9


# --- assert_better


def test_a_better_variant_passes_and_every_other_fails_with_the_sentence() -> None:
    """For a test in CI."""
    cmp = fh.compare(scores(a=0.0, b=1.0, c=0.9), score="s")
    cmp.assert_better("b", than="a")
    with pytest.raises(AssertionError, match=r"^a .* b \([^)]*= 0\.05\): b beats a by"):
        cmp.assert_better("a", than="b")
    with pytest.raises(AssertionError, match=r"^b .* c (?!.*\bbeats\b).*\d+ "):
        cmp.assert_better("b", than="c")
    with pytest.raises(AssertionError, match="= 1e-30"):
        cmp.assert_better("b", than="a", alpha=1e-30)
    with pytest.raises(fh.InputError, match="'d'.*'a', 'b' and 'c'"):
        cmp.assert_better("d", than="a")


def test_too_few_rows_are_no_proof_and_no_score_is_misuse() -> None:
    """Neither passes."""
    with pytest.raises(AssertionError, match=r"\b5 rows .*\b6 "):
        fh.compare(tall({"a": [0] * 5, "b": [1] * 5}), score="s").assert_better("b", than="a")
    frame = pd.DataFrame({"row": [0, 0], "variant": ["a", "b"], "output": ["x", "y"]})
    with pytest.raises(fh.InputError, match="score="):
        fh.compare(frame).assert_better("b", than="a")


def test_where_the_scorer_says_so_lower_is_better() -> None:
    """As for seconds: the lower one wins, beats, and comes first."""
    cmp = fh.compare(scores(slow=1.5, fast=0.0), score="s")
    cmp.data.lines.attrs["lower_is_better"] = True
    assert cmp.pairs()["difference"].iloc[0] < 0
    assert cmp.pairs()["wins"].iloc[0] > 30
    assert re.match(r"fast .*, 1\.\d{3} \(95 % \w+ \d\.\d{3} to \d\.\d{3}\) less \w+ slow\.", cmp.verdict)
    assert cmp.leaderboard()["variant"].tolist() == ["fast", "slow"]
    cmp.assert_better("fast", than="slow")


def test_a_failed_run_is_never_the_best_one() -> None:
    """Where lower is better, 0 is no punishment: it is refused."""
    cmp = fh.compare(scores(a=0.0), score="s", failed="zero")
    cmp.data.runs.lines.attrs["lower_is_better"] = True
    with pytest.raises(fh.InputError, match="failed='zero'"):
        replace(cmp.data)


@pytest.mark.parametrize("kind", ["yes/no", "numbers"])
def test_every_slice_is_the_summary_of_its_rows(kind: str) -> None:
    """Also where values are many: each is what a comparison of these rows alone says."""
    rng = np.random.default_rng(12)
    frame = pd.DataFrame(
        {
            "row": np.repeat(np.arange(120), 4),
            "variant": ["a", "b"] * 240,
            "status": rng.choice(["completed", "failed"], 480, p=[0.9, 0.1]),
            "elapsed_s": rng.exponential(size=480),
            "s": rng.integers(0, 2, 480) if kind == "yes/no" else rng.normal(size=480),
            "of": [f"value {row % 25}" if row < 100 else None for row in np.repeat(np.arange(120), 4)],
        }
    )
    frame.loc[rng.choice(480, 20), "s"] = np.nan
    frame = frame[~((frame["of"] == "value 3") & (frame["variant"] == "b"))].reset_index(drop=True)
    fh.configure(price_per_call=0.5)
    found = fh.compare(frame, score="s").slice(by="of")
    assert len(found) == 2 * 26
    for value, part in found.groupby("of", dropna=False, sort=False):
        alone = frame[frame["of"].isna() if value is None or value != value else frame["of"] == value]
        wanted = fh.compare(alone.reset_index(drop=True), score="s").summary()
        told = part[part["variant"].isin(wanted["variant"])].drop(columns="of").reset_index(drop=True)
        pd.testing.assert_frame_equal(told, wanted, check_exact=False, rtol=1e-9)
        rest = part[~part["variant"].isin(wanted["variant"])]
        assert rest["n"].tolist() == ([0] if value == "value 3" else [])


def test_a_slice_counts_rows_that_ask_the_same_once() -> None:
    """As the summary does: a slice of all rows says what the summary says."""
    rows = np.repeat(np.arange(24), 2)
    frame = pd.DataFrame(
        {"row": rows, "variant": "a", "s": rows % 3 == 0, "key": [f"{r // 2:064x}" for r in rows], "of": 1}
    )
    cmp = fh.compare(frame, score="s")
    assert cmp.summary().attrs == {"interval": {"a": "blaker, clustered"}, "rows": {"a": 12}}
    pd.testing.assert_frame_equal(cmp.slice(by="of").drop(columns="of"), cmp.summary())


@pytest.mark.parametrize("name", ["n", "mean", "failed", "variant"])
def test_a_slice_by_a_column_of_the_summarys_names_keeps_both(name: str) -> None:
    """The rows' own column stands beside the summary's as ``in.<name>``, as in a batch's frame."""
    frame = pd.DataFrame({"row": [0, 1], "variant": "a", "s": [1, 0], name: ["a", "a"]})
    table = fh.compare(frame, score="s").slice(by=name)
    assert list(table.columns)[:2] == [f"in.{name}", "variant"]
    assert table[["variant", "n", "mean"]].to_numpy().tolist() == [["a", 2, 0.5]]


def test_float_noise_is_a_tie() -> None:
    """Tenths that were added up in another way are the same score, and the same difference: no win, and one rank."""
    first, second = [0.3, 0.3, 0.2, 0.1, 0.7, 0.6, 0.9], [0.1 + 0.2, 0.3, 0.3, 0.2, 0.8, 0.7, 0.1 * 3 * 3]
    frame = pd.DataFrame({"row": list(range(7)) * 2, "variant": ["a"] * 7 + ["b"] * 7, "s": first + second})
    cmp = fh.compare(frame, score="s")
    (pair,) = cmp.pairs().to_dict("records")
    assert (pair["wins"], pair["ties"], pair["losses"]) == (4, 3, 0)
    assert pair["effect"] == 1.0
    assert pair["p"] == stats.wilcoxon([0, 0, 1, 1, 1, 1, 0]).pvalue
    assert cmp.disagreements()["row"].tolist() == [2, 3, 4, 5]
    small = fh.compare(frame.assign(s=frame["s"] * 1e-9), score="s").pairs()
    assert small[["wins", "ties", "losses"]].values.tolist() == [[4, 3, 0]], "to the size of the scores"
