"""A batch in the background, cancels and interrupts."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching.api import last_batch
from fh_notebook.batching.model import JobCounts
from fh_notebook.core import event_loop
from tests import environment
from tests.batching.hives import PATIENCE_S, Held, Shouting, rows, until
from tests.told import facts, tells


def _batch(held: Held, number: int = 10, **options: Any) -> fh.Batch:
    options = {"client": held.hive.client(), "progress": False, "max_concurrency": 3, "wait": False, **options}
    return fh.batch(rows(number), "held", **options)


def test_a_batch_in_the_background_returns_at_once_and_can_be_waited_for() -> None:
    """Its counts move while it runs; at the end it is what a batch in the foreground would be."""
    with Held().freed() as held:
        batch = _batch(held)
        held.wait_for(3)
        assert batch.running
        assert batch.in_flight == 3
        assert batch.counts == JobCounts(planned=10, pending=10, calls=3)
        assert "running" in repr(batch)
        held.let_go(2)
        until(lambda: batch.counts.done == 2)
        assert len(batch.frame) == 2
        assert len(batch.pending) == 8
        held.let_go()
        assert batch.wait() is batch
        assert not batch.running
        assert batch.counts == JobCounts(planned=10, done=10, calls=10)
        assert batch.wait() is batch


def test_a_running_batch_is_not_started_twice() -> None:
    """One start at a time, and the message says what to do."""
    with Held().freed() as held:
        batch = _batch(held)
        held.wait_for(1)
        for start in (batch.resume, batch.retry_failed):
            with pytest.raises(fh.SettingsError, match=r"batch.wait\(\)"):
                start()
        held.let_go()
        batch.wait()


def test_a_start_that_never_began_is_over() -> None:
    """Cut short before its first step, or refused for its progress: the batch can be started again."""
    shouting = Shouting()
    client = shouting.hive.client()
    with pytest.raises(fh.SettingsError, match=facts("progress", "'loud'")):
        fh.batch(rows(2), "shout", client=client, variants="loud", progress="loud")
    refused = last_batch()
    assert refused is not None
    assert not refused.running
    batch = fh.batch(rows(2), "shout", client=client, variants="loud", progress=False, dry_run=True)
    busy = threading.Event()

    async def main() -> None:
        event_loop.background().loop.call_soon_threadsafe(busy.wait)  # so that nothing begins there meanwhile
        resuming = asyncio.create_task(batch.aresume())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, busy.set)
        resuming.cancel()
        await resuming

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert not batch.running
    assert shouting.calls == 0
    assert batch.resume().counts.done == 2


def test_a_start_in_the_background_that_could_not_be_made_is_over() -> None:
    """As where the client of a cluster is closed: it is told, and the batch can be started again."""
    shouting = Shouting()
    asked: dict[str, Any] = {"client": shouting.hive.client(), "variants": "loud", "progress": False}
    control: Any = fh.batch(rows(2), "shout", **asked, dry_run=True)._control
    make = control.work.new_run

    def refuse(*_: Any, **__: Any) -> None:
        raise fh.SettingsError("the client is closed")

    control.work.new_run = refuse
    batch = last_batch()
    assert batch is not None
    batch.resume(wait=False)
    with pytest.raises(fh.SettingsError, match="closed"):
        batch.wait()
    assert not batch.running
    control.work.new_run = make
    assert batch.resume().counts.done == 2


def test_a_batch_in_the_background_can_be_awaited() -> None:
    """From any loop."""
    with Held().freed() as held:

        async def main() -> fh.Batch:
            batch = await fh.abatch(rows(3), "held", client=held.hive.client(), progress=False, wait=False)
            assert batch.running
            held.let_go()
            return await batch

        assert asyncio.run(main()).counts.done == 3


def test_a_cancel_keeps_what_is_finished_and_says_what_may_have_run() -> None:
    """What was out is unknown and stays so; the rest is pending and goes on; no job runs twice by itself."""
    with Held(name="lasting").freed() as held:
        batch = _batch(held)
        held.wait_for(3)
        held.let_go(1)
        held.wait_for(1)
        until(lambda: batch.counts.done == 1)
        batch.cancel()
        batch.wait()
        assert batch.counts == JobCounts(planned=10, done=1, unknown=3, pending=6, calls=4)
        assert batch.stopped is not None
        assert batch.stopped.reason == "cancelled"
        assert set(batch.frame["error_code"].dropna()) == {"cancelled"}
        held.let_go()
        assert _batch(held, wait=True).counts == JobCounts(planned=10, done=7, unknown=3, reused=1, calls=6)
        assert set(held.ran.values()) == {1}
        assert batch.resume(retry_unknown=True).counts.done == 10
        assert sorted(held.ran.values()) == [1] * 7 + [2] * 3


def test_a_cancel_right_after_the_start_is_a_stop_whenever_it_comes() -> None:
    """Before the first step, in the middle of it or after: never a bare CancelledError, and the batch goes on."""
    shouting = Shouting()
    client = shouting.hive.client()
    for number in range(60):
        batch = fh.batch(rows(3), "shout", name=f"b{number}", client=client, progress=False, wait=False)
        batch.cancel()
        batch.wait()
        assert not batch.running
        if batch.stopped is None:  # it was done before the cancel came
            assert batch.counts.done == 6
            continue
        assert batch.stopped.reason == "cancelled"
        assert tells(batch.stopped.message, "batch.resume()")
    batch.resume(retry_unknown=True)
    assert batch.counts.done == 6
    assert batch.stopped is None


def test_a_cancel_right_after_the_start_is_a_stop_for_who_awaits() -> None:
    """From a loop, too."""

    async def main(held: Held) -> fh.Batch:
        batch = await fh.abatch(rows(3), "held", client=held.hive.client(), progress=False, wait=False)
        return await batch.cancel()

    with Held().freed() as held:
        batch = asyncio.run(main(held))
    assert batch.stopped is not None
    assert batch.stopped.reason == "cancelled"


def test_a_cancel_reaches_a_blocking_batch_from_another_thread() -> None:
    """As a button does; the cell's own call returns the batch."""
    with Held().freed() as held:

        def cancel() -> None:
            held.wait_for(3)
            batch = last_batch()
            assert batch is not None
            batch.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        batch = _batch(held, wait=True)
        thread.join()
        assert batch.counts == JobCounts(planned=10, unknown=3, pending=7, calls=3)
        assert set(batch.frame["error_code"]) == {"cancelled"}  # a held call that is waited for ends by its timeout


def test_a_cancelled_await_goes_on_and_what_was_answered_is_kept() -> None:
    """The task is cancelled, as asyncio wants it; the batch is in `last_batch()`."""
    with Held().freed() as held:

        async def main() -> None:
            client = held.hive.client()
            task = asyncio.create_task(fh.abatch(rows(5), "held", client=client, progress=False, max_concurrency=2))
            await asyncio.to_thread(held.wait_for, 2)
            held.let_go(1)
            await asyncio.to_thread(held.wait_for, 1)
            await asyncio.to_thread(until, lambda: getattr(last_batch(), "counts", JobCounts()).done == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        batch = last_batch()
        assert batch is not None
        until(lambda: not batch.running)
        assert batch.counts == JobCounts(planned=5, done=1, unknown=2, pending=2, calls=3)
        held.let_go()
        assert batch.resume(retry_unknown=True).counts.done == 5


def test_a_wrong_key_is_raised_by_who_waits() -> None:
    """In the background nobody else could be told."""
    shouting = Shouting(api_key="fhk_0123456789abcdef")
    client = shouting.hive.client()
    shouting.hive.configure(api_key="fhk_another_key_now")
    batch = fh.batch(rows(3), "shout", client=client, progress=False, wait=False)
    with pytest.raises(fh.AuthError):
        batch.wait()
    assert batch.counts.pending == 6


def test_a_single_run_goes_between_the_calls_of_a_batch() -> None:
    """One limiter a workspace: a form's click waits for one slot, not for the end of the batch."""
    with Held(concurrency=2).freed() as held, ThreadPoolExecutor(1) as clicks:
        client = held.hive.client()
        client.limiter.fix(2)
        batch = fh.batch(rows(300), "held", variants="v", client=client, progress=False, wait=False)
        held.wait_for(2)
        click = clicks.submit(client.invoke, "held", variant="v", inputs={"text": "click"})
        while held.ran["click"] == 0:  # one slot after the other
            held.let_go(1)
            held.wait_for(1)
        assert batch.counts.pending > 0
        held.let_go()
        assert click.result(PATIENCE_S).output == "CLICK"
        batch.wait()
        assert batch.counts == JobCounts(planned=300, done=300, calls=300)


INTERRUPTED = """
import sys, threading, os, signal
import fh_notebook as fh

hive = fh.local.LocalHive(name="lasting")
go = threading.Event()
ran = []

@hive.workflow("slow", variant="v")
def slow(text: str) -> str:
    ran.append(text)
    if len(ran) == 6:
        print("out", flush=True)
    if len(ran) > 3:
        go.wait()
    return text.upper()

rows = [{"text": f"t{i}"} for i in range(10)]
batch = fh.batch(rows, "slow", client=hive.client(), progress=False, max_concurrency=3)
print("returned", flush=True)
go.set()
print(batch.counts, flush=True)
print(batch.summary(), flush=True)
print(batch.resume().counts, flush=True)
print(len(ran), len(set(ran)), flush=True)
"""


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent as POSIX does")
def test_an_interrupt_returns_the_batch_with_what_is_finished(tmp_path: Path) -> None:
    """Stop in a notebook, Ctrl-C in a program: what is out is not waited for, nothing lost, and the program can go on."""
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        env=environment.for_process(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "out\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "returned\n"  # calls end after it, at go.set()
    with process.stdout:
        counts, summary, resumed, ran = process.stdout.read().splitlines()
    assert process.wait(PATIENCE_S) == 0
    assert counts == str(JobCounts(planned=10, done=3, unknown=3, pending=4, calls=6))
    assert "interrupted" in summary
    assert resumed == str(JobCounts(planned=10, done=7, unknown=3, calls=10))
    assert ran == "10 10"


@pytest.mark.parametrize("moment", ["call", "return"])
def test_an_interrupt_before_the_first_step_of_a_start_waits_for_nothing(moment: str) -> None:
    """A start with nothing to call is short, so that an interrupt often comes so early; it took 2 s each time."""
    shouting = Shouting()
    batch = fh.batch(rows(3), "shout", variants="loud", client=shouting.hive.client(), progress=False)
    batch._control.settle_s = 2 * PATIENCE_S
    is_held, let_go = threading.Event(), threading.Event()
    was_let_go = []

    def hold() -> None:
        is_held.set()
        was_let_go.append(let_go.wait(PATIENCE_S))

    def trace(frame: FrameType, event: str, arg: object) -> object:
        code = frame.f_code
        if code.co_filename != event_loop.__file__ or code.co_qualname != event_loop.BackgroundJob.start.__qualname__:
            return None
        if event == moment:
            sys.settrace(before)
            raise KeyboardInterrupt
        return trace

    event_loop.background().loop.call_soon_threadsafe(hold)
    assert is_held.wait(PATIENCE_S)
    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        assert batch.resume() is batch
    finally:
        sys.settrace(before)
        let_go.set()
    assert "interrupted" in batch.summary()
    assert not batch.running
    assert batch.resume().counts == JobCounts(planned=3, done=3, calls=3)
    assert batch.stopped is None
    assert was_let_go == [
        True
    ]  # the loop stood still: who had waited for it would have waited until the patience ended


def _descriptors(path: Path) -> int:
    """How many descriptors this process has of a store's files; its owners' lock files are among them."""
    links = (os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd") if _is_open(number))
    return sum(link.startswith(str(path)) for link in links)


def _is_open(number: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{number}")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are listed by Linux")
def test_another_store_closes_the_one_before(tmp_path: Path) -> None:
    """Its files and its writer; what was kept in it is read all the same, and a batch that runs is let alone."""
    first, second = tmp_path / "first.sqlite3", tmp_path / "second.sqlite3"
    fh.configure(store=first)
    before = set(threading.enumerate())
    with Held().freed() as held:
        done = fh.batch(rows(2), "shout", variants="loud", client=Shouting().hive.client(), progress=False)
        assert _descriptors(first)
        assert set(threading.enumerate()) - before
        writers = [thread for thread in set(threading.enumerate()) - before if "store" in thread.name]
        running = _batch(held, 3)
        held.wait_for(3)
        fh.configure(store=second)
        assert _descriptors(first)
        held.let_go()
        assert running.wait().counts.done == 3
        fh.configure(store=first)
        fh.configure(store=second)
        assert _descriptors(first) == 0
        assert not any(thread.is_alive() for thread in writers)
        assert len(done.frame) == 2
        assert _descriptors(first)
        fh.configure(store=None)
        assert _descriptors(first) == 0
