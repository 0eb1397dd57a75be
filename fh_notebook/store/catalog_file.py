"""The user's ``fetchhive.yaml``: found upward from the working folder, read when it changed, saved in place.

Rule of this file: the file is the user's. It is replaced as a whole or not at all, by one process at a time, and only
by a text that reads back as exactly what was meant.
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

__all__ = ["catalogue", "find", "read", "save", "shown"]

_BOM: Final = b"\xef\xbb\xbf"

_Stamp = tuple[int, int, int]
_cache: dict[tuple[str, str], tuple[_Stamp, Deployments | InputError]] = {}
_CACHED: Final = 16
"""Files whose content is remembered: one a project, and a few when folders are changed."""


def find(folder: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the catalogue of `folder` (the working folder) or of the nearest folder above it, if there is one."""
    with suppress(OSError):  # a working folder that was removed
        here = Path(os.path.abspath(folder or os.getcwd()))
        for place in (here, *here.parents):
            for name in FILE_NAMES:
                if os.path.isfile(place / name):
                    return place / name
    return None


def catalogue() -> Deployments:
    """Return the deployments of the catalogue that is found; none when there is no catalogue.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    path = find()
    return Deployments() if path is None else read(path)


def read(path: Path) -> Deployments:
    """Return the deployments of one file, read again when its time or size has changed.

    Raises
    ------
    InputError
        With every problem, each with its line.
    """
    trouble = ""
    try:
        stamp = _stamp(os.stat(path))
    except OSError as exc:
        trouble = _why(exc)
    if trouble:
        raise InputError(f"{shown(path)} cannot be read: {trouble}")
    key = (str(path), shown(path))  # how it is named in what was read changes with the working folder
    held = _cache.get(key)
    if held is None or held[0] != stamp:
        held = (stamp, _outcome(path))
        if len(_cache) >= _CACHED:
            _cache.clear()
        _cache[key] = held
    if isinstance(held[1], InputError):
        # A new error each time: one that is raised twice would drag its first traceback along.
        raise InputError(held[1].problems)
    return held[1]


def shown(path: Path) -> str:
    """Return how a message names a file: its name alone in the working folder, else by the shorter way to it."""
    with suppress(OSError, ValueError):  # a working folder that was removed; another drive
        near = os.path.relpath(path)
        home = os.path.expanduser("~")
        far = os.path.abspath(path)
        far = os.path.join("~", os.path.relpath(far, home)) if far.startswith(os.path.join(home, "")) else far
        return min(near, far, key=len)
    return str(path)


def _stamp(known: os.stat_result) -> _Stamp:
    return known.st_mtime_ns, known.st_size, known.st_ino


def _outcome(path: Path) -> Deployments | InputError:
    from fh_notebook.contract.catalog.reader import read_catalog

    try:
        return read_catalog(_text(path)[0], where=shown(path))
    except InputError as exc:
        return exc


def _text(path: Path) -> tuple[str, bool]:
    """Return the text of a file, and whether it begins with a byte order mark."""
    from fh_notebook.contract.catalog.reader import MAX_BYTES

    trouble = ""
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + len(_BOM) + 1)
        has_mark = raw.startswith(_BOM)
        return raw.removeprefix(_BOM).decode(), has_mark
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        whole = len(exc.object) <= MAX_BYTES
        trouble = (
            f", line {line}: is not UTF-8; save it in that encoding" if whole else f" has more than {MAX_BYTES:,} bytes"
        )
    except OSError as exc:
        trouble = f" cannot be read: {_why(exc)}"
    raise InputError(f"{shown(path)}{trouble}")


def _why(broken: OSError) -> str:
    return broken.strerror or type(broken).__name__


def save(deployment: Deployment, path: str | os.PathLike[str] | None = None) -> Path:
    """Write a deployment into the catalogue, in place of the one of its name or after the others.

    Parameters
    ----------
    deployment : Deployment
        What to write. The default of a password is left out, and that is said. So is what of an earlier one of its
        name is gone or different then, with the comments of what is gone; the earlier description stays where the
        deployment has none.
    path : path, optional
        A file, or a folder for its ``fetchhive.yaml``; the catalogue that is found from the working folder upward,
        else a new ``fetchhive.yaml`` there.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        The file is broken, cannot be written, or cannot be edited without changing something else; it is as it was.
    """
    from fh_notebook.contract.catalog.writer import hidden_defaults

    target, trouble, changes = Path(FILE_NAMES[0]), "", None
    try:
        target = _target(path)
        real = Path(os.path.realpath(target))
        with _locked(real.parent):
            changes = _save(deployment, target, real)
    except OSError as exc:
        trouble = f"{shown(target)} cannot be written: {_why(exc)}"
    if trouble:
        raise InputError(trouble)
    if changes:
        hooks.frontend().notice(f"Replaced {short(deployment.name)[1:-1]} in {shown(target)}: {changes}.")
    if changes is not None and (hidden := hidden_defaults(deployment)):
        names = ", ".join(path_text([name]) for name in hidden)
        hooks.frontend().notice(f"Not written, because it is a password: the default of {names}.")
    return target


def _target(path: str | os.PathLike[str] | None) -> Path:
    if path is None:
        return find() or Path(os.path.abspath(FILE_NAMES[0]))
    given = Path(os.path.abspath(os.path.expanduser(path)))
    return given / FILE_NAMES[0] if os.path.isdir(given) else given


def _save(deployment: Deployment, target: Path, real: Path) -> str | None:
    """Write it, and return what it changed of what was there; ``None`` when there was nothing to write."""
    from fh_notebook.contract.catalog.editor import edited

    text, has_mark = _text(real) if real.exists() else ("", False)
    made = edited(text, deployment, where=shown(target))
    if made.text == text:
        return None
    _replace(real, (_BOM if has_mark else b"") + made.text.encode())
    return made.changes


def _replace(path: Path, content: bytes) -> None:
    """Put `content` in place of a file in one step; a reader sees the old or the new, never a half."""
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(0, "it is read-only")
    with atomic_file(path) as part:
        with open(part.create(), "wb") as file:
            file.write(content)
        part.put(private=False)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the one lock of a folder's catalogue, waiting for whoever has it; the kernel releases it at any end."""
    if not folder.is_dir():
        raise NotADirectoryError(0, f"there is no folder {folder.name!r}")
    if sys.platform == "win32":
        import msvcrt

        # A folder cannot be locked there, and a file beside the user's own would be litter.
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

        held: Any = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # a file system without locks: the one step of the replacement remains
                fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)
