"""A running batch is paused, tuned and paced; what is planned without a start; the unknown is asked for."""

from __future__ import annotations

import asyncio
import gc
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching.model import JobCounts, Started
from fh_notebook.batching.rendering import progress_sentence
from fh_notebook.client import polling
from fh_notebook.client.clients import AsyncClient
from fh_notebook.client.pending_run import PendingRun
from fh_notebook.local import LocalHive, aask_human
from fh_notebook.session import session
from tests.batching.hives import KEY, Held, Shouting, rows, until
from tests.told import facts, numbers_in, tells


def _held(held: Held, number: int = 10, **options: Any) -> fh.Batch:
    options = {"client": held.hive.client(), "progress": False, "max_concurrency": 2, "wait": False, **options}
    return fh.batch(rows(number), "held", **options)


def test_a_paused_batch_starts_nothing_and_goes_on() -> None:
    """What is out comes in and is kept; `resume` goes on where it was, without a second start."""
    with Held().freed() as held:
        batch = _held(held)
        held.wait_for(2)
        assert batch.pause() is batch
        until(lambda: (run := batch._control.status.run) is not None and run.paused)
        held.let_go()
        until(lambda: batch.counts.done == 2 and batch.in_flight == 0)
        assert (batch.paused, batch.running) == (True, True)
        assert batch.summary().endswith("; paused")
        assert batch.counts == JobCounts(planned=10, done=2, pending=8, calls=2)
        batch.resume()
        assert batch.counts == JobCounts(planned=10, done=10, calls=10)
        assert (batch.paused, batch.running) == (False, False)


def test_a_paused_batch_that_is_awaited_goes_on_too() -> None:
    """The async twin of `resume` is the same one."""
    with Held().freed() as held:
        batch = _held(held, 4)
        held.wait_for(2)
        batch.pause()
        until(lambda: (run := batch._control.status.run) is not None and run.paused)
        held.let_go()
        assert asyncio.run(batch.aresume()) is batch
        assert batch.counts == JobCounts(planned=4, done=4, calls=4)


def test_a_paused_batch_can_be_cancelled() -> None:
    """Nothing was out, so nothing is unknown."""
    with Held().freed() as held:
        batch = _held(held)
        held.wait_for(2)
        batch.pause()
        until(lambda: (run := batch._control.status.run) is not None and run.paused)
        held.let_go()
        until(lambda: batch.in_flight == 0)
        batch.cancel()
        batch.wait()
        assert batch.counts == JobCounts(planned=10, done=2, pending=8, calls=2)
        assert not batch.paused


def test_a_pause_of_what_does_not_run_is_nothing() -> None:
    """And does not hold up the next start."""
    shouting = Shouting()
    batch = fh.batch(rows(2), "shout", client=shouting.hive.client(), progress=False)
    assert not batch.pause().paused
    assert batch.resume().counts.done == 4


def test_the_number_at_once_is_tuned_while_it_runs() -> None:
    """More at once takes effect at once; fewer, as calls come in; the workspace's limiter gets no ceiling of it."""
    with Held().freed() as held:
        client = held.hive.client()
        batch = _held(held, 20, client=client)
        held.wait_for(2)
        batch.max_concurrency = 5
        held.wait_for(3)
        assert batch.in_flight == 5
        assert batch.limit == batch.max_concurrency == 5
        batch.max_concurrency = 1
        until(lambda: batch.limit == 1)
        held.let_go(5)
        until(lambda: batch.counts.done == 5)
        held.wait_for(1)
        assert batch.in_flight == 1
        held.let_go()
        batch.wait()
        assert batch.counts.done == 20
        assert client.limiter.most is None
        with pytest.raises(fh.SettingsError, match="max_concurrency is 0"):
            batch.max_concurrency = 0


def test_a_dry_run_sends_and_keeps_nothing_and_can_be_resumed() -> None:
    """The plan is all there is; then it is an ordinary batch."""
    shouting = Shouting(name="lasting")
    client = shouting.hive.client()
    batch = fh.batch(rows(3), "shout", client=client, variants="loud", name="mine", dry_run=True, progress=False)
    assert str(batch.plan()) == "shout: 3 rows x 1 variant = 3 jobs; 3 calls"
    assert batch.counts == JobCounts(planned=3, pending=3)
    assert len(batch.pending) == 3
    assert not batch.running
    store = session.store()
    assert store is not None
    assert store.batches.every() == []
    with pytest.raises(fh.InputError):
        fh.batch([{"text": 1}], fh.Deployment("shout", inputs={"text": fh.text()}), variants="loud", dry_run=True)
    assert batch.resume().counts == JobCounts(planned=3, done=3, calls=3)
    assert fh.open_batch("mine", client=client).counts.done == 3


def test_a_dry_run_of_failures_is_on_record_once_they_are_called_again() -> None:
    """Answers that came of `retry_failed` are found again by the batch's own name."""
    shouting = Shouting(name="lasting")
    shouting.hive.fail_next(2, status=422, error_code="model_deprecated")
    asked: dict[str, Any] = {"variants": "loud", "client": shouting.hive.client(), "progress": False}
    fh.batch(rows(2), "shout", name="first", max_concurrency=1, **asked)
    batch = fh.batch(rows(2), "shout", name="mine", reuse="store", dry_run=True, **asked)
    assert batch.retry_failed().counts.done == 2
    assert fh.open_batch("mine", client=asked["client"]).counts == JobCounts(planned=2, done=2, reused=2)


def test_a_rate_paces_the_calls() -> None:
    """Evenly, whatever is admitted at once; waiting is not in `elapsed_s`."""
    shouting = Shouting()
    began: list[datetime] = []

    def note(event: Any) -> None:
        if isinstance(event, Started):
            began.append(datetime.now(UTC))

    batch = fh.batch(
        rows(6), "shout", variants="loud", client=shouting.hive.client(), rate=20, on_event=note, progress=False
    )
    assert batch.counts.done == 6
    gaps = [(b - a).total_seconds() for a, b in pairwise(began)]
    assert median(gaps) > 0.03  # of a busy machine one may come late, and the next soon after it
    assert batch.frame["elapsed_s"].sum() < (began[-1] - began[0]).total_seconds()


@pytest.mark.parametrize("rate", ["fast", 0, -1, True, "0/s", "5/fortnight"])
def test_a_rate_that_cannot_be_meant_is_told(rate: Any) -> None:
    """In one line, before anything is called."""
    shouting = Shouting()
    with pytest.raises(fh.SettingsError, match="rate"):
        fh.batch(rows(1), "shout", client=shouting.hive.client(), rate=rate, progress=False)
    assert shouting.calls == 0


class Midnight:
    """A clock that jumps to where one sleeps to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
        self.slept_s = 0.0

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.slept_s += seconds


def test_a_batch_waits_for_the_renewal_of_the_daily_cap_and_goes_on() -> None:
    """It sleeps until midnight in UTC, more than once if need be; each job is called once."""
    clock = Midnight()
    shouting = Shouting(daily_cap=7, clock=clock)
    batch = fh.batch(
        rows(20),
        "shout",
        variants="loud",
        client=shouting.hive.client(),
        max_concurrency=1,
        wait_for_reset=True,
        dry_run=True,
        progress=False,
    )
    batch._control._settings = replace(batch._control._settings, now=clock, sleep=clock.sleep)
    batch.resume()
    assert batch.counts == JobCounts(planned=20, done=20, calls=22, refused=2)
    assert batch.stopped is None
    assert clock.now.date() == datetime(2026, 11, 26, tzinfo=UTC).date()
    assert 24 * 3600 < clock.slept_s < 27 * 3600
    assert set(shouting.ran.values()) == {1}


@pytest.mark.parametrize(("number", "cap"), [(2, 4), (4, 5), (8, 8)])
def test_a_batch_waits_for_the_renewal_with_runs_that_were_looked_up_until_the_cap(
    monkeypatch: pytest.MonkeyPatch, number: int, cap: int
) -> None:
    """Those are waited for again, and none is submitted twice, whether or not others were not called yet.

    They have not failed: `fail_on_error` does not count them.
    """
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    monkeypatch.setattr(polling, "EVERY_S", 0.002)
    monkeypatch.setattr(polling, "LONGEST_S", 0.05)
    hive, clock, said = LocalHive(name="lasting"), Midnight(), list[str]()

    @hive.workflow("shout", variant="loud", human="finance")
    async def shout(text: str) -> str:
        return text.upper() if said or (await aask_human(f"{text}?")).approved else ""

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if not said:
            said.append(progress_sentence("b", batch.counts))
            fh.configure(daily_cap=1000)
            for approval in hive.approvals:
                hive.decide(approval.request_id, approve=True)

    fh.configure(daily_cap=cap)
    options: dict[str, Any] = {
        "delivery": "poll", "wait_for_reset": True, "dry_run": True, "progress": False, "fail_on_error": True
    }  # fmt: skip
    batch = fh.batch(rows(number), "shout", client=hive.client(), max_concurrency=2, **options)
    batch._control._settings = replace(batch._control._settings, now=clock, sleep=sleep)
    batch.resume()
    assert tells(said[0], "2", "batch.resolve_unknown()", "00:00 UTC")
    assert (batch.counts.done, batch.counts.capped, hive.counts.calls) == (number, 0, number)
    assert batch.stopped is None
    assert fh.pending().empty


def test_a_batch_that_waits_for_the_renewal_can_be_cancelled() -> None:
    """It says until when it waits; what was not called stays pending."""
    shouting = Shouting(daily_cap=2)
    batch = fh.batch(
        rows(5),
        "shout",
        variants="loud",
        client=shouting.hive.client(),
        max_concurrency=1,
        wait_for_reset=True,
        wait=False,
        progress=False,
    )
    until(lambda: batch._control.status.waiting_until is not None)
    waits_until = batch._control.status.waiting_until
    assert waits_until is not None
    assert (waits_until.hour, waits_until.minute) == (0, 0)
    assert batch.running
    assert batch.stopped is None
    assert tells(batch.summary(), "00:00 UTC")
    batch.cancel()
    batch.wait()
    assert batch.stopped is not None
    assert batch.stopped.reason == "cancelled"
    assert batch.counts == JobCounts(planned=5, done=2, pending=3, calls=3, refused=1)


def test_a_configured_cap_leaves_room_for_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a call is answered by a look-up, ten requests are five calls; what is out is waited for."""
    monkeypatch.setattr(polling, "FIRST_S", 0.05)
    monkeypatch.setattr(polling, "EVERY_S", 0.002)
    fh.configure(daily_cap=10)
    shouting = Shouting(name="lasting")
    batch = fh.batch(rows(8), "shout", variants="loud", client=shouting.hive.client(), delivery="poll", progress=False)
    assert tells(str(batch.plan()), "8 look-ups")
    assert tells(str(batch.plan()), "5", "00:00 UTC")
    assert batch.counts.calls <= 5
    left = batch.counts.calls - batch.counts.done  # one that was not ready is looked up more than once
    assert batch.frame["error_code"].eq("look_ups_capped").sum() == batch.counts.unknown == left
    assert batch.stopped is not None
    assert batch.stopped.reason == "daily_cap"


@pytest.mark.long
@pytest.mark.parametrize("concurrency", [3, None])
def test_a_small_cap_is_spent_on_answers_where_nobody_knows_how_long_rows_take(
    monkeypatch: pytest.MonkeyPatch, concurrency: int | None
) -> None:
    """A few rows show it, and the look-ups of the others come in time; also where the service queues some of them."""
    monkeypatch.setattr(polling, "FIRST_S", 0.1)
    monkeypatch.setattr(polling, "EVERY_S", 0.01)
    hive = LocalHive(concurrency=concurrency, latency_s=0.2)

    @hive.workflow("shout", variant="loud")
    def shout(text: str) -> str:
        return text.upper()

    fh.configure(daily_cap=50)
    batch = fh.batch(rows(40), "shout", client=hive.client(), delivery="poll", progress=False)
    assert tells(str(batch.plan()), "40 look-ups", "25")
    assert batch.counts.done >= 15
    assert batch.counts.unknown <= 2
    assert batch.counts.done + batch.counts.unknown + batch.counts.pending == 40
    assert batch.stopped is not None
    assert batch.stopped.reason == "daily_cap"
    assert tells(batch.stopped.message, "50", "00:00 UTC", "batch.resume()")


@pytest.mark.parametrize("cap", [1000, 8])
def test_how_late_earlier_answers_were_found_delays_no_look_up(monkeypatch: pytest.MonkeyPatch, cap: int) -> None:
    """What is saved is until the look-up that found the end, or after a person; `until` would not come to its end."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    fh.configure(daily_cap=cap)
    shouting = Shouting(name="lasting")
    client = shouting.hive.client()
    run = fh.Run(status="completed", output="T", deployment="shout", variant="loud", elapsed_s=3600.0, attempts=2)
    store = session.store()
    assert store is not None
    store.answers.keep(run, client.workspace).result()
    batch = fh.batch(rows(3), "shout", variants="loud", client=client, delivery="poll", wait=False, progress=False)
    until(lambda: batch.counts.done == 3)
    batch.wait()


def test_batches_by_polling_that_run_at_once_begin_no_call_whose_look_up_nothing_pays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a run of one holds is not there for the calls of the other."""
    monkeypatch.setattr(polling, "FIRST_S", 0.1)
    monkeypatch.setattr(polling, "EVERY_S", 0.01)
    fh.configure(daily_cap=24)
    hive = Shouting(name="lasting").hive
    batches = [
        fh.batch(
            rows(20),
            "shout",
            variants=variant,
            client=hive.client(),
            delivery="poll",
            wait=False,
            progress=False,
            name=variant,
        )
        for variant in ("loud", "soft")
    ]
    for batch in batches:
        batch.wait()
    assert [batch.counts.unknown for batch in batches] == [0, 0]
    assert sum(batch.counts.calls for batch in batches) >= 10


@pytest.mark.long
def test_a_look_up_that_fails_makes_no_other_one_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing of how long a run takes."""
    monkeypatch.setattr(polling, "EVERY_S", 0.01)
    shouting = Shouting()
    client = shouting.hive.client()
    learned = client.aclient.connection.look_ups.expected_s
    learned["shout"] = 0.1
    shouting.hive.fail_next(4, status=503, on="retrieve")
    fh.configure(daily_cap=30)
    batch = fh.batch(rows(4), "shout", variants="loud", client=client, delivery="poll", progress=False)
    assert batch.counts.done == 4
    assert learned["shout"] <= 0.1


def test_an_answer_to_a_look_up_that_comes_late_says_how_the_run_was_when_it_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next batch would wait for as long as that answer took."""
    monkeypatch.setattr(polling, "EVERY_S", 0.01)
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    held, age_s = Held(name="lasting"), [1.0]
    monkeypatch.setattr(PendingRun, "age_s", property(lambda self: age_s[0]))
    look_up = AsyncClient.look_up

    async def slow(self: AsyncClient, *args: Any, **more: Any) -> Any:
        answer = await look_up(self, *args, **more)
        age_s[0] = 60.0  # before the answer is here
        held.let_go(1)
        return answer

    monkeypatch.setattr(AsyncClient, "look_up", slow)
    client = held.hive.client()
    learned = client.aclient.connection.look_ups.expected_s
    learned["held"] = 1.0
    fh.configure(daily_cap=4)
    batch = fh.batch(rows(1), "held", client=client, delivery="poll", progress=False)
    assert batch.counts.done == 1
    assert learned["held"] == 1.25


@pytest.mark.long
def test_a_run_that_was_submitted_before_costs_its_look_up_alone_and_does_not_say_how_long_others_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cap has to leave no call for it, and none is counted; its age is how long nobody asked."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    held = Held(name="lasting")
    client = held.hive.client()
    fh.configure(daily_cap=5)
    options: dict[str, Any] = {"client": client, "delivery": "poll", "progress": False, "name": "left"}
    assert fh.batch(rows(2), "held", **options).frame["error_code"].tolist() == ["look_ups_capped"] * 2
    held.let_go(2)
    assert held.hive.wait_idle()
    fh.configure(daily_cap=8)
    again = fh.batch(rows(2), "held", **options)
    assert tells(str(again.plan()), "0 calls", "2", "2 look-ups")
    assert tells(str(again.plan()), "5", "3")
    assert (again.counts.done, again.counts.calls, held.ran.total()) == (2, 0, 2)
    store = session.store()
    assert store is not None
    assert store.requests.on_day(client.workspace, datetime.now(UTC)) == 7
    assert client.aclient.connection.look_ups.expected_s == {}


@pytest.mark.long
@pytest.mark.parametrize(("limit", "done", "calls"), [({"max_calls": 1}, 3, 1), ({"daily_cap": 8}, 2, 0)])
def test_runs_that_were_submitted_before_are_looked_up_before_new_calls_are_made(
    limit: dict[str, int], done: int, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever their rows are: they are paid for, and a limit ends new calls alone. So the plan says it."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    held = Held(name="lasting")
    fh.configure(daily_cap=5)
    options: dict[str, Any] = {"client": held.hive.client(), "delivery": "poll", "progress": False, "name": "left"}
    assert fh.batch(rows(4)[2:], "held", **options).frame["error_code"].tolist() == ["look_ups_capped"] * 2
    held.let_go()
    assert held.hive.wait_idle()
    fh.configure(daily_cap=limit.pop("daily_cap", 50))
    again = fh.batch(rows(4), "held", **options, **limit, replace=True)
    assert (again.counts.done, again.counts.calls, again.counts.unknown) == (done, calls, 0)
    assert {"t2", "t3"} <= set(again.frame["text"])


def test_a_cap_below_a_call_and_its_look_up_begins_none_and_is_not_waited_for() -> None:
    """No day has room for it: the message says what has."""
    fh.configure(daily_cap=1)
    shouting = Shouting()
    batch = fh.batch(
        rows(2),
        "shout",
        variants="loud",
        client=shouting.hive.client(),
        delivery="poll",
        wait_for_reset=True,
        progress=False,
    )
    assert shouting.calls == 0
    assert batch.stopped is not None
    assert batch.stopped.reason == "cap_too_low"
    assert "daily_cap=2" in batch.stopped.message


@pytest.mark.parametrize(
    ("requests", "elapsed_s", "delivery", "expected"),
    [
        (1, 60.0, "direct", 0),
        (1, 1.1, "poll", 2),
        (2, 1.1, "poll", 1),
        (2, 1.1, "callback", 0),
        (1, 60.0, "callback", 3),
        (1, 60.0, "pausing", 7),
    ],
)
def test_look_ups_are_planned_by_what_the_last_calls_took(
    requests: int, elapsed_s: float, delivery: str, expected: int
) -> None:
    """A time that a look-up has found is late by chance.

    By callback, a run of a deployment whose runs are known to wait for people is looked up as without a receiver.
    """
    shouting = Shouting(name="lasting")
    client = shouting.hive.client()
    if delivery == "pausing":
        client.aclient.connection.pausing.add("shout")
        delivery = "callback"
    store = session.store()
    assert store is not None
    run = fh.Run(
        status="completed", output="T", deployment="shout", variant="loud", elapsed_s=elapsed_s, attempts=requests
    )
    store.answers.keep(run, client.workspace).result()
    planned = fh.batch(
        rows(4), "shout", variants="loud", client=client, delivery=delivery, dry_run=True, progress=False
    ).plan()
    assert planned.look_ups_per_call == expected


@pytest.mark.parametrize(("cap", "is_known", "looks"), [(200, False, False), (200, True, True), (None, False, True)])
def test_by_callback_near_the_service_a_cap_is_spent_on_no_look_up_that_the_plan_does_not_count(
    monkeypatch: pytest.MonkeyPatch, cap: int | None, is_known: bool, looks: bool
) -> None:
    """Unless runs of the deployment are known to wait for people; without a cap, which ones do shows soon."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    fh.configure(daily_cap=cap)
    with Held().freed() as held:
        client = held.hive.client()
        if is_known:
            client.aclient.connection.pausing.add("held")
        batch = _held(held, 4, client=client, delivery="callback", max_concurrency=4)
        held.wait_for(4)
        assert "look-up" not in str(batch.plan())
        until(lambda: polling._of_loop is not None and len(polling._of_loop[1]) == 4)
        if looks:
            until(lambda: held.hive.counts.used_today > held.hive.counts.calls)
        else:
            assert polling._of_loop is not None
            assert min(entry.wait_s for entry in polling._of_loop[1]._entries.values()) == 10.0
        held.let_go()
        batch.wait()
        assert batch.counts.done == 4
        if not looks:
            assert held.hive.counts.used_today == held.hive.counts.calls


def test_a_configured_cap_stops_before_the_refused_call() -> None:
    """Counted across batches, single runs and kernels; the plan says how many are used."""
    fh.configure(daily_cap=10)
    shouting = Shouting(name="lasting")
    client = shouting.hive.client()
    for i in range(3):
        client.invoke("shout", variant="loud", inputs={"text": f"single {i}"})
    first = fh.batch(rows(4), "shout", variants="loud", client=client, progress=False)
    assert tells(str(first.plan()), "10", "3", "7", "00:00 UTC")
    session.reset()
    second = fh.batch(rows(20), "shout", variants="loud", client=client, progress=False)
    assert tells(str(second.plan()), "10", "7", "3", "00:00 UTC")
    assert second.counts.calls == 3
    assert shouting.calls == 10
    assert second.stopped is not None
    assert second.stopped.reason == "daily_cap"
    assert tells(second.stopped.message, "10", "00:00 UTC", "batch.resume()")
    assert second.resume().counts.calls == 3


def test_without_a_store_the_daily_cap_is_counted_until_the_process_ends() -> None:
    """Single calls and batches share it, also one that was collected, and the plan says how long it is counted."""
    fh.configure(daily_cap=6, store=None)
    shouting = Shouting()
    client = shouting.hive.client()
    client.invoke("shout", variant="loud", inputs={"text": "single"})
    first = fh.batch(rows(2), "shout", variants="loud", client=client, progress=False)
    assert tells(str(first.plan()), "6 calls", "1", "5", "00:00 UTC")
    assert first.counts.calls == 2
    del first
    gc.collect()
    second = fh.batch(rows(5), "shout", variants="loud", client=client, progress=False)
    plan = str(second.plan())
    assert tells(plan, "6 calls", "3", "00:00 UTC")
    assert "store=None" in plan
    assert second.counts.calls == 3
    third = fh.batch(rows(5), "shout", variants="loud", client=client, progress=False)
    assert third.stopped is not None
    assert (third.stopped.reason, third.counts.calls, shouting.calls) == ("daily_cap", 0, 6)


@pytest.mark.long
def test_without_a_store_look_ups_share_the_daily_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch by polling ends in time, and the service refuses no request."""
    monkeypatch.setattr(polling, "FIRST_S", 0.01)
    with Held(daily_cap=6).freed() as held:
        fh.configure(daily_cap=6, store=None)
        client = held.hive.client()
        capped = fh.batch(rows(2), "held", client=client, delivery="poll", progress=False)
        assert capped.frame["error_code"].tolist() == ["look_ups_capped"] * 2
        assert held.hive.counts.calls == 2
        after = fh.batch(rows(1), "held", client=client, progress=False)
        assert tells(str(after.plan()), "6 calls")
        assert (after.counts.calls, held.hive.counts.refused) == (0, 0)


def test_without_a_store_batches_that_run_at_once_share_the_daily_cap() -> None:
    """Each has a store of its own, and the claim of a call counts for all of them at once."""
    fh.configure(daily_cap=40, store=None)
    shouting = Shouting()
    client = shouting.hive.client()
    batches = [
        fh.batch(rows(20), "shout", variants="loud", client=client, max_concurrency=4, wait=False, progress=False)
        for _ in range(4)
    ]
    for batch in batches:
        batch.wait()
    assert sum(batch.counts.calls for batch in batches) == shouting.calls == 40


def test_money_is_planned_and_bounded() -> None:
    """A price makes a cost of the calls, and `max_cost` a ceiling of them."""
    shouting = Shouting()
    client = shouting.hive.client()
    with pytest.raises(fh.SettingsError, match=facts("max_cost", "fh.configure", "price_per_call")):
        fh.batch(rows(9), "shout", client=client, max_cost=1, progress=False)
    fh.configure(price_per_call=0.25)
    batch = fh.batch(rows(9), "shout", variants="loud", client=client, max_cost=1, progress=False)
    assert tells(str(batch.plan()), "shout", "9 rows", "1 variant", "9 jobs", "9 calls", "1.00", "0.25", "4 calls")
    assert batch.counts.calls == 4
    assert batch.plan().cost == 1.0
    for wrong in (-1, float("nan"), True, "1"):
        with pytest.raises(fh.SettingsError, match="max_cost is"):
            fh.batch(rows(1), "shout", client=client, max_cost=wrong, progress=False)  # type: ignore[arg-type]


def test_a_plan_forecasts_by_how_long_such_calls_took() -> None:
    """Unknown at first; then calls by their median, so many at once."""
    shouting = Shouting(latency_s=0.02)
    client = shouting.hive.client()
    assert fh.batch(rows(4), "shout", variants="loud", client=client, dry_run=True).plan().seconds is None
    fh.batch(rows(4), "shout", variants="loud", client=client, progress=False)
    new = rows(108)[4:]
    planned = fh.batch(new, "shout", variants="loud", client=client, max_concurrency=10, dry_run=True).plan()
    assert planned.calls == 104
    assert planned.seconds is not None
    assert 11 * 0.02 <= planned.seconds < 11 * 2
    paced = fh.batch(new, "shout", variants="loud", client=client, rate=1, dry_run=True).plan()
    assert paced.seconds == pytest.approx(104, rel=0.05)


def test_what_may_have_run_is_known_without_its_output() -> None:
    """A look-up that says completed settles it: it is not called again, and its row says where the output is."""
    hive = LocalHive(name="lasting", api_key=KEY, retrieves_output=False)
    ran: list[str] = []

    @hive.workflow("shout", variant="loud")
    def loud(text: str) -> str:
        ran.append(text)
        return text.upper()

    client = hive.client()
    # An answer that is lost on the way, but for the id of its request.
    earlier = client.invoke("shout", variant="loud", inputs={"text": "t0"})
    hive.fail_next(1, status=500, body=json.dumps({"request_id": earlier.request_id}).encode())
    batch = fh.batch(rows(1), "shout", variants="loud", client=client, reuse="batch", progress=False)
    assert batch.counts.unknown == 1
    batch.resolve_unknown()
    batch.resume(retry_unknown=True)
    assert (batch.counts.done, ran) == (1, ["t0"])
    assert batch.frame["error_code"].tolist() == ["output_not_retrieved"]


def test_what_may_have_run_is_asked_for_by_its_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    """What the service knows is kept; the rest stays unknown, and one line says how to call it again."""
    hive = LocalHive(name="lasting", api_key=KEY)
    ran: list[str] = []

    @hive.workflow("shout", variant="loud")
    def loud(text: str) -> str:
        ran.append(text)
        return text.upper()

    with hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        hive.fail_next(2, status=500, after_running=True)
        hive.fail_next(1, reset=True, after_running=True)
        batch = fh.batch(rows(4), "shout", variants="loud", client=client, max_concurrency=1, progress=False)
        assert batch.counts == JobCounts(planned=4, done=1, unknown=3, calls=4)
        known = batch.frame.loc[batch.frame["status"] == "unknown", "request_id"].notna().sum()
        assert batch.resolve_unknown() is batch
        said = "".join(capsys.readouterr())
        assert batch.counts == JobCounts(planned=4, done=1 + known, unknown=3 - known, calls=4)
        assert tells(said, 3 - known, "retry_unknown=True") == (known < 3)
        assert sorted(ran) == sorted(f"t{i}" for i in range(4))
        again = fh.batch(rows(4), "shout", variants="loud", client=client, progress=False)
        assert again.counts == JobCounts(planned=4, done=1 + known, unknown=3 - known, reused=1 + known)
        batch.resume(retry_unknown=True)
        assert batch.counts.done == 4
        batch.resolve_unknown()
        said = "".join(capsys.readouterr())
        assert (len(said.splitlines()), numbers_in(said), "retry_unknown" in said) == (1, [], False)
