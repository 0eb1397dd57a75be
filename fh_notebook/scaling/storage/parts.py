"""Parts: the answers and counts of one partition as one Parquet file.

A part exists as a whole or not at all. It holds every outcome of its partition in the order of the plan, whoever paid
for it, and its counts, so nothing else is ever read of a partition. Outputs are JSON text in the file and values when
they are read: a text stays a text, and an unpaired surrogate breaks nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pandas as pd

from fh_notebook.batching.model import AWAITS_DECISION, Job
from fh_notebook.batching.planning.sources import TableSource
from fh_notebook.batching.tables.frames import COLUMNS, INSTANT, TEXT, tidy_frame
from fh_notebook.batching.tables.safe_text import without_halves
from fh_notebook.batching.tables.values import object_series, plain
from fh_notebook.contract.job_key import is_reusable
from fh_notebook.contract.run import Run
from fh_notebook.core.files import atomic_file, remove_dead
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.redaction import error_text
from fh_notebook.core.text.messages import Message, option
from fh_notebook.errors import SettingsError, StoreError
from fh_notebook.scaling.protocol import PartitionResult, PartitionTask
from fh_notebook.scaling.survey import keys_of

STATUS_CODE: Final = "_status_code"
"""A column of the files alone: whether a failure stands hangs on it."""

_ADDED: Final = frozenset({"client_action"})
"""Columns that the files of earlier versions do not have."""

MARK: Final = "fh_notebook.json"
"""A file in the folder of a batch, by which a worker knows that it sees the same folder."""


# --- the folder


def _system(url: str) -> tuple[Any, str]:
    import fsspec.core

    pair: tuple[Any, str] = fsspec.core.url_to_fs(url)
    return pair


def folder_of(base: str, batch: str) -> str:
    """Return the folder of a batch below `base`; its name is made safe for a path."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in batch).lstrip(".") or "batch"
    return f"{str(base).rstrip('/')}/{safe[:120]}"


def make_folder(folder: str) -> str:
    """Make the folder of a batch, for its owner only where that can be, and return its mark."""
    ensure_installed("pyarrow", "Parquet files need")
    try:
        system, path = _system(folder)
        system.makedirs(path, exist_ok=True)
        if "file" in _protocols(system):
            os.chmod(path, 0o700)
            remove_dead(Path(path))
        mark = f"{path}/{MARK}"
        if not system.exists(mark):
            system.pipe_file(mark, json.dumps({"folder": uuid4().hex}).encode())
        return str(json.loads(system.cat_file(mark))["folder"])
    except (OSError, ValueError, ImportError, KeyError) as exc:
        template = "answers cannot be saved in {} ({}); give {} a folder that you and every worker can write"
        raise SettingsError(Message(template, (folder, error_text(exc), option("parts", ...)))) from None


def has_mark(folder: str) -> bool:
    """Whether this process sees the folder."""
    system, path = _system(folder)
    return bool(system.exists(f"{path}/{MARK}"))


def names_in(folder: str) -> list[str]:
    """Return the parts that lie in a folder, as they are opened."""
    system, path = _system(folder)
    names = [str(name) for name in system.ls(path, detail=False)] if system.exists(path) else []
    return sorted(f"{folder}/{name.rsplit('/', 1)[-1]}" for name in names if name.endswith(".parquet"))


def exists(path: str) -> bool:
    """Whether a part is there."""
    system, target = _system(path)
    return bool(system.exists(target))


def _protocols(system: Any) -> Sequence[str]:
    protocols = system.protocol
    return (protocols,) if isinstance(protocols, str) else tuple(protocols)


# --- written


def write_part(path: str, frame: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    """Write the tidy lines of a partition; `facts` are JSON values that the file tells of itself."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    system, target = _system(path)
    table = _table(frame, pa)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), b"fh_notebook": json.dumps(facts).encode()})
    if "file" in _protocols(system):
        with atomic_file(Path(target), tidy=False) as part:  # the folder was tidied when the batch began
            with os.fdopen(part.create(), "wb") as local:
                pq.write_table(table, local)
            part.put(private=True)
        return
    partly = f"{target}.{uuid4().hex[:8]}.tmp"
    try:
        with system.open(partly, "wb") as file:
            pq.write_table(table, file)
        system.mv(partly, target)
    except BaseException:  # what a killed worker leaves goes with its batch: no lock says that it is dead
        with suppress(Exception):  # whatever its file system raises
            system.rm(partly)
        raise


def _table(frame: pd.DataFrame, pa: Any) -> Any:
    columns = {}
    for name in frame.columns:
        column = frame[name]
        if name == "output":
            column = pd.Series([_json_text(value) for value in column.tolist()], dtype=TEXT)
        elif column.dtype == TEXT:
            column = column.map(without_halves, na_action="ignore")
        columns[name] = _array(column, pa)
    return pa.table(columns)


def _array(column: pd.Series[Any], pa: Any) -> Any:
    try:
        return pa.Array.from_pandas(column)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeEncodeError):
        # Values of several kinds in one column of the source: as JSON, as in every Parquet file of a batch.
        return pa.array([None if is_missing(v) else _json_text(plain(v)) for v in column.tolist()], type=pa.string())


def _json_text(value: Any) -> str | None:
    """JSON, ASCII only: Arrow refuses half a character, which a model may answer."""
    return None if value is None else json.dumps(value, ensure_ascii=True)


# --- read


def read_keys(path: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return what a part tells of itself, and ``key``, ``status`` and the status code of its lines."""
    import pyarrow.parquet as pq

    system, target = _system(path)
    with system.open(target, "rb") as file:
        read = pq.ParquetFile(file)
        facts = json.loads((read.schema_arrow.metadata or {}).get(b"fh_notebook", b"{}"))
        lines = read.read(columns=["key", "status", "error_code", STATUS_CODE]).to_pandas()
    return facts, lines


def read_columns(path: str, names: Sequence[str]) -> pd.DataFrame:
    """Return some columns of a part, as they are in the file."""
    import pyarrow.parquet as pq

    system, target = _system(path)
    with system.open(target, "rb") as file:
        frame: pd.DataFrame = pq.ParquetFile(file).read(columns=list(names)).to_pandas()
    return frame


def waiting_in(path: str) -> list[str]:
    """Return the request ids of the runs of a part that waited for a decision when they were answered."""
    import pyarrow.parquet as pq

    with _opened(path) as file:
        lines = pq.ParquetFile(file).read(columns=["status", "request_id"]).to_pylist()
    return [line["request_id"] for line in lines if line["status"] == AWAITS_DECISION and line["request_id"]]


def count_waiting(path: str) -> int:
    """Return how many lines of a part waited for a decision when they were answered."""
    return int((read_columns(path, ["status"])["status"] == AWAITS_DECISION).sum())


def _opened(path: str) -> Any:
    system, target = _system(path)
    try:
        return system.open(target, "rb")
    except FileNotFoundError:
        raise StoreError(f"{path} no longer exists (forgotten, or moved): run the batch's cell again") from None


def read_part(path: str, meta: pd.DataFrame, lines: slice = slice(None)) -> pd.DataFrame:
    """Return the lines of a part, with the columns and dtypes of `meta`. Nothing is called."""
    import pyarrow.parquet as pq

    with _opened(path) as file:
        table = pq.ParquetFile(file).read(columns=list(meta.columns))  # leaves out what the file does not have
    frame = table.slice(lines.start or 0, None if lines.stop is None else lines.stop - (lines.start or 0)).to_pandas()
    columns: dict[str, pd.Series[Any]] = {}
    for name in meta.columns:
        is_older = name in _ADDED and name not in frame
        column = pd.Series([None] * len(frame), dtype=meta[name].dtype) if is_older else frame[name]
        columns[name] = _as_in(column, meta[name].dtype, name)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)), columns=meta.columns)


def _as_in(column: pd.Series[Any], dtype: Any, name: str) -> pd.Series[Any]:
    if name == "output":
        return object_series([None if text is None or text != text else json.loads(text) for text in column.tolist()])
    if column.dtype == dtype:
        return column
    if str(dtype) == INSTANT:
        return pd.to_datetime(column, utc=True).astype(INSTANT)
    try:
        return column.astype(dtype)
    except (TypeError, ValueError):
        return column


def runs_in(path: str, wanted: Iterable[str]) -> Iterator[tuple[str, Run, bool]]:
    """Yield (key, run, reused) for the lines of a part that answer one of the `wanted` keys."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    system, target = _system(path)
    names = [column.name for column in COLUMNS if column.name not in ("row", "repeat")]
    with system.open(target, "rb") as file:
        table = pq.ParquetFile(file).read(columns=[*names, STATUS_CODE])
    needed = pa.array(list(wanted), type=pa.string())
    for line in table.filter(pc.is_in(table["key"].cast(pa.string()), value_set=needed)).to_pylist():
        yield line["key"], run_of(line), bool(line["reused"])


def run_of(line: Mapping[str, Any]) -> Run:
    """Return the run of a part's line; what was asked is in the source's columns, and not in it."""
    code, at = line.get(STATUS_CODE), line.get("started_at")
    output = line.get("output")
    return Run(
        status=line["status"],
        output=None if output is None else json.loads(output),
        error=line.get("error"),
        error_code=line.get("error_code"),
        client_action=line.get("client_action"),
        attempts=int(line.get("attempts") or 0),
        elapsed_s=float(line.get("elapsed_s") or 0.0),
        started_at=pd.Timestamp(at).to_pydatetime(warn=False) if at is not None else None,
        request_id=line.get("request_id"),
        status_code=None if code is None else int(code),
        variant=line.get("variant"),
    )


# --- removed


def remove(path: str) -> None:
    """Remove a part: its answers lie in another one, or are to be forgotten."""
    with suppress(Exception):  # whatever its file system raises; who must know whether it is gone asks `exists`
        system, target = _system(path)
        system.rm(target)


def leftovers_in(folder: str, workspace: str, batch: str) -> list[str]:
    """Return the parts of a batch in a folder, by their own word, and halves of parts, which say nothing."""
    system, path = _system(folder)
    if not system.exists(path):
        return []
    if "file" in _protocols(system):
        remove_dead(Path(path))
    halves = [str(name) for name in system.ls(path, detail=False) if str(name).endswith(".tmp")]
    whole_parts = [name for name in names_in(folder) if _is_of(name, workspace, batch)]
    return [*whole_parts, *(f"{folder}/{name.rsplit('/', 1)[-1]}" for name in halves)]


def _is_of(path: str, workspace: str, batch: str) -> bool:
    facts, _ = read_keys(path)
    return bool(facts.get("workspace") == workspace and facts.get("batch") == batch)


def remove_folder(folder: str) -> None:
    """Remove the folder of a batch in which no part is left."""
    system, path = _system(folder)
    if system.exists(path) and not names_in(folder):
        with suppress(OSError):
            system.rm(f"{path}/{MARK}")
            system.rmdir(path)


def lines_of(pairs: Iterable[tuple[Job, Any]], source: TableSource) -> pd.DataFrame:
    """Return the lines of a part: the tidy table without what hangs on the answers."""
    listed = list(pairs)
    frame = tidy_frame(listed, source, about={}, is_part=True).reset_index(drop=True)
    codes = [outcome.run.status_code for _, outcome in listed]
    return frame.assign(**{STATUS_CODE: pd.Series(codes, dtype="Int64")})


def failure_of(error_code: Any, status_code: Any) -> Run:
    """Return the failed run that a part has two columns of; what is missing there is ``NaN`` or ``NA``."""
    return Run(
        status="failed",
        error_code=error_code if isinstance(error_code, str) else None,
        status_code=None if pd.isna(status_code) else int(status_code),
    )


def done_of(path: str, task: PartitionTask) -> PartitionResult:
    """Return what a part says of itself."""
    facts, lines = read_keys(path)
    status = lines["status"]
    codes = lines[STATUS_CODE]
    failed = lines[status == "failed"]
    runs = [failure_of(*both) for both in zip(failed["error_code"], codes[failed.index], strict=True)]
    done, unfinished = int((status == "completed").sum()), int((~status.isin(["completed", "failed"])).sum())
    waiting, invalid = int((status == AWAITS_DECISION).sum()), int(lines["key"].isna().sum())
    return PartitionResult(
        number=task.number, attempt="", path=path, jobs=int(facts.get("jobs", len(lines))), done=done,
        failed=len(failed), unknown=unfinished, waiting=waiting,
        again=max(0, sum(not is_reusable(run) for run in runs) - invalid),
        requests=int(facts.get("calls", 0)), keys=keys_of(lines["key"]), kept_at=datetime.now(UTC),
    )  # fmt: skip
