"""What is kept: every answer, before it counts. SQLite, one file; the only room with SQL, and one file a table.

Rule of this room: an answer counts after its commit, and nothing is ever overwritten: a new answer for the same job is
a new line, and readers take the newest that serves. The workspace key and signing secrets are never written
(`Run.to_dict` leaves them out). Inputs and outputs lie here in plain text, in a file that only its owner can read.

::

    store.py        Store: the whole file, and the repositories of its tables; closed, copied, and answers removed
    database.py      Database: the open file of one process, what is owed to it; exits and forks
    writer.py       the one thread that writes, in grouped commits; what a repository needs of the file
    file_identity.py        whether it is still the file that was opened
    database.py   opening, pragmas, versions
    database.py    a file on its way to the present version: who takes the steps, who waits
    tables/answers.py      table answers: key -> run, and the single runs
    tables/answers.py a run as a line of it, and back (no SQL)
    tables/batches.py      table batches: the identity of each batch, and its name
    tables/plans.py   a batch with its rows and jobs, written whole or not at all
    tables/batches.py         table jobs: what a batch is made of
    tables/batches.py         table rows: the source columns of its rows
    tables/scores.py       table scores: what scorers said of answers
    tables/scores.py table plain_scores: what they said of lines of tables
    tables/ratings.py      table ratings: what people said of outputs that they read blind
    archive.py     one batch with its answers and ratings as a file of its own, and such a file read with suspicion
    archive.py   ... value by value
    tables/plans.py         table uses: answers of others that a batch shows
    tables/requests.py  table requests: what was sent on which day
    retention.py    table forgotten: marks of jobs whose answers were removed
    tables/claims.py       table claims: what was about to be sent, and by whom; an answer with its claims
    tables/pending.py      table pending: runs whose outcome is delivered later
    pending_runs.py what the rooms above hold of it
    tables/partitions.py        table parts: the keys of answers that lie in Parquet files
    tables/partitions.py table planned_rows: hashes of what the rows of a batch over partitions are sent
    writer.py         many lines of a table in few statements
    codec.py     JSON as it is kept (no SQL)
    codec.py       ... and as it is read: every value looked at first; foreign errors become StoreError (no SQL)
    retention.py   removing what was kept, over all tables
    workspace_copy.py    what is kept of each workspace, and one copied into another
    owner_locks.py       who claims, and who of them still lives, by a file lock
    keys.py         the key of a job (pure)
    catalog_file.py the user's own fetchhive.yaml: found, read when it changed, saved (no SQL there)
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fh_notebook import arguments, views

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["export", "join", "rescue", "workspaces"]


def export(path: str | PathLike[str]) -> Path:
    """Write all that is kept to a new file, readable by its owner only, and return it.

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
        Nothing is kept (``store=None``).

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
    return views.store_functions().export_store(path)


def join(from_workspace: str, into_workspace: str) -> Any:
    """Copy what is kept of one workspace into another, so that its answers count there; say in a line what was copied.

    A new key of the same workspace is another workspace here, unless ``fh.configure(workspace="...")`` names it. After
    a join, the cells of batches that ran under the old key call nothing under the new one.

    Copied are answers (of batches and single runs) with their scores, batches with their rows and jobs, and ratings. A
    batch whose name has the same table in the target adds to it what is missing there; one whose name has another table
    there is kept as ``name@<UTC time>``. The source stays as it is, and what was copied before is not copied again.

    Not copied are answers to inputs that hold a password (it is not kept, so that their keys cannot be computed),
    batches over partitions (their answers lie in Parquet files), the counts of the daily budget, and runs whose outcome
    is still waited for: those are ``unknown`` in the target, and are not called again by themselves.

    Nothing is joined by itself, since two keys of one host may belong to two workspaces.

    Parameters
    ----------
    from_workspace, into_workspace : str
        As :func:`workspaces` lists them. The target may be one that nothing is kept of yet, where this process has a
        client for it.

    Returns
    -------
    fh_notebook.batching.history.workspaces.Joined
        How many answers, batches, scores and ratings were copied, and what was not.

    Raises
    ------
    InputError
        A name is not known (with the nearest one), both are the same, or one is a local hive and the other a service.
    SettingsError
        A batch of one of them is being run, or nothing is kept (``store=None``).
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
    return views.store_functions().join_workspaces(from_workspace, into_workspace)


def rescue(path: str | PathLike[str]) -> Path:
    """Write all that this kernel still holds of a store whose file was deleted or replaced, and return the new file.

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
        Nothing is kept (``store=None``).
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
    return views.store_functions().rescue_store(path)


def workspaces() -> pd.DataFrame:
    """Return what the store keeps of each workspace, one line each, the one with the newest answer first.

    Returns
    -------
    DataFrame
        ``workspace`` is the name that :func:`join` takes: ``host#label``; ``host``; ``label``, which is what
        ``fh.configure(workspace=...)`` says, else a hash of the key (of a local hive its name); ``batches`` and
        ``answers``, how many are kept (answers in Parquet files are not counted); ``last_at``, when the last answer
        was kept, UTC. Without a store the table is empty and has the same columns.

    Raises
    ------
    StoreError
        The file of kept answers cannot be read.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive(name="listed").client()
    >>> _ = hive.invoke("echo", inputs={"text": "hi"})
    >>> found = fh.store.workspaces()
    >>> found[found["label"] == "listed"][["workspace", "batches", "answers"]].values.tolist()
    [['local#listed', 0, 1]]
    """
    found: pd.DataFrame = views.store_functions().list_workspaces()
    return found
