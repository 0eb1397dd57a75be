"""A plan without a client or a store: rows, arms, jobs and their check, as `batch` puts them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fh_notebook as fh
from fh_notebook.batching.api import plan_table
from fh_notebook.batching.model import Job
from fh_notebook.batching.options import BatchOptions
from fh_notebook.batching.planning.plan import Plan, pilot, read_variants
from fh_notebook.batching.planning.planner import Planner, refused
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.core.text.messages import PYTHON


@dataclass(frozen=True)
class Planned:
    """What was planned."""

    name: str
    jobs: tuple[Job, ...]
    plan: Plan

    @property
    def calls(self) -> int:
        return self.plan.calls

    @property
    def doubled(self) -> int:
        return self.plan.doubled

    @property
    def invalid(self) -> int:
        return self.plan.invalid

    def __str__(self) -> str:
        return str(self.plan)


def make_plan(source: Any, deployment: fh.Deployment, **options: Any) -> Planned:
    """Plan `source`; raise as `batch` does before it looks anything up."""
    workspace, audience = options.pop("workspace", "w"), options.pop("audience", PYTHON)
    asked = BatchOptions(**options)
    arms = read_variants(asked.variants, deployment, asked.inputs, find=fh.Deployment)
    planner = Planner(arms, repeats=asked.repeats, metadata=asked.metadata or {}, workspace=workspace)
    name, by_row, _ = plan_table(read_rows(source), planner, deployment.name, name=asked.name)
    by_row = pilot(by_row, first=asked.first, sample=asked.sample, seed=name)
    jobs = planner.checked(job for row in by_row for job in row)
    bad = {job.row for job in jobs if job.problems}
    error = refused(jobs, where=deployment.name, any_fits=len(bad) < len(by_row), audience=audience)
    if error is not None and asked.on_invalid == "raise":
        raise error
    keys = [job.key for job in jobs if job.key]
    plan = Plan(
        name=name,
        deployment=deployment.name,
        variants=tuple(arm.label for arm in arms),
        rows=len(by_row),
        repeats=asked.repeats,
        jobs=len(jobs),
        doubled=len(keys) - len(set(keys)),
        invalid=len(jobs) - len(keys),
        calls=len(set(keys)),
    )
    return Planned(name, tuple(jobs), plan)
