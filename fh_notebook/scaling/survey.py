"""Survey of a partition on a worker: its jobs, its problems and the hashes of its rows, before anything is called.

Nothing is called or stored. All partitions are surveyed before the first paid call, so that invalid inputs are reported
together, as on one machine.

Row hashes compare a table with the stored rows of a batch, as `batching/planning/table_match.py` does for rows in
memory. Two rows are equal where each variant that both go through is sent the same inputs; without a variant in common,
where one deployment is sent the same inputs. The notebook holds 8 bytes for each row and mapping of inputs, and no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b, sha256
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.model import Job
from fh_notebook.batching.planning.mapping import labels_repeat
from fh_notebook.batching.planning.plan import BatchVariant
from fh_notebook.batching.planning.planner import Planner, refused
from fh_notebook.batching.planning.stored_jobs import shown_text
from fh_notebook.batching.planning.table_match import VariantRecord
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import Rows, labels_of
from fh_notebook.core.text.messages import Message
from fh_notebook.errors import InputError
from fh_notebook.scaling.protocol import HASH_BYTES, PREFIX_BYTES, BatchSpec, PartitionSurvey
from fh_notebook.store.tables.partitions import KEY_BYTES


def rows_of(frame: pd.DataFrame, spec: BatchSpec, start: int) -> Rows:
    """Return the rows of a partition, each under its label among all rows of the batch."""
    rows = read_rows(frame.reset_index(drop=True))
    labels = labels_of(frame.index)[0] if spec.labelled else tuple(range(start, start + len(rows)))
    return replace(rows, labels=labels, index=None, note="")


def planned(rows: Rows, spec: BatchSpec, start: int) -> tuple[Planner, frozenset[str], list[list[Job]]]:
    """Return the planner of a partition, the columns that hold secrets, and its jobs by row."""
    planner = Planner(spec.batch_variants, repeats=spec.repeats, metadata=spec.metadata, workspace=spec.workspace)
    hidden = planner.fit(rows)
    return planner, hidden, list(planner.jobs(rows))


def survey(frame: pd.DataFrame, spec: BatchSpec, number: int) -> PartitionSurvey:
    """Return what a partition asks for."""
    rows = rows_of(frame, spec, 0)
    ends = labels_of(frame.index[[0, -1]])[0] if len(frame) > 1 else labels_of(frame.index)[0]
    try:
        planner, hidden, by_row = planned(rows, spec, 0)
    except InputError as exc:
        return _invalid_survey(len(rows), exc)
    jobs = [job for row in by_row for job in row]
    checked = planner.checked(jobs)
    invalid = sum(bool(job.problems) for job in checked)
    problems: tuple[Message, ...] = ()
    if invalid and not spec.skip_invalid:
        bad = {job.row for job in checked if job.problems}
        refusal = refused(checked, where="", any_fits=len(bad) < len(rows))
        problems = tuple(
            Message("partition {}: {}", (str(number), problem)) for problem in (refusal.problems if refusal else ())
        )
    keys = keys_of(job.key for job in checked)
    is_secret = bool(hidden) and labels_repeat(labels_of(frame.index)[0], rows, hidden)
    ends = () if is_secret else ends
    return PartitionSurvey(
        rows=len(rows),
        jobs=len(jobs),
        plan=plan_of(keys, frame),
        asked=sha256(keys).digest(),
        total=sum(int(job.key or "0", 16) for job in checked),
        prefixes=b"".join(keys[at : at + PREFIX_BYTES] for at in range(0, len(keys), KEY_BYTES)),
        inputs=_row_hashes(by_row, first_of_targets(spec.batch_variants)),
        invalid=invalid,
        problems=problems,
        first=ends[0] if ends else None,
        last=ends[-1] if ends else None,
        ordered=not is_secret and _is_increasing(frame.index),
        secret_labels=is_secret,
        label=ends[0] if ends else 0,
    )


def keys_of(keys: Iterable[Any]) -> bytes:
    """Return keys one after the other, as bytes; what has none, since its inputs do not fit, is all zeros.

    Examples
    --------
    >>> keys_of(["01" * 32, ""]) == bytes([1] * 32 + [0] * 32)
    True
    """
    return b"".join(bytes.fromhex(key) if isinstance(key, str) and key else bytes(KEY_BYTES) for key in keys)


def plan_of(keys: bytes, frame: pd.DataFrame) -> bytes:
    """Return what a partition is known by: its jobs, and all of its rows, since they stand beside the answers."""
    digest = sha256(keys)
    digest.update(repr([(str(name), str(dtype)) for name, dtype in frame.dtypes.items()]).encode())
    digest.update(pd.util.hash_pandas_object(frame.index, index=False).to_numpy().tobytes())
    for index in range(frame.shape[1]):
        column = frame.iloc[:, index]
        try:
            hashed = pd.util.hash_pandas_object(column, index=False)
        except TypeError:  # lists and dicts
            hashed = pd.util.hash_pandas_object(column.map(repr), index=False)
        digest.update(hashed.to_numpy().tobytes())
    return digest.digest()


def _row_hashes(by_row: Sequence[Sequence[Job]], indices: Sequence[int]) -> bytes:
    """Return the hashes of what each row is sent, by the places of the variants that say it."""
    texts = (shown_text(row[index])[0] for row in by_row for index in indices)
    return b"".join(blake2b(text.encode(), digest_size=HASH_BYTES).digest() for text in texts)


def _invalid_survey(rows: int, exc: InputError) -> PartitionSurvey:
    return PartitionSurvey(rows=rows, jobs=0, plan=b"", total=0, prefixes=b"", invalid=rows, problems=exc.problems)


def _is_increasing(index: pd.Index[Any]) -> bool:
    """Whether each label is larger than the one before it, and a single value that is not missing."""
    return index.nlevels == 1 and bool(index.is_monotonic_increasing and index.is_unique and not index.hasnans)


_MIX = np.uint64(0x9E3779B97F4A7C15)
"""An odd number without a pattern (2**64 over the golden ratio): it makes one number of several hashes of a row."""


@dataclass(frozen=True, slots=True)
class RowHashes:
    """Rows, each by the hashes of what it is sent."""

    variant_records: Sequence[Sequence[VariantRecord]]
    """For each hash of a row the variants that are sent what it is the hash of."""
    hashes: NDArray[np.uint64] = field(repr=False)
    """A line a row, a column a hash."""

    @classmethod
    def of(cls, variant_records: Sequence[Sequence[VariantRecord]], hashes: bytes) -> RowHashes:
        """Return the rows whose hashes lie behind each other."""
        numbers = np.frombuffer(hashes, dtype=np.dtype(f"u{HASH_BYTES}"))
        return cls(variant_records, numbers.reshape(-1, len(variant_records)))


@dataclass(frozen=True, slots=True)
class RowDifference:
    """How rows differ from the saved ones."""

    strange: NDArray[np.bool_] = field(repr=False)
    """Of each row, whether it is not among the saved ones."""
    missing: int
    """How many of the saved rows are not among these."""

    @property
    def is_same(self) -> bool:
        """Whether it is the same table, an extension of it, or a part of it."""
        return not (self.missing and self.strange.any())


def first_of_targets(batch_variants: Sequence[BatchVariant]) -> list[int]:
    """Return the index of the first variant of each target; the others of a target are sent the same inputs."""
    indices: dict[int, int] = {}
    for index, variant in enumerate(batch_variants):
        indices.setdefault(id(variant.target), index)
    return list(indices.values())


def records_of_targets(batch_variants: Sequence[BatchVariant]) -> list[list[VariantRecord]]:
    """Return the variants of each target, in the order of :func:`first_of_targets`."""
    by_target: dict[int, list[VariantRecord]] = {}
    for variant in batch_variants:
        by_target.setdefault(id(variant.target), []).append(variant.record)
    return list(by_target.values())


def group_by_records(rows: Iterable[RowHashes]) -> list[RowHashes]:
    """Return rows with those that are sent to the same variants together."""
    groups: dict[str, list[RowHashes]] = {}
    for some in rows:
        groups.setdefault(repr(some.variant_records), []).append(some)
    return [
        RowHashes(group[0].variant_records, np.concatenate([some.hashes for some in group]))
        for group in groups.values()
    ]


def compare_hashes(stored: Sequence[RowHashes], table: RowHashes) -> RowDifference:
    """Return how the rows of a table differ from the saved ones.

    Examples
    --------
    >>> records = [[["a", "triage", "a"]]]
    >>> kept, table = (RowHashes(records, np.array([rows], dtype="u8").T) for rows in ([1, 2], [2, 3, 1]))
    >>> found = compare_hashes([kept], table)
    >>> found.strange.tolist(), found.missing, found.is_same
    ([False, True, False], 0, True)
    >>> compare_hashes([table], RowHashes(records, np.array([[1, 4]], dtype="u8").T)).is_same
    False
    """
    strange = np.ones(len(table.hashes), dtype=bool)
    missing = 0
    for some in group_by_records(stored):
        pairs = _pairs(some.variant_records, table.variant_records)
        theirs = _combine_hashes(some.hashes[:, [a for a, _ in pairs]])
        mine = _combine_hashes(table.hashes[:, [b for _, b in pairs]])
        strange &= ~np.isin(mine, theirs)
        missing += int((~np.isin(theirs, mine)).sum())
    return RowDifference(strange, missing)


def _pairs(one: Sequence[Sequence[VariantRecord]], other: Sequence[Sequence[VariantRecord]]) -> list[tuple[int, int]]:
    """Return which hashes of both are compared: by variant, or else one of a deployment in common."""
    every = [(a, b) for a in range(len(one)) for b in range(len(other))]
    by_record = [(a, b) for a, b in every if any(variant in other[b] for variant in one[a])]
    return by_record or [(a, b) for a, b in every if one[a][0][1] == other[b][0][1]][:1]


def _combine_hashes(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return one number a row, where equal rows are known by it."""
    if not hashes.shape[1]:
        return np.zeros(len(hashes), dtype=np.uint64)
    numbers = hashes[:, 0]
    for column in range(1, hashes.shape[1]):
        numbers = numbers * _MIX + hashes[:, column]
    return numbers
