"""Outcomes that come later: callbacks, pending runs, approvals, uploaded files and files that a run made."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

import fh_notebook as fh
from tests.kernel import Kernel
from tests.ports import free_port
from tests.promises.call_helpers import (
    HEADER,
    KEY,
    PATIENCE_S,
    Held,
    answers,
    signature,
    until,
)
from tests.raw_server import Script, hangs_up, says, serving

SECRET = "whsec_4f1d0e97b3a2586c"


def _event(request_id: str = "req_1", output: Any = "hi", **more: Any) -> bytes:
    """Return the body of a callback."""
    return json.dumps(
        {"event_type": "workflow.completed", "request_id": request_id, "data": {"output": output}, **more}
    ).encode()


def _deliver(url: str, body: bytes, *signatures: str | bytes, method: str = "POST", name: str = HEADER) -> int:
    """Send one delivery as a service does, and return the status of its answer."""
    headers = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for value in signatures]
    return httpx.request(method, url, content=body, headers=headers, timeout=PATIENCE_S, trust_env=False).status_code


def _signed(url: str, body: bytes, secret: str = SECRET, spelling: str = "hex") -> int:
    return _deliver(url, body, signature(body, secret, spelling))


def _service(
    *look_ups: Any, ids: tuple[str, ...] = ("req_1",), tells_secret: bool = True
) -> tuple[fh.Client, list[str]]:
    """Return a client of a service that takes runs, and answers each look-up with the next of these; and what it was asked."""
    left, starts, asked = list(look_ups), list(ids), []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.path}")
        if request.method == "POST":
            secret = {"webhook_secret": SECRET} if tells_secret else {}
            return httpx.Response(200, json={"request_id": starts.pop(0), "run_status": "running", **secret})
        return httpx.Response(200, json=left.pop(0) if len(left) > 1 else left[0])

    transport = httpx.MockTransport(answer)
    return fh.Client(api_key=KEY, base_url="http://127.0.0.1:9/v1", transport=transport), asked


@pytest.fixture
def receiver() -> Iterator[fh.CallbackReceiver]:
    """A receiver; it learns the secret from the answer to a call."""
    with fh.CallbackReceiver() as made:
        yield made


@pytest.fixture
def pending(receiver: fh.CallbackReceiver) -> Iterator[fh.PendingRun]:
    """A run ``req_1`` that only a callback can end."""
    client, _ = _service({})
    with client:
        started = client.submit("d", variant="v", inputs={"text": "a"}, callback=receiver, poll=False)
        assert (started.status, started.done, started.request_id) == ("running", False, "req_1")
        yield started
        started.cancel_waiting()


# --- callbacks


@pytest.mark.parametrize("spelling", ["hex", "prefixed", "base64"])
def test_a_signed_callback_ends_its_run(receiver: fh.CallbackReceiver, pending: fh.PendingRun, spelling: str) -> None:
    """In each documented spelling of the signature: 200, and the run has the output and what is known of the call."""
    assert _signed(receiver.url, _event(output={"label": "billing"}), spelling=spelling) == 200
    run = pending.wait(timeout_s=PATIENCE_S)
    assert (run.status, run.output, run.deployment, run.variant) == ("completed", {"label": "billing"}, "d", "v")
    assert (run.inputs, run.request_id, pending.done, pending.polls) == ({"text": "a"}, "req_1", True, 0)


def test_a_signature_of_openssl_is_taken(receiver: fh.CallbackReceiver, pending: fh.PendingRun) -> None:
    """An independent peer signed the raw body."""
    body = _event(output="ö")
    command = ["openssl", "dgst", "-sha256", "-hmac", SECRET, "-r"]
    spelt = subprocess.run(command, input=body, capture_output=True, check=True, timeout=60).stdout.split()[0]
    assert _deliver(receiver.url, body, spelt, name=HEADER.lower()) == 200
    assert pending.wait(timeout_s=PATIENCE_S).output == "ö"


FORGED: dict[str, Callable[[bytes], tuple[str | bytes, ...]]] = {
    "none": lambda body: (),
    "empty": lambda body: ("",),
    "upper case": lambda body: (signature(body, SECRET).upper(),),
    "cut": lambda body: (signature(body, SECRET)[:-1],),
    "one digit": lambda body: (signature(body, SECRET)[:-1] + ("0" if signature(body, SECRET)[-1] != "0" else "1"),),
    "another algorithm": lambda body: (f"sha1={signature(body, SECRET)}",),
    "two in one": lambda body: (f"{signature(body, SECRET)},{signature(body, SECRET)}",),
    "two headers": lambda body: (signature(body, SECRET), signature(body, SECRET)),
    "another secret": lambda body: (signature(body, "whsec_of_somebody_else"),),
    "another body": lambda body: (signature(body + b" ", SECRET),),
    "no text": lambda body: (b"\xff\xfe",),
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
def test_a_forged_callback_is_refused_and_ends_nothing(
    receiver: fh.CallbackReceiver, pending: fh.PendingRun, headers: Callable[[bytes], tuple[str | bytes, ...]]
) -> None:
    """401; the run is still waited for, and the right delivery ends it."""
    body = _event(output="forged")
    assert _deliver(receiver.url, body, *headers(body)) == 401
    assert (pending.done, pending.waiting, pending.status) == (False, True, "running")
    assert _signed(receiver.url, _event(output="true")) == 200
    assert pending.wait(timeout_s=PATIENCE_S).output == "true"


def test_a_signature_in_another_header_is_none(receiver: fh.CallbackReceiver, pending: fh.PendingRun) -> None:
    """And an unsigned body is never parsed, however deep it is nested."""
    body = _event()
    assert _deliver(receiver.url, body, signature(body, SECRET), name="X-Signature") == 401
    assert _deliver(receiver.url, b"[" * 100_000, signature(b"{}", SECRET)) == 401
    assert not pending.done


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"request_id": []}', _event("req_other")])
def test_a_signed_body_that_is_no_outcome_of_the_run_ends_nothing(
    receiver: fh.CallbackReceiver, pending: fh.PendingRun, body: bytes
) -> None:
    """It is answered 200, since it was signed; the outcome that comes next is taken."""
    assert _signed(receiver.url, body) == 200
    assert _signed(receiver.url, json.dumps({"request_id": "req_1", "run_status": "running"}).encode()) == 200
    assert not pending.done
    assert _signed(receiver.url, _event()) == 200
    assert pending.wait(timeout_s=PATIENCE_S).output == "hi"


def test_a_duplicate_callback_is_answered_and_the_first_outcome_counts(
    receiver: fh.CallbackReceiver, pending: fh.PendingRun
) -> None:
    """Also one with another output, and a late `running`; the run is in the history once."""
    assert _signed(receiver.url, _event(output="first")) == 200
    assert pending.wait(timeout_s=PATIENCE_S).output == "first"
    running = json.dumps({"request_id": "req_1", "run_status": "running"}).encode()
    for body in (_event(output="first"), _event(output="second"), running):
        assert _signed(receiver.url, body) == 200
    assert (pending.run.status, pending.run.output) == ("completed", "first")
    assert len(fh.history()) == 1
    assert len(fh.pending()) == 0


def test_a_late_callback_is_taken_after_the_wait_has_ended(
    receiver: fh.CallbackReceiver, pending: fh.PendingRun
) -> None:
    """A wait that ends by its time limit returns the last known state; the waiting goes on."""
    assert pending.wait(timeout_s=0.02).status == "running"
    assert _signed(receiver.url, _event(output="late")) == 200
    assert until(lambda: pending.done)
    assert (pending.run.output, pending.run.status) == ("late", "completed")


def test_a_failed_run_is_delivered_as_one(receiver: fh.CallbackReceiver, pending: fh.PendingRun) -> None:
    """With the service's words, and it raises only when it is told to."""
    body = json.dumps({"event_type": "workflow.failed", "request_id": "req_1", "data": {"error": "no model"}}).encode()
    assert _signed(receiver.url, body) == 200
    run = pending.wait(timeout_s=PATIENCE_S)
    assert (run.status, run.error, run.output) == ("failed", "no model", None)
    with pytest.raises(fh.RunFailed):
        run.raise_for_status()


def test_callbacks_out_of_order_reach_their_own_runs(receiver: fh.CallbackReceiver) -> None:
    """Each by its request id."""
    client, _ = _service({}, ids=("req_a", "req_b", "req_c"))
    with client:
        runs = [client.submit("d", variant="v", callback=receiver, poll=False) for _ in range(3)]
        for name in ("c", "a", "b"):
            assert _signed(receiver.url, _event(f"req_{name}", name)) == 200
        assert [run.wait(timeout_s=PATIENCE_S).output for run in runs] == ["a", "b", "c"]


def test_a_callback_that_is_faster_than_the_answer_to_the_call_is_not_lost() -> None:
    """It comes before its run is known here, and is taken when it is."""
    statuses: list[int] = []
    with fh.CallbackReceiver(secrets=SECRET) as receiver:

        def first_the_callback(connection: socket.socket) -> None:
            statuses.append(_signed(receiver.url, _event("req_fast", "fast")))
            answers(200, request_id="req_fast", run_status="running")(connection)

        with serving(first_the_callback) as server, fh.Client(base_url=server.url, api_key=KEY) as client:
            pending = client.submit("d", variant="v", callback=receiver, poll=False)
            assert pending.wait(timeout_s=PATIENCE_S).output == "fast"
    assert statuses == [200]


@pytest.mark.parametrize(
    ("method", "elsewhere", "status"), [("GET", "", 405), ("PUT", "", 405), ("POST", "x", 404), ("GET", "x", 404)]
)
def test_only_a_post_to_the_one_address_is_answered(
    receiver: fh.CallbackReceiver, pending: fh.PendingRun, method: str, elsewhere: str, status: int
) -> None:
    """A signature opens no other address, and the address cannot be guessed."""
    body = _event()
    assert _deliver(receiver.url + elsewhere, body, signature(body, SECRET), method=method) == status
    assert not pending.done
    assert len({fh.CallbackReceiver().path for _ in range(10)}) == 10
    assert len(receiver.path) >= 40


def test_a_receiver_listens_at_the_same_url_again() -> None:
    """After stop, and another one with the same port and path; it listens on 127.0.0.1 alone."""
    port = free_port()
    with fh.CallbackReceiver(port=port, secrets=["old", SECRET]) as first:
        url, path = first.url, first.path
        assert url.startswith(f"http://127.0.0.1:{port}/")
        assert [_signed(url, _event(), secret) for secret in ("old", SECRET, "third")] == [200, 200, 401]
    with pytest.raises(httpx.ConnectError):
        _signed(url, _event())
    with fh.CallbackReceiver(port=port, path=path, secrets=SECRET) as second:
        assert second.url == url
        assert [_signed(url, _event(), secret) for secret in ("old", SECRET)] == [401, 200]
        assert second.self_test().ok


def test_a_body_over_the_receivers_limit_is_refused_before_it_is_verified() -> None:
    """413; one of exactly the limit is taken."""
    with fh.CallbackReceiver(secrets=SECRET, max_body_bytes=1_000) as small:
        assert [_signed(small.url, b"{" + b" " * length + b"}") for length in (998, 999)] == [200, 413]


@pytest.mark.parametrize("settings", [{"path": "short"}, {"secrets": ""}, {"secrets": ["good", " "]}])
def test_a_receiver_that_would_not_be_safe_is_refused(settings: dict[str, Any]) -> None:
    """A path that can be guessed, a secret that proves nothing."""
    with pytest.raises(fh.SettingsError):
        fh.CallbackReceiver(**settings)


def test_no_signing_secret_is_shown_or_saved(
    receiver: fh.CallbackReceiver, pending: fh.PendingRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In no repr, card, table or byte of the store, before and after the outcome."""
    shown = [repr(pending), pending._repr_html_(), fh.pending().to_string()]
    assert _signed(receiver.url, _event()) == 200
    run = pending.wait(timeout_s=PATIENCE_S)
    shown += [repr(receiver), receiver._repr_html_(), repr(pending), repr(run), run._repr_html_(), str(run.to_dict())]
    shown += [fh.history().to_string(), *capsys.readouterr()]
    assert [text for text in shown if SECRET in text] == []
    fh.configure(store=None)  # closes it
    raw = b"".join(path.read_bytes() for path in tmp_path.rglob("store*") if path.is_file())
    assert b"req_1" in raw
    assert SECRET.encode() not in raw


def test_a_signature_is_verified_over_the_raw_bytes() -> None:
    """`fh.verify_signature`: three spellings; no altered byte, other secret or empty secret; bytes only."""
    body = b'{"a": 1}'
    good = [signature(body, SECRET, spelling) for spelling in ("hex", "prefixed", "base64")]
    assert all(fh.verify_signature(body, f" {header} ", SECRET) for header in good)
    assert fh.verify_signature(body, good[0], fh.Secret(SECRET))
    for place in range(len(body)):
        altered = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert not any(fh.verify_signature(altered, header, SECRET) for header in good)
    for header in good:
        assert not fh.verify_signature(body, header, SECRET[:-1])
        assert not fh.verify_signature(body, header[:-1], SECRET)
    assert not fh.verify_signature(body, signature(body, ""), "")
    assert not fh.verify_signature(body, "", SECRET)
    with pytest.raises(TypeError):
        fh.verify_signature('{"a": 1}', good[0], SECRET)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "status", "output", "error"),
    [
        ({"event_type": "workflow.completed", "request_id": "r", "data": {"output": "x"}}, "completed", "x", None),
        ({"event_type": "agent.completed", "request_id": "r", "data": {"response": "x"}}, "completed", "x", None),
        ({"event_type": "agent.failed", "request_id": "r", "data": {"error": "why"}}, "failed", None, "why"),
        ({"request_id": "r", "run_status": "completed", "output": {"a": 1}}, "completed", {"a": 1}, None),
        ({"data": {"request_id": "r"}, "status": "failed", "error": "why"}, "failed", None, "why"),
    ],
)
def test_an_event_is_read_tolerantly(body: dict[str, Any], status: str, output: Any, error: str | None) -> None:
    """Id at the top or in `data`; status by suffix or field; output and error wherever they may stand."""
    run = fh.parse_event(json.dumps(body).encode())
    assert (run.request_id, run.status, run.output, run.error) == ("r", status, output, error)
    assert fh.parse_event(b"<html>").status == "unknown"


# --- pending runs


@pytest.mark.parametrize("spelling", ["docs", "sdk"])
@pytest.mark.parametrize("way", ["callback", "asking"])
def test_a_run_is_submitted_and_its_outcome_comes_by_callback_or_by_asking(
    spelling: Literal["docs", "sdk"], way: str
) -> None:
    """`submit` returns at once; `fh.pending()` has the run until it ends; then it is in the history."""
    held = Held(spelling=spelling)
    with fh.CallbackReceiver(secrets=held.hive.webhook_secret("held")) as receiver, held.hive.client() as client:
        pending = client.submit(
            "held", variant="v", inputs={"text": "a"}, metadata={"case": 1}, callback=receiver, poll=False
        )
        assert (pending.done, pending.waiting, len(fh.pending()), len(fh.history())) == (False, True, 1, 0)
        assert fh.pending()["waits_in"].tolist() == ["this kernel"]
        if way == "asking":
            receiver.stop()
        held.let_go()
        if way == "asking":
            until(lambda: held.hive.counts.completed == 1)
            pending.refresh()
        run = pending.wait(timeout_s=PATIENCE_S)
    assert (run.status, run.output, run.metadata, pending.polls) == (
        "completed",
        "A",
        {"case": 1},
        int(way == "asking"),
    )
    assert (len(fh.pending()), len(fh.history()), len(held.hive.calls)) == (0, 1, 1)


def test_a_pending_run_is_asked_for_by_itself_and_can_be_awaited() -> None:
    """Without a public address the service is asked at growing intervals; nothing is submitted twice."""
    client, asked = _service({"status": "running"}, {"status": "completed", "data": {"output": "hi"}})

    async def main() -> fh.Run:
        with client:
            pending = await client.asubmit("d", variant="v")
            return await pending

    run = asyncio.run(main())
    assert (run.status, run.output) == ("completed", "hi")
    assert [line.split()[0] for line in asked] == ["POST", "GET", "GET"]
    assert asked[1:] == ["GET /v1/public/requests/req_1"] * 2


@pytest.mark.parametrize(
    ("looked_up", "status", "output"),
    [
        ({"request": {"status": "success", "data": {"output": "hi"}}}, "completed", "hi"),
        ({"status": "errored", "message": "no"}, "failed", None),
        ({"workflow_run": {"run_status": "failed", "error_message": "no"}}, "failed", None),
        ({"status": "queued"}, "queued", None),
        ({"status": "awaiting_approval"}, "awaiting_approval", None),
    ],
)
def test_refresh_asks_once_and_reads_what_it_gets(looked_up: Any, status: str, output: Any) -> None:
    """Only an end ends the run."""
    client, asked = _service(looked_up)
    with client:
        pending = client.submit("d", variant="v", poll=False)
        run = pending.refresh()
        assert (run.status, run.output, pending.done) == (status, output, status in ("completed", "failed"))
        assert len(asked) == 2
        pending.cancel_waiting()


def test_a_submit_that_the_service_refuses_leaves_nothing_pending() -> None:
    """Refused is failed, what may have run is unknown, a wrong key and a cap raise; a human step needs `submit`."""
    held = Held()

    @held.hive.workflow("ask", variant="v", human="finance")
    def ask() -> bool:
        return fh.local.ask_human("Yes?").approved

    with held.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        assert client.submit("held", variant="nobody", inputs={"text": "a"}).run.status == "failed"
        held.hive.fail_next(1, status=500)
        lost = client.submit("held", variant="v", inputs={"text": "a"})
        assert (lost.done, lost.run.status, lost.run.may_have_run) == (True, "unknown", True)
        direct = client.invoke("ask", variant="v")
        assert (direct.status, direct.may_have_run) == ("failed", False)
        held.hive.fail_next(1, status=401)
        with pytest.raises(fh.AuthError):
            client.submit("held", variant="v", inputs={"text": "a"})
        held.hive.fail_next(1, status=429, error_code="api_rate_limit_exceeded")
        with pytest.raises(fh.LimitReached):
            client.submit("held", variant="v", inputs={"text": "a"})
    assert (len(fh.pending()), held.hive.calls) == (0, ())


def test_after_cancel_waiting_the_run_is_reattached_and_nothing_is_submitted() -> None:
    """Nobody waits: `fh.pending()` says so, with the password of its inputs masked; `fh.reattach` goes on."""
    held = Held()

    @held.hive.workflow("login", variant="v")
    def login(text: str, token: str) -> str:
        return held.go.acquire(timeout=PATIENCE_S) and text.upper()  # type: ignore[return-value]

    password = {"type": "string", "format": "password"}
    dep = fh.Deployment("login", variants=["v"], inputs={"text": fh.text(), "token": password})
    with held.hive.client() as client:
        pending = client.submit(dep, inputs={"text": "a", "token": "tok_hidden"}, poll=False)
        pending.cancel_waiting()
        assert (pending.waiting, pending.done) == (False, False)
        told = fh.pending()
        assert (told["waits_in"].tolist(), len(told)) == (["nobody"], 1)
        assert "tok_hidden" not in told.to_string()
        (again,) = fh.reattach(client=client)
        assert again.request_id == pending.request_id
        assert fh.reattach(client=client) == []
        held.let_go()
        until(lambda: held.hive.counts.completed == 1)
        assert again.refresh().output == "A"
    assert (len(fh.pending()), len(held.hive.calls)) == (0, 1)


def test_a_webhook_starts_a_run_without_the_api_key() -> None:
    """By the endpoint's own secret, in a header; a wrong one is AuthError, shown nowhere, and runs nothing."""
    held = Held()
    endpoint = held.hive.webhook("held", "v")
    ids = endpoint.endpoint_id, endpoint.variant_id
    with held.hive.client() as client:
        pending = client.trigger(*ids, secret=endpoint.secret, inputs={"text": "a"})
        held.let_go()
        assert pending.wait(timeout_s=PATIENCE_S).output == "A"
        with pytest.raises(fh.AuthError) as told:
            client.trigger(*ids, secret="a wrong secret", inputs={"text": "a"})
    assert "a wrong secret" not in str(told.value)
    assert len(held.hive.calls) == 1
    with serving(answers(200, request_id="r", run_status="running")) as server:
        with fh.Client(base_url=server.url, api_key=KEY) as client:
            client.trigger("e", "w", secret="whsec_of_the_endpoint", poll=False).cancel_waiting()
        head = server.requests[0].partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"post /v1/workflow/webhooks/e/variants/w http")
    assert b"x-fetch-hive-webhook-secret: whsec_of_the_endpoint" in head
    assert KEY.encode() not in head


SUBMIT = """
import fh_notebook as fh
hive = fh.Client(base_url={url!r}, api_key={key!r})
receiver = fh.CallbackReceiver(port={port}, path={path!r}).start()
runs = [hive.submit("held", variant="v", inputs={{"text": t}}, callback=receiver) for t in ("a", "b", "c")]
print("submitted", len(runs))
"""


def test_after_the_death_of_a_kernel_its_runs_are_taken_up_at_the_same_url(tmp_path: Path) -> None:
    """A live kernel's runs are left to it; after SIGKILL callbacks reach a receiver with the same port and path."""
    held = Held(callback_backoff_s=(0.05,) * 400)
    names: dict[str, Any] = {"key": KEY, "port": free_port(), "path": fh.CallbackReceiver().path}
    with held.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        with Kernel(tmp_path) as kernel:
            assert "submitted 3" in kernel.run(SUBMIT.format(url=server.url, **names))
            assert fh.pending()["waits_in"].tolist() == ["another kernel"] * 3
            assert fh.reattach(client=client) == []
            kernel.process.kill()
            kernel.process.wait()
        held.let_go(3)
        until(lambda: held.hive.counts.completed == 3)  # the callbacks find nobody, and are tried again
        assert fh.pending()["waits_in"].tolist() == ["nobody"] * 3
        secret = held.hive.webhook_secret("held")
        with fh.CallbackReceiver(port=names["port"], path=names["path"], secrets=secret) as receiver:
            runs = fh.reattach(client=client, receiver=receiver)
            assert [run.wait(timeout_s=PATIENCE_S).output for run in runs] == ["A", "B", "C"]
        assert (len(fh.pending()), len(fh.history()), len(held.hive.calls)) == (0, 3, 3)


def test_a_batch_by_callback_and_one_by_asking_have_the_answers_of_a_direct_one() -> None:
    """`delivery=`: the same frame, each row submitted once; the plan of one by asking has its look-ups."""
    hive = fh.local.LocalHive()

    @hive.workflow("shout", variant="v")
    def shout(text: str) -> str:
        return text.upper()

    rows = [{"text": letter} for letter in "abc"]
    with hive.client() as client:
        for number, delivery in enumerate(("direct", "callback", "poll"), 1):
            batch = fh.batch(
                rows, "shout", variants="v", client=client, name=delivery, delivery=delivery, progress=False
            )
            assert batch.frame["output"].tolist() == ["A", "B", "C"]
            assert len(hive.calls) == 3 * number
    assert len(fh.pending()) == 0


# --- people and approvals


def test_a_run_waits_for_a_person_until_they_decide() -> None:
    """An approval, a choice and a text; a step whose time is over fails or goes on as it says."""
    hive = fh.local.LocalHive()

    @hive.workflow("ask", variant="yes", human="finance")
    def yes() -> str:
        return "paid" if fh.local.ask_human("Pay?").approved else "refused"

    @hive.workflow("ask", variant="choice", human="lead")
    def choice() -> Any:
        step = fh.local.ask_human("Who?", choices=["first", "legal"])
        return [step.choice.value, fh.local.ask_human("Why?", text=True).text]  # type: ignore[union-attr]

    @hive.workflow("ask", variant="late", human="lead")
    def late() -> bool:
        return fh.local.ask_human("Soon?", timeout_s=0.05, on_timeout="continue").timed_out

    with hive.client() as client:
        for approve, output in ((True, "paid"), (False, "refused")):
            pending = client.submit("ask", variant="yes")
            assert hive.wait_approval().question == "Pay?"
            assert pending.refresh().status == "awaiting_approval"
            hive.decide(pending, approve=approve)
            assert pending.wait(timeout_s=PATIENCE_S).output == output
        pending = client.submit("ask", variant="choice")
        assert hive.wait_approval().question == "Who?"
        with pytest.raises(fh.SettingsError):
            hive.decide(pending, choice="nobody")
        hive.decide(pending, choice="legal")
        until(lambda: [step.question for step in hive.approvals] == ["Why?"])
        hive.decide(pending, text="It ends in May.")
        assert pending.wait(timeout_s=PATIENCE_S).output == ["legal", "It ends in May."]
        assert client.submit("ask", variant="late").wait(timeout_s=PATIENCE_S).output is True


def _tool_hive() -> fh.local.LocalHive:
    """Return a hive whose ``refund`` asks before it pays."""
    hive = fh.local.LocalHive(api_key=KEY, workspace_id="ws 1")

    @hive.workflow("refund", variant="v", tools={"payments": "ask"})
    def refund(amount: int) -> str:
        asked = fh.local.ask_human(f"Refund {amount}?", tool="payments", tool_arguments={"amount": amount})
        return "paid" if asked.approved else "refused"

    return hive


@pytest.mark.parametrize(("decision", "output"), [("allow_once", "paid"), ("deny", "refused")])
def test_a_tool_that_asks_is_listed_and_decided_once(decision: Literal["allow_once", "deny"], output: str) -> None:
    """With its tool, arguments and summary, only of the run that is asked about; a second decision is a 409."""
    hive = _tool_hive()
    with hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY, workspace_id="ws 1") as client:
        pending, other = (client.submit("refund", variant="v", inputs={"amount": n}) for n in (1, 2))
        until(lambda: len(client.approvals()) == 2)
        (approval,) = pending.approvals()
        assert (approval.status, approval.tool, approval.summary) == ("pending", "payments", "Refund 1?")
        assert approval.arguments == {"amount": 1}
        assert [found.id for found in client.approvals(request_id=pending.request_id)] == [approval.id]
        assert len(client.approvals(limit=1)) == 1
        approval.decide(decision)
        assert pending.refresh().output == output or pending.wait(timeout_s=PATIENCE_S).output == output
        with pytest.raises(fh.CallError) as twice:
            approval.decide("deny")
        assert (twice.value.status_code, twice.value.may_have_run) == (409, False)
        assert client.approval(approval.id).status != "pending"
        assert [found.arguments["amount"] for found in client.approvals()] == [2]
        with pytest.raises(fh.InputError):
            other.approvals()[0].decide("always")  # type: ignore[arg-type]
        with pytest.raises(fh.CallError) as missing:
            client.approvals(workspace_id="ws_other")
        assert missing.value.status_code == 404
        other.approvals()[0].decide("deny")
        assert other.wait(timeout_s=PATIENCE_S).output == "refused"


def test_a_direct_call_that_waits_says_so_and_is_retrieved_later() -> None:
    """The run is a value with the status `awaiting_approval`; a batch lists its own, and takes the outcomes."""
    hive = _tool_hive()
    with hive.client() as client:
        run = client.invoke("refund", variant="v", inputs={"amount": 9})
        assert (run.status, run.done) == ("awaiting_approval", False)
        batch = fh.batch(
            [{"amount": 1}, {"amount": 2}], "refund", variants="v", client=client, wait=False, progress=False
        )
        until(lambda: len(batch.approvals()) == 2)
        for approval in batch.approvals():
            approval.decide("allow_once")
        batch.wait()
        until(lambda: batch.resolve_unknown() is not None and not batch.counts.unknown)
        assert batch.frame["output"].tolist() == ["paid", "paid"]
        assert run.status == "awaiting_approval"
        client.approvals()[0].decide("deny")
        assert until(lambda: client.retrieve(run.request_id or "").output) == "refused"


@pytest.mark.parametrize(("script", "may"), [(answers(422, error="destructive"), False), (hangs_up, True)])
def test_a_decision_is_sent_once_and_says_whether_it_may_have_arrived(script: Script, may: bool) -> None:
    """It is never repeated."""
    listed = answers(200, tool_action_approvals=[{"id": "a1", "status": "pending", "summary": "Refund 1?"}])
    with serving(listed, script, answers(200)) as server:
        (approval,) = fh.Client(base_url=server.url, api_key=KEY).approvals(workspace_id="w")
        with pytest.raises(fh.CallError) as caught:
            approval.decide("allow_once")
        assert [request.split(b" HTTP")[0] for request in server.requests] == [
            b"GET /v1/public/workspaces/w/tool_action_approvals?status=pending",
            b"POST /v1/public/workspaces/w/tool_action_approvals/a1/decide",
        ]
    assert caught.value.may_have_run is may


def test_without_a_workspace_id_neither_approvals_nor_uploads_are_sent(tmp_path: Path) -> None:
    """SettingsError that names the setting; nothing goes out."""
    (tmp_path / "a.txt").write_text("bee")
    with serving(answers(200)) as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        calls: list[Callable[[], Any]] = [
            client.approvals, client.assets, lambda: client.upload(tmp_path / "a.txt"),
            lambda: client.invoke("d", variant="v", inputs={"document": fh.file(tmp_path / "a.txt")}),
        ]  # fmt: skip
        for call in calls:
            with pytest.raises(fh.SettingsError, match="workspace_id"):
                call()
        assert server.requests == []


# --- files


class Reader:
    """A hive whose workflow is given a document's address."""

    def __init__(self) -> None:
        self.hive = fh.local.LocalHive(api_key=KEY)
        self.got: list[str] = []

        @self.hive.workflow("read", variant="v")
        def read(document: str) -> str:
            self.got.append(document)
            return document


def test_a_file_is_uploaded_once_for_each_content_and_sent_as_an_address(tmp_path: Path) -> None:
    """By call and by each row of a batch; the plan counts the uploads; equal content under another name calls nothing."""
    reader = Reader()
    for name, text in {"a": "bee", "b": "wasp", "c": "bee", "d": "wasp"}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    with reader.hive.client() as client:

        def batch(*names: str, **options: Any) -> fh.Batch:
            rows = [{"path": str(tmp_path / f"{name}.txt")} for name in names]
            document = {"document": fh.file(column="path")}
            return fh.batch(
                rows, "read", variants="v", inputs=document, client=client, name="docs", progress=False, **options
            )

        plan = batch("a", "b", "c", dry_run=True).plan()
        assert (plan.uploads, plan.calls, client.assets()) == (2, 2, [])
        run = client.invoke("read", variant="v", inputs={"document": fh.file(tmp_path / "a.txt")})
        assert run.output.endswith("/a.txt")
        assert batch("a", "b", "c").counts.done == 3
        assert sorted(asset.file_name or "" for asset in client.assets()) == ["a.txt", "b.txt"]
        before = len(reader.got)
        assert batch("c", "d", "a").counts.calls == 0
        assert (len(reader.got), len(client.assets())) == (before, 2)
        with pytest.raises(fh.InputError):
            fh.file(tmp_path / "nobody.txt")


def test_an_upload_is_a_multipart_request_whose_answer_has_the_address(tmp_path: Path) -> None:
    """Name, size, type and expiry of the file; the key stands in the header alone."""
    (tmp_path / "bee.png").write_bytes(b"\x89PNG")
    address = {"file_url": "https://files.example/1", "file_url_expires_at": "2030-01-01T00:00:00Z"}
    with serving(answers(200, message="ok", asset=address)) as server:
        asset = fh.Client(base_url=server.url, api_key=KEY).upload(tmp_path / "bee.png", workspace_id="ws 1")
        head, _, form = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/public/workspaces/ws%201/assets HTTP")
    assert b"multipart/form-data; boundary=" in head
    assert b"\x89PNG" in form
    assert b'filename="bee.png"' in form
    assert KEY.encode() in head
    assert KEY.encode() not in form
    assert (asset.file_url, asset.expires_at is not None) == ("https://files.example/1", True)


@pytest.mark.parametrize(
    ("script", "may"),
    [(answers(409), False), (answers(422), False), (answers(500), True), (says(502), True), (hangs_up, True)],
)
def test_an_upload_is_sent_once_and_says_whether_it_may_have_arrived(script: Script, may: bool, tmp_path: Path) -> None:
    """It is never repeated, and the call that needed it is not made."""
    (tmp_path / "a.txt").write_text(f"bee {may}")
    with serving(script, answers(200, asset={"file_url": "https://x.test/1"})) as server:
        with pytest.raises(fh.CallError) as caught:
            fh.Client(base_url=server.url, api_key=KEY).upload(tmp_path / "a.txt", workspace_id="w")
        assert len(server.requests) == 1
    assert caught.value.may_have_run is may
    with serving(script, answers(200, run_status="completed")) as server:
        client = fh.Client(base_url=server.url, api_key=KEY, workspace_id="w")
        run = client.invoke("d", variant="v", inputs={"document": fh.file(tmp_path / "a.txt")})
        assert len(server.requests) == 1
    assert (run.status, run.error_code, run.may_have_run) == ("failed", "upload_failed", False)


def _made(url: str, origin: str = "api.fetchhive.com") -> fh.Run:
    """Return a run whose model named a file's address."""
    return fh.Run(status="completed", output={"assets": [{"file_url": url, "file_name": "x.png"}]}, origin=origin)


NOT_PUBLIC = (
    "127.0.0.1", "localhost", "a.localhost", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "[::1]", "[::]", "[fc00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "2130706433",
)  # fmt: skip


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_an_address_of_this_machine_or_a_private_network_is_never_fetched(host: str, tmp_path: Path) -> None:
    """Whatever the scheme and port; also where the service itself is on this machine."""
    for url in (f"https://{host}/x.png", f"http://{host}:8080/x.png"):
        for origin in ("api.fetchhive.com", "127.0.0.1:8787", "local", ""):
            with pytest.raises(fh.CallError) as caught:
                _made(url, origin).save_assets(tmp_path)
            assert caught.value.may_have_run is False
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://files.example/x", "", "http://files.example/x.png"])
def test_only_https_addresses_are_fetched(url: str, tmp_path: Path) -> None:
    """But for the service's own."""
    with pytest.raises(fh.CallError):
        _made(url).save_assets(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_or_a_redirect_that_leads_to_a_private_network_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The number that is connected to counts: not a byte is sent; nor after a redirect of the service itself."""
    resolve = socket.getaddrinfo

    def resolved(host: Any, *args: Any, **options: Any) -> Any:
        here = host in ("files.example", b"files.example")
        return resolve("127.0.0.1" if here else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with serving(says(200, b"secret")) as server:
        port = server.url.split(":")[2].removesuffix("/v1")
        with pytest.raises(fh.CallError):
            _made(f"https://files.example:{port}/x.png").save_assets(tmp_path)
        assert b"".join(server.requests) == b""
    with serving(says(302, b"", b"location: https://169.254.169.254/latest"), says(200, b"secret")) as server:
        origin = server.url.split("/")[2]
        with pytest.raises(fh.CallError):
            _made(f"http://{origin}/x.png", origin).save_assets(tmp_path)
        assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_run_are_saved_under_safe_names_without_the_key(tmp_path: Path) -> None:
    """From the service's own address; never outside of the folder, never over a file; half a file is none."""
    hive = fh.local.LocalHive(api_key=KEY)

    @hive.workflow("draw", variant="v")
    def draw() -> dict[str, Any]:
        asset = hive.asset("../../bee.png", b"\x89PNG picture", "image/png")
        return {"settings": {}, "assets": [asset, {**asset, "file_name": "bee.png"}]}

    folder = tmp_path / "out"
    with hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        saved = client.invoke("draw", variant="v").save_assets(folder)
    assert len({path.name for path in saved}) == 2
    assert all(path.parent == folder and path.read_bytes() == b"\x89PNG picture" for path in saved)
    with serving(says(200, b"half", declared=99), says(200, b"whole")) as raw:
        origin = raw.url.split("/")[2]
        with pytest.raises(fh.CallError):
            _made(f"http://{origin}/x.png", origin).save_assets(tmp_path / "half")
        assert list((tmp_path / "half").iterdir()) == []
        (whole,) = _made(f"http://{origin}/x.png", origin).save_assets(tmp_path / "half")
        assert whole.read_bytes() == b"whole"
        assert b"authorization" not in b"".join(raw.requests).lower()
