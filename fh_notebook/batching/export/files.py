"""Files of exports: checked before the first call, replaced atomically.

Rule of this file: what is written goes into an `atomic_file`, which takes the target's place when all of it is on disk.
Whatever happens before (a full disk, an interrupt), the target is as it was, and nothing is left.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from fh_notebook.core.files import AtomicFile, atomic_file
from fh_notebook.core.text.formatting import listed, short
from fh_notebook.errors import SettingsError, StoreError

__all__ = ["checked_target", "reason_of", "replacing", "replacing_partly", "suffix_of"]

_METHODS: Final = {
    ".csv": "to_csv",
    ".csv.gz": "to_csv",
    ".tsv": "to_csv",
    ".xlsx": "to_excel",
    ".parquet": "to_parquet",
    ".fhb": "to_fhb",
}
_CURES: Final = {".xls": "the present format of Excel is .xlsx", ".txt": "name it .csv or .tsv"}


def suffix_of(path: Path) -> str:
    """Return how the name ends, in lower case; a packed CSV ends in ``.csv.gz``.

    Examples
    --------
    >>> suffix_of(Path("a.CSV")), suffix_of(Path("a.csv.gz")), suffix_of(Path("v1.2/a"))
    ('.csv', '.csv.gz', '')
    """
    name = path.name.lower()
    return ".csv.gz" if name.endswith(".csv.gz") else Path(name).suffix


def checked_target(path: Any, suffixes: Sequence[str]) -> Path:
    """Return where to write, as an absolute path; nothing is written yet.

    Raises
    ------
    SettingsError
        It is no path, a folder, in a folder that is not there, or its name ends otherwise.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise SettingsError(f"the path is {short(path)}; give the name of a file that ends in {listed(suffixes)}")
    target = Path(os.fsdecode(os.fspath(path))).expanduser()
    if os.path.isdir(target):  # `Path.is_dir` raises where the name is too long for the file system
        example = target / f"answers{suffixes[0]}"
        raise SettingsError(f"{target} is a folder; name a file in it, like {example}")
    ends = suffix_of(target)
    if ends not in suffixes:
        raise SettingsError(_other_suffix(target, ends, suffixes))
    if not os.path.isdir(target.parent):
        raise SettingsError(f"{target}: there is no folder {target.parent}; make it first")
    # The file itself, where the name is a link: the link stays one.
    return Path(os.path.realpath(target))


def _other_suffix(target: Path, ends: str, suffixes: Sequence[str]) -> str:
    if ends in _METHODS and (method := _METHODS[ends]) not in {_METHODS.get(own) for own in suffixes}:
        return f"{target.name}: {ends} is written by batch.{method}(...)"
    cure = f" ({_CURES[ends]})" if ends in _CURES else ""
    return f"{target.name} ends in {ends or 'nothing'}; it must end in {listed(suffixes)}{cure}"


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
    made = False
    trouble = ""
    try:
        with atomic_file(target) as part:
            with os.fdopen(part.create(), "r+b") as file:
                made = True
                yield file, part
            trouble = _put(part, replace)
    except OSError as exc:
        trouble = f"{target} was not written: {_why(exc)}; what was there before is untouched"
        if not made:
            trouble = f"{target} cannot be written: {_why(exc)}"
    # Outside of the block: IPython would show the context too.
    if trouble:
        raise SettingsError(trouble)


def _put(part: AtomicFile, replace: Callable[[Path, Path], object]) -> str:
    try:
        part.put(private=False, replace=replace)
    except PermissionError:
        return f"{part.target} is open in another program, or may not be replaced; close it there, or give another name"
    return ""


def reason_of(broken: StoreError) -> str:
    """Return why a file that is a store could not be written, without the cure for one's own."""
    why = broken.__cause__
    return _why(why) if isinstance(why, OSError) else str(why or broken)


def _why(broken: OSError) -> str:
    if broken.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    if broken.errno in (errno.EACCES, errno.EPERM):
        return "its folder may not be written; give another one"
    return broken.strerror or type(broken).__name__
