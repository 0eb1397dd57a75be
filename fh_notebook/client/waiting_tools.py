"""The tools that runs of one client wait for: listed while one of them waits, and told which run they belong to.

Rule of this file: a list counts against the daily cap, as a look-up does. It is asked for when a run begins to wait, as
the poller looks runs up (growing intervals), until each of them is on it, and at most :data:`MOST_ASKS` times; then
again as often when another run begins to wait, and once after a decision. An approval of none of these runs is left
out. It may name its run by an id that is not known here: then those of a run are asked for, for a few runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from fh_notebook.client import polling
from fh_notebook.client.approvals import ToolApproval, ToolApprovals
from fh_notebook.client.connection import Connection
from fh_notebook.contract.callbacks import RunIds
from fh_notebook.contract.run import one_line
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import AuthError, CallError, FetchHiveError, SettingsError

__all__ = ["MOST_ASKS", "ApprovalLister", "WaitingTools", "approvals_of", "no_workspace_text"]

MOST_ASKS: Final = 6
"""Some 25 s: a run that waits for a person at the service is on no list."""

MOST_RUNS: Final = 4
"""Runs whose approvals are asked for by themselves: each is one more request."""


NO_RUN: Final = "fh-notebook-no-such-run"
"""An id that no run has."""
NOT_FOUND: Final = 404


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


class WaitingTools:
    """The tools that some runs wait for.

    Parameters
    ----------
    lister : ApprovalLister
        Lists them.
    waiting : function
        Returns the ids of each run that waits now.
    changed : function
        Called on the background loop when :attr:`approvals` or :attr:`problem` has changed.
    """

    def __init__(
        self,
        lister: ApprovalLister,
        waiting: Callable[[], Sequence[RunIds]],
        changed: Callable[[], object],
    ) -> None:
        self._lister = lister
        self._waiting = waiting
        self._changed = changed
        self._most_asks = MOST_ASKS
        self._asks = 0
        self._known: frozenset[str] = frozenset()
        """The runs that the list was asked for, by the first id of each."""
        self._found: dict[str, tuple[str, ToolApproval]] = {}
        """Those that wait, by their id: whose they are, and as they were listed last."""
        self._heeds: dict[bool, bool] = {}
        """Whether the service lists by the id of a request (true), or of a run, what belongs to it alone."""
        self.problem = ""
        """Why they are not known, and what to do."""

    @property
    def approvals(self) -> list[ToolApproval]:
        """Those that wait, as they were listed last."""
        return [approval for _, approval in self._found.values()]

    def follow(self, *, most_asks: int | None = None) -> None:
        """Ask for the list soon, if a run waits that it was not asked for; from any thread.

        Parameters
        ----------
        most_asks : int, optional
            How often it is asked for at most, for the same runs.
        """
        self._most_asks = most_asks or MOST_ASKS
        waiting = frozenset(run.first for run in self._waiting())
        if waiting - self._known:
            self._asks = 0
            self._watch()
        elif self._known - waiting:  # it goes on
            self._known = waiting
            found = {id_: entry for id_, entry in self._found.items() if entry[0] in waiting}
            self._take(found, self.problem if waiting else "")

    def ask_again(self) -> None:
        """Ask for the list once more, soon: a decision was sent, and its run may ask for the next tool."""
        self._asks = min(self._asks, self._most_asks - 1)
        self._watch()

    def _watch(self) -> None:
        self._known = frozenset(run.first for run in self._waiting())
        if self._lister.connection.find_workspace_id() is None:
            self._take({}, no_workspace_text(len(self._known)) if self._known else "")
        elif self._known:
            polling.watch(self)

    async def look(self) -> float | None:
        """Ask for the list once; see :class:`~fh_notebook.client.polling.PolledRun`."""
        runs = self._waiting()
        if not runs:
            return None
        self._asks += 1
        is_last = self._asks >= self._most_asks
        try:
            found = await self._list(runs, None)
        except FetchHiveError as exc:
            self._take(self._found, one_line(str(exc)))
            return None if is_last or isinstance(exc, AuthError | SettingsError) else 0.0
        waiting = {run.first for run in self._waiting()}  # some may have gone on meanwhile
        found = {id_: entry for id_, entry in found.items() if entry[0] in waiting}
        self._take(found, "")
        return None if is_last or waiting <= {run for run, _ in found.values()} else 0.0

    async def list_now(self, workspace_id: str | None) -> list[ToolApproval]:
        """Return what the runs wait for now; where none waits, nothing is asked for.

        Raises
        ------
        SettingsError, AuthError, ConnectFailed, LimitReached, CallError
            As `AsyncClient.approvals`.
        """
        runs = self._waiting()
        found = await self._list(runs, workspace_id) if runs else {}
        return [approval for _, approval in found.values()]

    async def _list(self, runs: Sequence[RunIds], workspace_id: str | None) -> dict[str, tuple[str, ToolApproval]]:
        listed = await self._lister.approvals(workspace_id=workspace_id)
        found = {approval.id: (run.first, approval) for run in runs for approval in approvals_of(listed, [run])}
        has_others = len(found) < len(listed)
        unmatched = [run for run in runs if has_others and run.first not in {owner for owner, _ in found.values()}]
        for run in unmatched[:MOST_RUNS]:
            those = await self._list_of(run, workspace_id)
            if not await self._are_of_run(those, listed, run, workspace_id):
                those = approvals_of(those, [run])
            for approval in those:
                found.setdefault(approval.id, (run.first, approval))
        return found

    async def _list_of(self, run: RunIds, workspace_id: str | None) -> Sequence[ToolApproval]:
        run_id = None if run.request_id else run.run_id
        return await self._lister.approvals(workspace_id=workspace_id, request_id=run.request_id, run_id=run_id)

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
                self._heeds[is_request] = exc.status_code == NOT_FOUND
        return self._heeds[is_request]

    def _take(self, found: dict[str, tuple[str, ToolApproval]], problem: str) -> None:
        if (found, problem) != (self._found, self.problem):
            self._found, self.problem = found, problem
            self._changed()
