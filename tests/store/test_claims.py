"""Claims: one job of one batch has one owner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from fh_notebook.contract.run import Run
from fh_notebook.store.batches import BatchRecord
from fh_notebook.store.claims import Claim
from fh_notebook.store.forgetting import Forgotten, Which
from fh_notebook.store.store import Store
from tests.store.kept import batch_in

RUN = Run(status="completed", output="hi", deployment="d")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "answers.sqlite3").closing() as opened:
        yield opened


def _requests(store: Store, workspace: str = "w") -> int:
    return store.requests_on(workspace, datetime.now(UTC))


def test_one_of_two_gets_a_job(store: Store) -> None:
    """The other is told who has it; asked again, so is the first: a row that comes twice is called once."""
    a, b = store.new_owner(), store.new_owner()
    batch, another = batch_in(store, "batch"), batch_in(store, "another")
    assert store.claim(batch, "k", a, workspace="w", seen_id=0).result().mine
    assert store.claim(batch, "k", b, workspace="w", seen_id=0).result() == Claim(owner=a.name, batch=batch)
    assert store.claim(batch, "k", a, workspace="w", seen_id=0).result() == Claim(owner=a.name, batch=batch)
    assert store.claim(another, "k", b, workspace="w", seen_id=0).result().mine
    assert _requests(store) == 2, "who does not get it sends nothing"
    a.end()
    b.end()


def test_who_takes_the_answers_of_all_batches_waits_for_their_calls_too(store: Store) -> None:
    """What another batch has out, or has answered since the plan, is not called, nor what it was refused for good."""
    a, b = store.new_owner(), store.new_owner()
    one, other = batch_in(store, "one"), batch_in(store, "other")
    seen = store.newest_id()
    ask = partial(store.claim, one, "k", a, workspace="w", seen_id=seen, anywhere=True)
    store.claim(other, "k", b, workspace="w", seen_id=seen).result()
    assert ask().result() == Claim(owner=b.name, batch=other)
    line, _ = store.keep_answer(RUN, key="k", batch=other, workspace="w", owner=b).result()
    answered = ask().result().answered
    assert answered is not None
    assert (answered.id, answered.batch) == (line, other)
    assert _requests(store) == 1
    for status_code, stands in ((422, True), (503, False), (None, False)):
        key = f"failed {status_code}"
        failed = Run(status="failed", status_code=status_code, deployment="d")
        line, _ = store.keep_answer(failed, key=key, batch=other, workspace="w").result()
        claim = store.claim(one, key, a, workspace="w", seen_id=seen, anywhere=True).result()
        assert (claim.answered.id if claim.answered else None, claim.mine) == (line if stands else None, not stands)
    a.end()
    b.end()


def test_an_answer_takes_the_claim_with_it(store: Store) -> None:
    """Whoever planned before the answer is given it in place of the job."""
    a, b = store.new_owner(), store.new_owner()
    batch = batch_in(store)
    seen = store.newest_id()
    store.claim(batch, "k", a, workspace="w", seen_id=seen).result()
    store.keep_answer(RUN, key="k", batch=batch, workspace="w", owner=a).result()
    assert store.claims_of_batch(batch) == {}
    claim = store.claim(batch, "k", b, workspace="w", seen_id=seen).result()
    assert claim.answered is not None
    assert claim.answered.run.output == "hi"
    assert not claim.mine
    a.end()
    b.end()


def test_who_has_seen_the_answer_may_call_anew(store: Store) -> None:
    """An answer that was there at the time of the plan is no news: the user asked for another one."""
    owner = store.new_owner()
    batch = batch_in(store)
    store.keep_answer(RUN, key="k", batch=batch, workspace="w").result()
    assert store.claim(batch, "k", owner, workspace="w", seen_id=store.newest_id()).result().mine
    owner.end()


def test_a_job_that_was_given_back_is_anybodys(store: Store) -> None:
    """Only its owner can give it back; its request is taken back where it was not sent."""
    a, b = store.new_owner(), store.new_owner()
    batch = batch_in(store)
    store.claim(batch, "k", a, workspace="w", seen_id=0).result()
    assert not store.release(batch, "k", b, workspace="w", sent=False).result()
    assert _requests(store) == 1
    assert store.release(batch, "k", a, workspace="w", sent=False).result()
    assert _requests(store) == 0
    assert not store.release(batch, "k", a, workspace="w", sent=False).result()
    assert store.claim(batch, "k", b, workspace="w", seen_id=0).result().mine
    assert store.release(batch, "k", b, workspace="w", sent=True).result()
    assert _requests(store) == 1, "it was refused, and counts"
    a.end()
    b.end()


@pytest.mark.parametrize("how", ["release", "keep"])
def test_a_request_that_reached_nobody_is_taken_back_on_the_day_of_its_claim(tmp_path: Path, how: str) -> None:
    """Also when that is known only after midnight: neither day has one too many, and none one too few."""
    evening = datetime(2026, 11, 27, 23, 59, 59, tzinfo=UTC)
    morning = evening + timedelta(seconds=2)
    now = [evening]
    with Store(tmp_path / "s.sqlite3", now=lambda: now[0]).closing() as store:
        owner, batch = store.new_owner(), batch_in(store)
        for key in ("k", "sent"):
            store.claim(batch, key, owner, workspace="w", seen_id=0).result()
        now[0] = morning
        store.claim(batch, "then", owner, workspace="w", seen_id=0).result()
        if how == "release":
            store.release(batch, "k", owner, workspace="w", sent=False).result()
        else:
            away = Run(status="failed", error_code="connect", deployment="d")
            store.keep_answer(away, key="k", batch=batch, workspace="w", owner=owner, unsent=True).result()
        assert [store.requests_on("w", day) for day in (evening, morning)] == [1, 1]
        capped = store.claim(batch, "more", owner, workspace="w", seen_id=0, daily_cap=1).result()
        assert capped == Claim(capped=True)
        owner.end()


def test_one_of_two_takes_a_dead_owners_job_over(store: Store) -> None:
    """The second finds another owner in its place."""
    dead, a, b = (store.new_owner() for _ in range(3))
    batch = batch_in(store)
    take_over = partial(store.take_over, batch, "k", from_owner=dead.name)
    store.claim(batch, "k", dead, workspace="w", seen_id=0).result()
    dead.end()
    assert not store.is_alive(dead.name)
    assert take_over(owner=a).result()
    assert not take_over(owner=b).result()
    assert store.claims_of_batch(batch) == {"k": a.name}
    assert _requests(store) == 1, "who only waits for what was submitted before sends nothing"
    a.end()
    b.end()


def test_forgetting_a_batch_forgets_no_claim_of_another_workspaces(store: Store) -> None:
    """Both have the name; what may have run there would else be called, and paid for, again."""
    numbers = {}
    for workspace, deployment in (("here", "one"), ("there", "two")):
        record = BatchRecord(
            name="n", workspace=workspace, deployment=deployment, variants=(), created_at=datetime.now(UTC)
        )
        numbers[workspace] = store.keep_batch(record).result()
    assert numbers["here"] != numbers["there"]
    dead = store.new_owner()
    for workspace, number in numbers.items():
        store.claim(number, "k", dead, workspace=workspace, seen_id=0).result()
    dead.end()
    assert store.forget(Which(deployment="one")) == Forgotten(batches=1)
    assert store.claims_of_batch(numbers["here"]) == {}
    assert store.claims_of_batch(numbers["there"]) == {"k": dead.name}
    store.forget(Which(batch="n", workspace="here"))
    assert store.claims_of_batch(numbers["there"]) == {"k": dead.name}
    store.forget(Which(batch="n"))
    assert store.claims_of_batch(numbers["there"]) == {}


def test_what_somebody_is_running_is_not_removed_for_its_age(store: Store) -> None:
    """Neither its answers nor its claims: it would be called, and paid for, by two at once."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    numbers = {}
    for name in ("runs", "rests"):
        record = BatchRecord(name=name, workspace="w", deployment="d", variants=(), created_at=began)
        numbers[name] = store.keep_batch(record).result()
        store.keep_answer(RUN, key="a", batch=numbers[name], workspace="w").result()
    owner = store.new_owner()
    store.claim(numbers["runs"], "b", owner, workspace="w", seen_id=0).result()
    assert store.running(Which(before=datetime.now(UTC))) == {numbers["runs"]: "runs"}
    assert store.forget(Which(before=datetime.now(UTC))) == Forgotten(answers=1, batches=1)
    assert [record.name for record in store.batches()] == ["runs"]
    assert [kept.batch for kept in store.every_answer()] == [numbers["runs"]]
    assert store.claims_of_batch(numbers["runs"]) == {"b": owner.name}
    owner.end()
    assert store.forget(Which(before=datetime.now(UTC))) == Forgotten(answers=1, batches=1)
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
