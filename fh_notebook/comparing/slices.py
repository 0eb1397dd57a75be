"""The summary of each value of a column: as many lines as there are values and variants, thousands perhaps.

Rule of this file: it says what `summary_table` says of the lines of one value, in one pass over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.cells import object_series
from fh_notebook.comparing.grid import Grid
from fh_notebook.comparing.intervals import NAN, Interval, Numbers, interval_of_share, intervals_of_means
from fh_notebook.comparing.ranges import ScoreRange
from fh_notebook.comparing.tables import COUNTS, SUMMARY_COLUMNS, seconds_of, spelt
from fh_notebook.values import ColumnName

__all__ = ["slice_table"]


def slice_table(
    lines: pd.DataFrame, values: pd.Series[Any], by: ColumnName, variants: Sequence[str], *, price: float | None = None
) -> pd.DataFrame:
    """Return one line a value of a column and variant: `by`, then the columns of the summary."""
    shown = list(values)
    texts = np.empty(len(shown), dtype=object)  # by places: Arrow refuses texts with half a character
    texts[:] = [spelt(value) for value in shown]
    slice_of, found = pd.factorize(texts)
    first = np.unique(slice_of, return_index=True)[1]
    if not len(found):
        return pd.DataFrame(columns=[by, *SUMMARY_COLUMNS])
    table = _Cells(lines, np.asarray(slice_of), len(found), variants).table(price)
    table.insert(0, by, object_series([shown[place] for place in first for _ in variants]))
    return table


class _Cells:
    """The lines, by slice and variant: a cell each."""

    def __init__(self, lines: pd.DataFrame, slice_of: NDArray[np.intp], slices: int, variants: Sequence[str]) -> None:
        self._lines, self._variants, self._slices = lines, variants, slices
        self._size = slices * len(variants)
        place = pd.Index(list(variants)).get_indexer(pd.Index(lines["variant"]))
        self._cell_of = slice_of * len(variants) + place
        scores = lines["score"].to_numpy(dtype="float64")
        self._scored = ~np.isnan(scores)
        with np.errstate(invalid="ignore"):
            other = np.bincount(slice_of, self._scored & (scores != 0) & (scores != 1), minlength=slices)
        self._yes_no = (other == 0) & (np.bincount(slice_of, self._scored, minlength=slices) > 0)

    def table(self, price: float | None) -> pd.DataFrame:
        """Return the columns of the summary, a line a cell."""
        failed = (self._lines["status"] == "failed").to_numpy(dtype=bool)
        means = self._means()
        intervals = self._intervals(means)
        seconds = [seconds_of(part) for part in self._parts(self._lines["seconds"].to_numpy(dtype="float64"))]
        columns: dict[str, Any] = {
            "variant": list(self._variants) * self._slices,
            "n": self._count(self._scored),
            "missing": self._count(~self._scored & ~failed),
            "failed": self._count(failed),
            "mean": [float(part.mean()) if len(part) else NAN for part in means],
            "ci_low": [interval.low for interval in intervals],
            "ci_high": [interval.high for interval in intervals],
            "median": [float(np.median(part)) if len(part) else NAN for part in means],
            "p50_s": [p50_s for p50_s, _ in seconds],
            "p95_s": [p95_s for _, p95_s in seconds],
        }
        if price is not None:
            charged = "charged" in self._lines
            columns["cost"] = price * self._count(self._lines["charged"].to_numpy(dtype=bool)) if charged else NAN
        table = pd.DataFrame(columns)
        return table.astype({**dict.fromkeys(COUNTS, "int64"), **dict.fromkeys(table.columns[4:], "float64")})

    def _count(self, which: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(self._cell_of[which], minlength=self._size).astype(np.int64)

    def _parts(self, values: Numbers) -> list[Numbers]:
        """Return the values of each cell."""
        order = np.argsort(self._cell_of, kind="stable")
        ends = np.cumsum(np.bincount(self._cell_of, minlength=self._size))[:-1]
        return np.split(values[order], ends)

    def _means(self) -> list[Numbers]:
        """Return the means of rows in each cell."""
        row_of = np.asarray(pd.factorize(self._lines["cluster"])[0])
        return Grid.by_cell(row_of, self._cell_of, self._lines["score"].to_numpy(dtype="float64"), self._size)

    def _intervals(self, means: Sequence[Numbers]) -> list[Interval]:
        lines = self._count(self._scored)
        found = [Interval(NAN, NAN, "none")] * self._size
        many = len(self._variants)
        numbers = [cell for cell in range(self._size) if not self._yes_no[cell // many]]
        stated = self._lines.attrs.get("bounds")
        ranges = [ScoreRange.of(means[begin : begin + many], stated) for begin in range(0, self._size, many)]
        of_numbers = intervals_of_means([means[c] for c in numbers], within=[ranges[c // many] for c in numbers])
        for cell, interval in zip(numbers, of_numbers, strict=True):
            found[cell] = interval
        for cell in range(self._size):
            if self._yes_no[cell // many]:
                found[cell] = interval_of_share(means[cell], int(lines[cell]))
        return found
