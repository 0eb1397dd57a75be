"""A store's file that is deleted or replaced under a running kernel: detected, and everything rescued. Real files."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import fh_notebook as fh
from fh_notebook.errors import StoreError
from fh_notebook.session import session
from fh_notebook.store.store import Store
from tests.batching.hives import Held, Shouting, rows, until
from tests.told import facts, tells

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows deletes no file that is open")

JOBS = 12


def _path() -> Path:
    store = session.store()
    assert store is not None
    return store.path


def _another(path: Path) -> Path:
    """A store of somebody else's, with an answer in it."""
    other = path.with_name("other.sqlite3")
    with Store(other).closing() as store:
        store.answers.keep(fh.Run(status="completed", output="theirs", deployment="other"), "w").result()
    return other


def _unlink(path: Path) -> None:
    path.unlink()


def _unlink_all(path: Path) -> None:
    for ends in ("", "-wal", "-shm"):
        Path(f"{path}{ends}").unlink()


def _unlink_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def _replace(path: Path) -> None:
    os.replace(_another(path), path)


def _replace_by_its_copy(path: Path) -> None:
    copy = path.with_name("copy.sqlite3")
    shutil.copyfile(path, copy)
    os.replace(copy, path)


def _make_again(path: Path) -> None:
    path.unlink()
    path.touch()


WAYS: list[Callable[[Path], None]] = [
    _unlink, _unlink_all, _unlink_log, _replace, _replace_by_its_copy, _make_again,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_goes_under_a_running_batch_loses_nothing(tmp_path: Path, way: Callable[[Path], None]) -> None:
    """The batch stops at the next commit, says what to do, and with the rescued file the cell makes no call twice."""
    rescued = tmp_path / "rescued.sqlite3"
    with Held().freed() as held:
        client = held.hive.client()
        asked = {"variants": "v", "client": client, "progress": False, "name": "b", "max_concurrency": 4}
        batch = fh.batch(rows(JOBS), "held", wait=False, **asked)  # type: ignore[arg-type]
        held.wait_for(4)
        held.let_go(2)
        held.wait_for(2)
        until(lambda: batch.counts.done == 2)
        way(_path())
        with pytest.raises(StoreError, match=facts(_path())):
            fh.store.rescue(rescued)
        held.let_go()
        batch.wait()
        assert batch.stopped is not None
        assert batch.stopped.reason == "store"
        assert tells(batch.stopped.message, _path())
        assert 'fh.store.rescue("rescued.sqlite3")' in batch.stopped.message
        made = held.ran.total()
        assert batch.counts.done == made == 6
        assert batch.counts.pending == JOBS - 6
        with pytest.raises(StoreError, match=facts('fh.store.rescue("rescued.sqlite3")')):  # still, and before any call
            fh.batch(rows(JOBS), "held", **asked)  # type: ignore[arg-type]
        assert held.ran.total() == made
        assert fh.store.rescue(rescued) == rescued
        assert stat.S_IMODE(rescued.stat().st_mode) == 0o600
        fh.configure(store=rescued)
        again = fh.batch(rows(JOBS), "held", **asked)  # type: ignore[arg-type]
        assert (again.counts.done, again.counts.unknown, again.counts.reused) == (JOBS, 0, 6)
        assert held.ran.total() == JOBS
        assert set(held.ran.values()) == {1}
        # A kernel that opens it later finds all of it, too.
        session.reset()
        fh.configure(store=rescued)
        assert fh.open_batch("b", client=client).counts.done == JOBS
        assert held.ran.total() == JOBS


def _is_stopped_by_its_store(batch: fh.Batch) -> None:
    assert batch.stopped is not None
    assert batch.stopped.reason == "store"
    assert "deleted" in batch.stopped.message


def test_a_batch_goes_on_in_the_rescued_file(tmp_path: Path) -> None:
    """``batch.resume()`` of the very batch that was stopped; nothing is made at the old place."""
    shouting = Shouting()
    client = shouting.hive.client()
    batch = fh.batch(rows(3), "shout", variants="loud", client=client, progress=False, max_calls=2)
    path = _path()
    _unlink_all(path)
    _is_stopped_by_its_store(batch.resume())
    fh.store.rescue(tmp_path / "rescued.sqlite3")
    batch.resume()
    assert (batch.counts.done, shouting.calls) == (3, 3)
    assert fh.history()["done"].tolist() == [3]  # not configured yet: it is still the rescued one
    assert not path.exists()


def test_the_log_of_what_was_rescued_is_not_read_into_the_file_that_lies_there_now(tmp_path: Path) -> None:
    """A store that was put in the place of one that is open stands beside that one's log, which SQLite would apply."""
    shouting = Shouting()
    fh.batch(rows(40), "shout", variants="loud", client=shouting.hive.client(), progress=False)
    path = _path()
    _replace(path)
    assert fh.store.rescue(tmp_path / "rescued.sqlite3").exists()
    with Store(path).closing() as theirs:
        assert [kept.run.output for kept in theirs.answers.every()] == ["theirs"]
        assert theirs.damage() == ""
    with Store(tmp_path / "rescued.sqlite3").closing() as mine:
        assert len(list(mine.answers.every())) == 40
        assert mine.damage() == ""


def test_closing_does_so_too() -> None:
    """The store that lies there now stays whole, and so does the one that was moved away."""
    fh.batch(rows(40), "shout", variants="loud", client=Shouting().hive.client(), progress=False)
    path = _path()
    away = path.with_name("away.sqlite3")
    path.rename(away)
    _replace(path)
    session.reset()
    with Store(path).closing() as theirs:
        assert [kept.run.output for kept in theirs.answers.every()] == ["theirs"]
        assert theirs.damage() == ""
    with Store(away).closing() as mine:  # that was moved away, and its log was not
        assert len(list(mine.answers.every())) == 40


def test_a_store_on_a_full_disk_is_rescued_with_what_it_owes(tmp_path: Path) -> None:
    """It is a copy: the store stays where it is, and with room again it goes on there."""
    shouting = Shouting()
    client = shouting.hive.client()
    store = session.store()
    assert store is not None
    source = [{"text": f"{i} " + "x" * 3000} for i in range(20)]
    fh.batch(source, "shout", variants="loud", client=client, progress=False, max_calls=0)  # the plan is kept
    pages = store.database.put(lambda c: c.execute("PRAGMA page_count").fetchone()[0]).result()
    store.database.put(lambda c: c.execute(f"PRAGMA max_page_count={pages + 4}").fetchone()).result()
    batch = fh.batch(source, "shout", variants="loud", client=client, progress=False, max_concurrency=2)
    assert batch.stopped is not None
    assert batch.stopped.reason == "store"
    calls = shouting.calls
    fh.store.rescue(tmp_path / "copy.sqlite3")
    with Store(tmp_path / "copy.sqlite3").closing() as copy:
        assert len(list(copy.answers.every())) == calls < 20
    store.database.put(lambda c: c.execute("PRAGMA max_page_count=100000").fetchone()).result()
    batch.resume()
    assert (batch.counts.done, shouting.calls) == (20, 20)
    assert len(list(store.answers.every())) == 20


def test_single_runs_are_owed_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cell's answer is returned and told as not kept; the rescued file has it."""
    shouting = Shouting()
    client = shouting.hive.client()
    client.invoke("shout", variant="loud", inputs={"text": "a"})
    _unlink(_path())
    for _ in range(2):
        assert client.invoke("shout", variant="loud", inputs={"text": "b"}).output == "B"
    assert "deleted" in capsys.readouterr().err
    fh.store.rescue(tmp_path / "rescued.sqlite3")
    with Store(tmp_path / "rescued.sqlite3").closing() as store:
        assert [kept.run.output for kept in store.answers.single_runs()] == ["B", "B", "A"]


def test_a_file_that_comes_back_is_the_store_again() -> None:
    """Moved away and back: the same file, so nothing is wrong with it, and what was owed is written."""
    shouting = Shouting()
    client = shouting.hive.client()
    batch = fh.batch(rows(3), "shout", variants="loud", client=client, progress=False, max_calls=2)
    path = _path()
    away = path.with_name("away")
    path.rename(away)
    _is_stopped_by_its_store(batch.resume())
    assert shouting.calls == 2
    away.rename(path)
    batch.resume()
    assert (batch.counts.done, shouting.calls) == (3, 3)


def test_this_process_makes_no_empty_store_in_the_place_of_one_that_it_holds() -> None:
    """By whatever other object: the file that is missing is told, and not made."""
    fh.history()
    store = session.store()
    assert store is not None
    store.answers.keep(fh.Run(status="completed", output="a", deployment="d"), "w").result()
    _unlink_all(store.path)
    with pytest.raises(StoreError, match=facts(store.path)):
        Store(store.path).answers.single_runs()
    assert not store.path.exists()


def test_rescue_says_what_is_wrong_with_its_path(tmp_path: Path) -> None:
    """In one line; nothing is written. Where the file is in place it is a copy, and the store stays where it is."""
    fh.history()
    (tmp_path / "there.sqlite3").touch()
    for path, said in (
        ("there.sqlite3", "there.sqlite3"),
        ("x.jsonl", ".sqlite3"),
        ("no/x.db", tmp_path / "no"),
    ):
        with pytest.raises(fh.InputError, match=facts(said)):
            fh.store.rescue(tmp_path / path)
    before = _path()
    fh.store.rescue(tmp_path / "copy.db")
    assert _path() == before
    fh.configure(store=None)
    with pytest.raises(fh.SettingsError, match="store=None"):
        fh.store.rescue(tmp_path / "y.db")
