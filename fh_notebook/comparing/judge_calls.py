"""What a judge is asked, and the batch that asks it.

Rule of this file: a judge is called like everything else: through a batch, with its store, gate and budget, and an
answer that is kept is not paid for twice. It is never told which variant an answer is from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fh_notebook import session
from fh_notebook.audience import PYTHON
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.options import BatchOptions
from fh_notebook.batching.rows import EXPECTED
from fh_notebook.batching.start import begun
from fh_notebook.comparing.scoring_source import Observation
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.run import Run, one_line
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError
from fh_notebook.problems import Problem

__all__ = ["Calls", "Question", "answers_of", "asked_about", "why_none"]


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Whom to ask, and how."""

    deployment: Deployment | str
    variant: str | None = None
    rubric: str | None = None
    expected: str = EXPECTED
    options: BatchOptions = field(default_factory=BatchOptions, repr=False)

    def ask(self, rows: Sequence[Mapping[str, Any]], own: Sequence[str], *, fresh: bool = False) -> Batch:
        """Run a batch over `rows`, and return it; `own` are the columns that a judge without declared inputs gets.

        Raises
        ------
        InputError, SettingsError
            The judge cannot be asked so; nothing was sent.
        """
        client = session.client_for(self.options.client)
        target = self._target(client)
        given = [dict(row) for row in rows]
        if not target.inputs.get("properties") and self.options.inputs is None:
            # It takes whatever it is sent: then only what a judge needs, and nothing of the row's other columns.
            given = [{name: row[name] for name in own if name in row} for row in given]
        variants = [self.variant or target.variants[0]]
        return begun(given, target, replace(self.options, variants=variants, reuse=None if fresh else "store"))

    def _target(self, client: Any) -> Deployment:
        target = self.deployment
        if not isinstance(target, Deployment):
            target = client.aclient.connection.find_deployment(target) or Deployment(target)
        if self.variant is None and len(target.variants) != 1:
            known = f"it has {', '.join(map(short, target.variants))}" if target.variants else "none is known"
            raise InputError(f"which variant of the judge {short(target.name)}? Give variant= ({known})")
        return target


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the judge said to one question: its runs, one a repeat; ``None`` is one that was not asked."""

    runs: tuple[Run | None, ...]
    stopped: str = ""
    """Why those were not asked."""

    @property
    def request_id(self) -> str | None:
        """Of the first run that has one."""
        return next((run.request_id for run in self.runs if run is not None and run.request_id), None)


def answers_of(asked: Batch, number: int) -> list[Question]:
    """Return what came of each of the `number` rows that were asked about."""
    runs: list[list[Run | None]] = [[] for _ in range(number)]
    for job, outcome, _ in asked.entries():
        runs[job.position].append(outcome.run if outcome else None)
    stopped = "its batch has not ended"
    if asked.stopped is not None:
        stopped = replace(
            asked.stopped, audience=replace(PYTHON, resume="cmp.rescore()")
        ).message  # which asks the rest, and reads it
    return [Question(runs=tuple(found), stopped=stopped) for found in runs]


def asked_about(observation: Observation, calls: Calls) -> dict[str, Any]:
    """Return the columns that a judge may be asked with, but the output: those of the row, and what was asked."""
    source = observation.source()
    wanted = source.pop(calls.expected, observation.row.get(calls.expected))
    row: dict[str, Any] = {**source, "input": _input(observation, source)}
    if wanted is not None:
        row["expected"] = wanted if isinstance(wanted, str) else json.dumps(wanted, ensure_ascii=False)
    if calls.rubric is not None:
        row["rubric"] = calls.rubric
    return row


def _input(observation: Observation, source: Mapping[str, Any]) -> str:
    """What the variant was asked, as one text: its only input, or all of them as JSON."""
    run = observation.run
    asked = dict(run.inputs) if run is not None and run.inputs else dict(source)
    if len(asked) == 1:
        only = next(iter(asked.values()))
        if isinstance(only, str):
            return only
    return json.dumps(asked, ensure_ascii=False, default=str)


def why_none(run: Run | None, stopped: str) -> Problem | None:
    """Return why a question has no answer; ``None`` where it has one."""
    if run is None:
        return Problem(None, "not_asked", message=f"not judged: {one_line(stopped, 200)}")
    if run.ok:
        return None
    if run.status == "failed":
        why = one_line(run.error or run.error_code or "without a reason", 200)
        return Problem(None, "failed", message=f"the judge failed: {why}")
    message = f"the judge's call is {one_line(run.status)}: it may have run, and no answer came"
    return Problem(None, "unknown", message=message)
