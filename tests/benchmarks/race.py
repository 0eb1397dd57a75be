"""Savings and error rates of racing: simulated races over the very evidence that a real one uses.

Rows are drawn independently, answers of variants on one row too. `calls` are those of a race with a lookahead of 0.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fh_notebook.comparing.stats.hypothesis_tests import mcnemar_exact
from fh_notebook.comparing.stats.pairs import rows_of_mcnemar
from fh_notebook.racing.evidence import BETS, SPLIT
from fh_notebook.racing.power import SimulatedRaces, independent, simulate
from tests.benchmarks.measuring import table

RACES: Final = 4_000
ALPHA: Final = 0.05
PLAN: Final = rows_of_mcnemar(0.8 * 0.4, 0.2 * 0.6, power=0.9, alpha=ALPHA)
"""Rows of the fixed comparison of 0.6 with 0.8 by the exact test of McNemar, for a power of 90 %."""


def raced(rates: tuple[float, ...], *, rows: int, races: int = RACES, seed: int = 0) -> SimulatedRaces:
    """Race variants that are right at these `rates`."""
    kind = [seed, rows, *(int(1_000 * rate) for rate in rates)]
    return simulate(independent(rates), len(rates), rows=rows, races=races, alpha=ALPHA, seed=kind)


def oracle(rates: tuple[float, float], *, rows: int, races: int = RACES, seed: int = 0) -> NDArray[np.int64]:
    """Return the deciding rows of who bets as is best for this very difference, and does not know
    the direction only.
    """
    right = np.random.default_rng([seed, 1]).random((races, rows, 2)) < rates
    apart = right[..., 1].astype(float) - right[..., 0]
    won, lost = rates[1] * (1 - rates[0]), rates[0] * (1 - rates[1])
    bet = (won - lost) / (won + lost)
    wealth = (np.log1p(bet * apart).cumsum(axis=1), np.log1p(-bet * apart).cumsum(axis=1))
    reached = np.logaddexp(*wealth) - np.log(2) >= np.log(1 / ALPHA)
    return np.asarray(np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, rows))


def peeking(rate: float, *, rows: int, races: int = RACES, seed: int = 0) -> float:
    """Return how often an exact McNemar test after every row finds a difference between two equals."""
    right = np.random.default_rng([seed, 2]).random((races, rows, 2)) < rate
    apart = right[..., 1].astype(int) - right[..., 0]
    won, lost = (apart > 0).cumsum(axis=1), (apart < 0).cumsum(axis=1)
    most = int(max(won.max(), lost.max())) + 1
    p = np.array([[mcnemar_exact(a, b) for b in range(most)] for a in range(most)])
    return float((p[won, lost] < ALPHA).any(axis=1).mean())


def course_of(apart: NDArray[np.float64], at: float) -> NDArray[np.float64]:
    """Return `capital` after each row of each line at once."""
    steps = (apart - at) / (1 + at)
    logs = np.log1p(BETS * steps[..., None]).cumsum(axis=-2) + np.log(SPLIT)
    most = logs.max(axis=-1)
    return np.asarray(most + np.log(np.exp(logs - most[..., None]).sum(axis=-1)))


def covered(apart: NDArray[np.float64], truth: float) -> float:
    """Return in how many lines the confidence sequence holds the true mean difference at every row at once."""
    wealth = np.logaddexp(course_of(apart, truth), course_of(-apart, -truth)) - np.log(2)
    return float((wealth < np.log(1 / ALPHA)).all(axis=-1).mean())


def covering(*, rows: int = 200, races: int = RACES, seed: int = 0) -> dict[str, float]:
    """Return the coverage of confidence sequences, by what is compared."""
    rng = np.random.default_rng([seed, 3])
    found = {}
    for a, b in ((0.7, 0.7), (0.6, 0.8), (0.55, 0.85), (0.97, 0.99)):
        right = rng.random((races, rows, 2)) < (a, b)
        found[f"yes/no, {a:g} and {b:g}"] = covered(right[..., 1].astype(float) - right[..., 0], b - a)
    for (p, q), (r, s) in (((2, 2), (2, 2)), ((2, 4), (6, 2)), ((0.3, 0.3), (0.5, 0.2))):
        scores = rng.beta(p, q, (races, rows)), rng.beta(r, s, (races, rows))
        found[f"Beta({p:g}, {q:g}) and Beta({r:g}, {s:g})"] = covered(scores[1] - scores[0], r / (r + s) - p / (p + q))
    return found


def figures(races: int = RACES, *, seed: int = 0) -> dict[str, float]:
    """Return every figure of the table, by name."""
    found: dict[str, float] = {"naive": peeking(0.5, rows=200, races=races, seed=seed)}
    for variants in (2, 4):
        null = raced((0.5,) * variants, rows=200, races=races, seed=seed)
        found[f"null of {variants}"] = float((null.winner >= 0).mean())
        found[f"null of {variants}, any drop"] = float((~null.racing).any(axis=1).mean())
    two = raced((0.6, 0.8), rows=200, races=races, seed=seed)
    found |= {
        "two: median": float(np.median(two.rows)) / PLAN,
        "two: capped mean": float(two.rows.mean()) / PLAN,
        "two: right": float((two.winner == 1).mean()),
        "two: right by the plan": float(((two.winner == 1) & (two.rows <= PLAN)).mean()),
        "two: oracle": float(np.median(oracle((0.6, 0.8), rows=400, races=races, seed=seed))) / PLAN,
        "wider: median": float(np.median(raced((0.55, 0.85), rows=200, races=races, seed=seed).rows)) / PLAN,
    }
    for name, rates, rows in (("four", (0.55, 0.55, 0.55, 0.85), 200), ("four, closer", (0.6, 0.6, 0.6, 0.8), 400)):
        four = raced(rates, rows=rows, races=races, seed=seed)
        found[f"{name}: calls"] = float(four.calls.mean()) / (4 * rows)
        found[f"{name}: right"] = float((four.winner == 3).mean())
    coverage = covering(races=races, seed=seed)
    return found | {"least coverage": min(coverage.values())}


def main(races: int = RACES) -> None:
    got = figures(races)

    def share(name: str) -> str:
        return f"{100 * got[name]:.1f} %"

    lines: list[list[Any]] = [
        ["two equals, 200 rows: a winner is named", share("null of 2"), "5 %", f"naive peeking {share('naive')}"],
        ["four equals, 200 rows: a winner is named", share("null of 4"), "5 %", f"any dropped {share('null of 4, any drop')}"],
        ["confidence sequences hold the truth at all 200 rows at once, least of 7", share("least coverage"), "95 %", ""],
        [f"0.6 and 0.8: median rows, of the fixed plan's {PLAN}", share("two: median"), "72 %", f"oracle {share('two: oracle')}"],
        ["0.6 and 0.8: mean rows, capped at 200, of the plan", share("two: capped mean"), "85 %", ""],
        ["0.6 and 0.8: right within 200 rows", share("two: right"), "90 %", f"by row {PLAN}: {share('two: right by the plan')}"],
        ["planned for that, but 0.55 and 0.85: median rows, of the plan", share("wider: median"), "40 %", ""],
        ["0.55 three times and 0.85, 200 rows: calls, of the grid's 800", share("four: calls"), "40 %", f"right {share('four: right')}"],
        ["0.6 three times and 0.8, 400 rows: calls, of the grid's 1,600", share("four, closer: calls"), "40 %", f"right {share('four, closer: right')}"],
    ]  # fmt: skip
    table([f"{races:,} races each", "measured", "bar", "beside"], lines)
    print(f"\nBets: {len(BETS)} shares, split as Beta(2, 2) (the largest part {SPLIT.max():.3f}); alpha {ALPHA:g}.")
