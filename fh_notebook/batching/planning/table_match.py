"""Comparison of a table with the stored table of the same name, row by row. Pure.

Rule of this file: rows are compared by their inputs, in any order. Two tables are the same where the rows of one are
all among the rows of the other; a row that is saved never changes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

VariantRecord = list[str]
"""Label, deployment, variant: as JSON keeps it."""

RowInputs = Mapping[int, str]
"""Of one row: the place of a variant, and the inputs that it is sent, as they are saved (passwords masked)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMatch:
    """What a table is to the one that is saved."""

    places: Mapping[int, int] = field(repr=False)
    """Where each of its rows is saved, or is to be saved: its position in the table -> its place."""
    new: int
    """How many of its rows get a place now."""
    strange: int
    """How many of its rows are not among those that are saved."""
    missing: int
    """How many of the saved rows are not in it."""
    is_whole: bool = True
    """Whether each saved row is one of its rows: else it is a part, whose labels may be those of other rows."""

    @property
    def is_same(self) -> bool:
        """Whether it is the same table, an extension of it, or a part of it."""
        return not (self.strange and self.missing)


def inputs_by_row(sent: Iterable[tuple[int, int, str]]) -> dict[int, dict[int, str]]:
    """Return what each row sends through each variant, of the position, the variant and the inputs of jobs.

    Repeats send the same.
    """
    rows: dict[int, dict[int, str]] = {}
    for position, variant, inputs in sent:
        rows.setdefault(position, {}).setdefault(variant, inputs)
    return rows


def match(
    stored: Mapping[int, RowInputs],
    table: Mapping[int, RowInputs],
    variant_records: Sequence[VariantRecord],
    *,
    same: Mapping[int, int] | None = None,
) -> TableMatch:
    """Return where the rows of a table are saved.

    Two rows are equal where every variant that both go through is sent the same; without a variant in common, where a
    deployment is sent the same.

    Examples
    --------
    >>> records = [["a", "triage", "a"]]
    >>> found = match({0: {0: "x"}, 1: {0: "y"}}, {0: {0: "y"}, 1: {0: "z"}, 2: {0: "x"}}, records)
    >>> dict(found.places), found.is_same
    ({0: 1, 2: 0, 1: 2}, True)
    >>> match({0: {0: "x"}}, {0: {0: "y"}}, records).is_same
    False
    """
    positions: dict[int, int] = {}
    matched: set[int] = set()
    for hints in (same or {}, dict(zip(table, table, strict=True))):  # then the row of the same place
        for row, position in hints.items():
            if row in positions or position in matched or row not in table or position not in stored:
                continue
            if _are_equal(table[row], stored[position], variant_records):
                positions[row] = position
                matched.add(position)
    begins: dict[_Content, int] = {}
    strange = 0
    without: list[int] = []
    unmatched = [row for row in table if row not in positions]
    of_stored = (
        _by_content(stored, variant_records) if unmatched else {}
    )  # nearly always each row is found at its place
    for row in unmatched:
        inputs = table[row]
        equal = _first_equal(inputs, stored, of_stored, variant_records, matched, begins)
        if equal is not None:
            positions[row] = equal
            matched.add(equal)
        else:
            without.append(row)
            strange += not _has_equal(inputs, stored, of_stored, variant_records)
    free = count(max(stored, default=-1) + 1)
    used = set(stored)
    for row in without:
        positions[row] = row if row not in used else next(position for position in free if position not in used)
        used.add(positions[row])
    left = [row for row in stored if row not in matched]
    of_table = _by_content(table, variant_records) if left else {}
    missing = sum(not _has_equal(stored[row], table, of_table, variant_records) for row in left)
    is_whole = matched.issuperset(stored)
    return TableMatch(places=positions, new=len(without), strange=strange, missing=missing, is_whole=is_whole)


_Content = tuple[str, str]
"""A deployment, and what it is sent."""


def _contents(inputs: RowInputs, variant_records: Sequence[VariantRecord]) -> Iterable[_Content]:
    return dict.fromkeys((variant_records[variant][1], text) for variant, text in inputs.items())


def _by_content(rows: Mapping[int, RowInputs], variant_records: Sequence[VariantRecord]) -> dict[_Content, list[int]]:
    by_content: dict[_Content, list[int]] = {}
    for row, inputs in rows.items():
        for content in _contents(inputs, variant_records):
            by_content.setdefault(content, []).append(row)
    return by_content


def _are_equal(one: RowInputs, other: RowInputs, variant_records: Sequence[VariantRecord]) -> bool:
    if one == other:
        return bool(one)
    shares = not set(_contents(one, variant_records)).isdisjoint(_contents(other, variant_records))
    return shares and _same_where_shared(one, other)


def _same_where_shared(one: RowInputs, other: RowInputs) -> bool:
    return all(other[variant] == text for variant, text in one.items() if variant in other)


def _first_equal(
    inputs: RowInputs,
    rows: Mapping[int, RowInputs],
    by_content: Mapping[_Content, list[int]],
    variant_records: Sequence[VariantRecord],
    matched: set[int],
    begins: dict[_Content, int],
) -> int | None:
    """Return the first equal row that is not taken; `begins` says how many are, so that none is looked at twice."""
    # The rarest first: one deployment may be sent the same in every row.
    for content in sorted(_contents(inputs, variant_records), key=lambda content: len(by_content.get(content, ()))):
        candidates = by_content.get(content, [])
        begin = begins.get(content, 0)
        while begin < len(candidates) and candidates[begin] in matched:
            begin += 1
        begins[content] = begin
        for row in (candidates[at] for at in range(begin, len(candidates))):
            if row not in matched and _same_where_shared(inputs, rows[row]):
                return row
    return None


def _has_equal(
    inputs: RowInputs,
    rows: Mapping[int, RowInputs],
    by_content: Mapping[_Content, list[int]],
    variant_records: Sequence[VariantRecord],
) -> bool:
    return any(
        _same_where_shared(inputs, rows[row])
        for content in _contents(inputs, variant_records)
        for row in by_content.get(content, ())
    )
