"""Export of a batch to a file, by its suffix: CSV, Excel, Parquet, JSON lines.

Rule of this file: no more than a part of the table is held at once; what had to be changed for a spreadsheet is counted
and its first places are named; Parquet and JSON lines, which run nothing, hold every text as it came.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import pandas as pd

from fh_notebook.batching.export.columns import ExportSource, ExportSurvey, columns_as_index
from fh_notebook.batching.export.files import checked_target, replacing, replacing_partly, suffix_of
from fh_notebook.batching.export.writers import (
    MAX_COLUMNS,
    MAX_ROWS,
    csv_lines,
    header,
    open_parquet,
    open_workbook,
    sheet_cells,
    without_markup,
)
from fh_notebook.batching.tables.safe_text import EXCEL_CELL, SafeTextCounter, neutralised_inside, without_halves
from fh_notebook.batching.tables.values import is_missing, plain
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import SettingsError
from fh_notebook.store.catalog_file import shown

__all__ = ["ExportSource", "Exported", "check_export", "export", "to_csv", "to_excel", "to_jsonl", "to_parquet"]

CSV: Final = (".csv", ".csv.gz", ".tsv")
EXCEL: Final = (".xlsx",)
PARQUET: Final = (".parquet",)
JSONL: Final = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exported:
    """What was written, and what had to be changed for it."""

    path: Path
    rows: int
    columns: int
    neutralised: int = 0
    """Cells that a spreadsheet would have taken for a formula, and that have an apostrophe now."""
    cut: int = 0
    """Cells that were longer than `most`; they end with ``…`` now."""
    cleaned: int = 0
    """Cells that had control characters, which are gone, or half characters, in whose place is ``\\ufffd`` now."""
    places: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Where the first few of each were."""
    most: int = EXCEL_CELL
    """Characters that a cell may have: what Excel holds, or ``max_cell``."""

    def __repr__(self) -> str:
        named = dict(self.places)
        changes = {
            "neutralised": (self.neutralised, "neutralised (a formula would begin so)"),
            "cut": (self.cut, f"cut at {self.most:,} characters"),
            "cleaned": (self.cleaned, "cleaned of control characters"),
        }
        told = [
            f"{counted(number, 'cell')} {words}: {', '.join(named[what])}{', ...' if number > len(named[what]) else ''}"
            for what, (number, words) in changes.items()
            if number
        ]
        return "; ".join([f"{shown(self.path)}: {counted(self.rows, 'row')}, {counted(self.columns, 'column')}", *told])


# --- what is written


def to_csv(source: ExportSource, path: Any, *, mark: bool = True, max_cell: int | None = None) -> Exported:
    """Write the lines of a batch as CSV (see ``Batch.to_csv``).

    Parameters
    ----------
    source : Batch
        What is written.
    path : path
        Ends in ``.csv``, ``.csv.gz`` or ``.tsv``.
    mark : bool
        Begin with a byte order mark, without which Excel reads UTF-8 as something else.
    max_cell : int, optional
        Cut longer texts at this many characters.

    Raises
    ------
    SettingsError
        It cannot be written there, or the batch is running.
    """
    target = _checked(source, path, CSV)
    ends = suffix_of(target)
    separator = "\t" if ends == ".tsv" else ","
    care = SafeTextCounter(most=max_cell, inside=partial(neutralised_inside, separator=separator))
    survey = ExportSurvey.of(source)
    names = header(survey.shape, lambda name: care.of(name, None, name))
    rows = 0
    with replacing(target) as raw, _text(raw, packed=ends == ".csv.gz", mark=mark) as file:
        file.writelines(csv_lines([[name] for name in names], separator))
        for part in survey.shaped():
            file.writelines(csv_lines(sheet_cells(part, care), separator))
            rows += len(part)
    return _exported(target, rows, names, care)


def to_excel(source: ExportSource, path: Any) -> Exported:
    """Write the lines of a batch as an Excel workbook (see ``Batch.to_excel``).

    Raises
    ------
    SettingsError
        It cannot be written there, has more lines or columns than a sheet, XlsxWriter is not installed, or the batch is
        running.
    """
    ensure_installed("xlsxwriter", "Excel files need")
    target = _checked(source, path, EXCEL)
    lines = source.counts.planned - source.counts.pending
    if lines >= MAX_ROWS:
        raise SettingsError(
            f"{lines:,} rows are more than a sheet of Excel holds ({MAX_ROWS - 1:,}); batch.to_csv or to_parquet"
        )
    care = SafeTextCounter(most=EXCEL_CELL, inside=without_markup)
    survey = ExportSurvey.of(source)
    if len(survey.shape) > MAX_COLUMNS:
        raise SettingsError(
            f"{len(survey.shape):,} columns are more than a sheet of Excel holds ({MAX_COLUMNS:,}); "
            "batch.to_csv or to_parquet"
        )
    names = header(survey.shape, lambda name: care.of(name, None, name))
    rows = 0
    with replacing_partly(target) as (raw, part_file), open_workbook(raw, part_file.beside("lines")) as book:
        book.write_head(names)
        for part in survey.shaped():
            book.write_lines(sheet_cells(part, care))
            rows += len(part)
        book.write_about(survey.about, care)
    return _exported(target, rows, names, care)


def to_parquet(source: ExportSource, path: Any) -> Exported:
    """Write the lines of a batch as Parquet (see ``Batch.to_parquet``).

    Raises
    ------
    SettingsError
        It cannot be written there, pyarrow is not installed, or the batch is running.
    """
    ensure_installed("pyarrow", "Parquet files need")
    target = _checked(source, path, PARQUET)
    care = SafeTextCounter()
    survey = ExportSurvey.of(source, with_index=True)
    names = header(survey.shape, without_halves)

    def whole(part: pd.DataFrame) -> pd.DataFrame:
        return columns_as_index(_whole(part, names, care), survey.index_names)

    rows = 0
    with_index = bool(survey.index_names)
    with (
        replacing(target) as raw,
        open_parquet(raw, whole(survey.template), survey.attrs, with_index=with_index) as file,
    ):
        for part in survey.shaped():
            file.write(whole(part))
            rows += len(part)
    return _exported(target, rows, names[len(survey.index_names) :], care)


def to_jsonl(source: ExportSource, path: Any) -> Exported:
    """Write the lines of a batch as JSON, one object a line, in which outputs stay what they are.

    Raises
    ------
    SettingsError
        It cannot be written there, or the batch is running.
    """
    target = _checked(source, path, JSONL)
    survey = ExportSurvey.of(source)
    names = list(survey.shape)
    rows = 0
    with replacing(target) as raw, _text(raw) as file:
        for part in survey.parts():
            columns = [part[name].tolist() if name in part.columns else [None] * len(part) for name in names]
            file.writelines(_json_line(names, line) for line in zip(*columns, strict=True))
            rows += len(part)
    return _exported(target, rows, names, SafeTextCounter())


WRITERS: Final[dict[str, Callable[[ExportSource, Any], Exported]]] = {
    **dict.fromkeys(CSV, to_csv),
    **dict.fromkeys(EXCEL, to_excel),
    **dict.fromkeys(PARQUET, to_parquet),
    **dict.fromkeys(JSONL, to_jsonl),
}
"""By how a file's name ends."""


def check_export(path: Any) -> Path:
    """Return where :func:`export` would write, before the first call is paid for.

    Raises
    ------
    SettingsError
        It cannot be written there, or what writes it is not installed.
    """
    target = checked_target(path, tuple(WRITERS))
    ends = suffix_of(target)
    if ends in EXCEL:
        ensure_installed("xlsxwriter", "Excel files need")
    if ends in PARQUET:
        ensure_installed("pyarrow", "Parquet files need")
    with replacing(target, replace=lambda made, _: None):
        pass  # a file can be made beside it: the folder may be written
    return target


def export(source: ExportSource, path: Any) -> Exported:
    """Write the lines of a batch as the ending of `path` says.

    Raises
    ------
    SettingsError
        It cannot be written there, or the batch is running.
    """
    return WRITERS[suffix_of(checked_target(path, tuple(WRITERS)))](source, path)


# --- how


def _checked(source: ExportSource, path: Any, suffixes: tuple[str, ...]) -> Path:
    target = checked_target(path, suffixes)
    if source.running:
        raise SettingsError(f"{source.name} is running; batch.wait() for it, or batch.cancel() it, and then write it")
    return target


@contextmanager
def _text(raw: BinaryIO, *, packed: bool = False, mark: bool = False) -> Iterator[TextIO]:
    """Give a text file over `raw`, which stays open; packed without a time, so that equal tables are equal files."""
    encoding = "utf-8-sig" if mark else "utf-8"
    inner: Any = gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) if packed else raw
    file = TextIOWrapper(inner, encoding=encoding, newline="")
    try:
        yield file
        file.flush()
    finally:
        file.detach()
        if packed:
            inner.close()


def _whole(part: pd.DataFrame, names: list[str], care: SafeTextCounter) -> pd.DataFrame:
    """Return `part` under the file's names and without half characters."""
    rows = part["row"].tolist() if "row" in part.columns else range(len(part))
    columns = {}
    for column, name in zip(part.columns, names, strict=True):
        values = part[column]
        if isinstance(values.dtype, pd.StringDtype):
            whole = [None if v is pd.NA else care.halves(v, row, name) for v, row in zip(values, rows, strict=True)]
            values = pd.Series(whole, dtype=values.dtype)
        columns[name] = values
    return pd.DataFrame(columns, index=part.index)


def _json_line(names: list[str], line: Iterable[Any]) -> str:
    record = {name: None if is_missing(value) else plain(value) for name, value in zip(names, line, strict=True)}
    text = json.dumps(record, ensure_ascii=False, default=str)
    if without_halves(text) != text:
        text = json.dumps(record, default=str)  # half a character can be said as an escape
    return f"{text}\n"


def _exported(target: Path, rows: int, names: list[str], care: SafeTextCounter) -> Exported:
    return Exported(
        path=target,
        rows=rows,
        columns=len(names),
        neutralised=care.neutralised,
        cut=care.cut,
        cleaned=care.cleaned,
        places=tuple((what, tuple(where)) for what, where in care.places.items()),
        most=care.most or EXCEL_CELL,
    )
