"""Files of rows -> rows, by their endings."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import zstandard

from fh_notebook.batching.tables import row_files
from fh_notebook.batching.tables.accepted import FILES
from fh_notebook.batching.tables.row_files import is_parquet, reads_from
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.errors import InputError, SettingsError
from tests.told import facts, tells

RECORDS = ({"ticket": "late", "n": 1}, {"ticket": "broken", "n": 2})
TEXT = {
    ".csv": "ticket,n\nlate,1\nbroken,2\n",
    ".tsv": "ticket\tn\nlate\t1\nbroken\t2\n",
    ".json": json.dumps(RECORDS),
    ".jsonl": "\n".join(map(json.dumps, RECORDS)),
    ".ndjson": "\n".join(map(json.dumps, RECORDS)),
}
PACK = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("packing", ["", *PACK])
@pytest.mark.parametrize("ending", TEXT)
def test_text_is_read_packed_or_not(tmp_path: Path, ending: str, packing: str) -> None:
    """Cells of a CSV are texts; JSON says its own types."""
    path = tmp_path / f"tickets{ending.upper()}{packing}"
    content = TEXT[ending].encode()
    path.write_bytes(PACK[packing](content) if packing else content)
    kind = str if ending in (".csv", ".tsv") else int
    assert read_rows(path).records == tuple({**record, "n": kind(record["n"])} for record in RECORDS)


def test_each_ending_is_named_in_messages_and_help() -> None:
    """So that nobody reads of fewer than there are."""
    endings = [*(ending for form in row_files.FORMATS for ending in form.endings), *PACK]
    assert sorted(re.findall(r"(?<=[ (])\.[a-z]+|^\.[a-z]+", FILES)) == sorted(endings)


def test_zstd_of_several_frames_is_read_whole_and_a_cut_one_is_told(tmp_path: Path) -> None:
    """As pzstd writes it."""
    path = tmp_path / "a.csv.zst"
    frames = [zstandard.ZstdCompressor().compress(part) for part in (b"a\n1\n", b"2\n")]
    path.write_bytes(b"".join(frames))
    assert read_rows(path).records == ({"a": "1"}, {"a": "2"})
    path.write_bytes(b"".join(frames)[:-3])
    with pytest.raises(InputError, match=facts(path, ".zst")):
        read_rows(path)


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all packings, a spreadsheet's too."""
    monkeypatch.setattr(row_files, "MAX_UNPACKED_BYTES", 2**20)
    content = b"a\n" + b"x" * 2**21
    (tmp_path / "a.csv.zst").write_bytes(PACK[".zst"](content))
    (tmp_path / "a.csv.gz").write_bytes(PACK[".gz"](content))
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", content)
    for name in ("a.csv.zst", "a.csv.gz", "a.xlsx"):
        with pytest.raises(InputError, match="1 MiB"):
            read_rows(tmp_path / name)


def test_the_name_of_a_file_may_look_like_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern, or two endings; `~` is the home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name, content in (("May [1].csv", "a,b\n1,2\n"), ("a.tsv.csv", "a,b\n1,2\n"), ("a.csv.tsv", "a\tb\n1\t2\n")):
        (tmp_path / name).write_text(content)
        assert read_rows(f"~/{name}").records == ({"a": "1", "b": "2"},)
    for missing in ("June [1].csv", "x" * 5_000 + ".csv"):
        with pytest.raises(InputError, match=".csv") as caught:
            read_rows(tmp_path / missing)
        assert "; " in str(caught.value)


# --- Arrow


def test_arrow_files_are_read_with_and_without_a_footer(tmp_path: Path) -> None:
    """As Feather and Polars write them, and as a stream."""
    table = pa.Table.from_pylist([{**record, "day": dt.date(2026, 5, 1)} for record in RECORDS])
    pyarrow.feather.write_feather(table, tmp_path / "a.feather")
    pl.from_arrow(table).write_ipc(tmp_path / "b.arrow")  # type: ignore[union-attr]
    with pa.ipc.new_stream(tmp_path / "c.arrow", table.schema) as writer:
        writer.write_table(table)
    for name in ("a.feather", "b.arrow", "c.arrow"):
        assert read_rows(tmp_path / name).records == tuple({**record, "day": "2026-05-01"} for record in RECORDS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set of three files; two have numbers, and one has a column more."""
    folder = tmp_path / "data"
    for name, columns in (
        ("year=2025/part-10.parquet", {"a": [3]}),
        ("year=2025/part-2.parquet", {"a": [1, 2]}),
        ("year=2026/part-1.parquet", {"a": [4], "b": ["x"]}),
        ("_metadata.parquet", {"a": [99]}),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)
    (folder / "notes.txt").write_text("no table")
    return folder


@pytest.mark.parametrize("pattern", ["", "year=*/*.parquet", "**/part-*.parquet", "year=*"])
def test_a_folder_or_a_pattern_of_parquet_is_one_table(folder: Path, pattern: str) -> None:
    """In the order of the numbers in names, with the columns of all files and those that folders name."""
    source = str(folder / pattern) if pattern else folder
    assert read_rows(source).records == (
        {"a": 1, "year": 2025},
        {"a": 2, "year": 2025},
        {"a": 3, "year": 2025},
        {"a": 4, "b": "x", "year": 2026},
    )
    assert is_parquet(Path(source))


@pytest.mark.parametrize("name", ["empty", "*.parquet"])
def test_a_folder_without_parquet_is_told(tmp_path: Path, name: str) -> None:
    """And a pattern that fits none."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=facts(tmp_path / name)):
        read_rows(tmp_path / name)


def test_a_parquet_file_that_is_encrypted_or_broken_in_the_middle_is_one_line(tmp_path: Path) -> None:
    """The first is refused by its footer, the second while it is read."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": ["x" * 50] * 100}), path, compression="none")
    content = path.read_bytes()
    for damaged in (content[:-4] + b"PARE", content[:4] + b"\xff" * 40 + content[44:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError) as caught:
            read_rows(path)
        assert tells(caught.value, "a.parquet")
        assert "; " in str(caught.value)
        assert "\n" not in str(caught.value)


def test_columns_whose_values_python_has_not_are_named(tmp_path: Path) -> None:
    """All of them; the others are fine."""
    days = pa.array([-(10**7)], pa.date32())  # in the year -25410
    pq.write_table(pa.table({"a": ["x"], "before": days, "long before": days}), tmp_path / "a.parquet")
    with pytest.raises(InputError) as caught:
        read_rows(tmp_path / "a.parquet")
    before, long_before = caught.value.problems
    assert (tells(before, "'before'"), tells(long_before, "'long before'")) == (True, True)


# --- spreadsheets


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Two sheets: a table with a blank line, and another one."""
    import xlsxwriter

    path = tmp_path / "tickets.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        moment = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet = workbook.add_worksheet("May")
        sheet.write_row(0, 0, ["ticket", "case", "share", "urgent", "day", "at", ""])
        sheet.write_row(1, 0, ["late", 4007, 0.5, True])
        sheet.write_datetime(1, 4, dt.datetime(2026, 5, 1), day)
        sheet.write_datetime(1, 5, dt.datetime(2026, 5, 1, 8, 30), moment)
        sheet.write_row(3, 0, ["NA", "007", 1])
        workbook.add_worksheet("June").write_column(0, 0, ["ticket", "lost"])
        workbook.add_worksheet("Empty")
    return path


def test_a_sheet_is_a_table_with_the_types_of_its_cells(book: Path) -> None:
    """Whole numbers are whole, a blank line is a row without values, and nothing is read into a text."""
    rows = read_rows(book)
    assert rows.columns == ("ticket", "case", "share", "urgent", "day", "at")
    assert rows.records == (
        {
            "ticket": "late",
            "case": 4007,
            "share": 0.5,
            "urgent": True,
            "day": "2026-05-01",
            "at": "2026-05-01T08:30:00",
        },
        {},
        {"ticket": "NA", "case": "007", "share": 1},
    )


def test_a_sheet_is_chosen_by_its_name(book: Path) -> None:
    """Behind a sign; another name is told with those that there are."""
    assert read_rows(f"{book}#June").records == ({"ticket": "lost"},)
    with pytest.raises(InputError, match=facts("'Jun'", "'June'")):
        read_rows(f"{book}#Jun")
    with pytest.raises(InputError, match=facts("'Empty'")):
        read_rows(f"{book}#Empty")


@pytest.mark.parametrize(
    ("head", "body", "labels", "columns"),
    [
        (["", "a"], [["r", 1], ["s", 2]], ("r", "s"), ("a",)),
        (["", "a"], [[3, 1], [5, 2]], (3, 5), ("a",)),
        (["a", "", "b"], [[1, 2, 3]], (0,), ("a", "Unnamed: 1", "b")),
        ([2026, "a"], [[1, 2]], (0,), ("2026", "a")),
    ],
)
def test_a_nameless_column_of_a_sheet_is_what_it_is_in_a_csv(
    tmp_path: Path, head: list[Any], body: list[list[Any]], labels: tuple[Any, ...], columns: tuple[str, ...]
) -> None:
    """The first one the index, as pandas writes it; another one has the name that pandas gives."""
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        for place, line in enumerate([head, *body]):
            sheet.write_row(place, 0, line)
    rows = read_rows(tmp_path / "a.xlsx")
    assert (rows.labels, rows.columns) == (labels, columns)


def test_two_columns_of_a_sheet_with_one_name_are_refused(tmp_path: Path) -> None:
    """As of every table."""
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        workbook.add_worksheet().write_row(0, 0, ["a", "a"])
    with pytest.raises(InputError, match=facts("'a'")):
        read_rows(tmp_path / "a.xlsx")


ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2"><office:body><office:spreadsheet>
<table:table table:name="May">
<table:table-row><table:table-cell office:value-type="string"><text:p>ticket</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>n</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="string"><text:p>late</text:p></table:table-cell>
<table:table-cell office:value-type="float" office:value="1"><text:p>1</text:p></table:table-cell></table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"""


MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>"""


def test_an_open_document_is_read_too(tmp_path: Path) -> None:
    """As LibreOffice writes it."""
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("META-INF/manifest.xml", MANIFEST)
        packed.writestr("content.xml", ODS.replace(">\n", ">"))
    assert read_rows(f"{tmp_path / 'a.ods'}#May").records == ({"ticket": "late", "n": 1},)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("a.csv", "a.csv", True),
        ("a.csv", "b.csv", False),
        ("a.xlsx#May", "a.xlsx", True),
        ("data", "data/out.parquet", True),
        ("data", "data/out.csv", False),
        ("data", "out.parquet", False),
        ("data/year=*/*.parquet", "data/year=2025/part-2.parquet", True),
    ],
)
def test_a_file_is_known_as_one_of_the_rows(folder: Path, source: str, target: str, expected: bool) -> None:
    """Answers that are written there would be rows the next time, or take their place."""
    base = folder.parent
    assert reads_from(base / source, base / target) == expected


@pytest.mark.parametrize(
    ("file", "package", "told"),
    [
        ("t.xlsx", "python_calamine", "Spreadsheets need python-calamine"),
        ("t.parquet", "pyarrow", "Parquet files need"),
    ],
)
def test_without_the_reader_of_a_file_the_cure_is_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, package: str, told: str
) -> None:
    """Nothing is wrong with the file: it is not to be saved again."""
    path = tmp_path / file
    path.write_bytes(b"PK")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError, match=facts(told, "'fh-notebook[data]'")):
        read_rows(path)
