"""Jobs and runs -> one tidy table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.batching.model import Outcome
from fh_notebook.batching.tables.frames import COLUMNS, frame_of_runs, source_name, tidy_frame
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.contract.run import Run
from fh_notebook.local import LocalHive
from tests.batching.planning.plans import make_plan
from tests.told import tells

DEP = fh.Deployment("d", variants=["a", "b"])
NAMES = [
    "row",
    "variant",
    "repeat",
    "status",
    "output",
    "error_code",
    "error",
    "attempts",
    "elapsed_s",
    "started_at",
    "request_id",
    "reused",
    "key",
]


def _frame(source: Any, outcomes: list[Outcome | None], **options: Any) -> pd.DataFrame:
    rows = read_rows(source)
    jobs = make_plan(rows, DEP, **{"workspace": "w", "variants": "a", **options}).jobs
    return tidy_frame(zip(jobs, outcomes, strict=True), rows, batch="b")


def _done(output: Any = "hi", **values: Any) -> Outcome:
    return Outcome(run=Run(status="completed", output=output, **values))


def test_the_columns_have_their_order_and_every_source_column_is_kept() -> None:
    """The toolkit's own first, then the source's with their dtypes, then those of outputs that are objects."""
    source = pd.DataFrame({"text": ["x"], "n": [1], "expected_output": ["y"], "when": [pd.Timestamp("2026-11-25")]})
    frame = _frame(source, [_done({"label": "l"})])
    assert list(frame.columns) == [*NAMES, "text", "n", "expected_output", "when", "out.label"]
    assert frame["n"].dtype == source["n"].dtype
    assert frame["when"].dtype == source["when"].dtype


RUNS = [
    None,
    _done(None),
    _done("text", elapsed_s=0.5, started_at=datetime(2026, 11, 25, tzinfo=UTC), request_id="req_1"),
    _done({"a": 1, "b": [1]}, started_at=datetime(2026, 11, 25, 9, tzinfo=timezone(timedelta(hours=1)))),
    _done([1, {"x": None}]),
    _done("half \ud800 a character"),
    Outcome(run=Run(status="failed", error="bad \ud800", error_code="validation_error"), reused=True),
    Outcome(run=Run(status="unknown", attempts=3)),
]
DTYPES = {
    "variant": "string",
    "repeat": "int64",
    "status": "string",
    "output": "object",
    "error_code": "string",
    "error": "string",
    "attempts": "int64",
    "elapsed_s": "float64",
    "started_at": "datetime64[ns, UTC]",
    "request_id": "string",
    "reused": "bool",
    "key": "string",
}


@given(st.lists(st.sampled_from(RUNS), max_size=6))
def test_dtypes_do_not_depend_on_the_answers(outcomes: list[Outcome | None]) -> None:
    """Nothing answered, everything failed, or one of each: the same columns can be asked the same things."""
    frame = _frame([{"text": f"t{i}"} for i in range(len(outcomes))], outcomes)
    assert {name: str(frame[name].dtype) for name in DTYPES} == DTYPES
    assert list(frame.columns[: len(NAMES)]) == [c.name for c in COLUMNS if not c.is_optional] == NAMES
    assert frame["output"].tolist() == [outcome.run.output if outcome else None for outcome in outcomes]


def test_a_pending_job_is_a_line_of_its_own_kind() -> None:
    """Its inputs are there, its answer is not."""
    [line] = _frame([{"text": "x"}], [None]).to_dict("records")
    assert (line["status"], line["attempts"], line["reused"], line["text"]) == ("pending", 0, False, "x")
    assert all(line[name] is None or line[name] != line[name] for name in ("output", "elapsed_s"))
    assert pd.isna(line["error"])


def test_a_failure_is_a_line_with_its_error() -> None:
    """Code, words, and how often it was tried."""
    failed = Outcome(run=Run(status="failed", error="no tags", error_code="validation_error", attempts=2))
    [line] = _frame([{"text": "x"}], [failed]).to_dict("records")
    assert (line["status"], line["error_code"], line["error"], line["attempts"]) == (
        "failed",
        "validation_error",
        "no tags",
        2,
    )


def test_labels_of_the_source_are_the_rows() -> None:
    """Numbers stay numbers."""
    assert _frame(pd.DataFrame({"t": ["x", "y"]}, index=[7, 9]), [None, None])["row"].tolist() == [7, 9]
    assert str(_frame(pd.DataFrame({"t": ["x"]}, index=[7]), [None])["row"].dtype) == "int64"
    assert _frame(pd.DataFrame({"t": ["x"]}, index=["r"]), [None])["row"].tolist() == ["r"]


def test_a_source_column_whose_name_is_taken_says_that_it_is_an_input() -> None:
    """Nothing is overwritten, whatever the names."""
    source = [{"status": "open", "output": "o", "in.status": "i", "out.label": "l", "in.x": 1, "fine": 2}]
    frame = _frame(source, [_done({"label": "m", "output": "n"})])
    assert frame["status"].tolist() == ["completed"]
    kept = {name: frame[name].tolist()[0] for name in frame.columns[len(NAMES) :]}
    assert kept == {
        "in.status": "open",
        "in.output": "o",
        "in.in.status": "i",
        "in.out.label": "l",
        "in.in.x": 1,
        "fine": 2,
        "out.label": "m",
        "out.output": "n",
    }


@given(st.sets(st.sampled_from(["row", "in.row", "in.in.row", "out.x", "in.out.x", "x", "key"]) | st.text(max_size=4)))
def test_no_two_source_columns_ever_meet(names: set[str]) -> None:
    """Renaming is one to one, and never lands on a column of the toolkit's."""
    renamed = {source_name(name) for name in names}
    assert len(renamed) == len(names)
    assert not renamed & set(NAMES)
    assert not any(name.startswith("out.") for name in renamed)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], "Int64"),
        ([1, None], "Int64"),
        ([1, 0.5], "Float64"),
        ([True, None], "boolean"),
        (["x", None], "string"),
        ([1, "x"], "object"),
        ([True, 1], "object"),
        ([[1], {"a": 1}], "object"),
        ([None, None], "object"),
        ([2**70, 1], "object"),
        ([10**400, 0.5], "object"),
    ],
)
def test_outputs_that_are_objects_become_columns_that_hold_what_they_held(values: list[Any], dtype: str) -> None:
    """A missing one never makes a float of an integer, and nothing is turned into a text."""
    frame = _frame([{"t": str(i)} for i in range(len(values))], [_done({"v": value}) for value in values])
    column = frame["out.v"]
    assert str(column.dtype) == dtype
    assert [None if value is pd.NA else value for value in column.tolist()] == values


def test_a_text_output_has_no_columns_of_its_own() -> None:
    """Also one that looks like JSON: it is text until somebody says otherwise."""
    frame = _frame([{"t": "1"}, {"t": "2"}], [_done('{"a": 1}'), _done({"b": 2})])
    assert [name for name in frame.columns if name.startswith("out.")] == ["out.b"]


def test_a_frame_says_where_it_comes_from() -> None:
    """And an empty one has all its columns."""
    frame = _frame([], [])
    assert frame.attrs["fh_notebook"]["batch"] == "b"
    assert list(frame.columns) == NAMES
    assert str(frame["row"].dtype) == "int64"


def test_single_runs_become_a_table_that_can_be_compared() -> None:
    """Runs of the same inputs are a row; the same variant again is a repeat."""
    runs = [
        Run(
            status="completed", output=f"{variant}{n}", variant=variant, inputs={"x": n, "status": "in"}, deployment="d"
        )
        for n in (1, 2)
        for variant in ("a", "b", "a")
    ]
    frame = frame_of_runs(runs)
    assert frame[["row", "variant", "repeat", "output", "x"]].values.tolist() == [
        [0, "a", 1, "a1", 1],
        [0, "b", 1, "b1", 1],
        [0, "a", 2, "a1", 1],
        [1, "a", 1, "a2", 2],
        [1, "b", 1, "b2", 2],
        [1, "a", 2, "a2", 2],
    ]
    assert frame["in.status"].tolist() == ["in"] * 6
    assert not frame["reused"].any()
    assert len(frame_of_runs([])) == 0


def _own_keys(rows: int) -> list[Outcome | None]:
    return [_done({f"id {row}": row, "label": "x", "late": row} if row else {"label": "x"}) for row in range(rows)]


def test_outputs_with_keys_of_their_own_make_no_more_than_a_hundred_columns() -> None:
    """The first by row, so that those of a shorter batch stay; the rest is in ``output``, and a note says so."""
    rows = [{"text": f"{row}"} for row in range(150)]
    few, many = (_frame(rows[:n], _own_keys(n)) for n in (60, 150))
    assert not few.attrs["fh_notebook"].get("note")
    columns = [name for name in many.columns if name.startswith("out.")]
    assert columns[:4] == ["out.label", "out.id 1", "out.late", "out.id 2"]
    assert len(columns) == 100
    assert [name for name in few.columns if name.startswith("out.")] == columns[:61]
    assert many["output"].iloc[149] == {"id 149": 149, "label": "x", "late": 149}
    assert many["out.late"].tolist()[1:] == list(range(1, 150))
    assert tells(many.attrs["fh_notebook"]["note"], "100")


def test_a_batch_of_outputs_with_keys_of_their_own_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Its parts have the columns of the whole; a score may be a key that has no column; a comparison has the note."""
    hive = LocalHive()

    @hive.workflow("keys", variant="v")
    def keys(number: int) -> dict[str, int]:
        return {f"id {number}": number, f"more {number}": number} | ({"late": number % 2} if number > 60 else {})

    rows = [{"number": number} for number in range(80)]
    batch = fh.batch(rows, "keys", client=hive.client(), progress=False)
    names = [name for name in batch.frame.columns if name.startswith("out.")]
    assert len(names) == len(batch.frame.columns) - len(NAMES) - 1 == 100
    parts = list(batch.iter_frames(30))
    joined = pd.concat(parts)
    assert [name for name in joined.columns if name.startswith("out.")] == names
    assert joined.attrs == parts[0].attrs
    assert [batch.name in line and tells(line, "100") for line in capsys.readouterr().err.splitlines()] == [True]
    compared = fh.compare(batch, score="out.late")
    assert compared.summary()["n"].tolist() == [19]
    assert tells(compared.notes[0], "100")
