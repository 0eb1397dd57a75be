"""The version of a user's function: a hash of its source and of what it reads, under which its scores are kept.

Rule of this file: better scored again than scored by an old function. The hash is of the function's source (comments
and blank lines do not count), its default arguments, the constants that it reads (globals and closures alike), the
versions of the modules, classes and functions of libraries that it reads, and the same of every other Python function
that it calls. A function that reads anything else (a list, a client, a DataFrame), changes a variable from outside, or
has no source has no version: its scores are not kept, unless ``version=`` gives one. What a function reads at run time
(a file, a service, the time) is not detected.
"""

from __future__ import annotations
import __future__

import ast
import dis
import linecache
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from hashlib import sha256
from itertools import chain
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final

from fh_notebook.comparing.scorer_base import Scorer
from fh_notebook.spelling import type_text

__all__ = ["NoVersionError", "version_of", "versioned"]

PYTHON: Final = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
"""The version of builtins and of the standard library."""
INSTALLED: Final = frozenset({"site-packages", "dist-packages"})
"""Folders of installed libraries, whose functions count by the version of their module."""
FUTURE: Final = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
"""The bits of ``co_flags`` that future imports set: a notebook's cell inherits them from earlier cells."""
READS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
"""Instructions that read a global."""
WRITES: Final = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"})
"""Instructions that change a global, or a variable of a closure or that a function inside uses."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class NoVersionError(Exception):
    """A function has no version; the text says why."""


def versioned(scorer: Scorer) -> Scorer:
    """Return `scorer` with the version that its function has now; a version that is fixed stays as it is."""
    if scorer.hashed is None:
        return scorer
    try:
        return replace(scorer, version=f"{scorer.name} {version_of(scorer.hashed)}", unversioned="")
    except NoVersionError as exc:
        return replace(scorer, version=None, unversioned=str(exc))


def version_of(function: Callable[..., Any]) -> str:
    """Return the hash of `function`.

    Raises
    ------
    NoVersionError
        A change of the function could not be detected.

    Examples
    --------
    >>> least = 3
    >>> def is_long(run): return len(run.text) > least
    >>> before = version_of(is_long)
    >>> least = 4
    >>> version_of(is_long) == before
    False
    >>> version_of([].count)
    Traceback (most recent call last):
    ...
    fh_notebook.comparing.scorer_version.NoVersionError: it is a builtin_function_or_method
    """
    walk = _Walk()
    walk.add(function, "")
    return sha256(repr(walk.parts).encode()).hexdigest()[:32]


class _Walk:
    """The parts of a hash, in the order in which they were read."""

    def __init__(self) -> None:
        self.parts = [PYTHON]
        self._seen: dict[int, int] = {}

    def add(self, value: Any, name: str) -> None:
        """Add what the function reads under `name`; the function itself has none."""
        if _is_constant(value):
            self.parts.append(f"{name} = {value!r}")
        elif isinstance(value, ModuleType):
            self.parts.append(f"{name} = {_library(value.__name__, name)}")
        elif isinstance(value, Scorer) and value.hashed is not None:
            self.add(value.hashed, name)
        elif isinstance(value, Scorer) and value.version is not None:
            self.parts.append(f"{name} = {value.version}")
        elif isinstance(value, partial):
            self.parts.append(f"{name} = partial")
            for label, part in chain([(name, value.func)], enumerate(value.args), value.keywords.items()):
                self.add(part, str(label))
        elif _is_of_library(value):
            self.parts.append(f"{name} = {_library(value.__module__, name)} {value.__qualname__}")
        elif isinstance(value, FunctionType):
            self._add_function(value, name)
        else:
            raise NoVersionError(f"it reads {name}, {type_text(value)}" if name else f"it is {type_text(value)}")

    def _add_function(self, function: FunctionType, name: str) -> None:
        if id(function) in self._seen:
            self.parts.append(f"{name} = function {self._seen[id(function)]}")
            return
        self._seen[id(function)] = len(self._seen)
        definition = _definition_of(function)
        self.parts.append(f"{name} = {ast.unparse(definition)}")
        for label, value in _reads_of(function):
            self.add(value, label)
        for module in _imports_of(definition):
            self.parts.append(f"import {_library(module, module)}")


def _is_constant(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_constant, value))
    return value is None or type(value) in (bool, int, float, str, bytes)


def _is_of_library(value: Any) -> bool:
    """Whether it is a class, a function written in C, or one of an installed library, which its module has by its name.

    What a library's decorator returns is none of these: its module does not have it.
    """
    if not isinstance(value, type | BuiltinFunctionType | FunctionType):
        return False
    if getattr(sys.modules.get(value.__module__), value.__qualname__, None) is not value:
        return False
    return (
        not isinstance(value, FunctionType)
        or _is_standard(value.__module__)
        or not INSTALLED.isdisjoint(PurePath(value.__code__.co_filename).parts)
    )


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _library(module: str, name: str) -> str:
    """Return a module of a library with its version.

    Raises
    ------
    NoVersionError
        It has none.
    """
    if _is_standard(module):
        return module
    version = getattr(sys.modules.get(module.partition(".")[0]), "__version__", None)
    if not isinstance(version, str):
        raise NoVersionError(f"it reads {name or module}, and the module {module} has no __version__")
    return f"{module} {version}"


def _definition_of(function: FunctionType) -> Definition:
    """Return the syntax tree of a function.

    Raises
    ------
    NoVersionError
        The source is not there, is not that of the code (the file was edited after it was imported), or defines another
        function of this name in the same line.
    """
    code = function.__code__
    linecache.checkcache(code.co_filename)
    source = "".join(linecache.getlines(code.co_filename, function.__globals__))
    definitions, codes = _compiled(source, code.co_flags & FUTURE)
    if code not in codes:
        raise NoVersionError(f"the source of {code.co_name} is not known")
    found = [one for one in definitions if _place(one) == (code.co_firstlineno, code.co_name)]
    if len(found) > 1:
        raise NoVersionError(f"its line defines {len(found)} functions {code.co_name}, which cannot be told apart")
    return found[0]


@lru_cache(maxsize=8)
def _compiled(source: str, future: int) -> tuple[list[Definition], list[CodeType]]:
    """Return the functions that a file or a cell defines: as syntax, and as code."""
    with warnings.catch_warnings(action="ignore"):  # the import has shown those of the compiler
        try:
            tree = ast.parse(source)
            # A cell may await outside of a function.
            whole = compile(tree, "", "exec", flags=future | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return [], []
    return [node for node in ast.walk(tree) if isinstance(node, Definition)], list(_codes_in(whole))


def _place(definition: Definition) -> tuple[int, str]:
    """Return the first line, that of a decorator too, and the name."""
    if isinstance(definition, ast.Lambda):
        return definition.lineno, "<lambda>"
    return min(node.lineno for node in (definition, *definition.decorator_list)), definition.name


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield a code and those of the functions inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes_in(constant)


def _reads_of(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what a function reads by name: its default arguments, then variables of its closure, then globals.

    Raises
    ------
    NoVersionError
        It changes one of the variables: a counter is no constant. Or one has no value yet.
    """
    code, defaults = function.__code__, function.__defaults__ or ()
    yield from zip(code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()
    read = set()
    for step in chain.from_iterable(map(dis.get_instructions, _codes_in(code))):
        if step.opname in WRITES and (step.opname.endswith("GLOBAL") or step.argval in code.co_freevars):
            raise NoVersionError(f"it changes {step.argval}")
        if step.opname in READS:
            read.add(step.argval)
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            raise NoVersionError(f"it reads {name}, which has no value yet") from None
    for name in sorted(read & function.__globals__.keys()):
        yield name, function.__globals__[name]


def _imports_of(definition: Definition) -> Iterator[str]:
    """Yield the modules that a function imports; a relative one begins with a dot, and is of no library."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
