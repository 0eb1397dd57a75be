"""The local hive as other programs meet it: curl as a process, openssl, and the vendor's own SDK."""

from __future__ import annotations

import json
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest
from fetch_hive_sdk import FetchHive

import fh_notebook as fh
from tests.promises.call_helpers import HEADER, KEY, Held, Receiver, echo_hive, until


def _curl(*words: str) -> tuple[int, Any]:
    """Run curl; return the status and the body as JSON, or None where it is no JSON."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}", *words],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    try:
        return int(status), json.loads(body)
    except ValueError:
        return int(status), None


def _invoke(url: str, body: Any, *more: str, key: str | None = KEY) -> tuple[int, Any]:
    """Send the documented curl request."""
    sent = body if isinstance(body, str) else json.dumps(body)
    authorization = [] if key is None else ["-H", f"Authorization: Bearer {key}"]
    return _curl(
        f"{url}/workflow/invoke", *authorization, "-H", "Content-Type: application/json", "-H", "Accept: application/json",
        "--data-raw", sent, "--compressed", *more,
    )  # fmt: skip


def _get(url: str, path: str) -> tuple[int, Any]:
    return _curl(f"{url}{path}", "-H", f"Authorization: Bearer {KEY}")


def _ask(variant: str = "plain", deployment: str = "echo", inputs: Any = None, **more: Any) -> dict[str, Any]:
    return {"deployment": deployment, "variant": variant, "inputs": inputs or {"text": "hi"}, **more}


@pytest.fixture(params=["docs", "sdk"])
def spelling(request: pytest.FixtureRequest) -> Literal["docs", "sdk"]:
    """Whose spelling the answers have."""
    chosen: Literal["docs", "sdk"] = request.param
    return chosen


# --- curl


def test_curl_gets_the_output_in_the_spelling_of_the_hive(spelling: Literal["docs", "sdk"]) -> None:
    """Sync: 200 with exactly the documented fields; a workflow that raises is a failed run, and still a 200."""
    with echo_hive(spelling=spelling).serve() as server:
        status, good = _invoke(server.url, _ask(inputs={"text": "hi", "times": 2}))
        failed_status, failed = _invoke(server.url, _ask("broken"))
    assert (status, failed_status) == (200, 200)
    assert len(good["request_id"].removeprefix("req_")) == 32
    if spelling == "docs":
        assert set(good) == {"request_id", "run_status", "output"}
        assert (good["run_status"], failed["run_status"]) == ("completed", "failed")
    else:
        assert set(good) == {"request_id", "run_id", "status", "output", "error"}
        assert (good["status"], good["error"], failed["status"]) == ("completed", None, "failed")
    assert (good["output"], failed["output"]) == ("hihi", None)
    assert "cannot say hi" in failed["error"]


def test_a_callback_is_delivered_with_a_signature_that_openssl_makes(spelling: Literal["docs", "sdk"]) -> None:
    """Async: the answer comes at once with the secret; HMAC-SHA256 of the raw body; then the run can be retrieved."""
    hive = echo_hive(spelling=spelling)
    with hive.serve() as server, Receiver() as receiver:
        body = _ask(inputs={"text": "größer"}, **{"async": {"enabled": True, "callback_url": receiver.url}})
        status, started = _invoke(server.url, body)
        came = receiver.next()
        secret = started["webhook_secret"] if spelling == "docs" else hive.webhook_secret("echo").reveal()
        digest = subprocess.run(
            ["openssl", "dgst", "-sha256", "-hmac", secret, "-r"], input=came.body, capture_output=True, check=True
        ).stdout.split()[0]
        run_id = hive.calls[0].request_id
        found_status, found = _get(server.url, f"/public/requests/{run_id}")
    assert (status, started.get("run_status") or started["status"]) == (
        (200, "running") if spelling == "docs" else (202, "queued")
    )
    assert digest.decode() in came.headers[HEADER.lower()]
    assert fh.verify_signature(came.body, came.headers[HEADER.lower()], secret)
    delivered = fh.parse_event(came.body)
    assert (delivered.status, delivered.output) == ("completed", "größer")
    assert (delivered.request_id or delivered.run_id) in (run_id, hive.calls[0].run_id)
    request = found.get("request", found)
    assert (found_status, request["status"], request["data"]["output"]) == (200, "completed", "größer")
    assert [delivery.delivered for delivery in hive.deliveries] == [True]


def test_a_callback_is_tried_again_a_bounded_number_of_times() -> None:
    """As many further attempts as there are pauses; each is signed alike; and then it is given up."""
    with Receiver(500, 503) as receiver:
        hive = echo_hive(callback_backoff_s=(0.01, 0.01))
        with hive.serve() as server:
            for _ in range(2):
                _invoke(server.url, _ask(**{"async": {"enabled": True, "callback_url": receiver.url}}))
                assert hive.wait_idle(60)
    until(lambda: len(hive.deliveries) == 2)
    assert [(delivery.delivered, delivery.attempts) for delivery in hive.deliveries] == [(True, 3), (True, 1)]
    first = [receiver.next() for _ in range(3)]
    assert len({(came.body, came.headers[HEADER.lower()]) for came in first}) == 1


def test_callbacks_go_to_this_machine_only() -> None:
    """Another host is recorded as not delivered, after no attempt."""
    hive = echo_hive(callback_backoff_s=())
    with hive.serve() as server:
        for url in ("http://hooks.example/x", "http://10.0.0.1/x"):
            assert _invoke(server.url, _ask(**{"async": {"enabled": True, "callback_url": url}}))[0] == 200
        assert hive.wait_idle(60)
        until(lambda: len(hive.deliveries) == 2)
    assert [(delivery.delivered, delivery.attempts) for delivery in hive.deliveries] == [(False, 0)] * 2


REFUSED: dict[str, tuple[Any, int, str | None]] = {
    "no JSON": ("{", 400, None),
    "no deployment": ({"variant": "plain"}, 400, None),
    "no variant": ({"deployment": "echo"}, 400, None),
    "an unknown deployment": (_ask(deployment="nobody"), 404, "not_found"),
    "an unknown variant": (_ask("nobody"), 404, "not_found"),
    "a missing input": (_ask(inputs={"times": 2}), 422, "validation_error"),
    "an input of a wrong type": (_ask(inputs={"text": 3}), 422, "validation_error"),
    "an input too many": (_ask(inputs={"text": "a", "txet": "b"}), 422, "validation_error"),
    "nested metadata": (_ask(metadata={"a": {"b": 1}}), 422, None),
    "no callback address": (_ask(**{"async": {"enabled": True}}), 422, None),
    "a wrong callback address": (_ask(**{"async": {"enabled": True, "callback_url": "nowhere"}}), 422, None),
    "a wrong tool approval": (_ask(tool_approval="always"), 400, "invalid_tool_approval"),
}


@pytest.mark.parametrize(("body", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_request_is_refused_before_the_run(body: Any, status: int, code: str | None) -> None:
    """With `error`, `message` and `error_code`, and nothing runs. 400 and 422 are alike."""
    hive = echo_hive()
    with hive.serve() as server:
        told, answer = _invoke(server.url, body)
    assert told == status or {told, status} == {400, 422}
    assert {"error", "message", "error_code"} <= set(answer)
    assert code is None or answer["error_code"] == code
    assert hive.calls == ()


def test_only_the_key_lets_in() -> None:
    """401 without one, with a wrong one, with another scheme; the catalogue of error codes needs none."""
    hive = echo_hive()
    with hive.serve() as server:
        told = [_invoke(server.url, _ask(), key=key)[0] for key in (None, "", "fhk_wrong", KEY[:-1], KEY + "x", KEY)]
        basic = _invoke(server.url, _ask(), "-H", f"Authorization: Basic {KEY}", key=None)
        status, catalogue = _curl(f"{server.url}/error_codes")
        assert _get(server.url, "/public/models")[0] == 200
        assert _curl(f"{server.url}/public/models")[0] == 401
    assert told == [401] * 5 + [200]
    assert (basic[0], basic[1]["error"]) == (401, "Invalid access.")
    assert status == 200
    assert "api_rate_limit_exceeded" in json.dumps(catalogue)


def test_over_the_concurrency_cap_a_sync_call_is_refused_and_an_async_one_queued() -> None:
    """429 that is no daily cap; the queued run begins when a slot is free."""
    held = Held(concurrency=1)
    body = {"deployment": "held", "variant": "v", "inputs": {"text": "a"}}
    with held.hive.serve() as server, Receiver() as receiver:
        first = threading.Thread(target=_invoke, args=(server.url, body))
        first.start()
        held.wait_begun()
        status, refused = _invoke(server.url, body)
        asked = {**body, "async": {"enabled": True, "callback_url": receiver.url}}
        queued_status, queued = _invoke(server.url, asked)
        assert _get(server.url, f"/public/requests/{queued['request_id']}")[1]["status"] == "queued"
        held.let_go(2)
        first.join(60)
        delivered = fh.parse_event(receiver.next().body)
    assert (status, "limit" in refused, refused["error_code"] == "api_rate_limit_exceeded") == (429, False, False)
    assert "concurrency" in refused["error"]
    assert (queued_status, queued["run_status"], delivered.output) == (200, "queued", "A")
    assert (held.hive.counts.refused, held.hive.counts.completed, held.hive.peak_in_flight) == (1, 2, 1)


def test_the_daily_cap_counts_calls_and_look_ups_and_is_renewed_at_midnight_utc() -> None:
    """429 with its code, `limit` and `current`; what is refused or invalid costs nothing of the day."""
    now = [datetime(2026, 11, 24, 23, 59, tzinfo=UTC)]
    hive = echo_hive(daily_cap=3, clock=lambda: now[0])
    with hive.serve() as server:
        assert _invoke(server.url, _ask("nobody"))[0] == 404
        status, first = _invoke(server.url, _ask())
        assert _get(server.url, f"/public/requests/{first['request_id']}")[0] == 200
        assert _invoke(server.url, _ask())[0] == 200
        refused_status, refused = _invoke(server.url, _ask())
        now[0] += timedelta(minutes=2)
        renewed = _invoke(server.url, _ask())[0]
    assert (status, refused_status, renewed) == (200, 429, 200)
    assert (refused["error_code"], refused["limit"], refused["current"]) == ("api_rate_limit_exceeded", 3, 3)
    assert hive.counts.completed == 3


FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    "an internal error": ({}, 500),
    "unavailable": ({"status": 503, "retry_after": 7}, 503),
    "credits": ({"status": 402, "error_code": "insufficient_hosted_llm_credits"}, 402),
    "a web page": ({"html": True}, 502),
    "an older body": ({"status": 422, "legacy": True}, 422),
}


@pytest.mark.parametrize(("fault", "status"), FAULTS.values(), ids=FAULTS)
def test_faults_are_answered_as_often_as_they_are_asked_for(fault: dict[str, Any], status: int) -> None:
    """`fail_next(2)`: two calls, and the third is as ever; nothing of the faulty ones has run."""
    hive = echo_hive()
    with hive.serve() as server:
        hive.fail_next(2, **fault)
        told = [_invoke(server.url, _ask()) for _ in range(3)]
        assert [answer[0] for answer in told] == [status, status, 200]
        hive.fail_next(1, **fault)
        with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {KEY}"}) as http:
            raw = http.post(f"{server.url}/workflow/invoke", json=_ask())
    assert (raw.status_code, raw.headers.get("retry-after")) == (status, "7" if "retry_after" in fault else None)
    if fault.get("html"):
        assert "<html" in raw.text.lower()
    elif fault.get("legacy"):
        assert set(raw.json()) == {"error"}
    else:
        assert raw.json()["error_code"] == fault.get("error_code", raw.json()["error_code"])
    assert len(hive.calls) == 1


@pytest.mark.parametrize(("fault", "code"), [({"reset": True}, 56), ({"cut_body": True}, 18)])
def test_a_broken_connection_is_one_to_curl(fault: dict[str, Any], code: int) -> None:
    """A reset, and half of the announced body."""
    hive = echo_hive()
    with hive.serve() as server:
        hive.fail_next(1, **fault)
        with pytest.raises(subprocess.CalledProcessError) as caught:
            _invoke(server.url, _ask())
        assert _invoke(server.url, _ask())[0] == 200
    assert caught.value.returncode == code


def test_a_run_is_retrieved_by_its_id_and_an_unknown_one_is_404() -> None:
    """With its times and metadata; a failed one with its error; without output where the hive is told so."""
    hive = echo_hive(retrieves_output=False)
    with hive.serve() as server:
        good = _invoke(server.url, _ask(metadata={"case": 42}))[1]
        bad = _invoke(server.url, _ask("broken"))[1]
        _, found = _get(server.url, f"/public/requests/{good['request_id']}")
        _, failed = _get(server.url, f"/public/requests/{bad['request_id']}")
        status, missing = _get(server.url, "/public/requests/req_nobody")
        no_key = _curl(f"{server.url}/public/requests/{good['request_id']}")[0]
    assert (found["status"], found["request_id"], failed["status"]) == ("completed", good["request_id"], "failed")
    assert "42" in json.dumps([found.get("metadata"), found.get("user_metadata")])
    assert found["started_at"] <= found["ended_at"]
    assert "hi" not in json.dumps(found.get("data"))
    assert (status, missing["error_code"], no_key) == (404, "not_found", 401)


def test_a_webhook_needs_its_secret_and_no_key() -> None:
    """In the header or in the address; always delivered by callback."""
    hive = echo_hive()
    endpoint = hive.webhook("echo", "plain", secret="whsec_of_the_endpoint")
    with hive.serve() as server, Receiver() as receiver:
        url = f"{server.url}/workflow/webhooks/{endpoint.endpoint_id}/variants/{endpoint.variant_id}"
        body = json.dumps({"inputs": {"text": "hi"}, "async": {"callback_url": receiver.url}})
        by_header = _curl(url, "-H", "X-Fetch-Hive-Webhook-Secret: whsec_of_the_endpoint", "--json", body)
        by_address = _curl(f"{url}?secret=whsec_of_the_endpoint", "--json", body)
        wrong = _curl(url, "-H", "X-Fetch-Hive-Webhook-Secret: whsec_of_the_endpoinT", "--json", body)
        outputs = [fh.parse_event(receiver.next().body).output for _ in range(2)]
    assert (by_header[0], by_address[0], wrong[0]) == (200, 200, 401)
    assert outputs == ["hi", "hi"]
    assert len(hive.calls) == 2


def test_a_file_of_a_run_is_fetched_without_a_key_until_it_expires() -> None:
    """The answer has the whole address under which the hive was asked."""
    now = [datetime(2026, 11, 24, 12, 0, tzinfo=UTC)]
    hive = echo_hive(clock=lambda: now[0], asset_expiry_s=60)

    @hive.workflow("draw", variant="v")
    def draw() -> dict[str, Any]:
        return {"settings": {}, "assets": [hive.asset("bee.txt", b"a bee", "text/plain")]}

    with hive.serve() as server:
        (asset,) = _invoke(server.url, {"deployment": "draw", "variant": "v"})[1]["output"]["assets"]
        assert asset["file_url"].startswith(server.url)
        with httpx.Client(trust_env=False) as http:
            fetched = http.get(asset["file_url"])
            assert (fetched.status_code, fetched.content) == (200, b"a bee")
            now[0] += timedelta(seconds=61)
            assert http.get(asset["file_url"]).status_code == 403
            assert http.get(asset["file_url"].rsplit("/", 2)[0] + "/other/bee.txt").status_code == 404
    assert (asset["file_name"], asset["file_size"], asset["file_type"]) == ("bee.txt", 5, "text/plain")


def test_a_large_body_is_taken_up_to_the_limit_and_refused_beyond_it() -> None:
    """413, also where curl asks first."""
    hive = echo_hive(max_body_bytes=20_000)
    with hive.serve() as server:
        told = [_invoke(server.url, _ask(inputs={"text": "x" * size}))[0] for size in (19_000, 21_000)]
    assert told == [200, 413]


# --- the vendor's SDK


def test_the_vendors_sdk_runs_workflows_and_retrieves_them(spelling: Literal["docs", "sdk"]) -> None:
    """Sync, failed, async and retrieve: it hands out what the hive said."""
    hive = echo_hive(spelling=spelling)
    with hive.serve() as server, Receiver() as receiver:
        client = FetchHive(api_key=KEY, base_url=f"{server.url}/", timeout=30)
        good = client.invoke_workflow(
            deployment="echo", variant="plain", inputs={"text": "hi"}, metadata={"case": 1}, user="ada"
        )
        bad = client.invoke_workflow(deployment="echo", variant="broken", inputs={"text": "hi"})
        client.invoke_workflow(
            deployment="echo", variant="plain", inputs={"text": "later"}, async_mode=True, callback_url=receiver.url
        )
        delivered = fh.parse_event(receiver.next().body)
        found = client.get_request(good["request_id"])
    field = "run_status" if spelling == "docs" else "status"
    assert (good[field], good["output"], bad[field]) == ("completed", "hi", "failed")
    assert (delivered.status, delivered.output) == ("completed", "later")
    request = found.get("request", found)
    assert (request["status"], request["request_id"]) == ("completed", good["request_id"])
    assert (hive.calls[0].metadata, hive.calls[0].inputs) == ({"case": 1}, {"text": "hi"})


@pytest.mark.parametrize(
    ("options", "call", "status"),
    [
        ({}, {"deployment": "nobody", "variant": "plain"}, 404),
        ({}, {"deployment": "echo", "variant": "plain", "inputs": {"text": 3}}, 422),
        ({"daily_cap": 0}, {"deployment": "echo", "variant": "plain", "inputs": {"text": "hi"}}, 429),
        (
            {"api_key": "fhk_another_00000000"},
            {"deployment": "echo", "variant": "plain", "inputs": {"text": "hi"}},
            401,
        ),
    ],
)
def test_the_vendors_sdk_raises_what_the_hive_refuses(
    options: dict[str, Any], call: dict[str, Any], status: int
) -> None:
    """Its own errors carry the status."""
    hive = echo_hive(**options)
    with hive.serve() as server, pytest.raises(httpx.HTTPStatusError) as caught:
        FetchHive(api_key=KEY, base_url=server.url, timeout=30).invoke_workflow(**call)
    assert caught.value.response.status_code == status
    assert hive.calls == ()


def test_the_vendors_sdk_decides_approvals_once() -> None:
    """A direct call that has to ask is `awaiting_approval`; the list is paged; a second decision is a 409."""
    hive = fh.local.LocalHive(api_key=KEY)

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    def refund(amount: int) -> bool:
        return fh.local.ask_human(f"Refund {amount}?", tool="payments").approved

    with hive.serve() as server:
        client = FetchHive(api_key=KEY, base_url=server.url, timeout=30)
        runs = [client.invoke_workflow(deployment="refund", variant="v", inputs={"amount": n}) for n in (1, 2)]
        assert [run["run_status"] for run in runs] == ["awaiting_approval"] * 2
        first = client.list_tool_action_approvals(hive.workspace_id, limit=1)
        second = client.list_tool_action_approvals(hive.workspace_id, cursor=first["next_cursor"])
        found = [*first["tool_action_approvals"], *second["tool_action_approvals"]]
        assert [approval["summary"] for approval in found] == ["Refund 1?", "Refund 2?"]
        client.decide_tool_action_approval(hive.workspace_id, found[0]["id"], "allow_once")
        with pytest.raises(httpx.HTTPStatusError) as caught:
            client.decide_tool_action_approval(hive.workspace_id, found[0]["id"], "deny")
        assert caught.value.response.status_code == 409
        client.decide_tool_action_approval(hive.workspace_id, found[1]["id"], "deny")
        assert hive.wait_idle(60)
        assert [call.output for call in hive.calls] == [True, False]
        approved = client.invoke_workflow(
            deployment="refund", variant="v", inputs={"amount": 3}, tool_approval="auto_approve"
        )
    assert (approved["run_status"], approved["output"]) == ("completed", True)


def test_a_hive_cannot_be_declared_wrong() -> None:
    """Settings that contradict each other raise before anything listens; an output that is no JSON fails its run."""
    for options in ({"concurrency": 0}, {"spelling": "other"}, {"daily_cap": -1}, {"api_key": ""}):
        with pytest.raises(fh.SettingsError):
            fh.local.LocalHive(**options)  # type: ignore[arg-type]
    hive = echo_hive()

    @hive.workflow("odd", variant="v")
    def odd() -> object:
        return object()

    with hive.client() as client:
        assert client.invoke("odd", variant="v").status == "failed"
    with pytest.raises(fh.SettingsError):
        hive.fail_next(1, status=200, reset=True)
