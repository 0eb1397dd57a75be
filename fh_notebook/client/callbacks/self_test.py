"""Self-test of a callback receiver: it sends itself a genuine and a forged delivery.

Rule of this file: what is sent is signed with a secret of the receiver's own and says nothing. Nobody else is asked
than the receiver's own addresses.
"""

from __future__ import annotations

import asyncio
import json
import secrets as random_secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from fh_notebook.client.callbacks.endpoint import PublicEndpoint
from fh_notebook.contract.run import Run
from fh_notebook.core.values import Secret, error_text

__all__ = ["SelfTest", "self_test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """What came of a receiver's test of itself."""

    local: bool
    """A signed delivery to its own address came in, and a forged one was refused."""
    public: bool | None
    """The same by the public URL; ``None``: it has none."""
    told: str
    """In words, with what to do."""

    @property
    def ok(self) -> bool:
        """Whether all that was tried went well."""
        return self.local and self.public is not False

    def __str__(self) -> str:
        return self.told


class Receiver(Protocol):
    """What is tested of a receiver."""

    scheme: Any

    @property
    def tally(self) -> object:
        """What came in."""

    @property
    def local_url_now(self) -> str:
        """Its address on this machine."""

    @property
    def has_public_url(self) -> bool:
        """Whether it is reached from outside."""

    @property
    def url_now(self) -> str:
        """Its address from outside."""

    @property
    def reach_now(self) -> PublicEndpoint:
        """Who reaches it."""

    def claim(self, names: Collection[str], take: Callable[[Run], Any]) -> Any:
        """Take the deliveries of these runs."""

    def disclaim(self, names: Collection[str], *, ended: bool) -> Any:
        """Take them no more."""


async def self_test(receiver: Receiver, own: Secret, *, timeout_s: float) -> SelfTest:
    """Try a receiver that listens; its ``self_test()``."""
    local_trouble = await _tried(receiver, own, receiver.local_url_now, timeout_s, trust_env=False)
    told = [
        f"On this machine it works: {receiver.tally}." if not local_trouble else f"On this machine: {local_trouble}."
    ]
    public: bool | None = None
    if receiver.has_public_url:
        trouble = await _tried(receiver, own, receiver.url_now, timeout_s, trust_env=True)
        public = not trouble
        if trouble:
            told.append(f"By the public URL: {trouble}. Does the tunnel run, and does it pass on to this port?")
        else:
            told.append("By the public URL it works, as seen from here.")
    told.append(receiver.reach_now.told)
    return SelfTest(local=not local_trouble, public=public, told=" ".join(told))


async def _tried(receiver: Receiver, own: Secret, url: str, timeout_s: float, *, trust_env: bool) -> str:
    """Return what went wrong; an empty text when nothing did."""
    if not hasattr(receiver.scheme, "signed_headers"):  # somebody's own, of before there was that
        return "nothing was tried, since its scheme has no signed_headers()"
    name = f"self_test_{random_secrets.token_hex(16)}"
    body = json.dumps({"event_type": "fh_notebook.self_test", "request_id": name, "run_status": "completed"}).encode()
    came: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(run: Run) -> None:
        if not came.done():
            came.set_result(None)

    receiver.claim([name], take)
    try:
        async with asyncio.timeout(timeout_s), httpx.AsyncClient(trust_env=trust_env) as http:
            right = await http.post(url, content=body, headers=_signed(receiver, body, own))
            if right.status_code != 200:
                return f"a signed delivery was answered {right.status_code}"
            await came
            forged = await http.post(url, content=body, headers=_signed(receiver, body + b" ", own))
            return "" if forged.status_code == 401 else f"a forged delivery was answered {forged.status_code}"
    except TimeoutError:
        return f"nothing came within {timeout_s:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as exc:  # the last two: an odd proxy
        return f"it was not reached ({error_text(exc)})"
    finally:
        receiver.disclaim([name], ended=True)


def _signed(receiver: Receiver, body: bytes, own: Secret) -> dict[str, str]:
    headers: dict[str, str] = receiver.scheme.signed_headers(body, own, now_s=time.time())
    return headers
