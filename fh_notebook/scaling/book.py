"""The notebook's book of partitions: what each asks for, which part answers it, and what is to be run.

Rule of this file: it looks and decides, and calls nothing. A partition is known by the keys of its jobs, so the same
frame finds its parts again, cut as it may be: where a partition is another one, its answers are looked for by key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fh_notebook.scaling import parts
from fh_notebook.scaling.merging import done_of
from fh_notebook.scaling.spec import PREFIX_BYTES, Done, Found, Spec, Task
from fh_notebook.store import parts as table
from fh_notebook.store import request_ledger
from fh_notebook.store.parts import KEY_BYTES, PartLine
from fh_notebook.store.store import Store

__all__ = ["Book"]

Prefixes = NDArray[np.uint64]


@dataclass(slots=True)
class _Page:
    """One partition."""

    partition: Any
    found: Found
    start: int
    line: PartLine | None = None
    skip: bytes = b""
    waits_for: tuple[int, ...] = ()
    """Partitions that call jobs of this one, too."""


class Book:
    """The partitions of one batch object.

    Parameters
    ----------
    partitions : sequence of Delayed
        The rows.
    found : sequence of Found
        What each asks for.
    store : Store
        Where keys are kept.
    spec : Spec
        Of the batch, as its first round has it.
    """

    def __init__(self, partitions: Sequence[Any], found: Sequence[Found], store: Store, spec: Spec) -> None:
        starts = np.concatenate([[0], np.cumsum([f.rows for f in found])]).tolist()
        self.pages = [_Page(p, f, int(s)) for p, f, s in zip(partitions, found, starts, strict=False)]
        self._store = store
        self._spec = spec
        self._elsewhere: list[PartLine] = []
        self._note_doubles()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(page.found.rows for page in self.pages)

    @property
    def jobs(self) -> int:
        """How many jobs there are."""
        return sum(page.found.jobs for page in self.pages)

    @property
    def paths(self) -> list[str]:
        """The parts that there are, in the order of the partitions."""
        return [page.line.path for page in self.pages if page.line is not None and page.line.path]

    # --- what is known

    def look(self, *, batch: str | None, since: datetime | None = None, replaced: bool = False) -> None:
        """Find the parts that answer partitions: by their plan, else by the keys of their jobs.

        With `replaced` they are those of the batch that had the name before: they are read, and stay its own.
        """
        if not replaced:
            self._adopt()
        spec = self._spec
        known = self._store.read(lambda c: list(table.every(c, spec.workspace, batch=batch, since=since)))
        known = [replace(line, batch="") if replaced else line for line in known if parts.exists(line.path)]
        if batch is not None:  # what had the name before gives its answers, and stays its own
            earlier = self._store.read(lambda c: list(table.before(c, spec.workspace, batch)))
            known = [*(replace(line, batch="") for line in earlier if parts.exists(line.path)), *known]
        by_plan = {line.plan: line for line in known}  # the newest comes last
        for page in self.pages:
            line = by_plan.get(page.found.plan)
            page.line = replace(line, keys=b"") if line is not None else None
        used = {page.line.path for page in self.pages if page.line is not None}
        self._elsewhere = [line for line in known if line.path not in used]

    def _adopt(self) -> None:
        """Take in parts that were merged when nobody was there to note them: the kernel had gone."""
        spec = self._spec
        known = self._store.read(lambda c: table.paths(c, spec.workspace, spec.name))
        for path in parts.names_in(spec.folder):
            if path in known:
                continue
            facts, _ = parts.read_keys(path)
            if facts.get("workspace") == spec.workspace and facts.get("batch") == spec.name:
                task = Task(number=0, start=0, rows=0, plan=bytes.fromhex(facts["plan"]))
                self._write(done_of(path, task), task.plan)

    def _write(self, done: Done, plan: bytes) -> PartLine:
        line = PartLine(
            path=done.path, batch=self._spec.name, workspace=self._spec.workspace, plan=plan, jobs=done.jobs,
            done=done.done, failed=done.failed, unknown=done.unknown, again=done.again, calls=done.requests,
            keys=done.keys, kept_at=done.kept_at or datetime.now(UTC),
        )  # fmt: skip
        self._store.put(lambda c: _write_line(c, line)).result()
        return replace(line, keys=b"")  # they are in the store: ten million are 320 MB

    def keep(self, done: Done, *, fresh: bool = False) -> None:
        """Note what came of a partition; the part that it took in is not needed any more, unless all was asked anew."""
        if not done.path:
            return
        page = self.pages[done.number]
        old, page.line = page.line, self._write(done, page.found.plan)
        if not fresh and old is not None and old.path != done.path and old.batch == self._spec.name:
            self._store.put(lambda c: table.forget(c, old.path)).result()
            parts.remove(old.path)

    # --- what is to be run

    def tasks(self, spec: Spec) -> list[Task]:
        """Return the partitions that a round runs."""
        open_pages = [n for n, page in enumerate(self.pages) if page.found.jobs and _is_open(page, spec)]
        sources = self._sources(open_pages) if not spec.fresh else {}
        return [self._task(n, sources.get(n, ()), skip=self.pages[n].skip) for n in open_pages]

    def waiting(self) -> list[Task]:
        """Return the partitions whose jobs were called by others, with the parts where the answers are; once."""
        tasks = []
        for n, page in enumerate(self.pages):
            if page.waits_for and (page.line is None or page.line.pending):
                others = [self.pages[other].line for other in page.waits_for]
                paths = tuple(line.path for line in (page.line, *others) if line is not None)
                tasks.append(self._task(n, paths))
            page.waits_for, page.skip = (), b""  # what is pending still is called by the next start
        return tasks

    def _task(self, number: int, sources: tuple[str, ...], *, skip: bytes = b"") -> Task:
        page = self.pages[number]
        return Task(
            number=number, start=page.start, rows=page.found.rows, plan=page.found.plan, asked=page.found.asked,
            sources=sources, skip=skip, valid=not page.found.invalid,
        )  # fmt: skip

    def _sources(self, wanted: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """Return in which parts answers to partitions lie."""
        found: dict[int, tuple[str, ...]] = {}
        strange = []
        for n in wanted:
            line = self.pages[n].line
            if line is not None:
                found[n] = (line.path,)
            else:
                strange.append(n)
        if strange and self._elsewhere:
            keys = [_prefixes_of_keys(line.keys) for line in self._elsewhere]
            all_keys = np.concatenate(keys)
            of_line = np.repeat(np.arange(len(keys)), [len(k) for k in keys])
            order = np.argsort(all_keys, kind="stable")
            all_keys, of_line = all_keys[order], of_line[order]
            for n in strange:
                mine = _prefixes(self.pages[n].found)
                low, high = np.searchsorted(all_keys, mine, "left"), np.searchsorted(all_keys, mine, "right")
                lines = {int(x) for a, b in zip(low[high > low], high[high > low], strict=True) for x in of_line[a:b]}
                found[n] = tuple(self._elsewhere[i].path for i in sorted(lines))
        return found

    def _note_doubles(self) -> None:
        """Find jobs that several partitions ask for: the first one calls them."""
        each = [_prefixes(page.found) for page in self.pages]
        if not each:
            return
        everything = np.concatenate(each)
        unique, first, inverse = np.unique(everything, return_index=True, return_inverse=True)
        if len(unique) == len(everything):
            return
        ends = np.cumsum([len(e) for e in each])
        owner = np.searchsorted(ends, first[inverse], side="right")
        begin = 0
        for n, (page, mine) in enumerate(zip(self.pages, each, strict=True)):
            others = owner[begin : begin + len(mine)]
            double = (others != n) & (mine != 0)
            begin += len(mine)
            if double.any():
                page.skip = double.astype(np.uint8).tobytes()
                page.waits_for = tuple(int(x) for x in np.unique(others[double]))


def _write_line(connection: sqlite3.Connection, line: PartLine) -> None:
    """Write what is known of a part, and count the requests that its answers cost, once."""
    known = table.calls_of(connection, line.path)
    table.write(connection, line)
    request_ledger.add(connection, line.workspace, line.kept_at, line.calls - known)


def _is_open(page: _Page, spec: Spec) -> bool:
    line = page.line
    if spec.retry:
        return line is not None and line.failed > 0
    if line is None or spec.fresh:
        return True
    return bool(line.pending or line.again or (spec.call_lost and line.unknown))


def _prefixes(found: Found) -> Prefixes:
    return np.frombuffer(found.prefixes, dtype=np.uint64)


def _prefixes_of_keys(keys: bytes) -> Prefixes:
    whole = np.frombuffer(keys, dtype=np.uint8).reshape(-1, KEY_BYTES)
    return np.ascontiguousarray(whole[:, :PREFIX_BYTES]).view(np.uint64).ravel()
