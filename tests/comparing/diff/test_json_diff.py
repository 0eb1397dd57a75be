"""Two JSON values, path by path."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.comparing.diff.json_diff import Change, changes_of
from fh_notebook.comparing.scorers.output_values import parse_path, part_of
from tests.told import numbers_in

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.text("abc", max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcde"), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1.0}, []),
        ({"a": 1}, {"a": True}, ["~a"]),
        ({"a": 1}, {"b": 1}, ["-a", "+b"]),
        ([1, 2, 3], [0, 1, 2, 3], ["+[0]"]),
        ([1, 2, 3], [1, 3], ["-[1]"]),
        ([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 3}], ["~[1].n"]),
        ({"items": [{"id": 1, "ok": False}]}, {"items": [{"id": 1, "ok": True}]}, ["~items[0].ok"]),
        ({"a.b": 1, "": 2}, {"a.b": 2, "": 3}, ["~['a.b']", "~['']"]),
        ([[], [None]], [None, [], []], ["+[0]", "-[1][0]"]),
        ([{"n": 1}, {"n": 2}], [0, {"n": 1}, {"n": 3, "m": 1}], ["+[0]", "~[2].n", "+[2].m"]),
        ({"a": [1]}, {"a": {"0": 1}}, ["~a"]),
        ([], {}, ["~"]),
        ({"a": None}, {}, ["-a"]),
        ({"a": float("nan")}, {"a": float("nan")}, []),
    ],
)  # fmt: skip
def test_what_is_found_is_what_a_person_would_say(before: Any, after: Any, said: list[str]) -> None:
    """Names in any order, items aligned, true is not 1, nothing is not missing."""
    signs = {"added": "+", "removed": "-", "changed": "~"}
    assert [signs[c.kind] + c.path for c in changes_of(before, after).listed] == said


@given(VALUES, VALUES)
def test_a_path_leads_to_what_changed(before: Any, after: Any) -> None:
    """Each path of a change is one that ``fh.score.exact(path=...)`` walks, to the very value."""
    for change in changes_of(before, after).listed:
        if not change.path:
            continue
        steps = parse_path(change.path)
        if change.kind != "removed":
            assert part_of(after, steps) == change.after
        if change.kind == "removed":
            assert part_of(before, steps) == change.before


@given(VALUES, VALUES)
def test_nothing_differs_just_where_the_values_are_the_same(before: Any, after: Any) -> None:
    """And the other way round, each added is removed, and each changed is changed back."""
    found, back = changes_of(before, after), changes_of(after, before)
    assert found.same == (json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True))
    assert (str(found) == "same") == found.same
    assert found.count("added") + found.count("changed") >= (0 if found.same else back.count("removed") > 0)
    assert changes_of(before, copy.deepcopy(before)).same


def test_a_value_nested_deeper_than_python_goes_is_compared() -> None:
    """And so is one with a list of lists of lists."""
    for wrap in (lambda inner: {"a": inner}, lambda inner: [inner]):
        values: list[Any] = [1, 2]
        for at in range(2):
            for _ in range(50_000):
                values[at] = wrap(values[at])
        found = changes_of(*values).listed
        assert [(c.kind, c.before, c.after) for c in found] == [("changed", 1, 2)]


def test_many_changes_are_cut_and_it_is_said() -> None:
    """Ten thousand are enough to see that it is another value."""
    found = changes_of({str(n): n for n in range(20_000)}, {str(n): n + 1 for n in range(20_000)})
    assert len(found.listed) == 10_000
    whole = changes_of({str(n): n for n in range(10_000)}, {str(n): n + 1 for n in range(10_000)})
    assert numbers_in(found) == numbers_in(whole) == ["10,000"]
    assert str(found) != str(whole), "it says that these are not all"
    assert changes_of({"a": 1}, {}, most=1).listed == (Change("removed", "a", before=1),)


def test_ten_times_the_value_is_not_a_hundred_times_the_time() -> None:
    """Lists of objects, shuffled ones, and lists in lists."""

    def seconds(n: int) -> float:
        rows = [{"id": i, "tags": ["a", "b", str(i)], "note": "text " * 10} for i in range(n)]
        nested: Any = rows[: n // 10]
        for _ in range(30):
            nested = [nested, n]
        pairs = [(rows, [{**row, "id": -row["id"]} for row in rows]), (rows, rows[::-1]), (nested, [nested])]
        began = time.thread_time()
        for before, after in pairs:
            changes_of(before, after)
        return time.thread_time() - began

    few, many = (min(seconds(n) for _ in range(3)) for n in (500, 5_000))
    assert many < 60 * few
