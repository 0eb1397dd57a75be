"""Unplanned failures of a service, a network and a machine: answers stay, words are true, nothing hangs."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.contract.retry import RetryAction, RetryDecision
from fh_notebook.core import event_loop
from fh_notebook.local import LocalHive
from fh_notebook.session import session
from tests.raw_server import says, serving
from tests.told import facts, tells
from tests.virtual_time import run_virtually

KEY = "fhk_0123456789abcdef"
GOOD = b'{"request_id": "req_1", "run_status": "completed", "output": "hi"}'


def _invoke(url: str, **options: object) -> fh.Run:
    with fh.Client(base_url=url, api_key=KEY, **options) as client:  # type: ignore[arg-type]
        return client.invoke("d", variant="v")


@pytest.mark.parametrize("depth", [300, 500, 900])
def test_a_deeply_nested_answer_is_returned_and_kept(depth: int) -> None:
    """The answer is paid for: nested however deep, it is a run, and it is in the store."""
    body = b'{"run_status": "completed", "output": ' + b"[" * depth + b"]" * depth + b"}"
    with serving(says(200, body)) as server:
        run = _invoke(server.url)
    assert run.status == "completed"
    assert len(list(session.store().answers.single_runs())) == 1  # type: ignore[union-attr]


def test_a_large_answer_arrives_whole() -> None:
    """8 MB of text: under the limit it is taken, shown capped, and kept."""
    text = "x" * 8_000_000
    with serving(says(200, json.dumps({"run_status": "completed", "output": text}).encode())) as server:
        run = _invoke(server.url)
    assert run.output == text
    assert len(run._repr_html_()) < 50_000


def test_an_answer_that_no_store_can_take_is_returned_all_the_same() -> None:
    """Half characters in a status, an id or an output cost nobody the answer."""
    body = b'{"run_status": "\\ud800", "request_id": "\\udfff", "output": "\\ud800"}'
    with serving(says(200, body)) as server:
        run = _invoke(server.url)
    assert (run.status, run.request_id) == ("?", "?")
    assert repr(run)


@pytest.mark.parametrize("way", ["invoke", "submit"])
def test_a_call_that_broke_in_a_way_that_nobody_foresaw_is_kept_as_unknown(way: str) -> None:
    """It is raised, and may have run: history says so, as of a row of a batch."""

    def answer(request: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError("of a transport that somebody brought")

    transport = httpx.MockTransport(answer)
    client = fh.Client(base_url="https://hive.example/v1", api_key=KEY, transport=transport)
    with client, pytest.raises(fh.CallError, match=facts("ZeroDivisionError: of a transport that somebody brought")):
        getattr(client, way)("d", variant="v", inputs={"n": 1})
    [kept] = session.store().answers.single_runs()  # type: ignore[union-attr]
    assert (kept.run.status, kept.run.error_code, kept.run.inputs) == ("unknown", "unforeseen", {"n": 1})
    assert "of a transport that somebody brought" in (kept.run.error or "")
    assert len(fh.pending()) == 0


def test_the_services_words_are_one_printable_line_in_errors_and_reprs() -> None:
    """A refusal of many lines with control characters is one line; so is a run with a hostile status."""
    words = "no\x1b[2J\n" * 400
    with serving(says(401, json.dumps({"error": words}).encode())) as server, pytest.raises(fh.AuthError) as caught:
        _invoke(server.url)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()
    run = fh.Run(status="x\n\x1b[31m", request_id="r\n\x1b", error="e\n\x1b", error_code="c\n")
    assert repr(run).isprintable()
    assert run.summary().isprintable()


def test_a_call_ends_after_its_timeout_though_bytes_keep_dripping() -> None:
    """The timeout is of the whole call, not of the silence between two bytes."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not over.wait(0.05):
            connection.sendall(b" ")

    with serving(drip) as server:
        run = _invoke(server.url, timeout=0.4)
        over.set()
    assert (run.status, run.error_code) == ("unknown", "read_timeout")
    assert run.elapsed_s < 30


@pytest.mark.parametrize(
    "options",
    [
        {"verify": "/no/such/ca.pem"},
        {"proxy": "htp://127.0.0.1"},
        {"timeout": "soon"},
        {"timeout": 0},
        {"max_concurrency": True},
        {"max_concurrency": 0},
    ],
)
def test_a_setting_that_cannot_work_is_a_settings_error_and_nothing_was_sent(options: dict[str, object]) -> None:
    """Not "may have run": no request was made."""
    with serving(says(200, GOOD)) as server:
        with pytest.raises(fh.SettingsError):
            _invoke(server.url, **options)
        assert server.requests == []


def test_waiting_in_the_queue_is_not_retrying() -> None:
    """A call that waited a minute for its slot still has all its attempts."""
    hive = LocalHive(api_key=KEY)

    @hive.workflow("echo", variant="v")
    async def echo(text: str) -> str:
        return text

    client = fh.AsyncClient.over(session.connection_of_hive(hive, max_concurrency=1))

    async def main() -> fh.Run:
        async with client:
            async with client.limiter.slot():
                waiting = asyncio.create_task(client.invoke("echo", variant="v", inputs={"text": "x"}))
                await asyncio.sleep(60)
                hive.fail_next(1, status=503)
            return await waiting

    run, _ = run_virtually(main())
    assert (run.status, run.attempts) == ("completed", 2)


def test_the_number_that_a_client_is_given_holds_at_its_limiter() -> None:
    """max_concurrency= is where it begins, and its ceiling; another client of the workspace has none."""
    with (
        LocalHive().serve() as server,
        fh.Client(base_url=server.url, max_concurrency=7) as client,
        fh.Client(base_url=server.url) as other,
    ):
        assert (client.limiter.limit, client.limiter.most) == (7, 7)
        assert (other.limiter.limit, other.limiter.most) == (2, None)
        assert client.limiter.shared is other.limiter.shared


def test_connecting_takes_at_most_five_seconds() -> None:
    """CONTRACT section 2: a person waits. The rest of the timeout is for the run."""
    given: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        given.append(request.extensions["timeout"]["connect"])
        return httpx.Response(200, content=GOOD)

    for timeout in (120, 2):
        with fh.Client(
            base_url="https://hive.example/v1", api_key=KEY, timeout=timeout, transport=httpx.MockTransport(answer)
        ) as client:
            assert client.invoke("d", variant="v").ok
    assert given == [5.0, 2.0]


@pytest.mark.parametrize(
    ("script", "status", "told"),
    [
        (says(200, b'{"models": []}'), "good", ("127.0.0.1",)),
        (says(200, b"<html>hotel wifi login</html>"), "unreachable", ("JSON",)),
        (says(404, b"{}"), "unreachable", ("HTTP", "404", "base_url")),
        (says(503, b"{}"), "unreachable", ("HTTP", "503")),
        (says(429, b'{"error": "busy"}'), "limited", ("127.0.0.1",)),
        (says(429, b'{"error_code": "api_rate_limit_exceeded"}'), "limited", ("00:00 UTC",)),
        (says(401, b"{}"), "bad", ("127.0.0.1",)),
    ],
)
def test_a_check_says_what_was_found(script: object, status: str, told: tuple[str, ...]) -> None:
    """Good only when it really is the service; each other answer names its cure."""
    with serving(script) as server, fh.Client(base_url=server.url, api_key=KEY) as client:  # type: ignore[arg-type]
        check = client.check()
    assert check.status == status
    assert tells(check.detail, *told)


def test_a_variant_must_be_named_when_there_are_several() -> None:
    """As a cell does: asked for before any call."""
    dep = fh.Deployment("d", variants=["a", "b"])
    with serving(says(200, GOOD)) as server, fh.Client(base_url=server.url, api_key=KEY) as client:
        with pytest.raises(fh.InputError, match="variant is not set"):
            client.invoke(dep)
        with pytest.raises(fh.InputError, match=facts("inputs", "[]")):
            client.invoke(dep, variant="a", inputs=[])  # type: ignore[arg-type]
        with pytest.raises(fh.InputError, match=facts("Run.request_id")):
            client.retrieve(None)  # type: ignore[arg-type]
        assert server.requests == []


@pytest.mark.parametrize(
    ("status", "status_code", "code", "ran"),
    [
        ("failed", 202, None, True),
        ("failed", None, "response_too_large", True),
        ("failed", 422, "validation_error", False),
        ("failed", None, "connect", False),
        ("unknown", 500, None, True),
        ("completed", 200, None, True),
    ],
)
def test_a_run_says_whether_it_may_have_run(status: str, status_code: int | None, code: str | None, ran: bool) -> None:
    """All but what was refused and what was never sent."""
    assert fh.Run(status=status, status_code=status_code, error_code=code).may_have_run is ran


def test_settings_never_touch_the_environment() -> None:
    """A key that is configured or given is nowhere that a child process would inherit."""
    before = dict(os.environ)
    fh.configure(api_key=KEY, base_url="https://hive.example/v1")
    client = fh.Client(api_key=KEY)
    assert dict(os.environ) == before
    assert KEY not in repr(client)


def test_an_exit_in_somebodys_coroutine_ends_only_its_own_wait() -> None:
    """sys.exit() in a scorer or workflow of a user's is that caller's; the loop serves the others."""

    async def leave() -> None:
        raise SystemExit(3)

    other = event_loop.background().submit(asyncio.sleep(0.2, "still here"))
    with pytest.raises(SystemExit):
        event_loop.run(leave())
    assert other.finished.wait(60)
    assert other.result() == "still here"
    assert event_loop.run(asyncio.sleep(0, 5)) == 5


def test_an_interrupted_wait_does_not_stay_for_work_that_will_not_end() -> None:
    """The grace is for a `finally` that is quick; one of a minute is not waited for."""
    began = threading.Event()

    async def stubborn() -> None:
        try:
            began.set()
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(60)

    job = event_loop.background().submit(stubborn())
    began.wait(60)

    async def cell() -> None:
        task = asyncio.create_task(event_loop.bridge(stubborn()))
        await asyncio.sleep(0.1)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(cell(), 20))
    job.cancel()


def test_the_nested_door_without_a_loop_uses_the_same_connections() -> None:
    """In a plain script there is nothing to nest in: calls go over one loop and close what they opened."""
    fh.configure(loop="nested")
    hive = LocalHive()

    @hive.workflow("echo", variant="v")
    def echo(text: str) -> str:
        return text

    with hive.serve() as server, fh.Client(base_url=server.url) as client:
        for text in ("a", "b", "c"):
            assert client.invoke("echo", variant="v", inputs={"text": text}).output == text
        assert len(client.aclient._pools) == 1


def test_a_default_port_written_out_is_the_same_workspace() -> None:
    """Kept answers are found again."""
    plain, written = (
        fh.Client(base_url=u, api_key=KEY) for u in ("https://h.example/v1", " https://h.example:443/v1/ ")
    )
    assert plain.workspace == written.workspace


def test_the_limiter_tells_the_way_out() -> None:
    """Who changed their plan is told what to call."""
    with LocalHive().client() as client:
        client.limiter.record_answer(RetryDecision(action=RetryAction.STOP, reason="daily_cap"))
        with pytest.raises(fh.LimitReached, match=r"client\.limiter\.reopen\(\)"):
            client.invoke("d", variant="v")


def test_a_workflow_that_is_declared_again_has_no_old_answers() -> None:
    """The first thing that one does with a hive of one's own: change the function and run the cell again."""
    hive = LocalHive()
    with hive.client() as client:
        for answer in ("old", "new"):

            @hive.workflow("echo", variant="v")
            def echo(text: str, answer: str = answer) -> str:
                return answer

            batch = fh.batch([{"text": "x"}], fh.Deployment("echo", variants="v"), client=client, progress=False)
            assert list(batch.frame["output"]) == [answer]


@pytest.mark.long
def test_a_broken_connection_is_told_in_words() -> None:
    """Without the number that the system has for it: of a port that refuses, and of any other cause."""

    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 104] x y z")

    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else gets the port
        with pytest.raises(fh.ConnectFailed) as refused:
            _invoke(f"http://127.0.0.1:{refusing.getsockname()[1]}/v1")
    with pytest.raises(fh.ConnectFailed, match=facts("x y z")) as told:
        _invoke("https://hive.example/v1", transport=httpx.MockTransport(broken))
    assert "Errno" not in f"{refused.value} {told.value}"
