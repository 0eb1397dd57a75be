"""Starting a run by callback delivery: what is sent, what is written down before and after, and who waits how.

Rule of this file: a run is written down before it is sent, so that no kernel's end loses it; a call is never sent
twice. Where callbacks cannot come, the service is given an address that nobody has, and the run is asked for.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from fh_notebook.addresses import is_loopback
from fh_notebook.client.pending import PendingRun
from fh_notebook.client.raising import raise_for
from fh_notebook.client.receiver import CallbackReceiver
from fh_notebook.contract.callbacks import NOWHERE, accepted, ids_of
from fh_notebook.contract.hidden import Secrets
from fh_notebook.contract.models import InvokeRequest
from fh_notebook.contract.retry import NOT_REACHED, Verdict
from fh_notebook.contract.run import Run
from fh_notebook.contract.spell import type_text
from fh_notebook.errors import SettingsError
from fh_notebook.loop import unbroken

if TYPE_CHECKING:
    from fh_notebook.client.client import AsyncClient
    from fh_notebook.client.delivered import Attempt

__all__ = ["PendingBook", "Ticket", "address_for", "is_near", "submit"]

NO_ID: Final = "the service took it and gave no id, so nothing can be asked; it runs, or has run"


class Ticket(Protocol):
    """One run as it is written down."""

    async def accepted(self, run: Run) -> None:
        """Note the ids that the service gave it."""
        ...

    async def answered(self, run: Run) -> None:
        """Keep the outcome, and take the run out of the book, in one."""
        ...

    async def drop(self) -> None:
        """Take it out: it was not sent, or is kept elsewhere."""
        ...

    def let_go(self) -> None:
        """Say that this process waits for it no more."""
        ...


class PendingBook(Protocol):
    """Where runs that are waited for are written down; nothing of it raises."""

    async def open(self, request: InvokeRequest, secrets: Secrets) -> Ticket:
        """Write a run down that is about to be sent."""
        ...


def is_near(client: AsyncClient) -> bool:
    """Whether the service is on this machine, so that it reaches every receiver here."""
    return client.connection.is_near


async def address_for(
    client: AsyncClient, callback: CallbackReceiver | str | None
) -> tuple[CallbackReceiver | None, str]:
    """Return who receives and the callback URL that the service is given.

    Raises
    ------
    SettingsError
        `callback` is something else, or the receiver cannot listen.
    """
    if isinstance(callback, str):
        return None, callback
    if callback is None:
        callback = client.connection.receiver() if is_near(client) else None
        if callback is None:
            return None, NOWHERE
    if not isinstance(callback, CallbackReceiver):
        raise SettingsError(
            f"callback is {type_text(callback)}; give fh.CallbackReceiver(), a URL, or None to be asked for"
        )
    await callback.astart()
    if not is_near(client) and is_loopback(urlsplit(callback.url_now).hostname or ""):
        client.connection.tell(f"Callbacks cannot come: {callback.reach_now.told} This run is waited for by polling.")
        return None, NOWHERE
    return callback, callback.url_now


async def submit(
    client: AsyncClient,
    request: InvokeRequest,
    *,
    receiver: CallbackReceiver | None,
    poll: bool,
    attempt: Attempt | None = None,
) -> PendingRun:
    """Send a request that asks for callback delivery, and return the run that goes on.

    Parameters
    ----------
    client : AsyncClient
        Who sends it, and asks for it later.
    request : InvokeRequest
        With its callback URL.
    receiver : CallbackReceiver, optional
        Who receives the callback, if it is one of ours.
    poll : bool
        Whether the service is asked as well.
    attempt : async function of InvokeRequest, optional
        In place of the client's own: the webhook trigger's.

    Raises
    ------
    AuthError, ConnectFailed, LimitReached
        As :meth:`AsyncClient.invoke`.
    """
    ticket = await client.connection.pending().open(request, request.secrets)
    try:
        async with receiver.expecting() if receiver is not None else nullcontext():
            run, decision = await client.drive(request, attempt or client.attempt)
            if receiver is not None:
                receiver.learn(run.webhook_secret, f"{client.workspace}/{request.deployment}")
        if decision.verdict is Verdict.STOP or decision.reason in NOT_REACHED:
            raise_for(run, decision)
    except BaseException:  # it was not sent, or was cut off, and is kept as unknown
        await unbroken(ticket.drop())
        raise
    pending = PendingRun(
        client=client, request=request, first=run, receiver=receiver, keep=ticket.answered, let_go=ticket.let_go
    )
    if accepted(run) and ids_of(run):
        pending.begin(poll=poll)
        await ticket.accepted(run)
    else:
        outcome = run if run.done else replace(run, status="unknown", error=NO_ID, error_code="no_id")
        await ticket.answered(outcome)
        pending.settled(outcome)
    return pending
