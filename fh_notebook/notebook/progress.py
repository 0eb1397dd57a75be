"""The progress of a batch in a notebook: one display that is updated, and whose last state stays in the saved file.

Rule of this file: at most 5 updates a second, by a display handle: it lands in the cell that began the batch, from any
thread, and is one message an update.
"""

from __future__ import annotations

from typing import Any, Final

from fh_notebook import html
from fh_notebook.batching.progress import Pacer, Snapshot
from fh_notebook.notebook.cancel import CancelOffer
from fh_notebook.notebook.notices import running_shell

__all__ = ["LiveProgress", "live_progress"]

EVERY_S: Final = 0.2


def live_progress() -> LiveProgress | None:
    """Return a live display where a kernel can update one; ``None`` elsewhere: a terminal has its own line."""
    shell = running_shell()
    return LiveProgress() if getattr(shell, "kernel", None) is not None else None


class _Shown:
    """One state of the display: HTML with a bar, and the same line as text."""

    def __init__(self, line: str, ended: int, planned: int, plan: str = "") -> None:
        self._line, self._ended, self._planned, self._plan = line, ended, planned, plan

    def __repr__(self) -> str:
        return f"{self._plan}\n{self._line}" if self._plan else self._line

    def _repr_html_(self) -> str:
        plan = html.el("div", self._plan, cls="fh-dim") if self._plan else None
        bar = html.el("progress", max=max(self._planned, 1), value=self._ended, style="vertical-align:middle")
        line = html.el("div", bar, "\u2002", html.el("span", self._line))
        return html.el("div", html.STYLE, plan, line, cls="fh")


class LiveProgress:
    """A progress display of its own handle."""

    def __init__(self) -> None:
        self._pacer = Pacer(EVERY_S)
        self._handle: Any = None
        self._plan = ""
        self._offer: CancelOffer | None = None

    def begin(self, batch: Snapshot) -> None:
        """Show the plan and an empty bar, and in a while a way to cancel."""
        from IPython.display import DisplayHandle

        self._pacer.begin(batch)
        self._plan = str(batch.plan())
        self._handle = DisplayHandle()  # type: ignore[no-untyped-call]  # IPython's display has no types
        self._handle.display(self._shown(batch, "starting"))
        self._offer = CancelOffer(batch.cancel, blocks=batch.blocks)
        self._offer.begin()

    def update(self, batch: Snapshot) -> None:
        """Show how far it is, unless that was shown just now."""
        if self._handle is not None:
            self._pacer.draw(lambda: self._handle.update(self._shown(batch, self._pacer.line(batch))))

    def end(self, batch: Snapshot) -> None:
        """Show how it ended: this stays in the saved notebook."""
        self._pacer.end()
        if self._offer is not None:
            self._offer.end()
        if self._handle is not None:
            self._handle.update(self._shown(batch, batch.summary()))

    def _shown(self, batch: Snapshot, line: str) -> _Shown:
        counts = batch.counts
        return _Shown(line, counts.planned - counts.pending, counts.planned, self._plan)
