"""Agreement beyond chance, against statsmodels and by the papers' own definitions."""

from __future__ import annotations

import itertools
import math

import krippendorff as peer_of_alpha
import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

from fh_notebook.comparing.rating.agreement import cohen, fleiss, krippendorff, table_of
from tests.benchmarks import coverage

ATTRIBUTES = pytest.mark.parametrize("seed", range(5))


@ATTRIBUTES
@pytest.mark.parametrize("ordered", [False, True])
def test_cohens_kappa_is_that_of_statsmodels_and_its_interval_is_as_wide(seed: int, ordered: bool) -> None:
    """Plain, and weighted by squared distances: of many items the interval is that of the same variance, nearly."""
    counts = np.random.default_rng(seed).integers(0, 20, size=(4, 4)).astype(float) + np.eye(4) * 10
    found = cohen(counts, ordered=ordered)
    peer = cohens_kappa(counts, wt="quadratic" if ordered else None)
    assert found.kappa == pytest.approx(peer.kappa)
    assert (found.low, found.high) == pytest.approx((peer.kappa_low, peer.kappa_upp), abs=0.02)
    assert found.high - found.low == pytest.approx(peer.kappa_upp - peer.kappa_low, rel=0.03)
    if not ordered:
        assert found.agree == pytest.approx(np.trace(counts) / counts.sum())


@ATTRIBUTES
def test_fleiss_kappa_is_that_of_statsmodels(seed: int) -> None:
    """And its interval is around it."""
    rng = np.random.default_rng(seed)
    counts = np.array([rng.multinomial(4, rng.dirichlet([0.3, 0.3, 0.3])) for _ in range(60)]).astype(float)
    found = fleiss(counts)
    assert found.kappa == pytest.approx(fleiss_kappa(counts))
    assert found.low < found.kappa < found.high
    assert fleiss(counts) == found, "the seed is fixed"


KAPPA_TIERS = [
    pytest.param((10, 20), (0.5, 0.9), id="some"),
    pytest.param((6, 8, 10, 15, 20, 30, 100), coverage.GIVEN, id="all", marks=pytest.mark.long),
]


@pytest.mark.parametrize(("items", "given"), KAPPA_TIERS)
def test_intervals_of_cohens_kappa_cover(items: tuple[int, ...], given: tuple[float, ...]) -> None:
    """At least 93 % of all that can happen, also near kappa 0 where both nearly always say the same."""
    for n in items:
        assert coverage.kappas_covered(n, given, draws=4_000).coverage >= 0.93


def test_nothing_and_always_the_same_have_no_kappa() -> None:
    """The share of agreement is there."""
    always = cohen(table_of("aaaa", "aaaa", "ab"))
    assert (always.n, always.agree, math.isnan(always.kappa)) == (4, 1.0, True)
    alike = fleiss(np.array([[3.0, 0.0], [3.0, 0.0]]))
    assert (alike.agree, math.isnan(alike.kappa)) == (1.0, True)
    assert cohen(np.zeros((2, 2))).n == fleiss(np.zeros((0, 2))).n == 0
    assert math.isnan(cohen(table_of("a", "b", "ab")).low), "one item has no interval"


def test_the_intervals_of_all_small_tables_lie_between_what_kappa_can_be() -> None:
    """Also where one rater always says the same, so that chance agrees nearly always."""
    tables = [np.array(cells, dtype=float).reshape(2, 2) for cells in itertools.product((0, 1, 2, 3, 14, 49), repeat=4)]
    known = [found for found in map(cohen, tables) if not math.isnan(found.low)]
    assert len(known) > 1_000
    for found in known:
        assert -1 <= found.low <= found.kappa + 1e-9
        assert found.kappa - 1e-9 <= found.high <= 1
        assert found.low < found.high
    assert cohen(np.array([[0.0, 3.0], [3.0, 0.0]])).low == -1


@pytest.mark.parametrize("raters", [2, 3, 5])
def test_the_intervals_of_fleiss_kappa_begin_at_its_lowest_value(raters: int) -> None:
    """Nearly always the same answer, by all; of more raters the lowest value is nearer to 0."""
    for n in (2, 15):
        counts = np.array([[raters - 1.0, 1.0], *[[raters, 0.0]] * (n - 1)])
        found = fleiss(counts)
        assert -1 / (raters - 1) <= found.low <= found.kappa + 1e-9
        assert found.kappa - 1e-9 <= found.high <= 1


# Four people, twelve units, five answers: K. Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), part C.
CODED = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def _counts_of(coded: tuple[str, ...], answers: str) -> np.ndarray:
    return np.array([[unit.count(answer) for answer in answers] for unit in zip(*coded, strict=True)], dtype=float)


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    """With ratings that are missing: 0.743 of names, 0.815 of a scale; what one person alone rated says nothing."""
    counts = _counts_of(CODED, "12345")
    found = krippendorff(counts)
    assert found.n == 11
    assert found.kappa == pytest.approx(0.743, abs=5e-4)
    assert krippendorff(counts, ordered=True).kappa == pytest.approx(0.815, abs=5e-4)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("ordered", [False, True])
def test_alpha_is_that_of_the_package_krippendorff(seed: int, ordered: bool) -> None:
    """Of any number of people, answers and ratings that are missing; its interval holds it and has a width."""
    rng = np.random.default_rng(seed)
    people, items, answers = rng.integers(2, 6), rng.integers(5, 40), rng.integers(2, 7)
    rated = rng.random((people, items)) < rng.choice([0.5, 0.8, 1.0])
    given = rng.integers(0, answers, (people, items))
    counts = np.stack([((given == answer) & rated).sum(0) for answer in range(answers)], axis=1)
    found = krippendorff(counts.astype(float), ordered=ordered)
    level = "ordinal" if ordered else "nominal"
    assert found.kappa == pytest.approx(
        peer_of_alpha.alpha(value_counts=counts[counts.sum(1) > 0], level_of_measurement=level), abs=1e-12
    )
    assert found.low < found.high
    assert found.low <= found.kappa <= found.high <= 1


def test_alpha_is_not_defined_where_there_is_one_answer_or_no_pair() -> None:
    """The share of agreement is there, where there is any; full agreement on two answers has an interval."""
    same = krippendorff(np.array([[3.0, 0.0], [2.0, 0.0]]), ordered=True)
    assert (same.n, same.agree, math.isnan(same.kappa), math.isnan(same.low)) == (2, 1.0, True, True)
    assert krippendorff(np.array([[1.0, 0.0], [0.0, 1.0]])).n == 0
    full = krippendorff(np.array([[3.0, 0.0], [0.0, 2.0]] * 4))
    assert full.low < full.kappa == full.high == 1.0
