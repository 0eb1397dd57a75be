"""One column of the results view: the runs of one variant, with formats, files, errors and copying.

- Only what is visible is created and sent: one repeat, in one format; the whole text only after a click on Copy.
- A widget without a script cannot write to the clipboard: it shows the text, says which keys to press, and says where
  the text differs from the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ipywidgets import HTML, Button, Dropdown, ToggleButtons, VBox

from fh_notebook.contract.run import Run, one_line
from fh_notebook.core.text import html
from fh_notebook.notebook.results.error_hints import hint_for
from fh_notebook.notebook.results.files import files_widget
from fh_notebook.notebook.results.formats import FORMS, DisplayOptions, best_form, forms_of, output_element, run_text
from fh_notebook.notebook.results.state import CallState
from fh_notebook.notebook.ui.buttons import enable_clicks
from fh_notebook.notebook.ui.widgets import close_all

__all__ = ["COPY_CAP", "COPY_STYLE", "CopyButton", "ResultColumn", "copy_area", "error_element", "run_head"]


COPY_CAP: Final = 1_000_000
"""Characters that are sent to the page at most."""


_HOW: Final = "Click into the text, or go there by Tab; then press Ctrl+A and Ctrl+C (⌘A and ⌘C)."

_TOO_LONG: Final = f"These are the first {COPY_CAP:,} characters; the run's .text has all."

_UNSEEN: Final = r"Signs that cannot be seen are written as \x.. or \u....; the run's .text has them as they are."


COPY_STYLE: Final = (
    ".fh .fh-all{max-height:12em;overflow:auto;white-space:pre-wrap;"
    "overflow-wrap:anywhere;margin:4px 0 0;padding:6px 8px;border:1px dashed currentColor;border-radius:4px;"
    "cursor:text;caret-color:transparent;font-family:var(--jp-code-font-family,monospace)}"
    ".fh .fh-all:focus-visible{outline:2px solid currentColor}"
)


# Facts, measured in Chromium:
# 1. JupyterLab takes Ctrl+A for its cells, unless the element with the focus can be edited. In one that cannot be,
#    Ctrl+A selects the whole page.
# 2. In a text area with 20,000 lines, Ctrl+A takes a minute wherever the page has a closed fold; in a <div>, 0.1 s.
# 3. One click selects all (user-select: all) only of what cannot be edited, and then no key does.
# So it is a <div> that can be edited, for hands on the mouse and on the keys alike; nobody reads what is typed there.
_AREA: Final = {
    "contenteditable": "plaintext-only",
    "data_lm_suppress_shortcuts": "true",
    "role": "textbox",
    "tabindex": 0,
    "spellcheck": "false",
    "aria_multiline": "true",
    "aria_label": "All of the output",
    "dir": "auto",
}


class CopyButton:
    """A button, and what it shows.

    Parameters
    ----------
    looks : mapping
        The layout and style of each kind of widget, shared by all columns.
    locked : context manager
        Whoever draws holds it.
    """

    def __init__(self, looks: dict[str, dict[str, Any]], locked: Any) -> None:
        self._looks, self._locked = looks, locked
        self._run: Run | None = None
        self._area: Any = None
        self._button = Button(description="Copy", tooltip="Show all of it as a text to be copied", **looks["button"])
        self._button.add_class("fh-copy")
        self._button.on_click(self._clicked)
        self.widget = VBox([self._button], **looks["box"])

    def show(self, run: Run) -> None:
        """Offer the output of `run`; what was shown of another is taken away."""
        if run is not self._run:
            self._run = run
            self._hide()
        enable_clicks(self._button)

    def _clicked(self, _: Any) -> None:
        with self._locked:
            if self._area is not None:
                self._hide()
            elif self._run is not None:
                self._area = HTML(copy_area(self._run), **self._looks["html"])
                self._button.description = "Hide copy"
                self.widget.children = (self._button, self._area)

    def _hide(self) -> None:
        if self._area is not None:
            area, self._area = self._area, None
            self._button.description = "Copy"
            self.widget.children = (self._button,)
            area.close()


def copy_area(run: Run) -> html.Html:
    """Return all of an output, up to a cap, as a text of which Ctrl+A selects all, and no more.

    Examples
    --------
    >>> copy_area(Run(status="completed", output="hi")).endswith(">hi</div></div>")
    True
    """
    text, is_whole = run_text(run, COPY_CAP)
    copied = text[:COPY_CAP]
    notes = [_HOW]
    if not is_whole or len(copied) < len(text):
        notes.append(_TOO_LONG)
    if html.printable(copied) != copied:
        notes.append(_UNSEEN)
    # In pieces: an element takes a text of a certain length only.
    pieces = (copied[at : at + html.TEXT_CAP] for at in range(0, len(copied), html.TEXT_CAP))
    area = html.el("div", *pieces, cls="fh-all", **_AREA)
    return html.el("div", html.el("div", " ".join(notes), cls="fh-dim"), area, cls="fh")


WHOLE: Final = "Copy has all"

WHOLE_FRAME: Final = "form.frame has all"

ERROR_CAP: Final = 4_000

ID_SAYS: Final = "the service's id of this call"


class ResultColumn:
    """The widgets of one variant.

    Parameters
    ----------
    looks : mapping
        The layout and style of each kind of widget, shared by all columns.
    locked : context manager
        Whoever draws holds it: answers come on the loop's thread, clicks on another.
    changed : callable
        Called when a person chose another repeat: others are compared to the one that is shown here.
    """

    def __init__(self, looks: dict[str, dict[str, Any]], locked: Any, changed: Callable[[], object]) -> None:
        self._looks, self._locked, self._changed = looks, locked, changed
        self._calls: tuple[CallState, ...] = ()
        self._first: Run | None = None
        self._cap = html.TEXT_CAP
        self._chosen = 0
        self._selected_form: str | None = None
        """The form that a person chose: it stays for later submits, where the output has it."""
        self._by_us = False
        """Whether a choice is being set by us: that is none of a person's."""
        self._head, self._body = HTML(**looks["html"]), HTML(**looks["html"])
        self._forms: Any = None
        self._repeats: Any = None
        self._copying: CopyButton | None = None
        self._files_of: Run | None = None
        self._files: Any = None
        self.widget = VBox([self._head, self._body], **looks["column"])
        self.widget.add_class("fh-column")

    @property
    def run(self) -> Run | None:
        """The run that is shown."""
        return self._calls[self._chosen].run if self._calls else None

    def show(self, calls: Sequence[CallState], first: Run | None, cap: int, *, afresh: bool = False) -> None:
        """Show how the calls are; `first` is what an output is compared to, `afresh` that they are of a new submit."""
        state = (tuple(calls), first, cap)
        if not afresh and all(
            a is b or a == b for a, b in zip(state, (self._calls, self._first, self._cap), strict=True)
        ):
            return
        self._calls, self._first, self._cap = state
        self._chosen = 0 if afresh else min(self._chosen, len(calls) - 1)
        self._draw()

    def _draw(self) -> None:
        call = self._calls[self._chosen]
        run = call.run
        forms = forms_of(run, self._first) if run is not None else ()
        selected = self._selected_form if self._selected_form in forms else None
        form = selected or (best_form(run, forms) if run is not None and forms else "")
        _set(self._head, html.el("div", run_head(call, self._first), cls="fh"))
        _set(self._body, html.el("div", *self._parts(call, form), cls="fh"))
        parts = [self._head]
        parts += [self._repeats_widget()] if len(self._calls) > 1 else []
        parts += [self._forms_widget(forms, form)] if len(forms) > 1 else []
        parts += [self._body]
        parts += [self._files_widget(run)] if run is not None and form == "images" else []
        parts += [self._copy_widget(run)] if run is not None and run.output is not None else []
        if tuple(parts) != self.widget.children:
            self.widget.children = parts

    def _parts(self, call: CallState, form: str) -> Iterator[html.Html]:
        run = call.run
        if run is None:
            if call.message:
                yield html.el("div", one_line(call.message, 2_000), cls="fh-dim")
            return
        if not run.ok or run.error:
            yield error_element(run)
        if form and form != "images":
            yield output_element(run, form, DisplayOptions(whole=WHOLE, cap=self._cap, first=self._first))

    # --- what is made when it is needed

    def _files_widget(self, run: Run) -> Any:
        if self._files_of is not run:  # a picture that was shown stays, whatever else changes
            self._files_of = run
            if self._files is not None:
                close_all(self._files)
            self._files = files_widget(run.assets, self._looks, whole=WHOLE_FRAME)
        return self._files

    def _copy_widget(self, run: Run) -> Any:
        if self._copying is None:
            self._copying = CopyButton(self._looks, self._locked)
        self._copying.show(run)
        return self._copying.widget

    def _forms_widget(self, forms: Sequence[str], form: str) -> Any:
        if self._forms is None:
            self._forms = ToggleButtons(**self._looks["forms"])
            self._forms.add_class("fh-forms")
            self._forms.observe(self._chose_form, "value")
        self._offer(self._forms, [(FORMS[name], name) for name in forms], form)
        return self._forms

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

    def _chose_form(self, change: Any) -> None:
        with self._locked:
            if not self._by_us and change["new"] is not None:
                self._selected_form = change["new"]
                self._draw()

    def _chose_repeat(self, change: Any) -> None:
        with self._locked:
            if not self._by_us and change["new"] is not None:
                self._chosen = change["new"]
                self._draw()
                self._changed()


def run_head(call: CallState, first: Run | None) -> html.Html:
    """Return the head of one call: status, variant, seconds, whether it differs, and the request's id."""
    run = call.run
    seconds = f"{run.elapsed_s:.3g} s" if run is not None and run.elapsed_s else ""
    facts = [fact for fact in (seconds, _against(run, first)) if fact]
    name = html.el("strong", html.el("bdi", one_line(call.variant, 200)))
    spans = [html.el("span", fact, cls="fh-dim fh-fact") for fact in facts]
    head = html.el("div", html.badge(one_line(call.status, 40)), " ", name, " ", html.join(spans, " "), cls="fh-head")
    identity = (run.request_id or run.run_id) if run is not None else None
    foot = html.el("div", one_line(identity, 200), cls="fh-dim fh-foot", title=ID_SAYS) if identity else None
    return html.el("div", head, foot)


def _against(run: Run | None, first: Run | None) -> str:
    if run is None or first is None or run.output is None or first.output is None or run.assets:
        return ""  # files have other addresses each time
    return "= same" if run.output == first.output else "≠ differs"


def error_element(run: Run) -> html.Html:
    """Return what went wrong with a run and what to do; a long text is folded behind its beginning."""
    code = one_line(run.error_code or "", 80)
    error = run.error or code or f"it is {run.status}, and has no output"
    behind = f" ({code})" if code and run.error else ""
    text = f"{error[:ERROR_CAP]}{behind}"
    line = html.folded(text, whole="run.error has all", cap=ERROR_CAP, open_chars=600, cls="fh-error")
    hint = hint_for(run)
    return html.el("div", line, html.el("div", f"→ {hint}", cls="fh-cure") if hint else None)


def _set(widget: Any, value: str) -> None:
    if widget.value != value:
        widget.value = value
