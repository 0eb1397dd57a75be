"""Registration of a batch over partitions in the store, and reopening it by its name.

Nothing is called and no row is read. The rows are not stored, because they do not fit; a reopened batch shows, compares
and exports what was answered. To resume it, run its cell again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.controller import BatchController
from fh_notebook.batching.execution.engine_run import resume_options
from fh_notebook.batching.planning.plan import BatchVariant, OtherKey, Plan
from fh_notebook.batching.planning.stored_batch import (
    StoredBatch,
    earlier_name,
    other_rows,
    other_table,
    record_of,
    refused_name,
    running_refused,
)
from fh_notebook.batching.progress.unknown_outcomes import HELP_OF_WORKERS
from fh_notebook.batching.status import Caller
from fh_notebook.batching.tables.frames import provenance, schema_hashes
from fh_notebook.core import hooks
from fh_notebook.core.config.urls import LOCAL
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.messages import counted
from fh_notebook.scaling.partition_work import PartitionWork
from fh_notebook.scaling.protocol import PREFIX_BYTES, BatchSpec, PartitionSurvey
from fh_notebook.scaling.storage import parts
from fh_notebook.scaling.storage.index import PartitionIndex
from fh_notebook.scaling.survey import RowDifference, RowHashes, compare_hashes, keys_of, records_of_targets
from fh_notebook.scaling.tables import PartitionTables, rows_not_saved
from fh_notebook.store.codec import decode_json, encode_json
from fh_notebook.store.database import Connection
from fh_notebook.store.store import Store
from fh_notebook.store.tables import batches, claims, partitions
from fh_notebook.store.tables.batches import BatchRecord
from fh_notebook.store.tables.partitions import KEY_BYTES, PlannedRowHashes
from fh_notebook.store.tables.plans import RUNNING, revision_of

if TYPE_CHECKING:
    from fh_notebook.client.clients import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBatch:
    """What is saved under the name of a batch that is asked for, and what its rows are to that."""

    record: BatchRecord | None = None
    replaced: bool = False
    """Whether it is another table, which gives the name up (``replace=True``)."""
    strange: int = 0
    """How many of the planned rows are not among the saved ones."""
    missing: int = 0
    """How many of the saved rows are not among the planned ones."""
    is_hashed: bool = False
    """Whether the hashes of the saved rows are saved: earlier versions saved none."""

    @property
    def before(self) -> BatchRecord | None:
        """The batch that is gone on with, if there is one."""
        return None if self.replaced else self.record

    @property
    def is_part(self) -> bool:
        """Whether what is asked for is a part of it: then it stays the whole that it is."""
        return bool(self.missing and not self.strange)


class Registration:
    """What the name of a batch over partitions stands for: written at each start, by which it is opened again.

    It is written over the state that the rows were compared with: where somebody else has changed that since, they are
    compared again first.

    Parameters
    ----------
    stored : StoredBatch
        Takes the batch's number.
    plan, spec, index, meta
        Of the batch.
    known : KnownBatch
        What was saved under the name before.
    compare : function
        Compares the rows again with what is saved under the name.
    anywhere : bool
        Whether parts of other batches answer it, too.
    """

    def __init__(
        self,
        stored: StoredBatch,
        plan: Plan,
        spec: BatchSpec,
        index: PartitionIndex,
        meta: pd.DataFrame,
        *,
        known: KnownBatch,
        compare: Callable[[], KnownBatch],
        anywhere: bool,
    ) -> None:
        self._stored = stored
        self._plan = plan
        self._spec = spec
        self._index = index
        self._known = known
        self._compare = compare
        self._variant_records = [variant.record for variant in spec.batch_variants]
        self._parts_record = {
            "folder": spec.folder,
            "partitions": [
                [p.survey.plan.hex(), p.survey.rows, p.survey.jobs, p.survey.invalid] for p in index.entries
            ],
            "columns": [[str(name), _dtype_name(dtype)] for name, dtype in meta.dtypes.items()],
            "anywhere": anywhere or known.replaced,
        }

    def write(self) -> None:
        """Write it."""
        while not self._is_written():
            self._known = self._compare()
            self._stored.id = self._known.before.id if self._known.before is not None else 0

    def _is_written(self) -> bool:
        earlier_batch, store = self._known, self._stored.store
        record, seen_revision = self._record(), revision_of(earlier_batch.record)
        base = earlier_batch.before.plan if earlier_batch.before is not None else {}
        # The same partitions of the same variants have the same rows: a re-run writes none.
        partitions_before = base.get("parts", {}).get("partitions")
        has_same_variants = base.get("arms") == self._variant_records
        is_same = has_same_variants and partitions_before == self._parts_record["partitions"]
        variant_records = encode_json(records_of_targets(self._spec.batch_variants))
        is_kept = earlier_batch.is_part or (is_same and earlier_batch.is_hashed)
        hashes = (
            [] if is_kept else [PlannedRowHashes(variant_records, entry.survey.inputs) for entry in self._index.entries]
        )
        earlier = (
            earlier_name(store, earlier_batch.record, datetime.now(UTC)) if earlier_batch.record is not None else ""
        )

        def write(connection: Connection) -> int:
            if revision_of(batches.find(connection, record.name, record.workspace)) != seen_revision:
                return 0
            if earlier_batch.before is not None:
                batch_id = earlier_batch.before.id
                batches.update(connection, batch_id, record)
            else:
                if earlier_batch.record is not None:
                    if claims.is_run(connection, earlier_batch.record.id, store.owners.is_alive):
                        return RUNNING
                    batches.rename(connection, earlier_batch.record.id, earlier)
                batch_id = batches.write(connection, record)
                earlier_ids = batches.earlier_ids(connection, record.name, record.workspace)
                batches.note_replaced(connection, earlier_ids if earlier_batch.record is not None else [], by=batch_id)
            if hashes:
                partitions.write_planned_rows(connection, batch_id, hashes, anew=not earlier_batch.missing)
            return batch_id

        batch_id = store.database.put(write).result()
        if batch_id == RUNNING:
            raise running_refused(record.name)
        if batch_id:
            if earlier_batch.record is not None and earlier_batch.before is None:
                hooks.frontend().notice(f"The earlier batch {short(record.name)} is saved as {short(earlier)}.")
            self._stored.id = batch_id
            is_hashed = earlier_batch.is_hashed or bool(hashes)
            self._known = KnownBatch(
                record=replace(record, id=batch_id), missing=earlier_batch.missing, is_hashed=is_hashed
            )
        return bool(batch_id)

    def _record(self) -> BatchRecord:
        earlier_batch, plan = self._known, self._plan
        base = earlier_batch.before.plan if earlier_batch.before is not None else {}
        variant_records, kept_rows = list(base.get("arms", ())), int(base.get("rows") or 0)
        kept_parts = base.get("parts", {})
        own_parts = {
            **self._parts_record,
            "anywhere": self._parts_record["anywhere"] or bool(kept_parts.get("anywhere")),
        }
        return record_of(
            plan,
            self._spec.workspace,
            variant_records=variant_records
            + [variant for variant in self._variant_records if variant not in variant_records],
            rows=kept_rows + earlier_batch.strange if earlier_batch.missing else max(plan.rows or 0, kept_rows),
            repeats=max(plan.repeats, int(base.get("repeats") or 1)),
            schema_sha256={
                **base.get("schema_sha256", {}),
                **schema_hashes(variant.target.deployment for variant in self._spec.batch_variants),
            },
            parts=kept_parts if earlier_batch.is_part and kept_parts else own_parts,
            revision=revision_of(earlier_batch.record)[1] + 1,
        )


def known_batch(
    store: Store | None,
    name: str,
    workspace: str,
    batch_variants: Sequence[BatchVariant],
    repeats: int,
    *,
    whole: Sequence[PartitionSurvey],
    planned: Sequence[PartitionSurvey],
    is_named: bool,
    replace_other: bool,
) -> KnownBatch:
    """Return what is saved under a name, compared with what partitions ask for."""
    record = store.batches.find(name, workspace) if store is not None else None
    if store is None or record is None:
        return KnownBatch()
    records = [variant.record for variant in batch_variants]
    why = other_table(record, records, partitions=True)
    if not why:
        stored = store.planned_rows.of_batch(record.id)
        compare = _comparison(store, record, stored, batch_variants, repeats)
        difference = compare(whole)
        if difference.is_same or not is_named:
            part = difference if planned is whole else compare(planned)
            return KnownBatch(
                record=record, strange=int(part.strange.sum()), missing=part.missing, is_hashed=bool(stored)
            )
        why = other_rows(
            stored=int(record.plan.get("rows") or 0),
            missing=difference.missing,
            rows=len(difference.strange),
            strange=int(difference.strange.sum()),
        )
    if not replace_other:
        raise refused_name(record, why)
    return KnownBatch(record=record, replaced=True)


def other_key(
    store: Store,
    workspace: str,
    batch_variants: Sequence[BatchVariant],
    repeats: int,
    surveys: Sequence[PartitionSurvey],
) -> OtherKey | None:
    """Return which other workspace of the same host has run most of these rows over partitions; ``None`` without one.

    Rows are compared by their hashes, which are the same under each key; a join does not copy answers in files, so the
    remedy is to name the workspace. Local hives are left out: they have no keys.
    """
    origin = workspace.partition("#")[0]
    records = [variant.record for variant in batch_variants]
    best: OtherKey | None = None
    for record in store.batches.every() if origin != LOCAL else ():
        host, _, label = record.workspace.partition("#")
        if host != origin or record.workspace == workspace or other_table(record, records, partitions=True):
            continue
        stored = store.planned_rows.of_batch(record.id)
        lines = store.parts.every(record.workspace, batch=record.name)
        done = sum(line.done for line in {line.plan: line for line in lines}.values())  # the newest comes last
        if not (stored and done):
            continue
        there = int((~_comparison(store, record, stored, batch_variants, repeats)(surveys).strange).sum())
        rows = min(there, done)
        if rows and (best is None or rows > best.rows):
            command = f"fh.configure(workspace={json.dumps(label, ensure_ascii=False)})"
            best = OtherKey(workspace=record.workspace, rows=rows, command=command, copies=False)
    return best


def _comparison(
    store: Store,
    record: BatchRecord,
    lines: Sequence[PlannedRowHashes],
    batch_variants: Sequence[BatchVariant],
    repeats: int,
) -> Callable[[Sequence[PartitionSurvey]], RowDifference]:
    """Return what compares rows with those that are saved of a batch, by their hashes where those are saved."""
    if not lines:
        return partial(_compare_by_answers, store, record, [variant.label for variant in batch_variants], repeats)
    with store.decoding():
        stored = [RowHashes.of(decode_json(line.arms, list, "the variants of rows"), line.hashes) for line in lines]
    targets = records_of_targets(batch_variants)
    return lambda surveys: compare_hashes(stored, RowHashes.of(targets, b"".join(survey.inputs for survey in surveys)))


def _compare_by_answers(
    store: Store, record: BatchRecord, labels: Sequence[str], repeats: int, surveys: Sequence[PartitionSurvey]
) -> RowDifference:
    """Compare rows with the answered ones of a batch that was saved by a version that saved no hashes of the others."""
    lines = store.parts.every(record.workspace, batch=record.name)
    mine = _prefixes([survey.prefixes for survey in surveys], PREFIX_BYTES).reshape(-1, repeats, len(labels))
    # Other variants and repeats are no other rows: only those that both have are compared.
    common = {label for label, _, _ in record.plan["arms"]}.intersection(labels)
    fewest = min(repeats, int(record.plan.get("repeats") or 1))
    requested = mine[:, :fewest, [label in common for label in labels]].reshape(len(mine), -1)
    frames = [
        frame[frame["variant"].isin(common) & (frame["repeat"] <= fewest) & frame["key"].notna()].assign(part=number)
        for number, line in enumerate(lines)
        if parts.exists(line.path)
        for frame in [parts.read_columns(line.path, ["key", "variant", "repeat", "row"])]
    ]
    if not requested.shape[1] or not any(map(len, frames)):  # nothing can be said
        return RowDifference(np.zeros(len(mine), dtype=bool), 0)
    answered = pd.concat(frames, ignore_index=True)
    keys = _prefixes([keys_of(answered["key"])], KEY_BYTES)
    is_missing = ~np.isin(keys, requested)
    missing = answered.assign(missing=is_missing).groupby(["part", "row"])["missing"].all()
    # What does not fit has no key (zero), and no answer: it says nothing of its row.
    return RowDifference(~np.isin(requested, keys).any(axis=1) & (requested != 0).any(axis=1), int(missing.sum()))


def _prefixes(keys: Sequence[bytes], width: int) -> NDArray[np.uint64]:
    """Return the first bytes of keys that stand behind each other, as numbers."""
    key_bytes = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, width)
    return np.ascontiguousarray(key_bytes[:, :PREFIX_BYTES]).view(np.uint64).ravel()


def open_batch(store: Store, record: BatchRecord, client: Client) -> Batch:
    """Return the batch over partitions that a record describes."""
    stored_parts = record.plan["parts"]
    surveys = [
        PartitionSurvey(rows=rows, jobs=jobs, plan=bytes.fromhex(plan), total=0, prefixes=b"", invalid=invalid)
        for plan, rows, jobs, invalid in stored_parts["partitions"]
    ]
    spec = BatchSpec(
        run="", name=record.name, workspace=record.workspace, batch_variants=(), folder=stored_parts["folder"]
    )
    index = PartitionIndex([None] * len(surveys), surveys, store, spec)
    stored = StoredBatch(store, record.id)
    index.look(batch=None if stored_parts["anywhere"] else record.name)
    plan = Plan(
        name=record.name, deployment=record.deployment, variants=record.variants, rows=index.rows,
        repeats=record.plan["repeats"], jobs=index.jobs, note=counted(len(surveys), "partition"),
    )  # fmt: skip
    options = replace(resume_options("batch"), decide=HELP_OF_WORKERS)
    caller = Caller.of(client, refusal=rows_not_saved(record.name))
    work = PartitionWork(plan, index, None, spec, caller=caller, options=options, stored=stored)
    about = provenance(
        (deployment for _, deployment, _ in record.plan["arms"]),
        variants=record.variants,
        batch=record.name,
        workspace=record.workspace,
        created=record.created_at,
        hashes=record.plan.get("schema_sha256", {}),
    )
    return Batch(BatchController(work, options), PartitionTables(work, _meta(stored_parts["columns"]), about))


def _meta(columns: list[list[str]]) -> pd.DataFrame:
    series: Mapping[str, Any] = {name: _empty(dtype) for name, dtype in columns}
    return pd.DataFrame(series, index=pd.RangeIndex(0))


def _dtype_name(dtype: Any) -> str:
    """Return the name of a dtype; that of a text says too little: how it is stored is not in it."""
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return f"string[{dtype.storage}]"
    return str(dtype)


def _empty(dtype: str) -> pd.Series[Any]:
    try:
        return pd.Series([], dtype=dtype)
    except TypeError:  # of a package that is not loaded: values as they are
        return pd.Series([], dtype="object")
