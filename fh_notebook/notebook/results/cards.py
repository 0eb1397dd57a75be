"""Runs side by side as HTML and text, without widgets.

Long outputs are folded, many runs too, and what is left out is stated, with where it is. A call without a run yet is
shown as a card like the others.
"""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from typing import Final

from fh_notebook.client.pending_run import PendingRun
from fh_notebook.comparing.diff.markup import MARKS_STYLE
from fh_notebook.contract import output as output_view
from fh_notebook.contract.output import OutputOptions, ShownOutput
from fh_notebook.contract.run import WHOLE, WHOLE_ERROR, Run
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import one_line, seconds_text
from fh_notebook.core.text.messages import agreeing, counted
from fh_notebook.notebook.results.answer_card import answer_parts, names_first, run_head, shown_answer
from fh_notebook.notebook.results.served_outputs import ServedOutputs
from fh_notebook.notebook.results.state import CallState
from fh_notebook.session import session

RUNS_OPEN: Final = 12

RUNS_SHOWN: Final = 100
"""Runs that are open to the eye, and runs that are shown at all; the result has every one."""

_MARKS: Final = html.el("style", html.Html(MARKS_STYLE))

PAGE_CAP: Final = 400_000
"""Characters of all outputs of one display together."""


class SideBySide:
    """Several runs of the same inputs, to be looked at together: as a `ResultsView` shows them, without widgets.

    Each head says how an output compares to the first variant's. One that differs has a view of that while the page is
    served, in which a page without styles shows what is only here as inserted, and what is not here as deleted.

    Parameters
    ----------
    calls : sequence of Run, PendingRun or CallState
        One a call, in the order in which they were asked for; the repeats of a variant lie next to each other.
    whole : str, optional
        Where all of a long output is, in words; else it is in the run, or in the result's frame.
    show : {"text", "markdown", "json", "table"}, optional
        The form in which each output is shown first (``--show``); then a single output has no head.
    served : ServedOutputs, optional
        What serves their buttons, which is given the outputs.
    is_served : bool
        Whether it does so now; else the buttons have their places, and are not seen, and no texts are compared: what
        is drawn at each answer takes no time for that.
    is_app : bool
        Whether they are for the users of an app: `OutputOptions.is_app`.
    known : sequence of str
        All variants that may be shown, by which each has its colour; by default those that the deployment is known to
        have.
    deployment : str, optional
        What was run, where it is not in the calls.
    line : str
        How far they are, in one line above them.
    now_s : float
        Seconds since the calls began, for those that are out.
    """

    def __init__(
        self,
        calls: Sequence[Run | PendingRun | CallState],
        *,
        whole: str | None = None,
        show: str | None = None,
        served: ServedOutputs | None = None,
        is_served: bool = True,
        is_app: bool = False,
        known: Sequence[str] = (),
        deployment: str = "",
        line: str = "",
        now_s: float = 0.0,
    ) -> None:
        self._calls = tuple(map(_state_of, calls))
        self.runs = tuple(_run_of(call, deployment) for call in self._calls)
        self._line, self._now_s = line, now_s
        self._seconds = [_seconds_of(call, now_s) for call in self._calls]
        self._served, self._is_served = served, is_served
        self._is_app = is_app
        self._show = show or ""
        many = len(self.runs) > 1
        self._whole, self._whole_error = (
            (whole, whole)
            if whole is not None
            else ("the result's column output has everything", "the result's column error has everything")
            if many
            else (WHOLE, WHOLE_ERROR)
        )
        self._open_chars = html.CHARS_OPEN // 2 if many else html.CHARS_OPEN  # beside others, a card is narrow
        self._has_differences = served is not None and is_served and not is_app
        # Each card has its output, and one that is compared also its marks and the view of its differences.
        views = min(len(self.runs), RUNS_SHOWN) + 2 * min(len(self.runs) - 1, RUNS_OPEN) * self._has_differences
        self._cap = min(html.TEXT_CAP, PAGE_CAP // max(views, 1))
        names = {run.deployment for run in self.runs}
        variants = [run.variant or "" for run in self.runs]
        self._colours: dict[str, str] = {}  # of one variant alone a colour would say nothing
        if len(set(variants)) > 1:
            self._colours = html.colours_of(
                variants, known or (session.known_variants(names) if len(names) == 1 else ())
            )
        self._has_deployment = not self._colours or len(names) > 1
        """Whether each head has the deployment, too."""
        self._columns = _by_variant(self._calls)
        if served is not None:
            served.put(self._shown(number) for number in range(len(self.runs)))

    # --- what an output is compared to

    @property
    def _is_named(self) -> bool:
        """Whether the head of another variant names the first one."""
        return any(names_first(self.runs[n], self._first(n)) for column in self._columns[1:] for n in column)

    def _first(self, number: int) -> Run | None:
        """Return the run of the first variant, for the outputs of the others that are open to the eye."""
        if number in self._columns[0] or number >= RUNS_OPEN or self._is_app:
            return None
        return self.runs[0]

    def _options(self, number: int) -> OutputOptions:
        return OutputOptions(
            whole=self._whole, cap=self._cap, open_chars=self._open_chars, form=self._show,
            key=f"{self._served.prefix}{number}" if self._served else "", run=self.runs[number].identity,
            is_app=self._is_app,
        )  # fmt: skip

    def _shown(self, number: int) -> ShownOutput:
        whole = OutputOptions(whole=WHOLE, run=self.runs[number].identity)
        return shown_answer(self.runs[number], self._first(number), whole)

    # --- as HTML

    def _repr_html_(self) -> str:
        return self.page()

    def page(self, head: html.Html | None = None) -> html.Html:
        """Return the cards as HTML, `head` above them."""
        columns = [column for column in self._columns if column[0] < RUNS_SHOWN]
        cards = [self._column(column) for column in columns]
        are_open = sum(column[0] < RUNS_OPEN for column in columns)
        parts = [html.el("div", *cards[:are_open], cls="fh-side fh-answers")]
        if folded := cards[are_open:]:
            more = f"… {counted(len(self.runs) - columns[are_open][0], 'more run')}"
            parts.append(html.fold(more, html.el("div", *folded, cls="fh-side fh-answers")))
        line = html.el("div", self._line, cls="fh-dim fh-line") if self._line else None
        styles = (html.STYLE, output_view.STYLE, *([_MARKS] if self._is_named and self._has_differences else []))
        page = html.el("div", *styles, head, line, *parts, self._left_out(), cls="fh")
        return self._served.page(page, is_served=self._is_served) if self._served else page

    def _left_out(self) -> html.Html | None:
        left = len(self.runs) - RUNS_SHOWN
        return (
            html.el(
                "div",
                f"{counted(left, 'run')} {agreeing(left, 'are')} not shown; the result has everything",
                cls="fh-dim",
            )
            if left > 0
            else None
        )

    def _column(self, numbers: range) -> html.Html:
        """Return the card of one variant: that of its first call, and behind it its other repeats, each folded."""
        first, *others = numbers
        repeats = [
            html.fold(f"Repeat {repeat} of {len(numbers)}: {one_line(self._status(number), 30)}", self._card(number))
            for repeat, number in enumerate(others, 2)
            if number < RUNS_SHOWN
        ]
        return html.el("div", self._card(first), *repeats) if repeats else self._card(first)

    def _status(self, number: int) -> str:
        return self.runs[number].status

    def _card(self, number: int) -> html.Html:
        call, run = self._calls[number], self.runs[number]
        colour = self._colours.get(run.variant or "")
        if isinstance(call, PendingRun):
            return html.el("div", call.html_card(colour=colour))
        first = self._first(number)
        head = run_head(
            call,
            first,
            now_s=self._now_s,
            is_reference=number == 0 and self._is_named,
            colour=colour,
            deployment=run.deployment if self._has_deployment else "",
        )
        if call.run is None:
            message = call.message and not self._is_app
            body = [html.el("div", one_line(call.message, 2_000), cls="fh-dim") if message else None]
        else:
            body = [
                *answer_parts(
                    run,
                    first if self._has_differences else None,
                    self._options(number),
                    has_hints=not self._is_app,
                    whole_error=self._whole_error,
                )
            ]
        is_headed = not (self._show and len(self.runs) == 1 and run.ok)
        return html.el("div", head if is_headed else None, html.el("div", *body), cls="fh-card")

    # --- as text

    def __repr__(self) -> str:
        width = min(shutil.get_terminal_size((100, 24)).columns, 100)
        texts = [self._text_of(number, run, width) for number, run in enumerate(self.runs[:RUNS_OPEN])]
        left = len(self.runs) - RUNS_OPEN
        texts += [f"… {counted(left, 'more run')}; the result has everything"] if left > 0 else []
        return "\n\n".join(filter(None, (self._line, *texts)))

    def _text_of(self, number: int, run: Run, width: int) -> str:
        seconds = f", {self._seconds[number]}" if self._seconds[number] else ""
        call_name = "/".join(one_line(name) for name in (run.deployment, run.variant) if name) or "run"
        head = f"{call_name}: {one_line(run.status)}{seconds}"
        if run.output is None:
            code = f" ({run.error_code})" if run.error_code else ""
            text, whole = f"{run.error or ''}{code}".strip(), self._whole_error
        else:
            text, whole = self._output_text(run), self._whole
        if not text and run.output is None:
            return head
        lines = html.folded_text(text, whole=whole).splitlines() or [""]
        lines += [f"→ {run.action_text}"] if run.output is None and run.client_action else []
        body = "\n".join(textwrap.fill(line, width, initial_indent="  ", subsequent_indent="  ") for line in lines)
        return f"{head}\n{body}"

    def _output_text(self, run: Run) -> str:
        """The output as the text that is shown of it."""
        value = output_view.json_value(run.output) if self._show == "json" else None
        return run.text if value is None else json.dumps(value, ensure_ascii=False, indent=2)


def _state_of(call: Run | PendingRun | CallState) -> PendingRun | CallState:
    """Return a call as a card shows it: one that was answered later is as any other."""
    if isinstance(call, PendingRun) and call.done:
        call = call.run
    if isinstance(call, Run):
        return CallState(variant=call.variant or call.deployment, state="answered", run=call)
    return call


def _run_of(call: PendingRun | CallState, deployment: str) -> Run:
    """Return the run of a call; what has no answer is in the shape of what is shown of one."""
    if isinstance(call, PendingRun):
        return call.run
    if call.run is not None:
        return call.run
    return Run(status=call.status, deployment=deployment, variant=call.variant, error=call.message or None)


def _seconds_of(call: PendingRun | CallState, now_s: float) -> str:
    run = call.run
    if run is not None and run.elapsed_s:
        return seconds_text(run.elapsed_s)
    return call.out_text(now_s) if isinstance(call, CallState) else ""


def _by_variant(calls: Sequence[PendingRun | CallState]) -> list[range]:
    """Return the places of the calls that share a card: those of one variant which lie next to each other.

    One that is waited for has a card of its own, as what can be decided is there.
    """
    places: list[range] = []
    for number, call in enumerate(calls):
        before = calls[number - 1] if number else None
        is_repeat = isinstance(call, CallState) and isinstance(before, CallState) and call.variant == before.variant
        if is_repeat and call.variant:
            places[-1] = range(places[-1].start, number + 1)
        else:
            places.append(range(number, number + 1))
    return places
