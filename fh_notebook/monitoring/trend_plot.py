"""Plot of a trend: score, seconds and failures by date, one line per variant, each point with its interval.

Where all calls are of one date there is no course to be drawn: then each variant is a line with its name, its figure
and its interval, as in the plot of a comparison.

A plot draws what the table contains and describes itself in words. Each line has its variant's colour, its own dash
pattern, and the variant's name at its end, so no meaning depends on colour alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DateFormatter, date2num
from matplotlib.ticker import FixedLocator

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
from fh_notebook.comparing.plots.panels import (
    INK,
    TITLE_NAME_SHOWN,
    alike_first,
    distinct_names,
    equal_text,
    first_text,
    named,
)
from fh_notebook.core import arguments
from fh_notebook.errors import InputError

PANEL_LINES: Final = 6
"""The height of a panel, in lines of other figures."""

SPREAD_H: Final = 9.0
"""Hours over which the points of all variants on one date are spread."""

TICKS: Final = 6
"""Labels that stand beside each other."""


MEASURE_SHOWN: Final = 30
"""Characters of the label of an axis, which is as long as a panel is high."""


FigureText = Callable[[float], str]


def plot(
    frame: pd.DataFrame, kind: str | None, *, measure: str, texts: Mapping[str, FigureText], colours: Mapping[str, str]
) -> Any:
    """Return the figure (see ``Trend.plot``).

    `measure` says what a score is; `texts`, how a figure of each kind is written, as in its table.
    """
    if kind is not None:
        arguments.check_one_of("kind", kind, tuple(texts))
    kinds = [name for name in texts if kind in (None, name) and frame[name].notna().any()]
    if not kinds:
        raise InputError(f"nothing to draw{f' of {kind}' if kind else ''}: no call has a value")
    units = {"seconds": " s"}
    measures = {"score": measure, "seconds": "median seconds", "failures": "failed calls"}

    def text_of(kind: str) -> FigureText:
        return lambda value: f"{texts[kind](value)}{units.get(kind, '')}"

    return Plot([_panel_of(frame, name)(frame, name, measures[name], text_of(name), colours) for name in kinds])


def _panel_of(frame: pd.DataFrame, kind: str) -> Callable[..., PlotPanel]:
    return _panel if frame["date"][frame[kind].notna()].nunique() > 1 else _panel_of_one_date


def _share_tick(share: float, place: int | None = None) -> str:
    return f"{100 * share:.4g} %"


def _panel_of_one_date(
    frame: pd.DataFrame, kind: str, what: str, text: FigureText, colours: Mapping[str, str]
) -> PlotPanel:
    known = frame[frame[kind].notna()].sort_values(kind, ascending=kind == "seconds", kind="stable")
    lines = known.to_dict("records")
    names = distinct_names(frame["variant"])
    date = f"{known['date'].iloc[0]:%Y-%m-%d}"
    is_share = text(0.5).endswith(" %")

    def draw(axes: Axes) -> None:
        for y, line in enumerate(lines):
            draw_interval(axes, y, line[kind], line[f"{kind}_low"], line[f"{kind}_high"], colours[line["variant"]])
        draw_names(axes, [names[line["variant"]] for line in lines], f"{named(what)}, 95 % interval")
        draw_figures(axes, [text(line[kind]) for line in lines])
        if is_share:
            axes.xaxis.set_major_formatter(_share_tick)
        if kind == "score" and is_share:
            axes.set_xlim(0, 1)
        elif kind != "score":
            axes.set_xlim(left=0)  # as in a comparison: an axis that begins elsewhere makes differences look larger
        axes.locator_params(axis="x", nbins=5)

    figures = (f"{line['variant']} {text(line[kind])} on {date}" for line in lines)
    title, words = _newest(frame, kind, text), f"{what[0].upper()}{what[1:]} by variant"
    return PlotPanel(draw, title=title, alt=f"{words}: {'; '.join(figures)}.", rows=len(lines))


def _draw_dates(axes: Axes, dates: pd.Series[Any]) -> None:
    """Label the dates: all where they are few, since a locator would put hours between them."""
    days = dates.drop_duplicates()
    half = pd.Timedelta(hours=12)
    axes.set_xlim(days.min() - half, days.max() + half)
    few = len(days) <= TICKS
    locator = FixedLocator(date2num(days)) if few else AutoDateLocator(maxticks=TICKS)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(DateFormatter("%m-%d") if few else ConciseDateFormatter(locator))


def _panel(frame: pd.DataFrame, kind: str, what: str, text: FigureText, colours: Mapping[str, str]) -> PlotPanel:
    variants = list(dict.fromkeys(frame["variant"]))
    parts = {name: frame[(frame["variant"] == name) & frame[kind].notna()] for name in variants}

    def draw(axes: Axes) -> None:
        ends: dict[str, tuple[float, float]] = {}
        for index, (name, part) in enumerate(parts.items()):
            if not len(part):
                continue
            # Beside each other: intervals of several variants on one date would hide each other.
            shift = pd.Timedelta(hours=SPREAD_H * ((index + 0.5) / len(variants) - 0.5))
            dates, values = (part["date"].dt.tz_localize(None) + shift).to_numpy(), part[kind].to_numpy()
            low, high = part[f"{kind}_low"].to_numpy(), part[f"{kind}_high"].to_numpy()
            colour, dash = colours[name], DASH_STYLES[index % len(DASH_STYLES)]
            axes.plot(dates, values, "o", color=colour, markersize=5, clip_on=False)
            axes.plot(dates, values, color=colour, linewidth=1.6, linestyle=dash)
            axes.vlines(dates, low, high, color=colour, linewidth=1.2, alpha=0.6)
            ends[name] = (float(axes.convert_xunits(dates[-1])), float(values[-1]))
        _draw_dates(axes, frame["date"].dt.tz_localize(None))
        axes.set_xlabel("date (UTC)", fontsize=SMALL)
        if kind != "score":
            axes.set_ylim(bottom=0)
        elif text(0.5).endswith(" %"):
            axes.set_ylim(0, 1)
            axes.margins(y=0.05)
        axes.set_ylabel(named(what, MEASURE_SHOWN), fontsize=SMALL)
        axes.grid(axis="y", color=INK, alpha=0.22, linewidth=0.6)
        axes.set_axisbelow(True)
        if text(0.5).endswith(" %"):
            axes.yaxis.set_major_formatter(_share_tick)
        label_ends(axes, ends, colours)

    courses = (
        f"{name} {text(part[kind].iloc[0])} on {part['date'].iloc[0]:%Y-%m-%d}"
        + (f", {text(part[kind].iloc[-1])} on {part['date'].iloc[-1]:%Y-%m-%d}" if len(part) > 1 else "")
        for name, part in parts.items()
        if len(part)
    )
    title, words = _newest(frame, kind, text), f"{what[0].upper()}{what[1:]} by date"
    return PlotPanel(draw, title=title, alt=f"{words}: {'; '.join(courses)}.", rows=PANEL_LINES)


RANKS: Final = {
    "score": ("is highest", "are highest"),
    "seconds": ("is fastest", "are fastest"),
    "failures": ("fails most", "fail most"),
}
"""What is said of who is first in a figure of each kind, and of several who are."""


def _newest(frame: pd.DataFrame, kind: str, text: FigureText) -> str:
    """Return the result of the newest date on which there is one; variants without it are not ranked."""
    known = frame[frame[kind].notna()]
    newest = known[known["date"] == known["date"].max()].sort_values(kind, ascending=kind == "seconds", kind="stable")
    date = f"on {newest['date'].iloc[0]:%Y-%m-%d}"
    if kind == "failures" and not newest[kind].any():
        return f"No failed calls {date}"
    names = distinct_names(dict.fromkeys(frame["variant"]), TITLE_NAME_SHOWN)
    texts = {names[name]: text(value) for name, value in zip(newest["variant"], newest[kind], strict=True)}
    figure_text, who = next(iter(texts.values())), first_text(texts)
    if len(texts) == 1:
        return f"{who} {date}: {figure_text}{' failed' if kind == 'failures' else ''}"
    if equal := equal_text(texts, date):
        return equal
    first = len(alike_first(texts))
    ends = newest.iloc[[0, first]]  # who is first, and the next one
    overlap = ", but intervals overlap" if ends[f"{kind}_low"].max() <= ends[f"{kind}_high"].min() else ""
    return f"{who} {RANKS[kind][first > 1]} {date}: {figure_text}{overlap}"
