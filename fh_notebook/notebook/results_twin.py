"""The last state of a submit as HTML and as text, for where there are no widgets.

Rule of this file: nothing of its own is drawn. Runs are the cards of :class:`SideBySide`, and what has no run is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from fh_notebook import html
from fh_notebook.contract.run import Run
from fh_notebook.notebook.panel import SideBySide
from fh_notebook.notebook.results_state import Asked

__all__ = ["LastState"]


class LastState(SideBySide):
    """All calls of a submit, as they are now.

    Parameters
    ----------
    calls : sequence of Asked
        In the order of the columns.
    deployment : str
        What was run.
    line : str
        How far it is, in one line.
    """

    def __init__(self, calls: Sequence[Asked], deployment: str, line: str) -> None:
        super().__init__([_as_run(call, deployment) for call in calls], whole="form.frame has all")
        self._line = line

    def html(self) -> html.Html:
        """Return it as HTML."""
        return self.page(html.el("div", self._line, cls="fh-dim") if self._line else None)

    def _repr_html_(self) -> str:
        return self.html()

    def __repr__(self) -> str:
        return "\n\n".join(filter(None, (self._line, super().__repr__())))


def _as_run(call: Asked, deployment: str) -> Run:
    """What has no answer, in the shape of what is shown of one."""
    if call.run is not None:
        return call.run
    return Run(status=call.status, deployment=deployment, variant=call.variant, error=call.said or None)
