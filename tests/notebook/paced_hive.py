"""A hive of the test's process on a socket, whose calls end one by one, when the test lets them."""

from __future__ import annotations

import threading

from fh_notebook.local import LocalHive

KEY = "fhk_0123456789abcdef"
PATIENCE_S = 90.0


class PacedHive(LocalHive):
    """Deployment ``paced``, variant ``v``: a text that begins with ``bad`` fails, once it may end."""

    def __init__(self) -> None:
        super().__init__(api_key=KEY)
        self.began = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.ended = threading.Event()

        @self.workflow("paced", variant="v")
        def paced(text: str) -> str:
            self.began.release()
            while not self.ended.is_set() and not self.go.acquire(timeout=0.05):
                pass
            if text.startswith("bad"):
                raise RuntimeError(f"{text} is not to be had")
            return f"said {text}"

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
