"""Registry of the ready scorers, public as ``fh.score``.

Rule of this file: a scorer says what it compares and nothing else; a row that has nothing to compare with gives no
score (``None``), and an answer that is not what was expected gives ``False``, also where it has not that form at all.

============================================  ========================================================================
`exact`, `contains`, `regex`, `number`        is it what was expected
`json_valid`, `json_schema`, `json_path`,
`json_fields`                                 has it the form that was asked for, and which fields are right
`similarity`, `rouge_l`, `bleu`, `chrf`       how near is a text, from 0 to 1
`latency`, `length`                           seconds; characters or words
`all_of`, `any_of`, `not_`, `weighted`        several in one
`judge`                                       what another deployment says of it
`scorer`                                      a function of your own, with a name and a version
============================================  ========================================================================

Whatever a model wrote may be hostile: those whose time grows faster than the text read at most 100,000 characters, and
a pattern stops after a quarter of a second. What is longer, or takes longer, is a missing score that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fh_notebook import arguments
from fh_notebook.comparing.scorers.base import Scorer, expected_in, expecting_scorer_text, ready_scorer
from fh_notebook.comparing.scorers.combined import all_of, any_of, not_, weighted
from fh_notebook.comparing.scorers.function import scorer
from fh_notebook.comparing.scorers.json_scorers import json_fields, json_path, json_schema
from fh_notebook.comparing.scorers.judge import judge
from fh_notebook.comparing.scorers.measures import latency, length, number
from fh_notebook.comparing.scorers.output_values import is_same, parse_path, part_of, text_of
from fh_notebook.comparing.scorers.text import bleu, chrf, regex, rouge_l, similarity
from fh_notebook.contract.canonical import json_problems
from fh_notebook.contract.run import Run
from fh_notebook.values import ColumnName

__all__ = [
    "Scorer",
    "all_of",
    "any_of",
    "bleu",
    "chrf",
    "contains",
    "exact",
    "json_fields",
    "json_path",
    "json_schema",
    "json_valid",
    "judge",
    "latency",
    "length",
    "not_",
    "number",
    "regex",
    "rouge_l",
    "scorer",
    "similarity",
    "weighted",
]

READY: Final = frozenset(__all__) - {"Scorer"}
"""The names of what makes a scorer."""


def __dir__() -> list[str]:
    """Return what is offered behind ``fh.score.``: none of the names that this file works with."""
    return __all__


def exact(expected: ColumnName = "expected_output", *, path: str | None = None) -> Scorer:
    """Return a scorer that asks whether the output is what was expected.

    Blanks around a text do not count; its case does. A number equals a number of the same value. An expected text that
    is JSON equals the output that is that value (a CSV can hold nothing but text), and where a number, true or false is
    expected, an output of text is read as JSON (``pandas.read_csv`` makes numbers of a column of digits).

    Parameters
    ----------
    expected : str
        The column of the row that holds it.
    path : str, optional
        A path into the output, such as ``label`` or ``items[0].name``; an output of JSON text is parsed for it.

    Raises
    ------
    InputError
        The path cannot be read.

    Examples
    --------
    >>> exact()(Run(status="completed", output="billing "), {"expected_output": "billing"})
    True
    >>> exact(path="label")(Run(status="completed", output={"label": "other"}), {"expected_output": "billing"})
    False
    """
    arguments.check(exact, locals(), but={"path"})
    expected = arguments.column_text(expected)
    steps = parse_path(path)

    def score(run: Run, row: Mapping[str, Any]) -> bool | None:
        wanted = expected_in(row, expected)
        return None if wanted is None else is_same(part_of(run, steps), wanted)

    return ready_scorer(expecting_scorer_text("exact", expected, path=(path, None)), score, reads=expected, path=path)


def contains(expected: ColumnName = "expected_output", *, path: str | None = None, ignore_case: bool = False) -> Scorer:
    """Return a scorer that asks whether the expected text stands somewhere in the output.

    Parameters
    ----------
    expected : str
        The column of the row that holds it.
    path : str, optional
        A path into the output, as in :func:`exact`.
    ignore_case : bool
        Whether ``Billing`` contains ``billing``.

    Raises
    ------
    InputError
        The path cannot be read.

    Examples
    --------
    >>> contains()(Run(status="completed", output="This is about billing."), {"expected_output": "billing"})
    True
    """
    arguments.check(contains, locals(), but={"path"})
    expected = arguments.column_text(expected)
    steps = parse_path(path)

    def score(run: Run, row: Mapping[str, Any]) -> bool | None:
        wanted = expected_in(row, expected)
        if wanted is None:
            return None
        text, part = text_of(part_of(run, steps)), text_of(wanted).strip()
        return part.casefold() in text.casefold() if ignore_case else part in text

    name = expecting_scorer_text("contains", expected, path=(path, None), ignore_case=(ignore_case, False))
    return ready_scorer(name, score, reads=expected, path=path, ignore_case=ignore_case)


def json_valid() -> Scorer:
    """Return a scorer that asks whether the output is JSON: an object or a list as it is, or a text that parses.

    Examples
    --------
    >>> [json_valid()(Run(status="completed", output=text), {}) for text in ('{"a": 1}', "a")]
    [True, False]
    """

    def score(run: Run, row: Mapping[str, Any]) -> bool:
        try:
            value = run.json()
        except (ValueError, RecursionError):
            return False
        # Python reads NaN and Infinity, which JSON has not; a text without these words holds neither.
        is_suspect = isinstance(run.output, str) and ("NaN" in run.output or "Infinity" in run.output)
        return not (is_suspect and json_problems(value))

    return ready_scorer("json_valid()", score, reads=None)
