"""Files of rows, by their endings: text, compressed or not; Arrow and Parquet, also folders of them; spreadsheets.

Rules of this file:

1. Nothing is guessed. A cell of a CSV is text, and an empty one is missing; the other formats say their own types.
2. A packed file can be a thousand times as large as it looks, so what it unpacks to has a limit.
3. Whatever is wrong with a file is one `InputError` that names it.
"""

from __future__ import annotations

import glob
import gzip
import json
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import pandas as pd

from fh_notebook.batching.tables.accepted import FILES
from fh_notebook.batching.tables.arrow_tables import PROBLEM_CAP, FrameStream, read_batches
from fh_notebook.batching.tables.rows import Items, column_names, first_problems, typed_column
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.text.formatting import listed, nearest, one_line, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError, SettingsError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024

FileContent = pd.DataFrame | FrameStream | Items


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFormat:
    """A kind of file."""

    endings: tuple[str, ...]
    read: Callable[[FilePath, bool], FileContent]
    """Of the file, and whether all rows are wanted at once."""
    hint: str
    """What to do about a file that cannot be read."""
    is_text: bool = False
    """Whether it is UTF-8 text, which may be packed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePath:
    """A path as a user writes it, taken apart."""

    path: Path
    sheet: str = ""
    """Of a spreadsheet: what is behind ``#``."""

    @classmethod
    def of(cls, text: str | Path) -> FilePath:
        """Return the parts of a path.

        Examples
        --------
        >>> file = FilePath.of("tickets.xlsx#May")
        >>> file.path.name, file.sheet
        ('tickets.xlsx', 'May')
        """
        match = re.fullmatch(r"(.+?\.(?:xlsx|ods))#(.+)", str(text), re.IGNORECASE | re.DOTALL)
        path, sheet = match.groups() if match else (text, "")
        return cls(path=Path(os.path.expanduser(path)), sheet=sheet)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder; by `os.path`, to which a text that is too long for a name is none."""
        return os.path.isdir(self.path)

    @property
    def packing(self) -> str:
        """The ending that says how it is packed; empty where it is not."""
        return next((ending for ending in _UNPACKED if self.path.name.lower().endswith(ending)), "")

    @property
    def is_parquet_set(self) -> bool:
        """Whether it is a folder or a pattern, of Parquet files."""
        if self.is_folder:
            return True
        path = str(self.path)
        is_pattern = glob.has_magic(path) and not os.path.exists(path)
        return is_pattern and (path.lower().endswith(PARQUET.endings) or bool(self._matches()))

    @property
    def format(self) -> FileFormat | None:
        """What it is read as, by its ending."""
        if self.is_parquet_set:
            return PARQUET
        packing = self.packing
        name = self.path.name.lower().removesuffix(packing)
        return next((f for f in FORMATS if name.endswith(f.endings) and (f.is_text or not packing)), None)

    def parquet_files(self) -> list[Path]:
        """Return the Parquet files of a folder or a pattern, numbers in their names in the order of numbers."""
        return self._matches() if self.is_parquet_set else [self.path]

    def _matches(self) -> list[Path]:
        found = [self.path] if self.is_folder else map(Path, glob.iglob(str(self.path), recursive=True))
        base = self.base()
        files = {
            file
            for path in found
            for file in (path.rglob("*") if path.is_dir() else (path,))
            if file.suffix.lower() in PARQUET.endings and not _is_hidden(file.relative_to(base)) and file.is_file()
        }
        return sorted(files, key=_natural_order)

    def base(self) -> Path:
        """Return the folder below which names of folders (``year=2026``) are columns."""
        if self.is_folder:
            return self.path
        fixed = [parent for parent in self.path.parents if not glob.has_magic(str(parent))]
        return fixed[0] if fixed else Path()


def _natural_order(file: Path) -> list[str | int]:
    """A key that sorts part-2 before part-10; each second part of it is a number."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", str(file)))]


def _is_hidden(file: Path) -> bool:
    """Whether it is no part of a data set: ``_metadata`` and its like."""
    return any(part.startswith(("_", ".")) for part in file.parts)


def read_file(source: Path, *, whole: bool) -> FileContent:
    """Return what a file holds."""
    if address := _ADDRESS.match(str(source)):
        raise InputError(
            f"rows are given as an address ({address[0]}...); download the file, or read it yourself and give the frame"
        )
    file = FilePath.of(source)
    form = file.format
    if form is None:
        name = one_line(file.path.name, NAME_SHOWN)
        if file.path.suffix.lower() == ".fhb":
            raise InputError(f"{name} is a saved batch; open it first: fh.open_batch({str(source)!r})")
        raise InputError(f"{name}: rows are read from {FILES}; read it yourself and give the frame")
    problems: tuple[str | Problem, ...] = ()
    try:
        content = form.read(file, whole)
        return replace(content, where=str(file.path)) if isinstance(content, FrameStream) else content
    except InputError as exc:
        problems = exc.problems
    except SettingsError:  # a package that reads such files is not installed
        raise
    except FileNotFoundError:
        problems = (f"the file does not exist; {_near(file.path)}",)
    except pd.errors.EmptyDataError:
        problems = ("the file is empty; its first line names the columns",)
    except pd.errors.ParserWarning:
        problems = ("a line has more cells than the header; quote cells that hold the separator",)
    except UnicodeDecodeError as exc:
        problems = (
            (
                f"it is not UTF-8 text ({exc.reason} at byte {exc.start:,}); save it as UTF-8, or read it yourself "
                "with its encoding, and give the frame"
            ),
        )
    except RecursionError:
        problems = (f"it cannot be read (something in it is nested too deeply); {form.hint}",)
    except (OSError, EOFError, ValueError, TypeError, OverflowError, NotImplementedError, *_BROKEN) as exc:
        # Of the file system, or of what is in the file: pyarrow's errors are OSErrors too, without a number.
        is_of_system = isinstance(exc, OSError) and exc.errno is not None
        hint = "check its path and its permissions" if is_of_system else form.hint
        problems = (_unreadable(exc, hint),)
    # Outside of the block: IPython would show the context too.
    raise InputError(problems, where=str(file.path))


def _unreadable(exc: Exception, hint: str) -> str:
    return f"it cannot be read ({one_line(str(exc), PROBLEM_CAP)}); {hint}"


def _near(path: Path) -> str:
    """Return what to do about a path of no file."""
    try:
        close = nearest(path.name, os.listdir(path.parent))
    except OSError:
        return (
            f"the folder {short(str(path.parent))} does not exist either; give the path from the working folder, "
            "or a full one"
        )
    return f"did you mean {close!r}?" if close else "check its name and its folder"


_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
"""How an address begins, also as `pathlib` writes it; a drive of Windows has one letter."""

_BROKEN: Final = (zlib.error, zipfile.BadZipFile)
"""What is raised by files that are no packed ones. Besides, pyarrow says by a `TypeError` that types do not fit."""

NAME_SHOWN: Final = 80
"""Characters of a path's name in an error: a text that is no path may be long."""


def is_readable(source: Path) -> bool:
    """Whether the name of a path is that of a file, folder or pattern that is read as rows.

    Examples
    --------
    >>> is_readable(Path("tickets.csv.gz")), is_readable(Path("tickets.xlsx#May")), is_readable(Path("tickets.doc"))
    (True, True, False)
    """
    return FilePath.of(source).format is not None


def is_parquet(source: Path) -> bool:
    """Whether a path is read as Parquet: a file, a folder or a pattern."""
    return FilePath.of(source).format is PARQUET


def reads_from(source: Path, target: Path) -> bool:
    """Whether rows that are read from `source` come from the file `target`, or would if that was there.

    Examples
    --------
    >>> reads_from(Path("tickets.xlsx#May"), Path("./tickets.xlsx")), reads_from(Path("a.csv"), Path("b.csv"))
    (True, False)
    """
    file = FilePath.of(source)
    if file.is_parquet_set and target.suffix.lower() in PARQUET.endings:
        return file.base().resolve() in target.resolve().parents
    return any(_is_same_file(target, read) for read in file.parquet_files())


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one is not there
        return one.resolve() == other.resolve()


# --- text


def _read_text(file: FilePath) -> str:
    if not file.packing:
        return file.path.read_bytes().decode("utf-8-sig")
    with file.path.open("rb") as packed:
        try:
            content = _UNPACKED[file.packing](packed)
        except (OSError, EOFError, *_BROKEN) as exc:
            raise InputError(_unreadable(exc, f"pack it again, or give it without {file.packing}")) from None
    if len(content) > MAX_UNPACKED_BYTES:
        raise InputError(_too_large())
    return content.decode("utf-8-sig")


def _too_large() -> str:
    return f"unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MiB; unpack it first, if this is intended"


def _unpack_gzip(file: BinaryIO) -> bytes:
    with gzip.open(file) as packed:
        return packed.read(MAX_UNPACKED_BYTES + 1)


def _unpack_zstd(file: BinaryIO) -> bytes:
    ensure_installed("pyarrow", "zstd files need")
    import pyarrow as pa

    with pa.CompressedInputStream(file, "zstd") as packed:
        content: bytes = packed.read(MAX_UNPACKED_BYTES + 1)
        return content


_UNPACKED: Final[dict[str, Callable[[BinaryIO], bytes]]] = {".gz": _unpack_gzip, ".zst": _unpack_zstd}


def _read_csv(file: FilePath, _: bool) -> pd.DataFrame:
    # A blank line is a row without values, so that rows match the file; one at an end of the file is none.
    text = _read_text(file).strip("\r\n")
    if not text:
        raise pd.errors.EmptyDataError
    options: dict[str, Any] = {
        "sep": _separator(file, text),
        "dtype": str,
        "keep_default_na": False,
        "skip_blank_lines": False,
        "index_col": False,
    }
    with warnings.catch_warnings():
        # A line with more cells than the header: pandas would drop them with a warning.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        names = pd.read_csv(StringIO(text), header=None, nrows=1, **options).iloc[0].tolist()
        column_names(names)  # pandas would rename the second of two equal columns
        frame = pd.read_csv(StringIO(text), na_values=[""], **options)
    return _by_its_index(frame, names)


UNNAMED: Final = "Unnamed: 0"
"""What pandas calls the nameless column of a frame's index, which it writes first."""


def _by_its_index(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the frame under its first column, where that is a nameless one before others."""
    if len(names) < 2 or names[0] not in ("", UNNAMED):
        return frame
    index = frame.pop(frame.columns[0])
    numbers = index.astype("str").str.fullmatch(r"0|-?[1-9][0-9]{0,17}").fillna(False).all()
    frame.index = pd.Index(index.astype("int64") if numbers else index, name=None)
    return frame


def _separator(file: FilePath, text: str) -> str:
    """Return the CSV's separator: a comma, unless the header has none and has the other that spreadsheets write."""
    if file.path.name.lower().removesuffix(file.packing).endswith(".tsv"):
        return "\t"
    header = text.partition("\n")[0]
    if "," in header:
        return ","
    return next((s for s in (";", "\t") if s in header), ",")


AS_JSON: Final = "give a list of objects, or one object a line in a .jsonl file"


def _read_json(file: FilePath, _: bool) -> Items:
    value = _decoded(_read_text(file))
    if not isinstance(value, list):
        raise InputError(f"holds {short(value)}; {AS_JSON}")
    return Items(values=value, where=lambda i: f"item {i}", source=str(file.path))


def _decoded(text: str) -> Any:
    """Return a JSON text decoded."""

    def checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise InputError(f"has the name {short(name)} twice in one object; give each name once")
            names.add(name)
        return dict(pairs)

    return json.loads(text, object_pairs_hook=checked)


def _read_jsonl(file: FilePath, _: bool) -> Items:
    values: list[Any] = []
    lines: list[int] = []
    problems: list[str] = []
    for number, line in enumerate(_read_text(file).split("\n"), 1):
        if not line.strip():
            continue
        try:
            values.append(_decoded(line))
            lines.append(number)
        except InputError as exc:
            problems.append(f"line {number} {exc}")
        except (ValueError, RecursionError) as exc:
            problems.append(f"line {number} is not JSON ({exc}); write one object a line")
    if problems:
        raise InputError(first_problems(problems))
    return Items(values=values, where=lambda i: f"line {lines[i]}", source=str(file.path))


# --- Arrow


PARQUET_BATCH: Final = 10_000
"""Rows that are decoded together."""

PARQUET_BUFFER: Final = 64 * 1024
"""Bytes of a column that are read together."""


def _read_parquet(file: FilePath, whole: bool) -> pd.DataFrame | FrameStream:
    ensure_installed("pyarrow", "Parquet files need")
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq
    from pyarrow.fs import LocalFileSystem

    files = file.parquet_files()
    if not files:
        where = "in this folder" if file.path.is_dir() else "with this name"
        raise InputError(
            f"no .parquet file was found {where}; give a folder or a pattern with .parquet files, or "
            "the path of one file"
        )
    options = ds.FileSystemFactoryOptions(
        partition_base_dir=str(file.base()), partitioning=ds.HivePartitioning.discover()
    )
    factory = ds.FileSystemDatasetFactory(LocalFileSystem(), [*map(str, files)], ds.ParquetFileFormat(), options)
    # Of all files: a column that the first does not have is not dropped.
    schemas = [factory.inspect(), *map(pq.read_schema, files)]
    dataset = factory.finish(pa.unify_schemas(schemas, promote_options="permissive"))
    return read_batches(dataset.schema, _parquet_batches(dataset), whole=whole)


def _parquet_batches(dataset: ds.Dataset) -> Iterator[pa.RecordBatch]:
    """Yield the rows of all files, each with all columns.

    Not by the data set's own scanner, which decodes a whole row group at once: of a million rows 160 MB, instead of 50.
    """
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    for fragment in dataset.get_fragments():
        of_folders = ds.get_partition_keys(fragment.partition_expression)
        with pq.ParquetFile(fragment.path, buffer_size=PARQUET_BUFFER, pre_buffer=False) as file:
            for batch in file.iter_batches(PARQUET_BATCH, use_threads=False):
                columns = []
                for field in dataset.schema:
                    if field.name in of_folders:
                        value = pa.scalar(of_folders[field.name]).cast(field.type)
                        columns.append(pa.repeat(value, batch.num_rows))
                    elif field.name in batch.schema.names:
                        columns.append(batch.column(field.name).cast(field.type))
                    else:
                        columns.append(pa.nulls(batch.num_rows, field.type))
                yield pa.RecordBatch.from_arrays(columns, schema=dataset.schema)


_IPC_FILE: Final = b"ARROW1"
"""How a file of Arrow's begins; what begins otherwise is a stream of theirs."""


def _read_arrow(file: FilePath, whole: bool) -> pd.DataFrame | FrameStream:
    ensure_installed("pyarrow", "Arrow files need")
    import pyarrow as pa

    with file.path.open("rb") as opened:
        has_footer = opened.read(len(_IPC_FILE)) == _IPC_FILE
    mapped = pa.memory_map(str(file.path))
    if not has_footer:
        reader = pa.ipc.open_stream(mapped)
        return read_batches(reader.schema, reader, whole=whole)
    batches = pa.ipc.open_file(mapped)
    return read_batches(batches.schema, _batches_of(batches), whole=whole)


def _batches_of(file: pa.ipc.RecordBatchFileReader) -> Iterator[pa.RecordBatch]:
    for number in range(file.num_record_batches):
        yield file.get_batch(number)


# --- spreadsheets


_COMPOUND_FILE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
"""How a workbook with a password begins, as do those of Excel 97."""


def _read_spreadsheet(file: FilePath, _: bool) -> pd.DataFrame:
    ensure_installed("python_calamine", "Spreadsheets need")
    from python_calamine import CalamineError, CalamineWorkbook

    with file.path.open("rb") as opened:
        if opened.read(len(_COMPOUND_FILE)) == _COMPOUND_FILE:
            raise InputError("has a password, or is an old .xls file; save it as .xlsx without a password")
    with zipfile.ZipFile(file.path) as packed:
        if sum(part.file_size for part in packed.infolist()) > MAX_UNPACKED_BYTES:
            raise InputError(_too_large())
    try:
        with CalamineWorkbook.from_path(file.path) as book:
            sheet = file.sheet or book.sheet_names[0]
            if sheet not in book.sheet_names:
                close = nearest(sheet, book.sheet_names)
                hint = f"did you mean {close!r}?" if close else f"the sheets are {listed(book.sheet_names, 'and')}"
                raise InputError(f"the sheet {short(sheet)} does not exist; {hint}")
            lines = [[*map(_cell, line)] for line in book.get_sheet_by_name(sheet).to_python()]
    except CalamineError as exc:
        raise ValueError(str(exc)) from None
    while lines and all(cell is None for cell in lines[-1]):
        del lines[-1]
    if not lines:
        raise InputError(f"the sheet {short(sheet)} is empty; its first line names the columns")
    head, *body = lines
    names, columns = [], []
    for place, cell in enumerate(head):
        values = [line[place] for line in body]
        if cell is not None or any(value is not None for value in values):
            names.append("" if cell is None else str(cell))
            columns.append(typed_column(values))
    column_names(names)
    # As pandas names what has no name.
    shown = [name or f"Unnamed: {place}" for place, name in enumerate(names)]
    return _by_its_index(pd.DataFrame(dict(zip(shown, columns, strict=True))), names)


def _cell(value: Any) -> Any:
    """Return a cell; a spreadsheet has no whole numbers of its own, and nothing but an empty text for an empty cell."""
    if value == "":
        return None
    is_whole = type(value) is float and value.is_integer() and abs(value) <= MOST_WHOLE
    return int(value) if is_whole else value


MOST_WHOLE: Final = 2**53
"""Up to which every whole number is a float of its own; a larger float is none that somebody typed."""


PARQUET: Final = FileFormat(
    endings=(".parquet",), read=_read_parquet, hint="write it again, with the same column types in all files"
)

FORMATS: Final = (
    FileFormat(
        endings=(".csv", ".tsv"),
        read=_read_csv,
        hint="quote cells that hold the separator, a quote or a line break",
        is_text=True,
    ),
    FileFormat(endings=(".jsonl", ".ndjson"), read=_read_jsonl, hint="write one object a line", is_text=True),
    FileFormat(endings=(".json",), read=_read_json, hint=AS_JSON, is_text=True),
    PARQUET,
    FileFormat(endings=(".arrow", ".feather"), read=_read_arrow, hint="write it again"),
    FileFormat(endings=(".xlsx", ".ods"), read=_read_spreadsheet, hint="save it again, without a password"),
)
"""Each of them has its name in `accepted.FILES`."""
