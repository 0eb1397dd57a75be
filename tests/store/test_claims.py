"""Claims: one job of one batch has one owner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fh_notebook.contract.run import Run
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.forgetting import Which
from fh_notebook.store.store import Store

RUN = Run(status="completed", output="hi", deployment="d")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "answers.sqlite3").closing() as opened:
        yield opened


def test_one_of_two_gets_a_job(store: Store) -> None:
    """The other is told who has it; asked again, so is the first: a row that comes twice is called once."""
    a, b = store.new_owner(), store.new_owner()
    assert store.claim("batch", "k", a, seen_id=0).result().mine
    assert store.claim("batch", "k", b, seen_id=0).result().owner == a.name
    assert store.claim("batch", "k", a, seen_id=0).result().owner == a.name
    assert store.claim("another", "k", b, seen_id=0).result().mine
    a.end()
    b.end()


def test_an_answer_takes_the_claim_with_it(store: Store) -> None:
    """Whoever planned before the answer is given it in place of the job."""
    a, b = store.new_owner(), store.new_owner()
    seen = store.newest_id()
    store.claim("batch", "k", a, seen_id=seen).result()
    store.keep_answer(RUN, key="k", batch="batch", workspace="w", owner=a).result()
    assert store.claims_of_batch("batch") == {}
    claim = store.claim("batch", "k", b, seen_id=seen).result()
    assert claim.answered is not None
    assert claim.answered.run.output == "hi"
    assert not claim.mine
    a.end()
    b.end()


def test_who_has_seen_the_answer_may_call_anew(store: Store) -> None:
    """An answer that was there at the time of the plan is no news: the user asked for another one."""
    owner = store.new_owner()
    store.keep_answer(RUN, key="k", batch="batch", workspace="w").result()
    assert store.claim("batch", "k", owner, seen_id=store.newest_id()).result().mine
    owner.end()


def test_a_job_that_was_given_back_is_anybodys(store: Store) -> None:
    """Only its owner can give it back."""
    a, b = store.new_owner(), store.new_owner()
    store.claim("batch", "k", a, seen_id=0).result()
    assert not store.release("batch", "k", b).result()
    assert store.release("batch", "k", a).result()
    assert store.claim("batch", "k", b, seen_id=0).result().mine
    a.end()
    b.end()


def test_one_of_two_takes_a_dead_owners_job_over(store: Store) -> None:
    """The second finds another owner in its place."""
    dead, a, b = (store.new_owner() for _ in range(3))
    store.claim("batch", "k", dead, seen_id=0).result()
    dead.end()
    assert not store.is_alive(dead.name)
    assert store.take_over("batch", "k", from_owner=dead.name, owner=a).result()
    assert not store.take_over("batch", "k", from_owner=dead.name, owner=b).result()
    assert store.claims_of_batch("batch") == {"k": a.name}
    a.end()
    b.end()


def test_forgetting_a_batch_forgets_no_claim_of_another_workspaces(store: Store) -> None:
    """Both have the name; what may have run there would else be called, and paid for, again."""
    for workspace, deployment in (("here", "one"), ("there", "two")):
        record = BatchRecord(
            name="n", workspace=workspace, deployment=deployment, variants=(), created_at=datetime.now(UTC)
        )
        store.keep_batch(record).result()
    dead = store.new_owner()
    store.claim("n", "k", dead, seen_id=0).result()
    dead.end()
    store.forget(Which(deployment="one"))
    assert store.claims_of_batch("n") == {"k": dead.name}
    store.forget(Which(batch="n"))
    assert store.claims_of_batch("n") == {}


def test_what_somebody_is_running_is_not_removed_for_its_age(store: Store) -> None:
    """Neither its answers nor its claims: it would be called, and paid for, by two at once."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    for name in ("runs", "rests"):
        record = BatchRecord(name=name, workspace="w", deployment="d", variants=(), created_at=began)
        store.keep_batch(record).result()
        store.keep_answer(RUN, key="a", batch=name, workspace="w").result()
    owner = store.new_owner()
    store.claim("runs", "b", owner, seen_id=0).result()
    assert store.forget(Which(before=datetime.now(UTC))) == 1
    assert [record.name for record in store.batches()] == ["runs"]
    assert [kept.batch for kept in store.every_answer()] == ["runs"]
    assert store.claims_of_batch("runs") == {"b": owner.name}
    owner.end()
    assert store.forget(Which(before=datetime.now(UTC))) == 1
    assert store.batches() == []


def test_an_owner_that_ended_leaves_no_file(store: Store) -> None:
    """And one that was never there is not alive."""
    owner = store.new_owner()
    folder = store.path.with_name(f"{store.path.name}-owners")
    assert [p.name for p in folder.iterdir()] == [owner.name]
    assert store.is_alive(owner.name)
    owner.end()
    owner.end()
    assert list(folder.iterdir()) == []
    assert not store.is_alive(owner.name)
