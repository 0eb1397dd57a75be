"""Display of a comparison in a notebook: summary, verdict and the rows that differ most, as text and as HTML.

What a model wrote is text, escaped and cut. The text version contains all that the page contains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from fh_notebook.batching.rendering import cell, frame_text, one_line
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.diff.json_diff import changes_of
from fh_notebook.comparing.plots.panels import distinct_texts
from fh_notebook.comparing.stats.correction import CORRECTED_RULE
from fh_notebook.comparing.stats.number_format import (
    ReportColumn,
    axis_ends,
    count_text,
    interval_text,
    percents,
    points_format,
    share_head,
    share_text,
)
from fh_notebook.comparing.stats.pairs import ALPHA, PAIRS, pairs_table, turned_line
from fh_notebook.comparing.stats.summary import MACRO_F1, summary_columns
from fh_notebook.comparing.tables import incomplete_rows
from fh_notebook.comparing.verdicts.best import best_groups_of, best_set_text
from fh_notebook.comparing.verdicts.classes import STYLE as CLASSES_STYLE
from fh_notebook.comparing.verdicts.classes import classes_shown
from fh_notebook.comparing.verdicts.verdict import MACRO_MARK, macro_note, notes_of, verdict_of, winner_of
from fh_notebook.contract.output import assets_of, excerpt, fields_of_excerpt, json_value
from fh_notebook.core.config import settings
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.redaction import MASK
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import figures, given_form
from fh_notebook.core.text.messages import PYTHON, Audience, counted

_NUMBERS: Final = ".fh-num.fh-num.fh-num"
"""Weighs more than html.STYLE, which other outputs of the page have again, behind this one."""
_NARROW: Final = ":is(.fh-summary,.fh-pairs)"
"""Blocks around tables whose cells break where the page is narrow."""
NUMBERS_CSS: Final = (
    # A shade at the right says that there is more: the first layer moves with the table and hides it at the end.
    f"{_NUMBERS}{{--g:var(--fh-ground,var(--jp-layout-color0,var(--vscode-editor-background,var(--bg,Canvas))));"
    "background:linear-gradient(270deg,var(--g) 40%,transparent) 100%/40px 110% "
    "no-repeat local,linear-gradient(270deg,#80808099,transparent) 100%/14px 100% no-repeat}"
    f"{_NUMBERS} th{{vertical-align:bottom;white-space:normal}}{_NUMBERS} td{{white-space:nowrap}}"
    f"{_NUMBERS} :is(td,th):not(:first-child){{text-align:right;font-variant-numeric:tabular-nums}}"
    # What a line is of stays in sight where the others are scrolled, on the ground of the page.
    f"{_NUMBERS} :is(td,th):first-child{{position:sticky;left:0;z-index:1;background:var(--g)}}"
    f"{_NUMBERS} :is(td,th){{line-height:1.3}}"
    f"{_NUMBERS}.fh-named :is(td,th):nth-child(2){{text-align:left}}"
    f"{_NUMBERS} td:first-child{{overflow-wrap:anywhere;white-space:normal;min-width:12em}}"
    f"{_NUMBERS} td:first-child>span{{display:inline-block;max-width:28em}}"
    ".fh-scale{display:flex;justify-content:flex-end;align-items:center;gap:0 12px}th .fh-scale{align-items:flex-end}"
    ".fh-scale :is(.fh-interval,.fh-axis){flex:none;width:140px}"
    ".fh-scale .fh-interval{height:18px;display:block;margin:-2px 0;overflow:visible}"
    ".fh-star{list-style:none;text-indent:-.9em}"
    ".fh-axis{display:flex;justify-content:space-between;font-weight:400;font-size:12px;"
    "color:var(--jp-ui-font-color2,var(--dim,inherit))}"
    f"{_NARROW}{{container-type:inline-size}}"
    f"@container (max-width:900px){{{_NARROW} {_NUMBERS} :is(td,th){{padding-right:8px;white-space:normal}}"
    f".fh-summary {_NUMBERS} td:first-child{{min-width:0}}.fh-pairs {_NUMBERS} td:first-child{{min-width:7em}}"
    f"{_NARROW} .fh-num bdi+bdi{{display:block}}"
    ".fh-scale{flex-direction:column;align-items:flex-end}.fh-scale :is(.fh-interval,.fh-axis){width:96px}}"
    f"@container (max-width:700px){{.fh-pairs {_NUMBERS}{{font-size:12px}}"
    f".fh-pairs {_NUMBERS} :is(td,th){{padding-right:8px;min-width:0}}.fh-pairs {_NUMBERS} td:first-child"
    f"{{min-width:0}}.fh-pairs {_NUMBERS} td:last-child{{white-space:nowrap}}"
    # Below its name, it begins where that does.
    ".fh-summary .fh-best{margin-left:16px}}"
)
"""The style of tables of numbers here and in a report: an axis stands beside its interval, where it is narrow below."""

# A scroll bar that a style draws stays where the system would hide its own.
NUMBERS_STYLE: Final = html.Html(
    "<style>.fh .fh-num::-webkit-scrollbar,.fh .fh-cells::-webkit-scrollbar{height:8px}"
    ".fh .fh-num::-webkit-scrollbar-thumb,.fh .fh-cells::-webkit-scrollbar-thumb"
    f"{{background:var(--jp-border-color1,currentColor);border-radius:4px}}{NUMBERS_CSS}</style>"
)
"""The style of tables of numbers, beside html.STYLE."""

# Beside html.STYLE. A bar says no more than the two numbers beside it.
STYLE: Final = html.Html(
    f"{NUMBERS_STYLE}<style>"
    ".fh .fh-table .fh-ruled td{border-bottom:2px solid currentColor}.fh .fh-set{margin:2px 0 8px}"
    f".fh .fh-say{{{html.HEADLINE}}}"
    ".fh .fh-about{font-size:12px;margin:0 0 8px}"
    ".fh .fh-notes{margin:4px 0;padding-left:1.2em;max-width:70em}"
    ".fh .fh-part{font-weight:600;margin:16px 0 4px;overflow-wrap:anywhere}"
    ".fh .fh-cells td{max-width:32em;overflow-wrap:anywhere}.fh .fh-cells td:not(:first-child){min-width:5em}"
    ".fh-score{display:block;font-size:12px;font-variant-numeric:tabular-nums;"
    "color:var(--jp-ui-font-color2,inherit)}"
    f"{html.BEST_CSS}</style>{CLASSES_STYLE}"
)


def title(data: ComparisonData) -> str:
    """Return the title of a comparison in one line."""
    return title_of(data.variants, data.rows_text, data.scorer)


def about(data: ComparisonData) -> str:
    """Return the title with what its score means, and which rows its numbers are of."""
    criterion = f": {data.runs.criterion}" if data.runs.criterion else ""
    return f"Comparison of {title(data)}{criterion}{_paired_note(data)}"


def title_of(variants: Sequence[str], rows: str, scorer: str) -> str:
    """Return a title with the number of variants, the rows and the scorer in one line."""
    return f"{counted(len(variants), 'variant')} on {rows}{f' by {scorer}' if scorer else ''}"


def comparison_text(data: ComparisonData) -> str:
    differences, table = differing(data)
    given = (str(data.pair_on), *table.attrs.get("asked", ()), "expected_output", "corrected_from")
    table = table.rename(columns=str)  # what is paired on may be called 5
    no_corrections = ["corrected_from"] if "corrected_from" in table and table["corrected_from"].isna().all() else []
    hidden = ("outputs_differ", "scores_differ", *no_corrections)
    columns = [c for c in table.columns if c not in hidden and not c.endswith(".seconds")]
    classes = classes_shown(data)
    labels = classes.text() if classes else ""
    rows = frame_text(table, columns, given=given)
    return "\n".join(part for part in (summary_text(data), labels, differences, rows) if part)


def summary_text(data: ComparisonData, audience: Audience = PYTHON) -> str:
    """Return the sentences and the summary as text, without any row, as `audience` reads them."""
    masked = data.runs.secret().masked  # a scorer's error may repeat what a run was sent
    facts = SummaryData.of(data)
    head, lines = summary_cells(facts)
    parts = (
        masked(verdict_of(data)),
        about(data),
        frame_text(pd.DataFrame(lines, columns=head), head),
        facts.best_set,
        *map(masked, notes_of(data, audience)),
    )
    return "\n".join(part for part in parts if part)


def comparison_html(data: ComparisonData, audience: Audience = PYTHON) -> html.Html:
    """Return a comparison as HTML, as `audience` reads it."""
    differences, table = differing(data)
    rows = rows_html(data, table) if len(table) else None
    if rows and "<b>" in rows:
        differences = f"{differences.removesuffix(':')}, with the fields that differ in bold:"
    masked = data.runs.secret().masked
    return html.el(
        "div",
        html.STYLE,
        STYLE,
        html.sentence("div", masked(verdict_of(data)), data.variants, cls="fh-say"),
        html.el("div", about(data), cls="fh-about fh-dim"),
        summary_html(SummaryData.of(data)),
        notes_html(data, audience, cls="fh-notes fh-dim"),
        tests_html(data),
        classes_html(data),
        html.el("div", differences, cls="fh-part") if differences else None,
        rows,
        cls="fh",
    )


def notes_html(data: ComparisonData, audience: Audience, *, cls: str) -> html.Html | None:
    """Return the notes as a list; one that begins with the mark of a heading has it in place of a bullet."""
    masked = data.runs.secret().masked
    notes = [
        html.sentence("li", masked(note), data.variants, cls="fh-star" if note.startswith(MACRO_MARK.strip()) else "")
        for note in notes_of(data, audience)
    ]
    return html.el("ul", *notes, cls=cls) if notes else None


def _paired_note(data: ComparisonData) -> str:
    """Return which rows the table counts where the sentence above it may count fewer; nothing where it does not."""
    counts = {line.rows for line in data.summary_lines} | {pair.n for pair in data.pairs}
    is_told = data.scorer and len(data.variants) > 1 and len(counts) > 1
    return ". The table counts each variant on all rows where it has a score." if is_told else ""


# --- the summary


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells that a display shows in place of a column's own: none, one or several."""

    heads: Sequence[Any] = ()
    values: Callable[[Mapping[Any, Any]], Sequence[Any]] = lambda line: ()


def shown_table(
    columns: Iterable[ReportColumn], table: pd.DataFrame, instead: Mapping[str, Cells]
) -> tuple[list[Any], list[list[Any]]]:
    """Return the heads and the cells of a table: each column's heading and texts, or other cells `instead`."""
    heads: list[Any] = []
    lines: list[list[Any]] = [[] for _ in range(len(table))]
    for column in columns:
        cells = instead.get(column.name)
        heads += (column.head,) if cells is None else cells.heads
        values = (
            [[text] for text in column.texts(table[column.name].tolist())]
            if cells is None
            else map(cells.values, table.to_dict("records"))
        )
        for line, shown in zip(lines, values, strict=True):
            line += shown
    return heads, lines


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryData:
    """What the table of a summary is made of: of one table of runs, or of many partitions."""

    summary: pd.DataFrame
    """The columns of the summary and ``rows``, best first."""
    colours: Mapping[str, str]
    """Of the variants."""
    winner: str | None
    yes_no: bool
    is_scored: bool
    lower: bool
    """Whether a lower score is the better one."""
    macro_note: str = ""
    """What moves macro F1 more than a row's share of it; empty where nothing does."""
    is_corrected: bool = False
    """Whether means are corrected by labels: then a share is of no number of rows."""
    runs: Mapping[str, int]
    """Runs of each variant, whatever came of them."""
    completed: Mapping[str, int]
    groups: Mapping[str, int] = field(default_factory=dict)
    """The group of each variant: those of the first cannot be told apart from the best. Empty where none are told."""

    @property
    def best_set(self) -> str:
        """Which variants cannot be told apart from the best, in a sentence; empty where it is one, or two in all."""
        return best_set_text({v: self.groups[v] for v in self.summary["variant"] if v in self.groups})

    @property
    def lines_above(self) -> int:
        """Lines of the summary above the rule that parts the best variants from those behind; 0 without a rule."""
        first = [self.groups.get(variant) == 1 for variant in self.summary["variant"]]
        return sum(first) if self.best_set and not all(first) else 0

    @classmethod
    def of(cls, data: ComparisonData) -> SummaryData:
        """Return that of a comparison."""
        lines, groups = data.lines, best_groups_of(data)
        summary = tables.leaderboard(data)
        in_groups = summary["variant"].map(lambda variant: groups.get(variant, len(groups) + 1)).argsort(kind="stable")
        return cls(
            summary=summary.iloc[in_groups].reset_index(drop=True),
            groups=groups,
            colours=data.colours,
            winner=winner_of(data),
            yes_no=data.is_share,
            is_scored=bool(data.scorer),
            lower=data.lower,
            macro_note=macro_note(data),
            is_corrected=data.label_grid is not None,
            runs=_counts(lines["variant"]),
            completed=_counts(lines["variant"][lines["status"] == "completed"]),
        )


def _counts(variants: pd.Series[Any]) -> dict[str, int]:
    return {str(variant): int(count) for variant, count in variants.value_counts().items()}


@dataclass(frozen=True, slots=True)
class ScoreFormat:
    """How the scores of a summary are written, and drawn: as numbers, or as shares of rows that are right."""

    text: Callable[[float], str]
    low: float
    high: float

    @classmethod
    def of(cls, facts: SummaryData) -> ScoreFormat:
        """Return the scale of all scores and intervals of a summary."""
        summary = facts.summary
        if facts.yes_no:
            return cls(percents(int(summary["rows"].max())), 0.0, 1.0)
        numbers = [x for x in summary[["mean", "ci_low", "ci_high"]].to_numpy().ravel() if math.isfinite(x)]
        return cls(figures(numbers), *axis_ends(numbers))

    def interval(self, line: Mapping[Any, Any]) -> str:
        """Return the interval of a line; nothing where there is none."""
        return interval_text(self.text, line["ci_low"], line["ci_high"]) if line["n"] else ""


def summary_cells(facts: SummaryData, *, drawn: bool = False) -> tuple[list[Any], list[list[Any]]]:
    """Return the heads and the cells of the summary, the best variant first and marked."""
    summary, scale, colours = facts.summary, ScoreFormat.of(facts), facts.colours

    def name(line: Mapping[Any, Any]) -> Any:
        variant, is_best = line["variant"], line["variant"] == facts.winner
        if not drawn:
            return f"{variant} (best)" if is_best else variant
        return html.best_name(colours[variant], variant, is_best=is_best)

    def bar(line: Mapping[Any, Any]) -> html.Html:
        return interval_svg(line, scale, colours[line["variant"]])

    text = html.in_two if drawn else str
    instead = {
        "variant": Cells(("variant",), lambda line: (name(line),)),
        "ci_low": Cells(
            (
                _scaled("95 % interval", html.el("span", *_axis_ends(scale, is_share=facts.yes_no), cls="fh-axis"))
                if drawn
                else "95 % interval",
            ),
            lambda line: (_scaled(scale.interval(line), bar(line)) if drawn else scale.interval(line),),
        ),
        "ci_high": Cells(),
        "failed": Cells(("failed",), lambda line: (text(_failed_text(facts, line)),)),
    }
    if facts.yes_no:
        instead |= {
            "mean": Cells(
                (f"{share_head(lower=facts.lower)}{', corrected' if facts.is_corrected else ''}",),
                lambda line: (scale.text(line["mean"]) if facts.is_corrected else text(_share_text(line, scale)),),
            ),
            "median": Cells(),
            "n": Cells(),
        }
    else:
        instead["mean"] = Cells(("mean",), lambda line: (scale.text(line["mean"]),))
    if facts.macro_note:
        f1 = MACRO_F1.format(summary[MACRO_F1.name].tolist())
        instead[MACRO_F1.name] = Cells((MACRO_F1.head + MACRO_MARK,), lambda line: (f1(line[MACRO_F1.name]),))
    if not summary["missing"].any():
        instead["missing"] = Cells()
    if not facts.is_scored:
        instead["n"] = Cells(("runs",), lambda line: (count_text(facts.completed.get(line["variant"], 0)),))
    columns = shown_columns(scored=facts.is_scored, labels="macro_f1" in summary)
    return shown_table(columns, summary, instead)


def _scaled(text: str, drawn: html.Html) -> html.Html:
    """Return a text with what is drawn on the axis of its column."""
    return html.el("div", html.el("span", text), " ", drawn, cls="fh-scale")


def shown_columns(*, scored: bool = True, labels: bool = False) -> list[ReportColumn]:
    """Return the columns of the summary in the order of a display: the scores before the counts and seconds."""
    first, *others = summary_columns(settings.current().price_per_call, labels=labels)
    scores = [column for column in others if column.of_scores]
    return [first, *(scores if scored else ()), *(column for column in others if not column.of_scores)]


def summary_html(facts: SummaryData) -> html.Html:
    """Return the summary as a table with intervals drawn beside their numbers, ruled below the best variants."""
    above = facts.lines_above
    classes = [*[""] * (above - 1), "fh-ruled"] if above else []
    table = html.table(*summary_cells(facts, drawn=True), cls="fh-table fh-num", row_classes=classes)
    best_set = html.sentence("div", facts.best_set, facts.colours, cls="fh-dim fh-set") if facts.best_set else None
    return html.el("div", table, best_set, cls="fh-summary")


RULES: Final = {
    "blaker": "Blaker's exact interval of a share",
    "blaker, clustered": "Blaker's exact interval of a share, repeats of a row as a cluster",
    "tango": "Tango's score interval of paired shares",
    "tango, clustered": "Tango's score interval of paired shares, repeats of a row as a cluster",
    "t": "Student's t (fewer than 40 rows)",
    "bca": "BCa bootstrap of rows (2,000 resamples, fixed seed)",
    "bca, widened": "BCa bootstrap of rows (2,000 resamples, fixed seed), widened for fewer than 40 rows",
    "bca, analytic": "limit of the BCa bootstrap of rows (more than 5,000 rows)",
    "normal": "normal (more than 5,000 rows)",
    "all equal": "Student's t with one more row, since all scores are equal",
}


def rules_text(data: ComparisonData) -> str:
    """Return how the intervals of the summary were computed, in one sentence; empty without a score."""
    rules = _rules([line.interval for line in data.summary_lines])
    of = "over rows" if data.label_grid is None else "of the labels, moved and narrowed by the judge"
    return f"95 % intervals {of}: {rules}." if data.scorer and rules else ""


def _rules(names: Iterable[str]) -> str:
    """Return the rules by which intervals were computed, in words."""
    return ", ".join(RULES[name.removeprefix(CORRECTED_RULE)] for name in sorted(set(names) - {"none"}))


def pairs_notes(pairs: pd.DataFrame) -> list[str]:
    """Return what the columns of the pairs are, and how their intervals were computed, in sentences."""
    rules, tests = _rules(pairs["interval"]), pairs["test"].unique()
    corrected = ", corrected for the number of pairs (Holm)" if len(pairs) > 1 else ""
    return [
        "All figures are of the rows where both variants have a score; differences are computed before rounding.",
        f"p: the chance of a difference at least this large if both were equally good{corrected}; a difference is "
        f"significant below {ALPHA:g} where its 95 % interval does not include 0.",
        *([f"Test: {TESTS[tests[0]]}."] if len(tests) == 1 else []),
        *([f"95 % intervals of the differences: {rules}."] if rules else []),
    ]


MORE_OF_PAIRS: Final = (
    "The DataFrame itself has the variants as a and b, with difference = b - a and wins of b, and more "
    "columns: p (of each pair alone, not corrected), effect (rank-biserial correlation, \N{MINUS SIGN}1 to 1), "
    "p_permutation (p by a permutation test)."
)


def _share_text(line: Mapping[Any, Any], scale: ScoreFormat) -> str:
    """Return the share of rows that are right, and how many of how many; of repeats, on how many rows and runs."""
    if not line["n"]:
        return ""
    if line["rows"] != line["n"]:
        return f"{scale.text(line['mean'])} ({counted(line['rows'], 'row')}, {counted(line['n'], 'run')})"
    return share_text(scale.text, line["mean"], line["rows"])


def _failed_text(facts: SummaryData, line: Mapping[Any, Any]) -> str:
    if not line["failed"]:
        return "0"
    return f"{line['failed']:,} ({100 * line['failed'] / facts.runs[line['variant']]:.1f} %)"


def _axis_ends(scale: ScoreFormat, *, is_share: bool) -> tuple[Any, ...]:
    """Return the labels at the ends of the axis."""
    low, high = (f"{100 * end:g} %" if is_share else f"{end:g}" for end in (scale.low, scale.high))
    return html.el("span", low), " ", html.el("span", high)


def interval_svg(line: Mapping[Any, Any], scale: ScoreFormat, colour: str) -> html.Html:
    """Return a mean and its interval as a tick on a bar on the scale; nothing where there is none.

    It is drawn by attributes: the policy of a report refuses styles in place.
    """
    mean, length = line["mean"], scale.high - scale.low
    if not math.isfinite(mean):
        return html.join([])
    ends = [x if math.isfinite(x) else mean for x in (line["ci_low"], mean, line["ci_high"])]
    low, middle, high = (f"{100 * min(max((x - scale.low) / length, 0.0), 1.0):.1f}%" for x in ends)
    return html.el(
        "svg",
        html.el("line", x1="0%", x2="100%", y1=9, y2=9, stroke="currentColor", opacity="0.25"),
        html.el("line", x1=low, x2=high, y1=9, y2=9, stroke=colour, stroke_width=6, opacity="0.65"),
        html.el("line", x1=middle, x2=middle, y1=3, y2=15, stroke=colour, stroke_width=3),
        cls="fh-interval",
        width=140,
        height=18,
        role="img",
        aria_label=f"{scale.text(mean)}, from {scale.text(ends[0])} to {scale.text(ends[2])}",
    )


# --- the tests


def tests_html(data: ComparisonData) -> html.Html | None:
    """Return the pairs with their tests, and the rules of the intervals, folded; nothing without a score."""
    if not data.scorer or not data.summary_lines or not (table := pairs_html(data)):
        return None
    notes = [html.el("li", text) for text in (*pairs_notes(pairs_table(data.pairs)), rules_text(data))]
    rules = html.el("ul", *notes, cls="notes fh-notes fh-dim")
    return html.fold(f"Significance tests ({counted(len(data.pairs), 'pair')})", table, rules)


def classes_html(data: ComparisonData) -> html.Html | None:
    """Return precision, recall and F1 of each label, and the confusion tables, folded; nothing without labels."""
    classes = classes_shown(data)
    if classes is None:
        return None
    return html.fold(f"Labels ({len(classes.labels):,}): precision, recall, F1, confusion", *classes.parts_html())


def pairs_html(data: ComparisonData) -> html.Html | None:
    """Return the pairs as a table; nothing where there is none."""
    if not data.scorer or not data.pairs:
        return None
    table = html.table(*pairs_cells(pairs_table(data.pairs), data, drawn=True), cls="fh-table fh-num")
    return html.el("div", table, cls="fh-pairs")


def pairs_cells(pairs: pd.DataFrame, data: ComparisonData, *, drawn: bool = False) -> tuple[list[Any], list[list[Any]]]:
    """Return the heads and the cells of the pairs of a comparison, the pairs of the best variant first.

    Where a difference is written, so are its ends, in one format: of shares in percentage points, and the shares are
    written, too. `drawn` cells break before their brackets alone.
    """
    broken = html.in_two if drawn else str
    interval = "95\N{NO-BREAK SPACE}% interval" if drawn else "95 % interval"
    pairs = _pairs_best_first(pairs, data)
    differences = [*pairs["ci_low"], *pairs["ci_high"], *pairs["difference"]]
    text = points_format(differences) if data.is_share else figures(differences)
    instead = {
        "a": Cells(("first − second",), lambda line: (pair_name(line, drawn=drawn),)),
        **dict.fromkeys(("b", "n", "mean_a", "mean_b", "ci_low", "ci_high", "ties", "losses"), Cells()),
        # One p is read: the corrected one. The others are in the DataFrame.
        **dict.fromkeys(("p", "effect", "p_permutation"), Cells()),
        "difference": Cells(
            (f"difference{' in points' if data.is_share else ''} ({interval})",),
            lambda line: (broken(f"{text(line['difference'])}{_pair_interval(line, text)}"),),
        ),
        "wins": Cells(("won / tied / lost",), lambda line: (broken(" / ".join(count_text(line[x]) for x in _COUNTS)),)),
        # One that is the same for all pairs is said below the table.
        "test": Cells(("test",), lambda line: (TESTS[line["test"]],)) if pairs["test"].nunique() > 1 else Cells(),
        "interval": Cells(("rows",), lambda line: (count_text(line["n"]),)),  # the rules are said below the table
    }
    if data.is_share:
        right, share = share_head(lower=data.lower), percents(int(pairs["n"].max()))
        # A share of repeats, or one that labels correct, is of no number of rows.
        is_counted = data.label_grid is None and all(line.rows == line.n for line in data.summary_lines)

        def cell_of(mean: str) -> Callable[[Mapping[Any, Any]], Sequence[Any]]:
            return lambda line: (broken(share_text(share, line[mean], line["n"]) if is_counted else share(line[mean])),)

        instead |= {
            "mean_a": Cells((f"first {right}",), cell_of("mean_b")),
            "mean_b": Cells((f"second {right}",), cell_of("mean_a")),
        }
        instead |= {"interval": Cells()} if is_counted else {}
    return shown_table(PAIRS, pairs, instead)


def pair_name(line: Mapping[Any, Any], *, drawn: bool) -> str:
    """Return the variants of a pair, `b` less `a`; `drawn`, each in its own direction and the two from the left."""
    if not drawn:
        return f"{line['b']} − {line['a']}"
    second = line["a"]
    less = html.el("span", "− ", html.unbroken(second), cls="fh-unbroken" if len(second) <= html.NAME_UNBROKEN else "")
    return html.el("span", html.unbroken(line["b"]), " ", less, dir="ltr")


def _pairs_best_first(pairs: pd.DataFrame, data: ComparisonData) -> pd.DataFrame:
    """Return the pairs by their better variant, then by the other one; the dates of a variant keep their order."""
    if data.variant_pairs is not None:
        return pairs
    ranks = {variant: rank for rank, variant in enumerate(tables.leaderboard(data)["variant"])}

    def rank(line: Mapping[Any, Any]) -> tuple[int, int]:
        return ranks.get(line["b"], len(ranks)), ranks.get(line["a"], len(ranks))

    lines = [min(line, turned_line(line), key=rank) for line in pairs.to_dict("records")]
    lines.sort(key=rank)
    return pd.DataFrame(lines, columns=pairs.columns)


def _pair_interval(line: Mapping[Any, Any], text: Callable[[float], str]) -> str:
    """Return the interval of a difference in brackets, behind it; nothing where there is none."""
    limits = interval_text(text, line["ci_low"], line["ci_high"]) if line["n"] > 1 else ""
    return f" ({limits})" if limits else ""


_COUNTS: Final = ("wins", "ties", "losses")
"""Of the rows, those that the first of a pair wins, that are equal, and that the second wins."""

TESTS: Final = {
    "mcnemar_exact": "McNemar, exact",
    "wilcoxon": "Wilcoxon",
    "sign": "sign test, exact",
    "none": "none (fewer than 6 pairs)",
    "corrected": "interval of the corrected difference",
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
    what = "scores" if by == "score" else "outputs"
    differ = f"{what.capitalize()} differ on {counted(count, 'row')}"
    if by == "score" and data.has_outputs:
        differ += f", outputs on {tables.count_differing_outputs(data):,}"
    sentences = [f"{differ}.", _incomplete_text(data, by), _shown_text(data, what, len(table), count)]
    return " ".join(filter(None, sentences)), _with_inputs(data, table.reset_index(drop=True))


def _incomplete_text(data: ComparisonData, by: Literal["score", "output"]) -> str:
    """Return on how many rows a variant lacks what is compared, in a sentence; empty where none does."""
    if not (count := incomplete_rows(data, by)):
        return ""
    lines = data.lines
    has_failed = by == "score" and bool((lines["score"].isna() & (lines["status"] == "failed")).any())
    lacks = "has no output" if by == "output" else "failed or has no score" if has_failed else "has no score"
    return f"On {counted(count, 'row')} at least one variant {lacks}."


def _shown_text(data: ComparisonData, what: str, shown: int, count: int) -> str:
    """Return which of the rows that differ stand below, with a colon; empty where none does."""
    if not shown:
        return ""
    if shown == count:
        return f"The rows whose {what} differ:" if count > 1 else f"The row whose {what} differ:"
    has_sizes = what == "scores" and not data.grid.yes_no  # right and wrong differ by 1 everywhere
    return (
        f"The {shown} rows whose {what} differ most:" if has_sizes else f"The first {shown} rows whose {what} differ:"
    )


def _with_inputs(data: ComparisonData, table: pd.DataFrame) -> pd.DataFrame:
    """Return the lines with input columns after the label, all cells masked."""
    table.attrs["asked"] = []
    if table.empty:
        return table
    rows = list(table[data.pair_on])
    masks = data.runs.secret().masks()
    outputs = [f"{variant}.output" for variant in data.variants]
    for name in (*outputs, *(name for name in ("expected_output", "corrected_from") if name in table)):
        table[name] = pd.Series(masks.many(rows, table[name].tolist()), dtype=object, index=table.index)
    places: dict[Any, int] = {}
    pairs = data.lines["pair"]
    for position in np.flatnonzero(pairs.isin(rows)).tolist():
        places.setdefault(pairs.iat[position], position)
    input_columns: list[str] = []
    for name in data.leading_columns:
        if len(input_columns) == INPUTS_SHOWN:
            break
        head = name.removeprefix("in.")
        cells = masks.many(rows, data.runs.cells(name, [places[row] for row in rows]))
        if head not in table and set(map(str, cells)) != {MASK}:
            table.insert(1 + len(input_columns), head, pd.Series(cells, dtype=object, index=table.index))
            input_columns.append(head)
    table.attrs["asked"] = input_columns
    return table


def best_first(data: ComparisonData) -> list[str]:
    """Return the variants in the order of the summary, for the rows below it."""
    variants: list[str] = tables.leaderboard(data)["variant"].tolist()
    return variants


def rows_html(data: ComparisonData, table: pd.DataFrame) -> html.Html:
    """Return rows with the variants beside each other, the score under each output."""
    expected = "expected_output" in table
    input_columns = table.attrs["asked"]
    variants = best_first(data)
    names = [data.pair_on, *input_columns, *(["expected"] if expected else []), *variants]
    heads = [
        *names[: -len(variants)],
        *(
            html.swatch_name(data.colours[name], text, title=name if text != name else "")
            for name, text in distinct_texts(variants, html.NAME_UNBROKEN).items()
        ),
    ]
    lines = []
    forms = {name: given_form(table[name]) for name in input_columns}
    for line in table.to_dict("records"):
        cells: list[Any] = [
            one_line(line[data.pair_on], 40),
            *(html.ids_unbroken(cell(line[name], ASKED_SHOWN, form)) for name, form in forms.items()),
        ]
        cells += [_expected_html(data, line)] if expected else []
        outputs = [_read(line[f"{variant}.output"], data.runs.scored_path) for variant in variants]
        marked = _fields_apart([output for output in outputs if isinstance(output, Mapping)])
        cells += [
            _answer_html(data, output, line.get(f"{variant}.score", float("nan")), marked)
            for variant, output in zip(variants, outputs, strict=True)
        ]
        lines.append(cells)
    return html.stacked(names, lines, heads=heads, cls="fh-table fh-cells")


def _expected_html(data: ComparisonData, line: dict[Any, Any]) -> html.Html:
    expected = line["expected_output"]
    text = html.ids_unbroken("" if is_missing(expected) else excerpt(expected, OUTPUT_SHOWN))
    mark = data.runs.correction_mark(line[data.pair_on])
    return html.join([html.el("span", text), html.el("span", mark, cls="fh-score")], " ") if mark else text


def _read(output: Any, path: Sequence[str | int]) -> Any:
    """Return an output for its words: of JSON its value, of an object the scored part first, as in other views."""
    value = json_value(output)
    if value is None:
        return output
    return {path[0]: value[path[0]], **value} if isinstance(value, Mapping) and path and path[0] in value else value


def _fields_apart(objects: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the fields in which objects differ; a model may have written NaN, which equals itself here."""

    def differs(name: str) -> bool:
        first, *others = ({name: value[name]} if name in value else {} for value in objects)
        return not all(changes_of(first, other, most=1).same for other in others)

    return frozenset(filter(differs, dict.fromkeys(name for value in objects for name in value)))


def _words_html(output: Any, text: str, marked: Set[str]) -> html.Html:
    """Return the words of an output, of an object those of its `marked` fields bold."""
    if not marked or not isinstance(output, Mapping) or not output or assets_of(output):
        return html.ids_unbroken(text)
    pieces = ((name in marked, html.ids_unbroken(words)) for name, words in fields_of_excerpt(output, text))
    return html.join([html.el("b", words) if is_marked else words for is_marked, words in pieces], ", ")


def _answer_html(data: ComparisonData, output: Any, score: float, marked: Set[str]) -> html.Html:
    text = ("" if is_missing(output) else excerpt(output, OUTPUT_SHOWN)) or ("no output" if score != score else "")
    parts = [
        html.el(
            "span",
            _words_html(output, text, marked),
            cls="" if output is not None else "fh-dim",
            dir=html.direction(text),
        ),
        html.el("span", data.score_text.alone(score), cls=f"fh-score {score_class(score, data.is_right_or_wrong)}"),
    ]
    return html.join(parts, " ")  # apart also on GitHub, which takes all style away


def score_class(score: float, is_right_or_wrong: bool) -> str:
    """Return the class by which a right or a wrong answer has its colour."""
    return {1.0: "fh-yes", 0.0: "fh-no"}.get(score, "") if is_right_or_wrong else ""
