"""Excel report: summary, pairs, rows, and provenance.

A text is written as a text, whatever it looks like, and made safe as in an exported batch: no formula, no markup, and
no longer than a cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.export.export import replacing
from fh_notebook.batching.export.writers import MAX_COLUMNS, MAX_ROWS, WHOLE_DIGITS, without_markup
from fh_notebook.batching.tables.frames import SAVED_FILES
from fh_notebook.batching.tables.safe_text import EXCEL_CELL, SafeTextCounter
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.stats.pairs import pairs_table
from fh_notebook.comparing.verdicts.classes import classes_shown
from fh_notebook.comparing.verdicts.verdict import notes_of, verdict_of
from fh_notebook.core.redaction import redact
from fh_notebook.core.text.messages import COMMAND
from fh_notebook.errors import SettingsError

WIDE: Final = 44
NARROW: Final = 13


def write_workbook(
    data: ComparisonData,
    target: Path,
    *,
    rows: Iterable[Mapping[str, Any]],
    about: Mapping[str, Mapping[str, str]],
) -> None:
    """Write the workbook; `rows` and `about` are the content of :mod:`fh_notebook.comparing.report.report`."""
    import xlsxwriter

    head, lines = _sheet_of_rows(data, rows)
    if len(lines) >= MAX_ROWS or len(head) > MAX_COLUMNS:
        raise SettingsError(
            f"{len(lines):,} rows of {len(head):,} columns do not fit in an Excel sheet; give a name that ends in .html"
        )
    care = SafeTextCounter(most=EXCEL_CELL, inside=without_markup)
    with replacing(target) as raw:
        book = xlsxwriter.Workbook(raw, {"in_memory": True, "nan_inf_to_errors": False})
        bold = book.add_format({"bold": True})
        for name, (columns, cells) in _sheets(data, head, lines, about).items():
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for index, column in enumerate(columns):
                sheet.set_column(index, index, WIDE if _is_wide(name, column) else NARROW)
                sheet.write_string(0, index, care.of(redact(column), None, column), bold)
            for at, line in enumerate(cells, 1):
                for index, value in enumerate(line):
                    _write_cell(sheet, at, index, value, care, columns[index])
        book.close()


def _sheets(
    data: ComparisonData,
    head: Sequence[str],
    lines: Sequence[Sequence[Any]],
    about: Mapping[str, Mapping[str, str]],
) -> dict[str, tuple[Sequence[str], Any]]:
    summary = tables.leaderboard(data)
    sheets: dict[str, tuple[Sequence[str], Any]] = {"summary": _sheet_of_table(summary)}
    if data.scorer and data.pairs:
        sheets["pairs"] = _sheet_of_table(pairs_table(data.pairs))
    if (classes := classes_shown(data)) is not None:
        sheets["labels"] = _sheet_of_table(classes.frame)
    sheets["rows"] = (head, lines)
    masked = data.runs.secret().masked
    facts = [("result", masked(verdict_of(data)))]
    facts += [("note", masked(note)) for note in notes_of(data, COMMAND)]
    facts += [item for part in about.values() for item in part.items()]
    return {**sheets, "about": (("name", "value"), facts)}


def _sheet_of_table(table: pd.DataFrame) -> tuple[list[str], list[Any]]:
    return [str(c) for c in table.columns], [list(line) for line in table.itertuples(index=False, name=None)]


def _sheet_of_rows(data: ComparisonData, rows: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    inputs, rows = data.row_columns, list(rows)
    there = {part for row in rows for run in row["runs"] for part in run or {}}
    optional = [part for part in ("client_action", SAVED_FILES) if part in there]
    parts = ("output", *(("score",) if data.scorer else ()), "seconds", "status", "error", *optional)
    corrected = ["correction"] if data.runs.correction_counts[0] else []
    head = [str(data.pair_on), *inputs, "expected_output", *corrected, "differ"]
    head += [f"{variant}.{part}" for variant in data.variants for part in parts]
    lines = [
        [row["pair"], *row["inputs"], row["expected"], *(row.get(name) for name in corrected), row["differ"],
         *(_value(run or {}, part) for run in row["runs"] for part in parts)]
        for row in rows
    ]  # fmt: skip
    return head, lines


def _value(run: Mapping[str, Any], part: str) -> Any:
    """Return what a cell has of a run; an output that is cut says what is missing."""
    return f"{run[part]} {run['left']}" if part == "output" and "left" in run else run.get(part)


def _is_wide(sheet: str, column: str) -> bool:
    return column.endswith((".output", ".error", ".client_action", f".{SAVED_FILES}", "value", "expected_output")) or (
        sheet == "rows" and "." not in column
    )


def _write_cell(sheet: Any, at: int, column_index: int, value: Any, care: SafeTextCounter, column: str) -> None:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return
    if isinstance(value, bool):
        sheet.write_boolean(at, column_index, value)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) < WHOLE_DIGITS):
        sheet.write_number(at, column_index, value)
    else:
        sheet.write_string(at, column_index, care.of(redact(str(value)), at - 1, column))
