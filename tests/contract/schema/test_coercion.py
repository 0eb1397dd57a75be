"""Text of a CSV or of a cell's body as its Start variable declares it."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.schema.build import to_schema
from fh_notebook.contract.schema.coercion import coerce
from fh_notebook.contract.schema.references import effective_schema, resolve_reference

INTEGER = {"type": "integer"}
NUMBER = {"type": "number"}
BOOLEAN = {"type": "boolean"}
ARRAY = {"type": "array"}
TEXT = {"type": "string"}
DAY = {"type": "string", "format": "date"}


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
        ("2.0", {"enum": [1, 2, "x"]}, 2),
        ("1", {"enum": ["1", 1]}, "1"),
        ("1", {"enum": [1, "1"]}, "1"),
        ("null", {"enum": [1, None]}, "null"),
        ("1", {"enum": [True, 1.0]}, 1.0),
        ("3", {"const": 3}, 3),
        ("x", {"const": 3}, "x"),
        ("12", {"type": ["null", "integer"]}, 12),
        ("12", {"anyOf": [INTEGER, {"type": "null"}]}, 12),
        ("12", {"oneOf": [{"type": "null"}, NUMBER]}, 12),
        ("12", {"allOf": [INTEGER]}, 12),
        ("12", {"anyOf": [INTEGER, TEXT]}, "12"),
        ("12", {"allOf": [INTEGER, {"minimum": 1}]}, "12"),
        ("12", {"anyOf": []}, "12"),
        ("12", {"anyOf": "odd", "type": "integer"}, 12),
        ("null", {"type": ["integer", "null"]}, "null"),
        ('["1", "x"]', {"type": "array", "items": INTEGER}, [1, "x"]),
        (["1", ["2"]], {"type": "array", "items": {"items": INTEGER}}, ["1", [2]]),
        (["1", "2"], {"prefixItems": [INTEGER], "items": TEXT}, [1, "2"]),
        ({"a": "1", "b": "1"}, {"properties": {"a": INTEGER}}, {"a": 1, "b": "1"}),
        ({"a": "1"}, {"additionalProperties": BOOLEAN}, {"a": "1"}),
        ({"a": "true"}, {"additionalProperties": BOOLEAN}, {"a": True}),
        ({"a": "1"}, {"additionalProperties": INTEGER, "patternProperties": {"a": TEXT}}, {"a": "1"}),
        ('{"a": {"b": "1"}}', {"type": "object", "properties": {"a": {"properties": {"b": INTEGER}}}}, {"a": {"b": 1}}),
        ([3.0, None, True], {"items": INTEGER}, [3, None, True]),
        ("2026-11-25T00:00:00", DAY, "2026-11-25"),
        ("2026-11-25 00:00:00", DAY, "2026-11-25"),
        ("2026-11-25T00:00:01", DAY, "2026-11-25T00:00:01"),
        ("2026-11-25T00:00:00+02:00", DAY, "2026-11-25T00:00:00+02:00"),
        ("2026-11-25T00:00:00", {"type": "string", "format": "date-time"}, "2026-11-25T00:00:00"),
        (True, INTEGER, True),
        (12, TEXT, 12),
    ],
)
def test_text_of_a_table_is_read_as_declared_where_there_is_one_way(value: Any, schema: Any, read: Any) -> None:
    """Explicit and conservative: what could mean two things stays as it is, for the check to name."""
    made = coerce(value, schema)
    assert made == read
    assert type(made) is type(read)


@given(st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)))
def test_what_a_csv_was_written_from_is_read_back(value: Any) -> None:
    """A number or a truth that was written as text comes back as the same number or truth."""
    kind = BOOLEAN if isinstance(value, bool) else INTEGER if isinstance(value, int) else NUMBER
    assert coerce(str(value), kind) == value


@given(st.text())
def test_any_text_for_a_text_variable_is_left_alone(text: str) -> None:
    """Tickets that look like numbers stay tickets."""
    assert coerce(text, TEXT) is text


class Part(pydantic.BaseModel):
    size: int
    parts: list[Part] | None = None


def test_a_pydantic_models_references_and_unions_with_null_are_followed() -> None:
    """A text cell of a recursive model, at every depth."""
    schema = to_schema(Part)
    assert coerce({"size": "1", "parts": '[{"size": "2", "parts": [{"size": "3"}]}]'}, schema) == {
        "size": 1,
        "parts": [{"size": 2, "parts": [{"size": 3}]}],
    }


def test_a_reference_is_looked_up_in_the_root() -> None:
    """JSON pointers with their escapes; one that leads nowhere, or in a circle, changes nothing."""
    root = {
        "$defs": {"a/b c": INTEGER, "round": {"$ref": "#/$defs/round"}, "both": {"anyOf": [{"$ref": "#/$defs/both"}]}},
        "list": [BOOLEAN],
    }
    for reference, read in {
        "#/$defs/a~1b%20c": 12,
        "#/$defs/nowhere": "12",
        "#/$defs/round": "12",
        "#/$defs/both": "12",
        "#anchor": "12",
        "https://example.com/schema": "12",
        "#/list/0": "12",
        "#/list/9": "12",
        "#/list/x": "12",
    }.items():
        assert coerce("12", {"$ref": reference}, root) == read
    assert resolve_reference({"$ref": "#/list/0"}, root)["type"] == "boolean"
    assert effective_schema({"$ref": "#/$defs/round"}, root).get("type") is None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["1", "true", "[1]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)
schemas = st.recursive(
    st.sampled_from(
        [INTEGER, NUMBER, BOOLEAN, ARRAY, TEXT, DAY, {}, True, {"enum": [1, "a"]}, {"$ref": "#"}, {"const": None}]
    ),
    lambda inner: (
        st.builds(lambda s: {"type": "array", "items": s}, inner)
        | st.builds(lambda a, b: {"properties": {"a": a, "b": b}}, inner, inner)
        | st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner)
    ),
    max_leaves=6,
)


@given(json_values, schemas)
def test_what_fits_is_never_changed_into_what_does_not(value: Any, schema: Any) -> None:
    """Whatever the schema: a value that fits still fits, and reading twice is reading once."""
    root = {"type": "object", "properties": {"v": schema}}
    made = coerce(value, schema, root)
    assert coerce(made, schema, root) == made
    if not fh.Deployment("x", inputs=root).problems({"v": value}):
        assert not fh.Deployment("x", inputs=root).problems({"v": made})


def test_a_monstrous_text_is_left_alone() -> None:
    """Deep JSON, and a deep list, end without a traceback."""
    deep: Any = "1"
    for _ in range(5_000):
        deep = [deep]
    schema: dict[str, Any] = {"type": "array", "items": {"$ref": "#"}}
    assert coerce("[" * 100_000, schema) == "[" * 100_000
    assert isinstance(coerce(deep, schema), list)
