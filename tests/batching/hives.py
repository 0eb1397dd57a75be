"""Hives that the tests of batches call: real ones, which count their calls and can be held."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fh_notebook.local import LocalHive

KEY = "fhk_0123456789abcdef"
PATIENCE_S = 90.0


class Shouting:
    """A hive with ``shout`` in two variants, which counts what ran.

    A text ``bad ...`` fails in the variant ``loud``.
    """

    def __init__(self, **options: Any) -> None:
        self.hive = LocalHive(**options)
        self.ran: Counter[tuple[str, str]] = Counter()

        @self.hive.workflow("shout", variant="loud")
        def loud(text: str, times: int = 1) -> str:
            self.ran["loud", text] += 1
            if text.startswith("bad"):
                raise RuntimeError(f"cannot shout {text}")
            return text.upper() * times

        @self.hive.workflow("shout", variant="soft")
        def soft(text: str, times: int = 1) -> str:
            self.ran["soft", text] += 1
            return text.lower() * times

    @property
    def calls(self) -> int:
        return self.ran.total()


class Permits:
    """A semaphore that is first come, first served: of `threading`'s, who comes just then takes what a waiter was given."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = 0
        self._waiting: deque[threading.Event] = deque()

    def acquire(self) -> None:
        """Wait for a permit, behind those who wait already."""
        with self._lock:
            if self._free:
                self._free -= 1
                return
            permitted = threading.Event()
            self._waiting.append(permitted)
        permitted.wait()

    def release(self, permits: int = 1) -> None:
        """Give them to those who wait longest, else to who comes next."""
        with self._lock:
            for _ in range(permits):
                if self._waiting:
                    self._waiting.popleft().set()
                else:
                    self._free += 1


class Held:
    """A hive whose workflow waits until it is let go, and says when it began."""

    def __init__(self, **options: Any) -> None:
        self.hive = LocalHive(**options)
        self.began: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.go = Permits()
        self.ran: Counter[str] = Counter()

        @self.hive.workflow("held", variant="v")
        def held(text: str) -> str:
            self.ran[text] += 1
            self.began.put(text)
            self.go.acquire()
            return text.upper()

    def wait_for(self, calls: int) -> set[str]:
        """Wait until so many calls have begun, and return which."""
        return {self.began.get(timeout=PATIENCE_S) for _ in range(calls)}

    def let_go(self, calls: int = 1000) -> None:
        for _ in range(calls):
            self.go.release()

    @contextmanager
    def freed(self) -> Iterator[Held]:
        """Let everything go at the end, whatever happened: threads of the hive must not outlive the test."""
        try:
            yield self
        finally:
            self.let_go()


def until(condition: Any) -> None:
    """Wait until `condition()` holds; fail when it does not in good time."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not come true in good time"
        time.sleep(0.005)


def rows(number: int) -> list[dict[str, Any]]:
    return [{"text": f"t{i}"} for i in range(number)]
