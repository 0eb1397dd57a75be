"""A comparison and a row -> its `RowDiff`.

Rule of this file: an error is one line with what there is. Of repeats the first completed run is looked at, as in
`Comparison.wide`, and the number of them is said. Passwords and keys are masked, whoever says them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.labels import label_from
from fh_notebook.batching.rows import EXPECTED
from fh_notebook.comparing.asking import no_variant
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.diff_row import Answer, versus
from fh_notebook.comparing.diff_show import RowDiff
from fh_notebook.comparing.hiding import Masks
from fh_notebook.contract.spell import listed, nearest, short
from fh_notebook.errors import InputError

__all__ = ["MISSING", "answer_of", "diff_of", "masked"]

MISSING: Final = "missing"
"""The status of a variant that has no run on a row, not even a planned one."""


def diff_of(data: ComparisonData, row: Any, *, a: str | None = None, b: str | Sequence[str] | None = None) -> RowDiff:
    """Return what the variants said to a row against a baseline (see ``Comparison.diff``)."""
    if getattr(row, "ndim", 0) or isinstance(row, list | dict | set | np.ndarray) or row is pd.NA:
        raise InputError(f"row is {short(row)}; give one value of {short(data.pair_on)}")
    lines = data.lines
    pairs_at = lines["pair"].tolist()
    places = [at for at, pair in enumerate(pairs_at) if pair == row]
    if not places:  # a value of the frame's own index: a moment, a row of a MultiIndex
        label = label_from(row)
        places = [at for at, pair in enumerate(pairs_at) if pair == label]
        row = label if places else row
    if not places:
        raise InputError(_no_row(row, data))
    masks = data.runs.secret().masks()
    answers = {variant: masked(answer_of(lines, places, variant), row, masks) for variant in data.variants}
    if data.runs.expected is not None:
        expected = data.runs.expected.get(row)
        answers[EXPECTED] = Answer(
            variant=EXPECTED, output=masks.value(row, expected), status=MISSING if expected is None else "completed"
        )
    pairs = [(_one_of(one, answers), _one_of(two, answers)) for one, two in _pairs(data, a, b)]
    alone = () if pairs else tuple(answers.values())
    return RowDiff(
        row=row,
        parts=tuple(versus(one, two) for one, two in pairs),
        pair_on=data.pair_on,
        inputs={name: masks.value(row, data.runs.cells(name, places[:1])[0]) for name in data.row_columns},
        has_score=bool(data.scorer),
        alone=alone,
    )


def _pairs(data: ComparisonData, a: str | None, b: str | Sequence[str] | None) -> list[tuple[str, str]]:
    if a is None and b is None and data.which is not None:
        return list(data.which)  # of two dates: each variant against itself
    others = [b] if isinstance(b, str) else list(b) if b is not None else None
    first = a if a is not None else next((v for v in data.variants if others is None or v not in others), None)
    if first is None:
        raise InputError("there is no variant left to be the baseline; name it: cmp.diff(row, a=...)")
    return [(first, other) for other in (others if others is not None else data.variants) if other != first]


def _one_of(variant: Any, answers: dict[str, Answer]) -> Answer:
    if variant not in answers:
        raise InputError(no_variant(variant, answers))
    return answers[variant]


def _no_row(row: Any, data: ComparisonData) -> str:
    pairs = list(dict.fromkeys(data.lines["pair"]))
    close = nearest(row, [pair for pair in pairs if isinstance(pair, str)])
    if close is None:
        close = next((pair for pair in pairs if short(pair).strip("'") == short(row).strip("'")), None)
    hint = f"did you mean {close!r}?" if close is not None else f"there are {listed(pairs, 'and') or 'none'}"
    return f"there is no {data.pair_on} {short(row)}; {hint}"


def answer_of(lines: pd.DataFrame, places: Sequence[int], variant: str) -> Answer:
    """Return what a variant said on the lines of one row: of repeats the first that completed."""
    own = [at for at in places if lines["variant"].iat[at] == variant]
    if not own:
        return Answer(variant=variant, status=MISSING, answers=0)
    at = next((at for at in own if lines["status"].iat[at] == "completed"), own[0])
    line: dict[Any, Any] = lines.iloc[[at]].to_dict("records")[0]
    error = line["error"]
    return Answer(
        variant=variant,
        status=str(line["status"]),
        output=line["output"],
        error=str(error) if error is not None and error == error else None,
        score=float(line["score"]),
        seconds=float(line["seconds"]),
        answers=len(own),
    )


def masked(answer: Answer, row: Any, masks: Masks) -> Answer:
    """Return an answer without the passwords and keys that it, or its error, repeats."""
    error = None if answer.error is None else masks.of(row, answer.error)
    return replace(answer, output=masks.value(row, answer.output), error=error)
