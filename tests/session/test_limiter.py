"""The limiter: how many calls are out at once, and whether any may go out."""

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
from fh_notebook.contract.retry import RetryAction, RetryDecision
from fh_notebook.errors import LimitReached, SettingsError
from fh_notebook.session.limiter import BoundedLimiter, ConcurrencyLimiter
from tests.virtual_time import run_virtually

DONE = RetryDecision(action=RetryAction.DONE)
REFUSED = RetryDecision(action=RetryAction.THROTTLED, reason="concurrency", wait_s=0.1)


def test_at_most_the_limit_is_in_flight_and_who_waits_longest_goes_first() -> None:
    """Twenty calls through a limiter of three: never more than three out, in the order in which they came."""
    limiter = ConcurrencyLimiter(3)
    order: list[int] = []
    peak = 0

    async def call(number: int) -> None:
        nonlocal peak
        async with limiter.slot():
            order.append(number)
            peak = max(peak, limiter.in_flight)
            await asyncio.sleep(1)

    async def main() -> None:
        await asyncio.gather(*(call(n) for n in range(20)))

    _, seconds = run_virtually(main())
    assert peak == 3
    assert order == list(range(20))
    assert seconds == pytest.approx(7.0)
    assert limiter.in_flight == 0


def test_a_cancelled_waiter_neither_holds_nor_loses_a_slot() -> None:
    """Waiting calls that are cancelled, before or after their slot was granted, leave the limiter as it was."""

    async def main() -> None:
        limiter = ConcurrencyLimiter(1)
        held = asyncio.Event()

        async def hold() -> None:
            async with limiter.slot():
                await held.wait()

        async def enter() -> str:
            async with limiter.slot():
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
        assert limiter.in_flight == 0
        assert (await asyncio.gather(waiting, granted, return_exceptions=True))[0].__class__ is asyncio.CancelledError

    run_virtually(main())


def test_the_daily_caps_429_closes_the_limiter_until_midnight_utc() -> None:
    """After it no call goes out, waiting ones are told too, and at 00:00 UTC the limiter is open again by itself."""
    now = datetime(2026, 11, 25, 20, 40, tzinfo=UTC)
    limiter = ConcurrencyLimiter(1, now=lambda: now)

    async def enter() -> None:
        async with limiter.slot():
            pass

    async def main() -> None:
        nonlocal now
        async with limiter.slot():
            waiting = asyncio.create_task(enter())
            await asyncio.sleep(0)
            limiter.record_answer(RetryDecision(action=RetryAction.STOP, reason="daily_cap"))
        with pytest.raises(LimitReached, match=r"\b3 h 20 min\. "):
            await waiting
        with pytest.raises(LimitReached):
            await enter()
        now = datetime(2026, 11, 26, 0, 0, tzinfo=UTC)
        await enter()
        assert limiter.in_flight == 0

    run_virtually(main())


def test_a_closed_limiter_can_be_reopened_by_hand() -> None:
    """Who changed their plan need not wait for midnight."""
    limiter = ConcurrencyLimiter(1)
    limiter.record_answer(RetryDecision(action=RetryAction.STOP, reason="daily_cap"))
    limiter.reopen()

    async def enter() -> int:
        async with limiter.slot():
            return limiter.in_flight

    assert run_virtually(enter())[0] == 1


def test_one_limiter_serves_several_threads_with_loops_of_their_own() -> None:
    """Four threads, each with its own loop: together never more than two in flight, and all get through."""
    limiter = ConcurrencyLimiter(2)
    peak: list[int] = []
    through: list[int] = []

    async def call(number: int) -> None:
        async with limiter.slot():
            peak.append(limiter.in_flight)
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
    assert limiter.in_flight == 0


def test_a_waiter_whose_loop_has_ended_does_not_keep_the_others_waiting() -> None:
    """A loop that died while a call waited loses its place; the slot goes to the next."""
    limiter = ConcurrencyLimiter(1)

    async def main() -> None:
        async with limiter.slot():

            def elsewhere() -> None:
                loop = asyncio.new_event_loop()
                coroutine = limiter._enter()
                task = loop.create_task(coroutine)
                loop.run_until_complete(asyncio.sleep(0))
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # the point of the test
                loop.close()

            await asyncio.to_thread(elsewhere)
        async with limiter.slot():
            assert limiter.in_flight == 1

    asyncio.run(main())


@pytest.mark.parametrize("limit", [0, -1, 1.5, "3"])
def test_a_limit_that_cannot_be_is_refused(limit: object) -> None:
    """A limiter that admits nobody would wait for ever."""
    with pytest.raises(SettingsError, match=r"max_concurrency is .* 1\b"):
        ConcurrencyLimiter(limit)  # type: ignore[arg-type]


def test_a_ceiling_is_where_it_begins_and_what_was_learned_counts_under_it() -> None:
    """Before a refusal the limit is the ceiling; after it, no ceiling raises it above what is admitted."""
    limiter = ConcurrencyLimiter(7)
    limiter.in_flight = 7
    for _ in range(20):
        limiter.record_answer(DONE)
        assert limiter.limit == 7
    limiter.record_answer(REFUSED)
    assert (limiter.limit, limiter.learned) == (6, 6)
    limiter.fix(9)
    assert limiter.limit == 6
    limiter.fix(2)
    assert limiter.limit == 2
    limiter.fix(None)
    assert limiter.limit == 6


def test_who_asks_for_a_number_begins_with_it_and_it_ends_in_any_order() -> None:
    """Numbers of several add up; none is left behind, and none counts once a refusal has taught what is admitted."""
    limiter = ConcurrencyLimiter()
    limiter.ask("one", 4)
    limiter.ask("two", 10)
    assert (limiter.limit, limiter.begins_at(3)) == (14, 3)
    limiter.ask("one", None)
    assert limiter.limit == 10
    limiter.ask("two", 5)
    assert limiter.limit == 5
    limiter.ask("two", None)
    assert limiter.limit == 2
    limiter.ask("three", 10)
    limiter.in_flight = 4
    limiter.record_answer(REFUSED)
    assert (limiter.limit, limiter.begins_at(10), limiter.learned) == (3, 3, 3)
    limiter.ask("four", 10)
    assert limiter.limit == 3


def test_a_provider_that_refuses_is_eased_off_from_what_was_really_out() -> None:
    """Not from the limit that answers had taught so far."""
    limiter = ConcurrencyLimiter()
    limiter.ask("batch", 20)
    limiter.in_flight = 20
    limiter.record_answer(RetryDecision(action=RetryAction.THROTTLED, reason="provider", wait_s=1.0))
    assert (limiter.limit, limiter.learned) == (15, None)


def test_configure_holds_for_limiters_that_are_there_already() -> None:
    """The cure for a small plan works at once, for every client of the workspace; the lowest number holds."""
    limiter = ConcurrencyLimiter()
    fh.configure(max_concurrency=3)
    assert limiter.limit == 3
    limiter.fix(5)
    limiter.ask("batch", 50)
    assert (limiter.limit, limiter.most) == (3, 3)
    limiter.fix(2)
    assert (limiter.limit, limiter.most) == (2, 2)
    limiter.fix(None)
    limiter.ask("batch", None)
    fh.configure(max_concurrency=None)
    assert (limiter.limit, limiter.most) == (2, None)


def test_a_bounded_limiter_keeps_to_its_ceiling_and_takes_no_slot_for_who_waits_there() -> None:
    """Two at once through it, others go on beside; whoever waits for the ceiling holds up nobody at the limiter behind."""

    async def main() -> None:
        limiter = ConcurrencyLimiter(3)
        two = BoundedLimiter(limiter, ConcurrencyLimiter(2, adapts=False))
        async with two.slot("mine"), two.slot("mine"):
            assert (two.limit, limiter.limit) == (2, 3)
            third = asyncio.create_task(_hold(two, None))
            await asyncio.sleep(0)
            assert two.wants_back("mine")
            assert not limiter.wants_back("other")  # nobody waits there
            async with limiter.slot("other"):
                assert limiter.in_flight == 3
            assert await two.wait_to_send()
            two._ceiling.fix(1)
            assert not await two.wait_to_send()
            assert two.wants_back("mine")
            two._ceiling.fix(2)
            assert not third.done()
        await third
        cancelled = asyncio.create_task(_hold(two, None))
        async with limiter.slot(), limiter.slot(), limiter.slot():
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.sleep(0)
        assert cancelled.cancelled()
        assert (limiter.in_flight, two._ceiling.in_flight, limiter._requested) == (0, 0, {})

    run_virtually(main())


def test_a_ceiling_asks_for_nothing_once_its_last_call_through_there_has_ended() -> None:
    """Whatever else it counts, in any order: calls past the limiter, and one that was let in and cancelled at once."""

    async def main() -> None:
        limiter = ConcurrencyLimiter()
        begins_at = limiter.limit
        five = BoundedLimiter(limiter, ConcurrencyLimiter(5, adapts=False))
        past = five.past(ConcurrencyLimiter(10))
        async with past.slot():
            async with five.slot():
                assert limiter.limit == 5
            assert limiter.limit == begins_at
            async with five.slot():
                assert limiter.limit == 5
        assert limiter.limit == begins_at

        four = BoundedLimiter(limiter, ConcurrencyLimiter(4, adapts=False))
        async with AsyncExitStack() as stack:
            for _ in range(4):
                await stack.enter_async_context(four.slot())
            waits = [asyncio.create_task(_hold(four, None)) for _ in range(2)]
            await asyncio.sleep(0)
        assert limiter.limit == 4, "two were let in"
        for waiting in waits:
            waiting.cancel()
        await asyncio.wait(waits)
        assert (limiter.limit, limiter._requested) == (begins_at, {})

    run_virtually(main())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_is_not_held_up_by_its_parents_calls() -> None:
    """The parent's calls in flight are not the child's: its limiter is empty, and it knows what was learned."""
    script = """
import asyncio, os
from fh_notebook.session.limiter import BoundedLimiter
from fh_notebook.session.limiter import ConcurrencyLimiter
limiter = ConcurrencyLimiter(2)
five = BoundedLimiter(ConcurrencyLimiter(), ConcurrencyLimiter(5, adapts=False))
async def use():
    async with five.slot():
        assert five.shared.limit == 5
    assert five.shared.limit == 2
    async with limiter.slot():
        return 10 + limiter.in_flight  # 1 is what an error exits with
loop = asyncio.new_event_loop()
async def enter_twice():
    for _ in range(2):
        await limiter._enter()
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
    limiter = ConcurrencyLimiter()
    before = limiter.limit
    for _ in range(50):
        limiter.record_answer(RetryDecision(action=RetryAction.UNKNOWN, reason="http_500"))
        limiter.record_answer(RetryDecision(action=RetryAction.RETRY, reason="unavailable"))
    assert limiter.limit == before


def test_an_invalid_request_does_not_raise_the_limit() -> None:
    """A 422 is refused before it takes a place, so it says nothing of the cap."""
    limiter = ConcurrencyLimiter()
    limiter.in_flight = 2
    for _ in range(50):
        limiter.record_answer(RetryDecision(action=RetryAction.FAILED, reason="validation_error"))
    assert limiter.limit == 2


def test_a_queued_answer_cuts_as_a_refusal_does_and_is_none() -> None:
    """With callback delivery a call over the cap is queued: the limit goes down, and nothing was refused."""
    limiter = ConcurrencyLimiter()
    limiter.in_flight = 2
    limiter.record_answer(DONE, queued=True)
    assert (limiter.limit, limiter.refused) == (1, 0)


def test_a_providers_429_is_counted_and_eases_off() -> None:
    """It is a refusal, and after a few answers the limit is back."""
    limiter = ConcurrencyLimiter()
    for _ in range(8):
        limiter.in_flight = limiter.limit
        limiter.record_answer(DONE)
    assert limiter.limit == 10
    limiter.record_answer(RetryDecision(action=RetryAction.THROTTLED, reason="provider", wait_s=1.0))
    assert (limiter.limit, limiter.refused) == (7, 1)
    for _ in range(40):
        limiter.in_flight = limiter.limit
        limiter.record_answer(DONE)
    assert limiter.limit == 10


def test_the_typical_time_of_a_call_is_learned_from_admitted_ones() -> None:
    """Refused calls, which come back at once, do not count; a fixed limiter learns it too."""

    async def main() -> None:
        limiter = ConcurrencyLimiter(5)
        assert limiter.typical_s is None
        for seconds, decision in ((0.2, DONE), (0.001, REFUSED), (0.2, DONE)):
            async with limiter.slot():
                with limiter.call() as call:
                    assert limiter.out == 1
                    await asyncio.sleep(seconds)
                limiter.record_answer(decision, call=call)
        assert limiter.typical_s == pytest.approx(0.2)
        assert limiter.out == 0

    run_virtually(main())


def test_a_call_that_is_cancelled_or_raises_is_not_out_any_more() -> None:
    """Whatever ends the block ends the call."""
    limiter = ConcurrencyLimiter()
    with pytest.raises(ZeroDivisionError), limiter.call():
        1 / 0  # noqa: B018
    assert limiter.out == 0


# --- one slot for several calls


class Batch:
    """So many calls of a second through a limiter, as a batch makes them: a slot goes on until it is wanted back."""

    def __init__(self, limiter: ConcurrencyLimiter, calls: int) -> None:
        self.limiter = limiter
        self.left = calls
        self.out = 0
        self.peak = 0
        self.done_at: list[float] = []

    async def run(self) -> None:
        async with asyncio.TaskGroup() as workers:
            while self.left:
                slot = self.limiter.slot(self)
                await slot.__aenter__()
                workers.create_task(self._work(slot))
                await asyncio.sleep(0)

    async def _work(self, slot: AbstractAsyncContextManager[None]) -> None:
        try:
            while await self.limiter.wait_to_send() and self.left:
                self.left -= 1
                self.out += 1
                self.peak = max(self.peak, self.out)
                with self.limiter.call() as call:
                    await asyncio.sleep(1)
                self.out -= 1
                self.done_at.append(asyncio.get_running_loop().time())
                self.limiter.record_answer(DONE, call=call)
                if self.limiter.wants_back(self):
                    return
        finally:
            await slot.__aexit__(None, None, None)


def test_a_slot_goes_on_from_call_to_call_while_nobody_else_waits() -> None:
    """A hundred calls at ten at once take ten seconds; waiting for more slots of one's own takes none away."""
    limiter = ConcurrencyLimiter(10)
    batch = Batch(limiter, 100)
    _, seconds = run_virtually(batch.run())
    assert (seconds, batch.peak) == (pytest.approx(10.0), 10)


def test_a_click_during_a_big_batch_waits_for_about_one_call() -> None:
    """Ten clicks, one after another, while 300 calls run at ten at once: none waits for more than a call."""
    limiter = ConcurrencyLimiter(10)
    waited: list[float] = []

    async def click() -> None:
        began = asyncio.get_running_loop().time()
        async with limiter.slot():
            waited.append(asyncio.get_running_loop().time() - began)
            assert limiter.in_flight <= 10
            await asyncio.sleep(1)

    async def main() -> None:
        batch = asyncio.create_task(Batch(limiter, 300).run())
        for n in range(10):
            await asyncio.sleep(0.3 * n + 0.1)
            await click()
        await batch

    run_virtually(main())
    assert max(waited) <= 1.0
    assert limiter.in_flight == 0


def test_two_batches_share() -> None:
    """A second batch, which comes when the first has all slots, soon has half of them; both keep to the limit."""
    limiter = ConcurrencyLimiter(10)
    first, second = Batch(limiter, 200), Batch(limiter, 50)

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
    """A lowered limit, a closed limiter, and who waits, unless it is of the holder's own group."""

    async def main() -> None:
        limiter = ConcurrencyLimiter(2)
        async with limiter.slot("mine"), limiter.slot("mine"):
            assert not limiter.wants_back("mine")
            own = asyncio.create_task(_hold(limiter, "mine"))
            await asyncio.sleep(0)
            assert not limiter.wants_back("mine")
            assert limiter.wants_back("other")
            assert limiter.wants_back(None)
            click = asyncio.create_task(_hold(limiter, None))
            await asyncio.sleep(0)
            assert limiter.wants_back("mine")
            assert limiter.wants_back(None)
            click.cancel()
            await asyncio.sleep(0)
            assert not limiter.wants_back("mine")
            limiter.fix(1)
            assert limiter.wants_back("mine")
            assert not await limiter.wait_to_send()
            limiter.fix(2)
            assert not limiter.wants_back("mine")
            assert await limiter.wait_to_send()
            limiter.record_answer(RetryDecision(action=RetryAction.STOP, reason="daily_cap"))
            assert limiter.wants_back("mine")
            assert not await limiter.wait_to_send()
        with pytest.raises(LimitReached):
            await own

    run_virtually(main())


async def _hold(limiter: ConcurrencyLimiter | BoundedLimiter, group: object) -> None:
    async with limiter.slot(group):
        pass


def test_a_closed_limiter_tells_who_waits_at_once_and_one_that_is_reopened_lets_them_in() -> None:
    """Nobody waits for calls of a minute to hear that the daily cap is used up."""

    async def main() -> None:
        limiter = ConcurrencyLimiter(1)
        async with limiter.slot():
            waiting = asyncio.create_task(_hold(limiter, None))
            await asyncio.sleep(0)
            limiter.record_answer(RetryDecision(action=RetryAction.STOP, reason="daily_cap"))
            with pytest.raises(LimitReached):
                await waiting
            limiter.reopen()
            waiting = asyncio.create_task(_hold(limiter, None))
            await asyncio.sleep(0)
            limiter.record_answer(RetryDecision(action=RetryAction.STOP, reason="daily_cap"))
            limiter.reopen()  # before the waiting one could look
            await asyncio.sleep(0)
            assert not waiting.done()
        await waiting
        assert limiter.in_flight == 0

    run_virtually(main())


def test_a_number_is_retuned_while_a_batch_runs() -> None:
    """Raised, those who wait are let in at once; lowered, slots come back as calls end, and none is cut off."""
    limiter = ConcurrencyLimiter(2)
    batch = Batch(limiter, 1000)
    seen: list[int] = []

    async def main() -> None:
        running = asyncio.create_task(batch.run())
        for number in (2, 50, 5, 20):
            limiter.fix(number)
            await asyncio.sleep(1.5)
            seen.append(batch.out)
        await running

    run_virtually(main())
    assert seen == [2, 50, 5, 20]
    assert limiter.in_flight == 0


def test_a_number_is_retuned_from_another_thread() -> None:
    """The slider's thread is not the batch's: calls that wait in a loop there are woken."""
    limiter = ConcurrencyLimiter(1)
    entered: queue.SimpleQueue[int] = queue.SimpleQueue()
    enough = threading.Event()

    async def hold(number: int) -> None:
        async with limiter.slot():
            entered.put(number)
            await asyncio.to_thread(enough.wait, 30)

    async def main() -> None:
        await asyncio.gather(*(hold(n) for n in range(4)))

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert entered.get(timeout=30) == 0
        limiter.fix(4)
        assert {entered.get(timeout=30) for _ in range(3)} == {1, 2, 3}
    finally:
        enough.set()
        thread.join(30)
    assert limiter.in_flight == 0


def test_growth_lets_in_who_waits_though_no_slot_is_given_back() -> None:
    """The holder goes on in its slot; what the answer added is for those who wait."""

    async def main() -> None:
        limiter = ConcurrencyLimiter()
        async with limiter.slot("mine"), limiter.slot("mine"):
            third = asyncio.create_task(_hold(limiter, "mine"))
            await asyncio.sleep(0)
            limiter.record_answer(DONE)
            assert limiter.in_flight == 3
            await third

    run_virtually(main())


def test_a_few_calls_go_out_at_a_turn_of_the_loop_where_one_may_be_refused() -> None:
    """Between them the loop looks for answers; a cancelled one takes no turn. So many as were admitted wait for none,
    until one is refused."""
    turns: list[int] = []

    async def main(limiter: ConcurrencyLimiter) -> None:
        turn = 0

        async def send(number: int) -> None:
            await limiter.wait_to_send()
            turns.append(turn)

        tasks = [asyncio.create_task(send(n)) for n in range(20)]
        await asyncio.sleep(0)
        tasks[7].cancel()
        while not all(task.done() for task in tasks):
            turn += 1
            await asyncio.sleep(0)

    for limiter in (ConcurrencyLimiter(), ConcurrencyLimiter(20)):
        turns.clear()
        run_virtually(main(limiter))
        assert len(turns) == 19
        assert max(turns.count(turn) for turn in set(turns)) <= 4
    turns.clear()
    admitted = ConcurrencyLimiter(20)
    admitted.in_flight = 20
    admitted.record_answer(DONE)
    for limiter in (ConcurrencyLimiter(20, adapts=False), admitted):
        turns.clear()
        run_virtually(main(limiter))
        assert turns == [0] * 20
    admitted.record_answer(REFUSED)
    turns.clear()
    run_virtually(main(admitted))
    assert max(turns.count(turn) for turn in set(turns)) <= 4
