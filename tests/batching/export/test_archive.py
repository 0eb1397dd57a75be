"""A batch as one file: handed over, opened by somebody else, rated there, and its ratings taken
back; or tampered with.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.session import session
from fh_notebook.store import archive
from tests.comparing.rating.page import rate_by
from tests.store.kept import scores_in
from tests.told import facts, tells

SECRET = "correct-horse-battery"
ASKED: list[str] = []


@fh.score.scorer(version=1)
def letters(run: fh.Run) -> int:
    ASKED.append(run.text)
    return len(run.text)


def _batch() -> tuple[fh.Batch, fh.Client]:
    hive = fh.local.LocalHive(name="handed")
    for name, change in (("loud", str.upper), ("low", str.lower)):
        hive.workflow("shout", variant=name)(lambda text, token=None, change=change: {"said": change(text)})
    inputs = {"text": fh.text(), "token": fh.text(secret=True, required=False)}
    deployment = fh.Deployment("shout", variants=["loud", "low"], inputs=inputs)
    client = hive.client()
    rows = [{"text": f"Ticket {n}", "token": SECRET} for n in range(5)]
    return fh.batch(rows, deployment, variants=["loud", "low"], client=client, name="shouts", progress=False), client


@pytest.fixture
def elsewhere(tmp_path: Path) -> Callable[[str], None]:
    """Makes this process another person's: with a store of their own."""

    def move(name: str) -> None:
        session.reset()
        fh.configure(store=tmp_path / f"{name}.sqlite3")

    return move


@pytest.fixture
def file(tmp_path: Path, elsewhere: Callable[[str], None]) -> Iterator[Path]:
    """A batch that was rated by anna, as a file."""
    elsewhere("mine")
    batch, _ = _batch()
    cmp = fh.compare(batch, score=letters)
    rate_by(cmp, "anna", lambda item: "a" if item.row < 3 else "skip")
    written = batch.to_fhb(tmp_path / "triage.fhb")
    assert (written.rows, written.answers, written.ratings) == (5, 10, 5)
    assert "5 rows, 10 answers, 5 ratings" in repr(written)
    yield written.path
    session.reset()


def test_it_is_one_file_with_the_batch_and_no_secret(file: Path) -> None:
    """For its owner only, nothing beside it; what a password Start variable held is not in it."""
    assert sorted(p.name for p in file.parent.iterdir() if "mine" not in p.name) == ["triage.fhb"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    assert SECRET.encode() not in content
    assert b"TICKET 4" in content


def test_it_is_opened_elsewhere_with_its_answers_scores_and_ratings(
    file: Path, elsewhere: Callable[[str], None]
) -> None:
    """Nothing is scored again, nothing is called, and nothing comes into the store of who opens it."""
    mine = _frame(fh.open_batch(file))
    elsewhere("bens")
    ASKED.clear()
    batch = fh.open_batch(str(file))
    assert _frame(batch) == mine
    assert (batch.name, batch.counts.done, batch.counts.calls) == ("shouts", 10, 0)
    cmp = fh.compare(batch, score=letters)
    assert ASKED == []
    assert cmp.ratings().raters == ["anna"]
    assert cmp.rated().pairs()["losses"].tolist() == [3]
    store = session.store()
    assert store is not None
    assert (store.batches.every(), len(store.ratings.of_batch()), scores_in(store)) == ([], 0, 0)
    for go_on in (batch.resume, batch.retry_failed, batch.resolve_unknown):
        with pytest.raises(SettingsError, match=facts("fh.open_batch('shouts')")):
            go_on()


def _frame(batch: fh.Batch) -> list[list[Any]]:
    return batch.frame[["row", "variant", "status", "output", "text", "key"]].values.tolist()


def test_it_is_rated_elsewhere_handed_back_and_merged(
    file: Path, tmp_path: Path, elsewhere: Callable[[str], None]
) -> None:
    """Each rating once, however often it comes; of both people then there is an agreement."""
    elsewhere("bens")
    batch = fh.open_batch(file)
    cmp = fh.compare(batch, score=letters)
    assert cmp.rate(rater="anna").session.left == 0, "hers came along"
    rate_by(cmp, "ben", lambda item: "a" if item.row else "b")
    assert "anna and ben agree in 67 % of 3 pairs" in str(cmp.agreement())
    assert batch.to_fhb(tmp_path / "back.fhb").ratings == 10
    fh.store.export(tmp_path / "bens-copy.sqlite3")

    elsewhere("mine")
    assert tells(repr(fh.merge_ratings(tmp_path / "back.fhb")), "1 file", "5 new", "5")
    assert fh.merge_ratings(tmp_path / "back.fhb", tmp_path / "bens-copy.sqlite3").new == 0
    cmp = fh.compare(fh.open_batch("shouts", client=fh.local.LocalHive(name="handed").client()))
    assert cmp.ratings().raters == ["anna", "ben"]
    assert "anna and ben agree in 67 % of 3 pairs" in str(cmp.agreement())


def _changed(file: Path, *statements: str) -> Path:
    other = file.with_name("other.fhb")
    shutil.copy(file, other)
    with closing(sqlite3.connect(other, isolation_level=None)) as connection:
        for statement in statements:
            connection.executescript(statement)
    return other


_CORRECTION = (
    "INSERT INTO corrections SELECT max(workspace), 'shout', 'i', 'u', '1', '{expected}', 'n', 'anna', 1.0 FROM batches"
)
HOSTILE: dict[str, tuple[str, list[str]]] = {
    "a trigger": (
        "CREATE TRIGGER t AFTER INSERT ON ratings BEGIN DELETE FROM answers; END",
        [".fhb"],
    ),
    "a view": ("CREATE VIEW v AS SELECT load_extension('x')", [".fhb"]),
    "a table more": ("CREATE TABLE songs (name)", [".fhb"]),
    "another index": ("CREATE INDEX i ON answers (upper(run))", [".fhb"]),
    "a newer version": ("PRAGMA user_version=99", ["99", "fh-notebook", fh.__version__]),
    "another table of the release": ("DROP TABLE release; CREATE TABLE release (version, more)", [".fhb"]),
    "another program": ("PRAGMA application_id=7", ["SQLite"]),
    "no batch": ("DELETE FROM batches", ["0"]),
    "no JSON": ("UPDATE jobs SET inputs = '{'", ["batch.to_fhb()"]),
    "deep JSON": ("UPDATE rows SET record = replace(hex(zeroblob(50000)), '00', '[')", ["batch.to_fhb()"]),
    "a run that is none": (
        'UPDATE answers SET run = \'{"status": "completed", "deployment": {}}\'',
        ["batch.to_fhb()"],
    ),
    "an arm that is none": ("UPDATE jobs SET arm = 7 WHERE position = 1 AND arm = 1", ["batch.to_fhb()"]),
    "arms that are none": ("UPDATE batches SET plan = '{\"arms\": [[1, 2, 3]]}'", ["batch.to_fhb()"]),
    "columns that are none": (
        "UPDATE batches SET plan = json_set(plan, '$.columns', json('[[1]]'))",
        ["batch.to_fhb()"],
    ),
    "another status": ("UPDATE answers SET status = 'failed'", ["batch.to_fhb()"]),
    "an endless rating": ("UPDATE ratings SET seconds = 9e999", ["batch.to_fhb()"]),
    "a long name": ("UPDATE ratings SET rater = hex(zeroblob(9000))", ["batch.to_fhb()"]),
    "a correction that is no JSON": (_CORRECTION.format(expected="{"), ["batch.to_fhb()"]),
    "a correction of another workspace": (
        _CORRECTION.format(expected="1").replace("max(workspace)", "'w'"),
        ["batch.to_fhb()"],
    ),
    "a correction of half a character": (_CORRECTION.format(expected=r'"\ud800"'), ["batch.to_fhb()"]),
}


@pytest.mark.parametrize("which", HOSTILE)
def test_what_was_tampered_with_is_refused_in_one_line(file: Path, which: str) -> None:
    """And nothing of it is used: neither its schema's code nor its values."""
    statement, told = HOSTILE[which]
    with pytest.raises(InputError, match=facts("other.fhb", *told)) as raised:
        fh.open_batch(_changed(file, statement))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("release", "named"), [("0.9.1", "0.9.1"), ("<b>9</b>\n", ""), ("x" * 40, ""), (None, "")])
def test_a_file_of_a_newer_release_names_it(file: Path, release: str | None, named: str) -> None:
    """Beside this one, with what to do; what a stranger put there instead of a release is not shown."""
    own = "DROP TABLE release" if release is None else f"UPDATE release SET version = '{release}'"
    with pytest.raises(InputError, match=facts("other.fhb", named, fh.__version__, "-U fh-notebook")) as raised:
        fh.open_batch(_changed(file, own, "PRAGMA user_version=99"))
    assert release in (named, None) or release not in str(raised.value)


def test_a_file_without_the_table_of_its_release_is_opened(file: Path) -> None:
    """Earlier releases wrote none."""
    assert len(fh.open_batch(_changed(file, "DROP TABLE release")).frame) == len(fh.open_batch(file).frame)


def test_a_damaged_file_is_refused_in_one_line(file: Path) -> None:
    """SQLite tells damage in several lines: here, of a list of free pages that the file does not have."""
    damaged = bytearray(file.read_bytes())
    damaged[36:40] = (1).to_bytes(4, "big")  # the header's count of free pages
    file.write_bytes(damaged)
    with pytest.raises(
        InputError, match=facts("triage.fhb", "batch.to_fhb()", "Freelist: size is 0 but should be 1")
    ) as raised:
        fh.open_batch(file)
    assert "\n" not in str(raised.value)


def test_ratings_are_only_merged_from_a_file_that_is_whole(file: Path) -> None:
    """Of several files all, or none."""
    bad = _changed(file, "UPDATE ratings SET row = '{'")
    with pytest.raises(InputError, match=facts("other.fhb", "batch.to_fhb()")):
        fh.merge_ratings(file, bad)
    with pytest.raises(InputError, match=facts('fh.merge_ratings("anna.fhb", "ben.fhb")')):
        fh.merge_ratings()


def test_a_saved_batch_in_place_of_rows_is_told_how_it_is_opened(file: Path) -> None:
    """Before any call; what is named can be typed."""
    cure = f"fh.open_batch({str(file)!r})"
    with pytest.raises(InputError, match=facts(file.name, cure)):
        fh.compare(file)
    with pytest.raises(InputError, match=facts(file.name, cure)):
        fh.batch(file, "triage", variants="v")


def test_what_is_no_such_file_is_one_line(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, of another kind, cut off, changed in the middle, too large, too slow to look at."""
    with pytest.raises(InputError, match=facts("nowhere.fhb")):
        fh.open_batch("nowhere.fhb")
    (tmp_path / "notes.fhb").write_text("these are notes")
    with pytest.raises(InputError, match=facts("notes.fhb", "batch.to_fhb()")):
        fh.open_batch(tmp_path / "notes.fhb")
    with pytest.raises(InputError, match=facts("notes.txt", ".fhb")):
        fh.open_batch(tmp_path / "notes.txt")
    whole = file.read_bytes()
    (tmp_path / "cut.fhb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=facts("cut.fhb", "batch.to_fhb()")):
        fh.open_batch(tmp_path / "cut.fhb")
    (tmp_path / "broken.fhb").write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))
    with pytest.raises(InputError, match=facts("broken.fhb", "batch.to_fhb()")):
        fh.open_batch(tmp_path / "broken.fhb")
    moments = iter([0.0])
    with (
        pytest.raises(InputError, match=facts(file.name, f"{archive.LOOK_S:.0f} s")),
        archive._open_archive(file, lambda: next(moments, 1e9)) as there,
    ):
        there.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        ).fetchone()
    monkeypatch.setattr(archive, "BYTES_MAX", 1 << 20)
    (tmp_path / "large.fhb").write_bytes(b"SQLite format 3\x00" + bytes(1 << 20))
    with pytest.raises(InputError, match=facts("large.fhb", "1 MB")):
        fh.open_batch(tmp_path / "large.fhb")


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path, elsewhere: Callable[[str], None]) -> None:
    """One line, with what it must end in."""
    elsewhere("mine")
    batch, _ = _batch()
    with pytest.raises(SettingsError, match=facts("'.fhb'")):
        batch.to_fhb(tmp_path / "triage.sqlite3")
    with pytest.raises(SettingsError, match=r"batch\.to_fhb"):
        batch.to_csv(tmp_path / "triage.fhb")
    with pytest.raises(SettingsError, match=facts(tmp_path / "nowhere")):
        batch.to_fhb(tmp_path / "nowhere" / "triage.fhb")
    if sys.platform == "linux":  # where nobody makes a file, not even root
        with pytest.raises(SettingsError, match=r"^/proc/triage\.fhb .*: "):
            batch.to_fhb("/proc/triage.fhb")
    written = batch.to_fhb(tmp_path / "triage.fhb")
    assert batch.to_fhb(tmp_path / "triage.fhb").path == written.path, "an earlier one is replaced"
    store = session.store()
    assert store is not None
    [record] = store.batches.every()
    store.batches.keep(replace(record, plan={**record.plan, "parts": {"folder": "far"}})).result()
    with pytest.raises(SettingsError, match=r"batch\.to_parquet\(\.\.\.\)"):
        batch.to_fhb(tmp_path / "triage.fhb")
    assert json.dumps([p.name for p in tmp_path.iterdir() if "part" in p.name]) == "[]"
