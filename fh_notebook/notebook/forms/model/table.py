"""State of a field for a list of objects: rows, columns, pasted cells. Pure.

Rule of this file: a row is a plain object; what is typed into a cell is read by its column's kind, and a text that is
no value of that kind stays in the cell, for the check to name it. An emptied cell is left out of its row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.model.containers import properties_of
from fh_notebook.notebook.forms.model.field import FieldState
from fh_notebook.notebook.forms.model.kinds import FieldKind, Shape, TextForm, shape_of
from fh_notebook.notebook.forms.model.text_codec import HALF, json_text, read_json, read_text

MAX_PASTED_ROWS: Final = 10_000
"""More rows are a batch's, not a value's."""


class TooManyRows(ValueError):
    """More rows than a field takes at once; its text is one line with a hint."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One name of the rows' objects."""

    name: str
    shape: Shape
    required: bool

    def first(self) -> Any:
        """Return what a new row has here."""
        if "default" in self.shape.keywords:
            return self.shape.keywords["default"]
        return self.shape.keywords.get("const") if self.shape.kind is FieldKind.CONST and self.required else UNSET

    def read(self, text: str, root: Mapping[str, Any]) -> Any:
        """Return what a cell's text means."""
        if not text:
            return UNSET
        kind = self.shape.kind
        match kind.rules.text_form:
            case TextForm.DECLARED if not kind.rules.is_list:
                return read_text(text, self.shape, root).value
            case TextForm.JSON | TextForm.LINES | TextForm.NUMBERS | TextForm.DECLARED:
                return read_json(text).value
        return text

    def text(self, value: Any) -> str:
        """Return what a cell shows."""
        if value is UNSET:
            return ""
        # Half a character can be sent to no page; the row's problem names it.
        return HALF.sub("\ufffd", value) if isinstance(value, str) else json_text(value, indent=None)


class RowsState(FieldState):
    """A list of objects, by row."""

    @property
    def columns(self) -> list[TableColumn]:
        """The names of the rows' objects, in the schema's order."""
        keywords = shape_of(self.keywords.get("items"), self.model.root).keywords
        required = keywords.get("required")
        needed = required if isinstance(required, list) else []
        return [
            TableColumn(name, shape_of(schema, self.model.root), name in needed)
            for name, schema in properties_of(keywords).items()
        ]

    @property
    def rows(self) -> list[Any]:
        """The rows themselves; none when the field is not set."""
        value = self.current
        return value if isinstance(value, list) else []

    @property
    def can_show(self) -> bool:
        """Whether all rows are objects of known names; else JSON shows the value."""
        value = self.current
        if self.draft or value in (UNSET, None):
            return not self.draft
        names = {column.name for column in self.columns}
        return isinstance(value, list) and all(isinstance(row, dict) and row.keys() <= names for row in value)

    def add(self, at: int | None = None) -> None:
        """Add a row, with its columns' defaults; at the end unless `at` says where."""
        first = {column.name: value for column in self.columns if (value := column.first()) is not UNSET}
        rows = list(self.rows)
        rows.insert(len(rows) if at is None else at, first)
        self.set(rows)

    def remove(self, row: int) -> None:
        """Take a row away; one that is not there is none to take away."""
        self.set([cells for i, cells in enumerate(self.rows) if i != row])

    def move(self, row: int, by: int) -> None:
        """Move a row up (-1) or down (1), as far as there is room."""
        rows = list(self.rows)
        if 0 <= row < len(rows) and 0 <= row + by < len(rows):
            rows.insert(row + by, rows.pop(row))
            self.set(rows)

    def set_cell(self, row: int, name: str, text: str) -> None:
        """Set one cell to what `text` means; an empty one leaves the name out of its row."""
        column = next(column for column in self.columns if column.name == name)
        self.set_value(row, name, column.read(text, self.model.root))

    def set_value(self, row: int, name: str, value: Any) -> None:
        """Set one cell to a value, or leave it out (``UNSET``)."""
        rows = list(self.rows)
        if row >= len(rows):
            return
        others = {key: cell for key, cell in rows[row].items() if key != name}
        order = [column.name for column in self.columns]
        filled = others if value is UNSET else {**others, name: value}
        rows[row] = {key: filled[key] for key in [*order, *(k for k in filled if k not in order)] if key in filled}
        self.set(rows)

    def paste(self, text: str) -> int:
        """Add the rows of a piece of a spreadsheet: cells parted by tabs, else by semicolons or commas.

        Where its first line names columns, cells go by name; else from the first column on.
        """
        lines = [line for line in _cells(text) if any(cell.strip() for cell in line)]
        columns = self.columns
        names = _head(lines, columns)
        rows = lines[1:] if names else lines
        if len(rows) > MAX_PASTED_ROWS:
            raise TooManyRows(
                f"{len(rows):,} rows were pasted, and none was added: paste at most {MAX_PASTED_ROWS:,} at a time, or "
                "run them as a batch, with fh.batch"
            )
        if rows:
            self.set([*self.rows, *(self._row(line, names or columns) for line in rows)])
        return len(rows)

    def _row(self, cells: Sequence[str], columns: Sequence[TableColumn | None]) -> dict[str, Any]:
        pairs = zip(columns, cells, strict=False)
        read = {c.name: c.read(cell.strip(), self.model.root) for c, cell in pairs if c is not None}
        return {name: value for name, value in read.items() if value is not UNSET}


def _cells(text: str) -> list[list[str]]:
    first = text.partition("\n")[0]
    mark = next((mark for mark in "\t;," if mark in first), "\t")
    try:
        return list(csv.reader(io.StringIO(text.replace("\r\n", "\n").replace("\r", "\n")), delimiter=mark))
    except csv.Error:  # a cell of more than 128 KB, or a NUL
        return [line.split(mark) for line in text.splitlines()]


def _head(lines: Sequence[Sequence[str]], columns: Sequence[TableColumn]) -> list[TableColumn | None]:
    """Return the columns that the first line names, when it names any and nothing that looks like a value."""
    by_name = {column.name.strip().casefold(): column for column in columns}
    header = [by_name.get(cell.strip().casefold()) for cell in lines[0]] if lines else []
    return header if sum(column is not None for column in header) * 2 > len(header) else []
