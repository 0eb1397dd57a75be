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
from functools import lru_cache
from typing import Final

from fh_notebook.comparing.bootstrap import LEVEL, NAN

__all__ = ["blaker_interval"]

_STEPS: Final = 50
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
    return _lower(yes, n, 1 - level), 1.0 - _lower(n - yes, n, 1 - level)


def _lower(yes: float, n: float, alpha: float) -> float:
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
    for _ in range(_STEPS):
        share = (low + high) / 2
        upper = above(share)
        is_kept = upper + below(inside, share) > alpha or upper > below(outside, share)
        low, high = (low, share) if is_kept else (share, high)
    return high
