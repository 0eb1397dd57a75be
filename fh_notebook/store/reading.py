"""What is read of the store: every question of the rooms above, one method each.

Rule of this file: nothing is written here. A look-up of many jobs takes no run apart that is not asked for.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from fh_notebook.store import (
    answers,
    batches,
    claims,
    forgotten,
    jobs,
    parts,
    pending,
    ratings,
    request_ledger,
    rows,
    scores,
    scores_plain,
    workspace_copy,
)
from fh_notebook.store.answer_lines import Kept
from fh_notebook.store.answers import Inputs, Seen
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.jobs import JobLine
from fh_notebook.store.pending import PendingLine
from fh_notebook.store.ratings import RatingLine
from fh_notebook.store.rows import RowLine
from fh_notebook.store.workspace_copy import OpenCall, WorkspaceLine

__all__ = ["Reading"]

T = TypeVar("T")


class Reading(ABC):
    """The questions; whoever answers them has a connection."""

    @abstractmethod
    def _read(self, function: Callable[[sqlite3.Connection], T]) -> T: ...

    def damage(self) -> str:
        """Return what SQLite finds wrong with the file, page by page, in a line; empty when it is whole."""
        found = self._read(lambda c: [str(line[0]) for line in c.execute("PRAGMA quick_check(3)")])
        return "" if found == ["ok"] else "; ".join(" ".join(line.split()) for line in found)

    # --- answers

    def seen(
        self,
        keys: Iterable[str],
        *,
        batches: Sequence[int] | None,
        after_id: int = 0,
        since: datetime | None = None,
    ) -> list[Seen]:
        """Return what is known of these jobs, the newest first.

        Parameters
        ----------
        keys : iterable of str
            The jobs.
        batches : sequence of int or None
            The batches whose answers, their own and those that they use; ``None`` is any, and single runs.
        after_id : int
            Only lines behind this one.
        since : datetime, optional
            Only what was kept since then.
        """
        wanted = list(keys)
        return self._read(lambda c: list(answers.seen(c, wanted, batches=batches, after_id=after_id, since=since)))

    def answers_by_ids(self, ids: Iterable[int]) -> dict[int, Kept]:
        """Return the answers of these lines, by number; what was forgotten since is left out."""
        wanted = list(ids)
        return self._read(lambda c: {kept.id: kept for kept in answers.by_ids(c, wanted)})

    def count_completed(self, keys: Iterable[str]) -> int:
        """Return how many of these jobs have a completed answer, of any batch or none."""
        return self._read(lambda c: answers.count_completed(c, keys))

    def every_answer(self, *, window: int = 500) -> Iterator[Kept]:
        """Yield all answers, the oldest first, a window at a time: others may write meanwhile."""
        after = 0
        while found := self._read(lambda c, after=after: list(answers.behind(c, after, window))):  # type: ignore[misc]  # bound at once
            yield from found
            after = found[-1].id

    def newest_id(self) -> int:
        """Return the number that was given last, also where that line was forgotten; 0 before the first."""
        return self._read(answers.newest_id)

    def runs(self, limit: int = 100, *, deployment: str | None = None, workspace: str | None = None) -> list[Kept]:
        """Return the last single runs, of one deployment, one workspace or all, the newest first."""
        return self._read(lambda c: list(answers.single_runs(c, limit, deployment=deployment, workspace=workspace)))

    def answers_of_deployment(self, workspace: str, deployment: str, limit: int) -> list[Kept]:
        """Return the last answers of one deployment in one workspace, of batches and of none, the newest first."""
        return self._read(lambda c: list(answers.of_deployment(c, workspace, deployment, limit)))

    def inputs_of_deployment(self, workspace: str, deployment: str, limit: int) -> list[Inputs]:
        """Return what the last calls of one deployment in one workspace were asked, the newest first."""
        return self._read(lambda c: list(answers.inputs_of(c, workspace, deployment, limit)))

    def deployment_names(self) -> list[tuple[str, str]]:
        """Return every (deployment, workspace) of which an answer is kept, by name."""
        return self._read(answers.deployment_names)

    def requests_on(self, workspace: str, now: datetime) -> int:
        """Return how many requests were sent to a workspace on the day (UTC) of `now`, by whatever kernel."""
        return self._read(lambda c: request_ledger.on_day(c, workspace, now))

    def requests_made(self) -> int:
        """Return how many requests were ever sent, to whatever workspace."""
        return self._read(request_ledger.total)

    def count_forgotten(self, batch: str, keys: Iterable[str]) -> int:
        """Return of how many of these jobs of a batch, by its name, the answers were removed."""
        wanted = list(keys)
        return self._read(lambda c: forgotten.count(c, batch, wanted))

    def seconds_of(self, workspace: str, deployment: str, limit: int = 50) -> list[float]:
        """Return how long the last completed calls of a deployment took, in seconds, the newest first."""
        return self._read(lambda c: answers.seconds_of(c, workspace, deployment, limit))

    # --- batches

    def batch(self, name: str, workspace: str) -> BatchRecord | None:
        """Return what a batch's name stands for, if it is known."""
        return self._read(lambda c: batches.find(c, name, workspace))

    def batch_by_id(self, batch_id: int) -> BatchRecord | None:
        """Return the batch of that number; ``None`` when it was forgotten."""
        return self._read(lambda c: batches.by_id(c, batch_id))

    def batches_before(self, name: str, workspace: str) -> list[int]:
        """Return the numbers of the batches that had a name before another table took it, the newest first."""
        return self._read(lambda c: batches.before(c, name, workspace))

    def batches_named(self, name: str) -> list[BatchRecord]:
        """Return the batches of that name in all workspaces, the newest first."""
        return self._read(lambda c: list(batches.named(c, name)))

    def batches(self) -> list[BatchRecord]:
        """Return all batches, the newest first."""
        return self._read(lambda c: list(batches.every(c)))

    def newest_batches(self, limit: int = 100, *, deployment: str | None = None) -> list[tuple[BatchRecord, datetime]]:
        """Return the last batches, each with the time of its last answer (UTC), the newest first."""
        return self._read(lambda c: list(batches.newest(c, limit, deployment=deployment)))

    def counts_of_batch(self, record: BatchRecord) -> dict[str, int]:
        """Return how many jobs of a batch have which status, each by its newest answer, in the store or a part."""

        def counts(connection: sqlite3.Connection) -> dict[str, int]:
            found = answers.counts_of_batch(connection, record.id)
            if kept := record.plan.get("parts"):
                plans = {plan for plan, *_ in kept["partitions"]}
                of_parts = parts.counts(connection, record.workspace, record.name, plans, anywhere=kept["anywhere"])
                found = {status: found.get(status, 0) + of_parts.get(status, 0) for status in found | of_parts}
            return found

        return self._read(counts)

    def claims_of_batch(self, batch: int) -> dict[str, str]:
        """Return the jobs of a batch that somebody claims: key -> owner."""
        return self._read(lambda c: claims.of_batch(c, batch))

    def claims_on(self, keys: Iterable[str]) -> list[tuple[int, str, str, float]]:
        """Return what is claimed of these jobs: (number of the batch, key, owner, when: seconds since 1970, UTC)."""
        wanted = list(keys)
        return self._read(lambda c: claims.on_keys(c, wanted))

    def pending_of(self, batch_ids: Sequence[int]) -> list[PendingLine]:
        """Return the runs of these batches that are waited for, the oldest first."""
        return self._read(lambda c: [line for batch in batch_ids for line in pending.every(c, batch=batch)])

    # --- answers in files

    def has_parts(self, workspace: str) -> bool:
        """Whether answers of a workspace lie in Parquet files."""
        return self._read(lambda c: parts.is_any(c, workspace))

    def keys_of_answers(self, workspace: str, *, batches: Sequence[int] | None) -> bytes:
        """Return the keys of jobs that were answered or claimed, 32 bytes each, behind each other.

        Of these batches, with the answers that they use; ``None`` is all, and single runs. A key may come twice.
        """
        return self._read(lambda c: answers.keys_of(c, workspace, batches=batches))

    # --- workspaces

    def workspaces(self) -> list[WorkspaceLine]:
        """Return what is kept of each workspace, the one with the newest answer first."""
        return self._read(workspace_copy.every)

    def workspaces_of_host(self, origin: str, deployments: Iterable[str], *, without: str, limit: int) -> list[str]:
        """Return the other workspaces of one host that answered one of these deployments, the newest first."""
        return self._read(lambda c: workspace_copy.of_host(c, origin, deployments, without=without, limit=limit))

    def count_not_copied(self, source: str, target: str) -> int:
        """Return how many completed answers of one workspace another one has no copy of."""
        return self._read(lambda c: workspace_copy.count_not_copied(c, source, target))

    def there(self, ids: Iterable[int]) -> set[int]:
        """Return which of these answers are kept still."""
        wanted = list(ids)
        return self._read(lambda c: answers.there(c, wanted))

    def completed_of(self, keys: Iterable[str], *, since: datetime | None = None) -> set[str]:
        """Return which of these jobs have a completed answer, of any batch or none, that was kept since then."""
        wanted = list(keys)
        return self._read(lambda c: answers.completed_of(c, wanted, since=since))

    def open_calls(self, batch: int) -> list[OpenCall]:
        """Return the calls of one batch that may have run and have no outcome."""
        return self._read(lambda c: workspace_copy.open_calls(c, batch))

    def used_by(self, batch: int) -> list[int]:
        """Return the numbers of the answers of others that one batch uses."""
        return self._read(lambda c: workspace_copy.used_by(c, batch))

    # --- jobs and rows

    def jobs_of(self, batch_id: int, *, window: int = 1_000) -> Iterator[list[JobLine]]:
        """Yield the jobs of one batch in the plan's order, `window` at a time."""
        after = (-1, 0, 0)
        while True:
            found = self._read(lambda c, after=after: list(jobs.of_batch(c, batch_id, after=after, limit=window)))  # type: ignore[misc]  # bound at once
            if not found:
                return
            yield found
            after = (found[-1].position, found[-1].repeat, found[-1].arm)

    def sent_of(self, batch_id: int) -> Iterator[tuple[int, int, str]]:
        """Yield position, arm and inputs of the jobs of one batch, in the plan's order."""
        after = (-1, 0, 0)
        while found := self._read(lambda c, after=after: jobs.sent(c, batch_id, after=after)):  # type: ignore[misc]  # bound at once
            yield from ((position, arm, inputs) for position, _, arm, inputs in found)
            after = found[-1][:3]

    def count_jobs(self, batch_id: int) -> int:
        """Return how many jobs of one batch are kept."""
        return self._read(lambda c: jobs.count(c, batch_id))

    def jobs_at(self, batch_id: int, positions: Iterable[int]) -> list[JobLine]:
        """Return the jobs of the rows at these places of one batch, in the plan's order."""
        wanted = list(positions)
        return self._read(lambda c: list(jobs.at_positions(c, batch_id, wanted)))

    def rows_of(self, batch_id: int, positions: Iterable[int]) -> dict[int, RowLine]:
        """Return the rows at these places of one batch, by place."""
        wanted = list(positions)
        return self._read(lambda c: {line.position: line for line in rows.of_positions(c, batch_id, wanted)})

    def count_rows(self, batch_id: int) -> int:
        """Return how many rows of one batch are kept."""
        return self._read(lambda c: rows.count(c, batch_id))

    def labels_of(self, batch_id: int) -> dict[int, str]:
        """Return the labels of one batch's rows as JSON, by place."""
        return self._read(lambda c: rows.labels(c, batch_id))

    # --- scores

    def scores_by(
        self, scorer: str, answer_ids: Iterable[int]
    ) -> list[tuple[list[tuple[int, str]], float | None, str | None]]:
        """Return what one version of a scorer said of these answers, as :func:`scores.known` tells it."""
        wanted = list(answer_ids)
        return self._read(lambda c: list(scores.known(c, scorer, wanted)))

    def plain_scores_by(self, scorer: str, contents: Iterable[str]) -> list[tuple[list[str], float | None, str | None]]:
        """Return what one version of a scorer said of these lines of tables, as :func:`scores_plain.known` tells it."""
        wanted = list(contents)
        return self._read(lambda c: list(scores_plain.known(c, scorer, wanted)))

    def scores_of(self, answer_ids: Iterable[int]) -> list[tuple[int, str, float | None, str]]:
        """Return (answer, scorer, score, parts as JSON) for all scores of these answers."""
        wanted = list(answer_ids)
        return self._read(lambda c: list(scores.of_answers(c, wanted)))

    # --- ratings

    def ratings_of(self, items: Iterable[str]) -> list[RatingLine]:
        """Return the ratings of these items, also those taken back, the oldest first."""
        wanted = list(items)
        return self._read(lambda c: list(ratings.of_items(c, wanted)))

    def ratings_of_batch(self, batch: str | None = None, workspace: str | None = None) -> list[RatingLine]:
        """Return the ratings of one batch's outputs, or all of them, the oldest first."""
        return self._read(lambda c: list(ratings.of_batch(c, batch, workspace)))
