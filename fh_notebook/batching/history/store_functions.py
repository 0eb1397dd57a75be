"""Functions of ``fh.store`` on the store of the session: export and rescue to a file, list and join workspaces.

Rule of this file: a copy of what is stored is written to a new file, as a whole or not at all.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.export.export import reason_of
from fh_notebook.batching.history.workspace_join import host_of
from fh_notebook.batching.history.workspace_join import join_workspaces as join_workspaces
from fh_notebook.batching.tables.frames import INSTANT, TEXT, series_of
from fh_notebook.core import hooks
from fh_notebook.core.files import AtomicFile, atomic_file
from fh_notebook.errors import InputError, SettingsError, StoreError
from fh_notebook.session import session
from fh_notebook.store.codec import decode_json
from fh_notebook.store.store import Store
from fh_notebook.store.tables.answers import StoredAnswer

COLUMNS: Final = {
    **dict.fromkeys(("workspace", "host", "label"), TEXT),
    **dict.fromkeys(("batches", "answers"), "Int64"),
    "last_at": INSTANT,
}
"""The columns of :func:`list_workspaces` with their dtypes, which are the same whatever there is."""

LINES: Final = (".jsonl", ".jsonl.gz")
COPIES: Final = (".sqlite3", ".sqlite", ".db")
WINDOW: Final = 500
"""Answers whose scores are looked up together."""


def list_workspaces() -> pd.DataFrame:
    """Return what is saved of each workspace; see :func:`fh_notebook.store.workspaces`."""
    store = session.store()
    if store is None:
        hooks.frontend().notice("Nothing is saved; set a file for answers with fh.configure(store=...).")
    lines = [
        {
            "workspace": line.name,
            "host": host_of(line.name),
            "label": line.name.partition("#")[2],
            "batches": line.batches,
            "answers": line.answers,
            "last_at": line.last_at,
        }
        for line in (store.workspaces.every() if store is not None else ())
    ]
    columns = {name: [line[name] for line in lines] for name in COLUMNS}
    return pd.DataFrame({name: series_of(columns[name], dtype) for name, dtype in COLUMNS.items()})


def export_store(path: str | os.PathLike[str]) -> Path:
    """Write all that is saved to a new file; see :func:`fh_notebook.store.export`."""
    store = _store_to("export")
    target = _new_file(path, (*LINES, *COPIES))

    def write(part: AtomicFile) -> None:
        if target.name.lower().endswith(COPIES):
            store.copy_to(part.path)
        else:
            _write_lines(store, part.create(), is_zipped=target.name.lower().endswith(".gz"))
        part.put(private=True)

    return _written(target, write)


def rescue_store(path: str | os.PathLike[str]) -> Path:
    """Write all that this process holds to a new file; see :func:`fh_notebook.store.rescue`."""
    current = _store_to("rescue")
    store = next(
        (candidate for candidate in session.stores() if candidate.is_lost), current
    )  # perhaps of earlier settings
    if Path(path).expanduser().absolute() == store.path:
        raise InputError(f"{path} is the path of the lost store; give another name, such as rescued.sqlite3")
    target = _new_file(path, COPIES)

    def write(part: AtomicFile) -> None:
        def put() -> Path:
            part.put(private=True)
            return target.absolute()

        store.rescue(part.path, put)

    return _written(target, write)


def _store_to(purpose: str) -> Store:
    store = session.store()
    if store is None:
        raise SettingsError(f"nothing is saved (store=None), so there is nothing to {purpose}")
    return store


def _new_file(path: str | os.PathLike[str], endings: tuple[str, ...]) -> Path:
    """Return where to write, which is not there yet."""
    target = Path(path).expanduser()
    if not target.name.lower().endswith(endings):
        raise InputError(f"{target.name}: give a name that ends in {', '.join(endings)}")
    if target.exists():
        raise InputError(f"{target} already exists; nothing was written: give another name")
    if not target.parent.is_dir():
        raise InputError(f"the folder {target.parent} does not exist; create it, or give another path")
    return target


def _written(target: Path, write: Callable[[AtomicFile], object]) -> Path:
    reason, partial_path = "", None
    try:
        with atomic_file(target) as part:
            partial_path = part.path
            write(part)
    except OSError as exc:
        reason = exc.strerror or str(exc)
    except StoreError as exc:
        if exc.path is None or exc.path != partial_path:  # of one's own store: it says itself what to do
            raise
        reason = reason_of(exc)
    if reason:
        raise InputError(f"{target} cannot be written ({reason}); no partial file was left")
    return target


def _write_lines(store: Store, descriptor: int, *, is_zipped: bool) -> None:
    with os.fdopen(descriptor, "wb") as raw:
        file: Any = gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) if is_zipped else raw
        answers = store.answers.every()
        names = {record.id: record.name for record in store.batches.every()}
        while window := list(islice(answers, WINDOW)):
            scores: dict[int, list[dict[str, Any]]] = {}
            for answer, scorer, score, parts in store.scores.of_answers(stored.id for stored in window):
                with store.decoding():
                    entry = {"scorer": scorer, "score": score, "parts": decode_json(parts, object, "a score")}
                scores.setdefault(answer, []).append(entry)
            for stored in window:
                with store.decoding():
                    line = _line_of(stored, names, scores.get(stored.id, []))
                file.write(json.dumps(line).encode() + b"\n")
        if is_zipped:
            file.close()


def _line_of(answer: StoredAnswer, names: Mapping[int, str], scores: list[dict[str, Any]]) -> dict[str, Any]:
    line = {
        "kept_at": answer.kept_at.isoformat(),
        "batch": names.get(answer.batch or 0),
        "workspace": answer.workspace,
        "key": answer.key,
        "run": decode_json(answer.json, dict, "the run of an answer"),
    }
    return {**line, "scores": scores} if scores else line
