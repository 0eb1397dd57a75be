"""Answers of a server, whole and broken, read as httpx's own transport reads them (an independent peer)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import hashlib
import http.server
import ssl
import threading
import tracemalloc
import zlib
from collections.abc import Callable

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.client.http.exchange import BearerAuth, exchange
from fh_notebook.client.http.fast_transport import MAX_HEAD_BYTES, MAX_WAITING_BYTES, FastTransport
from fh_notebook.contract.response import Response
from fh_notebook.core.redaction import Secret
from tests.client.http.peers import Line, Talk, ask, peer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"

WHOLE = {
    "length": OK + b"content-length: 5\r\n\r\nhello",
    "empty": OK + b"content-length: 0\r\n\r\n",
    "chunks": CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    "chunks with extensions and trailers": CHUNKED + b"5;a=b\r\nhello\r\n0\r\nx: y\r\nz: w\r\n\r\n",
    "no chunk": CHUNKED + b"0\r\n\r\n",
    "chunks, hex in capitals": CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n",
    "until closed": OK + b"content-type: text/plain\r\n\r\nhello",
    "until closed, empty": OK + b"\r\n",
    "until closed, said": OK + b"connection: close\r\n\r\nhello",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "HTTP/1.0 with a length": b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "no reason": b"HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\nhello",
    "reason in Latin-1": b"HTTP/1.1 200 Voil\xe0\r\ncontent-length: 5\r\n\r\nhello",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304 with a length": b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    "100": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 5\r\n\r\nhello",
    "103": b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n" + OK + b"content-length: 5\r\n\r\nhello",
    "100, 103, 102": b"".join(b"HTTP/1.1 %d X\r\n\r\n" % n for n in (100, 103, 102)) + CHUNKED + b"0\r\n\r\n",
    "500": b"HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\n{}",
    "599": b"HTTP/1.1 599 X\r\ncontent-length: 2\r\n\r\n{}",
    "repeated headers": OK + b"set-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 5\r\n\r\nhello",
    "blanks around values": OK + b"x:   spaced   \r\ncontent-length:5\r\n\r\nhello",
    "an empty value": OK + b"x:\r\ncontent-length: 5\r\n\r\nhello",
    "a value in UTF-8": OK + "x: é\r\n".encode() + b"content-length: 5\r\n\r\nhello",
    "gzip": OK + b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"hello"),
    "deflate": OK + b"content-encoding: deflate\r\n\r\n" + zlib.compress(b"hello"),
    "gzip in chunks": CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    + b"".join(b"1\r\n%c\r\n" % byte for byte in gzip.compress(b"hello"))
    + b"0\r\n\r\n",
    "unknown coding": OK + b"content-encoding: rot13\r\n\r\nuryyb",
    "chunks beside a length": CHUNKED.replace(b"OK\r\n", b"OK\r\ncontent-length: 3\r\n") + b"5\r\nhello\r\n0\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello",
    "204 with a length and a body": b"HTTP/1.1 204 X\r\ncontent-length: 5\r\n\r\nhello",
    "more than was said": OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello and more",
    "an offer to upgrade": OK + b"upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 5\r\n\r\nhello",
    "a large head": OK + b"".join(b"x-%d: %b\r\n" % (n, b"v" * 500) for n in range(100)) + b"\r\nhello",
}
"""Every one of them is an answer."""

BROKEN = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 2",
    "half a head": OK + b"content-le",
    "half a length": OK + b"content-length: 10\r\n\r\nhello",
    "half a chunk": CHUNKED + b"a\r\nhello",
    "no last chunk": CHUNKED + b"5\r\nhello\r\n",
    "only 100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "not HTTP": b"\x00\x01\x02 nothing like HTTP\r\n\r\n",
    "a web page": b"<html>hotel wifi</html>\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "101, which nobody asked for": b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello",
    "packed by the transfer": OK + b"transfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunks, and then as it is": OK + b"transfer-encoding: chunked, identity\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "a blank before the colon": OK + b"x : a\r\ncontent-length: 5\r\n\r\nhello",
    "a status of four digits": b"HTTP/1.1 1000 OK\r\ncontent-length: 5\r\n\r\nhello",
    "a length with a sign": OK + b"content-length: +5\r\n\r\nhello",
    "a length beyond all": OK + b"content-length: 99999999999999999999999\r\n\r\nhello",
    "a chunk in 0x": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "a status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
    "two lengths": OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "a negative length": OK + b"content-length: -5\r\n\r\nhello",
    "a length of words": OK + b"content-length: five\r\n\r\nhello",
    "a chunk of words": CHUNKED + b"five\r\nhello\r\n0\r\n\r\n",
    "a chunk longer than said": CHUNKED + b"3\r\nhello\r\n0\r\n\r\n",
    "a header without a colon": OK + b"nothing\r\ncontent-length: 5\r\n\r\nhello",
    "a header with a zero byte": OK + b"x: a\0b\r\ncontent-length: 5\r\n\r\nhello",
    "half of gzip's promise": OK + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
}
"""None of them is."""


peers_transport = functools.partial(httpx.AsyncHTTPTransport, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
"""httpx's own; without the authorities, which take 20 ms to load: nothing here is encrypted."""


def _says(answer: bytes, *, bytewise: bool = False) -> Talk:
    async def talk(line: Line) -> None:
        await line.request()
        for n in range(0, len(answer), 1 if bytewise else len(answer) or 1):
            line.says(answer[n : n + 1] if bytewise else answer)
            await line.writer.drain()
            await asyncio.sleep(0)

    return talk


async def _asked(make: Callable[[], httpx.AsyncBaseTransport], talk: Talk) -> object:
    async with peer(talk) as server, contextlib.aclosing(make()) as transport:
        headers = {"Host": "x", "Accept-Encoding": "gzip, deflate"}
        response = await transport.handle_async_request(httpx.Request("POST", server.url, headers=headers, content=b""))
        try:
            body = b"".join([piece async for piece in response.aiter_bytes()])
        finally:
            await response.aclose()
        lower = [(name.lower(), value) for name, value in response.headers.raw]
        return response.status_code, lower, response.extensions["reason_phrase"], body


@pytest.mark.parametrize("bytewise", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
def test_an_answer_is_read_as_httpx_reads_it(answer: bytes, bytewise: bool) -> None:
    """Status, headers in their order, reason and body are the same, however the bytes come."""
    if bytewise and len(answer) > 10_000:
        answer = answer.replace(b"v" * 500, b"v" * 5)
    ours = asyncio.run(_asked(FastTransport, _says(answer, bytewise=bytewise)))
    assert ours == asyncio.run(_asked(peers_transport, _says(answer)))


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_half_an_answer_or_none_is_an_error_as_it_is_to_httpx(answer: bytes) -> None:
    """Both refuse it; and to the client it may have run."""
    for transport in (FastTransport, peers_transport):
        with pytest.raises((httpx.TransportError, httpx.DecodingError)):
            asyncio.run(_asked(transport, _says(answer)))
    seen = asyncio.run(_exchanged(_says(answer)))
    assert (seen.status_code, seen.sent) == (None, True)
    assert seen.broke in ("reset", "cut")
    assert seen.detail


async def _exchanged(talk: Talk, *, method: str = "POST", content: bytes = b"{}", limit: int = 64 * 2**20) -> Response:
    async with peer(talk) as server, contextlib.aclosing(FastTransport()) as transport:
        return await exchange(
            transport,
            method,
            server.url,
            auth=BearerAuth(Secret("fhk_0123456789abcdef")),
            content=content,
            max_response_bytes=limit,
            timeout_s=60.0,
        )


@pytest.mark.parametrize("packed", [False, pytest.param(True, marks=pytest.mark.long)], ids=["plain", "gzip"])
def test_fifty_megabytes_arrive_whole(packed: bool) -> None:
    """Of bytes that cannot be foreseen, so that every piece must be in its place."""
    block = hashlib.sha512(b"block").digest() * 1024
    body = b"".join(n.to_bytes(8, "big") + block for n in range(50 * 2**20 // len(block)))
    sent = gzip.compress(body, 1) if packed else body

    async def talk(line: Line) -> None:
        await line.request()
        line.answers(sent, *([b"content-encoding: gzip"] if packed else []))
        await line.writer.drain()

    answer = asyncio.run(_exchanged(talk))
    assert answer.broke is None
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest()


def test_a_body_that_nobody_takes_is_not_read_on() -> None:
    """What waits stays small, though the server would send fifty megabytes."""

    async def main() -> None:
        async def talk(line: Line) -> None:
            await line.request()
            line.answers(b"x" * 50 * 2**20)
            await line.writer.drain()

        async with peer(talk) as server, contextlib.aclosing(FastTransport()) as transport:
            response = await transport.handle_async_request(httpx.Request("POST", server.url, content=b""))
            [line] = transport._open
            for _ in range(2_000):  # the server writes whenever it can
                await asyncio.sleep(0)
            assert line._waiting_bytes <= 2 * MAX_WAITING_BYTES
            body = await response.aread()
            assert len(body) == 50 * 2**20

    asyncio.run(main())


def test_an_answer_over_the_limit_is_not_read_to_its_end() -> None:
    """By what it says of its length, by its bytes, and by what they unpack to."""
    packed = gzip.compress(bytes(200 * 2**20))
    for head, body in (
        (b"content-length: 3000\r\n", b"x" * 3000),
        (b"transfer-encoding: chunked\r\n", b"bb8\r\n" + b"x" * 3000 + b"\r\n0\r\n\r\n"),
        (b"content-encoding: gzip\r\ncontent-length: %d\r\n" % len(packed), packed),
    ):
        tracemalloc.start()
        answer = asyncio.run(_exchanged(_says(OK + head + b"\r\n" + body), limit=2000))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (answer.broke, answer.sent, answer.body) == ("too_large", True, b"")
        assert peak < 150 * 2**20


def test_a_server_that_answers_before_it_has_read_the_request_is_heard() -> None:
    """A 413 is the answer, though the rest of the request finds no reader; the connection is not used again."""

    async def main() -> None:
        async def talk(line: Line) -> None:
            await line.reader.readuntil(b"\r\n\r\n")
            line.answers(b'{"error_code": "request_too_large"}', status=413)
            await line.writer.drain()
            if line.number == 0:
                over.set()
            await line.ended()

        over = asyncio.Event()
        async with peer(talk) as server, contextlib.aclosing(FastTransport()) as transport:
            for _ in range(2):
                status, body = await ask(transport, server.url, content=b"x" * 50_000_000)
                assert (status, body) == (413, b'{"error_code": "request_too_large"}')
            assert len(server.lines) == 2

    asyncio.run(main())


def test_a_server_that_answers_early_and_hangs_up_is_heard() -> None:
    """The same, with a server that closes at once instead of reading what it does not want."""

    async def talk(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        line.answers(b"{}", b"connection: close", status=413)

    for _ in range(5):
        assert asyncio.run(_exchanged(talk, content=b"x" * 20_000_000)).status_code == 413


@pytest.mark.parametrize("answer", [OK + b"content-length: 5\r\n\r\n", CHUNKED, OK + b"\r\n"])
def test_the_answer_to_head_has_no_body_whatever_its_head_says(answer: bytes) -> None:
    """It does not wait for one, and the next call goes through."""

    async def main() -> None:
        async def talk(line: Line) -> None:
            while await line.request():
                line.says(answer)

        async with peer(talk) as server, contextlib.aclosing(FastTransport()) as transport:
            for _ in range(2):
                assert await ask(transport, server.url, method="HEAD", content=b"") == (200, b"")

    asyncio.run(main())


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_leaves_its_connection_for_the_next(status: int) -> None:
    """No length is said, and none is needed."""

    async def main() -> int:
        async def talk(line: Line) -> None:
            while await line.request():
                line.says(b"HTTP/1.1 %d X\r\n\r\n" % status)

        async with peer(talk) as server, contextlib.aclosing(FastTransport()) as transport:
            for _ in range(3):
                assert await ask(transport, server.url) == (status, b"")
            return len(server.lines)

    assert asyncio.run(main()) == 1


FLOODS = {
    "one endless header": (OK + b"x: ", b"v" * 1000),
    "endless headers": (OK, b"x: y\r\n" * 100),
    "endless early hints": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50),
    "an endless reason": (b"HTTP/1.1 200 ", b"x" * 1000),
    "an endless chunk extension": (CHUNKED + b"1;", b"x" * 1000),
    "endless trailers": (CHUNKED + b"1\r\nx\r\n0\r\n", b"x: y\r\n" * 100),
    "one endless trailer": (CHUNKED + b"1\r\nx\r\n0\r\nx: ", b"v" * 1000),
}


@pytest.mark.parametrize(("begin", "again"), FLOODS.values(), ids=FLOODS)
def test_what_is_no_body_is_capped(begin: bytes, again: bytes) -> None:
    """The call ends, and the connection with it, before much has come."""
    taken = 0

    async def talk(line: Line) -> None:
        nonlocal taken
        await line.request()
        line.says(begin)
        while not line.writer.is_closing():
            line.says(again)
            taken += len(again)
            await line.writer.drain()
            await asyncio.sleep(0)

    answer = asyncio.run(_exchanged(talk))
    assert (answer.broke, answer.sent) == ("cut", True)
    assert taken < 50 * MAX_HEAD_BYTES


def test_a_head_that_is_too_large_is_refused_though_its_body_follows_at_once() -> None:
    """However the bytes happen to arrive."""
    head = b"".join(b"x-%d: %b\r\n" % (n, b"v" * 1000) for n in range(120))
    answer = asyncio.run(_exchanged(_says(OK + head + b"content-length: 5\r\n\r\nhello")))
    assert (answer.broke, answer.sent) == ("cut", True)


class _Stdlib(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-line", str(self.client_address[1]))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_pythons_own_server_understands_what_is_sent() -> None:
    """A peer that nobody of ours wrote: bodies of every size come back, over one connection."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Stdlib)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    async def main() -> list[Response]:
        async with contextlib.aclosing(FastTransport()) as transport:
            return [
                await exchange(
                    transport, "POST", f"http://127.0.0.1:{server.server_port}/v1",
                    auth=BearerAuth(Secret("fhk_0123456789abcdef")), content=b"x" * size,
                    max_response_bytes=2**30, timeout_s=60,
                )
                for size in (0, 1, 1_000, 70_000, 5_000_000, 1)
            ]  # fmt: skip

    try:
        answers = asyncio.run(main())
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()
    assert [len(answer.body) for answer in answers] == [0, 1, 1_000, 70_000, 5_000_000, 1]
    assert len({answer.headers["x-line"] for answer in answers}) == 1


@pytest.mark.parametrize("parser", ["h11", "httptools"])
def test_the_local_hive_answers_through_either_of_uvicorns_parsers(parser: str) -> None:
    """The hive as it is served, and a plain uvicorn with the other parser: calls in turn and at once."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def invoke(request: Request) -> JSONResponse:
        return JSONResponse({"run_status": "completed", "output": (await request.json())["inputs"]["text"]})

    async def main() -> list[object]:
        app = Starlette(routes=[Route("/v1/workflow/invoke", invoke, methods=["POST"])])
        server = uvicorn.Server(uvicorn.Config(app, port=0, http=parser, log_level="error", lifespan="off"))  # type: ignore[arg-type]
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with fh.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1", api_key="fhk_0123456789abcdef") as client:
            calls = [client.invoke("d", variant="v", inputs={"text": str(n)}) for n in range(50)]
            runs = await asyncio.gather(*calls)
            runs += [await client.invoke("d", variant="v", inputs={"text": str(n)}) for n in range(5)]
        server.should_exit = True
        await serving
        return [run.output for run in runs]

    assert asyncio.run(main()) == [*map(str, range(50)), *map(str, range(5))]
