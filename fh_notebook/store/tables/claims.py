"""Table ``claims``: jobs about to be sent or in progress, committed before the call.

A row is written before the call and leaves with its answer, so what a killed process leaves behind here may have run.

Rule of this file: one job of one batch has at most one owner; `owner_locks` knows whether that owner still lives. What
is done for many at once is what is done for one after the other: between two statements SQLite gives up Python's lock,
and under load it is milliseconds until it has it again, so a statement for each of a hundred answers makes a commit
last longer than the calls take, and one for all of them does not.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple

from fh_notebook.contract.run import Run
from fh_notebook.store.codec import moment_of
from fh_notebook.store.owner_locks import Owner, Owners
from fh_notebook.store.tables import answers, requests
from fh_notebook.store.tables.answers import AnswerRow, StoredAnswer, row_of_run
from fh_notebook.store.tables.batches import RELATED
from fh_notebook.store.writer import Committed, Transactions

CREATE: Final = (
    """CREATE TABLE claims (
        batch TEXT NOT NULL,
        key TEXT NOT NULL,
        owner TEXT NOT NULL,
        claimed_at REAL NOT NULL,
        PRIMARY KEY (batch, key)
    ) STRICT, WITHOUT ROWID""",
)
WITH_IDENTITY: Final = (
    "ALTER TABLE claims RENAME TO claims_7",
    """CREATE TABLE claims (
        batch INTEGER NOT NULL,
        key TEXT NOT NULL,
        owner TEXT NOT NULL,
        claimed_at REAL NOT NULL,
        PRIMARY KEY (batch, key)
    ) STRICT, WITHOUT ROWID""",
    # A name in several workspaces: a key is of one workspace, so the claim says nothing in the others.
    "INSERT INTO claims SELECT batches.id, claims_7.key, owner, claimed_at FROM claims_7"
    " JOIN batches ON batches.name = claims_7.batch",
    "DROP TABLE claims_7",
    "CREATE INDEX claims_by_key ON claims (key)",
)


_START: Final = "start "
"""How the keys of lines begin that stand for a whole start: a batch that is paused, or sleeps until its daily cap is
renewed, has no job out and is run all the same. Keys of jobs are hexadecimal."""


def start_key(owner: str) -> str:
    """Return the key under which an owner says that it runs a batch."""
    return f"{_START}{owner}"


class Claim(NamedTuple):
    """The result of a request for a job: exactly one of the four is set."""

    mine: bool = False
    """The job may be sent now, by the requester."""
    answered: StoredAnswer | None = None
    """Another owner answered it since the requester planned."""
    owner: str | None = None
    """Another owner has it, for :attr:`batch`."""
    capped: bool = False
    """The daily cap is used up."""
    batch: int = 0
    """The number of the batch for which :attr:`owner` has it."""


_MINE: Final = Claim(mine=True)


class ClaimRequest(NamedTuple):
    """One job that its owner would send."""

    key: str
    now: float
    """Seconds since 1970, UTC."""
    batch: int
    owner: str
    seen_id: int
    """The newest line of answers at the time of the plan: a later one of this job is given in its place."""
    workspace: str
    """Whose requests are counted."""
    alone: bool = False
    """Whether what the batches have out, or have answered, that :attr:`batch` replaced or that replaced it does not
    count (``fresh=True``)."""
    anywhere: bool = False
    """Whether what other batches have out, or have answered, counts too (``reuse="store"``)."""
    call_lost: bool = False
    """Whether a call of another batch that may have run is no answer (``retry_unknown=True``)."""
    daily_cap: int | None = None
    """How many requests of this workspace may be sent on one day."""
    is_sent: bool = False
    """Whether its call was sent before, by a process that ended: no request is counted, and no cap matters."""

    @property
    def common(self) -> tuple[Any, ...]:
        """What jobs that are claimed in the same statements have in common: all but the key and the time."""
        return self[2:]


def take_each(connection: sqlite3.Connection, requested: Sequence[ClaimRequest]) -> list[Claim]:
    """Claim jobs, each unless it has an owner or a newer answer; return their claims, in order."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, request in enumerate(requested):
        groups.setdefault(request.common, []).append(index)
    claims: dict[int, Claim] = {}
    for indices in groups.values():
        claims |= zip(indices, _take_group(connection, [requested[index] for index in indices]), strict=True)
    return [claims[index] for index in range(len(requested))]


def _take_group(connection: sqlite3.Connection, requested: Sequence[ClaimRequest]) -> list[Claim]:
    """Claim jobs for one owner, and count their requests."""
    first = requested[0]
    keys = json.dumps([request.key for request in requested])
    # Few statements in the usual case, and none that returns a row for each job: every step of SQLite releases the
    # interpreter lock and waits for it again.
    (taken_json,) = connection.execute(
        "SELECT json_group_array(value) FROM json_each(:keys) WHERE"
        f" EXISTS (SELECT 1 FROM claims WHERE key = value AND (:anywhere OR batch IN ({RELATED})))"
        f" OR EXISTS (SELECT 1 FROM answers WHERE key = value AND id > :after AND (:anywhere OR batch IN ({RELATED})))",
        {"batch": first.batch, "keys": keys, "after": first.seen_id, "alone": first.alone, "anywhere": first.anywhere},
    ).fetchone()
    blocked = {
        key: claim for key in json.loads(taken_json) if (claim := _blocking_claim(connection, first, key)) is not None
    }
    free = [key for key in dict.fromkeys(request.key for request in requested) if key not in blocked]
    now = datetime.fromtimestamp(first.now, UTC)
    over_cap = set()
    if first.daily_cap is not None and not first.is_sent:
        remaining = max(0, first.daily_cap - requests.on_day(connection, first.workspace, now))
        free, over_cap = free[:remaining], set(free[remaining:])
    if free:
        connection.execute(
            "INSERT INTO claims (batch, key, owner, claimed_at) SELECT ?1, value, ?2, ?3 FROM json_each(?4)",
            (first.batch, first.owner, first.now, json.dumps(free)),
        )
        requests.add(connection, first.workspace, now, 0 if first.is_sent else len(free))
    claimable = set(free)
    claims = []
    for request in requested:
        if request.key in claimable:
            claimable.remove(request.key)
            claims.append(_MINE)
        elif request.key in over_cap:
            claims.append(Claim(capped=True))
        else:  # a key that is requested twice is claimed once
            claims.append(blocked.get(request.key) or Claim(owner=request.owner, batch=request.batch))
    return claims


def _blocking_claim(connection: sqlite3.Connection, request: ClaimRequest, key: str) -> Claim | None:
    """Return the answer or the owner that a job has already; ``None`` where it may be claimed all the same."""
    scope = {"alone": request.alone, "anywhere": request.anywhere}
    if answered := answers.newer_answer(
        connection, request.batch, key, request.seen_id, call_lost=request.call_lost, **scope
    ):
        return Claim(answered=answered)
    holder = connection.execute(
        f"SELECT batch, owner FROM claims WHERE key = :key AND (:anywhere OR batch IN ({RELATED}))"
        " ORDER BY batch <> :batch",
        {"batch": request.batch, "key": key, **scope},
    ).fetchone()
    return Claim(batch=holder[0], owner=holder[1]) if holder else None


def _look(connection: sqlite3.Connection, request: ClaimRequest, room: int) -> Claim:
    """Return what a claim of a job would give, if it came with so many requests."""
    if (blocking := _blocking_claim(connection, request, request.key)) is not None or request.daily_cap is None:
        return blocking or _MINE
    used = requests.on_day(connection, request.workspace, datetime.fromtimestamp(request.now, UTC))
    return _MINE if used + room <= request.daily_cap else Claim(capped=True)


def uncount(connection: sqlite3.Connection, batch: int, key: str, owner: str, *, workspace: str) -> None:
    """Subtract the request of a claim, which was not sent, from the day that it was counted on.

    Call it before the claim is dropped: only a claim of this owner was counted.
    """
    row = connection.execute(
        "SELECT claimed_at FROM claims WHERE batch = ? AND key = ? AND owner = ?", (batch, key, owner)
    ).fetchone()
    if row:
        requests.add(connection, workspace, moment_of(row[0], "a claim"), -1)


def drop(connection: sqlite3.Connection, batch: int, key: str, owner: str) -> bool:
    """Drop a claim, and return whether it was this owner's."""
    cursor = connection.execute("DELETE FROM claims WHERE batch = ? AND key = ? AND owner = ?", (batch, key, owner))
    return cursor.rowcount == 1


def drop_all(connection: sqlite3.Connection, batch: int, keys: Sequence[str], owner: str) -> None:
    """Drop the claims of these jobs that are this owner's."""
    connection.execute(
        "DELETE FROM claims WHERE batch = ? AND owner = ? AND key IN (SELECT value FROM json_each(?))",
        (batch, owner, json.dumps(keys)),
    )


class AnswerWrite(NamedTuple):
    """One write of an answer of a batch's job."""

    batch: int
    row: AnswerRow
    owner: str
    """The owner of the claim to be dropped; empty when there is none."""
    then: ClaimRequest | None = None
    """The job that its owner would send next."""
    unsent: bool = False
    """Whether its last attempt reached nobody: then it is not counted as a request."""


def answer_each(connection: sqlite3.Connection, items: Sequence[AnswerWrite]) -> list[tuple[int, Claim | None]]:
    """Write answers, drop their claims, claim the next jobs; return the answer's id and the next claim of each."""
    answer_ids = answers.append_all(connection, [item.row for item in items])
    for item in items:
        if item.unsent:
            uncount(connection, item.batch, item.row.key, item.owner, workspace=item.row.workspace)
    for (batch, owner), keys in _by_owner((i.batch, i.owner, i.row.key) for i in items if i.owner):
        drop_all(connection, batch, keys, owner)
    follow_ups = {index: item.then for index, item in enumerate(items) if item.then is not None}
    claims = dict(zip(follow_ups, take_each(connection, list(follow_ups.values())), strict=True))
    return [(answer_id, claims.get(index)) for index, answer_id in enumerate(answer_ids)]


def _by_owner(items: Iterable[tuple[int, str, str]]) -> Iterable[tuple[tuple[int, str], list[str]]]:
    keys_by_owner: dict[tuple[int, str], list[str]] = {}
    for batch, owner, key in items:
        keys_by_owner.setdefault((batch, owner), []).append(key)
    return keys_by_owner.items()


def drop_of(connection: sqlite3.Connection, owners: Iterable[str]) -> None:
    """Drop all claims of these owners."""
    owners_json = json.dumps(list(owners))
    connection.execute("DELETE FROM claims WHERE owner IN (SELECT value FROM json_each(?))", (owners_json,))


def of_batch(connection: sqlite3.Connection, batch: int) -> dict[str, str]:
    """Return the claimed jobs of one batch: key -> owner."""
    rows = connection.execute(
        "SELECT key, owner FROM claims WHERE batch = ? AND substr(key, 1, ?) <> ?", (batch, len(_START), _START)
    )
    return dict(rows)


def start(connection: sqlite3.Connection, batch: int, owner: str, *, now: float) -> bool:
    """Record that an owner runs a batch; return whether the batch exists: it may have been forgotten meanwhile."""
    cursor = connection.execute(
        "INSERT OR REPLACE INTO claims (batch, key, owner, claimed_at)"
        " SELECT id, ?2, ?3, ?4 FROM batches WHERE id = ?1",
        (batch, start_key(owner), owner, now),
    )
    return cursor.rowcount == 1


def is_run(connection: sqlite3.Connection, batch: int, is_alive: Callable[[str], bool]) -> bool:
    """Return whether a live process runs a batch."""
    rows = connection.execute("SELECT DISTINCT owner FROM claims WHERE batch = ?", (batch,)).fetchall()
    return any(is_alive(owner) for (owner,) in rows)


def running_beside(connection: sqlite3.Connection, batch: int, is_alive: Callable[[str], bool]) -> str:
    """Return the name of a batch that a live process runs and that must not run at the same time as `batch`.

    That batch replaced it, or was replaced by it, and one of both is over partitions: calls of workers, in flight or
    answered, are known to others only when a partition has ended, so they would be paid for twice. Empty without one.
    """
    rows = connection.execute(
        "SELECT DISTINCT other.name, claims.owner FROM batches AS mine JOIN batches AS other ON other.id != mine.id"
        " AND other.workspace = mine.workspace JOIN claims ON claims.batch = other.id WHERE mine.id = ?1"
        " AND coalesce(json_type(mine.plan, '$.parts'), json_type(other.plan, '$.parts')) IS NOT NULL"
        " AND (other.id IN (SELECT value FROM json_each(mine.plan, '$.replaced')"
        "   UNION SELECT value FROM json_each(mine.plan, '$.replaced_by'))"
        "  OR mine.id IN (SELECT value FROM json_each(other.plan, '$.replaced')"
        "   UNION SELECT value FROM json_each(other.plan, '$.replaced_by')))",
        (batch,),
    )
    return next((name for name, owner in rows.fetchall() if is_alive(owner)), "")


def starters(connection: sqlite3.Connection, batch: int) -> list[str]:
    """Return the owners recorded as running a batch, also those that ended without dropping the record."""
    rows = connection.execute("SELECT owner FROM claims WHERE batch = ? AND key = ? || owner", (batch, _START))
    return [owner for (owner,) in rows]


class Claims:
    """Repository of claims: of jobs, and of whole starts of a batch. An answer of a batch ends its claim.

    Parameters
    ----------
    database : Transactions
        Where they are written.
    owners : Owners
        Whose they are.
    """

    def __init__(self, database: Transactions, owners: Owners) -> None:
        self._database = database
        self._owners = owners

    def of_batch(self, batch: int) -> dict[str, str]:
        """Return the claimed jobs of a batch: key -> owner."""
        return self._database.read(lambda c: of_batch(c, batch))

    def on_keys(self, keys: Iterable[str]) -> list[tuple[int, str, str, float]]:
        """Return the claims of these jobs: (batch id, key, owner, seconds since 1970, UTC)."""
        sql = "SELECT batch, key, owner, claimed_at FROM claims WHERE key IN (SELECT value FROM json_each(?))"
        keys_json = json.dumps(list(keys))
        return self._database.read(lambda c: c.execute(sql, (keys_json,)).fetchall())

    def take(
        self,
        batch: int,
        key: str,
        owner: Owner,
        *,
        workspace: str,
        seen_id: int,
        alone: bool = False,
        anywhere: bool = False,
        call_lost: bool = False,
        daily_cap: int | None = None,
        is_sent: bool = False,
        look_for: int = 0,
    ) -> Committed[Claim]:
        """Claim one job before it is sent, and count the request."""
        request = ClaimRequest(
            batch=batch,
            key=key,
            owner=owner.name,
            seen_id=seen_id,
            now=self._database.now().timestamp(),
            workspace=workspace,
            alone=alone,
            anywhere=anywhere,
            call_lost=call_lost,
            daily_cap=daily_cap,
            is_sent=is_sent,
        )
        if look_for:
            return self._database.put(partial(_look, request=request, room=look_for))
        return self._database.put_together(take_each, request)

    def answer(
        self,
        run: Run,
        *,
        key: str,
        batch: int,
        workspace: str,
        owner: Owner | None = None,
        then: str | None = None,
        seen_id: int = 0,
        alone: bool = False,
        anywhere: bool = False,
        call_lost: bool = False,
        daily_cap: int | None = None,
        is_sent: bool = False,
        unsent: bool = False,
    ) -> Committed[tuple[int, Claim | None]]:
        """Store the answer of one job of a batch, and drop its claim in the same transaction.

        Where the store fails, the answer is not lost: `store.Store.keep_owed` writes it later.
        """
        row = row_of_run(run, key=key, workspace=workspace, batch=batch, kept_at=self._database.now())
        name = owner.name if owner is not None else ""
        follow_up = None
        if then is not None:
            follow_up = ClaimRequest(
                batch=batch,
                key=then,
                owner=name,
                seen_id=seen_id,
                now=row.kept_at,
                workspace=workspace,
                alone=alone,
                anywhere=anywhere,
                call_lost=call_lost,
                daily_cap=daily_cap,
                is_sent=is_sent,
            )
        item = AnswerWrite(batch=batch, row=row, owner=name, then=follow_up, unsent=unsent)

        def owe(done: Committed[Any]) -> None:
            self._database.owe(done, (batch, key), lambda c: answer_each(c, [item._replace(then=None)]))

        committed = self._database.put_together(answer_each, item)
        committed.add_done_callback(owe)
        return committed

    def settle(self, run: Run, *, key: str, batch: int, workspace: str, from_owner: str) -> Committed[int]:
        """Store `run` as the answer of a job whose owner ended; return its id, or 0 without the claim.

        Of several processes that see the same claim, one settles it.
        """
        row = row_of_run(run, key=key, workspace=workspace, batch=batch, kept_at=self._database.now())

        def write(connection: sqlite3.Connection) -> int:
            if not drop(connection, batch, key, from_owner):
                return 0
            return answers.append(connection, row)

        return self._database.put(write)

    def release(self, batch: int, key: str, owner: Owner, *, workspace: str, sent: bool) -> Committed[bool]:
        """Drop the claim of a job that was not sent, or (`sent`) was refused; only in the first case uncount it."""

        def write(connection: sqlite3.Connection) -> bool:
            if not sent:
                uncount(connection, batch, key, owner.name, workspace=workspace)
            return drop(connection, batch, key, owner.name)

        return self._database.put(write)

    def take_over(self, batch: int, key: str, *, from_owner: str, owner: Owner) -> Committed[bool]:
        """Take over a job that an ended owner had submitted: the new owner waits for it and sends no request.

        The future says whether the claim still existed.
        """
        sql = "UPDATE claims SET owner = ?, claimed_at = ? WHERE batch = ? AND key = ? AND owner = ?"
        values = (owner.name, self._database.now().timestamp(), batch, key, from_owner)
        return self._database.put(lambda c: c.execute(sql, values).rowcount == 1)

    # --- whole starts

    def begin_start(self, batch: int, owner: Owner) -> Committed[tuple[bool, str]]:
        """Record that `owner` runs a batch, also while none of its jobs is in flight, until :meth:`end_start`.

        The future says whether the batch exists: from then on it is not forgotten. Records of owners that have ended
        are dropped. Where a batch is running that must not run beside this one (`running_beside`), the future has its
        name, and nothing is recorded.
        """
        for owner_name in self._database.read(lambda c: starters(c, batch)):
            if not self._owners.is_alive(owner_name):
                self._drop_start(batch, owner_name)
        now = self._database.now().timestamp()

        def write(connection: sqlite3.Connection) -> tuple[bool, str]:
            # In the same transaction: of two kernels that begin at once, the second one sees the first.
            if running := running_beside(connection, batch, self._owners.is_alive):
                return True, running
            return start(connection, batch, owner.name, now=now), ""

        return self._database.put(write)

    def end_start(self, batch: int, owner: Owner) -> Committed[bool]:
        """Drop the record of :meth:`begin_start`."""
        return self._drop_start(batch, owner.name)

    def _drop_start(self, batch: int, owner_name: str) -> Committed[bool]:
        return self._database.put(lambda c: drop(c, batch, start_key(owner_name), owner_name))
