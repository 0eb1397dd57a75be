"""The engine, in virtual time, against a service that is a function: it is given `attempt` and knows no client."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.batching.execution.engine import Engine
from fh_notebook.batching.execution.ledger import ClaimResult
from fh_notebook.batching.execution.scheduler import CATCH_UP_S, OPENING_S
from fh_notebook.batching.execution.stop_rules import StopLimits
from fh_notebook.batching.execution.worker import HELD_WAIT_S
from fh_notebook.batching.model import BatchStopped, Event, Finished, Job, Retried, Started, Throttled
from fh_notebook.batching.planning.work_queue import ready_windows
from fh_notebook.contract.invoke_request import FILE_SCHEME, InvokeRequest
from fh_notebook.contract.response import Response
from fh_notebook.contract.run import Run
from fh_notebook.contract.wire import AttemptResult, decode_answer
from fh_notebook.core.event_loop import finish_despite_cancel
from fh_notebook.core.rate import Rate
from fh_notebook.errors import CallError, StoreError
from fh_notebook.session.limiter import ConcurrencyLimiter
from tests.told import tells
from tests.virtual_time import VirtualLoop, run_virtually

DONE = Response(status_code=200, body=b'{"run_status": "completed", "output": "hi"}', elapsed_s=1.0)
BUSY = Response(status_code=429, body=b'{"error": "You\'ve reached your concurrency limit."}')
CAPPED = Response(status_code=429, body=b'{"error_code": "api_rate_limit_exceeded", "limit": 50, "current": 50}')
BAD_KEY = Response(status_code=401, body=b'{"error": "Invalid access."}')
NO_CREDITS = Response(status_code=402, body=b'{"error_code": "insufficient_hosted_llm_credits"}')
INVALID = Response(status_code=422, body=b'{"error_code": "validation_error", "error": "bad"}')
AWAY = Response(status_code=503, body=b'{"error_code": "unavailable"}')
MAY_HAVE_RUN = Response(status_code=500, body=b'{"error_code": "internal_server_error"}')
NOT_REACHED = Response(broke="connect", sent=False)
TIMED_OUT = Response(broke="read_timeout", sent=True)

Answers = Callable[[InvokeRequest, int], Response]


def _job(number: int) -> Job:
    return Job(
        position=number,
        row=number,
        deployment="d",
        variant="v",
        repeat=1,
        inputs={"n": number},
        metadata={},
        key=f"k{number}",
    )


@dataclass
class Service:
    """Answers by a function of the request and of which call of this job it is; admits `cap` at once."""

    answers: Answers = lambda request, nth: DONE
    cap: int | None = None
    seconds: float = 1.0
    calls: list[int] = field(default_factory=list)
    ran: Counter[int] = field(default_factory=Counter)
    out: int = 0
    peak: int = 0

    async def attempt(self, request: InvokeRequest) -> AttemptResult:
        number = request.inputs["n"]
        self.calls.append(number)
        if self.cap is not None and self.out >= self.cap:
            return self._exchange(BUSY, request)
        self.out += 1
        self.peak = max(self.peak, self.out)
        try:
            self.ran[number] += 1
            await asyncio.sleep(self.seconds)
            return self._exchange(self.answers(request, self.calls.count(number)), request)
        finally:
            self.out -= 1

    def _exchange(self, answer: Response, request: InvokeRequest) -> AttemptResult:
        return AttemptResult(response=answer, run=decode_answer(answer, request))


@dataclass
class Memory:
    """A ledger in memory, which takes time and notes everything."""

    kept: dict[str, Run] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    requests: int = 0
    """Those that count against a daily cap: each claim is one, until it is told that it was none."""
    turns: Callable[[Job], ClaimResult] = lambda job: ClaimResult(go=True)
    fails: Exception | None = None

    async def claim(self, job: Job) -> ClaimResult:
        return await finish_despite_cancel(self._claim(job))

    async def _claim(self, job: Job) -> ClaimResult:
        await asyncio.sleep(0.001)
        return self._turn(job)

    def _turn(self, job: Job) -> ClaimResult:
        turn = self.turns(job)
        if turn.go:
            assert job.key not in self.claimed
            self.claimed.add(job.key)
            self.requests += 1
        return turn

    async def look(self, job: Job, *, room: int) -> ClaimResult:
        return self.turns(job)

    async def release(self, job: Job, *, sent: bool) -> None:
        await finish_despite_cancel(self._release(job, sent))

    async def _release(self, job: Job, sent: bool) -> None:
        await asyncio.sleep(0.001)
        if job.key in self.claimed:
            self.claimed.remove(job.key)
            self.requests -= not sent

    async def keep(
        self, job: Job, run: Run, then: Job | None = None, *, unsent: bool = False
    ) -> tuple[int, ClaimResult | None]:
        return await finish_despite_cancel(self._keep(job, run, then, unsent))

    async def _keep(self, job: Job, run: Run, then: Job | None, unsent: bool) -> tuple[int, ClaimResult | None]:
        await asyncio.sleep(0.001)
        if self.fails:
            raise self.fails
        assert job.key in self.claimed
        assert job.key not in self.kept
        self.claimed.discard(job.key)
        self.kept[job.key] = run
        self.requests -= unsent
        return len(self.kept), self._turn(then) if then is not None else None


@dataclass
class Ran:
    """What one start did."""

    events: list[Event]
    memory: Memory
    service: Service
    engine: Engine
    seconds: float
    limiter: ConcurrencyLimiter

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def outcomes(self) -> dict[int, str]:
        return {event.job.row: event.run.status for event in self.of(Finished)}


def _run(
    jobs: int = 10,
    service: Service | None = None,
    *,
    limit: int | None = 3,
    memory: Memory | None = None,
    during: Callable[[asyncio.Task[Any]], Awaitable[None]] | None = None,
    source: Iterator[Job] | None = None,
    limiter: ConcurrencyLimiter | None = None,
    **options: Any,
) -> Ran:
    service, memory = service or Service(), memory or Memory()
    events: list[Event] = []
    limiter = limiter or ConcurrencyLimiter(limit)
    engine = Engine(
        attempt=service.attempt,
        limiter=limiter,
        ledger=memory,
        emit=events.append,
        batch="b",
        planned=jobs,
        jitter=lambda: 0.5,
        **options,
    )

    async def main() -> None:
        task = asyncio.ensure_future(engine.run(ready_windows([source or map(_job, range(jobs))])))
        if during is not None:
            await during(task)
        try:
            await task
        except asyncio.CancelledError:
            assert task.cancelled()

    _, seconds = run_virtually(main())
    # Whatever happened: every slot was given back, and no claim is left behind.
    assert limiter.in_flight == 0
    assert memory.claimed == set()
    # What counts against the daily cap is what was sent, also where calls met nobody, were refused or given back.
    assert memory.requests == engine.scheduler.calls
    return Ran(events, memory, service, engine, seconds, limiter)


def test_no_file_goes_up_for_a_job_that_another_kernel_has_answered() -> None:
    """Nor is it called."""
    answered = decode_answer(DONE, InvokeRequest(deployment="d"))
    memory = Memory(turns=lambda job: ClaimResult(answer=answered, line=1) if job.row else ClaimResult(go=True))
    prepared: list[Any] = []

    async def prepare(request: InvokeRequest) -> None:
        prepared.append(request.inputs["n"])

    name = f"{FILE_SCHEME}{'0' * 64}"
    jobs = (replace(_job(number), inputs={"n": number, "document": name}) for number in range(3))
    ran = _run(3, memory=memory, source=jobs, prepare=prepare, uploads=lambda request: 1)
    assert (prepared, ran.service.calls, len(ran.outcomes)) == ([0], [0], 3)


def test_a_job_that_has_waited_for_the_file_of_another_needs_no_room_for_an_upload() -> None:
    """Four calls fit beside the one upload, also where a second call of one slot comes before the first of another."""
    uploaded = asyncio.Event()

    class Capped(Memory):
        def room(self, needed: int) -> ClaimResult:
            has_room = self.requests + uploaded.is_set() + needed <= 5
            return ClaimResult(go=has_room, capped=not has_room)

        async def _claim(self, job: Job) -> ClaimResult:
            await asyncio.sleep(0.1 * (job.row == 1))
            return await super()._claim(job)

        async def look(self, job: Job, *, room: int) -> ClaimResult:
            return self.room(room)

    async def prepare(request: InvokeRequest) -> None:
        await asyncio.sleep(0.01)
        uploaded.set()

    memory = Capped()
    memory.turns = lambda job: memory.room(1)
    name = f"{FILE_SCHEME}{'0' * 64}"
    jobs = (replace(_job(number), inputs={"n": number, "document": name}) for number in range(8))
    options: dict[str, Any] = {"prepare": prepare, "uploads": lambda request: int(not uploaded.is_set())}
    ran = _run(8, Service(seconds=0.06), memory=memory, source=jobs, **options)
    assert len(ran.service.calls) == 4


def test_every_job_is_called_once_with_as_many_at_once_as_the_limiter_admits() -> None:
    """Ten jobs of a second, three at once: four round trips, and each answer kept before it counts."""
    ran = _run(10)
    assert ran.service.peak == 3
    assert ran.seconds == pytest.approx(4.0, abs=0.1)
    assert ran.outcomes == dict.fromkeys(range(10), "completed")
    assert len(ran.memory.kept) == len(ran.of(Started)) == ran.engine.scheduler.calls == 10
    assert ran.service.calls == list(range(10))
    assert ran.engine.scheduler.stopped is None


def test_an_event_is_told_after_it_is_true() -> None:
    """A job starts before it finishes, and it is kept when its finish is told."""
    memory = Memory()
    finished: list[bool] = []

    def note(event: Event) -> None:
        if isinstance(event, Finished):
            finished.append(event.job.key in memory.kept)

    async def main() -> None:
        engine = Engine(attempt=Service().attempt, limiter=ConcurrencyLimiter(3), ledger=memory, emit=note)
        await engine.run(ready_windows([map(_job, range(5))]))

    run_virtually(main())
    assert finished == [True] * 5


def test_jobs_are_taken_from_the_iterator_only_when_they_can_be_called() -> None:
    """Memory does not grow with the number of jobs: a batch that stops has taken few of them."""
    taken: list[int] = []

    def source() -> Iterator[Job]:
        for number in range(1_000_000):
            taken.append(number)
            yield _job(number)

    ran = _run(1_000_000, source=source(), limits=StopLimits(max_calls=20))
    assert len(ran.memory.kept) == 20
    assert len(taken) <= 22


def test_its_own_bound_holds_whatever_the_limiter_admits() -> None:
    """A batch of two at once behind a limiter of ten."""
    assert _run(10, limit=10, max_in_flight=2).service.peak == 2


@pytest.mark.parametrize("cap", [1, 3, 5])
def test_refused_calls_go_back_and_every_job_gets_through(cap: int) -> None:
    """An adaptive limiter finds the subscription's cap with a few refusals, and a refusal is no failure."""
    ran = _run(100, Service(cap=cap, seconds=1.0), limit=None)
    assert ran.outcomes == dict.fromkeys(range(100), "completed")
    assert ran.service.peak <= cap
    assert all(times == 1 for times in ran.service.ran.values())
    assert ran.engine.scheduler.refused == len(ran.of(Throttled)) == ran.engine.scheduler.calls - 100 <= 6
    assert ran.seconds <= 100 / cap * 1.15


def test_a_refused_job_waits_outside_of_its_slot() -> None:
    """The others go on meanwhile."""
    after = Response(status_code=429, headers={"retry-after": "30"}, body=b'{"error_code": "too_many_requests"}')
    ran = _run(7, Service(lambda r, nth: after if r.inputs["n"] == 0 and nth == 1 else DONE), limit=1)
    assert [event.job.row for event in ran.of(Finished)] == [1, 2, 3, 4, 5, 6, 0]
    [throttled] = ran.of(Throttled)
    assert (throttled.reason, throttled.wait_s) == ("provider", 30.25)
    assert ran.memory.kept["k0"].attempts == 2
    assert ran.seconds == pytest.approx(32.25, abs=0.1)


@pytest.mark.parametrize(
    ("answer", "status", "error_code", "calls"),
    [
        (DONE, "completed", None, 1),
        (INVALID, "failed", "validation_error", 1),
        (AWAY, "failed", "unavailable", 3),
        (NOT_REACHED, "failed", "connect", 3),
        (MAY_HAVE_RUN, "unknown", "internal_server_error", 1),
        (TIMED_OUT, "unknown", "read_timeout", 1),
    ],
)
def test_each_answer_has_its_outcome_and_its_number_of_calls(
    answer: Response, status: str, error_code: str | None, calls: int
) -> None:
    """What did not run is called up to three times; what may have run never again; what reached nobody is no call."""
    ran = _run(1, Service(lambda r, nth: answer))
    run = ran.memory.kept["k0"]
    assert (run.status, run.error_code, run.attempts) == (status, error_code, calls)
    assert ran.engine.scheduler.calls == (0 if answer is NOT_REACHED else calls)
    assert len(ran.of(Retried)) == calls - 1


def test_a_batch_stops_where_nobody_is_reached_and_blames_no_row() -> None:
    """After several attempts over several seconds with nothing answered: few attempts, few failed rows, one line."""
    gone = replace(NOT_REACHED, detail="Connection refused")
    ran = _run(1000, Service(lambda r, nth: gone, seconds=0.0), limit=50)
    [stopped] = ran.of(BatchStopped)
    assert stopped.reason == "unreachable"
    assert tells(stopped.message, "5")
    assert tells(stopped.message, "batch.resume()")
    assert len(ran.outcomes) <= 3
    assert len(ran.service.calls) < 100
    assert ran.engine.scheduler.calls == 0
    assert 5 <= ran.seconds < 7


@pytest.mark.parametrize("away_s", [0.3, 4.0])
def test_a_service_that_is_back_within_seconds_costs_no_row(away_s: float) -> None:
    """Restarted in the middle, with many calls out: every row is answered, and each once."""

    class Restarted(Service):
        async def attempt(self, request: InvokeRequest) -> AttemptResult:
            now = asyncio.get_running_loop().time()
            if 2.0 <= now < 2.0 + away_s:
                return self._exchange(NOT_REACHED, request)
            return await super().attempt(request)

    ran = _run(200, Restarted(seconds=0.7), limit=30)
    assert ran.engine.scheduler.stopped is None
    assert ran.outcomes == dict.fromkeys(range(200), "completed")
    assert set(ran.service.ran.values()) == {1}
    assert ran.engine.scheduler.calls == 200


def test_attempts_that_reach_nobody_are_none_of_the_calls_allowed() -> None:
    """`max_calls` counts what is sent."""
    ran = _run(6, Service(lambda r, nth: NOT_REACHED if nth == 1 else DONE), limit=1, limits=StopLimits(max_calls=6))
    assert ran.engine.scheduler.stopped is None
    assert ran.outcomes == dict.fromkeys(range(6), "completed")


def test_while_somebody_elses_calls_take_every_place_a_refusal_holds_the_others_back() -> None:
    """As after a Stop, when the cancelled calls still run: not every row is refused once, only a few are."""

    class Full(Service):
        async def attempt(self, request: InvokeRequest) -> AttemptResult:
            if asyncio.get_running_loop().time() < 10:
                self.calls.append(request.inputs["n"])
                return self._exchange(BUSY, request)
            return await super().attempt(request)

    ran = _run(100, Full(cap=1), limit=None)
    assert ran.outcomes == dict.fromkeys(range(100), "completed")
    assert ran.engine.scheduler.refused <= 25


def test_refusals_use_up_no_attempt() -> None:
    """Refused five times, then away once, then answered: a batch has time."""
    ran = _run(1, Service(lambda r, nth: BUSY if nth <= 5 else AWAY if nth == 6 else DONE))
    assert ran.memory.kept["k0"].status == "completed"
    assert ran.memory.kept["k0"].attempts == 7
    waits = [event.wait_s for event in ran.of(Throttled)]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


@pytest.mark.parametrize(("answer", "reason"), [(CAPPED, "daily_cap"), (NO_CREDITS, "credits"), (BAD_KEY, "auth")])
def test_an_answer_that_no_other_call_would_better_stops_and_fails_nothing(answer: Response, reason: str) -> None:
    """What is in flight ends, what was not called has no outcome, and the stop is told once."""
    ran = _run(20, Service(lambda r, nth: DONE if r.inputs["n"] < 7 else answer))
    assert ran.outcomes == dict.fromkeys(range(7), "completed")
    [stopped] = ran.of(BatchStopped)
    assert stopped.reason == reason
    assert ran.engine.scheduler.stopped is stopped
    assert ran.engine.scheduler.calls <= 7 + 3


@pytest.mark.parametrize(
    ("answer", "limits", "kept"),
    [(NO_CREDITS, None, 2), (INVALID, StopLimits(fail_on_error=True), 3), (INVALID, None, 20)],
)
def test_no_call_is_started_while_it_is_not_told_whether_an_answer_ends_it_all(
    answer: Response, limits: StopLimits | None, kept: int
) -> None:
    """What can be done about an error is asked for meanwhile; then the others go on, as many at once as before."""

    async def explain(run: Run) -> Run:
        await asyncio.sleep(2.0)
        return replace(run, client_action="Do it.")

    ran = _run(20, Service(lambda r, nth: DONE if r.inputs["n"] else answer), explain=explain, limits=limits)
    assert (len(ran.memory.kept), ran.service.peak) == (kept, 3)
    assert (len(ran.service.calls) == 3) is (kept < 20)
    assert ran.seconds < 20 / 3 + 1 + 2.1


def test_a_closed_limiter_stops_without_a_call() -> None:
    """A second batch on the same day is told at once, and sends nothing."""
    first = _run(5, Service(lambda r, nth: CAPPED), limit=1)
    assert first.engine.scheduler.calls == 1
    service = Service()
    events: list[Event] = []
    engine = Engine(attempt=service.attempt, limiter=first.limiter, ledger=Memory(), emit=events.append)
    run_virtually(engine.run(ready_windows([map(_job, range(5))])))
    assert service.calls == []
    [stopped] = events
    assert isinstance(stopped, BatchStopped)
    assert stopped.reason == "daily_cap"
    assert "00:00 UTC" in stopped.message


@pytest.mark.parametrize("limit", [1, 3])
def test_a_daily_cap_that_other_kernels_use_up_stops_without_one_call_more(limit: int) -> None:
    """The ledger knows what they sent: what is in flight ends, the rest is pending, and it is told once."""
    turns = (ClaimResult(go=number < 5, capped=number >= 5) for number in count())
    ran = _run(20, limit=limit, memory=Memory(turns=lambda job: next(turns)), limits=StopLimits(daily_cap=50))
    assert ran.engine.scheduler.calls == len(ran.service.calls) == len(ran.memory.kept) == 5
    assert set(ran.outcomes.values()) == {"completed"}
    [stopped] = ran.of(BatchStopped)
    assert stopped.reason == "daily_cap"
    assert ran.engine.scheduler.stopped is stopped


@pytest.mark.parametrize("most", [0, 1, 7, 10, 11])
def test_no_more_requests_are_sent_than_were_allowed(most: int) -> None:
    """Exactly so many; and a batch that needs no more has not been stopped."""
    ran = _run(10, limits=StopLimits(max_calls=most))
    assert ran.engine.scheduler.calls == len(ran.memory.kept) == min(most, 10)
    assert (ran.engine.scheduler.stopped is None) == (most >= 10)


class SlowTurns(ConcurrencyLimiter):
    """A limiter at which each call waits a moment for its turn, after its job was claimed."""

    async def wait_to_send(self) -> bool:
        await asyncio.sleep(0.1)
        return await super().wait_to_send()


@pytest.mark.parametrize("most", [1, 2, 7])
def test_jobs_that_wait_for_their_turn_are_not_one_call_too_many(most: int) -> None:
    """Claimed jobs that wait at the limiter while others are sent go back when those have used up what was allowed."""
    ran = _run(10, limiter=SlowTurns(3), limits=StopLimits(max_calls=most))
    assert ran.engine.scheduler.calls == len(ran.service.calls) == len(ran.memory.kept) == most
    assert ran.of(BatchStopped)[-1].reason == "max_calls"


def test_refused_requests_count_as_calls() -> None:
    """They were sent."""
    ran = _run(4, Service(lambda r, nth: BUSY if nth == 1 else DONE), limits=StopLimits(max_calls=5), limit=1)
    assert ran.engine.scheduler.calls == 5


def test_no_call_is_started_after_the_time_that_was_allowed() -> None:
    """Those in flight are waited for, and a job that waits to be called again is not waited for."""
    ran = _run(10, limit=1, limits=StopLimits(max_seconds=2.5))
    assert list(ran.outcomes) == [0, 1, 2]
    after = Response(status_code=429, headers={"retry-after": "100"}, body=b'{"error_code": "too_many_requests"}')
    ran = _run(1, Service(lambda r, nth: after), limits=StopLimits(max_seconds=5))
    assert ran.seconds == pytest.approx(5)
    assert ran.engine.scheduler.stopped is not None
    assert ran.engine.scheduler.stopped.reason == "max_seconds"


def test_the_time_that_was_allowed_holds_while_others_hold_every_slot() -> None:
    """Another batch is in front at the limiter: this one ends in time, and without a call."""
    limiter = ConcurrencyLimiter(1)
    service = Service()
    engine = Engine(
        attempt=service.attempt,
        limiter=limiter,
        ledger=Memory(),
        emit=lambda event: None,
        limits=StopLimits(max_seconds=2),
    )

    async def main() -> BatchStopped | None:
        async with limiter.slot(), asyncio.timeout(100):
            return await engine.run(ready_windows([map(_job, range(5))]))

    stopped, seconds = run_virtually(main())
    assert stopped is not None
    assert stopped.reason == "max_seconds"
    assert seconds == pytest.approx(2, abs=0.01)
    assert service.calls == []
    assert (limiter.in_flight, len(limiter._waiting)) == (0, 0)


@pytest.mark.parametrize(("answer", "reason"), [(BAD_KEY, "auth"), (INVALID, "fail_on_error")])
def test_a_stop_is_not_kept_waiting_by_others_at_the_limiter(answer: Response, reason: str) -> None:
    """Its own answer ends it, though the next of its jobs waits behind another batch's."""
    limiter = ConcurrencyLimiter(2)
    engine = Engine(
        attempt=Service(lambda request, nth: answer).attempt,
        limiter=limiter,
        ledger=Memory(),
        emit=lambda event: None,
        limits=StopLimits(fail_on_error=True),
    )

    async def main() -> BatchStopped | None:
        async with limiter.slot(), asyncio.timeout(100):
            running = asyncio.ensure_future(engine.run(ready_windows([map(_job, range(5))])))
            await asyncio.sleep(0.5)
            limiter.fix(1)  # no slot comes free when the batch's only call ends
            return await running

    stopped, _ = run_virtually(main())
    assert stopped is not None
    assert stopped.reason == reason
    assert limiter.in_flight == 0


def test_a_run_that_had_not_ended_says_so() -> None:
    """Not "no reason given": the service took it, and this is its request."""
    taken = Response(status_code=200, body=b'{"run_status": "running", "request_id": "req_7"}')
    run = _run(1, Service(lambda request, nth: taken)).memory.kept["k0"]
    assert (run.status, tells(run.error, "req_7")) == ("running", True)


def test_the_first_error_stops_where_that_was_asked_for() -> None:
    """`fail_on_error=True`; an unknown counts as one, and what waits or has not ended does not."""
    waits, runs = (
        Response(status_code=200, body=b'{"run_status": "%s"}' % s) for s in (b"awaiting_approval", b"running")
    )
    for answer, stopped in ((INVALID, True), (MAY_HAVE_RUN, True), (waits, False), (runs, False)):
        ran = _run(
            20,
            Service(lambda r, nth, answer=answer: answer if r.inputs["n"] == 4 else DONE),  # type: ignore[misc]
            limit=1,
            limits=StopLimits(fail_on_error=True),
        )
        assert len(ran.memory.kept) == (5 if stopped else 20)
        reason = ran.engine.scheduler.stopped and ran.engine.scheduler.stopped.reason
        assert reason == ("fail_on_error" if stopped else None)


def _cancel_after(seconds: float) -> Callable[[asyncio.Task[Any]], Awaitable[None]]:
    async def cancel(task: asyncio.Task[Any]) -> None:
        await asyncio.sleep(seconds)
        task.cancel()

    return cancel


def test_a_cancel_keeps_what_is_finished_and_makes_what_was_out_unknown() -> None:
    """Those calls may have run: they are kept as such before the cancel goes on."""
    ran = _run(10, during=_cancel_after(1.5))
    assert ran.outcomes == {0: "completed", 1: "completed", 2: "completed", 3: "unknown", 4: "unknown", 5: "unknown"}
    assert {run.error_code for run in ran.memory.kept.values() if run.status == "unknown"} == {"cancelled"}
    assert all(run.started_at for run in ran.memory.kept.values() if run.status == "unknown")
    assert ran.seconds < 1.6


@given(st.integers(0, 4000), st.integers(1, 4), st.sampled_from([1, 2, 5]))
def test_a_cancel_at_any_instant_loses_nothing_and_leaves_nothing(milliseconds: int, limit: int, cap: int) -> None:
    """Whatever was sent and may have run has an outcome that is kept; no slot and no claim is left."""
    ran = _run(12, Service(cap=cap), limit=limit, during=_cancel_after(milliseconds / 1000))
    assert set(ran.service.ran) == set(ran.outcomes)
    assert {f"k{row}" for row in ran.outcomes} == set(ran.memory.kept)


answers = st.sampled_from([DONE, BUSY, INVALID, AWAY, MAY_HAVE_RUN, NOT_REACHED, TIMED_OUT])


@given(st.lists(st.lists(answers, min_size=1, max_size=4), max_size=12), st.integers(1, 4))
def test_whatever_the_service_answers_each_job_has_one_outcome(script: list[list[Response]], limit: int) -> None:
    """And what may have run, or was answered, is never called again."""

    def answer(request: InvokeRequest, nth: int) -> Response:
        scripted = script[request.inputs["n"]]
        return scripted[min(nth, len(scripted)) - 1] if nth <= len(scripted) else DONE

    ran = _run(len(script), Service(answer), limit=limit)
    ended = sorted(event.job.row for event in ran.of(Finished))
    if ran.engine.scheduler.stopped is None:
        assert ended == list(range(len(script)))
    else:
        assert ran.engine.scheduler.stopped.reason == "unreachable"
        assert len(set(ended)) == len(ended)
    final = (DONE, INVALID, MAY_HAVE_RUN, TIMED_OUT)
    for number, scripted in enumerate(script):
        given_answers = [answer(_job(number).request("b"), n + 1) for n in range(ran.service.calls.count(number))]
        assert not any(a in final for a in given_answers[:-1])
        assert len(scripted) >= 1


def test_a_job_that_another_kernel_answers_is_waited_for_and_not_called() -> None:
    """Held at first, then answered: its answer is taken, and it cost no call here."""
    asked: Counter[str] = Counter()

    def turns(job: Job) -> ClaimResult:
        asked[job.key] += 1
        if job.row == 2:
            return ClaimResult() if asked[job.key] < 4 else ClaimResult(answer=Run(status="completed", output="theirs"))
        return ClaimResult(go=True)

    ran = _run(5, memory=Memory(turns=turns), limit=1)
    assert ran.service.calls == [0, 1, 3, 4]
    [theirs] = [event for event in ran.of(Finished) if event.reused]
    assert (theirs.job.row, theirs.run.output) == (2, "theirs")
    assert ran.seconds >= HELD_WAIT_S * (1 + 2 + 4)


def test_a_job_that_needs_no_call_uses_none_of_those_allowed() -> None:
    """`max_calls` counts what is sent."""
    taken = ClaimResult(answer=Run(status="completed"))
    memory = Memory(turns=lambda job: taken if job.row < 8 else ClaimResult(go=True))
    ran = _run(10, memory=memory, limits=StopLimits(max_calls=2))
    assert ran.service.calls == [8, 9]
    assert ran.engine.scheduler.stopped is None


def test_a_store_that_fails_stops_and_the_paid_answer_is_told_all_the_same() -> None:
    """The answer is in memory, the rest is pending, and the message is the store's own."""
    memory = Memory(fails=StoreError("the disk is full"))
    events: list[Event] = []

    async def main() -> BatchStopped | None:
        engine = Engine(attempt=Service().attempt, limiter=ConcurrencyLimiter(2), ledger=memory, emit=events.append)
        return await engine.run(ready_windows([map(_job, range(10))]))

    stopped, _ = run_virtually(main())
    assert stopped is not None
    assert stopped.reason == "store"
    assert "the disk is full" in stopped.message
    finished = [event for event in events if isinstance(event, Finished)]
    assert 1 <= len(finished) <= 2
    assert {event.run.output for event in finished} == {"hi"}


def test_what_nobody_foresaw_may_have_run() -> None:
    """A client that raises has one unknown row, and the batch goes on."""
    service = Service()

    async def attempt(request: InvokeRequest) -> AttemptResult:
        if request.inputs["n"] == 1:
            raise CallError("the call broke in an unforeseen way", may_have_run=True)
        return await service.attempt(request)

    async def main() -> list[Event]:
        events: list[Event] = []
        await Engine(attempt=attempt, limiter=ConcurrencyLimiter(1), ledger=Memory(), emit=events.append).run(
            ready_windows([map(_job, range(3))])
        )
        return events

    events, _ = run_virtually(main())
    assert [e.run.status for e in events if isinstance(e, Finished)] == ["completed", "unknown", "completed"]


def test_a_defect_stops_and_is_told() -> None:
    """Not swallowed, and nothing that was answered is lost for it."""

    async def attempt(request: InvokeRequest) -> AttemptResult:
        if request.inputs["n"] == 2:
            raise ZeroDivisionError("of ours")
        return await Service().attempt(request)

    async def main() -> list[Event]:
        events: list[Event] = []
        await Engine(attempt=attempt, limiter=ConcurrencyLimiter(1), ledger=Memory(), emit=events.append).run(
            ready_windows([map(_job, range(9))])
        )
        return events

    events, _ = run_virtually(main())
    assert len([e for e in events if isinstance(e, Finished)]) == 2
    [stopped] = [e for e in events if isinstance(e, BatchStopped)]
    assert (stopped.reason, "ZeroDivisionError: of ours" in stopped.message) == ("defect", True)


def test_calls_are_stamped() -> None:
    """So that a run is found in the service's logs."""
    seen: list[Any] = []

    async def attempt(request: InvokeRequest) -> AttemptResult:
        seen.append(json.loads(json.dumps(request.metadata)))
        return await Service().attempt(request)

    engine = Engine(
        attempt=attempt, limiter=ConcurrencyLimiter(1), ledger=Memory(), emit=lambda event: None, batch="my batch"
    )
    run_virtually(engine.run(ready_windows([[_job(4)]])))
    assert seen == [{"fh_batch": "my batch", "fh_row": 4, "fh_variant": "v", "fh_repeat": 1, "fh_job": "k4"}]


@pytest.mark.parametrize("held_by", ["a pause", "a rate", "its own number", "its end"])
def test_a_job_that_is_due_and_may_not_go_is_waited_for_without_asking_again_and_again(held_by: str) -> None:
    """A retry that is due during a pause, under a rate or with every slot taken costs no processor time meanwhile."""
    service = Service(lambda r, nth: AWAY if r.inputs["n"] == 0 and nth == 1 else DONE, seconds=20.0)
    options: dict[str, Any] = {
        "a pause": {},
        "a rate": {"rate": Rate(30.0)},
        "its own number": {"max_in_flight": 2},
        "its end": {"limits": StopLimits(max_seconds=1.0)},
    }[held_by]

    async def main() -> int:
        engine = Engine(
            attempt=service.attempt, limiter=ConcurrencyLimiter(3), ledger=Memory(), emit=lambda event: None, **options
        )
        task = asyncio.ensure_future(engine.run(ready_windows([map(_job, range(6))])))
        if held_by == "a pause":
            await asyncio.sleep(1)
            engine.scheduler.pause(True)
            await asyncio.sleep(60)
            engine.scheduler.pause(False)
        await task
        return engine.scheduler.calls

    calls, _ = run_virtually(main())
    assert calls == (3 if held_by == "its end" else 7)


def test_the_first_calls_of_slots_go_out_one_after_the_other() -> None:
    """Calls that go out together come back together, and then wait for each other in every round."""
    at: dict[int, float] = {}

    class Noting(Service):
        async def attempt(self, request: InvokeRequest) -> AttemptResult:
            at[request.inputs["n"]] = asyncio.get_running_loop().time()
            return await super().attempt(request)

    _run(200, Noting(seconds=0.05), limit=100)
    first = [at[number] for number in range(100)]
    assert first == sorted(first)
    assert first[-1] - first[0] >= 99 * OPENING_S - CATCH_UP_S
    assert max(Counter(first).values()) <= 1 + CATCH_UP_S / OPENING_S
    # The second round is as spread as the first: nobody waits for a slot's turn again.
    second = [at[number] for number in range(100, 200)]
    assert second[-1] - second[0] == pytest.approx(first[-1] - first[0], abs=0.005)


class Ticking(VirtualLoop):
    """A loop whose clock moves whenever somebody looks at it, as a real one's does."""

    def time(self) -> float:
        self._now += 1e-5
        return self._now


def test_what_falls_due_while_it_is_looked_for_is_called() -> None:
    """Between the look at what may go and the wait for what is due, time passes: a call that was due then was lost."""

    async def main(seconds: float) -> int:
        engine = Engine(
            attempt=Service(seconds=seconds).attempt,
            limiter=ConcurrencyLimiter(2),
            ledger=Memory(),
            emit=lambda event: None,
            rate=Rate(1.0),
        )
        await asyncio.wait_for(engine.run(ready_windows([map(_job, range(3))])), timeout=60)
        return engine.scheduler.calls

    # The first call ends, and with it comes a look, just before the second is due: at one tick of these it matters.
    for tick in range(200):
        calls, _ = run_virtually(main(0.997 + tick * 1e-5), loop=Ticking())
        assert calls == 3
