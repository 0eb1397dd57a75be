"""A comparison as text and as HTML: the summary, the sentence, the rows that differ most.

Rule of this file: whatever a model said is text, escaped and cut; what the page shows, the text twin says as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import pandas as pd

from fh_notebook import html
from fh_notebook.audience import PYTHON, Audience
from fh_notebook.batching.plan import counted, money
from fh_notebook.batching.wording import frame_text
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.figures import figure, seconds
from fh_notebook.comparing.notes import notes_of
from fh_notebook.comparing.pairs import pairs_table
from fh_notebook.comparing.verdict import p_text, verdict_of
from fh_notebook.comparing.view_rows import differing, rows_html

__all__ = [
    "STYLE",
    "html_of",
    "pairs_html",
    "range_bar",
    "summary_html",
    "text",
    "title",
    "title_of",
    "words",
]


# Beside html.STYLE. A bar says no more than the two numbers beside it, so it needs no colour of its own. A scroll bar
# that a style draws stays where the system would hide its own.
STYLE: Final = html.Html(
    "<style>"
    ".fh .fh-num td:not(:first-child),.fh .fh-num th:not(:first-child){text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}"
    ".fh .fh-num::-webkit-scrollbar,.fh .fh-cells::-webkit-scrollbar{height:8px}"
    ".fh .fh-num::-webkit-scrollbar-thumb,.fh .fh-cells::-webkit-scrollbar-thumb"
    "{background:var(--jp-border-color1,currentColor);border-radius:4px}"
    ".fh-bar{position:relative;height:14px;min-width:100px;border-bottom:1px solid currentColor;opacity:.9}"
    ".fh-bar i{position:absolute;top:5px;height:5px;background:currentColor;opacity:.35;border-radius:2px}"
    ".fh-bar b{position:absolute;top:2px;width:3px;height:11px;margin-left:-1px;background:currentColor}"
    ".fh .fh-say{font-weight:600;margin:8px 0 4px;max-width:62em}"
    ".fh .fh-notes{margin:2px 0 6px;padding-left:1.2em;max-width:70em}"
    ".fh .fh-cells td{max-width:32em;overflow-wrap:anywhere}.fh .fh-cells td:not(:first-child){min-width:7em}"
    ".fh-score{display:block;font-size:11px;opacity:.85;font-variant-numeric:tabular-nums}"
    "</style>"
)


def title(data: ComparisonData) -> str:
    """Return what is compared, in a line."""
    return title_of(data.variants, data.rows_text, data.scorer)


def title_of(variants: Sequence[str], rows: str, scorer: str) -> str:
    """Return how many variants are compared, on which rows and by which score, in a line."""
    return f"{counted(len(variants), 'variant')} on {rows}{f' by {scorer}' if scorer else ''}"


def text(data: ComparisonData) -> str:
    """Return a comparison as text."""
    about, table = differing(data)
    table = table.rename(columns=str)  # what is paired on may be called 5
    hidden = ("outputs_differ", "scores_differ")
    shown = [c for c in table.columns if c not in hidden and not c.endswith(".seconds")]
    return "\n".join(part for part in (words(data), about, frame_text(table, shown)) if part)


def words(data: ComparisonData, audience: Audience = PYTHON) -> str:
    """Return the summary and the sentences as text, without any row, as `audience` reads them."""
    summary, masked = tables.summary(data), data.runs.secret().masked
    head = f"Comparison of {title(data)}"
    said = map(masked, (verdict_of(data), *notes_of(data, audience)))  # a scorer's error may repeat what a run was sent
    return "\n".join(part for part in (head, frame_text(summary, list(summary.columns)), *said) if part)


def html_of(data: ComparisonData) -> html.Html:
    """Return a comparison as HTML."""
    about, table = differing(data)
    pairs, masked = pairs_html(data), data.runs.secret().masked
    notes = [html.el("li", masked(note)) for note in notes_of(data)]
    return html.el(
        "div",
        html.STYLE,
        STYLE,
        html.el("div", html.el("strong", f"Comparison of {title(data)}"), cls="fh-head"),
        summary_html(data),
        html.el("p", masked(verdict_of(data)), cls="fh-say"),
        html.el("ul", *notes, cls="fh-notes fh-dim") if notes else None,
        html.fold(f"{counted(len(data.pairs), 'pair')}, with tests", pairs) if pairs else None,
        html.el("p", about, cls="fh-dim") if about else None,
        rows_html(data, table) if len(table) else None,
        cls="fh",
    )


# --- the summary


def summary_html(data: ComparisonData, *, bar: Callable[..., html.Html] | None = None) -> html.Html:
    """Return the summary as a table: intervals drawn beside their numbers (by `bar`), and their rule named."""
    draw = bar or range_bar
    summary = tables.summary(data)
    low, high = _scale(data, summary)
    scored = bool(data.scorer)
    head: list[Any] = ["variant"]
    head += ["mean", "95% interval", _scale_head(low, high), "median"] if scored else []
    head += ["runs", "missing", "failed", "median s", "p95 s", *(["cost"] if "cost" in summary else [])]
    lines = []
    for line in summary.to_dict("records"):
        cells: list[Any] = [line["variant"]]
        if scored:
            interval = f"{figure(line['ci_low'])} to {figure(line['ci_high'])}" if line["n"] else ""
            drawn = draw(line["mean"], line["ci_low"], line["ci_high"], low, high)
            cells += [figure(line["mean"]), interval, drawn, figure(line["median"])]
        cells += [f"{line['n']:,}" if scored else f"{_completed(data, line['variant']):,}", f"{line['missing']:,}"]
        cells += [_failed(data, line), seconds(line["p50_s"]), seconds(line["p95_s"])]
        cells += [money(line["cost"])] if "cost" in summary else []
        lines.append(cells)
    parts = [html.table(head, lines, cls="fh-table fh-num")]
    if scored and (rules := sorted({r for r in summary.attrs["interval"].values() if r != "none"})):
        parts.append(
            html.el("div", f"95% intervals over rows: {', '.join(RULES[r] for r in rules)}.", cls="fh-dim fh-foot")
        )
    return html.join(parts)


RULES: Final = {
    "blaker": "Blaker's exact interval of a share",
    "blaker, clustered": "Blaker's exact interval of a share, repeats of a row as a cluster",
    "tango": "Tango's score interval of paired shares",
    "tango, clustered": "Tango's score interval of paired shares, repeats of a row as a cluster",
    "t": "Student's t (fewer than 40 rows)",
    "bca": "BCa bootstrap of rows (2,000 resamples, fixed seed)",
    "bca, widened": "BCa bootstrap of rows (2,000 resamples, fixed seed), widened for fewer than 40 rows",
    "bca, analytic": "BCa bootstrap of rows, its limit (more than 5,000 rows)",
    "normal": "normal (more than 5,000 rows)",
    "all equal": "Student's t with one more row, since all scores are equal",
}


def _completed(data: ComparisonData, variant: str) -> int:
    lines = data.lines
    return int(((lines["variant"] == variant) & (lines["status"] == "completed")).sum())


def _failed(data: ComparisonData, line: dict[Any, Any]) -> str:
    if not line["failed"]:
        return "0"
    total = int((data.lines["variant"] == line["variant"]).sum())
    return f"{line['failed']:,} ({line['failed'] / total:.1%})"


def _scale(data: ComparisonData, summary: pd.DataFrame) -> tuple[float, float]:
    if data.grid.yes_no:
        return 0.0, 1.0
    numbers = [x for x in summary[["mean", "ci_low", "ci_high"]].to_numpy().ravel() if math.isfinite(x)]
    return (min(numbers), max(numbers)) if numbers else (0.0, 0.0)


def _scale_head(low: float, high: float) -> html.Html:
    return html.el("span", f"{figure(low)} … {figure(high)}" if high > low else "")


def range_bar(mean: float, low: float, high: float, begin: float, end: float) -> html.Html:
    """Return an interval as a small bar on a scale; nothing where there is none."""
    if not (end > begin and math.isfinite(mean)):
        return html.join([])
    at = [
        100 * (x - begin) / (end - begin) if math.isfinite(x) else 100 * (mean - begin) / (end - begin)
        for x in (low, mean, high)
    ]
    left, middle, right = (min(max(x, 0.0), 100.0) for x in at)
    return html.el(
        "div",
        html.el("i", style=f"left:{left:.1f}%;width:{right - left:.1f}%"),
        html.el("b", style=f"left:{middle:.1f}%"),
        cls="fh-bar",
        role="img",
        aria_label=f"{figure(mean)}, from {figure(low)} to {figure(high)}",
    )


# --- the pairs


def pairs_html(data: ComparisonData) -> html.Html | None:
    """Return the pairs as a table; nothing where there is none."""
    if not data.scorer or not data.pairs:
        return None
    head = ["b - a", "difference", "95% interval", "b wins", "ties", "loses"]
    head += ["test", "p", "p (Holm)", "effect", "p (permutation)", "rows"]
    lines = []
    for line in pairs_table(data.pairs).to_dict("records"):
        interval = (
            f"{figure(line['ci_low'])} to {figure(line['ci_high'])} ({line['interval']})" if line["n"] > 1 else ""
        )
        counts = [f"{line[name]:,}" for name in ("wins", "ties", "losses")]
        p, p_holm, p_permutation = (_p(line[name]) for name in ("p", "p_holm", "p_permutation"))
        first = (f"{line['b']} - {line['a']}", figure(line["difference"]), interval)
        tested = (TESTS[line["test"]], p, p_holm, figure(line["effect"]), p_permutation)
        lines.append([*first, *counts, *tested, f"{line['n']:,}"])
    return html.table(head, lines, cls="fh-table fh-num")


TESTS: Final = {
    "mcnemar_exact": "McNemar, exact",
    "wilcoxon": "Wilcoxon",
    "sign": "sign test, exact",
    "none": "none (fewer than 6 pairs)",
}


def _p(value: float) -> str:
    return "" if value != value else p_text(value).removeprefix("p ").removeprefix("= ")
