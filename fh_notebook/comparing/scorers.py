"""Ready scorers: functions of a run, or of a run and its row, that return true, false or a number.

Rule of this file: a scorer says what it compares and nothing else; a row that has nothing to compare with gives no
score (``None``), and an answer that is not what was expected gives ``False``, also where it has not that form at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fh_notebook.contract.run import Run
from fh_notebook.contract.spell import listed, nearest, short
from fh_notebook.errors import InputError

__all__ = ["Scorer", "contains", "exact", "json_valid"]


@dataclass(frozen=True)
class Scorer:
    """A scorer with a name that says what it does."""

    name: str
    function: Callable[[Run, Mapping[str, Any]], bool | float | None] = field(repr=False)

    def __call__(self, run: Run, row: Mapping[str, Any]) -> bool | float | None:
        """Return the score of `run`, or ``None`` where there is nothing to score it by."""
        return self.function(run, row)

    def __repr__(self) -> str:
        return self.name


def exact(expected: str = "expected_output", *, path: str | None = None) -> Scorer:
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
    steps = _steps(path)

    def score(run: Run, row: Mapping[str, Any]) -> bool | None:
        wanted = _expected(row, expected)
        return None if wanted is None else _is_same(_part(run, steps), wanted)

    return Scorer(_spelt("exact", expected, path), score)


def contains(expected: str = "expected_output", *, path: str | None = None, ignore_case: bool = False) -> Scorer:
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
    steps = _steps(path)

    def score(run: Run, row: Mapping[str, Any]) -> bool | None:
        wanted = _expected(row, expected)
        if wanted is None:
            return None
        text, part = _text(_part(run, steps)), _text(wanted).strip()
        return part.casefold() in text.casefold() if ignore_case else part in text

    return Scorer(_spelt("contains", expected, path), score)


def json_valid() -> Scorer:
    """Return a scorer that asks whether the output is JSON: an object or a list as it is, or a text that parses.

    Examples
    --------
    >>> [json_valid()(Run(status="completed", output=text), {}) for text in ('{"a": 1}', "a")]
    [True, False]
    """

    def score(run: Run, row: Mapping[str, Any]) -> bool:
        try:
            run.json()
        except (ValueError, RecursionError):
            return False
        return True

    return Scorer("json_valid()", score)


def _spelt(name: str, expected: str, path: str | None) -> str:
    given = [repr(expected)] if expected != "expected_output" else []
    given += [f"path={path!r}"] if path is not None else []
    return f"{name}({', '.join(given)})"


def _expected(row: Mapping[str, Any], column: str) -> Any:
    if column in row:
        return row[column]
    close = nearest(column, row)
    hint = f"did you mean {close!r}?" if close else f"the columns are {listed(list(row), 'and') or 'none'}"
    raise InputError(f"there is no column {short(column)} to compare with; {hint}")


_NOTHING: Final = object()
"""What a path leads to where it leads nowhere: equal to nothing that can be expected."""

_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def _steps(path: str | None) -> tuple[str | int, ...]:
    """Read ``items[0].name`` as ``("items", 0, "name")``."""
    if path is None:
        return ()
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None:
            raise InputError(f"path {short(path)} cannot be read; it is like 'label' or 'items[0].name'")
        steps.append(int(found[2]) if found[2] is not None else found[1])
        at = found.end()
    if not steps:
        raise InputError("path is empty; leave it out to take the whole output")
    return tuple(steps)


def _part(run: Run, steps: tuple[str | int, ...]) -> Any:
    if not steps:
        return run.output
    try:
        value = run.json()
    except (ValueError, RecursionError):
        return _NOTHING
    for step in steps:
        value = _step_into(value, step)
    return value


def _step_into(value: Any, step: str | int) -> Any:
    if isinstance(step, str):
        return value.get(step, _NOTHING) if isinstance(value, Mapping) else _NOTHING
    return value[step] if isinstance(value, list) and step < len(value) else _NOTHING


def _text(value: Any) -> str:
    if value is _NOTHING or value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_same(output: Any, wanted: Any) -> bool:
    if isinstance(output, str) and isinstance(wanted, str):
        return output.strip() == wanted.strip()
    if isinstance(wanted, str) and output is not _NOTHING:
        try:
            wanted = json.loads(wanted)
        except (ValueError, RecursionError):
            return False
    if isinstance(output, str) and isinstance(wanted, bool | int | float):
        try:
            # pandas takes True, TRUE and true for the same; JSON has but one of them.
            output = json.loads(output.lower() if isinstance(wanted, bool) else output)
        except (ValueError, RecursionError):
            return False
    return _is_equal(output, wanted)


def _is_equal(a: Any, b: Any) -> bool:
    """Whether two JSON values are the same; ``True`` is not 1, and 1 is 1.0."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_is_equal(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_is_equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
