"""Rows and options -> a `Batch` that has called nothing yet.

Rule of this file: everything is checked and looked up, and nothing is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fh_notebook import session
from fh_notebook.audience import PYTHON, Audience
from fh_notebook.batching.agenda import Agenda
from fh_notebook.batching.arms import read_arms
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.control import BatchController
from fh_notebook.batching.feed import Feed
from fh_notebook.batching.job import Job
from fh_notebook.batching.lookup import LookUp, beside_of, kept_reuse
from fh_notebook.batching.mapping import without_secrets
from fh_notebook.batching.options import BatchOptions
from fh_notebook.batching.outcomes import Outcomes
from fh_notebook.batching.plan import Plan, name_of, pilot
from fh_notebook.batching.planner import Planner
from fh_notebook.batching.provenance import provenance, schema_hashes
from fh_notebook.batching.reader import Reader
from fh_notebook.batching.rows import Rows, read_rows
from fh_notebook.batching.run_settings import RunSettings
from fh_notebook.batching.source import Source, StreamSource, TableSource
from fh_notebook.batching.standing import Caller
from fh_notebook.batching.stored import KeptBatch, check_name
from fh_notebook.contract.deployment import Deployment
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.spelling import type_text
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["MadeBatch", "known_deployment", "make", "plan_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBatch:
    """A batch that has called nothing yet."""

    batch: Batch
    """What a user holds of it."""
    control: BatchController
    """What starts it."""
    agenda: Agenda
    """What it calls, and what is known of that."""
    reader: Reader
    """Reads what came of it."""


def make(
    rows: Any,
    deployment: Deployment | str,
    options: BatchOptions,
    *,
    client: Client,
    store: Store | None,
    audience: Audience = PYTHON,
) -> MadeBatch:
    """Return the batch that :func:`fh_notebook.batch` was asked for, checked and looked up; a dry run keeps nothing.

    Raises
    ------
    InputError, SettingsError
        As :func:`fh_notebook.batch` says.
    """
    name, repeats, replace = options.name, options.repeats, options.replace
    settings = RunSettings.of(options, is_stream=isinstance(rows, Iterator), audience=audience)
    target = known_deployment(client, deployment)
    arms = read_arms(options.variants, target, options.inputs, find=lambda other: known_deployment(client, other))
    workspace = client.workspace
    if name is not None and store is not None and not replace:
        check_name(store, name, workspace, arms, partitions=False)  # before the rows are read, and again with them
    planner = Planner(arms, repeats=repeats, metadata=options.metadata or {}, workspace=workspace)
    is_named = name is not None
    name, source, note = _named_source(rows, planner, target.name, options)
    keeper = store if store is not None else session.store_in_memory()
    outcomes = Outcomes()
    # A batch that calls anew must not find the answers that were there before it.
    after_id = keeper.answers.newest_id() if settings.reuse is None else 0
    plan = Plan(
        name=name,
        deployment=" and ".join(dict.fromkeys(arm.deployment for arm in arms)),
        variants=tuple(arm.label for arm in arms),
        rows=source.rows,
        repeats=repeats,
        jobs=source.jobs if isinstance(source, TableSource) else 0,
        note=note,
        audience=audience,
    )
    kept = KeptBatch(
        keeper,
        plan,
        workspace,
        arms,
        is_named=is_named,
        replace_other=replace,
        is_stream=not isinstance(source, TableSource),
        schema_sha256=schema_hashes(arm.target.deployment for arm in arms),
        reuse=kept_reuse(settings.reuse, datetime.now(UTC)),
    )
    beside = beside_of(keeper, name, workspace, reuse=settings.reuse, replaces=replace)
    look_up = LookUp(stored=kept, workspace=workspace, reuse=settings.reuse, after_id=after_id, beside=beside)
    feed = Feed(
        source,
        outcomes,
        look_up,
        skip_invalid=options.on_invalid == "skip",
        where=target.name,
        kept=kept,
        audience=audience,
    )
    agenda = Agenda(plan, feed, outcomes, caller=Caller.of(client), options=settings)
    about = provenance((arm.target.deployment for arm in arms), variants=plan.variants, batch=name, workspace=workspace)
    control, reader = BatchController(agenda, settings), Reader(feed, outcomes, name=name, about=about)
    agenda.prepare(keep=not options.dry_run, most_at_once=control.status.limit)
    return MadeBatch(batch=Batch(control, reader), control=control, agenda=agenda, reader=reader)


def _named_source(rows: Any, planner: Planner, deployment: str, options: BatchOptions) -> tuple[str, Source, str]:
    """Return the batch's name, where its jobs come from, and what a person should know of how the rows were read."""
    name, first, sample = options.name, options.first, options.sample
    if isinstance(rows, Iterator):
        if sample is not None:
            raise SettingsError("sample= needs to know all rows, and an iterator does not; give first=, or a list")
        stream = StreamSource(rows, planner, first=first)
        return name or name_of(deployment, planner.arms, stream.peek()), stream, ""
    read = read_rows(rows)
    named, whole, hidden = plan_table(read, planner, deployment, name=name)
    by_row = pilot(whole, first=first, sample=sample, seed=named)
    return named, TableSource(planner, by_row, without_secrets(read, hidden), whole), read.note


def plan_table(
    rows: Rows, planner: Planner, deployment: str, *, name: str | None
) -> tuple[str, list[list[Job]], frozenset[str]]:
    """Return the name of a table's batch, the jobs of each row, and the columns that hold secrets.

    The name is that of *all* rows, so that the cell goes on where a pilot ended.
    """
    hidden = planner.fit(rows)
    by_row = list(planner.jobs(rows))
    named = name or name_of(deployment, planner.arms, (job for row in by_row for job in row))
    return named, by_row, hidden


def known_deployment(client: Client, deployment: Deployment | str) -> Deployment:
    """Return the deployment that is meant.

    Raises
    ------
    InputError
        It is something else.
    """
    if isinstance(deployment, Deployment):
        return deployment
    if not isinstance(deployment, str):
        raise InputError(f"deployment is {type_text(deployment)}; give its name, or a Deployment")
    return client.aclient.connection.find_deployment(deployment) or Deployment(deployment)
