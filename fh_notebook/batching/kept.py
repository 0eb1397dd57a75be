"""The jobs and rows of a batch in the store: written as they are planned, and read back window by window.

Rule of this file: as they may be shown. A job whose inputs hold a password is *sealed* when it is read back: it can be
looked at, and not be sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pandas as pd

from fh_notebook.batching.arms import Arm
from fh_notebook.batching.cells import plain
from fh_notebook.batching.job import Job
from fh_notebook.batching.labels import index_of, label_of
from fh_notebook.batching.plan import Plan
from fh_notebook.batching.rows import Rows, frame_of_records
from fh_notebook.contract.spell import listed, short
from fh_notebook.errors import SettingsError
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.damage import Damaged, json_of
from fh_notebook.store.jobs import JobLine
from fh_notebook.store.rows import RowLine
from fh_notebook.store.spelling import spelt
from fh_notebook.store.store import Store

__all__ = ["ArmRecord", "KeptJobs", "check_name", "fingerprint", "job_lines", "joined_arms", "record_of", "row_lines"]

ArmRecord = list[str]
"""Label, deployment, variant: as JSON keeps it."""


def check_name(record: BatchRecord | None, arms: Sequence[Arm]) -> None:
    """Check that a name which is kept goes on with the deployments that it was begun with.

    More rows, variants and repeats extend a batch. Another deployment does not: where the variants have the same names,
    no table would tell the answers of the two from each other.

    Raises
    ------
    SettingsError
        It is another one; with the cure.
    """
    if record is None:
        return
    kept = list(dict.fromkeys(deployment for _, deployment, _ in record.plan.get("arms", ())))
    mine = list(dict.fromkeys(arm.deployment for arm in arms))
    if kept and set(kept) != set(mine):
        paid = ', with reuse="store" for the answers that are paid for' if set(kept) & set(mine) else ""
        raise SettingsError(
            f"the batch {short(record.name)} is one of {listed(kept, 'and')}, not of {listed(mine, 'and')}; "
            f"give another name={paid}, or remove it: fh.forget({record.name!r})"
        )


def joined_arms(record: BatchRecord | None, arms: Sequence[Arm]) -> list[ArmRecord]:
    """Return the arms that are kept of a batch, and behind them those of `arms` that are new: a place never changes.

    Raises
    ------
    SettingsError
        The batch is one of another deployment.
    """
    check_name(record, arms)
    known: list[ArmRecord] = list(record.plan.get("arms", ())) if record is not None else []
    mine = [[arm.label, arm.deployment, arm.variant] for arm in arms]
    return known + [arm for arm in mine if arm not in known]


def record_of(
    plan: Plan, workspace: str, *, arms: Sequence[ArmRecord], hashes: Mapping[str, str], **facts: Any
) -> BatchRecord:
    """Return what a batch's name stands for, as it is kept from now on.

    Parameters
    ----------
    plan : Plan
        The batch's.
    workspace : str
        Where it calls.
    arms : sequence of list of str
        All that it has had so far.
    hashes : mapping of str to str
        Of the Start variables of each deployment.
    **facts
        What its kind of rows needs, as JSON values.
    """
    return BatchRecord(
        name=plan.name,
        workspace=workspace,
        deployment=plan.deployment,
        variants=plan.variants,
        created_at=datetime.now(UTC),
        plan={
            "rows": plan.rows,
            "repeats": plan.repeats,
            "jobs": plan.jobs or None,
            "arms": list(arms),
            "schema_sha256": dict(hashes),
            **facts,
        },
    )


def job_lines(jobs: Iterable[Job], kept_arms: Sequence[ArmRecord]) -> list[JobLine]:
    """Return `jobs` as they are kept; what jobs of a row share is spelt once."""
    places = {tuple(arm): place for place, arm in enumerate(kept_arms)}
    texts: dict[int, str] = {}
    whole: dict[int, int] = {}
    lines = []
    for job in jobs:
        inputs, metadata = id(job.inputs), id(job.metadata)
        if inputs not in texts:
            shown = job.shown_inputs
            whole[inputs] = int(shown is job.inputs)
            texts[inputs] = job.spelt if job.spelt and whole[inputs] else spelt(shown)
        if metadata not in texts:
            texts[metadata] = spelt(job.metadata)
        lines.append(
            JobLine(
                position=job.position,
                repeat=job.repeat,
                arm=places[job.label, job.deployment, job.variant],
                key=job.key,
                inputs=texts[inputs],
                metadata=texts[metadata],
                problems=spelt(job.problems) if job.problems else "[]",
                whole=whole[inputs],
            )
        )
    return lines


def row_lines(rows: Rows, positions: Iterable[tuple[int, int]]) -> list[RowLine]:
    """Return rows as they are kept: each place in the batch with its place in `rows`."""
    labels = rows.kept_labels
    return [
        RowLine(position=place, label=spelt(labels[here]), record=spelt(rows.records[here]))
        for place, here in positions
    ]


def fingerprint(jobs: Sequence[Job], rows: Rows) -> str:
    """Return what tells whether the same jobs and rows are kept already: writing ten thousand again takes a while."""
    told = [[job.position, job.repeat, job.label, job.key] for job in jobs]
    return sha256(spelt([told, rows.index_names, rows.kept_labels, rows.records]).encode()).hexdigest()[:16]


class KeptJobs:
    """The jobs of one batch object, read back.

    Parameters
    ----------
    store : Store
        Where they lie.
    batch_id : int
        Of the batch.
    arms : sequence of (label, deployment, variant)
        As they are kept: a job names its arm by its place here.
    mine : iterable of str, optional
        The labels of the arms of this batch object; all by default.
    repeats : int, optional
        Of this batch object; all by default.
    index_names : sequence, optional
        Of the source's own index, level by level; without it there was none.
    columns : sequence of str
        All of the source: a cell that is missing is in no kept row, nor is a column of nothing else.
    """

    def __init__(
        self,
        store: Store,
        batch_id: int,
        arms: Sequence[ArmRecord],
        *,
        mine: Iterable[str] | None = None,
        repeats: int | None = None,
        index_names: Sequence[Any] | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        self._store = store
        self._columns = dict.fromkeys(columns)
        self._index_names = index_names
        self._batch_id = batch_id
        self._arms = list(arms)
        wanted = {label for label, _, _ in arms} if mine is None else set(mine)
        self._mine = {place for place, (label, _, _) in enumerate(arms) if label in wanted}
        self._repeats = repeats

    def windows(self, *, most: int | None = None) -> Iterator[list[Job]]:
        """Yield the jobs in the plan's order, numbered from 0; at most so many."""
        number = 0
        for lines in self._store.jobs_of(self._batch_id):
            rows = self._store.rows_of(self._batch_id, {line.position for line in lines})
            window = []
            for line in lines:
                if line.arm not in self._mine or (self._repeats is not None and line.repeat > self._repeats):
                    continue
                if most is not None and number >= most:
                    break
                with self._store.decoding():
                    window.append(self._job(line, rows.get(line.position), number))
                number += 1
            if window:
                yield window
            if most is not None and number >= most:
                return

    def _job(self, line: JobLine, row: RowLine | None, number: int) -> Job:
        if not 0 <= line.arm < len(self._arms):
            raise Damaged("a job is one of no arm of its batch")
        label, deployment, variant = self._arms[line.arm]
        return Job(
            number=number,
            position=line.position,
            row=label_of(json_of(row.label, object, "the label of a row")) if row is not None else line.position,
            deployment=deployment,
            variant=variant,
            arm=label,
            repeat=line.repeat,
            inputs=json_of(line.inputs, dict, "the inputs of a job"),
            metadata=json_of(line.metadata, dict, "the metadata of a job"),
            key=line.key,
            problems=tuple(map(str, json_of(line.problems, list, "the problems of a job"))),
            sealed=not line.whole,
        )

    def records_at(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows at `positions` as JSON values, by column, a missing cell as ``None``."""
        return [{**self._columns, **record} for _, record in self._rows_at(positions)]

    def take(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return the source columns of the rows at `positions`, under the source's own index, or one from 0."""
        rows = self._rows_at(positions)
        columns = self._columns | dict.fromkeys(name for _, record in rows for name in record)
        taken = frame_of_records([{name: plain(v) for name, v in record.items()} for _, record in rows], columns)
        return taken.set_axis(index_of([label for label, _ in rows], self._index_names), axis=0)

    def _rows_at(self, positions: Sequence[int]) -> list[tuple[Any, dict[str, Any]]]:
        """Return what is kept of rows: label and record each."""
        found = self._store.rows_of(self._batch_id, set(positions))
        with self._store.decoding():
            rows = {
                place: (json_of(line.label, object, "the label of a row"), json_of(line.record, dict, "a row"))
                for place, line in found.items()
            }
        return [rows.get(place, (place, {})) for place in positions]
