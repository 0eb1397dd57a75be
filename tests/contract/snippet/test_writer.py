"""A call written as curl or as Python is the same call."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.snippet.parser import parse_snippet
from fh_notebook.contract.snippet.writer import to_curl, to_python
from tests.contract.snippet.snippets import BASE, URL, bash_words, our_words

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda v: "\ud800" not in repr(v))
texts = st.text(st.characters(exclude_categories=["Cs"]))
nasty = st.sampled_from(
    ["it's", '"', "`rm -rf`", "$(x)", "$HOME", "a\nb", "\\", "\\'", "'\\''", "\x00\x7f", "\u202e", "!!", "^"]
)
requests = st.builds(
    InvokeRequest,
    deployment=texts.filter(str.strip).map(str.strip),
    variant=texts.filter(str.strip),
    inputs=st.dictionaries(texts | nasty, json_values | nasty, max_size=3),
    metadata=st.none() | st.dictionaries(texts.filter(bool), texts | st.booleans(), max_size=2),
    callback_url=st.none() | st.just("https://example.com/a?b='c'"),
    user=st.none() | texts,
)


def body_of(request: InvokeRequest) -> dict[str, Any]:
    """The body by our own account, apart from the code under test."""
    body: dict[str, Any] = {
        "deployment": request.deployment,
        "variant": request.variant,
        "inputs": dict(request.inputs),
        "metadata": request.metadata,
        "user": request.user,
        "tool_approval": request.tool_approval,
        "async": {"enabled": True, "callback_url": request.callback_url} if request.callback_url else None,
    }
    return {k: v for k, v in body.items() if v is not None}


@given(requests)
def test_a_written_curl_command_sends_the_same_call_and_reads_back_equal(request: InvokeRequest) -> None:
    """Quotes, line breaks, dollars, backticks and any Unicode survive the way through a real bash, and the way back."""
    command = to_curl(request, base_url=BASE + "/")
    words = bash_words(command)
    assert words[1] == URL
    assert json.loads(words[words.index("--data-raw") + 1]) == body_of(request)
    assert our_words(command) == words
    assert parse_snippet(command).request == request


@given(requests)
def test_written_python_makes_the_same_call(request: InvokeRequest) -> None:
    """The code, executed with a stand-in for the package, calls invoke with the request's own values."""
    calls: list[tuple[Any, ...]] = []

    def invoke(deployment: str, **named: Any) -> str:
        calls.append((deployment, named))
        return "run"

    package = SimpleNamespace(Client=lambda: SimpleNamespace(invoke=invoke))
    space: dict[str, Any] = {"__builtins__": {"__import__": lambda *_: package, "True": True, "False": False}}
    exec(to_python(request), space)
    fields = ("variant", "inputs", "metadata", "callback_url", "user", "tool_approval")
    expected = {f: getattr(request, f) for f in fields if getattr(request, f) is not None}
    assert calls == [(request.deployment, expected)]
    assert space["run"] == "run"


def test_neither_way_of_writing_shows_a_key() -> None:
    """curl has the placeholder, Python no key at all."""
    request = InvokeRequest(deployment="d", variant="v")
    assert "Bearer YOUR_API_KEY" in to_curl(request, base_url=BASE)
    assert "key" not in to_python(request).lower()
