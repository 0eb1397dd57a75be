"""The concurrency cap, the queue and the daily cap of a hive that is asked from everywhere at once."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from fh_notebook.local import LocalHive
from fh_notebook.local.executors import HiveLoop, ThreadExecutor
from tests.local.hives import (
    KEY,
    Clock,
    Held,
    Receiver,
    ask,
    by_callback,
    echo_hive,
    headers,
    hold,
    in_process,
    on_socket,
)


def test_a_sync_call_over_the_cap_is_refused() -> None:
    """429 in the service's words, by a code that is marked as ours; a slot that is free again lets in."""
    held = Held(concurrency=2)
    with on_socket(held.hive) as http, ThreadPoolExecutor(2) as pool:
        running = [pool.submit(http.post, "/workflow/invoke", json=hold(str(i))) for i in range(2)]
        held.wait_begun(), held.wait_begun()
        refused = http.post("/workflow/invoke", json=hold("third"))
        assert refused.status_code == 429
        assert refused.json().keys() == {"error", "message", "error_code"}
        assert refused.json()["error_code"] == "concurrency_limit_reached"
        assert refused.json()["error"] == refused.json()["message"] != ""
        assert "retry-after" not in refused.headers
        assert (held.hive.in_flight, held.hive.refused) == (2, 1)
        held.go.release(3)
        assert [r.result().status_code for r in running] == [200, 200]
        assert http.post("/workflow/invoke", json=hold("fourth")).json()["output"] == "fourth"
    assert (held.hive.peak_in_flight, held.hive.counts.calls) == (2, 3)


def test_a_refusal_names_retry_after_when_the_hive_is_told_to() -> None:
    """The service documents none, so none is sent by default."""
    held = Held(concurrency=1, retry_after_s=1.5)
    with on_socket(held.hive) as http, ThreadPoolExecutor(1) as pool:
        running = pool.submit(http.post, "/workflow/invoke", json=hold("first"))
        held.wait_begun()
        assert http.post("/workflow/invoke", json=hold("second")).headers["retry-after"] == "1.5"
        held.go.release()
        assert running.result().status_code == 200


def test_an_async_call_over_the_cap_is_queued_and_run_later_in_order() -> None:
    """`running`, then `queued`; first come, first served; all are delivered."""
    held = Held(concurrency=1)
    with Receiver() as receiver, on_socket(held.hive) as http:
        answers = [
            http.post("/workflow/invoke", json=hold(n, **by_callback(receiver.url))).json()
            for n in ("a", "b", "c", "d")
        ]
        assert [a["run_status"] for a in answers] == ["running", "queued", "queued", "queued"]
        assert (held.hive.in_flight, held.hive.counts.queued) == (1, 3)
        begun, statuses = [], []
        for _ in answers:
            begun.append(held.wait_begun())
            statuses.append([c.status for c in held.hive.calls])
            held.go.release()
            receiver.next()
        assert begun == ["a", "b", "c", "d"]
        assert statuses[1] == ["completed", "running", "queued", "queued"]
        assert held.hive.wait_idle()
    assert held.hive.peak_in_flight == 1
    assert [c.request_id for c in held.hive.calls] == [a["request_id"] for a in answers]


def test_a_free_slot_goes_to_who_waits_before_a_sync_call() -> None:
    """While something is queued, a sync call is refused."""
    held = Held(concurrency=1)
    with Receiver() as receiver, on_socket(held.hive) as http:
        for name in ("a", "b"):
            http.post("/workflow/invoke", json=hold(name, **by_callback(receiver.url)))
        held.wait_begun()
        held.go.release()
        assert held.wait_begun() == "b"
        assert http.post("/workflow/invoke", json=hold("c")).status_code == 429
        held.go.release()
        assert held.hive.wait_idle()


def test_a_higher_cap_starts_who_waits_at_once_and_a_lower_one_lets_runs_end() -> None:
    """While the hive lives; nothing that runs is stopped."""
    held = Held(concurrency=1)
    with Receiver() as receiver, on_socket(held.hive) as http:
        for name in ("a", "b", "c"):
            http.post("/workflow/invoke", json=hold(name, **by_callback(receiver.url)))
        assert held.wait_begun() == "a"
        held.hive.concurrency = 3
        assert {held.wait_begun(), held.wait_begun()} == {"b", "c"}
        held.hive.concurrency = 1
        assert held.hive.in_flight == 3
        assert http.post("/workflow/invoke", json=hold("d")).status_code == 429
        held.go.release(3)
        assert held.hive.wait_idle()
    assert [c.status for c in held.hive.calls] == ["completed"] * 3


def test_hundreds_of_plain_workflows_wait_side_by_side() -> None:
    """Each in a thread of its own; the event loop stays free for others."""
    everybody = threading.Barrier(200, timeout=20)
    all_but_one = threading.Semaphore(0)
    begun = itertools.count(1)
    hive = LocalHive(api_key=KEY)

    @hive.workflow("d", variant="meet")
    def meet() -> int:
        if next(begun) == 199:
            all_but_one.release()
        return everybody.wait()

    @hive.workflow("d", variant="quick")
    async def quick() -> str:
        return "quick"

    async def main() -> list[Any]:
        async with in_process(hive, timeout=30) as http:

            async def call(variant: str) -> Any:
                return (await http.post("/workflow/invoke", json=ask(variant, {}, "d"))).json()["output"]

            meeting = [asyncio.create_task(call("meet")) for _ in range(199)]
            await asyncio.to_thread(all_but_one.acquire, timeout=20)
            assert await call("quick") == "quick"
            return [*await asyncio.gather(*meeting, call("meet"))]

    assert sorted(asyncio.run(main())) == list(range(200))
    assert hive.peak_in_flight == 200


def test_one_hive_is_asked_from_several_loops_and_threads_at_once() -> None:
    """In process on three loops, and over a socket: every call is answered, counted once, and the cap holds."""
    hive = echo_hive(concurrency=4)
    answered: list[int] = []
    lock = threading.Lock()

    async def calls(n: int) -> list[int]:
        async with in_process(hive) as http:

            async def one(i: int) -> int:
                return (await http.post("/workflow/invoke", json=ask("plain" if i % 2 else "async"))).status_code

            return await asyncio.gather(*(one(i) for i in range(n)))

    def loop_of_its_own() -> None:
        statuses = asyncio.run(calls(100))
        with lock:
            answered.extend(statuses)

    with on_socket(hive) as http:
        threads = [threading.Thread(target=loop_of_its_own) for _ in range(3)]
        for thread in threads:
            thread.start()
        over_socket = [http.post("/workflow/invoke", json=ask()).status_code for _ in range(50)]
        for thread in threads:
            thread.join()
    statuses = [*answered, *over_socket]
    counts = hive.counts
    assert len(statuses) == counts.requests == 350
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) == counts.calls == counts.completed == len(hive.calls)
    assert statuses.count(429) == counts.refused
    assert hive.peak_in_flight <= 4
    assert hive.in_flight == 0
    assert len({c.request_id for c in hive.calls}) == counts.calls


def test_the_daily_cap_has_an_answer_of_its_own_and_is_renewed_at_midnight_utc() -> None:
    """With `limit` and `current`; refused calls do not count, a look-up does."""
    clock = Clock()
    hive = echo_hive(daily_cap=3, clock=clock)
    with on_socket(hive) as http:

        def call(body: Any = None) -> httpx.Response:
            return http.post("/workflow/invoke", json=ask() if body is None else body)

        assert call({}).status_code == 422
        assert call(ask("nobody")).status_code == 404
        hive.fail_next(status=503)
        assert call().status_code == 503
        first = call().json()["request_id"]
        assert call(ask("broken")).status_code == 200  # a run that failed has run
        assert http.get(f"/public/requests/{first}").status_code == 200
        refused = call()
        assert refused.status_code == 429
        answer = refused.json()
        assert answer.keys() == {"error", "message", "error_code", "limit", "current"}
        assert (answer["error_code"], answer["limit"], answer["current"]) == ("api_rate_limit_exceeded", 3, 3)
        assert answer["error"] == answer["message"] != ""
        assert hive.counts.used_today == 3
        clock.forward(seconds=59)
        assert call().status_code == 429
        clock.forward(seconds=1)
        assert hive.counts.used_today == 0
        assert call().status_code == 200
        hive.daily_cap = 1
        assert call().status_code == 429
        hive.daily_cap = None
        assert call().status_code == 200


def test_queued_calls_count_against_the_day_when_they_are_let_in() -> None:
    """Not when they run."""
    held = Held(concurrency=1, daily_cap=2)
    with Receiver() as receiver, on_socket(held.hive) as http:
        body = [hold(n, **by_callback(receiver.url)) for n in "abc"]
        answers = [http.post("/workflow/invoke", json=b) for b in body]
        assert [a.status_code for a in answers] == [200, 200, 429]
        assert answers[2].json()["error_code"] == "api_rate_limit_exceeded"
        held.go.release(2)
        assert held.hive.wait_idle()


def test_a_naive_clock_is_taken_for_utc() -> None:
    """Records are in UTC in any case."""
    clock = Clock(now=Clock().now.replace(tzinfo=None))
    hive = echo_hive(daily_cap=1, clock=clock)
    with on_socket(hive) as http:
        http.post("/workflow/invoke", json=ask())
        clock.forward(minutes=2)
        assert http.post("/workflow/invoke", json=ask()).status_code == 200
    assert hive.calls[0].created_at.tzinfo is not None


def test_a_client_that_goes_away_does_not_stop_the_run() -> None:
    """As at a service: the slot is held until the workflow ends, in process and over a socket."""
    held = Held(concurrency=1)

    async def give_up() -> None:
        async with in_process(held.hive) as http:
            call = asyncio.create_task(http.post("/workflow/invoke", json=hold("left alone")))
            await asyncio.to_thread(held.wait_begun)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert held.hive.in_flight == 1
            assert (await http.post("/workflow/invoke", json=hold("other"))).status_code == 429
            held.go.release()
            assert await asyncio.to_thread(held.hive.wait_idle)

    asyncio.run(give_up())
    with held.hive.serve() as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/v1/workflow/invoke", json.dumps(hold("left alone")), headers())
        held.wait_begun()
        connection.close()
        assert held.hive.in_flight == 1
        held.go.release()
        assert held.hive.wait_idle()
    assert [c.status for c in held.hive.calls] == ["completed"] * 2


def test_a_loop_that_ends_takes_its_runs_with_it_and_frees_their_slots() -> None:
    """A run cannot outlive the loop that it is on: it is recorded as failed."""
    hive, began = LocalHive(api_key=KEY), threading.Event()

    @hive.workflow("d", variant="v")
    async def forever() -> None:
        began.set()
        await asyncio.Event().wait()

    async def leave() -> None:
        async with in_process(hive) as http:
            call = asyncio.create_task(http.post("/workflow/invoke", json=ask("v", {}, "d")))
            assert await asyncio.to_thread(began.wait, 60)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert hive.in_flight == 1

    asyncio.run(leave())
    assert hive.in_flight == 0
    assert [(c.status, bool(c.error)) for c in hive.calls] == [("failed", True)]


def test_idle_threads_go() -> None:
    """A pool that has nothing to do keeps no thread, and works again afterwards."""
    threads = ThreadExecutor(idle_s=0.01)
    before = set(threading.enumerate())

    async def work() -> list[int]:
        return await asyncio.gather(*(threads.run(lambda i=i: i) for i in range(20)))  # type: ignore[misc]

    for _ in range(2):
        assert asyncio.run(work()) == list(range(20))
        for thread in set(threading.enumerate()) - before:
            thread.join(timeout=60)
            assert not thread.is_alive()


def test_a_loop_that_ends_leaves_the_tasks_of_the_next_one_alone() -> None:
    """Asked to stop without waiting, as a collected hive is, the old loop may still be busy when a new one begins."""
    busy, go, begun = threading.Event(), threading.Event(), threading.Event()
    ended: list[str] = []

    async def nothing() -> None:
        return None

    async def blocks() -> None:
        busy.set()
        assert go.wait(30)

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(threading.current_thread().name)

    loop = HiveLoop(nothing)
    loop.submit(blocks)
    assert busy.wait(30)
    old = loop.ask_to_stop()
    loop.submit(waits)
    assert begun.wait(30)
    go.set()
    assert old is not None
    old.join(30)
    assert ended == []
    loop.stop()
    assert ended == ["fh-hive"]
