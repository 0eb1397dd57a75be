"""The tools that runs of one client wait for: listed while one of them waits, each with the run that it belongs to.

Rule of this file: a list counts against the daily cap, as a look-up does. The poller asks for it as it looks runs up
(growing intervals): when a run begins to wait, and after a decision, at most :data:`MOST_LOOKS` times and until each
run that waits is on it. One place sends at most :data:`MOST_REQUESTS` requests, and those that follow decisions of a
person; none where the configured daily cap is used up. An approval of none of these runs is left out. It may name its
run by an id that is not known here: then those of a run are asked for, for a few runs at a time, and for each of them
only while the list has something that was not looked at, if the service lists nothing for an id that no run has.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from fh_notebook.client import polling
from fh_notebook.client.approvals import ToolApproval, ToolApprovals
from fh_notebook.client.connection import Connection
from fh_notebook.client.retry_loop import BeforePage, no_bound
from fh_notebook.contract.callbacks import NO_STEPS, RunIds, WaitingSteps
from fh_notebook.contract.retry import NOT_FOUND_STATUSES
from fh_notebook.core.text.formatting import one_line
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import AuthError, CallError, ConnectFailed, FetchHiveError, LimitReached, SettingsError

MOST_LOOKS: Final = 6
"""Some 25 s: a run that waits for a person at the service is on no list."""

MOST_REQUESTS: Final = 60
"""Of one place, such as the block of a batch: of many runs each begins to wait at another time."""

MOST_RUNS: Final = 4
"""Runs whose approvals are asked for by themselves in one look: each is one more request."""

MOST_ERRORS: Final = 4
"""Lists of single runs that fail, in one look, before the others are asked for another time."""

BAD_REQUEST: Final = 400

NO_RUN: Final = "fh-notebook-no-such-run"
"""An id that no run has."""

FINAL: Final = (AuthError, LimitReached, SettingsError)
"""Errors after which another request makes no sense."""

ASKED_ENOUGH: Final = (
    f"The list of tools was requested {MOST_REQUESTS} times and is no longer updated, because each request may "
    "count against the daily cap; client.approvals() lists what waits now"
)

CAP_USED: Final = (
    "The configured daily cap is used up, so the list of tools is not requested; client.approvals() requests it anyway"
)

Found = Mapping[str, tuple[str, ToolApproval]]
"""Approvals by their id: the first id of the run whose each is, and the approval as it was listed last."""


class ApprovalLister(Protocol):
    """What lists approvals: a client."""

    @property
    def connection(self) -> Connection:
        """Knows the service's id of the workspace, and what the day leaves."""
        ...

    async def list_approvals(
        self,
        query: Mapping[str, str | None],
        *,
        workspace_id: str | None = None,
        before_page: BeforePage = ...,
    ) -> ToolApprovals:
        """List approvals; `before_page` is awaited before each request, and what it raises ends the list."""
        ...


def approvals_of(approvals: Iterable[ToolApproval], runs: Iterable[RunIds]) -> list[ToolApproval]:
    """Return the approvals that belong to one of these runs.

    Examples
    --------
    >>> listed = [ToolApproval(id="a1", run_id="run_1"), ToolApproval(id="a2", run_id="run_2")]
    >>> [approval.id for approval in approvals_of(listed, [RunIds("req_2", "run_2")])]
    ['a2']
    """
    ids = {id_ for run in runs for id_ in run if id_}
    return [approval for approval in approvals if {approval.run_id, approval.request_id} & ids]


def no_workspace_text(runs: int) -> str:
    """Return what to do where so many runs wait and the workspace id is not known, in a sentence of a page.

    Examples
    --------
    >>> no_workspace_text(2).partition(";")[0]
    '2 runs may wait for a decision about a tool'
    """
    waiting = f"{counted(runs, 'run')} may wait for a decision about a tool"
    return f"{waiting}; to list them here, set fh.configure(workspace_id=...), then show this again"


@dataclass(frozen=True, slots=True)
class ListedTools:
    """What some runs wait for."""

    found: Found
    error: FetchHiveError | None = None
    """Why some of it may be missing: the list of all came, that of a single run did not."""

    def approvals(self, on_decision: Callable[[str], object], *, steps: WaitingSteps = NO_STEPS) -> ToolApprovals:
        """Return the approvals; `on_decision` is called with the first id of a run once one of it was decided.

        With what other runs wait for, of which nobody decides here.
        """
        return ToolApprovals(
            [replace(approval, _on_decision=partial(on_decision, run)) for run, approval in self.found.values()],
            steps=steps,
        )


class RunApprovals:
    """Lists what some runs wait for.

    Parameters
    ----------
    lister : ApprovalLister
        Lists approvals.
    before_page : async function
        Awaited before each request; what it raises ends the list.
    most_runs : int, optional
        How many runs are asked for by themselves in one list; any number without it.
    """

    def __init__(
        self,
        lister: ApprovalLister,
        *,
        before_page: BeforePage = no_bound,
        most_runs: int | None = None,
    ) -> None:
        self._lister = lister
        self._before_page = before_page
        self._most_runs = most_runs
        self._heeds: dict[bool, bool] = {}
        """Whether the service lists by the id of a request (true), or of a run, what belongs to it alone."""
        self._refused: dict[bool, CallError] = {}
        """The refusal of an id that no run has, by kind of id, in place of an entry of :attr:`_heeds`."""
        self._failed: Counter[str] = Counter()
        """How often the list of a run has failed, by the first id of the run."""
        self._owners: dict[str, str] = {}
        """Approval -> the first id of the run by whose id it was found."""
        self._looked_at: dict[str, frozenset[str]] = {}
        """Run -> the approvals that were on the list of all when it was asked for by itself."""

    async def of(self, runs: Sequence[RunIds], workspace_id: str | None = None) -> ListedTools:
        """Return what the runs wait for now; where none waits, nothing is asked for.

        Runs that come first are asked for first.
        """
        if not runs:
            return ListedTools({})
        listed = await self._list(workspace_id)
        firsts = {run.first for run in runs}
        found = {
            approval.id: (owner, approval)
            for approval in listed
            if (owner := self._owners.get(approval.id)) is not None and owner in firsts
        }
        found |= {approval.id: (run.first, approval) for run in runs for approval in approvals_of(listed, [run])}
        others = frozenset(approval.id for approval in listed) - found.keys()
        owners = {owner for owner, _ in found.values()}
        unmatched = [
            run for run in runs if run.first not in owners and others - self._looked_at.get(run.first, frozenset())
        ]
        # Those whose list has failed come last: what fails for one run may fail for ever.
        unmatched.sort(key=lambda run: self._failed[run.first])
        asked, errors = 0, list[FetchHiveError]()
        for run in unmatched:
            if asked == self._most_runs or len(errors) == MOST_ERRORS or others <= found.keys():
                break
            try:
                if not await self._heeds_ids_of(run, workspace_id):
                    continue
            except FetchHiveError as exc:
                errors.append(exc)
                break
            asked += 1
            try:
                those = await self._list_of(run, workspace_id)
            except (*FINAL, ConnectFailed) as exc:
                errors.append(exc)
                break
            except FetchHiveError as exc:
                errors.append(exc)
                self._failed[run.first] += 1
                continue
            self._looked_at[run.first] = others
            self._owners |= dict.fromkeys((approval.id for approval in those), run.first)
            for approval in those:
                found.setdefault(approval.id, (run.first, approval))
        return ListedTools(found, errors[0] if errors else None)

    async def of_one(self, run: RunIds, workspace_id: str | None = None) -> ListedTools:
        """Return what one run waits for now, by its own ids: the list of all may have many pages."""
        for ids in dict.fromkeys([run, RunIds(run_id=run.run_id)]):
            listed = await self._list_of(ids, workspace_id) if ids.first else ()
            # Its own on our side, too: a service that ignores the id lists what is others'.
            own: Sequence[ToolApproval] = approvals_of(listed, [run])
            if listed and not own and await self._heeds_ids_of(ids, workspace_id):
                own = listed
            if own:
                return ListedTools({approval.id: (run.first, approval) for approval in own})
        return ListedTools({})

    async def _list(
        self, workspace_id: str | None, *, run_id: str | None = None, request_id: str | None = None
    ) -> ToolApprovals:
        query = {"status": "pending", "run_id": run_id, "request_id": request_id}
        return await self._lister.list_approvals(query, workspace_id=workspace_id, before_page=self._before_page)

    async def _list_of(self, run: RunIds, workspace_id: str | None) -> ToolApprovals:
        """Return what is listed by the id of a run: nothing where the service does not know the id."""
        run_id = None if run.request_id else run.run_id
        try:
            return await self._list(workspace_id, request_id=run.request_id, run_id=run_id)
        except CallError as exc:
            if exc.status_code not in NOT_FOUND_STATUSES:
                raise
            return ToolApprovals()

    async def _heeds_ids_of(self, run: RunIds, workspace_id: str | None) -> bool:
        """Whether what is listed by the id of a run is its own: a service that ignores ids lists what is others'.

        One that heeds them lists nothing for an id that no run has. It is asked while the list of all has something,
        and where it takes no such id, once: the refusal says nothing of ids, and stays.
        """
        is_request = bool(run.request_id)
        if (refusal := self._refused.get(is_request)) is not None:
            raise refusal
        if is_request not in self._heeds:
            nobody = RunIds(request_id=NO_RUN) if is_request else RunIds(run_id=NO_RUN)
            try:
                self._heeds[is_request] = not await self._list_of(nobody, workspace_id)
            except CallError as exc:
                if exc.status_code == BAD_REQUEST:
                    self._refused[is_request] = exc
                raise
        return self._heeds[is_request]


class WaitingTools:
    """The tools that some runs wait for, in one place.

    Parameters
    ----------
    lister : ApprovalLister
        Lists them.
    waiting : function
        Returns the ids of each run that waits now; from any thread.
    changed : function
        Called, on whatever thread, when :attr:`approvals` or :attr:`problem` has changed.
    watch : function
        The poller's.
    """

    def __init__(
        self,
        lister: ApprovalLister,
        waiting: Callable[[], Sequence[RunIds]],
        changed: Callable[[], object],
        *,
        watch: Callable[..., None] = polling.watch,
    ) -> None:
        self._lister = lister
        self._waiting = waiting
        self._changed = changed
        self._poll = watch
        self._runs = RunApprovals(lister, before_page=self._count_request, most_runs=MOST_RUNS)
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        """The runs that the list was asked for, by the first id of each."""
        self._found: Found = {}
        self._owners: dict[str, str] = {}
        """Approval -> the first id of its run, of all that were listed."""
        self._decisions = 0
        self._requests = 0
        self._most_requests = MOST_REQUESTS
        self.problem = ""
        """Why they are not known, and what to do."""

    @property
    def approvals(self) -> list[ToolApproval]:
        """Those that wait, as they were listed last."""
        return [approval for _, approval in self._found.values()]

    def follow(self, *, most_looks: int = MOST_LOOKS) -> None:
        """Ask for the list soon, if a run waits that it was not asked for; from any thread."""
        with self._lock:
            waiting = frozenset(run.first for run in self._waiting())
            can_list = not waiting or self._lister.connection.find_workspace_id() is not None
            is_new, self._known = bool(waiting - self._known), waiting if can_list else frozenset()
        if not can_list:
            self._take({}, no_workspace_text(len(waiting)))
            return
        self._take(self._found, self.problem if waiting else "")
        if is_new:
            self._poll(self, most_looks=most_looks)

    def decided(self, approval_id: str) -> str:
        """Ask for the list again, soon: a decision was sent, and its run may ask for the next tool."""
        with self._lock:
            self._decisions += 1
            self._most_requests = max(self._most_requests, self._requests + MOST_LOOKS)
            owner = self._owners.get(approval_id, "")
        if self._known:
            self._poll(self, most_looks=MOST_LOOKS)
        return owner

    async def _count_request(self) -> None:
        if self._requests >= self._most_requests:
            raise LimitReached(ASKED_ENOUGH)
        if not await self._lister.connection.has_room_for("lookup"):
            raise LimitReached(CAP_USED)
        self._requests += 1

    @property
    def service(self) -> Hashable:
        """Who is asked; see :class:`~fh_notebook.client.polling.PolledRun`."""
        return self._lister.connection.workspace

    @property
    def longest_s(self) -> float:
        """Seconds between two lists; see :class:`~fh_notebook.client.polling.PolledRun`."""
        return polling.LONGEST_S

    async def look(self) -> float | None:
        """Ask for the list once; see :class:`~fh_notebook.client.polling.PolledRun`."""
        runs, decisions = self._waiting(), self._decisions
        if not runs:
            return None
        try:
            listed = await self._runs.of(runs)
        except FetchHiveError as exc:
            listed = ListedTools(self._found, exc)
        # What was listed before a decision is not shown after it: it is listed again.
        found = listed.found if decisions == self._decisions else self._found
        self._take(found, one_line(str(listed.error or ""), limit=300))
        if listed.error is not None:
            return None if isinstance(listed.error, FINAL) else 0.0
        return None if {run.first for run in self._waiting()} <= {run for run, _ in listed.found.values()} else 0.0

    def _take(self, found: Found, problem: str) -> None:
        """Take what was listed, of the runs that wait still: some may have gone on meanwhile."""
        with self._lock:
            waiting = {run.first for run in self._waiting()}
            found = {id_: entry for id_, entry in found.items() if entry[0] in waiting}
            has_changed = (found, problem) != (self._found, self.problem)
            self._found, self.problem = found, problem
            self._owners |= {id_: owner for id_, (owner, _) in found.items()}
        if has_changed:
            self._changed()
