"""`list_workspaces` and `join_workspaces`: what is kept of each workspace, and one workspace copied into another.

A new key of the same workspace is another workspace here, unless ``fh.configure(workspace=...)`` names it: keys of jobs
are made of its name. Rule of this file: nothing is joined by itself, since two keys of one host may be two workspaces;
the source stays as it is; and what is not copied is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from fh_notebook import session, views
from fh_notebook.addresses import LOCAL
from fh_notebook.batching.batch_copy import PlannedCopy
from fh_notebook.batching.frames import INSTANT, TEXT, series_of
from fh_notebook.batching.rating_copy import copied_ratings
from fh_notebook.contract.run import one_line
from fh_notebook.contract.spell import in_words, nearest, short
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.plural import counted
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.forgetting import Which
from fh_notebook.store.store import Store
from fh_notebook.store.workspace_copy import BatchCopy, Copied

__all__ = ["COLUMNS", "Joined", "join_workspaces", "list_workspaces"]

COLUMNS: Final = {
    **dict.fromkeys(("workspace", "host", "label"), TEXT),
    **dict.fromkeys(("batches", "answers"), "Int64"),
    "last_at": INSTANT,
}
"""The columns of :func:`list_workspaces` with their dtypes, which are the same whatever there is."""

SHOWN: Final = 5
"""Names in one sentence: more are not read."""


# --- the list


def list_workspaces() -> pd.DataFrame:
    """Return what is kept of each workspace; see :func:`fh_notebook.store.workspaces`."""
    store = session.store()
    if store is None:
        views.frontend().notice("Nothing is kept: fh.configure(store=...) names a file for answers.")
    lines = [
        {
            "workspace": line.name,
            "host": _host(line.name),
            "label": line.name.partition("#")[2],
            "batches": line.batches,
            "answers": line.answers,
            "last_at": line.last_at,
        }
        for line in (store.workspaces.every() if store is not None else ())
    ]
    columns = {name: [line[name] for line in lines] for name in COLUMNS}
    return pd.DataFrame({name: series_of(columns[name], dtype) for name, dtype in COLUMNS.items()})


def _host(workspace: str) -> str:
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
    unknown: int = 0
    """Calls without an outcome: in the target they are ``unknown``, and are not sent again by themselves."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Batches whose name another table has in the target: the name, and what the copy is called there."""
    masked: int = 0
    """Answers that are not copied: a password in their inputs is masked, so their keys cannot be computed."""
    over_partitions: tuple[str, ...] = ()
    """Batches that are not copied: their answers lie in Parquet files."""
    unnamed: tuple[str, ...] = ()
    """Copied batches whose cells have another name in the target, which cannot be computed: not all rows are kept."""

    def __repr__(self) -> str:
        parts = [counted(self.answers, "answer"), counted(self.batches, "batch", "batches")]
        parts += [counted(self.scores, "score"), counted(self.ratings, "rating")]
        return f"{', '.join(parts)} copied from {self.from_workspace} to {self.into_workspace}"

    def __str__(self) -> str:
        told = [f"{self!r}."]
        if self.renamed:
            kept = _names(f"{name} is kept as {kept}" for name, kept in self.renamed)
            told.append(f"Another table has the name there, so {kept}.")
        if self.unknown:
            calls = f"{counted(self.unknown, 'call')} without an outcome {'is' if self.unknown == 1 else 'are'}"
            told.append(f"{calls} unknown there (may have run).")
        if self.unnamed:
            told.append(
                f"Not all rows of {_names(self.unnamed)} are kept, so the same cell has another name there; "
                "reuse='store' takes the answers."
            )
        if self.masked:
            told.append(f"Not copied: {counted(self.masked, 'answer')} to inputs with a password, which is not kept.")
        if self.over_partitions:
            label = self.from_workspace.partition("#")[2]
            told.append(
                f"Not copied: {_names(self.over_partitions)}, run over partitions (the answers lie in files); "
                f"fh.configure(workspace={json.dumps(label, ensure_ascii=False)}) goes on with them under any key."
            )
        return " ".join(told)


def _names(names: Iterable[str]) -> str:
    shown = [one_line(name, 120) for name in names]
    more = [f"{len(shown) - SHOWN:,} more"] if len(shown) > SHOWN else []
    return in_words([*shown[:SHOWN], *more], "and")


def join_workspaces(from_workspace: str, into_workspace: str) -> Joined:
    """Copy what is kept of one workspace into another; see :func:`fh_notebook.store.join`.

    Raises
    ------
    InputError, SettingsError, StoreError
        As it says.
    """
    store = session.store()
    if store is None:
        raise SettingsError("nothing is kept (store=None), so there is nothing to join")
    _check_names(store, from_workspace, into_workspace)
    store.keep_owed()
    for workspace in (from_workspace, into_workspace):
        if running := store.running(Which(workspace=workspace)):
            name = next(iter(running.values()))
            raise SettingsError(
                f"the batch {short(name)} of {workspace} is being run; wait for it or cancel it, then join"
            )
    with store.decoding():
        joined = _Join(store, from_workspace, into_workspace).run()
    views.frontend().notice(str(joined))
    return joined


def _check_names(store: Store, source: Any, target: Any) -> None:
    kept = [line.name for line in store.workspaces.every()]
    _check_name(source, kept)
    if target not in kept:
        # A new key has no answers yet: its workspace is known by the client that asks with it.
        in_use = session.workspaces_in_use()
        with suppress(SettingsError):
            in_use += [session.client_for(None).workspace] if target not in in_use else []
        _check_name(target, [*kept, *in_use])
    if source == target:
        raise InputError(f"{source} cannot be joined with itself; give two workspaces of fh.store.workspaces()")
    if (_host(source) == LOCAL) != (_host(target) == LOCAL):
        raise InputError(
            f"{source} and {target} are a local hive and a service, whose answers to one question differ; give two "
            "workspaces of one host"
        )


def _check_name(name: Any, known: Sequence[str]) -> None:
    if isinstance(name, str) and name in known:
        return
    close = nearest(name, known) if isinstance(name, str) else None
    meant = f"did you mean {close!r}? " if close else ""
    there = f"it knows {_names(dict.fromkeys(known))}" if known else "it keeps nothing yet"
    raise InputError(f"the store knows no workspace {short(name)}; {meant}fh.store.workspaces() lists them: {there}")


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
        for record in reversed([found for found in self._store.batches.every() if found.workspace == self._source]):
            if "parts" in record.plan:
                told = (*self._joined.over_partitions, record.name)
                self._joined = replace(self._joined, over_partitions=told)
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
            if said := copied_ratings(self._store, copy, target):
                new, _ = self._store.ratings.merge(said).result()
                self._joined = replace(self._joined, ratings=self._joined.ratings + new)
        return self._joined

    def _copy_batch(self, record: BatchRecord) -> None:
        while True:
            planned = PlannedCopy(self._store, record, self._target)
            copied = self._store.workspaces.copy_batch(planned.copy).result()
            if copied is not None:
                break
            found = self._store.batches.by_id(record.id)
            if found is None:
                return  # forgotten meanwhile
            record = found
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

    def _count(self, copied: Copied) -> None:
        self._numbers |= copied.numbers
        joined = self._joined
        self._joined = replace(
            joined,
            answers=joined.answers + copied.answers,
            scores=joined.scores + copied.scores,
            unknown=joined.unknown + copied.unknown,
            masked=joined.masked + copied.lost,
        )
