"""`power`: the rows and calls that a race, and a comparison of fixed size, need; computed before any call.

A race is simulated many times with the evidence that a real race uses. Rates that are assumed, or were seen in a pilot,
are taken as exact, which they are not; so the sentence says "about".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.rendering import frame_html, frame_text
from fh_notebook.comparing.comparison import Comparison, compare
from fh_notebook.comparing.scorers.runner import Score
from fh_notebook.comparing.stats.number_format import size_text
from fh_notebook.comparing.stats.pairs import check_chances, check_difference, rows_of_mcnemar, rows_of_numbers
from fh_notebook.core import arguments
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.messages import counted
from fh_notebook.errors import InputError
from fh_notebook.racing.evidence import Evidence, Numbers
from fh_notebook.racing.scores import Bounds, ScoreScale

Draw = Callable[[np.random.Generator, int], Numbers]
"""Gives the scores of one row of so many races: races x variants, in [0, 1]."""


COMPACT_EVERY: Final = 16
"""Rows after which the races that are decided are put aside: most of the time is theirs otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRaces:
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
) -> SimulatedRaces:
    """Return what came of `races` races over at most `rows` rows each.

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
        if row % COMPACT_EVERY == 0:
            left = ~evidence.decided
            if not left.any():
                break
            there = there[left]
            evidence.keep(left)
    winner = np.where(racing.sum(axis=-1) == 1, racing.argmax(axis=-1), -1)
    return SimulatedRaces(rows=ended, calls=calls, winner=winner, racing=racing)


def independent(rates: tuple[float, ...]) -> Draw:
    """Return rows on which each variant is right with its rate, whatever the others are."""
    return lambda rng, races: (rng.random((races, len(rates))) < rates).astype(np.float64)


def resampled(scores: Numbers) -> Draw:
    """Return rows drawn, with replacement, from those of a pilot: rows x variants."""
    return lambda rng, races: np.asarray(scores[rng.integers(0, len(scores), races)])


RACES: Final = 400

MAX_ROWS: Final = 3_000
"""Rows after which a race on paper is given up."""

MAX_RACES: Final = 1_000_000
"""All of them are simulated at once."""


MAX_ROWS_FACTOR: Final = 4

MIN_PILOT_ROWS: Final = 6
"""Rows of a pilot below which nothing is known of a difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What a race and a fixed comparison would need. Made by :func:`power`."""

    variants: tuple[str, ...]
    difference: float
    """Of the two best, in the unit of the score."""
    alpha: float
    power: float
    """The chance to find the best that was asked for."""
    fixed_rows: float
    """Of a comparison that looks once, at its end."""
    race_rows: float
    """Median until a race is decided; infinite where half of the races are not."""
    race_rows_high: float
    """By which a race is decided, and rightly, with the chance that was asked for."""
    race_calls: float
    """Mean, without lookahead; races that were not decided count with all that they had."""
    found_by_plan: float
    """The chance that a race has named the best by the fixed comparison's number of rows, or by those it was played."""
    rows_played: int
    """Rows after which a race on paper was given up."""

    @property
    def fixed_calls(self) -> float:
        """Calls of the fixed comparison."""
        return self.fixed_rows * len(self.variants)

    @property
    def table(self) -> pd.DataFrame:
        """One line a way: ``way``, ``rows`` (median), ``rows_high``, ``calls`` (mean), ``chance`` by ``fixed_rows``."""
        lines = [
            ("fixed comparison", self.fixed_rows, self.fixed_rows, self.fixed_calls, self.power),
            ("race", self.race_rows, self.race_rows_high, self.race_calls, self.found_by_plan),
        ]
        return pd.DataFrame(lines, columns=["way", "rows", "rows_high", "calls", "chance"])

    def __str__(self) -> str:
        best = f"To find the best of {len(self.variants)} at a difference of {size_text(self.difference)}"
        if not math.isfinite(self.fixed_rows):
            return f"{best}, no number of rows is enough: there is no difference."
        chance = f"{100 * self.power:g} % chance"
        fixed = f"{counted(int(self.fixed_rows), 'row')} ({counted(int(self.fixed_calls), 'call')}) for a {chance}"
        by_then = min(int(self.fixed_rows), self.rows_played)
        by_plan = (
            f"After {counted(by_then, 'row')}, a race has found the best variant in "
            f"{100 * self.found_by_plan:.0f} % of cases."
        )
        if not math.isfinite(self.race_rows):
            undecided = f"half of the races are not decided after {counted(self.rows_played, 'row')}"
            return f"{best}, a fixed comparison needs {fixed}; {undecided}. {by_plan}"
        high = (
            f"{self.race_rows_high:,.0f} rows"
            if math.isfinite(self.race_rows_high)
            else "more rows than were simulated"
        )
        return (
            f"{best}, a fixed comparison needs {fixed}; a race takes about {self.race_rows:,.0f} rows (median; "
            f"{high} for a {chance}) and {self.race_calls:,.0f} calls on average. {by_plan}"
        )

    def __repr__(self) -> str:
        return f"{self}\n{frame_text(self.table, list(self.table.columns))}"

    def _repr_html_(self) -> str:
        return html.el(
            "div", html.STYLE, html.el("p", str(self)), frame_html(self.table, list(self.table.columns)), cls="fh"
        )


@arguments.public
def power(
    pilot: Any = None,
    *,
    rates: Mapping[str, float] | Sequence[float] | None = None,
    difference: float | None = None,
    score: Score = None,
    power: float = 0.9,
    alpha: float = 0.05,
    bounds: Bounds = None,
    failed: Literal["drop", "zero"] = "drop",
    races: int = RACES,
    seed: int = 0,
) -> Power:
    """Return how many rows and calls a race, and a fixed comparison, need.

    Parameters
    ----------
    pilot : Batch, DataFrame, list or Comparison, optional
        What :func:`compare` takes: rows like these are drawn.
    rates : mapping or sequence of float, optional
        Instead of a pilot: how often each variant is right, independently of the others on a row.
    difference : float, optional
        Of the two best of a pilot, in the unit of the score, in place of the one that was seen.
    score, failed
        As in :func:`compare`.
    bounds : (lowest, highest), "ranks" or None
        As in :func:`race`.
    power : float
        The probability to find the best.
    alpha : float
        The probability of a wrong claim. Of the fixed comparison it is divided by the number of pairs, as Holm's first
        step does.
    races : int
        How often a race is played on paper.
    seed : int
        Of the rows that are drawn.

    Raises
    ------
    InputError
        There is neither pilot nor rates, or they cannot be used.
    SettingsError
        `bounds` or `difference` cannot be meant.

    Examples
    --------
    >>> needs = power(rates=[0.6, 0.8], races=200)
    >>> needs.fixed_rows, 60 < needs.race_rows < 90
    (118, True)
    """
    arguments.check(globals()["power"], locals(), but={"score", "races"})
    check_chances(power=power, alpha=alpha)
    check_difference(difference)
    if isinstance(races, bool) or not isinstance(races, int) or not 1 <= races <= MAX_RACES:
        raise InputError(f"races is {short(races)}; give a whole number from 1 to {MAX_RACES:,}")
    if seed < 0:
        raise InputError(f"seed is {short(seed)}; give a whole number, at least 0")
    names, draw, facts, unit, by_rank = (
        _of_rates(rates, difference) if pilot is None else _of_pilot(pilot, score, failed, bounds, difference)
    )
    pair_alpha = alpha / math.comb(len(names), 2)
    fixed = _fixed_rows(facts, power=power, alpha=pair_alpha)
    rows = int(min(MAX_ROWS, max(50, MAX_ROWS_FACTOR * fixed)))
    raced = simulate(draw, len(names), rows=rows, races=races, alpha=alpha, by_rank=by_rank, seed=seed)
    right = raced.winner == 0
    rows_taken = np.sort(np.where(right, raced.rows, np.inf))
    return Power(
        variants=names,
        difference=unit,
        alpha=alpha,
        power=power,
        fixed_rows=fixed,
        race_rows=float(np.median(np.where(raced.winner >= 0, raced.rows, np.inf))),
        race_rows_high=float(rows_taken[min(races - 1, math.ceil(power * races) - 1)]),
        race_calls=float(raced.calls.mean()),
        found_by_plan=float((right & (raced.rows <= fixed)).mean()),
        rows_played=rows,
    )


_PowerRequest = tuple[tuple[str, ...], Draw, tuple[float, float, float, float], float, bool]
"""Names, the best one first; rows; shares won and lost of the two best, mean and spread; difference; by rank."""


def _of_rates(rates: Any, difference: float | None) -> _PowerRequest:
    by_name = (
        dict(rates)
        if isinstance(rates, Mapping)
        else {f"variant {n}": r for n, r in enumerate(() if rates is None else rates, 1)}
    )
    if len(by_name) < 2:
        raise InputError("give a pilot, or the rates of at least two variants: fh.power(rates=[0.6, 0.8])")
    for name, rate in by_name.items():
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            raise InputError(f"the rate of {name} is {short(rate)}; give a number from 0 to 1")
    if difference is not None:
        raise InputError("difference= is for a pilot; rates already contain the difference, so leave it out")
    order = sorted(by_name, key=lambda name: -by_name[name])
    best, second = float(by_name[order[0]]), float(by_name[order[1]])
    won, lost = best * (1 - second), second * (1 - best)
    facts = (won, lost, best - second, math.nan)
    return tuple(order), independent(tuple(float(by_name[n]) for n in order)), facts, best - second, False


def _of_pilot(pilot: Any, score: Score, failed: Any, bounds: Bounds, difference: float | None) -> _PowerRequest:
    is_table = isinstance(pilot, Comparison | Mapping | list | tuple) or hasattr(pilot, "columns")
    if isinstance(pilot, type) or not (is_table or hasattr(pilot, "frame")):
        raise InputError(
            f"pilot is {short(pilot)}; give a batch, a comparison, or a DataFrame with 'row', 'variant' and a score"
        )
    cmp: Any = pilot if isinstance(pilot, Comparison) else compare(pilot, score=score, failed=failed)
    if not isinstance(cmp, Comparison):
        raise InputError(
            "rows are drawn from the pilot, so it must be in memory; give a sample of the rows that is in memory"
        )
    if not cmp.scorer:
        raise InputError("the pilot has no score; give score=, as in fh.compare")
    scale = ScoreScale.of(bounds, lower=cmp.data.lower)
    grid = cmp.data.grid
    complete = grid.means[~np.isnan(grid.means).any(axis=1)]
    if grid.means.shape[1] < 2 or len(complete) < MIN_PILOT_ROWS:
        raise InputError(
            f"the pilot has {counted(len(complete), 'row')} with a score of every variant; give at least "
            f"{MIN_PILOT_ROWS} rows of two variants"
        )
    for name, column in zip(grid.variants, complete.T, strict=True):
        scale.check(column, where=name)
    scores = scale.of_scores(complete)
    places = _best_first(scores, by_rank=scale.by_rank)
    names, scores = tuple(grid.variants[i] for i in places), scores[:, places]
    differences = np.sign(scores[:, 0] - scores[:, 1]) if scale.by_rank else scores[:, 0] - scores[:, 1]
    draw = resampled(scores)
    if difference is not None:
        differences = _shift_mean(differences, scale.unit_of(abs(difference), "difference") if difference else 0.0)
        names, draw = names[:2], resampled(np.column_stack([np.maximum(differences, 0), np.maximum(-differences, 0)]))
    yes_no = bool(np.isin(differences, (-1.0, 0.0, 1.0)).all())
    won, lost = float((differences > 0).mean()), float((differences < 0).mean())
    facts = (won, lost, float(differences.mean()), math.nan if yes_no else float(differences.std(ddof=1)))
    return names, draw, facts, scale.in_units(float(differences.mean())), scale.by_rank


def _best_first(scores: NDArray[np.float64], *, by_rank: bool) -> list[int]:
    if not by_rank:
        return [int(i) for i in np.argsort(-scores.mean(axis=0), kind="stable")]
    ahead = np.sign(scores[:, :, None] - scores[:, None, :]).mean(axis=(0, 2))
    return [int(i) for i in np.argsort(-ahead, kind="stable")]


def _shift_mean(differences: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """Return differences like these with another mean; of yes and no, as many rows differ where that can be."""
    if not np.isin(differences, (-1.0, 0.0, 1.0)).all():
        return np.asarray(np.clip(differences - differences.mean() + mean, -1.0, 1.0))
    rows = 2_000  # of which shares are exact to a twentieth of a percent
    differing = max(float((differences != 0).mean()), mean)
    won, lost = round(rows * (differing + mean) / 2), round(rows * (differing - mean) / 2)
    return np.concatenate([np.ones(won), -np.ones(lost), np.zeros(rows - won - lost)])


def _fixed_rows(facts: tuple[float, float, float, float], *, power: float, alpha: float) -> float:
    won, lost, mean, spread = facts
    if math.isnan(spread):
        return rows_of_mcnemar(won, lost, power=power, alpha=alpha)
    return rows_of_numbers(mean, spread, power=power, alpha=alpha)
