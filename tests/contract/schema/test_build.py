"""Start variables declared: from every source one JSON Schema; what cannot be read is refused with all its faults."""

from __future__ import annotations

import copy
import subprocess
import sys
from types import MappingProxyType
from typing import Any

import pytest

from fh_notebook.contract.deployment import Deployment
from fh_notebook.errors import InputError
from tests.contract.schema import names as fh
from tests.told import facts, tells

DRAFT = "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    ("variable", "schema", "required"),
    [
        (fh.text(), {"type": "string"}, True),
        (fh.text(multiline=True), {"type": "string", "format": "textarea"}, True),
        (fh.text(secret=True), {"type": "string", "format": "password"}, True),
        (fh.text(secret=True, multiline=True), {"type": "string", "format": "password"}, True),
        (
            fh.text(min_length=0, max_length=9, pattern="^a", description="d", examples=["a"]),
            {"type": "string", "minLength": 0, "maxLength": 9, "pattern": "^a", "description": "d", "examples": ["a"]},
            True,
        ),
        (fh.text(default="a"), {"type": "string", "default": "a"}, False),
        (fh.text(default="a", required=True), {"type": "string", "default": "a"}, True),
        (fh.text(default=None), {"type": "string", "default": None}, False),
        (fh.text(default=3), {"type": "string", "default": 3}, False),
        (fh.text(required=False), {"type": "string"}, False),
        (fh.integer(minimum=0, maximum=9), {"type": "integer", "minimum": 0, "maximum": 9}, True),
        (fh.number(minimum=0.5, default=0), {"type": "number", "minimum": 0.5, "default": 0}, False),
        (fh.boolean(default=False), {"type": "boolean", "default": False}, False),
        (fh.choice("a", "b", "a"), {"type": "string", "enum": ["a", "b"]}, True),
        (fh.choice(1, 2, default=1), {"type": "integer", "enum": [1, 2], "default": 1}, False),
        (fh.choice(1, True, "a", None), {"enum": [1, True, "a", None]}, True),
        (fh.array(), {"type": "array"}, True),
        (fh.array(fh.text(), required=False), {"type": "array", "items": {"type": "string"}}, False),
        (
            fh.array({"type": "integer"}, min_items=1, max_items=2, unique=True, default=[]),
            {
                "type": "array",
                "items": {"type": "integer"},
                "minItems": 1,
                "maxItems": 2,
                "uniqueItems": True,
                "default": [],
            },
            False,
        ),
        (
            fh.group({"a": fh.text(), "b": fh.text(required=False)}),
            {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
            True,
        ),
        (fh.date(), {"type": "string", "format": "date"}, True),
        (fh.datetime_(required=False), {"type": "string", "format": "date-time"}, False),
        (fh.any_(), {}, True),
    ],
)
def test_each_constructor_says_one_schema(variable: fh.Variable, schema: dict[str, Any], required: bool) -> None:
    """Required unless it has a default or says that it is not; bounds and words as they were given."""
    assert variable == fh.Variable(schema, required)
    with pytest.raises(AttributeError):
        variable.required = not required  # type: ignore[misc]  # frozen


def test_a_default_is_not_shared_with_its_variable() -> None:
    """What a caller does to their list afterwards changes no declaration."""
    given = ["a"]
    variable = fh.array(default=given)
    given.append("b")
    assert variable.schema["default"] == ["a"]


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: fh.choice(), ("choice",)),
        (lambda: fh.choice(["a", "b"]), ("choice",)),
        (lambda: fh.choice("a", {1}), ("JSON",)),
        (lambda: fh.array("text"), ("items", "'text'", "JSON")),
        (lambda: fh.group({"a": str, 3: fh.text()}), ("2", "a", "3")),
        (lambda: fh.group({"a": {"enum": {1}}}), ("a.enum", "JSON")),
    ],
)
def test_what_cannot_be_written_down_is_refused_at_once(make: Any, part: tuple[str, ...]) -> None:
    """A constructor refuses only what no schema could say."""
    with pytest.raises(InputError) as caught:
        make()
    assert tells(str(caught.value), *part)


NAMES = {"ticket": fh.text(), "note": fh.text(required=False)}
CLOSED = {
    "type": "object",
    "properties": {"ticket": {"type": "string"}, "note": {"type": "string"}},
    "required": ["ticket"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("inputs", "schema"),
    [
        (None, {"type": "object"}),
        ({}, {"type": "object", "properties": {}, "additionalProperties": False}),
        (NAMES, CLOSED),
        (MappingProxyType(NAMES), CLOSED),
        (CLOSED, CLOSED),
        ({"type": "object"}, {"type": "object"}),
        ({"$schema": DRAFT}, {"$schema": DRAFT}),
        (
            {"$schema": DRAFT, "$ref": "#/$defs/a", "$defs": {"a": {}}},
            {"$schema": DRAFT, "$ref": "#/$defs/a", "$defs": {"a": {}}},
        ),
        ({"type": fh.choice("a")}, fh.to_schema({"type": {"type": "string", "enum": ["a"]}})),
        ({"type": {"type": "string"}, "$schema": fh.text(), "properties": fh.any_()}, None),
        ({"": {}, "a.b": fh.text(), "class": fh.text(required=False), "ü": fh.text()}, None),
        ({"a": {"type": "string", "default": "x"}, "b": {"type": "string"}}, None),
    ],
)
def test_a_mapping_is_a_schema_or_names(inputs: Any, schema: dict[str, Any] | None) -> None:
    """``$schema`` or ``"type": "object"``, as texts, make it a schema, kept as it is; else each key is a name."""
    found = fh.to_schema(inputs)
    if schema is None:
        assert list(found["properties"]) == list(inputs)
        assert found["additionalProperties"] is False
    else:
        assert found == schema


def test_a_plain_schema_in_a_mapping_is_required_unless_it_has_a_default() -> None:
    """The same rule as for the constructors."""
    assert fh.to_schema({"a": {"default": None}, "b": {}})["required"] == ["b"]


def test_the_schema_is_a_copy_and_nothing_given_is_changed() -> None:
    """A deployment does not change when the mapping does that it was made of, and the other way round."""
    given = copy.deepcopy(CLOSED)
    deployment = Deployment("d", inputs=given)
    deployment.inputs["properties"]["ticket"]["type"] = "integer"
    assert given == CLOSED


def test_the_schemas_true_and_false_are_those_of_any_object_and_of_none() -> None:
    """As JSON Schema has them; a deployment is saved and read with either."""
    anything, nothing = Deployment("d", inputs=True), Deployment("d", inputs=False)
    assert (anything.problems({"a": [1]}), anything.problems({})) == ([], [])
    assert (bool(nothing.problems({"a": 1})), nothing.problems({})) == (True, [])


DEEP: dict[str, Any] = {}
for _ in range(220):
    DEEP = {"items": DEEP}


@pytest.mark.parametrize(
    ("inputs", "parts"),
    [
        (3, ["3"]),
        ("text", ["'text'"]),
        ({"a": "text"}, ["a", "'text'", "fh.text()"]),
        ({"a": str, "b": int}, ["a", "fh.text()", "b", "fh.integer()"]),
        ({"a": True}, ["a", "True"]),
        ({3: fh.text()}, ["3", "'3'"]),
        ({"properties": {"a": {}}, "required": ["a"]}, ["required", "['a']", '"type": "object"']),
        ({"type": "string"}, ["type", "'string'", '"type": "object"']),
        ({"$schema": DRAFT, "type": "array"}, ["'array'"]),
        ({"a": {"type": "strng"}}, ["properties.a.type", "'strng'", "'string'"]),
        ({"a": {"type": 3}}, ["properties.a.type"]),
        ({"a": fh.text(pattern="(")}, ["properties.a.pattern", "'('"]),
        ({"a": fh.text(pattern="a{99999999999}")}, ["properties.a.pattern", "'a{99999999999}'"]),
        ({"a": fh.text(min_length=-1)}, ["properties.a.minLength", "-1", "0"]),
        ({"a": fh.integer(minimum="1")}, ["properties.a.minimum", "'1'", "1"]),  # type: ignore[arg-type]
        ({"a": {"enum": "ab"}, "b": {"required": "a"}}, ["2 problems", "properties.a.enum", "properties.b.required"]),
        ({"type": "object", "properties": {"a": fh.text()}}, ["properties.a", "Variable", "JSON"]),
        ({"type": "object", "properties": 3}, ["properties", "3"]),
        (
            {"a": {"$ref": "https://example.com/schema.json"}},
            ["'https://example.com/schema.json'", "$defs"],
        ),
        ({"a": {"$ref": "#/required/x"}}, ["'#/required/x'"]),
        ({"a": {"items": {"$ref": "#/$defs/b"}}}, ["'#/$defs/b'"]),
        ({"a": DEEP}, ["200"]),
        ({"a": {"minimum": float("nan")}}, ["a.minimum", "nan", "JSON"]),
    ],
)
def test_a_broken_declaration_is_refused_when_the_deployment_is_made(inputs: Any, parts: list[str]) -> None:
    """Every fault with its path and the cure, in one error."""
    with pytest.raises(InputError) as caught:
        Deployment("d", inputs=inputs)
    assert tells(caught.value, *parts)


@pytest.mark.parametrize(
    ("named", "keyword"),
    [
        ("http://json-schema.org/draft-04/schema#", {"minimum": 3, "exclusiveMinimum": True}),
        ("http://json-schema.org/draft-07/schema#", {"exclusiveMinimum": 3}),
        ("https://json-schema.org/draft/2019-09/schema", {"exclusiveMinimum": 3}),
        (DRAFT, {"exclusiveMinimum": 3}),
        ("https://example.com/never-fetched", {"exclusiveMinimum": 3}),
    ],
)
def test_older_dialects_are_read_by_their_own_rules(named: str, keyword: dict[str, Any]) -> None:
    """``$schema`` chooses the dialect; one that is not known is read as the newest, and nothing is fetched."""
    schema = {"$schema": named, "type": "object", "properties": {"n": keyword}, "additionalProperties": False}
    deployment = Deployment("d", inputs=schema)
    assert deployment.inputs == schema
    assert len(deployment.problems({"n": 3})) == 1
    assert deployment.problems({"n": 4}) == []
    [problem] = deployment.problems({"m": 4})
    assert tells(problem, "m", "'n'")


@pytest.mark.parametrize(
    ("declared", "given", "filled"),
    [
        ({"a": fh.integer(default=1), "b": fh.text()}, {"b": "x"}, {"b": "x", "a": 1}),
        ({"a": fh.integer(default=1)}, {"a": None}, {"a": None}),
        ({"a": fh.text(default=None)}, {}, {"a": None}),
        ({"a": fh.text(default=3)}, {}, {"a": 3}),
        ({"g": fh.group({"x": fh.integer(default=1), "y": fh.text()})}, {"g": {"y": "y"}}, {"g": {"y": "y", "x": 1}}),
        ({"g": fh.group({"x": fh.integer(default=1)})}, {}, {}),
        ({"g": fh.group({"x": fh.integer(default=1)}, default={})}, {}, {"g": {}}),
        (None, {"z": 1}, {"z": 1}),
        (
            {"type": "object", "properties": {"a": {"$ref": "#/$defs/a~1b"}}, "$defs": {"a/b": {"default": "far"}}},
            {},
            {"a": "far"},
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/a", "default": "near"}},
                "$defs": {"a": {"default": 1}},
            },
            {},
            {"a": "near"},
        ),
        (
            {"type": "object", "$ref": "#/$defs/all", "$defs": {"all": {"properties": {"a": {"default": 1}}}}},
            {},
            {"a": 1},
        ),
        ({"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}}, {}, {}),
    ],
)
def test_defaults_are_filled_in(declared: Any, given: dict[str, Any], filled: dict[str, Any]) -> None:
    """What is missing gets its default, also inside of a given object and through local references."""
    schema = fh.to_schema(declared)
    before = copy.deepcopy((schema, given))
    assert fh.fill_defaults(schema, given) == filled
    assert (schema, given) == before


def test_a_filled_default_is_not_the_schemas_own() -> None:
    """Whoever changes the filled inputs does not change the deployment."""
    schema = fh.to_schema({"tags": fh.array(default=[])})
    fh.fill_defaults(schema, {})["tags"].append("x")
    assert fh.fill_defaults(schema, {}) == {"tags": []}


@pytest.mark.parametrize("inputs", [3, None, "text", [1]])
def test_filling_in_what_is_no_mapping_is_refused(inputs: Any) -> None:
    """A deployment asked to complete a list says what to give."""
    with pytest.raises(InputError, match=facts("inputs", "{'name': value}")):
        Deployment("d").complete(inputs)


def test_an_invalid_default_is_a_problem_later_and_not_raised_earlier() -> None:
    """A form must be able to show it; a call is refused."""
    deployment = Deployment("d", inputs={"n": fh.integer(default="many", minimum=1)})
    [problem] = deployment.problems(fh.fill_defaults(deployment.inputs, {}))
    assert tells(problem, "n", "'many'")
    with pytest.raises(InputError, match="'many'"):
        deployment.complete({})


def test_importing_the_package_imports_no_library_of_json_schema() -> None:
    """The library comes at the first check, also when the module of the schemas is imported."""
    code = "import sys, fh_notebook.contract.schema.build, fh_notebook.contract.snippet.parser; print('jsonschema_rs' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
