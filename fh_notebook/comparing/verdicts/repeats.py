"""`Repeats`: the different answers that a variant gave to the same row, how often each, and how often it was right.

Rows with equal inputs share their answers, so of those the row with most runs stands for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.rendering import one_line
from fh_notebook.batching.tables.values import object_series
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.diff.answer_groups import ANSWER_SHOWN, AnswerGroup, groups_of_answers, groups_text
from fh_notebook.comparing.stats.intervals import Interval
from fh_notebook.comparing.stats.number_format import count_text, interval_text, percent
from fh_notebook.comparing.stats.repeats import (
    PassRate,
    RowScores,
    VarianceComponents,
    agreement_of_rows,
    interval_of_agreement,
    pass_rates,
    variance_components,
)
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import figures
from fh_notebook.core.text.messages import counted
from fh_notebook.core.text.shown_frame import ShownFrame
from fh_notebook.errors import InputError

ROWS_SHOWN: Final = 10
"""Rows whose answers agree least, in a display."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _RowAnswers:
    """What a variant answered to a row."""

    row: Any
    variant: str
    groups: tuple[AnswerGroup, ...]
    scores: tuple[float, ...]
    """Of the completed runs, NaN where there is none."""
    scored: tuple[float, ...]
    """All scores, also those that a failed run counts as."""

    @property
    def answers(self) -> int:
        """The number of answers."""
        return sum(group.count for group in self.groups)


class Repeats:
    """How often a variant says the same to a row again, and how often it is right again.

    It shows itself.
    """

    def __init__(self, rows: Sequence[_RowAnswers], data: ComparisonData) -> None:
        self._rows = rows
        self._data = data

    def _of(self, variant: str) -> list[_RowAnswers]:
        return [row for row in self._rows if row.variant == variant]

    @property
    def frame(self) -> ShownFrame:
        """One line a variant.

        Columns: ``variant``; ``rows`` with at least two answers, and their ``answers``; ``distinct``: the mean number
        of different answers to a row; ``agreement``: the mean share of equal pairs of answers of a row, with its 95 %
        interval ``agreement_low, agreement_high``; where there are scores ``variance_within`` rows and
        ``variance_between`` them, and the intraclass correlation ``icc`` with ``icc_low, icc_high``.
        """
        lines = [
            line for variant in self._data.variants if (line := self._line(variant, self._of(variant))) is not None
        ]
        return ShownFrame.of(pd.DataFrame(lines), _variant_cells)

    def _line(self, variant: str, rows: Sequence[_RowAnswers]) -> dict[str, Any] | None:
        repeated = [row for row in rows if row.answers > 1]
        if not repeated:
            return None
        shares = agreement_of_rows([[group.count for group in row.groups] for row in repeated])
        answers = sum(row.answers for row in repeated)
        interval: Interval = interval_of_agreement(shares, answers)
        line: dict[str, Any] = {
            "variant": variant, "rows": len(repeated), "answers": answers,
            "distinct": float(np.mean([len(row.groups) for row in repeated])), "agreement": float(shares.mean()),
            "agreement_low": interval.low, "agreement_high": interval.high,
        }  # fmt: skip
        if self._data.scorer:
            parts: VarianceComponents = variance_components(_row_scores(rows))
            line |= {
                "variance_within": parts.within, "variance_between": parts.between,
                "icc": parts.icc, "icc_low": parts.icc_low, "icc_high": parts.icc_high,
            }  # fmt: skip
        return line

    @property
    def passes(self) -> ShownFrame:
        """One line a variant and k, from 1 to its largest number of repeats; empty unless scores are right or wrong.

        Columns: ``variant, k``; ``rows`` with at least k scored repeats; ``pass_any``: pass@k, the chance that at least
        one of k calls is right; ``pass_all``: pass^k, the chance that all of them are; each with its 95 % interval
        (``any_low, any_high, all_low, all_high``). Where a lower score is better, false counts as right.
        """
        names = [field.name for field in fields(PassRate)]
        lines: list[dict[str, Any]] = []
        if self._data.scorer and self._data.grid.yes_no:
            for variant in self._data.variants:
                scored = [row.scored for row in self._of(variant) if row.scored]
                n = np.array([len(scores) for scores in scored], dtype=np.int64)
                true = np.array([round(sum(scores)) for scores in scored], dtype=np.int64)
                lines += [
                    {"variant": variant, **{name: getattr(rate, name) for name in names}}
                    for rate in pass_rates(n, n - true if self._data.lower else true)
                ]
        right = "false" if self._data.lower else "right"
        return ShownFrame.of(pd.DataFrame(lines, columns=["variant", *names]), partial(_pass_cells, right=right))

    @property
    def answers(self) -> pd.DataFrame:
        """One line a row, variant and different answer, the most frequent first.

        Columns: the one that pairs, ``variant``; ``answer``: the output, or the part of it that is scored; ``count``
        and ``share`` of the row's answers; ``score``: the mean score of those, where there is one.
        """
        groups = [(row, group) for row in self._rows for group in row.groups]
        columns: dict[str, Any] = {
            str(self._data.pair_on): object_series([row.row for row, _ in groups]),
            "variant": object_series([row.variant for row, _ in groups]),
            "answer": object_series([group.value for _, group in groups]),
            "count": pd.Series([group.count for _, group in groups], dtype="int64"),
            "share": pd.Series([group.count / row.answers for row, group in groups], dtype="float64"),
        }
        if self._data.scorer:
            means = [_mean([row.scores[place] for place in group.places]) for row, group in groups]
            columns["score"] = pd.Series(means, dtype="float64")
        return pd.DataFrame(columns)

    def _varied(self) -> list[tuple[str, str, str]]:
        """Return the rows whose answers agree least, as the cells that are shown; masked."""
        varied = [row for row in self._rows if len(row.groups) > 1]
        varied.sort(key=lambda row: float(agreement_of_rows([[group.count for group in row.groups]])[0]))
        masks = self._data.runs.secret().masks()
        return [
            (one_line(row.row, ANSWER_SHOWN), row.variant, masks.of(row.row)(groups_text(row.groups)))
            for row in varied[:ROWS_SHOWN]
        ]

    def __repr__(self) -> str:
        parts = [repr(self.frame), *([repr(self.passes)] if len(self.passes) else [])]
        lines = [f"{row}, {variant}: {answers}" for row, variant, answers in self._varied()]
        return "\n\n".join([*parts, *(["\n".join(["answers that agree least:", *lines])] if lines else [])])

    def _repr_html_(self) -> str:
        tables = [self.frame._repr_html_(), self.passes._repr_html_() if len(self.passes) else None]
        varied = self._varied()
        if varied:
            heads = [str(self._data.pair_on), "variant", "answers"]
            head = html.el("div", f"Answers that agree least ({counted(len(varied), 'row')})", cls="fh-part")
            tables.append(html.el("div", html.STYLE, head, html.table(heads, varied), cls="fh"))
        return html.join([html.Html(table) for table in tables if table])


def _mean(scores: Sequence[float]) -> float:
    known = [score for score in scores if score == score]
    return sum(known) / len(known) if known else float("nan")


def _row_scores(rows: Sequence[_RowAnswers]) -> RowScores:
    scored = [row.scored for row in rows if row.scored]
    row_of = np.repeat(np.arange(len(scored)), [len(scores) for scores in scored])
    return RowScores.of(np.array([score for scores in scored for score in scores], dtype="float64"), row_of)


def _share_text(line: Mapping[Any, Any], middle: str, low: str, high: str) -> str:
    if line[middle] != line[middle]:
        return ""
    limits = interval_text(percent, line[low], line[high])
    return f"{percent(line[middle])}{f' ({limits})' if limits else ''}"


def _variant_cells(frame: pd.DataFrame) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    heads = ["variant", "rows", "answers", "different per row", "agreement (95 %)"]
    has_scores = "icc" in frame
    heads += ["variance within rows", "between rows", "part between (95 %)"] if has_scores else []
    variance = figures([*frame["variance_within"], *frame["variance_between"]]) if has_scores else str
    lines = [
        [
            line["variant"], count_text(line["rows"]), count_text(line["answers"]), f"{line['distinct']:.2f}",
            _share_text(line, "agreement", "agreement_low", "agreement_high"),
            *((variance(line["variance_within"]), variance(line["variance_between"]),
               _share_text(line, "icc", "icc_low", "icc_high")) if has_scores else ()),
        ]
        for line in frame.to_dict("records")
    ]  # fmt: skip
    return heads, lines


def _pass_cells(frame: pd.DataFrame, *, right: str) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    heads = ["variant", "k", "rows", f"pass@k: at least one of k is {right}", f"pass^k: all k are {right}"]
    lines = [
        [
            line["variant"], str(line["k"]), count_text(line["rows"]),
            _share_text(line, "pass_any", "any_low", "any_high"), _share_text(line, "pass_all", "all_low", "all_high"),
        ]
        for line in frame.to_dict("records")
    ]  # fmt: skip
    return heads, lines


def repeats_of(data: ComparisonData) -> Repeats:
    """Return what the repeats of each row say (see ``Comparison.repeats``)."""
    rows = [row for row in _answers_of_rows(data) if row.groups or row.scored]
    if not any(row.answers > 1 for row in rows):
        raise InputError("no row has two answers of one variant; run it several times: fh.batch(..., repeats=5)")
    return Repeats(rows, data)


def _answers_of_rows(data: ComparisonData) -> list[_RowAnswers]:
    lines = data.lines
    labels = lines["pair"].tolist()
    pair_of = pd.factorize(object_series(labels))[0]
    variant_of = pd.Index(data.variants).get_indexer(pd.Index(lines["variant"]))
    cell_of = pair_of.astype(np.int64) * len(data.variants) + variant_of
    order = np.argsort(cell_of, kind="stable")
    starts = np.flatnonzero(np.diff(cell_of[order], prepend=-1))
    cells = [part.tolist() for part in np.split(order, starts[1:])] if len(order) else []
    clusters, outputs = lines["cluster"].tolist(), lines["output"].to_numpy(dtype=object)
    completed = lines["status"].eq("completed").to_numpy()
    scores, path = lines["score"].to_numpy(dtype="float64"), data.runs.scored_path
    largest: dict[tuple[Any, int], list[int]] = {}
    for places in cells:  # of rows with equal inputs the one with most runs
        key = clusters[places[0]], int(variant_of[places[0]])
        if len(places) > len(largest.get(key, ())):
            largest[key] = places
    answers = []
    for (_, variant), places in largest.items():
        done = [place for place in places if completed[place]]
        answers.append(
            _RowAnswers(
                row=labels[places[0]], variant=data.variants[variant],
                groups=groups_of_answers([outputs[place] for place in done], path),
                scores=tuple(float(scores[place]) for place in done),
                scored=tuple(float(scores[place]) for place in places if scores[place] == scores[place]),
            )
        )  # fmt: skip
    return answers
