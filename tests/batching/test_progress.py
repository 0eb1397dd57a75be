"""The progress of a batch as text."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.batching.outcomes import Counts
from fh_notebook.batching.plan import Plan
from fh_notebook.batching.progress import NoProgress, TextProgress, progress_of
from fh_notebook.batching.rows import read_rows
from fh_notebook.errors import SettingsError
from tests.batching.planning import make_plan


@dataclass
class Batch:
    """What a display may ask of a batch, at one moment."""

    counts: Counts = field(default_factory=lambda: Counts(planned=100, pending=100))
    name: str = "triage-1"
    in_flight: int = 0

    def plan(self) -> Plan:
        return make_plan(read_rows([{"t": "x"}]), fh.Deployment("triage", variants=["a"]), workspace="w")

    def summary(self) -> str:
        return f"{self.name}: the end"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _shown(stream: io.StringIO) -> TextProgress:
    clock = Clock()
    batch = Batch()
    progress = TextProgress(stream, clock=clock)
    progress.begin(batch)
    for done in range(1, 101):
        clock.now += 0.125  # a number that adds up exactly
        batch.counts = Counts(planned=100, done=done, pending=100 - done, calls=done)
        batch.in_flight = 3
        progress.update(batch)
    progress.end(batch)
    return progress


def test_elsewhere_than_in_a_terminal_it_is_a_line_every_few_seconds() -> None:
    """The plan, a line each 5 s, the end: twelve seconds of work are four lines."""
    stream = io.StringIO()
    _shown(stream)
    assert stream.getvalue().splitlines() == [
        "triage: 1 row x 1 variant = 1 job; 1 call",
        "triage-1: 40/100, 0 reused, 3 in flight, 8 calls/s, about 8 s left",
        "triage-1: 80/100, 0 reused, 3 in flight, 8 calls/s, about 2 s left",
        "triage-1: the end",
    ]


def test_in_a_terminal_one_line_is_rewritten_at_most_five_times_a_second() -> None:
    """And what a shorter line would leave of a longer one is wiped out."""
    stream = Terminal()
    _shown(stream)
    head, *updates = stream.getvalue().split("\r")[1:]
    assert head == "triage: 1 row x 1 variant = 1 job; 1 call\n"
    assert len(updates) <= 5 * 12.5 + 1
    end = updates[-1]
    assert end.rstrip() == "triage-1: the end"
    assert len(end.rstrip("\n")) >= len(updates[-2].rstrip())


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (Counts(planned=10, done=4, failed=1, unknown=1, pending=4, reused=2), "6/10, 2 failed or unknown, 2 reused"),
        (Counts(planned=2000, done=1500, pending=500), "1,500/2,000, 0 reused"),
    ],
)
def test_a_line_says_what_failed_and_what_cost_nothing(counts: Counts, said: str) -> None:
    """In the numbers of the batch."""
    stream, clock = io.StringIO(), Clock()
    progress = TextProgress(stream, clock=clock)
    clock.now = 6
    progress.update(Batch(counts=counts))
    assert said in stream.getvalue()


def test_a_stream_that_was_closed_does_not_stop_paid_work() -> None:
    """Nobody reads it any more; the batch goes on."""
    stream = io.StringIO()
    progress = TextProgress(stream)
    stream.close()
    progress.begin(Batch())
    progress.end(Batch())


def test_what_is_shown_can_be_chosen() -> None:
    """`True` is text where there is no notebook; a function makes a display of one's own; `False` is silent."""
    assert isinstance(progress_of(True), TextProgress)
    assert isinstance(progress_of(False), NoProgress)
    mine: Any = NoProgress()
    assert progress_of(lambda: mine) is mine
    with pytest.raises(SettingsError, match="progress is 'yes'"):
        progress_of("yes")
