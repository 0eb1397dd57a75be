"""The tools that runs wait for: which are theirs, and how often a list is asked for, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from fh_notebook.client.approvals import ToolApproval, ToolApprovals
from fh_notebook.client.polling import FIRST_S, LONGEST_S, SPREAD, Poller
from fh_notebook.client.waiting_tools import (
    MOST_LOOKS,
    MOST_REQUESTS,
    MOST_RUNS,
    RunApprovals,
    WaitingTools,
    no_workspace_text,
)
from fh_notebook.contract.callbacks import RunIds
from fh_notebook.core import event_loop
from fh_notebook.errors import CallError
from tests import virtual_time

SOON_S = FIRST_S * (1 + SPREAD)
"""Until the first look-up, whatever chance makes of it."""


class Lister:
    """Lists approvals of three runs, each by its run id, and knows the request of one."""

    def __init__(self, workspace_id: str | None = "ws") -> None:
        self.connection: Any = SimpleNamespace(find_workspace_id=lambda: workspace_id)
        self.asked: list[str | None] = []
        self.known = [ToolApproval(id=f"a{n}", status="pending", run_id=f"run_{n}") for n in range(3)]
        self.of_request = self.known[2:]
        self.takes_s = 0.0

    async def approvals(
        self, *, workspace_id: str | None = None, request_id: str | None = None, run_id: str | None = None
    ) -> ToolApprovals:
        self.asked.append(request_id or run_id)
        listed = self.known if request_id is None else self.of_request if request_id == "req_2" else []
        listed = list(listed)
        await asyncio.sleep(self.takes_s)
        return ToolApprovals(listed)


def _ids(approvals: RunApprovals, *runs: RunIds) -> list[str]:
    return [*event_loop.run(approvals.of(runs))]


def test_approvals_of_other_runs_are_left_out_and_few_runs_are_asked_for_by_themselves() -> None:
    """By a run id that is known, else by the request id; another run of the workspace is not theirs."""
    lister = Lister()
    approvals = RunApprovals(lister)
    assert _ids(approvals, RunIds("req_1", "run_1"), RunIds("req_2")) == ["a1", "a2"]
    assert lister.asked == [None, "req_2"]
    assert approvals.requests == 2
    assert _ids(approvals) == []
    assert len(lister.asked) == 2


def test_a_run_is_asked_for_by_itself_again_only_for_what_is_new_on_the_list() -> None:
    """Then each of many runs has its turn; what was found by the id of a run stays that run's."""
    lister = Lister()
    approvals = RunApprovals(lister)
    runs = [RunIds(f"req_{n}") for n in range(2, 2 + 2 * MOST_RUNS)]
    assert _ids(approvals, *runs) == ["a2"]
    assert lister.asked == [None, *(run.first for run in runs[:MOST_RUNS])]
    assert _ids(approvals, *runs) == ["a2"]
    assert lister.asked[1 + MOST_RUNS :] == [None, *(run.first for run in runs[MOST_RUNS:])]
    assert _ids(approvals, *runs) == ["a2"]
    assert len(lister.asked) == 3 + len(runs)
    lister.known.append(ToolApproval(id="a3", status="pending", run_id="run_3"))
    _ids(approvals, *runs)
    assert lister.asked[3 + len(runs) :] == [None, *(run.first for run in runs[1 : 1 + MOST_RUNS])]


class UnfilteredLister(Lister):
    """Lists everything, whatever is asked for."""

    async def approvals(self, *, run_id: str | None = None, **asked: Any) -> ToolApprovals:
        await super().approvals(run_id=run_id, **asked)
        return ToolApprovals(self.known)


def test_what_a_service_lists_that_ignores_the_filter_belongs_to_no_run() -> None:
    """Neither what others wait for, nor what another of these runs waits for; it is asked so no second time."""
    lister = UnfilteredLister()
    approvals = RunApprovals(lister)
    runs = RunIds("req_1", "run_1"), RunIds(None, "run_9"), RunIds(None, "run_8")
    assert _ids(approvals, *runs) == ["a1"]
    assert lister.asked[:2] == [None, "run_9"]
    asked = len(lister.asked)
    lister.known.append(ToolApproval(id="a4", status="pending", run_id="run_4"))
    assert _ids(approvals, *runs) == ["a1"]
    assert lister.asked[asked:] == [None]


def test_the_one_approval_of_a_workspace_is_of_the_run_by_whose_id_it_is_found() -> None:
    """It names another id of that run; one more request tells that the service does not ignore ids."""
    lister = Lister()
    lister.known = [ToolApproval(id="a2", status="pending", run_id="run_2")]
    lister.of_request = lister.known
    approvals = RunApprovals(lister)
    for requests in (3, 4):
        assert _ids(approvals, RunIds("req_2")) == ["a2"]
        assert len(lister.asked) == requests


@pytest.mark.parametrize("status", [404, 422])
def test_a_service_that_does_not_know_the_id_of_no_run_heeds_ids(status: int) -> None:
    """Not found can be either (CONTRACT section 10)."""

    class Refusing(Lister):
        async def approvals(self, *, request_id: str | None = None, **asked: Any) -> ToolApprovals:
            if request_id is not None and not request_id.startswith("req_"):
                raise CallError("not found", status_code=status)
            return ToolApprovals(self.known)

    lister = Refusing()
    lister.known = lister.known[2:]
    assert _ids(RunApprovals(lister), RunIds("req_2")) == ["a2"]


# --- how often


class Place:
    """A place in which runs wait, with a poller in the running loop's time."""

    def __init__(self, lister: Lister, *runs: RunIds, changed: Callable[[], object] = lambda: None) -> None:
        self.runs: Sequence[RunIds] = runs
        self.poller = Poller(jitter=lambda: 0.5)
        self.tools = WaitingTools(lister, lambda: self.runs, changed, watch=self.poller.watch)

    @property
    def shown(self) -> list[str]:
        return [approval.id for approval in self.tools.approvals]


def _run(test: Callable[[], Any]) -> None:
    async def to_the_end() -> None:
        await test()
        await asyncio.sleep(2 * LONGEST_S)

    virtual_time.run_virtually(to_the_end())


def test_the_list_is_asked_for_until_each_run_is_on_it_and_a_few_times_at_most() -> None:
    """A run that waits for a person is on no list; another one that begins to wait is asked for as often."""

    async def test() -> None:
        lister = Lister()
        place = Place(lister, RunIds("req_1", "run_1"))
        place.tools.follow()
        await asyncio.sleep(300)
        assert (place.shown, lister.asked, len(place.poller)) == (["a1"], [None], 0)
        lister.known = []
        place.runs = (*place.runs, RunIds("req_7"))
        for _ in range(20):
            place.tools.follow()
            await asyncio.sleep(30)
        assert lister.asked == [None] * (1 + MOST_LOOKS)
        assert (place.shown, place.tools.problem) == ([], "")

    _run(test)


def test_runs_that_begin_to_wait_one_after_the_other_do_not_put_the_list_off() -> None:
    """Twenty in two seconds: the list comes a second after the first."""

    async def test() -> None:
        lister = Lister()
        place = Place(lister)
        for n in range(20):
            place.runs = (*place.runs, RunIds(f"req_{n}", f"run_{n}"))
            place.tools.follow()
            await asyncio.sleep(0.1)
        assert len(lister.asked) >= 1

    _run(test)


def test_one_place_sends_a_bounded_number_of_requests_and_says_so() -> None:
    """However many runs begin to wait; the page of a long list is a request, too. A decision allows one more look."""

    class Paged(Lister):
        async def approvals(self, **asked: Any) -> ToolApprovals:
            await super().approvals(**asked)
            return ToolApprovals((), pages=3)

    async def test() -> None:
        lister = Paged()
        place = Place(lister)
        for n in range(100):
            place.runs = (*place.runs, RunIds(f"req_{n}"))
            place.tools.follow()
            await asyncio.sleep(60)
        assert len(lister.asked) == MOST_REQUESTS // 3
        assert "client.approvals()" in place.tools.problem
        for _ in range(2):
            place.tools.decided("a1")
        await asyncio.sleep(60)
        assert len(lister.asked) == MOST_REQUESTS // 3 + 1

    _run(test)


def test_decisions_one_after_the_other_are_followed_by_one_list() -> None:
    """Each of them allows one; those within a second share it. The run that was decided is named."""

    async def test() -> None:
        lister = Lister()
        place = Place(lister, RunIds("req_1", "run_1"), RunIds("req_7", "run_7"), RunIds("req_0", "run_0"))
        place.tools.follow()
        await asyncio.sleep(300)
        asked = len(lister.asked)
        assert [place.tools.decided(id_) for id_ in ("a1", "a0", "no such", "a1")] == ["req_1", "req_0", "", "req_1"]
        await asyncio.sleep(SOON_S)
        assert len(lister.asked) == asked + 1
        await asyncio.sleep(300)
        assert len(lister.asked) == asked + 1
        place.tools.decided("a1")
        await asyncio.sleep(300)
        assert len(lister.asked) == asked + 2

    _run(test)


def test_a_list_that_was_asked_for_before_a_decision_is_not_shown_after_it() -> None:
    """It has what was decided meanwhile; the next one has not, and never two are asked for at once."""

    async def test() -> None:
        lister, shown = Lister(), list[list[str]]()
        place = Place(lister, RunIds("req_0", "run_0"), RunIds("req_1", "run_1"))
        place.tools.follow()
        await asyncio.sleep(SOON_S)
        assert place.shown == ["a0", "a1"]
        lister.takes_s = 5.0
        place.runs = (*place.runs, RunIds("req_2", "run_2"))
        place.tools.follow()
        await asyncio.sleep(SOON_S)
        lister.known = lister.known[1:]
        place.tools.decided("a0")
        place.runs = place.runs[1:]
        for _ in range(30):
            await asyncio.sleep(0.5)
            shown.append(place.shown)
        assert ["a0", "a1", "a2"] not in shown
        assert shown[-1] == ["a1", "a2"]
        assert lister.asked == [None] * 3

    _run(test)


def test_a_run_that_has_gone_on_has_no_buttons() -> None:
    """Also where it goes on while the list is asked for."""

    async def test() -> None:
        lister, changes = Lister(), list[int]()
        place = Place(lister, RunIds("req_0", "run_0"), changed=lambda: changes.append(1))
        place.tools.follow()
        await asyncio.sleep(SOON_S)
        assert (place.shown, len(changes)) == (["a0"], 1)
        lister.takes_s = 5.0
        place.runs = (RunIds("req_1", "run_1"),)
        place.tools.follow()
        assert (place.shown, len(changes)) == ([], 2)
        await asyncio.sleep(SOON_S)
        place.runs = ()
        await asyncio.sleep(60)
        assert (place.shown, len(changes)) == ([], 2)

    _run(test)


def test_nothing_is_asked_for_without_a_workspace_id() -> None:
    """One line says what to set."""
    nowhere = Lister(workspace_id=None)
    tools = WaitingTools(nowhere, lambda: [RunIds("req_1")], lambda: None)
    tools.follow()
    assert tools.problem == no_workspace_text(1)
    assert "fh.configure(workspace_id=...)" in tools.problem
    assert nowhere.asked == []
