"""Summary rows of a comparison: one for each variant, or one for each value of a column and variant.

This is the only computation of a summary line, whether of a whole table, of thousands of slices, or of sums over
partitions. All slices are computed in one pass, in which a whole table is one slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.planning.plan import money
from fh_notebook.comparing.stats.correction import correct_mean
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.intervals import (
    NAN,
    Interval,
    Numbers,
    ScoreRange,
    interval_of_share,
    intervals_of_means,
)
from fh_notebook.comparing.stats.number_format import (
    MEDIAN_TIME,
    P95_TIME,
    ReportColumn,
    count_text,
    same,
    seconds_format,
    table_of,
)
from fh_notebook.core.text.formatting import figures


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryLine:
    """The numbers of one variant: those of the columns of `SUMMARY`, and others."""

    variant: str
    n: int
    """Scored runs."""
    missing: int
    """Runs without a score that did not fail."""
    failed: int
    mean: float
    ci_low: float
    ci_high: float
    median: float
    p50_s: float
    p95_s: float
    interval: str
    """The rule of the interval."""
    rows: int
    """Distinct rows that mean, median and interval are of."""
    charged: int
    """Runs that may have cost money."""
    macro_f1: float = NAN
    """Of the labels, where expected outputs are labels."""

    @classmethod
    def of(
        cls,
        variant: str,
        means: Numbers,
        seconds: Numbers,
        interval: Interval,
        *,
        n: int,
        missing: int,
        failed: int,
        charged: int,
    ) -> SummaryLine:
        """Return the line of a variant by the means of its rows, its seconds (NaN for none) and its counts."""
        known_seconds = seconds[~np.isnan(seconds)]
        p50_s, p95_s = np.quantile(known_seconds, [0.5, 0.95]) if len(known_seconds) else (NAN, NAN)
        return cls(
            variant=variant, n=n, missing=missing, failed=failed, charged=charged,
            mean=float(means.mean()) if len(means) else NAN, ci_low=interval.low, ci_high=interval.high,
            median=float(np.median(means)) if len(means) else NAN, p50_s=float(p50_s), p95_s=float(p95_s),
            interval=interval.rule, rows=len(means),
        )  # fmt: skip


SUMMARY: Final = (
    ReportColumn(name="variant", head="variant", dtype=None),
    ReportColumn(name="n", head="runs", format=same(count_text), dtype="int64"),
    ReportColumn(name="missing", head="not scored", format=same(count_text), dtype="int64"),
    ReportColumn(name="failed", head="failed", format=same(count_text), dtype="int64"),
    ReportColumn(name="mean", head="mean", format=figures, of_scores=True),
    ReportColumn(name="ci_low", head="95 % from", format=figures, of_scores=True),
    ReportColumn(name="ci_high", head="to", format=figures, of_scores=True),
    ReportColumn(name="median", head="median", format=figures, of_scores=True),
    ReportColumn(name="p50_s", head=MEDIAN_TIME, format=seconds_format),
    ReportColumn(name="p95_s", head=P95_TIME, format=seconds_format),
)
"""The columns of the summary: a new one is a line here, and shows in every table, display and report.

Its value is a field of `SummaryLine`, or computed from such fields (``value=``).
"""
SUMMARY_COLUMNS: Final = tuple(column.name for column in SUMMARY)


def cost_column(price: float) -> ReportColumn:
    """Return the column of what the runs cost, where a call has a price."""
    return ReportColumn(name="cost", head="cost", format=same(money), value=lambda line: price * line.charged)


MACRO_F1: Final = ReportColumn(name="macro_f1", head="macro F1", format=figures, of_scores=True)
"""The column of the mean F1 of all labels, where expected outputs are labels."""


def summary_columns(price: float | None, *, labels: bool = False) -> tuple[ReportColumn, ...]:
    """Return the columns of the summary: `SUMMARY`, ``macro_f1`` of labels, ``cost`` where a call has a price."""
    return (*SUMMARY, *((MACRO_F1,) if labels else ()), *(() if price is None else (cost_column(price),)))


def summary_table(lines: Sequence[SummaryLine], *, price: float | None = None) -> pd.DataFrame:
    """Return summary lines as a table with the columns of :func:`summary_columns`.

    ``attrs["interval"]`` names the rule of each variant's interval, ``attrs["rows"]`` how many rows it is over.
    """
    has_labels = any(line.macro_f1 == line.macro_f1 for line in lines)
    table = table_of(summary_columns(price, labels=has_labels), lines)
    table.attrs["interval"] = {line.variant: line.interval for line in lines}
    table.attrs["rows"] = {line.variant: line.rows for line in lines}
    return table


def summary_lines(
    lines: pd.DataFrame, variants: Sequence[str], slice_of: NDArray[np.intp] | None = None
) -> list[SummaryLine]:
    """Return the summary lines of scored runs: a line for each slice and variant, slice by slice."""
    if not variants:
        return []
    if slice_of is None:
        slice_of = np.zeros(len(lines), dtype=np.intp)
    return _SummaryCells(lines, slice_of, int(slice_of.max(initial=0)) + 1, variants).lines()


def corrected_lines(lines: Sequence[SummaryLine], judged: Grid, human: Grid) -> list[SummaryLine]:
    """Return summary lines whose means and intervals are corrected by human labels; the median stays the judge's."""
    corrected = (correct_mean(judged, human, line.variant) for line in lines)
    return [
        replace(line, mean=rows.mean, ci_low=rows.interval.low, ci_high=rows.interval.high, interval=rows.interval.rule)
        for line, rows in zip(lines, corrected, strict=True)
    ]


class _SummaryCells:
    """The lines, by slice and variant: a cell each."""

    def __init__(self, lines: pd.DataFrame, slice_of: NDArray[np.intp], slices: int, variants: Sequence[str]) -> None:
        self._lines, self._variants, self._slices = lines, variants, slices
        self._size = slices * len(variants)
        variant_index = pd.Index(list(variants)).get_indexer(pd.Index(lines["variant"]))
        self._cell_of = slice_of * len(variants) + variant_index
        scores = lines["score"].to_numpy(dtype="float64")
        self._scored = ~np.isnan(scores)
        with np.errstate(invalid="ignore"):
            other_counts = np.bincount(slice_of, self._scored & (scores != 0) & (scores != 1), minlength=slices)
        self._yes_no = (other_counts == 0) & (np.bincount(slice_of, self._scored, minlength=slices) > 0)

    def lines(self) -> list[SummaryLine]:
        """Return a summary line a cell."""
        failed = (self._lines["status"] == "failed").to_numpy(dtype=bool)
        counts = zip(
            *(
                self._count_by_cell(mask).tolist()
                for mask in (
                    self._scored, ~self._scored & ~failed, failed, self._lines["charged"].to_numpy(dtype=bool)
                )
            ),
            strict=True,
        )  # fmt: skip
        means, scored_lines = self._means()
        return [
            SummaryLine.of(variant, of_rows, seconds, interval, n=n, missing=missing, failed=bad, charged=charged)
            for variant, of_rows, seconds, interval, (n, missing, bad, charged) in zip(
                list(self._variants) * self._slices,
                means,
                self._split_by_cell(self._lines["seconds"].to_numpy(dtype="float64")),
                self._intervals(means, scored_lines),
                counts,
                strict=True,
            )
        ]

    def _count_by_cell(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(self._cell_of[mask], minlength=self._size).astype(np.int64)

    def _split_by_cell(self, values: Numbers) -> list[Numbers]:
        """Return the values of each cell."""
        order = np.argsort(self._cell_of, kind="stable")
        ends = np.cumsum(np.bincount(self._cell_of, minlength=self._size))[:-1]
        return np.split(values[order], ends)

    def _means(self) -> tuple[list[Numbers], NDArray[np.int64]]:
        """Return the means of rows in each cell, and how many scored lines are behind them, copies left out."""
        row_of, rows = pd.factorize(self._lines["cluster"])
        pairs = self._lines["pair"]
        scores = self._lines["score"].to_numpy(dtype="float64")
        has_copies = len(rows) < pairs.nunique(dropna=False)
        return Grid.by_cell(np.asarray(row_of), self._cell_of, scores, self._size, pairs=pairs if has_copies else None)

    def _intervals(self, means: Sequence[Numbers], scored_lines: NDArray[np.int64]) -> list[Interval]:
        intervals = [Interval(NAN, NAN, "none")] * self._size
        variant_count = len(self._variants)
        numbers = [cell for cell in range(self._size) if not self._yes_no[cell // variant_count]]
        stated = self._lines.attrs.get("bounds")
        ranges = [
            ScoreRange.of(means[begin : begin + variant_count], stated) for begin in range(0, self._size, variant_count)
        ]
        of_numbers = intervals_of_means(
            [means[c] for c in numbers], within=[ranges[c // variant_count] for c in numbers]
        )
        for cell, interval in zip(numbers, of_numbers, strict=True):
            intervals[cell] = interval
        for cell in range(self._size):
            if self._yes_no[cell // variant_count]:
                intervals[cell] = interval_of_share(means[cell], int(scored_lines[cell]))
        return intervals
