"""The text of ``fetchhive.yaml`` -> `Deployments`: what is read, what is told, and what a table shows."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.contract.catalog import Deployments, meant, near_name
from fh_notebook.contract.catalog_read import MAX_BYTES, read_catalog
from fh_notebook.contract.infer import infer

from .catalogues import dump_catalog

WHOLE = """\
# yaml-language-server: $schema=fetchhive.schema.json
version: 1
deployments:
  support-triage:
    description: Sorts tickets.
    variants: [keywords, nearest]
    inputs:
      ticket: {type: string, format: textarea, description: The mail}
      tone: {enum: [calm, brief], default: calm}
      tags: {type: array, items: {type: string}, required: false}
      topic: text
  "Übersicht 😀":
    variants:
      short: in one line
      long:
  open:
"""


def test_the_documented_format_gives_deployments_in_order_each_with_its_line() -> None:
    """Variables are required unless they have a default or say no; the schema is closed; a mapping names variants."""
    known = read_catalog(WHOLE)
    assert list(known) == ["support-triage", "Übersicht 😀", "open"]
    triage = known["support-triage"]
    assert triage == fh.Deployment(
        "support-triage",
        description="Sorts tickets.",
        variants=["keywords", "nearest"],
        inputs={
            "ticket": fh.text(multiline=True, description="The mail"),
            "tone": {"enum": ["calm", "brief"], "default": "calm"},
            "tags": fh.array(fh.text(), required=False),
            "topic": fh.text(),
        },
    )
    assert triage.variable_names == ["ticket", "tone", "tags", "topic"]
    assert known["Übersicht 😀"].variants == ("short", "long")
    assert known["open"] == fh.Deployment("open")
    assert [known.source_of(name) for name in known] == ["fetchhive.yaml:4", "fetchhive.yaml:12", "fetchhive.yaml:16"]


@pytest.mark.parametrize(
    ("word", "variable"),
    [
        ("text", fh.text()),
        ("integer", fh.integer()),
        ("number", fh.number()),
        ("boolean", fh.boolean()),
        ("array", fh.array()),
        ("object", fh.Variable({"type": "object"})),
        ("date", fh.date()),
        ("datetime", fh.datetime_()),
        ("any", fh.any_()),
        ("{}", fh.any_()),
        ("{type: string, required: false}", fh.text(required=False)),
        ("{type: string, default: x, required: true}", fh.text(default="x", required=True)),
        (
            "{type: object, required: [a], properties: {a: {}}}",
            fh.Variable({"type": "object", "required": ["a"], "properties": {"a": {}}}),
        ),
    ],
)
def test_a_variable_is_a_word_or_a_schema(word: str, variable: fh.Variable) -> None:
    """A kind in a word says what the constructor of that name says; `required` is a truth value there."""
    read = read_catalog(f"deployments: {{d: {{inputs: {{x: {word}}}}}}}")["d"]
    assert read.inputs == fh.Deployment("d", inputs={"x": variable}).inputs


@pytest.mark.parametrize(
    "inputs",
    [
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"type": "integer"}}},
        {"type": "object"},
    ],
)
def test_a_whole_json_schema_is_taken_as_it_is(inputs: dict[str, Any]) -> None:
    """It stays open, and requires what it says itself."""
    assert read_catalog(f"deployments: {{d: {{inputs: {json.dumps(inputs)}}}}}")["d"].inputs == inputs


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# nothing yet\n", "version: 1", "deployments:", "deployments: {}", "---\n", "null"]
)
def test_an_empty_catalogue_is_none_at_all(text: str) -> None:
    """A file without deployments is no error."""
    assert dict(read_catalog(text)) == {}


def test_words_of_yaml_are_names_as_they_are_written() -> None:
    """`no`, `true`, `3`, `1.50` and `null` are names; so is `on` for a variable, and a date."""
    known = read_catalog(
        "deployments:\n  no:\n  true:\n  3:\n  1.50:\n  null:\n  d: {inputs: {on: text, 2026-01-01: text}}"
    )
    assert list(known) == ["no", "true", "3", "1.50", "null", "d"]
    assert known["d"].variable_names == ["on", "2026-01-01"]


D = "deployments:\n  d:\n"
INPUTS = f"{D}    inputs:\n"

WRONG = [
    ("- a\n- b", "line 1: the file is a list; it begins with `version: 1` and `deployments:`"),
    ("just words", "line 1: the file is a text; it begins"),
    ("version: 2", "line 1: version 2 is not known; write `version: 1`, or update fh_notebook"),
    ("version:", "line 1: version None is not known"),
    ("version: true", "line 1: version True is not known"),
    ("\ndeploments: {}", "line 2: 'deploments' is not known here; did you mean 'deployments'?"),
    ("workflows: {}", "line 1: 'workflows' is not known here; did you mean 'deployments'?"),
    ("zzz: 1", "line 1: 'zzz' is not known here; there are version, deployments"),
    ("deployments:\n  - d\n", "line 2: deployments is a list; write each as `name:`, with its lines indented below"),
    ("deployments: d", "line 1: deployments is a text;"),
    ("deployments:\n  d: text", "line 2: 'd' is a text; write description, variants, inputs, open below it"),
    ("deployments:\n  ' ': {}", "line 2: a deployment needs a name"),
    ("deployments:\n  : {}", "line 2: there is no name before the colon"),
    ("deployments:\n  [a]: {}", "line 2: a list is no name"),
    ("deployments:\n  d:\n  e:\n  d:\n", "line 4: 'd' is given twice; the first is in line 2"),
    ("deployments:\n  d:\n  ' d ':\n", "line 3: 'd' is given twice; the first is in line 2"),
    ("version: 1\nversion: 1", "line 2: 'version' is given twice; the first is in line 1"),
    (f"{D}    descripton: x", "line 3: 'd': 'descripton' is not known here; did you mean 'description'?"),
    (f"{D}    variables: {{}}", "line 3: 'd': 'variables' is not known here; did you mean 'inputs'?"),
    (f"{D}    description: 12", "line 3: 'd': description is a number, not a text; put it in quotes"),
    (f"{D}    description: [a]", "line 3: 'd': description is a list, not a text"),
    (f"{D}    variants: [a, 2]", "line 3: 'd': variants: a variant is a number, not a text; put it in quotes"),
    (f"{D}    variants: [a, a]", "line 3: 'd': variants: 'a' is given twice"),
    (f"{D}    variants:\n      - a\n      -\n", "line 5: 'd': variants: a variant is empty, not a text"),
    (f"{D}    variants: ['']", "line 3: 'd': variants: a variant needs a name"),
    (f"{D}    variants: {{a: 3}}", "line 3: 'd': variants: the description of 'a' is a number, not a text"),
    (
        f"{D}    inputs: [ticket]",
        "line 3: 'd': inputs is a list; write each variable as `name: {type: string}` below it",
    ),
    (f"{D}    inputs: text", "line 3: 'd': inputs is a text; write"),
    (f"{INPUTS}      a: txet", "line 4: 'd': inputs.a: the kind 'txet' is not known; did you mean 'text'?"),
    (f"{INPUTS}      a: string", "line 4: 'd': inputs.a: the kind 'string' is not known; did you mean 'text'?"),
    (f"{INPUTS}      a: zzzz", "line 4: 'd': inputs.a: the kind 'zzzz' is not known; there are text, integer"),
    (f"{INPUTS}      a: 3", "line 4: 'd': inputs.a: the kind '3' is not known"),
    (f"{INPUTS}      a:", "line 4: 'd': inputs.a is empty; write its kind: text, integer"),
    (f"{INPUTS}      a: [x, y]", "line 4: 'd': inputs.a is a list; write {type: ...}, or {enum: [...]} for a choice"),
    (f"{INPUTS}      a: {{type: text}}", "line 4: 'd': inputs.a: the type 'text' is not known; did you mean 'string'?"),
    (
        f"{INPUTS}      a: {{type: [int]}}",
        "line 4: 'd': inputs.a: the type 'int' is not known; did you mean 'integer'?",
    ),
    (f"{INPUTS}      a: {{type: zzz}}", "line 4: 'd': inputs.a: the type 'zzz' is not known; there are string,"),
    (f"{INPUTS}      a: {{required: no}}", "line 4: 'd': inputs.a: required is 'no'; write true or false"),
    (
        f"{INPUTS}      a: {{minlength: 3}}",
        "line 4: 'd': inputs.a: 'minlength' is no keyword; did you mean 'minLength'?",
    ),
    (f"{INPUTS}      a: {{descripton: x}}", "'descripton' is no keyword; did you mean 'description'?"),
    (f"{INPUTS}      a: {{max: 3}}", "'max' is no keyword; did you mean 'maximum'?"),
    (f"{INPUTS}      a: {{optional: true}}", "'optional' is no keyword; did you mean 'required: false'?"),
    (
        f"{INPUTS}      a:\n        items: {{typ: string}}",
        "line 5: 'd': inputs.a.items: 'typ' is no keyword; did you mean 'type'?",
    ),
    (
        f"{INPUTS}      a:\n        anyOf:\n          - {{typ: string}}",
        "line 6: 'd': inputs.a.anyOf: 'typ' is no keyword",
    ),
    (
        f"{INPUTS}      a:\n        properties:\n          b: {{enums: [1]}}",
        "line 6: 'd': inputs.a.b: 'enums' is no keyword",
    ),
    (
        f"{INPUTS}      a:\n        type: string\n        minLength: x",
        "line 6: 'd': inputs.a.minLength: the text 'x' is not a",
    ),
    (f"{INPUTS}      a:\n        enum: x", "line 5: 'd': inputs.a.enum: the text 'x' is not a list"),
    (f"{INPUTS}      a: {{$ref: '#/x'}}", "line 4: 'd': inputs.$ref: '#/x' is not in this schema"),
    (
        f"{INPUTS}      properties: {{a: {{}}}}",
        "line 4: 'd': inputs: for a whole JSON Schema, write `type: object` beside",
    ),
    (
        f"{INPUTS}      type: object\n      properties:\n        a: {{type: whole}}",
        "line 6: 'd': inputs.properties.a.type: 'whole' is",
    ),
    (
        f"{INPUTS}      $schema: x\n      type: array",
        "inputs: Start variables are an object; this schema is of type 'array'",
    ),
    (f"{INPUTS}      a: {{default: 1e999}}", "line 4: '1e999' is no number that JSON can say; put it in quotes"),
    (f"{INPUTS}      a: {{default: {'9' * 5000}}}", "is no number that JSON can say"),
    (f"{INPUTS}      a: {{default: !!binary aGk=}}", "line 4: the tag 'tag:yaml.org,2002:binary' is not read"),
    (f"{INPUTS}      a: !mine {{}}", "line 4: the tag '!mine' is not read; leave it out"),
    (f"{INPUTS}      a: {{default: !!python/name:os.system }}", "is not read"),
    (
        f"{INPUTS}      n:\n        type: integer\n        default: abc",
        "line 6: 'd': inputs.n: the default 'abc' is not a wh",
    ),
    (f"{INPUTS}      n: {{type: string, default: null}}", "inputs.n: the default null is not a text"),
    (f"{INPUTS}      n: {{type: integer, default: 3, minimum: 5}}", "the default 3 is too small; give at least 5"),
    (
        f"{INPUTS}      n: {{type: boolean, default: yes}}",
        "the default 'yes' is not true or false; write true or false",
    ),
    (
        f"{INPUTS}      n: {{enum: [calm, brief], default: clam}}",
        "the default 'clam' is not one of 'calm' or 'brief'; did you mean 'calm'?",
    ),
    (
        f"{INPUTS}      n: {{type: array, items: {{type: string}}, default: [3]}}",
        "the default does not fit: [0]: 3 is not a",
    ),
    (
        f"{INPUTS}      n:\n        type: integer\n        enum:\n          - 1\n          - two",
        "line 8: 'd': inputs.n: the choice 'two' is not a",
    ),
    (f"{INPUTS}      n: {{type: string, examples: [a, 3]}}", "the example 3 is not a text"),
    (
        f"{INPUTS}      n: {{format: password, type: string, default: 3}}",
        "the default is not one that the variable takes",
    ),
    (
        f"{INPUTS}      n:\n        type: object\n        properties:\n          a: {{type: integer, default: x}}",
        "line 7: 'd': inputs.n.a: the default 'x' is not a whole number",
    ),
    (
        f"{INPUTS}      n: {{type: string, format: textaera}}",
        "the format 'textaera' is not known; did you mean 'textarea'?",
    ),
    (
        f"{INPUTS}      n: {{type: string, format: datetime}}",
        "the format 'datetime' is not known; did you mean 'date-time'?",
    ),
    (
        f"{INPUTS}      n: {{type: string, minimum: 3}}",
        "inputs.n: 'minimum' says nothing of a text; it is for a number",
    ),
    (
        f"{INPUTS}      n: {{type: integer, maxLength: 3}}",
        "'maxLength' says nothing of a whole number; it is for a text",
    ),
    (f"{INPUTS}      t: text\n    open: yes", "line 5: 'd': open is 'yes'; write true or false"),
    (f"{INPUTS}      type: object\n    open: true", "line 5: 'd': open goes with variables one by one; a whole JSON"),
    (
        f"{D}    open: false",
        "line 3: 'd': open: false says nothing without inputs; write `inputs: {{}}`".replace("{{}}", "{}"),
    ),
    ("deployments:\n  triage\n    variants: [a]\n", "line 2: a colon is missing after 'triage'"),
    ("deployments:\n  triage  # sorts\n    variants: [a]\n", "line 2: a colon is missing after 'triage'"),
    ("deployments:\n  triage\n    description: it: sorts\n", "line 2: a colon is missing after 'triage'"),
    (f"{D}    variants: [x]\n  triage\n  y:\n", "line 4: a colon is missing after 'triage'"),
    (f"{INPUTS}      x: text\n      ticket\n", "line 5: a colon is missing after 'ticket'"),
    (f"{INPUTS}      ticket:{{type: string}}", "line 4: a blank is missing after the colon of 'ticket'"),
    (
        f"{INPUTS}      ticket:text\n      tone: text",
        "line 4: a blank is missing after the colon: write 'ticket: text'",
    ),
    (f"{INPUTS}      ticket:text", "line 4: a blank is missing after the colon: write 'ticket: text'"),
    (
        f"{INPUTS}      t: {{type:string, default: x}}",
        "line 4: a blank is missing after the colon: write 'type: string'",
    ),
    (f"{D}    variants:[a, b]", "line 3: a blank is missing after the colon: write 'variants: [a, b]'"),
    ("version:1\ndeployments:\n", "line 1: a blank is missing after the colon: write 'version: 1'"),
    (
        f"{D}    description: It sorts\n      tickets\n      and: more",
        "line 5: there is a second ': ' here; put a text with a colon in quotes",
    ),
    ("deployments:\n\td: {}", "line 2: a tab is no indentation in YAML; use spaces"),
    ("deployments: {d: {}", "line 1: what begins here with [, { or a quote is not closed"),
    ("a: b: c", "line 1: there is a second ': ' here; put a text with a colon in quotes"),
    ("a: &x [1]\nb: *x", "line 2: '*' begins an alias; quote the text"),
    ("a: &co partners", "line 1: '&' begins an anchor; put the text in quotes"),
    ("a: ! now", "line 1: '!' begins a tag; put the text in quotes"),
    (f'{D}    description: "It sorts', "line 3: the quote that begins here is not closed; close it, or write"),
    (
        f"{D}    description: {{name}}, hi",
        "line 3: this does not belong to what stands before it; put the whole text in",
    ),
    (f"{D}    description: *late*", "line 3: a text that begins with this sign is put in quotes"),
    (f"{D}    description: > 5", "line 3: a text stands in the lines below | or >; put one that begins with the sign"),
    (
        f"{D}    description: - dash",
        "line 3: '-' begins a list, in lines of its own; put a text that begins so in quotes",
    ),
    ("deployments: {: 1}", "line 1: there is no name before the colon"),
    ("deployments:\n   d:\n  e:\n", "line 3: this line is indented otherwise than those above it"),
    ("a: 1\n---\nb: 1", "line 2: '---' begins a second document; keep one"),
    ("version: 1\nx: \x07", "line 2: the character U+0007 is not allowed"),
    (f"deployments: {'[' * 5000}", "something is nested too deep to be read"),
    (f"#{'é' * (MAX_BYTES // 2)}", "has more than 1,000,000 bytes"),
]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=[told[:60] for _, told in WRONG])
def test_a_problem_is_told_with_its_line_and_the_nearest_right_word(text: str, told: str) -> None:
    """Whatever is wrong is one sentence that begins with the file and the line; nothing of the library's is shown."""
    with pytest.raises(fh.InputError) as caught:
        read_catalog(text)
    assert told in str(caught.value)
    assert str(caught.value).startswith("fetchhive.yaml")
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None


def test_all_problems_are_told_at_once_in_the_order_of_their_lines() -> None:
    """One error has every problem of every deployment, also of what is right elsewhere."""
    text = "version: 3\ndeployments:\n  a:\n    variant: x\n    inputs: {t: txt, n: {minimum: x}}\n  b: 3\n  a:\nother: 1\n"
    with pytest.raises(fh.InputError) as caught:
        read_catalog(text, where="fetchhive.yml")
    lines = [int(p.partition("line ")[2].partition(":")[0]) for p in map(str, caught.value.problems)]
    assert lines == [1, 4, 5, 5, 6, 7, 8]
    assert all(str(p).startswith("fetchhive.yml, line ") for p in caught.value.problems)


def test_a_flood_of_problems_is_cut_and_said_to_be() -> None:
    """A thousand wrong lines are not a message of a thousand sentences."""
    with pytest.raises(fh.InputError) as caught:
        read_catalog("\n".join(f"key{i}: 1" for i in range(1_000)))
    assert len(caught.value.problems) == 101
    assert str(caught.value.problems[-1]) == "fetchhive.yaml: and 900 more"


FITTING = [
    "{type: integer, default: 3, minimum: 1}",
    "{type: number, default: 3}",
    "{type: integer, default: 3.0}",
    "{type: [string, 'null'], default: null}",
    "{enum: [calm, 3, null], default: null}",
    "{type: string, format: date, default: 2026-01-31}",
    "{type: string, format: uuid4}",
    "{type: integer, format: int32}",
    "{type: array, items: {type: string}, default: [a], examples: [[], [b]]}",
    "{type: [integer, string], minimum: 3, maxLength: 4, default: abc}",
    "{minimum: 3, minLength: 2}",
    "{type: object, properties: {a: {type: string}}, required: [a], default: {a: b}}",
    "{type: string, enum: [a, b], maxLength: 1, default: b}",
]


@pytest.mark.parametrize("variable", FITTING)
def test_what_may_be_meant_is_no_slip(variable: str) -> None:
    """Values that fit, formats of other tools, and keywords of one of several types."""
    assert read_catalog(f"deployments: {{d: {{inputs: {{x: {variable}}}}}}}")["d"].variable_names == ["x"]


def test_a_whole_schema_and_what_is_saved_may_have_a_default_that_does_not_fit() -> None:
    """As everywhere, it is shown with its problem when it would be sent; saved, it is not in the strict short form."""
    deployment = fh.Deployment("d", inputs={"n": fh.integer(default="many")})
    text = dump_catalog([deployment])
    assert "type: object" in text
    assert read_catalog(text)["d"] == deployment
    assert deployment.problems({"n": "many"}) != []


def test_the_look_at_a_default_does_not_import_the_library_of_schemas() -> None:
    """A person who presses Tab waits for no second of imports; the usual kinds and bounds need a look only."""
    code = (
        "import sys; from fh_notebook.contract.catalog_read import read_catalog; read_catalog("
        "'deployments: {d: {inputs: {n: {type: integer, default: 3, minimum: 1}, t: {enum: [a, b], default: a}}}}')"
        "; assert 'jsonschema' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_open_takes_other_names_too_beside_variables_one_by_one() -> None:
    """What a snippet or earlier runs show is written so, and reads back equal."""
    guessed = fh.Deployment("d", inputs=infer({"topic": "AI", "words": 100}))
    text = dump_catalog([guessed])
    assert text.endswith(
        "    inputs:\n      topic: {type: string, required: false}\n      words: {type: integer, required: false}\n"
        "    open: true\n"
    )
    assert read_catalog(text)["d"] == guessed
    assert read_catalog("deployments: {d: {open: true}}")["d"] == fh.Deployment("d")
    closed = read_catalog("deployments: {d: {open: false, inputs: {t: text}}}")["d"]
    assert closed == fh.Deployment("d", inputs={"t": fh.text()})


def test_an_entry_of_the_file_that_is_not_used_is_told_below_the_table() -> None:
    """With its line, and who has the name; as text and as HTML."""
    first, second = fh.Deployment("d", variants=["a"]), fh.Deployment("d", variants=["b"])
    both = Deployments([(first, "local hive"), (second, "fetchhive.yaml:6")])
    for shown in (repr(both), both._repr_html_().replace("&#x27;", "'").replace("&#39;", "'")):
        assert "fetchhive.yaml:6 is not used here: the local hive has 'd'" in shown
    assert "not used" not in repr(Deployments([(first, "local hive")]))


def test_words_of_other_tools_in_a_schema_are_left_alone() -> None:
    """Only what is near to a keyword is a slip."""
    read = read_catalog(
        "deployments: {d: {inputs: {n: {type: integer, x-widget: slider, placeholder: how many, example: 3}}}}"
    )
    assert read["d"].inputs["properties"]["n"]["placeholder"] == "how many"


def test_a_missing_name_is_a_key_error_that_names_the_nearest() -> None:
    """`deployments["suport-triage"]` and `source_of` say what was meant; `in` and `get` work as of any mapping."""
    known = read_catalog(WHOLE)
    for look in (known.__getitem__, known.source_of):
        with pytest.raises(KeyError) as caught:
            look("suport-triage")
        assert isinstance(caught.value, fh.InputError)
        assert str(caught.value) == "there is no deployment 'suport-triage'; did you mean 'support-triage'?"
    assert "nothing" not in known
    assert known.get("nothing") is None
    with pytest.raises(KeyError, match="known: 'support-triage', 'Übersicht 😀' and 'open'"):
        known["nothing"]
    with pytest.raises(KeyError, match="known: none"):
        Deployments()["nothing"]


def test_the_table_shows_name_variants_variables_and_source_as_text_and_as_html() -> None:
    """What must be given is marked; hostile texts are shown, not obeyed."""
    evil = fh.Deployment(
        "<b>", description="<script>\n\x1b[31m" + "y" * 100, variants=["<i>"], inputs={"<u>": fh.text()}
    )
    known = Deployments([*((d, "fetchhive.yaml:4") for d in read_catalog(WHOLE).values()), (evil, "local hive")])
    text = repr(known)
    assert text.splitlines()[0].split("  ")[0] == "name"
    assert "ticket*, tone, tags, topic*" in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 250
    html = known._repr_html_()
    assert '<td title="Start variables">ticket*, tone, tags, topic*</td>' in html
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "<b>" not in html
    assert "local hive" in html
    assert "No deployments are known" in repr(Deployments())
    assert "No deployments are known" in Deployments()._repr_html_()


def test_a_long_table_is_cut_and_says_so() -> None:
    """A thousand deployments do not flood a cell; all of them can be looked up."""
    known = Deployments((fh.Deployment(f"d{i}"), "here") for i in range(1_000))
    assert repr(known).count("\n") == 201
    assert "800 more deployments are not shown" in repr(known)
    assert known["d999"].name == "d999"


def test_deployments_are_read_only_and_compare_as_mappings() -> None:
    """There is nothing to set; the first of two with one name counts; copies and pickles are equal."""
    known = read_catalog(WHOLE)
    assert not hasattr(known, "__setitem__")
    assert known == dict(known)
    assert copy.deepcopy(known) == known
    assert pickle.loads(pickle.dumps(known)) == known
    first, second = fh.Deployment("d", variants=["a"]), fh.Deployment("d", variants=["b"])
    both = Deployments([(first, "local hive"), (second, "fetchhive.yaml:2")])
    assert (len(both), both["d"], both.source_of("d")) == (1, first, "local hive")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("support-triage", "support-triage"),
        ("suport-triage", "support-triage"),
        ("Support_Triage", "support-triage"),
        ("support triage", "support-triage"),
        ("supporttriage", "support-triage"),
        ("triage-1", "triage-1"),
        ("triage-2", None),
        ("triage-12", None),
        ("triage", None),
        ("support-triage-v2", None),
        ("summary", None),
        ("x" * 10_000, None),
        ("", None),
    ],
)
def test_a_name_is_near_when_it_is_a_known_one_with_a_slip(name: str, near: str | None) -> None:
    """Case and joints do not count; digits that differ are another name, and a long text is no name."""
    assert near_name(name, ["triage-1", "support-triage", "y" * 5_000]) == near


@pytest.mark.parametrize(
    ("name", "known", "is_slip"),
    [
        # another word, or a word more or less: a name of its own
        ("invoice-de", "invoice-en", False),
        ("triage-b", "triage-a", False),
        ("triage-eu", "triage", False),
        ("triage", "triage-eu", False),
        ("triage_eu", "triage.us", False),
        ("email-reply-fr", "email-reply-de", False),
        ("summarise-dev", "summarise-prod", False),
        ("support-spam", "support-triage", False),
        ("support-reply-mails", "support-triage-mail", False),
        ("echos", "echo", False),
        ("suport", "support-triage", False),
        # digits only
        ("triage-2024", "triage-2025", False),
        ("triage2", "triage1", False),
        ("support-triage-v2", "support-triage-v1", False),
        ("trage-2", "triage-1", False),
        # one letter left out, added, changed, or two swapped
        ("suport-triage", "support-triage", True),
        ("support-triages", "support-triage", True),
        ("xsupport-triage", "support-triage", True),
        ("suppord-triage", "support-triage", True),
        ("support-traige", "support-triage", True),
        ("suppotr", "support", True),
        ("invioce-de", "invoice-de", True),
        ("suport-triage-2", "support-triage-2", True),
        # two of them, or both words: too far to be sure
        ("suprt-triage", "support-triage", False),
        ("suport-trage", "support-triage", False),
        ("tropqus-triage", "support-triage", False),
        # case and joints
        ("Support_Triage", "support-triage", True),
        ("SUPPORT TRIAGE", "support-triage", True),
        ("support.triage", "support-triage", True),
        ("supporttriage", "support-triage", True),
        ("support-triage", "SupportTriage", True),
        ("triage-a", "Triage_A", True),
        ("-", "support-triage", False),
    ],
)
def test_one_word_with_a_slip_is_told_from_another_word(name: str, known: str, is_slip: bool) -> None:
    """A correct name is never refused for being like another one."""
    assert near_name(name, ["spam", known]) == (known if is_slip else None)


def test_a_name_in_another_spelling_counts_before_one_with_a_slip() -> None:
    """Whatever the order of the catalogue."""
    assert near_name("Support_Triage", ["support-triages", "support-triage"]) == "support-triage"


def test_the_hint_of_a_lookup_guesses_more_freely_than_a_call_is_refused() -> None:
    """It refuses nothing that would not be refused anyway."""
    with pytest.raises(KeyError, match="did you mean 'support-triage'"):
        read_catalog(WHOLE)["suprt-trage"]


def test_what_was_meant_is_told_with_the_place_and_the_cure() -> None:
    """The sentence names the file or the local hive, the nearest name, and how to call it all the same."""
    known = read_catalog(WHOLE)
    assert str(meant("suport-triage", known)) == (
        "there is no deployment 'suport-triage' in fetchhive.yaml; did you mean 'support-triage'? (to call it all the "
        "same, add it to the catalogue, or give fh.Deployment('suport-triage'))"
    )
    own = Deployments([(fh.Deployment("mirror"), "local hive")])
    assert str(meant("miror", own)).startswith(
        "there is no deployment 'miror' in the local hive; did you mean 'mirror'? ("
    )
    assert meant("nothing", known) is None
