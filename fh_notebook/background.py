"""The background loop: one daemon thread with an event loop of its own, and the jobs that run there.

Rule of this file: it is started on first use, and afresh in a child after ``os.fork`` (a thread does not survive a
fork). How a blocking function or a cell's ``await`` enters it is in `loop.py`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from fh_notebook.flag import Flag

__all__ = ["BackgroundLoop", "Job", "background"]

T = TypeVar("T")


class Job(Generic[T]):
    """One coroutine on the background loop, which can be waited for, from any thread, and cancelled.

    Unlike the future of ``run_coroutine_threadsafe``, a job is finished only when the coroutine's own ``finally`` has
    run, also after a cancel.
    """

    def __init__(self, work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self.finished = Flag()
        self._work = work
        self._loop = loop
        self._task: asyncio.Task[T | None] | None = None
        self._cancelled_early = False
        self.last_words = ""
        """What the work said when it was cancelled: the first argument of its `CancelledError`."""
        self._outcome: T | None = None
        self._error: BaseException | None = None
        self._at_end: list[Callable[[], None]] = []

    def start(self) -> None:
        """Have the work begin on the loop. By itself, so that who waits has the job in hand when an interrupt comes."""
        # The caller's context comes along: ipykernel finds there the cell that an output belongs to.
        self._loop.call_soon_threadsafe(self._begin, contextvars.copy_context())

    def _begin(self, context: contextvars.Context) -> None:
        self._task = self._loop.create_task(self._guarded(self._work), context=context)
        self._task.add_done_callback(self._finish)
        if self._cancelled_early:
            self._task.cancel()

    async def _guarded(self, work: Coroutine[Any, Any, T]) -> T | None:
        try:
            return await work
        except asyncio.CancelledError as cancelled:
            self.last_words = str(cancelled)
            raise
        except (SystemExit, KeyboardInterrupt) as ends:
            self._error = ends  # asyncio would end the loop with it, and everybody else's work
            return None

    def _finish(self, task: asyncio.Task[T | None]) -> None:
        self._work.close()  # one that was cancelled before it began must not be reported as forgotten
        if task.cancelled():
            self._error = asyncio.CancelledError()
        elif self._error is None:
            self._error = task.exception()
            if self._error is None:
                self._outcome = task.result()
        self.finished.set()
        for call in self._at_end:
            call()

    def call_at_end(self, call: Callable[[], None]) -> None:
        """Have `call` called, on the background loop, once the job is finished; at once when it is already."""
        self._loop.call_soon_threadsafe(lambda: call() if self.finished.is_set() else self._at_end.append(call))

    def cancel(self) -> None:
        """Ask the work to end; it is finished when its `finally` has run."""

        def cancel() -> None:
            if self._task is None:
                self._cancelled_early = True
            else:
                self._task.cancel()

        with contextlib.suppress(RuntimeError):  # the loop has ended, and the work with it
            self._loop.call_soon_threadsafe(cancel)

    def result(self) -> T:
        """Return what the finished work returned, or raise what it raised."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                del self  # the traceback must not hold the job that holds the error
        return self._outcome  # type: ignore[return-value]  # finished without an error: it is a T


class BackgroundLoop:
    """One event loop on one named daemon thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, name="fetchhive-loop", daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            _end_tasks(self.loop)
            self.loop.close()

    def submit(self, work: Coroutine[Any, Any, T]) -> Job[T]:
        """Start `work` and return its job at once."""
        job = Job(work, self.loop)
        job.start()
        return job

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the loop: what still runs is cancelled."""
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(timeout_s)


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())


_lock = threading.Lock()
_current: BackgroundLoop | None = None
_pid = os.getpid()


def background() -> BackgroundLoop:
    """Return this process's background loop, started if need be."""
    global _current, _pid
    with _lock:
        if _current is None or _pid != os.getpid() or not _current.thread.is_alive():
            _current, _pid = BackgroundLoop(), os.getpid()
        return _current


def _after_fork() -> None:
    """In a child the parent's thread is gone, and its lock may have been held at the fork."""
    global _lock, _current
    _lock, _current = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def _stop_at_exit() -> None:
    if _current is not None and _pid == os.getpid():
        _current.stop()
