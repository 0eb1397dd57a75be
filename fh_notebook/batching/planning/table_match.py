"""Comparison of a table with the stored table of the same name, row by row. Pure.

Rule of this file: rows are compared by their inputs, in any order. Two tables are the same where the rows of one are
all among the rows of the other; a row that is kept never changes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

__all__ = ["ArmRecord", "RowInputs", "TableMatch", "inputs_by_row", "match"]

ArmRecord = list[str]
"""Label, deployment, variant: as JSON keeps it."""

RowInputs = Mapping[int, str]
"""Of one row: the place of an arm, and the inputs that it is sent, as they are kept (passwords masked)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMatch:
    """What a table is to the one that is kept."""

    places: Mapping[int, int] = field(repr=False)
    """Where each of its rows is kept, or is to be kept: its position in the table -> its place."""
    new: int
    """How many of its rows get a place now."""
    strange: int
    """How many of its rows are not among those that are kept."""
    missing: int
    """How many of the kept rows are not in it."""
    is_whole: bool = True
    """Whether each kept row is one of its rows: else it is a part, whose labels may be those of other rows."""

    @property
    def is_same(self) -> bool:
        """Whether it is the same table, an extension of it, or a part of it."""
        return not (self.strange and self.missing)


def inputs_by_row(sent: Iterable[tuple[int, int, str]]) -> dict[int, dict[int, str]]:
    """Return what each row sends through each arm, of the position, the arm and the inputs of jobs.

    Repeats send the same.
    """
    rows: dict[int, dict[int, str]] = {}
    for position, arm, inputs in sent:
        rows.setdefault(position, {}).setdefault(arm, inputs)
    return rows


def match(
    kept: Mapping[int, RowInputs],
    table: Mapping[int, RowInputs],
    arms: Sequence[ArmRecord],
    *,
    same: Mapping[int, int] | None = None,
) -> TableMatch:
    """Return where the rows of a table are kept.

    Two rows are equal where every arm that both go through is sent the same; without an arm in common, where a
    deployment is sent the same.

    Parameters
    ----------
    kept, table : mapping of int to RowInputs
        The kept rows and the table's, by place.
    arms : sequence of ArmRecord
        What the places of arms mean.
    same : mapping of int to int, optional
        Which row is meant by which kept one, among rows of equal inputs.

    Examples
    --------
    >>> arms = [["a", "triage", "a"]]
    >>> found = match({0: {0: "x"}, 1: {0: "y"}}, {0: {0: "y"}, 1: {0: "z"}, 2: {0: "x"}}, arms)
    >>> dict(found.places), found.is_same
    ({0: 1, 2: 0, 1: 2}, True)
    >>> match({0: {0: "x"}}, {0: {0: "y"}}, arms).is_same
    False
    """
    places: dict[int, int] = {}
    taken: set[int] = set()
    for meant in (same or {}, dict(zip(table, table, strict=True))):  # then the row of the same place
        for row, place in meant.items():
            if row in places or place in taken or row not in table or place not in kept:
                continue
            if _are_equal(table[row], kept[place], arms):
                places[row] = place
                taken.add(place)
    begins: dict[_Content, int] = {}
    strange = 0
    without: list[int] = []
    others = [row for row in table if row not in places]
    of_kept = _by_content(kept, arms) if others else {}  # nearly always each row is found at its place
    for row in others:
        inputs = table[row]
        equal = _first_equal(inputs, kept, of_kept, arms, taken, begins)
        if equal is not None:
            places[row] = equal
            taken.add(equal)
        else:
            without.append(row)
            strange += not _has_equal(inputs, kept, of_kept, arms)
    free = count(max(kept, default=-1) + 1)
    used = set(kept)
    for row in without:
        places[row] = row if row not in used else next(place for place in free if place not in used)
        used.add(places[row])
    left = [row for row in kept if row not in taken]
    of_table = _by_content(table, arms) if left else {}
    missing = sum(not _has_equal(kept[row], table, of_table, arms) for row in left)
    is_whole = taken.issuperset(kept)
    return TableMatch(places=places, new=len(without), strange=strange, missing=missing, is_whole=is_whole)


_Content = tuple[str, str]
"""A deployment, and what it is sent."""


def _contents(inputs: RowInputs, arms: Sequence[ArmRecord]) -> Iterable[_Content]:
    return dict.fromkeys((arms[arm][1], text) for arm, text in inputs.items())


def _by_content(rows: Mapping[int, RowInputs], arms: Sequence[ArmRecord]) -> dict[_Content, list[int]]:
    found: dict[_Content, list[int]] = {}
    for row, inputs in rows.items():
        for content in _contents(inputs, arms):
            found.setdefault(content, []).append(row)
    return found


def _are_equal(one: RowInputs, other: RowInputs, arms: Sequence[ArmRecord]) -> bool:
    if one == other:
        return bool(one)
    shares = not set(_contents(one, arms)).isdisjoint(_contents(other, arms))
    return shares and _same_where_shared(one, other)


def _same_where_shared(one: RowInputs, other: RowInputs) -> bool:
    return all(other[arm] == text for arm, text in one.items() if arm in other)


def _first_equal(
    inputs: RowInputs,
    rows: Mapping[int, RowInputs],
    by_content: Mapping[_Content, list[int]],
    arms: Sequence[ArmRecord],
    taken: set[int],
    begins: dict[_Content, int],
) -> int | None:
    """Return the first equal row that is not taken; `begins` says how many are, so that none is looked at twice."""
    # The rarest first: one deployment may be sent the same in every row.
    for content in sorted(_contents(inputs, arms), key=lambda content: len(by_content.get(content, ()))):
        candidates = by_content.get(content, [])
        begin = begins.get(content, 0)
        while begin < len(candidates) and candidates[begin] in taken:
            begin += 1
        begins[content] = begin
        for row in (candidates[at] for at in range(begin, len(candidates))):
            if row not in taken and _same_where_shared(inputs, rows[row]):
                return row
    return None


def _has_equal(
    inputs: RowInputs,
    rows: Mapping[int, RowInputs],
    by_content: Mapping[_Content, list[int]],
    arms: Sequence[ArmRecord],
) -> bool:
    return any(
        _same_where_shared(inputs, rows[row])
        for content in _contents(inputs, arms)
        for row in by_content.get(content, ())
    )
