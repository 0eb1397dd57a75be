"""`fh.power` for a race and for a fixed comparison."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import fh_notebook as fh
from fh_notebook.comparing.stats.pairs import power_of_mcnemar
from fh_notebook.errors import InputError
from tests.racing.quiz import Quiz, questions


def frame_of(table: np.ndarray) -> pd.DataFrame:
    rows, variants = table.shape
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(rows), variants),
            "variant": ["a", "b", "c"][:variants] * rows,
            "score": table.ravel(),
        }
    )


def test_assumed_rates_give_both_ways() -> None:
    """0.6 against 0.8: the fixed plan of 118 rows, a race of a median some 60 % of it, and what looking costs."""
    needs = fh.power(rates={"weak": 0.6, "strong": 0.8})
    assert needs.variants == ("strong", "weak")
    assert (needs.fixed_rows, needs.fixed_calls) == (118, 236)
    assert 0.5 <= needs.race_rows / 118 <= 0.72
    assert needs.race_calls < 0.85 * 236
    assert 0.65 < needs.found_by_plan < 0.9 < needs.race_rows_high / 118
    assert re.search(r" 118 rows \(236 calls\) .* 90 % ", str(needs))
    assert needs.table["way"].tolist() == ["fixed comparison", "race"]


def test_the_power_of_the_exact_test_is_that_of_a_peer() -> None:
    """Counted against scipy's binomial test, outcome by outcome."""
    rows, won, lost = 40, 0.35, 0.1
    expected = 0.0
    for n in range(rows + 1):
        found = [k for k in range(n // 2 + 1) if n and stats.binomtest(k, n).pvalue < 0.05 and 2 * k < n]
        chance = stats.binom.pmf(found, n, lost / (won + lost)).sum() if found else 0.0
        expected += stats.binom.pmf(n, rows, won + lost) * chance
    assert power_of_mcnemar(rows, won, lost, alpha=0.05) == pytest.approx(expected, abs=1e-9)


def test_a_pilot_batch_tells_what_a_race_like_it_needs() -> None:
    """Rows are drawn from the pilot's; a difference of one's own may take the place of the one seen."""
    quiz = Quiz({"weak": 0.5, "strong": 0.9})
    pilot = fh.batch(questions(40), "quiz", client=quiz.hive.client(), progress=False)
    needs = fh.power(pilot, races=100)
    assert needs.variants == ("strong", "weak")
    assert needs.race_rows < needs.fixed_rows < 60
    assert quiz.calls == 80
    assert fh.power(fh.compare(pilot), races=100) == needs
    smaller = fh.power(pilot, difference=0.1, races=50)
    assert smaller.difference == pytest.approx(0.1, abs=0.001)
    assert smaller.fixed_rows > 2 * needs.fixed_rows


@pytest.mark.parametrize("numbers", [False, True])
def test_a_comparison_and_a_plan_by_it_need_the_same_rows(numbers: bool) -> None:
    """`cmp.power()` of a comparison and `fh.power` by it as a pilot are one computation, also for
    another difference.
    """
    rng = np.random.default_rng(3)
    table = np.clip(rng.normal((0.4, 0.55), 0.2, (60, 2)), 0, 1) if numbers else rng.random((60, 2)) < (0.5, 0.65)
    cmp = fh.compare(frame_of(table.astype(float)), score="score")
    assert fh.power(cmp, races=2, power=0.8).fixed_rows == cmp.power()["rows_needed"].iloc[0]
    if not numbers:
        planned = fh.power(cmp, races=2, power=0.8, difference=0.15).fixed_rows
        assert planned == pytest.approx(cmp.power(difference=0.15)["rows_needed"].iloc[0], rel=0.01)


def test_what_was_not_played_is_not_claimed() -> None:
    """A difference so small that the plan has more rows than a race on paper is played."""
    needs = fh.power(rates=[0.5, 0.51], races=20)
    assert needs.rows_played == 3_000 < needs.fixed_rows
    assert re.search(r"; \D* 3,000 rows\. \w+ 3,000 rows\b", str(needs))


def test_a_slip_is_told_by_the_name_of_its_option() -> None:
    """Not by that of a race's."""
    pilot = frame_of(np.tile([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], (4, 1)))
    with pytest.raises(fh.SettingsError, match=r"^difference is 3\.0"):
        fh.power(pilot, score="score", difference=3.0)
    for races in (0, 2.5, True):
        with pytest.raises(InputError, match=rf"races is {races}; .* 1 to 1,000,000"):
            fh.power(rates=[0.6, 0.8], races=races)  # type: ignore[arg-type]  # on purpose


def test_numbers_and_ranks_have_their_plans_too() -> None:
    """Scores between 0 and 1 by their spread; of anything else, who is ahead."""
    rng = np.random.default_rng(0)
    table = np.clip(rng.normal((0.4, 0.55), 0.2, (60, 2)), 0, 1)
    needs = fh.power(frame_of(table), score="score", races=60)
    apart = table[:, 1] - table[:, 0]
    z = stats.norm.ppf(0.975)
    assert needs.fixed_rows == math.ceil(((z + stats.norm.ppf(0.9)) * apart.std(ddof=1) / apart.mean()) ** 2 + z**2 / 2)
    ranked = fh.power(frame_of(100 * table), score="score", bounds="ranks", races=60)
    assert ranked.variants == ("b", "a")
    assert math.isfinite(ranked.fixed_rows)
    three = fh.power(frame_of(np.clip(rng.normal((0.2, 0.3, 0.6), 0.2, (60, 3)), 0, 1)), score="score", races=60)
    assert three.variants[0] == "c"


@pytest.mark.long
def test_a_pilot_over_partitions_is_refused_with_the_cure() -> None:
    """Its rows are elsewhere, and a race on paper draws from them."""
    frames = pytest.importorskip("dask.dataframe")
    pilot = frames.from_pandas(frame_of(np.tile([[0.0, 1.0], [1.0, 1.0]], (6, 1))), npartitions=2)
    with pytest.raises(InputError, match="; "):
        fh.power(pilot, score="score")


def test_no_difference_needs_no_number() -> None:
    """Then no number of rows is enough, and it is said."""
    assert math.isinf(fh.power(rates=[0.5, 0.5], races=20).fixed_rows)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "fh.power(rates="),
        ({"rates": [0.5]}, "fh.power(rates="),
        ({"rates": [0.5, 1.5]}, "2 is 1.5"),
        ({"rates": [0.5, 0.6], "power": 1}, "power is 1"),
        ({"rates": [0.5, 0.6], "difference": 0.1}, "difference="),
        ({"pilot": frame_of(np.ones((3, 2))), "score": "score"}, " 3 rows "),
        ({"pilot": frame_of(9 * np.ones((8, 2))), "score": "score"}, " bounds="),
        ({"pilot": frame_of(np.ones((8, 2))).drop(columns="score").assign(output="x")}, "score="),
    ],
)
def test_what_cannot_be_meant_is_told(arguments: dict[str, Any], told: str) -> None:
    """In one line, with the cure."""
    with pytest.raises(InputError, match=told.replace("(", r"\(")):
        fh.power(**arguments)
