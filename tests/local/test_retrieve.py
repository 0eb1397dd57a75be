"""Asking for a run by its ids, and fetching the files that it made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local.hives import (
    Held,
    Receiver,
    ask,
    by_callback,
    echo_hive,
    hold,
    on_socket,
)


@pytest.mark.parametrize("spelling", ["docs", "sdk"])
def test_a_run_can_be_asked_for_by_its_request_id(spelling: str) -> None:
    """The fields of the SDK's documentation; one spelling wraps them, which a client must stand."""
    hive = echo_hive(spelling=spelling)
    with on_socket(hive) as http:
        good = http.post("/workflow/invoke", json=ask(metadata={"case": 7})).json()
        bad = http.post("/workflow/invoke", json=ask("broken")).json()
        answers = [http.get(f"/public/requests/{r['request_id']}").json() for r in (good, bad)]
        missing = http.get("/public/requests/req_0")
        keyless = http.get("/public/requests/req_0", headers={"authorization": ""})
    first, second = [a["request"] if spelling == "sdk" else a for a in answers]
    assert first["id"] == first["request_id"] == good["request_id"]
    assert (first["status"], first["data"]) == ("completed", {"output": "hi", "error": None})
    assert first["user_metadata"] == {"case": 7}
    assert first["metadata"] == {"deployment": "echo", "variant": "async"}
    assert (first["request_type"], first["message"]) == ("workflow", None)
    assert first["generated_at"] <= first["started_at"] <= first["ended_at"]
    assert first["ended_at"].endswith("Z")
    assert (second["status"], second["message"]) == ("failed", "RuntimeError: cannot say hi")
    assert second["data"] == {"output": None, "error": "RuntimeError: cannot say hi"}
    assert (missing.status_code, missing.json()["message"]) == (404, "Request not found")
    assert missing.json()["error_code"] == "not_found"
    assert keyless.status_code == 401


def test_a_run_can_be_asked_for_by_its_run_id() -> None:
    """The older address, with `run_status`, `output_content` and the rest."""
    hive = echo_hive(spelling="sdk")
    with on_socket(hive) as http:
        good, bad = (http.post("/workflow/invoke", json=ask(v)).json() for v in ("async", "broken"))
        run = http.get(f"/workflow_runs/{good['run_id']}").json()["workflow_run"]
        failed = http.get(f"/workflow_runs/{bad['run_id']}").json()["workflow_run"]
        missing = http.get(f"/workflow_runs/{good['request_id']}")
    assert (run["run_status"], run["output_content"], run["error_message"]) == ("completed", "hi", None)
    assert (run["start_inputs"], run["total_tokens"], run["total_charge"]) == ({"text": "hi"}, 0, 0)
    assert run["duration"] >= 0
    assert (failed["run_status"], failed["output_content"]) == ("failed", None)
    assert failed["error_message"] == "RuntimeError: cannot say hi"
    assert missing.status_code == 404
    assert missing.json().keys() == {"error", "message", "error_code"}
    assert missing.json()["error_code"] == "not_found"
    assert missing.json()["error"] == missing.json()["message"] != ""


WORKSPACE = "/public/workspaces/ws_local"


def test_every_request_with_a_key_counts_against_the_daily_cap() -> None:
    """As "public API requests" do: 429 beyond the cap, with limit and current. What needs no key is free, and so is
    what has a wrong one."""
    hive = echo_hive(daily_cap=6)
    free = hive.asset("a.txt", b"a", "text/plain")["file_url"]
    with on_socket(hive) as http:
        run = http.post("/workflow/invoke", json=ask()).json()
        counted = [f"/public/requests/{run['request_id']}", "/workflow_runs/run_0", "/public/models"]
        counted += [f"{WORKSPACE}/tool_action_approvals", f"{WORKSPACE}/assets"]
        http.get("/public/models", headers={"authorization": ""})
        statuses = [http.get(path).status_code for path in counted]
        assert (statuses, hive.counts.used_today) == ([200, 404, 200, 200, 200], 6)
        for path in counted:
            refused = http.get(path)
            told = refused.json()
            assert (refused.status_code, told["error_code"]) == (429, "api_rate_limit_exceeded")
            assert (told["limit"], told["current"]) == (6, 6)
        assert http.post("/workflow/invoke", json=ask()).status_code == 429
        assert http.get("/error_codes").status_code == 200
        assert http.get(f"http://{http.base_url.netloc.decode()}{free}").status_code == 200
        hive.configure(look_ups_count=False)
        assert [http.get(path).status_code for path in counted] == statuses
    assert (hive.counts.calls, hive.counts.used_today) == (1, 6)


def test_a_run_that_goes_on_says_so() -> None:
    """`running` and `queued`, without an end; asking does not disturb it."""
    held = Held(concurrency=1)
    with Receiver() as receiver, on_socket(held.hive) as http:
        ids = [
            http.post("/workflow/invoke", json=hold(n, **by_callback(receiver.url))).json()["request_id"] for n in "ab"
        ]
        held.wait_begun()
        first, second = (http.get(f"/public/requests/{i}").json() for i in ids)
        assert [first["status"], second["status"]] == ["running", "queued"]
        assert (first["ended_at"], second["started_at"], second["data"]["output"]) == (None, None, None)
        run = http.get(f"/workflow_runs/{held.hive.calls[0].run_id}").json()["workflow_run"]
        assert (run["run_status"], run["duration"]) == ("running", None)
        held.go.release(2)
        assert held.hive.wait_idle()
        assert http.get(f"/public/requests/{ids[1]}").json()["data"]["output"] == "b"


def test_an_image_result_lists_files_that_can_be_fetched() -> None:
    """Under whole addresses of the hive as it was asked; without a key; other addresses are left alone."""
    hive = echo_hive()
    pixel = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    kept = hive.asset('a/b "ü".png', pixel, "image/png")

    @hive.workflow("paint", variant="v")
    async def paint() -> Any:
        return {"settings": {"size": 1}, "assets": [kept, {"file_url": "https://example.com/x.png"}, "odd"]}

    with Receiver() as receiver, on_socket(hive) as http:
        output = http.post("/workflow/invoke", json=ask("v", {}, "paint")).json()["output"]
        http.post("/workflow/invoke", json=ask("v", {}, "paint", **by_callback(receiver.url)))
        called_back = receiver.next().json["data"]["output"]
        asset = output["assets"][0]
        fetched = http.get(asset["file_url"], headers={"authorization": ""})
        missing = http.get("/assets/ast_0/x.png")
        assert asset["file_url"].startswith(str(http.base_url))
        assert hive.wait_idle()
    assert (output["settings"], output["assets"][1:]) == (
        {"size": 1},
        [{"file_url": "https://example.com/x.png"}, "odd"],
    )
    assert called_back == output
    assert {k: asset[k] for k in ("file_name", "file_size", "file_type")} == {
        "file_name": 'a/b "ü".png',
        "file_size": len(pixel),
        "file_type": "image/png",
    }
    assert (fetched.content, fetched.headers["content-type"]) == (pixel, "image/png")
    assert fetched.headers["x-content-type-options"] == "nosniff"
    assert (missing.status_code, missing.json()["error_code"]) == (404, "not_found")
    assert kept["file_url"].startswith("/v1/assets/"), "what the workflow holds is not changed"
    assert json.loads(hive.calls[0].output_json or "")["assets"][0] == asset
