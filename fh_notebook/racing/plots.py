"""Plots of a race: the evidence against each variant row by row, and how far the others are behind the leader.

A plot draws what the tables contain and describes itself in words. Each line of the evidence has its variant's colour,
its own dash pattern, and the variant's name where it ends, so no meaning depends on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes

from fh_notebook.comparing.plots.matplotlib_plots import (
    DASH_STYLES,
    SMALL,
    Plot,
    PlotPanel,
    draw_figures,
    draw_interval,
    draw_names,
    label_ends,
)
from fh_notebook.comparing.plots.panels import INK, OF_PAIR_SHOWN, TITLE_NAME_SHOWN, distinct_names
from fh_notebook.comparing.stats.number_format import difference_text, interval_text
from fh_notebook.core import arguments
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import InputError
from fh_notebook.racing.number_format import evidence_text, lead_format, lead_text
from fh_notebook.racing.state import NO_DIFFERENCE, PairStanding, RaceState

PANEL_LINES: Final = 7
"""The height of a panel, in lines of other figures."""
MAX_RIVALS: Final = 5
"""More intervals than that in one panel nobody reads."""
LEAST: Final = 0.02
"""Evidence below it is drawn at it, and the axis says so: nobody asks how little there is."""


def plot(tally: RaceState, kind: str | None) -> Any:
    """Return the figure (see ``Race.plot``)."""
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
            rows = np.arange(1, end + 1)
            dash, is_out = DASH_STYLES[index % len(DASH_STYLES)], name in tally.dropped
            axes.plot(rows, trail[:end, index], color=colours[name], linewidth=1.8, linestyle=dash)
            axes.plot(
                [end], trail[[end - 1], index], "X" if is_out else "o", color=colours[name], markersize=6, clip_on=False
            )
            ends[name] = (end, float(trail[end - 1, index]))
        axes.axhline(bar, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_yscale("log")
        highest = max(trail[: tally.dropped.get(name, tally.rows), i].max() for i, name in enumerate(tally.variants))
        axes.set_ylim(LEAST, max(bar * 4, float(highest) * 2))
        ticks = _decades(bar)
        labels = [*(f"{tick:g}" for tick in ticks), f"dropped at {bar:g}"]
        axes.set_yticks([LEAST, *ticks, bar], [f"{LEAST:g} or less", *labels])
        axes.set_yticks([], minor=True)
        axes.set_xlim(1, max(2, tally.rows))
        axes.set_xlabel("rows; a cross marks where a variant is dropped", fontsize=SMALL)
        axes.set_ylabel("evidence that another one\nis better (log scale)", fontsize=SMALL)
        axes.locator_params(axis="x", integer=True)
        label_ends(axes, ends, colours)

    against = ", ".join(
        f"{name} {evidence_text(tally.evidence_at_end(name))}"
        + (f" (dropped after {counted(tally.dropped[name], 'row')})" if name in tally.dropped else "")
        for name in tally.variants
    )
    return PlotPanel(
        draw,
        title=_result(tally),
        alt=f"Evidence that another variant is better, of each one, dropped at {bar:g}: {against}.",
        rows=PANEL_LINES,
    )


def _intervals(tally: RaceState) -> PlotPanel:
    rivals, confidence, yes_no = tally.rivals()[:MAX_RIVALS], f"{100 * (1 - tally.alpha):g} %", tally.yes_no
    text, in_unit, scale = lead_format(tally), " in points" if yes_no else "", 100 if yes_no else 1
    leader = distinct_names(tally.variants, OF_PAIR_SHOWN)[rivals[0].b]
    limits = {pair.a: interval_text(text, pair.low, pair.high) for pair in rivals}

    def draw(axes: Axes) -> None:
        axes.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        for y, pair in enumerate(rivals):
            lead, low, high = (scale * value for value in (pair.lead, pair.low, pair.high))
            draw_interval(axes, y, lead, low, high, tally.colours[pair.a])
        names = distinct_names((pair.a for pair in rivals), OF_PAIR_SHOWN)
        draw_names(axes, list(names.values()), f"lead of {leader}{in_unit}; {confidence} interval")
        draw_figures(axes, [f"{text(pair.lead) or 'no rows'} ({limits[pair.a]})" for pair in rivals])
        axes.annotate("equal", (0, axes.get_ylim()[1]), fontsize=SMALL, ha="center", va="bottom")

    intervals_text = ", ".join(f"{name} {limits[name]}" for name in limits)
    return PlotPanel(
        draw,
        title=_lead(rivals[0], tally, text),
        alt=f"Lead of {rivals[0].b}{in_unit}, {confidence} interval, over: {intervals_text}.",
        rows=len(rivals),
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
    lead = f"{lead_text(tally, pair.lead)}{' of the rows' if tally.scale.by_rank else ''}"
    interval = f"({interval_text(text, pair.low, pair.high)})"
    if pair.lead <= 0:
        return f"No difference found: {ahead} and {behind} are equal {interval}"
    if pair.low <= 0 and pair.a not in tally.dropped:
        return f"No difference found: {ahead} is ahead of {behind} by {lead} {interval}"
    return f"{ahead} leads {behind} by {lead} {interval}"


def _decades(threshold: float) -> list[float]:
    """Return the powers of ten from `LEAST` on that are ticks beside the threshold, which is a tick itself."""
    first = math.ceil(math.log10(LEAST))
    powers = [10.0**power for power in range(first, math.ceil(math.log10(threshold)))]
    return [power for power in powers if power <= threshold / 3]


_PANELS: Final[dict[str, Callable[[RaceState], PlotPanel]]] = {"evidence": _evidence, "intervals": _intervals}
