"""Panels drawn by matplotlib (``cmp.plot()``), and a figure that displays itself as inline SVG in the page's ink.

Importing this module imports matplotlib, so it is imported when a figure is drawn.

A panel shows a number and its interval as a dot and a line, with names on the left and figures beside them, so no
meaning depends on colour alone.

A figure has no background, and one ink. In a page the ink is `currentColor`, so the figure is readable in every theme;
in a file (``figure.savefig``) it is a grey that is readable on white and on black. pyplot is not used: no window opens,
no figure is kept alive, and ``%matplotlib inline`` shows nothing twice.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure, FigureBase
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path
from matplotlib.ticker import PercentFormatter

from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.plots.fonts import FAMILIES, drawable
from fh_notebook.comparing.plots.panels import (
    GREY,
    INK,
    KINDS,
    OF_PAIR_SHOWN,
    PANEL_TEXTS,
    TITLE_NAME_SHOWN,
    Confusion,
    PanelText,
    PlotData,
    confusion_text,
    confusions_of,
    difference_text,
    distinct_names,
    expense_format,
    facets_of,
    kinds_drawn,
    marks_of,
    named,
    plot_data,
    score_format,
    score_limits,
    scored_lines,
    tradeoff_text,
)
from fh_notebook.comparing.stats.number_format import p_text, seconds_format
from fh_notebook.comparing.verdicts.tradeoff import Cost, Tradeoff, tradeoff_of
from fh_notebook.core import arguments
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import InputError

BACKENDS: Final = ("matplotlib",)

WIDTH: Final = 6.6
"""Inches of a panel: 475 points, which are pixels in a page, where it is shown in this size or up to a tenth larger."""
TEXT: Final = 11.5
SMALL: Final = 11.0
"""Points, so pixels: smaller text is not read."""
TITLE: Final = 13.0

DASH_STYLES: Final[tuple[Any, ...]] = ("-", (0, (6, 2)), (0, (2, 2)), (0, (6, 2, 1, 2)), (0, (1, 1)), (0, (9, 3)))
"""The dash pattern of each line of a plot of lines."""

_RC: Final[dict[str, Any]] = {
    "svg.fonttype": "path",  # the same in every browser, and no style that a content policy would refuse
    "svg.hashsalt": "fh_notebook",  # the same figure is the same bytes: a saved notebook does not change by itself
    "font.size": TEXT,
    "font.family": FAMILIES,
    "axes.edgecolor": INK, "axes.labelcolor": INK, "axes.titlecolor": INK, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.spines.left": False,
    "ytick.left": False, "axes.formatter.useoffset": False,
}  # fmt: skip


class PlotPanel:
    """One plot of a figure: its draw function, and its description in words."""

    def __init__(self, draw: Callable[[Axes], None], *, title: str, alt: str, rows: int) -> None:
        self.draw = draw
        self.title = title
        self.alt = alt
        self.rows = rows
        """Lines of it: its height."""

    @property
    def height(self) -> float:
        """Inches."""
        return 1.05 + 0.36 * max(self.rows, 2)


class Plot(Figure):  # type: ignore[misc]  # mypy follows no import of matplotlib (see pyproject.toml)
    """The figure of a comparison: a matplotlib ``Figure`` that shows itself, with ``alt``, what it shows in words.

    Titles, and the texts below the axes, are broken into lines for the width that the figure has at first.
    """

    def __init__(self, panels: Sequence[PlotPanel], *, columns: int = 2) -> None:
        self.panels = list(panels)
        self.alt = " ".join(panel.alt for panel in panels)
        columns = min(columns, len(panels))
        lines = [self.panels[i : i + columns] for i in range(0, len(panels), columns)]
        heights = [max(panel.height for panel in line) for line in lines]
        with mpl.rc_context(_RC):
            super().__init__(figsize=(WIDTH * columns, sum(heights)), layout="constrained")
            parts = self.subfigures(len(lines), columns, height_ratios=heights, squeeze=False)
            for part, panel in zip(parts.flat, self.panels, strict=False):
                _draw_panel(part, panel)
            _clear_background(self)

    def _repr_html_(self) -> str:
        """Each panel is a picture of its own, so that they stand beside each other where there is room."""
        # The words are seen where the picture is not: a notebook that is not trusted loses pictures and style sheets.
        cards = [
            html.el("div", inline(panel), html.el("p", panel.alt, cls="fh-alt"), cls="fh-plot", tabindex=0)
            for panel in self.panels
        ]
        return html.el("div", html.STYLE, PLOT_STYLE, html.el("div", *cards, cls="fh-plots"), cls="fh")

    def __repr__(self) -> str:
        return f"Plot: {self.alt}"


PLOT_STYLE: Final = html.Html(
    "<style>.fh-plots{display:grid;gap:24px 32px;align-items:start;max-width:1120px;"
    "grid-template-columns:repeat(auto-fit,minmax(min(100%,476px),1fr))}"
    ".fh-alt{display:none}"
    ".fh-plot{max-width:520px;min-width:0;overflow-x:auto}"  # smaller, its texts would not be read
    ".fh-plot svg{width:100%;min-width:476px;height:auto;display:block}</style>"
)


def _draw_panel(figure: FigureBase, panel: PlotPanel) -> None:
    """Draw a panel. Its title begins over the names: beside long ones the axes alone are too narrow for it."""
    title = _in_lines(panel.title, 0.98 * 72 * WIDTH, size=TITLE, weight="bold")
    figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE, fontweight="bold")
    panel.draw(figure.add_subplot())


def _in_lines(text: str, room: float, *, size: float, weight: str = "normal") -> str:
    """Return a text in lines of at most `room` points, broken at spaces; a longer word has a line of its own.

    matplotlib breaks a text as well (``wrap=True``), but measures each of its beginnings, in every pass over a figure.
    """
    space = _width("| |", size, weight) - _width("||", size, weight)
    lines: list[str] = []
    for own_line in text.split("\n"):
        words: list[str] = []
        width = 0.0
        for word in own_line.split(" "):
            width += _width(word, size, weight) + (space if words else 0.0)
            if words and width > room:
                lines.append(" ".join(words))
                words, width = [], _width(word, size, weight)
            words.append(word)
        lines.append(" ".join(words))
    return "\n".join(lines)


@lru_cache(maxsize=5_000)
def _width(text: str, size: float, weight: str) -> float:
    """Return the width of a text in points, with a box for each sign that no font has."""
    font = FontProperties(family=FAMILIES, size=size, weight=weight)
    width: float = text_to_path.get_text_width_height_descent(drawable(text), font, ismath=False)[0]
    return width


def _clear_background(figure: Figure) -> None:
    """Make all backgrounds transparent."""
    for part in (figure, *figure.subfigs):
        part.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)


def inline(panel: PlotPanel) -> html.Html:
    """Return one panel as inline SVG, for a page."""
    with mpl.rc_context(_RC):
        return _svg_of(figure_of(panel), panel.alt)


def figure_of(panel: PlotPanel) -> Figure:
    """Return one panel as a figure of its own, of the size that it has in a page."""
    with mpl.rc_context(_RC):
        figure = Figure(figsize=(WIDTH, panel.height), layout="constrained")
        _draw_panel(figure, panel)
        _clear_background(figure)
    return figure


_STYLE: Final = re.compile(r' style="([^"]*)"')

_PROLOGUE: Final = re.compile(
    r"^.*?(?=<svg)|<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", re.DOTALL
)

_SIZE: Final = re.compile(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>')


def _svg_of(figure: Figure, alt: str) -> html.Html:
    """Return a figure as inline SVG: its ink is the page's, its styles are attributes, its words are in it.

    A style sheet inside of an SVG that is in a page holds for all of the page, and a strict content policy refuses
    styles in place: so there is neither. Texts are outlines, so no text of a user's or a model's comes in as markup.
    """
    file = io.StringIO()
    with mpl.rc_context(_RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for it; the words beside it have it
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    body = _PROLOGUE.sub("", file.getvalue())
    body = _STYLE.sub(_style_to_attributes, body).replace(INK, "currentColor")
    label = html.el("b", title=alt)[len("<b title=") : -len("></b>")]  # quoted and escaped
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    head = rf'<svg {spaces} viewBox="\1" role="img" aria-label={_escape_replacement(label)}>'
    return html.Html(_SIZE.sub(head, body, count=1).strip())


def _escape_replacement(text: str) -> str:
    """Return a text with its backslashes escaped for a replacement of a pattern."""
    return text.replace("\\", r"\\")


def _style_to_attributes(match: re.Match[str]) -> str:
    pairs = (part.partition(":") for part in match[1].split(";") if part.strip())
    return "".join(f' {name.strip()}="{value.strip()}"' for name, _, value in pairs)


def _scores(facts: PlotData) -> list[PlotPanel]:
    return [_scores_panel(facts, PANEL_TEXTS["scores"](facts))]


def _scores_panel(facts: PlotData, panel: PanelText, limits: tuple[float, float] | None = None) -> PlotPanel:
    lines, text = scored_lines(facts), score_format(facts)

    def draw(axes: Axes) -> None:
        for y, line in enumerate(lines):
            draw_interval(axes, y, line["mean"], line["ci_low"], line["ci_high"], facts.colours[line["variant"]])
        draw_names(axes, list(distinct_names(line["variant"] for line in lines).values()), panel.measure)
        draw_figures(axes, [text(line["mean"]) for line in lines])
        if facts.yes_no:
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        low, high = limits or score_limits(facts, lines)
        axes.set_xlim(low - EDGE * (high - low), high + EDGE * (high - low))
        axes.locator_params(axis="x", nbins=6)

    return _plot_panel(draw, panel)


EDGE: Final = 0.02
"""Of the length of an axis: room for a dot at its end."""


def _differences(facts: PlotData) -> list[PlotPanel]:
    panel = PANEL_TEXTS["differences"](facts)

    def draw(axes: Axes) -> None:
        axes.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        for y, pair in enumerate(facts.pairs):
            is_decided = pair.is_better() or pair.turned().is_better()
            draw_interval(axes, y, pair.difference, pair.ci_low, pair.ci_high, INK if is_decided else GREY)
        draw_names(axes, _pair_names(facts, "−"), panel.measure)
        labels = (
            (difference_text(facts, pair.difference), f"  {p_text(pair.p_holm)}" if pair.tested else "")
            for pair in facts.pairs
        )
        if facts.yes_no:
            axes.xaxis.set_major_formatter(lambda share, place: f"{100 * share:.0f}")
        draw_figures(axes, [difference + p for difference, p in labels])

    return [_plot_panel(draw, panel)]


def _wins(facts: PlotData) -> list[PlotPanel]:
    panel = PANEL_TEXTS["wins"](facts)

    def draw(axes: Axes) -> None:
        for y, pair in enumerate(facts.pairs):
            begin = 0
            parts = ((pair.wins, facts.colours[pair.b]), (pair.ties, GREY), (pair.losses, facts.colours[pair.a]))
            for number, colour in parts:
                axes.barh(y, number, left=begin, height=0.5, color=colour, alpha=0.4 if colour == GREY else 1)
                begin += number
        draw_names(axes, _pair_names(facts, "vs"), panel.measure)
        draw_figures(axes, [f"{pair.wins:,} / {pair.ties:,} / {pair.losses:,} of {pair.n:,}" for pair in facts.pairs])
        axes.set_xlim(0, max(pair.n for pair in facts.pairs))

    return [_plot_panel(draw, panel)]


def _seconds(facts: PlotData) -> list[PlotPanel]:
    marks, panel = marks_of(facts), PANEL_TEXTS["seconds"](facts)
    text = seconds_format([second for quantiles in marks.values() for second in quantiles])

    def draw(axes: Axes) -> None:
        for y, (name, (low, quarter, middle, three, high)) in enumerate(marks.items()):
            colour = facts.colours[name]
            axes.hlines(y, low, high, color=colour, linewidth=1.4)
            axes.hlines(y, quarter, three, color=colour, linewidth=6, alpha=0.55)
            axes.plot([middle], [y], "o", color=colour, markersize=6)
        draw_names(axes, list(distinct_names(marks).values()), panel.measure)
        draw_figures(axes, [f"{text(m[2])} s, 95th percentile {text(m[4])} s" for m in marks.values()])
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=4)  # labels of small numbers are long

    return [_plot_panel(draw, panel)]


def _confusion(facts: PlotData) -> list[PlotPanel]:
    return [_confusion_panel(facts, table) for table in confusions_of(facts)]


def _confusion_panel(facts: PlotData, table: Confusion) -> PlotPanel:
    panel = confusion_text(facts, table)
    totals = np.maximum(np.abs(table.cells).sum(axis=1, keepdims=True), 1e-9)
    shades = np.abs(table.cells) / (totals if table.minus is None else np.abs(table.cells).max(initial=1e-9))

    def colour(line: int, column: int) -> str:
        """The variant's; of a difference that of the variant that answers so more often."""
        return facts.colours[table.variant if table.minus is None or table.cells[line, column] > 0 else table.minus]

    def draw(axes: Axes) -> None:
        for line, column in zip(*np.nonzero(table.cells), strict=True):
            shade = 0.08 + 0.5 * float(shades[line, column])
            axes.add_patch(
                Rectangle((column - 0.5, line - 0.5), 1, 1, facecolor=colour(line, column), alpha=shade, linewidth=0)
            )
        for (line, column), number in np.ndenumerate(table.cells):
            text = f"{number:,.4g}" if table.minus is None or not number else f"{number:+,.4g}"
            weight = "bold" if line == column else "normal"
            faint = 1.0 if number else 0.5
            axes.text(column, line, text, ha="center", va="center", fontsize=SMALL, fontweight=weight, alpha=faint)
        predicted = list(distinct_names(table.predicted, PREDICTED_SHOWN).values())
        is_long = sum(map(len, predicted)) > PREDICTED_CHARS
        axes.set_xticks(
            range(len(predicted)), predicted, rotation=35 if is_long else 0, ha="right" if is_long else "center"
        )
        expected = list(distinct_names(table.labels).values())
        axes.set_yticks(range(len(expected)), expected)
        axes.set_xlim(-0.5, len(predicted) - 0.5)
        axes.set_ylim(len(expected) - 0.5, -0.5)
        axes.set_ylabel("expected", fontsize=SMALL)
        _set_measure(axes, panel.measure, expected)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(length=0)

    return _plot_panel(draw, panel)


PREDICTED_SHOWN: Final = 14
PREDICTED_CHARS: Final = 48
"""Characters of all labels below a confusion table that stand beside each other; of more they are turned."""


LABEL_INCHES: Final = 0.24
"""Between the labels of two points."""


def _tradeoff(facts: PlotData) -> list[PlotPanel]:
    return [] if facts.tradeoff is None else [_tradeoff_panel(facts, facts.tradeoff)]


def _tradeoff_panel(facts: PlotData, tradeoff: Tradeoff) -> PlotPanel:
    """Draw a point for each variant. Labels stand at the right, one below another, so that none covers another one."""
    panel = tradeoff_text(facts, tradeoff)
    score, expense = score_format(facts), expense_format(tradeoff)
    names = distinct_names((line.variant for line in tradeoff.lines), TITLE_NAME_SHOWN)
    unit = " s" if tradeoff.measure == "seconds" else ""

    def draw(axes: Axes) -> None:
        pareto = sorted((line.expense, line.score) for line in tradeoff.pareto)
        axes.plot(*zip(*pareto, strict=True), color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        for line in tradeoff.lines:
            colour = facts.colours[line.variant]
            axes.hlines(line.score, line.expense_low, line.expense_high, color=colour, linewidth=2, alpha=0.7)
            axes.vlines(line.expense, line.score_low, line.score_high, color=colour, linewidth=2, alpha=0.7)
            face = colour if line.pareto else "none"
            axes.plot([line.expense], [line.score], "o", color=colour, markersize=8, markerfacecolor=face)
        axes.set_ylabel(f"{'right' if facts.yes_no else 'mean'} by {named(facts.scorer)}", fontsize=SMALL)
        _set_measure(axes, panel.measure, [score(line.score) for line in tradeoff.lines])
        axes.margins(0.08)
        axes.set_xlim(left=0)
        axes.grid(color=INK, alpha=0.22, linewidth=0.6)
        axes.set_axisbelow(True)
        if facts.yes_no:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        low, high = axes.get_ylim()
        targets = [(line.score - low) / (high - low) for line in tradeoff.lines]
        places = spread_places(targets, LABEL_INCHES / (0.36 * panel.rows))
        right = axes.get_xlim()[1]
        for line, place in zip(tradeoff.lines, places, strict=True):
            text = f"{names[line.variant]}  {score(line.score)}, {expense(line.expense)}{unit}"
            y = low + place * (high - low)
            axes.text(1.09, place, text, transform=axes.transAxes, va="center", ha="left", fontsize=SMALL)
            colour = facts.colours[line.variant]
            axes.plot([1.02, 1.05], [place] * 2, transform=axes.transAxes, color=colour, linewidth=5, clip_on=False)
            axes.plot([line.expense, right], [line.score, y], color=INK, linewidth=0.6, alpha=0.5, zorder=0)
        axes.set_xlim(right=right)
        axes.set_ylim(low, high)

    return _plot_panel(draw, panel)


def spread_places(targets: Sequence[float], gap: float) -> list[float]:
    """Return places from 0 to 1 near the targets, in their order, at least `gap` apart where there is room.

    Examples
    --------
    >>> [round(place, 2) for place in spread_places([0.9, 0.5, 0.52], 0.1)]
    [0.9, 0.46, 0.56]
    """
    order = sorted(range(len(targets)), key=targets.__getitem__)
    gap = min(gap, 1 / max(len(order) - 1, 1))
    groups: list[list[int]] = []  # labels that touch stand around the mean of their targets
    for index in order:
        groups.append([index])
        while len(groups) > 1 and _edge(targets, groups[-1], gap, -1) - _edge(targets, groups[-2], gap, 1) < gap - 1e-9:
            last = groups.pop()
            groups[-1] += last
    places = [0.0] * len(targets)
    for group in groups:
        begin = _edge(targets, group, gap, -1)
        for place, index in enumerate(group):
            places[index] = begin + place * gap
    return places


def _edge(targets: Sequence[float], group: Sequence[int], gap: float, side: int) -> float:
    """Return the lowest (-1) or the highest (1) place of labels that stand around the mean of their targets, inside."""
    reach = gap * (len(group) - 1) / 2
    middle = sum(targets[index] for index in group) / len(group)
    return min(max(middle, reach), 1 - reach) + side * reach


PANELS: Final[dict[str, Callable[[PlotData], list[PlotPanel]]]] = {
    "scores": _scores,
    "differences": _differences,
    "wins": _wins,
    "seconds": _seconds,
    "confusion": _confusion,
    "tradeoff": _tradeoff,
}
"""The panels of each kind: one, or one a variant."""


def _plot_panel(draw: Callable[[Axes], None], panel_text: PanelText) -> PlotPanel:
    return PlotPanel(draw, title=panel_text.title, alt=panel_text.alt, rows=panel_text.rows)


def _pair_names(facts: PlotData, between: str) -> list[str]:
    short_names = distinct_names(facts.colours, OF_PAIR_SHOWN)
    return [f"{short_names[pair.b]} {between} {short_names[pair.a]}" for pair in facts.pairs]


def draw_interval(axes: Axes, y: int, middle: float, low: float, high: float, colour: str) -> None:
    """Draw a figure of line `y` as a dot, and its interval, unless it is NaN, as a line with ends."""
    if low == low:
        axes.hlines(y, low, high, color=colour, linewidth=2)
        axes.plot([low, high], [y, y], "|", color=colour, markersize=8, markeredgewidth=1.6)
    axes.plot([middle], [y], "o", color=colour, markersize=6.5)


def draw_names(axes: Axes, names: Sequence[str], measure: str) -> None:
    """Write the name of each line at its left, and below the axis what it measures."""
    axes.set_yticks(range(len(names)), names)
    _set_measure(axes, measure, names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.grid(axis="x", color=INK, alpha=0.22, linewidth=0.6)
    axes.set_axisbelow(True)


AXIS_GAP: Final = 10.0
"""Points between the edge of a panel and the labels of an axis, and between these and the axis, together."""


def _set_measure(axes: Axes, measure: str, beside: Sequence[str]) -> None:
    """Write below the axis what it measures: with long texts `beside` the axis, at its left, it takes more lines."""
    unbroken = measure.replace(" %", "\N{NO-BREAK SPACE}%")
    left = AXIS_GAP + max((_width(text, TEXT, "normal") for text in beside), default=0.0)
    left += 1.5 * SMALL if axes.get_ylabel() else 0.0
    axes.set_xlabel(_in_lines(unbroken, 72 * WIDTH - left, size=SMALL), fontsize=SMALL, loc="left")


def draw_figures(axes: Axes, texts: Sequence[str]) -> None:
    """Write a figure at the right of every line."""
    transform: Any = axes.get_yaxis_transform()
    for y, text in enumerate(texts):
        axes.text(1.02, y, text, transform=transform, va="center", ha="left", fontsize=SMALL)


LABEL_GAP: Final = 0.085
"""Of the height of a panel, for a line of a label."""
END_SHOWN: Final = OF_PAIR_SHOWN + len("over ")
"""Characters of a name at the end of a line."""


def label_ends(
    axes: Axes,
    ends: Mapping[str, tuple[float, float]],
    colours: Mapping[str, str],
    texts: Mapping[str, str] | None = None,
) -> None:
    """Write the label of each line beside the axes, as high as its last point, but no label over another.

    Within the axes a label would lie on other lines. A dotted line leads from the last point to the label.
    """
    shown = distinct_names(ends, END_SHOWN) if texts is None else texts
    gap = LABEL_GAP * max((text.count("\n") + 1 for text in shown.values()), default=1)
    to_axes = axes.transData + axes.transAxes.inverted()
    places = [tuple(map(float, to_axes.transform(end))) for end in ends.values()]
    heights = spread_places([min(max(y, 0.0), 1.0) for _, y in places], gap)
    for name, (x, y), height in zip(ends, places, heights, strict=True):
        axes.plot(
            [x, max(x, 1.0), 1.025], [y, y, height], transform=axes.transAxes,
            color=colours[name], linewidth=0.9, linestyle=(0, (1, 2)), alpha=0.8, clip_on=False,
        )  # fmt: skip
        axes.text(
            1.03, height, shown[name], transform=axes.transAxes, va="center", ha="left", fontsize=SMALL,
            color=colours[name], fontweight="bold",
        )  # fmt: skip


def plot(data: ComparisonData, kind: str | None, *, backend: str, cost: Cost = None, by: ColumnName = None) -> Any:
    """Return the figure (see ``Comparison.plot``)."""
    if backend == "altair":  # an option of earlier releases
        raise InputError("backend='altair' was removed; leave out backend=, and matplotlib draws the same figures")
    arguments.check_one_of("backend", backend, BACKENDS)
    if kind is not None:
        arguments.check_one_of("kind", kind, tuple(KINDS))
    if cost is not None and kind != "tradeoff":
        raise InputError('cost is only for "tradeoff"; give plot("tradeoff", cost=...)')
    if by is not None:
        if kind not in (None, "scores"):
            raise InputError(f"by= draws the scores of each slice, not {kind!r}; leave out one")
        return Plot([_scores_panel(f.facts, f.text, f.limits) for f in facets_of(data, plot_data(data), by)])
    facts = plot_data(data, tradeoff=tradeoff_of(data, cost) if kind == "tradeoff" else None)
    kinds = kinds_drawn(facts) if kind is None else [kind]
    if not kinds or (kind is not None and not KINDS[kind](facts)):
        raise InputError(f"nothing to draw{f' of {kind}' if kind else ''}: {_nothing_to_draw(data, facts, kind)}")
    return Plot([panel for kind in kinds for panel in PANELS[kind](facts)])


def _nothing_to_draw(data: ComparisonData, facts: PlotData, kind: str | None) -> str:
    if kind == "seconds":
        return "no run has a measured time"
    if kind == "confusion":
        return _no_labels_text(data)
    return "no two variants have a score of the same row" if facts.scorer and kind else "nothing was scored"


def _no_labels_text(data: ComparisonData) -> str:
    try:
        labels = data.label_codes.labels
    except InputError as exc:
        return str(exc)
    if len(labels) < 2:
        return f"expected_output has one label only, {short(labels[0])}"
    return "fewer than half of the outputs are one of the labels in expected_output"
