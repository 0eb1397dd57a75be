"""Confidence intervals of means, shares and paired differences: BCa bootstrap, Blaker, Tango, Student. Pure.

An interval that cannot be computed is NaN. Every interval names its rule, lies within the range of its scores
(`ScoreRange`) and has a width. All random numbers come from a generator with a fixed seed, so a table is the same
at each display. Of scipy only `scipy.special` is imported, at first use: the import of `scipy.stats` takes several
times as long.

**Range of the scores.** A limit beyond a bound of the range becomes the bound: the true value lies within the range, so
the interval contains it as often as before. A limit that is moved by a factor (`ScoreRange.widened`) is moved on the
scale of logarithms of the distance to the bound on its side, so it approaches the bound and never passes it.

**Bootstrap of a mean.** BCa. Samples of one size share their draws, so many samples cost little more than one. Each
deviation from the textbook bootstrap is a separate function with its reason. `scipy.stats.bootstrap` is not used: in
``python -m tests.benchmarks compare`` it takes 11 times the CPU for the summary of 5,000 rows of numbers (1.10 s, not
0.10 s), 7 times for `pairs()` (1.28 s, not 0.18 s) and 1.5 times for 5,000 slices (28 November
2026). A test compares both.

**One share: Blaker.** H. Blaker, "Confidence curves and improved exact confidence intervals for discrete
distributions", The Canadian Journal of Statistics 28 (2000), 783-798: the shares that a two-sided exact test does not
reject. Its p is the probability of the observed tail, and of as much of the other tail as is no more probable. It
covers the share in at least 95 % of all samples, whatever the share and the number of rows, and has a width also where
no row or every row is right.

Coverage and mean width of 95 % intervals were counted for all of 6 to 300 rows and all shares from 0.5 to 0.99 in steps
of 0.01, every outcome with its probability. E. B. Wilson's (1927) covers 83.3 % at the worst (6 rows, 97 %), Jeffreys'
with mended ends (L. D. Brown, T. T. Cai and A. DasGupta, "Interval estimation for a binomial proportion", Statistical
Science 16 (2001), 101-133) 90.0 %, A. Agresti and B. A. Coull's 90.5 %, the mid-p one 91.2 %. Three cover in 95.0 %:
Blaker's, Wilson's with half a row as correction, and C. J. Clopper and E. S. Pearson's (1934); Blaker's is the
narrowest, and is never wider than the last one. ``python -m tests.benchmarks coverage`` has the table.

**Difference of two shares on the same rows: Tango.** T. Tango, "Equivalence test and confidence interval for the
difference in proportions for the paired-sample design", Statistics in Medicine 17 (1998), 891-908: the differences that
the score test does not reject. Its numerator is reduced by `CORRECTION` of a row, a part of the usual half, as P. J.
Laud and A. Dane propose in "Confidence intervals for the difference between independent binomial proportions:
comparison using a graphical approach and moving averages", Pharmaceutical Statistics 13 (2014), 294-308. It never
collapses and never leaves -1 to 1: ten wins of ten do not prove that all are won, and ten ties do not prove that
nothing is ever won or lost.

Coverage was computed for 6 to 300 rows, shares from 0.5 to 0.99 and correlations from 0 to 0.9, exactly to 30 rows and
by 20,000 draws beyond. Of 95 % intervals, R. G. Newcombe's (method 10 of "Improved confidence intervals for the
difference between binomial proportions based on paired data", Statistics in Medicine 17 (1998), 2635-2650) covers 91.7
% at the worst, his method 11 93.0 %, Tango's own 92.9 %, this one 94.2 % (93.7 % on a grid of seven times as many true
values), at widths that are 2 to 4 % larger than Tango's; Student's covers 22 %. ``python -m tests.benchmarks coverage``
prints the table.

**Clusters.** Repeats of a row, and rows with equal inputs, are one cluster. The number of trials is then the effective
one. For a share it may be a fraction: the tails are those of the beta distribution, which for whole numbers is the
binomial one, and the other tail is counted in whole steps from the observed value. For a difference, clusters have mean
differences ``d`` from -1 to 1, and the effective number is ``(mean |d| - mean(d)**2) / v`` with `v` the variance of the
mean of the clusters: the size of a sample of wins, ties and losses with this variance (the effective sample size of E.
L. Korn and B. I. Graubard, Survey Methodology 24 (1998), 193-201), at least the number of clusters and at most the
lines.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from statistics import NormalDist, fmean, stdev
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL: Final = 0.95

NAN: Final = float("nan")


MANY_ROWS: Final = 5_000
"""Above it, expansions say what resampling would, at a thousandth of the price."""

RESAMPLES: Final = 2_000
"""Of a bootstrap: the noise of a limit is then about a fiftieth of the interval's width."""

SEED: Final = 20_261_125


_DRAWS_AT_ONCE: Final = 400_000
"""Numbers, so that they stay in the processor's cache: five times as fast as all at once."""

_AT_ONCE: Final = 200
"""Samples, so that their sorted means take a few megabytes."""

_CACHED_TO: Final = 128
"""Rows up to which draws are kept for the next sample of that size: slices are many and small."""

_TAIL: Final = 0.2
"""Skewness of a mean from which its expansion is not trusted: one outlier then makes up the whole of it."""


Numbers = NDArray[np.float64]


# --- the range of the scores

_INFINITY: Final = math.inf
KNOWN_RANGES: Final = ((0.0, 1.0), (-1.0, 1.0), (0.0, _INFINITY))
"""Ranges that scores are taken to have where all of them lie inside, the narrowest first: shares and similarities,
correlations, and counts, lengths and seconds."""


class ScoreRange(NamedTuple):
    """Between which limits scores lie, and how far they spread."""

    low: float = -_INFINITY
    high: float = _INFINITY
    spread: float = 0.0
    """The standard deviation of the scores of all variants; 0 where all are the same."""

    @classmethod
    def of(cls, scores: Iterable[NDArray[np.float64]], stated: tuple[float, float] | None = None) -> ScoreRange:
        """Return the range of scores, those of all variants together: the stated one, else the one that they show.

        Examples
        --------
        >>> ScoreRange.of([np.array([0.2, 0.4])])[:2], ScoreRange.of([np.array([3.0]), np.array([120.0])])[:2]
        ((0.0, 1.0), (0.0, inf))
        """
        known = np.concatenate([np.zeros(0), *scores])
        known = known[~np.isnan(known)]
        if not len(known):
            return cls()
        return cls.between(float(known.min()), float(known.max()), spread_of(known), stated)

    @classmethod
    def between(cls, least: float, most: float, spread: float, stated: tuple[float, float] | None = None) -> ScoreRange:
        """Return the range of scores, by the least and the largest: the stated one, unless one of them is outside."""
        ranges = KNOWN_RANGES if stated is None else (stated, *KNOWN_RANGES)
        low, high = next(((x, y) for x, y in ranges if x <= least and most <= y), (-_INFINITY, _INFINITY))
        return cls(low, high, spread)

    @property
    def of_differences(self) -> ScoreRange:
        """The range of the differences of two such scores."""
        return ScoreRange(self.low - self.high, self.high - self.low, self.spread)

    def widened(self, mean: float, low: float, high: float, by: float) -> tuple[float, float]:
        """Return limits around a mean with their reach to either side multiplied.

        Towards a bound it is the logarithm of the distance to the bound that is multiplied: ``(1 - u) ** by`` of the
        distance is left where the plain rule leaves ``1 - by * u``, which may be negative.

        Examples
        --------
        >>> ScoreRange().widened(0.5, 0.3, 0.6, by=2), ScoreRange(0.0).widened(0.5, 0.25, 0.75, by=2)
        ((0.09999999999999998, 0.7), (0.125, 1.0))
        """
        return (
            mean - _widen_reach(mean - low, mean - self.low, by),
            mean + _widen_reach(high - mean, self.high - mean, by),
        )

    def clipped(self, low: float, high: float) -> tuple[float, float]:
        """Return the limits, each moved into the range where it is beyond a bound.

        Examples
        --------
        >>> ScoreRange(-1.0, 1.0).clipped(0.7, 1.1), ScoreRange().clipped(0.7, 1.1)
        ((0.7, 1.0), (0.7, 1.1))
        """
        return max(low, self.low), min(high, self.high)


def _widen_reach(reach: float, room: float, by: float) -> float:
    if not math.isfinite(room):
        return by * reach
    return room * (1 - max(0.0, 1 - reach / room) ** by) if room > 0 else 0.0


UNBOUNDED: Final = ScoreRange()
"""The range of scores of which nothing is known."""


def spread_of(values: NDArray[np.float64]) -> float:
    """Return the standard deviation, of numbers of any size: squares of 1e160 have none.

    Examples
    --------
    >>> spread_of(np.array([0.0, 2e200])), spread_of(np.array([0.1, 0.1, 0.1]))
    (1e+200, 0.0)
    """
    if not len(values):
        return 0.0
    largest = float(np.abs(values).max())
    if largest == 0 or float(np.ptp(values / largest)) <= 1e-12:
        return 0.0
    return float((values / largest).std()) * largest


# --- bootstrap


def bca_interval(
    values: Numbers, level: float = LEVEL, *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated bootstrap interval of a mean; NaN below two values.

    B. Efron, "Better bootstrap confidence intervals", JASA 82 (1987), 171-185; the acceleration of a mean is a sixth of
    the skewness over the root of n (equation 7.3 there, by the jackknife). Where `values` are the means of rows, rows
    are what is drawn: a clustered bootstrap.

    Examples
    --------
    >>> [round(x, 2) for x in bca_interval(np.arange(50.0))]
    [20.66, 28.57]
    """
    low, high = bca_intervals(values[None, :], level, resamples=resamples, seed=seed)[0]
    return float(low), float(high)


def bca_intervals(
    samples: Numbers, level: float = LEVEL, *, resamples: int = RESAMPLES, seed: int = SEED
) -> NDArray[np.float64]:
    """Return :func:`bca_interval` of every line of `samples`, as an array of two columns.

    Examples
    --------
    >>> bca_intervals(np.stack([np.arange(50.0), np.ones(50)])).round(2).tolist()
    [[20.66, 28.57], [1.0, 1.0]]
    """
    sample_count, n = samples.shape
    limits = np.full((sample_count, 2), np.nan)
    if n < 2:
        return limits
    for begin in range(0, sample_count, _AT_ONCE):
        part = samples[begin : begin + _AT_ONCE]
        # By powers of two, which is exact: the squares of 1e160 and of 1e-170 are no numbers.
        power = np.frexp(np.abs(part).max(axis=1))[1]
        scaled = _bca_of_part(np.ldexp(part, -power[:, None]), level, resamples, seed)
        limits[begin : begin + len(part)] = np.ldexp(scaled, power[:, None])
    return limits


def _bca_of_part(samples: Numbers, level: float, resamples: int, seed: int) -> Numbers:
    from scipy import special

    mean = samples.mean(axis=1)
    deviations = samples - mean[:, None]
    spread = np.square(deviations).sum(axis=1)
    alike = spread <= 1e-24 * mean * mean * samples.shape[1]
    # Of what is left of the mean: sums of large numbers would lose the digits that tell a tie.
    means = np.sort(_means_of_resamples(deviations, resamples, seed), axis=1)
    near = 1e-12 * np.sqrt(spread)[:, None]
    below = ((means < -near).sum(axis=1) + (means <= near).sum(axis=1)) / (2 * resamples)
    with np.errstate(invalid="ignore", divide="ignore"):
        acceleration = np.where(alike, 0.0, (deviations**3).sum(axis=1) / (6 * spread**1.5))
    # A share of 0 or 1 has no quantile: half a resample is the least that can be told.
    bias = special.ndtri(np.clip(below, 0.5 / resamples, 1 - 0.5 / resamples))
    # `numpy.quantile` of what is sorted already.
    places = special.ndtr(_bca_reaches(bias[:, None], acceleration[:, None], level)) * (resamples - 1)
    lower = places.astype(np.intp)
    at_lower, at_upper = (np.take_along_axis(means, np.minimum(at, resamples - 1), axis=1) for at in (lower, lower + 1))
    reach = np.where(alike[:, None], 0.0, at_lower + (places - lower) * (at_upper - at_lower))
    return np.asarray(mean[:, None] + reach)


def _bca_reaches(bias: Numbers | float, acceleration: Numbers | float, level: float) -> Numbers:
    """Return at which quantiles of the resamples the limits lie, as numbers of the normal distribution."""
    from scipy import special

    reach = bias + special.ndtri([(1 - level) / 2, (1 + level) / 2])
    return np.asarray(bias + reach / (1 - acceleration * reach))


def _means_of_resamples(samples: Numbers, resamples: int, seed: int) -> Numbers:
    """Return the means of `resamples` draws of each sample: how often each row is drawn, times its value."""
    n = samples.shape[1]
    if n <= _CACHED_TO and resamples == RESAMPLES:
        return np.asarray(samples @ _cached_counts(n, seed).T / n)
    rng = np.random.default_rng(seed)
    at_once = max(1, _DRAWS_AT_ONCE // n)
    means = np.empty((len(samples), resamples))
    for begin in range(0, resamples, at_once):
        counts = draw_counts(rng, min(at_once, resamples - begin), n)
        for index, values in enumerate(samples):
            # Not by @, whose threads take longer to wake for so small a part than one takes to sum it.
            means[index, begin : begin + at_once] = np.einsum("ij,j->i", counts, values)
    return np.asarray(means / n)


@lru_cache(maxsize=16)
def _cached_counts(n: int, seed: int) -> Numbers:
    return draw_counts(np.random.default_rng(seed), RESAMPLES, n)


def draw_counts(rng: np.random.Generator, size: int, n: int) -> Numbers:
    """Return how often each of `n` rows is in each of `size` draws."""
    draws = rng.integers(n, size=(size, n), dtype=np.int32)
    draws += np.arange(size, dtype=np.int32)[:, None] * n
    return np.bincount(draws.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def analytic_bca(values: Numbers, level: float = LEVEL) -> tuple[float, float] | None:
    """Return what BCa comes to with endless resamples, for many values; ``None`` where the tail is too long for it.

    The quantiles of the resampled means are those of the expansion of E. A. Cornish and R. A. Fisher, "Moments and
    cumulants in the specification of distributions", Revue de l'Institut International de Statistique 5 (1938),
    307-320, and the bias is a sixth of their skewness, as P. Hall, "The Bootstrap and Edgeworth Expansion" (1992),
    section 3.10, has it.

    Examples
    --------
    >>> analytic_bca(np.array([0.0, 1.0] * 4_000))[0] < 0.49
    True
    """
    n, mean = len(values), float(values.mean())
    deviations = values - mean
    deviation = math.sqrt(float(np.square(deviations).mean()))
    if deviation <= 1e-12 * abs(mean):
        return mean, mean
    skewness = float((deviations**3).mean()) / deviation**3 / math.sqrt(n)
    peak = (float((deviations**4).mean()) / deviation**4 - 3) / n
    if abs(skewness) > _TAIL or peak > _TAIL:
        return None
    limits = []
    for z in _bca_reaches(skewness / 6, skewness / 6, level).tolist():
        away = z + (z * z - 1) * skewness / 6 + (z**3 - 3 * z) * peak / 24 - (2 * z**3 - 5 * z) * skewness**2 / 36
        limits.append(mean + away * deviation / math.sqrt(n))
    return limits[0], limits[1]


_BLAKER_STEPS: Final = 50
"""Halvings of a limit: to the last digit of a number."""


@lru_cache(maxsize=10_000)
def blaker_interval(yes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of a share, `yes` of `n`; NaN of nothing, and of NaN.

    Examples
    --------
    >>> [round(x, 4) for x in blaker_interval(3, 10)], [round(x, 3) for x in blaker_interval(10, 10)]
    ([0.0873, 0.6194], [0.717, 1.0])
    """
    if not (n > 0 and yes == yes):
        return NAN, NAN
    yes = min(max(yes, 0.0), n)
    return _blaker_lower(yes, n, 1 - level), 1.0 - _blaker_lower(n - yes, n, 1 - level)


def _blaker_lower(yes: float, n: float, alpha: float) -> float:
    """Return the least share that the test does not reject.

    Beyond the limit of Clopper and Pearson the upper tail grows and the lower one shrinks, until one step more of the
    lower tail counts: p is at least `alpha` from there on. Before that, p falls and then grows, or only grows, so it
    passes `alpha` once: the ratio of the slopes of the tails is a power of the odds.
    """
    if yes <= 0:
        return 0.0
    from scipy import special

    def above(share: float) -> float:
        """Return the probability of at least `yes` of `n`."""
        return float(special.betainc(yes, n - yes + 1, share))

    def below(most: float, share: float) -> float:
        """Return the probability of at most `most` of `n`."""
        return 0.0 if most <= -1 else 1.0 if most >= n else float(special.betaincc(most + 1, n - most, share))

    begin = float(special.betaincinv(yes, n - yes + 1, alpha / 2))
    # The last step of the lower tail that is no more probable at `begin` than the upper tail; -1 and less have none.
    inside = yes - math.floor(yes) - 2.0
    outside = yes
    while outside - inside > 1:
        middle = inside + math.floor((outside - inside) / 2)
        inside, outside = (inside, middle) if below(middle, begin) > alpha / 2 else (middle, outside)
    low, high = begin, yes / n
    for _ in range(_BLAKER_STEPS):
        share = (low + high) / 2
        upper = above(share)
        is_kept = upper + below(inside, share) > alpha or upper > below(outside, share)
        low, high = (low, share) if is_kept else (share, high)
    return high


CORRECTION: Final = 1 / 8
"""Of a row. Without it coverage falls to 92.9 %; by one half the intervals of 6 to 30 rows are 15 % wider."""

_TANGO_STEPS: Final = 50
"""Halvings of a limit: to the last digit of a number."""


def tango_interval(wins: float, losses: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the score interval of a paired difference of shares, ``(wins - losses) / n``; NaN without rows.

    Examples
    --------
    >>> [round(x, 3) for x in tango_interval(10, 0, 10)], [round(x, 3) for x in tango_interval(0, 0, 10)]
    ([0.427, 1.0], [-0.295, 0.295])
    """
    if n <= 0:
        return NAN, NAN
    z = NormalDist().inv_cdf((1 + level) / 2)
    return -_tango_upper(losses, wins, n, z), _tango_upper(wins, losses, n, z)


def _tango_upper(wins: float, losses: float, n: float, z: float) -> float:
    """Return the largest difference that the score test does not reject."""
    observed = (wins - losses) / n
    if not _is_rejected(wins, losses, n, z, 1.0):
        return 1.0
    inside, outside = observed, 1.0
    for _ in range(_TANGO_STEPS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if _is_rejected(wins, losses, n, z, middle) else (middle, outside)
    return outside


def _is_rejected(wins: float, losses: float, n: float, z: float, difference: float) -> bool:
    """Whether a difference above the one that was seen is rejected by the score test.

    The share of losses under the hypothesis is the root of Tango's equation (his formula 2.6).
    """
    a, b = 2 * n, (2 * n - wins + losses) * difference - wins - losses
    c = -losses * difference * (1 - difference)
    share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = n * (2 * share + difference * (1 - difference))
    excess = n * difference - (wins - losses) - CORRECTION
    return excess > 0 and excess * excess > z * z * variance


def tango_clustered(differences: Numbers, counts: Numbers, lines: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of the mean of differences of clusters, each from -1 to 1; NaN without any.

    Examples
    --------
    >>> [round(x, 2) for x in tango_clustered(np.array([0.0, 0.5, 1.0]), np.full(3, 2.0), 12)]
    [-0.03, 0.8]
    """
    n = float(counts.sum())
    if not n:
        return NAN, NAN
    won, lost = (float(counts @ np.maximum(gains, 0)) / n for gains in (differences, -differences))
    mean, trials = won - lost, n
    variance = float(counts @ np.square(differences - mean)) / (n * max(1.0, n - 1))
    if variance > 0:
        trials = min(max((won + lost - mean * mean) / variance, trials), max(float(lines), trials))
    return tango_interval(won * trials, lost * trials, trials, level)


FEW_ROWS: Final = 40
"""Below it, BCa covers too seldom: it has no notion of the degrees of freedom. Of 95 % intervals, 72 % of three rows
held the mean, 86 % of six, 91 % of twelve (normal scores); `intervals_of_means` then widens it, and
`intervals_of_differences` takes Student's."""


class Interval(NamedTuple):
    """Two limits, and by which rule they were found."""

    low: float
    high: float
    rule: str
    """``blaker``, ``blaker, clustered``, ``tango``, ``tango, clustered``, ``bca``, ``bca, widened``, ``bca, analytic``,
    ``t``, ``normal``, ``order statistics``, ``all equal``, ``none``."""


# --- by the kind of the scores


def interval_of_share(row_means: Numbers, lines: int, level: float = LEVEL) -> Interval:
    """Return the interval of a share, from one mean a row: Blaker's.

    Repeats of a row are a cluster: the number of trials is then the effective
    one, ``m (1 - m) / v`` with `v` the variance of the mean of the rows (E. L. Korn and B. I. Graubard, "Confidence
    intervals for proportions with small expected number of positive counts estimated from survey data", Survey
    Methodology 24 (1998), 193-201), at least the number of rows and at most the number of lines.

    Examples
    --------
    >>> interval_of_share(np.array([1.0] * 8 + [0.0] * 2), 10).rule
    'blaker'
    """
    rows = len(row_means)
    if rows == 0:
        return Interval(NAN, NAN, "none")
    if lines <= rows:
        return Interval(*blaker_interval(float(row_means.sum()), rows, level), "blaker")
    share = min(max(float(row_means.mean()), 0.0), 1.0)
    trials = float(rows)
    if rows > 1 and (variance := float(row_means.var(ddof=1)) / rows) > 0:
        trials = min(max(share * (1 - share) / variance, float(rows)), float(lines))
    return Interval(*blaker_interval(share * trials, trials, level), "blaker, clustered")


def interval_of_share_difference(
    differences: Numbers, lines: int, level: float = LEVEL, *, counts: Numbers | None = None
) -> Interval:
    """Return the interval of the difference of two shares, from one difference a row: Tango's.

    Examples
    --------
    >>> interval_of_share_difference(np.array([1.0, 0.0, 0.0]), 3).rule
    'tango'
    """
    weights = np.ones(len(differences)) if counts is None else counts
    if not len(differences):
        return Interval(NAN, NAN, "none")
    if bool(np.isin(differences, (-1.0, 0.0, 1.0)).all()):
        wins, losses = float(weights[differences > 0].sum()), float(weights[differences < 0].sum())
        return Interval(*tango_interval(wins, losses, float(weights.sum()), level), "tango")
    return Interval(*tango_clustered(differences, weights, lines, level), "tango, clustered")


def interval_of_mean(values: Numbers, level: float = LEVEL, *, within: ScoreRange = UNBOUNDED) -> Interval:
    """Return the interval of a variant's mean: BCa's, see :func:`intervals_of_means`.

    Examples
    --------
    >>> [interval_of_mean(np.arange(n, dtype=float)).rule for n in (1, 39, 40, 5_001)]
    ['none', 'bca, widened', 'bca', 'bca, analytic']
    """
    return intervals_of_means([values], level, within=[within])[0]


def interval_of_median(values: Numbers, level: float = LEVEL, *, clusters: NDArray[np.int64] | None = None) -> Interval:
    """Return the interval of a median: two of the values themselves, whatever their distribution.

    The number of values below the median is that of so many tosses of a coin, so the interval from the r-th smallest to
    the r-th largest value covers the median in at least `level` for the largest r of which a tail of the tosses has at
    most half of the rest (W. R. Thompson, "On confidence ranges for the median and other expectation distributions for
    populations of unknown distribution form", Annals of Mathematical Statistics 7 (1936), 122-128). Where values are
    clustered, as repeats of a row are, it is the share of values below the median that has an effective number of
    tosses, between the number of clusters and that of values, and the limits are the values at the shares of its
    interval: R. S. Woodruff, "Confidence intervals for medians and other position measures", JASA 47 (1952), 635-646.
    Below six values or clusters there is none of 95 %.

    Examples
    --------
    >>> interval_of_median(np.arange(20.0)), interval_of_median(np.arange(5.0)).rule
    (Interval(low=5.0, high=14.0, rule='order statistics'), 'none')
    >>> interval_of_median(np.repeat(np.arange(20.0), 3), clusters=np.repeat(np.arange(20), 3))
    Interval(low=5.0, high=14.0, rule='order statistics, clustered')
    """
    from scipy import special

    n = len(values)
    if not n:
        return Interval(NAN, NAN, "none")
    below = values < np.median(values)
    codes = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    sizes, counts = np.bincount(codes), np.bincount(codes, weights=below)
    rows, trials = len(sizes), float(n)
    if rows < n:
        share = counts.sum() / n
        variance = float(np.square(counts - share * sizes).sum()) / n**2 * rows / max(rows - 1, 1)
        trials = min(max(share * (1 - share) / variance, float(rows)), float(n)) if variance > 0 else float(rows)
    # Of tosses that need not be whole: the largest number of which the tail is small enough.
    tail, rank = (1 - level) / 2, 0
    while special.betaincc(rank + 1, trials - rank, 0.5) <= tail:  # the probability of at most `rank` heads
        rank += 1
    if not rank:
        return Interval(NAN, NAN, "none")
    ordered, place = np.sort(values), max(math.floor(rank * n / trials + 1e-9) - 1, 0)
    rule = "order statistics" if rows == n else "order statistics, clustered"
    return Interval(float(ordered[place]), float(ordered[n - 1 - place]), rule)


def intervals_of_means(
    samples: Sequence[Numbers], level: float = LEVEL, *, within: Sequence[ScoreRange] | None = None
) -> list[Interval]:
    """Return the intervals of several means: the BCa bootstrap's, whatever the number of rows.

    Below `FEW_ROWS` its reach to either side is multiplied by ``t sqrt(n / (n - 1)) / z``, what Student's interval is
    wider than the plain bootstrap of normal numbers: the correction of T. C. Hesterberg, "What teachers should know
    about the bootstrap", The American Statistician 69 (2015), 371-386, section 4.2, in lengths, since there are no
    quantiles beyond those of a few rows; towards a bound of the range, in logarithms of the distance to it. Measured on
    1,000 datasets each, it then covers in 93 to 97 % (normal, uniform and mildly skewed scores, 6 to 39 rows) where
    plain BCa does in 85 to 96 %, and in 89 to 94 % where Student's does in 88 to 93 % (exponential scores). Above
    `MANY_ROWS` no sample is drawn: :func:`analytic_bca`. Scores that are all equal: :func:`_interval_of_equal`.

    Examples
    --------
    >>> [interval.rule for interval in intervals_of_means([np.arange(9.0), np.arange(40.0), np.ones(9)])]
    ['bca, widened', 'bca', 'all equal']
    """
    ranges = [UNBOUNDED] * len(samples) if within is None else within
    intervals = [_interval_of_equal(values, level, limits) for values, limits in zip(samples, ranges, strict=True)]
    for n, places in _indices_by_size(samples, intervals).items():
        if n > MANY_ROWS:
            for index in places:
                intervals[index] = _interval_of_many(samples[index], level, ranges[index])
            continue
        limits_of_samples = bca_intervals(np.stack([samples[index] for index in places]), level)
        wider, rule = (_widening_factor(n, level), "bca, widened") if n < FEW_ROWS else (1.0, "bca")
        for index, (low, high) in zip(places, limits_of_samples.tolist(), strict=True):
            if wider > 1:
                low, high = ranges[index].widened(float(samples[index].mean()), low, high, wider)
            intervals[index] = Interval(low, high, rule)
    return [interval or Interval(NAN, NAN, "none") for interval in intervals]


def intervals_of_differences(
    samples: Sequence[Numbers], level: float = LEVEL, *, within: Sequence[ScoreRange] | None = None
) -> list[Interval]:
    """Return the intervals of several mean differences by the rule for their numbers of pairs.

    Student's below `FEW_ROWS`, BCa up to `MANY_ROWS`, the normal distribution's above; a limit beyond a bound of the
    range is the bound (`ScoreRange.clipped`). Limits on the logarithm of the distance to the bound cover less often:
    20,000 datasets each of 6 to 39 rows are covered in 94 to 95 % (differences of uniform, U-shaped and judge's scores
    {1, 3, 5}), on logarithms in 91 to 94 %.

    Examples
    --------
    >>> [i.rule for i in intervals_of_differences([np.arange(n, dtype=float) for n in (1, 39, 40, 5_001)])]
    ['none', 't', 'bca', 'normal']
    """
    ranges = [UNBOUNDED] * len(samples) if within is None else within
    intervals = [_interval_of_equal(values, level, limits) for values, limits in zip(samples, ranges, strict=True)]
    for n, places in _indices_by_size(samples, intervals).items():
        if FEW_ROWS <= n <= MANY_ROWS:
            limits_of_samples = bca_intervals(np.stack([samples[index] for index in places]), level)
            for index, (low, high) in zip(places, limits_of_samples.tolist(), strict=True):
                intervals[index] = Interval(low, high, "bca")
            continue
        for index in places:
            values, few = samples[index], n < FEW_ROWS
            limits = mean_interval(values.tolist(), level) if few else normal_interval(values, level)
            intervals[index] = Interval(*ranges[index].clipped(*limits), "t" if few else "normal")
    return [interval or Interval(NAN, NAN, "none") for interval in intervals]


def _indices_by_size(samples: Sequence[Numbers], intervals: Sequence[Interval | None]) -> dict[int, list[int]]:
    """Return which samples without an interval are of one size: they share their draws."""
    sizes: dict[int, list[int]] = {}
    for index, (values, interval) in enumerate(zip(samples, intervals, strict=True)):
        if interval is None and len(values) >= 2:
            sizes.setdefault(len(values), []).append(index)
    return sizes


def _interval_of_equal(values: Numbers, level: float, within: ScoreRange) -> Interval | None:
    """Return the interval of values that are all equal; ``None`` where they are not.

    Equal values say nothing of how far others would be from them: every rule that knows no more than they do gives an
    interval of no width. So one more row is added that lies one standard deviation of the scores of all variants away
    (the value itself, where none of them varies), below for the lower limit and above for the upper one, and Student's
    interval is taken: the pseudo-observation of A. Agresti and B. A. Coull, "Approximate is better than 'exact' for
    interval estimation of binomial proportions", The American Statistician 52 (1998), 119-126, for numbers.
    """
    n = len(values)
    if n < 2 or spread_of(values):
        return None
    value = float(values.mean())
    distance = within.spread or abs(value) or 1.0
    # Of n zeros and a one: the mean 1 / (n + 1), the standard error 1 / (n + 1) as well.
    reach = distance * (1 + t_quantile((1 + level) / 2, n)) / (n + 1)
    return Interval(*within.clipped(value - reach, value + reach), "all equal")


def _interval_of_many(values: Numbers, level: float, within: ScoreRange) -> Interval:
    limits = analytic_bca(values, level)
    if limits is None:
        return Interval(*bca_interval(values, level), "bca")
    return Interval(*within.clipped(*limits), "bca, analytic")


def _widening_factor(n: int, level: float) -> float:
    share = (1 + level) / 2
    return t_quantile(share, n - 1) * math.sqrt(n / (n - 1)) / NormalDist().inv_cdf(share)


# --- the rules


def t_quantile(p: float, df: int) -> float:
    """Return the quantile of Student's t distribution.

    Examples
    --------
    >>> round(t_quantile(0.975, 10), 6)
    2.228139
    """
    from scipy import special

    return float(special.stdtrit(df, p))


def mean_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Return Student's interval of a mean (Student, Biometrika 6 (1908), 1-25); NaN below two values.

    Examples
    --------
    >>> [round(x, 2) for x in mean_interval([1.0, 2.0, 3.0, 4.0])]
    [0.45, 4.55]
    """
    n = len(values)
    if n < 2:
        return NAN, NAN
    mean = fmean(values)
    half = t_quantile((1 + level) / 2, n - 1) * stdev(values) / math.sqrt(n)
    return mean - half, mean + half


def normal_interval(values: Numbers, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of a mean of many values, by the central limit theorem; NaN below two values.

    Examples
    --------
    >>> [round(x, 3) for x in normal_interval(np.array([0.0, 1.0] * 200))]
    [0.451, 0.549]
    """
    if len(values) < 2:
        return NAN, NAN
    z = NormalDist().inv_cdf((1 + level) / 2)
    half = z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half
