"""Reuse of answers between the store and the parts of batches over partitions.

A batch reads its answers from one place: in memory from the store, over partitions from its parts. So an answer of the
other kind is copied to where the new batch reads, and each batch can be forgotten without the other. The cost of a
copied answer was counted where it was paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final
from uuid import uuid4
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.model import UNKNOWN, Job, Outcome, lost_run
from fh_notebook.batching.planning.reuse import KnownAnswer
from fh_notebook.batching.tables.frames import COLUMNS, series_of
from fh_notebook.contract.run import Run
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.scaling.protocol import BatchSpec
from fh_notebook.scaling.storage import parts
from fh_notebook.store.codec import moment_of
from fh_notebook.store.store import Store
from fh_notebook.store.tables.answers import AnswerSummary, row_of_run, run_of_row
from fh_notebook.store.tables.partitions import KEY_BYTES

KeyPrefixes = NDArray[np.uint64]


def prefixes_of(keys: bytes) -> KeyPrefixes:
    """Return the first bytes of keys that lie behind each other, as numbers."""
    key_bytes = np.frombuffer(keys, dtype=np.uint8).reshape(-1, KEY_BYTES)
    return np.ascontiguousarray(key_bytes[:, : np.dtype(np.uint64).itemsize]).view(np.uint64).ravel()


_indices: WeakKeyDictionary[Store, dict[tuple[str, float], KeyPrefixes]] = WeakKeyDictionary()
"""By file and its time: 8 bytes an answer, so that not every window of an iterator reads all keys anew."""


def _index(store: Store, files: Iterable[tuple[str, float]]) -> dict[tuple[str, float], KeyPrefixes]:
    indices = _indices.get(store, {})
    _indices[store] = {
        file: indices[file] if file in indices else np.sort(prefixes_of(store.parts.keys_of(file[0]))) for file in files
    }
    return _indices[store]


def seen_in_files(
    store: Store, workspace: str, jobs: Mapping[str, Job], batches: Sequence[int] | None
) -> list[AnswerSummary]:
    """Return what parts know of jobs that are to be looked up in the store, the newest first."""
    records = [record for record in store.batches.every() if record.workspace == workspace]
    numbers = {record.name: record.id for record in records if batches is None or record.id in batches}
    files = store.parts.locations(workspace)
    index = _index(store, [(path, kept_at) for path, _, kept_at in files])
    prefixes = prefixes_of(bytes.fromhex("".join(jobs)))
    summaries = []
    for path, batch, kept_at in reversed(files):
        is_meant = batches is None or batch in numbers
        if not (is_meant and np.isin(prefixes, index[path, kept_at]).any() and _can_be_read(path)):
            continue
        for key, run, _ in parts.runs_in(path, jobs):
            job = jobs[key]
            full_run = replace(
                run, deployment=job.deployment, variant=job.variant, inputs=job.shown_inputs, metadata=job.metadata
            )
            answered_at = _answered_at(run, kept_at)
            line = row_of_run(
                full_run, key=key, workspace=workspace, batch=None, kept_at=moment_of(answered_at, "a part")
            )
            summaries.append(AnswerSummary(key, numbers.get(batch), line.status, answered_at, 0, line.run))
    return summaries


def _answered_at(run: Run, merged_at: float) -> float:
    """Return when an answer came, as seconds since 1970: a part is written anew at each merge, with the old answers."""
    ended_at = run.started_at.timestamp() + run.elapsed_s if run.started_at is not None else merged_at
    return min(ended_at, merged_at)


def _can_be_read(path: str) -> bool:
    ensure_installed("pyarrow", "Parquet files need")
    return parts.exists(path)


# --- from the store into files

_COPIED: Final = "given_"
"""How the names of files begin that hold answers out of the store; no partition's part is named so."""


def is_copied(path: str) -> bool:
    """Whether a file holds answers out of the store, rather than the part of a partition."""
    return path.rsplit("/", 1)[-1].startswith(_COPIED)


def runs_of(store: Store, known_answers: Mapping[str, KnownAnswer]) -> dict[str, Run]:
    """Return the answers that stand for jobs, by key; of a call of a process that ended, that it may have run."""
    lines = {key: answer.line for key, answer in known_answers.items() if answer.line}
    answers = store.answers.by_ids(lines.values())
    runs = {key: answers[line].run for key, line in lines.items() if line in answers}
    runs |= {key: run_of_row(answer.copy) for key, answer in known_answers.items() if answer.copy}
    return runs | {
        key: lost_run(placeholder_job(key))
        for key, answer in known_answers.items()
        if answer.kind == UNKNOWN and key not in runs
    }


def placeholder_job(key: str) -> Job:
    """Return a job of which only the key is known."""
    return Job(position=0, row=0, deployment="", variant="", repeat=1, inputs={}, metadata={}, key=key, sealed=True)


def write_copied(spec: BatchSpec, plan: bytes, runs: Mapping[str, Run]) -> str:
    """Write answers to a new file in the folder of a batch, which a worker reads as another part; return its path."""
    pairs = [(placeholder_job(key), Outcome(run=run, reused=True)) for key, run in runs.items()]
    columns = {c.name: series_of([c.value(*pair) for pair in pairs], c.dtype) for c in COLUMNS if c.dtype is not None}
    codes = pd.Series([run.status_code for run in runs.values()], dtype="Int64")
    path = f"{spec.folder}/{_COPIED}{plan.hex()[:16]}_{uuid4().hex[:12]}.parquet"
    facts = {"batch": spec.name, "workspace": spec.workspace}  # by which `fh.forget` finds what a killed kernel left
    parts.write_part(path, pd.DataFrame({**columns, parts.STATUS_CODE: codes}), facts)
    return path
