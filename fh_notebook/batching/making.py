"""The arguments of `batch` -> a `Batch` that has called nothing yet.

Rule of this file: what cannot be meant is told here, before anything is read, kept or called. How it is started is read
in `options.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fh_notebook.batching.agenda import Agenda
from fh_notebook.batching.arms import Arm, read_arms
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.control import Control
from fh_notebook.batching.feed import Feed
from fh_notebook.batching.job import Job
from fh_notebook.batching.kept import KeptJobs, check_name, fingerprint, joined_arms, record_of
from fh_notebook.batching.lookup import LookUp, Reuse, kept_reuse
from fh_notebook.batching.mapping import without_secrets
from fh_notebook.batching.options import options_of
from fh_notebook.batching.outcomes import Outcomes
from fh_notebook.batching.plan import Plan, check_options, name_of, pilot
from fh_notebook.batching.planner import Planner
from fh_notebook.batching.provenance import provenance, schema_hashes
from fh_notebook.batching.rows import Rows, read_rows
from fh_notebook.batching.source import Source, StreamSource, TableSource
from fh_notebook.contract.deployment import Deployment
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["known_deployment", "make", "plan_table", "register_in"]


def make(
    rows: Any,
    *,
    deployment: Deployment | str,
    variants: Any,
    inputs: Mapping[str, Any] | None,
    repeats: int,
    metadata: Mapping[str, Any] | None,
    name: str | None,
    first: int | None,
    sample: int | None,
    on_invalid: str,
    client: Client,
    store: Store | None,
    **how: Any,
) -> Batch:
    """Return the batch that :func:`fh_notebook.batch` was asked for.

    Raises
    ------
    InputError, SettingsError
        As :func:`fh_notebook.batch` says.
    """
    check_options(repeats=repeats, first=first, sample=sample, on_invalid=on_invalid, name=name, metadata=metadata)
    options = options_of(**how, named=name is not None, is_stream=isinstance(rows, Iterator))
    target = known_deployment(client, deployment)
    arms = read_arms(variants, target, inputs, find=lambda other: known_deployment(client, other))
    workspace = client.workspace
    if name is not None and store is not None:
        check_name(store.batch(name, workspace), arms)  # before the rows are read; and again when it is kept
    planner = Planner(arms, repeats=repeats, metadata=metadata or {}, workspace=workspace)
    name, source, note = _named_source(rows, planner, target.name, name=name, first=first, sample=sample)
    keeper = store if store is not None else Store.in_memory()
    outcomes = Outcomes()
    # A batch that calls anew must not find the answers that were there before it.
    after_id = keeper.newest_id() if options.reuse is None else 0
    look_up = LookUp(store=keeper, batch=name, workspace=workspace, reuse=options.reuse, after_id=after_id)
    feed = Feed(source, outcomes, keeper, look_up, skip_invalid=on_invalid == "skip", where=target.name)
    plan = Plan(
        name=name,
        deployment=" and ".join(dict.fromkeys(arm.deployment for arm in arms)),
        variants=tuple(arm.label for arm in arms),
        rows=source.rows,
        repeats=repeats,
        jobs=source.jobs if isinstance(source, TableSource) else 0,
        note=note,
    )
    agenda = Agenda(
        plan,
        feed,
        outcomes,
        client=client,
        store=keeper,
        options=options,
        register=register_in(keeper, plan, arms, workspace, feed, reuse=options.reuse),
    )
    about = provenance((arm.target.deployment for arm in arms), variants=plan.variants, batch=name, workspace=workspace)
    return Batch(Control(agenda, client=client, store=keeper, options=options), about)


def _named_source(
    rows: Any, planner: Planner, deployment: str, *, name: str | None, first: int | None, sample: int | None
) -> tuple[str, Source, str]:
    """Return the batch's name, where its jobs come from, and what a person should know of how the rows were read."""
    if isinstance(rows, Iterator):
        if sample is not None:
            raise SettingsError("sample= needs to know all rows, and an iterator does not; give first=, or a list")
        stream = StreamSource(rows, planner, first=first)
        return name or name_of(deployment, planner.arms, stream.peek()), stream, ""
    read = read_rows(rows)
    named, by_row, hidden = plan_table(read, planner, deployment, name=name, first=first, sample=sample)
    return named, TableSource(planner, by_row, without_secrets(read, hidden)), read.note


def plan_table(
    rows: Rows, planner: Planner, deployment: str, *, name: str | None, first: int | None, sample: int | None
) -> tuple[str, list[list[Job]], frozenset[str]]:
    """Return the name of a table's batch, the jobs of the rows that are to be run, and the columns that hold secrets.

    The name is that of *all* rows, so that the cell goes on where a pilot ended.
    """
    hidden = planner.fit(rows)
    by_row = list(planner.jobs(rows))
    named = name or name_of(deployment, planner.arms, (job for row in by_row for job in row))
    return named, pilot(by_row, first=first, sample=sample, seed=named), hidden


def register_in(
    store: Store, plan: Plan, arms: tuple[Arm, ...], workspace: str, feed: Feed, *, reuse: Reuse = "batch"
) -> Callable[[], None]:
    """Return what keeps the batch under its name, and has the feed keep its jobs and rows there.

    A table that is kept already, to the last cell, is not written again.
    """
    source = feed.source
    table = source.planned_of_table() if isinstance(source, TableSource) else None

    def register() -> None:
        before = store.batch(plan.name, workspace)
        kept = joined_arms(before, arms)
        print_of = fingerprint(*table) if table is not None else None
        known = before.plan.get("schema_sha256", {}) if before is not None else {}
        record = record_of(
            plan,
            workspace,
            arms=kept,
            hashes=known | schema_hashes(arm.target.deployment for arm in arms),
            fingerprint=print_of,
            index=table[1].index_names if table is not None else None,
            columns=table[1].columns if table is not None else None,
            reuse=kept_reuse(reuse, datetime.now(UTC)),
        )
        batch_id = store.keep_batch(record).result()
        if print_of is None or before is None or before.plan.get("fingerprint") != print_of:
            feed.keep_in(batch_id, kept)
        if isinstance(feed.source, StreamSource):
            feed.source.keep_in(KeptJobs(store, batch_id, kept, mine=plan.variants, repeats=plan.repeats))

    return register


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
        raise InputError(f"deployment is a {type(deployment).__name__}; give its name, or a Deployment")
    return client.aclient.connection.find_deployment(deployment) or Deployment(deployment)
