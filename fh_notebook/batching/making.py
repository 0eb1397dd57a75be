"""The arguments of `batch` -> a `Batch` that has called nothing yet.

Rule of this file: what cannot be meant is told here, before anything is read, kept or called.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fh_notebook import settings
from fh_notebook.batching.agenda import Agenda
from fh_notebook.batching.arms import Arm, read_arms
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.control import Control
from fh_notebook.batching.delivery import checked_delivery
from fh_notebook.batching.feed import Feed
from fh_notebook.batching.job import Job
from fh_notebook.batching.kept import KeptJobs, check_name, fingerprint, joined_arms
from fh_notebook.batching.lookup import LookUp, Reuse, kept_reuse
from fh_notebook.batching.mapping import without_secrets
from fh_notebook.batching.outcomes import Outcomes
from fh_notebook.batching.plan import Plan, check_options, name_of, pilot
from fh_notebook.batching.planner import Planner
from fh_notebook.batching.provenance import provenance, schema_hashes
from fh_notebook.batching.rows import Rows, read_rows
from fh_notebook.batching.running import Options
from fh_notebook.batching.source import Source, StreamSource, TableSource
from fh_notebook.batching.stopping import Limits, checked_concurrency
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.rate import Rate
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client

__all__ = ["known_deployment", "make", "options_of", "plan_table", "register_in"]


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
    is_stream = isinstance(rows, Iterator)
    options = options_of(**how, named=name is not None, is_stream=is_stream)
    target = known_deployment(client, deployment)
    arms = read_arms(variants, target, inputs, find=lambda other: known_deployment(client, other))
    workspace = client.workspace
    if name is not None and store is not None:
        check_name(store.batch(name, workspace), arms)  # before the rows are read; and again when it is kept
    planner = Planner(arms, repeats=repeats, metadata=metadata or {}, workspace=workspace)
    source: Source
    if is_stream:
        if sample is not None:
            raise SettingsError("sample= needs to know all rows, and an iterator does not; give first=, or a list")
        source = StreamSource(rows, planner, first=first)
        name = name or name_of(target.name, arms, source.peek())
        note = ""
    else:
        read = read_rows(rows)
        name, by_row, hidden = plan_table(read, planner, target.name, name=name, first=first, sample=sample)
        source = TableSource(planner, by_row, without_secrets(read, hidden))
        note = read.note
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
        known_hashes = before.plan.get("schema_sha256", {}) if before is not None else {}
        record = BatchRecord(
            name=plan.name,
            workspace=workspace,
            deployment=plan.deployment,
            variants=plan.variants,
            created_at=datetime.now(UTC),
            plan={
                "rows": plan.rows,
                "repeats": plan.repeats,
                "jobs": plan.jobs or None,
                "arms": kept,
                "fingerprint": print_of,
                "index": table[1].index_names if table is not None else None,
                "reuse": kept_reuse(reuse, datetime.now(UTC)),
                "schema_sha256": known_hashes | schema_hashes(arm.target.deployment for arm in arms),
            },
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


def options_of(
    *,
    max_concurrency: Any,
    max_calls: Any,
    max_seconds: Any,
    max_cost: Any,
    rate: Any,
    fail_on_error: Any,
    fresh: bool,
    reuse: Any,
    retry_unknown: bool,
    wait_for_reset: bool,
    progress: Any,
    on_event: Any,
    delivery: Any,
    receiver: Any,
    named: bool,
    is_stream: bool,
) -> Options:
    """Return how a batch is started, checked.

    Raises
    ------
    SettingsError
        An option that cannot be used.
    """
    limits = Limits(max_calls=max_calls, max_seconds=max_seconds, fail_on_error=fail_on_error)
    if is_stream and not isinstance(fail_on_error, bool) and fail_on_error < 1:
        raise SettingsError(
            "fail_on_error as a fraction needs to know all rows, and an iterator does not; give a count"
        )
    if on_event is not None and not callable(on_event):
        raise SettingsError(f"on_event is {short(on_event)}; give a function of an event")
    paid = _calls_for(max_cost)
    if paid is not None:
        limits = Limits(
            max_calls=paid if max_calls is None else min(paid, max_calls),
            max_seconds=max_seconds,
            fail_on_error=fail_on_error,
        )
    return Options(
        limits=limits,
        max_concurrency=checked_concurrency(max_concurrency),
        rate=None if rate is None else Rate.of(rate),
        wait_for_reset=wait_for_reset,
        on_event=on_event,
        progress=progress,
        delivery=checked_delivery(delivery, receiver),
        receiver=receiver,
        reuse=_checked_reuse(None if fresh else reuse),
        retry_unknown=retry_unknown,
        named=named,
    )


def _calls_for(max_cost: Any) -> int | None:
    """How many calls an amount pays for."""
    if max_cost is None:
        return None
    if isinstance(max_cost, bool) or not isinstance(max_cost, int | float) or not 0 <= max_cost < math.inf:
        raise SettingsError(f"max_cost is {max_cost!r}; give an amount from 0, in the currency of price_per_call")
    price = settings.current().price_per_call
    if price is None:
        raise SettingsError("max_cost needs the price of a call: fh.configure(price_per_call=0.02)")
    return int(max_cost / price + 1e-9)


def _checked_reuse(value: Any) -> Reuse:
    if value is None or isinstance(value, timedelta) or value in ("batch", "store"):
        checked: Reuse = value
        return checked
    raise SettingsError(f"reuse is {value!r}; give 'batch', 'store', a timedelta or None")
