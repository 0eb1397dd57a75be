"""`Race`: the handle of a race, with its tables, verdict and display.

It only delegates: `schedule.py` has the order of the rows and sends them, `evidence.py` draws the conclusions, and a
batch makes the calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Literal

import pandas as pd

from fh_notebook.batching.api import PreparedBatch
from fh_notebook.batching.model import Event
from fh_notebook.batching.planning.work_queue import Windows
from fh_notebook.batching.progress.display import ProgressDisplay, progress_of
from fh_notebook.comparing.data import check_zero
from fh_notebook.comparing.stats.clusters import distinct_text
from fh_notebook.core import arguments, hooks
from fh_notebook.core.redaction import log
from fh_notebook.core.text.formatting import with_partial_repr
from fh_notebook.core.text.messages import Message, Phrase, agreeing, counted
from fh_notebook.errors import SettingsError
from fh_notebook.racing import display
from fh_notebook.racing.display import (
    BUDGET_SPENT,
    INTERRUPTED,
    RaceCost,
    RaceDisplay,
    RaceSnapshot,
    RaceText,
    calls_notes,
    notes_of,
    pairs_frame,
    race_title,
)
from fh_notebook.racing.options import RaceOptions
from fh_notebook.racing.schedule import SCORED_AT_ONCE, RowFeeder, Schedule
from fh_notebook.racing.scores import RowScorer, ScoreScale, calls_service, is_lower
from fh_notebook.racing.state import PATIENCE, RaceState, summary_table
from fh_notebook.session import session


@arguments.public
@with_partial_repr
class Race:
    """Result of a race. Returned by :func:`fh_notebook.race`.

    Attributes
    ----------
    batch : Batch
        Of all rows and variants: what the race has run is done, the rest pending. ``race.batch.resume()`` runs it,
        again within the limits of the race.
    variants : tuple of str
        In the order of the plan.
    tally : RaceState
        The evidence so far: what text, HTML and figures are made of.
    """

    def __init__(self, begin: Callable[[Any, Callable[[Event], object]], PreparedBatch], options: RaceOptions) -> None:
        self._progress, self._on_event = options.batch.progress, options.batch.on_event
        score = options.score
        self._feeder: RowFeeder | None = None
        scale = ScoreScale.of(options.bounds, lower=is_lower(score))
        check_zero(options.failed, _score_name(score), lower=scale.lower)
        prepared = begin(self._display, self._handle_event)
        self.batch = prepared.batch
        self._control = prepared.control
        self._status = prepared.control.status
        plan = self._status.plan()
        self.variants = _check_variants(plan.variants)
        self.tally = RaceState(
            self.variants,
            scale=scale,
            alpha=options.alpha,
            min_difference=options.min_difference,
            patience=options.patience,
            known=session.known_variants(plan.deployments),
        )
        scorer = RowScorer(score, self.variants, failed=options.failed, workspace=self.batch.workspace)
        at_once = SCORED_AT_ONCE if not calls_service(score) else 1
        self._schedule = Schedule(
            prepared.batch_state, prepared.reader, self.tally, scorer, seed=options.seed, scored_at_once=at_once
        )
        self._lookahead = options.lookahead
        self._shown: RaceDisplay | None = None
        self._calls = self._calls_before = 0

    # --- what it found

    @property
    def winner(self) -> str | None:
        """The variant that is left; ``None`` while there is more than one."""
        return self.tally.winner

    @property
    def ending(self) -> str:
        """How the race ended: ``winner``, ``no difference``, ``budget spent`` or ``interrupted``; empty before that."""
        return self._ending_of(self.tally)

    def _ending_of(self, tally: RaceState) -> str:
        if tally.ending:
            return BUDGET_SPENT if tally.ending == PATIENCE else tally.ending
        if self.running or not self._has_begun:
            return ""
        stopped = self.batch.stopped
        return INTERRUPTED if stopped is not None and stopped.reason == "cancelled" else BUDGET_SPENT

    @property
    def calls(self) -> int:
        """Requests that the race has sent, refused ones included."""
        return self._calls + (self._status.counts.calls - self._calls_before if self.running else 0)

    @property
    def calls_left(self) -> int:
        """The maximum number of requests still to send, with the variants still in the race, within `max_calls`."""
        left = self._schedule.calls_left()
        most = self._status.plan().max_calls
        return left if most is None else max(0, min(left, most - (self.calls - self._calls)))

    @property
    def reused(self) -> int:
        """Answers that the evidence uses and that the race did not pay for."""
        return self._schedule.counts(self.tally.rows).reused

    @property
    def rows(self) -> int:
        """Rows that the evidence uses."""
        return self.tally.rows

    @property
    def dropped(self) -> dict[str, int]:
        """The variants that were dropped, and after how many rows, in this order."""
        return dict(self.tally.dropped)

    @property
    def running(self) -> bool:
        """Whether calls are being made."""
        return self._feeder is not None

    def summary(self) -> pd.DataFrame:
        """Return one row per variant.

        Columns: ``variant``; ``standing``: ``winner``, ``racing`` or ``dropped``; ``rows`` with a score, and their
        ``mean``; ``evidence`` that somebody is better, after the family of all variants is paid for, of a dropped one
        at its drop, and ``threshold``, at which it is dropped; ``dropped_after``: rows.
        """
        return summary_table(self.tally.snapshot())

    def pairs(self) -> pd.DataFrame:
        """Return one row per pair of variants, `a` before `b`, on the rows where both have a score.

        Columns: ``a, b, n``; ``wins, losses`` of b; ``difference`` (b - a, as in a comparison; by rank, the share of
        rows on which b is ahead less that on which it is behind) with its confidence sequence ``ci_low, ci_high``,
        which holds for all pairs at all moments at once; ``ahead``: who is; ``evidence`` that it is better, and
        ``needed``: what that must reach to drop the other one; ``rows_more``: about how many more rows that takes.
        A notebook shows the better variant of each pair first, and its difference to the second.
        """
        return pairs_frame(self.tally.snapshot())

    @property
    def verdict(self) -> str:
        """The result, in one sentence that claims no more than the evidence."""
        return self.snapshot().verdict

    def _why(self, tally: RaceState) -> str:
        stopped = self.batch.stopped
        if tally.ending == PATIENCE:
            return f"no variant was dropped in {tally.patience:,} rows (patience)"
        if stopped is not None:
            return stopped.message
        if tally.rows:
            return f"all {counted(tally.rows, 'row')} {agreeing(tally.rows, 'are')} used"
        return "" if self._schedule.order else "there are no rows"

    # --- running it

    def resume(self, *, retry_unknown: bool = False) -> Race:
        """Continue the race where it stopped, unless the evidence has ended it; return the race itself.

        Raises
        ------
        SettingsError
            Its batch is running.
        AuthError
            The service refused the key at the first call.
        """
        arguments.check(Race.resume, locals())
        if not self.tally.ending:
            windows = self._begin(retry_unknown=retry_unknown)
            try:
                self._control.start(windows, wait=True)
                self._schedule.decide()  # what came in with the stop
            finally:
                self._end()
        return self

    async def aresume(self, *, retry_unknown: bool = False) -> Race:
        """Await :meth:`resume`."""
        arguments.check(Race.aresume, locals())
        if not self.tally.ending:
            windows = self._begin(retry_unknown=retry_unknown)
            try:
                await self._control.astart(windows)
                await asyncio.to_thread(self._schedule.decide)
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
        self._calls_before = self._status.counts.calls
        self._feeder = RowFeeder(self._schedule, self._status, lookahead=self._lookahead)
        self._most_calls = self.calls_left
        return self._feeder.windows(opened)

    def _end(self) -> None:
        self._calls, self._feeder = self.calls, None
        self._schedule.end()
        race_display, self._shown = self._shown, None
        if race_display is not None:
            race_display.finish()
            self.is_shown = race_display.shows_all

    def _handle_event(self, event: Event) -> None:
        """Wake the sender, and tell the user's function."""
        if self._feeder is not None:
            self._feeder.take_event(event)
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                log.warning("%s raised an error; it is not called again", self._on_event, exc_info=True)
                self._on_event = None

    def show_by(self, display: Callable[[], RaceDisplay]) -> None:
        """Show every start of the race with the display that `display` makes."""
        self._make_display = display

    def _display(self) -> ProgressDisplay:
        """Return what shows a start: the race's own display, or the batch's where its rest is run."""
        if not self.running or (self._progress is not True and self._make_display is None):
            return progress_of(self._progress, live=self._control.new_display)
        race_display = self._make_display() if self._make_display else hooks.frontend().race_progress(self)
        self._shown = race_display or RaceText(self)
        return self._shown

    # --- how it is shown

    def snapshot(self) -> RaceSnapshot:
        """Return the race at this moment: a display reads each thing once, while calls are made."""
        tally = self.tally.snapshot()
        spent = self._spent_on(tally.rows)
        return RaceSnapshot(
            name=self.batch.name,
            tally=tally,
            ending=self._ending_of(tally),
            why=self._why(tally),
            spent=spent,
            run_notes=self._run_notes(tally, spent),
            plan_line=self.plan_line,
        )

    @property
    def spent(self) -> RaceCost:
        """The cost so far, and the cost of all other rows."""
        return self._spent_on(self.tally.rows)

    def _spent_on(self, rows: int) -> RaceCost:
        schedule = self._schedule
        return RaceCost(
            calls=self.calls,
            left=self.calls_left,
            reused=schedule.counts(rows).reused,
            all_rows=len(schedule.order),
            all_calls=schedule.all_calls,
            counted_calls=schedule.counted_calls(rows),
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the numbers."""
        return self.snapshot().notes

    def _run_notes(self, tally: RaceState, spent: RaceCost) -> tuple[str, ...]:
        schedule, scale, counts = self._schedule, tally.scale, self._schedule.counts(tally.rows)
        notes = notes_of(
            failed=counts.failed,
            missing=counts.missing,
            beyond=counts.beyond,
            rows=schedule.positions,
            copies=schedule.positions - len(schedule.order),
            rule=schedule.scorer.failed,
            error=schedule.scorer.error or next(map(schedule.scorer.unknown_text, schedule.scorer.unknown), ""),
            bounds=(scale.low, scale.high),
        )
        more = () if self.running else calls_notes(spent)  # rows that are out are not counted yet
        return (*notes, *more)

    @property
    def plan_line(self) -> str:
        """The maximum rows, calls and uploads of the current start, or of the next one, in one line."""
        most = self.calls_left if self._most_calls is None else self._most_calls
        files = self._status.plan().uploads
        uploads = f" and {counted(files, 'upload')} of files, which count against the daily cap, too" if files else ""
        rows = distinct_text(self._schedule.positions, len(self._schedule.order))
        return (
            f"{race_title(self.batch.name, len(self.variants))}: at most {rows}, "
            f"at most {counted(most, 'call')}{uploads}"
        )

    @property
    def line(self) -> str:
        """The progress, in one line."""
        return self.snapshot().line

    def plot(self, kind: Literal["evidence", "intervals"] | None = None) -> Any:
        """Return the figure of the race: the evidence against each variant by row, and the lead over each other one.

        Parameters
        ----------
        kind : {"evidence", "intervals"}, optional
            One of them alone.

        Returns
        -------
        Plot
            A matplotlib ``Figure`` that shows itself; ``alt`` says in words what it shows.

        Raises
        ------
        InputError
            `kind` is something else, or no row is decided.
        """
        arguments.check(Race.plot, locals())
        from fh_notebook.racing.plots import plot

        return plot(self.tally.snapshot(), kind)

    def __repr__(self) -> str:
        return display.race_text(self.snapshot())

    def _repr_html_(self) -> str:
        return display.race_html(self.snapshot())


def _check_variants(variants: Sequence[str]) -> tuple[str, ...]:
    """Return who races: two variants at least."""
    if len(variants) < 2:
        alone = f"there is only {variants[0]!r}" if variants else "there is none"
        names = Phrase("variants=['a', 'b']", "-v a -v b", cell="-v a -v b")
        raise SettingsError(Message("a race needs at least two variants, and {}; name them: {}", (alone, names)))
    return tuple(variants)


def _score_name(score: Any) -> str:
    """Return what a score is called."""
    return score if isinstance(score, str) else str(getattr(score, "name", getattr(score, "__name__", "score")))
