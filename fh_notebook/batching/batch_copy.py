"""One batch as it is copied into another workspace: under which name, into which batch, with which keys and places.

Rule of this file: it plans, and writes nothing. A key is computed anew only where the old one is found again by the
same inputs; what was called and has no outcome is planned as an answer that may have run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fh_notebook.batching.plan import NAME_DIGITS, hashed_name
from fh_notebook.batching.same_table import ArmRecord, inputs_by_row, match
from fh_notebook.batching.source import WINDOW
from fh_notebook.batching.stored import earlier_name, other_table
from fh_notebook.contract.run import Run
from fh_notebook.store.answer_lines import Line, line_of
from fh_notebook.store.batch_plan import revision_of
from fh_notebook.store.batches import REPLACED, BatchRecord
from fh_notebook.store.damage import Damaged, json_of, moment_of
from fh_notebook.store.jobs import JobLine
from fh_notebook.store.keys import job_key
from fh_notebook.store.store import Store
from fh_notebook.store.workspace_copy import BatchCopy, OpenCall

__all__ = ["PlannedCopy"]


@dataclass(frozen=True, slots=True)
class _Job:
    """One job with its keys in both workspaces."""

    line: JobLine
    """As the target has it, apart from its place; with the new key."""
    named: tuple[str, str]
    """The keys by which the batch was named: those of inputs that do not fit, too, which have no key later."""
    old: str


class PlannedCopy:
    """The copy of one batch, as it is to be written.

    Parameters
    ----------
    store : Store
        Where both workspaces are.
    record : BatchRecord
        The batch.
    target : str
        The workspace that it is copied into.
    """

    def __init__(self, store: Store, record: BatchRecord, target: str) -> None:
        self._store = store
        self._source = record
        self._target = target
        self._arms: list[ArmRecord] = [list(arm) for arm in record.plan.get("arms", ())]
        lines = [line for window in store.jobs.windows(record.id) for line in window]
        jobs = [self._job(line) for line in lines]
        is_whole = all(job.line.key or not job.old for job in jobs)
        # Where no key can be computed, rows of which none was called are no batch of their own.
        copied = [job for job in jobs if job.line.key or not job.old]
        self._jobs = copied if is_whole or any(job.line.key for job in copied) else []
        is_hashed = re.fullmatch(rf".+-[0-9a-f]{{{NAME_DIGITS}}}", record.name, re.DOTALL) is not None
        named = self._hashed_name(jobs) if is_hashed and is_whole else ""
        self.name = named or record.name
        """The name that the same cell has in the target."""
        self.is_unverified = is_hashed and not named
        self.copy = self._planned(is_unnamed=bool(named))

    def _job(self, line: JobLine) -> _Job:
        if not 0 <= line.arm < len(self._arms):
            raise Damaged("a job is one of no arm of its batch")
        _, deployment, variant = self._arms[line.arm]
        inputs = json_of(line.inputs, dict, "a job")
        try:
            old, new = (
                job_key(workspace, deployment, variant, inputs, line.repeat)
                for workspace in (self._source.workspace, self._target)
            )
        except (ValueError, TypeError, RecursionError):
            old = new = ""  # such inputs have no key, so they were not called
        is_same = bool(line.key) and line.key == old
        return _Job(line.with_key(new if is_same else ""), (old, new), line.key)

    def _hashed_name(self, jobs: Sequence[_Job]) -> str:
        """Return the name that an unnamed batch has in the target; empty where its own cannot be computed again.

        A table is named by all of its rows (of a pilot only some are kept), an iterator by its first window.
        """
        deployment = self._source.name[: -NAME_DIGITS - 1]
        labels = [label for label, _, _ in self._arms]
        first = [job for job in jobs if job.line.position < WINDOW]
        for part in (jobs, first):
            for pairs in ([job.named for job in part], [(job.old, job.line.key) for job in part]):
                if hashed_name(deployment, labels, (old for old, _ in pairs)) == self._source.name:
                    return hashed_name(deployment, labels, (new for _, new in pairs))
        return ""

    # --- where it goes

    def _planned(self, *, is_unnamed: bool) -> BatchCopy:
        lines = [job.line for job in self._jobs]
        base = BatchCopy(
            source=self._source,
            record=self._source,
            keys={job.old: job.line.key for job in self._jobs if job.old},
            repeats=int(self._source.plan.get("repeats") or 1),
            may_have_run=self._may_have_run(),
        )
        taken = self._store.batches.find(self.name, self._target)
        for there in (taken, *self._earlier(self.name)) if taken is not None else ():
            if (added := self._added(there, lines, always=is_unnamed)) is not None:
                record, places, new = added
                return replace(base, record=record, seen=revision_of(there), places=places, jobs=new)
        record = replace(
            self._source,
            id=0,
            name=self.name,
            workspace=self._target,
            plan={
                **self._source.plan,
                "rows": len({line.position for line in lines}),
                "table_sha256": "",  # it was made of the keys
                **dict.fromkeys(REPLACED, ()),  # by numbers of the source; see `workspace_copy.link_copies`
                "revision": 1,
            },
        )
        if taken is not None:
            record = replace(record, name=earlier_name(self._store, record, datetime.now(UTC)))
        return replace(base, record=record, places={line.position: line.position for line in lines}, jobs=lines)

    def _earlier(self, name: str) -> Iterator[BatchRecord]:
        """Yield the batches of the target that had a name before, or were copied beside another table of that name."""
        for record in self._store.batches.every():
            if record.workspace == self._target and record.name.startswith(f"{name}@"):
                yield record

    def _added(
        self, there: BatchRecord, lines: Sequence[JobLine], *, always: bool
    ) -> tuple[BatchRecord, dict[int, int], list[JobLine]] | None:
        """Return what a batch of the target becomes, where each row lies in it, and the jobs that it lacks.

        ``None`` where it is another table; an unnamed batch (`always`) is the same one by its name.
        """
        if other_table(there, self._arms, partitions=False):
            return None
        kept = [line for window in self._store.jobs.windows(there.id) for line in window]
        arms: list[ArmRecord] = [list(arm) for arm in there.plan.get("arms", ())]
        arms += [arm for arm in self._arms if arm not in arms]
        moved = [line.at(position=line.position, arm=arms.index(self._arms[line.arm])) for line in lines]
        rows, added = (inputs_by_row((x.position, x.arm, x.inputs) for x in part) for part in (kept, moved))
        found = match(rows, added, arms)
        if bool(kept) != bool(lines) or not (found.is_same or always):
            return None
        known = {(line.position, line.repeat, line.arm) for line in kept}
        moved = [line.at(position=found.places[line.position], arm=line.arm) for line in moved]
        new = [line for line in moved if (line.position, line.repeat, line.arm) not in known]
        own, mine = there.plan, self._source.plan
        plan = {
            **own,
            "rows": len(rows) + found.new,
            "repeats": max(int(own.get("repeats") or 1), int(mine.get("repeats") or 1)),
            "arms": arms,
            "schema_sha256": {**mine.get("schema_sha256", {}), **own.get("schema_sha256", {})},
            "columns": list(dict.fromkeys([*(own.get("columns") or ()), *(mine.get("columns") or ())])),
            "table_sha256": "",
            "revision": revision_of(there)[1] + 1,
        }
        record = replace(there, variants=tuple(label for label, _, _ in arms), plan=plan)
        return record, dict(found.places), new

    def _may_have_run(self) -> list[Line]:
        """Return the calls that have no outcome as answers of the target: they must not be paid for twice."""
        open_calls = {call.key: call for call in self._store.workspaces.open_calls(self._source.id)}
        return [
            self._unknown(job, open_calls.pop(job.old)) for job in self._jobs if job.line.key and job.old in open_calls
        ]

    def _unknown(self, job: _Job, call: OpenCall) -> Line:
        _, deployment, variant = self._arms[job.line.arm]
        why = "its outcome was not here yet" if call.is_waited_for else "the process that called it had ended"
        run = Run(
            status="unknown",
            error=f"{why} when it was copied from the workspace {self._source.workspace}; it may have run",
            error_code="not_delivered" if call.is_waited_for else "process_ended",
            attempts=1,
            deployment=deployment,
            variant=variant,
            inputs=json_of(job.line.inputs, dict, "a job"),
            metadata=json_of(job.line.metadata, dict, "a job"),
        )
        since = moment_of(call.since, "a claim")
        return line_of(run, key=job.line.key, workspace=self._target, batch=None, kept_at=since)
