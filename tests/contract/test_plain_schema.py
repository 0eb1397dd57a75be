"""A schema that a look accepts is one that the library accepts too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.plain_schema import is_plain
from tests import environment

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=2)
    | st.sampled_from(["string", "integer", "object", "null", "date"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
KEYWORDS = st.sampled_from(
    ["type", "required", "enum", "examples", "const", "default", "title", "description", "format", "uniqueItems", "minimum",
     "maximum", "minItems", "maxItems", "minLength", "maxLength", "pattern", "$ref", "anyOf", "properties", "items",
     "additionalProperties", "$schema", "x-own"]
)  # fmt: skip
SCHEMAS = st.recursive(
    st.dictionaries(KEYWORDS, VALUES, max_size=3),
    lambda inner: st.fixed_dictionaries(
        {}, optional={"properties": st.dictionaries(st.text(max_size=2), inner, max_size=2), "items": inner,
                      "additionalProperties": inner | st.booleans(), "type": VALUES, "required": VALUES},
    ),
    max_leaves=4,
)  # fmt: skip


@given(SCHEMAS)
def test_a_plain_schema_is_a_valid_one(schema: dict[str, Any]) -> None:
    """Whatever is in it: a look never accepts what the library refuses."""
    if is_plain(schema):
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        ({}, True),
        ({"type": ["string", "null"], "maxLength": 3, "title": "T", "examples": ["a"]}, True),
        ({"enum": ["a", None]}, True),
        ({"properties": {"a": {"items": {"type": "integer", "minimum": 1.5}}}, "additionalProperties": {"const": 1}}, True),
        ({"type": []}, False),
        ({"type": ["string", "string"]}, False),
        ({"required": "a"}, False),
        ({"minLength": True}, False),
        ({"minLength": -1}, False),
        ({"uniqueItems": 1}, False),
        ({"properties": []}, False),
        ({"properties": {"a": {"type": "whole"}}}, False),
        ({"items": True}, False),
        ({"pattern": "["}, False),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema"}, False),
        ({"x-own": 1}, False),
        (True, False),
        ([], False),
    ],
)  # fmt: skip
def test_which_schemas_are_plain(schema: Any, plain: bool) -> None:
    """Well-known keywords with values of their kind; everything else is left to the library."""
    assert is_plain(schema) is plain


def test_a_schema_without_end_is_left_to_the_library() -> None:
    """It is not followed to Python's own limit."""
    schema: dict[str, Any] = {}
    schema["items"] = schema
    assert not is_plain(schema)


def test_the_demos_deployments_need_no_library(tmp_path: Path) -> None:
    """The first Tab, which lists them, does not wait for its import."""
    code = (
        "import sys\nfrom fh_notebook import session\nprint(list(session.deployments()))\n"
        "print([m for m in ('jsonschema', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment.for_process(tmp_path), cwd=tmp_path, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["['support-triage']", "[]"]
