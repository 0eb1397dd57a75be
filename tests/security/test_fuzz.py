"""A bounded run of the fuzzing, with the same values each time; `tests/security/fuzz.py` has the command for new ones."""

from __future__ import annotations

import gc
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis.strategies import none

from tests.security import fuzz as fuzzing
from tests.security.fuzz import TARGETS, checked, fuzz
from tests.security.watching import watching

SEED = 2026


@pytest.mark.long
@pytest.mark.parametrize("target", TARGETS)
def test_any_text_is_read_or_refused(target: str) -> None:
    """A round of torn texts: a value or an error of ours, in bounded time, and nothing else happens."""
    print(f"{target}: the seed is {SEED}")
    assert fuzz(target, start=SEED, rounds=1) >= 100


def test_what_others_left_is_not_ended_while_somebody_watches(tmp_path: Path) -> None:
    """The collector waits: it would remove a file of another test here, as if the reader of a text had done so."""

    class Left:
        def __init__(self) -> None:
            self.itself = self
            self.file = tmp_path / "left"
            self.file.touch()

        def __del__(self) -> None:
            self.file.unlink()

    gc.disable()
    try:
        Left()
    finally:
        gc.enable()
    with watching() as seen:
        filled: list[list[int]] = [[number] for number in range(200_000)]
    assert len(filled) == 200_000
    assert seen == []
    assert gc.isenabled()
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("watched", [False, True])
def test_threads_that_are_traced_can_start_at_the_same_moment(watched: bool) -> None:
    """As all threads do under coverage: a hook that let another have its turn would make it end before it has run."""
    refused: list[RuntimeError] = []

    def trace() -> None:
        for _ in range(10_000):
            try:
                sys.settrace(None)
            except RuntimeError as error:
                refused.append(error)

    turn = sys.getswitchinterval()
    with watching():
        pass
    sys.setswitchinterval(1e-6)  # other threads' turn as often as can be
    try:
        with watching() if watched else nullcontext():
            threads = [threading.Thread(target=trace) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(turn)
    assert refused == []


@pytest.mark.parametrize("slow", [1, 2])
def test_only_what_takes_long_twice_is_slow(slow: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a machine that stood still is counted as the thread's; a runaway pattern is slow each time."""
    asked: list[Any] = []

    def target(value: Any) -> None:
        asked.append(value)
        until = time.thread_time() + 0.2
        while len(asked) <= slow and time.thread_time() < until:
            pass

    monkeypatch.setattr(fuzzing, "CPU_S", 0.1)
    monkeypatch.setitem(TARGETS, "target", (target, none()))
    with nullcontext() if slow == 1 else pytest.raises(AssertionError, match=r"^took 0\.\d s of processor time"):
        checked("target", "x")
    assert asked == ["x", "x"]
