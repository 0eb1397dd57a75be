"""A bounded run of the fuzzing, with other values each time; `tests/security/fuzz.py` has the command for a long one."""

from __future__ import annotations

import random

import pytest

from tests.security.fuzz import TARGETS, fuzz

SECONDS = 8.0


@pytest.mark.long
@pytest.mark.parametrize("target", TARGETS)
def test_any_text_is_read_or_refused(target: str) -> None:
    """Seconds of torn texts: a value or an error of ours, in bounded time, and nothing else happens."""
    start = random.SystemRandom().randrange(2**32)
    print(f"{target}: the seed is {start}")
    assert fuzz(target, seconds=SECONDS, start=start) > 0
