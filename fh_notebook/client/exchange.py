"""One HTTP exchange -> `Answer`. The edge at which httpx's errors become values.

Rule of this file: nothing that a service or a network can do raises here. What did reach the service is told from what
did not (`Answer.sent`), because only the latter may be called again.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Generator
from typing import Final

import httpx

from fh_notebook.contract.models import Answer
from fh_notebook.values import Secret, redact

__all__ = ["BROKEN", "BearerAuth", "exchange"]


class BearerAuth(httpx.Auth):
    """Puts the key on a request. It is revealed in this one expression and stands in no variable."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send `request` with the key, once."""
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        yield request


# The most special first: (httpx's error, our word, whether the service may have got the request).
# Facts: httpx raises ConnectError and ConnectTimeout before any byte of the request; a WriteError can come after the
# last byte that the service needed; ReadError, ReadTimeout and RemoteProtocolError come after sending.
BROKEN: Final[tuple[tuple[type[Exception], str, bool], ...]] = (
    (httpx.ConnectTimeout, "connect", False),
    (httpx.PoolTimeout, "connect", False),
    (httpx.ProxyError, "proxy", False),
    (httpx.ConnectError, "connect", False),
    (httpx.UnsupportedProtocol, "connect", False),
    (httpx.LocalProtocolError, "connect", False),
    (httpx.WriteTimeout, "write", True),
    (httpx.WriteError, "write", True),
    (httpx.ReadTimeout, "read_timeout", True),
    (httpx.ReadError, "reset", True),
    (httpx.CloseError, "reset", True),
    (httpx.RemoteProtocolError, "cut", True),
    (httpx.DecodingError, "cut", True),
    (httpx.TimeoutException, "read_timeout", True),
    (httpx.TransportError, "reset", True),
    (httpx.RequestError, "reset", True),
)


async def exchange(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    auth: httpx.Auth,
    content: bytes | None = None,
    max_response_bytes: int,
    timeout_s: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Answer:
    """Make one exchange and return what it brought.

    Parameters
    ----------
    http : httpx.AsyncClient
        The client of the running loop.
    method, url : str
        What to ask.
    auth : httpx.Auth
        Puts the key on the request.
    content : bytes, optional
        The JSON body.
    max_response_bytes : int
        More than this, after decompression, is not read: the answer is ``broke="too_large"``.
    timeout_s : float
        How long the whole exchange may take: httpx's own timeouts begin again with every byte that comes.
    clock : callable
        Seconds; a monotonic clock.
    """
    begun = clock()
    headers = {"Accept": "application/json"}
    if content is not None:
        headers["Content-Type"] = "application/json"
    try:
        async with (
            asyncio.timeout(timeout_s),
            http.stream(method, url, content=content, headers=headers, auth=auth) as response,
        ):
            body = await _read(response, max_response_bytes)
            return Answer(
                status_code=response.status_code if body is not None else None,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=body or b"",
                broke="too_large" if body is None else None,
                elapsed_s=clock() - begun,
            )
    except TimeoutError:
        return Answer(broke="read_timeout", detail=f"after {timeout_s:g} s", elapsed_s=clock() - begun)
    except httpx.RequestError as broken:
        word, sent = _how_it_broke(broken)
        return Answer(broke=word, sent=sent, detail=redact(_words(broken)), elapsed_s=clock() - begun)


async def _read(response: httpx.Response, limit: int) -> bytes | None:
    """Return the whole body, or ``None`` when it is larger than `limit`."""
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        return None
    chunks, size = [], 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _how_it_broke(broken: httpx.RequestError) -> tuple[str, bool]:
    if isinstance(broken, httpx.ConnectError) and _is_tls(broken):
        return "tls", False
    if isinstance(broken, httpx.RemoteProtocolError) and "without sending a response" in str(broken):
        return "reset", True
    return next((word, sent) for kind, word, sent in BROKEN if isinstance(broken, kind))


def _is_tls(broken: BaseException) -> bool:
    seen: BaseException | None = broken
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return True
        seen = seen.__cause__ or seen.__context__
    return "CERTIFICATE" in str(broken).upper()


def _words(broken: Exception) -> str:
    return str(broken).strip() or type(broken).__name__
