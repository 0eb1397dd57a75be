"""`open_batch`: a batch of this or an earlier kernel, by its name, with nothing but what is kept.

Rule of this file: nothing is called; what is not kept (a password, rows over partitions) is asked for by `resume`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from fh_notebook import arguments, session, views
from fh_notebook.batching.agenda import Agenda
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.control import Control
from fh_notebook.batching.feed import Feed
from fh_notebook.batching.kept import KeptJobs
from fh_notebook.batching.lookup import LookUp, read_reuse
from fh_notebook.batching.outcomes import Outcomes
from fh_notebook.batching.plan import Plan
from fh_notebook.batching.provenance import provenance
from fh_notebook.batching.run_settings import kept_settings
from fh_notebook.batching.source import KeptSource
from fh_notebook.batching.stored import Stored
from fh_notebook.contract.spell import nearest, short
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client
    from fh_notebook.client.client import AsyncClient

__all__ = ["batch_of", "open_batch"]

B = TypeVar("B", bound=Batch)


def open_batch(name: str | os.PathLike[str], *, client: Client | AsyncClient | None = None) -> Batch:
    """Return a batch that is kept, by its name, or one that somebody handed over, by its file; nothing is called.

    Parameters
    ----------
    name : str or path
        As :func:`fh_notebook.history` lists it; or a file that ``batch.to_fhb("triage.fhb")`` wrote, which is read as a
        stranger's: nothing in it is run. Such a batch can be looked at, compared and rated, and calls nothing.
    client : Client or AsyncClient, optional
        Whom ``resume()`` asks; the session's own by default.

    Returns
    -------
    Batch
        With every kept answer, all of them ``reused``. ``resume()`` calls what has none; where the inputs hold a
        password, which is not kept, or the batch was run over partitions, it asks for the rows instead.

    Raises
    ------
    InputError
        No batch of this name is kept; with the nearest name. Or the file is not there, or none of ours.
    SettingsError
        Nothing is kept at all (``store=None``), or the batch is another workspace's.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("shout", variant="loud")
    ... def loud(text: str) -> str:
    ...     return text.upper()
    >>> with hive.client() as client:
    ...     _ = fh.batch([{"text": "a"}], "shout", client=client, name="shouts", progress=False)
    ...     fh.open_batch("shouts", client=client).frame["output"].tolist()
    ['A']
    """
    arguments.check(open_batch, locals(), but={"name"})
    from fh_notebook.batching.handover import is_file_name, open_file

    if is_file_name(name):
        return open_file(name)
    store = session.store()
    if store is None:
        raise SettingsError("nothing is kept (store=None), so no batch can be opened; fh.configure(store=...) keeps")
    caller = session.client_for(client)
    record = _found(store, name, caller.workspace)
    if "parts" in record.plan:
        opened: Batch = views.partitions().open_batch(store, record, caller)
        return opened
    return batch_of(store, record, caller, of=Batch)


def batch_of(store: Store, record: BatchRecord, caller: Client, *, of: type[B]) -> B:
    """Return the batch that a record and what lies beside it in a store mean.

    Raises
    ------
    InputError
        It was kept without its rows.
    """
    arms = [list(arm) for arm in record.plan.get("arms", ())]
    if not arms:
        raise InputError("it was kept by an earlier version, without its rows; run its cell again", where=record.name)
    told = record.plan
    kept = KeptJobs(
        store, record.id, arms, index_names=told.get("index"), columns=told.get("columns") or (),
        dtypes=told.get("dtypes"), index_dtypes=told.get("index_dtypes"),
    )  # fmt: skip
    source = KeptSource(kept, record.plan.get("rows"))
    outcomes = Outcomes()
    reuse = read_reuse(record.plan.get("reuse"), datetime.now(UTC))
    stored = Stored(store, record.id)
    stored.replaced_ids = tuple(record.plan.get("replaced") or ())
    look_up = LookUp(stored=stored, workspace=record.workspace, reuse=reuse)
    feed = Feed(source, outcomes, look_up, skip_invalid=True, where=record.deployment)
    jobs = store.count_jobs(record.id)
    repeats = record.plan.get("repeats") or 1
    plan = Plan(
        name=record.name,
        deployment=record.deployment,
        variants=tuple(label for label, _, _ in arms),
        rows=record.plan.get("rows") or -(-jobs // max(1, len(arms) * repeats)),
        repeats=repeats,
        jobs=jobs,
    )
    options = kept_settings(reuse)
    agenda = Agenda(plan, feed, outcomes, client=caller, store=store, options=options)
    control = Control(agenda, client=caller, store=store, options=options)
    agenda.adopt(jobs, most_at_once=control.limit)
    about = provenance(
        (deployment for _, deployment, _ in arms),
        variants=plan.variants,
        batch=record.name,
        workspace=record.workspace,
        created=record.created_at,
        hashes=record.plan.get("schema_sha256", {}),
    )
    return of(control, about)


def _found(store: Store, name: Any, workspace: str) -> BatchRecord:
    if not isinstance(name, str):
        raise InputError(f"a batch is opened by its name, a text, not {short(name)}; fh.history() lists them")
    arguments.check_one("name", name, "str")
    if (record := store.batch(name, workspace)) is not None:
        return record
    if elsewhere := store.batches_named(name):
        raise SettingsError(
            f"the batch {name!r} was run in the workspace {elsewhere[0].workspace}, and calls go to {workspace} now; "
            "give the client of that one: fh.open_batch(name, client=...)"
        )
    close = nearest(name, [known.name for known in store.batches()])
    meant = f"did you mean {close!r}?" if close else "fh.history() lists those that are"
    raise InputError(f"no batch {short(name)} is kept; {meant}")
