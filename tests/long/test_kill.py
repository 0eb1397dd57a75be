"""SIGKILL at random instants of a batch with 50 calls in flight, counted at the service: the benchmark, asserted."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.benchmarks import kill
from tests.benchmarks.measuring import notebook
from tests.benchmarks.service import service

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")]
KILLS = 3
JOBS = 600


@pytest.mark.parametrize("retry_unknown", [True, False])
def test_no_answer_is_lost_and_no_call_repeated_that_was_not_in_flight(tmp_path: Path, retry_unknown: bool) -> None:
    """Killed at whatever instant: every answer is found again, and only what was out is called twice, if asked for."""
    rng = random.Random(2026)  # python -m tests.benchmarks kill has others
    with service(delay_s=kill.DELAY_S, tally=True) as served, notebook(tmp_path / "kernel") as cell:
        takes_s = kill.whole_s(served, JOBS)
        for number in range(KILLS):
            folder = tmp_path / str(number)
            folder.mkdir()
            killed = kill.kill(
                cell, served, folder, after_s=rng.uniform(0, takes_s), retry_unknown=retry_unknown, jobs=JOBS
            )
            assert killed.lost == 0, killed
            assert killed.in_flight <= kill.AT_ONCE, killed
            assert killed.repeated <= (killed.in_flight if retry_unknown else 0), killed
            assert killed.unknown <= (0 if retry_unknown else kill.AT_ONCE), killed
            assert (killed.done + killed.unknown, killed.pending) == (JOBS, 0), killed
