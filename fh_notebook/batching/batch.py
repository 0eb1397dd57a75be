"""`batch`, `abatch` and `Batch`: a table of rows through the variants of a deployment.

Rule of this file: everything is checked and looked up before the first call, and the same cell run again goes on from
where it was. How a batch runs is in `control.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from fh_notebook import html, session
from fh_notebook.batching.control import Control, Options
from fh_notebook.batching.events import Event, Stopped
from fh_notebook.batching.frames import tidy_frame
from fh_notebook.batching.ledger import Reuse
from fh_notebook.batching.outcomes import Counts, Outcome
from fh_notebook.batching.plan import Job, Plan, make_plan
from fh_notebook.batching.rows import Rows, read_rows
from fh_notebook.batching.stopping import Limits
from fh_notebook.batching.wording import digest, frame_html, frame_text
from fh_notebook.contract.models import Deployment
from fh_notebook.errors import SettingsError

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client
    from fh_notebook.client.client import AsyncClient

__all__ = ["Batch", "abatch", "batch", "last_batch"]

SHOWN: Final = ("row", "variant", "status", "output", "error", "elapsed_s", "reused")
"""The columns that a batch shows of its frame."""
ROWS_SHOWN: Final = 10

_last: Batch | None = None


def last_batch() -> Batch | None:
    """Return the batch that was made last in this process, also one whose cell was interrupted."""
    return _last


def batch(
    rows: Any,
    deployment: Deployment | str,
    *,
    variants: str | Iterable[str] | None = None,
    inputs: Mapping[str, Any] | None = None,
    repeats: int = 1,
    metadata: Mapping[str, Any] | None = None,
    name: str | None = None,
    client: Client | AsyncClient | None = None,
    first: int | None = None,
    sample: int | None = None,
    max_concurrency: int | None = None,
    max_calls: int | None = None,
    max_seconds: float | None = None,
    fail_on_error: bool | float | int = False,
    on_invalid: Literal["raise", "skip"] = "raise",
    fresh: bool = False,
    reuse: Reuse = "batch",
    retry_unknown: bool = False,
    wait: bool = True,
    progress: Any = True,
    on_event: Callable[[Event], object] | None = None,
) -> Batch:
    """Run every row through every variant, and return what came of it. Running the same cell again goes on.

    Parameters
    ----------
    rows : DataFrame, iterable of dicts, or path
        A CSV, TSV, JSONL, JSON or Parquet file by its ending. Columns ``expected_output`` and ``metadata.*`` are no
        inputs.
    deployment : Deployment or str
        What to run; a name is looked up where deployments are known, else its inputs are sent unchecked.
    variants : str or iterable of str, optional
        Which variants; all that the deployment names by default.
    inputs : mapping, optional
        Start variables to columns (a string), functions of the row, or constants (``fh.const("text")``). Those that
        are not named take the column of their name.
    repeats : int
        How often each row goes through each variant.
    metadata : mapping, optional
        Flat values for the service's logs. Every call is also stamped with ``fh_batch``, ``fh_row``, ``fh_variant``,
        ``fh_repeat`` and ``fh_job``.
    name : str, optional
        Of the batch: answers are kept under it, and the same name with more rows extends it. By default the hash of
        what is asked.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.
    first, sample : int, optional
        A pilot of the first rows, or of as many at random. Without it, the same cell goes on and repays nothing.
    max_concurrency : int, optional
        Exactly this many calls at once while this batch runs; adaptive by default.
    max_calls : int, optional
        At most this many requests; then the rest stays pending.
    max_seconds : float, optional
        No call is started later than this.
    fail_on_error : bool or number
        Stop at the first error (``True``), at a fraction of the jobs (below 1) or at a count.
    on_invalid : {"raise", "skip"}
        Rows whose inputs do not fit: raise before the first call, or keep them as failed rows
        (``error_code="invalid_input"``) that are not called.
    fresh : bool
        Call everything anew; what was kept stays kept.
    reuse : {"batch", "store"}, timedelta or None
        Which kept answers count: those of this batch's name, all, those that young, none.
    retry_unknown : bool
        Call again what may have run before. It may cost twice.
    wait : bool
        ``False`` returns at once; then ``batch.wait()`` and ``batch.cancel()``.
    progress : bool or function
        Show how far it is; a function makes the display (see :mod:`fh_notebook.batching.progress`).
    on_event : function of an event, optional
        Told of everything, on the background thread; must return at once. If it raises it is not called again.

    Returns
    -------
    Batch
        Also when a limit or an interrupt ended it: the rest is pending then.

    Raises
    ------
    InputError
        Rows, mapping or inputs do not fit; all problems together, before any call.
    SettingsError
        An option, the key or the address cannot be used.
    StoreError
        The file of kept answers cannot be used: no call was made.
    AuthError
        The service refused the key at the very first call.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("shout", variant="loud")
    ... def loud(text: str) -> str:
    ...     return text.upper()
    >>> done = fh.batch([{"text": "a"}, {"text": "b"}], "shout", client=hive.client(), progress=False)
    >>> done.frame["output"].tolist(), done.counts.calls
    (['A', 'B'], 2)
    """
    made, keys = _prepare(**_without(locals(), "wait"))
    made._control.start(keys, wait=wait)
    return made


async def abatch(
    rows: Any,
    deployment: Deployment | str,
    *,
    variants: str | Iterable[str] | None = None,
    inputs: Mapping[str, Any] | None = None,
    repeats: int = 1,
    metadata: Mapping[str, Any] | None = None,
    name: str | None = None,
    client: Client | AsyncClient | None = None,
    first: int | None = None,
    sample: int | None = None,
    max_concurrency: int | None = None,
    max_calls: int | None = None,
    max_seconds: float | None = None,
    fail_on_error: bool | float | int = False,
    on_invalid: Literal["raise", "skip"] = "raise",
    fresh: bool = False,
    reuse: Reuse = "batch",
    retry_unknown: bool = False,
    wait: bool = True,
    progress: Any = True,
    on_event: Callable[[Event], object] | None = None,
) -> Batch:
    """Await :func:`batch`: the same arguments, results and errors, from any running loop.

    A cancel reaches the calls and goes on; what was answered is kept, in the store and in :func:`last_batch`.
    """
    made, keys = _prepare(**_without(locals(), "wait"))
    if wait:
        await made._control.astart(keys)
    else:
        made._control.start(keys, wait=False)
    return made


def _without(arguments: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in arguments.items() if key != name}


def _prepare(
    *,
    rows: Any,
    deployment: Deployment | str,
    client: Client | AsyncClient | None,
    max_concurrency: int | None,
    max_calls: int | None,
    max_seconds: float | None,
    fail_on_error: bool | float | int,
    fresh: bool,
    reuse: Reuse,
    retry_unknown: bool,
    progress: Any,
    on_event: Callable[[Event], object] | None,
    **planning: Any,
) -> tuple[Batch, list[str]]:
    """Check and look up everything, and call nothing; return the batch and the keys of the jobs to call."""
    global _last
    options = Options(
        limits=Limits(max_calls=max_calls, max_seconds=max_seconds, fail_on_error=fail_on_error),
        max_concurrency=_checked_concurrency(max_concurrency),
        on_event=on_event,
        progress=progress,
        reuse=_checked_reuse(None if fresh else reuse),
        retry_unknown=retry_unknown,
    )
    read = read_rows(rows)
    caller = session.client_for(client)
    known = caller.aclient.connection.find_deployment(deployment) if isinstance(deployment, str) else deployment
    target = known or Deployment(deployment)  # type: ignore[arg-type]  # a Deployment is always known
    plan = make_plan(read, target, workspace=caller.workspace, **planning)
    control = Control(plan, caller, session.store(), options)
    keys = control.prepare()
    _last = Batch(control, read)
    return _last, keys


def _checked_concurrency(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise SettingsError(f"max_concurrency is {value!r}; give a whole number from 1, or None to adapt")


def _checked_reuse(value: Any) -> Reuse:
    if value is None or isinstance(value, timedelta) or value in ("batch", "store"):
        checked: Reuse = value
        return checked
    raise SettingsError(f"reuse is {value!r}; give 'batch', 'store', a timedelta or None")


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
