"""Argument checks of comparisons. An error is one line with the value, the choices and the nearest name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from fh_notebook.comparing.scorers.base import number_of
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import listed, nearest, short
from fh_notebook.errors import InputError

__all__ = [
    "FAILED",
    "check_chances",
    "check_difference",
    "check_failed",
    "check_one_of",
    "check_zero",
    "column_named",
    "no_variant",
]

FAILED: Final = ("drop", "zero")
"""What ``failed=`` may be."""


def check_failed(failed: Any) -> None:
    """Raise unless `failed` is known.

    Raises
    ------
    InputError
        It is not.
    """
    check_one_of("failed", failed, FAILED)


def check_zero(failed: str, scorer: str, *, lower: bool) -> None:
    """Raise where a failed run would count as the best of all.

    Raises
    ------
    InputError
        Lower is better, and failed runs count as 0.
    """
    if failed == "zero" and lower:
        raise InputError(
            f"by {scorer} lower is better, so failed='zero' would make a failed run the best; leave it out"
        )


def check_one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise unless `value` is one of the `choices`.

    Raises
    ------
    InputError
        It is not.
    """
    if value not in choices:
        raise InputError(f"{name} is {short(value)}; give {listed(choices)}")


def check_chances(**chances: Any) -> None:
    """Raise unless all are between 0 and 1.

    Raises
    ------
    InputError
        One is not.
    """
    for name, value in chances.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise InputError(f"{name} is {short(value)}; give a number between 0 and 1")


def check_difference(difference: Any) -> None:
    """Raise unless `difference` is a number, or not given.

    Raises
    ------
    InputError
        It is not.
    """
    if difference is not None and (isinstance(difference, bool) or number_of(difference) is None):
        raise InputError(f"difference is {short(difference)}; give a number, in the unit of the score")


def column_named(there: Sequence[str], by: Any, what_for: str) -> str:
    """Return the whole name of a column of the rows that is told by its name, or by what stands behind the dot of it.

    Raises
    ------
    InputError
        There is none.
    """
    own = arguments.column_text(by)
    names = [own, f"metadata.{own}", f"in.{own}"] if isinstance(own, str) else []
    for name in names:
        if name in there:
            return name
    close = nearest(by, [*there, *(name.partition(".")[2] for name in there)])
    hint = f"did you mean {close!r}?" if close else f"the columns are {listed(there, 'and')}"
    raise InputError(f"there is no column {short(by)} {what_for}; {hint}")


def no_variant(name: Any, there: Iterable[Any]) -> str:
    """Return that there is no such variant, with the nearest name."""
    variants = list(there)
    close = nearest(name, variants)
    hint = f"did you mean {close!r}?" if close else f"there are {listed(variants, 'and')}"
    return f"there is no variant {short(name)}; {hint}"
