"""`race`, `arace` and `Race`: which variant is better, with as few calls as the evidence allows.

Rule of this file: it reads and hands on. What may be concluded is in `evidence.py`, the order of rows in `course.py`,
what is sent when in `sending.py`; the calls are a batch's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from fh_notebook import views
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.delivery import Delivery
from fh_notebook.batching.events import Event, Finished
from fh_notebook.batching.lookup import Reuse
from fh_notebook.batching.progress import Progress, progress_of
from fh_notebook.batching.rows import read_rows
from fh_notebook.batching.running import Windows
from fh_notebook.batching.start import batch as begin_batch
from fh_notebook.batching.stopping import RESUME, going_on, going_on_by
from fh_notebook.contract.models import Deployment
from fh_notebook.log import log
from fh_notebook.racing import asking
from fh_notebook.racing.course import AT_ONCE, Course
from fh_notebook.racing.marking import Marker, calls_service, check_score, is_lower
from fh_notebook.racing.progress_text import RaceDisplay, RaceText
from fh_notebook.racing.scale import Bounds, Scale
from fh_notebook.racing.sending import Sender
from fh_notebook.racing.showing import Showing
from fh_notebook.racing.tables import pairs_table, summary_table
from fh_notebook.racing.tally import PATIENCE, Tally
from fh_notebook.racing.words import BUDGET_SPENT, INTERRUPTED, verdict

if TYPE_CHECKING:
    from fh_notebook.client.blocking import Client
    from fh_notebook.client.client import AsyncClient
    from fh_notebook.client.receiver import CallbackReceiver

__all__ = ["Race", "arace", "race"]


def race(
    rows: Any,
    deployment: Deployment | str,
    *,
    variants: Any = None,
    score: Any,
    alpha: float = 0.05,
    max_calls: int | None = None,
    min_difference: float | None = None,
    patience: int | None = None,
    lookahead: int | None = None,
    bounds: Bounds = None,
    failed: Literal["drop", "zero"] = "drop",
    seed: int = 0,
    client: Client | AsyncClient | None = None,
    inputs: Mapping[str, Any] | None = None,
    repeats: int = 1,
    metadata: Mapping[str, Any] | None = None,
    name: str | None = None,
    max_concurrency: int | None = None,
    max_seconds: float | None = None,
    max_cost: float | None = None,
    rate: float | str | None = None,
    fail_on_error: bool | float | int = False,
    on_invalid: Literal["raise", "skip"] = "raise",
    reuse: Reuse = "store",
    retry_unknown: bool = False,
    dry_run: bool = False,
    progress: Any = True,
    on_event: Callable[[Event], object] | None = None,
    delivery: Delivery = "direct",
    receiver: CallbackReceiver | None = None,
) -> Race:
    """Run rows through variants, in a random order, until it is clear which variant is better; then stop.

    Whole rows are run, all variants that are still in next to each other. After every row the evidence is looked at; a
    variant is dropped as soon as somebody beats it, and the last one wins. The error rate stays true although it was
    looked at all the time: with a chance of at most `alpha`, over all pairs and all looks, a best variant is ever
    dropped (the argument is at `fh_notebook.racing.evidence.Evidence`). The claim is about the population that the rows
    come from, as if they were drawn from it at random.

    What was answered before costs nothing, whoever asked for it. The calls are those of a batch, which is at
    :attr:`Race.batch`: the same cell goes on where it was, and ``race.batch.resume()`` runs all other rows.

    Parameters
    ----------
    rows : DataFrame, list of dicts, or path
        As in :func:`batch`, but no iterator: all rows must be known to be drawn from.
    deployment : Deployment or str
        What to run.
    variants : iterable of str or tuple, optional
        At least two; all that the deployment names by default.
    score : str, function or None
        As in :func:`compare`. A judge's calls are not the race's, and not among `max_calls`.
    alpha : float
        The chance to ever drop a best variant.
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
        Of the order of rows.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.
    reuse : {"store", "batch"}, timedelta or None
        Which kept answers count: all, those of this race's name, those that young, none.
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
        Rows, mapping, inputs or score do not fit; or a score is beyond 0 and 1 (then what was answered is kept).
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
    made = _prepare(locals())
    return made if dry_run else made.resume(retry_unknown=retry_unknown)


async def arace(
    rows: Any,
    deployment: Deployment | str,
    *,
    variants: Any = None,
    score: Any,
    alpha: float = 0.05,
    max_calls: int | None = None,
    min_difference: float | None = None,
    patience: int | None = None,
    lookahead: int | None = None,
    bounds: Bounds = None,
    failed: Literal["drop", "zero"] = "drop",
    seed: int = 0,
    client: Client | AsyncClient | None = None,
    inputs: Mapping[str, Any] | None = None,
    repeats: int = 1,
    metadata: Mapping[str, Any] | None = None,
    name: str | None = None,
    max_concurrency: int | None = None,
    max_seconds: float | None = None,
    max_cost: float | None = None,
    rate: float | str | None = None,
    fail_on_error: bool | float | int = False,
    on_invalid: Literal["raise", "skip"] = "raise",
    reuse: Reuse = "store",
    retry_unknown: bool = False,
    dry_run: bool = False,
    progress: Any = True,
    on_event: Callable[[Event], object] | None = None,
    delivery: Delivery = "direct",
    receiver: CallbackReceiver | None = None,
) -> Race:
    """Await :func:`race`: the same arguments, results and errors, from any running loop."""
    made = _prepare(locals())
    return made if dry_run else await made.aresume(retry_unknown=retry_unknown)


def _prepare(arguments: dict[str, Any]) -> Race:
    """Check and look up everything, and call nothing."""
    asked = dict(arguments)
    own = {name: asked.pop(name) for name in _OWN}
    asked.pop("dry_run")
    asking.check(asked["rows"], own)
    asked["rows"] = rows = read_rows(asked["rows"])
    check_score(own["score"], rows)
    again = nullcontext() if going_on() != RESUME else going_on_by("race.resume()")

    def begin(progress: Any, on_event: Callable[[Event], object]) -> Batch:
        with again:
            return begin_batch(**asked, progress=progress, on_event=on_event, dry_run=True)

    return Race(begin, **own)


_OWN: Final = (
    *("score", "alpha", "min_difference", "patience", "lookahead"),
    *("bounds", "failed", "seed", "progress", "on_event"),
)


class Race(Showing):
    """What came of a race. Made by :func:`race`.

    Attributes
    ----------
    batch : Batch
        Of all rows and variants: what the race has run is done, the rest pending. ``race.batch.resume()`` runs it.
    variants : tuple of str
        In the order of the plan.
    """

    def __init__(
        self,
        begin: Callable[[Any, Callable[[Event], object]], Batch],
        *,
        score: Any,
        alpha: float,
        min_difference: float | None,
        patience: int | None,
        lookahead: int | None,
        bounds: Bounds,
        failed: str,
        seed: int,
        progress: Any,
        on_event: Callable[[Event], object] | None,
    ) -> None:
        self._progress, self._on_event = progress, on_event
        self._sender: Sender | None = None
        scale = Scale.of(bounds, lower=is_lower(score))
        asking.check_zero(failed, asking.named(score), lower=scale.lower)
        self.batch = begin(self._display, self._hear)
        self._control = control = self.batch._control
        self.variants = asking.checked_variants(control.plan().variants)
        self._tally = Tally(self.variants, scale=scale, alpha=alpha, min_difference=min_difference, patience=patience)
        marker = Marker(score, self.variants, failed=failed)
        at_once = AT_ONCE if not calls_service(score) else 1
        self._course = Course(control, self._tally, marker, seed=seed, scored_at_once=at_once)
        self._lookahead = lookahead
        self._shown: RaceDisplay | None = None
        self._calls = self._calls_before = 0

    # --- what it found

    @property
    def winner(self) -> str | None:
        """The variant that is left; ``None`` where none is, yet."""
        return self._tally.winner

    @property
    def ending(self) -> str:
        """How it ended: ``winner``, ``no difference``, ``budget spent`` or ``interrupted``; empty while it has not."""
        if self._tally.ending:
            return BUDGET_SPENT if self._tally.ending == PATIENCE else self._tally.ending
        if self.running or not self._has_begun:
            return ""
        stopped = self.batch.stopped
        return INTERRUPTED if stopped is not None and stopped.reason == "cancelled" else BUDGET_SPENT

    @property
    def calls(self) -> int:
        """Requests that the race has sent, refused ones included."""
        return self._calls + (self._control.counts.calls - self._calls_before if self.running else 0)

    @property
    def calls_left(self) -> int:
        """Requests that it would take at the most to run all other rows, of who is still in, within `max_calls`."""
        left = self._course.calls_left()
        most = self._control.plan().max_calls
        return left if most is None else max(0, min(left, most - (self.calls - self._calls)))

    @property
    def reused(self) -> int:
        """Answers that evidence was taken of and that the race did not pay for."""
        return self._course.reused

    @property
    def rows(self) -> int:
        """Rows that evidence was taken of."""
        return self._tally.rows

    @property
    def dropped(self) -> dict[str, int]:
        """Who was dropped, and after how many rows, in this order."""
        return dict(self._tally.dropped)

    @property
    def running(self) -> bool:
        """Whether calls are being made."""
        return self._sender is not None

    def summary(self) -> pd.DataFrame:
        """Return one line a variant.

        Columns: ``variant``; ``standing``: ``winner``, ``racing`` or ``dropped``; ``rows`` with a score, and their
        ``mean``; ``evidence`` that somebody is better, after the family of all variants is paid for, and ``threshold``,
        at which it is dropped; ``dropped_after``: rows.
        """
        return summary_table(self._tally)

    def pairs(self) -> pd.DataFrame:
        """Return one line a pair of variants, `a` before `b`, on the rows that both have a score of.

        Columns: ``a, b, n``; ``wins, losses`` of b; ``difference`` (b - a; by rank, the share of rows on which b is
        ahead less that on which it is behind) with its confidence sequence ``ci_low, ci_high``, which holds for all
        pairs at all moments at once; ``ahead``: who is; ``evidence`` that it is better, and ``needed``: what that must
        reach to drop the other one; ``rows_more``: about how many more rows that takes.
        """
        return pairs_table(self._tally)

    @property
    def verdict(self) -> str:
        """One sentence that claims no more than the evidence."""
        return verdict(self._tally, ending=self.ending, why=self._why, spent=self.spent)

    @property
    def _why(self) -> str:
        stopped = self.batch.stopped
        if self._tally.ending == PATIENCE:
            return f"no variant was dropped in {self._tally.patience:,} rows (patience)"
        return stopped.message if stopped is not None else f"all {self.rows:,} rows are used" if self.rows else ""

    # --- running it

    def resume(self, *, retry_unknown: bool = False) -> Race:
        """Go on where it was, unless the evidence has ended it; return the race itself.

        Raises
        ------
        SettingsError
            Its batch is running.
        AuthError
            The service refused the key at the first call.
        """
        if not self._tally.ending:
            windows = self._begin(retry_unknown=retry_unknown)
            try:
                self._control.start(windows, wait=True)
                self._course.decide()  # what came in with the stop
            finally:
                self._end()
        return self

    async def aresume(self, *, retry_unknown: bool = False) -> Race:
        """Await :meth:`resume`."""
        if not self._tally.ending:
            windows = self._begin(retry_unknown=retry_unknown)
            try:
                await self._control.astart(windows)
                await asyncio.to_thread(self._course.decide)
            finally:
                self._end()
        return self

    _make_display: Callable[[], RaceDisplay] | None = None
    _has_begun = False
    _most_calls: int | None = None
    """Which the present start would make at the most."""
    is_shown = False
    """Whether a display has shown all that is known of it."""

    def _begin(self, *, retry_unknown: bool) -> Windows:
        opened = self._control.open_windows(retry_unknown=retry_unknown)
        self._has_begun = True
        self._calls_before = self._control.counts.calls
        self._sender = Sender(self._course, self._control, lookahead=self._lookahead)
        self._most_calls = self.calls_left
        return self._sender.windows(opened)

    def _end(self) -> None:
        self._calls, self._sender = self.calls, None
        shown, self._shown = self._shown, None
        if shown is not None:
            shown.finish()
            self.is_shown = shown.shows_all

    def _hear(self, event: Event) -> None:
        """Wake the sender, and tell the user's function."""
        if self._sender is not None and isinstance(event, Finished):
            self._sender.heard()
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                log.warning("%s raised; it is not called again", self._on_event, exc_info=True)
                self._on_event = None

    def show_by(self, display: Callable[[], RaceDisplay]) -> None:
        """Have every start of the race shown by what `display` makes."""
        self._make_display = display

    def _display(self) -> Progress:
        """Return what shows a start: the race's own display, or the batch's where its rest is run."""
        if not self.running or (self._progress is not True and self._make_display is None):
            return progress_of(self._progress)
        made = self._make_display() if self._make_display else views.knock("race.progress", self)
        self._shown = made or RaceText(self)
        return self._shown
