"""Display of a comparison in a notebook: summary, verdict and the rows that differ most, as text and as HTML.

What a model wrote is text, escaped and cut. The text version contains all that the page contains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from fh_notebook.batching.planning.plan import counted
from fh_notebook.batching.rendering import frame_text, one_line
from fh_notebook.batching.tables.values import is_missing
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.stats.number_format import ReportColumn, count_text, figure, score_text
from fh_notebook.comparing.stats.pairs import PAIRS, pairs_table
from fh_notebook.comparing.stats.summary import summary_columns
from fh_notebook.comparing.tables import incomplete_rows
from fh_notebook.comparing.verdict import notes_of, verdict_of
from fh_notebook.core.config import settings
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import PYTHON, Audience

__all__ = [
    "STYLE",
    "Cells",
    "comparison_html",
    "comparison_text",
    "differing",
    "pairs_html",
    "range_bar",
    "shown_columns",
    "shown_table",
    "summary_html",
    "summary_text",
    "title",
    "title_of",
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
    """Return the title of a comparison in one line."""
    return title_of(data.variants, data.rows_text, data.scorer)


def title_of(variants: Sequence[str], rows: str, scorer: str) -> str:
    """Return a title with the number of variants, the rows and the scorer in one line."""
    return f"{counted(len(variants), 'variant')} on {rows}{f' by {scorer}' if scorer else ''}"


def comparison_text(data: ComparisonData) -> str:
    """Return a comparison as text."""
    about, table = differing(data)
    table = table.rename(columns=str)  # what is paired on may be called 5
    hidden = ("outputs_differ", "scores_differ")
    columns = [c for c in table.columns if c not in hidden and not c.endswith(".seconds")]
    return "\n".join(part for part in (summary_text(data), about, frame_text(table, columns)) if part)


def summary_text(data: ComparisonData, audience: Audience = PYTHON) -> str:
    """Return the summary and the sentences as text, without any row, as `audience` reads them."""
    summary, masked = tables.summary(data), data.runs.secret().masked
    head = f"Comparison of {title(data)}"
    sentences = map(
        masked, (verdict_of(data), *notes_of(data, audience))
    )  # a scorer's error may repeat what a run was sent
    return "\n".join(part for part in (head, frame_text(summary, list(summary.columns)), *sentences) if part)


def comparison_html(data: ComparisonData) -> html.Html:
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


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells that a display shows in place of a column's own: none, one or several."""

    heads: Sequence[Any] = ()
    values: Callable[[Mapping[Any, Any]], Sequence[Any]] = lambda line: ()


def shown_table(
    columns: Iterable[ReportColumn], table: pd.DataFrame, instead: Mapping[str, Cells]
) -> tuple[list[Any], list[list[Any]]]:
    """Return the heads and the cells of a table: each column's heading and text, or other cells `instead`."""

    def cells_of(column: ReportColumn) -> Cells:
        return instead.get(column.name) or Cells((column.head,), lambda line: (column.text(line[column.name]),))

    cells = [cells_of(column) for column in columns]
    heads = [head for part in cells for head in part.heads]
    return heads, [[value for part in cells for value in part.values(line)] for line in table.to_dict("records")]


def shown_columns(*, scored: bool = True) -> list[ReportColumn]:
    """Return the columns of the summary in the order of a display: the scores before the counts and seconds."""
    first, *others = summary_columns(settings.current().price_per_call)
    scores = [column for column in others if column.of_scores]
    return [first, *(scores if scored else ()), *(column for column in others if not column.of_scores)]


def summary_html(data: ComparisonData, *, bar: Callable[..., html.Html] | None = None) -> html.Html:
    """Return the summary as a table: intervals drawn beside their numbers (by `bar`), and their rule named."""
    draw = bar or range_bar
    summary = tables.summary(data)
    low, high = _scale_limits(data, summary)
    scored = bool(data.scorer)
    instead = {
        "ci_low": Cells(
            ("95% interval", _scale_head(low, high)),
            lambda line: (
                f"{figure(line['ci_low'])} to {figure(line['ci_high'])}" if line["n"] else "",
                draw(line["mean"], line["ci_low"], line["ci_high"], low, high),
            ),
        ),
        "ci_high": Cells(),
        "failed": Cells(("failed",), lambda line: (_failed_text(data, line),)),
    }
    if not scored:
        instead["n"] = Cells(("runs",), lambda line: (count_text(_completed_count(data, line["variant"])),))
    head, lines = shown_table(shown_columns(scored=scored), summary, instead)
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


def _completed_count(data: ComparisonData, variant: str) -> int:
    lines = data.lines
    return int(((lines["variant"] == variant) & (lines["status"] == "completed")).sum())


def _failed_text(data: ComparisonData, line: Mapping[Any, Any]) -> str:
    if not line["failed"]:
        return "0"
    total = int((data.lines["variant"] == line["variant"]).sum())
    return f"{line['failed']:,} ({line['failed'] / total:.1%})"


def _scale_limits(data: ComparisonData, summary: pd.DataFrame) -> tuple[float, float]:
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
    instead = {
        "a": Cells(("b - a",), lambda line: (f"{line['b']} - {line['a']}",)),
        **dict.fromkeys(("b", "n", "mean_a", "mean_b", "ci_high"), Cells()),
        "ci_low": Cells(("95% interval",), lambda line: (_pair_interval(line),)),
        "test": Cells(("test",), lambda line: (TESTS[line["test"]],)),
        "interval": Cells(("rows",), lambda line: (count_text(line["n"]),)),  # the rule stands beside the interval
    }
    head, lines = shown_table(PAIRS, pairs_table(data.pairs), instead)
    return html.table(head, lines, cls="fh-table fh-num")


def _pair_interval(line: Mapping[Any, Any]) -> str:
    return f"{figure(line['ci_low'])} to {figure(line['ci_high'])} ({line['interval']})" if line["n"] > 1 else ""


TESTS: Final = {
    "mcnemar_exact": "McNemar, exact",
    "wilcoxon": "Wilcoxon",
    "sign": "sign test, exact",
    "none": "none (fewer than 6 pairs)",
}


# --- the rows on which the variants differ, masked as everything that is shown row by row

ROWS_SHOWN: Final = 10
OUTPUT_SHOWN: Final = 200
"""Characters of an output beside the others."""
ASKED_SHOWN: Final = 120
"""Characters of an input: enough to recognize the row, and narrow."""
INPUTS_SHOWN: Final = 2
"""Number of input columns before the outputs; `Comparison.browse` shows all."""


def differing(data: ComparisonData, most: int = ROWS_SHOWN) -> tuple[str, pd.DataFrame]:
    """Return a sentence on how many rows differ, and the lines of those that differ most."""
    if len(data.variants) < 2:
        return "", pd.DataFrame()
    by: Literal["score", "output"] = "score" if data.scorer else "output"
    if by == "score":
        count, pairs = len(data.differing), data.differing[:most]
        rows = tables.wide(data, pairs)
        places = {pair: position for position, pair in enumerate(pairs)}
        table = rows.iloc[sorted(range(len(rows)), key=lambda i: places[rows[data.pair_on].iloc[i]])]
    else:
        differing_rows = tables.disagreements(data, "output")
        count, table = len(differing_rows), differing_rows.head(most)
    left = incomplete_rows(data, by)
    lacking = f"; on {counted(left, 'row')} a variant has no {by if data.scorer else 'answer'}" if left else ""
    shown_count = len(table)
    cut = f"; the {shown_count} that differ most:" if by == "score" else f"; the first {shown_count}:"
    first = "." if not shown_count else ":" if shown_count == count else cut
    sentence = f"The variants differ on {counted(count, 'row')}{lacking}{first}"
    return sentence, _with_inputs(data, table.reset_index(drop=True))


def _input_names(data: ComparisonData) -> list[str]:
    """Return the input columns of a row: Start variables, else other columns."""
    names = data.row_columns if len(data.variants) > 1 else []
    return [n for n in names if n.startswith("in.")] or [n for n in names if not n.startswith("metadata.")]


def _with_inputs(data: ComparisonData, table: pd.DataFrame) -> pd.DataFrame:
    """Return the lines with input columns after the label, all cells masked."""
    table.attrs["asked"] = []
    if table.empty:
        return table
    rows = list(table[data.pair_on])
    masks = data.runs.secret().masks()
    outputs = [f"{variant}.output" for variant in data.variants]
    for name in (*outputs, *(["expected_output"] if "expected_output" in table else [])):
        table[name] = pd.Series(masks.many(rows, table[name].tolist()), dtype=object, index=table.index)
    places: dict[Any, int] = {}
    pairs = data.lines["pair"]
    for position in np.flatnonzero(pairs.isin(rows)).tolist():
        places.setdefault(pairs.iat[position], position)
    input_columns: list[str] = []
    for name in _input_names(data):
        if len(input_columns) == INPUTS_SHOWN:
            break
        head = name.removeprefix("in.")
        cells = masks.many(rows, data.runs.cells(name, [places[row] for row in rows]))
        if head not in table and set(map(str, cells)) != {MASK}:
            table.insert(1 + len(input_columns), head, pd.Series(cells, dtype=object, index=table.index))
            input_columns.append(head)
    table.attrs["asked"] = input_columns
    return table


def rows_html(data: ComparisonData, table: pd.DataFrame) -> html.Html:
    """Return rows with the variants beside each other, the score under each output."""
    expected = "expected_output" in table
    input_columns = table.attrs["asked"]
    head = [data.pair_on, *input_columns, *(["expected"] if expected else []), *data.variants]
    lines = []
    for line in table.to_dict("records"):
        cells: list[Any] = [
            one_line(line[data.pair_on], 40),
            *(_cell_text(line[name], ASKED_SHOWN) for name in input_columns),
        ]
        cells += [_cell_text(line["expected_output"])] if expected else []
        cells += [_answer_html(data, line, variant) for variant in data.variants]
        lines.append(cells)
    return html.stacked(head, lines, cls="fh-table fh-cells")


def _answer_html(data: ComparisonData, line: dict[Any, Any], variant: str) -> html.Html:
    output, score = line[f"{variant}.output"], line.get(f"{variant}.score", float("nan"))
    text = _cell_text(output) or ("no answer" if score != score else "")
    parts = [
        html.el("span", text, cls="" if output is not None else "fh-dim", dir=html.direction(text)),
        html.el("span", score_text(score, data.grid.yes_no), cls="fh-score"),
    ]
    return html.join(parts, " ")  # apart also on GitHub, which takes all style away


def _cell_text(value: Any, limit: int = OUTPUT_SHOWN) -> str:
    return "" if is_missing(value) else one_line(value, limit)
