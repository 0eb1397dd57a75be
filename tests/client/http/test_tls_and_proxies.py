"""TLS with an authority of the test's own, and a proxy that really tunnels and forwards. Real
sockets, loopback only.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import trustme

import fh_notebook as fh
from fh_notebook.client.connection import Connection
from fh_notebook.client.http import transport as choice
from fh_notebook.client.http.fast_transport import FastTransport
from fh_notebook.client.http.transport import ProxiedTransport
from fh_notebook.contract.response import Response
from fh_notebook.core.redaction import Secret
from fh_notebook.session.session import connection_of_hive
from tests.client.http.peers import Line, Peer, ask, peer
from tests.told import facts, tells

KEY = "fhk_0123456789abcdef"
REQUEST = fh.InvokeRequest(deployment="d", variant="v", inputs={"a": 1})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts unless told to."""
    return trustme.CA()


def _served_as(authority: trustme.CA, *names: str, expires: datetime.datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=expires).configure_cert(context)
    return context


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A client's context that knows the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def _answers(line: Line) -> None:
    while await line.request():
        line.answers(b'{"run_status": "completed", "output": "hi"}')


async def _attempts(url: str, count: int = 1, **options: object) -> list[Response]:
    async with fh.AsyncClient(api_key=KEY, base_url=url, **options) as client:  # type: ignore[arg-type]
        return [(await client.attempt(REQUEST)).response for _ in range(count)]


def test_calls_over_tls_share_a_connection(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    """One handshake, then one call after the other; twenty at once have one each."""

    async def main() -> list[int]:
        tls = _served_as(authority, "127.0.0.1")
        async with peer(_answers, tls=tls) as server:
            answers = await _attempts(server.url, 5, verify=trusting)
            counts = [len(server.lines)]
            async with fh.AsyncClient(api_key=KEY, base_url=server.url, verify=trusting) as client:
                for _ in range(2):
                    exchanges = await asyncio.gather(*(client.attempt(REQUEST) for _ in range(20)))
                    answers += [exchange.response for exchange in exchanges]
            assert {answer.status_code for answer in answers} == {200}
            return [*counts, len(server.lines)]

    assert asyncio.run(main()) == [1, 21]


@pytest.mark.parametrize("fault", ["unknown authority", "another host", "expired", "no TLS at all", "hangs up"])
def test_a_certificate_that_is_not_good_is_refused_before_anything_is_sent(
    authority: trustme.CA, trusting: ssl.SSLContext, fault: str
) -> None:
    """It did not run, and the server never saw the request or the key."""
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    tls = {
        "unknown authority": _served_as(trustme.CA(), "127.0.0.1"),
        "another host": _served_as(authority, "elsewhere.example"),
        "expired": _served_as(authority, "127.0.0.1", expires=past),
    }.get(fault)
    seen: list[bytes] = []

    async def talk(line: Line) -> None:
        if fault == "hangs up":
            return
        seen.append(await line.reader.read(1000) if fault == "no TLS at all" else await line.request())
        line.answers()

    async def main() -> Response:
        async with peer(talk, tls=tls) as server:
            return (await _attempts(server.url.replace("http:", "https:"), verify=trusting))[0]

    answer = asyncio.run(main())
    assert (answer.broke, answer.sent) == ("connect" if fault == "hangs up" else "tls", False)
    assert b"fhk_" not in b"".join(seen)


@pytest.mark.parametrize("way", ["path", "context", "environment", "off"])
def test_verify_is_taken_as_httpx_takes_it(
    authority: trustme.CA, trusting: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A bundle's path, a context, SSL_CERT_FILE, or no check at all."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    if way == "environment":
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    verify = {"path": str(bundle), "context": trusting, "environment": True, "off": False}[way]

    async def main() -> Response:
        name = "elsewhere.example" if way == "off" else "127.0.0.1"
        async with peer(_answers, tls=_served_as(authority, name)) as server:
            return (await _attempts(server.url, verify=verify))[0]

    assert asyncio.run(main()).status_code == 200


def test_all_clients_share_one_context() -> None:
    """Making one takes 20 ms and reads the whole store of certificates."""
    assert choice._tls(True)() is choice._tls(True)()
    assert choice._tls(True)() is not choice._tls(False)()
    assert choice._tls(True)().verify_mode is ssl.CERT_REQUIRED
    assert choice._tls(True)().check_hostname


def test_a_cancel_and_a_cut_answer_over_tls_close_the_connection(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    """As they do without it: the server sees the end, the next call has its own answer, half is no answer."""

    async def main() -> None:
        asked, ended = asyncio.Event(), asyncio.Event()

        async def talk(line: Line) -> None:
            await line.request()
            if line.number == 0:
                asked.set()
                assert await line.ended()
                ended.set()
            elif line.number == 1:
                line.says(b"HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nhalf")
            else:
                line.answers(b"its own")

        tls = _served_as(authority, "127.0.0.1")
        transport = FastTransport(tls=lambda: trusting)
        async with peer(talk, tls=tls) as server, contextlib.aclosing(transport):
            task = asyncio.create_task(ask(transport, server.url))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(ended.wait(), 20)
            with pytest.raises(httpx.TransportError):
                await ask(transport, server.url)
            assert await ask(transport, server.url) == (200, b"its own")

    asyncio.run(main())


def test_a_cancel_during_the_handshake_leaves_nothing_open(trusting: ssl.SSLContext) -> None:
    """The server sees the end of the connection; nothing warns of it at the end."""

    async def main() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def talk(line: Line) -> None:
            assert await line.reader.read(1)
            begun.set()
            await line.ended()
            ended.set()

        async with peer(talk) as server, contextlib.aclosing(FastTransport(tls=lambda: trusting)) as transport:
            task = asyncio.create_task(ask(transport, server.url.replace("http:", "https:")))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(ended.wait(), 20)

    asyncio.run(main())


def test_megabytes_over_tls_arrive_whole(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    """With the pauses in reading that a large body brings."""
    body = bytes(range(256)) * 40_000

    async def main() -> tuple[int, bytes]:
        async def talk(line: Line) -> None:
            await line.request()
            line.answers(body)
            await line.writer.drain()

        transport = FastTransport(tls=lambda: trusting)
        async with peer(talk, tls=_served_as(authority, "127.0.0.1")) as server, contextlib.aclosing(transport):
            return await ask(transport, server.url)

    assert asyncio.run(main()) == (200, body)


@contextlib.asynccontextmanager
async def proxy(behind: str, *, password: bytes = b"") -> AsyncIterator[Peer]:
    """Tunnel every CONNECT to `behind`, whatever its name, and forward other requests there; ask for the password."""
    port = int(behind.removesuffix("/v1").rpartition(":")[2])

    async def talk(line: Line) -> None:
        while head := await line.request():
            seen.requests.append(head)
            wanted = b"proxy-authorization: basic " + base64.b64encode(password).lower()
            if password and wanted not in head.lower():
                line.answers(b"", status=407)
                continue
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                if head.startswith(b"CONNECT "):
                    line.says(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    writer.write(head)
                await asyncio.gather(_pump(line.reader, writer), _pump(reader, line.writer))
            finally:
                writer.close()
            return

    async with peer(talk) as seen:
        yield seen


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.mark.parametrize("named", ["argument", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "without a scheme"])
def test_a_call_goes_through_the_tunnel_of_a_proxy(
    authority: trustme.CA, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """By argument or environment; the certificate is the service's, and the proxy sees neither key nor request."""

    async def main() -> tuple[list[Response], list[bytes]]:
        tls = _served_as(authority, "hive.example")
        async with peer(_answers, tls=tls) as service, proxy(service.url) as between:
            address = between.url.removesuffix("/v1")
            options = {"proxy": address} if named == "argument" else {}
            if named == "without a scheme":
                monkeypatch.setenv("HTTPS_PROXY", address.removeprefix("http://"))
            elif named != "argument":
                monkeypatch.setenv(named, address)
            answers = await _attempts("https://hive.example/v1", 3, verify=trusting, **options)
            return answers, between.requests

    answers, asked = asyncio.run(main())
    assert {answer.status_code for answer in answers} == {200}
    assert [request.split(b"\r\n")[0] for request in asked] == [b"CONNECT hive.example:443 HTTP/1.1"]
    assert b"fhk_" not in b"".join(asked)


def test_a_proxy_cannot_stand_in_for_the_service(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    """Behind the tunnel is somebody with another name's certificate: refused, nothing sent."""

    async def main() -> Response:
        tls = _served_as(authority, "elsewhere.example")
        async with peer(_answers, tls=tls) as service, proxy(service.url) as between:
            address = between.url.removesuffix("/v1")
            return (await _attempts("https://hive.example/v1", verify=trusting, proxy=address))[0]

    answer = asyncio.run(main())
    assert (answer.broke, answer.sent) == ("tls", False)


def test_calls_at_once_through_a_proxy_have_a_tunnel_each_and_keep_it() -> None:
    """Thirty at once, three times: thirty tunnels; each was looked for without looking through the others."""

    async def main() -> tuple[set[int | None], int]:
        async with peer(_answers) as service, proxy(service.url) as between:
            url, address = service.url, between.url.removesuffix("/v1")
            answers = []
            async with fh.AsyncClient(api_key=KEY, base_url=url, proxy=address) as client:
                for _ in range(3):
                    exchanges = await asyncio.gather(*(client.attempt(REQUEST) for _ in range(30)))
                    answers += [exchange.response.status_code for exchange in exchanges]
            return set(answers), len(between.lines)

    assert asyncio.run(main()) == ({200}, 30)


@pytest.mark.parametrize("password", [b"user:secret", b"user:wrong"])
def test_a_proxys_password_is_sent_to_it_and_a_refusal_sent_nothing(
    authority: trustme.CA, trusting: ssl.SSLContext, password: bytes
) -> None:
    """In the proxy's address, as everywhere; it is in no word that is shown."""

    async def main() -> Response:
        tls = _served_as(authority, "hive.example")
        async with peer(_answers, tls=tls) as service, proxy(service.url, password=b"user:secret") as between:
            address = between.url.removesuffix("/v1").replace("http://", f"http://{password.decode()}@")
            return (await _attempts("https://hive.example/v1", verify=trusting, proxy=address))[0]

    answer = asyncio.run(main())
    if password == b"user:secret":
        assert answer.status_code == 200
    else:
        assert (answer.broke, answer.sent) == ("proxy", False)
        assert "wrong" not in answer.detail


def test_a_proxy_that_hangs_up_is_told_from_a_service_that_does() -> None:
    """Before the tunnel stands, nothing was sent; after it, it may have run; and the next call goes through."""

    async def main() -> list[tuple[str | None, bool]]:
        async def silent(line: Line) -> None:
            await line.request()

        found = []
        async with peer(silent) as gone, peer(_answers) as service, proxy(service.url) as between:
            for url, address in (
                ("https://hive.example/v1", gone.url),
                (service.url, gone.url),
                (service.url, between.url),
            ):
                [answer] = await _attempts(url, proxy=address.removesuffix("/v1"))
                found.append((answer.broke, answer.sent))
        return found

    tunnel, forwarded, through = asyncio.run(main())
    assert tunnel[0] in ("proxy", "connect", "reset", "cut")
    assert forwarded == ("reset", True)
    assert through == (None, True)


def _chosen(base_url: str, **options: object) -> httpx.AsyncBaseTransport:
    hive = fh.local.LocalHive()
    like = connection_of_hive(hive)
    return choice.open_transport(
        Connection(
            base_url=base_url, key=Secret(KEY), key_source="argument", origin="x", workspace="w", limiter=like.limiter,
            **options,  # type: ignore[arg-type]
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("base_url", "environment", "kind"),
    [
        ("https://hive.example/v1", {}, FastTransport),
        ("https://hive.example/v1", {"HTTPS_PROXY": "http://127.0.0.1:9"}, ProxiedTransport),
        ("https://hive.example/v1", {"HTTP_PROXY": "http://127.0.0.1:9"}, FastTransport),
        ("https://hive.example/v1", {"HTTPS_PROXY": ""}, FastTransport),
        ("https://hive.example/v1", {"ALL_PROXY": "http://127.0.0.1:9", "NO_PROXY": "hive.example"}, FastTransport),
        ("https://hive.example/v1", {"ALL_PROXY": "http://127.0.0.1:9", "NO_PROXY": "*"}, FastTransport),
        ("https://hive.example/v1", {"ALL_PROXY": "http://127.0.0.1:9", "NO_PROXY": ".example"}, FastTransport),
        ("https://hive.example/v1", {"ALL_PROXY": "http://127.0.0.1:9", "NO_PROXY": "other.org"}, ProxiedTransport),
        ("https://hive.example:8443/v1", {"ALL_PROXY": "http://127.0.0.1:9", "NO_PROXY": "hive.example:8443"}, FastTransport),
        ("https://hive.example:8443/v1", {"ALL_PROXY": "http://127.0.0.1:9", "NO_PROXY": "hive.example:1"}, ProxiedTransport),
        ("http://127.0.0.1:9/v1", {"ALL_PROXY": "http://127.0.0.1:9"}, FastTransport),
        ("http://localhost:9/v1", {"HTTP_PROXY": "http://127.0.0.1:9"}, FastTransport),
    ],
)  # fmt: skip
def test_the_environments_proxy_is_taken_where_it_counts(
    base_url: str, environment: dict[str, str], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By scheme, never for this machine, and not for what NO_PROXY names."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert type(_chosen(base_url)) is kind


def test_a_proxy_that_is_given_counts_even_for_this_machine() -> None:
    """Whoever names it wants it."""
    assert type(_chosen("http://127.0.0.1:9/v1", proxy="http://127.0.0.1:9")) is ProxiedTransport
    with pytest.raises(ValueError):
        _chosen("http://127.0.0.1:9/v1", proxy="htp://127.0.0.1:9")


@pytest.mark.parametrize("verify", [None, True])
def test_none_and_true_check_the_certificate(authority: trustme.CA, verify: bool | None) -> None:
    """``verify=None`` is the default, as everywhere else; it sent the key to whoever answered."""

    async def main() -> Response:
        async with peer(_answers, tls=_served_as(authority, "127.0.0.1")) as service:
            return (await _attempts(service.url, verify=verify))[0]

    answer = asyncio.run(main())
    assert (answer.status_code, answer.sent) == (None, False)


def test_false_alone_turns_the_check_off_and_says_so(authority: trustme.CA, capsys: pytest.CaptureFixture[str]) -> None:
    """Once a process, with what it means and the cure."""

    async def main() -> Response:
        async with peer(_answers, tls=_served_as(authority, "127.0.0.1")) as service:
            return (await _attempts(service.url, verify=False))[0]

    answer = asyncio.run(main())
    told = capsys.readouterr().err
    assert answer.status_code == 200
    assert tells(told, "verify=False", "127.0.0.1")
    assert "verify='ca-bundle.pem'" in told


@pytest.mark.parametrize("verify", [0, 1, "", " ", b"bundle.pem", [], {}, 1.0, object(), Path])
def test_anything_else_than_a_check_that_can_be_meant_is_refused(verify: object) -> None:
    """0 and an empty text are no False."""
    with pytest.raises(fh.SettingsError, match=facts("True", "False")):
        fh.Client(api_key=KEY, base_url="https://hive.example/v1", verify=verify)
