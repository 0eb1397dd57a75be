"""What lies in a store, for tests that count it."""

from __future__ import annotations

from fh_notebook.store.answer_lines import Kept
from fh_notebook.store.store import Store


def answers_in(store: Store, batch: str) -> list[Kept]:
    """The answers that were kept under a batch's name, the newest first."""
    return [kept for kept in store.every_answer() if kept.batch == batch][::-1]


def scores_in(store: Store) -> int:
    """How many scores there are, of answers and of lines of tables."""
    count = "SELECT (SELECT count(*) FROM scores) + (SELECT count(*) FROM plain_scores)"
    return int(store.read(lambda connection: connection.execute(count).fetchone()[0]))
