"""Coverage and width of intervals of yes/no differences, beside other rules for them.

The grid: 6 to 300 rows, shares of both variants from 0.5 to 0.99, correlations of their answers on a row from 0 to 0.9
as far as the shares allow them, so true differences from 0 to 0.49. Up to `COUNTED_TO` rows coverage is counted: the
probability of everything that can happen. Beyond, it is that of `DRAWS` samples, from a generator of the seed `SEED`.
Then the same of one share, of kappas, and how often two equal variants are told apart on 5 questions of which each is
asked 12 times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fh_notebook.comparing.rating.agreement import cohen, fleiss
from fh_notebook.comparing.stats.hypothesis_tests import FEWEST_PAIRS, mcnemar_exact
from fh_notebook.comparing.stats.intervals import (
    interval_of_share,
    interval_of_share_difference,
    t_quantile,
    tango_interval,
)
from fh_notebook.racing.scores import ScoreScale
from fh_notebook.racing.state import WINNER, RaceState
from tests.benchmarks.measuring import table

SEED: Final = 20_261_127
DRAWS: Final = 20_000
COUNTED_TO: Final = 30
SHARES: Final = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
CORRELATIONS: Final = tuple(tenth / 10 for tenth in range(10))
ROWS: Final = (*range(6, 31), 40, 60, 100, 150, 200, 300)
SHOWN: Final = (6, 8, 10, 15, 20, 30, 60, 100, 200, 300)
Z: Final = 1.959963984540054

Counts = NDArray[np.int64]
"""A line a table: both right, only the first, only the second, neither."""
Limits = tuple[NDArray[np.float64], NDArray[np.float64]]
Rule = Callable[[Counts], Limits]


class Cell(NamedTuple):
    """One truth: the chances of the four things that can happen on a row."""

    first: float
    second: float
    correlation: float
    chances: tuple[float, float, float, float]

    @property
    def difference(self) -> float:
        return self.second - self.first


def cells(shares: Iterable[float] = SHARES, correlations: Iterable[float] = CORRELATIONS) -> Iterator[Cell]:
    """Yield every truth of the grid that there can be; the second variant is never the worse one."""
    for first, second, correlation in product(shares, shares, correlations):
        both = first * second + correlation * np.sqrt(first * (1 - first) * second * (1 - second))
        if first <= second and both <= first + 1e-12:
            chances = (both, first - both, second - both, 1 - first - second + both)
            yield Cell(first, second, correlation, tuple(max(0.0, float(c)) for c in chances))  # type: ignore[arg-type]


# --- the rules


@cache
def _tango(wins: int, losses: int, n: int) -> tuple[float, float]:
    return tango_interval(wins, losses, n)


def ours(counts: Counts) -> Limits:
    """What `Comparison.pairs` shows."""
    n = int(counts[0].sum())
    found = np.array([_tango(wins, losses, n) for _, losses, wins, _ in counts.tolist()])
    return found[:, 0], found[:, 1]


def student(counts: Counts) -> Limits:
    """What it showed before, of fewer than 40 rows."""
    n, apart = counts.sum(axis=1), counts[:, 2] - counts[:, 1]
    variance = (counts[:, 2] + counts[:, 1] - apart**2 / n) / (n - 1)
    half = t_quantile(0.975, int(n[0]) - 1) * np.sqrt(variance / n)
    return apart / n - half, apart / n + half


def newcombe(counts: Counts, *, corrected: bool = False) -> Limits:
    """Method 10 of R. G. Newcombe, Statistics in Medicine 17 (1998), 2635-2650; method 11 with `corrected`."""
    both, first, second, neither = counts.T.astype(float)
    n = both + first + second + neither
    shares = [(both + first) / n, (both + second) / n]
    limits = [_wilson(share, n, corrected=corrected) for share in shares]
    spread = np.sqrt((both + first) * (second + neither) * (both + second) * (first + neither))
    product_ = both * neither - first * second
    product_ = np.where(product_ > n / 2, product_ - n / 2, np.where(product_ >= 0, 0, product_))
    phi = np.divide(product_, spread, out=np.zeros_like(n), where=spread > 0)
    (low_a, high_a), (low_b, high_b) = limits
    a, b = shares
    below = np.sqrt((b - low_b) ** 2 - 2 * phi * (b - low_b) * (high_a - a) + (high_a - a) ** 2)
    above = np.sqrt((high_b - b) ** 2 - 2 * phi * (high_b - b) * (a - low_a) + (a - low_a) ** 2)
    return b - a - below, b - a + above


def _wilson(share: Any, n: Any, *, corrected: bool) -> Limits:
    less = 1 / (2 * n) if corrected else 0.0
    ends = []
    for sign in (-1, 1):
        moved = np.clip(share + sign * less, 0.0, 1.0)
        half = Z * np.sqrt(moved * (1 - moved) / n + Z * Z / (4 * n * n))
        ends.append((moved + Z * Z / (2 * n) + sign * half) / (1 + Z * Z / n))
    return np.where(share == 0, 0.0, ends[0]), np.where(share == 1, 1.0, ends[1])


RULES: Final[dict[str, Rule]] = {
    "here (Tango, 1/8)": ours,
    "Newcombe 10": newcombe,
    "Newcombe 11": lambda counts: newcombe(counts, corrected=True),
    "Student (before)": student,
}


# --- coverage


class Covered(NamedTuple):
    """Of one truth, one rule and one number of rows."""

    coverage: float
    width: float


@cache
def _tables(n: int) -> Counts:
    """Return all that can happen on `n` rows."""
    found = [(a, b, c, n - a - b - c) for a in range(n + 1) for b in range(n + 1 - a) for c in range(n + 1 - a - b)]
    return np.array(found)


@cache
def _ways(n: int) -> NDArray[np.float64]:
    """Return the logarithms of in how many orders each of them can happen."""
    logs = np.concatenate([[0.0], np.log(np.arange(1, n + 1)).cumsum()])
    return np.asarray(logs[n] - logs[_tables(n)].sum(axis=1))


def _chances(cell: Cell, n: int) -> NDArray[np.float64]:
    counts = _tables(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(counts > 0, counts * np.log(np.array(cell.chances)), 0.0).sum(axis=1)
    return np.asarray(np.exp(_ways(n) + logs))


def covered(rules: Mapping[str, Rule], n: int, over: Iterable[Cell], draws: int = DRAWS) -> dict[str, list[Covered]]:
    """Return how often the interval of each rule holds the truth, and its mean width, for each of these truths."""
    rng = np.random.default_rng([SEED, n])
    found: dict[str, list[Covered]] = {name: [] for name in rules}
    whole = {name: rule(_tables(n)) for name, rule in rules.items()} if n <= COUNTED_TO else {}
    for cell in over:
        if n <= COUNTED_TO:
            limits, weights = whole, _chances(cell, n)
        else:
            drawn = rng.multinomial(n, np.array(cell.chances) / sum(cell.chances), size=draws)
            # As one number each, which is faster to sort than lines.
            one, often = np.unique(drawn[:, :3] @ np.array([(n + 1) ** 2, n + 1, 1]), return_counts=True)
            parts = [one // (n + 1) ** 2, one // (n + 1) % (n + 1), one % (n + 1)]
            counts = np.stack([*parts, n - sum(parts)], axis=1)
            limits, weights = {name: rule(counts) for name, rule in rules.items()}, often / draws
        for name, (low, high) in limits.items():
            inside = (low <= cell.difference + 1e-9) & (cell.difference - 1e-9 <= high)
            found[name].append(Covered(float(weights[inside].sum()), float(weights @ (high - low))))
    return found


# --- one share

ONE_SHARE: Final = tuple(hundredth / 100 for hundredth in range(50, 100))


def _one_here(n: int) -> Limits:
    """What `Comparison.summary` shows; the intervals of `yes` and of `n - yes` are mirror images, as a test says."""
    few = range(n // 2 + 1)
    found = np.array([interval_of_share(np.repeat([1.0, 0.0], [yes, n - yes]), n)[:2] for yes in few])
    many = 1 - found[: n + 1 - len(found)][::-1, ::-1]
    low, high = np.concatenate([found, many]).T
    return low, high


def _wilson_of(n: int, *, corrected: bool = False) -> Limits:
    return _wilson(np.arange(n + 1) / n, n, corrected=corrected)


def _exact(n: int) -> Limits:
    """C. J. Clopper and E. S. Pearson, Biometrika 26 (1934), 404-413."""
    yes = np.arange(n + 1)
    low = np.where(yes > 0, stats.beta.ppf(0.025, np.maximum(yes, 1), n - yes + 1), 0.0)
    return low, 1 - low[::-1]


def _jeffreys(n: int) -> Limits:
    """Jeffreys' with mended ends: L. D. Brown, T. T. Cai and A. DasGupta, Statistical Science 16 (2001), 101-133."""
    yes = np.arange(n + 1)
    low = stats.beta.ppf(0.025, yes + 0.5, n - yes + 0.5)
    low[:2], low[n] = 0.0, 0.025 ** (1 / n)
    return low, 1 - low[::-1]


RULES_OF_ONE: Final[dict[str, Callable[[int], Limits]]] = {
    "here (Blaker)": _one_here,
    "Wilson (before)": _wilson_of,
    "Wilson, half a row": lambda n: _wilson_of(n, corrected=True),
    "Jeffreys, mended": _jeffreys,
    "Clopper-Pearson": _exact,
}


def one_covered(rule: Callable[[int], Limits], n: int, shares: Iterable[float] = ONE_SHARE) -> Covered:
    """Return the least coverage of one share over `shares`, and the mean width; all that can happen is counted."""
    low, high = rule(n)
    of = np.array(list(shares))[:, None]
    chances = stats.binom.pmf(np.arange(n + 1), n, of)
    inside = (low <= of + 1e-9) & (of - 1e-9 <= high)
    return Covered(float((chances * inside).sum(axis=1).min()), float((chances @ (high - low)).mean()))


# --- kappas

GIVEN: Final = (0.5, 0.7, 0.8, 0.9, 0.95)
"""How often each of two people gives the first of two answers."""
KAPPAS: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9)


def kappas_covered(n: int, given: Iterable[float] = GIVEN, draws: int = DRAWS) -> Covered:
    """Return the least coverage of Cohen's kappa of two answers, and the mean width, where kappa is defined."""
    truths = []
    for one, other, kappa in product(given, given, KAPPAS):
        chance = one * other + (1 - one) * (1 - other)
        both = (chance + kappa * (1 - chance) - 1 + one + other) / 2
        chances = (both, one - both, other - both, 1 - one - other + both)
        if one <= other and min(chances) > -1e-12:
            truths.append((kappa, Cell(one, other, kappa, tuple(max(0.0, c) for c in chances))))  # type: ignore[arg-type]
    rng = np.random.default_rng([SEED, 3, n])
    limits = _kappa_limits(_tables(n)) if n <= COUNTED_TO else None
    found = []
    for kappa, cell in truths:
        if limits is not None:
            (low, high), weights = limits, _chances(cell, n)
        else:
            counts, often = np.unique(rng.multinomial(n, cell.chances, size=draws), axis=0, return_counts=True)
            (low, high), weights = _kappa_limits(counts), often.astype(float)
        weights = np.where(np.isnan(low), 0.0, weights)
        weights /= weights.sum()
        held = weights[(low <= kappa + 1e-9) & (kappa - 1e-9 <= high)].sum()
        found.append((float(held), float(np.nansum(weights * (high - low)))))
    return Covered(min(held for held, _ in found), float(np.mean([width for _, width in found])))


def _kappa_limits(counts: Counts) -> Limits:
    found = np.array([cohen(table.astype(float))[3:] for table in counts.reshape(-1, 2, 2)])
    return found[:, 0], found[:, 1]


def fleiss_covered(n: int, raters: int, datasets: int = 2_000) -> Covered:
    """Return the least coverage of Fleiss' kappa over kappas and shares of the answers, and the mean width."""
    rng, found = np.random.default_rng([SEED, 4, n, raters]), []
    for shares, kappa in product(((0.5, 0.5), (0.8, 0.2), (0.6, 0.3, 0.1), (0.1, 0.2, 0.4, 0.3)), KAPPAS):
        size = (datasets, n, raters)
        # Each person says the item's own answer with the root of kappa as the chance, else any.
        own, any_one = rng.choice(len(shares), (datasets, n, 1), p=shares), rng.choice(len(shares), size, p=shares)
        said = np.where(rng.random(size) < np.sqrt(kappa), own, any_one)
        counts = np.stack([(said == answer).sum(axis=2) for answer in range(len(shares))], axis=2).astype(float)
        known = [got for got in map(fleiss, counts) if not np.isnan(got.low)]
        held = np.mean([got.low <= kappa + 1e-9 and kappa - 1e-9 <= got.high for got in known])
        found.append((float(held), float(np.mean([got.high - got.low for got in known]))))
    return Covered(min(held for held, _ in found), float(np.mean([width for _, width in found])))


# --- rows that ask the same


def copies_told_apart(comparisons: int, *, questions: int = 5, copies: int = 12) -> tuple[float, float]:
    """Return how often exact McNemar tests find two equal variants to differ: by lines as before, and by questions."""
    right = np.random.default_rng([SEED, 1]).random((comparisons, 2, questions)) < 0.5
    wins, losses = ((right[:, i] & ~right[:, 1 - i]).sum(axis=1) for i in (1, 0))
    found = []
    for times, n in ((copies, questions * copies), (1, questions)):
        pairs = zip((times * wins).tolist(), (times * losses).tolist(), strict=True)
        ps = [mcnemar_exact(won, lost) if n >= FEWEST_PAIRS else 1.0 for won, lost in pairs]
        found.append(float(np.mean(np.array(ps) < 0.05)))
    return found[0], found[1]


def copies_raced(races: int, *, questions: int = 5, copies: int = 12) -> tuple[float, float]:
    """Return how often races of two equal variants name a winner: over all lines as before, and over the questions."""
    rng = np.random.default_rng([SEED, 2])
    named = [0, 0]
    for _ in range(races):
        right = (rng.random((questions, 2)) < 0.5).astype(float)
        order = rng.permutation(np.repeat(np.arange(questions), copies))
        for place, rows in enumerate((order.tolist(), list(dict.fromkeys(order.tolist())))):
            tally = RaceState(["a", "b"], scale=ScoreScale(), alpha=0.05)
            for row in rows:
                tally.take(right[row])
            named[place] += tally.ending == WINNER
    return named[0] / races, named[1] / races


def clusters_covered(rows: int, repeats: int, datasets: int = 4_000) -> tuple[float, float]:
    """Return coverage and mean width where rows were repeated: each has chances of its own, alike for both variants."""
    rng = np.random.default_rng([SEED, rows, repeats])
    held, widths = 0, []
    for _ in range(datasets):
        hard = rng.beta(3.0, 1.0, rows)
        chances = np.stack([hard, hard * 0.9])
        means = rng.binomial(repeats, chances) / repeats
        low, high, _ = interval_of_share_difference(means[0] - means[1], rows * repeats)
        held += low <= 0.075 <= high
        widths.append(high - low)
    return held / datasets, float(np.mean(widths))


def main() -> None:
    grid = list(cells())
    print(f"Least coverage over {len(grid)} truths / mean width; counted to {COUNTED_TO} rows, then {DRAWS:,} draws.\n")
    lines, least = [], dict.fromkeys(RULES, (2.0, 0))
    for n in ROWS:
        line = [f"{n}"]
        for name, found in covered(RULES, n, grid).items():
            worst = min(c.coverage for c in found)
            least[name] = min(least[name], (worst, n))
            line.append(f"{worst:.3f} / {np.mean([c.width for c in found]):.3f}")
        lines += [line] if n in SHOWN else []
    lines.append(["least of 6 to 300", *(f"{worst:.3f} (n = {n})" for worst, n in least.values())])
    table(["rows", *RULES], lines)
    print(f"\nOne share, over {len(ONE_SHARE)} shares of 0.5 to 0.99, all counted:\n")
    lines, least = [], dict.fromkeys(RULES_OF_ONE, (2.0, 0))
    for n in range(6, 301):
        of_one = {name: one_covered(rule, n) for name, rule in RULES_OF_ONE.items()}
        least = {name: min(least[name], (of.coverage, n)) for name, of in of_one.items()}
        lines += [[f"{n}", *(f"{c.coverage:.3f} / {c.width:.3f}" for c in of_one.values())]] if n in SHOWN else []
    lines.append(["least of 6 to 300", *(f"{worst:.3f} (n = {n})" for worst, n in least.values())])
    table(["rows", *RULES_OF_ONE], lines)
    print("\nKappas: Cohen's of two answers, Fleiss' of three and five people:\n")
    of_kappas = [
        (f"{n}", *(f"{c.coverage:.3f} / {c.width:.3f}" for c in (kappas_covered(n, draws=4_000), *of_fleiss)))
        for n in (6, 10, 20, 30, 100)
        for of_fleiss in [[fleiss_covered(n, raters) for raters in (3, 5)]]
    ]
    table(["items", "Cohen", "Fleiss, 3", "Fleiss, 5"], of_kappas)
    print("\nRepeats of a row as clusters:\n")
    sizes = ((6, 5), (12, 3), (30, 5), (60, 3), (60, 12))
    of_clusters = [(f"{n} x {k}", *(f"{x:.3f}" for x in clusters_covered(n, k))) for n, k in sizes]
    table(["rows x repeats", "coverage", "mean width"], of_clusters)
    print("\nTwo equal variants, 5 questions x 12 copies:\n")
    tested, raced = copies_told_apart(10_000), copies_raced(2_000)
    table(
        ["", "copies as rows (before)", "one row a question"],
        [
            ("comparisons with p < 0.05", *(f"{x:.3f}" for x in tested)),
            ("races that name a winner", *(f"{x:.3f}" for x in raced)),
        ],
    )
