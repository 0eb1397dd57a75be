"""Flag: set by one thread, waited for by others; an interrupt ends the wait.

Rule of this file: a wait is one call of C. That of `threading.Event` is Python with a lock beneath: an interrupt that
comes between two of its steps lets go of a lock that is not held (``RuntimeError: release unlocked lock``, in place of
the `KeyboardInterrupt`), or keeps one for ever.
"""

from __future__ import annotations

import threading

__all__ = ["Flag"]


class Flag:
    """Set once, and then for good.

    Examples
    --------
    >>> flag = Flag()
    >>> flag.wait(0.001)
    False
    >>> flag.set()
    >>> flag.wait(0.001), flag.is_set()
    (True, True)
    """

    __slots__ = ("_is_set", "_lock")

    def __init__(self) -> None:
        self._is_set = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Set it, from any thread; a second time changes nothing."""
        if not self._is_set:
            self._is_set = True
            self._lock.release()

    def wait(self, timeout: float = -1) -> bool:
        """Wait until it is set, at most `timeout` seconds, and return whether it is.

        An interrupt can leave the lock with one who waited: others see the flag when they look up, so several must not
        wait without a `timeout`.
        """
        if not self._is_set and self._lock.acquire(timeout=timeout):
            self._lock.release()  # for the next who waits
        return self._is_set
