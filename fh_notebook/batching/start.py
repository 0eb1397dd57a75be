"""`batch` and `abatch`: begin to run a table of rows through the variants of a deployment.

Rule of this file: everything is checked and looked up before the first call, and the same cell run again goes on from
where it was. What can be asked is in `options.py`, from where both functions have their keywords; how a batch is made
is in `making.py`, and how it runs in `control.py`.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final, Unpack

from fh_notebook import arguments, session, views
from fh_notebook.audience import PYTHON, Audience, Phrase
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.control import BatchController
from fh_notebook.batching.making import MadeBatch, make
from fh_notebook.batching.options import BatchKeywords, BatchOptions, defaults_of
from fh_notebook.contract.deployment import Deployment
from fh_notebook.errors import SettingsError

__all__ = ["abatch", "batch", "begun", "last_batch", "last_batch_at", "prepared", "prepared_here"]

OWN_CHECKS: Final = frozenset(
    {"repeats", "first", "sample", "max_calls", "max_seconds", "max_concurrency", "max_cost", "rate", "fail_on_error"}
)
"""Options that have bounds: `BatchOptions` says which."""

_last: Batch | None = None
_last_at: datetime | None = None


def last_batch() -> Batch | None:
    """Return the batch that was made last in this process, also one whose cell was interrupted."""
    return _last


def last_batch_at() -> datetime | None:
    """Return when :func:`last_batch` was made, UTC."""
    return _last_at


@arguments.explicit_signature(BatchKeywords, defaults_of(BatchOptions))
def batch(
    rows: Any,
    deployment: Deployment | str,
    **options: Unpack[BatchKeywords],
) -> Batch:
    """Run every row through every variant, and return what came of it. Running the same cell again goes on.

    Parameters
    ----------
    rows : DataFrame, iterable of dicts, or path
        A CSV, TSV, JSONL, JSON or Parquet file by its ending. Columns ``expected_output`` and ``metadata.*`` are no
        inputs. An iterator (a generator, say) is never held whole: 1,000 rows are read, on a background thread,
        looked up and checked before the first of them is called.
    deployment : Deployment or str
        What to run; a name is looked up where deployments are known, else its inputs are sent unchecked.
    variants : str, tuple, or iterable of them, optional
        Which variants; all that the deployment names by default. ``(deployment, variant)`` is one of another
        deployment, ``(deployment, variant, inputs)`` one with a mapping of its own; with several deployments the column
        ``variant`` says ``deployment/variant``.
    inputs : mapping, optional
        Start variables to columns (a string), functions of the row, or constants (``fh.const("text")``). Those that
        are not named take the column of their name.
    repeats : int
        How often each row goes through each variant.
    metadata : mapping, optional
        Flat values for the service's logs. Every call is also stamped with ``fh_batch``, ``fh_row``, ``fh_variant``,
        ``fh_repeat`` and ``fh_job``.
    name : str, optional
        Of the batch, under which it is kept: one name is one table. The same rows (compared by their inputs, in any
        order) go on; more rows, variants or repeats extend the batch, and fewer are a part of it. Another table, or
        another deployment, is refused before any call. By default the hash of what is asked. Over partitions the rows
        are compared by hashes of their inputs, for which the store keeps 8 bytes a row: 3 s of a processor for a
        million rows, as measured.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.
    first, sample : int, optional
        A pilot of the first rows, or of as many at random. Without it, the same cell goes on and repays nothing.
    max_concurrency : int, optional
        A ceiling: at most this many calls of this batch at once. It begins with as many, or with the limit that a
        refusal (429) has taught this process in this workspace, if that is lower. By default the limit is learned.
    max_calls : int, optional
        At most this many requests; then the rest stays pending.
    max_seconds : float, optional
        No call is started later than this.
    max_cost : float, optional
        At most so many calls as this pays for, at ``configure(price_per_call=...)``.
    rate : float or str, optional
        Calls a second at the most, evenly spaced, or a text such as ``"30/min"``. Waiting is not in ``elapsed_s``.
    fail_on_error : bool or number
        Stop at the first error (``True``), at a fraction of the jobs (below 1) or at a count.
    on_invalid : {"raise", "skip"}
        Rows whose inputs do not fit: raise before the first call, or keep them as failed rows
        (``error_code="invalid_input"``) that are not called.
    fresh : bool
        Call everything anew; what was kept stays kept.
    reuse : {"batch", "store"}, timedelta or None
        Which kept answers count: those of this batch's name, all, those that young, none; of batches in memory and
        over partitions alike. What lies in the Parquet files of another batch is copied, so that each batch can be
        forgotten without the other. Where nothing is kept (``configure(store=None)``), the same cell calls again;
        ``"store"`` and a timedelta take answers of the batches that this process still holds, and `replace` those of
        the batches of that name.
    retry_unknown : bool
        Call again what may have run before. It may cost twice.
    replace : bool
        Where another table is kept under `name`: keep that batch as ``name@<UTC time>`` and begin anew, rather than to
        refuse. Jobs that are equal to its jobs take its answers at no call, also where one batch is in memory and the
        other over partitions; the plan says how many are left to call. The rows of an iterator are not known
        beforehand, so it always replaces. Over partitions, what a batch in memory has out when a start begins stays
        pending, and the next start takes its answer; what another batch over partitions has out is not seen, so that
        both may call it. There a batch is replaced only once it has ended.
    wait : bool
        ``False`` returns at once; then ``batch.wait()``, ``batch.pause()`` and ``batch.cancel()``.
    wait_for_reset : bool
        When the daily cap is used up, sleep until it is renewed at 00:00 UTC, and go on.
    dry_run : bool
        Plan, check and look up, and stop there: nothing is sent or kept. ``batch.plan()`` says what it would do, and
        ``batch.resume()`` does it.
    progress : bool or function
        Show how far it is; a function makes the display (see :mod:`fh_notebook.batching.progress`).
    on_event : function of an event, optional
        Told of everything, on the background thread; must return at once. If it raises it is not called again.
    delivery : {"direct", "callback", "poll", "auto"}
        How answers come: in the response; by callback, where the service queues what is over the plan's cap instead of
        refusing it, and a human in the loop may pause a run; by asking for them, where no callback can come; or
        directly, and by callback what the service refuses to run so, and once the cap has refused a call. By
        callback and by asking, 200 runs are out at once unless `max_concurrency` says otherwise.
    receiver : CallbackReceiver, optional
        Who receives callbacks; by default this process's own, where the service is on this machine.
    dask : distributed.Client, optional
        Run on the workers of this cluster, all under one budget. `rows` are then a ``dask.dataframe``, or a table that
        is cut into partitions; a ``dask.dataframe`` without it runs on threads of this process. ``frame`` is then a
        lazy ``dask.dataframe``. Needs ``pip install 'fh-notebook[dask]'``.
    parts : path, optional
        With partitions, the folder for their answers as Parquet, which this process and all workers share: a path, or
        an address such as ``s3://bucket/folder``. Beside the store by default.

    Returns
    -------
    Batch
        Also when a limit, an interrupt or Cancel ended it: the rest is pending then, and ``stopped`` says why. A cell
        that was interrupted ends without an error, so that what was paid for is in its variable, and cells that wait
        behind it run; a ``%%fetchhive --over`` cell ends with one and stops them.

        A variant that the service does not know is called no further, and its rows stay pending, also those whose calls
        said so; other variants go on. The service does not know it where an answer's code says so of the deployment or
        the variant, or where the first 3 answers of that variant (all, where there are fewer) are 404 or another "not
        found". After any other answer of that variant, a 404 is the failure of its row: what its inputs name is not
        there.

    Raises
    ------
    InputError
        Rows, mapping or inputs do not fit; all problems together, before any call. Or another table is kept under the
        name; an iterator whose later rows are others stops the batch before any call of them.
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
    arguments.check(batch, locals(), but=OWN_CHECKS)
    return begun(rows, deployment, BatchOptions(**options))


@arguments.explicit_signature(BatchKeywords, defaults_of(BatchOptions))
async def abatch(
    rows: Any,
    deployment: Deployment | str,
    **options: Unpack[BatchKeywords],
) -> Batch:
    """Await :func:`batch`: the same arguments, results and errors, from any running loop.

    A cancel reaches the calls and goes on; what was answered is kept, in the store and in :func:`last_batch`.
    """
    arguments.check(abatch, locals(), but=OWN_CHECKS)
    asked = BatchOptions(**options)
    # Over partitions all rows are looked at first, by workers: not on the caller's loop, which that would block.
    if _is_scaled(rows, asked.dask):
        made, control = await asyncio.to_thread(prepared, rows, deployment, asked)
    else:
        made, control = prepared(rows, deployment, asked)
    if asked.wait and not asked.dry_run:
        await control.astart(control.first_windows())
    elif not asked.dry_run:
        control.start(control.first_windows(), wait=False)
    return made


def _is_scaled(rows: Any, dask: Any) -> bool:
    """Whether the batch is over partitions; told without importing Dask."""
    return dask is not None or type(rows).__module__.startswith("dask.")


def begun(rows: Any, deployment: Deployment | str, options: BatchOptions, audience: Audience = PYTHON) -> Batch:
    """Return the batch that is asked for, begun unless it is a dry run, and waited for where the options say so."""
    made, control = prepared(rows, deployment, options, audience)
    if not options.dry_run:
        control.start(control.first_windows(), wait=options.wait)
    return made


def prepared(
    rows: Any, deployment: Deployment | str, options: BatchOptions, audience: Audience = PYTHON
) -> tuple[Batch, BatchController]:
    """Return the batch that is asked for and what starts it; it was checked and looked up, and has called nothing.

    Parameters
    ----------
    audience : Audience
        Who reads its messages.

    Raises
    ------
    InputError, SettingsError, StoreError
        As :func:`batch` says.
    """
    if not _is_scaled(rows, options.dask):
        made = prepared_here(rows, deployment, options, audience)
        return made.batch, made.control
    given = {"client": session.client_for(options.client), "store": session.store(), "audience": audience}
    found: tuple[Batch, BatchController] = views.partitions().batch_over_partitions(rows, deployment, options, **given)
    _note(found[0])
    return found


def prepared_here(rows: Any, deployment: Deployment | str, options: BatchOptions, audience: Audience) -> MadeBatch:
    """Return a batch as :func:`prepared` does, of rows that are in this process."""
    client, store = session.client_for(options.client), session.store()
    if options.parts is not None:
        raise SettingsError(
            Phrase(
                "parts= is for a batch over partitions; give dask= a client, or rows as a dask.dataframe",
                command="--parts is for a batch over partitions; give --dask, too",
            )
        )
    made = make(rows, deployment, options, client=client, store=store, audience=audience)
    _note(made.batch)
    return made


def _note(made: Batch) -> None:
    global _last, _last_at
    _last, _last_at = made, datetime.now(UTC)
