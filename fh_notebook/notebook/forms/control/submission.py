"""Submissions of a form: sent requests, runs, errors, and the observers of both.

Only the newest submission is shown. The answer to an older one is dropped here, after the client has stored it: it was
paid for. Observers are called one at a time, under one lock, on any thread. Nothing waits for a call except
:meth:`Submission.wait`. An error is one line with a hint, and says whether the call may have run.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from fh_notebook.client.clients import Client
from fh_notebook.client.direct_runs import DIRECT_RUNS
from fh_notebook.client.pending_run import PendingRun
from fh_notebook.client.uploads import UploadFailed, file_named, files_among
from fh_notebook.contract.callbacks import NO_OUTPUT_CODE, NOWHERE
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.core import event_loop
from fh_notebook.core.redaction import log
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import FetchHiveError, InputError
from fh_notebook.notebook.results.state import outcomes_text, run_of_error

NOTHING_SENT: Final = "cancelled before anything was sent"

UPLOAD_CONTINUES: Final = "cancelled before a call was made; the upload of its file continues"


def stopped_text(requested: int, *, came: int, waits: int) -> str:
    """Return what became of the calls of a submit that a person cancelled; `waits` of them the service had taken.

    Examples
    --------
    >>> stopped_text(2, came=1, waits=0)
    'cancelled: the call in progress may have run at the service; 1 of 2 answers arrived before'
    >>> stopped_text(2, came=0, waits=2)
    'cancelled: 2 runs continue at the service, and fh.reattach() waits for them again'
    """
    parts = []
    if left := requested - came - waits:
        calls = "the call in progress may have run" if left == 1 else f"the {left} calls in progress may have run"
        parts.append(f"{calls} at the service")
    if waits:
        runs, them = ("1 run continues", "it") if waits == 1 else (f"{waits} runs continue", "them")
        parts.append(f"{runs} at the service, and fh.reattach() waits for {them} again")
    if came:
        parts.append(f"{came} of {requested} answers arrived before")
    return f"cancelled: {'; '.join(parts)}"


CANCELLED_IN_APP: Final = "Cancelled. What was already sent may still be done, but its answer will not appear here."

NOT_UPLOADED: Final = "nothing was sent: a file was not uploaded"


class SubmitObserver(Protocol):
    """Who shows the newest submit. Called on the thread that submits or on the loop's; must return at once."""

    def began(self, submission: Submission) -> None:
        """It was begun: what was shown before is old."""
        ...

    def came(self, submission: Submission, index: int, run: Run) -> None:
        """An answer has come to the call at place `index`."""
        ...

    def accepted(self, submission: Submission, index: int) -> None:
        """The service has accepted the call at place `index`, or says more of it; the answer comes later."""
        ...

    def ended(self, submission: Submission) -> None:
        """No more will come."""
        ...

    def waited(self) -> None:
        """What is waited for has changed, of the newest submit or an older one."""
        ...


class Submission:
    """One submit of a form: what was asked, and what has come of it so far. It can be awaited.

    Parameters
    ----------
    requests : sequence of InvokeRequest
        One a call, in the order in which they are shown: variant by variant, then its repeats.
    inputs : mapping, optional
        The inputs as the runs are to have them: the same values, of which a password does not show in a `repr`.
    problems : sequence of Problem
        Why nothing was sent; then there are no requests. Where a file could not be uploaded, that is told later.
    """

    def __init__(
        self,
        requests: Sequence[InvokeRequest] = (),
        *,
        inputs: Mapping[str, Any] | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        self.requests = tuple(requests)
        self.inputs = inputs
        self.problems = tuple(problems)
        self.stopped = ""
        """What to tell of calls that a person ended; empty while none was."""
        self.was_sent = False
        """Whether calls may have gone out: not while it is still looked for whom to ask."""
        self.is_uploading = False
        """Whether its files have begun to be uploaded, before any call."""
        self.errors: list[Exception] = []
        """What was raised for calls, in the order in which it was."""
        self._came: dict[int, Run] = {}
        self._waits: dict[int, PendingRun] = {}
        self._began = time.monotonic()
        self._ended: float | None = self._began if problems else None
        self._job: event_loop.BackgroundJob[None] | None = None

    @property
    def stopped_in_app(self) -> str:
        """The same for the users of an app, who know neither calls nor code."""
        return CANCELLED_IN_APP if self.stopped and self.was_sent else self.stopped

    @property
    def runs(self) -> tuple[Run, ...]:
        """What has come, in the order in which it was asked for. A call that was refused is a failed run."""
        return tuple(run for _, run in sorted(self._came.items()))

    @property
    def came(self) -> dict[int, Run]:
        """What has come, by its place in :attr:`requests`."""
        return dict(self._came)

    @property
    def waits(self) -> dict[int, PendingRun]:
        """The runs that the service has taken and whose answers are waited for, by their place in :attr:`requests`."""
        return {index: pending for index, pending in sorted(self._waits.items()) if index not in self._came}

    @property
    def handed_over(self) -> bool:
        """Whether every call has an answer, or was taken by the service to be answered later."""
        return not self.running or self._came.keys() | self._waits.keys() == set(range(len(self.requests)))

    @property
    def variants(self) -> tuple[str, ...]:
        """What was run, each once, in order."""
        return tuple(dict.fromkeys(str(request.variant) for request in self.requests))

    @property
    def repeats(self) -> int:
        """Calls of each variant."""
        return len(self.requests) // max(1, len(self.variants))

    @property
    def running(self) -> bool:
        """Whether a call is still out."""
        return self._ended is None

    @property
    def elapsed_s(self) -> float:
        """Seconds since it was begun, until it ended."""
        return (time.monotonic() if self._ended is None else self._ended) - self._began

    def replay(self, observer: SubmitObserver) -> None:
        """Tell an observer that came late what has happened so far."""
        observer.began(self)
        for index in self.waits:
            observer.accepted(self, index)
        for index, run in self.came.items():
            observer.came(self, index, run)
        observer.waited()
        if not self.running:
            observer.ended(self)

    def cancel(self) -> None:
        """End what is out, from any thread, without waiting. What has come is saved."""
        if self._job is not None:
            self._job.cancel()

    def wait(self) -> tuple[Run, ...]:
        """Wait until every answer has come, and return the runs.

        Raises
        ------
        InputError
            Nothing was sent, because the inputs do not fit.
        FetchHiveError
            As :func:`fh_notebook.invoke`: the key was refused, the service not reached, a limit reached.
        """
        if self._job is not None:
            while not self._job.finished.wait(event_loop.POLL_S):
                pass
        return self._outcome()

    def __await__(self) -> Generator[Any, None, tuple[Run, ...]]:
        return self._awaited().__await__()

    async def _awaited(self) -> tuple[Run, ...]:
        while self._job is not None and not self._job.finished.is_set():  # noqa: ASYNC110 - another loop's, which must look up for an interrupt
            await asyncio.sleep(event_loop.POLL_S)
        return self._outcome()

    def _outcome(self) -> tuple[Run, ...]:
        if self.problems:
            raise InputError(self.problems)
        if self.errors:
            raise self.errors[0]
        return self.runs

    def __repr__(self) -> str:
        if self.problems:
            return f"Nothing was sent: {'; '.join(map(str, self.problems))}"
        others = [run.status for run in self.runs if not run.ok]
        how_far = outcomes_text(len(self._came) - len(others), others, len(self.requests))
        how_far += f", {len(self.waits)} waited for" if self.waits and self.running else ""
        state = "running" if self.running else self.stopped or "ended"
        return f"Submission({', '.join(self.variants)}: {how_far}; {state})"


class SubmissionRunner:
    """Sends what a form submits, on the background loop.

    Parameters
    ----------
    find_client : callable
        Returns the client to ask. It may wait for a person (a keyring), so it is called on a thread of its own.
    *observers : SubmitObserver
        The first observers; :meth:`observe` adds more.
    """

    def __init__(self, find_client: Callable[[], Client], *observers: SubmitObserver) -> None:
        self._find_client = find_client
        self._observers = list(observers)
        self._lock = threading.RLock()
        self._newest: Submission | None = None
        self._out: list[Submission] = []
        self.origin = ""
        """Whom the last submit asked; empty before the first."""

    @property
    def newest(self) -> Submission | None:
        """The submit that counts."""
        return self._newest

    @property
    def waited_for(self) -> tuple[PendingRun, ...]:
        """Every run that the service has taken and that is waited for, of older submits too."""
        with self._lock:
            return tuple(run for submission in self._out for run in submission.waits.values() if run.waiting)

    def observe(self, observer: SubmitObserver) -> None:
        """Add an observer after the present ones, and call it for what has happened so far."""
        with self._lock:
            self._observers.append(observer)
            if self._newest is not None:
                self._newest.replay(observer)

    def leave(self, observer: SubmitObserver) -> None:
        """Remove an observer, if it is there."""
        with self._lock:
            if observer in self._observers:
                self._observers.remove(observer)

    def submit(
        self,
        requests: Sequence[InvokeRequest],
        *,
        inputs: Mapping[str, Any] | None = None,
        delivery: str = "direct",
    ) -> Submission:
        """Send `requests` in the background, all at once within the limiter, and return at once."""
        submission = Submission(requests, inputs=inputs)
        with self._lock:
            self._newest = submission
            self._out.append(submission)
            submission._job = event_loop.background().submit(self._drive(submission, delivery))
            self._notify(submission, lambda observer: observer.began(submission))
            submission._job.call_at_end(lambda: self._close_unstarted(submission))
        return submission

    def cancel(self) -> None:
        """End everything that is out, older submits too, from any thread, without waiting."""
        with self._lock:
            for submission in self._out:
                submission.cancel()

    def _notify(self, submission: Submission | None, call: Callable[[SubmitObserver], None]) -> None:
        """Tell every observer of the newest submit, and of no other; ``None``: of whichever.

        An observer that raises neither ends paid work nor keeps the others from being called.
        """
        with self._lock:
            if submission is not None and submission is not self._newest:
                return
            for observer in tuple(self._observers):
                try:
                    call(observer)
                except Exception:
                    log.warning("the form could not show the result of its call; form.runs has it", exc_info=True)

    # --- on the loop

    async def _drive(self, submission: Submission, delivery: str) -> None:
        try:
            await self._send_all(submission, delivery)
        except asyncio.CancelledError:
            if submission.was_sent:
                requested, came, waits = len(submission.requests), len(submission.came), len(submission.waits)
                submission.stopped = stopped_text(requested, came=came, waits=waits)
            else:
                submission.stopped = UPLOAD_CONTINUES if submission.is_uploading else NOTHING_SENT
            for pending in submission.waits.values():
                pending.cancel_waiting()
        finally:
            self._close(submission)

    def _close_unstarted(self, submission: Submission) -> None:
        """Close what was cancelled at once: the loop never came to its first line, and so not to its last."""
        if submission.running:
            submission.stopped = NOTHING_SENT
            self._close(submission)

    def _close(self, submission: Submission) -> None:
        """Note and tell that nothing more will come, once."""
        with self._lock:
            if submission not in self._out:
                return
            self._out.remove(submission)
            submission._ended = time.monotonic()
        if submission._waits:
            self._notify_waited()
        self._notify(submission, lambda observer: observer.ended(submission))

    async def _send_all(self, submission: Submission, delivery: str) -> None:
        try:
            client = await asyncio.to_thread(self._find_client)
        except FetchHiveError as exc:
            for index in range(len(submission.requests)):
                self._take_error(submission, index, exc)
            return
        self.origin = client.origin
        submission.is_uploading = any(files_among(submission.requests[0].inputs)) if submission.requests else False
        # All calls have the same inputs. Before the first of them: where a file has no address none is made.
        if problem := await self._upload_problem(client, submission.requests[:1]):
            submission.problems = (problem,)
            submission.stopped = NOT_UPLOADED
            return
        submission.was_sent = True

        async def send(index: int, request: InvokeRequest) -> None:
            try:
                if delivery == "direct":
                    run = await client.aclient.send(request)
                    pending = DIRECT_RUNS.wait_for(run)  # it waits for a decision
                else:
                    callback = NOWHERE if delivery == "poll" else None
                    pending = await client.aclient.submit_request(request, callback=callback)
                if pending is not None:
                    run = await self._outcome(submission, index, pending)
            except Exception as exc:
                self._take_error(submission, index, exc)
            else:
                self._take(submission, index, run)

        await asyncio.gather(*(send(index, request) for index, request in enumerate(submission.requests)))

    @staticmethod
    async def _upload_problem(client: Client, requests: Sequence[InvokeRequest]) -> Problem | None:
        """Upload the files of a request, and return the problem of the one that has no address."""
        for request in requests:
            try:
                await client.aclient.upload_files(request)
            except UploadFailed as exc:
                path = next((path for path, text in files_among(request.inputs) if text == exc.named), ())
                named = file_named(exc.named)
                name = one_line(named.name, 80) if named is not None and named.name else "its file"
                return Problem(path, "upload", name, one_line(exc.reason, 500))
        return None

    async def _outcome(self, submission: Submission, index: int, pending: PendingRun) -> Run:
        """Wait for the answer of a call that comes later."""
        if pending.waiting:
            submission._waits[index] = pending
            pending.on_change(lambda changed: self._changed(submission, index, changed))
            self._note_accepted(submission, index)
        return await pending.outcome()

    def _changed(self, submission: Submission, index: int, pending: PendingRun) -> None:
        came = submission.came.get(index)
        if came is not None and came.error_code == NO_OUTPUT_CODE != pending.run.error_code:
            self._take(submission, index, pending.run)  # a callback brought the output that its answer lacked
        else:
            self._note_accepted(submission, index)

    def _note_accepted(self, submission: Submission, index: int) -> None:
        if index not in submission.came:
            self._notify(submission, lambda observer: observer.accepted(submission, index))
        self._notify_waited()

    def _notify_waited(self) -> None:
        self._notify(None, lambda observer: observer.waited())

    def _take(self, submission: Submission, index: int, run: Run) -> None:
        if submission.inputs is not None:
            run = replace(run, inputs=submission.inputs)
        submission._came[index] = run
        self._notify(submission, lambda observer: observer.came(submission, index, run))
        if index in submission._waits:
            self._notify_waited()

    def _take_error(self, submission: Submission, index: int, error: Exception) -> None:
        if not isinstance(error, FetchHiveError):
            log.warning("a call of a form failed with an unexpected error", exc_info=error)
        submission.errors.append(error)
        self._take(submission, index, run_of_error(error, submission.requests[index]))
