"""`LabelCodes`: the expected and the returned label of each run, where expected outputs are labels.

Everything about labels is counted from it: `cmp.classes()`, the macro F1 of the summary, and the confusion tables that
filter rows in a browser.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.comparing.scorers.observations import has_answer
from fh_notebook.comparing.scorers.output_values import NOTHING, part_of
from fh_notebook.core.json_values import is_missing, json_encoder
from fh_notebook.core.text.formatting import short
from fh_notebook.errors import InputError

MOST_LABELS: Final = 50
"""More different expected outputs are texts, not labels."""
ROWS_A_LABEL: Final = 2
"""On average: labels that occur once each are texts, too."""

Codes = NDArray[np.int64]
NOT_COUNTED: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCodes:
    """The labels of runs as numbers.

    Attributes
    ----------
    labels : list of str
        The expected labels, in the order in which they appear.
    expected : array of int
        Of each line the place of its expected label; -1 where none is expected.
    predicted : array of int
        Of each line the place of the label that it says, and ``len(labels)`` where it says another text, or failed and
        that counts; -1 where it does not count.
    """

    labels: list[str]
    expected: Codes
    predicted: Codes

    @classmethod
    def of(
        cls, lines: pd.DataFrame, expected: Mapping[Any, Any], *, path: tuple[str | int, ...], counts_failed: bool
    ) -> LabelCodes:
        """Read the labels of runs.

        Parameters
        ----------
        lines : DataFrame
            One line a run, as :class:`~fh_notebook.comparing.data.ScoredRuns` has them.
        expected : mapping
            What is expected of each row, by ``pair``.
        path : tuple
            The part of an output that is the label.
        counts_failed : bool
            Whether a failed run counts, as none of the labels.

        Raises
        ------
        InputError
            There are no expected outputs, or they are no labels.
        """
        present = {row: value for row, value in expected.items() if not is_missing(value)}
        read = _reader_of(present.values())
        label_of = {row: read(value) for row, value in present.items()}
        if not label_of:
            raise InputError("expected_output is missing, so there are no labels to find")
        labels = list(dict.fromkeys(label_of.values()))
        if len(labels) > MOST_LABELS or len(labels) * ROWS_A_LABEL > len(label_of):
            raise InputError(
                f"expected_output has {len(labels):,} different values on {len(label_of):,} rows, such as "
                f"{short(labels[0])}; at most {MOST_LABELS} labels are supported, each on several rows"
            )
        place = {label: index for index, label in enumerate(labels)}
        of_row = {row: place[label] for row, label in label_of.items()}
        other = len(labels)
        of_failed = other if counts_failed else NOT_COUNTED
        predicted = [
            place.get(read(part_of(output, path)), other)
            if has_answer(status, output, error)
            else of_failed
            if status == "failed"
            else NOT_COUNTED
            for output, status, error in zip(lines["output"], lines["status"], lines["error"], strict=True)
        ]
        codes = [of_row.get(pair, NOT_COUNTED) for pair in lines["pair"]]
        return cls(
            labels=labels, expected=np.asarray(codes, dtype=np.int64), predicted=np.asarray(predicted, dtype=np.int64)
        )

    @property
    def are_answers(self) -> bool:
        """Whether there are several labels, and at least half of the answers is one: else they are of another kind."""
        counted = self.predicted[(self.predicted != NOT_COUNTED) & (self.expected != NOT_COUNTED)]
        is_label = counted < len(self.labels)
        return len(self.labels) > 1 and bool(len(counted)) and bool(is_label.mean() >= 0.5)


def _reader_of(expected: Iterable[Any]) -> Callable[[Any], str]:
    """Return how values are read as labels: texts as numbers, or as true and false, where all expected values are."""
    kinds = {type(value) for value in expected}
    if kinds == {bool}:
        return lambda value: _label(_parsed(value.lower(), bool) if isinstance(value, str) else value)
    if kinds <= {int, float}:
        return lambda value: _label(_parsed(value, int | float) if isinstance(value, str) else value)
    return _label


def _parsed(text: str, kind: Any) -> Any:
    """Return the value that a text is in JSON; the text where it is none of that kind."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) else text


def _label(value: Any) -> str:
    """Return a value as a label: a text without the space around it, a whole number without its point, else JSON."""
    if value is NOTHING:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # pandas reads whole numbers beside an empty cell as floats
    return value.strip() if isinstance(value, str) else _spell(value)


_spell: Final = json_encoder(sort_keys=True)
"""As `canonical_json`, but of any number: a model may have written NaN or 1e999."""
