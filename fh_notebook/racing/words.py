"""A race in words. Pure: one sentence at its end, one line while it runs.

Rule of this file: it claims no more than the evidence: "beats" is said of who was dropped, "no difference larger than"
where the confidence sequences say so, and everything else is undecided, with its interval and what is lacking.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pandas as pd

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.plan import counted
from fh_notebook.comparing.clusters import distinct_text
from fh_notebook.comparing.verdict import about, names_in_words, size_text
from fh_notebook.racing.tally import NO_DIFFERENCE, WINNER, PairStanding, Tally

__all__ = [
    "BUDGET_SPENT",
    "INTERRUPTED",
    "RaceState",
    "Spent",
    "notes_of",
    "running_line",
    "verdict",
    "wider_intervals",
]

BUDGET_SPENT: Final = "budget spent"
INTERRUPTED: Final = "interrupted"
MANY_TIMES: Final = 30
"""A difference that takes so many times the rows is none that anybody will look for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a race has cost."""

    calls: int
    left: int
    """At the most, of all other rows."""
    reused: int
    all_rows: int

    def __str__(self) -> str:
        reused = f", {self.reused:,} reused" if self.reused else ""
        return f"{counted(self.calls, 'call')}{reused}"


class RaceState(Protocol):
    """What a race's text, HTML and progress are made of."""

    tally: Tally
    batch: Batch

    @property
    def calls(self) -> int:
        """Requests sent."""

    @property
    def calls_left(self) -> int:
        """Requests that it would take at the most."""

    @property
    def rows(self) -> int:
        """Rows decided."""

    @property
    def verdict(self) -> str:
        """What can be said, in one sentence."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside the numbers."""

    @property
    def plan_line(self) -> str:
        """What it was going to do at the most."""

    @property
    def line(self) -> str:
        """How far it is."""

    def summary(self) -> pd.DataFrame:
        """One line a variant."""

    def plot(self) -> Any:
        """Return the figure."""


def verdict(tally: Tally, *, ending: str, why: str, spent: Spent) -> str:
    """Return what can be said, in one sentence, and how it ended."""
    cost = f"{counted(tally.rows, 'row')} of {spent.all_rows:,}, {spent}"
    if ending == WINNER:
        return f"{tally.winner} wins: {_beaten(tally)} ({cost})."
    if ending == NO_DIFFERENCE:
        return f"{_alike(tally)} ({cost})."
    if not ending:
        return f"{'Racing' if tally.rows else 'Not begun'}: {_so_far(tally)} ({cost})."
    begin = "Interrupted" if ending == INTERRUPTED else "Undecided"
    return f"{begin}: {_so_far(tally)} ({cost}). {_stopped(why)}."


def _stopped(why: str) -> str:
    return f"Stopped: {why.rstrip('.')}" if why else "Stopped"


def _beaten(tally: Tally) -> str:
    told = []
    for pair in tally.rivals():
        after = f"after {counted(tally.dropped[pair.a], 'row')}"
        told.append(f"{pair.a} is beaten {after}, by {_lead(pair, tally)}" if pair.n else f"{pair.a} is beaten {after}")
    return "; ".join(told)


def _alike(tally: Tally) -> str:
    least = size_text(tally.min_difference or 0.0)
    out = f"; dropped: {names_in_words(tuple(tally.dropped))}" if tally.dropped else ""
    pairs = [pair for pair in tally.rivals() if pair.a not in tally.dropped]
    inside = "; ".join(f"{pair.b} against {pair.a} {_interval(pair, tally)}" for pair in pairs)
    return f"No difference larger than {least} between {names_in_words(tally.racing)}: {inside}{out}"


def _so_far(tally: Tally) -> str:
    if not tally.rows:
        return "no row is decided yet"
    rivals = [pair for pair in tally.rivals() if pair.a not in tally.dropped]
    if not rivals:  # somebody looks at the very moment of a drop
        return f"{tally.racing[0]} is left"
    hardest = rivals[0]
    out = f"; dropped: {names_in_words(tuple(tally.dropped))}" if tally.dropped else ""
    if not hardest.n:
        return f"no row has a score of both {hardest.b} and {hardest.a}{out}"
    if hardest.lead <= 0:
        return f"{hardest.b} and {hardest.a} are level, {_interval(hardest, tally)}{out}"
    return f"{hardest.b} is ahead of {hardest.a} by {_lead(hardest, tally)}; {_lacking(hardest)}{out}"


def _lead(pair: PairStanding, tally: Tally) -> str:
    if tally.scale.by_rank:
        lead = f"lead {size_text(pair.lead)} of the rows"
        return f"{counted(pair.wins, 'row')} to {pair.losses:,} ({lead}, {_interval(pair, tally)})"
    return f"{size_text(pair.lead)} ({_interval(pair, tally)})"


def _interval(pair: PairStanding, tally: Tally) -> str:
    return f"{100 * (1 - tally.alpha):g}% confidence sequence {size_text(pair.low)} to {size_text(pair.high)}"


def _lacking(pair: PairStanding) -> str:
    more = pair.rows_more
    if not math.isfinite(more) or more > MANY_TIMES * max(pair.n, 1):
        return "at this difference it would hardly ever be decided"
    return f"about {counted(max(1, about(more)), 'more row')} would decide it at this difference"


def running_line(tally: Tally, spent: Spent) -> str:
    """Return how far a race is, in one line."""
    bar = 1 / tally.alpha
    evidence = dict(zip(tally.variants, tally.evidence.adjusted.tolist(), strict=True))
    against = ", ".join(f"{name} {evidence[name]:.2g}" for name in tally.racing)
    out = f"; dropped: {names_in_words(tuple(tally.dropped))}" if tally.dropped else ""
    return (
        f"row {tally.rows:,} of {spent.all_rows:,}; {spent}, at most {spent.left:,} left; "
        f"evidence against (out at {bar:g}): {against}{out}"
    )


def wider_intervals(tally: Tally) -> tuple[str, ...]:
    """Say why the interval of who was beaten may reach 0, where one does."""
    if len(tally.variants) < 3 or not any(pair.a in tally.dropped and pair.low <= 0 for pair in tally.rivals()):
        return ()
    pairs = math.comb(len(tally.variants), 2)
    return (
        f"The confidence sequences of all {pairs} pairs hold at once, which claims more than who is beaten: so the one "
        "of a beaten variant may still reach 0.",
    )


def notes_of(
    *,
    failed: int,
    missing: int,
    beyond: int,
    copies: int,
    rule: str,
    error: str,
    bounds: tuple[float, float],
    rows: int = 0,
) -> list[str]:
    """Return what must be said beside the numbers."""
    said = []
    if failed:
        counts, have, them = ("counts", "has", "it") if failed == 1 else ("count", "have", "them")
        dropped = f"{have} no score; failed='zero' would count {them} as 0"
        said.append(f"{counted(failed, 'failed run')} {f'{counts} as 0' if rule == 'zero' else dropped}.")
    if missing:
        said.append(f"{counted(missing, 'run')} without a score{f': {error}' if error else ''}.")
    if beyond:
        low, high = bounds
        said.append(f"{counted(beyond, 'score')} beyond {low:g} and {high:g} counted as the bound.")
    if copies:
        said.append(
            f"{distinct_text(rows, rows - copies)}: rows with equal inputs get the same answers, so they count as one "
            "row of the race."
        )
    return said
