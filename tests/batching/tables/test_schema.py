"""A DataFrame's columns as Start variables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.batching.tables.row_sources import read_rows
from fh_notebook.batching.tables.schema import MAX_CHOICES, schema_of_frame
from fh_notebook.contract.schema.build import to_schema
from fh_notebook.contract.schema.validation import problems
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError
from tests.batching.planning.plans import make_plan
from tests.problems import rules
from tests.told import facts, tells

DAYS = pd.to_datetime(["2026-11-25", "2026-11-26"])


def or_null(*types: str, **more: Any) -> dict[str, Any]:
    return {"type": [*types, "null"], **more}


@pytest.mark.parametrize(
    ("column", "schema", "required"),
    [
        ([1, 2], {"type": "integer"}, True),
        (np.array([1], dtype="u1"), {"type": "integer"}, True),
        (pd.array([1, None], dtype="Int64"), or_null("integer"), False),
        (pd.array([1, 2], dtype="Int64"), {"type": "integer"}, True),
        ([1.5, 2.0], {"type": "number"}, True),
        ([1.5, None], or_null("number"), False),
        (pd.array([1.5, None], dtype="Float64"), or_null("number"), False),
        ([True, False], {"type": "boolean"}, True),
        (pd.array([True, None], dtype="boolean"), or_null("boolean"), False),
        (pd.Series([True, None], dtype=object), or_null("boolean"), False),
        (["a", "b"], {"type": "string"}, True),
        (["a", None], or_null("string"), False),
        (pd.array(["a", pd.NA], dtype="string"), or_null("string"), False),
        (["x" * 100, "y"], {"type": "string", "format": "textarea"}, True),
        (["two\nlines"], {"type": "string", "format": "textarea"}, True),
        (pd.Categorical(["a", "b"], categories=["b", "a", "z"]), {"type": "string", "enum": ["b", "a", "z"]}, True),
        (pd.Categorical(["a", None]), or_null("string", enum=["a", None]), False),
        (pd.Categorical([1, 2]), {"type": "integer", "enum": [1, 2]}, True),
        (pd.Categorical([str(i) for i in range(MAX_CHOICES + 1)]), {"type": "string"}, True),
        (pd.cut([1, 2, 3], 2), {}, True),
        (DAYS, {"type": "string", "format": "date"}, True),
        (DAYS + pd.Timedelta("1h"), {"type": "string"}, True),
        (DAYS + pd.Timedelta("1ns"), {"type": "string"}, True),
        (DAYS.tz_localize("UTC"), {"type": "string", "format": "date-time"}, True),
        ([DAYS[0], pd.NaT], or_null("string", format="date"), False),
        ([datetime(2026, 11, 25, 8, tzinfo=UTC)], {"type": "string", "format": "date-time"}, True),
        ([date(2026, 11, 25), None], or_null("string", format="date"), False),
        ([timedelta(hours=1)], {"type": "string"}, True),
        ([["a"], ["b", "c"]], {"type": "array", "items": {"type": "string"}}, True),
        ([np.array([1, 2]), np.array([3])], {"type": "array", "items": {"type": "integer"}}, True),
        ([{"a": 1}, {"b": "x"}], {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}, True),
        ([["a"], None], or_null("array", items={"type": "string"}), False),
        ([1, "a"], {"type": ["integer", "string"]}, True),
        ([Decimal("1.5"), Decimal("2")], {"type": "number"}, True),
        ([None, None], {}, False),
        ([float("nan")], {}, False),
        ([{1}, {2}], {}, True),
        ([1j], {}, True),
        (np.array([], dtype="i8"), {"type": "integer"}, False),
        ([], {}, False),
        (pd.array([], dtype="string"), {"type": "string"}, False),
    ],
)  # fmt: skip
def test_a_column_says_what_it_holds(column: Any, schema: dict[str, Any], required: bool) -> None:
    """By its dtype, its categories, or its values; one with a missing value may be left out."""
    frame = pd.DataFrame({"c": column})
    assert schema_of_frame(frame) == {
        "type": "object",
        "properties": {"c": schema},
        **({"required": ["c"]} if required else {}),
    }


ARROW = [
    ("int64", [1, None], or_null("integer")),
    ("string", ["a", "b"], {"type": "string"}),
    ("bool_", [True], {"type": "boolean"}),
    ("float64", [1.5], {"type": "number"}),
    ("date32", [date(2026, 11, 25)], {"type": "string", "format": "date"}),
    ("binary", [b"a"], {}),
]


@pytest.mark.parametrize(("kind", "values", "schema"), ARROW)
def test_columns_of_pyarrow_are_read_alike(kind: str, values: Sequence[Any], schema: dict[str, Any]) -> None:
    """Also its decimals, lists and structs."""
    pa = pytest.importorskip("pyarrow")
    column = pd.arrays.ArrowExtensionArray(pa.array(values, type=getattr(pa, kind)()))
    assert schema_of_frame(pd.DataFrame({"c": column}))["properties"]["c"] == schema


def test_nested_columns_of_pyarrow_are_arrays_and_objects() -> None:
    """Not texts."""
    pa = pytest.importorskip("pyarrow")
    columns = {
        "tags": pa.array([["a"], ["b"]], type=pa.list_(pa.string())),
        "place": pa.array([{"city": "Kiel"}] * 2, type=pa.struct([("city", pa.string())])),
        "price": pa.array([Decimal("1.50"), Decimal("2.00")], type=pa.decimal128(5, 2)),
    }
    frame = pd.DataFrame({name: pd.arrays.ArrowExtensionArray(values) for name, values in columns.items()})
    assert schema_of_frame(frame)["properties"] == {
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"type": "object", "properties": {"city": {"type": "string"}}},
        "price": {"type": "number"},
    }
    assert _problems(frame) == []


def test_expected_output_and_metadata_are_no_inputs() -> None:
    """The service's own convention for datasets."""
    frame = pd.DataFrame({"ticket": ["a"], "expected_output": ["b"], "metadata.case": [1], "metadata": ["c"]})
    deployment = fh.Deployment("triage", variants=["v"], inputs=frame)
    assert deployment.variable_names == ["ticket", "metadata"]
    assert deployment.problems({"ticket": "x", "metadata": "y", "more": 1}) == []
    assert rules(problems(deployment.inputs, {"metadata": "y"})) == ["ticket: required"]


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pd.DataFrame({0: [1], "a": [2]}), ("inputs", "'0'", "frame.rename(columns=str)")),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ("inputs", "'a'")),
        (pd.DataFrame({("a", "b"): [1]}), ("inputs",)),
        (pd.Series([1], name="a"), ("inputs", "'name'", "fh.text()")),
    ],
)  # fmt: skip
def test_columns_that_name_no_variables_are_one_problem(frame: Any, told: str) -> None:
    """With the cure."""
    with pytest.raises(InputError) as caught:
        fh.Deployment("x", inputs=frame)
    assert tells(str(caught.value), *told)


def test_a_frame_without_columns_declares_nothing() -> None:
    """An open schema of no variables."""
    assert to_schema(pd.DataFrame()) == {"type": "object", "properties": {}}


class LooksLikeAFrame:
    """Another library's."""

    dtypes = ()
    columns = ()


def test_a_frame_of_another_library_is_told_so() -> None:
    """Before any column is read."""
    with pytest.raises(InputError, match=facts("LooksLikeAFrame", "DataFrame")):
        fh.Deployment("x", inputs=LooksLikeAFrame())


def _problems(frame: pd.DataFrame) -> list[Problem]:
    deployment = fh.Deployment("x", variants=["v"], inputs=frame)
    plan = make_plan(read_rows(frame), deployment, workspace="w", on_invalid="skip")
    return [problem for job in plan.jobs for problem in job.problems]


columns = st.one_of(
    st.lists(st.none() | st.integers(-(2**60), 2**60), min_size=3, max_size=3),
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3),
    st.lists(st.none() | st.floats(allow_infinity=False), min_size=3, max_size=3),
    st.lists(st.none() | st.booleans(), min_size=3, max_size=3),
    st.lists(st.none() | st.dates(date(1700, 1, 1), date(2200, 1, 1)), min_size=3, max_size=3),
    st.lists(st.none() | st.lists(st.integers(0, 5) | st.text(max_size=2), max_size=2), min_size=3, max_size=3),
    st.lists(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), min_size=3, max_size=3),
    st.lists(st.sampled_from(["a", "b"]), min_size=3, max_size=3).map(pd.Categorical),
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), columns, max_size=3))
def test_the_rows_of_a_frame_fit_what_it_declares(data: dict[str, Any]) -> None:
    """Whatever pandas makes of the columns."""
    assert _problems(pd.DataFrame(data)) == []
