"""`Scorer` and `ScoreResult`: a named scorer, and the score that its return value means.

A score is true, false or a number, or an object of such parts. Anything else is a missing score with its error, never
zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple

import numpy as np

from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.batching.tables.values import is_missing, plain
from fh_notebook.contract.json_values import canonical_json
from fh_notebook.contract.run import Run, one_line
from fh_notebook.core import arguments
from fh_notebook.core.partial_repr import with_partial_repr
from fh_notebook.core.text.formatting import listed, nearest, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import error_text
from fh_notebook.errors import InputError

__all__ = [
    "MAX_CHARS",
    "NO_SCORE",
    "ScoreResult",
    "Scorer",
    "error_result",
    "expected_in",
    "expecting_scorer_text",
    "number_of",
    "ready_scorer",
    "score_result",
    "scorer_text",
]

MAX_CHARS: Final = 100_000
"""Scorers whose time grows faster than the text read no more characters than these: a hostile output must not hang a
notebook. A longer one is a missing score that says so."""
PART_CHARS: Final = 1_000
"""Of a text that a scorer gives along with its score, a judge's reason say."""
MAX_PARTS: Final = 1_000
MAX_VERSION: Final = 200
"""Characters of a version that are spelt out; of longer ones, such as a schema's, the hash is."""
READY: Final = 1
"""To be raised when a ready scorer scores otherwise than before: what is kept of the old one is then left aside."""


class ScoreResult(NamedTuple):
    """What came of scoring one run."""

    score: float
    """NaN where there is none."""
    error: str | None = None
    """Why there is none, where something went wrong."""
    parts: Mapping[str, Any] | None = None
    """What the score is made of, by name: numbers, texts or ``None``."""


NO_SCORE: Final = ScoreResult(float("nan"))
"""There is nothing to score by, and nothing went wrong."""


@with_partial_repr
@dataclass(frozen=True)
class Scorer:
    """A scorer with a name that says what it does. Made by the functions of ``fh.score``.

    Attributes
    ----------
    name : str
        With all its options: it stands above the table.
    version : str or None
        Under which its scores are kept. ``None``: they are not, because a change of the function cannot be detected.
    lower_is_better : bool
        As with seconds.
    """

    name: str
    function: Callable[[Run, Mapping[str, Any]], Any] = field(repr=False)
    version: str | None = field(default=None, repr=False)
    lower_is_better: bool = field(default=False, repr=False)
    bounds: tuple[float, float] | None = field(default=None, repr=False)
    """The lowest and the highest score that there can be, where that is known: no interval leaves them."""
    reads_row: bool = field(default=True, repr=False)
    """Whether a row's columns can change its score."""
    columns: tuple[()] | tuple[str] | None = field(default=None, repr=False)
    """The one that it reads of a row, where that is known; of the run it then reads nothing but output and seconds."""
    is_async: bool = field(default=False, repr=False)
    max_concurrency: int = field(default=8, repr=False)
    """How many runs an async one scores at once."""
    hashed: Callable[..., Any] | None = field(default=None, repr=False)
    """The user's function whose hash is the version, computed at each scoring; ``None`` where the version is fixed."""
    unversioned: str = field(default="", repr=False)
    """Why there is no version."""

    def __post_init__(self) -> None:
        arguments.check(Scorer.__init__, {"name": self.name, "function": self.function, "version": self.version})

    def __call__(self, run: Run, row: Mapping[str, Any] | None = None) -> Any:
        """Return the score of `run`, or ``None`` where there is nothing to score it by."""
        return self.function(run, {} if row is None else row)

    def __repr__(self) -> str:
        return self.name


def scorer_text(name: str, *given: object, **options: tuple[object, object]) -> str:
    """Return how a scorer is written: its arguments, and those options that are not what they are by default.

    Examples
    --------
    >>> scorer_text("number", tolerance=(0.1, 0.0), path=(None, None))
    'number(tolerance=0.1)'
    """
    arguments_text = [short(g) for g in given]
    arguments_text += [f"{key}={short(value)}" for key, (value, default) in options.items() if value != default]
    return f"{name}({', '.join(arguments_text)})"


def expecting_scorer_text(name: str, expected: str, **options: tuple[object, object]) -> str:
    """Return how a scorer is written that compares with a column: the column is left out where it is the usual one.

    Examples
    --------
    >>> expecting_scorer_text("exact", "expected_output"), expecting_scorer_text("exact", "label", path=("a", None))
    ('exact()', "exact('label', path='a')")
    """
    return scorer_text(name, *([expected] if expected != EXPECTED else []), **options)


def ready_scorer(
    name: str, function: Callable[[Run, Mapping[str, Any]], Any], *, reads: str | None, **options: Any
) -> Scorer:
    """Return a ready scorer, whose scores are kept.

    Parameters
    ----------
    name : str
        As it is spelt.
    function : function of a run and a row
        What it does.
    reads : str or None
        The one column of the row that it reads, if any.
    said : options
        All that its scores depend on, in full: they are its version, with a number that is to be raised with every
        change of what it does. ``lower_is_better=`` is the scorer's own.
    """
    lower = bool(options.pop("lower_is_better", False))
    kind = name.partition("(")[0]
    try:
        spelling = canonical_json([reads, options])
    except (TypeError, ValueError, RecursionError):
        version = None  # an option without a JSON form, of which nobody can tell whether it changed
    else:
        exactly = spelling if len(spelling) <= MAX_VERSION else sha256(spelling.encode()).hexdigest()
        version = f"{kind} {READY} {exactly}"
    columns: tuple[()] | tuple[str] = () if reads is None else (reads,)
    return Scorer(name, function, version=version, lower_is_better=lower, reads_row=reads is not None, columns=columns)


def expected_in(row: Mapping[str, Any], column: str) -> Any:
    """Return what a row expects.

    Raises
    ------
    InputError
        It has no such column.
    """
    if column in row:
        return row[column]
    close = nearest(column, row)
    hint = f"did you mean {close!r}?" if close else f"the columns are {listed(list(row), 'and') or 'none'}"
    raise InputError(Problem(None, "column", f"there is no column {short(column)}", "to compare with", hint))


def score_result(value: Any) -> ScoreResult:
    """Return what a scorer's answer means.

    Examples
    --------
    >>> score_result(True).score, score_result({"a": True, "b": 0.5}).score
    (1.0, 0.75)
    >>> score_result({"score": 3, "why": "short"}).parts
    {'score': 3.0, 'why': 'short'}
    >>> score_result("good").error
    "the scorer gave 'good'; a score is true, false or a number"
    """
    if isinstance(value, bool):
        return ScoreResult(float(value))
    if isinstance(value, ScoreResult):
        return value
    if isinstance(value, Mapping):
        return _result_of_parts(value)
    if is_missing(value):
        return NO_SCORE
    number = number_of(value)
    if number is None:
        number = number_of(value := plain(value))  # such as Decimal, or numpy's array of one number and no axis
    if number is None:
        return ScoreResult(float("nan"), f"the scorer gave {short(value)}; a score is true, false or a number")
    return ScoreResult(number)


def _result_of_parts(value: Mapping[Any, Any]) -> ScoreResult:
    """``score`` is the score where there is one; else the mean of the parts that are numbers."""
    if len(value) > MAX_PARTS:
        return ScoreResult(
            float("nan"), f"the scorer gave an object of {len(value):,} parts; {MAX_PARTS:,} can be kept"
        )
    parts = {str(name): _part_value(part) for name, part in value.items()}
    if "score" in value:
        own = score_result(None if isinstance(value["score"], Mapping) else value["score"])
        return ScoreResult(own.score, own.error, parts)
    numbers = [part for part in parts.values() if isinstance(part, float)]
    if not numbers:
        return ScoreResult(
            float("nan"), f"the scorer gave {short(plain(dict(value)))}; none of its parts is a number", parts
        )
    return ScoreResult(math.fsum(numbers) / len(numbers), None, parts)


def _part_value(value: Any) -> float | str | None:
    if isinstance(value, str):
        return value[:PART_CHARS]
    if is_missing(value):
        return None
    number = number_of(value)
    return short(plain(value), PART_CHARS) if number is None else number


def number_of(value: Any) -> float | None:
    """Return a finite number, true and false among them, as a float."""
    if isinstance(value, bool | int | float | np.bool_ | np.number) and not isinstance(value, np.complexfloating):
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:  # a whole number beyond what a float can hold
            return None
    return None


def error_result(exc: BaseException) -> ScoreResult:
    """Return the missing score of a scorer that raised."""
    return ScoreResult(float("nan"), one_line(error_text(exc), 300))
