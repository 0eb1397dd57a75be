"""Calls that were cancelled while they were out: a run in the store, and one line in a notebook."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.client.retry_loop import RetryLoop
from fh_notebook.core import event_loop
from fh_notebook.errors import FetchHiveError
from fh_notebook.session import session
from tests.batching.hives import Held


def _kept() -> list[fh.Run]:
    for thread in threading.enumerate():  # on a slow machine the one who was cancelled did not wait for it
        if thread.name == "fetchhive-last-words":
            thread.join(30)
    store = session.store()
    assert store is not None
    return [kept.run for kept in store.answers.single_runs()]


async def _cancel_when_out(held: Held, call: Coroutine[Any, Any, fh.Run]) -> asyncio.CancelledError:
    task = asyncio.ensure_future(call)
    await asyncio.to_thread(held.began.get)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


TWINS: list[Callable[[fh.Client], Coroutine[Any, Any, fh.Run]]] = [
    lambda client: client.ainvoke("held", variant="v", inputs={"text": "a"}, metadata={"case": 4}),
    lambda client: client.aclient.invoke("held", variant="v", inputs={"text": "a"}, metadata={"case": 4}),
]


@pytest.mark.parametrize("twin", TWINS, ids=["bridged", "in the caller's loop"])
def test_a_call_that_is_cancelled_while_it_is_out_is_kept_as_unknown(twin: Any) -> None:
    """It may have run: history says so, and a notebook shows one line; the cancel goes on as what it was."""
    held = Held()
    try:
        cancelled = asyncio.run(_cancel_when_out(held, twin(held.hive.client())))
    finally:
        held.go.release(9)
    [run] = _kept()
    assert (run.status, run.error_code) == ("unknown", "cancelled")
    assert (bool(run.error), run.may_have_run) == (True, True)
    assert (run.deployment, run.variant, run.inputs, run.metadata) == ("held", "v", {"text": "a"}, {"case": 4})
    assert run.origin == "local"
    assert run.started_at is not None
    assert run.may_have_run
    assert type(cancelled) is asyncio.CancelledError
    [line] = cancelled._render_traceback_()  # type: ignore[attr-defined]
    assert "\n" not in line


def test_full_tracebacks_are_shown_to_whoever_asked_for_them() -> None:
    """``fh.configure(tracebacks="full")`` holds for interrupts too."""
    fh.configure(tracebacks="full")
    try:
        stopped = KeyboardInterrupt()
        event_loop.show_as_one_line(stopped, "x")
        assert not hasattr(stopped, "_render_traceback_")
    finally:
        FetchHiveError.show_full_traceback = False


@pytest.mark.parametrize("where", ["at the limiter", "before a retry"])
def test_a_call_that_is_cancelled_while_nothing_is_out_leaves_nothing(where: str) -> None:
    """Neither while it waits for a slot, nor between two attempts that did not run."""
    connection = Held().hive.client().aclient.connection
    if where == "before a retry":
        connection = replace(connection, open_transport=lambda: httpx.MockTransport(lambda _: httpx.Response(503)))

    async def main() -> None:
        waits = asyncio.Event()

        async def sleep(seconds: float) -> None:
            waits.set()
            await asyncio.sleep(60)

        core = fh.AsyncClient.over(connection, retries=RetryLoop(connection, sleep=sleep))
        if where == "at the limiter":
            core.limiter.fix(1)
            slot = core.limiter.slot()
            await slot.__aenter__()
            waits.set()
        task = asyncio.ensure_future(core.invoke("held", variant="v", inputs={"text": "a"}))
        await asyncio.sleep(0)
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert _kept() == []


def test_a_locked_store_does_not_hold_up_a_stop() -> None:
    """The one who stopped waits a tenth of a second; the run is kept when the lock is gone."""
    held = Held()
    store = session.store()
    assert store is not None
    store.answers.newest_id()  # opened
    lock = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN IMMEDIATE")
    try:
        begun = time.monotonic()
        asyncio.run(
            _cancel_when_out(held, held.hive.client().aclient.invoke("held", variant="v", inputs={"text": "a"}))
        )
        assert time.monotonic() - begun < 5  # the store itself waits for 10 s
    finally:
        lock.execute("ROLLBACK")
        lock.close()
        held.go.release(9)
    store.database.put(lambda _: None).result()  # whatever was put before is written
    assert [run.error_code for run in _kept()] == ["cancelled"]


SCRIPT = """
import sys
import fh_notebook as fh
fh.configure(loop={door!r})
hive = fh.local.LocalHive()
@hive.workflow("held", variant="v")
async def held(text: str) -> str:
    import asyncio
    print("began", flush=True)
    await asyncio.sleep(60)
    return text
async def cell():
    hive.client().invoke("held", variant="v", inputs={{"text": "a"}})
import asyncio
here = asyncio.new_event_loop()
try:
    here.run_until_complete(cell())
except KeyboardInterrupt as stopped:
    print(type(stopped) is KeyboardInterrupt, *stopped._render_traceback_(), flush=True)
    raise
"""


@pytest.mark.parametrize("door", ["thread", pytest.param("nested", marks=pytest.mark.long)])
def test_an_interrupted_blocking_call_is_kept_and_stays_an_interrupt(door: str) -> None:
    """Through both doors: one line for a notebook, Python's own exit for a script, and the run in the store."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(door=door)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        process.send_signal(signal.SIGINT)
        said, told = process.communicate(timeout=90)
        assert process.returncode == (-signal.SIGINT if os.name == "posix" else 1)
    assert (said.startswith("True "), said.count("\n")) == (True, 1)
    assert [run.error_code for run in _kept()] == ["cancelled"], told
