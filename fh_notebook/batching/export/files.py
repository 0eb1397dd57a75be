"""Files of exports and reports: replaced atomically, with the reason where they cannot be written.

Rule of this file: what is written goes into an `atomic_file`, which takes the target's place when all of it is on disk.
Whatever happens before (a full disk, an interrupt), the target is as it was, and nothing is left.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fh_notebook.core.files import AtomicFile, atomic_file
from fh_notebook.errors import SettingsError, StoreError

__all__ = ["reason_of", "replacing", "replacing_partly"]


@contextmanager
def replacing(target: Path, *, replace: Callable[[Path, Path], object] = os.replace) -> Iterator[BinaryIO]:
    """Give a file to write, which takes the place of `target` when the block ends without an error.

    A new file has the mode that the umask says, one that is replaced keeps its own.

    Raises
    ------
    SettingsError
        It cannot be written, with the reason.
    """
    with replacing_partly(target, replace=replace) as (file, _):
        yield file


@contextmanager
def replacing_partly(
    target: Path, *, replace: Callable[[Path, Path], object] = os.replace
) -> Iterator[tuple[BinaryIO, AtomicFile]]:
    """As :func:`replacing`, with the `AtomicFile`, which knows where more may lie meanwhile."""
    is_created = False
    message = ""
    try:
        with atomic_file(target) as part:
            with os.fdopen(part.create(), "r+b") as file:
                is_created = True
                yield file, part
            message = _replace_target(part, replace)
    except OSError as exc:
        message = f"{target} was not written: {_reason(exc)}; what was there before is untouched"
        if not is_created:
            message = f"{target} cannot be written: {_reason(exc)}"
    # Outside of the block: IPython would show the context too.
    if message:
        raise SettingsError(message)


def _replace_target(part: AtomicFile, replace: Callable[[Path, Path], object]) -> str:
    try:
        part.put(private=False, replace=replace)
    except PermissionError:
        return f"{part.target} is open in another program, or may not be replaced; close it there, or give another name"
    return ""


def reason_of(exc: StoreError) -> str:
    """Return why a file that is a store could not be written, without the hint for one's own store."""
    cause = exc.__cause__
    return _reason(cause) if isinstance(cause, OSError) else str(cause or exc)


def _reason(exc: OSError) -> str:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    if exc.errno in (errno.EACCES, errno.EPERM):
        return "its folder may not be written; give another one"
    return exc.strerror or type(exc).__name__
