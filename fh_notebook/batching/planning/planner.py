"""`Planner`: rows, variants and repeats to jobs with stable keys; checks their inputs. Pure.

Rule of this file: making a job and checking it are two steps, since what is answered already is not checked again. Jobs
are in the order of the rows, the variants of a row next to each other, so a batch that stops leaves complete pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fh_notebook.batching.model import Job
from fh_notebook.batching.planning.mapping import InputMapper, hidden_columns, read_mapping
from fh_notebook.batching.planning.plan import BatchTarget, BatchVariant
from fh_notebook.batching.tables.rows import METADATA_PREFIX, Rows
from fh_notebook.contract.invoke_request import InvokeRequest, metadata_problems
from fh_notebook.contract.job_key import job_key_of_parts
from fh_notebook.contract.secrets import Secrets
from fh_notebook.core.json_values import canonical_json, json_problems
from fh_notebook.core.text.messages import PYTHON, Audience, Message, Phrase, counted, option
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError


@dataclass(frozen=True, slots=True)
class _Ready:
    """A target over the columns of the present rows."""

    mapper: InputMapper
    secrets: Secrets


class Planner:
    """Makes the jobs of rows, window by window.

    Parameters
    ----------
    batch_variants : sequence of BatchVariant
        What each row goes through.
    repeats : int
        How often each row goes through each variant; each repeat is a job of its own.
    metadata : mapping
        Flat values for the service's logs; a row's ``metadata.*`` columns come on top.
    workspace : str
        Goes into the keys.
    """

    def __init__(
        self, batch_variants: Sequence[BatchVariant], *, repeats: int, metadata: Mapping[str, Any], workspace: str
    ) -> None:
        self.batch_variants = tuple(batch_variants)
        for variant in self.batch_variants:  # their names, once and not for each job
            InvokeRequest(deployment=variant.deployment, variant=variant.variant)
        self.repeats = repeats
        self._metadata = dict(metadata)
        self._targets: dict[int, BatchTarget] = {id(variant.target): variant.target for variant in self.batch_variants}
        self._key_parts = [
            canonical_json([workspace, variant.deployment, variant.variant])[:-1] for variant in self.batch_variants
        ]
        self._ready: dict[int, _Ready] = {}

    def fit(self, rows: Rows) -> frozenset[str]:
        """Read the mappings over the columns of `rows`; return the columns that hold secrets."""
        problems: list[Problem] = []
        for name, target in self._targets.items():
            others = () if target.own else [t.deployment for t in self._targets.values() if t is not target]
            try:
                mapper = read_mapping(target.inputs, rows, target.deployment, others=others)
            except InputError as exc:
                problems += exc.problems
                continue
            self._ready[name] = _Ready(mapper, Secrets.of(target.deployment.inputs))
        if problems:
            raise InputError(list(dict.fromkeys(problems)), where=self.batch_variants[0].deployment)
        return frozenset().union(*(hidden_columns(ready.mapper, rows) for ready in self._ready.values()))

    @property
    def calls_functions(self) -> bool:
        """Whether inputs are made by functions, which may be a user's."""
        return any(callable(value) for target in self._targets.values() for value in dict(target.inputs or {}).values())

    def jobs(self, rows: Rows, *, start: int = 0, number: int = 0) -> Iterator[list[Job]]:
        """Yield the jobs of each row, unchecked; those whose inputs cannot even be made have their problems."""
        for position, (label, record) in enumerate(zip(rows.labels, rows.records, strict=True), start):
            prepared = {name: self._prepare_inputs(ready, record) for name, ready in self._ready.items()}
            row_metadata = _metadata_of(record)
            metadata = (
                self._metadata | row_metadata if row_metadata else self._metadata
            )  # one object for all rows where it is the same
            row: list[Job] = []
            for repeat in range(1, self.repeats + 1):
                for variant, key_part in zip(self.batch_variants, self._key_parts, strict=True):
                    inputs, input_json, problems, secrets = prepared[id(variant.target)]
                    row.append(
                        Job(
                            number=number,
                            position=position,
                            row=label,
                            deployment=variant.deployment,
                            variant=variant.variant,
                            variant_label=variant.label,
                            repeat=repeat,
                            inputs=inputs,
                            metadata=metadata,
                            key=job_key_of_parts(key_part, input_json, repeat) if input_json else "",
                            problems=problems,
                            inputs_json=input_json,
                            secrets=secrets,
                        )
                    )
                    number += 1
            yield row

    def _prepare_inputs(
        self, ready: _Ready, record: dict[str, Any]
    ) -> tuple[dict[str, Any], str, tuple[Problem, ...], Secrets]:
        """Return a row's inputs, their spelling (empty where there is none), why there is none, and what is secret."""
        inputs, problems = ready.mapper.inputs_of(record)
        if not problems:
            try:
                input_json = canonical_json(inputs)
                input_json.encode()  # half a character has a spelling, and no bytes
                return inputs, input_json, (), ready.secrets
            except (ValueError, TypeError, RecursionError):
                problems = ready.mapper.problems_of(inputs) or json_problems(inputs)
        return inputs, "", tuple(problems), ready.secrets

    def checked(self, jobs: Iterable[Job]) -> list[Job]:
        """Return `jobs` with what is wrong with their inputs and metadata, each row's looked at once."""
        problems_of: dict[tuple[int, str], tuple[Problem, ...]] = {}
        of_deployment = {ready.mapper.deployment.name: ready.mapper for ready in self._ready.values()}
        checked: list[Job] = []
        for job in jobs:
            if not job.problems:
                inputs_id = (id(job.inputs), job.deployment)
                if inputs_id not in problems_of:
                    problems_of[inputs_id] = tuple(_problems_of(job, of_deployment[job.deployment]))
                if problems_of[inputs_id]:
                    job = replace(job, problems=problems_of[inputs_id], key="")
            checked.append(job)
        return checked


def _problems_of(job: Job, mapper: InputMapper) -> list[Problem]:
    problems = mapper.problems_of(job.inputs)  # what JSON cannot say is among them
    return problems + (metadata_problems(job.metadata) if job.metadata else [])


def _metadata_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row's own metadata (dataset convention, CONTRACT section 8)."""
    return {c.removeprefix(METADATA_PREFIX): v for c, v in record.items() if c.startswith(METADATA_PREFIX)}


PROBLEMS_SHOWN: Final = 30
"""Different problems in one message: more are not read."""
VALUES_SHOWN: Final = 3

_SKIP: Final = option("on_invalid", "skip", call="fh.batch(..., {})")
SKIP_INVALID: Final = Phrase(
    f"{_SKIP} leaves such rows out",
    command=f"{_SKIP.command} leaves such rows out",
    cell="correct such rows, or leave them out of the table",
)
"""What to do about rows whose inputs do not fit."""


def refused(jobs: Iterable[Job], *, where: str, any_fits: bool, audience: Audience = PYTHON) -> InputError | None:
    """Return the error with all problems of `jobs`, or ``None``; equal problems of several rows are told once."""
    problems: dict[Problem, dict[Any, None]] = {}
    for job in jobs:
        for problem in job.problems:
            problems.setdefault(problem, {})[job.row] = None
    if not problems:
        return None
    *first, last = _grouped({problem: tuple(rows) for problem, rows in problems.items()})
    if any_fits:  # of no use where no row is left
        skip = SKIP_INVALID.text(audience)
        last = replace(last, hint=Message("{}; {}", (last.hint, skip)) if last.hint else skip)
    return InputError([*first, last], where=where)


def _grouped(different: Mapping[Problem, tuple[Any, ...]]) -> list[Problem]:
    """Return problems that differ in the value only as one, with all rows: ``ticket: 0, 1, 2, … is not a text``."""
    causes: dict[Problem, dict[str, tuple[Any, ...]]] = {}
    for problem, labels in different.items():
        causes.setdefault(replace(problem, value=""), {})[problem.value] = labels
    together = []
    for cause, values in list(causes.items())[:PROBLEMS_SHOWN]:
        values_text = ", ".join([*list(values)[:VALUES_SHOWN], *(["…"] if len(values) > VALUES_SHOWN else [])])
        rows = tuple(label for labels in values.values() for label in labels)
        together.append(replace(cause, value=values_text, rows=rows))
    left = len(causes) - len(together)
    return [*together, Problem(message=f"and {counted(left, 'more problem')}")] if left else together
