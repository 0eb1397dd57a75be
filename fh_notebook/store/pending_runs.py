"""PendingRuns: the runs of one workspace whose outcome is delivered later, for the layers above.

Rule of this file: an error while a run is registered never ends its call: the user is told, and the call goes on. The
outcome of a run is stored and its row removed in one transaction, so that it is neither lost nor requested again. The
table itself is `tables.pending`; here are the owners of its rows and the registry that a client uses.
"""

from __future__ import annotations

import asyncio
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

from fh_notebook.contract.callbacks import ids_of, with_call_data
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.job_key import job_key
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets, mask_inputs
from fh_notebook.core.redaction import redact
from fh_notebook.core.values import utc_now
from fh_notebook.errors import StoreError
from fh_notebook.store.owner_locks import Owner
from fh_notebook.store.store import Store
from fh_notebook.store.tables import answers, claims, pending
from fh_notebook.store.tables.answers import row_of_run
from fh_notebook.store.tables.pending import Pending, PendingRow
from fh_notebook.store.writer import Committed

_owners: WeakKeyDictionary[Store, tuple[int, Owner]] = WeakKeyDictionary()
_lock = threading.Lock()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def first_run(row: PendingRow, origin: str) -> Run:
    """Return the run of the service's answer to a call that an earlier kernel submitted."""
    return Run(
        status=row.status,
        request_id=row.request_id,
        run_id=row.run_id,
        status_code=202,
        attempts=max(1, row.calls),
        started_at=row.submitted_at,
        elapsed_s=max(0.0, (utc_now() - row.submitted_at).total_seconds()),
        deployment=row.deployment,
        variant=row.variant,
        inputs=row.inputs,
        metadata=row.metadata,
        origin=origin,
    )


def owner_in(store: Store) -> Owner:
    """Return the owner of this process's pending runs: one per store, alive as long as the store is held."""
    with _lock:
        pid, owner = _owners.get(store, (0, None))
        if owner is None or pid != os.getpid():
            owner = store.owners.new()
            _owners[store] = os.getpid(), owner
            finalize(store, owner.end).atexit = False
        return owner


def _outcome_of(row: PendingRow, run: Run, origin: str) -> Run:
    """Return an outcome that was looked up by hand, with the data of its call."""
    request = InvokeRequest(
        deployment=row.deployment, variant=row.variant, inputs=row.inputs, metadata=row.metadata or None
    )
    first = first_run(row, origin)
    return with_call_data(
        run,
        request,
        inputs=row.inputs,
        first=first,
        elapsed_s=first.elapsed_s,
        attempts=first.attempts + 1,
        started_at=row.submitted_at,
    )


class PendingRuns:
    """The registry of the pending runs of one workspace.

    Parameters
    ----------
    store : Store
        The store of the rows.
    workspace : str
        The workspace of the runs.
    tell : function of str
        Called, once, with what could not be written.
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
        """Register a run that is about to be sent; return when it is committed."""
        row = PendingRow(
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
        ticket = PendingTicket(self, row)
        ticket.is_written = await self.safely(lambda: self._store.pending.add([replace(row, owner=self.owner.name)]))
        return ticket

    async def settle(self, run: Run, origin: str) -> None:
        """Store an outcome that somebody has asked for, of a run that nobody waits for."""

        async def write() -> None:
            # In a thread: the event loop is the caller's.
            for row in await asyncio.to_thread(self._store.pending.of_run, self.workspace, ids_of(run)):
                if row.batch is not None:
                    await self._store.pending.prune(row.batch)
                if self.is_waited_for(row):
                    continue
                if (ticket := await asyncio.to_thread(self.take_over, row)) is not None:
                    await ticket.answered(_outcome_of(row, run, origin))

        await self.safely(write, "The answer was not")

    @property
    def owner(self) -> Owner:
        """The owner of this process's runs."""
        return owner_in(self._store)

    def rows(self, *, batch: int | None = None, everywhere: bool = False) -> list[PendingRow]:
        """Return the pending runs of this workspace or of all, the oldest first."""
        self._store.pending.prune().result()
        return self._store.pending.every(workspace=None if everywhere else self.workspace, batch=batch)

    @property
    def table(self) -> Pending:
        """The table of all workspaces."""
        return self._store.pending

    def is_waited_for(self, row: PendingRow) -> bool:
        """Whether a live process waits for it, this one included."""
        return bool(row.owner) and self._store.owners.is_alive(row.owner)

    def take_over(self, row: PendingRow) -> PendingTicket | None:
        """Wait for a run that nobody waits for; ``None``: another process was first."""
        new = self.owner.name
        if not self._store.pending.take_over(row.id, old=row.owner, new=new).result():
            return None
        return PendingTicket(self, replace(row, owner=new))

    def answered(self, row: PendingRow, run: Run) -> Committed[int]:
        """Store an outcome, and drop its row and the claim of its batch."""
        answer_row = row_of_run(
            replace(run, inputs=row.inputs),
            key=row.key,
            workspace=row.workspace,
            batch=row.batch,
            kept_at=self._now(),
        )

        def write(connection: sqlite3.Connection) -> int:
            was_there = pending.drop(connection, row.id)
            if row.batch is None:
                ids = row.request_id, row.run_id
                # Without the row, it is forgotten, or another process has stored the outcome.
                if not was_there and (known := answers.outcome_of(connection, row.key, row.workspace, ids)):
                    return known
                answers.drop_open(connection, key=row.key, workspace=row.workspace, ids=ids)
            else:
                holder = claims.of_batch(connection, row.batch).get(row.key)
                if holder is not None:
                    claims.drop(connection, row.batch, row.key, holder)
            return answers.append(connection, answer_row)

        return self._store.database.put(write)

    def complete(self, id: int, row: PendingRow, run: Run) -> Committed[bool]:
        """Store the output of a run that was stored without it."""
        return self._store.answers.complete(id, replace(run, inputs=row.inputs))

    async def safely(
        self, write: Callable[[], Awaitable[Any]], sentence: str = "A run that is waited for was not"
    ) -> bool:
        """Write, and return whether it is written; tell the user where that fails."""
        try:
            await write()
        except StoreError as exc:
            self._tell(f"{sentence} saved: {redact(str(exc))}")
            return False
        return True


class PendingTicket:
    """One registered run."""

    def __init__(self, registry: PendingRuns, row: PendingRow) -> None:
        self._registry = registry
        self.row = row
        self.is_written = True
        self._answer_id = 0

    async def accepted(self, run: Run) -> None:
        """Store the ids that the service gave it."""
        self.row = row = replace(
            self.row, status=run.status, request_id=run.request_id, run_id=run.run_id, calls=run.attempts
        )
        await self._registry.safely(lambda: self._registry.table.accept(row))

    async def answered(self, run: Run) -> None:
        """Store the outcome, and remove the run, in one transaction; a later outcome completes the stored one."""

        async def write() -> None:
            if self._answer_id:
                await self._registry.complete(self._answer_id, self.row, run)
            else:
                self._answer_id = await self._registry.answered(self.row, run)

        await self._registry.safely(write, "The answer was not")

    async def drop(self) -> None:
        """Remove it: it was not sent, or is stored elsewhere."""
        await self._registry.safely(lambda: self._registry.table.drop(self.row.id))

    def let_go(self) -> None:
        """Record that this process does not wait for it any more."""
        with suppress(StoreError):  # the end of its owner says so, too
            self._registry.table.let_go(self.row.id, self._registry.owner.name)

    def hold(self) -> bool:
        """Record that this process waits for it again; return whether nobody else does."""
        if not self.is_written:
            return True
        try:
            return self._registry.table.hold(self.row.id, self._registry.owner.name).result()
        except StoreError:  # it is waited for all the same
            return True
