"""Archive of a batch (``.fhb``): write it with answers and ratings for another machine.

Rule of this file: a batch out of a file calls nothing, and nothing of it comes into one's own store unasked: it lies in
memory, and only what a person rates on it is kept, and merged by :func:`merge_ratings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fh_notebook.batching.controller import BatchController
from fh_notebook.batching.export.files import checked_target, reason_of
from fh_notebook.batching.planning.reader import BatchTables
from fh_notebook.core.files import atomic_file
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import SettingsError, StoreError
from fh_notebook.session import session
from fh_notebook.store.archive import write_batch
from fh_notebook.store.catalog_file import shown
from fh_notebook.store.store import Store
from fh_notebook.store.tables.ratings import RatingRow

__all__ = ["FHB", "WrittenFile", "to_fhb"]

FHB: Final = ".fhb"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WrittenFile:
    """What was written."""

    path: Path
    rows: int
    answers: int
    ratings: int

    def __repr__(self) -> str:
        told = (counted(self.rows, "row"), counted(self.answers, "answer"), counted(self.ratings, "rating"))
        return f"{shown(self.path)}: {', '.join(told)}. Inputs and outputs lie there in plain text, passwords do not."


def to_fhb(name: str, control: BatchController, tables: BatchTables, path: Any) -> WrittenFile:
    """Write a batch with its answers and ratings as one file (see ``Batch.to_fhb``).

    Raises
    ------
    SettingsError
        It cannot be written there, or the batch is running or was run over partitions.
    """
    if control.status.running:
        raise SettingsError(f"{name} is running; batch.wait() for it, then write it")
    control.refuse_forgotten()
    target = checked_target(path, (FHB,))
    store, workspace = control.work.stored.store, control.work.caller.workspace
    record = store.batches.find(name, workspace)
    if record is None:
        raise SettingsError(f"nothing of {name} is kept yet; run it first")
    lines = tables.answer_ids()
    if "parts" in record.plan or lines is None:  # it may have the name of one in memory
        raise SettingsError(f"{name} was run over partitions, so its answers lie in files; batch.to_parquet(...)")
    trouble, beside = "", None
    try:
        with atomic_file(target) as part:
            beside = part.path
            written = write_batch(store, part.path, record, lines, _ratings_on(name, store, workspace))
            part.put(private=True)
    except OSError as exc:
        trouble = f"{target} cannot be written: {exc.strerror or exc}"
    except StoreError as exc:
        if exc.path is None or exc.path != beside:  # of the store that the batch is in: it says itself what to do
            raise
        trouble = f"{target} cannot be written: {reason_of(exc)}"
    if trouble:
        raise SettingsError(trouble)
    rows = record.plan.get("rows")
    return WrittenFile(path=target, rows=rows or 0, answers=written.answers, ratings=written.ratings)


def _ratings_on(name: str, own: Store, workspace: str) -> list[RatingRow]:
    found: dict[str, RatingRow] = {}
    for store in (session.store(), own):
        for line in store.ratings.of_batch(name, workspace) if store is not None else ():
            if line.uid not in found or found[line.uid].undone_at is None:
                found[line.uid] = line
    return list(found.values())
