"""Calls as the official SDKs spell them: read as the body that they would send, and never evaluated."""

from __future__ import annotations

import json
import subprocess
import time
from shutil import which
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.snippet.parser import is_open, looks_like_snippet, parse_snippet, unfolded
from fh_notebook.errors import SnippetError
from tests.contract.snippet.snippets import KEY, refusal
from tests.security.watching import watching
from tests.told import tells

PYTHON = """from fetch_hive_sdk import FetchHive

client = FetchHive()  # reads FETCH_HIVE_API_KEY

run = client.invoke_workflow(
    deployment="YOUR_DEPLOYMENT_NAME",
    variant="YOUR_VARIANT_NAME",
    inputs={"topic": "State of enterprise AI in 2026"},
)
print(run["run_status"], run.get("output"))
"""
TYPESCRIPT = """import { FetchHive } from '@fetch-hive/sdk';

const client = new FetchHive({ apiKey: process.env.FETCH_HIVE_API_KEY! });

const response = await client.invokeWorkflow({
  deployment: 'YOUR_DEPLOYMENT_NAME',
  variant: 'YOUR_VARIANT_NAME',
  inputs: { topic: 'State of enterprise AI in 2026' },
});
console.log(response.status);
"""
PHP = """<?php
require_once 'vendor/autoload.php';

use FetchHive\\Sdk\\FetchHive;

$client = new FetchHive();

$run = $client->invokeWorkflow([
    'deployment' => 'YOUR_DEPLOYMENT_NAME',
    'variant'    => 'YOUR_VARIANT_NAME',
    'inputs'     => ['topic' => 'State of enterprise AI in 2026'],
]);
echo $run['run_status'] . PHP_EOL;
"""
RUBY = """require "fetch_hive"

client = FetchHive::Client.new

run = client.invoke_workflow(
  deployment: "YOUR_DEPLOYMENT_NAME",
  variant: "YOUR_VARIANT_NAME",
  inputs: { topic: "State of enterprise AI in 2026" }
)
puts run["output"]
"""
WHOLE = {"Python": PYTHON, "TypeScript": TYPESCRIPT, "PHP": PHP, "Ruby": RUBY}
# A call of which all that is written is the value of the input `a`.
FRAMES = {
    "Python": "client.invoke_workflow(deployment='d', inputs={{'a': {}}})",
    "TypeScript": "await client.invokeWorkflow({{deployment: 'd', inputs: {{a: {}}}}})",
    "PHP": "$client->invokeWorkflow(['deployment' => 'd', 'inputs' => ['a' => {}]])",
    "Ruby": "client.invoke_workflow(deployment: 'd', inputs: {{ a: {} }})",
}
BEGUN = (*(frame.partition("(")[0] + "(" for frame in FRAMES.values()), "c.invoke_workflow deployment: ")


def value_of(language: str, literal: str) -> Any:
    return parse_snippet(FRAMES[language].format(literal)).request.inputs["a"]


@pytest.mark.parametrize("language", WHOLE)
@pytest.mark.parametrize("wrap", ["{}", "\ufeff{}", "```\n{}\n```", "# pasted\n\n{}"])
def test_the_code_of_every_sdk_is_the_call_that_curl_makes(language: str, wrap: str) -> None:
    """With imports, a client and what is done with the answer around it."""
    text = wrap.format(WHOLE[language])
    assert looks_like_snippet(text)
    snippet = parse_snippet(text)
    assert snippet.request == InvokeRequest(
        deployment="YOUR_DEPLOYMENT_NAME",
        variant="YOUR_VARIANT_NAME",
        inputs={"topic": "State of enterprise AI in 2026"},
    )
    assert (snippet.key, snippet.url, snippet.ignored) == (None, "", ())


@pytest.mark.parametrize(
    "text",
    [
        "client.invoke_workflow(deployment='d', async_mode=True, callback_url='https://x/c', user='u', metadata={'n': 1})",
        "client.invokeWorkflow({deployment: 'd', async: {enabled: true, callback_url: 'https://x/c'}, user: 'u',"
        " metadata: {n: 1}})",
        "client.invokeWorkflow({deployment: 'd', asyncMode: true, callbackUrl: 'https://x/c', user: 'u', metadata: {n: 1}})",
        "$c->invokeWorkflow(array('deployment'=>'d','async_mode'=>TRUE,'callback_url'=>'https://x/c','user'=>'u',"
        "'metadata'=>['n'=>1]));",
        "c.invoke_workflow(:deployment => 'd', async_mode: true, 'callback_url' => 'https://x/c', \"user\": 'u',"
        " metadata: {n: 1},)",
    ],
)
def test_every_argument_of_the_sdks_is_its_field_of_the_body(text: str) -> None:
    """``async_mode`` and ``callback_url`` are ``async``, in either spelling."""
    assert parse_snippet(text).request.body() == {
        "deployment": "d",
        "async": {"enabled": True, "callback_url": "https://x/c"},
        "inputs": {},
        "metadata": {"n": 1},
        "user": "u",
    }


@pytest.mark.parametrize(
    ("language", "literal", "value"),
    [
        ("Python", "(1, -2.5, +3, None, True, False, [])", [1, -2.5, 3, None, True, False, []]),
        ("Python", "'a' \"b\" r'\\d' '''c\n'd' ''' \"\"", "ab\\dc\n'd' "),
        ("Python", "{'x': {}, 'y': 0x1F, 'z': 1_000,}  # ) closes\n", {"x": {}, "y": 31, "z": 1000}),
        ("TypeScript", "[1, -2.5, .5, 1e3, 0xff, 1_000, true, null, undefined,]", [1, -2.5, 0.5, 1000, 255, 1000, True, None, None]),
        ("TypeScript", r"""'it\'s \u00e9 \ud83d\ude00 \u{1F600} \xe9 \n\
x "y"'""", 'it\'s é 😀 😀 é \nx "y"'),
        ("TypeScript", "`two\nlines, $5 \\${x} \\``", "two\nlines, $5 ${x} `"),
        ("TypeScript", "{ 'b c': 1, d /* } */ : \"x\", // '\n e: undefined }", {"b c": 1, "d": "x"}),
        ("PHP", r"'it\'s \n $x {$y} #{z} \\'", "it's \\n $x {$y} #{z} \\"),
        ("PHP", r'"\$5 \t\u{e9} \xc3\xa9 \q # 5$ {x} \" \101"', '$5 \té é \\q # 5$ {x} " A'),
        ("PHP", "array(1, TRUE, Null, [], ['x' => [2,],])  # ]\n", [1, True, None, [], {"x": [2]}]),
        ("PHP", "['b' => new stdClass(), 'c' => (object) [], /* ] */ 'd' => (object) ['e' => 1]]", {"b": {}, "c": {}, "d": {"e": 1}}),
        ("Ruby", "[1, nil, true, :sym, :\"s t\", %w[a b], %i(c), 1_000]", [1, None, True, "sym", "s t", ["a", "b"], ["c"], 1000]),
        ("Ruby", r"""'a\'b\n #{x} \\' "\tc\u00e9 # 5 \#{d}" """, "a'b\\n #{x} \\\tcé # 5 #{d}"),
        ("Ruby", "{ :b => 1, \"c\" => 2, 'd': 3, e: { } } # }\n", {"b": 1, "c": 2, "d": 3, "e": {}}),
    ],
)  # fmt: skip
def test_literals_have_the_value_that_their_language_gives_them(language: str, literal: str, value: Any) -> None:
    """Escapes, numbers, constants, comments, trailing commas and nested values."""
    assert value_of(language, literal) == value


@pytest.mark.parametrize(
    ("language", "literal", "what"),
    [
        *[("Python", text, "inputs.a") for text in ("topic", "f'{x}'", "open('x').read()", "os.environ['X']", "1 + 1")],
        *[("Python", text, "inputs.a") for text in ("{1, 2}", "b'x'", "...", "1j", "[i for i in x]", "-True", "not 1")],
        ("Python", "{1: 2}", "inputs.a"), ("Python", "{**x}", "inputs.a"),
        *[("TypeScript", text, "inputs.a") for text in ("topic", "process.env.X", "`${x}`", "'a' + 'b'", "new Date()")],
        *[("TypeScript", text, "inputs.a") for text in ("1 + 1", "() => 1", "/x/g", "!true", "10n", "010", "1.2.3")],
        ("TypeScript", "{ ...rest }", "inputs.a"), ("TypeScript", "{ topic }", "inputs.a"), ("TypeScript", "{ [x]: 1 }", "inputs.a"),
        *[("PHP", text, "inputs.a") for text in ("$topic", '"for $topic"', '"{$x}"', '"${x}"', "'a' . $b", "getenv('X')")],
        *[("PHP", text, "inputs.a") for text in ("<<<EOT\nx\nEOT", "PHP_EOL", "`ls`", "[1 => 2]", "['x' => 1, 2]")],
        *[("Ruby", text, "inputs.a") for text in ("topic", '"for #{x}"', '"#@x"', "ENV['X']", "`ls`", "<<~EOT", "%q(x)")],
        *[("Ruby", text, "inputs.a") for text in ("'a' + b", "1..2", "%w[#{x}]", "{ topic => 1 }", "-> { 1 }")],
    ],
)  # fmt: skip
def test_what_is_not_a_literal_is_refused_with_its_line_and_never_evaluated(
    language: str, literal: str, what: str
) -> None:
    """One line says which argument it is, in which line, and that its value is wanted."""
    with watching() as seen:
        message = refusal("\n\n" + FRAMES[language].format(literal))
    assert seen == []
    assert tells(message, "3")
    assert what in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "code",
    [
        "run = client.invoke_workflow(\n  deployment=name,\n  variant='v',\n  inputs={'a': f'{x}, {y}', 'b': [1, g(2, 3)]},\n)",
        "await client.invokeWorkflow({\n  deployment: name, // it's ours\n  variant: 'v',\n"
        "  inputs: { a: `${x}, )`, b: [1, g(2, [3])] },\n});",
        "$c->invokeWorkflow([\n  'deployment' => $name, # it's ours\n  'variant' => 'v',\n"
        "  'inputs' => ['a' => \"$x, ]\", 'b' => [1, g(2, [3])]],\n]);",
        "run = client.invoke_workflow(\n  deployment: name, # it's ours\n  variant: 'v',\n"
        "  inputs: { a: \"#{x}, }\", b: [1, g(2, [3])] }\n)",
    ],
    ids=["Python", "TypeScript", "PHP", "Ruby"],
)  # fmt: skip
def test_every_problem_of_a_snippet_is_told_at_once(code: str) -> None:
    """A variable, a text with a value put in, a call inside a list: each with its place; nothing is told twice."""
    with pytest.raises(SnippetError) as caught:
        parse_snippet(code)
    told = [str(problem) for problem in caught.value.problems]
    places = (("2", "deployment"), ("4", "inputs.a"), ("4", "inputs.b[1]"))
    assert [tells(text, *place) for text, place in zip(told, places, strict=True)] == [True] * 3


def test_a_hundred_thousand_problems_are_told_by_the_first_ones() -> None:
    """An error is no page."""
    for code in (
        "c.invokeWorkflow({deployment: 'd', inputs: {a: [%s]}})",
        "c.invoke_workflow(deployment='d', inputs={'a': [%s]})",
    ):
        with pytest.raises(SnippetError) as caught:
            parse_snippet(code % ", ".join(["x"] * 100_000))
        assert len(caught.value.problems) == 50


CALLS: list[tuple[str, tuple[str, ...]]] = [
    ("run = client.invoke_workflow(\n  deployment='d',\n", ("1", "29")),
    ("await client.invokeWorkflow({\n  deployment: 'd", ("2", "15")),
    ("await client.invokeWorkflow({ deployment: 'd',", ("1", "29")),
    ("await client.invokeWorkflow({ deployment: 'd\n', })", ("1",)),
    ("$c->invokeWorkflow(['deployment' => \"d", ("1",)),
    ("c.invoke_workflow(deployment: 'd'", ("1",)),
    ("run = client.invoke_workflow(deployment=", ()),
    ("run = client.invoke_workflow(\n  deployment='d' variant='v')", ("2",)),
    ("run = client.invoke_workflow('d', 'v')", ()),
    ("run = client.invoke_workflow(**call)", ()),
    ("await client.invokeWorkflow(call)", ()),
    ("await client.invokeWorkflow({deployment: 'd'}, options)", ()),
    ("await client.invokeWorkflow(['d'])", ()),
    ("run = client.invoke_workflow(deployment='d', deployment='d')", ("1",)),
    ("await client.invokeWorkflow({deployment: 'd', deployment: 'e'})", ("'deployment'",)),
    ("run = client.invoke_workflow(deployment='d', inputs={'a': 1, 'a': 2})", ("'a'",)),
    ("client.invoke_workflow(deployment='d')\nclient.invoke_workflow(deployment='e')", ()),
    ("run = client.invoke_prompt(deployment='d')", ()),
    ("for await (const x of client.invokePromptStream({})) {}", ()),
    ("const x = await client.invokeAgent({ agent: 'a' })", ()),
    ("$run = $client->invokeHiveAgent([])", ()),
    ("run = client.invoke_workflow(variant='v')", ("deployment",)),
    ("run = client.invoke_workflow(deployment='d', input={'a': 1})", ("'inputs'",)),
    ("run = client.invoke_workflow(deployment='d', async_mode=True)", ("callback_url",)),
    ("import os\nos.system('x')", ()),
    ("await client.invokeWorkflow({deployment: 'd', inputs: {a: " + "[" * 100_000, ()),
    ("c.invoke_workflow(deployment='d', inputs=" + "[" * 150 + "]" * 150 + ")", ()),
    ("c.invoke_workflow(deployment='d', inputs=" + "[" * 100_000 + "]" * 100_000 + ")", ("1",)),
    ("c.invoke_workflow(deployment='d', user=" + "-" * 100_000 + "1)", ("1",)),
    ("c.invoke_workflow(deployment='d', user=1" + "0" * 5000 + ")", ("1",)),
    ("c.invokeWorkflow({deployment: 'd', user: 1" + "0" * 5000 + "})", ()),
    ("c.invoke_workflow(deployment='d', user='\x00')", ("1",)),
]


@pytest.mark.parametrize(("text", "part"), CALLS)
def test_half_typed_and_hostile_code_is_refused_in_one_line(text: str, part: str) -> None:
    """Whatever is wrong, where it is and what to do is said shortly."""
    message = refusal(text)
    assert tells(message, *part)
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize(
    "constructor",
    [
        f'client = FetchHive(api_key="{KEY}")',
        f"const client = new FetchHive({{ apiKey: '{KEY}', baseUrl: url }});",
        f"$client = new FetchHive(['api_key' => '{KEY}']);",
        f'client = FetchHive::Client.new(api_key: "{KEY}")',
        f"API_KEY = '{KEY}'",
    ],
)
@pytest.mark.parametrize("language", FRAMES)
def test_a_key_in_the_code_is_a_secret_and_in_no_word(constructor: str, language: str) -> None:
    """It is told from its placeholders, and no error and no repr has it."""
    call = FRAMES[language].format("'x'")
    snippet = parse_snippet(f"{constructor}\n{call}")
    assert snippet.key is not None
    assert snippet.key.reveal() == KEY
    assert KEY not in repr(snippet)
    assert parse_snippet(f"{constructor.replace(KEY, 'fhk_...')}\n{call}").key is None
    assert KEY not in refusal(f"{constructor}\n{FRAMES[language].format(KEY)}")
    assert KEY not in refusal(f"{constructor}\n{FRAMES[language].format(chr(34) + KEY)}")


@pytest.mark.parametrize(
    "text",
    [
        "question: why does client.invokeWorkflow({}) fail?",
        "Why does client.invoke_workflow(deployment='d') fail?",
        "ticket: |\n  run = client.invoke_workflow(deployment='d')",
        "# client.invoke_workflow(deployment='d')\nticket: late",
        "client.invoke(deployment='d')",
        '{"ticket": "client.invoke_workflow(deployment=1)"}',
    ],
)
def test_a_body_that_speaks_of_a_call_is_no_snippet(text: str) -> None:
    """A cell's body is taken for a snippet only when it hardly can be anything else."""
    assert not looks_like_snippet(text)


def test_what_begins_first_is_the_snippet() -> None:
    """A call in a string of another one is a value."""
    body = '{"deployment": "d", "inputs": {"a": "\\nclient.invoke_workflow(deployment=1)"}}'
    for text in (body, f"curl https://x/v1/workflow/invoke -d '{body}'", f"c.invokeWorkflow({body})"):
        assert parse_snippet(text).request.inputs == {"a": "\nclient.invoke_workflow(deployment=1)"}
    code = "c.invokeWorkflow({deployment: 'd', inputs: {a: `\ncurl https://x -d 1\n`}})"
    assert parse_snippet(code).request.inputs == {"a": "\ncurl https://x -d 1\n"}


def test_a_call_that_is_commented_out_is_none() -> None:
    """The vendor's pages show the other way in a comment."""
    text = "// await client.invokeWorkflow({ deployment: 'old' })\nawait client\n  .invokeWorkflow({ deployment: 'd' })"
    assert parse_snippet(text).request.deployment == "d"


@pytest.mark.parametrize(
    "code",
    [
        "a.invoke_workflow(deployment='x', variant='v'); a.invoke_workflow(deployment='y', variant='v')",
        "Promise.all([c.invokeWorkflow({deployment: 'x', variant: 'v'}), c.invokeWorkflow({deployment: 'y', variant: 'v'})])",
    ],
)
def test_a_second_call_on_the_line_is_not_dropped(code: str) -> None:
    assert refusal(code)


def test_a_start_variable_is_no_key() -> None:
    """Only what stands before the arguments is a key of the client."""
    snippet = parse_snippet(
        "c = FetchHive()\nc.invoke_workflow(deployment='d', variant='v', inputs={'openai_api_key': 'abcdefgh'})"
    )
    assert snippet.key is None


def test_a_comment_behind_code_is_no_call() -> None:
    code = (
        "client = FetchHive()  # then client.invoke_workflow(...)\nclient.invoke_workflow(deployment='d', variant='v')"
    )
    assert parse_snippet(code).request.deployment == "d"


@pytest.mark.parametrize(
    "code",
    [
        "client.invoke_workflow deployment: 'd', variant: \"v\", inputs: { a: 'x;\\n', b: [1, nil] }",
        "run = client.invoke_workflow deployment: 'd', # the name, (\n  variant: 'v',\n\n"
        "  inputs:\n    { a: 'x;\\n', b: [\n 1,\n nil\n] } # all, of it\nputs run, [1",
        "client.invoke_workflow \\\n  :deployment => 'd', 'variant' => 'v',\n  inputs: { 'a' => 'x;\\n', b: [1, nil] }; x",
        "puts(client.invoke_workflow deployment: 'd', variant: 'v', inputs: { a: 'x;\\n', b: [1, nil] })",
    ],
)  # fmt: skip
def test_ruby_needs_no_brackets(code: str) -> None:
    """The call ends with its line, unless that ends with what goes on."""
    request = parse_snippet(code).request
    assert (request.deployment, request.variant, request.inputs) == ("d", "v", {"a": "x;\\n", "b": [1, None]})
    assert looks_like_snippet(code)


def test_a_call_without_brackets_is_literal_too() -> None:
    """Nothing is evaluated, a second call is not dropped, a cut one is open, and what Python says in a text is none."""
    with watching() as seen:
        message = refusal('c.invoke_workflow deployment: \'d\',\n  inputs: { a: `ls`, b: "#{x["y"]}", c: [z] }')
    assert seen == []
    assert [f"inputs.{name}" in message for name in ("a", "b", "c[0]")] == [True] * 3
    assert refusal("c.invoke_workflow deployment: 'd'\nc.invoke_workflow deployment: 'e'")
    assert refusal("c.invoke_workflow deployment: 'd' if ready")
    assert "line 2: " in refusal("c.invoke_workflow deployment: 'd',\n variant: 'v',\n")
    lines = ["c.invoke_workflow \\", "  deployment: 'd',", "  inputs: {", "    a: 'x' }"]
    assert [is_open("\n".join(lines[:n])) for n in (1, 2, 3, 4)] == [True, True, True, False]
    for text in (
        "Why does client.invoke_workflow deployment: fail?",
        "c.invoke_workflow a::B",
        "c.invoke_workflow name",
    ):
        assert not looks_like_snippet(text)
    code = "c.invoke_workflow(deployment='d', inputs={'a': 'use c.invoke_workflow deployment: 1'})"
    assert parse_snippet(code).request.inputs == {"a": "use c.invoke_workflow deployment: 1"}


def test_names_in_quotes_need_no_braces_in_ruby() -> None:
    code = 'client.invoke_workflow("deployment" => "d", "variant" => "v")'
    assert (parse_snippet(code).request.deployment, parse_snippet(code).request.variant) == ("d", "v")


def test_the_rest_of_a_string_is_in_no_error() -> None:
    """A quote in it is not escaped."""
    problem = refusal("c.invokeWorkflow({deployment: 'd', inputs: {password: 'hun'ter2secret'}})")
    assert "followed by a word" in problem
    assert "ter2" not in problem


def test_an_empty_endpoint_is_none() -> None:
    assert (
        parse_snippet('{"deployment": "d", "variant": "v", "endpoint": null, "inputs": {}}').request.deployment == "d"
    )


def test_a_terminal_reads_past_apostrophes() -> None:
    """In a comment and in a string: the call is open until its own bracket closes."""
    lines = [
        "client = FetchHive()  # don't share",
        "client.invoke_workflow(",
        '    inputs={"t": "it\'s late"},',
        "    deployment='d')",
    ]
    assert [is_open("\n".join(lines[:n])) for n in (2, 3, 4)] == [True, True, False]
    assert [
        is_open("print(c.invoke_workflow(deployment='d')"),
        is_open("print(c.invoke_workflow(deployment='d'))"),
    ] == [True, False]


@pytest.mark.parametrize(
    "text", ['{"endpoint": "d", "inputs": {"a": 1}}', "c.invoke_workflow(endpoint='d', inputs={'a': 1})"]
)
def test_an_older_snippet_names_its_deployment_endpoint(text: str) -> None:
    """It is a snippet all the same; two names that differ are refused."""
    assert parse_snippet(text).request == InvokeRequest(deployment="d", inputs={"a": 1})
    assert parse_snippet(text).ignored == ()
    assert tells(refusal('{"endpoint": "d", "deployment": "e", "inputs": {}}'), "deployment", "endpoint")
    assert looks_like_snippet('{"endpoint": "d", "inputs": {}}')


@pytest.mark.parametrize("language", WHOLE)
def test_a_terminal_reads_on_until_the_call_is_whole(language: str) -> None:
    """And a page's box that drops line breaks leaves a call that can be read."""
    lines = WHOLE[language].splitlines()
    end = next(i for i, line in enumerate(lines) if line.startswith((")", "}", "]")))
    assert all(is_open("\n".join(lines[: i + 1])) for i in range(end))
    assert not is_open("\n".join(lines[: end + 1]))
    joined = " ".join(line for line in lines if "#" not in line)
    assert parse_snippet(unfolded(joined)).request.deployment == "YOUR_DEPLOYMENT_NAME"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_any_value_is_read_back_from_its_literal(value: Any) -> None:
    """Python's repr, and JSON, which is TypeScript."""
    assert value_of("Python", repr(value)) == value
    assert value_of("TypeScript", json.dumps(value)) == value
    assert value_of("TypeScript", json.dumps(value, ensure_ascii=False)) == value


@pytest.mark.skipif(which("node") is None, reason="there is no node here")
def test_typescript_strings_have_the_value_that_node_gives_them() -> None:
    """Every escape of one character, in each kind of quotes; those that strict code may not have are left out."""
    escaped = [f"\\{chr(code)}" for code in range(32, 127) if chr(code) not in "ux123456789"]
    literals = [f"{q}{e}{q}" for q in "'\"`" for e in (*escaped, r"\u00e9\xe9\u{1f600}", r"\ud83d\ude00", "\\\n")]
    done = subprocess.run(
        ["node", "-p", f"JSON.stringify([{', '.join(literals)}])"], capture_output=True, check=True, timeout=20
    )
    assert value_of("TypeScript", f"[{', '.join(literals)}]") == json.loads(done.stdout)


@given(st.text())
def test_any_text_is_read_back_from_plain_quotes(value: str) -> None:
    """PHP and Ruby escape only the quote and the backslash there."""
    quoted = "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    for language in ("PHP", "Ruby"):
        assert value_of(language, quoted) == value.replace("\r\n", "\n")


@given(st.sampled_from(sorted(FRAMES)), st.text() | st.text("'\"`\\${}[]()<>=:#%,\n /*w1_a"))
def test_any_arguments_are_read_or_refused(language: str, text: str) -> None:
    """Whatever stands in a call, the answer is a snippet or a SnippetError."""
    for pasted in (FRAMES[language].format(text), *(begun + text for begun in BEGUN)):
        looks_like_snippet(pasted)
        is_open(pasted)
        try:
            parse_snippet(pasted)
        except SnippetError as error:
            assert "\n" not in str(error)


@pytest.mark.long
@pytest.mark.parametrize(
    "unit",
    ["'a', ", "[", "(", "{a: ", "['a' => ", "\\", "'", "/* ", "# \n", "a.", ". ", "\n", "\t\n", "%w[", "x = ", "a: 1,\n",
     "\\\n", "c.invoke_workflow a", "c.invoke_workflow 'a", "c.invoke_workflow a:\n", "c.invoke_workflow \\\n"],
)  # fmt: skip
def test_reading_takes_linear_time(unit: str) -> None:
    """A text of any piece takes some four times the time of a quarter of it, at most."""

    def cpu_s(length: int) -> float:
        start = time.thread_time()
        for start_of_text in (*BEGUN, ""):
            pasted = start_of_text + unit * (length // len(unit))
            looks_like_snippet(pasted)
            is_open(pasted)
            try:
                parse_snippet(pasted)
            except SnippetError:
                continue
        return time.thread_time() - start

    assert cpu_s(20_000) < max(0.3, 10 * cpu_s(5_000))
