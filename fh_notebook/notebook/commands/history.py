"""``%fetchhive history``, ``pending`` and ``last``: earlier runs and batches, those in progress, the last result."""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd

from fh_notebook.batching.api import last_batch, last_batch_at
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.history import history as past
from fh_notebook.contract.run import Run
from fh_notebook.errors import InputError
from fh_notebook.notebook.shell import notice
from fh_notebook.session import api, session


def history(shell: Any, options: argparse.Namespace) -> pd.DataFrame | None:
    """Return the saved runs and batches, as :func:`fh.history <fh_notebook.batching.history.history.history>` does.

    Where that is nothing, a line says so, and there is no table.
    """
    lines = past.history(deployment=options.name, limit=options.limit)
    if len(lines):
        return lines
    if options.name is None:
        if session.store():
            notice("No runs yet: each answer will be a row here.")
    elif options.name.isdecimal():
        notice(f"For the newest rows of all deployments: %fetchhive history -n {options.name}")
    return None


def pending(shell: Any, options: argparse.Namespace) -> pd.DataFrame | None:
    """Return the runs whose outcome has not arrived, as :func:`fh.pending <fh_notebook.session.api.pending>` does.

    Where there is none, a line says so, and there is no table.
    """
    runs: pd.DataFrame = api.pending()
    if len(runs):
        return runs
    if session.store():
        notice("No run is pending: each outcome has arrived.")
    else:
        notice("Nothing is saved; set a file for pending runs with fh.configure(store=...).")
    return None


def last(shell: Any, options: argparse.Namespace) -> Run | Batch:
    """Return the newest of this process's last batch and of this workspace's last saved single run."""
    batch, made_at = last_batch(), last_batch_at()
    stored = past.last_run(session.client_for(None).workspace)
    if batch is not None and made_at is not None and (stored is None or made_at > stored.kept_at):
        return batch
    if stored is not None:
        return stored.run
    why = "" if session.store() else " (nothing is saved: fh.configure(store=None) is set)"
    raise InputError(f"no runs in this workspace yet{why}")
