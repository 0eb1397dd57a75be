"""Join of workspaces: copy one workspace of the store into another, with answers and ratings.

A new key of the same workspace is another workspace here, unless ``fh.configure(workspace=...)`` names it, because job
keys contain its name. Nothing is joined automatically, because two keys of one host may be two workspaces; the source
is not changed, and what is not copied is reported.

- A copy is planned first, then written in one transaction. A job key is computed anew only where the old one is
  reproduced from the same inputs. A call without an outcome is copied as an answer that may have run.
- A rating identifies what was read by a hash that contains the keys of the runs, so the copy gets a new hash. It is
  computed only where the old one is reproduced; a rating of an output that is not stored stays with the source alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import product
from typing import Any, Final, NamedTuple

from fh_notebook.batching.planning.plan import NAME_DIGITS, hashed_name
from fh_notebook.batching.planning.sources import WINDOW
from fh_notebook.batching.planning.stored_batch import earlier_name, other_table
from fh_notebook.batching.planning.table_match import VariantRecord, inputs_by_row, match
from fh_notebook.batching.tables.rating_hash import item_of
from fh_notebook.batching.tables.rows import label_of
from fh_notebook.contract.job_key import job_key
from fh_notebook.contract.run import Run
from fh_notebook.core import hooks
from fh_notebook.core.config.urls import LOCAL
from fh_notebook.core.text.formatting import in_words, nearest, one_line, short
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.session import session
from fh_notebook.store.codec import DamagedValue, decode_json, moment_of
from fh_notebook.store.retention import ForgetFilter
from fh_notebook.store.store import Store
from fh_notebook.store.tables.answers import AnswerRow, row_of_run
from fh_notebook.store.tables.batches import REPLACED, BatchRecord, JobRow
from fh_notebook.store.tables.plans import revision_of
from fh_notebook.store.tables.ratings import RatingRow
from fh_notebook.store.workspace_copy import BatchCopy, CopyResult, OpenCall


class _Read(NamedTuple):
    """One output that may have been rated."""

    position: int
    """Of its row, in the source."""
    variant: str
    key: str
    output: Any


def copied_ratings(store: Store, copy: BatchCopy, batch: int) -> list[RatingRow]:
    """Return the ratings of a batch as they are to be saved of its copy, the batch of that number.

    Their names (`uid`) are made of those of the ratings, so that a second copy is the same line.
    """
    lines = store.ratings.of_batch(copy.source.name, copy.source.workspace)
    if not lines:
        return []
    outputs = _outputs(store, copy)
    labels = _labels(store, copy.source.id)
    there = _labels(store, batch)
    ratings = []
    for line in lines:
        row = decode_json(line.row, object, "a rating")
        for read in _candidates(line, [position for position, label in labels.items() if label == row], outputs):
            if item_of(row, [(output.variant, output.key, output.output) for output in read]) == line.item:
                new_row = there.get(copy.places[read[0].position], row)
                item = item_of(new_row, [(output.variant, copy.keys[output.key], output.output) for output in read])
                uid = sha256(f"{line.uid} {copy.record.workspace}".encode()).hexdigest()[:32]
                ratings.append(
                    replace(
                        line,
                        uid=uid,
                        item=item,
                        batch=copy.record.name,
                        workspace=copy.record.workspace,
                        row=json.dumps(new_row),
                    )
                )
                break
    return ratings


def _labels(store: Store, batch: int) -> dict[int, Any]:
    """Return the labels of a batch's rows, by position."""
    labels = store.rows.labels(batch)
    return {position: label_of(decode_json(label, object, "a row")) for position, label in labels.items()}


def _candidates(
    line: RatingRow, positions: list[int], outputs: Mapping[tuple[int, str], list[_Read]]
) -> Iterator[tuple[_Read, ...]]:
    """Yield what a rating may be of: the outputs of its row, of one variant or of each two."""
    variants = [line.a] if line.b is None else [line.a, line.b]
    for position in positions:
        yield from product(*(outputs.get((position, variant), ()) for variant in variants))


def _outputs(store: Store, copy: BatchCopy) -> dict[tuple[int, str], list[_Read]]:
    """Return the outputs of a batch's rows that are copied, by place and variant; the newest of each job first."""
    labels = [label for label, _, _ in copy.source.plan.get("arms", ())]
    by_key: dict[str, list[Any]] = {}
    for window in store.jobs.windows(copy.source.id):
        ids = [summary.id for summary in store.answers.of_jobs({job.key for job in window}, batches=[copy.source.id])]
        answers = store.answers.by_ids(ids)
        for answer in (answers[number] for number in dict.fromkeys(ids) if number in answers):
            if answer.status == "completed":
                by_key.setdefault(answer.key, []).append(answer.run.output)
    outputs: dict[tuple[int, str], list[_Read]] = {}
    for window in store.jobs.windows(copy.source.id):
        for job in window:
            if job.key in copy.keys:
                reads = [_Read(job.position, labels[job.arm], job.key, output) for output in by_key.get(job.key, ())]
                outputs.setdefault((job.position, labels[job.arm]), []).extend(reads)
    return outputs


@dataclass(frozen=True, slots=True)
class _WorkspaceJob:
    """One job with its keys in both workspaces."""

    line: JobRow
    """As the target has it, apart from its place; with the new key."""
    named: tuple[str, str]
    """The keys by which the batch was named: those of inputs that do not fit, too, which have no key later."""
    old: str


class PlannedCopy:
    """The copy of one batch, as it is to be written.

    Parameters
    ----------
    store : Store
        Where both workspaces are.
    record : BatchRecord
        The batch.
    target : str
        The workspace that it is copied into.
    """

    def __init__(self, store: Store, record: BatchRecord, target: str) -> None:
        self._store = store
        self._source = record
        self._target = target
        self._variant_records: list[VariantRecord] = [list(record) for record in record.plan.get("arms", ())]
        lines = [line for window in store.jobs.windows(record.id) for line in window]
        jobs = [self._job(line) for line in lines]
        is_whole = all(job.line.key or not job.old for job in jobs)
        # Where no key can be computed, rows of which none was called are no batch of their own.
        copied = [job for job in jobs if job.line.key or not job.old]
        self._jobs = copied if is_whole or any(job.line.key for job in copied) else []
        is_hashed = re.fullmatch(rf".+-[0-9a-f]{{{NAME_DIGITS}}}", record.name, re.DOTALL) is not None
        hashed_name = self._hashed_name(jobs) if is_hashed and is_whole else ""
        self.name = hashed_name or record.name
        """The name that the same cell has in the target."""
        self.is_unverified = is_hashed and not hashed_name
        self.copy = self._planned(is_unnamed=bool(hashed_name))

    def _job(self, line: JobRow) -> _WorkspaceJob:
        if not 0 <= line.arm < len(self._variant_records):
            raise DamagedValue("a job belongs to no variant of its batch")
        _, deployment, variant = self._variant_records[line.arm]
        inputs = decode_json(line.inputs, dict, "a job")
        try:
            old, new = (
                job_key(workspace, deployment, variant, inputs, line.repeat)
                for workspace in (self._source.workspace, self._target)
            )
        except (ValueError, TypeError, RecursionError):
            old = new = ""  # such inputs have no key, so they were not called
        is_same = bool(line.key) and line.key == old
        return _WorkspaceJob(line.with_key(new if is_same else ""), (old, new), line.key)

    def _hashed_name(self, jobs: Sequence[_WorkspaceJob]) -> str:
        """Return the name that an unnamed batch has in the target; empty where its own cannot be computed again.

        A table is named by all of its rows (of a pilot only some are saved), an iterator by its first window.
        """
        deployment = self._source.name[: -NAME_DIGITS - 1]
        labels = [label for label, _, _ in self._variant_records]
        first = [job for job in jobs if job.line.position < WINDOW]
        for part in (jobs, first):
            for pairs in ([job.named for job in part], [(job.old, job.line.key) for job in part]):
                if hashed_name(deployment, labels, (old for old, _ in pairs)) == self._source.name:
                    return hashed_name(deployment, labels, (new for _, new in pairs))
        return ""

    # --- where it goes

    def _planned(self, *, is_unnamed: bool) -> BatchCopy:
        lines = [job.line for job in self._jobs]
        base = BatchCopy(
            source=self._source,
            record=self._source,
            keys={job.old: job.line.key for job in self._jobs if job.old},
            repeats=int(self._source.plan.get("repeats") or 1),
            may_have_run=self._may_have_run(),
        )
        existing = self._store.batches.find(self.name, self._target)
        for there in (existing, *self._earlier(self.name)) if existing is not None else ():
            if (added := self._added(there, lines, always=is_unnamed)) is not None:
                record, places, new = added
                return replace(base, record=record, seen=revision_of(there), places=places, jobs=new)
        record = replace(
            self._source,
            id=0,
            name=self.name,
            workspace=self._target,
            plan={
                **self._source.plan,
                "rows": len({line.position for line in lines}),
                "table_sha256": "",  # it was made of the keys
                **dict.fromkeys(REPLACED, ()),  # by numbers of the source; see `workspace_copy.link_copies`
                "revision": 1,
            },
        )
        if existing is not None:
            record = replace(record, name=earlier_name(self._store, record, datetime.now(UTC)))
        return replace(base, record=record, places={line.position: line.position for line in lines}, jobs=lines)

    def _earlier(self, name: str) -> Iterator[BatchRecord]:
        """Yield the batches of the target that had a name before, or were copied beside another table of that name."""
        for record in self._store.batches.every():
            if record.workspace == self._target and record.name.startswith(f"{name}@"):
                yield record

    def _added(
        self, there: BatchRecord, lines: Sequence[JobRow], *, always: bool
    ) -> tuple[BatchRecord, dict[int, int], list[JobRow]] | None:
        """Return what a batch of the target becomes, where each row lies in it, and the jobs that it lacks.

        ``None`` where it is another table; an unnamed batch (`always`) is the same one by its name.
        """
        if other_table(there, self._variant_records, partitions=False):
            return None
        stored = [line for window in self._store.jobs.windows(there.id) for line in window]
        variant_records: list[VariantRecord] = [list(record) for record in there.plan.get("arms", ())]
        variant_records += [record for record in self._variant_records if record not in variant_records]
        indices = [variant_records.index(record) for record in self._variant_records]
        moved = [line.at(position=line.position, arm=indices[line.arm]) for line in lines]
        rows, added = (inputs_by_row((x.position, x.arm, x.inputs) for x in part) for part in (stored, moved))
        result = match(rows, added, variant_records)
        if bool(stored) != bool(lines) or not (result.is_same or always):
            return None
        stored_places = {(line.position, line.repeat, line.arm) for line in stored}
        moved = [line.at(position=result.places[line.position], arm=line.arm) for line in moved]
        new = [line for line in moved if (line.position, line.repeat, line.arm) not in stored_places]
        target_plan, source_plan = there.plan, self._source.plan
        plan = {
            **target_plan,
            "rows": len(rows) + result.new,
            "repeats": max(int(target_plan.get("repeats") or 1), int(source_plan.get("repeats") or 1)),
            "arms": variant_records,
            "schema_sha256": {**source_plan.get("schema_sha256", {}), **target_plan.get("schema_sha256", {})},
            "columns": list(dict.fromkeys([*(target_plan.get("columns") or ()), *(source_plan.get("columns") or ())])),
            "table_sha256": "",
            "revision": revision_of(there)[1] + 1,
        }
        record = replace(there, variants=tuple(label for label, _, _ in variant_records), plan=plan)
        return record, dict(result.places), new

    def _may_have_run(self) -> list[AnswerRow]:
        """Return the calls that have no outcome as answers of the target: they must not be paid for twice."""
        open_calls = {call.key: call for call in self._store.workspaces.open_calls(self._source.id)}
        return [
            self._unknown(job, open_calls.pop(job.old)) for job in self._jobs if job.line.key and job.old in open_calls
        ]

    def _unknown(self, job: _WorkspaceJob, call: OpenCall) -> AnswerRow:
        _, deployment, variant = self._variant_records[job.line.arm]
        why = "its outcome had not arrived yet" if call.is_waited_for else "the process that called it had ended"
        run = Run(
            status="unknown",
            error=f"{why} when it was copied from the workspace {self._source.workspace}; it may have run",
            error_code="not_delivered" if call.is_waited_for else "process_ended",
            attempts=1,
            deployment=deployment,
            variant=variant,
            inputs=decode_json(job.line.inputs, dict, "a job"),
            metadata=decode_json(job.line.metadata, dict, "a job"),
        )
        since = moment_of(call.since, "a claim")
        return row_of_run(run, key=job.line.key, workspace=self._target, batch=None, kept_at=since)


SHOWN: Final = 5
"""Names in one sentence: more are not read."""


def host_of(workspace: str) -> str:
    """Return the host of a workspace, without its label."""
    return workspace.partition("#")[0]


# --- joining


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Joined:
    """What a join has copied, and what it has not. Its `str` says all of it in words."""

    from_workspace: str
    into_workspace: str
    answers: int = 0
    batches: int = 0
    """Batches of which rows or answers were copied."""
    scores: int = 0
    ratings: int = 0
    """Of the outputs that were copied; ratings of others stay with the source alone."""
    corrections: int = 0
    """Corrections of expected outputs."""
    unknown: int = 0
    """Calls without an outcome: in the target they are ``unknown``, and are not sent again by themselves."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Batches whose name another table has in the target: the name, and what the copy is called there."""
    masked: int = 0
    """Answers that are not copied: a password in their inputs is masked, so their keys cannot be computed."""
    over_partitions: tuple[str, ...] = ()
    """Batches that are not copied: their answers lie in Parquet files."""
    unnamed: tuple[str, ...] = ()
    """Copied batches whose cells have another name in the target, which cannot be computed: not all rows are saved."""

    def __repr__(self) -> str:
        parts = [counted(self.answers, "answer"), counted(self.batches, "batch", "batches")]
        parts += [counted(self.scores, "score"), counted(self.ratings, "rating")]
        parts += [counted(self.corrections, "correction")] if self.corrections else []
        return f"{', '.join(parts)} copied from {self.from_workspace} to {self.into_workspace}"

    def __str__(self) -> str:
        sentences = [f"{self!r}."]
        if self.renamed:
            copies = _names(f"{name} is saved as {copy}" for name, copy in self.renamed)
            sentences.append(f"Another table already has the name there, so {copies}.")
        if self.unknown:
            calls = f"{counted(self.unknown, 'call')} without an outcome {'is' if self.unknown == 1 else 'are'}"
            sentences.append(f"{calls} unknown there (may have run).")
        if self.unnamed:
            sentences.append(
                f"Not all rows of {_names(self.unnamed)} are saved, so the same cell uses another name there; "
                "reuse='store' reuses the answers."
            )
        if self.masked:
            masked = counted(self.masked, "answer")
            sentences.append(f"Not copied: {masked} to inputs with a password, which is not saved.")
        if self.over_partitions:
            label = self.from_workspace.partition("#")[2]
            sentences.append(
                f"Not copied: {_names(self.over_partitions)}, run over partitions (the answers are in files); "
                f"fh.configure(workspace={json.dumps(label, ensure_ascii=False)}) continues them under any key."
            )
        return " ".join(sentences)


def _names(names: Iterable[str]) -> str:
    lines = [one_line(name, 120) for name in names]
    more = [f"{len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
    return in_words([*lines[:SHOWN], *more], "and")


def join_workspaces(from_workspace: str, into_workspace: str) -> Joined:
    """Copy what is saved of one workspace into another; see :func:`fh_notebook.store.join`."""
    store = session.store()
    if store is None:
        raise SettingsError("nothing is saved (store=None), so there is nothing to join")
    _check_names(store, from_workspace, into_workspace)
    store.keep_owed()
    for workspace in (from_workspace, into_workspace):
        if running := store.running(ForgetFilter(workspace=workspace)):
            name = next(iter(running.values()))
            raise SettingsError(
                f"the batch {short(name)} of {workspace} is running; wait for it or cancel it, then join"
            )
    with store.decoding():
        joined = _Join(store, from_workspace, into_workspace).run()
    hooks.frontend().notice(str(joined))
    return joined


def _check_names(store: Store, source: Any, target: Any) -> None:
    stored = [line.name for line in store.workspaces.every()]
    _check_name(source, stored)
    if target not in stored:
        # A new key has no answers yet: its workspace is known by the client that asks with it.
        in_use = session.workspaces_in_use()
        with suppress(SettingsError):
            in_use += [session.client_for(None).workspace] if target not in in_use else []
        _check_name(target, [*stored, *in_use])
    if source == target:
        raise InputError(f"{source} cannot be joined with itself; give two workspaces of fh.store.workspaces()")
    if (host_of(source) == LOCAL) != (host_of(target) == LOCAL):
        raise InputError(
            f"{source} and {target} are a local hive and a service, which answer differently; give two workspaces "
            "of one host"
        )


def _check_name(name: Any, names: Sequence[str]) -> None:
    if isinstance(name, str) and name in names:
        return
    close = nearest(name, names) if isinstance(name, str) else None
    suggestion = f"did you mean {close!r}? " if close else ""
    there = f"it contains {_names(dict.fromkeys(names))}" if names else "it is empty"
    raise InputError(f"the store has no workspace {short(name)}; {suggestion}fh.store.workspaces() lists them: {there}")


class _Join:
    """One join, batch by batch: each is planned from what is read, then written in one transaction."""

    def __init__(self, store: Store, source: str, target: str) -> None:
        self._store = store
        self._source = source
        self._target = target
        self._copies: list[tuple[int, BatchCopy]] = []
        """Numbers of batches in the target, and how they were copied."""
        self._numbers: dict[int, int] = {}
        """Number of an answer in the source -> of what stands for it in the target."""
        self._joined = Joined(from_workspace=source, into_workspace=target)

    def run(self) -> Joined:
        for record in reversed([record for record in self._store.batches.every() if record.workspace == self._source]):
            if "parts" in record.plan:
                over_partitions = (*self._joined.over_partitions, record.name)
                self._joined = replace(self._joined, over_partitions=over_partitions)
            else:
                self._copy_batch(record)
        self._store.workspaces.link_copies({copy.source.id: target for target, copy in self._copies}).result()
        after = 0
        while True:
            copied = self._store.workspaces.copy_runs(self._source, self._target, after).result()
            self._count(copied)
            if not copied.last:
                break
            after = copied.last
        for target, copy in self._copies:
            used = [self._numbers[n] for n in self._store.uses.of_batch(copy.source.id) if n in self._numbers]
            self._store.uses.keep(target, used).result()
            if ratings := copied_ratings(self._store, copy, target):
                new, _ = self._store.ratings.merge(ratings).result()
                self._joined = replace(self._joined, ratings=self._joined.ratings + new)
        corrections = self._store.corrections.copy(self._source, self._target).result()
        self._joined = replace(self._joined, corrections=corrections)
        return self._joined

    def _copy_batch(self, record: BatchRecord) -> None:
        while True:
            planned = PlannedCopy(self._store, record, self._target)
            copied = self._store.workspaces.copy_batch(planned.copy).result()
            if copied is not None:
                break
            current = self._store.batches.by_id(record.id)
            if current is None:
                return  # forgotten meanwhile
            record = current
        self._count(copied)
        if not copied.batch:
            return
        # What is left to do needs no jobs.
        self._copies.append((copied.batch, replace(planned.copy, jobs=(), may_have_run=())))
        has_new = bool(copied.answers or copied.unknown or planned.copy.jobs)
        joined = self._joined
        kept_as = planned.copy.record.name
        renamed = ((record.name, kept_as),) if has_new and kept_as not in (record.name, planned.name) else ()
        unnamed = (record.name,) if has_new and planned.is_unverified else ()
        self._joined = replace(
            joined,
            batches=joined.batches + has_new,
            renamed=(*joined.renamed, *renamed),
            unnamed=(*joined.unnamed, *unnamed),
        )

    def _count(self, copied: CopyResult) -> None:
        self._numbers |= copied.numbers
        joined = self._joined
        self._joined = replace(
            joined,
            answers=joined.answers + copied.answers,
            scores=joined.scores + copied.scores,
            unknown=joined.unknown + copied.unknown,
            masked=joined.masked + copied.lost,
        )
