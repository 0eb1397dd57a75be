"""The block of a batch under a cell: its progress while it runs, then its result, with buttons for the next steps.

- One place for all of it: a page that is reloaded has it again. What stands in where widgets are not known (the saved
  file, nbconvert, a kernel that has ended) says the same, with code in place of buttons. It is under a cell, or in the
  widgets of a form (`BlockHost`).
- However short a batch was, it is shown in the end with its buttons, and there once: where a cell ends with the batch,
  the block is what the cell shows.
- A button does what a public function does, on a thread; its result is shown below the block. A call that costs says
  how many calls it makes, and is made once, however often it is clicked.
- The kernel keeps the newest :data:`BLOCKS` blocks; an older one is left as the file has it.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook.batching.batch import ShownBatch
from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.progress.display import ProgressDisplay
from fh_notebook.batching.progress.state import ProgressSource, ProgressState
from fh_notebook.batching.progress.unknown_outcomes import ASK
from fh_notebook.batching.rendering import BatchOverview, ErrorGroup, Offers
from fh_notebook.client.waiting_tools import ApprovalLister
from fh_notebook.contract.callbacks import RunIds
from fh_notebook.contract.output import CSS as OUTPUT_CSS
from fh_notebook.core import event_loop
from fh_notebook.core.redaction import log
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import Audience, Phrase, agreeing, counted
from fh_notebook.notebook.approvals.decisions import Decisions
from fh_notebook.notebook.progress.app_view import app_overview
from fh_notebook.notebook.progress.display import LiveDisplay, LiveProgress, PlainProgress, open_steps, progress_view
from fh_notebook.notebook.shell import running_kernel, running_shell
from fh_notebook.notebook.ui.buttons import CancelMethod, cancel_method, has_person, import_widgets, is_app
from fh_notebook.notebook.ui.display import new_prefix
from fh_notebook.notebook.ui.latest_task import LatestTask

BLOCKS: Final = 12
BELOW: Final = "fh-below"
SHOWN_S: Final = 5.0
"""How long a cell that ends with its batch waits until the block has what came of it; a huge one takes longer."""

TAKE_ANSWERS: Final = f"{ASK} for the outcomes."
TAKE_FROM_SERVICE: Final = "client.retrieve(request_id) returns the outcome."
"""The same of a batch over partitions."""

DOUBLE_CLICK_S: Final = 0.5
"""Within it no second step is decided: the next question takes the place of the one that was decided, and the second
click of a double click would be its answer."""
TOO_SOON: Final = "Not decided: that click came right after the one before. Click again to decide."
NOT_OPEN: Final = "Not decided: that question is not open any more."

IN_BACKGROUND: Final = Phrase(", or start the batch with wait=False", command="", cell="")

STYLE: Final = html.Html(
    "<style>"
    ".fh .fh-error-list{container-type:inline-size;margin:8px 0;max-width:960px}"
    ".fh .fh-error-list .fh-errors{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 8px;margin:6px 0}"
    ".fh .fh-errors>span{overflow-wrap:anywhere;min-width:0}"
    ".fh .fh-errors>.fh-dim{flex-basis:100%;min-width:0;overflow-wrap:anywhere}"
    ".fh .fh-error-acts{display:inline-flex;flex-wrap:wrap;gap:4px 8px;justify-self:end}"
    # Where there is room, counts, sentences and buttons of all errors stand below each other.
    "@container (min-width:560px){"
    ".fh .fh-error-list>div{display:grid;grid-template-columns:max-content minmax(0,1fr) max-content;gap:8px}"
    ".fh .fh-error-list .fh-errors{display:grid;grid-template-columns:subgrid;grid-column:1/-1;margin:0;row-gap:2px}"
    ".fh .fh-errors>.fh-badge{justify-self:start}.fh .fh-errors>.fh-dim{grid-column:2/-1}"
    "}"
    ".fh .fh-acts{display:flex;flex-wrap:wrap;gap:8px;margin:10px 0 12px}"
    # What is wider than the page scrolls by itself.
    ".fh-block .widget-vbox{min-width:0;max-width:100%}"
    ":is(.fh-block,.fh-below)>.widget-html{min-width:0;max-width:100%}"
    ":is(.fh-block,.fh-below)>.widget-html>.widget-html-content{width:100%;min-width:0;max-width:100%}"
    # The arrow that ipywidgets draws is black in the dark theme too; the browser's own follows it.
    ".fh-block select:not([multiple]){appearance:auto;background-image:none;padding-right:4px}"
    ".fh-below{scroll-margin-top:52px}.fh-below:has(>*){margin-bottom:12px}"
    f"{OUTPUT_CSS}</style>"
)


def progress_of_batch(shown: ShownBatch) -> ProgressDisplay | None:
    """Return a display of a start for the kernel that this runs in; ``None`` where there is none."""
    kernel = running_kernel()
    if kernel is None:
        return None
    return PlainProgress() if has_person(kernel) is False else BatchBlock(shown)


def show(shown: ShownBatch) -> bool:
    """Show a batch under the running cell, live; ``False`` where nobody sits before a page."""
    if not has_person(running_kernel()):
        return False
    for block in tuple(_blocks):
        if block.shows(shown, _cell()):
            block.wait(SHOWN_S)  # the block of its start is in the same cell, and is what this shows
            return True
    block = BatchBlock(shown)
    if not shown.control.watch(block):
        block.show_ended()
    return True


def watch(shown: ShownBatch) -> None:
    """Show a batch as :func:`show`; where nobody sits before a page, once, as it is now."""
    if show(shown):
        return
    if running_shell() is None:
        print(shown.batch)  # noqa: T201 - a program has no other place
        return
    from IPython.display import display

    display(shown.batch)  # type: ignore[no-untyped-call]  # IPython's display has no types


_blocks: Final[deque[BatchBlock]] = deque()
"""Those whose buttons are heard, the newest last."""


def _cell() -> str:
    """Return the message that asked for what runs now; empty where nobody knows."""
    try:
        return str(running_kernel().get_parent("shell")["header"]["msg_id"])
    except (AttributeError, KeyError, TypeError):
        return ""


class EndedView:
    """What came of a batch: with code in the file, with buttons in a page.

    Parameters
    ----------
    overview : BatchOverview
        Its counts, errors and first rows.
    text : str
        The same as text.
    offers : Offers
        What has a button.
    above : (str, Html), optional
        The plan, empty where another place says it, and the bar of the start, which stay above it.
    changes : int
        How often something had changed when it was read.
    """

    def __init__(
        self,
        overview: BatchOverview,
        text: str,
        offers: Offers,
        above: tuple[str, html.Html] | None = None,
        *,
        changes: int = 0,
    ) -> None:
        self._overview, self._text, self._offers, self._above = overview, text, offers, above
        self.changes = changes

    def __repr__(self) -> str:
        return f"{self._above[0]}\n{self._text}" if self._above and self._above[0] else self._text

    def _repr_html_(self) -> str:
        return self._page(self._overview.page_html())

    def live_html(self) -> str:
        """Return it with buttons."""
        return self._page(html.join([STYLE, self._overview.head_html(self._offers)]))

    def live_below(self) -> str:
        """Return nothing: the first rows stand below what a button has shown."""
        return ""

    def rows_html(self, prefix: str) -> str:
        """Return the first rows, which a page shows below what a button has shown; a script serves their pictures."""
        return self._overview.rows_html(prefix)

    def _page(self, overview: html.Html) -> str:
        if self._above is None:
            return overview
        plan, bar = self._above
        return html.el("div", html.el("div", plan, cls="fh-dim") if plan else None, bar, overview, cls="fh fh-progress")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockHost:
    """Widgets in which a block is shown in place of a cell's output, such as a form's. They have plan and Cancel."""

    attach: Callable[[Any], object]
    """Puts the block's box into them."""
    changed: Callable[[bool], object]
    """Called when a start has begun (true), and when it has ended."""
    is_app: bool = False
    """Whether they are shown to users of an app, to whom a file of the server is nothing."""


def _not_heard(runs: int, audience: Audience) -> str:
    """Return what to do where so many runs wait and no click is heard, in a sentence of a page."""
    wait = f"{counted(runs, 'run')} {agreeing(runs, 'wait')} for a decision about a tool"
    how = f"decide in Fetch Hive, or press Stop and decide below{IN_BACKGROUND.text(audience)}"
    return f"{wait}, but this kernel handles no clicks until the cell has ended: {how}."


class BatchBlock:
    """The block of one batch in one place; a display of its starts.

    Parameters
    ----------
    shown : ShownBatch
        The batch.
    host : BlockHost, optional
        The widgets that it is among; under the running cell by default.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self, shown: ShownBatch, host: BlockHost | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shown = shown
        self._host = host
        self._display = LiveDisplay(self._act, attach=host.attach if host is not None else None)
        self._has_widgets = host is not None
        """Whether a person sees widgets here: then what came of a start is shown in them."""
        self._context = contextvars.copy_context()
        """In which ipykernel finds the cell that the block is under."""
        self._progress: LiveProgress | None = None
        self._retried: tuple[int, JobCounts] | None = None
        """How many rows a click tries again, and what there was before."""
        self._above: tuple[str, html.Html] | None = None
        self._groups: tuple[ErrorGroup, ...] = ()
        """The errors whose buttons are on the page."""
        self._below: Any = None
        """The box with what a button has shown."""
        self._view: EndedView | None = None
        """What is shown when it has ended."""
        self._changes = 0
        """How often something has changed after an end."""
        self._cell = _cell() if host is None else ""  # here: a start in the background begins on another thread
        self._is_left = False
        """Whether nothing of it is heard any more."""
        self._showing: event_loop.BackgroundJob[None] | None = None
        """What reads and shows what came of the last start."""
        self._task = LatestTask(self._say)
        self._refresh = LatestTask(self._say)
        self._hears = host is not None
        """Whether a click is heard while it runs."""
        self._rows: Any = None
        """The widget with its first rows."""
        self._prefix = new_prefix()
        """What the keys of their outputs begin with."""
        self._clock = clock
        self._decided: dict[str, str] = {}
        """What came of each step that was decided here, by its approval."""
        self._decided_at = -DOUBLE_CLICK_S
        self._waiting: Sequence[RunIds] = ()
        self._said_of: Sequence[RunIds] | None = None
        """Where no click is heard: the runs of which the present start has said how to decide."""
        self._decisions = Decisions(
            lambda: self._waiting, place=self._show_decisions, on_decision=shown.control.status.look_soon
        )

    def _show_decisions(self, widget: Any) -> None:
        """Show the tools that runs wait for in the block's own box, which a page that is reloaded has again."""
        if not self._is_left:
            self._context.copy().run(self._display.place.keep_below, widget)

    @property
    def _lister(self) -> ApprovalLister | None:
        """What lists the tools that runs wait for, where somebody may decide."""
        client = self._shown.control.work.caller.client
        return client.aclient if client is not None and self._has_widgets and not self._is_visited else None

    @property
    def _is_visited(self) -> bool:
        """Whether it is shown to users of an app."""
        return is_app() or (self._host is not None and self._host.is_app)

    def _follow_decisions(self) -> None:
        """Show the tools that runs of the present start wait for, below the block."""
        run, lister = self._shown.control.status.run, self._lister
        if run is None or lister is None or self._progress is None:
            return
        waiting = run.waiting_runs or ()
        if not self._hears:
            if waiting != self._said_of:
                self._said_of = waiting
                audience = self._shown.control.status.audience
                self._progress.say(_not_heard(len(waiting), audience) if waiting else "")
            return
        self._waiting, self._decisions.then = waiting, ""
        self._decisions.follow(lister)

    async def _show_stored_decisions(self) -> None:
        """Show the tools that stored runs wait for; the store is read in a thread."""
        if (lister := self._lister) is None:
            return
        try:
            self._waiting = await asyncio.to_thread(self._shown.control.status.waiting_runs)
        except Exception:
            log.warning("the runs of a batch that wait for a decision could not be read", exc_info=True)
            return
        take = TAKE_FROM_SERVICE if self._shown.batch.is_partitioned else TAKE_ANSWERS
        self._decisions.then = "" if self._progress is not None else take
        self._decisions.follow(lister, most_looks=1)

    def shows(self, shown: ShownBatch, cell: str) -> bool:
        """Whether it is a batch's block under a cell."""
        return bool(cell) and cell == self._cell and self.has_batch(shown)

    def has_batch(self, shown: ShownBatch) -> bool:
        """Whether it is a batch's block."""
        return shown.control is self._shown.control

    # --- while it runs, on its loop

    def begin(self, batch: ProgressSource) -> None:
        """Show the plan and an empty bar, and in a while what can be clicked."""
        if self._host is None:
            self._cell = self._cell or _cell()
            self._has_widgets = bool(has_person(running_kernel()))
            self._hears = cancel_method(running_kernel(), blocks=batch.blocks) is CancelMethod.BUTTON
            self._context = contextvars.copy_context()
        self._groups, self._below = (), None
        self._progress = LiveProgress(self._display, is_alone=self._host is None, is_app=self._is_visited)
        self._progress.begin(batch)
        self._said_of = None
        if self._has_widgets:
            self._remember()  # a cell may end with its batch while this runs
        self._tell_host(is_running=True)
        self._follow_decisions()

    def update(self, batch: ProgressSource) -> None:
        """Show how far it is, unless that was shown just now; after the end, an output that came late."""
        if self._progress is not None:
            self._progress.update(batch)
            self._follow_decisions()
            return
        self._changes += 1  # first: a view that was read before is read again once it is shown
        if self._above is not None:
            self._above = self._state_above(batch)
        if self._view is not None:
            self._refresh.do(self._ended_view, self._show_again)

    def _show_again(self, view: EndedView) -> None:
        """Show what came of it as it is now; what a button has shown stays."""
        if self._progress is None and not self._is_left:
            self._view, self._rows.value = view, view.rows_html(self._prefix)
            self._display.settle(view)

    def end(self, batch: ProgressSource) -> None:
        """Show how it ended, and soon after, where there are widgets, what came of it."""
        if self._progress is None:
            return
        self._progress.end(batch)
        self._progress = None
        self._above = self._state_above(batch)
        if self._has_widgets:
            self._context.run(self._display.place.reserve)
            self._remember()
            self._showing = self._context.run(event_loop.background().submit, self._show_result())
        self._tell_host(is_running=False)

    def _state_above(self, batch: ProgressSource) -> tuple[str, html.Html]:
        """Return the plan, which a form says itself, and the bar that stay above what came of a start."""
        state = ProgressState.of(batch, rate=None, remaining_s=None, refused="")
        plan = batch.plan().when_over if self._host is None and not self._is_visited else ""
        return plan, progress_view(state, summary=batch.summary(), is_app=self._is_visited).bar()

    def _tell_host(self, *, is_running: bool) -> None:
        if self._host is not None:
            self._host.changed(is_running)

    async def _show_result(self) -> None:
        try:
            await asyncio.to_thread(import_widgets)
            view = await asyncio.to_thread(self._ended_view)
            await self._show_stored_decisions()
            if self._is_left:
                self._leave_with(view)
            elif self._progress is None:
                self._settle(view)
                self._say_what_came()
        except Exception:
            log.warning("the result of a batch could not be shown", exc_info=True)

    def wait(self, timeout_s: float) -> None:
        """Wait until it shows what came of a start that has ended."""
        if self._showing is not None:
            self._showing.finished.wait(timeout_s)

    def _say_what_came(self) -> None:
        if self._retried is not None:
            rows, before = self._retried
            self._retried = None
            self._say(_retried_text(rows, before, self._shown.batch.counts, is_app=self._is_visited))

    # --- when it has ended

    def show_ended(self) -> None:
        """Show what came of it under the running cell, with what can be clicked."""
        self._cell = _cell()
        plan, bar = self._state_above(self._shown.control.status)
        # The plan's head alone: which calls it would make is past.
        self._above = (self._shown.batch.plan().head if plan else "", bar)
        view = self._ended_view()
        self._has_widgets = True
        self._display.show(view)
        self._settle(view)
        self._remember()
        event_loop.background().submit(self._show_stored_decisions())

    def _overview(self) -> BatchOverview:
        overview = self._shown.overview()
        return app_overview(overview) if self._is_visited else overview

    def _ended_view(self) -> EndedView:
        changes = self._changes
        overview = self._overview()
        self._groups = tuple(overview.shown_groups)
        return EndedView(overview, repr(self._shown.batch), self._offers(overview), self._above, changes=changes)

    def _offers(self, overview: BatchOverview) -> Offers:
        batch, counts = self._shown.batch, overview.counts
        ended = counts.done + counts.failed + counts.unknown
        return Offers(
            retry=not self._shown.control.work.caller.refusal,
            browse=ended > 0 and not batch.is_partitioned,
            compare=counts.done > 0 and len(batch.plan().variants) > 1,
            save=ended > 0 and not self._is_visited,
        )

    def _settle(self, view: EndedView) -> None:
        from ipywidgets import VBox

        from fh_notebook.notebook.ui.output_actions import output_actions

        self._view = view
        self._below = VBox()
        self._below.add_class(BELOW)
        # In a box of its own: what is shown is in sight when all of that box is.
        self._rows = _results().page_widget(view.rows_html(self._prefix))
        served = output_actions(self._prefix, lambda _: None)
        self._display.place.put([VBox([self._below]), self._rows, served], text="")
        self._display.settle(view)
        if view.changes != self._changes:
            self._refresh.do(self._ended_view, self._show_again)

    def _remember(self) -> None:
        self._is_left = False
        if self._host is not None:
            return  # it is replaced by the next one, and goes with its host
        if self not in _blocks:
            _blocks.append(self)
        while len(_blocks) > BLOCKS:
            _blocks[0].leave()

    def leave(self) -> None:
        """Leave what the file has; nothing can be clicked any more."""
        self._is_left = True
        with suppress(ValueError):
            _blocks.remove(self)
        if self._view is not None:
            self._leave_with(self._view)

    def _leave_with(self, view: EndedView) -> None:
        self._groups, self._below = (), None
        if self._host is None or self._display.place.has_box:
            self._display.leave(view)

    # --- what a person clicks, on the thread that hears it

    def _act(self, name: str) -> None:
        what, _, number = name.partition(":")
        if what == "step":
            self._decide_step(*number.partition(":")[::2])
        elif what in ("show", "retry"):
            groups = self._groups
            if not number.isdigit() or int(number) >= len(groups):
                return
            group = groups[int(number)]
            if what == "show":
                self._open(_results().rows_text(group), lambda: self._rows_of(group))
            else:
                self._groups = ()  # once, however often it is clicked
                self._task.do(lambda: self._retry(group), self._say)
        elif what == "browse":
            self._open("All answers", lambda: _results().browse_table(self._shown.batch, is_app=self._is_visited))
        elif what == "compare":
            self._open("Comparison", lambda: _results().comparison_page(self._shown.batch, is_app=self._is_visited))
        elif what == "save":
            self._open("Save", lambda: _results().SavePanel(self._shown.batch, self._task.do).widget, focus="fh-save")

    def _decide_step(self, answer: str, approval: str) -> None:
        """Decide about a step of a local hive in this process, one that this block shows; say what came of it."""
        if self._is_visited or answer not in ("yes", "no"):
            return
        if approval not in self._decided:  # else it was clicked again
            steps, now = self._shown.control.status.steps, self._clock()
            approvals = steps.approvals(open_steps())
            if now - self._decided_at < DOUBLE_CLICK_S:
                self._say_of_step(TOO_SOON)
                return
            if not approval or approval not in approvals or not _decide_here(approval, approve=answer == "yes"):
                self._say_of_step(NOT_OPEN)
                return
            place = approvals.index(approval)
            self._decided[approval] = f"{'Approved' if answer == 'yes' else 'Denied'}: {steps.questions[place]}"
            self._decided_at = self._clock()
            self._shown.control.status.look_soon(steps.ids[place])
        self._say_of_step(self._decided[approval])

    def _say_of_step(self, text: str) -> None:
        def say() -> None:
            if self._progress is not None:
                self._progress.say(text)
            else:
                self._say(text)

        event_loop.on_loop(event_loop.background().loop, say)

    def _rows_of(self, group: ErrorGroup) -> Any:
        return _results().page_widget(_results().error_rows(self._shown.batch, group))

    def _retry(self, group: ErrorGroup) -> str:
        """Call the jobs of an error again; return what is to be said of it."""
        control = self._shown.control
        overview = self._overview()
        present = {(g.status, g.code, g.error): g for g in overview.shown_groups}
        now = present.get((group.status, group.code, group.error))
        if now is None or now.calls != group.calls:
            self._settle(self._ended_view())
            return "The batch has changed in the meantime, so nothing was called; these are its current errors."
        try:
            windows = control.failed_windows(group.code or None, None if group.code or group.said else group.error)
            self._retried = (now.jobs, overview.counts)
            control.start(windows, wait=False, display=self)
        except Exception:
            self._retried = None
            self._groups = tuple(overview.shown_groups)
            raise
        return ""

    def _open(self, title: str, make: Callable[[], Any], *, focus: str = "") -> None:
        self._say(f"{title} …")
        self._task.do(make, lambda widget: self._show_below(title, widget, focus))

    def _show_below(self, title: str, widget: Any, focus: str) -> None:
        self._put_below([_results().head(title, self._close), widget])
        self._display.place.show_part(BELOW, focus=focus)

    def _close(self) -> None:
        self._put_below([])

    def _say(self, text: str) -> None:
        if text or self._below is not None:
            said = html.el("div", html.STYLE, html.el("div", text, cls="fh-dim", role="status"), cls="fh")
            self._put_below([_results().page_widget(said)] if text else [])

    def _put_below(self, widgets: list[Any]) -> None:
        from fh_notebook.notebook.ui.widgets import close_all, enable_all_clicks

        below = self._below
        if below is None:
            return  # it runs
        old, below.children = below.children, tuple(widgets)
        for widget in old:
            if widget not in widgets:
                close_all(widget)
        enable_all_clicks(below)


def _decide_here(approval: str, *, approve: bool) -> bool:
    from fh_notebook.local.service import decide_here  # imported, where it shows such a step

    return decide_here(approval, approve=approve)


def _retried_text(rows: int, before: JobCounts, after: JobCounts, *, is_app: bool) -> str:
    """Return what came of so many rows that were tried again; those that were not reached have failed as before."""
    completed, unknown = after.done - before.done, after.unknown - before.unknown
    others = {"outcome unknown": unknown, "still failed": rows - completed - unknown}
    parts = [
        f"{completed:,} of {counted(rows, 'row')} completed",
        *(f"{n:,} {what}" for what, n in others.items() if n),
    ]
    how = "Tried again" if is_app else f"Retried ({counted(after.calls - before.calls, 'call')})"
    return f"{how}: {', '.join(parts)}."


def _results() -> Any:
    """Return what needs ipywidgets, which is imported when something is clicked."""
    from fh_notebook.notebook.progress import batch_results

    return batch_results
