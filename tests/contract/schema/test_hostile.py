"""Problems of hostile inputs: nothing secret is shown, nothing is raised, nothing takes long."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.schema.build import infer, to_schema
from fh_notebook.contract.schema.validation import fits, problems
from fh_notebook.errors import InputError
from tests.contract.schema import names as fh
from tests.problems import rules, sentences
from tests.told import facts, tells

TRIAGE = to_schema(
    {
        "ticket": fh.text(multiline=True),
        "tone": fh.choice("calm", "brief"),
        "max_words": fh.integer(default=120, minimum=1),
        "tags": fh.array(fh.text(), required=False),
    }
)


def _shape(kind: str, size: str) -> dict[str, Any]:
    properties = {"kind": {"const": kind}, size: {"type": "number"}}
    return {"type": "object", "properties": properties, "required": ["kind", size]}


SHAPES = {"oneOf": [_shape("circle", "r"), _shape("square", "a")]}

SECRET = "hunter2-hunter2"
SECRET_VALUES = [
    SECRET,
    [SECRET, SECRET, 1],
    {"inner": SECRET, "more": SECRET},
    {"inner": [SECRET]},
    [[SECRET]],
    f'["{SECRET}"]',
]
PASSWORD = fh.text(secret=True, min_length=100, pattern="^never$")
REFERRED = {
    "type": "object",
    "properties": {"pw": {"$ref": "#/$defs/pw"}, "other": {"type": "string"}},
    "$defs": {"pw": {"type": "integer", "format": "password"}},
}
AT_ROOT = {
    "type": "object",
    "allOf": [{"properties": {"pw": {"format": "password", "minLength": 99}}}],
    "minProperties": 5,
}


@pytest.mark.parametrize(
    "declared",
    [
        {"pw": PASSWORD},
        {"pw": fh.array(PASSWORD)},
        {"pw": fh.group({"inner": PASSWORD})},
        {"pw": {"type": "integer", "format": "password"}, "type": fh.any_(required=False)},
        {"pw": {"anyOf": [{"type": "integer", "format": "password"}, {"type": "null"}]}},
        {"pw": {"oneOf": [{"minLength": 99, "format": "password"}, {"minLength": 98}]}},
        {"pw": {"allOf": [{"type": "string", "pattern": "^x$"}, {"format": "password"}]}},
        {"pw": {"enum": ["a", "b"], "format": "password"}},
        {"pw": {"const": 1, "format": "password"}},
        {"pw": {"type": "integer", "writeOnly": True}},
        {"pw": {"not": {"type": ["string", "array", "object"]}, "format": "password"}},
        {"pw": {"items": {"type": "integer"}, "uniqueItems": True, "type": "array", "format": "password"}},
        REFERRED,
        AT_ROOT,
    ],
)
@pytest.mark.parametrize("value", SECRET_VALUES)
def test_the_value_of_a_secret_is_never_shown(declared: Any, value: Any) -> None:
    """Not where it is wrong, not where what holds it is, not through a reference or an alternative."""
    found = problems(to_schema(declared), {"pw": value})
    assert SECRET not in repr(found)


def test_a_secret_is_not_shown_by_a_pattern_that_takes_too_long() -> None:
    """The check ends there, and says of the text only how long it is."""
    secret = SECRET + "a" * 60 + "!"
    found = problems(to_schema({"pw": fh.text(secret=True, pattern="(?!x)(a|aa)+$(?!y)")}), {"pw": secret})
    assert len(found) == 1
    assert SECRET not in repr(found)


def test_a_secret_hides_no_other_variable() -> None:
    """The other sentences stay as helpful as they are."""
    found = problems(to_schema({"pw": PASSWORD, "n": fh.integer()}), {"pw": 3, "n": "x"})
    assert [(p.path, p.keyword) for p in found] == [(("pw",), "type"), (("n",), "type")]
    assert (found[0].value, tells(found[1].value, "'x'")) == ("the value", True)


def test_the_choices_of_a_secret_are_secret_too() -> None:
    """Neither a wrong nor a missing one lists what would be right."""
    schema = to_schema({"pw": {"type": "string", "enum": [SECRET], "format": "password"}})
    assert SECRET not in repr([*problems(schema, {"pw": "x"}), *problems(schema, {})])
    several = to_schema({"pws": {"type": "array", "contains": {"const": SECRET}, "writeOnly": True}})
    [wanted] = problems(several, {"pws": ["x"]})
    assert (wanted.keyword, wanted.value) == ("contains", "the value")
    assert SECRET not in repr(wanted)


@pytest.mark.parametrize(
    "value", ["a" * 10**6, ["a" * 10**4] * 10**3, {"k" * 10**6: "v" * 10**6}, 10**3000, "\x1b[31m\u202e"]
)
def test_values_are_shortened_and_made_printable(value: Any) -> None:
    """However long or strange a value is, its sentence is short and shows no control character."""
    (problem,) = problems(to_schema({"x": fh.boolean()}), {"x": value})
    sentence = str(problem)
    assert len(sentence) < 200
    assert sentence.isprintable()


def test_names_are_shortened_and_made_printable_too() -> None:
    """A hostile name of a variable fills no page and turns no text around."""
    found = problems(TRIAGE, {"ticket": "x", "tone": "calm", "a" * 10**6: 1, "\u202e\x1b[2J": 2})
    assert len(found) == 2
    assert all(len(p) < 200 and p.isprintable() for p in sentences(found))


@pytest.mark.long
@pytest.mark.parametrize(
    ("declared", "inputs"),
    [
        (TRIAGE, lambda: {"ticket": "x", "tone": "calm", "tags": [{"a": i} for i in range(20_000)]}),
        (TRIAGE, lambda: {f"name{i}": i for i in range(60_000)}),
        (to_schema({f"name_{i}": fh.text() for i in range(2_000)}), lambda: {f"nome_{i}": i for i in range(5_000)}),
        (to_schema({"x": fh.array(unique=True)}), lambda: {"x": [{"a": [i]} for i in range(40_000)]}),
        (to_schema({"x": fh.array(unique=True)}), lambda: {"x": [[1]] * 40_000}),
        (to_schema({"x": fh.choice(*map(str, range(5_000)))}), lambda: {"x": "4x" * 10**6}),
        (to_schema({"x": fh.text(max_length=3, pattern="^b")}), lambda: {"x": "a" * 10**7}),
    ],
    ids=["wrong items", "unknown names", "missing and unknown", "unique", "repeated", "choices", "long text"],
)
def test_huge_inputs_take_linear_time_and_their_problems_are_counted(declared: Any, inputs: Callable[[], Any]) -> None:
    """Tens of thousands of wrong values are told in some thousand sentences, at once."""
    given_inputs = inputs()
    start = time.thread_time()
    found = problems(declared, given_inputs)
    assert time.thread_time() - start < 3
    assert len(found) < 1_100
    if len(found) > 1_000:
        assert tells(found[-1].message, "inputs")


ENDLESS = {"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}}
TREE = {"type": "object", "properties": {"x": {"$ref": "#"}}, "additionalProperties": False}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    ("schema", "inputs", "part"),
    [
        (ENDLESS, {"x": 1}, ""),
        (TREE, nested(150), "x.x.x"),
        (TREE, nested(5_000), ""),
        ({"type": "object", "patternProperties": {"a": {}}}, {3: 1}, "3"),
        ({"type": "object", "properties": {"x": {"type": "string"}}}, {"x": 10**5000}, "x"),
    ],
)
def test_endless_schemas_and_monstrous_values_are_told_and_not_raised(schema: Any, inputs: Any, part: str) -> None:
    """The library's own exceptions never reach the user."""
    found = problems(to_schema(schema), inputs)
    assert found
    assert any(part in p and "\n" not in p for p in sentences(found))


def test_a_schema_that_names_its_dialect_behaves_the_same_inside_of_itself() -> None:
    """With ``$schema`` and ``"$ref": "#"`` the sentences of inner levels are ours as well."""
    schema = to_schema({**TREE, "$schema": "https://json-schema.org/draft/2020-12/schema"})
    assert rules(problems(schema, {"x": {"x": {"y": 1}}})) == ["x.x.y: additionalProperties"]


BUNDLED = {
    "$id": "https://example.com/part",
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"a": {}, "b": {}, "list": {"uniqueItems": True}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


def test_a_bundled_schema_with_a_dialect_of_its_own_is_told_in_the_same_words() -> None:
    """Each fault at its own place, as in the schema itself."""
    whole = {"type": "object", "properties": {"x": {"$ref": BUNDLED["$id"]}}, "$defs": {"part": BUNDLED}}
    found = problems(to_schema(whole), {"x": {"a": 1, "c": 2, "list": [1, 1]}})
    assert rules(found) == ["x.list[1]: uniqueItems", "x.b: required", "x.c: additionalProperties"]
    assert (found[0].value, "x.list[0]" in str(found[0]), tells(found[2], "'a'", "'b'", "'list'")) == ("1", True, True)


def test_a_reference_that_only_shows_when_it_is_followed_is_a_problem_and_no_exception() -> None:
    """A ``$dynamicRef`` to nowhere is found at the first check."""
    schema = to_schema({"type": "object", "properties": {"x": {"$dynamicRef": "#nowhere"}}})
    [problem] = problems(schema, {"x": 1})
    assert tells(problem, "inputs", "$ref")


NO_PATTERN = "ECMA 262"


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ({"pattern": "("}, "x", NO_PATTERN),
        ({"patternProperties": {"(": {}}}, {"x": 1}, NO_PATTERN),
        ({"type": "whole"}, 1, "$ref"),
        ({"properties": [1]}, {"x": 1}, "$ref"),
        ("a text", 1, "$ref"),
    ],
)
def test_what_no_meta_schema_has_seen_is_a_problem_and_no_exception(part: Any, value: Any, told: str) -> None:
    """Under a keyword that JSON Schema does not know there may be anything, and a ``$ref`` may lead there."""
    schema = to_schema({"type": "object", "properties": {"x": {"$ref": "#/shared/x"}}, "shared": {"x": part}})
    [problem] = problems(schema, {"x": value})
    assert tells(problem, "inputs", told)


def _doubling(step: Callable[[str], Any], last: Any) -> dict[str, Any]:
    """25 definitions, each of which refers to the next one twice."""
    definitions = {f"d{i}": step(f"#/$defs/d{i + 1}") for i in range(25)}
    return {"type": "object", "$defs": {**definitions, "d25": last}}


def _twice(place: str) -> dict[str, Any]:
    return {"allOf": [{"$ref": place}, {"$ref": place}]}


@pytest.mark.parametrize(
    ("schema", "inputs"),
    [
        (_doubling(_twice, {"type": "string"}) | {"properties": {"x": {"$ref": "#/$defs/d0"}}}, {"x": "a"}),
        (
            _doubling(lambda place: {"properties": {"x": _twice(place)}}, {}) | {"$ref": "#/$defs/d0"},
            reduce(lambda inner, _: {"x": inner}, range(25), {"x": 1}),
        ),
        (
            _doubling(_twice, {"properties": {"x": True}}) | {"$ref": "#/$defs/d0", "unevaluatedProperties": False},
            {"x": 1},
        ),
    ],
    ids=["in place", "level by level", "unevaluated"],
)
def test_definitions_that_multiply_are_told_and_do_not_hang(schema: dict[str, Any], inputs: dict[str, Any]) -> None:
    """33 million looks at one value would take a quarter of an hour; by a scorer's check it is an error as well."""
    made = to_schema(schema)
    [problem] = problems(made, inputs)
    assert tells(problem, "inputs", "20,000")
    with pytest.raises(InputError, match=facts("20,000")):
        fits(made, inputs)


def test_many_values_of_a_schema_with_references_are_checked_to_the_end() -> None:
    """Looks are counted for each value: 6,000 rows of a table are no hostile schema."""
    schema = to_schema(
        {
            "type": "object",
            "properties": {"rows": {"items": {"$ref": "#/$defs/row"}}},
            "$defs": {"row": {"allOf": [{"$ref": "#/$defs/n"}, {"minimum": 0}]}, "n": {"type": "integer"}},
        }
    )
    assert rules(problems(schema, {"rows": [*range(6_000), "x"]})) == ["rows[6000]: type"]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)
EVERYTHING = to_schema(
    {
        "a": fh.text(min_length=2, pattern="^a"),
        "b": fh.array(fh.integer(minimum=1), unique=True, max_items=2),
        "c": fh.group({"x": fh.date(), "y": fh.choice("a", 1, None)}),
        "d": SHAPES,
        "e": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "f": {"multipleOf": 0.5, "type": ["number", "boolean"]},
        "g": {"propertyNames": {"pattern": "^k"}, "patternProperties": {"^k": {"type": "string"}}},
        "h": fh.text(secret=True),
    }
)


@given(st.dictionaries(st.sampled_from("abcdefgh") | st.text(), json_like) | json_like)
def test_no_inputs_make_it_raise_and_none_are_changed(inputs: Any) -> None:
    """For arbitrary values the answer is a list of short printable sentences."""
    before = copy.deepcopy(inputs)
    found = problems(EVERYTHING, inputs)
    assert found
    assert all(p.keyword and p.message for p in found)
    assert all(": " in sentence for sentence in sentences(found))
    assert repr(inputs) == repr(before)


@given(st.dictionaries(st.sampled_from("abcdefgh"), json_like))
def test_an_inferred_schema_never_makes_it_raise(inputs: dict[str, Any]) -> None:
    """Also against a schema that was guessed from something else."""
    problems(infer({"a": [1, "x"], "b": {"c": None}, "d": 1.5}), inputs)
