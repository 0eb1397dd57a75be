"""Offers of the completion, by the text of the cell; ``▮`` is the cursor."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.notebook.cell.options import read_line
from fh_notebook.notebook.cell.request import read_cell
from fh_notebook.notebook.commands import registry
from fh_notebook.notebook.commands.description import Description
from fh_notebook.notebook.completion.candidates import Completions
from fh_notebook.notebook.completion.completer import Commands, CompletionContext, complete
from fh_notebook.notebook.shell import columns, row_names

TRIAGE = fh.Deployment(
    "support-triage",
    variants=["keywords", "nearest", "two words"],
    inputs={
        "tone": fh.choice("calm", "brief", "no", "very, very calm", required=False),
        "ticket": fh.text(multiline=True),
        "urgent": fh.boolean(default=False),
        "max_words": fh.integer(default=120),
        "tags": fh.array(fh.choice("red", "green"), required=False),
        "address": fh.group({"city": fh.text(), "kind": fh.choice("home", "office")}),
        "people": fh.array(fh.group({"name": fh.text(), "role": fh.choice("boss", "clerk", required=False)})),
        "a: b": fh.text(required=False),
    },
)
REFERRING = fh.Deployment(
    "refs",
    inputs={
        "type": "object",
        "$defs": {"Mood": {"enum": ["glad", "sad", None]}, "Node": {"properties": {"next": {"$ref": "#/$defs/Node"}}}},
        "properties": {
            "mood": {"$ref": "#/$defs/Mood"},
            "level": {"anyOf": [{"const": "high"}, {"enum": [1, 2]}, {"type": "null"}]},
            "node": {"$ref": "#/$defs/Node"},
            "circle": {"$ref": "#/properties/circle"},
        },
    },
)
DEPLOYMENTS = {
    d.name: d for d in (TRIAGE, REFERRING, fh.Deployment("my flow", variants="it's"), fh.Deployment("refund"))
}
TICKETS = pd.DataFrame({"ticket": ["late"], "case no": [1], "class": [2], 7: [3], 'say "hi"': [4]})
NAMES = {
    "tickets": TICKETS,
    "table": [{"a": 1, "b": 2}],
    "_private": TICKETS,
    "text": "hello",
    "np": np,
    "helper": len,
    "empty": [],
    "record": {"a": 1},
}
COMMANDS = Commands(
    help={name: command.help for name, command in registry.COMMANDS.items()},
    parser=registry.command_parser,
    addresses=("local", "https://api.example.com/v1"),
)
KNOWN = CompletionContext(deployments=lambda: DEPLOYMENTS, names=NAMES, commands=COMMANDS)


def offered(marked: str, known: CompletionContext = KNOWN) -> Completions:
    """Return the offer at the mark, whose fragment is checked."""
    before, mark, after = marked.partition("▮")
    assert mark
    found = complete(before + after, len(before), known)
    assert before.endswith(found.fragment)
    return found


TRIAGE_LINE = "%%fetchhive support-triage "


@pytest.mark.parametrize(
    ("cell", "expected", "fragment"),
    [
        # the deployment
        ("%%fetchhive sup▮", ["support-triage"], "sup"),
        ("%%fetchhive SUP▮", ["support-triage"], "SUP"),
        ("%%fetchhive re▮ --show json", ["refs", "refund"], "re"),
        ("\n  %%fetchhive sup▮", ["support-triage"], "sup"),
        ("%%fetchhive my▮", ["'my flow'"], "my"),
        ("%%fetchhive 'my▮", ["'my flow'"], "'my"),
        ('%%fetchhive "my f▮', ['"my flow"'], '"my f'),
        ('%%fetchhive "my f▮"', ['"my flow'], '"my f'),
        ("%%fetchhive my\\ f▮", ["'my flow'"], "my\\ f"),
        ("%%fetchhive --show json ref▮", ["refs", "refund"], "ref"),
        ("%%fetchhive support-triage ref▮", [], ""),
        ("%%fetchhive nothing-like-it▮", [], ""),
        # variants
        ("%%fetchhive support-triage -v ▮", ["keywords", "nearest", "'two words'"], ""),
        ("%%fetchhive support-triage -v ke▮", ["keywords"], "ke"),
        ("%%fetchhive support-triage -v keywords --variant ▮", ["nearest", "'two words'"], ""),
        ("%%fetchhive support-triage -v ▮ -v nearest", ["keywords", "'two words'"], ""),
        ("%%fetchhive -v ▮ support-triage", ["keywords", "nearest", "'two words'"], ""),
        ("%%fetchhive support-triage --variant=▮", ["keywords", "nearest", "'two words'"], ""),
        ("%%fetchhive support-triage --variant=ne▮", ["nearest"], "ne"),
        ("%%fetchhive support-triage --variant='tw▮", ["'two words'"], "'tw"),
        ("%%fetchhive support-triage -vne▮", ["nearest"], "ne"),
        ("%%fetchhive support-triage -v=ne▮", ["nearest"], "ne"),
        ("%%fetchhive support-triage -vne=▮", [], ""),
        ("%%fetchhive 'my flow' -v ▮", ["'it'\"'\"'s'"], ""),
        ("%%fetchhive -v ▮", [], ""),
        ("%%fetchhive unknown -v ▮", [], ""),
        # other values
        ("%%fetchhive support-triage --show ▮", ["text", "markdown", "json", "table"], ""),
        ("%%fetchhive support-triage --show=t▮", ["text", "table"], "t"),
        ("%%fetchhive support-triage --over ▮", ["table", "tickets", "_private"], ""),
        ("%%fetchhive support-triage --over ti▮", ["tickets"], "ti"),
        ("%%fetchhive support-triage --over _▮", ["_private"], "_"),
        ("%%fetchhive support-triage --score ▮", ["exact:"], ""),
        ("%%fetchhive support-triage --over table --score ▮", ["exact:a", "exact:b"], ""),
        ("%%fetchhive support-triage --score exact:▮ --over table", ["exact:a", "exact:b"], "exact:"),
        ("%%fetchhive support-triage --over tickets --score exact:ca▮", ["'exact:case no'"], "exact:ca"),
        ("%%fetchhive support-triage --metadata ▮", [], ""),
        ("%%fetchhive support-triage --repeats ▮", [], ""),
        ("%%fetchhive support-triage --api-key ▮", [], ""),
        ("%%fetchhive support-triage --api-key=▮", [], ""),
        # options
        ("%%fetchhive support-triage --va▮", ["--variant"], "--va"),
        ("%%fetchhive support-triage -v a --va▮", ["--variant"], "--va"),
        ("%%fetchhive support-triage --show json --sh▮", [], ""),
        ("%%fetchhive support-triage --sh▮ --show json", [], ""),
        ("%%fetchhive support-triage --all▮", ["--all-variants"], "--all"),
        ("%%fetchhive support-triage -v keywords --all▮", [], ""),
        ("%%fetchhive support-triage --all-variants --va▮", [], ""),
        ("%%fetchhive support-triage --api▮", [], ""),
        ("%%fetchhive support-triage --key▮", [], ""),
        ("%%fetchhive support-triage --SH▮", ["--show"], "--SH"),
        ("%%fetchhive support-triage -▮-show json", [
            "--variant", "--all-variants", "--out", "--metadata", "--over", "--score", "--race", "--show", "--repeats",
            "--max-calls", "--dry-run", "--delivery", "--help", "-v", "-h"], "-"),
        # not ours
        ("%%fetchhive▮", [], ""),
        ("%%fetch▮", [], ""),
        ("%%fetchhives sup▮", [], ""),
        ("%%bash\nsup▮", [], ""),
        ("%%bash\n%fetchhive d▮", [], ""),
        ("sup▮", [], ""),
        ("▮", [], ""),
    ],
)  # fmt: skip
def test_the_line(cell: str, expected: list[str], fragment: str) -> None:
    """Deployments, options and their values, quoted as the line wants them; nothing that was given, nothing hidden."""
    found = offered(cell)
    assert (list(found.texts), found.fragment) == (expected, fragment)


def test_an_empty_word_has_deployments_and_then_options() -> None:
    """Before a name is given, names come first; afterwards there are only options."""
    found = offered("%%fetchhive ▮")
    assert [c.type for c in found.candidates[:4]] == ["deployment"] * 4
    assert {c.type for c in found.candidates[4:]} == {"option"}
    assert {c.type for c in offered("%%fetchhive support-triage ▮").candidates} == {"option"}


@pytest.mark.parametrize(
    ("cell", "expected", "fragment"),
    [
        ("%fetchhive ▮", [*registry.COMMANDS], ""),
        ("%fetchhive de▮", ["deployments", "describe"], "de"),
        ("x = 1\n%fetchhive de▮\ny = 2", ["deployments", "describe"], "de"),
        ("answer = %fetchhive de▮", ["deployments", "describe"], "de"),
        ("%fetchhive describe sup▮", ["support-triage"], "sup"),
        ("%fetchhive describe my▮", ["'my flow'"], "my"),
        ("%fetchhive describe refs sup▮", [], ""),
        ("%fetchhive describe 'my▮'", ["'my flow"], "'my"),
        ("%fetchhive use ▮", ["local", "https://api.example.com/v1", "--help", "-h"], ""),
        ("%fetchhive help de▮", ["deployments", "describe"], "de"),
        ("%fetchhive help ce▮", ["cell"], "ce"),
        ("%fetchhive pe▮", ["pending"], "pe"),
        ("%fetchhive pending --▮", ["--help"], "--"),
        ("%fetchhive history -n ▮", [], ""),
        ("%fetchhive history -n 20 re▮", ["refs", "refund"], "re"),
        ("%fetchhive snippet te▮", ["text"], "te"),
        ("%fetchhive login --▮", ["--here", "--check", "--help"], "--"),
        ("%fetchhive login --here --▮", ["--check", "--help"], "--"),
        ("%fetchhive nothing re▮", [], ""),
        ("%fetchhive 'use' lo▮", [], ""),
        ("%fetchhive▮", [], ""),
        ("'%fetchhive de▮", [], ""),
    ],
)
def test_the_commands(cell: str, expected: list[str], fragment: str) -> None:
    """``%fetchhive`` completes its commands, and what a command is about."""
    found = offered(cell)
    assert (list(found.texts), found.fragment) == (expected, fragment)


REQUIRED = ["ticket: ", "address: ", "people: "]
OPTIONAL = ["tone: ", "urgent: ", "max_words: ", "tags: ", '"a: b": ']


@pytest.mark.parametrize(
    ("body", "expected", "fragment"),
    [
        # names at the top
        ("▮", REQUIRED + OPTIONAL, ""),
        ("t▮", ["ticket: ", "tone: ", "tags: "], "t"),
        ("TI▮", ["ticket: "], "TI"),
        ("ticket: late\nt▮", ["tone: ", "tags: "], "t"),
        ("t▮\nticket: late\nother: x", ["tone: ", "tags: "], "t"),
        ("ti▮: late", ["ticket"], "ti"),
        ("ti▮ : late", ["ticket"], "ti"),
        ("'a▮", ["'address': ", "'a: b': "], "'a"),
        ('"a▮"', ['"address', '"a: b'], '"a'),
        ('"a▮": 3', ['"address', '"a: b'], '"a'),
        ("# t▮", [], ""),
        ("My parcel is t▮", [], ""),
        ("ticket: |\n  Parcel is late\nt▮", ["tone: ", "tags: "], "t"),
        # not inside a text
        ("ticket: |\n  t▮", [], ""),
        ("ticket: >-\n  Note: see\n    t▮", [], ""),
        ("ticket: Parcel is\n  t▮", [], ""),
        ("ticket: Parcel t▮", [], ""),
        ("\tt▮", [], ""),
        # values
        ("tone: ▮", ["calm", "brief", "no", '"very, very calm"'], ""),
        ("tone: C▮", ["calm"], "C"),
        ("tone:▮", [], ""),
        ("tone:   ca▮", ["calm"], "ca"),
        ("tone: 'c▮", ["'calm'"], "'c"),
        ('tone: "c▮"', ['"calm'], '"c'),
        ("tone: very, ▮", ['"very, very calm"'], "very, "),
        ("tone: calm▮", ["calm"], "calm"),
        ("urgent: ▮", ["true", "false"], ""),
        ("urgent: t▮", ["true"], "t"),
        ("urgent: 't▮", [], ""),
        ("max_words: ▮", ["120"], ""),
        ("unknown: ▮", [], ""),
        ("ticket: ▮", [], ""),
        # lists
        ("tags: [▮", ["red", "green"], ""),
        ("tags: [red, g▮", ["green"], "g"),
        ("tags: [red]▮", [], ""),
        ("tags:\n- r▮", ["red"], "r"),
        ("tags:\n  - red\n  - ▮", ["red", "green"], ""),
        # objects inside
        ("address:\n  ▮", ["city: ", "kind: "], ""),
        ("address:\n  city: Rome\n  ▮", ["kind: "], ""),
        ("address:\n  ▮\n  city: Rome\nticket: x", ["kind: "], ""),
        ("address:  # where\n\n  # a note\n    c▮", ["city: "], "c"),
        ("address:\n  kind: ▮", ["home", "office"], ""),
        ("address:\n  city: Rome\nt▮", ["ticket: ", "tone: ", "tags: "], "t"),
        ("people:\n- ▮", ["name: ", "role: "], ""),
        ("people:\n- name: Ann\n  ▮", ["role: "], ""),
        ("people:\n- name: Ann\n- ▮", ["name: ", "role: "], ""),
        ("people:\n- name: Ann\n  role: b▮", ["boss"], "b"),
        ("people:\n- role: b▮", ["boss"], "b"),
        # a body in JSON, or an expression: nothing
        ('{"t▮', [], ""),
        ('{"tone": ▮', [], ""),
        ('{"address": {"kind": "h▮', [], ""),
        ("ticket: {{ te▮", [], ""),
        ('ticket: "{{ row.▮ }}"', [], ""),
    ],
)
def test_the_body(body: str, expected: list[str], fragment: str) -> None:
    """Start variables that are not given yet, required ones first, and the values that a schema names, where YAML has
    them.
    """
    found = offered(f"%%fetchhive support-triage -v keywords\n{body}")
    assert (list(found.texts), found.fragment) == (expected, fragment)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("mood: ▮", ["glad", "sad", "null"]),
        ("level: ▮", ["high", "1", "2"]),
        ("node:\n  next:\n    ▮", ["next: "]),
        ("circle: ▮", []),
    ],
)
def test_a_schema_that_refers_and_chooses(body: str, expected: list[str]) -> None:
    """References are followed, circles too, and the values of alternatives are all offered."""
    found = offered(f"%%fetchhive refs\n{body}").texts
    # Texts come before JSON's other words.
    assert list(found) == expected


@pytest.mark.parametrize("line", ["%%fetchhive", "%%fetchhive unknown", "%%fetchhive --over tickets"])
def test_a_body_without_a_known_deployment_has_no_names(line: str) -> None:
    """Whose variables they would be is not known."""
    assert offered(f"{line}\n▮").candidates == ()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("ticket: {{ text }} ti▮", []),
        ("ticket: {{nor this}} ti▮", []),
        ("ticket: {{ text }}\nto▮", ["tone: "]),
        ("ticket: {{\nto▮", ["tone: "]),
        ("ticket: {ti▮", []),
    ],
)
def test_outside_an_expression(body: str, expected: list[str]) -> None:
    """What is closed, or on a line above, is over."""
    assert list(offered(f"{TRIAGE_LINE}--over tickets\n{body}").texts) == expected


class Trap:
    """An object whose every look at costs: completion must not take one."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was looked at")

    def __hash__(self) -> int:
        raise AssertionError("was hashed")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("was compared")


class TrapFrame(pd.DataFrame):
    """A frame of the user's own kind."""

    @property
    def columns(self) -> Any:
        raise AssertionError("a property of the user's was called")


class TrapList(list[Any]):
    """A list of the user's own kind."""

    def __iter__(self) -> Any:
        raise AssertionError("a method of the user's was called")

    __len__ = __iter__


def test_nothing_of_the_users_is_called() -> None:
    """Values are told by their type; only what pandas and Python themselves made is looked into."""
    rows = TrapList()
    list.append(rows, {"a": 1})
    names = {"trap": Trap(), "frame": TrapFrame({"ticket": [1]}), "rows": rows, "list": [Trap()]}
    assert row_names(names) == ["frame", "rows"]
    assert columns(names["frame"]) == ["ticket"]
    assert columns(rows) == ["a"]
    assert columns(names["trap"]) == []
    known = CompletionContext(deployments=lambda: DEPLOYMENTS, names=names)
    for cell in ("%%fetchhive refund --over ▮", "%%fetchhive refund --over trap --score ▮", "%%fetchhive x\n{{ trap.▮"):
        offered(cell, known)


def test_tables_of_other_libraries_are_offered_with_their_columns() -> None:
    """A query is not run for it."""
    query = duckdb.sql("select error('this was run')::int as ticket")
    names = {"a": pl.DataFrame({"ticket": ["x"]}), "b": pa.table({"ticket": ["x"]}), "c": query, "d": pl.Series(["x"])}
    assert row_names(names) == ["a", "b", "c"]
    assert [columns(names[name]) for name in "abc"] == [["ticket"]] * 3


def test_frames_with_strange_columns() -> None:
    """Only columns that a cell can name are offered: a MultiIndex has none, a repeated one counts once."""
    assert columns(pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]))) == []
    assert columns(pd.DataFrame([[1, 2]], columns=["a", "a"])) == ["a"]
    assert columns([{1: 2}, {"a": 3}]) == ["a"]
    assert columns([1, {"a": 3}]) == []


def test_deployments_are_asked_only_where_they_matter() -> None:
    """A person who types an option, a frame or Python waits for no hive."""

    def asked() -> Any:
        raise AssertionError("deployments were asked for")

    known = CompletionContext(deployments=asked, names=NAMES, commands=COMMANDS)
    for cell in (
        "%%fetchhive x --▮",
        "%%fetchhive x --over ▮",
        "%%fetchhive x\nt: {{ te▮",
        "%fetchhive de▮",
        "x = de▮",
    ):
        offered(cell, known)
    with pytest.raises(AssertionError, match="asked for"):
        offered("%%fetchhive ▮", known)


PIECES = st.sampled_from(
    ["%%fetchhive ", "support-triage ", "%fetchhive ", "-v ", "--variant=", "'", '"', "\\", "\n", "  ", "- ", "ticket: ",
     "tone: ", "address:\n  ", "{{ ", " }}", "row.", "row['", "{", "}", "[", "]", ":", ",", "|", "\t", "é", "🐝", "\x00",
     "--over tickets ", "$ref", "#", " "]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=14).map("".join)


@given(TEXTS, st.data())
@example("%%fetchhive support-triage\n" + "- " * 300, None)
@example("%%fetchhive support-triage\n" + "a" + " " * 20_000, None)
@example("%%fetchhive support-triage\n" + "{" * 3000, None)
@example("%%fetchhive support-triage\n" + '{"a":' * 3000, None)
@example("%%fetchhive support-triage " + "'" * 3001, None)
@example("%%fetchhive support-triage\n{{ " + "row['" * 2000, None)
def test_any_text_and_any_cursor(text: str, data: st.DataObject | None) -> None:
    """Nothing raises; the fragment is always the text before the cursor; a candidate put in its place is not offered
    less.
    """
    cursor = len(text) if data is None else data.draw(st.integers(0, len(text)))
    for start in ("", "%%fetchhive support-triage --over tickets\n"):
        before = start + text[:cursor]
        found = complete(start + text, len(before), KNOWN)
        assert before.endswith(found.fragment)
        assert len({c.text for c in found.candidates}) == len(found.candidates)
        assert found.candidates or found.fragment == ""


def test_a_name_that_begins_with_a_hyphen_is_offered_where_it_is_read() -> None:
    """Elsewhere it would be an option, and the line refused."""
    dashed = fh.Deployment("d", variants=["a", "-b", "--c"])
    known = CompletionContext(deployments=lambda: {"d": dashed, "-e": fh.Deployment("-e")}, commands=COMMANDS)
    for line, expected in (
        ("%%fetchhive d -v ", ("a",)),
        ("%%fetchhive d --variant=", ("a", "-b", "--c")),
        ("%fetchhive describe ", ("d", "--help", "-h")),
    ):
        assert complete(line, len(line), known).texts == expected
    line, _, _ = Description(dashed).example().partition("\n")
    assert read_line(line.removeprefix("%%fetchhive")).variants == dashed.variants


@pytest.mark.parametrize("start", ["text: ", 'text: "'])
def test_a_value_that_reads_as_an_expression_is_written_so_that_it_is_none(start: str) -> None:
    """A prompt for another template language arrives as the schema has it, and nothing is evaluated."""
    choices = ["{{ name }}", "Dear {{{ {'a': {}} }}}", "{{#if a}}", "{a}"]
    deployment = fh.Deployment("d", variants="v", inputs={"text": fh.choice(*choices)})
    line = "%%fetchhive d\n"
    found = complete(line + start, len(line + start), CompletionContext(deployments=lambda: {"d": deployment})).texts
    assert len(found) == len(choices)
    for written, choice in zip(found, choices, strict=True):
        body = start.removesuffix('"') + written
        assert dict(read_cell(body, name="d", find=lambda _: deployment).inputs) == {"text": choice}


def test_in_single_quotes_nothing_is_offered_that_would_be_evaluated() -> None:
    """They have no escape for it."""
    deployment = fh.Deployment("d", variants="v", inputs={"text": fh.choice("{{ name }}", "{a}")})
    line = "%%fetchhive d\ntext: '"
    assert complete(line, len(line), CompletionContext(deployments=lambda: {"d": deployment})).texts == ("'{a}'",)
