"""Handling of one delivery within limits, from first header to response, and the secrets that verify it.

Rules of this file:

1. They are in memory only, unless the keyring is asked for; no repr, log or table has them.
2. The raw bytes are verified before anything of them is parsed, and nothing that is not verified is kept beyond its
   request. Work happens after the answer. The order: address, method, signature there at all, size, bytes, signature
   right. Every refusal is counted.

A callback can be here before the answer to its call, and that answer may be the first that tells the signing secret. So
while such a call is out, a delivery that no known secret signed is held open, unparsed, until the answer is here: then
it is verified like any other. At most :data:`MAX_HELD` are held, for :data:`HOLD_S` at most.
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

from fh_notebook.contract.signing import RequestScheme
from fh_notebook.core.config import credentials
from fh_notebook.core.text.formatting import type_text
from fh_notebook.core.values import Secret, is_iterable, log
from fh_notebook.errors import SettingsError

__all__ = [
    "BODY_S",
    "HOLD_S",
    "MAX_BODY_BYTES",
    "MAX_HELD",
    "MAX_SECRETS",
    "MAX_UNVERIFIED_BYTES",
    "DeliveryApp",
    "DeliveryCounts",
    "SigningSecrets",
]


MAX_SECRETS: Final = 64
"""Learned ones; the oldest leave first. Each is tried on each delivery: a microsecond a piece."""


class SigningSecrets:
    """Signing secrets, the newest first.

    Parameters
    ----------
    given : str, Secret or iterable of them
        By the user.
    keyring : bool
        Whether learned ones are kept in the system's keyring.
    """

    def __init__(self, given: str | Secret | Iterable[str | Secret], *, keyring: bool) -> None:
        held: Any = given  # somebody gives what an environment variable is that is not there: None
        is_one = isinstance(held, str | bytes | Secret) or not is_iterable(held)
        listed = [held] if is_one else list(held)
        self._given = tuple(Secret(one) for one in listed if isinstance(one, str | Secret))
        self._odd = next((type_text(one) for one in listed if not isinstance(one, str | Secret)), "")
        self._keyring = keyring
        self._learned: OrderedDict[Secret, None] = OrderedDict()
        # As Standard Webhooks spell one: other schemes take any text.
        self._own = Secret("whsec_" + base64.b64encode(random_secrets.token_bytes(32)).decode())
        self._testing = 0
        self._lock = threading.Lock()

    def __call__(self) -> tuple[Secret, ...]:
        """Return those that are known now."""
        with self._lock:
            own = (self._own,) if self._testing else ()
            return (*reversed(self._learned), *self._given, *own)

    def check(self) -> None:
        """Look at the given ones; apart, so that whoever has them as texts can forget them first.

        Raises
        ------
        SettingsError
            One of them is no text, or an empty one.
        """
        if self._odd:
            raise SettingsError(f"secrets are texts, and {self._odd} is none; give signing secrets, or leave it out")
        if not all(self._given):
            raise SettingsError("one of the secrets is empty: such a signature would prove nothing")

    def learn(self, secret: Secret | None, name: str = "") -> None:
        """Take one that the service told; ``None``: it told none."""
        if secret is None or not secret:
            return
        if self._take(secret) and self._keyring and name:
            kept, why = credentials.keep_in_keyring(f"{name}#signing", secret)
            if not kept:
                log.info("a signing secret was not kept: %s", why)

    def recall(self, name: str) -> bool:
        """Take the one that the keyring has under `name`, and say whether it has one."""
        found = credentials.from_keyring(f"{name}#signing") if self._keyring else None
        if found is not None:
            self._take(found)
        return found is not None

    def _take(self, secret: Secret) -> bool:
        """Take a secret, and say whether it was not there yet."""
        with self._lock:
            if secret in self._learned:
                return False
            self._learned[secret] = None
            while len(self._learned) > MAX_SECRETS:
                self._learned.popitem(last=False)
            return True

    @contextmanager
    def testing(self) -> Iterator[Secret]:
        """Yield a secret of its own that is taken meanwhile: what a receiver signs when it tests itself."""
        self._testing += 1  # so that it is not tried on every delivery
        try:
            yield self._own
        finally:
            self._testing -= 1


MAX_BODY_BYTES: Final = 10 * 1024 * 1024

MAX_UNVERIFIED_BYTES: Final = 64 * 1024 * 1024
"""Of all bodies together that are being read or held: a hundred connections may not take a gigabyte."""

BODY_S: Final = 15.0
"""Seconds for the whole body."""

DROPPED_S: Final = 1.0
"""Seconds for a body that is read only to be dropped."""

HOLD_S: Final = 5.0

MAX_HELD: Final = 32


WHOLE: Final = "fh.whole"
"""In a request's scope once all of it is here: then no limit in time is set, which would cost as much as reading it."""


Scope = MutableMapping[str, Any]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class DeliveryCounts:
    """What a receiver has counted. Numbers only: nothing of what was refused is kept."""

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
    """Of those, the oldest ones, which there was no room for."""

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
        Returns the secrets that are known, the newest first.
    take : function of bytes
        Given each verified body, after its answer.
    tally : DeliveryCounts
        Counts.
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

    # --- calls that are out: on the loop of the server

    def call_out(self) -> None:
        """Note that a call was sent whose answer may tell a new secret."""
        self._answers_due += 1

    def call_answered(self) -> None:
        """Note that it is answered, and what there was to learn is learned."""
        self._answers_due -= 1
        self._learned.set()
        self._learned = asyncio.Event()

    # --- one request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        status, body = await self._judge(scope, receive)
        close = body is None  # what was not read to its end cannot be followed by another request
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

    async def _judge(self, scope: Scope, receive: Receive) -> tuple[int, bytes | None]:
        path = scope["path"].encode("utf-8", "replace")
        if not sum(hmac.compare_digest(path, one.encode()) for one in self._paths()):
            self._tally.elsewhere += 1
            return 404, None
        if scope["method"] != "POST":
            self._tally.elsewhere += 1
            return 405, None
        headers = _first_of_each(scope["headers"])
        if not all(headers.get(name) for name in self._scheme.needs):
            self._tally.unsigned += 1
            # Read and dropped, whole: of a connection that is closed on unread bytes a sender often sees no answer.
            return 401, (b"" if await _is_read(receive, self._max_body_bytes) else None)
        announced = headers.get("content-length", b"")
        if announced.isdigit() and (len(announced) > 12 or int(announced) > self._max_body_bytes):
            self._tally.too_large += 1
            return 413, None
        limit_s = None if scope.get(WHOLE) else self._body_s
        return await self._with_body(headers, receive, limit_s)

    async def _with_body(
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
            return await self._verified(chunks[0] if len(chunks) == 1 else b"".join(chunks), headers)
        except TimeoutError:
            self._tally.too_slow += 1
            return 408, None
        finally:
            self._unverified -= size

    async def _verified(self, body: bytes, headers: Mapping[str, bytes]) -> tuple[int, bytes]:
        known = self._secrets()  # before the look: a call on another loop may tell another one while that lasts
        if self._is_signed(body, headers) or (
            self._answers_due > 0 and await self._held_is_signed(body, headers, known)
        ):
            self._tally.verified += 1
            return 200, body
        self._tally.forged += 1
        return 401, body

    def _is_signed(self, body: bytes, headers: Mapping[str, bytes]) -> bool:
        return self._scheme.accepts_request(body, headers, self._secrets(), now_s=self._clock())

    async def _held_is_signed(self, body: bytes, headers: Mapping[str, bytes], known: tuple[Secret, ...]) -> bool:
        """Hold an unparsed delivery, which none of `known` signed, while an answer that may tell its secret is due."""
        if self._held >= MAX_HELD:
            return False
        self._held += 1
        self._tally.held += 1
        try:
            async with asyncio.timeout(self._hold_s):
                while self._answers_due > 0:
                    await self._learned.wait()
                    before, known = known, self._secrets()
                    if known != before and self._is_signed(body, headers):
                        return True
        except TimeoutError:
            pass
        finally:
            self._held -= 1
        return False


async def _is_read(receive: Receive, limit: int) -> bool:
    """Read and drop a body, so that its connection can be used again, and say whether that was all of it."""
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


def _first_of_each(raw: list[tuple[bytes, bytes]]) -> dict[str, bytes]:
    """Return headers by name; of one that is there twice nothing: two signatures are none."""
    found: dict[str, bytes] = {}
    for name, value in raw:
        spelt = name.decode("latin-1")
        found[spelt] = b"" if spelt in found else value
    return found
