"""The tools that runs of one client wait for: listed while one of them waits, each with the run that it belongs to.

Rule of this file: a list counts against the daily cap, as a look-up does. The poller asks for it as it looks runs up
(growing intervals): when a run begins to wait, at most :data:`MOST_LOOKS` times and until each run that waits is on it;
and once after a decision. One place sends at most :data:`MOST_REQUESTS` requests, and those that follow decisions of a
person. An approval of none of these runs is left out. It may name its run by an id that is not known here: then those
of a run are asked for, for a few runs, and for each of them only while the list has something that was not looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from fh_notebook.client import polling
from fh_notebook.client.approvals import ToolApproval, ToolApprovals
from fh_notebook.client.connection import Connection
from fh_notebook.contract.callbacks import RunIds
from fh_notebook.contract.retry import NOT_FOUND_STATUSES
from fh_notebook.contract.run import one_line
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import AuthError, CallError, FetchHiveError, SettingsError

__all__ = [
    "MOST_LOOKS",
    "MOST_REQUESTS",
    "ApprovalLister",
    "RunApprovals",
    "WaitingTools",
    "approvals_of",
    "no_workspace_text",
]

MOST_LOOKS: Final = 6
"""Some 25 s: a run that waits for a person at the service is on no list."""

MOST_REQUESTS: Final = 60
"""Of one place, such as the block of a batch: of many runs each begins to wait at another time."""

MOST_RUNS: Final = 4
"""Runs whose approvals are asked for by themselves in one look: each is one more request."""

NO_RUN: Final = "fh-notebook-no-such-run"
"""An id that no run has."""

ASKED_ENOUGH: Final = (
    f"The list of tools was asked for {MOST_REQUESTS} times and is not asked for any more, because each request may "
    "count against the daily cap; client.approvals() lists what waits now"
)

Found = Mapping[str, tuple[str, ToolApproval]]
"""Approvals by their id: the first id of the run whose each is, and the approval as it was listed last."""


class ApprovalLister(Protocol):
    """What lists approvals: a client."""

    @property
    def connection(self) -> Connection:
        """Knows the service's id of the workspace."""
        ...

    async def approvals(
        self, *, workspace_id: str | None = None, run_id: str | None = None, request_id: str | None = None
    ) -> ToolApprovals:
        """List the tools that wait for a decision."""
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


class RunApprovals:
    """Lists what some runs wait for, and counts the requests.

    Parameters
    ----------
    lister : ApprovalLister
        Lists approvals.
    """

    def __init__(self, lister: ApprovalLister) -> None:
        self._lister = lister
        self.requests = 0
        """Requests so far."""
        self._heeds: dict[bool, bool] = {}
        """Whether the service lists by the id of a request (true), or of a run, what belongs to it alone."""
        self._owners: dict[str, str] = {}
        """Approval -> the first id of the run by whose id it was found."""
        self._looked_at: dict[str, frozenset[str]] = {}
        """Run -> the approvals that were on the list of all when it was asked for by itself."""

    async def of(self, runs: Sequence[RunIds], workspace_id: str | None = None) -> Found:
        """Return what the runs wait for now; where none waits, nothing is asked for.

        Raises
        ------
        SettingsError, AuthError, ConnectFailed, LimitReached, CallError
            As `AsyncClient.approvals`.
        """
        if not runs:
            return {}
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
            run
            for run in runs
            if run.first not in owners
            and others - self._looked_at.get(run.first, frozenset())
            and self._heeds.get(bool(run.request_id), True)
        ]
        for run in unmatched[:MOST_RUNS]:
            those: Sequence[ToolApproval] = await self._list_of(run, workspace_id)
            if not await self._are_of_run(those, listed, run, workspace_id):
                those = approvals_of(those, [run])
            self._looked_at[run.first] = others
            self._owners |= dict.fromkeys((approval.id for approval in those), run.first)
            for approval in those:
                found.setdefault(approval.id, (run.first, approval))
        return found

    async def _list(
        self, workspace_id: str | None, *, run_id: str | None = None, request_id: str | None = None
    ) -> ToolApprovals:
        self.requests += 1
        listed = await self._lister.approvals(workspace_id=workspace_id, run_id=run_id, request_id=request_id)
        self.requests += listed.pages - 1
        return listed

    async def _list_of(self, run: RunIds, workspace_id: str | None) -> ToolApprovals:
        run_id = None if run.request_id else run.run_id
        return await self._list(workspace_id, request_id=run.request_id, run_id=run_id)

    async def _are_of_run(
        self, those: Sequence[ToolApproval], listed: Sequence[ToolApproval], run: RunIds, workspace_id: str | None
    ) -> bool:
        """Whether what was listed by the id of a run is its own: a service that ignores the id lists what is others'.

        It does not ignore it where it left something out, or lists nothing for an id that no run has.
        """
        if {approval.id for approval in those} < {approval.id for approval in listed}:
            return True
        is_request = bool(run.request_id)
        if is_request not in self._heeds:
            nobody = RunIds(request_id=NO_RUN) if is_request else RunIds(run_id=NO_RUN)
            try:
                self._heeds[is_request] = not await self._list_of(nobody, workspace_id)
            except CallError as exc:
                self._heeds[is_request] = exc.status_code in NOT_FOUND_STATUSES
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
        self._runs = RunApprovals(lister)
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        """The runs that the list was asked for, by the first id of each."""
        self._found: Found = {}
        self._decisions = 0
        self._most_requests = MOST_REQUESTS
        self.problem = ""
        """Why they are not known, and what to do."""

    @property
    def approvals(self) -> list[ToolApproval]:
        """Those that wait, as they were listed last."""
        return [approval for _, approval in self._found.values()]

    def follow(self, *, most_looks: int = MOST_LOOKS) -> None:
        """Ask for the list soon, if a run waits that it was not asked for; from any thread.

        Parameters
        ----------
        most_looks : int
            How often it is asked for at most, for the same runs.
        """
        with self._lock:
            waiting = frozenset(run.first for run in self._waiting())
            is_new, self._known = bool(waiting - self._known), waiting
        self._take(self._found, self.problem if waiting else "")
        if is_new:
            self._watch(most_looks)

    def decided(self, approval_id: str) -> str:
        """Ask for the list once more, soon: a decision was sent, and its run may ask for the next tool.

        Returns
        -------
        str
            The first id of that run; empty where it has gone on already.
        """
        with self._lock:
            self._decisions += 1
            self._most_requests = max(self._most_requests, self._runs.requests + 1)
            owner, _ = self._found.get(approval_id, ("", None))
        self._watch(1)
        return owner

    def _watch(self, most_looks: int) -> None:
        if self._lister.connection.find_workspace_id() is None:
            self._take({}, no_workspace_text(len(self._known)) if self._known else "")
        elif self._known:
            self._poll(self, most_looks=most_looks)

    async def look(self) -> float | None:
        """Ask for the list once; see :class:`~fh_notebook.client.polling.PolledRun`."""
        runs, decisions = self._waiting(), self._decisions
        if not runs:
            return None
        if self._runs.requests >= self._most_requests:
            self._take(self._found, ASKED_ENOUGH)
            return None
        try:
            found = await self._runs.of(runs)
        except FetchHiveError as exc:
            self._take(self._found, one_line(str(exc)))
            return None if isinstance(exc, AuthError | SettingsError) else 0.0
        if (
            decisions == self._decisions
        ):  # else it may have been listed before the decision, after which it is listed again
            self._take(found, "")
        return None if {run.first for run in self._waiting()} <= {run for run, _ in found.values()} else 0.0

    def _take(self, found: Found, problem: str) -> None:
        """Take what was listed, of the runs that wait still: some may have gone on meanwhile."""
        with self._lock:
            waiting = {run.first for run in self._waiting()}
            found = {id_: entry for id_, entry in found.items() if entry[0] in waiting}
            has_changed = (found, problem) != (self._found, self.problem)
            self._found, self.problem = found, problem
        if has_changed:
            self._changed()
