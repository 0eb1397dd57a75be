"""Row hashes: compare the rows of partitions with the stored rows of a batch. Pure.

This is `batching/planning/table_match.py` for hashes in place of rows. Two rows are equal where each variant that both
go through is sent the same inputs; without a variant in common, where one deployment is sent the same inputs. The
notebook holds 8 bytes for each row and mapping of inputs, and no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fh_notebook.batching.planning.plan import BatchVariant
from fh_notebook.batching.planning.table_match import ArmRecord
from fh_notebook.scaling.messages import HASH_BYTES

__all__ = ["RowDifference", "RowHashes", "arms_of_targets", "compare_hashes", "first_of_targets", "group_by_arms"]

_MIX = np.uint64(0x9E3779B97F4A7C15)
"""An odd number without a pattern (2**64 over the golden ratio): it makes one number of several hashes of a row."""


@dataclass(frozen=True, slots=True)
class RowHashes:
    """Rows, each by the hashes of what it is sent."""

    arms: Sequence[Sequence[ArmRecord]]
    """For each hash of a row the arms that are sent what it is the hash of."""
    hashes: NDArray[np.uint64] = field(repr=False)
    """A line a row, a column a hash."""

    @classmethod
    def of(cls, arms: Sequence[Sequence[ArmRecord]], hashes: bytes) -> RowHashes:
        """Return the rows whose hashes lie behind each other."""
        numbers = np.frombuffer(hashes, dtype=np.dtype(f"u{HASH_BYTES}"))
        return cls(arms, numbers.reshape(-1, len(arms)))


@dataclass(frozen=True, slots=True)
class RowDifference:
    """How rows differ from the kept ones."""

    strange: NDArray[np.bool_] = field(repr=False)
    """Of each row, whether it is not among the kept ones."""
    missing: int
    """How many of the kept rows are not among these."""

    @property
    def is_same(self) -> bool:
        """Whether it is the same table, an extension of it, or a part of it."""
        return not (self.missing and self.strange.any())


def first_of_targets(arms: Sequence[BatchVariant]) -> list[int]:
    """Return the place of the first arm of each target: what it is sent, the other arms of the target are sent too."""
    places: dict[int, int] = {}
    for place, arm in enumerate(arms):
        places.setdefault(id(arm.target), place)
    return list(places.values())


def arms_of_targets(arms: Sequence[BatchVariant]) -> list[list[ArmRecord]]:
    """Return the arms of each target, in the order of :func:`first_of_targets`."""
    found: dict[int, list[ArmRecord]] = {}
    for arm in arms:
        found.setdefault(id(arm.target), []).append([arm.label, arm.deployment, arm.variant])
    return list(found.values())


def group_by_arms(rows: Iterable[RowHashes]) -> list[RowHashes]:
    """Return rows with those that are sent to the same arms together."""
    groups: dict[str, list[RowHashes]] = {}
    for some in rows:
        groups.setdefault(repr(some.arms), []).append(some)
    return [RowHashes(group[0].arms, np.concatenate([some.hashes for some in group])) for group in groups.values()]


def compare_hashes(kept: Sequence[RowHashes], table: RowHashes) -> RowDifference:
    """Return how the rows of a table differ from the kept ones.

    Examples
    --------
    >>> arms = [[["a", "triage", "a"]]]
    >>> kept, table = (RowHashes(arms, np.array([rows], dtype="u8").T) for rows in ([1, 2], [2, 3, 1]))
    >>> found = compare_hashes([kept], table)
    >>> found.strange.tolist(), found.missing, found.is_same
    ([False, True, False], 0, True)
    >>> compare_hashes([table], RowHashes(arms, np.array([[1, 4]], dtype="u8").T)).is_same
    False
    """
    strange = np.ones(len(table.hashes), dtype=bool)
    missing = 0
    for some in group_by_arms(kept):
        pairs = _pairs(some.arms, table.arms)
        theirs = _combine_hashes(some.hashes[:, [a for a, _ in pairs]])
        mine = _combine_hashes(table.hashes[:, [b for _, b in pairs]])
        strange &= ~np.isin(mine, theirs)
        missing += int((~np.isin(theirs, mine)).sum())
    return RowDifference(strange, missing)


def _pairs(one: Sequence[Sequence[ArmRecord]], other: Sequence[Sequence[ArmRecord]]) -> list[tuple[int, int]]:
    """Return which hashes of the ones stand beside which of the others: by arm, else one of a deployment in common."""
    every = [(a, b) for a in range(len(one)) for b in range(len(other))]
    by_arm = [(a, b) for a, b in every if any(arm in other[b] for arm in one[a])]
    return by_arm or [(a, b) for a, b in every if one[a][0][1] == other[b][0][1]][:1]


def _combine_hashes(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return one number a row, where equal rows are known by it."""
    if not hashes.shape[1]:
        return np.zeros(len(hashes), dtype=np.uint64)
    numbers = hashes[:, 0]
    for place in range(1, hashes.shape[1]):
        numbers = numbers * _MIX + hashes[:, place]
    return numbers
