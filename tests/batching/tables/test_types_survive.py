"""The same table, as each library and file holds it: its types are those of the rows, and a null is a missing cell."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from fh_notebook.batching.tables.row_sources import read_rows

LARGE = 2**53 + 1
"""The first whole number that a float has not."""

FLAT: dict[str, list[Any]] = {
    "text": ["late", None, "007"],
    "whole": [7, None, -1],
    "share": [0.5, None, 1.25],
    "urgent": [True, None, False],
    "day": [dt.date(2026, 5, 1), None, dt.date(1999, 12, 31)],
    "at": [dt.datetime(2026, 5, 1, 8, 30), None, dt.datetime(2026, 5, 2, 0, 0, 1)],
    "price": [Decimal("1.50"), None, Decimal("20.25")],
    "tone": ["calm", None, "brief"],
}
NESTED: dict[str, list[Any]] = {
    "large": [LARGE, None, -LARGE],
    "tags": [["late", None], None, []],
    "parts": [{"k": 1, "deep": {"x": ["y"]}}, None, {"k": None, "deep": {"x": []}}],
}
SENT: dict[str, Callable[[Any], Any]] = {"day": dt.date.isoformat, "at": dt.datetime.isoformat, "price": float}
"""How a value is sent that JSON has not."""


def expected(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return the rows as they are sent, without what is missing."""
    return [
        {name: SENT.get(name, lambda value: value)(values[row]) for name, values in columns.items() if values[row] is not None}
        for row in range(3)
    ]  # fmt: skip


def arrow_table() -> pa.Table:
    """Return the table with the types of Arrow."""
    of_lists = pa.list_(pa.string())
    parts = pa.struct({"k": pa.int64(), "deep": pa.struct({"x": of_lists})})
    types = {"price": pa.decimal128(6, 2), "tags": of_lists, "parts": parts, "at": pa.timestamp("us")}
    columns = {name: pa.array(values, types.get(name)) for name, values in (FLAT | NESTED).items()}
    return pa.table(columns | {"tone": columns["tone"].dictionary_encode()})


def write_parquet(folder: Path) -> Path:
    pq.write_table(arrow_table(), folder / "a.parquet")
    return folder / "a.parquet"


def write_parquet_folder(folder: Path) -> Path:
    for place in range(3):
        pq.write_table(arrow_table().slice(place, 1), folder / f"{place}.parquet")
    return folder


def write_arrow(folder: Path) -> Path:
    pyarrow.feather.write_feather(arrow_table(), folder / "a.arrow")
    return folder / "a.arrow"


def query_duckdb(_: Path) -> Any:
    return duckdb.from_arrow(arrow_table()).project("* replace (tone::enum('calm', 'brief') as tone)")


TABLES: dict[str, Callable[[Path], Any]] = {
    "Polars": lambda _: pl.DataFrame(arrow_table()),
    "a lazy frame": lambda _: pl.DataFrame(arrow_table()).lazy(),
    "PyArrow": lambda _: arrow_table(),
    "DuckDB": query_duckdb,
    "Parquet": write_parquet,
    "a folder of Parquet": write_parquet_folder,
    "an Arrow file": write_arrow,
}


@pytest.mark.parametrize("kind", TABLES)
def test_types_survive_in_tables(tmp_path: Path, kind: str) -> None:
    """What is sent, and what the frame of the rows has: no text, float or NaN where there was none."""
    rows = read_rows(TABLES[kind](tmp_path))
    assert list(map(repr, rows.records)) == list(map(repr, expected(FLAT | NESTED)))
    for name, values in (FLAT | NESTED).items():
        column = rows.frame[name]
        assert column.isna().tolist() == [False, True, False]
        assert [column[0], column[2]] == [values[0], values[2]]
    dtypes = {name: str(dtype) for name, dtype in rows.frame.dtypes.items()}
    assert (dtypes["whole"], dtypes["large"], dtypes["urgent"], dtypes["tone"]) == (
        "Int64",
        "Int64",
        "boolean",
        "category",
    )
    assert dtypes["at"].startswith("datetime64")


def write_xlsx(folder: Path) -> Path:
    import xlsxwriter

    with xlsxwriter.Workbook(folder / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, list(FLAT))
        formats = {dt.date: "yyyy-mm-dd", dt.datetime: "yyyy-mm-dd hh:mm:ss"}
        for place, values in enumerate(FLAT.values()):
            for line, value in enumerate(values, 1):
                if type(value) in formats:
                    sheet.write_datetime(line, place, value, workbook.add_format({"num_format": formats[type(value)]}))
                elif value is not None:
                    sheet.write(line, place, value)
    return folder / "a.xlsx"


MANIFEST = """<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
 manifest:version="1.2"><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>
</manifest:manifest>"""
CONTENT = """<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 office:version="1.2"><office:body><office:spreadsheet><table:table table:name="a">{}</table:table>
</office:spreadsheet></office:body></office:document-content>"""


def ods_cell(value: Any) -> str:
    match value:
        case None:
            return "<table:table-cell/>"
        case str():
            kind = 'office:value-type="string"'
        case bool():
            kind = f'office:value-type="boolean" office:boolean-value="{str(value).lower()}"'
        case dt.date():
            kind = f'office:value-type="date" office:date-value="{value.isoformat()}"'
        case _:
            kind = f'office:value-type="float" office:value="{value}"'
    return f"<table:table-cell {kind}><text:p>{escape(str(value))}</text:p></table:table-cell>"


def write_ods(folder: Path) -> Path:
    lines = [list(FLAT), *zip(*FLAT.values(), strict=True)]
    body = "".join(f"<table:table-row>{''.join(map(ods_cell, line))}</table:table-row>" for line in lines)
    with zipfile.ZipFile(folder / "a.ods", "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("META-INF/manifest.xml", MANIFEST)
        packed.writestr("content.xml", CONTENT.format(body))
    return folder / "a.ods"


@pytest.mark.parametrize("write", [write_xlsx, write_ods])
def test_types_survive_in_spreadsheets(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    """Of those that a cell has: a text of digits stays one, an empty cell is missing in a column of any type."""
    rows = read_rows(write(tmp_path))
    assert list(map(repr, rows.records)) == list(map(repr, expected(FLAT)))
    assert [str(rows.frame[name].dtype) for name in ("whole", "share")] == ["Int64", "float64"]
    assert rows.frame["day"][0] == dt.date(2026, 5, 1)


@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_types_survive_in_json(tmp_path: Path, ending: str) -> None:
    """Of those that JSON has; a null that is written is sent, and a name that is not written is missing."""
    records = [*expected(FLAT | NESTED), dict.fromkeys(FLAT | NESTED)]
    path = tmp_path / f"a.{ending}"
    path.write_text(json.dumps(records) if ending == "json" else "\n".join(map(json.dumps, records)))
    rows = read_rows(path)
    assert list(map(repr, rows.records)) == list(map(repr, records))
    assert rows.frame["large"].tolist() == [LARGE, pd.NA, -LARGE, pd.NA]
    assert rows.frame["whole"].dtype == rows.frame["large"].dtype == "Int64"
