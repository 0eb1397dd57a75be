"""`race` and `arace`: check the arguments, and start a race.

All checks run before anything is stored or called. `RaceOptions` has the keywords of both functions; the result is a
`Race`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Unpack

from fh_notebook.batching.api import OWN_CHECKS, PreparedBatch, known_deployment, prepare_local
from fh_notebook.batching.model import Event
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import EXPECTED
from fh_notebook.comparing.scorers.runner import check_columns
from fh_notebook.contract.deployment import Deployment
from fh_notebook.core import arguments
from fh_notebook.core.text.messages import PYTHON, RUN_AGAIN, Audience
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.racing.options import RaceKeywords, RaceOptions, race_defaults
from fh_notebook.racing.race import Race
from fh_notebook.session import session


@arguments.public
@arguments.explicit_signature(RaceKeywords, race_defaults())
def race(
    rows: Any,
    deployment: Deployment | str,
    *,
    score: Any,
    **options: Unpack[RaceKeywords],
) -> Race:
    """Run rows through variants, in a random order, until it is clear which variant is better; then stop.

    Whole rows are run, all variants that are still in next to each other. After every row the evidence is looked at; a
    variant is dropped as soon as somebody beats it, and the last one wins. The error rate stays true although it was
    looked at all the time: with a chance of at most `alpha`, over all pairs and all looks, a best variant is ever
    dropped (the argument is at `fh_notebook.racing.evidence.Evidence`). The claim is about the population that the rows
    come from, as if they were drawn from it at random. Rows with equal inputs are called once and are one row.

    All of that is of one race, however often it is looked at, stopped and continued. Another seed, score, rule, or
    table (a longer one as well) is another race with a chance of its own to err: of k races over what is nearly the
    same, a wrong claim by any has a chance of up to k times `alpha`. So give all rows and settle the rules before the
    first call; `max_calls` bounds what is spent now.

    What was answered before costs nothing, whoever asked for it. The calls are those of a batch, which is at
    :attr:`Race.batch`: the same cell goes on where it was, and ``race.batch.resume()`` runs the other rows, again
    within `max_calls`.

    Parameters
    ----------
    rows : DataFrame, dict of columns, list of dicts or of texts, or path
        As in :func:`batch`, but no iterator: all rows must be known to be drawn from.
    deployment : Deployment or str
        What to run.
    variants : iterable of str or tuple, optional
        At least two; all that the deployment names by default.
    score : str, function or None
        As in :func:`compare`. A judge's calls are not the race's, and not among `max_calls`.
    alpha : float
        The probability that a best variant is ever dropped.
    max_calls : int, optional
        At most this many requests, now.
    min_difference : float, optional
        The least difference that matters, in the unit of the score: the race also ends when the confidence sequences of
        all pairs that are in leave out every larger one, each at `alpha` over all pairs and looks.
    patience : int, optional
        End after so many rows in which no variant was dropped.
    lookahead : int, optional
        So many rows may run beyond the last decided one; by default the concurrency limit divided by the jobs of a row,
        at most 8.
    bounds : (lowest, highest), "ranks" or None
        Between which scores are; beyond them a score counts as the bound, and it is said. By default 0 and 1, and a
        score beyond is an error. ``"ranks"`` needs no bounds: only who is ahead on a row counts, and a claim is about
        how often one is ahead of the other. That is the default where a lower score is the better one (seconds).
    failed : {"drop", "zero"}
        A failed run has no score, or counts as 0.
    seed : int
        Of the order of rows. To try another one because a race was not decided is to look twice.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.
    reuse : {"store", "batch"}, timedelta or None
        Which saved answers count: all, those of this race's name, those that young, none.
    inputs, repeats, metadata, name, max_concurrency, max_seconds, max_cost, rate, fail_on_error, on_invalid
        As in :func:`batch`. A repeat is no new row: repeats of a row are averaged.
    retry_unknown, dry_run, progress, on_event, delivery, receiver
        As in :func:`batch`.

    Returns
    -------
    Race
        Also when a limit or an interrupt ended it: ``race.resume()``, or the same cell, goes on.

    Raises
    ------
    InputError
        Rows, mapping, inputs or score do not fit; or a score is beyond 0 and 1, or none can be had of the first rows,
        of all variants or of one (then what was answered is saved).
    SettingsError
        An option, the key or the address cannot be used.
    StoreError
        The file of saved answers cannot be used: no call was made.
    AuthError
        The service refused the key at the very first call.
    CallError
        No run of the first rows was answered; they may have run.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("echo", variant="loud")
    ... def loud(text: str) -> str:
    ...     return text.upper()
    >>> @hive.workflow("echo", variant="plain")
    ... def plain(text: str) -> str:
    ...     return text
    >>> rows = [{"text": f"row {i}", "expected_output": f"row {i}"} for i in range(100)]
    >>> ran = fh.race(rows, "echo", score=fh.score.exact(), lookahead=1, client=hive.client(), progress=False)
    >>> ran.winner, ran.calls
    ('plain', 16)
    """
    arguments.check(race, locals(), but=OWN_CHECKS)
    return start_race(rows, deployment, RaceOptions.of(score=score, **options))


@arguments.public
@arguments.explicit_signature(RaceKeywords, race_defaults())
async def arace(
    rows: Any,
    deployment: Deployment | str,
    *,
    score: Any,
    **options: Unpack[RaceKeywords],
) -> Race:
    """Await :func:`race`: the same arguments, results and errors, from any running loop."""
    arguments.check(arace, locals(), but=OWN_CHECKS)
    requested = RaceOptions.of(score=score, **options)
    started = prepare_race(rows, deployment, requested)
    return started if requested.batch.dry_run else await started.aresume(retry_unknown=requested.batch.retry_unknown)


def start_race(rows: Any, deployment: Deployment | str, options: RaceOptions, audience: Audience = PYTHON) -> Race:
    """Return the race that is asked for, begun unless it is a dry run."""
    started = prepare_race(rows, deployment, options, audience)
    return started if options.batch.dry_run else started.resume(retry_unknown=options.batch.retry_unknown)


def prepare_race(rows: Any, deployment: Deployment | str, options: RaceOptions, audience: Audience = PYTHON) -> Race:
    """Return the race, checked, before any call. `audience` reads its messages."""
    if isinstance(rows, Iterator):
        raise SettingsError(
            "a race draws its rows at random, so it needs all of them before it starts, not an iterator; give "
            "list(rows)"
        )
    client = session.client_for(options.batch.client)
    read = read_rows(rows, known_deployment(client, deployment))
    if options.score is None and EXPECTED not in read.columns:
        raise InputError(
            "a race needs a score: give score=fh.score.exact('COLUMN') with a column of expected outputs, or "
            f"score=None with a column named {EXPECTED}"
        )
    check_columns(options.score, read.columns)
    # Not what goes on with its batch, which would call every row that is left.
    resume = {"python": "race.resume()", "cell": str(RUN_AGAIN), "command": audience.resume}[audience.medium]
    holder = replace(audience, resume=resume)

    def begin(progress: Any, on_event: Callable[[Event], object]) -> PreparedBatch:
        batch_options = replace(options.batch, progress=progress, on_event=on_event, dry_run=True)
        return prepare_local(read, deployment, batch_options, holder)

    return Race(begin, options)
