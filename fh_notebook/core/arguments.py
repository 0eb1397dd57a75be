"""Checks of the arguments of public functions: an error in one sentence before anything is done.

Rule of this file: what an argument takes is read from the function's own annotation, once; so a signature, its help and
its check say the same. A check asks what a value is, and runs nothing of it: no `__eq__`, `__repr__` or `__bool__` of
somebody else's. Nothing is caught: an error that comes after the checks is a defect of ours and surfaces as itself.

::

    def history(deployment: str | Deployment | None = None, *, limit: int = 100) -> pd.DataFrame:
        check(history, locals())          # limit is 'ten'; give a whole number

It is a call at the head, not a decorator, since a wrapper has not bound the arguments to names. What an annotation
cannot say (a range, names that are known, ``Any``), the function looks at itself.

A call that does not fit the signature never reaches that head: Python itself raises. `public` decorates every public
function and class, and raises an error in its place that names the parameter that was meant.

Keywords that several functions take are defined once, as a `TypedDict`: each function takes them as
``**options: Unpack[...]``, `explicit_signature` shows them as keywords of its own, and `check` checks them as such. A
function that only hands them on begins with `check_names`, since any of its callers' values may be a key.
"""

from __future__ import annotations

import ast
import difflib
import functools
import inspect
import math
import numbers
import os
import sys
import warnings
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import FunctionType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin
from weakref import WeakKeyDictionary

from fh_notebook.core.redaction import NoSecret, Secret
from fh_notebook.core.text.formatting import in_words, listed, short, type_text, with_article
from fh_notebook.core.text.html import printable
from fh_notebook.core.values import UNSET, is_real
from fh_notebook.errors import InputError, SettingsError

C = TypeVar("C", bound=Callable[..., Any])

MAX_BITS: Final = 13_000
"""Python refuses to spell longer integers (4,300 digits)."""
MAX_EXPONENT: Final = 1_023
"""Integers of more bits have no float."""


class ArgumentError(InputError, SettingsError, TypeError):
    """An argument is of a wrong kind: whoever catches wrong inputs, wrong settings or wrong types catches it."""


class RemovedError(SettingsError, AttributeError):
    """A public name of an earlier release was removed; the message says what to use instead."""


class NotSettableError(SettingsError, AttributeError):
    """A public attribute was set that can only be read; the message says what to set instead."""


class UnknownNameError(SettingsError, AttributeError):
    """The package has no such public name.

    Parameters
    ----------
    name : str
        What was read.
    names : sequence of str
        The public names.

    Examples
    --------
    >>> raise UnknownNameError("compar", ["batch", "compare"])
    Traceback (most recent call last):
        ...
    fh_notebook.core.arguments.UnknownNameError: fh_notebook has no 'compar'; did you mean fh.compare?
    """

    def __init__(self, name: str, names: Sequence[str]) -> None:
        close = _nearest_names([name], names)
        hint = f"did you mean fh.{close[0]}?" if close else "dir(fh_notebook) lists what it has"
        super().__init__(f"fh_notebook has no {short(name)}; {hint}")


class RemovedName:
    """A public name of an earlier release in its class: to read it of an object raises `RemovedError`.

    `hasattr` is false. A class with such names takes `current_names` for its ``__dir__``. It is no
    ``__getattr__``, since IPython completes nothing behind an object that has one.

    Parameters
    ----------
    message : str
        What is said: that it was removed, and what to use instead.

    Examples
    --------
    >>> class Table:
    ...     __dir__ = current_names
    ...     draw = RemovedName("table.draw was removed; use table.plot")
    >>> hasattr(Table(), "draw"), "draw" in dir(Table())
    (False, False)
    >>> Table().draw
    Traceback (most recent call last):
        ...
    fh_notebook.core.arguments.RemovedError: table.draw was removed; use table.plot
    """

    def __init__(self, message: str) -> None:
        self.message = message

    def __get__(self, instance: object, owner: type | None = None) -> RemovedName:
        if instance is None:
            return self
        raise RemovedError(self.message)


class RenamedName:
    """A public name of an earlier release that has another name now: to read it warns, and returns the other one.

    Parameters
    ----------
    new : str
        The attribute that it is now.
    message : str
        The warning: that it was renamed, and what to use instead.

    Examples
    --------
    >>> class Table:
    ...     __dir__ = current_names
    ...     plot = "a plot"
    ...     draw = RenamedName("plot", "table.draw was renamed; use table.plot")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     Table().draw, [str(warning.message) for warning in caught]
    ('a plot', ['table.draw was renamed; use table.plot'])
    """

    def __init__(self, new: str, message: str) -> None:
        self.new = new
        self.message = message

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        warnings.warn(self.message, DeprecationWarning, stacklevel=2)
        return getattr(instance, self.new)


def current_names(self: object) -> list[str]:
    """Return the names of an object that `dir` lists, without removed and renamed ones."""
    removed = {
        name
        for cls in type(self).__mro__
        for name, value in vars(cls).items()
        if isinstance(value, RemovedName | RenamedName)
    }
    return [name for name in object.__dir__(self) if name not in removed]


@dataclass(frozen=True, slots=True)
class ArgumentKind:
    """What an argument takes."""

    takes: str
    """In words, after "give"."""
    accepts: Callable[[Any], bool]

    def or_(self, other: ArgumentKind) -> ArgumentKind:
        """Return the kind of what is one of both."""
        return ArgumentKind(
            f"{self.takes}, or {other.takes}", lambda value: self.accepts(value) or other.accepts(value)
        )


def check(function: Any, given: Mapping[str, Any], *, but: Container[str] = ()) -> None:
    """Raise unless every argument is what the annotation of its parameter says.

    Examples
    --------
    >>> def double(number: int, times: int | None = None) -> int:
    ...     check(double, locals())
    ...     return 2 * number
    >>> double("2")
    Traceback (most recent call last):
    ...
    fh_notebook.core.arguments.ArgumentError: number is '2'; give a whole number
    """
    function = _undecorated(function)
    kinds = _KINDS.get(function)
    if kinds is None:
        kinds = _KINDS[function] = _kinds_of(function)
    if (keywords := _KEYWORDS.get(function)) is not None:
        options = given[keywords.parameter]
        check_names(function, options)
        given = {**given, **options}
    wrong = [
        (name, kind)
        for name, kind in kinds.items()
        if name in given and name not in but and not kind.accepts(given[name])
    ]
    if wrong:
        message = "; ".join(_describe_problem(name, given[name], kind) for name, kind in wrong)
        del given  # a traceback's frame must not have a key
        raise ArgumentError(message)


def check_names(function: Any, options: Any) -> None:
    """Raise unless `function` takes each of the keywords that it was given as ``**options``."""
    function = _undecorated(function)
    keywords = _KEYWORDS[function]
    unknown = [name for name in options if name not in keywords.annotations]
    if unknown:
        options.clear()
        raise ArgumentError(_describe_unknown(_call_text(function), unknown, keywords.every))


def public(target: C) -> C:
    """Decorate a public function or class: a call that does not fit the signature raises an `ArgumentError`.

    Of a class, the constructor and the public methods are decorated. Signatures, docstrings and types stay as they
    are. The wrapper is one frame more in a traceback, which IPython and pytest hide, and has no arguments in it then.

    Examples
    --------
    >>> @public
    ... def draw(shape: str, *, width: int = 1, colour: str = "black") -> None: ...
    >>> draw("circle", widht=2)
    Traceback (most recent call last):
    ...
    fh_notebook.core.arguments.ArgumentError: draw() has no parameter widht; did you mean width=?
    >>> draw("circle", "red", 2)
    Traceback (most recent call last):
    ...
    fh_notebook.core.arguments.ArgumentError: draw() takes only shape by position; did you mean colour= and width=?
    >>> draw()
    Traceback (most recent call last):
    ...
    fh_notebook.core.arguments.ArgumentError: draw() needs shape
    """
    if not isinstance(target, type):
        return cast("C", _with_own_errors(target, 0))
    for name, value in list(vars(target).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(value, FunctionType):
            setattr(target, name, _with_own_errors(value, 1))
        elif isinstance(value, classmethod):
            setattr(target, name, classmethod(_with_own_errors(value.__func__, 1)))
        elif isinstance(value, staticmethod):
            setattr(target, name, staticmethod(_with_own_errors(value.__func__, 0)))
    return target


def _with_own_errors(function: Any, bound: int) -> Any:
    """Return the function in a wrapper; `bound` is the number of arguments that are not the caller's (``self``)."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            return function(*args, **kwargs)
        except TypeError as exc:
            # Raised in the function, or by Python, which did not get as far as a frame of it.
            is_ours = exc.__traceback__ is not None and exc.__traceback__.tb_next is None
            message = _describe_call(function, args[bound:], kwargs, bound) if is_ours else ""
            if not message:
                raise
        finally:
            del args, kwargs  # a traceback's frame must not have a key
        raise ArgumentError(message)

    if inspect.iscoroutinefunction(function) and hasattr(inspect, "markcoroutinefunction"):
        inspect.markcoroutinefunction(call)
    return call


def _undecorated(function: Any) -> Any:
    """Return the function itself, of a class method or of one that is `public`."""
    function = getattr(function, "__func__", function)
    return getattr(function, "__wrapped__", function)


def _describe_call(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], bound: int) -> str:
    """Return why the arguments do not fit the signature, or "" if they do. Values are not shown: one may be a key."""
    parameters = list(inspect.signature(function).parameters.values())[bound:]
    takes = {p.kind for p in parameters}
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    left = [name for name in named if name not in (*positional[: len(args)], *kwargs)]
    called = _call_text(function)
    problems = []
    unknown = [name for name in kwargs if name not in named]
    if unknown and inspect.Parameter.VAR_KEYWORD not in takes:
        problems.append(_describe_unknown(called, unknown, left))
        left = [name for name in left if name not in _nearest_names(unknown, left)]
    if len(args) > len(positional) and inspect.Parameter.VAR_POSITIONAL not in takes:
        names = _fitting_names(function, args[len(positional) :], left)
        has_names = bool(named) or inspect.Parameter.VAR_KEYWORD in takes
        problems.append(_describe_surplus(called, positional, names, has_names=has_names))
        left = [name for name in left if name not in names]
    if twice := [name for name in positional[: len(args)] if name in kwargs]:
        problems.append(f"{called} was given {in_words(twice, 'and')} twice, by position and by name")
    if missing := [p.name for p in parameters if p.default is p.empty and p.name in left]:
        names = [name if name in positional else f"{name}=" for name in missing]
        problems.append(f"{'it also' if problems else called} needs {in_words(names, 'and')}")
    return "; ".join(problems)


def _nearest_names(unknown: Sequence[str], known: Sequence[str]) -> list[str]:
    return [close[0] for name in unknown if (close := difflib.get_close_matches(name, known, n=1))]


def _describe_unknown(called: str, unknown: Sequence[str], known: Sequence[str]) -> str:
    names = in_words([printable(name) for name in unknown])
    if close := _nearest_names(unknown, known):
        hint = f"did you mean {in_words([f'{name}=' for name in close], 'and')}?"
    else:
        hint = f"give {in_words([f'{name}=' for name in known])}" if known else "leave it out"
    return f"{called} has no parameter {names}; {hint}"


def _describe_surplus(called: str, positional: Sequence[str], fitting: Sequence[str], *, has_names: bool) -> str:
    if not has_names:
        return f"{called} takes no argument"
    by_position = f"only {in_words(positional, 'and')} by position" if positional else "named arguments only"
    hint = f"did you mean {in_words([f'{name}=' for name in fitting], 'and')}?" if fitting else "name the others"
    return f"{called} takes {by_position}; {hint}"


def _fitting_names(function: Any, values: Sequence[Any], names: Sequence[str]) -> list[str]:
    """Return for each value the first parameter that takes it, in the order of the signature."""
    kinds = _kinds_of(function)
    fitting: list[str] = []
    for value in values:
        left = [name for name in names if name not in fitting]
        fitting += [name for name in left if name not in kinds or kinds[name].accepts(value)][:1]
    return fitting


def _call_text(function: Any) -> str:
    """Return how a function is called: ``batch()``, ``Client()``, ``Batch.to_csv()``."""
    return f"{function.__qualname__.rpartition('<locals>.')[2].removesuffix('.__init__')}()"


def check_one(name: str, value: Any, annotation: str) -> None:
    """Raise unless a value is what an annotation says; for what is annotated ``Any`` and is not anything."""
    kind = _kind_of_text(annotation, {})
    if kind is not None and not kind.accepts(value):
        raise ArgumentError(_describe_problem(name, value, kind))


def check_one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise unless a value is one of the `choices`, for a check of the words that an annotation lists."""
    if value not in choices:
        raise InputError(f"{name} is {short(value)}; give {listed(choices)}")


def explicit_signature(options: Any, defaults: Mapping[str, Any] | None = None) -> Callable[[C], C]:
    """Decorate a function that takes ``**options: Unpack[options]``: its signature shows each option as a keyword.

    Completion, ``help()`` and :func:`check` take the keywords from there. The function is not wrapped.

    Examples
    --------
    >>> from typing import TypedDict, Unpack
    >>> class Size(TypedDict, total=False):
    ...     width: int | None
    >>> @explicit_signature(Size)
    ... def draw(shape: str, *, fill: bool = True, **options: Unpack[Size]) -> None:
    ...     check(draw, locals())
    >>> list(inspect.signature(draw).parameters)
    ['shape', 'width', 'fill']
    >>> draw("circle", hight=2)
    Traceback (most recent call last):
    ...
    fh_notebook.core.arguments.ArgumentError: draw() has no parameter hight; give width= or fill=
    """
    # From the class's own annotations: `get_type_hints` would evaluate names that are imported for types only.
    hints = options.__annotations__
    defaults = dict.fromkeys(hints) if defaults is None else defaults
    annotations = {name: getattr(hints[name], "__forward_arg__", hints[name]) for name in defaults}
    modules = {name: getattr(hints[name], "__forward_module__", "") for name in defaults}

    def decorate(function: C) -> C:
        signature = inspect.signature(function)
        parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        positional = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        keyword_only = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        keywords = [p for p in keyword_only if p.default is p.empty]
        keywords += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=annotation)
            for name, annotation in annotations.items()
        ]
        keywords += [p for p in keyword_only if p.default is not p.empty]
        setattr(function, "__signature__", signature.replace(parameters=[*positional, *keywords]))  # noqa: B010 - for mypy
        [parameter] = [p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD]
        _KEYWORDS[function] = _Keywords(parameter, annotations, modules, tuple(p.name for p in keywords))
        return function

    return decorate


@dataclass(frozen=True, slots=True)
class _Keywords:
    """What a function takes as ``**options``."""

    parameter: str
    annotations: Mapping[str, str]
    modules: Mapping[str, str]
    """Where each annotation was written: by names that are known there."""
    every: tuple[str, ...]
    """All keywords of the function."""


_KEYWORDS: Final[WeakKeyDictionary[Callable[..., Any], _Keywords]] = WeakKeyDictionary()


public(Secret)  # its module cannot import this one


def _describe_problem(name: str, value: Any, kind: ArgumentKind) -> str:
    if isinstance(value, str) and kind.takes.startswith("a string") and not _is_encodable(value):
        return f"{name} is {short(value)}, which holds half a character (a lone surrogate); give a valid string"
    if isinstance(value, Secret):
        is_taken = "fh.Secret" in kind.takes
        problem = "holds half a character (a lone surrogate)" if is_taken else "is an fh.Secret"
        return f"{name} {problem}; give {kind.takes}"
    if isinstance(value, NoSecret):
        return f"{name} is {with_article(value.type_name)}; give {kind.takes}"
    # A key in another form than a text is a key all the same.
    is_hidden = "fh.Secret" in kind.takes or "fh.Client" in kind.takes
    shown = type_text(value) if is_hidden else short(value)
    return f"{name} is {shown}; give {kind.takes}"


# --- from an annotation to a kind

_KINDS: Final[WeakKeyDictionary[FunctionType, dict[str, ArgumentKind]]] = WeakKeyDictionary()


def _kinds_of(function: FunctionType) -> dict[str, ArgumentKind]:
    """Return the kinds of a function's parameters; one that takes anything is left out."""
    code = function.__code__
    named = code.co_argcount + code.co_kwonlyargcount
    parameters = code.co_varnames[: named + bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)]
    several = parameters[named:]
    kinds = {}
    keywords = _KEYWORDS.get(function)
    annotations = {**function.__annotations__, **(keywords.annotations if keywords is not None else {})}
    for name in (*parameters, *(keywords.annotations if keywords is not None else ())):
        annotation = annotations.get(name)
        module = sys.modules.get(keywords.modules.get(name, "")) if keywords is not None else None
        names = function.__globals__ if module is None else vars(module)
        kind = _kind_of_text(annotation, names) if isinstance(annotation, str) else None
        if kind is not None:
            kinds[name] = _kind_of_each(kind) if name in several else kind
    return kinds


def _kind_of_each(kind: ArgumentKind) -> ArgumentKind:
    """Return the kind of ``*arguments`` and ``**arguments``."""
    return ArgumentKind(
        f"each {kind.takes}",
        lambda arguments: all(map(kind.accepts, arguments.values() if isinstance(arguments, dict) else arguments)),
    )


def _kind_of_text(annotation: str, names: Mapping[str, Any]) -> ArgumentKind | None:
    """Return the kind that an annotation says as a text; `names` has what aliases stand for."""
    return _kind(_AliasExpander(names).visit(ast.parse(annotation, mode="eval").body))


class _AliasExpander(ast.NodeTransformer):
    """Replaces a type alias (``DeliveryMode = Literal["direct", ...]``) by what it stands for."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self._names.get(node.id)
        if get_origin(value) in (Literal, Union, UnionType):
            return ast.parse(_source_of_alias(value), mode="eval").body
        return node


def _source_of_alias(alias: Any) -> str:
    """Return the source text of a type alias, as in an annotation."""
    if get_origin(alias) is Literal:
        return f"Literal[{', '.join(map(repr, get_args(alias)))}]"
    if get_origin(alias) in (Union, UnionType):
        return " | ".join(map(_source_of_alias, get_args(alias)))
    if alias is type(None):
        return "None"
    inner = [_source_of_alias(arg) for arg in get_args(alias) if not isinstance(arg, list)]
    name = getattr(get_origin(alias) or alias, "__name__", "Any")
    return f"{name}[{', '.join(inner)}]" if inner else name


def _kind(node: ast.expr) -> ArgumentKind | None:
    """Return the kind that an annotation says; ``None`` where it is anything, or nothing that is known here."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        left, right = _kind(node.left), _kind(node.right)
        return None if left is None or right is None else _either(left, right)
    if isinstance(node, ast.Constant):
        return _NONE if node.value is None else None
    if isinstance(node, ast.Subscript):
        return _kind_of_generic(node)
    return _BY_NAME.get(_name(node))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _either(left: ArgumentKind, right: ArgumentKind) -> ArgumentKind:
    if left is _TEXT and right is _PATH:  # a path that is a text
        return _PATH
    if right is _UNSET:  # accepted, and not advised
        return ArgumentKind(left.takes, lambda value: value is UNSET or left.accepts(value))
    alternatives = left.takes.split(", or ")
    is_listed = right.takes in alternatives or (right.takes == "a whole number" and "a number" in alternatives)
    return left if is_listed else left.or_(right)


def _kind_of_generic(node: ast.Subscript) -> ArgumentKind | None:
    name = _name(node.value)
    inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Literal":
        return _one_of([each.value for each in inner if isinstance(each, ast.Constant)])
    if name in ("Sequence", "Iterable", "list"):
        return _list_of(_kind(inner[0]))
    if name == "tuple" and inner:
        return _list_of(_kind(inner[0]), None if isinstance(inner[-1], ast.Constant) else len(inner))
    return _BY_NAME.get(name)


def _one_of(choices: list[Any]) -> ArgumentKind:
    """Return the kind of a value out of several; the function itself checks which ones are known."""
    literals = [repr(choice) for choice in choices]
    takes = " or ".join(part for part in (", ".join(literals[:-1]), literals[-1]) if part)
    types = {type(choice) for choice in choices}
    return ArgumentKind(takes, lambda value: type(value) in types or (str in types and isinstance(value, str)))


def _list_of(item: ArgumentKind | None, length: int | None = None) -> ArgumentKind:
    """Return the kind of the lists, other columns and iterators of items; an iterator's items are not looked at."""
    of = f" of {_PLURALS.get(item.takes, 'values')}" if item is not None else ""
    counted = f" of {length}" if length is not None and not of else ""

    def accepts(value: Any) -> bool:
        if isinstance(value, str | bytes | bytearray | memoryview | Mapping | type) or not isinstance(value, Iterable):
            return False
        if getattr(value, "ndim", 1) != 1:  # a DataFrame
            return False
        if isinstance(value, list | tuple | set | frozenset) or _package(value) in ("numpy", "pandas"):
            return (item is None or all(map(item.accepts, value))) and (length is None or len(tuple(value)) == length)
        return True

    return ArgumentKind(f"a list{of}{counted}", accepts)


def is_finite(value: Any) -> bool:
    """Whether it is a finite number, of Python or numpy, and no bool; 10**5000 is none: no float is as large."""
    if isinstance(value, bool) or not is_real(value):
        return False
    if isinstance(value, numbers.Rational):  # an integer, or a fraction of two
        return max(int(value.numerator).bit_length(), int(value.denominator).bit_length()) <= MAX_EXPONENT
    return math.isfinite(value)


def _is_whole(value: Any) -> bool:
    is_integer = not isinstance(value, bool) and is_real(value) and isinstance(value, numbers.Integral)
    return is_integer and int(value).bit_length() <= MAX_BITS


def _is_flag(value: Any) -> bool:
    """0 and 1 count, and so do the bools of numpy."""
    return (isinstance(value, int) and value in (0, 1)) or type(value).__name__ in ("bool", "bool_")


def is_column_name(value: Any) -> bool:
    """Whether a column may have it as its name: a text, or what else pandas makes names of."""
    if isinstance(value, str):
        return _is_encodable(value)
    if isinstance(value, tuple):  # of a column under several heads
        return all(map(is_column_name, value))
    if isinstance(value, numbers.Rational):
        return max(int(value.numerator).bit_length(), int(value.denominator).bit_length()) <= MAX_BITS
    return isinstance(value, numbers.Number | date | timedelta)


def column_text(name: Any) -> Any:
    """Return the name of a column as rows have it, a text; what names no column is returned as it is.

    Examples
    --------
    >>> column_text(5), column_text("label"), column_text(None)
    ('5', 'label', None)
    """
    return str(name) if is_column_name(name) else name


def _is_encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _is_path(value: Any) -> bool:
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    return isinstance(path, str) and path != "" and "\0" not in path and _is_writable(path)


def _is_writable(path: str) -> bool:
    """Whether a file can have the name: what `os.fsdecode` made of bytes that are no UTF-8 has halves of characters."""
    return all(not "\ud800" <= character <= "\udfff" or "\udc80" <= character <= "\udcff" for character in path)


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _instance_of(takes: str, *names: str) -> ArgumentKind:
    """Return the kind of the instances of classes by name, so that modules are not imported only for a check."""
    return ArgumentKind(takes, lambda value: any(cls.__name__ in names for cls in type(value).__mro__))


_NONE: Final = ArgumentKind("None", lambda value: value is None)
_UNSET: Final = ArgumentKind("UNSET", lambda value: value is UNSET)
_TEXT: Final = ArgumentKind("a string", lambda value: isinstance(value, str) and _is_encodable(value))
_PATH: Final = ArgumentKind("a path", _is_path)
_PLURALS: Final = {"a string": "strings", "a number": "numbers", "a whole number": "whole numbers"}

_BY_NAME: Final[dict[str, ArgumentKind]] = {
    "None": _NONE,
    "Unset": _UNSET,
    "str": _TEXT,
    "int": ArgumentKind("a whole number", _is_whole),
    "float": ArgumentKind("a number", is_finite),
    "Seconds": ArgumentKind(
        "a number", lambda value: is_finite(value) or (isinstance(value, float) and value == math.inf)
    ),
    "Whole": ArgumentKind(
        "a whole number", lambda value: _is_whole(value) or (is_finite(value) and value == int(value))
    ),
    "bool": ArgumentKind("True or False", _is_flag),
    "bytes": ArgumentKind("bytes", lambda value: isinstance(value, bytes | bytearray | memoryview)),
    "Mapping": ArgumentKind("a mapping of names to values", lambda value: isinstance(value, Mapping)),
    "dict": ArgumentKind("a dict", lambda value: isinstance(value, dict)),
    "Callable": ArgumentKind("a function", callable),
    "Secret": ArgumentKind("an fh.Secret", lambda value: isinstance(value, Secret) and _is_encodable(value.reveal())),
    "ColumnName": ArgumentKind("a string", is_column_name),
    "PathLike": _PATH,
    "Path": _PATH,
    "Variable": _instance_of("a variable, such as fh.text()", "Variable"),
    "Client": _instance_of("an fh.Client", "Client", "AsyncClient"),
    "AsyncClient": _instance_of("an fh.Client", "Client", "AsyncClient"),
    "CallbackReceiver": _instance_of("an fh.CallbackReceiver", "CallbackReceiver"),
    "AsyncBaseTransport": _instance_of("an httpx transport", "AsyncBaseTransport"),
    "Proxy": _instance_of("an httpx.Proxy", "Proxy"),
    "URL": _instance_of("an httpx.URL", "URL"),
    "datetime": _instance_of("a datetime", "datetime"),
    "date": _instance_of("a date", "date"),
    "timedelta": _instance_of("a timedelta", "timedelta"),
}
