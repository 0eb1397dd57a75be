"""A batch with its answers and ratings as one file, ``.fhb``: written, opened by somebody else, and ratings taken back.

Rule of this file: a batch out of a file calls nothing, and nothing of it comes into one's own store unasked: it lies in
memory, and only what a person rates on it is kept, and merged by :func:`merge_ratings`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TypeGuard, cast

from fh_notebook import arguments, session
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.export_file import checked_target, reason_of, suffix_of
from fh_notebook.batching.feed import Feed
from fh_notebook.batching.plan import counted
from fh_notebook.batching.reopen import batch_of
from fh_notebook.contract.run import one_line
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError, SettingsError, StoreError
from fh_notebook.partial import partial
from fh_notebook.store.catalog_file import shown
from fh_notebook.store.handover import read_batch, read_ratings, write_batch
from fh_notebook.store.ratings import RatingLine

__all__ = ["FHB", "HandedOver", "Merged", "Written", "is_file_name", "merge_ratings", "open_file", "to_fhb"]

FHB: Final = ".fhb"
STORES: Final = (FHB, ".sqlite3", ".sqlite", ".db")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Written:
    """What was written."""

    path: Path
    rows: int
    answers: int
    ratings: int

    def __repr__(self) -> str:
        told = (counted(self.rows, "row"), counted(self.answers, "answer"), counted(self.ratings, "rating"))
        return f"{shown(self.path)}: {', '.join(told)}. Inputs and outputs lie there in plain text, passwords do not."


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Merged:
    """What came of merging."""

    files: int
    new: int
    """Ratings that were not known before."""
    known: int
    undone: int
    """Ratings that were known here, and that their rater had taken back there."""
    raters: tuple[str, ...]

    def __repr__(self) -> str:
        by = f" by {', '.join(one_line(rater, 40) for rater in self.raters)}" if self.raters else ""
        undone = f", {self.undone:,} taken back" if self.undone else ""
        said = f"{counted(self.new, 'new rating')}, {self.known:,} known already{undone}"
        return f"{counted(self.files, 'file')}{by}: {said}"


class HandedOver(Batch):
    """A batch out of a file. It can be looked at, compared, rated and written; it calls nothing."""

    def _refuse(self) -> NoReturn:
        raise SettingsError(
            f"{one_line(self.name)} came out of a file, so it calls nothing; run its cell, or "
            f"fh.open_batch({self.name!r}) where it was run"
        )

    def resume(self, *, retry_unknown: bool = False, wait: bool = True) -> Batch:
        """Refuse: it calls nothing.

        Raises
        ------
        SettingsError
            Always.
        """
        self._refuse()

    async def aresume(self, *, retry_unknown: bool = False) -> Batch:
        """Refuse, as :meth:`resume`."""
        self._refuse()

    def retry_failed(self, error_code: str | None = None, *, wait: bool = True) -> Batch:
        """Refuse: it calls nothing.

        Raises
        ------
        SettingsError
            Always.
        """
        self._refuse()

    async def aretry_failed(self, error_code: str | None = None) -> Batch:
        """Refuse, as :meth:`retry_failed`."""
        self._refuse()

    def resolve_unknown(self) -> Batch:
        """Refuse: it asks nothing.

        Raises
        ------
        SettingsError
            Always.
        """
        self._refuse()


class _Nobody:
    """In the place of a client: it has a workspace, and calls nothing."""

    def __init__(self, workspace: str) -> None:
        self.workspace = workspace

    @property
    def gate(self) -> Any:
        return session.gate(self.workspace)


def to_fhb(batch: Batch, path: Any) -> Written:
    """Write a batch with its answers and ratings as one file (see ``Batch.to_fhb``).

    Raises
    ------
    SettingsError
        It cannot be written there, or the batch is running or was run over partitions.
    """
    if batch.running:
        raise SettingsError(f"{batch.name} is running; batch.wait() for it, then write it")
    batch._control.refuse_forgotten()
    target = checked_target(path, (FHB,))
    store, workspace = batch._control.store, batch._control.workspace
    record = store.batch(batch.name, workspace)
    if record is None:
        raise SettingsError(f"nothing of {batch.name} is kept yet; run it first")
    if "parts" in record.plan or not isinstance(batch._control.feed, Feed):  # it may have the name of one in memory
        raise SettingsError(f"{batch.name} was run over partitions, so its answers lie in files; batch.to_parquet(...)")
    trouble, beside = "", ""
    try:
        with partial(target) as part:
            beside = str(part.path)
            lines = (outcome.line for _, outcome in batch._control.reader.pairs() if outcome and outcome.line)
            written = write_batch(store, part.path, record, lines, _ratings_on(batch, workspace))
            part.put(private=True)
    except OSError as broken:
        trouble = f"{target} cannot be written: {broken.strerror or broken}"
    except StoreError as broken:
        if beside not in str(broken):  # of the store that the batch is in: it says itself what to do
            raise
        trouble = f"{target} cannot be written: {reason_of(broken)}"
    if trouble:
        raise SettingsError(trouble)
    rows = record.plan.get("rows")
    return Written(path=target, rows=rows or 0, answers=written.answers, ratings=written.ratings)


def _ratings_on(batch: Batch, workspace: str) -> list[RatingLine]:
    found: dict[str, RatingLine] = {}
    for store in (session.store(), batch._control.store):
        for line in store.ratings_of_batch(batch.name, workspace) if store is not None else ():
            if line.uid not in found or found[line.uid].undone_at is None:
                found[line.uid] = line
    return list(found.values())


def open_file(path: str | os.PathLike[str]) -> HandedOver:
    """Return the batch in a file that :func:`to_fhb` wrote; nothing of it is run, and nothing is called.

    Raises
    ------
    InputError
        It is no such file, or was tampered with.
    """
    store, taken = read_batch(_there(path))
    client = cast("Any", _Nobody(taken.record.workspace))
    made = batch_of(store, taken.record, client, of=HandedOver)
    made._file_store = store
    return made


def merge_ratings(*paths: str | os.PathLike[str]) -> Merged:
    """Take the ratings in other people's files over into this store, each once however often it comes.

    Parameters
    ----------
    *paths : path
        ``.fhb``, as ``batch.to_fhb(...)`` writes it, or a copy of a store (``fh.store.export("mine.sqlite3")``).

    Returns
    -------
    Merged
        How many were new, and whose.

    Raises
    ------
    InputError
        One is no such file; then nothing is taken over of any.
    SettingsError
        Nothing is kept (``store=None``), so there is nowhere to take them.
    """
    arguments.check(merge_ratings, locals())
    store = session.store()
    if store is None:
        raise SettingsError("nothing is kept (store=None), so ratings cannot be merged; fh.configure(store=...) keeps")
    if not paths:
        raise InputError('which files? fh.merge_ratings("anna.fhb", "ben.fhb")')
    lines = [line for path in paths for line in read_ratings(_there(path))]
    new, undone = store.merge_ratings(lines).result() if lines else (0, 0)
    raters = tuple(dict.fromkeys(line.rater for line in lines))
    return Merged(files=len(paths), new=new, known=len(lines) - new, undone=undone, raters=raters)


def _there(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"the path is {short(path)}; give the name of a file that ends in {FHB}")
    found = Path(os.fsdecode(os.fspath(path))).expanduser()
    if suffix_of(found) not in STORES:
        raise InputError(f"{found.name}: give a file that ends in {FHB}, as batch.to_fhb() writes it")
    if not found.is_file():
        raise InputError(f"there is no file {found}")
    return found


def is_file_name(name: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a batch is named by a file."""
    return isinstance(name, os.PathLike) or (isinstance(name, str) and name.lower().endswith(FHB))
