"""A submit written out as a cell, as Python and as curl: each sends just what was sent, and none has a secret."""

from __future__ import annotations

import ast
import getpass
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.snippet.parser import parse_snippet
from fh_notebook.errors import InputError
from fh_notebook.local import LocalHive
from fh_notebook.notebook.cell.options import read_line
from fh_notebook.notebook.cell.request import CellRequest, read_cell
from fh_notebook.notebook.forms.code_export import (
    SecretPlaceholder,
    as_cell,
    as_cell_over,
    as_command,
    as_python,
    as_python_over,
    with_placeholders,
)
from fh_notebook.notebook.forms.model.row_mapping import RowMapping
from tests.notebook.magics.test_magic import Shell, shell  # noqa: F401 - the fixture

PASSWORD = "correct-horse-battery"
BASE = "https://api.fetchhive.com/v1"
OPEN = fh.Deployment("open-to-all")
SECRET = {"type": "string", "format": "password"}

TEXTS = st.text(max_size=30) | st.sampled_from(
    [
        "no", "null", "~", "12", "1e3", "0x1f", "2024-01-31", "true", "a: b", "- a", "# a", "a # b", "'a'", '"a"', "{{ x }}",
        "{{ x", "{{{ a }}}", "{% if %}", "$HOME {name}", "line\nline", "line\n", "\nline", "  indented\n line\n", "a\n\n\nb",
        "tab\there", "a\r\nb", "\\", "\\n", "it's", "|", ">", "&a *a !b", "%fetchhive", "?help", "!ls", "x = 1", "\x00", "\u2028",
        "\u202e", "\ufeff", "漢字", "👍🏽", "a" * 3_000, "{}", "[]", "```", "{{ '{{ x }}' }}", "{{ f('}}') }}", " a ", "", "k: |\n  v",
        "trailing  \nblanks ", "%%cell", "\\u0041", "é\u0301",
    ]
)  # fmt: skip
VALUES = st.recursive(
    TEXTS
    | st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
INPUTS = st.dictionaries(TEXTS.filter(lambda name: name != ""), VALUES, max_size=4)


def _exactly(one: Any, two: Any) -> bool:
    return json.dumps(one) == json.dumps(two)


def _read(cell: str, deployment: fh.Deployment, names: Mapping[str, Any] | None = None) -> CellRequest:
    """What a cell asks for, by the magic's own readers."""
    line, _, body = cell.partition("\n")
    options = read_line(line.removeprefix("%%fetchhive "))

    def evaluate(source: str) -> Any:
        return (names or {})[source] if (names and source in names) else ast.literal_eval(source)

    return read_cell(body, name=options.name, variants=options.variants, find=lambda _: deployment, evaluate=evaluate)


def _run_python(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "<copied>", "exec"), names)
    return names


@given(INPUTS)
@example({"a": "x\x00fh"})
@example({})
@example({"{{ a }}": 1, "b": "{{ a }}"})
def test_any_inputs_come_back_from_a_cell_exactly(inputs: dict[str, Any]) -> None:
    """Kinds, order and every sign; whether the deployment is known where the cell is run or not."""
    cell = as_cell(OPEN, ["one", "two"], inputs)
    call = _read(cell, fh.Deployment("unknown"))
    assert _exactly(call.inputs, inputs)
    assert (call.variants, call.warnings) == (("one", "two"), ())


@given(INPUTS)
def test_any_inputs_come_back_from_curl_by_our_own_parser(inputs: dict[str, Any]) -> None:
    """One command a variant."""
    commands = as_command("curl", OPEN, ["one", "it's"], inputs, base_url=BASE)
    first, second = commands.split("\n\ncurl ", 1) if "\n\ncurl " in commands else ("", "")
    for command, variant in ((first, "one"), (f"curl {second}", "it's")):
        snippet = parse_snippet(command)
        assert _exactly(snippet.request.inputs, inputs)
        assert (snippet.request.deployment, snippet.request.variant, snippet.key) == ("open-to-all", variant, None)
        assert snippet.url == f"{BASE}/workflow/invoke"


@given(INPUTS)
def test_any_inputs_come_back_from_python(inputs: dict[str, Any]) -> None:
    """As literals that Python itself reads."""
    tree = ast.parse(as_python(OPEN, ["one"], inputs))
    given_ = next(node for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "inputs")  # type: ignore[attr-defined]
    assert _exactly(ast.literal_eval(given_.value), inputs)


def test_what_a_person_would_write_is_written_so() -> None:
    """Plain words without quotes, lines below a bar, texts that look like something else in quotes."""
    inputs = {
        "ticket": "The parcel is late.\n\nAnd the page is empty.\n",
        "tone": "calm",
        "code": "0123",
        "tags": ["a", "b"],
        "max_words": 120,
        "urgent": True,
    }
    assert as_cell(fh.Deployment("support-triage"), ["keywords", "two words"], inputs, repeats=3, out="runs") == (
        "%%fetchhive support-triage -v keywords -v 'two words' --repeats 3 --out runs\n"
        "ticket: |\n  The parcel is late.\n\n  And the page is empty.\n"
        'tone: calm\ncode: "0123"\ntags: ["a", "b"]\nmax_words: 120\nurgent: true'
    )


@pytest.mark.parametrize("name", ["-x", "$x", "{x}", "a\nb", "a\x00"])
def test_a_name_that_no_line_can_say_is_told(name: str) -> None:
    """With another way."""
    for deployment, variants in ((fh.Deployment(name), ["a"]), (OPEN, [name])):
        with pytest.raises(InputError, match="Python"):
            as_cell(deployment, variants, {})


def test_what_a_cell_would_refuse_is_told() -> None:
    """A name that is nearly a known one stops a cell, though the form sent it."""
    guessed = fh.Deployment("brief", inputs={"type": "object", "properties": {"topic": {"type": "string"}}})
    with pytest.raises(InputError, match="brief: .*Python"):
        as_cell(guessed, ["a"], {"topc": "AI"})
    assert "'topc': 'AI'" in as_python(guessed, ["a"], {"topc": "AI"})


def test_the_defaults_that_code_sends_and_a_form_does_not_are_named() -> None:
    """In a comment, with their values, also within a group; of a secret its name alone, and nothing of curl."""
    order = fh.Deployment(
        "order",
        inputs={
            "text": fh.text(),
            "words": fh.integer(default=120),
            "to": fh.group({"city": fh.text(), "country": fh.text(default="DE")}),
            "pin": fh.text(secret=True, default="s3cret"),
        },
    )
    inputs = {"text": "Late.", "to": {"city": "Leipzig"}}
    cell, python = as_cell(order, ["v"], inputs), as_python(order, ["v"], inputs)
    said = [line for line in cell.splitlines() if line.startswith("# ")]
    assert cell.splitlines()[1 : len(said) + 1] == python.splitlines()[: len(said)] == said
    comment = " ".join(line.removeprefix("# ") for line in said)
    assert re.match(r'[^"\d]* to\.country \("DE"\), words \(120\), pin\. ', comment)
    assert _exactly(_read(cell, order).inputs, inputs)
    assert "default" not in as_command("curl", order, ["v"], inputs, base_url=BASE)
    assert "default" not in as_cell(order, ["v"], {**order.complete(inputs), "pin": "1"})


# --- a real shell, a real hive


@pytest.fixture
def seen() -> list[tuple[str, dict[str, Any]]]:
    """What the service was asked: variant and inputs."""
    return []


@pytest.fixture
def hive(seen: list[tuple[str, dict[str, Any]]]) -> Iterator[LocalHive]:
    """A hive on a socket that notes what it is asked."""
    hive = LocalHive()

    @hive.workflow("echo", variant="a")
    def echo_a(**inputs: Any) -> str:
        seen.append(("a", inputs))
        return "ok"

    @hive.workflow("echo", variant="b")
    def echo_b(**inputs: Any) -> str:
        seen.append(("b", inputs))
        return "ok"

    with hive.serve() as server:
        fh.configure(base_url=server.url)
        yield hive


AWKWARD = {
    "ticket": 'Line one: it\'s "late"\n  two {{ not }} {name} $HOME\n',
    "number": "007",
    "float": 1.0,
    "none": None,
    "nested": {"a b": [True, {"c": "{{ x }}"}], "": "\u2028\t"},
}


def test_a_copied_cell_sends_just_those_inputs_from_a_real_shell(
    shell: Shell,  # noqa: F811
    hive: LocalHive,
    seen: list[tuple[str, dict[str, Any]]],
) -> None:
    """Each variant, each time."""
    _, said = shell.run(as_cell(fh.Deployment("echo"), ["a", "b"], AWKWARD, repeats=2))
    assert sorted(variant for variant, _ in seen) == ["a", "a", "b", "b"], said
    assert all(_exactly(inputs, AWKWARD) for _, inputs in seen)


@pytest.mark.parametrize(("variants", "repeats"), [(["a"], 1), (["a", "b"], 1), (["a"], 2), (["a", "b"], 2)])
def test_copied_python_sends_just_those_inputs(
    hive: LocalHive, seen: list[tuple[str, dict[str, Any]]], variants: list[str], repeats: int
) -> None:
    """And its result has a name."""
    names = _run_python(as_python(fh.Deployment("echo"), variants, AWKWARD, repeats=repeats))
    assert [variant for variant, _ in seen] == [v for v in variants for _ in range(repeats)]
    assert all(_exactly(inputs, AWKWARD) for _, inputs in seen)
    runs = [names["run"]] if len(seen) == 1 else names["runs"]
    assert [run.output for run in runs] == ["ok"] * len(seen)


# --- secrets

LOGIN = fh.Deployment(
    "echo",
    variants=["a"],
    inputs={
        "type": "object",
        "properties": {
            "user": {"type": "string"},
            "class": SECRET,
            "a.b": {"type": "string", "writeOnly": True},
            "group": {"type": "object", "properties": {"pin": SECRET, "city": {"type": "string"}}},
            "many": {"type": "array", "items": SECRET},
            "either": {"anyOf": [SECRET, {"type": "null"}]},
            "far": {"$ref": "#/$defs/key"},
        },
        "$defs": {"key": SECRET},
    },
)
SECRETS = {
    "user": "ada",
    "class": PASSWORD,
    "a.b": PASSWORD,
    "group": {"pin": PASSWORD, "city": "Paris"},
    "many": [PASSWORD, PASSWORD],
    "either": PASSWORD,
    "far": PASSWORD,
}
NAMES = {"class_": "class", "a_b": "a.b", "group": "group", "many": "many", "either": "either", "far": "far"}
"""Each name with its variable."""


def names_in(inputs: dict[str, Any]) -> list[str]:
    return [value.name for value in with_placeholders(LOGIN, inputs).values() if isinstance(value, SecretPlaceholder)]


def test_no_secret_is_in_any_of_them_and_each_has_a_name_in_its_place() -> None:
    """However it is declared: a variable that holds one is replaced as a whole, the others stay readable."""
    assert names_in(SECRETS) == list(NAMES)
    written = (
        as_cell(LOGIN, ["a"], SECRETS), as_python(LOGIN, ["a"], SECRETS), as_command("curl", LOGIN, ["a"], SECRETS, base_url=BASE)
    )  # fmt: skip
    for text in written:
        assert PASSWORD not in text
        assert "ada" in text
        assert "Paris" not in text
    for name in NAMES:
        assert f"{{{{ {name} }}}}" in written[0]
        assert f"YOUR_{name.upper()}" in written[2]


def test_a_schema_that_cannot_be_told_hides_everything() -> None:
    """A secret somewhere at the top: all of it may be one."""
    strange = fh.Deployment("echo", inputs={"type": "object", "anyOf": [{"properties": {"x": SECRET}}, {}]})
    for text in (
        as_cell(strange, ["a"], {"x": PASSWORD, "y": "z" + PASSWORD}),
        as_python(strange, ["a"], {"x": PASSWORD}),
    ):
        assert PASSWORD not in text


def test_a_copied_cell_takes_secrets_from_variables(
    shell: Shell,  # noqa: F811
    hive: LocalHive,
    seen: list[tuple[str, dict[str, Any]]],
) -> None:
    """And sends what was sent."""
    shell.shell.user_ns.update({name: SECRETS[variable] for name, variable in NAMES.items()})
    _, said = shell.run(as_cell(LOGIN, ["a"], SECRETS))
    assert [_exactly(inputs, SECRETS) for _, inputs in seen] == [True], said


def test_copied_python_asks_for_secrets(
    hive: LocalHive, seen: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By getpass, which shows nothing; then it sends what was sent."""
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        name, _, as_json = prompt.removesuffix(": ").partition(", as ")
        return json.dumps(SECRETS[NAMES[name]]) if as_json else PASSWORD

    monkeypatch.setattr(getpass, "getpass", answer)  # nobody is there to type
    _run_python(as_python(LOGIN, ["a"], SECRETS))
    assert asked == ["class_: ", "a_b: ", "group, as JSON: ", "many, as JSON: ", "either: ", "far: "]
    assert [_exactly(inputs, SECRETS) for _, inputs in seen] == [True]


def test_a_secret_that_is_no_text_is_asked_for_as_json(
    hive: LocalHive, seen: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number stays a number, a list a list."""
    typed = {"pin, as JSON: ": "1234", "codes, as JSON: ": '["a", 7]', "word: ": PASSWORD}
    monkeypatch.setattr(getpass, "getpass", typed.pop)  # nobody is there to type
    kinds = {"pin": {"type": "integer"}, "codes": {"type": "array"}, "word": {"type": "string"}}
    hidden = {name: {**kind, "format": "password"} for name, kind in kinds.items()}
    sent = {"pin": 1234, "codes": ["a", 7], "word": PASSWORD}
    _run_python(as_python(fh.Deployment(LOGIN.name, inputs=hidden), ["a"], sent))
    assert typed == {}
    assert [_exactly(inputs, sent) for _, inputs in seen] == [True]


def test_braces_in_a_name_stay_as_they_are() -> None:
    """Nothing is put into a name."""
    assert "invoke('a{b}', variant='{}', inputs" in as_python(fh.Deployment("a{b}"), ["{}"], {})
    assert re.search(
        r"\bvariant=variant,.*\binputs=inputs\).*'b'.*\brange\(2\)",
        as_python(fh.Deployment("a{b}"), ["{}", "b"], {}, repeats=2),
    )


def test_a_secret_that_is_not_given_needs_no_variable() -> None:
    """None is none."""
    assert names_in({"user": "ada", "class": None}) == []
    assert "getpass" not in as_python(LOGIN, ["a"], {"user": "ada"})


# ------------------------------------------------------------------ a form over rows


REPLY = fh.Deployment(
    "reply",
    variants=["plain"],
    inputs={
        "ticket": fh.text(),
        "words": fh.integer(),
        "tone": fh.text(required=False),
        "length": fh.integer(default=3),
        "note": fh.text(required=False),
        "token": fh.text(secret=True, required=False),
    },
)
FRAME = pd.DataFrame({"the body": ["It is late.", "Lost:\n{{ x }}"], "words": [3, 4], "note": ["of", "ours"]})
REPLIES = [
    {"ticket": "It is late.", "words": 3, "tone": "calm: 1", "length": 3, "token": PASSWORD},
    {"ticket": "Lost:\n{{ x }}", "words": 4, "tone": "calm: 1", "length": 3, "token": PASSWORD},
]


class Reply(LocalHive):
    """Notes what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[dict[str, Any]] = []

        @self.workflow("reply", variant="plain")
        def plain(**inputs: Any) -> str:
            self.got.append(inputs)
            return "ok"

    def sorted(self) -> list[dict[str, Any]]:
        return sorted(self.got, key=lambda inputs: inputs["words"])


@pytest.fixture
def mapping() -> RowMapping:
    """A column of another name, one of its own, a constant, a default, a column that is left out, a secret."""
    made = RowMapping(REPLY, FRAME, {"tone": "calm: 1", "token": PASSWORD})
    made.take_column("ticket", "the body")
    made.take_nothing("note")
    return made


@pytest.fixture
def reply_hive() -> Iterator[Reply]:
    """On a socket, as the session's service."""
    reply_hive = Reply()
    with reply_hive.serve() as server:
        fh.configure(base_url=server.url)
        yield reply_hive


def test_the_cell_sends_what_the_form_sends(mapping: RowMapping, reply_hive: Reply, shell: Shell) -> None:  # noqa: F811
    """Run by the magic itself, over the variable of that name."""
    cell = as_cell_over(mapping, ["plain"], rows="frame")
    assert PASSWORD not in cell
    shell.shell.user_ns.update(frame=FRAME, token=PASSWORD)
    result, said = shell.run(cell)
    assert result.success, said
    assert reply_hive.sorted() == REPLIES


def test_the_python_code_sends_what_the_form_sends(
    mapping: RowMapping, reply_hive: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that is left out is dropped: a batch would take it."""
    code = as_python_over(mapping, ["plain"], rows="frame", repeats=2, delivery="callback")
    assert PASSWORD not in code
    assert (
        "frame.drop(columns=['note']), 'reply', variants=['plain'], inputs=inputs, repeats=2, delivery='callback'"
        in code
    )
    monkeypatch.setattr(getpass, "getpass", lambda _: PASSWORD)
    names: dict[str, Any] = {"frame": FRAME}
    code = code.replace(", repeats=2, delivery='callback'", ", progress=False")
    exec(compile(code, "<copied>", "exec"), names)
    assert reply_hive.sorted() == REPLIES


def test_names_that_mean_something_else_are_written_round(reply_hive: Reply, shell: Shell) -> None:  # noqa: F811
    """A column that is a word of Python's is taken as an item; a secret never has the name of the rows."""
    frame = pd.DataFrame({"class": ["It is late."], "__doc__": [3]})
    mapping = RowMapping(REPLY, frame, {"token": PASSWORD})
    mapping.take_column("ticket", "class")
    mapping.take_column("words", "__doc__")
    cell = as_cell_over(mapping, ["plain"], rows="token")
    assert "row['class']" in cell
    assert 'token: "{{ token_ }}"' in cell
    assert "token_ = getpass(" in as_python_over(mapping, ["plain"], rows="token")
    shell.shell.user_ns.update(token=frame, token_=PASSWORD)
    result, said = shell.run(cell)
    assert result.success, said
    assert reply_hive.got == [{"ticket": "It is late.", "words": 3, "length": 3, "token": PASSWORD}]


@pytest.mark.parametrize("column", ["it's", 'a "b"', "back\\slash", "tab\there"])
def test_a_cell_names_a_column_whatever_its_name(column: str) -> None:
    """What the cell's own reader evaluates is the row's cell."""
    mapping = RowMapping(fh.Deployment("d", inputs={"a": fh.text()}), [{column: "x"}])
    mapping.take_column("a", column)
    cell = as_cell_over(mapping, ["v"], rows="rows")
    row = pd.Series({column: "x"})
    read = read_cell(
        cell.partition("\n")[2], name="d", variants=("v",), evaluate=lambda source: eval(source, {"row": row})
    )
    assert read.inputs == {"a": "x"}


def test_a_column_that_no_cell_can_name_is_told() -> None:
    """With the way that is left."""
    mapping = RowMapping(fh.Deployment("d"), [{"a{b": 1}])
    with pytest.raises(InputError, match="Python"):
        as_cell_over(mapping, ["v"], rows="rows")
    assert "'a{b': 'a{b'" in as_python_over(mapping, ["v"], rows="rows")
