"""Effects of a reader of hostile text on the machine, told by the interpreter itself.

Rule of this file: the interpreter's audit hook sees what no assertion on a return value can: that something was
executed, unpickled, opened for writing, or connected to. A hook cannot be taken off again, so there is one, and it
writes down only while somebody watches. The garbage collector waits meanwhile: in whichever thread it runs, it ends what
others have left (a temporary folder is removed), and that would be seen, too.

A hook in Python lets another thread have its turn, also while a starting thread installs coverage's trace function;
CPython 3.11 refuses the other thread's then, which ends before it has run. So nothing in Python is called while nobody
watches, and while somebody does, a thread keeps its turn until it waits.
"""

from __future__ import annotations

import gc
import operator
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

__all__ = ["Seen", "watching"]

_BAD: Final = frozenset({
    "exec", "marshal.loads", "pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork",
    "os.symlink", "os.link", "os.chmod", "os.remove", "os.rename", "os.mkdir", "shutil.rmtree", "urllib.Request",
    "socket.connect", "socket.getaddrinfo", "socket.bind", "ctypes.dlopen", "webbrowser.open", "code.__new__",
})  # fmt: skip
"""CPython's own names of what reading a text never needs (docs.python.org, "Audit events table")."""


_OF_PATHS: Final = frozenset({"os.symlink", "os.link", "os.chmod", "os.remove", "os.rename", "os.mkdir"})
"""Those whose first argument is the path that changes."""


class Seen(list[str]):
    """What was done while it watched, in a few words each."""

    def __init__(self, inside: Path | None, ignore: frozenset[str]) -> None:
        self.thread = threading.get_ident()
        self.inside = None if inside is None else str(inside.resolve())
        self.ignore = ignore

    def note(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and _writes(args):
            where = args[0] if isinstance(args[0], str | bytes) else None
            if where is not None and not self._is_inside(os.fsdecode(where)):
                self.append(f"open for writing: {os.fsdecode(where)}")
        elif event in _OF_PATHS and self._is_inside(os.fsdecode(args[0])):
            pass
        elif (
            event in _BAD
            and event not in self.ignore
            and not _is_import(event)
            and "<attrs generated" not in repr(args)
        ):
            self.append(f"{event}: {args!r}"[:300])

    def _is_inside(self, path: str) -> bool:
        return self.inside is not None and os.path.realpath(path).startswith(self.inside + os.sep)


_watching: list[Seen] = []


def _writes(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    if isinstance(mode, str):
        return any(sign in mode for sign in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _is_import(event: str) -> bool:
    """Whether a module is being imported just now: that executes code, of a file that is installed."""
    if event not in ("exec", "marshal.loads", "ctypes.dlopen", "code.__new__"):
        return False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    here = threading.get_ident()
    for seen in _watching:
        if seen.thread == here:
            seen.note(event, args)


_IDLE: Final = operator.is_
"""A function in C that takes what a hook is called with, and does nothing."""
_installed_hook: Final = partial(_IDLE)
"""What the interpreter calls: `_IDLE`, or `_hook` while somebody watches."""
_TURN_S: Final = 60.0
"""How long a thread keeps its turn while somebody watches, unless it waits: longer than a busy machine stands still."""


def _let_hook_call(function: object) -> None:
    _installed_hook.__setstate__((function, (), {}, None))  # type: ignore[attr-defined]  # as unpickling one does


_installed = False


@contextmanager
def watching(*, inside: Path | None = None, ignore: frozenset[str] = frozenset()) -> Iterator[Seen]:
    """Yield what this thread does to the machine; files inside a folder may be written."""
    global _installed
    if not _installed:
        sys.addaudithook(_installed_hook)
        _installed = True
    seen = Seen(inside, ignore)
    collects, turn = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(_TURN_S)
    _watching.append(seen)
    _let_hook_call(_hook)
    try:
        yield seen
    finally:
        _watching.remove(seen)
        if not _watching:
            _let_hook_call(_IDLE)
        sys.setswitchinterval(turn)
        if collects:
            gc.enable()
