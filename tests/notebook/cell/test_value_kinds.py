"""One table: what a value of each kind becomes in a batch's cell, in ``{{ }}`` and in `invoke`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.errors import InputError
from fh_notebook.local import LocalHive
from fh_notebook.notebook.cell.request import read_cell
from fh_notebook.notebook.cell.template import as_json

LEFT_OUT = "left out"
NO_FORM = "JSON"


class Tone(Enum):
    CALM = "calm"


SAME = [
    ("text", "text"),
    ("12", "12"),
    (12, 12),
    (np.int64(3), 3),
    (np.float32(0.5), 0.5),
    (np.bool_(True), True),
    (np.array([[1], [2]]), [[1], [2]]),
    (pd.Series(["a", "b"]), ["a", "b"]),
    (pd.DataFrame({"a": [1]}), [{"a": 1}]),
    (pd.Timestamp("2026-11-25", tz="UTC"), "2026-11-25T00:00:00+00:00"),
    (pd.Timestamp("2026-11-25"), "2026-11-25T00:00:00"),
    (np.datetime64("2026-11-25"), "2026-11-25T00:00:00"),
    (datetime(2026, 11, 25, tzinfo=UTC), "2026-11-25T00:00:00+00:00"),
    (date(2026, 11, 25), "2026-11-25"),
    (timedelta(hours=1), "P0DT1H0M0S"),
    (pd.Timedelta("1h"), "P0DT1H0M0S"),
    (Decimal("1.50"), 1.5),
    (Decimal(12), 12),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Tone.CALM, "calm"),
    (("a", {"b": np.int64(1)}), ["a", {"b": 1}]),
]
MISSING = [None, float("nan"), np.float32("nan"), pd.NaT, pd.NA, Decimal("nan")]
NONE_OF_JSONS = [{1}, b"x", 1j, float("inf"), object(), pd.Period("2026-11"), Decimal("0.10000000000000000001")]

TABLE: list[tuple[Any, Any, Any, Any]] = [
    # value, in a batch's cell, in {{ }}, in invoke
    *((value, made, made, made) for value, made in SAME),
    *((value, NO_FORM, NO_FORM, NO_FORM) for value in NONE_OF_JSONS),
    (None, LEFT_OUT, None, None),
    *((value, LEFT_OUT, None, NO_FORM) for value in MISSING[1:]),
    *(([value], [None], [None], NO_FORM) for value in MISSING[1:]),
]

ANY = fh.Deployment("keep", variants="v", inputs={"x": fh.any_(required=False), "y": fh.text()})


@pytest.fixture(scope="module")
def hive() -> LocalHive:
    """A hive that says what it was sent."""
    made = LocalHive()

    @made.workflow("keep", variant="v")
    def keep(**inputs: Any) -> dict[str, Any]:
        return inputs

    return made


def _in_batch(value: Any, hive: LocalHive) -> Any:
    frame = pd.DataFrame({"y": ["a", "b"]})
    column = np.empty(2, dtype=object)
    column[1] = value
    frame["x"] = pd.Series(column, dtype=object)
    frame = frame.iloc[1:]  # one row, whose label is 1
    done = fh.batch(frame, ANY, client=hive.client(), progress=False, reuse=None)
    return done.frame["output"].iloc[0].get("x", LEFT_OUT)


def _in_expression(value: Any, hive: LocalHive) -> Any:
    call = read_cell(
        "x: {{ v }}\ny: a",
        name="keep",
        find=lambda _: ANY,
        evaluate=lambda source: as_json({"v": value}[source], source),
    )
    return dict(call.requests()[0].inputs)["x"]


def _in_invoke(value: Any, hive: LocalHive) -> Any:
    return hive.client().invoke(ANY, inputs={"x": value, "y": "a"}).output["x"]


PLACES = [(_in_batch, "row 1: x", 1), (_in_expression, "{{ v }}: ", 2), (_in_invoke, "keep: x", 3)]


@pytest.mark.parametrize(("place", "named", "at"), PLACES)
@pytest.mark.parametrize("line", TABLE, ids=lambda line: f"{type(line[0]).__name__}-{line[0]!s:.20}")
def test_a_value_becomes_what_json_means_or_a_problem_with_its_place(
    hive: LocalHive, line: tuple[Any, ...], place: Any, named: str, at: int
) -> None:
    """By row and column in a batch, by the expression in a cell, by its path in a call; before any call."""
    value, expected = line[0], line[at]
    before = len(hive.calls)
    if expected is NO_FORM:
        with pytest.raises(InputError, match=NO_FORM) as caught:
            place(value, hive)
        assert named in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(hive.calls) == before
        return
    made = place(value, hive)
    assert made == expected
    assert type(made) is type(expected)


DECLARED = fh.Deployment(
    "keep", variants="v", inputs={"n": fh.integer(), "tags": fh.array(fh.text(), required=False)}
)  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"n": "12"}, r"\bn:.*'12'.*\b12\b"),
        ({"n": 1, "tags": '["a","b"]'}, r"\bJSON"),
        ({"n": 1, "tags": "a"}, r"give \['a'\]"),
    ],
)
def test_a_program_says_the_kind_itself(hive: LocalHive, inputs: dict[str, Any], told: str) -> None:
    """Text is never guessed to be a number or a list, in `invoke` and in a list of dicts; the cure is told."""
    for send in (
        lambda: hive.client().invoke(DECLARED, inputs=inputs),
        lambda: fh.batch([inputs], DECLARED, client=hive.client(), progress=False),
    ):
        before = len(hive.calls)
        with pytest.raises(InputError) as caught:
            send()
        assert re.search(told, str(caught.value))
        assert len(hive.calls) == before


def test_metadata_of_a_program_are_json_too(hive: LocalHive) -> None:
    """A number of numpy is a number there as well."""
    hive.client().invoke(ANY, inputs={"y": "a"}, metadata={"case": np.int64(42), "day": date(2026, 11, 25)})
    request = fh.InvokeRequest(deployment="d", metadata={"case": np.int64(42), "day": date(2026, 11, 25)})
    assert request.metadata == {"case": 42, "day": "2026-11-25"}
