"""What one cell of a table is as a JSON value."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.batching.cells import coerced, plain

INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
BOOLEAN = {"type": "boolean"}
ARRAY = {"type": "array"}
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("value", "as_json"),
    [
        (np.int64(3), 3),
        (np.uint8(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (pd.Timestamp("2026-11-25 08:00", tz="Europe/Berlin"), "2026-11-25T08:00:00+01:00"),
        (pd.Timestamp("2026-11-25"), "2026-11-25T00:00:00"),
        (np.datetime64("2026-11-25"), "2026-11-25T00:00:00"),
        (datetime(2026, 11, 25, tzinfo=UTC), "2026-11-25T00:00:00+00:00"),
        (date(2026, 11, 25), "2026-11-25"),
        (time(8, 30), "08:30:00"),
        (timedelta(hours=1), "P0DT1H0M0S"),
        (pd.Timedelta("1h"), "P0DT1H0M0S"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (("a", np.int64(1), {"b": np.float64(2)}), ["a", 1, {"b": 2.0}]),
        ([pd.NaT, pd.NA, None], [None, None, None]),
        ("text", "text"),
        ("", ""),
    ],
)
def test_scalars_of_numpy_and_pandas_become_pythons(value: Any, as_json: Any) -> None:
    """What a table can hold and JSON can say, in the kind that JSON says it in."""
    made = plain(value)
    assert made == as_json
    assert type(made) is type(as_json)
    json.dumps(made, allow_nan=False)


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", Decimal("1.5"), object()])
def test_what_has_no_json_form_is_left_for_the_check(value: Any) -> None:
    """It is never turned into a text that nobody asked for."""
    assert plain(value) is value


@pytest.mark.parametrize(
    ("value", "schema", "read"),
    [
        ("12", INTEGER, 12),
        (" +12 ", INTEGER, 12),
        ("-3.0", INTEGER, -3),
        ("007", INTEGER, 7),
        ("12.5", INTEGER, "12.5"),
        ("1e3", INTEGER, "1e3"),
        ("1_000", INTEGER, "1_000"),
        ("1,000", INTEGER, "1,000"),
        ("٣", INTEGER, "٣"),
        ("", INTEGER, ""),
        (3.0, INTEGER, 3),
        (3.5, INTEGER, 3.5),
        ("12", {"type": ["integer", "null"]}, 12),
        ("1.5", NUMBER, 1.5),
        ("12", NUMBER, 12),
        (".5", NUMBER, 0.5),
        ("1e-3", NUMBER, 0.001),
        ("1,5", NUMBER, "1,5"),
        ("nan", NUMBER, "nan"),
        ("inf", NUMBER, "inf"),
        ("1e999", NUMBER, "1e999"),
        (3.0, NUMBER, 3.0),
        ("true", BOOLEAN, True),
        ("FALSE", BOOLEAN, False),
        ("1", BOOLEAN, "1"),
        ("yes", BOOLEAN, "yes"),
        ('["a", 1]', ARRAY, ["a", 1]),
        ('{"a": 1}', ARRAY, '{"a": 1}'),
        ("a, b", ARRAY, "a, b"),
        ('{"a": 1}', {"type": "object"}, {"a": 1}),
        ("[" * 5000, ARRAY, "[" * 5000),
        ("2", {"enum": [1, 2, "x"]}, 2),
        ("x", {"enum": [1, 2, "x"]}, "x"),
        ("3", {"enum": [1, 2, "x"]}, "3"),
        ("true", {"enum": [True, False]}, True),
        ("12", TEXT, "12"),
        ("12", {"type": ["string", "integer"]}, "12"),
        ("12", {"type": ["integer", "boolean"]}, "12"),
        ("12", {}, "12"),
        ("12", None, "12"),
        (True, INTEGER, True),
        (12, TEXT, 12),
    ],
)
def test_text_of_a_table_is_read_as_declared_where_there_is_one_way(value: Any, schema: Any, read: Any) -> None:
    """Explicit and conservative: what could mean two things stays as it is, for the check to name."""
    made = coerced(value, schema)
    assert made == read
    assert type(made) is type(read)


@given(st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)))
def test_what_a_csv_was_written_from_is_read_back(value: Any) -> None:
    """A number or a truth that was written as text comes back as the same number or truth."""
    kind = BOOLEAN if isinstance(value, bool) else INTEGER if isinstance(value, int) else NUMBER
    assert coerced(str(value), kind) == value


@given(st.text())
def test_any_text_for_a_text_variable_is_left_alone(text: str) -> None:
    """Tickets that look like numbers stay tickets."""
    assert coerced(text, TEXT) is text
