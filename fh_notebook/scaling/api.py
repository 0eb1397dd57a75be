"""Start a batch over partitions; with the other functions that lower layers call for partitions (`core.hooks`).

As on one machine, everything is checked before the first call. An option that does not apply to partitions is refused
with what to use instead.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pandas as pd

from fh_notebook.batching.api import known_deployment
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.controller import BatchController
from fh_notebook.batching.execution.engine_run import StartOptions, budget_of
from fh_notebook.batching.options import BatchOptions
from fh_notebook.batching.planning.plan import NAME_DIGITS, BatchVariant, Plan, read_variants
from fh_notebook.batching.planning.reuse import AnswerLookup, beside_of
from fh_notebook.batching.planning.stored_batch import StoredBatch, check_name
from fh_notebook.batching.progress.unknown_outcomes import HELP_OF_WORKERS
from fh_notebook.batching.status import Caller
from fh_notebook.batching.tables.frames import provenance
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.contract.deployment import Deployment
from fh_notebook.core import event_loop
from fh_notebook.core.config import settings
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.text.messages import PYTHON, RUN_AGAIN, Audience, Message, counted, option
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.scaling.cluster.cluster import Cluster, check_cluster
from fh_notebook.scaling.cluster.runner import ClusterLost, PartitionRunner, Threads
from fh_notebook.scaling.comparison import compare as compare
from fh_notebook.scaling.partition_work import PartitionWork
from fh_notebook.scaling.protocol import BatchSpec, PartitionSurvey
from fh_notebook.scaling.reopen import KnownBatch, Registration, known_batch, other_key
from fh_notebook.scaling.reopen import open_batch as open_batch
from fh_notebook.scaling.storage import parts
from fh_notebook.scaling.storage.files import forget_files as forget_files
from fh_notebook.scaling.storage.files import scratch
from fh_notebook.scaling.storage.index import PartitionIndex
from fh_notebook.scaling.storage.reuse import seen_in_files as seen_in_files
from fh_notebook.scaling.tables import AS_IT_IS, PartitionTables, meta_of
from fh_notebook.session import session
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.clients import Client

ROWS_A_PARTITION: Final = 10_000
"""Of a pandas frame that is cut for the user: a partition lives for seconds at the least, and a killed worker's part
of it is small."""

PROBLEMS_SHOWN: Final = 30


def batch_over_partitions(
    rows: Any,
    deployment: Deployment | str,
    options: BatchOptions,
    *,
    client: Client,
    store: Store | None,
    audience: Audience = PYTHON,
) -> tuple[Batch, BatchController]:
    """Return the batch over partitions that :func:`fh_notebook.batch` was asked for, and what starts it.

    It has called nothing.
    """
    _ensure_dask()
    if options.sample is not None:
        raise SettingsError("sample= is for a table in memory; give rows.sample(frac=...) of the Dask frame, or first=")
    if options.delivery != "direct":
        delivery = option("delivery", options.delivery, in_cell=True)
        raise SettingsError(
            Message("{} works on one machine only, where callbacks are received; leave it out", (delivery,))
        )
    name, repeats, dask = options.name, options.repeats, options.dask
    settings = replace(StartOptions.of(options, is_saved=store is not None, audience=audience), decide=HELP_OF_WORKERS)
    target = known_deployment(client, deployment)
    batch_variants = read_variants(
        options.variants, target, options.inputs, find=lambda other: known_deployment(client, other)
    )
    if name is not None and store is not None and not options.replace:
        check_name(store, name, client.workspace, batch_variants, partitions=True)
    if dask is not None:
        check_cluster(dask, client)  # before the rows are touched
    ddf, labelled = _as_dask(rows, dask, target)
    base = _base(options.parts, store)
    spec = _spec_of(
        client,
        batch_variants,
        settings,
        repeats=repeats,
        metadata=dict(options.metadata or {}),
        skip_invalid=options.on_invalid == "skip",
    )

    def runner() -> PartitionRunner:
        return Cluster(dask, client) if dask is not None else Threads(client, scratch())

    surveys = _SurveyRunner(
        runner(), replace(spec, folder=_folder(base, "looking" if name is None else name)), target.name
    )
    partitions = ddf.to_delayed()
    surveys_all = surveys_run = surveys.at(partitions)
    batch_name = name or _name_of(target.name, batch_variants, surveys_run)
    if options.first is not None:
        partitions = ddf.head(options.first, npartitions=-1, compute=False).to_delayed()
        surveys_run = surveys.at(partitions)
    find_known = partial(
        known_batch,
        store,
        batch_name,
        client.workspace,
        batch_variants,
        repeats,
        whole=surveys_all,
        planned=surveys_run,
        is_named=name is not None,
    )
    earlier = find_known(replace_other=options.replace)
    spec = replace(
        spec,
        name=batch_name,
        folder=_own_folder(base, batch_name, earlier, is_given=options.parts is not None),
        labelled=_is_unique(surveys_run, labelled),
    )
    keeper = store if store is not None else session.store_in_memory()
    index = PartitionIndex(partitions, surveys_run, keeper, spec)
    meta = meta_of(ddf._meta, surveys_run[0].label if surveys_run and spec.labelled else 0)
    # Its folder is that of what was saved when it was planned; what takes the name later is not replaced.
    again = partial(find_known, replace_other=False)
    return _batch_of(index, runner, spec, client, keeper, settings, meta, earlier, again, replaces=options.replace)


def _spec_of(
    client: Client, batch_variants: tuple[BatchVariant, ...], options: StartOptions, **fields: Any
) -> BatchSpec:
    """Return what holds for every partition, but for the batch's name and folder."""
    return BatchSpec(
        run=uuid4().hex[:12],
        name="",
        workspace=client.workspace,
        is_named=isinstance(settings.current().workspace, str),
        batch_variants=batch_variants,
        folder="",
        max_concurrency=options.max_concurrency,
        stop_at_error=options.limits.fail_on_error is True,
        anew=uuid4().hex[:12] if options.reuse is None else "",
        **fields,
        **_connection_of(client),
    )


def _batch_of(
    index: PartitionIndex,
    runner: Callable[[], PartitionRunner],
    spec: BatchSpec,
    client: Client,
    store: Store,
    options: StartOptions,
    meta: pd.DataFrame,
    earlier: KnownBatch,
    compare: Callable[[], KnownBatch],
    *,
    replaces: bool,
) -> tuple[Batch, BatchController]:
    """Return the batch of partitions that were looked at, with what is answered of them already."""
    batch_of, since = _reused(options, spec.name)
    stored = StoredBatch(store, earlier.before.id if earlier.before is not None else 0)
    replaced = (earlier.record.id,) if earlier.replaced and earlier.record is not None else ()
    stored.replaced_ids = (*replaced, *store.batches.earlier_ids(spec.name, spec.workspace))
    if not spec.anew:
        beside = beside_of(store, spec.name, spec.workspace, reuse=options.reuse, replaces=replaces)
        look_up = AnswerLookup(
            stored=stored, workspace=spec.workspace, reuse=options.reuse, beside=beside, over_partitions=True
        )
        index.look(batch=batch_of, since=since, replaced=earlier.replaced, look_up=look_up)
    plan = _plan(spec.name, spec.batch_variants, index, options, client, store)
    registration = Registration(
        stored, plan, spec, index, meta, known=earlier, compare=compare, anywhere=batch_of is None
    )
    work = PartitionWork(
        plan, index, runner, spec, caller=Caller.of(client), options=options, stored=stored, register=registration.write
    )
    about = provenance(
        (variant.target.deployment for variant in spec.batch_variants),
        variants=plan.variants,
        batch=spec.name,
        workspace=spec.workspace,
    )
    control = BatchController(work, options)
    return Batch(control, PartitionTables(work, meta, about)), control


def _ensure_dask() -> None:
    for module in ("dask", "distributed"):
        ensure_installed(module, "batches on several machines need")
    ensure_installed("pyarrow", "Parquet files need")


def _connection_of(client: Client) -> dict[str, Any]:
    """What a worker needs to reach the service, without the key. A proxy is its own: it may hold a password."""
    connection = client.aclient.connection
    verify = connection.verify if isinstance(connection.verify, bool | str) else True
    return {
        "base_url": connection.base_url,
        "timeout_s": connection.timeout_s,
        "max_response_bytes": connection.max_response_bytes,
        "verify": verify,
    }


def _as_dask(rows: Any, dask_client: Any, target: Deployment) -> tuple[Any, bool | None]:
    """Return the rows as a Dask frame; whether its index tells rows apart, where that is known."""
    import dask
    import dask.dataframe as dd

    if isinstance(rows, dd.DataFrame):
        return rows, None
    read = read_rows(rows, target)
    frame = rows if isinstance(rows, pd.DataFrame) else read.take(range(len(read)))
    workers = 1
    if dask_client is not None:
        workers = sum(int(w["nthreads"]) for w in dask_client.scheduler_info(n_workers=-1)["workers"].values()) or 1
    count = max(-(-len(frame) // ROWS_A_PARTITION), min(len(frame), 2 * workers), 1)
    with dask.config.set(AS_IT_IS):
        return dd.from_pandas(frame, npartitions=count, sort=False), not read.note


class _SurveyRunner:
    """Looks at partitions, where they run; what does not fit is told before anything is called."""

    def __init__(self, runner: PartitionRunner, spec: BatchSpec, where: str) -> None:
        self._runner = runner
        self._spec = spec
        self._where = where

    def at(self, partitions: Sequence[Any]) -> list[PartitionSurvey]:
        """Return what each partition asks for."""
        try:
            surveys = event_loop.run(self._runner.survey(partitions, self._spec))
        except ClusterLost:
            raise SettingsError(
                Message(
                    (
                        "the Dask scheduler was lost while the rows were checked; nothing was called: {} with a "
                        "client that is connected"
                    ),
                    (RUN_AGAIN,),
                )
            ) from None
        problems = [problem for survey in surveys for problem in survey.problems]
        if problems:
            more = len(problems) - PROBLEMS_SHOWN
            messages = [*problems[:PROBLEMS_SHOWN], *([f"and {counted(more, 'more problem')}"] if more > 0 else [])]
            raise InputError(list(dict.fromkeys(messages)), where=self._where)
        return surveys


def _name_of(deployment: str, batch_variants: Sequence[BatchVariant], surveys: Sequence[PartitionSurvey]) -> str:
    """Return the name of an unnamed batch: of all keys, whatever their order and the partitions are."""
    total = sum(survey.total for survey in surveys) % 2**256
    parts_of_name = [
        deployment,
        [variant.label for variant in batch_variants],
        sum(survey.jobs for survey in surveys),
        f"{total:064x}",
    ]
    return f"{deployment}-{sha256(canonical_json(parts_of_name).encode()).hexdigest()[:NAME_DIGITS]}"


def _is_unique(surveys: Sequence[PartitionSurvey], labels_are_unique: bool | None) -> bool:
    """Whether the index tells all rows apart: it grows from partition to partition, too."""
    if any(survey.secret_labels for survey in surveys):
        return False
    if labels_are_unique is not None:
        return labels_are_unique
    filled = [survey for survey in surveys if survey.rows]
    if not all(survey.ordered for survey in filled) or len({type(survey.first) for survey in filled}) > 1:
        return False
    return all(a.last < b.first for a, b in pairwise(filled))


def _reused(options: StartOptions, name: str) -> tuple[str | None, datetime | None]:
    """Return of which batch, and since when, parts count."""
    reuse = options.reuse
    since = datetime.now(UTC) - reuse if isinstance(reuse, timedelta) else None
    return (None if reuse == "store" or since is not None else name), since


def _base(parts_option: Any, store: Store | None) -> str:
    """Where parts lie: as it was given, else beside the store, else a folder that ends with the machine's session."""
    if parts_option is not None:
        return str(parts_option) if "://" in str(parts_option) else str(Path(parts_option).expanduser().absolute())
    if store is not None:
        return str(store.path.with_name(f"{store.path.name}-parts"))
    return os.path.join(tempfile.mkdtemp(prefix="fh-notebook-"), "parts")


def _folder(base: str, name: str) -> str:
    folder = parts.folder_of(base, name)
    parts.make_folder(folder)
    return folder


def _own_folder(base: str, name: str, earlier: KnownBatch, *, is_given: bool) -> str:
    """Return the folder of a batch: the one that it has, unless another place is given.

    A batch that takes the name of another one has a folder of its own: the files of the other one say its old name.
    """
    if earlier.replaced:
        return _folder(base, f"{name}-{uuid4().hex[:8]}")
    stored_folder = str(earlier.record.plan["parts"]["folder"]) if earlier.record is not None else ""
    if stored_folder and (not is_given or stored_folder.rsplit("/", 1)[0] == base.rstrip("/")):
        parts.make_folder(stored_folder)
        return stored_folder
    return _folder(base, name)


def _plan(
    name: str,
    batch_variants: Sequence[BatchVariant],
    index: PartitionIndex,
    options: StartOptions,
    client: Client,
    store: Store,
) -> Plan:
    lines = [entry.line for entry in index.entries if entry.line is not None]
    foreseen_answered, foreseen_unknown = index.foreseen
    answered = sum(line.done + line.failed for line in lines) + foreseen_answered
    unknown = sum(line.unknown for line in lines) + foreseen_unknown
    invalid = sum(entry.survey.invalid for entry in index.entries)
    calls, waiting = max(0, index.jobs - answered - unknown - invalid), sum(line.waiting for line in lines)
    repeats = 1 if not index.rows else max(1, index.jobs // (index.rows * len(batch_variants)))
    looks = calls and options.reuse is not None
    surveys = [entry.survey for entry in index.entries]
    return Plan(
        name=name,
        deployment=" and ".join(dict.fromkeys(variant.deployment for variant in batch_variants)),
        variants=tuple(variant.label for variant in batch_variants),
        rows=index.rows,
        repeats=repeats,
        jobs=index.jobs,
        note=counted(len(index.entries), "partition"),
        answered=answered,
        answered_at=max((line.kept_at for line in lines), default=None),
        unknown=unknown - waiting,
        waiting=waiting,
        decide=options.decide.tool,
        invalid=invalid,
        calls=calls,
        other_key=other_key(store, client.workspace, batch_variants, repeats, surveys) if looks else None,
        max_calls=options.limits.max_calls,
        max_seconds=options.limits.max_seconds,
        budget=budget_of(client.workspace, store, datetime.now(UTC)),
        audience=options.audience,
    )
