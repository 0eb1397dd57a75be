"""Table corrections: an older file gets it, lines never change, and only forgetting everything removes them."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.errors import StoreError
from fh_notebook.store.retention import ForgetFilter
from fh_notebook.store.store import Store
from fh_notebook.store.tables.corrections import CorrectionRow, hash_of_inputs

VERSION_4 = Path(__file__).parents[1] / "version_4.sqlite3.gz"
"""A store of a release before corrections: a batch of 3 rows and 2 variants, and a single run."""


def line(uid: str, **rest: object) -> CorrectionRow:
    """Return a correction."""
    made = CorrectionRow(
        workspace="w", deployment="triage", inputs="i", uid=uid, replaced='"other"', expected='"billing"',
        note="a charge", author="anna", corrected_at=100.0,
    )  # fmt: skip
    return replace(made, **rest)


def test_an_older_store_is_brought_up_and_can_keep_corrections(tmp_path: Path) -> None:
    """A real one of an earlier version."""
    path = tmp_path / "old.sqlite3"
    path.write_bytes(gzip.decompress(VERSION_4.read_bytes()))
    with Store(path).closing() as opened:
        assert opened.corrections.of_workspace("w") == []
        assert opened.corrections.keep([line("a")]).result() == 1
        assert opened.corrections.of_workspace("w") == [line("a")]


def test_a_correction_is_written_once_and_listed_by_its_time(tmp_path: Path) -> None:
    """The same uid again changes nothing, whatever it says; a copy into another workspace is repeated at no cost."""
    with Store(tmp_path / "s.sqlite3").closing() as store:
        store.corrections.keep([line("b", corrected_at=2.0), line("a", corrected_at=3.0)]).result()
        assert store.corrections.keep([line("b", note="no"), line("c", corrected_at=1.0)]).result() == 1
        assert [row.uid for row in store.corrections.of_workspace("w")] == ["c", "b", "a"]
        assert store.corrections.of_workspace("w")[1].note == "a charge"
        assert store.corrections.copy("w", "v").result() == 3
        assert store.corrections.copy("w", "v").result() == 0
        assert store.corrections.of_workspace("v") == [
            replace(row, workspace="v") for row in store.corrections.of_workspace("w")
        ]


def test_a_new_correction_is_the_newest_one_of_its_inputs(tmp_path: Path) -> None:
    """Also after the clock was set back, or at the same time."""
    with Store(tmp_path / "s.sqlite3").closing() as store:
        store.corrections.add([line("a", corrected_at=100.0)]).result()
        store.corrections.add([line("b", corrected_at=100.0), line("c", corrected_at=50.0)]).result()
        store.corrections.add([line("d", corrected_at=1.0, inputs="j")]).result()
        rows = store.corrections.of_workspace("w")
        assert [row.uid for row in rows] == ["d", "a", "b", "c"]
        assert rows[0].corrected_at == 1.0, "of other inputs"


def test_only_forgetting_everything_removes_them(tmp_path: Path) -> None:
    """Of one workspace, or of all of them; not with a deployment or by age."""
    with Store(tmp_path / "s.sqlite3").closing() as store:
        store.corrections.keep([line("a"), line("b", workspace="v")]).result()
        store.forget(ForgetFilter(batch="triage-1", workspace="w"))
        store.forget(ForgetFilter(deployment="triage"))
        assert len(store.corrections.of_workspace("w")) == 1
        store.forget(ForgetFilter(workspace="w"))
        assert (store.corrections.of_workspace("w"), len(store.corrections.of_workspace("v"))) == ([], 1)
        store.forget(ForgetFilter())
        assert store.corrections.of_workspace("v") == []


def test_a_damaged_line_is_told_with_the_file(tmp_path: Path) -> None:
    """A time beyond the calendar was written by something else."""
    with Store(tmp_path / "s.sqlite3").closing() as store:
        store.corrections.keep([line("a", corrected_at=1e300)]).result()
        with pytest.raises(StoreError, match="damaged"):
            store.corrections.of_workspace("w")


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text(st.characters()) | st.lists(st.booleans())))
def test_equal_inputs_have_one_hash(inputs: dict[str, object]) -> None:
    """In whatever order, half characters and nulls included."""
    assert hash_of_inputs(inputs) == hash_of_inputs(dict(reversed(inputs.items()))) != ""
