"""`pending` and `reattach`: runs that were started by callback delivery, listed and waited for again in a new kernel.

Rule of this file: nothing is submitted. A run that somebody who lives waits for is left to them; of two kernels that
reach for the same run, one has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fh_notebook import arguments, loop, session
from fh_notebook.client.connection import address_for
from fh_notebook.client.pending_run import PendingRun
from fh_notebook.contract.exchange import InvokeRequest
from fh_notebook.errors import SettingsError
from fh_notebook.store.pending_runs import PendingRuns, PendingTicket, first_run
from fh_notebook.store.tables.pending import PendingRow

if TYPE_CHECKING:
    from fh_notebook.client.callbacks.receiver import CallbackReceiver
    from fh_notebook.client.clients import AsyncClient, Client

__all__ = ["areattach", "pending", "reattach"]

COLUMNS: Final = ("submitted_at", "deployment", "variant", "status", "waits_in", "request_id", "batch", "workspace")


def pending() -> Any:
    """Return the runs that were started by callback delivery and whose outcome is not here, of all kernels.

    Returns
    -------
    DataFrame
        One row a run, the oldest first: when it was submitted (UTC), what runs, its status when it was last written
        (``sending``: the kernel ended before the service answered, so that it may have run and cannot be asked for),
        and who waits for it: ``this kernel``, ``another kernel`` or ``nobody``; then :func:`reattach` goes on.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> len(fh.pending())
    0
    """
    import pandas as pd

    kept = session.store()
    lines: list[PendingRow] = []
    who: dict[str, str] = {}
    if kept is not None:
        book = PendingRuns(kept, "")
        lines = book.lines(everywhere=True)
        who = {line.id: _waits_in(book, line) for line in lines}
    names = {record.id: record.name for record in kept.batches.every()} if kept is not None and lines else {}
    rows = [
        {
            **{c: getattr(line, c, None) for c in COLUMNS},
            "waits_in": who[line.id],
            "batch": names.get(line.batch) if line.batch else None,
        }
        for line in lines
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _waits_in(book: PendingRuns, line: PendingRow) -> str:
    if line.owner and line.owner == book.owner.name:
        return "this kernel"
    return "another kernel" if book.is_waited_for(line) else "nobody"


def reattach(
    *,
    client: Client | AsyncClient | None = None,
    receiver: CallbackReceiver | None = None,
    batch: str | None = None,
) -> list[PendingRun]:
    """Wait again for the runs that nobody waits for, such as after a kernel's restart. Nothing is submitted.

    Parameters
    ----------
    client : Client or AsyncClient, optional
        Whose runs; the session's own by default. Those of other workspaces are left alone.
    receiver : CallbackReceiver, optional
        Listening at the URL that the runs were given (the same ``port=``, ``path=`` and ``public_url=``); runs of
        another URL, and all without it, are asked for.
    batch : str, optional
        Only runs of this batch. Their outcomes are kept as the batch's answers: ``batch.resume()`` finds them.

    Returns
    -------
    list of PendingRun
        The oldest first. Those whose kernel ended before the service answered are no part of it: see :func:`pending`.

    Raises
    ------
    SettingsError
        Nothing is kept (``store=None``).

    Examples
    --------
    >>> import fh_notebook as fh
    >>> fh.reattach(client=fh.local.demo_hive().client())
    []
    """
    arguments.check(reattach, locals())
    return loop.run(_reattach(client, receiver, batch))


async def areattach(
    *,
    client: Client | AsyncClient | None = None,
    receiver: CallbackReceiver | None = None,
    batch: str | None = None,
) -> list[PendingRun]:
    """Await :func:`reattach`."""
    arguments.check(areattach, locals())
    return await loop.bridge(_reattach(client, receiver, batch))


async def _reattach(
    client: Client | AsyncClient | None, receiver: CallbackReceiver | None, batch: str | None
) -> list[PendingRun]:
    aclient = session.client_for(client).aclient
    kept = session.store()
    if kept is None:
        raise SettingsError("nothing is kept (store=None), so no run of an earlier kernel is known")
    if receiver is not None:
        await address_for(aclient.connection, receiver)
    book = PendingRuns(kept, aclient.workspace, tell=session.tell_once)
    found = []
    record = kept.batches.find(batch, aclient.workspace) if batch is not None else None
    if batch is not None and record is None:
        return []
    for line in book.lines(batch=record.id if record is not None else None):
        if not (line.request_id or line.run_id) or book.is_waited_for(line):
            continue
        ticket = book.take_over(line)
        if ticket is not None:
            found.append(_resumed(aclient, ticket, receiver))
    return found


def _resumed(client: AsyncClient, ticket: PendingTicket, receiver: CallbackReceiver | None) -> PendingRun:
    line = ticket.line
    request = InvokeRequest(
        deployment=line.deployment,
        variant=line.variant,
        inputs=line.inputs,
        metadata=line.metadata or None,
        callback_url=line.callback_url,
    )
    same = receiver is not None and receiver.url_now == line.callback_url
    if receiver is not None and same:
        receiver.recall(f"{client.workspace}/{line.deployment}")
    pending_run = PendingRun(
        client=client,
        request=request,
        first=first_run(line, client.origin),
        receiver=receiver if same else None,
        keep=ticket.answered,
        let_go=ticket.let_go,
    )
    pending_run.begin(poll=True)
    return pending_run
