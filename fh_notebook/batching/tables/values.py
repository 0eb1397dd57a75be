"""Values of columns: a cell as JSON, the dtype of a column as JSON, and the column back.

- Only the convention of tables is here: a missing value is null. What a value means is in `core.json_values`, what
a
  text means in `contract.schema.coercion`.
- A column is restored exactly or not at all. Where its values do not fit the stored dtype, or the dtype is unknown
  here, the caller decides what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api.types import pandas_dtype

from fh_notebook.core.json_values import jsonable


def plain(value: Any) -> Any:
    """Return `value` as JSON can say it: numpy and pandas scalars as Python's, times as ISO 8601 text, missing as null.

    What has no JSON form (a set, bytes) is left as it is: the check names it.

    Examples
    --------
    >>> plain(np.int64(3)), plain(pd.Timestamp("2026-11-25 08:00", tz="UTC")), plain((np.float64(0.5), pd.NA))
    (3, '2026-11-25T08:00:00+00:00', [0.5, None])
    """
    return jsonable(value, missing_is_null=True)


def object_series(values: Iterable[Any]) -> pd.Series[Any]:
    """Return a column that holds `values` as they are: pandas must not take a list or a dict for several cells.

    Examples
    --------
    >>> object_series([[1, 2], None, {"a": 1}]).tolist()
    [[1, 2], None, {'a': 1}]
    """
    items = list(values)
    return pd.Series(np.fromiter(items, dtype=object, count=len(items)), dtype=object)


CHOICES_MAX: Final = 200
"""Categories that are kept of a column; more are a list that each look at the batch's record would read."""


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    r"boolean|bool": (bool,),
    r"[uU]?[iI]nt(8|16|32|64)": (int,),
    r"[fF]loat(32|64)": (int, float),
    r"str|string(\[(python|pyarrow)\])?|datetime64\[(s|ms|us|ns)(, [\w+:/-]{1,60})?\]|timedelta64\[(s|ms|us|ns)\]": (
        str,
    ),
}
"""Names of dtypes, and what JSON has in place of their values. What is not listed is taken for no name: it may be a
stranger's."""

_WITHOUT_MISSING: Final = re.compile(r"bool|u?int(8|16|32|64)")


def dtype_to_json(dtype: Any) -> Any:
    """Return a dtype as a JSON value; ``None`` where its values are not told by it alone.

    Examples
    --------
    >>> dtype_to_json(pd.Series([1], dtype="Int64").dtype)
    'Int64'
    >>> dtype_to_json(pd.Series(["b"], dtype="category").dtype)["choices"]
    ['b']
    """
    if isinstance(dtype, pd.CategoricalDtype):
        if len(dtype.categories) > CHOICES_MAX:
            return None
        choices, of = plain(dtype.categories.tolist()), dtype_to_json(dtype.categories.dtype)
        return None if of is None else {"choices": choices, "of": of, "ordered": bool(dtype.ordered)}
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return f"string[{dtype.storage}]"  # its name does not say how it is stored
    name = str(dtype)
    return name if name == "object" or _types_of(name) else None


def series_of_dtype(values: Sequence[Any], as_told: Any) -> pd.Series[Any] | None:
    """Return the column that JSON `values`, ``None`` for what is missing, were; ``None`` where they were no such one.

    Examples
    --------
    >>> series_of_dtype(["2026-11-25T08:00:00", None], "datetime64[us]").dtype
    dtype('<M8[us]')
    >>> series_of_dtype(["soon"], "datetime64[us]") is None, series_of_dtype([1, None], "int64") is None
    (True, True)
    """
    if as_told == "object":
        return object_series(values)
    if isinstance(as_told, dict):
        return _of_choices(values, as_told)
    types = _types_of(as_told) if isinstance(as_told, str) else ()
    fits = all(type(value) in types or value is None for value in values)
    if not types or not fits or (None in values and _WITHOUT_MISSING.fullmatch(as_told)):
        return None
    try:
        if dtype_to_json(pandas_dtype(as_told)) != as_told:  # pandas 2 has no `str` and makes texts of what is missing
            return None
        if as_told.startswith("datetime64"):
            has_zone = "," in as_told
            moments = pd.to_datetime(pd.Series(values, dtype="object"), format="ISO8601", utc=has_zone)
            return _if_exact(moments, moments.astype(as_told))
        if as_told.startswith("timedelta64"):
            durations = pd.to_timedelta(pd.Series(values, dtype="object"))
            return _if_exact(durations, durations.astype(as_told))
        with np.errstate(over="ignore"):  # what is beyond a float32 is infinite there, and found below
            series = pd.Series(values, dtype="object").astype(as_told)
    except (TypeError, ValueError, OverflowError, KeyError, ImportError):  # no such moment, zone or storage here
        return None
    pairs = zip(series.tolist(), values, strict=True)
    is_exact = float not in types or all(plain(now) == value for now, value in pairs)
    return series if is_exact else None  # a number has digits that no float has


def _if_exact(read: pd.Series[Any], series: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return moments or durations in a unit; ``None`` where it has not all of their digits."""
    return series if bool((series.isna() | (series == read)).all()) else None


def _types_of(name: str) -> tuple[type, ...]:
    return next((types for names, types in _KINDS.items() if re.fullmatch(names, name)), ())


def _of_choices(values: Sequence[Any], as_told: dict[str, Any]) -> pd.Series[Any] | None:
    choices = as_told.get("choices")
    if not isinstance(choices, list) or len(choices) > CHOICES_MAX:
        return None
    column = series_of_dtype(choices, as_told.get("of")) if not isinstance(as_told.get("of"), dict) else None
    places = {
        (type(choice), choice): index for index, choice in enumerate(choices) if not isinstance(choice, list | dict)
    }
    if column is None or len(places) < len(choices):
        return None
    codes = [-1 if value is None else places.get((type(value), _hashable(value)), -2) for value in values]
    if -2 in codes:
        return None
    series = pd.Categorical.from_codes(codes, categories=pd.Index(column), ordered=as_told.get("ordered") is True)
    return pd.Series(series)


def _hashable(value: Any) -> Any:
    return None if isinstance(value, list | dict) else value
