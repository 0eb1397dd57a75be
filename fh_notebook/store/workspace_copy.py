"""Workspaces of a store: what is kept of each, and the copy of one into another.

A key of a job is made of the workspace's name, so an answer under another key of the same host is another answer. The
copy computes each key anew, after it has computed the old one from the same inputs and found it equal.

Rule of this file: the source is only read. What the target has already is not written again, so that a copy that was
cut short is repeated at no cost, and a second copy writes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from fh_notebook.contract.reuse import job_key
from fh_notebook.store.codec import json_of, moment_of
from fh_notebook.store.tables import answers, batches, claims
from fh_notebook.store.tables.answers import AnswerRow
from fh_notebook.store.tables.batches import BatchRecord, JobRow
from fh_notebook.store.tables.plans import revision_of
from fh_notebook.store.writer import Committed, Transactions

__all__ = [
    "BatchCopy",
    "Copied",
    "OpenCall",
    "WorkspaceRow",
    "Workspaces",
    "key_in",
]

WINDOW: Final = 500
"""Answers that are copied by one statement: outputs may be megabytes each."""


# --- what there is


class WorkspaceRow(NamedTuple):
    """What is kept of one workspace."""

    name: str
    """``origin#name``: the name is the configured one, or a hash of the key."""
    batches: int
    answers: int
    """Answers of batches and single runs; those that lie in Parquet files are not counted."""
    last_at: datetime
    """UTC; when the last answer was kept, or (where none is) the last batch began."""


class OpenCall(NamedTuple):
    """A call of a batch that may have run and has no outcome: a dead process claimed it, or it is waited for."""

    key: str
    since: float
    """Seconds since 1970, UTC."""
    is_waited_for: bool
    """Whether the service took it by callback delivery."""


# --- keys


def key_in(
    target: str, *, source: str, key: str, deployment: str, variant: str | None, inputs: object, repeats: int = 1
) -> str:
    """Return the key that a call of one workspace has in another; empty where it cannot be computed.

    It cannot where the inputs are not those that were sent: a password in them is masked.

    Parameters
    ----------
    target, source : str
        The workspaces.
    key : str
        Of the call, in `source`.
    deployment, variant, inputs
        What was asked.
    repeats : int
        The highest repeat that it may be.

    Examples
    --------
    >>> one = job_key("a", "triage", "live", {"x": 1}, 2)
    >>> asked = {"deployment": "triage", "variant": "live", "repeats": 3}
    >>> key_in("b", source="a", key=one, inputs={"x": 1}, **asked) == job_key("b", "triage", "live", {"x": 1}, 2)
    True
    >>> key_in("b", source="a", key=one, inputs={"x": "***"}, **asked)
    ''
    """
    if not isinstance(inputs, Mapping):
        return ""
    try:
        for repeat in range(1, repeats + 1):
            if job_key(source, deployment, variant, inputs, repeat) == key:
                return job_key(target, deployment, variant, inputs, repeat)
    except (ValueError, TypeError, RecursionError):
        return ""
    return ""


# --- the copy


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCopy:
    """One batch as it is to be copied: into a new batch, or into one that has the same table."""

    source: BatchRecord
    record: BatchRecord
    """What the copy is kept as, in the target; its `id` is 0 where it is a new batch."""
    seen: tuple[int, int] = (0, 0)
    """Number and revision of the batch that had that name in the target when this was planned; zeros: none had."""
    places: Mapping[int, int] = field(default_factory=dict)
    """Where the rows come to lie: place in the source -> place in the target."""
    jobs: Sequence[JobRow] = ()
    """The jobs that the target has not, with their new keys and places."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Of all jobs: key in the source -> key in the target."""
    repeats: int = 1
    may_have_run: Sequence[AnswerRow] = ()
    """What was called in the source and has no outcome, as ``unknown`` answers of the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What one write has copied."""

    batch: int = 0
    """The number of the batch in the target."""
    answers: int = 0
    scores: int = 0
    lost: int = 0
    """Answers whose keys cannot be computed: their inputs hold a masked password."""
    unknown: int = 0
    """Calls without an outcome that were noted as such."""
    numbers: Mapping[int, int] = field(default_factory=dict, repr=False)
    """Answer in the source -> the answer in the target that is the same, or stands for the same job."""
    last: int = 0
    """Of single runs: the number of the last one that was looked at; 0 when there are no more."""


class _Answer(NamedTuple):
    """One answer of the source, as far as the choice needs it."""

    id: int
    key: str
    """In the target."""
    status: str
    kept_at: float


def _copy_batch(connection: sqlite3.Connection, copy: BatchCopy) -> Copied | None:
    """Copy one batch; ``None``, and nothing is written, where either side is another one than the copy was planned for.

    Rows and jobs that the target has stay as they are there.
    """
    source, record = copy.source, copy.record
    current = batches.find(connection, record.name, record.workspace)
    if revision_of(batches.by_id(connection, source.id)) != revision_of(source) or revision_of(current) != copy.seen:
        return None
    found = connection.execute(
        "SELECT id, key, status, kept_at FROM answers WHERE batch = ? ORDER BY id", (source.id,)
    ).fetchall()
    lines, lost = [], 0
    for number, key, status, kept_at in found:
        mine = copy.keys.get(key) or _key_of_line(connection, number, source.workspace, record.workspace, copy.repeats)
        lost += not mine
        lines += [_Answer(number, mine, status, kept_at)] if mine else []
    if not (copy.jobs or lines or current):
        return Copied(lost=lost)
    batch = current.id if current is not None else batches.write(connection, record)
    if current is not None and copy.jobs:
        batches.update(connection, batch, record)
    connection.execute(
        "INSERT OR IGNORE INTO rows SELECT ?1, json_extract(wanted.value, '$[1]'), label, record FROM json_each(?2)"
        " AS wanted CROSS JOIN rows ON rows.batch = ?3 AND rows.position = json_extract(wanted.value, '$[0]')",
        (batch, json.dumps(list(copy.places.items())), source.id),
    )
    batches.write_jobs(connection, batch, copy.jobs)
    copied = _copy_answers(connection, lines, batch=batch, workspace=record.workspace)
    unknown = _note_unknown(connection, copy.may_have_run, batch)
    return replace(copied, batch=batch, lost=lost, unknown=unknown)


def _link_copies(connection: sqlite3.Connection, copies: Mapping[int, int]) -> None:
    """Have copied batches replace each other as their sources do: by their own numbers.

    Parameters
    ----------
    copies : mapping of int to int
        Number of a batch in the source -> of its copy.
    """
    for source, copy in copies.items():
        theirs, mine = batches.by_id(connection, source), batches.by_id(connection, copy)
        if theirs is None or mine is None:
            continue  # forgotten meanwhile
        links = {
            name: list(
                dict.fromkeys(
                    [
                        *mine.plan.get(name, ()),
                        *(copies[n] for n in theirs.plan.get(name, ()) if copies.get(n, copy) != copy),
                    ]
                )
            )
            for name in batches.REPLACED
        }
        if any(found != list(mine.plan.get(name, ())) for name, found in links.items()):
            plan = {**mine.plan, **links, "revision": revision_of(mine)[1] + 1}
            batches.update(connection, copy, replace(mine, plan=plan))


def _copy_runs(connection: sqlite3.Connection, source: str, target: str, after: int) -> Copied:
    """Copy the next single runs of a workspace behind the answer of that number."""
    found = connection.execute(
        "SELECT id, key, status, kept_at FROM answers WHERE id > ? AND batch IS NULL AND workspace = ?"
        " ORDER BY id LIMIT ?",
        (after, source, WINDOW),
    ).fetchall()
    lines, lost = [], 0
    for number, _, status, kept_at in found:
        mine = _key_of_line(connection, number, source, target, 1)
        lost += not mine
        lines += [_Answer(number, mine, status, kept_at)] if mine else []
    copied = _copy_answers(connection, lines, batch=None, workspace=target)
    return replace(copied, lost=lost, last=found[-1][0] if found else 0)


def _key_of_line(connection: sqlite3.Connection, number: int, source: str, target: str, repeats: int) -> str:
    """Return the key in the target of an answer whose job is not kept: of the inputs that its run has."""
    key, deployment, variant, run = connection.execute(
        f"SELECT key, deployment, variant, {answers.RUN} FROM answers WHERE id = ?", (number,)
    ).fetchone()
    asked = {
        "deployment": deployment,
        "variant": variant,
        "inputs": json_of(run, dict, "the run of an answer").get("inputs"),
    }
    return key_in(target, source=source, key=key, repeats=repeats, **asked)


def _copy_answers(
    connection: sqlite3.Connection, lines: Sequence[_Answer], *, batch: int | None, workspace: str
) -> Copied:
    """Copy those of the answers that the target lacks, with their scores."""
    there = _existing(connection, batch, {line.key for line in lines})
    wanted = [line for line in lines if _is_wanted(line, there.get(line.key, ()))]
    numbers: dict[int, int] = {}
    scores = 0
    for begin in range(0, len(wanted), WINDOW):
        part = wanted[begin : begin + WINDOW]
        last = connection.execute(
            "INSERT INTO answers (key, batch, workspace, deployment, variant, status, run, kept_at, calls)"
            " SELECT json_extract(wanted.value, '$[1]'), ?2, ?3, deployment, variant, status,"
            f" {answers.RUN}, kept_at, calls"
            " FROM json_each(?1) AS wanted CROSS JOIN answers ON answers.id = json_extract(wanted.value, '$[0]')"
            " ORDER BY wanted.key",
            (json.dumps([(line.id, line.key) for line in part]), batch, workspace),
        ).lastrowid
        first = int(last or 0) - len(part) + 1  # the table is only appended to, by one writer at a time
        mine = {line.id: first + place for place, line in enumerate(part)}
        scores += connection.execute(
            "INSERT INTO scores (answer, scorer, of, score, parts, scored_at)"
            " SELECT json_extract(wanted.value, '$[1]'), scorer, of, score, parts, scored_at FROM json_each(?)"
            " AS wanted CROSS JOIN scores ON scores.answer = json_extract(wanted.value, '$[0]')",
            (json.dumps(list(mine.items())),),
        ).rowcount
        numbers |= mine
    for line in lines:
        if line.id not in numbers and (same := _same(line, there[line.key])):
            numbers[line.id] = same
    return Copied(answers=len(wanted), scores=scores, numbers=numbers)


def _existing(
    connection: sqlite3.Connection, batch: int | None, keys: Iterable[str]
) -> dict[str, list[tuple[int, str, float]]]:
    """Return what a batch of the target (or its single runs) has of these jobs: number, status and time, by key."""
    found: dict[str, list[tuple[int, str, float]]] = {}
    for key, *told in connection.execute(
        "SELECT answers.key, answers.id, status, kept_at FROM json_each(?1) AS wanted CROSS JOIN answers"
        " ON answers.key = wanted.value WHERE answers.batch IS ?2 ORDER BY answers.id",
        (json.dumps(list(keys)), batch),
    ):
        found.setdefault(key, []).append((told[0], told[1], told[2]))
    return found


def _is_wanted(line: _Answer, there: Sequence[tuple[int, str, float]]) -> bool:
    """Whether an answer says more than what the target has of its job.

    Of completed answers the newer one counts. One that is not completed counts only where none is: it must not come to
    lie over an answer of the target.
    """
    completed = [kept_at for _, status, kept_at in there if status == "completed"]
    if line.status == "completed":
        return not completed or line.kept_at > max(completed)
    return not completed and all(line.kept_at > kept_at for _, _, kept_at in there)


def _same(line: _Answer, there: Sequence[tuple[int, str, float]]) -> int:
    """Return the answer of the target that stands for this one: its copy, else the newest completed one."""
    same = [number for number, status, kept_at in there if (status, kept_at) == (line.status, line.kept_at)]
    completed = [number for number, status, _ in there if status == "completed"]
    return (same or completed or [there[-1][0]])[-1]


def _note_unknown(connection: sqlite3.Connection, lines: Sequence[AnswerRow], batch: int) -> int:
    """Note calls without an outcome, so that the target does not send them again by itself."""
    there = _existing(connection, batch, {line.key for line in lines})
    wanted = [
        replace(line, batch=batch)
        for line in lines
        if _is_wanted(_Answer(0, line.key, line.status, line.kept_at), there.get(line.key, ()))
    ]
    if wanted:
        answers.append_all(connection, wanted)
    return len(wanted)


class Workspaces:
    """Repository of workspaces, over all tables."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def every(self) -> list[WorkspaceRow]:
        """Return what is kept of each workspace, the one with the newest answer first."""
        sql = (
            "SELECT workspace, sum(batches), sum(answers), coalesce(max(kept_at), max(created_at)) AS last_at FROM ("
            "SELECT workspace, 0 AS batches, count(*) AS answers, max(kept_at) AS kept_at, NULL AS created_at"
            " FROM answers GROUP BY workspace UNION ALL"
            " SELECT workspace, count(*), 0, NULL, max(created_at) FROM batches GROUP BY workspace)"
            " GROUP BY workspace ORDER BY last_at DESC, workspace"
        )
        return self._database.read(
            lambda c: [
                WorkspaceRow(name, batch_count, answer_count, moment_of(last_at, "an answer"))
                for name, batch_count, answer_count, last_at in c.execute(sql)
            ]
        )

    def of_host(self, origin: str, deployments: Iterable[str], *, without: str, limit: int) -> list[str]:
        """Return the other workspaces of one host that answered one of these deployments, the newest first.

        Each is one step in an index, however many answers there are.
        """
        sql = (
            "WITH RECURSIVE names(name) AS (SELECT min(workspace) FROM answers WHERE workspace >= ?1 AND workspace < ?2"
            " UNION ALL SELECT (SELECT min(workspace) FROM answers WHERE workspace > name AND workspace < ?2)"
            " FROM names WHERE name IS NOT NULL)"
            " SELECT name FROM names WHERE name <> ?3 AND EXISTS (SELECT 1 FROM json_each(?4) AS asked, answers"
            " WHERE answers.workspace = name AND answers.deployment = asked.value)"
            " ORDER BY (SELECT max(kept_at) FROM answers WHERE workspace = name) DESC LIMIT ?5"
        )
        # "$" follows "#" in ASCII
        values = (f"{origin}#", f"{origin}$", without, json.dumps(list(deployments)), limit)
        return [name for (name,) in self._database.read(lambda c: c.execute(sql, values).fetchall())]

    def count_not_copied(self, source: str, target: str) -> int:
        """Return how many completed answers of one workspace another one has no copy of: a copy has the same time."""
        sql = (
            "SELECT count(*) FROM answers WHERE workspace = ?1 AND status = 'completed' AND NOT EXISTS ("
            "SELECT 1 FROM answers AS copies WHERE copies.workspace = ?2 AND copies.kept_at = answers.kept_at)"
        )
        return int(self._database.read(lambda c: c.execute(sql, (source, target)).fetchone())[0])

    def open_calls(self, batch: int) -> list[OpenCall]:
        """Return the calls of one batch that may have run and have no outcome, each once."""

        def read(connection: sqlite3.Connection) -> list[OpenCall]:
            claimed = claims.of_batch(connection, batch)
            since = dict(connection.execute("SELECT key, claimed_at FROM claims WHERE batch = ?", (batch,)))
            found = {key: OpenCall(key, since[key], is_waited_for=False) for key in claimed}
            for key, at in connection.execute("SELECT key, submitted_at FROM pending WHERE batch = ?", (batch,)):
                found[key] = OpenCall(key, at, is_waited_for=True)
            return list(found.values())

        return self._database.read(read)

    def copy_batch(self, copy: BatchCopy) -> Committed[Copied | None]:
        """Copy one batch into another workspace in one transaction; ``None`` where it was planned for another state."""
        return self._database.put(partial(_copy_batch, copy=copy))

    def link_copies(self, copies: Mapping[int, int]) -> Committed[None]:
        """Have copied batches replace each other as their sources do.

        Parameters
        ----------
        copies : mapping of int to int
            Number of a batch in the source -> of its copy.
        """
        return self._database.put(partial(_link_copies, copies=copies))

    def copy_runs(self, source: str, target: str, after: int) -> Committed[Copied]:
        """Copy the next single runs of a workspace, those behind the answer of that number."""
        return self._database.put(partial(_copy_runs, source=source, target=target, after=after))
