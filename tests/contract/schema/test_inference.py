"""Start variables guessed from samples, and read off a function's signature."""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict

import pandas as pd
import polars as pl
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.schema.build import infer, to_schema
from fh_notebook.contract.schema.from_python import from_function
from fh_notebook.contract.schema.validation import problems
from fh_notebook.errors import InputError
from tests.contract.schema import names as fh
from tests.told import facts, tells


@pytest.mark.parametrize(
    ("samples", "properties"),
    [
        ({}, {}),
        ({"a": "x"}, {"a": {"type": "string"}}),
        ({"a": "x\ny"}, {"a": {"type": "string", "format": "textarea"}}),
        ({"a": "x" * 100}, {"a": {"type": "string", "format": "textarea"}}),
        ({"a": True}, {"a": {"type": "boolean"}}),
        ({"a": 1}, {"a": {"type": "integer"}}),
        ({"a": 1.0}, {"a": {"type": "number"}}),
        ({"a": None}, {"a": {}}),
        ({"a": []}, {"a": {"type": "array"}}),
        ({"a": ["x", "y"]}, {"a": {"type": "array", "items": {"type": "string"}}}),
        ({"a": [1, 2.5]}, {"a": {"type": "array", "items": {"type": "number"}}}),
        ({"a": ["x", 1]}, {"a": {"type": "array", "items": {"type": ["integer", "string"]}}}),
        (
            {"a": [{"b": 1}, {"c": "x"}]},
            {
                "a": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"b": {"type": "integer"}, "c": {"type": "string"}}},
                }
            },
        ),
        (
            {"a": {"b": {"c": 1}}},
            {
                "a": {
                    "type": "object",
                    "properties": {"b": {"type": "object", "properties": {"c": {"type": "integer"}}}},
                }
            },
        ),
        ([{"a": 1}, {"a": None}], {"a": {"type": ["integer", "null"]}}),
        ([{"a": 1}, {"a": 2.5}, {"b": "x"}], {"a": {"type": "number"}, "b": {"type": "string"}}),
        (
            [{"a": "x"}, {"a": {"b": 1}}],
            {"a": {"type": ["object", "string"], "properties": {"b": {"type": "integer"}}}},
        ),
        ({"a": {1, 2}}, {"a": {}}),
        ({"a.b": 1, "": 2}, {"a.b": {"type": "integer"}, "": {"type": "integer"}}),
    ],
)
def test_kinds_are_guessed_from_samples(samples: Any, properties: dict[str, Any]) -> None:
    """One sample or several; the schema is open and requires nothing."""
    assert infer(samples) == {"type": "object", "properties": properties}
    to_schema(infer(samples))


def test_a_sample_that_is_no_mapping_is_refused() -> None:
    """A list of values is no list of inputs."""
    with pytest.raises(InputError, match=facts(1)):
        infer([1, 2])  # type: ignore[list-item]


texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)


@given(st.lists(st.dictionaries(texts, json_values, max_size=4), max_size=4))
def test_an_inferred_schema_accepts_its_own_samples(samples: list[dict[str, Any]]) -> None:
    """Whatever the samples were, the guess refuses none of them, and is a valid schema."""
    schema = to_schema(infer(samples))
    assert [problems(schema, sample) for sample in samples] == [[] for _ in samples]


def test_a_deep_or_wide_sample_is_read_at_once() -> None:
    """Beyond what a form could show, anything is taken."""
    deep: Any = "x"
    for _ in range(150):
        deep = [deep]
    wide = [{f"k{i}": i} for i in range(5_000)]
    schema = infer({"deep": deep, "wide": wide})
    assert problems(schema, {"deep": deep}) == []
    assert len(schema["properties"]["wide"]["items"]["properties"]) == 5_000


class Tone(enum.Enum):
    CALM = "calm"
    BRIEF = "brief"


class Inputs(TypedDict):
    ticket: Annotated[str, "what the customer wrote"]
    tags: NotRequired[list[str]]


@dataclass
class Record:
    ticket: str
    words: int = 120
    tags: list[str] = field(default_factory=list)


class Model(pydantic.BaseModel):
    ticket: str
    words: int = 120
    tone: Tone = Tone.CALM


class Plain:
    def __init__(self, ticket: str, words: int = 3) -> None: ...


class Called:
    def __call__(self, ticket: str) -> None: ...


OPTIONAL_TEXT = {"type": ["string", "null"]}


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (Any, {}),
        (object, {}),
        (bytes, {}),
        (list, {"type": "array"}),
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (Sequence[int], {"type": "array", "items": {"type": "integer"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ),
        (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        (dict, {"type": "object"}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Mapping[str, Any], {"type": "object"}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Optional[str], OPTIONAL_TEXT),  # noqa: UP045
        (str | None, OPTIONAL_TEXT),
        (int | str, {"type": ["integer", "string"]}),
        (list[str] | None, {"type": ["array", "null"], "items": {"type": "string"}}),
        (list[str] | dict[str, int], {"anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": "integer"}}]}),
        (Literal["a"] | None, {"enum": ["a", None]}),
        (str | Any, {}),
        (Tone, {"type": "string", "enum": ["calm", "brief"]}),
        (date, {"type": "string", "format": "date"}),
        (datetime, {"type": "string", "format": "date-time"}),
        (Inputs, {"type": "object", "properties": {
            "ticket": {"type": "string", "description": "what the customer wrote"},
            "tags": {"type": "array", "items": {"type": "string"}}},
            "required": ["ticket"], "additionalProperties": False}),
        (Annotated[str, "a sentence"], {"type": "string", "description": "a sentence"}),
        (Annotated[str, fh.text(multiline=True)], {"type": "string", "format": "textarea"}),
        (Annotated[str, 3], {"type": "string"}),
    ],
)  # fmt: skip
def test_each_annotation_says_one_schema(hint: Any, schema: dict[str, Any]) -> None:
    """What is not JSON's is any value."""

    def workflow(x):  # type: ignore[no-untyped-def]
        ...

    workflow.__annotations__ = {"x": hint}
    expected = {"type": "object", "properties": {"x": schema}, "required": ["x"], "additionalProperties": False}
    assert from_function(workflow) == expected
    assert to_schema(workflow) == expected


def everything(ticket: str, untyped, *rest: int, tone: Literal["calm"] = "calm", note: str = None, **more: Any):  # type: ignore[no-untyped-def, assignment]  # noqa: RUF013
    ...


def test_a_signature_says_order_defaults_and_openness() -> None:
    """Arguments in their order; a default makes one optional, of None also nullable; ``**kwargs`` leaves it open."""
    assert from_function(everything) == {
        "type": "object",
        "properties": {
            "ticket": {"type": "string"},
            "untyped": {},
            "tone": {"type": "string", "enum": ["calm"], "default": "calm"},
            "note": {"type": ["string", "null"]},
        },
        "required": ["ticket", "untyped"],
    }


async def asynchronous(ticket: str, words: int = 3) -> str:
    return ticket


def unresolved(ticket: NoSuchName, words: int = 3) -> None:  # type: ignore[name-defined]  # noqa: F821
    ...


def strange(stamp=object(), *, secret: Annotated[str, fh.text(secret=True, required=False)]):  # type: ignore[no-untyped-def]  # noqa: B008
    ...


@pytest.mark.parametrize(
    ("func", "required", "defaults"),
    [
        (asynchronous, ["ticket"], {"words": 3}),
        (Called(), ["ticket"], {}),
        (Plain("x").__init__, ["ticket"], {"words": 3}),  # type: ignore[misc]
        (Plain, ["ticket"], {"words": 3}),
        (Record, ["ticket"], {"words": 120}),
        (functools.partial(asynchronous, words=4), ["ticket"], {"words": 4}),
        (functools.lru_cache(asynchronous), ["ticket"], {"words": 3}),
        (lambda ticket, words=3: None, ["ticket"], {"words": 3}),
        (unresolved, ["ticket"], {"words": 3}),
        (strange, [], {}),
        (Inputs, ["ticket"], {}),
    ],
)
def test_whatever_has_a_signature_is_read(func: Any, required: list[str], defaults: dict[str, Any]) -> None:
    """Functions, coroutines, methods, objects that can be called, classes, partials, a TypedDict."""
    schema = to_schema(func)
    assert schema.get("required", []) == required
    found = {name: s["default"] for name, s in schema["properties"].items() if "default" in s}
    assert found == defaults
    assert schema["additionalProperties"] is False


def test_a_typed_dict_and_a_pydantic_model_are_read_with_their_words() -> None:
    """Descriptions, choices and defaults come along; a pydantic model's schema is as it gives it, closed."""
    assert to_schema(Inputs)["properties"]["ticket"] == {"type": "string", "description": "what the customer wrote"}
    schema = to_schema(Model)
    assert schema == {**Model.model_json_schema(), "additionalProperties": False}
    [problem] = problems(schema, {"ticket": "x", "tone": "clam"})
    assert (problem.path, problem.keyword, tells(problem.hint, "'calm'")) == (("tone",), "enum", True)
    assert fh.fill_defaults(schema, {"ticket": "x"}) == {"ticket": "x", "words": 120, "tone": "calm"}


def positional(a: int, /, b: int) -> None: ...


def test_an_argument_without_a_name_is_refused() -> None:
    """Inputs are given by name, so a function that hides one cannot take them."""
    with pytest.raises(InputError, match=facts("positional", "a")):
        from_function(positional)


def test_what_has_no_signature_is_refused() -> None:
    """Some of Python's own callables have none."""
    with pytest.raises(InputError, match=facts("min")):
        from_function(min)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ("t.csv", "t.csv"),
        ("t", ".csv"),
        (["a"], "[{'text': t} for t in texts]"),
        (3, "an int"),
    ],
)
def test_what_is_no_table_is_told_with_what_is_one(frame: Any, told: str) -> None:
    """As everywhere where rows are given."""
    with pytest.raises(InputError) as caught:
        Deployment.from_frame("z", frame)
    assert told in str(caught.value)


def test_the_columns_of_every_source_of_rows_are_variables(tmp_path: Path) -> None:
    """Of another library's frame with its types, of a file, of dicts."""
    frame = pl.DataFrame({"ticket": ["late"], "case": [4007], "day": [date(2026, 5, 1)], "tags": [["a"]]})
    properties = Deployment.from_frame("z", frame).inputs["properties"]
    assert properties == {
        "ticket": {"type": "string"},
        "case": {"type": "integer"},
        "day": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}},
    }
    assert Deployment("z", inputs=frame).inputs["properties"] == properties
    frame.write_parquet(tmp_path / "a.parquet")
    for source in (tmp_path / "a.parquet", frame.lazy(), frame.to_dict(), frame.to_dicts()):
        names = Deployment.from_frame("z", source).inputs["properties"]
        assert names.keys() == properties.keys()
        assert names["case"] == {"type": "integer"}


def test_blanks_at_the_ends_of_a_columns_name_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The variable is named as the column is, so that the frame's own rows fit; the cure is one call."""
    frame = pd.DataFrame({" Body ": ["a"], "n": [1]})
    assert Deployment.from_frame("z", frame).variable_names == [" Body ", "n"]
    said = capsys.readouterr().err
    assert "' Body '" in said
    assert "frame.rename(columns=str.strip)" in said
    Deployment.from_frame("z", frame.rename(columns=str.strip))
    assert capsys.readouterr().err == ""
