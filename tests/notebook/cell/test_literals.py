"""``name: text`` in one line: what stands there is what is sent, or it is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.catalog.yaml_loader import compose
from fh_notebook.errors import InputError
from tests.notebook.cell.test_parser import FULL, OPEN, TEXT, call_of, inputs_of
from tests.told import numbers_in, tells

TEXTS = [
    "&co partners are late",
    "& co",
    "! now",
    "!urgent x",
    "!",
    "*late* again",
    "**Bold** - and more",
    "'tis late",
    "'tis the season, it's late",
    "'",
    '"Hi" she said',
    "{name}, hi",
    "{name}",
    "{{ }}",
    "{{{x}}}",
    "{{#if x}}yes{{/if}}",
    "[URGENT] order late",
    "> 5 days",
    ">5",
    "| now",
    "|| x",
    "- dash",
    "-",
    "? why",
    "?",
    "%5 off",
    "@home",
    "`code`",
    ", then",
    "] x",
    "}",
    ": colon",
    ":smile: hi",
    "a\tb",
    "a\u2028b",
    "'tis #1 of 2",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("deployment", [TEXT, FULL, OPEN], ids=["one text", "several", "undeclared"])
def test_a_text_of_one_line_is_sent_as_it_is_written(text: str, deployment: fh.Deployment) -> None:
    """Whatever sign it begins with: not one character is dropped, and no quotes are needed."""
    assert inputs_of(f"ticket: {text}", {}, deployment) == {"ticket": text}
    assert inputs_of(f"# remark\nmax_words: 3\n'ticket' : {text}  \r\n\nratio: 1", {}, deployment) == {
        "max_words": 3,
        "ticket": text,
        "ratio": 1,
    }


@pytest.mark.parametrize("text", ["[URGENT]", "[late, lost]", '{"a": 1}', "{a, b}"])
def test_a_variable_that_takes_a_text_takes_brackets_too(text: str) -> None:
    """It could be nothing else; where a list or an object may be meant, it is one."""
    assert inputs_of(f"ticket: {text}", {}, TEXT) == {"ticket": text}
    assert inputs_of("tags: [late, lost]\nplace: {zip: '1'}\nx: [1]", {}, FULL) == {
        "tags": ["late", "lost"],
        "place": {"zip": "1"},
        "x": [1],
    }
    assert inputs_of("x: {a: 1}\ny: [{b: 2}]\nz: [\n1,\n'*'\n]") == {"x": {"a": 1}, "y": [{"b": 2}], "z": [1, "*"]}


@pytest.mark.parametrize("text", ["#1 is late", "#urgent", "##"])
def test_a_text_that_begins_with_a_hash_is_no_remark(text: str) -> None:
    """Of a variable that takes a text: there was nothing else to give. Elsewhere it is a remark, which is told."""
    assert inputs_of(f"ticket: {text}", {}, TEXT) == {"ticket": text}
    assert inputs_of("ticket: x\nmax_words: 3 #enough", {}, TEXT) == {"ticket": "x", "max_words": 3}
    assert inputs_of("ticket: # later", {}, TEXT) == {"ticket": None}
    told = call_of(f"ticket: {text}")
    assert told.inputs == {"ticket": None}
    assert "' #'" in told.warnings[0]


def test_expressions_in_such_a_text_are_written_into_it() -> None:
    """And a value cannot break it."""
    value = "\"'& *x: [y\n# z"
    assert inputs_of("ticket: *{{ v }}* & {{ n }}", {"v": value, "n": 3}, TEXT) == {"ticket": f"*{value}* & 3"}


SLIPS: list[tuple[str, tuple[int | str, ...]]] = [
    ('ticket: "He said hi', (1, "`name: |`")),
    ('max_words: 3\nticket: "He said\nratio: "x', (2, "`name: |`")),
    ("ticket: |", (1, "|")),
    ("ticket: >\nratio: 1", (1, ">")),
    ('ticket: "it\'s "so"', (1, '"', "`name: |`")),
    ("ticket: [x", (1, "[, {")),
    ("place: [x", (1, "[, {")),
    ("place: {a} b", (1,)),
    ("tags:\n- 'tis late", (2, "`name: |`")),
    ("tags:\n- & co", (2,)),
    ("tags:\n- &co partners", (2, "'&'")),
    ("tags:\n- {a}, hi", (2,)),
    ("tags:\n- a\tb", (2,)),
    ("ticket: &co partners\n  are late", (1, "'&'")),
    ("place:\n  zip: 'a\n  floor: b'", (2,)),
]  # fmt: skip


@pytest.mark.parametrize(("body", "told"), SLIPS)
@pytest.mark.parametrize("deployment", [FULL, OPEN], ids=["declared", "undeclared"])
def test_what_was_hardly_meant_as_it_stands_is_one_line(
    body: str, told: tuple[int | str, ...], deployment: fh.Deployment
) -> None:
    """With the line of the slip, and the cure."""
    if deployment is OPEN and body == "place: {a} b":
        body = "place:\n  {a} b"
        told = (2,)
    with pytest.raises(InputError) as caught:
        inputs_of(body, {}, deployment)
    assert numbers_in(caught.value) == [str(told[0])], "the line of the slip"
    assert tells(caught.value, *told)
    assert "\n" not in str(caught.value)


SIGNS = st.sampled_from([*"&*!|>'\"%@`{}[],?:-#~$. \tab1\\", "- ", ": ", " #", "''", "{x}", "null", "é", "\u2028"])
one_line = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff"))
one_line = one_line | st.lists(SIGNS, max_size=12).map("".join)


@given(one_line.map(lambda text: text.strip()).filter(lambda text: text and "{{" not in text))
@example("&a b")
@example("'a' #")
@example("a\u2028?: |")
@example("a\u2028#")
@example("''\u2028#")
@pytest.mark.parametrize("deployment", [TEXT, FULL, OPEN], ids=["one text", "several", "undeclared"])
def test_any_text_of_one_line_arrives_or_is_told(deployment: fh.Deployment, text: str) -> None:
    """Without quotes: all of it; in quotes: what is in them; before a remark: what is told; else
    refused in one line.
    """
    try:
        call = call_of(f"ticket: {text}\nratio: 1", {}, deployment)
    except InputError as told:
        assert "\n" not in str(told)
        return
    sent: Any = call.inputs.get("ticket")
    if sent == text:
        return
    if deployment is not OPEN and not isinstance(sent, str):
        with pytest.raises(InputError):
            call.requests()
        return
    if text[0] in "'\"":
        assert compose(f"x: {text}").value[0][1].value == sent
        assert re.fullmatch(r"(['\"]).*\1\s*(#.*)?", text)  # YAML breaks a line at U+2028, too
    elif isinstance(sent, str) or text.startswith("#"):
        assert text.startswith(sent or "#")
        assert any("' #'" in warning for warning in call.warnings)
    else:  # a number, null, a list or an object, as JSON has them
        assert deployment is OPEN
        assert text[0] in "[{~nN-+0123456789tTfF"


def test_a_text_whose_line_breaks_are_lost_is_told() -> None:
    """In YAML a text without ``|`` is one line, in quotes or not; below ``|`` and ``>`` it is as one says."""
    for body in ("a: x\n  y", "a: 'x\n  y'", 'a: "x\n  y"', "a:\n  x\n  y"):
        call = call_of(body)
        assert (call.inputs, len(call.warnings)) == ({"a": "x y"}, 1), body
        assert "`name: |`" in call.warnings[0], body
    for body in ("a: |\n  x\n  y", "a: >\n  x\n  y", "a:\n  x", "a: [x,\n  y]"):
        assert call_of(body).warnings == (), body
