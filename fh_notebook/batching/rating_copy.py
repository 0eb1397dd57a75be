"""Ratings of a batch's outputs as they are kept of its copy in another workspace.

A rating names what was read by a hash, in which the keys of the runs are: the copy names it by the keys of the target.
Rule of this file: a hash is made anew only where the old one is found again, so what was rated is what the copy shows;
a rating of an output that is not kept stays with the source alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import product
from typing import Any, NamedTuple

from fh_notebook.batching.labels import label_of
from fh_notebook.batching.rating_hash import item_of
from fh_notebook.store.damage import json_of
from fh_notebook.store.ratings import RatingLine
from fh_notebook.store.store import Store
from fh_notebook.store.workspace_copy import BatchCopy

__all__ = ["copied_ratings"]


class _Read(NamedTuple):
    """One output that may have been rated."""

    position: int
    """Of its row, in the source."""
    variant: str
    key: str
    output: Any


def copied_ratings(store: Store, copy: BatchCopy, batch: int) -> list[RatingLine]:
    """Return the ratings of a batch as they are to be kept of its copy, the batch of that number.

    Their names (`uid`) are made of those of the ratings, so that a second copy is the same line.
    """
    lines = store.ratings.of_batch(copy.source.name, copy.source.workspace)
    if not lines:
        return []
    outputs = _outputs(store, copy)
    labels = {
        place: label_of(json_of(label, object, "a row")) for place, label in store.rows.labels(copy.source.id).items()
    }
    there = {place: label_of(json_of(label, object, "a row")) for place, label in store.rows.labels(batch).items()}
    found = []
    for line in lines:
        row = json_of(line.row, object, "a rating")
        for read in _candidates(line, [place for place, label in labels.items() if label == row], outputs):
            if item_of(row, [(one.variant, one.key, one.output) for one in read]) == line.item:
                new_row = there.get(copy.places[read[0].position], row)
                item = item_of(new_row, [(one.variant, copy.keys[one.key], one.output) for one in read])
                uid = sha256(f"{line.uid} {copy.record.workspace}".encode()).hexdigest()[:32]
                found.append(
                    replace(
                        line,
                        uid=uid,
                        item=item,
                        batch=copy.record.name,
                        workspace=copy.record.workspace,
                        row=json.dumps(new_row),
                    )
                )
                break
    return found


def _candidates(
    line: RatingLine, places: list[int], outputs: Mapping[tuple[int, str], list[_Read]]
) -> Iterator[tuple[_Read, ...]]:
    """Yield what a rating may be of: the outputs of its row, of one variant or of each two."""
    variants = [line.a] if line.b is None else [line.a, line.b]
    for place in places:
        yield from product(*(outputs.get((place, variant), ()) for variant in variants))


def _outputs(store: Store, copy: BatchCopy) -> dict[tuple[int, str], list[_Read]]:
    """Return the outputs of a batch's rows that are copied, by place and variant; the newest of each job first."""
    labels = [label for label, _, _ in copy.source.plan.get("arms", ())]
    by_key: dict[str, list[Any]] = {}
    for window in store.jobs.windows(copy.source.id):
        ids = [seen.id for seen in store.answers.seen({job.key for job in window}, batches=[copy.source.id])]
        kept = store.answers.by_ids(ids)
        for answer in (kept[number] for number in dict.fromkeys(ids) if number in kept):
            if answer.status == "completed":
                by_key.setdefault(answer.key, []).append(answer.run.output)
    found: dict[tuple[int, str], list[_Read]] = {}
    for window in store.jobs.windows(copy.source.id):
        for job in window:
            if job.key in copy.keys:
                reads = [_Read(job.position, labels[job.arm], job.key, output) for output in by_key.get(job.key, ())]
                found.setdefault((job.position, labels[job.arm]), []).extend(reads)
    return found
