"""The pure model of a rating: what a key does, in milliseconds, without a page, a store or a clock."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.comparing.rating.questions import PAIR, Item, Question, question_named, question_of
from fh_notebook.comparing.rating.rating_session import KeyEvent, RatingSession
from fh_notebook.errors import InputError
from fh_notebook.store.tables.ratings import RatingRow
from tests.told import numbers_in

CLIENT = "ab" * 12


def _items(number: int, *, alone: bool = False) -> list[Item]:
    return [
        Item(id=f"{n:032x}", row=n, a="x", b=None if alone else "y", line_a=2 * n, line_b=None if alone else 2 * n + 1)
        for n in range(number)
    ]


def _session(number: int = 20, kind: Question = PAIR, **options: Any) -> RatingSession:
    return RatingSession(_items(number, alone=not kind.is_pair), kind, rater=options.pop("rater", "anna"), **options)


def _do(session: RatingSession, *events: KeyEvent, now: float = 100.0) -> tuple[RatingRow, ...]:
    change = session.plan(events, now=now)
    session.accept(change)
    return change.lines


def _key(seq: int, n: int, choice: str, **rest: Any) -> KeyEvent:
    return KeyEvent(client=CLIENT, seq=seq, n=n, choice=choice, **rest)


def test_the_order_is_by_chance_the_same_again_and_another_persons_sides_are_their_own() -> None:
    """Items come in one order for everybody of a seed; which is on the left differs from person to person."""
    first, again, other = _session(200), _session(200), _session(200, rater="ben")
    assert [i.id for i in first.items] == [i.id for i in again.items] == [i.id for i in other.items]
    assert [i.row for i in first.items] != list(range(200))
    sides = [[s.is_swapped(n) for n in range(200)] for s in (first, again, other)]
    assert sides[0] == sides[1] != sides[2]
    assert 60 < sum(sides[0]) < 140
    assert [i.id for i in _session(200, seed=1).items] != [i.id for i in first.items]


def test_a_key_is_a_place_and_what_is_kept_is_the_variant() -> None:
    """The left one is `b` where the order was turned; what was shown is kept beside it."""
    session = _session(50)
    lines = _do(session, *(_key(n + 1, n, "1") for n in range(50)))
    assert {(line.shown, line.choice) for line in lines} == {("ab", "a"), ("ba", "b")}
    assert (session.rated, session.left) == (50, 0)


def test_what_is_no_key_comes_to_nothing() -> None:
    """A key of another question, an item that is not there, a seconds that is none, a message that is none."""
    session = _session(3)
    assert _do(session, _key(1, 0, "3"), _key(2, 7, "1"), _key(3, -1, "1"), _key(4, 0, "x"), _key(5, 0, "²")) == ()
    bad: list[Any] = [
        None, [], {}, {"client": "x", "seq": 1, "n": 0, "choice": "1"}, {"client": CLIENT, "seq": True, "n": 0, "choice": "1"},
        {"client": CLIENT, "seq": 0, "n": 0, "choice": "1"}, {"client": CLIENT, "seq": 1, "n": 0.0, "choice": "1"},
        {"client": CLIENT, "seq": 1, "n": 0, "choice": 1}, {"client": CLIENT.upper(), "seq": 1, "n": 0, "choice": "1"},
    ]  # fmt: skip
    assert [KeyEvent.read(told) for told in bad] == [None] * len(bad)
    read = KeyEvent.read({"client": CLIENT, "seq": 1, "n": 0, "choice": "1", "seconds": float("nan"), "of": 3})
    assert read == KeyEvent(client=CLIENT, seq=1, n=0, choice="1")
    slow = KeyEvent.read({"client": CLIENT, "seq": 1, "n": 0, "choice": "1", "seconds": 1e9})
    assert slow is not None
    assert slow.seconds == 86_400


@pytest.mark.parametrize(
    ("told", "seconds"), [(10**400, 0.0), (float("nan"), 0.0), ("3", 0.0), (1e9, 86_400.0), (2.5, 2.5)]
)
def test_seconds_that_cannot_be_meant_are_none(told: Any, seconds: float) -> None:
    """The rating itself counts."""
    event = KeyEvent.read({"client": "a" * 32, "seq": 1, "n": 0, "choice": "1", "seconds": told})
    assert event is not None
    assert event.seconds == seconds


def test_undo_takes_back_the_rating_that_it_names_and_no_other() -> None:
    """Said twice, or of a rating that was replaced since, it comes to nothing."""
    session = _session(3)
    (first,) = _do(session, _key(1, 0, "1"))
    change = session.plan([_key(2, 0, "undo", of=first.uid)], now=1.0)
    assert (change.lines, change.undone) == ((), (first.uid,))
    assert session.rated == 1, "nothing changes before it is accepted"
    session.accept(change)
    assert session.rated == 0
    (again,) = _do(session, _key(3, 0, "2"))
    assert session.plan([_key(4, 0, "undo", of=first.uid)], now=1.0).undone == ()
    assert session.latest(5) == [(0, again.uid)]


def test_skipped_items_are_left_out_and_asked_again_on_request() -> None:
    """They are neither rated nor left."""
    session = _session(3)
    lines = _do(session, _key(1, 0, "skip"), _key(2, 1, "tie"))
    assert (session.rated, session.skipped, session.left) == (1, 1, 1)
    assert numbers_in(repr(session)) == ["1", "3", "1"]
    assert _session(3, known=lines).left == 1
    assert _session(3, known=lines, skipped=True).left == 2


def test_another_kernel_goes_on_and_other_people_and_questions_are_their_own() -> None:
    """What is known makes the same state; what was taken back is open."""
    session = _session(5)
    lines = list(_do(session, *(_key(n + 1, n, "1") for n in range(4))))
    lines[1] = replace(lines[1], undone_at=200.0)
    again = _session(5, known=lines)
    assert sorted(again.open_from(0)) == [1, 4]
    assert _session(5, known=lines, rater="ben").left == 5
    assert RatingSession(_items(5), question_of(3, None), rater="anna", known=lines).left == 5
    assert again.fingerprint == session.fingerprint != _session(5, rater="ben").fingerprint


def test_of_several_ratings_of_one_item_the_newest_counts_however_fast_they_came_and_the_clock_went() -> None:
    """Events of one message have an order, and a clock that was put back does not turn it."""
    session = _session(2)
    lines = _do(session, _key(1, 0, "1"), _key(2, 0, "2"), now=100.0) + _do(session, _key(3, 0, "tie"), now=50.0)
    assert [line.rated_at for line in lines] == sorted({line.rated_at for line in lines})
    assert _session(2, known=lines).latest(1) == [(0, f"{CLIENT}-3")]


KEYS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["1", "2", "tie", "skip", "undo"])), max_size=40)


@given(keys=KEYS, cuts=st.lists(st.integers(0, 40), max_size=6), again=st.integers(1, 5))
def test_sent_in_whatever_parts_and_however_often_it_comes_to_the_same(
    keys: list[tuple[int, str]], cuts: list[int], again: int
) -> None:
    """Parts that are sent again after a cut, also to another kernel that knows what was committed, change nothing."""
    events: list[KeyEvent] = []
    last: dict[int, str] = {}
    for seq, (n, choice) in enumerate(keys, 1):
        events.append(_key(seq, n, choice, of=last.get(n, "") if choice == "undo" else ""))
        if choice != "undo":
            last[n] = events[-1].uid
    whole, kept = _session(10), {}
    change = whole.plan(events, now=1.0)
    whole.accept(change)

    session = _session(10)
    bounds = sorted({0, *(c for c in cuts if c < len(events)), len(events)})
    for begin, end in pairwise(bounds):
        for _ in range(again):
            change = session.plan(events[begin:end], now=1.0)
            kept |= {line.uid: line for line in change.lines}
            for uid in change.undone:
                kept[uid] = replace(kept[uid], undone_at=2.0)
            session.accept(change)
        session = _session(10, known=sorted(kept.values(), key=lambda line: line.rated_at))
    state = [(n, uid) for n, uid in sorted(whole.latest(99))]
    assert sorted(session.latest(99)) == state


@pytest.mark.parametrize(
    ("scale", "labels", "told"),
    [
        (1, None, "scale.*2 to 9"), (10, None, "2 to 9"), (True, None, "2 to 9"), ("5", None, "2 to 9"), (5, ["a", "b"], "scale= .*labels="),
        (None, "ab", "'ab'.*2 to 9"), (None, ["a"], "2 to 9"), (None, ["a", ""], "''.*60"), (None, ["a", "a"], r"labels is \['a', 'a'\]"),
        (None, ["a", "skip"], "'skip' and 'tie'"), (None, ["a", 3], " 3;.*60"), (None, ["a", "b" * 61], r"'b+…'.*\b60\b"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_asked_is_one_line(scale: Any, labels: Any, told: str) -> None:
    """With what can be."""
    with pytest.raises(InputError, match=told):
        question_of(scale, labels)


@pytest.mark.parametrize("kind", [PAIR, question_of(5, None), question_of(None, ["gut", "très mal", '"'])])
def test_a_question_is_found_by_the_name_that_is_kept(kind: Question) -> None:
    """And what is no question's name is none."""
    assert question_named(kind.name) == kind
    assert question_named(f"{kind.name} ") is None
    assert all(
        question_named(name) is None
        for name in ("", "scale", "scale x", "labels", "labels {}", "labels " + "[" * 9_000)
    )
