"""`fh.canary`: call the same rows again, a few every day, and report when their scores have changed.

Rules of this file:

1. A day (UTC) is one saved batch, whose name is the canary's with the date. So a process that is killed loses nothing,
   the same day makes no second set of calls, and everything else of a batch (`fh.open_batch`, `fh.trend`) works on it.
2. What the canary knows is a function of these batches and of the baseline: nothing else is saved, and each start
   computes it again.
3. A day counts once all its calls have an outcome, or once it is over. It is taken as a whole: which of its scores came
   first decides nothing (see `evidence.py`).
4. Rows with equal inputs are one row. The next rows are those that were called least often, in an order that the seed
   shuffles; so no row is called twice on one day.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.api import known_deployment, start_batch
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.execution.unknown_names import hint_of
from fh_notebook.batching.history.reopen import open_batch
from fh_notebook.batching.model import BatchStopped
from fh_notebook.batching.options import BatchOptions, bounded_options
from fh_notebook.batching.planning.mapping import with_shown_labels
from fh_notebook.batching.planning.plan import BatchVariant, hashed_name, read_variants
from fh_notebook.batching.planning.planner import Planner, refused
from fh_notebook.batching.tables.frames import source_name
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.rows import EXPECTED, Rows
from fh_notebook.comparing.scorers.observations import Observation, read_observations
from fh_notebook.comparing.scorers.runner import Score, check_columns
from fh_notebook.comparing.sources import score_observations
from fh_notebook.contract.deployment import Deployment
from fh_notebook.core import arguments
from fh_notebook.core.json_values import is_missing
from fh_notebook.core.text.formatting import short, type_text, with_partial_repr
from fh_notebook.core.text.messages import PYTHON, Audience, Message, counted, option
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.monitoring import canary_display
from fh_notebook.monitoring.canary_display import CanaryFigures
from fh_notebook.monitoring.canary_options import CanaryOptions
from fh_notebook.monitoring.evidence import ChangeEvidence, Numbers
from fh_notebook.monitoring.kept_scores import open_to_read
from fh_notebook.session import session
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.clients import AsyncClient, Client

Clock = Callable[[], datetime]


@arguments.public
def canary(
    rows: Any,
    deployment: Deployment | str,
    *,
    variant: str,
    baseline: Batch | str | None = None,
    score: Any,
    client: Client | AsyncClient | None = None,
    name: str | None = None,
    alpha: float = 0.05,
    rows_per_day: int | None = None,
    seed: int = 0,
) -> Canary:
    """Call today's rows of a fixed sample, and report whether their scores have changed since the baseline.

    Run it once a day, from cron, papermill or a cell: the same call on the same day makes no further calls, and a
    process that was killed goes on where it was. Once a change is found no more calls are made; another `name` begins
    anew.

    With a probability of at most `alpha` a change is *ever* reported where there is none, over all days together,
    however long it runs and however often it is looked at. The baseline is taken as what it is, a finite sample of the
    same calls; it need not be known exactly (the argument is in :mod:`fh_notebook.monitoring.evidence`). The claim is
    about these rows: that they are not answered as before. Nothing is reported while no row has two different scores.

    A failed call has no score, and is left out. So the guarantee also needs failures that do not depend on what the
    score would have been: where only hard rows' right answers begin to time out, the scores that remain look worse, and
    that is reported. Failures are counted beside the scores for that reason.

    All of that is of one canary. Another alpha, seed, score, baseline or table is another one, with a chance of its own
    to err; so settle them before the first day. Above all, choose `alpha` before: 0.1 instead of 0.05 once the evidence
    stands at 12 makes a report of it that had been none, and an alpha that is chosen by the evidence bounds nothing. A
    day that is forgotten (:func:`forget`, ``retention_days``) is no evidence any more.

    On paper, by the evidence of real canaries that call 20 rows a day: where the share of right answers falls from 0.85
    to 0.70 right after the baseline, that is reported after a median of 140 rows with 200 rows in the sample. With 100
    rows it takes 200, and is not found at all in a fifth of the cases: a baseline of 100 scores hardly shows it. With
    three scores of each of them in the baseline, or 50 days without a change before the fall, it takes 100 and 120. A
    baseline that is known exactly would take about 50 (``python -m tests.benchmarks canary``; of 2,000 canaries of
    each kind without a change, fewer than 2 % gave a false alarm in 100 days).

    Parameters
    ----------
    rows : DataFrame, dict of columns, list of dicts or of texts, or path
        As in :func:`batch`, but no iterator. Some dozens to some hundreds of rows; those with equal inputs are one, and
        must agree in what the score compares with.
    deployment : Deployment or str
        What to run.
    variant : str
        The variant that is watched.
    baseline : Batch or str, optional
        A batch, or the name of a saved one, in which the same deployment and variant have answered all these rows, with
        repeats or without; they are better the more. Each answer counts once: one that is also of a day of this canary
        counts on that day. Without it, the first complete pass over the rows is the
        baseline, and only a change after it can be found.
    score : str or function
        As in :func:`compare`. Scores may be any numbers. A judge's calls are not among `rows_per_day`.
    client : Client or AsyncClient, optional
        Whom to ask; the session's own by default.
    name : str, optional
        Of the canary. Each day is saved as a batch that is called ``NAME 2026-11-29``. By default a hash of what is
        called.
    alpha : float
        The probability of a false alarm, over all days together; chosen before the first day.
    rows_per_day : int, optional
        Call at most so many rows a day (UTC), each once; by default all rows. A start makes no more requests than
        rows are left, so where the service refuses some (429, 503) the same call later makes the rest.
    seed : int
        Of the order of rows, and of the arrangements that the test draws.

    Returns
    -------
    Canary
        Also when a limit or an interrupt ended the day: the same call goes on.

    Raises
    ------
    InputError
        Rows or score do not fit; or the baseline or a saved day of this name is of other rows.
    SettingsError
        An option, the key or the address cannot be used, or nothing is saved (``store=None``).
    StoreError
        The file of saved answers cannot be used.
    AuthError
        The service refused the key at the very first call.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> hive = fh.local.LocalHive()
    >>> @hive.workflow("shout", variant="loud")
    ... def loud(text: str) -> str:
    ...     return text.upper()
    >>> rows = [{"text": f"row {i}", "expected_output": f"ROW {i}"} for i in range(20)]
    >>> _ = fh.batch(rows, "shout", name="before", client=hive.client(), progress=False)
    >>> watched = fh.canary(rows, "shout", variant="loud", baseline="before", score=fh.score.exact(),
    ...                     client=hive.client(), name="watch", rows_per_day=10)
    >>> watched.changed, watched.direction, watched.calls, watched.days
    (False, None, 10, 1)
    """
    arguments.check(canary, locals(), but=bounded_options(CanaryOptions) | {"score", "baseline"})
    options = CanaryOptions(
        variant=variant, score=score, baseline=baseline, name=name, alpha=alpha, rows_per_day=rows_per_day, seed=seed
    )
    return start_canary(rows, deployment, options, client=client)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def start_canary(
    rows: Any,
    deployment: Deployment | str,
    options: CanaryOptions,
    *,
    client: Client | AsyncClient | None = None,
    audience: Audience = PYTHON,
    progress: Any = True,
    clock: Clock = _utc_now,
) -> Canary:
    """Return the canary that is asked for, after today's calls."""
    store = session.store()
    if store is None:
        raise SettingsError(
            "nothing is saved (store=None), but a canary continues from saved answers; set fh.configure(store=...)"
        )
    caller = session.client_for(client)
    sample = CanarySample.of(rows, deployment, options, caller, audience=audience)
    baseline = sample.read_baseline(options.baseline, caller)
    name = options.name or f"{hashed_name(sample.deployment, [sample.label], sample.row_by_key)} canary"
    history = CanaryHistory(store, name, sample, workspace=caller.workspace)
    now = clock()  # once: a start at midnight belongs to one day
    state = CanaryState.of(history.days(), sample, baseline, options, today=now.date())
    if (todays := state.rows_to_call(options)) and (most := state.calls_left(options)):
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        batch_options = BatchOptions(
            variants=[options.variant],
            name=(batch_name := f"{name} {now.date()}"),
            # Of a misspelt deployment, without a run: else it were a day, or refused.
            replace=state.of_today is None and store.batches.find(batch_name, caller.workspace) is not None,
            client=caller,
            reuse="batch",
            max_calls=most,
            max_seconds=(midnight - now).total_seconds(),
            progress=progress,
        )
        # Not by its batch, which knows nothing of the canary.
        reader = audience if audience.medium == "command" else replace(audience, resume=GO_ON)
        started = start_batch(sample.take(todays), deployment, batch_options, reader)
        state = CanaryState.of(history.days(), sample, baseline, options, today=now.date())
        if started.stopped is not None and started.counts.pending:
            return Canary(name, options, state, stopped=started.stopped)
    return Canary(name, options, state)


GO_ON: Final = "run the same fh.canary(...) again"


def read_sample(rows: Any, score: Any, deployment: Deployment | None = None) -> Rows:
    """Return the rows of a canary, of which a score can come."""
    if isinstance(rows, Iterator):
        raise SettingsError(
            "a canary calls the same rows again, and an iterator can be read only once; give list(rows)"
        )
    read = read_rows(rows, deployment)
    if not len(read):
        raise InputError("there are no rows to call")
    if score is None and EXPECTED not in read.columns:
        raise InputError(
            "a canary needs a score: give score=fh.score.exact('COLUMN') with a column of expected outputs, or "
            f"score=None with a column named {EXPECTED}"
        )
    check_columns(score, read.columns)
    for column in _columns_of(score, read.columns) if getattr(score, "members", None) is None else ():
        if all(is_missing(record.get(column)) for record in read.records):
            raise InputError(
                f"no row has a value in {short(column)}, so there would be no score; fill that column in, "
                "or give another score"
            )
    return read


class CanarySample:
    """The distinct rows of a canary, and which call is of which row.

    Attributes
    ----------
    row_by_key : dict of str to int
        The number of the row of each key.
    copies : int
        Rows that are left out since another one has the same inputs.
    unknown : str
        Which deployments are known, where this one is not; it may be known to the service for all that.
    """

    unknown: str = ""

    def __init__(self, rows: Rows, batch_variant: BatchVariant, *, workspace: str, audience: Audience) -> None:
        self._batch_variant, self._workspace = batch_variant, workspace
        self._all = rows
        self._all = with_shown_labels(rows, self._fitted(1)[1])  # a label is named in errors
        jobs = self._checked_jobs(audience)
        self._positions = list({job.key: job.position for job in reversed(jobs)}.values())[::-1]
        self.row_by_key = {job.key: row for row, job in enumerate(jobs[position] for position in self._positions)}
        self._rows = [self.row_by_key[job.key] for job in jobs]
        """The number of the row at each position."""
        self.copies = len(jobs) - len(self._positions)

    @classmethod
    def of(
        cls, rows: Any, deployment: Deployment | str, options: CanaryOptions, client: Client, *, audience: Audience
    ) -> CanarySample:
        """Read the rows, and check them."""
        target = known_deployment(client, deployment)
        read = read_sample(rows, options.score, target)
        (batch_variant,) = read_variants(
            [options.variant], target, None, find=lambda other: known_deployment(client, other)
        )
        sample = cls(read, batch_variant, workspace=client.workspace, audience=audience)
        connection = client.aclient.connection
        if isinstance(deployment, str) and connection.find_deployment(deployment) is None:
            sample.unknown = hint_of(connection.known_deployments(), (deployment, options.variant))
        sample._check_copies(_columns_of(options.score, read.columns))
        return sample

    @property
    def deployment(self) -> str:
        """The deployment's name."""
        return self._batch_variant.deployment

    @property
    def label(self) -> str:
        """The variant, as a batch names it."""
        return self._batch_variant.label

    def __len__(self) -> int:
        return len(self._positions)

    def take(self, rows: Sequence[int]) -> Rows:
        """Return some of the rows, each with its label."""
        positions = [self._positions[row] for row in rows]
        index = self._all.index
        return replace(
            self._all,
            labels=tuple(self._all.labels[position] for position in positions),
            records=tuple(self._all.records[position] for position in positions),
            make_frame=lambda: self._all.frame.take(positions).reset_index(drop=True),
            index=None if index is None else index.take(positions),
        )

    def _fitted(self, repeats: int) -> tuple[Planner, frozenset[str]]:
        """Return what plans the jobs, and the columns that are hidden."""
        planner = Planner([self._batch_variant], repeats=repeats, metadata={}, workspace=self._workspace)
        return planner, planner.fit(self._all)

    def _planner(self, repeats: int) -> Planner:
        return self._fitted(repeats)[0]

    def _checked_jobs(self, audience: Audience) -> list[Any]:
        planner = self._planner(1)
        jobs = planner.checked(job for row in planner.jobs(self._all) for job in row)
        if (problem := refused(jobs, where=self.deployment, any_fits=False, audience=audience)) is not None:
            raise problem
        return jobs

    def _check_copies(self, columns: Sequence[str]) -> None:
        """Raise where rows with equal inputs have different values in what the score compares with."""
        labels, records = self._all.labels, self._all.records
        for position, row in enumerate(self._rows):
            first = self._positions[row]
            for column in columns:
                one, other = (records[p].get(column) for p in (first, position))
                if one != other and not (is_missing(one) and is_missing(other)):
                    raise InputError(
                        f"rows {labels[first]} and {labels[position]} have equal inputs, so they are one row, but "
                        f"{short(column)} is {short(one)} in one and {short(other)} in the other; leave one of "
                        "them out"
                    )

    def _row_by_key(self, repeats: int) -> dict[str, int]:
        """Return the number of the row of each call of a batch with so many repeats."""
        row_by_key: dict[str, int] = {}
        for jobs in self._planner(repeats).jobs(self._all):
            row_by_key |= {job.key: self.row_by_key[jobs[0].key] for job in jobs}
        return row_by_key

    def read_baseline(self, baseline: Batch | str | None, client: Client) -> list[tuple[int, Observation]]:
        """Return the runs of the baseline with the numbers of their rows; none without a baseline."""
        if baseline is None:
            return []
        if not isinstance(baseline, Batch | str):
            raise InputError(f"baseline is {type_text(baseline)}; give a Batch, or the name of a saved one")
        batch = _open_baseline(baseline, client) if isinstance(baseline, str) else baseline
        if batch.is_partitioned:
            raise InputError(
                f"the baseline {short(batch.name)} is a batch over partitions; give a batch of a table that is not"
            )
        row_by_key = self._row_by_key(batch.plan().repeats)
        runs = [
            (row_by_key[key], observation)
            for observation in read_observations(batch, pair_on="row")
            if observation.run is not None and (key := observation.row["key"]) in row_by_key
        ]
        missing = len(self) - len({row for row, _ in runs})
        if missing:
            what = "none" if missing == len(self) else f"{len(self) - missing:,}"
            raise InputError(
                f"the baseline {short(batch.name)} has called {what} of {counted(len(self), 'row')} with "
                f"{short(self.deployment)} {short(self.label)}; give a batch of the same deployment, variant and rows, "
                "or leave baseline out: then the first pass is the baseline"
            )
        return runs


def _columns_of(score: Any, columns: Collection[str]) -> list[str]:
    """Return the columns of the rows that a score is known to compare with, by their names in the table."""
    if members := getattr(score, "members", ()):
        return list(dict.fromkeys(name for member in members for name in _columns_of(member, columns)))
    named = (EXPECTED,) if score is None else (score,) if isinstance(score, str) else getattr(score, "columns", None)
    return [column for column in columns if source_name(column) in (named or ())]


def _open_baseline(name: str, client: Client) -> Batch:
    arguments.check_one("baseline", name, "str")
    problems: Sequence[Any] = ()
    try:
        return open_batch(name, client=client)
    except InputError as exc:
        problems = exc.problems
    raise InputError(problems, where="baseline")  # outside of the block: IPython would show the context too


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryDay:
    """The calls of one day."""

    date: date
    rows: tuple[int, ...]
    """The rows that were planned, by their numbers."""
    runs: tuple[tuple[int, Observation], ...]
    """The runs that have ended, with the numbers of their rows."""

    @property
    def pending(self) -> int:
        """Rows without an outcome."""
        return len(self.rows) - len(self.runs)

    @property
    def calls(self) -> int:
        """Requests of the runs that have ended, with those that were refused for the moment (429) and made again."""
        return sum(max(1, observation.run.attempts or 1) for _, observation in self.runs if observation.run is not None)

    def count(self, *statuses: str) -> int:
        """Return how many runs ended in one of these ways."""
        return sum(observation.run is not None and observation.run.status in statuses for _, observation in self.runs)


class CanaryHistory:
    """The saved days of a canary.

    Parameters
    ----------
    store : Store
        Where they are saved.
    name : str
        The canary's.
    sample : CanarySample
        Its rows.
    workspace : str
        Whose batches are its days.
    """

    def __init__(self, store: Store, name: str, sample: CanarySample, *, workspace: str) -> None:
        self._store, self._name, self._sample, self._workspace = store, name, sample, workspace

    def days(self) -> list[CanaryDay]:
        """Return all days, the oldest first."""
        dated = {
            day: record
            for record in self._store.batches.every()
            if record.workspace == self._workspace and (day := self._date_of(record.name)) is not None
        }
        days = [self._day(day, open_to_read(self._store, dated[day])) for day in sorted(dated)]
        return [day for day in days if day is not None]

    def _date_of(self, name: str) -> date | None:
        if not name.startswith(f"{self._name} "):
            return None
        suffix = name.removeprefix(f"{self._name} ")
        try:
            day = date.fromisoformat(suffix)
        except ValueError:
            return None
        return day if str(day) == suffix else None  # 20260301 and 2026-W09-7 are dates too, and other batches' names

    def _day(self, day: date, batch: Batch) -> CanaryDay | None:
        """Return a day; ``None`` where it is of other rows and has no run: a name that was misspelt binds nothing."""
        observations = read_observations(batch, pair_on="row")
        rows = [self._sample.row_by_key.get(observation.row["key"]) for observation in observations]
        known = [(row, o) for row, o in zip(rows, observations, strict=True) if row is not None]
        if len(known) < len(observations):
            if all(observation.run is None for observation in observations):
                return None
            if self._sample.unknown:
                raise InputError(
                    f"the deployment {short(self._sample.deployment)} is not known, and the canary "
                    f"{short(self._name)} was started with another one; {self._sample.unknown}"
                )
            raise InputError(
                Message(
                    (
                        "the canary {} was started with another deployment, variant or table: {} of its day {} "
                        "cannot be matched to these; give another {}"
                    ),
                    (short(self._name), counted(len(observations) - len(known), "row"), str(day), option("name")),
                )
            )
        return CanaryDay(
            date=day,
            rows=tuple(row for row, _ in known),
            runs=tuple((row, o) for row, o in known if o.run is not None),
        )


@dataclass(frozen=True, kw_only=True)
class CanaryState:
    """What a canary knows at one moment."""

    sample: CanarySample
    days: list[CanaryDay]
    """The oldest first."""
    taken: list[CanaryDay]
    """Those that the evidence is of."""
    scores: list[Numbers]
    """The scores of each of `days`: one a row, NaN where there is none."""
    evidence: ChangeEvidence
    today: date
    scorer: str
    lower: bool
    """Whether a lower score is the better one."""
    has_baseline: bool
    score_error: str
    """Why the first run without a score has none."""

    @classmethod
    def of(
        cls,
        days: list[CanaryDay],
        sample: CanarySample,
        baseline: list[tuple[int, Observation]],
        options: CanaryOptions,
        *,
        today: date,
    ) -> CanaryState:
        """Score what is saved, and weigh it."""
        baseline = _distinct_answers(baseline, days)
        runs = [*baseline, *(run for day in days for run in day.runs)]
        scored = _score_runs([observation for _, observation in runs], options.score)
        row_of_run = np.array([row for row, _ in runs], dtype=np.int64)
        evidence = ChangeEvidence(len(sample), alpha=options.alpha, seed=options.seed)
        if baseline and not (~np.isnan(scored.scores[: len(baseline)])).any():
            raise InputError(f"no run of the baseline has a score{f': {scored.error}' if scored.error else ''}")
        for row in range(len(sample)):
            evidence.take_baseline(row, scored.scores[: len(baseline)][row_of_run[: len(baseline)] == row])
        scores, taken, begin = [], [], len(baseline)
        for day in days:
            end = begin + len(day.runs)
            of_day = np.full(len(sample), np.nan)
            of_day[row_of_run[begin:end]] = scored.scores[begin:end]
            scores.append(of_day)
            begin = end
            if not evidence.changed and (day.date < today or not day.pending):
                evidence.take(of_day)
                taken.append(day)
        return cls(
            sample=sample, days=days, taken=taken, scores=scores, evidence=evidence, today=today, scorer=scored.name,
            lower=scored.lower, has_baseline=bool(baseline), score_error=scored.error,
        )  # fmt: skip

    @property
    def of_today(self) -> CanaryDay | None:
        """What is saved of today."""
        return self.days[-1] if self.days and self.days[-1].date == self.today else None

    def rows_to_call(self, options: CanaryOptions) -> list[int]:
        """Return the rows of today that are to be called: none where today is done, or a change is found."""
        if self.evidence.changed:
            return []
        if (day := self.of_today) is not None:
            return list(day.rows) if day.pending else []
        called = np.zeros(len(self.sample), dtype=np.int64)
        for earlier in self.days:
            called[[row for row, _ in earlier.runs]] += 1
        shuffled = np.random.default_rng(abs(options.seed)).permutation(len(self.sample))
        order = shuffled[np.argsort(called[shuffled], kind="stable")]
        return [int(row) for row in order[: options.rows_per_day or len(order)]]

    def calls_left(self, options: CanaryOptions) -> int:
        """Return how many requests a start may make today: no more than rows are left, whatever was refused before."""
        if self.of_today is not None:
            return self.of_today.pending
        return min(options.rows_per_day or len(self.sample), len(self.sample))

    @cached_property
    def figures(self) -> CanaryFigures:
        """What is said of it."""
        evidence, today = self.evidence, self.of_today
        since = evidence.since
        runs = [run for day in self.days for run in day.runs]
        scored = sum(int((~np.isnan(scores)).sum()) for scores in self.scores)
        failed = sum(day.count("failed") for day in self.days)
        before, after, rows = self._means(since)
        return CanaryFigures(
            changed=evidence.changed,
            direction=self.direction,
            since=self.taken[since].date if since is not None else None,
            before=before,
            after=after,
            rows_of_means=rows,
            evidence=evidence.evidence,
            alpha=evidence.alpha,
            scorer=self.scorer,
            rows=len(self.sample),
            copies=self.sample.copies,
            days=len(self.taken),
            calls=self.calls,
            scored=scored,
            failed=failed,
            missing=len(runs) - scored - failed,
            unknown=sum(observation.run is not None and observation.run.status not in KNOWN for _, observation in runs),
            score_error=self.score_error,
            is_lower=self.lower,
            is_share=self.is_share,
            tested=sum(day.rows for day in evidence.days),
            higher=sum(day.higher for day in evidence.days),
            lower=sum(day.lower for day in evidence.days),
            is_different=evidence.is_different,
            references=sum(bool(len(evidence.scores_of(row))) for row in range(len(self.sample))),
            has_baseline=self.has_baseline,
            today=self.today,
            called_today=0 if today is None else len(today.runs),
            planned_today=0 if today is None else len(today.rows),
        )

    @property
    def is_share(self) -> bool:
        """Whether a mean is a share of rows: all scores, also the earlier ones, are true or false."""
        known = np.concatenate([self.evidence.scores_of(row) for row in range(len(self.sample))] or [np.empty(0)])
        return len(known) > 0 and bool(np.isin(known, (0.0, 1.0)).all())

    @property
    def direction(self) -> str | None:
        """``better`` or ``worse`` once a change is found."""
        if not self.evidence.changed:
            return None
        return "better" if (self.evidence.sign > 0) != self.lower else "worse"

    @property
    def calls(self) -> int:
        """Requests of all days."""
        return sum(day.calls for day in self.days)

    def _means(self, since: int | None) -> tuple[float, float, int]:
        """Return the means before and since a day, over the rows that have a score of both; and how many they are."""
        if since is None:
            return np.nan, np.nan, 0
        taken = {day.date for day in self.taken[since:]}
        later: dict[int, list[float]] = {}
        for day, scores in zip(self.days, self.scores, strict=True):
            if day.date in taken:
                for row in np.flatnonzero(~np.isnan(scores)).tolist():
                    later.setdefault(row, []).append(float(scores[row]))
        pairs = []
        for row, values in later.items():
            if len(earlier := self.evidence.scores_of(row)[: -len(values)]):
                pairs.append((float(earlier.mean()), float(np.mean(values))))
        if not pairs:
            return np.nan, np.nan, 0
        before, after = np.array(pairs).mean(axis=0)
        return float(before), float(after), len(pairs)

    def summary(self) -> pd.DataFrame:
        """Return one line a day."""
        evidence_by_date = dict(zip((day.date for day in self.taken), self.evidence.days, strict=True))
        lines = []
        for day, scores in zip(self.days, self.scores, strict=True):
            known = scores[~np.isnan(scores)]
            of_day = evidence_by_date.get(day.date)
            lines.append(
                {
                    "date": pd.Timestamp(day.date),
                    "rows": len(day.rows),
                    "calls": day.calls,
                    "scored": len(known),
                    "failed": day.count("failed"),
                    "missing": len(day.rows) - len(known) - day.count("failed"),
                    "score": float(known.mean()) if len(known) else np.nan,
                    "difference": of_day.difference if of_day else np.nan,
                    "higher": of_day.higher if of_day else 0,
                    "lower": of_day.lower if of_day else 0,
                    "p": 2 * min(of_day.p, 1 - of_day.p) if of_day else np.nan,
                    "evidence": of_day.evidence if of_day else np.nan,
                }
            )
        return pd.DataFrame(lines, columns=list(SUMMARY_COLUMNS)).astype(SUMMARY_COLUMNS)


KNOWN: Final = ("completed", "failed")
"""The statuses of runs whose outcome is known."""

SUMMARY_COLUMNS: Final[Mapping[str, str]] = {
    "date": "datetime64[ns]",
    **dict.fromkeys(("rows", "calls", "scored", "failed", "missing"), "int64"),
    **dict.fromkeys(("score", "difference", "p", "evidence"), "float64"),
    **dict.fromkeys(("higher", "lower"), "int64"),
}
"""The columns of :meth:`Canary.summary` with their dtypes."""


def _distinct_answers(
    baseline: Sequence[tuple[int, Observation]], days: Sequence[CanaryDay]
) -> list[tuple[int, Observation]]:
    """Return the runs of the baseline, each stored answer once, without those that are answers of a day, too.

    A score that counted twice would not be exchangeable with the others of its row.
    """
    seen = {mark for day in days for _, observation in day.runs for mark in _marks_of(observation)}
    distinct = []
    for row, observation in baseline:
        marks = _marks_of(observation)
        if not seen & marks:
            distinct.append((row, observation))
        seen |= marks
    return distinct


def _marks_of(observation: Observation) -> set[tuple[str, Any]]:
    """Return what tells an answer from all others: its line, and the run's id, which an exported batch has, too."""
    marks: set[tuple[str, Any]] = set()
    if observation.line and observation.store is None:
        marks.add(("line", observation.line))
    if observation.run is not None and observation.run.run_id:
        marks.add(("run", observation.run.run_id))
    return marks


@dataclass(frozen=True, slots=True, kw_only=True)
class _RunScores:
    """Scored runs, in their order."""

    scores: Numbers
    name: str = ""
    lower: bool = False
    error: str = ""


def _score_runs(observations: list[Observation], score: Score) -> _RunScores:
    if not observations:
        return _RunScores(scores=np.zeros(0))
    # Numbered: the same row of two days is two runs.
    numbered = [replace(observation, pair=number) for number, observation in enumerate(observations)]
    runs = score_observations(numbered, score, check=False)  # of a day: its rows may lack a column
    return _RunScores(
        scores=runs.lines["score"].to_numpy(dtype="float64"),
        name=runs.scorer,
        lower=runs.is_lower,
        error=next((str(error) for error in runs.lines["score_error"] if error), ""),
    )


REFUSED: Final = Message(
    "all calls of the day were made, and the service refused some; {resume} later today to send the rest"
)


@arguments.public
@with_partial_repr
class Canary:
    """Result of a canary: whether fixed rows are still answered as before. Returned by :func:`fh_notebook.canary`.

    Attributes
    ----------
    name : str
        Under which its days are saved: ``fh.open_batch("NAME 2026-11-29")`` opens one.
    stopped : BatchStopped or None
        Why today's calls ended before the last row, and what to do, as ``batch.stopped``; ``None`` where they did not.
    """

    def __init__(
        self, name: str, options: CanaryOptions, state: CanaryState, *, stopped: BatchStopped | None = None
    ) -> None:
        self.name = name
        self.stopped = stopped
        self._options, self._state = options, state

    @property
    def changed(self) -> bool:
        """Whether a change is found; the chance of a false alarm is at most `alpha`."""
        return self._state.evidence.changed

    @property
    def direction(self) -> str | None:
        """``better`` or ``worse`` by the score once a change is found; ``None`` before."""
        return self._state.direction

    @property
    def evidence(self) -> float:
        """The evidence; a change is found when it reaches ``1 / alpha``."""
        return self._state.evidence.evidence

    @property
    def since(self) -> date | None:
        """The most probable day of the change, once a change is found: an estimate."""
        return self._state.figures.since if self.changed else None

    @property
    def calls(self) -> int:
        """Requests of all days together."""
        return self._state.calls

    @property
    def days(self) -> int:
        """Days that the evidence covers."""
        return len(self._state.taken)

    @property
    def is_done_today(self) -> bool:
        """Whether the same `fh.canary(...)` makes no further call today."""
        return not (self._state.rows_to_call(self._options) and self._state.calls_left(self._options))

    @property
    def verdict(self) -> str:
        """The result, in one sentence."""
        return canary_display.verdict(self._state.figures)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the result: how certain it is, and what is missing."""
        why = ""
        if self.stopped is not None:
            # The ceiling of calls is the canary's own: only requests that were made in vain reach it.
            is_refused = self.stopped.reason == "max_calls"
            why = REFUSED.text(self.stopped.audience) if is_refused else self.stopped.message
        return canary_display.notes(self._state.figures, stopped=why)

    def summary(self) -> pd.DataFrame:
        """Return one row per day, the oldest first.

        Columns: ``date`` (UTC); ``rows`` of that day; ``calls``: requests; how many are ``scored``, ``failed`` and
        ``missing`` (without an outcome or a score); their mean ``score``; ``difference``: by how much the scores are
        above the earlier ones of the same rows; ``p`` of that day alone, two-sided; ``evidence`` of all days up to it;
        how many rows score ``higher`` and ``lower`` than the time before. ``difference``, ``p`` and ``evidence`` are
        missing of a day without earlier scores, and of one that is not over.
        """
        return self._state.summary()

    def __repr__(self) -> str:
        return canary_display.canary_text(self.name, self._state.figures, self.notes, self.summary())

    def _repr_html_(self) -> str:
        return canary_display.canary_html(self.name, self._state.figures, self.notes, self.summary())
