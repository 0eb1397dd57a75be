"""The progress of a batch as text: what the line says, when it is drawn, and where."""

from __future__ import annotations

import asyncio
import io
import os
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.batching.model import JobCounts
from fh_notebook.batching.progress.display import NoProgress, TextProgress, progress_of
from fh_notebook.batching.progress.refresh import BEAT_S, RateEstimator, RefreshTimer
from fh_notebook.batching.progress.state import ProgressState, outcome_parts
from fh_notebook.contract.callbacks import NO_STEPS, WaitingSteps
from fh_notebook.core.text.messages import PYTHON, Audience
from fh_notebook.errors import SettingsError
from tests.told import facts, numbers_in, tells
from tests.virtual_time import run_virtually


@dataclass
class Planned:
    """A plan of rows in two variants."""

    rows: int | None = 50
    variants: tuple[str, ...] = ("a", "b")
    repeats: int = 1

    def __str__(self) -> str:
        return "triage: the plan"


@dataclass
class Batch:
    """What a display may ask of a batch, at one moment."""

    counts: JobCounts = field(default_factory=lambda: JobCounts(planned=100, pending=100))
    name: str = "triage-1"
    in_flight: int = 0
    limit: int = 4
    max_concurrency: int | None = None
    admits: int | None = None
    falls_short: int | None = None
    calls_left: int | None = 100
    paused: bool = False
    waiting_until: datetime | None = None
    waits: int = 0
    steps: WaitingSteps = NO_STEPS
    blocks: bool = True
    audience: Audience = PYTHON
    planned: Planned = field(default_factory=Planned)

    def plan(self) -> Planned:
        return self.planned

    def summary(self) -> str:
        return f"{self.name}: the end"

    def pause(self) -> None:
        self.paused = True

    def unpause(self) -> None:
        self.paused = False

    def cancel(self) -> None:
        raise AssertionError("a display cancels nothing by itself")

    def answer(self, done: int, *, out: int = 3) -> None:
        """Be as far as `done` answers, of calls that never fail."""
        planned = self.counts.planned
        self.counts = JobCounts(planned=planned, done=done, pending=planned - done, calls=done + out)
        self.calls_left, self.in_flight = planned - done, out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _shown(stream: io.StringIO) -> None:
    clock = Clock()
    batch = Batch(counts=JobCounts(planned=104, pending=104), calls_left=104)
    progress = TextProgress(stream, clock=clock)
    progress.begin(batch)
    for done in range(1, 101):
        clock.now += 0.125  # a number that adds up exactly
        batch.answer(done)
        progress.update(batch)
    progress.end(batch)


# --- lines


def test_a_line_of_text_says_how_many_runs_wait_for_a_decision() -> None:
    """With what a person there can do: in a program that waits for the batch, nothing can be typed."""
    waiting = JobCounts(planned=9, done=2, unknown=3, waiting=2, pending=4, calls=5)
    batch = Batch(counts=waiting, waits=3)
    for batch.blocks, where in ((True, "Fetch Hive"), (False, "batch.approvals()")):
        line = str(ProgressState.of(batch, rate=None, remaining_s=None, refused=""))
        assert tells(line, "2 of 9", "1", "4 pending", "100 calls", "3", where)
    asked = WaitingSteps.of(["finance: Refund\n7?", "legal: Send?"], origin="api.test")
    batch.waits, batch.steps = 5, asked
    line = str(ProgressState.of(batch, rate=None, remaining_s=None, refused=""))
    steps = ("2", "e-mail", "Telegram", "finance: Refund 7?", "legal: Send?")
    assert tells(line, "3", "batch.approvals()", *steps)
    batch.waits = 2
    line = str(ProgressState.of(batch, rate=None, remaining_s=None, refused=""))
    assert (tells(line, *steps), "batch.approvals()" in line) == (True, False)
    for batch.waits, has_forecast in ((101, True), (102, False)):  # 2 of these were answered
        state = ProgressState.of(batch, rate=8, remaining_s=3, refused="")
        assert (tells(state.rest, "8 calls/s"), tells(state.rest, "3 s")) == (has_forecast, has_forecast)


def test_a_run_that_waits_for_a_decision_is_not_in_progress_as_well() -> None:
    """It is counted once, also before its row is answered; and the numbers still add up."""
    counts = JobCounts(planned=3, done=1, pending=2)
    values = {"in_flight": 2, "calls_left": 2, "rate": 0.8, "remaining_s": 2.5}
    for waits, how_far in (
        (0, {"completed": ["1", "3"], "pending": ["2"]}),
        (1, {"completed": ["1", "3"], "waiting": ["1"], "pending": ["1"]}),
        (2, {"completed": ["1", "3"], "waiting": ["2"]}),
    ):
        state = ProgressState(name="t", counts=counts, waits=waits, **values)
        assert {kind: numbers_in(part) for kind, part in state.how_far_parts.items()} == how_far
        line = str(state)
        assert all(part in line for kind, part in state.how_far_parts.items() if kind != "waiting")
        assert (numbers_in(line)[-1], "batch.approvals()" in line) == (str(waits or 2), waits > 0)  # 2 seconds are left
        assert ("calls/" in line) == (waits < 2)


def test_no_rate_is_told_of_one_answer_or_of_less_than_a_second() -> None:
    """It would be that of chance, and only fall while a person is waited for."""
    for answers, seconds, is_told in ((1, 60, False), (2, 60, False), (3, 60, True), (30, 0.9, False)):
        flow = RateEstimator(0.0, 0)
        for number in range(1, answers + 1):
            flow.note(seconds * number / answers, number)
        assert (flow.rate(seconds) is not None) == is_told


@given(st.lists(st.integers(0, 9), min_size=6, max_size=6))
def test_the_numbers_of_a_line_add_up_to_all_jobs(numbers: list[int]) -> None:
    """Each job is in one of them, also those that are left out since their inputs do not fit."""
    done, failed, invalid, lost, waiting, pending = numbers
    counts = JobCounts(
        planned=sum(numbers), done=done, failed=failed + invalid, invalid=invalid, unknown=lost + waiting,
        waiting=waiting, pending=pending,
    )  # fmt: skip
    said = outcome_parts(counts)
    assert sum(int(text.split()[0]) for text in said.values()) == sum(numbers)
    assert tells(said["completed"], f"{done} of {sum(numbers)}")
    kinds = dict(zip(("failed", "invalid", "unknown", "waiting", "pending"), numbers[1:], strict=True))
    assert said.keys() == {"completed", *(kind for kind, number in kinds.items() if number)}


def test_elsewhere_than_in_a_terminal_it_is_a_line_every_few_seconds() -> None:
    """The plan, a line each 5 s, the end: twelve seconds of work are four lines."""
    stream = io.StringIO()
    _shown(stream)
    plan, first, second, end = stream.getvalue().splitlines()
    assert (plan, end) == ("triage: the plan", "triage-1: the end")
    assert tells(first, "triage-1", "40 of 104", "64 pending", "3", "8 calls/s", "8 s")
    assert tells(second, "triage-1", "80 of 104", "24 pending", "3", "8 calls/s", "3 s")


def test_in_a_terminal_one_line_is_rewritten_at_most_five_times_a_second() -> None:
    """And what a shorter line would leave of a longer one is wiped out; the end stays."""
    stream = Terminal()
    _shown(stream)
    head, *updates = stream.getvalue().split("\r")[1:]
    assert head == "triage: the plan\n"
    assert 12.5 < len(updates) <= 5 * 12.5
    end = updates[-1]
    assert end.rstrip() == "triage-1: the end"
    assert len(end.rstrip("\n")) >= len(updates[-2].rstrip())
    assert stream.getvalue().count("\n") == 2


LINES: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    (
        {"counts": JobCounts(planned=10, done=4, failed=1, unknown=1, pending=4, reused=2), "calls_left": 4},
        ("4 of 10", "1 failed", "4 pending", "2 reused", "0"),
    ),
    (
        {
            "counts": JobCounts(planned=2000, done=1500, pending=500),
            "in_flight": 100,
            "rate": 480.2,
            "calls_left": 1,
            "remaining_s": 0.2,
        },
        ("1,500 of 2,000", "500 pending", "100", "1 call", "480 calls/s", "1 s"),
    ),
    (
        {
            "counts": JobCounts(planned=24_000, done=11_820, failed=3, pending=12_177),
            "rows_so_far": 12_000,
            "in_flight": 100,
            "rate": 480.0,
        },
        ("11,820", "3 failed", "12,000", "100", "480 calls/s"),
    ),
    (
        {
            "counts": JobCounts(planned=9, done=2, pending=7),
            "calls_left": 7,
            "in_flight": 3,
            "paused": True,
            "rate": 3.0,
            "remaining_s": 2.0,
        },
        ("2 of 9", "7 pending", "3", "paused"),
    ),
    (
        {"counts": JobCounts(planned=9, done=2, pending=7), "calls_left": 7, "paused": True},
        ("2 of 9", "7 pending", "paused"),
    ),
    (
        {
            "counts": JobCounts(planned=90, done=50, pending=40),
            "calls_left": 40,
            "waiting_until": datetime(2026, 11, 26, tzinfo=UTC),
        },
        ("50 of 90", "40 pending", "00:00 UTC"),
    ),
    (
        {"counts": JobCounts(planned=9, done=9), "in_flight": 0, "calls_left": 0, "rate": 3.0, "remaining_s": 0.0},
        ("9 of 9", "0", "3 calls/s"),
    ),
]


@pytest.mark.parametrize(("state", "said"), LINES)
def test_a_line_says_how_far_then_what_is_left_then_what_is_in_the_way(
    state: dict[str, Any], said: tuple[str, ...]
) -> None:
    """In the numbers of the batch; without a forecast where nobody can know or nothing is started."""
    line = str(ProgressState(**{"name": "t", **state}))
    assert (tells(line, *said), line.startswith("t: ")) == (True, True)
    assert ("calls/s" in line) == ("rate" in state and not state.get("paused"))


def test_a_name_cannot_steer_a_terminal() -> None:
    """Whoever chose it."""
    assert "\x1b" not in str(ProgressState(name="\x1b[2Jx\ny", counts=JobCounts()))


def test_a_refused_call_is_said_for_a_while_with_what_it_means() -> None:
    """What the service admits, as far as it is known; where a ceiling is higher, for as long as the batch runs."""
    clock, batch = Clock(), Batch(limit=3, in_flight=3)
    pacer = RefreshTimer(lambda state: None, clock=clock)
    pacer.begin(batch)
    assert pacer.state().held_by == ""
    batch.counts = JobCounts(planned=100, pending=100, calls=4, refused=1)
    assert tells(pacer.state().held_by, "3")
    clock.now = 60.0
    assert pacer.state().held_by == ""
    batch.max_concurrency, batch.admits, batch.falls_short = 8, 3, 3
    assert tells(pacer.state().held_by, "3")
    batch.counts, batch.admits, batch.limit = JobCounts(planned=100, pending=100, calls=5, refused=2), 4, 5
    assert tells(pacer.state().held_by, "4")


def test_what_was_refused_before_the_start_is_not_said_again() -> None:
    """A resumed batch begins afresh."""
    batch = Batch(counts=JobCounts(planned=100, pending=100, refused=7))
    pacer = RefreshTimer(lambda state: None, clock=Clock())
    pacer.begin(batch)
    assert pacer.state().held_by == ""


def test_rows_of_an_iterator_are_counted_as_they_come_and_there_is_no_forecast() -> None:
    """Jobs are rows in each variant; once the end is known, the line is as for any batch."""
    clock = Clock()
    batch = Batch(counts=JobCounts(planned=2000, pending=2000), calls_left=None, planned=Planned(rows=None))
    pacer = RefreshTimer(lambda state: None, clock=clock)
    pacer.begin(batch)
    for _ in range(40):
        clock.now += 0.25
        batch.counts = JobCounts(planned=2000, done=batch.counts.done + 10, pending=1990 - batch.counts.done)
        pacer.update()
    state = pacer.state()
    assert (state.rows_so_far, state.remaining_s) == (1000, None)
    assert state.rate == pytest.approx(40)
    batch.planned, batch.calls_left = Planned(rows=1000), 1600
    assert pacer.state().remaining_s == pytest.approx(40)
    assert pacer.state().rows_so_far is None


# --- the rate and the forecast


def _answers(seconds: Callable[[random.Random], float], *, at_once: int, total: int) -> Iterator[tuple[float, int]]:
    """Yield the moments of the answers of `total` calls, so many at once, each of random `seconds`."""
    chance = random.Random(7)
    ends = sorted(seconds(chance) for _ in range(at_once))
    for done in range(1, total + 1):
        now = ends.pop(0)
        yield now, done
        if done + len(ends) < total:
            ends = sorted([*ends, now + seconds(chance)])


def _forecasts(answers: list[tuple[float, int]]) -> list[tuple[float, float]]:
    """Return what a display that looks four times a second says: the time, and when it believes that all is done."""
    total, flow, told, done, look = answers[-1][1], RateEstimator(0.0, 0), [], 0, 0.25
    for at, number in answers:
        while look < at:
            flow.note(look, done)
            remaining_s = flow.seconds_for(total - done, look)
            told += [] if remaining_s is None else [(look, look + remaining_s)]
            look += 0.25
        done = number
        if flow.is_due(at):
            flow.note(at, done)
    return told


@pytest.mark.parametrize(
    ("seconds", "at_once", "total", "within"),
    [
        (lambda chance: 0.05, 4, 4000, 0.1),
        (lambda chance: chance.uniform(0.5, 1.5), 4, 240, 0.25),
        (lambda chance: 5.0, 50, 1000, 0.1),  # all at once, every 5 s
        (lambda chance: 5 + chance.uniform(0, 0.3), 50, 1000, 0.25),
        (lambda chance: chance.uniform(50, 70), 3, 90, 0.25),
    ],
    ids=["fast", "uneven", "bursts", "uneven bursts", "a minute each"],
)
def test_a_forecast_is_right_and_does_not_jump(seconds: Any, at_once: int, total: int, within: float) -> None:
    """From a tenth of the work on: near the true end, and steady from look to look, also when
    answers come in bursts.
    """
    answers = list(_answers(seconds, at_once=at_once, total=total))
    end = answers[-1][0]
    told = [(now, believed) for now, believed in _forecasts(answers) if 0.15 * end < now < 0.85 * end]
    assert len(told) > 50
    for now, believed in told:
        assert abs(believed - end) <= within * (end - now), (now, believed, end)
    jumps = sorted(abs(b[1] - a[1]) / (end - a[0]) for a, b in pairwise(told))
    assert jumps[int(0.95 * len(jumps))] < 0.08
    assert jumps[-1] < 0.2


def test_a_rate_is_that_of_the_last_seconds() -> None:
    """A limit that has grown tenfold is seen within the window, however long the slow beginning was."""
    flow, total = RateEstimator(0.0, 0), 0
    for quarter in range(1, 1000):
        total += 1 if quarter <= 900 else 10
        flow.note(quarter / 4, total)
        if quarter in (900, 999):
            assert flow.rate(quarter / 4) == pytest.approx(4 if quarter == 900 else 40, rel=0.05)
        else:
            flow.rate(quarter / 4)


def test_a_silence_slows_the_forecast_down() -> None:
    """When nothing comes any more, the rate falls and the end moves away."""
    flow = RateEstimator(0.0, 0)
    for second in range(1, 20):
        flow.note(float(second), 4 * second)
    rates = [flow.rate(19.0 + silent) for silent in (0, 2, 10, 60)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] is not None
    assert rates[-1] < 2


def test_a_pause_does_not_spoil_the_forecast() -> None:
    """An hour of pause is no hour of work: after it the forecast is what it was, until there is news."""
    clock, batch = Clock(), Batch(counts=JobCounts(planned=1000, pending=1000), calls_left=1000)
    pacer = RefreshTimer(lambda state: None, clock=clock)
    pacer.begin(batch)
    for done in range(1, 201):
        clock.now += 0.25
        batch.answer(done)
        pacer.update()
    assert pacer.state().remaining_s == pytest.approx(200, rel=0.05)
    batch.pause()
    pacer.update()
    for _ in range(60):
        clock.now += 60
        assert "calls/s" not in str(pacer.state())
    batch.unpause()
    for done in range(201, 241):
        clock.now += 0.25
        batch.answer(done)
        pacer.update()
        assert pacer.state().remaining_s == pytest.approx(200, rel=0.06)


def test_a_pause_that_nobody_looked_at_is_not_in_the_rate() -> None:
    """Where a line is written every 30 s, a pause may pass between two of them: it is no time in
    which calls were slow.
    """
    clock, batch = Clock(), Batch(counts=JobCounts(planned=1000, pending=1000), calls_left=1000)
    pacer = RefreshTimer(lambda state: None, every_s=5, beat_s=30, clock=clock)
    pacer.begin(batch)
    done = 0

    def answers(number: int) -> None:
        nonlocal done
        for _ in range(number):
            done, clock.now = done + 1, clock.now + 0.25
            batch.answer(done)
            pacer.update()

    answers(200)
    batch.pause()
    pacer.update()
    clock.now += 29
    batch.unpause()
    pacer.update()
    answers(60)
    assert pacer.state().rate == pytest.approx(4, rel=0.06)


# --- when it is drawn


def test_it_is_drawn_when_nothing_happens_and_never_too_often() -> None:
    """Every beat while calls are slow; soon after the last of a burst; nothing after the end."""
    drawn: list[tuple[float, int]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        batch = Batch()
        pacer = RefreshTimer(lambda state: drawn.append((loop.time(), state.counts.done)), clock=loop.time)
        pacer.begin(batch)
        await asyncio.sleep(10)
        for done in range(1, 51):
            batch.answer(done)
            pacer.update()
            await asyncio.sleep(0.001)
        await asyncio.sleep(10)
        pacer.end()
        pacer.update()
        await asyncio.sleep(10)

    run_virtually(main())
    times = [at for at, _ in drawn]
    assert 20 <= len(drawn) <= 24
    assert all(0.25 - 1e-9 <= b - a <= BEAT_S + 1e-9 for a, b in pairwise(times))
    assert next(at for at, done in drawn if done == 50) < 10.4
    assert times[-1] <= 20.1


def test_where_every_line_stays_nothing_is_said_twice() -> None:
    """A call of ten minutes is not a line every few seconds that says the same."""
    stream = io.StringIO()

    async def main() -> None:
        batch = Batch(calls_left=100, in_flight=4)
        progress = TextProgress(stream, clock=asyncio.get_running_loop().time)
        progress.begin(batch)
        await asyncio.sleep(600)
        progress.end(batch)

    run_virtually(main())
    plan, only, end = stream.getvalue().splitlines()
    assert (plan, end) == ("triage: the plan", "triage-1: the end")
    assert tells(only, "triage-1", "0 of 100", "100 pending", "4")


def test_a_display_that_cannot_be_drawn_any_more_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once in the log, and the batch goes on."""
    tries: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def draw(state: ProgressState) -> None:
            tries.append(loop.time())
            raise OSError("the page is gone")

        pacer = RefreshTimer(draw, clock=loop.time)
        pacer.begin(Batch())
        await asyncio.sleep(30)

    run_virtually(main())
    assert len(tries) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]


# --- where


@pytest.mark.skipif(os.name == "nt", reason="terminals are made as POSIX does")
def test_in_a_narrow_terminal_the_line_does_not_wrap() -> None:
    """One that wraps cannot be rewritten: the name goes first, then the end of the line."""
    import pty
    import termios
    from fcntl import ioctl

    reader, writer = pty.openpty()
    try:
        ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        with os.fdopen(writer, "w", closefd=False) as stream:
            clock, batch = Clock(), Batch(name="a-name-that-takes-room")
            progress = TextProgress(stream, clock=clock)
            progress.begin(batch)
            for out in (0, 10**40):
                clock.now += 1
                batch.in_flight = out
                progress.update(batch)
            progress.end(batch)
        said = ""
        while said.count("\n") < 2:
            said += os.read(reader, 10_000).decode()
    finally:
        os.close(reader)
        os.close(writer)
    lines = said.split("\r")
    assert any(line.startswith("0 of 100") and tells(line, "100", "0") for line in lines)
    assert any(line.startswith("0 of 100") and line.rstrip().endswith("…") for line in lines)
    assert all(len(line.rstrip()) < 60 for line in lines)


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
    with pytest.raises(SettingsError, match=facts("progress", "'yes'")):
        progress_of("yes")
