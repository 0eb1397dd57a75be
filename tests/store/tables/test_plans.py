"""Answers that a batch shows and did not pay for, counted requests, and forgotten jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from fh_notebook.contract.run import Run
from fh_notebook.store import retention
from fh_notebook.store.store import Store
from fh_notebook.store.tables import plans
from fh_notebook.store.tables import requests as requests_module
from tests.store.kept import answers_in, batch_in

RUN = Run(status="completed", output="hi", deployment="d")
FAILED = Run(status="failed", status_code=422, deployment="d")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def now() -> list[datetime]:
    return [NOON]


@pytest.fixture
def store(tmp_path: Path, now: list[datetime]) -> Iterator[Store]:
    with Store(tmp_path / "answers.sqlite3", now=lambda: now[0]).closing() as opened:
        yield opened


def _answer(store: Store, batch: int, key: str = "k", run: Run = RUN) -> int:
    return store.claims.answer(run, key=key, batch=batch, workspace="w").result()[0]


def test_a_batch_uses_answers_of_others_and_of_single_runs(store: Store) -> None:
    """Its own are none, nor are those that are not there; said twice, it is said once."""
    one, two = batch_in(store, "one"), batch_in(store, "two")
    own, other, unused = _answer(store, one), _answer(store, two), _answer(store, two)
    single = store.answers.keep(RUN, "w").result()
    for _ in range(2):
        store.uses.keep(one, [own, other, single, 999]).result()
    assert sorted(store.uses.of_batch(one)) == sorted([other, single])
    assert store.uses.of_batch(two) == []
    assert unused not in store.uses.of_batch(one)


def test_what_others_use_is_inherited_by_the_first_of_them(store: Store) -> None:
    """And shown by the others still; what nobody uses stays whose it was."""
    gone, one, two, three = (batch_in(store, name) for name in ("gone", "one", "two", "three"))
    shared, single_use, unused = (_answer(store, gone, key) for key in "abc")
    elsewhere = _answer(store, three, "d")
    store.uses.keep(two, [shared, single_use, elsewhere]).result()
    store.uses.keep(one, [shared]).result()
    assert store.database.put(lambda c: plans.inherit_uses(c, gone)).result() == 2
    assert [kept.id for kept in answers_in(store, "one")] == [shared]
    assert [kept.id for kept in answers_in(store, "two")] == [single_use]
    assert [kept.id for kept in answers_in(store, "gone")] == [unused]
    assert (store.uses.of_batch(one), sorted(store.uses.of_batch(two))) == ([], [shared, elsewhere])


def test_a_job_is_looked_up_by_its_batches_what_they_use_and_since_when(store: Store, now: list[datetime]) -> None:
    """The newest first; only what was asked for, kept behind a number, and late enough."""
    one, two = batch_in(store, "one"), batch_in(store, "two")
    old = _answer(store, one)
    now[0] += timedelta(hours=1)
    used, not_used = _answer(store, two, run=FAILED), _answer(store, two)
    _answer(store, one, "another job")
    newest = _answer(store, one)
    store.uses.keep(one, [used]).result()

    def seen(**how: object) -> list[int]:
        return [line.id for line in store.answers.of_jobs(["k"], **{"batches": [one], **how})]  # type: ignore[arg-type]

    assert seen() == [newest, used, old]
    assert seen(batches=[two]) == [not_used, used]
    assert seen(batches=None) == [newest, not_used, used, old]
    assert seen(batches=[]) == []
    assert seen(after_id=old) == [newest, used]
    assert seen(since=now[0]) == [newest, used]
    assert seen(batches=None, after_id=used, since=now[0]) == [newest, not_used]
    failed = next(line for line in store.answers.of_jobs(["k"], batches=[one]) if line.id == used)
    assert failed.run is not None
    assert all(line.run is None for line in store.answers.of_jobs(["k"], batches=None) if line.status == "completed")


def test_completed_answers_are_counted_by_job_and_age(store: Store, now: list[datetime]) -> None:
    """A failed one is none, and two of one job are one."""
    one, two = batch_in(store, "one"), batch_in(store, "two")
    for batch, key, run in ((one, "a", RUN), (two, "a", RUN), (one, "b", FAILED), (one, "not asked", RUN)):
        _answer(store, batch, key, run)
    assert store.answers.completed_in(["a", "b", "c"]) == {("a", "one"), ("a", "two")}
    assert store.answers.completed_of(["a", "b", "c"]) == {"a"}
    assert store.answers.completed_of(["a"], since=now[0] + timedelta(seconds=1)) == set()
    now[0] += timedelta(hours=1)
    _answer(store, two, "b")
    assert store.answers.completed_of(["a", "b"], since=now[0]) == {"b"}


def test_the_newest_number_is_known_though_its_answer_was_forgotten(store: Store) -> None:
    """What is kept then has a higher one: it is news."""
    number = _answer(store, batch_in(store))
    store.database.put(lambda c: c.execute("DELETE FROM answers").rowcount).result()
    assert store.answers.newest_id() == number
    assert _answer(store, batch_in(store)) > number


def test_requests_are_counted_by_workspace_and_day_of_utc(store: Store) -> None:
    """Whatever the zone of the moment; what is taken back makes no day less than none."""

    def add(workspace: str, at: datetime, requests: int) -> None:
        store.database.put(lambda c: requests_module.add(c, workspace, at, requests)).result()

    morning_elsewhere = NOON.replace(hour=1).astimezone(timezone(timedelta(hours=-5)))
    assert morning_elsewhere.date() < NOON.date()
    add("w", morning_elsewhere, 2)
    add("other", NOON, 5)
    add("w", NOON + timedelta(days=1), 3)
    assert [store.requests.on_day("w", NOON + timedelta(days=n)) for n in (-1, 0, 1)] == [0, 2, 3]
    assert store.requests.on_day("w", morning_elsewhere) == 2
    assert store.requests.on_day("other", NOON) == 5
    assert store.requests.total() == 10
    add("w", NOON, -1)
    assert store.requests.on_day("w", NOON) == 1
    add("w", NOON, -3)
    add("never", NOON, -2)
    assert (store.requests.on_day("w", NOON), store.requests.on_day("never", NOON), store.requests.total()) == (0, 0, 8)
    add("w", NOON, 1)
    assert store.requests.on_day("w", NOON) == 1


def test_jobs_that_were_forgotten_are_those_of_one_batch(store: Store) -> None:
    """By its name and their keys; said twice, it is said once."""
    for _ in range(2):
        store.database.put(lambda c: retention.write_marks(c, [("one", "a"), ("one", "b"), ("two", "c")])).result()
    assert store.forgotten.count("one", ["a", "b", "c", "d"]) == 2
    assert store.forgotten.count("two", ["a", "b", "c"]) == 1
    assert store.forgotten.count("on", ["ea"]) == 0
