"""A user's function as a scorer, ``(run)`` or ``(run, row)``, sync or async; and the version by which its scores are
cached.

The function is called as it is; its signature says what it needs.

The version is a hash of the function's source (without comments and blank lines), its default arguments, the constants
that it reads (globals and closures alike), the versions of the modules, classes and functions of libraries that it
reads, and the same of every other Python function that it calls. A function that reads anything else (a list, a client,
a DataFrame), changes a variable from outside, or has no source has no version: its scores are not cached, unless
``version=`` gives one. It is better to score again than to use the score of an old function. What a function reads at
run time (a file, a service, the time) is not detected.
"""

from __future__ import annotations
import __future__

import ast
import dis
import inspect
import linecache
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from hashlib import sha256
from itertools import chain
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Final, overload

from fh_notebook.comparing.scorers.base import Scorer, number_of
from fh_notebook.contract.run import Run
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import short, type_text
from fh_notebook.errors import InputError

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
    fh_notebook.comparing.scorers.function.NoVersionError: it is a builtin_function_or_method
    """
    walk = _FunctionHash()
    walk.add(function, "")
    return sha256(repr(walk.parts).encode()).hexdigest()[:32]


class _FunctionHash:
    """The parts of the hash of a function, in the order of reading."""

    def __init__(self) -> None:
        self.parts = [PYTHON]
        self._numbers: dict[int, int] = {}

    def add(self, value: Any, name: str) -> None:
        """Add what the function reads under `name`; the function itself has none."""
        if _is_constant(value):
            self.parts.append(f"{name} = {value!r}")
        elif isinstance(value, ModuleType):
            self.parts.append(f"{name} = {_library_version(value.__name__, name)}")
        elif isinstance(value, Scorer) and value.hashed is not None:
            self.add(value.hashed, name)
        elif isinstance(value, Scorer) and value.version is not None:
            self.parts.append(f"{name} = {value.version}")
        elif isinstance(value, partial):
            self.parts.append(f"{name} = partial")
            for label, part in chain([(name, value.func)], enumerate(value.args), value.keywords.items()):
                self.add(part, str(label))
        elif _is_of_library(value):
            self.parts.append(f"{name} = {_library_version(value.__module__, name)} {value.__qualname__}")
        elif isinstance(value, FunctionType):
            self._add_function(value, name)
        else:
            raise NoVersionError(f"it reads {name}, {type_text(value)}" if name else f"it is {type_text(value)}")

    def _add_function(self, function: FunctionType, name: str) -> None:
        if id(function) in self._numbers:
            self.parts.append(f"{name} = function {self._numbers[id(function)]}")
            return
        self._numbers[id(function)] = len(self._numbers)
        definition = _definition_of(function)
        self.parts.append(f"{name} = {ast.unparse(definition)}")
        for label, value in _reads_of(function):
            self.add(value, label)
        for module in _imports_of(definition):
            self.parts.append(f"import {_library_version(module, module)}")


def _is_constant(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_constant, value))
    return value is None or type(value) in (bool, int, float, str, bytes)


def _is_of_library(value: Any) -> bool:
    """Whether it is a class, a C function or a library function that its module has under its name.

    The result of a library's decorator is none: its module does not have it.
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


def _library_version(module: str, name: str) -> str:
    """Return a module of a library with its version."""
    if _is_standard(module):
        return module
    version = getattr(sys.modules.get(module.partition(".")[0]), "__version__", None)
    if not isinstance(version, str):
        raise NoVersionError(f"it reads {name or module}, and the module {module} has no __version__")
    return f"{module} {version}"


def _definition_of(function: FunctionType) -> Definition:
    """Return the syntax tree of a function."""
    code = function.__code__
    linecache.checkcache(code.co_filename)
    source = "".join(linecache.getlines(code.co_filename, function.__globals__))
    definitions, codes = _compile(source, code.co_flags & FUTURE)
    if code not in codes:
        raise NoVersionError(f"the source of {code.co_name} is not known")
    matches = [
        definition
        for definition in definitions
        if _first_line_and_name(definition) == (code.co_firstlineno, code.co_name)
    ]
    if len(matches) > 1:
        raise NoVersionError(
            f"its line defines {len(matches)} functions named {code.co_name}, which cannot be distinguished"
        )
    return matches[0]


@lru_cache(maxsize=8)
def _compile(source: str, future: int) -> tuple[list[Definition], list[CodeType]]:
    """Return the functions that a file or a cell defines: as syntax, and as code."""
    with warnings.catch_warnings(action="ignore"):  # the import has shown those of the compiler
        try:
            tree = ast.parse(source)
            # A cell may await outside of a function.
            code = compile(tree, "", "exec", flags=future | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return [], []
    return [node for node in ast.walk(tree) if isinstance(node, Definition)], list(_codes_in(code))


def _first_line_and_name(definition: Definition) -> tuple[int, str]:
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
    """Yield what a function reads by name: its default arguments, then variables of its closure, then globals."""
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


AT_ONCE: Final = 8
"""How many runs an async scorer scores at once, unless it says otherwise."""


_READY: Final = f"{__package__}.registry"
"""The module whose functions return scorers. It imports this module, so it is looked up at the call."""


@overload
def scorer(
    function: Callable[..., Any],
    *,
    name: str | None = ...,
    version: str | int | None = ...,
    max_concurrency: int = ...,
    lower_is_better: bool = ...,
    bounds: tuple[float, float] | None = ...,
) -> Scorer: ...


@overload
def scorer(
    function: None = ...,
    *,
    name: str | None = ...,
    version: str | int | None = ...,
    max_concurrency: int = ...,
    lower_is_better: bool = ...,
    bounds: tuple[float, float] | None = ...,
) -> Callable[[Callable[..., Any]], Scorer]: ...


@arguments.public
def scorer(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    version: str | int | None = None,
    max_concurrency: int = AT_ONCE,
    lower_is_better: bool = False,
    bounds: tuple[float, float] | None = None,
) -> Scorer | Callable[[Callable[..., Any]], Scorer]:
    """Return your own function as a scorer; also a decorator. ``compare(..., score=function)`` does this itself.

    Parameters
    ----------
    function : function of a run, or of a run and its row
        Gives true, false, a number, an object of such parts (``score`` among them is the score, else their mean is), or
        ``None`` for no score. It may be async: it then runs on the background loop.
    name : str, optional
        What stands above the table; the function's own by default.
    version : str or int, optional
        Under which its scores are saved: it is scored anew when you give another one. By default a hash of its source,
        its default arguments, the constants that it reads, the versions of the libraries that it reads, and the same of
        the Python functions that it calls. A function that reads anything else, such as a list or a client, or has no
        source has no version: its scores are not saved, and one line says so.
    max_concurrency : int
        How many runs an async function scores at once.
    lower_is_better : bool
        As with seconds, or with errors.
    bounds : (lowest, highest), optional
        Between which its scores are, such as 1 and 5: no interval of a mean leaves them. By default what the scores
        show: 0 to 1, -1 to 1, from 0 on, or any number.

    Raises
    ------
    InputError
        It is no function, or the options cannot be meant.

    Examples
    --------
    >>> @scorer(version=2)
    ... def words(run):
    ...     return len(run.text.split())
    >>> words(Run(status="completed", output="one two")), words.version
    (2, 'words 2')
    """
    arguments.check(scorer, locals(), but={"bounds"})
    if function is None:
        return lambda given: _make_scorer(given, name, version, max_concurrency, lower_is_better, bounds)
    return _make_scorer(function, name, version, max_concurrency, lower_is_better, bounds)


def scorer_of(function: Any) -> Scorer:
    """Return the scorer of a function that was given as a score."""
    return _make_scorer(function, None, None, AT_ONCE, False, None)


def _make_scorer(
    function: Callable[..., Any],
    name: str | None,
    version: str | int | None,
    max_concurrency: int,
    lower: bool,
    bounds: Any,
) -> Scorer:
    if not callable(function):
        raise InputError(
            f"score is {short(function)}; give a column's name, a function of a run, or None (further scores are added "
            "by cmp.add_score(...))"
        )
    called = getattr(function, "__name__", "")
    if inspect.isfunction(function) and getattr(sys.modules.get(_READY), called, None) is function:
        raise InputError(f"score is fh.score.{called} itself, which makes a scorer; call it: fh.score.{called}(...)")
    if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int) or max_concurrency < 1:
        raise InputError(f"max_concurrency is {short(max_concurrency)}; give a whole number, at least 1")
    if version is not None and (isinstance(version, bool) or not isinstance(version, str | int) or version == ""):
        raise InputError(
            f"version is {short(version)}; give a string or a number, and a new one when the function changes"
        )
    ends = None if bounds is None else _checked_bounds(bounds)
    scorer_name = name or str(getattr(function, "name", "") or getattr(function, "__name__", "") or "score")
    reads_row = _takes_row(function)

    def score(run: Run, row: Mapping[str, Any]) -> Any:
        return function(run, dict(row)) if reads_row else function(run)

    return versioned(
        Scorer(
            scorer_name,
            score,
            version=None if version is None else f"{scorer_name} {version}",
            lower_is_better=lower,
            bounds=ends,
            reads_row=reads_row,
            is_async=_is_async(function),
            max_concurrency=max_concurrency,
            hashed=function if version is None else None,
        )
    )


def _checked_bounds(bounds: Any) -> tuple[float, float]:
    low, high = map(number_of, bounds) if isinstance(bounds, tuple | list) and len(bounds) == 2 else (None, None)
    if low is None or high is None or low >= high:
        raise InputError(f"bounds is {short(bounds)}; give (lowest, highest), two numbers")
    return low, high


def _is_async(function: Callable[..., Any]) -> bool:
    """Whether it is ``async def``, or an object whose class has an async ``__call__``."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _takes_row(score: Callable[..., Any]) -> bool:
    """Whether a scorer is ``(run, row)``: its second parameter has no default, or is called ``row``."""
    try:
        parameters = list(inspect.signature(score).parameters.values())
    except (TypeError, ValueError):  # some functions written in C have no signature
        return False
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return True
    return len(places) > 1 and (places[1].default is places[1].empty or places[1].name == "row")
