"""Fuzzing of the four readers of hostile text: snippet, wire, signature and cell.

Rule of this file: a target says what must hold for any text whatever, and what it may not do to the machine; the texts
are real ones, torn and glued again, because noise never gets past a reader's first line. What was found stands in
`tests/security/found.py` and is an example of each target for ever.

For five minutes each::

    python -m tests.security.fuzz --seconds 300 snippet wire signature cell
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any, Final

from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.response import Response
from fh_notebook.contract.retry import RetryAction, decide
from fh_notebook.contract.signing import SignedHeader, StandardWebhooks, sign, verify_signature
from fh_notebook.contract.snippet.parser import looks_like_snippet, parse_snippet
from fh_notebook.contract.wire import decode_answer, decode_retrieved, parse_event
from fh_notebook.core.redaction import Secret
from fh_notebook.errors import InputError
from fh_notebook.notebook.cell.request import read_cell
from fh_notebook.notebook.cell.template import as_json
from tests.notebook.hostile import EVIL, MARKDOWN, dangers
from tests.security.found import FOUND
from tests.security.watching import watching

KEY: Final = "fhk_fuzzed0123456789abcdef"
CPU_S: Final = 3.0
"""Of processor time for a text of some thousand characters: a reader takes milliseconds, a runaway pattern years."""

CURL: Final = f"""curl 'https://api.fetchhive.com/v1/workflow/invoke' \\
  -H 'Authorization: Bearer {KEY}' \\
  -H 'Content-Type: application/json' \\
  --data-raw '{{
    "deployment": "brief", "variant": "a", "async": {{"enabled": true, "callback_url": "https://example.com/c"}},
    "inputs": {{"topic": "it'\\''s AI", "tags": ["x", 1, null]}}, "metadata": {{"case": 4}}
  }}' --compressed
"""
CMD: Final = (
    'curl "https://api.fetchhive.com/v1/workflow/invoke" ^\n  -H "Authorization: Bearer YOUR_API_KEY" ^\n'
    '  -d "{\\"deployment\\": \\"d\\", \\"variant\\": \\"v\\", \\"inputs\\": {\\"a\\": \\"^%PATH^%\\"}}"\n'
)
ANSI: Final = (
    '$ curl https://api.fetchhive.com/v1/workflow/invoke --json $\'{"deployment":"d","inputs":{"a":"\\u00e9\\\'"}}\''
)
SDKS: Final = (
    f'client = FetchHive(api_key="{KEY}")\nrun = client.invoke_workflow(\n  deployment="d", inputs={{"a": ["x", 1, None]}},  # c\n)',
    f"const client = new FetchHive({{ apiKey: '{KEY}' }});\nconst r = await client.invokeWorkflow({{\n  deployment: 'd',"
    " inputs: { a: `x\\u00e9`, b: [1, null] }, // c\n});",
    f"<?php\n$client = new FetchHive(['api_key' => '{KEY}']);\n$run = $client->invokeWorkflow(['deployment' => 'd',"
    " 'inputs' => ['a' => \"x\\u{e9}\", 'b' => array(1, null)]]);",
    f'client = FetchHive::Client.new(api_key: "{KEY}")\nrun = client.invoke_workflow(deployment: "d", inputs: {{ a: :x, "b" => %w[c] }})',
)  # fmt: skip
CODE: Final = (
    "#{`touch x`}", "${", "{$x}", "__import__('os').system('touch x')", "<<~EOT\n", "%x(touch x)", "/*", "//", "f'", "b'", "**x", "...", "=>", "::",
    "client.invoke_workflow(", ".invokeWorkflow({", "->invokeWorkflow([", "lambda: 1", "array(", "(object) [", "\\u{110000}", "\\xff", "\\777",
)  # fmt: skip
CELL: Final = """# what is late
ticket: |
  Parcel is late, {{ name }} says: {{ rows[0]["text"] | x }}
tone: calm
tags: [a, 'b', {c: 1}]
when: 2026-11-25
max_words: {{ n + 1 }}
"""
BODIES: Final[tuple[dict[str, Any], ...]] = (
    {"request_id": "req_1", "run_status": "completed", "output": {"settings": {}, "assets": [{"file_url": "https://x/a"}]}},
    {"run_id": "r", "status": "failed", "error": {"message": "no"}, "error_code": "validation_error", "output": None},
    {"event_type": "workflow.failed", "request_id": "req_1", "data": {"error": EVIL, "response": "hi"}},
    {"request": {"id": "r", "started_at": "2026-11-25T10:00:00Z", "ended_at": "2026-11-25T10:00:01", "data": {}}},
    {"workflow_run": {"run_status": "completed", "output_content": "x", "start_inputs": {"a": 1}, "total_charge": "1e999"}},
    {"error": "Daily API rate limit reached", "error_code": "api_rate_limit_exceeded", "limit": 50, "current": 50},
    {"run_status": "queued", "webhook_secret": KEY, "request_id": "req_1"},
)  # fmt: skip
SHELL: Final = (
    "'", '"', "\\", "\n", "\r\n", "^", "$'", "`", "$(touch x)", "; rm -rf /", "| sh", "-d @/etc/passwd", "-K /etc/passwd", "-o /tmp/x",
    "--data-raw ", "-H ", "{", "}", "[", ",", ":", "\x00", "\u202e", "\ud800", "é", "\u2028", "<<EOF", "> /tmp/x", "&", "#", "```", "-d ",
    "file:///etc/passwd", "YOUR_API_KEY", "Authorization: Bearer ", KEY, "\\u0000", "'" * 40, "\\" * 41, "a" * 3000, " \t" * 500,
)  # fmt: skip
YAML: Final = (
    "!!python/object/apply:os.system ['touch x']", "!!python/name:os.system", "&a ", "*a", "<<: *a", "{{ __import__('os').system('touch x') }}",
    "{{", "}}", "{{{{", "{% x %}", "- ", ": ", "|\n  ", ">-\n", "%YAML 1.1", "---\n", "...\n", "? ", "!", "!!binary aGk=", "\t", "#", "'", '"',
    "0x1F", "1_000", "1e999", ".inf", "~", "yes", "2026-11-25", "\x85", "\ufeff", "\ud800", "[" * 60, "{a: " * 60, "{{ (" * 40, "a: " * 40, "=",
    EVIL, MARKDOWN[:300], "\n  " * 300, "x" * 3000, "-" * 500, " " * 3000 + "#", "{{ a." * 30,
)  # fmt: skip
VALUES: Final = (
    None, True, 0, -1, 1e308, 10**30, "", "req_1", EVIL, KEY, "2026-13-99T99:99:99Z", "\ud800", [], {}, [[]], {"": ""}, "\x00", "completed",
    [None, {"file_url": "javascript:x", "file_name": "../../x", "file_size": -1}], "=1+1", {"assets": "x"}, {"output": {"output": 1}}, "a" * 2000,
)  # fmt: skip


def _torn(seeds: tuple[str, ...], pieces: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Real texts with parts cut out, said twice, put elsewhere, and pieces that mean something put between."""
    steps = st.lists(
        st.tuples(st.sampled_from(["cut", "insert", "twice", "swap", "end"]), st.integers(0, 2000), st.integers(0, 60),
                  st.sampled_from(pieces) | st.text(max_size=4)), max_size=9)  # fmt: skip

    def tear(start: str, todo: list[tuple[str, int, int, str]]) -> str:
        text = start
        for what, at, size, piece in todo:
            at %= len(text) + 1
            match what:
                case "cut":
                    text = text[:at] + text[at + size :]
                case "insert":
                    text = text[:at] + piece + text[at:]
                case "twice":
                    text = text[:at] + text[max(0, at - size) : at] * 3 + text[at:]
                case "swap":
                    text = text[:at] + piece + text[at + max(1, len(piece)) :]
                case _:
                    text = text[: at or 1] + piece
        return text[:20_000]

    return st.builds(tear, st.sampled_from((*seeds, "")), steps) | st.lists(st.sampled_from(pieces), max_size=12).map(
        "".join
    )


def _bodies() -> st.SearchStrategy[dict[str, Any]]:
    names = sorted({name for body in BODIES for name in _names(body)} | {"metadata", "code", "message", "total_tokens"})
    inner: st.SearchStrategy[Any] = st.recursive(
        st.sampled_from(VALUES) | st.text(max_size=8) | st.integers() | st.floats(),
        lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(st.sampled_from(names), deeper, max_size=5),
        max_leaves=12,
    )
    return st.builds(
        lambda known, more: {**known, **more}, st.sampled_from((*BODIES, {})),
        st.dictionaries(st.sampled_from(names), inner, max_size=6),
    )  # fmt: skip


def _names(value: Any) -> list[str]:
    return [] if not isinstance(value, dict) else [n for k, v in value.items() for n in (k, *_names(v))]


def snippet(text: str) -> None:
    """Any text is a snippet, or an `InputError` without its key; nothing is run, read or asked for."""
    looks_like_snippet(text)
    try:
        read = parse_snippet(text)
    except InputError as refused:
        assert KEY not in str(refused), str(refused)
        return
    assert KEY not in repr(read)


def wire(drawn: tuple[int, bytes, dict[str, str]]) -> None:
    """Any answer is a decision and a run, whose page is inert and which can be kept and read again."""
    status, raw, headers = drawn
    answer = Response(status_code=status, body=raw, headers=headers)
    decision = decide(answer)
    assert decision.action in RetryAction
    assert 0 <= decision.wait_s <= 3700  # an hour, and what scatters it
    for run in (
        decode_answer(answer, fh.InvokeRequest(deployment="d")),
        decode_retrieved(answer, request_id="r"),
        parse_event(raw),
    ):
        again = fh.Run.from_dict(json.loads(json.dumps(run.to_dict())))
        assert again.status == run.status
        page = run._repr_html_()
        assert len(page) < 2_000_000
        assert dangers(page) == [], page
        repr(run), str(run), run.text, run.assets


def signature(drawn: tuple[bytes, bytes, str, str]) -> None:
    """Only the exact signature is a yes, and nothing raises; a secret is in no answer."""
    body, header, secret, stamp = drawn
    good = sign(body, secret).encode() if secret else b""
    spelt = {good, b"sha256=" + good} if secret else set()
    taken = verify_signature(body, header, secret)
    if taken and header.strip(b" \t") not in spelt:
        import base64

        assert base64.b64decode(header.strip(b" \t"), validate=True).hex().encode() == good
    if secret:
        assert verify_signature(body, good, secret)
        assert not verify_signature(body + b"x", good, secret)
        assert not verify_signature(body, good + b"0", secret)
    headers = {
        "x-fetch-hive-signature": header, "webhook-id": header, "webhook-timestamp": stamp.encode(errors="replace"),
        "webhook-signature": b"v1," + header, "x-stamp": stamp.encode(errors="replace"),
    }  # fmt: skip
    for scheme in (SignedHeader(), SignedHeader(timestamp_header="x-stamp"), StandardWebhooks()):
        accepted = scheme.accepts_request(body, headers, [Secret(secret)], now_s=1_700_000_000.0)
        assert not accepted or isinstance(scheme, SignedHeader), (scheme, headers)
        assert not accepted or taken or scheme.timestamp_header, (scheme, headers)


TICKET: Final = fh.Deployment(
    "support-triage",
    variants=["a"],
    inputs={
        "ticket": fh.text(multiline=True), "tone": fh.choice("calm", "brief"), "tags": fh.array(fh.text(), required=False),
        "max_words": fh.integer(default=120, minimum=1), "when": fh.date(required=False), "about": fh.group({"a": fh.text()}, required=False),
    },
)  # fmt: skip
ONE: Final = fh.Deployment("one", variants=["a"], inputs={"text": fh.text()})
FREE: Final = fh.Deployment("free", variants=["a"])


def _always(deployment: fh.Deployment, _: str) -> fh.Deployment:
    return deployment


def cell(text: str) -> None:
    """Any body is a call, or an `InputError` of one line; what is between ``{{ }}`` reaches the evaluator and no one
    else.
    """
    asked: list[str] = []

    def evaluate(source: str) -> Any:
        asked.append(source)
        return as_json("value", source)

    for deployment in (TICKET, ONE, FREE):
        try:
            call = read_cell(text, name=deployment.name, find=partial(_always, deployment), evaluate=evaluate)
            for request in call.requests():
                json.dumps(request.to_dict() if hasattr(request, "to_dict") else dict(request.inputs))
        except InputError as refused:
            assert KEY not in str(refused)
    assert all("{{" in text for _ in asked)


Target = Callable[[Any], None]
TARGETS: Final[dict[str, tuple[Target, st.SearchStrategy[Any]]]] = {
    "snippet": (snippet, _torn((CURL, CMD, ANSI, CURL.replace("'", '"'), *SDKS), SHELL + CODE)),
    "wire": (
        wire,
        st.tuples(
            st.sampled_from((200, 202, 204, 301, 400, 401, 402, 404, 422, 429, 500, 502, 503)) | st.integers(100, 599),
            _bodies().map(lambda body: json.dumps(body).encode())
            | _torn(tuple(json.dumps(b) for b in BODIES), SHELL).map(lambda t: t.encode(errors="surrogatepass")),
            st.dictionaries(
                st.sampled_from(["retry-after", "content-type", "x-request-id", "date"]),
                st.sampled_from(["", "3", "-1", "1e9", "nan", "inf", "9" * 400, "Wed, 25 Nov 2026 10:00:00 GMT", "Wed, 99 Foo", "text/html"])
                | st.text(max_size=12),
                max_size=3,
            ),
        ),
    ),
    "signature": (
        signature,
        st.tuples(
            st.binary(max_size=40),
            st.binary(max_size=80) | st.sampled_from([sign(b"", "s"), "sha256=" + sign(b"", "s"), "v1," + sign(b"", "s")]).map(str.encode),
            st.sampled_from(["", "s", "whsec_", "whsec_aGk=", "whsec_\ud800".encode(errors="replace").decode()]) | st.text(max_size=8),
            st.sampled_from(["", "1700000000", "-1", "1e9", "٣", "9" * 400, " 1700000000 ", "0" * 12]) | st.text(max_size=14),
        ),
    ),
    "cell": (cell, _torn((CELL, CURL, '{"ticket": "late", "tone": "calm"}', "{{ everything }}", "Parcel is late: where?"), YAML)),
}  # fmt: skip


def checked(target: str, value: Any) -> None:
    """Ask a target about one value, watched: nothing is run, opened or connected to, and it takes its time in bounds.

    A machine that stands still for seconds may count them as the thread's: only what takes long twice is slow.
    """
    spent = 0.0
    for _ in range(2):
        begun = time.thread_time()
        with watching() as seen:
            TARGETS[target][0](value)
        assert seen == [], seen
        spent = time.thread_time() - begun
        if spent < CPU_S:
            return
    raise AssertionError(f"took {spent:.1f} s of processor time, twice in a row more than {CPU_S} s")


def fuzz(target: str, *, start: int, seconds: float = inf, rounds: float = inf) -> int:
    """Ask in rounds of other seeds each, for so many or so long; return how many values were asked about."""
    count = 0

    def one(value: Any) -> None:
        nonlocal count
        count += 1
        checked(target, value)

    until, round_ = time.monotonic() + seconds, start
    rules = settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    while time.monotonic() < until and round_ < start + rounds:
        test: Any = given(TARGETS[target][1])(one)
        for known in FOUND[target] if round_ == start else ():
            test = example(known)(test)
        seed(round_)(rules(test))()
        round_ += 1
    return count


def main() -> None:
    """Fuzz what the command names; the first thing found is raised, with its smallest value."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default")
    reader.add_argument("--seconds", type=float, default=300.0, help="of each target (300)")
    reader.add_argument("--seed", type=int, default=None, help="of the first round; else another one each time")
    asked = reader.parse_args()
    start = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    if unknown := set(asked.targets) - set(TARGETS):
        reader.error(f"there is no target {', '.join(unknown)}")
    for target in asked.targets or TARGETS:
        print(f"{target}: {fuzz(target, seconds=asked.seconds, start=start):,} values (seed {start})", flush=True)


if __name__ == "__main__":
    main()
