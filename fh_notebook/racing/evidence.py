"""Sequential evidence: testing by betting, confidence sequences, and the decision which variants are beaten.

Pure functions from numbers to numbers, for one race or for thousands at once. Each statement holds at all moments at
once, because it rests on a process that is not expected to grow where the statement is false.

**Bet.** For a row, ``d`` is the score of variant j minus the score of variant i, both scaled to [0, 1]: a number from
-1 to 1. A bettor who stakes the share ``b`` (0 < b < 1) of a wealth of 1 on j has ``1 + b * d`` after the row: never
below 0, and not more than 1 on average where j is not better (``E[d] <= 0``). The wealth after any number of rows is
thus a nonnegative supermartingale that begins at 1, and the probability that it *ever* reaches 1/alpha is at most alpha
(J. Ville, "Etude critique de la notion de collectif", 1939). The best share depends on the unknown difference, so the
wealth is split over `BETS` in advance and the parts are added: a mixture of such processes is one (H. Robbins,
"Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41, 1970,
1397-1409). This is the capital process of I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables
by betting", Journal of the Royal Statistical Society B 86 (2024), 1-27, with their section on mixtures.

**Yes/no scores.** ``d`` is 1 where only j is right, -1 where only i is right, and otherwise 0. The wealth is the
likelihood ratio of "j wins a share (1 + b) / 2 of the rows on which they differ" against "one half", the sequential
form of McNemar's test; rows on which both agree change nothing. So one formula serves both kinds of score. It assumes
only that the rows are drawn, independently, from the population that the claim is about.

**Error rate.** A race answers one question: which variants are beaten. Its error rate holds over all pairs and all
moments at once; the argument is in the docstring of `Evidence`.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


PARTS: Final = 32

BETS: Final[Numbers] = (np.arange(PARTS) + 0.5) / PARTS
"""The shares of the wealth that are bet: the middles of 32 parts of (0, 1)."""

SPLIT: Final[Numbers] = BETS * (1 - BETS) / float((BETS * (1 - BETS)).sum())
"""How the wealth is split over them: as Beta(2, 2), which prefers what is neither hopeless nor obvious. Any split that
is fixed beforehand is valid, for every difference; this one is for races of some dozens of rows. Evenly split, 0.6
against 0.8 takes 9 % more of them; as narrow as Beta(5, 7) around that difference, 2 % less, and more elsewhere."""

_LOG_SPLIT: Final[Numbers] = np.log(SPLIT)


EDGE: Final = 1e-9
"""A mean difference of -1 or 1 itself is never asked about: the wealth is infinite there."""

STEPS: Final = 24
"""Halvings of an interval's end: seven digits."""


def capital(values: Numbers, counts: NDArray[Any], at: float = 0.0) -> float:
    """Return the log wealth, after some rows, of who bets that the mean difference is above `at`.

    With ``at=m`` the bet on a row is ``1 + b * (d - m) / (1 + m)``: as ``d >= -1`` it is never below 0, and it is not
    expected to grow where the mean is at most m.

    Examples
    --------
    >>> [round(math.exp(capital(np.array([1.0]), np.array([rows]))), 3) for rows in (1, 2)]
    [1.5, 2.3]
    """
    steps = (values - at) / (1 + at)
    logs = counts @ np.log1p(np.outer(steps, BETS)) + _LOG_SPLIT
    most = logs.max()
    return float(most + np.log(np.exp(logs - most).sum()))


def hedged(values: Numbers, counts: NDArray[Any], at: float) -> float:
    """Return the log of the mean of two wealths: one bets on more than `at`, the other one on less.

    Where the mean difference *is* `at`, this is a supermartingale, so it ever reaches 1/alpha with a chance of at most
    alpha: the hedged capital process of Waudby-Smith and Ramdas (2024, section 4), with their mean in place of the
    larger one.
    """
    return float(np.logaddexp(capital(values, counts, at), capital(-values, counts, -at)) - math.log(2))


def interval(differences: Numbers, alpha: float) -> tuple[float, float]:
    """Return the mean differences that the rows so far do not speak against: one moment of a confidence sequence.

    Those are the m at which `hedged` is below 1/alpha. Whatever the true one is, it is outside at *some* moment with a
    chance of at most alpha; so the intersection over all moments is an interval, too. As the wealth is convex in m, and
    at the mean of the rows at most 1 (a product of ``1 + x`` is at most ``exp`` of the sum of the ``x``, here 0), the
    ends are found by halving on both sides of that mean.

    Examples
    --------
    >>> low, high = interval(np.array([1.0, 0.0] * 30), 0.05)
    >>> round(low, 2), round(high, 2)
    (0.3, 0.7)
    >>> interval(np.array([]), 0.05)
    (-1.0, 1.0)
    """
    scored = differences[~np.isnan(differences)]
    if not len(scored):
        return -1.0, 1.0
    values, counts = np.unique(scored, return_counts=True)
    middle = float(np.clip(scored.mean(), -1 + EDGE, 1 - EDGE))
    bar = math.log(1 / alpha)

    def is_out(m: float) -> bool:
        return hedged(values, counts, m) >= bar

    return _interval_end(is_out, middle, -1.0), _interval_end(is_out, middle, 1.0)


def excludes(differences: Numbers, at: float, alpha: float) -> bool:
    """Whether the interval of this moment leaves `at` out."""
    values, counts = np.unique(differences[~np.isnan(differences)], return_counts=True)
    if not len(values):
        return False
    return hedged(values, counts, at) >= math.log(1 / alpha)


def _interval_end(is_out: Any, inside: float, outside: float) -> float:
    edge = outside * (1 - EDGE)
    if not is_out(edge):
        return outside
    outside = edge
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if is_out(middle) else (middle, outside)
    return outside  # the wider one of the two


Flags = NDArray[np.bool_]


def sign_or_difference(scores: Numbers, *, by_rank: bool) -> Numbers:
    """Return what each variant's score is above each other one's: ``[..., i, j]`` is that of j less that of i.

    By rank, only who is ahead counts: 1, 0 or -1. That needs no bound on the scores, and is a claim about how often one
    is ahead of the other, as in the sign test.
    """
    differences: Numbers = scores[..., None, :] - scores[..., :, None]
    return np.sign(differences) if by_rank else differences


def adjusted(evidence: Numbers) -> Numbers:
    """Return, for each variant, the least mean of `evidence` over all sets of variants that it belongs to.

    Notes
    -----
    The closure principle (R. Marcus, E. Peritz and K. R. Gabriel, "On closed testing procedures with special reference
    to ordered analysis of variance", Biometrika 63, 1976, 655-660) with the arithmetic mean as the e-value of a set
    (V. Vovk and R. Wang, "E-values: calibration, combination and applications", Annals of Statistics 49, 2021,
    1736-1754, algorithm 1). The mean of e-values is one, whatever hangs together; the least mean of each size is that
    with the smallest of the others, so it is found by sorting.

    Examples
    --------
    >>> adjusted(np.array([40.0, 0.0])).tolist(), adjusted(np.array([90.0, 30.0, 0.0])).tolist()
    ([20.0, 0.0], [40.0, 15.0, 0.0])
    """
    order = np.argsort(evidence, axis=-1)
    sums = np.cumsum(np.take_along_axis(evidence, order, axis=-1), axis=-1)
    rank = np.argsort(order, axis=-1)
    least = np.array(evidence, dtype=np.float64)
    for count in range(1, evidence.shape[-1]):
        # The smallest `others` beside the variant itself: one more of them where it is among these.
        beside = evidence + sums[..., count - 1, None]
        among = np.broadcast_to(sums[..., count, None], evidence.shape)
        least = np.minimum(least, np.where(rank < count, among, beside) / (count + 1))
    return least


class Evidence:
    """The evidence of a race between some variants, row by row.

    Attributes
    ----------
    racing : array of bool
        Who is still in.
    rows : int
        Taken so far.

    Notes
    -----
    Only one question is asked of each variant i: *is there somebody who is better?* Its null hypothesis H(i) is that
    nobody is. ``e[i, j]`` is the wealth of who bets that j is better than i; under H(i) each is a supermartingale, and
    so is their mean over j. It is the evidence against i. No question asks which of two losers is the better one, so
    equal runners-up never hold a race up.

    *The family.* A variant is dropped when the evidence of *every* set of variants that it belongs to, the mean over
    the set, has reached 1/alpha (`adjusted`). Let T be the set of all variants that nobody is better than. Whatever T
    is, its mean is a supermartingale that begins at 1; to drop any member of T at any moment, this very mean must have
    reached 1/alpha at that moment; by Ville's inequality that ever happens with a chance of at most alpha. So the
    chance that a best variant is ever dropped, and with it that a wrong winner is ever named, is at most alpha over all
    pairs and all moments. Holm's steps on the same processes would be valid as well, and slower: a mean is at least its
    largest member by the size of the set, so whoever is dropped at K/alpha, (K-1)/alpha, ... is dropped here, too, and
    no other symmetric way to merge e-values gains on the mean (Vovk and Wang 2021, theorem 3.2). A union bound over
    pairs is slower still. After a drop, the evidence against the dropped one stays in the means, so that what the
    others must reach falls; the argument above covers that already, as it looks at T alone.

    *Who is out plays no more.* Whether a pair bets on a row is decided by the rows before it, so a process that stands
    still from a drop on is a supermartingale still.

    Two variants: the evidence is the mean of both directions against 1/alpha, a two-sided test, and dual to
    `interval` at the same alpha: it excludes 0 at that moment, and at no other.

    Parameters
    ----------
    variants : int
        How many.
    alpha : float
        The chance to ever drop a best variant.
    by_rank : bool
        Whether only who is ahead counts (`sign_or_difference`).
    races : tuple of int
        The shape of as many races side by side; one by default.

    Examples
    --------
    >>> race = Evidence(2, alpha=0.05)
    >>> while race.racing.all():
    ...     _ = race.take(np.array([0.0, 1.0]))
    >>> race.rows, race.racing.tolist()
    (8, [False, True])
    """

    def __init__(self, variants: int, *, alpha: float, by_rank: bool = False, races: tuple[int, ...] = ()) -> None:
        self.alpha = alpha
        self.by_rank = by_rank
        self.rows = 0
        self.racing: Flags = np.ones((*races, variants), dtype=bool)
        self._wealth: Numbers = np.broadcast_to(SPLIT, (*races, variants, variants, PARTS)).copy()

    def take(self, scores: Numbers) -> Flags:
        """Take one row in, and return who is dropped by it."""
        before = self.racing
        playing = before[..., :, None] & before[..., None, :]
        differences = np.where(playing, np.nan_to_num(sign_or_difference(scores, by_rank=self.by_rank)), 0.0)
        # Not in logarithms: who is as rich as 1/alpha times the variants is out, and stands still.
        self._wealth = self._wealth * (1 + BETS * differences[..., None])  # a copy of this object has the one before
        self.rows += 1
        out = before & (self.adjusted >= 1 / self.alpha)
        # Somebody stays: of scores that cannot be ranked (each ahead of the next one in a ring), all might go at once.
        out &= ~((out == before).all(axis=-1, keepdims=True) & _is_least(self.against, before))
        out &= before.sum(axis=-1, keepdims=True) > 1
        self.racing = before & ~out
        return out

    def keep(self, races: Flags) -> None:
        """Go on with some of the races only."""
        self._wealth, self.racing = self._wealth[races], self.racing[races]

    @property
    def pairs(self) -> Numbers:
        """The wealth of who bets that j is better than i, at ``[..., i, j]``."""
        wealth: Numbers = self._wealth.sum(axis=-1)
        return wealth

    @property
    def against(self) -> Numbers:
        """The evidence against each variant: the mean over all others."""
        wealth = self.pairs
        variants = wealth.shape[-1]
        return np.asarray((wealth * (1 - np.eye(variants))).sum(axis=-1) / (variants - 1))

    @property
    def adjusted(self) -> Numbers:
        """The evidence against each variant after the family of all is paid for; it is dropped at 1/alpha."""
        return adjusted(self.against)

    @property
    def decided(self) -> Flags:
        """Whether one is left."""
        return np.asarray(self.racing.sum(axis=-1) <= 1)

    def needed(self, variant: int, by: int) -> float:
        """Return which wealth ``pairs[variant, by]`` must reach, all others as they are, to drop `variant`."""
        against = self.against
        others = np.sort(np.delete(against, variant))
        sizes = np.arange(1, len(others) + 2)
        least = float((sizes / self.alpha - np.concatenate([[0.0], np.cumsum(others)])).max())
        row = self.pairs[variant]
        other_sums = float(row.sum() - row[variant] - row[by])
        return max(1.0, least * (len(row) - 1) - other_sums)


def _is_least(values: Numbers, among: Flags) -> Flags:
    """Return who has the least value, the first one of several."""
    candidates = np.where(among, values, np.inf)
    return np.asarray(np.arange(values.shape[-1]) == candidates.argmin(axis=-1)[..., None])
