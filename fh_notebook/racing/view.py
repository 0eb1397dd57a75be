"""A race as text and as HTML: the sentence, the variants with the evidence against each, the pairs.

Rule of this file: what the page shows, the text twin says as well; a bar says no more than the number beside it, and
what must hold in a notebook that is not trusted is in place (``style=``). What decides stands first: a narrow page
shows the first columns.
"""

from __future__ import annotations

import math
from typing import Any, Final

from fh_notebook import html
from fh_notebook.batching.wording import frame_text, one_line
from fh_notebook.comparing.plots import BETTER, WORSE
from fh_notebook.comparing.verdict import size_text
from fh_notebook.errors import FetchHiveError
from fh_notebook.racing.words import RaceState

__all__ = ["html_of", "live_html", "live_text", "text"]

NAME_SHOWN: Final = 40
_TRACK: Final = (
    "position:relative;display:block;height:8px;width:100%;min-width:90px;max-width:220px;margin:5px 0 2px;"
    "border-radius:4px;background-color:rgba(128,128,128,0.3)"
)
_FILLED: Final = f"display:block;height:8px;border-radius:4px;max-width:100%;background-color:{BETTER}"
_LINE: Final = f"position:absolute;top:3px;height:2px;background-color:{BETTER}"
_OUT: Final = WORSE
"""Of bars that have reached the threshold."""
_SAID: Final = "font-weight:600;margin:4px 0;max-width:62em"
"""Of the sentence."""


def text(race: RaceState) -> str:
    """Return a race as text."""
    head = f"Race {race.batch.name}"
    parts = [head, race.verdict, *race.notes, _variants_text(race), _pairs_text(race)]
    return "\n".join(part for part in parts if part)


def html_of(race: RaceState) -> html.Html:
    """Return a race as HTML."""
    return _page(race, html.el("p", race.verdict, style=_SAID))


def live_html(race: RaceState, *, last: bool = False) -> html.Html:
    """Return what the live display shows; the last state, with the figure, stays in the notebook."""
    if not last:
        return _page(
            race, html.el("div", race.plan_line, cls="fh-dim"), html.el("div", race.line), bar=_calls_bar(race)
        )
    return _page(
        race,
        html.el("div", race.plan_line, cls="fh-dim"),
        html.el("p", race.verdict, style=_SAID),
        figure=_figure(race),
    )


def live_text(race: RaceState, *, last: bool = False) -> str:
    """Return the text twin of :func:`live_html`."""
    return f"{race.plan_line}\n{text(race) if last else race.line}"


def _page(
    race: RaceState, *head: html.Html, bar: html.Html | None = None, figure: html.Html | None = None
) -> html.Html:
    notes = html.el("ul", *(html.el("li", note) for note in race.notes), cls="fh-dim") if race.notes else None
    return html.el(
        "div",
        html.STYLE,
        html.el("div", html.el("strong", f"Race {race.batch.name}"), cls="fh-head"),
        *head,
        bar,
        _variants_html(race),
        _pairs_html(race) if race.rows else None,
        notes,
        figure,
        cls="fh fh-race",
    )


def _figure(race: RaceState) -> html.Html | None:
    """Return the picture, where there is anything to draw and something to draw it with."""
    try:
        return html.Html(race.plot()._repr_html_())
    except FetchHiveError:
        return None


def _calls_bar(race: RaceState) -> html.Html:
    spent, total = race.calls, max(1, race.calls + race.calls_left)
    return html.el(
        "div",
        _bar(spent / total),
        cls="fh-bar",
        style="max-width:640px",
        role="progressbar",
        aria_label=f"Calls of {race.batch.name}",
        aria_valuemin=0,
        aria_valuemax=total,
        aria_valuenow=spent,
        aria_valuetext=race.line,
    )


def _bar(share: float, colour: str = "") -> html.Html:
    filled = f"{_FILLED};width:{100 * min(1.0, max(0.0, share)):.2f}%" + (
        f";background-color:{colour}" if colour else ""
    )
    return html.el("span", html.el("span", style=filled), style=_TRACK)


def _range(low: float, high: float, lead: float, width: float) -> html.Html:
    """Return an interval on a line from -width to width, with 0 in its middle."""

    def at(value: float) -> float:
        return 50 + 50 * max(-1.0, min(1.0, value / width))

    line = f"{_LINE};left:{at(low):.2f}%;width:{at(high) - at(low):.2f}%"
    dot = f"position:absolute;top:0;height:8px;width:3px;background-color:{BETTER};left:{at(lead):.2f}%"
    middle = "position:absolute;top:-2px;height:12px;width:1px;background-color:currentColor;left:50%"
    parts = [html.el("span", style=line), html.el("span", style=middle)]
    parts += [html.el("span", style=dot)] if lead == lead else []
    return html.el("span", *parts, style=_TRACK)


def _variants_html(race: RaceState) -> html.Html:
    lines = []
    for line in race.summary().to_dict("records"):
        share = max(0.0, math.log(max(line["evidence"], 1e-12))) / math.log(line["threshold"])
        is_out = line["standing"] == "dropped"
        bar = _bar(1.0 if is_out else share, _OUT if is_out else "")
        lines.append(
            [
                one_line(line["variant"], NAME_SHOWN),
                _standing(line),
                _evidence(line),
                bar,
                f"{line['rows']:,}",
                _size(line["mean"]),
            ]
        )
    return html.table(["variant", "standing", "evidence against", "", "rows", "mean"], lines)


def _pairs_html(race: RaceState) -> html.Html:
    scale = race.tally.scale
    rivals = race.tally.rivals()
    lines: list[list[Any]] = [
        [one_line(p.a, NAME_SHOWN), _size(p.lead), f"{size_text(p.low)} to {size_text(p.high)}",
         _range(p.low, p.high, p.lead, scale.in_units(1.0)), f"{_number(p.evidence)} of {_number(p.needed)}",
         f"{p.wins:,} / {p.n - p.wins - p.losses:,} / {p.losses:,}"]
        for p in rivals
    ]  # fmt: skip
    head = ["variant", "ahead by", "confidence sequence", "", "evidence", "won / same / lost"]
    leader = html.el("div", f"{one_line(rivals[0].b, NAME_SHOWN)} against:", style="margin-top:6px")
    return html.el("div", leader, html.table(head, lines))


def _variants_text(race: RaceState) -> str:
    table = race.summary()
    table["evidence"] = [_evidence(line) for line in table.to_dict("records")]
    table["standing"] = [_standing(line) for line in table.to_dict("records")]
    return frame_text(table, ["variant", "standing", "rows", "mean", "evidence"])


def _pairs_text(race: RaceState) -> str:
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
