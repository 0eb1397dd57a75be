"""HTTP transports at high concurrency: the candidates of ``fh_notebook/client/http/transport.py``, in one run.

Each makes the same calls of 200 ms over a socket; the service runs in a process of its own, and counts. Printed are
ideal / actual makespan, and the client's CPU a call, each the median of rounds in which every candidate had its turn.
``httpx-aiohttp`` takes part where it is installed; it is no dependency of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import json
import ssl
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import h11
import httpcore
import httpx

import fh_notebook as fh
from fh_notebook.client.http.fast_transport import FastTransport, Http1
from tests.benchmarks.service import service

DELAY_S = 0.2
LOADS = ((100, 2_000), (500, 5_000))
"""In flight, calls."""
ROUNDS = 3
LARGE = 3_000
BODY = json.dumps(
    {"deployment": "triage", "variant": "v", "inputs": {"ticket": "My parcel is late. " * 8}, "metadata": {"case": 1}}
).encode()
HEADERS = {"Authorization": "Bearer fhk_0123456789abcdef", "Accept": "application/json"}
TIMEOUT = dict.fromkeys(("connect", "read", "write", "pool"), 30.0)

Call = Callable[[], Awaitable[bytes]]


class Stack(httpx.AsyncBaseTransport):
    """The LIFO stack over `httpcore.AsyncHTTPConnection`, with `backend`: nothing but the stack is ours."""

    def __init__(self, backend: httpcore.AsyncNetworkBackend | None) -> None:
        self.backend = backend
        self.idle: list[httpcore.AsyncHTTPConnection] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        line = self.idle.pop() if self.idle else httpcore.AsyncHTTPConnection(
            target.origin, keepalive_expiry=5.0, network_backend=self.backend
        )  # fmt: skip
        answer = await line.handle_async_request(
            httpcore.Request(
                request.method, target, headers=request.headers.raw, content=request.stream,
                extensions=request.extensions,
            )
        )  # fmt: skip
        return httpx.Response(answer.status, headers=answer.headers, stream=StackBody(answer, line, self.idle))

    async def aclose(self) -> None:
        for line in self.idle:
            await line.aclose()


class StackBody(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response, line: httpcore.AsyncHTTPConnection, idle: list[Any]) -> None:
        self.answer, self.line, self.idle = answer, line, idle

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self.answer.stream:  # type: ignore[union-attr]
            yield piece

    async def aclose(self) -> None:
        await self.answer.aclose()
        self.idle.append(self.line)


class BareStream(httpcore.AsyncNetworkStream):
    """httpcore's network over asyncio's own streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        async with asyncio.timeout(timeout):
            return await self.reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self.writer.write(buffer)

    async def aclose(self) -> None:
        self.writer.close()

    def get_extra_info(self, info: str) -> Any:
        return None


class BareBackend(httpcore.AsyncNetworkBackend):
    async def connect_tcp(self, host: str, port: int, **_: Any) -> httpcore.AsyncNetworkStream:  # type: ignore[override]  # what it needs
        return BareStream(*await asyncio.open_connection(host, port))


class ThroughH11:
    """h11 in the place of httptools, behind the same connection."""

    def __init__(self, line: Any) -> None:
        self.line, self.status = line, 0
        self.begin()

    def set_dangerous_leniencies(self, **_: bool) -> None: ...

    def begin(self) -> None:
        self.connection = h11.Connection(h11.CLIENT)
        self.connection.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
        self.connection.send(h11.EndOfMessage())

    def feed_data(self, data: bytes) -> None:
        self.connection.receive_data(data)
        while (event := self.connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Response):
                self.status = event.status_code
                for name, value in event.headers.raw_items():
                    self.line.on_header(name, value)
                self.line.on_headers_complete()
            elif isinstance(event, h11.Data):
                self.line.on_body(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self.line.on_message_complete()
                self.begin()

    def get_status_code(self) -> int:
        return self.status

    def should_keep_alive(self) -> bool:
        return True


def _aiohttp() -> httpx.AsyncBaseTransport:
    from httpx_aiohttp import AiohttpTransport

    return AiohttpTransport(limits=httpx.Limits(max_connections=10_000))  # type: ignore[no-any-return]


CANDIDATES: dict[str, Callable[[], httpx.AsyncBaseTransport]] = {
    "httpx, one client, limits raised": lambda: httpx.AsyncHTTPTransport(
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=None), verify=ssl.create_default_context()
    ),
    "LIFO stack over httpcore": lambda: Stack(None),
    "LIFO stack over httpcore, bare backend": lambda: Stack(BareBackend()),
    "httpx-aiohttp": _aiohttp,
    "own engine on h11": lambda: FastTransport(new=partial(Http1, ThroughH11)),
    "own engine on httptools": FastTransport,
}
FEWER = {"httpx, one client, limits raised": 5}
"""Quadratic: a fifth of the calls tells enough."""


async def _direct(transport: httpx.AsyncBaseTransport, url: httpx.URL) -> bytes:
    headers = {**HEADERS, "Host": url.netloc.decode(), "Content-Type": "application/json"}
    request = httpx.Request("POST", url, headers=headers, content=BODY, extensions={"timeout": TIMEOUT})
    response = await transport.handle_async_request(request)
    try:
        return b"".join([piece async for piece in response.stream])  # type: ignore[union-attr]
    finally:
        await response.aclose()


async def _stream(client: httpx.AsyncClient, url: httpx.URL) -> bytes:
    headers = {"Content-Type": "application/json"}
    async with client.stream("POST", url, content=BODY, headers=headers) as response:
        return b"".join([piece async for piece in response.aiter_bytes()])


@contextlib.asynccontextmanager
async def _directly(make: Callable[[], httpx.AsyncBaseTransport], base_url: str) -> AsyncIterator[Call]:
    transport = make()
    yield partial(_direct, transport, httpx.URL(f"{base_url}/workflow/invoke"))
    await transport.aclose()


@contextlib.asynccontextmanager
async def _through_client(make: Callable[[], httpx.AsyncBaseTransport], base_url: str) -> AsyncIterator[Call]:
    async with httpx.AsyncClient(transport=make(), headers=HEADERS, timeout=30.0) as client:
        yield partial(_stream, client, httpx.URL(f"{base_url}/workflow/invoke"))


@contextlib.asynccontextmanager
async def _attempts(chars: int, base_url: str) -> AsyncIterator[Call]:
    """The client's own `attempt`: a request checked, encoded, sent, decoded, and a run made of it."""
    asked = {**json.loads(BODY), "inputs": {"ticket": "My parcel is late. " * (chars // 19)}}
    async with fh.AsyncClient(base_url=base_url, api_key="fhk_0123456789abcdef") as client:

        async def call() -> bytes:
            exchange = await client.attempt(fh.InvokeRequest(**asked))
            assert exchange.run.ok, exchange.run
            return exchange.response.body

        yield call


def ways() -> dict[str, Callable[[str], contextlib.AbstractAsyncContextManager[Call]]]:
    found: dict[str, Callable[[str], contextlib.AbstractAsyncContextManager[Call]]] = {}
    for name, make in CANDIDATES.items():
        if "aiohttp" in name and importlib.util.find_spec("httpx_aiohttp") is None:
            continue
        found[f"{name}; through AsyncClient.stream"] = partial(_through_client, make)
        found[f"{name}; directly"] = partial(_directly, make)
    for chars in (150, LARGE):
        found[f"fh.AsyncClient.attempt, {chars:,} characters each way"] = partial(_attempts, chars)
    return found


async def _run(opened: contextlib.AbstractAsyncContextManager[Call], in_flight: int, calls: int) -> tuple[float, float]:
    async with opened as call:
        left: Iterator[int] = iter(range(calls))

        async def work() -> None:
            for _ in left:
                assert b"completed" in await call()

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(in_flight)))
        took, used = time.perf_counter() - began, time.process_time() - cpu
    return DELAY_S * calls / in_flight / took, used / calls * 1e6


def main() -> None:
    for in_flight, calls in LOADS:
        print(f"{calls:,} calls of {DELAY_S * 1000:.0f} ms, {in_flight} in flight: ideal / actual, client's CPU a call")
        measured: dict[str, list[tuple[float, float]]] = {}
        for round_ in range(ROUNDS):
            for name, opened in ways().items():
                slow = next((by for slow, by in FEWER.items() if name.startswith(slow)), 1)
                if slow > 1 and (in_flight > 100 or round_):
                    continue
                with service(delay_s=DELAY_S, output_chars=LARGE if f"{LARGE:,}" in name else 150) as server:
                    gc.collect()
                    measured.setdefault(name, []).append(
                        asyncio.run(_run(opened(server.url), in_flight, calls // slow))
                    )
                    assert server.calls() == calls // slow
        for name, rounds in measured.items():
            ratio, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"  {name}: {ratio:.2f}, {cpu:,.0f} us", flush=True)
