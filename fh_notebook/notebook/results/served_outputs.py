"""Displays of outputs as plain HTML, with a hidden widget beside them that serves their buttons.

The HTML is what the notebook saves, and what other pages show. Its buttons are seen only while the widget is in the
page (``outputs.js``): where no kernel answers, nothing can be clicked in vain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from fh_notebook.contract.output import ShownOutput
from fh_notebook.core.text import html
from fh_notebook.notebook.shell import WIDGET_VIEW, new_handle, running_kernel, widget_view
from fh_notebook.notebook.ui.buttons import has_person
from fh_notebook.notebook.ui.display import new_prefix

__all__ = ["ServedOutputs", "served_outputs", "show_outputs"]

SERVED: Final = 100
"""Displays whose buttons are heard, the newest: their outputs are kept for that."""

_served: Final[deque[Any]] = deque()


class ServedOutputs:
    """The outputs of one display.

    Parameters
    ----------
    shown_of : callable
        Returns what the view of a number is of; ``None`` where it has no output yet.
    """

    def __init__(self, shown_of: Callable[[int], ShownOutput | None]) -> None:
        self._shown_of = shown_of
        self.prefix = new_prefix()
        """What the key of each view begins with; its number follows."""

    def page(self, page: html.Html) -> html.Html:
        """Return the display's HTML, with a style by which nothing is said of the widget where that is lost."""
        dom_class = f"fh-served-{self.prefix[:-1]}"
        lost = ".jp-OutputArea-output:not(:has(*)):not(.jp-RenderedHTMLCommon)"
        hide = f".jp-OutputArea-child:has(.{dom_class})~.jp-OutputArea-child {lost}{{display:none}}"
        return html.el("div", html.el("style", html.Html(hide)), page, cls=dom_class)

    def widget(self) -> Any:
        """Return the widget that serves them."""
        from fh_notebook.notebook.ui.output_actions import output_actions

        return output_actions(self.prefix, self._of_key)

    def serve(self) -> None:
        """Put the widget under the running cell, below the display."""
        widget = self.widget()
        new_handle().display({"text/plain": "", WIDGET_VIEW: widget_view(widget)}, raw=True)
        _served.append(widget)
        while len(_served) > SERVED:
            old = _served.popleft()
            old.layout.close()
            old.close()

    def _of_key(self, key: str) -> ShownOutput | None:
        return self._shown_of(int(key)) if key.isdecimal() else None


def served_outputs(shown_of: Callable[[int], ShownOutput | None]) -> ServedOutputs | None:
    """Return what serves the outputs of a display; ``None`` where nobody sits before a page."""
    return ServedOutputs(shown_of) if has_person(running_kernel()) else None


def show_outputs(text: str, page: Callable[[str], html.Html], outputs: Sequence[ShownOutput]) -> bool:
    """Show a page with views of outputs under the running cell; ``False`` where nobody could click.

    Parameters
    ----------
    text : str
        The same as text.
    page : callable
        Returns it as HTML. Told what the key of each view begins with; the number of its output follows.
    outputs : sequence of ShownOutput
        What its views are of.
    """
    served = served_outputs(lambda number: outputs[number] if number < len(outputs) else None)
    if served is None:
        return False
    bundle = {"text/plain": text, "text/html": str(served.page(page(served.prefix)))}
    new_handle().display(bundle, raw=True)
    served.serve()
    return True
