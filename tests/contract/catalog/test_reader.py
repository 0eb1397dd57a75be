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
from fh_notebook.contract.catalog.deployments import Deployments, misspelling_error, near_name
from fh_notebook.contract.catalog.reader import MAX_BYTES, read_catalog
from fh_notebook.contract.schema.build import infer
from tests.contract.catalog.catalogues import dump_catalog
from tests.problems import rules
from tests.told import facts, tells

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
    ("- a\n- b", "1 inputs: type", ""),
    ("just words", "1 inputs: type", ""),
    ("version: 2", "1 version: const", ""),
    ("version:", "1 version: const", ""),
    ("version: true", "1 version: const", ""),
    ("\ndeploments: {}", "2 inputs: additionalProperties", "deployments"),
    ("workflows: {}", "1 inputs: additionalProperties", "deployments"),
    ("zzz: 1", "1 inputs: additionalProperties", ""),
    ("deployments:\n  - d\n", "2 deployments: type", ""),
    ("deployments: d", "1 deployments: type", ""),
    ("deployments:\n  d: text", "2 d: type", ""),
    ("deployments:\n  ' ': {}", "2 minLength", ""),
    ("deployments:\n  : {}", "2 syntax", ""),
    ("deployments:\n  [a]: {}", "2 propertyNames", ""),
    ("deployments:\n  d:\n  e:\n  d:\n", "4 uniqueItems", ""),
    ("deployments:\n  d:\n  ' d ':\n", "3 uniqueItems", ""),
    ("version: 1\nversion: 1", "2 uniqueItems", ""),
    (f"{D}    descripton: x", "3 d: additionalProperties", "description"),
    (f"{D}    variables: {{}}", "3 d: additionalProperties", "inputs"),
    (f"{D}    description: 12", "3 d.description: type", ""),
    (f"{D}    description: [a]", "3 d.description: type", ""),
    (f"{D}    variants: [a, 2]", "3 d.variants: type", ""),
    (f"{D}    variants: [a, a]", "3 d.variants: uniqueItems", ""),
    (f"{D}    variants:\n      - a\n      -\n", "5 d.variants: type", ""),
    (f"{D}    variants: ['']", "3 d.variants: minLength", ""),
    (f"{D}    variants: {{a: 3}}", "3 d.variants: type", ""),
    (f"{D}    inputs: [ticket]", "3 d.inputs: type", ""),
    (f"{D}    inputs: text", "3 d.inputs: type", ""),
    (f"{INPUTS}      a: txet", "4 d.inputs.a: enum", "text"),
    (f"{INPUTS}      a: string", "4 d.inputs.a: enum", "text"),
    (f"{INPUTS}      a: zzzz", "4 d.inputs.a: enum", ""),
    (f"{INPUTS}      a: 3", "4 d.inputs.a: enum", ""),
    (f"{INPUTS}      a:", "4 d.inputs.a: required", ""),
    (f"{INPUTS}      a: [x, y]", "4 d.inputs.a: type", ""),
    (f"{INPUTS}      a: {{type: text}}", "4 d.inputs.a: enum", "string"),
    (f"{INPUTS}      a: {{type: [int]}}", "4 d.inputs.a: enum", "integer"),
    (f"{INPUTS}      a: {{type: zzz}}", "4 d.inputs.a: enum", ""),
    (f"{INPUTS}      a: {{required: no}}", "4 d.inputs.a: type", ""),
    (f"{INPUTS}      a: {{minlength: 3}}", "4 d.inputs.a: additionalProperties", "minLength"),
    (f"{INPUTS}      a: {{descripton: x}}", "4 d.inputs.a: additionalProperties", "description"),
    (f"{INPUTS}      a: {{max: 3}}", "4 d.inputs.a: additionalProperties", "maximum"),
    (f"{INPUTS}      a: {{optional: true}}", "4 d.inputs.a: additionalProperties", "required: false"),
    (f"{INPUTS}      a:\n        items: {{typ: string}}", "5 d.inputs.a.items: additionalProperties", "type"),
    (f"{INPUTS}      a:\n        anyOf:\n          - {{typ: string}}", "6 d.inputs.a.anyOf: additionalProperties", ""),
    (f"{INPUTS}      a:\n        properties:\n          b: {{enums: [1]}}", "6 d.inputs.a.b: additionalProperties", ""),
    (f"{INPUTS}      a:\n        type: string\n        minLength: x", "6 d.inputs.a.minLength: type", ""),
    (f"{INPUTS}      a:\n        enum: x", "5 d.inputs.a.enum: type", ""),
    (f"{INPUTS}      a: {{$ref: '#/x'}}", "4 d.inputs.$ref: $ref", ""),
    (f"{INPUTS}      properties: {{a: {{}}}}", "4 d.inputs: required", ""),
    (
        f"{INPUTS}      type: object\n      properties:\n        a: {{type: whole}}",
        "6 d.inputs.properties.a.type: enum",
        "",
    ),
    (f"{INPUTS}      $schema: x\n      type: array", "2 d.inputs: type", ""),
    (f"{INPUTS}      a: {{default: 1e999}}", "4 type", ""),
    (f"{INPUTS}      a: {{default: {'9' * 5000}}}", "4 type", ""),
    (f"{INPUTS}      a: {{default: !!binary aGk=}}", "4 tag", ""),
    (f"{INPUTS}      a: !mine {{}}", "4 tag", ""),
    (f"{INPUTS}      a: {{default: !!python/name:os.system }}", "4 tag", ""),
    (f"{INPUTS}      t: text\n    open: yes", "5 d.open: type", ""),
    (f"{INPUTS}      type: object\n    open: true", "5 d.open: dependentRequired", ""),
    (f"{D}    open: false", "3 d.open: dependentRequired", ""),
    ("deployments:\n  triage\n    variants: [a]\n", "2 syntax", ""),
    ("deployments:\n  triage  # sorts\n    variants: [a]\n", "2 syntax", ""),
    ("deployments:\n  triage\n    description: it: sorts\n", "2 syntax", ""),
    (f"{D}    variants: [x]\n  triage\n  y:\n", "4 syntax", ""),
    (f"{INPUTS}      x: text\n      ticket\n", "5 syntax", ""),
    (f"{INPUTS}      ticket:{{type: string}}", "4 syntax", ""),
    (f"{INPUTS}      ticket:text\n      tone: text", "4 syntax", "ticket: text"),
    (f"{INPUTS}      ticket:text", "4 d.inputs: syntax", "ticket: text"),
    (f"{INPUTS}      t: {{type:string, default: x}}", "4 syntax", "type: string"),
    (f"{D}    variants:[a, b]", "3 d: syntax", "variants: [a, b]"),
    ("version:1\ndeployments:\n", "1 syntax", "version: 1"),
    (f"{D}    description: It sorts\n      tickets\n      and: more", "5 syntax", ""),
    ("deployments:\n\td: {}", "2 syntax", ""),
    ("deployments: {d: {}", "1 syntax", ""),
    ("a: b: c", "1 syntax", ""),
    ("a: &x [1]\nb: *x", "2 syntax", ""),
    ("a: &co partners", "1 syntax", ""),
    ("a: ! now", "1 syntax", ""),
    (f'{D}    description: "It sorts', "3 syntax", ""),
    (f"{D}    description: {{name}}, hi", "3 syntax", ""),
    (f"{D}    description: *late*", "3 syntax", ""),
    (f"{D}    description: > 5", "3 syntax", ""),
    (f"{D}    description: - dash", "3 syntax", ""),
    ("deployments: {: 1}", "1 syntax", ""),
    ("deployments:\n   d:\n  e:\n", "3 syntax", ""),
    ("a: 1\n---\nb: 1", "2 syntax", ""),
    ("version: 1\nx: \x07", "2 syntax", ""),
    (f"deployments: {'[' * 5000}", "1 syntax", ""),
    (f"#{'é' * (MAX_BYTES // 2)}", "maxLength", ""),
]


@pytest.mark.parametrize(
    ("text", "told", "misspelling_error"), WRONG, ids=[f"{number} {told}" for number, (_, told, _) in enumerate(WRONG)]
)
def test_a_problem_has_its_line_its_path_and_the_rule_that_it_breaks(
    text: str, told: str, misspelling_error: str
) -> None:
    """Whatever is wrong is one sentence that begins with the file and the line; nothing of the library's is shown."""
    with pytest.raises(fh.InputError) as caught:
        read_catalog(text)
    found = caught.value.problems
    assert (
        "; ".join(f"{p.line} {rule}" if p.line else rule for p, rule in zip(found, rules(found), strict=True)) == told
    )
    assert misspelling_error in f"{found[0].message}; {found[0].hint}"
    assert all(p.line is None or p.place.startswith(f"fetchhive.yaml, line {p.line}") for p in found)
    assert str(caught.value).startswith(("fetchhive.yaml", f"{len(found)} problems: fetchhive.yaml"))
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None


def test_all_problems_are_told_at_once_in_the_order_of_their_lines() -> None:
    """One error has every problem of every deployment, also of what is right elsewhere."""
    text = "version: 3\ndeployments:\n  a:\n    variant: x\n    inputs: {t: txt, n: {minimum: x}}\n  b: 3\n  a:\nother: 1\n"
    with pytest.raises(fh.InputError) as caught:
        read_catalog(text, where="fetchhive.yml")
    assert [p.line for p in caught.value.problems] == [1, 4, 5, 5, 6, 7, 8]
    assert all(str(p).startswith("fetchhive.yml, line ") for p in caught.value.problems)


def test_a_flood_of_problems_is_cut_and_said_to_be() -> None:
    """A thousand wrong lines are not a message of a thousand sentences."""
    with pytest.raises(fh.InputError) as caught:
        read_catalog("\n".join(f"key{i}: 1" for i in range(1_000)))
    assert len(caught.value.problems) == 101
    assert tells(str(caught.value.problems[-1]), "fetchhive.yaml", "900")


OF_SCHEMAS = [
    "{type: integer, default: 3.0}",
    "{type: integer, default: many}",
    "{enum: [calm, 3, null], default: clam}",
    "{type: string, format: textaera, minimum: 3}",
    "{type: [integer, string], minimum: 3, maxLength: 4, default: abc}",
    "{type: object, properties: {a: {type: string}}, required: [a], default: {a: 3}}",
]


@pytest.mark.parametrize("variable", OF_SCHEMAS)
def test_what_json_schema_takes_is_taken(variable: str) -> None:
    """A catalogue is validated and not judged: a default that does not fit is shown where it would be sent."""
    assert read_catalog(f"deployments: {{d: {{inputs: {{x: {variable}}}}}}}")["d"].variable_names == ["x"]


def test_a_default_that_does_not_fit_is_saved_and_told_when_it_would_be_sent() -> None:
    """In the short form as elsewhere; it reads back equal."""
    deployment = fh.Deployment("d", inputs={"n": fh.integer(default="many")})
    text = dump_catalog([deployment])
    assert "type: object" not in text
    assert read_catalog(text)["d"] == deployment
    assert deployment.problems({"n": "many"}) != []


def test_a_catalogue_is_read_without_the_library_of_schemas() -> None:
    """A person who presses Tab waits for no second of imports."""
    code = (
        "import sys; from fh_notebook.contract.catalog.reader import read_catalog; read_catalog("
        "'deployments: {d: {inputs: {n: {type: integer, default: 3, minimum: 1}, t: {enum: [a, b], default: a}}}}')"
        "; assert not {'jsonschema', 'pandas'} & {*sys.modules}"
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
        assert tells(shown, "local hive", "fetchhive.yaml", "6", "'d'")
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
        assert tells(str(caught.value), "'suport-triage'", "'support-triage'")
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
    assert tells(repr(Deployments()), "fetchhive.yaml", "Deployment.save()")
    assert tells(Deployments()._repr_html_(), "Deployment.save()")


def test_a_long_table_is_cut_and_says_so() -> None:
    """A thousand deployments do not flood a cell; all of them can be looked up."""
    known = Deployments((fh.Deployment(f"d{i}"), "here") for i in range(1_000))
    assert repr(known).count("\n") == 201
    assert tells(repr(known), "800")
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
    with pytest.raises(KeyError, match=facts("'support-triage'")):
        read_catalog(WHOLE)["suprt-trage"]


def test_what_was_meant_is_told_with_the_place_and_the_cure() -> None:
    """The sentence names the file or the local hive, the nearest name, and how to call it anyway."""
    known = read_catalog(WHOLE)
    assert tells(
        str(misspelling_error("suport-triage", known)),
        "'suport-triage'",
        "fetchhive.yaml",
        "'support-triage'",
        "fh.Deployment('suport-triage')",
    )
    own = Deployments([(fh.Deployment("mirror"), "local hive")])
    assert tells(str(misspelling_error("miror", own)), "local hive", "'miror'", "'mirror'")
    assert misspelling_error("nothing", known) is None
