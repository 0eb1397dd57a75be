"""Direct calls whose runs end later: one waiter, one stored answer, and nothing that outlives its `Run`."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.client import polling
from fh_notebook.client.direct_runs import DIRECT_RUNS, _key_of
from fh_notebook.contract.run import Run
from fh_notebook.core import event_loop
from fh_notebook.local import LocalHive, ask_human
from fh_notebook.session import session
from fh_notebook.store.pending_runs import PendingRuns, PendingTicket
from tests.client.callbacks.senders import PATIENCE_S, until
from tests.told import tells


def _hive(**options: Any) -> LocalHive:
    hive = LocalHive(**options)

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    def refund(amount: int) -> str:
        return "paid" if ask_human("Refund?", tool="payments").approved else "refused"

    return hive


@pytest.fixture
def hive(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHive]:
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    with _hive() as hive:
        yield hive


def _refund(hive: LocalHive) -> Run:
    run = hive.client().invoke("refund", variant="v", inputs={"amount": 1})
    assert run.status == "awaiting_approval"
    return run


def _decide(hive: LocalHive) -> None:
    hive.decide(hive.wait_approval(PATIENCE_S).request_id, approve=True)


def _stored() -> list[tuple[str, Any]]:
    store = session.store()
    assert store is not None
    return [(answer.status, answer.run.output) for answer in store.answers.single_runs()]


@pytest.mark.parametrize("is_remembered", [True, False])
def test_an_outcome_that_is_retrieved_is_stored_in_place_of_the_answer(hive: LocalHive, is_remembered: bool) -> None:
    """Until then the history has the answer; afterwards nobody need wait: also where its `Run` is gone."""
    run = _refund(hive)
    request_id = run.request_id or ""
    assert _stored() == [("awaiting_approval", None)]
    _decide(hive)
    assert hive.wait_idle(PATIENCE_S)
    if not is_remembered:
        del run
        gc.collect()
    assert hive.client().retrieve(request_id).output == "paid"
    assert _stored() == [("completed", "paid")]
    assert len(fh.pending()) == 0
    if is_remembered and (shown := DIRECT_RUNS.wait_for(run)) is not None:
        assert (shown.run.output, shown.run.inputs, shown.run.attempts) == ("paid", {"amount": 1}, 2)


def test_one_waits_for_a_run_that_is_shown_and_reattached(hive: LocalHive) -> None:
    """It is the same pending run, and its answer is stored once."""
    run = _refund(hive)
    (reattached,) = fh.reattach(client=hive.client())
    assert DIRECT_RUNS.wait_for(run) is reattached
    assert fh.reattach(client=hive.client()) == []
    _decide(hive)
    assert reattached.wait(PATIENCE_S).output == "paid"
    assert _stored() == [("completed", "paid")]


def test_a_run_that_somebody_else_waits_for_is_shown_and_not_looked_up(hive: LocalHive) -> None:
    """Another kernel has it; once that lets go of it, it is waited for here."""
    run = _refund(hive)
    store = session.store()
    assert store is not None
    (row,) = store.pending.every()
    other = store.owners.new()
    assert store.pending.take_over(row.id, old="", new=other.name).result()
    shown = DIRECT_RUNS.wait_for(run)
    assert shown is not None
    assert (shown.is_begun, shown.polls) == (False, 0)
    assert "fh.pending()" in shown._repr_html_()
    assert store.pending.let_go(row.id, other.name).result()
    assert DIRECT_RUNS.wait_for(run) is shown
    assert shown.is_begun
    other.end()
    _decide(hive)
    assert shown.wait(PATIENCE_S).output == "paid"


@pytest.mark.parametrize("asks", ["shown", "retrieved"])
def test_a_run_that_is_forgotten_is_waited_for_all_the_same(hive: LocalHive, asks: str) -> None:
    """Nobody else waits for it: its outcome is the first that is stored of it."""
    run = _refund(hive)
    fh.forget(deployment="refund", everywhere=True)
    assert _stored() == []
    _decide(hive)
    assert hive.wait_idle(PATIENCE_S)
    if asks == "retrieved":
        assert hive.client().retrieve(run.request_id or "").output == "paid"
    shown = DIRECT_RUNS.wait_for(run)
    assert shown is not None
    assert shown.is_begun
    assert shown.wait(PATIENCE_S).output == "paid"
    assert _stored() == [("completed", "paid")]


def test_an_outcome_that_another_process_has_stored_is_shown_and_stored_no_second_time(hive: LocalHive) -> None:
    """Its row among the pending runs is gone then."""
    run = _refund(hive)
    registry = PendingRuns(session.store(), hive.client().workspace)  # type: ignore[arg-type]
    (row,) = registry.rows()
    _decide(hive)
    assert hive.wait_idle(PATIENCE_S)
    other = registry.take_over(row)
    assert other is not None
    event_loop.run(other.answered(replace(run, status="completed", output="paid")))
    shown = DIRECT_RUNS.wait_for(run)
    assert shown is not None
    assert shown.wait(PATIENCE_S).output == "paid"
    assert _stored() == [("completed", "paid")]


@pytest.mark.parametrize("again", ["shown", "reattached"])
@pytest.mark.parametrize("ended", ["cancelled", "refused"])
def test_a_run_whose_waiting_was_ended_is_waited_for_again(hive: LocalHive, ended: str, again: str) -> None:
    """By whoever shows it, and by ``fh.reattach()``: then the `Run` shows that one."""
    run = _refund(hive)
    first = DIRECT_RUNS.wait_for(run)
    assert first is not None
    if ended == "cancelled":
        first.cancel_waiting()
    else:
        hive.fail_next(polling.REFUSED_LOOKS, status=403, on="retrieve")
        with pytest.raises(fh.AuthError):
            first.wait(PATIENCE_S)
    second = DIRECT_RUNS.wait_for(run) if again == "shown" else fh.reattach(client=hive.client())[0]
    assert second is not None
    assert DIRECT_RUNS.wait_for(run) is second
    _decide(hive)
    assert second.wait(PATIENCE_S).output == "paid"
    assert _stored() == [("completed", "paid")]


def test_what_is_remembered_of_a_run_lives_as_long_as_the_run() -> None:
    """A hive that nobody holds closes itself, whatever waits in it."""
    hive = _hive()
    run = _refund(hive)
    key = _key_of(run)
    held = weakref.ref(hive)
    del hive
    gc.collect()
    assert held() is not None
    assert key in DIRECT_RUNS._runs
    del run
    gc.collect()
    assert key not in DIRECT_RUNS._runs
    assert held() is None


def test_a_run_is_registered_although_its_call_is_cancelled(hive: LocalHive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer has come, and is paid for."""
    registering = asyncio.Event()
    accepted = PendingTicket.accepted

    async def slowly(self: PendingTicket, run: Run) -> None:
        registering.set()
        await asyncio.sleep(0)
        await accepted(self, run)

    monkeypatch.setattr(PendingTicket, "accepted", slowly)

    async def call_and_cancel() -> None:
        call = asyncio.ensure_future(hive.client().aclient.invoke("refund", variant="v", inputs={"amount": 1}))
        await registering.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(call_and_cancel())
    assert fh.pending()["request_id"].notna().tolist() == [True]


def test_an_answer_is_returned_although_its_run_cannot_be_registered(
    hive: LocalHive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the error is: it is told."""

    async def broken(self: PendingTicket, run: Run) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(PendingTicket, "accepted", broken)
    assert _refund(hive).request_id
    assert tells("".join(capsys.readouterr()), "no room")


def test_texts_name_what_the_caller_of_a_direct_call_has(hive: LocalHive) -> None:
    """Which is a `Run`, and no pending one."""
    run = _refund(hive)
    fh.configure(daily_cap=1)
    shown = DIRECT_RUNS.wait_for(run)
    assert shown is not None
    until(lambda: shown.is_capped)
    for text in (repr(shown), shown._repr_html_()):
        assert "client.retrieve(run.request_id) asks now" in text
        assert "pending." not in text
    shown.cancel_waiting()
    (submitted,) = [hive.client().submit("refund", variant="v", inputs={"amount": 2}, callback="https://a.test/hook")]
    assert event_loop.run(submitted.look()) == 0.0
    assert "pending.refresh() asks now" in repr(submitted)
    submitted.cancel_waiting()
