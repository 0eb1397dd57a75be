"""Tables of a comparison as functions of its data: what ``cmp.summary()``, ``cmp.wide()`` and other methods return.

What is computed over rows is computed from the grid, in which a row is one value. A cell without an answer differs from
no other cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from fh_notebook.batching.tables.values import object_series
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.diff.answer_groups import comparable_text
from fh_notebook.comparing.stats.grid import Grid, score_spread
from fh_notebook.comparing.stats.intervals import interval_of_share
from fh_notebook.comparing.stats.pairs import Pair, check_chances, check_difference, pairs_table, power_table
from fh_notebook.comparing.stats.summary import SUMMARY_COLUMNS, SummaryLine, summary_lines, summary_table
from fh_notebook.core.arguments import is_column_name
from fh_notebook.core.config import settings
from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import InputError


def summary(data: ComparisonData) -> pd.DataFrame:
    """Return one line a variant (see ``Comparison.summary``)."""
    return summary_table(data.summary_lines, price=settings.current().price_per_call)


@dataclass(frozen=True, kw_only=True)
class Slices:
    """The summary lines of each value of a column, or of each combination of values of several."""

    names: tuple[ColumnName, ...]
    """The columns, as they were named."""
    values: list[tuple[Any, ...]]
    """Of each slice the values of the columns, in the order of their first lines."""
    lines: list[SummaryLine]
    """One for each slice and variant, slice by slice."""

    @classmethod
    def of(cls, data: ComparisonData, by: ColumnName | list[ColumnName]) -> Slices:
        """Return the slices of a comparison by a column, or by a list of columns."""
        if data.label_grid is not None:
            raise InputError(
                "slices have too few labels to be corrected; slice the comparison that this one was made from"
            )
        names = tuple(dict.fromkeys(by)) if isinstance(by, list) and all(map(is_column_name, by)) else (by,)
        if not names:
            raise InputError("by is an empty list; give a column, or a list of columns")
        columns = [_column(data, name) for name in names]
        slice_of = np.zeros(len(data.lines), dtype=np.intp)
        for column in columns:
            codes, found = pd.factorize(_comparable_texts(column))
            slice_of = np.asarray(pd.factorize(slice_of * max(len(found), 1) + codes)[0])
        first = np.unique(slice_of, return_index=True)[1]
        return cls(
            names=names,
            values=[tuple(column[index] for column in columns) for index in first],
            lines=summary_lines(data.lines, data.variants, slice_of) if len(first) else [],
        )


def _column(data: ComparisonData, by: ColumnName) -> list[Any]:
    if isinstance(by, str) and by == "variant":  # each line is of one already: a column of the rows is meant
        with suppress(InputError):
            return _column(data, "in.variant")
    column = data.runs.column(data.runs.column_named(by, "to slice by"))
    if column is None:
        raise InputError(
            f"the name of the column {short(by)} is not a string; rename it: frame.columns = map(str, frame)"
        )
    return list(column)


def _comparable_texts(values: Sequence[Any]) -> Any:
    """Return the values as an array of texts that are equal for equal values."""
    texts = np.empty(len(values), dtype=object)  # by places: Arrow refuses texts with half a character
    text_of_value: dict[str | int, str] = {}  # few values stand there many times
    texts[:] = [
        text_of_value.get(value) or text_of_value.setdefault(value, comparable_text(value))
        if type(value) in (str, int)
        else comparable_text(value)
        for value in values
    ]
    return texts


def slices(data: ComparisonData, by: ColumnName | list[ColumnName]) -> pd.DataFrame:
    """Return the summary of each value of a column of the rows (see ``Comparison.slice``)."""
    by_value = Slices.of(data, by)
    taken = (*SUMMARY_COLUMNS, "macro_f1", "cost")
    names = [f"in.{name}" if name in taken else name for name in by_value.names]  # as in a batch's frame
    if not by_value.lines:
        return pd.DataFrame(columns=[*names, *SUMMARY_COLUMNS])
    table = summary_table(by_value.lines, price=settings.current().price_per_call)
    table.attrs.clear()  # they are of one line a variant
    for place, name in enumerate(names):
        cells = object_series(values[place] for values in by_value.values for _ in data.variants)
        table.insert(place, name, cells)
    return table


def pairs(data: ComparisonData) -> pd.DataFrame:
    """Return one line a pair of variants (see ``Comparison.pairs``); of preferences with ``win_rate``."""
    table = pairs_table(data.pairs)
    if data.preferences is not None:
        intervals = [interval_of_share(share, len(share)) for share in data.preferences.values()]
        table["win_rate"] = pd.Series([pair.mean_b for pair in data.pairs], dtype="float64")
        table["win_low"] = pd.Series([interval.low for interval in intervals], dtype="float64")
        table["win_high"] = pd.Series([interval.high for interval in intervals], dtype="float64")
    return table


def leaderboard(data: ComparisonData) -> pd.DataFrame:
    """Return the variants by their means, best first, with everything that is known of each.

    Columns: ``rank``, those of the summary, and ``rows``, ``interval``, ``failure_rate``, ``beats``: the variants that
    it is better than after Holm. Without a score they stand by failures, then seconds.
    """
    table = summary(data)
    totals = data.lines["variant"].value_counts()
    table["rows"] = [table.attrs["rows"][v] for v in table["variant"]]
    table["interval"] = [table.attrs["interval"][v] for v in table["variant"]]
    table["failure_rate"] = [f / totals[v] for f, v in zip(table["failed"], table["variant"], strict=True)]
    table["beats"] = [", ".join(beaten_by(v, data.pairs)) for v in table["variant"]]
    by = ["mean", "failure_rate", "p50_s"]
    table = table.sort_values(by, ascending=[data.lower, True, True], kind="stable").reset_index(drop=True)
    table.insert(0, "rank", range(1, len(table) + 1))
    return table


def power(data: ComparisonData, *, difference: float | None, power: float, alpha: float) -> pd.DataFrame:
    """Return the power of each pair, and how many rows it needs (see ``Comparison.power``)."""
    check_chances(power=power, alpha=alpha)
    check_difference(difference)
    return power_table(data.pairs, difference=difference, power=power, alpha=alpha)


def score_errors(data: ComparisonData) -> pd.DataFrame:
    """Return the runs whose scorer raised, or returned no usable score."""
    failed_scores = data.lines[data.lines["score_error"].notna()]
    columns = {"pair": data.pair_on, "score_error": "error"}
    return failed_scores[["pair", "variant", "score_error"]].rename(columns=columns).reset_index(drop=True)


def beaten_by(variant: str, compared: Sequence[Pair]) -> list[str]:
    """Return the variants that one variant is better than."""
    turned = [pair if pair.b == variant else pair.turned() for pair in compared if variant in (pair.a, pair.b)]
    return [pair.a for pair in turned if pair.is_better()]


# --- rows beside each other


def wide(data: ComparisonData, rows: Sequence[Any] | None = None) -> pd.DataFrame:
    """Return one line a row (see ``Comparison.wide``); for some `rows` the time depends on their number only."""
    frame, variants = data.lines, data.variants
    if rows is not None:
        frame = frame[frame["pair"].isin(list(rows))]
    labels = list(dict.fromkeys(frame["pair"]))
    outputs, completed = _outputs(frame, variants)
    scores = Grid.of(frame, variants).means
    seconds = Grid.of(frame.assign(score=frame["seconds"]), variants).means
    columns: dict[str, Any] = {data.pair_on: label_series(labels)}
    if data.runs.expected is not None:
        columns["expected_output"] = object_series([data.runs.expected.get(label) for label in labels])
    if data.runs.correction_counts[0]:
        corrections = [data.runs.correction_of(label) for label in labels]
        columns["corrected_from"] = object_series([c.replaced if c is not None else None for c in corrections])
    columns["outputs_differ"] = pd.Series(_outputs_differ(outputs, completed), dtype="bool")
    if data.scorer:
        columns["scores_differ"] = pd.Series(score_spread(scores) > 0, dtype="bool")
    for index, variant in enumerate(variants):
        columns[f"{variant}.output"] = object_series(outputs[:, index])
        if data.scorer:
            columns[f"{variant}.score"] = pd.Series(scores[:, index])
        columns[f"{variant}.seconds"] = pd.Series(seconds[:, index])
    return pd.DataFrame(columns)


def disagreements(data: ComparisonData, by: Literal["score", "output"] | None = None) -> pd.DataFrame:
    """Return the lines of :func:`wide` on which the variants differ (see ``Comparison.disagreements``)."""
    by = by or ("score" if data.scorer else "output")
    if by not in ("score", "output"):
        raise InputError(f"by is {by!r}; give 'score' or 'output'")
    if by == "score" and not data.scorer:
        raise InputError("nothing was scored; give compare(..., score=...), or by='output'")
    table = wide(data, data.differing if by == "score" else None)
    return table[table[f"{by}s_differ"]].reset_index(drop=True)


def label_series(values: list[Any]) -> pd.Series[Any]:
    """Return labels of rows, or other cells, as a column of their dtype."""
    try:
        return pd.Series(values)
    except UnicodeEncodeError:  # Arrow refuses half a character
        return object_series(values)


def _outputs(frame: pd.DataFrame, variants: Sequence[str]) -> tuple[Any, Any]:
    """Return the first output of each row and variant, and whether a run completed there: two arrays of objects."""
    row_of, rows = pd.factorize(frame["pair"])
    variant_index = pd.Index(list(variants)).get_indexer(pd.Index(frame["variant"]))
    done = (frame["status"] == "completed").to_numpy(dtype=bool)
    cells = (row_of * len(variants) + variant_index)[done][::-1]  # backwards: the first one is written last, and stays
    outputs = np.full(len(rows) * len(variants), None, dtype=object)
    outputs[cells] = frame["output"].to_numpy(dtype=object)[done][::-1]
    completed = np.zeros(len(outputs), dtype=bool)
    completed[cells] = True
    shape = (len(rows), len(variants))
    return outputs.reshape(shape), completed.reshape(shape)


def _outputs_differ(outputs: Any, completed: Any) -> Any:
    """Return of each row, of rows x variants, whether its completed outputs are not all the same."""
    texts = np.fromiter(map(comparable_text, outputs.ravel()), dtype=object, count=outputs.size)
    codes = np.where(completed, pd.factorize(texts)[0].reshape(outputs.shape), -1)
    high = codes.max(axis=1, initial=-1)
    low = np.where(codes < 0, np.iinfo(np.int64).max, codes).min(axis=1, initial=np.iinfo(np.int64).max)
    return low < high


def count_differing_outputs(data: ComparisonData) -> int:
    """Return the number of rows on which the completed outputs are not all the same."""
    return int(_outputs_differ(*_outputs(data.lines, data.variants)).sum())


def incomplete_rows(data: ComparisonData, by: Literal["score", "output"]) -> int:
    """Return the number of rows on which a variant has no score, or no completed run."""
    frame = data.lines
    complete_lines = frame[frame["score"].notna() if by == "score" else frame["status"] == "completed"]
    complete = complete_lines.groupby(pd.factorize(complete_lines["pair"])[0])["variant"].nunique() == len(
        data.variants
    )
    return frame["pair"].nunique() - int(complete.sum())
