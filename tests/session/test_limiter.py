"""The gate: how many calls are out at once, and whether any may go out."""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
import sys
import threading
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime

import pytest

import fh_notebook as fh
from fh_notebook.contract.retry import RetryDecision, Verdict
from fh_notebook.errors import LimitReached, SettingsError
from fh_notebook.session.limiter import BoundedLimiter, ConcurrencyLimiter
from tests.virtual_time import run_virtually

DONE = RetryDecision(verdict=Verdict.DONE)
REFUSED = RetryDecision(verdict=Verdict.THROTTLED, reason="concurrency", wait_s=0.1)


def test_at_most_the_limit_is_in_flight_and_who_waits_longest_goes_first() -> None:
    """Twenty calls through a gate of three: never more than three out, in the order in which they came."""
    gate = ConcurrencyLimiter(3)
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


def test_a_cancelled_waiter_neither_holds_nor_loses_a_slot() -> None:
    """Waiting calls that are cancelled, before or after their slot was granted, leave the gate as it was."""

    async def main() -> None:
        gate = ConcurrencyLimiter(1)
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
    gate = ConcurrencyLimiter(1, now=lambda: now)

    async def enter() -> None:
        async with gate.slot():
            pass

    async def main() -> None:
        nonlocal now
        async with gate.slot():
            waiting = asyncio.create_task(enter())
            await asyncio.sleep(0)
            gate.hear(RetryDecision(verdict=Verdict.STOP, reason="daily_cap"))
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
    gate = ConcurrencyLimiter(1)
    gate.hear(RetryDecision(verdict=Verdict.STOP, reason="daily_cap"))
    gate.reopen()

    async def enter() -> int:
        async with gate.slot():
            return gate.in_flight

    assert run_virtually(enter())[0] == 1


def test_one_gate_serves_several_threads_with_loops_of_their_own() -> None:
    """Four threads, each with its own loop: together never more than two in flight, and all get through."""
    gate = ConcurrencyLimiter(2)
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
    gate = ConcurrencyLimiter(1)

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
        ConcurrencyLimiter(limit)  # type: ignore[arg-type]


def test_a_ceiling_is_where_it_begins_and_what_was_learned_counts_under_it() -> None:
    """Before a refusal the limit is the ceiling; after it, no ceiling raises it above what is admitted."""
    gate = ConcurrencyLimiter(7)
    gate.in_flight = 7
    for _ in range(20):
        gate.hear(DONE)
        assert gate.limit == 7
    gate.hear(REFUSED)
    assert (gate.limit, gate.learned) == (6, 6)
    gate.fix(9)
    assert gate.limit == 6
    gate.fix(2)
    assert gate.limit == 2
    gate.fix(None)
    assert gate.limit == 6


def test_who_asks_for_a_number_begins_with_it_and_it_ends_in_any_order() -> None:
    """Numbers of several add up; none is left behind, and none counts once a refusal has taught what is admitted."""
    gate = ConcurrencyLimiter()
    gate.ask("one", 4)
    gate.ask("two", 10)
    assert (gate.limit, gate.begins_at(3)) == (14, 3)
    gate.ask("one", None)
    assert gate.limit == 10
    gate.ask("two", 5)
    assert gate.limit == 5
    gate.ask("two", None)
    assert gate.limit == 2
    gate.ask("three", 10)
    gate.in_flight = 4
    gate.hear(REFUSED)
    assert (gate.limit, gate.begins_at(10), gate.learned) == (3, 3, 3)
    gate.ask("four", 10)
    assert gate.limit == 3


def test_a_provider_that_refuses_is_eased_off_from_what_was_really_out() -> None:
    """Not from the limit that answers had taught so far."""
    gate = ConcurrencyLimiter()
    gate.ask("batch", 20)
    gate.in_flight = 20
    gate.hear(RetryDecision(verdict=Verdict.THROTTLED, reason="provider", wait_s=1.0))
    assert (gate.limit, gate.learned) == (15, None)


def test_configure_holds_for_gates_that_are_there_already() -> None:
    """The cure for a small plan works at once, for every client of the workspace; the lowest number holds."""
    gate = ConcurrencyLimiter()
    fh.configure(max_concurrency=3)
    assert gate.limit == 3
    gate.fix(5)
    gate.ask("batch", 50)
    assert (gate.limit, gate.most) == (3, 3)
    gate.fix(2)
    assert (gate.limit, gate.most) == (2, 2)
    gate.fix(None)
    gate.ask("batch", None)
    fh.configure(max_concurrency=None)
    assert (gate.limit, gate.most) == (2, None)


def test_a_bounded_gate_keeps_to_its_ceiling_and_takes_no_slot_for_who_waits_there() -> None:
    """Two at once through it, others go on beside; whoever waits for the ceiling holds up nobody at the gate behind."""

    async def main() -> None:
        gate = ConcurrencyLimiter(3)
        two = BoundedLimiter(gate, ConcurrencyLimiter(2, adapts=False))
        async with two.slot("mine"), two.slot("mine"):
            assert (two.limit, gate.limit) == (2, 3)
            third = asyncio.create_task(_hold(two, None))
            await asyncio.sleep(0)
            assert two.wants_back("mine")
            assert not gate.wants_back("other")  # nobody waits there
            async with gate.slot("other"):
                assert gate.in_flight == 3
            assert await two.turn()
            two._ceiling.fix(1)
            assert not await two.turn()
            assert two.wants_back("mine")
            two._ceiling.fix(2)
            assert not third.done()
        await third
        cancelled = asyncio.create_task(_hold(two, None))
        async with gate.slot(), gate.slot(), gate.slot():
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.sleep(0)
        assert cancelled.cancelled()
        assert (gate.in_flight, two._ceiling.in_flight, gate._asked) == (0, 0, {})

    run_virtually(main())


def test_a_ceiling_asks_for_nothing_once_its_last_call_through_there_has_ended() -> None:
    """Whatever else it counts, in any order: calls past the gate, and one that was let in and cancelled at once."""

    async def main() -> None:
        gate = ConcurrencyLimiter()
        begins_at = gate.limit
        five = BoundedLimiter(gate, ConcurrencyLimiter(5, adapts=False))
        past = five.past(ConcurrencyLimiter(10))
        async with past.slot():
            async with five.slot():
                assert gate.limit == 5
            assert gate.limit == begins_at
            async with five.slot():
                assert gate.limit == 5
        assert gate.limit == begins_at

        four = BoundedLimiter(gate, ConcurrencyLimiter(4, adapts=False))
        async with AsyncExitStack() as stack:
            for _ in range(4):
                await stack.enter_async_context(four.slot())
            waits = [asyncio.create_task(_hold(four, None)) for _ in range(2)]
            await asyncio.sleep(0)
        assert gate.limit == 4, "two were let in"
        for waiting in waits:
            waiting.cancel()
        await asyncio.wait(waits)
        assert (gate.limit, gate._asked) == (begins_at, {})

    run_virtually(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_not_held_up_by_its_parents_calls() -> None:
    """The parent's calls in flight are not the child's: its gate is empty, and it knows what was learned."""
    script = """
import asyncio, os
from fh_notebook.session.limiter import BoundedLimiter
from fh_notebook.session.limiter import ConcurrencyLimiter
gate = ConcurrencyLimiter(2)
five = BoundedLimiter(ConcurrencyLimiter(), ConcurrencyLimiter(5, adapts=False))
async def use():
    async with five.slot():
        assert five.shared.limit == 5
    assert five.shared.limit == 2
    async with gate.slot():
        return 10 + gate.in_flight  # 1 is what an error exits with
loop = asyncio.new_event_loop()
async def enter_twice():
    for _ in range(2):
        await gate._enter()
    await five.slot().__aenter__()
loop.run_until_complete(enter_twice())
pid = os.fork()
if pid == 0:
    os._exit(asyncio.new_event_loop().run_until_complete(asyncio.wait_for(use(), 10)))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=30)
    assert done.stdout == "11\n", done.stderr


def test_server_errors_neither_cut_nor_raise_the_limit() -> None:
    """A 500 says nothing of the cap."""
    gate = ConcurrencyLimiter()
    before = gate.limit
    for _ in range(50):
        gate.hear(RetryDecision(verdict=Verdict.UNKNOWN, reason="http_500"))
        gate.hear(RetryDecision(verdict=Verdict.RETRY, reason="unavailable"))
    assert gate.limit == before


def test_an_invalid_request_does_not_raise_the_limit() -> None:
    """A 422 is refused before it takes a place, so it says nothing of the cap."""
    gate = ConcurrencyLimiter()
    gate.in_flight = 2
    for _ in range(50):
        gate.hear(RetryDecision(verdict=Verdict.FAILED, reason="validation_error"))
    assert gate.limit == 2


def test_a_queued_answer_cuts_as_a_refusal_does_and_is_none() -> None:
    """With callback delivery a call over the cap is queued: the limit goes down, and nothing was refused."""
    gate = ConcurrencyLimiter()
    gate.in_flight = 2
    gate.hear(DONE, queued=True)
    assert (gate.limit, gate.refused) == (1, 0)


def test_a_providers_429_is_counted_and_eases_off() -> None:
    """It is a refusal, and after a few answers the limit is back."""
    gate = ConcurrencyLimiter()
    for _ in range(8):
        gate.in_flight = gate.limit
        gate.hear(DONE)
    assert gate.limit == 10
    gate.hear(RetryDecision(verdict=Verdict.THROTTLED, reason="provider", wait_s=1.0))
    assert (gate.limit, gate.refused) == (7, 1)
    for _ in range(40):
        gate.in_flight = gate.limit
        gate.hear(DONE)
    assert gate.limit == 10


def test_the_typical_time_of_a_call_is_learned_from_admitted_ones() -> None:
    """Refused calls, which come back at once, do not count; a fixed gate learns it too."""

    async def main() -> None:
        gate = ConcurrencyLimiter(5)
        assert gate.typical_s is None
        for seconds, decision in ((0.2, DONE), (0.001, REFUSED), (0.2, DONE)):
            async with gate.slot():
                with gate.call() as call:
                    assert gate.out == 1
                    await asyncio.sleep(seconds)
                gate.hear(decision, call=call)
        assert gate.typical_s == pytest.approx(0.2)
        assert gate.out == 0

    run_virtually(main())


def test_a_call_that_is_cancelled_or_raises_is_not_out_any_more() -> None:
    """Whatever ends the block ends the call."""
    gate = ConcurrencyLimiter()
    with pytest.raises(ZeroDivisionError), gate.call():
        1 / 0  # noqa: B018
    assert gate.out == 0


# --- one slot for several calls


class Batch:
    """So many calls of a second through a gate, as a batch makes them: a slot goes on until it is wanted back."""

    def __init__(self, gate: ConcurrencyLimiter, calls: int) -> None:
        self.gate = gate
        self.left = calls
        self.out = 0
        self.peak = 0
        self.done_at: list[float] = []

    async def run(self) -> None:
        async with asyncio.TaskGroup() as workers:
            while self.left:
                slot = self.gate.slot(self)
                await slot.__aenter__()
                workers.create_task(self._work(slot))
                await asyncio.sleep(0)

    async def _work(self, slot: AbstractAsyncContextManager[None]) -> None:
        try:
            while await self.gate.turn() and self.left:
                self.left -= 1
                self.out += 1
                self.peak = max(self.peak, self.out)
                with self.gate.call() as call:
                    await asyncio.sleep(1)
                self.out -= 1
                self.done_at.append(asyncio.get_running_loop().time())
                self.gate.hear(DONE, call=call)
                if self.gate.wants_back(self):
                    return
        finally:
            await slot.__aexit__(None, None, None)


def test_a_slot_goes_on_from_call_to_call_while_nobody_else_waits() -> None:
    """A hundred calls at ten at once take ten seconds; waiting for more slots of one's own takes none away."""
    gate = ConcurrencyLimiter(10)
    batch = Batch(gate, 100)
    _, seconds = run_virtually(batch.run())
    assert (seconds, batch.peak) == (pytest.approx(10.0), 10)


def test_a_click_during_a_big_batch_waits_for_about_one_call() -> None:
    """Ten clicks, one after another, while 300 calls run at ten at once: none waits for more than a call."""
    gate = ConcurrencyLimiter(10)
    waited: list[float] = []

    async def click() -> None:
        began = asyncio.get_running_loop().time()
        async with gate.slot():
            waited.append(asyncio.get_running_loop().time() - began)
            assert gate.in_flight <= 10
            await asyncio.sleep(1)

    async def main() -> None:
        batch = asyncio.create_task(Batch(gate, 300).run())
        for n in range(10):
            await asyncio.sleep(0.3 * n + 0.1)
            await click()
        await batch

    run_virtually(main())
    assert max(waited) <= 1.0
    assert gate.in_flight == 0


def test_two_batches_share() -> None:
    """A second batch, which comes when the first has all slots, soon has half of them; both keep to the limit."""
    gate = ConcurrencyLimiter(10)
    first, second = Batch(gate, 200), Batch(gate, 50)

    async def main() -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(first.run())
            await asyncio.sleep(3.5)
            both.create_task(second.run())

    _, seconds = run_virtually(main())
    assert seconds == pytest.approx(25.0, abs=1.1)
    # Alone it would take 5 s, with half of the slots 10 s; the first must not keep it waiting for longer.
    assert second.done_at[-1] - 3.5 <= 12.0
    between = [t for t in first.done_at if 5.5 <= t <= second.done_at[-1] - 1]
    assert len(between) >= 0.4 * 10 * (second.done_at[-1] - 1 - 5.5) - 10


def test_what_wants_a_slot_back() -> None:
    """A lowered limit, a closed gate, and who waits, unless it is of the holder's own group."""

    async def main() -> None:
        gate = ConcurrencyLimiter(2)
        async with gate.slot("mine"), gate.slot("mine"):
            assert not gate.wants_back("mine")
            own = asyncio.create_task(_hold(gate, "mine"))
            await asyncio.sleep(0)
            assert not gate.wants_back("mine")
            assert gate.wants_back("other")
            assert gate.wants_back(None)
            click = asyncio.create_task(_hold(gate, None))
            await asyncio.sleep(0)
            assert gate.wants_back("mine")
            assert gate.wants_back(None)
            click.cancel()
            await asyncio.sleep(0)
            assert not gate.wants_back("mine")
            gate.fix(1)
            assert gate.wants_back("mine")
            assert not await gate.turn()
            gate.fix(2)
            assert not gate.wants_back("mine")
            assert await gate.turn()
            gate.hear(RetryDecision(verdict=Verdict.STOP, reason="daily_cap"))
            assert gate.wants_back("mine")
            assert not await gate.turn()
        with pytest.raises(LimitReached):
            await own

    run_virtually(main())


async def _hold(gate: ConcurrencyLimiter | BoundedLimiter, group: object) -> None:
    async with gate.slot(group):
        pass


def test_a_closed_gate_tells_who_waits_at_once_and_one_that_is_reopened_lets_them_in() -> None:
    """Nobody waits for calls of a minute to hear that the daily cap is used up."""

    async def main() -> None:
        gate = ConcurrencyLimiter(1)
        async with gate.slot():
            waiting = asyncio.create_task(_hold(gate, None))
            await asyncio.sleep(0)
            gate.hear(RetryDecision(verdict=Verdict.STOP, reason="daily_cap"))
            with pytest.raises(LimitReached):
                await waiting
            gate.reopen()
            waiting = asyncio.create_task(_hold(gate, None))
            await asyncio.sleep(0)
            gate.hear(RetryDecision(verdict=Verdict.STOP, reason="daily_cap"))
            gate.reopen()  # before the waiting one could look
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting
        assert gate.in_flight == 0

    run_virtually(main())


def test_a_number_is_retuned_while_a_batch_runs() -> None:
    """Raised, those who wait are let in at once; lowered, slots come back as calls end, and none is cut off."""
    gate = ConcurrencyLimiter(2)
    batch = Batch(gate, 1000)
    seen: list[int] = []

    async def main() -> None:
        running = asyncio.create_task(batch.run())
        for number in (2, 50, 5, 20):
            gate.fix(number)
            await asyncio.sleep(1.5)
            seen.append(batch.out)
        await running

    run_virtually(main())
    assert seen == [2, 50, 5, 20]
    assert gate.in_flight == 0


def test_a_number_is_retuned_from_another_thread() -> None:
    """The slider's thread is not the batch's: calls that wait in a loop there are woken."""
    gate = ConcurrencyLimiter(1)
    entered: queue.SimpleQueue[int] = queue.SimpleQueue()
    enough = threading.Event()

    async def hold(number: int) -> None:
        async with gate.slot():
            entered.put(number)
            await asyncio.to_thread(enough.wait, 30)

    async def main() -> None:
        await asyncio.gather(*(hold(n) for n in range(4)))

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert entered.get(timeout=30) == 0
        gate.fix(4)
        assert {entered.get(timeout=30) for _ in range(3)} == {1, 2, 3}
    finally:
        enough.set()
        thread.join(30)
    assert gate.in_flight == 0


def test_growth_lets_in_who_waits_though_no_slot_is_given_back() -> None:
    """The holder goes on in its slot; what the answer added is for those who wait."""

    async def main() -> None:
        gate = ConcurrencyLimiter()
        async with gate.slot("mine"), gate.slot("mine"):
            third = asyncio.create_task(_hold(gate, "mine"))
            await asyncio.sleep(0)
            gate.hear(DONE)
            assert gate.in_flight == 3
            await third

    run_virtually(main())


def test_a_few_calls_go_out_at_a_turn_of_the_loop_where_one_may_be_refused() -> None:
    """Between them the loop looks for answers; a cancelled one takes no turn. So many as were admitted wait for none,
    until one is refused."""
    turns: list[int] = []

    async def main(gate: ConcurrencyLimiter) -> None:
        turn = 0

        async def send(number: int) -> None:
            await gate.turn()
            turns.append(turn)

        tasks = [asyncio.create_task(send(n)) for n in range(20)]
        await asyncio.sleep(0)
        tasks[7].cancel()
        while not all(task.done() for task in tasks):
            turn += 1
            await asyncio.sleep(0)

    for gate in (ConcurrencyLimiter(), ConcurrencyLimiter(20)):
        turns.clear()
        run_virtually(main(gate))
        assert len(turns) == 19
        assert max(turns.count(turn) for turn in set(turns)) <= 4
    turns.clear()
    admitted = ConcurrencyLimiter(20)
    admitted.in_flight = 20
    admitted.hear(DONE)
    for gate in (ConcurrencyLimiter(20, adapts=False), admitted):
        turns.clear()
        run_virtually(main(gate))
        assert turns == [0] * 20
    admitted.hear(REFUSED)
    turns.clear()
    run_virtually(main(admitted))
    assert max(turns.count(turn) for turn in set(turns)) <= 4
