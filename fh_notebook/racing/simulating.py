"""Races played through on paper: what a race would take, by the very evidence that a real one uses. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fh_notebook.racing.bets import Numbers
from fh_notebook.racing.evidence import Evidence

__all__ = ["Draw", "Raced", "independent", "resampled", "simulate"]

Draw = Callable[[np.random.Generator, int], Numbers]
"""Gives the scores of one row of so many races: races x variants, in [0, 1]."""

TIDY_EVERY: Final = 16
"""Rows after which the races that are decided are put aside: most of the time is theirs otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raced:
    """Many races of one kind, an entry each."""

    rows: NDArray[np.int64]
    """Until it was decided; all of them where it was not."""
    calls: NDArray[np.int64]
    """Without any lookahead."""
    winner: NDArray[np.int64]
    """The place of who was named, -1 where nobody was."""
    racing: NDArray[np.bool_]
    """Who was in at the end: races x variants."""


def simulate(
    draw: Draw,
    variants: int,
    *,
    rows: int,
    races: int,
    alpha: float,
    by_rank: bool = False,
    seed: int | Sequence[int] = 0,
) -> Raced:
    """Return what came of `races` races over at most `rows` rows each.

    Parameters
    ----------
    draw : function of a generator and a number
        Gives the scores of a row.
    seed : int or sequence of int
        Of the generator.

    Examples
    --------
    >>> raced = simulate(independent((0.2, 0.9)), 2, rows=100, races=50, alpha=0.05)
    >>> float(np.median(raced.rows)) < 20, set(raced.winner.tolist())
    (True, {1})
    """
    rng = np.random.default_rng(seed)
    evidence = Evidence(variants, alpha=alpha, by_rank=by_rank, races=(races,))
    ended, calls = np.full(races, rows), np.zeros(races, dtype=np.int64)
    racing = np.ones((races, variants), dtype=bool)
    there = np.arange(races)
    for row in range(1, rows + 1):
        is_open = ~evidence.decided
        calls[there[is_open]] += evidence.racing.sum(axis=-1)[is_open]
        evidence.take(draw(rng, len(there)))
        racing[there] = evidence.racing
        ended[there[is_open & evidence.decided]] = row
        if row % TIDY_EVERY == 0:
            left = ~evidence.decided
            if not left.any():
                break
            there = there[left]
            evidence.keep(left)
    winner = np.where(racing.sum(axis=-1) == 1, racing.argmax(axis=-1), -1)
    return Raced(rows=ended, calls=calls, winner=winner, racing=racing)


def independent(rates: tuple[float, ...]) -> Draw:
    """Return rows on which each variant is right with its rate, whatever the others are."""
    return lambda rng, races: (rng.random((races, len(rates))) < rates).astype(np.float64)


def resampled(scores: Numbers) -> Draw:
    """Return rows drawn, with replacement, from those of a pilot: rows x variants."""
    return lambda rng, races: np.asarray(scores[rng.integers(0, len(scores), races)])
