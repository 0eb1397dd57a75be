"""Start variables from every source: JSON Schema with references, pydantic, TypedDict, dataclass, named tuple,
function.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable
from dataclasses import KW_ONLY, InitVar, dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Required, TypedDict

import annotated_types as at
import pydantic
import pydantic.dataclasses
import pytest

import fh_notebook as fh
from fh_notebook.contract.schema.build import fill_defaults, to_schema
from fh_notebook.contract.schema.from_python import from_function
from fh_notebook.contract.schema.validation import problems
from fh_notebook.errors import InputError
from tests.problems import rules
from tests.told import facts

TREE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"$ref": "#/$defs/a%20name"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name"],
            "additionalProperties": False,
        },
        "a name": {"type": "string", "minLength": 1},
    },
}


def test_a_recursive_json_schema_is_read_and_checked_at_every_depth() -> None:
    """A reference at the top is written out, so that everybody finds the variables' names there."""
    deployment = fh.Deployment("tree", inputs=TREE)
    assert deployment.variable_names == ["name", "children"]
    assert deployment.problems({"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}) == []
    told = problems(deployment.inputs, {"name": "a", "children": [{"name": "b", "children": [{"nam": "c"}]}]})
    assert rules(told) == [
        "children[0].children[0].name: required",
        "children[0].children[0].nam: additionalProperties",
    ]
    assert "'name'" in told[1].hint
    assert rules(problems(deployment.inputs, {"name": ""})) == ["name: minLength"]


class Tone(StrEnum):
    CALM = "calm"
    BRIEF = "brief"


class Address(pydantic.BaseModel):
    city: str
    zip: Annotated[str, pydantic.Field(pattern=r"^\d{5}$")]
    country: str = "DE"


class Order(pydantic.BaseModel):
    ticket: str = pydantic.Field(description="What the customer wrote.", min_length=1)
    order_id: int = pydantic.Field(alias="orderId", ge=1)
    address: Address | None = None
    tone: Tone = Tone.CALM
    parts: list[Order] = []


def test_a_pydantic_model_gives_aliases_nested_models_constraints_and_choices() -> None:
    """Also when it is inside of itself, where its schema is a reference."""
    schema = to_schema(Order)
    assert list(schema["properties"]) == ["ticket", "orderId", "address", "tone", "parts"]
    assert schema["properties"]["ticket"]["description"] == "What the customer wrote."
    assert schema["required"] == ["ticket", "orderId"]
    part = {"ticket": "", "orderId": 0, "address": {"city": "Kiel", "zip": "x"}, "tone": "clam"}
    assert sorted(rules(problems(schema, {"ticket": "late", "orderId": 3, "parts": [part]}))) == [
        "parts[0].address.zip: pattern",
        "parts[0].orderId: minimum",
        "parts[0].ticket: minLength",
        "parts[0].tone: enum",
    ]
    filled = fill_defaults(schema, {"ticket": "late", "orderId": 3, "address": {"city": "Kiel", "zip": "24103"}})
    assert filled["address"]["country"] == "DE"
    assert (filled["tone"], filled["parts"]) == ("calm", [])
    assert problems(schema, filled) == []


class OpenPart(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    size: int = 1


class Box(pydantic.BaseModel):
    ticket: str
    tone: str | None = None
    address: Address | None = None
    part: OpenPart | None = None
    counts: dict[str, int] = {}


def _workflow_of_a_box(box: Box) -> None: ...


def test_the_mask_of_a_secret_default_of_pydantic_is_never_sent() -> None:
    """Its schema has asterisks in place of the secret: such a variable is not set unless it is given."""

    class Login(pydantic.BaseModel):
        token: pydantic.SecretStr = pydantic.SecretStr("correct-horse")

    class Inputs(pydantic.BaseModel):
        token: pydantic.SecretStr = pydantic.SecretStr("correct-horse")
        maybe: pydantic.SecretStr | None = pydantic.SecretStr("correct-horse")
        several: list[pydantic.SecretStr] = [pydantic.SecretStr("correct-horse")]
        login: Login = Login()
        given: Login
        line: str = "**********"
        count: int = 3

    made = fh.Deployment("d", inputs=Inputs).complete({"given": {}})
    assert made == {"given": {}, "line": "**********", "count": 3}


def test_a_misspelt_variable_of_a_pydantic_model_is_told_at_every_depth() -> None:
    """As of every declared schema; a model that allows more takes more, and a dict every name."""
    given = {"ticket": "late", "part": {"size": 2, "more": 3}, "counts": {"any": 1}}
    assert problems(to_schema(Box), given) == []
    wrong = {**given, "tonne": "calm", "address": {"city": "Kiel", "zip": "24103", "contry": "DE"}}
    assert sorted(rules(problems(to_schema(Box), wrong))) == [
        "address.contry: additionalProperties",
        "tonne: additionalProperties",
    ]
    assert len(problems(to_schema(_workflow_of_a_box), {"box": wrong})) == 2


class Strange(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    handle: Callable[[], int]
    thing: object
    lock: subprocess.Popen[bytes]


def test_a_model_that_is_no_object_is_refused() -> None:
    """Start variables have names; a list has none, and every call with it would be refused."""

    class Numbers(pydantic.RootModel[list[int]]): ...

    class Named(pydantic.RootModel[dict[str, int]]): ...

    with pytest.raises(InputError, match=facts("'array'")):
        to_schema(Numbers)
    assert to_schema(Named)["additionalProperties"] == {"type": "integer"}


def test_a_default_without_an_offset_fits_its_own_variable() -> None:
    """The format date-time needs an offset; a function with such a default does without."""

    def naive(since: datetime = datetime(2026, 1, 1)): ...

    def aware(since: datetime = datetime(2026, 1, 1, tzinfo=UTC)): ...

    for function, kind in ((naive, {"type": "string"}), (aware, {"type": "string", "format": "date-time"})):
        schema = to_schema(function)
        assert {**schema["properties"]["since"], "default": None} == {**kind, "default": None}
        assert problems(schema, fill_defaults(schema, {})) == []


def test_a_model_without_a_json_schema_is_one_line() -> None:
    """Pydantic's own error is long, and of many lines."""
    with pytest.raises(InputError, match="Strange") as caught:
        fh.Deployment("x", inputs=Strange)
    assert "\n" not in str(caught.value)


class Place(TypedDict):
    city: Required[str]
    zip: NotRequired[str]


class Loose(TypedDict, total=False):
    """What may be given.

    Attributes
    ----------
    note : str
        A remark.
    """

    ticket: Required[Annotated[str, "What the customer wrote."]]
    note: str
    place: Place


class Node(TypedDict):
    name: str
    children: NotRequired[list[Node]]


PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def test_a_typed_dict_gives_its_keys_and_those_of_nested_ones() -> None:
    """``total=False``, ``Required`` and ``NotRequired`` say what must be given; nested ones have their properties."""
    assert to_schema(Loose) == {
        "type": "object",
        "properties": {
            "ticket": {"type": "string", "description": "What the customer wrote."},
            "note": {"type": "string", "description": "A remark."},
            "place": PLACE,
        },
        "required": ["ticket"],
        "additionalProperties": False,
    }


def test_a_typed_dict_inside_of_itself_is_referred_to() -> None:
    """It is read once, and checked at every depth."""
    schema = to_schema(Node)
    assert schema["properties"]["children"] == {"type": "array", "items": {"$ref": "#/$defs/Node"}}
    assert rules(problems(schema, {"name": "a", "children": [{"name": "b", "children": [{"name": 3}]}]})) == [
        "children[0].children[0].name: type"
    ]

    def walk(root: Node, places: list[Place]) -> None: ...

    walk.__annotations__ = {"root": Node, "places": list[Place]}
    nested = to_schema(walk)
    assert nested["properties"] == {"root": {"$ref": "#/$defs/Node"}, "places": {"type": "array", "items": PLACE}}
    assert rules(problems(nested, {"root": {"name": "a", "children": [{}]}, "places": []})) == [
        "root.children[0].name: required"
    ]


@dataclass
class Inner:
    words: int = 120
    note: str | None = None


@dataclass
class Outer:
    ticket: str = field(metadata={"description": "What the customer wrote."})
    inner: Inner
    tags: list[str] = field(default_factory=list)
    seed: InitVar[int] = 3
    hidden: int = field(init=False, default=1)
    _: KW_ONLY
    price: Decimal = Decimal("1.50")
    tone: Tone = Tone.BRIEF


@dataclass
class Chain:
    name: str
    after: Chain | None = None


def test_a_dataclass_gives_its_fields_defaults_and_words() -> None:
    """Its generated docstring says nothing; a ``default_factory`` makes a field optional, and is not called."""
    schema = to_schema(Outer)
    assert schema["properties"] == {
        "ticket": {"type": "string", "description": "What the customer wrote."},
        "inner": {
            "type": "object",
            "properties": {"words": {"type": "integer", "default": 120}, "note": {"type": ["string", "null"]}},
            "additionalProperties": False,
        },
        "tags": {"type": "array", "items": {"type": "string"}},
        "seed": {"type": "integer", "default": 3},
        "price": {"type": "number", "default": 1.5},
        "tone": {"type": "string", "enum": ["calm", "brief"], "default": "brief"},
    }
    assert schema["required"] == ["ticket", "inner"]
    assert fill_defaults(schema, {"ticket": "x", "inner": {}})["inner"] == {"words": 120}
    chain = to_schema(Chain)
    assert rules(problems(chain, {"name": "a", "after": {"name": "b", "after": {"name": 3}}})) == [
        "after.after.name: type"
    ]
    assert problems(chain, {"name": "a", "after": None}) == []


def test_a_dataclass_gives_the_kinds_of_pydantics_and_of_a_base_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pydantic's ``__init__`` says no kinds, and that of a class knows no name of its base's module."""

    @pydantic.dataclasses.dataclass
    class Checked:
        words: int
        price: Decimal = Decimal("1.5")

    schema = {"words": {"type": "integer"}, "price": {"type": "number", "default": 1.5}}
    assert to_schema(Checked)["properties"] == schema

    elsewhere = types.ModuleType("elsewhere")
    monkeypatch.setitem(sys.modules, "elsewhere", elsewhere)
    source = """
    from __future__ import annotations
    from dataclasses import dataclass
    from typing import Literal as OneOf
    @dataclass
    class Base:
        tone: OneOf["calm", "brief"]
    """
    exec(textwrap.dedent(source), vars(elsewhere))

    @dataclass
    class Derived(elsewhere.Base):  # type: ignore[name-defined,misc]  # made just now
        words: int = 3

    assert to_schema(Derived)["properties"] == {
        "tone": {"type": "string", "enum": ["calm", "brief"]},
        "words": {"type": "integer", "default": 3},
    }


class Pair(NamedTuple):
    """A pair.

    Parameters
    ----------
    left : str
        The left one.
    """

    left: str
    right: int = 2


class Bare(NamedTuple):
    left: str


def test_a_named_tuple_is_variables_at_the_top_and_a_list_inside() -> None:
    """JSON writes a named tuple as a list."""
    assert to_schema(Pair)["properties"] == {
        "left": {"type": "string", "description": "The left one."},
        "right": {"type": "integer", "default": 2},
    }
    assert to_schema(Bare)["properties"] == {"left": {"type": "string"}}

    def take(pair): ...

    take.__annotations__ = {"pair": Pair}
    schema = to_schema(take)
    assert fh.Deployment("x", inputs=schema).problems({"pair": Pair("a")}) == []
    assert rules(problems(schema, {"pair": ["a", "b"]})) == ["pair[1]: type"]


COUNTS = {"type": "object", "additionalProperties": {"type": "integer"}}
PAIR = {
    "type": "array",
    "prefixItems": [{"type": "integer", "minimum": 1}, {"type": "string"}],
    "minItems": 2,
    "maxItems": 2,
}
UserId = NewType("UserId", int)


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (UserId, {"type": "integer"}),
        (Level, {"type": "integer", "enum": [1, 2]}),
        (Literal[Level.LOW], {"type": "integer", "enum": [1]}),
        (Annotated[int, pydantic.Field(description="How many.")], {"type": "integer", "description": "How many."}),
        (Annotated[int, pydantic.Field(ge=1, le=9)], {"type": "integer", "minimum": 1, "maximum": 9}),
        (Annotated[float, at.Gt(0), at.Lt(0.5)], {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}),
        (Annotated[int, at.Interval(ge=1, lt=9)], {"type": "integer", "minimum": 1, "exclusiveMaximum": 9}),
        (Annotated[int | None, pydantic.Field(multiple_of=5)], {"type": ["integer", "null"], "multipleOf": 5}),
        (
            Annotated[str, pydantic.Field(min_length=1, max_length=5, pattern="^a", description="Short.")],
            {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^a", "description": "Short."},
        ),
        (Annotated[str, pydantic.StringConstraints(min_length=2)], {"type": "string", "minLength": 2}),
        (
            Annotated[list[str], at.Len(1, 3)],
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
        ),
        (Annotated[dict[str, int], at.MinLen(1)], {**COUNTS, "minProperties": 1}),
        (Annotated[Decimal, pydantic.Field(ge=Decimal("0.5"))], {"type": "number", "minimum": 0.5}),
        (Annotated[str, pydantic.Field(pattern="(")], {"type": "string"}),
        (Annotated[date, pydantic.Field(ge=date(2026, 1, 1))], {"type": "string", "format": "date"}),
        (tuple[Annotated[int, at.Ge(1)], str], PAIR),
        (Place | None, {**PLACE, "type": ["object", "null"]}),
        (dict[str, Place], {"type": "object", "additionalProperties": PLACE}),
        (subprocess.Popen, {}),
    ],
)
def test_more_annotations_say_what_they_are(hint: Any, schema: dict[str, Any]) -> None:
    """New types, enumerations, pydantic's fields with their limits, named fields within containers."""

    def workflow(x): ...

    workflow.__annotations__ = {"x": hint}
    assert from_function(workflow)["properties"] == {"x": schema}


def test_a_pydantic_model_inside_of_a_signature_keeps_its_references() -> None:
    """Its definitions move to the top, where its references look for them."""

    def workflow(order, address): ...

    workflow.__annotations__ = {"order": Order, "address": Address}
    schema = to_schema(workflow)
    good = {"ticket": "a", "orderId": 1, "parts": [{"ticket": "b", "orderId": 2}]}
    place = {"city": "Kiel", "zip": "24103"}
    assert problems(schema, {"order": good, "address": place}) == []
    assert rules(problems(schema, {"order": {**good, "parts": [{"ticket": "b"}]}, "address": place})) == [
        "order.parts[0].orderId: required"
    ]


NUMPYDOC = """Sort a support ticket
into a queue.

More about it.

Parameters
----------
ticket : str
    What the customer
    wrote.
words, tone
    Whatever helps.

Returns
-------
str
    The queue.
"""
GOOGLE = """Sort a support ticket into a queue.

Args:
    ticket (str): What the customer
        wrote.
    words: Whatever helps.
    tone: Whatever helps.

Returns:
    The queue.
"""
REST = """Sort a support ticket into a queue.

:param ticket: What the customer
    wrote.
:param int words: Whatever helps.
:param tone: Whatever helps.
:return: The queue.
"""


@pytest.mark.parametrize("style", [NUMPYDOC, GOOGLE, REST], ids=["numpydoc", "google", "rest"])
def test_a_docstring_describes_the_deployment_and_its_variables(style: str) -> None:
    """In each of the three styles, on one line; what an annotation says itself is not overwritten."""

    def workflow(ticket: str, words: int = 3, tone: Annotated[str, "How it sounds."] = "calm") -> str:
        return ticket

    workflow.__doc__ = style
    deployment = fh.Deployment("triage", inputs=workflow)
    assert deployment.description == "Sort a support ticket into a queue."
    told = {name: schema.get("description") for name, schema in deployment.inputs["properties"].items()}
    assert told == {"ticket": "What the customer wrote.", "words": "Whatever helps.", "tone": "How it sounds."}
    assert fh.Deployment("triage", inputs=workflow, description="Mine.").description == "Mine."
    assert fh.Deployment("triage", inputs=workflow, description="").description == ""
    assert fh.Deployment("triage", inputs=functools.partial(workflow, words=4)).description == deployment.description


class Sorter:
    """An object that can be called."""

    def __call__(self, ticket: str) -> str:
        """Sort it."""
        return ticket


@pytest.mark.parametrize(
    ("inputs", "description"),
    [
        (Sorter(), "Sort it."),
        (Sorter, None),
        (Pair, None),
        (Order, None),
        (Loose, None),
        ({"a": fh.text()}, None),
        (None, None),
        (lambda ticket: ticket, None),
    ],
)
def test_only_a_function_describes_what_a_deployment_does(inputs: Any, description: str | None) -> None:
    """A class says what its values are."""
    assert fh.Deployment("x", inputs=inputs).description == description


@pytest.mark.parametrize(
    "text", ["", "\n", "Args:", "Parameters\n----", ":param", ":param x", "x:\n  y:\n :z", "\x00\n:"]
)
def test_no_docstring_is_a_reason_to_refuse_a_function(text: str) -> None:
    """It is prose."""

    def workflow(x: str) -> str:
        return x

    workflow.__doc__ = text
    assert fh.Deployment("x", inputs=workflow).variable_names == ["x"]


def half_known(ticket: str, other: OnlyForTheChecker, words: int = 3) -> None:  # type: ignore[name-defined]  # noqa: F821
    ...


def test_one_annotation_that_cannot_be_read_costs_no_other() -> None:
    """It is any value, and the others keep their kinds."""
    assert from_function(half_known)["properties"] == {
        "ticket": {"type": "string"},
        "other": {},
        "words": {"type": "integer", "default": 3},
    }


def test_a_docstring_of_one_line_imports_no_parser() -> None:
    """The library comes with the first docstring that has sections."""
    script = """
import sys
import fh_notebook as fh
def workflow(ticket: str): "Sort it."
assert fh.Deployment("x", inputs=workflow).description == "Sort it."
assert "docstring_parser" not in sys.modules
assert "pandas" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
