"""Canaries on paper: false alarms over 100 days, and how many rows a fall from 0.85 to 0.70 takes until it is reported.

Rule of this file: every canary is decided by the evidence of real ones. The probability that a row is answered rightly
differs between rows, as much as a Beta distribution says: of concentration 1 most rows are always right or always
wrong, of infinity all rows are alike. A fall moves all rows together, so that the mean is 0.70. The last column has what it would
take if the mean of each row before the fall were known, by the best fixed bet on the difference from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from fh_notebook.monitoring.evidence import COPIES, ChangeEvidence
from tests.benchmarks.measuring import table

Settings = dict[str, Any]

DAYS: Final = 100
ALPHA: Final = 0.05
BEFORE: Final = 0.85
AFTER: Final = 0.70
COPIES_OF_ALARMS: Final = 199
"""Of canaries without a change: a p value is exact for any number, and this one costs a tenth."""

ALARMS: Final[tuple[Settings, ...]] = (
    {"rows": 100, "a_day": 20, "concentration": 2.0},
    {"rows": 100, "a_day": 20, "concentration": math.inf},
    {"rows": 40, "a_day": 5, "concentration": 1.0},
    {"rows": 100, "a_day": 1, "concentration": 2.0},
    {"rows": 100, "a_day": 20, "concentration": 2.0, "repeats": 3},
    {"rows": 100, "a_day": 20, "concentration": 2.0, "repeats": 0},
    {"rows": 100, "a_day": 20, "concentration": 2.0, "numbers": True},
    {"rows": 100, "a_day": 20, "concentration": 2.0, "failing": 0.2},
)
FALLS: Final[tuple[Settings, ...]] = (
    {"rows": 100, "a_day": 20, "concentration": 2.0},
    {"rows": 100, "a_day": 20, "concentration": 2.0, "from_day": 50},
    {"rows": 100, "a_day": 100, "concentration": 2.0},
    {"rows": 200, "a_day": 20, "concentration": 2.0},
    {"rows": 200, "a_day": 20, "concentration": math.inf},
    {"rows": 200, "a_day": 20, "concentration": math.inf, "from_day": 50},
    {"rows": 100, "a_day": 20, "concentration": 2.0, "repeats": 3},
)
SEED: Final = 20_261_129


def rates(rng: np.random.Generator, mean: float, concentration: float, rows: int) -> np.ndarray:
    """Return the probability of each row."""
    if math.isinf(concentration):
        return np.full(rows, mean)
    return rng.beta(mean * concentration, (1 - mean) * concentration, rows)


def simulate(
    rng: np.random.Generator,
    *,
    rows: int,
    a_day: int,
    concentration: float,
    repeats: int = 1,
    numbers: bool = False,
    failing: float = 0.0,
    from_day: int = 0,
    after: float = BEFORE,
    days: int = DAYS,
    copies: int = COPIES,
    seed: int = 0,
) -> tuple[int | None, int]:
    """Return on which day after the change it is reported (``None``: never), and how many rows were called since.

    Parameters
    ----------
    repeats : int
        Scores of each row in the baseline; 0 begins without one.
    numbers : bool
        Whether scores are numbers from 0 to 1, not yes or no.
    failing : float
        The share of calls that fail.
    from_day, after
        On which day the mean becomes another one, and which.
    """
    right = rates(rng, BEFORE, concentration, rows)
    fallen = right * (after / BEFORE)

    def draw(chances: np.ndarray) -> np.ndarray:
        scores = rng.beta(4 * chances + 0.2, 4 * (1 - chances) + 0.2) if numbers else rng.random(len(chances)) < chances
        return np.where(rng.random(len(chances)) < failing, np.nan, scores.astype(float))

    evidence = ChangeEvidence(rows, alpha=ALPHA, seed=seed, copies=copies)
    for _ in range(repeats):
        for row, score in enumerate(draw(right)):
            evidence.take_baseline(row, np.array([score]))
    order = rng.permutation(rows)
    for day in range(days):
        called = order[np.arange(day * a_day, (day + 1) * a_day) % rows]
        scores = np.full(rows, np.nan)
        scores[called] = draw((fallen if day >= from_day else right)[called])
        evidence.take(scores)
        if evidence.changed:
            since = day + 1 - from_day
            return since, since * a_day
    return None, 0


def alarms(settings: Settings, *, canaries: int, copies: int = COPIES_OF_ALARMS, seed: int = SEED) -> float:
    """Return the share of canaries that report a change where there is none."""
    rng = np.random.default_rng(seed)
    return sum(simulate(rng, **settings, copies=copies, seed=i)[0] is not None for i in range(canaries)) / canaries


def falls(settings: Settings, *, canaries: int, seed: int = SEED) -> tuple[float, float, float]:
    """Return the median number of rows until a fall is reported, the share in which it is, and that of false alarms."""
    rng = np.random.default_rng(seed)
    found = [simulate(rng, **settings, after=AFTER, seed=i) for i in range(canaries)]
    early = sum(day is not None and day <= 0 for day, _ in found)
    rows = [math.inf if day is None else count for day, count in found if day is None or day > 0]
    return float(np.median(rows)), float(np.mean(np.isfinite(rows))), early / canaries


def known(settings: Settings) -> float:
    """Return about how many rows it takes where the mean of each row is known: 2 ln(1/alpha) variance / fall**2."""
    after = rates(np.random.default_rng(SEED), BEFORE, settings["concentration"], 100_000) * (AFTER / BEFORE)
    return 2 * math.log(1 / ALPHA) * float((after * (1 - after)).mean()) / (BEFORE - AFTER) ** 2


def _named(settings: Settings) -> tuple[object, ...]:
    kind = "numbers" if settings.get("numbers") else "yes or no"
    spread = settings["concentration"]
    return (
        settings["rows"], settings["a_day"], "alike" if math.isinf(spread) else f"Beta, {spread:g}", kind,
        settings.get("repeats", 1), f"{settings.get('failing', 0):.0%}",
    )  # fmt: skip


def main(*, canaries: int = 2_000) -> None:
    def alarm_lines() -> Iterator[tuple[object, ...]]:
        for settings in ALARMS:
            yield (*_named(settings), f"{alarms(settings, canaries=canaries):.1%}")

    def fall_lines() -> Iterator[tuple[object, ...]]:
        for settings in FALLS:
            median, share, _ = falls(settings, canaries=canaries // 5)
            yield (
                *_named(settings), settings.get("from_day", 0),
                f"{median:,.0f}" if math.isfinite(median) else "not found", f"{share:.0%}", f"{known(settings):,.0f}",
            )  # fmt: skip

    head = ("rows", "a day", "probabilities", "scores", "baseline scores", "failing")
    table((*head, f"**false alarms in {DAYS} days**"), list(alarm_lines()))
    print()
    table((*head, "fall on day", "**rows until found, median**", "found", "known baseline, about"), list(fall_lines()))
