"""Where an asset may be fetched from: the service itself, and public addresses.

Rule of this file: an asset's address is the model's. What is of this machine or of a private network (a router, a
cloud's metadata, the notebook server) is not asked, whatever name or redirect leads there: the number that a connection
was made to is looked at before a byte is sent, so that no second answer of a name server counts.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import Any, Final

import httpx

from fh_notebook.addresses import LOCAL, is_loopback
from fh_notebook.errors import CallError

__all__ = ["Place", "is_public"]

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""
_PORTS: Final = {"https": 443, "http": 80}
_REFUSED: Final = "leads to this machine or into a private network, where the service is not; it was not fetched"


def is_public(number: str) -> bool:
    """Whether an IP address is one of the public network; an IPv4 address inside of an IPv6 one is looked at.

    Examples
    --------
    >>> [is_public(n) for n in ("93.184.215.14", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1%2")]
    [True, False, False, False, False, False]
    """
    address = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast


@dataclass(frozen=True)
class Place:
    """One address that is about to be asked.

    Parameters
    ----------
    url : str
        Of an asset, or where it redirects to.
    origin : str
        Host and port of the service that named it: ``Run.origin``.

    Raises
    ------
    CallError
        It is neither the service's nor ``https``, or it is of this machine or a private network by its own words.
    """

    url: str
    origin: str

    def __post_init__(self) -> None:
        try:
            scheme, host, _ = _parts(self.url)
        except (ValueError, httpx.InvalidURL):
            scheme = host = ""
        if host == LOCAL:
            raise CallError(
                "a hive in this process has no address to fetch from; it was not fetched: serve the hive on a socket "
                "(with hive.serve() as server: ...) to save assets"
            )
        if host and self.is_of_service:
            return
        if host and scheme in _PORTS and _is_private(host):
            raise CallError(f"an asset's address {_REFUSED}")
        if not host or scheme != "https":
            raise CallError(f"an asset's address ({scheme or 'no'}:) is not https; it was not fetched")

    @property
    def is_of_service(self) -> bool:
        """Whether it is the service's own: then it may be asked wherever that is."""
        scheme, host, port = _parts(self.url)
        if scheme != "https" and not (scheme == "http" and is_loopback(host)):
            return False
        _, named, listens = _parts(f"{scheme}://{self.origin}")
        same_host = host == named or (is_loopback(host) and is_loopback(named))
        return same_host and port == listens

    @property
    def extensions(self) -> dict[str, Any]:
        """What has httpx look at each connection that is made for it."""
        return {} if self.is_of_service else {"trace": _Watch(_parts(self.url)[1])}


def _parts(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port, as the one who connects reads them."""
    read = httpx.URL(url)
    return read.scheme, read.raw_host.decode("ascii"), read.port or _PORTS.get(read.scheme)


def _is_private(host: str) -> bool:
    """Whether a host is none of the public network by its own words; nothing is looked up."""
    if is_loopback(host) or host.endswith(".localhost"):
        return True
    try:
        return not is_public(host)
    except ValueError:
        return False


class _Watch:
    """Refuses a connection to a host that is none of the public network, before anything is sent."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._dialled = ""

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self._dialled = _text(info["host"])
            if self._dialled != self._host:
                await self._look_up()
        elif event == "connection.connect_tcp.complete" and self._dialled == self._host:
            stream = info["return_value"]
            peer = stream.get_extra_info("server_addr")
            if not is_public(str(peer[0])):
                await stream.aclose()
                raise CallError(f"an asset's address {_REFUSED}")

    async def _look_up(self) -> None:
        """Of a proxy, which makes the connection: refuse what this machine would not connect to by the same name."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
        except OSError:  # only the proxy knows the name
            return
        if not all(is_public(str(entry[4][0])) for entry in found):
            raise CallError(f"an asset's address {_REFUSED}")


def _text(host: str | bytes) -> str:
    return host.decode("ascii") if isinstance(host, bytes) else host
