"""`Batch`: what a user holds of many runs.

Rule of this file: it reads and hands on. How a batch runs is in `control.py`, how one is begun in `start.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import islice
from os import PathLike
from typing import Any, Final

import pandas as pd

from fh_notebook import html
from fh_notebook.batching.control import Control
from fh_notebook.batching.events import Stopped
from fh_notebook.batching.export import Exported, to_csv, to_excel, to_parquet
from fh_notebook.batching.frames import tidy_frame
from fh_notebook.batching.outcomes import Counts, Outcome
from fh_notebook.batching.plan import Job, Plan
from fh_notebook.batching.rows import Rows
from fh_notebook.batching.wording import digest, frame_html, frame_text
from fh_notebook.errors import SettingsError

__all__ = ["Batch"]

SHOWN: Final = ("row", "variant", "status", "output", "error", "elapsed_s", "reused")
"""The columns that a batch shows of its frame."""
ROWS_SHOWN: Final = 10


class Batch:
    """Many runs: what was planned, what came of it, and how to go on. Made by :func:`batch`.

    It can be awaited while it runs in the background (``wait=False``).
    """

    def __init__(self, control: Control, rows: Rows) -> None:
        self._control = control
        self._rows = rows

    @property
    def name(self) -> str:
        """Under which its answers are kept."""
        return self._control.name

    @property
    def counts(self) -> Counts:
        """How far it is; a value of this moment."""
        return self._control.counts

    @property
    def stopped(self) -> Stopped | None:
        """Why the last start ended before its last job, with what to do next; ``None`` when it did not."""
        return self._control.stopped

    @property
    def running(self) -> bool:
        """Whether calls are being made."""
        return self._control.running

    @property
    def in_flight(self) -> int:
        """Calls that are out at this moment."""
        return self._control.in_flight

    @property
    def frame(self) -> pd.DataFrame:
        """One line for every job that has an outcome (completed, failed or unknown), tidy.

        Columns: ``row, variant, repeat, status, output, error_code, error, attempts, elapsed_s, started_at, request_id,
        reused, key``, then the source columns (``in.<name>`` where a name is taken), then ``out.<name>`` for outputs
        that are objects. Times are UTC, ``elapsed_s`` is in seconds.
        """
        return self._frame(lambda outcome: outcome is not None)

    @property
    def failures(self) -> pd.DataFrame:
        """The lines of :attr:`frame` whose job failed."""
        return self._frame(lambda outcome: outcome is not None and outcome.run.status == "failed")

    @property
    def pending(self) -> pd.DataFrame:
        """One line for every job without an outcome, of the same columns."""
        return self._frame(lambda outcome: outcome is None)

    def iter_frames(self, n: int = 10_000) -> Iterator[pd.DataFrame]:
        """Yield :attr:`frame` in parts of `n` lines, the last one shorter, without ever holding all of it.

        Raises
        ------
        SettingsError
            `n` is less than 1.
        """
        if n < 1:
            raise SettingsError(f"n is {n!r}; give a whole number from 1")
        pairs = (pair for pair in self._control.outcomes.of_jobs() if pair[1] is not None)
        while part := list(islice(pairs, n)):
            yield tidy_frame(part, self._rows, batch=self.name)

    def to_csv(self, path: str | PathLike[str], *, mark: bool = True, max_cell: int | None = None) -> Exported:
        """Write :attr:`frame` as CSV that is safe to open in a spreadsheet; return what was written and changed.

        A text that a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers, lists and objects
        are JSON. Written in parts, and there as a whole or not at all.

        Parameters
        ----------
        path : path
            Ends in ``.csv``, ``.csv.gz`` or ``.tsv``.
        mark : bool
            Begin with a byte order mark, without which Excel reads UTF-8 as something else.
        max_cell : int, optional
            Cut longer texts at this many characters; by default none is.

        Raises
        ------
        SettingsError
            It cannot be written there, or the batch is running.
        """
        return to_csv(self, path, mark=mark, max_cell=max_cell)

    def to_excel(self, path: str | PathLike[str]) -> Exported:
        """Write :attr:`frame` as an Excel workbook, safe as :meth:`to_csv`; return what was written and changed.

        Texts longer than a cell of Excel (32,767 characters) are cut and counted. Times are ISO 8601 texts, whole
        numbers of more than 15 digits are texts. A second sheet says where the answers are from.

        Raises
        ------
        SettingsError
            It cannot be written there, there are more rows than a sheet holds (1,048,575), XlsxWriter is not installed,
            or the batch is running.
        """
        return to_excel(self, path)

    def to_parquet(self, path: str | PathLike[str]) -> Exported:
        """Write :attr:`frame` as Parquet, with ``frame.attrs``; return what was written.

        ``pandas.read_parquet`` gives the same dtypes, except that values of several kinds are text: texts as they are,
        everything else as JSON. So is ``output``, always.

        Raises
        ------
        SettingsError
            It cannot be written there, pyarrow is not installed, or the batch is running.
        """
        return to_parquet(self, path)

    def plan(self) -> Plan:
        """Return what the last start was going to do: rows x variants x repeats, what was answered, calls left."""
        return self._control.plan()

    def entries(self) -> Iterator[tuple[Job, Outcome | None, dict[str, Any]]]:
        """Yield every job with its outcome and its row, in the plan's order; a missing cell of the row is ``None``."""
        for job, outcome in self._control.outcomes.of_jobs():
            record = self._rows.records[job.position]
            yield job, outcome, {column: record.get(column) for column in self._rows.columns}

    def summary(self) -> str:
        """Return how far it is in one line, and why it stopped if it did."""
        return self._control.summary()

    def resume(self, *, retry_unknown: bool = False, wait: bool = True) -> Batch:
        """Call what is pending, and what failed on the way to the service; return the batch itself.

        Parameters
        ----------
        retry_unknown : bool
            Call also what may have run before. It may cost twice.
        wait : bool
            ``False`` returns at once.

        Raises
        ------
        SettingsError
            It is running.
        AuthError
            The service refused the key at the first call.
        """
        self._control.start(self._control.refreshed(retry_unknown=retry_unknown), wait=wait)
        return self

    async def aresume(self, *, retry_unknown: bool = False) -> Batch:
        """Await :meth:`resume`."""
        await self._control.astart(self._control.refreshed(retry_unknown=retry_unknown))
        return self

    def retry_failed(self, error_code: str | None = None, *, wait: bool = True) -> Batch:
        """Call again what failed, or only what failed with `error_code`; return the batch itself.

        Rows whose inputs do not fit are not among it: correct them and run the cell again.

        Raises
        ------
        SettingsError
            It is running.
        AuthError
            The service refused the key at the first call.
        """
        self._control.start(self._control.failed(error_code), wait=wait)
        return self

    async def aretry_failed(self, error_code: str | None = None) -> Batch:
        """Await :meth:`retry_failed`."""
        await self._control.astart(self._control.failed(error_code))
        return self

    def wait(self) -> Batch:
        """Wait for a batch in the background, and return it. An interrupt ends the waiting, not the batch.

        Raises
        ------
        AuthError
            The service refused the key at the very first call.
        """
        self._control.wait()
        return self

    def __await__(self) -> Generator[Any, None, Batch]:
        yield from self._control.await_().__await__()
        return self

    def cancel(self) -> Batch:
        """End a running batch at once, from any thread, and return it without waiting.

        What is in flight may have run: those jobs become ``unknown``. The rest stays pending.
        """
        self._control.cancel()
        return self

    def _frame(self, is_wanted: Callable[[Outcome | None], bool], limit: int | None = None) -> pd.DataFrame:
        wanted = (pair for pair in self._control.outcomes.of_jobs() if is_wanted(pair[1]))
        return tidy_frame(islice(wanted, limit), self._rows, batch=self.name)

    def _digest(self) -> str:
        return digest(outcome.run for _, outcome in self._control.outcomes.of_jobs() if outcome)

    def __repr__(self) -> str:
        head = self._frame(lambda outcome: outcome is not None, ROWS_SHOWN)
        lines = [f"Batch {self.summary()}", self._digest(), frame_text(head, SHOWN)]
        return "\n".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        head = self._frame(lambda outcome: outcome is not None, ROWS_SHOWN)
        errors = self._digest()
        return html.el(
            "div",
            html.STYLE,
            html.el("div", html.el("strong", self.summary()), cls="fh-head"),
            html.el("div", errors, cls="fh-failed") if errors else None,
            frame_html(head, SHOWN),
            cls="fh",
        )
