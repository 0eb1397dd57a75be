"""The HTTP client of one event loop, as a connection says. A later issue puts the fast transport here."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any

import httpx

from fh_notebook.addresses import hostname, is_loopback
from fh_notebook.client.connection import Connection

__all__ = ["open_http"]


def user_agent() -> str:
    """Return what every request says of its sender."""
    from fh_notebook.version import __version__

    return f"fh-notebook/{__version__}"


@lru_cache(maxsize=4)
def _bundle(path: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=path)


def open_http(connection: Connection) -> httpx.AsyncClient:
    """Return a new HTTP client for the running loop.

    Redirects are not followed: a key must not travel to an address that somebody else names. The environment's proxies
    count, but not for this machine's own addresses: there the key would leave it, in the clear.
    """
    verify: Any = _bundle(connection.verify) if isinstance(connection.verify, str) else connection.verify
    options: dict[str, Any] = {}
    if connection.open_transport is not None:
        options["transport"] = connection.open_transport()
    else:
        # The gate bounds what is in flight; httpx's own pool is slow when it is bounded too (SPEED).
        options |= {
            "proxy": connection.proxy,
            "verify": verify,
            "limits": httpx.Limits(max_connections=None),
            "trust_env": not is_loopback(hostname(connection.base_url)),
        }
    return httpx.AsyncClient(
        headers={"User-Agent": user_agent()},
        timeout=httpx.Timeout(connection.timeout_s, connect=min(connection.connect_timeout_s, connection.timeout_s)),
        follow_redirects=False,
        **options,
    )
