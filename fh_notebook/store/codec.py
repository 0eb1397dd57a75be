"""Codec of stored values: JSON as it is written, and checks of every value that is read; damage is a StoreError.

Rules of this file:

1. What a model or a row says is never refused: what UTF-8 cannot say is escaped, and what has no JSON form is its
   text.
2. Nothing that is read is used before its kind was looked at. A page that a disk or a program has overwritten may
   hold anything, and SQLite says only of some that it is broken: there are moments beyond the calendar, texts that
   are no JSON, numbers in the place of texts. `DamagedValue` is an error of SQLite's, because wherever those become
   `StoreError`, with the path and the cure (`explained`), it does too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final

from fh_notebook.errors import StoreError

__all__ = [
    "BYTES",
    "INT",
    "INT_OR_NONE",
    "REAL",
    "REAL_OR_NONE",
    "TEXT",
    "TEXT_OR_NONE",
    "DamagedValue",
    "Kinds",
    "check_kinds",
    "checked",
    "damage_text",
    "encoded",
    "explained",
    "is_damage",
    "json_of",
    "moment_of",
    "plan_of",
    "seconds_of_moment",
]


def encoded(value: Any) -> str:
    r"""Return a value as JSON, without blanks.

    Raises
    ------
    RecursionError
        It is nested deeper than Python writes.

    Examples
    --------
    >>> encoded({"a": [1, "ä"]}), encoded("half \ud800")
    ('{"a":[1,"ä"]}', '"half \\ud800"')
    """
    text = _spell(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        # A model may answer half a character (a lone surrogate): JSON can escape it, UTF-8 cannot say it.
        return json.dumps(value, separators=(",", ":"), default=_plain)
    return text


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


# Made once: `json.dumps` makes an encoder at each call that has options.
_spell: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


HINT: Final = "give another path with fh.configure(store=...), or store=None to keep nothing"
"""What to do where a store's file cannot be used."""


LAST_S: Final = 9_214_646_400.0
"""2262 in seconds since 1970: the last year of pandas' moments."""


Kind = tuple[type, ...]

INT: Final[Kind] = (int,)

INT_OR_NONE: Final[Kind] = (int, type(None))

TEXT: Final[Kind] = (str,)

TEXT_OR_NONE: Final[Kind] = (str, type(None))

REAL: Final[Kind] = (float,)

REAL_OR_NONE: Final[Kind] = (float, type(None))

BYTES: Final[Kind] = (bytes,)


Kinds = Sequence[Kind]
"""What each column of a line may be."""


class DamagedValue(sqlite3.DatabaseError):
    """What is read was not written so; the message says what it is."""


def damage_text(path: Path, broken: DamagedValue) -> str:
    """Return what is wrong with a store, and what to do."""
    return (
        f"the store {path} is damaged: {broken}; it was left as it is. fh-notebook doctor looks at its pages. Move it "
        f"away and run again (a new one is then made), or {HINT}"
    )


def check_kinds(line: tuple[Any, ...], kinds: Kinds, what: str) -> None:
    """Raise unless each value of a line is of its kind.

    Raises
    ------
    DamagedValue
        One is not.
    """
    for value, kind in zip(line, kinds, strict=True):
        if type(value) not in kind:
            raise DamagedValue(f"{what} holds {_short(value)} where something else was written")


def checked(lines: Iterable[tuple[Any, ...]], kinds: Kinds, what: str) -> Iterator[tuple[Any, ...]]:
    """Yield lines whose values are of their kinds.

    Raises
    ------
    DamagedValue
        One is not.
    """
    good = _types_of(tuple(kinds))
    for line in lines:
        if tuple(map(type, line)) not in good:
            check_kinds(line, kinds, what)
        yield line


@cache
def _types_of(kinds: tuple[Kind, ...]) -> frozenset[tuple[type, ...]]:
    """Return the types that the values of a line may have together: one look a line in the place of one a value."""
    return frozenset(product(*kinds))


def seconds_of_moment(seconds: Any, what: str) -> float:
    """Return seconds since 1970 that mean a moment.

    Raises
    ------
    DamagedValue
        They mean none.

    Examples
    --------
    >>> seconds_of_moment(1e300, "an answer")
    Traceback (most recent call last):
    ...
    fh_notebook.store.codec.DamagedValue: the time of an answer is 1e+300
    """
    if type(seconds) is not float or not 0 <= seconds < LAST_S:
        raise DamagedValue(f"the time of {what} is {_short(seconds)}")
    return seconds


def moment_of(seconds: Any, what: str) -> datetime:
    """Return seconds since 1970 as a moment in UTC.

    Raises
    ------
    DamagedValue
        They mean none.
    """
    return datetime.fromtimestamp(seconds_of_moment(seconds, what), UTC)


def json_of(text: Any, kind: type, what: str) -> Any:
    """Return the JSON value that was kept as `text`, which must be of a kind; of `object` all are.

    Raises
    ------
    DamagedValue
        It is none.
    """
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError) as exc:
        raise DamagedValue(f"{what} is no JSON ({exc})") from exc
    if not isinstance(value, kind):
        raise DamagedValue(f"{what} is {_short(value)}")
    return value


def plan_of(text: Any) -> dict[str, Any]:
    """Return the plan of a batch that was kept as `text`.

    Raises
    ------
    DamagedValue
        It is none, or cannot be planned with.
    """
    plan: dict[str, Any] = json_of(text, dict, "the plan of a batch")
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
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into a `StoreError` that says what to do.

    Raises
    ------
    StoreError
        In place of ``sqlite3.Error`` and ``OSError``; the cause stays on it.
    """
    try:
        yield
    except sqlite3.Error as exc:
        raise StoreError(_words(path, exc), path=path) from exc
    except UnicodeDecodeError as exc:  # SQLite's own words of a damaged table are not even text
        raise StoreError(damage_text(path, DamagedValue("the names of its tables are no text")), path=path) from exc
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise StoreError(f"the store {path} cannot be opened ({reason}): {HINT}", path=path) from exc


def is_damage(broken: sqlite3.Error) -> bool:
    """Whether an error is of what lies in a file, rather than of the disk or of others that use it."""
    name = getattr(broken, "sqlite_errorname", "") or ""
    return isinstance(broken, DamagedValue) or name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT"))


def _words(path: Path, broken: sqlite3.Error) -> str:
    if isinstance(broken, DamagedValue):
        return damage_text(path, broken)
    name = getattr(broken, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return (
            f"the store {path} is locked by another process, for longer than can be waited for; close the other "
            f"kernel or program that writes to it and run again, or {HINT}"
        )
    if is_damage(broken):
        return (
            f"the store {path} cannot be read ({broken}); it was left as it is. Move it away and run again (a new one "
            f"is then made), or {HINT}"
        )
    if name.startswith("SQLITE_FULL"):
        return f"the disk of the store {path} is full; make room and run again: what was committed is safe"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return f"the store {path} cannot be written ({broken}): {HINT}"
    return f"the store {path} cannot be used ({broken}): {HINT}"
