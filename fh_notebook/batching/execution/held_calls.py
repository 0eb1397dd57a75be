"""`HeldCalls`: direct calls of one start that the service answered before their runs ended: they wait for a decision.

Rule of this file: such a run is looked up from the first decision about it on that is sent here, and not before: a
look-up may count against the daily cap. Its outcome takes the place of the answer, also after the start has ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from fh_notebook.batching.model import AWAITS_DECISION, Finished
from fh_notebook.client.pending_run import PendingRun, tell_decisions
from fh_notebook.contract.callbacks import RunIds, step_of, waits_for_tool
from fh_notebook.contract.run import Run
from fh_notebook.core import event_loop
from fh_notebook.core.event_loop import on_loop

if TYPE_CHECKING:
    from fh_notebook.client.clients import AsyncClient


class HeldCalls:
    """The calls of a batch whose answers say that their runs wait for a decision about a tool.

    Parameters
    ----------
    client : AsyncClient
        Looks runs up.
    batch : str
        The batch's name.
    ask_now : str
        What to do once the daily cap has ended look-ups, in words.
    keep : async function of Finished and Run
        Puts the outcome of a run in the place of the answer.
    on_change : function
        Called on the background loop when something to be shown has changed.
    """

    def __init__(
        self,
        client: AsyncClient,
        batch: str,
        *,
        ask_now: str,
        keep: Callable[[Finished, Run], Awaitable[None]],
        on_change: Callable[[], object],
    ) -> None:
        self._client = client
        self._batch = batch
        self._ask_now = ask_now
        self._keep = keep
        self._on_change = on_change
        self._answers: dict[int, Finished] = {}
        """By the number of the job."""
        self._waiting: dict[int, RunIds] = {}
        self._pending: dict[int, PendingRun] = {}
        """Those about which a decision was sent."""
        self._steps: dict[int, str] = {}
        """What those wait for that wait for a human-in-the-loop step, by the number of the job."""
        tell_decisions(self)

    @property
    def waiting(self) -> list[RunIds]:
        """The ids of each run that waits; from any thread."""
        return list(self._waiting.values())

    @property
    def steps(self) -> list[str]:
        """The human-in-the-loop steps that other runs wait for; from any thread."""
        return list(self._steps.values())

    def note(self, answer: Finished) -> None:
        """Note how a job was answered: it is one of these calls, or is none any more."""
        number = answer.job.number
        for known in (self._answers, self._waiting, self._pending, self._steps):
            known.pop(number, None)
        if answer.run.status != AWAITS_DECISION:
            return
        ids = RunIds.of(answer.run)
        if step := step_of(answer.run):
            self._steps[number] = answer.job.shown(replace(answer.run, error=step)).error or ""
        elif waits_for_tool(answer.run) and ids.first:
            self._answers[number], self._waiting[number] = answer, ids

    def look_soon(self, run: str) -> None:
        """Look a run up soon, by its first id; from any thread."""
        self.note_decision(self._client.workspace, frozenset({run}))

    def note_decision(self, workspace: str, ids: frozenset[str]) -> None:
        """Look up soon the run with one of these ids; see :class:`~fh_notebook.client.pending_run.HeldRuns`."""
        if workspace == self._client.workspace:
            on_loop(event_loop.background().loop, partial(self._look_soon, ids))

    def _look_soon(self, decided: frozenset[str]) -> None:
        for number, ids in self._waiting.items():
            if not decided.intersection(ids):
                continue
            if (pending := self._pending.get(number)) is not None:
                pending.look_soon()
            else:
                self._pending[number] = pending = self._pending_of(self._answers[number])
                pending.on_change(partial(self._changed, number))
                pending.begin(poll=True)
            return

    def _pending_of(self, answer: Finished) -> PendingRun:
        return PendingRun(
            client=self._client,
            request=answer.job.request(self._batch),
            first=answer.run,
            receiver=None,
            keep=partial(self._keep, answer),
            ask_now=self._ask_now,
        )

    def _changed(self, number: int, pending: PendingRun) -> None:
        if self._pending.get(number) is not pending:
            return  # the job was called again meanwhile
        if not pending.waiting:  # without an outcome where the key is refused: another decision looks it up again
            del self._pending[number]
        if pending.may_wait_for_tool:
            self._waiting[number] = pending.ids
        elif pending.waiting or pending.done:
            self._waiting.pop(number, None)
        self._on_change()
