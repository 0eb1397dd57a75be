"""Files of answers removed for good: the side of `fh.forget` that lies outside of the store.

Rule of this file: files go before their lines, so that an error leaves something to try again. What a batch left in its
folder without a line (a part whose notebook had gone, half a file), and on this machine's disk, goes with it.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from fh_notebook.errors import StoreError
from fh_notebook.scaling import parts
from fh_notebook.scaling.places import scratch, store_name
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.forgetting import Which
from fh_notebook.store.store import Store

__all__ = ["forget_files"]

SHOWN: Final = 3


def forget_files(store: Store, which: Which) -> None:
    """Remove the files of what is to be forgotten.

    Raises
    ------
    StoreError
        Some of them cannot be removed; the store still knows of them.
    """
    left = [path for path in store.parts_to_forget(which) if not _removed(path)]
    if which.before is None:  # of files without a line nobody knows their time
        for record in store.batches.every():
            if "parts" in record.plan and _fits(record, which):
                left += _rest_of(record, store.parts.every_path())
    if left:
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        raise StoreError(f"cannot remove {', '.join(left[:SHOWN])}{more}; remove them yourself, then forget once more")


def _fits(record: BatchRecord, which: Which) -> bool:
    return (
        which.batch in (None, record.name)
        and which.deployment in (None, record.deployment)
        and which.workspace in (None, record.workspace)
    )


def _rest_of(record: BatchRecord, known: Collection[str]) -> list[str]:
    """Remove what else a batch has left, but for files that are `known` of others; return what cannot be removed."""
    kept = record.plan["parts"]
    for plan, *_ in kept["partitions"]:
        _remove_here(store_name(record.workspace, record.name, bytes.fromhex(plan)))
    left: list[str] = []
    with suppress(OSError):
        found = parts.leftovers_in(kept["folder"], record.workspace, record.name)
        left += [path for path in found if path not in known and not _removed(path)]
        parts.remove_folder(kept["folder"])
    return left


def _remove_here(name: str) -> None:
    """Remove the stores of a partition that a killed worker left on this machine."""
    folder = scratch()
    for entry in os.listdir(folder) if os.path.isdir(folder) else ():
        if entry.startswith(name) and not entry.endswith("-owners"):
            with suppress(OSError):
                os.unlink(os.path.join(folder, entry))


def _removed(path: str) -> bool:
    parts.remove(path)
    try:
        return not parts.exists(path)
    except Exception:  # a place that nobody reaches now, by whatever its file system raises
        return False
