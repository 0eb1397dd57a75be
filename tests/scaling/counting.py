"""A hive that counts what runs in it, and how much of that at once; and clusters of real processes."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

import fh_notebook as fh
from fh_notebook.local import LocalHive

KEY = "fhk_c0ffee0123456789abcdef"
PATIENCE_S = 180.0


class Counting:
    """A hive with ``shout`` in two variants; a text ``bad ...`` fails in the variant ``loud``."""

    def __init__(self, *, takes_s: float = 0.0, **options: Any) -> None:
        self.hive = LocalHive(api_key=KEY, **options)
        self.ran: Counter[tuple[str, str]] = Counter()
        self.now = self.most = 0
        self.times: list[float] = []
        self.takes_s = takes_s
        self.held: threading.Event | None = None
        """Where it is set, no call ends before it."""
        self._lock = threading.Lock()

        @self.hive.workflow("shout", variant="loud")
        def loud(text: str) -> str:
            self._one("loud", text)
            if text.startswith("bad"):
                raise RuntimeError(f"cannot shout {text}")
            return text.upper()

        @self.hive.workflow("shout", variant="parts")
        def in_parts(text: str) -> dict[str, Any]:
            self._one("parts", text)
            return {"length": len(text), "letters": sorted(set(text))}

    def _one(self, variant: str, text: str) -> None:
        with self._lock:
            self.ran[variant, text] += 1
            self.times.append(time.monotonic())
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.takes_s)
        if self.held is not None:
            self.held.wait(PATIENCE_S)
        with self._lock:
            self.now -= 1

    @property
    def calls(self) -> int:
        return self.ran.total()


def texts(number: int, prefix: str = "t") -> pd.DataFrame:
    return pd.DataFrame({"text": [f"{prefix}{i}" for i in range(number)]})


def until(condition: Any) -> None:
    """Wait until `condition()` holds; fail when it does not in good time."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not come true in good time"
        time.sleep(0.02)


@contextmanager
def cluster(workers: int, folder: Path, **config: Any) -> Iterator[tuple[Any, Any]]:
    """Start a cluster of real processes; give it and a client of it. Its workers have no key of their own.

    They are forks of one process that has imported Dask, where `config` says nothing else: each would take two seconds of
    CPU for it. That process has the environment of the first cluster, so each worker is given that of its own.
    """
    import dask
    from distributed import Client, LocalCluster

    settings = {
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.scheduler.locks.lease-timeout": "2s",
        "distributed.scheduler.locks.lease-validation-interval": "200ms",
        "distributed.worker.memory.spill": 0.7,
        "distributed.comm.timeouts.connect": "120s",  # on a machine that is busy with others, workers begin late
        "distributed.comm.timeouts.tcp": "120s",
        "temporary-directory": str(folder),
        **config,
    }
    environment = {"TMPDIR": str(folder), "DASK_DISTRIBUTED__SCHEDULER__LOCKS__LEASE_TIMEOUT": "2s"}
    with (
        _environment(environment),
        dask.config.set(settings),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            local_directory=str(folder),
            env=dict(os.environ),
        ) as made,
        Client(made, timeout=120) as client,
    ):
        yield made, client


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def begun_in_a_pause(batch: fh.Batch) -> Any:
    """Go on with a batch that is paused while it is still being noted, before its round; return what unpauses it."""
    control: Any = batch._control
    noted = control.work._register

    def note() -> None:
        heard = threading.Event()
        batch.pause()
        control._task[0].call_soon_threadsafe(heard.set)
        heard.wait(PATIENCE_S)
        noted()

    control.work._register = note
    batch.resume(wait=False)
    return control
