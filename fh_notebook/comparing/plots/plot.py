"""``cmp.plot()``: choose the panels and draw them. matplotlib is imported when a figure is drawn, not before."""

from __future__ import annotations

from typing import Any, Final

from fh_notebook.comparing.checks import check_one_of
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.plots.panels import KINDS, PlotData, plot_data
from fh_notebook.errors import InputError

__all__ = ["plot"]

BACKENDS: Final = ("matplotlib",)


def plot(data: ComparisonData, kind: str | None, *, backend: str) -> Any:
    """Return the figure (see ``Comparison.plot``).

    Raises
    ------
    InputError
        There is nothing of that kind to be drawn.
    """
    if backend == "altair":  # an option of earlier releases
        raise InputError("backend='altair' was removed; leave backend= away, and matplotlib draws the same figures")
    check_one_of("backend", backend, BACKENDS)
    if kind is not None:
        check_one_of("kind", kind, tuple(KINDS))
    facts = plot_data(data)
    kinds = [name for name, has in KINDS.items() if has(facts)] if kind is None else [kind]
    if not kinds or (kind is not None and not KINDS[kind](facts)):
        raise InputError(f"there is nothing to draw{f' of {kind}' if kind else ''}: {_why(facts, kind)}")
    from fh_notebook.comparing.plots.matplotlib_plots import PANELS, Plot

    return Plot([PANELS[kind](facts) for kind in kinds])


def _why(facts: PlotData, kind: str | None) -> str:
    if kind == "seconds":
        return "no run has its seconds"
    return "no two variants have a score of the same row" if facts.scorer and kind else "nothing was scored"
