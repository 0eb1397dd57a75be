"""A comparison whose score is what people said: the same tables, with the win rate and the sign test.

Rule of this file: two variants are compared by what people said of these two beside each other, never by how each did
against a third; raters of the same row are averaged first, since they are not independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.plan import counted
from fh_notebook.comparing.comparison import Comparison
from fh_notebook.comparing.grid import Grid
from fh_notebook.comparing.intervals import NAN, Numbers, interval_of_share
from fh_notebook.comparing.paired import FEWEST_PAIRS, holm, mcnemar_exact, p_permutation
from fh_notebook.comparing.pairs import Pair, all_pairs, pairs_table
from fh_notebook.comparing.rating_items import Item
from fh_notebook.comparing.rating_kinds import TIE, turned
from fh_notebook.comparing.ratings import Standing
from fh_notebook.comparing.sources import Taken
from fh_notebook.errors import InputError
from fh_notebook.store.ratings import RatingLine

__all__ = ["RatedComparison", "rated_alone", "rated_pairs"]

SCORER: Final = "ratings"
_POINTS: Final = {"a": 0.0, "b": 1.0, TIE: 0.5}
"""What `b` of a pair gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedGrid(Grid):
    """A grid that knows what was said of two variants beside each other."""

    direct: Mapping[tuple[str, str], Numbers]
    """One share a row, of the second variant."""

    def shared(self, a: str, b: str) -> tuple[Numbers, Numbers]:
        """Return the shares of both on the rows on which they were rated beside each other."""
        share = self.direct.get((a, b))
        if share is None:
            turned = self.direct.get((b, a), np.array([]))
            return turned, 1.0 - turned
        return 1.0 - share, share

    def behind(self, a: str, b: str) -> tuple[int, int]:
        """Return how many rows, and lines, that is made of: each share is one of both."""
        rows = len(self.shared(a, b)[0])
        return rows, rows


class RatedComparison(Comparison):
    """A comparison by what people preferred. A variant's score on a row is its share of the points: a tie is half."""

    _direct: Mapping[tuple[str, str], Numbers]

    @cached_property
    def _grid(self) -> Grid:
        grid = Grid.of(self._frame, self.variants, by="cluster")
        return RatedGrid(
            variants=grid.variants, means=grid.means, counts=grid.counts, yes_no=grid.yes_no, copies=grid.copies,
            distinct=grid.distinct, within=grid.within, direct=self._direct,
        )  # fmt: skip

    @cached_property
    def _tested(self) -> list[Pair]:
        found = [self._signed(pair) for pair in all_pairs(self._grid, list(self._direct), tests=False)]
        corrected = holm([pair.p for pair in found])
        return [replace(pair, p_holm=p) for pair, p in zip(found, corrected, strict=True)]

    def _signed(self, pair: Pair) -> Pair:
        """Test who won a row, and not by how much: that is no number here. McNemar's exact test is the sign test."""
        if pair.n < FEWEST_PAIRS:
            return pair
        first, second = self._grid.shared(pair.a, pair.b)
        p = mcnemar_exact(pair.wins, pair.losses)
        return replace(pair, test="sign", p=p, p_permutation=p_permutation(second - first))

    def pairs(self) -> pd.DataFrame:
        """Return one line a pair of variants that were rated beside each other.

        Columns: those of ``cmp.pairs()``, with ``sign`` as the test: the exact two-sided sign test of the rows that
        were won and lost (W. J. Dixon and A. M. Mood, JASA 41 (1946), 557-566); then ``win_rate``: the share of `b`, a
        tie is half, with its 95 % interval ``win_low, win_high`` (Blaker's).
        """
        table = pairs_table(self._tested)
        found = [interval_of_share(self._grid.shared(p.a, p.b)[1], p.n) for p in self._tested]
        table["win_rate"] = pd.Series([p.mean_b for p in self._tested], dtype="float64")
        table["win_low"] = pd.Series([interval.low for interval in found], dtype="float64")
        table["win_high"] = pd.Series([interval.high for interval in found], dtype="float64")
        return table

    def rescore(self, score: Any = None, *, version: str | int | None = None, fresh: bool = False) -> Any:
        """Refuse: nothing scores here.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError("ratings are not scored again; cmp.rated() of the comparison reads what people said by now")


def rated_pairs(cmp: Comparison, items: Sequence[Item], said: Standing) -> RatedComparison:
    """Return the comparison by which of two outputs people preferred."""
    rows: dict[tuple[str, str], dict[Any, list[float]]] = {}
    points: dict[int, list[float]] = {}
    lines = cmp._taken.lines
    cluster_of = dict(zip(lines["pair"], lines["cluster"], strict=True))
    for item in items:
        given = [_POINTS[x.choice if x.a == item.a else turned(x.choice)] for x in _of(said, item)]
        if given and item.b is not None and item.place_b is not None:
            share = fmean(given)
            rows.setdefault((item.a, item.b), {}).setdefault(cluster_of[item.row], []).append(share)
            points.setdefault(item.place_a, []).append(1 - share)
            points.setdefault(item.place_b, []).append(share)
    made = RatedComparison(_scored(cmp, points, [_who(said, "pair")]), pair_on=cmp.pair_on, which=cmp._which)
    made._direct = {pair: np.array([fmean(of) for of in by_row.values()]) for pair, by_row in rows.items()}
    return made


def rated_alone(
    cmp: Comparison, items: Sequence[Item], said: Standing, label: str | None, *, highest: int | None = None
) -> Comparison:
    """Return the comparison by the numbers that people gave, or by the share of them that gave a label."""
    points: dict[int, list[float]] = {}
    for item in items:
        given = [float(x.choice == label) if label is not None else float(x.choice) for x in _of(said, item)]
        if given:
            points[item.place_a] = [fmean(given)]
    scorer = SCORER if label is None else f"{SCORER} ({label})"
    taken = _scored(cmp, points, [_who(said, "output")], scorer=scorer)
    taken.lines.attrs["bounds"] = None if highest is None else (1.0, float(highest))
    return Comparison(taken, pair_on=cmp.pair_on, which=cmp._which)


def _of(said: Standing, item: Item) -> list[RatingLine]:
    return [of[item.id] for of in said.values() if item.id in of]


def _who(said: Standing, what: str) -> str:
    by = ", ".join(f"{rater} ({counted(len(of), what)})" for rater, of in said.items())
    return f"Rated blind by {by}."


def _scored(cmp: Comparison, points: Mapping[int, Sequence[float]], notes: list[str], *, scorer: str = SCORER) -> Taken:
    lines = cmp._taken.lines
    scores = [fmean(points[place]) if place in points else NAN for place in range(len(lines))]
    again = lines.drop(columns=["parts"], errors="ignore").assign(
        score=np.array(scores, dtype="float64"), score_error=None
    )
    again.attrs = {"lower_is_better": False, "notes": notes}
    names = tuple(name for name in cmp._taken.names if name != cmp.scorer)  # a score of before is no column of the row
    return replace(cmp._taken, lines=again, scorer=scorer, names=names)
