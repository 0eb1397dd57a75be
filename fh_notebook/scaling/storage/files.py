"""Files of a partition: the path of its part in the shared folder, its temporary store on this machine, and their
removal.

A temporary store is named after the calls of its partition, so another attempt on this machine finds it.

``fh.forget`` removes files before their lines in the store, so after an error it can be tried again. It also removes
what a batch left without a line (a part whose notebook is gone, half a file), in its folder and on this machine.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

from fh_notebook.core.files import is_at, share, try_lock
from fh_notebook.core.text.messages import Message, option
from fh_notebook.errors import SettingsError, StoreError
from fh_notebook.scaling.protocol import BatchSpec, PartitionTask
from fh_notebook.scaling.storage import parts
from fh_notebook.store.retention import ForgetFilter
from fh_notebook.store.store import Store
from fh_notebook.store.tables.batches import BatchRecord


def scratch() -> str:
    """Return the folder of this machine in which the stores of running partitions lie, for their owner only."""
    owner = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return os.path.join(tempfile.gettempdir(), f"fh-notebook-{owner}")


def part_path(spec: BatchSpec, task: PartitionTask) -> str:
    """Return where the part of a partition lies."""
    return f"{spec.folder}/part-{task.number:06d}-{task.plan.hex()[:16]}-{spec.run}.parquet"


def parts_of_plan(spec: BatchSpec, task: PartitionTask) -> list[str]:
    """Return the parts in the folder that hold answers to the jobs of a partition, by their names."""
    return [path for path in parts.names_in(spec.folder) if f"-{task.plan.hex()[:16]}-" in path.rsplit("/", 1)[-1]]


def store_name(workspace: str, batch: str, plan: bytes) -> str:
    """Return how the names of a partition's stores begin."""
    return sha256(f"{workspace} {batch} {plan.hex()}".encode()).hexdigest()[:24]


def store_path(folder: str, spec: BatchSpec, task: PartitionTask) -> Path:
    """Return where the store of a partition lies on this machine."""
    # What calls anew has a store of its own; what goes on finds that which was left.
    suffix = spec.run if spec.retry else spec.anew
    return Path(folder) / f"{store_name(spec.workspace, spec.name, task.plan)}{suffix and f'-{suffix}'}.sqlite3"


@contextmanager
def opened_store(path: Path) -> Iterator[Store]:
    """Hold the store of a partition for a block, at the end of which it is merged.

    Whoever leaves it last removes it: another process may run the same partition (one that has lost its notebook), and
    what that keeps in a file without a name would end with it. Where the block raises, the store stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = path.parent.lstat()
    if hasattr(os, "getuid") and not (stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()):
        raise SettingsError(f"{path.parent} is not a folder of your own; remove it, or set TMPDIR where this runs")
    in_use = path.with_name(f"{path.name}-in-use")
    descriptor = share(in_use)
    try:
        with Store(path).closing() as store:
            store.drop_history_indices()
            yield store
        if try_lock(descriptor) and is_at(in_use, descriptor):
            _remove(path, in_use)
    finally:
        os.close(descriptor)
        if os.name == "nt":  # where nothing is removed that is open
            with suppress(OSError):
                os.unlink(in_use)


def _remove(path: Path, in_use: Path) -> None:
    """Remove a store that nobody uses, and last the file whose lock says so: who comes now makes both anew."""
    for name in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        with suppress(OSError):
            os.unlink(name)
    owners = path.with_name(f"{path.name}-owners")
    with suppress(OSError):
        for lock in owners.iterdir():
            lock.unlink()
        owners.rmdir()
    with suppress(OSError):
        os.unlink(in_use)


def open_partition_batch(store: Store, spec: BatchSpec) -> BatchRecord:
    """Return the batch in the store of one of its partitions, begun if need be.

    Its plan says by which round it was begun, and the name under which the notebook counts what is sent: whoever goes
    on with the store of a worker that was killed counts on.
    """
    record = store.batches.find(spec.name, spec.workspace)
    if record is None or "attempt" not in record.plan:
        plan = {"attempt": uuid4().hex[:12], "run": spec.run}
        fresh = BatchRecord(
            name=spec.name,
            workspace=spec.workspace,
            deployment="",
            variants=(),
            created_at=datetime.now(UTC),
            plan=plan,
        )
        record = replace(fresh, id=store.batches.keep(fresh).result())
    return record


def check_folder(spec: BatchSpec) -> None:
    """Raise unless this worker sees the folder of the parts."""
    if not parts.has_mark(spec.folder):
        template = (
            "a worker cannot access {}; give {} a folder that you and every worker share, such as a network drive"
            " or an address like s3://bucket/folder"
        )
        raise SettingsError(Message(template, (str(spec.folder), option("parts", ...))))


PATHS_SHOWN: Final = 3


def forget_files(store: Store, selection: ForgetFilter) -> None:
    """Remove the files of what is to be forgotten."""
    left = [path for path in store.parts_to_forget(selection) if not _try_remove(path)]
    if selection.before is None:  # of files without a line nobody knows their time
        for record in store.batches.every():
            if "parts" in record.plan and _fits(record, selection):
                left += _rest_of(record, store.parts.every_path())
    if left:
        more = f" and {len(left) - PATHS_SHOWN} more" if len(left) > PATHS_SHOWN else ""
        raise StoreError(
            f"cannot remove {', '.join(left[:PATHS_SHOWN])}{more}; remove them yourself, then run this again"
        )


def _fits(record: BatchRecord, selection: ForgetFilter) -> bool:
    return (
        selection.batch in (None, record.name)
        and selection.deployment in (None, record.deployment)
        and selection.workspace in (None, record.workspace)
    )


def _rest_of(record: BatchRecord, known_paths: Collection[str]) -> list[str]:
    """Remove what else a batch has left, but for `known_paths` of others; return what cannot be removed."""
    stored_parts = record.plan["parts"]
    for plan, *_ in stored_parts["partitions"]:
        _remove_here(store_name(record.workspace, record.name, bytes.fromhex(plan)))
    left: list[str] = []
    with suppress(OSError):
        leftovers = parts.leftovers_in(stored_parts["folder"], record.workspace, record.name)
        left += [path for path in leftovers if path not in known_paths and not _try_remove(path)]
        parts.remove_folder(stored_parts["folder"])
    return left


def _remove_here(name: str) -> None:
    """Remove the stores of a partition that a killed worker left on this machine."""
    folder = scratch()
    for entry in os.listdir(folder) if os.path.isdir(folder) else ():
        if entry.startswith(name) and not entry.endswith("-owners"):
            with suppress(OSError):
                os.unlink(os.path.join(folder, entry))


def _try_remove(path: str) -> bool:
    parts.remove(path)
    try:
        return not parts.exists(path)
    except Exception:  # a place that nobody reaches now, by whatever its file system raises
        return False
