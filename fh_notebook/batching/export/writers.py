"""Writers of the parts of a batch: CSV cells, Excel, Parquet.

- Numbers stay numbers, whatever they begin with; every text goes through `SafeTextCounter`.
- Excel: a text is written as text, not as the library guesses, which would make formulas and links. XlsxWriter and not
  openpyxl: it holds one line at a time, has no dependencies, and is released several times a year.
- Parquet: `pandas.read_parquet` returns the dtypes of the parts, an index of their own, and ``frame.attrs``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Final

import pandas as pd
from pandas.api import types

from fh_notebook.batching.export.columns import text_of
from fh_notebook.batching.tables.safe_text import SafeTextCounter

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


def sheet_cells(part: pd.DataFrame, care: SafeTextCounter) -> list[list[Any]]:
    """Return the columns of `part` as cells: ``None``, a truth, a finite number, a moment without a zone, or a text."""
    rows = part["row"].tolist() if "row" in part.columns else range(len(part))
    return [_cells(part[name], care, rows) for name in part.columns]


def _cells(column: pd.Series[Any], care: SafeTextCounter, rows: Iterable[Any]) -> list[Any]:
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


MAX_ROWS: Final = 1_048_576

MAX_COLUMNS: Final = 16_384
"""Of a sheet (support.microsoft.com, "Excel specifications and limits"); the head is one of the rows."""

SHEET: Final = "answers"

ABOUT: Final = "about"

INSTANT_FORMAT: Final = "yyyy-mm-dd hh:mm:ss"

WIDTHS: Final = {"output": 60, "error": 40, "started_at": 26, "status": 11}

WIDTH: Final = 14


def without_markup(text: str) -> str:
    """Return `text` as one that XlsxWriter escapes.

    It takes a text between ``<r>`` and ``</r>`` for rich text that it has made itself, and writes it as it is: a model
    could write cells of its own, formulas among them.

    Examples
    --------
    >>> without_markup("<r></is></c><c><f>1+1</f></c></r>"), without_markup("<r> and more")
    ("'<r></is></c><c><f>1+1</f></c></r>", '<r> and more')
    """
    return f"'{text}" if text.startswith("<r>") and text.endswith("</r>") else text


class ExcelFile:
    """One workbook with the answers in its first sheet."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._sheet = book.add_worksheet(SHEET)
        self._moment = book.add_format({"num_format": INSTANT_FORMAT})
        self._head = book.add_format({"bold": True})
        self._line = 0

    def write_head(self, names: list[str]) -> None:
        """Write the columns' names, which stay in sight when one scrolls."""
        self._sheet.freeze_panes(1, 0)
        for column, name in enumerate(names):
            self._sheet.set_column(column, column, WIDTHS.get(name, WIDTH))
            self._sheet.write_string(0, column, name, self._head)
        self._line = 1

    def write_lines(self, columns: list[list[Any]]) -> None:
        """Write the lines of cells."""
        for line in zip(*columns, strict=True):
            for column, value in enumerate(line):
                if value is not None:
                    self._write(self._line, column, excel_cell(value))
            self._line += 1

    def _write(self, line: int, column: int, value: Any) -> None:
        if isinstance(value, str):
            self._sheet.write_string(line, column, value)
        elif isinstance(value, bool):
            self._sheet.write_boolean(line, column, value)
        elif isinstance(value, date):
            self._sheet.write_datetime(line, column, value, self._moment)
        else:
            self._sheet.write_number(line, column, value)

    def write_about(self, about: Mapping[str, Any], care: SafeTextCounter) -> None:
        """Write where the answers are from, as a second sheet of names and values."""
        sheet = self._book.add_worksheet(ABOUT)
        sheet.set_column(0, 0, 20)
        sheet.set_column(1, 1, 80)
        for line, (name, value) in enumerate(about.items()):
            sheet.write_string(line, 0, name, self._head)
            sheet.write_string(line, 1, care.of("" if value is None else text_of(value), None, name))


@contextmanager
def open_workbook(file: BinaryIO, folder: Path) -> Iterator[ExcelFile]:
    """Give a workbook that is in `file` when the block ends well.

    What is written meanwhile lies in `folder`, which is made for it, and removed with the partial file.
    """
    import xlsxwriter

    folder.mkdir(mode=0o700)
    options = {"constant_memory": True, "tmpdir": str(folder), "nan_inf_to_errors": False}
    book = xlsxwriter.Workbook(file, options)
    book.use_zip64()
    try:
        yield ExcelFile(book)
        book.close()
    finally:
        for sheet in book.worksheets():  # after an error nobody else closes them
            if (lines := getattr(sheet, "row_data_fh", None)) is not None:
                lines.close()


ATTRS: Final = b"PANDAS_ATTRS"
"""Where pandas 2.1 and later keep ``frame.attrs`` in a file (``pandas/io/parquet.py``)."""


GROUP_BYTES: Final = 16 * 1024 * 1024
"""What is gathered for one row group: readers are slow where there are many small ones."""


class ParquetFile:
    """A Parquet file that is being written."""

    def __init__(self, writer: Any, schema: Any, *, with_index: bool) -> None:
        self._with_index = with_index
        self._writer = writer
        self._schema = schema
        self._gathered: list[Any] = []

    def write(self, part: pd.DataFrame) -> None:
        """Write lines of the schema's columns, as soon as there are enough of them."""
        import pyarrow as pa

        table = pa.Table.from_pandas(part, schema=self._schema, preserve_index=self._with_index)
        self._gathered.append(table)
        if sum(table.nbytes for table in self._gathered) >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered as one row group."""
        import pyarrow as pa

        if self._gathered:
            self._writer.write_table(pa.concat_tables(self._gathered))
        self._gathered = []


def arrow_schema(template: pd.DataFrame, attrs: Mapping[Any, Any], *, with_index: bool = False) -> Any:
    """Return the Arrow schema of the columns and dtypes of `template`, with `attrs` where pandas finds them."""
    import pyarrow as pa

    schema = pa.Schema.from_pandas(template, preserve_index=with_index)
    return schema.with_metadata({**(schema.metadata or {}), ATTRS: json.dumps(dict(attrs)).encode()})


@contextmanager
def open_parquet(
    file: BinaryIO, template: pd.DataFrame, attrs: Mapping[Any, Any], *, with_index: bool = False
) -> Iterator[ParquetFile]:
    """Give a file of the columns and dtypes of `template`, which is whole when the block ends."""
    import pyarrow.parquet as pq

    schema = arrow_schema(template, attrs, with_index=with_index)
    with pq.ParquetWriter(file, schema) as writer:
        parquet = ParquetFile(writer, schema, with_index=with_index)
        yield parquet
        parquet.flush()
