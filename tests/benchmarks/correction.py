"""Correction of a judge by labels: coverage of 95 % intervals, and their mean width beside that of the labels alone.

Rule of this file: each line is one kind of truth; for each the least coverage over its judges, the mean width as a part
of that of the labels alone, and what the judge's scores would say by themselves. The judge of two variants may be
another one for each: that is the bias that a verdict must not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import numpy as np

from fh_notebook.comparing.stats.correction import correct_difference, correct_mean
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.intervals import ScoreRange, interval_of_share, interval_of_share_difference
from tests.benchmarks.measuring import table

JUDGES: Final = {
    "good": ((0.95, 0.95), (0.95, 0.95)),
    "fair": ((0.8, 0.8), (0.8, 0.8)),
    "poor": ((0.6, 0.6), (0.6, 0.6)),
    "strict, then generous": ((0.8, 0.95), (0.95, 0.6)),
    "biased": ((0.6, 0.9), (0.95, 0.8)),
}
"""Sensitivity and specificity for the first variant, and for the second one."""

TRUTHS: Final = ((0.5, 0.5), (0.8, 0.9), (0.6, 0.8), (0.95, 0.95))
"""The shares of right outputs of two variants."""

SEED: Final = 20_261_129


def grid(columns: Any) -> Grid:
    """Return a grid of yes/no scores of two variants."""
    means = np.stack(columns, axis=1).astype(float)
    counts = (~np.isnan(means)).astype(np.int64)
    return Grid(
        variants=("a", "b"), means=means, counts=counts, yes_no=True, copies=np.ones(len(means), dtype=np.int64),
        distinct=counts, within=ScoreRange(0.0, 1.0),
    )  # fmt: skip


def drawn(
    rng: np.random.Generator, rows: int, labels: int, truth: tuple[float, float], judge: Any
) -> tuple[Grid, Grid]:
    """Return the judge's scores and the labels of a set of rows; a row is hard or easy for both variants."""
    hard = rng.random(rows)
    shared = rng.random(rows) < 0.6
    right = [hard < truth[0], np.where(shared, hard < truth[1], rng.random(rows) < truth[1])]
    judged = [
        np.where(yes, rng.random(rows) < sensitivity, rng.random(rows) >= specificity)
        for yes, (sensitivity, specificity) in zip(right, judge, strict=True)
    ]
    known = [np.where(np.arange(rows) < labels, yes, np.nan) for yes in right]
    return grid(judged), grid(known)


def coverage(
    rows: int, labels: int, truth: tuple[float, float], judge: Any, *, sets: int, seed: int = SEED
) -> dict[str, tuple[float, float]]:
    """Return coverage and width, as a part of that of the labels alone, of a mean and of the difference; by the judge
    alone the coverage only."""
    rng = np.random.default_rng(seed)
    hits, widths = dict.fromkeys(("mean", "difference", "judge alone"), 0), {"mean": 0.0, "difference": 0.0}
    for _ in range(sets):
        judged, human = drawn(rng, rows, labels, truth, judge)
        known = human.means[:labels]
        for what, target, found, alone in (
            ("mean", truth[1], correct_mean(judged, human, "b"), interval_of_share(known[:, 1], labels)),
            (
                "difference",
                truth[1] - truth[0],
                correct_difference(judged, human, "a", "b", tested=False),
                interval_of_share_difference(known[:, 1] - known[:, 0], labels),
            ),
        ):
            hits[what] += found.interval.low <= target <= found.interval.high
            widths[what] += (found.interval.high - found.interval.low) / (alone.high - alone.low)
        naive = interval_of_share_difference(judged.means[:, 1] - judged.means[:, 0], rows)
        hits["judge alone"] += naive.low <= truth[1] - truth[0] <= naive.high
    return {what: (hits[what] / sets, widths.get(what, np.nan) / sets) for what in hits}


def main(*, sets: int = 500) -> None:
    def lines() -> Iterator[tuple[object, ...]]:
        for rows, labels in product((200, 1_000), (20, 40, 100)):
            for name, judge in JUDGES.items():
                found = [coverage(rows, labels, truth, judge, sets=sets) for truth in TRUTHS]
                yield (
                    f"{rows:,}", labels, name,
                    *(f"{min(of[what][0] for of in found):.1%}" for what in ("mean", "difference", "judge alone")),
                    *(f"{np.mean([of[what][1] for of in found]):.2f}" for what in ("mean", "difference")),
                )  # fmt: skip

    head = (
        "rows", "labels", "judge", "**mean covered, least**", "**difference covered, least**",
        "by the judge alone, least", "width of the mean / labels alone", "of the difference",
    )  # fmt: skip
    table(head, list(lines()))
