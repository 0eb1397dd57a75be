"""The record of a batch in the store: found by name, compared with the requested table, written before its calls.

Rule of this file: a batch is written whole or not at all, and one name is one table.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fh_notebook.batching.model import Job
from fh_notebook.batching.planning.plan import BatchVariant, Plan
from fh_notebook.batching.planning.sources import JobWindow
from fh_notebook.batching.planning.stored_jobs import StoredJobs, fingerprint, job_lines, row_lines, sent_by
from fh_notebook.batching.planning.table_match import RowInputs, TableMatch, VariantRecord, inputs_by_row, match
from fh_notebook.batching.tables.rows import Rows
from fh_notebook.core import hooks
from fh_notebook.core.text.formatting import listed, short
from fh_notebook.core.text.messages import Message, agreeing, counted, option
from fh_notebook.errors import InputError
from fh_notebook.store.codec import DamagedValue, encode_json
from fh_notebook.store.owner_locks import Owner
from fh_notebook.store.store import Store
from fh_notebook.store.tables.answers import AnswerRow
from fh_notebook.store.tables.batches import FILES, BatchRecord, JobRow, StoredRow
from fh_notebook.store.tables.plans import RUNNING, BatchPlan, revision_of


class StoredBatch:
    """Which batch of a store answers and claims belong to.

    Parameters
    ----------
    store : Store
        Where it is saved.
    batch_id : int
        Its number; 0 while it is not saved.
    """

    def __init__(self, store: Store, batch_id: int = 0) -> None:
        self.store = store
        self.id = batch_id
        self.replaced_ids: tuple[int, ...] = ()
        """The numbers of the batches that had the name before: their answers to equal jobs stand for this one's."""
        self.owner: Owner | None = None
        """Who runs it now; noted with the record where that is written while it runs."""

    @property
    def ids(self) -> tuple[int, ...]:
        """The numbers of the batches whose answers and claims are this one's."""
        return (*([self.id] if self.id else []), *self.replaced_ids)

    @property
    def later_ids(self) -> tuple[int, ...]:
        """The numbers of the batches that have had its name since it was replaced, perhaps by another kernel."""
        record = self.store.batches.by_id(self.id) if self.id else None
        return tuple(record.plan.get("replaced_by") or ()) if record is not None else ()

    @property
    def files(self) -> Mapping[str, Any]:
        """Where the files of its runs are saved (`batches.FILES`); empty where that is not known."""
        record = self.store.batches.by_id(self.id) if self.id else None
        return (record.plan.get(FILES) or {}) if record is not None else {}

    def note_files(self, files: Mapping[str, Any]) -> None:
        """Record where the files of its runs are saved."""
        if self.id:
            self.store.batches.note_files(self.id, files).result()

    @property
    def current_name(self) -> str:
        """The name that it is saved under now; empty while it is not saved."""
        record = self.store.batches.by_id(self.id) if self.id else None
        return record.name if record is not None else ""

    @property
    def is_forgotten(self) -> bool:
        """Whether it was saved, and is no more."""
        return bool(self.id) and self.store.batches.by_id(self.id) is None


class PlannedBatch(StoredBatch):
    """A batch that is planned: compared with what is saved under its name, then written.

    Parameters
    ----------
    store : Store
        Where.
    plan : Plan
        Its name, variants and repeats.
    workspace : str
        Where it calls.
    batch_variants : sequence of BatchVariant
        What each row goes through.
    is_named : bool
        Whether the user gave the name: then another table is refused.
    replace_other : bool
        Whether another table takes the name, and the earlier batch is saved under another one.
    is_stream : bool
        Whether its rows come window by window.
    schema_sha256 : mapping of str to str
        Of the Start variables of each deployment.
    reuse : str
        Which answers count when it is opened again, as `reuse.encode_reuse` writes it.
    files : mapping, optional
        Where the files of its runs are saved from now on; by default where they have been.
    """

    def __init__(
        self,
        store: Store,
        plan: Plan,
        workspace: str,
        batch_variants: Sequence[BatchVariant],
        *,
        is_named: bool,
        replace_other: bool,
        is_stream: bool,
        schema_sha256: Mapping[str, str],
        reuse: str,
        files: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(store)
        self._plan = plan
        self._workspace = workspace
        self._own_records = [variant.record for variant in batch_variants]
        self._is_named = is_named
        self._replace_other = replace_other
        self._is_stream = is_stream
        self._schema_sha256 = schema_sha256
        self._reuse = reuse
        self._files = files
        self._before: BatchRecord | None = None
        self._replaces = False
        self._has_begun = False
        """Whether something of this batch object is written: from then on it is that batch, by its number."""
        self._match: TableMatch | None = None
        """Of the window that was compared last; ``None`` where the rows are saved already, to the last cell."""
        self._fingerprint = ""
        self._kept_rows = 0
        """Rows that were saved of it when it was compared."""
        self._count = 0
        """Rows of an iterator that were compared."""
        self._moved: array[int] | None = None
        """Of an iterator: where its rows are saved, once that is not in their order."""
        self._free: dict[int, dict[int, str]] | None = None
        """Then also: the saved rows that none of its rows has found yet."""
        self._behind = 0
        """And the first place behind all of them."""

    @property
    def name(self) -> str:
        return self._plan.name

    @property
    def variant_records(self) -> list[VariantRecord]:
        """The variants that are saved, and behind them those that are new: a place never changes."""
        stored = [] if self._begins or self._before is None else list(self._before.plan.get("arms", ()))
        return stored + [variant for variant in self._own_records if variant not in stored]

    def jobs(self) -> StoredJobs:
        """Return what reads the jobs of this batch object back."""
        return StoredJobs(
            self.store,
            self.id,
            self.variant_records,
            mine=self._plan.variants,
            repeats=self._plan.repeats,
            dtypes=self._before.plan.get("dtypes") if self._before is not None else None,
            positions=self._moved,
        )

    # --- comparing

    def compare(self, window: JobWindow) -> None:
        """Find what is saved under the name, and compare the next window with it: of a table, all of it."""
        self._find()
        self._match = None
        self._kept_rows = 0
        jobs, rows, start = window.jobs, window.rows, window.start
        if self._begins or self._before is None:
            self._fingerprint = "" if self._is_stream else fingerprint(jobs, rows)
            return
        self._kept_rows = self._rows_before(self._before)
        self._fingerprint = "" if self._is_stream else fingerprint(jobs, rows)
        if self._fingerprint and self._before.plan.get("table_sha256") == self._fingerprint:
            self._match = TableMatch(places={}, new=0, strange=0, missing=0)
            return
        table = inputs_by_row(sent_by(window.whole, self.variant_records))
        result = (
            self._compared_window(table, start, len(rows)) if self._is_stream else self._compared_table(table, window)
        )
        if result.is_same or not self._is_named:
            self._match = result
        elif self._replace_other and not self._has_begun:
            self._replace()
            self._kept_rows = 0
        else:
            raise self._refusal(result, len(rows))

    def _rows_before(self, record: BatchRecord) -> int:
        """Return how many rows are saved; before there were revisions the record said how many the last run had."""
        rows = record.plan.get("rows") if "revision" in record.plan else None
        return int(rows) if rows is not None else self.store.rows.count(record.id)

    @property
    def _begins(self) -> bool:
        """Whether the next write begins a batch, rather than to add to one."""
        return self._before is None or (self._replaces and not self._has_begun)

    def _find(self) -> None:
        """Read the record, and check what needs no rows."""
        if self._has_begun:
            self._before = self.store.batches.by_id(self.id)  # under whatever name by now
            if self._before is None:
                raise InputError(f"the batch {short(self.name)} was forgotten while its rows were read")
            return
        self._before = before = self.store.batches.find(self.name, self._workspace)
        self._replaces, self.replaced_ids = False, ()
        self.id = before.id if before is not None else 0
        if before is None:
            return
        self.replaced_ids = tuple(before.plan.get("replaced") or ())
        why = other_table(before, self._own_records, partitions=False)
        if self._is_stream and self._replace_other:
            self._replace()  # whether its rows are others is not known before they have been read
        elif why and self._replace_other:
            self._replace()
        elif why:
            raise refused_name(before, why)

    def _replace(self) -> None:
        """Begin anew under the name; the answers of all that had it before count."""
        self._replaces = True
        earlier = self.store.batches.earlier_ids(self.name, self._workspace)
        self.replaced_ids, self.id = (self.id, *earlier), 0

    def _compared_table(self, table: Mapping[int, RowInputs], window: JobWindow) -> TableMatch:
        """Compare all rows of a table, also where only some of them are planned (``first=``, ``sample=``)."""
        stored = self._all_stored()
        result = match(stored, table, self.variant_records, same=self._same_records(stored, window.rows))
        planned = dict.fromkeys(job.position for job in window.jobs)
        places = {row: position for row, position in result.places.items() if row in planned}
        new = sum(position not in stored for position in places.values())
        return replace(result, places=places, new=new, is_whole=set(places.values()).issuperset(stored))

    def _same_records(self, stored: Mapping[int, Mapping[int, str]], rows: Rows) -> dict[int, int]:
        """Return which rows are saved to the last column, where rows of equal inputs could be mistaken for another."""
        contents = [tuple(sorted(inputs.items())) for inputs in stored.values()]
        if len(set(contents)) == len(contents):
            return {}
        places: dict[str, list[int]] = {}
        for position, line in sorted(self.store.rows.at(self.id, stored).items(), reverse=True):
            places.setdefault(line.record, []).append(position)
        same: dict[int, int] = {}
        for row, record in enumerate(rows.records):
            if free := places.get(encode_json(record)):
                same[row] = free.pop()
        return same

    def _all_stored(self) -> dict[int, dict[int, str]]:
        return self._inputs(self.store.jobs.inputs_of(self.id))

    def _inputs(self, sent: Iterable[tuple[int, int, str]]) -> dict[int, dict[int, str]]:
        by_row = inputs_by_row(sent)
        indices = range(len(self.variant_records))
        if all(variant in indices for inputs in by_row.values() for variant in inputs):
            return by_row
        with self.store.decoding():
            if not self._is_outdated():
                raise DamagedValue("a job belongs to no variant of its batch")
        # Another kernel has added variants since the record was read: `keep` finds so, and this is compared again.
        shared = {
            row: {variant: text for variant, text in inputs.items() if variant in indices}
            for row, inputs in by_row.items()
        }
        return {row: inputs for row, inputs in shared.items() if inputs}

    def _is_outdated(self) -> bool:
        """Whether the record has changed since it was read."""
        return revision_of(self.store.batches.by_id(self.id)) != revision_of(self._before)

    def _compared_window(self, table: Mapping[int, RowInputs], start: int, count: int) -> TableMatch:
        """Compare a window with the rows that are saved at its places."""
        if self._moved is None:
            lines = self.store.jobs.at(self.id, range(start, start + count))
            stored = self._inputs((line.position, line.arm, line.inputs) for line in lines)
            result = match(stored, table, self.variant_records)
            if all(position == row for row, position in result.places.items()):
                return result
            if self._is_named:
                return replace(result, strange=max(1, result.strange), missing=max(1, result.missing))
            self._moved = array("q", range(start))
        # The rows of an unnamed iterator that are others than last time: each finds its place among all that are saved.
        if self._free is None:
            everything, gone_by = self._all_stored(), set(self._moved)
            self._free = {row: inputs for row, inputs in everything.items() if row not in gone_by}
            self._behind = max(everything, default=-1) + 1
        result = match(self._free, table, self.variant_records)
        behind = itertools.count(self._behind)
        places = {row: position if position in self._free else next(behind) for row, position in result.places.items()}
        return replace(result, places=places, is_whole=True)  # its rows have no labels but their places

    def _refusal(self, result: TableMatch, rows: int) -> InputError:
        assert self._before is not None  # noqa: S101 - it was compared with something
        if self._is_stream:
            last = self._count + rows - 1
            which = f"the rows {self._count:,} to {last:,}" if rows > 1 else f"row {last:,}"
            why = f"in {which} of the stream; a list may be in any order"
        else:
            return refused_name(
                self._before,
                other_rows(stored=self._kept_rows, missing=result.missing, rows=rows, strange=result.strange),
            )
        return refused_name(
            self._before, f"has other rows ({why})", called="none of these" if self._count else "nothing"
        )

    # --- writing

    def keep(
        self, window: JobWindow, jobs: Sequence[Job], used: Sequence[int], copies: Sequence[AnswerRow] = ()
    ) -> bool:
        """Write the window that was compared, its `jobs` as they were checked, with the record, in one transaction.

        With it go the answers that stand for its jobs: those that it uses, and `copies` of those that lie in files.
        Returns whether it was written: else another kernel has changed the batch since (it was begun, extended, or
        forgotten), and the window is to be compared and looked up again.
        """
        plan = replace(self._planned(jobs, window.rows, window.start, used), copies=copies)
        batch_id = self.store.keep_plan(plan).result()
        if batch_id == RUNNING:
            raise running_refused(self.name)
        if not batch_id:
            self._free = None
            return False
        facts = {**plan.record.plan, "revision": plan.seen[1] + 1}
        self._before = replace(plan.record, id=batch_id, plan=facts)
        self.id, self._has_begun = batch_id, True
        if plan.earlier_name:
            hooks.frontend().notice(f"The earlier batch {short(self.name)} is saved as {short(plan.earlier_name)}.")
        if self._is_stream:
            self._count += len(window.rows)
            if self._moved is not None and self._free is not None and self._match is not None:
                self._moved.extend(position for _, position in sorted(self._match.places.items()))
                for position in self._match.places.values():
                    self._free.pop(position, None)
                self._behind = max(self._behind, max(self._match.places.values(), default=-1) + 1)
        return True

    def _planned(self, jobs: Sequence[Job], rows: Rows, start: int, used: Sequence[int]) -> BatchPlan:
        old, result, now = self._before, self._match, datetime.now(UTC)
        base: Mapping[str, Any] = {} if self._begins or old is None else old.plan
        index, index_dtypes = rows.index_names, rows.index_dtypes
        job_part: list[JobRow] = []
        row_part: list[StoredRow] = []
        if result is None or result.places:
            job_part = job_lines(jobs, self.variant_records)
            row_part = row_lines(rows, dict.fromkeys(job.position for job in jobs), start)
        if result is not None and any(position != row for row, position in result.places.items()):
            job_part = [line._replace(position=result.places[line.position]) for line in job_part]
            row_part = [line._replace(position=result.places[line.position]) for line in row_part]
        if result is not None and not result.is_whole and (labels := self._labels_that_stay(row_part)):
            row_part = [line._replace(label=labels.get(line.position, line.label)) for line in row_part]
            index, index_dtypes = base.get("index"), base.get("index_dtypes")
        files = self._files or base.get(FILES)
        record = record_of(
            self._plan,
            self._workspace,
            variant_records=self.variant_records,
            rows=self._kept_rows + (len(row_part) if result is None else result.new),
            repeats=max(int(base.get("repeats") or 1), self._plan.repeats),
            schema_sha256={**base.get("schema_sha256", {}), **self._schema_sha256},
            index=index,
            index_dtypes=index_dtypes,
            columns=list(dict.fromkeys([*(base.get("columns") or ()), *rows.columns])),
            dtypes=self._dtypes_of(rows, base),
            table_sha256=self._fingerprint,
            reuse=self._reuse,
            replaced=list(self.replaced_ids),
            replaced_by=list(base.get("replaced_by") or ()),
            **({FILES: dict(files)} if files else {}),
        )
        return BatchPlan(
            record=record,
            seen=revision_of(old),
            rows=row_part,
            jobs=job_part,
            used=used,
            earlier_name=earlier_name(self.store, old, now) if self._begins and old is not None else "",
            owner=self.owner.name if self.owner is not None else "",
            now=now.timestamp(),
        )

    def _dtypes_of(self, rows: Rows, base: Mapping[str, Any]) -> dict[str, Any]:
        """Return the dtypes of all columns: those of a table as it has them now, of a stream as its first window."""
        before: dict[str, Any] = base.get("dtypes", {})
        if self._is_stream:
            return rows.dtypes | before if rows.tabular else before
        return {name: dtype for name, dtype in before.items() if name not in rows.columns} | rows.dtypes

    def _labels_that_stay(self, lines: Sequence[StoredRow]) -> dict[int, str]:
        """Return the labels that stay where a part of the table has labels that other rows of it have."""
        stored = self.store.rows.labels(self.id)
        mine = {line.position for line in lines}
        others = {label for position, label in stored.items() if position not in mine}
        if not others & {line.label for line in lines}:
            return {}
        return {position: stored[position] for position in mine if position in stored}


def other_table(record: BatchRecord, variant_records: Sequence[VariantRecord], *, partitions: bool) -> str:
    """Return why a batch cannot go on under a name, as far as that is known without its rows; empty when it can."""
    if ("parts" in record.plan) != partitions:
        return "was run over partitions" if "parts" in record.plan else "was not run over partitions"
    stored = list(dict.fromkeys(deployment for _, deployment, _ in record.plan.get("arms", ())))
    mine = list(dict.fromkeys(deployment for _, deployment, _ in variant_records))
    if stored and set(stored) != set(mine):
        return f"runs {listed(stored, 'and')}, and this call runs {listed(mine, 'and')}"
    return ""


def other_rows(*, stored: int, missing: int, rows: int, strange: int) -> str:
    """Return why a table is another one than that of `stored` rows: `strange` of its `rows` are none of those."""
    return (
        f"has other rows ({counted(stored, 'row')}, {missing:,} of which this table does not have; of the "
        f"{counted(rows, 'row')} here, {strange:,} {agreeing(strange, 'are')} new)"
    )


def check_name(
    store: Store, name: str, workspace: str, batch_variants: Sequence[BatchVariant], *, partitions: bool
) -> None:
    """Check what can be of a saved name without the rows."""
    record = store.batches.find(name, workspace)
    records = [variant.record for variant in batch_variants]
    if record is not None and (why := other_table(record, records, partitions=partitions)):
        raise refused_name(record, why)


def running_refused(name: str) -> InputError:
    """Return the refusal to replace a running batch, or to run it beside the one that replaced it.

    It is refused where one of both is over partitions: what workers have out, and have answered, is known to others
    only when a partition has ended, so it would be paid for twice.
    """
    return InputError(
        f"the batch {short(name)} is running, and a running batch cannot be replaced if one of the two is over "
        "partitions; nothing was called. Wait for it to end, or cancel it, then run this again"
    )


def refused_name(record: BatchRecord, why: str, *, called: str = "nothing") -> InputError:
    """Return the refusal of another table under a saved name, with the remedies."""
    return InputError(
        Message(
            (
                "the batch {} {}; {} was called. Give another {}, or {}: then the earlier batch is saved as {}, and "
                "equal jobs cost no call"
            ),
            (
                short(record.name),
                why,
                called,
                option("name", ...),
                option("replace", True),
                short(f"{record.name}@<time>"),
            ),
        )
    )


def earlier_name(store: Store, record: BatchRecord, now: datetime) -> str:
    """Return the name under which a batch is saved whose name another one takes: ``pilot@2026-11-27T09:30:00Z``."""
    name = f"{record.name}@{now:%Y-%m-%dT%H:%M:%SZ}"
    return name if store.batches.find(name, record.workspace) is None else f"{record.name}@{now:%Y-%m-%dT%H:%M:%S.%fZ}"


def record_of(
    plan: Plan,
    workspace: str,
    *,
    variant_records: Sequence[VariantRecord],
    rows: int | None,
    repeats: int,
    schema_sha256: Mapping[str, str],
    **facts: Any,
) -> BatchRecord:
    """Return what a batch's name stands for, as it is saved from now on."""
    return BatchRecord(
        name=plan.name,
        workspace=workspace,
        deployment=plan.deployment,
        variants=tuple(label for label, _, _ in variant_records),
        created_at=datetime.now(UTC),
        plan={
            "rows": rows,
            "repeats": repeats,
            "factors": [list(factor) for factor in plan.row_factors],
            "arms": list(variant_records),
            "schema_sha256": dict(schema_sha256),
            **facts,
        },
    )
