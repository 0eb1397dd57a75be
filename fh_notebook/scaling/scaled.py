"""`ScaledBatch`: what a user holds of a batch over many partitions.

Rule of this file: it is a `Batch`; what it is asked for as a table is a lazy frame, and computing it calls nothing.
What would need all of it at once is read part by part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from fh_notebook import html
from fh_notebook.batching.batch import ROWS_SHOWN, SHOWN, Batch
from fh_notebook.batching.frames import RESERVED
from fh_notebook.batching.job import Job
from fh_notebook.batching.outcomes import Outcome
from fh_notebook.batching.provenance import ATTRS
from fh_notebook.batching.wording import digest, frame_html, frame_text
from fh_notebook.contract.run import Run
from fh_notebook.errors import SettingsError
from fh_notebook.scaling.control import ScaledControl
from fh_notebook.scaling.lazy import frame_of, frames_of, pending_of

__all__ = ["ScaledBatch"]


class ScaledBatch(Batch):
    """Many runs over many partitions. Made by :func:`fh_notebook.batch` of a ``dask.dataframe``, or with ``dask=``.

    Everything that a `Batch` has; `frame`, `failures` and `pending` are ``dask.dataframe`` objects.
    """

    _control: ScaledControl

    def __init__(self, control: ScaledControl, meta: pd.DataFrame, about: Mapping[str, Any]) -> None:
        super().__init__(control, about)
        self._meta = meta

    @property
    def frame(self) -> Any:
        """One line for every job that has an outcome, as a lazy ``dask.dataframe`` over the parts. It calls nothing.

        The columns are those of :attr:`Batch.frame` without ``out.<name>``, which hang on the answers; the index
        counts the lines of each partition from 0, and the column ``row`` is the label of the source's row.
        """
        return frame_of(self._control.paths, self._meta)

    @property
    def failures(self) -> Any:
        """The lines of :attr:`frame` whose job failed."""
        frame = self.frame
        return frame[frame["status"] == "failed"]

    @property
    def pending(self) -> Any:
        """One line for every job without an outcome, of the same columns, lazily; the rows are read for it."""
        pages = [page for page in self._control.book.pages if page.found.jobs]
        if any(page.partition is None for page in pages):
            raise SettingsError("the rows of a batch over partitions are not kept; run its cell again with them")
        paths = [page.line.path if page.line is not None else "" for page in pages]
        return pending_of(
            [page.partition for page in pages], [page.start for page in pages], paths, self._control.spec, self._meta
        )

    def browse(self, *_: Any, **__: Any) -> Any:
        """Refuse: a live table shows rows, of which there are too many.

        Raises
        ------
        SettingsError
            Always, with what to do.
        """
        raise SettingsError(
            "these rows are in many partitions; look at some of them: "
            "fh.compare(batch.frame.partitions[0].compute()).browse()"
        )

    def iter_frames(self, n: int = 10_000) -> Iterator[pd.DataFrame]:
        """Yield :attr:`frame` in parts of at most `n` lines, as pandas frames.

        Raises
        ------
        SettingsError
            `n` is not a whole number from 1.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise SettingsError(f"n is {n!r}; give a whole number from 1")
        self._control.refuse_forgotten()
        for part in frames_of(self._control.paths, self._meta, n):
            part.attrs[ATTRS] = dict(self._about or {})
            yield part

    def entries(self) -> Iterator[tuple[Job, Outcome | None, dict[str, Any]]]:
        """Yield every job that has an outcome, with it and its row; read part by part.

        The job knows what was asked by its key alone: its inputs are in the row.
        """
        for part in self.iter_frames():
            for line in part.to_dict("records"):
                row = {str(name): value for name, value in line.items() if name not in RESERVED}
                yield _job(line), Outcome(run=_run(line), reused=bool(line["reused"])), row

    def _head(self) -> pd.DataFrame:
        first = None if self._control.is_forgotten else next(self.iter_frames(ROWS_SHOWN), None)
        return self._meta if first is None else first

    def _digest(self) -> str:
        if self._control.is_forgotten or not (self.counts.failed or self.counts.unknown):
            return ""
        return digest(run for part in self.iter_frames() for run in _troubled(part))

    def __repr__(self) -> str:
        lines = [f"Batch {self.summary()}", frame_text(self._head(), SHOWN)]
        return "\n".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        return html.el(
            "div",
            html.STYLE,
            html.el("div", html.el("strong", self.summary()), cls="fh-head"),
            frame_html(self._head(), SHOWN),
            cls="fh",
        )


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


def _troubled(part: pd.DataFrame) -> Iterator[Run]:
    return (_run(line) for line in part[part["status"] != "completed"].to_dict("records"))
