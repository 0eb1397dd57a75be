"""The event loop of a hive: where runs for callback delivery live, and where callbacks leave from.

Rule of this file: the thread is a daemon, and its end can be asked for from anywhere; only who may wait waits for it.

A sync call runs on the loop of whoever asks. A run whose answer is delivered later must not depend on the caller's
loop, which may be gone by then; so a hive has one loop of its own, in a daemon thread, started when first needed.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from weakref import WeakSet

__all__ = ["Engine"]

_ENGINES: WeakSet[Engine] = WeakSet()
"""Those that were started: at the interpreter's end each is given the time to end well."""


@atexit.register
def _stop_at_exit() -> None:
    for engine in list(_ENGINES):
        engine.stop()


class Engine:
    """A lazily started event loop in a thread.

    Parameters
    ----------
    at_stop : callable
        Awaited on the loop, last of all: it closes what lives there.
    """

    def __init__(self, at_stop: Callable[[], Awaitable[None]]) -> None:
        self._at_stop = at_stop
        self.begin_afresh()

    def begin_afresh(self) -> None:
        """Forget the loop, its thread and what runs there, as in a child after ``os.fork``, where they are not."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._pid = 0

    def submit(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let ``work()`` run on the loop; return at once. May be called from any thread."""
        with self._lock:
            loop = self._running_loop()
            loop.call_soon_threadsafe(self._spawn, loop, work)

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

    def _spawn(self, loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = loop.create_task(work())
        self._tasks.add(task)  # a loop holds its tasks weakly
        task.add_done_callback(self._tasks.discard)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        # After a fork the thread is not there, whatever this object says.
        if self._loop is None or os.getpid() != self._pid:
            self._pid = os.getpid()
            ready: threading.Event = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(ready,), name="fh-hive", daemon=True)
            self._thread.start()
            ready.wait()
            _ENGINES.add(self)
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
        self._loop = asyncio.get_running_loop()
        ready.set()
        await stopping.wait()
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._at_stop()
