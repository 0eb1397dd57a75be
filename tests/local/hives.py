"""Tools for tests of the hive: hives with a few workflows, ways to them, a clock, a callback receiver."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import httpx

from fh_notebook.local import LocalHive

KEY = "fhk_0123456789abcdef"
IN_PROCESS = "http://local/v1"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 11, 24, 23, 59, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def echo_hive(**options: Any) -> LocalHive:
    """Return a hive whose deployment ``echo`` has a plain, an async and a failing variant."""
    hive = LocalHive(**{"api_key": KEY, **options})

    @hive.workflow("echo", variant="plain")
    def plain(text: str, times: int = 1) -> str:
        return text * times

    @hive.workflow("echo", variant="async")
    async def later(text: str, times: int = 1) -> str:
        return text * times

    @hive.workflow("echo", variant="broken")
    async def broken(text: str) -> str:
        raise RuntimeError(f"cannot say {text}")

    return hive


class Held:
    """A hive whose workflow waits until it is let go; threads and loops alike can wait for it."""

    def __init__(self, **options: Any) -> None:
        self.hive = LocalHive(**{"api_key": KEY, **options})
        self.began: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.go = threading.Semaphore(0)

        @self.hive.workflow("hold", variant="plain")
        def hold(name: str) -> str:
            self.began.put(name)
            assert self.go.acquire(timeout=60)
            return name

    def wait_begun(self) -> str:
        return self.began.get(timeout=60)


def ask(
    variant: str = "async", inputs: dict[str, Any] | None = None, deployment: str = "echo", **more: Any
) -> dict[str, Any]:
    """Return the body of a call."""
    inputs = {"text": "hi"} if inputs is None else inputs
    return {"deployment": deployment, "variant": variant, "inputs": inputs, **more}


def hold(name: str, **more: Any) -> dict[str, Any]:
    return ask("plain", {"name": name}, "hold", **more)


def by_callback(url: str) -> dict[str, Any]:
    """Return the field that asks for callback delivery to `url`."""
    return {"async": {"enabled": True, "callback_url": url}}


def headers(key: str = KEY) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def in_process(hive: LocalHive, key: str = KEY, **options: Any) -> httpx.AsyncClient:
    """Return httpx's client of a hive in process."""
    return httpx.AsyncClient(transport=hive.transport(), base_url=IN_PROCESS, headers=headers(key), **options)


@contextmanager
def on_socket(hive: LocalHive, key: str = KEY, **options: Any) -> Iterator[httpx.Client]:
    """Serve a hive, and give httpx's client of it."""
    with (
        hive.serve() as server,
        # verify=False: the authorities, which nothing here asks, take 20 ms to load
        httpx.Client(base_url=server.url, headers=headers(key), trust_env=False, verify=False, **options) as http,
    ):
        yield http


def post(hive: LocalHive, *bodies: Any, key: str = KEY, **options: Any) -> list[httpx.Response]:
    """Send one body after the other, in process."""

    async def send() -> list[httpx.Response]:
        async with in_process(hive, key) as http:
            return [await http.post("/workflow/invoke", json=body, **options) for body in bodies]

    return asyncio.run(send())


class Received(NamedTuple):
    """One request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """A real HTTP server that keeps what it gets and answers the statuses that it is told to, in that order."""

    def __init__(self, *statuses: int, location: str = "", body: bytes = b"") -> None:
        self.requests: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._statuses = list(statuses)
        self._location = location
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.requests.put(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(outer._statuses.pop(0) if outer._statuses else 200)
                self.send_header("content-length", str(len(body)))
                if outer._location:
                    self.send_header("location", outer._location)
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # who does not read a long answer hangs up
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/callback"

    def next(self) -> Received:
        return self.requests.get(timeout=10)

    def __enter__(self) -> Receiver:
        # The poll is for shutdown() alone, which waits for it.
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


async def no_wait(seconds: float) -> None:
    """A sleep that takes no time."""


class Sleeps:
    """A sleep that takes no time and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
