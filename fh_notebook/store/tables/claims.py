"""Table ``claims``: jobs about to be sent or in flight, committed before the call.

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
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

from fh_notebook.contract.run import Run
from fh_notebook.store.codec import moment_of
from fh_notebook.store.owner_locks import Owner, Owners
from fh_notebook.store.tables import answers, requests
from fh_notebook.store.tables.answers import AnswerRow, StoredAnswer, row_of_run
from fh_notebook.store.tables.batches import RELATED
from fh_notebook.store.writer import Committed, Transactions

__all__ = [
    "CREATE",
    "WITH_IDENTITY",
    "Claim",
    "ClaimRequest",
    "Claims",
    "drop",
    "drop_of",
    "is_run",
    "of_batch",
    "start",
    "start_key",
    "starters",
    "take_each",
    "uncount",
]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What came of asking for a job: exactly one of the four is set."""

    mine: bool = False
    """The job may be sent now, by the one who asked."""
    answered: StoredAnswer | None = None
    """Somebody else answered it since the asker planned."""
    owner: str | None = None
    """Somebody else has it, for :attr:`batch`."""
    capped: bool = False
    """The daily cap is used up."""
    batch: int = 0
    """The number of the batch for which :attr:`owner` has it."""


_MINE: Final = Claim(mine=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """One job that its owner would send."""

    batch: int
    key: str
    owner: str
    seen_id: int
    """The newest line of answers at the time of the plan: a later one of this job is given in its place."""
    now: float
    """Seconds since 1970, UTC."""
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


_COMMON: Final = attrgetter(*(part.name for part in fields(ClaimRequest) if part.name not in ("key", "now")))
"""What jobs that are claimed in the same statements have in common."""


def take_each(connection: sqlite3.Connection, asked: Sequence[ClaimRequest]) -> list[Claim]:
    """Claim jobs, each unless it has an owner or a newer answer; return what came of it, in order."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, one in enumerate(asked):
        groups.setdefault(_COMMON(one), []).append(place)
    came: dict[int, Claim] = {}
    for places in groups.values():
        came |= zip(places, _take(connection, [asked[place] for place in places]), strict=True)
    return [came[place] for place in range(len(asked))]


def _take(connection: sqlite3.Connection, asked: Sequence[ClaimRequest]) -> list[Claim]:
    """Claim jobs that one owner asks for, and count the requests that follow."""
    first = asked[0]
    keys = json.dumps([one.key for one in asked])
    # Few statements where all is well, which is nearly always, and none that gives a line for each job: every step of
    # SQLite lets the interpreter go and waits for it again.
    (held,) = connection.execute(
        "SELECT json_group_array(value) FROM json_each(:keys) WHERE"
        f" EXISTS (SELECT 1 FROM claims WHERE key = value AND (:anywhere OR batch IN ({RELATED})))"
        f" OR EXISTS (SELECT 1 FROM answers WHERE key = value AND id > :after AND (:anywhere OR batch IN ({RELATED})))",
        {"batch": first.batch, "keys": keys, "after": first.seen_id, "alone": first.alone, "anywhere": first.anywhere},
    ).fetchone()
    not_free = {key: claim for key in json.loads(held) if (claim := _not_free(connection, first, key)) is not None}
    free = [key for key in dict.fromkeys(one.key for one in asked) if key not in not_free]
    now = datetime.fromtimestamp(first.now, UTC)
    over = set()
    if first.daily_cap is not None:
        left = max(0, first.daily_cap - requests.on_day(connection, first.workspace, now))
        free, over = free[:left], set(free[left:])
    if free:
        connection.execute(
            "INSERT INTO claims (batch, key, owner, claimed_at) SELECT ?1, value, ?2, ?3 FROM json_each(?4)",
            (first.batch, first.owner, first.now, json.dumps(free)),
        )
        requests.add(connection, first.workspace, now, len(free))
    mine = set(free)
    found = []
    for one in asked:
        if one.key in mine:
            mine.remove(one.key)
            found.append(_MINE)
        elif one.key in over:
            found.append(Claim(capped=True))
        else:  # a key that is asked for twice is had once
            found.append(not_free.get(one.key) or Claim(owner=one.owner, batch=one.batch))
    return found


def _not_free(connection: sqlite3.Connection, asked: ClaimRequest, key: str) -> Claim | None:
    """Return who has answered a job, or has it; ``None`` where what there is of it is no answer to the asker."""
    where = {"alone": asked.alone, "anywhere": asked.anywhere}
    if answered := answers.newer(connection, asked.batch, key, asked.seen_id, call_lost=asked.call_lost, **where):
        return Claim(answered=answered)
    has_it = connection.execute(
        f"SELECT batch, owner FROM claims WHERE key = :key AND (:anywhere OR batch IN ({RELATED}))"
        " ORDER BY batch <> :batch",
        {"batch": asked.batch, "key": key, **where},
    ).fetchone()
    return Claim(batch=has_it[0], owner=has_it[1]) if has_it else None


def uncount(connection: sqlite3.Connection, batch: int, key: str, owner: str, *, workspace: str) -> None:
    """Take the request of a claim back, which was not sent, on the day that it was counted on.

    To be called before the claim is dropped: what its owner does not claim is not counted, or is somebody else's.
    """
    found = connection.execute(
        "SELECT claimed_at FROM claims WHERE batch = ? AND key = ? AND owner = ?", (batch, key, owner)
    ).fetchone()
    if found:
        requests.add(connection, workspace, moment_of(found[0], "a claim"), -1)


def drop(connection: sqlite3.Connection, batch: int, key: str, owner: str) -> bool:
    """Give a job back, and return whether it was this owner's."""
    gone = connection.execute("DELETE FROM claims WHERE batch = ? AND key = ? AND owner = ?", (batch, key, owner))
    return gone.rowcount == 1


def drop_all(connection: sqlite3.Connection, batch: int, keys: Sequence[str], owner: str) -> None:
    """Give jobs back, those that are this owner's."""
    connection.execute(
        "DELETE FROM claims WHERE batch = ? AND owner = ? AND key IN (SELECT value FROM json_each(?))",
        (batch, owner, json.dumps(keys)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer of a batch's job."""

    batch: int
    line: AnswerRow
    owner: str
    """Whose claim of the job leaves; empty when there is none."""
    then: ClaimRequest | None = None
    """The job that its owner would send next."""
    unsent: bool = False
    """Whether its last attempt reached nobody: then it was no request."""


def answer_each(connection: sqlite3.Connection, items: Sequence[Answered]) -> list[tuple[int, Claim | None]]:
    """Write the answers, drop their claims, take the claims that follow; return line and claim of each, in order."""
    lines = answers.append_all(connection, [item.line for item in items])
    for item in items:
        if item.unsent:
            uncount(connection, item.batch, item.line.key, item.owner, workspace=item.line.workspace)
    for (batch, owner), keys in _by_owner((i.batch, i.owner, i.line.key) for i in items if i.owner):
        drop_all(connection, batch, keys, owner)
    asking = {place: item.then for place, item in enumerate(items) if item.then is not None}
    taken = dict(zip(asking, take_each(connection, list(asking.values())), strict=True))
    return [(line, taken.get(place)) for place, line in enumerate(lines)]


def _by_owner(items: Iterable[tuple[int, str, str]]) -> Iterable[tuple[tuple[int, str], list[str]]]:
    found: dict[tuple[int, str], list[str]] = {}
    for batch, owner, key in items:
        found.setdefault((batch, owner), []).append(key)
    return found.items()


def drop_of(connection: sqlite3.Connection, owners: Iterable[str]) -> None:
    """Give back all that these owners claim."""
    wanted = json.dumps(list(owners))
    connection.execute("DELETE FROM claims WHERE owner IN (SELECT value FROM json_each(?))", (wanted,))


def of_batch(connection: sqlite3.Connection, batch: int) -> dict[str, str]:
    """Return the jobs of one batch that have an owner: key -> owner."""
    found = connection.execute(
        "SELECT key, owner FROM claims WHERE batch = ? AND substr(key, 1, ?) <> ?", (batch, len(_START), _START)
    )
    return dict(found)


def start(connection: sqlite3.Connection, batch: int, owner: str, *, now: float) -> bool:
    """Note that an owner runs a batch; return whether the batch is there: it may have been forgotten meanwhile."""
    noted = connection.execute(
        "INSERT OR REPLACE INTO claims (batch, key, owner, claimed_at)"
        " SELECT id, ?2, ?3, ?4 FROM batches WHERE id = ?1",
        (batch, start_key(owner), owner, now),
    )
    return noted.rowcount == 1


def is_run(connection: sqlite3.Connection, batch: int, is_alive: Callable[[str], bool]) -> bool:
    """Whether somebody who lives is running a batch."""
    found = connection.execute("SELECT DISTINCT owner FROM claims WHERE batch = ?", (batch,)).fetchall()
    return any(is_alive(owner) for (owner,) in found)


def running_beside(connection: sqlite3.Connection, batch: int, is_alive: Callable[[str], bool]) -> str:
    """Return the name of a batch that somebody who lives is running and that must not run at the same time as `batch`.

    Such a batch replaced it, or was replaced by it, and one of both is over partitions: what workers have out, and have
    answered, is known to others only when a partition has ended, so it would be paid for twice. Empty without one.
    """
    found = connection.execute(
        "SELECT DISTINCT other.name, claims.owner FROM batches AS mine JOIN batches AS other ON other.id != mine.id"
        " AND other.workspace = mine.workspace JOIN claims ON claims.batch = other.id WHERE mine.id = ?1"
        " AND coalesce(json_type(mine.plan, '$.parts'), json_type(other.plan, '$.parts')) IS NOT NULL"
        " AND (other.id IN (SELECT value FROM json_each(mine.plan, '$.replaced')"
        "   UNION SELECT value FROM json_each(mine.plan, '$.replaced_by'))"
        "  OR mine.id IN (SELECT value FROM json_each(other.plan, '$.replaced')"
        "   UNION SELECT value FROM json_each(other.plan, '$.replaced_by')))",
        (batch,),
    )
    return next((name for name, owner in found.fetchall() if is_alive(owner)), "")


def starters(connection: sqlite3.Connection, batch: int) -> list[str]:
    """Return the owners that said that they run a batch, those among them that ended without taking it back, too."""
    found = connection.execute("SELECT owner FROM claims WHERE batch = ? AND key = ? || owner", (batch, _START))
    return [owner for (owner,) in found]


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
        """Return the jobs of a batch that somebody claims: key -> owner."""
        return self._database.read(lambda c: of_batch(c, batch))

    def on_keys(self, keys: Iterable[str]) -> list[tuple[int, str, str, float]]:
        """Return what is claimed of these jobs: (number of the batch, key, owner, when: seconds since 1970, UTC)."""
        sql = "SELECT batch, key, owner, claimed_at FROM claims WHERE key IN (SELECT value FROM json_each(?))"
        wanted = json.dumps(list(keys))
        return self._database.read(lambda c: c.execute(sql, (wanted,)).fetchall())

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
    ) -> Committed[Claim]:
        """Ask for one job before it is sent, and count the request.

        Parameters
        ----------
        batch, key, owner, workspace
            Who asks for which job.
        seen_id : int
            The newest answer (`Answers.newest_id`) at the time of the plan.
        alone : bool
            Whether what the batches have out, or have answered since, that this one replaced or that replaced it does
            not count.
        anywhere : bool
            Whether what any other batches have out, or have answered since, counts too.
        call_lost : bool
            Whether a call of theirs that may have run does not.
        daily_cap : int, optional
            How many requests the workspace may get on one day.
        """
        asked = ClaimRequest(
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
        )
        return self._database.put_together(take_each, asked)

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
        unsent: bool = False,
    ) -> Committed[tuple[int, Claim | None]]:
        """Keep the answer of one job of a batch, and give its claim back in the same transaction.

        Where the store fails, the answer is not forgotten: `store.Store.keep_owed` writes it later.

        Parameters
        ----------
        then : str, optional
            The key of the job that the caller would send next: it is claimed in the same transaction, so that a slot
            waits for one commit and not for two.
        seen_id, alone, anywhere, call_lost, daily_cap
            As :meth:`take` takes them, for `then`.
        unsent : bool
            Whether its last attempt reached nobody: then it was no request.

        Returns
        -------
        (int, Claim or None)
            The number of the answer's line, and what came of asking for `then`.
        """
        line = row_of_run(run, key=key, workspace=workspace, batch=batch, kept_at=self._database.now())
        name = owner.name if owner is not None else ""
        asked = None
        if then is not None:
            asked = ClaimRequest(
                batch=batch,
                key=then,
                owner=name,
                seen_id=seen_id,
                now=line.kept_at,
                workspace=workspace,
                alone=alone,
                anywhere=anywhere,
                call_lost=call_lost,
                daily_cap=daily_cap,
            )
        item = Answered(batch=batch, line=line, owner=name, then=asked, unsent=unsent)

        def owe(done: Committed[Any]) -> None:
            self._database.owe(done, (batch, key), lambda c: answer_each(c, [replace(item, then=None)]))

        committed = self._database.put_together(answer_each, item)
        committed.add_done_callback(owe)
        return committed

    def settle(self, run: Run, *, key: str, batch: int, workspace: str, from_owner: str) -> Committed[int]:
        """Keep `run` as the answer of a job whose owner ended; return its line, or 0 when the claim was gone.

        Of several processes that find the same claim, one settles it.
        """
        line = row_of_run(run, key=key, workspace=workspace, batch=batch, kept_at=self._database.now())

        def write(connection: sqlite3.Connection) -> int:
            if not drop(connection, batch, key, from_owner):
                return 0
            return answers.append(connection, line)

        return self._database.put(write)

    def release(self, batch: int, key: str, owner: Owner, *, workspace: str, sent: bool) -> Committed[bool]:
        """Give one job back that was not sent, or (`sent`) was refused: only the first takes its request back."""

        def write(connection: sqlite3.Connection) -> bool:
            if not sent:
                uncount(connection, batch, key, owner.name, workspace=workspace)
            return drop(connection, batch, key, owner.name)

        return self._database.put(write)

    def take_over(self, batch: int, key: str, *, from_owner: str, owner: Owner) -> Committed[bool]:
        """Take a job over that an owner which has ended had submitted: it is waited for, and no request is sent.

        The future says whether it was still there to be taken.
        """
        sql = "UPDATE claims SET owner = ?, claimed_at = ? WHERE batch = ? AND key = ? AND owner = ?"
        values = (owner.name, self._database.now().timestamp(), batch, key, from_owner)
        return self._database.put(lambda c: c.execute(sql, values).rowcount == 1)

    # --- whole starts

    def begin_start(self, batch: int, owner: Owner) -> Committed[tuple[bool, str]]:
        """Say that `owner` runs a batch, also while none of its jobs is out, until :meth:`end_start`.

        The future says whether the batch is there: from then on it is not forgotten. What owners said that have ended
        since is taken back. Where a batch is running that must not run beside this one (`running_beside`), the future
        says its name, and nothing else was said.
        """
        for other in self._database.read(lambda c: starters(c, batch)):
            if not self._owners.is_alive(other):
                self._drop_start(batch, other)
        now = self._database.now().timestamp()

        def write(connection: sqlite3.Connection) -> tuple[bool, str]:
            # In the same transaction: of two kernels that begin at one moment, the second one finds the first.
            if beside := running_beside(connection, batch, self._owners.is_alive):
                return True, beside
            return start(connection, batch, owner.name, now=now), ""

        return self._database.put(write)

    def end_start(self, batch: int, owner: Owner) -> Committed[bool]:
        """Take back what :meth:`begin_start` said."""
        return self._drop_start(batch, owner.name)

    def _drop_start(self, batch: int, owner_name: str) -> Committed[bool]:
        return self._database.put(lambda c: drop(c, batch, start_key(owner_name), owner_name))
