"""Runs as other tools are given them, and what `to_mlflow` and `to_inspect` refuse before they ask their tools."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.report.inspect_logs import _file_names, _sample_ids
from fh_notebook.comparing.report.run_records import RunRecord, run_records, source_names
from tests.comparing.frames import TELL
from tests.long import exchange_out


def records_of(comparison: fh.Comparison) -> list[RunRecord]:
    return list(run_records(comparison.data, comparison.score_set.lines_by_name()))


@pytest.fixture(scope="module")
def batch() -> list[RunRecord]:
    return records_of(exchange_out.batch())


@pytest.fixture
def table() -> fh.Comparison:
    return fh.compare(pd.DataFrame({"row": [0, 0], "variant": ["a", "b"], "s": [1, 0]}), score="s")


def test_a_record_has_what_was_sent_and_every_score(batch: list[RunRecord]) -> None:
    """A missing score is not there; a repeat is an epoch; JSON stays JSON."""
    assert len(batch) == 2 * 2 * len(exchange_out.TEXTS)
    first = batch[0]
    assert (first.pair, first.variant, first.repeat, first.epoch) == (exchange_out.LABELS[0], "plain", 1, 1)
    assert dict(first.inputs) == {"text": exchange_out.TEXTS[0], "urgent": True, "amount": 1, "token": "***"}
    assert dict(first.scores) == {"exact()": 1.0, "letters": float(len(exchange_out.TEXTS[0]))}
    as_json = next(record for record in batch if record.variant == "json")
    assert as_json.output["for"] == "***"
    assert "letters" not in as_json.scores
    assert [record.expected for record in batch[::4]] == exchange_out.EXPECTED


def test_a_failed_run_has_its_error_and_no_score(batch: list[RunRecord]) -> None:
    """And no output."""
    failed = [record for record in batch if record.status == "failed"]
    assert [(record.pair, record.epoch) for record in failed] == [("last", 1), ("last", 2)]
    assert all(record.error and record.output is None and not record.scores for record in failed)


def test_no_record_has_a_password(batch: list[RunRecord]) -> None:
    """Whoever repeats it: a column, an answer, an error."""
    assert exchange_out.PASSWORD not in repr(batch)
    assert "*** 🎉" in repr(batch)


def test_epochs_tell_the_runs_of_a_row_apart() -> None:
    """They are the repeats, where these are numbers that do; else the places among the runs of the row."""
    frame = pd.DataFrame({"row": 0, "variant": "a", "s": [1, 0, 1], "repeat": [3, 1, 2]})
    assert [record.epoch for record in records_of(fh.compare(frame, score="s"))] == [3, 1, 2]
    same = frame.assign(repeat=["x", "x", "y"])
    assert [record.epoch for record in records_of(fh.compare(same, score="s"))] == [1, 2, 3]
    assert [record.repeat for record in records_of(fh.compare(same, score="s"))] == ["x", "x", "y"]


def test_a_table_gives_its_columns_as_inputs_and_no_half_characters() -> None:
    """Its Start variables are not known."""
    records = records_of(exchange_out.table())
    assert dict(records[0].inputs) == {"ticket": "t0"}
    assert {record.output for record in records if record.pair == 1} == {"half \ufffd"}
    assert sum(not record.scores for record in records) == 1


def test_the_batches_of_several_dates_are_all_named() -> None:
    """Once each; of a table nothing is known."""
    dates = {day: pd.DataFrame({"row": [0], "variant": "a", "output": "x"}) for day in ("monday", "today")}
    for day, frame in dates.items():
        frame.attrs["fh_notebook"] = {"deployment": "triage", "batch": f"of {day}"}
    assert source_names(fh.compare(dates).data) == {"deployment": "triage", "batch": "of monday, of today"}
    assert source_names(exchange_out.table().data) == {}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda cmp: cmp.to_mlflow("x"), r"cmp\.to_mlflow .*: pip \w+ MLflow"),
        (lambda cmp: cmp.to_inspect("logs"), r"cmp\.to_inspect .*: pip \w+ inspect-ai"),
    ],
)
def test_a_missing_tool_is_told_in_one_line_and_nothing_is_written(
    call: Any, message: str, table: fh.Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    with pytest.raises(fh.SettingsError) as caught:
        call(table)
    assert re.fullmatch(message, str(caught.value))
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"experiment": " "}, "experiment"),
        ({"experiment": "x", "tracking_uri": ""}, "tracking_uri"),
        ({"experiment": "x", "baseline": "c"}, "'c'"),
        ({"experiment": "x", "parent_run": 3}, "parent_run"),
    ],
)
def test_mlflow_is_not_asked_with_wrong_arguments(arguments: dict[str, Any], named: str, table: fh.Comparison) -> None:
    """Each is named."""
    with pytest.raises(fh.InputError, match=named):
        table.to_mlflow(**arguments)


def test_logs_have_a_folder_that_can_be_made(table: fh.Comparison, tmp_path: Path) -> None:
    """Not a file, nor a folder in none."""
    (tmp_path / "taken").write_text("x")
    for path, message in (
        (tmp_path / "a.eval", r"^a\.eval \w"),
        (tmp_path / "taken", rf"^{re.escape(str(tmp_path / 'taken'))} \w"),
        (tmp_path / "none" / "mine", rf"{re.escape(str(tmp_path / 'none'))}(?![\w/])"),
    ):
        with pytest.raises(fh.SettingsError, match=message):
            table.to_inspect(path)


def test_the_files_of_variants_have_names_of_their_own() -> None:
    """Also of names that no file has, of long ones, and where capitals do not count."""
    variants = ["../up", "a/b", "A_B", "a_b", "con", "日本 🎉", "x" * 300, "x" * 301, "", "a.b"]
    files = _file_names(variants)
    assert list(files) == variants
    assert len({name.casefold() for name in files.values()}) == len(variants)
    assert all("/" not in name and name.endswith(".eval") and len(name.encode()) < 200 for name in files.values())


def test_samples_have_ids_of_their_own() -> None:
    """Inspect finds a sample by the text of its id, in which the number 1 and the text "1" are the same."""
    frame = pd.DataFrame({"row": [1, "1", 1.5, "1 (str)"], "variant": "a", "output": "x", "expected_output": "x"})
    ids = [*_sample_ids(records_of(fh.compare(frame))).values()]
    assert (ids[0], ids[2]) == (1, "1.5")
    assert len({str(own) for own in ids}) == len(ids) == 4


def test_rows_stay_apart_when_their_labels_are_masked() -> None:
    """Rows may be paired on a column that repeats the password."""
    hive = fh.local.LocalHive()
    hive.workflow("tell", variant="a")(lambda text, token: text)
    rows = [{"text": "x", "token": f"hunter{i}-of-row", "note": f"for hunter{i}-of-row"} for i in range(2)]
    batch = fh.batch(rows, TELL, variants=["a"], client=hive.client(), progress=False)
    records = records_of(fh.compare(batch, pair_on="note"))
    assert [record.pair for record in records] == ["for ***", "for ***"]
    assert len({str(own) for own in _sample_ids(records).values()}) == 2
