"""`ProgressState`: progress of a batch at one moment, and its line of text.

Rule of this file: first what has come of all jobs, in numbers that add up to them, then what is out, what is left,
how fast, how long; and where less happens than could, the reason comes last, where it is looked for. All of a
`ProgressSource` may be asked for and called from any thread, costs next to nothing, and returns at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.progress.unknown_outcomes import LISTS_DECISIONS
from fh_notebook.contract.callbacks import NO_STEPS, WaitingSteps
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import duration
from fh_notebook.core.text.messages import PYTHON, Audience, agreeing, counted


class PlanProtocol(Protocol):
    """What a display may ask of a plan; its text is the plan in one line."""

    @property
    def rows(self) -> int | None:
        """How many rows; ``None`` when nobody can know (an iterator)."""
        ...

    @property
    def variants(self) -> Sequence[object]:
        """One for each job of a row."""
        ...

    @property
    def repeats(self) -> int:
        """Of each job."""
        ...

    @property
    def when_over(self) -> str:
        """The plan in one line, without a forecast: for when its calls are over."""
        ...


class ProgressSource(Protocol):
    """What a progress display may ask of a running batch, from any thread, and what its buttons may do."""

    @property
    def name(self) -> str:
        """The batch's name."""
        ...

    @property
    def counts(self) -> JobCounts:
        """How far it is."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls that are out."""
        ...

    @property
    def limit(self) -> int:
        """Calls that may be out at once now."""
        ...

    @property
    def max_concurrency(self) -> int | None:
        """The ceiling that somebody chose for this batch; ``None``: none. It can be set while the batch runs."""
        ...

    @max_concurrency.setter
    def max_concurrency(self, number: int | None) -> None: ...

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, as it told by refusing some; ``None``: it has not."""
        ...

    @property
    def falls_short(self) -> int | None:
        """:attr:`admits`, where somebody set a higher ceiling."""
        ...

    @property
    def calls_left(self) -> int | None:
        """Calls of this start without an answer yet, those in flight included; ``None`` when nobody can know."""
        ...

    @property
    def paused(self) -> bool:
        """Whether no further call is started until somebody goes on."""
        ...

    @property
    def waiting_until(self) -> datetime | None:
        """When it goes on by itself, in UTC, while it sleeps until the daily cap is renewed."""
        ...

    @property
    def waits(self) -> int:
        """Runs that wait for a decision, as far as it is known, while it runs."""
        ...

    @property
    def steps(self) -> WaitingSteps:
        """Of these, what those wait for of which nobody decides here."""
        ...

    @property
    def blocks(self) -> bool:
        """Whether a cell or a program waits for it."""
        ...

    @property
    def audience(self) -> Audience:
        """Who reads of it: the code that returns the batch is not the same everywhere."""
        ...

    def plan(self) -> PlanProtocol:
        """What it was going to do when it was started."""
        ...

    def summary(self) -> str:
        """Say how far it is, or how it ended."""
        ...

    def pause(self) -> object:
        """Start no further call, from any thread, without waiting."""
        ...

    def unpause(self) -> object:
        """Go on after a pause, from any thread, without waiting."""
        ...

    def cancel(self) -> object:
        """End it at once, from any thread, without waiting."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressState:
    """How far a batch is, how fast, and what it waits for.

    Examples
    --------
    >>> counts = JobCounts(planned=80, done=38, failed=2, reused=12, pending=40, calls=31)
    >>> values = {"in_flight": 3, "calls_left": 40, "rate": 8.13, "remaining_s": 4.9}
    >>> print(ProgressState(name="triage-1", counts=counts, **values))
    triage-1: 38 of 80 completed, 2 failed, 40 pending (3 of them in progress); 12 reused; 8.1 calls/s, about 5 s left
    """

    name: str
    counts: JobCounts
    in_flight: int = 0
    calls_left: int | None = None
    """Without an answer yet, those in flight included; ``None`` when nobody can know."""
    rows_so_far: int | None = None
    """Of an iterator: how many rows have been read. ``None`` where the number of rows is known."""
    rate: float | None = None
    """Calls a second of late."""
    remaining_s: float | None = None
    paused: bool = False
    waiting_until: datetime | None = None
    refused: str = ""
    """What the service's refusals mean, in words."""
    waits: int = 0
    """Runs that wait for a decision, those of rows that have been answered included."""
    steps: WaitingSteps = NO_STEPS
    """Of these, what those wait for of which nobody decides here."""
    blocks: bool = False
    """Whether a person there can type nothing before it ends."""
    audience: Audience = PYTHON
    is_app: bool = False
    """Whether it is for the users of an app, to whom calls, their rate and their limit are nothing."""

    @classmethod
    def of(cls, batch: ProgressSource, *, rate: float | None, remaining_s: float | None, refused: str) -> ProgressState:
        """Return this moment of a batch; how fast it is, and what refusals mean, is known by who watches it."""
        counts, plan = batch.counts, batch.plan()
        per_row = max(1, len(plan.variants) * plan.repeats)
        return cls(
            name=batch.name,
            counts=counts,
            in_flight=batch.in_flight,
            calls_left=batch.calls_left,
            rows_so_far=-(-counts.planned // per_row) if plan.rows is None else None,
            rate=rate,
            remaining_s=remaining_s,
            paused=batch.paused,
            waiting_until=batch.waiting_until,
            refused=refused,
            waits=batch.waits,
            steps=batch.steps,
            blocks=batch.blocks,
            audience=batch.audience,
        )

    @property
    def ended(self) -> int:
        """Jobs with an outcome."""
        return self.counts.done + self.counts.failed + self.counts.unknown

    @property
    def how_far(self) -> str:
        """What has come of it so far: ``38 of 80 completed, 2 failed, 40 pending``."""
        return ", ".join(self.how_far_parts.values())

    @property
    def how_far_parts(self) -> dict[str, str]:
        """The parts of :attr:`how_far`, by the kind of outcome."""
        counts = self.shown_counts
        parts = outcome_parts(counts, is_known=self.rows_so_far is None)
        if self._tells_out_of_pending:
            is_all = self._at_work == counts.pending
            parts["pending"] = self._out() if is_all else f"{parts['pending']} ({self._out(' of them')})"
        return parts

    @property
    def shown_counts(self) -> JobCounts:
        """The counts in which a run that waits for a decision counts as waiting, also before its row is answered."""
        waits, counts = self._waits_in_flight, self.counts
        return replace(
            counts, pending=counts.pending - waits, unknown=counts.unknown + waits, waiting=counts.waiting + waits
        )

    @property
    def _waits_in_flight(self) -> int:
        """Calls in flight whose runs wait for a decision: no work is done on them."""
        return max(0, min(self.waits - self.counts.waiting, self.in_flight, self.counts.pending))

    @property
    def _at_work(self) -> int:
        return self.in_flight - self._waits_in_flight

    @property
    def _tells_out_of_pending(self) -> bool:
        """Whether the number of pending jobs says how many calls are out: beside it, both would read as a sum."""
        return 0 < self._at_work <= self.shown_counts.pending and self.rows_so_far is None and not self.is_app

    def _out(self, of_which: str = "") -> str:
        return f"{self._at_work:,}{of_which}{' still' if self.rests else ''} in progress"

    @property
    def reused(self) -> str:
        """How many of the completed and failed ones cost no call; empty where none."""
        return f"{self.counts.reused:,} reused" if self.counts.reused else ""

    @property
    def rest(self) -> tuple[str, ...]:
        """Everything else, in parts: what is out and left, how fast, and why not faster."""
        read = [] if self.rows_so_far is None else [f"rows so far: {self.rows_so_far:,}"]
        if self.is_app:
            return tuple(part for part in (*read, self.reused, self._time_left(), self.held_by) if part)
        return tuple(part for part in (*read, self.reused, self._calls(), self._speed(), self.held_by) if part)

    @property
    def held_by(self) -> str:
        """Why less happens than could; empty when nothing is in the way."""
        return resting(paused=self.paused, until=self.waiting_until) or self.refused

    @property
    def rests(self) -> bool:
        """Whether no call is started for the time being."""
        return self.paused or self.waiting_until is not None

    def _calls(self) -> str:
        left = self.calls_left
        # Where each pending job is one call, their number says it already.
        left_in_words = f"{counted(left, 'call')} left" if left and left != self.counts.pending else ""
        is_told = self._tells_out_of_pending or (not self._at_work and (self.rests or self._waits_in_flight))
        return ", ".join(part for part in ("" if is_told else self._out(), left_in_words) if part)

    def _speed(self) -> str:
        if self.rests or self.rate is None or self._only_waits:
            return ""
        return ", ".join(part for part in (rate_in_words(self.rate), self._time_left()) if part)

    def _time_left(self) -> str:
        is_known = self.remaining_s is not None and self.rate is not None and self.calls_left and not self.rests
        return f"about {duration(self.remaining_s or 0.0)} left" if is_known and not self._only_waits else ""

    @property
    def _only_waits(self) -> bool:
        """Whether all that is left waits for decisions: how long a person takes nobody knows."""
        return self.waits - self.counts.waiting > 0 and (self.calls_left or 0) <= self.waits - self.counts.waiting

    @property
    def nameless(self) -> str:
        """The line without the batch's name, for where there is little room or the name stands above."""
        parts = self.how_far_parts
        if self.waits:
            parts.pop("waiting", None)  # they are among these
        return "; ".join(
            filter(None, [", ".join(parts.values()), *self.rest, self._waiting_for_tools(), str(self.steps)])
        )

    def _waiting_for_tools(self) -> str:
        tools = max(0, self.waits - len(self.steps))  # both are asked for one after the other
        decide = LISTS_DECISIONS.command if self.blocks else LISTS_DECISIONS.text(self.audience)
        return f"{tools:,} {agreeing(tools, 'wait')} for a decision: {decide}" if tools else ""

    def __str__(self) -> str:
        return f"{html.printable(self.name)}: {self.nameless}"


def outcome_parts(
    counts: JobCounts, *, is_known: bool = True, if_unknown: str = "", if_waiting: str = ""
) -> dict[str, str]:
    """Say what has come of the jobs of a batch, by kind: the beginning of its line while it runs, and of its summary.

    Examples
    --------
    >>> outcome_parts(JobCounts(planned=80, done=75, failed=2, unknown=3), if_unknown=" (may have run)")
    {'completed': '75 of 80 completed', 'failed': '2 failed', 'unknown': '3 outcome unknown (may have run)'}
    """
    failed, unknown, waiting = counts.failed - counts.invalid, counts.unknown - counts.waiting, counts.waiting
    numbers = {
        "failed": (failed, "failed"),
        "invalid": (counts.invalid, NOT_SENT),
        "unknown": (unknown, f"outcome unknown{if_unknown}"),
        "waiting": (waiting, f"{agreeing(waiting, 'wait')} for a decision{if_waiting}"),
        "pending": (counts.pending if is_known else 0, "pending"),
    }
    of_all = f" of {counts.planned:,}" if is_known else ""
    parts = {"completed": f"{counts.done:,}{of_all} completed"}
    return parts | {kind: f"{number:,} {words}" for kind, (number, words) in numbers.items() if number}


NOT_SENT: Final = "not sent (inputs do not fit)"
"""What a job is called that is left out by ``on_invalid="skip"``."""


def resting(*, paused: bool, until: datetime | None) -> str:
    """Say why a batch starts no call for the time being; empty where it does.

    Examples
    --------
    >>> resting(paused=False, until=datetime(2026, 11, 28))
    'waiting until 00:00 UTC, when the daily cap is renewed'
    """
    if until is not None:
        return f"waiting until {until:%H:%M} UTC, when the daily cap is renewed"
    return "paused" if paused else ""


def admitting(number: int) -> str:
    """Say how many calls the service admits, as it told by refusing others (429).

    Examples
    --------
    >>> admitting(3)
    'limited to 3 at once by the service'
    """
    return f"limited to {number:,} at once by the service"


def rate_in_words(per_s: float) -> str:
    """Return a rate with the unit in which it is easily read.

    Examples
    --------
    >>> rate_in_words(1834.4), rate_in_words(8.13), rate_in_words(0.25), rate_in_words(0.002), rate_in_words(0.0)
    ('1,834 calls/s', '8.1 calls/s', '15 calls/min', '7.2 calls/h', '0 calls/h')
    """
    value, unit = next((per_s * s, u) for s, u in _UNITS if per_s * s >= 1 or u == "h")
    return f"{value:,.0f} calls/{unit}" if value >= 10 else f"{value:.2g} calls/{unit}"


_UNITS: Final = ((1, "s"), (60, "min"), (3600, "h"))
