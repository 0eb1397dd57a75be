"""Files that an earlier version wrote, opened with today's code: nothing of them is lost, and nothing is paid again.

What they are, and how they were made with the code of commit d287664, is said in `tests/data/build_d287664.py`.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.model import JobCounts
from fh_notebook.client import polling
from fh_notebook.local import LocalHive
from tests.data import build_d287664 as made
from tests.told import facts

EXPECTED: dict[str, Any] = json.loads((made.HERE / "expected.json").read_text("utf-8"))


def restored(root: Path) -> Path:
    """Make the store of d287664 in `root`, with the parts that it tells of, and return its file."""
    path = root / "old.sqlite3"
    sql = (made.HERE / "store.sql").read_text("utf-8").replace(made.ROOT, root.as_posix())
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    shutil.copytree(made.HERE / "parts", root / "parts")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The store of d287664, which this process uses."""
    path = restored(tmp_path)
    fh.configure(store=path)
    return path


@pytest.fixture
def hive(path: Path) -> LocalHive:
    """A hive of the name that the store's batches were run with, which counts what it is asked."""
    return made.hive_of()


def as_then(lines: list[dict[str, Any]], then: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return `lines` with the columns of `then` alone: a later version may tell more."""
    return [{name: line.get(name) for name in old} for line, old in zip(lines, then, strict=True)]


def check_scores(scores: list[dict[str, Any]], name: str) -> None:
    """Check that each row has the score that it had; equal rows (p and s) are one piece of evidence since then."""
    then = EXPECTED["scores"][name]
    by_row = [line for line in then if "row" in line and line["row"] != "s"]
    for line in then:
        if "mean" in line:
            known = [s for row in by_row if (s := row[f"{line['variant']}.score"]) is not None]
            line = {**line, "mean": pytest.approx(sum(known) / len(known))}
        assert as_then([scores.pop(0)], [line]) == [line]
    assert scores == []


def check(batch: fh.Batch, cell: str) -> None:
    """Check that a batch has every line that it had."""
    frame = batch.frame.compute() if cell == "parted" else batch.frame
    then = _without_words(EXPECTED["batches"][cell])
    assert as_then(_without_words(made.told(frame)), then) == then


def _without_words(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lines of a frame without our sentences: what is wrong with inputs is said anew by each version."""
    return [
        line | {"error": bool(line["error"])} if line.get("error_code") == "invalid_input" else line for line in lines
    ]


IN_MEMORY = ("tickets", "refused", "unnamed", "streamed")
PLANNED = {"tickets": 10, "refused": 2, "unnamed": 4, "streamed": 2}


@pytest.mark.parametrize("cell", IN_MEMORY)
def test_a_batch_is_opened_with_every_line(hive: LocalHive, cell: str) -> None:
    """Its answers, failures, labels and source columns as they were; nothing is called."""
    opened = fh.open_batch(EXPECTED["names"][cell], client=hive.client())
    check(opened, cell)
    assert (opened.counts.planned, opened.counts.pending, opened.counts.unknown) == (PLANNED[cell], 0, 0)
    assert opened.resume().counts.calls == 0
    assert hive.counts.requests == 0


@pytest.mark.parametrize("cell", IN_MEMORY)
def test_the_same_cell_pays_for_nothing_again(hive: LocalHive, cell: str) -> None:
    """Every job of it is found, a failure that stands among them; and the batch is opened as before."""
    run: Callable[[fh.Client], fh.Batch] = getattr(made, cell)
    batch = run(hive.client())
    assert (batch.name, batch.counts.calls) == (EXPECTED["names"][cell], 0)
    check(batch, cell)
    check(fh.open_batch(batch.name, client=hive.client()), cell)
    assert hive.counts.requests == 0


def test_a_batch_over_partitions_is_opened_and_run_again_for_nothing(hive: LocalHive, tmp_path: Path) -> None:
    """Its answers lie in Parquet files, which the store names: they are found again by name, and by the cell."""
    pytest.importorskip("dask.dataframe")
    pytest.importorskip("distributed")
    pytest.importorskip("pyarrow")
    opened = fh.open_batch("parted", client=hive.client())
    assert (opened.counts.planned, opened.counts.done, opened.counts.failed, opened.counts.pending) == (6, 5, 1, 0)
    check(opened, "parted")
    again = made.parted(hive.client(), tmp_path)
    assert (again.counts.reused, again.counts.calls) == (6, 0)
    check(again, "parted")
    assert hive.counts.requests == 0


def test_the_parts_of_an_earlier_version_are_compared_by_their_answers_and_answer_a_table(
    hive: LocalHive, tmp_path: Path
) -> None:
    """No hashes of rows were kept then: other rows are refused by what was answered; each kind of batch takes it."""
    pytest.importorskip("distributed")
    pytest.importorskip("pyarrow")
    dask = pytest.importorskip("dask.dataframe")
    client = hive.client()
    frame = fh.open_batch("parted", client=client).frame.compute()[["text"]].reset_index(drop=True)
    other = pd.concat([frame.iloc[:2], pd.DataFrame({"text": ["not of it"]})], ignore_index=True)
    asked: dict[str, Any] = {"variants": "loud", "inputs": {"text": "text"}, "client": client, "progress": False}

    def parted(rows: pd.DataFrame) -> fh.Batch:
        cut = dask.from_pandas(rows, npartitions=1)
        return fh.batch(cut, "shout", **asked, name="parted", parts=tmp_path / "parts")

    for _ in range(2):  # before and after a run of this version has kept their hashes
        with pytest.raises(fh.InputError, match=facts("6 rows", "4", "3 rows", "1")):
            parted(other)
        assert parted(frame).counts.calls == 0
    assert fh.batch(frame, "shout", **asked, name="in memory", reuse="store").counts.calls == 0
    assert fh.batch(frame.iloc[1:], "shout", **asked, name="parted", replace=True).counts.calls == 0
    assert hive.counts.requests == 0


def test_history_pending_runs_and_ratings_are_as_they_were(hive: LocalHive) -> None:
    """Every batch and single run is listed, every run that is out, and what a person said of which pair."""
    told = made.said(hive.client())
    for line in told["history"]:
        # Where rows are equal, d287664 counted the answers; now it is the jobs.
        if line["done"] == 9:
            line["done"] = 7
        # The first words of an answer are without JSON's marks now.
        if line["output"] == "said: another, times: 1":
            line["output"] = '{ "said": "another", "times": 1 }'
    for line in told["rated"]:
        assert (line["n"], line["losses"]) == (2, 2), "equal rows are one piece of evidence; they were two"
        line["n"], line["losses"] = 3, 3
    for name, lines in told.items():
        assert as_then(lines, EXPECTED[name]) == EXPECTED[name], name
    assert [line["rater"] for line in told["ratings"]] == ["anna"] * 4
    assert hive.counts.requests == 0


def test_scores_are_kept_and_nobody_is_asked_for_them_again(hive: LocalHive) -> None:
    """Neither the function nor the judge, of the batch that is opened and of the one whose cell is run again."""
    client = hive.client()
    made.ASKED.clear()
    for batch in (fh.open_batch("tickets", client=client), made.tickets(client)):
        for name, scorer in (("letters", made.letters), ("manners", made.manners(client))):
            cmp = fh.compare(batch, score=scorer)
            check_scores(made.scores_of(cmp), name)
            check_scores(made.scores_of(cmp.rescore()), name)
    assert made.ASKED == []
    assert hive.counts.requests == 0


VERSIONS = {
    "exact()": '1 ["expected_output",{"path":null}]',
    "exact('label', path='a.b')": '1 ["label",{"path":"a.b"}]',
    "contains()": '1 ["expected_output",{"ignore_case":false,"path":null}]',
    "regex('T')": '1 [null,{"ignore_case":false,"path":null,"pattern":"T","whole":false}]',
    "number(0.1)": '1 ["expected_output",{"path":null,"relative":0.0,"tolerance":0.1,"which":"last"}]',
    "json_valid()": "1 [null,{}]",
    "json_schema({'type': 'integer'})": '1 [null,{"path":null,"rules":{"type":"integer"}}]',
    "json_path('$.x', equals=1)": '1 [null,{"equals":[1],"path":"$.x"}]',
    "json_fields()": '1 ["expected_output",{"compare":{},"fields":null,"path":null}]',
    "rouge_l()": '1 ["expected_output",{"library":"1","options":{},"path":null}]',
    "similarity()": '1 ["expected_output",{"library":"rapidfuzz %s","options":{"ignore_case":false,"method":"ratio"},"path":null}]',
    "bleu()": '1 ["expected_output",{"library":"sacrebleu %s","options":{"lowercase":false,"tokenize":"13a"},"path":null}]',
    "chrf()": '1 ["expected_output",{"library":"sacrebleu %s","options":{"lowercase":false,"word_order":0},"path":null}]',
    "latency()": '1 [null,{"at_most":null}]',
    "length('words', at_most=3)": '1 [null,{"at_least":null,"at_most":3,"path":null,"unit":"words"}]',
}  # fmt: skip
"""What d287664 kept the scores of ready scorers under, behind their name."""


@pytest.mark.parametrize("spelling", VERSIONS)
def test_scores_of_ready_scorers_are_found_under_the_version_that_they_had(spelling: str) -> None:
    """Where one has another version than then, all that it scored is scored anew."""
    then = VERSIONS[spelling]
    if "%s" in then:
        library = then.split('"library":"')[1].partition(" ")[0]
        then %= pytest.importorskip(library).__version__
    scorer = eval(f"fh.score.{spelling}")
    assert scorer.version == f"{spelling.partition('(')[0]} {then}"


def test_what_was_out_when_its_process_was_killed_may_have_run(hive: LocalHive) -> None:
    """Its claims have an owner that ended: they are unknown, told so, and not called, by the cell neither."""
    client = hive.client()
    opened = fh.open_batch("killed", client=client)
    assert opened.counts == JobCounts(planned=4, done=2, unknown=2, reused=2)
    check(opened, "killed")
    again = made.killed(client)
    assert again.counts == JobCounts(planned=4, done=2, unknown=2, reused=2)
    check(again, "killed")
    assert hive.counts.requests == 0
    assert made.killed(client, retry_unknown=True).counts.calls == hive.counts.requests == 2


def test_the_cell_of_a_killed_batch_calls_nothing_that_may_have_run(hive: LocalHive) -> None:
    """Also when nobody opened the batch before."""
    again = made.killed(hive.client())
    assert again.counts == JobCounts(planned=4, done=2, unknown=2, reused=2)
    check(again, "killed")
    assert hive.counts.requests == 0


def test_runs_that_were_submitted_are_waited_for_in_place_of_being_called(hive: LocalHive) -> None:
    """A batch by polling whose process was killed is pending, and its runs are taken up by the ids that they have."""
    client = hive.client()
    opened = fh.open_batch("queued", client=client)
    assert opened.counts == JobCounts(planned=2, pending=2)
    waiting = fh.reattach(client=client)
    assert [one.request_id for one in waiting] == [line["request_id"] for line in EXPECTED["pending"]]
    for one in waiting:
        one.cancel_waiting()
    assert hive.counts.requests == 0


@pytest.mark.long
def test_the_cell_of_runs_that_were_submitted_submits_nothing_again(
    hive: LocalHive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks for them by their ids; a hive that does not know them leaves them unknown."""
    monkeypatch.setattr(polling, "GROWTH", 0.1)  # else it asks for half a minute before it believes that
    again = made.queued(hive.client())
    assert (again.counts.planned, again.counts.unknown) == (2, 2)
    assert set(again.frame["error_code"]) == {"not_found"}
    assert hive.counts.requests == 0


def test_a_batch_without_its_jobs_is_repaired_when_its_cell_runs_again(hive: LocalHive) -> None:
    """Its record was kept, and its jobs and rows were not: the cell keeps them, and calls nothing that is answered."""
    client = hive.client()
    again = made.broken(client, on_invalid="skip")
    assert (again.counts.calls, hive.counts.requests) == (0, 0)
    check(again, "broken")
    opened = fh.open_batch("broken", client=client)
    assert (opened.counts.planned, opened.counts.done, opened.counts.failed) == (6, 4, 2)
    check(opened, "broken")


def test_a_batch_that_was_handed_over_is_opened_with_its_scores_and_ratings(tmp_path: Path) -> None:
    """By its file alone: nobody is asked, and nothing of it comes into the store."""
    file = tmp_path / "tickets.fhb"
    shutil.copyfile(made.HERE / "tickets.fhb", file)
    fh.configure(store=tmp_path / "mine.sqlite3")
    made.ASKED.clear()
    batch = fh.open_batch(file)
    check(batch, "tickets")
    cmp = fh.compare(batch, score=made.letters)
    check_scores(made.scores_of(cmp), "letters")
    assert made.ASKED == []
    ratings = made.told(cmp.ratings().frame)
    assert as_then(ratings, EXPECTED["ratings"]) == EXPECTED["ratings"]
    assert len(fh.history()) == 0
    assert file.read_bytes() == (made.HERE / "tickets.fhb").read_bytes()


def test_ratings_that_were_handed_back_are_merged_once(path: Path) -> None:
    """They are those of the store itself: all of them are known there."""
    assert fh.merge_ratings(made.HERE / "tickets.fhb").new == 0


def test_a_catalogue_and_a_snippet_are_read_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saving what is there already changes no byte of the user's file."""
    snippet = (made.HERE / "snippet.txt").read_text("utf-8")
    shutil.copyfile(made.HERE / "fetchhive.yaml", tmp_path / "fetchhive.yaml")
    monkeypatch.chdir(tmp_path)
    deployment = fh.Deployment.from_snippet(snippet)
    assert made.deployments_of([deployment]) == EXPECTED["snippet"]
    with fh.Client(base_url="http://127.0.0.1:9/v1") as client:
        assert made.deployments_of(fh.deployments(client).values()) == EXPECTED["catalogue"]
    deployment.save()
    assert (tmp_path / "fetchhive.yaml").read_bytes() == (made.HERE / "fetchhive.yaml").read_bytes()


def test_a_store_of_a_newer_version_is_refused_in_one_line_and_left_as_it_is(path: Path) -> None:
    """With its batches in it: the error says to upgrade, and not a byte changes."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=99")
    before = path.read_bytes()
    with pytest.raises(fh.StoreError, match=facts("fh_notebook", "fh-notebook")) as caught:
        fh.open_batch("tickets", client=made.hive_of().client())
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
