"""The client is pinned to the golden exchanges: what it sends is the file's request, and what it reads is the file's
answer.

No hive is in it: the bytes of the answer come from a script on a raw socket.
"""

from __future__ import annotations

import json
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

import fh_notebook as fh
from fh_notebook.client.error_catalog import read_error_catalog
from fh_notebook.contract.response import Response
from fh_notebook.contract.retry import RetryAction, decide
from fh_notebook.contract.wire import AttemptResult, parse_event
from fh_notebook.core import event_loop
from fh_notebook.core.redaction import MASK
from tests.contract import golden_files
from tests.raw_server import says, serving

KEY = "fhk_0123456789abcdef"
BOUND = {
    "<key>": KEY,
    "<receiver>": "http://127.0.0.1:9/callback",
    "<request_id>": "req_" + "1" * 32,
    "<run_id>": "run_" + "2" * 32,
    "<webhook_secret>": "whsec_0123456789abcdefghij",
    "<text>": "some words",
    "<time>": "2026-11-25T10:00:00.250Z",
    "<asset_id>": "ast_1",
    "<approval_id>": "taa_1",
    "<asset_url>": "http://127.0.0.1:9/v1/assets/ast_1/bee.png",
}


def _exchanges(path: str) -> list[str]:
    loaded = [golden_files.load(name) for name in golden_files.names()]
    return [
        g["name"]
        for g in loaded
        if path in g["request"]["path"]
        and g.get("sent_by") != "service"
        and isinstance(g["request"]["body"], dict | None)
    ]


# What the client cannot be made to send: it refuses before any call, or has another way to say it.
NEVER_SENT = {
    "error_missing_field": "variant is left out",
    "error_callback_required": "a callback without an address",
    "error_callback_invalid": "an address that is none",
    "error_metadata_nested": "nested metadata",
    "error_tool_approval": "an approval that the service does not know",
    "async_disabled": "async that is off",
    "sync_endpoint": "the older name of the deployment",
    "error_unauthorized": "another key, which is in the file as it stands",
}


def _request_of(body: dict[str, Any]) -> fh.InvokeRequest:
    return fh.InvokeRequest(
        deployment=body["deployment"],
        variant=body.get("variant"),
        inputs=body.get("inputs", {}),
        metadata=body.get("metadata"),
        callback_url=body.get("async", {}).get("callback_url"),
        user=body.get("user"),
        tool_approval=body.get("tool_approval"),
    )


def _exchanged(golden: dict[str, Any], request: fh.InvokeRequest) -> tuple[AttemptResult, bytes]:
    response = golden_files.filled(golden["response"], BOUND)
    body = b"" if response["body"] is None else json.dumps(response["body"]).encode()
    headers = [f"{k}: {v}".encode() for k, v in response["headers"].items()]
    with serving(says(response["status"], body, *headers)) as server:

        async def main() -> AttemptResult:
            async with fh.AsyncClient(api_key=KEY, base_url=server.url) as client:
                return await client.attempt(request)

        return event_loop.run(main()), server.requests[0]


@pytest.mark.parametrize("name", [n for n in _exchanges("/workflow/invoke") if n not in NEVER_SENT])
def test_the_client_sends_exactly_the_files_request(name: str) -> None:
    """Method, path, headers and body of every invoke that a client can make."""
    golden = golden_files.load(name)
    asked = golden_files.filled(golden["request"], BOUND)
    _, sent = _exchanged(golden, _request_of(asked["body"]))
    head, _, body = sent.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
    assert first == f"{asked['method']} {asked['path']} HTTP/1.1"
    assert {k: headers[k.lower()] for k in asked["headers"]} == asked["headers"]
    assert json.loads(body) == {"inputs": {}, **asked["body"]}


@pytest.mark.parametrize("name", _exchanges("/workflow/invoke"))
def test_the_client_reads_every_answer_as_the_file_means_it(name: str) -> None:
    """Status, output, ids and error of each; the signing secret is taken out; the verdict is CONTRACT section 2's."""
    golden = golden_files.load(name)
    response = golden_files.filled(golden["response"], BOUND)
    body, status = response["body"] or {}, response["status"]
    exchange, _ = _exchanged(golden, fh.InvokeRequest(deployment="d", variant="v"))
    run = exchange.run
    assert run.status_code == status
    assert (run.request_id, run.run_id) == (body.get("request_id"), body.get("run_id"))
    if status < 300:
        word = body.get("run_status") or body.get("status")
        assert run.status == ("queued" if word == "pending" else word)  # pending is a job that was not called
        assert run.output == body.get("output")
        assert run.error == body.get("error")
        assert decide(exchange.response).action is RetryAction.DONE
    else:
        assert run.status == ("unknown" if status == 500 else "failed")
        assert run.error == (body.get("message") or body.get("error"))
        assert run.error_code == (body.get("error_code") or body.get("code") or f"http_{status}")
    secret = body.get("webhook_secret")
    assert (run.webhook_secret.reveal() if run.webhook_secret else None) == secret
    assert run.raw == ({**body, "webhook_secret": MASK} if secret else body)
    if "assets" in (body.get("output") or {}) and isinstance(body["output"], dict):
        assert [a.file_name for a in run.assets] == ["bee.png"]


VERDICTS = {
    "error_concurrency": (RetryAction.THROTTLED, "concurrency"),
    "error_provider_429": (RetryAction.THROTTLED, "provider"),
    "error_daily_cap": (RetryAction.STOP, "daily_cap"),
    "error_credits": (RetryAction.STOP, "credits"),
    "error_credit_cap": (RetryAction.STOP, "credits"),
    "error_unauthorized": (RetryAction.STOP, "auth"),
    "error_tool_approval_not_permitted": (RetryAction.STOP, "auth"),
    "error_unavailable": (RetryAction.RETRY, "unavailable"),
    "error_internal": (RetryAction.UNKNOWN, "internal_server_error"),
    "error_legacy": (RetryAction.UNKNOWN, "http_500"),
    "error_inputs": (RetryAction.FAILED, "validation_error"),
    "error_metadata_nested": (RetryAction.FAILED, "validation_error"),
    "error_variant_not_found": (RetryAction.FAILED, "not_found"),
    "error_deployment_not_found": (RetryAction.FAILED, "not_found"),
    "error_deployment_not_found_422": (RetryAction.FAILED, "http_422"),
}


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_each_refusal_of_the_files_has_its_verdict(name: str) -> None:
    """The two 429s, credits, keys, and what may have run: told apart in the bytes that the files have."""
    response = golden_files.load(name)["response"]
    decision = decide(Response(status_code=response["status"], body=json.dumps(response["body"]).encode()))
    assert (decision.action, decision.reason) == VERDICTS[name]


@pytest.mark.parametrize("name", [*_exchanges("/public/requests/"), *_exchanges("/workflow_runs/")])
def test_the_client_reads_every_retrieved_run(name: str) -> None:
    """Both addresses; one that has no output says where to look, and one that found nothing is unknown."""
    golden = golden_files.load(name)
    asked = golden_files.filled(golden["request"], {**BOUND, "<seconds>": "0"})
    response = golden_files.filled(golden["response"], BOUND)
    found = json.dumps(response["body"]).replace('"<seconds>"', "0.5").encode()
    older = "/workflow_runs/" in asked["path"]
    identity = asked["path"].rpartition("/")[2]
    missing = [says(404, b'{"error": "Request not found"}')] if older else []
    with serving(*missing, says(response["status"], found)) as server:

        async def main() -> fh.Run:
            async with fh.AsyncClient(api_key=KEY, base_url=server.url) as client:
                return await client.retrieve("req_1" if older else identity, run_id=identity if older else None)

        run = event_loop.run(main())
    assert server.requests[-1].startswith(f"GET {asked['path']} HTTP/1.1\r\n".encode())
    body = json.loads(found)
    page = body.get("workflow_run") or body.get("request") or body
    if response["status"] == 200:
        data = page.get("data") or {}
        assert run.status == (page.get("run_status") or page.get("status"))
        assert run.output == (page.get("output_content") or data.get("output") or page.get("output"))
        error = page.get("error_message") or data.get("error")
        if run.status == "completed" and run.output is None:  # what was run is not to be called again silently
            assert (run.error_code, error) == ("output_not_retrieved", None)
            assert identity in (run.error or "")
        else:
            assert run.error == error
    else:
        assert (run.status, run.status_code, run.error) == ("unknown", 404, page["error"])


@pytest.mark.parametrize("name", [n for n in golden_files.names() if golden_files.load(n).get("sent_by") == "service"])
def test_the_client_reads_every_callback(name: str) -> None:
    """What the service sends to a callback address becomes the run it tells of."""
    body = golden_files.filled(golden_files.load(name)["request"]["body"], BOUND)
    run = parse_event(json.dumps(body).encode())
    assert run.status == ("completed" if "completed" in name else "failed")
    assert (run.request_id or run.run_id) in (BOUND["<request_id>"], BOUND["<run_id>"])
    data = body.get("data") or body
    assert run.output == data.get("output")
    assert run.error == data.get("error")


def test_check_reads_the_list_of_models() -> None:
    """The one look-up that needs a key and runs nothing."""
    response = golden_files.load("models")["response"]
    with serving(says(response["status"], json.dumps(response["body"]).encode())) as server:

        async def main() -> bool:
            async with fh.AsyncClient(api_key=KEY, base_url=server.url) as client:
                return bool(await client.check())

        assert event_loop.run(main())
        assert server.requests[0].startswith(b"GET /v1/public/models HTTP/1.1\r\n")


def test_the_error_catalogue_is_read_without_the_key() -> None:
    """It is public; each row has a code, and what to do about it."""
    golden = golden_files.load("error_codes")
    response = golden["response"]
    with serving(says(response["status"], json.dumps(response["body"]).encode())) as server:
        client = fh.AsyncClient(api_key=KEY, base_url=server.url)
        assert event_loop.run(client.known_error_codes()) == len(response["body"]["codes"])
        assert server.requests[0].startswith(b"GET /v1/error_codes?locale=en HTTP/1.1\r\n")
        assert b"authorization" not in server.requests[0].lower()
    assert read_error_catalog(json.dumps(response["body"]).encode())["api_rate_limit_exceeded"]


def _parts(content_type: str, body: bytes) -> list[tuple[str | None, str | None, str, bytes]]:
    """Return name, file name, type and content of each part of a form, by the standard library."""
    form = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in form.get_payload()
    ]


UPLOADS = ["asset_upload", "asset_upload_without_file"]


@pytest.mark.parametrize("name", UPLOADS)
def test_the_client_uploads_a_file(name: str, tmp_path: Path) -> None:
    """It sends the file's form, in parts and whatever boundary, and reads the file's fields; a refusal is an error
    with the status."""
    golden = golden_files.load(name)
    asked, response = (golden_files.filled(golden[key], BOUND) for key in ("request", "response"))
    path, body = tmp_path / "letter.txt", response["body"]
    path.write_text("Dear Ada")
    with serving(says(response["status"], json.dumps(body).encode())) as server:
        client = fh.Client(api_key=KEY, base_url=server.url)
        if response["status"] >= 400:
            with pytest.raises(fh.CallError) as caught:
                client.upload(path, workspace_id="ws_local")
            assert (caught.value.status_code, caught.value.error_code) == (422, body["error_code"])
            return
        asset = client.upload(path, workspace_id="ws_local")
    fields = body["asset"]
    for field in ("id", "file_url", "file_name", "file_size", "file_type"):
        assert getattr(asset, field) == fields[field]
    assert asset.expires_at.isoformat() == fields["file_url_expires_at"].replace("Z", "000+00:00")
    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
    assert first == f"{asked['method']} {asked['path']} HTTP/1.1"
    assert headers["authorization"] == asked["headers"]["Authorization"]
    expected = _parts(asked["headers"]["Content-Type"], golden_files.body_bytes(asked["body"]) or b"")
    assert _parts(headers["content-type"], sent) == expected
    assert len(expected) == 1


def test_the_client_lists_files() -> None:
    """It sends the file's request, and reads the fields of each entry."""
    golden = golden_files.load("assets_list")
    asked, response = (golden_files.filled(golden[key], BOUND) for key in ("request", "response"))
    entries = response["body"]["assets"]
    with serving(says(200, json.dumps(response["body"]).encode())) as server:
        assets = fh.Client(api_key=KEY, base_url=server.url).assets(workspace_id="ws_local")
    for asset, fields in zip(assets, entries, strict=True):
        for field in ("id", "file_url", "file_name", "file_size", "file_type", "asset_type"):
            assert getattr(asset, field) == fields[field]
        assert asset.expires_at is not None
        assert asset.expires_at.isoformat() == fields["file_url_expires_at"].replace("Z", "000+00:00")
    assert server.requests[0].startswith(f"GET {asked['path']} HTTP/1.1\r\n".encode())


APPROVALS = _exchanges("/tool_action_approvals")


@pytest.mark.parametrize("name", APPROVALS)
def test_the_client_lists_and_decides_approvals(name: str) -> None:
    """What it sends is the file's request, and it reads the file's fields; a refusal is an error with the status."""
    golden = golden_files.load(name)
    asked = golden_files.filled(golden["request"], BOUND)
    response = golden_files.filled(golden["response"], BOUND)
    body = response["body"]
    decides = asked["method"] == "POST"
    listed = golden_files.filled(golden_files.load("approvals_list")["response"], BOUND)
    first = [says(200, json.dumps(listed["body"]).encode())] if decides else []
    with serving(*first, says(response["status"], json.dumps(body).encode())) as server:
        workspace_id = asked["path"].split("/")[4]

        def ask() -> Any:
            client = fh.Client(api_key=KEY, base_url=server.url)
            if name == "approval":
                return client.approval(asked["path"].rpartition("/")[2], workspace_id=workspace_id)
            found = client.approvals(workspace_id=workspace_id)
            return found[0].decide(asked["body"]["decision"]) if decides else found[0]

        if asked["body"] == {"decision": "always_allow"}:
            with pytest.raises(fh.InputError):
                ask()
            return
        if response["status"] >= 400:
            with pytest.raises(fh.CallError) as caught:
                ask()
            assert (caught.value.status_code, caught.value.error_code) == (response["status"], body["error_code"])
            assert body["message"] in str(caught.value)
        else:
            approval, fields = ask(), body if decides or name == "approval" else body["tool_action_approvals"][0]
            assert approval.raw == fields
            assert (approval.status, approval.votes) == (fields["status"], len(fields["approval_votes"]))
            assert (approval.run_id, approval.arguments) == (fields["prompt_workflow_run_id"], fields["arguments"])
            assert approval.expires_at.isoformat() == fields["expires_at"].replace("Z", "000+00:00")
        head, _, sent = server.requests[-1].partition(b"\r\n\r\n")
        assert head.startswith(f"{asked['method']} {asked['path']} HTTP/1.1\r\n".encode())
        assert (json.loads(sent) if sent else None) == asked["body"]


def test_no_golden_exchange_is_left_out() -> None:
    """Every file is read by a test of the client, but for the webhook trigger, for which it has no call."""
    read = {*_exchanges("/workflow/invoke"), *_exchanges("/public/requests/"), *_exchanges("/workflow_runs/"), "models"}
    read |= {*APPROVALS, "error_codes", "assets_list", *UPLOADS}
    read |= {n for n in golden_files.names() if golden_files.load(n).get("sent_by") == "service"}
    assert set(golden_files.names()) - read == {
        "webhook_trigger",
        "webhook_unauthorized",
        "webhook_tool_approval",
    }
