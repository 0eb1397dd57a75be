"""On a worker: the garbage collector leaves alone what was there before a large partition.

Rule of this file: nothing is lost by it, and nothing is left behind. A worker of Dask holds some 150,000 objects
(``dask.dataframe``, pandas, distributed) that live as long as it does; a partition makes as many again, and each full
collection goes over all of them: measured, a twentieth of a row's cost. So there is one collection before a partition,
and what lives then is set aside (`gc.freeze`) until it has ended. Reference counts free as ever.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["calm"]

WORTH_ROWS: Final = 5_000
"""In a smaller partition the one collection costs more than those that it spares."""

_lock = threading.Lock()
_calm = 0


@contextmanager
def calm(rows: int) -> Iterator[None]:
    """Have what there is now not looked at by the collector while the block, or another thread's, runs."""
    global _calm
    if rows < WORTH_ROWS:
        yield
        return
    with _lock:
        _calm += 1
        if _calm == 1:
            gc.collect()  # else the rings of garbage that the last partition left are kept with what lives
            gc.freeze()
    try:
        yield
    finally:
        with _lock:
            _calm -= 1
            if not _calm:
                gc.unfreeze()
