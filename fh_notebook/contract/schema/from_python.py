"""JSON Schema from Python: annotations with their limits, a function's signature, a class's fields, docstrings.

Rules of this file:

1. An extra is known by what it says (``ge``, ``max_length``, ...), so nothing is imported for it; what is no limit in
   JSON's terms, such as a date, is left out: the function itself will judge it.
2. What an annotation does not say in JSON's terms is "any value", never an error: the function itself will judge it.
   A class with named fields (TypedDict, dataclass, pydantic model) is an object with their properties; one that is
   inside of itself stands under ``$defs`` and is referred to.
3. A docstring is prose, and never a reason to refuse anything. numpydoc, Google's and reST's styles are read by the
   library `docstring_parser`, imported when a docstring has more than one line.
4. Names and "required?" come from the signature, kinds from the annotations, words from
   ``Annotated``, a dataclass field's metadata or the docstring, in this order.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import enum
import functools
import inspect
import math
import re
import sys
import types
import typing
from collections import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from fh_notebook.contract.schema.variables import Variable, choices, closed, plain
from fh_notebook.core.json_values import json_problems, jsonable
from fh_notebook.core.text.formatting import KIND_OF_TYPE, types_of
from fh_notebook.core.values import is_number
from fh_notebook.errors import InputError

_NUMBERS: Final = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}

_LENGTHS: Final = {
    "min_length": {"string": "minLength", "array": "minItems", "object": "minProperties"},
    "max_length": {"string": "maxLength", "array": "maxItems", "object": "maxProperties"},
}


def limits_of(extra: Any, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of JSON Schema for what `extra` says of a value that `schema` describes.

    Examples
    --------
    >>> import annotated_types, pydantic
    >>> limits_of(pydantic.Field(ge=1, le=9), {"type": "integer"})
    {'minimum': 1, 'maximum': 9}
    >>> limits_of(annotated_types.Len(1, 5), {"type": "array"})
    {'minItems': 1, 'maxItems': 5}
    """
    kinds = types_of(schema.get("type", []))
    limits: dict[str, Any] = {}
    for part in _parts(extra):
        for name, keyword in _NUMBERS.items():
            limit = jsonable(getattr(part, name, None))
            if is_number(limit) and math.isfinite(limit):
                limits[keyword] = limit
        for name, keywords in _LENGTHS.items():
            length = getattr(part, name, None)
            if isinstance(length, int) and not isinstance(length, bool):
                limits |= {keyword: length for kind, keyword in keywords.items() if kind in kinds or not kinds}
        if pattern := _pattern(getattr(part, "pattern", None)):
            limits["pattern"] = pattern
    return limits


def _parts(extra: Any) -> Iterable[Any]:
    """The extra itself, and those that it is made of: ``Field(ge=1, le=9)`` is a `Ge` and a `Le`."""
    inner = getattr(extra, "metadata", None)
    return (extra, *inner) if isinstance(inner, list | tuple) else (extra,)


def _pattern(pattern: Any) -> str | None:
    text = pattern.pattern if isinstance(pattern, re.Pattern) else pattern
    if not isinstance(text, str):
        return None
    try:
        re.compile(text)
    except re.error:
        return None
    return text


_TEXTS: Final = {dt.date: "date", dt.datetime: "date-time"}

_LISTS: Final = (list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection, abc.MutableSequence, abc.Set)

_MAPPINGS: Final = (dict, abc.Mapping, abc.MutableMapping)

_WRAPPERS: Final = ("Required", "NotRequired", "ReadOnly", "Final")
"""What a type checker reads of a field, whoever defines it (`typing`, or `typing_extensions` on an older Python)."""


@dataclasses.dataclass(slots=True)
class AnnotationReader:
    """Reads annotations of one schema, and keeps the definitions that they refer to."""

    fields: Callable[[Any, AnnotationReader], dict[str, Any]]
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
            return _choices_schema(arguments)
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
            return _choices_schema(tuple(kind))
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
        used = {*self.definitions, *self._names.values()}
        return next(n for n in (name, *(f"{name}{i}" for i in range(2, 1000))) if n not in used)

    def _model(self, kind: Any) -> dict[str, Any]:
        """A pydantic model, closed, whose own definitions move to ours."""
        try:
            schema = closed(plain(kind.model_json_schema()))
        except Exception:  # pydantic's own: a field of a kind that has no JSON Schema
            return {"type": "object"}
        inner = schema.pop("$defs", {})
        if any(self.definitions.get(name, definition) != definition for name, definition in inner.items()):
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
                description = _description_of(extra)
                schema = {**schema, **limits_of(extra, schema), **({"description": description} if description else {})}
        return schema


def _description_of(extra: Any) -> str | None:
    """A description, from a text, `Doc` of typing_extensions, or pydantic's `Field`."""
    for candidate in (extra, getattr(extra, "documentation", None), getattr(extra, "description", None)):
        if isinstance(candidate, str):
            return candidate
    return None


def _choices_schema(values: tuple[Any, ...]) -> dict[str, Any]:
    json_values = jsonable(values)  # an Enum's member as its value
    return {} if json_problems(json_values) else choices(json_values)


def union(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    """Return "one of these": several types of one schema where at most one has more to say, else ``anyOf``."""
    if not all(schemas):
        return {}
    informative = [s for s in schemas if set(s) - {"type"}]
    if len(informative) <= 1 and all("type" in s for s in schemas) and not any("enum" in s for s in informative):
        kinds = list(dict.fromkeys(t for s in schemas for t in types_of(s["type"])))
        return {**(informative[0] if informative else {}), "type": kinds[0] if len(kinds) == 1 else kinds}
    groups = [s.get("enum", [None]) for s in schemas if "enum" in s or s == {"type": "null"}]
    if len(groups) == len(schemas):
        values = [value for group in groups for value in group]
        return {"enum": [value for index, value in enumerate(values) if value not in values[:index]]}
    return {"anyOf": schemas}


def docstring_summary(func: Any) -> str | None:
    """Return what a function's docstring says first, for a deployment that is declared by it; ``None`` for all else.

    A class says what its values are, and not what a deployment does.

    Examples
    --------
    >>> def triage(ticket):
    ...     '''Sort a ticket
    ...     into a queue.
    ...
    ...     More of it.
    ...     '''
    >>> docstring_summary(triage), docstring_summary({"ticket": {}}), docstring_summary(dict)
    ('Sort a ticket into a queue.', None, None)
    """
    if isinstance(func, type) or not callable(func) or hasattr(func, "model_json_schema"):
        return None
    first = next(iter(_docstrings(func)), "")
    if "\n" not in first:
        return first or None
    parsed = _parse_docstring(first)
    sentences = [parsed.short_description] if parsed and parsed.short_description else []
    if parsed and sentences and not parsed.blank_after_short_description and parsed.long_description:
        sentences.append(parsed.long_description.partition("\n\n")[0])  # a summary over two lines
    return _one_line(" ".join(sentences)) or None


def argument_descriptions(func: Any) -> dict[str, str]:
    """Return what docstrings say of each argument; a class's own and its constructor's are read.

    Examples
    --------
    >>> def triage(ticket, tags, words):
    ...     '''Sort a ticket.
    ...
    ...     Args:
    ...         ticket (str): What the customer
    ...             wrote.
    ...         tags, words: Whatever helps.
    ...     '''
    >>> argument_descriptions(triage)
    {'ticket': 'What the customer wrote.', 'tags': 'Whatever helps.', 'words': 'Whatever helps.'}
    """
    descriptions: dict[str, str] = {}
    for text in _docstrings(func):
        parsed = _parse_docstring(text) if "\n" in text else None
        for argument in parsed.params if parsed else ():
            description = _one_line(argument.description or "")
            for name in argument.arg_name.split(","):
                if description:
                    descriptions.setdefault(name.strip().lstrip("*"), description)
    return descriptions


def _docstrings(func: Any) -> list[str]:
    while isinstance(func, functools.partial):
        func = func.func  # a partial's own docstring is about partials
    if isinstance(func, type):
        sources = [vars(func).get("__doc__"), getattr(vars(func).get("__init__"), "__doc__", None)]
    elif inspect.isroutine(func) or hasattr(func, "__wrapped__"):
        sources = [func.__doc__]
    else:  # an object that can be called
        sources = [type(func).__call__.__doc__, type(func).__doc__]
    cleaned = [inspect.cleandoc(text) for text in sources if isinstance(text, str)]
    # A dataclass or a named tuple without a docstring gets its signature as one.
    name = getattr(func, "__name__", "")
    return [text for text in cleaned if text and not (isinstance(func, type) and text.startswith(f"{name}("))]


def _parse_docstring(text: str) -> Any:
    from docstring_parser import ParseError, parse

    try:
        return parse(text)
    except (ParseError, ValueError, IndexError):  # prose that looks like a section of some style
        return None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def from_function(func: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON Schema of a function's arguments, as they are given by name.

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
    reader = AnnotationReader(_fields)
    if not _has_fields(func):
        return reader.with_definitions(_of_signature(func, reader))
    schema = reader.schema(func)
    if "$ref" in schema:  # a class that is inside of itself
        schema = reader.definitions[schema["$ref"].rpartition("/")[2]]
    return reader.with_definitions(schema)


def _has_fields(kind: Any) -> bool:
    return typing.is_typeddict(kind) or (isinstance(kind, type) and dataclasses.is_dataclass(kind))


def _fields(kind: Any, reader: AnnotationReader) -> dict[str, Any]:
    """The object that a TypedDict or a dataclass is."""
    if not typing.is_typeddict(kind):
        return _of_signature(kind, reader)
    hints = _hints(kind) or dict.fromkeys(kind.__annotations__, Any)
    properties = {name: reader.schema(hint) for name, hint in hints.items()}
    _describe(properties, argument_descriptions(kind))
    return _object(properties, [name for name, hint in hints.items() if _is_needed(kind, name, hint)], closed=True)


def _is_needed(kind: Any, name: str, hint: Any) -> bool:
    # Under `from __future__ import annotations` the class itself has not seen what its annotations say.
    qualifier = getattr(typing.get_origin(hint), "_name", None)
    return qualifier == "Required" or (name in kind.__required_keys__ and qualifier != "NotRequired")


def _of_signature(func: Any, reader: AnnotationReader) -> dict[str, Any]:
    message = ""
    parameters: list[inspect.Parameter] = []
    try:
        parameters = list(inspect.signature(func).parameters.values())
    except (TypeError, ValueError):
        message = f"inputs: {_name(func)} has no readable signature; declare the variables"
    if positional := [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]:
        message = f"inputs: {_name(func)} takes {', '.join(positional)} by position only; inputs are given by name"
    if message:
        raise InputError(message)
    hints = _hints(func)
    by_name = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    properties = {p.name: _of_parameter(p, hints.get(p.name, p.annotation), reader) for p in by_name}
    _describe(properties, {**argument_descriptions(func), **_field_descriptions(func)})
    required = [p.name for p in by_name if p.default is p.empty and not _is_optional(hints.get(p.name))]
    is_open = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return _object(properties, required, closed=not is_open)


def _describe(properties: dict[str, dict[str, Any]], descriptions: Mapping[str, str]) -> None:
    """Add descriptions where the annotation has none."""
    for name, schema in properties.items():
        if name in descriptions and "description" not in schema:
            schema["description"] = descriptions[name]


def _field_descriptions(kind: Any) -> dict[str, str]:
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        return {}
    descriptions = {field.name: field.metadata.get("description") for field in dataclasses.fields(kind)}
    return {name: description for name, description in descriptions.items() if isinstance(description, str)}


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
        own = {name: hint for name, hint in _own_hints(func).items() if hint is not Any}
        return {**_field_hints(func), **own}
    return _own_hints(func)


def _field_hints(kind: type) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        names = vars(sys.modules.get(base.__module__, types.SimpleNamespace()))
        hints |= _each_hint(inspect.get_annotations(base), names)
    return hints


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
    hints: dict[str, Any] = {}
    for name, hint in annotations.items():
        holder = types.SimpleNamespace(__annotations__={name: hint})
        with contextlib.suppress(NameError, TypeError, AttributeError, SyntaxError):
            hints |= typing.get_type_hints(holder, names, include_extras=True)
    return {name: hints.get(name, Any) for name in annotations}


def _of_parameter(parameter: inspect.Parameter, hint: Any, reader: AnnotationReader) -> dict[str, Any]:
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
