"""The files that a run made, fetched to a folder (the hook of ``Run.save_assets``).

Rule of this file: names and addresses are the model's, so they are hostile. No name leaves the folder or overwrites a
file, no address is asked that `asset_places` refuses, the key is not sent, and what comes is capped.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlsplit

import httpx

from fh_notebook import loop
from fh_notebook.client.asset_places import Place
from fh_notebook.client.transport import user_agent
from fh_notebook.client.unpacking import ACCEPTED, is_packed
from fh_notebook.contract.run import Asset, Run
from fh_notebook.errors import CallError, SettingsError
from fh_notebook.partial import partial, remove_dead
from fh_notebook.values import redact

__all__ = ["save_assets"]

MAX_ASSET_BYTES: Final = 256 * 1024 * 1024
TIMEOUT_S: Final = 60.0
MAX_NAME_BYTES: Final = 120
"""File systems take 255 bytes; a number may still be put behind the name."""


def save_assets(run: Run, folder: Path) -> list[Path]:
    """Fetch the assets of `run` into `folder`; see :meth:`fh_notebook.Run.save_assets`."""
    trouble = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as broken:
        trouble = f"the folder {folder} cannot be made ({broken.strerror or type(broken).__name__}); give another one"
    if trouble:
        raise SettingsError(trouble)
    remove_dead(folder)
    return loop.run(_save_all(run, folder))


async def _save_all(run: Run, folder: Path) -> list[Path]:
    headers = {"User-Agent": user_agent(), "Accept-Encoding": ACCEPTED}
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # nobody learns that it was us again
    async with httpx.AsyncClient(headers=headers, cookies=cookies, timeout=TIMEOUT_S, max_redirects=5) as http:
        return [await _save(http, asset, folder, number, run.origin) for number, asset in enumerate(run.assets, 1)]


async def _save(http: httpx.AsyncClient, asset: Asset, folder: Path, number: int, origin: str) -> Path:
    url = asset.file_url or ""
    place = Place(url, origin)
    name = safe_name(asset.file_name or urlsplit(url).path.rpartition("/")[2], fallback=f"asset-{number}")
    trouble, saved = "", [folder / name]

    def put(written: Path, _: Path) -> None:
        saved[0] = _put_new(written, folder, name)

    with partial(folder / name, tidy=False) as part:
        try:
            with os.fdopen(part.create(), "wb") as file:
                await _fetch(http, place, file)
            part.put(private=False, replace=put)
        except httpx.HTTPError as broken:
            trouble = f"{name} could not be fetched ({_why(broken)})"
    if trouble:
        raise CallError(trouble)
    return saved[0]


def _why(broken: httpx.HTTPError) -> str:
    """The reason without the address: an asset's address may carry a signature that lets anybody read it."""
    if isinstance(broken, httpx.HTTPStatusError):
        return f"HTTP {broken.response.status_code}"
    return redact(str(broken)) or type(broken).__name__


async def _fetch(http: httpx.AsyncClient, place: Place, file: BinaryIO) -> None:
    """Write what `place` has to `file`, redirects followed by hand so that each address is looked at."""
    for _ in range(http.max_redirects):
        async with http.stream("GET", place.url, extensions=place.extensions) as response:
            if response.is_redirect and response.next_request is not None:
                place = Place(str(response.next_request.url), place.origin)
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
