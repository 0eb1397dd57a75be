"""What a Python annotation takes -> JSON Schema.

Rule of this file: what an annotation does not say in JSON's terms is "any value", never an error: the function itself
will judge it. A class with named fields (TypedDict, dataclass, pydantic model) is an object with their properties; one
that is inside of itself stands under ``$defs`` and is referred to.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import types
import typing
from collections import abc
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from fh_notebook.contract.canonical import json_problems
from fh_notebook.contract.jsonable import jsonable
from fh_notebook.contract.limits import limits_of
from fh_notebook.contract.objects import Variable, choices, closed, plain
from fh_notebook.contract.spell import KIND_OF_TYPE, types_of

__all__ = ["Reader", "union"]

_TEXTS: Final = {dt.date: "date", dt.datetime: "date-time"}
_LISTS: Final = (list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection, abc.MutableSequence, abc.Set)
_MAPPINGS: Final = (dict, abc.Mapping, abc.MutableMapping)
_WRAPPERS: Final = ("Required", "NotRequired", "ReadOnly", "Final")
"""What a type checker reads of a field, whoever defines it (`typing`, or `typing_extensions` on an older Python)."""


@dataclasses.dataclass(slots=True)
class Reader:
    """Reads annotations of one schema, and keeps the definitions that they refer to."""

    fields: Callable[[Any, Reader], dict[str, Any]]
    """Reads a class with named fields into the schema of an object."""
    definitions: dict[str, Any] = dataclasses.field(default_factory=dict)
    _open: list[Any] = dataclasses.field(default_factory=list)
    """The classes that are being read, each inside of the one before."""
    _names: dict[Any, str] = dataclasses.field(default_factory=dict)
    """The classes that are referred to."""

    def with_definitions(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return `schema` with the definitions that it needs."""
        return {**schema, "$defs": self.definitions} if self.definitions else schema

    def schema(self, hint: Any) -> dict[str, Any]:
        """Return the JSON Schema of what `hint` takes."""
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            return self._annotated(arguments[0], arguments[1:])
        if getattr(origin, "_name", None) in _WRAPPERS:
            return self.schema(arguments[0])
        if origin is typing.Literal:
            return _choices(arguments)
        if origin in (typing.Union, types.UnionType):
            return union([self.schema(a) for a in arguments])
        # A NewType has a supertype, `type Name = ...` a value, `InitVar[...]` a type.
        for inner in ("__supertype__", "__value__"):
            if not isinstance(hint, type) and hasattr(hint, inner):
                return self.schema(getattr(hint, inner))
        if isinstance(hint, dataclasses.InitVar):
            return self.schema(hint.type)
        return self._class(origin or hint, arguments)

    def _class(self, kind: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
        if kind is None or kind is type(None):
            return {"type": "null"}
        if kind in _LISTS:
            return self._list(kind, arguments)
        if kind in _MAPPINGS:
            values = self.schema(arguments[1]) if len(arguments) == 2 else {}
            return {"type": "object", **({"additionalProperties": values} if values else {})}
        if not isinstance(kind, type):
            return {}
        if kind in KIND_OF_TYPE:
            return {"type": KIND_OF_TYPE[kind]}
        if kind is Decimal:  # which JSON writes as a number; so does a table's column of them
            return {"type": "number"}
        if kind in _TEXTS:
            return {"type": "string", "format": _TEXTS[kind]}
        if issubclass(kind, enum.Enum):
            return _choices(tuple(kind))
        return self._fielded(kind)

    def _fielded(self, kind: Any) -> dict[str, Any]:
        if hasattr(kind, "model_json_schema"):
            return self._model(kind)
        if not (typing.is_typeddict(kind) or dataclasses.is_dataclass(kind)):
            return self._named_tuple(kind) if hasattr(kind, "_fields") and issubclass(kind, tuple) else {}
        if kind in self._open:
            name = self._names.setdefault(kind, self._free_name(kind.__name__))
            return {"$ref": f"#/$defs/{name}"}
        self._open.append(kind)
        try:
            schema = self.fields(kind, self)
        finally:
            self._open.pop()
        if kind not in self._names:
            return schema
        self.definitions[self._names[kind]] = schema
        return {"$ref": f"#/$defs/{self._names[kind]}"}

    def _free_name(self, name: str) -> str:
        taken = {*self.definitions, *self._names.values()}
        return next(n for n in (name, *(f"{name}{i}" for i in range(2, 1000))) if n not in taken)

    def _model(self, kind: Any) -> dict[str, Any]:
        """A pydantic model, closed, whose own definitions move to ours."""
        try:
            schema = closed(plain(kind.model_json_schema()))
        except Exception:  # pydantic's own: a field of a kind that has no JSON Schema
            return {"type": "object"}
        inner = schema.pop("$defs", {})
        if any(self.definitions.get(name, words) != words for name, words in inner.items()):
            return {"type": "object"}  # two classes of one name: its references would lead to the other
        self.definitions |= inner
        return schema

    def _named_tuple(self, kind: Any) -> dict[str, Any]:
        """JSON writes a named tuple as a list."""
        hints = typing.get_type_hints(kind, include_extras=True) if kind.__annotations__ else {}
        return self._fixed([hints.get(name, Any) for name in kind._fields])

    def _fixed(self, hints: Sequence[Any]) -> dict[str, Any]:
        """A list of so many items, each of its own kind."""
        items = [self.schema(hint) for hint in hints]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}

    def _list(self, kind: Any, arguments: tuple[Any, ...]) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array"}
        if kind is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis):
            return self._fixed(arguments) if arguments else schema
        if arguments and (items := self.schema(arguments[0])):
            schema["items"] = items
        if kind in (set, frozenset, abc.Set):
            schema["uniqueItems"] = True
        return schema

    def _annotated(self, kind: Any, extras: tuple[Any, ...]) -> dict[str, Any]:
        schema = self.schema(kind)
        for extra in extras:
            if isinstance(extra, Variable):
                schema = {**schema, **plain(extra.schema)}
            else:
                words = _words(extra)
                schema = {**schema, **limits_of(extra, schema), **({"description": words} if words else {})}
        return schema


def _words(extra: Any) -> str | None:
    """A description, from a text, `Doc` of typing_extensions, or pydantic's `Field`."""
    for said in (extra, getattr(extra, "documentation", None), getattr(extra, "description", None)):
        if isinstance(said, str):
            return said
    return None


def _choices(values: tuple[Any, ...]) -> dict[str, Any]:
    kept = jsonable(values)  # an Enum's member as its value
    return {} if json_problems(kept) else choices(kept)


def union(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """Return "one of these": several types of one schema where at most one has more to say, else ``anyOf``."""
    if not all(schemas):
        return {}
    telling = [s for s in schemas if set(s) - {"type"}]
    if len(telling) <= 1 and all("type" in s for s in schemas) and not any("enum" in s for s in telling):
        named = list(dict.fromkeys(t for s in schemas for t in types_of(s["type"])))
        return {**(telling[0] if telling else {}), "type": named[0] if len(named) == 1 else named}
    groups = [s.get("enum", [None]) for s in schemas if "enum" in s or s == {"type": "null"}]
    if len(groups) == len(schemas):
        values = [value for group in groups for value in group]
        return {"enum": [value for place, value in enumerate(values) if value not in values[:place]]}
    return {"anyOf": schemas}
