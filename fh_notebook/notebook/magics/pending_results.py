"""Pending results: submit the requests of a cell for later delivery, and update the display when runs change.

Nothing waits here. A workflow with a human in the loop may take days, and that person may sit at this notebook: a cell
that waited for the answer would block them. The display is updated from the background loop, whatever cell runs then,
also after the page was reloaded and in an app (facts 5 and 6 of `ui.buttons`); a saved notebook has the last state, as
HTML and as text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fh_notebook.client.clients import Client
from fh_notebook.client.direct_runs import DIRECT_RUNS
from fh_notebook.client.pending_run import PendingRun
from fh_notebook.contract import output as output_view
from fh_notebook.contract.callbacks import NOWHERE, RunIds
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.run import WHOLE, Run, shown_output
from fh_notebook.core import event_loop
from fh_notebook.core.text import html
from fh_notebook.notebook.approvals.decisions import CellPlace, Decisions, can_decide
from fh_notebook.notebook.results.cards import SideBySide
from fh_notebook.notebook.results.served_outputs import ServedOutputs, served_outputs
from fh_notebook.notebook.shell import new_handle, no_lost_widget
from fh_notebook.notebook.ui.buttons import WidgetPlace, import_widgets

if TYPE_CHECKING:
    import pandas as pd


class _Card:
    """What is shown of it at one moment."""

    def __init__(
        self,
        result: PendingRun | PendingResults,
        place: CellPlace | None,
        served: ServedOutputs | None,
        form: str | None = None,
    ) -> None:
        page = SideBySide(_calls(result), whole=WHOLE, show=form, served=served).page()
        self.content = page if place is None else place.beside(page), repr(result)

    def __repr__(self) -> str:
        return self.content[1]

    def _repr_html_(self) -> str:
        return self.content[0]


def _calls(result: PendingRun | PendingResults) -> Sequence[PendingRun | Run]:
    return tuple(result) if isinstance(result, PendingResults) else (result,)


def _shown(call: PendingRun | Run) -> output_view.ShownOutput:
    return shown_output(call.run if isinstance(call, PendingRun) else call)


class _LiveCard:
    """A card on the page: in widgets, of which a page that is reloaded and an app hear, and the display beside them.

    Once nothing more will come the widgets are left, and the display has the card alone.

    Parameters
    ----------
    card : _Card
        What is shown first.
    goes_on : bool
        Whether it will change, before somebody's eyes.
    """

    def __init__(self, card: _Card, *, goes_on: bool) -> None:
        self.card = card
        self._dom_class = ""
        """Of what the widgets hide."""
        self._handle = new_handle()
        self._handle.display(card)
        self._place = WidgetPlace(self)
        if goes_on:
            import_widgets()
            self._place.put([], text="")

    def show(self, card: _Card, *, goes_on: bool) -> None:
        """Show how it is now."""
        self.card = card
        self._handle.update(self)
        if goes_on:
            self._place.show(self.page())
        elif self._place.has_box:
            self._place.leave()

    def page(self) -> str:
        """Return it as HTML."""
        return self.card.content[0]

    def below(self) -> str:
        """Return nothing: all of it is above."""
        return ""

    def stand_in(self, dom_class: str, text: str) -> None:
        """Be what is seen where the widgets are not."""
        self._dom_class = dom_class
        self._handle.update(self)

    def __repr__(self) -> str:
        return repr(self.card)

    def _repr_html_(self) -> str:
        if not self._dom_class:
            return self.page()
        return html.el("div", no_lost_widget(self._dom_class), html.Html(self.page()), cls=self._dom_class)


def show(result: PendingRun | PendingResults, form: str | None = None) -> None:
    """Display `result`, and follow it until nothing more will come; `form` is ``--show`` of a cell."""
    place = CellPlace() if result.waiting and can_decide() else None
    served = served_outputs()

    def drawn() -> _Card:
        if served is not None:
            served.put(map(_shown, _calls(result)))
        return _Card(result, place, served, form)

    live = _LiveCard(drawn(), goes_on=result.waiting and served is not None)
    follow = _decisions(result, place) if place is not None else lambda: None
    if served is not None:
        served.serve()

    def update(_: Any) -> None:
        live.show(drawn(), goes_on=result.waiting)
        follow()

    def count_look_up(_: Any) -> None:
        # While a person may be about to press a button, or reads a question that is unfolded, it stays as it is.
        if all(call.status != "awaiting_approval" for call in _calls(result)):
            live.show(drawn(), goes_on=result.waiting)

    if result.waiting:
        result.on_change(update)
        result.on_look(count_look_up)
    # It may have changed while it was put on the page, when nobody listened yet, or beside an update of this thread.
    while (now := drawn()).content != live.card.content:
        live.show(now, goes_on=result.waiting)
    follow()


def _decisions(result: PendingRun | PendingResults, place: CellPlace) -> Callable[[], None]:
    """Have the tools that runs wait for shown in a place; return what is to be called when a run has changed."""
    runs = [result] if isinstance(result, PendingRun) else result.pending
    place.reserve()

    def look_soon(first: str) -> None:
        for run in runs:
            if run.ids.first == first:
                run.look_soon()

    def waiting() -> list[RunIds]:
        return [run.ids for run in runs if run.may_wait_for_tool]

    decisions = Decisions(waiting, place=place.put, on_decision=look_soon, hides=place.to_type, repeats=place.asked)
    return lambda: decisions.follow(runs[0].lister) if runs else None


class PendingResults(Sequence[Any]):
    """The calls of one cell, of which some are answered later: a `PendingRun` each, or a `Run` that is there already.

    Parameters
    ----------
    calls : sequence of PendingRun or Run
        In the order in which they were asked for.
    """

    def __init__(self, calls: Sequence[PendingRun | Run]) -> None:
        self._calls = tuple(calls)

    def __getitem__(self, index: Any) -> Any:
        return self._calls[index]

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[PendingRun | Run]:
        return iter(self._calls)

    @property
    def pending(self) -> tuple[PendingRun, ...]:
        """Those that are waited for still."""
        return tuple(call for call in self._calls if isinstance(call, PendingRun) and call.waiting)

    @property
    def frame(self) -> pd.DataFrame:
        """All calls as they are now, a line each."""
        from fh_notebook.batching.tables.frames import frame_of_runs

        return frame_of_runs([call.run if isinstance(call, PendingRun) else call for call in self._calls])

    def wait(self, timeout_s: float | None = None) -> pd.DataFrame:
        """Wait for all of them, and return their frame; after `timeout_s` seconds, as far as it is known."""
        event_loop.run(self._all(timeout_s))
        return self.frame

    async def _all(self, timeout_s: float | None) -> None:
        await asyncio.gather(*(call.outcome(timeout_s) for call in self.pending))

    def on_change(self, call: Any) -> None:
        """Have `call` called, on the background loop, when the status of one changes."""
        for pending in self.pending:
            pending.on_change(lambda _: call(self))

    def on_look(self, call: Any) -> None:
        """Have `call` called, on the background loop, after each look-up of one."""
        for pending in self.pending:
            pending.on_look(lambda _: call(self))

    @property
    def waiting(self) -> bool:
        """Whether any of them is waited for."""
        return bool(self.pending)

    def __repr__(self) -> str:
        return "\n".join(repr(call) for call in self._calls)

    def _repr_html_(self) -> str:
        return SideBySide(self._calls, whole=WHOLE).page()

    def _ipython_display_(self) -> None:
        show(self)


def submit_all(client: Client, requests: Sequence[InvokeRequest], delivery: str) -> PendingRun | PendingResults:
    """Submit every request, and return what goes on: of one request its `PendingRun`."""

    async def submit(request: InvokeRequest) -> PendingRun:
        return await client.aclient.submit_request(request, callback=NOWHERE if delivery == "poll" else None)

    async def all_of_them() -> list[PendingRun]:
        return await asyncio.gather(*(submit(request) for request in requests))

    calls = event_loop.run(all_of_them())
    return calls[0] if len(calls) == 1 else PendingResults(calls)


def ending_later(runs: Sequence[Run]) -> PendingResults | None:
    """Return the calls of a cell, where one of the direct ones ends later and somebody may decide about it."""
    if all(run.done for run in runs) or not can_decide():
        return None
    calls = [DIRECT_RUNS.wait_for(run) or run for run in runs]
    return PendingResults(calls) if any(isinstance(call, PendingRun) for call in calls) else None
