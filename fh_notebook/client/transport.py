"""Which transport carries the calls of one event loop. TODO measured"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from fh_notebook.addresses import hostname, is_loopback
from fh_notebook.client.connection import Connection
from fh_notebook.client.fast import FastTransport
from fh_notebook.client.proxied import ProxiedTransport

__all__ = ["open_transport", "user_agent"]


def user_agent() -> str:
    """Return what every request says of its sender."""
    from fh_notebook.version import __version__

    return f"fh-notebook/{__version__}"


def open_transport(connection: Connection) -> httpx.AsyncBaseTransport:
    """Return a new transport for the running loop.

    The environment's proxies count, but not for this machine's own addresses: there the key would leave it, in the
    clear.

    Raises
    ------
    OSError, ValueError, ImportError
        A CA bundle or a proxy that cannot be used.
    """
    if connection.open_transport is not None:
        return connection.open_transport()
    tls = _tls(connection.verify)
    proxy = connection.proxy or _proxy_of_environment(connection.base_url)
    if proxy is None:
        return FastTransport(tls=tls)
    return ProxiedTransport(lambda: httpx.AsyncHTTPTransport(proxy=proxy, verify=tls()))


def _proxy_of_environment(base_url: str) -> str | None:
    """Return the proxy that the environment (on macOS and Windows: the system) names for `base_url`."""
    host = hostname(base_url)
    if is_loopback(host) or proxy_bypass(urlsplit(base_url).netloc):
        return None
    named = getproxies()
    found = named.get(base_url.partition(":")[0]) or named.get("all")
    return f"http://{found}" if found and "://" not in found else found


def _tls(verify: Any) -> Callable[[], ssl.SSLContext]:
    """Return what makes, or has made, the one context of `verify`: making one takes 20 ms."""
    if isinstance(verify, ssl.SSLContext):
        return lambda: verify
    if isinstance(verify, str | os.PathLike):
        bundle = _bundle(os.fspath(verify))
        return lambda: bundle
    return partial(_of_system, bool(verify), os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _bundle(path: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=path)


@lru_cache(maxsize=4)
def _of_system(verify: bool, *environment: str | None) -> ssl.SSLContext:
    """As httpx makes it: from certifi's store, else from what these two variables name."""
    return httpx.create_ssl_context(verify=verify)
