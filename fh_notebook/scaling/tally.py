"""One count over all workers: what is kept, and what each partition says of itself. Pure.

Rule of this file: a partition's own word takes the place of what was known of it; calls are never forgotten, also not
those of a worker that has died since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fh_notebook.batching.outcomes import Counts

__all__ = ["Tally"]


@dataclass(frozen=True, slots=True)
class _Share:
    done: int = 0
    failed: int = 0
    unknown: int = 0
    reused: int = 0


class Tally:
    """The counts of one batch object.

    Examples
    --------
    >>> tally = Tally(planned=4)
    >>> told = {"number": 0, "attempt": "a", "done": 2, "failed": 0, "unknown": 0, "reused": 0, "calls": 3,
    ...         "refused": 1, "in_flight": 1}
    >>> tally.hear(told)
    >>> counts = tally.counts()
    >>> counts.done, counts.pending, counts.calls, tally.in_flight
    (2, 2, 3, 1)
    >>> tally.hear(told | {"attempt": "b", "calls": 2})  # another worker, since that one was killed
    >>> tally.counts().calls, tally.in_flight
    (5, 1)
    """

    def __init__(self, planned: int = 0) -> None:
        self.planned = planned
        self._shares: dict[int, _Share] = {}
        self._sum = [0, 0, 0, 0]
        self._calls: dict[str, int] = {}
        self._refused: dict[str, int] = {}
        self._called = self._refusals = 0
        self._out: dict[int, int] = {}

    def put(self, number: int, *, done: int, failed: int, unknown: int, reused: int) -> None:
        """Set what is known of a partition, in place of what was."""
        old, new = self._shares.get(number, _Share()), _Share(done, failed, unknown, reused)
        self._shares[number] = new
        for place, (before, now) in enumerate(zip(_numbers(old), _numbers(new), strict=True)):
            self._sum[place] += now - before

    def hear(self, message: Mapping[str, Any]) -> None:
        """Take in what a partition says: ``number, attempt``, its counts and ``in_flight``."""
        number, attempt = message["number"], message["attempt"]
        self.put(number, **{name: message[name] for name in ("done", "failed", "unknown", "reused")})
        self.called(attempt, message["calls"], message["refused"])
        self._out[number] = message["in_flight"]

    def called(self, attempt: str, calls: int, refused: int) -> None:
        """Note how many requests an attempt at a partition has sent so far; it never goes back."""
        calls, refused = max(calls, self._calls.get(attempt, 0)), max(refused, self._refused.get(attempt, 0))
        self._called += calls - self._calls.get(attempt, 0)
        self._refusals += refused - self._refused.get(attempt, 0)
        self._calls[attempt], self._refused[attempt] = calls, refused

    def ended(self, number: int) -> None:
        """Note that a partition has ended, and nothing of it is out any more."""
        self._out.pop(number, None)

    @property
    def calls(self) -> int:
        """Requests sent."""
        return self._called

    @property
    def settled(self) -> int:
        """Jobs with an outcome."""
        return sum(self._sum[:3])

    @property
    def in_flight(self) -> int:
        """Calls that are out, by what was last said."""
        return sum(self._out.values())

    @property
    def errors(self) -> int:
        """Jobs that failed or are unknown."""
        return self._sum[1] + self._sum[2]

    def counts(self) -> Counts:
        """Return the counts of this moment."""
        done, failed, unknown, reused = self._sum
        return Counts(
            planned=self.planned, done=done, failed=failed, unknown=unknown,
            pending=self.planned - done - failed - unknown, reused=reused, calls=self._called, refused=self._refusals,
        )  # fmt: skip


def _numbers(share: _Share) -> tuple[int, int, int, int]:
    return share.done, share.failed, share.unknown, share.reused
