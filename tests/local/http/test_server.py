"""The hive on a socket: what it listens on, how much it reads, how it ends; and what importing it costs."""

from __future__ import annotations

import gc
import http.client
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from fh_notebook.errors import SettingsError
from fh_notebook.local import LocalHive
from tests import environment
from tests.local.hives import KEY, Held, ask, echo_hive, headers, hold, on_socket
from tests.ports import free_port
from tests.told import facts, tells

LIMIT = 1000


def test_it_listens_on_this_machine_alone_unless_told() -> None:
    """127.0.0.1, on a free port; the URL ends in /v1."""
    with echo_hive().serve() as server:
        assert server.url == f"http://127.0.0.1:{server.port}/v1"
        with socket.create_connection(("127.0.0.1", server.port)):
            pass
        other = next((ip for ip in _addresses() if not ip.startswith("127.")), None)
        if other is not None:
            with pytest.raises(OSError, match=""), socket.create_connection((other, server.port), timeout=2):
                pass


def _addresses() -> list[str]:
    try:
        return [str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    except OSError:
        return []


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1:{}/v1"), ("::1", "http://[::1]:{}/v1"), ("localhost", None)]
)
def test_the_url_is_one_that_this_machine_reaches(host: str, url: str | None) -> None:
    """Also when it listens everywhere, or by IPv6."""
    if host == "::1" and not _has_ipv6():
        pytest.skip("no IPv6 on this machine")
    with echo_hive().serve(host=host) as server:
        if url is not None:
            assert server.url == url.format(server.port)
        answer = httpx.post(f"{server.url}/workflow/invoke", json=ask(), headers=headers(), trust_env=False)
    assert answer.json()["output"] == "hi"


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_a_taken_port_is_told_at_once() -> None:
    """With the cure; and the same server is not started twice."""
    with echo_hive().serve() as server:
        with pytest.raises(SettingsError, match=facts(server.port, "port=0")):
            echo_hive().serve(port=server.port).start()
        with pytest.raises(SettingsError, match=facts(server.url)):
            server.start()
    with pytest.raises(SettingsError, match="cannot listen"):
        echo_hive().serve(port=99_999).start()


def test_a_server_can_be_stopped_and_started_again_on_its_port() -> None:
    """The hive's state lives on; stopping twice is stopping."""
    hive = echo_hive()
    port = free_port()
    server = hive.serve(port=port).start()
    for _ in range(2):
        with httpx.Client(base_url=server.url, headers=headers(), trust_env=False) as http_client:
            assert http_client.post("/workflow/invoke", json=ask()).status_code == 200
        server.stop()
        server.stop()
        server.start()
    assert server.port == port
    server.stop()
    assert "not running" in repr(server)
    assert hive.counts.calls == 2


def test_one_hive_has_several_servers() -> None:
    """With one state."""
    hive = echo_hive(daily_cap=1)
    with on_socket(hive) as one, on_socket(hive) as other:
        assert one.post("/workflow/invoke", json=ask()).status_code == 200
        assert other.post("/workflow/invoke", json=ask()).status_code == 429


@pytest.mark.long
def test_stopping_lets_calls_end_and_then_breaks_them_off(capfd: pytest.CaptureFixture[str]) -> None:
    """After a second; what could not end puts nothing on anybody's screen."""
    held = Held()
    server = held.hive.serve().start()
    broken: list[BaseException] = []

    def call() -> None:
        try:
            httpx.post(f"{server.url}/workflow/invoke", json=hold("x"), headers=headers(), timeout=60, trust_env=False)
        except httpx.HTTPError as gone:
            broken.append(gone)

    caller = threading.Thread(target=call)
    caller.start()
    held.wait_begun()
    server.stop()
    caller.join()
    held.go.release()
    assert len(broken) == 1
    assert not isinstance(broken[0], httpx.TimeoutException)  # it was not the caller who gave up
    assert [c.status for c in held.hive.calls] == ["failed"]
    assert capfd.readouterr().err == ""


# A program that has not configured logging: Python itself then prints what a logger says.
CUT_OFF = """
import threading
import httpx
from tests.local.hives import Held, headers, hold
held = Held()
server = held.hive.serve().start()
def call():
    try:
        httpx.post(f"{server.url}/workflow/invoke", json=hold("x"), headers=headers(), timeout=30, trust_env=False)
    except httpx.HTTPError:
        pass
threading.Thread(target=call, daemon=True).start()
held.wait_begun()
server.stop()
held.go.release()
"""


@pytest.mark.long
def test_a_program_that_stops_a_server_reads_nothing_of_the_calls_that_are_cut_off() -> None:
    """Neither a cell nor a command has lines of the server's own below what it says."""
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF],
        env=environment.for_process(Path.cwd()),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_idle_connection_is_kept_and_then_closed() -> None:
    """For as long as was asked."""
    with echo_hive().serve(keep_alive_s=0.1) as server, socket.create_connection(("127.0.0.1", server.port)) as line:
        line.settimeout(60)
        line.sendall(b"GET /v1/error_codes HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while part := line.recv(65_536):
            received += part
        assert received.startswith(b"HTTP/1.1 200")


def test_answers_are_not_held_back_by_the_network_stack() -> None:
    """Nagle's algorithm is off: head and body are two writes, and the second one would wait for 40 ms."""
    with on_socket(echo_hive()) as http_client:
        http_client.post("/workflow/invoke", json=ask())
        accepted = list(_accepted(int(http_client.base_url.port or 0)))
    assert accepted
    assert all(accepted)


def _accepted(port: int) -> Iterator[bool]:
    """Yield of each connection to a port of this process whether Nagle's algorithm is off."""
    for descriptor in range(3, 1024):
        with suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as found:
                if found.family == socket.AF_INET and found.getsockname()[1] == port and found.getpeername():
                    yield bool(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


def _padded(size: int) -> bytes:
    """Return a good body of that many bytes."""
    bare = json.dumps(ask(inputs={"text": ""})).encode()
    return json.dumps(ask(inputs={"text": "x" * (size - len(bare))})).encode()


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413), (200 * LIMIT, 413)])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_capped(size: int, status: int, chunked: bool) -> None:
    """Also without a Content-Length; the client gets its answer, and the hive lives."""
    hive = echo_hive(max_body_bytes=LIMIT)
    body = _padded(size)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 4096):
            yield body[start : start + 4096]

    with on_socket(hive) as http_client:
        sent: Any = pieces() if chunked else body
        answer = http_client.post("/workflow/invoke", content=sent, headers={"content-type": "application/json"})
        assert answer.status_code == status
        if status == 413:
            assert answer.json()["error_code"] == "request_too_large"
            assert "1,000 bytes" in answer.json()["message"]
        assert http_client.post("/workflow/invoke", json=ask()).status_code == 200


def test_a_client_that_does_not_listen_while_it_sends_gets_its_413_too() -> None:
    """`http.client` writes everything first: 8 MB that nobody wants are read and dropped."""
    hive = echo_hive(max_body_bytes=LIMIT)
    with hive.serve() as server:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        line.request("POST", "/v1/workflow/invoke", b"x" * 8_000_000, headers() | {"Content-Type": "application/json"})
        answer = line.getresponse()
        assert (answer.status, json.loads(answer.read())["error_code"]) == (413, "request_too_large")
        line.close()


def test_a_client_that_asks_first_sends_nothing() -> None:
    """`Expect: 100-continue` with a length that is too much: 413 at once."""
    hive = echo_hive(max_body_bytes=LIMIT)
    with hive.serve() as server, socket.create_connection(("127.0.0.1", server.port)) as line:
        line.settimeout(60)
        line.sendall(
            b"POST /v1/workflow/invoke HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n"
            + f"Authorization: Bearer {KEY}\r\n\r\n".encode()
        )
        received = b""
        while part := line.recv(65_536):
            received += part
    assert received.startswith(b"HTTP/1.1 413")
    assert received.count(b"HTTP/1.1") == 1


def test_a_wrong_key_is_refused_before_the_body_is_read() -> None:
    """Whoever may not ask costs no memory."""
    hive = echo_hive(max_body_bytes=LIMIT)
    with on_socket(hive, key="wrong") as http_client:
        assert http_client.post("/workflow/invoke", content=_padded(5 * LIMIT)).status_code == 401


def test_the_rooms_that_a_hive_does_not_need_are_not_imported() -> None:
    """Declaring workflows imports no web library; asking for a server does."""
    code = (
        "import sys\n"
        "from fh_notebook.local import LocalHive\n"
        "hive = LocalHive()\n"
        "hive.workflow('d', variant='v')(lambda text: text)\n"
        "hive.deployments()\n"
        "names = ('starlette', 'uvicorn', 'httpx', 'pandas', 'fh_notebook.client', 'fh_notebook.contract.wire')\n"
        "print([n for n in names if n in sys.modules])\n"
        "hive.transport()\n"
        "print([n for n in names if n in sys.modules])\n"
        "hive.serve()\n"
        "print([n for n in names if n in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment.for_process(Path.cwd()),
    )
    assert result.stdout.splitlines() == ["[]", "['starlette', 'httpx']", "['starlette', 'uvicorn', 'httpx']"]


def test_the_public_names_are_there_and_sorted() -> None:
    """`__all__` says what the room gives."""
    import fh_notebook.local as room

    assert room.__all__ == sorted(room.__all__)
    assert all(hasattr(room, name) for name in room.__all__)
    assert room.LocalHive is LocalHive


def test_a_connection_made_at_the_last_moment_is_closed() -> None:
    """Accepted in the round of the loop in which the server stops: no socket is left over."""
    for _ in range(5):
        with echo_hive().serve() as server:
            socket.create_connection(("127.0.0.1", server.port)).close()
    gc.collect()  # a leaked socket warns, and warnings are errors


@pytest.mark.parametrize(
    ("host", "key", "is_told"),
    [
        ("0.0.0.0", None, True),
        ("0.0.0.0", KEY, False),
        ("127.0.0.1", None, False),
    ],
)
def test_a_server_without_a_key_says_who_can_reach_it(
    host: str, key: str | None, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it listens to more than this machine: one line, with the cure."""
    hive = LocalHive(api_key=key)
    with hive.serve(host=host) as server:
        line = capsys.readouterr().err
        assert bool(line) is is_told
        if is_told:
            assert tells(line, f"0.0.0.0:{server.port}", "LocalHive(api_key=...)", "127.0.0.1")
