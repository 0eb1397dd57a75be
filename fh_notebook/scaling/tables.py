"""`PartitionTables`: the tables of a batch over partitions, as lazy Dask frames over its parts.

Computing a table reads files and calls nothing. Columns and dtypes are known in advance, so keys of outputs
(``out.<name>``) are no columns: they depend on the answers. What would need all lines at once is read part by part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.model import Job, Outcome
from fh_notebook.batching.rendering import ErrorGroup
from fh_notebook.batching.tables.entry_table import Entry, EntryTable
from fh_notebook.batching.tables.frames import ATTRS, RESERVED, tidy_frame
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.contract.run import Run
from fh_notebook.errors import SettingsError
from fh_notebook.scaling.partition_work import PartitionWork
from fh_notebook.scaling.protocol import BatchSpec
from fh_notebook.scaling.storage import parts
from fh_notebook.scaling.survey import planned, rows_of

AS_IT_IS: Final = {"dataframe.convert-string": False}
"""Dask would make a text of every object in a column: of lists, and of outputs that are objects."""


def meta_of(source: pd.DataFrame, label: Any) -> pd.DataFrame:
    """Return the tidy table of no line: the columns and dtypes of every part."""
    source = source.iloc[:0].reset_index(drop=True)
    for name in source.columns:
        if not _categories_are_known(source[name]):  # they are known by partition only: values as they are
            source = source.assign(**{name: source[name].astype("object")})
    rows = read_rows(source)
    meta = tidy_frame([], rows, about={}, is_part=True)
    meta["row"] = pd.Series([label]).iloc[:0].reset_index(drop=True)
    meta.attrs = {}
    return meta


def rows_not_saved(name: str) -> str:
    """Return what is said where the rows of a batch are needed that was opened by its name."""
    return (
        f"the rows of the batch {name!r} over partitions are not saved; run its fh.batch(...) again with them: saved"
        " answers cost nothing"
    )


def frame_of(paths: Sequence[tuple[str, bool]], meta: pd.DataFrame) -> Any:
    """Return the lines of parts as a ``dask.dataframe``, one partition a part."""
    import dask
    import dask.dataframe as dd

    with dask.config.set(AS_IT_IS):
        if not paths:
            return dd.from_pandas(meta, npartitions=1)
        return dd.from_map(
            _read_lines, [path for path, _ in paths], [is_reused for _, is_reused in paths], like=meta, meta=meta
        )


def _read_lines(path: str, is_reused: bool, *, like: pd.DataFrame) -> pd.DataFrame:
    frame = parts.read_part(path, like)
    if is_reused:
        answered = frame["status"].isin(["completed", "failed"]) & frame["key"].notna()
        frame["reused"] = frame["reused"].mask(answered, other=True).astype(like["reused"].dtype)
    return frame


def frames_of(paths: Sequence[tuple[str, bool]], meta: pd.DataFrame, n: int) -> Iterator[pd.DataFrame]:
    """Yield the lines of parts, at most `n` at once; without any, one table of no line."""
    is_empty = True
    for path, is_reused in paths:
        part = _read_lines(path, is_reused, like=meta)
        for at in range(0, len(part), n):
            is_empty = False
            yield part.iloc[at : at + n].reset_index(drop=True)
    if is_empty:
        yield meta.copy()


def pending_of(
    partitions: Sequence[Any], starts: Sequence[int], paths: Sequence[str], spec: BatchSpec, meta: Any
) -> Any:
    """Return the jobs without an outcome as a ``dask.dataframe``; each partition is read and planned for it."""
    import dask
    import dask.dataframe as dd

    pending = dask.delayed(_pending, pure=False)
    parts = [pending(p, start, path, spec, meta) for p, start, path in zip(partitions, starts, paths, strict=True)]
    with dask.config.set(AS_IT_IS):
        return dd.from_delayed(parts, meta=meta, verify_meta=False)


def _categories_are_known(column: Any) -> bool:
    from dask.dataframe.utils import has_known_categories as known

    return not isinstance(column.dtype, pd.CategoricalDtype) or bool(known(column))


def _pending(frame: pd.DataFrame, start: int, path: str, spec: BatchSpec, meta: pd.DataFrame) -> pd.DataFrame:
    answered_keys: set[str] = set()
    if path:
        _, lines = parts.read_keys(path)
        answered_keys = set(lines["key"].dropna())
    rows = rows_of(frame, spec, start)
    _, _, by_row = planned(rows, spec, start)
    pairs = [(job, None) for row in by_row for job in row if job.key and job.key not in answered_keys]
    tidy = tidy_frame(pairs, rows, about={}, is_part=True)
    return tidy.reset_index(drop=True)[list(meta.columns)]


LINES: Final = 10_000
"""Lines of a part that are held at once."""


class PartitionTables:
    """Tables of a batch over many partitions, as ``dask.dataframe`` objects.

    Parameters
    ----------
    work : PartitionWork
        Knows the partitions and their files.
    meta : DataFrame
        The source's columns, without rows.
    about : mapping
        What is noted with tables of it.
    """

    unbrowsable = (
        "these rows are in many partitions; browse some of them: "
        "fh.compare(batch.frame.partitions[0].compute()).browse()"
    )

    def __init__(self, work: PartitionWork, meta: pd.DataFrame, about: Mapping[str, Any]) -> None:
        self._work = work
        self._meta = meta
        self._about = about

    def refresh(self) -> None:
        """Do nothing: which files are there is looked at when they are read."""

    def answered(self) -> Any:
        """Return one line for every job that has an outcome, lazily.

        The columns are those of `Batch.frame` without ``out.<name>``, which hang on the answers; the index counts the
        lines of each partition from 0, and the column ``row`` is the label of the source's row.
        """
        return frame_of(self._work.paths, self._meta)

    def failed(self) -> Any:
        """Return the lines of jobs that failed."""
        frame = self.answered()
        return frame[frame["status"] == "failed"]

    def pending(self) -> Any:
        """Return one line for every job without an outcome, of the same columns, lazily; the rows are read for it."""
        entries = [entry for entry in self._work.index.entries if entry.survey.jobs]
        if any(entry.partition is None for entry in entries):
            raise SettingsError(rows_not_saved(self._work.spec.name))
        paths = [entry.line.path if entry.line is not None else "" for entry in entries]
        return pending_of(
            [entry.partition for entry in entries],
            [entry.start for entry in entries],
            paths,
            self._work.spec,
            self._meta,
        )

    def overview(self, lines: int) -> tuple[list[ErrorGroup], pd.DataFrame]:
        """Return no errors, which are not known without reading all files, and the first lines."""
        return [], next(self.parts(lines))

    def parts(self, lines: int) -> Iterator[pd.DataFrame]:
        """Yield the lines of jobs that have an outcome, at most so many at once; without any, one table of no line."""
        for part in frames_of(self._work.paths, self._meta, lines):
            part.attrs[ATTRS] = dict(self._about)
            yield part

    def entries(self) -> Iterator[Entry]:
        """Yield every job that has an outcome, with it and its row; read part by part."""
        for part in self.parts(LINES):
            for line in part.to_dict("records"):
                row = {str(name): value for name, value in line.items() if name not in RESERVED}
                yield _job(line), Outcome(run=_run(line), reused=bool(line["reused"])), row

    def entry_table(self) -> EntryTable:
        """Return the jobs of :meth:`entries` as columns."""
        return EntryTable.of(self.entries())

    def answer_ids(self) -> None:
        """Return ``None``: the answers lie in files."""


def _job(line: Mapping[Any, Any]) -> Job:
    return Job(
        position=0, row=line["row"], deployment="", variant=line["variant"], repeat=int(line["repeat"]), inputs={},
        metadata={}, key=line["key"] if isinstance(line["key"], str) else "", sealed=True,
    )  # fmt: skip


def _run(line: Mapping[Any, Any]) -> Run:
    def text(name: str) -> str | None:
        value = line.get(name)  # an older table has no advice
        return value if isinstance(value, str) else None

    at = line["started_at"]
    return Run(
        status=line["status"], output=line["output"], error=text("error"), error_code=text("error_code"),
        client_action=text("client_action"), attempts=int(line["attempts"]),
        elapsed_s=0.0 if line["elapsed_s"] != line["elapsed_s"] else line["elapsed_s"],
        started_at=None if pd.isna(at) else at.to_pydatetime(warn=False), request_id=text("request_id"),
        variant=line["variant"],
    )  # fmt: skip
