"""The four panels of a comparison, drawn by matplotlib.

Rule of this file: a dot and a line for a number and its interval, names on the left, figures written beside what they
belong to: nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from matplotlib.axes import Axes

from fh_notebook.comparing.figures import figure, seconds, signed
from fh_notebook.comparing.pairs import Pair
from fh_notebook.comparing.plot_svg import BETTER, GREY, INK, WORSE, Panel
from fh_notebook.comparing.plots import (
    OF_PAIR_SHOWN,
    WORDS,
    Facts,
    Words,
    marks_of,
    most_told,
    scored_lines,
    told_apart,
)
from fh_notebook.comparing.verdict import p_text

__all__ = ["PANELS"]


ON_COLOUR: Final = "#fefefe"
"""Of figures in a coloured bar; those in a grey one, through which the page is seen, have the page's ink."""
IN_A_BAR: Final[dict[str, Any]] = {"ha": "center", "va": "center", "fontweight": "bold", "fontsize": 8.5}


def _scores(facts: Facts) -> Panel:
    lines = scored_lines(facts)

    def draw(axes: Axes) -> None:
        for y, line in enumerate(lines):
            _dot(axes, y, line["mean"], line["ci_low"], line["ci_high"], BETTER)
        _names(axes, list(told_apart(line["variant"] for line in lines).values()))
        _figures(axes, [figure(line["mean"]) for line in lines])
        if facts.yes_no:
            axes.set_xlim(-0.02, 1.02)

    return _panel(draw, WORDS["scores"](facts))


def _differences(facts: Facts) -> Panel:
    pairs = most_told(facts.pairs)

    def draw(axes: Axes) -> None:
        axes.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        for y, pair in enumerate(pairs):
            colour = BETTER if pair.is_better() else WORSE if pair.turned().is_better() else GREY
            _dot(axes, y, pair.difference, pair.ci_low, pair.ci_high, colour)
        _names(axes, _of_pairs(pairs, "−"))
        told = ((signed(pair.difference), f"  {p_text(pair.p_holm)}" if pair.tested else "") for pair in pairs)
        _figures(axes, [difference + p for difference, p in told])

    return _panel(draw, WORDS["differences"](facts))


def _wins(facts: Facts) -> Panel:
    pairs = most_told(facts.pairs)

    def draw(axes: Axes) -> None:
        for y, pair in enumerate(pairs):
            begin = 0
            for number, colour in ((pair.wins, BETTER), (pair.ties, GREY), (pair.losses, WORSE)):
                axes.barh(y, number, left=begin, height=0.5, color=colour, alpha=0.55 if colour == GREY else 1)
                if number >= 0.06 * pair.n:
                    axes.text(
                        begin + number / 2, y, f"{number:,}", color=INK if colour == GREY else ON_COLOUR, **IN_A_BAR
                    )
                begin += number
        _names(axes, _of_pairs(pairs, "vs"))
        _figures(axes, [f"{pair.wins:,} / {pair.ties:,} / {pair.losses:,}" for pair in pairs])
        axes.set_xlim(0, max(pair.n for pair in pairs))

    return _panel(draw, WORDS["wins"](facts))


def _seconds(facts: Facts) -> Panel:
    marks = marks_of(facts)

    def draw(axes: Axes) -> None:
        for y, (low, quarter, middle, three, high) in enumerate(marks.values()):
            axes.hlines(y, low, high, color=BETTER, linewidth=1.4)
            axes.hlines(y, quarter, three, color=BETTER, linewidth=6, alpha=0.55)
            axes.plot([middle], [y], "o", color=BETTER, markersize=6)
        _names(axes, list(told_apart(marks).values()))
        _figures(axes, [f"{seconds(m[2])} s, p95 {seconds(m[4])} s" for m in marks.values()])
        axes.set_xlim(left=0)

    return _panel(draw, WORDS["seconds"](facts))


PANELS: Final[dict[str, Callable[[Facts], Panel]]] = {
    "scores": _scores,
    "differences": _differences,
    "wins": _wins,
    "seconds": _seconds,
}


def _panel(draw: Callable[[Axes], None], words: Words) -> Panel:
    return Panel(draw, title=words.title, alt=words.alt, rows=words.rows)


def _of_pairs(pairs: Sequence[Pair], between: str) -> list[str]:
    shown = told_apart((name for pair in pairs for name in (pair.b, pair.a)), OF_PAIR_SHOWN)
    return [f"{shown[pair.b]} {between} {shown[pair.a]}" for pair in pairs]


def _dot(axes: Axes, y: int, middle: float, low: float, high: float, colour: str) -> None:
    if low == low:
        axes.hlines(y, low, high, color=colour, linewidth=2)
        axes.plot([low, high], [y, y], "|", color=colour, markersize=8, markeredgewidth=1.6)
    axes.plot([middle], [y], "o", color=colour, markersize=6.5)


def _names(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.grid(axis="x", color=INK, alpha=0.22, linewidth=0.6)
    axes.set_axisbelow(True)


def _figures(axes: Axes, texts: Sequence[str]) -> None:
    """Write a figure at the right of every line."""
    place: Any = axes.get_yaxis_transform()
    for y, text in enumerate(texts):
        axes.text(1.02, y, text, transform=place, va="center", ha="left", fontsize=8.5)
