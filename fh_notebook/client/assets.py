"""Download of the files of a run to a folder, from the service and public addresses only.

Rules of this file:

1. The model chooses an asset's address. An address of this machine or of a private network (a router, a cloud's
   metadata, the notebook server) is refused, whatever name or redirect leads there: the IP address of a connection is
   checked before a byte is sent, so that a second answer of a name server has no effect.
2. The model chooses names, too, so they are hostile. No name leaves the folder or overwrites a file, the key is not
   sent, and the size of a download is limited.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import httpx

from fh_notebook.client.http.exchange import ACCEPTED, is_packed
from fh_notebook.client.http.transport import user_agent
from fh_notebook.contract.output import Asset
from fh_notebook.contract.run import Run
from fh_notebook.core import event_loop
from fh_notebook.core.config.urls import LOCAL, is_loopback
from fh_notebook.core.files import ByteBudget, atomic_file, remove_dead, safe_name
from fh_notebook.core.redaction import redact
from fh_notebook.core.text.formatting import byte_size
from fh_notebook.errors import CallError, SettingsError

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""

_PORTS: Final = {"https": 443, "http": 80}

_REFUSED: Final = "points to this machine or to a private network, so it was not fetched"


def is_public(number: str) -> bool:
    """Return whether an IP address is one of the public network; an IPv4 address inside an IPv6 one is checked.

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
    """The address of one request for an asset.

    Parameters
    ----------
    url : str
        Of an asset, or of a redirect.
    origin : str
        Host and port of the service that named it: ``Run.origin``.
    reaches_hive : bool
        Whether the hive in this process can be asked.

    Raises
    ------
    CallError
        It is neither the service's nor ``https``, or it names this machine or a private network.
    """

    url: str
    origin: str
    reaches_hive: bool = False

    def __post_init__(self) -> None:
        try:
            scheme, host, _ = _url_parts(self.url)
        except (ValueError, httpx.InvalidURL):
            scheme = host = ""
        if host == LOCAL and scheme == "http" and self.reaches_hive and self.origin == LOCAL:
            return
        if host == LOCAL:
            raise CallError(
                "the local hive in this process has no address, so the file was not fetched; to save assets, "
                "serve the hive on a socket: with hive.serve() as server: ..."
            )
        if host and self.is_of_service:
            return
        if host and scheme in _PORTS and _is_private(host):
            raise CallError(f"an asset's address {_REFUSED}")
        if not host or scheme != "https":
            raise CallError(f"an asset's address ({scheme or 'no'}:) is not https; it was not fetched")

    @property
    def is_of_service(self) -> bool:
        """Whether it is the service's own: then it is allowed in any network."""
        scheme, host, port = _url_parts(self.url)
        if host == LOCAL:  # which is asked in this process, or not at all
            return True
        if scheme != "https" and not (scheme == "http" and is_loopback(host)):
            return False
        _, service_host, service_port = _url_parts(f"{scheme}://{self.origin}")
        same_host = host == service_host or (is_loopback(host) and is_loopback(service_host))
        return same_host and port == service_port

    @property
    def extensions(self) -> dict[str, Any]:
        """The httpx extensions that check each connection to it."""
        return {} if self.is_of_service else {"trace": _PublicAddressCheck(_url_parts(self.url)[1])}


def _url_parts(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port, as the HTTP client parses them."""
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.raw_host.decode("ascii"), parsed.port or _PORTS.get(parsed.scheme)


def _is_private(host: str) -> bool:
    """Return whether a host names this machine or a private address; no name is resolved."""
    if is_loopback(host) or host.endswith(".localhost"):
        return True
    try:
        return not is_public(host)
    except ValueError:
        return False


class _PublicAddressCheck:
    """An httpx trace that refuses a connection to an address that is not public, before a byte is sent."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._connecting_to = ""

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self._connecting_to = _text(info["host"])
            if self._connecting_to != self._host:
                await self._resolve()
        elif event == "connection.connect_tcp.complete" and self._connecting_to == self._host:
            stream = info["return_value"]
            peer = stream.get_extra_info("server_addr")
            if not is_public(str(peer[0])):
                await stream.aclose()
                raise CallError(f"an asset's address {_REFUSED}")

    async def _resolve(self) -> None:
        """Resolve the host where a proxy makes the connection, and refuse a name that is not public from here."""
        try:
            addresses = await asyncio.get_running_loop().getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
        except OSError:  # only the proxy knows the name
            return
        if not all(is_public(str(entry[4][0])) for entry in addresses):
            raise CallError(f"an asset's address {_REFUSED}")


def _text(host: str | bytes) -> str:
    return host.decode("ascii") if isinstance(host, bytes) else host


MAX_ASSET_BYTES: Final = 256 * 1024 * 1024

AT_ONCE: Final = 4
"""Downloads beside the calls of a batch: they share its network."""

TIMEOUT_S: Final = 60.0

DOWNLOAD_S: Final = 900.0
"""Of a whole file: one that comes byte by byte keeps to every other timeout, and never ends."""


def save_assets(run: Run, folder: Path) -> list[Path]:
    """Fetch the assets of `run` into `folder`; see :meth:`fh_notebook.Run.save_assets`."""
    message = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        message = f"the folder {folder} cannot be created ({exc.strerror or type(exc).__name__}); give another one"
    if message:
        raise SettingsError(message)
    remove_dead(folder)
    return event_loop.run(_save_all(run, folder))


async def _save_all(run: Run, folder: Path) -> list[Path]:
    async with _open() as http:
        return [await _save(http, asset, folder, number, run.origin) for number, asset in enumerate(run.assets, 1)]


def _open(hive: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    headers = {"User-Agent": user_agent(), "Accept-Encoding": ACCEPTED}
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # no server recognises this client
    mounts = {f"http://{LOCAL}": hive} if hive is not None else None
    return httpx.AsyncClient(headers=headers, cookies=cookies, timeout=TIMEOUT_S, max_redirects=5, mounts=mounts)


async def _save(http: httpx.AsyncClient, asset: Asset, folder: Path, number: int, origin: str) -> Path:
    address = AssetAddress(asset.file_url or "", origin)
    name = asset_name(asset, fallback=f"asset-{number}")
    saved = [folder / name]

    def put_file(part: Path, _: Path) -> None:
        saved[0] = _put_new(part, folder, name)

    await _fetch_to(http, address, folder / name, put_file, ByteBudget(MAX_ASSET_BYTES))
    return saved[0]


def asset_name(asset: Asset, *, fallback: str) -> str:
    """Return the name of an asset as a plain file name; `fallback` where it has none.

    Examples
    --------
    >>> [asset_name(Asset(file_url=url), fallback="file") for url in ("https://x.test/a.png", "https://[x")]
    ['a.png', 'file']
    """
    name = asset.file_name
    if not name:
        with suppress(ValueError):  # half an IPv6 address
            name = urlsplit(asset.file_url or "").path.rpartition("/")[2]
    return safe_name(name or "", fallback=fallback)


async def _fetch_to(
    http: httpx.AsyncClient,
    address: AssetAddress,
    path: Path,
    put_file: Callable[[Path, Path], None],
    budget: ByteBudget,
    limit_s: float = DOWNLOAD_S,
) -> None:
    """Write the content of `address` to a file beside `path`, and have it put once it is whole."""
    message, status_code = "", None
    with atomic_file(path, tidy=False) as part:
        try:
            with os.fdopen(part.create(), "wb") as file:
                async with asyncio.timeout(limit_s):
                    await _fetch(http, address, file, budget)
            part.put(private=False, replace=put_file)
        except httpx.HTTPError as exc:
            message = f"{path.name} could not be fetched ({_reason_of(exc)})"
            status_code = exc.response.status_code if isinstance(exc, httpx.HTTPStatusError) else None
        except TimeoutError:
            message = f"{path.name} did not arrive completely in {limit_s:g} s; it was not saved: try again later"
    if message:
        raise CallError(message, status_code=status_code)


class AssetDownloads:
    """Downloads of many assets to one folder, some at once, for one event loop.

    Parameters
    ----------
    folder : Path
        Where they are put; it exists.
    max_bytes : int
        Of one file.
    total : ByteBudget
        Of all files.
    hive : httpx.AsyncBaseTransport, optional
        Reaches the hive in this process.
    limit_s : float
        How long one download may take.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int,
        total: ByteBudget,
        hive: httpx.AsyncBaseTransport | None = None,
        limit_s: float = DOWNLOAD_S,
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._total = total
        self._hive = hive
        self._limit_s = limit_s
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._http = _open(hive)

    async def keep(self, asset: Asset, origin: str, name: str) -> None:
        """Put an asset under `name`, whole or not at all; a file that is there is left as it is, unless empty."""
        address = AssetAddress(asset.file_url or "", origin, self._hive is not None)
        budget = ByteBudget(self._max_bytes, self._total)

        async with self._slots:
            try:
                await _fetch_to(self._http, address, self._folder / name, _put_unless_there, budget, self._limit_s)
            except BaseException:
                budget.give_back()
                raise

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def write_asset(path: Path, content: bytes) -> None:
    """Put a content under a path, whole or not at all; a file that is there is left as it is, unless empty."""
    with atomic_file(path, tidy=False) as part:
        with os.fdopen(part.create(), "wb") as file:
            file.write(content)
        part.put(private=False, replace=_put_unless_there)


def _put_unless_there(part: Path, target: Path) -> None:
    try:
        _move_to_new(part, target)
    except FileExistsError:  # somebody else fetched it meanwhile, or was killed when only its name was there
        facts = os.lstat(target)
        if stat.S_ISREG(facts.st_mode) and not facts.st_size:
            os.replace(part, target)


def _reason_of(exc: httpx.HTTPError) -> str:
    """Return the reason without the address: an asset's address may have a signature that lets anybody read it."""
    if isinstance(exc, httpx.HTTPStatusError):
        return f"HTTP {exc.response.status_code}"
    return redact(str(exc)) or type(exc).__name__


async def _fetch(http: httpx.AsyncClient, address: AssetAddress, file: BinaryIO, budget: ByteBudget) -> None:
    """Write the content of `address` to `file`; redirects are followed here, so that each address is checked."""
    for _ in range(http.max_redirects):
        async with http.stream("GET", address.url, extensions=address.extensions) as response:
            if response.is_redirect and response.next_request is not None:
                address = replace(address, url=str(response.next_request.url))
                continue
            response.raise_for_status()
            if not is_packed(response.headers.get("content-encoding", "")):
                _check_fits(budget, budget.exceeded_by(_told_length(response)))  # before anything of it has come
            async for chunk in response.aiter_bytes():
                _check_fits(budget, budget.take(len(chunk)))
                file.write(chunk)
            return
    raise CallError("an asset's address redirects too often")


def _told_length(response: httpx.Response) -> int:
    told = response.headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < 20 else 0


def _check_fits(budget: ByteBudget, exceeded: ByteBudget | None) -> None:
    if exceeded is not None:
        what = "an asset is" if exceeded is budget else "all files together would be"
        raise CallError(f"{what} larger than {byte_size(exceeded.most)}; the file was not saved")


def _put_new(part: Path, folder: Path, name: str) -> Path:
    """Move a file to `folder` under a free name, with a number in it where `name` is taken; overwrite no file."""
    stem, suffix = os.path.splitext(name)
    for number in range(1, 10_000):
        path = folder / (name if number == 1 else f"{stem}-{number}{suffix}")
        with suppress(FileExistsError):
            _move_to_new(part, path)
            return path
    raise CallError(f"{folder} already has 10,000 files with names like {name}; give another folder")


def _move_to_new(part: Path, path: Path) -> None:
    if os.name == "nt":
        os.rename(part, path)  # which takes no existing name there
        return
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # of a file system without hard links; O_EXCL: never an existing file, nor through somebody's link
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(part, path)
