"""Tools for tests of callbacks: raw deliveries to a receiver, and hives whose runs wait until they are let go."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from fh_notebook.client.callbacks.receiver import CallbackReceiver
from fh_notebook.contract.run import Run
from fh_notebook.contract.signing import sign
from fh_notebook.local import LocalHive

KEY = "fhk_0123456789abcdef"
SECRET = "whsec_of_the_tests"
PATIENCE_S = 90.0


def event(request_id: str, output: Any = "hi", **more: Any) -> bytes:
    """Return the body of a callback."""
    told = {"event_type": "workflow.completed", "request_id": request_id, "data": {"output": output}, **more}
    return json.dumps(told).encode()


def connect(receiver: CallbackReceiver, timeout_s: float = PATIENCE_S) -> socket.socket:
    return socket.create_connection(("127.0.0.1", receiver.port), timeout=timeout_s)


def head(
    receiver: CallbackReceiver, length: int | None, *headers: str, method: str = "POST", path: str | None = None,
    version: str = "1.1",
) -> bytes:  # fmt: skip
    """Return the head of a request to a receiver."""
    where = urlsplit(receiver.local_url).path if path is None else path
    lines = [f"{method} {where} HTTP/{version}", f"host: 127.0.0.1:{receiver.port}", *headers]
    lines += [] if length is None else [f"content-length: {length}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def signed(body: bytes, secret: str = SECRET) -> str:
    return f"X-Fetch-Hive-Signature: {sign(body, secret)}"


def status_of(connection: socket.socket) -> int:
    """Read one answer with an empty body, and return its status; 0 when the connection was closed instead."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            more = connection.recv(65536)
        except ConnectionError:
            return 0
        if not more:
            return 0
        data += more
    return int(data.split(b" ", 2)[1])


def deliver(receiver: CallbackReceiver, body: bytes, *headers: str, **how: Any) -> int:
    """Send one delivery over a connection of its own and return the status of its answer."""
    with connect(receiver) as line:
        line.sendall(head(receiver, len(body), *headers, **how) + body)
        return status_of(line)


class Waiting:
    """Somebody who waits for a run at a receiver."""

    def __init__(self, receiver: CallbackReceiver, *ids: str) -> None:
        self.runs: list[Run] = []
        self.came = threading.Event()
        receiver.claim(ids, self._take)

    def _take(self, run: Run) -> None:
        self.runs.append(run)
        self.came.set()

    def wait(self) -> Run:
        assert self.came.wait(PATIENCE_S), "no callback came"
        return self.runs[0]


class Held:
    """A hive whose workflow waits until it is let go."""

    def __init__(self, **options: Any) -> None:
        self.hive = LocalHive(**options)
        self.go = threading.Semaphore(0)

        @self.hive.workflow("held", variant="v")
        def held(text: str) -> str:
            assert self.go.acquire(timeout=PATIENCE_S)
            return text.upper()

    def let_go(self, runs: int = 1) -> None:
        self.go.release(runs)


def until(condition: Callable[[], Any]) -> Any:
    """Wait until `condition()` holds, and return what it is; fail when it does not in good time."""
    end = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < end, "it did not come true in good time"
        time.sleep(0.005)
    return value


async def until_async(condition: Callable[[], Any]) -> None:
    """Await :func:`until`."""
    await asyncio.to_thread(until, condition)
