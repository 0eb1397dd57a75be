"""Numbers, each with how often it came; out of them quantiles, the bootstrap's interval, the signed-rank test. Pure.

Rule of this file: values are counted as they are while there are few different ones (yes and no are three differences);
more than `MOST` are rounded to 12 binary digits or a few less, a part in 2,000 or so.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from fh_notebook.comparing.intervals import LEVEL, SEED, Numbers

__all__ = ["NOTHING", "Counted", "poisson_interval", "wilcoxon_of"]

MOST: Final = 20_000
"""Different values that are counted as they are."""
DIGITS: Final = 12
RESAMPLES: Final = 1_000
DRAWN_FROM: Final = 2_048
"""Different values that the bootstrap draws weights for."""


class Counted(NamedTuple):
    """Numbers, each with how often it came; in order."""

    values: Numbers
    counts: Numbers

    @classmethod
    def of(cls, values: Numbers) -> Counted:
        """Count values; NaN is left out.

        Examples
        --------
        >>> Counted.of(np.array([1.0, 0.0, 1.0])).quantile(0.5)
        1.0
        """
        different, counts = np.unique(values[~np.isnan(values)], return_counts=True)
        return cls(different, counts.astype("float64")).thinned(MOST)

    def plus(self, other: Counted) -> Counted:
        """Return both together."""
        return _together(np.concatenate([self.values, other.values]), np.concatenate([self.counts, other.counts]))

    def thinned(self, most: int) -> Counted:
        """Return no more than about so many different values: near ones are one."""
        digits, made = DIGITS, self
        while len(made.values) > most and digits > 4:
            share, power = np.frexp(made.values)
            made = _together(np.ldexp(np.round(share * 2.0**digits) / 2.0**digits, power), made.counts, thin=False)
            digits -= 1
        return made

    @property
    def n(self) -> int:
        """How many numbers there are."""
        return int(self.counts.sum())

    def quantile(self, q: float) -> float:
        """Return a quantile: between the two numbers around it, as numpy does."""
        if not self.n:
            return float("nan")
        ends = np.cumsum(self.counts)
        place = q * (self.n - 1)
        low, high = (self.values[np.searchsorted(ends, x, side="right")] for x in (math.floor(place), math.ceil(place)))
        return float(low + (high - low) * (place - math.floor(place)))

    def expanded(self) -> Numbers:
        """Return all the numbers."""
        return np.repeat(self.values, self.counts.astype("int64"))


def _together(values: Numbers, counts: Numbers, *, thin: bool = True) -> Counted:
    different, place = np.unique(values, return_inverse=True)
    counted = np.bincount(place, weights=counts, minlength=len(different))
    made = Counted(different, np.asarray(counted, dtype=np.float64))
    return made.thinned(MOST) if thin else made


NOTHING: Final = Counted(np.zeros(0), np.zeros(0))


# --- from counts to numbers


def poisson_interval(
    counted: Counted, level: float = LEVEL, *, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[float, float]:
    """Return the bootstrap interval of a mean, by Poisson weights; NaN below two values.

    Each row is drawn a Poisson(1) number of times (N. Chamandy and others, "Estimating uncertainty for massive data
    streams", Google (2012); J. A. Hanley and B. MacGibbon, "Creating non-parametric bootstrap samples using Poisson
    frequencies", Computer Methods and Programs in Biomedicine 83 (2006), 57-62). The weights of `c` equal rows add up
    to a Poisson(`c`) number, so one is drawn for each different value, and ten million rows cost what their values do.
    Where a value is the mean of a row's repeats, rows are what is drawn: a clustered bootstrap.

    Examples
    --------
    >>> low, high = poisson_interval(Counted(np.array([0.0, 1.0]), np.array([5000.0, 5000.0])))
    >>> bool(0.485 < low < 0.495 < 0.505 < high < 0.515)
    True
    """
    if counted.n < 2:
        return float("nan"), float("nan")
    if len(counted.values) == 1:
        return float(counted.values[0]), float(counted.values[0])
    drawn = counted.thinned(DRAWN_FROM)
    weights = np.random.default_rng(seed).poisson(drawn.counts, size=(resamples, len(drawn.counts)))
    totals = weights.sum(axis=1)
    means = (weights @ drawn.values)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilcoxon_of(apart: Counted) -> tuple[float, float]:
    """Return the two-sided p of Wilcoxon's signed-rank test, and the rank-biserial correlation, from counts.

    By the normal distribution with the correction for ties, as for every table of more than 50 rows; F. Wilcoxon,
    "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945), 80-83.

    Examples
    --------
    >>> p, effect = wilcoxon_of(Counted(np.array([-1.0, 0.0, 1.0]), np.array([40.0, 10.0, 60.0])))
    >>> round(p, 4), round(effect, 4)
    (0.0455, 0.2)
    """
    moved = apart.values != 0
    sizes, place = np.unique(np.abs(apart.values[moved]), return_inverse=True)
    counts = apart.counts[moved]
    tied = np.bincount(place, weights=counts, minlength=len(sizes))
    n = float(tied.sum())
    if n == 0:
        return 1.0, 0.0
    ranks = (np.cumsum(tied) - (tied - 1) / 2)[place]
    signs = np.sign(apart.values[moved])
    signed = float((ranks * signs * counts).sum())
    # Of R+ - R-: its mean is 0 and its variance four times that of R+.
    variance = n * (n + 1) * (2 * n + 1) / 6 - float((tied**3 - tied).sum()) / 12
    p = math.erfc(abs(signed) / math.sqrt(2 * variance)) if variance > 0 else 1.0
    return p, signed / (n * (n + 1) / 2)
