"""Agreement beyond chance, against statsmodels and by the papers' own definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

from fh_notebook.comparing.kappa import cohen, fleiss, table_of
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
