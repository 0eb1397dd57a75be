"""PendingRuns: the runs of one workspace whose outcome is delivered later, for the layers above.

Rule of this file: writing a run down never ends a call: what cannot be written is told, and the call goes on. An
outcome and the end of its line are one transaction, so that it is neither lost nor asked for again.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary, finalize

from fh_notebook.contract.exchange import InvokeRequest
from fh_notebook.contract.reuse import job_key
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets, mask_inputs
from fh_notebook.core.values import redact, utc_now
from fh_notebook.errors import StoreError
from fh_notebook.store.owner_locks import Owner
from fh_notebook.store.store import Store
from fh_notebook.store.tables import answers, claims, pending
from fh_notebook.store.tables.answers import row_of_run
from fh_notebook.store.tables.pending import Pending, PendingRow
from fh_notebook.store.writer import Committed

__all__ = ["PendingRuns", "PendingTicket", "first_run"]

_owners: WeakKeyDictionary[Store, tuple[int, Owner]] = WeakKeyDictionary()
_lock = threading.Lock()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def first_run(line: PendingRow, origin: str) -> Run:
    """Return a run that an earlier kernel submitted as the service's answer to its call told of it.

    Parameters
    ----------
    line : PendingRow
        As it is written down: inputs masked.
    origin : str
        The host that was asked.
    """
    return Run(
        status=line.status,
        request_id=line.request_id,
        run_id=line.run_id,
        status_code=202,
        attempts=max(1, line.calls),
        started_at=line.submitted_at,
        elapsed_s=max(0.0, (utc_now() - line.submitted_at).total_seconds()),
        deployment=line.deployment,
        variant=line.variant,
        inputs=line.inputs,
        metadata=line.metadata,
        origin=origin,
    )


def owner_in(store: Store) -> Owner:
    """Return who waits for runs in this process: one for a store, alive as long as the store is held.

    Raises
    ------
    StoreError
        The store cannot be opened.
    """
    with _lock:
        pid, owner = _owners.get(store, (0, None))
        if owner is None or pid != os.getpid():
            owner = store.owners.new()
            _owners[store] = os.getpid(), owner
            finalize(store, owner.end).atexit = False
        return owner


class PendingRuns:
    """The runs of one workspace that are waited for.

    Parameters
    ----------
    store : Store
        Where they are written down.
    workspace : str
        Whose they are.
    tell : function of str
        Told, once, what could not be written.
    now : function
        The time in UTC.
    """

    def __init__(
        self,
        store: Store,
        workspace: str,
        *,
        tell: Callable[[str], None] = lambda text: None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self.workspace = workspace
        self._tell = tell
        self._now = now

    async def open(self, request: InvokeRequest, secrets: Secrets) -> PendingTicket:
        """Write a run down that is about to be sent; return when it is committed."""
        line = PendingRow(
            id=uuid4().hex,
            workspace=self.workspace,
            key=job_key(self.workspace, request.deployment, request.variant, request.inputs),
            deployment=request.deployment,
            variant=request.variant,
            inputs=mask_inputs(request.inputs, secrets),
            metadata=dict(request.metadata or {}),
            callback_url=request.callback_url,
            submitted_at=self._now(),
        )
        ticket = PendingTicket(self, line)
        await self.safely(lambda: self._store.pending.add([replace(line, owner=self.owner.name)]))
        return ticket

    @property
    def owner(self) -> Owner:
        """Who waits in this process."""
        return owner_in(self._store)

    def lines(self, *, batch: int | None = None, everywhere: bool = False) -> list[PendingRow]:
        """Return the runs that are waited for, of this workspace or of all, the oldest first."""
        self._store.pending.prune().result()
        return self._store.pending.every(workspace=None if everywhere else self.workspace, batch=batch)

    @property
    def table(self) -> Pending:
        """The lines of all workspaces."""
        return self._store.pending

    def is_waited_for(self, line: PendingRow) -> bool:
        """Whether a process that lives waits for it, this one included."""
        return bool(line.owner) and self._store.owners.is_alive(line.owner)

    def take_over(self, line: PendingRow) -> PendingTicket | None:
        """Wait for a run that nobody waits for; ``None``: somebody else was first."""
        new = self.owner.name
        if not self._store.pending.take_over(line.id, old=line.owner, new=new).result():
            return None
        return PendingTicket(self, replace(line, owner=new))

    def answered(self, line: PendingRow, run: Run) -> Committed[int]:
        """Keep an outcome and end its line, and the claim that a batch has of it."""
        kept = row_of_run(
            replace(run, inputs=line.inputs),
            key=line.key,
            workspace=line.workspace,
            batch=line.batch,
            kept_at=self._now(),
        )

        def write(connection: sqlite3.Connection) -> int:
            pending.drop(connection, line.id)
            if line.batch is not None:
                holder = claims.of_batch(connection, line.batch).get(line.key)
                if holder is not None:
                    claims.drop(connection, line.batch, line.key, holder)
            return answers.append(connection, kept)

        return self._store.database.put(write)

    async def safely(
        self, write: Callable[[], Awaitable[Any]], words: str = "A run that is waited for was not"
    ) -> None:
        """Write, and tell what could not be written."""
        try:
            await write()
        except StoreError as exc:
            self._tell(f"{words} written down: {redact(str(exc))}")


class PendingTicket:
    """One run that is written down."""

    def __init__(self, book: PendingRuns, line: PendingRow) -> None:
        self._book = book
        self.line = line

    async def accepted(self, run: Run) -> None:
        """Note the ids that the service gave it."""
        self.line = line = replace(
            self.line, status=run.status, request_id=run.request_id, run_id=run.run_id, calls=run.attempts
        )
        await self._book.safely(lambda: self._book.table.accept(line))

    async def answered(self, run: Run) -> None:
        """Keep the outcome, and take the run out, in one."""
        await self._book.safely(lambda: self._book.answered(self.line, run), "The answer was not")

    async def drop(self) -> None:
        """Take it out: it was not sent, or is kept elsewhere."""
        await self._book.safely(lambda: self._book.table.drop(self.line.id))

    def let_go(self) -> None:
        """Say that this process waits for it no more."""
        with suppress(StoreError):  # then its owner's end says so
            self._book.table.let_go(self.line.id, self._book.owner.name)
