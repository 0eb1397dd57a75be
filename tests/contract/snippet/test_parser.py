"""Pasted Code Snippets: what they say, whose key they hold, and what is refused with which words."""

from __future__ import annotations

import json

import pytest

from fh_notebook.contract.deployment import deployment_of
from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.snippet.parser import Snippet, looks_like_snippet, parse_snippet
from fh_notebook.errors import SnippetError
from tests.contract.snippet.snippets import BODY, KEY, SEED_ASYNC, SEED_SYNC, URL, refusal
from tests.told import facts, tells


def test_the_seeds_sync_request_is_read_as_it_stands() -> None:
    """The vendor's own example, pasted whole, gives its placeholders, its inputs and no key."""
    snippet = parse_snippet(SEED_SYNC)
    assert snippet == Snippet(
        InvokeRequest(
            deployment="YOUR_DEPLOYMENT_NAME",
            variant="YOUR_VARIANT_NAME",
            inputs={"topic": "State of enterprise AI in 2026"},
        ),
        {"type": "object", "properties": {"topic": {"type": "string"}}},
        None,
        URL,
    )
    assert deployment_of(snippet).name == "YOUR_DEPLOYMENT_NAME"
    assert deployment_of(snippet).variants == ("YOUR_VARIANT_NAME",)
    assert deployment_of(snippet).inputs == {"type": "object", "properties": {"topic": {"type": "string"}}}


def test_the_seeds_async_request_is_read_as_it_stands() -> None:
    """With Async on, the callback URL is kept and the rest is the same."""
    snippet = parse_snippet(SEED_ASYNC)
    assert snippet.request.callback_url == "https://example.com/callback"
    assert snippet.request.inputs == {"topic": "State of enterprise AI in 2026"}
    assert snippet.request.by_callback


@pytest.mark.parametrize("wrap", ["{}", "```bash\n{}```\n", "\n\n# Sync request\n$ {}", "\ufeff{}", "  {}"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_surrounds_a_pasted_snippet_does_not_matter(wrap: str, ends: str) -> None:
    """Fences of Markdown, a prompt, a comment, a byte order mark and Windows' line ends come along with a paste."""
    text = wrap.format(SEED_SYNC).replace("\n", ends)
    assert looks_like_snippet(text)
    assert parse_snippet(text).request == parse_snippet(SEED_SYNC).request


OPTIONS = [
    f"-d '{BODY}' {URL}",
    f"{URL} -d'{BODY}'",
    f"{URL} --data '{BODY}'",
    f"{URL} --data-raw '{BODY}'",
    f"{URL} --data-binary '{BODY}'",
    f"{URL} --data-ascii '{BODY}'",
    f"{URL} --json '{BODY}'",
    f"{URL} --data='{BODY}'",
    f"--url {URL} --json='{BODY}'",
    f"--url={URL} -d '{BODY}'",
    f"-X POST {URL} -d '{BODY}'",
    f"-XPOST {URL} -d '{BODY}'",
    f"-sSXPOST {URL} -sd '{BODY}'",
    f"--request POST {URL} -d '{BODY}'",
    f"--request=post --location {URL} -d '{BODY}'",
    f"-s --compressed --max-time 30 {URL} --silent -d '{BODY}'",
    f"--proxy http://localhost:3128 -x http://p:1 {URL} -o out.json -d '{BODY}' -w '%{{http_code}}'",
    f"-u name:word {URL}/ -d '{BODY}'",
    f"'https://user:word@api.fetchhive.com/v1/workflow/invoke?a=b#c' -d '{BODY}'",
    f"{URL} \\  \n  -d '{BODY}'",
    f"{URL}\n  -d '{BODY}'",
    f"{URL}\n\n  -d '{BODY}'\n",
    f"\u00a0{URL} \u00a0-d '{BODY}'",
    f"{URL} -d '{BODY}' | jq .output",
    f"{URL} -d '{BODY}' > out.json",
    f'{URL} -d "{BODY}"'.replace('"', '\\"').replace('-d \\"', '-d "')[:-2] + '"',
    f"{URL} -d $'{BODY}'",
    f"{URL} -H 'Content-Type: application/json' -d '{BODY}'",
    f"{URL} --json '{BODY[:20]}' --json '{BODY[20:]}'",
]


@pytest.mark.parametrize("arguments", OPTIONS)
def test_every_way_to_give_curl_an_address_and_a_body(arguments: str) -> None:
    """Long and short options, joined and apart, in any order, with lost backslashes and what follows a pipe."""
    snippet = parse_snippet(f"curl {arguments}")
    assert snippet.request == InvokeRequest(deployment="d", variant="v", inputs={"topic": "AI"})
    assert snippet.url == URL
    assert snippet.key is None


def test_a_body_alone_is_a_snippet() -> None:
    """The JSON body with deployment and inputs is enough; there is no address then."""
    snippet = parse_snippet(f"\n  {BODY}\n")
    assert snippet.request == InvokeRequest(deployment="d", variant="v", inputs={"topic": "AI"})
    assert (snippet.url, snippet.key) == ("", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SEED_SYNC, True),
        (SEED_ASYNC, True),
        (f'curl.exe ^"{URL}^" ^', True),
        ("curl my hair, or not", False),
        ("ticket: |\n  curl 'https://x/y' -d @z", False),
        ("My curl command fails: curl https://x", False),
        (BODY, True),
        ('{"deployment": "d", "inputs": {"a": 1,}}', True),
        ('{"ticket": "late", "tone": "calm"}', False),
        ('{"deployment": "Berlin", "inputs": "text"}', False),
        ("", False),
        ("{{ ticket }}", False),
        (f"import requests\nrequests.post('{URL}')", True),
        (f"await fetch('{URL}', {{}})", True),
        ("import requests", False),
    ],
)
def test_what_looks_like_a_snippet(text: str, expected: bool) -> None:
    """A cell's body is taken for a snippet only when it hardly can be anything else."""
    assert looks_like_snippet(text) is expected


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (f"Authorization: Bearer {KEY}", KEY),
        (f"authorization:bearer {KEY} ", KEY),
        (f"Authorization: {KEY}", KEY),
        ("Authorization: Bearer YOUR_API_KEY", None),
        ("Authorization: Bearer your_api_key", None),
        ("Authorization: Bearer ", None),
        ("Authorization: Bearer <your key>", None),
        ("Authorization: Bearer $FETCH_HIVE_API_KEY", None),
        ("Authorization: Bearer ${KEY}", None),
        ("Authorization: Bearer {{api_key}}", None),
        ("Authorization: Bearer fhk_...", None),
        ("Authorization: Bearer fhk_xxxxxxxx", None),
        ("Authorization: Bearer ***", None),
        ("X-Other: Bearer abcdefghi", None),
    ],
)
@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_real_key_becomes_a_secret_and_a_placeholder_none(header: str, key: str | None, quote: str) -> None:
    """Only what can be a key is one, and no repr shows it."""
    snippet = parse_snippet(f"curl {URL} -H {quote}{header}{quote} -d '{BODY}'")
    assert (snippet.key.reveal() if snippet.key else None) == key
    assert KEY not in f"{snippet} {snippet!r} {snippet.request} {deployment_of(snippet)}"


def test_a_bearer_option_is_a_key_too() -> None:
    """curl has an option for bearer tokens of its own."""
    snippet = parse_snippet(f"curl --oauth2-bearer {KEY} {URL} -d '{BODY}'")
    assert snippet.key is not None
    assert snippet.key.reveal() == KEY


@pytest.mark.parametrize(
    "rest",
    [
        f'{URL} -d \'{{"deployment": "{KEY}" "variant": 1}}\'',
        f'{URL} -d \'{{"deployment": "d", "variant": ["{KEY}"]}}\'',
        f"https://example.com/{KEY} -d '{BODY}'",
        f"{URL} -d @{KEY}",
        f'{URL} -d "$({KEY})"',
        f"{URL} {KEY}",
        f"{URL} -X {KEY} -d '{BODY}'",
        f"{URL} -d '{KEY}",
    ],
)
@pytest.mark.parametrize("key", [KEY, "sk-other-kind-of-key-42"])
def test_no_error_shows_a_key(rest: str, key: str) -> None:
    """Wherever in the snippet the key stands as well, a refusal does not repeat it."""
    rest = rest.replace(KEY, key)
    with pytest.raises(SnippetError) as caught:
        parse_snippet(f"curl -H 'Authorization: Bearer {key}' {rest}")
    assert key not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("frame", ["{body}", "curl {url} -d '{body}'"])
@pytest.mark.parametrize("tail", ['" "inputs": {}}', '", ]', "\n"])
def test_no_error_shows_the_tail_of_a_key(frame: str, tail: str) -> None:
    """The spot that is shown of a broken body is cut out of it after the key is masked, also of a body alone."""
    body = f'{{"deployment": "d", "user": "fhk_{"0123456789" * 4}abcdef{tail}'
    with pytest.raises(SnippetError, match=facts("JSON")) as caught:
        parse_snippet(frame.replace("{url}", URL).replace("{body}", body))
    assert "abcdef" not in str(caught.value)
    assert "0123" not in str(caught.value)


def test_no_error_shows_how_a_key_goes_on_behind_a_line_break() -> None:
    """As of a body that was wrapped on its way: the second half alone does not look like one."""
    with pytest.raises(SnippetError, match=facts("JSON")) as caught:
        parse_snippet('{"deployment": "d", "user": "fhk_01234567\n89abcdef"}')
    assert "89abcdef" not in str(caught.value)


REFUSED: list[tuple[str, tuple[str, ...]]] = [
    ("hello", ()),
    ("", ()),
    ("please run curl https://x", ()),
    (f"import requests\nrequests.post('{URL}')", ("cURL",)),
    (f"const r = await fetch('{URL}')", ("cURL",)),
    (f"curl {URL}", ()),
    (f"curl -d '{BODY}'", ()),
    (f"curl {URL} {URL} -d '{BODY}'", ()),
    (f"curl {URL} -d '{BODY}'\ncurl {URL} -d '{BODY}'", ()),
    (f"curl {URL} -d @body.json", ()),
    (f"curl {URL} --data-binary @-", ()),
    (f"curl {URL} --json=@body.json", ()),
    (f"curl {URL} -H @headers -d '{BODY}'", ()),
    (f"curl {URL} --data-urlencode 'a=b'", ("--data-raw",)),
    (f"curl {URL} -F a=b", ("--data-raw",)),
    (f"curl {URL} -T file", ("--data-raw",)),
    (f"curl -K config {URL} -d '{BODY}'", ()),
    (f"curl {URL} -G -d '{BODY}'", ("POST",)),
    (f"curl {URL} -X GET -d '{BODY}'", ("GET",)),
    (f"curl {URL} -d '{BODY}' --next {URL}", ()),
    (f"curl https://api.fetchhive.com/v1/prompt/invoke -d '{BODY}'", ()),
    (f"curl https://api.fetchhive.com/v1/agent/invoke -d '{BODY}'", ()),
    (f"curl https://api.fetchhive.com/v1/workflow/webhooks/3/variants/4 -d '{BODY}'", ()),
    ("curl https://api.fetchhive.com/v1/public/requests/req_1", ()),
    (f"curl https://example.com/ -d '{BODY}'", ("/workflow/invoke",)),
    (f"curl 'http://[::1/' -d '{BODY}'", ()),
    ('{"deployment": "d", "variant": "v", "inputs": {}, "streaming": true}', ()),
    ('{"agent": "a", "message": "hi"}', ()),
    (f"curl {URL} -d '{BODY}", ("1", "54")),
    (f'curl {URL} -d "{{"', ("1",)),
    (f"curl {URL} \\\n -d $'{BODY}", ("2", "5")),
    (f"curl {URL} `\n  -d '{BODY}'", ("PowerShell",)),
    (f"curl ‘{URL}’ -d ‘{BODY}’", ()),
    (f'curl {URL} -d "$BODY"', ("'$BODY'",)),
    (f'curl {URL} -d "{{\\"a\\": \\"$(date)\\"}}"', ("$(date)",)),
    (f"curl {URL} -d `cat x`", ("`cat x`",)),
    (f"curl {URL} -d ''", ()),
    (f"curl {URL} -d '[1, 2]'", ("[1, 2]",)),
    (f"curl {URL} -d a=b -d c=d", ("JSON", "1")),
    ('{"variant": "v", "inputs": {}}', ("deployment",)),
    ('{"deployment": "", "variant": "v"}', ()),
    ('{"deployment": 3, "variant": 4, "inputs": "x", "metadata": []}', ("4",)),
    ('{"deployment": "d", "inputs": [1]}', ("inputs",)),
    ('{"deployment": "d", "metadata": {"a": {"b": 1}}}', ("metadata.a",)),
    ('{"deployment": "d", "async": true}', ("async",)),
    ('{"deployment": "d", "async": {"enabled": "yes"}}', ("async.enabled", "'yes'")),
    ('{"deployment": "d", "async": {"enabled": true}}', ("callback_url",)),
    ('{"deployment": "d", "async": {"enabled": true, "callback_url": "x"}}', ("callback_url",)),
    ('{"deployment": "d", "tool_approval": "all"}', ("auto_approve",)),
    ('{"deployment": "d", "input": {"a": 1}}', ("'inputs'",)),
    ('{"deployment": "d", "inputs": {"a": 1, "a": 2}}', ("'a'",)),
    ('{"deployment": "d", "inputs": {"a": NaN}}', ("JSON",)),
    ('{"deployment": "d", "inputs": {"a": 1' + "0" * 5000 + "}}", ()),
    ('{"a":' * 100_000 + "1" + "}" * 100_000, ()),
]


@pytest.mark.parametrize(("text", "part"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_a_workflows_snippet_is_refused_with_its_cure(text: str, part: tuple[str, ...]) -> None:
    """Every refusal is one short line that says what the text is or where it is broken."""
    message = refusal(text)
    assert tells(message, *part)
    assert "\n" not in message
    assert len(message) < 400


BROKEN: list[tuple[str, tuple[str, ...]]] = [
    ('{"deployment": "d"\n "variant": "v"}', ("2",)),
    ('\n\n{"deployment": "d",\n  "variant": \'v\'}', ("4", "14")),
    (f'curl {URL} \\\n  --data-raw \'{{\n  "deployment": "d",\n  "inputs": {{"a": True}}\n}}\'', ("4", "19")),
    (f'curl {URL} \\\n -d \'{{"a": "it\'\\\'\'s", "b": x}}\'', ("2", "28")),
    (f'curl {URL} -d "{{\\"a\\": x}}"', ("1", "63")),
    (f"curl {URL} --data-raw=$'{{\\n\"a\": x}}'", ("1", "72")),
    (f'curl {URL} \\\n -d \'{{"a": "x\ny"}}\'', ("2", "14")),
    ('{"deployment": "d",\u00a0"variant": "v"}', ("1", "20")),
    ('{"deployment": “d”}', ("1", "16")),
    ('{"deployment": "d"} x', ("1", "21")),
]


@pytest.mark.parametrize(("text", "place"), BROKEN)
def test_broken_json_is_told_by_line_column_and_spot(text: str, place: tuple[str, ...]) -> None:
    """The place is that in the pasted text, through whatever quoting, and the spot is shown."""
    message = refusal(text)
    assert tells(message, *place)
    assert "▸" in message


@pytest.mark.parametrize("value", ["null", "{}", '{"enabled": false, "callback_url": ""}'])
def test_an_async_that_is_off_is_a_plain_call(value: str) -> None:
    """The dialog may leave the object there with Async switched off."""
    assert parse_snippet(f'{{"deployment": "d", "async": {value}}}').request.callback_url is None


def test_a_field_that_is_not_known_is_left_out_and_named() -> None:
    """The service may know fields that we do not: they are reported, and do not stop anybody."""
    snippet = parse_snippet('{"deployment": "d", "variant": "v", "session_id": "x"}')
    assert snippet.ignored == ("session_id",)


def test_kinds_are_guessed_from_the_sample_values_and_bind_nothing() -> None:
    """The inferred schema is open: nothing is required, and other variables are let through."""
    body = {"deployment": "d", "variant": "v", "inputs": {"n": 1, "tags": ["a"], "text": "a\nb", "any": None}}
    deployment = deployment_of(parse_snippet(json.dumps(body)))
    assert deployment.inputs["properties"] == {
        "n": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "text": {"type": "string", "format": "textarea"},
        "any": {},
    }
    assert deployment.problems({"new": 1}) == []
    assert [tells(problem, "tags", "'[]'") for problem in deployment.problems({"tags": "[]"})] == [True]
