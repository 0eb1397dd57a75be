"""Runs beside each other, one column a variant: HTML for a page, and the same as text."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from fh_notebook import html
from fh_notebook.contract.run import Run

__all__ = ["SideBySide", "Stopped"]


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
        head = f"{run.deployment}/{run.variant}: {run.status}{seconds}"
        said = run.text if run.output is not None else f"{run.error or ''} ({run.error_code})"
        lines = html.printable(html.clip(said, 2000)).splitlines() or [""]
        body = "\n".join(textwrap.fill(line, width, initial_indent="  ", subsequent_indent="  ") for line in lines)
        return f"{head}\n{body}"


class Stopped(KeyboardInterrupt):
    """An interrupt that a notebook shows as one line; the cell still counts as interrupted, so Run All stops."""

    def _render_traceback_(self) -> list[str]:
        return [f"Stopped: {self}"]
