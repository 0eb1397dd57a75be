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
from fh_notebook.contract import output as output_view
from fh_notebook.contract.run import WHOLE, WHOLE_ERROR, Run, one_line
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import seconds_text
from fh_notebook.core.text.messages import agreeing, counted
from fh_notebook.notebook.results.served_outputs import ServedOutputs
from fh_notebook.notebook.results.state import CallState

__all__ = ["LastState", "SideBySide"]


RUNS_OPEN: Final = 12

RUNS_SHOWN: Final = 100
"""Runs that are open to the eye, and runs that are shown at all; the result has every one."""

PAGE_CAP: Final = 400_000
"""Characters of all outputs of one display together."""


class SideBySide:
    """Several runs of the same inputs, to be looked at together.

    Parameters
    ----------
    calls : sequence of Run or PendingRun
        One a variant, in the order in which they were asked for.
    whole : str, optional
        Where all of a long output is, in words; else it is in the run, or in the result's frame.
    show : {"text", "markdown", "json", "table"}, optional
        The form in which each output is shown first (``--show``); then a single output has no head.
    served : ServedOutputs, optional
        What serves their buttons.
    is_app : bool
        Whether they are for the users of an app: `OutputOptions.is_app`.
    known : sequence of str
        All variants that may be shown, by which each has its colour.
    """

    def __init__(
        self,
        calls: Sequence[Run | PendingRun],
        *,
        whole: str | None = None,
        show: str | None = None,
        served: ServedOutputs | None = None,
        is_app: bool = False,
        known: Sequence[str] = (),
    ) -> None:
        self._calls = tuple(calls)
        self.runs = tuple(call.run if isinstance(call, PendingRun) else call for call in calls)
        self._seconds = [seconds_text(run.elapsed_s) if run.elapsed_s else "" for run in self.runs]
        self._served = served
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
        self._colours = html.variant_colours([run.variant or "" for run in self.runs], known)
        self._cap = min(html.TEXT_CAP, PAGE_CAP // max(min(len(self.runs), RUNS_SHOWN), 1))

    def _repr_html_(self) -> str:
        return self.page()

    def page(self, head: html.Html | None = None) -> html.Html:
        """Return the cards as HTML, `head` above them."""
        cards = [self._card(number, run) for number, run in enumerate(self.runs[:RUNS_SHOWN])]
        parts = [html.el("div", *cards[:RUNS_OPEN], cls="fh-side")]
        if folded := cards[RUNS_OPEN:]:
            more = f"… {counted(len(self.runs) - RUNS_OPEN, 'more run')}"
            parts.append(html.fold(more, html.el("div", *folded, cls="fh-side")))
        page = html.el("div", html.STYLE, output_view.STYLE, head, *parts, self._left_out(), cls="fh")
        return self._served.page(page) if self._served else page

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

    def _card(self, number: int, run: Run) -> html.Html:
        return self._calls[number].html_card(
            key=f"{self._served.prefix}{number}" if self._served else "",
            whole=self._whole,
            cap=self._cap,
            open_chars=self._open_chars,
            form=self._show,
            colour=self._colours.get(run.variant or ""),
            seconds=self._seconds[number],
            is_headed=not (self._show and len(self.runs) == 1 and run.ok),
            is_app=self._is_app,
        )

    def __repr__(self) -> str:
        width = min(shutil.get_terminal_size((100, 24)).columns, 100)
        texts = [self._text_of(number, run, width) for number, run in enumerate(self.runs[:RUNS_OPEN])]
        left = len(self.runs) - RUNS_OPEN
        return "\n\n".join([*texts, f"… {counted(left, 'more run')}; the result has everything"] if left > 0 else texts)

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


class LastState(SideBySide):
    """All calls of a submit, as they are now.

    Parameters
    ----------
    calls : sequence of CallState
        In the order of the columns.
    deployment : str
        What was run.
    line : str
        How far it is, in one line.
    now_s : float
        Seconds since the submit began.
    whole : str
        Where all of a long output is, in words.
    is_app : bool
        Whether they are for the users of an app.
    known : sequence of str
        All variants that may be shown.
    """

    def __init__(
        self,
        calls: Sequence[CallState],
        deployment: str,
        line: str,
        *,
        now_s: float = 0.0,
        whole: str = "form.frame has everything",
        is_app: bool = False,
        known: Sequence[str] = (),
    ) -> None:
        super().__init__([_as_run(call, deployment) for call in calls], whole=whole, is_app=is_app, known=known)
        self._line = line
        self._seconds = [call.out_text(now_s) or took for call, took in zip(calls, self._seconds, strict=True)]

    def html(self) -> html.Html:
        """Return it as HTML."""
        return self.page(html.el("div", self._line, cls="fh-dim") if self._line else None)

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return "\n\n".join(filter(None, (self._line, super().__repr__())))


def _as_run(call: CallState, deployment: str) -> Run:
    """What has no answer, in the shape of what is shown of one."""
    if call.run is not None:
        return call.run
    return Run(status=call.status, deployment=deployment, variant=call.variant, error=call.message or None)
