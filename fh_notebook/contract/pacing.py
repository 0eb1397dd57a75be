"""How many calls at once: the policy of the limiter as a pure value. The gate holds one and waits by it.

Facts behind it: plans admit 1 to 5 calls at once [docs], nothing tells which, and a call over the cap is refused with
429. So a pace begins at 2, doubles each round trip while it is really used, and the number in flight at the first
refusal, less the refused call, is the estimate of the cap. A later issue deepens this with probing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

__all__ = ["Pace"]

START: Final = 2
"""Calls at once before anything is known: on the smallest plan (1) this costs one refused call, once."""
CEILING: Final = 64
"""Adaptive growth ends here; more must be asked for by `max_concurrency`."""
CLEAN_BEFORE_GROWTH: Final = 32
"""Answers without a refusal before the learned cap is tried for one more: each try may cost a refused call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The present limit and what it was learned from. Methods return the next value.

    Examples
    --------
    >>> pace = Pace.adaptive()
    >>> pace.limit, pace.answered(in_flight=2).limit, pace.refused(in_flight=2).limit
    (2, 3, 1)
    """

    limit: int
    learned: bool = False
    """Whether a refusal has shown where the cap is."""
    clean: int = 0
    """Answers since the last refusal or growth, counted only while the limit was in use."""

    @classmethod
    def adaptive(cls) -> Pace:
        """Return the pace of a service that nothing is known of."""
        return cls(limit=START)

    def answered(self, *, in_flight: int) -> Pace:
        """Return the pace after an answer that was not a refusal, with `in_flight` calls out, that one included."""
        if in_flight < self.limit or self.limit >= CEILING:
            return self
        if not self.learned:  # one more an answer doubles the limit each round trip
            return replace(self, limit=self.limit + 1)
        if self.clean + 1 < CLEAN_BEFORE_GROWTH:
            return replace(self, clean=self.clean + 1)
        return replace(self, limit=self.limit + 1, clean=0)

    def refused(self, *, in_flight: int) -> Pace:
        """Return the pace after a 429 for concurrency, with `in_flight` calls out, the refused one included."""
        return replace(self, limit=max(1, min(self.limit, in_flight - 1)), learned=True, clean=0)
