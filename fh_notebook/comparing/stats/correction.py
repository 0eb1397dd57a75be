"""Correction of a judge's scores by human labels of some rows: prediction-powered inference. Pure.

A judge scores all rows, people label some that were drawn by chance. The corrected mean is ``weight * mean of the judge
on the rows without a label + mean of (label - weight * judge) on the labelled rows``: whatever the judge's errors are,
the labels measure them, so it is unbiased; a good judge only makes it more precise. The weight is the one that makes
its variance least, from 0 (the labels alone) to 1: A. N. Angelopoulos, J. C. Duchi and T. Zrnic, "PPI++: Efficient
prediction-powered inference", arXiv 2311.01453 (2023), after Angelopoulos and others, "Prediction-powered inference",
Science 382 (2023), 669-674.

**Interval.** The one that the labels alone would have (Blaker's, Tango's, the bootstrap's), moved to the corrected
mean, its reach multiplied by the ratio of the standard errors, which is at most 1. So it is never wider than that of
the labels alone, and few labels have the limits of a rule that is made for few rows: an interval of the normal
distribution covers in 73 % where 20 of 20 labels agree with the judge. Both variances get one more row whose label
contradicts, or agreement on all labels would be taken for certainty. ``python -m tests.benchmarks correction`` counts
coverage and mean width: judges of sensitivity and specificity 0.6 to 0.95, the same or different for two variants, 200
and 1,000 rows, 20 to 100 labels.

**p** is the least alpha at which the interval of level ``1 - alpha`` does not contain 0: test and interval agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.intervals import (
    LEVEL,
    NAN,
    Interval,
    Numbers,
    ScoreRange,
    interval_of_share,
    interval_of_share_difference,
    intervals_of_differences,
    intervals_of_means,
)

CORRECTED_RULE: Final = "corrected, "
"""Begins the rule of a corrected interval; what follows is the rule of that of the labels alone."""

FEWEST_LABELS: Final = 10
"""Labelled rows of a variant below which nothing is corrected: the errors of a judge cannot be measured by fewer."""

_CONTRADICTING: Final = 1.0
"""Rows that are added to both variances."""

_P_STEPS: Final = 40
"""Halvings of a p on the scale of logarithms: to three digits of the smallest one."""

_LEAST_P: Final = 1e-9

Limits = Callable[[Numbers, float], Interval]
"""Returns the interval of the mean of labels, of a level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A corrected mean, or a corrected difference of two."""

    mean: float
    interval: Interval
    labels: int
    """Labelled rows."""
    weight: float
    """How much the judge counts, from 0 to 1."""
    ratio: float
    """The standard error as a part of that of the labels alone; 1 where the judge says nothing."""
    spread: float
    """The standard deviation that so many independent rows would have: ``standard error * sqrt(labels)``."""
    p: float = NAN
    """Of no difference."""


def corrected(
    judged: Numbers,
    labels: Numbers,
    limits: Limits,
    within: ScoreRange,
    *,
    tested: bool = False,
    level: float = LEVEL,
) -> Corrected:
    """Return the corrected mean of rows.

    Examples
    --------
    >>> judged, labels = np.tile([1.0, 0.0], 100), np.full(200, np.nan)
    >>> labels[:40] = np.tile([1.0, 0.0, 1.0, 1.0], 10)  # a quarter of the labels is better than the judge says
    >>> rows = corrected(judged, labels, lambda y, level: interval_of_share(y, len(y), level), ScoreRange(0.0, 1.0))
    >>> rows.labels, round(rows.mean, 2), rows.ratio < 1
    (40, 0.75, True)
    """
    labelled = ~np.isnan(labels)
    y, f, n = labels[labelled], judged[labelled], int(labelled.sum())
    rest = judged[~labelled]
    size = _size(y, f)
    spread, weight = float(judged.var()), 0.0
    if n > 1 and spread > 0 and len(rest):
        covariance = float(np.cov(y, f)[0, 1])
        weight = min(1.0, max(0.0, covariance / spread / (1 + n / len(rest))))
    residuals = y - weight * f
    mean = float(residuals.mean() + (weight * rest.mean() if weight else 0.0)) if n else NAN
    alone = _variance(y, size) / n if n else NAN
    own = (_variance(residuals, size) / n if n else NAN) + (weight * weight * spread / len(rest) if weight else 0.0)
    ratio = math.sqrt(min(1.0, own / alone)) if alone > 0 else 1.0

    def interval(level: float) -> Interval:
        of_labels = limits(y, level)
        center = float(y.mean()) if n else NAN
        low, high = mean - ratio * (center - of_labels.low), mean + ratio * (of_labels.high - center)
        return Interval(*within.clipped(low, high), f"{CORRECTED_RULE}{of_labels.rule}")

    return Corrected(
        mean=mean,
        interval=interval(level),
        labels=n,
        weight=weight,
        ratio=ratio,
        spread=ratio * math.sqrt(alone * n) if n else NAN,
        p=_p_of(interval) if tested and n else NAN,
    )


def _size(y: Numbers, f: Numbers) -> float:
    """Return how far a label that contradicts is from the judge's score: the range of both."""
    both = np.concatenate([y, f])
    return float(np.ptp(both)) or 1.0 if len(both) else 1.0


def _variance(values: Numbers, size: float) -> float:
    """Return the variance of values with one more row that is `size` away from their mean."""
    n = len(values)
    squares = float(np.square(values - values.mean()).sum()) + _CONTRADICTING * size * size
    return squares / (n - 1 + _CONTRADICTING)


def _p_of(interval: Callable[[float], Interval]) -> float:
    """Return the least alpha at which the interval does not contain 0."""

    def is_outside(alpha: float) -> bool:
        found = interval(1 - alpha)
        return found.low > 0 or found.high < 0

    if is_outside(_LEAST_P):
        return _LEAST_P
    inside, outside = math.log(_LEAST_P), 0.0
    for _ in range(_P_STEPS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if is_outside(math.exp(middle)) else (middle, outside)
    return math.exp(outside)


# --- of a grid


def correct_mean(judged: Grid, human: Grid, variant: str) -> Corrected:
    """Return the corrected mean of a variant."""
    place = judged.variants.index(variant)
    f, y = judged.means[:, place], human.means[:, place]
    scored = ~np.isnan(f)
    return corrected(f[scored], y[scored], _limits_of_mean(human), human.within)


def correct_difference(
    judged: Grid, human: Grid, a: str, b: str, *, level: float = LEVEL, tested: bool = True
) -> Corrected:
    """Return the corrected difference of two variants, ``b - a``, on the rows that the judge scored of both.

    Rows that are labelled of both count as labelled. `tested` is whether `p` is computed.
    """
    first, second = judged.variants.index(a), judged.variants.index(b)
    f = judged.means[:, second] - judged.means[:, first]
    y = human.means[:, second] - human.means[:, first]
    scored = ~np.isnan(f)
    limits = _limits_of_difference(human)
    return corrected(f[scored], y[scored], limits, human.within.of_differences, tested=tested, level=level)


def _limits_of_mean(human: Grid) -> Limits:
    if human.yes_no:
        return lambda y, level: interval_of_share(y, len(y), level)
    return lambda y, level: intervals_of_means([y], level, within=[human.within])[0]


def _limits_of_difference(human: Grid) -> Limits:
    if human.yes_no:
        return lambda y, level: interval_of_share_difference(y, len(y), level)
    return lambda y, level: intervals_of_differences([y], level, within=[human.within.of_differences])[0]


# --- how good the judge is


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeErrors:
    """How a judge's scores of one variant compare with the labels."""

    variant: str
    labels: int
    agreement: float
    """The share of labelled rows on which both say the same; of numbers their correlation."""
    sensitivity: float
    """The share of the rows that people call right that the judge calls right; NaN of numbers."""
    specificity: float
    """The share of the rows that people call wrong that the judge calls wrong; NaN of numbers."""
    bias: float
    """The mean of the judge less that of the labels, on the labelled rows."""
    bias_low: float
    bias_high: float


def judge_errors(judged: Grid, human: Grid, variant: str) -> JudgeErrors:
    """Return how the judge's scores of a variant compare with its labels.

    Shares are of the rows on which both are yes or no. The interval of the bias is Tango's for yes/no, else that of
    paired differences.
    """
    place = judged.variants.index(variant)
    f, y = judged.means[:, place], human.means[:, place]
    both = ~(np.isnan(f) | np.isnan(y))
    f, y = f[both], y[both]
    interval = Interval(NAN, NAN, "none")
    if len(y):
        interval = _limits_of_difference(human)(f - y, LEVEL) if human.yes_no and judged.yes_no else _of_numbers(f - y)
    agreement = sensitivity = specificity = NAN
    if human.yes_no and judged.yes_no:
        right, wrong = y > 0.5, y <= 0.5
        agreement = float((f == y).mean()) if len(y) else NAN
        sensitivity = float(f[right].mean()) if right.any() else NAN
        specificity = float(1 - f[wrong].mean()) if wrong.any() else NAN
    elif len(y) > 1 and f.std() > 0 and y.std() > 0:
        agreement = float(np.corrcoef(f, y)[0, 1])
    return JudgeErrors(
        variant=variant, labels=len(y), agreement=agreement, sensitivity=sensitivity, specificity=specificity,
        bias=float((f - y).mean()) if len(y) else NAN, bias_low=interval.low, bias_high=interval.high,
    )  # fmt: skip


def _of_numbers(differences: Numbers) -> Interval:
    return intervals_of_differences([differences])[0]


def labels_needed(rows: Corrected, width: float) -> float:
    """Return about how many labels make the interval of a corrected mean so wide; infinite where no number does.

    The width falls as the root of the number of labels, as long as they are few beside the rows.

    Examples
    --------
    >>> interval = Interval(0.7, 0.9, "blaker")
    >>> rows = Corrected(mean=0.8, interval=interval, labels=40, weight=1.0, ratio=0.6, spread=0.3)
    >>> round(labels_needed(rows, 0.1))
    160
    """
    present = rows.interval.high - rows.interval.low
    if not (math.isfinite(present) and rows.labels and width > 0):
        return math.inf
    return rows.labels * (present / width) ** 2
