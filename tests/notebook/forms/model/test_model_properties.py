"""Properties of the form over generated schemas: what is shown is what is sent, and it fits or its problem is told."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fh_notebook.contract.schema.validation import problems as problems_of
from fh_notebook.contract.schema.validation import schema_problems
from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.fields.help_text import help_html, shown_name
from fh_notebook.notebook.forms.model.containers import GroupState, OneOfState
from fh_notebook.notebook.forms.model.field import FieldState
from fh_notebook.notebook.forms.model.model import FormModel
from fh_notebook.notebook.forms.model.table import RowsState
from tests.notebook.forms.form_schemas import input_schemas, json_values, property_schemas

few = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
texts = st.sampled_from(
    ["", "x", "12", "12x", "1.5", "true", "null", "[1]", '{"a": 1}', "{", "a\nb", "2026-01-31", "1, 2"]
)


def _edit(draw: st.DrawFn, field: FieldState) -> None:
    """Do to a field one of the things that a person or a program can do."""
    match draw(st.sampled_from(["text", "json", "set", "unset", "fill", "inside", "null"])):
        case "text":
            field.set_text(draw(texts))
        case "json":
            field.set_json(draw(texts))
        case "set":
            field.set(draw(json_values))
        case "unset":
            field.unset()
        case "fill":
            field.fill()
        case "null":
            field.set(None)
        case _:
            _edit_inside(draw, field)


def _edit_inside(draw: st.DrawFn, field: FieldState) -> None:
    if isinstance(field, GroupState) and field.fields:
        _edit(draw, draw(st.sampled_from(list(field.fields.values()))))
    elif isinstance(field, OneOfState):
        field.choose(draw(st.integers(0, len(field.labels) - 1)))
        if field.branch is not None:
            _edit(draw, field.branch)
    elif isinstance(field, RowsState):
        field.add()
        if field.columns and all(isinstance(row, dict) for row in field.rows):
            field.set_cell(0, draw(st.sampled_from(field.columns)).name, draw(texts))


@few
@given(input_schemas, st.data())
def test_what_is_sent_fits_or_its_problem_is_told(schema: dict[str, Any], data: st.DataObject) -> None:
    """Whatever was typed, by an independent judge too; and every problem is beside a field, or the form's own."""
    hypothesis.assume(not schema_problems(schema))
    model = FormModel(schema)
    fields = list(model.fields.values())
    for _ in range(data.draw(st.integers(0, 4))):
        if fields:
            _edit(data.draw, data.draw(st.sampled_from(fields)))
    value, told = model.value, model.problems
    assert told or not problems_of(schema, value)
    if not told:
        assert Draft202012Validator(schema).is_valid(value)
    model.touch_all()
    shown = [*model.other_problems, *(problem for field in model.walk() for problem in field.shown_problems)]
    assert set(told) <= set(shown)
    for field in model.walk():
        assert isinstance(help_html(field) + shown_name(field) + field.text + field.json_text + field.noted, str)


@few
@given(property_schemas, json_values)
def test_a_value_that_is_set_is_the_value(schema: Any, value: Any) -> None:
    """Of every kind, whether it fits or not; what a text field shows of it reads back as the same."""
    whole = {"type": "object", "properties": {"v": schema}}
    hypothesis.assume(not schema_problems(whole))
    model = FormModel(whole)
    field = model.fields["v"]
    field.set(value)
    assert field.value == value
    assert model.value == {"v": value}
    told = problems_of(whole, {"v": value})
    if "password" in json.dumps(schema):  # a form masks what is one
        assert len(model.problems) == len(told)
    else:
        assert model.problems == told
    field.unset()
    assert field.value is UNSET
    assert "v" not in model.value


@few
@given(input_schemas, st.dictionaries(st.sampled_from(["", "a", "v", "class"]), json_values, max_size=2))
def test_values_to_begin_with_are_never_dropped(schema: dict[str, Any], values: dict[str, Any]) -> None:
    """Each is in what would be sent, as it was given or completed by defaults."""
    hypothesis.assume(not schema_problems(schema))
    model = FormModel(schema, values)
    assert values.keys() <= model.value.keys()
