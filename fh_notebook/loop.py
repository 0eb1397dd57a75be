"""The background event loop and the doors into it.

Rule of this file: everything that waits is written once, async; a blocking function enters here. The kernel's own loop
is never touched: our work runs on the background loop (`background.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
from collections.abc import Awaitable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from fh_notebook import settings
from fh_notebook.background import BackgroundLoop, Job, background
from fh_notebook.errors import FetchHiveError, SettingsError

__all__ = [
    "BackgroundLoop",
    "Door",
    "Job",
    "NestedDoor",
    "ThreadDoor",
    "background",
    "bridge",
    "briefly",
    "current_door",
    "run",
    "running_loop",
    "tell_in_short",
    "unbroken",
]

T = TypeVar("T")

POLL_S: Final = 0.05
"""How often a wait looks up: an interrupt is noticed within this time on every platform (ipykernel does not wake an
idle loop on SIGINT)."""
GRACE_S: Final = 0.2
"""How long an interrupted wait stays for the cancelled work's own `finally`: with POLL_S a stop takes under 0.3 s."""


class Door(Protocol):
    """How a blocking function enters the async core."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end and return what it returned."""
        ...


class ThreadDoor:
    """The default: the work runs on the background loop, and this thread waits for it."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work`; an interrupt cancels it, waits for its `finally`, and is raised again.

        Raises
        ------
        FetchHiveError
            This is the background loop's own thread, which would wait for itself.
        """
        here = background()
        if threading.current_thread() is here.thread:
            work.close()
            raise FetchHiveError(
                "a blocking call was made from inside the background loop (an async scorer or callback): "
                "await the async twin instead, such as `await hive.ainvoke(...)`"
            )
        job = Job(work, here.loop)
        try:
            job.start()
            while not job.finished.wait(POLL_S):
                pass
        except BaseException as ended:  # an interrupt, or what a signal handler of the user's raised
            job.cancel()
            job.finished.wait(GRACE_S)
            if isinstance(ended, KeyboardInterrupt):
                tell_in_short(ended, job.last_words)
            raise
        return job.result()


class NestedDoor:
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
            return ThreadDoor().run(work)
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
            except asyncio.CancelledError as cancelled:
                words = str(cancelled)
            tell_in_short(interrupt, words)
            raise


def _nesting() -> Any:
    """Return the module that lets a running loop be entered again.

    Raises
    ------
    SettingsError
        Only ``nest_asyncio`` is there, and it is known to break here.
    """
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


_DOORS: Final[dict[str, Door]] = {"thread": ThreadDoor(), "nested": NestedDoor()}


def current_door() -> Door:
    """Return the door that ``configure(loop=...)`` chose."""
    return _DOORS[settings.current().loop]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end from a blocking function, and return what it returned.

    Raises
    ------
    FetchHiveError
        Called on the background loop's own thread, where waiting would be for ever.
    KeyboardInterrupt
        The wait was interrupted; the work has been cancelled.
    """
    return current_door().run(work)


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that runs here.

    Raises
    ------
    SettingsError
        Something else than asyncio drives this.
    """
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop()
    from sniffio import AsyncLibraryNotFoundError, current_async_library

    driver = "no asyncio loop runs here"
    with contextlib.suppress(AsyncLibraryNotFoundError):
        driver = f"{current_async_library()} runs here"
    raise SettingsError(
        f"this is to be awaited under asyncio, and {driver}: await it in asyncio.run(...), or make the blocking call "
        "of fh.Client in a thread (under trio: trio.to_thread.run_sync); nothing was sent"
    )


async def bridge(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` from any running loop, while it runs on the background loop.

    So a cell's ``await`` and a user's own program share one set of connections with the blocking calls. A cancel
    reaches the work, and is raised again after the work's `finally`.
    """
    here = background()
    try:
        is_here = running_loop() is here.loop
    except SettingsError:
        work.close()
        raise
    if is_here:
        return await work
    job = here.submit(work)
    woken = _wake_at_end(job)
    try:
        while not job.finished.is_set():
            # At most one poll: the caller's loop must look up for an interrupt.
            await asyncio.wait({woken}, timeout=POLL_S)
    except asyncio.CancelledError as cancelled:
        job.cancel()
        await asyncio.get_running_loop().run_in_executor(None, job.finished.wait, GRACE_S)
        tell_in_short(cancelled, job.last_words)
        raise
    return job.result()


def _wake_at_end(job: Job[Any]) -> asyncio.Future[None]:
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


def tell_in_short(ended: KeyboardInterrupt | asyncio.CancelledError, words: str) -> None:
    """Have a notebook show an interrupt or a cancel as one line with these `words`, and not as frames of ours.

    It stays the exception that it was: Python's exit status, ``asyncio.timeout`` and others ask for its exact type.

    Examples
    --------
    >>> stopped = KeyboardInterrupt()
    >>> tell_in_short(stopped, "the call may have run")
    >>> stopped._render_traceback_()
    ['Stopped: the call may have run']
    """
    if words:
        ended.args = (words,)
    if not FetchHiveError.show_full_traceback:
        line = f"Stopped: {words}" if words else "Stopped."
        ended._render_traceback_ = lambda: [line]  # type: ignore[union-attr]  # IPython asks for it


async def briefly(work: Awaitable[object], timeout_s: float) -> None:
    """Run `work` to its end on a thread of its own, and wait for that no longer than `timeout_s`.

    For the last words of what is cancelled: `work` may block, goes on when nobody waits, and outlives the program.
    """
    here = asyncio.get_running_loop()
    ended = asyncio.Event()

    async def all_of_it() -> None:
        await work

    def run_work() -> None:
        with asyncio.Runner() as runner:  # nest_asyncio's asyncio.run would never close its loop
            runner.run(all_of_it())
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            here.call_soon_threadsafe(ended.set)

    # The context comes along: ipykernel finds there the cell that an output belongs to.
    where = contextvars.copy_context()
    # No daemon: Python would end it with the process, in the middle of what it keeps.
    threading.Thread(target=where.run, args=(run_work,), name="fetchhive-last-words", daemon=False).start()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await ended.wait()


async def unbroken(work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end, also when the one who waits is cancelled; the cancel goes on afterwards."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and (broken := task.exception()) is not None:
            raise broken from None
        raise
