"""Grammar of a cell's body, and what of it is read as declared, as tables and properties."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.errors import InputError
from fh_notebook.local import LocalHive
from fh_notebook.notebook.cell.request import CellRequest, read_cell
from fh_notebook.notebook.cell.template import Template, as_json
from fh_notebook.session import session
from tests.notebook.magics.test_magic import Shell, shell  # noqa: F401 - a fixture

TEXT = fh.Deployment("triage", variants="v", inputs={"ticket": fh.text(), "max_words": fh.integer(default=120)})
OPEN = fh.Deployment("open", variants="v")
FULL = fh.Deployment(
    "full",
    variants="v",
    inputs={
        "ticket": fh.text(required=False),
        "max_words": fh.integer(required=False),
        "ratio": fh.number(required=False),
        "urgent": fh.boolean(required=False),
        "tags": fh.array(fh.text(), required=False),
        "sizes": fh.array(fh.integer(), required=False),
        "place": fh.group({"zip": fh.text(), "floor": fh.integer(required=False)}, required=False),
        "level": fh.choice(1, 2, required=False),
    },
)


def call_of(body: str, names: dict[str, Any] | None = None, deployment: fh.Deployment = OPEN) -> CellRequest:
    def evaluate(source: str) -> Any:
        return as_json(eval(source, dict(names or {})), source)

    return read_cell(body, name="x", find=lambda _: deployment, evaluate=evaluate)


def inputs_of(body: str, names: dict[str, Any] | None = None, deployment: fh.Deployment = OPEN) -> dict[str, Any]:
    return dict(call_of(body, names, deployment).inputs)


# --- what an expression gives -----------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)

PLACES = {
    "a: {{ v }}": lambda v: {"a": v},
    "a:   {{v}}   # a remark with {{ v }}": lambda v: {"a": v},
    "a: '{{ v }}'": lambda v: {"a": v},
    'a: "{{ v }}"': lambda v: {"a": v},
    "a:\n  {{ v }}": lambda v: {"a": v},
    "a: |\n  {{ v }}": lambda v: {"a": v},
    "a: >-\n  {{ v }}\n": lambda v: {"a": v},
    "a: [{{ v }}, 1, {{ v }}]": lambda v: {"a": [v, 1, v]},
    "a:\n- {{ v }}\n- k: {{ v }}": lambda v: {"a": [v, {"k": v}]},
    "a: {k: {{ v }}, l: [{{ v }}]}": lambda v: {"a": {"k": v, "l": [v]}},
    '{"a": {{ v }}, "b": "{{ v }}"}': lambda v: {"a": v, "b": v},
    '{"a": [{"k":{{ v }}}]}': lambda v: {"a": [{"k": v}]},
    "? a\n: {{ v }}": lambda v: {"a": v},
}


@given(JSON, st.sampled_from(sorted(PLACES)))
@example("{{ v }}", "a: {{ v }}")
@example("x: [y\n---\n'\"", 'a: "{{ v }}"')
def test_any_value_arrives_equal_wherever_the_expression_stands(value: Any, body: str) -> None:
    """In block and in flow, quoted or not, in YAML and in JSON; no value is parsed, whatever is in it."""
    assert inputs_of(body, {"v": value}) == PLACES[body](value)


@given(st.text())
@example("{{ t }}")
@example("ticket: [x")
@example(" \x00\x07 ")
def test_a_whole_body_of_one_expression_is_that_text(text: str) -> None:
    """Not one character is changed: this is the way for a text that a body could not be."""
    assert inputs_of("{{ t }}", {"t": text}, TEXT) == {"ticket": text}
    assert inputs_of("\n  {{ t }}\n\n", {"t": text}, TEXT) == {"ticket": text}


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_a_whole_body_of_one_expression_may_be_the_inputs(inputs: dict[str, Any]) -> None:
    """A mapping is the inputs, of whatever deployment."""
    assert inputs_of("{{ given }}", {"given": inputs}) == inputs
    assert inputs_of("{{ given }}", {"given": inputs}, TEXT) == inputs


@pytest.mark.parametrize("value", [[1], 3, None])
def test_a_whole_body_that_is_neither_inputs_nor_a_text_is_told(value: Any) -> None:
    """Before any call."""
    with pytest.raises(InputError, match="`name: value`"):
        inputs_of("{{ v }}", {"v": value})
    if value is not None:
        with pytest.raises(InputError, match="text"):
            call_of("{{ v }}", {"v": value}, TEXT).requests()


def test_columns_lists_dicts_and_numbers_keep_their_kinds() -> None:
    """A column is a list, a frame a list of objects; inside of a text each is written as JSON."""
    frame = pd.DataFrame({"tag": ["a", None], "n": [1, 2]})
    body = "tags: {{ df.tag }}\nrows: {{ df }}\nn: {{ df.n.max() }}\nd: {{ {'k': [1]} }}\nsaid: 'got {{ df.n }} and {{ t }}'"
    assert inputs_of(body, {"df": frame, "t": "text"}) == {
        "tags": ["a", None],
        "rows": [{"tag": "a", "n": 1}, {"tag": None, "n": 2}],
        "n": 2,
        "d": {"k": [1]},
        "said": "got [1, 2] and text",
    }


# --- what a text is ---------------------------------------------------------------------------------------------------


def _is_mapping(text: str) -> bool:
    try:
        return isinstance(yaml.load(text, yaml.BaseLoader), dict | None)
    except (yaml.YAMLError, ValueError):
        return False


prose = st.text().filter(lambda t: "{{" not in t and t.strip() and not _is_mapping(t) and "curl" not in t)


@given(prose)
@example("- one\n- two\n")
@example("'quoted'")
@example("No, thanks!")
@example("NULL")
@example("~")
@example("%s $5 ${x} {a} }} -- & * @ `")
@example("\t tab\r\n\x07 bell")
def test_any_text_that_is_no_mapping_is_the_text(text: str) -> None:
    """But for white space at its two ends, not one character is changed."""
    body = text.lstrip("{")  # what begins with a brace is JSON, or a broken one
    if not body.strip() or body.strip()[0] in "{#" or _is_mapping(body) or body.lstrip().startswith("ticket"):
        return
    got = inputs_of(body, {}, TEXT)
    assert got == {"ticket": body.strip()}


lines = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff"))


@given(st.lists(lines, min_size=1, max_size=5).filter(lambda rows: "{{" not in "\n".join(rows)))
@example(["  indented", "", "---", "a: [b", "# no remark", "...", "'", '"', "$x {y} %z"])
def test_any_text_survives_in_a_block_scalar(rows: list[str]) -> None:
    """Indentation, empty lines, quotes, dashes, colons and remarks are its own."""
    text = "\n".join(rows)
    body = "ticket: |2-\n" + "\n".join(f"  {row}" for row in rows)
    assert inputs_of(body, {}, TEXT) == {"ticket": text.rstrip("\n") if text.strip("\n") else ""}


@pytest.mark.parametrize(
    "text",
    ["{a}", "${a}", "$a", "%s", "a {nor} b", "{{#if x}}yes{{/if}}", "{{> part}}", "{{{ raw }}}", "{% for %}", "-- dashes", "}}", "{{"],
)  # fmt: skip
def test_all_other_braces_dollars_and_dashes_are_left_alone(text: str) -> None:
    """In each kind of scalar, and in a body that is the text."""
    assert inputs_of(f"a: |\n  {text}") == {"a": text}
    assert inputs_of(f"a: '{text}'\nb: [\"{text}\"]") == {"a": text, "b": [text]}
    assert inputs_of(f"Say {text} now", {}, TEXT) == {"ticket": f"Say {text} now"}
    assert call_of(f"a: |\n  {text}").warnings == ()


def test_braces_are_sent_by_an_expression_that_is_a_text() -> None:
    """Another template language's names are told with this cure."""
    assert inputs_of("a: {{ '{{ user.name }}' }}") == {"a": "{{ user.name }}"}
    with pytest.raises(InputError, match=r"\{\{ '\{\{ user \}\}' \}\}"):
        inputs_of("a: {{ user }}")


# --- what is read as declared -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        ('max_words: "12"', {"max_words": 12}),
        ("max_words: 12", {"max_words": 12}),
        ("max_words: 12.0", {"max_words": 12}),
        ("max_words: twelve", {"max_words": "twelve"}),
        ("max_words: |\n  12\n", {"max_words": 12}),
        ("ratio: '.5'", {"ratio": 0.5}),
        ("urgent: 'TRUE'", {"urgent": True}),
        ("urgent: yes", {"urgent": "yes"}),
        ("""tags: '["a","b"]'""", {"tags": ["a", "b"]}),
        ("tags: |\n  [\"a\",\n   \"b\"]", {"tags": ["a", "b"]}),
        ("tags: a, b", {"tags": "a, b"}),
        ("sizes: ['1', 2]", {"sizes": [1, 2]}),
        ("sizes: '[\"1\", 2]'", {"sizes": [1, 2]}),
        ("place: {zip: '01', floor: '2'}", {"place": {"zip": "01", "floor": 2}}),
        ("place: '{\"zip\": \"01\", \"floor\": \"2\"}'", {"place": {"zip": "01", "floor": 2}}),
        ("level: '2'", {"level": 2}),
        ("level: '3'", {"level": "3"}),
        ("ticket: '12'", {"ticket": "12"}),
        ("ticket: 12", {"ticket": 12}),
        ('{"max_words": "12"}', {"max_words": 12}),
        ("""tags: '["{{ t }}", "b"]'""", {"tags": ['x"]', "b"]}),
        ("max_words: {{ twelve }}", {"max_words": "12"}),
        ("sizes: {{ [twelve] }}", {"sizes": ["12"]}),
        ("sizes: ['1', {{ twelve }}]", {"sizes": [1, "12"]}),
        ("""curl https://api.fetchhive.com/v1/workflow/invoke -d '{"deployment": "full", "variant": "v", "inputs": {"max_words": "12"}}'""", {"max_words": 12}),
    ],
)  # fmt: skip
def test_text_of_a_body_is_read_as_declared_and_a_value_is_not(body: str, inputs: dict[str, Any]) -> None:
    """What a person types is text; what an expression gives says its kind itself."""
    names = {"twelve": "12", "t": 'x"]'}

    def evaluate(source: str) -> Any:
        return as_json(eval(source, names), source)

    name = None if body.startswith("curl") else "full"
    got = dict(read_cell(body, name=name, find=lambda _: FULL, evaluate=evaluate).inputs)
    assert got == inputs
    assert json.dumps(got) == json.dumps(inputs)


# --- what was meant otherwise -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "line", "name"),
    [
        ("ticket = Parcel is late", 1, "ticket"),
        ("ticket='x'\nmax_words=3", 1, "ticket"),
        ("# remark\n\nticket = a: b", 3, "ticket"),
        ("ticket: late\nmax_words = 12", 2, "max_words"),
        ("ticket: |\n  late\nmax_words = 12", 3, "max_words"),
    ],
)
def test_an_assignment_is_told_with_its_cure(body: str, line: int, name: str) -> None:
    """It is Python, and never the text of a ticket."""
    with pytest.raises(InputError) as caught:
        inputs_of(body, {}, TEXT)
    [problem] = caught.value.problems
    assert (problem.line, problem.keyword) == (line, "assignment")
    assert f"`{name}: value`" in problem.hint


@pytest.mark.parametrize(
    ("body", "line", "name"),
    [
        ("ticket:\u00a0late", 1, "ticket"),
        ("max_words: 3\nticket:\u3000late", 2, "ticket"),
        ("ticket: late\n\u00a0\u00a0max_words: 3", 2, "max_words"),
        ("ticket: late\n\u200bmax_words: 3", 2, "max_words"),
        ('{\n\u00a0\u00a0"ticket": "late"\n}', 2, "ticket"),
    ],
)
def test_a_blank_of_copied_text_is_told(body: str, line: int, name: str) -> None:
    """YAML takes it for a letter: of an open deployment, a variable that nobody has would be sent and paid for."""
    for deployment in (TEXT, FULL, OPEN):
        with pytest.raises(InputError) as caught:
            inputs_of(body, {}, deployment)
        assert re.search(rf"\b{line} of the \w+: .*\b{name}\b", str(caught.value))


def test_such_a_blank_within_a_text_is_its_own() -> None:
    """Only beside a name is it a slip."""
    text = "\u00a0Bonjour,\u00a0mon colis est en retard\u202f!"
    assert inputs_of(f"ticket: {text.strip()}") == {"ticket": text.strip()}
    assert inputs_of(f"ticket: |\n  {text}\n  n:\u00a05") == {"ticket": f"{text}\nn:\u00a05"}
    assert inputs_of("Note:\u00a0late", {}, TEXT) == {"ticket": "Note:\u00a0late"}
    odd = fh.Deployment("odd", variants="v", inputs={"\u00a0n": fh.text()})
    assert inputs_of("\u00a0n: x", {}, odd) == {"\u00a0n": "x"}


@pytest.mark.parametrize("word", ["NaN", "nan", "Infinity", "-Infinity", "-inf"])
@pytest.mark.parametrize("body", ['{"ticket": %s}', "{'ticket': %s, 'n': 1}", "a: {b: [%s]}"])
def test_a_number_that_json_has_not_is_told(word: str, body: str) -> None:
    """As a program writes a table's missing cell; it would be sent as the text "NaN"."""
    for deployment in (TEXT, FULL, OPEN) if body.startswith("{") else (OPEN,):  # else it may be the text of a ticket
        with pytest.raises(InputError, match=rf"\b1 of the \w+: {word} .*\bJSON\b"):
            inputs_of(body % word, {}, deployment)
    assert inputs_of(f'{{"ticket": "{word}"}}', {}, TEXT) == inputs_of(f"ticket: {word}", {}, TEXT) == {"ticket": word}


@pytest.mark.parametrize("text", ["x = 3 is what it says", "ticket == 3?", "The ticket = broken", "a\nticket = 3"])
def test_an_equals_sign_in_a_text_is_its_own(text: str) -> None:
    """Only a variable's name at the beginning of the body, or of a body that cannot be read, is an assignment."""
    assert inputs_of(text, {}, TEXT) == {"ticket": text}


@pytest.mark.parametrize(
    ("body", "warnings"),
    [
        (
            "ticket: '{{ row.ticket }'",
            ["1: {{ row.ticket }'"],
        ),
        ("Dear\n{{ name, hello", ["2: {{ name, hello"]),
        ("a: '{{ my name }}'", ["1: {{ my name }}"]),
        ("a: '{{ x = 1 }}'", ["1: {{ x = 1 }}"]),
        ("a: {{ len(\n  'b') }}", []),
        (
            "a: '{{ 1 }} {{ my name }}'",
            ["1: {{ my name }}"],
        ),
        ("a: '{{else}} {{#each x}} {{ }} {{\"k\": 1}}'", []),
        ("a: '{{ 5 + }}'", ["1: {{ 5 + }}"]),
        ("a: '{{1 +'", ["1: {{1 +'"]),
        ("a: '{{ not row. }}'", ["1: {{ not row. }}"]),
    ],
)
def test_what_was_perhaps_an_expression_is_said_and_sent(body: str, warnings: list[str]) -> None:
    """A prompt may hold templates of another language: nothing is refused."""
    said = call_of(body, {}, TEXT if body.startswith(("t", "D")) else OPEN).warnings
    assert len(said) == len(warnings)
    for line, expected in zip(said, warnings, strict=True):
        number, _, braces = expected.partition(": ")
        assert re.search(rf"\b{number} of the \w+: {re.escape(braces)} ", line)


def test_a_body_full_of_doubtful_braces_is_said_shortly() -> None:
    """Three sentences at most, each of a readable length."""
    told = Template(("{{ a b" + "c" * 500 + "\n") * 50).doubtful()
    assert len(told) == 3
    assert all(len(sentence) < 150 for sentence in told)


# --- before any call --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("%%fetchhive declared -v plain\ntxet: hi", r"\btxet:.*'text'"),
        (
            "%%fetchhive declared -v plain\ntext: hi\nTimes: 2",
            r"\bTimes:.*'times'",
        ),
        ("%%fetchhive declared -v plain\ntext = hi", "write `text: value`"),
        ("%%fetchhive declared -v plain\ntext: hi\ntimes: two", r"\btimes:.*'two'"),
        ("%%fetchhive declared -v plain --over rows\ntxet: '{{ row.t }}'", r"txet: .* 'text'\?"),
        ("%%fetchhive declared -v plain --over rows\ntext: '{{ row.tt }}'", r"'tt'; .* 't'\?"),
    ],
)
def test_unknown_variables_are_named_before_any_call(shell: Shell, cell: str, told: str) -> None:  # noqa: F811
    """With the nearest name, in a cell and over rows; the hive hears nothing."""
    local = _declared()
    shell.run("rows = [{'t': 'a'}]")
    before = len(local.calls)
    result, said = shell.run(cell)
    assert result.error_in_exec is not None
    assert re.search(told, said)
    assert len(local.calls) == before


def _declared() -> LocalHive:
    """The session's own hive, whose workflows are known."""
    local = session.local_hive()

    @local.workflow("declared", variant="plain")
    def plain(text: str, times: int = 1, token: Annotated[str, fh.text(secret=True)] = "") -> str:
        return text * times

    return local


CSV = "t,n,want\nhi,2,hihi\nho,3,x\n"


def test_over_a_csv_its_text_is_read_as_declared(shell: Shell, tmp_path: Path) -> None:  # noqa: F811
    """``{{ row.n }}`` of a CSV is a number for a number's variable; the same text of a list of dicts is not."""
    local = _declared()
    (tmp_path / "rows.csv").write_text(CSV)
    shell.shell.user_ns["rows"] = str(tmp_path / "rows.csv")
    cell = "%%fetchhive declared -v plain --over rows --out out\ntext: {{ row.t }}\ntimes: {{ row.n }}"
    result, said = shell.run(cell)
    assert result.error_in_exec is None, said
    assert list(shell.shell.user_ns["out"]["output"]) == ["hihi", "hohoho"]
    before = len(local.calls)
    shell.shell.user_ns["rows"] = [{"t": "hi", "n": "2"}]
    _, said = shell.run(cell)
    assert re.search(r"\b0\b.*'2'.*\b2\b", said)
    shell.shell.user_ns["rows"] = str(tmp_path / "rows.csv")
    shell.shell.user_ns["two"] = "2"
    _, said = shell.run(cell.replace("row.n", "two"))
    assert re.search("times: .*'2'", said)
    assert len(local.calls) == before
    _, said = shell.run(cell.replace("{{ row.n }}", "'4'"))
    assert list(shell.shell.user_ns["out"]["output"]) == ["hi" * 4, "ho" * 4]


def test_a_dry_run_over_rows_shows_the_first_request(shell: Shell) -> None:  # noqa: F811
    """The plan, then exactly what would be sent first: the key and a secret input masked, a long text cut."""
    local = _declared()
    before = len(local.calls)
    shell.shell.user_ns["rows"] = [{"t": "x" * 12_345, "n": 2}, {"t": "b", "n": 3}]
    body = "text: {{ row.t }}\ntimes: {{ row.n }}\ntoken: s3cret\n"
    result, said = shell.run(f"%%fetchhive declared -v plain --over rows --dry-run --metadata who=me\n{body}")
    assert result.error_in_exec is None, said
    assert re.match(r"Dry run: declared: 2 rows x 1 variant = 2 jobs; 2 calls; .*\n\n.* 0:\nPOST ", said)
    assert "Authorization: Bearer ***" in said
    assert '"times": 2' in said
    assert f'"{"x" * 500}… (12,345 characters)"' in said
    assert '"token": "***"' in said
    assert "s3cret" not in said
    assert '"who": "me"' in said
    assert len(local.calls) == before


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("text: {{ row.Ticket Text }}", r"line 1: \{\{ row\.Ticket Text \}\} is not an expression; write \{\{ row\['Ticket Text'\] \}\} \("),
        ("text: '{{ row.q. }}'", r"line 1: \{\{ row\.q\. \}\} is not an expression; write \{\{ row\.q \}\} \("),
        ("text: {{ row['q }}", r"line 1: \{\{ row\['q \}\} is not an expression; write \{\{ row\.q \}\} \("),
        ("\ntext: '{{ row.q }'", r"line 2: \{\{ row\.q \}' is not closed by \}\}; write \{\{ row\.q \}\} \("),
        ("text: '{{ row.zebra crossing }}'", r"\b1\b.*\{\{ row\.zebra crossing \}\}"),
        ("text: {{ 5 + }}", r"\b1\b.*\{\{ 5 \+ \}\}.*\{\{ '\{\{ x \}\}' \}\}"),
        ("text: '{{ my tone }}'", r"line 1: \{\{ my tone \}\} is not an expression \("),
        ("text: '{{ row.q } and {{ row.q }}'", r"line 1: \{\{ row\.q \} and \{\{ row\.q \}\} is not an expression; write"),
    ],
)  # fmt: skip
def test_over_refuses_what_was_perhaps_an_expression(shell: Shell, body: str, told: str) -> None:  # noqa: F811
    """Every row would be paid for with the slip in it: one line before any call, with the column that was meant."""
    local = _declared()
    before = len(local.calls)
    shell.shell.user_ns["rows"] = [{"q": "a", "Ticket Text": "b"}]
    result, said = shell.run(f"%%fetchhive declared -v plain --over rows\n{body}")
    assert isinstance(result.error_in_exec, InputError)
    assert re.search(told, said)
    assert len(local.calls) == before


def test_over_leaves_the_templates_of_other_languages_alone(shell: Shell) -> None:  # noqa: F811
    """And braces that an expression gives."""
    _declared()
    shell.shell.user_ns["rows"] = [{"q": "a"}]
    body = "text: \"{{#if x}}{{else}}{{/if}} {{> part}} {{{ raw }}} {{ '{{ x }}' }} {{ row.q }}\""
    shell.run(f"%%fetchhive declared -v plain --over rows --out out\n{body}")
    assert list(shell.shell.user_ns["out"]["output"]) == ["{{#if x}}{{else}}{{/if}} {{> part}} {{{ raw }}} {{ x }} a"]
