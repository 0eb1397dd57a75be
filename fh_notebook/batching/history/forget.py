"""`fh.forget`: remove saved answers.

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


@arguments.public
def forget(
    batch: str | None = None,
    *,
    deployment: str | Deployment | None = None,
    before: datetime | date | timedelta | None = None,
    everything: bool = False,
    client: Client | AsyncClient | None = None,
    everywhere: bool = False,
    profile: bool = False,
) -> int:
    """Remove saved answers from the store for good; return how many were removed, and print a summary in one line.

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
        What was run, also as single runs. Where nothing is saved of it, the nearest name is told.
    before : datetime, date or timedelta, optional
        What was saved earlier than this moment, or longer ago than this time. A moment without a time zone is local.
    everything : bool
        All of it, corrections of expected outputs included, which nothing else removes; then neither of the others may
        be given.
    client : Client or AsyncClient, optional
        In whose workspace; the session's own by default.
    everywhere : bool
        In every workspace of the store's file, rather than in one; scores and ratings of tables from elsewhere, which
        are of no workspace, are removed with ``everything`` and ``before`` only then.
    profile : bool
        What :func:`fh_notebook.probe` has observed, and no answer; then none of the first four may be given.

    Returns
    -------
    int
        How many answers were removed.

    Raises
    ------
    InputError
        No batch of this name is saved there; with the nearest name.
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
    if everywhere is True and client is not None:
        raise SettingsError("client= selects one workspace and everywhere=True all of them; give one of the two")
    if profile and (everything is True or any(value is not None for value in (batch, deployment, before))):
        raise SettingsError(
            "profile=True removes what fh.probe has observed; give it without the arguments that select answers"
        )
    if profile:
        session.forget_profile(None if everywhere is True else session.client_for(client).workspace)
        hooks.frontend().notice("What fh.probe has observed was removed.")
        return 0
    store = session.store()
    criteria = [value for value in (batch, deployment, before) if value is not None]
    if everything is not True and not criteria:
        raise SettingsError(
            "name what to forget: a batch's name, deployment=, before=timedelta(days=30), or everything=True"
        )
    if everything is True and criteria:
        raise SettingsError("everything=True removes everything; give it alone, or name what to forget")
    before_utc = _as_utc(before)
    if store is None and everything is True:  # what people have said is in memory
        store = session.store_or_memory()
    if store is None:
        return 0
    workspace = None if everywhere is True else session.client_for(client).workspace
    if batch is not None:
        _check_batch(store, batch, workspace)
    name = deployment.name if isinstance(deployment, Deployment) else deployment
    selection = ForgetFilter(batch=batch, deployment=name, before=before_utc, workspace=workspace)
    if running := store.running(selection):
        first = next(iter(running.values()))
        raise SettingsError(f"the batch {first!r} is running; wait for it or cancel it, then forget it")
    if any("parts" in record.plan for record in store.batches.every()):
        hooks.partitions().forget_files(store, selection)
    removed = store.forget(selection)
    if selection.is_everything:
        session.forget_profile(workspace)  # of local hives, too, which are not in the store
    strange = "" if removed.answers or removed.batches or name is None else _no_such_deployment(store, name, workspace)
    hooks.frontend().notice(strange or _removal_message(removed, selection))
    return removed.answers


def _no_such_deployment(store: Store, name: str, workspace: str | None) -> str:
    """Say that nothing is saved of a deployment, and which one may be meant; nothing where something is."""
    names = [of for of, origin in store.answers.deployment_names() if workspace in (None, origin)]
    names += [record.deployment for record in store.batches.every() if workspace in (None, record.workspace)]
    if name in names:
        return ""
    close = nearest(name, names)
    suggestion = f"did you mean {close!r}?" if close else "fh.history() lists what is saved."
    where = "in any workspace" if workspace is None else f"in the workspace {workspace}"
    return f"Nothing was removed: no answers of a deployment {short(name)} are saved {where}; {suggestion}"


def _removal_message(removed: Forgotten, selection: ForgetFilter) -> str:
    """Say what was removed and what stays."""
    where = "in every workspace" if selection.workspace is None else f"in the workspace {selection.workspace}"
    batches = counted(removed.batches, "batch", "batches")
    if removed.answers or not removed.batches:
        of = f" of {batches}" if removed.batches and selection.is_one_batch else ""
        text = f"{counted(removed.answers, 'answer')}{of} {agreeing(removed.answers, 'were')} removed {where}."
    else:
        text = f"{batches} {agreeing(removed.batches, 'were')} removed {where}, but no answers."
    if removed.kept:
        stay = f"{counted(removed.kept, 'answer')} {agreeing(removed.kept, 'stay')}"
        text += f" {stay} with {listed(removed.kept_by, 'and')}, which {agreeing(len(removed.kept_by), 'use')} "
        text += "it." if removed.kept == 1 else "them."
    if n := removed.borrowed:
        text += f" {counted(n, 'answer')} {agreeing(n, 'stay')} saved, reused from other batches."
    if removed.batches and removed.answers and not selection.is_one_batch:
        again = "its cell starts it" if removed.batches == 1 else "their cells start them"
        text += f" This also removed {batches} without any answers left; {again} again."
    return text


def _check_batch(store: Store, batch: Any, workspace: str | None) -> None:
    if not isinstance(batch, str):
        raise InputError(f"the name of a batch must be a string, not {short(batch)}; fh.history() lists them")
    records = store.batches.named(batch)
    if workspace is not None and records and not any(record.workspace == workspace for record in records):
        raise SettingsError(
            f"the batch {batch!r} is in the workspace {records[0].workspace}, not in {workspace}; give that "
            "workspace's client: fh.forget(name, client=...), or everywhere=True"
        )
    if not records:
        close = nearest(batch, [record.name for record in store.batches.every()])
        suggestion = f"did you mean {close!r}?" if close else "fh.history() lists the saved batches"
        raise InputError(f"no saved batch is named {short(batch)}; {suggestion}")


def _as_utc(before: Any) -> datetime | None:
    if before is None:
        return None
    if isinstance(before, timedelta):
        return datetime.now(UTC) - before
    if isinstance(before, date) and not isinstance(before, datetime):
        before = datetime(before.year, before.month, before.day)
    if isinstance(before, datetime):
        return before.astimezone(UTC)
    raise SettingsError(f"before is {short(before)}; give a datetime, a date, or a timedelta (timedelta(days=30))")
