"""The same four panels by Altair, for who builds on Vega-Lite.

Rule of this file: the numbers are those of the tables, computed here and not by Vega, so that both backends show the
same. No background, and a grey that reads on white and on black: a chart does not know the theme of its page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import altair as alt
import numpy as np
import pandas as pd

from fh_notebook.comparing.plots import BETTER, GREY, INK, WORDS, WORSE, Facts

__all__ = ["chart"]

WIDTH: Final = 340
COLOURS: Final = {"won": BETTER, "tied": GREY, "lost": WORSE}


def chart(facts: Facts, kinds: Sequence[str]) -> Any:
    """Return the chart of these kinds, one under the other, with what it shows in words as its description."""
    parts = [_PARTS[kind](facts).properties(width=WIDTH, description=WORDS[kind](facts).alt) for kind in kinds]
    joined = parts[0] if len(parts) == 1 else alt.vconcat(*parts, description=" ".join(p.description for p in parts))
    return (
        joined.configure(background="transparent")
        .configure_view(strokeOpacity=0)
        .configure_axis(
            labelLimit=0,
            labelColor=INK,
            titleColor=INK,
            gridColor=INK,
            gridOpacity=0.25,
            domainColor=INK,
            tickColor=INK,
        )
        .configure_title(color=INK, anchor="start")
        .configure_legend(labelColor=INK, titleColor=INK)
    )


def _scores(facts: Facts) -> Any:
    table = facts.summary[facts.summary["n"] > 0][["variant", "mean", "ci_low", "ci_high"]]
    return _ranges(table, "variant", "mean", f"Score by {facts.scorer}, 95% interval")


def _differences(facts: Facts) -> Any:
    table = pd.DataFrame(
        {
            "pair": f"{p.b} − {p.a}",
            "difference": p.difference,
            "ci_low": p.ci_low,
            "ci_high": p.ci_high,
            "p_holm": p.p_holm,
        }
        for p in facts.pairs
    )
    zero = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="x:Q")
    return _ranges(table, "pair", "difference", "Differences, 95% interval") + zero


def _ranges(table: pd.DataFrame, name: str, middle: str, title: str) -> Any:
    base = alt.Chart(table, title=title).encode(y=alt.Y(f"{name}:N", sort=None, title=None))
    told = [alt.Tooltip(f"{column}:Q", format=".4~g") for column in table.columns if column != name]
    line = base.mark_rule(color=BETTER, strokeWidth=2).encode(x=alt.X("ci_low:Q", title=None), x2="ci_high:Q")
    dot = base.mark_point(color=BETTER, filled=True, size=70, opacity=1)
    return line + dot.encode(x=alt.X(f"{middle}:Q", title=None), tooltip=[f"{name}:N", *told])


def _wins(facts: Facts) -> Any:
    lines = [
        {"pair": f"{p.b} vs {p.a}", "rows": number, "what": what, "place": place}
        for p in facts.pairs
        for place, (what, number) in enumerate((("won", p.wins), ("tied", p.ties), ("lost", p.losses)))
    ]
    colour = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    return (
        alt.Chart(pd.DataFrame(lines), title="Rows won, tied, lost")
        .mark_bar()
        .encode(
            x=alt.X("rows:Q", title=None),
            y=alt.Y("pair:N", sort=None, title=None),
            color=alt.Color("what:N", scale=colour, title=None, legend=alt.Legend(orient="bottom")),
            order="place:O",
            tooltip=["pair:N", "what:N", "rows:Q"],
        )
    )


def _seconds(facts: Facts) -> Any:
    lines = []
    for name, values in facts.seconds.items():
        if len(values):
            low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
            lines.append({"variant": name, "median": middle, "ci_low": low, "ci_high": high})
    return _ranges(pd.DataFrame(lines), "variant", "median", "Seconds: median, 5% to 95%")


_PARTS: Final[dict[str, Callable[[Facts], Any]]] = {
    "scores": _scores,
    "differences": _differences,
    "wins": _wins,
    "seconds": _seconds,
}
