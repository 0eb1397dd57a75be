"""The user's ``fetchhive.yaml``: found upward from the working folder, read when it changed, saved in place.

Rule of this file: the file is the user's. It is replaced as a whole or not at all, by one process at a time, and only
by a text that reads back as exactly the intended deployments.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from fh_notebook.contract.catalog.deployments import FILE_NAMES, Deployments
from fh_notebook.contract.deployment import Deployment
from fh_notebook.core import hooks
from fh_notebook.core.files import atomic_file
from fh_notebook.core.text.formatting import path_text, short
from fh_notebook.errors import InputError

_BOM: Final = b"\xef\xbb\xbf"

_Stamp = tuple[int, int, int]
_cache: dict[tuple[str, str], tuple[_Stamp, Deployments | InputError]] = {}
_CACHED: Final = 16
"""Files whose content is cached: one per project, and a few when the working folder changes."""


def find(folder: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the catalogue of `folder` (the working folder) or of the nearest folder above it, if there is one."""
    with suppress(OSError):  # a working folder that was removed
        start = Path(os.path.abspath(folder or os.getcwd()))
        for parent in (start, *start.parents):
            for name in FILE_NAMES:
                if os.path.isfile(parent / name):
                    return parent / name
    return None


def catalogue() -> Deployments:
    """Return the deployments of the catalogue that is found; none when there is no catalogue."""
    path = find()
    return Deployments() if path is None else read(path)


def read(path: Path) -> Deployments:
    """Return the deployments of one file, read again when its time or size has changed."""
    reason = ""
    try:
        stamp = _stamp(os.stat(path))
    except OSError as exc:
        reason = _reason_of(exc)
    if reason:
        raise InputError(f"{display_path(path)} cannot be read: {reason}")
    key = (str(path), display_path(path))  # the path in error messages depends on the working folder
    cached = _cache.get(key)
    if cached is None or cached[0] != stamp:
        cached = (stamp, _parse_or_error(path))
        if len(_cache) >= _CACHED:
            _cache.clear()
        _cache[key] = cached
    if isinstance(cached[1], InputError):
        # A new error each time: one that is raised twice would keep its first traceback.
        raise InputError(cached[1].problems)
    return cached[1]


def display_path(path: Path) -> str:
    """Return the path of a file for messages: relative to the working or the home folder, whichever is shorter."""
    with suppress(OSError, ValueError):  # a working folder that was removed; another drive
        relative = os.path.relpath(path)
        home = os.path.expanduser("~")
        absolute = os.path.abspath(path)
        if absolute.startswith(os.path.join(home, "")):
            absolute = os.path.join("~", os.path.relpath(absolute, home))
        return min(relative, absolute, key=len)
    return str(path)


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _parse_or_error(path: Path) -> Deployments | InputError:
    from fh_notebook.contract.catalog.reader import read_catalog

    try:
        return read_catalog(_read_text(path)[0], where=display_path(path))
    except InputError as exc:
        return exc


def _read_text(path: Path) -> tuple[str, bool]:
    """Return the text of a file, and whether it begins with a byte order mark."""
    from fh_notebook.contract.catalog.reader import MAX_BYTES

    message = ""
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + len(_BOM) + 1)
        has_mark = raw.startswith(_BOM)
        return raw.removeprefix(_BOM).decode(), has_mark
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        is_within_limit = len(exc.object) <= MAX_BYTES
        if is_within_limit:
            message = f", line {line}: is not UTF-8; save it in that encoding"
        else:
            message = f" has more than {MAX_BYTES:,} bytes"
    except OSError as exc:
        message = f" cannot be read: {_reason_of(exc)}"
    raise InputError(f"{display_path(path)}{message}")


def _reason_of(exc: OSError) -> str:
    return exc.strerror or type(exc).__name__


def save(deployment: Deployment, path: str | os.PathLike[str] | None = None) -> Path:
    """Write a deployment into the catalogue, in place of the one of its name or after the others."""
    from fh_notebook.contract.catalog.writer import hidden_defaults

    target, message, changes = Path(FILE_NAMES[0]), "", None
    try:
        target = _target(path)
        real = Path(os.path.realpath(target))
        with _locked(real.parent):
            changes = _save(deployment, target, real)
    except OSError as exc:
        message = f"{display_path(target)} cannot be written: {_reason_of(exc)}"
    if message:
        raise InputError(message)
    if changes:
        hooks.frontend().notice(f"Replaced {short(deployment.name)[1:-1]} in {display_path(target)}: {changes}.")
    if changes is not None and (hidden := hidden_defaults(deployment)):
        names = ", ".join(path_text([name]) for name in hidden)
        hooks.frontend().notice(f"Not written, because it is a password: the default of {names}.")
    return target


def _target(path: str | os.PathLike[str] | None) -> Path:
    if path is None:
        return find() or Path(os.path.abspath(FILE_NAMES[0]))
    chosen = Path(os.path.abspath(os.path.expanduser(path)))
    return chosen / FILE_NAMES[0] if os.path.isdir(chosen) else chosen


def _save(deployment: Deployment, target: Path, real: Path) -> str | None:
    """Write a deployment; return a description of what it changed, or ``None`` when the text stays the same."""
    from fh_notebook.contract.catalog.editor import edit

    text, has_mark = _read_text(real) if real.exists() else ("", False)
    edited = edit(text, deployment, where=display_path(target))
    if edited.text == text:
        return None
    _replace(real, (_BOM if has_mark else b"") + edited.text.encode())
    return edited.changes


def _replace(path: Path, content: bytes) -> None:
    """Replace the content of a file in one step; a reader sees the old or the new content, never a part."""
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(0, "it is read-only")
    with atomic_file(path) as part:
        with open(part.create(), "wb") as file:
            file.write(content)
        part.put(private=False)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder's catalogue; the operating system releases it when the process ends."""
    if not folder.is_dir():
        raise NotADirectoryError(0, f"the folder {folder.name!r} does not exist")
    if sys.platform == "win32":
        import msvcrt

        # A folder cannot be locked there, and a lock file would be litter beside the user's files.
        name = f"fh-notebook-{sha256(str(folder).casefold().encode()).hexdigest()[:16]}.lock"
        with open(Path(tempfile.gettempdir()) / name, "a+b") as file:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            try:
                yield
            finally:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        descriptor: Any = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # a file system without locks: the replacement is still one step
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
