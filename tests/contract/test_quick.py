"""The quick yes is never given where jsonschema would not give it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.quick import quick_check
from fh_notebook.contract.schema import problems

kinds = st.sampled_from(["string", "integer", "number", "boolean", "array", ["string", "null"], "null"])
says = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "default": st.integers(),
        "minimum": st.integers(-3, 3),
        "format": st.sampled_from(["textarea", "password", "date", "email"]),
        "enum": st.just(["a", 1]),
        "description": st.text(max_size=3),
    },
)
names = st.sampled_from(["a", "b", "c"])
schemas = st.fixed_dictionaries(
    {"type": st.just("object"), "properties": st.dictionaries(names, says, max_size=3)},
    optional={
        "required": st.lists(names, max_size=2, unique=True),
        "additionalProperties": st.one_of(st.booleans(), st.just({"type": "string"})),
        "minProperties": st.integers(0, 3),
    },
)
values = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(-5, 5), st.text(max_size=3), st.just([]))


@given(schemas, st.dictionaries(names, values, max_size=3))
def test_a_yes_is_a_yes_of_jsonschema(schema: dict[str, Any], inputs: dict[str, Any]) -> None:
    """Whatever the schema and whatever the inputs."""
    fits = quick_check(schema)
    if fits is not None and fits(inputs):
        assert problems(schema, inputs) == []


@pytest.mark.parametrize(
    ("inputs", "fits"),
    [
        ({"t": "x", "n": 3}, True),
        ({"t": "x"}, True),
        ({"n": 3}, False),
        ({"t": "x", "n": True}, False),
        ({"t": "x", "n": 3.0}, False),
        ({"t": None}, False),
        ({"t": "x", "other": 1}, False),
    ],
)
def test_plain_inputs_are_judged_and_others_are_not(inputs: dict[str, Any], fits: bool) -> None:
    """A no is no judgement: true for an integer, or 3.0, is for jsonschema to say."""
    schema = {
        "type": "object",
        "properties": {"t": {"type": "string", "format": "textarea"}, "n": {"type": "integer", "default": 1}},
        "required": ["t"],
        "additionalProperties": False,
    }
    check = quick_check(schema)
    assert check is not None
    assert check(inputs) is fits


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}},
        {"type": "object", "properties": {"a": True}},
        {"type": "object", "anyOf": [{"required": ["a"]}]},
    ],
)
def test_what_is_not_plain_is_not_judged(schema: dict[str, Any]) -> None:
    """There is no quick way."""
    assert quick_check(schema) is None
