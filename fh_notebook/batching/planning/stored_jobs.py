"""Jobs and rows as the store has them: written, and read back window by window.

Rule of this file: as they may be shown. A job whose inputs hold a password is *sealed* when it is read back: it can be
looked at, and not be sent.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from itertools import groupby
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.model import Job, JobColumns
from fh_notebook.batching.planning.table_match import VariantRecord
from fh_notebook.batching.tables.rows import Rows, frame_of_records, index_of, label_of
from fh_notebook.batching.tables.values import plain
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from fh_notebook.store.codec import DamagedValue, decode_all, decode_json, encode_json
from fh_notebook.store.store import Store
from fh_notebook.store.tables.batches import JobKeyRow, JobRow, StoredRow


def job_lines(jobs: Iterable[Job], variant_records: Sequence[VariantRecord]) -> list[JobRow]:
    """Return `jobs` as they are saved; what jobs of a row share is spelt once."""
    indices = {tuple(record): index for index, record in enumerate(variant_records)}
    texts: dict[int, str] = {}
    whole_flags: dict[int, int] = {}
    lines = []
    for job in jobs:
        inputs, metadata = id(job.inputs), id(job.metadata)
        if inputs not in texts:
            texts[inputs], is_whole = shown_text(job)
            whole_flags[inputs] = int(is_whole)
        if metadata not in texts:
            texts[metadata] = encode_json(job.metadata)
        lines.append(
            JobRow(
                position=job.position,
                repeat=job.repeat,
                arm=indices[job.label, job.deployment, job.variant],
                key=job.key,
                inputs=texts[inputs],
                metadata=texts[metadata],
                problems=encode_json([str(problem) for problem in job.problems]) if job.problems else "[]",
                whole=whole_flags[inputs],
            )
        )
    return lines


def sent_by(jobs: Iterable[Job], variant_records: Sequence[VariantRecord]) -> Iterator[tuple[int, int, str]]:
    """Yield position, variant and inputs of `jobs`, as :func:`job_lines` says them."""
    indices = {tuple(record): index for index, record in enumerate(variant_records)}
    return ((job.position, indices[job.label, job.deployment, job.variant], shown_text(job)[0]) for job in jobs)


def shown_text(job: Job) -> tuple[str, bool]:
    """Return the inputs of a job as they are saved, and whether they are whole: nothing in them is masked."""
    shown = job.shown_inputs
    is_whole = shown is job.inputs
    return job.inputs_json if job.inputs_json and is_whole else encode_json(shown), is_whole


def row_lines(rows: Rows, positions: Iterable[int], start: int) -> list[StoredRow]:
    """Return rows as they are saved, by their places in the batch; `start` is that of the first of `rows`."""
    labels, records = rows.stored_labels, rows.records
    return [
        StoredRow(
            position=position,
            label=encode_json(labels[position - start]),
            record=encode_json(records[position - start]),
        )
        for position in positions
    ]


def _problems_of(text: Any) -> tuple[Problem, ...]:
    """Return the stored problems of a job; most have none, of which nothing is decoded."""
    return () if text == "[]" else Problem.of(map(str, decode_json(text, list, "the problems of a job")))


def fingerprint(jobs: Sequence[Job], rows: Rows) -> str:
    """Return what tells whether the same jobs and rows are saved already: writing ten thousand again takes a while."""
    job_values = [[job.position, job.repeat, job.label, job.key] for job in jobs]
    values = encode_json([job_values, rows.index_names, rows.stored_labels, rows.records])
    return sha256(values.encode()).hexdigest()[:16]


WINDOW: Final = 1_000
"""Rows that are read back together."""


class StoredJobs:
    """The jobs of one batch object, read back.

    Parameters
    ----------
    store : Store
        Where they lie.
    batch_id : int
        Of the batch.
    variant_records : sequence of (label, deployment, variant)
        As they are saved: a job names its variant by its place here.
    mine : iterable of str, optional
        The labels of the variants of this batch object; all by default.
    repeats : int, optional
        Of this batch object; all by default.
    index_names : sequence, optional
        Of the source's own index, level by level; without it there was none.
    columns : sequence of str
        All of the source: a cell that is missing is in no saved row, nor is a column of nothing else.
    dtypes : mapping of str to object
        Those of the source's columns, as :attr:`Rows.dtypes` tells them.
    index_dtypes : sequence, optional
        Those of its own index, level by level.
    positions : array of int, optional
        Where the rows of this batch object are saved; in their order, and all, by default.
    """

    def __init__(
        self,
        store: Store,
        batch_id: int,
        variant_records: Sequence[VariantRecord],
        *,
        mine: Iterable[str] | None = None,
        repeats: int | None = None,
        index_names: Sequence[Any] | None = None,
        columns: Sequence[str] = (),
        dtypes: Mapping[str, Any] | None = None,
        index_dtypes: Sequence[Any] | None = None,
        positions: array[int] | None = None,
    ) -> None:
        self._store = store
        self._positions = positions
        self._columns = dict.fromkeys(columns)
        self._dtypes = dtypes
        self._index_names = index_names
        self._index_dtypes = index_dtypes
        self._batch_id = batch_id
        self._variant_records = list(variant_records)
        labels = [label for label, _, _ in variant_records] if mine is None else list(mine)
        ranks = {label: rank for rank, label in enumerate(labels)}
        self._ranks = {index: ranks[label] for index, (label, _, _) in enumerate(variant_records) if label in ranks}
        """The places of the variants of this batch object, in its order."""
        self._repeats = repeats

    def windows(self, *, most: int | None = None) -> Iterator[list[Job]]:
        """Yield the jobs in the plan's order, numbered from 0; at most so many."""
        for columns in self.columns(most=most):
            yield [columns.job(place) for place in range(len(columns))]

    def columns(self, *, most: int | None = None) -> Iterator[JobColumns]:
        """Yield the jobs of :meth:`windows` as columns; what was asked of them and their rows are read when needed."""
        number = 0
        for lines in self._windows_of_rows():
            chosen = lines if most is None else lines[: max(most - number, 0)]
            if chosen:
                with self._store.decoding():
                    columns = self._columns_of(chosen, number)
                yield columns
            number += len(chosen)
            if most is not None and number >= most:
                return

    def _columns_of(self, lines: list[JobKeyRow], first: int) -> JobColumns:
        positions, repeats, arms, keys, invalid = zip(*lines, strict=True)
        if not 0 <= min(arms) <= max(arms) < len(self._variant_records):
            raise DamagedValue("a job belongs to no variant of its batch")
        variants = [label for label, _, _ in self._variant_records]

        # As texts, and nothing of `lines` is kept: of them, the garbage collector has no object to look at.
        @cache
        def rows() -> tuple[Mapping[int, str], Mapping[int, str]]:
            stored = self._store.rows.at(self._batch_id, dict.fromkeys(positions))
            return {at: row.label for at, row in stored.items()}, {at: row.record for at, row in stored.items()}

        @cache
        def labels() -> list[Any]:
            texts, _ = rows()
            with self._store.decoding():
                decoded = decode_all(list(texts.values()), object, "the label of a row")
            by_position = dict(zip(texts, map(label_of, decoded), strict=True))
            return [by_position.get(position, position) for position in positions]

        @cache
        def whole() -> Mapping[tuple[int, int, int], JobRow]:
            return {line[:3]: line for line in self._store.jobs.at(self._batch_id, dict.fromkeys(positions))}

        def job(place: int) -> Job:
            line = whole().get((positions[place], repeats[place], arms[place]))
            if line is None:
                raise InputError("the batch was forgotten, and with it the inputs of its jobs; run it again")
            with self._store.decoding():
                return self._job(line, labels()[place], first + place)

        def records(places: Sequence[int]) -> list[dict[str, Any]]:
            wanted = [positions[place] for place in places]
            _, texts = rows()
            there = [position for position in dict.fromkeys(wanted) if position in texts]
            with self._store.decoding():
                stored = decode_all([texts[position] for position in there], dict, "a row")
            by_position = {position: self._columns | record for position, record in zip(there, stored, strict=True)}
            return [by_position.get(position, self._columns) for position in wanted]

        return JobColumns(
            numbers=range(first, first + len(positions)),
            positions=positions,
            variants=[variants[arm] for arm in arms],
            repeats=repeats,
            keys=keys,
            invalid=list(map(bool, invalid)),
            secret=[False] * len(positions),
            job=job,
            labels=labels,
            records=records,
        )

    def _windows_of_rows(self) -> Iterator[list[JobKeyRow]]:
        """Yield the jobs of this batch object, whole rows at a time, as the plan orders them."""
        if self._positions is not None:
            for begin in range(0, len(self._positions), WINDOW):
                positions = self._positions[begin : begin + WINDOW]
                by_row = {
                    row: list(lines)
                    for row, lines in groupby(
                        self._store.jobs.keys_at(self._batch_id, positions), key=lambda line: line.position
                    )
                }
                yield self._ordered([line for position in positions for line in by_row.get(position, ())])
            return
        cut: list[JobKeyRow] = []
        for lines in self._store.jobs.key_windows(self._batch_id, window=WINDOW):
            lines = cut + lines
            last = lines[-1].position  # the next window may have more of this row
            cut = [line for line in lines if line.position == last]
            yield self._ordered(lines[: len(lines) - len(cut)])
        yield self._ordered(cut)

    def _ordered(self, lines: list[JobKeyRow]) -> list[JobKeyRow]:
        mine = [
            line
            for line in lines
            if line.arm in self._ranks and (self._repeats is None or line.repeat <= self._repeats)
        ]
        if list(self._ranks) == sorted(self._ranks, key=self._ranks.__getitem__):
            return mine  # the store's own order
        ordered = []
        for _, row in groupby(mine, key=lambda line: line.position):
            ordered += sorted(row, key=lambda line: (line.repeat, self._ranks[line.arm]))
        return ordered

    def _job(self, line: JobRow, label: Any, number: int) -> Job:
        variant_label, deployment, variant = self._variant_records[line.arm]
        return Job(
            number=number,
            position=line.position,
            row=label,
            deployment=deployment,
            variant=variant,
            variant_label=variant_label,
            repeat=line.repeat,
            inputs=decode_json(line.inputs, dict, "the inputs of a job"),
            metadata=decode_json(line.metadata, dict, "the metadata of a job"),
            key=line.key,
            problems=_problems_of(line.problems),
            sealed=not line.whole,
        )

    def records_at(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows at `positions` as JSON values, by column, a missing cell as ``None``."""
        return [{**self._columns, **record} for _, record in self._rows_at(positions)]

    def take(self, positions: Sequence[int]) -> pd.DataFrame:
        """Return the source columns of the rows at `positions`, under the source's own index, or one from 0."""
        rows = self._rows_at(positions)
        columns = self._columns | dict.fromkeys(name for _, record in rows for name in record)
        records = [{name: plain(v) for name, v in record.items()} for _, record in rows]
        frame = frame_of_records(records, columns, self._dtypes)
        return frame.set_axis(index_of([label for label, _ in rows], self._index_names, self._index_dtypes), axis=0)

    def _rows_at(self, positions: Sequence[int]) -> list[tuple[Any, dict[str, Any]]]:
        """Return what is saved of rows: label and record each."""
        stored = self._store.rows.at(self._batch_id, set(positions))
        with self._store.decoding():
            rows = {
                position: (
                    decode_json(line.label, object, "the label of a row"),
                    decode_json(line.record, dict, "a row"),
                )
                for position, line in stored.items()
            }
        return [rows.get(position, (position, {})) for position in positions]
