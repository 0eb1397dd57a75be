"""Frames, lists and files -> plain rows."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import Rows
from fh_notebook.errors import InputError
from tests.told import facts, tells


def test_a_frames_cells_become_json_values_and_missing_ones_are_left_out() -> None:
    """Numpy's scalars as Python's, times as text; NaN, NaT, NA and None are no values."""
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [0.5, np.nan],
            "when": [pd.Timestamp("2026-11-25"), pd.NaT],
            "flag": pd.array([True, pd.NA], dtype="boolean"),
            "tags": [["a"], None],
            "kind": pd.Categorical(["calm", None]),
        }
    )
    rows = read_rows(frame)
    assert rows.records == (
        {"n": 1, "x": 0.5, "when": "2026-11-25T00:00:00", "flag": True, "tags": ["a"], "kind": "calm"},
        {"n": 2},
    )
    assert type(rows.records[0]["n"]) is int
    assert type(rows.records[0]["flag"]) is bool


def test_a_frame_is_not_changed_and_later_changes_do_not_reach_the_rows() -> None:
    """The source stays the user's own."""
    frame = pd.DataFrame({"a": [1, 2]}, index=[7, 9])
    rows = read_rows(frame)
    frame.loc[7, "a"] = 100
    assert rows.frame["a"].tolist() == [1, 2]
    assert frame.index.tolist() == [7, 9]


@pytest.mark.parametrize(
    ("index", "labels"),
    [
        ([7, 9], (7, 9)),
        (["x", "y"], ("x", "y")),
        (pd.to_datetime(["2026-11-25", "2026-11-26"]), ("2026-11-25T00:00:00", "2026-11-26T00:00:00")),
        (pd.MultiIndex.from_tuples([("de", 1), ("de", 2)]), ("de / 1", "de / 2")),
        ([1, "1"], (1, "1")),
        ([7, 7], (0, 1)),
        ([7, np.nan], (0, 1)),
    ],
)
def test_rows_are_named_by_the_index_where_it_tells_them_apart(index: Any, labels: tuple[Any, ...]) -> None:
    """Else by their place, and a note says so."""
    rows = read_rows(pd.DataFrame({"a": [1, 2]}, index=index))
    assert rows.labels == labels
    assert bool(rows.note) == (labels == (0, 1))


def test_a_list_of_dicts_keeps_its_nulls_and_its_order_of_columns() -> None:
    """A null that was given is a null; a name that is not there is missing."""
    rows = read_rows([{"a": 1, "b": None}, {"c": [1, {"d": 2}]}])
    assert rows.columns == ("a", "b", "c")
    assert rows.records == ({"a": 1, "b": None}, {"c": [1, {"d": 2}]})
    assert not rows.tabular
    assert rows.frame["c"].tolist() == [None, [1, {"d": 2}]]


def test_any_iterable_of_mappings_is_rows() -> None:
    """A generator too; it is read once."""
    rows = read_rows({"a": i} for i in range(3))
    assert [record["a"] for record in rows.records] == [0, 1, 2]
    assert len(read_rows([])) == 0


NO_TABLES = [
    (3, ("int", "DataFrame")),
    ({"a": "text"}, ("'a'", "str")),
    ({"a": [1], "b": [1, 2]}, ("'a'", "1", "'b'", "2")),
    (pd.Series([1]), ("0", "1")),
    (["a", "b"], ("[{'text': t} for t in texts]",)),
    ([{"a": 1}, "text"], ("1", "'text'")),
    ([{1: "a"}], ("0", "1")),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), ("'a'",)),
    (pd.DataFrame([[1, 2]], columns=[1, "1"]), ("'1'",)),
    (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), ()),
]


@pytest.mark.parametrize(("source", "said"), NO_TABLES)
def test_what_is_no_table_is_told_before_anything_else(source: Any, said: str) -> None:
    """With the place and the cure."""
    with pytest.raises(InputError) as caught:
        read_rows(source)
    assert tells(str(caught.value), *said)


CSV = '''\
ticket,n,expected_output,metadata.lang
Hello,007,billing,en
,,,
"two
lines, and a ""quote""",NA,other,fr
'''


PACKED = gzip.compress(CSV.encode() * 20, mtime=0)


def _is_the_csv(rows: Rows) -> None:
    assert rows.columns == ("ticket", "n", "expected_output", "metadata.lang")
    assert rows.plain_columns == ["ticket", "n"]
    assert rows.records == (
        {"ticket": "Hello", "n": "007", "expected_output": "billing", "metadata.lang": "en"},
        {},
        {"ticket": 'two\nlines, and a "quote"', "n": "NA", "expected_output": "other", "metadata.lang": "fr"},
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_csv_is_text_and_its_empty_cells_are_missing(tmp_path: Path, encoding: str, line_end: str) -> None:
    """Nothing is guessed: 007 and NA stay what they are, with a byte order mark and Windows' line ends too."""
    path = tmp_path / "tickets.CSV"
    path.write_bytes(CSV.replace("\n", line_end).replace(f"two{line_end}", "two\n").encode(encoding))
    _is_the_csv(read_rows(str(path)))


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_a_spreadsheets_other_separators_are_read(tmp_path: Path, name: str, separator: str) -> None:
    """A header without a comma and with a semicolon or a tab says what separates."""
    path = tmp_path / name
    path.write_text(f"a{separator}b\n1{separator}x, y\n", encoding="utf-8")
    assert read_rows(path).records == ({"a": "1", "b": "x, y"},)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("a\n1\n\n2\n", ({"a": "1"}, {}, {"a": "2"})),
        ("a\n1\n\n2\n\n\n", ({"a": "1"}, {}, {"a": "2"})),
        ("\na,b\n1,2\n\n3,4", ({"a": "1", "b": "2"}, {}, {"a": "3", "b": "4"})),
        ("a,b\n1,2\n,\n", ({"a": "1", "b": "2"}, {})),
    ],
)
def test_a_blank_line_of_a_csv_is_a_row_unless_it_ends_the_file(
    tmp_path: Path, text: str, records: tuple[dict[str, str], ...], line_end: str
) -> None:
    """So that the n-th row is the n-th of the file."""
    path = tmp_path / "a.csv"
    path.write_bytes(text.replace("\n", line_end).encode())
    assert read_rows(path).records == records


def test_the_nameless_first_column_of_a_csv_is_its_index(tmp_path: Path) -> None:
    """As `DataFrame.to_csv` writes it: labels of the rows and no input, also after a second round."""
    path = tmp_path / "a.csv"
    for index in ([0, 7], ["r", "s"]):
        pd.DataFrame({"a": ["x", "y"]}, index=index).to_csv(path)
        for _ in range(2):
            rows = read_rows(path)
            assert (rows.labels, rows.columns, rows.plain_columns) == (tuple(index), ("a",), ["a"])
            pd.read_csv(path).to_csv(path, index=False)  # now it is called "Unnamed: 0"


def test_a_csv_may_be_packed(tmp_path: Path) -> None:
    """As data sets are handed around."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    _is_the_csv(read_rows(path))


def test_long_cells_are_read_whole(tmp_path: Path) -> None:
    """A ticket with a whole log in it."""
    path = tmp_path / "a.csv"
    path.write_text(f"a\n{'x' * 1_000_000}\n", encoding="utf-8")
    assert len(read_rows(path).records[0]["a"]) == 1_000_000


def test_json_lines_and_json_say_their_kinds(tmp_path: Path) -> None:
    """Numbers are numbers there, and a null is a null."""
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"a": 1, "b": null}\n\n{"a": "\\u2028x"}\n', encoding="utf-8")
    assert read_rows(lines).records == ({"a": 1, "b": None}, {"a": "\u2028x"})
    whole = tmp_path / "a.json"
    whole.write_text('[{"a": 1}]', encoding="utf-8")
    assert read_rows(whole).records == ({"a": 1},)


def test_parquet_keeps_its_kinds_and_its_index(tmp_path: Path) -> None:
    """As it was written."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    pd.DataFrame({"a": [1, 2], "tags": [["x"], []]}, index=["r", "s"]).to_parquet(path)
    rows = read_rows(path)
    assert rows.labels == ("r", "s")
    assert rows.records == ({"a": 1, "tags": ["x"]}, {"a": 2, "tags": []})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"a,b\n1,2\n1,2,3\n", ("Expected 2 fields in line 3, saw 3",)),
        ("a.csv", b'a,b\n"1,2\n', ("EOF inside string",)),
        ("a.csv", "a\nb\n".encode("utf-16"), ("UTF-8", "0")),
        ("a.csv", b"a,a\n1,2\n", ("'a'",)),
        ("a.csv", "a\nGrüße\n".encode("latin-1"), ("UTF-8", "4")),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', ("2", "JSON")),
        (
            "a.jsonl",
            b'{"a": 1}\n{"a": 1, "a": 2}\n',
            ("2", "'a'"),
        ),
        ("a.json", b'[{"a": {"b": 1, "b": 1}}]', ("'b'",)),
        ("a.jsonl", b'{"a": 1}\n\n3\n', ("3",)),
        ("a.json", b'{"a": 1}', ("{'a': 1}",)),
        ("a.json", b"5", ("5",)),
        ("a.json", b"", ("Expecting value: line 1 column 1 (char 0)",)),
        ("a.json", b"[1, 2]", ("0", "1")),
        ("a.csv.gz", PACKED[:12] + b"\xff" * 8 + PACKED[20:], (".gz", "decompressing data")),
        ("a.csv.gz", PACKED[:-12], (".gz", "Compressed file ended before the end-of-stream marker")),
        ("a.csv.gz", b"a\n1\n", (".gz", "Not a gzipped file")),
        ("a.csv.jsonl.gz", PACKED, ("1", "JSON")),
        ("a.parquet.gz", PACKED, (".csv",)),
        ("a.parquet", b"no parquet", ("Could not open Parquet input source",)),
        ("a.parquet", b"", ("Could not open Parquet input source",)),
        ("a.csv.zst", b"no zstd", (".zst", "ZSTD decompress failed")),
        ("a.arrow", b"no arrow", ("metadata bytes",)),
        ("a.xlsx", b"", ("File is not a zip file",)),
        ("a.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512), (".xls",)),
        ("a.doc", b"", (".csv",)),
        ("a", b"", (".csv",)),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_place(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    """One line, never a traceback of pandas'."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_rows(path)
    assert tells(str(caught.value), *said)
    assert name in str(caught.value)
    assert "; " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None


def test_what_no_reader_has_words_for_is_told_in_words_of_its_own(tmp_path: Path) -> None:
    """A file of nothing, cells beyond the header, lists without end: each in another line, and no reader's error."""
    told = set()
    for name, content in (("a.csv", b""), ("a.csv", b"a,b\n1,2,3\n"), ("a.json", b"[" * 100_000 + b"]" * 100_000)):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_rows(path)
        said = str(caught.value)
        assert name in said
        assert "; " in said
        assert "\n" not in said
        assert not re.search("[A-Z][a-z]+Error|No columns|tokenizing|recursion", said)
        assert caught.value.__context__ is None
        told.add(said.partition(name)[2])
    assert len(told) == 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With its path, and the one that was meant."""
    (tmp_path / "tickets.csv").write_text("a\n1\n")
    for name, said in (
        ("none.csv", ["none.csv"]),
        ("tikets.csv", ["tikets.csv", "'tickets.csv'"]),
        ("none/a.csv", ["a.csv", tmp_path / "none"]),
    ):
        with pytest.raises(InputError, match=facts(*said)):
            read_rows(tmp_path / name)


@pytest.mark.parametrize("number", [2**53 + 1, -(2**63), 2**63 - 1, 2**63, 2**64 - 1, 10**30])
def test_a_large_whole_number_beside_none_keeps_every_digit(number: int, tmp_path: Path) -> None:
    """A float has not all of them: in the rows, their frame, and that of a grid; of dicts, columns and a file."""
    (tmp_path / "a.jsonl").write_text(json.dumps({"n": number}) + '\n{"n": null}\n')
    for source in ([{"n": number}, {"n": None}], {"n": [number, None]}, tmp_path / "a.jsonl"):
        rows = read_rows(source)
        assert rows.records[0] == {"n": number}
        assert [type(value) for value in rows.records[0].values()] == [int]
        assert int(rows.frame["n"][0]) == number
        assert rows.frame["n"].isna().tolist() == [False, True]
    assert fh.grid(n=[number, None])["n"].tolist() == [number, None]


cells = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**63), 2**63 - 1))


@given(st.lists(st.dictionaries(st.sampled_from("abc"), cells, max_size=3), max_size=6))
def test_no_row_and_no_value_is_dropped(records: list[dict[str, Any]]) -> None:
    """A row for every record, each with exactly what it had."""
    rows = read_rows(records)
    assert list(rows.records) == records
    assert len(rows.frame) == len(rows) == len(records)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=6))
def test_text_survives_a_csv(texts: list[str]) -> None:
    """Quotes, separators and blanks included."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        pd.DataFrame({"a": texts, "b": "x"}).to_csv(path, index=False)
        assert [record["a"] for record in read_rows(path).records] == texts


HALF = "\ud83d"
"""Of an emoji that was cut in two."""


@pytest.mark.parametrize("as_rows", [list, iter], ids=["a list", "an iterator"])
def test_half_a_character_in_a_column_is_kept_and_can_be_read(as_rows: Any) -> None:
    """In a column that is no input, among others that have none: nothing that was paid for is lost for it."""
    hive = fh.local.LocalHive(name="half")

    @hive.workflow("echo", variant="a")
    def echo(text: str) -> str:
        return text

    given = [{"text": str(n), "note": HALF if n == 2 else "whole"} for n in range(4)]
    batch = fh.batch(as_rows(given), "echo", client=hive.client(), progress=False, name="half")
    for seen in (batch, fh.open_batch("half", client=hive.client())):
        assert seen.frame["note"].tolist() == ["whole", "whole", HALF, "whole"]


@pytest.mark.parametrize(
    "rows", [[{f"no{HALF}te": "x"}], pd.DataFrame([["x"]], columns=pd.Index([f"no{HALF}te"], dtype=object))]
)
def test_half_a_character_in_a_columns_name_is_refused(rows: Any) -> None:
    """Before any call: neither a store nor a file could hold it."""
    with pytest.raises(InputError, match=facts(repr(f"no{HALF}te"))):
        read_rows(rows)
