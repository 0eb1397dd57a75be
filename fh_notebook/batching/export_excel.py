"""Writes the parts of a batch as an Excel workbook, line by line.

Rule of this file: a text is written as a text, whatever it looks like: never by the library's own guess, which makes
formulas and links.

XlsxWriter and not openpyxl: it holds one line at a time, needs nothing else, and is released several times a year.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Final

from fh_notebook.batching.export_cells import excel_cell
from fh_notebook.batching.export_columns import text_of
from fh_notebook.batching.sheet_safe import Care

__all__ = ["MAX_COLUMNS", "MAX_ROWS", "Workbook", "open_workbook", "without_markup"]

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


class Workbook:
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
        for place, name in enumerate(names):
            self._sheet.set_column(place, place, WIDTHS.get(name, WIDTH))
            self._sheet.write_string(0, place, name, self._head)
        self._line = 1

    def write_lines(self, columns: list[list[Any]]) -> None:
        """Write the lines of cells."""
        for line in zip(*columns, strict=True):
            for place, value in enumerate(line):
                if value is not None:
                    self._write(self._line, place, excel_cell(value))
            self._line += 1

    def _write(self, line: int, place: int, value: Any) -> None:
        if isinstance(value, str):
            self._sheet.write_string(line, place, value)
        elif isinstance(value, bool):
            self._sheet.write_boolean(line, place, value)
        elif isinstance(value, date):
            self._sheet.write_datetime(line, place, value, self._moment)
        else:
            self._sheet.write_number(line, place, value)

    def write_about(self, about: Mapping[str, Any], care: Care) -> None:
        """Write where the answers are from, as a second sheet of names and values."""
        sheet = self._book.add_worksheet(ABOUT)
        sheet.set_column(0, 0, 20)
        sheet.set_column(1, 1, 80)
        for line, (name, value) in enumerate(about.items()):
            sheet.write_string(line, 0, name, self._head)
            sheet.write_string(line, 1, care.of("" if value is None else text_of(value), None, name))


@contextmanager
def open_workbook(file: BinaryIO, folder: Path) -> Iterator[Workbook]:
    """Give a workbook that is in `file` when the block ends well.

    What is written meanwhile lies in `folder`, which is made for it, and removed with the partial file.
    """
    import xlsxwriter

    folder.mkdir(mode=0o700)
    options = {"constant_memory": True, "tmpdir": str(folder), "nan_inf_to_errors": False}
    book = xlsxwriter.Workbook(file, options)
    book.use_zip64()
    try:
        yield Workbook(book)
        book.close()
    finally:
        for sheet in book.worksheets():  # after an error nobody else closes them
            if (lines := getattr(sheet, "row_data_fh", None)) is not None:
                lines.close()
