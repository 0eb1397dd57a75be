"""One call of a deployment: every way to make it, every answer that it can get, and the key, which nothing shows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest

import fh_notebook as fh
from tests.kernel import Kernel
from tests.ports import free_port
from tests.promises.call_helpers import GOOD, KEY, Held, Receiver, Shell, answers, echo_hive, json_sent, loaded_shell
from tests.raw_server import Script, garbles, hangs_up, resets, says, serving, waits_until


def _call(url: str, **options: Any) -> fh.Run:
    with fh.Client(base_url=url, api_key=KEY, timeout=options.pop("timeout", 30), **options) as client:
        return client.invoke("d", variant="v", inputs={"n": 1})


@pytest.fixture
def shell() -> Iterator[Shell]:
    """A real shell with the extension loaded."""
    with loaded_shell() as made:
        yield made


@pytest.fixture
def hive() -> Iterator[fh.local.LocalHive]:
    """A hive on a socket, as the session's service; with the names of Fetch Hive's sample requests."""
    made = echo_hive()

    @made.workflow("YOUR_DEPLOYMENT_NAME", variant="YOUR_VARIANT_NAME")
    def sample(topic: str) -> str:
        return f"about {topic}"

    with made.serve() as server:
        fh.configure(base_url=server.url, api_key=KEY)
        yield made


# --- what is sent, and what comes back


def test_a_call_is_one_request_of_the_documented_form() -> None:
    """POST /v1/workflow/invoke, the key as a bearer, JSON, and each argument in its own field; no `async`."""
    with serving(GOOD) as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        client.invoke(
            "d", variant="v", inputs={"n": 1, "list": ["a", None]}, metadata={"case": 42, "ok": True}, user="ada",
            tool_approval="auto_approve",
        )  # fmt: skip
        (request,) = server.requests
    head = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:])
    assert head[0] == "POST /v1/workflow/invoke HTTP/1.1"
    assert headers["authorization"] == f"bearer {KEY}".lower()
    assert headers["content-type"] == headers["accept"] == "application/json"
    assert json_sent(request) == {
        "deployment": "d", "variant": "v", "inputs": {"n": 1, "list": ["a", None]}, "metadata": {"case": 42, "ok": True},
        "user": "ada", "tool_approval": "auto_approve",
    }  # fmt: skip


@pytest.mark.parametrize("spelling", ["docs", "sdk"])
@pytest.mark.parametrize("way", ["in process", "socket"])
def test_a_run_completes_or_fails_in_either_spelling_of_the_service(spelling: Literal["docs", "sdk"], way: str) -> None:
    """`run_status` and `request_id` of the docs, `status` and `run_id` of the SDKs; a failed run is a value, not an exception."""
    hive = echo_hive(spelling=spelling)
    with (
        hive.serve() as server,
        hive.client() if way == "in process" else fh.Client(base_url=server.url, api_key=KEY) as client,
    ):
        good = client.invoke("echo", variant="loud", inputs={"text": "hi", "times": 2}, metadata={"case": 1})
        bad = client.invoke("echo", variant="broken", inputs={"text": "hi"})
    assert (good.status, good.ok, good.output, good.json()["said"]) == ("completed", True, {"said": "HIHI"}, "HIHI")
    assert (good.deployment, good.variant, good.inputs, good.metadata) == (
        "echo", "loud", {"text": "hi", "times": 2}, {"case": 1},
    )  # fmt: skip
    assert good.raise_for_status() is good
    assert good.request_id == hive.calls[0].request_id
    assert 0 < good.elapsed_s < 60
    assert (bad.status, bad.ok, bad.done, bad.output) == ("failed", False, True, None)
    assert "cannot say hi" in str(bad.error)
    with pytest.raises(fh.RunFailed, match="cannot say hi"):
        bad.raise_for_status()


@pytest.mark.parametrize(
    ("code", "body", "status", "output", "ids"),
    [
        (200, {"request_id": "r", "run_status": "completed", "output": {"a": 1}}, "completed", {"a": 1}, ("r", None)),
        (200, {"run_id": "w", "status": "completed", "output": "", "error": None}, "completed", "", (None, "w")),
        (200, {"request_id": "r", "run_status": "completed", "output": 0}, "completed", 0, ("r", None)),
        (200, {"request_id": "r", "run_id": "w", "status": "failed", "error": "why"}, "failed", None, ("r", "w")),
        (202, {"run_id": "w", "status": "queued"}, "queued", None, (None, "w")),
        (201, {"request_id": "r", "run_status": "completed", "output": "x", "new": 1}, "completed", "x", ("r", None)),
        (200, {"request_id": "r", "run_status": "dancing", "output": "x"}, "dancing", "x", ("r", None)),
        (200, {"request_id": "r", "run_status": "awaiting_approval"}, "awaiting_approval", None, ("r", None)),
    ],
)
def test_every_successful_answer_is_read_tolerantly_and_kept_raw(
    code: int, body: dict[str, Any], status: str, output: Any, ids: tuple[str | None, str | None]
) -> None:
    """Any 2xx is a call that succeeded; an unknown status and unknown fields break nothing, and the raw body stays."""
    with serving(answers(code, **body)) as server:
        run = _call(server.url)
        assert len(server.requests) == 1
    assert (run.status, run.output, run.status_code, run.raw) == (status, output, code, body)
    assert (run.request_id, run.run_id) == ids
    assert run.error == body.get("error")


def test_files_of_an_answer_are_its_assets() -> None:
    """An image result: name, address, type, size and when the address ends."""
    entry = {
        "id": "a1", "file_url": "https://files.example/x.png", "file_name": "x.png", "file_size": 7,
        "file_type": "image/png", "file_url_expires_at": "2030-01-01T00:00:00Z",
    }  # fmt: skip
    with serving(
        answers(200, request_id="r", run_status="completed", output={"settings": {}, "assets": [entry]})
    ) as server:
        (asset,) = _call(server.url).assets
    assert (asset.id, asset.file_url, asset.file_name) == ("a1", "https://files.example/x.png", "x.png")
    assert (asset.file_size, asset.file_type) == (7, "image/png")
    assert asset.expires_at is not None
    assert asset.expires_at.isoformat() == "2030-01-01T00:00:00+00:00"


def test_every_blocking_call_has_an_async_twin_and_works_in_a_running_loop() -> None:
    """`fh.ainvoke`, `Client.ainvoke` and `AsyncClient` in one's own loop; a blocking call in it; many at once from threads."""
    with echo_hive().serve() as server:

        def client() -> fh.Client:
            return fh.Client(base_url=server.url, api_key=KEY)

        async def main() -> list[Any]:
            say = {"variant": "plain", "inputs": {"text": "x"}}
            async with fh.AsyncClient(base_url=server.url, api_key=KEY) as mine:
                runs = await asyncio.gather(*(mine.invoke("echo", **say) for _ in range(5)))
            runs.append(await client().ainvoke("echo", **say))
            runs.append(await fh.ainvoke("echo", **say, client=client()))
            runs.append(client().invoke("echo", **say))
            return [run.output for run in runs]

        assert asyncio.run(main()) == ["x"] * 8
        with client() as shared, ThreadPoolExecutor(8) as pool:
            told = list(
                pool.map(lambda n: shared.invoke("echo", variant="plain", inputs={"text": str(n)}).output, range(24))
            )
    assert told == [str(n) for n in range(24)]


def test_a_call_with_a_callback_url_returns_at_once_with_the_run_that_goes_on() -> None:
    """Status running or queued, an id, and the signing secret, which is masked; the body asked for delivery."""
    held = Held()
    with Receiver() as other, held.hive.serve() as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        run = client.invoke("held", variant="v", inputs={"text": "x"}, callback_url=other.url)
        assert (run.status, run.done, run.output) == ("running", False, None)
        assert run.webhook_secret is not None
        assert run.webhook_secret.reveal() == held.hive.webhook_secret("held").reveal()
        assert run.webhook_secret.reveal() not in repr(run) + str(run.to_dict()) + run._repr_html_()
        held.let_go()
        assert json.loads(other.next().body)["request_id"] == run.request_id
        assert client.retrieve(run.request_id).output == "X"


def test_a_wrong_input_is_refused_with_all_problems_before_any_call() -> None:
    """Inputs, variant, metadata, tool approval and callback address: one InputError, nothing is sent."""
    dep = fh.Deployment("d", variants=["a", "b"], inputs={"text": fh.text(), "n": fh.integer(minimum=1)})
    wrong: list[dict[str, Any]] = [
        {"variant": "a", "inputs": {"text": "x", "n": 1}, "metadata": {"deep": {"a": 1}}},
        {"variant": "a", "inputs": {"text": "x", "n": 1}, "tool_approval": "always"},
        {"variant": "a", "inputs": {"text": "x", "n": 1}, "callback_url": "not a url"},
        {"inputs": {"text": "x", "n": 1}},
        {"variant": "A", "inputs": {"text": "x", "n": 1}},
        {"variant": "a", "inputs": {"text": "x", "n": 1, "m": 2}},
    ]
    with serving(GOOD) as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        for options in wrong:
            with pytest.raises(fh.InputError):
                client.invoke(dep, **options)
        with pytest.raises(fh.InputError) as caught:
            client.invoke(dep, variant="a", inputs={"n": 0, "txet": "x"})
        assert {problem.path[0] for problem in caught.value.problems} == {"n", "text", "txet"}
        assert server.requests == []
        assert client.invoke(dep, variant="a", inputs={"text": "x", "n": 1}).ok


def test_a_declared_default_is_what_a_program_may_leave_out() -> None:
    """The workflow gets it; a required variable has none."""
    dep = fh.Deployment("d", variants=["v"], inputs={"text": fh.text(), "n": fh.integer(default=3)})
    with serving(GOOD) as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        assert client.invoke(dep, inputs={"text": "x"}).ok
        assert json_sent(server.requests[0])["inputs"] == {"text": "x", "n": 3}


# --- every status, and how often it is sent

BUSY = {"error": "You've reached your concurrency limit. Try again later or use async mode."}
RETRIED: dict[str, list[Script]] = {
    "503": [answers(503, error="busy")],
    "502 with the service's code": [answers(502, error_code="provider_error")],
    "429 concurrency": [answers(429, **BUSY), answers(429, **BUSY)],
    "429 provider": [answers(429, error_code="too_many_requests")],
    "429 without a word": [says(429, b"")],
}


@pytest.mark.parametrize("scripts", RETRIED.values(), ids=RETRIED)
def test_an_answer_that_says_that_nothing_ran_is_tried_again(scripts: list[Script]) -> None:
    """The call completes; the service saw one request more than it refused, and `attempts` says so."""
    with serving(*scripts, GOOD, GOOD) as server:
        run = _call(server.url)
        assert len(server.requests) == len(scripts) + 1
        assert len({request.partition(b"\r\n\r\n")[2] for request in server.requests}) == 1
    assert (run.status, run.output, run.attempts) == ("completed", "good", len(scripts) + 1)


UNKNOWN: dict[str, Script] = {
    "500": answers(500, error_code="internal_server_error"),
    "502 of a proxy": says(502, b"<html>Bad Gateway</html>"),
    "504": answers(504),
    "524": says(524),
    "reset": resets,
    "hang up": hangs_up,
    "cut body": says(200, b'{"request_id": "r", "run_st', declared=100),
    "no HTTP": garbles,
    "a web page as 200": says(200, b"<html>hotel wifi</html>"),
}


@pytest.mark.parametrize("script", UNKNOWN.values(), ids=UNKNOWN)
def test_what_may_have_run_is_unknown_and_never_sent_again(script: Script) -> None:
    """5xx, a lost connection, half an answer: one request, status unknown, and `may_have_run` says why."""
    with serving(script, GOOD) as server:
        run = _call(server.url)
        assert len(server.requests) == 1
    assert (run.status, run.may_have_run, run.attempts, run.output) == ("unknown", True, 1, None)
    with pytest.raises(fh.RunFailed):
        run.raise_for_status()


def test_a_call_that_takes_longer_than_the_timeout_is_unknown_and_never_sent_again() -> None:
    """A client's timeout does not prove that the run stopped."""
    over = threading.Event()
    with serving(waits_until(over), GOOD) as server:
        run = _call(server.url, timeout=0.3)
        over.set()
        assert len(server.requests) == 1
    assert (run.status, run.error_code, run.may_have_run, run.attempts) == ("unknown", "read_timeout", True, 1)


FAILED: dict[str, tuple[Script, str | None]] = {
    "400": (answers(400, error_code="validation_error", message="bad"), "validation_error"),
    "404": (answers(404, error="Deployment not found", error_code="not_found"), "not_found"),
    "422": (answers(422, error_code="model_deprecated"), "model_deprecated"),
    "422 of an older body": (answers(422, error="no", code="iteration_limit_exceeded"), "iteration_limit_exceeded"),
    "402 of a plan": (answers(402, error_code="workflow_step_limit_reached"), "workflow_step_limit_reached"),
    "402 of the storage": (answers(402, error_code="asset_storage_limit_reached"), "asset_storage_limit_reached"),
    "413": (says(413, b""), None),
    "redirect": (says(302, b"", b"location: /v1/elsewhere"), None),
}


@pytest.mark.parametrize(("script", "code"), FAILED.values(), ids=FAILED)
def test_a_refused_call_is_a_failed_run_with_the_services_code(script: Script, code: str | None) -> None:
    """A value, not an exception: nothing ran, and the same call is not made again."""
    with serving(script, GOOD) as server:
        run = _call(server.url)
        assert len(server.requests) == 1
    assert (run.status, run.may_have_run, run.attempts) == ("failed", False, 1)
    assert code is None or run.error_code == code


RAISED: dict[str, tuple[Script, type[fh.CallError], int]] = {
    "401": (answers(401, error="Invalid access."), fh.AuthError, 401),
    "403": (answers(403, error_code="tool_approval_override_not_permitted"), fh.AuthError, 403),
    "429 daily cap by its code": (answers(429, error_code="api_rate_limit_exceeded"), fh.LimitReached, 429),
    "429 daily cap by an older code": (answers(429, error="x", code="api_rate_limit_exceeded"), fh.LimitReached, 429),
    "429 daily cap by its numbers": (answers(429, error="Limite", limit=50, current=50), fh.LimitReached, 429),
    "402 credits": (answers(402, error_code="insufficient_hosted_llm_credits"), fh.LimitReached, 402),
    "422 credits": (answers(422, error_code="account_credit_cap_reached"), fh.LimitReached, 422),
}


@pytest.mark.parametrize(("script", "kind", "status"), RAISED.values(), ids=RAISED)
def test_a_wrong_key_a_daily_cap_and_used_up_credits_raise_after_one_request(
    script: Script, kind: type[fh.CallError], status: int
) -> None:
    """Each of them concerns every further call: it is not tried again, and nothing ran."""
    with serving(script, GOOD) as server:
        with pytest.raises(kind) as caught:
            _call(server.url)
        assert len(server.requests) == 1
    assert (type(caught.value), caught.value.status_code, caught.value.may_have_run) == (kind, status, False)
    assert KEY not in str(caught.value)


def test_what_never_reached_the_service_is_tried_three_times_and_then_raised() -> None:
    """A TLS handshake that fails, a port where nobody listens: ConnectFailed, and nothing may have run."""
    tries: list[bytes] = []

    def refuse(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    tries.append(connection.recv(1))
                    connection.sendall(b"HTTP/1.1 400 not TLS\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse, args=(listener,), daemon=True)
        thread.start()
        with pytest.raises(fh.ConnectFailed) as caught:
            _call(f"https://127.0.0.1:{listener.getsockname()[1]}/v1")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(60)
    assert (caught.value.may_have_run, len(tries)) == (False, 3)
    with pytest.raises(fh.ConnectFailed):
        _call(f"http://127.0.0.1:{free_port()}/v1")


def test_an_unavailable_service_is_tried_three_times_and_then_failed() -> None:
    """Three 503s are a failed run; a fourth request is not made."""
    with serving(*[answers(503, error="busy")] * 3, GOOD) as server:
        run = _call(server.url)
        assert len(server.requests) == 3
    assert (run.status, run.status_code, run.attempts, run.may_have_run) == ("failed", 503, 3, False)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_when_it_is_there(status: int) -> None:
    """The next request comes no earlier than the header says."""
    at: list[float] = []

    def timed(script: Script) -> Script:
        def answer(connection: Any) -> None:
            at.append(time.monotonic())
            script(connection)

        return answer

    with serving(timed(answers(status, b"retry-after: 1", error="busy")), timed(GOOD)) as server:
        assert _call(server.url).ok
    assert at[1] - at[0] >= 0.95


def test_the_daily_cap_of_the_hive_stops_later_calls_before_they_are_sent() -> None:
    """As many runs as the cap; the next call raises, and the one after it makes no request."""
    hive = echo_hive(daily_cap=2)
    with hive.client() as client:

        def call() -> fh.Run:
            return client.invoke("echo", variant="plain", inputs={"text": "x"})

        assert [call().ok, call().ok] == [True, True]
        with pytest.raises(fh.LimitReached) as caught:
            call()
        assert (caught.value.error_code, "00:00 UTC" in str(caught.value)) == ("api_rate_limit_exceeded", True)
        before = hive.counts.requests
        with pytest.raises(fh.LimitReached):
            call()
    assert (hive.counts.requests, hive.counts.completed) == (before, 2)


@pytest.mark.parametrize("cap", [1, 3])
def test_calls_above_the_concurrency_cap_are_slowed_down_and_all_complete(cap: int) -> None:
    """Twelve calls at once against a plan of 1 or 3: none fails, few are refused, and the cap is never exceeded."""
    hive = echo_hive(concurrency=cap, latency_s=0.01)
    with hive.client() as client, ThreadPoolExecutor(12) as pool:
        runs = list(pool.map(lambda n: client.invoke("echo", variant="plain", inputs={"text": str(n)}), range(12)))
    assert [run.output for run in runs] == [str(n) for n in range(12)]
    assert hive.counts.peak_running == cap
    assert hive.counts.completed == 12
    assert hive.counts.refused <= 4


@pytest.mark.parametrize("most", [1, 2])
def test_max_concurrency_is_a_ceiling_of_a_client(most: int) -> None:
    """Whatever the service would admit, no more calls are in flight."""
    held = Held()
    with (
        held.hive.serve() as server,
        fh.Client(base_url=server.url, api_key=KEY, max_concurrency=most) as client,
        ThreadPoolExecutor(6) as pool,
    ):
        calls = [pool.submit(client.invoke, "held", variant="v", inputs={"text": str(n)}) for n in range(6)]
        for _ in range(6):
            held.wait_begun()
            assert held.hive.in_flight <= most
            held.let_go()
        assert all(call.result().ok for call in calls)
    assert held.hive.peak_in_flight == most


@pytest.mark.parametrize(
    ("fault", "counts", "requests"),
    [
        # the fault of the second call; done, failed, unknown, pending; requests with the one that met the fault
        ({"status": 503}, (4, 0, 0, 0), 5),
        ({"status": 502, "error_code": "provider_error"}, (4, 0, 0, 0), 5),
        ({"status": 429, "error_code": "too_many_requests"}, (4, 0, 0, 0), 5),
        ({"status": 500}, (3, 0, 1, 0), 4),
        ({"status": 504}, (3, 0, 1, 0), 4),
        ({"html": True}, (3, 0, 1, 0), 4),
        ({"reset": True}, (3, 0, 1, 0), 4),
        ({"cut_body": True}, (3, 0, 1, 0), 4),
        ({"status": 422, "error_code": "model_deprecated"}, (3, 1, 0, 0), 4),
        ({"status": 402, "error_code": "workflow_step_limit_reached"}, (3, 1, 0, 0), 4),
        ({"status": 402, "error_code": "insufficient_hosted_llm_credits"}, (1, 0, 0, 3), 2),
        ({"status": 422, "error_code": "account_credit_cap_reached"}, (1, 0, 0, 3), 2),
        ({"status": 429, "error_code": "api_rate_limit_exceeded"}, (1, 0, 0, 3), 2),
        ({"status": 401}, (1, 0, 0, 3), 2),
    ],
    ids=str,
)
def test_a_batch_retries_fails_leaves_unknown_or_stops_as_the_answer_demands(
    fault: dict[str, Any], counts: tuple[int, ...], requests: int
) -> None:
    """What did not run is tried again; what may have run is unknown, also after resume; what concerns all rows stops the batch."""
    hive = echo_hive()
    with hive.client() as client:
        hive.fail_next(1, **fault, variant="loud")
        batch = fh.batch(
            [{"text": "a"}, {"text": "b"}],
            "echo",
            variants=["plain", "loud"],
            client=client,
            max_concurrency=1,
            progress=False,
        )
        found = batch.counts
        assert (found.done, found.failed, found.unknown, found.pending) == counts
        assert hive.counts.requests == requests
        assert (len(batch.frame), len(batch.pending)) == (4 - counts[3], counts[3])
        if counts[2]:
            batch.resume()
            assert (batch.counts.unknown, hive.counts.requests) == (1, requests)
        elif counts[3]:
            assert batch.stopped is not None


# --- forms, cells, Code Snippets


def test_a_form_calls_each_variant_with_its_values(hive: fh.local.LocalHive) -> None:
    """`submit()` is Run; `runs`, `run` and `frame` have the answers; a problem is told and nothing is sent."""
    dep = fh.Deployment("echo", variants=["plain", "loud"], inputs={"text": fh.text(), "times": fh.integer(default=1)})
    form = fh.form(dep, variants=["plain", "loud"])
    assert form.problems
    with pytest.raises(fh.InputError):
        form.submit().wait()
    assert hive.counts.requests == 0
    form.fields["text"].value, form.fields["times"].value = "hi", 2
    assert (form.problems, form.value) == ([], {"text": "hi", "times": 2})
    form.submit().wait()
    assert [run.output for run in form.runs] == ["hihi", {"said": "HIHI"}]
    assert form.frame["variant"].tolist() == ["plain", "loud"]
    assert form.runs[0].inputs == {"text": "hi", "times": 2}
    assert hive.counts.calls == 2


def test_a_cell_calls_the_variants_that_it_names(shell: Shell, hive: fh.local.LocalHive) -> None:
    """One variant is a run, and the cell's value; several are a table of runs, in the variable that --out names."""
    run, _ = shell.run("%%fetchhive echo -v plain --out answer\ntext: hi\ntimes: 2")
    assert isinstance(run, fh.Run)
    assert (run.status, run.output) == ("completed", "hihi")
    assert shell.shell.user_ns["answer"] is run
    _, said = shell.run("%%fetchhive echo -v plain -v loud -v broken --metadata case=7 --out three\ntext: hi")
    three = shell.shell.user_ns["three"]
    assert three["status"].tolist() == ["completed", "completed", "failed"]
    assert "cannot say hi" in said
    assert [call.variant for call in hive.calls[1:]] == ["plain", "loud", "broken"]
    assert {call.metadata["case"] for call in hive.calls[1:]} == {7}


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        ("text: hi\ntimes: 2", {"text": "hi", "times": 2}),
        ('{"text": "hi", "times": 2}', {"text": "hi", "times": 2}),
        ("text: |\n  two\n  lines\n", {"text": "two\nlines\n"}),
        ("text: {{ name }}\ntimes: {{ 1 + 1 }}", {"text": "Ada", "times": 2}),
        ("text: Dear {{ name }}!", {"text": "Dear Ada!"}),
        ("{{ dict(text=name, times=3) }}", {"text": "Ada", "times": 3}),
        ("text: '{{ Path(\"letter.txt\").read_text() }}'", {"text": "Dear {{ bee }}"}),
        ("text: '{ name } ${name} {% name %}'", {"text": "{ name } ${name} {% name %}"}),
    ],
)
def test_the_body_of_a_cell_is_yaml_json_or_has_expressions(
    shell: Shell,
    hive: fh.local.LocalHive,
    body: str,
    inputs: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`{{ expression }}` keeps its type, a file's text is not read a second time, and other braces stay."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.txt").write_text("Dear {{ bee }}")
    shell.run("from pathlib import Path\nname = 'Ada'")
    run, said = shell.run(f"%%fetchhive echo -v plain\n{body}")
    assert isinstance(run, fh.Run), said
    assert hive.calls[-1].inputs == inputs


def test_a_cell_is_plain_text_where_the_deployment_has_one_text(
    shell: Shell, hive: fh.local.LocalHive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No name, no quotes."""
    monkeypatch.chdir(tmp_path)
    shell.run(
        "note = fh.Deployment('echo', variants=['plain'], inputs={'text': fh.text()})\nnote.save('fetchhive.yaml')"
    )
    run, said = shell.run("%%fetchhive echo -v plain\nI was charged twice: - no, thrice.")
    assert isinstance(run, fh.Run), said
    assert run.inputs["text"].strip() == "I was charged twice: - no, thrice."


def test_a_dry_run_and_a_wrong_cell_send_nothing(shell: Shell, hive: fh.local.LocalHive) -> None:
    """A dry run shows the request; an expression that fails, an unknown option and broken YAML are one error."""
    _, said = shell.run("%%fetchhive echo -v plain --dry-run\ntext: '{{ 6 * 7 }}'")
    assert "42" in said
    assert KEY not in said
    for cell in (
        "%%fetchhive echo -v plain\ntext: '{{ nobody }}'",
        "%%fetchhive echo -v plain --repaets 2\ntext: x",
        "%%fetchhive echo -v plain\ntext: [unclosed",
        "%%fetchhive echo -v plain --repeats 3 --max-calls 2\ntext: x",
    ):
        error, said = shell.run(cell)
        assert isinstance(error, Exception), said
    assert hive.counts.requests == 0


BODY = '{"deployment": "YOUR_DEPLOYMENT_NAME", "variant": "YOUR_VARIANT_NAME", "inputs": {"topic": "AI\'s year"}}'
PASTED = "fhk_pasted0123456789"
SNIPPETS = {
    "curl": f"""curl 'https://api.fetchhive.com/v1/workflow/invoke' \\
  -H 'Authorization: Bearer {PASTED}' \\
  -H 'Content-Type: application/json' \\
  -H 'Accept: application/json' \\
  --data-raw '{BODY.replace("'", "'" + chr(92) + "''")}' \\
  --compressed
""",
    "curl --json": f"""curl https://api.fetchhive.com/v1/workflow/invoke -H "Authorization: Bearer {PASTED}" --json $'{BODY.replace("'", chr(92) + "'")}'""",
    "Python": f"""from fetch_hive_sdk import FetchHive

client = FetchHive(api_key="{PASTED}")
run = client.invoke_workflow(
    deployment="YOUR_DEPLOYMENT_NAME", variant="YOUR_VARIANT_NAME",
    inputs={{"topic": "AI's year"}},  # a comment
)
print(run["run_status"])
""",
    "TypeScript": f"""import {{ FetchHive }} from '@fetch-hive/sdk';
const client = new FetchHive({{ apiKey: '{PASTED}' }});
const response = await client.invokeWorkflow({{
  deployment: 'YOUR_DEPLOYMENT_NAME',
  variant: 'YOUR_VARIANT_NAME',
  inputs: {{ topic: 'AI\\'s year' }},
}});
""",
    "PHP": f"""<?php
$client = new FetchHive('{PASTED}');
$run = $client->invokeWorkflow([
    'deployment' => 'YOUR_DEPLOYMENT_NAME',
    'variant'    => 'YOUR_VARIANT_NAME',
    'inputs'     => ['topic' => 'AI\\'s year'],
]);
""",
    "Ruby": f"""require "fetch_hive"
client = FetchHive::Client.new(api_key: "{PASTED}")
run = client.invoke_workflow(
  deployment: "YOUR_DEPLOYMENT_NAME",
  variant: "YOUR_VARIANT_NAME",
  inputs: {{ topic: "AI's year" }}
)
""",
}


@pytest.mark.parametrize("snippet", SNIPPETS.values(), ids=SNIPPETS)
def test_a_pasted_code_snippet_is_the_call_that_it_makes(shell: Shell, hive: fh.local.LocalHive, snippet: str) -> None:
    """In a cell and as a deployment. Its host and key are not used, and its key is shown nowhere."""
    run, said = shell.run(f"%%fetchhive\n{snippet}")
    assert isinstance(run, fh.Run), said
    assert (run.status, run.output) == ("completed", "about AI's year")
    dep = fh.Deployment.from_snippet(snippet)
    assert (dep.name, list(dep.variants), dep.variable_names) == (
        "YOUR_DEPLOYMENT_NAME", ["YOUR_VARIANT_NAME"], ["topic"],
    )  # fmt: skip
    assert dep.inputs["properties"]["topic"]["type"] == "string"
    assert PASTED not in said + repr(run) + repr(dep) + repr(vars(run) if hasattr(run, "__dict__") else run.to_dict())


@pytest.mark.parametrize(
    "snippet",
    [
        'curl https://api.fetchhive.com/v1/prompt/invoke --json \'{"deployment": "d", "streaming": true}\'',
        'curl https://api.fetchhive.com/v1/agent/invoke --json \'{"agent": "a", "message": "m"}\'',
        'curl https://api.fetchhive.com/v1/workflow/invoke --json \'{"deployment": "d", \'',
        "client.invoke_workflow(deployment='d', inputs={'a': __import__('os').mkdir('evaluated')})",
        'curl https://api.fetchhive.com/v1/workflow/invoke --json "$(mkdir evaluated)"',
        "$client->invokeWorkflow(['deployment' => 'd', 'inputs' => ['a' => mkdir('evaluated')]]);",
    ],
)
def test_a_snippet_of_something_else_or_with_code_in_it_is_refused_and_never_run(
    snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompt and agent snippets, broken JSON, and expressions: SnippetError; nothing of it is evaluated."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(fh.SnippetError):
        fh.Deployment.from_snippet(snippet)
    assert not (tmp_path / "evaluated").exists()


def test_a_file_of_a_cell_is_uploaded_and_its_address_sent(
    shell: Shell, hive: fh.local.LocalHive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`{{ fh.file(...) }}` is one upload; the workflow gets the address."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.txt").write_text("Dear bee")
    fh.configure(workspace_id=hive.workspace_id)
    for _ in range(2):
        run, said = shell.run("%%fetchhive echo -v plain\ntext: \"{{ fh.file('letter.txt') }}\"")
        assert isinstance(run, fh.Run), said
        assert run.output.startswith("http://127.0.0.1:")
        assert run.output.endswith("/letter.txt")
    assert [asset.file_name for asset in fh.Client().assets()] == ["letter.txt"]
    assert [call.inputs["text"] for call in hive.calls] == [run.output] * 2


# --- where calls go, and with which key


def test_the_key_is_taken_from_the_first_place_that_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Argument, then configure(), then the environment, then a .env file; an empty variable is unset."""
    (tmp_path / ".env").write_text("FETCH_HIVE_API_KEY=fhk_from_file_000000\n")
    with serving(*[GOOD] * 4) as server:

        def sent(**options: Any) -> str:
            with fh.Client(base_url=server.url, **options) as client:
                assert client.invoke("d", variant="v").ok
            return re.search(rb"(?i)authorization: bearer (\S+)", server.requests[-1])[1].decode()  # type: ignore[index]

        fh.configure(dotenv=tmp_path / ".env")
        monkeypatch.setenv("FETCH_HIVE_API_KEY", "")
        assert sent() == "fhk_from_file_000000"
        monkeypatch.setenv("FETCH_HIVE_API_KEY", "fhk_from_environment")
        assert sent() == "fhk_from_environment"
        fh.configure(api_key="fhk_configured_000000")
        assert sent() == "fhk_configured_000000"
        assert sent(api_key=f" {KEY}\n") == KEY


def test_a_key_is_sent_by_https_only_or_to_this_machine() -> None:
    """http to another machine is refused before any call; a base URL that does not end in /v1 is no error of the service."""
    with pytest.raises(fh.SettingsError):
        fh.Client(base_url="http://hive.example/v1", api_key=KEY)
    with pytest.raises(fh.SettingsError):
        fh.Client(base_url="https://api.example.com/v1")
    with pytest.raises(fh.SettingsError):
        fh.configure(base_url="ftp://127.0.0.1/v1")
    assert fh.Client(base_url="https://hive.example/v1", api_key=KEY).origin == "hive.example"


def test_without_a_key_calls_go_to_the_local_hive_and_a_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is configured: the demo answers, offline."""
    run = fh.invoke("support-triage", variant="keywords", inputs={"ticket": "I was charged twice."})
    assert (run.status, run.output) == ("completed", "billing")
    told = "".join(capsys.readouterr())
    assert "local hive" in told
    assert fh.Client().origin == "local"


@pytest.mark.parametrize(
    ("script", "status"),
    [
        (says(200, b'{"models": []}'), "good"),
        (says(401, b"{}"), "bad"),
        (answers(429, error_code="api_rate_limit_exceeded"), "limited"),
        (says(503), "unreachable"),
        (says(200, b"<html>hotel wifi login</html>"), "unreachable"),
    ],
)
def test_check_says_whether_the_key_is_accepted_without_running_anything(script: Script, status: str) -> None:
    """One GET of the models; only `good` is true."""
    with serving(script) as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        check = client.check()
        assert [request.split(b" HTTP")[0] for request in server.requests] == [b"GET /v1/public/models"]
    assert (check.status, bool(check)) == (status, status == "good")


# --- the store


def test_every_single_call_is_saved_and_found_in_the_history(hive: fh.local.LocalHive, tmp_path: Path) -> None:
    """Status, inputs and output; with `store=None` nothing is saved."""
    with fh.Client() as client:
        client.invoke("echo", variant="plain", inputs={"text": "hi"})
        client.invoke("echo", variant="broken", inputs={"text": "ho"})
        hive.fail_next(1, status=500)
        client.invoke("echo", variant="loud", inputs={"text": "hum"})
        shown = fh.history()
        assert len(shown) == 3
        text = shown.to_string()
        assert all(word in text for word in ("completed", "failed", "unknown", "plain", "broken", "loud"))
        fh.configure(store=None)
        client.invoke("echo", variant="plain", inputs={"text": "unsaved"})
    assert b"unsaved" not in b"".join(path.read_bytes() for path in tmp_path.glob("store*"))
    fh.configure(store=tmp_path / "store.sqlite3")
    assert len(fh.history()) == 3
    assert fh.forget(everything=True) == 3
    assert len(fh.history()) == 0


# --- the key


def test_a_secret_shows_itself_to_nobody_but_reveal() -> None:
    """repr, str, format, pickle and vars have none of it; blanks of a copied key go."""
    import pickle

    secret = fh.Secret(f" {KEY}\n")
    assert secret.reveal() == KEY
    shown = f"{secret} {secret!r} {secret!s} {[secret]} {secret:>40} {vars(type(secret)).get('value', '')}"
    assert KEY[4:] not in shown
    try:
        packed = pickle.dumps(secret)
    except TypeError:
        packed = b""
    assert KEY[4:].encode() not in packed


def test_the_key_is_in_no_repr_log_error_or_password_in_the_store(
    hive: fh.local.LocalHive, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """At DEBUG; of clients, runs, errors that repeat what the service said, and inputs that are declared as passwords."""
    caplog.set_level(logging.DEBUG)
    dep = fh.Deployment(
        "d", variants=["v"], inputs={"text": fh.text(), "token": {"type": "string", "format": "password"}}
    )
    repeats = answers(401, error=f"the key {KEY} is wrong")
    with serving(repeats, answers(422, error=f"not {KEY}"), answers(200, run_status="completed", output="x")) as server:
        client = fh.Client(base_url=server.url, api_key=KEY)
        with pytest.raises(fh.AuthError) as caught:
            client.invoke("d", variant="v")
        refused = client.invoke("d", variant="v")
        kept = client.invoke(dep, inputs={"text": "seen", "token": "tok_hidden_0123"})
        assert json_sent(server.requests[2])["inputs"]["token"] == "tok_hidden_0123"
        client.close()
    said = [
        repr(client),
        str(caught.value),
        repr(caught.value),
        repr(refused),
        refused._repr_html_(),
        str(refused.error),
    ]
    said += [repr(kept), kept._repr_html_(), caplog.text, fh.history().to_string(), repr(vars(caught.value))]
    assert [text for text in said if KEY[4:] in text or "tok_hidden" in text] == []
    fh.configure(store=None)  # closes it
    raw = b"".join(path.read_bytes() for path in tmp_path.rglob("store*") if path.is_file())
    assert b"seen" in raw
    assert KEY[4:].encode() not in raw
    assert b"tok_hidden" not in raw


def test_no_secret_is_in_a_traceback_in_verbose_mode(shell: Shell, hive: fh.local.LocalHive) -> None:
    """Neither in the short one nor in IPython's Verbose, which shows the variables of every frame."""
    shell.run("%xmode Verbose")
    fh.configure(tracebacks="full")
    hive.fail_next(1, status=401)
    error, said = shell.run("fh.Client().invoke('echo', variant='plain', inputs={'text': 'x'})")
    assert isinstance(error, fh.AuthError)
    assert "Traceback" in said
    assert KEY[4:] not in said
    error, said = shell.run(f"fh.configure(api_key='{KEY}', timeout=-1)")
    assert isinstance(error, fh.SettingsError)
    assert KEY[4:] not in said.replace(f"api_key='{KEY}'", "")


CELLS = (
    "%xmode Verbose\nimport logging\nlogging.basicConfig(level=logging.DEBUG, filename='debug.log')",
    "%%fetchhive echo -v plain -v broken --out runs\ntext: hi",
    "form = fh.form(fh.Deployment('echo', variants=['plain'], inputs={'text': fh.text()}), values={'text': 'a form'})\nform",
    "form.submit().wait()\nform.frame",
    "b = fh.batch([{'text': t} for t in 'abc'], 'echo', variants=['plain', 'broken'], name='one')\n"
    "b.to_csv('b.csv')\nb.to_excel('b.xlsx')\nb.to_parquet('b.parquet')\nb.to_fhb('b.fhb')\nb",
    "fh.compare(b, score=fh.score.length()).report('report.html')",
    "fh.store.export('answers.jsonl')",
    "fh.Client().invoke('echo', variant='plain', inputs={'text': object()})",
    "fh.Client()._nobody",
    "import json\njson.dump({k: repr(v) for k, v in globals().items()}, open('globals.json', 'w'))",
)


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file, and every part of an archive."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield file.name, file.read_bytes()
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as packed:
                for part in packed.namelist():
                    yield f"{file.name}: {part}", packed.read(part)


def test_the_key_is_in_no_byte_of_what_a_kernel_shows_and_leaves_behind(tmp_path: Path) -> None:
    """Login, cells, widget state, tracebacks, log, store, exports, report and saved notebook."""
    import nbformat

    with echo_hive().serve() as server, Kernel(tmp_path, FETCH_HIVE_BASE_URL=server.url) as kernel:
        kernel.wait(kernel.send("%load_ext fh_notebook\nimport fh_notebook as fh"))
        login = kernel.send("%fetchhive login --here", person=True)
        kernel.asked()
        kernel.answer(KEY)
        kernel.wait(login)
        said = [kernel.run(cell) for cell in CELLS]
        shown = json.dumps([[m.kind, m.content] for m in kernel.messages], default=str)
        widgets = json.dumps(kernel.widgets(), default=str)
    (tmp_path / "messages.json").write_text(shown + widgets)
    outputs = [nbformat.v4.new_output("stream", text=text) for text in said]
    cells = [nbformat.v4.new_code_cell(cell, outputs=[out]) for cell, out in zip(CELLS, outputs, strict=True)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "saved.ipynb")
    found = dict(_contents(tmp_path))
    made = {
        "b.csv",
        "b.xlsx",
        "b.parquet",
        "b.fhb",
        "report.html",
        "answers.jsonl",
        "debug.log",
        "globals.json",
        "store.sqlite3",
    }
    assert made <= set(found), said
    assert len(widgets) > 1000
    assert "a form" in said[3]
    spellings = (KEY.encode(), KEY[4:].encode(), KEY[4:].encode("utf-16-le"))
    assert [name for name, raw in found.items() if any(spelt in raw for spelt in spellings)] == []
