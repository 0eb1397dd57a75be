"""Conversion of one cell of a table to a JSON value."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from fh_notebook.batching.tables.values import plain


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
        ([pd.NaT, pd.NA, None, float("nan")], [None, None, None, None]),
        (Decimal("1.50"), 1.5),
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


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", Decimal("0.10000000000000000001"), object()])
def test_what_has_no_json_form_is_left_for_the_check(value: Any) -> None:
    """It is never turned into a text that nobody asked for."""
    assert plain(value) is value
