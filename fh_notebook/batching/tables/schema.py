"""Columns of a DataFrame to Start variables (JSON Schema).

Rule of this file: what a column holds is declared, so that the frame's own rows fit; what it does not hold is not
refused where that cannot be known. So the schema is open, a column with a missing value is nullable and not required,
and ``expected_output`` and ``metadata.*`` are no inputs (CONTRACT section 8).
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Final

import pandas as pd
from pandas.api import types

from fh_notebook.batching.tables.row_sources import read_frame
from fh_notebook.batching.tables.rows import EXPECTED, METADATA_PREFIX, repeated_columns
from fh_notebook.batching.tables.values import plain
from fh_notebook.contract.schema.build import infer
from fh_notebook.core.json_values import is_missing, json_problems
from fh_notebook.core.text.formatting import KIND_OF_TYPE, listed
from fh_notebook.errors import InputError

MAX_CHOICES: Final = 50
"""Categories of one column; more make no choice that a person would read."""


def schema_of_frame(frame: Any) -> dict[str, Any]:
    """Return the open JSON Schema of the inputs that the rows of a frame are, or of what else is read as rows.

    Integers, numbers, truths and texts are declared by their dtype; categories are choices, up to
    :data:`MAX_CHOICES`; columns of lists, dicts and other objects by what their values are. Of moments, those with a
    time zone are ``date-time``; those without one are ``date`` where every value is midnight, and a batch sends them as
    dates; any other moment is a text, since a ``date-time`` has an offset and none is guessed.

    Examples
    --------
    >>> frame = pd.DataFrame({"ticket": ["late", "broken"], "words": [10, None], "expected_output": ["a", "b"]})
    >>> schema_of_frame(frame.astype({"words": "Int64"}))["properties"]
    {'ticket': {'type': 'string'}, 'words': {'type': ['integer', 'null']}}
    """
    frame = read_frame(frame)
    if problem := _problem_of(frame.columns):
        raise InputError(f"inputs: {problem}")
    properties: dict[str, Any] = {}
    required = []
    for name in frame.columns:
        if name == EXPECTED or name.startswith(METADATA_PREFIX):
            continue
        values = [value for value in frame[name].tolist() if not is_missing(value)]
        schema = _of_column(frame[name], values)
        if len(values) < len(frame):
            schema = _or_null(schema)
        elif values:
            required.append(name)
        properties[name] = schema
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _problem_of(columns: pd.Index[Any]) -> str | None:
    if isinstance(columns, pd.MultiIndex):
        return "the frame's columns have several levels; flatten them to one name a column"
    if other_names := [str(c) for c in columns if not isinstance(c, str)]:
        return (
            f"the column name {listed(other_names, 'and')} is not a string; name the columns with "
            "frame.rename(columns=str)"
        )
    if doubled := list(dict.fromkeys(columns[columns.duplicated()])):
        return repeated_columns(doubled)
    return None


def _of_column(column: pd.Series[Any], values: list[Any]) -> dict[str, Any]:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _of_categories(dtype.categories.tolist())
    if types.is_bool_dtype(dtype):
        return {"type": "boolean"}
    if types.is_integer_dtype(dtype):
        return {"type": "integer"}
    if types.is_float_dtype(dtype):
        return {"type": "number"} if values else {}  # what pandas makes of a column without any value
    if not values:
        is_text = isinstance(dtype, pd.StringDtype) or types.is_datetime64_any_dtype(dtype)
        return {"type": "string"} if is_text else {}
    return _of_values(values)


def _of_categories(choices: list[Any]) -> dict[str, Any]:
    values = plain(choices)
    kinds = {KIND_OF_TYPE.get(type(choice)) for choice in values}
    if json_problems(values) or None in kinds:
        return {}
    type_part = {"type": kinds.pop()} if len(kinds) == 1 else {}
    return {**type_part, "enum": values} if 0 < len(values) <= MAX_CHOICES else type_part


def _of_values(values: list[Any]) -> dict[str, Any]:
    """By what the values are: `infer` reads them as samples of one variable."""
    if all(isinstance(value, datetime) for value in values):  # a Timestamp is one
        if all(value.tzinfo is not None for value in values):
            return {"type": "string", "format": "date-time"}
        return {"type": "string", "format": "date"} if all(map(_is_midnight, values)) else {"type": "string"}
    if all(isinstance(value, date) and not isinstance(value, datetime) for value in values):
        return {"type": "string", "format": "date"}
    schema: dict[str, Any] = infer({"value": plain(value)} for value in values)["properties"].get("value", {})
    return schema


def _is_midnight(value: datetime) -> bool:
    return value.tzinfo is None and value.time() == time() and not getattr(value, "nanosecond", 0)


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    types_ = schema.get("type")
    if types_ is None:
        return schema
    return {**schema, "type": [*([types_] if isinstance(types_, str) else types_), "null"]}
