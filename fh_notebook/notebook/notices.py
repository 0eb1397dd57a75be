"""One line to the person: in a notebook as a quiet display, elsewhere on standard error; and where that is.

Rule of this file: to ask where this runs imports nothing: a program without IPython is none the slower for it.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from fh_notebook import html

__all__ = [
    "WIDGET_VIEW",
    "Stopped",
    "new_handle",
    "no_lost_widget",
    "notice",
    "running_kernel",
    "running_shell",
    "widget_view",
]

WIDGET_VIEW: Final = "application/vnd.jupyter.widget-view+json"
"""The media type by which a page knows a widget."""


def widget_view(widget: Any) -> Any:
    """Return by what a page finds a widget: the value of :data:`WIDGET_VIEW` in a display."""
    return widget._repr_mimebundle_()[WIDGET_VIEW]  # as IPython asks for it


def no_lost_widget(dom_class: str) -> html.Html:
    """Return a style by which a display of `dom_class`, which stands in for widgets, hides what a page says of them.

    Beside it stands "Loading widget...", or "Error displaying widget: model not found": a node without any element.
    """
    beside, lost = (
        f".jp-OutputArea-child:has(.{dom_class})",
        ".jp-OutputArea-output:not(:has(*)):not(.jp-RenderedHTMLCommon)",
    )
    before = f".jp-OutputArea-child:has(+.jp-OutputArea-child .{dom_class})"
    return html.el("style", f"{before} {lost},{beside}+.jp-OutputArea-child {lost}{{display:none}}")


class _Notice:
    """A line that shows as HTML where there is a page, and as text where there is none."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return html.el("div", html.STYLE, html.el("span", self._text, cls="fh-dim"), cls="fh")


def notice(text: str) -> None:
    """Show `text` to the user."""
    shell = running_shell()
    if shell is None:
        print(text, file=sys.stderr)  # noqa: T201 - a program without a notebook has no other place
        return
    from IPython.display import display

    display(_Notice(text))  # type: ignore[no-untyped-call]  # IPython's display has no types


class Stopped(KeyboardInterrupt):
    """An interrupt that a notebook shows as one line; the cell still counts as interrupted, so Run All stops."""

    def _render_traceback_(self) -> list[str]:
        return [f"Stopped: {self}"]


def running_shell() -> Any:
    """Return the running IPython shell; a program that never imported IPython has none, and does not import it now."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()


def running_kernel() -> Any:
    """Return the kernel that this runs in; ``None`` in a terminal, and in a program."""
    return getattr(running_shell(), "kernel", None)


def new_handle() -> Any:
    """Return the handle of a new display, which can be updated later."""
    from IPython.display import DisplayHandle

    return DisplayHandle()  # type: ignore[no-untyped-call]  # IPython's display has no types
