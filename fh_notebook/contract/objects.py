"""A `Variable`, and several of them as one JSON Schema of an object.

Rule of this file: a declaration is copied into JSON's own kinds, so that nothing of the user's is shared or changed;
whether its words make sense is judged later (`validate`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook import arguments
from fh_notebook.contract.canonical import json_problems
from fh_notebook.contract.spell import KIND_OF_TYPE, short
from fh_notebook.errors import InputError
from fh_notebook.half_made import shows_half_made
from fh_notebook.problems import Problem

__all__ = ["Variable", "choices", "closed", "object_schema", "plain", "schema_of"]


@shows_half_made
@dataclass(frozen=True, slots=True)
class Variable:
    """One Start variable: what its value looks like, and whether it must be given.

    Parameters
    ----------
    schema : Mapping
        A JSON Schema of the value.
    required : bool
        Whether a call without it is refused.
    """

    schema: Mapping[str, Any]
    required: bool = True

    def __post_init__(self) -> None:
        arguments.check(Variable.__init__, {"schema": self.schema, "required": self.required})

    def __repr__(self) -> str:
        # What JSON cannot say (a default of 4,300 digits) may have no repr.
        schema = self.schema if not json_problems(self.schema) else "{…}"
        return f"Variable(schema={schema}, required={self.required})"


def choices(values: list[Any]) -> dict[str, Any]:
    """Return the JSON Schema of "one of these JSON values", with their kind where it is one.

    Examples
    --------
    >>> choices(["calm", "brief"]), choices([1, "many"])
    ({'type': 'string', 'enum': ['calm', 'brief']}, {'enum': [1, 'many']})
    """
    kinds = {KIND_OF_TYPE.get(type(value)) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else None
    return {**({"type": kind} if kind else {}), "enum": values}


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a class's own JSON Schema with no other names in its objects than those that it declares.

    By default pydantic ignores a name that a model does not have, and says nothing of it in the schema: a misspelt
    variable would be sent. What the class says itself (``extra="allow"``) stays.

    Examples
    --------
    >>> closed({"properties": {"a": {}}})
    {'properties': {'a': {}}, 'additionalProperties': False}
    >>> closed({"$defs": {"Open": {"properties": {}, "additionalProperties": True}}})
    {'$defs': {'Open': {'properties': {}, 'additionalProperties': True}}}
    """
    made = dict(schema)
    if isinstance(inner := schema.get("$defs"), Mapping):
        made["$defs"] = {name: closed(part) if isinstance(part, Mapping) else part for name, part in inner.items()}
    if isinstance(inner := schema.get("properties"), Mapping):
        made["properties"] = {name: _without_mask(says) for name, says in inner.items()}
        made.setdefault("additionalProperties", False)
    return made


_MASK: Final = 10 * "*"
"""What pydantic's schema has in place of a secret default: sent, it would be a wrong password."""


def _without_mask(says: Any) -> Any:
    """Return what is said of a variable without a default that is, or holds, such a mask: the variable is left out."""
    if not isinstance(says, Mapping) or not _holds_mask(says.get("default")):
        return says
    if says.get("type") == "string" and says.get("format") != "password":
        return says
    return {keyword: said for keyword, said in says.items() if keyword != "default"}


def _holds_mask(value: Any) -> bool:
    if isinstance(value, Mapping | list):
        return any(_holds_mask(item) for item in (value.values() if isinstance(value, Mapping) else value))
    return bool(value == _MASK)


def object_schema(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the closed JSON Schema of an object with these named fields, in their order.

    A plain schema is required unless it has a default, as the constructors' results are.

    Raises
    ------
    InputError
        With every field that cannot be read.

    Examples
    --------
    >>> object_schema({"a.b": {"type": "string"}})
    {'type': 'object', 'properties': {'a.b': {'type': 'string'}}, 'required': ['a.b'], 'additionalProperties': False}
    """
    properties: dict[str, Any] = {}
    required: list[str] = []
    found: list[Problem] = []
    for name, field in fields.items():
        if not isinstance(name, str):
            message = f"{short(name)}: a variable is named by a text"
            found.append(Problem(keyword="propertyNames", message=message, hint=f"give {short(str(name))}"))
            continue
        try:
            properties[name] = schema_of(field, (name,))
        except InputError as broken:
            found += broken.problems
            continue
        if field.required if isinstance(field, Variable) else "default" not in field:
            required.append(name)
    if found:
        raise InputError(found)
    named = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **named, "additionalProperties": False}


def plain(value: Any) -> Any:
    """Return a deep copy of a JSON value, made of dicts and lists only."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


# A variable declared by its Python type is an easy slip; the cure names the constructor.
_CONSTRUCTORS: Final = {
    str: "fh.text()",
    int: "fh.integer()",
    float: "fh.number()",
    bool: "fh.boolean()",
    list: "fh.array()",
    dict: "fh.group({...})",
}


def schema_of(field: Any, path: tuple[str | int, ...]) -> dict[str, Any]:
    """Return a copy of the JSON Schema that a field of an object declares.

    Raises
    ------
    InputError
        It is neither a `Variable` nor a JSON Schema.
    """
    schema = field.schema if isinstance(field, Variable) else field
    if isinstance(schema, type):
        cure = _CONSTRUCTORS.get(schema, "fh.text(), or another of its kind")
        value, message = f"the class {schema.__name__}", "is neither a variable nor a JSON Schema"
        raise InputError(Problem(path, "type", value, message, f"write {cure}"))
    if not isinstance(schema, Mapping):
        message = "is neither a variable nor a JSON Schema"
        raise InputError(Problem(path, "type", short(schema), message, "write fh.text()"))
    if found := json_problems(schema, path):
        raise InputError(found)
    copied: dict[str, Any] = plain(schema)
    return copied
