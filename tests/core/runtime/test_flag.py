"""A flag between threads: set once, whoever sets it, and seen by all who wait."""

from __future__ import annotations

import threading

from fh_notebook.core.runtime.flag import Flag

PATIENCE_S = 30.0


def test_all_who_wait_see_it() -> None:
    """Without a timeout of their own, and one who comes late."""
    flag = Flag()
    seen: list[bool] = []
    threads = [threading.Thread(target=lambda: seen.append(flag.wait())) for _ in range(5)]
    for thread in threads:
        thread.start()
    flag.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (seen, flag.wait()) == ([True] * 5, True)
