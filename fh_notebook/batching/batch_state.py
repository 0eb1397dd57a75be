"""`BatchState`: plan, outcomes and remaining work of one batch, looked up and counted before a start.

No job is called here. The plan of a table is known before the first call; of an iterator, only what was read. Answers
under another key of the same host are only counted (`other_key`): two keys of one host may be two workspaces.
Calls with an unknown outcome are looked up at the service by their request ids, and not repeated.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

from fh_notebook.batching.execution.engine_run import EngineRun, StartOptions, budget_of
from fh_notebook.batching.execution.unknown_names import NameEvidence
from fh_notebook.batching.model import (
    AWAITS_DECISION,
    DONE,
    FAILED,
    LOOK_UPS_CAPPED,
    UNKNOWN,
    Event,
    FailedSelection,
    Job,
    JobCounts,
    OutcomeTable,
    open_reason,
)
from fh_notebook.batching.planning import garbage_collection
from fh_notebook.batching.planning.plan import Budget, OtherKey, Plan
from fh_notebook.batching.planning.reuse import left_behind
from fh_notebook.batching.planning.stored_batch import StoredBatch
from fh_notebook.batching.planning.work_queue import (
    LookedUpWindow,
    WindowPrefetch,
    Windows,
    WorkQueue,
    chained_windows,
    ready_windows,
)
from fh_notebook.batching.progress.unknown_outcomes import STILL_RUNS, UnknownOutcomes, waits_text
from fh_notebook.batching.status import Caller
from fh_notebook.client.polling import (
    FEW,
    ONE_ADDRESS,
    REFUSED_LOOKS,
    expected_look_ups,
    is_over_daily_cap,
    is_plenty,
    no_record_text,
)
from fh_notebook.client.uploads import files_in
from fh_notebook.contract.callbacks import (
    RUN_NOT_FOUND,
    RunIds,
    WaitingSteps,
    step_of,
    waits_for_tool,
    with_final_status,
)
from fh_notebook.contract.job_key import job_key_of_parts
from fh_notebook.contract.retry import NOT_FOUND_STATUSES
from fh_notebook.contract.run import Run
from fh_notebook.core import hooks
from fh_notebook.core.config.urls import LOCAL
from fh_notebook.core.json_values import canonical_json
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.messages import Audience, agreeing, counted
from fh_notebook.errors import AuthError
from fh_notebook.store.pending_runs import first_run
from fh_notebook.store.store import Store

if TYPE_CHECKING:
    from fh_notebook.client.clients import Client

MOST: Final = 5
"""Workspaces that are looked into, the newest first: each costs a hash and a look-up for every job."""


def other_key(
    store: Store, jobs: Sequence[Job], planned: Iterable[Job], workspace: str, *, since: datetime | None = None
) -> OtherKey | None:
    """Return which other workspace of the same host answers most rows of what is to be called; ``None`` without one.

    Local hives are left out: they have no keys, and another name is another hive.
    """
    origin = workspace.partition("#")[0]
    if origin == LOCAL:
        return None
    deployments = dict.fromkeys(job.deployment for job in jobs)
    candidates = store.workspaces.of_host(origin, deployments, without=workspace, limit=MOST)
    needed: dict[int, set[str]] = {}
    """Row -> the keys of its calls."""
    to_call = {job.key for job in jobs} if candidates else set()
    for job in planned if candidates else ():
        if job.key in to_call:
            needed.setdefault(job.position, set()).add(job.key)
    best: OtherKey | None = None
    for candidate in candidates:
        targets = {(job.deployment, job.variant) for job in jobs}
        key_parts = {target: canonical_json([candidate, *target])[:-1] for target in targets}
        there = {
            job_key_of_parts(key_parts[job.deployment, job.variant], job.inputs_json, job.repeat): job.key
            for job in jobs
        }
        answered = {there[key] for key in store.answers.completed_of(there, since=since)}
        rows = sum(keys <= answered for keys in needed.values())
        if rows and (best is None or rows > best.rows):
            best = OtherKey(workspace=candidate, rows=rows, command=join_command(candidate, workspace))
    return best


def join_command(from_workspace: str, into_workspace: str) -> str:
    """Return the call that joins two workspaces, as a person types it.

    Examples
    --------
    >>> print(join_command("api.example.com#1a2b", "api.example.com#3c4d"))
    fh.store.join("api.example.com#1a2b", "api.example.com#3c4d")
    """
    first, second = (json.dumps(name, ensure_ascii=False) for name in (from_workspace, into_workspace))
    return f"fh.store.join({first}, {second})"


LONGEST_S: Final = 100 * 365 * 86_400.0
"""A longer time than a date can tell is as good as none."""

SETTLE_S: Final = 2.0
"""How long to wait for an interrupted start after the grace time of the loop; a second interrupt ends that, too."""


class BatchState:
    """The calls that a batch object stands for whose rows are here and whose answers are in a store.

    Parameters
    ----------
    plan : Plan
        What is known of it before the first look-up.
    work_queue : WorkQueue
        Its jobs.
    outcomes : OutcomeTable
        What is known of them.
    caller : Caller
        Who calls.
    options : StartOptions
        How it is started.
    """

    settle_s = SETTLE_S

    def __init__(
        self,
        plan: Plan,
        work_queue: WorkQueue,
        outcomes: OutcomeTable,
        *,
        caller: Caller,
        options: StartOptions,
    ) -> None:
        self.plan = plan
        self.work_queue = work_queue
        self.stored = work_queue.stored
        self.outcomes = outcomes
        self.caller = caller
        self._store = work_queue.stored.store
        self._options = options
        self._fresh = WindowPrefetch(work_queue.fresh())
        self._first: list[Job] | None = None
        """Of a table: what the first start calls."""
        self._answered_at: datetime | None = None

    @property
    def counts(self) -> JobCounts:
        """How far it is; a value of this moment."""
        return self.outcomes.counts()

    @property
    def settled(self) -> int:
        """How many of the calls that starts were to make need not be made any more."""
        return self.outcomes.settled

    def calls_open(self, settled_before: int) -> int:
        """Return how many calls of the plan are not made; a plan counts jobs that are the same as one call."""
        return max(0, self.plan.calls - (self.outcomes.settled - settled_before))

    def prepare(self, *, keep: bool, most_at_once: int) -> None:
        """Look up and check what can be before the first start: the whole of a table, nothing of an iterator.

        With `keep`, what is planned is saved under the batch's name; else with the first start.
        """
        self._store.keep_owed()
        self.work_queue.begin()
        self.work_queue.call_lost = self._options.retry_unknown or self._options.reuse is None
        if keep:
            self.work_queue.begin_keeping()
        if self.plan.rows is not None:
            with garbage_collection.paused():
                self._first = self._take_all(self.work_queue.fresh())
            self._replan(_inputs_by_key(self._first), most_at_once)
            self._look_elsewhere(self._first)
            self._look_for_waiting(self._first)
            self._look_under_other_keys(self._first)
            self._look_for_forgotten(self._first)
        else:
            self._replan({}, most_at_once)

    def adopt(self, jobs: int, *, most_at_once: int) -> None:
        """Take so many jobs in that are saved already, with the answers that stand for them."""
        self.outcomes.extend(jobs)
        to_call: dict[str, str] = {}
        with garbage_collection.paused():
            planned = []
            for columns in self.work_queue.source.columns(jobs):
                planned.append((columns.keys, columns.numbers))
                window = self.work_queue.look_again(columns)
                self._count(window)
                to_call |= dict.fromkeys((key for key in columns.keys if key and key not in window.known), "")
        self._replan(to_call, most_at_once, planned=planned)

    def _take_all(self, windows: Iterable[LookedUpWindow]) -> list[Job]:
        """Return the jobs to call; first those whose runs are waited for again: each is paid for, and costs no call."""
        jobs = [job for window in windows for job in self._take(window)]
        left = left_behind(self.stored)
        return sorted(jobs, key=lambda job: job.key not in left) if left else jobs

    def _take(self, window: LookedUpWindow) -> list[Job]:
        self._count(window)
        return window.to_call()

    def _count(self, window: LookedUpWindow) -> None:
        times = [answer.kept_at for answer in window.known.values() if answer.kind in (DONE, FAILED)]
        newest = max(times, default=0.0)
        if newest and (self._answered_at is None or newest > self._answered_at.timestamp()):
            self._answered_at = datetime.fromtimestamp(newest, UTC)
        self.work_queue.count(window)

    # --- what each start calls

    def first_windows(self) -> Windows:
        """Return what the first start calls."""
        return self._fresh if self._first is None else ready_windows([self._first])

    def open_windows(self, *, retry_unknown: bool, most_at_once: int) -> Windows:
        """Return what is to be called now, after looking for what others have answered or removed meanwhile."""
        self.work_queue.reopen_forgotten()
        self.work_queue.reopen_left()
        self.work_queue.begin_keeping()
        self._store.keep_owed()
        self.work_queue.begin()
        self.work_queue.call_lost = retry_unknown
        if self.plan.rows is None:
            return chained_windows(WindowPrefetch(self.work_queue.again()), self._fresh)
        return self._plan_again(self._take_all(self.work_queue.again()), most_at_once)

    def failed_windows(self, which: FailedSelection, *, most_at_once: int) -> Windows:
        """Return the failed jobs that are to be called again."""
        self.work_queue.reopen_forgotten()
        self.work_queue.begin_keeping()
        self._store.keep_owed()
        self.work_queue.begin()
        jobs = [job for window in self.work_queue.failed(which) for job in window]
        if not jobs and not which.is_all:
            hooks.frontend().notice(f"{self.plan.name}: {_no_match_text(which, self.work_queue.failed_codes())}.")
        return self._plan_again(jobs, most_at_once)

    def unknown_windows(self) -> Iterator[list[tuple[Job, Run]]]:
        """Return the jobs that may have run, or whose runs were left at the service, with what is known of them."""
        origin = self.caller.client.aclient.origin if self.caller.client is not None else ""
        left = left_behind(self.stored) if self.stored.id else {}
        return self.work_queue.unknown({key: first_run(row, origin) for key, row in left.items()})

    def unfinished_runs(self, *, known_to_wait: bool = False) -> list[RunIds]:
        """Return the ids of each stored run that may wait for a decision about a tool; first those known to wait.

        Those that the service took and that have no outcome here, and direct calls that were answered so.
        """
        rows = self._store.pending.of_batches(self.stored.ids) if self.stored.id else []
        waiting = [RunIds.of(row) for row in rows if row.status == AWAITS_DECISION]
        others = [] if known_to_wait else [RunIds.of(row) for row in rows]
        held = [run for _, run in self._held_calls()]
        direct = [RunIds.of(run) for run in held if waits_for_tool(run)]
        steps = {RunIds.of(run).first for run in held if not waits_for_tool(run)}
        return [ids for ids in dict.fromkeys([*waiting, *direct, *others]) if ids.first and ids.first not in steps]

    def waiting_steps(self) -> WaitingSteps:
        """Return the human-in-the-loop steps that stored runs wait for."""
        steps = [
            (RunIds.of(run).first, shown)
            for job, run in self._held_calls()
            if (step := step_of(run)) and (shown := job.shown(replace(run, error=step)).error)
        ]
        origin = self.caller.client.aclient.origin if self.caller.client is not None else ""
        return WaitingSteps.of((step for _, step in steps), origin=origin, ids=(run for run, _ in steps))

    def _held_calls(self) -> Iterator[tuple[Job, Run]]:
        """Yield the jobs of direct calls whose runs waited for a decision when they were answered, with the answers."""
        for window in self.work_queue.unknown() if self.counts.unknown else ():
            yield from ((job, run) for job, run in window if run.status == AWAITS_DECISION)

    async def resolve(self, windows: Iterator[list[tuple[Job, Run]]]) -> str:
        """Ask the service about calls that may have run; return what came of it, in a sentence."""
        audience = self._options.audience
        return (await resolve_calls(windows, self.work_queue, self.stored, self._client, audience)).text(audience)

    def new_run(
        self, settings: StartOptions, *, on_event: Callable[[Event], None], on_change: Callable[[], object]
    ) -> EngineRun:
        """Return the next start."""
        return EngineRun(
            name=self.plan.name,
            client=self._client,
            work_queue=self.work_queue,
            outcomes=self.outcomes,
            options=settings,
            call_lost=self.work_queue.call_lost,
            names=NameEvidence(variants=len(self.plan.variants)),
            look_ups_per_call=self.plan.look_ups_per_call,
            deployment=self.plan.deployment,
            held_before=self._held_calls,
            on_event=on_event,
            on_change=on_change,
        )

    @property
    def _client(self) -> Client:
        assert self.caller.client is not None, "a batch that makes no calls is refused earlier"  # noqa: S101 - a defect of ours
        return self.caller.client

    def _plan_again(self, jobs: list[Job], most_at_once: int) -> Windows:
        # That was said of the first start.
        self.plan = replace(self.plan, other_key=None, elsewhere=0, elsewhere_in=(), waiting_elsewhere=0, forgotten=0)
        jobs = self.work_queue.one_a_key(jobs)  # of all windows together
        self._replan(_inputs_by_key(jobs), most_at_once)
        return ready_windows([jobs])

    # --- the plan

    def _look_elsewhere(self, jobs: list[Job]) -> None:
        """Note in the plan what could be taken from other batches: it is about to be paid for again."""
        if self._options.offers_reuse and self._options.reuse == "batch":
            answered = self._store.answers.completed_in(job.key for job in jobs)
            self.plan = replace(
                self.plan,
                elsewhere=len({key for key, _ in answered}),
                elsewhere_in=tuple(sorted({name for _, name in answered})),
            )

    def _look_for_waiting(self, jobs: list[Job]) -> None:
        """Note in the plan what is called although its run waits for a decision elsewhere: it may act twice."""
        if self._options.reuse == "batch":
            without = (*self.stored.ids, *self.stored.later_ids)
            waiting = self._store.answers.waiting_of((job.key for job in jobs), without=without)
            names = tuple(sorted({name for _, name in waiting}))
            self.plan = replace(self.plan, waiting_elsewhere=len({key for key, _ in waiting}), waiting_in=names)

    def _look_under_other_keys(self, jobs: list[Job]) -> None:
        """Note in the plan what another workspace of this host has answered: the key may be a new one of the same."""
        if jobs and self._options.reuse is not None:
            planned = (job for window in self.work_queue.source.planned(len(self.outcomes)) for job in window)
            since = datetime.now(UTC) - self._options.reuse if isinstance(self._options.reuse, timedelta) else None
            match = other_key(self._store, jobs, list(planned), self.caller.workspace, since=since)
            keys = {job.key for job in jobs}
            if match is not None and (answered := self._store.answers.completed_of(keys, since=since)):
                # They were joined already, under another name: a join would copy nothing.
                self.plan = replace(self.plan, elsewhere=len(answered))
                return
            self.plan = replace(self.plan, other_key=match)

    def _look_for_forgotten(self, jobs: list[Job]) -> None:
        """Note in the plan what is called again only since its answer was removed."""
        if self._options.reuse is not None:
            again = self._store.forgotten.count(self.plan.name, {job.key for job in jobs})
            self.plan = replace(self.plan, forgotten=again)

    def _replan(
        self,
        to_call: Mapping[str, str],
        most_at_once: int,
        *,
        planned: Iterable[tuple[Sequence[str], Sequence[int]]] | None = None,
    ) -> None:
        """Plan the calls of the keys of `to_call`, each with its inputs as JSON where they are known.

        `planned` has keys and numbers of the jobs; they are read from the store unless they are given.
        """
        files = frozenset[str]().union(*map(files_in, to_call.values()))
        client = self.caller.client
        if self.plan.rows is None:
            planned = ()
        elif planned is None:
            columns = self.work_queue.source.columns(len(self.outcomes))
            planned = ((window.keys, window.numbers) for window in columns)
        kinds, keys = Counter[int](), Counter[str]()
        for job_keys, numbers in planned:
            keys.update(job_keys)
            of_jobs = zip(job_keys, map(self.outcomes.kind, numbers), strict=True)
            kinds.update(kind for key, kind in of_jobs if key and key not in to_call)
        invalid = keys.pop("", 0)
        rejoined = [row for key, row in left_behind(self.stored).items() if key in to_call]
        limits = self._options.limits
        now = datetime.now(UTC)
        budget = budget_of(self.caller.workspace, self._store, now)
        durations = self._store.answers.durations_of(self.caller.workspace, self.plan.deployment)
        look_ups = self._look_ups(len(to_call), durations)
        self.plan = replace(
            self.plan,
            jobs=len(self.outcomes),
            answered=kinds[DONE] + kinds[FAILED],
            answered_at=self._answered_at,
            unknown=(unknown := kinds[UNKNOWN] - (waiting := min(kinds[UNKNOWN], self.counts.waiting))),
            not_ended=min(unknown, self.counts.not_ended),
            waiting=waiting,
            doubled=keys.total() - len(keys),
            invalid=invalid,
            calls=len(to_call),
            rejoined=len(rejoined),
            rejoined_waiting=sum(row.status == AWAITS_DECISION for row in rejoined),
            seconds=self._forecast(len(to_call), most_at_once, durations),
            uploads=client.aclient.files.missing(files) if client is not None and files else 0,
            look_ups_per_call=1 if (saves := self._saves_look_ups(len(to_call), durations, budget)) else look_ups,
            saves_look_ups=saves,
            max_calls=limits.max_calls,
            max_seconds=limits.max_seconds,
            ends_at=None if limits.max_seconds is None else now + timedelta(seconds=min(limits.max_seconds, LONGEST_S)),
            budget=budget,
        )

    def _saves_look_ups(self, calls: int, durations: Sequence[tuple[float, int]], budget: Budget) -> bool:
        """Whether a `LookUpBudget` has to save look-ups, since the daily cap does not pay for all that are usual."""
        client, left = self.caller.client, budget.left_today
        counts = client is None or client.aclient.connection.counts("lookup")
        if self._options.delivery != "poll" or left is None or not counts:
            return False
        return not is_plenty(left, calls, median(seconds for seconds, _ in durations) if durations else None)

    def _look_ups(self, calls: int, durations: Sequence[tuple[float, int]]) -> int:
        """Return how many look-ups an answer costs of the daily cap, by how long the last ones took."""
        delivery, requests = self._options.delivery, median(calls for _, calls in durations) if durations else 1
        if delivery == "direct":
            return 0
        client = self.caller.client
        if client is not None and not client.aclient.connection.counts("lookup"):
            return 0
        has_callback = delivery == "callback"
        took_s = median(seconds for seconds, _ in durations) if durations else None
        pausing = client.aclient.connection.pausing if client is not None else set[str]()
        if has_callback and self.plan.deployment in pausing and calls <= FEW:
            # Looked up as without a receiver, until the callback comes; of more than a few, most are not.
            return expected_look_ups(took_s, has_callback=False) - 1
        return expected_look_ups(took_s, has_callback=has_callback, is_looked_up=requests > 1 and not has_callback)

    def _forecast(self, calls: int, most_at_once: int, durations: Sequence[tuple[float, int]]) -> float | None:
        """How long so many calls take, by how long the last ones of this deployment took."""
        took = [seconds for seconds, _ in durations]
        if not took or not calls:
            return None
        most = self._options.limits.max_calls
        calls = calls if most is None else min(calls, most)
        seconds = median(took) * -(-calls // most_at_once)
        rate = self._options.rate
        return max(seconds, rate.least_s(calls)) if rate is not None else seconds


def _inputs_by_key(jobs: Iterable[Job]) -> dict[str, str]:
    return {job.key: job.inputs_text for job in jobs}


CODES_TOLD: Final = 10


def _no_match_text(which: FailedSelection, codes: Counter[str]) -> str:
    """Say that no failed job is meant, and how many have failed with which code.

    Examples
    --------
    >>> _no_match_text(FailedSelection(error_code="timeuot"), Counter({"timeout": 2, "": 1}))
    "no failed job has the error code 'timeuot'; codes of the failed jobs: 'timeout' (2), none (1)"
    >>> _no_match_text(FailedSelection(error_code="timeout"), Counter())
    'no job has failed'
    """
    if not codes:
        return "no job has failed"
    told = [f"{short(code) if code else 'none'} ({number:,})" for code, number in codes.most_common(CODES_TOLD)]
    if len(codes) > CODES_TOLD:
        told.append(f"{len(codes) - CODES_TOLD:,} more")
    wanted = f"the error code {short(which.error_code)}" if which.error_code is not None else "this error and no code"
    return f"no failed job has {wanted}; codes of the failed jobs: {', '.join(told)}"


@dataclass
class Resolution:
    """What came of looking up calls that may have run.

    Examples
    --------
    >>> from fh_notebook.core.text.messages import PYTHON
    >>> print(Resolution(known=2, still=["not_ended"]).text(PYTHON))
    2 calls are known now; 1 may still run: batch.resolve_unknown() asks the service
    >>> print(Resolution().text(PYTHON))
    No call has an unknown outcome.
    """

    known: int = 0
    still: list[str] = field(default_factory=list)
    """Of each of the others why its outcome is still to come (`open_reason`); empty of one that is lost."""

    def text(self, audience: Audience) -> str:
        """Return it in a sentence."""
        parts = [f"{counted(self.known, 'call')} {agreeing(self.known, 'are')} known now"] if self.known else []
        kinds = UnknownOutcomes.by_reason(Counter(self.still))
        parts += [f"{number:,} {what}: {cure}" for number, what, cure in kinds.parts(audience)]
        return "; ".join(parts) or "No call has an unknown outcome."


async def resolve_calls(
    windows: Iterable[list[tuple[Job, Run]]],
    work_queue: WorkQueue,
    stored: StoredBatch,
    client: Client,
    audience: Audience,
) -> Resolution:
    """Look up every run that has a request id, one after the other, and store what is known now.

    One whose outcome was saved meanwhile, after ``client.retrieve(...)`` for example, is not looked up.
    A run whose look-up the service does not allow (403) stays unknown, as after the look-ups of the poller: only
    :data:`~fh_notebook.client.polling.REFUSED_LOOKS` such answers in a row are of the key. Once the daily cap, the
    service's own or the configured one, ends a look-up, none follows.
    """
    result, refused = Resolution(), 0
    for window in windows:
        saved = work_queue.take_saved([job for job, _ in window])
        result.known += len(saved)
        for job, run in window:
            if job.key in saved:
                continue
            goes_on, answer, known = open_reason(run), None, run
            if LOOK_UPS_CAPPED in result.still and goes_on:
                result.still.append(LOOK_UPS_CAPPED)
                continue
            if RunIds.of(run).first:
                try:
                    answer = with_final_status(await client.aclient.look_up(run.request_id, run.run_id))
                    refused = 0
                except AuthError as exc:
                    refused += 1
                    if exc.status_code != 403 or refused == REFUSED_LOOKS:
                        raise
            if answer is not None and (answer.status_code or 0) // 100 == 2:
                if answer.done and not (answer.status == "failed" and answer.output is None and not answer.error):
                    outcome = _outcome_of(job, run, answer)
                    line, _ = await stored.store.claims.answer(
                        outcome, key=job.key, batch=stored.id, workspace=client.workspace
                    )
                    work_queue.finished(job, outcome, line=line, reused=False)
                    result.known += 1
                    continue
                if open_reason(answer):
                    known = _still_open(run, answer, audience)
            elif answer is not None and (is_over_daily_cap(answer) or answer.error_code == ONE_ADDRESS):
                result.still.append(LOOK_UPS_CAPPED)
                continue
            elif answer is not None and answer.status_code in NOT_FOUND_STATUSES and goes_on != AWAITS_DECISION:
                known = replace(run, status="unknown", error=no_record_text(answer), error_code=RUN_NOT_FOUND)
            result.still.append(open_reason(known))
            if (known.status, known.error) != (run.status, run.error):
                await work_queue.revise(job, known)
    return result


def _still_open(run: Run, answer: Run, audience: Audience) -> Run:
    """Return a run whose look-up says that it has not ended."""
    waits = answer.status == AWAITS_DECISION
    error = waits_text(replace(answer, origin=run.origin), audience) if waits else STILL_RUNS.text(audience)
    return replace(
        run,
        status=answer.status,
        error=error,
        error_code=None,
        client_action=None,
        raw=answer.raw,
        request_id=run.request_id or answer.request_id,
        run_id=run.run_id or answer.run_id,
    )


def _outcome_of(job: Job, run: Run, answer: Run) -> Run:
    """Return what a look-up has brought, with the data of the call."""
    return replace(
        answer,
        deployment=job.deployment,
        variant=job.variant,
        inputs=job.shown_inputs,
        metadata=run.metadata,
        elapsed_s=run.elapsed_s,
        attempts=run.attempts,
        started_at=answer.started_at or run.started_at,
    )
