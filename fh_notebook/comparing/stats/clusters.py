"""Clusters: rows with equal inputs, which count as one observation. Pure.

Rows with equal inputs are called once and share their answers, so together they say no more than one of them. Two rows
are one cluster where every variant that both have got the same inputs. A row that lacks a variant, and so equals
several rows that differ from each other, is a copy of none of them. The order of the rows does not matter. Inputs are
identified by the key of the job, a SHA-256 of workspace, deployment, variant, inputs and repeat. Lines without such a
key, of a table from elsewhere, are grouped by what pairs them and by nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.tables.values import object_series
from fh_notebook.core.text.messages import counted

KEY_LENGTH: Final = 64
"""Hexadecimal digits of a SHA-256."""

Codes = NDArray[np.int64]
Hashes = NDArray[np.uint64]


def clusters_of(
    pairs: Iterable[Hashable],
    *,
    variants: Iterable[str],
    rows: Iterable[Any] | None = None,
    keys: Iterable[Any] | None = None,
) -> Codes:
    """Return the number of the cluster that each line belongs to, in the order of their first lines.

    Examples
    --------
    >>> keys = [letter * 64 for letter in "abab"]
    >>> clusters_of([0, 0, 1, 1], variants=["x", "y"] * 2, keys=keys).tolist()
    [0, 0, 0, 0]
    >>> clusters_of([0, 0, 1, 1], variants=["x", "y"] * 2, keys=["a" * 64, "b" * 64, "a" * 64, "c" * 64]).tolist()
    [0, 0, 1, 1]
    """
    pair_of = _codes(pairs)
    valid_keys = None if keys is None else _valid_keys(list(keys))
    if valid_keys is None or not any(valid_keys):
        return pair_of
    variant_of = _codes(variants)
    row_of = pair_of if rows is None else _pair_codes(pair_of, _codes(rows))
    key_of = pd.factorize(object_series(valid_keys))[0].astype(np.int64)  # -1 where there is none
    known = key_of >= 0
    call_of = np.full(len(pair_of), -1, dtype=np.int64)
    call_of[known] = _pair_codes(key_of[known], variant_of[known])
    # A call of one row only connects it to no other row: most tables end here.
    first_row = np.zeros(int(call_of.max()) + 1, dtype=np.int64)
    first_row[call_of[known][::-1]] = row_of[known][::-1]  # backwards: the first one is written last, and stays
    shared = np.zeros(len(first_row), dtype=bool)
    shared[call_of[known][first_row[call_of[known]] != row_of[known]]] = True
    if not shared.any():
        return pair_of
    touched = np.zeros(int(row_of.max()) + 1, dtype=bool)
    touched[row_of[known][shared[call_of[known]]]] = True
    lines = np.flatnonzero(known & touched[row_of])
    return _join_equal_rows(pair_of, row_of[lines], variant_of[lines], call_of[lines], lines)


def _join_equal_rows(pair_of: Codes, row_of: Codes, variant_of: Codes, call_of: Codes, lines: Codes) -> Codes:
    """Return the clusters, after rows with equal inputs are joined."""
    question_of = _question_codes(row_of, variant_of, call_of)
    pair_of_row: dict[int, int] = {}
    questions: dict[int, dict[int, int]] = {}
    for row, variant, question, pair in zip(
        row_of.tolist(), variant_of.tolist(), question_of, pair_of[lines].tolist(), strict=True
    ):
        questions.setdefault(row, {})[variant] = question
        pair_of_row[row] = pair
    join = _UnionFind(int(pair_of.max()) + 1)
    # Rows with the same variants are copies where all inputs are equal: one copy represents them below.
    kinds: dict[frozenset[int], dict[tuple[int, ...], int]] = {}
    for row, questions_of_row in questions.items():
        row_by_questions = kinds.setdefault(frozenset(questions_of_row), {})
        first = row_by_questions.setdefault(
            tuple(questions_of_row[variant] for variant in sorted(questions_of_row)), row
        )
        join(pair_of_row[first], pair_of_row[row])
    for row, equal_row in _ties(kinds, questions):
        join(pair_of_row[row], pair_of_row[equal_row])
    roots = np.array([join.root_of(pair) for pair in range(len(join.root))])
    return pd.factorize(roots[pair_of])[0].astype(np.int64)


def _question_codes(row_of: Codes, variant_of: Codes, call_of: Codes) -> list[int]:
    """Return a code of the inputs of each line; the repeats of a row and variant have different keys and one code."""
    join = _UnionFind(int(call_of.max()) + 1)
    first: dict[tuple[int, int], int] = {}
    for row, variant, call in zip(row_of.tolist(), variant_of.tolist(), call_of.tolist(), strict=True):
        join(call, first.setdefault((row, variant), call))
    return [join.root_of(call) for call in call_of.tolist()]


def _ties(
    kinds: dict[frozenset[int], dict[tuple[int, ...], int]], questions: dict[int, dict[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of rows with different variants whose inputs are equal for the variants that both have.

    A row that equals rows that differ from each other is left out: it may be a copy of any of them.
    """
    equal: dict[int, list[int]] = {}
    unclear: set[int] = set()
    for first_kind, second_kind in itertools.permutations(kinds, 2):
        if not (shared := sorted(first_kind & second_kind)):
            continue
        rows_by_questions: dict[tuple[int, ...], list[int]] = {}
        for row in kinds[second_kind].values():
            rows_by_questions.setdefault(tuple(questions[row][variant] for variant in shared), []).append(row)
        for row in kinds[first_kind].values():
            equal_rows = rows_by_questions.get(tuple(questions[row][variant] for variant in shared), [])
            if len(equal_rows) == 1:
                equal.setdefault(row, []).append(equal_rows[0])
            elif equal_rows:
                unclear.add(row)
    for row, equal_rows_of_row in equal.items():
        known: dict[int, int] = {}
        if any(
            known.setdefault(v, question) != question
            for other_row in equal_rows_of_row
            for v, question in questions[other_row].items()
        ):
            unclear.add(row)
    for row, equal_rows_of_row in equal.items():
        if row not in unclear:
            yield from ((row, other_row) for other_row in equal_rows_of_row if other_row not in unclear)


class _UnionFind:
    """Union-find over numbers: the root of each is the least number that is joined to it."""

    def __init__(self, size: int) -> None:
        self.root = list(range(size))

    def root_of(self, number: int) -> int:
        root = self.root
        while root[number] != number:
            root[number] = root[root[number]]
            number = root[number]
        return number

    def __call__(self, one: int, other: int) -> None:
        one, other = sorted((self.root_of(one), self.root_of(other)))
        self.root[other] = one


def question_hashes(pairs: Sequence[Hashable], variants: Iterable[str], keys: Iterable[Any]) -> tuple[Hashes, Hashes]:
    """Return hashes of the pair and of the call of each line, equal in all partitions; 0 for an unknown call."""
    valid_keys = _valid_keys(list(keys))
    call_texts = [f"{variant} {key}" if key else None for variant, key in zip(variants, valid_keys, strict=True)]
    has_key = np.array([text is not None for text in call_texts], dtype=bool)
    hashes = np.zeros(len(call_texts), dtype=np.uint64)
    hashes[has_key] = _hashes([text for text in call_texts if text is not None])
    return _hashes(pairs), hashes


def _hashes(values: Sequence[Any]) -> Hashes:
    return np.asarray(pd.util.hash_array(object_series(list(values)).to_numpy(), categorize=False), dtype=np.uint64)


def connected_pairs(pairs: Hashes, calls: Hashes) -> Hashes:
    """Return a number for each line that is equal for pairs connected by equal calls, directly or indirectly.

    Pairs of one cluster are connected; connected pairs need not be one cluster.
    """
    numbers, pair_of = np.unique(pairs, return_inverse=True)
    join = _UnionFind(len(numbers))
    first: dict[int, int] = {}
    for pair, call in zip(pair_of.tolist(), calls.tolist(), strict=True):
        if call:
            join(first.setdefault(call, pair), pair)
    roots = np.array([join.root_of(pair) for pair in range(len(numbers))], dtype=np.int64)
    return np.asarray(numbers[roots[pair_of]])


def _valid_keys(values: Sequence[Any]) -> Sequence[str | None]:
    """Return ``None`` in place of each value that has not the form of a job's key."""
    sized = [value if isinstance(value, str) and len(value) == KEY_LENGTH else None for value in values]
    joined = "".join(value for value in sized if value)
    if joined.encode("utf-8", "surrogatepass").isalnum():  # all at once: there may be a million
        return sized
    return [value if value and value.isalnum() else None for value in sized]


def _codes(values: Iterable[Any]) -> Codes:
    return pd.factorize(object_series(list(values)))[0].astype(np.int64)


def _pair_codes(first: Codes, second: Codes) -> Codes:
    """Return a code for each pair of codes."""
    return pd.factorize(first * (int(second.max(initial=-1)) + 2) + second)[0].astype(np.int64)


def distinct_text(rows: int, distinct: int) -> str:
    """Return the number of rows, and of distinct rows where some have equal inputs.

    Examples
    --------
    >>> distinct_text(60, 5), distinct_text(60, 60)
    ('60 rows, 5 distinct', '60 rows')
    """
    return counted(rows, "row") + (f", {distinct:,} distinct" if distinct < rows else "")


def note_of(rows: int, distinct: int) -> str:
    """Return the note on rows with equal inputs; empty where there are none."""
    if distinct >= rows:
        return ""
    return (
        f"{distinct_text(rows, distinct)}: rows with equal inputs get the same answers, so they count as one in means, "
        "intervals, tests and power."
    )
