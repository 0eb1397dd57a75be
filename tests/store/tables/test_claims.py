"""Claims: one job of one batch has one owner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from fh_notebook.contract.run import Run
from fh_notebook.store.retention import ForgetFilter, Forgotten
from fh_notebook.store.store import Store
from fh_notebook.store.tables import answers, claims
from fh_notebook.store.tables.answers import row_of_run
from fh_notebook.store.tables.batches import BatchRecord
from fh_notebook.store.tables.claims import Claim, ClaimRequest
from tests.store.kept import batch_in

RUN = Run(status="completed", output="hi", deployment="d")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "answers.sqlite3").closing() as opened:
        yield opened


def _requests(store: Store, workspace: str = "w") -> int:
    return store.requests.on_day(workspace, datetime.now(UTC))


def test_one_of_two_gets_a_job(store: Store) -> None:
    """The other is told who has it; asked again, so is the first: a row that comes twice is called once."""
    a, b = store.owners.new(), store.owners.new()
    batch, another = batch_in(store, "batch"), batch_in(store, "another")
    assert store.claims.take(batch, "k", a, workspace="w", seen_id=0).result().mine
    assert store.claims.take(batch, "k", b, workspace="w", seen_id=0).result() == Claim(owner=a.name, batch=batch)
    assert store.claims.take(batch, "k", a, workspace="w", seen_id=0).result() == Claim(owner=a.name, batch=batch)
    assert store.claims.take(another, "k", b, workspace="w", seen_id=0).result().mine
    assert _requests(store) == 2, "who does not get it sends nothing"
    a.end()
    b.end()


def test_who_takes_the_answers_of_all_batches_waits_for_their_calls_too(store: Store) -> None:
    """What another batch has out, or has answered since the plan, is not called, nor what it was refused for good."""
    a, b = store.owners.new(), store.owners.new()
    one, other = batch_in(store, "one"), batch_in(store, "other")
    seen = store.answers.newest_id()
    ask = partial(store.claims.take, one, "k", a, workspace="w", seen_id=seen, anywhere=True)
    store.claims.take(other, "k", b, workspace="w", seen_id=seen).result()
    assert ask().result() == Claim(owner=b.name, batch=other)
    line, _ = store.claims.answer(RUN, key="k", batch=other, workspace="w", owner=b).result()
    answered = ask().result().answered
    assert answered is not None
    assert (answered.id, answered.batch) == (line, other)
    assert _requests(store) == 1
    for status_code, stands in ((422, True), (503, False), (None, False)):
        key = f"failed {status_code}"
        failed = Run(status="failed", status_code=status_code, deployment="d")
        line, _ = store.claims.answer(failed, key=key, batch=other, workspace="w").result()
        claim = store.claims.take(one, key, a, workspace="w", seen_id=seen, anywhere=True).result()
        assert (claim.answered.id if claim.answered else None, claim.mine) == (line if stands else None, not stands)
    a.end()
    b.end()


def test_an_answer_takes_the_claim_with_it(store: Store) -> None:
    """Whoever planned before the answer is given it in place of the job."""
    a, b = store.owners.new(), store.owners.new()
    batch = batch_in(store)
    seen = store.answers.newest_id()
    store.claims.take(batch, "k", a, workspace="w", seen_id=seen).result()
    store.claims.answer(RUN, key="k", batch=batch, workspace="w", owner=a).result()
    assert store.claims.of_batch(batch) == {}
    claim = store.claims.take(batch, "k", b, workspace="w", seen_id=seen).result()
    assert claim.answered is not None
    assert claim.answered.run.output == "hi"
    assert not claim.mine
    a.end()
    b.end()


def test_who_has_seen_the_answer_may_call_anew(store: Store) -> None:
    """An answer that was there at the time of the plan is no news: the user asked for another one."""
    owner = store.owners.new()
    batch = batch_in(store)
    store.claims.answer(RUN, key="k", batch=batch, workspace="w").result()
    assert store.claims.take(batch, "k", owner, workspace="w", seen_id=store.answers.newest_id()).result().mine
    owner.end()


def test_a_job_that_was_given_back_is_anybodys(store: Store) -> None:
    """Only its owner can give it back; its request is taken back where it was not sent."""
    a, b = store.owners.new(), store.owners.new()
    batch = batch_in(store)
    store.claims.take(batch, "k", a, workspace="w", seen_id=0).result()
    assert not store.claims.release(batch, "k", b, workspace="w", sent=False).result()
    assert _requests(store) == 1
    assert store.claims.release(batch, "k", a, workspace="w", sent=False).result()
    assert _requests(store) == 0
    assert not store.claims.release(batch, "k", a, workspace="w", sent=False).result()
    assert store.claims.take(batch, "k", b, workspace="w", seen_id=0).result().mine
    assert store.claims.release(batch, "k", b, workspace="w", sent=True).result()
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
        owner, batch = store.owners.new(), batch_in(store)
        for key in ("k", "sent"):
            store.claims.take(batch, key, owner, workspace="w", seen_id=0).result()
        now[0] = morning
        store.claims.take(batch, "then", owner, workspace="w", seen_id=0).result()
        if how == "release":
            store.claims.release(batch, "k", owner, workspace="w", sent=False).result()
        else:
            away = Run(status="failed", error_code="connect", deployment="d")
            store.claims.answer(away, key="k", batch=batch, workspace="w", owner=owner, unsent=True).result()
        assert [store.requests.on_day("w", day) for day in (evening, morning)] == [1, 1]
        capped = store.claims.take(batch, "more", owner, workspace="w", seen_id=0, daily_cap=1).result()
        assert capped == Claim(capped=True)
        owner.end()


def test_one_of_two_takes_a_dead_owners_job_over(store: Store) -> None:
    """The second finds another owner in its place."""
    dead, a, b = (store.owners.new() for _ in range(3))
    batch = batch_in(store)
    take_over = partial(store.claims.take_over, batch, "k", from_owner=dead.name)
    store.claims.take(batch, "k", dead, workspace="w", seen_id=0).result()
    dead.end()
    assert not store.owners.is_alive(dead.name)
    assert take_over(owner=a).result()
    assert not take_over(owner=b).result()
    assert store.claims.of_batch(batch) == {"k": a.name}
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
        numbers[workspace] = store.batches.keep(record).result()
    assert numbers["here"] != numbers["there"]
    dead = store.owners.new()
    for workspace, number in numbers.items():
        store.claims.take(number, "k", dead, workspace=workspace, seen_id=0).result()
    dead.end()
    assert store.forget(ForgetFilter(deployment="one")) == Forgotten(batches=1)
    assert store.claims.of_batch(numbers["here"]) == {}
    assert store.claims.of_batch(numbers["there"]) == {"k": dead.name}
    store.forget(ForgetFilter(batch="n", workspace="here"))
    assert store.claims.of_batch(numbers["there"]) == {"k": dead.name}
    store.forget(ForgetFilter(batch="n"))
    assert store.claims.of_batch(numbers["there"]) == {}


def test_what_somebody_is_running_is_not_removed_for_its_age(store: Store) -> None:
    """Neither its answers nor its claims: it would be called, and paid for, by two at once."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    numbers = {}
    for name in ("runs", "rests"):
        record = BatchRecord(name=name, workspace="w", deployment="d", variants=(), created_at=began)
        numbers[name] = store.batches.keep(record).result()
        store.claims.answer(RUN, key="a", batch=numbers[name], workspace="w").result()
    owner = store.owners.new()
    store.claims.take(numbers["runs"], "b", owner, workspace="w", seen_id=0).result()
    assert store.running(ForgetFilter(before=datetime.now(UTC))) == {numbers["runs"]: "runs"}
    assert store.forget(ForgetFilter(before=datetime.now(UTC))) == Forgotten(answers=1, batches=1)
    assert [record.name for record in store.batches.every()] == ["runs"]
    assert [kept.batch for kept in store.answers.every()] == [numbers["runs"]]
    assert store.claims.of_batch(numbers["runs"]) == {"b": owner.name}
    owner.end()
    assert store.forget(ForgetFilter(before=datetime.now(UTC))) == Forgotten(answers=1, batches=1)
    assert store.batches.every() == []


def test_an_owner_that_ended_leaves_no_file(store: Store) -> None:
    """And one that was never there is not alive."""
    owner = store.owners.new()
    folder = store.path.with_name(f"{store.path.name}-owners")
    assert [p.name for p in folder.iterdir()] == [owner.name]
    assert store.owners.is_alive(owner.name)
    owner.end()
    owner.end()
    assert list(folder.iterdir()) == []
    assert not store.owners.is_alive(owner.name)


# --- what counts, and for whom


LOST = Run(status="unknown", error_code="cut_off", deployment="d")
REFUSED = Run(status="failed", status_code=422, deployment="d")
AWAY = Run(status="failed", status_code=503, deployment="d")
WAITS = Run(status="awaiting_approval", deployment="d")
RUNS = {"completed": RUN, "lost": LOST, "refused": REFUSED, "away": AWAY, "waits": WAITS}

ASKED: dict[str, dict[str, bool]] = {
    "": {},
    "alone": {"alone": True},
    "call_lost": {"call_lost": True},
    "anywhere": {"anywhere": True},
    "anywhere, call_lost": {"anywhere": True, "call_lost": True},
}
RULES = """
whose     what      |          alone    call_lost  anywhere  anywhere, call_lost
own       claimed   | held     held     held       held      held
own       completed | answered answered answered   answered  answered
own       lost      | answered answered answered   answered  answered
own       refused   | answered answered answered   answered  answered
own       away      | answered answered answered   answered  answered
earlier   claimed   | held     mine     held       held      held
earlier   completed | answered mine     answered   answered  answered
earlier   lost      | answered mine     answered   answered  answered
earlier   away      | answered mine     answered   answered  answered
later     claimed   | held     mine     held       held      held
later     completed | answered mine     answered   answered  answered
later     lost      | answered mine     answered   answered  answered
later     away      | answered mine     answered   answered  answered
other     claimed   | mine     mine     mine       held      held
other     completed | mine     mine     mine       answered  answered
other     lost      | mine     mine     mine       answered  mine
other     waits     | mine     mine     mine       answered  answered
other     refused   | mine     mine     mine       answered  answered
other     away      | mine     mine     mine       mine      mine
single    completed | mine     mine     mine       answered  answered
single    lost      | mine     mine     mine       answered  mine
"""
TOLD = [
    (whose, what, how, came)
    for line in RULES.strip().splitlines()[1:]
    for (whose, what), states in [(line.split("|")[0].split(), line.split("|")[1].split())]
    for how, came in zip(ASKED, states, strict=True)
]


@pytest.fixture
def family(store: Store) -> dict[str, int]:
    """A batch, one that it replaced, one that replaced it, and another one."""
    numbers = {name: batch_in(store, name) for name in ("other", "earlier", "later", "another")}
    record = BatchRecord(
        name="own", workspace="w", deployment="d", variants=(), created_at=datetime.now(UTC),
        plan={"replaced": [numbers["earlier"]], "replaced_by": [numbers["later"]]},
    )  # fmt: skip
    return {**numbers, "own": store.batches.keep(record).result()}


@pytest.mark.parametrize(("whose", "what", "how", "came"), TOLD)
def test_what_counts_of_which_batch(
    store: Store, family: dict[str, int], whose: str, what: str, how: str, came: str
) -> None:
    """What a batch has out or has answered, for one that asks for the same job, as the table says."""
    a, b = store.owners.new(), store.owners.new()
    seen, line = store.answers.newest_id(), 0
    if what == "claimed":
        store.claims.take(family[whose], "k", b, workspace="w", seen_id=seen).result()
    elif whose == "single":
        run = row_of_run(RUNS[what], key="k", workspace="w", batch=None, kept_at=datetime.now(UTC))
        line = store.database.put(partial(answers.append, row=run)).result()
    else:
        line, _ = store.claims.answer(RUNS[what], key="k", batch=family[whose], workspace="w").result()
    claim = store.claims.take(family["own"], "k", a, workspace="w", seen_id=seen, **ASKED[how]).result()
    assert came == ("mine" if claim.mine else "answered" if claim.answered else "held")
    assert claim.answered is None or claim.answered.id == line
    assert claim.owner is None or (claim.owner, claim.batch) == (b.name, family[whose])
    assert _requests(store) == (claim.mine + (what == "claimed"))
    a.end()
    b.end()


@pytest.mark.parametrize(
    ("lines", "how", "taken"),
    [
        (["other completed", "other lost"], "anywhere", 0),
        (["other refused", "other lost"], "anywhere", 1),
        (["other refused", "other lost"], "anywhere, call_lost", None),
        (["other lost", "other refused"], "anywhere", 1),
        (["other lost", "other away"], "anywhere", 0),
        (["other lost", "other lost"], "anywhere", 1),
        (["other completed", "other away"], "anywhere", 0),
        (["other completed", "other completed"], "anywhere", 1),
        (["own completed", "own away"], "", 1),
        (["own away", "other completed"], "anywhere", 0),
        (["other completed", "own away"], "anywhere", 1),
        (["earlier completed", "own lost", "other completed"], "anywhere", 1),
        (["seen", "own completed", "own away"], "", 1),
        (["own completed", "seen"], "", None),
        (["other completed", "seen"], "anywhere", None),
        (["other completed", "seen", "other lost"], "anywhere", 1),
    ],
)
def test_which_line_since_the_plan_answers_a_job(
    store: Store, family: dict[str, int], lines: list[str], how: str, taken: int | None
) -> None:
    """Of the batch and its relatives the newest; of others what stands of them. What was there at
    the plan is no news.
    """
    owner = store.owners.new()
    seen, numbers = store.answers.newest_id(), []
    for line in lines:
        if line == "seen":
            seen = store.answers.newest_id()
            continue
        whose, what = line.split()
        numbers.append(store.claims.answer(RUNS[what], key="k", batch=family[whose], workspace="w").result()[0])
    claim = store.claims.take(family["own"], "k", owner, workspace="w", seen_id=seen, **ASKED[how]).result()
    assert (claim.answered.id if claim.answered else None) == (None if taken is None else numbers[taken])
    owner.end()


def test_jobs_that_are_asked_for_together_are_judged_each_for_its_own(store: Store, family: dict[str, int]) -> None:
    """In one commit: by whom, for which batch, seen when, how, where and under which cap."""
    a, b, other = (store.owners.new() for _ in range(3))
    store.claims.take(family["other"], "out", other, workspace="w", seen_id=0).result()
    store.claims.take(family["other"], "out too", other, workspace="w", seen_id=0).result()
    store.claims.take(family["later"], "later", other, workspace="w", seen_id=0).result()
    line, _ = store.claims.answer(RUN, key="known", batch=family["own"], workspace="w").result()
    store.claims.answer(LOST, key="lost", batch=family["other"], workspace="w").result()
    base = ClaimRequest(
        batch=family["own"], key="k", owner=a.name, seen_id=0, now=datetime.now(UTC).timestamp(), workspace="w"
    )
    first = Claim(owner=a.name, batch=family["own"])
    asked = [
        (base, Claim(mine=True)),
        (base, first),
        (base._replace(owner=b.name), first),
        (base._replace(batch=family["another"]), Claim(mine=True)),
        (base._replace(key="out"), Claim(mine=True)),
        (base._replace(key="out too", anywhere=True), Claim(owner=other.name, batch=family["other"])),
        (base._replace(key="later", alone=True), Claim(mine=True)),
        (base._replace(key="known", seen_id=line), Claim(mine=True)),
        (base._replace(key="lost", anywhere=True, call_lost=True), Claim(mine=True)),
        (base._replace(key="there", workspace="there"), Claim(mine=True)),
        (base._replace(key="capped", daily_cap=1), Claim(capped=True)),
        (base._replace(key="capped", workspace="there", daily_cap=2), Claim(mine=True)),
    ]
    came = store.database.put(lambda c: claims.take_each(c, [one for one, _ in asked])).result()
    assert came == [expected for _, expected in asked]
    assert [_requests(store, name) for name in ("w", "there")] == [9, 2]
    for owner in (a, b, other):
        owner.end()


def test_who_has_a_job_is_told_of_its_own_batch_first(store: Store, family: dict[str, int]) -> None:
    """Also where another batch had it before."""
    a, b, c = (store.owners.new() for _ in range(3))
    store.claims.take(family["other"], "k", a, workspace="w", seen_id=0).result()
    store.claims.take(family["own"], "k", b, workspace="w", seen_id=0).result()
    store.claims.take(family["another"], "k", a, workspace="w", seen_id=0).result()
    claim = store.claims.take(family["own"], "k", c, workspace="w", seen_id=0, anywhere=True).result()
    assert claim == Claim(owner=b.name, batch=family["own"])
    for whose, owner in (("other", a), ("earlier", b)):
        store.claims.take(family[whose], "there", owner, workspace="w", seen_id=0).result()
    claim = store.claims.take(family["own"], "there", c, workspace="w", seen_id=0).result()
    assert claim == Claim(owner=b.name, batch=family["earlier"]), "not by one that does not count"
    store.claims.answer(RUN, key="there", batch=family["other"], workspace="w").result()
    assert store.claims.take(family["own"], "there", c, workspace="w", seen_id=0).result() == claim, (
        "nor is it answered"
    )
    for owner in (a, b, c):
        owner.end()


def test_a_cap_that_is_used_up_admits_none_and_what_is_left_admits_the_first(store: Store) -> None:
    """Also a cap that was lowered since; whoever is refused has no claim."""
    owner, batch = store.owners.new(), batch_in(store)
    for number in range(3):
        store.claims.take(batch, f"k{number}", owner, workspace="w", seen_id=0).result()
    asked = [
        ClaimRequest(
            batch=batch, key=f"n{n}", owner=owner.name, seen_id=0, now=datetime.now(UTC).timestamp(), workspace="w",
            daily_cap=cap,
        )
        for cap in (1, 5)
        for n in range(4)
    ]  # fmt: skip
    came = store.database.put(lambda c: claims.take_each(c, asked)).result()
    assert [claim.capped for claim in came] == [True] * 4 + [False] * 2 + [True] * 2
    assert sorted(store.claims.of_batch(batch)) == ["k0", "k1", "k2", "n0", "n1"]
    assert _requests(store) == 5
    owner.end()


def test_a_claim_is_of_one_batch_and_one_owner(tmp_path: Path) -> None:
    """Given back, answered, settled or taken over, the same job of another batch or owner stays; and its request."""
    day = [datetime(2026, 11, 26, 12, tzinfo=UTC)]
    with Store(tmp_path / "s.sqlite3", now=lambda: day[0]).closing() as store:
        a, b = store.owners.new(), store.owners.new()
        two, one = batch_in(store, "two"), batch_in(store, "one")
        for batch in (two, one):
            store.claims.take(batch, "k", a, workspace="w", seen_id=0).result()
            day[0] += timedelta(days=1)
        before, after = datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC)
        assert not store.claims.release(one, "k", b, workspace="w", sent=False).result()
        store.claims.answer(RUN, key="k", batch=one, workspace="w", owner=b, unsent=True).result()
        assert not store.claims.settle(LOST, key="k", batch=one, workspace="w", from_owner=b.name).result()
        assert not store.claims.take_over(one, "k", from_owner=b.name, owner=b).result()
        assert (store.claims.of_batch(one), store.claims.of_batch(two)) == ({"k": a.name}, {"k": a.name})
        assert [store.requests.on_day("w", at) for at in (before, after)] == [1, 1]
        assert store.claims.take_over(one, "k", from_owner=a.name, owner=b).result()
        assert (store.claims.of_batch(one), store.claims.of_batch(two)) == ({"k": b.name}, {"k": a.name})
        assert store.claims.take_over(one, "k", from_owner=b.name, owner=a).result()
        store.database.put(lambda c: claims.uncount(c, one, "k", a.name, workspace="w")).result()
        assert [store.requests.on_day("w", at) for at in (before, day[0])] == [1, 0]
        assert store.claims.release(one, "k", a, workspace="w", sent=True).result()
        assert (store.claims.of_batch(one), store.claims.of_batch(two)) == ({}, {"k": a.name})
        store.claims.take(one, "k", a, workspace="w", seen_id=store.answers.newest_id()).result()
        store.claims.answer(RUN, key="k", batch=one, workspace="w", owner=a).result()
        assert (store.claims.of_batch(one), store.claims.of_batch(two)) == ({}, {"k": a.name})
        a.end()
        b.end()


def test_a_start_is_no_job_and_may_be_said_twice(store: Store) -> None:
    """It says that the batch is run, and nothing of what is out."""
    owner, batch = store.owners.new(), batch_in(store)
    assert store.claims.begin_start(batch, owner).result() == (True, "")
    assert store.claims.begin_start(batch, owner).result() == (True, "")
    assert store.claims.of_batch(batch) == {}
    assert store.running(ForgetFilter(batch="b")) == {batch: "b"}
    assert store.claims.end_start(batch, owner).result()
    assert store.running(ForgetFilter(batch="b")) == {}
    owner.end()
