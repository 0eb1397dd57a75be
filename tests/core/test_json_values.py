"""A Python value as the JSON that means the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import OrderedDict, namedtuple
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.core.json_values import is_missing, json_problems, jsonable
from tests.told import tells

Point = namedtuple("Point", "x y")


class Tone(Enum):
    CALM = "calm"
    RATIO = Decimal("0.5")


class Word(StrEnum):
    A = "a"


class Level(IntEnum):
    LOW = 1


NS = "2026-11-25T08:00:00.000000001"


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array(3), 3),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1, "a"], dtype=object), [1, "a"]),
        (np.array([(1, 2.5)], dtype=[("a", "i8"), ("b", "f8")]), [[1, 2.5]]),
        (np.ma.array([(1, 2.5)], dtype=[("a", "i8"), ("b", "f8")]), [[1, 2.5]]),
        (np.ma.array([1, 2]), [1, 2]),
        (np.ma.array(3), 3),
        (np.datetime64("2026-11-25"), "2026-11-25T00:00:00"),
        (np.datetime64(NS), NS),
        (np.array(["2026-11-25T08:00"], dtype="datetime64[ns]"), ["2026-11-25T08:00:00"]),
        (np.array([90], dtype="timedelta64[s]"), ["P0DT0H1M30S"]),
        (np.timedelta64(1500, "ms"), "P0DT0H0M1.5S"),
        (pd.Timestamp("2026-11-25 08:00", tz="Europe/Berlin"), "2026-11-25T08:00:00+01:00"),
        (pd.Timestamp(NS), NS),
        (pd.Timedelta("1h"), "P0DT1H0M0S"),
        (timedelta(hours=1), "P0DT1H0M0S"),
        (timedelta(days=2, seconds=61, microseconds=500_000), "P2DT0H1M1.5S"),
        (datetime(2026, 11, 25, tzinfo=UTC), "2026-11-25T00:00:00+00:00"),
        (date(2026, 11, 25), "2026-11-25"),
        (time(8, 30), "08:30:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Decimal("12"), 12),
        (Decimal("1E+3"), 1000),
        (Decimal("1.50"), 1.5),
        (Decimal("-0.1"), -0.1),
        (Tone.CALM, "calm"),
        (Tone.RATIO, 0.5),
        (Word.A, "a"),
        (Level.LOW, 1),
        ({Word.A: 1, np.str_("b"): 2}, {"a": 1, "b": 2}),
        (Point(1, (2,)), [1, [2]]),
        (OrderedDict(a=MappingProxyType({"b": (1,)})), {"a": {"b": [1]}}),
        (pd.Series(["a", "b"]), ["a", "b"]),
        (pd.Series(pd.to_datetime(["2026-11-25"])), ["2026-11-25T00:00:00"]),
        (pd.Index([1, 2]), [1, 2]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        (pd.array([1, 2], dtype="Int64"), [1, 2]),
        (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        (pd.DataFrame(), []),
    ],
)
def test_a_value_becomes_what_json_means(value: Any, made: Any) -> None:
    """In Python's own kinds, all the way down, whether missing values are null or not."""
    for as_table in (False, True):
        found = jsonable(value, missing_is_null=as_table)
        assert found == made
        assert json.loads(json.dumps(found, allow_nan=False)) == made
        assert json_problems(found) == []


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), np.float64("nan"), np.float32("nan"), np.float16("nan"), Decimal("nan"), Decimal("sNaN"), pd.NaT, pd.NA,
        np.datetime64("NaT"), np.timedelta64("NaT"), np.ma.masked, np.ma.array(3, mask=True),
    ],
)  # fmt: skip
def test_what_is_missing_is_null_in_a_table_and_a_problem_from_a_program(value: Any) -> None:
    """At any depth."""
    assert is_missing(value)
    assert jsonable([{"a": value}], missing_is_null=True) == [{"a": None}]
    (problem,) = json_problems(jsonable([{"a": value}]))
    assert (problem.path, problem.keyword, bool(problem.hint)) == ((0, "a"), "json", True)


@pytest.mark.parametrize(
    ("value", "made"),
    [
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (np.ma.array(["a", "b"], mask=[True, False]), [None, "b"]),
        (np.ma.array([[1.5, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]]), [[1.5, None], [3.0, 4.0]]),
        (np.ma.array(["2026-11-25", "2026-11-26"], dtype="datetime64[s]", mask=[1, 0]), [None, "2026-11-26T00:00:00"]),
        (np.ma.array([(1, 2.5)], mask=[(0, 1)], dtype=[("a", "i8"), ("b", "f8")]), [[1, None]]),
        (np.ma.array([{"a": 1}, None], mask=[1, 0], dtype=object), [None, None]),
    ],
)
def test_the_holes_of_a_masked_array_are_missing(value: Any, made: Any) -> None:
    """Null out of a table, a problem with its place from a program; never the number beneath the mask."""
    assert jsonable(value, missing_is_null=True) == made
    assert len(json_problems(jsonable(value))) == 1


@pytest.mark.parametrize(
    "value", [None, 0, 0.0, "", "nan", [], [None], {}, np.array([np.nan]), np.int64(0), pd.Series([None]), Decimal(0)]
)
def test_what_is_there_is_not_missing(value: Any) -> None:
    """Empty is not missing; ``None`` is."""
    assert is_missing(value) is (value is None)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({1, 2}, ("a set", "JSON")),
        (frozenset(), ("a frozenset", "JSON")),
        (range(3), ("a range", "JSON")),
        ({"a": 1}.keys(), ("dict_keys", "JSON")),
        (b"x", ("a bytes", "JSON", "value.decode()")),
        (1j, ("a complex", "JSON")),
        (np.complex64(1j), ("a complex", "JSON")),
        (object(), ("an object", "JSON")),
        (PurePosixPath("/a"), ("PurePosixPath", "JSON", "str(value)")),
        (float("inf"), ("inf", "JSON")),
        (Decimal("-Infinity"), ("-inf", "JSON")),
        (Decimal("0.10000000000000000001"), ("JSON", "float(value)", "str(value)")),
        (Decimal("1E+1000000"), ("JSON", "str(value)")),
        (Decimal("1E-1000000"), ("JSON", "str(value)")),
        (pd.Period("2026-11"), ("a Period", "JSON")),
        (pd.Interval(0, 1), ("an Interval", "JSON")),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ("DataFrame", "JSON")),
        ({date(2026, 11, 25): 1}, ("a date",)),
        ({1: 1}, ("1",)),
    ],
)  # fmt: skip
def test_what_json_cannot_say_is_told_with_its_path_and_its_cure(value: Any, said: tuple[str, ...]) -> None:
    """It never becomes a text that nobody asked for."""
    for as_table in (False, True):
        (problem,) = json_problems(jsonable({"a": [value]}, missing_is_null=as_table))
        assert problem.path == ("a", 0)
        assert tells(str(problem), *said)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_a_json_value_is_itself_and_a_copy(value: Any) -> None:
    """Equal, of the same kinds, and none of the caller's lists."""
    made = jsonable(value)
    assert made == value
    assert repr(made) == repr(value)
    if isinstance(value, list | dict) and value:
        assert made is not value


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_the_same_number_or_a_problem(value: Decimal) -> None:
    """Never another number."""
    made = jsonable(value)
    if isinstance(made, Decimal):
        assert json_problems(made)
    else:
        assert Decimal(json.dumps(made)) == value


@given(st.timedeltas(timedelta(days=-100_000), timedelta(days=100_000)))
def test_a_duration_is_spelt_as_pandas_spells_it(value: timedelta) -> None:
    """One spelling, whether pandas made it or Python."""
    assert jsonable(value) == pd.Timedelta(value).as_unit("us").isoformat()


def test_a_list_inside_of_itself_ends() -> None:
    """With a problem, and not with a traceback."""
    endless: list[Any] = []
    endless.append(endless)
    assert tells(json_problems(jsonable(endless))[0].message, "200")


def test_nothing_is_imported_for_it() -> None:
    """A program without pandas has no value of pandas."""
    script = """
import sys
import fh_notebook as fh
from decimal import Decimal
dep = fh.Deployment("x", variants="v", inputs={"n": fh.number()})
assert dep.complete({"n": Decimal("1.5")}) == {"n": 1.5}
assert not {"pandas", "numpy"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
