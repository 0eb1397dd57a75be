"""A comparison of a batch that is still running, read again as answers come.

Rule of this file: reading takes at most a fifth of the time, whatever the batch has; nothing is called for it: scores
that are asked of the service (a judge's) stay as they are until ``cmp.rescore()``, and the page says so.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fh_notebook import loop
from fh_notebook.batching.batch import Batch
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.score_set import ScoreSet
from fh_notebook.comparing.scorers.base import NO_SCORE, Result
from fh_notebook.log import log

__all__ = ["Live"]

EVERY_S: Final = 1.0
LOOK_S: Final = 0.2
SHARE: Final = 5
"""After each reading, so many times as long as it took is waited."""


class Live:
    """Follows the batches of a comparison while they run.

    Parameters
    ----------
    scores : ScoreSet
        Of what; it is left as it is.
    renewed : callable
        Takes the data of what there is now.
    """

    def __init__(self, scores: ScoreSet, renewed: Callable[[ComparisonData], object]) -> None:
        self._scores = scores.copy()
        self._renewed = renewed
        self._batches = _batches_of(scores.source)
        self._lock = threading.Lock()
        self._following = False
        self._seen = self._counts()

    @property
    def going(self) -> bool:
        """Whether a batch is running."""
        return any(batch.running for batch in self._batches)

    @property
    def said(self) -> str:
        """How far the batches are, in words; nothing when they have ended."""
        if not self.going:
            return ""
        counts = [batch.counts for batch in self._batches]
        pending, planned = sum(c.pending for c in counts), sum(c.planned for c in counts)
        asked = "; new answers are scored by cmp.rescore()" if _asks(self._scores.own_score) else ""
        return f"running: {planned - pending:,} of {planned:,} answered{asked}"

    def follow(self) -> None:
        """Read again while a batch is running; without one, nothing. From any thread."""
        with self._lock:
            if self._following or not (self.going or self._counts() != self._seen):
                return
            self._following = True
        loop.background().submit(self._follow())

    def refresh(self) -> None:
        """Read again now, on this thread."""
        self._seen = self._counts()
        score = self._scores.own_score
        keeps = self.data.rated or _asks(score)
        self._scores.reread(_Kept(self.data) if keeps else score)
        self._renewed(self.data)

    @property
    def data(self) -> ComparisonData:
        """What there was when it was read last."""
        return self._scores.data

    def _counts(self) -> list[Any]:
        counts = [(batch.counts, batch.running) for batch in self._batches]
        return [(c.planned, c.done, c.failed, c.unknown, running) for c, running in counts]

    async def _follow(self) -> None:
        try:
            while True:
                if self._counts() != self._seen:
                    began = time.monotonic()
                    await asyncio.to_thread(self.refresh)
                    await asyncio.sleep(max(EVERY_S, SHARE * (time.monotonic() - began)))
                elif not self.going:
                    return
                else:
                    await asyncio.sleep(LOOK_S)
        except Exception:
            log.warning("a browser of rows could not read its batch again", exc_info=True)
        finally:
            with self._lock:
                self._following = False


def _batches_of(source: Any) -> list[Batch]:
    if isinstance(source, Batch):
        return [source]
    return [one for one in source.values() if isinstance(one, Batch)] if isinstance(source, Mapping) else []


def _asks(score: Any) -> bool:
    """Whether scoring may call the service, or code of the user's that waits: it, or one of its parts, is async."""
    return bool(getattr(score, "is_async", False)) or any(_asks(one) for one in getattr(score, "members", ()))


class _Kept:
    """Gives each run the score that it had, and a new one none: nothing is asked for."""

    def __init__(self, data: ComparisonData) -> None:
        self.name = data.scorer
        self.lower_is_better = data.lower
        self._had: dict[Any, deque[float]] = {}
        lines = data.lines
        for pair, variant, score, status in zip(
            lines["pair"], lines["variant"], lines["score"], lines["status"], strict=True
        ):
            if status == "completed":
                self._had.setdefault((pair, variant), deque()).append(score)

    def score_all(self, found: Sequence[Any], *, fresh: bool) -> list[Result]:
        """Return the scores that there were."""
        had = {key: deque(scores) for key, scores in self._had.items()}
        return [self._of(had.get((o.pair, o.variant))) if o.completed else NO_SCORE for o in found]

    @staticmethod
    def _of(scores: deque[float] | None) -> Result:
        return Result(scores.popleft()) if scores else NO_SCORE
