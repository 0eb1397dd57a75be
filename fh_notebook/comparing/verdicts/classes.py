"""`Classes`: how well each variant finds each label, for rows whose expected output is one of a few labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.rendering import frame_text
from fh_notebook.comparing.data import ComparisonData, no_variant
from fh_notebook.comparing.stats.classes import OTHER, ClassLine, ConfusionRows, class_lines
from fh_notebook.comparing.stats.number_format import interval_text, percent
from fh_notebook.core.text import html
from fh_notebook.core.text.shown_frame import ShownFrame
from fh_notebook.errors import InputError


class Classes:
    """Precision, recall and F1 of each label and variant, and what is taken for what.

    Attributes
    ----------
    labels : list of str
        The expected labels, in the order in which they appear.
    """

    def __init__(
        self,
        rows: dict[str, ConfusionRows],
        labels: Sequence[str],
        *,
        colours: Mapping[str, str],
        masked: Callable[[str], str] = str,
    ) -> None:
        self._rows = rows
        self._colours = colours
        self._masked = masked
        self.labels = list(labels)

    @property
    def frame(self) -> ShownFrame:
        """One line a variant and label, and one with the macro averages.

        Columns: ``variant, label``; ``expected``: rows of which it is the expected label; ``predicted``: rows of
        which it is the answer (repeats count as shares); ``precision, recall, f1``, each with its 95 % interval
        (``precision_low``, ...).
        """
        names = [field.name for field in fields(ClassLine)]
        lines = [
            {"variant": variant, **{name: getattr(line, name) for name in names}}
            for variant, rows in self._rows.items()
            for line in class_lines(rows)
        ]
        return ShownFrame.of(pd.DataFrame(lines, columns=["variant", *names]), self._shown_cells)

    def confusion(self, variant: str, *, minus: str | None = None) -> pd.DataFrame:
        """Return the confusion table of a variant: a line for each expected label, a column for what was predicted.

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
            values, index=pd.Index(self.labels, name="expected"), columns=pd.Index(columns, name="predicted")
        )

    def _table(self, variant: str) -> Any:
        if variant not in self._rows:
            raise InputError(no_variant(variant, self._rows))
        return self._rows[variant].table

    def __repr__(self) -> str:
        return repr(self.frame)

    def _repr_html_(self) -> str:
        return html.el("div", html.STYLE, STYLE, *self.parts_html(), cls="fh")

    def parts_html(self) -> list[html.Html]:
        """Return the table of the labels and the confusion table of each variant, for a page with `STYLE`."""
        heads, lines = self.cells()
        lines = [[html.swatch_name(self._colours[name], name), *cells] for name, *cells in lines]
        parts = [html.table(heads, lines, cls="fh-table fh-num fh-named")]
        for variant in self._rows:
            table = self.confusion(variant)
            expected = [html.el("span", self._masked(label)) for label in self.labels]
            lines = [
                [label, *(_count_html(count, place == at) for at, count in enumerate(counts))]
                for place, (label, counts) in enumerate(zip(expected, table.to_numpy().tolist(), strict=True))
            ]
            heads = ["expected \N{RIGHTWARDS ARROW} answered", *map(self._masked, table.columns)]
            name = html.swatch_name(self._colours[variant], variant)
            part = html.el("div", name, ": answers to each expected label, in rows", cls="fh-part")
            parts += [part, html.table(heads, lines, cls="fh-table fh-num fh-confusion")]
        return parts

    def cells(self) -> tuple[list[str], list[list[Any]]]:
        """Return the table of the labels as heads and texts."""
        return self._shown_cells(self.frame)

    def text(self) -> str:
        """Return it as text."""
        heads, lines = self.cells()
        return frame_text(pd.DataFrame(lines, columns=heads), heads)

    def _shown_cells(self, frame: pd.DataFrame) -> tuple[list[str], list[list[Any]]]:
        heads = ["variant", "label", "expected", "answered", "precision", "recall", "F1"]
        lines = [
            [line["variant"], self._masked(line["label"]), f"{line['expected']:g}", f"{line['predicted']:g}",
             *(_with_interval(line, name) for name in ("precision", "recall", "f1"))]
            for line in frame.to_dict("records")
        ]  # fmt: skip
        return heads, lines


STYLE: Final = html.Html(
    f"<style>.fh .fh-yes{{color:{html.legible('success-color1')}}}"
    f".fh .fh-no{{color:{html.legible('error-color1')}}}</style>"
)


def _count_html(count: float, is_right: bool) -> html.Html:
    """Return a cell of a confusion table; one that is not empty has its colour."""
    text = f"{count:,}" if isinstance(count, int) else f"{count:,.4g}"
    return html.el("span", text, cls="fh-dim" if not count else "fh-yes" if is_right else "fh-no")


def _with_interval(line: dict[Any, Any], name: str) -> str:
    if line[name] != line[name]:
        return ""
    limits = interval_text(percent, line[f"{name}_low"], line[f"{name}_high"])
    return f"{percent(line[name])}{f' ({limits})' if limits else ''}"


def classes_of(data: ComparisonData) -> Classes:
    """Return how well each variant finds each label (see ``Comparison.classes``)."""
    if not data.confusion_rows:
        raise InputError("no run of a row with an expected output has completed, so no label was answered")
    rows, labels = data.confusion_rows, data.label_codes.labels
    return Classes(rows, labels, masked=data.runs.secret().masked, colours=data.colours)


def classes_shown(data: ComparisonData) -> Classes | None:
    """Return the same for a display: ``None`` where answers are no labels."""
    return classes_of(data) if data.class_rows else None
