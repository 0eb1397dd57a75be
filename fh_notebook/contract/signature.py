"""Start variables from a Python function's signature, or from a class's.

Rule of this file: what an annotation does not say in JSON's terms is "any value", never an error: the function itself
will judge it.
"""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import types
import typing
from collections import abc
from collections.abc import Callable, Mapping
from typing import Any, Final

from fh_notebook.contract.canonical import json_problems
from fh_notebook.contract.objects import Variable, plain
from fh_notebook.contract.spell import KIND_OF_TYPE
from fh_notebook.errors import InputError

__all__ = ["from_annotation", "from_function"]


def from_function(func: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON Schema of a function's arguments, as they are given by name.

    Parameters
    ----------
    func : callable
        A function, a class (its constructor; a TypedDict: its keys), or anything else with a signature. Annotations
        say the kinds; ``Annotated[str, "..."]`` a description; ``Annotated[str, fh.text(multiline=True)]`` everything;
        ``Literal`` a choice; a default makes a variable optional, and ``**kwargs`` leaves the schema open.

    Raises
    ------
    InputError
        It has no signature, or an argument that cannot be given by name.

    Examples
    --------
    >>> def triage(ticket: str, tags: list[str] | None = None, max_words: int = 120): ...
    >>> from_function(triage)["properties"]["max_words"]
    {'type': 'integer', 'default': 120}
    >>> from_function(triage)["required"]
    ['ticket']
    """
    if typing.is_typeddict(func):
        return _from_typed_dict(func)
    try:
        parameters = inspect.signature(func).parameters.values()
    except (TypeError, ValueError) as unreadable:
        raise InputError(f"inputs: {_name(func)} has no readable signature; declare the variables") from unreadable
    if hidden := [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]:
        raise InputError(f"inputs: {_name(func)} takes {', '.join(hidden)} by position only; inputs are given by name")
    hints = _hints(func)
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    properties = {p.name: _from_parameter(p, hints.get(p.name, p.annotation)) for p in named}
    required = [p.name for p in named if p.default is p.empty and not _is_optional(hints.get(p.name))]
    is_open = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return _object(properties, required, closed=not is_open)


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
    target = func
    if isinstance(func, type) and not typing.is_typeddict(func):
        target = func.__init__  # type: ignore[misc]  # only read, never called
    elif not hasattr(func, "__annotations__"):
        target = type(func).__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError):
        return {}  # a name that exists only for the type checker: every argument is then any value


def _from_parameter(parameter: inspect.Parameter, hint: Any) -> dict[str, Any]:
    schema = from_annotation(hint)
    default = parameter.default
    if default is None and schema and "null" not in _types(schema) and "anyOf" not in schema:
        # `x: str = None` means "or None", whatever a type checker says of it
        schema = _union([schema, {"type": "null"}])
    # A default of None is what the function does with nothing: leaving the variable out says the same.
    if default is not parameter.empty and default is not None and not json_problems(default):
        schema["default"] = plain(default)
    return schema


def _from_typed_dict(kind: Any) -> dict[str, Any]:
    hints = _hints(kind) or dict.fromkeys(kind.__annotations__, Any)
    properties = {name: from_annotation(hint) for name, hint in hints.items()}
    return _object(properties, [name for name, hint in hints.items() if _is_needed(kind, name, hint)], closed=True)


def _is_needed(kind: Any, name: str, hint: Any) -> bool:
    # Under `from __future__ import annotations` the class itself has not seen what its annotations say.
    said = typing.get_origin(hint)
    return said is typing.Required or (name in kind.__required_keys__ and said is not typing.NotRequired)


_TEXTS: Final = {dt.date: "date", dt.datetime: "date-time"}
_LISTS: Final = (list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection, abc.MutableSequence, abc.Set)
_MAPPINGS: Final = (dict, abc.Mapping, abc.MutableMapping)


def from_annotation(hint: Any) -> dict[str, Any]:
    """Return the JSON Schema of what an annotation takes; ``{}``, any value, for what is not JSON's.

    Examples
    --------
    >>> from typing import Literal, Optional
    >>> from_annotation(list[str]), from_annotation(Optional[int])
    ({'type': 'array', 'items': {'type': 'string'}}, {'type': ['integer', 'null']})
    >>> from_annotation(Literal["a", "b"])
    {'type': 'string', 'enum': ['a', 'b']}
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _from_annotated(arguments[0], arguments[1:])
    if origin in (typing.Required, typing.NotRequired):
        return from_annotation(arguments[0])
    if origin is typing.Literal:
        return _choices(arguments)
    if origin in (typing.Union, types.UnionType):
        return _union([from_annotation(a) for a in arguments])
    return _from_class(origin or hint, arguments)


def _from_class(kind: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
    if kind is None or kind is type(None):
        return {"type": "null"}
    if kind in _LISTS:
        return _list_of(kind, arguments)
    if kind in _MAPPINGS:
        values = from_annotation(arguments[1]) if len(arguments) == 2 else {}
        return {"type": "object", **({"additionalProperties": values} if values else {})}
    if not isinstance(kind, type):
        return {}
    if kind in KIND_OF_TYPE:
        return {"type": KIND_OF_TYPE[kind]}
    if kind in _TEXTS:
        return {"type": "string", "format": _TEXTS[kind]}
    if issubclass(kind, enum.Enum):
        return _choices(tuple(member.value for member in kind))
    return {"type": "object"} if typing.is_typeddict(kind) else {}


def _list_of(kind: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "array"}
    if kind is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
        return schema if not arguments else {**schema, "minItems": len(arguments), "maxItems": len(arguments)}
    if arguments and (items := from_annotation(arguments[0])):
        schema["items"] = items
    if kind in (set, frozenset, abc.Set):
        schema["uniqueItems"] = True
    return schema


def _from_annotated(kind: Any, extras: tuple[Any, ...]) -> dict[str, Any]:
    schema = from_annotation(kind)
    for extra in extras:
        if isinstance(extra, Variable):
            schema = {**schema, **plain(extra.schema)}
        elif isinstance(extra, str):
            schema = {**schema, "description": extra}
    return schema


def _choices(values: tuple[Any, ...]) -> dict[str, Any]:
    kept = [v.value if isinstance(v, enum.Enum) else v for v in values]
    if json_problems(kept):
        return {}
    kinds = {KIND_OF_TYPE.get(type(v)) for v in kept}
    kind = kinds.pop() if len(kinds) == 1 else None
    return {**({"type": kind} if kind else {}), "enum": kept}


def _types(schema: Mapping[str, Any]) -> list[str]:
    named = schema.get("type", [])
    return [named] if isinstance(named, str) else list(named)


def _union(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """Return "one of these": several types of one schema where at most one has more to say, else ``anyOf``."""
    if not all(schemas):
        return {}
    telling = [s for s in schemas if set(s) - {"type"}]
    if len(telling) <= 1 and all("type" in s for s in schemas) and not any("enum" in s for s in telling):
        named = list(dict.fromkeys(t for s in schemas for t in _types(s)))
        return {**(telling[0] if telling else {}), "type": named[0] if len(named) == 1 else named}
    choices = [s.get("enum", [None]) for s in schemas if "enum" in s or s == {"type": "null"}]
    if len(choices) == len(schemas):
        values = [value for group in choices for value in group]
        return {"enum": [value for place, value in enumerate(values) if value not in values[:place]]}
    return {"anyOf": schemas}
