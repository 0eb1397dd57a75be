"""URLs of the service: which are accepted, and which origin identifies a service.

Nothing is looked up.

Rule of this file: a key must not travel in the clear, and a typing error must not become a call.
"""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from fh_notebook.errors import SettingsError

DEFAULT_BASE_URL: Final = "https://api.fetchhive.com/v1"
"""The official SDKs' default; it includes ``/v1`` (CONTRACT section 7)."""
EVERYWHERE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - told, not listened at
"""What a server listens at to be reached by every address of this machine, and by which one this machine does."""
LOCAL: Final = "local"
"""As a base URL: the hive inside this process."""


def check_base_url(url: str) -> str:
    """Return `url` without a trailing slash.

    Examples
    --------
    >>> check_base_url("https://api.fetchhive.com/v1/")
    'https://api.fetchhive.com/v1'
    """
    url = str(url).strip()
    if url == LOCAL:
        return url
    parse_error = ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        parts, host, parse_error = urlsplit(""), None, f" ({exc})"
    # First, since no other message may repeat it. A slash does not end it: a password may contain one.
    if "@" in url.split("://", 1)[-1].partition("/")[0] or ("@" in url and (not host or parse_error)):
        raise SettingsError("base_url has a user name or password in it; give the API key as api_key")
    if parse_error:
        raise SettingsError(f"base_url {url!r} is not an address{parse_error}")
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError(f"base_url {url!r} is not an address; {_url_hint(url)}")
    if parts.query or parts.fragment:
        raise SettingsError(f"base_url {url!r} has a query; end it with /v1")
    if parts.scheme == "http" and not is_loopback(host):
        raise SettingsError(
            f"base_url {url!r} would send the API key unencrypted; use https:// (http only to this machine)"
        )
    if not parts.path.rstrip("/").endswith("/v1"):
        raise SettingsError(
            f"base_url {url!r} does not end in /v1, as the service's addresses do; write {url.rstrip('/')}/v1"
        )
    default_port = {"https": ":443", "http": ":80"}[parts.scheme]
    # Written out or not, it is the same workspace.
    netloc = parts.netloc.removesuffix(default_port)
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, parts.fragment)).rstrip("/")


def _url_hint(url: str) -> str:
    """Return what to write in place of an address without its scheme."""
    host = ""
    with suppress(ValueError):  # a bracket of an IPv6 address that is not closed
        host = hostname(f"//{url}")
    if "://" in url or ("." not in host and host != "localhost"):
        return "begin it with https:// and end it with /v1"
    scheme = "http" if is_loopback(host) else "https"
    return f"write {scheme}://{url.rstrip('/').removesuffix('/v1')}/v1"


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its name or number alone; nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hostname(base_url: str) -> str:
    """Return the host of an address, without its port."""
    return urlsplit(base_url).hostname or ""


def origin(base_url: str) -> str:
    """Return the host of an address with its port, for people and for keys of saved answers.

    Examples
    --------
    >>> origin("https://api.fetchhive.com/v1")
    'api.fetchhive.com'
    """
    return urlsplit(base_url).netloc.lower() if base_url != LOCAL else LOCAL


def reachable_host(host: str) -> str:
    """Return the host by which this machine reaches what listens at `host`, as a URL spells it.

    Examples
    --------
    >>> reachable_host("0.0.0.0"), reachable_host("::"), reachable_host("fe80::1"), reachable_host("bees.local")
    ('127.0.0.1', '[::1]', '[fe80::1]', 'bees.local')
    """
    reachable = EVERYWHERE.get(host, host)
    return f"[{reachable}]" if ":" in reachable else reachable
