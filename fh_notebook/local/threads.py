"""Threads for workflows that are plain functions.

Why not an executor of the standard library: an event loop's default one has a handful of threads, so that slow
workflows would wait for each other below the concurrency cap; and the interpreter waits at its end for every executor
thread, so that Ctrl+C hangs on a workflow that sleeps. These are daemons, made on demand, and go when idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

__all__ = ["Threads"]

T = TypeVar("T")

IDLE_S: Final = 5.0
"""A thread that had nothing to do for so long goes: hives that nobody holds any more leave nothing behind."""


class Threads:
    """A pool without a limit of its own: how many run at once is the concurrency cap's business."""

    def __init__(self, *, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self.begin_afresh()

    def begin_afresh(self) -> None:
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
