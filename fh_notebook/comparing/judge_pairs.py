"""Two answers side by side, in both orders. Pure: `judge.py` asks the questions.

Rule of this file: no verdict on one order alone. Judges prefer a place, often the first (P. Wang et al., "Large
Language Models are not Fair Evaluators", ACL 2024), so each pair is asked twice with the order swapped, a verdict that
turns with the order is a tie, and how often it turned is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

from fh_notebook.comparing.judge_answers import Said
from fh_notebook.comparing.scorer_base import Result
from fh_notebook.comparing.scoring_source import Observation

__all__ = ["Pair", "Points", "PositionBias", "bias_of", "give", "of_points", "pairs_of", "settled"]

Points = dict[int, list[tuple[str, float | None, str]]]
"""By the place of a run: against which variant, its share of the point, and why there is none."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs of two variants on one row, by their places among the observations."""

    a: int
    b: int
    same: bool = False
    """Whether both gave the same text: a tie, without a call."""


def pairs_of(found: Sequence[Observation]) -> list[Pair]:
    """Return every pair of variants on each row, repeat by repeat; only completed runs."""
    order = {name: place for place, name in enumerate(dict.fromkeys(o.variant for o in found))}
    rows: dict[Any, dict[str, list[int]]] = {}
    for place, observation in enumerate(found):
        if observation.completed:
            rows.setdefault(observation.pair, {}).setdefault(observation.variant, []).append(place)
    pairs = []
    for of_row in rows.values():
        for x, y in combinations(sorted(of_row, key=order.__getitem__), 2):
            pairs += [
                Pair(a, b, _text(found[a]) == _text(found[b])) for a, b in zip(of_row[x], of_row[y], strict=False)
            ]
    return pairs


def _text(observation: Observation) -> str:
    return observation.run.text.strip() if observation.run is not None else ""


def settled(straight: Said[str], swapped: Said[str]) -> tuple[float | None, str]:
    """Return how much of the point the first of a pair gets (1, 0.5 or 0), or ``None`` and why.

    Examples
    --------
    >>> settled(Said("a"), Said("b")), settled(Said("a"), Said("a")), settled(Said("b"), Said("tie"))
    ((1.0, ''), (0.5, ''), (0.25, ''))
    """
    if error := straight.error or swapped.error:
        return None, error
    points = {"a": 1.0, "tie": 0.5, "b": 0.0}
    return (points[str(straight.value)] + 1.0 - points[str(swapped.value)]) / 2, ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionBias:
    """How often a judge preferred a place, whatever stood there."""

    pairs: int
    """Pairs with a verdict in both orders."""
    first: int
    """Answers that preferred the one that was shown first."""
    second: int
    ties: int
    turned: int
    """Pairs whose verdict turned with the order."""
    to_first: int
    """Of these, those that preferred the first place both times."""
    to_second: int
    p: float
    """Two-sided sign test of `to_first` against `to_second`; NaN where none turned."""

    def __str__(self) -> str:
        if not self.pairs:
            return "Position bias: no pair has a verdict in both orders."
        chance = "" if math.isnan(self.p) else f" (sign test p = {self.p:.2g})"
        return (
            f"Position bias: {self.turned} of {self.pairs} pairs turned with the order and count as ties, "
            f"{self.to_first} towards the first place and {self.to_second} towards the second{chance}; of "
            f"{2 * self.pairs} answers {self.first} preferred the first, {self.second} the second, {self.ties} neither."
        )


def bias_of(verdicts: Iterable[tuple[Said[str], Said[str]]]) -> PositionBias:
    """Return how often a place was preferred, from the verdicts in both orders (``a`` is what was shown first).

    Examples
    --------
    >>> bias_of([(Said("a"), Said("a")), (Said("a"), Said("b"))]).to_first
    1
    """
    readable = [(str(x.value), str(y.value)) for x, y in verdicts if x.value is not None and y.value is not None]
    answers = [value for both in readable for value in both]
    to_first, to_second = readable.count(("a", "a")), readable.count(("b", "b"))
    return PositionBias(
        pairs=len(readable),
        first=answers.count("a"),
        second=answers.count("b"),
        ties=answers.count("tie"),
        turned=to_first + to_second,
        to_first=to_first,
        to_second=to_second,
        p=_sign_test(to_first, to_second),
    )


def _sign_test(x: int, y: int) -> float:
    """Return the exact two-sided p of a fair coin (W. J. Dixon and A. M. Mood, JASA 41 (1946), 557-566)."""
    n = x + y
    if not n:
        return float("nan")
    tail = sum(math.comb(n, k) for k in range(min(x, y) + 1))
    return min(1.0, float(2 * tail / (1 << n)))


def give(
    points: Points,
    found: Sequence[Observation],
    pair: Pair,
    share: float | None,
    error: str,
) -> None:
    """Note what both runs of a pair get: `share` is the first one's, ``None`` where it has no verdict."""
    points.setdefault(pair.a, []).append((found[pair.b].variant, share, error))
    points.setdefault(pair.b, []).append((found[pair.a].variant, None if share is None else 1.0 - share, error))


def of_points(told: Sequence[tuple[str, float | None, str]]) -> Result:
    """Return a run's share of the points against the others; a row without another variant has none."""
    shares = [share for _, share, _ in told if share is not None]
    parts = {f"vs {name}": share for name, share, _ in told}
    if shares:
        return Result(fmean(shares), None, parts)
    return Result(float("nan"), next((error for _, _, error in told if error), None), parts or None)
