"""Rows that come one by one: read a window ahead, never held, and read back from the store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import fh_notebook as fh
from fh_notebook.batching.execution.stop_rules import StopLimits
from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.planning.sources import WINDOW
from fh_notebook.batching.tables import arrow_tables
from tests.batching.hives import PATIENCE_S, Held, Shouting, rows, until
from tests.told import facts, tells

DEP = fh.Deployment("shout", variants=["loud", "soft"], inputs={"text": fh.text(), "times": fh.integer(default=1)})


def _batch(client: fh.Client, source: Any, **options: Any) -> fh.Batch:
    return fh.batch(source, DEP, **{"variants": "loud", "client": client, "progress": False, **options})


def _texts(number: int, taken: list[int] | None = None) -> Iterator[dict[str, Any]]:
    for i in range(number):
        if taken is not None:
            taken.append(i)
        yield {"text": f"t{i}", "expected_output": f"T{i}"}


def test_an_iterator_gives_the_same_table_as_a_list() -> None:
    """Both variants of a row side by side, the source's columns kept, in the rows' order."""
    shouting = Shouting()
    client = shouting.hive.client()
    streamed = _batch(client, _texts(30), variants=["loud", "soft"])
    held = _batch(client, list(_texts(30)), variants=["loud", "soft"], reuse="store")
    assert streamed.counts == JobCounts(planned=60, done=60, calls=60)
    assert held.counts == JobCounts(planned=60, done=60, reused=60)
    columns = ["row", "variant", "repeat", "status", "output", "request_id", "key", "text", "expected_output"]
    pd.testing.assert_frame_equal(streamed.frame[columns], held.frame[columns])
    assert not streamed.frame["reused"].any()
    assert fh.compare(streamed).summary()["mean"].tolist() == [1.0, 0.0]


def test_only_a_few_windows_are_read_before_they_are_called() -> None:
    """A batch that may make ten calls has read no more of a hundred thousand rows than that takes."""
    taken: list[int] = []
    batch = _batch(Shouting().hive.client(), _texts(100_000, taken), max_calls=10, max_concurrency=2)
    assert batch.counts.done == batch.counts.calls == 10
    assert len(taken) <= 4 * WINDOW
    assert batch.counts.planned == batch.counts.done + batch.counts.pending <= len(taken)
    assert batch.stopped is not None
    assert batch.stopped.reason == "max_calls"
    assert batch.plan().rows is None
    assert tells(str(batch.plan()), "10 calls")


def test_a_stopped_stream_goes_on_with_what_it_read_and_then_with_the_rest(window: int) -> None:
    """Nothing is read twice, lost or called twice, of two windows and a half."""
    rows = 2 * window + window // 2
    shouting = Shouting()
    taken: list[int] = []
    batch = _batch(shouting.hive.client(), _texts(rows, taken), max_calls=7, max_concurrency=4)
    assert batch.counts.done == 7
    batch._control._settings = replace(
        batch._control._settings, limits=StopLimits()
    )  # the ceiling was for the first start
    batch.resume()
    assert batch.counts == JobCounts(planned=rows, done=rows, calls=rows)
    assert set(shouting.ran.values()) == {1}
    assert taken == list(range(rows))
    assert batch.frame["row"].tolist() == list(range(rows))


def test_a_row_far_behind_those_that_it_is_the_same_as_has_its_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where those shared a call that may have run: whether their answer is its own, or it is called for itself."""
    monkeypatch.setattr("fh_notebook.batching.planning.sources.WINDOW", 2)
    shouting = Shouting()
    shouting.hive.fail_next(status=500)
    texts = ({"text": text} for text in "aabcdea")
    batch = _batch(shouting.hive.client(), texts, max_concurrency=1, retry_unknown=True)
    assert batch.counts.pending == 0
    assert batch.frame["row"].tolist() == list(range(7))


def test_the_same_iterator_again_calls_nothing_and_more_of_it_goes_on(window: int) -> None:
    """It is named by its first window, so that an identical cell finds its answers."""
    shouting = Shouting()
    client = shouting.hive.client()
    few, many = window + 20, window + 30
    first = _batch(client, _texts(few))
    again = _batch(client, _texts(few))
    more = _batch(client, _texts(many))
    assert first.name == again.name == more.name
    assert again.counts == JobCounts(planned=few, done=few, reused=few)
    assert more.counts == JobCounts(planned=many, done=many, reused=few, calls=many - few)
    assert shouting.calls == many


def test_rows_that_come_again_in_another_window_are_called_once(window: int) -> None:
    """Found through the store, not by a set of all that came before; also where the first is still out."""
    shouting = Shouting()
    source = ({"text": f"t{i % 7}"} for i in range(window + 50))
    batch = _batch(shouting.hive.client(), source, max_concurrency=5)
    assert shouting.calls == 7
    assert batch.counts == JobCounts(planned=window + 50, done=window + 50, reused=window + 43, calls=7)
    assert batch.frame["reused"].sum() == window + 43

    with Held().freed() as held:
        apart = iter([*rows(window), {"text": "t0"}])
        running = fh.batch(
            apart,
            "held",
            variants="v",
            client=held.hive.client(),
            progress=False,
            wait=False,
            max_concurrency=window + 1,
        )
        held.let_go()
        running.wait()
        assert running.counts.done == window + 1
        assert held.ran["t0"] == 1


def test_a_window_is_checked_before_its_first_call(window: int) -> None:
    """What came before is called and kept; then one error, with the rows by their places in the whole."""
    shouting = Shouting()

    def source() -> Iterator[dict[str, Any]]:
        yield from _texts(window)
        yield {"text": "fits"}
        yield {"text": 7}

    with pytest.raises(fh.InputError, match=f"row {window + 1}: text: 7 is not a text") as caught:
        _batch(shouting.hive.client(), source())
    assert "on_invalid='skip'" in str(caught.value)
    batch = fh.last_batch()
    assert batch is not None
    assert batch.counts == JobCounts(planned=window, done=window, calls=window)
    assert batch.stopped is not None
    assert f"row {window + 1}: text: 7 is not a text" in batch.stopped.message
    assert ("loud", "fits") not in shouting.ran
    with pytest.raises(fh.InputError, match="is not a text"):  # those rows are gone, and none is skipped silently
        batch.resume()


def test_rows_that_do_not_fit_can_be_skipped() -> None:
    """They are failed lines with their reason, in their place."""
    shouting = Shouting()
    batch = _batch(shouting.hive.client(), iter([{"text": "a"}, {"text": 7}, {"text": "c"}]), on_invalid="skip")
    assert batch.counts == JobCounts(planned=3, done=2, failed=1, calls=2)
    assert batch.frame["status"].tolist() == ["completed", "failed", "completed"]
    assert batch.failures[["row", "error_code"]].values.tolist() == [[1, "invalid_input"]]
    assert batch.failures["error"].str.startswith("text: 7 is not a text").all()


def test_what_is_answered_is_looked_up_before_it_is_checked() -> None:
    """A stricter schema does not make paid answers unreadable; only what would be called must fit."""
    shouting = Shouting(name="lasting")
    client = shouting.hive.client()
    _batch(client, [{"text": "long enough"}, {"text": "no"}], name="mine")
    strict = fh.Deployment(
        "shout", variants=["loud", "soft"], inputs={"text": fh.text(min_length=5), "times": fh.integer(default=1)}
    )
    again = fh.batch(
        [{"text": "long enough"}, {"text": "no"}], strict, variants="loud", client=client, name="mine", progress=False
    )
    assert again.counts == JobCounts(planned=2, done=2, reused=2)
    more = [{"text": "long enough"}, {"text": "no"}, {"text": "new"}]
    with pytest.raises(fh.InputError, match="row 2: text"):
        fh.batch(more, strict, variants="loud", client=client, name="mine", progress=False)


def test_what_the_iterator_raises_is_raised_after_what_it_gave(window: int) -> None:
    """A file that breaks in the middle costs none of the answers before it."""

    def source() -> Iterator[dict[str, Any]]:
        yield from _texts(window + 3)
        raise OSError("the disk was pulled out")

    shouting = Shouting()
    with pytest.raises(OSError, match="pulled out"):
        _batch(shouting.hive.client(), source())
    batch = fh.last_batch()
    assert batch is not None
    assert batch.counts.done == shouting.calls == window
    assert tells(batch.summary(), "OSError: the disk was pulled out")


def test_nothing_kept_means_nothing_written_and_the_frame_is_there_all_the_same(tmp_path: Any) -> None:
    """`store=None`: the answers live as long as the batch."""
    fh.configure(store=None)
    shouting = Shouting()
    batch = _batch(shouting.hive.client(), _texts(5))
    assert batch.frame["output"].tolist() == [f"T{i}" for i in range(5)]
    assert _batch(shouting.hive.client(), _texts(5)).counts.calls == 5


def test_an_iterator_that_waits_keeps_nobody_else_waiting(window: int) -> None:
    """It is read on a thread: a form's click goes through meanwhile, and a cancel ends the batch."""
    release = threading.Event()
    reached = threading.Event()

    def source() -> Iterator[dict[str, Any]]:
        yield from _texts(window)
        reached.set()
        release.wait(PATIENCE_S)
        yield {"text": "late"}

    shouting = Shouting()
    client = shouting.hive.client()
    batch = _batch(client, source(), wait=False)
    assert reached.wait(PATIENCE_S)
    until(lambda: batch.counts.done == window)
    assert client.invoke("shout", variant="loud", inputs={"text": "click"}).output == "CLICK"
    batch.cancel()
    batch.wait()
    assert not batch.running
    release.set()
    batch.resume()
    assert batch.counts == JobCounts(planned=window + 1, done=window + 1, calls=window + 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sample": 5}, ("sample=",)),
        ({"fail_on_error": 0.5}, ("fail_on_error",)),
    ],
)
def test_what_needs_all_rows_says_so(options: dict[str, Any], said: str) -> None:
    """Before a row is read."""
    taken: list[int] = []
    with pytest.raises(fh.SettingsError, match=facts(*said)):
        _batch(Shouting().hive.client(), _texts(10, taken), **options)
    assert taken == []


def test_a_pilot_of_an_iterator_reads_no_further() -> None:
    """`first=5` is five rows."""
    taken: list[int] = []
    assert _batch(Shouting().hive.client(), _texts(100, taken), first=5).counts.done == 5
    assert taken == list(range(5))


# --- a large table of another library, or a large file


@pytest.fixture
def large(window: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """More rows than these are many."""
    monkeypatch.setattr(arrow_tables, "LARGE_ROWS", 2 * window)
    return 2 * window + 20


def _frame(number: int) -> pl.DataFrame:
    return pl.DataFrame({"text": [f"t{i}" for i in range(number)], "n": range(number)})


@pytest.mark.parametrize("kind", ["parquet", "arrow", "polars", "lazy", "list"])
def test_a_pilot_of_a_table_goes_on_and_repays_nothing(large: int, window: int, tmp_path: Path, kind: str) -> None:
    """Without a name: whether the table is held or read in windows; a second pilot adds nothing."""
    frame = _frame(large)
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ipc(tmp_path / "a.arrow")
    source = {
        "parquet": tmp_path / "a.parquet",
        "arrow": tmp_path / "a.arrow",
        "polars": frame,
        "lazy": frame.lazy(),
        "list": frame.to_dicts(),
    }[kind]
    shouting = Shouting()
    client = shouting.hive.client()
    pilots = [_batch(client, source, first=5) for _ in range(2)]
    assert [pilot.counts.done for pilot in pilots] == [5, 5]
    assert shouting.calls == 5
    batch = _batch(client, source)
    assert batch.counts == JobCounts(planned=large, done=large, calls=large - 5, reused=5)
    assert batch.name == pilots[0].name
    assert (batch.plan().rows is None) == (kind != "list")
    assert batch.frame["text"].tolist() == frame["text"].to_list()
    again = _batch(client, source, first=window + 1)
    assert again.counts.reused == again.counts.planned == window + 1
    assert fh.open_batch(batch.name, client=client).plan().rows == large


def test_types_of_a_large_table_survive(large: int) -> None:
    """Those of its first window; in the batch, and in the one that is opened again."""
    moments = pl.datetime_range(pl.datetime(2026, 5, 1), pl.datetime(2026, 7, 1), "1h", eager=True)[:large]
    numbers = [None if i == large - 1 else i for i in range(large)]
    frame = _frame(large).with_columns(at=moments, n=pl.Series(numbers))
    client = Shouting().hive.client()
    batch = _batch(client, frame, name="typed")
    for seen in (batch, fh.open_batch("typed", client=client)):
        assert seen.frame["at"].dt.tz_localize(None).tolist() == moments.to_list()
        assert str(seen.frame["n"].dtype) == "Int64"
        assert seen.frame["n"].isna().sum() == 1


def test_what_needs_all_rows_says_so_of_a_large_table(large: int) -> None:
    """With the cure: a frame of pandas, which is held."""
    frame = _frame(large)
    for options in ({"sample": 5}, {"fail_on_error": 0.5}):
        with pytest.raises(fh.SettingsError, match=facts(*options)):
            _batch(Shouting().hive.client(), frame, **options)
    assert _batch(Shouting().hive.client(), frame.to_pandas(), sample=5).counts.done == 5


def test_texts_from_an_iterator_are_for_the_one_text_variable() -> None:
    """As a list of texts is."""
    deployment = fh.Deployment("shout", variants=["loud"], inputs={"text": fh.text()})
    batch = fh.batch((f"t{i}" for i in range(3)), deployment, client=Shouting().hive.client(), progress=False)
    assert batch.frame["output"].tolist() == ["T0", "T1", "T2"]
