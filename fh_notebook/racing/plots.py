"""Plots of a race: the evidence against each variant row by row, and the narrowing confidence sequences of the leader.

A plot draws what the tables contain and describes itself in words. Each line has its own dash pattern, so no meaning
depends on colour alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes

from fh_notebook.batching.planning.plan import counted
from fh_notebook.comparing.matplotlib_plots import BETTER, GREY, INK, WORSE, Plot, PlotPanel
from fh_notebook.comparing.plot_panels import OF_PAIR_SHOWN, distinct_names
from fh_notebook.comparing.stats.number_format import size_text
from fh_notebook.core import arguments
from fh_notebook.errors import InputError
from fh_notebook.racing.state import PairStanding, RaceState

__all__ = ["plot"]

PANEL_LINES: Final = 7
"""The height of a panel, in lines of other figures."""
MAX_RIVALS: Final = 5
"""More intervals than that in one panel nobody reads."""
LEAST: Final = 0.02
"""Evidence below it is drawn at it: nobody asks how little there is."""
DASH_STYLES: Final[tuple[Any, ...]] = ("-", (0, (6, 2)), (0, (2, 2)), (0, (6, 2, 1, 2)), (0, (1, 1)), (0, (9, 3)))


def plot(tally: RaceState, kind: str | None) -> Any:
    """Return the figure (see ``Race.plot``).

    Raises
    ------
    InputError
        There is nothing of that kind to be drawn.
    """
    if kind is not None:
        arguments.check_one_of("kind", kind, tuple(_PANELS))
    if not tally.rows:
        raise InputError("there is nothing to draw: no row of the race is decided")
    return Plot([_PANELS[name](tally) for name in ([kind] if kind else _PANELS)])


def _evidence(tally: RaceState) -> PlotPanel:
    trail = np.maximum(np.array(tally.trail), LEAST)
    bar = 1 / tally.alpha

    def draw(axes: Axes) -> None:
        labels = distinct_names(tally.variants)
        for index, name in enumerate(tally.variants):
            end = tally.dropped.get(name, tally.rows)
            colour = WORSE if name in tally.dropped else BETTER if name == tally.winner else GREY
            rows = np.arange(1, end + 1)
            dash = DASH_STYLES[index % len(DASH_STYLES)]
            axes.plot(rows, trail[:end, index], color=colour, linewidth=1.8, linestyle=dash, label=labels[name])
            axes.plot([end], trail[[end - 1], index], "o", color=colour, markersize=4)
        axes.axhline(bar, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(f"out at {bar:g} ", (1, bar), fontsize=8.5, va="bottom")
        axes.set_yscale("log")
        axes.set_ylim(LEAST, max(bar * 3, float(trail.max()) * 1.5))
        axes.set_xlim(1, max(2, tally.rows))
        axes.set_xlabel("rows")
        axes.locator_params(axis="x", integer=True)
        _legend(axes)

    evidence_text = ", ".join(
        f"{name} {tally.evidence.adjusted[index]:.2g}"
        + (f" (dropped after {counted(tally.dropped[name], 'row')})" if name in tally.dropped else "")
        for index, name in enumerate(tally.variants)
    )
    return PlotPanel(
        draw,
        title="Evidence against each variant",
        alt=f"Evidence against each variant, out at {bar:g}: {evidence_text}.",
        rows=PANEL_LINES,
    )


def _intervals(tally: RaceState) -> PlotPanel:
    rivals = tally.rivals()[:MAX_RIVALS]
    indices = {name: index for index, name in enumerate(tally.variants)}

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        labels = distinct_names(tally.variants)
        for number, pair in enumerate(rivals):
            path = np.array(_path_while_racing(tally, indices, pair))
            colour = BETTER if pair.a in tally.dropped else GREY
            axes.fill_between(path[:, 0], path[:, 1], path[:, 2], step="post", color=colour, alpha=0.22, linewidth=0)
            for ends, label in ((path[:, 1], labels[pair.a]), (path[:, 2], None)):
                dash = DASH_STYLES[number % len(DASH_STYLES)]
                axes.step(path[:, 0], ends, where="post", color=colour, linewidth=1.4, linestyle=dash, label=label)
        axes.set_xlim(1, max(2, tally.rows))
        axes.set_xlabel("rows")
        axes.locator_params(axis="x", integer=True)
        _legend(axes)

    intervals_text = ", ".join(f"{p.a} {size_text(p.low)} to {size_text(p.high)}" for p in rivals)
    ahead = tally.variants[tally.leader()]
    return PlotPanel(
        draw,
        title=f"Lead of {distinct_names(tally.variants, OF_PAIR_SHOWN)[ahead]}, {100 * (1 - tally.alpha):g}% sequence",
        alt=f"Confidence sequences of the lead of {ahead} over: {intervals_text}.",
        rows=PANEL_LINES,
    )


def _legend(axes: Axes) -> None:
    """Name the lines, under the axes: in them, names would lie over what they name."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, frameon=False, fontsize=8.5, handlelength=3)


def _path_while_racing(
    tally: RaceState, indices: dict[str, int], pair: PairStanding
) -> Sequence[tuple[int, float, float]]:
    """Return the path of a pair up to where one of both was dropped."""
    path = tally.path(indices[pair.a], indices[pair.b])
    end = min(tally.dropped.get(pair.a, tally.rows), tally.dropped.get(pair.b, tally.rows))
    return [step for step in path if step[0] <= end] or path[:1]


_PANELS: Final[dict[str, Callable[[RaceState], PlotPanel]]] = {"evidence": _evidence, "intervals": _intervals}
