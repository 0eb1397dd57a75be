"""One line to the person: in a notebook as a quiet display, elsewhere on standard error."""

from __future__ import annotations

import sys
from typing import Any

from fh_notebook import html

__all__ = ["notice", "running_shell"]


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


def running_shell() -> Any:
    """Return the running IPython shell; a program that never imported IPython has none, and does not import it now."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()
