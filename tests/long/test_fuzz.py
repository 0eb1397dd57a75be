"""The readers of hostile text, with many more examples than the default tier has time for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.response import Response
from fh_notebook.contract.retry import RetryAction, decide
from fh_notebook.contract.snippet.parser import looks_like_snippet, parse_snippet
from fh_notebook.contract.wire import decode_answer, decode_retrieved, parse_event
from fh_notebook.errors import InputError
from fh_notebook.notebook.cell.parser import parse_mapping

pytestmark = pytest.mark.long
MANY = settings(
    max_examples=2_000, deadline=None
)  # `python -m tests.security.fuzz` asks the same readers, with other values each time

PIECES = st.sampled_from(
    [
        "curl ",
        "'",
        '"',
        "\\",
        "\n",
        "^",
        "$'",
        "`",
        "-d ",
        "--data-raw ",
        "-H ",
        "https://x/v1/workflow/invoke",
        "{",
        "}",
        ":",
        ",",
        "[",
        "]",
        "YOUR_API_KEY",
        "é",
        "\u202e",
        "\x00",
        "a",
        '"deployment"',
        '"inputs"',
        "Authorization: Bearer ",
    ]
)


@MANY
@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join))
def test_any_text_is_a_snippet_or_one_error(text: str) -> None:
    """Pieces of shells and JSON in any order: a snippet, or an InputError of ours, never anything else."""
    looks_like_snippet(text)
    try:
        parse_snippet(text)
    except InputError as error:
        assert str(error)


@MANY
@given(st.lists(st.sampled_from([*":-{}[]|>'\"#&*!%@`,? \n\tab1", "- ", ": ", "|\n "]), max_size=60).map("".join))
def test_any_body_is_a_mapping_or_one_line(text: str) -> None:
    """Pieces of YAML in any order."""
    try:
        json.dumps(parse_mapping(text))
    except InputError as error:
        assert "\n" not in str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(
    [
        "status",
        "run_status",
        "output",
        "error",
        "message",
        "error_code",
        "code",
        "data",
        "request_id",
        "run_id",
        "request",
        "workflow_run",
        "event_type",
        "webhook_secret",
        "limit",
        "current",
        "metadata",
        "user_metadata",
        "start_inputs",
        "started_at",
        "ended_at",
    ]
)


@MANY
@given(status=st.integers(100, 599), body=st.dictionaries(NAMES, JSON, max_size=8))
def test_any_body_is_a_run(status: int, body: dict[str, object]) -> None:
    """Known names with values of any kind: a verdict, a run, and a page, whatever it was."""
    raw = json.dumps(body).encode()
    answer = Response(status_code=status, body=raw)
    assert decide(answer).action in RetryAction
    request = fh.InvokeRequest(deployment="d")
    for run in (decode_answer(answer, request), decode_retrieved(answer, request_id="r"), parse_event(raw)):
        assert fh.Run.from_dict(json.loads(json.dumps(run.to_dict()))).status == run.status
        assert "<script" not in run._repr_html_()
