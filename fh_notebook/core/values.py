"""Values of every layer: UNSET, Secret, redaction and its logger, predicates of numbers, the time in UTC.

Rules of this file:

1. A secret leaves only through :meth:`Secret.reveal`, and whoever calls that is easy to grep for.
2. A filter sees only what is logged to its own logger, so every room logs to this one.
3. Whoever hangs on the time takes it as an argument, so that a test can be at any moment.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from enum import Enum
from numbers import Real
from typing import Any, Final, TypeGuard
from weakref import WeakValueDictionary, ref

__all__ = [
    "MASK",
    "UNSET",
    "ColumnName",
    "Hidden",
    "NoSecret",
    "Seconds",
    "Secret",
    "Unset",
    "Whole",
    "as_secret",
    "error_text",
    "is_iterable",
    "is_number",
    "is_real",
    "log",
    "plain_number",
    "redact",
    "redactor",
    "shared_secret",
    "utc_now",
]


MASK: Final = "***"


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


class Secret:
    """A string that never shows itself: not in a repr, a format, a pickle or a traceback's variables.

    Parameters
    ----------
    value : str or Secret
        The secret. Blanks around it are dropped: they come from copying a key out of a web page.

    Examples
    --------
    >>> key = Secret("fhk_0123")
    >>> key
    ***
    >>> f"{key}", key.reveal()
    ('***', 'fhk_0123')
    """

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str | Secret) -> None:
        if not _is_secret(value):
            kind = type(value).__name__
            del value  # a full traceback shows what this frame has
            raise TypeError(f"value is of the type {kind}; give a text, or an fh.Secret")
        self._value = value.reveal() if isinstance(value, Secret) else value.strip()
        place = id(self)
        _LIVE[place] = ref(self, lambda _: _forget(place))
        _note_change()

    def reveal(self) -> str:
        """Return the secret itself, for the one line that sends or checks it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        # A pickle is a file on disk: the secret does not go there, and what comes back is no secret at all.
        return (Secret, ("",))


def _is_secret(value: object) -> bool:
    return isinstance(value, str | Secret)


class NoSecret:
    """Stands in for what was given as a secret and is none, such as bytes or a list: only its type can be told."""

    __slots__ = ("type_name",)

    def __init__(self, value: object) -> None:
        self.type_name = type(value).__name__

    def __repr__(self) -> str:
        return f"<{self.type_name}>"


class Hidden:
    """Holds what no frame of a traceback may show, such as a pasted text that may have a key in it."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def reveal(self) -> Any:
        """Return it."""
        return self._value

    def __repr__(self) -> str:
        return MASK


def as_secret(value: Any) -> Any:
    """Return a string as a `Secret`, what is none as a `NoSecret`, and ``None`` and ``UNSET`` as they are.

    A public function that takes a key begins with this, bound to the argument's own name: from then on no frame of a
    traceback (IPython's ``%xmode Verbose`` prints variables) has the key in it.
    """
    if value is None or isinstance(value, Secret | Unset | NoSecret):
        return value
    return Secret(value) if isinstance(value, str) else NoSecret(value)


def shared_secret(value: str) -> Secret:
    """Return the one `Secret` that this process holds of `value`.

    The answer to every call by callback delivery repeats the signing secret: a thousand runs that are out would else be
    a thousand secrets, all of which `redact` looks for in every text.
    """
    found = _SHARED.get(value)
    if found is None:
        found = _SHARED[value] = Secret(value)
    return found


_SHARED: WeakValueDictionary[str, Secret] = WeakValueDictionary()


_LIVE: dict[int, ref[Secret]] = {}
"""Every secret that this process holds, each object by itself: what `redact` must know to be complete."""

_last_change = object()
"""Stands for the last change of them. It is set after the change: a mask that was made in between is made again."""


def _note_change() -> None:
    global _last_change
    _last_change = object()  # a number would be counted twice by two threads, and come again


def _forget(place: int) -> None:
    global _plain_mask
    _LIVE.pop(place, None)
    _plain_mask = None  # the mask holds texts of secrets, and must not outlive them
    _note_change()


_SHORTEST: Final = 6
"""A key of fewer letters (only tests have one) would mask half of every text."""


# Keys begin with "fhk_" (CONTRACT section 1); a bearer token is whatever follows that word.
_KEY_SHAPES = re.compile(r"(fhk_)[A-Za-z0-9_\-]+|(?i:(bearer\s+))[^\s'\",;]+|(?i:(secret=))[^\s&'\"]+")


def redact(text: str, also: Collection[str] = ()) -> str:
    """Mask in `text` every secret that this process holds, and whatever has the shape of a key.

    Parameters
    ----------
    text : str
        What is about to be logged or raised.
    also : collection of str
        Further texts to mask, such as the passwords of a row.

    Returns
    -------
    str
        `text` with ``***`` in their place.

    Examples
    --------
    >>> redact("Authorization: Bearer abc")
    'Authorization: Bearer ***'
    """
    return redactor(also)(text)


def redactor(also: Collection[str] = ()) -> Callable[[str], str]:
    """Return what masks a text as :func:`redact` does: for the many texts of one value, the secrets are listed once."""
    if also:
        return _mask_of({*also, *_held_texts()})
    # All texts of every answer come by, and the secrets are nearly always those of the call before.
    global _plain_mask
    change, held = _last_change, _plain_mask
    if held is None or held[0] is not change:
        _plain_mask = held = change, _mask_of(_held_texts())
    return held[1]


_plain_mask: tuple[object, Callable[[str], str]] | None = None
"""The mask of the secrets that this process holds, and after which change of them it was made."""


def _held_texts() -> set[str]:
    return {own for secret in _live() if len(own := secret.reveal()) >= _SHORTEST}


def _mask_of(texts: Collection[str]) -> Callable[[str], str]:
    secrets = sorted(texts, key=len, reverse=True)  # of one that begins as another does, the end would stay

    def mask(text: str) -> str:
        for own in secrets:
            if own in text:
                text = text.replace(own, MASK)
        # The pattern costs 30 ns a character, and all texts of an answer come by; its words cost a twentieth.
        folded = text.casefold()
        if "fhk_" in folded or "bearer" in folded or "secret=" in folded:
            return _KEY_SHAPES.sub(lambda m: (m.group(1) or m.group(2) or m.group(3)) + MASK, text)
        return text

    return mask


def error_text(exc: BaseException) -> str:
    """Return the type and the message of an exception in one text, secrets masked.

    Examples
    --------
    >>> error_text(ValueError("the key fhk_0123 is refused"))
    'ValueError: the key fhk_*** is refused'
    """
    try:
        message = str(exc)
    except Exception:  # somebody else's exception may not even say what it is
        message = ""
    return redact(f"{type(exc).__name__}: {message}")


def _live() -> list[Secret]:
    while True:
        try:
            return [secret for held in list(_LIVE.values()) if (secret := held()) is not None]
        except RecursionError:  # a RuntimeError too
            raise
        except RuntimeError:  # another thread made a secret meanwhile: look again
            continue


class _Redacting(logging.Filter):
    """The second net: no record leaves with a secret in it, whoever wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


log: Final = logging.getLogger("fh_notebook")

log.addFilter(_Redacting())

log.addHandler(logging.NullHandler())

# Without a handler Python prints what a logger says: that calls were cut off when a server stopped would stand in the
# cell, or below a command's "Stopped.". Who configures logging gets it all the same.
logging.getLogger("uvicorn").addHandler(logging.NullHandler())


def utc_now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)
