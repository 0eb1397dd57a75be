"""Size of one read from a socket, so that no allocator fetches memory from the system for each answer."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
import trustme

from fh_notebook.client.http.fast_transport import RECEIVED_BYTES, Http1


@pytest.mark.parametrize("with_tls", [False, True])
def test_a_socket_is_asked_for_64_kb_at_once(with_tls: bool) -> None:
    """Over TLS, too, where it is asyncio's layer of TLS that asks; what comes in pieces is whole all the same."""
    authority = trustme.CA()
    there, here = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(there)
    authority.configure_trust(here)
    body = b"x" * (5 * RECEIVED_BYTES)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    async def run() -> tuple[int, bytes]:
        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=there if with_tls else None) as server:
            port = server.sockets[0].getsockname()[1]
            loop = asyncio.get_running_loop()
            transport: Any
            transport, line = await loop.create_connection(Http1, "127.0.0.1", port, ssl=here if with_tls else None)
            asks: Any = transport._ssl_protocol if with_tls else transport
            await line.ask("GET", b"GET / HTTP/1.1\r\nhost: h\r\n\r\n", write_s=20.0, read_s=20.0)
            pieces = []
            while (piece := await line.next_piece(20.0)) is not None:
                pieces.append(piece)
            line.abort()
            return asks.max_size, b"".join(pieces)

    most, came = asyncio.run(run())
    assert most == RECEIVED_BYTES
    assert came == body
