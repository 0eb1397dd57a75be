"""Replies of a judge: many forms are read, none is guessed at, and nothing unreadable is zero."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.comparing.scorers.judge.replies import read_score, read_verdict
from fh_notebook.contract.run import Run

FIVE = (1.0, 5.0)


def _run(output: Any) -> Run:
    return Run(status="completed", output=output)


@pytest.mark.parametrize(
    ("output", "scale", "score"),
    [
        (4, FIVE, 4.0),
        (4.5, FIVE, 4.5),
        ("4", FIVE, 4.0),
        (" **4** ", FIVE, 4.0),
        ("4/5", FIVE, 4.0),
        ("4 out of 5", FIVE, 4.0),
        ("Score: 4", FIVE, 4.0),
        ("**Score:** 4/5\nPolite, but long.", FIVE, 4.0),
        ("The answer is fine.\n\nRating: [[4]]", FIVE, 4.0),
        ("It names 3 of 7 points. I would give it 4 out of 5.", FIVE, 4.0),
        ("Well done.\n4", FIVE, 4.0),
        ("4\nbecause it is polite", FIVE, 4.0),
        ("My score is 4.", FIVE, 4.0),
        ({"score": 4, "reason": "polite"}, FIVE, 4.0),
        ({"Rating": "4"}, FIVE, 4.0),
        ({"result": {"score": 4}}, FIVE, 4.0),
        ({"helpfulness": 4}, FIVE, 4.0),
        ('{"score": 4, "max": 5}', FIVE, 4.0),
        ('```json\n{"score": 4}\n```', FIVE, 4.0),
        ('Here it is: {"score": 4, "reason": "{polite}"} Bye!', FIVE, 4.0),
        (True, None, 1.0),
        ("yes", None, 1.0),
        ("No.", None, 0.0),
        ({"verdict": "pass"}, None, 1.0),
        ("Verdict: incorrect", None, 0.0),
        ("85%", None, 0.85),
        ("85%", (0.0, 100.0), 85.0),
        ("0.5", None, 0.5),
        ("-1", None, -1.0),
        ("0", None, 0.0),
    ],
)
def test_a_score_is_read_in_many_forms(output: Any, scale: Any, score: float) -> None:
    """JSON, prose, fences, brackets."""
    said = read_score(_run(output), scale=scale)
    assert (said.value, said.error) == (score, "")


@pytest.mark.parametrize(
    ("output", "scale"),
    [
        ("It is good.", FIVE),
        ("", FIVE),
        (None, FIVE),
        ([], FIVE),
        ([4], FIVE),
        ({}, FIVE),
        ({"score": None}, FIVE),
        ({"score": "four"}, FIVE),
        ({"score": float("nan")}, None),
        ({"score": 10**400}, None),
        ({"a": 4, "b": 5}, FIVE),
        ("7", FIVE),
        ({"score": 0}, FIVE),
        ("yes", FIVE),
        ("80%", FIVE),
        ("4/10", FIVE),
        ("4/5", None),
        ("4,5", FIVE),
        ("Score: 4,5", FIVE),
        ("Score: 1-5", FIVE),
        ("Score: 3\nOn second thoughts, Score: 4", FIVE),
        ("Between 3 and 4", FIVE),
        ("I found 3 errors", FIVE),
        ("[[3]] or [[4]]", FIVE),
        ("Verdict: not correct", None),
        ('{"score": 3} {"score": 4}', FIVE),
        ("3\nor rather\n4", FIVE),
        ("v4", FIVE),
        ("Score: 4x", FIVE),
    ],
)
def test_what_could_mean_two_things_or_none_is_unreadable(output: Any, scale: Any) -> None:
    """With its text in the reason; never zero."""
    said = read_score(_run(output), scale=scale)
    assert said.value is None
    assert said.problem is not None
    assert said.problem.keyword == "unreadable"


def test_a_reason_comes_along_and_a_path_says_where() -> None:
    """The judge's own words."""
    output = {"judgement": {"points": 3}, "score": 5, "explanation": "polite"}
    assert read_score(_run(output), path=("judgement", "points"), scale=FIVE).value == 3.0
    assert read_score(_run(output), scale=FIVE).reason == "polite"
    assert read_score(_run(output), path=("judgement", "missing")).value is None


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        ("A", "a"),
        ("b.", "b"),
        ("[[A]]", "a"),
        ("Both are fine, but B is shorter.\n[[B]]", "b"),
        ("[[C]]", "tie"),
        ("Winner: B", "b"),
        ("**Winner:** Assistant A", "a"),
        ("The better is output_b", "b"),
        ("Response B", "b"),
        ("tie", "tie"),
        ("Equal", "tie"),
        ({"winner": "A", "reason": "shorter"}, "a"),
        ({"winner": "output_a"}, "a"),
        ({"verdict": "neither"}, "tie"),
        ({"choice": 2}, "b"),
        ('```json\n{"preferred": "second"}\n```', "b"),
        ("I compared them.\nB", "b"),
    ],
)
def test_a_verdict_is_read_in_many_forms(output: Any, verdict: str) -> None:
    """MT-Bench's brackets among them."""
    assert read_verdict(_run(output)).value == verdict


@pytest.mark.parametrize(
    "output",
    ["a better answer would be shorter", "A or B", "[[A]] [[B]]", "", None, {}, {"winner": None}, {"winner": "x"}, "Winner: A\nWinner: B", 3, True],
)  # fmt: skip
def test_a_verdict_that_is_none_is_unreadable(output: Any) -> None:
    """Not a tie."""
    said = read_verdict(_run(output))
    assert said.value is None
    assert said.problem is not None
    assert said.problem.keyword == "unreadable"


HOSTILE = st.text(alphabet="[]{}score:4/5 ab\n*\"'winer", max_size=60)


@given(output=HOSTILE | st.recursive(st.none() | st.integers() | HOSTILE, st.lists, max_leaves=4))
def test_no_answer_raises_and_every_one_has_a_score_or_a_reason(output: Any) -> None:
    """Whatever a model wrote."""
    for said in (read_score(_run(output), scale=FIVE), read_verdict(_run(output))):
        assert (said.value is None) == bool(said.error)


@pytest.mark.parametrize(
    "text", ["score" + " " * 99_000, "{" * 99_000, "[[" * 49_000, "4/" * 49_000, "4 out of " * 11_000]
)
def test_a_hostile_answer_does_not_keep_the_reader_busy(text: str) -> None:
    """Seconds would be a hang for a batch of them; and beyond the cap nothing is read."""
    began = time.thread_time()
    assert read_score(_run(text), scale=FIVE).value is None
    assert read_verdict(_run(text)).value is None
    assert time.thread_time() - began < 20  # milliseconds; a quadratic reader needs minutes
    problem = read_score(_run("x" * 100_001)).problem
    assert problem is not None
    assert (problem.keyword, "100,000" in problem.hint) == ("maxLength", True)
