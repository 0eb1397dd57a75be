"""`Store`: what was kept is found again, as it was, and nothing else is."""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fh_notebook.contract.job_key import job_key
from fh_notebook.contract.run import Run
from fh_notebook.contract.secrets import Secrets
from fh_notebook.core.redaction import Secret
from fh_notebook.errors import StoreError
from fh_notebook.store.retention import ForgetFilter
from fh_notebook.store.store import Store
from fh_notebook.store.tables import answers
from fh_notebook.store.tables.answers import AnswerSummary, row_of_run
from fh_notebook.store.tables.batches import BatchRecord
from tests import environment
from tests.store.kept import answers_in, batch_in


def _run(**values: Any) -> Run:
    known = {"status": "completed", "deployment": "d", "variant": "v", "inputs": {"x": 1}}
    return Run(**{**known, **values})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "answers.sqlite3").closing() as opened:
        yield opened


def test_a_run_is_found_again_as_it_was(store: Store) -> None:
    """Every field comes back, also after the store was closed and opened."""
    run = _run(
        output={"label": "billing", "n": [1, None, 0.5]},
        request_id="req_1",
        elapsed_s=0.25,
        attempts=2,
        started_at=datetime(2026, 11, 25, 8, tzinfo=UTC),
        metadata={"case": 42},
        origin="local",
        raw={"run_status": "completed"},
        status_code=200,
    )
    store.answers.keep(run, "w").result()
    store.close()
    assert [kept.run for kept in store.answers.single_runs()] == [run]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_output_is_kept_as_it_came(store: Store, output: Any) -> None:
    """Whatever JSON a model answers, half characters, zero bytes and huge numbers included."""
    store.answers.keep(_run(output=output), "w").result()
    assert store.answers.single_runs(1)[0].run.output == output


def test_an_output_that_is_nested_too_deep_is_kept_without_it(store: Store) -> None:
    """The call is on record, and the store goes on."""
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    store.answers.keep(_run(output=deep, request_id="req_1"), "w").result()
    [kept] = store.answers.single_runs()
    assert (kept.run.output, kept.run.request_id) == (None, "req_1")
    assert kept.run.error
    while deep:  # an inner list at a time: the interpreter's own way down would be too deep
        deep = deep[0]


def test_a_run_that_is_nested_deeper_than_sqlite_reads_hides_no_other(store: Store) -> None:
    """Python 3.12 and later write 9,000 levels, SQLite reads 1,000: the times of the other calls
    are told all the same.
    """
    store.answers.keep(_run(elapsed_s=0.5), "w").result()
    known = row_of_run(_run(elapsed_s=1.0), key="k", workspace="w", batch=None, kept_at=datetime.now(UTC))
    deep = known._replace(
        run=json.dumps({"output": "here", "elapsed_s": 1.0}).replace('"here"', "[" * 1_500 + "]" * 1_500)
    )
    store.database.put(partial(answers.append, row=deep)).result()
    assert [seconds for seconds, _ in store.answers.durations_of("w", "d")] == [0.5]


def test_no_secret_is_written(store: Store) -> None:
    """Neither the file nor its log holds the signing secret, in whatever spelling."""
    store.answers.keep(_run(webhook_secret=Secret("whsec_do_not_write_me")), "w").result()
    written = b"".join(p.read_bytes() for p in store.path.parent.iterdir() if p.is_file())
    assert b"completed" in written
    assert b"do_not_write_me" not in written


def _outputs(store: Store, seen: list[AnswerSummary]) -> list[Any]:
    kept = store.answers.by_ids(line.id for line in seen)
    return [kept[line.id].run.output for line in seen]


def test_answers_are_never_overwritten_and_come_newest_first(store: Store) -> None:
    """A paid answer stays, also when the same job was called anew."""
    batch = batch_in(store)
    for output in ("first", "second"):
        store.claims.answer(_run(output=output), key="k", batch=batch, workspace="w").result()
    assert [kept.run.output for kept in answers_in(store, "b")] == ["second", "first"]
    assert _outputs(store, store.answers.of_jobs(["k", "unknown"], batches=None)) == ["second", "first"]


def test_a_batch_has_only_its_own_answers(store: Store) -> None:
    """Another batch's answer to the same job, and a single run, are found by key only, or by a batch that uses them."""
    key = job_key("w", "d", "v", {"x": 1})
    b, c, nobody = batch_in(store, "b"), batch_in(store, "c"), batch_in(store, "nobody")
    store.claims.answer(_run(output="mine"), key=key, batch=b, workspace="w").result()
    seen = store.answers.newest_id()
    other, _ = store.claims.answer(_run(output="other"), key=key, batch=c, workspace="w").result()
    store.claims.answer(_run(output="again"), key=key, batch=b, workspace="w").result()
    store.answers.keep(_run(output="single"), "w").result()
    assert [kept.run.output for kept in answers_in(store, "b")] == ["again", "mine"]
    assert _outputs(store, store.answers.of_jobs([key], batches=None)) == ["single", "again", "other", "mine"]
    assert _outputs(store, store.answers.of_jobs([key], batches=[b])) == ["again", "mine"]
    assert _outputs(store, store.answers.of_jobs([key], batches=[b], after_id=seen)) == ["again"]
    assert _outputs(store, store.answers.of_jobs([key], batches=[nobody])) == []
    assert [kept.run.output for kept in store.answers.single_runs()] == ["single"]
    store.uses.keep(b, [other]).result()
    assert [kept.run.output for kept in answers_in(store, "b")] == ["again", "mine"]
    assert _outputs(store, store.answers.of_jobs([key], batches=[b])) == ["again", "other", "mine"]


def test_answers_can_be_asked_for_by_age(tmp_path: Path) -> None:
    """Only those that are young enough, by the store's own clock."""
    now = [datetime(2026, 11, 24, 12, tzinfo=UTC)]
    with Store(tmp_path / "answers.sqlite3", now=lambda: now[0]).closing() as store:
        batch = batch_in(store)
        store.claims.answer(_run(output="old"), key="k", batch=batch, workspace="w").result()
        now[0] += timedelta(days=1)
        store.claims.answer(_run(output="new"), key="k", batch=batch, workspace="w").result()
        young = store.answers.of_jobs(["k"], batches=None, since=now[0] - timedelta(hours=1))
        assert _outputs(store, young) == ["new"]
    assert [seen.kept_at for seen in young] == [now[0].timestamp()]


def test_many_keys_are_asked_for_at_once(store: Store) -> None:
    """More of them than an SQL statement has places for."""
    batch = batch_in(store)
    store.claims.answer(_run(), key="k7", batch=batch, workspace="w").result()
    for batches in (None, [batch]):
        assert [seen.key for seen in store.answers.of_jobs((f"k{i}" for i in range(100_000)), batches=batches)] == [
            "k7"
        ]


def test_a_number_is_never_given_again(store: Store) -> None:
    """Neither a batch's nor an answer's: what was held of the one that was forgotten is not taken for another."""
    batch = batch_in(store)
    line, _ = store.claims.answer(_run(output="gone"), key="k", batch=batch, workspace="w").result()
    store.forget(ForgetFilter(batch="b"))
    assert (store.answers.newest_id(), store.answers.by_ids([line]), store.batches.by_id(batch)) == (line, {}, None)
    store.close()
    again = batch_in(store)
    assert again > batch
    assert store.claims.answer(_run(), key="k", batch=again, workspace="w").result()[0] > line
    assert (store.answers.by_ids([line]), store.batches.by_id(batch)) == ({}, None)


def test_a_batch_keeps_its_first_date_and_its_last_plan(store: Store) -> None:
    """The same name with more rows extends the batch; the same name in another workspace is another batch."""
    first = datetime(2026, 11, 24, tzinfo=UTC)

    def record(workspace: str, created_at: datetime, rows: int) -> BatchRecord:
        return BatchRecord(
            name="b",
            workspace=workspace,
            deployment="d",
            variants=("x", "y"),
            created_at=created_at,
            plan={"rows": rows},
        )

    assert store.batches.keep(record("w", first, 10)).result() == 1
    store.batches.keep(record("w", first + timedelta(days=1), 20)).result()
    store.batches.keep(record("other", first + timedelta(days=2), 5)).result()
    assert store.batches.find("b", "w") == replace(record("w", first, 20), id=1)
    assert [r.workspace for r in store.batches.every()] == ["other", "w"]
    assert store.batches.find("unknown", "w") is None


def test_a_write_can_be_awaited_from_any_loop(store: Store) -> None:
    """Two event loops in two threads, one store."""

    async def keep(number: int) -> None:
        await asyncio.gather(*(store.answers.keep(_run(output=[number, i]), "w") for i in range(20)))

    threads = [threading.Thread(target=asyncio.run, args=(keep(n),)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept.run.output for kept in store.answers.single_runs()) == [
        [n, i] for n in range(2) for i in range(20)
    ]


def test_who_stops_waiting_does_not_take_the_answer_back(store: Store) -> None:
    """A cancelled await leaves the write in the queue: the answer is paid for."""
    begun, go = threading.Event(), threading.Event()

    def hold(connection: object) -> None:
        begun.set()
        go.wait()

    async def main() -> None:
        holding = store.database.put(hold)
        await asyncio.to_thread(begun.wait)
        waiting = asyncio.ensure_future(store.answers.keep(_run(output="paid"), "w"))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go.set()
        await holding

    asyncio.run(main())
    store.close()
    assert [kept.run.output for kept in store.answers.single_runs()] == ["paid"]


def test_what_was_put_and_not_waited_for_is_there_after_the_exit(tmp_path: Path) -> None:
    """A program that ends normally has kept everything."""
    path = tmp_path / "answers.sqlite3"
    program = (
        "import sys; from fh_notebook.store.store import Store; from fh_notebook.contract.run import Run\n"
        "store = Store(sys.argv[1])\n"
        "for i in range(500): store.answers.keep(Run(status='completed', output=i), 'w')\n"
    )
    subprocess.run([sys.executable, "-c", program, path], env=environment.for_process(tmp_path), check=True)
    with Store(path).closing() as store:
        assert sorted(kept.run.output for kept in store.answers.single_runs(1000)) == list(range(500))


def test_a_store_travels_by_its_path(store: Store) -> None:
    """Pickled, as to a worker process, it is the same file, opened anew."""
    store.answers.keep(_run(), "w").result()
    with pickle.loads(pickle.dumps(store)).closing() as other:
        assert len(other.answers.single_runs()) == 1


def test_an_error_names_the_path_once(tmp_path: Path) -> None:
    """The path and the cure stand in the message, once."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        Store(tmp_path / "file" / "answers.sqlite3").answers.single_runs()
    assert str(caught.value).count("answers.sqlite3") == 1


def test_a_single_runs_secrets_are_masked_and_its_key_is_of_the_real_ones(store: Store) -> None:
    """So that the same call is found again, and nobody reads the password."""
    run = _run(inputs={"x": 1, "token": "s3cret"})
    store.answers.keep(run, "w", secrets=Secrets(names=frozenset({"token"}))).result()
    [kept] = store.answers.single_runs()
    assert kept.run.inputs == {"x": 1, "token": "***"}
    assert kept.key == job_key("w", "d", "v", run.inputs)


def test_an_answer_that_could_not_be_kept_is_owed_until_it_is(store: Store) -> None:
    """Each once, with the claim that it takes away; what raises leaves nothing behind and forgets nothing."""
    owner = store.owners.new()
    batch = batch_in(store)
    store.claims.take(batch, "k", owner, workspace="w", seen_id=0).result()
    store.database.put(lambda c: c.execute("ALTER TABLE answers RENAME TO away")).result()
    with pytest.raises(StoreError):
        store.claims.answer(_run(output="paid"), key="k", batch=batch, workspace="w", owner=owner).result()
    with pytest.raises(StoreError):
        store.keep_owed()
    store.database.put(lambda c: c.execute("ALTER TABLE away RENAME TO answers")).result()
    owner.end()
    for _ in range(2):
        store.keep_owed()
        assert [kept.run.output for kept in answers_in(store, "b")] == ["paid"]
        assert store.claims.of_batch(batch) == {}
