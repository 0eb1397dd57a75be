"""Plots of a race: the evidence against each variant row by row, and how far the others are behind the leader.

A plot draws what the tables contain and describes itself in words. Each line has its variant's colour, its own dash
pattern, and the variant's name where it ends, so no meaning depends on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes

from fh_notebook.batching.planning.plan import counted
from fh_notebook.comparing.plots.matplotlib_plots import DASH_STYLES, INK, SMALL, Plot, PlotPanel, label_ends
from fh_notebook.comparing.plots.panels import OF_PAIR_SHOWN, TITLE_NAME_SHOWN, distinct_names
from fh_notebook.comparing.stats.number_format import difference_text, difference_unit, interval_text
from fh_notebook.core import arguments
from fh_notebook.errors import InputError
from fh_notebook.racing.number_format import evidence_format, lead_format
from fh_notebook.racing.state import NO_DIFFERENCE, PairStanding, RaceState

__all__ = ["plot"]

PANEL_LINES: Final = 7
"""The height of a panel, in lines of other figures."""
MAX_RIVALS: Final = 5
"""More intervals than that in one panel nobody reads."""
LEAST: Final = 0.02
"""Evidence below it is drawn at it, and the axis says so: nobody asks how little there is."""
AFTER_DROP: Final = 0.45
"""Opacity of a line behind the row at which its variant was dropped."""


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
        raise InputError("nothing to draw: no row of the race is decided")
    return Plot([_PANELS[name](tally) for name in ([kind] if kind else _PANELS)])


def _evidence(tally: RaceState) -> PlotPanel:
    trail = np.maximum(np.array(tally.trail), LEAST)
    bar = 1 / tally.alpha

    def draw(axes: Axes) -> None:
        colours = tally.colours
        ends: dict[str, tuple[float, float]] = {}
        for index, name in enumerate(tally.variants):
            end = tally.dropped.get(name, tally.rows)
            rows = np.arange(1, tally.rows + 1)
            dash, is_out = DASH_STYLES[index % len(DASH_STYLES)], name in tally.dropped
            axes.plot(rows[:end], trail[:end, index], color=colours[name], linewidth=1.8, linestyle=dash)
            # What was known before counts on, among fewer variants: a line ends at the figure of the table.
            axes.plot(
                rows[end - 1 :], trail[end - 1 :, index], color=colours[name], linewidth=1.2, alpha=AFTER_DROP,
                linestyle=dash,
            )  # fmt: skip
            axes.plot(
                [end], trail[[end - 1], index], "X" if is_out else "o", color=colours[name], markersize=6, clip_on=False
            )
            ends[name] = (tally.rows, float(trail[-1, index]))
        axes.axhline(bar, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_yscale("log")
        axes.set_ylim(LEAST, max(bar * 4, float(trail.max()) * 2))
        ticks = _decades(bar)
        labels = [*(f"{tick:g}" for tick in ticks), f"dropped at {bar:g}"]
        axes.set_yticks([LEAST, *ticks, bar], [f"{LEAST:g} or less", *labels])
        axes.set_yticks([], minor=True)
        axes.set_xlim(1, max(2, tally.rows))
        axes.set_xlabel("rows; a cross marks where a variant is dropped", fontsize=SMALL)
        axes.set_ylabel("evidence that another one\nis better (log scale)", fontsize=SMALL)
        axes.locator_params(axis="x", integer=True)
        label_ends(axes, ends, colours)

    text = evidence_format(tally.evidence.adjusted)
    evidence_text = ", ".join(
        f"{name} {text(tally.evidence.adjusted[index])}"
        + (f" (dropped after {counted(tally.dropped[name], 'row')})" if name in tally.dropped else "")
        for index, name in enumerate(tally.variants)
    )
    return PlotPanel(
        draw,
        title=_result(tally),
        alt=f"Evidence that another variant is better, of each one, dropped at {bar:g}: {evidence_text}.",
        rows=PANEL_LINES,
    )


def _intervals(tally: RaceState) -> PlotPanel:
    rivals, confidence = tally.rivals()[:MAX_RIVALS], f"{100 * (1 - tally.alpha):g} %"
    indices = {name: index for index, name in enumerate(tally.variants)}
    yes_no = tally.yes_no
    text, in_unit, scale = lead_format(rivals, yes_no=yes_no), " in points" if yes_no else "", 100 if yes_no else 1
    limits = {pair.a: interval_text(text, pair.low, pair.high) for pair in rivals}

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate("level", (1, 0), fontsize=SMALL, va="bottom")
        colours = tally.colours
        names = distinct_names((pair.a for pair in rivals), OF_PAIR_SHOWN)
        ends: dict[str, tuple[float, float]] = {}
        for number, pair in enumerate(rivals):
            path, colour = np.array(_path_while_racing(tally, indices, pair)), colours[pair.a]
            path[:, 1:] *= scale
            # Outlines, because two bands that lie over each other look like a third one.
            for values in (path[:, 2], path[:, 1]):
                dash = DASH_STYLES[number % len(DASH_STYLES)]
                axes.step(path[:, 0], values, where="post", color=colour, linewidth=1.6, linestyle=dash)
            ends[pair.a] = (float(path[-1, 0]), float(path[-1, 1:].mean()))
            # What the text says of the last row: a step at the edge would not be seen.
            axes.vlines(path[-1, 0], *path[-1, 1:], color=colour, linewidth=1, alpha=0.6, clip_on=False)
            axes.plot(path[[-1, -1], 0], path[-1, 1:], "_", color=colour, markersize=10, clip_on=False)
        axes.set_xlim(1, max(2, tally.rows))
        axes.set_xlabel(f"rows; two lines each: the ends of the {confidence} interval", fontsize=SMALL)
        leader = distinct_names(tally.variants, OF_PAIR_SHOWN)[rivals[0].b]
        axes.set_ylabel(f"behind {leader}{in_unit}", fontsize=SMALL)
        axes.locator_params(axis="x", integer=True)
        label_ends(
            axes,
            ends,
            colours,
            {name: f"{names[name]}:\n{limits[name]}" for name in limits},
        )

    intervals_text = ", ".join(f"{name} {limits[name]}" for name in limits)
    return PlotPanel(
        draw,
        title=_lead(rivals[0], tally, text),
        alt=f"Lead of {rivals[0].b}{in_unit}, {confidence} interval that is valid whenever the race ends, over: "
        f"{intervals_text}.",
        rows=PANEL_LINES,
    )


def _result(tally: RaceState) -> str:
    names = distinct_names(tally.variants, TITLE_NAME_SHOWN)
    if tally.winner is not None:
        return f"{names[tally.winner]} wins after {counted(tally.rows, 'row')}"
    if tally.dropped:
        out = f"{len(tally.dropped):,} of {counted(len(tally.variants), 'variant')}"
        return (
            f"{out} {'is' if len(tally.dropped) == 1 else 'are'} dropped, no winner after {counted(tally.rows, 'row')}"
        )
    if tally.ending == NO_DIFFERENCE:
        least = difference_text(tally.min_difference or 0.0, share=tally.yes_no)
        return f"No difference larger than {least} after {counted(tally.rows, 'row')}"
    return f"No difference found after {counted(tally.rows, 'row')}: no variant is dropped"


def _lead(pair: PairStanding, tally: RaceState, text: Callable[[float], str]) -> str:
    """Return the lead over the variant that is the hardest to beat, with its interval; it leads once that is shown."""
    names = distinct_names(tally.variants, TITLE_NAME_SHOWN)
    ahead, behind = names[pair.b], names[pair.a]
    if not pair.n:
        return f"No row has a score of both {ahead} and {behind}"
    unit = " of the rows" if tally.scale.by_rank else difference_unit(text(pair.lead), share=tally.yes_no)
    interval = f"({interval_text(text, pair.low, pair.high)})"
    if pair.lead <= 0:
        return f"No difference found: {ahead} and {behind} are level {interval}"
    if pair.low <= 0 and pair.a not in tally.dropped:
        return f"No difference found: {ahead} is ahead of {behind} by {text(pair.lead)}{unit} {interval}"
    return f"{ahead} leads {behind} by {text(pair.lead)}{unit} {interval}"


def _decades(threshold: float) -> list[float]:
    """Return the powers of ten from `LEAST` on that are ticks beside the threshold, which is a tick itself."""
    first = math.ceil(math.log10(LEAST))
    powers = [10.0**power for power in range(first, math.ceil(math.log10(threshold)))]
    return [power for power in powers if power <= threshold / 1.5]


def _path_while_racing(
    tally: RaceState, indices: dict[str, int], pair: PairStanding
) -> Sequence[tuple[int, float, float]]:
    """Return the path of a pair up to where one of both was dropped, and what is known of it then."""
    path = tally.path(indices[pair.a], indices[pair.b])
    end = min(tally.dropped.get(pair.a, tally.rows), tally.dropped.get(pair.b, tally.rows))
    return [*(step for step in path if step[0] < end), (end, pair.low, pair.high)]


_PANELS: Final[dict[str, Callable[[RaceState], PlotPanel]]] = {"evidence": _evidence, "intervals": _intervals}
