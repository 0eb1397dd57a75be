"""`fh.compare`: variants side by side on the same rows, from a batch and from a frame."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import FrozenInstanceError, replace
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.comparing import tables
from fh_notebook.comparing.stats.intervals import ScoreRange, blaker_interval, interval_of_mean
from fh_notebook.comparing.stats.summary import SUMMARY_COLUMNS
from fh_notebook.comparing.verdicts.verdict import of_pair, verdict_of, winner_of
from fh_notebook.contract.run import Run
from fh_notebook.local import LocalHive
from tests.notebook.hostile import Page
from tests.told import numbers_in, tells

SUMMARY = ["variant", "n", "missing", "failed", "mean", "ci_low", "ci_high", "median", "p50_s", "p95_s"]


def _hive() -> LocalHive:
    hive = LocalHive()

    @hive.workflow("label", variant="first")
    def first(text: str) -> str:
        if text == "boom":
            raise RuntimeError("cannot")
        return text.split()[0]

    @hive.workflow("label", variant="last")
    def last(text: str) -> str:
        return text.split()[-1]

    return hive


ROWS = [
    {"text": "a b", "expected_output": "a"},
    {"text": "c d", "expected_output": "d"},
    {"text": "boom", "expected_output": "boom"},
    {"text": "e", "expected_output": "e"},
    {"text": "f g", "expected_output": None},
]


@pytest.fixture
def batch() -> fh.Batch:
    return fh.batch(ROWS, "label", client=_hive().client(), progress=False)


def test_what_was_asked_stands_before_what_was_said(batch: fh.Batch) -> None:
    """A row's number says nothing to a person: its first two Start variables do, or the columns of a table."""
    cmp = fh.compare(batch)
    assert "row  text  expected_output  first.output" in repr(cmp)
    assert "0    a b   a                a" in repr(cmp)
    assert '>row</th><th scope="col">text</th><th scope="col">expected</th>' in cmp._repr_html_()
    assert (
        '<td class="fh-number" title="row">0</td><td title="text">a b</td><td title="expected">a</td>'
        in cmp._repr_html_()
    )
    assert "text" not in cmp.disagreements()
    lines = [
        {"row": 7, "variant": v, "output": v, "metadata.team": "x", "asked": "<i>why", "of": "whom", "third": 3}
        for v in ("a", "b")
    ]
    table = fh.compare(pd.DataFrame(lines))
    assert repr(table).splitlines()[-2:] == ["row  asked   of    a.output  b.output", "7    <i>why  whom  a         b"]
    assert (
        '<td class="fh-number" title="row">7</td><td title="asked">&lt;i&gt;why</td><td title="of">whom</td>'
        in table._repr_html_()
    )


def test_long_names_over_the_rows_are_short_and_different() -> None:
    """So that six variants have room beside each other; the whole name is told at its head and at each cell."""
    names = [f"a-variant-with-temperature-0.7-and-prompt-{n}-of-this-autumn" for n in range(6)]
    lines = [{"row": row, "variant": name, "output": f"{name}{row}"} for row in range(2) for name in names]
    page = fh.compare(pd.DataFrame(lines))._repr_html_()
    heads = re.findall(r'<th scope="col"><span title="([^"]*)">(.*?)</th>', page)
    assert [whole for whole, _ in heads] == names
    shown = [re.sub("<[^>]*>", "", head) for _, head in heads]
    assert len(set(shown)) == 6
    assert max(map(len, shown)) <= 24
    assert page.count(f'title="{names[0]}"') == 3


def test_a_batch_with_expected_outputs_is_scored_by_them(batch: fh.Batch) -> None:
    """Without `score`: a line a variant, failed runs and missing scores counted beside it, never as zeros."""
    cmp = fh.compare(batch)
    assert cmp.scorer == "exact()"
    assert list(cmp.summary().columns) == SUMMARY == list(SUMMARY_COLUMNS)
    first, last = cmp.summary().to_dict("records")
    assert (first["variant"], first["n"], first["missing"], first["failed"]) == ("first", 3, 1, 1)
    assert first["mean"] == pytest.approx(2 / 3)
    assert (first["ci_low"], first["ci_high"]) == pytest.approx(blaker_interval(2, 3))
    assert (last["variant"], last["n"], last["missing"], last["failed"]) == ("last", 4, 1, 0)
    assert last["mean"] == pytest.approx(3 / 4)
    assert 0 < first["p50_s"] <= first["p95_s"]


def test_the_wide_table_has_a_line_a_row_and_says_where_they_differ(batch: fh.Batch) -> None:
    """Outputs, scores and seconds of the variants side by side."""
    wide = fh.compare(batch).wide()
    assert list(wide.columns) == [
        "row",
        "expected_output",
        "outputs_differ",
        "scores_differ",
        "first.output",
        "first.score",
        "first.seconds",
        "last.output",
        "last.score",
        "last.seconds",
    ]
    assert wide["first.output"].tolist() == ["a", "c", None, "e", "f"]
    assert wide["last.output"].tolist() == ["b", "d", "boom", "e", "g"]
    assert wide["outputs_differ"].tolist() == [True, True, False, False, True]
    assert wide["scores_differ"].tolist() == [True, True, False, False, False]
    assert wide["last.score"].tolist()[:4] == [0.0, 1.0, 1.0, 1.0]
    assert math.isnan(wide["last.score"][4])


def test_the_rows_that_differ_can_be_had_alone(batch: fh.Batch) -> None:
    """In the score, or in the output."""
    cmp = fh.compare(batch)
    assert cmp.disagreements()["row"].tolist() == [0, 1]
    assert cmp.disagreements(by="output")["row"].tolist() == [0, 1, 4]
    with pytest.raises(fh.InputError, match="'score' or 'output'"):
        cmp.disagreements(by="both")  # type: ignore[arg-type]


def test_a_batch_and_its_frame_compare_alike(batch: fh.Batch) -> None:
    """The frame can be filtered, saved and read again before."""
    for score in (None, fh.score.contains(), lambda run: len(run.text)):
        pd.testing.assert_frame_equal(
            fh.compare(batch, score=score).wide(), fh.compare(batch.frame, score=score).wide()
        )


def _scored_batch() -> fh.Batch:
    hive = LocalHive()

    @hive.workflow("rate", variant="a")
    def a(key: str, status: str) -> dict[str, Any]:
        return {"score": len(key), "label": status}

    @hive.workflow("rate", variant="b")
    def b(key: str, status: str) -> dict[str, Any]:
        return {"score": 2}

    rows = [{"key": "x", "status": "new"}, {"key": "yy", "status": "old"}]
    return fh.batch(rows, "rate", client=hive.client(), progress=False)


@pytest.mark.parametrize(
    "options",
    [
        {"score": "out.score"},
        {"score": "attempts"},
        {"score": fh.score.exact("out.label", path="label")},
        {"score": lambda run, row: len(row["in.key"]) + len(row["in.status"])},
        {"score": lambda run, row: row["key"] != row["in.key"]},
        {"score": "out.score", "pair_on": "request_id"},
        {"score": "out.score", "pair_on": "in.status"},
        {"score": "out.score", "pair_on": "key"},
    ],
)
def test_columns_have_the_same_names_in_a_batch_and_in_its_frame(options: dict[str, Any]) -> None:
    """Those of the tidy frame: `out.` for parts of outputs, `in.` for source columns whose name is taken."""
    batch = _scored_batch()
    of_batch, of_frame = fh.compare(batch, **options), fh.compare(batch.frame, **options)
    assert of_batch.summary()["n"].sum() > 0
    assert of_batch.score_errors().empty
    pd.testing.assert_frame_equal(of_batch.wide(), of_frame.wide())
    pd.testing.assert_frame_equal(of_batch.summary(), of_frame.summary())


def test_a_scorer_sees_the_same_row_in_a_batch_and_in_its_frame() -> None:
    """The same columns in the same order, with the same plain values."""
    batch = _scored_batch()
    rows: list[list[tuple[str, Any]]] = []

    def score(run: Run, row: dict[str, Any]) -> int:
        rows.append(list(row.items()))
        return 1

    fh.compare(batch, score=score)
    fh.compare(batch.frame, score=score)
    assert len(rows) == 8
    assert rows[:4] == rows[4:]


def test_without_anything_to_score_by_only_failures_and_seconds_compare() -> None:
    """And the sentence says what is missing."""
    batch = fh.batch([{"text": "a b"}, {"text": "boom"}], "label", client=_hive().client(), progress=False)
    cmp = fh.compare(batch)
    assert cmp.summary()[["variant", "n", "missing", "failed"]].values.tolist() == [
        ["first", 0, 1, 1],
        ["last", 0, 2, 0],
    ]
    assert cmp.summary()["mean"].isna().all()
    assert cmp.summary()["p50_s"].notna().all()
    assert "score=" in cmp.verdict
    assert "scores_differ" not in cmp.wide().columns
    assert cmp.disagreements()["row"].tolist() == [0]
    (line,) = (line for line in repr(cmp).splitlines() if line.startswith("Outputs "))
    assert numbers_in(line) == ["1", "1"], "differ, have no answer"
    with pytest.raises(fh.InputError, match="score="):
        cmp.disagreements(by="score")


def test_what_is_still_pending_is_missing(batch: fh.Batch) -> None:
    """A stopped batch can be compared; it says how much of it is not there."""
    stopped = fh.batch(ROWS, "label", client=_hive().client(), progress=False, max_calls=3, max_concurrency=1)
    summary = fh.compare(stopped).summary()
    assert summary["n"].tolist() == [2, 1]
    assert summary["missing"].tolist() == [3, 4]


def test_what_only_one_variant_has_answered_is_incomplete_and_no_difference() -> None:
    """Of a stopped batch only the rows that both answered can differ; the rest is counted as what it is."""
    stopped = fh.batch(ROWS, "label", client=_hive().client(), progress=False, max_calls=3, max_concurrency=1)
    cmp = fh.compare(stopped)
    assert cmp.wide()["first.output"].notna().sum() == 2
    assert cmp.disagreements()["row"].tolist() == cmp.disagreements(by="output")["row"].tolist() == [0]
    (line,) = (line for line in repr(cmp).splitlines() if line.startswith("Scores "))
    assert numbers_in(line) == ["1", "1", "4"], "scores differ, outputs differ, have no score"
    assert line.split(". ")[1] in cmp._repr_html_()


def test_a_variant_without_a_line_for_a_row_leaves_it_incomplete() -> None:
    """A frame need not have every pair of row and variant."""
    frame = pd.DataFrame({"row": [0, 0, 1], "variant": ["a", "b", "a"], "s": [1, 1, 0]})
    cmp = fh.compare(frame, score="s")
    assert cmp.disagreements().empty
    assert numbers_in(repr(cmp).splitlines()[-1]) == ["0", "1"], "differ, have no score"


@pytest.mark.parametrize("status", ["failed", "unknown", "pending"])
def test_a_column_scores_completed_runs_only(status: str) -> None:
    """What a failed run, or one without an outcome, has in the column is no score of an answer."""
    frame = pd.DataFrame({"row": [0, 1], "variant": ["a", "a"], "status": ["completed", status], "s": [1.0, 0.0]})
    cmp = fh.compare(frame, score="s")
    failed = int(status == "failed")
    assert cmp.summary()[["n", "missing", "failed", "mean"]].values.tolist() == [[1, 1 - failed, failed, 1.0]]
    assert math.isnan(cmp.wide()["a.score"][1])


def test_a_csv_of_digits_is_compared_by_value() -> None:
    """`pandas.read_csv` makes numbers of the expected outputs, and a workflow answers in text."""
    hive = LocalHive()

    @hive.workflow("count", variant="a")
    def count(text: str) -> str:
        return str(len(text))

    rows = pd.read_csv(io.StringIO("text,expected_output\nab,2\nc,1\nd,\n"))
    assert rows["expected_output"].dtype == "float64"
    batch = fh.batch(rows, "count", client=hive.client(), progress=False)
    assert fh.compare(batch).summary()[["n", "mean"]].values.tolist() == [[2, 1.0]]


def _scorers() -> list[Any]:
    class Callable_:  # noqa: N801 - a user's own
        def __call__(self, run: Run) -> float:
            return 1.0

    return [
        lambda run: True,
        lambda run, row: row["text"] is not None,
        lambda run, row=None: row is not None,
        lambda run, strict=True: strict is True,
        lambda *arguments: len(arguments) == 2,
        Callable_(),
        lambda run: np.bool_(True),
        lambda run: np.float32(1),
    ]


@pytest.mark.parametrize("score", _scorers())
def test_a_scorer_is_any_function_of_a_run_or_of_a_run_and_its_row(batch: fh.Batch, score: Any) -> None:
    """It gets the row when it asks for it, and nothing where it does not."""
    assert fh.compare(batch, score=score).summary()["mean"].tolist() == [1.0, 1.0]


def test_a_scorer_gets_the_whole_row(batch: fh.Batch) -> None:
    """Every column, a missing cell as `None`, and a copy."""
    seen: list[Any] = []

    def score(run: Run, row: dict[str, Any]) -> bool:
        seen.append(dict(row))
        row.clear()
        return True

    fh.compare(batch, score=score)
    assert (seen[-1]["text"], seen[-1]["expected_output"], seen[-1]["output"]) == ("f g", None, "g")
    assert len(seen) == 9  # the failed run is not scored


@pytest.mark.parametrize(
    ("given_value", "said"),
    [("great", "'great'"), ({"a": "x"}, "{"), (float("inf"), " inf"), ([1], "[1]")],
)
def test_what_is_no_score_is_missing_with_its_reason(batch: fh.Batch, given_value: Any, said: str) -> None:
    """Never zero."""
    cmp = fh.compare(batch, score=lambda run: given_value)
    assert cmp.summary()["n"].tolist() == [0, 0]
    assert cmp.summary()["missing"].tolist() == [4, 5]
    assert cmp.score_errors()["error"].str.contains(said, regex=False).all()
    assert numbers_in(cmp.verdict.replace(said, "")) == [], "nothing is claimed"
    assert winner_of(cmp.data) is None


def test_a_scorer_that_raises_gives_a_missing_score_with_its_error(batch: fh.Batch) -> None:
    """The others are scored all the same."""

    def score(run: Run) -> bool:
        if run.output == "e":
            raise ValueError("of the user's")
        return True

    cmp = fh.compare(batch, score=score)
    assert cmp.summary()[["n", "missing"]].values.tolist() == [[3, 1], [4, 1]]
    assert cmp.score_errors().values.tolist() == [
        [3, "first", "ValueError: of the user's"],
        [3, "last", "ValueError: of the user's"],
    ]


@pytest.mark.parametrize("half", [np.array(0.5), Decimal("0.5"), np.float32(0.5)])
def test_a_number_of_any_kind_is_a_score(batch: fh.Batch, half: Any) -> None:
    """Also numpy's array without an axis, and what a database gives."""
    assert fh.compare(batch, score=lambda run: half).summary()["mean"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("with_text", [False, True])
def test_of_the_seconds_and_attempts_of_a_batch_less_is_better(with_text: bool) -> None:
    """Its own columns: a slower variant must not be called better, however the table is read."""
    frame = pd.DataFrame({"row": [*range(8)] * 2, "variant": ["a"] * 8 + ["b"] * 8, "elapsed_s": [1.0] * 8 + [2.0] * 8})
    if with_text:  # then it is read line by line
        frame["row"] = frame["row"].astype(object)
        frame["elapsed_s"] = frame["elapsed_s"].astype(object)
    cmp = fh.compare(frame, score="elapsed_s")
    assert re.match(r"a .* 1\.000 \(95 % [^)]*\) less \w+ b\b", cmp.verdict)
    assert cmp.leaderboard()["variant"].tolist() == ["a", "b"]


@pytest.mark.xfail(pd.__version__ < "3", reason="pandas 2 takes texts with half characters for equal", strict=True)
def test_half_a_character_in_what_rows_are_paired_by_can_be_shown() -> None:
    """A model may answer it, and Arrow refuses it."""
    records = [{"row": f"\ud800{n}", "variant": v, "s": n % 2 * (v == "a")} for n in range(4) for v in "ab"]
    cmp = fh.compare(records, score="s")
    assert len(cmp.wide()) == 4
    assert len(cmp.disagreements()) == 2
    assert "\\ud8003" in repr(cmp)
    assert len(cmp.slice(by="row")) == 8


def test_none_is_no_score_and_no_error(batch: fh.Batch) -> None:
    """A scorer may leave a row out."""
    cmp = fh.compare(batch, score=lambda run: None if run.output == "e" else 1)
    assert cmp.summary()["missing"].tolist() == [1, 1]
    assert cmp.score_errors().empty


def test_a_score_that_cannot_be_used_leaves_the_comparison_as_it_was() -> None:
    """Of seconds less is better, and a failed run that counts as 0 would be the best."""
    frame = pd.DataFrame(
        {
            "row": [0, 0, 1, 1],
            "variant": ["a", "b"] * 2,
            "s": 1.0,
            "elapsed_s": 2.0,
            "status": ["failed", *["completed"] * 3],
        }
    )
    cmp = fh.compare(frame, score="s", failed="zero")
    before = cmp.summary()
    for change in (lambda: cmp.rescore("elapsed_s"), lambda: cmp.add_score("elapsed_s").by("elapsed_s")):
        with pytest.raises(fh.InputError, match="failed='zero'"):
            change()
        assert cmp.scorer == "s"
        pd.testing.assert_frame_equal(cmp.summary(), before)
    assert cmp.rescore().scorer == "s"


def test_a_rescore_that_is_stopped_at_another_score_shows_one_score_and_no_mixture() -> None:
    """The comparison's own is the new one then, in every table."""
    frame = pd.DataFrame(
        {"row": [0, 0, 1, 1], "variant": ["a", "b"] * 2, "s": [1, 0, 1, 0], "t": [0, 1, 0, 1], "output": "x"}
    )
    shelf, calls = object(), []

    def slow(run: fh.Run) -> float:
        calls.append(run)
        if len(calls) > 4 and shelf is not None:
            raise KeyboardInterrupt
        return 1.0

    cmp = fh.compare(frame, score="s").add_score(slow, name="slow")
    assert cmp.summary()["mean"].tolist() == [1, 0]
    with pytest.raises(KeyboardInterrupt):
        cmp.rescore("t")
    assert (cmp.scorer, cmp.summary()["mean"].tolist()) == ("t", [0, 1])


def test_outputs_that_are_nested_too_deep_are_compared_by_what_they_begin_with() -> None:
    """A model may answer so; nothing ends by it."""
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    frame = pd.DataFrame({"row": 0, "variant": ["a", "b"], "output": [deep, ["x", deep]]})
    assert fh.compare(frame).wide()["outputs_differ"].tolist() == [True]


def test_a_plain_frame_needs_no_batch() -> None:
    """A row, a variant and a score column: no more."""
    frame = pd.DataFrame(
        {"row": ["p", "p", "q", "q"], "variant": ["b", "a", "b", "a"], "quality": [1.5, 2.5, 3.5, 4.5]}
    )
    cmp = fh.compare(frame, score="quality")
    assert cmp.variants == ["b", "a"]
    assert cmp.summary()[["variant", "n", "mean", "median"]].values.tolist() == [["b", 2, 2.5, 2.5], ["a", 2, 3.5, 3.5]]
    assert cmp.summary()["ci_low"].tolist() == pytest.approx(
        [interval_of_mean(np.array(scores), within=ScoreRange(0.0)).low for scores in ([1.5, 3.5], [2.5, 4.5])]
    )
    assert cmp.summary()["p50_s"].isna().all()
    assert cmp.wide()["a.score"].tolist() == [2.5, 4.5]


def test_a_column_may_have_gaps_and_be_true_or_false() -> None:
    """A gap is a missing score."""
    frame = pd.DataFrame(
        {"row": [1, 1, 2, 2], "variant": ["a", "b"] * 2, "ok": pd.array([True, False, None, True], dtype="boolean")}
    )
    summary = fh.compare(frame, score="ok").summary()
    assert summary[["n", "missing", "mean"]].values.tolist() == [[1, 1, 1.0], [2, 0, 0.5]]
    assert (summary["ci_low"][1], summary["ci_high"][1]) == pytest.approx(blaker_interval(1, 2))


def test_runs_can_be_paired_on_another_column() -> None:
    """Such as an id that is the same in two tables."""
    frame = pd.DataFrame({"row": [0, 1], "case": ["x", "x"], "variant": ["a", "b"], "s": [0, 1]})
    assert fh.compare(frame, score="s", pair_on="case").wide().to_dict("records") == [
        {
            "case": "x",
            "outputs_differ": False,
            "scores_differ": True,
            "a.output": None,
            "a.score": 0.0,
            "a.seconds": pytest.approx(float("nan"), nan_ok=True),
            "b.output": None,
            "b.score": 1.0,
            "b.seconds": pytest.approx(float("nan"), nan_ok=True),
        }
    ]
    batch = fh.batch([{"text": "a b", "case": "x"}], "label", client=_hive().client(), progress=False)
    assert fh.compare(batch, score=lambda run: 1, pair_on="case").wide()["case"].tolist() == ["x"]


def test_repeats_are_averaged_a_row_before_any_interval() -> None:
    """Ten answers to one question are not ten questions."""
    frame = pd.DataFrame({"row": [0] * 10 + [1] * 10, "variant": ["a"] * 20, "s": [1] * 10 + [0] * 10})
    line = fh.compare(frame, score="s").summary().iloc[0]
    assert (line["n"], line["mean"]) == (20, 0.5)
    assert (line["ci_low"], line["ci_high"]) == pytest.approx(blaker_interval(1, 2))
    assert fh.compare(frame, score="s").wide()["a.score"].tolist() == [1.0, 0.0]


def test_the_mean_is_that_of_rows_however_often_each_was_repeated() -> None:
    """A row that was run a hundred times is one row: mean, median and interval tell of the same thing."""
    frame = pd.DataFrame({"row": [0] * 100 + [*range(1, 21)], "variant": "a", "s": [1] * 100 + [0] * 20})
    line = fh.compare(frame, score="s").summary().iloc[0]
    assert (line["n"], line["median"]) == (120, 0.0)
    assert line["mean"] == pytest.approx(1 / 21)
    assert (line["ci_low"], line["ci_high"]) == pytest.approx(blaker_interval(1, 21))


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=60))
def test_the_interval_of_yes_and_no_holds_the_mean_and_stays_in_bounds(lines: list[tuple[int, bool]]) -> None:
    """Whatever the repeats."""
    frame = pd.DataFrame(lines, columns=["row", "s"]).assign(variant="a")
    line = fh.compare(frame, score="s").summary().iloc[0]
    assert 0 <= line["ci_low"] <= line["mean"] + 1e-12
    assert line["mean"] - 1e-12 <= line["ci_high"] <= 1


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ({"row": [1], "variant": ["a"]}, {"score": "x"}, "'x'"),
        ({"row": [1], "variant": ["a"], "qualty": [1]}, {"score": "quality"}, " 'qualty'?"),
        ({"row": [1], "s": [1]}, {"score": "s"}, "'variant'"),
        ({"rows": [1], "variant": ["a"]}, {}, " 'rows'?"),
        ({"row": [1], "variant": ["a"], "s": ["good"]}, {"score": "s"}, "'s'"),
        ({"row": [1, 2], "variant": ["a", None], "s": [1, 1]}, {"score": "s"}, "1 line "),
        ({"row": [1, 2, 3], "variant": ["a", None, float("nan")]}, {}, "2 lines "),
        ({"row": [None], "variant": ["a"], "s": [1]}, {"score": "s"}, "'row'"),
        ({"row": [1], "variant": ["a"]}, {"score": 3}, "score is 3"),
        ({"row": [1], "variant": ["a"]}, {"score": fh.score.exact}, "fh.score.exact(...)"),
        ({"row": [1], "variant": ["a"]}, {"pair_on": "case"}, "'case'"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line(
    source: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    """With the column, and the nearest name."""
    with pytest.raises(fh.InputError) as caught:
        fh.compare(pd.DataFrame(source), **options)
    assert said in str(caught.value)


def test_two_columns_of_one_name_are_refused() -> None:
    """Which of them would be meant cannot be known."""
    frame = pd.DataFrame([[1, "a", 0, 1]], columns=["row", "variant", "s", "s"])
    with pytest.raises(fh.InputError, match="'s' "):
        fh.compare(frame, score="s")


def test_an_async_scorer_is_awaited_and_not_scored_as_true(batch: fh.Batch) -> None:
    """A coroutine is neither true nor false."""

    async def score(run: Run) -> bool:
        return False

    assert fh.compare(batch, score=score).summary()["mean"].tolist() == [0.0, 0.0]


def _frame(a: list[float], b: list[float]) -> pd.DataFrame:
    rows = [*range(len(a)), *range(len(b))]
    return pd.DataFrame({"row": rows, "variant": ["a"] * len(a) + ["b"] * len(b), "s": a + b})


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (
            [1, 1, 1, 1, 0, 0, 1, 1],
            [1, 0, 0, 1, 1, 0, 1, 0],
            ["75", "8", "25", "95", "-27", "65", "59"],
        ),
        (
            [1, 0, 1, 0, 1, 0],
            [1, 0, 1, 0, 1, 0],
            ["6"],
        ),
        (
            [1, 1, 1],
            [0, 0, 0],
            ["3", "6"],
        ),
        ([1.0] * 9, [], ["100", "9"]),
        ([1.0] * 9, [float("nan")] * 9, ["100", "9"]),
        ([float("nan")] * 3, [float("nan")] * 3, []),
    ],
)
def test_the_sentence_claims_no_more_than_the_numbers(a: list[float], b: list[float], said: list[str]) -> None:
    """On the rows that both answered, and how many; what is not more than chance beats nothing."""
    frame = _frame(a, b)
    cmp = fh.compare(frame, score="s")
    assert numbers_in(cmp.verdict) == said
    assert winner_of(cmp.data) is None
    assert cmp.verdict in repr(cmp)


@pytest.mark.parametrize("combined", [False, True])
def test_a_scorer_of_a_column_that_is_not_there_is_one_line(combined: bool) -> None:
    """Before anything is scored: it names the scorer, the column and those that exist; one more score too."""
    frame = _frame([1, 0], [1, 1]).assign(label="x", output="x")
    wrong = fh.score.exact("lable")
    score = fh.score.all_of(fh.score.json_valid(), wrong) if combined else wrong
    said = r"^score exact\('lable'\): .*'lable' .* 'label'\?$"
    with pytest.raises(fh.InputError, match=said):
        fh.compare(frame, score=score)
    cmp = fh.compare(frame, score="s")
    with pytest.raises(fh.InputError, match=said):
        cmp.add_score(score)
    assert cmp.scorer == "s"


def test_of_many_variants_the_two_best_are_told() -> None:
    """In the order of their means."""
    frame = pd.DataFrame(
        {"row": [*range(6)] * 3, "variant": ["x"] * 6 + ["y"] * 6 + ["z"] * 6, "s": [0] * 6 + [1] * 6 + [1] * 5 + [0]}
    )
    assert re.match(r"y .* 17 points \(95 % [^)]*\) ahead of z", fh.compare(frame, score="s").verdict)


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from("abc"), st.none() | st.booleans() | st.floats(-5, 5)), max_size=30
    )
)
def test_any_frame_of_scores_adds_up(lines: list[tuple[int, str, Any]]) -> None:
    """Each line is scored or missing, means are means, and everything shows itself."""
    frame = pd.DataFrame(lines, columns=["row", "variant", "s"]).astype({"s": object})
    cmp = fh.compare(frame, score="s")
    summary = cmp.summary()
    assert (summary["n"] + summary["missing"] + summary["failed"]).sum() == len(lines)
    for line in summary.to_dict("records"):
        scores: dict[int, list[float]] = {}
        for row, variant, score in lines:
            if variant == line["variant"] and score is not None:
                scores.setdefault(row, []).append(float(score))
        means = [np.mean(of_row) for of_row in scores.values()]
        assert line["n"] == sum(map(len, scores.values()))
        assert line["mean"] == pytest.approx(np.mean(means) if means else float("nan"), nan_ok=True)
    assert len(cmp.wide()) == len({row for row, *_ in lines})
    assert cmp.verdict
    assert repr(cmp)
    assert cmp._repr_html_()


@pytest.fixture
def hostile() -> fh.Comparison:
    frame = pd.DataFrame(
        {
            "row": [0, 0],
            "variant": ["<b>a</b>", "b"],
            "output": ["<script>alert(1)</script>", "x" * 50_000],
            "s": [1, 0],
        }
    )
    return fh.compare(frame, score="s")


def test_a_comparison_shows_itself_escaped_and_its_text_twin_says_the_same(hostile: fh.Comparison) -> None:
    """Summary, sentence and the rows that differ; hostile output is text, long output is cut."""
    shown = hostile._repr_html_()
    assert "<script>" not in shown
    assert "<b>a" not in shown
    assert "&lt;script&gt;" in shown
    assert len(re.sub(r"(?s)<style.*?</style>", "", shown)) < 6_000
    _, title, *_ = repr(hostile).splitlines()
    (differ,) = (line for line in repr(hostile).splitlines() if line.startswith("Scores "))
    assert numbers_in(title) == ["2", "1"]
    assert numbers_in(differ) == ["1", "1"]
    shown = re.sub("</?bdi[^>]*>", "", shown)
    for part in (title, differ.partition(".")[0], hostile.verdict):
        assert part in repr(hostile)
        assert part in shown.replace("&lt;b&gt;a&lt;/b&gt;", "<b>a</b>")
    assert repr(hostile).splitlines()[:2] == [verdict_of(hostile.data), title]


def test_single_runs_of_a_cell_can_be_compared() -> None:
    """What `--out` gives: the variants of one question are one row."""
    from fh_notebook.batching.tables.frames import frame_of_runs

    client = _hive().client()
    runs = [client.invoke("label", variant=v, inputs={"text": t}) for t in ("a b", "c") for v in ("first", "last")]
    cmp = fh.compare(frame_of_runs(runs), score=lambda run, row: run.output == row["text"].split()[0])
    assert cmp.wide()["scores_differ"].tolist() == [True, False]


def test_a_batch_that_has_not_begun_says_that_nothing_has_completed() -> None:
    """And not that its scorer could not score."""
    planned = fh.batch(ROWS, "label", variants=["first", "last"], client=_hive().client(), dry_run=True, progress=False)
    for score in (None, fh.score.exact(), fh.score.length()):
        cmp = fh.compare(planned, score=score)
        assert cmp.verdict == fh.compare(planned).verdict
        assert not cmp.scorer or cmp.scorer not in cmp.verdict
        assert cmp.verdict in repr(cmp)


def test_the_name_of_a_ready_scorer_as_a_text_is_told_with_the_cure(batch: fh.Batch) -> None:
    """A text is a column; the command line takes names."""
    for source in (batch, batch.frame):
        with pytest.raises(fh.InputError, match=r"fh\.score\.exact\(\.\.\.\)"):
            fh.compare(source, score="exact")
    frame = batch.frame.assign(exact=1)
    assert fh.compare(frame, score="exact").summary()["mean"].tolist() == [1, 1]


def test_what_is_compared_is_a_value_that_scoring_again_leaves_as_it_is(batch: fh.Batch) -> None:
    """The comparison has another one then; whoever shows or writes the former shows one moment."""
    cmp = fh.compare(batch)
    before = cmp.data
    table, sentence = cmp.summary(), cmp.verdict
    with pytest.raises(FrozenInstanceError):
        before.failed = "zero"  # type: ignore[misc]
    cmp.rescore("elapsed_s")
    assert (before.scorer, cmp.data.scorer, cmp.scorer) == ("exact()", "elapsed_s", "elapsed_s")
    pd.testing.assert_frame_equal(tables.summary(before), table)
    assert verdict_of(before) == sentence != cmp.verdict
    with pytest.raises(fh.InputError, match="elapsed_s .*failed='zero'"):
        replace(cmp.data, failed="zero")


def test_tab_completion_offers_scorers_and_nothing_else() -> None:
    """Behind `fh.score.` stands what can be used."""
    assert dir(fh.score) == sorted(fh.score.__all__)
    assert all(callable(getattr(fh.score, name)) for name in dir(fh.score))


@pytest.mark.parametrize(("name", "meant"), [("scor", " score=?"), ("pairon", " pair_on=?"), ("x", "failed=")])
def test_a_misspelt_keyword_is_told_with_the_nearest_one(name: str, meant: str) -> None:
    """And where none is near, with those that there are."""
    frame = pd.DataFrame({"row": [0], "variant": "a", "score": 1.0})
    with pytest.raises(fh.SettingsError) as caught:
        fh.compare(frame, **{name: "score"})
    assert tells(caught.value, "compare()", name)
    assert meant in str(caught.value)


def test_scores_in_long_format_have_a_line_for_each_run_and_score() -> None:
    """With the repeats of the batch, columns of the rows, and all scorers; Polars, pyarrow and DuckDB read it."""
    hive = fh.local.LocalHive()

    @hive.workflow("reply", variant="v")
    def reply(ticket: str, tone: str) -> str:
        return f"{ticket} {tone}"

    grid = fh.grid(ticket=["late", "lost"], tone=["calm", "brief"])
    batch = fh.batch(grid, "reply", client=hive.client(), repeats=2, progress=False)
    cmp = fh.compare(batch, score=fh.score.regex("calm")).add_score(fh.score.length(), name="letters")
    table = cmp.long(["tone"])
    assert table.columns.tolist() == ["row", "variant", "repeat", "tone", "scorer", "score"]
    assert table.groupby(["scorer", "tone", "repeat"], sort=False)["score"].mean().tolist() == [
        1.0, 1.0, 0.0, 0.0, 9.0, 9.0, 10.0, 10.0,
    ]  # fmt: skip
    assert polars.DataFrame(cmp).rows() == list(cmp.long().itertuples(index=False, name=None))
    assert pa.table(cmp).schema.names == ["row", "variant", "repeat", "scorer", "score"]
    by_score = duckdb.sql("SELECT scorer, avg(score) FROM cmp GROUP BY scorer ORDER BY 2").fetchall()
    assert [round(mean, 6) for _, mean in by_score] == [0.5, 9.5]


def test_long_format_of_a_table_counts_its_repeats() -> None:
    """A column that is called as one of it stands as ``in.<name>``; labels of two kinds and half characters are read."""
    frame = pd.DataFrame({"row": [0, 0, "b"], "variant": ["a", "\ud800", "a"], "score": [1, 2, 3]}, dtype=object)
    cmp = fh.compare(frame.astype({"score": "float64"}), score="score")
    assert cmp.long(["score"])[["repeat", "in.score", "score"]].values.tolist() == [[1, 1.0, 1.0], [1, 2.0, 2.0], [1, 3.0, 3.0]]  # fmt: skip
    assert polars.DataFrame(cmp)["variant"].to_list() == ["a", "\ufffd", "a"]
    assert polars.DataFrame(cmp)["row"].to_list() == ["0", "0", "b"]
    again = pd.DataFrame({"row": [0, 0, 0], "variant": ["a", "b", "a"], "s": [1.0, 2.0, float("nan")]})
    assert fh.compare(again, score="s").long()["repeat"].tolist() == [1, 1, 2]
    with pytest.raises(fh.InputError, match="score="):
        polars.DataFrame(fh.compare(frame.drop(columns="score").assign(output="x")))
    with pytest.raises(fh.InputError, match="'tome'"):
        cmp.long(["tome"])


def test_the_tables_of_a_comparison_are_read_by_arrow() -> None:
    """They are DataFrames, which have the interface of their own."""
    frame = pd.DataFrame({"row": [0, 0, 1, 1], "variant": ["a", "b"] * 2, "s": [1, 0, 1, 1], "output": list("wxyz")})
    cmp = fh.compare(frame, score="s")
    for table in (cmp.summary(), cmp.pairs(), cmp.wide(), cmp.scores(), cmp.leaderboard(), cmp.slice(by="row")):
        assert polars.DataFrame(table).columns == pa.table(table).column_names == list(table.columns)


def test_pairs_are_shown_best_first_and_shares_in_percent() -> None:
    """Their values stay as they are: what is shown has the better variant first, and counts where nothing repeats."""
    right = {"plain": 4, "worst": 2, "best": 8}
    lines = [{"row": row, "variant": name, "s": row < count} for row in range(8) for name, count in right.items()]
    cmp = fh.compare(pd.DataFrame(lines), score="s")
    pairs = cmp.pairs()
    assert pairs[["a", "b"]].values.tolist() == [["plain", "worst"], ["plain", "best"], ["worst", "best"]]
    said, head, *shown = repr(pairs).splitlines()
    assert said == cmp.verdict
    assert re.search(r"first right +second right .*\(95 % .*\S / \S+ / \S+ +p$", head)
    *shown, note = shown
    assert tells(note, "McNemar, exact", "Holm", "95 %", "Tango's")
    assert " ".join(shown[0].split()).startswith(
        "best − plain 100 % (8 of 8) 50 % (4 of 8) 50.0 (-0.7 to 79.5) 4 / 4 / 0 "
    )
    assert [line.strip().partition("  ")[0].partition(" 100 %")[0].partition(" 50 %")[0] for line in shown] == [
        "best − plain", "best − worst", "plain − worst"
    ]  # fmt: skip
    page = cmp._repr_html_()
    assert "best − plain" in re.sub(r"<[^>]+>", "", page)
    assert "plain − best" not in re.sub(r"<[^>]+>", "", page)
    repeated = [{"row": row, "variant": name, "s": float(n)} for row in range(8) for name in "ab" for n in (row < 4, 1)]
    again = repr(fh.compare(pd.DataFrame(repeated), score="s").pairs()).splitlines()
    assert " ".join(again[2].split()).startswith("a − b 75 % 75 % 0 (-35 to 35) 0 / 8 / 0")  # no -0, nor "6 of 8"
    assert again[2].endswith(" 8")
    dated = fh.compare({"monday": pd.DataFrame(lines), "today": pd.DataFrame(lines)}, score="s").pairs()
    told = [line.split(" − ")[0].strip() for line in repr(dated).splitlines()[2:-1]]
    assert told == dated["b"].tolist()  # each change keeps its direction


def text_in(page: str) -> str:
    return Page(page).text


def test_no_end_of_a_lead_is_minus_zero() -> None:
    """Where less is better, too: with many ties an interval often ends at 0."""
    seconds = {"a": [2.0] * 9 + [3.0] * 3, "b": [2.0] * 9 + [1.0] * 3}
    lines = [{"row": n, "variant": v, "elapsed_s": s} for v, texts in seconds.items() for n, s in enumerate(texts)]
    pair = replace(fh.compare(pd.DataFrame(lines), score=fh.score.latency()).data.pairs[0], ci_high=0.0)
    assert pair.lower
    sentence = of_pair(pair, [pair])
    assert "interval 0.000 to " in sentence
    assert replace(pair, difference=0.0).lead.hex() == "0x0.0p+0"


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_difference_is_told_with_the_shares_that_it_is_of(repeats: int) -> None:
    """The table has those of other rows: what is subtracted has as many digits as it takes to be the difference."""
    lines = [
        {"row": row, "variant": variant, "s": float(row < full or (row < full + 2 and repeat == 1))}
        for variant, rows, full in (("a", 30, 10), ("b", 40, 20))
        for row in range(rows)
        for repeat in range(repeats)
    ]
    said = verdict_of(fh.compare(pd.DataFrame(lines), score="s").data)
    assert re.search(r"\bon the 30 (distinct )?rows ", said)
    shown = said.rpartition(" (")[2].partition(";")[0]
    assert numbers_in(shown) == (["66.7", "33.3"] if repeats == 1 else ["70", "37"])
    assert shown.count("%") == 2


def bold_in(first: Any, second: Any, **options: Any) -> tuple[list[str], str]:
    """Return the words that are bold where two outputs differ, and the page."""
    lines = [{"row": 0, "variant": v, "output": o, "s": float(v == "a")} for v, o in (("a", first), ("b", second))]
    page = fh.compare(pd.DataFrame(lines), **({"score": "s"} | options))._repr_html_()
    return [text_in(words) for words in re.findall(r"<b>(.*?)</b>", page)], page


@pytest.mark.parametrize(
    ("first", "second", "bold"),
    [
        ('{"a": NaN, "b": 1}', '{"a": 1, "b": 1}', ["a: NaN", "a: 1"]),
        ('{"a": NaN, "b": 1}', '{"a": NaN, "b": 2}', ["b: 1", "b: 2"]),
        ('{"a": 1e999, "b": [-Infinity]}', '{"a": 1e999, "b": [1]}', ["b: 1 item", "b: 1 item"]),
        ('{"a": -Infinity}', '{"a": Infinity}', ["a: -Infinity", "a: Infinity"]),
        ('{"paid": 640.0, "kind": "late"}', '{"paid": 640, "kind": "early"}', ["kind: late", "kind: early"]),
        ('{"paid": 640.0, "kind": "late"}', '{"paid": 7.0, "kind": "late"}', ["paid: 640", "paid: 7"]),
        ('{"a": 1, "b": "x "}', '{"a": true, "b": "x "}', ["a: 1", "a: true"]),
        ('{"a": "foo ", "b": "x"}', '{"a": "foo ", "b": "y"}', ["b: x", "b: y"]),
        ('{"a": 1}', '{"a": 1, "b": null}', ["b: null"]),
        (json.dumps({"a": 1, "b": "long " * 5_000}), '{"a": 2}', ["a: 1", "b: " + "long " * 5_000, "a: 2"]),
    ],
)
def test_the_fields_that_differ_are_bold_whatever_a_model_wrote(first: str, second: str, bold: list[str]) -> None:
    """Also what JSON has no form of, which Python reads; numbers are equal that are equal in JSON."""
    found, _ = bold_in(first, second)
    assert len(found) == len(bold)
    for words, whole in zip(found, bold, strict=True):
        assert whole.startswith(words.removesuffix("…"))
        assert words.endswith("…") or words == whole


def test_an_empty_object_is_an_output() -> None:
    """It is shown, beside another object; where nothing came, that is said."""
    assert "{}" in text_in(bold_in("{}", '{"a": 1}', score=None)[1])
    assert "no output" in text_in(bold_in(None, "b", score=None)[1])


@pytest.mark.parametrize(
    ("wrote", "path", "labels"), [('{"label": 1e999}', "label", ("late", "lost")), ("NaN", None, (3, 4))]
)
def test_labels_are_counted_beside_an_output_that_is_no_number_of_json(
    wrote: str, path: str | None, labels: tuple[Any, Any]
) -> None:
    """It is another label, as any that is not expected."""
    lines = [
        {"row": row, "variant": variant, "expected_output": label, "output": output if row else wrote}
        for row in range(12)
        for variant in "ab"
        for label in labels[row % 2 :][:1]
        for output in [json.dumps({path: label}) if path else str(label)]
    ]
    cmp = fh.compare(pd.DataFrame(lines), score=fh.score.exact(path=path))
    assert "Labels (2)" in text_in(cmp._repr_html_())


def test_rows_mark_the_fields_in_which_objects_differ_and_all_numbers_have_one_format() -> None:
    """Bold, also without styles, where two outputs are objects; the sentence above has the numbers of the tables."""
    lines = [
        {"row": row, "variant": variant, "output": output, "s": score}
        for row in range(12)
        for variant, output, score in (
            ("large", {"kind": "home", "amount": 1029.9 + row, "day": "2026-11-01", "tags": ["a"]}, 1.0),
            ("small", {"kind": "other", "amount": 1029.9 + row, "day": "2026-11-01"}, 0.5 + row / 100),
        )
    ]
    cmp = fh.compare(pd.DataFrame(lines), score="s")
    shown = cmp._repr_html_()
    assert {text_in(words) for words in re.findall(r"<b>(.*?)</b>", shown)} == {
        "kind: home", "kind: other", "tags: 1 item",
    }  # fmt: skip
    texts = pd.DataFrame([{**line, "output": f"answer {line['s']}"} for line in lines])
    assert "<b>" not in fh.compare(texts, score="s")._repr_html_()

    turned = [
        {**line, "output": dict(reversed(line["output"].items())), "expected_output": "home"}  # type: ignore[attr-defined]
        for line in lines
    ]
    by_kind = fh.compare(pd.DataFrame(turned), score=fh.score.exact("expected_output", path="kind"))
    assert re.search("<span[^>]*><b>kind: home</b>, ", by_kind._repr_html_()), "the scored part is first"

    head = shown.split("</div>", 1)[0]
    assert tells(text_in(head), "1.000")
    pair = cmp.data.pairs[0]
    low, high = sorted(map(abs, (pair.ci_low, pair.ci_high)))
    for sentence in (text_in(head), cmp.verdict):
        assert f"{abs(pair.difference):.3f}" in sentence
        assert f"{low:.3f} to {high:.3f}" in sentence


def test_to_slice_by_variant_is_by_the_column_of_the_rows() -> None:
    """Each line is of one variant already: half of the lines would be of none."""
    hive = LocalHive(name="slices")
    hive.workflow("d", variant="a")(lambda text: text)
    hive.workflow("d", variant="b")(lambda text: "x")
    lines = [{"text": text, "variant": own, "expected_output": text} for text in "xyz" for own in ("u", "v")]
    cmp = fh.compare(fh.batch(lines, "d", client=hive.client(), progress=False))
    table = cmp.slice(by="variant")
    assert table[["in.variant", "variant", "n"]].values.tolist() == [[u, v, 3] for u in "uv" for v in "ab"]
    assert table.equals(cmp.slice(by="in.variant"))


@pytest.mark.parametrize(
    ("expected", "path", "is_told"), [("pos", None, True), ({"label": "pos"}, None, False), ("pos", "label", False)]
)
def test_objects_that_are_compared_to_labels_are_told(expected: Any, path: str | None, is_told: bool) -> None:
    """Each is wrong, and a reader would look for the reason in the model."""
    records = [
        {"row": n, "variant": v, "output": {"label": "pos"}, "expected_output": expected}
        for n in range(6)
        for v in "ab"
    ]
    notes = fh.compare(records, score=fh.score.exact(path=path)).notes
    assert any("fh.score.exact(path='label')" in note for note in notes) == is_told
