"""A batch as CSV, Excel, Parquet and JSON lines: read back by others' readers, with hostile answers in it."""

from __future__ import annotations

import csv
import gzip
import json
import os
import stat
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import openpyxl
import pandas as pd
import polars
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.batching.export.columns import as_shaped, shape_of
from fh_notebook.batching.export.export import (
    Exported,
    arrow_stream,
    check_export,
    export,
    replacing,
    to_csv,
    to_excel,
    to_jsonl,
    to_parquet,
)
from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.errors import SettingsError
from tests import environment
from tests.batching.hives import Held, Shouting, rows, until
from tests.told import facts, tells

EVERY = [("csv", to_csv), ("csv.gz", to_csv), ("tsv", to_csv), ("xlsx", to_excel), ("parquet", to_parquet), ("jsonl", to_jsonl)]  # fmt: skip
every = pytest.mark.parametrize(("ending", "write"), EVERY, ids=[ending for ending, _ in EVERY])


@dataclass
class Parts:
    """A batch of given parts, of which each pass makes fresh ones."""

    make: Callable[[], Iterator[pd.DataFrame]]
    counts: JobCounts = field(default_factory=JobCounts)
    running: bool = False
    name: str = "b"
    passes: int = 0

    def iter_frames(self, n: int = 1) -> Iterator[pd.DataFrame]:
        self.passes += 1
        return self.make()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return arrow_stream(self, requested_schema)


def parts(*frames: pd.DataFrame) -> Parts:
    return Parts(lambda: (frame.copy() for frame in frames))


def one(**columns: list[Any]) -> Parts:
    return parts(pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()}))


def answered(answers: dict[str, Any], **more: Any) -> fh.Batch:
    """A batch in which each text has its answer."""
    hive = fh.local.LocalHive()

    @hive.workflow("d", variant="v")
    def answer(text: str) -> Any:
        return answers[text]

    frame = pd.DataFrame({"text": list(answers), **more})
    return fh.batch(frame, "d", inputs={"text": "text"}, client=hive.client(), progress=False)


def lines_of(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(raw.decode("utf-8-sig").splitlines(keepends=True), delimiter=delimiter))


def sheet_of(path: Path, sheet: str = "answers") -> list[dict[str, Any]]:
    head, *lines = openpyxl.load_workbook(path)[sheet].iter_rows()
    return [dict(zip((c.value for c in head), line, strict=True)) for line in lines]


HOSTILE = {
    "a": "=cmd|' /C calc'!A0",
    "b": "  +SUM(1)",
    "c": "two\nlines, \"quoted\"; 'and' more",
    "d": {"label": "@x", "score": -1, "tags": ["=1"]},
    "e": "-5",
    "f": "＝1",
    "g": None,
}


def test_hostile_answers_in_a_csv_are_no_formulas_and_nothing_is_lost(tmp_path: Path) -> None:
    """Through a real batch; numbers stay numbers, objects are JSON, and what was changed is told with its places."""
    done = answered(HOSTILE, n=[-1, 2, 3, 4, 5, 6, 7]).to_csv(tmp_path / "a.csv")
    lines = lines_of(tmp_path / "a.csv")
    assert [line["output"] for line in lines] == [
        "'=cmd|' /C calc'!A0", "'  +SUM(1)", HOSTILE["c"], '{"label": "@x", "score": -1, "tags": ["=1"]}', "-5", "'＝1", ""
    ]  # fmt: skip
    assert [line["n"] for line in lines] == ["-1", "2", "3", "4", "5", "6", "7"]
    assert (lines[3]["out.label"], lines[3]["out.score"]) == ("'@x", "-1")
    assert (done.rows, done.columns, done.neutralised, done.cut, done.cleaned) == (7, len(lines[0]), 4, 0, 0)
    assert tells(repr(done), "a.csv", "7 rows", "18 columns", "4 cells", "0", "'output'", "1", "5")
    read = pd.read_csv(tmp_path / "a.csv")
    assert read["attempts"].dtype == "int64"
    assert read["reused"].tolist() == [False] * 7


def test_hostile_answers_in_a_workbook_are_no_formulas(tmp_path: Path) -> None:
    """No cell is one, whatever the text; and the second sheet says where the answers are from."""
    markup = '<r></is></c><c r="A1"><f>1+1</f><v>2</v></c><c t="inlineStr"><is></r>'
    batch = answered({**HOSTILE, "h": markup, "i": "_x0041_", "j": "https://x.test", "k": "12"})
    done = batch.to_excel(tmp_path / "a.xlsx")
    cells = [line["output"] for line in sheet_of(tmp_path / "a.xlsx")]
    assert [cell.value for cell in cells[:3]] == ["'=cmd|' /C calc'!A0", "'  +SUM(1)", HOSTILE["c"]]
    assert [cell.value for cell in cells[7:]] == [
        f"'{markup}",
        "_x005F_x0041_",
        "https://x.test",
        "12",
    ]  # openpyxl does not undo Excel's escape of "_x0041_"
    assert cells[6].value is None
    assert all(cell.data_type in "sn" and cell.hyperlink is None for cell in cells)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        tags = {e.tag for e in ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml")).iter()}
    assert not [tag for tag in tags if tag.endswith("}f")]
    assert done.neutralised == 5
    about = {line[0].value: line[1].value for line in openpyxl.load_workbook(tmp_path / "a.xlsx")["about"].iter_rows()}
    assert about["batch"] == batch.name
    assert about["fh_notebook"] == fh.__version__


def test_a_workbook_has_numbers_truths_and_moments_of_their_own_kind(tmp_path: Path) -> None:
    """Long whole numbers and times with a zone are texts: Excel would round the first and has no
    word for the second.
    """
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "long": [10**15, -(10**17) - 1],
            "x": [0.5, None],
            "inf": [float("inf"), 1.0],
            "yes": pd.Series([True, None], dtype="boolean"),
            "naive": pd.to_datetime(["2026-11-25 08:00", None]),
            "zoned": pd.to_datetime(["2026-11-25 08:00", None], utc=True),
            "old": pd.to_datetime(["1815-12-10", None]),
            "day": pd.Series([date(2026, 11, 25), None], dtype=object),
        }
    )
    to_excel(parts(frame), tmp_path / "a.xlsx")
    first, second = ({name: cell.value for name, cell in line.items()} for line in sheet_of(tmp_path / "a.xlsx"))
    assert first == {
        "n": 1, "long": "1000000000000000", "x": 0.5, "inf": "inf", "yes": True,
        "naive": pd.Timestamp("2026-11-25 08:00").to_pydatetime(), "zoned": "2026-11-25T08:00:00+00:00",
        "old": "1815-12-10T00:00:00", "day": "2026-11-25",
    }  # fmt: skip
    assert second["long"] == "-100000000000000001"
    assert all(second[name] is None for name in ("x", "yes", "naive", "zoned", "old", "day"))


def test_long_texts_are_cut_for_excel_and_counted_and_whole_elsewhere(tmp_path: Path) -> None:
    """At 32,767 UTF-16 units, the apostrophe among them; a CSV cuts only when it is told to."""
    source = one(row=["p", "q", "r"], output=["x" * 32_767, "=" + "x" * 32_766, "😀" * 20_000])
    done = to_excel(source, tmp_path / "a.xlsx")
    values = [line["output"].value for line in sheet_of(tmp_path / "a.xlsx")]
    assert [len(v.encode("utf-16-le")) // 2 for v in values] == [32_767, 32_767, 32_767]
    assert values[0] == "x" * 32_767
    assert values[1].startswith("'=x")
    assert values[2].endswith("😀…")
    assert (done.cut, dict(done.places)["cut"]) == (2, ("row 'q' 'output'", "row 'r' 'output'"))
    assert tells(repr(done), "2 cells", "32,767", "'q'", "'output'", "'r'")
    assert to_csv(source, tmp_path / "a.csv").cut == 0
    assert len(lines_of(tmp_path / "a.csv")[2]["output"]) == 20_000
    short = to_csv(source, tmp_path / "b.csv", max_cell=10)
    assert short.cut == 3
    assert tells(repr(short), "3 cells", "10")


@pytest.mark.parametrize(("ending", "write"), [("csv", to_csv), ("xlsx", to_excel)])
def test_control_characters_are_removed_and_half_characters_replaced(tmp_path: Path, ending: str, write: Any) -> None:
    """And counted; what is left behind them is looked at again."""
    done = write(one(row=[1, 2, 3], output=["a\x00\x1b[31mb", "\ud83dx", "\x00=1"]), tmp_path / f"a.{ending}")
    path = tmp_path / f"a.{ending}"
    found = lines_of(path) if ending == "csv" else [{k: c.value for k, c in x.items()} for x in sheet_of(path)]
    assert [line["output"] for line in found] == ["a[31mb", "\ufffdx", "'=1"]
    assert (done.cleaned, done.neutralised) == (3, 1)


def test_names_of_columns_are_cells_as_well(tmp_path: Path) -> None:
    """A hostile name is no formula, and two names that become equal are told apart."""
    frame = pd.DataFrame([[1, 2, 3]], columns=["=1", "a\x00", "a"])
    done = to_csv(parts(frame), tmp_path / "a.csv")
    assert list(lines_of(tmp_path / "a.csv")[0]) == ["'=1", "a", "a (2)"]
    [place] = dict(done.places)["neutralised"]
    assert tells(place, "'=1'")
    to_excel(parts(frame), tmp_path / "a.xlsx")
    assert list(sheet_of(tmp_path / "a.xlsx")[0]) == ["'=1", "a", "a (2)"]
    to_parquet(parts(frame), tmp_path / "a.parquet")
    assert list(pd.read_parquet(tmp_path / "a.parquet").columns) == ["=1", "a\x00", "a"]


@pytest.mark.long
@given(st.lists(st.text() | st.none(), min_size=1, max_size=5))
def test_a_csv_gives_every_text_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str | None]) -> None:
    """Whatever is in it, one reads what was meant: cleaned, with its apostrophes, in its own cell."""
    from fh_notebook.batching.tables.safe_text import SafeTextCounter, neutralised_inside

    path = tmp_path_factory.mktemp("csv") / "a.csv"
    to_csv(one(n=list(range(len(texts))), text=texts), path)
    care = SafeTextCounter(inside=neutralised_inside)
    with path.open(encoding="utf-8-sig", newline="") as file:
        found = [line["text"] for line in csv.DictReader(file)]
    assert found == ["" if text is None else care.of(text, 0, "text") for text in texts]


# --- parts that differ


MIXED = (
    pd.DataFrame({"row": [0, 1], "output": [{"n": 1}, "x"], "out.n": pd.Series([1, None], dtype="Int64")}),
    pd.DataFrame({"row": [2], "output": [[1, "é"]], "out.n": [0.5], "out.label": ["late"]}),
    pd.DataFrame({"row": ["c"], "output": [None], "out.yes": pd.Series([True], dtype="boolean")}),
)


@every
def test_parts_with_other_columns_and_kinds_make_one_table(tmp_path: Path, ending: str, write: Any) -> None:
    """Every part has every column, of one kind: that which holds the values of all of them."""
    path = tmp_path / f"a.{ending}"
    done = write(parts(*MIXED), path)
    assert (done.rows, done.columns) == (4, 5)
    if ending == "parquet":
        read = pd.read_parquet(path)
    elif ending == "xlsx":
        read = pd.read_excel(path, dtype={"row": str}, engine="openpyxl")
    elif ending == "jsonl":
        read = pd.DataFrame([json.loads(line) for line in path.read_text("utf-8").splitlines()])
        assert read["output"].tolist() == [{"n": 1}, "x", [1, "é"], None]
        read["output"] = [None if v is None else v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in read["output"]]  # fmt: skip
    else:
        read = pd.read_csv(path, sep="\t" if ending == "tsv" else ",", dtype={"row": str})
    assert list(read.columns) == ["row", "output", "out.n", "out.label", "out.yes"]
    assert read["row"].astype(str).tolist() == ["0", "1", "2", "c"]
    assert read["output"].astype(object).where(read["output"].notna(), None).tolist() == ['{"n": 1}', "x", '[1, "é"]', None]  # fmt: skip
    assert read["out.n"].astype("Float64").isna().tolist() == [False, True, False, True]
    assert [float(v) for v in read["out.n"] if pd.notna(v)] == [1.0, 0.5]


@every
def test_a_table_of_several_parts_is_read_twice_and_leaves_nothing_else(
    tmp_path: Path, ending: str, write: Any
) -> None:
    """A table of one part is read once; no copy of the parts lies beside the file."""
    for passes, few in ((1, MIXED[:1]), (2, MIXED)):
        source = parts(*few)
        write(source, tmp_path / f"{passes}.{ending}")
        assert source.passes == passes
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"1.{ending}", f"2.{ending}"]


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.integers())


@given(st.lists(st.lists(VALUES, max_size=3), min_size=1, max_size=3))
def test_whatever_the_parts_hold_each_fits_the_shape_of_all(columns: list[list[Any]]) -> None:
    """The same dtypes in every part, and missing stays missing."""
    frames = [pd.DataFrame({"v": pd.Series(values, dtype=object)}) for values in columns]
    shape = shape_of(frames)
    for frame in frames:
        shaped = as_shaped(frame, shape)
        assert shaped["v"].dtype == pd.api.types.pandas_dtype(shape["v"])
        assert shaped["v"].isna().tolist() == frame["v"].isna().tolist()


@pytest.mark.parametrize(
    ("one_kind", "other", "both"),
    [
        ("int64", "int32", "Int64"),
        ("int64", "float64", "Float64"),
        ("bool", "boolean", "boolean"),
        ("int64", "bool", "string[python]"),
        ("datetime64[ns, UTC]", "datetime64[us, UTC]", "datetime64[ns, UTC]"),
        ("datetime64[ns]", "datetime64[ns, UTC]", "string[python]"),
        ("int64", "uint64", "string[python]"),
        ("int64", None, "Int64"),
        (None, "bool", "boolean"),
        (None, None, "string[python]"),
        ("float64", "float64", "float64"),
    ],
)
def test_the_kind_that_holds_both(one_kind: str | None, other: str | None, both: str) -> None:
    """As narrow as may be; text where they have nothing in common; with a place for missing values where some are."""
    frames = [pd.DataFrame({"v": pd.Series([None if kind is None else 1], dtype=kind or object)}) for kind in (one_kind, other)]  # fmt: skip
    assert str(shape_of(frames)["v"]) == both
    assert all(len(as_shaped(frame, shape_of(frames))) == 1 for frame in frames)


# --- Parquet


def test_parquet_gives_the_same_dtypes_whatever_the_answers(tmp_path: Path) -> None:
    """Texts, objects or nothing at all: the toolkit's columns and the source's are of the same kinds, with attrs."""
    read = []
    for number, answers in enumerate([["hi", None], [{"a": 1}, [2]], [3, True]]):
        batch = answered({"x": answers[0], "y": answers[1]}, n=[1, 2], label=pd.Categorical(["a", "b"]))
        batch.to_parquet(tmp_path / f"{number}.parquet")
        read.append(pd.read_parquet(tmp_path / f"{number}.parquet"))
        assert read[-1].attrs == batch.frame.attrs | {"fh_notebook": {**batch.frame.attrs["fh_notebook"], "created": read[-1].attrs["fh_notebook"]["created"]}}  # fmt: skip
    common = [name for name in read[0].columns if not name.startswith("out.")]
    assert [str(d) for d in read[0][common].dtypes] == [str(d) for d in read[1][common].dtypes]
    assert [str(d) for d in read[0][common].dtypes] == [str(d) for d in read[2][common].dtypes]
    kinds = read[1].dtypes.astype(str).to_dict()
    assert (kinds["output"], kinds["started_at"], kinds["n"]) == ("string", "datetime64[ns, UTC]", "int64")
    assert (kinds["label"], kinds["out.a"], kinds["reused"]) == ("category", "Int64", "bool")
    assert read[1]["output"].tolist() == ['{"a": 1}', "[2]"]


def test_parquet_holds_what_a_spreadsheet_may_not(tmp_path: Path) -> None:
    """Formulas and control characters as they came; only half characters, which no encoding can say, are replaced."""
    done = to_parquet(one(row=[1, 2, 3], output=["=1+1", "a\x00b", "\ud800!"]), tmp_path / "a.parquet")
    assert pd.read_parquet(tmp_path / "a.parquet")["output"].tolist() == ["=1+1", "a\x00b", "\ufffd!"]
    assert (done.neutralised, done.cleaned) == (0, 1)
    assert "row 3 'output'" in repr(done)


def test_a_whole_number_too_long_for_any_column_is_text_in_parquet(tmp_path: Path) -> None:
    """With all its digits."""
    to_parquet(one(n=[10**30, None]), tmp_path / "a.parquet")
    assert pd.read_parquet(tmp_path / "a.parquet")["n"].tolist() == ["1" + "0" * 30, pd.NA]


# --- JSON lines


def test_json_lines_are_read_back_as_rows(tmp_path: Path) -> None:
    """Outputs stay what they are, every line has every column, and half a character survives."""
    batch = answered({"a": {"x": [1, None]}, "b": "é"})
    done = batch.to_jsonl(tmp_path / "a.jsonl")
    assert (done.rows, done.columns) == batch.frame.shape
    read = read_rows(tmp_path / "a.jsonl")
    assert [record["output"] for record in read.records] == [{"x": [1, None]}, "é"]
    assert "é" in (tmp_path / "a.jsonl").read_text("utf-8")
    to_jsonl(one(output=["\ud800"]), tmp_path / "b.jsonl")
    assert json.loads((tmp_path / "b.jsonl").read_bytes()) == {"output": "\ud800"}


def test_json_lines_of_a_batch_are_rows_of_another(tmp_path: Path) -> None:
    """The path is given to `fh.batch`; polars reads the file, too."""
    with Shouting().hive.client() as client:
        first = fh.batch(rows(3), "shout", variants="loud", client=client, progress=False)
        first.to_jsonl(tmp_path / "a.ndjson")
        again = fh.batch(tmp_path / "a.ndjson", "shout", variants="soft", client=client, progress=False)
    assert again.frame["text"].tolist() == first.frame["text"].tolist()
    assert again.frame["in.output"].tolist() == first.frame["output"].tolist()
    assert polars.read_ndjson(tmp_path / "a.ndjson")["output"].to_list() == first.frame["output"].tolist()


# --- Arrow


ARROW_READERS: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
    "pyarrow": lambda batch: pa.table(batch).to_pylist(),
    "polars": lambda batch: polars.DataFrame(batch).to_dicts(),
    "duckdb": lambda batch: duckdb.sql("SELECT * FROM batch").to_arrow_table().to_pylist(),
}
arrow_readers = pytest.mark.parametrize("read", ARROW_READERS.values(), ids=ARROW_READERS)


@arrow_readers
def test_a_batch_is_read_as_arrow(read: Callable[[Any], list[dict[str, Any]]]) -> None:
    """Every column of the frame: status and outputs as texts, an object as JSON, attempts as whole numbers, UTC times."""
    batch = answered({"x": {"a": [1]}, "y": "hi", "z": None}, label=pd.Categorical(["p", "q", "p"]))
    lines = read(batch)
    assert list(lines[0]) == list(batch.frame.columns)
    assert [line["output"] for line in lines] == ['{"a": [1]}', "hi", None]
    assert [(line["row"], line["status"], line["attempts"], line["label"]) for line in lines] == [
        (0, "completed", 1, "p"), (1, "completed", 1, "q"), (2, "completed", 1, "p"),
    ]  # fmt: skip
    assert [line["started_at"] for line in lines] == batch.frame["started_at"].tolist()


@arrow_readers
def test_parts_of_other_kinds_are_one_arrow_stream(read: Callable[[Any], list[dict[str, Any]]]) -> None:
    """The kind of a column holds the values of all parts, and half a character breaks nothing."""

    halved = pd.DataFrame({"row": [3], "output": ["\ud800!"], "out.label": ["\ud800"]}, dtype=object)
    lines = read(Parts(lambda: (frame.copy() for frame in (*MIXED, halved))))
    assert [line["row"] for line in lines] == ["0", "1", "2", "c", "3"]
    assert [line["output"] for line in lines] == ['{"n": 1}', "x", '[1, "é"]', None, "\ufffd!"]
    assert [line["out.n"] for line in lines] == [1.0, None, 0.5, None, None]
    assert lines[-1]["out.label"] == "\ufffd"


def test_an_arrow_stream_holds_a_part_at_once() -> None:
    """A part is read when the reader comes to it, and the provenance is where pandas finds it."""
    came: list[int] = []

    def make() -> Iterator[pd.DataFrame]:
        for number in range(4):
            came.append(number)
            yield pd.DataFrame({"row": [number], "output": ["x"]})

    reader = pa.RecordBatchReader.from_stream(Parts(make))
    assert came == [0, 1, 2, 3]  # for the kinds of the columns
    assert reader.read_next_batch().to_pylist() == [{"row": 0, "output": "x"}]
    assert came == [0, 1, 2, 3, 0]
    batch = answered({"x": "y"})
    assert json.loads(pa.table(batch).schema.metadata[b"PANDAS_ATTRS"]) == batch.frame.attrs


def test_without_pyarrow_an_arrow_table_is_one_line_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of polars, too, which needs no pyarrow itself."""
    batch = answered({"x": "y"})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SettingsError, match=facts("'fh-notebook[data]'")):
        polars.DataFrame(batch)


# --- the file


@every
def test_a_batch_without_an_answer_is_a_table_without_a_line(tmp_path: Path, ending: str, write: Any) -> None:
    """With all columns."""
    with Shouting().hive.client() as client:
        batch = fh.batch(rows(3), "shout", variants="loud", client=client, max_calls=0, progress=False)
    assert [len(part) for part in batch.iter_frames()] == [0]
    assert pa.table(batch).column_names == list(batch.frame.columns)
    done = write(batch, tmp_path / f"a.{ending}")
    assert (done.rows, done.columns) == (0, len(batch.frame.columns))
    if ending == "parquet":
        assert list(pd.read_parquet(tmp_path / "a.parquet").columns) == list(batch.frame.columns)
    elif ending != "jsonl":
        read = pd.read_excel(tmp_path / "a.xlsx", engine="openpyxl") if ending == "xlsx" else pd.read_csv(tmp_path / f"a.{ending}", sep="\t" if ending == "tsv" else ",")  # fmt: skip
        assert list(read.columns) == list(batch.frame.columns)
        assert read.empty


class Broken(Exception):
    """Something that goes wrong in the middle."""


@every
@pytest.mark.parametrize("error", [Broken, KeyboardInterrupt, OSError])
def test_what_goes_wrong_in_the_middle_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, ending: str, write: Any, error: type[BaseException]
) -> None:
    """Also an interrupt: neither half a file nor a forgotten one beside it."""

    def broken() -> Iterator[pd.DataFrame]:
        yield MIXED[0]
        yield MIXED[1]
        if source.passes > 1:  # while it is written
            raise error("in the middle")

    source = Parts(broken)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"old")
    with pytest.raises(SettingsError if error is OSError else error):
        write(source, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


FULL = """
import resource, sys
import pandas as pd
from fh_notebook.batching.export.export import export
from tests.batching.export.test_export import parts
from fh_notebook.errors import SettingsError
import random
texts = ["".join(random.Random(i).choices("abcdefghijklmnopqrstuvwxyz", k=20_000)) for i in range(20)]
source = parts(*(pd.DataFrame({"row": [i], "output": [text]}) for i, text in enumerate(texts)))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
for path in sys.argv[1:]:
    try:
        export(source, path)
    except SettingsError as told:
        print(told)
"""


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="resource limits are POSIX")
def test_a_full_disk_is_one_line_and_the_old_file_stays(tmp_path: Path) -> None:
    """A real limit on the size of files, in a process of its own, for each format."""
    paths = [tmp_path / ending / f"a.{ending}" for ending, _ in EVERY]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(b"old")
    root = str(Path(__file__).parents[3])
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", FULL, *map(str, paths)],
        capture_output=True, text=True, timeout=60, env=environment.for_process(tmp_path, PYTHONPATH=root),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = ran.stdout.splitlines()
    assert len(told) == len(paths)
    for path, line in zip(paths, told, strict=True):
        assert tells(line, path, "File too large"), path
        assert path.read_bytes() == b"old"
        assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_a_new_file_has_the_mode_of_the_umask_and_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    """A private file does not become readable for others because it was written again."""
    path = tmp_path / "a.csv"
    before = os.umask(0o027)
    try:
        to_csv(one(a=[1]), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o600)
        to_csv(one(a=[2]), path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
def test_a_link_stays_one(tmp_path: Path) -> None:
    """The file that it names is written."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "real" / "a.csv")
    to_csv(one(a=[1]), tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert len(lines_of(tmp_path / "real" / "a.csv")) == 1


@pytest.mark.parametrize(
    ("write", "name", "words"),
    [
        (to_csv, "a.xlsx", ["a.xlsx", "batch.to_excel(...)"]),
        (to_excel, "a.csv", ["a.csv", "batch.to_csv(...)"]),
        (to_parquet, "a.xls", ["a.xls", "'.parquet'"]),
        (to_csv, "a.txt", ["a.txt", "'.csv'", "'.csv.gz'", "'.tsv'"]),
        (to_excel, "a", ["'.xlsx'"]),
        (to_csv, "no/such/a.csv", ["no/such"]),
        (to_csv, "", ["answers.csv"]),
        (export, "a.doc", ["a.doc", "'.csv'", "'.xlsx'", "'.parquet'", "'.ndjson'"]),
    ],
)
def test_a_path_that_cannot_be_meant_is_one_line_with_the_cure(
    tmp_path: Path, write: Any, name: str, words: list[str]
) -> None:
    """Before anything is read or written."""
    source = one(a=[1])
    with pytest.raises(SettingsError) as told:
        write(source, tmp_path / name)
    assert tells(told.value, *words)
    assert source.passes == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [None, 3, "", b""])
def test_what_is_no_path_is_one_line(path: Any) -> None:
    """With what is wanted."""
    with pytest.raises(SettingsError, match=facts("'.xlsx'")):
        to_excel(one(a=[1]), path)


def test_a_name_that_is_too_long_for_the_file_system_is_one_line(tmp_path: Path) -> None:
    """To write, and to open; the name of its folder as well."""
    for path in (tmp_path / f"{'x' * 300}.csv", tmp_path / ("x" * 300) / "a.csv"):
        with pytest.raises(SettingsError, match="x{300}"):
            to_csv(one(a=[1]), path)
    with pytest.raises(fh.InputError, match="x{300}"):
        fh.open_batch(tmp_path / f"{'x' * 300}.fhb")


def test_a_file_that_another_program_holds_open_is_told_as_that(tmp_path: Path) -> None:
    """As Windows does with a workbook that is open in Excel; nothing is left beside it."""

    def replace(made: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(SettingsError, match=facts(tmp_path / "a.xlsx")), replacing(tmp_path / "a.xlsx", replace=replace) as file:  # fmt: skip
        file.write(b"new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told_before_the_first_call(tmp_path: Path) -> None:
    """By the check that the command makes before it pays."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SettingsError, match="writable"):
            check_export(tmp_path / "a.csv")
    finally:
        tmp_path.chmod(0o700)


def test_the_check_before_the_first_call_leaves_nothing(tmp_path: Path) -> None:
    """Neither a new file nor a changed one."""
    (tmp_path / "a.csv").write_bytes(b"old")
    assert check_export(tmp_path / "a.csv") == (tmp_path / "a.csv").resolve()
    check_export(tmp_path / "b.csv")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.csv", b"old")]


@pytest.mark.parametrize(
    ("module", "name", "words"),
    [("xlsxwriter", "a.xlsx", "'fh-notebook[data]'"), ("pyarrow", "a.parquet", "'fh-notebook[data]'")],
)
def test_a_missing_library_is_one_line_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, words: str
) -> None:
    """Before anything is written, and already at the check before the first call."""
    monkeypatch.setitem(sys.modules, module, None)
    for write in (lambda path: export(one(a=[1]), path), check_export):
        with pytest.raises(SettingsError) as told:
            write(tmp_path / name)
        assert words in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_an_ending_is_proposed_only_where_it_is_taken(tmp_path: Path) -> None:
    """Of a method for one kind of file, none of another kind."""
    parts = Parts(iter, JobCounts(planned=1, done=1))
    with pytest.raises(SettingsError, match=r"\.csv\b"):
        to_csv(parts, tmp_path / "a.txt")
    with pytest.raises(SettingsError, match=r"^(?!.*\.csv\b).*\.parquet"):
        to_parquet(parts, tmp_path / "a.txt")


@pytest.mark.long
def test_more_rows_than_a_sheet_holds_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    """With what takes them; exactly as many as it holds are not."""
    source = Parts(iter, JobCounts(planned=1_048_576 + 5, pending=5))
    with pytest.raises(SettingsError, match=facts("1,048,576", "1,048,575", "batch.to_csv")):
        to_excel(source, tmp_path / "a.xlsx")
    assert source.passes == 0
    wide = pd.DataFrame([[1] * 16_385], columns=[f"c{i}" for i in range(16_385)])
    with pytest.raises(SettingsError, match=r"16,385 columns.*16,384"):
        to_excel(parts(wide), tmp_path / "a.xlsx")
    assert list(tmp_path.iterdir()) == []
    just = Parts(lambda: iter([MIXED[0]]), JobCounts(planned=1_048_575))
    assert to_excel(just, tmp_path / "a.xlsx").rows == 2


def test_a_running_batch_is_not_written(tmp_path: Path) -> None:
    """It would be a table of no moment; one line says what to do, and afterwards it is written."""
    with Held().freed() as held:
        batch = fh.batch(rows(2), "held", client=held.hive.client(), progress=False, wait=False)
        until(lambda: batch.running)
        with pytest.raises(SettingsError, match="batch.wait"):
            batch.to_csv(tmp_path / "a.csv")
        with pytest.raises(SettingsError, match="batch.wait"):
            pa.table(batch)
        held.let_go()
        batch.wait()
    assert batch.to_csv(tmp_path / "a.csv").rows == 2


@pytest.mark.parametrize(("ending", "write"), [e for e in EVERY if e[0] != "xlsx"])
def test_equal_tables_are_equal_files(tmp_path: Path, ending: str, write: Any) -> None:
    """No time is in them: a packed CSV can be compared by its hash."""
    for name in ("a", "b"):
        write(parts(*MIXED), tmp_path / f"{name}.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


@pytest.mark.parametrize(
    ("ending", "write", "letters", "few"),
    # Parquet gathers 16 MB for a row group.
    [
        ("csv", to_csv, 200, 6),
        pytest.param("xlsx", to_excel, 200, 6, marks=pytest.mark.long),
        ("jsonl", to_jsonl, 200, 6),
        pytest.param("parquet", to_parquet, 10_000, 12, marks=pytest.mark.long),
    ],
)
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, ending: str, write: Any, letters: int, few: int) -> None:
    """Eight times the parts take about the memory of one eighth."""

    def peak(number: int) -> int:
        def make() -> Iterator[pd.DataFrame]:
            for i in range(number):
                answers = [f"{j} ".ljust(letters, "x") for j in range(200)]
                yield pd.DataFrame({"row": range(200 * i, 200 * (i + 1)), "output": answers})

        tracemalloc.start()
        try:
            write(Parts(make), tmp_path / f"a.{ending}")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2)  # what is imported and compiled at first use
    assert peak(8 * few) < 1.6 * peak(few)


def test_what_was_exported_is_a_value_in_one_line(tmp_path: Path) -> None:
    """Frozen, equal to its like, and readable whatever is in the rows."""
    done = to_csv(one(row=["x\n" * 99], output=["=1"]), tmp_path / "a.csv")
    assert isinstance(done, Exported)
    assert done == to_csv(one(row=["x\n" * 99], output=["=1"]), tmp_path / "a.csv")
    assert "\n" not in repr(done)
    with pytest.raises(AttributeError):
        done.rows = 3  # type: ignore[misc]
