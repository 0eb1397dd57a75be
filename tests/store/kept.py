"""Content of a store, for tests that count it; and a batch in it, for answers and claims to belong to."""

from __future__ import annotations

from datetime import UTC, datetime

from fh_notebook.store.store import Store
from fh_notebook.store.tables.answers import StoredAnswer
from fh_notebook.store.tables.batches import BatchRecord


def batch_in(store: Store, name: str = "b", workspace: str = "w") -> int:
    """The number of the batch of that name, which is kept if it is not there."""
    record = BatchRecord(name=name, workspace=workspace, deployment="d", variants=(), created_at=datetime.now(UTC))
    return store.batches.keep(record).result()


def answers_in(store: Store, batch: str) -> list[StoredAnswer]:
    """The answers of the batches that have a name, in whatever workspace, the newest first."""
    numbers = {record.id for record in store.batches.every() if record.name == batch}
    return [kept for kept in store.answers.every() if kept.batch in numbers][::-1]


def scores_in(store: Store) -> int:
    """How many scores there are, of answers and of lines of tables."""
    count = "SELECT (SELECT count(*) FROM scores) + (SELECT count(*) FROM plain_scores)"
    return int(store.database.read(lambda connection: connection.execute(count).fetchone()[0]))
