"""All of an output as a text to be selected and copied.

Rule of this file: a widget without JavaScript of its own cannot reach the clipboard, and does not claim to: it shows
the text, says which keys to press, and says where the text is another than the output itself.
"""

from __future__ import annotations

from typing import Any, Final

from fh_notebook import html
from fh_notebook.contract.run import Run
from fh_notebook.notebook.cancel import hear_clicks
from fh_notebook.notebook.results_forms import text_of

__all__ = ["COPY_CAP", "COPY_STYLE", "Copying", "copy_area"]

COPY_CAP: Final = 1_000_000
"""Characters that are sent to the page at most."""

_HOW: Final = "Click into the text, then press Ctrl+A and Ctrl+C (⌘A and ⌘C)."
_TOO_LONG: Final = f"These are the first {COPY_CAP:,} characters; the run's .text has all."
_UNSEEN: Final = r"Signs that cannot be seen are written as \x.. or \u....; the run's .text has them as they are."

COPY_STYLE: Final = (
    ".fh textarea.fh-all{display:block;box-sizing:border-box;width:100%;height:9em;margin:4px 0 0;padding:6px 8px;"
    "border:1px dashed currentColor;border-radius:4px;background:transparent;color:inherit;resize:vertical;"
    "font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px)}"
    ".fh textarea.fh-all:focus-visible{outline:2px solid currentColor}"
)
_AREA: Final = {
    "readonly": "",
    "spellcheck": "false",
    "aria_label": "All of the output",
    # JupyterLab takes Ctrl+A for its cells, also from a text area that is read only, unless it says this itself.
    "data_lm_suppress_shortcuts": "true",
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
        from ipywidgets import Button, VBox

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
        from ipywidgets import HTML

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
    r"""Return all of an output, up to a cap, in a text area that cannot be written to.

    Examples
    --------
    >>> copy_area(Run(status="completed", output="hi")).endswith(">\nhi</textarea></div>")
    True
    """
    text, is_whole = text_of(run, COPY_CAP)
    kept = text[:COPY_CAP]
    notes = [_HOW]
    if not is_whole or len(kept) < len(text):
        notes.append(_TOO_LONG)
    if html.printable(kept) != kept:
        notes.append(_UNSEEN)
    # In pieces: an element takes a text of a certain length only. And a line break first, which a page leaves out: else
    # it would leave out one of the text's own.
    pieces = (kept[at : at + html.TEXT_CAP] for at in range(0, len(kept), html.TEXT_CAP))
    area = html.el("textarea", "\n", *pieces, cls="fh-all", **_AREA)
    return html.el("div", html.el("div", " ".join(notes), cls="fh-dim"), area, cls="fh")
