"""Display of a race: the verdict in sentences, text, HTML, and progress lines.

A sentence claims no more than the evidence: "beats" is said of a dropped variant, "no difference larger than" where the
confidence sequences prove it, and everything else is undecided, with its interval and what is missing.

The text version contains all that the page contains. A bar shows no more than the number beside it. Styles that are
needed in an untrusted notebook are inline (``style=``). The first columns decide, because a narrow page shows only
these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from fh_notebook.batching.progress.display import Output, ProgressDisplay, TextLines
from fh_notebook.batching.progress.state import ProgressSource, ProgressState
from fh_notebook.batching.rendering import frame_text
from fh_notebook.comparing.plots.panels import distinct_texts
from fh_notebook.comparing.report.display import NUMBERS_STYLE, pair_name
from fh_notebook.comparing.stats.clusters import distinct_text
from fh_notebook.comparing.stats.number_format import (
    about,
    difference_text,
    difference_unit,
    interval_text,
    percent,
    share_head,
    share_text,
)
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import in_words
from fh_notebook.core.text.html import swatch_name
from fh_notebook.core.text.messages import counted
from fh_notebook.core.text.shown_frame import ShownFrame
from fh_notebook.errors import FetchHiveError
from fh_notebook.racing.number_format import evidence_text, lead_format, lead_text, mean_format
from fh_notebook.racing.state import NO_DIFFERENCE, WINNER, PairStanding, RaceState, pairs_table, summary_table

BUDGET_SPENT: Final = "budget spent"

INTERRUPTED: Final = "interrupted"

MAX_ROWS_FACTOR: Final = 30
"""A difference that takes so many times the rows is none that anybody will look for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceCost:
    """What a race has cost."""

    calls: int
    left: int
    """At the most, still to be sent."""
    reused: int
    all_rows: int
    all_calls: int
    """Of all variants on all rows."""
    counted_calls: int
    """Of `calls`, those whose answers are evidence: the others were sent ahead, or repeat a call."""

    def __str__(self) -> str:
        reused = f", {self.reused:,} reused" if self.reused else ""
        most = max(self.all_calls, self.calls + self.left)  # more than those of all rows: some were sent twice
        return f"{self.calls:,} of {counted(most, 'call')}{reused}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceSnapshot:
    """A race at one moment: what its text, HTML and progress are made of, each read once."""

    name: str
    """Of its batch."""
    tally: RaceState
    """Which takes no more rows."""
    ending: str
    """How it ended; empty until it ends."""
    why: str
    """Why it stopped; empty where that is not known."""
    spent: RaceCost
    """What it has cost so far."""
    run_notes: tuple[str, ...]
    """What must be said of the runs and calls, beside the numbers."""
    plan_line: str
    """What it was going to do at the most."""

    @property
    def rows(self) -> int:
        """Rows decided."""
        return self.tally.rows

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside the numbers."""
        return (*self.run_notes, *interval_notes(self.tally))

    @property
    def verdict(self) -> str:
        """What can be said, in one sentence."""
        said = verdict(self.tally, ending=self.ending, why=self.why, spent=self.spent)
        return html.Sentence(said, self.tally.variants)

    @property
    def line(self) -> str:
        """How far it is."""
        return progress_line(self.tally, self.spent)

    @property
    def title(self) -> str:
        """What it is called."""
        return race_title(self.name, len(self.tally.variants))


class RaceSource(Protocol):
    """What a display shows one moment after another."""

    def snapshot(self) -> RaceSnapshot:
        """Return this moment."""
        ...


def verdict(tally: RaceState, *, ending: str, why: str, spent: RaceCost) -> str:
    """Return what can be said, in one sentence, and how it ended."""
    after = f"after {tally.rows:,} of {counted(spent.all_rows, 'row')} ({spent})"
    if ending == WINNER:
        return f"{tally.winner} wins {after}."
    if ending == NO_DIFFERENCE:
        least = difference_text(tally.min_difference or 0.0, share=tally.yes_no)
        return f"No difference larger than {least} between {in_words(tally.racing, 'and')} {after}."
    if not ending:
        return f"{f'Racing, {after}' if tally.rows else 'Not begun'}: {_so_far(tally)}."
    begin = "Interrupted" if ending == INTERRUPTED else "Undecided"
    return f"{begin} {after}: {_so_far(tally)}. {_stopped(why)}."


def _stopped(why: str) -> str:
    return f"Stopped: {why.rstrip('.')}" if why else "Stopped"


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
        unit = difference_unit("", share=tally.yes_no)
        return f"{hardest.b} and {hardest.a} are equal, {_interval(hardest, tally)}{unit}{out}"
    return f"{hardest.b} is ahead of {hardest.a} by {_lead(hardest, tally)}; {_lacking(hardest)}{out}"


def _lead(pair: PairStanding, tally: RaceState) -> str:
    if tally.scale.by_rank:
        lead = f"lead {lead_text(tally, pair.lead)} of the rows"
        return f"{counted(pair.wins, 'row')} to {pair.losses:,} ({lead}, {_interval(pair, tally)})"
    return f"{lead_text(tally, pair.lead)} ({_interval(pair, tally)})"


def _interval(pair: PairStanding, tally: RaceState) -> str:
    return f"{_confidence(tally)} interval {interval_text(lead_format(tally), pair.low, pair.high)}"


def _confidence(tally: RaceState) -> str:
    return f"{100 * (1 - tally.alpha):g} %"


def _lacking(pair: PairStanding) -> str:
    more = pair.rows_more
    if not math.isfinite(more) or more > MAX_ROWS_FACTOR * max(pair.n, 1):
        return "the race would almost never decide at this difference"
    return f"about {counted(max(1, about(more)), 'more row')} would decide it at this difference"


def progress_line(tally: RaceState, spent: RaceCost) -> str:
    """Return how far a race is and the evidence against each variant, in one line."""
    bar = 1 / tally.alpha
    evidence = dict(zip(tally.variants, tally.evidence.adjusted.tolist(), strict=True))
    against = ", ".join(f"{name} {evidence_text(evidence[name])}" for name in tally.racing)
    out = f"; dropped: {in_words(tuple(tally.dropped), 'and')}" if tally.dropped else ""
    return f"{calls_line(tally, spent)}; evidence that another is better (dropped at {bar:g}): {against}{out}"


def calls_line(tally: RaceState, spent: RaceCost) -> str:
    """Return how many rows are decided, and the calls that were made and are left, in one line."""
    reused = f", {counted(spent.reused, 'answer')} reused" if spent.reused else ""
    rows = f"{tally.rows:,} of {counted(spent.all_rows, 'row')} decided"
    return f"{rows}; {counted(spent.calls, 'call')} made{reused}, at most {spent.left:,} more"


def evidence_note(tally: RaceState) -> str:
    """Explain the one number that decides, its threshold, and what the intervals claim."""
    return (
        "Evidence says how clearly another variant is better so far: 1 or less says nothing, and at "
        f"{1 / tally.alpha:g} a variant is dropped. The best variant is dropped by mistake in at most "
        f"{100 * tally.alpha:g} % of races (alpha={tally.alpha:g}). The evidence does not rank the dropped variants, "
        "and each variant is scored on its own rows."
    )


def intervals_note(tally: RaceState) -> str:
    """Explain that the intervals hold wherever the race stops."""
    return f"The {_confidence(tally)} intervals hold at whichever row the race stops."


LOG_SCALE: Final = " The bars of the evidence begin at 1 and have a logarithmic scale."


def calls_notes(spent: RaceCost) -> tuple[str, ...]:
    """Say why there are more calls than rows were counted of, where there are."""
    more = spent.calls - spent.counted_calls
    if more <= 0:
        return ()
    return (f"{counted(more, 'call')} beyond those of the counted rows: for rows that were sent ahead, or repeated.",)


def interval_notes(tally: RaceState) -> tuple[str, ...]:
    """Say why the interval of who was beaten may reach 0, where one does."""
    if len(tally.variants) < 3 or not any(pair.a in tally.dropped and pair.low <= 0 for pair in tally.rivals()):
        return ()
    pairs = math.comb(len(tally.variants), 2)
    return (
        (
            f"The intervals of all {pairs} pairs hold at the same time. This is a stronger claim than which "
            "variants are beaten, so the interval of a dropped variant may still reach 0."
        ),
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
        dropped = f"{have} no score; to count {them} as 0, give failed='zero'"
        notes.append(f"{counted(failed, 'failed run')} {f'{counts} as 0' if rule == 'zero' else dropped}.")
    if missing:
        notes.append(f"{counted(missing, 'run')} without a score{f': {error}' if error else ''}.")
    if beyond:
        low, high = bounds
        notes.append(f"{counted(beyond, 'score')} below {low:g} or above {high:g} counted as that bound.")
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

_AXIS: Final = (
    "position:relative;display:block;height:1.4em;width:100%;min-width:90px;max-width:220px;font-weight:400;"
    "font-size:12px"
)

LIMIT_AT: Final = 80.0
"""Percent of a bar's track at which the threshold is marked: evidence beyond it is seen to be beyond."""

_CALLS: Final = "var(--jp-brand-color1,#2e86ab)"
"""Of the bar of all calls, which is of no variant."""

_STYLE: Final = html.Html(f"{NUMBERS_STYLE}<style>{html.BEST_CSS}</style>")

_EXPLAINED: Final = "font-size:12px;max-width:70em"


def race_title(name: str, variants: int) -> str:
    """Return what a race is called, with its name and the number of its variants.

    Examples
    --------
    >>> race_title("prices", 3)
    "Race 'prices' of 3 variants"
    """
    return f"Race {name!r} of {counted(variants, 'variant')}"


def race_text(race: RaceSnapshot) -> str:
    parts = [race.title, race.verdict, *race.notes, _variants_text(race), evidence_note(race.tally)]
    return "\n".join(part for part in (*parts, _pairs_text(race), intervals_note(race.tally)) if part)


def race_html(race: RaceSnapshot) -> html.Html:
    return _page(
        race,
        html.sentence("p", race.verdict, race.tally.variants, style=html.HEADLINE),
        html.el("div", race.title, cls="fh-dim"),
    )


def live_html(race: RaceSnapshot, *, last: bool = False) -> html.Html:
    """Return what the live display shows; the last state, with the figure, stays in the notebook."""
    if not last:
        return _page(
            race,
            html.el("div", html.el("strong", race.title), cls="fh-head"),
            html.sentence("div", calls_line(race.tally, race.spent)),  # the table below has the evidence
            bar=_calls_bar(race),
        )
    return _page(
        race,
        html.sentence("p", race.verdict, race.tally.variants, style=html.HEADLINE),
        html.el("div", race.plan_line, cls="fh-dim"),
        figure=_figure(race),
    )


def live_text(race: RaceSnapshot, *, last: bool = False) -> str:
    """Return the text twin of :func:`live_html`."""
    return f"{race.plan_line}\n{race_text(race) if last else race.line}"


def _page(
    race: RaceSnapshot, *head: html.Html, bar: html.Html | None = None, figure: html.Html | None = None
) -> html.Html:
    items = [html.sentence("li", note, race.tally.variants) for note in race.notes]
    notes = html.el("ul", *items, cls="fh-dim") if items else None
    return html.el(
        "div",
        html.STYLE,
        _STYLE,
        *head,
        bar,
        _variants_html(race),
        html.el("div", f"{evidence_note(race.tally)}{LOG_SCALE}", cls="fh-dim", style=_EXPLAINED),
        _pairs_html(race) if race.rows else None,
        html.el("div", intervals_note(race.tally), cls="fh-dim", style=_EXPLAINED) if race.rows else None,
        notes,
        figure,
        cls="fh fh-race",
    )


def _figure(race: RaceSnapshot) -> html.Html | None:
    """Return the picture, where there is anything to draw and something to draw it with."""
    from fh_notebook.racing.plots import plot  # matplotlib, where something is drawn

    try:
        return html.Html(plot(race.tally, None)._repr_html_())
    except FetchHiveError:
        return None


def _calls_bar(race: RaceSnapshot) -> html.Html:
    spent, total = race.spent.calls, max(1, race.spent.calls + race.spent.left)
    return html.el(
        "div",
        _bar(spent / total, _CALLS, style=f"{_TRACK};max-width:100%"),
        cls="fh-bar",
        role="progressbar",
        aria_label=f"Calls of {race.name}",
        aria_valuemin=0,
        aria_valuemax=total,
        aria_valuenow=spent,
        aria_valuetext=race.line,
    )


def _bar(share: float, colour: str, *marks: html.Html, style: str = _TRACK) -> html.Html:
    filled = f"{_FILLED};width:{100 * min(1.0, max(0.0, share)):.2f}%;background-color:{colour}"
    return html.el("span", html.el("span", style=filled), *marks, style=style)


def _mark(percent: float) -> html.Html:
    """Return a line across a track, at so many percent of its width."""
    line = "position:absolute;top:-2px;height:12px;width:1px;background-color:currentColor"
    return html.el("span", style=f"{line};left:{percent:g}%")


def _axis(labels: Mapping[float, str]) -> html.Html:
    """Return the labels of a track, each over its place in percent: the heading of the column."""
    spans = []
    for place, text in labels.items():
        shift = {0.0: "0", 100.0: "-100%"}.get(place, "-50%")  # within the column at its ends
        style = f"position:absolute;bottom:0;left:{place:g}%;transform:translateX({shift});white-space:nowrap"
        spans.append(html.el("span", text, style=style))
    return html.el("span", html.join(spans, " "), style=_AXIS)


def _evidence_bar(evidence: float, threshold: float, colour: str) -> html.Html:
    """Return evidence on a logarithmic track from 1, with the threshold marked."""
    share = max(0.0, math.log(max(evidence, 1e-12))) / math.log(threshold)
    return _bar(share * LIMIT_AT / 100, colour, _mark(LIMIT_AT))


def _interval_bar(low: float, high: float, lead: float, width: float, colour: str) -> html.Html:
    """Return an interval on a line from -width to width, with 0 in its middle."""

    def at(value: float) -> float:
        return 50 + 50 * max(-1.0, min(1.0, value / width))

    line = f"{_LINE};background-color:{colour};left:{at(low):.2f}%;width:{at(high) - at(low):.2f}%"
    dot = f"position:absolute;top:0;height:8px;width:3px;background-color:{colour};left:{at(lead):.2f}%"
    parts = [html.el("span", style=line), _mark(50)]
    parts += [html.el("span", style=dot)] if lead == lead else []
    return html.el("span", *parts, style=_TRACK)


def _variants_html(race: RaceSnapshot) -> html.Html:
    table, evidence, mean = _variants_table(race)
    threshold, colours = 1 / race.tally.alpha, race.tally.colours
    names = _names(race)
    lines = [
        [
            html.best_name(
                colours[line["variant"]],
                names[line["variant"]],
                is_best=line["variant"] == race.tally.winner,
            ),
            line["standing"],
            line[evidence],
            _evidence_bar(line["evidence"], threshold, colours[line["variant"]]),
            html.in_two(line["rows scored"]),
            html.in_two(line[mean]),
        ]
        for line in table.to_dict("records")
    ]
    axis = _axis({0.0: "1", LIMIT_AT: f"{threshold:g}"})
    heads = [*map(_head, ("variant", "standing", evidence)), axis, _head("rows scored"), mean]
    return html.el("div", html.table(heads, lines, cls="fh-table fh-num fh-named"), cls="fh-summary")


def _variants_table(race: RaceSnapshot) -> tuple[pd.DataFrame, str, str]:
    """Return the summary with the texts that are shown, and two headings of such columns.

    The best variant is first once the race has ended; until then, the lines of a table do not move under the eye.
    """
    tally, table = race.tally, summary_table(race.tally)
    if race.ending:
        ahead = table["variant"] == tally.variants[tally.leader()]
        last_in = table["dropped_after"].astype("float64").fillna(math.inf)
        order = np.lexsort((-table["mean"], table["evidence"], -last_in, ~ahead))
        table = table.iloc[order].reset_index(drop=True)
    lines = table.to_dict("records")
    evidence, mean = f"evidence that another is better (dropped at {1 / tally.alpha:g})", "mean"
    table[evidence] = table["evidence"].map(evidence_text)
    table["rows scored"] = [_rows_scored(line, race.rows) for line in lines]
    table["standing"] = [_standing(line) for line in lines]
    if tally.yes_no:
        mean = share_head(lower=tally.scale.lower)
        table[mean] = [share_text(percent, line["mean"], line["rows"]) for line in lines]
    else:
        table[mean] = table["mean"].map(mean_format(tally, table["mean"].tolist()))
    return table, evidence, mean


def _rivals(race: RaceSnapshot) -> list[PairStanding]:
    """Return the leader against each other variant, in the order of the table of variants."""
    rivals = race.tally.rivals()
    return rivals if race.ending else sorted(rivals, key=lambda pair: race.tally.variants.index(pair.a))


def _head(text: str, names: Iterable[str] = ()) -> html.Html:
    """Return a heading that takes several lines where the page is narrow, each of the names in it in one."""
    return html.sentence("span", text, names, style="white-space:normal")


def _names(race: RaceSnapshot) -> dict[str, str]:
    """Return the text of each variant's name: no two are the same."""
    return distinct_texts(race.tally.variants, NAME_SHOWN)


def _pairs_html(race: RaceSnapshot) -> html.Html:
    tally, text, names = race.tally, lead_format(race.tally), _names(race)
    rivals, width = _rivals(race), race.tally.scale.in_units(1.0)
    leader, end = names[rivals[0].b], f"{100 if tally.yes_no else width:g}"

    def bar(pair: PairStanding) -> html.Html:
        return _interval_bar(pair.low, pair.high, pair.lead, width, tally.colours[pair.a])

    def head(text: str) -> html.Html:
        return _head(text, [leader])

    columns: list[tuple[html.Html, Callable[[PairStanding], object]]] = [
        (head("variant"), lambda pair: swatch_name(tally.colours[pair.a], names[pair.a])),
        (
            head(f"{'points ' if tally.yes_no else ''}behind {leader}, on the rows of both"),
            lambda pair: text(pair.lead),
        ),
        (head(f"{_confidence(tally)} interval"), lambda pair: interval_text(text, pair.low, pair.high)),
        (_axis({0.0: f"-{end}", 50.0: "0", 100.0: end}), bar),
        (
            head(f"rows won / tied / lost by {leader}"),
            lambda pair: html.in_two(f"{pair.wins:,} / {pair.n - pair.wins - pair.losses:,} / {pair.losses:,}"),
        ),
        (head("rows of both"), lambda pair: f"{pair.n:,}"),
    ]
    lines = [[cell(pair) for _, cell in columns] for pair in rivals]
    table = html.table([heading for heading, _ in columns], lines, cls="fh-table fh-num")
    return html.el("div", table, cls="fh-summary")


def pairs_frame(tally: RaceState) -> ShownFrame:
    """Return ``Race.pairs``, shown as the pairs of a comparison: the better variant first, and less the second."""
    return ShownFrame.of(
        pairs_table(tally),
        lambda frame: _pairs_cells(frame, tally),
        drawn=lambda frame: _pairs_cells(frame, tally, drawn=True),
        style=html.join([html.STYLE, _STYLE]),
        table_cls="fh-table fh-num",
        around="fh-pairs",
    )


def _pairs_cells(frame: pd.DataFrame, tally: RaceState, *, drawn: bool = False) -> tuple[list[str], list[list[str]]]:
    lower = tally.scale.lower and not tally.scale.by_rank
    lines = [_better_first(line, lower=lower) for line in frame.to_dict("records")]
    text = lead_format(tally)
    unit = " in points" if tally.yes_no else " as a share of rows won" if tally.scale.by_rank else ""
    heads = ["first − second", f"difference{unit} ({_confidence(tally)} interval)", "rows", "won / tied / lost",
             "evidence that the first is better", "second is dropped at", "more rows needed, about"]  # fmt: skip
    broken = html.in_two if drawn else str
    counts = [(line["wins"], line["n"] - line["wins"] - line["losses"], line["losses"]) for line in lines]
    return heads, [
        [
            pair_name(line, drawn=drawn),
            broken(text(line["difference"]) + (f" ({limits})" if limits else "")),
            f"{line['n']:,}",
            broken(" / ".join(f"{count:,}" for count in counts_of)),
            *map(evidence_text, (line["evidence"], line["needed"])),
            f"{math.ceil(line['rows_more']):,}" if math.isfinite(line["rows_more"]) else "",
        ]
        for line, counts_of in zip(lines, counts, strict=True)
        for limits in [interval_text(text, line["ci_low"], line["ci_high"])]
    ]


def _better_first(line: Mapping[Any, Any], *, lower: bool) -> Mapping[Any, Any]:
    """Return a pair with the better variant as `b`."""
    is_better = line["difference"] <= 0 if lower else line["difference"] >= 0
    if is_better or not line["n"]:
        return line
    turned = {"difference": 0.0 - line["difference"], "ci_low": 0.0 - line["ci_high"], "ci_high": 0.0 - line["ci_low"]}
    return {**line, **turned, "a": line["b"], "b": line["a"], "wins": line["losses"], "losses": line["wins"]}


def _variants_text(race: RaceSnapshot) -> str:
    table, evidence, mean = _variants_table(race)
    is_best = table["variant"] == race.tally.winner
    table["variant"] = table["variant"].where(~is_best, table["variant"] + " (best)")
    return frame_text(table, ["variant", "standing", "rows scored", mean, evidence])


def _pairs_text(race: RaceSnapshot) -> str:
    if not race.rows:
        return ""
    rivals, confidence, yes_no = _rivals(race), _confidence(race.tally), race.tally.yes_no
    text, names = lead_format(race.tally), _names(race)

    def lead(pair: PairStanding) -> str:
        return f"{text(pair.lead) or '?'}{difference_unit(text(pair.lead), share=yes_no)}"

    return "\n".join(
        f"{names[p.b]} against {names[p.a]}: "
        f"won {p.wins:,}, tied {p.n - p.wins - p.losses:,}, lost {p.losses:,} of {counted(p.n, 'row')}; "
        f"ahead by {lead(p)}, {confidence} interval {interval_text(text, p.low, p.high)}"
        for p in rivals
    )


def _standing(line: dict[Any, Any]) -> str:
    if line["standing"] != "dropped":
        return str(line["standing"])
    return f"dropped after {int(line['dropped_after']):,}"


def _rows_scored(line: dict[Any, Any], rows: int) -> str:
    """Return how many rows a variant has a score of, of those on which it was still in."""
    return f"{line['rows']:,} of {int(line['dropped_after']) if line['standing'] == 'dropped' else rows:,}"


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

    def __init__(self, race: RaceSource, stream: Output | None = None) -> None:
        self._race = race
        self._lines = TextLines(stream)
        self._pacer = self._lines.pacer(self._draw)

    def begin(self, batch: ProgressSource) -> None:
        """Say the plan."""
        self._pacer.begin(batch)
        self._lines.write(self._race.snapshot().plan_line)

    def update(self, batch: ProgressSource) -> None:
        """Say how far it is, unless that was said just now."""
        self._pacer.update()

    def end(self, batch: ProgressSource) -> None:
        """Draw no more: the last rows are still to be decided."""
        self._pacer.end()

    def finish(self) -> None:
        """Say how it ended."""
        race = self._race.snapshot()
        self._lines.write(f"{race.name}: {race.verdict}")

    def _draw(self, state: ProgressState) -> None:
        line = self._race.snapshot().line
        self._lines.draw(f"{state.name}: {line}", shorter=line)
