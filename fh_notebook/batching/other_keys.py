"""What was answered under another key of the same host, so that a new key does not pay again without notice.

Rule of this file: it only looks. Two keys of one host may be two workspaces, so nothing of another one is taken here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from fh_notebook.addresses import LOCAL
from fh_notebook.batching.job import Job
from fh_notebook.batching.plan import OtherKey
from fh_notebook.contract.canonical import canonical_json
from fh_notebook.store.keys import key_of
from fh_notebook.store.store import Store

__all__ = ["join_command", "other_key"]

MOST: Final = 5
"""Workspaces that are looked into, the newest first: each costs a hash and a look-up for every job."""


def other_key(
    store: Store, jobs: Sequence[Job], planned: Iterable[Job], workspace: str, *, since: datetime | None = None
) -> OtherKey | None:
    """Return which other workspace of the same host answers most rows of what is to be called; ``None`` without one.

    Local hives are left out: they have no keys, and another name is another hive.

    Parameters
    ----------
    store : Store
        Where answers are kept.
    jobs : sequence of Job
        What is to be called: one job a key, with its inputs as they are spelt in the key.
    planned : iterable of Job
        All jobs of the batch; read only where there is another workspace.
    workspace : str
        Where it calls.
    since : datetime, optional
        Only answers that were kept since then (UTC).
    """
    origin = workspace.partition("#")[0]
    if origin == LOCAL:
        return None
    deployments = dict.fromkeys(job.deployment for job in jobs)
    others = store.workspaces.of_host(origin, deployments, without=workspace, limit=MOST)
    needed: dict[int, set[str]] = {}
    """Row -> the keys of its calls."""
    to_call = {job.key for job in jobs} if others else set()
    for job in planned if others else ():
        if job.key in to_call:
            needed.setdefault(job.position, set()).add(job.key)
    best: OtherKey | None = None
    for other in others:
        asked = {target: canonical_json([other, *target])[:-1] for target in {(j.deployment, j.variant) for j in jobs}}
        there = {key_of(asked[job.deployment, job.variant], job.spelt, job.repeat): job.key for job in jobs}
        answered = {there[key] for key in store.answers.completed_of(there, since=since)}
        rows = sum(keys <= answered for keys in needed.values())
        if rows and (best is None or rows > best.rows):
            best = OtherKey(workspace=other, rows=rows, command=join_command(other, workspace))
    return best


def join_command(from_workspace: str, into_workspace: str) -> str:
    """Return the call that joins two workspaces, as a person types it.

    Examples
    --------
    >>> print(join_command("api.example.com#1a2b", "api.example.com#3c4d"))
    fh.store.join("api.example.com#1a2b", "api.example.com#3c4d")
    """
    first, second = (json.dumps(name, ensure_ascii=False) for name in (from_workspace, into_workspace))
    return f"fh.store.join({first}, {second})"
