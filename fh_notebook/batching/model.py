"""`Job`, its outcome, and the events of a batch: the values that all of the package shares. Pure.

- An event is sent after it is true: `Finished` comes after the answer was committed.
- A call that may have run is neither reused nor repeated automatically. `contract/job_key.py` says which answers are
  reused.
"""

from __future__ import annotations

import asyncio
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fh_notebook.contract.callbacks import RUN_NOT_FOUND, RunIds
from fh_notebook.contract.invoke_request import FILE_SCHEME, InvokeRequest
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets, mask_inputs, mask_run
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.text.messages import PYTHON, Audience, text_for
from fh_notebook.core.text.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call that a batch stands for: one row, one variant, one repeat."""

    number: int = 0
    """Its place in the plan, from 0."""
    position: int
    """Of the row, from 0."""
    row: Any
    """The row's label."""
    deployment: str
    variant: str
    variant_label: str = ""
    """The variant's label: what the column ``variant`` says; the variant's name where it is empty."""
    repeat: int
    """From 1."""
    inputs: Mapping[str, Any] = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False)
    """The user's own, flat."""
    key: str = ""
    """SHA-256 of what is asked; equal jobs have equal keys and are called once. Empty when the inputs do not fit."""
    problems: tuple[Problem, ...] = ()
    """Why it cannot be called."""
    inputs_json: str = field(default="", repr=False, compare=False)
    """The inputs as canonical JSON, where the key was made of it: it is saved with the plan."""
    secrets: Secrets = field(default=Secrets(), repr=False)
    """Which of the inputs are never saved or shown."""
    sealed: bool = False
    """Whether its inputs are only known masked, so that it cannot be sent: it was read out of the store."""

    @property
    def label(self) -> str:
        """What tells its variant from the others."""
        return self.variant_label or self.variant

    @property
    def shown_inputs(self) -> Mapping[str, Any]:
        """The inputs as they are saved and shown: secrets masked. Only :meth:`request` has them as they are sent."""
        return mask_inputs(self.inputs, self.secrets)

    @property
    def inputs_text(self) -> str:
        """The inputs as JSON, also of a job out of the store."""
        return self.inputs_json or canonical_json(self.inputs)

    @property
    def names_files(self) -> bool:
        """Whether files may have to be uploaded before it is called."""
        return FILE_SCHEME in self.inputs_text

    def shown(self, run: Run) -> Run:
        """Return a run of the job as it may be shown: what its output or error repeats of a password is masked."""
        if not (self.secrets.all or self.secrets.names):
            return run
        return replace(mask_run(replace(run, inputs=dict(self.inputs)), self.secrets), inputs=run.inputs)

    def request(self, batch: str) -> InvokeRequest:
        """Return what is sent: stamped with flat metadata, by which the run is found in the service's logs."""
        row = self.row if isinstance(self.row, str | int) else str(self.row)
        stamps = {
            "fh_batch": batch,
            "fh_row": row,
            "fh_variant": self.label,
            "fh_repeat": self.repeat,
            "fh_job": self.key,
        }
        return InvokeRequest.of_checked(
            deployment=self.deployment,
            variant=self.variant,
            inputs=self.inputs,
            metadata={**self.metadata, **stamps},
            secrets=self.secrets,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobColumns:
    """Jobs as columns, with their rows; a `Job` is made when it is asked for."""

    numbers: Sequence[int]
    positions: Sequence[int]
    variants: Sequence[str]
    """The labels of their variants."""
    repeats: Sequence[int]
    keys: Sequence[str]
    invalid: Sequence[bool]
    """Whether a job cannot be called."""
    secret: Sequence[bool]
    """Whether inputs of a job are never shown; those out of the store are masked already."""
    job: Callable[[int], Job] = field(repr=False)
    """Returns a job by its place here."""
    labels: Callable[[], Sequence[Any]] = field(repr=False)
    """Returns the labels of their rows."""
    records: Callable[[Sequence[int]], Sequence[Mapping[str, Any]]] = field(repr=False)
    """Returns rows as JSON values, by column, for some places here; jobs of one row may share one."""

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, places: Sequence[int]) -> JobColumns:
        """Return the jobs at some places, in their order."""
        if list(places) == list(range(len(self))):
            return self

        def chosen(values: Sequence[Any]) -> list[Any]:
            return [values[place] for place in places]

        return JobColumns(
            numbers=chosen(self.numbers),
            positions=chosen(self.positions),
            variants=chosen(self.variants),
            repeats=chosen(self.repeats),
            keys=chosen(self.keys),
            invalid=chosen(self.invalid),
            secret=chosen(self.secret),
            job=lambda place: self.job(places[place]),
            labels=lambda: chosen(self.labels()),
            records=lambda wanted: self.records([places[place] for place in wanted]),
        )

    @classmethod
    def of(cls, jobs: Sequence[Job], records_at: Callable[[Sequence[int]], Sequence[Mapping[str, Any]]]) -> JobColumns:
        """Return jobs that are held as columns; `records_at` returns rows by their positions."""
        return cls(
            numbers=[job.number for job in jobs],
            positions=[job.position for job in jobs],
            variants=[job.label for job in jobs],
            repeats=[job.repeat for job in jobs],
            keys=[job.key for job in jobs],
            invalid=[bool(job.problems) for job in jobs],
            secret=[bool(job.secrets.all or job.secrets.names) for job in jobs],
            job=jobs.__getitem__,
            labels=lambda: [job.row for job in jobs],
            records=lambda places: records_at([jobs[place].position for place in places]),
        )


class JobsByKey(Mapping[str, Job]):
    """Jobs that have a key, by it; of those with the same one the last. Each is made when it is asked for."""

    def __init__(self, jobs: JobColumns) -> None:
        self._jobs = jobs
        self._places = {key: place for place, key in enumerate(jobs.keys) if key}

    def __getitem__(self, key: str) -> Job:
        return self._jobs.job(self._places[key])

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A call goes out."""

    job: Job
    attempt: int
    """Which exchange of this job it is, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A call did not run and is made again after `wait_s`."""

    job: Job
    run: Run
    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """A call was refused for too many at once, and is made again after `wait_s`."""

    job: Job
    run: Run
    reason: str
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBack:
    """A call was answered with "not found", and others are to show whether that is said of its row or of its name.

    `Finished` follows where it is the row; else the job stays pending, and `BatchStopped` tells of the name.
    """

    job: Job
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job has its outcome, and it is saved."""

    job: Job
    run: Run
    reused: bool = False
    """Whether somebody else called it: another kernel that runs the same batch."""
    line: int = 0
    """Where the answer lies in the store; 0 where it could not be saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputArrived:
    """The saved answer of a job got what it lacked; it may come after the batch.

    A callback brought its output, or a run that was held for a decision has ended.
    """

    job: Job
    run: Run
    line: int = 0
    """Where the answer lies in the store; 0 where it could not be saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStopped:
    """No further call is started; what has no outcome stays pending.

    With the reason ``unknown_name`` that is said of the variants that the message names; others go on.
    """

    reason: str
    """``daily_cap``, ``cap_too_low``, ``credits``, ``auth``, ``unknown_name``, ``unreachable``, ``max_calls``,
    ``max_seconds``, ``fail_on_error``, ``store``, ``rows``, ``cancelled`` or ``defect``."""
    detail: str
    """What happened."""
    resume: str = ""
    """What to do next; empty where nothing can be done."""
    audience: Audience = PYTHON
    """Who reads it."""
    run: Run | None = None
    """The answer that stopped it, if one did."""

    @property
    def message(self) -> str:
        """What happened and what to do, in one line."""
        return "; ".join(filter(None, (text_for(text, self.audience) for text in (self.detail, self.resume))))


Event = Started | Retried | Throttled | KeptBack | Finished | OutputArrived | BatchStopped


INVALID_INPUT: Final = "invalid_input"
"""The error code of a row whose inputs do not fit (``on_invalid="skip"``): ours, no call was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one job."""

    run: Run
    reused: bool = False
    """Whether no call of this batch object brought it."""
    line: int = 0
    """Of the answer in the store; 0 where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCounts:
    """How far a batch is: ``planned == done + failed + unknown + pending``.

    What people are shown has the words of the glossary: `done` is called completed there, completed and failed
    together finished, and what is in progress is among the pending.
    """

    planned: int = 0
    """Jobs: rows x variants x repeats."""
    done: int = 0
    """Completed."""
    failed: int = 0
    unknown: int = 0
    """May have run; not called again by itself."""
    pending: int = 0
    """Without an outcome yet."""
    reused: int = 0
    """Of done and failed: those that cost no call of this batch object."""
    calls: int = 0
    """Requests sent, refused ones included."""
    refused: int = 0
    """Requests that were answered 429."""
    reused_failed: int = field(default=0, compare=False, repr=False)
    """Of reused: those that failed. Not known of partitions, where it is 0."""
    capped: int = field(default=0, compare=False, repr=False)
    """Of unknown: those that the service took, and that are looked up when the daily cap is renewed."""
    waiting: int = field(default=0, compare=False, repr=False)
    """Of unknown: those whose runs wait for a decision."""
    not_ended: int = field(default=0, compare=False, repr=False)
    """Of unknown: the others that the service took, and that can be looked up by an id."""
    invalid: int = field(default=0, compare=False, repr=False)
    """Of failed: those that were not sent, since their inputs do not fit (``on_invalid="skip"``)."""


def kind_of(run: Run) -> str:
    """Return ``done``, ``failed`` or ``unknown``: the last is also a run that the service took and has not ended.

    Examples
    --------
    >>> [kind_of(Run(status=s)) for s in ("completed", "failed", "unknown", "running")]
    ['done', 'failed', 'unknown', 'unknown']
    """
    return _KIND_OF_STATUS.get(run.status, "unknown")


_KIND_OF_STATUS: Final = {"completed": "done", "failed": "failed"}


def open_reason(run: Run) -> str:
    """Return why the outcome of a run is still to come, since the service took it; empty of any other run.

    Examples
    --------
    >>> [open_reason(Run(status=s)) for s in ("awaiting_approval", "running", "unknown", "failed", "completed")]
    ['awaiting_approval', 'not_ended', '', '', '']
    >>> open_reason(Run(status="unknown", request_id="req_1"))
    'not_ended'
    >>> open_reason(Run(status="unknown", request_id="req_1", error_code="not_found"))
    ''
    >>> open_reason(Run(status="unknown", error_code="look_ups_capped"))
    'look_ups_capped'
    """
    if kind_of(run) != "unknown":
        return ""
    if run.error_code == LOOK_UPS_CAPPED:
        return LOOK_UPS_CAPPED
    if run.status == AWAITS_DECISION:
        return AWAITS_DECISION
    is_known = run.status in ("queued", "running") or (RunIds.of(run).first and run.error_code != RUN_NOT_FOUND)
    return NOT_ENDED if is_known else ""


ERROR_SHOWN: Final = 80
"""Characters of an error that are shown; the frame has all of it."""


def error_line(error: str | None) -> str:
    """Return an error in one line, by which those without a code are told apart."""
    return one_line((error or "")[: ERROR_SHOWN * 4], ERROR_SHOWN)


_VALUE: Final = re.compile(
    r"""
    "[^"]*" | (?<!\w)'[^']*'(?!\w) | `[^`]*` | “[^”]*” | «[^»]*»  # in quotes, not in "don't"
    | (?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])  # a UUID
    | (?<!\w)(?=[0-9a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,}(?!\w)  # a hash
    | (?<!http\ )(?<!status\ )(?<!code\ )(?<![\d.,])\d+(?:[.,:/-]\d+)*  # a number, a date; a status is the error
    """,
    re.VERBOSE | re.IGNORECASE,
)


def error_template(line: str) -> str:
    """Return an error in one line with "…" for what it names of its row: quoted values, ids, numbers.

    Errors of different rows that say the same have the same one.

    Examples
    --------
    >>> error_template("KeyError: id 123 of 'ann' not found"), error_template("HTTP 502 after 3 s")
    ('KeyError: id … of … not found', 'HTTP 502 after … s')
    """
    return _VALUE.sub("…", line)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedSelection:
    """Which of the failed jobs are meant; by default all.

    Examples
    --------
    >>> run = Run(status="failed", error="the model stopped")
    >>> FailedSelection(error="the model stopped").has(run), FailedSelection(error_code="timeout").has(run)
    (True, False)
    """

    error_code: str | None = None
    """Those with this code."""
    error: str | None = None
    """Those with this error and no code; as a display shows it, which cuts a long one, and has "…" for the values of
    rows in errors that are otherwise the same."""

    @property
    def is_all(self) -> bool:
        """Whether all are meant."""
        return self.error_code is None and self.error is None

    def has(self, run: Run) -> bool:
        """Whether a failed run is meant."""
        if self.error_code is not None and run.error_code != self.error_code:
            return False
        if self.error is None:
            return True
        line, wanted = error_line(run.error), error_line(self.error)
        return not run.error_code and wanted in (line, error_template(line))


PENDING, DONE, FAILED, UNKNOWN = range(4)

KINDS: Final = ("pending", "done", "failed", "unknown")

CODE_OF: Final = {kind: code for code, kind in enumerate(KINDS)}


class OutcomeTable:
    """What is known of each job of one batch, by its number: some 10 bytes a job, whatever the answers.

    The answers themselves lie in the store; `line` says where.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.refused = 0
        self.settled = 0
        """Calls that starts were to make and need not make any more: answered, by whomever, or failed. Jobs that are
        the same are one."""
        self._kinds = bytearray()
        self._reused = bytearray()
        self._lines = array("q")
        self._runs: dict[int, Run] = {}
        self._invalid: set[int] = set()
        self._open: dict[int, str] = {}
        """Jobs of unknown outcome whose runs go on: why, as `open_reason` says, by number."""
        self._counted = [0, 0, 0, 0]
        self._reused_counts = [0, 0, 0, 0]

    def __len__(self) -> int:
        return len(self._kinds)

    def extend(self, jobs: int) -> None:
        """Take so many more jobs in; they are pending."""
        self._kinds.extend(bytes(jobs))
        self._reused.extend(bytes(jobs))
        self._lines.frombytes(bytes(jobs * self._lines.itemsize))
        self._counted[PENDING] += jobs

    def put(
        self,
        number: int,
        kind: int,
        *,
        line: int = 0,
        reused: bool = False,
        run: Run | None = None,
        goes_on: str = "",
        is_invalid: bool = False,
    ) -> None:
        """Set the outcome of a job, in place of the one that it had."""
        self._counted[self._kinds[number]] -= 1
        self._reused_counts[self._kinds[number]] -= self._reused[number]
        # What may have run answers nothing, so nothing was reused: so the column says what the counts say.
        self._kinds[number], self._lines[number], self._reused[number] = kind, line, reused and kind in (DONE, FAILED)
        self._counted[kind] += 1
        self._reused_counts[kind] += self._reused[number]
        if run is not None:
            self._runs[number] = run
        else:
            self._runs.pop(number, None)
        if is_invalid:
            self._invalid.add(number)
        else:
            self._invalid.discard(number)
        if goes_on:
            self._open[number] = goes_on
        else:
            self._open.pop(number, None)

    @property
    def capped(self) -> list[int]:
        """The jobs whose look-ups the daily cap has ended."""
        return sorted(number for number, why in self._open.items() if why == LOOK_UPS_CAPPED)

    def kind(self, number: int) -> int:
        """Return the kind of a job's outcome."""
        return self._kinds[number]

    def line(self, number: int) -> int:
        """Return the answer's line in the store; 0 where it has none."""
        return self._lines[number]

    def reused(self, number: int) -> bool:
        """Whether no call of this batch object brought a job's outcome."""
        return bool(self._reused[number])

    def run(self, number: int) -> Run | None:
        """Return an answer that could not be saved."""
        return self._runs.get(number)

    def counts(self) -> JobCounts:
        """Return the counts of this moment."""
        pending, done, failed, unknown = self._counted
        goes_on = Counter(self._open.values())
        return JobCounts(
            planned=len(self._kinds),
            done=done,
            failed=failed,
            unknown=unknown,
            pending=pending,
            reused=sum(self._reused_counts),
            calls=self.calls,
            refused=self.refused,
            reused_failed=self._reused_counts[FAILED],
            capped=goes_on[LOOK_UPS_CAPPED],
            waiting=goes_on[AWAITS_DECISION],
            not_ended=goes_on[NOT_ENDED],
            invalid=len(self._invalid),
        )


def run_of_invalid(job: Job) -> Run:
    """Return the run of a job whose inputs do not fit: it failed without a call."""
    return Run(
        status="failed",
        error="; ".join(map(str, job.problems)),
        error_code=INVALID_INPUT,
        attempts=0,
        deployment=job.deployment,
        variant=job.variant,
        inputs=job.shown_inputs,
        metadata=job.metadata,
    )


PROCESS_ENDED: Final = "process_ended"
"""The error code of a call whose process ended before its answer came."""


def lost_run(job: Job) -> Run:
    """Return the run of a job whose process ended while it was out."""
    return Run(
        status="unknown",
        error="the process that made the call ended before the answer arrived; the call may have run",
        error_code=PROCESS_ENDED,
        attempts=1,
        deployment=job.deployment,
        variant=job.variant,
        inputs=job.shown_inputs,
        metadata=job.metadata,
    )


AWAITS_DECISION: Final = "awaiting_approval"
"""The status of a run that waits for a decision."""

CANCELLED: Final = "cancelled"
"""The error code of a call that was out when the batch was cancelled."""

LOOK_UPS_CAPPED: Final = "look_ups_capped"
"""The error code of a run that had not ended when the daily cap ended its look-ups."""

NOT_ENDED: Final = "not_ended"
"""Why the outcome of any other run is still to come that the service took: it can be looked up by an id."""


class CancelledRun(asyncio.CancelledError):
    """A cancel of a call whose run the service took: it goes on there, and is not lost.

    Parameters
    ----------
    run : Run
        What is known of it.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
