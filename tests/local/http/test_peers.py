"""Independent peers of the hive: curl, the standard library, and the vendor's own SDK."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import pytest
from fetch_hive_sdk import FetchHive

from fh_notebook.local import LocalHive, ask_human
from fh_notebook.local.http.server import HiveServer
from tests.local.hives import KEY, Receiver, ask, by_callback, echo_hive
from tests.told import tells


def curl(*args: str, stdin: str = "") -> tuple[int, Any]:
    """Run curl; return the status and the body as JSON."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "10", "--write-out", "\n%{http_code}", *args],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def _curl_invoke(server: HiveServer, body: Any, *more: str, key: str = KEY) -> tuple[int, Any]:
    return curl(
        f"{server.url}/workflow/invoke",
        "-H",
        f"Authorization: Bearer {key}",
        "-H",
        "Content-Type: application/json",
        "-H",
        "Accept: application/json",
        "--data-raw",
        body if isinstance(body, str) else json.dumps(body),
        "--compressed",
        *more,
    )


def test_curl_runs_workflows_as_the_snippet_says() -> None:
    """Sync, failed, refused, async."""
    hive = echo_hive()
    with hive.serve() as server, Receiver() as receiver:
        assert _curl_invoke(server, ask())[1]["output"] == "hi"
        assert _curl_invoke(server, ask("broken"))[1]["run_status"] == "failed"
        assert _curl_invoke(server, ask(), key="wrong")[0] == 401
        assert _curl_invoke(server, "{")[0] == 400
        assert _curl_invoke(server, ask(), "-H", "Content-Type: text/plain")[0] == 200  # the first of two counts
        status, started = _curl_invoke(server, ask(**by_callback(receiver.url)))
        assert (status, started["run_status"]) == (200, "running")
        assert receiver.next().json["request_id"] == started["request_id"]
        assert hive.wait_idle()
        status, found = curl(
            f"{server.url}/public/requests/{started['request_id']}", "-H", f"Authorization: Bearer {KEY}"
        )
        assert (status, found["data"]["output"]) == (200, "hi")


def test_curl_sends_large_bodies_by_asking_first() -> None:
    """Above a megabyte curl waits for 100 Continue, and takes a 413 for an answer."""
    hive = echo_hive(max_body_bytes=2_000_000)
    with hive.serve() as server:
        for size, expected in ((1_500_000, 200), (2_500_000, 413)):
            body = json.dumps(ask(inputs={"text": "x" * size}))
            key = f"Authorization: Bearer {KEY}"
            assert curl(f"{server.url}/workflow/invoke", "-H", key, "--json", "@-", stdin=body)[0] == expected


def test_the_standard_library_gets_the_error_body() -> None:
    """`urllib`, which knows no JSON and no keep-alive."""
    with echo_hive().serve() as server:

        def call(body: Any) -> Any:
            request = urllib.request.Request(
                f"{server.url}/workflow/invoke",
                data=json.dumps(body).encode(),
                headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
            )
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=10) as answer:
                return json.load(answer)

        assert call(ask())["run_status"] == "completed"
        with pytest.raises(urllib.error.HTTPError) as caught:
            call(ask("nobody"))
        with caught.value as answer:
            assert json.load(answer)["error_code"] == "not_found"


def test_the_vendors_sdk_lists_and_decides_approvals() -> None:
    """Page by page, one alone, and its decision; a second one is a conflict."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    def refund(amount: int) -> bool:
        return ask_human(f"Refund {amount}?", tool="payments").approved

    with hive.serve() as server:
        client = FetchHive(api_key=KEY, base_url=server.url, timeout=10)
        for amount in (1, 2):
            call = client.invoke_workflow(deployment="refund", variant="v", inputs={"amount": amount})
            assert call["run_status"] == "awaiting_approval"
        first = client.list_tool_action_approvals(hive.workspace_id, limit=1)
        second = client.list_tool_action_approvals(hive.workspace_id, cursor=first["next_cursor"])
        found = [*first["tool_action_approvals"], *second["tool_action_approvals"]]
        assert [a["summary"] for a in found] == ["Refund 1?", "Refund 2?"]
        assert second["next_cursor"] is None
        assert client.get_tool_action_approval(hive.workspace_id, found[0]["id"]) == found[0]
        assert client.decide_tool_action_approval(hive.workspace_id, found[0]["id"], "deny")["status"] == "denied"
        with pytest.raises(httpx.HTTPStatusError) as caught:
            client.decide_tool_action_approval(hive.workspace_id, found[0]["id"], "deny")
        assert caught.value.response.status_code == 409
        for words in ({"limit": 0}, {"cursor": "taa_x"}):
            with pytest.raises(httpx.HTTPStatusError):
                client.list_tool_action_approvals(hive.workspace_id, **words)


@pytest.fixture(params=["docs", "sdk"])
def vendor(request: pytest.FixtureRequest) -> Iterator[tuple[FetchHive, LocalHive, str]]:
    """The vendor's SDK, a hive that it is set to, and the hive's spelling."""
    spelling: Literal["docs", "sdk"] = request.param
    hive = echo_hive(spelling=spelling)
    with hive.serve() as server:
        yield FetchHive(api_key=KEY, base_url=f"{server.url}/", timeout=10), hive, spelling


def test_the_vendors_sdk_runs_workflows(vendor: tuple[FetchHive, LocalHive, str]) -> None:
    """In either spelling it hands out what the hive said."""
    client, hive, spelling = vendor
    answer = client.invoke_workflow(
        deployment="echo",
        variant="plain",
        inputs={"text": "ho", "times": 3},
        user="ada",
        metadata={"case": 1, "ok": True, "none": None},
        tool_approval="policy",
    )
    assert answer["output"] == "hohoho"
    assert answer["status" if spelling == "sdk" else "run_status"] == "completed"
    assert hive.calls[0].metadata == {"case": 1, "ok": True, "none": None}
    found = client.get_request(answer["request_id"])
    assert (found["request"] if spelling == "sdk" else found)["data"]["output"] == "hohoho"


def test_the_vendors_sdk_starts_runs_for_callback_delivery(vendor: tuple[FetchHive, LocalHive, str]) -> None:
    """Its id comes back in the callback."""
    client, hive, spelling = vendor
    with Receiver() as receiver:
        answer = client.invoke_workflow(
            deployment="echo", variant="async", inputs={"text": "x"}, async_mode=True, callback_url=receiver.url
        )
        got = receiver.next().json
        assert hive.wait_idle()
    name = "run_id" if spelling == "sdk" else "request_id"
    assert answer[name] == got[name]


@pytest.mark.parametrize(
    ("asked", "status", "text"),
    [
        ({"deployment": "nobody", "variant": "plain"}, 404, ("Deployment",)),
        ({"deployment": "echo"}, 422, ("deployment", "variant")),
        ({"deployment": "echo", "variant": "plain"}, 422, ("text",)),
        (
            {"deployment": "echo", "variant": "plain", "async_mode": True},
            422,
            ("callback_url",),
        ),
        ({"deployment": "echo", "variant": "plain", "tool_approval": "always"}, 400, ("auto_approve",)),
        ({"deployment": "echo", "variant": "plain", "metadata": {"a": {}}}, 422, ("metadata.a",)),
    ],
)
def test_the_vendors_sdk_meets_the_contracts_errors(
    vendor: tuple[FetchHive, LocalHive, str], asked: dict[str, Any], status: int, text: tuple[str, ...]
) -> None:
    """It hides the text in the exception's response."""
    with pytest.raises(httpx.HTTPStatusError) as caught:
        vendor[0].invoke_workflow(**asked)
    assert caught.value.response.status_code == status
    assert tells(caught.value.response.json()["message"], *text)
