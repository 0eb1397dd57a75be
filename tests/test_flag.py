"""A flag between threads: set once, whoever sets it, and seen by all who wait."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from fh_notebook.flag import Flag

PATIENCE_S = 30.0


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that take turns at every step, nearly."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_many_may_set_it_at_once() -> None:
    """The second changes nothing, also where the first is not yet done; nobody's wait or set raises."""
    broken: list[BaseException] = []

    def guarded(call: object) -> None:
        try:
            assert callable(call)
            together.wait(PATIENCE_S)
            call()
        except BaseException as error:
            broken.append(error)

    for _ in range(200):
        flag, together = Flag(), threading.Barrier(6)
        calls = [flag.set] * 4 + [lambda flag=flag: flag.wait(PATIENCE_S)] * 2
        threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert (broken, flag.is_set(), flag.wait(0)) == ([], True, True)


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
