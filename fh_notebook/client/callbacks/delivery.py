"""Handling of one delivery within limits, from first header to response, and the secrets that verify it.

Rules of this file:

1. Secrets are in memory only, unless the keyring is requested; no repr, log or table has them.
2. The raw bytes are verified before any of them is parsed, and unverified data is not stored beyond its request. The
   body is processed after the response. The order of checks: address, method, presence of a signature, size, body,
   signature. Every refusal is counted.

A callback can arrive before the answer to its call, and that answer may be the first that has the signing secret. So
while such a call is in flight, a delivery that no known secret signed is held open, unparsed, until the answer arrives:
then it is verified like any other. At most :data:`MAX_HELD` are held, for :data:`HOLD_S` at most.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets as random_secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from typing import Any, Final

from fh_notebook.contract.signing import RequestScheme, has_needed
from fh_notebook.core.config import credentials
from fh_notebook.core.redaction import Secret, log
from fh_notebook.core.text.formatting import type_text
from fh_notebook.core.values import is_iterable
from fh_notebook.errors import SettingsError

MAX_SECRETS: Final = 64
"""Of learned secrets; the oldest are dropped first. Each is tried on each delivery: a microsecond each."""


class SigningSecrets:
    """Signing secrets, the newest first.

    Parameters
    ----------
    given : str, Secret or iterable of them
        The user's.
    keyring : bool
        Whether learned secrets are stored in the system's keyring.
    """

    def __init__(self, given: str | Secret | Iterable[str | Secret], *, keyring: bool) -> None:
        value: Any = given  # also None, the value of an environment variable that is not set
        is_one = isinstance(value, str | bytes | Secret) or not is_iterable(value)
        listed = [value] if is_one else list(value)
        self._given = tuple(Secret(secret) for secret in listed if isinstance(secret, str | Secret))
        self._wrong_type = next((type_text(secret) for secret in listed if not isinstance(secret, str | Secret)), "")
        self._keyring = keyring
        self._learned: OrderedDict[Secret, None] = OrderedDict()
        # In the form of Standard Webhooks: other schemes take any text.
        self._test_secret = Secret("whsec_" + base64.b64encode(random_secrets.token_bytes(32)).decode())
        self._testing = 0
        self._lock = threading.Lock()

    def __call__(self) -> tuple[Secret, ...]:
        """Return the secrets that are known now."""
        with self._lock:
            temporary = (self._test_secret,) if self._testing else ()
            return (*reversed(self._learned), *self._given, *temporary)

    def check(self) -> None:
        """Check the user's secrets; a separate step, so that the caller can delete them as texts before."""
        if self._wrong_type:
            raise SettingsError(
                f"secrets must be strings, not {self._wrong_type}; give signing secrets, or leave secrets= out"
            )
        if not all(self._given):
            raise SettingsError(
                "one of secrets= is empty, so its signature would prove nothing; give the deployment's signing secret"
            )

    def learn(self, secret: Secret | None, name: str = "") -> None:
        """Add a secret of the service; ``None``: it sent none."""
        if secret is None or not secret:
            return
        if self._take(secret) and self._keyring and name:
            is_stored, reason = credentials.store_in_keyring(f"{name}#signing", secret)
            if not is_stored:
                log.info("a signing secret was not saved: %s", reason)

    def recall(self, name: str) -> bool:
        """Add the secret that the keyring has under `name`; return whether it has one."""
        secret = credentials.from_keyring(f"{name}#signing") if self._keyring else None
        if secret is not None:
            self._take(secret)
        return secret is not None

    def _take(self, secret: Secret) -> bool:
        """Add a secret; return whether it is new."""
        with self._lock:
            if secret in self._learned:
                return False
            self._learned[secret] = None
            while len(self._learned) > MAX_SECRETS:
                self._learned.popitem(last=False)
            return True

    @contextmanager
    def testing(self) -> Iterator[Secret]:
        """Yield a secret that is accepted during the block: a receiver signs with it when it tests itself."""
        self._testing += 1  # without a test it is not tried on deliveries
        try:
            yield self._test_secret
        finally:
            self._testing -= 1


MAX_BODY_BYTES: Final = 10 * 1024 * 1024

MAX_UNVERIFIED_BYTES: Final = 64 * 1024 * 1024
"""Of all bodies together that are being read or held: a hundred connections must not use a gigabyte."""

BODY_S: Final = 15.0
"""Seconds for the whole body."""

DROPPED_S: Final = 1.0
"""Seconds for a body that is read only to be dropped."""

HOLD_S: Final = 5.0

MAX_HELD: Final = 32


WHOLE: Final = "fh.whole"
"""In a request's scope once all of it is received: then no timeout is set, which would cost as much as reading it."""


Scope = MutableMapping[str, Any]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class DeliveryCounts:
    """Counts of a receiver. Numbers only: no data of a refused delivery is stored."""

    verified: int = 0
    """Deliveries with a right signature, repeated ones included."""
    unsigned: int = 0
    """Refused 401: no signature."""
    forged: int = 0
    """Refused 401: a signature that is not right."""
    elsewhere: int = 0
    """Refused 404 or 405: another address, another method."""
    too_large: int = 0
    too_slow: int = 0
    """Bodies that did not come in time, or not whole."""
    overfull: int = 0
    """Refused 503: too much was being read or held."""
    held: int = 0
    """Deliveries that waited for the answer to their call."""
    repeated: int = 0
    """Verified again after their run had ended: answered 200 and ignored."""
    unclaimed: int = 0
    """Verified, and for no run that is waited for (yet)."""
    dropped: int = 0
    """The oldest of those, dropped for lack of room."""

    @property
    def refused(self) -> int:
        """All that were refused."""
        return self.unsigned + self.forged + self.elsewhere + self.too_large + self.too_slow + self.overfull

    def __str__(self) -> str:
        counted = ((f.name, getattr(self, f.name)) for f in fields(self))
        return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counted if number) or "nothing yet"


class DeliveryApp:
    """The ASGI application of one receiver.

    Parameters
    ----------
    paths : function
        Returns the paths that are answered.
    scheme : RequestScheme
        How deliveries are signed.
    secrets : function
        Returns the known secrets, the newest first.
    take : function of bytes
        Called with each verified body, after its response.
    tally : DeliveryCounts
        The counts to update.
    max_body_bytes, body_s, hold_s
        In place of :data:`MAX_BODY_BYTES`, :data:`BODY_S` and :data:`HOLD_S`.
    clock : function
        Seconds since 1970.
    """

    def __init__(
        self,
        *,
        paths: Callable[[], tuple[str, ...]],
        scheme: RequestScheme,
        secrets: Callable[[], tuple[Secret, ...]],
        take: Callable[[bytes], None],
        tally: DeliveryCounts,
        max_body_bytes: int = MAX_BODY_BYTES,
        body_s: float = BODY_S,
        hold_s: float = HOLD_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._paths = paths
        self._scheme = scheme
        self._secrets = secrets
        self._take = take
        self._tally = tally
        self._max_body_bytes = max_body_bytes
        self._body_s = body_s
        self._hold_s = hold_s
        self._clock = clock
        self._unverified = 0
        self._held = 0
        self._answers_due = 0
        self._learned = asyncio.Event()

    # --- calls in flight: on the loop of the server

    def call_out(self) -> None:
        """Note that a call was sent whose answer may have a new secret."""
        self._answers_due += 1

    def call_answered(self) -> None:
        """Note that it is answered, and its secret, if any, is known."""
        self._answers_due -= 1
        self._learned.set()
        self._learned = asyncio.Event()

    # --- one request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        status, body = await self._check_request(scope, receive)
        close = body is None  # no request can follow a body that was not read to its end
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-length", b"0"), *([(b"connection", b"close")] if close else [])],
            }
        )
        await send({"type": "http.response.body", "body": b""})
        if status == 200 and body is not None:
            self._take(body)

    async def _check_request(self, scope: Scope, receive: Receive) -> tuple[int, bytes | None]:
        path = scope["path"].encode("utf-8", "replace")
        if not sum(hmac.compare_digest(path, allowed.encode()) for allowed in self._paths()):
            self._tally.elsewhere += 1
            return 404, None
        if scope["method"] != "POST":
            self._tally.elsewhere += 1
            return 405, None
        headers = _single_headers(scope["headers"])
        if not has_needed(self._scheme, headers):
            self._tally.unsigned += 1
            # The whole body is read and dropped: where a connection is closed on unread bytes, the sender often gets no
            # response.
            return 401, (b"" if await _drop_body(receive, self._max_body_bytes) else None)
        announced = headers.get("content-length", b"")
        if announced.isdigit() and (len(announced) > 12 or int(announced) > self._max_body_bytes):
            self._tally.too_large += 1
            return 413, None
        limit_s = None if scope.get(WHOLE) else self._body_s
        return await self._check_body(headers, receive, limit_s)

    async def _check_body(
        self, headers: Mapping[str, bytes], receive: Receive, limit_s: float | None
    ) -> tuple[int, bytes | None]:
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(limit_s) if limit_s is not None else nullcontext():
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        self._tally.too_slow += 1
                        return 400, None
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    size += len(chunk)
                    self._unverified += len(chunk)
                    chunks.append(chunk)
                    if size > self._max_body_bytes:
                        self._tally.too_large += 1
                        return 413, None
                    if self._unverified > MAX_UNVERIFIED_BYTES:
                        self._tally.overfull += 1
                        return 503, None
            return await self._check_signature(chunks[0] if len(chunks) == 1 else b"".join(chunks), headers)
        except TimeoutError:
            self._tally.too_slow += 1
            return 408, None
        finally:
            self._unverified -= size

    async def _check_signature(self, body: bytes, headers: Mapping[str, bytes]) -> tuple[int, bytes]:
        before = self._secrets()  # before the check: a call on another loop may add a secret during it
        if self._is_signed(body, headers) or (
            self._answers_due > 0 and await self._held_is_signed(body, headers, before)
        ):
            self._tally.verified += 1
            return 200, body
        self._tally.forged += 1
        return 401, body

    def _is_signed(self, body: bytes, headers: Mapping[str, bytes]) -> bool:
        return self._scheme.accepts_request(body, headers, self._secrets(), now_s=self._clock())

    async def _held_is_signed(self, body: bytes, headers: Mapping[str, bytes], secrets: tuple[Secret, ...]) -> bool:
        """Hold an unparsed delivery that none of `secrets` signed, while an answer that may have its secret is due."""
        if self._held >= MAX_HELD:
            return False
        self._held += 1
        self._tally.held += 1
        try:
            async with asyncio.timeout(self._hold_s):
                while self._answers_due > 0:
                    await self._learned.wait()
                    earlier, secrets = secrets, self._secrets()
                    if secrets != earlier and self._is_signed(body, headers):
                        return True
        except TimeoutError:
            pass
        finally:
            self._held -= 1
        return False


async def _drop_body(receive: Receive, limit: int) -> bool:
    """Read and drop a body, so that its connection can be used again; return whether that was the whole body."""
    size = 0
    try:
        async with asyncio.timeout(DROPPED_S):
            while size <= limit:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return False
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return True
    except TimeoutError:
        pass
    return False


def _single_headers(raw: list[tuple[bytes, bytes]]) -> dict[str, bytes]:
    """Return headers by name; of a repeated one an empty value: two signatures are none."""
    headers: dict[str, bytes] = {}
    for name, value in raw:
        text = name.decode("latin-1")
        headers[text] = b"" if text in headers else value
    return headers
