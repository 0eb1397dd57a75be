"""Executors of runs: daemon threads for plain functions, and the event loop of a hive.

Why not an executor of the standard library: an event loop's default one has a handful of threads, so that slow
workflows would wait for each other below the concurrency cap; and the interpreter waits at its end for every executor
thread, so that Ctrl+C hangs on a workflow that sleeps. These are daemons, made on demand, and go when idle.

Rule of this file: the thread is a daemon, and its end can be asked for from anywhere; only who may wait waits for it.

A sync call runs on the loop of whoever asks. A run whose answer is delivered later must not depend on the caller's
loop, which may be gone by then; so a hive has one loop of its own, in a daemon thread, started when first needed.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import os
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar
from weakref import WeakSet

T = TypeVar("T")


IDLE_S: Final = 5.0
"""A thread that had nothing to do for so long goes: hives that nobody holds any more leave nothing behind."""


class ThreadExecutor:
    """A pool without a limit of its own: how many run at once is the concurrency cap's business."""

    def __init__(self, *, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Forget all threads, as in a child after ``os.fork``: none of them is there, nor is who held the lock."""
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread and return what it returns. It must not raise.

        When the caller is cancelled, `work` goes on to its end and what it returns is dropped.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def job() -> None:
            value = context.run(work)
            with contextlib.suppress(RuntimeError):  # the loop that asked is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, done, value)

        self._submit(job)
        return await done

    def _submit(self, job: Callable[[], None]) -> None:
        with self._lock:
            spawn = self._idle == 0
            if not spawn:
                self._idle -= 1
        self._jobs.put(job)
        if spawn:
            threading.Thread(target=self._work, name="fh-hive-workflow", daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._idle_s)
            except queue.Empty:
                with self._lock:
                    # An idle thread that was counted on for a job that is just being put stays for it.
                    if self._idle == 0:
                        continue
                    self._idle -= 1
                    return
            job()
            del job  # else an idle thread would hold the last run's inputs
            with self._lock:
                self._idle += 1


def _settle(done: asyncio.Future[Any], value: Any) -> None:
    if not done.done():
        done.set_result(value)


_LOOPS: WeakSet[HiveLoop] = WeakSet()
"""Those that were started: at the interpreter's end each is given the time to end well."""


@atexit.register
def _stop_at_exit() -> None:
    for hive_loop in list(_LOOPS):
        hive_loop.stop()


class HiveLoop:
    """A lazily started event loop in a thread.

    Parameters
    ----------
    at_stop : callable
        Awaited on the loop, last of all: it closes what lives there.
    """

    def __init__(self, at_stop: Callable[[], Awaitable[None]]) -> None:
        self._at_stop = at_stop
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Forget the loop, its thread and what runs there, as in a child after ``os.fork``, where they are not."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[Any]] = set()  # of this loop: one that still ends has its own
        self._pid = 0

    def submit(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let ``work()`` run on the loop; return at once. May be called from any thread."""
        with self._lock:
            loop = self._running_loop()
            loop.call_soon_threadsafe(_spawn, loop, self._tasks, work)

    def stop(self) -> None:
        """Cancel what runs, wait until it has ended, and end the thread. May be called twice; `submit` starts anew."""
        with self._lock:
            thread = self.ask_to_stop()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def ask_to_stop(self) -> threading.Thread | None:
        """Let the thread end as :meth:`stop` does, and return it without waiting, if there is one.

        This is all that may be done while garbage is collected, which happens anywhere: the thread may need a lock
        (the import lock, say) that the interrupted code holds.
        """
        thread, loop, stopping = self._thread, self._loop, self._stopping
        self._thread = self._loop = self._stopping = None
        if loop is None or stopping is None or os.getpid() != self._pid:
            return None
        loop.call_soon_threadsafe(stopping.set)
        return thread

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        # After a fork the thread is not there, whatever this object says.
        if self._loop is None or os.getpid() != self._pid:
            self._pid = os.getpid()
            ready: threading.Event = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(ready,), name="fh-hive", daemon=True)
            self._thread.start()
            ready.wait()
            _LOOPS.add(self)
        if self._loop is None:
            raise RuntimeError("the hive's event loop did not start")
        return self._loop

    def _run(self, ready: threading.Event) -> None:
        try:
            with asyncio.Runner() as runner:  # nest_asyncio's asyncio.run would never close its loop
                runner.run(self._main(ready))
        finally:
            ready.set()

    async def _main(self, ready: threading.Event) -> None:
        stopping = self._stopping = asyncio.Event()
        tasks = self._tasks = set()
        self._loop = asyncio.get_running_loop()
        ready.set()
        await stopping.wait()
        for task in (left := list(tasks)):
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._at_stop()


def _spawn(
    loop: asyncio.AbstractEventLoop,
    tasks: set[asyncio.Task[Any]],
    work: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    task = loop.create_task(work())
    tasks.add(task)  # a loop holds its tasks weakly
    task.add_done_callback(tasks.discard)
