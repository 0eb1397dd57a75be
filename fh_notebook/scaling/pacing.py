"""One learned limit over all workers: what each hears of the service, told to the one policy that the notebook holds.

Rule of this file: it is the policy of every gate (`contract.pacing`), and it has no clock either. Workers' clocks are
not the notebook's, and a new limit takes a moment to reach them: so the order of things is told by the number of the
limit that a worker knew when it sent a call. What was sent under an older number tells nothing of the present limit.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

from fh_notebook.contract.pacing import Pace
from fh_notebook.contract.retry import Decision, Verdict
from fh_notebook.gate import Gate
from fh_notebook.slots import Call, clock

__all__ = ["Limit", "Report", "SharedPace", "owed_of"]

QUIET_S: Final = 5.0
"""Who was not heard of for so long has ended or died, and has nothing out: who calls tells it 4 times a second."""
NUMBERS_KEPT: Final = 16


class Report:
    """On a worker: what it has heard since it last told. On the background loop."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._numbers: deque[tuple[float, int]] = deque([(float("-inf"), 0)], maxlen=NUMBERS_KEPT)
        self._answered: Counter[int] = Counter()
        self._refused: list[tuple[int, str, int, float]] = []
        self._took_s: float | None = None

    def renumber(self, number: int) -> None:
        """Note that another limit holds from now on."""
        if number > self._numbers[-1][1]:
            self._numbers.append((clock(), number))

    def note(self, decision: Decision, call: Call | None) -> bool:
        """Note one answer; return whether it is to be told at once."""
        if call is None:
            return False
        number = next((n for since, n in reversed(self._numbers) if since <= call.sent_at), 0)
        if decision.verdict is Verdict.DONE:
            self._answered[number] += 1
            self._took_s = call.took_s
        elif decision.reason in ("concurrency", "provider") and decision.verdict in (Verdict.THROTTLED, Verdict.FAILED):
            self._refused.append((number, decision.reason, call.out, decision.wait_s))
            return True
        return False

    def take(self, *, out: int) -> dict[str, Any]:
        """Return what is to be told, with the calls that are out now."""
        answered, self._answered = self._answered, Counter()
        refused, self._refused = self._refused, []
        return {
            "worker": self._worker, "out": out, "answered": sorted(answered.items()), "refused": refused,
            "took_s": self._took_s,
        }  # fmt: skip


class SharedPace:
    """In the notebook: the limit of all workers, and what it was learned from. On the background loop.

    Examples
    --------
    >>> shared = SharedPace(Pace(limit=4))
    >>> quiet = {"answered": [], "refused": [], "took_s": None}
    >>> shared.hear({**quiet, "worker": "a", "out": 2}, now=0.0)
    False
    >>> shared.hear({**quiet, "worker": "b", "out": 1, "refused": [(0, "concurrency", 2, 0.1)]}, now=0.1)
    True
    >>> shared.limit, shared.number  # 4 were out, and one of them was refused
    (3, 1)
    """

    _of: ClassVar[WeakKeyDictionary[Gate, SharedPace]] = WeakKeyDictionary()

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self.number = 0
        """Of the present limit: it is another one with each refusal that tells something new."""
        self._out: dict[str, tuple[int, float]] = {}

    @classmethod
    def of(cls, gate: Gate) -> SharedPace:
        """Return that of a workspace: what one batch has learned holds for the next one, and so does a cell's."""
        if gate not in cls._of:
            cls._of[gate] = cls(Pace(limit=gate.adapted))
        found = cls._of[gate]
        if gate.learned is not None:
            found._pace.taught(gate.learned)
        return found

    @property
    def limit(self) -> int:
        """Calls that may be out at once over all workers."""
        return self._pace.limit

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, as its refusals have told; ``None`` before the first."""
        return self._pace.admits

    def begins_at(self, asked: int) -> int:
        """Return the limit of a batch that asks for `asked` calls at once, until a refusal has taught less."""
        return self._pace.begins_at(asked)

    def hear(self, told: Mapping[str, Any], *, now: float, begun_at: int = 0) -> bool:
        """Take in what a worker tells; return whether the limit is another one.

        Before the first refusal a batch may have begun with more than the limit: `begun_at` is how many.
        """
        before, pace = self._pace.limit, self._pace
        self._out[told["worker"]] = told["out"], now
        self._out = {worker: seen for worker, seen in self._out.items() if seen[1] > now - QUIET_S}
        others = sum(out for worker, (out, _) in self._out.items() if worker != told["worker"])
        if told["took_s"] is not None:
            pace.timed(told["took_s"])
        for number, answers in told["answered"]:
            for _ in range(answers):
                pace.sent()  # that it came is known only by its answer; what is counted is calls between two refusals
                pace.answered(in_flight=others + max(1, told["out"]), sent_at=number)
        for number, reason, out, wait_s in told["refused"]:
            self._refused(number, reason, others + out, others + told["out"], wait_s, begun_at)
        return pace.limit != before

    def _refused(self, number: int, reason: str, out: int, still_out: int, wait_s: float, begun_at: int) -> None:
        pace, after = self._pace, self.number + 1
        before = pace.begins_at(begun_at)
        # What others have out is a moment old: there were never more than the limit, and it was one too many.
        out = max(2, min(out, before))
        if reason == "provider":
            pace.refused_by_provider(sent_at=number, now=after, out=out)
        else:
            pace.refused(out=out, still_out=still_out, sent_at=number, now=after, wait_s=wait_s, begun_at=begun_at)
        if pace.limit < before:
            self.number = after


class Limit:
    """How many calls may be out at once over all workers of one round: what is learned, within a ceiling.

    Parameters
    ----------
    ceiling : int, optional
        The round begins with so many, unless a refusal has taught less, and never has more.
    shared : SharedPace
        What is learned.

    Examples
    --------
    >>> limit = Limit(8, SharedPace())
    >>> limit.now
    8
    >>> told = {"worker": "a", "out": 3, "answered": [], "refused": [(0, "concurrency", 4, 0.1)], "took_s": None}
    >>> limit.hear(told, now=0.0), limit.now, limit.number
    (True, 3, 1)
    """

    def __init__(self, ceiling: int | None, shared: SharedPace) -> None:
        self._ceiling = ceiling
        self._shared = shared
        self._given = 0
        self._first = shared.number

    @property
    def now(self) -> int:
        """The limit."""
        if self._ceiling is None:
            return self._shared.limit
        return min(self._ceiling, self._shared.begins_at(self._ceiling))

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, as its refusals have told; ``None`` before the first."""
        return self._shared.admits

    @property
    def number(self) -> int:
        """Grows whenever another limit holds that workers must know of."""
        return self._given + self._shared.number

    def fix(self, ceiling: int | None) -> None:
        """Set the ceiling; ``None`` removes it."""
        self._ceiling = ceiling
        self._given += 1

    def hear(self, told: Mapping[str, Any], *, now: float) -> bool:
        """Take in what a worker tells; return whether the limit is another one."""
        before = self.now
        own = [(self._own(number), answers) for number, answers in told["answered"]]
        refused = [(self._own(number), *rest) for number, *rest in told["refused"]]
        self._shared.hear({**told, "answered": own, "refused": refused}, now=now, begun_at=before)
        return self.now != before

    def _own(self, number: int) -> int:
        """Return what a worker's number is among the cuts: workers count every change, and begin each round at 0."""
        return max(self._first, number - self._given)


def owed_of(held: int, *, limit: int, places: int) -> int:
    """Return how many of the places that a worker holds it gives back, where all hold more than the limit.

    Examples
    --------
    >>> owed_of(4, limit=6, places=8), owed_of(4, limit=8, places=8)
    (1, 0)
    """
    return -(-held * max(0, places - limit) // places) if places else 0
