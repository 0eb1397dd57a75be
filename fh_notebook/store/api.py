"""Functions of ``fh.store``: export, rescue, workspaces, join."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fh_notebook.core import arguments, hooks

if TYPE_CHECKING:
    import pandas as pd


@arguments.public
def export(path: str | PathLike[str]) -> Path:
    """Write everything that is saved to a new file that only its owner can read, and return the file.

    Parameters
    ----------
    path : path
        ``.jsonl`` or ``.jsonl.gz``: a line an answer, the oldest first, with ``kept_at, batch, workspace, key, run``,
        and ``scores`` where there are some: a list of ``scorer, score, parts``.
        ``.sqlite3``, ``.sqlite`` or ``.db``: a copy of the store, which ``fh.configure(store=...)`` takes.

    Raises
    ------
    InputError
        The ending is another one, the file is there already, or cannot be written.
    SettingsError
        Nothing is saved (``store=None``).

    Examples
    --------
    >>> import tempfile
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> _ = hive.invoke("support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
    >>> fh.store.export(tempfile.mkdtemp() + "/answers.jsonl").name
    'answers.jsonl'
    """
    arguments.check(export, locals())
    return hooks.store_functions().export_store(path)


@arguments.public
def join(from_workspace: str, into_workspace: str) -> Any:
    """Copy what is saved of one workspace into another, so that its answers count there; print a summary in one line.

    A new key of the same workspace is another workspace here, unless ``fh.configure(workspace="...")`` names it. After
    a join, the cells of batches that ran under the old key call nothing under the new one.

    Copied are answers (of batches and single runs) with their scores, batches with their rows and jobs, ratings, and
    corrections of expected outputs. A batch whose name has the same table in the target adds to it what is missing
    there; one whose name has another table there is saved as ``name@<UTC time>``. The source stays as it is, and what
    was copied before is not copied again.

    Not copied are answers to inputs that hold a password (it is not saved, so that their keys cannot be computed),
    batches over partitions (their answers lie in Parquet files), the counts of the daily budget, and runs whose outcome
    is still waited for: those are ``unknown`` in the target, and are not called again by themselves.

    Nothing is joined by itself, since two keys of one host may belong to two workspaces.

    Parameters
    ----------
    from_workspace, into_workspace : str
        As :func:`workspaces` lists them. The target may be one that nothing is saved of yet, where this process has a
        client for it.

    Returns
    -------
    fh_notebook.batching.history.workspace_join.Joined
        How many answers, batches, scores, ratings and corrections were copied, and what was not.

    Raises
    ------
    InputError
        A name is not known (with the nearest one), both are the same, or one is a local hive and the other a service.
    SettingsError
        A batch of one of them is being run, or nothing is saved (``store=None``).
    StoreError
        The file cannot be written. What was copied before stays; a second join copies the rest.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> for name in ("old", "new"):
    ...     hive = fh.local.LocalHive(name=name).client()
    ...     _ = hive.invoke("echo", inputs={"text": name})
    >>> fh.store.join("local#old", "local#new")
    1 answer, 0 batches, 0 scores, 0 ratings copied from local#old to local#new
    >>> fh.store.join("local#old", "local#new").answers
    0
    """
    arguments.check(join, locals())
    return hooks.store_functions().join_workspaces(from_workspace, into_workspace)


@arguments.public
def rescue(path: str | PathLike[str]) -> Path:
    """Write what this kernel still holds of a deleted or replaced store to a new file, and return the file.

    What was committed is read through the open file, although it has no name any more, and the answers that could not
    be committed since are written with it. The batches of this kernel go on in the new file; have every other cell use
    it with ``fh.configure(store=path)``. A store whose file is in place, on a disk that is full for example, is copied
    with all it owes, and goes on where it is.

    Parameters
    ----------
    path : path
        Ends in ``.sqlite3``, ``.sqlite`` or ``.db``; readable by its owner only.

    Raises
    ------
    InputError
        The ending is another one, the file is there already, or cannot be written.
    SettingsError
        Nothing is saved (``store=None``).
    StoreError
        A batch of this kernel is not over: wait for it, or cancel it.

    Examples
    --------
    >>> import tempfile
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> _ = hive.invoke("support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
    >>> fh.store.rescue(tempfile.mkdtemp() + "/rescued.sqlite3").name
    'rescued.sqlite3'
    """
    arguments.check(rescue, locals())
    return hooks.store_functions().rescue_store(path)


@arguments.public
def workspaces() -> pd.DataFrame:
    """Return the workspaces in the store as a table, the one with the newest answer first.

    Returns
    -------
    DataFrame
        ``workspace`` is the name that :func:`join` takes: ``host#label``; ``host``; ``label``, which is what
        ``fh.configure(workspace=...)`` says, else a hash of the key (of a local hive its name); ``batches`` and
        ``answers``, how many are saved (answers in Parquet files are not counted); ``last_at``, when the last answer
        was saved, UTC. Without a store the table is empty and has the same columns.

    Raises
    ------
    StoreError
        The file of saved answers cannot be read.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive(name="listed").client()
    >>> _ = hive.invoke("echo", inputs={"text": "hi"})
    >>> found = fh.store.workspaces()
    >>> found[found["label"] == "listed"][["workspace", "batches", "answers"]].values.tolist()
    [['local#listed', 0, 1]]
    """
    table: pd.DataFrame = hooks.store_functions().list_workspaces()
    return table
