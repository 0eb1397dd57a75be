"""The background loop and the doors into it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

import fh_notebook as fh
from fh_notebook.core import event_loop
from fh_notebook.errors import FetchHiveError

PATIENCE_S = 30.0


async def _double(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


async def _fail() -> None:
    raise ValueError("as asked")


@pytest.fixture(params=["thread", "nested"])
def door(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both doors: the marked subset of tests that must hold in either."""
    with asyncio_as_it_was():
        fh.configure(loop=request.param)
        yield str(request.param)


@contextlib.contextmanager
def asyncio_as_it_was() -> Iterator[None]:
    """Take back what the nested door changes in asyncio for the whole process: other tests run in it, too."""
    policy, running = type(asyncio.get_event_loop_policy()), asyncio.SelectorEventLoop
    changed = [asyncio, asyncio.tasks, asyncio.futures, asyncio.events, policy, *running.__mro__[:-1]]
    if tornado := sys.modules.get("tornado.concurrent"):
        changed.append(tornado)
    before = [dict(vars(where)) for where in changed]
    try:
        yield
    finally:
        for where, names in zip(changed, before, strict=True):
            for name in vars(where).keys() - names.keys():
                delattr(where, name)
            for name, value in names.items():
                if vars(where)[name] is not value:
                    setattr(where, name, value)


def test_a_blocking_function_returns_what_the_coroutine_returns(door: str) -> None:
    """From a plain script, without any loop."""
    assert event_loop.run(_double(21)) == 42


def test_an_error_arrives_with_its_type_and_traceback(door: str) -> None:
    """What the work raised is raised to the caller."""
    with pytest.raises(ValueError, match="as asked"):
        event_loop.run(_fail())


def test_a_blocking_call_works_inside_somebody_elses_running_loop(door: str) -> None:
    """In a cell the kernel's loop is running: waiting works all the same."""

    async def cell() -> int:
        return event_loop.run(_double(4))

    assert asyncio.run(cell()) == 8


def test_nothing_stays_open_where_asyncio_is_patched() -> None:
    """`nest_asyncio` replaces `asyncio.run` by one that never closes its loop; a hive's loop is closed all the same."""
    script = """
import gc
try:
    import nest_asyncio2 as nesting
except ImportError:
    import nest_asyncio as nesting
from fh_notebook.core import event_loop as loop
from fh_notebook.local import LocalHive
nesting.apply()
async def work():
    pass
async def last_words():
    await loop.run_within(work(), 20)
loop.run(last_words())
hive = LocalHive()
@hive.workflow("echo", variant="v")
def echo(text):
    return text
with hive.client() as client:
    print(client.invoke("echo", variant="v", inputs={"text": "a"}).output)
hive.close()
del hive, client
gc.collect()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n", "")


def test_several_threads_enter_at_once() -> None:
    """Twenty threads wait for twenty pieces of work on one loop."""
    results: list[int] = []
    threads = [threading.Thread(target=lambda n=n: results.append(event_loop.run(_double(n)))) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(results) == [n * 2 for n in range(20)]
    names = [t.name for t in threading.enumerate() if t.name == "fetchhive-loop"]
    assert names == ["fetchhive-loop"]


def test_an_awaiting_cell_works_in_its_own_loop() -> None:
    """`await` from any running loop: the work runs on the background loop, the result comes here."""
    where: list[threading.Thread] = []

    async def work() -> int:
        where.append(threading.current_thread())
        return await _double(1)

    async def cell() -> int:
        return await event_loop.bridge(work())

    assert asyncio.run(cell()) == 2
    assert where[0].name == "fetchhive-loop"


def test_a_cancelled_await_cancels_the_work_and_waits_for_its_finally() -> None:
    """The cancel of the caller's task reaches the work, whose `finally` runs before the caller goes on."""
    began, ended = threading.Event(), threading.Event()

    async def work() -> None:
        try:
            began.set()
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def cell() -> None:
        task = asyncio.create_task(event_loop.bridge(work()))
        await asyncio.to_thread(began.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(cell())


def test_a_blocking_call_on_the_background_loop_itself_is_refused_with_the_cure() -> None:
    """It would wait for itself for ever."""

    async def scorer() -> None:
        event_loop.run(_double(1))

    with pytest.raises(FetchHiveError, match=r"hive\.ainvoke"):
        event_loop.run(scorer())


def test_a_job_that_is_cancelled_before_it_began_ends() -> None:
    """A cancel that comes at once is not lost."""
    job = event_loop.background().submit(asyncio.sleep(60))
    job.cancel()
    assert job.finished.wait(30)
    with pytest.raises(asyncio.CancelledError):
        job.result()


def test_an_interrupt_ends_the_wait_within_three_tenths_of_a_second(door: str) -> None:
    """SIGINT while a blocking call waits: the work is cancelled, its `finally` runs, and the loop stays usable."""
    script = f"""
import asyncio, signal, sys, time
import fh_notebook as fh
from fh_notebook.core import event_loop as loop
fh.configure(loop={door!r})
async def work():
    try:
        print("began", flush=True)
        await asyncio.sleep(60)
    finally:
        print("finally", flush=True)
async def cell():
    try:
        loop.run(work())
    except KeyboardInterrupt:
        print("interrupted", loop.run(asyncio.sleep(0, 7)), flush=True)
def main():
    # A kernel keeps Python's own handler while a cell runs; asyncio.run would replace it.
    here = asyncio.new_event_loop()
    here.run_until_complete(cell())
    here.close()
main()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        lines = process.stdout.readline(), process.stdout.readline()
        took = time.monotonic() - begun
        assert process.wait(10) == 0
    assert lines == ("finally\n", "interrupted 7\n")
    assert took < 10  # a hung wait would be 60 s; the 0.3 s itself is measured by python -m tests.benchmarks interrupt


def test_an_interrupt_at_any_step_of_the_wait_is_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the work is cancelled: `threading.Event` lets go of a lock that is not held, and raises RuntimeError."""
    monkeypatch.setattr(event_loop, "POLL_S", 0.001)
    began: list[int] = []
    ended: list[int] = []

    async def work(step: int) -> None:
        began.append(step)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(step)

    def interrupt_at(step: int) -> object:
        left = iter(range(step - 1, -1, -1))

        def trace(frame: FrameType, event: str, arg: object) -> object:
            code = frame.f_code
            if code.co_filename not in (event_loop.__file__, threading.__file__) or code.co_name not in of_a_wait:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode" and next(left, None) == 0:
                raise KeyboardInterrupt
            return trace

        return trace

    of_a_wait = {"wait", "__enter__", "__exit__", "_is_owned", "_release_save", "_acquire_restore"}
    event_loop.run(asyncio.sleep(0))  # the thread is there
    before = sys.gettrace()
    for step in range(1, 61):  # one wait has some 20, and there is one after the other
        sys.settrace(interrupt_at(step))  # type: ignore[arg-type]
        try:
            with pytest.raises(KeyboardInterrupt):
                event_loop.run(work(step))
        finally:
            sys.settrace(before)
    assert ended == began  # the first interrupts come before the work has begun
    assert began


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_a_fresh_loop() -> None:
    """The parent's thread does not survive a fork; the child's first call starts one of its own."""
    script = """
import asyncio, os
from fh_notebook.core import event_loop as loop
async def double(n):
    await asyncio.sleep(0)
    return n * 2
assert loop.run(double(1)) == 2
pid = os.fork()
if pid == 0:
    os._exit(loop.run(double(21)))
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status), loop.run(double(2)))
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["42", "4"], done.stderr


def test_the_loop_ends_with_the_process_and_runs_the_works_finally() -> None:
    """A program that ends while background work runs neither hangs nor prints a traceback."""
    script = """
import asyncio
from fh_notebook.core import event_loop as loop
async def work():
    try:
        await asyncio.sleep(60)
    finally:
        print("ended")
job = loop.background().submit(work())
loop.run(asyncio.sleep(0))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr, done.returncode) == ("ended\n", "", 0)


def test_every_thread_that_waits_sees_the_event() -> None:
    """Threads without a timeout, and one that waits after the event was set."""
    event = event_loop.InterruptibleEvent()
    seen: list[bool] = []
    threads = [threading.Thread(target=lambda: seen.append(event.wait())) for _ in range(5)]
    for thread in threads:
        thread.start()
    event.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (seen, event.wait()) == ([True] * 5, True)
