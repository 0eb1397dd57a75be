"""A batch at the limits of the service: the real hive's caps, keys and faults."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching.model import Event, Finished, JobCounts
from fh_notebook.batching.progress.state import ProgressSource
from fh_notebook.session import session
from tests.batching.hives import KEY, Shouting, rows
from tests.told import facts, tells


def _batch(client: fh.Client, source: Any, **options: Any) -> fh.Batch:
    return fh.batch(source, "shout", **{"variants": "loud", "client": client, "progress": False, **options})


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_a_daily_cap_in_the_middle_stops_and_the_next_day_goes_on() -> None:
    """Nothing fails, the rest is pending and says so, one refused call is all it costs; then each job was run once."""
    clock = Clock()
    shouting = Shouting(daily_cap=7, clock=clock)
    client = shouting.hive.client()
    batch = _batch(client, rows(20), max_concurrency=1)
    assert batch.counts == JobCounts(planned=20, done=7, pending=13, calls=8, refused=1)
    assert batch.stopped is not None
    assert batch.stopped.reason == "daily_cap"
    assert tells(repr(batch), "00:00 UTC")
    assert len(batch.pending) == 13
    assert batch.pending["text"].tolist() == [f"t{i}" for i in range(7, 20)]
    assert batch.failures.empty

    batch.resume()  # the same day: the limiter knows, and nothing is sent
    assert batch.counts.calls == 8

    clock.now += timedelta(days=1)
    shouting.hive.daily_cap = 50
    client.limiter.reopen()
    batch.resume()
    assert batch.counts == JobCounts(planned=20, done=20, calls=21, refused=1)
    assert batch.stopped is None
    assert set(shouting.ran.values()) == {1}


def test_the_same_cell_goes_on_after_a_daily_cap() -> None:
    """In another kernel, too: what was answered lies in the store."""
    shouting = Shouting(daily_cap=5, name="lasting")
    _batch(shouting.hive.client(), rows(12), max_concurrency=2)
    shouting.hive.daily_cap = None
    client = shouting.hive.client()
    client.limiter.reopen()
    batch = _batch(client, rows(12))
    assert batch.counts == JobCounts(planned=12, done=12, reused=5, calls=7)
    assert tells(str(batch.plan()), "5 of 12")
    assert set(shouting.ran.values()) == {1}


@pytest.mark.parametrize("cap", [1, 3, 5])
def test_a_plans_concurrency_cap_is_found_with_few_refusals(cap: int) -> None:
    """Whatever the subscription admits: every job is answered once, nothing fails, and few calls are refused.

    How few is measured in virtual time (`tests/session/test_limiter_services.py`): here a machine with other work to do
    delays a refusal while more calls go out. A limit that is not learned has a call refused for nearly every row.
    """
    shouting = Shouting(concurrency=cap, latency_s=0.01)
    batch = _batch(shouting.hive.client(), rows(60))
    assert batch.counts.done == 60
    assert 1 <= batch.counts.refused <= 20
    assert batch.counts.calls == 60 + batch.counts.refused
    assert set(shouting.ran.values()) == {1}


def test_a_batch_begins_with_its_number_of_calls_and_has_never_more() -> None:
    """`max_concurrency` from the start; afterwards nothing is left of it."""
    shouting = Shouting(latency_s=0.02)
    client = shouting.hive.client()
    batch = _batch(client, rows(20), max_concurrency=7)
    assert batch.counts.done == 20
    assert shouting.hive.counts.peak_running == 7
    assert client.limiter.most is None
    _batch(client, rows(200), variants="soft")
    assert shouting.hive.counts.peak_running > 7


def test_a_wrong_key_raises_at_the_first_call_and_costs_no_more() -> None:
    """The message names the service and the cure, and nothing is failed for it."""
    shouting = Shouting(api_key=KEY)
    with shouting.hive.serve() as server, fh.Client(base_url=server.url, api_key="fhk_wrong") as client:
        with pytest.raises(fh.AuthError, match=facts(server.url.split("/")[2])) as caught:
            _batch(client, rows(50), max_concurrency=1)
        assert caught.value.status_code == 401
        assert "fhk_wrong" not in str(caught.value)
    assert shouting.calls == 0


def test_a_key_that_is_taken_back_in_the_middle_stops() -> None:
    """What was answered stays, and the batch returns normally."""
    shouting = Shouting()
    client = shouting.hive.client()
    told: list[object] = []

    def take_back(event: object) -> None:
        told.append(event)
        if len(told) == 8:
            shouting.hive.configure(api_key="fhk_another_key_now")

    batch = _batch(client, rows(20), max_concurrency=1, on_event=take_back)
    assert batch.stopped is not None
    assert batch.stopped.reason == "auth"
    assert 0 < batch.counts.done < 20
    assert batch.counts.failed == 0
    assert batch.counts.pending == 20 - batch.counts.done


def test_credits_that_end_stop_the_batch() -> None:
    """402 with the code for it; 402 for the workflow's own limit fails the row and goes on."""
    shouting = Shouting()
    shouting.hive.fail_next(status=402, error_code="workflow_step_limit_reached")
    client = shouting.hive.client()
    batch = _batch(client, rows(3), max_concurrency=1)
    assert batch.counts == JobCounts(planned=3, done=2, failed=1, calls=3)
    shouting.hive.fail_next(status=402, error_code="insufficient_hosted_llm_credits")
    batch = _batch(client, rows(6), max_concurrency=1, fresh=True)
    assert batch.counts == JobCounts(planned=6, pending=6, calls=1)
    assert batch.stopped is not None
    assert batch.stopped.reason == "credits"


@pytest.fixture(params=["in process", "socket"])
def shouting_and_client(request: pytest.FixtureRequest) -> Iterator[tuple[Shouting, fh.Client]]:
    shouting = Shouting()
    if request.param == "in process":
        yield shouting, shouting.hive.client()
    else:
        with shouting.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
            yield shouting, client


FAULTS: list[tuple[dict[str, Any], str, int]] = [
    ({"status": 500}, "unknown", 1),
    ({"status": 504}, "unknown", 1),
    ({"html": True}, "unknown", 1),
    ({"reset": True, "after_running": True}, "unknown", 1),
    ({"cut_body": True}, "unknown", 1),
    ({"status": 503}, "completed", 2),
    ({"status": 502, "error_code": "bad_gateway"}, "completed", 2),
    ({"status": 429, "error_code": "too_many_requests", "retry_after": 0}, "completed", 2),
    ({"status": 422, "error_code": "model_deprecated"}, "failed", 1),
    ({"status": 400, "error_code": "validation_error"}, "failed", 1),
]


@pytest.mark.parametrize(("fault", "status", "calls"), FAULTS)
def test_a_fault_has_the_outcome_of_the_contracts_table(
    shouting_and_client: tuple[Shouting, fh.Client], fault: dict[str, Any], status: str, calls: int
) -> None:
    """What did not run is called again, what may have run is unknown, the rest fails its row; the others go on."""
    shouting, client = shouting_and_client
    shouting.hive.fail_next(**fault)
    batch = _batch(client, rows(3), max_concurrency=1)
    assert batch.frame["status"].tolist() == [status, "completed", "completed"]
    assert batch.counts.calls == 2 + calls
    assert batch.frame["attempts"].tolist() == [calls, 1, 1]


def test_what_may_have_run_is_called_again_only_when_the_user_says_so() -> None:
    """Neither by the same cell nor by `resume()`; then it is, once."""
    shouting = Shouting(name="lasting")
    shouting.hive.fail_next(status=500, after_running=True)
    batch = _batch(shouting.hive.client(), rows(2), max_concurrency=1)
    assert batch.counts == JobCounts(planned=2, done=1, unknown=1, calls=2)
    batch.resume()
    again = _batch(shouting.hive.client(), rows(2))
    assert again.counts == JobCounts(planned=2, done=1, unknown=1, reused=1)
    assert (again.plan().unknown, tells(again.plan(), "retry_unknown=True")) == (1, True)
    assert shouting.ran == {("loud", "t0"): 1, ("loud", "t1"): 1}
    assert again.resume(retry_unknown=True).counts == JobCounts(planned=2, done=2, reused=1, calls=1)
    assert shouting.ran == {("loud", "t0"): 2, ("loud", "t1"): 1}
    assert _batch(shouting.hive.client(), rows(2)).counts.done == 2


def test_a_cell_may_say_so_itself() -> None:
    """`retry_unknown=True` in the cell."""
    shouting = Shouting()
    client = shouting.hive.client()
    shouting.hive.fail_next(status=500)
    _batch(client, rows(2), max_concurrency=1)
    again = _batch(client, rows(2), retry_unknown=True)
    assert again.counts == JobCounts(planned=2, done=2, reused=1, calls=1)


def test_what_failed_on_the_way_is_called_again_and_what_was_refused_is_not() -> None:
    """A row that never reached the service goes again with the same cell; a refused one with `retry_failed`."""
    shouting = Shouting()
    client = shouting.hive.client()
    shouting.hive.fail_next(status=422, error_code="model_deprecated")
    shouting.hive.fail_next(3, status=503)
    batch = _batch(client, rows(3), max_concurrency=1)
    # Three times away is given up; the jobs behind it were called meanwhile.
    assert batch.counts.failed >= 1
    batch.resume()
    assert batch.failures["error_code"].tolist() == ["model_deprecated"]
    calls = batch.counts.calls
    assert batch.retry_failed("model_deprecated").counts == JobCounts(planned=3, done=3, calls=calls + 1)
    assert batch.failures.empty
    assert _batch(client, rows(3)).counts.reused == 3


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_code_that_no_failed_job_has_is_told_with_those_that_there_are(
    asynchronous: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of jobs that can be called again; nothing is told where the code has a job."""
    shouting = Shouting()
    shouting.hive.fail_next(2, status=422, error_code="model_deprecated")
    source = [*rows(3), {"text": 7}]
    batch = _batch(shouting.hive.client(), source, max_concurrency=1, on_invalid="skip")
    assert sorted(batch.failures["error_code"]) == ["invalid_input", "model_deprecated", "model_deprecated"]

    def told_of_retry(code: str | None = None, error: str | None = None) -> str:
        capsys.readouterr()
        if asynchronous:
            asyncio.run(batch.aretry_failed(code, error=error))
        else:
            batch.retry_failed(code, error=error)
        return capsys.readouterr().err

    calls = batch.counts.calls
    for wanted in ("deprecated", "invalid_input"):
        said = told_of_retry(wanted)
        assert tells(said, f"'{wanted}'", "'model_deprecated'", 2)
        assert "'invalid_input' (" not in said
    # An error is of jobs without a code.
    assert tells(told_of_retry("model_deprecated", "gone"), "'model_deprecated'", 2)
    assert tells(told_of_retry(error="gone"), "'model_deprecated'", 2)
    assert batch.counts.calls == calls
    assert "'model_deprecated'" not in told_of_retry("model_deprecated")
    assert (batch.counts.done, batch.counts.calls) == (3, calls + 2)
    assert "no job has failed" in told_of_retry("model_deprecated")


def test_rows_that_are_the_same_fail_and_are_called_again_as_one() -> None:
    """One call a time, and its outcome is that of each of them, also in the next kernel's batch."""
    shouting = Shouting()
    client = shouting.hive.client()
    twins = [{"text": "a"}, {"text": "b"}, {"text": "a"}]
    shouting.hive.fail_next(2, status=422, error_code="model_deprecated")
    _batch(client, twins, max_concurrency=1)
    batch = _batch(client, twins)
    assert batch.counts == JobCounts(planned=3, failed=3, reused=3)
    batch.retry_failed("model_deprecated")
    assert batch.counts == JobCounts(planned=3, done=3, reused=1, calls=2)
    assert batch.frame["output"].tolist() == ["A", "B", "A"]


def test_what_was_forgotten_failed_with_no_code_that_is_known() -> None:
    """It is pending, so it is called with what is pending, and not with what failed."""
    shouting = Shouting()
    shouting.hive.fail_next(2, status=422, error_code="model_deprecated")
    batch = _batch(shouting.hive.client(), rows(2), max_concurrency=1)
    store = session.store()
    assert store is not None
    store.database.put(lambda c: c.execute("DELETE FROM answers")).result()
    assert batch.retry_failed("model_deprecated").counts == JobCounts(planned=2, pending=2, calls=2)
    assert batch.resume().counts == JobCounts(planned=2, done=2, calls=4)


def test_limits_of_ones_own_leave_the_rest_pending() -> None:
    """So many calls and no more; running the cell again goes on."""
    shouting = Shouting()
    client = shouting.hive.client()
    batch = _batch(client, rows(10), max_calls=4)
    assert batch.counts == JobCounts(planned=10, done=4, pending=6, calls=4)
    assert "max_calls" in batch.summary()
    assert _batch(client, rows(10), max_calls=100).counts == JobCounts(planned=10, done=10, reused=4, calls=6)
    stopped = _batch(client, [{"text": "bad 1"}, {"text": "bad 2"}, *rows(10)], fail_on_error=1, max_concurrency=1)
    assert stopped.counts.calls == 1
    assert stopped.stopped is not None
    assert stopped.stopped.reason == "fail_on_error"


class CallsLeft:
    """A display that notes how many calls are left when a start begins and ends."""

    def __init__(self) -> None:
        self.seen: list[int | None] = []
        self.at_answers: list[int | None] = []

    def note(self, event: Event) -> None:
        """Note how many are left after each answer."""
        if isinstance(event, Finished):
            self.at_answers.append(self._batch.calls_left)

    def begin(self, batch: ProgressSource) -> None:
        self._batch = batch
        self.seen.append(batch.calls_left)

    def update(self, batch: ProgressSource) -> None:
        """Note nothing."""

    def end(self, batch: ProgressSource) -> None:
        self.seen.append(batch.calls_left)


def test_equal_rows_are_one_call_that_is_left() -> None:
    """What is left is what the plan counts, at each moment: copies share a call, and a retry's calls are left, too."""
    shouting, seen = Shouting(), CallsLeft()
    client = shouting.hive.client()
    table = [{"text": f"t{n % 3}"} for n in range(12)]
    batch = _batch(client, table, max_concurrency=1, progress=lambda: seen, on_event=seen.note)
    assert batch.plan().calls == 3
    assert seen.seen == [3, 0]
    assert seen.at_answers == [2, 1, 0]
    client = shouting.hive.client()
    shouting.hive.fail_next(3, status=422, error_code="model_deprecated")
    again = CallsLeft()
    failing = _batch(client, [{"text": f"u{n % 3}"} for n in range(12)], max_concurrency=1, progress=lambda: again)
    assert failing.counts == JobCounts(planned=12, failed=12, reused=9, calls=3)
    assert failing.retry_failed().counts.done == 12
    assert again.seen == [3, 0, 3, 0]


def test_the_calls_left_are_those_of_this_start() -> None:
    """`max_calls` holds for each start, so what earlier starts called is not taken off again."""
    shouting, display = Shouting(), CallsLeft()
    batch = _batch(shouting.hive.client(), rows(9), max_calls=4, max_concurrency=1, progress=lambda: display)
    batch.resume().resume()
    assert display.seen == [4, 0, 4, 0, 1, 0]
