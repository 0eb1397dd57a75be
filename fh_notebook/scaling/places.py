"""Where a partition keeps what it has: its part in the folder that all share, its store on this machine while it runs.

Rule of this file: a store is named by what its partition asks, so that another attempt on this machine finds it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from fh_notebook.audience import Message, option
from fh_notebook.errors import SettingsError
from fh_notebook.filelock import is_at, share, try_lock
from fh_notebook.scaling import parts
from fh_notebook.scaling.spec import Spec, Task
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.store import Store

__all__ = [
    "begun_in",
    "check_folder",
    "opened_store",
    "part_path",
    "parts_of_plan",
    "scratch",
    "store_name",
    "store_path",
]


def scratch() -> str:
    """Return the folder of this machine in which the stores of running partitions lie, for their owner only."""
    owner = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return os.path.join(tempfile.gettempdir(), f"fh-notebook-{owner}")


def part_path(spec: Spec, task: Task) -> str:
    """Return where the part of a partition lies."""
    return f"{spec.folder}/part-{task.number:06d}-{task.plan.hex()[:16]}-{spec.run}.parquet"


def parts_of_plan(spec: Spec, task: Task) -> list[str]:
    """Return the parts in the folder that hold answers to the jobs of a partition, by their names."""
    return [path for path in parts.names_in(spec.folder) if f"-{task.plan.hex()[:16]}-" in path.rsplit("/", 1)[-1]]


def store_name(workspace: str, batch: str, plan: bytes) -> str:
    """Return how the names of a partition's stores begin."""
    return sha256(f"{workspace} {batch} {plan.hex()}".encode()).hexdigest()[:24]


def store_path(folder: str, spec: Spec, task: Task) -> Path:
    """Return where the store of a partition lies on this machine."""
    # What calls anew has a store of its own; what goes on finds that which was left.
    own = spec.run if spec.retry else spec.anew
    return Path(folder) / f"{store_name(spec.workspace, spec.name, task.plan)}{own and f'-{own}'}.sqlite3"


@contextmanager
def opened_store(path: Path) -> Iterator[Store]:
    """Hold the store of a partition for a block, at the end of which it is merged.

    Whoever leaves it last removes it: another process may run the same partition (one that has lost its notebook), and
    what that keeps in a file without a name would end with it. Where the block raises, the store stays.

    Raises
    ------
    SettingsError
        Its folder, the name of which anybody can tell, was made by somebody else before.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = path.parent.lstat()
    if hasattr(os, "getuid") and not (stat.S_ISDIR(made.st_mode) and made.st_uid == os.getuid()):
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


def begun_in(store: Store, spec: Spec) -> BatchRecord:
    """Return the batch in the store of one of its partitions, begun if need be.

    Its plan says by which round it was begun, and the name under which the notebook counts what is sent: whoever goes
    on with the store of a worker that was killed counts on.
    """
    found = store.batches.find(spec.name, spec.workspace)
    if found is None or "attempt" not in found.plan:
        plan = {"attempt": uuid4().hex[:12], "run": spec.run}
        record = BatchRecord(
            name=spec.name,
            workspace=spec.workspace,
            deployment="",
            variants=(),
            created_at=datetime.now(UTC),
            plan=plan,
        )
        found = replace(record, id=store.batches.keep(record).result())
    return found


def check_folder(spec: Spec) -> None:
    """Raise unless this worker sees the folder of the parts.

    Raises
    ------
    SettingsError
        It does not.
    """
    if not parts.has_mark(spec.folder):
        told = (
            "a worker does not see {}; give {} a folder that you and every worker share, such as a network drive or an "
            "address like s3://bucket/folder"
        )
        raise SettingsError(Message(told, (str(spec.folder), option("parts", ...))))
