"""`fh.batch` and `fh.abatch`: check options and rows, and start the batch.

Everything is checked and looked up before the first call, and the same cell run again continues where it was. The
options are in `options.py`, from where both functions have their keywords; how a batch runs is in `controller.py`.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.batch_state import BatchState
from fh_notebook.batching.controller import BatchController
from fh_notebook.batching.execution.engine_run import StartOptions
from fh_notebook.batching.export.assets import AssetKeeper, record_of_files
from fh_notebook.batching.model import Job, OutcomeTable
from fh_notebook.batching.options import BatchKeywords, BatchOptions, bounded_options, defaults_of
from fh_notebook.batching.planning import garbage_collection
from fh_notebook.batching.planning.mapping import without_secrets
from fh_notebook.batching.planning.plan import Plan, name_of, pilot, read_variants
from fh_notebook.batching.planning.planner import Planner
from fh_notebook.batching.planning.reader import BatchReader
from fh_notebook.batching.planning.reuse import AnswerLookup, beside_of, encode_reuse
from fh_notebook.batching.planning.sources import JobSource, StreamSource, TableSource
from fh_notebook.batching.planning.stored_batch import PlannedBatch, check_name
from fh_notebook.batching.planning.work_queue import WorkQueue
from fh_notebook.batching.status import Caller
from fh_notebook.batching.tables.frames import provenance, schema_hashes
from fh_notebook.batching.tables.row_sources import UNKNOWN_ROWS, RowStream, open_rows
from fh_notebook.batching.tables.rows import Rows
from fh_notebook.contract.deployment import Deployment
from fh_notebook.core import arguments, hooks
from fh_notebook.core.text.formatting import type_text
from fh_notebook.core.text.messages import PYTHON, Audience, Phrase
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.session import session
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.clients import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedBatch:
    """A batch that has called nothing yet."""

    batch: Batch
    """What a user holds of it."""
    control: BatchController
    """What starts it."""
    batch_state: BatchState
    """What it calls, and what is known of that."""
    reader: BatchReader
    """Reads what came of it."""


def prepare_batch(
    rows: Any,
    deployment: Deployment | str,
    options: BatchOptions,
    *,
    client: Client,
    store: Store | None,
    audience: Audience = PYTHON,
) -> PreparedBatch:
    """Return the batch that :func:`fh_notebook.batch` was asked for, checked and looked up; a dry run saves nothing."""
    name, repeats, replace = options.name, options.repeats, options.replace
    target = known_deployment(client, deployment)
    batch_variants = read_variants(
        options.variants, target, options.inputs, find=lambda other: known_deployment(client, other)
    )
    workspace = client.workspace
    if name is not None and store is not None and not replace:
        # Before the rows are read, and again with them.
        check_name(store, name, workspace, batch_variants, partitions=False)
    opened = open_rows(rows, target)
    settings = StartOptions.of(
        options, is_saved=store is not None, is_stream=isinstance(opened, RowStream), audience=audience
    )
    planner = Planner(batch_variants, repeats=repeats, metadata=options.metadata or {}, workspace=workspace)
    is_named = name is not None
    name, source, note = _named_source(opened, planner, target.name, options)
    keeper = store if store is not None else session.store_in_memory()
    outcomes = OutcomeTable()
    # A batch that calls anew must not find the answers that were there before it.
    after_id = keeper.answers.newest_id() if settings.reuse is None else 0
    plan = Plan(
        name=name,
        deployment=" and ".join(dict.fromkeys(variant.deployment for variant in batch_variants)),
        variants=tuple(variant.label for variant in batch_variants),
        rows=source.rows,
        repeats=repeats,
        row_factors=source.factors if isinstance(source, TableSource) else (),
        jobs=source.jobs if isinstance(source, TableSource) else 0,
        note=note,
        audience=audience,
    )
    folder = Path(options.save_assets) if options.save_assets is not None and not options.dry_run else None
    planned_batch = PlannedBatch(
        keeper,
        plan,
        workspace,
        batch_variants,
        is_named=is_named,
        replace_other=replace,
        is_stream=not isinstance(source, TableSource),
        schema_sha256=schema_hashes(variant.target.deployment for variant in batch_variants),
        reuse=encode_reuse(settings.reuse, datetime.now(UTC)),
        files=record_of_files(folder, keeper.path, is_option=True) if folder is not None else None,
    )
    beside = beside_of(keeper, name, workspace, reuse=settings.reuse, replaces=replace)
    look_up = AnswerLookup(
        stored=planned_batch, workspace=workspace, reuse=settings.reuse, after_id=after_id, beside=beside
    )
    work_queue = WorkQueue(
        source,
        outcomes,
        look_up,
        skip_invalid=options.on_invalid == "skip",
        where=target.name,
        planned_batch=planned_batch,
        audience=audience,
    )
    batch_state = BatchState(plan, work_queue, outcomes, caller=Caller.of(client), options=settings)
    about = provenance(
        (variant.target.deployment for variant in batch_variants),
        variants=plan.variants,
        batch=name,
        workspace=workspace,
    )
    control, reader = BatchController(batch_state, settings), BatchReader(work_queue, outcomes, name=name, about=about)
    asset_keeper = None
    if folder is not None:
        control.companion = asset_keeper = AssetKeeper.of(reader.entries, client, folder)
        asset_keeper.check()  # before the batch is saved with it
    batch_state.prepare(keep=not options.dry_run, most_at_once=control.status.limit)
    if asset_keeper is None:
        asset_keeper = AssetKeeper.reopened(reader.entries, client, planned_batch.files, keeper.path, planned_batch.id)
    return PreparedBatch(
        batch=Batch(control, reader, keeper=asset_keeper), control=control, batch_state=batch_state, reader=reader
    )


def _named_source(
    rows: Rows | RowStream, planner: Planner, deployment: str, options: BatchOptions
) -> tuple[str, JobSource, str]:
    """Return the batch's name, where its jobs come from, and what a person should know of how the rows were read."""
    name, first, sample = options.name, options.first, options.sample
    if isinstance(rows, RowStream):
        if sample is not None:
            raise SettingsError(
                f"sample= needs to know all rows, {UNKNOWN_ROWS}; give first=, or the rows as a list or a pandas "
                "DataFrame"
            )
        stream = StreamSource(rows, planner, first=first)
        return name or name_of(deployment, planner.batch_variants, stream.peek()), stream, ""
    batch_name, rows_of_jobs, shown = plan_table(rows, planner, deployment, name=name)
    by_row = pilot(rows_of_jobs, first=first, sample=sample, seed=batch_name)
    return batch_name, TableSource(planner, by_row, shown, rows_of_jobs), rows.note


def plan_table(rows: Rows, planner: Planner, deployment: str, *, name: str | None) -> tuple[str, list[list[Job]], Rows]:
    """Return the name of a table's batch, the jobs of each row, and the rows as they may be shown and saved.

    The name is that of *all* rows, so that the cell goes on where a pilot ended.
    """
    shown = without_secrets(rows, planner.fit(rows))
    with nullcontext() if planner.calls_functions else garbage_collection.paused():
        by_row = list(planner.jobs(replace(rows, labels=shown.labels)))
    batch_name = name or name_of(deployment, planner.batch_variants, (job for row in by_row for job in row))
    return batch_name, by_row, shown


def known_deployment(client: Client, deployment: Deployment | str) -> Deployment:
    """Return the deployment that is meant."""
    if isinstance(deployment, Deployment):
        found = deployment
    elif isinstance(deployment, str):
        found = client.aclient.connection.find_deployment(deployment) or Deployment(deployment)
    else:
        raise InputError(f"deployment is {type_text(deployment)}; give its name, or a Deployment")
    session.note_variants(found)
    return found


OWN_CHECKS: Final = bounded_options(BatchOptions) | {"rate"}
"""Options that `BatchOptions` checks itself: those that have limits, and a rate, which is read."""


_last: Batch | None = None

_last_at: datetime | None = None


@arguments.public
def last_batch() -> Batch | None:
    """Return the latest batch of this process, even if its cell was interrupted."""
    return _last


def last_batch_at() -> datetime | None:
    """Return when :func:`last_batch` was made, UTC."""
    return _last_at


@arguments.public
@arguments.explicit_signature(BatchKeywords, defaults_of(BatchOptions))
def batch(
    rows: Any,
    deployment: Deployment | str,
    **options: Unpack[BatchKeywords],
) -> Batch:
    """Run every row through every variant and return the batch. Running the same cell again continues it.

    Parameters
    ----------
    rows : DataFrame, dict of columns, iterable of dicts or of texts, or path
        A DataFrame or Series of pandas, what has the Arrow PyCapsule interface (Polars, PyArrow, DuckDB, Ibis), a lazy
        frame of Polars, a numpy record array, a dict of columns, a list of dicts, or a list of texts for the one text
        variable of the deployment. Or a file by its ending: ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` and ``.json``,
        also with ``.gz`` or ``.zst`` behind; ``.parquet``, also a folder or a pattern (``"data/*.parquet"``);
        ``.arrow``, ``.feather``; ``.xlsx``, ``.ods`` (the first sheet, or ``"tickets.xlsx#May"``). Types survive; cells
        of a CSV are text, and empty ones are missing. Columns ``expected_output`` and ``metadata.*`` are no inputs. An
        iterator (a generator, say) is a stream, and so is an Arrow table, or a Parquet or Arrow file, of more than
        100,000 rows, unless pandas has written it under an index of its own. A stream is never held whole: 1,000 rows
        are read, on a background thread, looked up and checked before the first of them is called. Its rows are
        numbered from 0.
    deployment : Deployment or str
        What to run; a name is looked up where deployments are known, else its inputs are sent unchecked.
    variants : str, tuple, or iterable of them, optional
        Which variants; all that the deployment names by default. ``(deployment, variant)`` is one of another
        deployment, ``(deployment, variant, inputs)`` one with a mapping of its own; with several deployments the column
        ``variant`` says ``deployment/variant``.
    inputs : mapping, optional
        Start variables to columns (a string), functions of the row, or constants (``fh.const("text")``). Those that
        are not named take the column of their name. ``fh.file(column="path")`` is each row's file, ``fh.file("x.pdf")``
        the same one for all.
    repeats : int
        How often each row goes through each variant.
    metadata : mapping, optional
        Flat values for the service's logs. Every call is also stamped with ``fh_batch``, ``fh_row``, ``fh_variant``,
        ``fh_repeat`` and ``fh_job``.
    name : str, optional
        Of the batch, under which it is saved: one name is one table. The same rows (compared by their inputs, in any
        order) go on; more rows, variants or repeats extend the batch, and fewer are a part of it. Another table, or
        another deployment, is refused before any call. By default the hash of what is asked. Over partitions the rows
        are compared by hashes of their inputs, for which the store keeps 8 bytes a row: 3 s of a processor for a
        million rows, as measured.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.
    first, sample : int, optional
        A pilot of the first rows, or of as many at random (not of a stream). Without it, the same cell goes on and
        repays nothing.
    max_concurrency : int, optional
        A ceiling: at most this many calls of this batch at once. It begins with as many, or with the limit that a
        refusal (429) has taught this process in this workspace, if that is lower. By default the limit is learned.
    max_calls : int, optional
        At most this many requests; then the rest stays pending.
    max_seconds : float, optional
        No call is started later than this.
    max_cost : float, optional
        At most so many calls as this pays for, at ``configure(price_per_call=...)``.
    rate : float or str, optional
        Calls a second at the most, evenly spaced, or a text such as ``"30/min"``. Waiting is not in ``elapsed_s``.
    fail_on_error : bool or number
        Stop at the first error (``True``), at a fraction of the jobs (below 1) or at a count.
    on_invalid : {"raise", "skip"}
        Rows whose inputs do not fit: raise before the first call, or keep them as failed rows
        (``error_code="invalid_input"``) that are not called.
    fresh : bool
        Call everything anew; what was saved stays saved.
    reuse : {"auto", "batch", "store"}, timedelta or None
        Which saved answers count: ``"batch"`` those of this batch's name, ``"store"`` all, a timedelta those that
        young, ``None`` none; of batches in memory and over partitions alike. ``"auto"`` is ``"store"`` without `name`,
        so that a further variant or row pays for nothing that was answered before, and ``"batch"`` with one: then the
        plan says what other batches have answered of what it calls. What lies in the Parquet files of another batch is
        copied, so that each batch can be forgotten without the other. Where nothing is saved
        (``configure(store=None)``), the same cell calls again; ``"store"`` and a timedelta take answers of the batches
        that this process still holds, and `replace` those of the batches of that name.
    retry_unknown : bool
        Call again what may have run before. It may cost twice. What is known to wait for a decision is not called
        again, because whoever allows it would act twice: decide it, then ``batch.resolve_unknown()`` has its outcome;
        nor is a submitted run, which is waited for; `fresh` calls everything anew.
    replace : bool
        Where another table is saved under `name`: save that batch as ``name@<UTC time>`` and begin anew, rather than to
        refuse. Jobs that are equal to its jobs take its answers at no call, also where one batch is in memory and the
        other over partitions; the plan says how many are left to call. The rows of a stream are not known beforehand,
        so it always replaces. Over partitions, what a batch in memory has out when a start begins stays pending, and
        the next start takes its answer; what another batch over partitions has out is not seen, so that both may call
        it. There a batch is replaced only once it has ended.
    wait : bool
        ``False`` returns at once; then ``batch.wait()``, ``batch.pause()`` and ``batch.cancel()``.
    wait_for_reset : bool
        When the daily cap is used up, sleep until it is renewed at 00:00 UTC, and go on.
    dry_run : bool
        Plan, check and look up, and stop there: nothing is sent or saved. ``batch.plan()`` says what it would do, and
        ``batch.resume()`` does it.
    progress : bool or function
        Show how far it is; a function makes the display (see :mod:`fh_notebook.batching.progress.display`).
    on_event : function of an event, optional
        Told of everything, on the background thread; must return at once. If it raises it is not called again.
    delivery : {"direct", "callback", "poll"}
        How answers come: in the response; by callback, where the service queues what is over the subscription's cap and
        refuses nothing, and a human in the loop may pause a run; or by asking for them, where no callback can come. By
        callback and by asking, 200 runs are out at once unless `max_concurrency` says otherwise.
    receiver : CallbackReceiver, optional
        Who receives callbacks; by default this process's own, where the service is on this machine.
    dask : distributed.Client, optional
        Run on the workers of this cluster, all under one budget. `rows` are then a ``dask.dataframe``, or a table that
        is cut into partitions; a ``dask.dataframe`` without it runs on threads of this process. ``frame`` is then a
        lazy ``dask.dataframe``. Needs ``pip install 'fh-notebook[dask]'``.
    parts : path, optional
        With partitions, the folder for their answers as Parquet, which this process and all workers share: a path, or
        an address such as ``s3://bucket/folder``. Beside the store by default.
    save_assets : path, optional
        A folder for the files that runs make. They are fetched beside the calls, before their addresses end, and what
        is left after the last call; ``batch.assets`` says what became of each (see :meth:`Batch.save_assets`). Not over
        partitions.

    Returns
    -------
    Batch
        Also when a limit, an interrupt or Cancel ended it: the rest is pending then, and ``stopped`` says why. A cell
        that was interrupted ends without an error, so that what was paid for is in its variable, and cells that wait
        behind it run; a ``%%fetchhive --over`` cell ends with one and stops them.

        A variant that the service does not know is called no further, and its rows stay pending, also those whose calls
        said so; other variants go on. The service does not know it where an answer's code says so of the deployment or
        the variant, or where the first 3 answers of that variant (all, where there are fewer) are 404 or another "not
        found". After any other answer of that variant, a 404 is the failure of its row: what its inputs name is not
        there.

    Raises
    ------
    InputError
        Rows, mapping or inputs do not fit; all problems together, before any call. Or another table is saved under the
        name; a stream whose later rows are others stops the batch before any call of them.
    SettingsError
        An option, the key or the address cannot be used.
    StoreError
        The file of saved answers cannot be used: no call was made.
    AuthError
        The service refused the key at the very first call.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("shout", variant="loud")
    ... def loud(text: str) -> str:
    ...     return text.upper()
    >>> done = fh.batch([{"text": "a"}, {"text": "b"}], "shout", client=hive.client(), progress=False)
    >>> done.frame["output"].tolist(), done.counts.calls
    (['A', 'B'], 2)
    """
    arguments.check(batch, locals(), but=OWN_CHECKS)
    return start_batch(rows, deployment, BatchOptions(**options))


@arguments.public
@arguments.explicit_signature(BatchKeywords, defaults_of(BatchOptions))
async def abatch(
    rows: Any,
    deployment: Deployment | str,
    **options: Unpack[BatchKeywords],
) -> Batch:
    """Await :func:`batch`: the same arguments, results and errors, from any running loop.

    A cancel reaches the calls and goes on; what was answered is saved, in the store and in :func:`last_batch`.
    """
    arguments.check(abatch, locals(), but=OWN_CHECKS)
    requested = BatchOptions(**options)
    # Over partitions all rows are looked at first, by workers: not on the caller's loop, which that would block.
    if _is_scaled(rows, requested.dask):
        batch_object, control = await asyncio.to_thread(prepare, rows, deployment, requested)
    else:
        batch_object, control = prepare(rows, deployment, requested)
    if requested.wait and not requested.dry_run:
        await control.astart(control.first_windows())
    elif not requested.dry_run:
        control.start(control.first_windows(), wait=False)
    return batch_object


def _is_scaled(rows: Any, dask: Any) -> bool:
    """Whether the batch is over partitions; told without importing Dask."""
    return dask is not None or type(rows).__module__.startswith("dask.")


def start_batch(rows: Any, deployment: Deployment | str, options: BatchOptions, audience: Audience = PYTHON) -> Batch:
    """Return the batch that is asked for, begun unless it is a dry run, and waited for where the options say so."""
    started, control = prepare(rows, deployment, options, audience)
    if not options.dry_run:
        control.start(control.first_windows(), wait=options.wait)
    return started


def prepare(
    rows: Any, deployment: Deployment | str, options: BatchOptions, audience: Audience = PYTHON
) -> tuple[Batch, BatchController]:
    """Return the batch that is asked for and what starts it; it was checked and looked up, and has called nothing."""
    if not _is_scaled(rows, options.dask):
        prepared_batch = prepare_local(rows, deployment, options, audience)
        return prepared_batch.batch, prepared_batch.control
    if options.save_assets is not None:
        raise SettingsError(
            Phrase(
                "save_assets= does not work for a batch over partitions; leave out save_assets= or dask=",
                command="--save-assets does not work for a batch over partitions; leave out --save-assets or --dask",
            )
        )
    extra = {"client": session.client_for(options.client), "store": session.store(), "audience": audience}
    pair: tuple[Batch, BatchController] = hooks.partitions().batch_over_partitions(rows, deployment, options, **extra)
    _note_last(pair[0])
    return pair


def prepare_local(rows: Any, deployment: Deployment | str, options: BatchOptions, audience: Audience) -> PreparedBatch:
    """Return a batch as :func:`prepare` does, of rows that are in this process."""
    client, store = session.client_for(options.client), session.store()
    if options.parts is not None:
        raise SettingsError(
            Phrase(
                "parts= is for a batch over partitions; give dask= a client, or rows as a dask.dataframe",
                command="--parts is for a batch over partitions; add --dask",
            )
        )
    prepared_batch = prepare_batch(rows, deployment, options, client=client, store=store, audience=audience)
    _note_last(prepared_batch.batch)
    return prepared_batch


def _note_last(newest: Batch) -> None:
    global _last, _last_at
    _last, _last_at = newest, datetime.now(UTC)
