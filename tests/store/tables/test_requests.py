"""Counts of requests as a reader finds them while they are written."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fh_notebook.store.store import Store
from fh_notebook.store.tables import requests
from fh_notebook.store.tables.requests import Requests

PATIENCE_S = 20.0


@dataclass
class _Watched:
    """A database that says that something was read."""

    database: Any
    was_read: threading.Event

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def read(self, function: Callable[[Any], Any]) -> Any:
        value = self.database.read(function)
        self.was_read.set()
        return value


@pytest.mark.parametrize("path", [None, "store.sqlite3"])
def test_a_count_that_was_just_written_counts_once(
    path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its commit and the moment when this process knows of it, too."""
    monkeypatch.setattr(requests, "PATIENCE_S", PATIENCE_S)  # a busy machine may stand still for a second
    workspace = f"counted {uuid.uuid4()}"  # stores in memory have one count, that of this process
    with (Store.in_memory() if path is None else Store(tmp_path / path)).closing() as store:
        database = _Watched(store.database, threading.Event())
        counts = Requests(database)
        is_held, is_full, is_committed = (threading.Event() for _ in range(3))
        database.put(lambda connection: (is_held.set(), is_full.wait(PATIENCE_S)))
        assert is_held.wait(PATIENCE_S)
        before = database.put(lambda connection: None)  # of one commit with the count, and known first
        before.add_done_callback(lambda _: (is_committed.set(), database.was_read.wait(PATIENCE_S)))
        counts.count(workspace, 1)
        is_full.set()
        assert is_committed.wait(PATIENCE_S)
        assert counts.on_day(workspace, datetime.now(UTC)) == 1
