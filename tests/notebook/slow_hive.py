"""A hive of the test's process on a socket, with a workflow that runs until the test lets it end."""

from __future__ import annotations

import threading

from fh_notebook.local import LocalHive

KEY = "fhk_0123456789abcdef"
PATIENCE_S = 90.0


class SlowHive(LocalHive):
    """Deployment ``echo``: ``plain`` and ``plain2`` answer at once, ``slow`` is held, ``lasting`` takes 1.5 s."""

    def __init__(self, api_key: str | None = KEY) -> None:
        super().__init__(api_key=api_key)
        self.began = threading.Semaphore(0)
        self.hold = threading.Event()

        @self.workflow("echo", variant="plain")
        @self.workflow("echo", variant="plain2")
        def plain(text: str) -> str:
            return f"said {text}"

        @self.workflow("echo", variant="slow")
        def slow(text: str) -> str:
            self.began.release()
            self.hold.wait(300)
            return text

        @self.workflow("echo", variant="lasting")
        def lasting(text: str) -> str:
            self.hold.wait(1.5)
            return "lasted 1.5 s"

    def wait_for(self, calls: int) -> None:
        """Wait until so many more slow calls have begun."""
        for _ in range(calls):
            assert self.began.acquire(timeout=PATIENCE_S), "a slow call did not begin"
