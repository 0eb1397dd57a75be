"""The four panels of a comparison: scores, paired differences, wins and seconds, as values and in words.

Rule of this file: every panel draws what a table says, and says in words what it draws. It needs no library that draws,
so names, colours and words are the same whichever does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.wording import one_line
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.figures import figure, seconds, signed
from fh_notebook.comparing.pairs import Pair
from fh_notebook.comparing.verdict import after_holm, p_text

__all__ = [
    "BETTER",
    "GREY",
    "INK",
    "KINDS",
    "WORDS",
    "WORSE",
    "Facts",
    "Words",
    "facts_of",
    "marks_of",
    "most_told",
    "named",
    "scored_lines",
    "told_apart",
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
class Facts:
    """What is drawn."""

    summary: pd.DataFrame
    pairs: Sequence[Pair]
    seconds: dict[str, Any]
    """By variant: those of its completed runs."""
    scorer: str
    yes_no: bool


def facts_of(data: ComparisonData) -> Facts:
    """Return what is drawn of a comparison."""
    lines = data.lines[["variant", "seconds"]].dropna()
    return Facts(
        summary=tables.summary(data),
        pairs=[pair for pair in data.pairs if pair.n] if data.scorer else [],
        seconds={v: lines["seconds"][lines["variant"] == v].to_numpy() for v in data.variants},
        scorer=data.scorer,
        yes_no=data.grid.yes_no,
    )


KINDS: Final[dict[str, Callable[[Facts], bool]]] = {
    "scores": lambda facts: bool((facts.summary["n"] > 0).any()),
    "differences": lambda facts: bool(facts.pairs),
    "wins": lambda facts: bool(facts.pairs),
    "seconds": lambda facts: any(len(values) for values in facts.seconds.values()),
}
"""What can be drawn, and whether there is any of it."""


def named(text: str, most: int = NAME_SHOWN) -> str:
    """Return a name as it stands beside a plot: in one line, and never as a formula of matplotlib's."""
    return one_line(text, most).replace("$", r"\$")


def told_apart(names: Iterable[str], most: int = NAME_SHOWN) -> dict[str, str]:
    """Return names as they stand beside a plot, by name: each has `most` characters, and names that differ still do.

    Where their beginnings are the same, the place at which they differ is shown; where that is not enough, a number.

    Examples
    --------
    >>> list(told_apart(["prompt-with-examples-v1", "prompt-with-examples-v2", "short"], 16).values())
    ['promp…es-v1', 'promp…es-v2', 'short']
    """
    shown = {name: one_line(name, most) for name in names}
    for alike in _alike(shown):
        begins = next((n for n, signs in enumerate(zip(*alike, strict=False)) if len(set(signs)) > 1), most)
        head = most // 3
        start = max(begins - 4, head)
        shown |= {name: one_line(f"{name[:head]}…{name[start:]}", most) for name in alike}
    still_alike = [name for alike in _alike(shown) for name in alike]
    taken = {text for name, text in shown.items() if name not in set(still_alike)}
    for name in still_alike:
        numbered = (f"{one_line(name, most - len(f' #{n}'))} #{n}" for n in count(1))
        shown[name] = next(text for text in numbered if text not in taken)
        taken.add(shown[name])
    return {name: named(text, most) for name, text in shown.items()}


def _alike(shown: Mapping[str, str]) -> list[list[str]]:
    """Return the names that are shown in the same words."""
    by_text: dict[str, list[str]] = {}
    for name, text in shown.items():
        by_text.setdefault(text, []).append(name)
    return [names for names in by_text.values() if len(names) > 1]


# --- in words: the titles of the panels, and what is read where the picture is not

MARKS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles of seconds that are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A panel in words."""

    title: str
    alt: str
    rows: int
    """Lines of it: its height."""


def _scores(facts: Facts) -> Words:
    lines = scored_lines(facts)
    told = (
        f"{line['variant']} {figure(line['mean'])} ({figure(line['ci_low'])} to {figure(line['ci_high'])})"
        for line in lines
    )
    return Words(
        title=f"Score by {named(facts.scorer)}, 95% interval",
        alt=f"Mean score with 95% interval: {', '.join(told)}.",
        rows=len(lines),
    )


def _differences(facts: Facts) -> Words:
    pairs, corrected = most_told(facts.pairs), after_holm(facts.pairs)
    told = (
        f"{p.b} minus {p.a} {signed(p.difference)} ({figure(p.ci_low)} to {figure(p.ci_high)}"
        f"{f', {p_text(p.p_holm)}{corrected}' if p.tested else ', not tested'})"
        for p in pairs
    )
    return Words(
        title=f"Differences, 95% interval, p{corrected}",
        alt=f"Paired differences: {', '.join(told)}.",
        rows=len(pairs),
    )


def _wins(facts: Facts) -> Words:
    pairs = most_told(facts.pairs)
    told = (f"{p.b} against {p.a} {p.wins:,} won, {p.ties:,} tied, {p.losses:,} lost" for p in pairs)
    return Words(title="Rows won / tied / lost", alt=f"Rows: {', '.join(told)}.", rows=len(pairs))


def _seconds(facts: Facts) -> Words:
    marks = marks_of(facts)
    told = (f"{name} median {seconds(m[2])}, 95% below {seconds(m[4])}" for name, m in marks.items())
    return Words(
        title="Seconds: median, quarters, 5% to 95%",
        alt=f"Seconds of completed runs: {', '.join(told)}.",
        rows=len(marks),
    )


WORDS: Final[dict[str, Callable[[Facts], Words]]] = {
    "scores": _scores,
    "differences": _differences,
    "wins": _wins,
    "seconds": _seconds,
}


def scored_lines(facts: Facts) -> list[dict[Any, Any]]:
    """Return the lines of the summary that have a score."""
    return [line for line in facts.summary.to_dict("records") if line["n"]]


def most_told(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that are drawn: where there are too many, those whose p is least."""
    if len(pairs) <= MOST_PAIRS:
        return list(pairs)
    told = sorted(pairs, key=lambda pair: (not pair.tested, pair.p))[:MOST_PAIRS]
    return [pair for pair in pairs if pair in told]


def marks_of(facts: Facts) -> dict[str, Any]:
    """Return the quantiles of the seconds of each variant that has some."""
    return {name: np.quantile(values, MARKS) for name, values in facts.seconds.items() if len(values)}
