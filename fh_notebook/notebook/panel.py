"""Runs beside each other, one column a variant: HTML for a page, and the same as text."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from typing import Any, Final

from fh_notebook import html
from fh_notebook.contract.run import Run, one_line

__all__ = ["Shown", "SideBySide", "Stopped"]


class SideBySide:
    """Several runs of the same inputs, to be looked at together.

    Parameters
    ----------
    runs : sequence of Run
        One a variant, in the order in which they were asked for.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = tuple(runs)

    def _repr_html_(self) -> str:
        cards = html.el("div", *(run.html_card() for run in self.runs), cls="fh-side")
        return html.el("div", html.STYLE, cards, cls="fh")

    def __repr__(self) -> str:
        width = min(shutil.get_terminal_size((100, 24)).columns, 100)
        return "\n\n".join(self._text_of(run, width) for run in self.runs)

    @staticmethod
    def _text_of(run: Run, width: int) -> str:
        seconds = f", {run.elapsed_s:.3g} s" if run.elapsed_s else ""
        head = f"{run.deployment}/{run.variant}: {one_line(run.status)}{seconds}"
        said = run.text if run.output is not None else f"{run.error or ''} ({run.error_code})"
        lines = html.printable(html.clip(said, 2000)).splitlines() or [""]
        body = "\n".join(textwrap.fill(line, width, initial_indent="  ", subsequent_indent="  ") for line in lines)
        return f"{head}\n{body}"


class Shown(SideBySide):
    """The outputs alone, beside each other, in the form that ``--show`` names.

    Parameters
    ----------
    runs : sequence of Run
        One a call.
    show : {"text", "markdown", "json", "table"}
        How each output is shown; one that has not this form is shown as text.
    """

    def __init__(self, runs: Sequence[Run], show: str) -> None:
        super().__init__(runs)
        self._show = show

    def _repr_html_(self) -> str:
        cards = (html.el("div", self._head(run), self._body(run), cls="fh-card") for run in self.runs)
        return html.el("div", html.STYLE, html.el("div", *cards, cls="fh-side"), cls="fh")

    def _head(self, run: Run) -> html.Html | None:
        if len(self.runs) == 1 and run.ok:
            return None
        return html.el("div", html.badge(run.status), html.el("strong", run.variant or ""), cls="fh-head")

    def _body(self, run: Run) -> html.Html:
        if run.output is None:
            return html.el("div", run.error or run.error_code or run.status, cls="fh-error")
        if self._show == "markdown" and isinstance(run.output, str):
            return markdown(run.output)
        value = _json_of(run) if self._show in ("json", "table") else None
        if self._show == "table" and (made := _table(value)) is not None:
            return made
        text = (
            json.dumps(value, ensure_ascii=False, indent=2) if self._show == "json" and value is not None else run.text
        )
        return html.el("div", text, cls="fh-out")


def markdown(text: str) -> html.Html:
    """Return a model's Markdown as HTML in which nothing of the model's runs or is fetched.

    HTML in it is text, pictures are left as their links, and links of other kinds than http(s) and mailto are text.
    """
    from markdown_it import MarkdownIt

    # The preset "js-default" has tables and no HTML; its links refuse javascript:, vbscript:, file: and data:.
    reader = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")
    return html.Html(f'<div class="fh-md">{reader.render(html.printable(html.clip(text)))}</div>')


def _json_of(run: Run) -> Any:
    try:
        return run.json()
    except ValueError:
        return None


def _table(value: Any) -> html.Html | None:
    """A list of objects as rows, an object as names and values; ``None`` for anything else."""
    if isinstance(value, dict):
        shown = list(value.items())[:TABLE_ROWS]
        return html.table(("name", "value"), ((html.clip(k, CELL_CAP), _cell(v)) for k, v in shown))
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        columns = list(dict.fromkeys(name for row in value[:TABLE_ROWS] for name in row))[:TABLE_COLUMNS]
        return html.table(columns, ([_cell(row.get(name, "")) for name in columns] for row in value[:TABLE_ROWS]))
    return None


def _cell(value: Any) -> str:
    return html.clip(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), CELL_CAP)


TABLE_ROWS: Final = 100
TABLE_COLUMNS: Final = 20
CELL_CAP: Final = 300
"""What of one output is shown as a table, in rows, columns and characters; the value itself stays whole."""


class Stopped(KeyboardInterrupt):
    """An interrupt that a notebook shows as one line; the cell still counts as interrupted, so Run All stops."""

    def _render_traceback_(self) -> list[str]:
        return [f"Stopped: {self}"]
