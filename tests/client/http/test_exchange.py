"""The edge: what a service and a network can do, as values."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading

import httpx
import pytest
import trustme

import fh_notebook as fh
from fh_notebook.client.http.exchange import BROKEN
from fh_notebook.contract.response import Response
from fh_notebook.contract.retry import decide
from tests.raw_server import garbles, hangs_up, read_request, resets, says, serving, waits_until

KEY = "fhk_0123456789abcdef"
REQUEST = fh.InvokeRequest(deployment="d", variant="v", inputs={"a": 1})
GOOD = json.dumps({"request_id": "req_1", "run_status": "completed", "output": "hi"}).encode()


async def attempt(url: str, **options: object) -> tuple[Response, fh.Run]:
    async with fh.AsyncClient(api_key=KEY, base_url=url, **options) as client:  # type: ignore[arg-type]
        exchange = await client.attempt(REQUEST)
        return exchange.response, exchange.run


def attempted(url: str, **options: object) -> tuple[Response, fh.Run]:
    from fh_notebook.core import event_loop

    return event_loop.run(attempt(url, **options))


def test_a_request_is_what_the_contract_says() -> None:
    """Address, bearer, JSON both ways, our name; and the body of CONTRACT section 1."""
    with serving(says(200, GOOD)) as server:
        _, run = attempted(server.url)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
    assert lines[0] == "POST /v1/workflow/invoke HTTP/1.1"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == headers["accept"] == "application/json"
    assert headers["user-agent"] == f"fh-notebook/{fh.__version__}"
    assert json.loads(body) == {"deployment": "d", "variant": "v", "inputs": {"a": 1}}
    assert (run.status, run.output, run.request_id, run.status_code) == ("completed", "hi", "req_1", 200)
    assert run.elapsed_s > 0
    assert run.started_at is not None
    assert run.started_at.utcoffset() is not None


@pytest.mark.parametrize(
    ("script", "broke", "status", "action"),
    [
        (resets, "reset", "unknown", "unknown"),
        (hangs_up, "reset", "unknown", "unknown"),
        (garbles, "cut", "unknown", "unknown"),
        (says(200, GOOD, declared=len(GOOD) + 10), "cut", "unknown", "unknown"),
        (says(200, b"not gzip", b"content-encoding: gzip"), "cut", "unknown", "unknown"),
        (says(200, b"x" * 2000), "too_large", "failed", "failed"),
        (says(200, gzip.compress(b"x" * 2_000_000), b"content-encoding: gzip"), "too_large", "failed", "failed"),
        (says(200, b"x", declared=10**15), "too_large", "failed", "failed"),
    ],
)
def test_what_breaks_after_sending_may_have_run(script: object, broke: str, status: str, action: str) -> None:
    """A reset, a hang-up, half a body, garbage, an answer over the limit (also after unpacking): values, with words."""
    fh.configure(max_response_bytes=1000)
    with serving(script) as server:  # type: ignore[arg-type]
        answer, run = attempted(server.url)
    assert (answer.broke, answer.sent) == (broke, True)
    assert (run.status, decide(answer).action.value) == (status, action)
    assert run.error


def test_nobody_listening_is_nothing_sent() -> None:
    """A refused connection did not run and may be tried again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    answer, run = attempted(url)
    assert (answer.broke, answer.sent, run.status) == ("connect", False, "failed")
    assert decide(answer).again


def test_no_answer_in_time_may_have_run() -> None:
    """A client's timeout does not prove that the run stopped."""
    over = threading.Event()
    with serving(waits_until(over)) as server:
        answer, run = attempted(server.url, timeout=0.5)
        over.set()
    assert (answer.broke, run.status, run.error_code) == ("read_timeout", "unknown", "read_timeout")


def test_redirects_are_not_followed_with_the_key() -> None:
    """A 302 is a failed run that names base_url; the other address never hears of the key."""
    with serving(says(200, GOOD)) as other:
        with serving(says(302, b"", b"location: " + other.url.encode())) as server:
            _, run = attempted(server.url)
        assert other.requests == []
    assert (run.status, run.status_code) == ("failed", 302)
    assert "base_url" in str(run.error)


def test_every_error_of_httpx_has_its_word() -> None:
    """The map is complete: each transport error that httpx can raise is found in it, by a class of its own kind."""

    def leaves(kind: type[Exception]) -> list[type[Exception]]:
        return [kind, *(leaf for sub in kind.__subclasses__() for leaf in leaves(sub))]

    mapped = [kind for kind, _, _ in BROKEN]
    for kind in leaves(httpx.RequestError):
        assert any(issubclass(kind, known) for known in mapped), kind
    # What cannot have been sent is exactly this; everything else may have run.
    unsent = {kind.__name__ for kind, _, sent in BROKEN if not sent}
    assert unsent == {
        "ConnectTimeout",
        "PoolTimeout",
        "ProxyError",
        "ConnectError",
        "UnsupportedProtocol",
        "LocalProtocolError",
    }


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts unless told to."""
    return trustme.CA()


def _tls_server(authority: trustme.CA, host: str) -> tuple[socket.socket, ssl.SSLContext]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return socket.create_server(("127.0.0.1", 0)), context


def _serve_tls_once(listener: socket.socket, context: ssl.SSLContext) -> threading.Thread:
    def serve() -> None:
        raw, _ = listener.accept()
        try:
            with context.wrap_socket(raw, server_side=True) as connection:
                read_request(connection)
                says(200, GOOD)(connection)
        except (ssl.SSLError, OSError):
            raw.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(("trusted", "host"), [(True, "127.0.0.1"), (False, "127.0.0.1"), (True, "elsewhere.example")])
def test_a_certificate_is_checked_against_authority_and_name(
    authority: trustme.CA, tmp_path, trusted: bool, host: str
) -> None:
    """A CA bundle by path works; an unknown authority and another host's certificate are refused before sending."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    listener, context = _tls_server(authority, host)
    with listener:
        thread = _serve_tls_once(listener, context)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        answer, run = attempted(url, verify=str(bundle) if trusted else True)
        thread.join(60)
    if trusted and host == "127.0.0.1":
        assert run.status == "completed"
    else:
        assert (answer.broke, answer.sent, run.error_code) == ("tls", False, "tls")


def test_a_proxy_is_used_as_httpx_users_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    """By argument the proxy gets the whole address; by environment it is asked for a tunnel; a
    refusal is nothing sent.
    """
    with serving(says(200, GOOD)) as proxy:
        _, run = attempted("http://127.0.0.1:9/v1", proxy=proxy.url.removesuffix("/v1"))
    assert run.output == "hi"
    assert proxy.requests[0].startswith(b"POST http://127.0.0.1:9/v1/workflow/invoke HTTP/1.1")
    with serving(says(407, b"")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.removesuffix("/v1"))
        answer, _ = attempted("https://hive.example/v1")
    assert proxy.requests[0].startswith(b"CONNECT hive.example:443 HTTP/1.1")
    assert KEY.encode() not in proxy.requests[0]
    assert (answer.broke, answer.sent) == ("proxy", False)


def test_the_environments_proxy_never_gets_a_call_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call to a hive on loopback would leave the machine in the clear, with the key in it."""
    with serving() as proxy, serving(says(200, GOOD)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        _, run = attempted(server.url)
        assert proxy.requests == []
    assert run.output == "hi"


def test_a_proxy_that_refuses_is_nothing_sent() -> None:
    """A 407 to CONNECT, or nobody behind the proxy's address: it did not run."""
    with serving(says(407, b"")) as proxy:
        answer, _ = attempted("https://127.0.0.1:9/v1", proxy=proxy.url.removesuffix("/v1"))
    assert (answer.broke, answer.sent) == ("proxy", False)
