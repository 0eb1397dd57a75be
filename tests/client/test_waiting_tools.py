"""The tools that runs wait for: which are theirs, and how often a list is asked for, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from fh_notebook.client.approvals import ToolApproval, ToolApprovals
from fh_notebook.client.polling import FIRST_S, LONGEST_S, SPREAD, Poller
from fh_notebook.client.retry_loop import BeforePage, no_bound
from fh_notebook.client.waiting_tools import (
    MOST_LOOKS,
    MOST_REQUESTS,
    MOST_RUNS,
    NO_RUN,
    ListedTools,
    RunApprovals,
    WaitingTools,
    no_workspace_text,
)
from fh_notebook.contract.callbacks import RunIds
from fh_notebook.core import event_loop
from fh_notebook.errors import AuthError, CallError, ConnectFailed, LimitReached
from tests import virtual_time
from tests.told import tells

SOON_S = FIRST_S * (1 + SPREAD)
"""Until the first look-up, whatever chance makes of it."""


class Lister:
    """Lists approvals of three runs, each by its run id, and knows the request of one."""

    def __init__(self, workspace_id: str | None = "ws") -> None:
        async def has_room_for(kind: str) -> bool:
            return True

        # Near the cap a count may be taken off twice for a moment: `left_for` alone ends nothing.
        self.connection: Any = SimpleNamespace(
            workspace="w", find_workspace_id=lambda: workspace_id, left_for=lambda kind: 0, has_room_for=has_room_for
        )
        self.asked: list[str | None] = []
        self.known = [ToolApproval(id=f"a{n}", status="pending", run_id=f"run_{n}") for n in range(3)]
        self.of_request = self.known[2:]
        self.takes_s = 0.0
        self.errors: dict[str | None, CallError] = {}
        """By the id that is asked for."""

    async def list_approvals(
        self,
        query: Mapping[str, str | None],
        *,
        workspace_id: str | None = None,
        before_page: BeforePage = no_bound,
    ) -> ToolApprovals:
        assert query["status"] == "pending"
        await before_page()
        request_id, run_id = query["request_id"], query["run_id"]
        self.asked.append(request_id or run_id)
        if (error := self.errors.get(request_id or run_id)) is not None:
            raise error
        listed = [*self._listed(request_id, run_id)]
        await asyncio.sleep(self.takes_s)
        return ToolApprovals(listed)

    def _listed(self, request_id: str | None, run_id: str | None) -> Sequence[ToolApproval]:
        if request_id is not None:
            return self.of_request if request_id == "req_2" else []
        return [approval for approval in self.known if run_id in (None, approval.run_id)]


def _listed(approvals: RunApprovals, *runs: RunIds) -> ListedTools:
    return event_loop.run(approvals.of(runs))


def _ids(approvals: RunApprovals, *runs: RunIds) -> list[str]:
    return [*_listed(approvals, *runs).found]


def test_approvals_of_other_runs_are_left_out_and_few_runs_are_asked_for_by_themselves() -> None:
    """By a run id that is known, else by the request id; another run of the workspace is not theirs."""
    lister = Lister()
    approvals = RunApprovals(lister)
    assert _ids(approvals, RunIds("req_1", "run_1"), RunIds("req_2")) == ["a1", "a2"]
    assert lister.asked == [None, NO_RUN, "req_2"]
    assert _ids(approvals) == []
    assert len(lister.asked) == 3


def test_a_run_is_asked_for_by_itself_again_only_for_what_is_new_on_the_list() -> None:
    """Then each of many runs has its turn; what was found by the id of a run stays that run's."""
    lister = Lister()
    approvals = RunApprovals(lister, most_runs=MOST_RUNS)
    runs = [RunIds(f"req_{n}") for n in range(2, 2 + 2 * MOST_RUNS)]

    def asked() -> list[str | None]:
        lister.asked.clear()
        assert _ids(approvals, *runs) == ["a2"]
        return [*lister.asked]

    assert asked() == [None, NO_RUN, *(run.first for run in runs[:MOST_RUNS])]
    assert asked() == [None, *(run.first for run in runs[MOST_RUNS:])]
    assert asked() == [None]
    lister.known.append(ToolApproval(id="a3", status="pending", run_id="run_3"))
    assert asked() == [None, *(run.first for run in runs[1 : 1 + MOST_RUNS])]


def test_without_a_bound_runs_are_asked_for_until_everything_on_the_list_is_of_one() -> None:
    """The runs that come first are asked for first."""
    lister = Lister()
    lister.known = lister.of_request
    runs = [*(RunIds(f"req_{n}") for n in range(10, 20)), RunIds("req_2"), RunIds("req_3")]
    assert _ids(RunApprovals(lister), *runs) == ["a2"]
    assert lister.asked == [None, NO_RUN, *(run.first for run in runs[:-1])]


def test_one_run_is_asked_for_by_its_own_ids() -> None:
    """The list of all may have many pages. Only what names no id of it needs one more request, once."""
    lister = Lister()
    approvals = RunApprovals(lister)

    def of_one(run: RunIds) -> tuple[list[str], list[str | None]]:
        lister.asked.clear()
        return [*event_loop.run(approvals.of_one(run)).found], [*lister.asked]

    assert of_one(RunIds("req_1", "run_1")) == (["a1"], ["req_1", "run_1"])
    assert of_one(RunIds("req_7")) == ([], ["req_7"])
    assert of_one(RunIds("req_2")) == (["a2"], ["req_2", NO_RUN])
    assert of_one(RunIds("req_2")) == (["a2"], ["req_2"])
    lister = UnfilteredLister()
    approvals = RunApprovals(lister)
    assert of_one(RunIds("req_1", "run_1")) == (["a1"], ["req_1"])
    assert of_one(RunIds("req_7")) == ([], ["req_7", NO_RUN])


class UnfilteredLister(Lister):
    """Lists everything, whatever is asked for."""

    def _listed(self, request_id: str | None, run_id: str | None) -> Sequence[ToolApproval]:
        return self.known


def test_what_a_service_lists_that_ignores_the_filter_belongs_to_no_run() -> None:
    """Neither what others wait for, nor what another of these runs waits for; it is asked so no second time."""
    lister = UnfilteredLister()
    approvals = RunApprovals(lister)
    runs = RunIds("req_1", "run_1"), RunIds(None, "run_9"), RunIds(None, "run_8")
    assert _ids(approvals, *runs) == ["a1"]
    assert lister.asked == [None, NO_RUN]
    lister.known.append(ToolApproval(id="a4", status="pending", run_id="run_4"))
    assert _ids(approvals, *runs) == ["a1"]
    assert lister.asked == [None, NO_RUN, None]


def test_an_approval_that_ends_between_two_lists_proves_no_filter() -> None:
    """The second list lacks it although it has what is of others."""

    class Ending(UnfilteredLister):
        def _listed(self, request_id: str | None, run_id: str | None) -> Sequence[ToolApproval]:
            return self.known if len(self.asked) == 1 else self.known[1:]

    assert _ids(RunApprovals(Ending()), RunIds("req_7"), RunIds("req_8")) == []


@pytest.mark.parametrize("error", [CallError("busy", status_code=500), ConnectFailed("no"), LimitReached("used up")])
def test_an_error_is_no_evidence_about_ids(error: CallError) -> None:
    """The next list asks again."""
    lister = Lister()
    lister.errors[NO_RUN] = error
    approvals = RunApprovals(lister)
    listed = _listed(approvals, RunIds("req_1", "run_1"), RunIds("req_2"))
    assert ([*listed.found], listed.error) == (["a1"], error)
    lister.errors.clear()
    assert _ids(approvals, RunIds("req_1", "run_1"), RunIds("req_2")) == ["a1", "a2"]


@pytest.mark.parametrize("status", [404, 422, 500])
def test_an_error_of_one_runs_list_leaves_what_others_wait_for(status: int) -> None:
    """A run that the service does not know has nothing, and is asked for no second time; other errors are told."""
    lister = Lister()
    lister.errors["req_7"] = CallError("no", status_code=status)
    approvals = RunApprovals(lister)
    runs = RunIds("req_1", "run_1"), RunIds("req_7"), RunIds("req_2")
    listed = _listed(approvals, *runs)
    assert [*listed.found] == ["a1", "a2"]
    assert listed.error is (lister.errors["req_7"] if status == 500 else None)
    lister.asked.clear()
    _listed(approvals, *runs)
    assert ("req_7" in lister.asked) == (status == 500)


def test_runs_whose_lists_fail_are_asked_for_after_the_others() -> None:
    """Also where they are as many as are asked for in one look."""
    lister = Lister()
    runs = [*(RunIds(f"req_{n}") for n in range(10, 10 + MOST_RUNS)), RunIds("req_2")]
    lister.errors |= {run.first: CallError("no", status_code=500) for run in runs[:-1]}
    approvals = RunApprovals(lister, most_runs=MOST_RUNS)
    assert _ids(approvals, *runs) == []
    assert _ids(approvals, *runs) == ["a2"]


def test_a_service_that_takes_no_id_that_no_run_has_is_asked_once() -> None:
    """What it is about is told at each list, in the same words; nothing follows from it."""
    lister = Lister()
    lister.errors[NO_RUN] = refusal = CallError("not a valid id", status_code=400)
    approvals = RunApprovals(lister)
    for _ in range(3):
        listed = _listed(approvals, RunIds("req_1", "run_1"), RunIds("req_2"))
        assert ([*listed.found], listed.error) == (["a1"], refusal)
    assert lister.asked == [None, NO_RUN, None, None]


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
    lister = Lister()
    lister.errors[NO_RUN] = CallError("not found", status_code=status)
    assert _ids(RunApprovals(lister), RunIds("req_2")) == ["a2"]


# --- how often


class PagedLister(Lister):
    """Lists nothing, on many pages."""

    def __init__(self, pages_each: int = 3) -> None:
        super().__init__()
        self.pages_each = pages_each
        self.lists = self.pages = 0

    async def list_approvals(
        self,
        query: Mapping[str, str | None],
        *,
        workspace_id: str | None = None,
        before_page: BeforePage = no_bound,
    ) -> ToolApprovals:
        self.lists += 1
        for _ in range(self.pages_each):
            await before_page()
            self.pages += 1
        return ToolApprovals()


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

    async def test() -> None:
        lister = PagedLister()
        place = Place(lister)
        for n in range(100):
            place.runs = (*place.runs, RunIds(f"req_{n}"))
            place.tools.follow()
            await asyncio.sleep(60)
        assert lister.pages == MOST_REQUESTS
        assert "client.approvals()" in place.tools.problem
        for _ in range(2):
            place.tools.decided("a1")
        await asyncio.sleep(60)
        assert lister.pages == MOST_REQUESTS + MOST_LOOKS

    _run(test)


def test_the_pages_of_a_list_that_fails_are_requests_too() -> None:
    """A list without an end is asked for up to the bound, and no second time."""

    async def test() -> None:
        lister = PagedLister(10_000)
        place = Place(lister, RunIds("req_7"))
        place.tools.follow()
        await asyncio.sleep(300)
        assert (lister.pages, lister.lists, len(place.poller)) == (MOST_REQUESTS, 1, 0)
        assert "client.approvals()" in place.tools.problem

    _run(test)


@pytest.mark.parametrize("left", [0, 2, 5])
def test_nothing_is_asked_for_beyond_the_daily_cap(left: int) -> None:
    """Neither a list nor a further page of it."""

    async def test() -> None:
        lister = PagedLister()

        async def has_room_for(kind: str) -> bool:
            return lister.pages < left

        lister.connection.has_room_for = has_room_for
        place = Place(lister, RunIds("req_7"))
        place.tools.follow()
        await asyncio.sleep(300)
        assert (lister.pages, lister.lists, len(place.poller)) == (left, 1 + left // 3, 0)
        assert tells(place.tools.problem, "client.approvals()")

    _run(test)


@pytest.mark.parametrize(
    ("error", "looks"),
    [
        (LimitReached("used up"), 1),
        (AuthError("no"), 1),
        (ConnectFailed("no"), MOST_LOOKS),
        (CallError("busy", status_code=500), MOST_LOOKS),
    ],
)
def test_only_an_error_that_may_pass_is_followed_by_another_look(error: CallError, looks: int) -> None:
    """Its message is shown."""

    async def test() -> None:
        lister = Lister()
        lister.errors[None] = error
        place = Place(lister, RunIds("req_1", "run_1"))
        place.tools.follow()
        await asyncio.sleep(300)
        assert (len(lister.asked), place.tools.problem, place.shown) == (looks, str(error), [])

    _run(test)


def test_what_was_found_before_an_error_has_buttons() -> None:
    """With the error below; the next look completes it."""

    async def test() -> None:
        lister = Lister()
        lister.errors["req_2"] = CallError("busy", status_code=500)
        place = Place(lister, RunIds("req_1", "run_1"), RunIds("req_2"))
        place.tools.follow()
        await asyncio.sleep(SOON_S)
        assert (place.shown, place.tools.problem) == (["a1"], "busy")
        lister.errors.clear()
        await asyncio.sleep(60)
        assert (place.shown, place.tools.problem) == (["a1", "a2"], "")

    _run(test)


def test_the_next_tool_of_a_run_is_found_some_seconds_after_a_decision() -> None:
    """The run has not yet asked for it when the list is asked for first."""

    async def test() -> None:
        lister = Lister()
        place = Place(lister, RunIds("req_0", "run_0"), RunIds("req_1", "run_1"))
        place.tools.follow()
        await asyncio.sleep(300)
        lister.known = lister.known[1:]
        place.tools.decided("a0")
        await asyncio.sleep(5)
        assert place.shown == ["a1"]
        lister.known.append(ToolApproval(id="next", status="pending", run_id="run_0"))
        await asyncio.sleep(60)
        assert sorted(place.shown) == ["a1", "next"]
        assert 2 < len(lister.asked) < 1 + MOST_LOOKS

    _run(test)


def test_the_run_of_an_approval_that_is_listed_no_more_is_named_all_the_same() -> None:
    """Its button was clicked before the newer list came."""

    async def test() -> None:
        lister = Lister()
        place = Place(lister, RunIds("req_0", "run_0"))
        place.tools.follow()
        await asyncio.sleep(SOON_S)
        lister.known = lister.known[1:]
        place.runs = (*place.runs, RunIds("req_1", "run_1"))
        place.tools.follow()
        await asyncio.sleep(SOON_S)
        assert place.shown == ["a1"]
        assert place.tools.decided("a0") == "req_0"

    _run(test)


def test_decisions_one_after_the_other_are_followed_by_one_list() -> None:
    """Those within a second share it, where each run is on it. The run that was decided is named."""

    async def test() -> None:
        lister = Lister()
        place = Place(lister, RunIds("req_1", "run_1"), RunIds("req_0", "run_0"))
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
    """One line says what to set, and how many runs wait now; once it is set, the list is asked for."""

    async def test() -> None:
        lister = Lister(workspace_id=None)
        place = Place(lister, RunIds("req_0", "run_0"), RunIds("req_1", "run_1"))
        for runs in (place.runs, place.runs[:1]):
            place.runs = runs
            place.tools.follow()
            assert place.tools.problem == no_workspace_text(len(runs))
        assert "fh.configure(workspace_id=...)" in place.tools.problem
        await asyncio.sleep(60)
        assert lister.asked == []
        lister.connection.find_workspace_id = lambda: "ws"
        place.tools.follow()
        await asyncio.sleep(SOON_S)
        assert (place.shown, place.tools.problem) == (["a0"], "")
        place.runs = ()
        place.tools.follow()
        assert (place.shown, place.tools.problem) == ([], "")

    _run(test)
