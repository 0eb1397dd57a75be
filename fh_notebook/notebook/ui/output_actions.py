"""Actions on the outputs in a page that need a script: Copy, "Show all", pictures, the chosen form.

The buttons are part of the output view (:mod:`fh_notebook.contract.output`). The page has a short text itself and
asks for all of an output after the click, so only what is looked at is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import traitlets
from ipywidgets import Layout

from fh_notebook.contract.output import FORMS, OutputOptions, ShownOutput, output_text, whole_form, without_origin
from fh_notebook.notebook.shell import enable_clicks
from fh_notebook.notebook.ui.page_widget import PageWidget, script

COPY_CAP: Final = 1_000_000
"""Characters of an output that are sent to the page at most."""

COPY_STYLE: Final = (
    # Whole lines are seen: a line that is cut in its middle looks like a defect. Words break where no gap is near.
    ".fh .fh-all{line-height:20px;max-height:334px;overflow:auto;white-space:pre-wrap;word-break:normal;"
    "overflow-wrap:break-word;margin:4px 0 0;padding:6px 8px;border:1px dashed currentColor;border-radius:4px;"
    "cursor:text;caret-color:transparent;font-family:var(--jp-code-font-family,monospace)}"
    ".fh .fh-all:focus-visible{outline:2px solid currentColor}"
    ".fh-whole-form{max-height:40em;overflow:auto}"
    ".fh-whole-form:focus-visible{outline:2px solid var(--jp-brand-color1,currentColor);outline-offset:2px}"
    ".fh-copied{padding:8px 12px;border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.4))}"
)


class _OutputActions(PageWidget):
    """Serves the views whose keys begin with its prefix."""

    _esm = script("ui/output_actions.js", uses=["ui/outputs.js"])
    _css = COPY_STYLE
    prefix = traitlets.Unicode().tag(sync=True)


def output_actions(
    prefix: str,
    shown_of: Callable[[str], ShownOutput | None],
    chose_form: Callable[[str, str], object] = lambda *_: None,
) -> Any:
    """Return the widget that serves the views of outputs whose keys begin with a prefix."""
    widget = _OutputActions(prefix=prefix, layout=Layout(display="none"))

    def serve(_: Any, content: Any, __: Iterable[Any]) -> None:
        if not isinstance(content, Mapping):
            return
        key, form = str(content.get("key")).removeprefix(prefix), str(content.get("form") or "")
        if content.get("ask") == "all":
            widget.send({"id": content.get("id"), **whole_output(shown_of(key), form, key=f"{prefix}{key}")})
        elif content.get("ask") == "form" and form in FORMS:
            chose_form(key, form)
        enable_clicks(widget)

    widget.on_msg(serve)
    enable_clicks(widget)
    return widget


_NOTHING: Final = ShownOutput(None, OutputOptions(whole=""))


def whole_output(shown: ShownOutput | None, form: str, *, key: str) -> dict[str, str]:
    """Return all of an output for a page that asks: drawn in a form, or, without one, as the text that Copy copies.

    Of a huge one it is the beginning, with a sentence that says so. `key` is that of the view.
    """
    shown = shown or _NOTHING
    if form in FORMS:
        options = replace(shown.options, cap=COPY_CAP, key=key)
        return {"html": str(whole_form(replace(shown, options=options), form))}
    copied_of = without_origin(shown.output) if shown.options.is_blind else shown.output
    text, is_whole = output_text(copied_of, COPY_CAP)
    copied = text[:COPY_CAP].encode("utf-8", "replace").decode()  # half a character cannot be sent
    too_long = f"These are the first {COPY_CAP:,} characters; {shown.options.whole}."
    return {"text": copied, "left": "" if is_whole and len(text) <= COPY_CAP else too_long}
