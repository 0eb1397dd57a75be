"""A comparison as text and as HTML: the summary, the sentence, the rows that differ most.

Rule of this file: whatever a model said is text, escaped and cut; what the page shows, the text twin says as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from fh_notebook import html
from fh_notebook.batching.plan import counted, money
from fh_notebook.batching.wording import frame_text, one_line
from fh_notebook.comparing.pairs import pairs_table
from fh_notebook.comparing.tables import incomplete_rows
from fh_notebook.comparing.verdict import p_text

if TYPE_CHECKING:
    from fh_notebook.comparing.comparison import Comparison

__all__ = [
    "STYLE",
    "differing",
    "figure",
    "html_of",
    "pairs_html",
    "range_bar",
    "summary_html",
    "text",
    "title",
    "words",
]

ROWS_SHOWN: Final = 10
OUTPUT_SHOWN: Final = 200
"""Characters of an output beside the others."""

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


def title(cmp: Comparison) -> str:
    """Return what is compared, in a line."""
    by = f" by {cmp.scorer}" if cmp.scorer else ""
    return f"{counted(len(cmp.variants), 'variant')} on {counted(cmp._row_count, 'row')}{by}"


def text(cmp: Comparison) -> str:
    """Return a comparison as text."""
    about, table = differing(cmp)
    hidden = ("outputs_differ", "scores_differ")
    shown = [c for c in table.columns if c not in hidden and not c.endswith(".seconds")]
    return "\n".join(part for part in (words(cmp), about, frame_text(table, shown)) if part)


def words(cmp: Comparison) -> str:
    """Return the summary and the sentences as text, without any row."""
    summary = cmp.summary()
    head = f"Comparison of {title(cmp)}"
    return "\n".join([head, frame_text(summary, list(summary.columns)), cmp.verdict, *cmp.notes])


def html_of(cmp: Comparison) -> html.Html:
    """Return a comparison as HTML."""
    about, table = differing(cmp)
    pairs = pairs_html(cmp)
    return html.el(
        "div",
        html.STYLE,
        STYLE,
        html.el("div", html.el("strong", f"Comparison of {title(cmp)}"), cls="fh-head"),
        summary_html(cmp),
        html.el("p", cmp.verdict, cls="fh-say"),
        html.el("ul", *(html.el("li", note) for note in cmp.notes), cls="fh-notes fh-dim") if cmp.notes else None,
        html.fold(f"{counted(len(cmp._pairs), 'pair')}, with tests", pairs) if pairs else None,
        html.el("p", about, cls="fh-dim") if about else None,
        rows_html(cmp, table) if len(table) else None,
        cls="fh",
    )


# --- the summary


def summary_html(cmp: Comparison, *, bar: Callable[..., html.Html] | None = None) -> html.Html:
    """Return the summary as a table: intervals drawn beside their numbers (by `bar`), and their rule named."""
    draw = bar or range_bar
    summary = cmp.summary()
    low, high = _scale(cmp, summary)
    scored = bool(cmp.scorer)
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
        cells += [f"{line['n']:,}" if scored else f"{_completed(cmp, line['variant']):,}", f"{line['missing']:,}"]
        cells += [_failed(cmp, line), seconds(line["p50_s"]), seconds(line["p95_s"])]
        cells += [money(line["cost"])] if "cost" in summary else []
        lines.append(cells)
    parts = [html.table(head, lines, cls="fh-table fh-num")]
    if scored and (rules := sorted({r for r in summary.attrs["interval"].values() if r != "none"})):
        parts.append(
            html.el("div", f"95% intervals over rows: {', '.join(RULES[r] for r in rules)}.", cls="fh-dim fh-foot")
        )
    return html.join(parts)


RULES: Final = {
    "wilson": "Wilson's score interval",
    "wilson, clustered": "Wilson's score interval, repeats of a row as a cluster",
    "t": "Student's t (fewer than 40 rows)",
    "bca": "BCa bootstrap of rows (2,000 resamples, fixed seed)",
    "bca, widened": "BCa bootstrap of rows (2,000 resamples, fixed seed), widened for fewer than 40 rows",
    "bca, analytic": "BCa bootstrap of rows, its limit (more than 5,000 rows)",
    "normal": "normal (more than 5,000 rows)",
}


def _completed(cmp: Comparison, variant: str) -> int:
    lines = cmp._frame
    return int(((lines["variant"] == variant) & (lines["status"] == "completed")).sum())


def _failed(cmp: Comparison, line: dict[Any, Any]) -> str:
    if not line["failed"]:
        return "0"
    total = int((cmp._frame["variant"] == line["variant"]).sum())
    return f"{line['failed']:,} ({line['failed'] / total:.1%})"


def _scale(cmp: Comparison, summary: pd.DataFrame) -> tuple[float, float]:
    if cmp._grid.yes_no:
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


def figure(value: float) -> str:
    """Return a score as it is read: three digits, missing as nothing.

    Examples
    --------
    >>> figure(0.7512), figure(float("nan")), figure(123.456), figure(1.0)
    ('0.751', '', '123', '1.000')
    """
    if value != value:
        return ""
    size = abs(value)
    if size >= 1e6 or 0 < size < 0.0005:
        return f"{value:.3g}"
    return f"{value:,.3f}" if size < 10 else f"{value:,.1f}" if size < 100 else f"{value:,.0f}"


def seconds(value: float) -> str:
    """Return seconds as they are read."""
    return "" if value != value else f"{value:.3f}" if value < 1 else f"{value:.1f}"


# --- the pairs


def pairs_html(cmp: Comparison) -> html.Html | None:
    """Return the pairs as a table; nothing where there is none."""
    if not cmp.scorer or not cmp._pairs:
        return None
    head = ["b - a", "difference", "95% interval", "b wins", "ties", "loses"]
    head += ["test", "p", "p (Holm)", "effect", "p (permutation)", "rows"]
    lines = []
    for line in pairs_table(cmp._pairs).to_dict("records"):
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


# --- the rows


def differing(cmp: Comparison, most: int = ROWS_SHOWN) -> tuple[str, pd.DataFrame]:
    """Return a sentence on how many rows differ, and the lines of those that differ most."""
    if len(cmp.variants) < 2:
        return "", pd.DataFrame()
    by: Literal["score", "output"] = "score" if cmp.scorer else "output"
    if by == "score":
        found, pairs = len(cmp._differing), cmp._differing[:most]
        rows = cmp._rows(pairs)
        places = {pair: place for place, pair in enumerate(pairs)}
        table = rows.iloc[sorted(range(len(rows)), key=lambda i: places[rows[cmp.pair_on].iloc[i]])]
    else:
        whole = cmp.disagreements(by="output")
        found, table = len(whole), whole.head(most)
    left = incomplete_rows(cmp._frame, cmp.variants, by)
    lacking = f"; on {counted(left, 'row')} a variant has no {by if cmp.scorer else 'answer'}" if left else ""
    shown = len(table)
    cut = f"; the {shown} that differ most:" if by == "score" else f"; the first {shown}:"
    first = "." if not shown else ":" if shown == found else cut
    return f"The variants differ on {counted(found, 'row')}{lacking}{first}", table.reset_index(drop=True)


def rows_html(cmp: Comparison, table: pd.DataFrame) -> html.Html:
    """Return rows with the variants beside each other, the score under each output."""
    expected = "expected_output" in table
    head = [cmp.pair_on, *(["expected"] if expected else []), *cmp.variants]
    lines = []
    for line in table.to_dict("records"):
        cells: list[Any] = [one_line(line[cmp.pair_on], 40)]
        cells += [_said(line["expected_output"])] if expected else []
        cells += [_answer(cmp, line, variant) for variant in cmp.variants]
        lines.append(cells)
    return html.table(head, lines, cls="fh-table fh-cells")


def _answer(cmp: Comparison, line: dict[Any, Any], variant: str) -> html.Html:
    output, score = line[f"{variant}.output"], line.get(f"{variant}.score", float("nan"))
    said = _said(output) or ("no answer" if score != score else "")
    parts = [
        html.el("span", said, cls="" if output is not None else "fh-dim"),
        html.el("span", score_text(score, cmp._grid.yes_no), cls="fh-score"),
    ]
    return html.join(parts, " ")  # apart also on GitHub, which takes all style away


def score_text(score: float, yes_no: bool) -> str:
    """Return a score under an output: right and wrong as marks that need no colour."""
    if score != score:
        return "no score"
    if yes_no and score in (0.0, 1.0):
        return "✓ 1" if score else "✗ 0"
    return figure(score)


def _said(value: Any) -> str:
    return "" if value is None or value != value else one_line(value, OUTPUT_SHOWN)
