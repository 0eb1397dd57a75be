"""Random histories of two kernels that share a store: batch, re-run, forget, replace, reuse and kill.

A few of them by default; ``FH_HISTORIES=1`` goes through two hundred, and ``FH_HISTORIES=20270101`` through two hundred
from that seed on. A failure tells its seed, its steps and what lies in the store; ``FH_HISTORY_SEED=7`` goes through
that history alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batching.histories import History, Tally, kernels

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX"),
]

ALONE = os.environ.get("FH_HISTORY_SEED")
MANY = os.environ.get("FH_HISTORIES")
SEED = int(MANY) if MANY and MANY != "1" else 20_261_127
PARTS, HISTORIES = (8, 25) if MANY and ALONE is None else (1, 12)


STEPS = ("kills_with_calls_out", "forgets", "replaces", "refused", "resumed")


@pytest.fixture(scope="module")
def tallies() -> Iterator[list[Tally]]:
    """Collect what the parts did; each kind of step has occurred in them together, if not in each."""
    tallies: list[Tally] = []
    yield tallies
    if ALONE is None:
        assert all(sum(getattr(tally, step) for tally in tallies) for step in STEPS), tallies


@pytest.mark.parametrize("part", range(PARTS))
def test_histories_of_two_kernels_lose_no_answer_and_pay_for_none_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tallies: list[Tally], part: int
) -> None:
    """No answer is lost, shown under another row, or paid for twice, whatever two kernels do and whoever is killed."""
    tally = Tally()
    first = SEED + part * HISTORIES
    seeds = range(first, first + HISTORIES) if ALONE is None else [int(ALONE)]
    with kernels(tmp_path) as both:
        for seed in seeds:
            History(seed, both, tmp_path, tally).run()
    with capsys.disabled():
        print(f"\nseeds {seeds[0]} to {seeds[-1]}: {tally}")
    assert tally.histories == len(seeds)
    tallies.append(tally)
