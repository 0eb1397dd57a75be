"""Faults as a client meets them: over a socket from a real connection, in process the same exceptions."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from fh_notebook.local import LocalHive
from tests.local.hives import Sleeps, ask, echo_hive, headers, in_process, on_socket


@pytest.fixture(params=["in process", "socket"])
def way(request: pytest.FixtureRequest) -> Any:
    """Call a hive `n` times each way; return answers, and exceptions as values."""

    def calls(hive: LocalHive, n: int = 1, body: Any = None, **options: Any) -> list[Any]:
        body = ask() if body is None else body
        results: list[Any] = []

        async def inside() -> None:
            async with in_process(hive, **options) as http:
                for _ in range(n):
                    try:
                        results.append(await http.post("/workflow/invoke", json=body))
                    except httpx.HTTPError as broken:
                        results.append(broken)

        if request.param == "in process":
            asyncio.run(inside())
            return results
        with on_socket(hive, **options) as http:
            for _ in range(n):
                try:
                    results.append(http.post("/workflow/invoke", json=body))
                except httpx.HTTPError as broken:
                    results.append(broken)
        return results

    return calls


def test_a_reset_is_a_read_error_and_nothing_has_run(way: Any) -> None:
    """The next call is well again."""
    hive = echo_hive()
    hive.fail_next(reset=True)
    broken, good = way(hive, 2)
    assert type(broken) is httpx.ReadError
    assert good.json()["output"] == "hi"
    assert (hive.counts.calls, hive.counts.faulted, hive.counts.requests) == (1, 1, 2)


def test_a_reset_after_running_is_what_may_have_run(way: Any) -> None:
    """The client cannot tell it from the other; the hive's record can."""
    hive = echo_hive()
    hive.fail_next(reset=True, after_running=True)
    (broken,) = way(hive)
    assert type(broken) is httpx.ReadError
    assert [c.status for c in hive.calls] == ["completed"]


def test_a_cut_body_is_a_protocol_error_and_has_run(way: Any) -> None:
    """The announced length never comes; the run's own answer is lost."""
    hive = echo_hive()
    hive.fail_next(2, cut_body=True)
    first, second, good = way(hive, 3)
    assert type(first) is type(second) is httpx.RemoteProtocolError
    assert good.status_code == 200
    assert hive.counts.completed == 3


def test_a_slow_body_comes_whole_when_one_waits(way: Any) -> None:
    """Its second half after the seconds that were asked for."""
    sleeps = Sleeps()
    hive = echo_hive(sleep=sleeps)
    hive.fail_next(slow_body_s=30)
    assert way(hive)[0].json()["output"] == "hi"
    assert sleeps.asked == [30]


def test_a_slow_body_is_a_read_timeout_when_one_does_not(way: Any) -> None:
    """Each part has the read timeout for itself, in process too."""
    hive = echo_hive()
    hive.fail_next(slow_body_s=0.4)
    (broken,) = way(hive, timeout=0.05)
    assert type(broken) is httpx.ReadTimeout
    assert hive.counts.completed == 1


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "body"),
    [
        ({"html": True}, 502, "text/html", b"<!doctype html>"),
        ({"html": True, "status": 504}, 504, "text/html", b"<!doctype html>"),
        ({"status": 500, "legacy": True, "message": "no"}, 500, "application/json", b'{"error": "no"}'),
        ({"body": b"", "status": 502}, 502, "application/json", b""),
        ({"body": b"\x00\xff", "status": 200, "content_type": "image/png"}, 200, "image/png", b"\x00\xff"),
    ],
)
def test_an_answer_that_is_no_json(way: Any, fault: Any, status: int, content_type: str, body: bytes) -> None:
    """A proxy's page, an older body, no body, any bytes."""
    hive = echo_hive()
    hive.fail_next(**fault)
    (answer,) = way(hive)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(content_type)
    assert answer.content.startswith(body)
    assert hive.counts.calls == 0


def test_an_error_after_running(way: Any) -> None:
    """A 500 that may have run, and did."""
    hive = echo_hive(concurrency=1)
    hive.fail_next(status=500, after_running=True)
    (answer,) = way(hive)
    assert (answer.status_code, answer.json()["error_code"]) == (500, "internal_server_error")
    assert [c.status for c in hive.calls] == ["completed"]
    assert hive.in_flight == 0


def test_the_two_429_and_a_date_to_come_back(way: Any) -> None:
    """The daily one has its fields, and `Retry-After` may be a date."""
    date = "Wed, 25 Nov 2026 00:00:00 GMT"
    hive = echo_hive(daily_cap=50)
    hive.fail_next(error_code="api_rate_limit_exceeded")
    hive.fail_next(error_code="concurrency_limit_reached", retry_after=date)
    daily, busy = way(hive, 2)
    assert (daily.status_code, daily.json()["limit"], daily.json()["current"]) == (429, 50, 0)
    assert (busy.status_code, busy.headers["retry-after"], "limit" in busy.json()) == (429, date, False)
    assert hive.refused == 2


def test_bad_calls_meet_no_fault(way: Any) -> None:
    """A wrong key, an unknown name, bad inputs and a reached cap answer for themselves; the fault waits."""
    hive = echo_hive(daily_cap=0)
    hive.fail_next(status=503, after_running=True)
    assert [r.status_code for b in (ask("nobody"), ask(inputs={}), ask()) for r in way(hive, body=b)] == [404, 422, 429]
    hive.daily_cap = None
    assert way(hive)[0].status_code == 503
    assert hive.counts.faulted == 1


def test_asking_for_a_run_can_fail_too() -> None:
    """`on="retrieve"` leaves calls alone."""
    hive = echo_hive()
    hive.fail_next(status=503, on="retrieve")
    hive.fail_next(cut_body=True, on="retrieve")
    with on_socket(hive) as http:
        run = http.post("/workflow/invoke", json=ask()).json()
        url = f"/public/requests/{run['request_id']}"
        assert http.get(url).status_code == 503
        with pytest.raises(httpx.RemoteProtocolError):
            http.get(url)
        assert http.get(url).status_code == 200


def test_a_reset_is_a_reset_on_the_line() -> None:
    """RST, by the socket's own word: ECONNRESET, not an end of file."""
    hive = echo_hive()
    hive.fail_next(reset=True)
    with hive.serve() as server, socket.create_connection(("127.0.0.1", server.port)) as line:
        body = b'{"deployment": "echo", "variant": "async", "inputs": {"text": "x"}}'
        named = f"Authorization: {headers()['Authorization']}\r\nContent-Length: {len(body)}\r\n"
        line.sendall(f"POST /v1/workflow/invoke HTTP/1.1\r\nHost: x\r\n{named}\r\n".encode() + body)
        with pytest.raises(ConnectionResetError):
            line.recv(1)


def test_a_cut_body_is_a_short_read_for_the_standard_library() -> None:
    """`IncompleteRead`, with the half that came."""
    hive = echo_hive()
    hive.fail_next(cut_body=True, body=b"0123456789", status=200)
    with hive.serve() as server:
        line = http.client.HTTPConnection("127.0.0.1", urlsplit(server.url).port or 0)
        with contextlib.closing(line):
            line.request("POST", "/v1/workflow/invoke", b"{}", {**headers(), "Content-Type": "application/json"})
            refused = line.getresponse()
            assert (refused.status, refused.read()[:9]) == (422, b'{"error":')  # no good call: the fault still waits
            body = b'{"deployment": "echo", "variant": "async", "inputs": {"text": "x"}}'
            line.request("POST", "/v1/workflow/invoke", body, headers())
            answer = line.getresponse()
            assert answer.getheader("content-length") == "10"
            with pytest.raises(http.client.IncompleteRead) as short:
                answer.read()
    assert short.value.partial == b"01234"


def test_head_and_first_half_come_before_the_rest_in_process() -> None:
    """The transport does not hold an answer back until it is complete."""
    hive = echo_hive()
    hive.fail_next(slow_body_s=60, body=b"first,second", status=200)

    async def read_half() -> tuple[int, bytes]:
        async with (
            in_process(hive) as http_client,
            http_client.stream("POST", "/workflow/invoke", json=ask()) as answer,
        ):
            return answer.status_code, await anext(answer.aiter_raw())

    assert asyncio.run(read_half()) == (200, b"first,")


def test_another_server_without_a_way_to_break_off_says_so() -> None:
    """httpx's own ASGI transport: the application raises what the client should have seen."""
    hive = echo_hive()
    hive.fail_next(reset=True)

    async def call() -> None:
        transport = httpx.ASGITransport(app=hive.app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://local/v1", headers=headers()) as http_client:
            await http_client.post("/workflow/invoke", json=ask())

    with pytest.raises(ConnectionResetError) as caught:
        asyncio.run(call())
    raised_in = caught.traceback[-1].path.parts
    assert raised_in[-4:-1] == ("fh_notebook", "local", "http"), "by the hive, and not by a socket"
