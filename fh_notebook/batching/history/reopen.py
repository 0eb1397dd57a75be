"""`fh.open_batch`: open a batch by its name or archive file, and merge ratings from files.

Rule of this file: nothing is called; what is not saved (a password, rows over partitions) is asked for by `resume`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.batch_state import BatchState
from fh_notebook.batching.controller import BatchController
from fh_notebook.batching.execution.engine_run import resume_options
from fh_notebook.batching.export.assets import AssetKeeper, record_of_files
from fh_notebook.batching.export.export import ARCHIVE, suffix_of
from fh_notebook.batching.model import OutcomeTable
from fh_notebook.batching.planning.plan import Plan
from fh_notebook.batching.planning.reader import BatchReader
from fh_notebook.batching.planning.reuse import AnswerLookup, decode_reuse
from fh_notebook.batching.planning.sources import StoredSource
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.batching.planning.stored_jobs import StoredJobs
from fh_notebook.batching.planning.work_queue import WorkQueue
from fh_notebook.batching.status import Caller
from fh_notebook.batching.tables.frames import provenance
from fh_notebook.batching.tables.rows import factors_of
from fh_notebook.core import arguments, hooks
from fh_notebook.core.files import KEPT_FILES, KeptFile
from fh_notebook.core.text.formatting import nearest, one_line, short
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.session import session
from fh_notebook.store.archive import read_batch, read_ratings
from fh_notebook.store.store import Store
from fh_notebook.store.tables.batches import FILES, BatchRecord
from fh_notebook.store.writer import IN_MEMORY

if TYPE_CHECKING:
    from fh_notebook.client.clients import AsyncClient, Client

(FHB,) = ARCHIVE.suffixes

STORES: Final = (FHB, ".sqlite3", ".sqlite", ".db")
"""Endings of files that hold ratings."""


@arguments.public
def open_batch(name: str | os.PathLike[str], *, client: Client | AsyncClient | None = None) -> Batch:
    """Return a saved batch by its name, or another person's batch by its file; no call is made.

    Parameters
    ----------
    name : str or path
        As :func:`fh_notebook.history` lists it; or a file that ``batch.to_fhb("triage.fhb")`` wrote, which is read as a
        stranger's: nothing in it is run. Such a batch can be looked at, compared and rated, and calls nothing.
    client : Client or AsyncClient, optional
        Whom ``resume()`` asks; the session's own by default.

    Returns
    -------
    Batch
        With every saved answer, all of them ``reused``. ``resume()`` calls what has none; where the inputs hold a
        password, which is not saved, or the batch was run over partitions, it asks for the rows instead.

    Raises
    ------
    InputError
        No batch of this name is saved; with the nearest name. Or the file is not there, or none of ours.
    SettingsError
        Nothing is saved at all (``store=None``), or the batch is another workspace's.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("shout", variant="loud")
    ... def loud(text: str) -> str:
    ...     return text.upper()
    >>> with hive.client() as client:
    ...     _ = fh.batch([{"text": "a"}], "shout", client=client, name="shouts", progress=False)
    ...     fh.open_batch("shouts", client=client).frame["output"].tolist()
    ['A']
    """
    arguments.check(open_batch, locals(), but={"name"})
    if is_file_name(name):
        return open_file(name)
    store = session.store()
    if store is None:
        raise SettingsError("nothing is saved (store=None), so no batch can be opened; set fh.configure(store=...)")
    caller = session.client_for(client)
    record = _find_record(store, name, caller.workspace)
    if "parts" in record.plan:
        opened: Batch = hooks.partitions().open_batch(store, record, caller)
        return opened
    return batch_of(store, record, Caller.of(caller))


def batch_of(store: Store, record: BatchRecord, caller: Caller, *, file_store: Store | None = None) -> Batch:
    """Return the batch that a record and what lies beside it in a store mean."""
    variant_records = [list(variant) for variant in record.plan.get("arms", ())]
    if not variant_records:
        raise InputError("it was saved by an earlier version, without its rows; run its cell again", where=record.name)
    facts = record.plan
    stored_jobs = StoredJobs(
        store, record.id, variant_records, index_names=facts.get("index"), columns=facts.get("columns") or (),
        dtypes=facts.get("dtypes"), index_dtypes=facts.get("index_dtypes"),
    )  # fmt: skip
    source = StoredSource(stored_jobs, record.plan.get("rows"))
    outcomes = OutcomeTable()
    reuse = decode_reuse(record.plan.get("reuse"), datetime.now(UTC))
    stored = StoredBatch(store, record.id)
    stored.replaced_ids = tuple(record.plan.get("replaced") or ())
    look_up = AnswerLookup(stored=stored, workspace=record.workspace, reuse=reuse)
    work_queue = WorkQueue(source, outcomes, look_up, skip_invalid=True, where=record.deployment)
    jobs = store.jobs.count(record.id)
    repeats = record.plan.get("repeats") or 1
    rows = record.plan.get("rows") or -(-jobs // max(1, len(variant_records) * repeats))
    plan = Plan(
        name=record.name,
        deployment=record.deployment,
        variants=tuple(label for label, _, _ in variant_records),
        rows=rows,
        row_factors=factors_of(record.plan.get("factors"), rows),
        repeats=repeats,
        jobs=jobs,
    )
    options = resume_options(reuse)
    batch_state = BatchState(plan, work_queue, outcomes, caller=caller, options=options)
    control = BatchController(batch_state, options)
    batch_state.adopt(jobs, most_at_once=control.status.limit)
    about = provenance(
        (deployment for _, deployment, _ in variant_records),
        variants=plan.variants,
        batch=record.name,
        workspace=record.workspace,
        created=record.created_at,
        hashes=record.plan.get("schema_sha256", {}),
    )
    reader, files = BatchReader(work_queue, outcomes, name=record.name, about=about), record.plan.get(FILES) or {}
    keeper = AssetKeeper.reopened(reader.entries, caller.client, files, store.path, record.id)
    if keeper is not None and files.get("is_option") is True:
        control.companion = keeper
    return Batch(control, reader, keeper=keeper, file_store=file_store)


def _find_record(store: Store, name: Any, workspace: str) -> BatchRecord:
    if not isinstance(name, str):
        raise InputError(f"the name of a batch must be a string, not {short(name)}; fh.history() lists them")
    arguments.check_one("name", name, "str")
    if (record := store.batches.find(name, workspace)) is not None:
        return record
    if elsewhere := store.batches.named(name):
        raise SettingsError(
            f"the batch {name!r} was run in the workspace {elsewhere[0].workspace}, but calls now go to "
            f"{workspace}; give that workspace's client: fh.open_batch(name, client=...)"
        )
    close = nearest(name, [stored.name for stored in store.batches.every()])
    suggestion = f"did you mean {close!r}?" if close else "fh.history() lists the saved batches"
    raise InputError(f"no saved batch is named {short(name)}; {suggestion}")


# --- out of a file


def open_file(path: str | os.PathLike[str]) -> Batch:
    """Return the batch in a file that :func:`to_fhb` wrote; nothing of it is run, and nothing is called."""
    target = _existing_file(path)
    store, contents = read_batch(target)
    where = f"in {one_line(target.name)}"
    files = {
        (file.run.assets[file.number].file_url or "", file.run.identity): KeptFile(where, file.size, file.read)
        for file in contents.files
    }
    KEPT_FILES.note_archived(files, owner=store)
    name, workspace = contents.record.name, contents.record.workspace
    nobody = Caller(
        workspace=workspace,
        limiter=session.limiter(workspace),
        refusal=(
            f"{one_line(name)} was opened from a file, so it cannot make calls; run its cell, or "
            f"fh.open_batch({name!r}) where it was run"
        ),
    )
    return batch_of(store, _with_folder_beside(contents.record, target), nobody, file_store=store)


def _with_folder_beside(record: BatchRecord, file: Path) -> BatchRecord:
    """Return the record of a batch out of a file: its saved files are in the folder of their name beside the file."""
    plan, name = dict(record.plan), (record.plan.get(FILES) or {}).get("folder")
    plan[FILES] = {}
    if name is not None:
        folder = file.parent / name
        plan[FILES] = record_of_files(folder, IN_MEMORY, is_option=False) if folder.is_dir() else {}
    return replace(record, plan=plan)


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
        counts = f"{counted(self.new, 'new rating')}, {self.known:,} known already{undone}"
        return f"{counted(self.files, 'file')}{by}: {counts}"


@arguments.public
def merge_ratings(*paths: str | os.PathLike[str]) -> Merged:
    """Merge the ratings from other people's files into this store, each rating only once.

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
        Nothing is saved (``store=None``), so there is nowhere to take them.
    """
    arguments.check(merge_ratings, locals())
    store = session.store()
    if store is None:
        raise SettingsError("nothing is saved (store=None), so ratings cannot be merged; set fh.configure(store=...)")
    if not paths:
        raise InputError('give at least one file: fh.merge_ratings("anna.fhb", "ben.fhb")')
    lines = [line for path in paths for line in read_ratings(_existing_file(path))]
    new, undone = store.ratings.merge(lines).result() if lines else (0, 0)
    raters = tuple(dict.fromkeys(line.rater for line in lines))
    return Merged(files=len(paths), new=new, known=len(lines) - new, undone=undone, raters=raters)


def _existing_file(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"the path is {short(path)}; give the name of a file that ends in {FHB}")
    target = Path(os.fsdecode(os.fspath(path))).expanduser()
    if suffix_of(target) not in STORES:
        raise InputError(f"{target.name}: give a file that ends in {FHB}, as batch.to_fhb() writes it")
    if not os.path.isfile(target):  # `Path.is_file` raises where the name is too long for the file system
        raise InputError(f"the file {target} does not exist")
    return target


def is_file_name(name: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a batch is named by a file."""
    return isinstance(name, os.PathLike) or (isinstance(name, str) and name.lower().endswith(FHB))
