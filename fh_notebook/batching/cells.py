"""What one cell of a table is as a JSON value.

Rule of this file: explicit and conservative. A value changes its kind only where the Start variable's declared type
says into what, and where the text can mean nothing else; what does not fit is left as it is, for the check to name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
import pandas as pd

from fh_notebook.contract.canonical import canonical_json
from fh_notebook.contract.spell import types_of

__all__ = ["coerced", "is_missing", "object_series", "plain"]


def is_missing(value: Any) -> bool:
    """Whether a table's cell holds nothing: ``None``, NaN, NaT or ``pd.NA``.

    Examples
    --------
    >>> [is_missing(v) for v in (None, float("nan"), pd.NaT, pd.NA, "", 0, [])]
    [True, True, True, True, False, False, False]
    """
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def plain(value: Any) -> Any:
    """Return `value` as JSON can say it: numpy and pandas scalars as Python's, times as ISO 8601 text.

    What has no obvious JSON form (a set, bytes, a Decimal) is left as it is: the check names it.

    Examples
    --------
    >>> plain(np.int64(3)), plain(pd.Timestamp("2026-11-25 08:00", tz="UTC")), plain((np.float64(0.5), None))
    (3, '2026-11-25T08:00:00+00:00', [0.5, None])
    """
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timedelta):
        return value.isoformat()
    if isinstance(value, datetime | date | time):  # pd.Timestamp is a datetime
        return value.isoformat()
    if isinstance(value, np.datetime64 | np.timedelta64):
        return plain(pd.Timestamp(value) if isinstance(value, np.datetime64) else pd.Timedelta(value))
    if isinstance(value, np.generic):
        return value.item()
    return _plain_other(value)


def _plain_other(value: Any) -> Any:
    if isinstance(value, timedelta):
        return pd.Timedelta(value).isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def object_series(values: Iterable[Any]) -> pd.Series[Any]:
    """Return a column that holds `values` as they are: pandas must not take a list or a dict for several cells.

    Examples
    --------
    >>> object_series([[1, 2], None, {"a": 1}]).tolist()
    [[1, 2], None, {'a': 1}]
    """
    given = list(values)
    held = np.empty(len(given), dtype=object)
    for place, value in enumerate(given):
        held[place] = value
    return pd.Series(held, dtype=object)


_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,400}(\.0*)?")
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def coerced(value: Any, schema: Any) -> Any:
    """Return a table's value as the Start variable's declared type wants it, where there is one way to read it.

    Parameters
    ----------
    value : object
        A plain value out of a table: text from a CSV, or a number that pandas made a float for want of another missing.
    schema : mapping
        The JSON Schema of the Start variable. One that takes text, or says no type, leaves every value as it is.

    Examples
    --------
    >>> coerced("12", {"type": "integer"}), coerced(" 1.5", {"type": "number"}), coerced("TRUE", {"type": "boolean"})
    (12, 1.5, True)
    >>> coerced('["a"]', {"type": "array"}), coerced("12", {"type": "string"}), coerced("12 or so", {"type": "integer"})
    (['a'], '12', '12 or so')
    >>> coerced(3.0, {"type": "integer"})
    3
    """
    if not isinstance(schema, Mapping):
        return value
    types = [t for t in types_of(schema.get("type", [])) if t != "null"]
    if isinstance(value, float):
        return int(value) if types == ["integer"] and value.is_integer() else value
    if not isinstance(value, str) or "string" in types:
        return value
    if isinstance(schema.get("enum"), list):
        return next((choice for choice in schema["enum"] if _spelt(choice) == value.strip()), value)
    return _read_as(value, types[0]) if len(types) == 1 else value


def _spelt(choice: Any) -> str:
    return choice if isinstance(choice, str) else canonical_json(choice)


def _read_as(text: str, kind: str) -> Any:
    word = text.strip()
    if kind == "integer" and _INTEGER.fullmatch(word):
        return int(word.partition(".")[0])
    if kind == "number" and _NUMBER.fullmatch(word):
        number = int(word) if word.lstrip("+-").isdigit() else float(word)
        return number if math.isfinite(number) else text
    if kind == "boolean" and word.lower() in ("true", "false"):
        return word.lower() == "true"
    if kind in ("array", "object"):
        return _json_of(word, list if kind == "array" else dict, text)
    return text


def _json_of(word: str, kind: type, text: str) -> Any:
    try:
        value = json.loads(word)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, kind) else text
