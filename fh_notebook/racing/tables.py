"""A tally as tables, one line a variant and one a pair. Pure."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pandas as pd

from fh_notebook.racing.tally import Tally

__all__ = ["PAIR_COLUMNS", "SUMMARY_COLUMNS", "pairs_table", "summary_table"]

SUMMARY_COLUMNS: Final = ("variant", "standing", "rows", "mean", "evidence", "threshold", "dropped_after")
PAIR_COLUMNS: Final = (
    *("a", "b", "n", "wins", "losses", "difference", "ci_low", "ci_high"),
    *("ahead", "evidence", "needed", "rows_more"),
)


def summary_table(tally: Tally) -> pd.DataFrame:
    """Return ``Race.summary``."""
    scale = tally.scale
    means = tally.means()
    if scale.by_rank:
        means = -means if scale.lower else means
    else:
        means = scale.low + (1 - means if scale.lower else means) * (scale.high - scale.low)
    table = pd.DataFrame(
        {
            "variant": list(tally.variants),
            "standing": [standing_of(tally, name) for name in tally.variants],
            "rows": tally.scored(),
            "mean": means,
            "evidence": tally.evidence.adjusted,
            "threshold": 1 / tally.alpha,
            "dropped_after": pd.array([tally.dropped.get(name) for name in tally.variants], dtype="Int64"),
        }
    )
    return table[list(SUMMARY_COLUMNS)]


def standing_of(tally: Tally, variant: str) -> str:
    """Return how a variant stands."""
    if variant == tally.winner:
        return "winner"
    return "dropped" if variant in tally.dropped else "racing"


def pairs_table(tally: Tally) -> pd.DataFrame:
    """Return ``Race.pairs``."""
    places = range(len(tally.variants))
    lines = [_line(tally, i, j) for i in places for j in places if i < j]
    return pd.DataFrame(lines, columns=list(PAIR_COLUMNS))


def _line(tally: Tally, i: int, j: int) -> tuple[object, ...]:
    pair = tally.pair(i, j)
    ahead = pair if not pair.lead < 0 else tally.pair(j, i)
    low, high, lead = pair.low, pair.high, pair.lead
    if tally.scale.lower and not tally.scale.by_rank:  # b - a, as in a comparison
        low, high, lead = -high, -low, -lead
    ahead_named = ahead.b if pair.n and pair.lead else None
    figures = (ahead.evidence, ahead.needed, ahead.rows_more) if ahead_named else (np.nan, np.nan, math.inf)
    return (pair.a, pair.b, pair.n, pair.wins, pair.losses, lead, low, high, ahead_named, *figures)
