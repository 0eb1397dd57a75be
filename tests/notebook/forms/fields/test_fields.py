"""The fields as widgets: what a person does to them, and what they show. A change in the page arrives as a trait."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import ipywidgets
import pytest
from PIL import Image

import fh_notebook as fh
from fh_notebook.contract.schema.build import to_schema
from fh_notebook.contract.schema.validation import problems
from fh_notebook.core.text.formatting import path_text
from fh_notebook.notebook.forms.fields.base import Field, field_anchor
from fh_notebook.notebook.forms.fields.group import GroupField, OneOfField
from fh_notebook.notebook.forms.fields.view import FieldsView
from fh_notebook.notebook.forms.model.field import SentAs
from fh_notebook.notebook.forms.model.kinds import RULES, Control, FieldKind
from fh_notebook.notebook.forms.model.model import FormModel
from tests.notebook.forms.form_schemas import CASES, SHAPES, whole
from tests.notebook.forms.labels import label_help, label_name
from tests.problems import rules
from tests.told import tells

KINDS = pytest.mark.parametrize("name", list(CASES))


def _view(schema: Any, *, required: bool = False, values: Any = None) -> FieldsView:
    view = FieldsView(FormModel(whole(schema, required=required), values))
    assert view.widget is view.widget
    return view


def _inside(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _inside(child)


def _parts(field: Field, kind: type[Any]) -> list[Any]:
    return [part for part in _inside(field.widget) if type(part) is kind or part.__class__.__bases__[0] is kind]


def _labels(widget: Any) -> list[str]:
    """The names of all labels in it."""
    return [label_name(str(getattr(part, "description", ""))) for part in _inside(widget)]


def _menu(field: Field) -> Any:
    field.offer_menu()
    (menu,) = [part for part in field.widget.children if "fh-menu" in part._dom_classes]
    return menu


def _removable(field: Field) -> bool:
    return any("fh-remove" in part._dom_classes for part in field.widget.children)


def _choices(field: Field) -> list[Any]:
    """The lists to choose from, without menus."""
    return [part for part in _parts(field, ipywidgets.Dropdown) if "fh-menu" not in part._dom_classes]


def _text(widget: Any) -> str:
    """All that a person can read in it."""
    said = []
    for part in _inside(widget):
        said += [str(getattr(part, name, "")) for name in ("description", "value", "placeholder")]
    return "\n".join(said)


def test_every_kind_has_an_entry_and_every_control_a_class() -> None:
    """No control is without a kind that has it."""
    assert set(RULES) == set(FieldKind)
    assert set(Field.classes) == set(Control) == {rules.control for rules in RULES.values()}


@KINDS
@pytest.mark.parametrize("required", [True, False])
def test_every_kind_has_a_control_with_its_name(name: str, required: bool) -> None:
    """A label that is tied to it, a star where it must be given, an x where a value may be left out, what it is for."""
    case = CASES[name]
    schema = case.schema
    if isinstance(schema, dict):
        schema = {**schema, "description": "What it is for.", "examples": [case.good]}
    view = _view(schema, required=required)
    field = view.fields["v"]
    label = "v *" if required else "v"
    assert field.label == label
    assert label in re.sub("<[^>]*>", "", _text(field.widget))
    assert not _removable(field)
    field.value = case.good
    if case.good is not None or field.state.nullable:
        assert _removable(field) is not required
        view.fields["v"].value = fh.UNSET
    if isinstance(schema, dict):
        assert "What it is for." in _text(field.widget)
        assert field.state.secret or re.search('fh-hint">[^<]+<', _text(field.widget))


@KINDS
def test_every_kind_shows_what_was_set_in_a_cell(name: str) -> None:
    """A good value and a bad one, with its problem; and nothing again when it is unset."""
    case = CASES[name]
    view = _view(case.schema)
    field = view.fields["v"]
    for value in (case.good, case.bad, fh.UNSET):
        field.value = value
        assert field.value == value or value != value
        shown = [*view.model.problems] if value is not fh.UNSET else []
        assert ("⚠" in _text(view.widget)) is bool(shown), (value, shown)
        before = view.model.value
        view.refresh()
        assert repr(view.model.value) == repr(before)  # to show is not to set


@KINDS
def test_half_a_character_in_a_cells_value_is_shown_and_can_be_sent_to_a_page(name: str) -> None:
    """Spelt as JSON spells it, with its problem: no widget holds what has no UTF-8, in whatever the value is nested."""
    view = _view(CASES[name].schema)
    field = view.fields["v"]
    assert field.widget is not None
    for value in ("a\ud800b", ["a\ud800b"], {"a": "a\ud800b"}, [{"a": "a\ud800b"}]):
        field.value = value
        assert view.model.problems
        for part in _inside(view.widget):
            json.dumps(part.get_state(), ensure_ascii=False, default=repr).encode()
        assert field.value == value


def test_a_text_goes_to_the_model_on_commit_and_says_what_is_sent_without_one() -> None:
    """Emptied, nothing is sent; an empty text is in the menu, and so is what was there before."""
    view = _view({"type": "string"})
    field = view.fields["v"]
    (text,), menu = _parts(field, ipywidgets.Text), _menu(field)
    assert not text.continuous_update
    assert (text.placeholder, menu.value, _removable(field)) == ("not sent", SentAs.NOTHING, False)
    text.value = "late"
    assert (view.model.value, menu.value, _removable(field)) == ({"v": "late"}, SentAs.VALUE, True)
    text.value = ""
    assert (view.model.value, menu.value, text.placeholder) == ({}, SentAs.NOTHING, "not sent")
    menu.value = SentAs.EMPTY
    assert (view.model.value, text.value) == ({"v": ""}, "")
    assert text.placeholder not in {"", "not sent"}
    text.value = "lost"
    _click(field, "fh-remove")
    assert (view.model.value, text.value, text.placeholder) == ({}, "", "not sent")
    menu.value = SentAs.VALUE
    assert (view.model.value, text.value) == ({"v": "lost"}, "lost")


def test_a_default_is_not_sent_until_it_is_chosen_or_typed_and_the_field_says_so() -> None:
    """Not sent, the default, null and empty are four entries of one menu, and the value of before a fifth."""
    view = _view({"type": ["string", "null"], "default": "calm"})
    field = view.fields["v"]
    (text,), menu = _parts(field, ipywidgets.Text), _menu(field)
    assert (view.model.value, text.placeholder, menu.value) == ({}, calm := text.placeholder, SentAs.NOTHING)
    assert calm.startswith("default: calm (")
    text.value = "calm"
    assert (view.model.value, menu.value, _removable(field)) == ({"v": "calm"}, SentAs.DEFAULT, True)
    text.value = "late"
    _click(field, "fh-remove")
    assert (view.model.value, text.placeholder) == ({}, calm)
    assert [sent for _, sent in menu.options] == list(SentAs)
    sent = []
    for choice in (SentAs.DEFAULT, SentAs.EMPTY, SentAs.NULL, SentAs.VALUE, SentAs.NOTHING):
        menu.value = choice
        sent.append((view.model.value, field.state.sent_as))
    assert sent == [
        ({"v": "calm"}, SentAs.DEFAULT),
        ({"v": ""}, SentAs.EMPTY),
        ({"v": None}, SentAs.NULL),
        ({"v": "late"}, SentAs.VALUE),
        ({}, SentAs.NOTHING),
    ]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "integer", "default": 120}, "default: 120 ("),
        ({"type": "boolean", "default": True}, "default: Yes ("),
        ({"type": "boolean"}, "not sent"),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "default": ["a"]}, "default: a ("),
        ({"oneOf": [{"const": 1, "title": "One"}, {"const": 2}], "default": 1}, "default: One ("),
        ({"type": "string", "format": "date", "default": "2026-01-31"}, "default: 2026-01-31 ("),
        ({"type": "string", "format": "password", "default": "hunter2"}, "default: *** ("),
        (CASES["object"].schema, "not sent"),
        ({**SHAPES, "default": {"kind": "circle", "r": 1}}, "default: "),
    ],
)
def test_what_is_not_sent_is_told_by_every_kind(schema: Any, told: str) -> None:
    """In its control, or beside its label."""
    view = _view(schema)
    field = view.fields["v"]
    assert view.model.value == {}
    shown = _text(field.widget) + str([getattr(part, "options", "") for part in _inside(field.widget)])
    assert told in re.sub("<[^>]*>", "", shown)
    assert "hunter2" not in shown


def test_a_number_that_is_none_stays_in_sight_with_its_problem() -> None:
    """And so does the way to remove it."""
    view = _view({"type": "integer"})
    field = view.fields["v"]
    (text,) = _parts(field, ipywidgets.Text)
    assert field.menu is None
    text.value = "12x"
    assert text.value == "12x"
    assert rules(view.model.problems) == ["v: type"]
    assert "&#x27;12x&#x27;" in _text(field.widget)
    assert "fh-wrong" in text._dom_classes
    text.value = " 12 "
    assert (view.model.value, text.value, "⚠" in _text(field.widget)) == ({"v": 12}, "12", False)
    assert "fh-wrong" not in text._dom_classes


@pytest.mark.parametrize(
    ("schema", "slid", "sent"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 5}, 3, 3),
        ({"type": "integer", "minimum": 0, "maximum": 100, "multipleOf": 10}, 30, 30),
        ({"type": "number", "minimum": 0, "maximum": 1}, 0.1 + 0.2, 0.3),
        ({"type": "number", "minimum": 0, "maximum": 1, "multipleOf": 0.1}, 0.7000000000000001, 0.7),
        ({"type": "number", "minimum": 0.25, "maximum": 1, "multipleOf": 0.1}, 0.71, 0.7),
        ({"type": "number", "minimum": 4200, "maximum": 4240, "multipleOf": 0.01}, 4232.529999, 4232.53),
        ({"type": "number", "minimum": 0, "maximum": 1, "step": 0.25}, 0.3, 0.3),
        ({"type": "integer", "minimum": 0, "maximum": 9, "multipleOf": 1.5}, 6, 6),
        ({"type": "integer", "minimum": 0, "maximum": 2**60, "multipleOf": 2**59}, None, None),
        ({"type": "integer", "minimum": 1}, None, None),
        ({"type": "integer", "minimum": 0, "maximum": 10**9}, None, None),
        ({"type": "number", "minimum": 1, "maximum": 1}, None, None),
    ],
)
def test_a_range_has_a_slider_where_each_value_can_be_reached(schema: Any, slid: Any, sent: Any) -> None:
    """Slider and text follow each other."""
    view = _view(schema)
    field = view.fields["v"]
    sliders = [part for part in _inside(field.widget) if "fh-slider" in part._dom_classes]
    assert len(sliders) == (slid is not None)
    if slid is None:
        return
    (slider,), (text,) = sliders, _parts(field, ipywidgets.Text)
    assert f" {slider.min:g} to {slider.max:g}" in "".join(_labels(slider)).replace(",", "")
    slider.value = slid
    assert (view.model.value, text.value, view.model.problems) == ({"v": sent}, str(sent), [])
    text.value = str(schema["minimum"])
    assert slider.value == max(schema["minimum"], slider.min)
    text.value = "many"
    assert view.model.value == {"v": "many"}


@pytest.mark.parametrize(
    ("variable", "ends"),
    [
        (fh.number(minimum=0, maximum=1, step=0.1), (0, 1, 0.1)),
        (fh.number(minimum=0, maximum=1, multiple_of=0.05), (0, 1, 0.05)),
        (fh.number(minimum=0.07, maximum=0.99, multiple_of=0.05, step=0.12), (0.1, 0.95, 0.15)),
        (fh.number(minimum=0, maximum=1), (0, 1, 0.01)),
        (fh.integer(minimum=1, maximum=100, multiple_of=5, step=10), (5, 100, 10)),
        (fh.integer(minimum=0, maximum=100, step=25), (0, 100, 25)),
    ],
)
def test_a_slider_moves_by_the_step_over_what_is_taken(variable: Any, ends: tuple[float, ...]) -> None:
    """``step`` is the increment of the control only; it is widened to a multiple of what each value
    is a multiple of.
    """
    schema = to_schema({"v": variable})
    (slider,) = (p for p in _inside(_view(variable.schema).fields["v"].widget) if "fh-slider" in p._dom_classes)
    assert (slider.min, slider.max, slider.step) == ends
    told = problems(schema, {"v": 37 if "integer" in str(schema) else 0.37})
    assert rules(told) == ["v: multipleOf"] * ("multipleOf" in variable.schema)


def test_a_choice_is_known_by_its_place_and_shows_a_value_that_is_none() -> None:
    """1, "1" and true are three choices."""
    view = _view(CASES["untyped enum"].schema, values={"v": 2})
    (choice,) = _choices(view.fields["v"])
    assert [label for label, _ in choice.options] == ["not sent", "1", "'1'", "null", "true", choice.options[-1][0]]
    assert choice.options[-1][0].startswith("2 (")
    sent = []
    for label in ("1", "'1'", "null", "true", "not sent"):
        choice.value = dict(choice.options)[label]
        sent.append(view.model.value)
    assert repr(sent) == repr([{"v": 1}, {"v": "1"}, {"v": None}, {"v": True}, {}])
    assert not any(label.startswith("2 (") for label, _ in choice.options)


@pytest.mark.parametrize("required", [True, False])
def test_yes_and_no_are_two_buttons_of_which_none_is_chosen_at_first(required: bool) -> None:
    """Where there is no default."""
    view = _view({"type": "boolean"}, required=required)
    (radio,) = _parts(view.fields["v"], ipywidgets.RadioButtons)
    assert [label for label, _ in radio.options] == ["Yes", "No"]
    assert (radio.value, view.model.value) == (None, {})
    radio.value = False
    assert view.model.value == {"v": False}
    radio.value = True
    assert view.model.value == {"v": True}
    view.fields["v"].value = fh.UNSET
    assert radio.value is None


@pytest.mark.parametrize("default", [True, False])
def test_yes_or_no_with_a_default_is_a_check_box(default: bool) -> None:
    """Not sent, it shows what the service takes."""
    view = _view({"type": "boolean", "default": default})
    field = view.fields["v"]
    (box,) = _parts(field, ipywidgets.Checkbox)
    assert (box.value, view.model.value) == (default, {})
    box.value = not default
    assert view.model.value == {"v": not default}
    box.value = default
    assert view.model.value == {"v": default}
    _click(field, "fh-remove")
    assert (box.value, view.model.value) == (default, {})
    _menu(field).value = SentAs.DEFAULT
    assert view.model.value == {"v": default}
    field.value = "maybe"
    assert _parts(field, ipywidgets.Checkbox) == []
    assert "⚠" in _text(field.widget)


def test_several_choices_and_a_slider_show_the_default_that_is_not_sent() -> None:
    """What is changed is sent; an emptied choice is empty, since without a value the default would be shown again."""
    view = _view({"type": "array", "items": {"enum": ["a", "b"]}, "default": ["a"]})
    boxes = _parts(view.fields["v"], ipywidgets.Checkbox)
    assert ([box.value for box in boxes], view.model.value) == ([True, False], {})
    boxes[1].value = True
    assert view.model.value == {"v": ["a", "b"]}
    for box in boxes:
        box.value = False
    assert ([box.value for box in boxes], view.model.value) == ([False, False], {"v": []})
    _click(view.fields["v"], "fh-remove")
    assert ([box.value for box in boxes], view.model.value) == ([True, False], {})
    numbers = _view({"type": "integer", "minimum": 0, "maximum": 9, "default": 4})
    (slider,) = _parts(numbers.fields["v"], ipywidgets.IntSlider)
    assert (slider.value, numbers.model.value) == (4, {})


def test_several_choices_are_check_boxes() -> None:
    """What is not among them is edited as JSON, and comes back as a list when it is mended."""
    view = _view(CASES["array of enum"].schema)
    field = view.fields["v"]
    boxes = _parts(field, ipywidgets.Checkbox)
    assert [box.description for box in boxes] == ["a", "b", "c"]
    boxes[2].value = boxes[0].value = True
    assert view.model.value == {"v": ["a", "c"]}
    boxes[2].value = boxes[0].value = False
    assert view.model.value == {}
    _menu(field).value = SentAs.EMPTY
    assert view.model.value == {"v": []}
    field.value = ["a", "z"]
    assert _parts(field, ipywidgets.Checkbox) == []
    (text,) = _parts(field, ipywidgets.Textarea)
    assert json.loads(text.value) == ["a", "z"]
    text.value = '["b"]'
    assert view.model.value == {"v": ["b"]}
    assert _parts(field, ipywidgets.Checkbox) == boxes
    assert [box.value for box in boxes] == [False, True, False]


def test_many_choices_are_a_list() -> None:
    """A hundred check boxes would be no help."""
    view = _view({"type": "array", "items": {"enum": [f"city {i}" for i in range(100)]}})
    field = view.fields["v"]
    (select,) = _parts(field, ipywidgets.SelectMultiple)
    select.value = (0, 2)
    assert view.model.value == {"v": ["city 0", "city 2"]}
    select.value = ()
    assert view.model.value == {}


def test_lists_are_typed_one_a_line() -> None:
    """Numbers with commas too; one that is none is told with its place."""
    texts, numbers = _view(CASES["array of strings"].schema), _view(CASES["array of numbers"].schema)
    (area,) = _parts(texts.fields["v"], ipywidgets.Textarea)
    area.value = "late\nlost, perhaps\n"
    assert texts.model.value == {"v": ["late", "lost, perhaps"]}
    (area,) = _parts(numbers.fields["v"], ipywidgets.Textarea)
    area.value = "1, 2.5\nx"
    assert numbers.model.value == {"v": [1, 2.5, "x"]}
    assert re.search(r"\[2\]: .*&#x27;x&#x27;", _text(numbers.widget))


def test_broken_json_stays_and_says_where() -> None:
    """It is neither lost nor sent."""
    view = _view({})
    (area,) = _parts(view.fields["v"], ipywidgets.Textarea)
    area.value = '{"a": }'
    assert area.value == '{"a": }'
    assert re.search(r"\b1, \w+ 7\b", _text(view.widget))
    assert view.model.problems
    area = _parts(view.fields["v"], ipywidgets.Textarea)[0]
    area.value = '{"a": [1]}'
    assert view.model.value == {"v": {"a": [1]}}
    assert "⚠" not in _text(view.widget)


def test_null_is_in_the_menu() -> None:
    """Back from null is what was there before."""
    view = _view(CASES["type list"].schema)
    field = view.fields["v"]
    (text,), menu = _parts(field, ipywidgets.Text), _menu(field)
    assert [sent for _, sent in menu.options] == [SentAs.NOTHING, SentAs.NULL, SentAs.EMPTY]
    text.value = "x"
    menu.value = SentAs.NULL
    assert (view.model.value, text.value, text.placeholder) == ({"v": None}, "", "null is sent")
    menu.value = SentAs.VALUE
    assert (view.model.value, text.value) == ({"v": "x"}, "x")
    needed = _view(CASES["nullable"].schema, required=True)
    assert [sent for _, sent in _menu(needed.fields["v"]).options] == [SentAs.NOTHING, SentAs.NULL]
    assert dict(_menu(needed.fields["v"]).options) == {"Nothing yet": SentAs.NOTHING, "Send null": SentAs.NULL}


@pytest.mark.parametrize(
    ("name", "picked", "sent", "zone"),
    [
        ("date", date(2026, 1, 31), "2026-01-31", ""),
        ("time", time(9, 30), "09:30:00Z", "UTC"),
        ("date-time", datetime(2026, 1, 31, 9, 30), "2026-01-31T09:30:00Z", "UTC"),
        ("date-time", datetime(2026, 1, 31, 9, 30), "2026-01-31T09:30:00+02:00", "UTC+02:00"),
    ],
)
def test_a_picker_names_its_time_zone_and_can_be_typed_instead(name: str, picked: Any, sent: str, zone: str) -> None:
    """What is no date is shown as the text that it is."""
    view = _view(CASES[name].schema)
    field = view.fields["v"]
    (picker,) = [part for part in _inside(field.widget) if "fh-picker" in part._dom_classes]
    assert _parts(field, ipywidgets.Text) == []
    if "+" in sent:
        field.value = "2026-01-01T00:00:00+02:00"
    picker.value = picked
    assert (view.model.value, view.model.problems) == ({"v": sent}, [])
    assert re.findall(r"UTC[+\d:]*", _text(field.widget)) == ([zone] if zone else [])
    _click(field, "fh-type-it")
    (text,) = _parts(field, ipywidgets.Text)
    assert text.value == sent
    text.value = "soon"
    assert view.model.value == {"v": "soon"}
    assert ("fh-wrong" in text._dom_classes) is bool(view.model.problems)
    text.value = sent
    _click(field, "fh-type-it")
    assert (picker.value, _parts(field, ipywidgets.Text)) == (picked, [])
    field.value = "soon"
    assert [part.value for part in _parts(field, ipywidgets.Text)] == ["soon"]
    field.value = fh.UNSET
    assert (picker.value, _parts(field, ipywidgets.Text)) == (None, [])


def _upload(field: Field, name: str, data: bytes, media_type: str = "") -> None:
    (upload,) = _parts(field, ipywidgets.FileUpload)
    file = {"name": name, "type": media_type, "size": len(data), "content": memoryview(data)}
    upload.value = ({**file, "last_modified": datetime(2026, 1, 1, tzinfo=UTC)},)
    assert upload.value == ()  # its bytes do not stay in what a notebook saves


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({"type": "string", "contentEncoding": "base64"}, base64.b64encode(b"a,b").decode()),
        ({"type": "string", "contentEncoding": "base16"}, "612C62"),
        ({"type": "string", "format": "binary"}, base64.b64encode(b"a,b").decode()),
        ({"type": "string", "format": "data-url"}, "data:text/csv;base64,YSxi"),
        ({"type": "string", "contentMediaType": "text/csv"}, "a,b"),
    ],
)
def test_a_file_is_sent_as_the_schema_says(schema: Any, sent: str) -> None:
    """As text, or encoded; the field says which file it is."""
    view = _view(schema)
    _upload(view.fields["v"], "rows.csv", b"a,b", "text/csv")
    assert view.model.value == {"v": sent}
    assert "rows.csv, 3 bytes" in _text(view.widget) or sent in _text(view.widget)


@pytest.mark.parametrize("schema", [{"type": "string", "format": "data-url"}, {"type": "string", "format": "binary"}])
def test_a_picture_has_a_thumbnail_and_its_bytes_stay_out_of_the_page(schema: Any) -> None:
    """Also one that a program has set; what is no picture has none."""
    written = io.BytesIO()
    Image.effect_noise((600, 400), 90).save(written, "PNG")
    view = _view(schema)
    field = view.fields["v"]
    _upload(field, "photo.png", written.getvalue(), "image/png")
    shown = _text(field.widget)
    assert "photo.png, " in shown
    (address,) = re.findall(r'src="data:image/png;base64,([^"]+)"', shown)
    with Image.open(io.BytesIO(base64.b64decode(address))) as small:
        assert max(small.size) == 96
    assert field.value[200:400] not in repr([part.get_state() for part in _inside(view.widget)])
    sent = field.value
    field.value = sent[:40]
    assert "fh-thumbnail" not in _text(field.widget)
    field.value = sent
    assert "fh-thumbnail" in _text(field.widget)
    _click(field, "fh-remove")
    assert "fh-thumbnail" not in _text(field.widget)
    assert "no file" in _text(field.widget)


def test_a_file_that_cannot_be_sent_is_told_and_leaves_the_field_as_it_was() -> None:
    """Too large, or no text."""
    view = _view({"type": "string", "contentMediaType": "text/plain"}, values={"v": "before"})
    for data, told in ((b"\xff\xfe\x00", "UTF-8"), (b"x" * 5_000_001, "5.0 MB")):
        _upload(view.fields["v"], "<b>photo.png", data)
        assert told in _text(view.widget)
        assert "&lt;b&gt;photo.png" in _text(view.widget)
        assert view.model.value == {"v": "before"}
    view.fields["v"].value = "after"
    view.refresh()


def test_a_group_is_added_and_removed() -> None:
    """Its fields are made then; what is set in them is in it, and comes back with it."""
    view = _view(CASES["object"].schema)
    group = view.fields["v"]
    assert isinstance(group, GroupField)
    assert _parts(group, ipywidgets.Text) == []
    _click(group, "fh-begin")
    assert view.model.value == {"v": {}}
    city, _ = _parts(group, ipywidgets.Text)
    city.value = "Kiel"
    assert view.model.value == {"v": {"city": "Kiel"}}
    assert group.fields["city"].value == "Kiel"
    _click(group, "fh-remove")
    assert view.model.value == {}
    _click(group, "fh-begin")
    assert view.model.value == {"v": {"city": "Kiel"}}
    _click(group, "fh-remove")
    group.fields["zip"].value = "24103"
    assert view.model.value == {"v": {"city": "Kiel", "zip": "24103"}}
    assert [part for part in group.widget.children if "fh-begin" in part._dom_classes] == []
    group.value = "no object"
    (area,) = _parts(group, ipywidgets.Textarea)
    assert area.value == '"no object"'


def test_a_recursive_group_is_opened_level_by_level() -> None:
    """As deep as a person goes."""
    view = _view(CASES["recursive $ref"].schema, required=True)
    field = view.fields["v"]
    for _ in range(4):
        assert isinstance(field, GroupField)
        field = field.fields["next"]
        _click(field, "fh-begin")
    assert view.model.value == {"v": {"next": {"next": {"next": {"next": {}}}}}}


def test_a_choice_of_kinds_shows_the_fields_of_the_one_that_is_chosen() -> None:
    """And what was typed into another is there when it is chosen again."""
    view = _view(SHAPES)
    field = view.fields["v"]
    assert isinstance(field, OneOfField)
    choice = _choices(field)[0]
    assert [label for label, _ in choice.options] == ["not sent", "Circle", "Square"]
    choice.value = 0
    (number,) = _parts(field, ipywidgets.Text)
    number.value = "2"
    assert view.model.value == {"v": {"kind": "circle", "r": 2}}
    choice.value = 1
    assert view.model.value == {"v": {"kind": "square"}}
    choice.value = 0
    assert view.model.value == {"v": {"kind": "circle", "r": 2}}
    choice.value = -1
    assert view.model.value == {}


def _click(field: Field, dom_class: str, place: int = 0) -> None:
    [part for part in _inside(field.widget) if dom_class in part._dom_classes][place].click()


def test_a_table_is_edited_by_row_and_pasted_into() -> None:
    """Add, type, choose, move, remove, paste, as JSON and back."""
    view = _view(CASES["array of objects"].schema)
    field = view.fields["v"]
    _click(field, "fh-rows-add")
    sku, count = _parts(field, ipywidgets.Text)
    assert re.fullmatch(r"v, row 1 .*: sku", sku.description)
    sku.value, count.value = "A-1", "2x"
    assert view.model.value == {"v": [{"sku": "A-1", "count": "2x"}]}
    assert re.search(r"Row 1, count: .*&#x27;2x&#x27;", _text(view.widget))
    assert ["fh-wrong" in cell._dom_classes for cell in (sku, count)] == [False, True]
    count.value = "2"
    assert "fh-wrong" not in count._dom_classes
    sku.value = ""
    assert "Row 1, sku: " in _text(view.widget)
    sku.value = "A-1"
    _, gift = _choices(field)
    gift.value = 0
    _click(field, "fh-rows-paste")
    (pasted,) = _parts(field, ipywidgets.Textarea)
    pasted.value = "A-1\n" * 10_001
    _click(field, "fh-rows-pasted")
    assert "10,001 " in _text(view.widget)
    pasted.value = "sku\tcount\nB-2\t3\nC-3\t4"
    _click(field, "fh-rows-pasted")
    assert _parts(field, ipywidgets.Textarea) == []
    ends = {word: [part.disabled for part in _inside(field.widget) if f"fh-row-{word}" in part._dom_classes]
            for word in ("up", "down", "remove")}  # fmt: skip
    assert ends == {"up": [True, False, False], "down": [False, False, True], "remove": [False] * 3}
    _click(field, "fh-row-up", 2)
    _click(field, "fh-row-down", 0)
    _click(field, "fh-row-remove", 2)
    assert view.model.value == {"v": [{"sku": "C-3", "count": 4}, {"sku": "A-1", "count": 2, "gift": True}]}
    assert [part.value for part in _parts(field, ipywidgets.Text)] == ["C-3", "4", "A-1", "2"]
    (way,) = [part for part in _choices(field) if "fh-rows-way" in part._dom_classes]
    assert tells(way.label, "2 rows")
    assert re.findall(r'fh-row-number">(\d+)<', _text(field.widget)) == ["1", "2"]
    way.value = True
    (area,) = _parts(field, ipywidgets.Textarea)
    area.value = '[{"sku": "D-4"}]'
    assert tells(way.label, "1 row", "JSON")
    way.value = False
    assert [part.value for part in _parts(field, ipywidgets.Text)] == ["D-4", ""]
    assert view.model.value == {"v": [{"sku": "D-4"}]}


def test_a_text_has_more_room_in_a_table_than_a_number() -> None:
    """And a row's buttons are narrow signs, with names that are heard."""
    item = {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer"}}}
    field = _view({"type": "array", "items": item}, values={"v": [{"name": "Kitchen window", "n": 2}]}).fields["v"]
    [box] = [part for part in _inside(field.widget) if "fh-table-box" in part._dom_classes]
    text, number = re.findall(r"minmax\((\d+)px, (\d)fr\)", box.layout.grid_template_columns)
    assert int(text[0]) > int(number[0])
    assert int(text[1]) > int(number[1])
    ends = [part for part in _inside(field.widget) if part._dom_classes[:1] and part._dom_classes[0][:7] == "fh-row-"]
    buttons = [part for part in ends if isinstance(part, ipywidgets.Button)]
    assert [part.description for part in buttons] == ["Up", "Down", "Remove"]
    assert [part.tooltip.rpartition(": ")[2] for part in buttons] == ["up", "down", "remove"]


def test_a_cell_shows_a_value_that_is_none_of_its_choices() -> None:
    """A default, or what came from elsewhere: it is shown with its problem, sent as it is, and can be put right."""
    schema = {"type": "array", "items": {"type": "object", "properties": {"k": {"enum": ["a", "b"]}}}}
    view = _view(schema, values={"v": [{"k": "c"}, {}, {"k": "b"}]})
    field = view.fields["v"]

    def cells() -> list[Any]:
        return [part for part in _choices(field) if "fh-rows-way" not in part._dom_classes]

    assert [cell.label.partition(" (")[0] for cell in cells()] == ["c", "", "b"]
    assert ["c (" in str(cell.options) for cell in cells()] == [True, False, False]
    assert view.model.value == {"v": [{"k": "c"}, {}, {"k": "b"}]}
    assert view.model.problems[0].path == ("v", 0, "k")
    cells()[0].value = 0
    assert view.model.value == {"v": [{"k": "a"}, {}, {"k": "b"}]}
    assert [cell.label for cell in cells()] == ["a", "", "b"]
    assert "c (" not in str(cells()[0].options)
    _click(field, "fh-row-up", 2)
    assert [cell.label for cell in cells()] == ["a", "b", ""]


@pytest.mark.parametrize("with_default", [0, 1, 6])
def test_a_folded_field_without_a_default_is_not_said_to_be_at_it(with_default: int) -> None:
    """The line of the folded fields says which of the two they are, or both."""
    names = [f"v{number}" for number in range(6)]
    defaults = {name: {"default": "x"} for name in names[:with_default]}
    properties = {name: {"type": "string", **defaults.get(name, {})} for name in names} | {"must": {"type": "string"}}
    view = FieldsView(FormModel({"type": "object", "properties": properties, "required": ["must"]}))
    (fold,) = [part for part in _inside(view.widget) if "fh-fold" in part._dom_classes]
    assert ("default" in fold.description, "not filled in" in fold.description) == (with_default > 0, with_default < 6)


def test_a_long_table_is_shown_by_the_page() -> None:
    """All rows are sent; an edit goes to the row that is shown."""
    rows = [{"sku": f"A-{i}"} for i in range(50)]
    view = _view(CASES["array of objects"].schema, values={"v": rows})
    field = view.fields["v"]
    assert len(_parts(field, ipywidgets.Text)) == 40
    _click(field, "fh-rows-next")
    _click(field, "fh-rows-next")
    cells = _parts(field, ipywidgets.Text)
    assert [cells[0].value, len(cells)] == ["A-40", 20]
    assert re.findall(r'fh-row-number">(\d+)<', _text(field.widget))[0] == "41"
    cells[0].value = "changed"
    assert field.value[40] == {"sku": "changed"}
    assert len(field.value) == 50


def test_a_password_is_in_no_trait_no_repr_and_no_text() -> None:
    """Typed by a person or set in a cell; what is sent has it."""
    view = _view({"type": "string", "format": "password", "default": "hunter2-default"}, required=True)
    field = view.fields["v"]
    (control,) = _parts(field, ipywidgets.Password)
    for typed in (True, False):
        if typed:
            control.value = "hunter2-typed"
        else:
            field.value = "hunter2-set"
        assert view.model.value["v"].startswith("hunter2")
        assert (control.value, control.placeholder) == ("", "set, hidden")
        state = repr([part.get_state() for part in _inside(view.widget)])
        assert "hunter2" not in state + repr([field, view.model, field.value, view.model.value, control])
    assert control.traits()["value"].metadata["echo_update"] is False


def test_an_empty_value_is_in_the_menu_where_one_fits() -> None:
    """Of what must be given too."""
    inputs = {"a": fh.text(), "b": fh.text(min_length=1), "c": fh.array(fh.text()), "d": fh.text(pattern="^x")}
    view = FieldsView(FormModel(to_schema(inputs)))
    assert {name: field.menu is not None for name, field in view.fields.items()} == {
        "a": True, "b": False, "c": True, "d": False,
    }  # fmt: skip
    for name in ("a", "c"):
        view.fields[name].menu.value = SentAs.EMPTY
    assert view.model.value == {"a": "", "c": []}


def test_a_menu_is_made_when_a_person_comes_to_its_field() -> None:
    """It comes behind everything else of the field, which is not drawn anew for it; what has none is left alone."""
    inputs = {"a": fh.text(), "b": fh.text(min_length=1)}
    view = FieldsView(FormModel(to_schema(inputs)))
    before = {name: field.widget.children for name, field in view.fields.items()}
    assert ["fh-offers" in field.widget._dom_classes for field in view.fields.values()] == [True, False]
    for name in inputs:
        view.offer_menu(field_anchor((name,)))
    assert view.fields["b"].widget.children == before["b"]
    assert view.fields["a"].widget.children == (*before["a"], view.fields["a"].menu)
    view.offer_menu(field_anchor(("a",)))
    assert len(view.fields["a"].widget.children) == len(before["a"]) + 1


def test_what_is_required_says_what_to_enter() -> None:
    """Beside the field, once a person has emptied it; the model's own message names the variable."""
    view = FieldsView(FormModel({"properties": {"n": {"type": "integer"}}, "required": ["n"]}))
    assert "Required" not in _text(view.widget)
    view.fields["n"].value = 3
    view.fields["n"].value = fh.UNSET
    assert 'role="alert"' in _text(view.widget)
    assert rules(view.model.problems) == ["n: required"]
    several = {"type": "array", "items": {"enum": ["calm", "brief"]}, "uniqueItems": True}
    for schema, said in (
        ({"enum": ["calm", "brief"]}, "Choose one."),
        (several, "Choose at least one."),
        ({"type": "boolean"}, "Choose Yes or No."),
    ):
        view = FieldsView(FormModel({"properties": {"v": schema}, "required": ["v"]}))
        assert view.widget
        view.model.touch_all()
        view.refresh()
        assert f"Required. {said}" in _text(view.widget)


def test_a_change_elsewhere_shows_and_mends_problems_here() -> None:
    """Two variables that need each other."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "dependentRequired": {"a": ["b"]},
    }
    view = FieldsView(FormModel(schema))
    assert view.widget
    view.fields["a"].value = "x"
    assert "is missing" in _text(view.widget)
    view.fields["b"].value = "y"
    assert "is missing" not in _text(view.widget)


def test_names_without_a_field_are_told_at_once() -> None:
    """Under the fields."""
    view = _view({"type": "string"}, values={"w": 1})
    assert 'role="alert"' in _text(view.widget)


def test_hostile_names_and_descriptions_are_text() -> None:
    """In labels, help and problems."""
    name = "<script>alert(1)</script>\u202e"
    schema = {"properties": {name: {"type": "integer", "description": "<img src=x onerror=alert(1)>", "title": "<b>"}}}
    view = FieldsView(FormModel(schema))
    view.fields[name].value = "<i>"
    for part in _inside(view.widget):
        if isinstance(part, ipywidgets.HTML):
            assert not any(tag in part.value for tag in ("<script", "<img", "<i>", "<b>"))
        description = str(getattr(part, "description", ""))
        assert "\u202e" not in description
        if getattr(part, "description_allow_html", False):
            assert set(re.findall(r"</?(\w+)", description)) <= {"b", "code", "em", "i", "span"}


def test_a_label_has_the_title_first_then_the_name_and_a_star() -> None:
    """The name alone where there is no title."""
    properties = {"max_words": {"type": "integer", "title": "Longest letter"}, "n": {"type": "integer"}}
    view = FieldsView(FormModel({"properties": properties, "required": ["max_words"]}))
    first, second = (field.widget.children[0] for field in view.fields.values())
    assert _labels(first) == ["Longest letter max_words *"]
    assert _labels(second) == ["n"]
    assert '<code class="fh-variable">max_words</code>' in first.description


@pytest.mark.parametrize(
    ("schema", "told", "untold"),
    [
        ({"type": "string", "pattern": "^[A-Z]+$", "description": "In capitals."}, "In capitals.", "A-Z"),
        ({"type": "string", "pattern": "^[A-Z]+$"}, "[A-Z]", ""),
        ({"type": "number", "multipleOf": 0.01}, "two decimals", "0.01"),
        (
            {"type": "string", "description": "**Bold**, *soft* and `code`\n\n- a list"},
            "Bold, soft and code a list",
            "*",
        ),
    ],
)
def test_help_is_in_words(schema: Any, told: str, untold: str) -> None:
    """No regular expression beside a description, no Markdown, no step for decimals."""
    shown = _text(_view(schema).widget.children[1])
    assert told in shown
    assert not untold or untold not in shown


@pytest.mark.parametrize("name", ["price$ and cost$", "\\(x\\)", "$\\href{javascript:alert(1)}{x}$"])
def test_a_label_holds_no_formula(name: str) -> None:
    """ipywidgets sets formulas in labels; one may hold a link. A single dollar is one."""
    view = FieldsView(FormModel({"properties": {name: {"type": "integer"}, "price$": {"type": "integer"}}}))
    labels = [_labels(part)[0] for part in _inside(view.widget) if isinstance(part, ipywidgets.Text)]
    assert not set("$\\") & set(labels[0])
    assert labels[0].translate({ord("＄"): "$", ord("＼"): "\\"}) == path_text([name])
    assert labels[1] == "price$"


def test_help_that_looks_like_a_formula_is_none() -> None:
    """Nor where its other end is in the name."""
    text = {"type": "string", "description": "in $, at most 5"}
    view = FieldsView(FormModel({"properties": {"price$": text, "other": text}}))
    first, second = (part.description for part in _inside(view.widget) if isinstance(part, ipywidgets.Text))
    assert ("$" in first, label_help(second)) == (False, "in $, at most 5")


def test_help_is_read_out_after_the_name_and_the_rest_of_a_long_one_is_folded() -> None:
    """What is folded begins where the label ends."""
    description = "It says much. " * 40
    view = FieldsView(FormModel({"properties": {"n": {"type": "integer", "description": description, "minimum": 2}}}))
    field = view.fields["n"]
    label = field.widget.children[0].description
    assert re.search(r'<span class="fh-help" aria-hidden="true">', label)
    (more,) = [part.value for part in _inside(field.widget) if isinstance(part, ipywidgets.HTML)]
    words = [re.sub("<[^>]*>", "", text) for text in (label_help(label), more)]
    assert words[0].endswith("… whole number, at least 2")
    assert f"{words[0].partition(' …')[0]} {words[1].removeprefix('more')}" == description.strip()


def test_fields_are_set_before_any_widget_is_made() -> None:
    """A form builds without a page, and shows later what was set."""
    view = FieldsView(FormModel(to_schema({"n": fh.integer(default=3), "g": fh.group({"a": fh.text()})})))
    group = view.fields["g"]
    assert isinstance(group, GroupField)
    group.fields["a"].value = "x"
    view.fields["n"].value = fh.UNSET
    assert view._widget is None
    assert view.model.value == {"g": {"a": "x"}}
    assert "x" in [getattr(part, "value", "") for part in _inside(view.widget)]


def test_whoever_listens_is_told_of_each_change_on_the_thread_of_its_handler() -> None:
    """Kernels with subshells handle clicks on another thread."""
    heard: list[tuple[str, dict[str, Any]]] = []
    model = FormModel(whole({"type": "string"}, required=False))
    view = FieldsView(model, on_change=lambda: heard.append((threading.current_thread().name, model.value)))
    (text,) = _parts(view.fields["v"], ipywidgets.Text)
    thread = threading.Thread(target=setattr, args=(text, "value", "late"), name="subshell")
    thread.start()
    thread.join()
    view.refresh()
    assert heard == [("subshell", {"v": "late"})]


def test_widgets_share_their_layouts_and_styles() -> None:
    """Each of its own would cost as much as the field; they belong to one form."""
    schema = {"properties": {f"v{i}": {"type": "string", "description": "d"} for i in range(50)}}
    views = [FieldsView(FormModel(schema)) for _ in range(2)]
    looks = [{id(part.layout) for part in _inside(view.widget)} for view in views]
    assert all(len(look) <= 6 for look in looks)
    assert not looks[0] & looks[1]
    before = (
        len(ipywidgets.Widget.get_manager_state()["state"]) if hasattr(ipywidgets.Widget, "get_manager_state") else 0
    )
    views[0].close()
    assert before == 0 or len(ipywidgets.Widget.get_manager_state()["state"]) < before
