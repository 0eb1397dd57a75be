"""Scorers that measure or read a number: `number`, `latency`, `length`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from fh_notebook.comparing.scorers.base import (
    MAX_CHARS,
    Answer,
    Scorer,
    expected_in,
    number_of,
    ready_scorer,
    scorer_text,
)
from fh_notebook.comparing.scorers.output_values import parse_path, part_of, text_of
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import short
from fh_notebook.core.values import ColumnName, Whole
from fh_notebook.errors import InputError

_NUMBER: Final = re.compile(
    r"(?<![\w.,])[-+−]?(?:\d{1,3}(?:,\d{3}){1,20}(?:\.\d{1,300})?|\d{1,300}(?:\.\d{1,300})?|\.\d{1,300})"
    r"(?:[eE][-+]?\d{1,4})?(?!\w|[.,]\d)",
    re.ASCII,
)
"""As English writes them: ``1,234.5``. A digit next to a letter (``v2``) or in a date's dots is no number. Every repeat
has a bound, so that reading takes time in proportion to the text."""


@arguments.public
def number(
    tolerance: float = 0.0,
    *,
    relative: float = 0.0,
    expected: ColumnName = "expected_output",
    path: str | None = None,
    which: Literal["last", "first", "only"] = "last",
) -> Scorer:
    """Return a scorer that checks whether the number in the output is the expected one, within a tolerance.

    Numbers are read as English writes them (``1,234.5``, ``-3``, ``1e-3``). A text without a number is wrong.

    Parameters
    ----------
    tolerance : float
        How far it may be away.
    relative : float
        How far, as a share of the expected number; the larger of both counts (as in ``math.isclose``).
    expected : str
        The column of the row that holds the number, or a text with one.
    path : str, optional
        A path into the output, such as ``total.amount``.
    which : {"last", "first", "only"}
        Of several numbers in a text: the last one (answers end with it), the first one, or none is right.

    Raises
    ------
    InputError
        An option cannot be meant.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> number(0.5)(Run(status="completed", output="3 x 4 makes 12."), {"expected_output": 12.3})
    True
    """
    arguments.check(number, locals(), but={"path"})
    expected = arguments.column_text(expected)
    for name, value in (("tolerance", tolerance), ("relative", relative)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise InputError(f"{name} is {short(value)}; give a number, at least 0")
    if which not in ("last", "first", "only"):
        raise InputError(f"which is {short(which)}; give 'last', 'first' or 'only'")
    steps = parse_path(path)

    def score(run: Answer, row: Mapping[str, Any]) -> bool | None:
        cell = expected_in(row, expected)
        if cell is None:
            return None
        expected_number = _number_in(cell, "only")
        if expected_number is None:
            raise InputError(f"the column {short(expected)} holds {short(cell)}, which is not one number")
        value_in_output = _number_in(part_of(run.output, steps), which)
        # Given as they are written: 0.1 away from 0.3 must hold 0.2, which binary fractions miss by 3e-17.
        slack = 1e-12 * max(abs(expected_number), 1.0) if tolerance or relative else 0.0
        return (
            value_in_output is not None
            and abs(value_in_output - expected_number) <= max(tolerance, relative * abs(expected_number)) + slack
        )

    name = scorer_text(
        "number",
        *([tolerance] if tolerance else []),
        relative=(relative, 0.0),
        expected=(expected, "expected_output"),
        path=(path, None),
        which=(which, "last"),
    )
    return ready_scorer(
        name, score, reads=expected, tolerance=float(tolerance), relative=float(relative), path=path, which=which,
        criterion=f"right = the number of {expected}{', within the tolerance' if tolerance or relative else ''}",
    )  # fmt: skip


def _number_in(value: Any, which: str) -> float | None:
    if isinstance(value, bool):
        return None
    if (plain_number := number_of(value)) is not None:
        return plain_number
    text = text_of(value) if isinstance(value, str) else ""
    if len(text) > MAX_CHARS:
        raise InputError(f"the text has {len(text):,} characters, and at most {MAX_CHARS:,} are searched for a number")
    matches = _NUMBER.findall(text)
    if not matches or (which == "only" and len(matches) > 1):
        return None
    parsed = float(matches[0 if which == "first" else -1].replace(",", "").replace("−", "-"))
    return parsed if math.isfinite(parsed) else None


@arguments.public
def latency(at_most: float | None = None) -> Scorer:
    """Return a scorer that gives the seconds of a run (less is better), or checks them against a limit.

    Parameters
    ----------
    at_most : float, optional
        In seconds: the score is then yes or no.

    Raises
    ------
    InputError
        `at_most` cannot be meant.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> latency()(Run(status="completed", elapsed_s=0.5)), latency(at_most=0.2)(Run(status="completed", elapsed_s=0.5))
    (0.5, False)
    """
    arguments.check(latency, locals())
    _check_bounds(at_most=at_most)

    def score(run: Answer, row: Mapping[str, Any]) -> bool | float | None:
        if not run.elapsed_s:
            return None  # a run of a table that has no times
        return run.elapsed_s if at_most is None else run.elapsed_s <= at_most

    name = scorer_text("latency", at_most=(at_most, None))
    criterion = "score = seconds, less is better" if at_most is None else f"right = within {at_most:g} seconds"
    return ready_scorer(name, score, reads=None, at_most=at_most, lower_is_better=at_most is None, criterion=criterion)


@arguments.public
def length(
    unit: Literal["characters", "words"] = "characters",
    *,
    at_least: Whole | None = None,
    at_most: Whole | None = None,
    path: str | None = None,
) -> Scorer:
    """Return a scorer that counts the characters or words of the output, or checks them against bounds.

    Blanks around a text do not count. An output that is an object counts as its JSON.

    Parameters
    ----------
    unit : {"characters", "words"}
        What is counted; words are what stands between blanks.
    at_least, at_most : int, optional
        Bounds, both inclusive: the score is then yes or no.
    path : str, optional
        A path into the output; where it leads nowhere, the length is 0.

    Raises
    ------
    InputError
        An option cannot be meant.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> run = Run(status="completed", output="Sorry for that.")
    >>> length()(run), length("words")(run), length("words", at_most=2)(run)
    (15, 3, False)
    """
    arguments.check(length, locals(), but={"path"})
    if unit not in ("characters", "words"):
        raise InputError(f"unit is {short(unit)}; give 'characters' or 'words'")
    _check_bounds(at_least=at_least, at_most=at_most)
    if at_least is not None and at_most is not None and at_least > at_most:
        raise InputError(f"at_least is {at_least} and at_most is {at_most}; no length fits both")
    steps = parse_path(path)

    def score(run: Answer, row: Mapping[str, Any]) -> bool | int:
        text = text_of(part_of(run.output, steps)).strip()
        count = len(text.split()) if unit == "words" else len(text)
        if at_least is None and at_most is None:
            return count
        return (at_least is None or count >= at_least) and (at_most is None or count <= at_most)

    name = scorer_text(
        "length",
        *([unit] if unit != "characters" else []),
        at_least=(at_least, None),
        at_most=(at_most, None),
        path=(path, None),
    )
    is_counted = at_least is None and at_most is None
    what = f"{path} of the output" if path else "the output"
    ends = {"exactly": at_least} if at_least == at_most else {"at least": at_least, "at most": at_most}
    bounds = " and ".join(f"{words} {bound:g}" for words, bound in ends.items() if bound is not None)
    criterion = f"score = {unit} of {what}" if is_counted else f"right = {what} has {bounds} {unit}"
    return ready_scorer(
        name, score, reads=None, unit=unit, at_least=at_least, at_most=at_most, path=path, criterion=criterion
    )


def _check_bounds(**bounds: float | None) -> None:
    for name, value in bounds.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise InputError(f"{name} is {short(value)}; give a number, at least 0")
