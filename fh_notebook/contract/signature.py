"""Start variables from a Python function's signature, or from a class's fields.

Rule of this file: names and "required?" come from the signature, kinds from the annotations (`annotations`), words from
``Annotated``, a dataclass field's metadata or the docstring, in this order.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from fh_notebook.contract.annotations import Reader, union
from fh_notebook.contract.canonical import json_problems
from fh_notebook.contract.docstrings import argument_words
from fh_notebook.contract.jsonable import jsonable
from fh_notebook.contract.objects import Variable
from fh_notebook.contract.spell import types_of
from fh_notebook.errors import InputError

__all__ = ["from_function"]


def from_function(func: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON Schema of a function's arguments, as they are given by name.

    Parameters
    ----------
    func : callable
        A function, a class (its constructor; a TypedDict, a dataclass or a named tuple: its fields), or anything else
        with a signature. Annotations say the kinds; ``Annotated[str, "..."]`` a description;
        ``Annotated[str, fh.text(multiline=True)]`` everything; ``Literal`` a choice; a default makes a variable
        optional, and ``**kwargs`` leaves the schema open. What a docstring says of an argument describes it. A
        ``default_factory`` makes a variable optional and is not called: its value belongs to one run.

    Raises
    ------
    InputError
        It has no signature, or an argument that cannot be given by name.

    Examples
    --------
    >>> def triage(ticket: str, tags: list[str] | None = None, max_words: int = 120):
    ...     '''Sort a ticket.
    ...
    ...     :param ticket: What the customer wrote.
    ...     '''
    >>> schema = from_function(triage)
    >>> schema["properties"]["ticket"], schema["properties"]["max_words"]
    ({'type': 'string', 'description': 'What the customer wrote.'}, {'type': 'integer', 'default': 120})
    >>> schema["required"]
    ['ticket']
    """
    reader = Reader(_fields)
    if not _has_fields(func):
        return reader.with_definitions(_of_signature(func, reader))
    schema = reader.schema(func)
    if "$ref" in schema:  # a class that is inside of itself
        schema = reader.definitions[schema["$ref"].rpartition("/")[2]]
    return reader.with_definitions(schema)


def _has_fields(kind: Any) -> bool:
    return typing.is_typeddict(kind) or (isinstance(kind, type) and dataclasses.is_dataclass(kind))


def _fields(kind: Any, reader: Reader) -> dict[str, Any]:
    """The object that a TypedDict or a dataclass is."""
    if not typing.is_typeddict(kind):
        return _of_signature(kind, reader)
    hints = _hints(kind) or dict.fromkeys(kind.__annotations__, Any)
    properties = {name: reader.schema(hint) for name, hint in hints.items()}
    _describe(properties, argument_words(kind))
    return _object(properties, [name for name, hint in hints.items() if _is_needed(kind, name, hint)], closed=True)


def _is_needed(kind: Any, name: str, hint: Any) -> bool:
    # Under `from __future__ import annotations` the class itself has not seen what its annotations say.
    said = getattr(typing.get_origin(hint), "_name", None)
    return said == "Required" or (name in kind.__required_keys__ and said != "NotRequired")


def _of_signature(func: Any, reader: Reader) -> dict[str, Any]:
    trouble = ""
    parameters: list[inspect.Parameter] = []
    try:
        parameters = list(inspect.signature(func).parameters.values())
    except (TypeError, ValueError):
        trouble = f"inputs: {_name(func)} has no readable signature; declare the variables"
    if hidden := [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]:
        trouble = f"inputs: {_name(func)} takes {', '.join(hidden)} by position only; inputs are given by name"
    if trouble:
        raise InputError(trouble)
    hints = _hints(func)
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    properties = {p.name: _of_parameter(p, hints.get(p.name, p.annotation), reader) for p in named}
    _describe(properties, {**argument_words(func), **_field_words(func)})
    required = [p.name for p in named if p.default is p.empty and not _is_optional(hints.get(p.name))]
    is_open = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return _object(properties, required, closed=not is_open)


def _describe(properties: dict[str, dict[str, Any]], words: Mapping[str, str]) -> None:
    """Add descriptions where the annotation has none."""
    for name, schema in properties.items():
        if name in words and "description" not in schema:
            schema["description"] = words[name]


def _field_words(kind: Any) -> dict[str, str]:
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        return {}
    told = {field.name: field.metadata.get("description") for field in dataclasses.fields(kind)}
    return {name: words for name, words in told.items() if isinstance(words, str)}


def _is_optional(hint: Any) -> bool:
    return any(isinstance(extra, Variable) and not extra.required for extra in getattr(hint, "__metadata__", ()))


def _object(properties: dict[str, Any], required: list[str], *, closed: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    if closed:
        schema["additionalProperties"] = False
    return schema


def _name(func: Any) -> str:
    return str(getattr(func, "__name__", type(func).__name__))


def _hints(func: Any) -> dict[str, Any]:
    while isinstance(func, functools.partial):
        func = func.func
    if isinstance(func, type) and dataclasses.is_dataclass(func):
        # Each field is read where its own class stands: a generated `__init__` (pydantic's says nothing at all) knows
        # only the module of the last one. What an `__init__` of the user's says counts before it.
        said = {name: hint for name, hint in _own_hints(func).items() if hint is not Any}
        return {**_field_hints(func), **said}
    return _own_hints(func)


def _field_hints(kind: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        names = vars(sys.modules.get(base.__module__, types.SimpleNamespace()))
        found |= _each_hint(inspect.get_annotations(base), names)
    return found


def _own_hints(func: Any) -> dict[str, Any]:
    target = func
    if isinstance(func, type) and not typing.is_typeddict(func) and not hasattr(func, "_fields"):
        target = func.__init__  # type: ignore[misc]  # only read, never called
    elif not hasattr(func, "__annotations__"):
        target = type(func).__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError):
        return _readable_hints(target)


def _readable_hints(target: Any) -> dict[str, Any]:
    """The annotations that can be evaluated; one may name what exists only for the type checker."""
    return _each_hint(getattr(target, "__annotations__", {}), getattr(inspect.unwrap(target), "__globals__", {}))


def _each_hint(annotations: Mapping[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, hint in annotations.items():
        alone = types.SimpleNamespace(__annotations__={name: hint})
        with contextlib.suppress(NameError, TypeError, AttributeError, SyntaxError):
            found |= typing.get_type_hints(alone, names, include_extras=True)
    return {name: found.get(name, Any) for name in annotations}


def _of_parameter(parameter: inspect.Parameter, hint: Any, reader: Reader) -> dict[str, Any]:
    schema = dict(reader.schema(hint))
    default = parameter.default
    if default is None and schema and not _takes_null(schema):
        # `x: str = None` means "or None", whatever a type checker says of it
        schema = union([schema, {"type": "null"}])
    # A default of None is what the function does with nothing: leaving the variable out says the same.
    if default is not parameter.empty and default is not None:
        value = jsonable(default)
        if not json_problems(value):
            schema["default"] = value
        if isinstance(default, dt.datetime) and default.tzinfo is None and schema.get("format") == "date-time":
            del schema["format"]  # a moment without its offset, which that format needs: this function takes such ones
    return schema


def _takes_null(schema: Mapping[str, Any]) -> bool:
    return "null" in types_of(schema.get("type", [])) or None in schema.get("enum", ()) or "anyOf" in schema
