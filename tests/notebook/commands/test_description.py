"""A deployment in words."""

from __future__ import annotations

import pytest

import fh_notebook as fh
from fh_notebook.errors import InputError
from fh_notebook.notebook.cell.request import read_cell
from fh_notebook.notebook.commands.description import Description, variable_lines


@pytest.mark.parametrize(
    ("variable", "cells"),
    [
        (fh.text(), ("a text", "yes", "", "", "")),
        (fh.text(multiline=True, required=False), ("a text of several lines", "", "", "", "")),
        (fh.text(secret=True, default="s3cret"), ("a secret", "", "***", "", "")),
        (
            fh.text(min_length=2, max_length=9),
            ("a text, at least 2 characters, at most 9 characters", "yes", "", "", ""),
        ),
        (fh.integer(default=3, minimum=1), ("a whole number, at least 1", "", "3", "", "")),
        (fh.number(default=0.5), ("a number", "", "0.5", "", "")),
        (fh.boolean(default=False), ("true or false", "", "false", "", "")),
        (fh.choice("calm", "brief", default="calm"), ("a choice", "", "calm", "'calm' or 'brief'", "")),
        (fh.array(fh.text()), ("a list, each item a text", "yes", "", "", "")),
        (fh.date(), ("a date like '2026-01-31'", "yes", "", "", "")),
        (fh.any_(), ("anything", "yes", "", "", "")),
        (fh.text(description="two\nlines"), ("a text", "yes", "", "", "two lines")),
        (fh.text(default=""), ("a text", "", '""', "", "")),
    ],
)
def test_a_variable_is_told_in_plain_words(variable: fh.Variable, cells: tuple[str, ...]) -> None:
    """Its kind, whether it must be given, its default, its choices; no default of a secret."""
    [line] = variable_lines(fh.Deployment("d", inputs={"x": variable}).inputs)
    assert line.cells() == ("x", *cells)


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


def test_what_is_not_known_is_said() -> None:
    """No variants, no variables, or an open schema."""
    text = repr(Description(fh.Deployment("d")))
    assert "variants: not known" in text
    assert "inputs are sent unchecked" in text
    assert "%%fetchhive d -v VARIANT\nname: value" in text
    guessed = fh.Deployment("d", inputs={"type": "object", "properties": {"x": {"type": "string"}}})
    assert "There may be others" in repr(Description(guessed))


def test_a_table_that_is_cut_says_so() -> None:
    """More lines are not read by anybody, but it must not look as if they were all."""
    many = Description(fh.Deployment("d", inputs={f"v{n}": fh.text() for n in range(300)}))
    for text in (repr(many), many._repr_html_()):
        assert "There are more; Deployment.inputs has all of them." in text
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
    assert Description(deployment).example() == "%%fetchhive 'my <script>' -v 'a b'\n\"on\":  # a choice"


@pytest.mark.parametrize(
    ("inputs", "line"),
    [
        ({"ticket": fh.text()}, "ticket:  # a text"),
        ({"ticket": fh.text(), "words": fh.integer(minimum=1)}, "words:  # a whole number, at least 1"),
        ({"ticket": fh.text(required=False)}, "ticket:  # a text"),
        ({"tags": fh.array(fh.text())}, "tags:  # a list, each item a text"),
    ],
)
def test_the_cell_to_copy_is_refused_until_it_is_filled_in(inputs: dict[str, fh.Variable], line: str) -> None:
    """A copy that is run as it stands must not be a paid call."""
    deployment = fh.Deployment("d", variants="v", inputs=inputs)
    _, _, body = Description(deployment).example().partition("\n")
    assert line in body.splitlines()
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
    assert (line.kind, line.description) == ("a whole number, at least 1", "Here.")
