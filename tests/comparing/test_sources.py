"""Sources of a comparison: batches, frames, lists, and the same variant on two dates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.comparing.scorers.observations import read_observations
from fh_notebook.comparing.sources import _read_columns, score_observations
from fh_notebook.local import LocalHive
from tests.told import numbers_in, tells


def test_a_list_of_records_needs_no_batch_and_no_frame() -> None:
    """A row, a variant and a score."""
    lines = [{"row": row, "variant": variant, "s": row + (variant == "b")} for row in range(8) for variant in "ab"]
    cmp = fh.compare(lines, score="s")
    assert cmp.pairs()[["n", "difference"]].values.tolist() == [[8, 1.0]]


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz"])
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ([False, True], lambda text: len(text) > 2),
        ([1, 2], lambda text: len(text) - 1),
        ([1.5, 2.0], lambda text: len(text) - 1 if len(text) > 2 else 1.5),
        ([2, None], lambda text: 2),  # the column becomes one of floats
        (["007", "7"], lambda text: "007"),  # another label than 7
        (["1.10", "1.1"], lambda text: "1.10"),
    ],
)
def test_the_text_file_of_a_batch_is_compared_as_the_batch(
    expected: list[Any], answer: Any, ending: str, tmp_path: Path
) -> None:
    """Its answers are written as JSON, its columns as pandas writes them: scores, seconds and labels are the same."""
    hive = LocalHive(name="texts")
    hive.workflow("d", variant="a")(lambda text: answer(text))
    hive.workflow("d", variant="b")(lambda text: True)
    rows = pd.DataFrame({"text": ["aa", "bbb"], "expected_output": expected})
    batch = fh.batch(rows, "d", client=hive.client(), progress=False)
    batch.to_csv(tmp_path / f"b.{ending}")
    own, read = fh.compare(batch), fh.compare(tmp_path / f"b.{ending}")
    assert own.summary()["mean"].iloc[0] > 0
    for column in ("mean", "n", "p50_s"):
        assert read.summary()[column].tolist() == pytest.approx(own.summary()[column].tolist(), nan_ok=True)
    assert read.disagreements()["row"].tolist() == own.disagreements()["row"].tolist()
    seconds = fh.compare(tmp_path / f"b.{ending}", score="elapsed_s")
    assert seconds.summary()["mean"].tolist() == pytest.approx(
        batch.frame.groupby("variant")["elapsed_s"].mean().tolist()
    )


@pytest.mark.parametrize("kind", ["polars", "lazy", "columns", "parquet", "stream"])
def test_a_table_of_another_library_is_compared(kind: str, tmp_path: Path) -> None:
    """Read once, also what can be read but once; by name, too."""
    lines = {"row": [0, 0, 1, 1], "variant": ["a", "b"] * 2, "output": ["x", "y", "x", "x"], "s": [1, 0, 1, 1]}
    frame = pl.DataFrame(lines)
    frame.write_parquet(tmp_path / "a.parquet")

    def source() -> Any:
        stream = frame.to_arrow().to_reader
        every = {"polars": lambda: frame, "lazy": frame.lazy, "columns": lambda: lines, "stream": stream}
        return every.get(kind, lambda: tmp_path / "a.parquet")()

    cmp = fh.compare(source(), score="s")
    assert cmp.summary()["mean"].tolist() == [1.0, 0.5]
    cmp.add_score(lambda run: run.output == "x", name="x")
    assert cmp.by("x").summary()["mean"].tolist() == [1.0, 0.5]
    by_name = fh.compare({"monday": source(), "today": source()}, score="s")
    assert sorted(by_name.variants) == ["a (monday)", "a (today)", "b (monday)", "b (today)"]


def test_a_list_of_runs_is_compared_by_their_inputs() -> None:
    """The variants of the same inputs are one row."""
    runs = [fh.Run(status="completed", output=v, variant=v, inputs={"x": x}) for x in (1, 2) for v in "ab"]
    cmp = fh.compare(runs, score=lambda run: run.output == "a")
    assert cmp.wide()["a.score"].tolist() == [1.0, 1.0]
    assert cmp.wide()["b.score"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ([], "; "),
        ([1, 2], "'row', 'variant'"),
        ([pd.DataFrame(), pd.DataFrame()], 'fh.compare({"monday": b1, "today": b2})'),
        ({"monday": pd.DataFrame({"row": [1], "variant": ["a"]})}, "name"),
        ({1: pd.DataFrame(), "1": pd.DataFrame()}, "'1'"),
        ("batch", "fh.open_batch('batch')"),
        ("batch.cvs", " .csv"),
        (["monday", "today"], "fh.compare({'monday': fh.open_batch('monday'), 'today': fh.open_batch('today')})"),
    ],
)
def test_what_cannot_be_compared_says_what_can(source: Any, said: str) -> None:
    """With the cure."""
    with pytest.raises(fh.InputError, match=re.escape(said)):
        fh.compare(source, score="s")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5), st.sampled_from("ab"), st.sampled_from(["completed", "failed", "unknown", None]),
            st.none() | st.floats(-3, 3), st.none() | st.sampled_from(["x", 3, {"k": 1}]), st.none() | st.floats(0, 2),
        ),
        min_size=1, max_size=20,
    )
)  # fmt: skip
def test_a_table_read_as_columns_is_the_one_read_line_by_line(lines: list[tuple[Any, ...]]) -> None:
    """The quick way says exactly what the other says."""
    frame = pd.DataFrame(lines, columns=["row", "variant", "status", "s", "output", "elapsed_s"])
    frame = frame.astype({"s": "float64", "elapsed_s": "float64", "output": object, "status": object})
    quick = _read_columns(frame, "s", "row")
    slow = score_observations(read_observations(frame, pair_on="row"), "s")
    assert quick is not None
    shared = [
        "pair",
        "variant",
        "status",
        "output",
        "seconds",
        "score",
        "score_error",
        "error",
        "started_at",
        "charged",
    ]
    pd.testing.assert_frame_equal(quick.lines[shared], slow.lines[shared], check_dtype=False)
    assert (quick.scorer, quick.expected, set(quick.names)) == (slow.scorer, slow.expected, set(slow.names))
    assert quick.column("row").tolist() == slow.column("row").tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", ["int64", "float32", "bool", "boolean", "Int64", "Float64"])
def test_scores_of_every_kind_of_number_are_read_as_columns(dtype: str) -> None:
    """Nullable ones with their gaps."""
    values: list[Any] = [1, 0, 1, None if dtype[0] in "IF" or dtype == "boolean" else 1]
    frame = pd.DataFrame({"row": [1, 2, 3, 4], "variant": "a", "s": pd.array(values, dtype=dtype)})
    assert _read_columns(frame, "s", "row") is not None
    assert fh.compare(frame, score="s").summary()["n"].tolist() == [3 if values[3] is None else 4]


# --- on two dates


class Live:
    """A live variant that somebody changes in between."""

    def __init__(self) -> None:
        self.hive = LocalHive(name="live")
        self.good = 0.3

        @self.hive.workflow("label", variant="live")
        def live(number: int) -> str:
            return "yes" if (number * 0.137) % 1 < self.good else "no"

        @self.hive.workflow("label", variant="fixed")
        def fixed(number: int) -> str:
            return "yes" if number % 2 else "no"

    def batch(self, variants: list[str], **options: Any) -> fh.Batch:
        rows = [{"number": number, "expected_output": "yes"} for number in range(40)]
        return fh.batch(rows, "label", variants=variants, client=self.hive.client(), progress=False, **options)


def test_the_same_variant_on_two_dates_is_compared_as_two_are() -> None:
    """Its names are those of the dates; before stands before after."""
    live = Live()
    monday = live.batch(["live"], name="monday")
    live.good = 0.9
    today = live.batch(["live"], name="today", fresh=True)
    cmp = fh.compare({"monday": monday, "today": today})
    assert cmp.variants == ["monday", "today"]
    assert re.match(r"today \w+ monday\b", cmp.verdict)
    assert tells(cmp.verdict, "95 %", "p < 0.001", "40 rows")
    cmp.assert_better("today", than="monday")
    assert cmp.notes == ()


def test_the_very_same_answers_are_told_to_be_no_comparison() -> None:
    """An identical cell resumes: nothing was called anew."""
    live = Live()
    cmp = fh.compare({"monday": live.batch(["live"]), "today": live.batch(["live"])})
    assert any(re.match(r"40 .* today .* monday\b.*fresh=True", note) for note in cmp.notes)
    assert "40 rows" in cmp.verdict


def test_of_several_variants_each_is_compared_with_itself() -> None:
    """Not one with the other: that is what a batch of its own is for."""
    live = Live()
    monday = live.batch(["live", "fixed"], name="monday")
    live.good = 0.9
    today = live.batch(["live", "fixed"], name="today", fresh=True)
    cmp = fh.compare({"monday": monday, "today": today})
    assert cmp.pairs()[["a", "b"]].values.tolist() == [
        ["live (monday)", "live (today)"],
        ["fixed (monday)", "fixed (today)"],
    ]
    assert re.search(r"live \(today\) \w+ live \(monday\)", cmp.verdict)
    assert "fixed (monday) and fixed (today) " in cmp.verdict
    with pytest.raises(fh.InputError, match=r"live \(today\).*fixed \(monday\)"):
        cmp.assert_better("live (today)", than="fixed (monday)")


def test_what_would_make_it_a_false_comparison_is_told() -> None:
    """Other inputs in a row, other variants under the names, none in common."""
    frames = [
        pd.DataFrame({"row": range(8), "variant": variant, "s": 1.0, "text": texts})
        for variant, texts in (("a", ["x"] * 8), ("b", ["x"] * 6 + ["y"] * 2))
    ]
    notes = fh.compare({"before": frames[0], "after": frames[1]}, score="s").notes
    assert any(re.search(r": before \w+ a, after \w+ b\.$", note) for note in notes)
    assert any(numbers_in(note)[:2] == ["2", "6"] and "before and after" in note for note in notes)
    both = [pd.concat([frame, frame.assign(variant=name)]) for frame, name in zip(frames, "cd", strict=True)]
    with pytest.raises(fh.InputError, match="before .*'a' and 'c'.* after .*'b' and 'd'"):
        fh.compare({"before": both[0], "after": both[1]}, score="s")


def test_the_same_rows_in_another_order_are_paired_by_their_inputs() -> None:
    """A row's number is its place in a table: a shuffled one, and one with a new first row, pair with what asks the
    same, as they do in the old order; what has no like stands alone."""
    rows = [{"text": f"t{n}", "expected_output": "yes"} for n in range(40)]
    monday = pd.DataFrame(rows).assign(row=range(40), variant="live", output=["yes"] * 10 + ["no"] * 30)
    today = monday.assign(output=["yes"] * 22 + ["no"] * 18)
    straight = fh.compare({"monday": monday, "today": today})
    order = np.random.default_rng(4).permutation(40)
    shuffled = fh.compare({"monday": monday, "today": today.iloc[order].assign(row=range(40))})
    assert straight.pairs().equals(shuffled.pairs())
    assert straight.verdict == shuffled.verdict
    assert straight.notes == ()
    assert re.match(r"\d\d rows of today .* monday\b", shuffled.notes[0])
    assert shuffled.wide()["monday.output"].tolist() == monday["output"].tolist()
    more = pd.concat([today.head(1).assign(text="new"), today]).assign(row=range(41))
    cmp = fh.compare({"monday": monday, "today": more})
    assert cmp.pairs()["n"].tolist() == [40]
    assert cmp.pairs()["wins"].tolist() == [12]
    assert "0 (today)" in cmp.wide()["row"].tolist()
    batches = {}
    live = Live()
    for name, numbers in (("monday", range(40)), ("today", order.tolist())):
        table = [{"number": number, "expected_output": "yes"} for number in numbers]
        batches[name] = fh.batch(
            table, "label", variants=["live"], name=name, fresh=True, client=live.hive.client(), progress=False
        )
    assert "40 rows" in fh.compare(batches).verdict


def test_a_verdict_over_other_inputs_begins_with_that() -> None:
    """Where nothing pairs them better than their numbers do, the reader learns it before who is ahead."""
    monday = pd.DataFrame({"row": range(8), "variant": "a", "s": 0, "text": "x"})
    today = monday.assign(s=1, text=["y"] * 3 + ["x"] * 5)
    cmp = fh.compare({"monday": monday, "today": today}, score="s")
    assert re.match(r"[^:]* 3 rows: today \w+ monday\b.*\b100 points", cmp.verdict)
    assert fh.compare({"monday": monday, "today": monday.assign(s=1)}, score="s").verdict.startswith("today ")
    other = cmp.add_score(lambda run, row: 2 * row["s"], name="twice").by("twice")
    assert re.match(r"[^:]* 3 rows: today \w+ monday\b.*\b2\.00", other.verdict)


def test_a_column_of_scores_is_no_input_that_changed() -> None:
    """It is what the two dates are compared by."""
    frame = pd.DataFrame({"row": range(8), "variant": "a", "s": 0, "text": "x"})
    assert fh.compare({"before": frame, "after": frame.assign(s=1)}, score="s").notes == ()


def test_answers_of_several_days_are_told_to_be_that() -> None:
    """A live variant may have changed meanwhile; those of a day are not."""
    begun = pd.date_range("2026-11-20 08:00", periods=12, freq="9h", tz="UTC")
    frame = pd.DataFrame({"row": range(12), "variant": "a", "s": 1.0, "started_at": begun})
    (note,) = fh.compare(frame, score="s").notes
    assert re.search(r" 4\.1 \w+ \(2026-11-20 08:00 to 2026-11-24 11:00 UTC\)", note)
    assert fh.compare(frame.head(3), score="s").notes == ()
    as_text = frame.assign(started_at=frame["started_at"].astype(str), s=np.where(frame["row"] > 3, "1", "0"))
    assert fh.compare(as_text, score=lambda run, row: int(row["s"])).notes == (note,)
