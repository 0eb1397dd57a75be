"""The interval of one share, such as how many rows a variant got right. Pure, from counts to numbers.

Rule of this file: it covers the share in at least 95 % of all samples, whatever the share and the number of rows, and
has a width also where no row or every row is right.

**The rule.** H. Blaker, "Confidence curves and improved exact confidence intervals for discrete distributions", The
Canadian Journal of Statistics 28 (2000), 783-798: the shares that a two-sided exact test does not reject. Its p is the
probability of the tail of what was seen, and of as much of the other tail as is no more probable.

**How it was chosen.** Coverage and mean width of 95 % intervals were counted for all of 6 to 300 rows and all shares
from 0.5 to 0.99 in steps of 0.01, every outcome with its probability. E. B. Wilson's (1927) covers 83.3 % at the worst
(6 rows, 97 %), Jeffreys' with mended ends (L. D. Brown, T. T. Cai and A. DasGupta, "Interval estimation for a binomial
proportion", Statistical Science 16 (2001), 101-133) 90.0 %, A. Agresti and B. A. Coull's 90.5 %, the mid-p one 91.2 %.
Three cover in 95.0 %: Blaker's, Wilson's with half a row as correction, and C. J. Clopper and E. S. Pearson's (1934);
Blaker's is the narrowest, and is never wider than the last one. ``python -m tests.benchmarks coverage`` has the table.

**Clusters.** The number of trials may be a fraction: the effective one of rows that were repeated. The tails are those
of the beta distribution then, which for whole numbers is the binomial one; the other tail is counted in whole steps
from what was seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from fh_notebook.comparing.bootstrap import LEVEL, NAN

__all__ = ["blaker_interval"]

_STEPS: Final = 100
_DIGITS: Final = 1e-13
"""Of a limit, and of its p."""


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
    return _lower(yes, n, 1 - level), 1.0 - _lower(n - yes, n, 1 - level)


def _lower(yes: float, n: float, alpha: float) -> float:
    """Return the least share that the test does not reject.

    Beyond the limit of Clopper and Pearson the upper tail grows and the lower one shrinks, until one step more of the
    lower tail counts: p is at least `alpha` from there on. Before that, p falls and then grows, or only grows, so it
    passes `alpha` once: the ratio of the slopes of the tails is a power of the odds.
    """
    if yes <= 0:
        return 0.0
    begin = _root(lambda share: _above(yes, n, share) - alpha / 2, 0.0, yes / n)
    # The last step of the lower tail that is no more probable at `begin` than the upper tail; -1 and less have none.
    inside = yes - math.floor(yes) - 2.0
    outside = yes
    while outside - inside > 1:
        middle = inside + math.floor((outside - inside) / 2)
        inside, outside = (inside, middle) if _below(middle, n, begin) > alpha / 2 else (middle, outside)

    def beyond(share: float) -> float:
        upper = _above(yes, n, share)
        return max(upper + _below(inside, n, share) - alpha, upper - _below(outside, n, share))

    return _root(beyond, begin, yes / n)


def _root(of: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function passes 0 from below (the Illinois algorithm: M. Dowell, P. Jarratt, BIT 11 (1971))."""
    at_low, at_high = of(low), of(high)
    if at_low >= 0:
        return low
    side = 0
    for _ in range(_STEPS):
        middle = low - at_low * (high - low) / (at_high - at_low)
        at_middle = of(middle)
        if abs(at_middle) < _DIGITS or high - low < _DIGITS:
            return middle
        if at_middle > 0:
            high, at_high, at_low, side = middle, at_middle, at_low / 2 if side > 0 else at_low, 1
        else:
            low, at_low, at_high, side = middle, at_middle, at_high / 2 if side < 0 else at_high, -1
    return high


def _above(yes: float, n: float, share: float) -> float:
    """Return the probability of at least `yes` of `n`."""
    return _beta(yes, n - yes + 1, share)


def _below(yes: float, n: float, share: float) -> float:
    """Return the probability of at most `yes` of `n`."""
    return _beta(n - yes, yes + 1, 1 - share) if yes > -1 else 0.0


def _beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function, by its continued fraction (DLMF 8.17.22, Lentz's method)."""
    if x <= 0 or x >= 1 or a <= 0:
        return float(x >= 1 or a <= 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(b, a, 1 - x)
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    found, m = d, 0
    while True:
        m += 1
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        c, d = 1 + even / c, 1 / (1 + even * d)
        found *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        c, d = 1 + odd / c, 1 / (1 + odd * d)
        found *= c * d
        if abs(c * d - 1) < 1e-14:
            return math.exp(logs) * found / a
