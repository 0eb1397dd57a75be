"""Actions on the outputs of a results view that need a script: Copy, "Show all", pictures, the chosen form.

The buttons are part of the output view (:mod:`fh_notebook.contract.output`). The page has a short text itself and
asks for a longer one after the click, so only what is looked at is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ipywidgets import Layout

from fh_notebook.contract.output import FORMS, output_text
from fh_notebook.notebook.ui.buttons import enable_clicks
from fh_notebook.notebook.ui.page_widget import PageWidget, script

__all__ = ["COPY_CAP", "COPY_STYLE", "output_actions", "whole_text"]

COPY_CAP: Final = 1_000_000
"""Characters that are sent to the page at most."""

_TOO_LONG: Final = f"These are the first {COPY_CAP:,} characters; the run's .text has all."

COPY_STYLE: Final = (
    ".fh .fh-all{max-height:12em;overflow:auto;white-space:pre-wrap;"
    "overflow-wrap:anywhere;margin:4px 0 0;padding:6px 8px;border:1px dashed currentColor;border-radius:4px;"
    "cursor:text;caret-color:transparent;font-family:var(--jp-code-font-family,monospace)}"
    ".fh .fh-all:focus-visible{outline:2px solid currentColor}"
    ".fh-copied{padding:8px 12px;border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.4))}"
)


class _OutputActions(PageWidget):
    """Serves the results that it lies in."""

    _esm = script("ui/output_actions.js", uses=["ui/outputs.js"])


def output_actions(output_of: Callable[[str], Any], chose_form: Callable[[str, str], object]) -> Any:
    """Return the widget that serves the views of outputs beside it.

    Parameters
    ----------
    output_of : callable
        Returns the output of a view by its :attr:`OutputOptions.key`; ``None`` where there is none.
    chose_form : callable
        Is told the key of a view and the form that a person chose there.
    """
    widget = _OutputActions(layout=Layout(display="none"))

    def serve(_: Any, content: Any, __: Iterable[Any]) -> None:
        if not isinstance(content, Mapping):
            return
        key = str(content.get("key"))
        if content.get("ask") == "text":
            widget.send({"id": content.get("id"), **whole_text(output_of(key))})
        elif content.get("ask") == "form" and (form := str(content.get("form"))) in FORMS:
            chose_form(key, form)
        enable_clicks(widget)

    widget.on_msg(serve)
    enable_clicks(widget)
    return widget


def whole_text(output: Any) -> dict[str, str]:
    """Return all of an output as text, up to a cap, and the sentence that says so."""
    text, is_whole = output_text(output, COPY_CAP)
    copied = text[:COPY_CAP].encode("utf-8", "replace").decode()  # half a character cannot be sent
    return {"text": copied, "left": "" if is_whole and len(text) <= COPY_CAP else _TOO_LONG}
