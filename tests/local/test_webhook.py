"""The webhook trigger: a run started without a workspace key, by a secret of its own."""

from __future__ import annotations

from typing import Any

import pytest

from fh_notebook.errors import SettingsError
from tests.local.hives import Receiver, echo_hive, on_socket
from tests.told import facts


def test_a_webhook_starts_a_run_without_a_key() -> None:
    """By its secret in the header or in the query; the answer is that of an async call."""
    hive = echo_hive()
    endpoint = hive.webhook("echo", "async")
    with Receiver() as receiver, on_socket(hive) as http:
        body = {"inputs": {"text": "hook"}, "async": {"callback_url": receiver.url}}
        del http.headers["authorization"]
        secret = endpoint.secret.reveal()
        answers = [
            http.post(endpoint.path, json=body, headers={"X-Fetch-Hive-Webhook-Secret": secret}),
            http.post(endpoint.path, json=body, params={"secret": secret}),
        ]
        assert hive.wait_idle()
        got = [receiver.next().json for _ in answers]
    assert [a.status_code for a in answers] == [200, 200]
    assert {a.json()["request_id"] for a in answers} == {g["request_id"] for g in got}
    assert answers[0].json()["webhook_secret"] == hive.webhook_secret("echo").reveal()
    assert [g["data"] for g in got] == [{"output": "hook"}] * 2
    assert hive.counts.used_today == 2


def test_a_webhook_refuses_whoever_is_not_meant() -> None:
    """Wrong or no secret, another variant's id, an unknown endpoint, no callback URL, bad inputs."""
    hive = echo_hive()
    one, other = hive.webhook("echo", "async", secret="geheim-ß"), hive.webhook("echo", "plain")
    good = {"inputs": {"text": "x"}, "async": {"callback_url": "http://127.0.0.1:9/"}}

    def answer(path: str, secret: str | None, body: Any) -> tuple[int, str]:
        params = {} if secret is None else {"secret": secret}
        response = http.post(path, json=body, params=params, headers={"authorization": ""})
        return response.status_code, response.json().get("message", "")

    with on_socket(hive) as http:
        mixed = f"/workflow/webhooks/{one.endpoint_id}/variants/{other.variant_id}"
        assert answer(one.path, "geheim-ß", good | {"inputs": {}})[0] == 422
        status, message = answer(one.path, "geheim-ß", {"inputs": {"text": "x"}})
        assert (status, "callback_url" in message) == (422, True)
        assert answer(one.path, "geheim", good) == (401, "Invalid access.")
        assert answer(one.path, "", good)[0] == answer(one.path, None, good)[0] == 401
        assert answer(one.path, other.secret.reveal(), good)[0] == 401
        assert answer(mixed, "geheim-ß", good)[0] == 404
        assert answer("/workflow/webhooks/whe_0/variants/var_0", "x", good)[0] == 404
        assert http.get(one.path).status_code == 405
        auto = answer(one.path, "geheim-ß", good | {"tool_approval": "auto_approve"})
        assert auto == (403, "This key may not override tool approvals.")
    assert hive.calls == ()
    with pytest.raises(SettingsError, match="echo/nobody: Variant not found"):
        hive.webhook("echo", "nobody")
    with pytest.raises(SettingsError, match=facts("None")):
        hive.webhook("echo", "plain", secret="")
