"""`Batch`: what a user holds of many runs.

Rule of this file: it reads and hands on. How a batch runs is in `control.py`, how one is begun in `start.py`, and its
tables for others in `batch_files.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from fh_notebook import arguments, html, views
from fh_notebook.batching.batch_files import BatchFiles
from fh_notebook.batching.control import Control
from fh_notebook.batching.events import Stopped
from fh_notebook.batching.frames import OutputKeys, tidy_frame
from fh_notebook.batching.handover import Written, to_fhb
from fh_notebook.batching.job import Job
from fh_notebook.batching.outcomes import FAILED, PENDING, UNKNOWN, Counts, Outcome
from fh_notebook.batching.plan import Plan
from fh_notebook.batching.provenance import ATTRS
from fh_notebook.batching.wording import digest, frame_html, frame_text
from fh_notebook.errors import SettingsError
from fh_notebook.half_made import shows_half_made
from fh_notebook.values import ColumnName

if TYPE_CHECKING:
    from fh_notebook.store.store import Store

__all__ = ["Batch"]

SHOWN: Final = ("row", "variant", "status", "output", "error", "elapsed_s", "reused")
"""The columns that a batch shows of its frame."""
ROWS_SHOWN: Final = 10


@shows_half_made
class Batch(BatchFiles):
    """Many runs: what was planned, what came of it, and how to go on. Made by :func:`batch`.

    It can be awaited while it runs in the background (``wait=False``).
    """

    file_store: Store | None = None
    """Of a batch out of a file: the store in memory that its answers, scores and ratings are in."""

    def __init__(self, control: Control, about: Mapping[str, Any] | None = None) -> None:
        self._control = control
        self._about = about
        self._has_told = False
        """Whether somebody was told that not all keys of outputs have a column."""

    @property
    def name(self) -> str:
        """Under which its answers are kept; ``name@<UTC time>`` once another table took the name (``replace=True``)."""
        return self._control.current_name

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
        that are objects: of the first 100 keys by row; all are in ``output``, and a line says so. Times are UTC,
        ``elapsed_s`` is in seconds.

        The index is that of the DataFrame that was run, levels and names with it, so that ``tickets.join(...)`` finds
        its rows; a row has it on each of its lines. Where the frame had only the plain 0, 1, 2, ... or an index that
        does not tell its rows apart, and for any other source, it counts the lines from 0. The column ``row`` is the
        same label as one value.
        """
        frame = self._frame(lambda kind: kind != PENDING)
        if (note := frame.attrs[ATTRS].get("note", "")) and not self._has_told:
            self._has_told = True
            views.frontend().notice(f"{self.name}: {note}.")
        return frame

    @property
    def failures(self) -> pd.DataFrame:
        """The lines of :attr:`frame` whose job failed."""
        return self._frame(lambda kind: kind == FAILED)

    @property
    def pending(self) -> pd.DataFrame:
        """One line for every job without an outcome, of the same columns."""
        return self._frame(lambda kind: kind == PENDING)

    def iter_frames(self, n: int = 10_000) -> Iterator[pd.DataFrame]:
        """Yield :attr:`frame` in parts of `n` lines, the last one shorter, without ever holding all of it.

        Raises
        ------
        SettingsError
            `n` is not a whole number from 1.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise SettingsError(f"n is {n!r}; give a whole number from 1")
        self._control.refuse_forgotten()
        pairs, keys = self._control.reader.pairs(lambda kind: kind != PENDING), OutputKeys()
        while part := list(islice(pairs, n)):
            yield tidy_frame(part, self._control.feed.source, batch=self.name, about=self._about, keys=keys)

    def to_fhb(self, path: str | PathLike[str]) -> Written:
        """Write the batch with its rows, answers, scores and ratings as one file to hand over; return what was written.

        ``fh.open_batch("triage.fhb")`` opens it on another machine, to be looked at, compared and rated;
        ``fh.merge_ratings("triage.fhb")`` takes the ratings in it back. Inputs and outputs lie in it in plain text; no
        key is in it, nor what a password Start variable held.

        Parameters
        ----------
        path : path
            Ends in ``.fhb``.

        Raises
        ------
        SettingsError
            It cannot be written there, or the batch is running or was run over partitions.
        """
        arguments.check(Batch.to_fhb, locals())
        return to_fhb(self.name, self._control, path)

    def plot(self, kind: str = "limits") -> Any:
        """Return the figure of how many calls the service let through at once, and when it refused some.

        A matplotlib ``Figure`` that shows itself in both themes, with ``alt``, what it shows in words. Only calls of
        this process are known.

        Parameters
        ----------
        kind : {"limits"}
            What is drawn.

        Raises
        ------
        SettingsError
            `kind` is something else, this process has made no call for the batch, or matplotlib is not installed.
        """
        arguments.check(Batch.plot, locals())
        return views.frontend().plot_limits(self, kind, self._control.moments)

    def browse(self, *, columns: Sequence[ColumnName] | None = None, page_size: int = 25) -> Any:
        """Return a live table of the rows, variants beside each other, also while it runs.

        It is ``fh.compare(batch).browse()``, which has a scorer too (see ``Comparison.browse``).

        Parameters
        ----------
        columns : list of str, optional
            The rows' own columns to be shown; by default the first two.
        page_size : int
            Rows a page, from 1 to 100.

        Raises
        ------
        InputError
            There is no such column, or the size is none.
        """
        arguments.check(Batch.browse, locals(), but={"columns"})
        return views.frontend().browse(self, columns=columns, page_size=page_size)

    def plan(self) -> Plan:
        """Return what the last start was going to do: jobs, what was answered, calls, cost, time."""
        return self._control.plan()

    def entries(self) -> Iterator[tuple[Job, Outcome | None, dict[str, Any]]]:
        """Yield every job with its outcome and its row, in the plan's order; a missing cell of the row is ``None``."""
        self._control.refuse_forgotten()
        source, pairs = self._control.feed.source, self._control.reader.pairs()
        while part := list(islice(pairs, 1_000)):
            records = source.records_at([job.position for job, _ in part])
            yield from ((job, outcome, record) for (job, outcome), record in zip(part, records, strict=True))

    def summary(self) -> str:
        """Return how far it is in one line, and why it stopped if it did."""
        return self._control.summary()

    def resume(self, *, retry_unknown: bool = False, wait: bool = True) -> Batch:
        """Call what is pending, and what failed on the way to the service; return the batch itself.

        A batch that is paused goes on instead.

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
        arguments.check(Batch.resume, locals())
        if self.running and self.paused:
            self._control.unpause()
            return self.wait() if wait else self
        self._control.start(self._control.open_windows(retry_unknown=retry_unknown), wait=wait)
        return self

    async def aresume(self, *, retry_unknown: bool = False) -> Batch:
        """Await :meth:`resume`."""
        arguments.check(Batch.aresume, locals())
        if self.running and self.paused:
            self._control.unpause()
            return await self
        await self._control.astart(self._control.open_windows(retry_unknown=retry_unknown))
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
        arguments.check(Batch.retry_failed, locals())
        self._control.start(self._control.failed_windows(error_code), wait=wait)
        return self

    async def aretry_failed(self, error_code: str | None = None) -> Batch:
        """Await :meth:`retry_failed`."""
        arguments.check(Batch.aretry_failed, locals())
        await self._control.astart(self._control.failed_windows(error_code))
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

    def pause(self) -> Batch:
        """Start no further call until :meth:`resume`, from any thread; what is out comes in and is kept."""
        self._control.pause()
        return self

    @property
    def paused(self) -> bool:
        """Whether it is running and starts no call."""
        return self._control.paused

    @property
    def max_concurrency(self) -> int | None:
        """The ceiling of calls at once of this batch; ``None``: as many as the service admits.

        It can be set while the batch runs, and holds at once: with a higher number more calls begin, unless a refusal
        has taught what the service admits; with a lower one fewer are out as calls end.
        """
        return self._control.max_concurrency

    @max_concurrency.setter
    def max_concurrency(self, value: int | None) -> None:
        self._control.max_concurrency = value

    @property
    def limit(self) -> int:
        """How many calls may be out at once now: as many as the service is thought to admit, within the ceilings."""
        return self._control.limit

    @property
    def admits(self) -> int | None:
        """How many calls at once the service admits, as its refusals (429) have taught.

        Those of this batch's last start, else those of any other call of this process in this workspace; a later start
        begins with no more. ``None``: no call was refused, so it is not known.
        """
        return self._control.admits

    def resolve_unknown(self) -> Batch:
        """Ask the service what became of the calls that may have run, where they have a request id; return the batch.

        What it knows as completed or failed is kept; whether such a question counts against the daily cap is unknown
        (CONTRACT section 3). Those without an id stay unknown, and one line says how to call them again.

        Raises
        ------
        SettingsError
            It is running.
        AuthError
            The service refused the key.
        """
        views.frontend().notice(self._control.resolve_unknown())
        return self

    def cancel(self) -> Batch:
        """End a running batch at once, from any thread, and return it without waiting.

        What is in flight may have run: those jobs become ``unknown``. The rest stays pending.
        """
        self._control.cancel()
        return self

    def _frame(self, is_wanted: Callable[[int], bool], limit: int | None = None) -> pd.DataFrame:
        if not self.running and not self._control.is_forgotten:
            self._control.feed.reopen_forgotten()
        pairs = self._control.reader.pairs(is_wanted, limit=limit)
        return tidy_frame(pairs, self._control.feed.source, batch=self.name, about=self._about)

    def _digest(self) -> str:
        troubled = self._control.reader.pairs(lambda kind: kind in (FAILED, UNKNOWN))
        return digest(outcome.run for _, outcome in troubled if outcome)

    def __repr__(self) -> str:
        head = self._frame(lambda kind: kind != PENDING, ROWS_SHOWN)
        lines = [f"Batch {self.summary()}", self._digest(), frame_text(head, SHOWN)]
        return "\n".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        head = self._frame(lambda kind: kind != PENDING, ROWS_SHOWN)
        errors = self._digest()
        return html.el(
            "div",
            html.STYLE,
            html.el("div", html.el("strong", self.summary()), cls="fh-head"),
            html.el("div", errors, cls="fh-failed") if errors else None,
            frame_html(head, SHOWN),
            cls="fh",
        )
