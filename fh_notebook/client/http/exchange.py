"""One HTTP exchange as a Response: httpx errors become values, and compressed bodies are checked first.

Rules of this file:

1. An answer is packed once, with one of the two codings of the request. httpx unpacks any named coding, also several
   times over: packed twice, ten kilobytes are ten gigabytes, and a limit on the unpacked size cannot stop that within
   one piece.
2. No action of a service or a network raises here. `Response.sent` says whether the request reached the service: only
   one that did not may be sent again.
"""

from __future__ import annotations

import asyncio
import math
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import lru_cache
from typing import Final, Protocol

import httpx

from fh_notebook.client.http.fast_transport import Deadline, HttpResponse
from fh_notebook.client.http.transport import user_agent
from fh_notebook.contract.response import Response
from fh_notebook.core.redaction import Secret, redact

ACCEPTED: Final = "gzip, deflate"
"""A piece packed with either grows a thousandfold at most."""

_ONCE: Final = frozenset({"gzip", "deflate"})

_NOT_ASKED_FOR: Final = frozenset({"br", "zstd"})
"""Codings that httpx unpacks, too, where their packages are installed."""


def is_packed(encoding: str) -> bool:
    """Whether a body with this ``Content-Encoding`` must be unpacked.

    Examples
    --------
    >>> is_packed("gzip"), is_packed(""), is_packed("Identity")
    (True, False, False)
    >>> is_packed("gzip, gzip")
    Traceback (most recent call last):
    ...
    httpx.DecodingError: the answer is compressed as 'gzip, gzip', and only gzip, deflate were requested
    """
    coding = encoding.strip().lower()
    if coding in _ONCE:
        return True
    if "," not in coding and coding not in _NOT_ASKED_FOR:
        return False  # not packed, whatever a proxy calls it: the answer is paid, and is read as it stands
    raise httpx.DecodingError(f"the answer is compressed as {coding[:40]!r}, and only {ACCEPTED} were requested")


class BearerAuth:
    """Puts the key on a request. It is revealed in this one expression and held in no variable."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def sign(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Add the key to `headers`, as a bearer token."""
        headers.append((b"Authorization", f"Bearer {self._key.reveal()}".encode("ascii")))


class WebhookAuth:
    """Puts the secret of a webhook endpoint on a request, in place of a key."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def sign(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Add the secret to `headers`."""
        headers.append((b"X-Fetch-Hive-Webhook-Secret", self._secret.reveal().encode("ascii")))


class NoAuth:
    """Puts nothing on a request: for what anybody may ask."""

    def sign(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Leave `headers` as they are."""


class Auth(Protocol):
    """Credentials of a request."""

    def sign(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Add them to `headers`."""
        ...


# The most specific first: (httpx's error, `Response.broke`, whether the service may have received the request).
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


class Sender(Protocol):
    """Sends a request and returns the answer as soon as its head is there, or raises as httpx's transports do."""

    async def send(
        self,
        method: str,
        url: httpx.URL,
        headers: Sequence[tuple[bytes, bytes]],
        take_body: Callable[[], bytes],
        *,
        connect_s: float | None,
    ) -> HttpResponse:
        """Send it; a new connection may take `connect_s`. The body is taken just before it is sent."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


async def exchange(
    sender: Sender,
    method: str,
    url: str,
    *,
    auth: Auth,
    content: bytes | None = None,
    content_type: str = "application/json",
    max_response_bytes: int,
    timeout_s: float,
    connect_timeout_s: float = math.inf,
    clock: Callable[[], float] = time.perf_counter,
) -> Response:
    """Make one exchange and return its answer.

    It calls the transport itself: `httpx.AsyncClient` around it costs 100 us a call, for redirects, cookies and hooks
    that these calls do not use; and without httpx's requests and responses, which cost a third of the rest.
    """
    begun = clock()
    body = _RequestBody(content or b"")
    received = _Received()
    headers = _headers(url, None if content is None else len(content), content_type)
    auth.sign(headers)
    # No limits of reading and writing: they would be the whole exchange's, which is kept here.
    connect_s = min(connect_timeout_s, timeout_s)
    try:
        async with asyncio.timeout(None) as limit:
            deadline = Deadline(timeout_s, received=lambda: received.pieces, on_expired=lambda: limit.reschedule(0.0))
            body.deadline = deadline
            try:
                response = await sender.send(method, _parsed_url(url), headers, body.take, connect_s=connect_s)
                received.pieces += 1
                try:
                    return await _answer_of(response, max_response_bytes, received, lambda: clock() - begun)
                finally:
                    await response.stream.aclose()
            finally:
                deadline.cancel()
    except TimeoutError:
        broke = "read_timeout" if body.taken else "connect"
        return Response(broke=broke, sent=body.taken, detail=f"after {timeout_s:g} s", elapsed_s=clock() - begun)
    except httpx.RequestError as exc:
        broke, sent = _failure_of(exc)
        return Response(broke=broke, sent=sent, detail=redact(_message_of(exc)), elapsed_s=clock() - begun)


class _RequestBody:
    """The body of a request; it records whether a transport has begun to send it. Without its body no run begins."""

    __slots__ = ("_content", "deadline", "taken")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.taken = False
        self.deadline: Deadline | None = None

    def take(self) -> bytes:
        """Return it, to be sent now."""
        if self.deadline is not None and self.deadline.is_due:
            raise TimeoutError
        self.taken = True
        return self._content


class _Received:
    """How many pieces of the answer have been received: its head is the first."""

    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces = 0


@lru_cache(maxsize=64)
def _parsed_url(url: str) -> httpx.URL:
    return httpx.URL(url)  # parsing takes as long as the rest of a request


# Headers are lists of bytes here: as httpx's mapping, they would take a third of the CPU of an exchange.


@lru_cache(maxsize=64)
def _headers_of(url: str) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"Host", _parsed_url(url).netloc),
        (b"User-Agent", user_agent().encode("ascii")),
        (b"Accept", b"application/json"),
        (b"Accept-Encoding", ACCEPTED.encode("ascii")),
    )


def _headers(url: str, length: int | None, content_type: str) -> list[tuple[bytes, bytes]]:
    headers = list(_headers_of(url))
    if length is not None:
        headers += ((b"Content-Type", content_type.encode("ascii")), (b"Content-Length", b"%d" % length))
    return headers


async def _answer_of(
    response: HttpResponse, limit: int, received: _Received, elapsed_s: Callable[[], float]
) -> Response:
    headers = _headers_by_name(response.headers)
    body = await _read_body(response, headers, limit, received)
    return Response(
        status_code=response.status if body is not None else None,
        headers=headers,
        body=body or b"",
        broke="too_large" if body is None else None,
        elapsed_s=elapsed_s(),
    )


def _headers_by_name(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; of a repeated one, both values (RFC 9110, section 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, value in raw:
        name, text = raw_name.decode("latin-1").lower(), _decoded(value)
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def _read_body(response: HttpResponse, headers: dict[str, str], limit: int, received: _Received) -> bytes | None:
    """Return the whole body, or ``None`` when it is larger than `limit`."""
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        return None
    chunks, size = [], 0
    packed = is_packed(headers.get("content-encoding", ""))
    async for chunk in _unpacked(response) if packed else response.stream:
        received.pieces += 1
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _unpacked(response: HttpResponse) -> AsyncIterator[bytes]:
    return httpx.Response(response.status, headers=list(response.headers), stream=response.stream).aiter_bytes()


def _failure_of(exc: httpx.RequestError) -> tuple[str, bool]:
    if isinstance(exc, httpx.ConnectError) and _is_tls(exc):
        return "tls", False
    if isinstance(exc, httpx.RemoteProtocolError) and "without sending a response" in str(exc):
        return "reset", True
    return next((broke, sent) for kind, broke, sent in BROKEN if isinstance(exc, kind))


def _is_tls(exc: BaseException) -> bool:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return "CERTIFICATE" in str(exc).upper()


def _message_of(exc: Exception) -> str:
    """Return what an error says, without the number of the system's: ``[Errno 104]`` says nothing to a reader."""
    return _ERRNO.sub("", str(exc).strip()) or type(exc).__name__


_ERRNO: Final = re.compile(r"\[Errno -?\d+\] ?")
