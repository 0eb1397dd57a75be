"""Reading what a caller sent."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fh_notebook.local.requests import Refusal, bearer_key, read_invoke, read_trigger
from tests.local.hives import ask, by_callback
from tests.told import tells

NOT_PERMITTED = "tool_approval_override_not_permitted"
INVALID_APPROVAL = "invalid_tool_approval"


def _body(**fields: Any) -> bytes:
    return json.dumps({**ask(), **fields}).encode()


@pytest.mark.parametrize(
    ("body", "status", "code", "text"),
    [
        (b"", 400, "invalid_json", ("JSON",)),
        (b"{", 400, "invalid_json", ("JSON",)),
        (b"\xff\xfe\xff", 400, "invalid_json", ("JSON",)),
        (b"[" * 100_000, 400, "invalid_json", ("JSON",)),
        (b'{"inputs": {"n": NaN}}', 400, "invalid_json", ("NaN", "JSON")),
        (b'{"inputs": {"n": ' + b"9" * 5_000 + b"}}", 400, "invalid_json", ("JSON",)),
        (b"[]", 422, "validation_error", ("JSON",)),
        (b"null", 422, "validation_error", ("JSON",)),
        (b"{}", 422, "validation_error", ("deployment", "variant")),
        (_body(variant=None), 422, "validation_error", ("deployment", "variant")),
        (_body(variant=""), 422, "validation_error", ("deployment", "variant")),
        (_body(deployment=""), 422, "validation_error", ("deployment", "variant")),
        (_body(deployment=3), 422, "validation_error", ("deployment", "variant")),
        (_body(inputs=[1]), 422, "validation_error", ("inputs",)),
        (_body(inputs="x"), 422, "validation_error", ("inputs",)),
        (_body(metadata=[]), 422, "validation_error", ("metadata",)),
        (_body(metadata={"a": {"b": 1}}), 422, "validation_error", ("metadata.a",)),
        (_body(metadata={"a": [1]}), 422, "validation_error", ("metadata.a",)),
        (_body(metadata={"": 1}), 422, "validation_error", ("metadata",)),
        (_body(user=3), 422, "validation_error", ("user",)),
        (_body(tool_approval="always"), 400, "invalid_tool_approval", ("auto_approve",)),
        (_body(**{"async": True}), 422, "validation_error", ("async",)),
        (_body(**{"async": {"callback_url": "http://localhost"}}), 422, "validation_error", ("async",)),
        (_body(**{"async": {"enabled": "yes"}}), 422, "validation_error", ("async",)),
        (_body(**{"async": {"enabled": True}}), 422, "validation_error", ("callback_url",)),
        (_body(**by_callback("")), 422, "validation_error", ("callback_url",)),
        (_body(**{"async": {"enabled": True, "callback_url": 3}}), 422, "validation_error", ("callback_url",)),
        *(
            (_body(**by_callback(url)), 422, "validation_error", ("callback_url",))
            for url in (
                "hooks.test/x",
                "ftp://hooks.test",
                "http://",
                "http:///x",
                "http://a b",
                "http://[::1",
                "http://h:x",
                "http://h\n",
            )
        ),
    ],
)
def test_a_bad_request_is_refused_in_the_services_words(
    body: bytes, status: int, code: str, text: tuple[str, ...]
) -> None:
    """Before anything runs."""
    with pytest.raises(Refusal) as caught:
        read_invoke(body)
    assert (caught.value.status, caught.value.code) == (status, code)
    assert tells(caught.value.message, *text)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"inputs": None},
        {"metadata": None},
        {"metadata": {"s": "x", "i": 1, "f": 1.5, "b": True, "n": None}},
        {"user": "ada"},
        {"tool_approval": "policy"},
        {"tool_approval": "auto_approve"},
        {"async": None},
        {"async": {"enabled": False}},
        {"async": {"enabled": False, "callback_url": "nonsense"}},
        {"something_new": [1, 2]},
    ],
)
def test_a_good_request_is_read(fields: dict[str, Any]) -> None:
    """Optional fields may be missing or null, and a field that nobody knows is left alone."""
    body = _body(**fields)
    read = read_invoke(body)
    assert (read.deployment, read.variant, read.callback_url, read.body) == ("echo", "async", None, body)
    assert read.inputs == (fields["inputs"] or {} if "inputs" in fields else {"text": "hi"})


def test_an_older_body_names_the_deployment_endpoint() -> None:
    """The newer name counts where both are there."""
    assert read_invoke(b'{"endpoint": "echo", "variant": "v"}').deployment == "echo"
    assert read_invoke(b'{"endpoint": "echo", "deployment": "new", "variant": "v"}').deployment == "new"


def test_any_web_address_may_be_a_callback_url() -> None:
    """Whether it is delivered to is another question."""
    for url in (
        "https://example.com/callback",
        "http://127.0.0.1:8000",
        "http://user:word@host/x?y=1",
        "http://[::1]:8",
    ):
        assert read_invoke(_body(**by_callback(url))).callback_url == url


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"async": {"callback_url": "http://h/x"}}, "http://h/x"),
        ({"async": {"enabled": False, "callback_url": "http://h/x"}}, "http://h/x"),  # it is always callback delivery
        ({}, "callback_url"),
        ({"async": {}}, "callback_url"),
        ({"async": None}, "callback_url"),
        ({"async": 3}, "async"),
        ({"async": {"callback_url": "x"}}, "callback_url"),
    ],
)
def test_a_trigger_always_needs_a_callback_url(fields: dict[str, Any], expected: str) -> None:
    """Its body needs neither names nor `enabled`."""
    body = json.dumps({"inputs": {"a": 1}, **fields}).encode()
    try:
        read = read_trigger(body, "d", "v")
        assert (read.deployment, read.variant, read.inputs) == ("d", "v", {"a": 1})
        told = read.callback_url or ""
    except Refusal as no:
        told = no.message
    assert expected in told


@pytest.mark.parametrize(
    ("approval", "of_a_key", "of_a_key_that_may_not", "of_a_trigger"),
    [
        (None, None, None, None),
        ("policy", None, None, None),
        ("auto_approve", None, NOT_PERMITTED, NOT_PERMITTED),
        ("always", INVALID_APPROVAL, INVALID_APPROVAL, INVALID_APPROVAL),
        (True, INVALID_APPROVAL, INVALID_APPROVAL, INVALID_APPROVAL),
    ],
)
def test_who_may_approve_tools_for_a_call(
    approval: Any, of_a_key: str | None, of_a_key_that_may_not: str | None, of_a_trigger: str | None
) -> None:
    """A key that may, and never a webhook trigger; the saved switch is for everybody."""
    invoke, trigger = _body(tool_approval=approval), _body(tool_approval=approval, **by_callback("http://h/x"))

    def code(read: Any, *args: Any, **options: Any) -> str | None:
        try:
            read(*args, **options)
        except Refusal as no:
            return no.code
        return None

    assert code(read_invoke, invoke) == of_a_key
    assert code(read_invoke, invoke, may_auto_approve=False) == of_a_key_that_may_not
    assert code(read_trigger, trigger, "d", "v") == of_a_trigger


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer fhk_1", "fhk_1"),
        ("bearer fhk_1", "fhk_1"),
        ("  Bearer   fhk_1 ", "fhk_1"),
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic fhk_1", None),
        ("fhk_1", None),
    ],
)
def test_only_a_bearer_key_is_a_key(header: str | None, key: str | None) -> None:
    """The scheme in either case; an empty key is none."""
    if key is None:
        with pytest.raises(Refusal, match="Invalid access"):
            bearer_key(header)
    else:
        assert bearer_key(header) == key


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(lambda v: json.dumps(v).encode())
)
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    """No bytes end in a traceback."""
    for read in (read_invoke, lambda b: read_trigger(b, "d", "v")):
        with contextlib.suppress(Refusal):
            read(body)
