"""`Scorer` and `ScoreResult`: a named scorer, and the score that its return value means.

A score is true, false or a number, or an object of such parts. Anything else is a missing score with its error, never
zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.batching.tables.values import plain
from fh_notebook.core import arguments
from fh_notebook.core.json_values import canonical_json, is_missing
from fh_notebook.core.redaction import error_text
from fh_notebook.core.text.formatting import listed, nearest, one_line, short, with_partial_repr
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError

MAX_CHARS: Final = 100_000
"""Scorers whose time grows faster than the text read no more characters than these: a hostile output must not hang a
notebook. A longer one is a missing score that says so."""
PART_CHARS: Final = 1_000
"""Characters of a text that a scorer returns with its score, such as a judge's reason."""
MAX_PARTS: Final = 1_000
MAX_VERSION: Final = 200
"""Characters of a version that are stored as they are; a longer one, such as a schema's, is stored as its hash."""
READY_VERSION: Final = 1
"""Version of the built-in scorers. Raise it when one of them scores differently, so that stored scores are ignored."""


class ScoreResult(NamedTuple):
    """The score of one run."""

    score: float
    """NaN where there is none."""
    error: str | None = None
    """Why there is no score, after an error."""
    parts: Mapping[str, Any] | None = None
    """The parts of the score by name: numbers, texts or ``None``."""


NO_SCORE: Final = ScoreResult(float("nan"))
"""No score, without an error: the row has nothing to score by."""


class Answer(Protocol):
    """What the built-in scorers read of a completed run; a `Run` is one."""

    @property
    def status(self) -> str:
        """As of a `Run`."""

    @property
    def output(self) -> Any:
        """As of a `Run`."""

    @property
    def elapsed_s(self) -> float:
        """As of a `Run`."""

    @property
    def variant(self) -> str | None:
        """As of a `Run`."""


class AnswerCells(NamedTuple):
    """An answer out of columns, which is no run."""

    output: Any
    elapsed_s: float
    variant: str | None
    status: str = "completed"


@arguments.public
@with_partial_repr
@dataclass(frozen=True)
class Scorer:
    """A scorer with a name that states its options. The functions of ``fh.score`` return one.

    Attributes
    ----------
    name : str
        Its name with all options, as shown above the table.
    version : str or None
        The version under which its scores are stored. ``None``: they are not stored, because a change of the function
        cannot be detected.
    lower_is_better : bool
        As with seconds.
    """

    name: str
    function: Callable[[Any, Mapping[str, Any]], Any] = field(repr=False)
    """Of a `Run`, or of an `Answer` where `columns` says what is read; and of the row."""
    version: str | None = field(default=None, repr=False)
    lower_is_better: bool = field(default=False, repr=False)
    bounds: tuple[float, float] | None = field(default=None, repr=False)
    """The lowest and the highest possible score, where known: intervals stay between them."""
    reads_row: bool = field(default=True, repr=False)
    """Whether a row's columns can change its score."""
    columns: tuple[()] | tuple[str] | None = field(default=None, repr=False)
    """The one column of a row that it reads, where known; of the run it then reads only what an `Answer` has."""
    is_async: bool = field(default=False, repr=False)
    max_concurrency: int = field(default=8, repr=False)
    """How many runs an async scorer scores at once."""
    hashed: Callable[..., Any] | None = field(default=None, repr=False)
    """The user's function whose hash is the version, computed at each scoring; ``None`` where the version is fixed."""
    unversioned: str = field(default="", repr=False)
    """Why there is no version."""
    path: str = field(default="", repr=False)
    """The part of an output that it reads; empty for the whole."""
    criterion: str = field(default="", repr=False)
    """What makes an output right, or what the score measures, in words; empty where nobody has said."""

    def __post_init__(self) -> None:
        arguments.check(Scorer.__init__, {"name": self.name, "function": self.function, "version": self.version})

    def __call__(self, run: Answer, row: Mapping[str, Any] | None = None) -> Any:
        """Return the score of `run`, or ``None`` where there is nothing to score it by."""
        return self.function(run, {} if row is None else row)

    def __repr__(self) -> str:
        return self.name


def scorer_text(name: str, *arguments: object, **options: tuple[object, object]) -> str:
    """Return the name of a scorer: its arguments, and the options that differ from their defaults.

    Examples
    --------
    >>> scorer_text("number", tolerance=(0.1, 0.0), path=(None, None))
    'number(tolerance=0.1)'
    """
    arguments_text = [short(g) for g in arguments]
    arguments_text += [f"{key}={short(value)}" for key, (value, default) in options.items() if value != default]
    return f"{name}({', '.join(arguments_text)})"


def expecting_scorer_text(name: str, expected: str, **options: tuple[object, object]) -> str:
    """Return the name of a scorer that compares with a column; the default column is left out.

    Examples
    --------
    >>> expecting_scorer_text("exact", "expected_output"), expecting_scorer_text("exact", "label", path=("a", None))
    ('exact()', "exact('label', path='a')")
    """
    return scorer_text(name, *([expected] if expected != EXPECTED else []), **options)


def ready_scorer(
    name: str, function: Callable[[Answer, Mapping[str, Any]], Any], *, reads: str | None, **options: Any
) -> Scorer:
    """Return a built-in scorer, whose scores are stored."""
    lower, criterion = bool(options.pop("lower_is_better", False)), str(options.pop("criterion", ""))
    kind = name.partition("(")[0]
    try:
        spelling = canonical_json([reads, options])
    except (TypeError, ValueError, RecursionError):
        version = None  # an option without a JSON form: a change of it cannot be detected
    else:
        exactly = spelling if len(spelling) <= MAX_VERSION else sha256(spelling.encode()).hexdigest()
        version = f"{kind} {READY_VERSION} {exactly}"
    columns: tuple[()] | tuple[str] = () if reads is None else (reads,)
    return Scorer(
        name, function, version=version, lower_is_better=lower, reads_row=reads is not None, columns=columns,
        path=options.get("path") or "", criterion=criterion,
    )  # fmt: skip


def expected_in(row: Mapping[str, Any], column: str) -> Any:
    """Return the expected value of a row."""
    if column in row:
        return row[column]
    close = nearest(column, row)
    hint = f"did you mean {close!r}?" if close else f"the columns are {listed(list(row), 'and') or 'none'}"
    raise InputError(Problem(None, "column", f"the table has no column {short(column)}", "to compare with", hint))


def score_result(value: Any) -> ScoreResult:
    """Return the score that the return value of a scorer means.

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
    """Return the part ``score`` where there is one, else the mean of the parts that are numbers."""
    if len(value) > MAX_PARTS:
        return ScoreResult(
            float("nan"), f"the scorer gave an object of {len(value):,} parts; at most {MAX_PARTS:,} can be saved"
        )
    parts = {str(name): _part_value(part) for name, part in value.items()}
    if "score" in value:
        result = score_result(None if isinstance(value["score"], Mapping) else value["score"])
        return ScoreResult(result.score, result.error, parts)
    numbers = [part for part in parts.values() if isinstance(part, float)]
    if not numbers:
        return ScoreResult(
            float("nan"), f"the scorer gave {short(plain(dict(value)))}; at least one part must be a number", parts
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
    """Return a finite number, also true and false, as a float; ``None`` for any other value."""
    if isinstance(value, bool | int | float | np.bool_ | np.number) and not isinstance(value, np.complexfloating):
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:  # a whole number beyond what a float can hold
            return None
    return None


def error_result(exc: BaseException) -> ScoreResult:
    """Return the missing score of a scorer that raised."""
    return ScoreResult(float("nan"), one_line(error_text(exc), 300))
