"""Redaction: Secret, a string that is never shown, and masks for every known secret in texts and log records.

Rules of this file:

1. A secret leaves only through :meth:`Secret.reveal`, which is easy to grep for.
2. A filter sees only the records of its own logger, so every package logs to :data:`log`.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable, Collection
from typing import Any, Final
from weakref import WeakValueDictionary, ref

from fh_notebook.core.values import Unset

MASK: Final = "***"


class Secret:
    """A string that is never shown: not in a repr, a format, a pickle or a traceback's variables.

    Parameters
    ----------
    value : str or Secret
        The secret. Leading and trailing blanks are removed: they come from copying a key out of a web page.

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
            raise TypeError(f"value is of the type {kind}; give a string, or an fh.Secret")
        self._value = value.reveal() if isinstance(value, Secret) else value.strip()
        identity = id(self)
        _LIVE[identity] = ref(self, lambda _: _forget(identity))
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
        # A pickle is a file on disk: the secret is not written, and the copy is empty.
        return (Secret, ("",))


def _is_secret(value: object) -> bool:
    return isinstance(value, str | Secret)


class NoSecret:
    """Replaces an argument that should be a secret but has another type, such as bytes; keeps only the type."""

    __slots__ = ("type_name",)

    def __init__(self, value: object) -> None:
        self.type_name = type(value).__name__

    def __repr__(self) -> str:
        return f"<{self.type_name}>"


class Hidden:
    """Holds a value that no traceback may show, such as a pasted text that may contain a key."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def reveal(self) -> Any:
        return self._value

    def __repr__(self) -> str:
        return MASK


def as_secret(value: Any) -> Any:
    """Return a string as a `Secret`, a value of another type as a `NoSecret`, and ``None`` and ``UNSET`` as they are.

    A public function that takes a key assigns the result to the argument's own name first, so that no frame of a
    traceback (IPython's ``%xmode Verbose`` prints variables) has the key in it.
    """
    if value is None or isinstance(value, Secret | Unset | NoSecret):
        return value
    return Secret(value) if isinstance(value, str) else NoSecret(value)


def shared_secret(value: str) -> Secret:
    """Return the one `Secret` that this process holds of `value`.

    The answer to every call by callback delivery repeats the signing secret. Without sharing, a thousand pending runs
    would be a thousand secrets, and `redact` would look for each of them in every text.
    """
    secret = _SHARED.get(value)
    if secret is None:
        secret = _SHARED[value] = Secret(value)
    return secret


_SHARED: WeakValueDictionary[str, Secret] = WeakValueDictionary()


_LIVE: dict[int, ref[Secret]] = {}
"""Every `Secret` object of this process by its id: `redact` masks all of them."""

_last_change = object()
"""Identifies the last change of the secrets. It is set after the change: a mask that was built meanwhile is rebuilt."""


def _note_change() -> None:
    global _last_change
    _last_change = object()  # two threads could increase a counter to the same number


def _forget(identity: int) -> None:
    global _plain_mask
    _LIVE.pop(identity, None)
    _plain_mask = None  # the mask holds texts of secrets, and must not outlive them
    _note_change()


_SHORTEST: Final = 6
"""A shorter key (only tests have one) would mask half of every text."""


# Keys begin with "fhk_" (CONTRACT section 1); a bearer token is whatever follows that word.
_KEY_SHAPES = re.compile(r"(fhk_)[A-Za-z0-9_\-]+|(?i:(bearer\s+))[^\s'\",;]+|(?i:(secret=))[^\s&'\"]+")


def redact(text: str, also: Collection[str] = ()) -> str:
    """Mask in `text` every secret that this process holds, and whatever has the shape of a key.

    Examples
    --------
    >>> redact("Authorization: Bearer abc")
    'Authorization: Bearer ***'
    """
    return redactor(also)(text)


def redactor(also: Collection[str] = ()) -> Callable[[str], str]:
    """Return a function that masks a text as :func:`redact` does; for many texts, it lists the secrets only once."""
    if also:
        return _mask_of({*also, *_secret_texts()})
    # All texts of every answer pass here, and the secrets are nearly always those of the call before.
    global _plain_mask
    change, cached = _last_change, _plain_mask
    if cached is None or cached[0] is not change:
        _plain_mask = cached = change, _mask_of(_secret_texts())
    return cached[1]


_plain_mask: tuple[object, Callable[[str], str]] | None = None
"""The mask of the secrets of this process, and the change of them after which it was built."""


def _secret_texts() -> set[str]:
    return {value for secret in _live() if len(value := secret.reveal()) >= _SHORTEST}


def _mask_of(texts: Collection[str]) -> Callable[[str], str]:
    secrets = sorted(texts, key=len, reverse=True)  # longest first: a secret may begin with another

    def mask(text: str) -> str:
        for value in secrets:
            if value in text:
                text = text.replace(value, MASK)
        # The pattern costs 30 ns a character for every text of an answer; the search for its words costs a twentieth.
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
    except Exception:  # the `__str__` of a foreign exception can raise
        message = ""
    return redact(f"{type(exc).__name__}: {message}")


def _live() -> list[Secret]:
    while True:
        try:
            return [secret for reference in list(_LIVE.values()) if (secret := reference()) is not None]
        except RecursionError:  # a RuntimeError too
            raise
        except RuntimeError:  # another thread created a secret meanwhile: read again
            continue


class _RedactionFilter(logging.Filter):
    """Masks every log record, in case a message was not masked before."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


log: Final = logging.getLogger("fh_notebook")

log.addFilter(_RedactionFilter())

log.addHandler(logging.NullHandler())

# Without a handler Python prints what a logger writes: the calls that a stopping server cuts off would appear in the
# cell, or below a command's "Stopped.". A configured logging still gets the records.
logging.getLogger("uvicorn").addHandler(logging.NullHandler())
