"""A bound on how often one check by the library of JSON Schema looks at a part of a schema. Pure.

Rule of this file: looks are counted, not seconds: the same inputs fit or do not fit on any machine. Definitions that
refer to others twice multiply at each step: 25 of them are looked at 33 million times for one value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

__all__ = ["TooManyVisits", "bounded", "counted"]

MOST: Final = 20_000
"""A quarter of a second."""
MOST_A_VALUE: Final = 200
"""Of inputs with many values, for each: a sane schema takes some ten."""


class TooManyVisits(ValueError):
    """A check has looked at its schema more often than any sane one must."""


class _Visits:
    """What is left for one check of `value`."""

    def __init__(self, value: Any) -> None:
        self._value = value
        self._left = MOST
        self._is_counted = False

    def spend(self) -> None:
        self._left -= 1
        if self._left > 0:
            return
        if not self._is_counted:
            self._is_counted = True
            self._left += MOST_A_VALUE * _size(self._value)
        else:
            raise TooManyVisits(
                f"the schema would be looked at more than {MOST:,} times: definitions that refer to others twice "
                "multiply; refer to each once"
            )


def _size(value: Any) -> int:
    """Return how many values there are in `value`, itself included."""
    pending, size = [value], 0
    while pending:
        part = pending.pop()
        size += 1
        if isinstance(part, Mapping):
            pending += part.values()
        elif isinstance(part, list | tuple):
            pending += part
    return size


_current: ContextVar[_Visits | None] = ContextVar("fh_schema_visits", default=None)


@contextmanager
def bounded(value: Any) -> Iterator[None]:
    """Bound the check of `value` that is done inside of the block; it raises `TooManyVisits`."""
    before = _current.set(_Visits(value))
    try:
        yield
    finally:
        _current.reset(before)


def counted(evolve: Callable[..., Any]) -> Callable[..., Any]:
    """Return `evolve`, by which the library goes on to each part of a schema, so that it counts."""

    def evolve_counted(validator: Any, **changes: Any) -> Any:
        if (visits := _current.get()) is not None:
            visits.spend()
        return evolve(validator, **changes)

    return evolve_counted
