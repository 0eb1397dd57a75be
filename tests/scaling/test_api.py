"""A batch over partitions on threads of this process: the same answers, kept as parts, and found again by key."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import threading
from dataclasses import replace
from typing import Any

import httpx
import pandas as pd
import polars
import pytest

import fh_notebook as fh
from fh_notebook.batching.model import Finished
from fh_notebook.client.error_catalog import ErrorCatalogCache
from fh_notebook.local import LocalHive, aask_human
from fh_notebook.session import session
from tests.demo_data import PATIENCE_S
from tests.scaling.counting import KEY, Counting, texts, until
from tests.told import numbers_in

dask = pytest.importorskip("dask.dataframe")
pytest.importorskip("distributed")
pytest.importorskip("pyarrow")

DIFFERENT = ["elapsed_s", "started_at", "request_id", "client_action"]
"""The last one is in the table of one machine only where there is one."""


def _parted(frame: pd.DataFrame, n: int) -> Any:
    return dask.from_pandas(frame, npartitions=n)


def _comparable(frame: pd.DataFrame) -> pd.DataFrame:
    kept = frame[[c for c in frame.columns if c not in DIFFERENT and not c.startswith("out.")]]
    return kept.reset_index(drop=True).astype({"text": "object"})


def test_the_answers_are_those_of_one_machine_row_for_row() -> None:
    """Two variants, failures and objects: the same table as a batch in memory, with the dtypes that meta said."""
    counting = Counting()
    frame = texts(60)
    frame.loc[7, "text"] = "bad one"
    asked: dict[str, Any] = {"variants": ["loud", "parts"], "client": counting.hive.client(), "progress": False}
    many = fh.batch(_parted(frame, 4), "shout", **asked)
    one = fh.batch(frame, "shout", **asked, fresh=True)
    assert isinstance(many, fh.Batch)
    assert (many.counts.done, many.counts.failed, many.counts.calls) == (119, 1, 120)
    lazy = many.frame
    computed = lazy.compute()
    pd.testing.assert_frame_equal(_comparable(computed), _comparable(one.frame))
    assert lazy._meta.dtypes.equals(computed.dtypes)
    assert many.failures.compute()["text"].tolist() == ["bad one"]
    assert numbers_in(repr(many).splitlines()[0].partition(": ")[2]) == ["119", "120", "1", "120"]


def test_computing_the_table_never_calls_the_service() -> None:
    """Three times, in three ways: 0 more calls at the hive."""
    counting = Counting()
    batch = fh.batch(_parted(texts(30), 3), "shout", variants="loud", client=counting.hive.client(), progress=False)
    before = counting.calls
    assert before == 30
    assert len(batch.frame) == 30
    assert batch.frame["output"].compute().tolist() == [f"T{i}" for i in range(30)]
    assert batch.frame[batch.frame["row"] > 19].compute(scheduler="threads")["row"].tolist() == list(range(20, 30))
    assert counting.calls == before


@pytest.mark.long
def test_the_same_call_again_costs_nothing_however_it_is_cut() -> None:
    """By keys: the same partitions, others, and more rows."""
    counting = Counting()
    asked: dict[str, Any] = {"variants": "loud", "client": counting.hive.client(), "progress": False, "name": "shouts"}
    fh.batch(_parted(texts(40), 4), "shout", **asked)
    again = fh.batch(_parted(texts(40), 4), "shout", **asked)
    assert (again.counts.reused, again.counts.calls) == (40, 0)
    recut = fh.batch(_parted(texts(40), 3), "shout", **asked)
    assert (recut.counts.reused, recut.counts.calls, len(recut.frame)) == (40, 0, 40)
    more = fh.batch(_parted(texts(50), 2), "shout", **asked)
    assert (more.counts.reused, more.counts.calls) == (40, 10)
    assert more.frame.compute()["output"].tolist() == [f"T{i}" for i in range(50)]
    assert set(counting.ran.values()) == {1}
    anew = fh.batch(_parted(texts(40), 4), "shout", **asked, fresh=True)
    assert (anew.counts.reused, anew.counts.calls) == (0, 40)


def test_a_batch_that_calls_anew_takes_nothing_from_before_it_also_when_it_was_stopped() -> None:
    """Neither in its table, nor in its counts, nor when it goes on."""
    counting = Counting()
    asked: dict[str, Any] = {"variants": "loud", "client": counting.hive.client(), "progress": False, "name": "shouts"}
    fh.batch(_parted(texts(12), 3), "shout", **asked)
    anew = fh.batch(_parted(texts(12), 3), "shout", **asked, fresh=True, max_calls=5)
    assert (anew.counts.done, anew.counts.pending, len(anew.frame)) == (5, 7, 5)
    anew.resume()
    anew.resume()
    assert (anew.counts.done, anew.counts.reused, len(anew.frame)) == (12, 0, 12)
    assert set(counting.ran.values()) == {2}


def test_equal_jobs_of_different_partitions_are_called_once() -> None:
    """The first partition calls them, the others take the answer over."""
    counting = Counting()
    frame = pd.DataFrame({"text": ["a", "b", "a", "c", "b", "a"]})
    batch = fh.batch(_parted(frame, 3), "shout", variants="loud", client=counting.hive.client(), progress=False)
    assert counting.ran == {("loud", "a"): 1, ("loud", "b"): 1, ("loud", "c"): 1}
    assert batch.frame.compute()["output"].tolist() == ["A", "B", "A", "C", "B", "A"]
    assert batch.counts.pending == 0


def test_a_ceiling_holds_over_all_partitions_and_resume_goes_on() -> None:
    """`max_calls` is reached to the call; the rest is pending, as a table, and then called."""
    counting = Counting()
    batch = fh.batch(
        _parted(texts(50), 5), "shout", variants="loud", client=counting.hive.client(), progress=False, max_calls=20
    )
    assert counting.calls == batch.counts.calls == 20
    assert batch.stopped is not None
    assert batch.stopped.reason == "max_calls"
    pending = batch.pending.compute()
    assert (len(pending), set(pending["status"])) == (30, {"pending"})
    assert set(pending["text"]) == set(texts(50)["text"]) - {text for _, text in counting.ran}
    batch.resume()
    batch.resume()
    assert batch.stopped is None
    assert batch.counts.done == counting.calls == 50
    assert not batch.frame.compute()["reused"].any()


def test_the_daily_cap_in_the_middle_leaves_the_rest_pending() -> None:
    """One partition meets it and all stop; the answers are kept."""
    counting = Counting(daily_cap=12)
    client = counting.hive.client()
    batch = fh.batch(_parted(texts(40), 4), "shout", variants="loud", client=client, progress=False, max_concurrency=2)
    assert batch.stopped is not None
    assert batch.stopped.reason == "daily_cap"
    assert (batch.counts.done, batch.counts.pending, batch.counts.failed) == (12, 28, 0)
    assert len(batch.frame) == 12


@pytest.mark.long
def test_a_number_holds_for_all_partitions_together_and_for_nothing_beside_them() -> None:
    """Four partitions at a time, three calls: never more; another batch meanwhile has its own number; nothing stays."""
    counting = Counting(takes_s=0.02)
    counting.held = threading.Event()
    client = counting.hive.client()
    asked: dict[str, Any] = {"client": client, "progress": False}
    batch = fh.batch(_parted(texts(60), 6), "shout", variants="loud", **asked, max_concurrency=3, wait=False)
    until(lambda: counting.now == 3)
    beside = fh.batch(texts(60, "beside"), "shout", variants="parts", **asked, max_concurrency=8, wait=False)
    until(lambda: counting.now == 11)
    counting.held.set()
    batch.wait()
    beside.wait()
    assert (batch.counts.done, beside.counts.done) == (60, 60)
    assert counting.most == 11
    assert client.limiter.most is None
    counting.most = 0
    fh.batch(_parted(texts(60, "alone"), 6), "shout", variants="loud", **asked, max_concurrency=3)
    assert counting.most == 3


def test_every_problem_is_told_before_the_first_call() -> None:
    """Inputs that do not fit, of whatever partition; skipped, they are failed rows that were not sent."""
    counting = Counting()
    deployment = fh.Deployment("shout", variants=["loud"], inputs={"text": fh.text()})
    frame = pd.DataFrame({"text": ["a", None, "c", "d", None, "f"]})
    asked: dict[str, Any] = {"client": counting.hive.client(), "progress": False}
    with pytest.raises(fh.InputError, match="text") as told:
        fh.batch(_parted(frame, 3), deployment, **asked)
    assert len(told.value.problems) == 2
    assert counting.calls == 0
    batch = fh.batch(_parted(frame, 3), deployment, **asked, on_invalid="skip")
    assert (batch.counts.done, batch.counts.failed, batch.counts.invalid, counting.calls) == (4, 2, 2, 4)
    batch.retry_failed()
    assert counting.calls == 4
    assert fh.batch(_parted(frame, 3), deployment, **asked, on_invalid="skip").counts.invalid == 2
    assert batch.failures.compute()["error_code"].tolist() == ["invalid_input"] * 2


def test_events_failures_and_retries() -> None:
    """One stream for all partitions; what failed is called again on demand, and only that."""
    counting = Counting()
    frame = texts(20)
    frame.loc[[3, 17], "text"] = ["bad 3", "bad 17"]
    told: list[Any] = []
    batch = fh.batch(
        _parted(frame, 4), "shout", variants="loud", client=counting.hive.client(), progress=False, on_event=told.append
    )
    finished = [event for event in told if isinstance(event, Finished)]
    assert {event.job.key for event in finished} == set(batch.frame.compute()["key"])
    batch.retry_failed()
    assert {text for (_, text), times in counting.ran.items() if times == 2} == {"bad 3", "bad 17"}
    assert (batch.counts.done, batch.counts.failed) == (18, 2)


def test_what_failed_with_a_code_is_called_again() -> None:
    """In whichever partition; a code that no failed job has calls nothing."""
    counting = Counting()
    counting.hive.fail_next(2, status=422, error_code="model_deprecated")
    batch = fh.batch(
        _parted(texts(8), 4), "shout", variants="loud", client=counting.hive.client(), progress=False, max_concurrency=1
    )
    assert (batch.counts.done, batch.counts.failed, batch.counts.calls) == (6, 2, 8)
    batch.retry_failed("no_such_code")
    assert (batch.counts.failed, batch.counts.calls) == (2, 8)
    batch.retry_failed("model_deprecated")
    assert (batch.counts.done, batch.counts.calls) == (8, 10)


@pytest.mark.long
def test_labels_pilots_and_exports(tmp_path: Any) -> None:
    """An index that tells rows apart names them; a pilot is found again by the whole; files are as of any batch."""
    counting = Counting()
    frame = texts(12).set_index(pd.Index([f"r{i:02d}" for i in range(12)], name="ticket"))
    asked: dict[str, Any] = {"variants": "loud", "client": counting.hive.client(), "progress": False}
    pilot = fh.batch(_parted(frame, 3), "shout", **asked, first=4)
    assert (pilot.counts.planned, counting.calls) == (4, 4)
    whole = fh.batch(_parted(frame, 3), "shout", **asked)
    assert (whole.name, whole.counts.reused, counting.calls) == (pilot.name, 4, 12)
    assert whole.frame.compute()["row"].tolist() == list(frame.index)
    whole.to_csv(tmp_path / "answers.csv")
    assert pd.read_csv(tmp_path / "answers.csv")["output"].tolist() == [f"T{i}" for i in range(12)]
    table = polars.DataFrame(whole)
    assert (table["row"].to_list(), table["output"].to_list()) == (list(frame.index), [f"T{i}" for i in range(12)])


def test_a_batch_over_partitions_without_an_answer_is_written(tmp_path: Any) -> None:
    """As a table of its columns without a line, in files and as Arrow."""
    batch = fh.batch(
        _parted(texts(4), 2), "shout", variants="loud", client=Counting().hive.client(), max_calls=0, progress=False
    )
    assert batch.to_csv(tmp_path / "a.csv").rows == 0
    assert (
        pd.read_csv(tmp_path / "a.csv").columns.tolist() == polars.DataFrame(batch).columns == list(batch.frame.columns)
    )


def test_no_label_over_partitions_repeats_a_password() -> None:
    """Its rows are named by their positions."""
    dep = fh.Deployment("shout", variants=["loud"], inputs={"text": fh.text(secret=True)})
    frame = pd.DataFrame({"text": [f"s3cret {number}" for number in range(4)]})
    frame.index = pd.Index([f"row of {text}" for text in frame["text"]])
    batch = fh.batch(_parted(frame, 2), dep, client=Counting().hive.client(), progress=False)
    found = batch.frame.compute()
    assert found["row"].tolist() == [0, 1, 2, 3]
    assert "s3cret" not in found.drop(columns="output").to_string()


def test_what_cannot_be_meant_over_partitions_is_told() -> None:
    """With the cure, before anything is called."""
    counting = Counting()
    client = counting.hive.client()
    for given, words in (({"sample": 3}, "rows.sample"), ({"delivery": "callback"}, "delivery='callback'")):
        with pytest.raises(fh.SettingsError, match=words):
            fh.batch(_parted(texts(4), 2), "shout", variants="loud", client=client, progress=False, **given)
    with pytest.raises(fh.SettingsError, match=r"distributed\.Client"):
        fh.batch(texts(4), "shout", variants="loud", client=client, progress=False, dask="tcp://nowhere:1")
    with pytest.raises(fh.SettingsError, match="^parts= .*dask="):
        fh.batch(texts(4), "shout", variants="loud", client=client, progress=False, parts="somewhere")
    assert counting.calls == 0


def test_a_column_that_was_added_or_changed_stands_beside_the_kept_answers() -> None:
    """The same jobs under other rows: nothing is called, and the table is that of the rows as they are now."""
    counting = Counting()
    asked: dict[str, Any] = {"variants": "loud", "client": counting.hive.client(), "progress": False}
    asked |= {"inputs": {"text": "text"}}
    frame = texts(8)
    fh.batch(_parted(frame, 2), "shout", **asked)
    for expected in ([str(i) for i in range(8)], [f"new {i}" for i in range(8)]):
        batch = fh.batch(_parted(frame.assign(status="mine", expected_output=expected), 2), "shout", **asked)
        computed = batch.frame.compute()
        assert computed["expected_output"].tolist() == expected
        assert computed["in.status"].tolist() == ["mine"] * 8
        assert batch.counts.calls == 0
    assert counting.calls == 8


def test_frames_as_dask_makes_them() -> None:
    """Empty partitions, unknown divisions, labels that come twice, categories that are known by partition only."""
    counting = Counting()
    asked: dict[str, Any] = {"variants": "loud", "client": counting.hive.client(), "progress": False}
    asked |= {"inputs": {"text": "text"}}
    frame = texts(8).assign(k=range(8), kind=list("aabbccdd"))
    none = fh.batch(_parted(frame, 4).query("k > 100"), "shout", **asked)
    assert (none.counts.planned, len(none.frame)) == (0, 0)
    some = fh.batch(_parted(frame, 4).query("k > 4"), "shout", **asked)
    assert some.frame["row"].compute().tolist() == [5, 6, 7]
    late = fh.batch(_parted(frame, 3).assign(kind=lambda d: d["kind"].astype("category")), "shout", **asked)
    assert late.frame["kind"].compute().tolist() == list("aabbccdd")
    twice = dask.from_pandas(frame.set_axis([1, 1, 2, 2, 3, 3, 4, 4]), npartitions=2, sort=False).clear_divisions()
    assert fh.batch(twice, "shout", **asked).frame["row"].compute().tolist() == list(range(8))
    assert counting.calls == 8  # of other jobs it is another batch, which takes their answers


def test_rows_that_change_each_time_they_are_computed_are_told_before_a_call() -> None:
    """Their answers would be paid for, and never found again."""
    counting, made = Counting(), iter(range(1_000))
    rows = dask.from_map(lambda _: pd.DataFrame({"text": [f"t{next(made)}"]}), [0, 1], meta=texts(1))
    with pytest.raises(fh.SettingsError, match=r"ddf\.persist"):
        fh.batch(rows, "shout", variants="loud", client=counting.hive.client(), progress=False)
    assert counting.calls == 0


def test_what_another_attempt_merged_meanwhile_is_not_called_again(tmp_path: Any) -> None:
    """A worker that has lost its notebook may merge its part when the next one has looked already."""
    counting = Counting()
    client = counting.hive.client()
    asked: dict[str, Any] = {"variants": "loud", "client": client, "progress": False, "name": "x", "parts": tmp_path}
    first = fh.batch(_parted(texts(8), 2), "shout", **asked)
    parts = sorted(path for path in tmp_path.rglob("*.parquet"))
    away = [path.rename(path.with_suffix(".away")) for path in parts]
    late = fh.batch(_parted(texts(8), 2), "shout", **asked, max_calls=0)
    assert late.counts.pending == 8
    for path in away:
        path.rename(path.with_suffix(".parquet"))
    late.resume()
    assert (late.counts.done, counting.calls) == (8, 8)
    assert len(first.frame) == 8


def test_what_a_batch_over_partitions_cannot_show_is_told() -> None:
    """With what can be shown; and whatever else of Dask is no table of rows."""
    counting = Counting()
    rows = _parted(texts(4), 2)
    asked: dict[str, Any] = {"variants": "loud", "client": counting.hive.client(), "progress": False}
    batch = fh.batch(rows, "shout", **asked)
    assert type(batch) is fh.Batch
    assert batch.is_partitioned
    assert not fh.batch([], "shout", **asked).is_partitioned
    compared = fh.compare(batch)
    for show in (batch.browse, compared.browse, compared.wide, compared.diff, compared.plot, compared.rate):
        with pytest.raises(fh.SettingsError, match=r"partitions\[0\]"):
            show()
    for other in (rows["text"], rows.to_delayed()[0], rows.to_dask_array()):
        with pytest.raises(fh.InputError, match=r"dask\.dataframe"):
            fh.batch(other, "shout", **asked)
    assert counting.calls == 4


def test_a_name_stands_for_the_deployments_it_was_begun_with() -> None:
    """As on one machine: another deployment is refused before any call, with the cure."""
    counting = Counting()

    @counting.hive.workflow("whisper", variant="loud")
    def whisper(text: str) -> str:
        return text.lower()

    asked: dict[str, Any] = {"variants": "loud", "client": counting.hive.client(), "progress": False, "name": "june"}
    rows = _parted(texts(4), 2)
    fh.batch(rows, "shout", **asked)
    with pytest.raises(fh.InputError, match=r"'june' .*'shout'.*'whisper'.* name="):
        fh.batch(rows, "whisper", **asked)
    assert fh.batch(rows, "shout", **asked).counts.calls == 0


def _runs() -> int:
    return sum(isinstance(thing, fh.Run) for thing in gc.get_objects())


@pytest.mark.long
def test_nothing_of_a_partition_is_held_once_it_is_merged() -> None:
    """Also before the collector comes: a worker's memory is that of the partitions that it runs."""
    counting = Counting()
    gc.collect()
    before = _runs()
    gc.disable()
    try:
        batch = fh.batch(
            _parted(texts(300), 3), "shout", variants="loud", client=counting.hive.client(), progress=False
        )
        held = _runs() - before
    finally:
        gc.enable()
    assert batch.counts.done == 300
    assert held < 100


async def _awaited(counting: Counting) -> Any:
    return await fh.abatch(
        _parted(texts(8), 2), "shout", variants="loud", client=counting.hive.client(), progress=False, rate=200
    )


def test_it_can_be_awaited_and_paced() -> None:
    """From a running loop; a rate holds over all partitions."""
    import asyncio

    counting = Counting()
    batch = asyncio.run(_awaited(counting))
    assert batch.counts.done == 8
    assert max(counting.times) - min(counting.times) >= 7 / 200 - 0.02


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have owners elsewhere")
def test_answers_are_put_into_no_folder_that_somebody_else_has_laid_out(tmp_path: Any) -> None:
    """The folder's name in the machine's /tmp can be told beforehand: a link that leads elsewhere is refused."""
    counting = Counting()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"fh-notebook-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(fh.SettingsError, match=rf"\bfh-notebook-{os.getuid()}\b.*\bTMPDIR\b"):
        fh.batch(_parted(texts(4), 2), "shout", variants="loud", client=counting.hive.client(), progress=False)
    assert counting.calls == 0
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_key_is_not_in_the_parts_or_the_store(tmp_path: Any) -> None:
    """Answers lie in files of their owner's alone; no key is in them."""
    counting = Counting()
    batch = fh.batch(
        _parted(texts(6), 2), "shout", variants="loud", client=counting.hive.client(), progress=False, parts=tmp_path
    )
    files = sorted(tmp_path.rglob("*.parquet"))
    assert len(files) == 2
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    everything = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert KEY.encode() not in everything
    assert batch.counts.done == 6


@pytest.mark.parametrize("partitions", [1, 10])
def test_a_misspelt_name_stops_all_partitions(partitions: int) -> None:
    """After a few calls over all of them; the rows are pending, and the known variant of two is called to the end."""
    counting = Counting()
    target = fh.Deployment("shout", inputs={"text": fh.text()})
    asked: dict[str, Any] = {"client": counting.hive.client(), "max_concurrency": 1, "progress": False}
    batch = fh.batch(_parted(texts(40), partitions), target, variants="luod", **asked)
    assert batch.counts.pending == 40
    assert batch.counts.calls <= 6
    assert batch.stopped is not None
    assert batch.stopped.reason == "unknown_name"
    assert " shout/luod (404, Variant not found" in batch.stopped.message
    both = fh.batch(_parted(texts(40), partitions), target, variants=["loud", "luod"], **asked)
    assert (both.counts.done, both.counts.failed, both.counts.pending) == (40, 0, 40)
    assert both.counts.calls <= 46
    assert both.stopped is not None
    assert both.stopped.reason == "unknown_name"
    assert " shout/luod" in both.summary()


def test_rows_whose_tools_wait_are_listed_and_are_not_called_again() -> None:
    """Also while other rows are called, and of partitions that lie in files; the outcome is at the service."""
    hive, is_out, may_end = LocalHive(), threading.Event(), threading.Event()

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    async def refund(text: str) -> str:
        if text == "t2":
            is_out.set()
            await asyncio.to_thread(may_end.wait, PATIENCE_S)
            return "late"
        return "paid" if (await aask_human(f"Refund {text}?", tool="payments")).approved else "refused"

    client = hive.client()
    batch = fh.batch(_parted(texts(3), 3), "refund", variants="v", client=client, progress=False, wait=False)
    assert is_out.wait(PATIENCE_S)
    until(lambda: len(batch.approvals()) == 2)
    may_end.set()
    batch.wait()
    computed = batch.frame.compute()
    waiting = computed[computed["status"] == "awaiting_approval"]
    assert waiting["error"].str.contains("batch.approvals()", regex=False).all()
    how = "client.retrieve(request_id)"
    opened = fh.open_batch(batch.name, client=client)
    session.store().database.put(lambda c: c.execute("UPDATE parts SET waiting = 0")).result()  # as before migration 13
    for one in (batch, opened, fh.open_batch(batch.name, client=client)):
        assert (one.counts.waiting, one.counts.unknown, "retry_unknown" in one.summary()) == (2, 2, False)
        assert re.search(rf"\b2 [^(]*\(batch\.approvals\(\) [^)]*{re.escape(how)}", one.summary())
    again = fh.batch(_parted(texts(3), 3), "refund", variants="v", client=client, dry_run=True).plan()
    assert (again.waiting, again.unknown, again.calls, how in str(again)) == (2, 0, 0, True)
    batch.resume(retry_unknown=True)
    assert hive.counts.calls == 3, "whoever allows it would act twice"
    with pytest.raises(fh.SettingsError, match=r"client\.retrieve"):
        batch.resolve_unknown()
    for approval in batch.approvals():
        approval.decide("allow_once")
    assert hive.wait_idle()
    assert [client.retrieve(request_id).output for request_id in waiting["request_id"]] == ["paid", "paid"]
    assert len(batch.approvals()) == 0


def test_a_row_that_waits_for_a_person_says_what_brings_its_outcome() -> None:
    """Nobody decides it here, so no list is named."""
    said = {"request_id": "req_1", "run_status": "awaiting_approval", "waiting_for": "finance", "question": "Refund?"}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=said))
    client = fh.Client(api_key="fhk_0123456789abcdef", base_url="https://api.test/v1", transport=transport)
    batch = fh.batch(_parted(texts(1), 1), "refund", variants="v", client=client, progress=False)
    (told,) = batch.frame.compute()["error"]
    assert re.search(r"\(\w+ client\.retrieve\(request_id\) [^)]*\): finance: Refund\? \(request req_1\)$", told)
    assert "approvals()" not in told


def test_an_error_has_the_advice_of_the_services_catalogue(tmp_path: Any) -> None:
    """In the table, the text and the page, also of a batch that is opened again; a part of before has none."""
    import pyarrow.parquet as pq

    url, action = "https://api.test/v1", "Choose <b>another</b>."
    cache = ErrorCatalogCache(url)
    cache.keep(json.dumps({"codes": [{"code": "model_deprecated", "client_action": action}]}).encode())
    refusing = httpx.MockTransport(
        lambda request: httpx.Response(422, json={"error": "It is gone.", "error_code": "model_deprecated"})
    )
    made = fh.AsyncClient(api_key=KEY, base_url=url, transport=refusing)
    client = fh.Client.over(fh.AsyncClient.over(replace(made.connection, error_catalog=cache)))
    fh.batch(_parted(texts(2), 2), "d", variants="v", client=client, name="gone", progress=False, parts=tmp_path)
    batch = fh.open_batch("gone", client=client)
    assert batch.frame["client_action"].compute().tolist() == [action] * 2
    assert [outcome.run.client_action for _, outcome, _ in batch.entries() if outcome] == [action] * 2
    assert action in repr(batch)
    assert "Choose &lt;b&gt;another" in batch._repr_html_()
    for path in tmp_path.rglob("*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(["client_action"]), path)
    assert batch.frame["client_action"].compute().isna().all()
    asked: dict[str, Any] = {"variants": "v", "client": client, "name": "gone", "progress": False, "parts": tmp_path}
    recut = fh.batch(_parted(texts(2), 1), "d", **asked)
    assert (recut.counts.calls, recut.frame["error"].compute().tolist()) == (0, ["It is gone."] * 2)
    for path in tmp_path.rglob("*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(["error"]), path)
    with pytest.raises(KeyError, match="error"):  # which no version left out
        recut.frame.compute()
