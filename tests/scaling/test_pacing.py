"""One learned limit over all workers, and what a worker tells for it: values, no cluster."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from fh_notebook.contract.pacing import Pace
from fh_notebook.contract.retry import Decision, Verdict
from fh_notebook.gate import Gate
from fh_notebook.scaling.announcing import Announcer
from fh_notebook.scaling.budget import LocalBudget
from fh_notebook.scaling.gate import SharedGate
from fh_notebook.scaling.pacing import Limit, Report, SharedPace, owed_of

DONE = Decision(verdict=Verdict.DONE)
REFUSED = Decision(verdict=Verdict.THROTTLED, reason="concurrency", wait_s=0.1)


def _told(worker: str, out: int, answered: int = 0, refused: int = 0, number: int = 0) -> dict[str, Any]:
    return {
        "worker": worker, "out": out, "answered": [(number, answered)] if answered else [],
        "refused": [(number, "concurrency", out + 1, 0.1)] * refused, "took_s": 0.1 if answered else None,
    }  # fmt: skip


def test_the_limit_grows_by_what_all_have_out_and_holds_at_what_the_service_admits() -> None:
    """Two workers, a service that admits 5: by the answers of both it doubles, and the first refusal ends that."""
    shared, now, most = SharedPace(), 0.0, 0
    for _ in range(60):
        first = min(shared.limit, 5) // 2
        second = min(shared.limit, 5) - first
        over = max(0, shared.limit - 5)
        for worker, out, refused in (("a", first, 0), ("b", second, min(1, over))):
            now += 0.1
            shared.hear(_told(worker, out, answered=out, refused=refused, number=shared.number), now=now)
        most = max(most, shared.limit)
    assert 5 <= shared.limit <= 6  # it is tried now and then
    assert most <= 10


def test_what_was_sent_under_an_older_limit_tells_nothing_of_the_present_one() -> None:
    """Of many calls that were refused together the first cuts; the others, and later growth of old calls, do not."""
    shared = SharedPace(Pace(limit=8))
    shared.hear(_told("a", 3), now=0.0)
    assert shared.hear(_told("b", 4, refused=1), now=0.1)
    cut, number = shared.limit, shared.number
    assert (cut, number) == (7, 1)
    shared.hear(_told("b", 4, answered=50, number=0), now=0.2)
    assert (shared.limit, shared.number) == (cut, number)


def test_a_later_round_is_heard_though_its_workers_know_of_no_cut_yet() -> None:
    """They begin to count anew: what they answer counts under the limit that is there, and so does what they refuse."""
    shared = SharedPace(Pace(limit=8))
    Limit(None, shared).hear(_told("a", 7, refused=1), now=0.0)
    assert (shared.limit, shared.number) == (7, 1)
    limit = Limit(None, shared)
    for step in range(80):
        limit.hear(_told("a", 7, answered=7), now=1.0 + step)
    grown = limit.now
    assert grown > 7  # it was clean for long enough to be tried
    assert limit.hear(_told("a", grown - 1, refused=1), now=90.0)
    assert (limit.now < grown, limit.number) == (True, 2)
    cut = limit.now
    limit.hear(_told("b", grown - 1, answered=200), now=90.1)  # it was sent before that
    assert (limit.now, limit.number) == (cut, 2)


def test_a_worker_that_is_not_heard_of_has_nothing_out() -> None:
    """It has died; else the limit would seem to be in use for ever, and grow."""
    shared = SharedPace(Pace(limit=4))
    shared.hear(_told("dead", 4), now=0.0)
    for step in range(20):
        shared.hear(_told("alive", 1, answered=1), now=60.0 + step)
    assert shared.limit == 4


def test_a_number_that_was_given_is_a_ceiling_and_a_refusal_lowers_what_the_next_round_begins_with() -> None:
    """It begins there; a worker's 429 counts; the next round has the lower total, also where it asks for more."""
    shared = SharedPace()
    limit = Limit(8, shared)
    assert (limit.now, limit.number, limit.admits) == (8, 0, None)
    limit.hear(_told("a", 4, answered=4), now=0.0)
    assert limit.now == 8
    assert limit.hear(_told("b", 1, refused=1), now=0.1)  # 4 and 1 were out, and the sixth was refused
    assert (limit.now, limit.number, limit.admits) == (5, 1, 5)
    again = Limit(20, shared)
    assert again.now == 5
    again.fix(3)
    assert (again.now, again.number) == (3, 2)
    again.fix(None)
    assert (again.now, again.number) == (5, 3)
    assert Limit(2, SharedPace()).now == 2


def test_what_cells_have_learned_counts_for_workers_and_what_workers_have_learned_for_cells() -> None:
    """One workspace: whichever was refused first has learned for both."""
    gate = Gate()
    assert Limit(9, SharedPace.of(gate)).now == 9
    gate.in_flight = 4
    gate.ask("batch", 9)
    gate.hear(REFUSED)
    assert Limit(9, SharedPace.of(gate)).now == gate.limit == 3
    other = Gate()
    limit = Limit(9, SharedPace.of(other))
    limit.hear(_told("a", 4, refused=1), now=0.0)
    assert limit.admits == 4
    other.taught(limit.admits)
    other.ask("batch", 9)
    assert (other.limit, other.learned) == (4, 4)


def test_what_one_batch_has_learned_holds_for_the_next_of_the_workspace() -> None:
    """By the gate of the workspace, and for no other."""
    gate, other = Gate(), Gate()
    SharedPace.of(gate).hear(_told("a", 2, answered=8), now=0.0)
    assert SharedPace.of(gate).limit > SharedPace.of(other).limit


def test_a_worker_tells_what_it_heard_by_the_limit_that_it_knew() -> None:
    """Answers as numbers, each refusal by itself and at once; told once."""
    asyncio.run(_heard())


async def _heard() -> None:
    urged: list[int] = []
    report = Report("a")
    gate = SharedGate(
        Gate(9), LocalBudget(), lambda _: None, stopped=lambda: False, shares=True, report=report,
        urge=lambda: urged.append(1),
    )  # fmt: skip
    async with gate.slot():
        for decision in (DONE, DONE, REFUSED):
            with gate.call() as call:
                pass
            gate.hear(decision, call=call)
        gate.cut(1, limit=1, places=1)
        with gate.call() as call:
            pass
        gate.hear(DONE, call=call)
    told = gate.told()
    assert told is not None
    assert told["answered"] == [(0, 2), (1, 1)]
    assert [(number, reason, out) for number, reason, out, _ in told["refused"]] == [(0, "concurrency", 1)]
    assert urged == [1]
    again = gate.told()
    assert again is not None
    assert (again["answered"], again["refused"]) == ([], [])


def test_a_cut_takes_back_as_many_slots_as_are_too_many() -> None:
    """Two workers with 4 places each, a limit of 6: one of each is asked for, once."""
    asyncio.run(_cut())


async def _cut() -> None:
    gate = SharedGate(
        Gate(9), LocalBudget(), lambda _: None, stopped=lambda: False, shares=True, report=Report("a")
    )  # fmt: skip
    held = [gate.slot() for _ in range(4)]
    for slot in held:
        await slot.__aenter__()
    gate.wants_back(None)  # now and then one goes to whoever waits; that was it
    gate.cut(1, limit=6, places=8)
    assert [gate.wants_back(None) for _ in range(3)] == [True, False, False]
    for slot in held:
        await slot.__aexit__(None, None, None)


class _Places(LocalBudget):
    """Counts the places that are given back."""

    given = 0

    def give_place(self) -> None:
        self.given += 1


def test_a_worker_that_was_stopped_keeps_its_places() -> None:
    """What it had out may still run at the service: another worker, which has not heard yet, must not take the place."""
    asyncio.run(_stopped())


async def _stopped() -> None:
    budget, stops = _Places(), [False, True]
    gate = SharedGate(Gate(9), budget, lambda _: None, stopped=lambda: stops[0], shares=True, report=Report("a"))
    async with gate.slot():
        pass
    assert budget.given == 1
    async with gate.slot():
        stops.reverse()
    assert budget.given == 1


@pytest.mark.parametrize(("held", "limit", "places", "owed"), [(4, 6, 8, 1), (1, 6, 8, 1), (0, 6, 8, 0), (4, 0, 0, 0)])
def test_each_worker_gives_back_its_share(held: int, limit: int, places: int, owed: int) -> None:
    """Rounded up: what was too much is taken again at once by whoever waits."""
    assert owed_of(held, limit=limit, places=places) == owed


class _Dask:
    """A client of a cluster that fails once: what no real one does on demand."""

    def __init__(self) -> None:
        self.scheduler = self
        self.fails = True
        self.places: list[int] = []
        self.told: list[tuple[int, Any]] = []
        self.changed = threading.Condition()

    def run_on_scheduler(self, function: Any, name: str, limit: int) -> int:
        with self.changed:
            self.places.append(limit)
            self.changed.notify_all()
        return 0

    def broadcast(self) -> None:
        raise NotImplementedError

    def sync(self, function: Any, *, msg: dict[str, Any], workers: Any, **more: Any) -> None:
        with self.changed:
            self.told.append((msg["number"], workers))
            self.changed.notify_all()
        if self.fails:
            self.fails = False
            raise OSError("a worker died while it was told")


def test_places_follow_the_limit_also_after_a_worker_has_died_while_it_was_told() -> None:
    """The next change is followed, and told with its number."""
    dask, limit = _Dask(), Limit(4, SharedPace())
    announcer = Announcer(dask, "r", "places", limit)
    announcer.begin()
    for number, at_once in enumerate((3, 2), 1):
        limit.fix(at_once)
        announcer.changed()
        with dask.changed:
            assert dask.changed.wait_for(lambda n=number: len(dask.told) == n, 20)  # type: ignore[misc]  # bound at once
    announcer.end()
    assert (dask.places, dask.told) == ([4, 3, 2], [(1, None), (2, None)])


def test_a_worker_that_begins_after_a_change_is_told_of_its_number_once() -> None:
    """It was not there when all were told; else what it hears of the service would count for nothing."""
    dask, limit = _Dask(), Limit(4, SharedPace())
    dask.fails = False
    announcer = Announcer(dask, "r", "places", limit)
    announcer.begin()
    announcer.heard_of("early")
    limit.fix(3)
    announcer.changed()
    with dask.changed:
        assert dask.changed.wait_for(lambda: len(dask.told) == 1, 20)
    for worker in ("late", "early", "late"):
        announcer.heard_of(worker)
    with dask.changed:
        assert dask.changed.wait_for(lambda: len(dask.told) == 2, 20)
    announcer.end()
    assert dask.told == [(1, None), (1, ["late"])]
