"""Survey of a partition on a worker: its jobs and its problems, before anything is called.

Nothing is called or stored. All partitions are surveyed before the first paid call, so that invalid inputs are reported
together, as on one machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b, sha256
from typing import Any

import pandas as pd

from fh_notebook.batching.model import Job
from fh_notebook.batching.planning.planner import Planner, refused
from fh_notebook.batching.planning.stored_jobs import shown_text
from fh_notebook.batching.tables.rows import Rows, labels_of, read_rows
from fh_notebook.core.text.messages import Message
from fh_notebook.errors import InputError
from fh_notebook.scaling.messages import HASH_BYTES, PREFIX_BYTES, BatchSpec, PartitionSurvey
from fh_notebook.scaling.row_hashes import first_of_targets
from fh_notebook.store.tables.partitions import KEY_BYTES

__all__ = ["keys_of", "plan_of", "planned", "rows_of", "survey"]


def rows_of(frame: pd.DataFrame, spec: BatchSpec, start: int) -> Rows:
    """Return the rows of a partition, each under its label among all rows of the batch."""
    rows = read_rows(frame.reset_index(drop=True))
    labels = labels_of(frame.index)[0] if spec.labelled else tuple(range(start, start + len(rows)))
    return replace(rows, labels=labels, index=None, note="")


def planned(rows: Rows, spec: BatchSpec, start: int) -> tuple[Planner, frozenset[str], list[list[Job]]]:
    """Return the planner of a partition, the columns that hold secrets, and its jobs by row.

    Raises
    ------
    InputError
        A column is missing, or a Start variable has none.
    """
    planner = Planner(spec.arms, repeats=spec.repeats, metadata=spec.metadata, workspace=spec.workspace)
    hidden = planner.fit(rows)
    return planner, hidden, list(planner.jobs(rows))


def survey(frame: pd.DataFrame, spec: BatchSpec, number: int) -> PartitionSurvey:
    """Return what a partition asks for."""
    rows = rows_of(frame, spec, 0)
    ends = labels_of(frame.index[[0, -1]])[0] if len(frame) > 1 else labels_of(frame.index)[0]
    try:
        planner, _, by_row = planned(rows, spec, 0)
    except InputError as exc:
        return _nothing(len(rows), exc)
    jobs = [job for row in by_row for job in row]
    checked = planner.checked(jobs)
    invalid = sum(bool(job.problems) for job in checked)
    problems: tuple[Message, ...] = ()
    if invalid and not spec.skip_invalid:
        bad = {job.row for job in checked if job.problems}
        told = refused(checked, where="", any_fits=len(bad) < len(rows))
        problems = tuple(
            Message("partition {}: {}", (str(number), problem)) for problem in (told.problems if told else ())
        )
    keys = keys_of(job.key for job in checked)
    return PartitionSurvey(
        rows=len(rows),
        jobs=len(jobs),
        plan=plan_of(keys, frame),
        asked=sha256(keys).digest(),
        total=sum(int(job.key or "0", 16) for job in checked),
        prefixes=b"".join(keys[at : at + PREFIX_BYTES] for at in range(0, len(keys), KEY_BYTES)),
        inputs=_hashed(by_row, first_of_targets(spec.arms)),
        invalid=invalid,
        problems=problems,
        first=ends[0] if ends else None,
        last=ends[-1] if ends else None,
        ordered=_grows(frame.index),
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
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        try:
            hashed = pd.util.hash_pandas_object(column, index=False)
        except TypeError:  # lists and dicts
            hashed = pd.util.hash_pandas_object(column.map(repr), index=False)
        digest.update(hashed.to_numpy().tobytes())
    return digest.digest()


def _hashed(by_row: Sequence[Sequence[Job]], places: Sequence[int]) -> bytes:
    """Return the hashes of what each row is sent, by the places of the arms that say it."""
    texts = (shown_text(row[place])[0] for row in by_row for place in places)
    return b"".join(blake2b(text.encode(), digest_size=HASH_BYTES).digest() for text in texts)


def _nothing(rows: int, wrong: InputError) -> PartitionSurvey:
    return PartitionSurvey(rows=rows, jobs=0, plan=b"", total=0, prefixes=b"", invalid=rows, problems=wrong.problems)


def _grows(index: pd.Index[Any]) -> bool:
    """Whether each label is larger than the one before it, and a single value that is not missing."""
    return index.nlevels == 1 and bool(index.is_monotonic_increasing and index.is_unique and not index.hasnans)
