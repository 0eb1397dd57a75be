"""The set of variants that cannot be told apart from the best: how often it holds the best ones, and how many it has.

Rule of this file: each line is one kind of truth and one number of variants; beside the set of the package stands the
one of comparisons with the best alone (one-sided t tests, Bonferroni), which is smaller and contradicts no verdict only
by luck. Of yes/no scores, of numbers, and of numbers whose variants have the same mean and other shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Final

import numpy as np
from scipy import stats

from fh_notebook.comparing.stats.best import beaten_by, groups_of, probabilities_of_best
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.hypothesis_tests import mcnemar_exact
from fh_notebook.comparing.stats.intervals import ScoreRange
from fh_notebook.comparing.stats.pairs import Pair, compare_variants, correct_for_tests
from tests.benchmarks.measuring import table

SEED: Final = 20_261_129
ALPHA: Final = 0.05

TRUTHS: Final = ("all tied", "two best", "one best", "a ladder")
SHAPES: Final = ("yes/no", "numbers", "unequal shapes")


def lacks_of(truth: str, k: int) -> list[float]:
    """Return how far behind the best each of k variants is, in standard deviations of a score."""
    match truth:
        case "all tied":
            return [0.0] * k
        case "two best":
            return [0.0, 0.0, *[0.4] * (k - 2)]
        case "one best":
            return [0.0, *[0.3] * (k - 1)]
        case _:
            return [0.15 * place for place in range(k)]


def drawn(rng: np.random.Generator, rows: int, lacks: list[float], shape: str) -> Grid:
    """Return scores of variants on the same rows: a row is hard or easy for all of them."""
    size, hard = (rows, len(lacks)), rng.standard_normal((rows, 1))
    if shape == "yes/no":
        latent = np.sqrt(0.5) * (hard + rng.standard_normal(size)) - np.asarray(lacks)
        means = (latent > stats.norm.ppf(0.25)).astype(float)
    elif shape == "numbers":
        means = hard + rng.standard_normal(size) - np.asarray(lacks)
    else:  # the best one is skewed to the other side than the others: ranks and means say different things
        noise = rng.exponential(size=size) - 1
        noise[:, 0] *= -1
        means = 0.5 * hard + noise - np.asarray(lacks)
    counts = np.ones(size, dtype=np.int64)
    return Grid(
        variants=tuple(f"v{place}" for place in range(len(lacks))), means=means, counts=counts,
        yes_no=shape == "yes/no", copies=np.ones(rows, dtype=np.int64), distinct=counts, within=ScoreRange.of([means.ravel()]),
    )  # fmt: skip


def pairs_of(grid: Grid) -> list[Pair]:
    """Return the pairs of a grid as the package has them, without permutation tests, which take most of the time.

    Wilcoxon's p of all pairs comes from one call of scipy's, where the package makes one for each pair: the same as long
    as no differences are zero or tied, as here.
    """
    scores = [(a, b, *grid.shared(a, b)) for a, b in combinations(grid.variants, 2)]
    pairs = [compare_variants(*pair, yes_no=grid.yes_no, tests=False, within=grid.within) for pair in scores]
    if grid.yes_no:
        test, ps = "mcnemar_exact", [mcnemar_exact(pair.wins, pair.losses) for pair in pairs]
    else:  # of all pairs at once: a call takes scipy the same time for one as for many
        test, ps = "wilcoxon", stats.wilcoxon([second - first for *_, first, second in scores], axis=1).pvalue
    return correct_for_tests([replace(pair, test=test, p=float(p)) for pair, p in zip(pairs, ps, strict=True)])


def with_the_best(grid: Grid) -> set[str]:
    """Return the set by comparisons with the best alone: one-sided t tests of each variant with the others."""
    k = len(grid.variants)
    kept = set()
    for place, variant in enumerate(grid.variants):
        others = [grid.means[:, other] - grid.means[:, place] for other in range(k) if other != place]
        ts = [d.mean() / max(d.std(ddof=1), 1e-12) * np.sqrt(len(d)) for d in others]
        if max(ts) < stats.t.ppf(1 - ALPHA / (k - 1), len(grid.means) - 1):
            kept.add(variant)
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What was counted over many sets of rows."""

    holds_best: float
    """Share of the sets that hold one of the best variants: of the one that fewest hold."""
    holds_all: float
    """Share of the sets that hold all of the best variants."""
    size: float
    size_with_best: float
    """Mean size by comparisons with the best alone."""
    probability: float
    """Mean probability of being best of the best variants together; NaN where it was not computed."""


def coverage(
    k: int, truth: str, shape: str, *, rows: int, sets: int, probabilities: bool = False, seed: int = SEED
) -> Counted:
    """Return how often the set holds the best variants."""
    rng, lacks = np.random.default_rng(seed), lacks_of(truth, k)
    best = [f"v{place}" for place, lack in enumerate(lacks) if lack == 0]
    held, sizes, chances = np.zeros((sets, len(best))), np.zeros((sets, 2)), np.full(sets, np.nan)
    for place in range(sets):
        grid = drawn(rng, rows, lacks, shape)
        groups = groups_of(beaten_by(grid.variants, pairs_of(grid)))
        found = {variant for variant, group in groups.items() if group == 1}
        held[place] = [variant in found for variant in best]
        sizes[place] = len(found), len(with_the_best(grid))
        if probabilities:
            chances[place] = probabilities_of_best([grid.means])[: len(best)].sum()
    return Counted(
        holds_best=held.mean(axis=0).min(), holds_all=held.all(axis=1).mean(), size=sizes[:, 0].mean(),
        size_with_best=sizes[:, 1].mean(), probability=float(chances.mean()),
    )  # fmt: skip


def main(*, sets: int = 2_000) -> None:
    def lines() -> Iterator[tuple[object, ...]]:
        for shape, truth, k in product(SHAPES, TRUTHS, (2, 3, 5, 8)):
            counted = coverage(k, truth, shape, rows=100, sets=sets)
            yield (
                shape, truth, k, f"{counted.holds_best:.1%}", f"{counted.holds_all:.1%}", f"{counted.size:.2f}",
                f"{counted.size_with_best:.2f}",
            )  # fmt: skip

    head = (
        "scores", "truth", "variants", "**a best one is in the set**", "**all best ones are**", "mean size",
        "with the best alone",
    )  # fmt: skip
    table(head, lines())
