"""Removal of answers: what is forgotten is gone from the table and from the file."""

from __future__ import annotations

import gzip
import json
import sqlite3
import stat
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.core.config import resolution
from fh_notebook.session import session
from fh_notebook.store.retention import ForgetFilter
from fh_notebook.store.store import Store
from fh_notebook.store.tables import claims
from fh_notebook.store.tables.batches import BatchRecord
from tests.batching.hives import Held, Shouting, rows, until
from tests.told import facts, tells


@pytest.fixture
def client() -> fh.Client:
    return Shouting(name="lasting").hive.client()


def _run(client: fh.Client, name: str, number: int = 2, **options: Any) -> fh.Batch:
    return fh.batch(rows(number), "shout", variants="loud", client=client, name=name, progress=False, **options)


def _bytes() -> bytes:
    path = resolution.store_path()
    assert path is not None
    return b"".join(p.read_bytes() for p in path.parent.iterdir() if p.name.startswith(path.name) and p.is_file())


def test_a_batch_is_forgotten_with_its_rows_and_nothing_else_is(client: fh.Client) -> None:
    """Its text is in the file no more; the same cell calls again; single runs and other batches stay."""
    fh.batch([{"text": "a secret about Ada"}], "shout", variants="loud", client=client, name="gone", progress=False)
    _run(client, "stays")
    client.invoke("shout", variant="soft", inputs={"text": "single"})
    assert b"about Ada" in _bytes()
    assert fh.forget("gone", client=client) == 1
    assert b"about Ada" not in _bytes()
    assert b"ABOUT ADA" not in _bytes()
    assert set(fh.history()["name"].dropna()) == {"stays"}
    assert len(fh.history()) == 2
    with pytest.raises(fh.InputError, match="'gone'"):
        fh.open_batch("gone", client=client)
    assert _run(client, "stays").counts.calls == 0


def test_a_deployment_of_which_nothing_is_kept_is_told_with_the_nearest_name(
    client: fh.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is removed; where there was such a deployment, it is no slip."""
    _run(client, "b")
    assert fh.forget(deployment="shuot", client=client) == 0
    assert tells(capsys.readouterr().err, "'shuot'", client.workspace, "'shout'")
    assert fh.forget(deployment="zzz", everywhere=True) == 0
    assert "'zzz'" in capsys.readouterr().err
    assert fh.forget(deployment="shout", before=timedelta(days=1), client=client) == 0
    assert tells(capsys.readouterr().err, "0 answers")
    assert _run(client, "b").counts.calls == 0


def test_what_is_named_together_must_all_fit(client: fh.Client) -> None:
    """A deployment, an age, or both."""
    _run(client, "b")
    client.invoke("shout", variant="soft", inputs={"text": "single"})
    assert fh.forget(deployment="other", client=client) == 0
    assert fh.forget(deployment="shout", before=timedelta(days=1), client=client) == 0
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert fh.forget(before=later, deployment=fh.Deployment("shout"), client=client) == 3
    assert fh.history().empty


@pytest.mark.parametrize("before", [timedelta(days=-1), date(2200, 1, 1), datetime(2200, 1, 1)])
def test_a_moment_is_given_in_any_of_three_ways(client: fh.Client, before: Any) -> None:
    """A time ago, a day, or a moment."""
    _run(client, "b")
    assert fh.forget(before=before, client=client) == 2
    assert fh.history().empty


def test_everything_is_forgotten_only_when_that_is_said(client: fh.Client) -> None:
    """Nothing named, or too much, is a mistake with the cure."""
    _run(client, "b")
    for wrong, said in (
        ({}, ["deployment=", "before=timedelta(days=30)", "everything=True"]),
        ({"everything": True, "batch": "b"}, ["everything=True"]),
        ({"before": "yesterday"}, ["before", "'yesterday'"]),
    ):
        with pytest.raises(fh.SettingsError, match=facts(*said)):
            fh.forget(**wrong, client=client)  # type: ignore[arg-type]
    _run(client, "tickets-june")
    with pytest.raises(fh.InputError, match=facts("'tickets-jun'", "'tickets-june'")):
        fh.forget("tickets-jun", client=client)
    assert len(fh.history()) == 2
    assert fh.forget(everything=True, client=client) == 4
    assert fh.history().empty


def test_a_running_batch_is_not_forgotten() -> None:
    """Its claims are alive."""
    with Held().freed() as held:
        batch = fh.batch(rows(3), "held", client=held.hive.client(), name="now", progress=False, wait=False)
        held.wait_for(1)
        with pytest.raises(fh.SettingsError, match=facts("'now'")):
            fh.forget("now", client=held.hive.client())
        held.let_go()
        batch.wait()
        assert fh.forget("now", client=held.hive.client()) == 3


def test_a_batch_that_is_paused_is_being_run() -> None:
    """Nothing of it is out, and its answers are not taken away; not as another deployment's batch or as old ones."""
    with Held().freed() as held:
        arms = ["v", ("other", "v")]
        batch = fh.batch(
            rows(3), "held", variants=arms, client=held.hive.client(), name="now", progress=False, wait=False,
            max_concurrency=1,
        )  # fmt: skip
        held.wait_for(1)
        batch.pause()
        held.let_go(1)
        until(lambda: batch.counts.done == 1 and not batch.in_flight)
        everything: list[dict[str, Any]] = [
            {"batch": "now"}, {"everything": True}, {"deployment": "held"}, {"before": timedelta(0)}
        ]  # fmt: skip
        for named in everything:
            with pytest.raises(fh.SettingsError, match=facts("'now'")):
                fh.forget(**named, client=held.hive.client())
        batch.cancel().wait()
        assert len(batch.frame) == 1
        assert fh.forget("now", client=held.hive.client()) == 1


def test_what_a_dead_process_said_of_its_start_is_taken_back_at_the_next() -> None:
    """And keeps nobody from forgetting."""
    path = resolution.store_path()
    assert path is not None
    with Store(path).closing() as store:
        told = BatchRecord(name="b", workspace="w", deployment="d", variants=(), created_at=datetime.now(UTC))
        number = store.batches.keep(told).result()
        dead, alive = store.owners.new(), store.owners.new()
        store.claims.begin_start(number, dead).result()
        dead.end()
        assert store.running(ForgetFilter(batch="b")) == {}
        store.claims.begin_start(number, alive).result()
        assert store.database.put(lambda c: claims.starters(c, number)).result() == [alive.name]
        assert store.claims.of_batch(number) == {}
        store.claims.end_start(number, alive).result()
        assert store.database.put(lambda c: claims.starters(c, number)).result() == []
        alive.end()


def test_old_answers_leave_when_the_store_is_opened(client: fh.Client) -> None:
    """`retention_days`; what is younger stays."""
    path = resolution.store_path()
    assert path is not None
    old = datetime.now(UTC) - timedelta(days=40)
    with Store(path, now=lambda: old).closing() as store:
        store.answers.keep(fh.Run(status="completed", output="old", deployment="d"), "w").result()
    _run(client, "b")
    session.reset()
    fh.configure(retention_days=30)
    assert fh.history()["deployment"].tolist() == ["shout"]
    with pytest.raises(fh.SettingsError, match="retention_days is 0"):
        fh.configure(retention_days=0)


def test_the_store_is_exported_as_lines_and_as_a_copy(client: fh.Client, tmp_path: Path) -> None:
    """Each answer a line; or a store that is read like the first. For their owner only."""
    made = _run(client, "b")
    client.invoke("shout", variant="soft", inputs={"text": "Grüße"})
    lines = fh.store.export(tmp_path / "out.jsonl")
    told = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [line["batch"] for line in told] == ["b", "b", None]
    assert [fh.Run.from_dict(line["run"]).output for line in told[:2]] == ["T0", "T1"]
    zipped = fh.store.export(str(tmp_path / "out.jsonl.gz"))
    assert gzip.decompress(zipped.read_bytes()) == lines.read_bytes()
    copy = fh.store.export(tmp_path / "copy.sqlite3")
    fh.configure(store=copy)
    assert fh.open_batch("b", client=client).frame["output"].tolist() == made.frame["output"].tolist()
    assert {stat.S_IMODE(p.stat().st_mode) for p in (lines, zipped, copy)} == {0o600}


def test_an_export_never_overwrites_and_leaves_nothing_half_written(client: fh.Client, tmp_path: Path) -> None:
    """Each mistake in one line."""
    _run(client, "b")
    there = tmp_path / "there.jsonl"
    there.write_text("mine")
    for path, said in (
        (there, there),
        (tmp_path / "no" / "x.jsonl", tmp_path / "no"),
        (tmp_path / "x.txt", ".jsonl"),
    ):
        with pytest.raises(fh.InputError, match=facts(said)):
            fh.store.export(path)
    assert there.read_text() == "mine"
    for name in ("x.sqlite3", "x.jsonl") if sys.platform == "linux" else ():  # where nobody makes a file, not even root
        with pytest.raises(fh.InputError, match=facts(f"proc/{name}")):
            fh.store.export(f"/proc/{name}")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    fh.configure(store=None)
    with pytest.raises(fh.SettingsError, match=facts("store=None")):
        fh.store.export(tmp_path / "y.jsonl")
    assert fh.forget(everything=True) == 0


def test_a_file_of_before_is_overwritten_where_it_is_deleted(tmp_path: Path) -> None:
    """Every connection of ours has `secure_delete`."""
    with Store(tmp_path / "s.sqlite3").closing() as store:
        assert store.database.read(lambda c: c.execute("PRAGMA secure_delete").fetchone()[0]) == 1
    assert sqlite3.connect(tmp_path / "s.sqlite3").execute("PRAGMA integrity_check").fetchone() == ("ok",)
