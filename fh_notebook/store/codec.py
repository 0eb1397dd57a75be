"""Codec of stored values: JSON as it is written, and checks of every value that is read; damage is a StoreError.

Rules of this file:

1. A value of a model or a row is never refused: a character that UTF-8 cannot encode is escaped, and a value without a
   JSON form is written as its text.
2. A value that is read is checked for its type before it is used. A page that a disk or a program has overwritten may
   hold any bytes, and SQLite detects only some of that: there are times beyond the calendar, texts that are not JSON,
   numbers in the place of texts. `DamagedValue` is a subclass of an SQLite error, because `store_errors` turns those
   into `StoreError` with the path and what to do.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from fh_notebook.core.json_values import json_encoder
from fh_notebook.errors import StoreError


def encode_json(value: Any) -> str:
    r"""Return a value as JSON, without blanks.

    Examples
    --------
    >>> encode_json({"a": [1, "ä"]}), encode_json("half \ud800")
    ('{"a":[1,"ä"]}', '"half \\ud800"')
    """
    text = _encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        # A model may answer half a character (a lone surrogate): JSON can escape it, UTF-8 cannot encode it.
        return json.dumps(value, separators=(",", ":"), default=_json_form)
    return text


def _json_form(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


_encode: Final = json_encoder(default=_json_form)


HINT: Final = "give another path with fh.configure(store=...), or store=None to save nothing"
"""What to do where a store's file cannot be used."""


LAST_S: Final = 9_214_646_400.0
"""2262 in seconds since 1970: the last year of pandas' timestamps."""


Kind = tuple[type, ...]

INT: Final[Kind] = (int,)

INT_OR_NONE: Final[Kind] = (int, type(None))

TEXT: Final[Kind] = (str,)

TEXT_OR_NONE: Final[Kind] = (str, type(None))

REAL: Final[Kind] = (float,)

REAL_OR_NONE: Final[Kind] = (float, type(None))

BYTES: Final[Kind] = (bytes,)


Kinds = Sequence[Kind]
"""The allowed types of each column of a row."""


class DamagedValue(sqlite3.DatabaseError):
    """A stored value that this package did not write; the message says what it is."""


def damage_text(path: Path, error: DamagedValue) -> str:
    """Return the message for a damaged store, with what to do."""
    return (
        f"the store {path} is damaged: {error}; it was not changed. fh-notebook doctor checks its pages. Move it "
        f"away and run again (this creates a new one), or {HINT}"
    )


def check_kinds(row: tuple[Any, ...], kinds: Kinds, subject: str) -> None:
    """Raise unless each value of a row has an allowed type."""
    for value, kind in zip(row, kinds, strict=True):
        if type(value) not in kind:
            raise DamagedValue(f"{subject} holds {_short(value)}, which is not what was written")


def check_rows(rows: Iterable[tuple[Any, ...]], kinds: Kinds, subject: str) -> list[tuple[Any, ...]]:
    """Return rows whose values have allowed types; of thousands, a column is checked in one step.

    Examples
    --------
    >>> check_rows([("a", 1), ("b", 2)], (TEXT, INT), "a job")
    [('a', 1), ('b', 2)]
    >>> check_rows([("a", 1), ("b", None)], (TEXT, INT), "a job")
    Traceback (most recent call last):
    ...
    fh_notebook.store.codec.DamagedValue: a job holds None, which is not what was written
    """
    listed = list(rows)
    columns = zip(kinds, zip(*listed, strict=True), strict=True) if listed else ()
    if not all(set(kind).issuperset(map(type, column)) for kind, column in columns):
        for row in listed:
            check_kinds(row, kinds, subject)
    return listed


def seconds_of_moment(seconds: Any, subject: str) -> float:
    """Return seconds since 1970, checked to be a time.

    Examples
    --------
    >>> seconds_of_moment(1e300, "an answer")
    Traceback (most recent call last):
    ...
    fh_notebook.store.codec.DamagedValue: the time of an answer is 1e+300
    """
    if type(seconds) is not float or not 0 <= seconds < LAST_S:
        raise DamagedValue(f"the time of {subject} is {_short(seconds)}")
    return seconds


def moment_of(seconds: Any, subject: str) -> datetime:
    """Return seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds_of_moment(seconds, subject), UTC)


_scan = json.JSONDecoder().raw_decode


def _loads(text: Any) -> Any:
    """Return the JSON value of a text, as `json.loads`; what was written here has no space around, which is quicker."""
    if text == "{}":  # most metadata
        return {}
    if type(text) is str and text[:1] not in ("", " ", "\t", "\n", "\r", "\ufeff"):
        value, end = _scan(text)
        if end == len(text):
            return value
    return json.loads(text)


def decode_json(text: Any, kind: type, subject: str) -> Any:
    """Return the JSON value of a stored text, which must be an instance of `kind`."""
    try:
        value = _loads(text)
    except (ValueError, TypeError, RecursionError) as exc:
        raise DamagedValue(f"{subject} is not JSON ({exc})") from exc
    if not isinstance(value, kind):
        raise DamagedValue(f"{subject} is {_short(value)}")
    return value


def decode_all(texts: Sequence[Any], kind: type, subject: str) -> list[Any]:
    """Return what `decode_json` does of each text: of thousands, in one step, unless one of them is damaged.

    Examples
    --------
    >>> decode_all(['{"a": 1}', "{}"], dict, "a row")
    [{'a': 1}, {}]
    """
    try:
        values = json.loads(f"[{','.join(texts)}]")
    except (ValueError, TypeError, RecursionError):
        values = []
    if len(values) == len(texts) and all(isinstance(value, kind) for value in values):
        return list(values)
    return [decode_json(text, kind, subject) for text in texts]


def plan_of(text: Any) -> dict[str, Any]:
    """Return the plan of a batch from its stored text."""
    plan: dict[str, Any] = decode_json(text, dict, "the plan of a batch")
    arms = plan.get("arms", [])
    if not isinstance(arms, list) or not all(_is_arm(arm) for arm in arms):
        raise DamagedValue("the arms of a batch are not what was written")
    for name in ("rows", "repeats", "jobs", "revision"):
        number = plan.get(name)
        if number is not None and (type(number) is not int or not 0 <= number < 2**63):
            raise DamagedValue(f"{name} of a batch is {_short(number)}")
    for name, kind in (
        ("columns", list),
        ("index", list),
        ("index_dtypes", list),
        ("dtypes", dict),
        ("replaced", list),
        ("replaced_by", list),
        ("schema_sha256", dict),
        ("parts", dict),
        ("files", dict),
    ):
        if plan.get(name) is not None and not isinstance(plan[name], kind):
            raise DamagedValue(f"{name} of a batch is {_short(plan[name])}")
    if not all(isinstance(column, str) for column in plan.get("columns") or ()):
        raise DamagedValue("a column of a batch has no name")
    return plan


def _is_arm(arm: Any) -> bool:
    return isinstance(arm, list) and len(arm) == 3 and all(isinstance(name, str) for name in arm)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and the file system into a `StoreError` that says what to do."""
    try:
        yield
    except sqlite3.Error as exc:
        raise StoreError(_message_of(path, exc), path=path) from exc
    except UnicodeDecodeError as exc:  # SQLite's message about a damaged table is not UTF-8
        raise StoreError(damage_text(path, DamagedValue("the names of its tables are not text")), path=path) from exc
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise StoreError(f"the store {path} cannot be opened ({reason}): {HINT}", path=path) from exc


def is_damage(exc: sqlite3.Error) -> bool:
    """Return whether an error is about the content of a file, not about the disk or other processes."""
    name = getattr(exc, "sqlite_errorname", "") or ""
    return isinstance(exc, DamagedValue) or name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT"))


def _message_of(path: Path, exc: sqlite3.Error) -> str:
    if isinstance(exc, DamagedValue):
        return damage_text(path, exc)
    name = getattr(exc, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return (
            f"the store {path} is still locked by another process after the longest wait; close the other kernel "
            f"or program that writes to it and run again, or {HINT}"
        )
    if is_damage(exc):
        return (
            f"the store {path} cannot be read ({exc}); it was not changed. Move it away and run again (this "
            f"creates a new one), or {HINT}"
        )
    if name.startswith("SQLITE_FULL"):
        return f"the disk of the store {path} is full; free some space and run again: committed answers are safe"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"the store {path} cannot be written ({exc}): {HINT}"
    return f"the store {path} cannot be used ({exc}): {HINT}"
