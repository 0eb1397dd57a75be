"""Connections: kept, found stale, given up, closed all at once. Real sockets; the servers count."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

import fh_notebook as fh
from fh_notebook.client.http.fast_transport import FastTransport
from tests import environment
from tests.client.http.peers import Line, ask, peer
from tests.raw_server import read_request

KEY = "fhk_0123456789abcdef"
REQUEST = fh.InvokeRequest(deployment="d", variant="v", inputs={"a": 1})


async def _answers(line: Line) -> None:
    while await line.request():
        line.answers()


async def _attempt(url: str, request: fh.InvokeRequest = REQUEST, **options: object) -> fh.contract.response.Response:
    async with fh.AsyncClient(api_key=KEY, base_url=url, **options) as client:  # type: ignore[arg-type]
        return (await client.attempt(request)).response


def test_calls_one_after_the_other_share_a_connection_and_those_at_once_do_not() -> None:
    """Ten in turn: one connection; ten at once: ten; ten in turn again: still ten."""

    async def main() -> list[int]:
        counts = []
        async with peer(_answers) as server, contextlib.aclosing(FastTransport()) as transport:
            for at_once in (1, 10, 1):
                for _ in range(10 // at_once):
                    await asyncio.gather(*(ask(transport, server.url) for _ in range(at_once)))
                counts.append(len(server.lines))
        return counts

    assert asyncio.run(main()) == [1, 10, 10]


def test_the_connection_that_was_used_last_is_used_first() -> None:
    """So the others grow old and are closed."""

    async def main() -> list[int]:
        used: list[int] = []

        async def talk(line: Line) -> None:
            while await line.request():
                used.append(line.number)
                line.answers()

        async with peer(talk) as server, contextlib.aclosing(FastTransport()) as transport:
            await asyncio.gather(*(ask(transport, server.url) for _ in range(5)))
            used.clear()
            for _ in range(5):
                await ask(transport, server.url)
        return used

    used = asyncio.run(main())
    assert len(used) == 5
    assert len(set(used)) == 1


def test_an_idle_connection_is_closed_when_it_has_grown_old_and_the_next_call_opens_one() -> None:
    """Though nobody calls: the server sees the end of it."""

    async def main() -> int:
        ended = asyncio.Event()

        async def talk(line: Line) -> None:
            await line.request()
            line.answers()
            if line.number == 0:
                assert await line.ended()
                ended.set()
            await _answers(line)

        async with peer(talk) as server, contextlib.aclosing(FastTransport(keep_alive_s=0.05)) as transport:
            await ask(transport, server.url)
            await asyncio.wait_for(ended.wait(), 20)
            assert await ask(transport, server.url) == (200, b'{"output": "hi"}')
            return len(server.lines)

    assert asyncio.run(main()) == 2


def test_a_connection_that_is_too_old_is_not_used_even_before_it_is_closed() -> None:
    """Kept for no time at all: every call has its own."""

    async def main() -> int:
        async with peer(_answers) as server, contextlib.aclosing(FastTransport(keep_alive_s=-1.0)) as transport:
            for _ in range(3):
                await ask(transport, server.url)
            return len(server.lines)

    assert asyncio.run(main()) == 3


def test_a_stale_connection_is_found_before_the_request_is_written() -> None:
    """The server closed it while the client's loop was busy and has not heard of it: another one is taken."""
    closed = threading.Event()
    requests = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _address = listener.accept()
                with connection:
                    requests.append(read_request(connection))
                    connection.sendall(b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\n{}")
                closed.set()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()

        async def main() -> list[tuple[int, bytes]]:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
            async with contextlib.aclosing(FastTransport()) as transport:
                first = await ask(transport, url)
                closed.wait(20)  # on purpose not awaited: the loop hears nothing meanwhile
                return [first, await ask(transport, url)]

        assert asyncio.run(main()) == [(200, b"{}")] * 2
        thread.join(20)
    assert len(requests) == 2


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_breaks_after_the_request_was_written_may_have_run_and_is_not_repeated(reset: bool) -> None:
    """A kept connection too: the server has read the request, and nobody knows what it did with it."""

    async def main() -> tuple[str | None, bool, int]:
        requests = 0

        async def talk(line: Line) -> None:
            nonlocal requests
            while await line.request():
                requests += 1
                if requests == 2:
                    return line.resets() if reset else None
                line.answers()
            return None

        async with peer(talk) as server, fh.AsyncClient(api_key=KEY, base_url=server.url) as client:
            assert (await client.attempt(REQUEST)).response.status_code == 200
            answer = (await client.attempt(REQUEST)).response
            return answer.broke, answer.sent, requests

    assert asyncio.run(main()) == ("reset", True, 2)


def test_a_cancelled_call_closes_its_connection_and_the_next_gets_its_own_answer() -> None:
    """Never the one that was meant for the cancelled call."""

    async def main() -> None:
        asked, ended = asyncio.Event(), asyncio.Event()

        async def talk(line: Line) -> None:
            await line.request()
            if line.number == 0:
                asked.set()
                assert await line.ended()
                ended.set()
                line.answers(b"the old one's")
            else:
                line.answers(b"its own")

        async with peer(talk) as server, contextlib.aclosing(FastTransport()) as transport:
            task = asyncio.create_task(ask(transport, server.url))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(ended.wait(), 20)
            assert await ask(transport, server.url) == (200, b"its own")

    asyncio.run(main())


def test_an_answer_that_is_not_read_to_its_end_closes_its_connection() -> None:
    """The rest of a body is nobody's next answer."""

    async def main() -> list[int]:
        async def talk(line: Line) -> None:
            while await line.request():
                line.answers(b"x" * 100_000 + b"HTTP/1.1 200 X\r\ncontent-length: 4\r\n\r\nfake" * 50_000)

        async with peer(talk) as server, contextlib.aclosing(FastTransport()) as transport:
            for _ in range(3):
                request = httpx.Request("POST", server.url, content=b"{}")
                await (await transport.handle_async_request(request)).aclose()
            return [len(server.lines)]

    assert asyncio.run(main()) == [3]


@pytest.mark.parametrize("more", [b"HTTP/1.1 200 X\r\ncontent-length: 4\r\n\r\nfake", b"junk"])
def test_a_connection_on_which_more_came_than_was_asked_for_is_not_used_again(more: bytes) -> None:
    """Behind the answer, or while it is idle: the next call's answer could be somebody else's."""

    async def main() -> None:
        async def talk(line: Line) -> None:
            while await line.request():
                line.answers(b"its own")
                if line.number == 0:
                    line.says(more)

        async with peer(talk) as server, contextlib.aclosing(FastTransport()) as transport:
            for _ in range(3):
                assert await ask(transport, server.url) == (200, b"its own")
            assert len(server.lines) == 2

        async def late(line: Line) -> None:
            await line.request()
            line.answers(b"its own")
            if line.number == 0:
                await said.wait()
                line.says(more)
                assert await line.ended()
                over.set()

        said, over = asyncio.Event(), asyncio.Event()
        async with peer(late) as server, contextlib.aclosing(FastTransport()) as transport:
            assert await ask(transport, server.url) == (200, b"its own")
            said.set()
            await asyncio.wait_for(over.wait(), 20)
            assert await ask(transport, server.url) == (200, b"its own")

    asyncio.run(main())


MANY = 1_000


@pytest.fixture
def many_files() -> None:
    """Both ends of a thousand connections are files of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * MANY
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@pytest.mark.long
@pytest.mark.usefixtures("many_files")
def test_a_thousand_idle_connections_closed_at_once_cost_no_call() -> None:
    """The next thousand calls go through, over new connections, none of them twice."""

    async def main() -> tuple[int, int]:
        requests, all_asked = 0, asyncio.Event()

        async def talk(line: Line) -> None:
            nonlocal requests
            while await line.request():
                requests += 1
                if requests == MANY:
                    all_asked.set()
                await all_asked.wait()
                line.answers()

        async with peer(talk) as server, contextlib.aclosing(FastTransport(keep_alive_s=60.0)) as transport:
            assert {await one for one in asyncio.as_completed([ask(transport, server.url) for _ in range(MANY)])} == {
                (200, b'{"output": "hi"}')
            }
            for line in server.lines:
                line.writer.close()
            answers = await asyncio.gather(*(ask(transport, server.url) for _ in range(MANY)))
            assert set(answers) == {(200, b'{"output": "hi"}')}
            return requests, len(server.lines)

    assert asyncio.run(main()) == (2 * MANY, 2 * MANY)


@pytest.mark.usefixtures("many_files")
def test_a_thousand_calls_cut_off_at_once_are_all_told_and_the_next_go_through() -> None:
    """Each may have run; none is repeated, none hangs."""

    async def main() -> None:
        async def talk(line: Line) -> None:
            await line.request()
            if len(server.lines) > MANY:
                line.answers()
                return
            await cut.wait()

        cut = asyncio.Event()
        async with peer(talk) as server, fh.AsyncClient(api_key=KEY, base_url=server.url) as client:
            calls = [asyncio.create_task(client.attempt(REQUEST)) for _ in range(MANY)]
            await server.wait(MANY)
            cut.set()
            answers = [(await call).response for call in calls]
            assert {(a.broke, a.sent) for a in answers} == {("reset", True)}
            assert len(server.lines) == MANY
            again = await asyncio.gather(*(client.attempt(REQUEST) for _ in range(20)))
            assert {exchange.response.status_code for exchange in again} == {200}

    asyncio.run(main())


def test_a_connection_that_is_not_made_in_time_sent_nothing() -> None:
    """Nobody accepts, or nobody answers the TLS handshake: it did not run, though the timeout was the whole call's."""
    with contextlib.ExitStack() as stack, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(4):  # the backlog is full, and further connections are not answered
            filling = stack.enter_context(contextlib.closing(socket.socket()))
            filling.setblocking(False)
            filling.connect_ex(("127.0.0.1", port))
        answer = asyncio.run(_attempt(f"http://127.0.0.1:{port}/v1", timeout=0.2))
        assert (answer.broke, answer.sent) == ("connect", False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = asyncio.run(_attempt(f"https://127.0.0.1:{listener.getsockname()[1]}/v1", timeout=0.2))
    assert (answer.broke, answer.sent) == ("connect", False)


def test_each_phase_has_its_own_limit() -> None:
    """As httpx's transports take them: writing that is not taken, an answer that does not begin, one that stops."""

    async def main() -> None:
        async def deaf(line: Line) -> None:
            await over.wait()

        async def stops(line: Line) -> None:
            await line.request()
            line.says(b"HTTP/1.1 200 X\r\ncontent-length: 10\r\n\r\nhalf")
            await over.wait()

        over = asyncio.Event()
        async with peer(deaf) as server, contextlib.aclosing(FastTransport()) as transport:
            with pytest.raises(httpx.ReadTimeout):
                await ask(transport, server.url, read=0.05)
            with pytest.raises(httpx.WriteTimeout):
                await ask(transport, server.url, content=b"x" * 50_000_000, write=0.05, read=60)
            over.set()
        over.clear()
        async with peer(stops) as server, contextlib.aclosing(FastTransport()) as transport:
            with pytest.raises(httpx.ReadTimeout):
                await ask(transport, server.url, read=0.05)
            over.set()

    asyncio.run(main())


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "http:///v1", "/v1"])
def test_an_address_that_is_none_of_http_is_refused_unsent(url: str) -> None:
    """By the error that httpx's own transport has for it."""

    async def main() -> None:
        async with contextlib.aclosing(FastTransport()) as transport:
            with pytest.raises(httpx.UnsupportedProtocol):
                await transport.handle_async_request(httpx.Request("POST", url, content=b""))

    asyncio.run(main())


@pytest.mark.parametrize("value", ["x\r\nevil: 1", "x\nevil: 1", "x\revil", "x\0"])
def test_a_header_cannot_bring_another_one_in(value: str) -> None:
    """Refused before a connection is opened."""

    async def main() -> int:
        async with peer(_answers) as server, contextlib.aclosing(FastTransport()) as transport:
            with pytest.raises(httpx.LocalProtocolError):
                await transport.handle_async_request(httpx.Request("POST", server.url, headers={"x": value}))
            return len(server.lines)

    assert asyncio.run(main()) == 0


def test_localhost_by_name_reaches_a_server_that_has_only_one_of_its_addresses() -> None:
    """The name has two numbers on most machines, and nobody listens on one of them."""

    async def main() -> tuple[int, bytes]:
        async with peer(_answers, host="localhost") as server, contextlib.aclosing(FastTransport()) as transport:
            return await ask(transport, server.url)

    assert asyncio.run(main())[0] == 200


LEFT_OPEN = """
import asyncio, gc, sys
import fh_notebook as fh

def client():
    return fh.AsyncClient(api_key="fhk_0123456789abcdef", base_url=sys.argv[1])

kept = client()
async def main(held):
    assert (await held.invoke("d", variant="v")).ok

if sys.argv[2] == "own loop":
    asyncio.run(main(client()))
    asyncio.run(main(kept))
    asyncio.run(main(kept))
else:
    blocking = fh.Client(api_key="fhk_0123456789abcdef", base_url=sys.argv[1])
    assert blocking.invoke("d", variant="v").ok
    assert fh.Client(api_key="fhk_0123456789abcdef", base_url=sys.argv[1]).invoke("d", variant="v").ok
gc.collect()
"""


@pytest.mark.parametrize("loop", ["own loop", "background loop"])
def test_a_client_that_nobody_closed_is_closed_with_its_loop(loop: str, tmp_path: Path) -> None:
    """No "unclosed transport" at the end of a program or a test run, and the server sees the connections end."""

    async def main() -> None:
        async def talk(line: Line) -> None:
            while await line.request():
                line.answers(b'{"run_status": "completed", "output": "hi"}')

        async with peer(talk) as server:
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", LEFT_OPEN, server.url, loop],
                capture_output=True, text=True, timeout=60, env=environment.for_process(tmp_path),
            )  # fmt: skip
            assert (done.returncode, done.stdout) == (0, ""), done.stderr
            assert "unclosed" not in done.stderr
            assert len(server.lines) >= 2

    asyncio.run(main())


NEVER_CLOSED = """
import asyncio
import nest_asyncio
import fh_notebook as fh
nest_asyncio.apply()
hive = fh.local.LocalHive()
hive.workflow("d", variant="v")(lambda: "x")
server = hive.serve().__enter__()
client = fh.AsyncClient(base_url=server.url, api_key="fhk_0123456789abcdef")
asyncio.run(client.invoke("d", variant="v"))
"""


def test_a_program_whose_loop_nobody_closes_ends_without_a_word(tmp_path: Path) -> None:
    """As nest_asyncio's own ``asyncio.run`` leaves its loop: what waits for it ends after everything else."""
    done = subprocess.run(
        [sys.executable, "-c", NEVER_CLOSED], capture_output=True, text=True, timeout=60, env=environment.for_process(tmp_path)
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
