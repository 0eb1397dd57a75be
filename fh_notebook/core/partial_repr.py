"""Repr of a partly constructed object, whose constructor refused its arguments or was interrupted.

Rule of this file: only what such an object lacks itself is answered for. An attribute that another object lacks is a
defect, and surfaces.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

__all__ = ["with_partial_repr"]

C = TypeVar("C", bound=type[Any])


def with_partial_repr(cls: C) -> C:
    """Decorate a class: an object of it whose constructor did not end is shown as ``Client(not made)``.

    A traceback that shows variables (``%xmode Verbose``, a debugger) asks it for its repr, and an error there would
    hide the one that is told.

    Examples
    --------
    >>> @with_partial_repr
    ... class Pair:
    ...     def __init__(self, one: int) -> None:
    ...         self.one = one
    ...
    ...     def __repr__(self) -> str:
    ...         return f"Pair({self.one})"
    >>> Pair(1), Pair.__new__(Pair)
    (Pair(1), Pair(not made))
    """
    whole = cast("Callable[[Any], str]", cls.__repr__)

    @wraps(whole)
    def shown(self: Any) -> str:
        try:
            return whole(self)
        except AttributeError as exc:
            if exc.obj is not self:
                raise
        return f"{type(self).__name__}(not made)"

    setattr(cls, "__repr__", shown)  # noqa: B010 - mypy takes no assignment to a method
    return cls
