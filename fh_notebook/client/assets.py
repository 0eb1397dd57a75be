"""Download of the files of a run to a folder, from the service and public addresses only.

Rules of this file:

1. An asset's address is the model's. What is of this machine or of a private network (a router, a cloud's metadata,
   the notebook server) is not asked, whatever name or redirect leads there: the number that a connection was made to
   is looked at before a byte is sent, so that no second answer of a name server counts.
2. Names and addresses are the model's, so they are hostile. No name leaves the folder or overwrites a file, no
   address is asked that rule 1 refuses, the key is not sent, and what comes is capped.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import httpx

from fh_notebook.client.http.exchange import ACCEPTED, is_packed
from fh_notebook.client.http.transport import user_agent
from fh_notebook.contract.run import Asset, Run
from fh_notebook.core.config.urls import LOCAL, is_loopback
from fh_notebook.core.files import atomic_file, remove_dead
from fh_notebook.core.runtime import event_loop
from fh_notebook.core.values import redact
from fh_notebook.errors import CallError, SettingsError

__all__ = ["AssetAddress", "is_public", "save_assets"]


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
class AssetAddress:
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


MAX_ASSET_BYTES: Final = 256 * 1024 * 1024

TIMEOUT_S: Final = 60.0

MAX_NAME_BYTES: Final = 120
"""File systems take 255 bytes; a number may still be put behind the name."""


def save_assets(run: Run, folder: Path) -> list[Path]:
    """Fetch the assets of `run` into `folder`; see :meth:`fh_notebook.Run.save_assets`."""
    trouble = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        trouble = f"the folder {folder} cannot be made ({exc.strerror or type(exc).__name__}); give another one"
    if trouble:
        raise SettingsError(trouble)
    remove_dead(folder)
    return event_loop.run(_save_all(run, folder))


async def _save_all(run: Run, folder: Path) -> list[Path]:
    headers = {"User-Agent": user_agent(), "Accept-Encoding": ACCEPTED}
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # nobody learns that it was us again
    async with httpx.AsyncClient(headers=headers, cookies=cookies, timeout=TIMEOUT_S, max_redirects=5) as http:
        return [await _save(http, asset, folder, number, run.origin) for number, asset in enumerate(run.assets, 1)]


async def _save(http: httpx.AsyncClient, asset: Asset, folder: Path, number: int, origin: str) -> Path:
    url = asset.file_url or ""
    place = AssetAddress(url, origin)
    name = safe_name(asset.file_name or urlsplit(url).path.rpartition("/")[2], fallback=f"asset-{number}")
    trouble, saved = "", [folder / name]

    def put(written: Path, _: Path) -> None:
        saved[0] = _put_new(written, folder, name)

    with atomic_file(folder / name, tidy=False) as part:
        try:
            with os.fdopen(part.create(), "wb") as file:
                await _fetch(http, place, file)
            part.put(private=False, replace=put)
        except httpx.HTTPError as exc:
            trouble = f"{name} could not be fetched ({_why(exc)})"
    if trouble:
        raise CallError(trouble)
    return saved[0]


def _why(broken: httpx.HTTPError) -> str:
    """The reason without the address: an asset's address may carry a signature that lets anybody read it."""
    if isinstance(broken, httpx.HTTPStatusError):
        return f"HTTP {broken.response.status_code}"
    return redact(str(broken)) or type(broken).__name__


async def _fetch(http: httpx.AsyncClient, place: AssetAddress, file: BinaryIO) -> None:
    """Write what `place` has to `file`, redirects followed by hand so that each address is looked at."""
    for _ in range(http.max_redirects):
        async with http.stream("GET", place.url, extensions=place.extensions) as response:
            if response.is_redirect and response.next_request is not None:
                place = AssetAddress(str(response.next_request.url), place.origin)
                continue
            response.raise_for_status()
            is_packed(response.headers.get("content-encoding", ""))
            size = 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > MAX_ASSET_BYTES:
                    raise CallError(f"an asset is larger than {MAX_ASSET_BYTES // 2**20} MiB; it was not kept")
                file.write(chunk)
            return
    raise CallError("an asset's address redirects too often")


_UNSAFE: Final = re.compile(r"[^\w.\- ]+")

# Names that Windows gives to devices whatever their ending: learn.microsoft.com, "Naming Files, Paths, and Namespaces".
_DEVICES: Final = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")


def safe_name(name: str, *, fallback: str) -> str:
    """Return `name` as a plain file name: no folder, no leading dot, at most 120 bytes.

    Examples
    --------
    >>> safe_name("../../etc/passwd", fallback="asset-1")
    'passwd'
    >>> safe_name("..", fallback="asset-1")
    'asset-1'
    """
    last = re.split(r"[/\\]", name)[-1]
    clean = _UNSAFE.sub("_", last).strip(" .")
    stem, dot, ending = clean.rpartition(".")
    if len(clean.encode()) > MAX_NAME_BYTES:
        kept = (stem or ending).encode()[: MAX_NAME_BYTES - 20].decode(errors="ignore")
        clean = kept + (dot + ending.encode()[:18].decode(errors="ignore") if stem else "")
    return fallback if not clean or _DEVICES.match(clean) else clean


def _put_new(written: Path, folder: Path, name: str) -> Path:
    """Give a file a name that is free, with a number in it where `name` is taken: never an existing file's."""
    stem, suffix = os.path.splitext(name)
    for number in range(1, 10_000):
        path = folder / (name if number == 1 else f"{stem}-{number}{suffix}")
        with suppress(FileExistsError):
            _move_to_new(written, path)
            return path
    raise CallError(f"{folder} already has 10,000 files called like {name}")


def _move_to_new(written: Path, path: Path) -> None:
    if os.name == "nt":
        os.rename(written, path)  # which takes no existing name there
        return
    try:
        os.link(written, path)
    except FileExistsError:
        raise
    except OSError:  # of a file system without hard links; O_EXCL: never an existing file, nor through somebody's link
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(written, path)
