"""One spelling of a JSON value, for keys and comparisons, and what of Python JSON cannot say.

Rule of this file: equal values have one text, and what has none is told by its path and never changed to fit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import PurePath
from typing import Any, Final

from fh_notebook.contract.jsonable import MAX_DEPTH, is_missing
from fh_notebook.contract.spell import short, type_text
from fh_notebook.problems import Problem
from fh_notebook.values import is_iterable

__all__ = ["canonical_json", "json_problems"]

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


# Made once: `json.dumps` makes an encoder at each call that has options.
_spell: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def json_problems(value: Any, path: tuple[str | int, ...] = ()) -> list[Problem]:
    """Return every part of `value` that JSON cannot say; `path` is the place of `value` itself.

    Examples
    --------
    >>> for problem in json_problems({"a": float("nan"), "b": {1, 2}}):
    ...     print(problem)
    a: nan has no JSON form; leave it out or give null
    b: a set has no JSON form; give a list
    """
    return _problems(value, path, 0)


def _problems(value: Any, path: tuple[str | int, ...], depth: int) -> list[Problem]:
    def problem(message: str, hint: str = "", value: str = "") -> Problem:
        return Problem(path, "json", value, message, hint)

    if value is None or isinstance(value, str | bool | int):
        if isinstance(value, str) and not _is_encodable(value):
            return [problem("holds half a character (a lone surrogate), which UTF-8 cannot say")]
        if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
            return [problem("is a whole number of more than 4,000 digits", "give it as text")]
        return []
    if depth > MAX_DEPTH:
        return [problem(f"is nested more than {MAX_DEPTH} deep")]
    if isinstance(value, float):
        return [] if math.isfinite(value) else [problem("has no JSON form", "leave it out or give null", str(value))]
    if isinstance(value, Mapping):
        found = [problem(f"the key {short(k)} is not a string") for k in value if not isinstance(k, str)]
        found += [problem(f"the name {k!a} holds half a character") for k in value if not _is_encodable(k)]
        for key, item in value.items():
            found += _problems(item, (*path, str(key)), depth + 1)
        return found
    if isinstance(value, list | tuple):
        return [p for i, item in enumerate(value) for p in _problems(item, (*path, i), depth + 1)]
    if is_missing(value):
        return [problem("has no JSON form", "leave it out or give null", str(value))]
    is_decimal = isinstance(value, Decimal)
    return [problem(f"has no JSON form{' that keeps all its digits' * is_decimal}", _hint(value), type_text(value))]


def _hint(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return "give a text: value.decode(), or base64 of it"
    if isinstance(value, Decimal):
        return "give float(value) or str(value)"
    if isinstance(value, PurePath):
        return "give a text: str(value)"
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
