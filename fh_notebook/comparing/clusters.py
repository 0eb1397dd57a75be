"""Which rows are one piece of evidence: those that ask the same. Pure, from lines to a number of the cluster of each.

Rule of this file: rows with equal inputs are called once and share their answers, so they say no more than one of them
does. Two rows are one cluster where every variant that both have got the same inputs; what was asked is told by the key
of the job, a SHA-256 of workspace, deployment, variant, inputs and repeat. Lines without such a key, of a table from
elsewhere, are grouped by what pairs them and by nothing else.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.cells import object_series
from fh_notebook.batching.plan import counted

__all__ = ["clusters_of", "distinct_text", "labels_of", "note_of"]

KEY_LENGTH: Final = 64
"""Hexadecimal digits of a SHA-256."""

Codes = NDArray[np.int64]


def clusters_of(
    pairs: Iterable[Hashable],
    *,
    variants: Iterable[str],
    rows: Iterable[Any] | None = None,
    keys: Iterable[Any] | None = None,
) -> Codes:
    """Return the number of the cluster that each line belongs to, in the order of their first lines.

    Parameters
    ----------
    pairs : iterable
        What each line is paired by: lines of one pair are one cluster in any case.
    variants : iterable of str
        The variant of each line.
    rows : iterable, optional
        The row of each line, where several rows may be one pair.
    keys : iterable, optional
        The key of the job of each line; what is no such key is left aside.

    Examples
    --------
    >>> keys = [letter * 64 for letter in "abab"]
    >>> clusters_of([0, 0, 1, 1], variants=["x", "y"] * 2, keys=keys).tolist()
    [0, 0, 0, 0]
    >>> clusters_of([0, 0, 1, 1], variants=["x", "y"] * 2, keys=["a" * 64, "b" * 64, "a" * 64, "c" * 64]).tolist()
    [0, 0, 1, 1]
    """
    pair_of = _codes(pairs)
    told = None if keys is None else [key if _is_key(key) else None for key in keys]
    if told is None or not any(told):
        return pair_of
    variant_of = _codes(variants)
    row_of = pair_of if rows is None else _together(pair_of, _codes(rows))
    key_of = pd.factorize(object_series(told))[0].astype(np.int64)  # -1 where there is none
    known = key_of >= 0
    asked_of = np.full(len(pair_of), -1, dtype=np.int64)
    asked_of[known] = _together(key_of[known], variant_of[known])
    # What is asked by one row only ties it to no other one: most tables end here.
    first_row = np.zeros(int(asked_of.max()) + 1, dtype=np.int64)
    first_row[asked_of[known][::-1]] = row_of[known][::-1]  # backwards: the first one is written last, and stays
    shared = np.zeros(len(first_row), dtype=bool)
    shared[asked_of[known][first_row[asked_of[known]] != row_of[known]]] = True
    if not shared.any():
        return pair_of
    touched = np.zeros(int(row_of.max()) + 1, dtype=bool)
    touched[row_of[known][shared[asked_of[known]]]] = True
    lines = np.flatnonzero(known & touched[row_of])
    return _joined(pair_of, row_of[lines], variant_of[lines], asked_of[lines], lines)


def _joined(pair_of: Codes, row_of: Codes, variant_of: Codes, asked_of: Codes, lines: Codes) -> Codes:
    """Return the clusters, after the pairs of rows that ask the same are joined."""
    rows: dict[int, dict[int, set[int]]] = {}
    pair_of_row: dict[int, int] = {}
    for line, row, variant, asked in zip(
        lines.tolist(), row_of.tolist(), variant_of.tolist(), asked_of.tolist(), strict=True
    ):
        rows.setdefault(row, {}).setdefault(variant, set()).add(asked)
        pair_of_row[row] = int(pair_of[line])
    root = list(range(int(pair_of.max()) + 1))

    def find(pair: int) -> int:
        while root[pair] != pair:
            root[pair] = root[root[pair]]
            pair = root[pair]
        return pair

    first: dict[int, int] = {}
    for row, of_variant in rows.items():
        for asked_by in of_variant.values():
            for asked in asked_by:
                other = first.setdefault(asked, row)
                if other != row and _ask_the_same(rows[other], of_variant):
                    one, two = sorted((find(pair_of_row[other]), find(pair_of_row[row])))
                    root[two] = one
    roots = np.array([find(pair) for pair in range(len(root))])
    return pd.factorize(roots[pair_of])[0].astype(np.int64)


def _ask_the_same(one: dict[int, set[int]], other: dict[int, set[int]]) -> bool:
    """Whether two rows gave the same inputs to every variant that both have: one variant alone may ignore a column."""
    return all(one[variant] & other[variant] for variant in one.keys() & other.keys())


def labels_of(pairs: Sequence[Hashable], variants: Iterable[str], keys: Iterable[Any]) -> NDArray[np.uint64]:
    """Return a number for each line that is the same for rows that ask the same of the same variants.

    It needs no look at other lines than those of the row, so that partitions can be told from each other by it.
    """
    pair_of = _codes(pairs)
    told = [key if _is_key(key) else f"row {pair}" for key, pair in zip(keys, pairs, strict=True)]
    of_line = pd.util.hash_array(
        np.array([f"{v} {key}" for v, key in zip(variants, told, strict=True)], dtype=object), categorize=False
    )
    of_pair = np.zeros(int(pair_of.max(initial=-1)) + 1, dtype=np.uint64)
    np.add.at(of_pair, pair_of, of_line)  # in any order; what does not fit is cut off
    return np.asarray(of_pair[pair_of], dtype=np.uint64)


def _is_key(value: Any) -> bool:
    """Whether a value looks like the key of a job; of each of a million, so without a pattern."""
    return isinstance(value, str) and len(value) == KEY_LENGTH and value.isalnum()


def _codes(values: Iterable[Any]) -> Codes:
    return pd.factorize(object_series(list(values)))[0].astype(np.int64)


def _together(one: Codes, other: Codes) -> Codes:
    """Return a code for each pair of codes."""
    return pd.factorize(one * (int(other.max(initial=-1)) + 2) + other)[0].astype(np.int64)


def distinct_text(rows: int, distinct: int) -> str:
    """Return how many rows there are, and how many of them are distinct where some ask the same.

    Examples
    --------
    >>> distinct_text(60, 5), distinct_text(60, 60)
    ('60 rows, 5 distinct', '60 rows')
    """
    return counted(rows, "row") + (f", {distinct:,} distinct" if distinct < rows else "")


def note_of(rows: int, distinct: int) -> str:
    """Return what must be said where rows ask the same; empty where none do."""
    if distinct >= rows:
        return ""
    return (
        f"{distinct_text(rows, distinct)}: rows with equal inputs get the same answers, so they count as one in means, "
        "intervals, tests and power."
    )
