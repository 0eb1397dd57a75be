"""Workspaces of a store: the content of each, and the copy of one into another.

A key of a job is made of the workspace's name, so an answer under another API key of the same host is another answer.
The copy computes each job key anew, after it has verified that the same inputs give the old one.

Rule of this file: the source is only read. Rows that the target has already are not written again, so that an
interrupted copy is repeated at no cost, and a second copy writes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from fh_notebook.contract.job_key import job_key
from fh_notebook.store.codec import decode_json, moment_of
from fh_notebook.store.tables import answers, batches, claims
from fh_notebook.store.tables.answers import AnswerRow
from fh_notebook.store.tables.batches import BatchRecord, JobRow
from fh_notebook.store.tables.plans import revision_of
from fh_notebook.store.writer import Committed, Transactions

WINDOW: Final = 500
"""Answers that are copied by one statement: outputs may be megabytes each."""


# --- the content of a workspace


class WorkspaceRow(NamedTuple):
    """Counts of the stored rows of one workspace."""

    name: str
    """``origin#name``: the name is the configured one, or a hash of the key."""
    batches: int
    answers: int
    """Answers of batches and single runs; those in Parquet files are not counted."""
    last_at: datetime
    """UTC; when the last answer was stored, or (without one) the last batch began."""


class OpenCall(NamedTuple):
    """A call of a batch that may have run and has no outcome: a dead process claimed it, or a callback is due."""

    key: str
    since: float
    """Seconds since 1970, UTC."""
    is_waited_for: bool
    """Whether the service accepted it with callback delivery."""


# --- keys


def key_in(
    target: str, *, source: str, key: str, deployment: str, variant: str | None, inputs: object, repeats: int = 1
) -> str:
    """Return the key that a call of one workspace has in another; empty where it cannot be computed.

    It cannot where the inputs are not those that were sent: a password in them is masked.

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
    """The copy of one batch: into a new batch, or into one that has the same table."""

    source: BatchRecord
    record: BatchRecord
    """The record of the copy in the target; its `id` is 0 where it is a new batch."""
    seen: tuple[int, int] = (0, 0)
    """Id and revision of the batch that had that name in the target when this was planned; zeros without one."""
    places: Mapping[int, int] = field(default_factory=dict)
    """Position of a row in the source -> its position in the target."""
    jobs: Sequence[JobRow] = ()
    """The jobs that the target lacks, with their new keys and positions."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Of all jobs: key in the source -> key in the target."""
    repeats: int = 1
    may_have_run: Sequence[AnswerRow] = ()
    """Calls of the source without an outcome, as ``unknown`` answers of the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyResult:
    """The result of one write of a copy."""

    batch: int = 0
    """The id of the batch in the target."""
    answers: int = 0
    scores: int = 0
    lost: int = 0
    """Answers whose keys cannot be computed: their inputs hold a masked password."""
    unknown: int = 0
    """Calls without an outcome that were stored as ``unknown``."""
    numbers: Mapping[int, int] = field(default_factory=dict, repr=False)
    """Answer in the source -> the answer in the target that is its copy, or stands for the same job."""
    last: int = 0
    """Of single runs: the id of the last one that was read; 0 when there are no more."""


class _SourceAnswer(NamedTuple):
    """The columns of a source answer that decide whether it is copied."""

    id: int
    key: str
    """In the target."""
    status: str
    kept_at: float


def _copy_batch(connection: sqlite3.Connection, copy: BatchCopy) -> CopyResult | None:
    """Copy one batch; ``None``, and nothing is written, where a batch has changed since the copy was planned.

    Rows and jobs of the target stay as they are.
    """
    source, record = copy.source, copy.record
    current = batches.find(connection, record.name, record.workspace)
    if revision_of(batches.by_id(connection, source.id)) != revision_of(source) or revision_of(current) != copy.seen:
        return None
    rows = connection.execute(
        "SELECT id, key, status, kept_at FROM answers WHERE batch = ? ORDER BY id", (source.id,)
    ).fetchall()
    source_answers, lost = [], 0
    for answer_id, key, status, kept_at in rows:
        target_key = copy.keys.get(key) or _key_of_answer(
            connection, answer_id, source.workspace, record.workspace, copy.repeats
        )
        lost += not target_key
        source_answers += [_SourceAnswer(answer_id, target_key, status, kept_at)] if target_key else []
    if not (copy.jobs or source_answers or current):
        return CopyResult(lost=lost)
    batch = current.id if current is not None else batches.write(connection, record)
    if current is not None and copy.jobs:
        batches.update(connection, batch, record)
    connection.execute(
        "INSERT OR IGNORE INTO rows SELECT ?1, json_extract(wanted.value, '$[1]'), label, record FROM json_each(?2)"
        " AS wanted CROSS JOIN rows ON rows.batch = ?3 AND rows.position = json_extract(wanted.value, '$[0]')",
        (batch, json.dumps(list(copy.places.items())), source.id),
    )
    batches.write_jobs(connection, batch, copy.jobs)
    copied = _copy_answers(connection, source_answers, batch=batch, workspace=record.workspace)
    unknown = _add_unknown(connection, copy.may_have_run, batch)
    return replace(copied, batch=batch, lost=lost, unknown=unknown)


def _link_copies(connection: sqlite3.Connection, copies: Mapping[int, int]) -> None:
    """Have copied batches replace each other as their sources do, by their own ids."""
    for source, copy in copies.items():
        source_record, copy_record = batches.by_id(connection, source), batches.by_id(connection, copy)
        if source_record is None or copy_record is None:
            continue  # forgotten since
        links = {
            name: list(
                dict.fromkeys(
                    [
                        *copy_record.plan.get(name, ()),
                        *(copies[n] for n in source_record.plan.get(name, ()) if copies.get(n, copy) != copy),
                    ]
                )
            )
            for name in batches.REPLACED
        }
        if any(linked != list(copy_record.plan.get(name, ())) for name, linked in links.items()):
            plan = {**copy_record.plan, **links, "revision": revision_of(copy_record)[1] + 1}
            batches.update(connection, copy, replace(copy_record, plan=plan))


def _copy_runs(connection: sqlite3.Connection, source: str, target: str, after: int) -> CopyResult:
    """Copy the next single runs of a workspace, after an answer id."""
    rows = connection.execute(
        "SELECT id, key, status, kept_at FROM answers WHERE id > ? AND batch IS NULL AND workspace = ?"
        " ORDER BY id LIMIT ?",
        (after, source, WINDOW),
    ).fetchall()
    source_answers, lost = [], 0
    for answer_id, _, status, kept_at in rows:
        target_key = _key_of_answer(connection, answer_id, source, target, 1)
        lost += not target_key
        source_answers += [_SourceAnswer(answer_id, target_key, status, kept_at)] if target_key else []
    copied = _copy_answers(connection, source_answers, batch=None, workspace=target)
    return replace(copied, lost=lost, last=rows[-1][0] if rows else 0)


def _key_of_answer(connection: sqlite3.Connection, answer_id: int, source: str, target: str, repeats: int) -> str:
    """Return the key in the target of an answer without a stored job, from the inputs of its run."""
    key, deployment, variant, run = connection.execute(
        f"SELECT key, deployment, variant, {answers.RUN} FROM answers WHERE id = ?", (answer_id,)
    ).fetchone()
    request = {
        "deployment": deployment,
        "variant": variant,
        "inputs": decode_json(run, dict, "the run of an answer").get("inputs"),
    }
    return key_in(target, source=source, key=key, repeats=repeats, **request)


def _copy_answers(
    connection: sqlite3.Connection, source_answers: Sequence[_SourceAnswer], *, batch: int | None, workspace: str
) -> CopyResult:
    """Copy the answers that the target lacks, with their scores."""
    existing = _existing(connection, batch, {answer.key for answer in source_answers})
    missing = [answer for answer in source_answers if _adds_to(answer, existing.get(answer.key, ()))]
    ids: dict[int, int] = {}
    scores = 0
    for begin in range(0, len(missing), WINDOW):
        chunk = missing[begin : begin + WINDOW]
        last = connection.execute(
            "INSERT INTO answers (key, batch, workspace, deployment, variant, status, run, kept_at, calls)"
            " SELECT json_extract(wanted.value, '$[1]'), ?2, ?3, deployment, variant, status,"
            f" {answers.RUN}, kept_at, calls"
            " FROM json_each(?1) AS wanted CROSS JOIN answers ON answers.id = json_extract(wanted.value, '$[0]')"
            " ORDER BY wanted.key",
            (json.dumps([(answer.id, answer.key) for answer in chunk]), batch, workspace),
        ).lastrowid
        first = int(last or 0) - len(chunk) + 1  # the table is only appended to, by one writer at a time
        copy_ids = {answer.id: first + index for index, answer in enumerate(chunk)}
        scores += connection.execute(
            "INSERT INTO scores (answer, scorer, of, score, parts, scored_at)"
            " SELECT json_extract(wanted.value, '$[1]'), scorer, of, score, parts, scored_at FROM json_each(?)"
            " AS wanted CROSS JOIN scores ON scores.answer = json_extract(wanted.value, '$[0]')",
            (json.dumps(list(copy_ids.items())),),
        ).rowcount
        ids |= copy_ids
    for answer in source_answers:
        if answer.id not in ids and (copy_id := _equivalent_answer(answer, existing[answer.key])):
            ids[answer.id] = copy_id
    return CopyResult(answers=len(missing), scores=scores, numbers=ids)


def _existing(
    connection: sqlite3.Connection, batch: int | None, keys: Iterable[str]
) -> dict[str, list[tuple[int, str, float]]]:
    """Return the answers of these jobs in a batch of the target (or its single runs): id, status and time, by key."""
    answers_by_key: dict[str, list[tuple[int, str, float]]] = {}
    for key, *values in connection.execute(
        "SELECT answers.key, answers.id, status, kept_at FROM json_each(?1) AS wanted CROSS JOIN answers"
        " ON answers.key = wanted.value WHERE +answers.batch IS ?2 ORDER BY answers.id",  # "+": found by key
        (json.dumps(list(keys)), batch),
    ):
        answers_by_key.setdefault(key, []).append((values[0], values[1], values[2]))
    return answers_by_key


def _adds_to(answer: _SourceAnswer, existing: Sequence[tuple[int, str, float]]) -> bool:
    """Return whether an answer adds to those that the target has for its job.

    Of completed answers the newer one counts. An answer that is not completed is copied only where the target has no
    completed one, which it must not hide.
    """
    completed = [kept_at for _, status, kept_at in existing if status == "completed"]
    if answer.status == "completed":
        return not completed or answer.kept_at > max(completed)
    return not completed and all(answer.kept_at > kept_at for _, _, kept_at in existing)


def _equivalent_answer(answer: _SourceAnswer, existing: Sequence[tuple[int, str, float]]) -> int:
    """Return the id of the target's answer for the same job: the copy, or the newest completed one, or the newest."""
    same = [number for number, status, kept_at in existing if (status, kept_at) == (answer.status, answer.kept_at)]
    completed = [number for number, status, _ in existing if status == "completed"]
    return (same or completed or [existing[-1][0]])[-1]


def _add_unknown(connection: sqlite3.Connection, unknown: Sequence[AnswerRow], batch: int) -> int:
    """Store calls without an outcome as ``unknown``, so that the target does not send them again by itself."""
    existing = _existing(connection, batch, {row.key for row in unknown})
    rows = [
        row._replace(batch=batch)
        for row in unknown
        if _adds_to(_SourceAnswer(0, row.key, row.status, row.kept_at), existing.get(row.key, ()))
    ]
    if rows:
        answers.append_all(connection, rows)
    return len(rows)


class Workspaces:
    """Repository of workspaces, over all tables."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def every(self) -> list[WorkspaceRow]:
        """Return the counts of each workspace, the one with the newest answer first."""
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

        Each needs one step in an index, for any number of answers.
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
            calls = {key: OpenCall(key, since[key], is_waited_for=False) for key in claimed}
            sql = "SELECT key, submitted_at FROM pending WHERE batch = ?"
            for key, submitted_at in connection.execute(sql, (batch,)):
                calls[key] = OpenCall(key, submitted_at, is_waited_for=True)
            return list(calls.values())

        return self._database.read(read)

    def copy_batch(self, copy: BatchCopy) -> Committed[CopyResult | None]:
        """Copy one batch into another workspace in one transaction; ``None`` where it was planned for another state."""
        return self._database.put(partial(_copy_batch, copy=copy))

    def link_copies(self, copies: Mapping[int, int]) -> Committed[None]:
        """Have copied batches replace each other as their sources do."""
        return self._database.put(partial(_link_copies, copies=copies))

    def copy_runs(self, source: str, target: str, after: int) -> Committed[CopyResult]:
        """Copy the next single runs of a workspace, those behind the answer of that number."""
        return self._database.put(partial(_copy_runs, source=source, target=target, after=after))
