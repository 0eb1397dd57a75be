"""Variable: one Start variable as JSON Schema, its constructors, and several as the schema of an object.

Rules of this file:

1. A declaration is copied into JSON's own kinds, so that nothing of the user's is shared or changed; whether its
   words make sense is judged later (`validation`).
2. A constructor says what was asked for and judges nothing but what cannot be written down at all. A default that
   does not fit is shown with its problem later (by `problems`), never raised here: a form must be able to show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook.core import arguments
from fh_notebook.core.json_values import json_problems
from fh_notebook.core.text.formatting import KIND_OF_TYPE, short, with_partial_repr
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.errors import InputError


@arguments.public
@with_partial_repr
@dataclass(frozen=True, slots=True)
class Variable:
    """One Start variable: the schema of its value, and whether it is required.

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
    result = dict(schema)
    if isinstance(inner := schema.get("$defs"), Mapping):
        result["$defs"] = {name: closed(part) if isinstance(part, Mapping) else part for name, part in inner.items()}
    if isinstance(inner := schema.get("properties"), Mapping):
        result["properties"] = {name: _without_masked_default(declared) for name, declared in inner.items()}
        result.setdefault("additionalProperties", False)
    return result


_MASK: Final = 10 * "*"
"""What pydantic's schema has in place of a secret default: sent, it would be a wrong password."""


def _without_masked_default(declared: Any) -> Any:
    """Return what is said of a variable without a default that is, or holds, such a mask: the variable is left out."""
    if not isinstance(declared, Mapping) or not _holds_mask(declared.get("default")):
        return declared
    if declared.get("type") == "string" and declared.get("format") != "password":
        return declared
    return {keyword: value for keyword, value in declared.items() if keyword != "default"}


def _holds_mask(value: Any) -> bool:
    if isinstance(value, Mapping | list):
        return any(_holds_mask(item) for item in (value.values() if isinstance(value, Mapping) else value))
    return bool(value == _MASK)


def object_schema(fields: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the closed JSON Schema of an object with these named fields, in their order.

    A plain schema is required unless it has a default, as the constructors' results are.

    Examples
    --------
    >>> object_schema({"a.b": {"type": "string"}})
    {'type': 'object', 'properties': {'a.b': {'type': 'string'}}, 'required': ['a.b'], 'additionalProperties': False}
    """
    properties: dict[str, Any] = {}
    required: list[str] = []
    problems: list[Problem] = []
    for name, field in fields.items():
        if not isinstance(name, str):
            message = f"{short(name)}: the name of a variable must be a string"
            problems.append(Problem(keyword="propertyNames", message=message, hint=f"give {short(str(name))}"))
            continue
        try:
            properties[name] = schema_of(field, (name,))
        except InputError as exc:
            problems += exc.problems
            continue
        if field.required if isinstance(field, Variable) else "default" not in field:
            required.append(name)
    if problems:
        raise InputError(problems)
    required_keyword = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **required_keyword, "additionalProperties": False}


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
    """Return a copy of the JSON Schema that a field of an object declares."""
    schema = field.schema if isinstance(field, Variable) else field
    if isinstance(schema, type):
        constructor = _CONSTRUCTORS.get(schema, "fh.text(), or another constructor")
        value, message = f"the class {schema.__name__}", "is neither a variable nor a JSON Schema"
        raise InputError(Problem(path, "type", value, message, f"write {constructor}"))
    if not isinstance(schema, Mapping):
        message = "is neither a variable nor a JSON Schema"
        raise InputError(Problem(path, "type", short(schema), message, "write fh.text()"))
    if problems := json_problems(schema, path):
        raise InputError(problems)
    copied: dict[str, Any] = plain(schema)
    return copied


@arguments.public
def text(
    *,
    multiline: bool = False,
    secret: bool = False,
    default: Any = UNSET,
    description: str | None = None,
    required: bool | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    pattern: str | None = None,
    examples: Sequence[Any] | None = None,
) -> Variable:
    """Return a text variable.

    Parameters
    ----------
    multiline : bool
        A form gives it several lines (``format: textarea``).
    secret : bool
        A form hides it and no message ever shows its value (``format: password``). It wins over `multiline`.
    default : str, optional
        What is sent when it is left out.
    description : str, optional
        A sentence for the person who fills it in.
    required : bool, optional
        Required unless it has a default; say ``required=False`` for a variable that may be left out.
    min_length, max_length : int, optional
        In characters.
    pattern : str, optional
        A regular expression of JSON Schema (ECMA 262: digits and word characters are ASCII) that is found somewhere in
        the text; anchor it with ``^`` and ``$`` for the whole.
    examples : sequence, optional
        Values to show as examples.

    Examples
    --------
    >>> text(multiline=True)
    Variable(schema={'type': 'string', 'format': 'textarea'}, required=True)
    >>> text(default="calm").required
    False
    """
    arguments.check(text, {"multiline": multiline, "secret": secret})
    shape = "password" if secret else "textarea" if multiline else None
    bounds = {"format": shape, "minLength": min_length, "maxLength": max_length, "pattern": pattern}
    return _variable({"type": "string", **_without_none(bounds)}, default, description, required, examples)


@arguments.public
def integer(
    *,
    minimum: int | None = None,
    maximum: int | None = None,
    multiple_of: int | None = None,
    step: int | None = None,
    default: Any = UNSET,
    description: str | None = None,
    required: bool | None = None,
    examples: Sequence[Any] | None = None,
) -> Variable:
    """Return a variable that is a whole number from `minimum` to `maximum`, both included.

    With `multiple_of`, any other number is refused; `step` is only by how much a form's slider moves.

    Examples
    --------
    >>> integer(default=120, minimum=1)
    Variable(schema={'type': 'integer', 'minimum': 1, 'default': 120}, required=False)
    """
    bounds = {"minimum": minimum, "maximum": maximum, "multipleOf": multiple_of, "step": step}
    return _variable({"type": "integer", **_without_none(bounds)}, default, description, required, examples)


@arguments.public
def number(
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    multiple_of: float | None = None,
    step: float | None = None,
    default: Any = UNSET,
    description: str | None = None,
    required: bool | None = None,
    examples: Sequence[Any] | None = None,
) -> Variable:
    """Return a variable that is a number from `minimum` to `maximum`, both included.

    Parameters
    ----------
    minimum, maximum : float, optional
        The ends; with both, a form has a slider.
    multiple_of : float, optional
        Every other number is refused. It is about decimals: 4232.53 is a multiple of 0.01.
    step : float, optional
        By how much the slider of a form moves; any number between is taken all the same. `multiple_of` by default, or a
        hundredth of the range.
    default : float, optional
        What is sent when it is left out.
    description : str, optional
        A sentence for the person who fills it in.
    required : bool, optional
        Required unless it has a default; say ``required=False`` for a variable that may be left out.
    examples : sequence, optional
        Values to show as examples.

    Examples
    --------
    >>> number(maximum=1).schema
    {'type': 'number', 'maximum': 1}
    >>> number(minimum=0, maximum=1, multiple_of=0.01, step=0.1).schema
    {'type': 'number', 'minimum': 0, 'maximum': 1, 'multipleOf': 0.01, 'step': 0.1}
    """
    bounds = {"minimum": minimum, "maximum": maximum, "multipleOf": multiple_of, "step": step}
    return _variable({"type": "number", **_without_none(bounds)}, default, description, required, examples)


@arguments.public
def boolean(*, default: Any = UNSET, description: str | None = None, required: bool | None = None) -> Variable:
    """Return a variable that is ``True`` or ``False``.

    Examples
    --------
    >>> boolean(default=False)
    Variable(schema={'type': 'boolean', 'default': False}, required=False)
    """
    return _variable({"type": "boolean"}, default, description, required)


@arguments.public
def choice(
    *values: Any,
    default: Any = UNSET,
    description: str | None = None,
    required: bool | None = None,
) -> Variable:
    """Return a variable that is one of `values`.

    Raises
    ------
    InputError
        There are no values, or one of them has no JSON form.

    Examples
    --------
    >>> choice("calm", "brief")
    Variable(schema={'type': 'string', 'enum': ['calm', 'brief']}, required=True)
    """
    if len(values) == 1 and isinstance(values[0], list | tuple | set | frozenset):
        raise InputError("choice: give the values one by one, choice('calm', 'brief'), or choice(*values)")
    if not values:
        raise InputError("choice: give at least one value, for example choice('calm', 'brief')")
    if problems := json_problems(list(values), ("choice",)):
        raise InputError(problems)
    # 1 and True are equal in Python and different in JSON.
    distinct = list({(type(v).__name__, repr(v)): plain(v) for v in values}.values())
    return _variable(choices(distinct), default, description, required)


@arguments.public
def array(
    items: Variable | Mapping[str, Any] | None = None,
    *,
    min_items: int | None = None,
    max_items: int | None = None,
    unique: bool = False,
    default: Any = UNSET,
    description: str | None = None,
    required: bool | None = None,
    examples: Sequence[Any] | None = None,
) -> Variable:
    """Return a variable that is a list, whose items are like `items` (any value if not given).

    An Array is sent as a native JSON array, never as its JSON text (CONTRACT section 1).

    Raises
    ------
    InputError
        `items` is neither one of these constructors' results nor a schema.

    Examples
    --------
    >>> array(text(), required=False)
    Variable(schema={'type': 'array', 'items': {'type': 'string'}}, required=False)
    """
    arguments.check(array, {"unique": unique})
    bounds = {
        "items": None if items is None else schema_of(items, ("items",)),
        "minItems": min_items,
        "maxItems": max_items,
        "uniqueItems": True if unique else None,
    }
    return _variable({"type": "array", **_without_none(bounds)}, default, description, required, examples)


@arguments.public
def group(
    fields: Mapping[str, Variable | Mapping[str, Any]],
    *,
    default: Any = UNSET,
    description: str | None = None,
    required: bool | None = None,
) -> Variable:
    """Return a variable that is an object with these named `fields` and no others.

    Raises
    ------
    InputError
        With every field that is neither one of these constructors' results nor a schema.

    Examples
    --------
    >>> group({"name": text(), "age": integer(required=False)}).schema["required"]
    ['name']
    """
    arguments.check(group, {"fields": fields})
    return _variable(object_schema(fields), default, description, required)


@arguments.public
def date(*, default: Any = UNSET, description: str | None = None, required: bool | None = None) -> Variable:
    """Return a variable that is a date as text, ``2026-01-31``.

    Examples
    --------
    >>> date().schema
    {'type': 'string', 'format': 'date'}
    """
    return _variable({"type": "string", "format": "date"}, default, description, required)


@arguments.public
def datetime_(*, default: Any = UNSET, description: str | None = None, required: bool | None = None) -> Variable:
    """Return a variable that is a date and time as text, with its offset: ``2026-01-31T09:30:00Z``.

    Examples
    --------
    >>> datetime_().schema
    {'type': 'string', 'format': 'date-time'}
    """
    return _variable({"type": "string", "format": "date-time"}, default, description, required)


@arguments.public
def any_(
    *,
    default: Any = UNSET,
    description: str | None = None,
    required: bool | None = None,
    examples: Sequence[Any] | None = None,
) -> Variable:
    """Return a variable that is any JSON value.

    Examples
    --------
    >>> any_(required=False)
    Variable(schema={}, required=False)
    """
    return _variable({}, default, description, required, examples)


def _without_none(keywords: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in keywords.items() if value is not None}


def _variable(
    schema: dict[str, Any],
    default: Any,
    description: str | None,
    required: bool | None,
    examples: Sequence[Any] | None = None,
) -> Variable:
    arguments.check(_variable, locals())
    if description is not None:
        schema["description"] = description
    problems = [] if default is UNSET else json_problems(default, ("default",))
    listed_examples = list(examples) if examples is not None else []
    if problems := problems + json_problems(listed_examples, ("examples",)):
        raise InputError(problems)
    if default is not UNSET:
        schema["default"] = plain(default)
    if listed_examples:
        schema["examples"] = plain(listed_examples)
    return Variable(schema, (default is UNSET) if required is None else required)
