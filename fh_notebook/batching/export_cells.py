"""The cells of a part of a batch, as a spreadsheet may have them.

Rule of this file: numbers stay numbers, whatever they begin with; every text goes through `Care`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Final

import pandas as pd
from pandas.api import types

from fh_notebook.batching.export_columns import text_of
from fh_notebook.batching.sheet_safe import Care

__all__ = ["csv_lines", "excel_cell", "header", "sheet_cells"]

WHOLE_DIGITS: Final = 10**15
"""Excel calculates with 15 digits and shows zeros for all further ones: an order's number would be another's."""

_TO_QUOTE: Final = re.compile(r'["\r\n,;\t|]|^\s|\s$')


def header(names: Iterable[str], fix: Callable[[str], str]) -> list[str]:
    """Return the columns' names as the file has them; two that the fixing makes equal are numbered.

    Examples
    --------
    >>> header(["a", "b ", "b"], str.strip)
    ['a', 'b', 'b (2)']
    """
    fixed: list[str] = []
    for name in map(fix, names):
        number, unique = 1, name
        while unique in fixed:
            number += 1
            unique = f"{name} ({number})"
        fixed.append(unique)
    return fixed


def sheet_cells(part: pd.DataFrame, care: Care) -> list[list[Any]]:
    """Return the columns of `part` as cells: ``None``, a truth, a finite number, a moment without a zone, or a text."""
    rows = part["row"].tolist() if "row" in part.columns else range(len(part))
    return [_cells(part[name], care, rows) for name in part.columns]


def _cells(column: pd.Series[Any], care: Care, rows: Iterable[Any]) -> list[Any]:
    values = column.astype(object).where(column.notna(), None).tolist()
    if isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype):
        name = str(column.name)
        return [None if v is None else care.of(v, row, name) for v, row in zip(values, rows, strict=True)]
    if types.is_bool_dtype(column.dtype):
        return values
    if types.is_any_real_numeric_dtype(column.dtype):
        return [v if v is None or math.isfinite(v) else str(v) for v in values]
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return [None if v is None else v.isoformat() for v in values]
    return values if types.is_datetime64_dtype(column.dtype) else [None if v is None else text_of(v) for v in values]


def excel_cell(value: Any) -> Any:
    """Return a cell as Excel keeps it: a long number and a moment before 1900 as their text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= WHOLE_DIGITS:
        return str(value)
    if isinstance(value, date) and value.year < 1900:
        return value.isoformat()
    return value


def csv_lines(columns: list[list[Any]], separator: str) -> Iterable[str]:
    """Yield the lines of cells, each with its line end."""
    texts = [[_csv_cell(value) for value in column] for column in columns]
    return (separator.join(line) + "\n" for line in zip(*texts, strict=True))


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        if value and not _TO_QUOTE.search(value):
            return value
        doubled = value.replace('"', '""')
        return f'"{doubled}"'
    return value.isoformat() if isinstance(value, date) else str(value)
