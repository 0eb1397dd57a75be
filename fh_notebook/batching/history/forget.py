"""`fh.forget`: remove stored answers.

Rule of this file: nothing is removed that was not named, and what is running is left alone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from fh_notebook.contract.deployment import Deployment
from fh_notebook.core import arguments, hooks
from fh_notebook.core.text.formatting import listed, nearest, short
from fh_notebook.core.text.messages import agreeing, counted
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.session import session
from fh_notebook.store.retention import ForgetFilter, Forgotten
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.clients import AsyncClient, Client

__all__ = ["forget"]


def forget(
    batch: str | None = None,
    *,
    deployment: str | Deployment | None = None,
    before: datetime | date | timedelta | None = None,
    everything: bool = False,
    client: Client | AsyncClient | None = None,
    everywhere: bool = False,
) -> int:
    """Remove kept answers from the store for good; return how many were removed, and say in one line what was.

    With `batch` alone that batch is removed: its rows, its answers with their scores, and its Parquet files. Answers
    of it that another batch uses (``reuse="store"``, a race) stay with that batch. Otherwise every answer that fits all
    that is given is removed, from whatever batch it is, and batches of which no answer is left go with their rows: such
    rows are pending then, and the plan of a later run says how many are called again for that reason. What a notebook
    shows already stays there; a batch object reads its answers from the store, so that its frame is empty then.

    Parameters
    ----------
    batch : str, optional
        The name of a batch, as :func:`fh_notebook.history` lists it.
    deployment : str or Deployment, optional
        What was run, also as single runs. Where nothing is kept of it, the nearest name is told.
    before : datetime, date or timedelta, optional
        What was kept earlier than this moment, or longer ago than this time. A moment without a time zone is local.
    everything : bool
        All of it; then neither of the others may be given.
    client : Client or AsyncClient, optional
        In whose workspace; the session's own by default.
    everywhere : bool
        In every workspace of the store's file, rather than in one; scores and ratings of tables from elsewhere, which
        are of no workspace, are removed with ``everything`` and ``before`` only then.

    Returns
    -------
    int
        How many answers were removed.

    Raises
    ------
    InputError
        No batch of this name is kept there; with the nearest name.
    SettingsError
        Nothing is named, the batch is one of another workspace, or is being run.
    StoreError
        The file cannot be written.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> _ = hive.invoke("support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
    >>> fh.forget(deployment="support-triage", client=hive)
    1
    """
    arguments.check(forget, locals())
    store = session.store()
    named = [value for value in (batch, deployment, before) if value is not None]
    if everything is not True and not named:
        raise SettingsError(
            "what is to be forgotten? Give a batch's name, deployment=, before=timedelta(days=30), or everything=True"
        )
    if everything is True and named:
        raise SettingsError("everything=True removes all; give it alone, or name what is to be forgotten")
    if everywhere is True and client is not None:
        raise SettingsError("client= names one workspace and everywhere=True all of them; give one of the two")
    moment = _moment(before)
    if store is None:
        return 0
    workspace = None if everywhere is True else session.client_for(client).workspace
    if batch is not None:
        _check_batch(store, batch, workspace)
    name = deployment.name if isinstance(deployment, Deployment) else deployment
    which = ForgetFilter(batch=batch, deployment=name, before=moment, workspace=workspace)
    if running := store.running(which):
        first = next(iter(running.values()))
        raise SettingsError(f"the batch {first!r} is being run; wait for it or cancel it, then forget it")
    if any("parts" in record.plan for record in store.batches.every()):
        hooks.partitions().forget_files(store, which)
    gone = store.forget(which)
    strange = "" if gone.answers or gone.batches or name is None else _no_such_deployment(store, name, workspace)
    hooks.frontend().notice(strange or _told(gone, which))
    return gone.answers


def _no_such_deployment(store: Store, name: str, workspace: str | None) -> str:
    """Say that nothing is kept of a deployment, and which one may be meant; nothing where something is."""
    known = [of for of, place in store.answers.deployment_names() if workspace in (None, place)]
    known += [record.deployment for record in store.batches.every() if workspace in (None, record.workspace)]
    if name in known:
        return ""
    close = nearest(name, known)
    meant = f"did you mean {close!r}?" if close else "fh.history() lists what is."
    where = "in any workspace" if workspace is None else f"in the workspace {workspace}"
    return f"Nothing was removed: no answers of a deployment {short(name)} are kept {where}; {meant}"


def _told(gone: Forgotten, which: ForgetFilter) -> str:
    """Say what was removed and what was kept."""
    where = "in every workspace" if which.workspace is None else f"in the workspace {which.workspace}"
    batches = counted(gone.batches, "batch", "batches")
    if gone.answers or not gone.batches:
        of = f" of {batches}" if gone.batches and which.is_one_batch else ""
        text = f"{counted(gone.answers, 'answer')}{of} {agreeing(gone.answers, 'were')} removed {where}."
    else:
        text = f"{batches} {agreeing(gone.batches, 'were')} removed {where}, and no answer."
    if gone.kept:
        stay = f"{counted(gone.kept, 'answer')} {agreeing(gone.kept, 'stay')}"
        text += f" {stay} with {listed(gone.kept_by, 'and')}, which {agreeing(len(gone.kept_by), 'use')} "
        text += "it." if gone.kept == 1 else "them."
    if n := gone.borrowed:
        text += f" {counted(n, 'answer')} that {agreeing(n, 'were')} paid for elsewhere {agreeing(n, 'stay')} kept."
    if gone.batches and gone.answers and not which.is_one_batch:
        again = "its cell begins it" if gone.batches == 1 else "their cells begin them"
        text += f" {batches} without an answer left went, too; {again} anew."
    return text


def _check_batch(store: Store, batch: Any, workspace: str | None) -> None:
    if not isinstance(batch, str):
        raise InputError(f"a batch is named by a text, not {short(batch)}; fh.history() lists them")
    found = store.batches.named(batch)
    if workspace is not None and found and not any(record.workspace == workspace for record in found):
        raise SettingsError(
            f"the batch {batch!r} is one of the workspace {found[0].workspace}, and this is {workspace}; give the "
            "client of that one: fh.forget(name, client=...), or everywhere=True"
        )
    if not found:
        close = nearest(batch, [record.name for record in store.batches.every()])
        meant = f"did you mean {close!r}?" if close else "fh.history() lists those that are"
        raise InputError(f"no batch {short(batch)} is kept; {meant}")


def _moment(before: Any) -> datetime | None:
    if before is None:
        return None
    if isinstance(before, timedelta):
        return datetime.now(UTC) - before
    if isinstance(before, date) and not isinstance(before, datetime):
        before = datetime(before.year, before.month, before.day)
    if isinstance(before, datetime):
        return before.astimezone(UTC)
    raise SettingsError(f"before is {short(before)}; give a datetime, a date, or a timedelta (timedelta(days=30))")
