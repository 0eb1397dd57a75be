"""A few random histories of two kernels on one store; `tests/long/test_histories.py` goes through two hundred."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.batching.histories import History, Tally, kernels

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX"),
    pytest.mark.skipif("FH_HISTORIES" not in os.environ, reason="a search by chance, run by hand: FH_HISTORIES=1"),
]

SEED = 2_026
HISTORIES = 4


def test_few_histories_of_two_kernels_lose_no_answer_and_pay_for_none_twice(tmp_path: Path) -> None:
    """Batch, re-run, resume, open, forget, replace, reuse and kill: every rule holds after every step."""
    tally = Tally()
    with kernels(tmp_path) as both:
        for seed in range(SEED, SEED + HISTORIES):
            History(seed, both, tmp_path, tally).run()
    assert tally.histories == HISTORIES
