"""`fh.batch` against the real hive, through the real client, with a real store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.api import last_batch
from fh_notebook.batching.model import Event, Finished, JobCounts, Started
from fh_notebook.core.text import html
from fh_notebook.session import session
from fh_notebook.store.store import Store
from tests.batching.hives import KEY, Shouting, rows
from tests.store.kept import answers_in
from tests.told import facts, numbers_in, tells


@pytest.fixture
def shouting() -> Shouting:
    return Shouting()


@pytest.fixture(params=["in process", "socket"])
def way(request: pytest.FixtureRequest, shouting: Shouting) -> Iterator[fh.Client]:
    """A client of the hive, over both ways."""
    if request.param == "in process":
        with shouting.hive.client() as client:
            yield client
    else:
        with shouting.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
            yield client


def _batch(shouting: Shouting, source: Any, **options: Any) -> fh.Batch:
    return fh.batch(source, "shout", **{"client": shouting.hive.client(), "progress": False, **options})


def test_every_row_goes_through_every_variant(way: fh.Client, shouting: Shouting) -> None:
    """A tidy line each, the variants of a row side by side, failures among them, and the source's columns kept."""
    frame = pd.DataFrame({"text": ["Hi", "bad", "Yo"], "expected_output": ["HI", "x", "yo"]}, index=["p", "q", "r"])
    batch = fh.batch(frame, "shout", variants=["loud", "soft"], client=way, progress=False)
    assert batch.frame[["row", "variant", "status", "output", "expected_output"]].values.tolist() == [
        ["p", "loud", "completed", "HI", "HI"],
        ["p", "soft", "completed", "hi", "HI"],
        ["q", "loud", "failed", None, "x"],
        ["q", "soft", "completed", "bad", "x"],
        ["r", "loud", "completed", "YO", "yo"],
        ["r", "soft", "completed", "yo", "yo"],
    ]
    assert batch.failures["error"].tolist() == ["RuntimeError: cannot shout bad"]
    assert batch.pending.empty
    assert list(batch.pending.columns) == list(batch.frame.columns)
    assert batch.frame["request_id"].str.startswith("req_").all()
    assert (batch.frame["elapsed_s"] > 0).all()
    assert batch.counts == JobCounts(planned=6, done=5, failed=1, calls=6)
    assert shouting.calls == 6
    assert last_batch() is batch


def test_the_same_cell_again_calls_nothing(way: fh.Client, shouting: Shouting) -> None:
    """Completed answers and failures of the workflow are taken from the store, and every line says so."""
    cell: dict[str, Any] = {"variants": ["loud", "soft"], "client": way, "progress": False}
    first = fh.batch([*rows(3), {"text": "bad"}], "shout", **cell)
    again = fh.batch([*rows(3), {"text": "bad"}], "shout", **cell)
    assert again.name == first.name
    assert shouting.calls == 8
    assert again.counts == JobCounts(planned=8, done=7, failed=1, reused=8)
    assert again.frame["reused"].all()
    assert not first.frame["reused"].any()
    columns = ["row", "variant", "output", "error", "request_id", "started_at", "elapsed_s", "key"]
    pd.testing.assert_frame_equal(first.frame[columns], again.frame[columns])
    assert tells(str(again.plan()), "8 of 8")
    assert str(again.plan()).endswith("; 0 calls")


def test_more_rows_under_the_same_name_extend_a_batch(shouting: Shouting) -> None:
    """Only the new ones are called, and the plan says how many that leaves."""
    _batch(shouting, rows(3), name="mine")
    more = _batch(shouting, rows(5), name="mine")
    assert shouting.calls == 10
    assert more.counts == JobCounts(planned=10, done=10, reused=6, calls=4)
    assert tells(str(more.plan()), "6 of 10")
    assert "; 4 calls, about " in str(more.plan())


def test_a_pilot_is_not_paid_twice(shouting: Shouting) -> None:
    """First a few rows, then the same cell without `first` or `sample`: together each job once."""
    assert _batch(shouting, rows(10), first=2).counts == JobCounts(planned=4, done=4, calls=4)
    sample = _batch(shouting, rows(10), sample=3)
    whole = _batch(shouting, rows(10))
    assert shouting.calls == 20
    assert set(shouting.ran.values()) == {1}
    assert whole.counts.calls == 20 - 4 - sample.counts.calls


def test_equal_rows_are_called_once(shouting: Shouting) -> None:
    """Each has its line, and the later ones say that they cost nothing."""
    batch = _batch(shouting, [{"text": "a"}, {"text": "a"}, {"text": "b"}, {"text": "a"}], variants="loud")
    assert shouting.calls == 2
    assert batch.frame["output"].tolist() == ["A", "A", "B", "A"]
    assert batch.frame["reused"].tolist() == [False, True, False, True]
    assert batch.counts == JobCounts(planned=4, done=4, reused=2, calls=2)


def test_repeats_are_calls_of_their_own(shouting: Shouting) -> None:
    """Three answers to the same question, told apart."""
    batch = _batch(shouting, rows(1), variants="loud", repeats=3)
    assert batch.frame["repeat"].tolist() == [1, 2, 3]
    assert batch.frame["key"].is_unique
    assert shouting.calls == 3


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        ({}, 0),
        ({"reuse": None}, 4),
        ({"fresh": True}, 4),
        ({"reuse": timedelta(hours=1)}, 0),
        ({"reuse": timedelta(0)}, 4),
        ({"name": "other"}, 4),
        ({"name": "other", "reuse": "store"}, 0),
        ({"name": "other", "reuse": timedelta(hours=1)}, 0),
        ({"name": "other", "fresh": True, "reuse": "store"}, 4),
    ],
)
def test_which_kept_answers_count(shouting: Shouting, options: dict[str, Any], calls: int) -> None:
    """Those of the name by default; all, or those that young; none."""
    _batch(shouting, rows(2), name="mine")
    shouting.ran.clear()
    batch = _batch(shouting, rows(2), **{"name": "mine", **options})
    assert shouting.calls == batch.counts.calls == calls
    assert batch.counts.reused == 4 - calls


def test_calling_anew_keeps_the_older_answers(shouting: Shouting) -> None:
    """And a later run of the same cell takes the newest."""
    first = _batch(shouting, rows(1), variants="loud")
    fresh = _batch(shouting, rows(1), variants="loud", fresh=True)
    later = _batch(shouting, rows(1), variants="loud")
    ids = [batch.frame["request_id"][0] for batch in (first, fresh, later)]
    assert ids[0] != ids[1] == ids[2]
    store = session.store()
    assert store is not None
    assert len(answers_in(store, first.name)) == 2


def test_an_answer_of_a_single_run_can_be_reused(shouting: Shouting) -> None:
    """A cell has asked it before: `reuse="store"` finds it, by what was asked."""
    client = shouting.hive.client()
    run = client.invoke("shout", variant="loud", inputs={"text": "t0"})
    batch = _batch(shouting, rows(1), variants="loud", client=client, reuse="store")
    assert batch.frame["request_id"].tolist() == [run.request_id]
    assert shouting.calls == 1


def test_another_hive_is_another_workspace(shouting: Shouting) -> None:
    """Its answers are its own; one that has a name finds them again."""
    other = Shouting()
    _batch(shouting, rows(2))
    assert _batch(other, rows(2)).counts.calls == 4
    assert _batch(Shouting(name="lasting"), rows(2)).counts.calls == 4
    assert _batch(Shouting(name="lasting"), rows(2)).counts.calls == 0


def test_nothing_is_kept_where_nothing_is_to_be(shouting: Shouting, tmp_path: Path) -> None:
    """`store=None`: no file, and the same cell calls again."""
    fh.configure(store=None)
    first, again = _batch(shouting, rows(2)), _batch(shouting, rows(2))
    assert (first.counts.calls, again.counts.calls) == (4, 4)
    assert again.counts.done == 4
    assert not list(tmp_path.glob("*.sqlite3*"))


def test_the_store_holds_no_key(shouting: Shouting, tmp_path: Path) -> None:
    """Neither in an answer nor in a batch's record nor in a name."""
    with shouting.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        fh.batch(rows(3), "shout", variants="loud", client=client, progress=False)
    store = session.store()
    assert store is not None
    store.close()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"completed" in written
    assert KEY.encode() not in written


def test_a_batch_is_on_record(shouting: Shouting) -> None:
    """Its name, deployment, variants and size, for a history."""
    batch = _batch(shouting, rows(2), variants=["soft"], repeats=2)
    store = session.store()
    assert store is not None
    [record] = store.batches.every()
    assert (record.name, record.deployment, record.variants) == (batch.name, "shout", ("soft",))
    asked = {name: record.plan[name] for name in ("rows", "repeats", "arms")}
    assert asked == {"rows": 2, "repeats": 2, "arms": [["soft", "shout", "soft"]]}
    assert store.jobs.count(record.id) == 4


def test_bad_rows_raise_before_the_first_call(shouting: Shouting) -> None:
    """All of them together; or they are left out, and counted apart from the failed ones wherever people read."""
    source = [{"text": "a"}, {"text": 3}, {"text": "b"}, {"text": None}]
    with pytest.raises(fh.InputError) as caught:
        _batch(shouting, source)
    assert len(caught.value.problems) == 2
    assert shouting.calls == 0
    batch = _batch(shouting, source, on_invalid="skip")
    assert shouting.calls == 4
    assert batch.failures["row"].tolist() == [1, 1, 3, 3]
    assert set(batch.failures["error_code"]) == {"invalid_input"}
    assert batch.failures["key"].isna().all()
    assert batch.counts == JobCounts(planned=8, done=4, failed=4, calls=4)
    assert tells(batch.summary(), batch.name, "4 of 8", "4", "4 calls")
    page = batch._repr_html_()
    assert 'class="fh-badge fh-other">4 ' in page
    assert "failed</span>" not in page
    assert "retry_failed" not in page
    table = fh.compare(batch, score=None).browse()
    assert [len(table.show(only=kind).frame) for kind in ("failed", "not_sent")] == [0, 2]
    assert "not sent" in repr(table)
    batch.retry_failed()
    assert shouting.calls == 4
    again = fh.open_batch(batch.name, client=shouting.hive.client())
    name, _, counts = again.summary().partition(": ")
    assert (name, numbers_in(counts)) == (
        batch.name,
        ["4", "8", "4", "4", "0"],
    )  # completed of all, not sent, reused, calls


def test_calls_carry_their_stamps(shouting: Shouting) -> None:
    """The hive's own log can be searched by them."""
    batch = _batch(shouting, [{"text": "a", "metadata.case": 42}], variants="loud", metadata={"who": "me"})
    [call] = shouting.hive.calls
    assert call.metadata == {
        "case": 42,
        "who": "me",
        "fh_batch": batch.name,
        "fh_row": 0,
        "fh_variant": "loud",
        "fh_repeat": 1,
        "fh_job": batch.frame["key"][0],
    }


def test_a_deployment_with_a_schema_is_checked_and_its_defaults_are_sent(shouting: Shouting) -> None:
    """A CSV's text becomes the number that was declared."""
    dep = fh.Deployment("shout", variants=["loud"], inputs={"text": fh.text(), "times": fh.integer(default=2)})
    frame = pd.DataFrame({"body": ["a", "b"], "times": ["3", None]})
    batch = fh.batch(frame, dep, inputs={"text": "body"}, client=shouting.hive.client(), progress=False)
    assert batch.frame["output"].tolist() == ["AAA", "BB"]


def test_a_deployment_that_nobody_declared_is_sent_as_it_is(shouting: Shouting) -> None:
    """A name alone: every plain column is an input, and the variants must be said."""
    with shouting.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        batch = fh.batch(rows(2), "shout", variants=["loud"], client=client, progress=False)
        assert batch.frame["output"].tolist() == ["T0", "T1"]
        with pytest.raises(fh.InputError, match="give variants"):
            fh.batch(rows(2), "shout", client=client, progress=False)


def test_the_frame_can_be_had_in_parts(shouting: Shouting) -> None:
    """Together they are the frame."""
    batch = _batch(shouting, rows(5), variants="loud")
    parts = list(batch.iter_frames(2))
    assert [len(part) for part in parts] == [2, 2, 1]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), batch.frame)
    for odd in (0, 2.0, "2"):
        with pytest.raises(fh.SettingsError, match=facts("n", f"{odd!r}", "1")):
            next(batch.iter_frames(odd))


def test_no_rows_are_no_calls(shouting: Shouting) -> None:
    """An empty table is a batch with an empty frame."""
    batch = _batch(shouting, [])
    assert batch.frame.empty
    assert batch.counts == JobCounts()
    assert tells(repr(batch), "0 of 0")
    batch._repr_html_()


def test_a_batch_can_be_awaited_from_any_loop(shouting: Shouting) -> None:
    """The async twin, and an async client; several at once."""
    client = shouting.hive.client()

    async def main() -> list[fh.Batch]:
        return await asyncio.gather(
            fh.abatch(rows(3), "shout", client=client.aclient, progress=False, name="a"),
            fh.abatch(rows(3), "shout", client=client, progress=False, name="b"),
        )

    a, b = asyncio.run(main())
    assert (a.counts.done, b.counts.done) == (6, 6)
    asyncio.run(a.aresume())
    asyncio.run(a.aretry_failed())
    assert shouting.calls == 12


def test_events_are_told_in_order_and_a_listener_that_raises_ends_nothing(shouting: Shouting) -> None:
    """Each job starts before it finishes; after its first error the listener is left alone."""
    events: list[Event] = []
    _batch(shouting, rows(3), on_event=events.append, name="a")
    started = [event.job.key for event in events if isinstance(event, Started)]
    finished = [event.job.key for event in events if isinstance(event, Finished)]
    assert sorted(started) == sorted(finished)
    assert len(started) == 6
    told: list[Event] = []

    def listener(event: Event) -> None:
        told.append(event)
        raise RuntimeError("of the user's")

    assert _batch(shouting, rows(3), on_event=listener, name="b").counts.done == 6
    assert len(told) == 1


def test_progress_is_text_on_standard_error(shouting: Shouting, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan before the first call, and the end; `False` is silent."""
    _batch(shouting, rows(3), progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    first, last = shown.err.splitlines()
    assert first == "shout: 3 rows x 2 variants = 6 jobs; 6 calls"
    assert tells(last, "6 of 6", "6 calls")
    _batch(shouting, rows(3), progress=False, fresh=True)
    assert capsys.readouterr() == ("", "")


def test_a_batch_shows_itself_escaped_and_its_text_twin_says_the_same(shouting: Shouting) -> None:
    """Counts, the errors in a line, and the head of the frame; never the whole of it."""
    source = [{"text": "<script>alert(1)</script>"}, {"text": "bad <b>"}, *rows(30)]
    batch = _batch(shouting, source, variants="loud")
    shown = batch._repr_html_()
    assert "<script" not in shown
    assert "<SCRIPT" not in shown
    assert "&lt;SCRIPT&gt;" in shown
    assert shown.count("<tr>") == 11 + 2  # ten of the rows, and the one of the error
    text = repr(batch)
    for in_page, in_text in (
        ("31 completed", "31 of 32"),
        ("1 failed", "1 failed: 1 x"),
        ("32 calls", "32 calls"),
    ):
        assert in_page in shown
        assert in_text in text
    assert tells(shown, "10 of 32 jobs")
    assert len(text.splitlines()) == 2 + 11
    assert "failed" in text.splitlines()[3]


def test_a_batch_shows_each_error_with_its_rows_and_how_to_call_them_again(shouting: Shouting) -> None:
    """Invalid rows are corrected, failed ones are called again, and what fits has nothing to be repeated."""
    source = [{"text": 5}, *([{"text": "bad"}] * 7), *rows(3)]
    batch = _batch(shouting, source, variants="loud", on_invalid="skip")
    shown = batch._repr_html_()
    assert shown.count("<details") == 2
    assert "7 failed" in shown
    assert tells(shown, "5 of 7")
    assert ".retry_failed(error=&quot;RuntimeError: cannot shout bad&quot;)" in shown.replace("<wbr>", "")
    assert html.code("batch.browse()") in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"reuse": "all"}, ("reuse", "'all'")),
        ({"max_concurrency": 0}, ("max_concurrency", "0")),
        ({"max_calls": -1}, ("max_calls", "-1")),
        ({"max_calls": 1.5}, ("max_calls", "1.5", "0")),
        ({"max_seconds": float("inf")}, ("max_seconds", "inf", "0")),
        ({"first": 1.0}, ("first", "1.0", "1")),
        ({"sample": 0}, ("sample", "0", "1")),
        ({"repeats": 1.5}, ("repeats", "1.5", "1")),
        ({"repeats": 0}, ("repeats", "0")),
        ({"client": "me"}, ("client", "str")),
        ({"progress": "yes"}, ("progress", "'yes'")),
        ({"name": 5}, ("name", "5")),
        ({"metadata": ["case"]}, ("metadata", "'case'")),
        ({"on_event": "print"}, ("on_event", "'print'")),
    ],
)
def test_an_option_that_cannot_be_meant_raises_before_any_call(
    shouting: Shouting, options: dict[str, Any], said: str
) -> None:
    """One line, with what to give."""
    with pytest.raises(fh.SettingsError, match=facts(*said)):
        _batch(shouting, rows(2), **options)
    assert shouting.calls == 0


def test_a_store_that_cannot_be_used_raises_before_any_call(shouting: Shouting, tmp_path: Path) -> None:
    """An answer that could not be kept would be paid for in vain."""
    path = tmp_path / "notes.sqlite3"
    path.write_text("somebody's notes " * 100)
    fh.configure(store=path)
    with pytest.raises(fh.StoreError, match=facts(path)):
        _batch(shouting, rows(2))
    assert shouting.calls == 0


def test_a_disk_that_fills_up_stops_and_loses_no_answer(shouting: Shouting) -> None:
    """What was answered is in the batch, and with room again the same cell goes on."""
    store = session.store()
    assert store is not None
    source = [{"text": f"{i} " + "x" * 3000} for i in range(20)]
    _batch(shouting, source, variants="loud", max_calls=0)
    pages = store.database.put(lambda c: c.execute("PRAGMA page_count").fetchone()[0]).result()
    store.database.put(lambda c: c.execute(f"PRAGMA max_page_count={pages + 4}").fetchone()).result()
    batch = _batch(shouting, source, variants="loud", max_concurrency=2)
    assert batch.stopped is not None
    assert batch.stopped.reason == "store"
    assert tells(batch.stopped.message, store.path, "batch.resume()")
    assert batch.counts.done == shouting.calls < 20
    store.database.put(lambda c: c.execute("PRAGMA max_page_count=100000").fetchone()).result()
    batch.resume()
    assert batch.counts.done == 20
    assert shouting.calls == 20


def _refuse_answers(store: Store) -> None:
    store.database.put(
        lambda c: c.execute("CREATE TRIGGER no BEFORE INSERT ON answers BEGIN SELECT raise(ABORT, 'trouble'); END")
    ).result()


def _stopped_by_the_store(shouting: Shouting) -> tuple[fh.Batch, Store]:
    store = session.store()
    assert store is not None
    _refuse_answers(store)
    batch = _batch(shouting, rows(4), variants="loud", max_concurrency=2)
    assert batch.stopped is not None
    assert batch.stopped.reason == "store"
    assert batch.counts.done == shouting.calls == 2
    with pytest.raises(fh.StoreError, match="trouble"):  # still: nothing is called that could not be kept
        batch.resume()
    with pytest.raises(fh.StoreError, match="trouble"):
        batch.retry_failed()
    assert shouting.calls == 2
    return batch, store


@pytest.mark.parametrize("how", ["resume", "cell", "cell that calls what may have run", "close"])
def test_a_paid_answer_that_could_not_be_kept_is_kept_later(shouting: Shouting, how: str) -> None:
    """By whatever comes next, before anything is called: no claim is left, and nothing is paid twice."""
    batch, store = _stopped_by_the_store(shouting)
    store.database.put(lambda c: c.execute("DROP TRIGGER no")).result()
    if how == "close":
        store.close()
        assert len(answers_in(store, batch.name)) == 2
    if how == "resume":
        batch.resume()
        assert batch.counts == JobCounts(planned=4, done=4, calls=4)
    again = _batch(shouting, rows(4), variants="loud", retry_unknown="calls" in how)
    assert (again.counts.done, again.counts.unknown) == (4, 0)
    assert shouting.calls == 4
    assert len(answers_in(store, batch.name)) == 4
    assert store.claims.of_batch(batch.name) == {}


def test_an_answer_that_was_too_large_is_not_paid_again_by_itself(shouting: Shouting) -> None:
    """It ran: neither the same cell nor `resume` calls it, `retry_failed` does when the limit was raised."""
    fh.configure(max_response_bytes=1000)
    source = [{"text": "x" * 2000}, {"text": "y"}]
    batch = _batch(shouting, source, variants="loud")
    assert batch.failures["error_code"].tolist() == ["response_too_large"]
    batch.resume()
    assert _batch(shouting, source, variants="loud").counts == JobCounts(planned=2, done=1, failed=1, reused=2)
    assert shouting.calls == 2
    fh.configure(max_response_bytes=100_000)
    again = _batch(shouting, source, variants="loud").retry_failed("response_too_large")
    assert again.counts == JobCounts(planned=2, done=2, reused=1, calls=1)


def test_a_secret_is_neither_in_the_store_nor_in_the_frame(shouting: Shouting, tmp_path: Path) -> None:
    """Nor in the batch's records: masked, while the service gets it and the same cell finds its answers."""
    got: list[str] = []

    @shouting.hive.workflow("locked", variant="v")
    def locked(text: str, token: str) -> str:
        got.append(token)
        return text

    dep = fh.Deployment("locked", variants="v", inputs={"text": fh.text(), "token": fh.text(secret=True)})
    source = pd.DataFrame({"text": ["a", "b"], "password": ["s3cr3t-1", None]})
    options: dict[str, Any] = {"inputs": {"token": "password"}, "client": shouting.hive.client(), "progress": False}
    batch = fh.batch(source, dep, on_invalid="skip", **options)
    assert got == ["s3cr3t-1"]
    assert batch.frame["password"].fillna("none").tolist() == ["***", "none"]
    records = [(record, outcome.run.inputs) for _, outcome, record in batch.entries() if outcome]
    assert records[0] == ({"text": "a", "password": "***"}, {"text": "a", "token": "***"})
    assert source["password"].tolist()[0] == "s3cr3t-1"
    assert fh.batch(source, dep, on_invalid="skip", **options).counts.reused == 1
    store = session.store()
    assert store is not None
    store.close()
    assert not any(b"s3cr3t" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_further_variant_row_or_repeat_pays_for_nothing_that_was_answered_before(shouting: Shouting) -> None:
    """Without a name the batch is another one each time, and its answers are those of every other."""
    _batch(shouting, rows(3), variants="loud")
    shouting.hive.client().invoke("shout", variant="soft", inputs={"text": "t0"})
    both = _batch(shouting, rows(3), variants=["loud", "soft"])
    assert both.counts == JobCounts(planned=6, done=6, reused=4, calls=2)
    assert tells(str(both.plan()), "4 of 6")
    assert both.frame["output"].tolist() == ["T0", "t0", "T1", "t1", "T2", "t2"]
    assert _batch(shouting, rows(3), variants=["soft", "loud"]).counts.calls == 0
    assert _batch(shouting, [*rows(3), {"text": "new"}], variants=["loud", "soft"]).counts.calls == 2
    assert _batch(shouting, rows(2), variants="loud", repeats=3).counts.calls == 4
    assert _batch(shouting, rows(2), variants="loud", fresh=True).counts.calls == 2


def test_a_batch_with_a_name_says_what_other_batches_have_answered(shouting: Shouting) -> None:
    """It is about to pay again, which a name asks for; nothing is said where `reuse` or `fresh` decides it."""
    first = _batch(shouting, rows(3), variants="loud")
    cell: dict[str, Any] = {"variants": "loud", "name": "mine", "max_calls": 0}
    offered = str(_batch(shouting, rows(4), **cell).plan())
    assert tells(offered, "4 jobs", "3", repr(first.name), "reuse='store'", "4 calls", "0 calls")
    for options in ({"fresh": True}, {"reuse": "batch"}, {"reuse": "store"}):
        assert "reuse=" not in str(_batch(shouting, rows(4), **cell, **options).plan())
    _batch(shouting, rows(1), **(cell | {"max_calls": None, "name": "grows"}))
    grown = str(_batch(shouting, rows(4), **(cell | {"name": "grows"})).plan())
    assert tells(grown, "2", repr(first.name), "reuse='store'")
    assert "reuse=" not in str(_batch(shouting, rows(4), variants="loud", name="mine").resume().plan())


def test_a_store_that_another_program_locks_is_told_and_nothing_was_called(shouting: Shouting, tmp_path: Path) -> None:
    """Before the first call: the batch's own record could not be kept."""
    path = tmp_path / "locked.sqlite3"
    Store(path).close()
    with Store(path).closing() as made:
        made.answers.single_runs()
    fh.configure(store=path)
    store = session.store()
    assert store is not None
    store.database.busy_timeout_s = 0.05
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(fh.StoreError, match=facts(path)):
        _batch(shouting, rows(2))
    other.execute("ROLLBACK")
    other.close()
    assert shouting.calls == 0


def test_the_table_the_counts_and_the_sentence_agree() -> None:
    """On what is done, failed, unknown and reused, with rows that ask the same among them, now and in a re-run."""
    shouting = Shouting()
    shouting.hive.fail_next(1, status=500)  # may have run
    texts = ["lost", "lost", "good", "good", "bad", "bad", "bad", "fine"]
    told = []
    for _ in range(2):
        batch = fh.batch(
            [{"text": text} for text in texts], "shout", variants="loud", client=shouting.hive.client(),
            progress=False, max_concurrency=1,
        )  # fmt: skip
        counts, frame = batch.counts, batch.frame
        found = frame["status"].value_counts().to_dict()
        assert (counts.done, counts.failed, counts.unknown) == (found["completed"], found["failed"], found["unknown"])
        assert counts.reused == frame["reused"].sum()
        assert counts.reused_failed == (frame["reused"] & (frame["status"] == "failed")).sum()
        assert tells(batch.summary(), f"{counts.done} of 8", f"{counts.failed} failed", counts.unknown)
        assert f"{counts.reused} reused" in batch.summary()
        line = fh.history().iloc[0]
        assert (line["done"], line["failed"], line["unknown"]) == (counts.done, counts.failed, counts.unknown)
        told.append((counts.done, counts.failed, counts.unknown, counts.reused))
    assert told == [(3, 3, 2, 3), (3, 3, 2, 6)]


def test_what_failed_with_one_error_is_called_again_alone(shouting: Shouting) -> None:
    """Errors without a code are told apart by their line, as it is shown; other failed jobs stay as they are."""
    batch = _batch(shouting, [{"text": "bad one"}, {"text": "bad two"}], variants="loud")
    calls = batch.counts.calls
    batch.retry_failed(error="RuntimeError: cannot shout bad two")
    assert (batch.counts.failed, batch.counts.calls) == (2, calls + 1)
    batch.retry_failed(error="another error")
    assert batch.counts.calls == calls + 1


def test_what_an_error_repeats_of_a_password_is_not_shown(shouting: Shouting) -> None:
    """In the batch's text, its HTML and the code of a retry it is masked, and that code finds its jobs all the same."""
    secret = "bad password of the broker"
    deployment = fh.Deployment("shout", variants=["loud"], inputs={"text": {"type": "string", "format": "password"}})
    batch = fh.batch([{"text": secret}], deployment, client=shouting.hive.client(), progress=False)
    assert batch.counts.failed == 1
    assert secret not in batch._repr_html_() + repr(batch)
    calls = batch.counts.calls
    assert batch.retry_failed(error="RuntimeError: cannot shout ***").counts.calls == calls + 1


@pytest.mark.parametrize("limit", [{"max_calls": 0}, {"max_calls": 0, "name": "other"}])
def test_a_limit_of_calls_stops_nothing_where_every_answer_is_saved(limit: dict[str, Any]) -> None:
    """Nothing is pending, so there is nothing to go on with; one row more is."""
    client = Shouting().hive.client()
    fh.batch(rows(3), "shout", variants="loud", client=client, name="one", progress=False)
    options = {"name": "one", "reuse": "store"} | limit
    again = fh.batch(rows(3), "shout", variants="loud", client=client, progress=False, **options)
    assert (again.counts.reused, again.counts.pending, again.stopped) == (3, 0, None)
    more = fh.batch(rows(4), "shout", variants="loud", client=client, progress=False, max_calls=0, reuse="store")
    assert (more.counts.reused, more.counts.pending) == (3, 1)
    assert more.stopped is not None
    assert more.stopped.reason == "max_calls"
