"""Batches over partitions as lower layers see them: the functions of :class:`fh_notebook.views.Partitions`.

Rule of this file: no logic of its own. What makes a batch or a comparison is imported when one is made: answers in
files are read and removed without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fh_notebook.scaling.comparing import compare_scaled
from fh_notebook.scaling.forgetting import forget_files
from fh_notebook.scaling.opening import open_parts
from fh_notebook.scaling.start import scaled
from fh_notebook.scaling.taking import seen_in_parts as seen_in_files

if TYPE_CHECKING:
    from fh_notebook.audience import Audience
    from fh_notebook.batching.batch import Batch
    from fh_notebook.batching.control import BatchController
    from fh_notebook.batching.options import BatchOptions
    from fh_notebook.client.blocking import Client
    from fh_notebook.contract.deployment import Deployment
    from fh_notebook.scaling.comparing import ScaledComparison
    from fh_notebook.store.batches import BatchRecord
    from fh_notebook.store.store import Store

__all__ = ["batch_over_partitions", "compare", "forget_files", "open_batch", "seen_in_files"]


def batch_over_partitions(
    rows: Any,
    deployment: Deployment | str,
    options: BatchOptions,
    *,
    client: Client,
    store: Store | None,
    audience: Audience,
) -> tuple[Batch, BatchController]:
    """Return the batch of rows that are a Dask frame, or are run by Dask, and what starts it."""
    return scaled(rows, deployment, options, client=client, store=store, audience=audience)


def open_batch(store: Store, record: BatchRecord, client: Client) -> Batch:
    """Return the kept batch of a record."""
    return open_parts(store, record, client)


def compare(source: Any, *, score: Any, pair_on: str, failed: str) -> ScaledComparison:
    """Return the comparison of a batch or a frame over partitions."""
    return compare_scaled(source, score=score, pair_on=pair_on, failed=failed)
