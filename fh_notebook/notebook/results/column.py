"""One column of the results view: the runs of one variant, with repeats, errors, the output and what identifies a call.

- Only what is visible is created and sent: one repeat, capped. The switch between forms is the output view's own; what
  a person chose there is kept for later outputs.
- A run that did not complete has a hint (`hint_for`). Error codes decide, never texts, which the service writes in the
  user's language. Where nothing sure can be said, nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from ipywidgets import HTML, Dropdown, VBox

from fh_notebook.comparing.diff.markup import mark_text
from fh_notebook.comparing.diff.text_diff import compare_texts, text_to_compare
from fh_notebook.contract.callbacks import was_refused_directly
from fh_notebook.contract.output import PAGE_END, OutputOptions, ShownOutput, all_button, output_view
from fh_notebook.contract.run import ELAPSED_TITLE, Run, one_line, technical_line
from fh_notebook.contract.run import WHOLE as WHOLE_OUTPUT
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import seconds_text
from fh_notebook.notebook.results.state import CallState
from fh_notebook.notebook.ui.buttons import enable_clicks

__all__ = ["ANSWER_LATER", "HINTS", "ResultColumn", "error_element", "hint_for", "run_head"]

WHOLE: Final = "Copy copies everything"

ERROR_CAP: Final = 4_000

COMPARED: Final = 30_000
"""Characters that are compared for the marks: more than are shown, and some 20 ms."""


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
    """

    def __init__(
        self,
        key: str,
        looks: dict[str, dict[str, Any]],
        locked: Any,
        changed: Callable[[], object],
        *,
        is_app: bool = False,
    ) -> None:
        self._is_app = is_app
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
        return ShownOutput(run.output, options, partial(_compared, run, self._first))

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
        """Show how the calls are.

        Parameters
        ----------
        calls : sequence of CallState
            One a repeat.
        first : Run or None
            What the output is compared to.
        cap : int
            Characters of it that are shown.
        is_reference : bool
            Whether those of other columns are compared to it.
        afresh : bool
            Whether the calls are of a new submit.
        colour : str, optional
            The variant's.
        now_s : float
            Seconds since the submit began.
        """
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
        if not run.ok or run.error:
            yield error_element(run, has_hints=not self._is_app)
        if run.output is not None:
            options = OutputOptions(
                whole=WHOLE, cap=self._cap, form=self.form, key=self._key, run=run.identity, is_app=self._is_app
            )
            yield output_view(run.output, options, **_compared(run, self._first, options))
        yield technical_line(run)

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


def _compared(run: Run, first: Run | None, options: OutputOptions) -> dict[str, html.Html]:
    """Return the text with marks where it is another than the first variant's, and both texts as one."""
    if first is None or first.output is None or first.output == run.output:
        return {}
    mine, mine_whole = text_to_compare(run)
    other, other_whole = text_to_compare(first)
    diff = compare_texts(mine, other, limit=COMPARED)
    summary = str(diff) if mine_whole and other_whole else f"{diff}; not compared to the end"

    def marked(*, both: bool) -> html.Html:
        return mark_text(
            diff, cap=options.cap, whole=options.whole, both=both, more=all_button(options),
            open_chars=options.open_chars, open_lines=options.limits.lines_open,
        )  # fmt: skip

    both = marked(both=True)
    views = {"differences": html.el("div", html.el("div", summary, cls="fh-dim fh-said"), both)}
    if isinstance(run.output, str) and isinstance(first.output, str):
        views["text"] = marked(both=False)
    return views


def run_head(
    call: CallState,
    first: Run | None,
    *,
    now_s: float = 0.0,
    is_reference: bool = False,
    colour: str | None = None,
) -> html.Html:
    """Return the head of one call: status, variant, seconds (of one that is out those until now), and how it compares.

    `now_s` is the seconds since the submit began; `colour` is the variant's; one variant alone has none.
    """
    run = call.run
    seconds = call.out_text(now_s)
    if run is not None and run.elapsed_s:
        seconds = seconds_text(run.elapsed_s)
    name = html.swatch_name(colour, one_line(call.variant, 200), tag="strong")
    spans = [html.el("span", seconds, cls="fh-dim fh-fact", title=ELAPSED_TITLE)] if seconds else []
    if is_reference and run is not None and run.output is not None and not run.assets:
        spans.append(
            html.el("span", "baseline", cls="fh-dim fh-fact", title="The other answers are compared to this one")
        )
    spans += [html.el("span", *said, cls="fh-dim fh-fact")] if (said := _against(run, first)) else []
    return html.el("div", html.badge(one_line(call.status, 40)), " ", name, " ", html.join(spans, " "), cls="fh-head")


def _against(run: Run | None, first: Run | None) -> tuple[object, ...]:
    """Return whether an output differs from the first variant's, which is named."""
    if run is None or first is None or run.output is None or first.output is None or run.assets:
        return ()  # files have other addresses each time
    name = html.el("bdi", one_line(first.variant or "the first", 60))
    return ("= same as ", name) if run.output == first.output else ("≠ differs from ", name)


def error_element(run: Run, *, has_hints: bool = True) -> html.Html:
    """Return what went wrong with a run and, with hints, what to do; a long text is folded behind its beginning."""
    code = one_line(run.error_code or "", 80)
    error = run.error or code or f"it is {run.status}, and has no output"
    behind = f" ({code})" if code and run.error else ""
    text = f"{error[:ERROR_CAP]}{behind}"
    line = html.folded(text, whole="run.error has everything", cap=ERROR_CAP, open_chars=600, cls="fh-error")
    hints = filter(None, (hint_for(run), run.action_text) if has_hints else ())
    return html.el("div", line, *(html.el("div", f"→ {hint}", cls="fh-cure") for hint in hints))


def _set(widget: Any, value: str) -> None:
    if widget.value != value:
        widget.value = value


ANSWER_LATER: Final = "Answer later (long runs, or a person is asked)"
"""The name of a form's choice that answers come by callback."""

HINTS: Final = {
    # CONTRACT section 2
    "insufficient_hosted_llm_credits": "buy credits in Fetch Hive, then run again",
    "account_credit_cap_reached": "raise the account's credit cap in Fetch Hive, then run again",
    "api_rate_limit_exceeded": "the daily cap is renewed at 00:00 UTC",
    "too_many_requests": "the model's provider is busy; run again in a minute",
    "workflow_step_limit_reached": "the workflow has more steps than the subscription allows",
    "workspace_limit_reached": "the subscription's limit is reached; see its page in Fetch Hive",
    "asset_storage_limit_reached": "delete files in Fetch Hive, or take a larger subscription",
    "model_deprecated": "choose another model in the workflow",
    "personal_model_missing_credentials": "add the model's credentials in Fetch Hive",
    "personal_model_invalid_credentials": "correct the model's credentials in Fetch Hive",
    "vision_not_supported": "choose a model that accepts images, or leave the image out",
    "iteration_limit_exceeded": "raise the iteration limit in the workflow, or ask for less at once",
    "validation_error": "correct the inputs, then run again",
    "not_found": "check the names of deployment and variant; fh.deployments() lists those that are known here",
    # ours
    "connect": "check the network, and where calls go (%fetchhive use); then run again",
    "proxy": "check the proxy's address and its rights; then run again",
    "tls": "check the address, and the certificate of the server there; then run again",
    "read_timeout": "allow more time with fh.configure(timeout=...), in seconds",
    "response_too_large": "allow more with fh.configure(max_response_bytes=...)",
}
"""What to do, by ``Run.error_code``."""

LOOK_FIRST: Final = "look for it in the service's logs before you run it again: that is a second call"


def hint_for(run: Run) -> str:
    """Return what to do about a run that did not complete, in one line; an empty text where that is not known.

    Examples
    --------
    >>> hint_for(Run(status="failed", error="Kein Guthaben", error_code="insufficient_hosted_llm_credits"))
    'buy credits in Fetch Hive, then run again'
    >>> hint_for(Run(status="unknown", error="no answer came in time", error_code="read_timeout")).count(";")
    1
    >>> hint_for(Run(status="completed", output="hi"))
    ''
    """
    if run.ok:
        return ""
    if was_refused_directly(run):
        return f'this deployment answers only later: turn on "{ANSWER_LATER}", and run again'
    hint = HINTS.get(run.error_code or "", "")
    if run.status != "unknown":
        return hint
    return "; ".join(filter(None, (LOOK_FIRST, hint)))
