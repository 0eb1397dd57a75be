"""The data of a comparison whose score is what people said: a share of the points, a mean, or the share of a label.

Rule of this file: two variants are compared by what people said of these two beside each other, never by how each did
against a third; raters of the same row are averaged first, since they are not independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, Final

import numpy as np

from fh_notebook.batching.plan import counted
from fh_notebook.comparing.data import ComparisonData, ScoredRuns
from fh_notebook.comparing.intervals import NAN
from fh_notebook.comparing.rating_items import Item
from fh_notebook.comparing.rating_kinds import TIE, turned
from fh_notebook.comparing.ratings import Standing
from fh_notebook.store.ratings import RatingLine

__all__ = ["rated_alone", "rated_pairs"]

SCORER: Final = "ratings"
_POINTS: Final = {"a": 0.0, "b": 1.0, TIE: 0.5}
"""What `b` of a pair gets."""


def rated_pairs(data: ComparisonData, items: Sequence[Item], said: Standing) -> ComparisonData:
    """Return the comparison by which of two outputs people preferred."""
    rows: dict[tuple[str, str], dict[Any, list[float]]] = {}
    points: dict[int, list[float]] = {}
    lines = data.runs.lines
    cluster_of = dict(zip(lines["pair"], lines["cluster"], strict=True))
    for item in items:
        given = [_POINTS[x.choice if x.a == item.a else turned(x.choice)] for x in _of(said, item)]
        if given and item.b is not None and item.place_b is not None:
            share = fmean(given)
            rows.setdefault((item.a, item.b), {}).setdefault(cluster_of[item.row], []).append(share)
            points.setdefault(item.place_a, []).append(1 - share)
            points.setdefault(item.place_b, []).append(share)
    runs = _scored(data.runs, points, [_who(said, "pair")])
    preferences = {pair: np.array([fmean(of) for of in by_row.values()]) for pair, by_row in rows.items()}
    return ComparisonData(runs=runs, pair_on=data.pair_on, rated=True, preferences=preferences)


def rated_alone(
    data: ComparisonData, items: Sequence[Item], said: Standing, label: str | None, *, highest: int | None = None
) -> ComparisonData:
    """Return the comparison by the numbers that people gave, or by the share of them that gave a label."""
    points: dict[int, list[float]] = {}
    for item in items:
        given = [float(x.choice == label) if label is not None else float(x.choice) for x in _of(said, item)]
        if given:
            points[item.place_a] = [fmean(given)]
    scorer = SCORER if label is None else f"{SCORER} ({label})"
    runs = _scored(data.runs, points, [_who(said, "output")], scorer=scorer)
    runs.lines.attrs["bounds"] = None if highest is None else (1.0, float(highest))
    return ComparisonData(runs=runs, pair_on=data.pair_on, rated=True)


def _of(said: Standing, item: Item) -> list[RatingLine]:
    return [of[item.id] for of in said.values() if item.id in of]


def _who(said: Standing, what: str) -> str:
    by = ", ".join(f"{rater} ({counted(len(of), what)})" for rater, of in said.items())
    return f"Rated blind by {by}."


def _scored(
    runs: ScoredRuns, points: Mapping[int, Sequence[float]], notes: list[str], *, scorer: str = SCORER
) -> ScoredRuns:
    lines = runs.lines
    scores = [fmean(points[place]) if place in points else NAN for place in range(len(lines))]
    again = lines.drop(columns=["parts"], errors="ignore").assign(
        score=np.array(scores, dtype="float64"), score_error=None
    )
    again.attrs = {"lower_is_better": False, "notes": notes}
    names = tuple(name for name in runs.names if name != runs.scorer)  # a score of before is no column of the row
    return replace(runs, lines=again, scorer=scorer, names=names)
