"""Two texts, word by word."""

from __future__ import annotations

import random
import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.comparing.diff.markup import mark_text
from fh_notebook.comparing.diff.text_diff import TextDifference, compare_runs, compare_texts
from fh_notebook.core.json_values import pretty
from tests.told import numbers_in

# Few words, so that they repeat; and white space, punctuation and signs that are words of their own.
TEXTS = st.lists(
    st.sampled_from(["a", "b", "ab", " ", "  ", "\n", ".", ",", "漢", "字", "é", "\x00"]), max_size=24
).map("".join)


def _text(found: TextDifference, without: str) -> str:
    return "".join(segment.text for segment in found.segments if segment.kind != without)


def _words(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, TEXTS)
def test_the_segments_are_both_texts(here: str, there: str) -> None:
    """This one to the letter, the other but for its white space; and neighbours are of different kinds."""
    found = compare_texts(here, there)
    assert found.to_end
    assert _text(found, "there") == here
    assert _words(_text(found, "here")) == _words(there)
    kinds = [segment.kind for segment in found.segments]
    assert all(one != two for one, two in pairwise(kinds))
    assert all(segment.text for segment in found.segments)


@given(TEXTS)
def test_a_text_is_the_same_as_itself_however_it_is_wrapped(text: str) -> None:
    """White space between words is no difference, and is said."""
    assert compare_texts(text, text).identical
    wrapped = text.replace(" ", "\n ") + "\n"
    found = compare_texts(text, wrapped)
    assert found.same
    assert (str(found) == "same") == found.identical


@given(st.text(max_size=60), st.text(max_size=60), st.integers(0, 30))
def test_a_limit_is_told_and_loses_nothing_of_this_text(here: str, there: str, limit: int) -> None:
    """What was not compared is a segment of its own kind."""
    found = compare_texts(here, there, limit=limit)
    assert _text(found, "there") == here
    if found.to_end:
        assert not any(segment.kind == "uncompared" for segment in found.segments)
    else:
        assert str(found) != str(compare_texts(here, there)), "it says that this is not all"


@pytest.mark.parametrize(
    ("here", "there", "segments"),
    [
        ("the cat sat", "the dog sat", "= the |-dog |+cat |=sat"),
        ("It is late.", "It is late!", "=It is late|-!|+."),
        ("", "new words", "-new words"),
        ("new words", "", "+new words"),
        ("a b c d", "c d a b", "+a b |=c d|-a b"),
        ("漢字である", "漢語である", "=漢|-語|+字|=である"),
    ],
)
def test_what_is_found_is_what_a_person_would_say(here: str, there: str, segments: str) -> None:
    """Words, not letters; punctuation apart from words; signs of Chinese and Japanese one by one."""
    signs = {"same": "=", "here": "+", "there": "-"}
    said = "|".join(signs[s.kind] + s.text for s in compare_texts(here, there).segments)
    assert said.replace(" ", "") == segments.replace(" ", "")


def test_a_difference_is_said_in_one_line() -> None:
    """With the number of words on each side."""
    assert str(compare_texts("one two", "one two")) == "same"
    assert numbers_in(compare_texts("one two", "one three four")) == ["1", "2"]
    assert compare_texts("one two", "one three four").words == (1, 2)


def test_what_is_the_same_to_the_end_is_one_line() -> None:
    """Which says how long it is; no fold around it counts 0 more characters."""
    same = "The parcel is late. " * 60
    page = mark_text(compare_texts(f"Alpha {same}", f"Beta {same}"), cap=9_999, whole="", both=True)
    assert page.count("<summary") == 1
    assert re.search(r"<summary[^>]*>… 1,040 [^\d<]*…</summary>", page)


def _worst_of(texts: list[tuple[str, str]]) -> float:
    worst = 0.0
    for here, there in texts:
        began = time.thread_time()
        found = compare_texts(here, there)
        worst = max(worst, time.thread_time() - began)
        assert _text(found, "there") == here
    return worst


@pytest.mark.long
def test_texts_of_many_megabytes_take_hardly_longer_than_short_ones() -> None:
    """Random ones, one endless word, two words in all orders: 20 times the text is not 10 times the time."""
    chance = random.Random(5)

    def texts(size: int) -> list[tuple[str, str]]:
        many = [" ".join(f"w{chance.randrange(5_000)}" for _ in range(size // 6)) for _ in "12"]
        few = [" ".join(chance.choices("abcdef", k=size // 2)) for _ in "12"]
        return [
            (many[0], many[1]),
            (few[0], few[1]),
            ("a " * (size // 2), "b " * (size // 2)),
            ("x" * size, "x" * (size - 1) + "y"),
        ]

    short = _worst_of(texts(125_000))
    assert _worst_of(texts(2_500_000)) < 10 * short


def test_one_word_in_the_middle_of_five_megabytes_is_found() -> None:
    """What is before and behind it is taken off first, so the limit does not cut it off."""
    before, behind = "word " * 500_000, "other " * 400_000
    found = compare_texts(before + "here " + behind, before + "there " + behind)
    assert found.to_end
    assert found.words == (1, 1)
    assert len(found.segments) == 4


def test_json_outputs_are_compared_by_their_pretty_text() -> None:
    """The order of names, and whether it came as text or in a fence, are no difference."""
    one = fh.Run(status="completed", output={"label": "billing", "tags": ["a", "b"]})
    for other in ('{"tags": ["a", "b"], "label": "billing"}', '```json\n{"label":"billing","tags":["a","b"]}\n```'):
        assert compare_runs(one, fh.Run(status="completed", output=other)).identical
    changed = compare_runs(one, fh.Run(status="completed", output={"label": "delivery", "tags": ["a", "b"]}))
    assert [s.text for s in changed.segments if s.kind in ("here", "there")] == ["delivery", "billing"]


@pytest.mark.parametrize("output", [None, "", "{broken", "[1, 2", "`", 3, True, {"a": {1: 2, "b": 3}}])
def test_any_output_can_be_compared_to_any(output: object) -> None:
    """Also what is no JSON though it begins so, and names that cannot be sorted."""
    for other in (None, "text", {"a": 1}):
        runs = [fh.Run(status="completed", output=o) for o in (output, other)]
        assert compare_runs(runs[0], runs[1]).to_end


def test_the_pretty_text_of_a_large_value_is_not_made_whole() -> None:
    """A hundred times the value takes the same time to its limit."""

    def seconds(rows: int) -> float:
        value = [{"a": "text"}] * rows
        began = time.thread_time()
        text, whole = pretty(value, limit=10_000)
        assert (len(text), whole) == (10_000, False)
        return time.thread_time() - began

    few, many = (min(seconds(rows) for _ in range(5)) for rows in (1_000, 100_000))
    assert many < 10 * few


def test_a_large_json_output_says_that_it_was_not_compared_to_the_end() -> None:
    """Its text is made up to a limit only."""
    runs = [fh.Run(status="completed", output=[[n] * 40 for n in range(8_000)] + [end]) for end in "xy"]
    found = compare_runs(*runs)
    assert found.same
    assert str(found) != "same"


def test_a_value_nested_deeper_than_python_writes_is_cut() -> None:
    """And raises nothing."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert pretty(deep, limit=1_000_000)[1] is False
