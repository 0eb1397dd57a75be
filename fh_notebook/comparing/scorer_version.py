"""The version of a user's function: a hash of all that can change what it gives, or ``None`` where that cannot be told.

Rule of this file: better scored again than scored by an old function. What goes in: the compiled code with its
constants and those of functions inside of it, defaults, what it closes over, the globals that it names, and so on for
every Python function among these; modules by their version, the standard library by Python's. Where one of these is
something else (a client, a DataFrame, an object of a class of yours, a module without a version) its content cannot be
told, and the function has no version: its scores are not kept, unless ``version=`` says one. What the function itself
writes to (a counter, a list that it appends to) is no constant, and does not count. What it reads from outside (a file,
a service, the time) is not seen.
"""

from __future__ import annotations

import dis
import functools
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final

from fh_notebook.comparing.scorer_base import Scorer
from fh_notebook.comparing.scorer_state import codes_in, written_by

__all__ = ["version_of"]

MAX_CHARS: Final = 1_000_000
"""Of constants that are spelt out: a table of a function's own may be large, a corpus is not hashed at each call."""

PYTHON: Final = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
"""Bytecode and the standard library are those of a version of Python."""


class _Unknown(Exception):
    """Something whose content cannot be told."""


def version_of(function: Callable[..., Any]) -> str | None:
    """Return a hash of `function`, or ``None`` where it cannot be told whether it changed.

    Examples
    --------
    >>> least = 3
    >>> version_of(lambda run: len(run.text) > 3) == version_of(lambda run: len(run.text) > 3)
    True
    >>> version_of(lambda run: len(run.text) > 3) == version_of(lambda run: len(run.text) > 4)
    False
    >>> shelf = object()
    >>> version_of(lambda run: shelf is not None) is None
    True
    """
    spelling = _Spelling()
    try:
        spelling.take(function)
    except (_Unknown, RecursionError):
        return None
    return sha256("\n".join((PYTHON, *spelling.parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class _Spelling:
    """All that was met, in the order in which it was met."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._met: dict[int, tuple[int, Any]] = {}
        self._chars = 0

    def _say(self, text: str) -> None:
        self._chars += len(text)
        if self._chars > MAX_CHARS:
            raise _Unknown
        self.parts.append(text)

    def take(self, value: Any) -> None:
        """Spell a value out.

        Raises
        ------
        _Unknown
            It, or something that it is made of, cannot be.
        """
        if value is None or value is ... or type(value) in (bool, int, float, complex, str, bytes):
            self._say(f"{type(value).__name__} {value!r}")
            return
        if id(value) in self._met:  # itself, or met before: its content stands there
            self._say(f"again {self._met[id(value)][0]}")
            return
        self._met[id(value)] = (len(self._met), value)  # held, so that its id stays its own
        self._of_kind(value)

    def _of_kind(self, value: Any) -> None:
        if isinstance(value, CodeType):
            self._code(value)
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, functools.partial):
            self._items("partial", (value.func, value.args, dict(value.keywords)))
        elif isinstance(value, ModuleType):
            self._say(f"module {_versioned(value.__name__)}")
        elif isinstance(value, BuiltinFunctionType | type):
            self._named(value)
        elif isinstance(value, Scorer):
            self._say(f"scorer {_known(value.version)}")
        elif type(value) in (tuple, list):
            self._items(type(value).__name__, value)
        elif type(value) in (set, frozenset):
            self._items(type(value).__name__, sorted(value, key=repr))
        elif type(value) is dict:
            self._items("dict", [part for pair in value.items() for part in pair])
        else:
            raise _Unknown

    def _items(self, kind: str, items: Any) -> None:
        self._say(f"{kind} {len(items)}")
        for item in items:
            self.take(item)

    def _named(self, value: Any) -> None:
        """Take a class, or a function written in C: they are of a module, whose version counts."""
        if getattr(value, "__self__", None) is not None and not isinstance(value.__self__, ModuleType):
            raise _Unknown  # a method of an object
        self._say(f"{_versioned(value.__module__ or 'builtins')} {value.__qualname__}")

    def _function(self, function: FunctionType) -> None:
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            self.take(wrapped)
        self.take(function.__code__)
        self._items("defaults", function.__defaults__ or ())
        self.take(dict(function.__kwdefaults__ or {}))
        written = written_by(function.__code__)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        self._items("closure", [_inside(cell) for name, cell in cells if name not in written])
        outer = function.__globals__
        for name in sorted(set(_globals_of(function.__code__)) - written):
            if name in outer:
                self._say(f"global {name}")
                self.take(outer[name])
            else:
                self._say(f"builtin {name}")  # or not there: then it raises, and that is not kept
        for name in sorted(set(_imports_of(function.__code__))):
            self._say(f"import {_versioned(name)}")

    def _code(self, code: CodeType) -> None:
        # Names of variables, lines and files do not matter; the bytecode is without what the interpreter learned.
        self._say(f"code {code.co_code.hex()} {code.co_names} {code.co_freevars} {code.co_cellvars} {code.co_flags}")
        self._say(
            f"{code.co_argcount} {code.co_posonlyargcount} {code.co_kwonlyargcount} {code.co_exceptiontable.hex()}"
        )
        if code.co_kwonlyargcount:
            self._say(repr(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]))
        self._items("constants", code.co_consts)


def _inside(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is not set yet
        raise _Unknown from None


def _known(version: str | None) -> str:
    if version is None:
        raise _Unknown
    return version


def _versioned(module: str) -> str:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return module
    loaded = sys.modules.get(top)
    version = getattr(loaded, "__version__", None)
    if not isinstance(version, str):
        raise _Unknown
    return f"{module} {version}"


def _globals_of(code: CodeType) -> Iterator[str]:
    for part in codes_in(code):
        for step in dis.get_instructions(part):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                yield str(step.argval)


def _imports_of(code: CodeType) -> Iterator[str]:
    for part in codes_in(code):
        for step in dis.get_instructions(part):
            if step.opname == "IMPORT_NAME":
                yield str(step.argval)
