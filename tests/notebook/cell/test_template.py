"""``{{ expression }}`` in a body, and bodies that are a text."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.errors import InputError
from fh_notebook.notebook.cell.parser import read_inputs
from fh_notebook.notebook.cell.request import read_cell
from fh_notebook.notebook.cell.template import Template, as_json, expressions

TRIAGE = fh.Deployment("triage", variants="v", inputs={"ticket": fh.text(), "max_words": fh.integer(default=120)})
OPEN = fh.Deployment("open", variants="v")


def inputs_of(body: str, names: dict[str, Any] | None = None, deployment: fh.Deployment = OPEN) -> dict[str, Any]:
    def evaluate(source: str) -> Any:
        return as_json(eval(source, dict(names or {})), source)

    return dict(read_cell(body, name="x", find=lambda _: deployment, evaluate=evaluate).inputs)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_any_value_arrives_equal(value: object) -> None:
    """A value keeps its type, whatever it contains, wherever in the YAML the expression stands."""
    got = inputs_of("a: {{ v }}\nb: '{{ v }}'\nc: [{{ v }}, 1]\nd: |\n  {{ v }}\ne: {k: \"{{ v }}\"}", {"v": value})
    assert got == {"a": value, "b": value, "c": [value, 1], "d": value, "e": {"k": value}}


@given(st.text().filter(lambda t: "{{" not in t))
def test_a_text_inside_a_text_is_written_as_it_is(text: str) -> None:
    """Quotes, colons, newlines of the value cannot break the YAML."""
    assert inputs_of("a: 'say: {{ v }}!'", {"v": text}) == {"a": f"say: {text}!"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{{ a }}", ["a"]),
        ("{{a}}{{ b.c[0] }}", ["a", "b.c[0]"]),
        ("{{ {'k': {}} }}", ["{'k': {}}"]),
        ("{{ 'a }} b' }}", ["'a }} b'"]),
        ("{ a } {{nor this}} {{}} {{ }} }} {{", []),
        ("${a} $a %a {a} {{ 1 +", []),
        ("{{ x = 1 }} {{ import os }}", []),
        ('{{ {"a": 1}}}', ['{"a": 1}']),
        ('{{ {"a": {"b": 1}}}}', ['{"a": {"b": 1}}']),
        ('{{ {"a": {"b": {"c": 1}}}}}', ['{"a": {"b": {"c": 1}}}']),
        ('{{{"a": 1}}}', ['{"a": 1}']),
        ('{k: {{ {"a": [1]}}}}', ['{"a": [1]}']),
        ("{k: {{ v }}}", ["v"]),
        ("{{ f({'a': 1}, \"it's }}\", r'}}')}} }}}", ["f({'a': 1}, \"it's }}\", r'}}')"]),
        ("{{ a # it's here }} {{ b }}", ["a # it's here", "b"]),
        ('{{ """two\n}} lines""" }}', ['"""two\n}} lines"""']),
        ("{{{ name }}} {{{name}}} {{{{raw}}}} it's {{ a }}", ["a"]),
        ("{{ {name} }}", ["{name}"]),
        ("{{ (a }} {{ b }} {{ c) }} {{ ] }} {{", ["b"]),
    ],
)
def test_only_an_expression_between_two_braces_is_one(text: str, found: list[str]) -> None:
    """All other braces, dollars and dashes are the user's text."""
    assert [source for _, _, source in expressions(text)] == found


def test_the_templates_of_another_language_are_tried_once_an_opening(monkeypatch: pytest.MonkeyPatch) -> None:
    """35,000 characters of them are a prompt like another, also where every quote and bracket stays open."""
    tried: list[int] = []
    parse = ast.parse

    def counted(source: str, *rest: Any, **more: Any) -> Any:
        tried.append(len(source))
        return parse(source, *rest, **more)

    monkeypatch.setattr(ast, "parse", counted)
    for piece in ("{{#if a}} foo {{/if}} ", "{{ it's }} ", "{{ (a }} ", "{{ a b }}}} "):
        tried.clear()
        template = Template(piece * (35_000 // len(piece)))
        template.doubtful()
        assert not template.sources
        assert len(tried) <= template.text.count("{{"), piece
        assert max(tried, default=0) < 30


@given(st.text(alphabet="{}a '\"", max_size=60))
def test_any_braces_are_text_or_expressions(text: str) -> None:
    """Finding expressions never raises, and what is between them is left as it was."""
    template = Template(text)
    assert template.untoken(template.text).count("{") >= 0
    assert len(template.sources) == len(list(expressions(text)))


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (np.int64(3), 3),
        (np.array([1.5, np.nan]), [1.5, None]),
        (pd.Series(["a", None, pd.NA]), ["a", None, None]),
        (pd.DataFrame({"a": [1, 2], "b": [None, "x"]}), [{"a": 1, "b": None}, {"a": 2, "b": "x"}]),
        (pd.Timestamp("2026-11-25", tz="UTC"), "2026-11-25T00:00:00+00:00"),
        (Decimal("1.50"), 1.5),
        (Decimal("12"), 12),
        ((1, (2,)), [1, [2]]),
    ],
)
def test_a_notebooks_values_become_what_json_means(value: object, sent: object) -> None:
    """Numbers of numpy, columns, missing values, times, decimals."""
    assert as_json(value, "v") == sent


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("a: {{ nobody }}", r"\{\{ nobody \}\}.*\bNameError"),
        ("a: {{ 1 / 0 }}", "ZeroDivisionError"),
        ("a: {{ {1, 2} }}", r"\{\{ \{1, 2\} \}\}.*\bJSON"),
        ("a: {{ object }}", r"\bJSON"),
        ("a: [{{ 1 }}", "1 of the "),
        ("a: {{ nobody(1,\n  2) }}", r" \{\{ '\{\{ nobody\(1, 2\) \}\}' \}\}"),
        ("a: {{ {1,\n  2} }}", r"\{\{ \{1, 2\} \}\}.*\bJSON"),
        ("a: b {{ None or (\n  None) }}", r"\{\{ None or \( None\) \}\}"),
        ("a: {{ int('1\\n2') }}", r"\{\{ int\('1\\n2'\) \}\}.*\bValueError"),
        ("a: {{ exec('raise ValueError(chr(10) * 2)') }}", r"\bValueError"),
    ],
)
def test_an_expression_that_fails_is_one_line_with_its_text(body: str, told: str) -> None:
    """Before any call, with the expression as it was typed."""
    with pytest.raises(InputError) as caught:
        inputs_of(body)
    assert re.search(told, str(caught.value))
    assert "fhx" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        ("I was charged twice.", {"ticket": "I was charged twice."}),
        ("Dear team: my parcel\nis late.", {"ticket": "Dear team: my parcel\nis late."}),
        ("- one\n- two", {"ticket": "- one\n- two"}),
        ("{{ t }}", {"ticket": "from a variable"}),
        ("ticket: I was charged twice.", {"ticket": "I was charged twice."}),
        ("# ticket: the old one\nticket: the new one", {"ticket": "the new one"}),
        ("# ticket: all commented out", {}),
        ("tickt: x", {"tickt": "x"}),
        ("max_words: 3", {"max_words": 3}),
        ("", {}),
    ],
)
def test_a_body_is_the_text_of_a_deployment_with_one_text_variable(body: str, inputs: dict[str, object]) -> None:
    """Prose is the text; a mapping, also one with a misspelt name or remarks, stays a mapping."""
    assert inputs_of(body, {"t": "from a variable"}, TRIAGE) == inputs


@pytest.mark.parametrize("body", ["ticket: [not closed", '{"ticket": "x"', "# remark\nticket: a: b", '"ticket": [x'])
def test_a_broken_mapping_is_told_and_never_sent_as_a_text(body: str) -> None:
    """A typing error must not become a paid call."""
    with pytest.raises(InputError, match="line"):
        read_inputs(Template(body), TRIAGE)


def test_a_snippet_of_a_known_deployment_is_checked_like_any_cell() -> None:
    """What is known of a deployment counts, not what the snippet's own values suggest."""
    snippet = """curl 'https://api.fetchhive.com/v1/workflow/invoke' --data-raw '{"deployment": "triage", "variant": "v", "inputs": {"tickt": 3}}'"""
    with pytest.raises(InputError, match="tickt: .* 'ticket'"):
        read_cell(snippet, find={"triage": TRIAGE}.get).requests()
