"""Calls by the session's client: invoke, ainvoke, pending, reattach, areattach.

Rules of this file:

1. No logic of its own: `session` finds the client, and `client/` makes the call.
2. Nothing is submitted. A run that a live process waits for is left to it; of two kernels that claim the same run, one
   gets it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack

from fh_notebook.client.clients import InvokeOptions
from fh_notebook.client.connection import address_for
from fh_notebook.client.direct_runs import DIRECT_RUNS
from fh_notebook.client.pending_run import PendingRun
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.core import arguments, event_loop
from fh_notebook.core.config.urls import LOCAL
from fh_notebook.core.json_values import inputs_text
from fh_notebook.errors import SettingsError
from fh_notebook.session import session
from fh_notebook.store.pending_runs import PendingRuns, PendingTicket, first_run
from fh_notebook.store.tables.pending import SENDING, PendingRow

if TYPE_CHECKING:
    from fh_notebook.client.callbacks.receiver import CallbackReceiver
    from fh_notebook.client.clients import AsyncClient, Client
    from fh_notebook.contract.deployment import Deployment
    from fh_notebook.contract.run import Run


@arguments.public
@arguments.explicit_signature(InvokeOptions)
def invoke(
    deployment: Deployment | str, *, client: Client | AsyncClient | None = None, **options: Unpack[InvokeOptions]
) -> Run:
    """Run a deployment's variant and return its outcome as a `Run`, also when the run failed.

    Parameters
    ----------
    deployment : Deployment or str
        What to run; a name is looked up where deployments are known, else its inputs are sent unchecked.
    variant : str, optional
        Which variant; the only one by default.
    inputs : mapping, optional
        The Start variables; those with a default may be left out.
    metadata : mapping, optional
        Flat values for the service's logs.
    user, callback_url, tool_approval : str, optional
        As the service's call takes them.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.

    Returns
    -------
    Run
        Its ``elapsed_s`` is in seconds.

    Raises
    ------
    InputError
        The inputs or the variant do not fit. No call was made.
    SettingsError
        The settings name no usable key or address. No call was made.
    AuthError
        The service refused the key.
    ConnectFailed
        The service was not reached: nothing was sent.
    LimitReached
        The daily cap or the credits are used up.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> fh.invoke("support-triage", variant="keywords", inputs={"ticket": "Charged twice."}, client=hive).output
    'billing'
    """
    arguments.check_names(invoke, options)
    return session.client_for(client).invoke(deployment, **options)


@arguments.public
@arguments.explicit_signature(InvokeOptions)
async def ainvoke(
    deployment: Deployment | str, *, client: Client | AsyncClient | None = None, **options: Unpack[InvokeOptions]
) -> Run:
    """Await :func:`invoke`: the same arguments, results and errors, from any running loop, in a notebook's cell too.

    Examples
    --------
    >>> import asyncio
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> call = fh.ainvoke("support-triage", variant="keywords", inputs={"ticket": "My parcel is late."}, client=hive)
    >>> asyncio.run(call).output
    'delivery'
    """
    arguments.check_names(ainvoke, options)
    return await session.client_for(client).ainvoke(deployment, **options)


COLUMNS: Final = (
    "submitted_at", "deployment", "variant", "status", "waits_in", "request_id", "batch", "workspace", "inputs",
)  # fmt: skip
INPUTS_SHOWN: Final = 120
"""Characters of a run's inputs in the table."""


@arguments.public
def pending() -> Any:
    """Return the runs of all kernels that were started with callback delivery and whose outcome has not arrived.

    Returns
    -------
    DataFrame
        One row a run, the oldest first: when it was submitted (UTC), what runs, its status when it was last written
        (``sending``: the kernel ended before the service answered, so that it may have run and cannot be asked for),
        who waits for it: ``this kernel``, ``another kernel`` or ``nobody``; then :func:`reattach` goes on, with
        ``client=`` where the run is of another workspace than the session's own; and the beginning of its inputs,
        without passwords.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> len(fh.pending())
    0
    """
    import pandas as pd

    store = session.store()
    pending_rows: list[PendingRow] = []
    waits_in: dict[str, str] = {}
    if store is not None:
        registry = PendingRuns(store, "")
        pending_rows = registry.rows(everywhere=True)
        waits_in = {row.id: _waits_in(registry, row) for row in pending_rows}
    names = {record.id: record.name for record in store.batches.every()} if store is not None and pending_rows else {}
    rows = [
        {
            **{c: getattr(row, c, None) for c in COLUMNS},
            "waits_in": waits_in[row.id],
            "batch": names.get(row.batch) if row.batch else None,
            "inputs": inputs_text(row.inputs, INPUTS_SHOWN),
        }
        for row in pending_rows
    ]
    from fh_notebook.core.text.shown_frame import ShownFrame

    own = session.own_workspace() if "nobody" in waits_in.values() else None
    return ShownFrame.of(pd.DataFrame(rows, columns=list(COLUMNS)), partial(_shown_cells, own_workspace=own))


def _shown_cells(frame: Any, own_workspace: str | None) -> tuple[list[str], list[list[Any]]]:
    """Return the table of pending runs as it is read; batches have a column where there is a run of one."""
    of_batches = frame["batch"].notna().any()
    lines = [
        [
            f"{row['submitted_at']:%Y-%m-%d %H:%M}",
            row["deployment"],
            row["variant"] or "",
            *([row["batch"] or ""] if of_batches else []),
            row["inputs"],
            str(row["status"]).replace("_", " "),
            _next_step(row["status"], row["waits_in"], row["workspace"], own_workspace),
        ]
        for row in frame.to_dict("records")
    ]
    batch = ["batch"] if of_batches else []
    return ["submitted (UTC)", "deployment", "variant", *batch, "first words", "status", "next"], lines


def _next_step(status: str, waits_in: str, workspace: str, own_workspace: str | None) -> str:
    """Return who looks the run up, or what does; a run without an id cannot be looked up.

    Examples
    --------
    >>> _next_step("running", "nobody", "https://a.example#1", "https://a.example#2")
    'fh.reattach(client=...) looks it up, with a client of its workspace https://a.example#1'
    """
    if waits_in != "nobody":
        return f"{waits_in} looks it up"
    if status == SENDING:
        return "it may have run, but has no id for a look-up"
    if own_workspace in (None, workspace):
        return "fh.reattach() looks it up"
    if workspace.partition("#")[0] == LOCAL:
        return "fh.reattach(client=...) looks it up with its local hive's client, while that process runs"
    return f"fh.reattach(client=...) looks it up, with a client of its workspace {workspace}"


def _waits_in(registry: PendingRuns, row: PendingRow) -> str:
    if row.owner and row.owner == registry.owner.name:
        return "this kernel"
    return "another kernel" if registry.is_waited_for(row) else "nobody"


@arguments.public
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
        Only runs of this batch. Their outcomes are saved as the batch's answers: ``batch.resume()`` finds them.

    Returns
    -------
    list of PendingRun
        The oldest first. Those whose kernel ended before the service answered are no part of it: see :func:`pending`.

    Raises
    ------
    SettingsError
        Nothing is saved (``store=None``).

    Examples
    --------
    >>> import fh_notebook as fh
    >>> fh.reattach(client=fh.local.demo_hive().client())
    []
    """
    arguments.check(reattach, locals())
    return event_loop.run(_reattach(client, receiver, batch))


@arguments.public
async def areattach(
    *,
    client: Client | AsyncClient | None = None,
    receiver: CallbackReceiver | None = None,
    batch: str | None = None,
) -> list[PendingRun]:
    """Await :func:`reattach`."""
    arguments.check(areattach, locals())
    return await event_loop.bridge(_reattach(client, receiver, batch))


async def _reattach(
    client: Client | AsyncClient | None, receiver: CallbackReceiver | None, batch: str | None
) -> list[PendingRun]:
    aclient = session.client_for(client).aclient
    store = session.store()
    if store is None:
        raise SettingsError("nothing is saved (store=None), so no run of an earlier kernel is known")
    if receiver is not None:
        await address_for(aclient.connection, receiver)
    registry = PendingRuns(store, aclient.workspace, tell=session.tell_once)
    runs = []
    record = store.batches.find(batch, aclient.workspace) if batch is not None else None
    if batch is not None and record is None:
        return []
    for row in registry.rows(batch=record.id if record is not None else None):
        if not (row.request_id or row.run_id) or registry.is_waited_for(row):
            continue
        if (
            direct := DIRECT_RUNS.wait_again(aclient.connection.workspace, row)
        ) is not None:  # its Run is shown with it
            runs.append(direct)
            continue
        ticket = registry.take_over(row)
        if ticket is not None:
            runs.append(_wait_again(aclient, ticket, receiver))
    return runs


def _wait_again(client: AsyncClient, ticket: PendingTicket, receiver: CallbackReceiver | None) -> PendingRun:
    row = ticket.row
    request = InvokeRequest(
        deployment=row.deployment,
        variant=row.variant,
        inputs=row.inputs,
        metadata=row.metadata or None,
        callback_url=row.callback_url,
    )
    same = receiver is not None and receiver.url_now == row.callback_url
    if receiver is not None and same:
        receiver.recall(f"{client.workspace}/{row.deployment}")
    pending_run = PendingRun(
        client=client,
        request=request,
        first=first_run(row, client.origin),
        receiver=receiver if same else None,
        keep=ticket.answered,
        let_go=ticket.let_go,
        is_left=True,
    )
    pending_run.begin(poll=True)
    return pending_run
