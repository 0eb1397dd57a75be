"""In which forms an output can be shown, which is the best, and each of them as HTML. Pure.

Rule of this file: an output is hostile and of any size. It is looked at only as far as it is shown; what is left out is
said, with where it is; nothing of it runs, and nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook import html
from fh_notebook.comparing.diff.markup import mark_text
from fh_notebook.comparing.diff.text_diff import compare_texts, text_to_compare
from fh_notebook.contract.jsonable import pretty
from fh_notebook.contract.run import Run
from fh_notebook.notebook.markdown_view import markdown
from fh_notebook.notebook.results_tree import tree_of
from fh_notebook.notebook.table_view import table_of

__all__ = ["FORMS", "Look", "best_form", "forms_of", "shown"]

FORMS: Final = {
    "text": "Text",
    "markdown": "Markdown",
    "json": "JSON",
    "table": "Table",
    "images": "Files",
    "differences": "Differences",
}
"""The forms and their names on the toggle, in its order."""

PARSED_AT_MOST: Final = 1_000_000
"""Characters of a text that is tried as JSON: some 20 ms."""
COMPARED: Final = 30_000
"""Characters that are compared for the marks: more than are shown, and some 20 ms."""

_MARKDOWN: Final = re.compile(
    r"^ {0,3}(?:#{1,6} \S|[-*+] \S|\d{1,3}[.)] \S|> ?\S|```|\|.+\|\s*$)"
    r"|\*\*\S[^*\n]*\*\*|\[[^\]\n]+\]\([^)\s]+\)|`[^`\n]+`",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How an output is shown."""

    whole: str
    """Where all of it is, in words."""
    cap: int = html.TEXT_CAP
    """Characters of it that are sent to the page at most."""
    first: Run | None = None
    """The run of the first variant, to which it is compared; ``None`` for that one itself."""


def forms_of(run: Run, first: Run | None = None) -> tuple[str, ...]:
    """Return the forms in which the output of `run` can be shown, in the order of the toggle.

    Examples
    --------
    >>> forms_of(Run(status="completed", output="plain")), forms_of(Run(status="completed", output={"a": [1]}))
    (('text',), ('text', 'json', 'table'))
    """
    if run.output is None:
        return ()
    value = _json_of(run)
    can = {"text"}
    if isinstance(run.output, str) and value is None and _MARKDOWN.search(run.output[:20_000]):
        can.add("markdown")
    if isinstance(value, list | dict):
        can.add("json")
        if value and (isinstance(value, dict) or all(isinstance(row, dict) for row in value)):
            can.add("table")
    if run.assets:
        can.add("images")
    if first is not None and first.output is not None and first.output != run.output:
        can.add("differences")
    return tuple(form for form in FORMS if form in can)


def best_form(run: Run, forms: tuple[str, ...]) -> str:
    """Return the form in which an output is read most easily.

    Examples
    --------
    >>> run = Run(status="completed", output=[{"a": 1}, {"a": 2}])
    >>> best_form(run, forms_of(run))
    'table'
    """
    if "images" in forms:
        return "images"
    if "table" in forms and isinstance(_json_of(run), list):
        return "table"
    return next((form for form in ("json", "markdown") if form in forms), "text")


def shown(run: Run, form: str, look: Look) -> html.Html:
    """Return the output of `run` in a form; in one that it has not, as text."""
    value = _json_of(run) if form in ("json", "table") else None
    if form == "json" and isinstance(value, list | dict):
        return tree_of(value, whole=look.whole, cap=look.cap)
    if form == "table" and (made := table_of(value, whole=look.whole)) is not None:
        return made
    if form == "markdown" and isinstance(run.output, str):
        return _apart(markdown(run.output, whole=look.whole, cap=look.cap))
    if form == "differences" and look.first is not None:
        return _differences(run, look.first, look)
    return _text(run, look)


def _text(run: Run, look: Look) -> html.Html:
    """The text, with marks where it is another than the first variant's."""
    first = look.first
    if first is not None and isinstance(run.output, str) and isinstance(first.output, str):
        found = compare_texts(run.output, first.output, limit=COMPARED)
        return mark_text(found, cap=look.cap, whole=look.whole, both=False)
    text, is_whole = text_of(run, look.cap)
    whole = look.whole if is_whole or len(text) >= look.cap else "run.text has all"
    # Of JSON that is cut nobody has counted the rest: it is not spelt out for that.
    end = None if is_whole else html.el("div", f"… the rest is not shown; {whole}", cls="fh-dim")
    return html.join([html.folded(text, whole=whole, cap=look.cap), *([end] if end else [])])


def text_of(run: Run, limit: int) -> tuple[str, bool]:
    """Return the output as text, at most about `limit` characters where it is JSON, and whether that is all."""
    if run.output is None or isinstance(run.output, str):
        return run.output or "", True
    return pretty(run.output, limit=limit)


def _differences(run: Run, first: Run, look: Look) -> html.Html:
    mine, mine_whole = text_to_compare(run)
    other, other_whole = text_to_compare(first)
    found = compare_texts(mine, other, limit=COMPARED)
    said = str(found) if mine_whole and other_whole else f"{found}; not compared to the end"
    head = html.el("div", said, cls="fh-dim fh-said")
    return html.el("div", head, mark_text(found, cap=look.cap, whole=look.whole, both=True))


def _apart(inside: html.Html) -> html.Html:
    """What is written from right to left goes so, and turns nothing around it."""
    return html.el("div", inside, dir="auto", style="unicode-bidi:isolate")


def _json_of(run: Run) -> Any:
    output = run.output
    if isinstance(output, str):
        if len(output) > PARSED_AT_MOST or output.lstrip()[:1] not in ("{", "[", "`"):
            return None
        try:
            return run.json()
        except (ValueError, RecursionError):
            return None
    return dict(output) if isinstance(output, Mapping) else output
