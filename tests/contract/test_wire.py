"""Bytes to runs and back: both spellings, both generations of errors, and everything that is not JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.contract.invoke_request import InvokeRequest
from fh_notebook.contract.response import Response
from fh_notebook.contract.run import Run
from fh_notebook.contract.wire import decode_answer, decode_retrieved, encode_request, parse_event
from fh_notebook.core.redaction import Secret
from tests.told import tells

REQUEST = InvokeRequest(deployment="support-triage", variant="nearest", inputs={"ticket": "hi"}, metadata={"case": 42})


def answered(status: int, body: object, headers: dict[str, str] | None = None) -> Run:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_answer(Response(status_code=status, body=raw, headers=headers or {}, elapsed_s=0.5), REQUEST)


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (
            InvokeRequest(deployment="d", variant="v", inputs={"tags": ["a", "ü"]}),
            {"deployment": "d", "variant": "v", "inputs": {"tags": ["a", "ü"]}},
        ),
        (
            InvokeRequest(deployment="d", variant="v", callback_url="https://example.com/cb", metadata={"k": None}),
            {
                "deployment": "d",
                "variant": "v",
                "async": {"enabled": True, "callback_url": "https://example.com/cb"},
                "inputs": {},
                "metadata": {"k": None},
            },
        ),
        (
            InvokeRequest(deployment="d", user="u1", tool_approval="policy"),
            {"deployment": "d", "inputs": {}, "user": "u1", "tool_approval": "policy"},
        ),
    ],
)
def test_a_request_holds_what_was_given_and_nothing_else(request_: InvokeRequest, body: dict[str, object]) -> None:
    """The body of CONTRACT section 1; a field that was not given is not sent."""
    assert json.loads(encode_request(request_)) == body


@pytest.mark.parametrize(
    ("status", "body", "want"),
    [
        (200, {"request_id": "req_1", "run_status": "completed", "output": "hi"}, ("completed", "hi", "req_1", None)),
        (
            200,
            {"request_id": "req_1", "run_id": "run_9", "status": "completed", "output": {"a": 1}, "error": None},
            ("completed", {"a": 1}, "req_1", "run_9"),
        ),
        (
            200,
            {"run_id": "run_9", "status": "failed", "output": None, "error": "boom"},
            ("failed", None, None, "run_9"),
        ),
        (202, {"run_id": "run_9", "status": "queued"}, ("queued", None, None, "run_9")),
        (200, {"request_id": "r", "run_status": "running", "webhook_secret": "s"}, ("running", None, "r", None)),
        (200, {"request_id": "r", "run_status": "awaiting_approval"}, ("awaiting_approval", None, "r", None)),
        (200, {"request_id": "r", "run_status": "paused_by_moon"}, ("paused_by_moon", None, "r", None)),
        (200, {"request_id": "r", "output": ""}, ("completed", "", "r", None)),
        (202, {"request_id": "r"}, ("queued", None, "r", None)),
        (200, {"request_id": "r"}, ("unknown", None, "r", None)),
    ],
)
def test_both_spellings_of_an_answer_are_read(status: int, body: object, want: tuple[object, ...]) -> None:
    """`run_status` or `status`, `request_id` or `run_id`; a status that nobody knows stays as it is."""
    run = answered(status, body)
    assert (run.status, run.output, run.request_id, run.run_id) == want
    assert (run.deployment, run.variant, run.inputs, run.metadata) == (
        "support-triage",
        "nearest",
        {"ticket": "hi"},
        {"case": 42},
    )
    assert run.elapsed_s == 0.5


@pytest.mark.parametrize(
    ("status", "body", "want_status", "want_code", "in_error"),
    [
        (
            422,
            {"error": "e", "message": "tags is wrong", "error_code": "validation_error"},
            "failed",
            "validation_error",
            "tags is wrong",
        ),
        (400, {"error": "Missing required field: deployment or variant"}, "failed", "http_400", "Missing required"),
        (422, {"error": "gone", "code": "model_deprecated"}, "failed", "model_deprecated", "gone"),
        (404, {"error": {"message": "no such", "code": "not_found"}}, "failed", "not_found", "no such"),
        (500, {"error": "oops", "error_code": "internal_server_error"}, "unknown", "internal_server_error", "oops"),
        (502, {"error": "p", "error_code": "provider_error"}, "failed", "provider_error", "p"),
        (502, b"<html><head><title>502 Bad Gateway</title></head></html>", "unknown", "http_502", "502 Bad Gateway"),
        (503, b"", "failed", "http_503", ""),
        (500, {"error_code": "account_credit_cap_reached"}, "failed", "account_credit_cap_reached", "HTTP 500"),
        (504, b"upstream timed out", "unknown", "http_504", "upstream timed out"),
        (418, b"[1]", "failed", "http_418", ""),
        (302, b"", "failed", "http_302", ""),
        (200, b"", "unknown", "empty_body", ""),
        (200, b"<html>login to the hotel's wifi</html>", "unknown", "not_json", "JSON"),
        (200, b"[1, 2]", "unknown", "not_json", "JSON"),
        (200, b"\xff\xfe\x00", "unknown", "not_json", "JSON"),
        (200, b"[" * 100_000, "unknown", "not_json", "JSON"),
    ],
)
def test_whatever_comes_is_a_run_with_words_and_a_code(
    status: int, body: object, want_status: str, want_code: str, in_error: str
) -> None:
    """Error bodies of both generations, HTML pages, empty and broken bodies: a run that says what it was."""
    run = answered(status, body)
    assert (run.status, run.error_code, run.status_code) == (want_status, want_code, status)
    assert run.error
    assert in_error in run.error


@pytest.mark.parametrize(
    ("broke", "sent", "status", "code"),
    [
        ("connect", False, "failed", "connect"),
        ("read_timeout", True, "unknown", "read_timeout"),
        ("reset", True, "unknown", "reset"),
        ("cut", True, "unknown", "cut"),
        ("too_large", True, "failed", "response_too_large"),
    ],
)
def test_a_broken_exchange_says_whether_it_may_have_run(broke: str, sent: bool, status: str, code: str) -> None:
    """What was sent may have run; what was not, did not."""
    run = decode_answer(Response(broke=broke, sent=sent, detail="Bearer abcdef"), REQUEST)
    assert (run.status, run.error_code) == (status, code)
    assert "abcdef" not in str(run.error)


def test_the_request_id_is_found_wherever_it_stands() -> None:
    """In the body, inside `data`, or in the headers of an error page."""
    assert answered(500, {"error": "x", "request_id": "req_b"}).request_id == "req_b"
    assert answered(200, {"status": "completed", "data": {"request_id": "req_d", "output": 1}}).request_id == "req_d"
    assert answered(502, b"<html>", {"x-request-id": "req_h"}).request_id == "req_h"


def test_a_remark_beside_a_good_run_is_not_an_error() -> None:
    """A completed run with a `message` has no error; one with an `error` has."""
    assert answered(200, {"run_status": "completed", "output": 1, "message": "OK"}).error is None
    assert answered(200, {"run_status": "completed", "output": 1, "error": "half"}).error == "half"


def test_the_signing_secret_is_taken_out_of_the_raw_body() -> None:
    """The secret lives in one masked field; raw, repr and the stored form do not have it."""
    run = answered(200, {"request_id": "r", "run_status": "running", "webhook_secret": "whsec_very_secret"})
    assert run.webhook_secret is not None
    assert run.webhook_secret.reveal() == "whsec_very_secret"
    for shown in (repr(run), str(run.raw), run._repr_html_(), json.dumps(run.to_dict(), default=str)):
        assert "very_secret" not in shown


def test_secrets_are_masked_wherever_a_body_has_them() -> None:
    """Nested, in lists, in what is no object, and a key that an error repeats back: none of it is kept or shown."""
    body = {
        "error": "bad key fhk_0123456789",
        "debug": [{"authorization": "Bearer fhk_0123456789"}, {"webhook_secret": "whsec_very_secret"}],
        "request": {"webhook_secret": "whsec_very_secret"},
    }
    for run in (
        answered(500, body),
        answered(200, {**body, "status": "completed"}),
        decode_retrieved(Response(status_code=200, body=json.dumps(body).encode()), request_id="r"),
        parse_event(json.dumps(body).encode()),
        answered(200, [body]),
        answered(200, b"<html>Bearer fhk_0123456789, secret=whsec_very_secret</html>"),
        parse_event(json.dumps([body]).encode()),
        parse_event(b"Bearer fhk_0123456789, secret=whsec_very_secret"),
        answered(502, b"<title>who is fhk_0123456789?</title>"),
    ):
        kept = json.dumps(run.to_dict())
        assert "0123456789" not in kept
        assert "very_secret" not in kept


def test_placeholders_that_are_not_found_are_explained() -> None:
    """A 404 of a snippet that nobody filled in says that its names are placeholders."""
    request = InvokeRequest(deployment="YOUR_DEPLOYMENT_NAME", variant="YOUR_VARIANT_NAME")
    run = decode_answer(Response(status_code=404, body=b'{"error": "Deployment not found"}'), request)
    assert tells(run.error, "YOUR_DEPLOYMENT_NAME", "YOUR_VARIANT_NAME")
    assert "YOUR_" not in str(answered(404, {"error": "x"}).error)


def test_an_answer_larger_than_the_limit_is_a_failed_run_not_an_error() -> None:
    """64 MiB and one byte is told, with its code."""
    run = decode_answer(Response(broke="too_large"), REQUEST)
    assert (run.status, run.error_code) == ("failed", "response_too_large")


@given(status=st.integers(100, 599), body=st.binary(max_size=300))
def test_decoding_bytes_never_raises(status: int, body: bytes) -> None:
    """Any bytes under any status become a run that can be shown and kept."""
    run = answered(status, body)
    assert repr(run)
    assert run._repr_html_()
    assert Run.from_dict(json.loads(json.dumps(run.to_dict()))) == run


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KNOWN = st.sampled_from(
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
    ]
)


@given(status=st.sampled_from([200, 202, 400, 404, 429, 500, 502]), body=st.dictionaries(KNOWN, JSON))
def test_bodies_of_the_wrong_kinds_never_raise(status: int, body: dict[str, object]) -> None:
    """A known field may hold any JSON: a list as status, a number as error, an object as id."""
    run = answered(status, body)
    assert isinstance(run.status, str)
    assert repr(run)
    raw = json.dumps(body).encode()
    assert decode_retrieved(Response(status_code=status, body=raw), request_id="r").request_id
    assert parse_event(raw).status


def test_a_retrieved_run_is_read_from_both_addresses() -> None:
    """The request's page, wrapped or not, and the older workflow run's."""
    page = {
        "id": 1,
        "request_id": "req_1",
        "status": "completed",
        "message": "fine",
        "started_at": "2026-11-25T10:00:00Z",
        "ended_at": "2026-11-25T10:00:02Z",
        "user_metadata": {"case": 1},
        "data": {"output": "hi"},
    }
    for body in (page, {"request": page}):
        run = decode_retrieved(Response(status_code=200, body=json.dumps(body).encode()), request_id="req_1")
        assert (run.status, run.output, run.elapsed_s, run.error) == ("completed", "hi", 2.0, None)
        assert run.started_at == datetime(2026, 11, 25, 10, tzinfo=UTC)
        assert run.metadata == {"case": 1}
    older = {"workflow_run": {"run_status": "failed", "error_message": "boom", "start_inputs": {"ticket": "x"}}}
    run = decode_retrieved(Response(status_code=200, body=json.dumps(older).encode()), request_id="req_2")
    assert (run.status, run.error, run.inputs, run.request_id) == ("failed", "boom", {"ticket": "x"}, "req_2")


def test_a_look_up_that_failed_says_nothing_of_the_run() -> None:
    """404 on a look-up is a run of status unknown, not a failed run."""
    run = decode_retrieved(Response(status_code=404, body=b'{"error": "Request not found"}'), request_id="req_1")
    assert (run.status, run.error, run.request_id) == ("unknown", "Request not found", "req_1")


@pytest.mark.parametrize(
    ("event", "want"),
    [
        ({"event_type": "agent.completed", "request_id": "r", "data": {"response": "hi"}}, ("completed", "hi", None)),
        ({"event_type": "workflow.failed", "request_id": "r", "data": {"error": "boom"}}, ("failed", None, "boom")),
        ({"run_status": "completed", "request_id": "r", "output": {"a": 1}}, ("completed", {"a": 1}, None)),
        ({"event_type": "workflow.completed", "data": {"request_id": "r", "output": "x"}}, ("completed", "x", None)),
        ({"event_type": "workflow.odd", "status": "failed", "request_id": "r", "error": "e"}, ("failed", None, "e")),
        ({"event_type": "workflow.completed", "request_id": "r", "data": "plain"}, ("completed", "plain", None)),
    ],
)
def test_callback_events_are_read_tolerantly(event: object, want: tuple[object, ...]) -> None:
    """CONTRACT section 6: id at top or in `data`, status from the suffix or a field, output from three places."""
    run = parse_event(json.dumps(event).encode())
    assert (run.status, run.output, run.error) == want
    assert run.request_id == "r"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_callback_event_is_read_from_whatever_holds_bytes(kind: type[Any]) -> None:
    """As its signature is verified, so that one body serves both."""
    assert parse_event(kind(b'{"run_status": "completed", "output": "hi"}')).output == "hi"


@pytest.mark.parametrize("where", [{}, {"error": None}])
def test_a_key_that_a_service_echoes_is_masked_in_the_code_too(where: dict[str, Any]) -> None:
    """Of a refusal, a failed run and a look-up; wherever the code stands."""
    secret = Secret("a-key-of-no-known-shape")
    code = f"bad_key_{secret.reveal()}"
    body: dict[str, Any] = (
        {"error": {"code": code}} if where else {"error_code": code, "error": f"no {secret.reveal()}"}
    )
    for status in (400, 401, 500, 200):
        answer = Response(status_code=status, body=json.dumps({"run_status": "failed", **body}).encode())
        for run in (decode_answer(answer, InvokeRequest(deployment="d")), decode_retrieved(answer, request_id="r")):
            assert secret.reveal() not in repr(run) + str(run.error_code) + str(run.raw)
    assert decode_answer(answer, InvokeRequest(deployment="d")).error_code == "bad_key_***"


@pytest.mark.parametrize("place", ["request_id", "run_id", "x-request-id"])
def test_a_key_that_a_service_echoes_in_an_id_is_masked(place: str) -> None:
    """In the body and in the header; an id is shown with its run, kept and logged."""
    secret = Secret("a-key-of-no-known-shape")
    told = f"id_{secret.reveal()}"
    in_header = place.startswith("x-")
    answer = Response(
        status_code=200,
        body=json.dumps({"run_status": "completed", "output": "x"} | ({} if in_header else {place: told})).encode(),
        headers={place: told} if in_header else {},
    )
    run = decode_answer(answer, InvokeRequest(deployment="d"))
    assert "id_***" in (run.request_id, run.run_id)
    assert secret.reveal() not in repr(run)
