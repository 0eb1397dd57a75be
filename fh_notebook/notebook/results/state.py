"""State of the calls of one submission, as its results view shows them. Pure.

Rule of this file: the calls of a variant lie next to each other, as :meth:`CellRequest.requests` has them, so call
``variant * repeats + repeat`` is one place in every room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.core.redaction import error_text
from fh_notebook.core.text.formatting import duration, seconds_text
from fh_notebook.core.text.messages import APP_BUSY, APP_MAY_HAVE_RUN, APP_UNAVAILABLE, WAITING_FOR_DECISION
from fh_notebook.errors import CallError, FetchHiveError

State = Literal["waiting", "running", "later", "answered", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallState:
    """One call: what is known of it, also before an answer came, and where none will come."""

    variant: str
    repeat: int = 1
    """From 1."""
    state: State = "waiting"
    run: Run | None = None
    message: str = ""
    """Why no answer will come, in one line; of one that comes later, what it waits for."""
    began_s: float | None = None
    """When it was sent, in seconds since the submit."""
    word: str = ""
    """Of an answer that comes later: how far it is."""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("answered", "stopped")

    @property
    def status(self) -> str:
        """The word that is shown: the run's own, where there is a run."""
        if self.run is not None:
            return self.run.status
        return self.word or ("cancelled" if self.state == "stopped" else self.state)

    def out_text(self, now_s: float) -> str:
        """Return how long it has been out, `now_s` seconds after the submit began; nothing where it is not."""
        if self.state != "running" or self.began_s is None:
            return ""
        return duration(max(0.0, now_s - self.began_s), exact=True)


_COUNTED_AS: Final = {"unknown": "outcome unknown", "awaiting_approval": WAITING_FOR_DECISION}
"""What calls are called by their status where they are counted, as those of a batch are."""
GOES_ON: Final = "It is no longer waited for here, and continues at the service."
NOT_SENT: Final = "not sent"
"""What a call is called in place of cancelled: a file that was not uploaded stops calls, too."""
NEVER_SENT: Final = "It was not sent."
MAY_HAVE_RUN: Final = "Cancelled before its answer came: the call may have run at the service."


def outcomes_text(completed: int, others: Iterable[str], calls: int) -> str:
    """Return how calls ended: how many of them completed, and the statuses of `others`.

    Examples
    --------
    >>> outcomes_text(1, ["unknown", "failed", "unknown"], 5)
    '1 of 5 completed, 2 outcome unknown, 1 failed'
    """
    kinds = Counter(_COUNTED_AS.get(status, status) for status in others)
    return ", ".join(
        [f"{completed:,} of {calls:,} completed", *(f"{number:,} {kind}" for kind, number in kinds.items())]
    )


class SubmitState:
    """The calls of one submit.

    Parameters
    ----------
    variants : sequence of str
        In the order of the columns.
    repeats : int
        Calls of each.

    Examples
    --------
    >>> submit = SubmitState(["a", "b"], 2)
    >>> submit.answer(3, Run(status="completed", output="hi"))
    >>> [(call.variant, call.repeat, call.status) for call in submit.calls]
    [('a', 1, 'waiting'), ('a', 2, 'waiting'), ('b', 1, 'waiting'), ('b', 2, 'completed')]
    >>> submit.line(1.5)
    'Running 1.5 s: 1 of 4 completed'
    """

    def __init__(self, variants: Sequence[str], repeats: int = 1) -> None:
        self.variants = tuple(variants)
        self.repeats = repeats
        self.calls = [CallState(variant=name, repeat=n) for name in self.variants for n in range(1, repeats + 1)]
        self.ended_s: float | None = None
        """How long all of it took, once it is over."""
        self.message = ""
        """Why it ended early, in one line with a hint."""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return all(call.over for call in self.calls)

    @property
    def rests(self) -> bool:
        """Whether all that is out was taken by the service: then nobody counts seconds, it may take days."""
        return not self.over and all(call.over or call.state == "later" for call in self.calls)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that came, in the order of the calls."""
        return tuple(call.run for call in self.calls if call.run is not None)

    def of_column(self, column: int) -> Sequence[CallState]:
        """Return the calls of one variant."""
        return self.calls[column * self.repeats : (column + 1) * self.repeats]

    def begin(self, index: int, at_s: float | None = None) -> None:
        """Note that a call was sent, `at_s` seconds after the submit."""
        if self.calls[index].state == "waiting":
            self.calls[index] = replace(self.calls[index], state="running", began_s=at_s)

    def wait(self, index: int, word: str, message: str = "") -> None:
        """Note that the service has taken a call, and how far it is, in a word: its answer comes later."""
        if not self.calls[index].over:
            self.calls[index] = replace(self.calls[index], state="later", word=word, message=message)

    def answer(self, index: int, run: Run) -> None:
        """Note what came; an answer that comes after a stop is an answer."""
        self.calls[index] = replace(self.calls[index], state="answered", run=run, message="", word="")

    def stop(self, message: str = "", *, was_sent: bool = True) -> None:
        """Note that nothing more is waited for, and why; `was_sent` is whether calls may have run."""
        for index, call in enumerate(self.calls):
            if not call.over:
                may_have_run = was_sent and call.state != "waiting"
                why = GOES_ON if call.state == "later" else MAY_HAVE_RUN if may_have_run else NEVER_SENT
                word = NOT_SENT if why == NEVER_SENT else ""
                self.calls[index] = replace(call, state="stopped", message=why, word=word)
        self.message = message

    def line(self, elapsed_s: float) -> str:
        """Return how far it is, in one line."""
        ended = [call for call in self.calls if call.over]
        done = [call for call in ended if call.run is not None and call.run.ok]
        others = [call.status for call in ended if call not in done]
        parts = [outcomes_text(len(done), others, len(self.calls))]
        if self.rests:
            later = sum(call.state == "later" for call in self.calls)
            return f"{', '.join(parts)}, {later:,} pending"
        if self.over:
            return f"{', '.join(parts)}; {_total_text(elapsed_s)} from start to end"
        return f"Running {duration(elapsed_s, exact=True)}: {', '.join(parts)}"


def _total_text(seconds: float) -> str:
    """Return how long all calls took, with as many digits as each of them has: a total is never less than a part.

    Examples
    --------
    >>> [_total_text(s) for s in (0.044, 12.345, 102, 754)]
    ['0.044 s', '12.3 s', '102 s', '12 min 34 s']
    """
    return seconds_text(seconds) if seconds < 120 else duration(seconds, exact=True)


def run_of_error(error: Exception, request: InvokeRequest) -> Run:
    """Return what was raised for a call as the failed run that is shown: one line, with a hint.

    Examples
    --------
    >>> run_of_error(CallError("refused", status_code=401), InvokeRequest(deployment="d", variant="v"))
    Run(failed, d/v, error='refused')
    """
    about: dict[str, Any] = {"error_code": "unforeseen"}
    message = error_text(error)
    if isinstance(error, FetchHiveError):
        message, about = str(error), {}
    if isinstance(error, CallError):
        about = {
            "status_code": error.status_code,
            "error_code": error.error_code,
            "request_id": error.request_id,
            "status": "unknown" if error.may_have_run else "failed",
        }
    identity = {"deployment": request.deployment, "variant": request.variant, "inputs": request.inputs}
    return Run(**{"status": "failed", "error": message, **identity, **about})


def columns_of(variants: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the columns: each variant once, in order."""
    return tuple(dict.fromkeys(variants))


_BUSY_STATUSES: Final = (429, 503)


def app_run(run: Run) -> Run:
    """Return a run as the users of an app see it: without ids, codes, hints, and errors that are about the service.

    Examples
    --------
    >>> app_run(Run(status="failed", error="the key fhk_*** is refused", status_code=401, request_id="req_1")).error
    'This did not work. Try again, or tell the person who gave you this page.'
    """
    error = None
    if run.status == "unknown":
        error = APP_MAY_HAVE_RUN
    elif not run.ok or run.error:
        error = APP_BUSY if run.status_code in _BUSY_STATUSES else APP_UNAVAILABLE
    return replace(
        run, error=error, error_code=None, request_id=None, run_id=None, attempts=1, raw=None, client_action=None
    )
