"""Display of a canary: the answer, the latest days, how certain it is, then what is missing; as text and as HTML.

"Changed" is said only where the evidence has reached its threshold. Otherwise nothing is said to be unchanged: no
change is shown so far. The text version contains all that the page contains.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.rendering import frame_text, one_line
from fh_notebook.comparing.report.display import NUMBERS_STYLE
from fh_notebook.comparing.stats.clusters import distinct_text
from fh_notebook.comparing.stats.number_format import figure, percents, points_format, share_head
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import figures
from fh_notebook.core.text.messages import agreeing, counted

LINES_SHOWN: Final = 14
"""Days of the table that is shown: the latest."""

NAME_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryFigures:
    """What sentences about a canary are made of."""

    changed: bool
    direction: str | None
    since: date | None
    """The most probable first day of the change."""
    before: float
    after: float
    """The means before it and since, of the rows that have a score of both."""
    rows_of_means: int
    evidence: float
    alpha: float
    scorer: str
    rows: int
    """Distinct rows of the sample."""
    copies: int
    """Rows that are left out as copies of others."""
    days: int
    calls: int
    scored: int
    failed: int
    missing: int
    """Runs that did not fail and have no score."""
    unknown: int
    """Of these, the ones whose outcome is not known."""
    score_error: str
    is_lower: bool
    """Whether a lower score is the better one."""
    is_share: bool
    """Whether a mean is a share of rows: all scores are true or false."""
    tested: int
    """Scores that were compared with an earlier one of their rows."""
    higher: int
    """Of these, the ones above the newest earlier one."""
    lower: int
    """The ones below it."""
    is_different: bool
    """Whether some row has two different scores."""
    references: int
    """Rows that have a score."""
    has_baseline: bool
    today: date
    called_today: int
    planned_today: int


def verdict(of: CanaryFigures) -> str:
    """Return what can be said, in one sentence."""
    by = f" by {one_line(of.scorer, 40)}" if of.scorer else ""
    if of.changed:
        text = percents(of.rows_of_means) if of.is_share else figure
        course = f": {text(of.before)} before, {text(of.after)} since, on {counted(of.rows_of_means, 'row')}"
        return f"Changed: scores{by} are {of.direction} since about {of.since:%Y-%m-%d}{course}."
    if not of.tested:
        ready = f"{of.references:,} of {counted(of.rows, 'row')} {agreeing(of.references, 'have')} a score"
        return f"Nothing is compared yet: {ready} to compare with."
    compared = f"{counted(of.tested, 'score')}{by} {agreeing(of.tested, 'were')} compared"
    equal = of.tested - of.higher - of.lower
    counts = f"{of.higher:,} higher, {of.lower:,} lower, {equal:,} the same"
    against = "with the earlier score of the same row"
    return f"No change found so far ({counted(of.days, 'day')}): {compared} {against}: {counts}."


def notes(of: CanaryFigures, *, stopped: str) -> tuple[str, ...]:
    """Return how certain the sentence is, and what is missing."""
    lines = [
        (
            f"Evidence of a change: {_evidence_text(of.evidence)}, where {1 / of.alpha:g} is needed to report one. It "
            "begins at 1, moves a little by chance (equal scores are ordered by lot), and grows as scores keep being "
            f"higher, or lower, than before. If nothing changes, a change is reported in at most {100 * of.alpha:g} % "
            f"of canaries, over all days together (alpha={of.alpha:g}, chosen before the first day)."
        )
    ]
    if of.evidence >= 1 / of.alpha and not of.is_different:
        lines.append(
            "No change is reported: no row has two different scores, and this evidence comes from broken ties only."
        )
    if of.changed:
        lines.append("No more calls are made; give another name for a new canary.")
    elif not of.has_baseline and of.references < of.rows:
        lines.append("No baseline is given: the first pass over the rows becomes the baseline.")
    if of.called_today < of.planned_today:
        why = f": {stopped}" if stopped else ""
        lines.append(f"Today {of.called_today:,} of {counted(of.planned_today, 'row')} were called{why}")
    if of.failed:
        lines.append(f"{counted(of.failed, 'call')} failed: {_no_evidence(of.failed)}.")
    if of.unknown:
        lines.append(f"The outcome of {counted(of.unknown, 'call')} is unknown: {_no_evidence(of.unknown)}.")
    if unscored := of.missing - of.unknown:
        error = f": {one_line(of.score_error)}" if of.score_error else ""
        lines.append(f"{counted(unscored, 'answer')} could not be scored{error}; {_no_evidence(unscored)}.")
    if of.copies:
        lines.append(f"{distinct_text(of.rows + of.copies, of.rows)}: rows with equal inputs are one row.")
    return tuple(lines)


def _no_evidence(calls: int) -> str:
    return (
        "its row counts as no evidence on that day" if calls == 1 else "their rows count as no evidence on those days"
    )


def _evidence_text(evidence: float) -> str:
    return f"{evidence:,.0f}" if evidence >= 100 else f"{evidence:.2g}"


def _table(summary: pd.DataFrame, of: CanaryFigures) -> tuple[list[str], list[list[str]]]:
    """Return the heads and the cells of the latest days: shares in percent, and their changes in points.

    What has no row or call on any of them is no column.
    """
    part = summary.iloc[-LINES_SHOWN:]
    changes = part["difference"].tolist()
    score = percents(int(part["rows"].max())) if of.is_share else figures(part["score"].tolist())
    change = points_format(changes) if of.is_share else figures(changes)
    unit = ", points" if of.is_share else ""
    counts = {
        "failed": "failed calls",
        "missing": f"{'other ' if part['failed'].any() else ''}rows without a score",
        "calls": "calls made",
    }
    counts = {name: head for name, head in counts.items() if part[name].any()}
    heads = [
        "date (UTC)",
        "rows of the day",
        share_head(lower=of.is_lower) if of.is_share else "score",
        "rows higher / lower than the time before",
        f"change of the mean{unit}",
        f"evidence so far (change reported at {1 / of.alpha:g})",
    ]
    cells = [
        [
            f"{line['date']:%Y-%m-%d}", f"{line['rows']:,}", _score_cell(line, score, of),
            *(
                (
                    f"{line['higher']:,} / {line['lower']:,}",
                    f"{'+' if line['difference'] > 0 else ''}{change(line['difference'])}",
                    _evidence_text(line["evidence"]),
                )
                if line["evidence"] == line["evidence"]
                else ("", "", "")
            ),
            *(f"{line[name]:,}" for name in counts),
        ]
        for line in part.to_dict("records")
    ]  # fmt: skip
    return [*heads, *counts.values()], cells


def _score_cell(line: Mapping[Hashable, Any], score: Callable[[float], str], of: CanaryFigures) -> str:
    """Return the score of a day; of yes/no scores with the rows that it is a share of."""
    if not of.is_share or not line["scored"]:
        return score(line["score"])
    return f"{score(line['score'])} ({round(line['score'] * line['scored']):,} of {line['scored']:,})"


def _more(summary: pd.DataFrame) -> str:
    more = len(summary) - LINES_SHOWN
    return f"… {counted(more, 'earlier day')}: canary.summary() has everything" if more > 0 else ""


def canary_text(name: str, of: CanaryFigures, remarks: Sequence[str], summary: pd.DataFrame) -> str:
    """Return a canary as text: its name, the answer, the latest days and the notes."""
    heads, lines = _table(summary, of) if len(summary) else ([], [])
    table = frame_text(pd.DataFrame(lines, columns=heads), heads) if lines else ""
    return "\n".join(filter(None, (_title(name), verdict(of), table, _more(summary), *remarks)))


def canary_html(name: str, of: CanaryFigures, remarks: Sequence[str], summary: pd.DataFrame) -> html.Html:
    """Return a canary as HTML: its name, the answer, the latest days and the notes."""
    more = _more(summary)
    heads, texts = _table(summary, of) if len(summary) else ([], [])
    lines = [[html.unbroken(day), *map(html.in_two, cells)] for day, *cells in texts]
    return html.el(
        "div",
        html.STYLE,
        NUMBERS_STYLE,
        html.el("div", _title(name), cls="fh-dim"),
        html.sentence("p", verdict(of), style=html.HEADLINE),
        html.el("div", html.table(heads, lines, cls="fh-table fh-num"), cls="fh-summary") if lines else None,
        html.sentence("div", more, cls="fh-dim") if more else None,
        *(html.sentence("div", remark, cls="fh-dim", style=REMARK) for remark in remarks),
        cls="fh",
    )


REMARK: Final = "max-width:75em"
"""As long as the lines of the answer."""


def _title(name: str) -> str:
    return f"Canary '{one_line(name, NAME_SHOWN)}'"
