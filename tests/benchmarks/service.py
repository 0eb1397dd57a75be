"""A lean service of the contract's shape in a process of its own, for benchmarks: it answers after a delay, and counts.

Rule of this file: the server costs less than the client that is measured (some 50 µs a call), so it reads only what it
must of a request, and it runs on a core of its own. What was called is counted here, at the server: a client that
counts its own calls proves nothing. A call whose client hangs up goes on, and counts, as at the real service.

    with service(delay_s=0.2, admits=None) as s:
        s.url        # ends in /v1
        s.calls()    # requests that it began to run
        s.refused()  # requests that it answered 429, because `admits` were running already
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REFUSED = json.dumps(
    {
        "error": "You've reached your concurrency limit. Try again later or use async mode.",
        "message": "You've reached your concurrency limit. Try again later or use async mode.",
        "error_code": "concurrency_limit_reached",
    }
).encode()
"""CONTRACT section 2; the code is UNKNOWN, this is the local hive's."""


class Service:
    """The running service, as a benchmark holds it."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}/v1"

    def calls(self) -> int:
        """How many requests it began to run; those that it refused are not among them."""
        return int(self.figures()["calls"])

    def refused(self) -> int:
        """How many requests it answered with 429."""
        return int(self.figures()["refused"])

    def peak(self) -> int:
        """How many requests it ran at once, at most."""
        return int(self.figures()["peak"])

    def repeated(self) -> int:
        """How many of the calls had an ``fh_job`` (else: inputs) that had been called before; needs ``tally=True``."""
        return int(self.figures()["repeated"])

    def figures(self) -> dict[str, Any]:
        """All figures: calls, refused, in_flight, peak, repeated, connections, cpu_s, and first_s and last_s: when the
        first request came, and when the last answer went out."""
        return self._control({})

    def set(self, *, delay_s: float | None = None, admits: int | None = -1) -> None:
        """Change the delay or the cap while it runs; ``admits=None`` admits everything."""
        change: dict[str, Any] = {} if delay_s is None else {"delay_s": delay_s}
        self._control(change if admits == -1 else {**change, "admits": admits})

    def reset(self) -> None:
        """Begin all counts anew."""
        self._control({"reset": True})

    def _control(self, change: dict[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/control", json.dumps(change))
            figures: dict[str, Any] = json.loads(connection.getresponse().read())
            return figures
        finally:
            connection.close()


@contextlib.contextmanager
def service(
    *,
    delay_s: float = 0.2,
    admits: int | None = None,
    retry_after_s: float | None = None,
    output_chars: int = 20,
    tally: bool = False,
) -> Iterator[Service]:
    """Run the service in a process of its own.

    Parameters
    ----------
    delay_s : float
        Seconds that a call takes.
    admits : int, optional
        How many calls it runs at once; one more is answered with 429 at once.
    retry_after_s : float, optional
        The ``Retry-After`` of a 429.
    output_chars : int
        Length of the output.
    tally : bool
        Read every body, to count the calls of each ``fh_job`` (some 10 µs a call).
    """
    given = {"delay_s": delay_s, "admits": admits, "retry_after_s": retry_after_s, "output_chars": output_chars}
    folder = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.service", json.dumps({**given, "tally": tally})],
        cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            assert process.stdout is not None
            yield Service(process, int(process.stdout.readline()))
        finally:
            process.kill()


class State:
    """What the server knows and counts."""

    def __init__(self, *, delay_s: float, admits: int | None, retry_after_s: float | None, output_chars: int,
                 tally: bool) -> None:  # fmt: skip
        self.delay_s, self.admits, self.tally = delay_s, admits, tally
        after = b"" if retry_after_s is None else b"retry-after: %g\r\n" % retry_after_s
        self.refusal = _answer(b"429 Too Many Requests", REFUSED, after)
        self.output = json.dumps("x" * output_chars).encode()
        self.in_flight = self.connections = 0
        self.reset()

    def reset(self) -> None:
        self.calls = self.refused = 0
        self.first_s: float | None = None
        self.last_s = 0.0
        self.peak = self.in_flight
        self.jobs: Counter[str] = Counter()

    def control(self, change: dict[str, Any]) -> bytes:
        self.delay_s = change.get("delay_s", self.delay_s)
        self.admits = change.get("admits", self.admits)
        figures = {
            "calls": self.calls, "refused": self.refused, "in_flight": self.in_flight, "peak": self.peak,
            "repeated": sum(self.jobs.values()) - len(self.jobs), "connections": self.connections,
            "cpu_s": time.process_time(), "first_s": self.first_s, "last_s": self.last_s,
        }  # fmt: skip
        if change.get("reset"):
            self.reset()
        return _answer(b"200 OK", json.dumps(figures).encode())

    def begin(self, body: bytes) -> bytes:
        self.calls += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        if self.tally:
            asked = json.loads(body)
            job = (asked.get("metadata") or {}).get("fh_job")
            self.jobs[str(job or json.dumps([asked.get(k) for k in ("variant", "inputs")]))] += 1
        return b'{"request_id":"req_%032x","run_status":"completed","output":%b}' % (self.calls, self.output)


def _answer(status: bytes, body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n%b" % (
        status, more, len(body), body,
    )  # fmt: skip


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests come one after the other on it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.state.connections += 1
        self.call_later = asyncio.get_running_loop().call_later

    def connection_lost(self, exc: Exception | None) -> None:
        self.state.connections -= 1

    def data_received(self, data: bytes) -> None:
        self.data = data = self.data + data if self.data else data
        end = data.find(b"\r\n\r\n")
        while end >= 0:
            head = data[:end].lower()
            at = head.find(b"content-length:")
            whole = end + 4 + (int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0)
            if len(data) < whole:
                return
            body, self.data = data[end + 4 : whole], data[whole:]
            self.asked(head, body)
            data = self.data
            end = data.find(b"\r\n\r\n")

    def asked(self, head: bytes, body: bytes) -> None:
        state = self.state
        if head.startswith(b"post /control"):
            self.transport.write(state.control(json.loads(body)))
            return
        state.first_s = state.first_s or time.perf_counter()
        if state.admits is not None and state.in_flight >= state.admits:
            state.refused += 1
            state.last_s = time.perf_counter()
            self.transport.write(state.refusal)
        else:
            self.call_later(state.delay_s, self.ended, state.begin(body))

    def ended(self, body: bytes) -> None:
        self.state.in_flight -= 1
        self.state.last_s = time.perf_counter()
        self.transport.write(_answer(b"200 OK", body))  # of a lost connection: dropped by asyncio


async def _serve(state: State) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    orphaned = asyncio.Event()
    loop.add_reader(sys.stdin, orphaned.set)  # the benchmark has ended, however it ended
    await orphaned.wait()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("options", type=json.loads)
    asyncio.run(_serve(State(**parser.parse_args().options)))


if __name__ == "__main__":
    main()
