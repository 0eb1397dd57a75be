"""Display of a race: the verdict in sentences, text, HTML, and progress lines.

A sentence claims no more than the evidence: "beats" is said of a dropped variant, "no difference larger than" where the
confidence sequences prove it, and everything else is undecided, with its interval and what is missing.

The text version contains all that the page contains. A bar shows no more than the number beside it. Styles that are
needed in an untrusted notebook are inline (``style=``). The first columns decide, because a narrow page shows only
these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pandas as pd

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.planning.plan import counted
from fh_notebook.batching.progress.display import Output, ProgressDisplay, TextLines
from fh_notebook.batching.progress.state import ProgressSource, ProgressState
from fh_notebook.batching.rendering import frame_text, one_line
from fh_notebook.comparing.stats.clusters import distinct_text
from fh_notebook.comparing.stats.number_format import about, size_text
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import in_words
from fh_notebook.core.text.html import colours_of, swatch
from fh_notebook.errors import FetchHiveError
from fh_notebook.racing.state import NO_DIFFERENCE, WINNER, PairStanding, RaceState

__all__ = [
    "BUDGET_SPENT",
    "INTERRUPTED",
    "RaceCost",
    "RaceDisplay",
    "RaceProtocol",
    "RaceText",
    "interval_notes",
    "live_html",
    "live_text",
    "notes_of",
    "progress_line",
    "race_html",
    "race_text",
    "verdict",
]


BUDGET_SPENT: Final = "budget spent"

INTERRUPTED: Final = "interrupted"

MAX_ROWS_FACTOR: Final = 30
"""A difference that takes so many times the rows is none that anybody will look for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceCost:
    """What a race has cost."""

    calls: int
    left: int
    """At the most, of all other rows."""
    reused: int
    all_rows: int

    def __str__(self) -> str:
        reused = f", {self.reused:,} reused" if self.reused else ""
        return f"{counted(self.calls, 'call')}{reused}"


class RaceProtocol(Protocol):
    """What a race's text, HTML and progress are made of."""

    tally: RaceState
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


def verdict(tally: RaceState, *, ending: str, why: str, spent: RaceCost) -> str:
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


def _beaten(tally: RaceState) -> str:
    parts = []
    for pair in tally.rivals():
        after = f"after {counted(tally.dropped[pair.a], 'row')}"
        parts.append(
            f"{pair.a} is beaten {after}, by {_lead(pair, tally)}" if pair.n else f"{pair.a} is beaten {after}"
        )
    return "; ".join(parts)


def _alike(tally: RaceState) -> str:
    least = size_text(tally.min_difference or 0.0)
    out = f"; dropped: {in_words(tuple(tally.dropped), 'and')}" if tally.dropped else ""
    pairs = [pair for pair in tally.rivals() if pair.a not in tally.dropped]
    inside = "; ".join(f"{pair.b} against {pair.a} {_interval(pair, tally)}" for pair in pairs)
    return f"No difference larger than {least} between {in_words(tally.racing, 'and')}: {inside}{out}"


def _so_far(tally: RaceState) -> str:
    if not tally.rows:
        return "no row is decided yet"
    rivals = [pair for pair in tally.rivals() if pair.a not in tally.dropped]
    if not rivals:  # somebody looks at the very moment of a drop
        return f"{tally.racing[0]} is left"
    hardest = rivals[0]
    out = f"; dropped: {in_words(tuple(tally.dropped), 'and')}" if tally.dropped else ""
    if not hardest.n:
        return f"no row has a score of both {hardest.b} and {hardest.a}{out}"
    if hardest.lead <= 0:
        return f"{hardest.b} and {hardest.a} are level, {_interval(hardest, tally)}{out}"
    return f"{hardest.b} is ahead of {hardest.a} by {_lead(hardest, tally)}; {_lacking(hardest)}{out}"


def _lead(pair: PairStanding, tally: RaceState) -> str:
    if tally.scale.by_rank:
        lead = f"lead {size_text(pair.lead)} of the rows"
        return f"{counted(pair.wins, 'row')} to {pair.losses:,} ({lead}, {_interval(pair, tally)})"
    return f"{size_text(pair.lead)} ({_interval(pair, tally)})"


def _interval(pair: PairStanding, tally: RaceState) -> str:
    return f"{100 * (1 - tally.alpha):g} % confidence sequence {size_text(pair.low)} to {size_text(pair.high)}"


def _lacking(pair: PairStanding) -> str:
    more = pair.rows_more
    if not math.isfinite(more) or more > MAX_ROWS_FACTOR * max(pair.n, 1):
        return "at this difference it would hardly ever be decided"
    return f"about {counted(max(1, about(more)), 'more row')} would decide it at this difference"


def progress_line(tally: RaceState, spent: RaceCost) -> str:
    """Return how far a race is, in one line."""
    bar = 1 / tally.alpha
    evidence = dict(zip(tally.variants, tally.evidence.adjusted.tolist(), strict=True))
    against = ", ".join(f"{name} {evidence[name]:.2g}" for name in tally.racing)
    out = f"; dropped: {in_words(tuple(tally.dropped), 'and')}" if tally.dropped else ""
    return (
        f"row {tally.rows:,} of {spent.all_rows:,}; {spent}, at most {spent.left:,} left; "
        f"evidence against (out at {bar:g}): {against}{out}"
    )


def interval_notes(tally: RaceState) -> tuple[str, ...]:
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
    notes = []
    if failed:
        counts, have, them = ("counts", "has", "it") if failed == 1 else ("count", "have", "them")
        dropped = f"{have} no score; failed='zero' would count {them} as 0"
        notes.append(f"{counted(failed, 'failed run')} {f'{counts} as 0' if rule == 'zero' else dropped}.")
    if missing:
        notes.append(f"{counted(missing, 'run')} without a score{f': {error}' if error else ''}.")
    if beyond:
        low, high = bounds
        notes.append(f"{counted(beyond, 'score')} beyond {low:g} and {high:g} counted as the bound.")
    if copies:
        notes.append(
            f"{distinct_text(rows, rows - copies)}: rows with equal inputs get the same answers, so they count as one "
            "row of the race."
        )
    return notes


NAME_SHOWN: Final = 40

_TRACK: Final = (
    "position:relative;display:block;height:8px;width:100%;min-width:90px;max-width:220px;margin:5px 0 2px;"
    "border-radius:4px;background-color:rgba(128,128,128,0.3)"
)

_FILLED: Final = "display:block;height:8px;border-radius:4px;max-width:100%"

_LINE: Final = "position:absolute;top:3px;height:2px"

_CALLS: Final = "var(--jp-brand-color1,#2e86ab)"
"""Of the bar of all calls, which is of no variant."""

_SAID: Final = "font-size:16px;line-height:1.4;font-weight:600;margin:4px 0 2px;max-width:62em;overflow-wrap:anywhere"
"""Of the sentence."""


def _title(race: RaceProtocol) -> str:
    return f"Race of {counted(len(race.tally.variants), 'variant')}: {race.batch.name}"


def race_text(race: RaceProtocol) -> str:
    """Return a race as text."""
    parts = [_title(race), race.verdict, *race.notes, _variants_text(race), _pairs_text(race)]
    return "\n".join(part for part in parts if part)


def race_html(race: RaceProtocol) -> html.Html:
    """Return a race as HTML."""
    return _page(race, html.el("p", race.verdict, style=_SAID), html.el("div", _title(race), cls="fh-dim"))


def live_html(race: RaceProtocol, *, last: bool = False) -> html.Html:
    """Return what the live display shows; the last state, with the figure, stays in the notebook."""
    if not last:
        return _page(
            race,
            html.el("div", html.el("strong", _title(race)), cls="fh-head"),
            html.el("div", race.plan_line, cls="fh-dim"),
            html.el("div", race.line),
            bar=_calls_bar(race),
        )
    return _page(
        race,
        html.el("p", race.verdict, style=_SAID),
        html.el("div", race.plan_line, cls="fh-dim"),
        figure=_figure(race),
    )


def live_text(race: RaceProtocol, *, last: bool = False) -> str:
    """Return the text twin of :func:`live_html`."""
    return f"{race.plan_line}\n{race_text(race) if last else race.line}"


def _page(
    race: RaceProtocol, *head: html.Html, bar: html.Html | None = None, figure: html.Html | None = None
) -> html.Html:
    notes = html.el("ul", *(html.el("li", note) for note in race.notes), cls="fh-dim") if race.notes else None
    return html.el(
        "div",
        html.STYLE,
        *head,
        bar,
        _variants_html(race),
        _pairs_html(race) if race.rows else None,
        notes,
        figure,
        cls="fh fh-race",
    )


def _figure(race: RaceProtocol) -> html.Html | None:
    """Return the picture, where there is anything to draw and something to draw it with."""
    try:
        return html.Html(race.plot()._repr_html_())
    except FetchHiveError:
        return None


def _calls_bar(race: RaceProtocol) -> html.Html:
    spent, total = race.calls, max(1, race.calls + race.calls_left)
    return html.el(
        "div",
        _bar(spent / total, _CALLS),
        cls="fh-bar",
        style="max-width:640px",
        role="progressbar",
        aria_label=f"Calls of {race.batch.name}",
        aria_valuemin=0,
        aria_valuemax=total,
        aria_valuenow=spent,
        aria_valuetext=race.line,
    )


def _bar(share: float, colour: str) -> html.Html:
    filled = f"{_FILLED};width:{100 * min(1.0, max(0.0, share)):.2f}%;background-color:{colour}"
    return html.el("span", html.el("span", style=filled), style=_TRACK)


def _interval_bar(low: float, high: float, lead: float, width: float, colour: str) -> html.Html:
    """Return an interval on a line from -width to width, with 0 in its middle."""

    def at(value: float) -> float:
        return 50 + 50 * max(-1.0, min(1.0, value / width))

    line = f"{_LINE};background-color:{colour};left:{at(low):.2f}%;width:{at(high) - at(low):.2f}%"
    dot = f"position:absolute;top:0;height:8px;width:3px;background-color:{colour};left:{at(lead):.2f}%"
    middle = "position:absolute;top:-2px;height:12px;width:1px;background-color:currentColor;left:50%"
    parts = [html.el("span", style=line), html.el("span", style=middle)]
    parts += [html.el("span", style=dot)] if lead == lead else []
    return html.el("span", *parts, style=_TRACK)


def _variants_html(race: RaceProtocol) -> html.Html:
    lines, colours = [], colours_of(race.tally.variants)
    for line in race.summary().to_dict("records"):
        share = max(0.0, math.log(max(line["evidence"], 1e-12))) / math.log(line["threshold"])
        bar = _bar(1.0 if line["standing"] == "dropped" else share, colours[line["variant"]])
        lines.append(
            [
                _name_html(line["variant"], colours),
                _standing(line),
                _number(line["evidence"]),
                bar,
                f"{line['rows']:,}",
                _size(line["mean"]),
            ]
        )
    heads = ["variant", "standing", "evidence against it", f"out at {1 / race.tally.alpha:g}", "rows", "mean"]
    return html.table(heads, lines)


def _name_html(variant: str, colours: Mapping[str, str]) -> html.Html:
    return html.el("span", swatch(colours[variant]), one_line(variant, NAME_SHOWN))


def _pairs_html(race: RaceProtocol) -> html.Html:
    scale = race.tally.scale
    rivals, colours = race.tally.rivals(), colours_of(race.tally.variants)
    lines: list[list[Any]] = [
        [_name_html(p.a, colours), _size(p.lead), f"{size_text(p.low)} to {size_text(p.high)}",
         _interval_bar(p.low, p.high, p.lead, scale.in_units(1.0), colours[p.a]),
         f"{_number(p.evidence)} ({_number(p.needed)} needed)",
         f"{p.wins:,} / {p.n - p.wins - p.losses:,} / {p.losses:,}"]
        for p in rivals
    ]  # fmt: skip
    width = scale.in_units(1.0)
    head = ["variant", "ahead by", "confidence sequence", f"{-width:g} to {width:g}", "evidence", "won / tied / lost"]
    leader = html.el("div", f"{one_line(rivals[0].b, NAME_SHOWN)} against:", style="margin-top:6px")
    return html.el("div", leader, html.table(head, lines))


def _variants_text(race: RaceProtocol) -> str:
    table = race.summary()
    table["evidence"] = [_evidence(line) for line in table.to_dict("records")]
    table["standing"] = [_standing(line) for line in table.to_dict("records")]
    return frame_text(table, ["variant", "standing", "rows", "mean", "evidence"])


def _pairs_text(race: RaceProtocol) -> str:
    if not race.rows:
        return ""
    return "\n".join(
        f"{one_line(p.b, NAME_SHOWN)} against {one_line(p.a, NAME_SHOWN)}: "
        f"won {p.wins:,}, lost {p.losses:,} of {p.n:,}; "
        f"ahead by {_size(p.lead) or '?'}, confidence sequence {size_text(p.low)} to {size_text(p.high)}; "
        f"evidence {_number(p.evidence)} of {_number(p.needed)}"
        for p in race.tally.rivals()
    )


def _standing(line: dict[Any, Any]) -> str:
    if line["standing"] != "dropped":
        return str(line["standing"])
    return f"dropped after {int(line['dropped_after']):,}"


def _evidence(line: dict[Any, Any]) -> str:
    return f"{_number(line['evidence'])} of {line['threshold']:g}"


def _size(value: float) -> str:
    return size_text(value) if value == value else ""


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "?"
    if value < 0.01:
        return "0"
    return f"{value:,.0f}" if 100 <= value < 1e6 else f"{value:.2g}"


class RaceDisplay(ProgressDisplay, Protocol):
    """A display of one start of a race."""

    shows_all: bool
    """Whether all that is known of the race stays to be seen in it."""

    def finish(self) -> None:
        """The last rows are decided: show what stays. Called after `end`, in the caller's thread."""
        ...


class RaceText:
    """Lines of text about a race.

    Parameters
    ----------
    race : Race
        The one that runs.
    stream : Output, optional
        Standard error by default: a program's output stays its own.
    """

    shows_all = False

    def __init__(self, race: RaceProtocol, stream: Output | None = None) -> None:
        self._race = race
        self._lines = TextLines(stream)
        self._pacer = self._lines.pacer(self._draw)

    def begin(self, batch: ProgressSource) -> None:
        """Say the plan."""
        self._pacer.begin(batch)
        self._lines.write(self._race.plan_line)

    def update(self, batch: ProgressSource) -> None:
        """Say how far it is, unless that was said just now."""
        self._pacer.update()

    def end(self, batch: ProgressSource) -> None:
        """Draw no more: the last rows are still to be decided."""
        self._pacer.end()

    def finish(self) -> None:
        """Say how it ended."""
        self._lines.write(f"{self._race.batch.name}: {self._race.verdict}")

    def _draw(self, state: ProgressState) -> None:
        line = self._race.line
        self._lines.draw(f"{state.name}: {line}", shorter=line)
