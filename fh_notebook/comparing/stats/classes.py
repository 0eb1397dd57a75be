"""Classification: precision, recall and F1 of each label, their macro averages, and confusion tables. Pure.

A row is one value, as everywhere: repeats of a row, and rows with equal inputs, are shares. An answer that is no
expected label counts as `OTHER`; a run that has no answer counts as the comparison says it does (``failed=``).

**Intervals.** Precision and recall are shares of rows, with Blaker's interval. F1 of a label is ``2 J / (1 + J)`` with
`J` the share of the rows that are expected or predicted to be the label on which it is both; that is a share, and the
limits of its interval are transformed. The limits of a macro average are recovered from those of its labels, whose
distances from the mean add up by their squares (G. Y. Zou and A. Donner, "Construction of confidence limits about
effect measures", Statistics in Medicine 27 (2008), 1693-1702), so it has a width also where all is right; that of F1,
whose labels are not independent, also holds the percentiles of a bootstrap of rows (2,000 resamples, fixed seed). A
label that is never expected has no recall, and one that is never predicted no precision; the macro averages are over
the expected labels, with a precision of 0 for one that is never predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.comparing.stats.intervals import NAN, RESAMPLES, SEED, Interval, Numbers, interval_of_share

OTHER: Final = "(other)"
"""What is predicted that is no expected label."""
MACRO: Final = "(macro average)"

_NOTHING: Final = Interval(NAN, NAN, "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionRows:
    """What a variant says of each row."""

    labels: Sequence[str]
    expected: NDArray[np.int64]
    """The index of the expected label of each row."""
    predicted: Numbers
    """Rows x (labels, and `OTHER`): the share of the row's runs that say each."""
    lines: NDArray[np.int64]
    """The runs behind each row, copies left out."""

    @property
    def table(self) -> Numbers:
        """The confusion table: expected labels x what was predicted, in rows."""
        table = np.zeros((len(self.labels), len(self.labels) + 1))
        np.add.at(table, self.expected, self.predicted)
        return table


def confusion_rows(
    labels: Sequence[str],
    expected: NDArray[np.int64],
    predicted: NDArray[np.int64],
    lines: pd.DataFrame,
    variants: Sequence[str],
) -> dict[str, ConfusionRows]:
    """Return what each variant says of each row; a variant of which no run counts is left out."""
    counts = (predicted >= 0) & (expected >= 0)
    of_variant = {variant: counts & lines["variant"].eq(variant).to_numpy() for variant in variants}
    return {
        variant: _confusion_rows(labels, expected[mask], predicted[mask], lines[mask])
        for variant, mask in of_variant.items()
        if mask.any()
    }


def _confusion_rows(
    labels: Sequence[str], expected: NDArray[np.int64], predicted: NDArray[np.int64], lines: pd.DataFrame
) -> ConfusionRows:
    # Rows with equal inputs may have different expected labels: then each is a row of its own.
    row_of = np.asarray(pd.factorize(lines["cluster"])[0]) * len(labels) + expected
    row_of = np.unique(row_of, return_inverse=True)[1]
    size = int(row_of.max(initial=-1)) + 1
    counts = np.zeros((size, len(labels) + 1))
    np.add.at(counts, (row_of, predicted), 1.0)
    expected_of_row = np.zeros(size, dtype=np.int64)
    expected_of_row[row_of] = expected
    runs = np.bincount(row_of, minlength=size)
    copies = lines["pair"].groupby(row_of).nunique().to_numpy()
    return ConfusionRows(
        labels=labels, expected=expected_of_row, predicted=counts / counts.sum(axis=1, keepdims=True),
        lines=np.maximum(runs // np.maximum(copies, 1), 1),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLine:
    """Precision, recall and F1 of a label, or the macro average of all."""

    label: str
    expected: float
    """Rows that are expected to be it."""
    predicted: float
    """Rows that are predicted to be it; repeats count as shares."""
    precision: float
    precision_low: float
    precision_high: float
    recall: float
    recall_low: float
    recall_high: float
    f1: float
    f1_low: float
    f1_high: float


def class_lines(rows: ConfusionRows) -> list[ClassLine]:
    """Return a line for each label and the macro average.

    Examples
    --------
    >>> predicted = np.array([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]])
    >>> expected, lines = np.array([0, 0, 1, 1]), np.ones(4, dtype=int)
    >>> rows = ConfusionRows(labels=["a", "b"], expected=expected, predicted=predicted, lines=lines)
    >>> [(line.label, round(line.precision, 2), line.recall, round(line.f1, 2)) for line in class_lines(rows)]
    [('a', 0.67, 1.0, 0.8), ('b', 1.0, 0.5, 0.67), ('(macro average)', 0.83, 0.75, 0.73)]
    """
    lines = [_line_of(rows, place) for place in range(len(rows.labels))]
    return [*lines, _macro(rows, lines)]


def macro_f1(rows: ConfusionRows) -> float:
    """Return the mean F1 of the expected labels, without its interval, of which :func:`class_lines` draws samples."""
    return float(_macro_means(rows.table[None])[0, 2])


def _line_of(rows: ConfusionRows, place: int) -> ClassLine:
    is_expected, predicted_share = rows.expected == place, rows.predicted[:, place]
    recall = _share(predicted_share[is_expected], rows.lines[is_expected])
    # Of the runs that say it, by row: a row counts as much of it as its runs say.
    is_predicted = predicted_share > 0
    precision = _share(
        is_expected[is_predicted].astype(float), rows.lines[is_predicted], weights=predicted_share[is_predicted]
    )
    union = is_expected | is_predicted
    weights = np.where(is_expected, 1.0, predicted_share)[union]
    overlap = _share(np.where(is_expected, predicted_share, 0.0)[union] / weights, rows.lines[union], weights=weights)
    f1, f1_low, f1_high = (2 * share / (1 + share) for share in overlap)
    return ClassLine(
        label=rows.labels[place], expected=float(is_expected.sum()), predicted=float(predicted_share.sum()),
        precision=precision[0], precision_low=precision[1], precision_high=precision[2],
        recall=recall[0], recall_low=recall[1], recall_high=recall[2],
        f1=f1, f1_low=f1_low, f1_high=f1_high,
    )  # fmt: skip


def _share(values: Numbers, lines: NDArray[np.int64], *, weights: Numbers | None = None) -> tuple[float, float, float]:
    """Return a mean of rows from 0 to 1 with its interval; NaN without rows."""
    if not len(values):
        return NAN, NAN, NAN
    mean = float(np.average(values, weights=weights))
    interval = interval_of_share(values, int(lines.sum()))
    plain = float(values.mean())
    # With repeats the mean is weighted; its interval is that of the plain mean, moved.
    low, high = (min(1.0, max(0.0, limit + mean - plain)) for limit in interval[:2])
    return mean, low, high


def _macro(rows: ConfusionRows, lines: Sequence[ClassLine]) -> ClassLine:
    table = rows.table
    precision, recall, f1 = _macro_means(table[None])[0].tolist()
    expected = [line for line in lines if line.expected > 0]
    limits = {name: _mean_limits(expected, name) for name in ("precision", "recall", "f1")}
    if (cells := _resampled(rows)) is not None:  # a wrong row lowers the F1 of two labels, which the limits do not know
        sampled = np.quantile(_macro_means(cells)[:, 2], [0.025, 0.975]).tolist()
        limits["f1"] = min(limits["f1"][0], sampled[0]), max(limits["f1"][1], sampled[1])
    return ClassLine(
        label=MACRO, expected=float(table.sum()), predicted=float(table[:, :-1].sum()),
        precision=precision, precision_low=limits["precision"][0], precision_high=limits["precision"][1],
        recall=recall, recall_low=limits["recall"][0], recall_high=limits["recall"][1],
        f1=f1, f1_low=limits["f1"][0], f1_high=limits["f1"][1],
    )  # fmt: skip


def _mean_limits(lines: Sequence[ClassLine], name: str) -> tuple[float, float]:
    """Return the limits of the mean of a measure of labels, from those of each label."""
    if not lines:
        return NAN, NAN
    values, low, high = (
        np.array([getattr(line, f"{name}{end}") for line in lines], dtype="float64") for end in ("", "_low", "_high")
    )
    is_undefined = np.isnan(values)  # a label that is never predicted: its precision counts as 0, and may be anything
    values, low, high = (np.where(is_undefined, of, part) for of, part in ((0.0, values), (0.0, low), (1.0, high)))
    mean, count = float(values.mean()), len(lines)
    below, above = (float(np.sqrt(((limit - values) ** 2).sum())) / count for limit in (low, high))
    return max(mean - below, 0.0), min(mean + above, 1.0)


def _macro_means(tables: Numbers) -> Numbers:
    """Return precision, recall and F1 averaged over the expected labels of each of many confusion tables."""
    size = tables.shape[1]
    right = tables[:, np.arange(size), np.arange(size)]
    expected, predicted = tables.sum(axis=2), tables[:, :, :size].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = right / expected
        precision = np.where(predicted > 0, right / predicted, 0.0)
        f1 = 2 * right / (expected + predicted)
    there = expected > 0
    count = np.maximum(there.sum(axis=1), 1)
    return np.stack([np.where(there, part, 0.0).sum(axis=1) / count for part in (precision, recall, f1)], axis=1)


def _resampled(rows: ConfusionRows) -> Numbers | None:
    """Return the confusion tables of bootstrap samples of rows; ``None`` of fewer than two rows."""
    n = len(rows.expected)
    if n < 2:
        return None
    size = len(rows.labels)
    patterns, counts = np.unique(np.column_stack([rows.expected, rows.predicted]), axis=0, return_counts=True)
    drawn = np.random.default_rng(SEED).multinomial(n, counts / n, size=RESAMPLES).astype(np.float64)
    expected, predicted = patterns[:, 0].astype(np.int64), patterns[:, 1:]
    tables = np.zeros((RESAMPLES, size, size + 1))
    for place in range(size):
        of_label = expected == place
        tables[:, place] = drawn[:, of_label] @ predicted[of_label]
    return tables
