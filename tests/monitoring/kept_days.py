"""A hive whose answers change when the test says so, and kept answers that are moved to another day."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from fh_notebook.local import LocalHive
from fh_notebook.session import session


class Answering:
    """A hive with ``quiz`` in the variants ``a`` and ``b``.

    Attributes
    ----------
    wrong, failing : set of (variant, number)
        What is answered wrongly, and what fails, from now on.
    ran : Counter
        Calls of each variant and number.
    """

    def __init__(self, **options: Any) -> None:
        self.hive = LocalHive(**options)
        self.wrong: set[tuple[str, int]] = set()
        self.failing: set[tuple[str, int]] = set()
        self.ran: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()
        for variant in ("a", "b"):
            self.declare("quiz", variant)

    def declare(self, deployment: str, name: str) -> None:
        """Add a workflow."""

        @self.hive.workflow(deployment, variant=name)
        def answer(number: int) -> str:
            with self._lock:
                self.ran[name, number] += 1
            if (name, number) in self.failing:
                raise RuntimeError(f"no answer to {number}")
            return "no" if (name, number) in self.wrong else "yes"

    @property
    def calls(self) -> int:
        return self.ran.total()


def rows(count: int) -> list[dict[str, Any]]:
    """Rows whose right answer is always yes."""
    return [{"number": number, "expected_output": "yes"} for number in range(count)]


def shift_answers(*, days: int) -> None:
    """Have all kept answers come from another day."""

    def shift(run: dict[str, Any]) -> None:
        run["started_at"] = (datetime.fromisoformat(run["started_at"]) + timedelta(days=days)).isoformat()

    _change_answers(shift)


def set_attempts(attempts: int) -> None:
    """Have all kept answers come after so many requests."""
    _change_answers(lambda run: run.update(attempts=attempts))


def _change_answers(change: Callable[[dict[str, Any]], None]) -> None:
    store = session.store()
    assert store is not None

    def write(connection: sqlite3.Connection) -> None:
        for number, text in connection.execute("SELECT id, run FROM answers").fetchall():
            run = json.loads(text)
            change(run)
            connection.execute("UPDATE answers SET run = ? WHERE id = ?", (json.dumps(run), number))

    store.database.put(write).result()
