"""A deployment in words."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise
from typing import Any, Final

import pytest

import fh_notebook as fh
from fh_notebook.contract.catalog.reader import read_catalog
from fh_notebook.errors import InputError
from fh_notebook.notebook.cell.request import CellRequest, read_cell
from fh_notebook.notebook.commands.description import Description, VariableLine, variable_lines
from tests.told import numbers_in, tells

VARIABLES: Final[list[tuple[Any, tuple[object, ...], tuple[str, str, str]]]] = [
    (fh.text(), (), ("yes", "", "")),
    (fh.text(multiline=True, required=False), (), ("", "", "")),
    (fh.text(secret=True, default="s3cret"), (), ("", "***", "")),
    (fh.text(min_length=2, max_length=9), (2, 9), ("yes", "", "")),
    (fh.integer(default=3, minimum=1), (1,), ("", "3", "")),
    (fh.number(minimum=0, multiple_of=0.01), (0,), ("yes", "", "")),
    (fh.number(default=0.5), (), ("", "0.5", "")),
    (fh.boolean(default=False), ("true", "false"), ("", "false", "")),
    (fh.choice("calm", "brief", default="calm"), ("calm, brief",), ("", "calm", "")),
    (fh.choice("1", 1, "on", "a: b"), ("'1', 1, 'on', 'a: b'",), ("yes", "", "")),
    (fh.array(fh.text()), (), ("yes", "", "")),
    (fh.array(fh.integer(maximum=9)), (9,), ("yes", "", "")),
    (fh.array(fh.choice("de", "en")), ("de, en",), ("yes", "", "")),
    (fh.array(fh.date()), ("'2026-01-31'",), ("yes", "", "")),
    (fh.date(), ("'2026-01-31'",), ("yes", "", "")),
    (fh.any_(), (), ("yes", "", "")),
    (fh.text(description="two\nlines"), (), ("yes", "", "two lines")),
    (fh.text(default=""), (), ("", '""', "")),
    ({"type": ["string", "null"], "format": "textarea"}, ("null",), ("yes", "", "")),
    ({"type": "string", "format": "data-url", "title": "Photo"}, (), ("yes", "", 'in forms: "Photo"')),
    ({"const": "cheque"}, ("cheque",), ("yes", "", "")),
    ({"type": "object"}, (), ("yes", "", "")),
]
"""A variable, what its kind tells, and whether it must be given, its default and its description."""


def line_of(variable: Any) -> VariableLine:
    [line] = variable_lines(fh.Deployment("d", inputs={"x": variable}).inputs)
    return line


@pytest.mark.parametrize(("variable", "values", "rest"), VARIABLES)
def test_a_variable_is_told_with_its_choices_and_its_default(
    variable: Any, values: tuple[object, ...], rest: tuple[str, ...]
) -> None:
    """Its kind with its limits, whether it must be given, its default; no default of a secret."""
    name, kind, *others = line_of(variable).cells()
    assert (name, *others) == ("x", *rest)
    assert tells(kind, *values)
    assert "s3cret" not in kind


def test_each_kind_of_variable_has_a_name_of_its_own() -> None:
    """What is checked otherwise is told otherwise."""
    kinds = [line_of(variable).kind for variable, _, _ in VARIABLES]
    assert len(set(kinds)) == len(kinds) - 2, "a description and a default make no kind"


def test_a_group_is_followed_by_its_fields() -> None:
    """By their paths; names that would be misread are quoted; a reference is followed, also a circular one."""
    deployment = fh.Deployment(
        "d", inputs={"customer": fh.group({"a.b": fh.text(), "age": fh.integer(required=False)})}
    )
    lines = {line.name: line.required for line in variable_lines(deployment.inputs)}
    assert lines == {"customer": "yes", 'customer."a.b"': "yes", "customer.age": ""}
    circular = {
        "type": "object",
        "properties": {"node": {"$ref": "#/$defs/node"}, "lost": {"$ref": "#/$defs/none"}},
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    }
    names = [line.name for line in variable_lines(circular)]
    assert names == ["node", "node.next", "node.next.next", "lost"]


CLAIM = """
version: 1
deployments:
  claim:
    variants: [v]
    inputs:
      claimant:
        title: Pay to
        type: object
        properties:
          name: {type: string}
          address: {type: object, properties: {city: {type: string}, zip: {type: string}}, required: [city]}
        required: [name, address]
      items:
        type: array
        items: {type: object, properties: {item: {type: string}, price: {type: number}}, required: [item, price]}
      payout:
        title: Pay to
        oneOf:
          - {title: Cheque, type: object, required: [method, to],
             properties: {method: {const: cheque}, to: {type: string}}}
          - {title: Bank transfer, type: object, properties: {iban: {type: string}}, required: [iban]}
      extra: {type: object, properties: {note: {type: string}}}
"""


@pytest.fixture
def claim() -> fh.Deployment:
    """A deployment with groups, a list of groups, and kinds to choose from."""
    return read_catalog(CLAIM)["claim"]


def test_the_fields_of_groups_lists_and_kinds_are_told(claim: fh.Deployment) -> None:
    """A title is no kind: a person reads of how many fields or kinds it is, and each of them."""
    kinds = {line.name: line.kind for line in variable_lines(claim.inputs)}
    assert numbers_in(kinds["claimant"]) == ["2"]
    assert numbers_in(kinds["items"]) == ["2"]
    assert kinds["items[].price"] == "number"
    assert tells(kinds["payout"], "2", "Cheque", "Bank transfer")
    assert kinds["payout: Cheque"] == kinds["claimant"]
    assert tells(kinds["payout.method"], "cheque")
    assert kinds["payout.iban"] == line_of(fh.text()).kind


def test_the_cell_to_copy_has_each_value_that_must_be_given(claim: fh.Deployment) -> None:
    """Also within groups: whoever fills in every line is told of nothing that is missing, and before that, of each."""
    _, _, body = Description(claim).example().partition("\n")

    def call(text: str) -> CellRequest:
        return read_cell(text, name="claim", find=lambda _: claim)

    with pytest.raises(InputError):
        call(body).requests()
    lines = [line.partition("  #")[0] for line in body.splitlines()]
    empty = [line for line, after in pairwise([*lines, ""]) if line.endswith(":") and _indent(after) <= _indent(line)]
    assert [line.strip() for line in empty] == ["name:", "city:", "- item:", "price:", "to:", "note:"]
    filled = [line + (" 1.5" if "price" in line else " x") if line in empty else line for line in lines]
    [request] = call("\n".join(filled)).requests()
    assert request.inputs == {
        "claimant": {"name": "x", "address": {"city": "x"}},
        "items": [{"item": "x", "price": 1.5}],
        "payout": {"method": "cheque", "to": "x"},
        "extra": {"note": "x"},
    }


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" -"))


def test_a_schema_without_end_has_a_cell_of_some_lines() -> None:
    """Of a hundred required names that are the schema again."""
    names = [f"n{n}" for n in range(100)]
    endless = {"type": "object", "properties": {name: {"$ref": "#"} for name in names}, "required": names}
    assert len(Description(fh.Deployment("d", inputs=endless)).example().splitlines()) == 201


def test_what_is_not_known_is_said() -> None:
    """No variants, no variables, or an open schema."""
    text = repr(Description(fh.Deployment("d")))
    assert re.search(r"(?im)^\W*variants: not \w+", text)
    assert "%%fetchhive d -v VARIANT\nname: value" in text
    guessed = fh.Deployment("d", inputs={"type": "object", "properties": {"x": {"type": "string"}}})
    assert "There may be others" in repr(Description(guessed))


def test_a_table_that_is_cut_says_so() -> None:
    """More lines are not read by anybody, but it must not look as if they were all."""
    many = Description(fh.Deployment("d", inputs={f"v{n}": fh.text() for n in range(300)}))
    for text in (repr(many), many._repr_html_()):
        assert re.search(r"\bDeployment\.inputs", text)
        assert "v199" in text.partition("There are more")[0]
        assert "v200" not in text.partition("There are more")[0]
    few = Description(fh.Deployment("d", inputs={f"v{n}": fh.text() for n in range(200)}))
    assert "There are more" not in repr(few)


def test_what_takes_nothing_says_so() -> None:
    """That is known, and its cell has an empty body."""
    nothing = Description(fh.Deployment("d", variants="v", inputs={}))
    for text in (repr(nothing), nothing._repr_html_()):
        assert "It takes no Start variables." in text
        assert "not known" not in text
    _, _, body = nothing.example().partition("\n")
    assert body == "{}"
    assert [call.inputs for call in read_cell(body, name="d", find=lambda _: nothing.deployment).requests()] == [{}]


def test_hostile_text_is_escaped_and_quoted() -> None:
    """A name, a description and a choice of somebody else's; the cell to copy is quoted as the line wants it."""
    deployment = fh.Deployment(
        "my <script>", variants=["a b"], description="<img onerror=x>", inputs={"on": fh.choice("<b>")}
    )
    page = Description(deployment, "fetchhive.yaml:1")._repr_html_()
    assert "<script>" not in page
    assert "<img" not in page
    assert "<b>" not in page
    assert Description(deployment).example() == "%%fetchhive 'my <script>' -v 'a b'\n\"on\":  # one of: '<b>'"


@pytest.mark.parametrize(
    ("inputs", "line"),
    [
        ({"ticket": fh.text()}, r"ticket:  \# text"),
        ({"ticket": fh.text(), "words": fh.integer(minimum=1)}, r"\bwords:.*\b1\b"),
        ({"ticket": fh.text(required=False)}, r"ticket:  \# text"),
        ({"tags": fh.array(fh.text())}, r"\btags:"),
    ],
)
def test_the_cell_to_copy_is_refused_until_it_is_filled_in(inputs: dict[str, fh.Variable], line: str) -> None:
    """A copy that is run as it stands must not be a paid call."""
    deployment = fh.Deployment("d", variants="v", inputs=inputs)
    _, _, body = Description(deployment).example().partition("\n")
    assert any(re.match(line, each) for each in body.splitlines())
    call = read_cell(body, name="d", find=lambda _: deployment)
    with pytest.raises(InputError, match="is empty; (write its text|give a (list|whole number))"):
        call.requests()


def test_a_reference_is_followed_as_everywhere() -> None:
    """With its escapes: a name with a blank, as pydantic writes it."""
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a%20b", "description": "Here."}},
        "$defs": {"a b": {"type": "integer", "minimum": 1}},
    }
    [line] = variable_lines(schema)
    assert (line.kind, line.description) == ("whole number, at least 1", "Here.")


def test_the_cell_to_begin_with_has_copy_where_somebody_could_click() -> None:
    """And nothing that cannot be clicked elsewhere; the text is that of the cell, sign by sign."""
    shown = Description(fh.Deployment("greet", variants=["plain"], inputs={"name": fh.text()}))
    assert "<button" not in shown._repr_html_()
    assert shown._repr_mimebundle_() == {}
    [text] = re.findall(r'<button[^>]* data-text="([^"]*)"', shown._page("a:0"))
    assert unescape(text) == shown.example()
