"""Values: UNSET for what was not given, the annotations of public signatures, predicates of numbers, and the UTC time.

Rule of this file: whoever depends on the time takes it as an argument, so that a test can be at any moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import Enum
from numbers import Real
from typing import Any, Final, TypeGuard


class Unset(Enum):
    """The type of :data:`UNSET`, which says "not given" where ``None`` is a value of its own."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset.UNSET


ColumnName = Any
"""The name of a column: a text, or what else pandas makes names of: numbers, dates, tuples. In a signature."""

Seconds = float
"""Of a wait: infinity waits for ever."""

Whole = float
"""A whole number, also one that is spelt as a float: ``1000.0``, ``1e9``."""


def is_iterable(value: Any) -> bool:
    """Whether it has items; an array of no dimensions has `__iter__`, which always raises."""
    return isinstance(value, Iterable) and getattr(value, "ndim", 1) != 0


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether it is a number as JSON has them: a whole one or a float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_real(value: Any) -> bool:
    """Whether it is a number, of Python or numpy, or a bool; `numpy.timedelta64` claims to be one, and has no `int`."""
    return isinstance(value, Real) and type(value).__name__ != "timedelta64"


def plain_number(value: Any) -> Any:
    """Return a number of numpy, as a column of pandas has them, as Python's own; what is none, as it is.

    Examples
    --------
    >>> import numpy as np
    >>> plain_number(np.int64(3)), plain_number("3")
    (3, '3')
    """
    return value.item() if is_real(value) and hasattr(value, "item") else value


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)
