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
from typing import TYPE_CHECKING, Any, Final

from fh_notebook import loop
from fh_notebook.batching.batch import Batch
from fh_notebook.comparing.inside import again_of, is_lower, lines_of, own_score_of, sibling_of, source_of
from fh_notebook.comparing.scorer_base import NO_SCORE, Result
from fh_notebook.log import log

if TYPE_CHECKING:
    from fh_notebook.comparing.comparison import Comparison

__all__ = ["Live"]

EVERY_S: Final = 1.0
LOOK_S: Final = 0.2
SHARE: Final = 5
"""After each reading, so many times as long as it took is waited."""


class Live:
    """Follows the batches of a comparison while they run.

    Parameters
    ----------
    cmp : Comparison
        Of what.
    renewed : callable
        Takes the comparison of what there is now.
    """

    def __init__(self, cmp: Comparison, renewed: Callable[[Comparison], object]) -> None:
        self._cmp = cmp
        self._again = again_of(cmp)
        self._renewed = renewed
        self._batches = _batches_of(source_of(cmp))
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
        asked = "; new answers are scored by cmp.rescore()" if _asks(self._score) else ""
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
        score = self._score
        taken = self._again(_Kept(self._cmp) if _asks(score) else score, anew=True)
        found = sibling_of(self._cmp, taken, score, self._again)
        self._cmp = found
        self._renewed(found)

    @property
    def _score(self) -> Any:
        return own_score_of(self._cmp)

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

    def __init__(self, cmp: Comparison) -> None:
        self.name = cmp.scorer
        self.lower_is_better = is_lower(cmp)
        self._had: dict[Any, deque[float]] = {}
        lines = lines_of(cmp)
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
