"""Files that processes share: a lock that the kernel releases, a file that replaces its target whole, and safe names.

Rules of this file:

1. Never a timeout, never a process number (they are given out again). A lock that can be had belongs to nobody that
   lives.
2. Whatever ends the writing (a full disk, an interrupt, SIGKILL), the target is as it was, and what is left beside it
   does not stay for ever: who writes into the folder next removes it, and never what somebody who lives is writing.

Beside ``answers.csv`` lie, each for its owner only::

    .answers.csv.0badcafe.fh-part           the mark: empty, and locked as long as its writer lives
    .answers.csv.0badcafe.fh-part-data      what is written
    .answers.csv.0badcafe.fh-part-...       what else is needed meanwhile

The lock is on a file of its own: SQLite has locks of its own on what it writes, and Windows neither renames nor lets
others read a file that is locked. The mark is made first and removed last, so what has no mark has no writer.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import threading
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4


def try_lock(descriptor: int) -> bool:
    """Lock an open file without waiting; ``False`` when somebody has it, or the file system has no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            # flock, not lockf: it belongs to the open file, so that two owners in one process are two.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def share(path: Path) -> int:
    """Return a descriptor of the file at `path`, made if need be, with a lock that others may have, too.

    Whoever then has it alone (`try_lock`) may remove it, last of all. Windows has no shared locks, and removes no file
    that is open; a file system without locks gives none to anybody.
    """
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        if sys.platform != "win32":
            import fcntl

            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits only while somebody removes it
        if is_at(path, descriptor):
            return descriptor
        os.close(descriptor)


def is_at(path: Path, descriptor: int) -> bool:
    """Whether the file that is open still lies at `path`."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    return False


NAME_CAP: Final = 100
"""Bytes of the target's name in those beside it: file systems take 255."""

TRIES: Final = 3
"""Of making a mark that is locked. Where the file system has no locks none is, and nobody gets one to remove it."""

PRIVATE: Final = 0o600


_PART_NAME: Final = re.compile(r"(\..*\.[0-9a-f]{8}\.fh-part)(-.*)?", re.DOTALL)

_open_marks: Final[set[int]] = set()
"""Descriptors of this process's marks: a forked child closes them, or its parent's lock would outlive the parent."""


class AtomicFile:
    """A file that is being written; made by :func:`atomic_file`."""

    def __init__(self, target: Path, mark: Path) -> None:
        self.target = target
        self._mark = mark
        self.path = self.beside("data")
        """What is written, and what :meth:`put` moves. It is not there at first: whoever writes it makes it, for its
        owner only (`create`, SQLite)."""

    def beside(self, what: str) -> Path:
        """Return the path of something that is needed meanwhile, and goes with the block."""
        return self._mark.with_name(f"{self._mark.name}-{what}")

    def create(self) -> int:
        """Make the file, and return its descriptor."""
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE)

    def put(self, *, private: bool, replace: Callable[[Path, Path], object] = os.replace) -> None:
        """Have what was written take the place of the target, in one step."""
        descriptor = os.open(self.path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.chmod(self.path, PRIVATE if private else self._mode())
        replace(self.path, self.target)

    def _mode(self) -> int:
        with suppress(FileNotFoundError):
            return stat.S_IMODE(os.stat(self.target).st_mode)
        # The umask is asked for by an empty file: to read it is to change it, for all threads.
        probe = self.beside("mode")
        descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            return stat.S_IMODE(os.fstat(descriptor).st_mode)
        finally:
            os.close(descriptor)
            os.unlink(probe)


@contextmanager
def atomic_file(target: Path, *, tidy: bool = True) -> Iterator[AtomicFile]:
    """Give a file to write beside `target`; what was not put in its place at the end of the block is removed."""
    if tidy:
        remove_dead(target.parent)
    mark, descriptor = _new_mark(target)
    pid = os.getpid()
    _open_marks.add(descriptor)
    try:
        yield AtomicFile(target, mark)
    finally:
        if os.getpid() == pid:  # in a forked child it is the parent's
            _open_marks.discard(descriptor)
            _remove(mark, descriptor)


def _new_mark(target: Path) -> tuple[Path, int]:
    name = target.name.encode(errors="surrogateescape")[:NAME_CAP].decode(errors="ignore")
    for left in reversed(range(TRIES)):
        mark = target.with_name(f".{name}.{uuid4().hex[:8]}.fh-part")
        descriptor = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE)
        # Between the two steps somebody who tidies may have had the lock, and removed it.
        if (try_lock(descriptor) and is_at(mark, descriptor)) or (not left and is_at(mark, descriptor)):
            return mark, descriptor
        os.close(descriptor)
        with suppress(OSError):
            mark.unlink()
    raise FileNotFoundError(2, "what is made there is removed at once", str(mark))


def remove_dead(folder: Path) -> None:
    """Remove from a folder what writers left there that do not live any more; what cannot be removed stays."""
    with suppress(OSError):
        names = {match[1] for entry in os.scandir(folder) if (match := _PART_NAME.fullmatch(entry.name))}
        for name in sorted(names):
            with suppress(OSError):
                _remove_if_dead(folder / name)


def _remove_if_dead(mark: Path) -> None:
    try:
        # Not through a link, which would be somebody else's.
        descriptor = os.open(mark, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        _remove_beside(mark)
        return
    if try_lock(descriptor):
        _remove(mark, descriptor)
    else:
        os.close(descriptor)


def _remove(mark: Path, descriptor: int) -> None:
    """Remove a mark whose lock is held, last and while it is held: who makes one looks whether it is still there."""
    _remove_beside(mark)
    with suppress(OSError):
        mark.unlink()
    os.close(descriptor)
    if os.name == "nt":  # where nothing is removed that is open
        with suppress(OSError):
            mark.unlink()


def _remove_beside(mark: Path) -> None:
    with suppress(OSError):
        for entry in [entry for entry in os.scandir(mark.parent) if entry.name.startswith(f"{mark.name}-")]:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with suppress(OSError):
                    os.unlink(entry.path)


def _forget_marks() -> None:
    while _open_marks:
        with suppress(OSError):
            os.close(_open_marks.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_marks)


# --- names

MAX_NAME_BYTES: Final = 120
"""File systems take 255 bytes; a number may still be put behind the name."""

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
        beginning = (stem or ending).encode()[: MAX_NAME_BYTES - 20].decode(errors="ignore")
        clean = beginning + (dot + ending.encode()[:18].decode(errors="ignore") if stem else "")
    return fallback if not clean or _DEVICES.match(clean) else clean


# --- files of addresses


@dataclass(frozen=True, slots=True)
class KeptFile:
    """The file that an address led to: on this machine, or within another file."""

    where: str
    """In words."""
    size: int
    read: Callable[[], bytes | None] = field(repr=False)
    path: Path | None = None
    """``None``: it is within another file."""
    given: Path | None = None
    """The path as its folder was given, which may be a relative one."""

    def content(self, most: int) -> bytes | None:
        """Return its content; ``None`` for more than `most` bytes, or where it cannot be read any more."""
        with suppress(OSError):
            if self.size <= most:
                return self.read()
        return None


class KeptFiles:
    """Which addresses of which runs have a file: a display shows it, and not an address that ends.

    An address alone has none: it may have been another file for each run that lists it, and a stranger's file may list
    one's own addresses.

    Examples
    --------
    >>> kept, here = KeptFiles(), Path(__file__)
    >>> kept.note("https://x.test/latest", "run 1", here)
    >>> kept.get("https://x.test/latest", "run 1").path == here, kept.get("https://x.test/latest", "run 2")
    (True, None)
    """

    def __init__(self) -> None:
        self._paths: dict[tuple[str, str], tuple[Path, Path]] = {}
        """As the folder was given, and absolute: the working directory may change."""
        self._later: dict[Hashable, Callable[[], None]] = {}
        self._finding = threading.RLock()
        """Who asks while another thread finds what was left for later waits for it."""
        self._archived: dict[tuple[str, str], KeptFile] = {}

    def note(self, url: str, run: str, path: Path) -> None:
        """Remember the file of an address that a run (`Run.identity`) lists."""
        self._paths[url, run] = path, path.absolute()

    def note_later(self, of: Hashable, find: Callable[[], None]) -> None:
        """Have `find` note the files of one batch when the first file is asked for: one that shows none is not read.

        What was given for the same batch before is replaced.
        """
        self._later[of] = find

    def forget_later(self) -> None:
        """Find nothing of what was left for later: the stores that would be read for it were closed."""
        self._later.clear()

    def note_archived(self, files: Mapping[tuple[str, str], KeptFile], owner: object) -> None:
        """Remember files within another one, by address and run, as long as `owner` lives."""
        self._archived.update(files)
        weakref.finalize(owner, self._forget, tuple(files)).atexit = False

    def _forget(self, places: Iterable[tuple[str, str]]) -> None:
        for place in places:
            self._archived.pop(place, None)

    def get(self, url: str, run: str) -> KeptFile | None:
        """Return the file of an address; ``None`` where it has none, or has one no longer.

        One in a folder of this machine comes before one within another file.
        """
        with self._finding:
            while self._later:
                self._later.popitem()[1]()
        if (paths := self._paths.get((url, run))) is not None:
            given, path = paths
            with suppress(OSError):
                return KeptFile(f"saved as {given}", path.stat().st_size, path.read_bytes, path, given)
        return self.archived(url, run)

    def archived(self, url: str, run: str) -> KeptFile | None:
        """Return the file of an address within another file."""
        return self._archived.get((url, run))


KEPT_FILES: Final = KeptFiles()
"""Those of this process."""


class ByteBudget:
    """How many bytes may still be written: to one file, and to all of several files.

    Examples
    --------
    >>> total = ByteBudget(10)
    >>> one = ByteBudget(8, total)
    >>> one.take(8), one.take(1) is one, ByteBudget(8, total).take(3) is total
    (None, True, True)
    """

    def __init__(self, most: int, total: ByteBudget | None = None) -> None:
        self.most = most
        self.used = 0
        self._total = total

    def take(self, size: int) -> ByteBudget | None:
        """Use so many bytes; return the budget that does not have them, and use none then."""
        if (exceeded := self.exceeded_by(size)) is not None:
            return exceeded
        for budget in self._budgets:
            budget.used += size
        return None

    def exceeded_by(self, size: int) -> ByteBudget | None:
        """Return the budget that does not have so many bytes."""
        return next((budget for budget in self._budgets if budget.used + size > budget.most), None)

    @property
    def _budgets(self) -> tuple[ByteBudget, ...]:
        return (self,) if self._total is None else (self, self._total)

    def give_back(self) -> None:
        """Return what was used: the file was not saved."""
        if self._total is not None:
            self._total.used -= self.used
        self.used = 0
