"""A form of a deployment that is known by name only grows: by a variable, a snippet, a frame."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import fh_notebook as fh
from fh_notebook.contract.snippet.parser import is_placeholder
from fh_notebook.errors import InputError, SnippetError
from fh_notebook.notebook.forms.control.schema_editor import (
    KINDS,
    can_extend,
    renamed,
    with_columns,
    with_snippet,
    with_variable,
)
from tests.told import tells

BY_NAME = fh.Deployment("brief")
KEY = "fhk_0123456789abcdef"


def _snippet(deployment: str = "brief", variant: str = "short", key: str = "YOUR_API_KEY") -> str:
    body = f'{{"deployment": "{deployment}", "variant": "{variant}", "inputs": {{"topic": "AI", "words": 3}}}}'
    return f"curl 'https://api.fetchhive.com/v1/workflow/invoke' \\\n  -H 'Authorization: Bearer {key}' --data-raw '{body}'"


@pytest.mark.parametrize("kind", KINDS)
def test_a_variable_of_each_kind_is_added(kind: str) -> None:
    """Each is a schema that can be saved and read again."""
    grown = with_variable(BY_NAME, " x ", kind, required=False).deployment
    assert grown.variable_names == ["x"]
    assert grown.problems({}) == []
    required = with_variable(BY_NAME, "x", kind).deployment
    assert required.problems({})[0].startswith("x: is missing")


def test_variables_are_added_one_after_the_other() -> None:
    """What was there stays; what the deployment was called, too."""
    grown = with_variable(with_variable(BY_NAME, "a", "text").deployment, "b", "number").deployment
    assert (grown.name, grown.variable_names, grown.inputs["required"]) == ("brief", ["a", "b"], ["a", "b"])
    assert can_extend(grown)


def test_a_variable_without_a_name_of_its_own_is_refused() -> None:
    """In one line; one that has the name of another is told with it."""

    def told(name: str) -> str:
        with pytest.raises(InputError) as caught:
            with_variable(fh.Deployment("d", inputs={"a": fh.text()}), name, "text")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert tells(told("a"), "'a'")
    assert told("") == told("  ")
    assert "Start" in told("")
    assert "'" not in told("").replace("'s ", " ")


def test_a_closed_deployment_does_not_grow() -> None:
    """What is declared in code or in the catalogue says which variables there are."""
    assert not can_extend(fh.Deployment("d", inputs={"a": fh.text()}))
    assert can_extend(fh.Deployment.from_frame("d", pd.DataFrame({"a": ["x"]})))


def test_a_snippet_brings_variables_variants_and_samples() -> None:
    """A key in it is dropped, and that is said."""
    grown = with_snippet(BY_NAME, _snippet(key=KEY))
    assert grown.deployment.variable_names == ["topic", "words"]
    assert grown.deployment.variants == ("short",)
    assert grown.values == {"topic": "AI", "words": 3}
    assert re.search("'topic'.*'words'", grown.message)
    assert KEY not in repr(grown)
    assert "'" not in with_snippet(grown.deployment, _snippet()).message, "it names no variable"


def test_a_snippet_whose_lines_were_lost_in_a_box_is_read_all_the_same() -> None:
    """A box of one line drops them."""
    assert with_snippet(BY_NAME, _snippet().replace("\n", "")).deployment.variable_names == ["topic", "words"]


def test_placeholders_stand_for_names_of_the_users_own() -> None:
    """On either side; a placeholder never takes the place of a name."""
    pasted = _snippet(deployment="YOUR_DEPLOYMENT_NAME", variant="YOUR_VARIANT_NAME")
    assert with_snippet(BY_NAME, pasted).deployment.name == "brief"
    nameless = fh.Deployment.from_snippet(pasted)
    assert is_placeholder(nameless.name)
    assert with_snippet(nameless, _snippet()).deployment.name == "brief"
    assert renamed(nameless, " brief ").name == "brief"
    with pytest.raises(InputError) as caught:
        renamed(nameless, " ")
    assert [problem.keyword for problem in caught.value.problems] == ["required"]
    assert "name" in str(caught.value)


def test_a_snippet_of_another_deployment_or_none_at_all_is_refused() -> None:
    """With what to do."""
    with pytest.raises(InputError, match="'other'.*'brief'"):
        with_snippet(BY_NAME, _snippet(deployment="other"))
    with pytest.raises(SnippetError, match="Code Snippet.*JSON.*SDK"):
        with_snippet(BY_NAME, "some words")
    with pytest.raises(InputError) as nothing:
        with_snippet(BY_NAME, " ")
    assert not isinstance(nothing.value, SnippetError), "nothing is no snippet that is wrong"
    assert tells(nothing.value, "Code Snippet")


def test_the_columns_of_a_frame_become_variables() -> None:
    """With the kinds that they hold; the expected output is none."""
    frame = pd.DataFrame({"topic": ["AI"], "words": [3], "expected_output": ["x"]})
    grown = with_columns(fh.Deployment("brief", inputs=BY_NAME.inputs), frame)
    assert grown.deployment.inputs["properties"] == {"topic": {"type": "string"}, "words": {"type": "integer"}}
    with pytest.raises(InputError, match="^row 0: 1 "):
        with_columns(BY_NAME, [1])
