"""Comparison of two tables, and the place of each saved row: the rule alone, row by row."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fh_notebook.batching.planning.table_match import TableMatch, inputs_by_row, match

ARMS = [["loud", "shout", "loud"], ["soft", "shout", "soft"], ["echo", "echo", "v"]]
"""Two variants of one deployment, and another deployment."""


def _rows(*rows: str) -> dict[int, dict[int, str]]:
    """Rows by place, each as ``loud/soft/echo``; ``-`` goes through no such arm, ``.`` is a place without a row."""
    return {
        place: {arm: text for arm, text in enumerate(row.split("/")) if text != "-"}
        for place, row in enumerate(rows)
        if row != "."
    }


def _told(found: TableMatch) -> tuple[Mapping[int, int], int, int, int, bool]:
    return dict(found.places), found.new, found.strange, found.missing, found.is_whole


@pytest.mark.parametrize(
    ("kept", "table", "places", "new", "strange", "missing"),
    [
        # In any order, extended, in part.
        (("a", "b"), ("a", "b"), {0: 0, 1: 1}, 0, 0, 0),
        (("a", "b"), ("b", "a"), {0: 1, 1: 0}, 0, 0, 0),
        (("a", "b"), ("b",), {0: 1}, 0, 0, 1),
        (("a", "b"), ("c", "a", "b"), {0: 2, 1: 0, 2: 1}, 1, 1, 0),
        (("a", "b"), ("a", "b", "c"), {0: 0, 1: 1, 2: 2}, 1, 1, 0),
        (("a", "b"), ("a", "c"), {0: 0, 1: 2}, 1, 1, 1),
        ((), ("a",), {0: 0}, 1, 1, 0),
        ((".", ".", "a"), ("b", "a"), {0: 0, 1: 2}, 1, 1, 0),
        ((".", "a"), ("a", "b"), {0: 1, 1: 2}, 1, 1, 0),
        # Equal rows: each has a place of its own, and is neither strange nor missing.
        (("a", "a", "b"), ("a", "b"), {0: 0, 1: 2}, 0, 0, 0),
        (("a", "b"), ("a", "a", "b"), {0: 0, 1: 2, 2: 1}, 1, 0, 0),
        (("a", "b", "a"), ("b", "a", "a"), {0: 1, 1: 0, 2: 2}, 0, 0, 0),
        (("a", "a", "a"), ("x", "a", "a"), {0: 3, 1: 1, 2: 2}, 1, 1, 0),
        # Arms: those that both go through count; else what a deployment is sent.
        (("a/-/-",), ("a/a/-",), {0: 0}, 0, 0, 0),
        (("a/-/-",), ("-/a/-",), {0: 0}, 0, 0, 0),
        (("a/-/-",), ("-/-/a",), {0: 1}, 1, 1, 1),
        (("a/b/-",), ("a/c/-",), {0: 1}, 1, 1, 1),
        (("a/b/-", "a/c/-"), ("a/c/-",), {0: 1}, 0, 0, 1),
        (("a/-/x", "a/-/y"), ("a/-/y", "a/-/x"), {0: 1, 1: 0}, 0, 0, 0),
        (("same/a/-", "same/b/-"), ("-/b/-", "-/a/-"), {0: 1, 1: 0}, 0, 0, 0),
        (("a/b/-", "b/a/-"), ("b/a/-", "b/a/-", "a/b/-"), {0: 2, 1: 1, 2: 0}, 1, 0, 0),
    ],
)
def test_where_the_rows_of_a_table_are_kept(
    kept: tuple[str, ...], table: tuple[str, ...], places: dict[int, int], new: int, strange: int, missing: int
) -> None:
    """Each beside its equal, one to one; the others behind; and how many are strange and missing."""
    there = _rows(*kept)
    found = match(there, _rows(*table), ARMS)
    is_whole = set(places.values()) >= set(there)
    assert _told(found) == (places, new, strange, missing, is_whole)
    assert found.is_same == (not (strange and missing))


def test_rows_that_are_meant_by_name_come_first() -> None:
    """Among equal ones, and only where they are equal, there, and nobody else's."""
    kept, table = _rows("a", "a", "b"), _rows("a", "a", "b")
    assert match(kept, table, ARMS, same={0: 1}).places == {0: 1, 1: 0, 2: 2}
    assert match(kept, table, ARMS, same={0: 1, 1: 1}).places == {0: 1, 1: 0, 2: 2}
    assert match(kept, table, ARMS, same={0: 2, 1: 7, 9: 0}).places == {0: 0, 1: 1, 2: 2}


tables = st.dictionaries(st.integers(0, 9), st.sampled_from("abcd"), max_size=7)


@given(tables, tables)
@example({0: "a", 1: "b"}, {2: "x", 0: "y"})
def test_every_row_has_one_place_beside_its_equal(kept: dict[int, str], table: dict[int, str]) -> None:
    """Whatever the tables: no two rows share a place, none lies on another row, and as many as can find an equal."""
    there, rows = ({place: {0: text} for place, text in one.items()} for one in (kept, table))
    found = match(there, rows, ARMS)
    assert sorted(found.places) == sorted(rows)
    assert len(set(found.places.values())) == len(rows)
    assert all(there[place] == rows[row] for row, place in found.places.items() if place in there)
    mine, theirs = Counter(table.values()), Counter(kept.values())
    assert found.new == len(table) - (mine & theirs).total() == sum(p not in there for p in found.places.values())
    assert found.strange == sum(text not in theirs for text in table.values())
    assert found.missing == sum(text not in mine for text in kept.values())


def test_repeats_of_a_row_are_one_row() -> None:
    """They send the same."""
    sent = [(position, arm, f"{position}{arm}") for position, _, arm in itertools.product((0, 2), (1, 2), (0, 1))]
    assert inputs_by_row(sent) == {0: {0: "00", 1: "01"}, 2: {0: "20", 1: "21"}}
