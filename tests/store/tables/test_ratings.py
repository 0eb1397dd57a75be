"""Table ratings: a file of an earlier version gets it, lines are written once, and forgetting removes them."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from fh_notebook.store.database import MIGRATIONS
from fh_notebook.store.retention import ForgetFilter
from fh_notebook.store.store import Store
from fh_notebook.store.tables.ratings import RatingRow
from tests.store.kept import answers_in

VERSION_4 = Path(__file__).parents[1] / "version_4.sqlite3.gz"
"""A store that the release before ratings wrote: a batch of 3 rows and 2 variants, and a single run."""


def line(uid: str, **rest: object) -> RatingRow:
    """Return a rating."""
    made = RatingRow(
        uid=uid, rater="anna", kind="pair", item="i", batch="shouts", workspace="w", row="0", a="loud", b="low",
        shown="ba", choice="a", seconds=1.5, rated_at=100.0,
    )  # fmt: skip
    return replace(made, **rest)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s.sqlite3")


def test_a_file_of_the_version_before_is_brought_up_and_keeps_what_it_has(tmp_path: Path) -> None:
    """A real one: its answers, its batch and its rows are there, and ratings can be kept."""
    path = tmp_path / "old.sqlite3"
    path.write_bytes(gzip.decompress(VERSION_4.read_bytes()))
    with closing(sqlite3.connect(path)) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (4,)
    with Store(path).closing() as opened:
        assert [kept.run.output for kept in opened.answers.single_runs()] == ["SINGLE"]
        assert len(answers_in(opened, "shouts")) == 6
        assert opened.jobs.count(opened.batches.named("shouts")[0].id) == 6
        opened.ratings.keep([line("u1")]).result()
        assert len(opened.ratings.of_batch()) == 1
    with closing(sqlite3.connect(path)) as new:
        assert new.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_rating_is_written_once_and_changes_only_by_being_taken_back(store: Store) -> None:
    """The same uid again is the same rating, whatever else is said of it."""
    with store.closing():
        store.ratings.keep([line("u1"), line("u2", item="j")]).result()
        store.ratings.keep([line("u1", choice="b")], ["u2"]).result()
        first, second = store.ratings.of_items(["i", "j"])
        assert (first.choice, first.undone_at) == ("a", None)
        assert second.undone_at is not None
        store.ratings.keep([], ["u2", "nobody"]).result()
        assert store.ratings.of_items(["j"]) == [second], "it was taken back then, and not now"


def test_merging_adds_what_is_new_and_what_was_taken_back_stays_so(store: Store) -> None:
    """In whatever order, and however often."""
    with store.closing():
        store.ratings.keep([line("u1"), line("u2")]).result()
        theirs = [line("u2", undone_at=7.0), line("u3", rater="ben")]
        assert store.ratings.merge(theirs).result() == (1, 1)
        assert store.ratings.merge(theirs).result() == (0, 0)
        assert store.ratings.merge([line("u2")]).result() == (0, 0)
        assert {x.uid: x.undone_at for x in store.ratings.of_batch("shouts", "w")} == {
            "u1": None,
            "u2": 7.0,
            "u3": None,
        }
        assert store.ratings.of_batch("shouts", "another") == []


def test_forgetting_a_batch_forgets_what_people_said_of_it(tmp_path: Path) -> None:
    """And everything, also what was said of tables."""
    path = tmp_path / "old.sqlite3"
    path.write_bytes(gzip.decompress(VERSION_4.read_bytes()))
    with Store(path).closing() as opened:
        (record,) = opened.batches.named("shouts")
        opened.ratings.keep(
            [line("u1", workspace=record.workspace), line("u2"), line("u3", batch="", workspace="")]
        ).result()
        opened.forget(ForgetFilter(batch="shouts"))
        assert [x.uid for x in opened.ratings.of_batch()] == ["u2", "u3"], (
            "of a batch of that name elsewhere, and of a table"
        )
        opened.forget(ForgetFilter())
        assert len(opened.ratings.of_batch()) == 0
