"""On a worker: the garbage collector leaves alone what was there before a partition.

Rule of this file: nothing is lost by it. A worker of Dask holds some 150,000 objects (``dask.dataframe``, pandas,
distributed) that live as long as it does; a partition makes as many again, and each full collection goes over all of
them: measured, a twentieth of a row's cost. So what lives is set aside (`gc.freeze`) while a partition is run, and is
looked at again after it. Reference counts free as ever; only rings of garbage from before wait until then.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["calm"]

_lock = threading.Lock()
_calm = 0


@contextmanager
def calm() -> Iterator[None]:
    """Have what there is now not looked at by the collector while the block, or another thread's, runs."""
    global _calm
    with _lock:
        _calm += 1
        gc.freeze()
    try:
        yield
    finally:
        with _lock:
            _calm -= 1
            if not _calm:
                gc.unfreeze()
