"""Stop rules: when no further call is started, and why; for a while in an outage. Pure: the caller passes the time.

After a few calls that reached nobody, with no answer in between, the other calls wait, and one at a time probes the
service. So a service that is back within seconds costs no row; one that stays away ends the start.

Rule of this file: stopping never fails a row. What was not called stays pending, and the message says how to go on, in
terms of what the person has: a batch, or a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from fh_notebook.batching.model import BatchStopped
from fh_notebook.batching.options import BatchOptions, check_option, written_options
from fh_notebook.batching.planning.plan import calls_within
from fh_notebook.contract.run import Run, with_action
from fh_notebook.core.redaction import error_text
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.text.messages import RUN_AGAIN, Message, counted, option
from fh_notebook.errors import FetchHiveError


def cut_short(how: str, calls_out: int) -> BatchStopped:
    """Return the stop of a start that was interrupted or cancelled while `calls_out` calls were out."""
    out = "; the outcome of calls that were in progress is unknown (they may have run)" if calls_out else ""
    return BatchStopped(
        reason="cancelled",
        detail=f"{how}; the answers so far are saved{out}",
        resume=Message("to continue with the rest: {resume}"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLimits:
    """What the user allowed one start of a batch.

    Raises
    ------
    SettingsError
        A limit that cannot be meant.

    Examples
    --------
    >>> StopLimits(max_calls=3).reached(calls=3, elapsed_s=0.1, errors=0, planned=10).reason
    'max_calls'
    >>> StopLimits(fail_on_error=0.5).reached(calls=6, elapsed_s=1.0, errors=5, planned=10).reason
    'fail_on_error'
    """

    max_calls: int | None = None
    """Requests, refused ones included."""
    max_seconds: float | None = None
    """After this no call is started; those in flight are waited for."""
    left_today: int | None = None
    """Requests that the configured daily cap leaves; with :attr:`daily_cap`, for the message."""
    daily_cap: int | None = None
    look_ups_per_call: int = 0
    """Requests that each call costs beside its own, of those of :attr:`left_today`."""
    holds_look_up: bool = False
    """Whether no call begins unless the cap leaves a look-up of its run, too (``LookUpBudget``)."""
    fail_on_error: bool | float | int = False
    """``True``: the first error stops; a number below 1: that fraction of the jobs; from 1: that many."""

    def __post_init__(self) -> None:
        for name in ("max_calls", "max_seconds", "fail_on_error"):
            check_option(name, getattr(self, name))

    @property
    def most_calls(self) -> int | None:
        """How many requests one start may make; ``None`` without a limit."""
        return min((n for n in (self.max_calls, self._calls_left_today) if n is not None), default=None)

    @property
    def _calls_left_today(self) -> int | None:
        return None if self.left_today is None else calls_within(self.left_today, self.look_ups_per_call)

    def reached(self, *, calls: int, elapsed_s: float, errors: int, planned: int) -> BatchStopped | None:
        """Return the limit that is reached, if one is."""
        if self.max_calls is not None and calls >= self.max_calls:
            calls_were = "1 call was" if self.max_calls == 1 else f"{self.max_calls:,} calls were"
            return _stopped("max_calls", _at_ceiling(f"{calls_were} made", "max_calls"))
        if self._calls_left_today is not None and calls >= self._calls_left_today:
            return self.used_up()
        if self.max_seconds is not None and elapsed_s >= self.max_seconds:
            return _stopped("max_seconds", _at_ceiling(f"{self.max_seconds:g} s have passed", "max_seconds"))
        if self.errors_reached(errors, planned):
            failed = f"{errors:,} of {planned:,} jobs failed"
            return _stopped("fail_on_error", Message("{} ({})", (failed, option("fail_on_error"))))
        return None

    def used_up(self, *, uploads: int = 0) -> BatchStopped:
        """Return the stop of a configured daily cap that is used up, or leaves too little for a call with uploads.

        Where it is less than one call needs with what belongs to it, no day has room for it, and nobody is to wait for
        the next one.
        """
        least = uploads + 1 + self.holds_look_up
        if (uploads or self.holds_look_up) and self.daily_cap is not None and least > self.daily_cap:
            parts = [counted(uploads, "upload")] if uploads else []
            parts += ["the call"] + (["a look-up"] if self.holds_look_up else [])
            needed = f"{', '.join(parts[:-1])} and {parts[-1]}"
            return BatchStopped(
                reason="cap_too_low",
                detail=f"the configured daily cap of {self.daily_cap:,} is less than a row needs ({needed})",
                resume=Message("set {}, then {resume}", (option("daily_cap", least, call="fh.configure({})"),)),
            )
        cap = f"{self.daily_cap:,} " if self.daily_cap is not None else ""
        look_ups = ", look-ups included" if self.look_ups_per_call else ""
        detail = f"all {cap}calls for today are used up{look_ups}"
        if uploads or self.holds_look_up:
            pair = "an upload and its call" if uploads else "a call and its look-up"
            detail = f"of today's {cap}calls, too few are left for {pair}"
        return BatchStopped(
            reason="daily_cap",
            detail=detail,
            resume=Message("they are renewed at 00:00 UTC; then {resume}"),
        )

    def errors_reached(self, errors: int, planned: int) -> bool:
        """Whether so many errors are too many."""
        return errors > 0 and errors >= self._errors_allowed(planned)

    def _errors_allowed(self, planned: int) -> float:
        rule = self.fail_on_error
        if isinstance(rule, bool):
            return 1 if rule else float("inf")
        return rule * planned if rule < 1 else rule


def checked_concurrency(value: Any) -> int | None:
    """Return a number of calls at once, or ``None``."""
    checked: int | None = check_option("max_concurrency", value)
    return checked


_IN_CELL: Final = written_options(BatchOptions, in_cell=True)


def _at_ceiling(reached: str, limit: str) -> Message:
    return Message("{}, the limit that {} sets", (reached, option(limit, in_cell=limit in _IN_CELL)))


def _stopped(reason: str, detail: str, run: Run | None = None) -> BatchStopped:
    return BatchStopped(
        reason=reason, detail=detail, resume=Message("the rest is pending; to continue: {resume}"), run=run
    )


def stop_of_answer(reason: str, run: Run) -> BatchStopped:
    """Return the stop that an answer of the service requires; `reason` is that of the retry decision."""
    error = with_action(one_line(run.error or "").rstrip("."), run.client_action)
    reason_text = f" ({error})" if error else ""
    texts: dict[str, tuple[str, str]] = {
        "daily_cap": (
            f"the daily cap of calls is used up{reason_text}",
            Message("it is renewed at 00:00 UTC; then {resume}"),
        ),
        "credits": (f"the credits are used up{reason_text}", Message("add some, then {resume}")),
        "auth": (
            f"{run.origin or 'the service'} refused the key{reason_text}",
            Message("correct it and {}", (RUN_AGAIN,)),
        ),
    }
    detail, resume = texts.get(reason, (f"stopped: {reason}{reason_text}", ""))
    return BatchStopped(reason=reason, detail=detail, resume=resume, run=run)


def rows_broke(exc: Exception) -> BatchStopped:
    """Return the stop of rows that raised while they were read: what came before them was called.

    Examples
    --------
    >>> rows_broke(OSError("busy")).message
    'reading the rows raised OSError: busy; the answers so far are saved: run the cell again when the rows can be read'
    """
    message = str(exc) if isinstance(exc, FetchHiveError) else f"reading the rows raised {error_text(exc)}"
    again = Message("the answers so far are saved: {} when the rows can be read", (RUN_AGAIN,))
    return BatchStopped(reason="rows", detail=one_line(message, 300), resume=again)


UNREACHED: Final = 5
UNREACHED_S: Final = 5.0
"""So many attempts in a row, over so many seconds, with nothing answered in between: a person is to look. A service
that was only restarted is back by then."""


def unreached(run: Run, *, in_a_row: int, lasted_s: float) -> BatchStopped | None:
    """Return the stop where nobody is reached any more.

    Examples
    --------
    >>> gone = Run(status="failed", error="Connection refused", origin="10.0.0.7:8080")
    >>> unreached(gone, in_a_row=12, lasted_s=5.2).message
    '10.0.0.7:8080 could not be reached for 5 s (Connection refused); the rest is pending; to continue: batch.resume()'
    >>> unreached(gone, in_a_row=12, lasted_s=1.0)
    """
    if in_a_row < UNREACHED or lasted_s < UNREACHED_S:
        return None
    error = f" ({one_line(run.error)})" if run.error else ""
    origin = run.origin or "the service"
    return _stopped("unreachable", f"{origin} could not be reached for {lasted_s:.0f} s{error}", run)


OUTAGE_FROM: Final = 10
"""Exchanges in a row that reached nobody before it is clear that no row is to blame. Until then at most three rows have
used up their attempts and failed; from then on none does, and the others wait."""

PROBE_EVERY_S: Final = 0.5
"""How often the service is probed during an outage."""

MAX_PAUSE_S: Final = 5.0
"""The longest pause after a refusal; the refused job itself may wait for longer."""


@dataclass(slots=True)
class OutageDetector:
    """Exchanges in a row that reached nobody, how long that lasts, and until when nothing is to be sent.

    Examples
    --------
    >>> detector = OutageDetector()
    >>> for second in range(12):
    ...     _ = detector.note_unreached(float(second))
    >>> detector.in_a_row, detector.lasted_s, detector.paused_until
    (12, 11.0, 11.5)
    >>> detector.note_answer()
    >>> detector.in_a_row, detector.paused_until
    (0, 0.0)
    """

    in_a_row: int = 0
    lasted_s: float = 0.0
    """From the first of them to the last."""
    paused_until: float = 0.0
    _began: float = 0.0

    @property
    def is_outage(self) -> bool:
        """Whether one call at a time probes whether the service is back."""
        return self.in_a_row >= OUTAGE_FROM

    def note_unreached(self, now: float) -> bool:
        """Note an exchange that reached nobody; return whether its row may be to blame."""
        if not self.in_a_row:
            self._began = now
        self.in_a_row += 1
        self.lasted_s = now - self._began
        if self.is_outage:
            self.paused_until = now + PROBE_EVERY_S
        return not self.is_outage

    def note_answer(self) -> None:
        self.in_a_row, self.paused_until = 0, 0.0

    def note_refusal(self, now: float, wait_s: float) -> None:
        """Note a refusal over the cap while no call of ours was out: another program has to free a slot."""
        self.paused_until = now + min(wait_s, MAX_PAUSE_S)
