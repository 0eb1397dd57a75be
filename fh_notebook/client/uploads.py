"""Upload of a file to a workspace of the service, which gives it an address (CONTRACT section 10, file inputs).

Rules of this file:

1. A file is looked at before anything is sent: a folder, a pipe or too large a file is one line.
2. It is sent once. A second upload would be a second file.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
import stat
from collections.abc import Awaitable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from fh_notebook.client.connection import Connection
from fh_notebook.client.retry_loop import ask_once
from fh_notebook.contract.output import Asset
from fh_notebook.contract.response import Response
from fh_notebook.contract.retry import may_have_run
from fh_notebook.core.text.formatting import byte_size, one_line
from fh_notebook.errors import CallError, InputError

__all__ = ["MAX_UPLOAD_BYTES", "LocalFile", "read_local_file", "send_file"]


MAX_UPLOAD_BYTES: Final = 100 * 2**20
"""The service's limit is UNKNOWN; a file is held in memory while it is sent."""


@dataclass(frozen=True)
class LocalFile:
    """A file of this machine, read."""

    name: str
    content: bytes = field(repr=False)
    file_type: str

    @cached_property
    def sha256(self) -> str:
        """The hash of its content."""
        return hashlib.sha256(self.content).hexdigest()


def read_local_file(path: str | os.PathLike[str]) -> LocalFile:
    """Return a file with its content, and its type by its ending.

    Raises
    ------
    InputError
        It is not there, is no file, is too large, or cannot be read.
    """
    shown = one_line(str(path))
    message = ""
    try:
        # Not waiting: a pipe without a writer would hold the open for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise InputError(f"{shown} is not a file; give the path of one")
            if facts.st_size > MAX_UPLOAD_BYTES:
                raise InputError(f"{shown} is larger than {byte_size(MAX_UPLOAD_BYTES)}; give a smaller file")
            content = file.read(MAX_UPLOAD_BYTES)
    except FileNotFoundError:
        message = f"there is no file {shown}; check the path"
    except IsADirectoryError:
        message = f"{shown} is a folder; give the path of a file"
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the path
        reason = (exc.strerror if isinstance(exc, OSError) else str(exc)) or type(exc).__name__
        is_folder = "\0" not in str(path) and os.path.isdir(path)
        message = f"{shown} is a folder; give the path of a file" if is_folder else f"{shown} cannot be read ({reason})"
    if message:
        raise InputError(message)
    name = Path(path).name
    return LocalFile(name, content, mimetypes.guess_type(name)[0] or "application/octet-stream")


class UploadExchange(Protocol):
    """One exchange with the service."""

    def __call__(self, method: str, path: str, content: bytes, *, content_type: str) -> Awaitable[Response]:
        """Return the answer to one request."""
        ...


async def send_file(connection: Connection, exchange: UploadExchange, file: LocalFile, workspace_id: str) -> Asset:
    """Send a file, and return it as the service has it.

    Raises
    ------
    AuthError, ConnectFailed, LimitReached, CallError
        The service refused the key, was not reached, or did not take the file.
    """
    import httpx

    form = httpx.Request("POST", "http://form", files={"file": (file.name, file.content, file.file_type)})
    content, content_type = form.read(), form.headers["content-type"]
    path = f"/public/workspaces/{quote(workspace_id, safe='')}/assets"
    body = await ask_once(
        connection,
        "upload",
        lambda: exchange("POST", path, content, content_type=content_type),
        hint=lambda answer: _hint(answer, file, workspace_id),
        changes=True,
    )
    asset = _asset_in(body)
    if not asset.file_url:
        why = asset.error_message or "it gave no address"
        raise CallError(
            f"{connection.origin} took {one_line(file.name)} and gave no address of it: {one_line(why)}; "
            "look for the file in Fetch Hive",
            may_have_run=True,
        )
    return asset


def _hint(answer: Response, file: LocalFile, workspace_id: str) -> str:
    """Return what to do after a refusal."""
    name = one_line(file.name)
    if answer.status_code == 404:
        return f"the key does not reach workspace {workspace_id!r}: check workspace_id and the key"
    if answer.status_code == 413:
        return f"{name} ({byte_size(len(file.content))}) is too large for the service: send a smaller file"
    if answer.status_code in (400, 402, 409, 415, 422):
        return f"{name} was not taken: check that the workspace takes files of this type and has room for it"
    if may_have_run(answer):
        return f"{name} may have arrived; look for it in Fetch Hive before it is sent again"
    return "try again later"


def _asset_in(body: Any) -> Asset:
    """Return the asset in an answer; UNKNOWN whether something else wraps it."""
    fields = body if isinstance(body, dict) else {}
    inner = next((fields[name] for name in ("asset", "data") if isinstance(fields.get(name), dict)), fields)
    return Asset.from_wire(inner)
