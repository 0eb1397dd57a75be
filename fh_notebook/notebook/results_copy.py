"""All of an output as a text to be selected and copied.

Rule of this file: a widget without JavaScript of its own cannot reach the clipboard, and does not claim to: it shows
the text, says which keys to press, and says where the text is another than the output itself.
"""

from __future__ import annotations

from typing import Any, Final

from ipywidgets import HTML, Button, VBox

from fh_notebook import html
from fh_notebook.contract.run import Run
from fh_notebook.notebook.cancel import hear_clicks
from fh_notebook.notebook.results_forms import text_of

__all__ = ["COPY_CAP", "COPY_STYLE", "Copying", "copy_area"]

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


class Copying:
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
        hear_clicks(self._button)

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
            gone, self._area = self._area, None
            self._button.description = "Copy"
            self.widget.children = (self._button,)
            gone.close()


def copy_area(run: Run) -> html.Html:
    """Return all of an output, up to a cap, as a text of which Ctrl+A selects all, and no more.

    Examples
    --------
    >>> copy_area(Run(status="completed", output="hi")).endswith(">hi</div></div>")
    True
    """
    text, is_whole = text_of(run, COPY_CAP)
    kept = text[:COPY_CAP]
    notes = [_HOW]
    if not is_whole or len(kept) < len(text):
        notes.append(_TOO_LONG)
    if html.printable(kept) != kept:
        notes.append(_UNSEEN)
    # In pieces: an element takes a text of a certain length only.
    pieces = (kept[at : at + html.TEXT_CAP] for at in range(0, len(kept), html.TEXT_CAP))
    area = html.el("div", *pieces, cls="fh-all", **_AREA)
    return html.el("div", html.el("div", " ".join(notes), cls="fh-dim"), area, cls="fh")
