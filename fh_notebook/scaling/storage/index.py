"""`PartitionIndex`: the partitions of a batch in the notebook, which part answers each, and which jobs are left to
call.

It only looks up and decides; it calls nothing. A partition is identified by the keys of its jobs, so the same frame
finds its parts again, however it is divided. Where a partition differs, its answers are looked up by key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fh_notebook.batching.model import DONE, FAILED, PENDING, UNKNOWN
from fh_notebook.batching.planning.reuse import AnswerLookup, KnownAnswer
from fh_notebook.contract.callbacks import RunIds
from fh_notebook.contract.job_key import is_reusable
from fh_notebook.scaling.protocol import BatchSpec, PartitionResult, PartitionSurvey, PartitionTask
from fh_notebook.scaling.storage import parts
from fh_notebook.scaling.storage.parts import done_of, failure_of
from fh_notebook.scaling.storage.reuse import (
    KeyPrefixes,
    is_copied,
    placeholder_job,
    prefixes_of,
    runs_of,
    write_copied,
)
from fh_notebook.scaling.survey import keys_of
from fh_notebook.store.retention import ForgetFilter
from fh_notebook.store.store import Store
from fh_notebook.store.tables.partitions import KEY_BYTES, PartRow


@dataclass(slots=True)
class _Entry:
    """One partition."""

    partition: Any
    survey: PartitionSurvey
    start: int
    line: PartRow | None = None
    skip: bytes = b""
    waits_for: tuple[int, ...] = ()
    """Partitions that call jobs of this one, too."""
    foreseen: tuple[int, int] = (0, 0)
    """How many more jobs are answered, and may have run, by what lies elsewhere than in its part."""
    given: str = ""
    """A file of answers that lie in the store, for the next round."""
    busy: bytes = b""
    """One byte a job: 1 where another batch of the store has it out."""


class PartitionIndex:
    """The partitions of one batch object.

    Parameters
    ----------
    partitions : sequence of Delayed
        The rows.
    found : sequence of PartitionSurvey
        What each asks for.
    store : Store
        Where keys are saved.
    spec : BatchSpec
        Of the batch, as its first round has it.
    """

    def __init__(
        self, partitions: Sequence[Any], surveys: Sequence[PartitionSurvey], store: Store, spec: BatchSpec
    ) -> None:
        starts = np.concatenate([[0], np.cumsum([f.rows for f in surveys])]).tolist()
        self.entries = [_Entry(p, f, int(s)) for p, f, s in zip(partitions, surveys, starts, strict=False)]
        self._store = store
        self._spec = spec
        self._elsewhere: list[PartRow] = []
        self._look_up: AnswerLookup | None = None
        self._note_doubles()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(entry.survey.rows for entry in self.entries)

    @property
    def jobs(self) -> int:
        """How many jobs there are."""
        return sum(entry.survey.jobs for entry in self.entries)

    @property
    def paths(self) -> list[str]:
        """The parts that there are, in the order of the partitions."""
        return [entry.line.path for entry in self.entries if entry.line is not None and entry.line.path]

    def runs_that_wait(self) -> list[RunIds]:
        """Return the ids of the runs that waited for a decision when their rows were answered; files are read."""
        paths = [entry.line.path for entry in self.entries if entry.line is not None and entry.line.unknown]
        ids = dict.fromkeys(request_id for path in filter(None, paths) for request_id in parts.waiting_in(path))
        return [RunIds(request_id) for request_id in ids]

    # --- what is known

    def look(
        self,
        *,
        batch: str | None,
        since: datetime | None = None,
        replaced: bool = False,
        look_up: AnswerLookup | None = None,
    ) -> None:
        """Find the parts that answer partitions: by their plan, else by the keys of their jobs.

        With `replaced` they are those of the batch that had the name before: they are read, and stay its own.
        `look_up` says which answers of the store count, too.
        """
        if not replaced:
            self._adopt()
        spec = self._spec
        lines = self._store.parts.every(spec.workspace, batch=batch, since=since)
        lines = [replace(line, batch="") if replaced else line for line in lines if parts.exists(line.path)]
        if batch is not None:  # what had the name before gives its answers, and stays its own
            earlier = self._store.parts.of_earlier_batches(spec.workspace, batch)
            lines = [*(replace(line, batch="") for line in earlier if parts.exists(line.path)), *lines]
        for memory_store in look_up.beside() if look_up is not None else ():
            theirs = memory_store.parts.every(spec.workspace, batch=None, since=since)
            lines = [*(replace(line, batch="") for line in theirs if parts.exists(line.path)), *lines]
        by_plan = {line.plan: line for line in lines}  # the newest comes last
        for entry in self.entries:
            line = by_plan.get(entry.survey.plan)
            entry.line = _with_waiting(replace(line, keys=b"")) if line is not None else None
        used = {entry.line.path for entry in self.entries if entry.line is not None}
        self._elsewhere = [line for line in lines if line.path not in used]
        self._look_up = look_up
        self._foresee()

    @property
    def foreseen(self) -> tuple[int, int]:
        """How many more jobs are answered, and may have run, than the parts of partitions say."""
        entries = [entry.foreseen for entry in self.entries]
        return sum(answered for answered, _ in entries), sum(unknown for _, unknown in entries)

    def _foresee(self) -> None:
        """Count what parts of other partitions and the store have answered; a partition takes it in when it is run."""
        numbers = [n for n, entry in enumerate(self.entries) if entry.survey.prefixes and not _is_whole(entry)]
        sources = self._sources(numbers)
        lines = {line.path: line for line in self._elsewhere}
        outcomes: dict[str, tuple[KeyPrefixes, KeyPrefixes]] = {}
        keys = _Keys(self._store, self._look_up)
        for n in numbers:
            entry, mine = self.entries[n], _prefixes(self.entries[n].survey)
            stands, lost = keys.outcomes(mine)
            own_stands, own_lost = np.zeros_like(stands), np.zeros_like(lost)
            for path in sources[n]:
                if path not in outcomes:
                    outcomes[path] = _outcomes_in(lines.get(path) or entry.line, path)
                in_it = [np.isin(mine, prefixes) for prefixes in outcomes[path]]
                if entry.line is not None and path == entry.line.path:
                    own_stands, own_lost = in_it
                stands, lost = stands | in_it[0], lost | in_it[1]
            lost &= ~stands
            entry.foreseen = (
                int((stands & ~own_stands).sum()),
                int((lost & ~own_lost).sum()) - int((own_lost & stands).sum()),
            )

    def remove_left(self) -> None:
        """Remove the files of :meth:`give` that kernels have left which ended; not where somebody runs the batch."""
        spec = self._spec
        if not self._store.running(ForgetFilter(batch=spec.name, workspace=spec.workspace)):
            for path in filter(is_copied, parts.names_in(spec.folder)):
                parts.remove(path)

    def give(self, *, call_lost: bool) -> None:
        """Write what the store has answered of open partitions to files, one a partition, that its worker reads.

        It is looked up anew at each start: others may have answered, or have out, what was pending before.
        """
        keys = _Keys(self._store, self._look_up)
        for entry in self.entries:
            entry.busy = b""
            if not entry.survey.jobs or _is_whole(entry):
                continue
            mine = _prefixes(entry.survey)
            answers = keys.of(mine, call_lost=call_lost)
            busy = [key for key, answer in answers.items() if answer.kind == PENDING]
            if busy:
                entry.busy = np.isin(mine, prefixes_of(bytes.fromhex("".join(busy)))).astype(np.uint8).tobytes()
            if runs := runs_of(self._store, answers):
                entry.given = write_copied(self._spec, entry.survey.plan, runs)

    def take_back(self) -> None:
        """Remove the files that were written for a start."""
        for entry in self.entries:
            if entry.given:
                parts.remove(entry.given)
                entry.given = ""

    def _adopt(self) -> None:
        """Take in parts that were merged when nobody was there to note them: the kernel had gone."""
        spec = self._spec
        known_paths = self._store.parts.paths(spec.workspace, spec.name)
        for path in parts.names_in(spec.folder):
            if path in known_paths or is_copied(path):
                continue
            facts, _ = parts.read_keys(path)
            if facts.get("workspace") == spec.workspace and facts.get("batch") == spec.name:
                task = PartitionTask(number=0, start=0, rows=0, plan=bytes.fromhex(facts["plan"]))
                self._write(done_of(path, task), task.plan)

    def _write(self, done: PartitionResult, plan: bytes) -> PartRow:
        line = PartRow(
            path=done.path, batch=self._spec.name, workspace=self._spec.workspace, plan=plan, jobs=done.jobs,
            done=done.done, failed=done.failed, unknown=done.unknown, waiting=done.waiting, again=done.again,
            calls=done.requests, keys=done.keys, kept_at=done.kept_at or datetime.now(UTC),
        )  # fmt: skip
        self._store.parts.keep(line).result()
        return replace(line, keys=b"")  # they are in the store: ten million are 320 MB

    def keep(self, done: PartitionResult, *, fresh: bool = False) -> None:
        """Note what came of a partition; the part that it took in is not needed any more, unless all was asked anew."""
        if not done.path:
            return
        entry = self.entries[done.number]
        old, entry.line = entry.line, self._write(done, entry.survey.plan)
        entry.foreseen = 0, 0
        if not fresh and old is not None and old.path != done.path and old.batch == self._spec.name:
            self._store.parts.forget(old.path).result()
            parts.remove(old.path)

    # --- what is to be run

    def tasks(self, spec: BatchSpec) -> list[PartitionTask]:
        """Return the partitions that a round runs."""
        open_entries = [n for n, entry in enumerate(self.entries) if entry.survey.jobs and _is_open(entry, spec)]
        sources = self._sources(open_entries) if not spec.fresh else {}
        return [self._task(n, sources.get(n, ()), skip=_either(self.entries[n])) for n in open_entries]

    def waiting(self) -> list[PartitionTask]:
        """Return the partitions whose jobs were called by others, with the parts where the answers are; once."""
        tasks = []
        for n, entry in enumerate(self.entries):
            if entry.waits_for and (entry.line is None or entry.line.pending):
                other_lines = [self.entries[number].line for number in entry.waits_for]
                paths = tuple(line.path for line in (entry.line, *other_lines) if line is not None)
                tasks.append(self._task(n, paths, skip=entry.busy))
            entry.waits_for, entry.skip = (), b""  # what is pending still is called by the next start
        return tasks

    def _task(self, number: int, sources: tuple[str, ...], *, skip: bytes = b"") -> PartitionTask:
        entry = self.entries[number]
        return PartitionTask(
            number=number, start=entry.start, rows=entry.survey.rows, plan=entry.survey.plan, asked=entry.survey.asked,
            sources=sources, skip=skip, valid=not entry.survey.invalid,
        )  # fmt: skip

    def _sources(self, numbers: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """Return the files in which answers to partitions lie; what counts more comes behind the rest.

        The part of a partition is the last one: what it has stands.
        """
        numbers = list(numbers)
        sources: dict[int, tuple[str, ...]] = dict.fromkeys(numbers, ())
        if self._elsewhere:
            keys = [prefixes_of(line.keys) for line in self._elsewhere]
            all_keys = np.concatenate(keys)
            of_line = np.repeat(np.arange(len(keys)), [len(k) for k in keys])
            order = np.argsort(all_keys, kind="stable")
            all_keys, of_line = all_keys[order], of_line[order]
            for n in numbers:
                mine = _prefixes(self.entries[n].survey)
                low, high = np.searchsorted(all_keys, mine, "left"), np.searchsorted(all_keys, mine, "right")
                lines = {int(x) for a, b in zip(low[high > low], high[high > low], strict=True) for x in of_line[a:b]}
                sources[n] = tuple(self._elsewhere[i].path for i in sorted(lines))
        for n in numbers:
            line, copied_path = self.entries[n].line, self.entries[n].given
            sources[n] += tuple(path for path in (copied_path, line.path if line is not None else "") if path)
        return sources

    def _note_doubles(self) -> None:
        """Find jobs that several partitions ask for: the first one calls them."""
        each = [_prefixes(entry.survey) for entry in self.entries]
        if not each:
            return
        everything = np.concatenate(each)
        unique, first, inverse = np.unique(everything, return_index=True, return_inverse=True)
        if len(unique) == len(everything):
            return
        ends = np.cumsum([len(e) for e in each])
        owner = np.searchsorted(ends, first[inverse], side="right")
        begin = 0
        for n, (entry, mine) in enumerate(zip(self.entries, each, strict=True)):
            first_owner = owner[begin : begin + len(mine)]
            double = (first_owner != n) & (mine != 0)
            begin += len(mine)
            if double.any():
                entry.skip = double.astype(np.uint8).tobytes()
                entry.waits_for = tuple(int(x) for x in np.unique(first_owner[double]))


def _is_open(entry: _Entry, spec: BatchSpec) -> bool:
    line = entry.line
    if spec.retry:
        return line is not None and line.failed > 0
    if line is None or spec.fresh:
        return True
    if line.unknown and entry.foreseen[0]:  # what may have run was answered elsewhere
        return True
    return bool(line.pending or line.again or (spec.call_lost and line.unknown))


def _is_whole(entry: _Entry) -> bool:
    """Whether each job of a partition has an outcome that stands."""
    line = entry.line
    return line is not None and not (line.pending or line.again or line.unknown)


def _either(entry: _Entry) -> bytes:
    """Return of each job whether another partition, or another batch, calls it; nothing where none is."""
    if not (entry.skip and entry.busy):
        return entry.skip or entry.busy
    return np.bitwise_or(np.frombuffer(entry.skip, np.uint8), np.frombuffer(entry.busy, np.uint8)).tobytes()


def _with_waiting(line: PartRow) -> PartRow:
    """Count the jobs that wait for a decision in the file itself, where its row may be of a version that did not."""
    return replace(line, waiting=parts.count_waiting(line.path)) if line.unknown and not line.waiting else line


def _outcomes_in(line: PartRow | None, path: str) -> tuple[KeyPrefixes, KeyPrefixes]:
    """Return the jobs of a part whose outcome stands, and those that may have run."""
    if line is not None and line.keys and not (line.failed or line.unknown):
        return prefixes_of(line.keys), prefixes_of(b"")
    _, lines = parts.read_keys(path)
    lines = lines[lines["key"].notna()]
    failed = lines["status"] == "failed"
    runs = [failure_of(*both) for both in zip(lines["error_code"], lines[parts.STATUS_CODE], strict=True)]
    stands = (lines["status"] == "completed") | (failed & np.array([is_reusable(run) for run in runs], dtype=bool))
    lost = ~lines["status"].isin(["completed", "failed"])
    return prefixes_of(keys_of(lines.loc[stands, "key"])), prefixes_of(keys_of(lines.loc[lost, "key"]))


class _Keys:
    """The keys of what the store has answered, or others have out, that may stand for jobs of partitions."""

    def __init__(self, store: Store, look_up: AnswerLookup | None) -> None:
        self._look_up = look_up
        keys = b""
        if look_up is not None:
            stores: list[tuple[Store, tuple[int, ...] | None]] = [
                (memory_store, None) for memory_store in look_up.beside()
            ]
            if look_up.anywhere or look_up.stored.replaced_ids:
                stores.append((store, None if look_up.anywhere else look_up.stored.ids))
            keys = b"".join(one.answers.keys_of(look_up.workspace, batches=batches) for one, batches in stores)
        order = np.argsort(prefixes_of(keys), kind="stable")
        self._keys = np.frombuffer(keys, dtype=np.uint8).reshape(-1, KEY_BYTES)[order]
        self._prefixes = prefixes_of(keys)[order]

    def of(self, jobs: KeyPrefixes, *, call_lost: bool = False) -> dict[str, KnownAnswer]:
        """Return what stands for jobs, by their whole keys."""
        if self._look_up is None or not len(self._prefixes):
            return {}
        distinct = np.unique(jobs)
        low, high = (
            np.searchsorted(self._prefixes, distinct, "left"),
            np.searchsorted(self._prefixes, distinct, "right"),
        )
        there = high > low
        places = [at for a, b in zip(low[there], high[there], strict=True) for at in range(a, b)]
        keys = [self._keys[at].tobytes().hex() for at in places]
        stand_ins = {key: placeholder_job(key) for key in keys}
        return self._look_up.of(stand_ins, now=datetime.now(UTC), call_lost=call_lost) if keys else {}

    def outcomes(self, jobs: KeyPrefixes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return of each job whether it is answered, and whether it may have run."""
        answers = self.of(jobs)
        stands, lost = (
            prefixes_of(bytes.fromhex("".join(key for key, answer in answers.items() if answer.kind in kinds)))
            for kinds in ((DONE, FAILED), (UNKNOWN,))
        )
        return np.isin(jobs, stands), np.isin(jobs, lost)


def _prefixes(survey: PartitionSurvey) -> KeyPrefixes:
    return np.frombuffer(survey.prefixes, dtype=np.uint64)
