"""Scorers of outputs that are JSON: forms, paths and fields."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

import fh_notebook as fh
from fh_notebook.comparing.scorers.output_values import MAX_VALUES, parse_query
from fh_notebook.contract.run import Run


def _run(output: Any) -> Run:
    return Run(status="completed", output=output)


LABELLED = {
    "type": "object",
    "required": ["label"],
    "properties": {"label": {"enum": ["billing", "other"]}, "n": {"type": "integer", "minimum": 0}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "output", "score"),
    [
        (LABELLED, {"label": "billing"}, True),
        (LABELLED, '```json\n{"label": "other", "n": 3}\n```', True),
        (LABELLED, {"label": "spam"}, False),
        (LABELLED, {"n": 3}, False),
        (LABELLED, {"label": "other", "more": 1}, False),
        (LABELLED, {"label": "other", "n": -1}, False),
        (LABELLED, "label: other", False),
        (LABELLED, None, False),
        ({"type": "array", "items": {"type": "number"}, "minItems": 1}, [1, 2.5], True),
        ({"type": "array", "items": {"type": "number"}, "minItems": 1}, [], False),
        ({"type": "array", "items": {"type": "number"}}, "[1, true]", False),
        ({"type": "integer"}, 3, True),
        ({}, "3", True),
        ({"pattern": "^[A-Z]{2}$"}, '"DE"', True),
        ({"pattern": "^[A-Z]{2}$"}, '"de"', False),
        ({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False}, {"x1": 1}, True),
        ({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False}, {"x1": "1"}, False),
        ({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False}, {"y": 1}, False),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, {"a": "x", "b": 1}, True),
        ({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}, {"a": "x", "b": "1"}, False),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, 3, True),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, "x", False),
        ({"format": "date"}, '"2026-02-30"', False),
    ],
)
def test_json_schema_asks_whether_the_output_fits(schema: dict[str, Any], output: Any, score: bool) -> None:
    """Any schema, not only of objects."""
    assert fh.score.json_schema(schema)(_run(output)) is score


class Answer(pydantic.BaseModel):
    label: str
    n: int = 0


def test_a_schema_may_be_a_model_or_declared_fields() -> None:
    """As for Start variables."""
    for schema in (Answer, {"label": fh.text(), "n": fh.integer(required=False)}):
        rule = fh.score.json_schema(schema)
        assert rule(_run({"label": "x", "n": 1})) is True
        assert rule(_run({"label": 3})) is False
    rule = fh.score.json_schema({"type": "integer"}, path="items[1]")
    assert [rule(_run({"items": items})) for items in ([1, 2], ["x", "y"], [1])] == [True, False, False]


def test_a_schema_that_cannot_be_used_raises_at_once() -> None:
    """Also its patterns."""
    with pytest.raises(fh.InputError, match=r"\btype: 'whole'"):
        fh.score.json_schema({"type": "whole"})
    with pytest.raises(fh.InputError, match=r"properties\.a\.pattern: "):
        fh.score.json_schema({"properties": {"a": {"pattern": "(?<z>a)(?<z"}}})


SLOW = "^(?!b)(a|aa)+$(?!c)"  # it looks around; else it would take linear time


def test_a_pattern_in_a_schema_has_a_limit_too() -> None:
    """Wherever it stands; the error is kept, and is not false."""
    hostile = "a" * 90 + "b"
    for schema, output in (
        ({"type": "array", "items": {"pattern": SLOW}}, [hostile]),
        ({"items": {"not": {"pattern": SLOW}}}, [hostile]),
        ({"patternProperties": {SLOW: {"type": "string"}}}, {hostile: 1}),
        ({"additionalProperties": False, "patternProperties": {SLOW: {}}}, {hostile: 1}),
    ):
        scorer = fh.score.json_schema(schema)
        with pytest.raises(fh.InputError) as caught:
            scorer(_run(output))
        assert [problem.keyword for problem in caught.value.problems] == ["pattern"]


def test_a_schema_without_end_is_an_error_and_not_a_traceback() -> None:
    """One that refers to itself, over an output that is nested as deep."""
    deep: Any = 1
    for _ in range(3_000):
        deep = [deep]
    scorer = fh.score.json_schema({"items": {"$ref": "#"}})
    with pytest.raises(fh.InputError) as caught:
        scorer(_run(deep))
    assert "\n" not in str(caught.value)


ITEMS = {"items": [{"name": "a", "price": 1}, {"name": "b", "price": 2.0}], "x y": {"name": None}, "n": 3}


@pytest.mark.parametrize(
    ("path", "options", "score"),
    [
        ("n", {}, True),
        ("$.n", {"equals": 3}, True),
        ("$.n", {"equals": 3.0}, True),
        ("n", {"equals": True}, False),
        ("m", {}, False),
        ("items[0].name", {"equals": "a"}, True),
        ("items[-1].name", {"equals": "b"}, True),
        ("items[-3].name", {}, False),
        ("$.items[*].name", {"equals": "b"}, True),
        ("$.items.*.name", {"equals": "c"}, False),
        ("$..price", {"equals": 2}, True),
        ("$..[1]", {"equals": {"name": "b", "price": 2}}, True),
        ("..name", {"equals": "a"}, True),
        ("$['x y']", {}, True),
        ("$['x y'].name", {}, False),
        ('$["x y"]["name"]', {"equals": None}, True),
        ("items[*]", {"equals": {"name": "a", "price": 1}}, True),
        ("n", {"expected": "wanted"}, True),
        ("$..name", {"expected": "wanted"}, False),
        ("n", {"expected": "nothing"}, None),
    ],
)
def test_json_path_asks_what_a_path_finds(path: str, options: dict[str, Any], score: bool | None) -> None:
    """Anything, a certain value, or what the row expects; of several one is enough."""
    assert fh.score.json_path(path, **options)(_run(ITEMS), {"wanted": "3", "nothing": None}) is score


def test_json_path_reads_json_in_a_text_and_finds_nothing_in_prose() -> None:
    """Which is false, not an error."""
    rule = fh.score.json_path("$.n", equals=3)
    assert [rule(_run(text)) for text in ('```json\n{"n": 3}\n```', "n is 3", None)] == [True, False, False]


@pytest.mark.parametrize(
    "path", ["", "$", "a b[", "a[x]", "a[", "$x", "a..", "...a", "a[?(@.x)]", "a['x]", "a." * 101 + "a"]
)
def test_a_query_that_cannot_be_read_raises_at_once(path: str) -> None:
    """Filters are not understood, and are not taken for names."""
    with pytest.raises(fh.InputError, match="path"):
        fh.score.json_path(path)


def test_a_query_looks_at_so_many_values_and_no_more() -> None:
    """However often it says "everything below"; the score is missing then, with the reason."""
    nested: Any = "leaf"
    for _ in range(300):
        nested = {"a": nested, "b": 1}
    assert fh.score.json_path("$" + "..a" * 50)(_run(nested)) is True  # by way of the paths it is billions
    with pytest.raises(fh.InputError, match=f" {MAX_VALUES:,} "):
        fh.score.json_path("$..x")(_run(list(range(MAX_VALUES + 10))))


def test_a_query_is_read_step_by_step() -> None:
    """Quotes may be escaped."""
    assert [tuple(s) for s in parse_query(r"a['it\'s'][0].*..b")] == [
        ("name", "a"),
        ("name", "it's"),
        ("place", 0),
        ("each", ""),
        ("below", ""),
        ("name", "b"),
    ]


@pytest.mark.parametrize(
    ("output", "expected", "options", "score"),
    [
        ({"a": 1, "b": "x"}, {"a": 1.0, "b": "y"}, {}, {"a": True, "b": False, "score": 0.5}),
        ('{"a": 1}', '{"a": 1, "b": 2}', {}, {"a": True, "b": False, "score": 0.5}),
        ({"a": 1, "more": 2}, {"a": 1}, {}, {"a": True, "score": 1.0}),
        ({"r": {"a": 1}}, {"a": 1}, {"path": "r"}, {"a": True, "score": 1.0}),
        ("no JSON", {"a": 1, "b": 2}, {}, {"a": False, "b": False, "score": 0.0}),
        (None, {"a": None}, {}, {"a": False, "score": 0.0}),
        ({"a": None}, {"a": None}, {}, {"a": True, "score": 1.0}),
        ({"a": 1, "b": 1}, {"a": 1, "b": 2}, {"fields": ["a"]}, {"a": True, "score": 1.0}),
        ({"a": 1}, {"a": 1}, {"fields": ["c"]}, None),
        ({"a": 1}, None, {}, None),
        ({"a": 1}, {}, {}, None),
        ({"score": 1}, {"score": 2}, {}, {"score_": False, "score": 0.0}),
        (
            {"total": "12.3 EUR", "label": "x"},
            {"total": 12, "label": "x"},
            {"compare": {"total": fh.score.number(0.5)}},
            {"total": True, "label": True, "score": 1.0},
        ),
        (
            {"text": "colour"},
            {"text": "color"},
            {"compare": {"text": fh.score.similarity()}},
            {"text": pytest.approx(10 / 11), "score": pytest.approx(10 / 11)},
        ),
    ],
)
def test_json_fields_compares_field_by_field(output: Any, expected: Any, options: dict[str, Any], score: Any) -> None:
    """The share that is right, and each field; what nobody expects does not count."""
    assert fh.score.json_fields(**options)(_run(output), {"expected_output": expected}) == score


def test_fields_show_in_the_comparison() -> None:
    """One column a field."""
    import pandas as pd

    frame = pd.DataFrame(
        {
            "row": [0, 0],
            "variant": ["a", "b"],
            "output": [{"label": "x", "urgent": True}, "broken"],
            "expected_output": ['{"label": "x", "urgent": false}'] * 2,
        }
    )
    cmp = fh.compare(frame, score=fh.score.json_fields())
    assert cmp.parts().to_dict("list") == {
        "row": [0, 0],
        "variant": ["a", "b"],
        "score": [0.5, 0.0],
        "label": [1.0, 0.0],
        "urgent": [0.0, 0.0],
    }


def test_fields_that_cannot_be_meant_are_told() -> None:
    """When the scorer is made; a row that expects no object is an error of that row."""
    with pytest.raises(fh.InputError, match="fields is 'label'"):
        fh.score.json_fields(fields="label")
    with pytest.raises(fh.InputError, match=r"\['a'\] .*fh\.score"):
        fh.score.json_fields(compare={"a": 1})

    async def later(run: Run) -> bool:
        return True

    with pytest.raises(fh.InputError, match=r"compare\['a'\] "):
        fh.score.json_fields(compare={"a": later})
    by_length = fh.score.json_fields(compare={"a": lambda run: len(run.text)})
    assert by_length(_run({"a": "xyz"}), {"expected_output": {"a": "anything"}}) == {"a": 3, "score": 3.0}
    with pytest.raises(fh.InputError, match="'expected_output' .*'billing', .*JSON"):
        fh.score.json_fields()(_run({}), {"expected_output": "billing"})
