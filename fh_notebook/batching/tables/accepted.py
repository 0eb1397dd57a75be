"""Descriptions of what can be read as rows: for messages, and for the help of commands, which imports no pandas."""

from __future__ import annotations

from typing import Final

FILES: Final = (
    ".csv, .tsv, .jsonl, .ndjson and .json files, also with .gz or .zst appended, .parquet files, also a folder "
    "or a pattern of them, .arrow, .feather, .xlsx and .ods files (a sheet as tickets.xlsx#Sheet2)"
)

ACCEPTED: Final = (
    "a pandas DataFrame or Series, an object with the Arrow PyCapsule interface (Polars, PyArrow, DuckDB, Ibis), "
    "a numpy record array, a dict of columns, a list of dicts, a list of strings for the one text variable of a "
    f"deployment, or a path: {FILES}"
)
