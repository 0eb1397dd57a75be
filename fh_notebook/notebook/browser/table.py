"""Rows and variants of a comparison as arrays: what the browser searches, filters and sorts. Pure.

What the first page needs is computed at once, in a fraction of a second for 400,000 runs; what only a filter needs is
computed once, at its first use or before, by :meth:`BrowserTable.warm`. All browsers of one comparison share one table.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Final
from weakref import WeakValueDictionary

import numpy as np
import pandas as pd

from fh_notebook.batching.model import INVALID_INPUT
from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.batching.tables.values import object_series
from fh_notebook.comparing.data import NOT_SENT, ComparisonData
from fh_notebook.comparing.diff.answer_groups import AnswerGroup, groups_of_answers
from fh_notebook.comparing.diff.row_diff import MISSING, VariantAnswer, masked
from fh_notebook.comparing.masks import RowMasker
from fh_notebook.comparing.stats.number_format import ScoreText
from fh_notebook.contract.run import with_action
from fh_notebook.core.json_values import canonical_json, is_missing, pretty
from fh_notebook.core.text.formatting import given_form
from fh_notebook.core.text.messages import APP_ERRORS

FOLDED: Final = 100_000_000
"""Characters of all outputs that are kept a second time, in one case, so that a search takes a tenth of the time."""
COUNTED_AT_ONCE: Final = 20_000
"""Runs whose outcomes are counted with the first page, in some hundredths of a second; of more, when it is there."""
SEARCHED: Final = 1_000_000
"""Characters of one JSON output that are searched."""

_TABLES: Final[WeakValueDictionary[tuple[int, bool], BrowserTable]] = WeakValueDictionary()
"""By the identity of its data, which a table holds: the number is nobody else's while the table lives."""
_TABLES_LOCK: Final = threading.Lock()


def browser_table(data: ComparisonData, *, is_app: bool = False) -> BrowserTable:
    """Return the table of a comparison's data: one, however many browsers look at it in the same words."""
    with _TABLES_LOCK:
        table = _TABLES.get((id(data), is_app))
        if table is None:
            table = _TABLES[id(data), is_app] = BrowserTable(data, is_app=is_app)
        return table


class BrowserTable:
    """The rows of a comparison, by their place in the plan, from 0.

    Parameters
    ----------
    data : ComparisonData
        Of what.
    is_app : bool
        Whether its errors are in the words for the users of an app.
    """

    def __init__(self, data: ComparisonData, *, is_app: bool = False) -> None:
        self._data = data
        lines = data.lines
        self.making = threading.RLock()  # held by whoever makes or filters, so that nothing is made twice at once
        self.variants, self.colours = data.variants, data.colours
        self.pair_on, self.scorer, self.lower = data.pair_on, data.scorer, data.lower
        self.scored_path = data.runs.scored_path
        row_of, labels = pd.factorize(lines["pair"])
        self.labels: Any = labels
        self.rows = len(labels)
        self.output: Any = lines["output"].to_numpy(dtype=object)
        self.status: Any = data.shown_status
        self._error: Any = lines["error"].to_numpy(dtype=object)
        self._client_action: Any = lines["client_action"].to_numpy(dtype=object)
        if is_app:
            self._say_in_app()
        self._seconds: Any = lines["seconds"].to_numpy(dtype="float64")
        self.completed: Any = self.status == "completed"
        self.line, self.answers = self._cells(np.asarray(row_of), lines["variant"])
        self._first = np.full(self.rows, -1, dtype=np.int64)
        self._first[row_of[::-1]] = np.arange(len(row_of))[::-1]

    def _cells(self, row_of: Any, variants: Any) -> tuple[Any, Any]:
        """Return for each row and variant its line (of repeats the first completed one; -1 for none), and how many."""
        variant = pd.Index(self.variants).get_indexer(pd.Index(variants))
        cell = row_of * len(self.variants) + variant
        line = np.full(self.rows * len(self.variants), -1, dtype=np.int64)
        lines = np.arange(len(cell))
        for mask in (~self.completed, self.completed):  # backwards: the first one is written last, and stays
            line[cell[mask][::-1]] = lines[mask][::-1]
        self._cell_of_line = cell
        shape = (self.rows, len(self.variants))
        return line.reshape(shape), np.bincount(cell, minlength=line.size).reshape(shape)

    def _say_in_app(self) -> None:
        codes = self._data.runs.cells("error_code", range(len(self.status)))
        errors = zip(self.status, self._error, codes, strict=True)
        said = [error if code == INVALID_INPUT else APP_ERRORS.get(status) for status, error, code in errors]
        self._error, self._client_action = object_series(said).to_numpy(), np.full(len(said), None)

    @property
    def is_timed(self) -> bool:
        """Whether it is known of any answer how long it took; the array of all cells is not made for this."""
        return bool(np.isfinite(self._seconds).any())

    # --- of one row

    def label(self, row: int) -> Any:
        """Return the value of the column that pairs."""
        return self.labels[row]

    def row_of_label(self, label: Any) -> int | None:
        return next((row for row, row_label in enumerate(self.labels) if row_label == label), None)

    def answer(self, row: int, variant: int) -> VariantAnswer:
        """Return what a variant said to a row."""
        at = int(self.line[row, variant])
        if at < 0:
            return VariantAnswer(variant=self.variants[variant], status=MISSING, answers=0)
        error, action = (None if is_missing(x) else str(x) for x in (self._error[at], self._client_action[at]))
        answer = VariantAnswer(
            variant=self.variants[variant],
            status=str(self.status[at]),
            output=self.output[at],
            error=error,
            client_action=action,
            score=float(self.scores[row, variant]),
            seconds=float(self._seconds[at]),
            answers=int(self.answers[row, variant]),
            groups=self._groups(row, variant),
            lister=self._data.runs.lister_at(at, self.output[at]),
        )
        return masked(answer, self.label(row), self._masks)

    def _groups(self, row: int, variant: int) -> tuple[AnswerGroup, ...]:
        """Return the different answers of the repeats; nothing of one run."""
        if self.answers[row, variant] < 2:
            return ()
        cell = row * len(self.variants) + variant
        order, ends = self._lines_by_cell
        lines = order[ends[cell] - self.answers[row, variant] : ends[cell]]
        return groups_of_answers([self.output[at] for at in lines if self.completed[at]], self.scored_path)

    @cached_property
    def _lines_by_cell(self) -> tuple[Any, Any]:
        """The lines in the order of their cells, and where those of each cell end."""
        return np.argsort(self._cell_of_line, kind="stable"), np.cumsum(self.answers.ravel())

    def expected(self, row: int) -> Any:
        """Return what was expected; ``None`` where nothing was."""
        expected = self._data.runs.expected
        return None if expected is None else self._masks.value(self.label(row), expected.get(self.label(row)))

    def correction_mark(self, row: int) -> str:
        """Return from what the expected output of a row was corrected, in words; empty where it was not."""
        return self._data.runs.correction_mark(self.label(row))

    def correction_story(self, row: int) -> str:
        """Return from what a row was corrected, by whom, when and why; empty of any other row."""
        return self._data.runs.correction_story(self.label(row))

    @property
    def has_expected(self) -> bool:
        """Whether anything was expected of any row."""
        return self._data.runs.expected is not None

    def own(self, column: str, rows: Sequence[int]) -> list[Any]:
        """Return what rows have in one of their own columns."""
        values = self._data.runs.cells(column, self._first[list(rows)].tolist())
        return self._masks.many([self._pairs[row] for row in rows], values)

    def shown(self, column: str, rows: Sequence[int]) -> list[str]:
        """Return what rows have in one of their own columns, as the table shows it."""
        form = self.form(column)
        return [cell_text(value, form) for value in self.own(column, rows)]

    def form(self, column: str) -> str:
        """Return the format of the floats of a column: that of all rows, so a cell reads the same on every page."""
        if column not in self._forms:
            values = self._data.runs.cells(column, self._first.tolist())
            # To mask all texts of a column takes longer than to see that there is no number among them.
            self._forms[column] = given_form(self._masks.many(self._pairs, values)) if given_form(values) else ""
        return self._forms[column]

    def differs(self, rows: Sequence[int]) -> list[bool]:
        """Return of each row whether its completed outputs are not all the same."""
        flags = []
        for row in rows:
            cells = [at for at in self.line[row] if at >= 0 and self.completed[at]]
            flags.append(len({output_text(self.output[at]) for at in cells}) > 1)
        return flags

    def best(self, row: int) -> int | None:
        """Return the variant that won a row: it alone has the best score, of at least two."""
        variant = int(self.winners[row])
        return variant if variant >= 0 else None

    # --- of all rows, made when they are first needed

    def warm(self) -> None:
        """Make what a first search and the filters need, unless that is very much; who asks meanwhile goes between."""
        if sum(len(output) if type(output) is str else 1_000 for output in self.output if output is not None) > FOLDED:
            return
        makers = (
            lambda: self.rows_with("\n\n"),
            lambda: self.different,
            lambda: (self.winners, self.score_range),
            lambda: self.confusions,
        )
        for make in makers:
            with self.making:
                make()

    @cached_property
    def columns(self) -> list[str]:
        """The rows' own columns, without those whose values must not be shown."""
        return self._data.leading_columns

    @cached_property
    def scores(self) -> Any:
        """Rows x variants; the mean of repeats, NaN where there is none."""
        return self._data.grid_of_rows.means

    @property
    def score_text(self) -> ScoreText:
        """The format of every score."""
        return self._data.score_text

    @property
    def is_right_or_wrong(self) -> bool:
        """Whether each score says that an answer is right or wrong."""
        return self._data.is_right_or_wrong

    @cached_property
    def seconds(self) -> Any:
        """Rows x variants; NaN where nothing was measured."""
        seconds = np.append(self._seconds, np.nan)  # a line of -1 is the last one
        return seconds[self.line]

    @cached_property
    def winners(self) -> Any:
        """The place of each row's winner; -1 for a tie, or where fewer than two have a score."""
        return self._data.winners

    @property
    def is_warm(self) -> bool:
        """Whether what the counts need is there already, or is made in no time."""
        return "different" in self.__dict__ or self.line.size <= COUNTED_AT_ONCE

    @cached_property
    def counts(self) -> dict[str, int]:
        """Return the number of rows by outcome: those that are counted of `row_filters`."""
        wins = np.bincount(self.winners[self.winners >= 0], minlength=len(self.variants)).tolist()
        numbers = {
            "different": self.different,
            "failed": self.with_status("failed"),
            "not_sent": self.with_status(NOT_SENT),
            "unknown": self.with_status("unknown"),
            "pending": self.with_status("pending", MISSING),
        }
        return {name: int(rows.sum()) for name, rows in numbers.items()} | {
            f"won:{n}": count for n, count in enumerate(wins)
        }

    @cached_property
    def score_range(self) -> Any:
        """How far apart the scores of each row are; NaN where fewer than two have one."""
        is_scored = ~np.isnan(self.scores)
        low = np.where(is_scored, self.scores, np.inf).min(axis=1, initial=np.inf)
        high = np.where(is_scored, self.scores, -np.inf).max(axis=1, initial=-np.inf)
        return np.where(is_scored.sum(axis=1) > 1, high - low, np.nan)

    @cached_property
    def different(self) -> Any:
        """Of each row, whether its completed outputs are not all the same; blanks around a text do not count."""
        texts = np.fromiter(map(output_text, self.output), dtype=object, count=len(self.output))
        codes = np.append(pd.factorize(texts)[0], -1)
        done = np.append(self.completed, False)
        code = np.where(done[self.line], codes[self.line], -1)
        high = code.max(axis=1, initial=-1)
        low = np.where(code < 0, np.iinfo(np.int64).max, code).min(axis=1, initial=np.iinfo(np.int64).max)
        return (high >= 0) & (low < high)

    @cached_property
    def labels_expected(self) -> list[str]:
        """The expected labels; empty where answers are no labels."""
        return self._data.label_codes.labels if self._data.class_rows else []

    @cached_property
    def _label_places(self) -> tuple[Any, Any]:
        """Return of each row the place of its expected label, and of each cell that of the label that is answered."""
        codes = self._data.label_codes
        predicted = np.append(codes.predicted, -1)[self.line]
        return codes.expected[self._first], predicted

    @cached_property
    def confusions(self) -> list[list[list[int]]]:
        """Return of each variant how many rows of each expected label are answered by each label, and by another."""
        if not self.labels_expected:
            return []
        expected, predicted = self._label_places
        size = len(self.labels_expected)
        counts = np.zeros((len(self.variants), size, size + 1), dtype=np.int64)
        for variant in range(len(self.variants)):
            known = (expected >= 0) & (predicted[:, variant] >= 0)
            np.add.at(counts[variant], (expected[known], predicted[known, variant]), 1)
        table: list[list[list[int]]] = counts.tolist()
        return table

    def rows_confused(self, variant: str, expected: str, predicted: str) -> Any:
        """Return of each row whether `expected` is its label, and a variant answers `predicted` to it."""
        labels = self.labels_expected
        of_row, of_cell = self._label_places
        place = labels.index(predicted) if predicted in labels else len(labels)
        return (of_row == labels.index(expected)) & (of_cell[:, self.variants.index(variant)] == place)

    def label_shown(self, label: str) -> str:
        """Return a label with what must not be shown masked."""
        return self._data.runs.secret().masked(label)

    def with_status(self, *statuses: str) -> Any:
        """Return of each row whether a run of it has one of the statuses."""
        matches = np.append(np.isin(self.status, statuses), MISSING in statuses)
        return matches[self.line].any(axis=1)

    def values(self, column: str, form: str = "") -> tuple[Any, list[str]]:
        """Return for each row a number, and the texts that the numbers stand for: of floats in a `form`, if any."""
        coded = self._values.get((column, form))
        if coded is None:
            values = (cell_text(value, form) for value in self.own(column, range(self.rows)))
            codes, texts = pd.factorize(np.fromiter(values, dtype=object, count=self.rows))
            coded = self._values[column, form] = (codes, texts.tolist())
        return coded

    def rows_with(self, text: str) -> Any:
        """Return of each row whether a column, an output or an error has `text`, which is case folded, in it."""
        hits = _hits(self._label_texts, text)
        looks = [(name, "") for name in [*self.columns, *([EXPECTED] if self.has_expected else [])]]
        looks += [(name, form) for name in self.columns if (form := self.form(name))]  # also what is shown of a float
        for name, form in looks:
            codes, texts = self.values(name, form)  # a value that many rows have is looked at once
            hits |= _hits(map(str.casefold, texts), text)[codes]
        lines = np.append(_hits(self._line_texts(), text), False)
        for variant in range(self.line.shape[1]):
            hits |= lines[self.line[:, variant]]
        return hits

    @cached_property
    def _label_texts(self) -> list[str]:
        return [str(label).casefold() for label in self.labels]

    def _line_texts(self) -> Iterable[str]:
        """What each run said, as it is searched: its output, or its error with what to do about it."""
        return self._folded if self._folded is not None else map(str.casefold, self._texts)

    @cached_property
    def _texts(self) -> list[str]:
        texts = [
            output
            if type(output) is str
            else with_action(str(error or ""), None if is_missing(action) else str(action))
            if output is None
            else _json(output)
            for output, error, action in zip(self.output, self._error, self._client_action, strict=True)
        ]
        return self._masks.many(self._data.lines["pair"].tolist(), texts)

    @cached_property
    def _pairs(self) -> list[Any]:
        """The labels as a list, of which 100,000 take a hundredth of the time that an index takes."""
        return list(self.labels.tolist())

    @cached_property
    def _masks(self) -> RowMasker:
        return self._data.runs.secret().masks()

    @cached_property
    def _folded(self) -> list[str] | None:
        if sum(map(len, self._texts)) > FOLDED:
            return None
        return [text.casefold() for text in self._texts]

    @cached_property
    def _values(self) -> dict[tuple[str, str], tuple[Any, list[str]]]:
        return {}

    @cached_property
    def _forms(self) -> dict[str, str]:
        return {}


def _hits(texts: Iterable[str], text: str) -> Any:
    return np.fromiter((text in candidate for candidate in texts), dtype=bool)


def output_text(output: Any) -> str:
    """Return an output as a text to tell outputs apart by: JSON by its canonical spelling."""
    if type(output) is str:
        return output.strip()
    if output is None:
        return ""
    try:
        return f"\x00{canonical_json(output)}"
    except (TypeError, ValueError, RecursionError):
        return f"\x00{_json(output)}"


def cell_text(value: Any, form: str = "") -> str:
    """Return a cell of a row as text, a float in the `form` of its column; a missing one is empty."""
    if type(value) is str:
        return value
    if value is None or value != value:
        return ""
    if form and isinstance(value, float):
        return f"{value:{form}}"
    return _json(value) if isinstance(value, list | dict) else str(value)


def _json(value: Any) -> str:
    try:
        return canonical_json(value)
    except (TypeError, ValueError, RecursionError):
        return pretty(value, limit=SEARCHED)[0]
