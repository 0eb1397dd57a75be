"""One name, one table; a batch is written whole or not at all; what is forgotten is never shown as something else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.planning.table_match import match
from fh_notebook.session import session
from fh_notebook.store.store import Store
from fh_notebook.store.tables import claims
from tests import environment
from tests.batching.hives import KEY, Held, Shouting, rows, until
from tests.store.kept import batch_in
from tests.told import facts, tells


@pytest.fixture
def shouting() -> Shouting:
    return Shouting(name="lasting")


def texts(*given: str, **more: list[Any]) -> list[dict[str, Any]]:
    return [{"text": text, **{name: values[i] for name, values in more.items()}} for i, text in enumerate(given)]


def run(shouting: Shouting, source: Any, name: str | None = "x", **options: Any) -> fh.Batch:
    options = {"variants": "loud", "progress": False, **options}
    return fh.batch(source, "shout", client=shouting.hive.client(), name=name, **options)


def opened(shouting: Shouting, name: str = "x") -> fh.Batch:
    return fh.open_batch(name, client=shouting.hive.client())


def shown(batch: fh.Batch) -> list[tuple[Any, ...]]:
    """Each line of the frame: label, variant, the text beside the output, and the output."""
    return list(batch.frame[["row", "variant", "text", "output"]].itertuples(index=False, name=None))


def kept() -> Store:
    store = session.store()
    assert store is not None
    return store


# --- written whole, or not at all


def test_a_refused_table_leaves_nothing_and_its_own_advice_keeps_all_of_it(shouting: Shouting) -> None:
    """After the InputError the name is free; `on_invalid="skip"` under it is opened with every row."""
    source = [{"text": "a"}, {"text": 5}, {"text": "c"}]
    deployment = fh.Deployment("shout", variants=["loud"], inputs={"text": fh.text()})
    client = shouting.hive.client()
    with pytest.raises(fh.InputError, match="row 1: text"):
        fh.batch(source, deployment, client=client, name="x", progress=False)
    assert kept().batches.every() == []
    fh.batch(source, deployment, client=client, name="x", on_invalid="skip", progress=False)
    again = opened(shouting)
    assert (again.counts.planned, again.counts.done, again.counts.failed) == (3, 2, 1)
    assert again.frame["text"].tolist() == ["a", 5, "c"]


def test_a_full_disk_while_the_plan_is_written_leaves_nothing(shouting: Shouting) -> None:
    """No call is made; with room again the same cell keeps all of it."""
    source = [{"text": f"{i} " + "x" * 3000} for i in range(40)]
    store = kept()
    pages = store.database.put(lambda c: c.execute("PRAGMA page_count").fetchone()[0]).result()
    store.database.put(lambda c: c.execute(f"PRAGMA max_page_count={pages + 4}").fetchone()).result()
    with pytest.raises(fh.StoreError, match="full"):
        run(shouting, source)
    assert (shouting.calls, store.batches.every()) == (0, [])
    store.database.put(lambda c: c.execute("PRAGMA max_page_count=100000").fetchone()).result()
    run(shouting, source)
    assert opened(shouting).counts == JobCounts(planned=40, done=40, reused=40)


PLANNING = """
import sys
import fh_notebook as fh

client = fh.Client(base_url=sys.argv[1], api_key="fhk_0123456789abcdef")
source = [{"text": f"t{i}"} for i in range(int(sys.argv[2]))]
print("planning", flush=True)
fh.batch(source, "shout", variants="loud", client=client, name="x", progress=False, max_calls=0)
print("planned", flush=True)
"""


ROWS_PLANNED = 4_000


@pytest.fixture(scope="module")
def planning_s(tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long it takes to plan `ROWS_PLANNED` rows, once for all moments that are tried."""
    with Shouting().hive.serve() as server:
        return _plan_for(tmp_path_factory.mktemp("planned") / "whole", server.url, ROWS_PLANNED, None)


@pytest.mark.parametrize("ends", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("part", [0.6, *(pytest.param(part, marks=pytest.mark.long) for part in (0.0, 0.3, 0.9))])
def test_a_batch_that_is_cut_short_while_it_is_planned_is_whole_or_not_there(
    tmp_path: Path, shouting: Shouting, planning_s: float, ends: signal.Signals, part: float
) -> None:
    """At whatever moment SIGKILL or Ctrl+C come, every row of the batch is kept, or none and no record."""
    number = ROWS_PLANNED
    with shouting.hive.serve() as server:
        _plan_for(tmp_path / "cut", server.url, number, (ends, planning_s * part))
    path = environment.store_of(tmp_path / "cut")
    if path.exists():
        with Store(path).closing() as store:
            assert [store.jobs.count(record.id) for record in store.batches.every()] in ([], [number])
            assert [store.rows.count(record.id) for record in store.batches.every()] in ([], [number])


def _plan_for(folder: Path, url: str, number: int, cut: tuple[signal.Signals, float] | None) -> float:
    """Plan in a process, and end it so many seconds after it began; return how long the planning took."""
    import time

    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", PLANNING, url, str(number)],
        env=environment.for_process(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "planning"
        begun = time.monotonic()
        if cut is not None:
            time.sleep(cut[1])  # the moment is what is tried, not something that is waited for
            process.send_signal(cut[0])
        process.stdout.read()
        return time.monotonic() - begun


def test_an_iterator_is_kept_window_by_window_before_its_calls(shouting: Shouting, window: int) -> None:
    """What was read is there whole when it breaks in the middle, and nothing of the window that broke."""

    def source() -> Iterator[dict[str, Any]]:
        for i in range(2 * window):
            if i == window + 20:
                raise OSError("the disk is gone")
            yield {"text": f"t{i}"}

    with pytest.raises(OSError, match="the disk is gone"):  # fewer calls could end before the second window is read
        run(shouting, source(), max_calls=window + 1)
    assert opened(shouting).counts.planned == window


def test_two_batch_objects_that_plan_one_name_at_once_do_not_mix(shouting: Shouting) -> None:
    """The second one that is written compares again: another table is refused, the same one goes on."""
    first = run(shouting, texts("a", "b"), dry_run=True)
    same = run(shouting, texts("b", "a", "c"), dry_run=True)
    other = run(shouting, texts("z"), dry_run=True)
    first.resume()
    with pytest.raises(fh.InputError, match=facts("'x'", "name=", "replace=True")):
        other.resume()
    same.resume()
    assert (first.counts.calls, same.counts.calls) == (2, 1)
    assert [line[2:] for line in shown(opened(shouting))] == [("a", "A"), ("b", "B"), ("c", "C")]


def test_a_plan_that_another_kernel_was_faster_with_is_not_written_but_compared_again(shouting: Shouting) -> None:
    """Between its comparison and its write the batch was begun, extended or replaced: each row lies
    where it is kept.
    """
    late = run(shouting, texts("a", "b"), dry_run=True)._control.work.work_queue
    kept_late, (window,) = late._planned_batch, list(late.source.fresh())
    assert kept_late is not None
    changes: list[Callable[[], object]] = [
        lambda: run(shouting, texts("b", "c", "a"), max_calls=0),
        lambda: run(shouting, texts("b", "c", "a", "d"), max_calls=0),
    ]
    for change in changes:
        kept_late.compare(window)
        change()
        assert not kept_late.keep(window, window.jobs, [])
    kept_late.compare(window)
    assert kept_late.keep(window, window.jobs, [])
    (record,) = kept().batches.every()
    assert (kept_late.id, record.plan["rows"]) == (record.id, 4)
    lines = [line for lines in kept().jobs.windows(record.id) for line in lines]
    assert [json.loads(line.inputs)["text"] for line in lines] == ["b", "c", "a", "d"]
    kept_late.compare(window)
    run(shouting, texts("x"), replace=True, max_calls=0)
    assert not kept_late.keep(window, window.jobs, []), "it was replaced"


def test_a_variant_that_another_kernel_adds_during_the_comparison_is_no_damage(shouting: Shouting) -> None:
    """The record was read before, the jobs after: what is new is left out, and the window is compared again."""
    run(shouting, texts("a", "b"), max_calls=0)
    late = run(shouting, iter(texts("a", "b")), dry_run=True)._control.work.work_queue
    kept_late, window = late._planned_batch, next(late.source.fresh())
    assert kept_late is not None

    class Faster:
        """Rows that another kernel is faster with, between the two reads."""

        def __len__(self) -> int:
            run(shouting, texts("a", "b"), variants=["loud", "soft"], max_calls=0)
            return 2

    kept_late.compare(replace(window, rows=Faster()))  # type: ignore[arg-type]  # only their number is asked
    assert not kept_late.keep(window, window.jobs, []), "the batch has a variant more"
    kept_late.compare(window)
    assert kept_late.keep(window, window.jobs, [])


# --- one name, one table


def test_another_table_under_a_name_is_refused_before_any_call(shouting: Shouting) -> None:
    """In every way that it could slip in; the earlier batch is as it was."""
    run(shouting, texts("a", "b", "c"))
    before = shown(opened(shouting))
    others: list[dict[str, Any]] = [
        {"source": texts("x", "y", "z")},
        {"source": texts("a", "b", "x")},
        {"source": texts("x", "y", "z"), "variants": "soft"},
        {"source": texts("x"), "repeats": 2},
        {"source": pd.DataFrame({"text": ["x", "a"]}, index=["p", "q"])},
        {"source": texts("x", "y"), "on_invalid": "skip"},
        {"source": texts("x", "y"), "fresh": True},
    ]
    for other in others:
        with pytest.raises(fh.InputError, match=facts("name=", "replace=True")):
            run(shouting, other.pop("source"), **other)
    assert shouting.calls == 3
    assert shown(opened(shouting)) == before


@pytest.mark.parametrize(
    ("source", "options", "calls"),
    [
        (texts("a", "b", "c"), {}, 0),
        (texts("c", "a", "b"), {}, 0),
        (texts("a", "b", "c", "d"), {}, 1),
        (texts("d", "c", "b", "a"), {}, 1),
        (texts("b"), {}, 0),
        (texts("c", "b"), {}, 0),
        (texts("a", "b", "c"), {"variants": ["loud", "soft"]}, 3),
        (texts("a", "b", "c"), {"variants": "soft"}, 3),
        (texts("b", "d", "a", "c"), {"variants": ["soft", "loud"], "repeats": 2}, 13),
        (texts("a", "b", "c"), {"first": 2}, 0),
        (texts("a", "b", "c"), {"sample": 2}, 0),
        (texts("a", "a", "b", "c"), {}, 0),
    ],
)
def test_the_same_table_extended_in_part_or_in_another_order_goes_on(
    shouting: Shouting, source: list[dict[str, Any]], options: dict[str, Any], calls: int
) -> None:
    """Nothing is called twice, nothing is taken away, and each text stands beside its own answers."""
    run(shouting, texts("a", "b", "c"))
    batch = run(shouting, source, **options)
    assert batch.counts.calls == calls
    assert set(shouting.ran.values()) <= {1, options.get("repeats", 1)}
    for one in (batch, opened(shouting)):
        for _, variant, text, output in shown(one):
            assert output == (text.upper() if variant == "loud" else text.lower())
    assert {line[2] for line in shown(opened(shouting))} >= {"a", "b", "c"}
    assert run(shouting, texts("a", "b", "c")).counts.calls == 0


def test_labels_and_other_columns_are_replaced_at_no_call(shouting: Shouting) -> None:
    """The kept batch says what the table says now: labels, expected outputs, notes."""
    run(shouting, pd.DataFrame({"text": ["a", "b"], "expected_output": ["?", "B"]}, index=["one", "two"]))
    now = pd.DataFrame(
        {"expected_output": ["B", "A"], "note": [1, 2], "text": ["b", "a"]}, index=pd.Index(["2nd", "1st"], name="k")
    )
    assert run(shouting, now).counts.calls == 0
    frame = opened(shouting).frame
    assert frame[["row", "text", "expected_output", "note"]].values.tolist() == [
        ["1st", "a", "A", 2],
        ["2nd", "b", "B", 1],
    ]
    assert frame.index.tolist() == ["1st", "2nd"]
    assert fh.compare(opened(shouting)).summary()["mean"].tolist() == [1.0]


def test_a_part_of_a_table_changes_no_label_into_that_of_another_row(shouting: Shouting) -> None:
    """A list's labels are places: of a part they are those of other rows, so the kept ones stay."""
    run(shouting, texts("a", "b", "c"))
    run(shouting, texts("c", "b"))
    assert [line[:1] + line[2:] for line in shown(opened(shouting))] == [(0, "a", "A"), (1, "b", "B"), (2, "c", "C")]


def test_an_iterator_must_continue_the_earlier_batch_in_its_order(shouting: Shouting, window: int) -> None:
    """The same windows go on, more extend it, and others stop before any call of theirs."""
    all_rows, fewer = window + 50, window + 20
    first = [{"text": f"t{i}"} for i in range(all_rows)]
    run(shouting, iter(first), max_calls=5)
    assert run(shouting, iter(first)).counts.calls == all_rows - 5
    more = run(shouting, iter([*first, {"text": "more"}]))
    planned = all_rows + 1
    assert (more.counts.planned, more.counts.calls, opened(shouting).counts.planned) == (planned, 1, planned)
    assert run(shouting, iter(first[:fewer])).counts == JobCounts(planned=fewer, done=fewer, reused=fewer)
    before = shouting.calls
    for other in ([*first[1:], first[0]], [{"text": "other"}, *first[1:]]):
        with pytest.raises(
            fh.InputError,
            match=facts("0", f"{window - 1}"),
        ):
            run(shouting, iter(other))
    assert shouting.calls == before
    late = [*first[:fewer], {"text": "other"}, *first[fewer + 1 :]]
    with pytest.raises(fh.InputError, match=facts(str(window), str(all_rows - 1))):
        run(shouting, iter(late))
    assert opened(shouting).frame["text"].is_unique
    assert opened(shouting).counts.planned == planned
    assert "other" not in {row["text"] for _, _, row in opened(shouting).entries()}


def test_an_iterator_with_its_variants_the_other_way_round_shows_each_output_under_its_own(shouting: Shouting) -> None:
    """What is read back is in the order of this batch object, not of the one that was kept first."""
    run(shouting, iter(texts("Aa", "Bb")), variants=["loud", "soft"])
    again = run(shouting, iter(texts("Aa", "Bb")), variants=["soft", "loud"])
    assert again.counts == JobCounts(planned=4, done=4, reused=4)
    assert [(v, o) for _, v, _, o in shown(again)] == [("soft", "aa"), ("loud", "AA"), ("soft", "bb"), ("loud", "BB")]


def test_an_unnamed_batch_is_never_refused(shouting: Shouting, window: int) -> None:
    """An iterator is named by its first window: what comes later may be other rows, each with its own answer."""
    head = [{"text": f"t{i}"} for i in range(window)]
    one = run(shouting, iter([*head, *texts("a", "b")]), name=None)
    two = run(shouting, iter([*head, *texts("c", "b", "d")]), name=None)
    assert (one.name, two.counts.calls) == (two.name, 2)
    assert [line[2:] for line in shown(two)[-3:]] == [("c", "C"), ("b", "B"), ("d", "D")]
    for batch in (one, two, opened(shouting, one.name)):
        assert all(output == text.upper() for _, _, text, output in shown(batch))
    assert opened(shouting, one.name).counts.planned == window + 4
    assert run(shouting, iter([*head, *texts("c", "b", "d")]), name=None).counts.calls == 0


def test_a_replaced_batch_is_kept_under_another_name_and_what_is_equal_costs_nothing(shouting: Shouting) -> None:
    """Both are whole; equal jobs take the answers, also those that failed for good and that may have run."""
    run(shouting, texts("a", "bad", "c"))
    batch = run(shouting, texts("bad", "c", "new"), replace=True)
    assert batch.counts == JobCounts(planned=3, done=2, failed=1, reused=2, calls=1)
    assert [line[2] for line in shown(opened(shouting))] == ["bad", "c", "new"]
    names = set(fh.history()["name"].dropna())
    (earlier,) = names - {"x"}
    assert earlier.startswith("x@20")
    assert earlier.endswith("Z")
    assert [line[2] for line in shown(opened(shouting, earlier))] == ["a", "bad", "c"]
    # The same cell again is the same table: nothing is replaced any more.
    assert run(shouting, texts("bad", "c", "new"), replace=True).counts.calls == 0
    assert set(fh.history()["name"].dropna()) == names
    assert opened(shouting).resume().counts.calls == 0


@pytest.mark.parametrize("how", [{"fresh": True}, {"reuse": None}])
def test_a_replaced_batch_that_calls_anew_takes_no_answer(shouting: Shouting, how: dict[str, Any]) -> None:
    """That is what was said."""
    run(shouting, texts("a", "b"))
    assert run(shouting, texts("b", "c"), replace=True, **how).counts == JobCounts(planned=2, done=2, calls=2)


def test_another_deployment_and_an_iterator_replace_too(shouting: Shouting) -> None:
    """Whatever is refused without it."""
    client = shouting.hive.client()

    @shouting.hive.workflow("echo", variant="loud")
    def echo(text: str) -> str:
        return text

    run(shouting, texts("a"))
    fh.batch(texts("a"), "echo", variants="loud", client=client, name="x", replace=True, progress=False)
    assert opened(shouting).frame["output"].tolist() == ["a"]
    batch = run(shouting, iter(texts("a", "b")), replace=True)
    assert [line[2:] for line in shown(opened(shouting))] == [("a", "A"), ("b", "B")]
    assert batch.counts.calls == 1, "the first one of the name had the other"
    assert len(fh.history()["name"].dropna()) == 3


def test_the_answers_of_every_earlier_batch_of_a_name_count(shouting: Shouting) -> None:
    """Back and forth, in another kernel, and where the first start planned only a part."""
    run(shouting, texts("a", "b", "c"))
    other = run(shouting, texts("x", "y"), replace=True)
    back = run(shouting, texts("a", "b", "c"), replace=True)
    assert back.counts.calls == 0
    assert other.name.startswith("x@20")
    assert fh.forget(other.name, client=shouting.hive.client()) == 2
    run(shouting, texts("c", "b", "d"), replace=True, first=1)
    assert run(shouting, texts("c", "b", "d")).counts.calls == 1
    assert opened(shouting).resume().counts.calls == 0


def test_a_batchs_own_answer_stands_before_a_later_one_of_the_batch_that_it_replaced(shouting: Shouting) -> None:
    """Opened or run again, it shows what it has paid for, as while it was run."""
    client = shouting.hive.client()

    @shouting.hive.workflow("counted", variant="loud")
    def counted(text: str) -> str:
        shouting.ran["loud", text] += 1
        return f"{text}{shouting.ran['loud', text]}"

    asked: dict[str, Any] = {"variants": "loud", "client": client, "name": "x", "progress": False}
    first = fh.batch(texts("a", "b"), "counted", max_calls=1, reuse=None, **asked)
    second = fh.batch(texts("b", "c"), "counted", replace=True, **asked)
    assert second.frame["output"].tolist() == ["b1", "c1"]
    assert first.resume().frame["output"].tolist() == ["a1", "b2"], "it calls anew, whoever has answered"
    assert opened(shouting).frame["output"].tolist() == ["b1", "c1"]
    again = fh.batch(texts("b", "c"), "counted", **asked)
    assert (again.frame["output"].tolist(), again.counts.calls) == (["b1", "c1"], 0)
    fh.batch(texts("c"), "counted", **{**asked, "name": "other", "reuse": None})
    third = fh.batch(texts("c", "d"), "counted", replace=True, reuse="store", **asked)
    assert third.frame["output"].tolist() == ["c1", "d1"], "the batch that it replaced stands before any other"


def test_equal_rows_keep_their_own_labels_and_columns(shouting: Shouting) -> None:
    """A part of a table with equal rows changes the row that is meant, and no label becomes that of another row."""
    table = [{"text": t, "expected_output": e} for t, e in (("a", "1st"), ("a", "2nd"), ("b", "3rd"))]
    run(shouting, table)
    run(shouting, table[1:2])
    run(shouting, [table[2], table[0]])
    frame = opened(shouting).frame
    assert frame[["row", "expected_output"]].values.tolist() == [[0, "1st"], [1, "2nd"], [2, "3rd"]]


def test_two_pilots_of_one_table_are_parts_of_it(shouting: Shouting) -> None:
    """Their rows differ, and all of them are rows of the table that the cell has."""
    table = texts(*"abcdefgh")
    run(shouting, table, first=2)
    run(shouting, table, sample=3)
    assert run(shouting, table).counts.done == 8
    assert shouting.calls == 8
    assert [line[:1] + line[2:3] for line in shown(opened(shouting))] == list(enumerate("abcdefgh"))


def test_what_is_forgotten_of_a_live_batch_is_pending_in_it(shouting: Shouting) -> None:
    """Where other answers of it stay; it goes on with what is pending."""

    @shouting.hive.workflow("other", variant="loud")
    def other(text: str) -> str:
        return f"other {text}"

    client = shouting.hive.client()
    arms = [("shout", "loud"), ("other", "loud")]
    batch = fh.batch(texts("a", "b"), "shout", variants=arms, client=client, name="x", progress=False)
    assert fh.forget(deployment="other", client=client) == 2
    assert (len(batch.frame), len(batch.pending)) == (2, 2)
    assert batch.resume().counts == JobCounts(planned=4, done=4, calls=6)


def test_a_forgotten_batch_is_not_written_over_a_good_file(shouting: Shouting, tmp_path: Path) -> None:
    """What was written before stays."""
    batch = run(shouting, texts("a", "b"))
    batch.to_csv(tmp_path / "answers.csv")
    fh.forget("x", client=shouting.hive.client())
    told = set()
    for read in (
        lambda: batch.to_csv(tmp_path / "answers.csv"),
        lambda: batch.to_fhb(tmp_path / "x.fhb"),
        lambda: fh.compare(batch).summary(),
        batch.resume,
    ):
        with pytest.raises(fh.SettingsError, match=facts("x")) as caught:
            read()
        told.add(str(caught.value))
    assert len(told) == 1, "that it was forgotten, and nothing of the file or of the rows"
    assert not (tmp_path / "x.fhb").exists()
    assert len(pd.read_csv(tmp_path / "answers.csv")) == 2


def test_calls_that_may_have_run_outlive_the_old_answers_of_their_batch(shouting: Shouting) -> None:
    """`forget(before=)` removes the answers from before; a later call of a dead process stays unknown."""
    run(shouting, texts("a", "b"))
    store = kept()
    moment = store.database.put(lambda c: c.execute("UPDATE answers SET kept_at = kept_at - 864000")).result()
    assert moment is not None
    dead = store.owners.new()
    (record,) = store.batches.every()
    lost = run(shouting, texts("a", "b", "c"), dry_run=True)
    lost._control.work.work_queue.begin_keeping()
    key = next(job.key for job in lost._control.work.work_queue.source._jobs if job.inputs["text"] == "c")
    store.claims.take(record.id, key, dead, workspace=record.workspace, seen_id=0).result()
    dead.end()
    assert fh.forget(before=timedelta(days=5), client=shouting.hive.client()) == 2
    plan = run(shouting, texts("a", "b", "c"), dry_run=True).plan()
    assert (plan.calls, plan.unknown) == (2, 1)


@pytest.mark.parametrize("name", ["", "  ", "x.fhb", "half \ud800"])
def test_a_name_that_cannot_be_opened_again_is_refused(shouting: Shouting, name: str) -> None:
    """Before any call, in one line."""
    with pytest.raises(fh.SettingsError, match="^name is "):
        run(shouting, texts("a"), name=name)
    assert shouting.calls == 0


# --- identity: what is forgotten is nobody else's


def test_the_answers_of_a_forgotten_batch_are_never_those_of_another(shouting: Shouting) -> None:
    """The old object's frame is empty and says why, though another batch has been kept since."""
    old = run(shouting, texts("a", "b"), name="pilot")
    assert fh.forget("pilot", client=shouting.hive.client()) == 2
    run(shouting, texts("c", "d"), name="pilot")
    assert old.frame.empty
    assert old.pending.empty
    assert "forgotten" in repr(old)
    assert "forgotten" in old.summary()
    for goes_on in (old.resume, old.retry_failed, old.resolve_unknown):
        with pytest.raises(fh.SettingsError, match=facts("pilot")):
            goes_on()
    assert [line[2:] for line in shown(opened(shouting, "pilot"))] == [("c", "C"), ("d", "D")]


def test_an_unrelated_forget_makes_no_kernel_call_twice(tmp_path: Path) -> None:
    """Two batch objects share a batch; between them something else is forgotten: each job is called once."""
    with Held().freed() as held:
        client = held.hive.client()
        fh.batch(texts("z"), "held", client=client, name="other", progress=False, wait=False)
        held.wait_for(1)
        held.let_go(1)
        until(lambda: not kept().running(_named("other")))
        first = fh.batch(rows(6), "held", client=client, name="x", progress=False, max_concurrency=2, wait=False)
        held.wait_for(2)
        second = fh.batch(rows(6), "held", client=client, name="x", progress=False, max_concurrency=2, wait=False)
        fh.forget("other", client=client)
        held.let_go()
        first.wait()
        second.wait()
        assert set(held.ran.values()) == {1}
        assert (first.counts.done, second.counts.done) == (6, 6)


def _named(name: str) -> Any:
    from fh_notebook.store.retention import ForgetFilter

    return ForgetFilter(batch=name)


def test_a_name_is_forgotten_in_one_workspace(shouting: Shouting) -> None:
    """The batch of the same name of another workspace keeps what was paid for."""
    live = Shouting(name="live")
    run(live, texts("a", "b"), name="pilot")
    run(shouting, texts("a", "b"), name="pilot")
    assert fh.forget("pilot", client=shouting.hive.client()) == 2
    assert opened(live, "pilot").counts.done == 2
    with pytest.raises(fh.SettingsError, match=facts("local#live", "client=")):
        fh.forget("pilot", client=shouting.hive.client())
    run(shouting, texts("a"), name="pilot")
    assert fh.forget(deployment="shout", client=shouting.hive.client()) == 1
    run(shouting, texts("a"), name="pilot")
    assert fh.forget(everything=True, client=shouting.hive.client()) == 1
    assert opened(live, "pilot").counts.done == 2
    with pytest.raises(fh.SettingsError, match="everywhere"):
        fh.forget("pilot", client=shouting.hive.client(), everywhere=True)
    assert fh.forget(everything=True, everywhere=True) == 2


def test_answers_that_another_batch_uses_stay_with_it(shouting: Shouting, capsys: pytest.CaptureFixture[str]) -> None:
    """Forgetting the batch that paid for them takes nothing from the other, and says so."""
    run(shouting, texts("a", "b", "c"), name="one")
    two = run(shouting, texts("b", "c", "d"), name="two", reuse="store")
    assert two.counts.calls == 1
    assert fh.forget("one", client=shouting.hive.client()) == 1
    said = capsys.readouterr().err
    assert tells(said, "1 answer", "1 batch", "local#lasting")
    assert tells(said, "2 answers", "'two'")
    assert [line[2:] for line in shown(two)] == [("b", "B"), ("c", "C"), ("d", "D")]
    assert shown(opened(shouting, "two")) == shown(two)
    assert run(shouting, texts("b", "c", "d"), name="two").counts.calls == 0
    assert shouting.calls == 4


def test_what_is_forgotten_of_a_batch_is_pending_and_the_plan_says_why(shouting: Shouting) -> None:
    """By deployment, age or all: from every batch, users of the answers included."""
    run(shouting, texts("a", "b"), name="one")
    run(shouting, texts("a", "b", "c"), name="two", reuse="store")
    client = shouting.hive.client()
    assert fh.forget(before=timedelta(seconds=-60), client=client) == 3
    plan = run(shouting, texts("a", "b", "c"), name="two", dry_run=True).plan()
    assert (plan.calls, plan.forgotten) == (3, 3)
    assert tells(str(plan), "3")
    assert run(shouting, texts("a", "b", "x"), name="three", dry_run=True).plan().forgotten == 0


def test_an_opened_batch_shows_what_it_reused_from_others(shouting: Shouting) -> None:
    """By the answers that it used then, whatever was kept since."""
    shouting.hive.client().invoke("shout", variant="loud", inputs={"text": "a", "times": 1})
    run(shouting, texts("b"), name="one")
    two = run(shouting, [{"text": t, "times": 1} for t in "ab"], name="two", reuse="store")
    assert two.counts == JobCounts(planned=2, done=2, reused=2)
    assert [line[2:] for line in shown(opened(shouting, "two"))] == [("a", "A"), ("b", "B")]
    history = fh.history().set_index("name")
    assert history.loc["two", ["planned", "done"]].tolist() == [2, 2]
    lines = [outcome.line for _, outcome, _ in two.entries() if outcome is not None]
    run(shouting, [{"text": t, "times": 1} for t in "ab"], name="later", fresh=True)
    again = opened(shouting, "two")
    assert [outcome.line for _, outcome, _ in again.entries() if outcome is not None] == lines


def test_an_opened_batch_that_goes_on_keeps_what_it_takes_of_others(shouting: Shouting) -> None:
    """Also what was answered under another name after it was kept."""
    run(shouting, texts("a", "b"), name="two", reuse="store", max_calls=0)
    run(shouting, texts("a", "b"), name="one")
    assert opened(shouting, "two").resume().counts.calls == 0
    fh.forget("one", client=shouting.hive.client())
    assert opened(shouting, "two").counts.done == 2


def test_history_counts_jobs(shouting: Shouting) -> None:
    """Five equal rows are five, and reused ones are done."""
    run(shouting, texts(*"aaaaa"), name="equal")
    run(shouting, texts("a", "a"), name="reused", reuse="store")
    history = fh.history().set_index("name")
    assert history.loc["equal", ["planned", "done"]].tolist() == [5, 5]
    assert history.loc["reused", ["planned", "done"]].tolist() == [2, 2]
    assert shouting.calls == 1


class Forgets:
    """A display that forgets the batch between its plan and its first call: what another kernel may do."""

    def __init__(self, client: fh.Client) -> None:
        self._client = client

    def begin(self, batch: Any) -> None:
        fh.forget("x", client=self._client)

    def update(self, batch: Any) -> None:
        """Show nothing."""

    def end(self, batch: Any) -> None:
        """Show nothing."""


def test_a_batch_that_is_forgotten_before_its_first_call_makes_none(shouting: Shouting) -> None:
    """Its answers would belong to no batch, and be paid for again: it says so, and nothing is left of it."""
    with pytest.raises(fh.SettingsError):
        run(shouting, texts("a", "b"), progress=lambda: Forgets(shouting.hive.client()))
    assert (shouting.calls, kept().batches.every(), list(kept().answers.every())) == (0, [], [])
    assert run(shouting, texts("a", "b")).counts.calls == 2


def test_an_iterator_that_goes_on_is_not_forgotten_while_it_is_paused() -> None:
    """None of its calls is out then, and it is run all the same."""
    with Held().freed() as held:
        client = held.hive.client()
        how: dict[str, Any] = {"client": client, "name": "x", "progress": False, "max_concurrency": 1}
        held.let_go(1)
        fh.batch(iter(rows(3)), "held", max_calls=1, **how)
        batch = fh.batch(iter(rows(3)), "held", wait=False, **how)
        held.wait_for(2)
        batch.pause()
        held.let_go(1)
        until(lambda: batch.in_flight == 0)
        with pytest.raises(fh.SettingsError, match=facts("'x'")):
            fh.forget("x", client=client)
        held.let_go()
        batch.resume()
        assert (batch.counts.done, held.ran.total()) == (3, 3)


def test_a_batch_that_starts_while_another_is_about_to_forget_it_stays(tmp_path: Path) -> None:
    """Whoever runs it is looked for in the transaction that would remove it."""
    go = threading.Event()
    with Store(tmp_path / "s.sqlite3").closing() as store:
        number, owner = batch_in(store), store.owners.new()
        until(lambda: store.batches.by_id(number) is not None)
        writer = store.database.connect().writer
        store.database.put(lambda _: go.wait())
        until(writer._queue.empty)
        thread = threading.Thread(target=store.forget, args=(_named("b"),))
        store.database.put(lambda c: claims.start(c, number, owner.name, now=0.0))
        thread.start()
        until(lambda: writer._queue.qsize() == 2)
        go.set()
        thread.join()
        assert store.batches.by_id(number) is not None
        owner.end()


# --- what may have run


def _may_have_run(shouting: Shouting, name: str) -> None:
    shouting.hive.fail_next(1, status=504)
    batch = run(shouting, texts("a"), name=name)
    assert batch.counts.unknown == 1


def test_what_may_have_run_is_not_repeated_under_another_name(shouting: Shouting) -> None:
    """With `reuse="store"`; the plan says how many there are, and `retry_unknown=True` calls them."""
    _may_have_run(shouting, "one")
    two = run(shouting, texts("a", "b"), name="two", reuse="store")
    assert two.counts == JobCounts(planned=2, done=1, unknown=1, calls=1)
    plan = run(shouting, texts("a", "b"), name="three", reuse="store", dry_run=True).plan()
    assert (plan.calls, plan.unknown) == (0, 1)
    assert opened(shouting, "two").counts.unknown == 1
    young = run(shouting, texts("a"), name="four", reuse=timedelta(hours=1))
    assert young.counts == JobCounts(planned=1, unknown=1)
    assert run(shouting, texts("a"), name="five", reuse="store", retry_unknown=True).counts.calls == 1
    # Under another name without it nothing of other names counts: it is a batch of its own.
    assert run(shouting, texts("a"), name="six").counts.calls == 1


def test_a_race_does_not_repeat_what_may_have_run(shouting: Shouting) -> None:
    """Its rows are unknown in the race, too."""
    _may_have_run(shouting, "one")
    race = fh.race(
        texts(*"abcdef"), "shout", variants=["loud", "soft"], score=lambda run, row: float(str(run.output).isupper()),
        client=shouting.hive.client(), progress=False,
    )  # fmt: skip
    assert shouting.ran["loud", "a"] == 0
    assert race.batch.counts.unknown == 1


def test_what_another_batch_has_out_is_waited_for_and_not_called_twice() -> None:
    """With `reuse="store"` two batches that run at once share the call."""
    with Held().freed() as held:
        client = held.hive.client()
        first = fh.batch(rows(2), "held", client=client, name="one", progress=False, wait=False)
        held.wait_for(2)
        second = fh.batch(rows(2), "held", client=client, name="two", reuse="store", progress=False, wait=False)
        held.let_go()
        first.wait()
        second.wait()
        assert held.ran.total() == 2
        assert second.counts == JobCounts(planned=2, done=2, reused=2)
        assert fh.open_batch("two", client=client).counts.done == 2


def test_a_job_that_fails_for_good_is_called_once_by_two_batches_at_once() -> None:
    """With `reuse="store"` the second takes the failure of the first, as it would when that had ended before."""
    with Held().freed() as held:

        @held.hive.workflow("fails", variant="v")
        def fails(text: str) -> str:
            held.ran[text] += 1
            held.began.put(text)
            held.go.acquire()
            raise RuntimeError("never")

        client = held.hive.client()
        how: dict[str, Any] = {"client": client, "progress": False, "reuse": "store", "wait": False}
        first = fh.batch(rows(2), "fails", name="one", **how)
        held.wait_for(2)
        second = fh.batch(rows(2), "fails", name="two", **how)
        held.let_go()
        first.wait()
        second.wait()
        assert held.ran.total() == 2
        assert second.counts == JobCounts(planned=2, failed=2, reused=2)
        assert fh.open_batch("two", client=client).counts.failed == 2


def test_what_a_running_batch_has_out_is_waited_for_by_the_one_that_replaces_it() -> None:
    """`replace=True` while the earlier batch is run: equal jobs take its answers, also those that are still to come."""
    with Held().freed() as held:
        client = held.hive.client()
        how: dict[str, Any] = {"client": client, "name": "x", "progress": False, "wait": False, "max_concurrency": 4}
        first = fh.batch(rows(2), "held", **how)
        held.wait_for(2)
        other = [{"text": "t1"}, {"text": "new"}]
        second = fh.batch(other, "held", replace=True, **how)
        assert held.wait_for(1) == {"new"}
        held.let_go()
        first.wait()
        second.wait()
        assert dict(held.ran) == {"t0": 1, "t1": 1, "new": 1}
        assert second.counts == JobCounts(planned=2, done=2, reused=1, calls=1)
        assert fh.open_batch("x", client=client).frame["output"].tolist() == ["T1", "NEW"]


@pytest.mark.parametrize("finds_it", ["answered", "out"])
def test_a_replaced_batch_that_goes_on_takes_the_answers_of_the_one_that_replaced_it(finds_it: str) -> None:
    """`replace=True` by another kernel while it runs: a job that the other has answered, or has out, is not called."""
    with Held().freed() as held:
        client = held.hive.client()
        how: dict[str, Any] = {"client": client, "name": "x", "progress": False, "wait": False}
        first = fh.batch(rows(3), "held", max_concurrency=1, **how)
        assert held.wait_for(1) == {"t0"}
        second = fh.batch([{"text": "t2"}, {"text": "new"}], "held", replace=True, max_concurrency=2, **how)
        assert held.wait_for(2) == {"t2", "new"}
        if finds_it == "answered":
            held.let_go(3)
            second.wait()
        else:
            held.go.release()
        held.let_go()
        first.wait()
        second.wait()
        assert dict(held.ran) == {"t0": 1, "t1": 1, "t2": 1, "new": 1}
        assert first.counts == JobCounts(planned=3, done=3, reused=1, calls=2)
        assert fh.open_batch(first.name, client=client).frame["output"].tolist() == ["T0", "T1", "T2"]
        assert fh.open_batch("x", client=client).frame["output"].tolist() == ["T2", "NEW"]


def test_a_replaced_batch_that_is_resumed_takes_the_answers_of_the_one_that_replaced_it(shouting: Shouting) -> None:
    """Also of the second one that did, and in another kernel; what it has answered itself stays its own."""
    first = run(shouting, texts("a", "b", "c"), max_calls=1)
    run(shouting, texts("x", "b", "a"), replace=True, fresh=True)
    run(shouting, texts("c", "y"), replace=True)
    own = [outcome.line for _, outcome, _ in first.entries() if outcome is not None]
    before = shouting.calls
    opened_again = opened(shouting, first.name)
    for batch in (first.resume(), opened_again.resume(), opened(shouting, first.name)):
        assert [line[2:] for line in shown(batch)] == [("a", "A"), ("b", "B"), ("c", "C")]
        assert batch.counts.done == 3
        assert next(outcome.line for _, outcome, _ in batch.entries() if outcome is not None) == own[0]
    assert shouting.calls == before
    assert first.counts.calls == 1


def test_an_iterator_that_is_replaced_while_it_runs_knows_it_still_after_its_next_window() -> None:
    """It goes on under the name that it has now; what it writes of itself keeps who replaced it."""
    with Held().freed() as held:
        client = held.hive.client()
        how: dict[str, Any] = {"client": client, "name": "x", "progress": False}
        waits = threading.Event()

        def source() -> Iterator[dict[str, Any]]:
            yield from ({"text": "same"} for _ in range(1_000))
            waits.wait()
            yield from texts("late", "shared")

        first = fh.batch(source(), "held", max_concurrency=1, wait=False, **how)
        held.wait_for(1)
        held.let_go(3)
        second = fh.batch(texts("shared"), "held", replace=True, **how)
        waits.set()
        held.let_go()
        first.wait()
        assert dict(held.ran) == {"same": 1, "late": 1, "shared": 1}
        assert (first.counts.done, second.counts.done) == (1_002, 1)
        assert first.name.startswith("x@20")


@pytest.mark.parametrize(("retry_unknown", "calls"), [(True, 1), (False, 0)])
def test_what_a_killed_kernel_had_out_is_called_under_another_name_only_where_that_is_said(
    tmp_path: Path, retry_unknown: bool, calls: int
) -> None:
    """With `reuse="store"`: `retry_unknown=True` calls it at once, though nobody has found it unknown before."""
    program = PLANNING.replace(", max_calls=0", "")
    with Held().freed() as held, held.hive.serve() as server:
        held.hive.workflow("shout", variant="loud")(_workflow_of(held))
        process = subprocess.Popen(
            [sys.executable, "-c", program, server.url, "1"],
            env=environment.for_process(tmp_path),
            stdout=subprocess.DEVNULL,
        )
        held.wait_for(1)
        process.kill()
        process.wait()
        held.let_go()
        with fh.Client(base_url=server.url, api_key=KEY) as client:
            batch = fh.batch(
                rows(1), "shout", variants="loud", client=client, name="y", reuse="store", progress=False,
                retry_unknown=retry_unknown,
            )  # fmt: skip
        assert batch.counts == JobCounts(planned=1, done=calls, unknown=1 - calls, calls=calls)


# --- the daily budget


def test_the_daily_cap_holds_over_forgetting_and_over_kernels(shouting: Shouting) -> None:
    """Not one request more than the cap, whatever is forgotten in between and however many run at once."""
    fh.configure(daily_cap=20)
    run(shouting, rows(15))
    fh.forget("x", client=shouting.hive.client())
    batch = run(shouting, rows(40), name="y")
    assert shouting.calls == 20
    assert batch.stopped is not None
    assert batch.stopped.reason == "daily_cap"
    assert batch.counts.pending == 35
    assert run(shouting, rows(40), name="y", dry_run=True).plan().budget.used_today == 20


def test_batches_that_run_at_once_share_the_daily_cap() -> None:
    """Each begins with the whole of it: the ledger is looked at before every call."""
    with Held().freed() as held:
        fh.configure(daily_cap=10)
        client = held.hive.client()
        both = [
            fh.batch(
                [{"text": f"{name}{i}"} for i in range(10)], "held", client=client, name=name, progress=False,
                wait=False, max_concurrency=3,
            )
            for name in "ab"
        ]  # fmt: skip
        held.let_go()
        for batch in both:
            batch.wait()
        assert held.ran.total() == 10
        assert sum(batch.counts.done for batch in both) == 10
        assert "daily_cap" in {batch.stopped.reason for batch in both if batch.stopped}


def test_the_ledger_counts_invocations_look_ups_and_probes(shouting: Shouting) -> None:
    """All that may count against the subscription's cap."""
    fh.configure(daily_cap=100)
    client = shouting.hive.client()
    client.invoke("shout", variant="loud", inputs={"text": "a"})
    client.check()
    client.retrieve("req_" + "0" * 32)
    run(shouting, texts("a", "b"))
    used = dict(kept().database.read(lambda c: c.execute("SELECT kind, requests FROM requests").fetchall()))
    assert used == {"invoke": 3, "probe": 1, "lookup": 1}


@pytest.mark.long
def test_calls_that_a_killed_kernel_had_out_are_counted(tmp_path: Path) -> None:
    """They were sent."""
    program = PLANNING.replace(", max_calls=0", "")
    with Held().freed() as held, held.hive.serve() as server:
        held.hive.workflow("shout", variant="loud")(_workflow_of(held))
        process = subprocess.Popen(
            [sys.executable, "-c", program, server.url, "4"],
            env=environment.for_process(tmp_path),
            stdout=subprocess.DEVNULL,
        )
        held.wait_for(2)
        process.kill()
        process.wait()
    with Store(environment.store_of(tmp_path)).closing() as store:
        assert store.requests.total() >= 2


def _workflow_of(held: Held) -> Callable[[str], str]:
    def loud(text: str) -> str:
        held.began.put(text)
        held.go.acquire()
        return text

    return loud


def test_refusals_of_the_daily_cap_are_counted_as_refused() -> None:
    """By the service's own 429."""
    shouting = Shouting(daily_cap=3)
    batch = run(shouting, rows(6), max_concurrency=1)
    assert (batch.counts.calls, batch.counts.refused) == (4, 1)


class Hashed(str):
    """A text that counts how often it is looked up."""

    times = 0
    __slots__ = ()

    def __hash__(self) -> int:
        Hashed.times += 1
        return super().__hash__()


def test_rows_at_their_place_are_compared_with_nothing_else() -> None:
    """The same table with other labels is compared row by row: nothing is looked up among a hundred thousand rows."""
    kept, table = ({row: {0: Hashed(f"row {row}")} for row in range(50)} for _ in range(2))
    Hashed.times = 0
    found = match(kept, table, [["a", "shout", "a"]])
    assert dict(found.places) == {row: row for row in range(50)}
    assert (found.is_same, found.new, Hashed.times) == (True, 0, 0)
