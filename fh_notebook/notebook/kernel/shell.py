"""The running shell and kernel: one-line messages, new displays, and tracebacks without keys.

- Asking where the code runs imports nothing: a program without IPython is not slowed down.
- IPython's own traceback begins with the source of the cell and, in ``%xmode Verbose``, prints variables. Both may
  contain the key of a pasted snippet, so an error in such a cell renders itself.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any, Final

from fh_notebook.core.text import html
from fh_notebook.core.values import error_text, redact
from fh_notebook.errors import SnippetError

__all__ = [
    "WIDGET_VIEW",
    "Masked",
    "Stopped",
    "holds_key",
    "masked_if_shown",
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


class Masked(Exception):
    """Something unexpected in a cell that holds a key; what it was is its ``__cause__``.

    Parameters
    ----------
    error : BaseException
        What happened.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error_text(error))
        self.__cause__ = error

    def _render_traceback_(self) -> list[str]:
        # The frames without variables: those of IPython above ours, which have the cell's text, are not among them.
        cause = self.__cause__
        said = traceback.format_exception(cause) if cause is not None else [str(self)]
        return [redact(line) for part in said for line in part.rstrip("\n").split("\n")]


def holds_key(cell: str) -> bool:
    """Whether a cell's text has something in it that looks like a key.

    Examples
    --------
    >>> holds_key("curl -H 'Authorization: Bearer abc'"), holds_key("ticket: late")
    (True, False)
    """
    return redact(cell) != cell


def masked_if_shown(error: BaseException, cell: str) -> BaseException:
    """Return `error` itself where it shows as one line, and masked where its traceback would repeat a key.

    In a snippet that cannot be read, nobody knows where the key is.
    """
    may_hold_key = isinstance(error, SnippetError) or holds_key(cell)
    return error if hasattr(error, "_render_traceback_") or not may_hold_key else Masked(error)
