"""Pairs of variants on the rows where both have a score: difference, interval, test, effect, power, and sample size.
Pure.

`a` comes before `b`, and everything is stated of `b`: its difference to `a`, its wins, its effect. Rows with equal
inputs count as one.

**Power and sample size** of a comparison that was made, or is planned. Yes/no scores by the power of the exact test,
counted up to `MOST_COUNTED` rows; above, by R. J. Connor, "Sample size for testing differences in proportions for the
paired-sample design", Biometrics 43 (1987), 207-211. Numbers by W. C. Guenther, "Sample size formulas for normal theory
t tests", The American Statistician 35 (1981), 243-244. The observed difference is taken as exact, which it is not: a
number of rows is an estimate, and the texts say "about".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import combinations
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.comparing.stats.correction import correct_difference, correct_mean
from fh_notebook.comparing.stats.grid import Grid, without_noise
from fh_notebook.comparing.stats.hypothesis_tests import (
    FEWEST_PAIRS,
    holm,
    mcnemar_exact,
    p_permutation,
    ps_permutation,
    rank_biserial,
    wilcoxon,
)
from fh_notebook.comparing.stats.intervals import (
    LEVEL,
    NAN,
    Interval,
    Numbers,
    ScoreRange,
    interval_of_share_difference,
    intervals_of_differences,
    spread_of,
)
from fh_notebook.comparing.stats.number_format import ReportColumn, count_text, same, table_of
from fh_notebook.core.arguments import is_finite
from fh_notebook.core.text.formatting import figures, short
from fh_notebook.errors import InputError

ALPHA: Final = 0.05


CORRECTED: Final = "corrected"
"""The test of a pair that is corrected by human labels: its p is that of the corrected interval."""

Preferences = Mapping[tuple[str, str], Numbers]
"""For two variants that people rated together: the share of the second one on each row; a tie is half."""


def _p_cell(value: float) -> str:
    return "" if value != value else "< 0.001" if value < 0.001 else f"{value:.3f}"


PAIRS: Final = (
    ReportColumn(name="a", head="a", dtype="object"),
    ReportColumn(name="b", head="b", dtype="object"),
    ReportColumn(name="n", head="rows", format=same(count_text), dtype="int64"),
    ReportColumn(name="mean_a", head="mean of a", format=figures),
    ReportColumn(name="mean_b", head="mean of b", format=figures),
    ReportColumn(name="difference", head="difference", format=figures),
    ReportColumn(name="ci_low", head="95 % from", format=figures),
    ReportColumn(name="ci_high", head="to", format=figures),
    ReportColumn(name="wins", head="first wins", format=same(count_text), dtype="int64"),
    ReportColumn(name="ties", head="ties", format=same(count_text), dtype="int64"),
    ReportColumn(name="losses", head="second wins", format=same(count_text), dtype="int64"),
    ReportColumn(name="test", head="test", dtype="object"),
    ReportColumn(name="p", head="p of this pair", format=same(_p_cell)),
    ReportColumn(name="p_holm", head="p", format=same(_p_cell)),
    ReportColumn(name="effect", head="effect size", format=figures),
    ReportColumn(name="p_permutation", head="p by permutation", format=same(_p_cell)),
    ReportColumn(name="interval", head="interval", dtype="object"),
)
"""The columns of the pairs: a new one is a line here, and shows in every table, display and report.

Its value is a field of `Pair`, or computed from such fields (``value=``).
"""
PAIR_COLUMNS: Final = tuple(column.name for column in PAIRS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two variants compared: one line of the table of pairs, with the columns of `PAIRS`."""

    a: str
    b: str
    n: int
    mean_a: float
    mean_b: float
    difference: float
    ci_low: float
    ci_high: float
    wins: int
    ties: int
    losses: int
    test: str
    """``mcnemar_exact``, ``wilcoxon``, ``sign`` of preferences, ``corrected`` by labels, ``none`` below six pairs."""
    p: float
    p_holm: float = NAN
    effect: float
    p_permutation: float
    interval: str
    spread: float
    """The standard deviation of the differences; not in the table, nor are:"""
    rows: int = 0
    """Rows of the table that the `n` are made of: more, where some ask the same."""
    lower: bool = False
    """Whether a lower score is the better one, as with seconds."""
    is_share: bool = False
    """Whether the means are shares of rows: then differences are written in percentage points."""

    @property
    def lead(self) -> float:
        """How far `b` is ahead: the difference, in the direction of the better score."""
        return 0.0 - self.difference if self.lower else self.difference

    @property
    def tested(self) -> bool:
        """Whether there is a p."""
        return self.p == self.p

    def turned(self) -> Pair:
        """Return the same with `a` and `b` exchanged."""
        return Pair(**turned_line({field.name: getattr(self, field.name) for field in fields(self)}))

    def is_better(self, alpha: float = ALPHA) -> bool:
        """Whether `b` is better: by the test after Holm, and by the interval that is shown as well.

        Wilcoxon's test is of ranks. Where a variant wins often by little and loses rarely by much, test and mean say
        opposite things, and neither variant is called better.
        """
        return self.p_holm < alpha and (self.ci_high < 0 if self.lower else self.ci_low > 0)


def turned_line(line: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the values of a pair with `a` and `b` exchanged."""
    return {
        **line, "a": line["b"], "b": line["a"], "mean_a": line["mean_b"], "mean_b": line["mean_a"],
        "difference": 0.0 - line["difference"], "ci_low": 0.0 - line["ci_high"], "ci_high": 0.0 - line["ci_low"],
        "wins": line["losses"], "losses": line["wins"], "effect": 0.0 - line["effect"],
    }  # fmt: skip


def compare_variants(
    a: str,
    b: str,
    first: Numbers,
    second: Numbers,
    *,
    yes_no: bool,
    behind: tuple[int, int] | None = None,
    tests: bool = True,
    lower: bool = False,
    within: ScoreRange | None = None,
    level: float = LEVEL,
) -> Pair:
    """Compare two variants on the rows where both have a score."""
    paired_scores = _PairedScores(a, b, first, second, yes_no, behind=behind or (len(first), len(first)), within=within)
    return _compare_pairs([paired_scores], tests=tests, lower=lower, level=level)[0]


class _PairedScores:
    """Two variants with their differences on the rows where both have a score."""

    def __init__(
        self,
        a: str,
        b: str,
        first: Numbers,
        second: Numbers,
        yes_no: bool,
        *,
        behind: tuple[int, int],
        within: ScoreRange | None,
    ) -> None:
        self.rows, self.lines = behind
        self.yes_no = yes_no
        self.within = (ScoreRange.of([first, second]) if within is None else within).of_differences
        self.a, self.b, self.mean_a, self.mean_b = a, b, _mean(first), _mean(second)
        self.differences = without_noise(second - first, first, second)
        self.is_binary = yes_no and bool(np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all())


def _compare_pairs(
    paired_scores: Sequence[_PairedScores], *, tests: bool, lower: bool, level: float = LEVEL
) -> list[Pair]:
    """Compare many pairs; pairs with the same number of rows share their random draws."""
    numbers = [scores for scores in paired_scores if not scores.yes_no]
    of_numbers = iter(
        intervals_of_differences([s.differences for s in numbers], level, within=[s.within for s in numbers])
    )
    intervals = [
        interval_of_share_difference(s.differences, s.lines, level) if s.yes_no else next(of_numbers)
        for s in paired_scores
    ]
    tested = [tests and len(scores.differences) >= FEWEST_PAIRS for scores in paired_scores]
    permutation_ps = iter(
        ps_permutation(
            [scores.differences for scores, is_tested in zip(paired_scores, tested, strict=True) if is_tested]
        )
    )
    return [
        _pair(scores, interval, next(permutation_ps) if is_tested else NAN, is_tested, lower)
        for scores, interval, is_tested in zip(paired_scores, intervals, tested, strict=True)
    ]


def _pair(scores: _PairedScores, interval: Interval, p_permutation: float, is_tested: bool, lower: bool) -> Pair:
    differences, n = scores.differences, len(scores.differences)
    gains = -differences if lower else differences
    wins, losses = int((gains > 0).sum()), int((gains < 0).sum())
    test, p = "none", NAN
    if is_tested:
        test = "mcnemar_exact" if scores.is_binary else "wilcoxon"
        p = mcnemar_exact(wins, losses) if scores.is_binary else wilcoxon(differences)
    return Pair(
        a=scores.a, b=scores.b, n=n, mean_a=scores.mean_a, mean_b=scores.mean_b, difference=_mean(differences),
        ci_low=interval.low, ci_high=interval.high, wins=wins, ties=n - wins - losses, losses=losses,
        test=test, p=p, effect=rank_biserial(gains) if n else NAN, p_permutation=p_permutation, interval=interval.rule,
        spread=spread_of(differences) * math.sqrt(n / (n - 1)) if n > 1 else NAN, rows=scores.rows, lower=lower,
        is_share=scores.yes_no,
    )  # fmt: skip


def _mean(values: Numbers) -> float:
    return float(values.mean()) if len(values) else NAN


def all_pairs(grid: Grid, variant_pairs: Iterable[tuple[str, str]] | None = None, *, lower: bool = False) -> list[Pair]:
    """Return the pairs of `which` (by default all, in the order of the variants), corrected for the number of tests."""
    names = list(combinations(grid.variants, 2)) if variant_pairs is None else list(variant_pairs)
    paired_scores = [
        _PairedScores(a, b, *grid.shared(a, b), grid.yes_no, behind=grid.behind(a, b), within=grid.within)
        for a, b in names
    ]
    return correct_for_tests(_compare_pairs(paired_scores, tests=True, lower=lower))


def preferred_pairs(preferences: Preferences, grid: Grid) -> list[Pair]:
    """Return the pairs of variants that people preferred one of, by the shares of each on the rows of both.

    Who won a row is tested, and not by how much, which is no number here: by the exact two-sided sign test, which is
    McNemar's exact one.
    """
    pairs = []
    for (a, b), share in preferences.items():
        n = len(share)
        pair = compare_variants(
            a, b, 1.0 - share, share, yes_no=grid.yes_no, behind=(n, n), tests=False, within=grid.within
        )
        if n >= FEWEST_PAIRS:
            p = mcnemar_exact(pair.wins, pair.losses)
            pair = replace(pair, test="sign", p=p, p_permutation=p_permutation(2 * share - 1.0))
        pairs.append(pair)
    return correct_for_tests(pairs)


def corrected_pairs(
    judged: Grid,
    human: Grid,
    variant_pairs: Iterable[tuple[str, str]] | None = None,
    *,
    lower: bool = False,
    level: float = LEVEL,
) -> list[Pair]:
    """Return the pairs with means, difference, interval and p corrected by human labels.

    `n`, wins, ties and losses are those of the labelled rows; `spread` is that of so many rows, so that power and the
    number of rows that are missing are in labelled rows.
    """
    names = list(combinations(judged.variants, 2)) if variant_pairs is None else list(variant_pairs)
    means = {variant: correct_mean(judged, human, variant).mean for variant in judged.variants}
    pairs = []
    for a, b in names:
        first, second = human.shared(a, b)
        rows = correct_difference(judged, human, a, b, level=level)
        labelled = compare_variants(
            a, b, first, second, yes_no=human.yes_no, tests=False, lower=lower, within=human.within
        )
        has_test = rows.labels >= FEWEST_PAIRS
        pairs.append(
            replace(
                labelled, n=rows.labels, rows=rows.labels, mean_a=means[a], mean_b=means[b], difference=rows.mean,
                ci_low=rows.interval.low, ci_high=rows.interval.high, interval=rows.interval.rule,
                test=CORRECTED if has_test else "none", p=rows.p if has_test else NAN, spread=rows.spread,
            )
        )  # fmt: skip
    return correct_for_tests(pairs)


def correct_for_tests(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs with ``p_holm``: their p values corrected for the number of tests."""
    return [replace(pair, p_holm=p) for pair, p in zip(pairs, holm([pair.p for pair in pairs]), strict=True)]


def tested_in(pairs: Sequence[Pair]) -> int:
    """Return the number of tested pairs, for which Holm corrects."""
    return sum(pair.tested for pair in pairs)


def pairs_table(pairs: Sequence[Pair]) -> pd.DataFrame:
    return table_of(PAIRS, pairs)


POWER: Final = 0.8
"""The chance to see a difference that is there, that is usually asked for."""

POWER_COLUMNS: Final = ("a", "b", "n", "difference", "power", "rows_needed", "rows_more", "detectable")


MOST_COUNTED: Final = 3_000
"""Rows up to which the exact test's power is counted; above, it is the normal distribution's to two digits or three."""

_HALVINGS: Final = 20
"""Of a difference that can be detected: to a millionth."""


_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerEstimate:
    """The power of one comparison, and the rows that it needs."""

    n: int
    """Rows that it has."""
    difference: float
    power: float
    """The chance to see this difference with so many rows."""
    rows_needed: float
    """For the power that was asked for; infinite where there is no difference."""
    detectable: float
    """The smallest difference that so many rows show with the power that was asked for; infinite where they are too few
    to be tested."""

    @property
    def rows_more(self) -> float:
        """Rows that are lacking."""
        return max(0.0, self.rows_needed - self.n)


def estimate_power(
    pair: Pair, *, difference: float | None = None, power: float = POWER, alpha: float = ALPHA
) -> PowerEstimate:
    """Return the power of a pair for the observed difference, or for another one.

    The share of pairs that differ, or the standard deviation of the differences, is the observed one. Fewer than
    `FEWEST_PAIRS` rows are not tested, and so show no difference.
    """
    size = abs(pair.difference if difference is None else difference)
    power_law = _power_law(pair, power, alpha)
    is_tested = pair.n >= FEWEST_PAIRS
    return PowerEstimate(
        n=pair.n,
        difference=pair.difference if difference is None else difference,
        power=power_law.power(size) if is_tested else 0.0,
        rows_needed=_testable(power_law.rows(size)),
        detectable=power_law.least() if is_tested else math.inf,
    )


def rows_needed(pair: Pair, *, power: float = POWER, alpha: float = ALPHA) -> float:
    """Return the rows that a pair needs for the observed difference: `PowerEstimate.rows_needed` alone."""
    return _testable(_power_law(pair, power, alpha).rows(abs(pair.difference)))


def _testable(rows: float) -> float:
    """Return that many rows, or as many as a test needs."""
    return max(float(FEWEST_PAIRS), rows)


def _power_law(pair: Pair, power: float, alpha: float) -> _PowerOfNumbers | _PowerOfShares:
    return _PowerOfShares(pair, power, alpha) if pair.test == "mcnemar_exact" else _PowerOfNumbers(pair, power, alpha)


class _PowerOfNumbers:
    """Power of the test of differences that are numbers."""

    def __init__(self, pair: Pair, power: float, alpha: float) -> None:
        self.n, self.spread, self.target_power, self.alpha = pair.n, pair.spread, power, alpha
        self.z, self.reach = _quantiles(power, alpha)

    def rows(self, difference: float) -> float:
        return rows_of_numbers(difference, self.spread, power=self.target_power, alpha=self.alpha)

    def power(self, difference: float) -> float:
        if self.spread != self.spread:
            return NAN
        if self.spread == 0:
            return 1.0 if difference else 0.0
        return _NORMAL.cdf(difference / self.spread * math.sqrt(self._effective_rows) - self.z)

    def least(self) -> float:
        return (self.z + self.reach) * self.spread / math.sqrt(self._effective_rows) if self._effective_rows else NAN

    @property
    def _effective_rows(self) -> float:
        """The number of rows, reduced for the estimated standard deviation."""
        return max(0.0, self.n - self.z**2 / 2)


class _PowerOfShares:
    """Power of the test of yes/no scores, from the rows that differ."""

    def __init__(self, pair: Pair, power: float, alpha: float) -> None:
        self.n, self.target_power, self.alpha = pair.n, power, alpha
        self.differing = (pair.wins + pair.losses) / pair.n

    def rows(self, difference: float) -> float:
        return rows_of_mcnemar(*self._shares(difference), power=self.target_power, alpha=self.alpha)

    def power(self, difference: float) -> float:
        return power_of_mcnemar(self.n, *self._shares(difference), alpha=self.alpha)

    def least(self) -> float:
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.power(middle) >= self.target_power else (middle, high)
        return high

    def _shares(self, difference: float) -> tuple[float, float]:
        """Return the shares of rows that are won and lost."""
        difference = min(difference, 1.0)
        differing = max(self.differing, difference)
        return (differing + difference) / 2, (differing - difference) / 2


def check_chances(**chances: Any) -> None:
    """Raise unless each value, such as a power or an alpha, is between 0 and 1."""
    for name, value in chances.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise InputError(f"{name} is {short(value)}; give a number between 0 and 1")


def check_difference(difference: Any) -> None:
    """Raise unless `difference` is a finite number, or not given."""
    if difference is not None and (isinstance(difference, bool) or not is_finite(difference)):
        raise InputError(f"difference is {short(difference)}; give a number, in the unit of the score")


def power_table(
    pairs: Sequence[Pair], *, difference: float | None = None, power: float = POWER, alpha: float = ALPHA
) -> pd.DataFrame:
    """Return one line a pair: `POWER_COLUMNS`. `alpha` is divided by the number of pairs, as Holm's first step does."""
    share = alpha / max(1, tested_in(pairs))
    lines = []
    for pair in pairs:
        needs = estimate_power(pair, difference=difference, power=power, alpha=share) if pair.n else None
        figures = (
            (needs.difference, needs.power, needs.rows_needed, needs.rows_more, needs.detectable)
            if needs
            else (NAN,) * 5
        )
        lines.append((pair.a, pair.b, pair.n, *figures))
    table = pd.DataFrame(lines, columns=list(POWER_COLUMNS))
    return table.astype({"n": "int64", **dict.fromkeys(POWER_COLUMNS[3:], "float64")})


def _quantiles(power: float, alpha: float) -> tuple[float, float]:
    """Return the normal quantiles of a two-sided test and of the power."""
    return -_NORMAL.inv_cdf(alpha / 2), _NORMAL.inv_cdf(power)


# --- of a comparison that is planned


def rows_of_numbers(difference: float, spread: float, *, power: float, alpha: float) -> float:
    """Return the rows of a paired test of numbers; `spread` is the standard deviation of the differences.

    Examples
    --------
    >>> rows_of_numbers(0.1, 0.3, power=0.9, alpha=0.05)
    97
    """
    # Differences of rows that cancel out leave the noise of binary fractions.
    if not difference or abs(difference) <= 1e-12 * spread:
        return math.inf
    z, reach = _quantiles(power, alpha)
    return NAN if math.isnan(spread) else math.ceil(((z + reach) * spread / difference) ** 2 + z**2 / 2)


def rows_of_mcnemar(won: float, lost: float, *, power: float, alpha: float) -> float:
    """Return the rows from which the exact test has this `power`; infinite where there is no difference.

    Examples
    --------
    >>> rows_of_mcnemar(0.8 * 0.4, 0.2 * 0.6, power=0.9, alpha=0.05)
    118
    """
    difference, differing = abs(won - lost), won + lost
    if difference < 1e-9:
        return math.inf
    z, reach = _quantiles(power, alpha)
    rows = max(
        1, math.ceil(((z * math.sqrt(differing) + reach * _difference_sd(difference, differing)) / difference) ** 2)
    )
    while rows <= MOST_COUNTED and power_of_mcnemar(rows, won, lost, alpha=alpha) < power:
        rows += 1
    return rows


def power_of_mcnemar(rows: int, won: float, lost: float, *, alpha: float) -> float:
    """Return the chance that the exact two-sided test finds, after `rows`, that who wins more often is ahead.

    Examples
    --------
    >>> round(power_of_mcnemar(118, 0.32, 0.12, alpha=0.05), 3)
    0.902
    """
    from scipy import special

    less, differing = min(won, lost), min(1.0, won + lost)
    if not differing:
        return 0.0
    if rows > MOST_COUNTED:
        z, difference = -_NORMAL.inv_cdf(alpha / 2), abs(won - lost)
        over, rest = math.sqrt(rows) * difference - z * math.sqrt(differing), _difference_sd(difference, differing)
        return _NORMAL.cdf(over / rest) if rest else float(over > 0)
    # Numbers of rows that differ, but for those beyond eight standard deviations.
    mean, reach = rows * differing, 8 * math.sqrt(rows * differing * (1 - differing)) + 1
    n = np.arange(max(0, math.floor(mean - reach)), min(rows, math.ceil(mean + reach)) + 1)
    chances = np.diff(special.bdtr(n, rows, differing), prepend=0.0)
    most_lost = _most_losses(2 ** rows.bit_length(), alpha)[n]
    may_be_found = most_lost >= 0
    detection_powers = special.bdtr(most_lost[may_be_found], n[may_be_found], less / differing)
    return float(chances[may_be_found] @ detection_powers)


def _difference_sd(difference: float, differing: float) -> float:
    """Return the standard deviation of the difference on one row."""
    return math.sqrt(max(0.0, differing - difference**2))


@lru_cache(maxsize=64)
def _most_losses(size: int, alpha: float) -> NDArray[np.int64]:
    """Return, for 0 to `size` - 1 rows that differ, how many may be lost so that the test still finds a difference.

    -1 where none may.
    """
    from scipy import special

    n = np.arange(size)
    most = np.full(size, -1)
    some = 2 * 0.5**n < alpha
    most[some] = np.floor(special.bdtrik(alpha / 2, n[some], 0.5))
    return most
