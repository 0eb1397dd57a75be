"""A hive of the test's process on a socket, whose calls end one by one, when the test lets them."""

from __future__ import annotations

import threading

from fh_notebook.local import LocalHive

KEY = "fhk_0123456789abcdef"
PATIENCE_S = 90.0
QUIET_S = 0.5
"""How long nothing begins or ends before :meth:`PacedHive.let_go_until` lets another call end."""


class PacedHive(LocalHive):
    """Deployment ``paced``, variant ``v``: a text that begins with ``bad`` fails, once it may end."""

    def __init__(self) -> None:
        super().__init__(api_key=KEY)
        self.began = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.ended = threading.Event()
        self.inside = 0
        """How many calls have begun and not ended."""
        self._changed = threading.Condition()

        @self.workflow("paced", variant="v")
        def paced(text: str) -> str:
            self._count(1)
            self.began.release()
            try:
                while not self.ended.is_set() and not self.go.acquire(timeout=0.05):
                    pass
            finally:
                self._count(-1)
            if text.startswith("bad"):
                raise RuntimeError(f"{text} is not to be had")
            return f"said {text}"

    def _count(self, by: int) -> None:
        with self._changed:
            self.inside += by
            self._changed.notify_all()

    def let_go_until(self, inside: int) -> int:
        """Let calls end one by one until exactly `inside` are out and stay so, and return how many ended.

        For what reaches the callers by and by (a pause, another number at once): what they begin meanwhile ends too.
        """
        ended = 0
        with self._changed:
            for _ in range(1000):
                before = self.inside
                if self._changed.wait(QUIET_S) or self.inside != before:
                    continue
                if self.inside == inside:
                    while self.began.acquire(blocking=False):  # they have been waited for
                        pass
                    return ended
                if self.inside:
                    self.go.release()
                    ended += 1
        raise AssertionError(f"{self.inside} calls are out, not {inside}")

    def wait_for(self, calls: int) -> None:
        """Wait until so many more calls have begun."""
        for _ in range(calls):
            assert self.began.acquire(timeout=PATIENCE_S), "a call did not begin"

    def let_go(self, calls: int) -> None:
        """Let so many calls end: those that are out, then those that come."""
        self.go.release(calls)

    def none_begins(self) -> bool:
        """Whether no call has begun that the test has not waited for."""
        return not self.began.acquire(blocking=False)
