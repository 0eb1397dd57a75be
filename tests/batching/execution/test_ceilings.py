"""A number of calls at once is a ceiling: it begins there, never exceeds it, and ends with who gave it.

Real hives, which count what runs in them; what is held waits for the test, so nothing depends on how fast a machine is.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.local import LocalHive
from tests.batching.hives import KEY, Shouting, rows, until
from tests.told import tells


class Crowd:
    """A hive whose ``stay`` waits until its text's crowd (the word before the number) is let go, and counts each crowd.

    ``flow`` answers after a moment, by itself.
    """

    def __init__(self, **options: Any) -> None:
        self.hive = LocalHive(api_key=KEY, **options)
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.gone: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

        @self.hive.workflow("stay", variant="v")
        def stay(text: str) -> str:
            self.enter(text)
            self.event_of(text).wait(30)
            self.leave(text)
            return text

        @self.hive.workflow("flow", variant="v")
        async def flow(text: str) -> str:
            self.enter(text)
            await asyncio.sleep(0.01)
            self.leave(text)
            return text

    def event_of(self, text: str) -> threading.Event:
        return self.gone.setdefault(text.split()[0], threading.Event())

    def enter(self, text: str) -> None:
        crowd = text.split()[0]
        with self._lock:
            for name in (crowd, "all"):
                self.now[name] += 1
                self.most[name] = max(self.most[name], self.now[name])

    def leave(self, text: str) -> None:
        with self._lock:
            for name in (text.split()[0], "all"):
                self.now[name] -= 1

    def wait_for(self, **crowds: int) -> None:
        """Wait until so many of each crowd are running."""
        until(lambda: all(self.now[crowd] == number for crowd, number in crowds.items()))

    def let_go(self, crowd: str) -> None:
        self.event_of(crowd).set()

    @contextmanager
    def freed(self) -> Iterator[Crowd]:
        """Let all go at the end, whatever happened."""
        try:
            yield self
        finally:
            for event in list(self.gone.values()):
                event.set()


def _of(crowd: str, number: int) -> list[dict[str, str]]:
    return [{"text": f"{crowd} {n}"} for n in range(number)]


def _batch(client: fh.Client, crowd: str, number: int, deployment: str = "stay", **how: Any) -> fh.Batch:
    return fh.batch(_of(crowd, number), deployment, variants="v", client=client, progress=False, **how)


@pytest.mark.parametrize("first_to_end", ["few", "many"])
def test_overlapping_batches_keep_to_their_own_numbers_and_leave_the_limiter_adaptive(first_to_end: str) -> None:
    """One of 2 beside one of 5: each begins with its number, whichever ends first; the next batch finds no bound."""
    with Crowd().freed() as crowd, crowd.hive.client() as client:
        few = _batch(client, "few", 6, max_concurrency=2, wait=False)
        crowd.wait_for(few=2)
        many = _batch(client, "many", 15, max_concurrency=5, wait=False)
        crowd.wait_for(few=2, many=5)
        batches = {"few": few, "many": many}
        crowd.let_go(first_to_end)
        batches.pop(first_to_end).wait()
        [(name, other)] = batches.items()
        crowd.wait_for(**{name: {"few": 2, "many": 5}[name]})
        assert other.limit == other.max_concurrency
        crowd.let_go(name)
        other.wait()
        assert (crowd.most["few"], crowd.most["many"]) == (2, 5)

        _batch(client, "next", 300, "flow")
        assert crowd.most["next"] >= 20  # it grows for as long as nothing is refused
        assert client.limiter.most is None


@pytest.mark.long
def test_a_number_above_what_the_plan_admits_costs_few_refused_calls() -> None:
    """900 jobs, a plan of 3, a number of 10: fewer than 40 refused calls, and the batch says what is admitted."""
    shouting = Shouting(concurrency=3, latency_s=0.002)
    client = shouting.hive.client()
    batch = fh.batch(rows(900), "shout", variants="loud", client=client, progress=False, max_concurrency=10)
    assert batch.counts.done == 900
    assert 1 <= batch.counts.refused == shouting.hive.counts.refused < 40
    assert set(shouting.ran.values()) == {1}
    assert batch.admits == 3
    assert tells(batch.summary(), batch.counts.refused, "3")
    assert batch.max_concurrency == 10


def test_a_refusals_lesson_is_where_the_next_batch_begins() -> None:
    """Learned under one batch's number, it holds for the next one's, also when the service would admit more by then."""
    shouting = Shouting(concurrency=3, latency_s=0.002)
    client = shouting.hive.client()
    first = fh.batch(rows(12), "shout", variants="loud", client=client, progress=False, max_concurrency=8)
    assert first.admits == 3
    with Crowd(name="other").freed() as crowd:
        shouting.hive.configure(concurrency=None)

        @shouting.hive.workflow("stay", variant="v")
        def stay(text: str) -> str:
            crowd.enter(text)
            crowd.event_of(text).wait(30)
            crowd.leave(text)
            return text

        second = _batch(client, "second", 12, max_concurrency=10, wait=False)
        crowd.wait_for(second=3)
        assert second.limit == 3
        crowd.let_go("second")
        second.wait()
        assert crowd.most["second"] <= 4  # the limit, and at most a probe of it
        assert second.admits in (3, 4)  # as an earlier batch was told, and at most a probe of it
        third = _batch(client, "third", 4, max_concurrency=2, wait=False)
        crowd.wait_for(third=2)
        assert third.limit == 2
        crowd.let_go("third")
        third.wait()
        assert crowd.most["third"] == 2


def test_a_batchs_number_holds_up_neither_a_click_nor_another_batch() -> None:
    """One call at once for this batch; beside it a single run goes out, and a batch without a number grows."""
    with Crowd().freed() as crowd, crowd.hive.client() as client, ThreadPoolExecutor(1) as thread:
        one = _batch(client, "one", 5, max_concurrency=1, wait=False)
        crowd.wait_for(one=1)
        click = thread.submit(client.invoke, "stay", variant="v", inputs={"text": "click 0"})
        crowd.wait_for(one=1, click=1)
        crowd.let_go("click")
        assert click.result(30).output == "click 0"
        _batch(client, "beside", 300, "flow")
        assert crowd.most["beside"] >= 10
        assert one.limit == crowd.most["one"] == crowd.now["one"] == 1
        crowd.let_go("one")
        one.wait()
        assert crowd.most["one"] == 1


def test_a_clients_number_holds_for_all_its_calls_and_for_no_other_client() -> None:
    """Two clients of one workspace: a batch and clicks through one are 2 at once together, the other's batch has 6."""
    with Crowd().freed() as crowd, crowd.hive.serve() as server, ThreadPoolExecutor(4) as threads:
        asked: dict[str, Any] = {"base_url": server.url, "api_key": KEY}
        with fh.Client(**asked, max_concurrency=2) as small, fh.Client(**asked) as large:
            assert small.limiter.shared is large.limiter.shared  # one workspace, one limiter
            batch = _batch(small, "small", 8, max_concurrency=4, wait=False)
            crowd.wait_for(small=2)
            clicks = [
                threads.submit(small.invoke, "stay", variant="v", inputs={"text": f"small click {n}"}) for n in range(4)
            ]
            other = _batch(large, "large", 12, max_concurrency=6, wait=False)
            crowd.wait_for(small=2, large=6)
            assert (small.limiter.limit, batch.limit, other.limit) == (2, 2, 6)
            for name in ("large", "small"):
                crowd.let_go(name)
            batch.wait()
            other.wait()
            assert {click.result(30).status for click in clicks} == {"completed"}
            assert (crowd.most["small"], crowd.most["large"]) == (2, 6)
        assert large.limiter.most is None


def test_what_is_configured_holds_for_every_call() -> None:
    """Of two clients, their batches of more, and single runs together; and it ends with the setting."""
    fh.configure(max_concurrency=3)
    with Crowd().freed() as crowd, crowd.hive.serve() as server, ThreadPoolExecutor(4) as threads:
        asked: dict[str, Any] = {"base_url": server.url, "api_key": KEY}
        with fh.Client(**asked) as one, fh.Client(**asked, max_concurrency=5) as two:
            batches = [
                _batch(c, "all-of", 9, max_concurrency=8, wait=False, name=n) for c, n in ((one, "a"), (two, "b"))
            ]
            clicks = [
                threads.submit(one.invoke, "stay", variant="v", inputs={"text": f"all-of click {n}"}) for n in range(4)
            ]
            crowd.wait_for(all=3)
            assert one.limiter.limit == two.limiter.limit == batches[0].limit == 3
            crowd.let_go("all-of")
            for batch in batches:
                batch.wait()
            assert {click.result(30).status for click in clicks} == {"completed"}
            assert crowd.most["all"] == 3
            fh.configure(max_concurrency=None)
            after = _batch(one, "after", 8, max_concurrency=8, wait=False)
            crowd.wait_for(after=8)
            crowd.let_go("after")
            after.wait()


@pytest.mark.parametrize("given", ["configure", "client"])
def test_ceilings_hold_for_runs_by_callback_too(given: str) -> None:
    """These go past the limiter, since the service queues them; a ceiling counts them all the same."""
    with Crowd().freed() as crowd, crowd.hive.serve() as server:
        asked: dict[str, Any] = {"base_url": server.url, "api_key": KEY}
        if given == "configure":
            fh.configure(max_concurrency=3)
        else:
            asked["max_concurrency"] = 3
        with fh.Client(**asked) as client:
            batches = [
                _batch(client, name, 12, "flow", delivery="callback", wait=False, name=name) for name in ("a", "b")
            ]
            assert [batch.wait().counts.done for batch in batches] == [12, 12]
            assert crowd.most["all"] <= 3


def test_at_once_is_raised_and_lowered_while_it_runs() -> None:
    """Raised, more begin at once; lowered, none begins until fewer are out; what a refusal taught stays the bound."""
    with Crowd().freed() as crowd, crowd.hive.client() as client:
        batch = _batch(client, "tuned", 30, max_concurrency=2, wait=False)
        beside = _batch(client, "beside", 12, max_concurrency=3, wait=False)
        crowd.wait_for(tuned=2, beside=3)
        batch.max_concurrency = 7
        crowd.wait_for(tuned=7, beside=3)
        assert (batch.limit, batch.in_flight, beside.limit) == (7, 7, 3)
        crowd.let_go("beside")
        beside.wait()
        assert crowd.most["beside"] == 3
        batch.max_concurrency = 1
        until(lambda: batch.limit == 1)
        crowd.hive.configure(concurrency=2)
        crowd.let_go("tuned")
        batch.wait()
        assert batch.counts.refused == 0  # one at once is never one too many

    shouting = Shouting(concurrency=2, latency_s=0.002)
    client = shouting.hive.client()
    seen: list[int] = []

    def raise_it(event: object) -> None:
        if not seen and batch.admits is not None:
            batch.max_concurrency = 50
            seen.append(batch.limit)

    batch = fh.batch(rows(200), "shout", variants="loud", client=client, progress=False, max_concurrency=4, wait=False)
    batch._control._on_event = raise_it
    batch.wait()
    assert batch.max_concurrency == 50
    assert batch.counts.refused <= 40  # at most 12 where nothing else runs on the machine
    assert batch.admits is not None
    assert batch.admits <= 3
    assert batch.counts.done == 200


def test_a_limit_begins_at_the_number_and_forgets_it_at_the_end() -> None:
    """A batch begins with its number, a refusal teaches less, and nothing of the number is left after its end."""
    shouting = Shouting(concurrency=3, latency_s=0.005)
    client = shouting.hive.client()
    limits: list[int] = []

    def look(event: object) -> None:
        limits.append(client.limiter.limit)

    batch = fh.batch(
        rows(40), "shout", variants="loud", client=client, progress=False, max_concurrency=6, on_event=look
    )
    assert batch.counts.refused >= 1
    assert max(limits) <= 6
    assert client.limiter.limit < 6
    free = LocalHive()

    @free.workflow("shout", variant="loud")
    def loud(text: str) -> str:
        return text

    limiter = free.client().limiter
    limits.clear()
    fh.batch(
        rows(3), "shout", variants="loud", client=free.client(), progress=False, max_concurrency=9,
        on_event=lambda event: limits.append(limiter.limit),
    )  # fmt: skip
    assert 9 in limits
    assert limiter.limit < 9
