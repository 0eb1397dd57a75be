"""Scores are kept by answer and version of the scorer: scoring again is free, and what is forgotten is gone."""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.comparing.scorers.cache import ScoreCache
from fh_notebook.comparing.scorers.observations import Observation, Observations
from fh_notebook.contract.run import Run
from fh_notebook.core.config import resolution
from fh_notebook.session import session
from fh_notebook.store.database import MIGRATIONS, open_connection
from fh_notebook.store.store import Store
from fh_notebook.store.tables.scores import PlainScore, ScoreRow
from tests.batching.hives import Shouting, rows
from tests.store.kept import scores_in
from tests.told import numbers_in

CALLS: list[str] = []


@pytest.fixture
def client() -> fh.Client:
    CALLS.clear()
    return Shouting(name="lasting").hive.client()


def _run(client: fh.Client, number: int = 4, **options: Any) -> fh.Batch:
    return fh.batch(rows(number), "shout", client=client, name="b", progress=False, **options)


def _store() -> Store:
    store = session.store()
    assert store is not None
    return store


@fh.score.scorer(version=1)
def counted(run: Run) -> int:
    CALLS.append(run.text)
    return len(run.text)


def test_scoring_again_calls_the_function_for_what_is_new_only(client: fh.Client) -> None:
    """Also in another process: the store has it. Another version is another scorer."""
    batch = _run(client)
    first = fh.compare(batch, score=counted)
    assert len(CALLS) == 8
    again = fh.compare(batch, score=counted)
    assert len(CALLS) == 8
    assert again.summary().equals(first.summary())
    session.reset()
    assert fh.compare(_run(client), score=counted).summary()["mean"].tolist() == [2.0, 2.0]
    assert len(CALLS) == 8
    fh.compare(_run(client, 5), score=counted)
    assert len(CALLS) == 10
    fh.compare(batch, score=fh.score.scorer(counted.function and (lambda run: CALLS.append("")), version=2))
    assert len(CALLS) == 18


def test_a_function_without_a_version_is_not_kept_and_one_line_says_so(
    client: fh.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody could tell whether it changed. The line is shown once, and names the remedy; without a store there is
    none.
    """
    batch, labels = _run(client), ["T0"]

    def right(run: Run) -> bool:
        return run.text in labels

    capsys.readouterr()
    for _ in range(2):
        fh.compare(batch, score=right)
    assert scores_in(_store()) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "'right'" in line
    assert " labels, a list" in line
    assert line.endswith('fh.score.scorer(..., version="1").')
    fh.compare(batch, score=fh.score.scorer(right, version="1"))
    assert scores_in(_store()) == 8
    fh.compare(batch, score=lambda run: len(run.text))
    assert scores_in(_store()) == 16
    fh.compare(batch, score=fh.score.similarity("text"))
    assert scores_in(_store()) == 24
    fh.configure(store=None)
    fh.compare(batch.frame, score=lambda run: labels)
    assert capsys.readouterr().err == ""


READY = {
    "exact": lambda: fh.score.exact("text"),
    "contains": lambda: fh.score.contains("text", ignore_case=True),
    "regex": lambda: fh.score.regex("T"),
    "number": lambda: fh.score.number(expected="n"),
    "json_valid": fh.score.json_valid,
    "json_schema": lambda: fh.score.json_schema({"type": "integer"}),
    "json_path": lambda: fh.score.json_path("$.x", equals=1),
    "json_fields": lambda: fh.score.json_fields("object", compare={"a": fh.score.number()}),
    "similarity": lambda: fh.score.similarity("text"),
    "rouge_l": lambda: fh.score.rouge_l("text"),
    "bleu": lambda: fh.score.bleu("text"),
    "chrf": lambda: fh.score.chrf("text"),
    "latency": fh.score.latency,
    "length": lambda: fh.score.length("words", at_most=3),
}


@pytest.mark.parametrize("name", READY)
def test_the_scores_of_every_ready_scorer_are_kept(client: fh.Client, name: str) -> None:
    """Of a batch and of its frame, and what is kept is what was computed; other options are another version."""
    given = [{"text": f"t{i}", "n": i, "object": {"a": i}} for i in range(3)]
    batch = fh.batch(given, "shout", variants="loud", inputs={"text": "text"}, client=client, name="b", progress=False)
    first = fh.compare(batch, score=READY[name]())
    assert scores_in(_store()) == 3
    plain = fh.compare(batch.frame, score=READY[name]())
    assert scores_in(_store()) == 6
    _bend_kept()
    for source, before in ((batch, first), (batch.frame, plain)):
        again = fh.compare(source, score=READY[name]())
        assert again.data.lines["score"].tolist() == [0.25, 0.25, 0.25], "found in the store, not computed"
        assert again.parts().columns.tolist() == before.parts().columns.tolist()
        fresh = fh.compare(source, score=READY[name]()).rescore(fresh=True)
        assert fresh.data.lines["score"].equals(before.data.lines["score"])
    assert scores_in(_store()) == 6


def _bend_kept() -> None:
    """Change what is kept, so that it can be told from what is computed."""
    for table in ("scores", "plain_scores"):
        _store().database.put(lambda c, table=table: c.execute(f"UPDATE {table} SET score = 0.25")).result()  # type: ignore[misc]


def test_other_options_are_another_version(client: fh.Client) -> None:
    """Each is kept by itself, also where what stands above the table is cut short."""
    batch = _run(client, 2, variants="loud")
    long = "T" * 400
    for number, one in enumerate(
        (
            fh.score.contains("text"),
            fh.score.contains("text", ignore_case=True),
            fh.score.regex(f"{long}0"),
            fh.score.regex(f"{long}1"),
            fh.score.json_schema({"type": "object", "description": f"{long}0"}),
            fh.score.json_schema({"type": "object", "description": f"{long}1"}),
            fh.score.json_path("$.x", equals=1),
            fh.score.json_path("$.x", equals=True),
            fh.score.json_path("$.x"),
            fh.score.json_path("$.x", equals=None),
        ),
        start=1,
    ):
        fh.compare(batch, score=one)
        assert scores_in(_store()) == 2 * number


def test_a_line_of_a_table_is_known_by_what_is_read_of_it(client: fh.Client) -> None:
    """In another order, among other lines and columns; another output or expectation is scored anew."""

    @fh.score.scorer(version=1)
    def own(run: Run, row: dict[str, Any]) -> bool:
        CALLS.append(run.text)
        return bool(run.output == row["want"])

    table = pd.DataFrame({"row": [0, 1], "variant": "a", "output": ["x", "y"], "want": ["x", "z"]})
    for source, calls in (
        (table, 2),
        (table[::-1].reset_index(drop=True), 2),
        (pd.concat([table, table.assign(row=[2, 3])]), 4),  # a function of the row may read which one it is
        (table.assign(want=["x", "y"]), 5),
        (table.to_dict("records"), 5),
    ):
        fh.compare(source, score=own)
        assert len(CALLS) == calls
    before = scores_in(_store())
    for source, more in ((table, 2), (table.assign(row=[5, 6], other=1), 2), (table.assign(output=["x", "q"]), 3)):
        fh.compare(source, score=fh.score.exact("want"))
        assert scores_in(_store()) == before + more
    fh.compare(_run(client, 2, variants="loud"), score=fh.score.length())
    fh.forget("b", everywhere=True)
    assert scores_in(_store()) == before + 3
    fh.forget(everything=True, everywhere=True)
    assert scores_in(_store()) == 0


def test_scores_of_tables_leave_by_retention() -> None:
    """They are no answers, and have an age of their own."""
    path = resolution.store_path()
    assert path is not None
    old = datetime.now(UTC) - timedelta(days=40)
    with Store(path, now=lambda: old).closing() as store:
        store.plain_scores.keep("s 1", [PlainScore("x", 1.0, None)]).result()
    session.reset()
    fh.configure(retention_days=50)
    assert scores_in(_store()) == 1
    session.reset()
    fh.configure(retention_days=30)
    assert scores_in(_store()) == 0


def test_a_store_that_cannot_be_used_costs_no_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are computed and shown, and it is said."""
    (tmp_path / "no.sqlite3").write_bytes(b"this is no database" * 100)
    fh.configure(store=tmp_path / "no.sqlite3")
    table = pd.DataFrame({"row": [0, 1], "variant": "a", "output": ["x", "y"], "expected_output": "x"})
    assert fh.compare(table).summary()["mean"].tolist() == [0.5]
    said = capsys.readouterr()
    assert "fh.configure(store=" in said.out + said.err


def test_a_store_that_breaks_is_not_asked_again_for_the_next_runs(tmp_path: Path) -> None:
    """Each of some windows of runs would wait for it once more, and hear the same."""
    with Store(tmp_path / "broken.sqlite3").closing() as store:
        store.database.put(lambda connection: connection.execute("DROP TABLE plain_scores")).result()
        run = Run(status="completed", output="x", variant="a")
        found = [Observation(pair=0, variant="a", run=run, row={}, store=store)]
        cache = ScoreCache(fh.score.length(), Observations.of(found))
        (key,) = cache.keys_of([0])
        assert key is not None
        assert cache.lookup([key]) == [None]
        assert cache.keys_of([0]) == [None]


LEAST = 3


def _has_least(run: Run) -> bool:
    return len(run.text) >= LEAST


@fh.score.scorer
def long_enough(run: Run) -> bool:
    return _has_least(run)


def test_a_constant_of_a_helper_is_read_whenever_the_function_scores(
    client: fh.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the function became a scorer before the constant changed."""
    batch = _run(client, variants="loud")
    given = (long_enough, fh.score.not_(fh.score.not_(long_enough)))
    for least, mean, kept in ((3, 0.0, 4), (2, 1.0, 8), (3, 0.0, 8)):
        monkeypatch.setitem(globals(), "LEAST", least)
        for score in given:
            assert fh.compare(batch, score=score).summary()["mean"].tolist() == [mean]
        assert scores_in(_store()) == kept


def test_another_row_is_scored_anew_where_the_scorer_reads_it(client: fh.Client) -> None:
    """The answers are the same, what is expected is not; a function of the run alone does not care."""
    given = [{"text": "a", "want": "A"}, {"text": "b", "want": "B"}]
    changed = [{"text": "a", "want": "X"}, {"text": "b", "want": "B"}]

    @fh.score.scorer(version="of row")
    def fits(run: Run, row: dict[str, Any]) -> bool:
        CALLS.append(run.text)
        return bool(row["want"] == run.text)

    for table, mean, calls in ((given, 1.0, 2), (changed, 0.5, 3), (given, 1.0, 3)):
        batch = fh.batch(
            table, "shout", variants="loud", inputs={"text": "text"}, client=client, name="b", progress=False
        )
        assert fh.compare(batch, score=fits).summary()["mean"].tolist() == [mean]
        assert len(CALLS) == calls


def test_parts_and_scores_that_are_none_are_kept_and_errors_are_not(client: fh.Client) -> None:
    """An error is tried again: it may have been the moment."""

    @fh.score.scorer(version=1)
    def picky(run: Run) -> Any:
        CALLS.append(run.text)
        if run.text == "T0":
            raise ValueError("not now")
        return {"score": 0.5, "why": "because"} if run.text == "T1" else None

    batch = _run(client, 3, variants="loud")
    for calls in (3, 4):
        cmp = fh.compare(batch, score=picky)
        assert len(CALLS) == calls
        assert cmp.score_errors()["error"].tolist() == ["ValueError: not now"]
        assert cmp.parts()["why"].tolist() == [None, "because", None]
        assert [math.isnan(x) for x in cmp.parts()["score"]] == [True, False, True]


def test_rescore_reads_the_batch_again_and_scores_what_is_new(client: fh.Client) -> None:
    """`fresh=True` scores all anew; another scorer takes the place of the first."""
    batch = _run(client, 4, variants="loud", max_calls=2)
    cmp = fh.compare(batch, score=counted)
    assert cmp.summary()[["n", "missing"]].values.tolist() == [[2, 2]]
    batch.resume()
    verdict = cmp.verdict
    assert cmp.rescore() is cmp
    assert cmp.summary()[["n", "missing"]].values.tolist() == [[4, 0]]
    assert cmp.verdict != verdict
    assert len(CALLS) == 4
    cmp.rescore(fresh=True)
    assert len(CALLS) == 8
    cmp.rescore(lambda run: 0.25, version="flat")
    assert cmp.summary()["mean"].tolist() == [0.25]


def test_a_comparison_has_several_scores(client: fh.Client) -> None:
    """Beside each other, and each by itself; those that were added are scored again with the first."""
    batch = _run(client, 3, variants="loud", max_calls=2)
    cmp = fh.compare(batch)
    assert cmp.scorer == ""
    assert cmp.add_score(counted) is cmp
    assert cmp.scorer == "counted"
    cmp.add_score(fh.score.length("words"), name="words").add_score(lambda run: run.text == "T1", name="one", version=1)
    assert list(cmp.scores().columns) == ["row", "variant", "counted", "words", "one"]
    assert cmp.scores()["one"].tolist()[:2] == [0.0, 1.0]
    assert cmp.by("words").summary()["mean"].tolist() == [1.0]
    assert cmp.by("counted") is cmp
    batch.resume()
    cmp.rescore()
    assert cmp.scores()["words"].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(fh.InputError, match=r"'word'.* 'words'\?"):
        cmp.by("word")
    with pytest.raises(fh.InputError, match="'words'"):
        cmp.add_score(fh.score.exact("text"), name="words")
    with pytest.raises(fh.InputError, match="version"):
        cmp.add_score(fh.score.length(), version=2)
    assert cmp.by("words").add_score(fh.score.length("characters", at_most=1)).scorer == "words"


def test_an_async_scorer_runs_on_the_background_loop_so_many_at_once(client: fh.Client) -> None:
    """It may call the service; its errors are kept like others; it is kept like others."""
    at_once, most = 0, 0

    async def judged(run: Run, row: dict[str, Any]) -> bool:
        nonlocal at_once, most
        CALLS.append(threading.current_thread().name)
        at_once += 1
        most = max(most, at_once)
        again = await client.aclient.invoke("shout", variant="soft", inputs={"text": row["text"]})
        await asyncio.sleep(0)
        at_once -= 1
        if run.text == "T3":
            raise RuntimeError("no idea")
        return bool(again.output == run.text.lower())

    batch = _run(client, 20, variants="loud")
    scorer = fh.score.scorer(judged, version=1, max_concurrency=3)
    for calls in (20, 21):
        cmp = fh.compare(batch, score=scorer)
        assert cmp.summary()[["n", "missing", "mean"]].values.tolist() == [[19, 1, 1.0]]
        assert cmp.score_errors()["error"].tolist() == ["RuntimeError: no idea"]
        assert len(CALLS) == calls
    assert set(CALLS) == {"fetchhive-loop"}
    assert most == 3


def test_a_plain_function_that_gives_coroutines_is_awaited(client: fh.Client) -> None:
    """A lambda around an async function, say."""

    async def length(run: Run) -> int:
        return len(run.text)

    assert fh.compare(_run(client), score=lambda run: length(run)).summary()["mean"].tolist() == [2.0, 2.0]


def test_what_was_scored_before_an_interrupt_is_kept(client: fh.Client) -> None:
    """Scored and paid for; the next time goes on."""
    batch = _run(client, 6, variants="loud")

    @fh.score.scorer(version=1)
    def interrupted(run: Run) -> int:
        CALLS.append(run.text)
        if len(CALLS) == 4:
            raise KeyboardInterrupt
        return 1

    with pytest.raises(KeyboardInterrupt):
        fh.compare(batch, score=interrupted)
    assert scores_in(_store()) == 3
    fh.compare(batch, score=interrupted)
    assert len(CALLS) == 4 + 3


def test_scores_leave_with_their_answers(client: fh.Client) -> None:
    """By `fh.forget`, for good: a reason that a scorer gave is in the file no more."""
    fh.compare(_run(client), score=fh.score.scorer(lambda run: {"score": 1, "why": "a secret about Ada"}, version=1))
    path = resolution.store_path()
    assert path is not None
    assert b"secret about Ada" in _bytes(path)
    assert scores_in(_store()) == 8
    fh.forget("b", everywhere=True)
    assert scores_in(_store()) == 0
    assert b"secret about Ada" not in _bytes(path)


def _bytes(path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in path.parent.iterdir() if p.name.startswith(path.name) and p.is_file())


def test_scores_leave_by_retention(client: fh.Client) -> None:
    """With the answers that are too old."""
    path = resolution.store_path()
    assert path is not None
    old = datetime.now(UTC) - timedelta(days=40)
    with Store(path, now=lambda: old).closing() as store:
        line = store.answers.keep(Run(status="completed", output="old", deployment="d"), "w").result()
        store.scores.keep("s 1", [ScoreRow(line, "x", 1.0, None)]).result()
        assert scores_in(store) == 1
    session.reset()
    fh.configure(retention_days=30)
    assert scores_in(_store()) == 0


def test_a_line_that_is_numbered_anew_has_not_the_scores_of_the_one_before(client: fh.Client) -> None:
    """SQLite gives the number of the last line again once that is gone; a late writer writes nothing."""
    batch = _run(client, 2, variants="loud")
    fh.compare(batch, score=counted)
    fh.forget(everything=True, everywhere=True)
    _store().scores.keep("counted 1", [ScoreRow(1, "x", 9.0, None)]).result()
    assert scores_in(_store()) == 0
    again = fh.batch([{"text": "other"}], "shout", variants="loud", client=client, name="c", progress=False)
    assert fh.compare(again, score=counted).summary()["mean"].tolist() == [5.0]


def test_an_export_has_the_scores(client: fh.Client, tmp_path: Path) -> None:
    """Beside their answers in lines, and in a copy."""
    fh.compare(
        _run(client, 2, variants="loud"),
        score=fh.score.scorer(lambda run: {"score": 1, "why": "x"}, name="f", version=1),
    )
    lines = [json.loads(line) for line in fh.store.export(tmp_path / "x.jsonl").read_text().splitlines()]
    wanted = [{"scorer": "f 1", "score": 1.0, "parts": {"score": 1.0, "why": "x"}}]
    assert [line["scores"] for line in lines] == [wanted] * 2
    with Store(fh.store.export(tmp_path / "copy.sqlite3")).closing() as copy:
        assert scores_in(copy) == 2
    client.invoke("shout", variant="soft", inputs={"text": "single"})
    last = fh.store.export(tmp_path / "y.jsonl").read_text().splitlines()[-1]
    assert "scores" not in json.loads(last)


def test_nothing_is_kept_without_a_store(client: fh.Client) -> None:
    """And everything is scored."""
    fh.configure(store=None)
    batch = _run(client)
    for calls in (8, 16):
        assert fh.compare(batch, score=counted).summary()["n"].tolist() == [4, 4]
        assert len(CALLS) == calls


def test_a_file_of_version_2_gets_the_table_and_keeps_its_answers(tmp_path: Path) -> None:
    """A step of the store's own; its answers can be scored."""
    path = tmp_path / "old.sqlite3"
    old = open_connection(path, migrations=MIGRATIONS[:2])
    old.execute(
        "INSERT INTO answers (key, workspace, deployment, status, run, kept_at, calls)"
        " VALUES ('k', 'w', 'd', 'completed', '{\"status\": \"completed\"}', 1.0, 1)"
    )
    assert old.execute("PRAGMA user_version").fetchone() == (2,)
    old.close()
    with Store(path).closing() as store:
        assert [kept.key for kept in store.answers.every()] == ["k"]
        store.scores.keep("s", [ScoreRow(1, "x", None, '{"a": 1}')]).result()
        assert store.scores.of_scorer("s", [1]) == [([(1, "x")], None, '{"a": 1}')]
    with sqlite3.connect(path) as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        raw.execute("DELETE FROM answers")
        assert raw.execute("SELECT count(*) FROM scores").fetchone() == (0,)


def test_a_table_of_scores_can_be_scored_by_more() -> None:
    """Read as whole columns at first, run by run then; the table as it is now when it is scored again."""
    table = pd.DataFrame({"row": [0, 1], "variant": "a", "output": ["x", "yy"], "s": [1.0, 0.0]})
    cmp = fh.compare(table, score="s").add_score(fh.score.length(), name="n")
    assert cmp.scores()[["s", "n"]].values.tolist() == [[1.0, 1.0], [0.0, 2.0]]
    assert cmp.parts().columns.tolist() == ["row", "variant", "score"]
    table.loc[1, "s"] = 1.0
    assert cmp.summary()["mean"].tolist() == [0.5]
    assert cmp.rescore().summary()["mean"].tolist() == [1.0]


def test_batches_of_two_dates_are_scored_again_with_what_was_said_of_them(client: fh.Client) -> None:
    """Their notes stay; those of a scorer go with its scores."""
    before, after = _run(client, 3, variants="loud"), _run(client, 3, variants="loud")
    cmp = fh.compare({"before": before, "after": after}, score=counted)
    assert len(CALLS) == 3 + 3  # the rows of both are read before the first of them is kept
    notes = cmp.notes
    assert any("3" in numbers_in(note) and "fresh=True" in note for note in notes), "which answers are the same ones"
    cmp.add_score(fh.score.length(at_most=1), name="short")
    assert cmp.by("short").notes == notes
    cmp.rescore()
    assert cmp.notes == notes
    assert cmp.variants == ["before", "after"]
