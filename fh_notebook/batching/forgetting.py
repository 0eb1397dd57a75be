"""`forget`: removing what is kept; `export_store` and `rescue_store`: a copy of it.

Rule of this file: nothing is removed that was not named, and what is running is left alone.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from fh_notebook import session, views
from fh_notebook.batching.export_file import reason_of
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.spell import nearest, short
from fh_notebook.errors import InputError, SettingsError, StoreError
from fh_notebook.partial import Partial, partial
from fh_notebook.store.answer_lines import Kept
from fh_notebook.store.damage import json_of
from fh_notebook.store.forgetting import Which
from fh_notebook.store.store import Store

__all__ = ["export_store", "forget", "rescue_store"]


def forget(
    batch: str | None = None,
    *,
    deployment: str | Deployment | None = None,
    before: datetime | date | timedelta | None = None,
    everything: bool = False,
) -> int:
    """Remove kept answers from the store for good; return how many were removed.

    What fits all that is given is removed, with its scores; batches of which no answer is left go with their rows, and
    those over partitions with their Parquet files. What a notebook shows already stays there; a
    batch object reads its answers from the store, so that its frame is empty then.

    Parameters
    ----------
    batch : str, optional
        The name of a batch, as :func:`fh_notebook.history` lists it.
    deployment : str or Deployment, optional
        What was run, also as single runs.
    before : datetime, date or timedelta, optional
        What was kept earlier than this moment, or longer ago than this time. A moment without a time zone is local.
    everything : bool
        All of it; then nothing else may be given.

    Returns
    -------
    int
        How many answers were removed.

    Raises
    ------
    InputError
        No batch of this name is kept; with the nearest name.
    SettingsError
        Nothing is named, or the batch is being run.
    StoreError
        The file cannot be written.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.demo_hive().client()
    >>> _ = hive.invoke("support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
    >>> fh.forget(deployment="support-triage") >= 1
    True
    """
    store = session.store()
    named = [value for value in (batch, deployment, before) if value is not None]
    if everything is not True and not named:
        raise SettingsError(
            "what is to be forgotten? Give a batch's name, deployment=, before=timedelta(days=30), or everything=True"
        )
    if everything is True and named:
        raise SettingsError("everything=True removes all; give it alone, or name what is to be forgotten")
    if store is None:
        return 0
    if batch is not None:
        _check_batch(store, batch)
    name = deployment.name if isinstance(deployment, Deployment) else deployment
    if running := store.running(which := Which(batch=batch, deployment=name, before=_moment(before))):
        raise SettingsError(f"the batch {running[0]!r} is being run; wait for it or cancel it, then forget it")
    if any("parts" in record.plan for record in store.batches()):
        views.knock("forget.parts", store, which)
    return store.forget(which)


def _check_batch(store: Store, batch: Any) -> None:
    if not isinstance(batch, str):
        raise InputError(f"a batch is named by a text, not {short(batch)}; fh.history() lists them")
    if not store.batches_named(batch):
        close = nearest(batch, [record.name for record in store.batches()])
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


LINES: Final = (".jsonl", ".jsonl.gz")
COPIES: Final = (".sqlite3", ".sqlite", ".db")
WINDOW: Final = 500
"""Answers whose scores are looked up together."""


def export_store(path: str | os.PathLike[str]) -> Path:
    """Write all that is kept to a new file; see :func:`fh_notebook.store.export`.

    Raises
    ------
    InputError, SettingsError
        As it says.
    """
    store = _store_to("export")
    target = _new_file(path, (*LINES, *COPIES))

    def write(part: Partial) -> None:
        if target.name.lower().endswith(COPIES):
            store.copy_to(part.path)
        else:
            _write_lines(store, part.create(), is_zipped=target.name.lower().endswith(".gz"))
        part.put(private=True)

    return _written(target, write)


def rescue_store(path: str | os.PathLike[str]) -> Path:
    """Write all that this process holds to a new file; see :func:`fh_notebook.store.rescue`.

    Raises
    ------
    InputError, SettingsError
        As it says.
    """
    store = _store_to("rescue")
    target = _new_file(path, COPIES)

    def write(part: Partial) -> None:
        def put() -> Path:
            part.put(private=True)
            return target.absolute()

        store.rescue(part.path, put)

    return _written(target, write)


def _store_to(what: str) -> Store:
    store = session.store()
    if store is None:
        raise SettingsError(f"nothing is kept (store=None), so there is nothing to {what}")
    return store


def _new_file(path: str | os.PathLike[str], endings: tuple[str, ...]) -> Path:
    """Return where to write, which is not there yet.

    Raises
    ------
    InputError
        The ending is another one, the file is there, or its folder is not.
    """
    target = Path(path).expanduser()
    if not target.name.lower().endswith(endings):
        raise InputError(f"{target.name}: give a name that ends in {', '.join(endings)}")
    if target.exists():
        raise InputError(f"{target} is there already; nothing was written: give another name")
    if not target.parent.is_dir():
        raise InputError(f"there is no folder {target.parent}; make it, or give another path")
    return target


def _written(target: Path, write: Callable[[Partial], object]) -> Path:
    trouble, beside = "", ""
    try:
        with partial(target) as part:
            beside = str(part.path)
            write(part)
    except OSError as broken:
        trouble = broken.strerror or str(broken)
    except StoreError as broken:
        if beside not in str(broken):  # of one's own store: it says itself what to do
            raise
        trouble = reason_of(broken)
    if trouble:
        raise InputError(f"{target} cannot be written ({trouble}); nothing is left of it")
    return target


def _write_lines(store: Store, descriptor: int, *, is_zipped: bool) -> None:
    with os.fdopen(descriptor, "wb") as raw:
        file: Any = gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) if is_zipped else raw
        answers = store.every_answer()
        while window := list(islice(answers, WINDOW)):
            scores: dict[int, list[dict[str, Any]]] = {}
            for answer, scorer, score, parts in store.scores_of(kept.id for kept in window):
                with store.decoding():
                    told = {"scorer": scorer, "score": score, "parts": json_of(parts, object, "a score")}
                scores.setdefault(answer, []).append(told)
            for kept in window:
                with store.decoding():
                    line = _line_of(kept, scores.get(kept.id, []))
                file.write(json.dumps(line).encode() + b"\n")
        if is_zipped:
            file.close()


def _line_of(kept: Kept, scores: list[dict[str, Any]]) -> dict[str, Any]:
    line = {
        "kept_at": kept.kept_at.isoformat(),
        "batch": kept.batch,
        "workspace": kept.workspace,
        "key": kept.key,
        "run": json_of(kept.json, dict, "the run of an answer"),
    }
    return {**line, "scores": scores} if scores else line
