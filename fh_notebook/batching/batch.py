"""`Batch`: the public object of a batch.

Rule of this file: it reads and hands on, wherever the batch is from. How a batch runs is in `controller.py`, its tables
are read by `planning/reader.py`, or out of files of partitions, and how one is begun is in `api.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from fh_notebook.batching.controller import BatchController
from fh_notebook.batching.export.assets import MAX_BYTES, MAX_TOTAL_BYTES, AssetKeeper, FilesToHandOver, record_of_files
from fh_notebook.batching.export.export import (
    Exported,
    WrittenFile,
    arrow_stream,
    to_csv,
    to_excel,
    to_fhb,
    to_jsonl,
    to_parquet,
)
from fh_notebook.batching.model import BatchStopped, JobCounts
from fh_notebook.batching.planning.plan import Plan
from fh_notebook.batching.planning.reader import BatchTables
from fh_notebook.batching.progress.display import ProgressDisplay
from fh_notebook.batching.rendering import (
    BatchOverview,
    digest,
    frame_text,
    groups_by_code,
    informative_columns,
    with_not_sent,
)
from fh_notebook.batching.tables.entry_table import Entry, EntryTable
from fh_notebook.client.approvals import ToolApprovals
from fh_notebook.core import arguments, event_loop, hooks
from fh_notebook.core.files import safe_name
from fh_notebook.core.redaction import log
from fh_notebook.core.text.formatting import with_partial_repr
from fh_notebook.core.values import ColumnName, Whole
from fh_notebook.errors import SettingsError, StoreError
from fh_notebook.session import session

if TYPE_CHECKING:
    from fh_notebook.store.store import Store

SHOWN: Final = ("row", "variant", "status", "output", "error", "client_action", "elapsed_s", "reused")
"""The columns that a batch shows of its frame."""
ROWS_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBatch:
    """A batch as a page shows it, with what its buttons do."""

    batch: Batch
    control: BatchController
    overview: Callable[[], BatchOverview]
    """Returns what is shown of it at this moment."""

    @classmethod
    def of(cls, batch: Batch) -> ShownBatch:
        """Return what a page shows of a batch."""
        return batch._shown


def entry_table(batch: Batch) -> EntryTable:
    """Return every job of a batch with its outcome and its row, as :meth:`Batch.entries` yields them, as columns."""
    return batch._entry_table()


@arguments.public
@with_partial_repr
class Batch:
    """A batch of runs: its plan, its results, and methods to continue it. Returned by :func:`batch`.

    It can be awaited while it runs in the background (``wait=False``). Over partitions `frame`, `failures` and
    `pending` are lazy ``dask.dataframe`` objects. One out of a file, or over partitions and opened by its name, can be
    looked at, compared and written, and calls nothing.
    """

    def __init__(
        self,
        control: BatchController,
        tables: BatchTables,
        *,
        keeper: AssetKeeper | None = None,
        file_store: Store | None = None,
    ) -> None:
        self._control = control
        self._status = control.status
        self._tables = tables
        control.new_display = self._new_display
        self._keeper = keeper
        self.file_store = file_store
        """Of a batch out of a file: the store in memory that its answers, ratings and corrections are in."""

    def _new_display(self) -> ProgressDisplay | None:
        display: ProgressDisplay | None = hooks.frontend().batch_progress(self._shown)
        return display

    @property
    def name(self) -> str:
        """Its name in the store; ``name@<UTC time>`` once another table took the name (``replace=True``)."""
        return self._status.current_name

    @property
    def workspace(self) -> str:
        """The workspace in which it ran: the address of the service, and its name or a hash of the API key."""
        return self._control.work.caller.workspace

    @property
    def counts(self) -> JobCounts:
        """The progress at this moment."""
        return self._status.counts

    @property
    def stopped(self) -> BatchStopped | None:
        """The reason why the last start ended before its last job, and what to do next; otherwise ``None``."""
        return self._status.stopped

    @property
    def running(self) -> bool:
        """Whether calls are being made."""
        return self._status.running

    @property
    def in_flight(self) -> int:
        """Calls in progress at this moment."""
        return self._status.in_flight

    @property
    def frame(self) -> pd.DataFrame:
        """A tidy table with one row for every job that has an outcome: completed, failed or unknown.

        Columns: ``row, variant, repeat, status, output, error_code, error, attempts, elapsed_s, started_at, request_id,
        reused, key``, then the source columns (``in.<name>`` where a name is taken), then ``out.<name>`` for outputs
        that are objects: of the first 100 keys by row; all are in ``output``, and a line says so. Where the service's
        error catalogue has advice for an error, ``client_action`` is behind ``error``. Where files of runs are saved
        (:meth:`save_assets`), the last column is ``saved_files``: their paths, one a line. Times are UTC, ``elapsed_s``
        is in seconds, and ``key`` is the hash of what was asked, by which a saved answer is found: no API key.

        The index is that of the DataFrame that was run, levels and names with it, so that ``tickets.join(...)`` finds
        its rows; a row has it on each of its lines. Where the frame had only the plain 0, 1, 2, ... or an index that
        does not tell its rows apart, and for any other source, it counts the lines from 0. The column ``row`` is the
        same label as one value.

        Over partitions it is a lazy ``dask.dataframe`` over the parts, which calls nothing: without ``out.<name>``,
        which hang on the answers, always with ``client_action``, and with an index that counts the lines of each
        partition from 0.
        """
        frame: pd.DataFrame = self._refreshed().answered()
        return frame

    @property
    def failures(self) -> pd.DataFrame:
        """The rows of :attr:`frame` whose job failed."""
        frame: pd.DataFrame = self._refreshed().failed()
        return frame

    @property
    def pending(self) -> pd.DataFrame:
        """One row for every job without an outcome, with the same columns; over partitions, this reads the rows."""
        frame: pd.DataFrame = self._refreshed().pending()
        return frame

    def iter_frames(self, n: int = 10_000) -> Iterator[pd.DataFrame]:
        """Yield :attr:`frame` in parts of `n` rows, the last one shorter, without holding all rows in memory.

        Where nothing is answered, it is one part without a line.

        Raises
        ------
        SettingsError
            `n` is not a whole number of at least 1.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise SettingsError(f"n is {n!r}; give a whole number, at least 1")
        self._control.refuse_forgotten()
        yield from self._tables.parts(n)

    def to_csv(self, path: str | PathLike[str], *, mark: bool = True, max_cell: Whole | None = None) -> Exported:
        """Write :attr:`frame` as CSV that is safe to open in a spreadsheet; return what was written and changed.

        A text that a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers, lists and objects
        are JSON; the index is not written, the column ``row`` says the same. Written in parts, and there as a whole or
        not at all.

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
        arguments.check(Batch.to_csv, locals())
        return to_csv(self, path, mark=mark, max_cell=None if max_cell is None else int(max_cell))

    def to_excel(self, path: str | PathLike[str]) -> Exported:
        """Write :attr:`frame` as an Excel workbook, as safely as :meth:`to_csv`; return what was written and changed.

        Texts longer than a cell of Excel (32,767 characters) are cut and counted. Times are ISO 8601 texts, whole
        numbers of more than 15 digits are texts. A second sheet says where the answers are from.

        Raises
        ------
        SettingsError
            It cannot be written there, there are more rows or columns than a sheet holds (1,048,575 and 16,384),
            XlsxWriter is not installed, or the batch is running.
        """
        arguments.check(Batch.to_excel, locals())
        return to_excel(self, path)

    def to_parquet(self, path: str | PathLike[str]) -> Exported:
        """Write :attr:`frame` as Parquet, with ``frame.attrs``; return what was written.

        ``pandas.read_parquet`` gives the same dtypes, except that values of several kinds are text: texts as they are,
        everything else as JSON. So is ``output``, always. The index is there, too, where it is the source's own.

        Raises
        ------
        SettingsError
            It cannot be written there, pyarrow is not installed, or the batch is running.
        """
        arguments.check(Batch.to_parquet, locals())
        return to_parquet(self, path)

    def to_jsonl(self, path: str | PathLike[str]) -> Exported:
        """Write :attr:`frame` as JSON lines, one object a line; return what was written.

        Outputs stay what they are: texts, numbers, lists and objects. Times are ISO 8601 texts, what is missing is
        ``null``. ``fh.batch`` and ``fh.compare(pandas.read_json(..., lines=True))`` read the file.

        Parameters
        ----------
        path : path
            Ends in ``.jsonl`` or ``.ndjson``.

        Raises
        ------
        SettingsError
            It cannot be written there, or the batch is running.
        """
        arguments.check(Batch.to_jsonl, locals())
        return to_jsonl(self, path)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return :attr:`frame` by the Arrow PyCapsule interface: ``polars.DataFrame(batch)``, ``pyarrow.table(batch)``.

        DuckDB reads the variable, too: ``duckdb.sql("SELECT variant, count(*) FROM batch GROUP BY variant")``. It comes
        part by part, also over partitions, and calls nothing. Columns and types are those of :meth:`to_parquet`: texts
        (``status`` and ``output`` among them; an output that is no text is JSON), whole numbers, numbers, truths and
        UTC times. A half character is ``\ufffd`` there. The index is not in it; the column ``row`` says the same.
        """
        return arrow_stream(self, requested_schema)

    def to_fhb(self, path: str | PathLike[str], *, files: bool = True) -> WrittenFile:
        """Write the batch with its rows, answers, scores and ratings as one file, to share; return what was written.

        The corrections of its expected outputs (``cmp.correct``) are in it and apply there, too.
        ``fh.open_batch("triage.fhb")`` opens it on another machine, to be looked at, compared and rated;
        ``fh.merge_ratings("triage.fhb")`` takes the ratings in it back. Inputs and outputs lie in it in plain text; no
        key is in it, nor what a password Start variable held.

        Parameters
        ----------
        path : path
            Ends in ``.fhb``.
        files : bool
            Whether the files that its runs made and that are saved (:meth:`save_assets`) are in it, up to 16 MiB each
            and 100 MiB together: who opens it sees them after their addresses have ended, and ``save_assets(folder)``
            writes them there. What is left out is told: hand over its folder beside the file, which has the folder's
            name (and no path of this machine), and they are shown, too.

        Raises
        ------
        SettingsError
            It cannot be written there, or the batch is running or was run over partitions.
        """
        arguments.check(Batch.to_fhb, locals())
        has_files = files and not self.running and not self.is_partitioned
        kept = FilesToHandOver(self._kept_assets(None, MAX_BYTES, MAX_TOTAL_BYTES)) if has_files else None
        return to_fhb(self.name, self._control, self._tables, path, kept)

    @property
    def assets(self) -> pd.DataFrame:
        """One row for every file that the completed runs list, with its state; nothing is fetched.

        Columns: ``row, variant, repeat, file_name, status, reason, path, bytes, file_type, content_type``. The status
        is ``saved`` (without a path: within the ``.fhb`` file that the batch is out of), ``missing``, ``expired`` (the
        address ended) or ``failed``; ``reason`` says why, or how the content of a saved file differs from its type;
        ``content_type`` is what its first bytes say.
        """
        return self._kept_assets(None, MAX_BYTES, MAX_TOTAL_BYTES).table()

    def save_assets(
        self,
        folder: str | PathLike[str] | None = None,
        *,
        max_bytes: Whole = MAX_BYTES,
        max_total_bytes: Whole = MAX_TOTAL_BYTES,
    ) -> pd.DataFrame:
        """Fetch the files that the completed runs made, before their addresses expire; return :attr:`assets`.

        What is there already is not fetched again, so a second call, also after a crash and in another kernel, goes on.
        A file is there whole or not at all, under its own name, made safe, with a hash; no file is overwritten. The key
        is not sent, and addresses of private networks are not asked. Displays and the HTML report show a saved file
        in place of its address, also in another kernel: the batch knows its folder. Files that are in a ``.fhb`` file
        are shown as soon as it is open, and this call writes them to the folder; so are those of the folder where that
        lies beside the file.

        Parameters
        ----------
        folder : path, optional
            By default that of ``fh.batch(save_assets=...)`` or of the last call, also of another kernel, else
            ``<name>-files``. A relative one is found from another working directory, and after a move with its project.
        max_bytes, max_total_bytes : int
            Of one file (256 MiB), and of all files of the batch (10 GiB).

        Raises
        ------
        SettingsError
            The folder cannot be made, the batch is running, or its rows are in partitions.

        Examples
        --------
        >>> import tempfile
        >>> import fh_notebook as fh
        >>> hive = fh.local.LocalHive()
        >>> @hive.workflow("paint", variant="v")
        ... def paint(text: str) -> dict:
        ...     return {"settings": {}, "assets": [hive.asset("bee.txt", text.encode(), "text/plain")]}
        >>> batch = fh.batch([{"text": "a bee"}], "paint", name="bees", client=hive.client(), progress=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     batch.save_assets(folder)[["file_name", "status", "bytes"]].values.tolist()
        [['bee.txt', 'saved', 5]]
        """
        arguments.check(Batch.save_assets, locals())
        keeper = self._kept_assets(folder, int(max_bytes), int(max_total_bytes))
        self._note_folder(keeper)
        event_loop.run(keeper.end())
        return keeper.table()

    async def asave_assets(
        self,
        folder: str | PathLike[str] | None = None,
        *,
        max_bytes: Whole = MAX_BYTES,
        max_total_bytes: Whole = MAX_TOTAL_BYTES,
    ) -> pd.DataFrame:
        """Await :meth:`save_assets`."""
        arguments.check(Batch.asave_assets, locals())
        keeper = self._kept_assets(folder, int(max_bytes), int(max_total_bytes))
        self._note_folder(keeper)
        await event_loop.bridge(keeper.end())
        return keeper.table()

    def _note_folder(self, keeper: AssetKeeper) -> None:
        """Check the folder of the files, and record it for other kernels."""
        keeper.check()
        try:
            is_option = self._control.companion is not None
            stored = self._control.work.stored
            stored.note_files(record_of_files(keeper.folder, stored.store.path, is_option=is_option))
        except StoreError:  # the files are there, and their addresses end
            log.info("the folder of saved files was not recorded", exc_info=True)

    def _kept_assets(self, folder: str | PathLike[str] | None, max_bytes: int, max_total_bytes: int) -> AssetKeeper:
        if self.is_partitioned:
            raise SettingsError("files cannot be saved for a batch over partitions; run its rows without dask=")
        if self.running:
            raise SettingsError(f"{self.name} is running; call batch.wait(), then save its files")
        self._control.refuse_forgotten()
        for name, most in (("max_bytes", max_bytes), ("max_total_bytes", max_total_bytes)):
            if most < 1:
                raise SettingsError(f"{name} is {most}; give a whole number, at least 1")
        if folder is None and self._keeper is not None:
            folder = self._keeper.folder
        if folder is None:
            folder = safe_name(f"{self.name}-files", fallback="files")
        before, client = self._keeper, self._control.work.caller.client
        self._keeper = AssetKeeper.of(
            self._tables.entries, client, Path(folder), max_bytes=max_bytes, max_total_bytes=max_total_bytes
        )
        if before is not None and before.folder == self._keeper.folder:
            self._keeper.take_failures(before)
        if self._control.companion is not None:
            self._control.companion = self._keeper
        return self._keeper

    def browse(
        self,
        *,
        columns: Sequence[ColumnName] | None = None,
        page_size: int = 25,
        corrections: bool | None = None,
    ) -> Any:
        """Return a live table of the rows, with the variants side by side; it also works while the batch runs.

        It is ``fh.compare(batch).browse()``, which has a scorer too (see ``Comparison.browse``).

        Parameters
        ----------
        columns : list of str, optional
            The rows' own columns to be shown; by default the first two.
        page_size : int
            Rows a page, from 1 to 100.
        corrections : bool, optional
            Whether the page corrects expected outputs (see ``Comparison.correct``); by default it does, except in an
            app (Voila), whose visitors would correct for everybody.

        Raises
        ------
        InputError
            There is no such column, or the size is none.
        SettingsError
            Its rows are in partitions, which are too many.
        """
        if self._tables.unbrowsable:
            raise SettingsError(self._tables.unbrowsable)
        arguments.check(Batch.browse, locals(), but={"columns"})
        return hooks.frontend().browse(self, columns=columns, page_size=page_size, corrections=corrections)

    def plan(self) -> Plan:
        """Return the plan of the last start: jobs, jobs already answered, calls, cost, time."""
        return self._status.plan()

    def entries(self) -> Iterator[Entry]:
        """Yield every job with its outcome and its row, in the plan's order; a missing cell of the row is ``None``.

        Over partitions only jobs that have an outcome; such a job knows what was asked by its key alone, since its
        inputs are in the row.
        """
        self._control.refuse_forgotten()
        yield from self._tables.entries()

    def _entry_table(self) -> EntryTable:
        self._control.refuse_forgotten()
        return self._tables.entry_table()

    def summary(self) -> str:
        """Return the progress in one line, with the reason if the batch stopped."""
        return self._status.summary()

    def resume(self, *, retry_unknown: bool = False, wait: bool = True) -> Batch:
        """Call the pending jobs, and those that failed on the way to the service; return the batch itself.

        As when the cell runs again, runs that were submitted before and that nobody waits for are waited for, at no
        call. A batch that is paused goes on instead.

        Parameters
        ----------
        retry_unknown : bool
            Call also what may have run before, except what is known to wait for a decision (whoever allows it would
            act twice) and what somebody waits for (`fh.reattach`). It may cost twice.
        wait : bool
            ``False`` returns at once.

        Raises
        ------
        SettingsError
            It is running, or its files cannot be saved in their folder.
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

    def retry_failed(self, error_code: str | None = None, *, error: str | None = None, wait: bool = True) -> Batch:
        """Call the failed jobs again, or only some of them; return the batch itself.

        Rows whose inputs do not fit are not among it: correct them and run the cell again.

        Parameters
        ----------
        error_code : str, optional
            Only what failed with this code; where nothing did, a line says which codes there are (not over partitions).
        error : str, optional
            Only what failed with this error and no code; its first line as the batch shows it is enough, where "…" is
            any value of a row. Not over partitions, and not with `error_code`.
        wait : bool
            ``False`` returns at once.

        Raises
        ------
        SettingsError
            It is running, or its files cannot be saved in their folder.
        AuthError
            The service refused the key at the first call.
        """
        arguments.check(Batch.retry_failed, locals())
        self._control.start(self._control.failed_windows(error_code, error), wait=wait)
        return self

    async def aretry_failed(self, error_code: str | None = None, *, error: str | None = None) -> Batch:
        """Await :meth:`retry_failed`."""
        arguments.check(Batch.aretry_failed, locals())
        await self._control.astart(self._control.failed_windows(error_code, error))
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

    if not TYPE_CHECKING:  # type checkers do not know the names
        __dir__ = arguments.current_names
        plot = arguments.RemovedName(
            "batch.plot was removed; fh.compare(batch).plot() shows scores and seconds, batch.counts.refused is "
            "the number of refused calls (429)"
        )

    def __await__(self) -> Generator[Any, None, Batch]:
        yield from self._control.await_().__await__()
        return self

    def pause(self) -> Batch:
        """Start no further call until :meth:`resume`, from any thread; answers of calls in progress are saved."""
        self._control.pause()
        return self

    @property
    def paused(self) -> bool:
        """Whether the batch is running but starts no calls."""
        return self._status.paused

    @property
    def max_concurrency(self) -> int | None:
        """The maximum number of calls at once of this batch; ``None``: as many as the service admits.

        It can be set while the batch runs, and holds at once: with a higher number more calls begin, unless a refusal
        has taught what the service admits; with a lower one fewer are out as calls end.
        """
        return self._status.max_concurrency

    @max_concurrency.setter
    def max_concurrency(self, value: int | None) -> None:
        self._control.retune(value)

    @property
    def limit(self) -> int:
        """The number of calls that may run at once now: the estimate of what the service admits, within the limits."""
        return self._status.limit

    @property
    def admits(self) -> int | None:
        """The number of calls at once that the service admits, estimated from its refusals (429).

        Those of this batch's last start, else those of any other call of this process in this workspace; a later start
        begins with no more. ``None``: no call was refused, so it is not known.
        """
        return self._status.admits

    def watch(self) -> None:
        """Show the batch under the running cell: live while it runs, then its results.

        It is what a cell shows that ends with the batch itself. Bar and buttons go on after the page is reloaded; a
        batch in the background can be watched in several cells. Without a page (a terminal, nbclient), it is shown
        once, as it is now.

        Examples
        --------
        >>> import fh_notebook as fh
        >>> hive = fh.local.LocalHive()
        >>> @hive.workflow("shout", variant="loud")
        ... def loud(text: str) -> str:
        ...     return text.upper()
        >>> batch = fh.batch([{"text": "a"}], "shout", name="w", client=hive.client(), progress=False)
        >>> batch.watch()  # doctest: +ELLIPSIS
        Batch w: 1 of 1 completed; 1 call
        ...
        """
        hooks.frontend().watch_batch(self._shown)

    def resolve_unknown(self) -> Batch:
        """Ask the service for the outcome of calls that may have run, if they have a request id; return the batch.

        What it knows as completed or failed is saved, and a completed run is not called again, although its output may
        not come (its row says where to look). The row of a run that has not ended, or that the service does not know,
        says so. Each question counts against the daily cap, as a call does. Those without an id stay unknown, and one
        line says how to call them again. Submitted runs that nobody waits for are
        asked for, too: in a batch that was opened again they are pending.

        Raises
        ------
        SettingsError
            It is running, or its files cannot be saved in their folder.
        AuthError
            The service refused the key.
        """
        hooks.frontend().notice(self._control.resolve_unknown())
        return self

    def approvals(self, *, workspace_id: str | None = None) -> ToolApprovals:
        """List the tools that runs of this batch want to use and that wait for a decision; see `Client.approvals`.

        Runs that wait for a human-in-the-loop step are listed below them (``approvals.steps``), with the person and the
        question: such a step is decided by e-mail or Telegram, or by ``hive.decide(...)`` on a local hive.

        Of the runs that have no outcome; while the batch runs, of those that are known to wait. A decision about one
        of them brings its outcome into the row while the batch runs; after the end, `resolve_unknown` does. Of a batch
        over partitions they are those of the answered rows, whose files stay as they are: `Client.retrieve` has the
        outcome by the row's request id, and a human-in-the-loop step is told by the row alone.

        Where no run waits, nothing is asked for. Where the list names runs by ids that are not known here, each run is
        asked for by itself, one request each, until everything on the list is known to be of a run.

        Raises
        ------
        SettingsError
            It calls nothing, or no workspace id is known.
        AuthError, ConnectFailed, LimitReached, CallError
            As `Client.approvals`.
        """
        arguments.check(Batch.approvals, locals())
        return self._control.approvals(workspace_id)

    def cancel(self) -> Batch:
        """End a running batch at once, from any thread, and return it without waiting.

        What is in flight may have run: those jobs become ``unknown``. The rest stays pending.
        """
        self._control.cancel()
        return self

    @property
    def is_partitioned(self) -> bool:
        """Whether its rows and answers are in partitions, so that its tables are lazy ``dask.dataframe`` objects."""
        return self._tables.answer_ids() is None

    def _refreshed(self) -> BatchTables:
        if not self.running:
            self._tables.refresh()
        return self._tables

    def __repr__(self) -> str:
        groups, head = self._refreshed().overview(ROWS_SHOWN)
        head = with_not_sent(head)
        lines = [f"Batch {self.summary()}", digest(groups), frame_text(head, informative_columns(head, SHOWN))]
        return "\n".join(line for line in lines if line)

    def _ipython_display_(self) -> None:
        if not hooks.frontend().show_batch(self._shown):
            raise NotImplementedError  # so IPython asks for the HTML and the text

    def _repr_html_(self) -> str:
        return self._overview().page_html()

    @property
    def _shown(self) -> ShownBatch:
        return ShownBatch(batch=self, control=self._control, overview=self._overview)

    def _overview(self) -> BatchOverview:
        status = self._status
        groups, head = ([], pd.DataFrame()) if status.is_forgotten else self._refreshed().overview(ROWS_SHOWN)
        return BatchOverview(
            name=self.name,
            summary=self.summary(),
            counts=self.counts,
            groups=groups_by_code(groups),
            head=head,
            columns=SHOWN,
            factors=self.plan().factors,
            doing=status.doing,
            stopped=self.stopped,
            admits=status.falls_short,
            is_forgotten=status.is_forgotten,
            audience=status.audience,
            is_saved=self.file_store is None and session.store() is not None,
        )
