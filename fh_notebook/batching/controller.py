"""`BatchController`: start, wait, pause, resume and cancel a batch, from any thread.

Rule of this file: nothing that was paid for is lost, whoever ends it; what may have run is called again only when the
user says so, and a batch that calls nothing is refused here, wherever it is from. How a batch stands is in
`status.py`, one start on the background loop in `execution/engine_run.py`.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, Protocol

from fh_notebook.batching.execution.engine_run import StartOptions
from fh_notebook.batching.execution.stop_rules import checked_concurrency, cut_short
from fh_notebook.batching.model import BatchStopped, Event, FailedSelection, OutputArrived
from fh_notebook.batching.planning.work_queue import Windows
from fh_notebook.batching.progress.display import ProgressDisplay, progress_of
from fh_notebook.batching.status import BatchRun, BatchStatus, BatchWork
from fh_notebook.client.approvals import ToolApprovals
from fh_notebook.client.waiting_tools import RunApprovals
from fh_notebook.core import event_loop, hooks
from fh_notebook.core.event_loop import InterruptibleEvent
from fh_notebook.core.redaction import log
from fh_notebook.core.text.messages import Audience
from fh_notebook.errors import AuthError, SettingsError

WATCH_S: Final = 2.0
"""How long a further display is waited for: the loop may be busy."""
WATCHING: Final = 12
"""Displays of a batch that has ended which are told of an output that comes late; the newest ones."""


class _WaitingDisplay:
    """A display that is to show a start that runs already."""

    def __init__(self, display: ProgressDisplay) -> None:
        self.display = display
        self.context = contextvars.copy_context()
        self.has_begun = False
        self.is_over = InterruptibleEvent()
        """Set when it has begun, or will not: the start has ended."""


class BatchCompanion(Protocol):
    """What works beside the calls of a start on its loop, and a while longer."""

    def check(self) -> None:
        """Raise a `SettingsError` where it could not do its part; no call has been made."""
        ...

    def note(self, event: Event) -> None:
        """Take an event, and return at once."""
        ...

    async def end(self, *, cancelled: bool) -> None:
        """Do the rest; the start has ended, and its status says so."""
        ...

    def shortfall(self, audience: Audience) -> str:
        """Return what it could not do, and what to do about it; an empty text where it did all."""
        ...


class BatchController:
    """The running side of one batch object.

    Parameters
    ----------
    work : BatchWork
        What it calls.
    settings : StartOptions
        How it is started.
    """

    def __init__(self, work: BatchWork, settings: StartOptions) -> None:
        self.work = work
        """What it calls, for whoever reads what came of it."""
        self.status = BatchStatus(work, settings, self)
        """How it stands."""
        self.settle_s = work.settle_s
        """How long an interrupted start is waited for."""
        self._settings = settings
        self._on_event = settings.on_event
        """Apart from the settings, since it is given up in the loop's thread while those may change in another."""
        self._job: event_loop.BackgroundJob[None] | None = None
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self._cancel_asked = False
        self._is_after = False
        """Whether all that is left of the present start is its companion's."""
        self._cut = 0
        self._ended = InterruptibleEvent()
        self._is_shown = InterruptibleEvent()
        """Set when the display of the present start has begun."""
        self._displays: list[ProgressDisplay] = []
        """Those that the present start has begun, on its loop; after it those that :meth:`watch` has added, too."""
        self._to_begin: deque[_WaitingDisplay] = deque()
        """Those that are to be begun there."""
        self.new_display: Callable[[], ProgressDisplay | None] = lambda: None
        """Makes the display of a start where a page shows it; without one, lines of text do."""
        self.companion: BatchCompanion | None = None
        """What works beside the calls, and after them."""

    # --- what is to be called

    def first_windows(self) -> Windows:
        """Return what the first start calls."""
        return self.work.first_windows()

    def open_windows(self, *, retry_unknown: bool) -> Windows:
        """Return what is to be called now, after looking for what others have answered meanwhile."""
        self.refuse_to_run()
        return self.work.open_windows(retry_unknown=retry_unknown, most_at_once=self.status.limit)

    def failed_windows(self, error_code: str | None, error: str | None = None) -> Windows:
        """Return the failed jobs that are to be called again."""
        self.refuse_to_run()
        return self.work.failed_windows(
            FailedSelection(error_code=error_code, error=error), most_at_once=self.status.limit
        )

    # --- starting and ending

    def refuse_forgotten(self) -> None:
        """Raise when the batch was removed from the store."""
        if self.status.is_forgotten:
            raise SettingsError(f"{self.status.name} was forgotten, with its rows; run its cell again")

    def refuse_to_run(self) -> None:
        """Raise when the batch calls nothing, was forgotten, or is running, or its companion could not do its part."""
        if self.work.caller.refusal:
            raise SettingsError(self.work.caller.refusal)
        self.refuse_forgotten()
        if self.status.running:
            raise SettingsError(f"{self.status.name} is running; call batch.wait() or batch.cancel() first")
        if self.companion is not None:
            self.companion.check()

    def start(self, windows: Windows, *, wait: bool, display: ProgressDisplay | None = None) -> None:
        """Call the jobs of `windows`, on the background loop, and show it in `display` or in a new one."""
        progress = display or self._new_display()  # before it counts as running: it may be none
        self.refuse_to_run()
        work = self._go(windows, progress)
        if not wait:
            self._begin(blocks=False)
            loop = event_loop.background()
            self._job = loop.submit(work)
            if threading.current_thread() is not loop.thread:
                # Its display is to be under this cell: some kernels take the cell that runs, some pages are made of it.
                self._is_shown.wait(WATCH_S)
            return
        try:
            self._begin(blocks=True)
            event_loop.run(work)
            self._tell_shortfall()
        except KeyboardInterrupt:
            match inspect.getcoroutinestate(work):
                case inspect.CORO_RUNNING | inspect.CORO_SUSPENDED:
                    # Milliseconds; longer only where the machine or the disk is busy. What was out is saved as unknown.
                    self._ended.wait(self.settle_s)
                case inspect.CORO_CREATED:
                    work.close()  # it was cancelled before its first step, and would never say that it has ended
            if not self._is_after:
                self.status.stop(cut_short("interrupted", self._cut + self.status.in_flight))
            self._end_unbegun()
        except Exception:
            self._end_unbegun()
            raise

    async def astart(self, windows: Windows) -> None:
        """Await :meth:`start`, from any running loop."""
        progress = self._new_display()
        self.refuse_to_run()
        self._begin(blocks=True)
        try:
            await event_loop.bridge(self._go(windows, progress))
        except BaseException:
            self._end_unbegun()
            raise
        self._tell_shortfall()

    def _tell_shortfall(self) -> None:
        if self.companion is not None and (missing := self.companion.shortfall(self._settings.audience)):
            hooks.frontend().notice(f"{self.status.name}: {missing}")

    def _new_display(self) -> ProgressDisplay:
        return progress_of(self._settings.progress, live=self.new_display)

    def watch(self, display: ProgressDisplay) -> bool:
        """Show the present start in one more display, from any thread; return whether it has begun to.

        It begins in the context of the caller, in which ipykernel finds the cell that an output belongs to. Without a
        start it is told of outputs that come late.
        """
        if not self.status.running:
            self._displays = [*self._displays[1 - WATCHING :], display]
            return False
        waiting = _WaitingDisplay(display)
        self._to_begin.append(waiting)
        if (running := self._task) is not None:  # else it is begun with the start
            with suppress(RuntimeError):  # that loop has ended, and the start with it
                running[0].call_soon_threadsafe(self._begin_displays)
        waiting.is_over.wait(WATCH_S)
        return waiting.has_begun or self.status.running

    def _begin_displays(self) -> None:
        while self._to_begin:
            waiting = self._to_begin.popleft()
            if self.status.run is not None:
                waiting.has_begun = True
                self._displays.append(waiting.display)
                self._safely(waiting.context.run, waiting.display.begin, self.status)
            waiting.is_over.set()

    def _end_unbegun(self) -> None:
        """Have a start that was refused or cut short before its first step be over: nobody else would say so."""
        if self.status.run is None:
            self.status.end()

    def _begin(self, *, blocks: bool) -> None:
        # Here and not in `_go`, which runs later: a cancel may come between the two.
        self._cancel_asked, self._cut, self._is_after = False, 0, False
        self._ended, self._is_shown = InterruptibleEvent(), InterruptibleEvent()
        self.status.begin(blocks=blocks)

    def wait(self) -> None:
        """Wait for a start in the background, and raise what it raised."""
        job = self._job
        if job is not None:
            while not job.finished.wait(event_loop.POLL_S):
                pass
            self._take_result(job)

    async def await_(self) -> None:
        """Await :meth:`wait`."""
        job = self._job
        if job is not None:
            while not job.finished.is_set():  # noqa: ASYNC110 - of another loop, and this one must look up for an interrupt
                await asyncio.sleep(event_loop.POLL_S)
            self._take_result(job)

    def _take_result(self, job: event_loop.BackgroundJob[None]) -> None:
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
        windows = self.work.unknown_windows()
        self.refuse_to_run()
        return event_loop.run(self.work.resolve(windows))

    def approvals(self, workspace_id: str | None) -> ToolApprovals:
        """Return the tools that runs of it wait for; where some of the runs could not be asked for, tell the user."""
        client = self.work.caller.client
        if client is None:
            raise SettingsError(self.work.caller.refusal)
        runs = run.waiting_runs if (run := self.status.run) is not None else None
        if runs is None:  # on this thread: reading the store would hold up the event loop
            runs = self.work.unfinished_runs()
        steps = self.status.waiting_steps()
        listed = event_loop.run(RunApprovals(client.aclient).of(runs, workspace_id))
        if listed.error is not None:
            hooks.frontend().notice(f"Some approvals of {self.status.name} may be missing: {listed.error}")
        return listed.approvals(self.status.look_soon, steps=steps)

    # --- while it runs, from any thread

    def pause(self) -> None:
        """Start no further call until :meth:`unpause`; what is out comes in."""
        self._set_paused(self.status.running)

    def unpause(self) -> None:
        """Go on after a pause."""
        self._set_paused(False)

    def _set_paused(self, paused: bool) -> None:
        self.status.set_paused(paused)
        self._in_loop(lambda run: run.pause(paused))

    def retune(self, max_concurrency: int | None) -> None:
        """Change the ceiling of calls at once; it holds for later starts, too."""
        number = checked_concurrency(max_concurrency)
        self.status.set_max_concurrency(number)
        self._settings = replace(self._settings, max_concurrency=number)
        self._in_loop(lambda run: run.retune(number))

    def _in_loop(self, call: Callable[[BatchRun], None]) -> None:
        """Have something done to the running start, where it runs; without one, nothing."""

        def now() -> None:
            if (run := self.status.run) is not None:
                call(run)
                self._show()

        if (running := self._task) is not None:
            with suppress(RuntimeError):  # that loop has ended, and the start with it
                running[0].call_soon_threadsafe(now)

    # --- on the loop

    async def _go(self, windows: Windows, progress: ProgressDisplay) -> None:
        task, status = asyncio.current_task(), self.status
        try:
            settings = replace(self._settings, on_event=self._on_event)
            run = self.work.new_run(settings, on_event=self._handle_event, on_change=self._changed)
        except BaseException:
            self._end_unbegun()
            self._is_shown.set()
            raise
        status.began(run)
        running = self._task = (asyncio.get_running_loop(), task) if task else None
        try:
            await self._call(run, windows, progress)
            await self._end_companion()
        finally:
            if self._task is running:  # else a further start has begun beside the companion
                self._task = None
        self._raise_if_refused(run.answered)

    async def _call(self, run: BatchRun, windows: Windows, progress: ProgressDisplay) -> None:
        status = self.status
        self._displays = [progress]
        self._safely(progress.begin, status)
        self._begin_displays()
        self._is_shown.set()
        try:
            if self._cancel_asked:
                raise asyncio.CancelledError
            await run.run(windows, planned=self.work.plan.calls)
        except asyncio.CancelledError:
            status.stop(cut_short("cancelled" if self._cancel_asked else "interrupted", run.cut))
            if not self._cancel_asked:
                raise
        finally:
            self._cut = run.cut
            status.end()
            for display in self._displays:  # they stay: an output may come late
                self._safely(display.end, status)
            self._ended.set()

    async def _end_companion(self) -> None:
        if self.companion is None:
            return
        self._is_after = True
        try:
            await self.companion.end(cancelled=self._cancel_asked)
        except asyncio.CancelledError:  # the calls have ended: a cancel ends the companion and nothing else
            if not self._cancel_asked:
                raise
        except Exception:
            log.warning("code that observes a batch raised an error", exc_info=True)

    def _handle_event(self, event: Event) -> None:
        """Tell the progress and the user's function."""
        if isinstance(event, BatchStopped) and not (event.reason == "daily_cap" and self._settings.wait_for_reset):
            self.status.stop(event)  # else it waits, and goes on by itself
        self._changed()
        if self.companion is not None and (self.status.running or not isinstance(event, OutputArrived)):
            self._safely(self.companion.note, event)
        if self._on_event is not None and not self._safely(self._on_event, event):
            self._on_event = None  # it would raise for every event

    def _changed(self) -> None:
        self.status.note_admitted()
        self._show()

    def _show(self) -> None:
        for display in self._displays:
            self._safely(display.update, self.status)

    def _safely(self, call: Callable[..., object], *arguments: Any) -> bool:
        """Call somebody else's function; what it raises is logged, and never ends paid work."""
        try:
            call(*arguments)
        except Exception:
            log.warning("%s raised an error; where possible, it is not called again", call, exc_info=True)
            return False
        return True

    def _raise_if_refused(self, answered: int) -> None:
        """Raise when the service refused the key at the very first call: nothing came, and nothing will."""
        stopped = self.status.stopped
        if stopped is None or stopped.reason != "auth" or answered or stopped.run is None:
            return
        run, message = stopped.run, stopped.message
        raise AuthError(message, status_code=run.status_code, error_code=run.error_code, request_id=run.request_id)
