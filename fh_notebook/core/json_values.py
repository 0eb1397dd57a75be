"""JSON values: conversion from Python, canonical text, and problems of values that JSON cannot represent.

Rules of this file:

1. A value becomes the JSON that says the same, and what JSON cannot say is left as it is, for the check to name by
   its path (`json_problems`). Nothing becomes a text that nobody asked for. Values of numpy and pandas are known by
   what they can do, so nothing is imported for them.
2. Equal values have one text, and what has none is told by its path and never changed to fit.

=====================================  =====================================================================
value                                  becomes
=====================================  =====================================================================
numpy scalar, array, Series, Index     the Python value, a list
DataFrame                              a list of one object a row
datetime, date, time, Timestamp        ISO 8601 text; no offset is added
timedelta, Timedelta                   ISO 8601 duration, ``P0DT1H0M0S``
Decimal                                a number that JSON's readers read as the same; with more digits: left
UUID                                   its text
Enum member                            its value
tuple, named tuple                     a list
NaN, NaT, ``pd.NA``, a masked value    null out of a table or an expression, else left
set, bytes, complex, infinity, object  left
=====================================  =====================================================================
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from json import encoder as parts
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from fh_notebook.core.text.formatting import first_words, one_line, short, type_text
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import is_iterable

MAX_DEPTH: Final = 200
"""Deeper nesting would meet Python's recursion limit in the encoder."""


MAX_DIGITS: Final = 4_000
"""As for integers: Python refuses to spell longer ones, and no service reads them."""


_MISSING: Final = ("NaTType", "NAType")
"""The classes of ``pd.NaT`` (which calls itself a datetime) and ``pd.NA``, both of one value."""


def is_missing(value: Any) -> bool:
    """Whether a table's cell holds nothing: ``None``, NaN of any kind, NaT, ``pd.NA`` or a masked value of numpy.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> [is_missing(v) for v in (None, float("nan"), pd.NaT, pd.NA, np.float32("nan"), "", 0, [])]
    [True, True, True, True, True, False, False, False]
    """
    if value is None:
        return True
    if isinstance(value, float):
        return value != value
    if type(value) in (str, int, bool) or isinstance(value, Mapping | list | tuple):
        return False
    if isinstance(value, Decimal):
        return value.is_nan()
    if type(value).__name__ in _MISSING:
        return True
    if not hasattr(value, "dtype") or getattr(value, "shape", None) != ():
        return False
    # A scalar of numpy: masked, or one of the values that are not equal to themselves, NaT and NaN.
    return _is_masked(value) or bool(value != value)


def _has_mask(value: Any) -> bool:
    """Whether it is of ``numpy.ma``; a Series has a method `mask`."""
    return hasattr(value, "mask") and hasattr(value, "filled")


def _is_masked(value: Any) -> bool:
    """Whether a mask hides all of a scalar: of a record, every field."""
    hidden = value.mask.tolist() if _has_mask(value) else False
    return all(hidden) if isinstance(hidden, tuple) else bool(hidden)


def jsonable(value: Any, *, missing_is_null: bool = False) -> Any:
    """Return a copy of `value` in JSON's own kinds; what has no JSON form is left in its place.

    Examples
    --------
    >>> from decimal import Decimal
    >>> import numpy as np
    >>> jsonable({"n": np.int64(3), "price": Decimal("1.50"), "when": date(2026, 11, 25), "pair": (1, {2})})
    {'n': 3, 'price': 1.5, 'when': '2026-11-25', 'pair': [1, {2}]}
    >>> jsonable([1.5, float("nan")], missing_is_null=True)
    [1.5, None]
    """
    return _converted(value, missing_is_null, 0)


def _converted(value: Any, null: bool, depth: int) -> Any:
    if value is None or type(value) in (str, int, bool) or depth > MAX_DEPTH:
        return value
    if isinstance(value, Enum):
        return _converted(value.value, null, depth + 1)
    if is_missing(value):
        return None if null else _nan(value)
    if isinstance(value, Mapping):
        return {_key(name): _converted(item, null, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_converted(item, null, depth + 1) for item in value]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return _of_array(value, null, depth)
    if hasattr(value, "iloc") and hasattr(value, "to_dict") and getattr(value, "columns", value).is_unique:
        return _converted(
            value.to_dict(orient="records"), null, depth
        )  # with two columns of one name, one would be lost
    return _scalar(value)


def _nan(value: Any) -> Any:
    """NaN in Python's own kind, so that it is told in one way; so is what is masked. NaT and ``pd.NA`` as they are."""
    is_number = (
        isinstance(value, float | Decimal)
        or _has_mask(value)
        or getattr(getattr(value, "dtype", None), "kind", "") == "f"
    )
    return float("nan") if is_number else value


def _key(name: Any) -> Any:
    """A name: a text of numpy's or of an Enum is one; nothing else is made one."""
    if isinstance(name, Enum):
        return name.value
    return str(name) if isinstance(name, str) else name


def _of_array(value: Any, null: bool, depth: int) -> Any:
    kind = getattr(value.dtype, "kind", "")
    if getattr(value, "shape", ()) == () and not (_has_mask(value) and kind == "V"):  # a record is a list of its fields
        return _of_numpy_scalar(value[()] if hasattr(value, "__array_finalize__") else value, kind, null, depth)
    # In `tolist`, numpy makes integers of nanoseconds, and None of what is masked; one by one they keep their kind.
    items = list(value) if kind in ("m", "M") or _has_mask(value) else value.tolist()
    return _converted(items, null, depth)


def _of_numpy_scalar(value: Any, kind: str, null: bool, depth: int) -> Any:
    if kind in ("m", "M"):
        unit = "datetime64[us]" if kind == "M" else "timedelta64[us]"
        micro = value.astype(unit)
        item = micro.item()  # beyond the years of `datetime`, a number
        return _scalar(item) if micro == value and isinstance(item, date | timedelta) else str(value)
    item = value.item()
    if type(item) is type(value):  # a long double has no kind of Python's own
        return float(item) if kind == "f" else item
    return _converted(item, null, depth + 1)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime | date | time):  # a Timestamp is a datetime
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, Decimal):
        return _number(value)
    return str(value) if isinstance(value, UUID) else value


def _duration(value: timedelta) -> str:
    """ISO 8601 as pandas spells it, which has it to the nanosecond."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    hours, remainder = divmod(value.seconds, 3600)
    minutes, seconds = divmod(remainder, 60)
    fraction = f".{value.microseconds:06d}".rstrip("0") if value.microseconds else ""
    return f"P{value.days}DT{hours}H{minutes}M{seconds}{fraction}S"


def _number(value: Decimal) -> Any:
    """The number that JSON's readers read as the same; one with more digits than they keep is left."""
    if not value.is_finite():
        return float(value)
    if abs(value.adjusted()) > MAX_DIGITS:
        return value
    if value == value.to_integral_value():
        return int(value)
    near = float(value)
    return near if Decimal(repr(near)) == value else value


def pretty(value: Any, *, limit: int, sort: bool = False, indent: int | None = 2) -> tuple[str, bool]:
    r"""Return a JSON value as text, at most `limit` characters of it, and whether that is all.

    The text of a value of many megabytes is not made to be cut.

    Examples
    --------
    >>> pretty([1, 2, 3], limit=8)
    ('[\n  1,\n ', False)
    """
    parts, length = [], 0
    try:
        for part in json.JSONEncoder(ensure_ascii=False, indent=indent, sort_keys=sort, default=str).iterencode(value):
            parts.append(part)
            length += len(part)
            if length > limit:
                return "".join(parts)[:limit], False
    except (RecursionError, TypeError, ValueError):  # nested too deep, or in itself; or names that cannot be sorted
        return ("".join(parts), False) if not sort else pretty(value, limit=limit, indent=indent)
    return "".join(parts), True


def inputs_text(inputs: Mapping[str, Any], limit: int) -> str:
    """Return the beginning of a call's inputs in one line, each behind its name; it never ends with a name.

    Examples
    --------
    >>> inputs_text({"order": "A-4007", "amount": 120.0}, 60), inputs_text({"ticket": "Late again."}, 14)
    ('order: A-4007 · amount: 120', 'ticket: Late…')
    >>> inputs_text({"order": "A-4007", "amount": 120.0}, 24)
    'order: A-4007 …'
    """
    heads = [f"{one_line(name, limit)}: " for name in inputs]
    texts = [_beginning(for_reading(value), limit) for value in inputs.values()]
    parts = [head + text for head, text in zip(heads, texts, strict=True)]
    line = first_words(" · ".join(parts), limit)  # a text may end with a full stop, or have commas
    for count in range(1, len(parts)):
        before = " · ".join(parts[:count])
        if len(before) >= len(line):
            break
        if len(line) - 1 <= len(f"{before} · {heads[count]}") and line.endswith("…"):
            return f"{before} …"
    return line


WHOLE_BELOW: Final = 1e15
"""A float of more may not be the number that it is written as."""


def for_reading(value: Any) -> Any:
    """Return a value of a call as a person reads it in a table or a line: a whole float without its ``.0``.

    What is sent, compared, copied and exported, frames, and the JSON of an output keep the float.

    Examples
    --------
    >>> for_reading(640.0), for_reading(389.9), for_reading("640.0"), for_reading(1e300)
    (640, 389.9, '640.0', 1e+300)
    """
    is_whole = isinstance(value, float) and abs(value) < WHOLE_BELOW and value.is_integer()
    return int(value) if is_whole else value


def _beginning(value: Any, limit: int) -> str:
    text = value if isinstance(value, str) else pretty(value, limit=2 * limit, indent=None)[0]
    return one_line(text[: 2 * limit], 2 * limit)


def inside_fence(text: str) -> str:
    """Return the inside of the one code fence around `text`, if it is fenced: models like to answer so."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped:
        return stripped.split("\n", 1)[1].rsplit("```", 1)[0]
    return stripped


def json_encoder(
    *, sort_keys: bool = False, allow_nan: bool = True, default: Callable[[Any], Any] | None = None
) -> Callable[[Any], str]:
    """Return a function that writes a value as JSON without blanks and without escapes that JSON does not need.

    `json.dumps` and `json.JSONEncoder.encode` make the encoder itself, which is in C, at each call: half the time of a
    small value. What contains itself is a `RecursionError`, as what is nested too deep.

    Examples
    --------
    >>> json_encoder()({"a": [1, "ä"]})
    '{"a":[1,"ä"]}'
    """
    options = json.JSONEncoder(
        ensure_ascii=False, check_circular=False, allow_nan=allow_nan, sort_keys=sort_keys, separators=(",", ":"),
        default=default,
    )  # fmt: skip
    make = getattr(parts, "c_make_encoder", None)
    if make is None:  # an interpreter without that part in C
        return options.encode
    chunks = make(None, options.default, parts.encode_basestring, None, ":", ",", sort_keys, False, allow_nan)
    return lambda value: "".join(chunks(value, 0))


MAX_INT_BITS: Final = 13_000
"""Python refuses to write longer numbers (``sys.set_int_max_str_digits``: 4,300 digits), and no service reads them."""


def canonical_json(value: Any) -> str:
    """Return `value` as JSON with sorted keys and no blanks: equal values have equal texts.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [True, None]})
    '{"a":[true,null],"b":1}'
    """
    return _spell(value)


_spell: Final = json_encoder(sort_keys=True, allow_nan=False)


def json_problems(value: Any, path: tuple[str | int, ...] = ()) -> list[Problem]:
    """Return every part of `value` that JSON cannot say; `path` is the place of `value` itself.

    Examples
    --------
    >>> for problem in json_problems({"a": float("nan"), "b": {1, 2}}):
    ...     print(problem)
    a: nan has no JSON form; leave it out or give null
    b: a set has no JSON form; give a list
    """
    return _list_problems(value, path, 0)


def _list_problems(value: Any, path: tuple[str | int, ...], depth: int) -> list[Problem]:
    def problem(message: str, hint: str = "", value: str = "") -> Problem:
        return Problem(path, "json", value, message, hint)

    if value is None or isinstance(value, str | bool | int):
        if isinstance(value, str) and not _is_encodable(value):
            return [problem("holds half a character (a lone surrogate), which UTF-8 cannot encode")]
        if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
            return [problem("the value is a whole number of more than 4,000 digits", "give it as a string")]
        return []
    if depth > MAX_DEPTH:
        return [problem(f"the value is nested more than {MAX_DEPTH} levels deep")]
    if isinstance(value, float):
        return [] if math.isfinite(value) else [problem("has no JSON form", "leave it out or give null", str(value))]
    if isinstance(value, Mapping):
        problems = [problem(f"the key {short(k)} is not a string") for k in value if not isinstance(k, str)]
        problems += [problem(f"the key {k!a} holds half a character") for k in value if not _is_encodable(k)]
        for key, item in value.items():
            problems += _list_problems(item, (*path, str(key)), depth + 1)
        return problems
    if isinstance(value, list | tuple):
        return [p for i, item in enumerate(value) for p in _list_problems(item, (*path, i), depth + 1)]
    if is_missing(value):
        return [problem("has no JSON form", "leave it out or give null", str(value))]
    is_decimal = isinstance(value, Decimal)
    return [problem(f"has no JSON form{' that keeps all its digits' * is_decimal}", _hint(value), type_text(value))]


def _hint(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return "give a string: value.decode(), or its base64"
    if isinstance(value, Decimal):
        return "give float(value) or str(value)"
    if isinstance(value, PurePath):
        return "give a string: str(value)"
    if isinstance(own := getattr(value, "json_hint", None), str):
        return own
    is_listable = is_iterable(value) and not isinstance(value, type)
    return "give a list" if is_listable and not hasattr(value, "dtypes") else ""


def _is_encodable(text: object) -> bool:
    if not isinstance(text, str):
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
