"""Hypothesis tests of paired differences: McNemar, Wilcoxon, permutation, and the Holm correction. Pure.

What cannot be tested is NaN: with fewer than `FEWEST_PAIRS` pairs, no pattern of wins can be distinguished from chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fh_notebook.comparing.stats.intervals import NAN, SEED, Numbers

FEWEST_PAIRS: Final = 6
"""Below this no pattern of wins can be told from chance: all of 5 rows won has p = 2/32 = 0.06 by the sign test."""

RANKED_TO: Final = 13
"""Up to so many pairs scipy counts all patterns of signs, too, one after the other: 13 pairs take it seconds."""
FLIPS: Final = 9_999
"""Random flips of a permutation test: the least p is 1 in 10,000."""
ALL_FLIPS_TO: Final = 15
"""Up to so many pairs that differ all patterns of signs are counted: 32,768, in a millisecond or two."""
FLIPPED_TO: Final = 5_000
"""Above it, the sum of flipped differences is normal to four digits (the central limit theorem)."""
_BITS_AT_ONCE: Final = 8_000_000


def mcnemar_exact(wins: int, losses: int) -> float:
    """Return the two-sided p of McNemar's test, by the binomial distribution of the pairs that differ.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947), 153-157; exact as in A. Agresti, "Categorical Data Analysis" (2nd edition, 2002), 10.1.4.

    Examples
    --------
    >>> round(mcnemar_exact(1, 9), 5), mcnemar_exact(3, 3), mcnemar_exact(0, 0)
    (0.02148, 1.0, 1.0)
    """
    from scipy import special

    return min(1.0, 2 * float(special.bdtr(min(wins, losses), wins + losses, 0.5)))


def wilcoxon(differences: Numbers) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test, with scipy's defaults; 1 where nothing differs.

    F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945), 80-83. With zeros or ties
    among at most `RANKED_TO` pairs it is exact: all patterns of signs are counted.
    """
    if not differences.any():
        return 1.0
    from scipy import stats  # at first use: its import takes longer than most tests

    distances = np.abs(differences[differences != 0])
    # Without ties (a zero is one) scipy's test is exact as well; more pairs are not counted in either case.
    if len(differences) > RANKED_TO or len(np.unique(distances)) == len(differences):
        return float(stats.wilcoxon(differences).pvalue)
    ranks = stats.rankdata(distances)
    rank_sums = _sign_patterns(len(ranks)) @ ranks
    observed = float(ranks[differences[differences != 0] > 0].sum())
    return min(1.0, 2 * float(min(np.mean(rank_sums <= observed), np.mean(rank_sums >= observed))))


def _sign_patterns(n: int) -> NDArray[np.int64]:
    """Return every way to give `n` numbers a sign, one a line: 1 where it is positive, otherwise 0."""
    return np.arange(2**n)[:, None] >> np.arange(n) & 1


def p_permutation(differences: Numbers, *, flips: int = FLIPS, seed: int = SEED) -> float:
    """Return the two-sided p of the paired permutation test of the mean: signs are flipped at random.

    R. A. Fisher, "The Design of Experiments" (1935), section 21. Exact up to `ALL_FLIPS_TO` pairs that differ; then by
    `flips` random patterns, the one that was seen among them (B. Phipson and G. K. Smyth, "Permutation p-values should
    never be zero", Statistical Applications in Genetics and Molecular Biology 9 (2010), article 39); above `FLIPPED_TO`
    by the normal distribution with the same variance.

    Examples
    --------
    >>> p_permutation(np.ones(6)), p_permutation(np.zeros(6))
    (0.03125, 1.0)
    """
    return ps_permutation([differences], flips=flips, seed=seed)[0]


def ps_permutation(samples: Sequence[Numbers], *, flips: int = FLIPS, seed: int = SEED) -> list[float]:
    """Return :func:`p_permutation` of several samples: those of one size share their random flips.

    Examples
    --------
    >>> ps_permutation([np.ones(6), np.zeros(6)])
    [0.03125, 1.0]
    """
    # By powers of two, which is exact: sums in single precision have no room for 1e160.
    samples = [np.ldexp(d, -int(np.frexp(np.abs(d).max(initial=0.0))[1])) for d in samples]
    counted = [_p_without_flips(differences) for differences in samples]
    for n in dict.fromkeys(len(d) for d, p in zip(samples, counted, strict=True) if p is None):
        places = [index for index, p in enumerate(counted) if p is None and len(samples[index]) == n]
        extreme_counts = _count_extreme(np.stack([samples[index] for index in places]), flips, seed)
        for index, far in zip(places, extreme_counts, strict=True):
            counted[index] = (1 + int(far)) / (1 + flips)
    return [p if p is not None else NAN for p in counted]


def _p_without_flips(differences: Numbers) -> float | None:
    """Return the p where it can be told without random flips."""
    distances = np.abs(differences[differences != 0])
    if not len(distances):
        return 1.0
    if distances.min() == distances.max():  # yes and no: the sum of flipped signs is a binomial number
        return mcnemar_exact(int((differences > 0).sum()), int((differences < 0).sum()))
    observed_sum = abs(float(differences.sum()))
    if len(distances) > FLIPPED_TO:
        return math.erfc(observed_sum / math.sqrt(2 * float(np.square(distances).sum())))
    if len(distances) <= ALL_FLIPS_TO:
        least = observed_sum - 1e-9 * float(
            distances.sum()
        )  # sums of the same numbers in another order are the same number
        return float(np.mean(np.abs((2 * _sign_patterns(len(distances)) - 1) @ distances) >= least))
    return None


def _count_extreme(samples: Numbers, flips: int, seed: int) -> NDArray[np.int64]:
    """Return of each sample how many random patterns of signs have a sum at least so far from 0 as its own."""
    rng = np.random.default_rng(seed)
    distances = np.abs(samples)
    totals, counts = distances.sum(axis=1), np.zeros(len(samples), dtype=np.int64)
    # Summed in single precision, to a millionth of the total; zeros may be flipped as well, and change nothing.
    least = np.abs(samples.sum(axis=1)) - 1e-6 * totals
    n = samples.shape[1]
    wide = -(-n // 8)
    at_once = max(1, _BITS_AT_ONCE // (8 * wide))
    weights = distances.T.astype(np.float32)
    for begin in range(0, flips, at_once):
        size = min(at_once, flips - begin)
        bits = np.unpackbits(np.frombuffer(rng.bytes(size * wide), dtype=np.uint8).reshape(size, wide), axis=1)
        sums = 2 * (bits[:, :n].astype(np.float32) @ weights).astype(np.float64) - totals
        counts += np.count_nonzero(np.abs(sums) >= least, axis=0)
    return counts


def rank_biserial(differences: Numbers) -> float:
    """Return the matched-pairs rank-biserial correlation, from -1 (all lost) to 1 (all won); 0 where nothing differs.

    The share of favourable ranks minus that of unfavourable ones: D. S. Kerby, "The simple difference formula: an
    approach to teaching nonparametric correlation", Comprehensive Psychology 3 (2014), article 11.IT.3.1. For yes and
    no it is (wins - losses) / (wins + losses).

    Examples
    --------
    >>> rank_biserial(np.array([1.0, 1.0, 1.0, -1.0])), rank_biserial(np.array([3.0, -1.0, 2.0]))
    (0.5, 0.6666666666666666)
    """
    nonzero = differences[differences != 0]
    if not len(nonzero):
        return 0.0
    _, places, counts = np.unique(np.abs(nonzero), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks * np.sign(nonzero)).sum() / ranks.sum())


def holm(ps: Sequence[float]) -> list[float]:
    """Return `ps` corrected for how many they are; NaN stays NaN and does not count.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979),
    65-70.

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    corrected = [NAN] * len(ps)
    tested = sorted((p, index) for index, p in enumerate(ps) if p == p)
    largest = 0.0
    for done, (p, index) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - done) * p))
        corrected[index] = largest
    return corrected
