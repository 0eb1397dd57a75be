"""Batches whose answers come by callback or polling: every row once, whatever is lost, doubled, killed or paused."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.batching.api import start_batch
from fh_notebook.batching.execution.delivery import CallbackDelivery
from fh_notebook.batching.model import FAILED, UNKNOWN, OutputArrived, open_reason
from fh_notebook.batching.options import BatchOptions
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.batching.progress.state import ProgressState
from fh_notebook.cli.batch import exit_code
from fh_notebook.client import polling
from fh_notebook.client.clients import AsyncClient
from fh_notebook.contract.run import Run
from fh_notebook.core.text.messages import CELL, COMMAND, Audience
from fh_notebook.local import LocalHive, aask_human
from fh_notebook.session import session
from tests.client.callbacks.senders import KEY, PATIENCE_S, SECRET, Held, deliver, event, signed, until
from tests.kernel import Kernel
from tests.ports import free_port
from tests.told import facts, tells


class Counting:
    """A hive whose ``shout`` counts what ran; ``refund`` waits for finance above 100."""

    def __init__(self, **options: Any) -> None:
        self.hive = LocalHive(**options)
        self.ran: Counter[str] = Counter()

        @self.hive.workflow("shout", variant="v")
        async def shout(text: str) -> str:
            self.ran[text] += 1
            await asyncio.sleep(0.002)
            if text.startswith("bad"):
                raise RuntimeError("cannot shout")
            return text.upper()

        @self.hive.workflow("mixed", variant="direct")
        async def direct(text: str) -> str:
            self.ran[text] += 1
            return text.upper()

        @self.hive.workflow("mixed", variant="paused", human="finance")
        async def paused(text: str) -> bool:
            self.ran[text] += 1
            return (await aask_human(f"{text}?")).approved


def _rows(number: int) -> list[dict[str, str]]:
    return [{"text": f"t{i}"} for i in range(number)]


def _batch(counting: Counting, number: int = 30, **how: Any) -> fh.Batch:
    return fh.batch(_rows(number), "shout", client=counting.hive.client(), progress=False, **how)


def _complete(batch: fh.Batch, counting: Counting, number: int) -> None:
    assert (batch.counts.done, batch.counts.planned) == (number, number)
    assert batch.frame["output"].tolist() == [f"T{i}" for i in range(number)]
    assert counting.ran == Counter({f"t{i}": 1 for i in range(number)})
    assert len(fh.pending()) == 0


@pytest.mark.parametrize("spelling", ["docs", "sdk"])
def test_by_callback_every_row_comes_once(spelling: str) -> None:
    """In both spellings; kept like any batch: the same cell again calls nothing."""
    counting = Counting(spelling=spelling)
    with fh.CallbackReceiver(secrets=counting.hive.webhook_secret("shout")) as receiver:
        batch = _batch(counting, delivery="callback", receiver=receiver)
        _complete(batch, counting, 30)
        assert batch.counts.calls == 30
        assert receiver.tally.verified == 30
        again = _batch(counting, delivery="callback", receiver=receiver)
    assert (again.counts.reused, sum(counting.ran.values())) == (30, 30)


def test_by_callback_the_cap_refuses_nothing() -> None:
    """The service queues what is over it; many more than the cap are out."""
    counting = Counting(concurrency=2)
    batch = _batch(counting, 60, delivery="callback", max_concurrency=40)
    _complete(batch, counting, 60)
    assert (counting.hive.refused, counting.hive.peak_in_flight) == (0, 2)


def test_by_polling_every_row_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no callback can come; look-ups are counted with each run, and calls are the requests to run."""
    monkeypatch.setattr(polling, "FIRST_S", 0.05)
    monkeypatch.setattr(polling, "EVERY_S", 0.002)
    counting = Counting()
    batch = _batch(counting, 12, delivery="poll")
    _complete(batch, counting, 12)
    assert batch.counts.calls == 12
    assert batch.frame["attempts"].min() >= 2
    assert not session.receiver().running


@pytest.mark.parametrize(("refused", "status"), [(2, "completed"), (3, "unknown")])
def test_look_ups_that_are_refused_end_only_the_third_time_and_the_run_can_be_asked_for(
    refused: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row keeps its id and says what asks again: it was paid for."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    monkeypatch.setattr(polling, "LONGEST_S", 0.05)
    counting = Counting()
    counting.hive.fail_next(refused, status=403, on="retrieve")
    batch = _batch(counting, 1, delivery="poll")
    assert batch.frame["status"].tolist() == [status]
    if status == "unknown":
        row = batch.frame.iloc[0]
        assert row["request_id"].startswith("req_")
        assert (row["error_code"], "batch.resolve_unknown()" in row["error"]) == ("look_up_refused", True)
        batch.resolve_unknown()
    _complete(batch, counting, 1)


def test_look_ups_stop_at_the_services_own_daily_cap(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As at the configured one: a batch that waits for them alone ends, and its rows say what asks later."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    held = Held(daily_cap=5)
    client = held.hive.client()
    batch = fh.batch(_rows(4), "held", client=client, progress=False, delivery="poll")
    assert batch.frame["error_code"].tolist() == ["look_ups_capped"] * 4
    assert batch.frame["request_id"].notna().all()
    told = "".join(capsys.readouterr())
    assert tells(told, "00:00 UTC", "batch.resolve_unknown()")
    assert "pending." not in told
    assert (batch.counts.capped, exit_code(batch)) == (4, 3)  # of a command: a limit, and no failed rows
    held.let_go(4)


def test_look_ups_stop_at_the_configured_cap_and_the_runs_can_be_waited_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows say so, and nothing is submitted twice."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    monkeypatch.setattr(polling, "EVERY_S", 0.002)
    hive = LocalHive(name="lasting")

    @hive.workflow("shout", variant="v", human="finance")
    async def shout(text: str) -> str:
        return text.upper() if (await aask_human(f"{text}?")).approved else ""

    fh.configure(daily_cap=6)
    client = hive.client()
    batch = fh.batch(_rows(2), "shout", client=client, progress=False, delivery="poll", name="capped")
    assert batch.frame["error_code"].tolist() == ["look_ups_capped"] * 2
    assert tells(batch.frame["error"][0], "00:00 UTC")
    store = session.store()
    assert store is not None
    used = store.requests.on_day(client.workspace, datetime.now(UTC))
    assert used == 6
    assert set(fh.pending()["waits_in"]) == {"nobody"}
    for approval in hive.approvals:
        hive.decide(approval.request_id, approve=True)
    assert hive.wait_idle()
    fh.configure(daily_cap=100)
    again = fh.batch(_rows(2), "shout", client=client, progress=False, delivery="poll", name="capped")
    assert again.frame["output"].tolist() == ["T0", "T1"]
    assert hive.counts.calls == 2
    batch.resolve_unknown()
    assert batch.frame["output"].tolist() == ["T0", "T1"]


@pytest.mark.long
def test_a_row_that_is_retrieved_by_its_request_id_has_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the store, as the run of a single call: whoever opens the batch has it, and an open one looks up the rest."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    held = Held()
    client = held.hive.client()
    fh.configure(daily_cap=5)
    batch = fh.batch(_rows(2), "held", client=client, progress=False, delivery="poll", name="capped")
    assert batch.frame["error_code"].tolist() == ["look_ups_capped"] * 2
    held.let_go(2)
    assert held.hive.wait_idle()
    assert client.retrieve(batch.frame["request_id"][0]).output == "T0"
    opened = fh.open_batch("capped", client=client)
    assert (opened.counts.done, len(fh.pending())) == (1, 1)
    assert opened.frame["output"][0] == "T0"
    looked_up: list[str | None] = []
    look_up = AsyncClient.look_up

    async def noting(client: AsyncClient, request_id: str | None, run_id: str | None) -> Run:
        looked_up.append(request_id)
        return await look_up(client, request_id, run_id)

    monkeypatch.setattr(AsyncClient, "look_up", noting)
    batch.resolve_unknown()
    assert looked_up == [batch.frame["request_id"][1]]
    assert batch.frame["output"].tolist() == ["T0", "T1"]
    assert (batch.counts.done, batch.counts.unknown) == (2, 0)


def test_runs_whose_output_no_look_up_brings_are_done_and_called_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row says where to look, and the same cell again calls nothing."""
    monkeypatch.setattr(polling, "FIRST_S", 0.05)
    monkeypatch.setattr(polling, "EVERY_S", 0.002)
    counting = Counting(name="lasting", retrieves_output=False)
    for _ in range(2):
        batch = _batch(counting, 3, delivery="poll")
        assert (batch.counts.done, batch.counts.failed, batch.counts.unknown) == (3, 0, 0)
        assert batch.frame["error_code"].tolist() == ["output_not_retrieved"] * 3
        assert all(tells(row.error, row.request_id) for row in batch.frame.itertuples())
        assert fh.compare(batch, score=lambda run: 1.0).wide()["v.score"].isna().tolist() == [True] * 3
    assert counting.ran == Counter({f"t{i}": 1 for i in range(3)})
    assert counting.hive.counts.calls == 3


@contextmanager
def _without_output(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[fh.CallbackReceiver, fh.Client]]:
    """Give a client of a service whose look-ups never have an output."""
    monkeypatch.setattr(polling, "FIRST_BESIDE_RECEIVER_S", 0.01)
    monkeypatch.setattr(polling, "EVERY_S", 0.002)
    numbers = count()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"request_id": f"req_{next(numbers)}", "run_status": "running"})
        return httpx.Response(200, json={"status": "completed"})

    transport = httpx.MockTransport(answer)
    with (
        fh.CallbackReceiver(secrets=SECRET, public_url="https://hooks.example.com") as receiver,
        fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=transport) as client,
    ):
        yield receiver, client


@pytest.mark.long
def test_a_late_output_leaves_a_newer_answer_and_is_held_where_it_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One row has got another outcome meanwhile; the stored answers of the others are gone."""
    rows = [*_rows(2), *_rows(2)[1:]]
    with _without_output(monkeypatch) as (receiver, client):
        options: dict[str, Any] = {"variants": "v", "client": client, "progress": False}
        batch = fh.batch(rows, "shout", delivery="callback", receiver=receiver, **options)
        ids = batch.frame["request_id"].tolist()
        newer = fh.Run(status="failed", error="newer")
        outcomes = batch._control.work.outcomes
        outcomes.put(0, FAILED, run=newer)
        store = session.store()
        assert store is not None
        store.database.put(lambda c: c.execute("DELETE FROM answers").rowcount).result()
        for request_id in dict.fromkeys(ids):
            body = event(request_id, "late")
            assert deliver(receiver, body, signed(body)) == 200
        until(lambda: outcomes.run(2) is not None)
        assert batch.frame["output"].tolist()[1:] == ["late", "late"]
        assert (outcomes.run(0), outcomes.kind(0), outcomes.line(1)) == (newer, FAILED, 0)
    assert [record.levelname for record in caplog.records if record.name == "fh_notebook"] == ["WARNING"]


@pytest.mark.long
def test_callbacks_that_come_after_look_ups_without_output_bring_it_into_the_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also after the batch has ended, and in the store: nothing is called again for them; a listener is told."""
    rows = [*_rows(2), *_rows(1)]  # two rows that share a call
    arrived: list[OutputArrived] = []

    def note(event: object) -> None:
        if isinstance(event, OutputArrived):
            arrived.append(event)

    with _without_output(monkeypatch) as (receiver, client):
        options: dict[str, Any] = {"name": "late", "variants": "v", "client": client, "progress": False}
        batch = fh.batch(rows, "shout", delivery="callback", receiver=receiver, on_event=note, **options)
        assert batch.frame["error_code"].tolist() == ["output_not_retrieved"] * 3
        for row in batch.frame.drop_duplicates("request_id").itertuples():
            body = event(row.request_id, row.text.upper())
            assert deliver(receiver, body, signed(body)) == 200
        until(lambda: batch.frame["output"].tolist() == ["T0", "T1", "T0"])
        assert batch.frame["error_code"].isna().all()
        until(lambda: len(arrived) == 2)
        assert sorted((event.job.row, event.run.output) for event in arrived) == [(0, "T0"), (1, "T1")]
        assert all(event.line for event in arrived)
        assert (batch.counts.done, batch.counts.calls, receiver.tally.repeated) == (3, 2, 0)
        assert fh.open_batch("late", client=client).frame["output"].tolist() == ["T0", "T1", "T0"]
        assert fh.batch(rows, "shout", **options).counts.calls == 0


def test_a_run_that_fails_is_a_row_and_a_refusal_too() -> None:
    """As in a direct batch."""
    counting = Counting()
    rows = [{"text": "bad one"}, {"text": "good"}]
    batch = fh.batch(rows, "shout", client=counting.hive.client(), progress=False, delivery="callback")
    assert batch.frame["status"].tolist() == ["failed", "completed"]
    assert "cannot shout" in batch.failures["error"].iloc[0]
    capped = Counting(daily_cap=1)
    stopped = _batch(capped, 3, delivery="callback", max_concurrency=1)
    assert (stopped.counts.done, stopped.counts.pending) == (1, 2)
    assert stopped.stopped is not None
    assert stopped.stopped.reason == "daily_cap"
    assert stopped.counts.refused == 1
    assert tells(stopped.summary(), "1 request")


def test_lost_callbacks_are_found_by_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service signs with a secret that nobody was told: all are refused, and no row is lost."""
    monkeypatch.setattr(polling, "FIRST_BESIDE_RECEIVER_S", 0.05)
    monkeypatch.setattr(polling, "EVERY_S", 0.002)
    counting = Counting(spelling="sdk", callback_backoff_s=())
    with fh.CallbackReceiver(secrets="another secret") as receiver:
        batch = _batch(counting, 10, delivery="callback", receiver=receiver)
        _complete(batch, counting, 10)
        assert receiver.tally.verified == 0
        assert receiver.tally.forged >= 1


@pytest.mark.long
def test_a_receiver_that_comes_and_goes_loses_nothing() -> None:
    """Deliveries are tried again; those that came twice are counted once."""
    counting = Counting(callback_backoff_s=(0.02,) * 200)
    over = threading.Event()
    with counting.hive, fh.CallbackReceiver(port=free_port()) as receiver:  # which would try deliveries after the test

        def trouble() -> None:
            while not over.wait(0.03):
                receiver.stop()
                over.wait(0.02)
                receiver.start()

        thread = threading.Thread(target=trouble)
        thread.start()
        try:
            batch = _batch(counting, 150, delivery="callback", receiver=receiver, max_concurrency=20)
        finally:
            over.set()
            thread.join()
        _complete(batch, counting, 150)


def test_a_direct_batch_has_the_clients_own_attempt() -> None:
    """Nothing of callbacks is on its way: no wrapper, no receiver."""
    client = Counting().hive.client()
    store = session.store()
    assert store is not None
    deliver = CallbackDelivery("direct", receiver=None, client=client.aclient, stored=StoredBatch(store))
    assert asyncio.run(deliver.ready()) == client.aclient.attempt
    assert deliver.limiter(client.limiter, None) is client.limiter
    assert not session.receiver().running


def test_a_cancelled_batch_goes_on_without_calling_anything_twice() -> None:
    """What was out is unknown then, and its outcomes are taken when the batch goes on."""
    event = threading.Event()
    hive, ran = LocalHive(), Counter[str]()

    @hive.workflow("held", variant="v")
    def held(text: str) -> str:
        ran[text] += 1
        assert event.wait(PATIENCE_S)
        return text.upper()

    how: dict[str, Any] = {"client": hive.client(), "progress": False, "delivery": "callback"}
    batch = fh.batch(_rows(6), "held", wait=False, **how)
    until(lambda: len(hive.calls) == 6 and sum(ran.values()) == 6)
    until(lambda: len(fh.pending()) == 6)
    batch.cancel()
    batch.wait()
    assert batch.counts.unknown == 6
    until(lambda: set(fh.pending()["waits_in"]) == {"nobody"})
    event.set()
    again = fh.batch(_rows(6), "held", **how)
    assert again.counts.done == 6
    assert again.frame["output"].tolist() == [f"T{i}" for i in range(6)]
    assert set(ran.values()) == {1}
    assert len(fh.pending()) == 0


@pytest.mark.long
def test_reattach_keeps_the_outcomes_as_the_batchs_own() -> None:
    """`fh.reattach(batch=...)`, then the cell again: all reused, even of a direct batch of the same name."""
    event = threading.Event()
    hive, ran = LocalHive(), Counter[str]()

    @hive.workflow("held", variant="v")
    def held(text: str) -> str:
        ran[text] += 1
        assert event.wait(PATIENCE_S)
        return text.upper()

    client = hive.client()
    batch = fh.batch(_rows(3), "held", client=client, progress=False, delivery="callback", wait=False, name="n")
    until(lambda: len(fh.pending()) == 3)
    batch.cancel()
    batch.wait()
    event.set()
    runs = fh.reattach(client=client, batch="n")
    assert sorted(run.wait(20).output for run in runs) == ["T0", "T1", "T2"]
    direct = fh.batch(_rows(3), "held", client=client, progress=False, name="n")
    assert (direct.counts.reused, direct.counts.calls, set(ran.values())) == (3, 0, {1})


BATCH = """
import fh_notebook as fh
from fh_notebook.client import polling
polling.FIRST_BESIDE_RECEIVER_S = 1.0  # who begins to wait after the callback does not hear it
hive = fh.Client(base_url={url!r}, api_key={key!r})
rows = [{{"text": f"t{{i}}"}} for i in range(20)]
print("begun", flush=True)
batch = fh.batch(rows, "held", variants="v", client=hive, delivery={delivery!r}, progress=False)
print(batch.counts, batch.frame["output"].tolist() == [f"T{{i}}" for i in range(20)], len(fh.pending()))
"""


@pytest.mark.long
@pytest.mark.parametrize("second", ["callback", "direct"])
def test_after_a_kill_the_same_cell_waits_for_what_was_submitted(tmp_path: Path, second: str) -> None:
    """A real kernel, killed with twenty runs out: the next one calls none of them again, however it would deliver."""
    go, hive, ran = threading.Semaphore(0), LocalHive(api_key=KEY), Counter[str]()

    @hive.workflow("held", variant="v")
    def held(text: str) -> str:
        ran[text] += 1
        assert go.acquire(timeout=PATIENCE_S)
        return text.upper()

    with hive.serve() as server:
        names = {"url": server.url, "key": KEY}
        with Kernel(tmp_path) as first:
            first.send(BATCH.format(**names, delivery="callback"))
            until(lambda: sum(ran.values()) == 20)
            fh.configure(store=tmp_path / "store.sqlite3")
            until(lambda: len(fh.pending()) == 20)
            first.process.kill()
            first.process.wait()
        go.release(100)
        with Kernel(tmp_path) as kernel:
            told = kernel.run(BATCH.format(**names, delivery=second))
    assert "done=20" in told, told
    assert "True 0" in told
    assert set(ran.values()) == {1}


def test_what_cannot_be_meant_is_told_before_any_call() -> None:
    """An unknown way; a receiver for a way that has none; callbacks that cannot come."""
    counting = Counting()
    with pytest.raises(fh.SettingsError, match="delivery is 'mail'"):
        _batch(counting, delivery="mail")
    with pytest.raises(fh.SettingsError, match=facts("delivery='callback'")):
        _batch(counting, delivery="direct", receiver=fh.CallbackReceiver())
    remote = fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=counting.hive.transport())
    with pytest.raises(fh.SettingsError, match=facts("fh.CallbackReceiver(public_url=...)", "delivery='poll'")):
        fh.batch(_rows(1), "shout", variants="v", client=remote, progress=False, delivery="callback")
    assert not counting.ran


@pytest.mark.long
def test_a_thousand_runs_two_hundred_in_flight() -> None:
    """None lost, none doubled."""
    counting = Counting(latency_s=0.1)
    batch = _batch(counting, 1_000, delivery="callback", max_concurrency=200)
    _complete(batch, counting, 1_000)
    assert counting.hive.peak_in_flight <= 200


def test_rows_whose_tool_waits_say_so_and_are_resolved_after_the_decisions(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them are in one list; nothing is called again for their answers.

    A single look-up that is refused with 403 leaves its own row unknown, and only three in a row end the looking up.
    """
    hive = LocalHive()

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    async def refund(text: str) -> str:
        return "paid" if (await aask_human(f"Refund {text}?", tool="payments")).approved else "refused"

    client = hive.client()
    batch = fh.batch(_rows(3), "refund", variants="v", client=client, progress=False)
    assert (batch.counts.unknown, batch.counts.calls) == (3, 3)
    assert set(batch.frame["status"]) == {"awaiting_approval"}
    assert batch.frame["error"].str.contains("batch.approvals()", regex=False).all()
    assert (tells(batch.summary(), "3", "batch.approvals()"), "retry_unknown" in batch.summary()) == (True, False)
    again = fh.batch(_rows(3), "refund", variants="v", client=client, progress=False, dry_run=True).plan()
    assert (again.waiting, again.unknown) == (3, 0)
    capped = json.dumps({"error": "x", "error_code": "api_rate_limit_exceeded"}).encode()
    hive.fail_next(1, status=429, body=capped, on="retrieve")
    for cure in ("batch.resolve_unknown()", "batch.approvals()"):
        batch.resolve_unknown()
        told = "".join(capsys.readouterr())
        assert (tells(told, "3", cure), "retry_unknown" in told) == (True, False)
    approvals = client.approvals()
    assert len(approvals) == 3
    for approval in approvals:
        approval.decide("deny")
    assert hive.wait_idle()
    hive.fail_next(3, status=403, on="retrieve")
    with pytest.raises(fh.AuthError):
        batch.resolve_unknown()
    assert batch.counts.unknown == 3
    hive.fail_next(1, status=403, on="retrieve")
    batch.resolve_unknown()
    assert (batch.counts.done, batch.counts.unknown) == (2, 1)
    batch.resolve_unknown()
    assert list(batch.frame["output"]) == ["refused"] * 3
    assert hive.counts.calls == 3


@pytest.mark.parametrize("way", ["resume", "again", "another name", "unsaved"])
def test_a_row_that_waits_is_not_called_again_with_those_that_are_lost(way: str) -> None:
    """Whoever allows it twice would have it act twice; what the service may have lost is called."""
    hive, ran = LocalHive(), Counter[str]()

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    async def refund(text: str) -> str:
        ran[text] += 1
        return "paid" if (await aask_human(f"Refund {text}?", tool="payments")).approved else "refused"

    how: dict[str, Any] = {"variants": "v", "client": hive.client(), "progress": False}
    hive.fail_next(1, status=500)
    batch = fh.batch(_rows(3), "refund", name="first", max_concurrency=1, **how)
    assert (batch.counts.unknown, batch.counts.waiting, ran) == (3, 2, {"t1": 1, "t2": 1})
    if way == "unsaved":
        outcomes = batch._control.work.outcomes
        for number, run in enumerate([outcome.run for _, outcome, _ in batch.entries() if outcome]):
            outcomes.put(number, UNKNOWN, run=run, goes_on=open_reason(run))
        store = session.store()
        assert store is not None
        store.database.put(lambda c: c.execute("DELETE FROM answers").rowcount).result()
    if way in ("resume", "unsaved"):
        batch.resume(retry_unknown=True)
    else:
        name, reuse = ("first", "batch") if way == "again" else ("second", "store")
        batch = fh.batch(_rows(3), "refund", name=name, reuse=reuse, retry_unknown=True, **how)
    assert (batch.counts.waiting, batch.plan().calls, ran) == (3, 1, {"t0": 1, "t1": 1, "t2": 1})
    hive.fail_next(3, status=404, on="retrieve")  # the service no longer knows them, which does not say that they ended
    batch.resolve_unknown().resume(retry_unknown=True)
    assert (len(hive.approvals), ran.total()) == (3, 3)
    fh.batch(_rows(3), "refund", name="first", fresh=True, **how)
    assert ran == {"t0": 2, "t1": 2, "t2": 2}, "only this calls all of them"


@pytest.mark.parametrize(
    ("delivery", "way"),
    [("poll", "cell"), ("callback", "cell"), ("poll", "resume"), ("callback", "retry_unknown"), ("poll", "opened")],
)
def test_a_run_that_has_not_ended_when_its_batch_is_cancelled_is_not_lost(
    delivery: str, way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told from what is lost, with what costs no call; the next start waits for it, whatever starts it.

    One that waits for a decision is counted apart.
    """
    for pause in ("FIRST_S", "FIRST_BESIDE_RECEIVER_S"):
        monkeypatch.setattr(polling, pause, 0.01)
    hive, is_out, may_end = LocalHive(), threading.Event(), threading.Event()

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    async def refund(text: str) -> str:
        if text == "t2":
            is_out.set()
            await asyncio.to_thread(may_end.wait, PATIENCE_S)
            return "late"
        return "paid" if (await aask_human(f"Refund {text}?", tool="payments")).approved else "refused"

    how: dict[str, Any] = {"client": hive.client(), "variants": "v", "delivery": delivery, "progress": False}
    batch = fh.batch(_rows(3), "refund", wait=False, **how)
    until(lambda: len(batch._control.status.waiting_runs()) == 2)
    assert is_out.wait(PATIENCE_S)
    batch.cancel().wait()
    assert batch.frame["status"].tolist() == ["awaiting_approval", "awaiting_approval", "unknown"]
    assert batch.frame["error"].str.contains("batch.approvals()", regex=False).tolist() == [True, True, False]
    assert (batch.counts.waiting, batch.counts.unknown, len(batch.approvals())) == (2, 3, 2)
    ask = "batch.resolve_unknown()"
    assert tells(batch.frame["error"][2], ask)
    assert tells(batch.summary(), "1", ask, "2")
    page = batch._repr_html_()
    assert (ask in page, "retry_unknown" in page) == (True, False)
    batch.resolve_unknown()
    told = "".join(capsys.readouterr())
    assert tells(told, "1", ask, "2", "batch.approvals()")
    assert (batch.frame["status"][2], tells(batch.frame["error"][2], ask)) == ("running", True)
    again = fh.batch(_rows(3), "refund", dry_run=True, **how)
    if way == "opened":
        opened = fh.open_batch(batch.name, client=how["client"])
        assert opened.resolve_unknown().counts.pending == 3
        assert "".join(capsys.readouterr()) == told
        for approval in opened.approvals():
            approval.decide("allow_once")
        may_end.set()
        assert hive.wait_idle()
        assert opened.resolve_unknown().frame["output"].tolist() == ["paid", "paid", "late"]
        assert len(fh.pending()) == 0
        return
    if way != "cell":
        again = batch.resume(retry_unknown=way == "retry_unknown", wait=False)
    assert tells(again.plan(), "0 calls", "3", "2 of")
    until(lambda: len(again.approvals()) == 2)
    for approval in again.approvals():
        approval.decide("allow_once")
    may_end.set()
    again.wait() if way != "cell" else again.resume()
    assert (again.frame["output"].tolist(), hive.counts.calls) == (["paid", "paid", "late"], 3)


def test_a_row_says_what_the_last_look_up_has_found() -> None:
    """That its run goes on, or that nobody knows it: then it is lost, and `retry_unknown` calls it again."""
    held = Held()
    batch = fh.batch(_rows(1), "held", client=held.hive.client(), delivery="poll", name="x", progress=False, wait=False)
    until(lambda: len(fh.pending()) == 1)
    batch.cancel().wait()
    said = [(batch.frame["status"][0], batch.frame["error"][0], batch.counts.not_ended)]
    for statuses in ([], [404, 404]):
        for status in statuses:
            held.hive.fail_next(status=status, on="retrieve")
        batch.resolve_unknown()
        said.append((batch.frame["status"][0], batch.frame["error"][0], batch.counts.not_ended))
    held.let_go(1)
    ask = "batch.resolve_unknown()"
    assert [(status, ask in error, not_ended) for status, error, not_ended in said[:2]] == [
        ("unknown", True, 1),
        ("running", True, 1),
    ]
    status, error, not_ended = said[2]
    assert (status, not_ended, batch.counts.unknown) == ("unknown", 0, 1)
    assert error


def test_a_plan_tells_of_rows_that_wait_under_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are about to be called, and may act twice; `reuse="store"` calls none of them."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    hive = LocalHive()

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    async def refund(text: str) -> str:
        return "paid" if (await aask_human(f"Refund {text}?", tool="payments")).approved else "refused"

    client = hive.client()
    how: dict[str, Any] = {"client": client, "variants": "v", "progress": False}

    def plan(**options: Any) -> str:
        return str(fh.batch(_rows(4), "refund", name="third", dry_run=True, **how | options).plan())

    assert "wait" not in plan()
    client.invoke("refund", variant="v", inputs={"text": "t3"})
    assert tells(plan(), "1", "reuse='store'", "4 calls")
    fh.batch(_rows(2), "refund", name="first", **how)
    polled = fh.batch(_rows(3)[2:], "refund", name="second", delivery="poll", wait=False, **how)
    until(lambda: fh.pending()["status"].tolist() == ["awaiting_approval"] * 2)
    for _ in ("while it runs", "after its cancel"):
        assert tells(plan(), "4", "'first'", "'second'", "reuse='store'")
        polled.cancel().wait()
    assert tells(plan(reuse="store"), "4", "batch.approvals()")
    assert "of these" not in plan(reuse="store")
    for approval in client.approvals():
        approval.decide("deny")
    assert hive.wait_idle()
    for name in ("first", "second"):
        fh.open_batch(name, client=client).resolve_unknown().resume()
    client.retrieve(fh.history()["request_id"].iloc[-1])
    assert hive.counts.calls == 4
    assert "wait" not in plan()


def test_a_cancelled_row_that_somebody_waits_for_again_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor by `retry_unknown`: its run goes on, and its outcome is taken when it is there."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    held = Held()
    how: dict[str, Any] = {"client": held.hive.client(), "progress": False, "delivery": "poll", "name": "again"}
    batch = fh.batch(_rows(1), "held", wait=False, **how)
    until(lambda: len(fh.pending()) == 1)
    batch.cancel().wait()
    (pending,) = fh.reattach(client=how["client"])
    assert batch.resume(retry_unknown=True, wait=False).plan().calls == 0
    batch.wait()
    assert tells(batch.summary(), "1", "batch.resolve_unknown()")
    held.let_go(1)
    assert pending.wait().output == "T0"
    assert batch.resolve_unknown().frame["output"].tolist() == ["T0"]
    assert held.hive.counts.calls == 1


@pytest.mark.parametrize("by", ["cell", "resume"])
def test_a_run_that_the_service_does_not_know_is_called_again_where_that_is_asked_for(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can wait for it: it is lost, as one without an id is."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    monkeypatch.setattr(polling, "EVERY_S", 0.01)
    counting = Counting(name="forgetful")
    counting.hive.fail_next(2 * polling.NOT_FOUND_LOOKS, status=404, on="retrieve")
    batch = _batch(counting, 2, delivery="poll", name="lost")
    assert batch.frame["error_code"].tolist() == ["not_found"] * 2
    assert tells(batch.summary(), "2", "retry_unknown=True")
    if by == "cell":
        batch = _batch(counting, 2, delivery="poll", name="lost", retry_unknown=True)
    else:
        batch.resume(retry_unknown=True)
    assert (batch.counts.done, set(counting.ran.values())) == (2, {2})
    assert len(fh.pending()) == 0


def test_rows_that_wait_for_a_person_are_listed_with_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the batch runs, after a cancel, and when it goes on: nothing here can decide them, and nothing asks."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    monkeypatch.delenv("FETCH_HIVE_WORKSPACE_ID", raising=False)
    hive = LocalHive()

    @hive.workflow("refund", variant="v", human="finance")
    async def refund(text: str) -> str:
        return "paid" if (await aask_human(f"Refund {text}?")).approved else "refused"

    how: dict[str, Any] = {"client": hive.client(), "variants": "v", "delivery": "poll", "progress": False}
    batch = fh.batch(_rows(2), "refund", wait=False, **how)
    until(lambda: len(batch.approvals().steps) == 2)
    state = ProgressState.of(batch._control.status, rate=None, remaining_s=None, refused="")
    assert tells(state, "2", "hive.decide(request_id, approve=True)", "finance: Refund t0?", "finance: Refund t1?")
    listed = repr(batch.approvals())
    assert tells(listed, "2", "hive.decide(request_id, approve=True)")
    assert listed.splitlines()[-2:] == [
        f"  finance: Refund t{n}? ({run})" for n, run in enumerate(batch.approvals().steps.ids)
    ]
    assert set(batch.approvals().steps.ids) == {call.request_id for call in hive.calls}
    assert tells(repr(batch), "2", "batch.approvals()")
    batch.cancel().wait()
    assert (batch.counts.waiting, repr(batch.approvals())) == (2, listed)
    assert tells(
        batch.frame["error"][0],
        "hive.decide(...)",
        "batch.resolve_unknown()",
        "finance: Refund t0?",
    )
    hive.decide(hive.approvals[0], approve=True)
    hive.decide(hive.approvals[0], approve=False)
    assert fh.batch(_rows(2), "refund", **how).frame["output"].tolist() == ["paid", "refused"]
    assert hive.counts.calls == 2


def test_a_direct_row_that_waits_for_a_person_is_counted_beside_those_that_wait_for_a_tool() -> None:
    """It is on no list of tools; of its answer a password is masked."""
    has_asked, may_end = threading.Event(), threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "POST", "nothing is asked for what nobody decides here"
        text = json.loads(request.content)["inputs"]["text"]
        if text == "t2":
            has_asked.set()
            may_end.wait(PATIENCE_S)
            return httpx.Response(200, json={"output": "late"})
        said = {"request_id": f"req_{text}", "run_status": "awaiting_approval"}
        return httpx.Response(200, json=said | {"waiting_for": "finance", "question": f"<b>Refund</b> {text} s3cret?"})

    client = fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=httpx.MockTransport(answer))
    inputs = {"text": {"type": "string"}, "pin": {"type": "string", "format": "password"}}
    refund = fh.Deployment("refund", variants=["v"], inputs=inputs)
    rows = [row | {"pin": "s3cret"} for row in _rows(3)]
    batch = fh.batch(rows, refund, name="direct", client=client, progress=False, max_concurrency=1, wait=False)
    assert has_asked.wait(PATIENCE_S)
    status = batch._control.status
    assert (status.waits, status.counts.waiting) == (2, 2)
    assert tells(ProgressState.of(status, rate=None, remaining_s=None, refused=""), "2", "e-mail", "Telegram")
    may_end.set()
    batch.wait()
    for approvals in (batch.approvals(), fh.open_batch(batch.name, client=client).approvals()):
        assert (len(approvals), tells(approvals.steps.head, "2", "e-mail", "Telegram")) == (0, True)
    page = batch.approvals()._repr_html_()
    assert "s3cret" not in page + repr(batch.approvals())
    assert "<div>finance: &lt;b&gt;Refund&lt;/b&gt; t0 " in page
    assert "No approvals" not in page


@pytest.mark.parametrize(("audience", "words"), [(CELL, "fh.last_batch().approvals()"), (COMMAND, "Fetch Hive")])
def test_a_row_whose_tool_waits_says_what_to_do_to_its_reader(audience: Audience, words: str) -> None:
    """Of a cell or a command, which have no variable ``batch``."""
    hive = LocalHive()

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    async def refund(text: str) -> str:
        return str(await aask_human(f"Refund {text}?", tool="payments"))

    options = BatchOptions(variants="v", client=hive.client(), progress=False)
    assert tells(start_batch(_rows(1), "refund", options, audience).frame["error"][0], words)


def test_resolving_ends_at_the_configured_cap_between_the_two_addresses_of_a_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The run is none that the service does not know, and the other one is not asked for over the cap."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            text = json.loads(request.content)["inputs"]["text"]
            return httpx.Response(500, json={"error": "x", "request_id": f"req_{text}", "run_id": f"run_{text}"})
        asked.append(request.url.path)
        return httpx.Response(404, json={"error": "no"})

    fh.configure(daily_cap=3)
    client = fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=httpx.MockTransport(answer))
    batch = fh.batch(_rows(2), "shout", variants="v", client=client, progress=False)
    planned = fh.batch(_rows(2), "shout", variants="v", client=client, progress=False, dry_run=True)
    batch.resolve_unknown()
    said = "".join(capsys.readouterr())
    assert (tells(said, "2", "batch.resolve_unknown()"), "retry_unknown" in said) == (True, False)
    assert len(asked) == 1
    for one in (batch.summary(), planned.summary(), planned.plan()):
        assert tells(one, "2", "batch.resolve_unknown()")
    fh.configure(daily_cap=30)
    batch.resolve_unknown()
    assert tells(batch.summary(), "2", "retry_unknown=True"), "the service knows none of them"


@pytest.mark.parametrize(
    ("delivery", "is_old", "lister"),
    [
        ("direct", False, "batch"),
        ("direct", True, "batch"),
        ("direct", False, "client"),
        ("direct", False, "id"),
    ],
)
def test_a_row_whose_tool_waits_is_decided_while_other_rows_run(
    delivery: str, is_old: bool, lister: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where an earlier start has called it, and by the client's list, or by the approval's id alone.

    Its outcome takes the place of the answer.
    """
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    spelling = "docs" if lister == "batch" else "sdk"  # whose answers have the id by which approvals name their runs
    hive, held = LocalHive(name="held", spelling=spelling), threading.Event()
    looked_up: list[str | None] = []
    look_up = AsyncClient.look_up

    async def noting(client: AsyncClient, request_id: str | None, run_id: str | None) -> Run:
        looked_up.append(request_id)
        return await look_up(client, request_id, run_id)

    monkeypatch.setattr(AsyncClient, "look_up", noting)

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    async def refund(text: str) -> str:
        if text == "t2":
            held.set()
            await asyncio.Event().wait()
        return "paid" if text == "t1" or (await aask_human(f"Refund {text}?", tool="payments")).approved else "refused"

    client, arrived = hive.client(), threading.Event()
    how: dict[str, Any] = {"client": client, "name": "held", "max_concurrency": 1, "delivery": delivery}
    if is_old:
        fh.batch(_rows(3), "refund", max_calls=1, progress=False, **how)
    listens = {"on_event": lambda e: arrived.set() if isinstance(e, OutputArrived) else None, "progress": False}
    batch = fh.batch(_rows(3), "refund", wait=False, **listens, **how)
    assert held.wait(PATIENCE_S)
    (approval,) = (batch if lister == "batch" else client).approvals()
    if lister == "id":
        approval = client.approval(approval.id)
    assert (batch.running, batch.counts.unknown, looked_up) == (True, 1, [])
    assert approval.decide("allow_once").status == "allowed"
    assert arrived.wait(PATIENCE_S)
    assert batch.running
    assert batch.frame["output"].tolist()[:2] == ["paid", "paid"]
    until(lambda: not batch.approvals())
    assert fh.open_batch("held", client=client).counts.done == 2
    assert len(set(looked_up)) == 1
    batch.cancel()
    batch.wait()


class _Display:
    """Notes the runs that wait for a decision, at each change of a batch."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.has_one = threading.Event()

    def begin(self, batch: Any) -> None:
        self.update(batch)

    def update(self, batch: Any) -> None:
        self.waiting.append(len(batch.waiting_runs()))
        if self.waiting[-1]:
            self.has_one.set()

    def end(self, batch: Any) -> None:
        pass


def test_a_run_that_waited_for_a_decision_before_is_told_when_it_is_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any look-up of the second start."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    hive = LocalHive()

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    async def refund(text: str) -> str:
        return "paid" if (await aask_human(f"Refund {text}?", tool="payments")).approved else "refused"

    def begun(display: _Display) -> fh.Batch:
        how: dict[str, Any] = {"client": hive.client(), "name": "waits", "delivery": "callback", "wait": False}
        batch = fh.batch(_rows(1), "refund", progress=lambda: display, **how)
        assert display.has_one.wait(PATIENCE_S)
        return batch

    batch = begun(_Display())
    batch.cancel()
    batch.wait()
    until(lambda: set(fh.pending()["waits_in"]) == {"nobody"})
    for name in ("FIRST_S", "FIRST_BESIDE_RECEIVER_S"):
        monkeypatch.setattr(polling, name, PATIENCE_S * 10)
    batch = begun(_Display())
    assert hive.counts.calls == 1
    batch.cancel()
    batch.wait()
