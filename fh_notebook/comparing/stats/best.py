"""Best of k variants: those that cannot be distinguished from the best, their groups, and each one's probability. Pure.

**The set.** A variant is in it unless another one beats it. That takes both of two rules:

1. The other one is better by the rule of every verdict: the test after Holm's correction for all pairs, and the
   interval of the difference. So the set never excludes what the verdict and the tests do not call worse.
2. The interval of the difference of means excludes 0 also at the level that is corrected for comparing the variant with
   each of the others (one-sided, Bonferroni). Tests of ranks do not hold their error rate for means where the
   differences are skewed; intervals of means hold it nearly, with enough rows. This is multiple comparisons with the
   best (J. C. Hsu, "Multiple Comparisons: Theory and Methods", 1996, chapter 4) as a test for each variant that none is
   better (M. Mogstad, J. P. Romano, A. M. Shaikh and D. Wilhelm, "Inference for ranks", Review of Economic Studies 91
   (2024), 476-518). Others that are clearly behind the variant, at a tenth of `alpha`, are not counted: J. P. Romano,
   A. M. Shaikh and M. Wolf, "A practical two-step method for testing moment inequalities", Econometrica 82 (2014),
   1979-2002. The limits at that level are those of the shown interval, their distance multiplied by the ratio of the
   quantiles.

So each best variant, taken by itself, is in the set with a chance of about ``1 - alpha`` or more, also where several
are best: of yes/no scores on 100 rows in at least 98.5 % of 2,000 simulated sets. It is less where scores are very
skewed and rows are few: one of five variants of equal mean, with all of its lead on 5 % of the rows, was left out in
29 % of sets of 30 rows, and in 6 % of sets of 100.

**Groups.** The set is group 1. Group 2 has the variants that are beaten by none but those of group 1, and so on.

**Probability of being best.** The share of 2,000 bootstrap samples of distinct rows (a row is drawn with all its
variants and repeats; fixed seed) in which the mean of a variant is the best one; a tie is shared. It is over the rows
that all variants have a value of. Above 5,000 rows, samples are drawn of the normal distribution of the means. It
describes these rows and has no error rate: of two variants that are equally good it is as likely 5 % as 50 %.

``python -m tests.benchmarks best`` counts how often the set holds the best variants, and how many variants it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from fh_notebook.comparing.stats.correction import correct_mean
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.intervals import (
    LEVEL,
    MANY_ROWS,
    NAN,
    RESAMPLES,
    SEED,
    Numbers,
    draw_counts,
    t_quantile,
)
from fh_notebook.comparing.stats.pairs import ALPHA, Pair

Parts = Sequence[Numbers]
"""Values of rows x variants, NaN where there is none. The mean of a variant is the sum of its means over the parts."""

_AT_ONCE: Final = 400_000
"""Numbers of rows that are drawn at once."""

_SELECTION: Final = 0.1
"""The part of `alpha` by which variants that are clearly behind are left out of the count, as in the second step."""

_NORMAL: Final = NormalDist()

_TIE: Final = 1e-11
"""Of the largest mean: what differs by less is a tie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BestLine:
    """How a variant stands to the best one."""

    variant: str
    rows: int
    mean: float
    ci_low: float
    ci_high: float
    probability: float
    """Of being best."""
    may_be_best: bool
    """Whether it is in the set that cannot be told apart from the best."""
    group: int
    beaten_by: tuple[str, ...]


def beaten_by(variants: Sequence[str], pairs: Sequence[Pair], *, alpha: float = ALPHA) -> dict[str, tuple[str, ...]]:
    """Return for each variant those that beat it."""
    of_variant: dict[str, list[Pair]] = {variant: [] for variant in variants}
    for pair in pairs:
        for turned in (pair, pair.turned()):
            if turned.a in of_variant and turned.b in of_variant:
                of_variant[turned.a].append(turned)
    return {variant: _winners(rivals, len(variants) - 1, alpha) for variant, rivals in of_variant.items()}


def _winners(rivals: Sequence[Pair], others: int, alpha: float) -> tuple[str, ...]:
    """Return the variants `b` that beat the `a` of all these pairs."""
    if not rivals:
        return ()
    behind = sum(lead_limit(pair.turned(), _SELECTION * alpha / others) > 0 for pair in rivals)
    tail = (1 - _SELECTION) * alpha / max(others - behind, 1)
    return tuple(pair.b for pair in rivals if pair.is_better(alpha) and lead_limit(pair, tail) > 0)


def lead_limit(pair: Pair, tail: float) -> float:
    """Return how far `b` is ahead of `a` at least, by the one-sided limit that is missed with a chance of `tail`.

    Examples
    --------
    >>> from fh_notebook.comparing.stats.pairs import compare_variants
    >>> pair = compare_variants("a", "b", np.zeros(50), np.arange(50.0), yes_no=False, tests=False)
    >>> lead_limit(pair, 0.025) == pair.ci_low, lead_limit(pair, 0.001) < pair.ci_low
    (True, True)
    """
    low = -pair.ci_high if pair.lower else pair.ci_low
    shown = (1 + LEVEL) / 2
    if pair.interval == "t":
        ratio = -t_quantile(tail, pair.n - 1) / t_quantile(shown, pair.n - 1)
    else:  # by the lower tail: 1 less a very small chance is 1
        ratio = -_NORMAL.inv_cdf(tail) / _NORMAL.inv_cdf(shown)
    return low if ratio == 1 else pair.lead - ratio * (pair.lead - low)


def groups_of(beaten: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Return the group of each variant, from 1: those that are beaten by none but variants of earlier groups.

    Variants that beat each other in a circle, as is possible where each pair has other rows, are one group.

    Examples
    --------
    >>> groups_of({"a": [], "b": [], "c": ["a"], "d": ["a", "c"]})
    {'a': 1, 'b': 1, 'c': 2, 'd': 3}
    """
    groups: dict[str, int] = {}
    left, group = dict(beaten), 0
    while left:
        group += 1
        unbeaten = [variant for variant, winners in left.items() if not left.keys() & set(winners)]
        for variant in unbeaten or list(left):
            groups[variant] = group
            del left[variant]
    return groups


def parts_of(judged: Grid, human: Grid | None = None) -> Parts:
    """Return what the means of a grid are made of: its scores; corrected by labels, two parts.

    The corrected mean is ``mean(label - weight * judge)`` over the labelled rows and ``weight * mean(judge)`` over the
    others, see :mod:`fh_notebook.comparing.stats.correction`.
    """
    if human is None:
        return [judged.means]
    weights = np.array([correct_mean(judged, human, variant).weight for variant in judged.variants])
    scored, labelled = ~np.isnan(judged.means), ~np.isnan(human.means)
    return [
        np.where(scored & labelled, human.means - weights * judged.means, np.nan),
        np.where(scored & ~labelled, weights * judged.means, np.nan),
    ]


def probabilities_of_best(
    parts: Parts, *, lower: bool = False, resamples: int = RESAMPLES, seed: int = SEED
) -> Numbers:
    """Return each variant's probability of having the best mean; NaN where fewer than two rows have all variants.

    Examples
    --------
    >>> scores = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    >>> probabilities_of_best([scores]).round(2).tolist()  # the first two are the same
    [0.37, 0.37, 0.26]
    """
    present = np.stack([~np.isnan(part) for part in parts])
    complete = np.all(np.any(present, axis=0), axis=1)
    rows, variants = int(complete.sum()), present.shape[2]
    if rows < 2:
        return np.full(variants, NAN)
    values = np.stack([np.nan_to_num(part[complete]) for part in parts])
    present = present[:, complete].astype(np.float64)
    rng = np.random.default_rng(seed)
    means = (
        _normal_means(values, present, rng, resamples) if rows > MANY_ROWS else _means(values, present, rng, resamples)
    )
    means = -means if lower else means
    best = means.max(axis=1, keepdims=True)
    is_best = means >= best - _TIE * np.abs(means).max()
    return np.asarray((is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0))


def _means(values: Numbers, present: Numbers, rng: np.random.Generator, resamples: int) -> Numbers:
    """Return the means of bootstrap samples of rows: samples x variants."""
    rows = values.shape[1]
    at_once = max(1, _AT_ONCE // rows)
    means = []
    for begin in range(0, resamples, at_once):
        counts = draw_counts(rng, min(at_once, resamples - begin), rows)
        sums, weights = counts @ values, counts @ present  # parts x samples x variants
        means.append(np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0).sum(axis=0))
    return np.concatenate(means)


def _normal_means(values: Numbers, present: Numbers, rng: np.random.Generator, resamples: int) -> Numbers:
    """Return means as they are distributed with many rows: by their influence functions, jointly normal."""
    weights = present.sum(axis=1)
    centers = np.divide(values.sum(axis=1), weights, out=np.zeros_like(weights), where=weights > 0)
    deviations = present * (values - centers[:, None])
    shares = np.divide(1.0, weights, out=np.zeros_like(weights), where=weights > 0)
    influence = (deviations * shares[:, None]).sum(axis=0)
    # The factor of the covariance, of which equal variants have equal columns.
    factor = np.linalg.qr(influence, mode="r")
    return np.asarray(centers.sum(axis=0) + rng.standard_normal((resamples, len(factor))) @ factor)
