"""One column of the results view: the runs of one variant, with repeats, errors, the output and what identifies a call.

- Only what is visible is created and sent: one repeat, capped. The switch between forms is the output view's own; what
  a person chose there is kept for later outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ipywidgets import HTML, Dropdown, VBox

from fh_notebook.contract.output import PAGE_END, OutputOptions, ShownOutput
from fh_notebook.contract.run import WHOLE as WHOLE_OUTPUT
from fh_notebook.contract.run import Run
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import one_line
from fh_notebook.notebook.results.answer_card import answer_parts, run_head, shown_answer
from fh_notebook.notebook.results.state import CallState
from fh_notebook.notebook.shell import enable_clicks

WHOLE: Final = "Copy copies everything"


class ResultColumn:
    """The widgets of one variant.

    Parameters
    ----------
    key : str
        The name by which the page's script asks for all of the output.
    looks : mapping
        The layout and style of each kind of widget, shared by all columns.
    locked : context manager
        Whoever draws holds it: answers come on the loop's thread, clicks on another.
    changed : callable
        Called when a person chose another repeat: others are compared to the one that is shown here.
    is_app : bool
        Whether it is shown to users of an app, to whom nothing is said of the service.
    deployment : str
        Its name, where the head has it.
    """

    def __init__(
        self,
        key: str,
        looks: dict[str, dict[str, Any]],
        locked: Any,
        changed: Callable[[], object],
        *,
        is_app: bool = False,
        deployment: str = "",
    ) -> None:
        self._is_app, self._deployment = is_app, deployment
        self._key, self._looks, self._locked, self._changed = key, looks, locked, changed
        self._calls: tuple[CallState, ...] = ()
        self._first: Run | None = None
        self._is_reference = False
        """Whether it is what the others are compared to."""
        self._colour: str | None = None
        self._now_s = 0.0
        """Seconds since the submit began, when that was shown last."""
        self._cap = html.TEXT_CAP
        self._chosen = 0
        self.form = ""
        """The form that a person chose: it stays for later submits, where the output has it."""
        self._by_us = False
        """Whether a choice is being set by us: that is none of a person's."""
        self._head, self._body = HTML(**looks["html"]), HTML(**looks["html"])
        self._repeats: Any = None
        self.widget = VBox([self._head, self._body], **looks["column"])
        self.widget.add_class("fh-column")

    @property
    def shown(self) -> ShownOutput | None:
        """What the view of the run's output is of; ``None`` where there is no run yet."""
        if (run := self.run) is None:
            return None
        whole = PAGE_END if self._is_app else WHOLE_OUTPUT
        options = OutputOptions(whole=whole, run=run.identity, is_app=self._is_app)
        return shown_answer(run, self._first, options)

    @property
    def run(self) -> Run | None:
        """The run that is shown."""
        return self._calls[self._chosen].run if self._calls else None

    def show(
        self,
        calls: Sequence[CallState],
        first: Run | None,
        cap: int,
        *,
        is_reference: bool = False,
        afresh: bool = False,
        colour: str | None = None,
        now_s: float = 0.0,
    ) -> None:
        """Show how the calls are."""
        self._now_s = now_s
        state = (tuple(calls), first, cap, is_reference, colour)
        shown = (self._calls, self._first, self._cap, self._is_reference, self._colour)
        if not afresh and all(a is b or a == b for a, b in zip(state, shown, strict=True)):
            return
        self._calls, self._first, self._cap, self._is_reference, self._colour = state
        self._chosen = 0 if afresh else min(self._chosen, len(calls) - 1)
        self._draw()

    def show_time(self, now_s: float) -> None:
        """Show how long a call has been out, `now_s` seconds after the submit began; nothing else is drawn anew."""
        self._now_s = now_s
        if self._calls[self._chosen].state == "running":
            self._draw_head()

    def _draw_head(self) -> None:
        head = run_head(
            self._calls[self._chosen],
            self._first,
            now_s=self._now_s,
            is_reference=self._is_reference,
            colour=self._colour,
            deployment=self._deployment,
        )
        _set(self._head, html.el("div", head, cls="fh"))

    def _draw(self) -> None:
        call = self._calls[self._chosen]
        self._draw_head()
        _set(self._body, html.el("div", *self._parts(call), cls="fh"))
        parts = [self._head]
        parts += [self._repeats_widget()] if len(self._calls) > 1 else []
        parts += [self._body]
        if tuple(parts) != self.widget.children:
            self.widget.children = parts

    def _parts(self, call: CallState) -> Iterator[html.Html | None]:
        run = call.run
        if run is None:
            if call.message and not self._is_app:
                yield html.el("div", one_line(call.message, 2_000), cls="fh-dim")
            return
        options = OutputOptions(
            whole=WHOLE, cap=self._cap, form=self.form, key=self._key, run=run.identity, is_app=self._is_app
        )
        yield from answer_parts(run, self._first, options, has_hints=not self._is_app)

    # --- what is made when it is needed

    def _repeats_widget(self) -> Any:
        if self._repeats is None:
            self._repeats = Dropdown(description="Repeat", **self._looks["repeats"])
            self._repeats.add_class("fh-repeats")
            self._repeats.observe(self._chose_repeat, "value")
        of = len(self._calls)
        options = [(f"{call.repeat} of {of}: {one_line(call.status, 30)}", call.repeat - 1) for call in self._calls]
        self._offer(self._repeats, options, self._chosen)
        return self._repeats

    def _offer(self, chooser: Any, options: list[tuple[str, Any]], value: Any) -> None:
        with self._set_by_us():
            if [*chooser.options] != options:
                chooser.options = options
            chooser.value = value
        enable_clicks(chooser)

    @contextmanager
    def _set_by_us(self) -> Iterator[None]:
        self._by_us = True
        try:
            yield
        finally:
            self._by_us = False

    # --- what a person chooses

    def _chose_repeat(self, change: Any) -> None:
        with self._locked:
            if not self._by_us and change["new"] is not None:
                self._chosen = change["new"]
                self._draw()
                self._changed()


def _set(widget: Any, value: str) -> None:
    if widget.value != value:
        widget.value = value
