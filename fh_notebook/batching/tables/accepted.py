"""What is read as rows, in words: for messages, and for the help of commands, which imports no pandas."""

from __future__ import annotations

from typing import Final

__all__ = ["ACCEPTED", "FILES"]

FILES: Final = (
    ".csv, .tsv, .jsonl, .ndjson and .json files, also with .gz or .zst behind, .parquet files, also a folder or a "
    "pattern of them, .arrow, .feather, .xlsx and .ods files (a sheet as tickets.xlsx#Sheet2)"
)

ACCEPTED: Final = (
    "a DataFrame or Series of pandas, what has the Arrow PyCapsule interface (Polars, PyArrow, DuckDB, Ibis), a numpy "
    "record array, a dict of columns, a list of dicts, a list of texts for the one text variable of a deployment, or a "
    f"path: {FILES}"
)
