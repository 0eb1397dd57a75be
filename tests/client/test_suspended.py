"""A process that is stopped (SIGSTOP) for longer than its calls may take, while the answers come: over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trustme

from tests import environment
from tests.batching.hives import PATIENCE_S, Held
from tests.client.http.peers import Line, peer
from tests.client.http.test_tls_and_proxies import _served_as, proxy

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGSTOP is POSIX")

TIMEOUT_S = 2.0
"""Of the calls. It begins before the child is stopped: a busy machine takes its time for that."""
STOPPED_S = 2.3
OUTPUT = "x" * 300_000
BODY = b'{"request_id": "req_1", "run_status": "completed", "output": "' + OUTPUT.encode() + b'"}'

CALL = """
import sys
import fh_notebook as fh

url, timeout, proxy, bundle = sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4]
options = {"proxy": proxy or None, "verify": bundle or True}
with fh.Client(api_key="fhk_0123456789abcdef", base_url=url, timeout=timeout, **options) as client:
    run = client.invoke("d", variant="v", inputs={"a": 1})
print(run.status, run.error_code, len(run.output or ""))
"""

BATCH = """
import sys
import fh_notebook as fh

with fh.Client(api_key="fhk_0123456789abcdef", base_url=sys.argv[1], timeout=float(sys.argv[2])) as client:
    batch = fh.batch(
        [{"text": f"t{i}"} for i in range(8)], "held", variants="v", client=client, progress=False, max_concurrency=8,
    )
print(batch.counts.done, batch.counts.unknown, batch.counts.calls)
"""


def _child(program: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env=environment.for_process(folder), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _stop(child: subprocess.Popen[str]) -> float:
    """Stop the child, wait until it is, and return when that was."""
    child.send_signal(signal.SIGSTOP)
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    return time.monotonic()


def _go_on(child: subprocess.Popen[str], stopped_at: float) -> str:
    """Let the child go on once it was stopped for longer than its calls may take, and return what it printed."""
    time.sleep(max(0.0, stopped_at + STOPPED_S - time.monotonic()))
    child.send_signal(signal.SIGCONT)
    return child.communicate(timeout=PATIENCE_S)[0].strip()


@pytest.mark.long
@pytest.mark.parametrize(
    ("way", "before"),
    [
        ("plain", 0),
        ("plain", 20),  # half a head
        ("plain", 100_000),  # half a body
        ("tls", 0),
        ("tls", 100_000),
        ("proxy", 0),
        ("tls in a tunnel", 0),
        ("tls in a tunnel", 100_000),
    ],
)
def test_an_answer_that_came_while_the_process_was_stopped_is_read(tmp_path: Path, way: str, before: int) -> None:
    """Before the stop nothing of it had come, or a part: the run is completed, and it was called once."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    secure = way.startswith("tls")
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY

    async def main() -> tuple[str, int]:
        asked: list[bytes] = []
        said: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def talk(line: Line) -> None:
            if not (request := await line.request()):
                return
            asked.append(request)
            line.says(answer[:before])
            await line.writer.drain()
            at = await asyncio.to_thread(_stop, child)
            line.says(answer[before:])
            said.set_result(await asyncio.to_thread(_go_on, child, at))

        tls = _served_as(authority, "127.0.0.1") if secure else None
        async with contextlib.AsyncExitStack() as stack:
            service = await stack.enter_async_context(peer(talk, tls=tls))
            between = ""
            if way in ("proxy", "tls in a tunnel"):
                between = (await stack.enter_async_context(proxy(service.url))).url.removesuffix("/v1")
            bundle = str(tmp_path / "ca.pem") if secure else ""
            child = _child(CALL, tmp_path, service.url, str(TIMEOUT_S), between, bundle)
            return await asyncio.wait_for(said, PATIENCE_S), len(asked)

    assert asyncio.run(main()) == (f"completed None {len(OUTPUT)}", 1)


@pytest.mark.long
def test_all_answers_that_came_while_a_batch_was_stopped_are_read(tmp_path: Path) -> None:
    """Eight in flight: all are done, none is unknown, and each was called once."""
    with Held().freed() as held, held.hive.serve() as server:
        child = _child(BATCH, tmp_path, server.url, str(TIMEOUT_S))
        held.wait_for(8)
        at = _stop(child)
        held.let_go(8)
        assert held.hive.wait_idle(PATIENCE_S)
        assert _go_on(child, at) == "8 0 8"
        assert held.ran.total() == 8


@pytest.mark.long
def test_a_process_that_was_stopped_and_has_no_answer_still_times_out(tmp_path: Path) -> None:
    """Nothing came: the run is unknown at once when it goes on, for it may have run."""
    with Held().freed() as held, held.hive.serve() as server:
        child = _child(BATCH, tmp_path, server.url, str(TIMEOUT_S))
        held.wait_for(8)
        assert _go_on(child, _stop(child)) == "0 8 8"
