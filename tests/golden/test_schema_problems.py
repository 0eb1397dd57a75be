"""Problems of inputs: one sentence each, all at once, with the cure; nothing secret, nothing raised, no long wait."""

from __future__ import annotations

from datetime import date
from types import MappingProxyType
from typing import Any

import pytest

from fh_notebook.contract.schema.build import to_schema
from fh_notebook.contract.schema.validation import problems
from tests.contract.schema import names as fh
from tests.problems import rules, sentences

ANY_OF = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def _shape(kind: str, size: str) -> dict[str, Any]:
    properties = {"kind": {"const": kind}, size: {"type": "number"}}
    return {"type": "object", "properties": properties, "required": ["kind", size]}


SHAPES = {"oneOf": [_shape("circle", "r"), _shape("square", "a")]}
EITHER = {"oneOf": [{"type": "integer"}, {"minimum": 2}]}


@pytest.mark.parametrize(
    ("declared", "value", "sentence"),
    [
        (fh.text(), 3, "x: 3 is not a text"),
        (fh.text(), True, "x: True is not a text"),
        (fh.text(), None, "x: None is not a text"),
        (fh.text(), ["a"], "x: the list ['a'] is not a text"),
        (fh.text(), {"a": 1}, "x: the object {'a': 1} is not a text"),
        (fh.integer(), True, "x: True is not a whole number"),
        (fh.integer(), 1.5, "x: 1.5 is not a whole number"),
        (fh.integer(), "12", "x: the text '12' is not a whole number; give 12 without quotes"),
        (fh.integer(), "1.5", "x: the text '1.5' is not a whole number"),
        (fh.integer(), "many", "x: the text 'many' is not a whole number"),
        (fh.integer(), "", "x: an empty text is not a whole number"),
        (fh.array(fh.text()), " ", "x: the text ' ' is not a list; give [], or leave it out"),
        (fh.number(), "-1.50", "x: the text '-1.50' is not a number; give -1.50 without quotes"),
        (fh.number(), False, "x: False is not a number"),
        (fh.boolean(), 1, "x: 1 is not true or false"),
        (fh.boolean(), "yes", "x: the text 'yes' is not true or false; write true or false"),
        (fh.boolean(), "Off", "x: the text 'Off' is not true or false; write true or false"),
        (fh.boolean(), "maybe", "x: the text 'maybe' is not true or false"),
        (fh.boolean(), "true", "x: the text 'true' is not true or false; give True without quotes"),
        (fh.array(), '["a"]', "x: the text '[\"a\"]' is not a list; give a list, not its JSON text"),
        (fh.array(), "a", "x: the text 'a' is not a list; give ['a']"),
        (fh.array(fh.text()), ["a", 3], "x[1]: 3 is not a text"),
        (fh.array(fh.array(fh.text())), [["a"], ["b", 3]], "x[1][1]: 3 is not a text"),
        (fh.array(min_items=1), [], "x: is empty; give at least 1 item"),
        (fh.array(max_items=2), [1, 2, 3], "x: has 3 items; give at most 2 items"),
        (fh.array(unique=True), [1, "a", 1.0], "x[2]: 1.0 is a duplicate of x[0]; give each item once"),
        (
            fh.group({"a": fh.text()}),
            '{"a": 1}',
            "x: the text '{\"a\": 1}' is not an object with named values; give an object, not its JSON text",
        ),
        (fh.group({"a": fh.text()}), {}, "x.a: is missing; give a text"),
        (
            fh.group({"age": fh.text()}),
            {"age": "1", "aeg": 1},
            "x.aeg: no such name here; did you mean 'age'?",
        ),
        (fh.group({"a.b": fh.text(), "": fh.integer()}), {"a.b": 1, "": 1}, 'x."a.b": 1 is not a text'),
        (fh.choice("calm", "brief"), "clam", "x: 'clam' is not one of 'calm' or 'brief'; did you mean 'calm'?"),
        (fh.choice("calm", "brief"), "Calm", "x: 'Calm' is not one of 'calm' or 'brief'; did you mean 'calm'?"),
        (fh.choice("calm", "brief"), 3, "x: 3 is not one of 'calm' or 'brief'"),
        (fh.choice(1, 2), True, "x: True is not one of 1 or 2"),
        (fh.choice(*range(25)), 99, "x: 99 is not one of " + ", ".join(map(str, range(20))) + " and 5 more"),
        ({"const": 4}, 3, "x: 3 is not the one value allowed; give 4"),
        (fh.integer(minimum=1), 0, "x: 0 is too small; give at least 1"),
        (fh.number(maximum=1), 1.01, "x: 1.01 is too large; give at most 1"),
        ({"exclusiveMinimum": 0}, 0, "x: 0 is too small; give more than 0"),
        ({"exclusiveMaximum": 1}, 1, "x: 1 is too large; give less than 1"),
        ({"multipleOf": 5}, 7, "x: 7 is not a multiple of 5"),
        (fh.text(min_length=1), "", "x: is empty; give at least 1 character"),
        (fh.text(min_length=5), "abc", "x: has 3 characters; give at least 5 characters"),
        (fh.text(max_length=1000), "a" * 1234, "x: has 1,234 characters; give at most 1,000 characters"),
        (fh.text(pattern=r"^\d+$"), "12a", r"x: '12a' does not match the pattern ^\d+$"),
        ({"minProperties": 2}, {"a": 1}, "x: has 1 name; give at least 2 names"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "x: 'b' (needed with 'a') is missing; give it"),
        ({"contains": {"type": "string"}}, [1], "x: the list [1] has no item that is a text"),
        ({"not": {"type": "string"}}, "a", "x: 'a' is not allowed here"),
        ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "x: has 2 characters; give at most 1 character"),
        ({"items": False, "prefixItems": [{}]}, [1, 2], "x: has 2 items; give at most 1"),
        ({"properties": {"a": False}}, {"a": 1}, "x.a: 1 is not accepted; leave it out"),
        ({"unevaluatedProperties": False}, {"a": 1}, "x: {'a': 1} does not fit the schema's unevaluatedProperties"),
        (fh.date(), "31.1.2026", "x: '31.1.2026' is not a date like '2026-01-31'"),
        (fh.date(), "2026-02-30", "x: '2026-02-30' is not a date like '2026-01-31'"),
        (fh.date(), 20260131, "x: 20260131 is not a date like '2026-01-31'"),
        (
            fh.datetime_(),
            "2026-01-31",
            "x: '2026-01-31' is not a date and time with offset, like '2026-01-31T09:30:00Z'",
        ),
        (
            fh.datetime_(),
            "2026-01-31T09:30:00",
            "x: '2026-01-31T09:30:00' is not a date and time with offset, like '2026-01-31T09:30:00Z'",
        ),
        ({"format": "email"}, "me", "x: 'me' is not an e-mail address"),
        ({"format": "uri"}, "example.com", "x: 'example.com' is not an address like 'https://example.com/page'"),
        ({"format": "ipv4"}, "1.2.3", "x: '1.2.3' is not an IPv4 address"),
        (ANY_OF, 3, "x: 3 is neither a text nor null"),
        ({"type": ["integer", "null"]}, "a", "x: the text 'a' is not a whole number or null"),
        (
            {"anyOf": [{"type": "string", "minLength": 3}, {"type": "null"}]},
            "ab",
            "x: has 2 characters; give at least 3 characters",
        ),
        ({"anyOf": [{"const": "a"}, {"const": "b"}]}, "c", "x: the text 'c' is neither 'a' nor 'b'"),
        (SHAPES, {"kind": "circle"}, "x.r: is missing; give a number"),
        (SHAPES, {"kind": "square", "a": "1"}, "x.a: the text '1' is not a number; give 1 without quotes"),
        (SHAPES, 3, "x: 3 is not an object with named values"),
        (EITHER, 3, "x: 3 fits more than one of the kinds allowed; give a value that fits only one of them"),
    ],
)
def test_each_problem_is_one_sentence_with_its_cure(declared: Any, value: Any, sentence: str) -> None:
    """What is wrong, where, and what to give instead, in plain words."""
    schema = to_schema({"x": declared})
    assert sentences(problems(schema, {"x": value})) == [sentence]


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (fh.integer(), 3.0),
        (fh.integer(), 10**30),
        (fh.number(), 3),
        (fh.text(multiline=True), "any\ntext"),
        (fh.date(), "2024-02-29"),
        (fh.datetime_(), "2026-01-31T09:30:00Z"),
        (fh.datetime_(), "2026-01-31t09:30:00.123456789+02:00"),
        ({"format": "email"}, "a.b@example.com"),
        ({"format": "uri"}, "https://example.com/a?b=c#d"),
        ({"format": "uri"}, "mailto:me@example.com"),
        ({"format": "a-format-of-our-own"}, "x"),
        (fh.array(unique=True), [1, True, "1", [1], {"a": 1}, {"a": True}]),
        (fh.array(fh.text()), ("a", "b")),
        (fh.group({"a": fh.text()}), MappingProxyType({"a": "b"})),
        (fh.any_(), {"deep": [1, None, {"x": 1.5}]}),
        (ANY_OF, None),
        ({"type": "string", "pattern": "b"}, "abc"),
    ],
)
def test_what_fits_has_no_problems(declared: Any, value: Any) -> None:
    """Whole floats are whole numbers, tuples are lists, any mapping is an object; unknown formats bind nobody."""
    assert problems(to_schema({"x": declared}), {"x": value}) == []


TRIAGE = to_schema(
    {
        "ticket": fh.text(multiline=True),
        "tone": fh.choice("calm", "brief"),
        "max_words": fh.integer(default=120, minimum=1),
        "tags": fh.array(fh.text(), required=False),
    }
)


def test_all_problems_come_at_once_in_the_order_of_the_variables() -> None:
    """Wrong, missing and unknown ones together, unknown ones last."""
    inputs = {"zzz": 1, "tags": ["a", 3, 4], "tiket": "x", "max_words": 0, "tone": "calm"}
    assert rules(problems(TRIAGE, inputs)) == [
        "ticket: required",
        "max_words: minimum",
        "tags[1]: type",
        "tags[2]: type",
        "zzz: additionalProperties",
        "tiket: additionalProperties",
    ]


@pytest.mark.parametrize(
    ("schema", "inputs", "sentence"),
    [
        ({"a": fh.text(required=False)}, {"zzzz": 1}, "zzzz: no such variable; there is only 'a'"),
        ({}, {"a": 1}, "a: no such variable; none is accepted here"),
        (
            {"max_words": fh.any_(required=False)},
            {"Max-Words": 1},
            "Max-Words: no such variable; did you mean 'max_words'?",
        ),
        ({"": fh.text()}, {}, '"": is missing; give a text'),
        ({"a.b": fh.text()}, {}, '"a.b": is missing; give a text'),
        ({"a": fh.any_()}, {}, "a: is missing; give a value"),
        ({"a": fh.choice("x", "y")}, {}, "a: is missing; give one of 'x' or 'y'"),
        ({"a": fh.date()}, {}, "a: is missing; give a date like '2026-01-31'"),
    ],
)
def test_missing_and_unknown_names(schema: Any, inputs: dict[str, Any], sentence: str) -> None:
    """A missing name says what to give, an unknown one the nearest name or those that there are."""
    assert sentences(problems(to_schema(schema), inputs)) == [sentence]


def test_an_open_schema_lets_unknown_names_through() -> None:
    """A full JSON Schema of the user's stays as open as it is."""
    assert problems(to_schema({"type": "object", "properties": {"a": {"type": "string"}}}), {"b": 1}) == []
    assert problems(to_schema(None), {"anything": [1, {"x": None}]}) == []


@pytest.mark.parametrize("inputs", [None, 3, "text", [("a", 1)]])
def test_inputs_that_are_no_mapping_are_one_problem(inputs: Any) -> None:
    """It is told, not raised."""
    assert [(p.path, p.keyword) for p in problems(TRIAGE, inputs)] == [((), "type")]


@pytest.mark.parametrize(
    ("value", "part"),
    [
        (float("nan"), "nan has no JSON form"),
        (float("inf"), "inf has no JSON form"),
        ({1, 2}, "give a list"),
        (date(2026, 1, 31), "a date has no JSON form"),
        ({3: "a"}, "the key 3 is not a string"),
        ("\ud800", "half a character"),
    ],
)
@pytest.mark.parametrize("declared", [None, {"x": fh.text()}, {"x": fh.integer(minimum=3)}, {"x": fh.any_()}])
def test_what_json_cannot_say_is_told_once(value: Any, part: str, declared: Any) -> None:
    """Checked or not, it could not be sent; and it is not also called a wrong type where it is no value at all."""
    found = problems(to_schema(declared), {"x": value})
    assert len([p for p in found if p.keyword == "json" and part in str(p)]) == 1
    assert len(found) == 1 or isinstance(value, dict | str)


def test_a_list_whose_items_are_of_several_types_is_named() -> None:
    """In a sentence about alternatives, and of what is missing."""
    schema = {"properties": {"v": {"type": "array", "items": {"type": ["string", "null"]}}}, "required": ["v"]}
    assert sentences(problems(schema, {})) == ["v: is missing; give a list"]


def test_an_alternative_that_takes_nothing_is_none() -> None:
    """A branch that is the schema `false`."""
    schema = {"properties": {"v": {"anyOf": [False, {"type": "null"}]}}}
    assert sentences(problems(schema, {"v": []})) == ["v: the list [] is neither nothing nor null"]
    neither = {"properties": {"v": {"oneOf": [False, False]}}}
    assert sentences(problems(neither, {"v": 3})) == ["v: 3 is not nothing"]
