"""Background event loop in a daemon thread, the ways to run a coroutine on it, and the event that threads wait for.

Rules of this file:

1. The loop is started on first use, and again in a child after ``os.fork`` (a thread does not survive a fork).
2. Everything that waits is written once, async; a blocking function, or the ``await`` of a cell, enters here. The
   kernel's own loop is never used: the work runs on the background loop.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Generic, Protocol, TypeVar

from fh_notebook.core.config import settings
from fh_notebook.errors import FetchHiveError, SettingsError

T = TypeVar("T")


class InterruptibleEvent:
    """An event between threads, set once, whose wait an interrupt can end.

    A wait is one call of C. The wait of `threading.Event` is Python code with a lock: an interrupt between two steps
    releases a lock that is not held (``RuntimeError: release unlocked lock`` in place of the `KeyboardInterrupt`), or
    leaves one held.

    Examples
    --------
    >>> event = InterruptibleEvent()
    >>> event.wait(0.001)
    False
    >>> event.set()
    >>> event.wait(0.001), event.is_set()
    (True, True)
    """

    __slots__ = ("_is_set", "_lock")

    def __init__(self) -> None:
        self._is_set = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Set it, from any thread; a second call has no effect."""
        if not self._is_set:
            self._is_set = True
            self._lock.release()

    def wait(self, timeout: float = -1) -> bool:
        """Wait until it is set, at most `timeout` seconds, and return whether it is.

        An interrupt can leave the lock held by the thread that waited. Other threads then see the event when they wait
        again, so several threads must not wait without a `timeout`.
        """
        if not self._is_set and self._lock.acquire(timeout=timeout):
            self._lock.release()  # for the next thread that waits
        return self._is_set


class BackgroundJob(Generic[T]):
    """One coroutine on the background loop, which can be waited for, from any thread, and cancelled.

    Unlike the future of ``run_coroutine_threadsafe``, a job is finished only when the coroutine's own ``finally`` has
    run, also after a cancel.
    """

    def __init__(self, work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> None:
        self.finished = InterruptibleEvent()
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
        except asyncio.CancelledError as exc:
            self.last_words = str(exc)
            raise
        except (SystemExit, KeyboardInterrupt) as exc:
            self._error = exc  # asyncio would end the loop with it, and everybody else's work
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

    def submit(self, work: Coroutine[Any, Any, T]) -> BackgroundJob[T]:
        """Start `work` and return its job at once."""
        job = BackgroundJob(work, self.loop)
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


def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Call `call` on `loop`; nothing happens when that loop has ended."""
    try:
        is_current = asyncio.get_running_loop() is loop
    except RuntimeError:  # no loop runs in this thread
        is_current = False
    if is_current:
        call()
        return
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(call)


POLL_S: Final = 0.05
"""How often a wait looks up: an interrupt is noticed within this time on every platform (ipykernel does not wake an
idle loop on SIGINT)."""

GRACE_S: Final = 0.2
"""How long an interrupted wait stays for the cancelled work's own `finally`: with POLL_S a stop takes under 0.3 s."""


class LoopRunner(Protocol):
    """How a blocking function enters the async core."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end and return what it returned."""
        ...


class ThreadRunner:
    """The default: the work runs on the background loop, and this thread waits for it."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work`; an interrupt cancels it, waits for its `finally`, and is raised again."""
        background_loop = background()
        if threading.current_thread() is background_loop.thread:
            work.close()
            raise FetchHiveError(
                "a blocking call was made from inside the background loop (an async scorer or callback): await "
                "the async method instead, such as `await hive.ainvoke(...)`"
            )
        job = BackgroundJob(work, background_loop.loop)
        try:
            job.start()
            while not job.finished.wait(POLL_S):
                pass
        except BaseException as exc:  # an interrupt, or what a signal handler of the user's raised
            job.cancel()
            job.finished.wait(GRACE_S)
            if isinstance(exc, KeyboardInterrupt):
                show_as_one_line(exc, job.last_words)
            raise
        return job.result()


class NestedRunner:
    """``configure(loop="nested")``: the work runs on the kernel's own loop, which is patched to be entered again.

    For one honest case: a user's own async objects, made in an earlier cell, that must run in the loop they were made
    in. ``nest_asyncio2`` is taken when it can be imported; ``nest_asyncio`` 1.6.0 is refused where it is known to
    break: on ipykernel 7 it drops queued cells, on Python 3.14 it breaks every call.
    """

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` nested in the running loop; without one there is nothing to nest in, and it runs as by default."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return ThreadRunner().run(work)
        try:
            _nesting().apply(loop)
        except BaseException:
            work.close()
            raise
        task = loop.create_task(work)
        try:
            return loop.run_until_complete(task)
        except KeyboardInterrupt as interrupt:
            task.cancel()
            words = ""
            try:
                loop.run_until_complete(task)
            except asyncio.CancelledError as exc:
                words = str(exc)
            show_as_one_line(interrupt, words)
            raise


def _nesting() -> Any:
    """Return the module that lets a running loop be entered again."""
    with contextlib.suppress(ImportError):
        import nest_asyncio2

        return nest_asyncio2
    kernel = sys.modules.get("ipykernel")
    if kernel is not None and int(str(kernel.__version__).split(".")[0]) >= 7:
        raise SettingsError(
            'loop="nested" is refused: nest_asyncio drops queued cells on ipykernel 7; '
            'pip install nest_asyncio2, or stay with fh.configure(loop="thread")'
        )
    if sys.version_info >= (3, 14):
        raise SettingsError(
            'loop="nested" is refused: nest_asyncio breaks calls on Python 3.14; '
            'pip install nest_asyncio2, or stay with fh.configure(loop="thread")'
        )
    import nest_asyncio

    return nest_asyncio


def show_as_one_line(ended: KeyboardInterrupt | asyncio.CancelledError, words: str) -> None:
    """Have a notebook show an interrupt or a cancel as one line with these `words`, and not as frames of ours.

    It stays the exception that it was: Python's exit status, ``asyncio.timeout`` and others ask for its exact type.

    Examples
    --------
    >>> stopped = KeyboardInterrupt()
    >>> show_as_one_line(stopped, "the call may have run")
    >>> stopped._render_traceback_()
    ['Stopped: the call may have run']
    """
    if words:
        ended.args = (words,)
    if not FetchHiveError.show_full_traceback:
        line = f"Stopped: {words}" if words else "Stopped."
        ended._render_traceback_ = lambda: [line]  # type: ignore[union-attr]  # IPython asks for it


_RUNNERS: Final[dict[str, LoopRunner]] = {"thread": ThreadRunner(), "nested": NestedRunner()}


def current_runner() -> LoopRunner:
    """Return the runner that ``configure(loop=...)`` chose."""
    return _RUNNERS[settings.current().loop]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end from a blocking function, and return what it returned."""
    return current_runner().run(work)


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that runs here."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass  # said below, by whose driver there is
    from sniffio import AsyncLibraryNotFoundError, current_async_library

    driver = "no asyncio loop runs here"
    with contextlib.suppress(AsyncLibraryNotFoundError):
        driver = f"{current_async_library()} runs here"
    raise SettingsError(
        f"this must be awaited under asyncio, and {driver}: await it in asyncio.run(...), or make the blocking "
        "call of fh.Client in a thread (under trio: trio.to_thread.run_sync); nothing was sent"
    )


async def bridge(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` from any running loop, while it runs on the background loop.

    So a cell's ``await`` and a user's own program share one set of connections with the blocking calls. A cancel
    reaches the work, and is raised again after the work's `finally`.
    """
    background_loop = background()
    try:
        is_background = running_loop() is background_loop.loop
    except SettingsError:
        work.close()
        raise
    if is_background:
        return await work
    job = background_loop.submit(work)
    woken = _wake_at_end(job)
    try:
        while not job.finished.is_set():
            # At most one poll: the caller's loop must look up for an interrupt.
            await asyncio.wait({woken}, timeout=POLL_S)
    except asyncio.CancelledError as exc:
        job.cancel()
        await asyncio.get_running_loop().run_in_executor(None, job.finished.wait, GRACE_S)
        show_as_one_line(exc, job.last_words)
        raise
    return job.result()


def _wake_at_end(job: BackgroundJob[Any]) -> asyncio.Future[None]:
    """Return a future of the running loop that is set when `job` is finished."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()

    def set_woken() -> None:
        if not woken.done():
            woken.set_result(None)

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the caller's loop has ended meanwhile
            loop.call_soon_threadsafe(set_woken)

    job.call_at_end(wake)
    return woken


async def run_within(work: Awaitable[object], timeout_s: float) -> None:
    """Run `work` to its end on a thread of its own, and wait for that no longer than `timeout_s`.

    For the last words of what is cancelled: `work` may block, goes on when nobody waits, and outlives the program.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    async def all_of_it() -> None:
        await work

    def run_work() -> None:
        with asyncio.Runner() as runner:  # nest_asyncio's asyncio.run would never close its loop
            runner.run(all_of_it())
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(ended.set)

    # The context comes along: ipykernel finds there the cell that an output belongs to.
    context = contextvars.copy_context()
    # No daemon: Python would end it with the process, in the middle of what it keeps.
    threading.Thread(target=context.run, args=(run_work,), name="fetchhive-last-words", daemon=False).start()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await ended.wait()


async def finish_despite_cancel(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end, even when the waiting task is cancelled; the cancellation continues afterwards."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and (exc := task.exception()) is not None:
            raise exc from None
        raise
