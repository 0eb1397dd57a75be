"""Scores of saved batches: each call once, with its row, whichever batches have its answer.

Rule of this file: it reads. An answer that a later batch has reused is the call of the day on which it was made, and
counts there only. A row is identified by its inputs, never by its position in a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.history.reopen import batch_of
from fh_notebook.batching.status import Caller
from fh_notebook.comparing.scorers.observations import Observation, read_observations
from fh_notebook.session import session
from fh_notebook.store.store import Store
from fh_notebook.store.tables.batches import BatchRecord


def open_to_read(store: Store, record: BatchRecord) -> Batch:
    """Return a saved batch that calls nothing."""
    reader = Caller(
        workspace=record.workspace,
        limiter=session.limiter(record.workspace),
        refusal=f"it was opened for reading only; fh.open_batch({record.name!r}) opens it to continue",
    )
    return batch_of(store, record, reader)


def labels_of(record: BatchRecord, deployment: str) -> dict[str, str]:
    """Return the variants of a deployment in a batch, by their labels there; empty where there is none."""
    return {label: variant for label, of, variant in record.plan.get("arms", ()) if of == deployment}


def distinct_calls(batches: Iterable[tuple[Batch, Mapping[str, str]]]) -> Iterator[Observation]:
    """Yield the runs of these batches, each answer once, under labels that tell the rows of all batches apart."""
    seen: set[int] = set()
    for number, (batch, variants) in enumerate(batches):
        for observation in read_observations(batch, pair_on="row"):
            if observation.variant not in variants or observation.run is None or observation.line in seen:
                continue
            if observation.line:
                seen.add(observation.line)
            pair = f"{number} {observation.pair}"
            yield replace(observation, pair=pair, variant=variants[observation.variant])
