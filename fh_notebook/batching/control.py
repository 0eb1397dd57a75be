"""Starting, waiting for, pausing, cancelling and going on with a batch: what people do, from any thread.

Rule of this file: nothing that was paid for is lost, whoever ends it; what may have run is called again only when the
user says so. How a batch stands is in `standing.py`, one start on the background loop in `running.py`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fh_notebook import loop
from fh_notebook.batching.agenda import Agenda
from fh_notebook.batching.events import Event, Stopped, Throttled
from fh_notebook.batching.names import Names
from fh_notebook.batching.progress import NoProgress, Progress, progress_of
from fh_notebook.batching.resolving import resolved, told
from fh_notebook.batching.run_settings import RunSettings
from fh_notebook.batching.running import Start
from fh_notebook.batching.standing import Standing
from fh_notebook.batching.stopping import checked_concurrency, cut_short
from fh_notebook.batching.windows import Windows
from fh_notebook.errors import AuthError, SettingsError
from fh_notebook.flag import Flag
from fh_notebook.log import log
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["Control"]

SETTLE_S: Final = 2.0
"""How long an interrupted start is waited for after the door's own grace; a second interrupt ends that, too."""


class Control(Standing):
    """The running side of one batch object.

    Parameters
    ----------
    agenda : Agenda
        What it calls.
    client : Client
        Whom to ask.
    store : Store
        Where answers are kept.
    options : RunSettings
        How it is started.
    """

    settle_s = SETTLE_S

    def __init__(self, agenda: Agenda, *, client: Client, store: Store, options: RunSettings) -> None:
        super().__init__(agenda, client=client, options=options)
        self.blocks = True  # whether somebody waits for the present start
        self._store = store
        self._job: loop.Job[None] | None = None
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self._cancel_asked = False
        self._cut = 0
        self._ended = Flag()
        self._progress: Progress = NoProgress()
        self._on_event = options.on_event
        self._audience = options.audience

    @property
    def store(self) -> Store:
        """Where its answers are kept."""
        return self._store

    # --- what is to be called

    def first_windows(self) -> Windows:
        """Return what the first start calls."""
        return self.agenda.first_windows()

    def open_windows(self, *, retry_unknown: bool) -> Windows:
        """Return what is to be called now, after looking for what others have answered meanwhile."""
        self.refuse_while_running()
        return self.agenda.open_windows(retry_unknown=retry_unknown, most_at_once=self.limit)

    def failed_windows(self, error_code: str | None) -> Windows:
        """Return the failed jobs that are to be called again."""
        self.refuse_while_running()
        return self.agenda.failed_windows(error_code, most_at_once=self.limit)

    # --- starting and ending

    def refuse_forgotten(self) -> None:
        """Raise when the batch was removed from the store.

        Raises
        ------
        SettingsError
            With what to do.
        """
        if self.is_forgotten:
            raise SettingsError(f"{self.name} was forgotten, with its rows; run its cell again to begin it anew")

    def refuse_while_running(self) -> None:
        """Raise when calls are being made, or the batch was forgotten.

        Raises
        ------
        SettingsError
            With what to do.
        """
        self.refuse_forgotten()
        if self.running:
            raise SettingsError(f"{self.name} is running; batch.wait() for it, or batch.cancel() it first")

    def start(self, windows: Windows, *, wait: bool) -> None:
        """Call the jobs of `windows`, on the background loop."""
        progress = progress_of(self._options.progress)  # before it counts as running: it may be none
        self.refuse_while_running()
        work = self._go(windows, progress)
        if not wait:
            self._begin(blocks=False)
            self._job = loop.background().submit(work)
            return
        try:
            self._begin(blocks=True)
            loop.run(work)
        except KeyboardInterrupt:
            match inspect.getcoroutinestate(work):
                case inspect.CORO_RUNNING | inspect.CORO_SUSPENDED:
                    # Milliseconds; longer only where the machine or the disk is busy. What was out is kept as unknown.
                    self._ended.wait(self.settle_s)
                case inspect.CORO_CREATED:
                    work.close()  # it was cancelled before its first step, and would never say that it has ended
            self._stop(cut_short("interrupted", self._cut + self.in_flight))
            self._end_unbegun()
        except Exception:
            self._end_unbegun()
            raise

    async def astart(self, windows: Windows) -> None:
        """Await :meth:`start`, from any running loop."""
        progress = progress_of(self._options.progress)
        self.refuse_while_running()
        self._begin(blocks=True)
        try:
            await loop.bridge(self._go(windows, progress))
        except BaseException:
            self._end_unbegun()
            raise

    def _end_unbegun(self) -> None:
        """Have a start that was refused or cut short before its first step be over: nobody else would say so."""
        if self._start is None:
            self._active = False

    def _begin(self, *, blocks: bool) -> None:
        self.blocks = blocks
        # Here and not in `_go`, which runs later: a cancel may come between the two.
        self.stopped, self._cancel_asked, self._paused, self._cut = None, False, False, 0
        self._calls_before, self._settled_before = self._outcomes.calls, self._outcomes.settled
        self._ended = Flag()
        self._active = True

    def wait(self) -> None:
        """Wait for a start in the background, and raise what it raised."""
        job = self._job
        if job is not None:
            while not job.finished.wait(loop.POLL_S):
                pass
            self._take_result(job)

    async def await_(self) -> None:
        """Await :meth:`wait`."""
        job = self._job
        if job is not None:
            while not job.finished.is_set():  # noqa: ASYNC110 - of another loop, and this one must look up for an interrupt
                await asyncio.sleep(loop.POLL_S)
            self._take_result(job)

    def _take_result(self, job: loop.Job[None]) -> None:
        self._job = None
        job.result()

    def cancel(self) -> None:
        """End a running start at once, from any thread, without waiting."""
        self._cancel_asked = True  # first: a start that has no task yet looks at it as soon as it has
        if (running := self._task) is not None:
            of_loop, task = running
            with suppress(RuntimeError):  # that loop has ended, and the start with it
                of_loop.call_soon_threadsafe(task.cancel)

    def resolve_unknown(self) -> str:
        """Ask the service about the calls that may have run; return what came of it, in a sentence."""
        self.refuse_while_running()
        windows = self.feed.unknown()
        found, left = loop.run(resolved(windows, self.feed, self.stored, self._client))
        return told(found, left)

    # --- while it runs, from any thread

    def pause(self) -> None:
        """Start no further call until :meth:`unpause`; what is out comes in."""
        self._set_paused(self.running)

    def unpause(self) -> None:
        """Go on after a pause."""
        self._set_paused(False)

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        self._in_loop(lambda start: start.pause(paused))

    @property
    def max_concurrency(self) -> int | None:
        """At most so many calls are out at once; ``None``: as many as the service admits."""
        return self._max_concurrency

    @max_concurrency.setter
    def max_concurrency(self, value: int | None) -> None:
        value = checked_concurrency(value)
        self._max_concurrency = value
        self._options = replace(self._options, max_concurrency=value)
        self._in_loop(lambda start: start.retune(value))

    def _in_loop(self, call: Callable[[Start], None]) -> None:
        """Have something done to the running start, where it runs; without one, nothing."""

        def now() -> None:
            if self._start is not None:
                call(self._start)
                self._safely(self._progress.update, self)

        if (running := self._task) is not None:
            with suppress(RuntimeError):  # that loop has ended, and the start with it
                running[0].call_soon_threadsafe(now)

    # --- on the loop

    async def _go(self, windows: Windows, progress: Progress) -> None:
        task = asyncio.current_task()
        try:
            self._admits = None
            start = self._start = self._new_start()
        except BaseException:
            self._end_unbegun()
            raise
        self._task = (asyncio.get_running_loop(), task) if task else None
        self._progress = progress
        self._safely(progress.begin, self)
        try:
            if self._cancel_asked:
                raise asyncio.CancelledError
            await start.run(windows, planned=self.agenda.plan.calls)
        except asyncio.CancelledError:
            self._stop(cut_short("cancelled" if self._cancel_asked else "interrupted", start.cut))
            if not self._cancel_asked:
                raise
        finally:
            self._cut = start.cut
            self._start = self._task = None
            self._active = self._paused = False
            self._safely(progress.end, self)
            self._ended.set()
        self._raise_if_refused(start.answered)

    def _new_start(self) -> Start:
        return Start(
            name=self.name,
            client=self._client,
            feed=self.feed,
            outcomes=self._outcomes,
            options=self._options,
            call_lost=self.feed.call_lost,
            names=Names(arms=len(self.agenda.plan.variants)),
            hear=self._hear,
            changed=lambda: self._safely(self._progress.update, self),
        )

    def _hear(self, event: Event) -> None:
        """Tell the progress and the user's function."""
        if isinstance(event, Stopped) and not (event.reason == "daily_cap" and self._options.wait_for_reset):
            self._stop(event)  # else it waits, and goes on by itself
        self._note_refusal(event)
        self._safely(self._progress.update, self)
        if self._on_event is not None and not self._safely(self._on_event, event):
            self._on_event = None  # it would raise for every event

    def _note_refusal(self, event: Event) -> None:
        """Keep what the gate has learned by a refusal of this batch, and what it learns later, for whoever asks."""
        refused = isinstance(event, Throttled) and event.reason == "concurrency"
        if (refused or self._admits is not None) and self._start is not None and self._start.gate is not None:
            self._admits = self._start.gate.learned

    def _stop(self, stopped: Stopped) -> None:
        self.stopped = replace(stopped, audience=self._audience)

    def _safely(self, call: Callable[..., object], *arguments: Any) -> bool:
        """Call somebody else's function; what it raises is logged, and never ends paid work."""
        try:
            call(*arguments)
        except Exception:
            log.warning("%s raised; it is not called again where it can be left out", call, exc_info=True)
            return False
        return True

    def _raise_if_refused(self, answered: int) -> None:
        """Raise when the service refused the key at the very first call: nothing came, and nothing will."""
        stopped = self.stopped
        if stopped is None or stopped.reason != "auth" or answered or stopped.run is None:
            return
        run, told = stopped.run, stopped.message
        raise AuthError(told, status_code=run.status_code, error_code=run.error_code, request_id=run.request_id)
