"""Runs by callback delivery: started once, waited for both ways, and the first outcome counts."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.batching.execution.engine_run import budget_of
from fh_notebook.client import polling
from fh_notebook.client.clients import AsyncClient
from fh_notebook.client.pending_run import PendingRun
from fh_notebook.client.polling import StatusLookup
from fh_notebook.client.profile import Profile
from fh_notebook.contract.callbacks import NOWHERE, needs_callback, waits_for
from fh_notebook.contract.response import Response
from fh_notebook.core import event_loop
from fh_notebook.session import session
from fh_notebook.store.pending_runs import PendingRuns
from fh_notebook.store.store import Store
from tests.client.callbacks.senders import KEY, SECRET, Held, deliver, event, signed, until
from tests.told import tells


@pytest.fixture
def held() -> Iterator[Held]:
    made = Held(latency_s=0.0)
    yield made
    made.let_go(1000)


@pytest.fixture
def receiver() -> Iterator[fh.CallbackReceiver]:
    with fh.CallbackReceiver() as made:
        yield made


def _submit(held: Held, text: str = "a", **more: Any) -> PendingRun:
    return held.hive.client().submit("held", variant="v", inputs={"text": text}, **more)


@pytest.mark.parametrize("spelling", ["docs", "sdk"])
def test_a_run_that_is_pending_is_waited_for(spelling: str) -> None:
    """As a queued one, and called so: another word for it."""
    held = Held(spelling=spelling, concurrency=1, queue_status="pending", latency_s=0.0)
    first, second = _submit(held, poll=False), _submit(held, "b")
    assert (second.status, second.done) == ("queued", False)  # "pending" is a job of a batch that was not called
    assert second.refresh().status in ("queued", "running")
    held.let_go(2)
    assert (second.wait(timeout_s=20).output, first.refresh().output) == ("B", "A")


@pytest.mark.parametrize(
    ("ids", "asked"),
    [
        ({"request_id": "req_1"}, ["/v1/public/requests/req_1"]),
        ({"request_id": "req_1", "run_id": "run_1"}, ["/v1/public/requests/req_1", "/v1/workflow_runs/run_1"]),
        ({"run_id": "run_1"}, ["/v1/workflow_runs/run_1", "/v1/public/requests/run_1"]),
    ],
)
@pytest.mark.parametrize("status", [404, 422])
def test_a_run_is_looked_up_by_each_id_that_came(ids: dict[str, str], asked: list[str], status: int) -> None:
    """The second address is asked where the first does not know it: a run id may be the request's."""
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        if len(paths) < len(asked):
            return httpx.Response(status, json={"error": "Nicht da."})
        return httpx.Response(200, json={"status": "completed", "data": {"output": "hi"}})

    async def main() -> fh.Run:
        async with fh.AsyncClient(
            api_key=KEY, base_url="https://service.test/v1", transport=httpx.MockTransport(answer)
        ) as client:
            return await client.look_up(ids.get("request_id"), ids.get("run_id"))

    assert event_loop.run(main()).output == "hi"
    assert paths == asked


@pytest.mark.parametrize("spelling", ["docs", "sdk"])
def test_a_run_is_submitted_and_its_callback_waited_for(spelling: str, receiver: fh.CallbackReceiver) -> None:
    """In both spellings: running, then the outcome with all that is known of the call, kept in the store."""
    held = Held(spelling=spelling)
    # The SDK's spelling tells no secret: it was taken from the dialog.
    receiver.learn(held.hive.webhook_secret("held"))
    pending = _submit(held, callback=receiver, poll=False, metadata={"case": 1})
    assert pending.status in ("running", "queued")
    assert (pending.done, pending.waiting) == (False, True)
    assert not pending.wait(timeout_s=0.01).done
    held.let_go()
    run = pending.wait(timeout_s=20)
    assert (run.status, run.output, run.deployment, run.variant) == ("completed", "A", "held", "v")
    assert (run.inputs, run.metadata, run.attempts) == ({"text": "a"}, {"case": 1}, 1)
    assert (pending.request_id or run.request_id, pending.run_id or run.run_id) == (run.request_id, run.run_id)
    assert pending.came_by == "callback"
    store = session.store()
    assert store is not None
    assert [kept.run.output for kept in store.answers.single_runs()] == ["A"]
    assert len(fh.pending()) == 0


@pytest.mark.long
def test_without_a_receiver_the_service_is_asked(held: Held) -> None:
    """The callback URL that it is given is nobody's; look-ups are counted in the run's requests."""
    session_receiver = session.receiver()
    client = held.hive.client()
    pending = client.submit("held", variant="v", inputs={"text": "a"}, callback=NOWHERE)
    held.let_go()
    run = pending.wait(timeout_s=20)
    assert (run.output, pending.came_by) == ("A", "polling")
    assert run.attempts == 1 + pending.polls >= 2
    assert not session_receiver.running
    assert [d.attempts for d in held.hive.deliveries] == [0]


@pytest.mark.long
def test_look_ups_count_against_the_days_budget(held: Held) -> None:
    """Whether the service counts them is not known: the plan of the next batch takes them for calls."""
    fh.configure(daily_cap=1_000)
    with held.hive.client() as client:
        pending = client.submit("held", variant="v", inputs={"text": "a"}, callback=NOWHERE)
        for _ in range(3):
            pending.refresh()
        held.let_go()
        run = pending.wait(20)
        store = session.store()
        assert store is not None
        assert run.attempts >= 4
        assert budget_of(client.workspace, store, datetime.now(UTC)).used_today == run.attempts


def test_the_configured_cap_ends_look_ups_of_a_run_for_the_day(held: Held, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so; a refresh asks all the same."""
    fh.configure(daily_cap=1)
    with held.hive.client() as client:
        pending = client.submit("held", variant="v", inputs={"text": "a"}, callback=NOWHERE)
        assert asyncio.run(_look_twice(pending)) == [0.0, 0.0]
        assert pending.polls == 0
        assert pending._budget is not None
        assert not pending._budget._looking
        assert tells(pending.trouble, "00:00 UTC", "pending.refresh()")
        assert "".join(capsys.readouterr()).count("00:00 UTC") == 1
        held.let_go()
        assert held.hive.wait_idle()
        assert pending.refresh().output == "A"


@pytest.mark.long
def test_under_a_small_cap_single_runs_leave_look_ups_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """All answers come of six runs of 100 s, of which the usual intervals would use up the cap: here 1 s."""
    for name, scaled_s in (("FIRST_S", 0.01), ("LONGEST_S", 0.3), ("EVERY_S", 0.001)):
        monkeypatch.setattr(polling, name, scaled_s)
    fh.configure(daily_cap=50)
    looked_up = list[str]()
    numbers, begun = iter(range(6)), time.monotonic()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"request_id": f"req_{next(numbers)}", "run_status": "running"})
        looked_up.append(request.url.path)
        if time.monotonic() < begun + 1.0:
            return httpx.Response(200, json={"status": "running"})
        return httpx.Response(200, json={"status": "completed", "data": {"output": "hi"}})

    with fh.Client(
        api_key=KEY, base_url="https://api.test/v1", transport=httpx.MockTransport(answer)
    ) as client:  # fmt: skip
        pending = [client.submit("d", variant="v", inputs={"number": number}) for number in range(6)]
        assert [one.wait(20).output for one in pending] == ["hi"] * 6
    assert len(looked_up) < 25


def test_a_run_says_how_many_look_ups_were_made_and_what_the_cap_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """In text and on its card, that is told of each look-up; without a cap, how many were made."""
    monkeypatch.setattr(polling, "FIRST_S", 3_600.0)
    with _service({"status": "running"}) as client:
        pending = client.submit("d", variant="v")
        pending.refresh()
        for shown in (repr(pending), pending._repr_html_()):
            assert tells(shown, "req_1", "looked up 1 time")
        fh.configure(daily_cap=7)
        pending.refresh()
        assert tells(repr(pending), "req_1", "looked up 2 times", "4")
        assert tells(pending._repr_html_(), "looked up 2 times", "4 requests", "req_1")
        assert "pending.refresh()" in pending._repr_html_()
        told = list[int]()
        pending.on_look(lambda looked: told.append(looked.polls))
        pending._aged_from -= 3_600.0  # beside an hour, the time between the two is nothing
        asyncio.run(_look_twice(pending))
        assert told == [3]  # the second one is not worth its request yet


def test_how_long_a_run_waited_for_a_person_delays_no_later_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its age, by which a budget spaces look-ups, counts from when it was last found waiting, or going on."""
    monkeypatch.setattr(polling, "FIRST_S", 3_600.0)
    words = ["running", "awaiting_approval", "running", "running"]
    with _service(*({"status": word} for word in words)) as client:
        pending = client.submit("d", variant="v")
        until(lambda: pending._budget is not None)
        assert pending._budget is not None
        hours = []
        for _ in words:
            pending._aged_from -= 3_600.0
            asyncio.run(pending.look())
            hours.append((pending._budget._looked_s[pending] // 3_600.0, pending.age_s // 3_600.0))
        assert hours == [(1.0, 1.0), (0.0, 0.0), (0.0, 0.0), (1.0, 1.0)]


def test_a_run_that_waited_for_a_person_from_the_beginning_says_nothing_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its first look-up comes after the decision."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    words = iter(["awaiting_approval", "running", "completed"])

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"request_id": "req_1", "status": next(words)})

    with fh.Client(
        api_key=KEY, base_url="https://api.test/v1", transport=httpx.MockTransport(answer)
    ) as client:  # fmt: skip
        assert client.submit("d", variant="v").wait(20).status == "completed"
        assert client.aclient.connection.look_ups.expected_s == {}


async def _look_twice(pending: PendingRun) -> list[float | None]:
    return [await pending.look() for _ in range(2)]


def test_a_local_service_gets_the_sessions_own_receiver(held: Held) -> None:
    """Which is one for all runs."""
    first, second = _submit(held, "a"), _submit(held, "b")
    assert first.callback_url == second.callback_url == session.receiver().url
    held.let_go(2)
    assert {first.wait(20).output, second.wait(20).output} == {"A", "B"}
    assert {first.came_by, second.came_by} == {"callback"}


def test_callbacks_out_of_order_reach_their_own_runs(receiver: fh.CallbackReceiver) -> None:
    """Twenty runs; they end in another order than they began."""
    hive = fh.local.LocalHive()

    @hive.workflow("echo", variant="v")
    async def echo(number: int) -> int:
        await asyncio.sleep((20 - number) * 0.005)
        return number

    client = hive.client()
    pending = [client.submit("echo", variant="v", inputs={"number": n}, callback=receiver) for n in range(20)]
    assert [one.wait(20).output for one in pending] == list(range(20))


def test_over_the_cap_a_run_is_queued_and_comes_in_the_end(receiver: fh.CallbackReceiver) -> None:
    """Nothing is refused."""
    held = Held(concurrency=1)
    pending = [_submit(held, f"t{n}", callback=receiver) for n in range(3)]
    assert [one.status for one in pending] == ["running", "queued", "queued"]
    held.let_go(3)
    assert [one.wait(20).output for one in pending] == ["T0", "T1", "T2"]
    assert held.hive.refused == 0


def test_the_first_outcome_counts_and_the_other_is_ignored(held: Held) -> None:
    """A callback after the look-up, and one more: answered 200, and nothing changes."""
    with fh.CallbackReceiver(secrets=SECRET) as receiver:
        pending = _submit(held, callback=receiver)
        held.let_go()
        assert pending.wait(20).output == "A"
        later = event(pending.request_id or "", "another output")
        assert deliver(receiver, later, signed(later)) == 200
        until(lambda: receiver.tally.repeated == 1)
        assert pending.run.output == "A"
    store = session.store()
    assert store is not None
    assert len(store.answers.single_runs()) == 1


def test_a_callback_after_the_wait_timed_out_is_taken_all_the_same(held: Held, receiver: fh.CallbackReceiver) -> None:
    """The wait ended, the waiting did not."""
    pending = _submit(held, callback=receiver, poll=False)
    assert pending.wait(timeout_s=0.02).status == "running"
    held.let_go()
    until(lambda: pending.done)
    assert pending.run.output == "A"


def test_a_callback_that_is_faster_than_the_answer_is_not_lost(receiver: fh.CallbackReceiver) -> None:
    """The answer that tells its secret comes after it: it is held open, verified then, and taken."""
    sent = threading.Event()

    def service(request: httpx.Request) -> httpx.Response:
        threading.Thread(target=deliver_early).start()
        until(lambda: receiver.tally.held)
        sent.set()
        return httpx.Response(200, json={"request_id": "req_1", "run_status": "running", "webhook_secret": SECRET})

    def deliver_early() -> None:
        statuses.append(deliver(receiver, event("req_1", "fast"), signed(event("req_1", "fast"))))

    async def slowly(request: httpx.Request) -> httpx.Response:
        return await asyncio.to_thread(service, request)

    statuses: list[int] = []
    with fh.Client(
        api_key=KEY, base_url="http://127.0.0.1:9/v1", transport=httpx.MockTransport(slowly)
    ) as client:  # fmt: skip
        pending = client.submit("d", variant="v", callback=receiver, poll=False)
        assert pending.wait(20).output == "fast"
    until(lambda: statuses == [200])


def test_it_can_be_awaited_from_any_loop(held: Held) -> None:
    """In a program's own loop, by `AsyncClient` too."""

    async def program() -> list[Any]:
        client = held.hive.client()
        one = await client.asubmit("held", variant="v", inputs={"text": "a"})
        two = await client.aclient.submit("held", variant="v", inputs={"text": "b"})
        held.let_go(2)
        runs = [await one, await two]
        await client.aclient.aclose()
        return [run.output for run in runs]

    assert sorted(asyncio.run(program())) == ["A", "B"]


def test_a_cancelled_await_ends_nothing_but_itself(held: Held) -> None:
    """Somebody else still gets the outcome."""
    pending = _submit(held)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await pending

    asyncio.run(give_up())
    assert pending.waiting
    held.let_go()
    assert pending.wait(20).output == "A"


def test_refresh_asks_once_and_now(held: Held) -> None:
    """Long before the poller would."""
    pending = _submit(held, callback="http://127.0.0.1:9/nobody")
    assert pending.refresh().status == "running"
    assert pending.polls >= 1
    held.let_go()
    held.hive.wait_idle(0.5)
    assert until(lambda: pending.refresh() if pending.refresh().done else None).output == "A"


@pytest.mark.long
def test_after_cancel_waiting_nobody_waits_and_it_can_be_taken_up_again(held: Held) -> None:
    """The run goes on at the service; nothing is submitted twice."""
    pending = _submit(held)
    pending.cancel_waiting()
    pending.cancel_waiting()
    assert (pending.waiting, pending.done, pending.wait().status) == (False, False, "running")
    assert fh.pending()["waits_in"].tolist() == ["nobody"]
    held.let_go()
    (again,) = fh.reattach(client=held.hive.client())
    assert again.wait(20).output == "A"
    assert again._connection.look_ups.expected_s == {}  # nobody looked it up while it ran
    assert len(held.hive.calls) == 1
    assert len(fh.pending()) == 0
    assert not fh.reattach(client=held.hive.client())


def test_a_refused_call_is_a_run_that_failed(held: Held, receiver: fh.CallbackReceiver) -> None:
    """As `invoke` has it; nothing stays pending."""
    client = fh.Client(base_url="http://127.0.0.1:9/v1", api_key=KEY, transport=held.hive.transport())
    pending = client.submit("held", variant="other", callback=receiver)
    assert (pending.done, pending.status, pending.run.error) == (True, "failed", "Variant not found")
    assert len(fh.pending()) == 0


def test_a_bad_key_and_the_daily_cap_raise_as_ever(held: Held) -> None:
    """And leave nothing pending."""
    strict = Held(api_key=KEY, daily_cap=0)
    wrong = fh.Client(base_url="http://127.0.0.1:9/v1", api_key="fhk_wrong", transport=strict.hive.transport())
    with pytest.raises(fh.AuthError):
        wrong.submit("held", variant="v", inputs={"text": "a"})
    with pytest.raises(fh.LimitReached):
        strict.hive.client().submit("held", variant="v", inputs={"text": "a"})
    assert len(fh.pending()) == 0


def _service(*answers: Any, base_url: str = "https://api.test/v1") -> fh.Client:
    """A client of a service that takes a run, and answers each look-up with the next of these, the
    last one for ever.
    """
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"request_id": "req_1", "run_status": "running", "webhook_secret": SECRET})
        said = left.pop(0) if len(left) > 1 else left[0]
        return said if isinstance(said, httpx.Response) else httpx.Response(200, json=said)

    return fh.Client(api_key=KEY, base_url=base_url, transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("looked_up", "status", "output"),
    [
        ({"status": "completed", "data": {"output": "hi"}}, "completed", "hi"),
        ({"request": {"status": "success", "data": {"output": "hi"}}}, "completed", "hi"),
        ({"status": "SUCCEEDED", "output": {"a": 1}}, "completed", {"a": 1}),
        ({"status": "errored", "message": "no"}, "failed", None),
        ({"status": "cancelled"}, "failed", None),
        ({"status": "complete-ish", "ended_at": "2026-11-25T00:00:00Z", "data": {"output": 3}}, "completed", 3),
        ({"workflow_run": {"run_status": "failed", "error_message": "no"}}, "failed", None),
    ],
)
def test_a_look_up_may_word_the_end_in_many_ways(looked_up: Any, status: str, output: Any) -> None:
    """Its values are not known (CONTRACT section 3): ours are the two words that they mean."""
    with _service(looked_up) as client:
        run = client.submit("d", variant="v").refresh()
    assert (run.status, run.output, run.done) == (status, output, True)


@pytest.mark.parametrize("word", ["running", "queued", "in_progress", "awaiting_approval"])
def test_a_look_up_before_the_end_ends_nothing(word: str) -> None:
    """The word is shown as it is."""
    with _service({"status": word}) as client:
        pending = client.submit("d", variant="v")
        assert pending.refresh().status == word
        assert pending.waiting
        pending.cancel_waiting()


def test_a_look_up_without_an_output_leaves_the_callback_a_chance() -> None:
    """It is not known whether a look-up has the output: where a callback may come, the second that has none counts."""

    async def look_up(request_id: str | None, run_id: str | None) -> fh.Run:
        return fh.Run(status="completed", status_code=200, request_id=request_id)

    async def main() -> list[str | None]:
        lookup = StatusLookup(look_up, "req_1", None, has_callback=True)
        return [result.run.status if (result := await lookup.ask()).run else None for _ in range(2)]

    assert asyncio.run(main()) == ["running", "completed"]


def _reached() -> fh.CallbackReceiver:
    return fh.CallbackReceiver(secrets=SECRET, public_url="https://hooks.example.com")


def test_a_callback_that_comes_after_look_ups_without_output_completes_the_run() -> None:
    """Its output is in the run and in the store, in place of the note; what comes then is repeated."""
    seen: list[Any] = []
    with _reached() as receiver, _service({"status": "completed"}) as client:
        pending = client.submit("d", variant="v", inputs={"text": "a"}, callback=receiver, poll=False)
        assert pending.refresh().status == "running"
        pending.refresh()
        assert pending.wait(20).error_code == "output_not_retrieved"
        pending.on_change(lambda changed: seen.append(changed.run.output))
        store = session.store()
        assert store is not None
        [kept] = store.answers.single_runs()
        body = event("req_1")
        assert deliver(receiver, body, signed(body)) == 200
        until(lambda: seen == [None, "hi"])
        run = pending.run
        assert (run.status, run.output, run.error, run.error_code) == ("completed", "hi", None, None)
        assert (pending.came_by, run.inputs, run.attempts) == ("callback", {"text": "a"}, 3)
        [completed] = store.answers.single_runs()
        assert (completed.id, completed.run.output, completed.run.inputs) == (kept.id, "hi", {"text": "a"})
        assert receiver.tally.repeated == 0
        other = event("req_1", "another")
        assert deliver(receiver, other, signed(other)) == 200
        until(lambda: receiver.tally.repeated == 1)
        assert pending.run.output == "hi"


def test_an_output_that_comes_while_the_first_outcome_is_being_stored_is_shown() -> None:
    """Listeners hear of it, those that come in between too."""
    seen: list[Any] = []
    held, stored = asyncio.Event(), asyncio.Event()

    async def keep(run: fh.Run) -> None:
        stored.set()
        if run.output is None:
            await held.wait()

    async def scenario(pending: PendingRun) -> None:
        pending._keep = keep
        pending._take(replace(pending.run, status="completed", error_code="output_not_retrieved"), by="polling")
        await stored.wait()
        pending.take(replace(pending.run, status="completed", output="hi"))
        pending.on_change(lambda changed: seen.append(changed.run.output))
        held.set()

    with _reached() as receiver, _service({"status": "completed"}) as client:
        pending = client.submit("d", variant="v", callback=receiver, poll=False)
        event_loop.background().submit(scenario(pending))
        until(lambda: seen == [None, "hi"])
        assert pending.run.output == "hi"


def test_an_outcome_that_came_in_time_is_returned_while_it_is_being_stored() -> None:
    """A store that is busy is no reason to call the run running."""
    held, stored = asyncio.Event(), asyncio.Event()

    async def keep(run: fh.Run) -> None:
        stored.set()
        await held.wait()

    async def scenario(pending: PendingRun) -> list[tuple[str, str | None]]:
        pending._keep = keep
        pending._take(replace(pending.run, status="completed", error_code="output_not_retrieved"), by="polling")
        await stored.wait()
        early = await pending.outcome(0)
        held.set()
        late = await pending.outcome()
        return [(run.status, run.error_code) for run in (early, late)]

    with _reached() as receiver, _service({"status": "completed"}) as client:
        pending = client.submit("d", variant="v", callback=receiver, poll=False)
        assert event_loop.run(scenario(pending)) == [("completed", "output_not_retrieved")] * 2


def test_few_runs_are_held_for_an_output_that_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback for an older one counts as repeated."""
    monkeypatch.setattr("fh_notebook.client.callbacks.receiver.MAX_WITHOUT_OUTPUT", 1)
    taken: list[fh.Run] = []
    with _reached() as receiver:
        for name in ("req_1", "req_2"):
            receiver.claims.disclaim([name], ended=True, take_output=lambda run: not taken.append(run))
        for name in ("req_1", "req_2"):
            receiver.claims.hand(fh.Run(status="completed", request_id=name))
        assert [run.request_id for run in taken] == ["req_2"]
        assert receiver.tally.repeated == 1


def test_a_late_callback_without_an_output_changes_nothing() -> None:
    """Neither a status nor a failure takes back that the run completed."""
    with _reached() as receiver, _service({"status": "completed"}) as client:
        pending = client.submit("d", variant="v", callback=receiver, poll=False)
        for _ in range(2):
            pending.refresh()
        first = pending.wait(20)
        for number, told in enumerate(({"run_status": "running"}, {"run_status": "failed", "error": "no"}), 1):
            body = json.dumps({"request_id": "req_1", **told}).encode()
            assert deliver(receiver, body, signed(body)) == 200
            until(lambda number=number: receiver.tally.repeated == number)  # type: ignore[misc]  # bound at once
        assert pending.run is first


@pytest.mark.parametrize(
    "looked_up", [{"status": "completed"}, {"request": {"status": "succeeded", "data": {"error": None}}}]
)
def test_a_run_whose_output_no_look_up_has_is_completed_and_says_where_to_look(looked_up: Any) -> None:
    """Where no callback can come, the first look-up counts: each may cost a call of the day."""
    with _service(looked_up) as client:
        pending = client.submit("d", variant="v")
        run = pending.refresh()
        assert (run.status, run.output, run.error_code) == ("completed", None, "output_not_retrieved")
        assert "req_1" in (run.error or "")
        assert run.raise_for_status() is run
        assert pending.polls == 1
        looked = client.retrieve("req_1")
        assert (looked.status == "completed") == (looked.error_code == "output_not_retrieved")


@pytest.mark.parametrize(
    "looked_up",
    [
        {"status": "completed", "data": {"output": None}},
        {"workflow_run": {"run_status": "completed", "output_content": None}},
    ],
)
def test_an_output_that_is_null_is_an_output(looked_up: Any) -> None:
    """Nothing is missing then."""
    with _service(looked_up) as client:
        run = client.submit("d", variant="v").refresh()
    assert (run.status, run.output, run.error, run.error_code) == ("completed", None, None, None)


def test_a_run_that_the_service_does_not_know_is_unknown_in_the_end() -> None:
    """Where only polling can tell; with the reason."""
    with _service(httpx.Response(404, json={"error": "Request not found"})) as client:
        pending = client.submit("d", variant="v")
        for _ in range(6):
            pending.refresh()
        run = pending.wait(60)
    assert (run.status, run.error_code) == ("unknown", "not_found")
    assert (tells(run.error, "Request not found"), run.may_have_run) == (True, True)
    assert len(fh.pending()) == 0


@pytest.mark.parametrize(("status", "looks"), [(401, 1), (403, 3)])
def test_look_ups_that_the_key_may_not_make_are_told_and_the_run_stays_pending(status: int, looks: int) -> None:
    """Where no callback can come; another key may ask for it later. A 403 alone may be one of a proxy."""
    with _service(httpx.Response(status, json={"error": "No access."})) as client:
        pending = client.submit("d", variant="v")
        for _ in range(looks):
            assert pending.waiting
            pending.refresh()
        with pytest.raises(fh.AuthError, match="No access") as raised:
            pending.wait(60)
        assert raised.value.may_have_run
        assert "No access" in pending._repr_html_()
        assert event_loop.run(pending.look()) is None
    assert fh.pending()["status"].tolist() == ["running"]


@pytest.mark.parametrize("base_url", ["https://api.test/v1", "http://127.0.0.1:9/v1"])
def test_a_run_that_waits_for_a_person_is_looked_up_ever_more_seldom(base_url: str) -> None:
    """Up to an hour, for a person may take days; one that goes on is looked up as any other, also on this machine."""
    with _service({"status": "awaiting_approval"}, {"status": "running"}, base_url=base_url) as client:
        pending = client.submit("d", variant="v")
        polling.forget(pending)  # the test alone asks
        assert pending.longest_s == polling.LONGEST_S
        usual = pending._repr_html_()
        pending.refresh()
        assert pending.longest_s == polling.LONGEST_PAUSED_S
        assert pending.by_callback or pending._repr_html_() != usual
        pending.refresh()
        assert pending.longest_s == polling.LONGEST_S
        pending.cancel_waiting()


def _with_profile(answer: Callable[[httpx.Request], httpx.Response], profile: Profile) -> AsyncClient:
    client = fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=httpx.MockTransport(answer)).aclient
    return AsyncClient.over(replace(client.connection, find_profile=lambda: profile))


def test_a_run_is_looked_up_first_where_the_probe_has_found_one() -> None:
    """Where it has the id of each address; the other one is asked when that does not know it."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        known = "/public/" in request.url.path
        return httpx.Response(200, json={"status": "running"}) if known else httpx.Response(404, json={"error": "no"})

    client = _with_profile(answer, Profile(look_up_path="/workflow_runs"))
    assert event_loop.run(client.look_up("req_1", "run_1")).status == "running"
    assert event_loop.run(client.look_up("req_1", None)).status == "running"
    assert asked == ["/v1/workflow_runs/run_1", "/v1/public/requests/req_1", "/v1/public/requests/req_1"]
    asked.clear()
    client = _with_profile(answer, Profile(look_up_path="/public/requests"))  # not documented for the id of a run
    assert event_loop.run(client.look_up(None, "run_1")).status == "running"
    assert asked == ["/v1/workflow_runs/run_1", "/v1/public/requests/run_1"]


def test_the_last_look_up_of_the_configured_cap_asks_one_address() -> None:
    """That is no evidence of the run; once the cap is used up, whoever asks all the same has both asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(404, json={"error": "no"})

    fh.configure(daily_cap=1)
    client = fh.Client(api_key=KEY, base_url="https://api.test/v1", transport=httpx.MockTransport(answer)).aclient
    run = event_loop.run(client.look_up("req_1", "run_1"))
    assert (asked, run.status_code, run.status) == (["/v1/public/requests/req_1"], None, "unknown")
    assert event_loop.run(client.look_up("req_1", "run_1")).status_code == 404
    assert len(asked) == 3


@pytest.mark.parametrize(("counts", "used"), [(None, 1), (True, 1), (False, 0)])
def test_look_ups_of_which_the_probe_knows_that_they_do_not_count_are_not_counted(
    counts: bool | None, used: int
) -> None:
    """And the configured cap does not end them; nobody knowing, they count as documented."""
    client = _with_profile(lambda request: httpx.Response(200, json={}), Profile(look_up_counts=counts))
    store = session.store()
    assert store is not None
    fh.configure(daily_cap=1)
    assert client.connection.left_for("lookup") == (1 if used else None)
    event_loop.run(client.look_up("req_1", None))
    store.requests.written().result()
    assert store.requests.on_day(client.workspace, datetime.now(UTC)) == used
    assert client.connection.left_for("lookup") == (0 if used else None)


@pytest.mark.parametrize("asks", ["refresh", "retrieve"])
def test_a_look_up_over_the_services_daily_cap_is_the_last_before_midnight(asks: str) -> None:
    """Of all runs of this client; a refresh or a retrieve asks all the same, and what it brings ends that."""
    daily = httpx.Response(429, json={"error": "x", "error_code": "api_rate_limit_exceeded"})
    with _service(daily, {"status": "running"}) as client:
        one, other = client.submit("d", variant="v"), client.submit("d", variant="v")
        assert event_loop.run(one.look()) == event_loop.run(other.look()) == 0.0
        assert (one.polls, other.polls) == (1, 0)
        assert one.is_capped
        assert other.is_capped
        assert "00:00 UTC" in other.trouble
        _ = other.refresh() if asks == "refresh" else client.retrieve("req_1")
        event_loop.run(one.look())
        assert (one.polls, one.is_capped, one.waiting) == (2, False, True)
        one.cancel_waiting()
        other.cancel_waiting()


def test_a_look_up_over_another_limit_pauses_for_some_seconds() -> None:
    """It is no evidence about the run."""
    busy = httpx.Response(429, json={"error": "x"})
    crowded = httpx.Response(429, json={"error": "x", "error_code": "concurrency_limit", "limit": 5, "current": 5})
    for answer in (busy, crowded):
        with _service(answer) as client:
            pending = client.submit("d", variant="v")
            assert event_loop.run(pending.look()) == 5.0
            assert pending.waiting
            pending.cancel_waiting()


def test_a_remote_service_is_not_given_this_machines_address(capsys: pytest.CaptureFixture[str]) -> None:
    """It could not reach it: the run is waited for by polling, and that is said once."""
    with _service({"status": "completed", "data": {"output": "hi"}}) as client, fh.CallbackReceiver() as receiver:
        pending = client.submit("d", variant="v", callback=receiver)
        assert pending.callback_url == NOWHERE
        assert pending.refresh().output == "hi"
    assert tells(capsys.readouterr().err, "public_url=")


def test_a_callback_that_is_no_address_is_refused_before_the_call(held: Held) -> None:
    """In one line."""
    with pytest.raises(fh.InputError, match="callback_url"):
        _submit(held, callback="hooks.example.com")
    with pytest.raises(fh.SettingsError, match="CallbackReceiver"):
        _submit(held, callback=3)
    assert not held.hive.calls


def test_the_signing_secret_is_nowhere_to_be_seen(held: Held, receiver: fh.CallbackReceiver, tmp_path: Path) -> None:
    """Not in a repr, HTML, the run as it is kept, nor in the store's file."""
    pending = _submit(held, callback=receiver)
    secret = held.hive.webhook_secret("held").reveal()
    assert receiver._secrets()[0].reveal() == secret
    held.let_go()
    run = pending.wait(20)
    shown = repr([pending, receiver, run, vars(receiver), run.raw, run.to_dict()])
    assert secret not in shown + pending._repr_html_() + receiver._repr_html_()
    session.reset()
    assert all(secret.encode() not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_no_secret_is_in_the_log_a_traceback_or_the_store_of_all_that_callbacks_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every logger at its chattiest: submitted, triggered, forged, rotated, refused, cancelled, reattached, tested."""
    caplog.set_level(1)
    key, own, given = "fhk_SECRET_of_the_key", "whsec_SECRET_of_the_service", "whsec_SECRET_that_was_given"
    door, wrong = "SECRET_of_the_endpoint", "fhk_SECRET_wrong"  # names, since a traceback shows the lines of this file
    fh.configure(store=tmp_path / "store.sqlite3")
    held = Held(api_key=key)
    held.hive.rotate_webhook_secret("held", own)
    endpoint = held.hive.webhook("held", "v", secret=door)
    shown: list[str] = []
    with held.hive.serve() as server, fh.CallbackReceiver(secrets=given) as receiver:
        client = fh.Client(base_url=server.url, api_key=key)
        runs = [client.submit("held", variant="v", inputs={"text": "a"}, callback=receiver) for _ in range(3)]
        runs.append(
            client.trigger(
                endpoint.endpoint_id,
                endpoint.variant_id,
                secret=door,
                inputs={"text": "a"},
                callback=receiver,
            )
        )
        shown += [repr(x) + x._repr_html_() for x in (*runs, receiver)]
        for body in (event("req_1"), b"\xff", json.dumps({"request_id": "req_2", "webhook_secret": own}).encode()):
            deliver(receiver, body, signed(body, given))
            deliver(receiver, body, signed(body, "SECRET_of_a_forger"))
        runs[0].cancel_waiting()
        shown += [str(receiver.self_test()), repr(fh.pending().to_dict())]
        runs += fh.reattach(client=client, receiver=receiver)
        held.let_go(4)
        shown += [repr(run.wait(20)) + json.dumps(run.run.raw) + run.run._repr_html_() for run in runs[1:]]
        for misuse in (
            lambda: client.trigger("wep", "v", secret=door, inputs={"text": object()}, callback=receiver),
            lambda: client.trigger("", "v", secret=door),
            lambda: fh.CallbackReceiver(secrets=[given, ""]),
            lambda: fh.CallbackReceiver(secrets=given, path="short"),
            lambda: fh.verify_signature("text", "x", given),  # type: ignore[arg-type]
            lambda: fh.Client(base_url=server.url, api_key=wrong).submit("held", variant="v"),
        ):
            with pytest.raises((fh.FetchHiveError, TypeError)) as raised:
                misuse()
            shown.append("".join(traceback.format_exception(raised.value)))
            frames = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
            own_frames = [f for f in frames.stack if "fh_notebook" in f.filename and "tests" not in f.filename]
            shown += [repr(f.locals) for f in own_frames]
        client.close()
    session.reset()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"pending" in kept
    assert b"SECRET" not in kept
    assert "SECRET" not in caplog.text
    assert "SECRET" not in "".join(shown)


def test_a_password_is_masked_among_the_pending_runs(receiver: fh.CallbackReceiver) -> None:
    """What is written down before the call is as it may be shown."""
    held = Held()
    dep = fh.Deployment("held", variants=["v"], inputs={"text": fh.text(secret=True)})
    pending = held.hive.client().submit(dep, inputs={"text": "hunter2hunter2"}, callback=receiver)
    store = session.store()
    assert store is not None
    (line,) = PendingRuns(store, held.hive.client().workspace).rows()
    assert line.inputs == {"text": "***"}
    held.let_go()
    assert pending.wait(20).ok


def test_its_html_is_escaped_and_says_what_is_known(held: Held) -> None:
    """Whatever the service's words are."""
    with _service({"status": "<b>odd</b>"}) as client:
        pending = client.submit("<i>d</i>", variant="v")
        pending.refresh()
        shown = pending._repr_html_()
        assert "&lt;b&gt;odd&lt;/b&gt;" in shown
        assert "<b>odd" not in shown
        assert "<i>d" not in shown
        pending.cancel_waiting()
        assert "fh.reattach()" in pending._repr_html_()


def test_a_store_that_fails_loses_no_answer(held: Held, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told, and the run is had all the same."""
    fh.configure(store=tmp_path / "no" / "database.sqlite3")
    (tmp_path / "no").write_text("a file in the way of the folder")
    pending = _submit(held)
    held.let_go()
    assert pending.wait(20).output == "A"
    assert "not" in capsys.readouterr().err


def test_without_a_store_nothing_is_written_down(held: Held) -> None:
    """`store=None`: pending runs end with the kernel."""
    fh.configure(store=None)
    pending = _submit(held)
    assert len(fh.pending()) == 0
    held.let_go()
    assert pending.wait(20).output == "A"
    with pytest.raises(fh.SettingsError, match="store=None"):
        fh.reattach(client=held.hive.client())


def test_a_run_is_written_down_before_it_is_sent() -> None:
    """A kernel that ends while the call is out leaves a line that says so; it is not asked for and not called again."""
    seen: list[str] = []

    def service(request: httpx.Request) -> httpx.Response:
        store = session.store()
        assert store is not None
        seen.extend(line.status for line in PendingRuns(store, client.workspace).rows())
        return httpx.Response(200, json={"request_id": "req_1", "run_status": "completed", "output": "at once"})

    with fh.Client(
        api_key=KEY, base_url="https://api.test/v1", transport=httpx.MockTransport(service)
    ) as client:  # fmt: skip
        assert client.submit("d", variant="v").run.output == "at once"
    assert seen == ["sending"]


def test_a_trigger_starts_a_run_without_the_key(held: Held, receiver: fh.CallbackReceiver) -> None:
    """By the endpoint's own secret, in a header; a wrong one is refused, and shown nowhere."""
    endpoint = held.hive.webhook("held", "v")
    client = held.hive.client()
    ids = endpoint.endpoint_id, endpoint.variant_id
    pending = client.trigger(*ids, secret=endpoint.secret, inputs={"text": "a"}, callback=receiver)
    held.let_go()
    assert (pending.wait(20).output, pending.came_by) == ("A", "callback")
    store = session.store()
    assert store is not None
    assert store.requests.on_day(client.workspace, datetime.now(UTC)) == 1
    with pytest.raises(fh.AuthError) as told:
        client.trigger(*ids, secret="a wrong secret", inputs={"text": "a"}, callback=receiver)
    assert "a wrong secret" not in str(told.value)
    for bad in ("", fh.Secret("")):
        with pytest.raises(fh.InputError, match="^secret= "):
            client.trigger(*ids, secret=bad)
    assert len(held.hive.calls) == 1


@pytest.mark.parametrize(
    ("status", "body", "asks"),
    [
        (422, b'{"error_code": "async_required"}', True),
        (400, b'{"error": "Workflows with human steps must be run with callback delivery"}', True),
        (409, b'{"message": "Use async mode"}', True),
        (429, b'{"error": "Try again later or use async mode."}', False),
        (422, b'{"error": "callback_url is required when async is enabled"}', False),
        (422, b'{"error": "async must be an object"}', False),
        (422, b'{"error": "text is required"}', False),
        (500, b'{"error": "async"}', False),
        (422, b"async", False),
        (422, b"[]", False),
        (200, b'{"error_code": "async_required"}', False),
        (None, b"", False),
    ],
)
def test_which_refusals_ask_for_callback_delivery(status: int | None, body: bytes, asks: bool) -> None:
    """By code, and where that is not known by words; never the concurrency cap's."""
    assert needs_callback(Response(status_code=status, body=body)) is asks


def test_a_long_question_is_whole_in_the_card_and_one_line_elsewhere() -> None:
    """Who decides must be able to read it to its end."""
    question = "Refund 120?\n" + "The parcel was late. " * 40 + "Her third letter."
    said = {"status": "awaiting_approval", "data": {"waiting_for": "finance", "question": question}}
    with _service(said) as client:
        pending = client.submit("d", variant="v")
        pending.refresh()
        assert "Her third letter." in pending._repr_html_()
        assert re.search(r"Telegram[^<]*:", pending._repr_html_())
        assert pending.waits_for.startswith("finance: Refund 120? The parcel")
        assert len(pending.waits_for) < 140
        pending.cancel_waiting()


def test_who_a_run_waits_for_is_read_wherever_it_stands() -> None:
    """At the top, in `data`, in an approval; nothing where it is not said."""
    places = (
        {"approver": "finance"}, {"data": {"assignee": "finance"}}, {"data": {"approval": {"approvers": ["finance"]}}},
        {"request": {"data": {"waiting_for": "finance"}}},
    )  # fmt: skip
    assert [waits_for(fh.Run(status="awaiting_approval", raw=raw)) for raw in places] == ["finance"] * 4
    assert waits_for(fh.Run(status="running", raw=places[0])) == ""
    assert waits_for(fh.Run(status="awaiting_approval", raw="text")) == ""


def test_two_that_reach_for_the_same_pending_run_one_has_it(tmp_path: Path) -> None:
    """By the store, whatever process they are in."""
    store = session.store()
    assert store is not None
    registry = PendingRuns(store, "w")
    request = fh.InvokeRequest(deployment="d", callback_url=NOWHERE)

    async def open_() -> Any:
        from fh_notebook.contract.secrets import Secrets

        return await registry.open(request, Secrets())

    ticket = event_loop.run(open_())
    ticket.let_go()
    (line,) = registry.rows()
    assert not registry.is_waited_for(line)
    assert [registry.take_over(line) is not None for _ in range(2)] == [True, False]


def test_the_pending_table_is_the_last_step_of_the_stores_versions(tmp_path: Path) -> None:
    """A store of the version before it is brought up, with its answers."""
    from fh_notebook.store.database import MIGRATIONS, open_connection
    from fh_notebook.store.tables import pending as table

    path = tmp_path / "old.sqlite3"
    before = MIGRATIONS.index(table.CREATE)
    open_connection(path, migrations=MIGRATIONS[:before]).close()
    with sqlite3.connect(path) as old:
        assert not list(old.execute("SELECT 1 FROM sqlite_master WHERE name = 'pending'"))
    old.close()
    with Store(path).closing() as brought_up:
        assert brought_up.pending.every() == []


def test_elapsed_is_from_the_call_to_the_outcome(held: Held, receiver: fh.CallbackReceiver) -> None:
    """By this machine's clock: the wait is in it."""
    begun = time.perf_counter()
    pending = _submit(held, callback=receiver)
    pending.wait(timeout_s=0.05)
    held.let_go()
    run = pending.wait(20)
    assert 0.05 <= run.elapsed_s <= time.perf_counter() - begun


def test_what_is_forgotten_is_forgotten_among_the_pending_runs_too(held: Held) -> None:
    """Their inputs lie in the store as well."""
    pending = _submit(held, "a private text")
    pending.cancel_waiting()
    assert len(fh.pending()) == 1
    fh.forget(deployment="another", everywhere=True)
    assert len(fh.pending()) == 1
    fh.forget(deployment="held", everywhere=True)
    assert len(fh.pending()) == 0


@pytest.mark.parametrize(
    "says_nothing",
    [
        httpx.Response(200, text="<html><title>Maintenance</title>"),
        {},
        {"status": "unknown"},
        httpx.Response(200, json=[]),
    ],
)
def test_a_look_up_that_says_nothing_of_the_run_ends_nothing(says_nothing: Any) -> None:
    """A proxy's page, an empty object: told as the trouble, and the next look-up has the outcome."""
    with _service(says_nothing, {"status": "completed", "data": {"output": "hi"}}) as client:
        pending = client.submit("d", variant="v")
        assert pending.refresh().status == "running"
        assert pending.waiting
        assert pending.trouble
        assert (pending.refresh().output, pending.trouble) == ("hi", "")


def test_a_callback_that_says_nothing_of_the_run_ends_nothing(held: Held) -> None:
    """Only an outcome ends it, in whatever word."""
    with held.hive.client() as client:
        pending = client.submit("held", variant="v", inputs={"text": "a"}, poll=False)
        told = json.dumps({"request_id": pending.request_id}).encode()
        pending.take(fh.parse_event(told))
        assert (pending.status, pending.waiting) == ("running", True)
        ended = json.dumps({"event_type": "workflow.succeeded", "request_id": pending.request_id}).encode()
        pending.take(fh.parse_event(ended))
        assert pending.wait(20).status == "completed"
        held.let_go()
