"""Export of a batch: a file by its suffix (CSV, Excel, Parquet, JSON lines, the archive ``.fhb``), or an Arrow stream.

A new format is an `ExportFormat` with its writer in :data:`WRITERS`, and a method of `Batch` if users call it by name.

Rule of this file: no more than a part of the table is held at once; what had to be changed for a spreadsheet is counted
and its first places are named; Parquet and JSON lines, which run nothing, hold every text as it came. A file takes its
target's place when all of it is on disk (`replacing`): whatever happens before (a full disk, an interrupt), the target
is as it was, and nothing is left.

An archive holds the answers, ratings and corrections of a batch for another machine. A batch that is opened from it
calls nothing, and is not added to the reader's store: it is in memory, and only ratings are saved, and merged by
:func:`merge_ratings`.
"""

from __future__ import annotations

import errno
import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import pandas as pd

from fh_notebook.batching.controller import BatchController
from fh_notebook.batching.export.assets import FilesToHandOver
from fh_notebook.batching.export.columns import ExportSource, ExportSurvey, columns_as_index
from fh_notebook.batching.export.writers import (
    MAX_COLUMNS,
    MAX_ROWS,
    arrow_schema,
    csv_lines,
    header,
    open_parquet,
    open_workbook,
    sheet_cells,
    without_markup,
)
from fh_notebook.batching.planning.reader import BatchTables
from fh_notebook.batching.tables.safe_text import EXCEL_CELL, SafeTextCounter, neutralised_inside, without_halves
from fh_notebook.batching.tables.values import plain
from fh_notebook.core.files import AtomicFile, atomic_file
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.text.formatting import byte_size, listed, short
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import SettingsError, StoreError
from fh_notebook.session import session
from fh_notebook.store.archive import FILE_BYTES_MAX, FILES_BYTES_MAX, write_batch
from fh_notebook.store.catalog_file import display_path
from fh_notebook.store.store import Store
from fh_notebook.store.tables.corrections import CorrectionRow
from fh_notebook.store.tables.ratings import RatingRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """A kind of file that a batch is written as."""

    suffixes: tuple[str, ...]
    """How its files end, in lower case."""
    method: str = ""
    """The method of `Batch` that writes it; empty without one."""
    package: str = ""
    """What writes it, if that may not be installed."""
    purpose: str = ""
    """What needs the package, as a sentence begins: ``Excel files need``."""

    def ensure_installed(self) -> None:
        """Raise where the package is missing."""
        if self.package:
            ensure_installed(self.package, self.purpose)


CSV: Final = ExportFormat(suffixes=(".csv", ".csv.gz", ".tsv"), method="to_csv")
EXCEL: Final = ExportFormat(suffixes=(".xlsx",), method="to_excel", package="xlsxwriter", purpose="Excel files need")
PARQUET: Final = ExportFormat(
    suffixes=(".parquet",), method="to_parquet", package="pyarrow", purpose="Parquet files need"
)
JSONL: Final = ExportFormat(suffixes=(".jsonl", ".ndjson"), method="to_jsonl")
ARCHIVE: Final = ExportFormat(suffixes=(".fhb",), method="to_fhb")


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
        cells = dict(self.places)
        changes = {
            "neutralised": (self.neutralised, "neutralised (could be read as a formula)"),
            "cut": (self.cut, f"cut at {self.most:,} characters"),
            "cleaned": (self.cleaned, "cleaned of control characters"),
        }
        parts = [f"{display_path(self.path)}: {counted(self.rows, 'row')}, {counted(self.columns, 'column')}"]
        for change, (number, text) in changes.items():
            if number:
                more = ", ..." if number > len(cells[change]) else ""
                parts.append(f"{counted(number, 'cell')} {text}: {', '.join(cells[change])}{more}")
        return "; ".join(parts)


# --- what is written


def to_csv(source: ExportSource, path: Any, *, mark: bool = True, max_cell: int | None = None) -> Exported:
    """Write the lines of a batch as CSV (see ``Batch.to_csv``)."""
    target = _checked(source, path, CSV)
    suffix = suffix_of(target)
    separator = "\t" if suffix == ".tsv" else ","
    care = SafeTextCounter(most=max_cell, inside=partial(neutralised_inside, separator=separator))
    survey = ExportSurvey.of(source)
    names = header(survey.shape, lambda name: care.of(name, None, name))
    rows = 0
    with replacing(target) as raw, _open_text(raw, packed=suffix == ".csv.gz", mark=mark) as file:
        file.writelines(csv_lines([[name] for name in names], separator))
        for part in survey.shaped():
            file.writelines(csv_lines(sheet_cells(part, care), separator))
            rows += len(part)
    return _exported(target, rows, names, care)


def to_excel(source: ExportSource, path: Any) -> Exported:
    """Write the lines of a batch as an Excel workbook (see ``Batch.to_excel``)."""
    target = _checked(source, path, EXCEL)
    lines = source.counts.planned - source.counts.pending
    if lines >= MAX_ROWS:
        raise SettingsError(
            f"{lines:,} rows do not fit in an Excel sheet (at most {MAX_ROWS - 1:,}); use batch.to_csv or to_parquet"
        )
    care = SafeTextCounter(most=EXCEL_CELL, inside=without_markup)
    survey = ExportSurvey.of(source)
    if len(survey.shape) > MAX_COLUMNS:
        raise SettingsError(
            f"{len(survey.shape):,} columns do not fit in an Excel sheet (at most {MAX_COLUMNS:,}); use "
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
    """Write the lines of a batch as Parquet (see ``Batch.to_parquet``)."""
    target = _checked(source, path, PARQUET)
    care = SafeTextCounter()
    survey = ExportSurvey.of(source, with_index=True)
    names = header(survey.shape, without_halves)

    def writable(part: pd.DataFrame) -> pd.DataFrame:
        return columns_as_index(_writable(part, names, care), survey.index_names)

    rows = 0
    with_index = bool(survey.index_names)
    with (
        replacing(target) as raw,
        open_parquet(raw, writable(survey.template), survey.attrs, with_index=with_index) as file,
    ):
        for part in survey.shaped():
            file.write(writable(part))
            rows += len(part)
    return _exported(target, rows, names[len(survey.index_names) :], care)


def to_jsonl(source: ExportSource, path: Any) -> Exported:
    """Write the lines of a batch as JSON, one object a line (see ``Batch.to_jsonl``)."""
    target = _checked(source, path, JSONL)
    survey = ExportSurvey.of(source)
    names = list(survey.shape)
    rows = 0
    with replacing(target) as raw, _open_text(raw) as file:
        for part in survey.parts():
            columns = [part[name].tolist() if name in part.columns else [None] * len(part) for name in names]
            file.writelines(_json_line(names, line) for line in zip(*columns, strict=True))
            rows += len(part)
    return _exported(target, rows, names, SafeTextCounter())


def arrow_stream(source: ExportSource, requested_schema: object | None = None) -> object:
    """Return the lines of a batch as the capsule of an Arrow stream (see ``Batch.__arrow_c_stream__``)."""
    ensure_installed(PARQUET.package, "Arrow tables need")
    _refuse_running(source, "read")
    import pyarrow as pa

    care = SafeTextCounter()
    survey = ExportSurvey.of(source)
    names = header(survey.shape, without_halves)
    schema = arrow_schema(_writable(survey.template, names, care), survey.attrs)
    tables = (
        pa.Table.from_pandas(_writable(part, names, care), schema=schema, preserve_index=False)
        for part in survey.shaped()
    )
    batches = (batch for table in tables for batch in table.to_batches())
    capsule: object = pa.RecordBatchReader.from_batches(schema, batches).__arrow_c_stream__(requested_schema)
    return capsule


WRITERS: Final[dict[ExportFormat, Callable[[ExportSource, Any], Exported]]] = {
    CSV: to_csv,
    EXCEL: to_excel,
    PARQUET: to_parquet,
    JSONL: to_jsonl,
}
"""The registry of formats: each with the function that writes the table. An archive holds more than the table."""

_EXPORTED: Final = {suffix: form for form in WRITERS for suffix in form.suffixes}

_METHODS: Final = {suffix: form.method for form in (*WRITERS, ARCHIVE) if form.method for suffix in form.suffixes}

_SUFFIX_HINTS: Final = {
    ".xls": (".xlsx", "the current Excel format is .xlsx"),
    ".txt": (".csv", "name it .csv or .tsv"),
}
"""Suffix -> the one that is to be there in its place, and what is said of it."""


def check_export(path: Any) -> Path:
    """Return where :func:`export` would write, before the first call is paid for."""
    target = checked_target(path, tuple(_EXPORTED))
    _EXPORTED[suffix_of(target)].ensure_installed()
    with replacing(target, replace=lambda written, _: None):
        pass  # a file can be made beside it: the folder may be written
    return target


def export(source: ExportSource, path: Any) -> Exported:
    """Write a batch in the format that the suffix of `path` names."""
    form = _EXPORTED[suffix_of(checked_target(path, tuple(_EXPORTED)))]
    return WRITERS[form](source, path)


# --- where it is written


def suffix_of(path: Path) -> str:
    """Return how the name ends, in lower case; a packed CSV ends in ``.csv.gz``.

    Examples
    --------
    >>> suffix_of(Path("a.CSV")), suffix_of(Path("a.csv.gz")), suffix_of(Path("v1.2/a"))
    ('.csv', '.csv.gz', '')
    """
    name = path.name.lower()
    return ".csv.gz" if name.endswith(".csv.gz") else Path(name).suffix


def checked_target(path: Any, suffixes: Sequence[str]) -> Path:
    """Return where to write, as an absolute path; nothing is written yet."""
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise SettingsError(f"the path is {short(path)}; give the name of a file that ends in {listed(suffixes)}")
    target = Path(os.fsdecode(os.fspath(path))).expanduser()
    if os.path.isdir(target):  # `Path.is_dir` raises where the name is too long for the file system
        example = target / f"answers{suffixes[0]}"
        raise SettingsError(f"{target} is a folder; name a file in it, like {example}")
    suffix = suffix_of(target)
    if suffix not in suffixes:
        raise SettingsError(_other_suffix(target, suffix, suffixes))
    if not os.path.isdir(target.parent):
        raise SettingsError(f"{target}: the folder {target.parent} does not exist; create it first")
    # The file itself, where the name is a link: the link stays one.
    return Path(os.path.realpath(target))


def _other_suffix(target: Path, suffix: str, suffixes: Sequence[str]) -> str:
    if suffix in _METHODS and (method := _METHODS[suffix]) not in {_METHODS.get(own) for own in suffixes}:
        return f"{target.name}: use batch.{method}(...) to write {suffix}"
    named, words = _SUFFIX_HINTS.get(suffix, ("", ""))
    hint = f" ({words})" if named in suffixes else ""
    return f"{target.name} ends in {suffix or 'nothing'}; it must end in {listed(suffixes)}{hint}"


def _checked(source: ExportSource, path: Any, form: ExportFormat) -> Path:
    form.ensure_installed()
    target = checked_target(path, form.suffixes)
    _refuse_running(source, "write")
    return target


def _refuse_running(source: ExportSource, what: str) -> None:
    """Raise while calls are made: lines are read twice, once for their columns."""
    if source.running:
        raise SettingsError(f"{source.name} is running; call batch.wait() or batch.cancel(), then {what} it")


# --- how the table is written


@contextmanager
def _open_text(raw: BinaryIO, *, packed: bool = False, mark: bool = False) -> Iterator[TextIO]:
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


def _writable(part: pd.DataFrame, names: list[str], care: SafeTextCounter) -> pd.DataFrame:
    """Return `part` under the file's names and without half characters."""
    rows = part["row"].tolist() if "row" in part.columns else range(len(part))
    columns = {}
    for column, name in zip(part.columns, names, strict=True):
        values = part[column]
        if isinstance(values.dtype, pd.StringDtype):
            texts = [None if v is pd.NA else care.halves(v, row, name) for v, row in zip(values, rows, strict=True)]
            values = pd.Series(texts, dtype=values.dtype)
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
        places=tuple((change, tuple(cells)) for change, cells in care.places.items()),
        most=care.most or EXCEL_CELL,
    )


# --- the archive


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WrittenFile:
    """What was written."""

    path: Path
    rows: int
    answers: int
    ratings: int
    corrections: int = 0
    files: int = 0
    """Files of runs that are in it."""
    files_left_out: int = 0
    """Files that the runs list and that are not in it: too large, or not saved."""
    note: str = ""
    """Why files were left out, and what to do."""

    def __repr__(self) -> str:
        counts = [counted(self.rows, "row"), counted(self.answers, "answer"), counted(self.ratings, "rating")]
        counts += [counted(self.corrections, "correction")] if self.corrections else []
        counts += [counted(self.files, "file")] if self.files else []
        path = display_path(self.path)
        note = f" {self.note}" if self.note else ""
        return (
            f"{path}: {', '.join(counts)}.{note} The file contains inputs and outputs in plain text, but no passwords."
        )


def to_fhb(
    name: str, control: BatchController, tables: BatchTables, path: Any, files: FilesToHandOver | None
) -> WrittenFile:
    """Write a batch with its answers, ratings and saved files as one file (see ``Batch.to_fhb``)."""
    if control.status.running:
        raise SettingsError(f"{name} is running; call batch.wait(), then write it")
    control.refuse_forgotten()
    target = checked_target(path, ARCHIVE.suffixes)
    store, workspace = control.work.stored.store, control.work.caller.workspace
    record = store.batches.find(name, workspace)
    if record is None:
        raise SettingsError(f"no answers of {name} are saved yet; run it first")
    lines = tables.answer_ids()
    if "parts" in record.plan or lines is None:  # it may have the name of one in memory
        raise SettingsError(f"{name} was run over partitions, so its answers are in files; use batch.to_parquet(...)")
    message, partial_path = "", None
    try:
        with atomic_file(target) as part:
            partial_path = part.path
            written = write_batch(
                store, part.path, record, lines, person_ratings=_ratings_on(name, store, workspace),
                known_corrections=_corrections_in(store, workspace),
                files_of=files.of if files is not None else lambda run: (),
            )  # fmt: skip
            part.put(private=True)
    except OSError as exc:
        message = f"{target} cannot be written: {exc.strerror or exc}"
    except StoreError as exc:
        if exc.path is None or exc.path != partial_path:  # of the store that the batch is in: it says itself what to do
            raise
        message = f"{target} cannot be written: {reason_of(exc)}"
    if message:
        raise SettingsError(message)
    rows = record.plan.get("rows")
    return WrittenFile(
        path=target,
        rows=rows or 0,
        answers=written.answers,
        ratings=written.ratings,
        corrections=written.corrections,
        files=files.taken if files is not None else 0,
        files_left_out=files.too_large + files.not_kept + files.lost if files is not None else 0,
        note=_left_out(files) if files is not None else "",
    )


def _left_out(files: FilesToHandOver) -> str:
    """Return which files are not in an archive, and what to do; empty where all are."""
    parts = []
    if files.not_kept:
        parts.append(f"{counted(files.not_kept, 'file')} not saved: call batch.save_assets(folder) first")
    if files.lost:
        parts.append(f"{counted(files.lost, 'file')} that cannot be fetched: batch.assets shows why")
    if files.too_large:
        bounds = f"{byte_size(FILE_BYTES_MAX)} each, {byte_size(FILES_BYTES_MAX)} together"
        parts.append(f"{counted(files.too_large, 'file')} over the limits ({bounds}): hand over the folder, too")
    return f"Left out: {'; '.join(parts)}." if parts else ""


def _ratings_on(name: str, batch_store: Store, workspace: str) -> list[RatingRow]:
    ratings: dict[str, RatingRow] = {}
    for store in (session.store(), batch_store):
        for line in store.ratings.of_batch(name, workspace) if store is not None else ():
            if line.uid not in ratings or ratings[line.uid].undone_at is None:
                ratings[line.uid] = line
    return list(ratings.values())


def _corrections_in(batch_store: Store, workspace: str) -> list[CorrectionRow]:
    stores = (session.store_or_memory(), batch_store)
    return list(dict.fromkeys(line for store in stores for line in store.corrections.of_workspace(workspace)))


@contextmanager
def replacing(target: Path, *, replace: Callable[[Path, Path], object] = os.replace) -> Iterator[BinaryIO]:
    """Give a file to write, which takes the place of `target` when the block ends without an error.

    A new file has the mode that the umask says, one that is replaced keeps its own.
    """
    with replacing_partly(target, replace=replace) as (file, _):
        yield file


@contextmanager
def replacing_partly(
    target: Path, *, replace: Callable[[Path, Path], object] = os.replace
) -> Iterator[tuple[BinaryIO, AtomicFile]]:
    """As :func:`replacing`, with the `AtomicFile`, which knows where more may lie meanwhile."""
    is_created = False
    message = ""
    try:
        with atomic_file(target) as part:
            with os.fdopen(part.create(), "r+b") as file:
                is_created = True
                yield file, part
            message = _replace_target(part, replace)
    except OSError as exc:
        message = f"{target} was not written: {_reason(exc)}; what was there before is untouched"
        if not is_created:
            message = f"{target} cannot be written: {_reason(exc)}"
    # Outside of the block: IPython would show the context too.
    if message:
        raise SettingsError(message)


def _replace_target(part: AtomicFile, replace: Callable[[Path, Path], object]) -> str:
    try:
        part.put(private=False, replace=replace)
    except PermissionError:
        return f"{part.target} is open in another program, or write-protected; close it there, or give another name"
    return ""


def reason_of(exc: StoreError) -> str:
    """Return why a file that is a store could not be written, without the hint for one's own store."""
    cause = exc.__cause__
    return _reason(cause) if isinstance(cause, OSError) else str(cause or exc)


def _reason(exc: OSError) -> str:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    if exc.errno in (errno.EACCES, errno.EPERM):
        return "its folder is not writable; give another one"
    return exc.strerror or type(exc).__name__
