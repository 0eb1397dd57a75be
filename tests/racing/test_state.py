"""State of a race after some rows, and the sentence that says it."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from fh_notebook.racing.display import RaceCost, interval_notes, progress_line, verdict
from fh_notebook.racing.scores import ScoreScale
from fh_notebook.racing.state import RaceState, pairs_table, summary_table
from tests.racing.overtaken import overtaken
from tests.told import numbers_in

SPENT = RaceCost(calls=8, left=20, reused=3, all_rows=40, all_calls=80, counted_calls=7)


def tally_of(rows: object, *, variants: int = 2, **options: object) -> RaceState:
    given = {"scale": ScoreScale(), "alpha": 0.05} | options
    tally = RaceState([f"v{n}" for n in range(variants)], **given)  # type: ignore[arg-type]
    for row in np.asarray(rows, dtype=float):
        tally.take(row)
    return tally


def drawn(rates: tuple[float, ...], rows: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((rows, len(rates))) < rates).astype(float)


def test_it_is_the_same_however_often_somebody_looked() -> None:
    """A tally that was shown after every row and one that never was: the same tables and the same intervals."""
    rows = drawn((0.5, 0.7), 57)
    watched, alone = tally_of([]), tally_of(rows)
    for row in rows:
        watched.take(row)
        watched.path(0, 1)
        watched.pair(1, 0)
    assert watched.path(0, 1) == alone.path(0, 1)
    assert pairs_table(watched).equals(pairs_table(alone))


@pytest.mark.long
def test_an_interval_is_that_of_its_rows_when_more_are_taken_while_somebody_looks() -> None:
    """What was seen while rows came in stays as it was, and what is seen later is that of a race nobody watched."""
    rows = drawn((0.5, 0.6), 57)
    watched, alone = overtaken(rows[:20], rows[20:]), tally_of(rows)
    while watched.coming:
        seen = watched.path(0, 1)
        assert seen == tally_of(rows[: seen[-1][0]]).path(0, 1)
    assert watched.path(0, 1) == alone.path(0, 1)
    assert pairs_table(watched).equals(pairs_table(alone))
    assert watched.rows == 57


def test_the_confidence_sequence_only_narrows_and_turns_with_the_pair() -> None:
    """Each interval is within the one before it; from the other side it is the same with its sign turned."""
    tally = tally_of(drawn((0.4, 0.5, 0.6), 60), variants=3)
    path = tally.path(0, 2)
    assert [row for row, _, _ in path][-1] == tally.rows
    for (_, low, high), (_, lower, higher) in zip(path[1:], path, strict=False):
        assert lower <= low <= high <= higher
    assert tally.path(2, 0) == [(row, -high, -low) for row, low, high in path]


def test_after_the_end_nothing_is_taken() -> None:
    """Rows that come in late change nothing."""
    tally = tally_of([[0, 1]] * 30)
    assert (tally.ending, tally.rows, tally.winner, tally.dropped) == ("winner", 8, "v1", {"v0": 8})


def test_numbers_are_told_in_their_own_unit() -> None:
    """Between bounds of 10 and 30 a lead of 5 is told as 5, and where less is better b - a keeps its sign."""
    rows = [[15.0, 20.0]] * 6
    more = tally_of(rows, scale=ScoreScale.of((10, 30), lower=False))
    less = tally_of(rows, scale=ScoreScale.of((10, 30), lower=True))
    assert summary_table(more)["mean"].tolist() == summary_table(less)["mean"].tolist() == [15.0, 20.0]
    for tally, ahead in ((more, "v1"), (less, "v0")):
        line = pairs_table(tally).iloc[0]
        assert (line["difference"], line["ahead"]) == (pytest.approx(5.0), ahead)
        assert line["ci_low"] <= 5.0 <= line["ci_high"]
    assert less.variants[less.leader()] == "v0"
    ranked = tally_of(rows, scale=ScoreScale.of("ranks", lower=True))
    assert summary_table(ranked)["mean"].tolist() == [15.0, 20.0]
    assert pairs_table(ranked).iloc[0]["ahead"] == "v0"


@pytest.mark.parametrize(
    ("tally", "ending", "why", "says"),
    [
        (lambda: tally_of([[0, 1]] * 8), "winner", "", r"v1 .* 8 of 40 rows \(8 of 80 calls, 3 reused\)\."),
        (lambda: tally_of([[0, 1]] * 5), "budget spent", "5 calls", r".* 5 of 40 rows \(8 of 80 calls, 3 reused\): v1 .* v0 by 100\.0 points \(95 % .*\); \w+ 3 .*\. .*: 5 calls\."),
        (lambda: tally_of([[0, 1], [1, 0]]), "budget spent", "x", r".* 2 of 40 rows .*: v0 and v1 .*95 % .*: x\."),
        (lambda: tally_of([[np.nan, 1]]), "interrupted", "x", r".* 1 of 40 rows .*v1 and v0\. .*: x\."),
        (lambda: tally_of([]), "budget spent", "the cap", r".* 0 of 40 rows [^.]*\. .*: the cap\."),
        (lambda: tally_of([[1, 1]] * 200, min_difference=0.1), "no difference", "", r".* 10 points .*v0 and v1 .* of 40 rows \(8 of 80 calls, 3 reused\)\."),
        (lambda: tally_of([[0, 1]] * 3 + [[1, 0]] * 2 + [[1, 1]] * 3_000), "budget spent", "x", r".*: v1 .* v0 by less than 0\.1 points \([^)]*\); \D*\. .*: x\."),
    ],
)  # fmt: skip
def test_each_ending_has_its_sentence(tally: Callable[[], RaceState], ending: str, why: str, says: str) -> None:
    """Who wins, what is left out, what is lacking, and why it stopped."""
    said = verdict(tally(), ending=ending, why=why, spent=SPENT)
    assert re.fullmatch(says, said)


def test_who_was_beaten_though_an_interval_reaches_0_is_explained() -> None:
    """The intervals of all pairs hold at once, which is more than is claimed of who is beaten; it is said."""
    tally = tally_of([[0, 0, 0, 1]] * 12, variants=4)
    assert tally.winner == "v3"
    [note] = interval_notes(tally)
    assert numbers_in(note) == ["6", "0"]
    assert interval_notes(tally_of([[0, 1]] * 8)) == ()


def test_the_running_line_has_calls_evidence_and_who_is_out() -> None:
    """In one line: how far, what was spent, what is left at the most, evidence against its bar."""
    tally = tally_of([[0, 1, 1]] * 11, variants=3)
    assert re.fullmatch(r"11 of 40 \D*; 8 \D*, 3 \D*20 \w+; [^:]*\b20\): v1 .*; \w+: v0", progress_line(tally, SPENT))


def test_about_how_many_rows_more_is_right_for_rows_like_these() -> None:
    """Feeding on rows like those seen decides it at about the row that was told."""
    rows = [[0, 1], [1, 1], [0, 1], [0, 0]] * 2
    tally = tally_of(rows)
    told = tally.pair(0, 1).rows_more
    begun = tally.rows
    for row in rows * 40:
        tally.take(np.array(row, dtype=float))
    assert tally.winner == "v1"
    assert tally.rows - begun == pytest.approx(told, abs=4)
