"""Parts of a batch in the store; the store in memory; a claim that comes with an answer."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fh_notebook.contract.run import Run
from fh_notebook.errors import StoreError
from fh_notebook.store.store import Store
from fh_notebook.store.tables.batches import BatchRecord, JobRow, StoredRow
from fh_notebook.store.tables.plans import BatchPlan, revision_of
from fh_notebook.store.writer import Committed
from tests.store.kept import answers_in, batch_in
from tests.told import facts

RUN = Run(status="completed", output="hi", deployment="d")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "answers.sqlite3").closing() as opened:
        yield opened


def _line(position: int, repeat: int = 1, arm: int = 0, key: str = "k") -> JobRow:
    return JobRow(position, repeat, arm, key, "{}", "{}", "[]", 1)


def _plan(name: str, before: BatchRecord | None, jobs: Sequence[JobRow], rows: Sequence[StoredRow]) -> BatchPlan:
    record = BatchRecord(name=name, workspace="w", deployment="d", variants=("v",), created_at=datetime.now(UTC))
    return BatchPlan(record=record, seen=revision_of(before), jobs=jobs, rows=rows, now=0.0)


def _keep_plan(store: Store, name: str, jobs: Sequence[JobRow] = (), rows: Sequence[StoredRow] = ()) -> int:
    """Plan a batch, or more of it, and return its number."""
    number = store.keep_plan(_plan(name, store.batches.find(name, "w"), jobs, rows)).result()
    assert number
    return number


places = st.tuples(st.integers(0, 30), st.integers(1, 3), st.integers(0, 2))


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(places, max_size=60), st.integers(1, 7))
def test_jobs_come_in_the_order_of_their_places_whatever_the_window(
    store: Store, planned: list[tuple[int, int, int]], window: int
) -> None:
    """Each place once, with the key that was planned last."""
    store.database.put(lambda c: c.execute("DELETE FROM jobs")).result()
    batch = batch_in(store, "batch")
    for number, place in enumerate(planned):
        assert _keep_plan(store, "batch", [_line(*place, key=str(number))]) == batch
    assert _keep_plan(store, "another", [_line(0)]) != batch
    last = {place: str(number) for number, place in enumerate(planned)}
    read = [line for part in store.jobs.windows(batch, window=window) for line in part]
    assert [(line.position, line.repeat, line.arm) for line in read] == sorted(last)
    assert all(line.key == last[line.position, line.repeat, line.arm] for line in read)
    assert store.jobs.count(batch) == len(last)
    keys = [line for part in store.jobs.key_windows(batch, window=window) for line in part]
    assert [line[:4] for line in keys] == [line[:4] for line in read]
    at = store.jobs.keys_at(batch, {position for position, _, _ in last})
    assert [line[:4] for line in at] == [line[:4] for line in read]


def test_rows_are_found_by_their_places(store: Store) -> None:
    """Those that are not there are left out; other batches' are other rows."""
    batch = _keep_plan(store, "batch", rows=[StoredRow(p, f'"r{p}"', "{}") for p in range(5)])
    assert sorted(store.rows.at(batch, [1, 3, 99])) == [1, 3]
    assert store.rows.at(_keep_plan(store, "another"), [1]) == {}


def test_of_two_kernels_that_plan_a_batch_at_once_one_compares_again(store: Store) -> None:
    """Nothing is written over what the plan was not made for; the second is told, and plans with what is there."""
    for before in (None, store.batches.by_id(_keep_plan(store, "known", [_line(0, key="old")]))):
        name = before.name if before is not None else "new"
        first, second = (_plan(name, before, [_line(p, key=str(p))], [StoredRow(p, "0", "{}")]) for p in (1, 2))
        batch = store.keep_plan(first).result()
        assert batch
        assert store.keep_plan(second).result() == 0
        assert {line.key for part in store.jobs.windows(batch) for line in part} == {"1"} | (
            {"old"} if before else set()
        )
        assert sorted(store.rows.at(batch, [1, 2])) == [1]
        assert store.keep_plan(replace(second, seen=revision_of(store.batches.by_id(batch)))).result() == batch
        assert sorted(store.rows.at(batch, [1, 2])) == [1, 2]


def test_the_next_job_is_claimed_in_the_commit_of_the_last_answer(store: Store) -> None:
    """One commit for both: there is no instant at which the answer is kept and the next job is anybody's."""
    owner, other = store.owners.new(), store.owners.new()
    batch = batch_in(store)
    assert store.claims.take(batch, "k1", owner, workspace="w", seen_id=0).result().mine
    line, claim = store.claims.answer(RUN, key="k1", batch=batch, workspace="w", owner=owner, then="k2").result()
    assert line == 1
    assert claim is not None
    assert claim.mine
    assert store.claims.of_batch(batch) == {"k2": owner.name}
    assert store.claims.take(batch, "k2", other, workspace="w", seen_id=0).result().owner == owner.name
    line, claim = store.claims.answer(RUN, key="k2", batch=batch, workspace="w", owner=owner, then="k1").result()
    assert claim is not None
    assert claim.answered is not None
    assert claim.answered.id == 1
    assert store.requests.on_day("w", datetime.now(UTC)) == 2
    owner.end()
    other.end()


def test_a_store_in_memory_writes_nothing_anywhere(tmp_path: Path) -> None:
    """It has all that a file has: answers, claims, owners, plans; two of them share nothing."""
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        with Store.in_memory().closing() as store, Store.in_memory().closing() as other:
            owner = store.owners.new()
            batch = batch_in(store)
            assert store.claims.take(batch, "k", owner, workspace="w", seen_id=0).result().mine
            assert store.owners.is_alive(owner.name)
            assert not other.owners.is_alive(owner.name)
            store.claims.answer(RUN, key="k", batch=batch, workspace="w", owner=owner).result()
            owner.end()
            assert not store.owners.is_alive(owner.name)
            assert [kept.run.output for kept in answers_in(store, "b")] == ["hi"]
            assert (list(other.answers.every()), other.batches.every()) == ([], [])
            threads = [threading.Thread(target=store.answers.newest_id) for _ in range(5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        os.chdir(here)
    assert list(tmp_path.iterdir()) == []


def test_who_waits_is_called_once_whenever_they_ask() -> None:
    """Before, during and after the end, from many threads."""
    for _ in range(50):
        write: Committed[int] = Committed()
        called: list[int] = []
        barrier = threading.Barrier(5)

        def ask(
            write: Committed[int] = write, called: list[int] = called, barrier: threading.Barrier = barrier
        ) -> None:
            barrier.wait()
            write.add_done_callback(lambda done: called.append(done.result()))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        barrier.wait()
        write.finish(7)
        for thread in threads:
            thread.join()
        assert called == [7] * 4
        assert (write.done(), write.exception(), write.result()) == (True, None, 7)


def test_a_wait_for_a_commit_may_be_bounded() -> None:
    """It is not lost for that."""
    write: Committed[int] = Committed()
    with pytest.raises(TimeoutError, match=facts("0.01")):
        write.result(timeout=0.01)
    write.finish(error=StoreError("full"))
    with pytest.raises(StoreError, match="full"):
        write.result()


def test_a_plan_is_written_only_over_the_state_that_it_was_made_for(store: Store) -> None:
    """Under a name that another batch has since, or over a batch that was extended or replaced since, nothing is."""
    number = _keep_plan(store, "b", [_line(0)])
    seen = store.batches.find("b", "w")
    late = _plan("b", None, [_line(0, key="other")], [])
    assert store.keep_plan(late).result() == 0
    _keep_plan(store, "b", [_line(1)])
    assert store.keep_plan(_plan("b", seen, [_line(0, key="other")], [])).result() == 0
    assert [line.key for window in store.jobs.windows(number) for line in window] == ["k", "k"]
    before = store.batches.find("b", "w")
    assert before is not None
    new = replace(_plan("b", before, [_line(0)], []), earlier_name="b@then")
    new = replace(new, record=replace(new.record, plan={"replaced": [number]}))
    other = store.keep_plan(new).result()
    assert other not in (0, number)
    assert store.keep_plan(new).result() == 0, "another kernel that would replace it, too, compares again"
    assert store.keep_plan(_plan("b", before, [_line(2)], [])).result() == 0
    old, now = store.batches.by_id(number), store.batches.find("b", "w")
    assert old is not None
    assert now is not None
    assert (old.name, old.plan["replaced_by"], now.id) == ("b@then", [other], other)
    goes_on = _plan("b", old, [_line(2)], [])
    goes_on = replace(goes_on, record=replace(goes_on.record, plan=old.plan))
    assert store.keep_plan(goes_on).result() == number, "it goes on under its new name"
    assert [record.name for record in store.batches.every()].count("b") == 1
    again = replace(_plan("b", now, [_line(0)], []), earlier_name="b@later")
    again = replace(again, record=replace(again.record, plan={"replaced": [other, number]}))
    third = store.keep_plan(again).result()
    found = [store.batches.by_id(one) for one in (number, other)]
    assert [record.plan["replaced_by"] for record in found if record] == [[other, third], [third]]
