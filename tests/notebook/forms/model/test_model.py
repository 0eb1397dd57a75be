"""The form without its widgets: every kind of field, what is sent, and what is told."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest
from IPython.lib.pretty import pretty

import fh_notebook as fh
from fh_notebook.contract.schema.build import to_schema
from fh_notebook.contract.schema.validation import problems as problems_of
from fh_notebook.errors import InputError
from fh_notebook.notebook.forms.model.containers import GroupState, OneOfState
from fh_notebook.notebook.forms.model.field import SentAs
from fh_notebook.notebook.forms.model.kinds import FieldKind
from fh_notebook.notebook.forms.model.model import FormModel
from fh_notebook.notebook.forms.model.table import RowsState, TooManyRows
from tests.notebook.forms.form_schemas import CASES, SHAPES, whole
from tests.problems import rules
from tests.told import facts

KINDS = pytest.mark.parametrize("name", list(CASES))
REQUIRED = pytest.mark.parametrize("required", [True, False])


def _form(schema: Any, *, required: bool = False, values: Any = None) -> FormModel:
    return FormModel(whole(schema, required=required), values)


@KINDS
@REQUIRED
def test_every_kind_begins_unset_and_takes_a_value_that_fits(name: str, required: bool) -> None:
    """Nothing is sent before something was given, except what has no alternative."""
    case = CASES[name]
    model = _form(case.schema, required=required)
    field = model.fields["v"]
    assert field.kind == case.kind
    begins = {"const": "v2", "group": {}}.get(case.kind, fh.UNSET) if required else fh.UNSET
    assert field.value == begins
    assert model.value == ({} if begins is fh.UNSET else {"v": begins})
    assert bool(model.problems) is (required and name != "const")
    field.set(case.good)
    assert field.value == case.good
    assert model.value == {"v": case.good}
    assert bool(model.problems) is (name == "false")


@KINDS
@REQUIRED
def test_every_kind_keeps_a_value_that_does_not_fit_and_tells_it(name: str, required: bool) -> None:
    """In the words of the contract, at the field; unset again, it is left out."""
    case = CASES[name]
    model = _form(case.schema, required=required)
    field = model.fields["v"]
    field.set(case.bad)
    assert repr(model.value) == ("{'v': '***'}" if name == "password" else repr({"v": case.bad}))
    assert model.problems == problems_of(model.schema, {"v": case.bad}) != []
    # Of `false` the library does not say where it is: the form itself shows that.
    shown = [*model.shown_other_problems, *(problem for part in field.walk() for problem in part.shown_problems)]
    assert shown == model.problems
    field.unset()
    assert field.value is fh.UNSET
    assert model.value == {}
    assert not field.is_set


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if isinstance(case.schema, dict)])
def test_a_default_is_sent_when_it_is_chosen_or_must_be_given(name: str) -> None:
    """One that does not fit is shown with its problem at once, never dropped or raised."""
    case = CASES[name]
    model = _form({**case.schema, "default": case.good})
    assert model.value == {}
    assert model.problems == []
    model.fields["v"].fill()
    assert model.value == {"v": case.good}
    assert _form({**case.schema, "default": case.good}, required=True).value == {"v": case.good}
    wrong = _form({**case.schema, "default": case.bad})
    assert repr(wrong.value) == ("{'v': '***'}" if name == "password" else repr({"v": case.bad}))
    assert wrong.problems
    shown = [problem for field in wrong.walk() for problem in field.shown_problems]
    assert shown == wrong.problems


def test_not_set_empty_null_and_default_are_four_things() -> None:
    """And each sends what it says."""
    model = FormModel(whole({"type": ["string", "null"], "default": "calm"}, required=False))
    field = model.fields["v"]
    sent = [model.value]
    for value in ("", None, "calm", fh.UNSET):
        field.set(value)
        sent.append(model.value)
    assert sent == [{}, {"v": ""}, {"v": None}, {"v": "calm"}, {}]
    field.send_as(SentAs.DEFAULT)
    assert model.value == {"v": "calm"}
    field.set("late")
    field.send_as(SentAs.NULL)
    field.send_as(SentAs.VALUE)
    assert model.value == {"v": "late"}  # what it was before


def test_what_is_typed_and_is_no_value_stays_and_is_told() -> None:
    """A number that is none is told by the check; a text that is no JSON by its own sentence, once."""
    number, anything = _form({"type": "integer"}), _form({})
    number.fields["v"].set_text("12x")
    assert number.value == {"v": "12x"}
    assert rules(number.problems) == ["v: type"]
    anything.fields["v"].set_text('{"a": }')
    assert anything.fields["v"].text == '{"a": }'
    assert rules(anything.problems) == ["v: draft"]
    assert re.search(r"\b1, \w+ 7$", anything.problems[0].message)
    anything.fields["v"].set_text('{"a": NaN}')
    assert rules(anything.problems) == ["v: draft"]
    anything.fields["v"].set_text('{"a": 1}')
    assert anything.value == {"v": {"a": 1}}
    assert anything.problems == []


@pytest.mark.parametrize("name", ["object", "array of objects", "oneOf", "array of strings"])
def test_a_part_edited_as_json_keeps_a_broken_text_too(name: str) -> None:
    """And takes it when it is mended."""
    field = _form(CASES[name].schema).fields["v"]
    field.set_json("[{")
    assert field.json_text == "[{"
    assert not field.can_show
    assert "JSON" in field.problems[0].message
    field.set(CASES[name].good)
    assert field.value == CASES[name].good
    assert field.can_show


def test_an_emptied_text_is_not_sent_unawares() -> None:
    """An empty one costs a call as well; who wants it, says so."""
    model = _form({"type": "string"}, required=True)
    field = model.fields["v"]
    field.set_text("x")
    field.set_text("")
    assert model.value == {}
    assert rules(model.problems) == ["v: required"]
    field.set(field.empty)
    assert model.value == {"v": ""}
    optional = _form({"type": "string"}).fields["v"]
    optional.set_text("x")
    optional.set_text("")
    assert optional.value is fh.UNSET
    optional.send_as(SentAs.EMPTY)
    assert optional.value == ""


def test_an_object_is_one_group_with_fields_of_its_own() -> None:
    """An optional one appears when something in it is set, and says its own fields' problems there."""
    model = _form(CASES["object"].schema)
    group = model.fields["v"]
    assert isinstance(group, GroupState)
    assert list(group.fields) == ["city", "zip"]
    group.fields["zip"].set_text("24103")
    assert model.value == {"v": {"zip": "24103"}}
    assert rules(group.fields["city"].problems) == rules(model.problems) == ["v.city: required"]
    assert group.own_problems == []
    group.unset()
    assert model.value == {}
    group.fill()
    assert model.value == {"v": {"zip": "24103"}}
    group.set({"city": "Kiel", "other": 1})
    assert model.value == {"v": {"city": "Kiel", "other": 1}}
    assert group.extras == {"other": 1}


def test_a_required_group_is_always_there_with_the_defaults_that_must_be_given() -> None:
    """What is missing in it is told at its own place."""
    schema = fh.group({"name": fh.text(), "vip": fh.boolean(default=False), "words": fh.integer(default=3)}).schema
    model = _form({**schema, "required": ["name", "vip"]}, required=True)
    assert model.value == {"v": {"vip": False}}
    assert rules(model.problems) == ["v.name: required"]


def test_a_schema_that_holds_itself_is_built_as_far_as_it_is_opened() -> None:
    """Also one that has no finite value."""
    endless = {"type": "object", "properties": {"next": {"$ref": "#/$defs/E"}}, "required": ["next"]}
    model = FormModel({"properties": {"v": {"$ref": "#/$defs/E"}}, "required": ["v"], "$defs": {"E": endless}})
    assert model.value == {"v": {}}
    inner = model.fields["v"]
    for _ in range(5):
        assert isinstance(inner, GroupState)
        inner = inner.fields["next"]
        assert inner.switchable
        inner.fill()
    assert model.value == {"v": {"next": {"next": {"next": {"next": {"next": {}}}}}}}


def test_a_choice_of_kinds_keeps_what_was_typed_into_each() -> None:
    """A value that is given chooses the kind that it looks like."""
    model = _form(SHAPES)
    field = model.fields["v"]
    assert isinstance(field, OneOfState)
    assert field.labels == ["Circle", "Square"]
    field.choose(0)
    assert isinstance(field.branch, GroupState)
    field.branch.fields["r"].set_text("2")
    field.choose(1)
    assert model.value == {"v": {"kind": "square"}}
    field.choose(0)
    assert model.value == {"v": {"kind": "circle", "r": 2}}
    field.set({"kind": "square", "a": 4})
    assert field.index == 1
    field.set("no shape")
    assert not field.can_show
    assert model.value == {"v": "no shape"}


def test_rows_are_added_moved_removed_and_pasted() -> None:
    """Cells are read by their column's kind; a header of known names goes by name."""
    field = _form(CASES["array of objects"].schema).fields["v"]
    assert isinstance(field, RowsState)
    field.add()
    field.set_cell(0, "count", "2")
    field.set_cell(0, "sku", "A-1")
    assert field.paste("count\tsku\tother\n3\tB-2\tx\nmany\tC-3\t") == 2
    assert field.paste("D-4;4;TRUE\r\n") == 1
    field.move(0, 1)
    field.remove(2)
    assert field.value == [
        {"sku": "B-2", "count": 3},
        {"sku": "A-1", "count": 2},
        {"sku": "D-4", "count": 4, "gift": True},
    ]
    field.set_cell(1, "count", "two")
    assert rules(field.problems) == ["v[1].count: type"]
    field.set_cell(1, "count", "")
    assert field.value[1] == {"sku": "A-1"}
    assert field.can_show
    field.set([{"sku": "A-1", "colour": "red"}])
    assert not field.can_show


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('sku,count\n"A, large",2\n', [{"sku": "A, large", "count": 2}]),
        ("A-1\t2\n\n\nB-2\t3", [{"sku": "A-1", "count": 2}, {"sku": "B-2", "count": 3}]),
        ("SKU\nA-1", [{"sku": "A-1"}]),
        ("", []),
        ("\n \n", []),
        ("\x00\tx", [{"sku": "\x00", "count": "x"}]),
    ],
)
def test_a_piece_of_a_spreadsheet_is_read_as_it_was_meant(text: str, rows: list[Any]) -> None:
    """With and without a header, by tab or comma, with quotes."""
    field = _form(CASES["array of objects"].schema).fields["v"]
    assert isinstance(field, RowsState)
    assert field.paste(text) == len(rows)
    assert field.rows == rows


def test_more_rows_than_a_value_takes_are_told_and_none_is_dropped_in_silence() -> None:
    """A part of them would be sent as if it were all."""
    field = _form(CASES["array of objects"].schema).fields["v"]
    assert isinstance(field, RowsState)
    with pytest.raises(TooManyRows, match=facts("10,001", "10,000")):
        field.paste("sku\n" + "A-1\n" * 10_001)
    assert field.value is fh.UNSET
    assert field.paste("sku\n" + "A-1\n" * 10_000) == 10_000


def test_a_choice_that_is_one_of_its_own_kinds_is_looked_at_once() -> None:
    """No check can judge it, and the form shows it all the same."""
    kinds = {"N": {"oneOf": [{"type": "integer"}, {"$ref": "#/$defs/N"}]}}
    model = FormModel({"properties": {"x": {"$ref": "#/$defs/N"}}, "$defs": kinds}, {"x": 3})
    assert model.value == {"x": 3}
    assert model.fields["x"].is_set


def test_two_threads_that_ask_first_for_the_fields_of_a_group_get_the_same() -> None:
    """What one of them sets would else be in a field that nobody sends."""
    model = FormModel(whole({"type": "object", "properties": {"a": {"type": "string"}}}, required=False))
    group = model.fields["v"]
    assert isinstance(group, GroupState)
    at_the_lock, real, found = threading.Semaphore(0), model.lock, []

    class Lock:
        """Says that somebody has come to it."""

        def __enter__(self) -> None:
            at_the_lock.release()
            real.acquire()

        def __exit__(self, *_: object) -> None:
            real.release()

    model.lock = Lock()  # type: ignore[assignment]  # as far as it is used
    threads = [threading.Thread(target=lambda: found.append(group.fields["a"])) for _ in range(2)]
    with real:
        for thread in threads:
            thread.start()
            assert at_the_lock.acquire(timeout=30)
    for thread in threads:
        thread.join(30)
    assert found[0] is found[1] is group.fields["a"]


def test_a_value_without_end_is_one_line() -> None:
    """Set, given to begin with, or pasted: what holds itself, or is deeper than what can be sent."""
    endless: list[Any] = []
    endless += [endless, endless]
    deep: Any = 3
    for _ in range(450):
        deep = [deep]
    for value in (endless, {"a": endless}, deep):
        for schema in ({}, {"type": "array", "items": {"type": "string"}}, {"type": "string"}):
            field = _form(schema).fields["v"]
            with pytest.raises(InputError, match=r"\b200\b"):
                field.set(value)
            assert field.value is fh.UNSET
        with pytest.raises(InputError, match=r"\b200\b"):
            _form({}, values={"w": value})
    anything = _form({}).fields["v"]
    anything.set_json(450 * "[" + 450 * "]")
    assert rules(anything.problems) == ["v: draft"]
    wide = [{"a": [number]} for number in range(1_000)]
    anything.set(wide)
    assert anything.value == wide


def test_a_name_without_a_field_is_kept_and_told() -> None:
    """In an open schema it is sent, in a closed one it is a problem."""
    closed = _form({"type": "string"}, values={"v": "x", "w": 1})
    assert closed.value == {"v": "x", "w": 1}
    assert closed.problems == closed.other_problems
    assert rules(closed.problems) == ["w: additionalProperties"]
    closed.set_values({"w": fh.UNSET})
    assert closed.problems == []
    assert FormModel({"type": "object"}, {"w": 1}).problems == []


def test_values_to_begin_with_are_sent_and_the_defaults_that_must_be_given() -> None:
    """Also inside of a given object; a recorded run comes back exactly."""
    inner = fh.group({name: fh.integer(default=1) for name in "abc"}, required=False).schema
    properties = {"n": {"default": 3}, "m": {"default": 4}, "g": {**inner, "required": ["a", "c"]}}
    model = FormModel({"type": "object", "properties": properties, "required": ["m"]}, {"g": {"c": 2}})
    assert model.value == {"m": 4, "g": {"a": 1, "c": 2}}
    assert model.problems == []
    model.set_values({"g": {"b": 5}}, exact=True)
    assert model.value == {"g": {"b": 5}}


def test_a_password_is_in_no_repr_and_in_no_problem() -> None:
    """Of the field, the value, the model, or what is told; what is sent has it."""
    for schema in (CASES["password"].schema, {"type": "array", "items": CASES["password"].schema}):
        model = _form({**schema, "pattern": "^never", "minItems": 9})
        field = model.fields["v"]
        field.set("hunter2-hunter2")
        assert field.problems
        shown = repr([field, model, model.value, field.value, field.noted, model.problems])
        assert "hunter2" not in shown
        assert str(model.value["v"]) == "hunter2-hunter2"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 48151623),
        ({"type": "number"}, 4815.1623),
        ({}, {"pin": [48151623, {"of": 4815.1623}]}),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, 48151623),
        ({"type": "object", "properties": {"pin": {"type": "integer"}}}, 48151623),
    ],
)
def test_a_password_that_is_no_text_is_in_no_repr_either(schema: Any, value: Any) -> None:
    """A number as little as a text, wherever it lies; it is sent as the number that it is."""
    model = _form({**schema, "format": "password"})
    model.fields["v"].set(value)
    assert "4815" not in repr([model.value, model.fields["v"].value, model.problems, model.fields["v"]])
    assert json.loads(json.dumps(model.value)) == {"v": value}
    limited = _form({"format": "password", "maximum": 5})
    limited.fields["v"].set(48151623)
    assert limited.fields["v"].shown_problems
    assert "4815" not in repr(limited.problems)


def test_a_secret_that_is_true_or_false_does_not_show() -> None:
    """In no value of the form or of its group; what is sent is itself."""
    agreed = {"type": "boolean", "format": "password"}
    group = {"type": "object", "properties": {"agreed": agreed, "loud": {"type": "boolean"}}}
    values = {"agreed": True, "group": {"agreed": False, "loud": True}, "plain": True}
    properties = {"agreed": agreed, "group": group, "plain": {"type": "boolean"}}
    model = FormModel({"type": "object", "properties": properties}, values)
    assert model.value == values
    assert json.loads(json.dumps(model.value)) == values
    inside = "{'agreed': '***', 'loud': True}"
    assert repr(model.fields["group"].value) == inside
    assert repr(model.value) == f"{{'agreed': '***', 'group': {inside}, 'plain': True}}"
    assert pretty(model.value) == repr(model.value)


def test_a_schema_that_is_true_takes_any_object_and_one_that_is_false_none() -> None:
    """As JSON, checked as it is typed; a text that is no object is kept, told, and not sent."""
    anything = FormModel(to_schema(True))
    assert anything.takes_others
    anything.set_others_text('{"a": {"b": 1}}')
    assert (anything.value, anything.problems) == ({"a": {"b": 1}}, [])
    for text, told in (('{"a": ', "inputs: this is not JSON"), ("[1]", "inputs: is not a ")):
        anything.set_others_text(text)
        assert anything.others_text == text
        assert str(anything.problems[0]).startswith(told)
        assert anything.other_problems == anything.problems
    anything.set_others_text("")
    assert (anything.value, anything.problems, anything.others_text) == ({}, [], "")
    nothing = FormModel(to_schema(False), {"a": 1})
    assert not nothing.takes_others
    assert nothing.problems
    nothing.set_values({}, exact=True)
    assert (nothing.value, nothing.problems) == ({}, [])


@pytest.mark.parametrize(
    ("says", "typed"),
    [
        ({"required": ["ghost"]}, '{"ghost": 1}'),
        ({"minProperties": 2}, '{"more": 1, "other": 2}'),
        ({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False}, '{"x1": 1}'),
        ({"additionalProperties": {"type": "integer"}}, '{"any": 1}'),
    ],
)
def test_what_a_schema_says_of_names_without_a_field_can_be_typed(says: dict[str, Any], typed: str) -> None:
    """Beside the fields, or alone: no schema asks for what nobody can give."""
    for properties in ({"a": {"const": 0, "default": 0}}, {}):
        model = FormModel({"type": "object", "properties": properties, **says})
        assert model.takes_others
        wanted = {**model.value, **json.loads(typed)}
        model.set_others_text(typed)
        assert model.value == wanted
        assert model.problems == []
    assert not FormModel(
        {"type": "object", "properties": {"a": {}}, "required": ["a"], "minProperties": 1}
    ).takes_others


def test_fields_that_a_whole_schema_names_by_parts_are_there() -> None:
    """Parts that hold together are one form; where there is a choice between wholes, the inputs are typed as JSON."""
    parts = [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"properties": {"b": {}}}]
    together = FormModel({"type": "object", "allOf": parts})
    assert {name: state.required for name, state in together.fields.items()} == {"a": True, "b": False}
    assert not together.takes_others
    either = FormModel({"type": "object", "oneOf": parts[:1]})
    assert either.takes_others
    either.set_others_text('{"a": 3}')
    assert (either.value, either.problems) == ({"a": 3}, [])


def test_an_object_that_asks_for_a_name_without_a_field_is_typed_as_json() -> None:
    """Its own fields alone could never make it fit."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a", "b"]}
    model = FormModel({"type": "object", "properties": {"o": schema, "rows": {"type": "array", "items": schema}}})
    assert (model.fields["o"].kind, model.fields["rows"].kind) == (FieldKind.OBJECT, FieldKind.JSON)


def test_problems_are_shown_after_the_first_edit_or_run() -> None:
    """Before, only those of a default; all of them are always listed."""
    model = FormModel(to_schema({"a": fh.text(), "b": fh.integer(default="many"), "c": fh.text()}))
    assert len(model.problems) == 3
    assert [bool(field.shown_problems) for field in model.fields.values()] == [False, True, False]
    model.fields["a"].set_text("")
    assert [bool(field.shown_problems) for field in model.fields.values()] == [True, True, False]
    model.touch_all()
    assert all(field.shown_problems for field in model.fields.values())


@pytest.mark.parametrize("required", [["kind", "r"], ["r"], []])
def test_a_chosen_kind_has_its_constants_and_one_message(required: list[str]) -> None:
    """The constant says which kind it is, also where it need not be given; what is wrong is told in one place."""
    kinds = [
        {"properties": {"kind": {"const": kind}, "r": {"type": "number"}}, "required": required} for kind in ("a", "b")
    ]
    shape = FormModel({"properties": {"shape": {"oneOf": kinds}}, "required": ["shape"]}).fields["shape"]
    assert isinstance(shape, OneOfState)
    for at, kind in enumerate(("a", "b")):
        shape.choose(at)
        assert shape.value == {"kind": kind}
    shape.set({"r": "no number"})
    shape.choose(0)
    assert shape.value == {"kind": "a", "r": "no number"}
    branch = shape.branch
    assert isinstance(branch, GroupState)
    branch.touched = True
    told = [*shape.shown_problems, *branch.shown_problems, *(p for f in branch.fields.values() for p in f.problems)]
    assert len(told) == 1, told


def test_the_value_is_a_copy() -> None:
    """Whoever changes it changes nothing of the form, and nobody changes what was given."""
    given = [["a"]]
    model = _form({"type": "array"})
    model.fields["v"].set(given)
    given[0].append("b")
    model.value["v"].append("c")
    assert model.value == {"v": [["a"]]}


def test_values_of_numpy_and_pandas_are_taken() -> None:
    """As in a call."""
    import numpy as np
    import pandas as pd

    model = FormModel({"properties": {"n": {"type": "integer"}, "t": {"type": "array"}}})
    model.fields["n"].set(np.int64(3))
    model.fields["t"].set(pd.Series([1, 2]))
    assert model.value == {"n": 3, "t": [1, 2]}


def test_two_hundred_variables_and_hostile_names_build() -> None:
    """Any string is a name, and a schema that no deployment would take is told, not raised."""
    names = ["", "a.b", "class", "inputs", "<script>", "\u202ereversed", "x" * 500, "a[0]", "$defs", "None", "\x00"]
    many = {"type": "object", "properties": {name: {"type": "integer"} for name in [*names, *map(str, range(200))]}}
    model = FormModel(many)
    assert list(model.fields) == list(many["properties"])
    for name in names:
        model.fields[name].set_text("x")
        assert len(model.fields[name].problems) == 1
    for broken in ({"properties": {"v": {"type": "whole"}}}, {"properties": {"v": 3}}, {"properties": [1]}, True, None):
        model = FormModel(broken)  # type: ignore[arg-type]
        for field in model.fields.values():
            field.set_text("x")
        assert isinstance(model.problems, list)
