"""Evidence of a change: a test of exchangeability that can be read every day and needs no fixed end.

Pure functions from numbers to numbers.

**Null hypothesis.** "Nothing has changed": for each row, all its scores, those of the baseline included, are
exchangeable: they could have come in any other order with the same probability. It holds where each call is an
independent draw of the same distribution, whatever that distribution is and however it differs between rows. Nothing is
assumed about the scores: no bounds, no known mean of the baseline. The baseline is a finite sample of the same draws as
all others, so its own sampling error is in the test and need not be estimated.

**One day.** A day calls some rows, each at most once. Given the multiset of all scores of each of these rows up to
today, under the null hypothesis today's score of a row is each of the members of its multiset with equal probability,
independently of other rows. The sum of today's scores is compared with the sums of `COPIES` arrangements that are drawn
in this way. The rank of the true sum among all of them, ties broken at random, is uniform. Divided by their number, and
made continuous by one uniform number, it is a p value that is *exactly* uniform on (0, 1), for any number of rows and
any distribution (R. A. Fisher's randomization test; by drawn arrangements M. Dwass, "Modified randomization tests for
nonparametric hypotheses", Annals of Mathematical Statistics 28, 1957, 181-187). A failed call has no score: the row is
left out on that day. Where failures do not depend on what the score would have been, the remaining scores are
exchangeable as before.

**All days.** The p value of a day is independent of those of all earlier days. It is uniform given today's multisets,
and a function of them and of today's scores only. Given today's multisets and today's scores, the earlier scores are
still in random order, and the earlier p values are functions of that order. So they say nothing about today's p value.
This is the argument of conformal test martingales (V. Vovk, A. Gammerman and G. Shafer, "Algorithmic Learning in a
Random World", second edition, 2022, chapter 8; V. Vovk, I. Petej, I. Nouretdinov, E. Ahlberg, L. Carlsson and
A. Gammerman, "Retrain or not retrain: conformal test martingales for change-point detection", COPA 2021, PMLR 152,
191-210), with all rows of a day as one observation. It is why a row may be called again on any number of days although
its baseline score is one and the same number: a comparison of each new score with that number would count the error of
the baseline again on every day.

**Bets.** The normal quantiles z of the p values are thus independent standard normal numbers. A bettor who expects z to
be about ``d`` has ``exp(d z - d**2 / 2)`` times the wealth after the day: 1 on average under the null hypothesis. The
wealth begins at 1 and is a nonnegative martingale, so with a probability of at most alpha it *ever* reaches 1/alpha
(J. Ville, "Etude critique de la notion de collectif", 1939; G. Shafer and V. Vovk, "Game-Theoretic Foundations for
Probability and Finance", 2019). That is the rate of false alarms over all days together, however many follow, and
whether or not somebody looks at it in between.

**No report without a difference.** Where all scores of each row are equal, every arrangement has the same sum, the p
values are made of the broken ties alone, and the wealth moves by chance. It may reach 1/alpha as rarely as it should,
but a report that says 1.000 before and 1.000 since is none that anybody wants. So none is made while no row has two
different scores. To suppress reports cannot raise the rate of false ones.

**What is bet on.** Let the mean of a row have shifted by ``e`` standard deviations (of draws of the same row) from a
first day s on. Of a row with ``m`` scores up to today, ``k`` of which came before s, today's score is expected
``e * k / m`` above the mean of the multiset, with variance ``(m - 1) / m``. Hence ``d = e * sum(k / m) / sqrt(sum((m -
1) / m))``, over the rows of the day. The numbers of scores are known before the day's scores are, so such a bet is
allowed. Neither s nor e is known: the wealth is split over all s and all `EFFECTS` in both directions in advance, and
the parts are added. A mixture of martingales is one (H. Robbins, "Statistical methods related to the law of the
iterated logarithm", Annals of Mathematical Statistics 41, 1970, 1397-1409). Half of the wealth is on a change since the
baseline, the other half begins later, with a constant probability a day.

Sums over all later days of such squared expectations add up to those of a comparison with the baseline alone: the test
needs no more rows because it looks at one day after the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

COPIES: Final = 1_999
"""Arrangements that a day's scores are compared with. The p value is exact for any number; more of them let one day
say more: the least p value is about half of 1/2000, a z of 3.5."""

EFFECTS: Final[Numbers] = np.array([0.1, 0.2, 0.4, 0.8])
"""The shifts that are bet on, in standard deviations of the draws of one row: from what a thousand rows show to what
some dozens show. Where the right one lies between two of them, either grows almost as fast."""

_SIGNED: Final[Numbers] = np.concatenate([EFFECTS, -EFFECTS])

_SPLIT: Final[Numbers] = np.tile([1.0, 3.0, 3.0, 1.0], 2) / 16
"""How the wealth of a first day is split over them. Any split that is fixed beforehand is valid. Evenly split, a fall
from 0.85 to 0.70 takes a fifth more rows."""

SINCE_BASELINE: Final = 0.5
"""The part of the wealth that is bet on a change between the baseline and the first day."""

HAZARD: Final = 0.01
"""The part of the wealth that is not yet bet, and that a later day begins to bet. A change on day 100 costs as much as
five nats of evidence."""

EQUAL: Final = 1e-12
"""Part of a score by which the mean of equal ones may be off: what is left of a sum."""

MOST_AT_ONCE: Final = 2**21
"""Scores of arrangements that are held at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEvidence:
    """What one day says."""

    rows: int
    """Rows with a score today and an earlier one."""
    difference: float
    """The mean of today's scores less the mean of the earlier scores of the same rows; NaN without such rows."""
    higher: int = 0
    """Of these rows, those whose score is above the newest earlier one.

    Not above the mean of these: a row of right and wrong answers is never at that, also where nothing changes.
    """
    lower: int = 0
    """Those whose score is below it."""
    p: float
    """The p value of the day: small where scores are higher than before, near 1 where they are lower; NaN as above."""
    evidence: float
    """The wealth after the day."""


class ChangeEvidence:
    """The evidence that the scores of some rows have changed, day by day.

    Parameters
    ----------
    rows : int
        How many rows there are.
    alpha : float
        The probability that a change is ever reported where nothing changes.
    seed : int
        Of the arrangements that are drawn. The same scores with the same seed give the same evidence.
    copies : int
        Arrangements a day.

    Attributes
    ----------
    days : list of DayEvidence
        What each day said. It ends with the day on which the change was found.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> evidence = ChangeEvidence(200, alpha=0.05)
    >>> evidence.take((rng.random(200) < 0.85).astype(float))
    >>> while not evidence.changed:
    ...     evidence.take((rng.random(200) < 0.6).astype(float))
    >>> evidence.sign, len(evidence.days)
    (-1, 3)
    """

    def __init__(self, rows: int, *, alpha: float, seed: int = 0, copies: int = COPIES) -> None:
        self.alpha = alpha
        self.days: list[DayEvidence] = []
        self._seed, self._copies = seed, copies
        self._scores: Numbers = np.zeros((rows, 4))
        self._counts = np.zeros(rows, dtype=np.int64)
        self._sums: Numbers = np.zeros(rows)
        self._is_different = False
        self._before = np.zeros((0, rows), dtype=np.int32)
        """How many scores each row had before each day that was tested: rows of the table are first days s."""
        self._tested: list[int] = []
        """The index in `days` of each of them."""
        self._logs: Numbers = np.zeros((0, len(_SIGNED)))
        """The log wealth of a unit that was bet on a first day and an effect."""

    @property
    def evidence(self) -> float:
        """The wealth so far: 1 at the beginning."""
        return self.days[-1].evidence if self.days else 1.0

    @property
    def changed(self) -> bool:
        """Whether a change is found: never while no row has two different scores."""
        return self._is_different and self.evidence >= 1 / self.alpha

    @property
    def is_different(self) -> bool:
        """Whether some row has two different scores."""
        return self._is_different

    @property
    def sign(self) -> int:
        """The side on which most of the wealth was won: 1 where scores are higher, -1 lower, 0 without evidence."""
        if not len(self._logs):
            return 0
        parts = self._parts()
        higher, lower = parts[:, : len(EFFECTS)].sum(), parts[:, len(EFFECTS) :].sum()
        return 1 if higher > lower else -1

    @property
    def since(self) -> int | None:
        """The index in `days` of the first day of the change that won most; ``None`` before the first test.

        It is an estimate without a probability of error.
        """
        return self._tested[int(self._parts().sum(axis=1).argmax())] if len(self._logs) else None

    def scores_of(self, row: int) -> Numbers:
        """Return the scores of a row so far, in the order in which they were taken."""
        return self._scores[row, : self._counts[row]].copy()

    def take_baseline(self, row: int, scores: Numbers) -> None:
        """Take scores of a row from before the first day; NaN for a missing one."""
        for score in scores[~np.isnan(scores)]:
            self._append(np.array([row]), np.array([score]))

    def take(self, scores: Numbers) -> None:
        """Take the scores of one day: one a row, NaN where the row was not called or has no score.

        Nothing is taken after a change was found.
        """
        if self.changed:
            return
        before = self._counts.astype(np.int32)
        called = np.flatnonzero(~np.isnan(scores))
        tested = called[before[called] > 0]
        earlier = self._sums[tested] / before[tested]
        newest = self._scores[tested, before[tested] - 1]
        self._append(called, scores[called])
        if not len(tested):
            self.days.append(DayEvidence(rows=0, difference=math.nan, p=math.nan, evidence=self.evidence))
            return
        p = self._p_value(tested)
        self._before = np.vstack([self._before, before])
        self._tested.append(len(self.days))
        self._logs = np.vstack([self._logs, np.zeros((1, len(_SIGNED)))])
        self._bet(tested, p)
        wealth = float(self._parts().sum()) + SINCE_FUTURE * (1 - HAZARD) ** (len(self._logs) - 1)
        changes = scores[tested] - earlier
        steps = scores[tested] - newest
        noise = EQUAL * max(float(np.abs(scores[tested]).max()), float(np.abs(newest).max()))
        self.days.append(
            DayEvidence(
                rows=len(tested), difference=float(np.mean(changes)), p=p, evidence=wealth,
                higher=int((steps > noise).sum()), lower=int((steps < -noise).sum()),
            )
        )  # fmt: skip

    def _append(self, rows: NDArray[np.int64], scores: Numbers) -> None:
        if int(self._counts[rows].max(initial=0)) == self._scores.shape[1]:
            self._scores = np.hstack([self._scores, np.zeros_like(self._scores)])
        again = self._counts[rows] > 0
        self._is_different |= bool((self._scores[rows[again], 0] != scores[again]).any())
        self._scores[rows, self._counts[rows]] = scores
        self._counts[rows] += 1
        self._sums[rows] += scores

    def _p_value(self, rows: NDArray[np.int64]) -> float:
        """Return the p value of the newest scores of these rows among the arrangements."""
        rng = np.random.default_rng([len(self.days), abs(self._seed), int(self._seed < 0)])
        counts = self._counts[rows]
        own: float | None = None
        larger = equal = 0
        at_once = max(1, MOST_AT_ONCE // len(rows))
        for begin in range(0, self._copies, at_once):
            size = min(at_once, self._copies - begin)
            drawn = (rng.random((size + 1, len(rows))) * counts).astype(np.int64)
            drawn[0] = counts - 1  # the true one, summed as the others are: equal sums are equal to the last digit
            sums = self._scores[rows, drawn].sum(axis=1)
            own = float(sums[0]) if own is None else own
            larger += int((sums[1:] > own).sum())
            equal += int((sums[1:] == own).sum())
        return float((larger + (1 - rng.random()) * (1 + equal)) / (self._copies + 1))

    def _bet(self, rows: NDArray[np.int64], p: float) -> None:
        """Have every bettor bet on a day."""
        from scipy.special import ndtri

        z = -float(ndtri(min(max(p, TINY), 1 - TINY)))
        scores = self._counts[rows]
        shift = (self._before[:, rows] / scores).sum(axis=1) / math.sqrt(float(((scores - 1) / scores).sum()))
        expected = shift[:, None] * _SIGNED
        self._logs += expected * z - expected**2 / 2

    def _parts(self) -> Numbers:
        """Return the wealth by first day and effect."""
        later = SINCE_FUTURE * HAZARD * (1 - HAZARD) ** np.arange(len(self._logs) - 1)
        split = np.concatenate([[SINCE_BASELINE], later])
        return np.asarray(split[:, None] * _SPLIT * np.exp(self._logs))


SINCE_FUTURE: Final = 1 - SINCE_BASELINE

TINY: Final = 1e-15
"""The quantile of 0 or 1 itself, which a float may round to, is infinite."""
