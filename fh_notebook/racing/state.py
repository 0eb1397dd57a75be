"""`RaceState`: the decided rows, the evidence of them, how the race ends, and its tables.

Pure. Rows are taken in one order, whichever response arrives first; the same rows give the same state, however often it
was displayed in between.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from fh_notebook.core.text.html import colours_of
from fh_notebook.racing.evidence import BETS, Evidence, Numbers, excludes, interval
from fh_notebook.racing.scores import ScoreScale

WINNER: Final = "winner"

NO_DIFFERENCE: Final = "no difference"

PATIENCE: Final = "patience"


INITIAL_CAPACITY: Final = 64
"""Rows that there is room for at first."""

END_CHECKS: Final = 100
"""As `PLOTTED_LOOKS`, of whether no difference is left: beyond 100 rows, a look after each costs more than it saves."""

PLOTTED_LOOKS: Final = 20
"""A confidence sequence is drawn after each of the first rows, then at this many moments while the rows double."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStanding:
    """Two variants of a race, on the rows where both have a score."""

    a: str
    b: str
    n: int
    wins: int
    """Of b."""
    losses: int
    lead: float
    """How much better b is on average, in the unit of the score; by rank, the share of rows won less that lost."""
    low: float
    high: float
    """The confidence sequence of the lead: those of all pairs hold at all moments at once."""
    evidence: float
    """The wealth of who bet that b is better."""
    needed: float
    """The wealth at which a is dropped, all other evidence as it is."""
    rows_more: float
    """About how many more rows that takes at this lead; infinite where there is none."""


class RaceState:
    """The rows of a race so far.

    Parameters
    ----------
    variants : sequence of str
        In the order of the plan.
    known : sequence of str
        All that the deployment has, by which each has its colour.
    scale : ScoreScale
        How scores are compared.
    alpha : float
        The probability of a wrong claim.
    min_difference : float, optional
        The least difference that matters, in the unit of the score.
    patience : int, optional
        So many rows may pass without a variant being dropped.

    Examples
    --------
    >>> tally = RaceState(["a", "b"], scale=ScoreScale(), alpha=0.05)
    >>> while not tally.ending:
    ...     tally.take(np.array([0.0, 1.0]))
    >>> tally.ending, tally.winner, tally.rows
    ('winner', 'b', 8)
    """

    def __init__(
        self,
        variants: Sequence[str],
        *,
        scale: ScoreScale,
        alpha: float,
        min_difference: float | None = None,
        patience: int | None = None,
        known: Sequence[str] = (),
    ) -> None:
        self.variants = tuple(variants)
        self.colours = colours_of(self.variants, known)
        self.scale = scale
        self.alpha = alpha
        self.min_difference = min_difference
        self.patience = patience
        self.ending = ""
        """``winner``, ``no difference`` or ``patience`` once it has ended by itself."""
        self.dropped: dict[str, int] = {}
        """Who is out, and after which row."""
        self.evidence = Evidence(len(self.variants), alpha=alpha, by_rank=scale.by_rank)
        self.trail: list[Numbers] = []
        """The evidence against each variant after each row."""
        self.rows = 0
        """Rows taken."""
        self._table: Numbers = np.full((INITIAL_CAPACITY, len(self.variants)), np.nan)
        self._paths: dict[tuple[int, int], list[tuple[int, float, float]]] = {}
        self._least = None if min_difference is None else scale.unit_of(min_difference, "min_difference")
        self._within: dict[tuple[int, int], set[float]] = {}
        self._lock = threading.Lock()

    def snapshot(self) -> RaceState:
        """Return the state of this moment, which takes no more rows: a display reads it while rows are taken."""
        with self._lock:
            state = copy(self)
            state.evidence, state.trail, state.dropped = copy(self.evidence), [*self.trail], dict(self.dropped)
        return state

    @property
    def _scores(self) -> Numbers:
        """Rows x variants, as they are compared."""
        return self._table[: self.rows]

    @property
    def racing(self) -> tuple[str, ...]:
        """Who is still in, in the order of the plan."""
        return tuple(name for name, is_in in zip(self.variants, self.evidence.racing, strict=True) if is_in)

    @property
    def winner(self) -> str | None:
        """Who is left, where one is."""
        return self.racing[0] if self.ending == WINNER else None

    @property
    def pair_alpha(self) -> float:
        """The chance that the confidence sequence of one pair misses: that of all pairs is `alpha` (Bonferroni)."""
        return self.alpha / math.comb(len(self.variants), 2)

    @property
    def yes_no(self) -> bool:
        """Whether all scores so far are true or false."""
        known = self._scores[~np.isnan(self._scores)]
        is_unit = not self.scale.by_rank and (self.scale.low, self.scale.high) == (0.0, 1.0)
        return is_unit and bool(len(known)) and bool(((known == 0) | (known == 1)).all())

    def take(self, scores: Numbers) -> None:
        """Take one row: the score of each variant in the order of the plan, NaN where there is none.

        The scores of those who are out are left aside. Nothing is taken after the end.
        """
        with self._lock:
            if not self.ending:
                self._take(scores)

    def _take(self, scores: Numbers) -> None:
        row_scores = np.where(self.evidence.racing, self.scale.of_scores(scores), np.nan)
        if self.rows == len(self._table):
            self._table = np.concatenate([self._table, np.full_like(self._table, np.nan)])
        self._table[self.rows] = row_scores
        self.rows += 1
        out = self.evidence.take(row_scores)
        self.trail.append(self.evidence.adjusted)
        self.dropped |= {name: self.rows for name, is_out in zip(self.variants, out, strict=True) if is_out}
        self.ending = self._ends()

    def _ends(self) -> str:
        if bool(self.evidence.decided):
            return WINNER
        if self._least is not None and is_look(self.rows, END_CHECKS) and self._are_alike(self._least):
            return NO_DIFFERENCE
        since = self.rows - max(self.dropped.values(), default=0)
        return PATIENCE if self.patience is not None and since >= self.patience else ""

    def _are_alike(self, least: float) -> bool:
        """Whether the confidence sequence of each pair that is in leaves out every difference larger than `least`.

        The intersection of what was left out at any moment counts, so a side that was left out once stays out. The
        wealth is convex in the difference (`interval`), so to leave out an end is to leave out all that is beyond.
        """
        pairs = self._pairs_in()
        for pair in pairs:
            differences = self.differences(*pair)
            scored = differences[~np.isnan(differences)]
            if not len(scored):
                continue
            excluded = self._within.setdefault(pair, set())
            mean = float(scored.mean())
            for side in (-least, least):
                # Beyond the side, as seen from the mean; a mean that is beyond it itself has the side behind it.
                if side not in excluded and (mean - side) * side < 0 and excludes(scored, side, self.pair_alpha):
                    excluded.add(side)
        return all(len(self._within.get(pair, ())) == 2 for pair in pairs)

    def _pairs_in(self) -> list[tuple[int, int]]:
        places = np.flatnonzero(self.evidence.racing).tolist()
        return [(i, j) for i in places for j in places if i < j]

    # --- what is seen of it

    def evidence_at_end(self, variant: str) -> float:
        """Return the evidence against a variant, of a dropped one that at which it was dropped.

        It counts on afterwards, among fewer variants, which decides nothing any more.
        """
        index, end = self.variants.index(variant), self.dropped.get(variant)
        return float((self.evidence.adjusted if end is None else self.trail[end - 1])[index])

    def differences(self, i: int, j: int) -> Numbers:
        """Return how much better `j` was than `i` on each row; NaN where one of them has no score."""
        scores = self._scores  # read once: a row may be taken in the meantime
        differences: Numbers = scores[:, j] - scores[:, i]
        return np.sign(differences) if self.scale.by_rank else differences

    def path(self, i: int, j: int) -> list[tuple[int, float, float]]:
        """Return the confidence sequence of j's lead over i: row, lower and upper end, in the unit of the score.

        Each is the intersection of all before it. The moments are fixed by the rows, not by who looks.
        """
        if i > j:
            return [(row, -high, -low) for row, low, high in self.path(j, i)]
        differences = self.differences(i, j)
        rows = len(differences)  # not those of now: a row may have been taken since
        with self._lock:
            known = self._paths.setdefault((i, j), [])
            for row in looks(after=known[-1][0] if known else 0, to=rows):
                known.append(self._next(known, row, differences))
            path = [step for step in known if step[0] <= rows]  # a later moment may have more
        now = [self._next(path, rows, differences)] if rows and (not path or path[-1][0] < rows) else []
        return [(row, self.scale.in_units(low), self.scale.in_units(high)) for row, low, high in (*path, *now)]

    def _next(
        self, path: Sequence[tuple[int, float, float]], row: int, differences: Numbers
    ) -> tuple[int, float, float]:
        low, high = interval(differences[:row], self.pair_alpha)
        return (row, max(low, path[-1][1]), min(high, path[-1][2])) if path else (row, low, high)

    def pair(self, i: int, j: int) -> PairStanding:
        """Return what is known of j against i."""
        differences = self.differences(i, j)
        scored = differences[~np.isnan(differences)]
        n = len(scored)
        (low, high) = self.path(i, j)[-1][1:] if self.rows else (self.scale.in_units(-1.0), self.scale.in_units(1.0))
        evidence = float(self.evidence.pairs[i, j])
        needed = self.evidence.needed(i, j)
        return PairStanding(
            a=self.variants[i],
            b=self.variants[j],
            n=n,
            wins=int((scored > 0).sum()),
            losses=int((scored < 0).sum()),
            lead=self.scale.in_units(float(scored.mean())) if n else math.nan,
            low=low,
            high=high,
            evidence=evidence,
            needed=needed,
            rows_more=_estimate_rows(scored, evidence, needed),
        )

    def leader(self) -> int:
        """Return the place of who is in and has the least evidence against it."""
        against = np.where(self.evidence.racing, self.evidence.adjusted, np.inf)
        if self.rows and len(set(against[np.isfinite(against)])) == 1:
            return int(np.argmax(np.where(self.evidence.racing, np.nan_to_num(self.means(), nan=-np.inf), -np.inf)))
        return int(against.argmin())

    def rivals(self) -> list[PairStanding]:
        """Return the leader against each other variant, those who are still in first, the hardest to beat first."""
        ahead = self.leader()
        rivals = [i for i in range(len(self.variants)) if i != ahead]
        standings = [self.pair(i, ahead) for i in rivals]
        return sorted(standings, key=lambda p: (p.a in self.dropped, p.lead if p.n else math.inf))

    def means(self) -> Numbers:
        """Return the mean of what is compared, for each variant over its rows; NaN without any."""
        table = self._scores
        is_scored = ~np.isnan(table)
        counts = is_scored.sum(axis=0)
        means = np.full(len(counts), np.nan)
        np.divide(np.where(is_scored, table, 0.0).sum(axis=0), counts, out=means, where=counts > 0)
        return means

    def scored(self) -> list[int]:
        """Return how many rows each variant has a score of."""
        counts: list[int] = (~np.isnan(self._scores)).sum(axis=0).tolist()
        return counts


def looks(*, after: int, to: int) -> list[int]:
    """Return the rows after which a confidence sequence is drawn.

    Examples
    --------
    >>> looks(after=18, to=27), looks(after=100, to=119)
    ([19, 20, 22, 24, 26], [102, 108, 114])
    """
    return [row for row in range(after + 1, to + 1) if is_look(row, PLOTTED_LOOKS)]


def is_look(row: int, each: int) -> bool:
    """Whether a row is one of those after which somebody looks: all of the first, then `each` or more per doubling."""
    return row % math.ceil(row / each) == 0


def _estimate_rows(differences: Numbers, evidence: float, needed: float) -> float:
    """Return about how many rows like these the wealth takes to grow to what is needed, by the bet that suits them."""
    if evidence >= needed:
        return 0.0
    if not len(differences) or differences.mean() <= 0:
        return math.inf
    growth = float(np.log1p(np.outer(BETS, differences)).mean(axis=1).max())
    return math.log(needed / max(evidence, 1e-12)) / growth if growth > 0 else math.inf


SUMMARY_COLUMNS: Final = ("variant", "standing", "rows", "mean", "evidence", "threshold", "dropped_after")

PAIR_COLUMNS: Final = (
    *("a", "b", "n", "wins", "losses", "difference", "ci_low", "ci_high"),
    *("ahead", "evidence", "needed", "rows_more"),
)


def summary_table(tally: RaceState) -> pd.DataFrame:
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
            "evidence": [tally.evidence_at_end(name) for name in tally.variants],
            "threshold": 1 / tally.alpha,
            "dropped_after": pd.array([tally.dropped.get(name) for name in tally.variants], dtype="Int64"),
        }
    )
    return table[list(SUMMARY_COLUMNS)]


def standing_of(tally: RaceState, variant: str) -> str:
    """Return how a variant stands."""
    if variant == tally.winner:
        return "winner"
    return "dropped" if variant in tally.dropped else "racing"


def pairs_table(tally: RaceState) -> pd.DataFrame:
    """Return ``Race.pairs``."""
    places = range(len(tally.variants))
    lines = [_line(tally, i, j) for i in places for j in places if i < j]
    return pd.DataFrame(lines, columns=list(PAIR_COLUMNS))


def _line(tally: RaceState, i: int, j: int) -> tuple[object, ...]:
    pair = tally.pair(i, j)
    ahead = pair if not pair.lead < 0 else tally.pair(j, i)
    low, high, lead = pair.low, pair.high, pair.lead
    if tally.scale.lower and not tally.scale.by_rank:  # b - a, as in a comparison
        low, high, lead = -high, -low, -lead
    ahead_named = ahead.b if pair.n and pair.lead else None
    figures = (ahead.evidence, ahead.needed, ahead.rows_more) if ahead_named else (np.nan, np.nan, math.inf)
    return (pair.a, pair.b, pair.n, pair.wins, pair.losses, lead, low, high, ahead_named, *figures)
