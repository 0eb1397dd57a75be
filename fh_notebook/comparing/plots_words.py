"""What the four panels of a comparison say in words: their titles, and what is read where the picture is not. Pure.

Rule of this file: it needs no library that draws, so the words are the same whichever does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fh_notebook.comparing.figures import figure, seconds, signed
from fh_notebook.comparing.pairs import Pair
from fh_notebook.comparing.plots import MOST_PAIRS, Facts, named
from fh_notebook.comparing.verdict import after_holm, p_text

__all__ = ["WORDS", "Words", "marks_of", "most_told", "scored_lines"]

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
