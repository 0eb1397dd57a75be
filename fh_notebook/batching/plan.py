"""Rows x variants x repeats -> jobs with stable keys. Pure: nothing is called, read or kept here.

Rule of this file: every row is checked before the first call, and all problems are told together. Jobs are in the order
of the rows, the variants of a row next to each other, so that a batch that stops leaves complete pairs to compare.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Literal

from fh_notebook.batching.mapping import read_mapping
from fh_notebook.batching.person import RETRY, REUSE, SKIP, persons
from fh_notebook.batching.rows import METADATA_PREFIX, Rows
from fh_notebook.contract.canonical import canonical_json
from fh_notebook.contract.hidden import Secrets
from fh_notebook.contract.models import Deployment, InvokeRequest
from fh_notebook.contract.spell import listed, nearest, short
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.store.keys import job_key
from fh_notebook.store.masking import masked

__all__ = ["Job", "Plan", "counted", "make_plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call that a batch stands for: one row, one variant, one repeat."""

    position: int
    """Of the row, from 0."""
    row: Any
    """The row's label."""
    deployment: str
    variant: str
    repeat: int
    """From 1."""
    inputs: Mapping[str, Any] = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False)
    """The user's own, flat."""
    key: str = ""
    """SHA-256 of what is asked; equal jobs have equal keys and are called once. Empty when the inputs do not fit."""
    problems: tuple[str, ...] = ()
    """Why it cannot be called."""
    secrets: Secrets = field(default=Secrets(), repr=False)
    """Which of the inputs are never kept or shown."""

    @property
    def shown_inputs(self) -> Mapping[str, Any]:
        """The inputs as they are kept and shown: secrets masked. Only :meth:`request` has them as they are sent."""
        return masked(self.inputs, self.secrets)

    def request(self, batch: str) -> InvokeRequest:
        """Return what is sent: stamped with flat metadata, by which the run is found in the service's logs."""
        row = self.row if isinstance(self.row, str | int) else str(self.row)
        stamps = {
            "fh_batch": batch,
            "fh_row": row,
            "fh_variant": self.variant,
            "fh_repeat": self.repeat,
            "fh_job": self.key,
        }
        return InvokeRequest(
            deployment=self.deployment,
            variant=self.variant,
            inputs=self.inputs,
            metadata={**self.metadata, **stamps},
            secrets=self.secrets,
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a batch is going to do, before it does it.

    Examples
    --------
    >>> from fh_notebook.batching.rows import read_rows
    >>> dep = Deployment("triage", variants=["a", "b"])
    >>> print(make_plan(read_rows([{"text": "x"}, {"text": "y"}]), dep, workspace="w"))
    triage: 2 rows x 2 variants = 4 jobs; 4 calls
    """

    name: str
    deployment: str
    variants: tuple[str, ...]
    rows: int
    """How many rows are planned."""
    repeats: int
    jobs: tuple[Job, ...] = field(repr=False)
    note: str = ""
    answered: int = 0
    """Jobs that are answered already."""
    answered_at: datetime | None = None
    """When the newest of those answers came, UTC."""
    unknown: int = 0
    """Jobs that may have run before, and are not called again by themselves."""
    elsewhere: int = 0
    """Of a batch that has no answer yet: jobs that other batches and single runs have answered."""
    calls: int = -1
    """How many calls are left."""

    def __post_init__(self) -> None:
        if self.calls < 0:
            object.__setattr__(self, "calls", len({job.key for job in self.jobs if job.key}))

    @property
    def invalid(self) -> int:
        """Jobs whose inputs do not fit, and that are not called."""
        return sum(not job.key for job in self.jobs)

    @property
    def doubled(self) -> int:
        """Jobs that are the same as another one, and share its call."""
        keys = [job.key for job in self.jobs if job.key]
        return len(keys) - len(set(keys))

    def __str__(self) -> str:
        factors = [counted(self.rows, "row"), counted(len(self.variants), "variant")]
        factors += [counted(self.repeats, "repeat")] if self.repeats > 1 else []
        head = f"{self.deployment}: {' x '.join(factors)} = {counted(len(self.jobs), 'job')}"
        parts = []
        if self.answered:
            parts.append(f"{self.answered:,} of {len(self.jobs):,} answered{_on(self.answered_at)}")
        parts += [f"{self.unknown:,} unknown (may have run{persons(RETRY)})"] if self.unknown else []
        parts += [f"{self.doubled:,} the same as another"] if self.doubled else []
        parts += [f"{self.invalid:,} with inputs that do not fit"] if self.invalid else []
        if self.elsewhere and not self.answered:
            parts.append(f"{self.elsewhere:,} of these are answered in the store{persons(REUSE)}")
        return "; ".join([head, *parts, counted(self.calls, "call")])


def _on(when: datetime | None) -> str:
    """Say a moment in the user's own time zone, as ``24 Nov 22:10``."""
    if when is None:
        return ""
    local = when.astimezone()
    return f" on {local.day} {local:%b %H:%M}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``2,000 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def make_plan(
    rows: Rows,
    deployment: Deployment,
    *,
    workspace: str,
    variants: str | Iterable[str] | None = None,
    inputs: Mapping[str, Any] | None = None,
    repeats: int = 1,
    metadata: Mapping[str, Any] | None = None,
    name: str | None = None,
    first: int | None = None,
    sample: int | None = None,
    on_invalid: Literal["raise", "skip"] = "raise",
) -> Plan:
    """Return the jobs of a batch, every row checked.

    Parameters
    ----------
    rows : Rows
        From :func:`~fh_notebook.batching.rows.read_rows`.
    deployment : Deployment
        What runs.
    workspace : str
        Goes into the keys.
    variants : str or iterable of str, optional
        Which variants; all of the deployment's by default.
    inputs : mapping, optional
        What the Start variables take: see :mod:`fh_notebook.batching.mapping`.
    repeats : int
        How often each job is called; each repeat is a job of its own.
    metadata : mapping, optional
        Flat values for the service's logs; a row's ``metadata.*`` columns come on top.
    name : str, optional
        Of the batch. Without it: the hash of deployment, variants and keys of *all* rows, so that an identical cell
        goes on, also after a pilot with `first` or `sample`.
    first, sample : int, optional
        A pilot: only the first rows, or as many taken at random (the same ones for the same batch).
    on_invalid : {"raise", "skip"}
        Rows whose inputs do not fit: raise, or keep them as failed rows with ``error_code="invalid_input"``.

    Raises
    ------
    InputError
        Every problem of every row, equal ones together.
    SettingsError
        An option that cannot be used.
    """
    _check_options(repeats=repeats, first=first, sample=sample, on_invalid=on_invalid)
    wanted = _variants(variants, deployment)
    by_row = [
        _jobs_of_row(row, wanted, repeats, workspace)
        for row in _checked_rows(rows, deployment, inputs, dict(metadata or {}), on_invalid)
    ]
    name = name or _name_of(deployment.name, wanted, by_row)
    chosen = _pilot(by_row, first=first, sample=sample, seed=name)
    return Plan(
        name=name,
        deployment=deployment.name,
        variants=wanted,
        rows=len(chosen),
        repeats=repeats,
        jobs=tuple(job for row in chosen for job in row),
        note=rows.note,
    )


def _check_options(*, repeats: Any, first: Any, sample: Any, on_invalid: Any) -> None:
    for option, value in (("repeats", repeats), ("first", first), ("sample", sample)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise SettingsError(f"{option} is {value!r}; give a whole number from 1")
    if repeats is None:
        raise SettingsError("repeats is None; give a whole number from 1")
    if first is not None and sample is not None:
        raise SettingsError("give first= or sample=, not both")
    if on_invalid not in ("raise", "skip"):
        raise SettingsError(f"on_invalid is {on_invalid!r}; give 'raise' or 'skip'")


def _variants(variants: str | Iterable[str] | None, deployment: Deployment) -> tuple[str, ...]:
    named = deployment.variants if variants is None else [variants] if isinstance(variants, str) else list(variants)
    if not named:
        raise InputError("no variant is known; give variants=[...]", where=deployment.name)
    if wrong := [v for v in named if not isinstance(v, str) or not v.strip()]:
        raise InputError(f"a variant is named by a string, not {short(wrong[0])}", where=deployment.name)
    if strange := [v for v in named if deployment.variants and v not in deployment.variants]:
        raise InputError([_no_such_variant(v, deployment) for v in dict.fromkeys(strange)], where=deployment.name)
    return tuple(dict.fromkeys(named))


def _no_such_variant(variant: str, deployment: Deployment) -> str:
    close = nearest(variant, deployment.variants)
    meant = f"did you mean {close!r}?" if close else f"it has {listed(deployment.variants, 'and')}"
    return f"there is no variant {short(variant)}; {meant}"


def _checked_rows(
    rows: Rows, deployment: Deployment, inputs: Any, metadata: dict[str, Any], on_invalid: str
) -> list[Job]:
    """Return one job a row, without a variant yet; raise with every problem of every row, unless told to skip."""
    mapper = read_mapping(inputs, rows, deployment)
    secrets = Secrets.of(deployment.inputs)
    checked: list[Job] = []
    problems: dict[str, list[Any]] = {}
    for position, (label, record) in enumerate(zip(rows.labels, rows.records, strict=True)):
        made, found = mapper.inputs_of(record)
        stamped = {**metadata, **_metadata_of(record)}
        found = found or _request_problems(deployment.name, made, stamped)
        for problem in found:
            problems.setdefault(problem, []).append(label)
        checked.append(
            Job(
                position=position,
                row=label,
                deployment=deployment.name,
                variant="",
                repeat=1,
                inputs=made,
                metadata=stamped,
                problems=tuple(found),
                secrets=secrets,
            )
        )
    if problems and on_invalid == "raise":
        *told, last = _together(problems)
        cure = "" if all(job.problems for job in checked) else persons(SKIP)  # of no use where no row is left
        raise InputError([*told, f"{last}{cure}"], where=deployment.name)
    return checked


def _metadata_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row's own metadata (dataset convention, CONTRACT section 8)."""
    return {c.removeprefix(METADATA_PREFIX): v for c, v in record.items() if c.startswith(METADATA_PREFIX)}


def _request_problems(deployment: str, inputs: Mapping[str, Any], metadata: Mapping[str, Any]) -> list[str]:
    try:
        InvokeRequest(deployment=deployment, inputs=inputs, metadata=metadata)
    except InputError as found:
        return list(found.problems)
    return []


def _jobs_of_row(row: Job, variants: Sequence[str], repeats: int, workspace: str) -> list[Job]:
    return [
        replace(
            row,
            variant=variant,
            repeat=repeat,
            key="" if row.problems else job_key(workspace, row.deployment, variant, row.inputs, repeat),
        )
        for repeat in range(1, repeats + 1)
        for variant in variants
    ]


PROBLEMS_SHOWN: Final = 30
"""Different problems in one message: more are not read."""
ROWS_SHOWN: Final = 5


_OF_A_VALUE: Final = re.compile(r"(?P<path>[^:]+): (?P<value>.+) (?P<rest>is not (?:an?|true or) [^;]+)", re.DOTALL)
"""What the check says of a value of another kind, where it has no cure that speaks of the value."""
VALUES_SHOWN: Final = 3


def _by_cause(problems: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Return problems that differ in the value only as one, with all rows: ``ticket: 0, 1, 2, … is not a text``."""
    causes: dict[tuple[str, ...], dict[str, Sequence[Any]]] = {}
    for problem, labels in problems.items():
        found = _OF_A_VALUE.fullmatch(problem)
        cause = (found["path"], found["rest"]) if found else (problem,)
        causes.setdefault(cause, {})[found["value"] if found else ""] = labels
    together: dict[str, Sequence[Any]] = {}
    for (path, *rest), values in causes.items():
        shown = ", ".join([*list(values)[:VALUES_SHOWN], *(["…"] if len(values) > VALUES_SHOWN else [])])
        rows = [label for labels in values.values() for label in labels]
        together[f"{path}: {shown} {rest[0]}" if rest else path] = rows
    return together


def _together(different: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return one sentence for each different problem, with the rows that have it."""
    problems = _by_cause(different)
    told = [f"{_rows_in_words(labels)}: {problem}" for problem, labels in list(problems.items())[:PROBLEMS_SHOWN]]
    left = len(problems) - len(told)
    return [*told, f"and {left:,} more problems"] if left else told


def _rows_in_words(labels: Sequence[Any]) -> str:
    shown = ", ".join(str(label) for label in labels[:ROWS_SHOWN])
    more = f" and {len(labels) - ROWS_SHOWN:,} more" if len(labels) > ROWS_SHOWN else ""
    return f"{'row' if len(labels) == 1 else 'rows'} {shown}{more}"


def _name_of(deployment: str, variants: Sequence[str], by_row: Iterable[Iterable[Job]]) -> str:
    # The keys are sorted: the same rows in another order are the same batch.
    keys = sorted({job.key for row in by_row for job in row})
    return f"{deployment}-{sha256(canonical_json([deployment, list(variants), keys]).encode()).hexdigest()[:12]}"


def _pilot(by_row: list[list[Job]], *, first: int | None, sample: int | None, seed: str) -> list[list[Job]]:
    if first is not None:
        return by_row[:first]
    if sample is None or sample >= len(by_row):
        return by_row
    # Seeded by the name: the same cell takes the same rows, and repays nothing.
    places = random.Random(seed).sample(range(len(by_row)), sample)  # noqa: S311 - chooses rows, guards nothing
    return [by_row[i] for i in sorted(places)]
