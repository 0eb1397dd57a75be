"""`Classes`: how well each variant finds each label, for rows whose expected output is one of a few labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.tables.values import is_missing
from fh_notebook.comparing.data import ComparisonData, no_variant
from fh_notebook.comparing.scorers.output_values import NOTHING, part_of
from fh_notebook.comparing.stats.classes import OTHER, ClassLine, ConfusionRows, class_lines
from fh_notebook.comparing.stats.number_format import percent
from fh_notebook.contract.run import Run
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.shown_frame import ShownFrame
from fh_notebook.errors import InputError

__all__ = ["Classes", "classes_of"]

MOST_LABELS: Final = 50
"""More different expected outputs are texts, not labels."""
ROWS_A_LABEL: Final = 2
"""On average: labels that occur once each are texts, too."""


class Classes:
    """Precision, recall and F1 of each label and variant, and what is taken for what.

    Attributes
    ----------
    labels : list of str
        The expected labels, in the order in which they appear.
    """

    def __init__(self, rows: dict[str, ConfusionRows], labels: Sequence[str]) -> None:
        self._rows = rows
        self.labels = list(labels)

    @property
    def frame(self) -> ShownFrame:
        """One line a variant and label, and one with the macro averages.

        Columns: ``variant, label``; ``expected``: rows that are expected to be it; ``said``: rows that are said to be
        it (repeats count as shares); ``precision, recall, f1``, each with its 95 % interval (``precision_low``, ...).
        """
        names = [field.name for field in fields(ClassLine)]
        lines = [
            {"variant": variant, **{name: getattr(line, name) for name in names}}
            for variant, rows in self._rows.items()
            for line in class_lines(rows)
        ]
        return ShownFrame.of(pd.DataFrame(lines, columns=["variant", *names]), _shown_cells)

    def confusion(self, variant: str, *, minus: str | None = None) -> pd.DataFrame:
        """Return the confusion table of a variant: a line for each expected label, a column for what was said.

        Parameters
        ----------
        variant : str
            The variant.
        minus : str, optional
            Another one, whose table is subtracted: what the variant takes for what more often.

        Raises
        ------
        InputError
            There is no such variant.
        """
        table = self._table(variant)
        if minus is not None:
            table = table - self._table(minus)
        columns = [*self.labels, OTHER] if table[:, -1].any() else self.labels
        whole = bool((table == np.round(table)).all())
        values = table[:, : len(columns)].astype("int64") if whole else table[:, : len(columns)]
        return pd.DataFrame(
            values, index=pd.Index(self.labels, name="expected"), columns=pd.Index(columns, name="said")
        )

    def _table(self, variant: str) -> Any:
        if variant not in self._rows:
            raise InputError(no_variant(variant, self._rows))
        return self._rows[variant].table

    def __repr__(self) -> str:
        return repr(self.frame)

    def _repr_html_(self) -> str:
        parts = [self.frame._repr_html_()]
        for variant in self._rows:
            table = self.confusion(variant)
            lines = [[label, *values] for label, values in zip(self.labels, table.to_numpy().tolist(), strict=True)]
            head = html.el("div", f"{variant}: what was said of each expected label", cls="fh-part")
            cells = html.table(["expected", *table.columns], lines, cls="fh-table fh-num")
            parts.append(html.el("div", html.STYLE, head, cells, cls="fh"))
        return html.join([html.Html(part) for part in parts if part])


def _shown_cells(frame: pd.DataFrame) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    heads = ["variant", "label", "expected", "said", "precision", "recall", "F1"]
    lines = [
        [line["variant"], line["label"], f"{line['expected']:g}", f"{line['said']:g}",
         *(_with_interval(line, name) for name in ("precision", "recall", "f1"))]
        for line in frame.to_dict("records")
    ]  # fmt: skip
    return heads, lines


def _with_interval(line: dict[Any, Any], name: str) -> str:
    if line[name] != line[name]:
        return ""
    low, high = (percent(line[f"{name}_{end}"]).removesuffix(" %") for end in ("low", "high"))
    return f"{percent(line[name])} ({low} to {high})"


def classes_of(data: ComparisonData) -> Classes:
    """Return how well each variant finds each label (see ``Comparison.classes``).

    Raises
    ------
    InputError
        There are no expected outputs, or they are no labels.
    """
    expected = {row: _label(value) for row, value in (data.runs.expected or {}).items() if not is_missing(value)}
    if not expected:
        raise InputError("there is no expected_output, so there are no labels to be found")
    labels = list(dict.fromkeys(expected.values()))
    if len(labels) > MOST_LABELS or len(labels) * ROWS_A_LABEL > len(expected):
        raise InputError(
            f"expected_output has {len(labels):,} different values on {len(expected):,} rows, such as "
            f"{short(labels[0])}; labels are at most {MOST_LABELS}, each on several rows"
        )
    place = {label: index for index, label in enumerate(labels)}
    lines = data.lines[data.lines["pair"].isin(expected.keys())]
    counts_failed = data.failed == "zero"
    keep = lines["status"].eq("completed") | (lines["status"].eq("failed") & counts_failed)
    lines = lines[keep]
    path = data.runs.scored_path
    said = [
        place.get(_label(part_of(Run(status="completed", output=output), path)), len(labels))
        if status == "completed"
        else len(labels)
        for output, status in zip(lines["output"], lines["status"], strict=True)
    ]
    rows = {
        variant: _rows_of(lines[of_variant], np.asarray(said, dtype=np.int64)[of_variant], expected, labels, place)
        for variant in data.variants
        if (of_variant := lines["variant"].eq(variant).to_numpy()).any()
    }
    return Classes(rows, labels)


def _label(value: Any) -> str:
    """Return a value as a label: a text without the space around it, anything else as JSON."""
    if value is NOTHING:
        return ""
    return value.strip() if isinstance(value, str) else canonical_json(value)


def _rows_of(
    lines: pd.DataFrame, said: Any, expected: dict[Any, str], labels: Sequence[str], place: dict[str, int]
) -> ConfusionRows:
    row_of, _ = pd.factorize(lines["cluster"])
    size = int(row_of.max(initial=-1)) + 1
    counts = np.zeros((size, len(labels) + 1))
    np.add.at(counts, (row_of, said), 1.0)
    of_row = np.zeros(size, dtype=np.int64)
    of_row[row_of] = [place[expected[row]] for row in lines["pair"]]
    pairs = lines["pair"].to_numpy()
    runs = np.bincount(row_of, minlength=size)
    copies = pd.Series(pairs).groupby(np.asarray(row_of)).nunique().to_numpy()
    return ConfusionRows(
        labels=labels, expected=of_row, said=counts / counts.sum(axis=1, keepdims=True),
        lines=np.maximum(runs // np.maximum(copies, 1), 1),
    )  # fmt: skip
