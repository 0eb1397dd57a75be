"""Every kind of file that is written from kept answers, each by its public function."""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Final

import fh_notebook as fh
from tests.batching.hives import Shouting

KINDS: Final = (
    ".csv", ".csv.gz", ".tsv", ".xlsx", ".parquet", ".fhb", ".ndjson", ".jsonl", ".jsonl.gz", ".sqlite3", ".report.html",
    ".report.md", ".report.xlsx", ".yaml",
)  # fmt: skip
PRIVATE: Final = (".fhb", ".jsonl", ".jsonl.gz", ".sqlite3")
"""For their owner only, whatever the umask says: a batch that is handed over, and what ``fh.store.export`` writes."""


def made_batch() -> fh.Batch:
    """Return a batch with answers in this process's store."""
    client = _hive().hive.client()
    return fh.batch(
        [{"text": f"t{i}"} for i in range(4)],
        "shout",
        variants=["loud", "soft"],
        client=client,
        progress=False,
        name="b",
    )


@cache
def _hive() -> Shouting:
    return Shouting(name="exporting")


def write(kind: str, batch: fh.Batch, path: str | os.PathLike[str]) -> None:
    """Write the file."""
    ways: dict[str, Any] = {
        ".csv": batch.to_csv,
        ".csv.gz": batch.to_csv,
        ".tsv": batch.to_csv,
        ".xlsx": batch.to_excel,
        ".parquet": batch.to_parquet,
        ".ndjson": batch.to_jsonl,
        ".fhb": batch.to_fhb,
        ".yaml": fh.Deployment("shout", variants=["loud"]).save,
    }
    if kind.startswith(".report"):
        fh.compare(batch).report(path)
    else:
        ways.get(kind, fh.store.export)(path)
