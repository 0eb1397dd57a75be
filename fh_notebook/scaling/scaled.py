"""`PartitionTables`: what a batch over many partitions shows of its answers, which lie in files.

Rule of this file: a table is a lazy frame, and computing it calls nothing. What would need all of it at once is read
part by part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

from fh_notebook.batching.frames import RESERVED
from fh_notebook.batching.job import Job
from fh_notebook.batching.outcomes import Outcome
from fh_notebook.batching.provenance import ATTRS
from fh_notebook.batching.reader import Entry
from fh_notebook.contract.run import Run
from fh_notebook.errors import SettingsError
from fh_notebook.scaling.control import PartitionWork
from fh_notebook.scaling.lazy import frame_of, frames_of, pending_of

__all__ = ["PartitionTables"]

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
        "these rows are in many partitions; look at some of them: "
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
        """Return one line for every job without an outcome, of the same columns, lazily; the rows are read for it.

        Raises
        ------
        SettingsError
            The rows are not here.
        """
        pages = [page for page in self._work.book.pages if page.found.jobs]
        if any(page.partition is None for page in pages):
            raise SettingsError("the rows of a batch over partitions are not kept; run its cell again with them")
        paths = [page.line.path if page.line is not None else "" for page in pages]
        return pending_of(
            [page.partition for page in pages], [page.start for page in pages], paths, self._work.spec, self._meta
        )

    def head(self, lines: int) -> pd.DataFrame:
        """Return the first lines of jobs that have an outcome."""
        return next(self.parts(lines), self._meta)

    def parts(self, lines: int) -> Iterator[pd.DataFrame]:
        """Yield the lines of jobs that have an outcome, at most so many at once."""
        for part in frames_of(self._work.paths, self._meta, lines):
            part.attrs[ATTRS] = dict(self._about)
            yield part

    def entries(self) -> Iterator[Entry]:
        """Yield every job that has an outcome, with it and its row; read part by part."""
        for part in self.parts(LINES):
            for line in part.to_dict("records"):
                row = {str(name): value for name, value in line.items() if name not in RESERVED}
                yield _job(line), Outcome(run=_run(line), reused=bool(line["reused"])), row

    def digest(self) -> str:
        """Return nothing: what went wrong is not known without reading all files."""
        return ""

    def answer_ids(self) -> None:
        """Return ``None``: the answers lie in files."""


def _job(line: Mapping[Any, Any]) -> Job:
    return Job(
        position=0, row=line["row"], deployment="", variant=line["variant"], repeat=int(line["repeat"]), inputs={},
        metadata={}, key=line["key"] if isinstance(line["key"], str) else "", sealed=True,
    )  # fmt: skip


def _run(line: Mapping[Any, Any]) -> Run:
    def text(name: str) -> str | None:
        value = line[name]
        return value if isinstance(value, str) else None

    at = line["started_at"]
    return Run(
        status=line["status"], output=line["output"], error=text("error"), error_code=text("error_code"),
        attempts=int(line["attempts"]), elapsed_s=0.0 if line["elapsed_s"] != line["elapsed_s"] else line["elapsed_s"],
        started_at=None if pd.isna(at) else at.to_pydatetime(warn=False), request_id=text("request_id"),
        variant=line["variant"],
    )  # fmt: skip
