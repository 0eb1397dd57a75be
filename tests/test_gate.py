"""The gate: how many calls are out at once, and whether any may go out."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.pacing import Pace
from fh_notebook.contract.retry import Decision, Verdict
from fh_notebook.errors import LimitReached, SettingsError
from fh_notebook.gate import Gate
from tests.virtual_time import run_virtually

DONE = Decision(verdict=Verdict.DONE)
REFUSED = Decision(verdict=Verdict.THROTTLED, reason="concurrency", wait_s=0.1)


def test_at_most_the_limit_is_in_flight_and_who_waits_longest_goes_first() -> None:
    """Twenty calls through a gate of three: never more than three out, in the order in which they came."""
    gate = Gate(3)
    order: list[int] = []
    peak = 0

    async def call(number: int) -> None:
        nonlocal peak
        async with gate.slot():
            order.append(number)
            peak = max(peak, gate.in_flight)
            await asyncio.sleep(1)

    async def main() -> None:
        await asyncio.gather(*(call(n) for n in range(20)))

    _, seconds = run_virtually(main())
    assert peak == 3
    assert order == list(range(20))
    assert seconds == pytest.approx(7.0)
    assert gate.in_flight == 0


@pytest.mark.parametrize("cap", [1, 3, 5])
def test_an_adaptive_gate_finds_the_cap_of_a_plan_with_few_refused_calls(cap: int) -> None:
    """A service that admits 1, 3 or 5 at once: a hundred calls get through with at most a few refused ones."""
    gate = Gate()
    out = 0
    refused = 0

    async def call() -> None:
        nonlocal out, refused
        while True:
            async with gate.slot():
                out += 1
                admitted = out <= cap
                try:
                    await asyncio.sleep(0.2 if admitted else 0.0)
                finally:
                    out -= 1
                refused += not admitted
                gate.hear(DONE if admitted else REFUSED)
            if admitted:
                return
            await asyncio.sleep(0.1)

    async def main() -> None:
        await asyncio.gather(*(call() for _ in range(100)))

    _, seconds = run_virtually(main())
    assert gate.refused == refused <= 6
    assert seconds <= 100 / cap * 0.2 * 1.2


def test_a_cancelled_waiter_neither_holds_nor_loses_a_slot() -> None:
    """Waiting calls that are cancelled, before or after their slot was granted, leave the gate as it was."""

    async def main() -> None:
        gate = Gate(1)
        held = asyncio.Event()

        async def hold() -> None:
            async with gate.slot():
                await held.wait()

        async def enter() -> str:
            async with gate.slot():
                return "in"

        holder = asyncio.create_task(hold())
        await asyncio.sleep(0)
        waiting = asyncio.create_task(enter())
        granted = asyncio.create_task(enter())
        last = asyncio.create_task(enter())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        held.set()
        await holder
        granted.cancel()  # its slot has just been given to it
        assert await last == "in"
        assert gate.in_flight == 0
        assert (await asyncio.gather(waiting, granted, return_exceptions=True))[0].__class__ is asyncio.CancelledError

    run_virtually(main())


def test_the_daily_caps_429_closes_the_gate_until_midnight_utc() -> None:
    """After it no call goes out, waiting ones are told too, and at 00:00 UTC the gate is open again by itself."""
    now = datetime(2026, 11, 25, 20, 40, tzinfo=UTC)
    gate = Gate(1, now=lambda: now)

    async def enter() -> None:
        async with gate.slot():
            pass

    async def main() -> None:
        nonlocal now
        async with gate.slot():
            waiting = asyncio.create_task(enter())
            await asyncio.sleep(0)
            gate.hear(Decision(verdict=Verdict.STOP, reason="daily_cap"))
        with pytest.raises(LimitReached, match=r"in 3 h 20 min\. No call was made"):
            await waiting
        with pytest.raises(LimitReached):
            await enter()
        now = datetime(2026, 11, 26, 0, 0, tzinfo=UTC)
        await enter()
        assert gate.in_flight == 0

    run_virtually(main())


def test_a_closed_gate_can_be_reopened_by_hand() -> None:
    """Who changed their plan need not wait for midnight."""
    gate = Gate(1)
    gate.hear(Decision(verdict=Verdict.STOP, reason="daily_cap"))
    gate.reopen()

    async def enter() -> int:
        async with gate.slot():
            return gate.in_flight

    assert run_virtually(enter())[0] == 1


def test_one_gate_serves_several_threads_with_loops_of_their_own() -> None:
    """Four threads, each with its own loop: together never more than two in flight, and all get through."""
    gate = Gate(2)
    peak: list[int] = []
    through: list[int] = []

    async def call(number: int) -> None:
        async with gate.slot():
            peak.append(gate.in_flight)
            await asyncio.sleep(0)
            through.append(number)

    async def many(thread: int) -> None:
        await asyncio.gather(*(call(thread * 100 + n) for n in range(50)))

    threads = [threading.Thread(target=lambda t=t: asyncio.run(many(t))) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(through) == 200
    assert max(peak) <= 2
    assert gate.in_flight == 0


def test_a_waiter_whose_loop_has_ended_does_not_keep_the_others_waiting() -> None:
    """A loop that died while a call waited loses its place; the slot goes to the next."""
    gate = Gate(1)

    async def main() -> None:
        async with gate.slot():

            def elsewhere() -> None:
                loop = asyncio.new_event_loop()
                coroutine = gate._enter()
                task = loop.create_task(coroutine)
                loop.run_until_complete(asyncio.sleep(0))
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # the point of the test
                loop.close()

            await asyncio.to_thread(elsewhere)
        async with gate.slot():
            assert gate.in_flight == 1

    asyncio.run(main())


@pytest.mark.parametrize("limit", [0, -1, 1.5, "3"])
def test_a_limit_that_cannot_be_is_refused(limit: object) -> None:
    """A gate that admits nobody would wait for ever."""
    with pytest.raises(SettingsError, match="whole number from 1"):
        Gate(limit)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 80)), max_size=200))
def test_a_pace_never_falls_under_one(history: list[tuple[bool, int]]) -> None:
    """Whatever a service answers, at least one call may be out, and growth ends."""
    pace = Pace.adaptive()
    for refused, in_flight in history:
        pace = pace.refused(in_flight=in_flight) if refused else pace.answered(in_flight=in_flight)
        assert 1 <= pace.limit <= 64


def test_a_number_that_somebody_chose_holds_and_what_was_learned_comes_back_after_it() -> None:
    """A fixed limit never moves; without it the gate goes on from the cap that it had learned."""
    gate = Gate()
    gate.in_flight = 2
    gate.hear(DONE)
    gate.hear(REFUSED)
    learned = gate.limit
    gate.fix(7)
    for _ in range(50):
        gate.hear(REFUSED)
        gate.hear(DONE)
        assert gate.limit == 7
    gate.fix(None)
    assert gate.limit == learned == 1


def test_configure_holds_for_gates_that_are_there_already() -> None:
    """The cure for a small plan works at once, for every client of the workspace; a client's own number wins."""
    gate = Gate()
    fh.configure(max_concurrency=3)
    assert gate.limit == 3
    gate.fix(5)
    assert gate.limit == 5
    gate.fix(None)
    fh.configure(max_concurrency=None)
    assert gate.limit == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_not_held_up_by_its_parents_calls() -> None:
    """The parent's calls in flight are not the child's: its gate is empty, and it knows what was learned."""
    script = """
import asyncio, os
from fh_notebook.gate import Gate
gate = Gate(2)
async def use():
    async with gate.slot():
        return gate.in_flight
loop = asyncio.new_event_loop()
async def enter_twice():
    for _ in range(2):
        await gate._enter()
loop.run_until_complete(enter_twice())
pid = os.fork()
if pid == 0:
    os._exit(asyncio.new_event_loop().run_until_complete(asyncio.wait_for(use(), 10)))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=30)
    assert done.stdout == "1\n", done.stderr


def test_server_errors_neither_cut_nor_raise_the_limit() -> None:
    """A 500 says nothing of the cap."""
    gate = Gate()
    before = gate.limit
    for _ in range(50):
        gate.hear(Decision(verdict=Verdict.UNKNOWN, reason="http_500"))
        gate.hear(Decision(verdict=Verdict.RETRY, reason="unavailable"))
    assert gate.limit == before
