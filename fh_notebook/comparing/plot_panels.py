"""Panels of a comparison's plot (scores, paired differences, wins, seconds), as values and in words.

Each panel shows what a table contains, and describes it in words. This module needs no drawing library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.rendering import one_line
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.stats.number_format import figure, p_text, seconds, signed
from fh_notebook.comparing.stats.pairs import Pair
from fh_notebook.comparing.verdict import after_holm

__all__ = [
    "BETTER",
    "GREY",
    "INK",
    "KINDS",
    "PANEL_TEXTS",
    "WORSE",
    "PanelText",
    "PlotData",
    "distinct_names",
    "marks_of",
    "named",
    "plot_data",
    "scored_lines",
    "shown_pairs",
]

INK: Final = "#7a7d85"
"""4.1 to 1 on white, 4.6 to 1 on JupyterLab's black (WCAG 2.2 asks 3 to 1 of figures)."""
BETTER: Final = "#2e86ab"
WORSE: Final = "#d1603d"
"""Blue and vermilion: told apart by everybody who tells colours apart at all, 3 to 1 on white and on black."""
GREY: Final = "#9a9da5"

NAME_SHOWN: Final = 28
"""Characters of a variant's name beside a plot."""
OF_PAIR_SHOWN: Final = 16
"""Of two names in one line."""
MOST_PAIRS: Final = 28
"""More lines than that nobody reads: eight variants have so many pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotData:
    """The data of a plot."""

    summary: pd.DataFrame
    pairs: Sequence[Pair]
    seconds: dict[str, Any]
    """The seconds of the completed runs by variant."""
    scorer: str
    yes_no: bool


def plot_data(data: ComparisonData) -> PlotData:
    """Return the data of a comparison's plot."""
    lines = data.lines[["variant", "seconds"]].dropna()
    return PlotData(
        summary=tables.summary(data),
        pairs=[pair for pair in data.pairs if pair.n] if data.scorer else [],
        seconds={v: lines["seconds"][lines["variant"] == v].to_numpy() for v in data.variants},
        scorer=data.scorer,
        yes_no=data.grid.yes_no,
    )


KINDS: Final[dict[str, Callable[[PlotData], bool]]] = {
    "scores": lambda facts: bool((facts.summary["n"] > 0).any()),
    "differences": lambda facts: bool(facts.pairs),
    "wins": lambda facts: bool(facts.pairs),
    "seconds": lambda facts: any(len(values) for values in facts.seconds.values()),
}
"""The kinds of panels, each with a check whether there is data for it."""


def named(text: str, most: int = NAME_SHOWN) -> str:
    """Return a name for a plot: one line, which matplotlib does not read as a formula."""
    return one_line(text, most).replace("$", r"\$")


def distinct_names(names: Iterable[str], most: int = NAME_SHOWN) -> dict[str, str]:
    """Return the texts of names for a plot: at most `most` characters, different for different names.

    Names with equal beginnings show the part that differs; where this is not enough, a number.

    Examples
    --------
    >>> list(distinct_names(["prompt-with-examples-v1", "prompt-with-examples-v2", "short"], 16).values())
    ['promp…es-v1', 'promp…es-v2', 'short']
    """
    texts = {name: one_line(name, most) for name in names}
    for alike in _groups_of_equal_texts(texts):
        begins = next((n for n, signs in enumerate(zip(*alike, strict=False)) if len(set(signs)) > 1), most)
        head = most // 3
        start = max(begins - 4, head)
        texts |= {name: one_line(f"{name[:head]}…{name[start:]}", most) for name in alike}
    still_alike = [name for alike in _groups_of_equal_texts(texts) for name in alike]
    used = {text for name, text in texts.items() if name not in set(still_alike)}
    for name in still_alike:
        numbered = (f"{one_line(name, most - len(f' #{n}'))} #{n}" for n in count(1))
        texts[name] = next(text for text in numbered if text not in used)
        used.add(texts[name])
    return {name: named(text, most) for name, text in texts.items()}


def _groups_of_equal_texts(texts: Mapping[str, str]) -> list[list[str]]:
    """Return the groups of names with equal texts."""
    by_text: dict[str, list[str]] = {}
    for name, text in texts.items():
        by_text.setdefault(text, []).append(name)
    return [names for names in by_text.values() if len(names) > 1]


# --- in words: the titles of the panels, and what is read where the picture is not

MARKS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles of seconds that are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelText:
    """A panel in words."""

    title: str
    alt: str
    rows: int
    """Lines of it: its height."""


def _scores(facts: PlotData) -> PanelText:
    lines = scored_lines(facts)
    means = (
        f"{line['variant']} {figure(line['mean'])} ({figure(line['ci_low'])} to {figure(line['ci_high'])})"
        for line in lines
    )
    return PanelText(
        title=f"Score by {named(facts.scorer)}, 95% interval",
        alt=f"Mean score with 95% interval: {', '.join(means)}.",
        rows=len(lines),
    )


def _differences(facts: PlotData) -> PanelText:
    pairs, corrected = shown_pairs(facts.pairs), after_holm(facts.pairs)
    differences = (
        f"{p.b} minus {p.a} {signed(p.difference)} ({figure(p.ci_low)} to {figure(p.ci_high)}"
        f"{f', {p_text(p.p_holm)}{corrected}' if p.tested else ', not tested'})"
        for p in pairs
    )
    return PanelText(
        title=f"Differences, 95% interval, p{corrected}",
        alt=f"Paired differences: {', '.join(differences)}.",
        rows=len(pairs),
    )


def _wins(facts: PlotData) -> PanelText:
    pairs = shown_pairs(facts.pairs)
    counts = (f"{p.b} against {p.a} {p.wins:,} won, {p.ties:,} tied, {p.losses:,} lost" for p in pairs)
    return PanelText(title="Rows won / tied / lost", alt=f"Rows: {', '.join(counts)}.", rows=len(pairs))


def _seconds(facts: PlotData) -> PanelText:
    marks = marks_of(facts)
    times = (f"{name} median {seconds(m[2])}, 95% below {seconds(m[4])}" for name, m in marks.items())
    return PanelText(
        title="Seconds: median, quarters, 5% to 95%",
        alt=f"Seconds of completed runs: {', '.join(times)}.",
        rows=len(marks),
    )


PANEL_TEXTS: Final[dict[str, Callable[[PlotData], PanelText]]] = {
    "scores": _scores,
    "differences": _differences,
    "wins": _wins,
    "seconds": _seconds,
}


def scored_lines(facts: PlotData) -> list[dict[Any, Any]]:
    """Return the lines of the summary that have a score."""
    return [line for line in facts.summary.to_dict("records") if line["n"]]


def shown_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs to draw: where there are too many, those with the smallest p."""
    if len(pairs) <= MOST_PAIRS:
        return list(pairs)
    selected = sorted(pairs, key=lambda pair: (not pair.tested, pair.p))[:MOST_PAIRS]
    return [pair for pair in pairs if pair in selected]


def marks_of(facts: PlotData) -> dict[str, Any]:
    """Return the quantiles of the seconds of each variant that has some."""
    return {name: np.quantile(values, MARKS) for name, values in facts.seconds.items() if len(values)}
