"""Validation by the library `jsonschema`, imported at the first use and bent in seven places.

- Nothing is fetched: a ``$ref`` that points outside of the schema is an error of the schema.
- A missing and an unknown name are each an error of their own, at their own path; the library lumps them together.
- Any mapping is an object and any tuple a list, as for the encoder that will write them.
- ``uniqueItems`` takes linear time; the library's takes quadratic time on lists of objects.
- A pattern is matched within a time limit (:mod:`~fh_notebook.contract.patterns`).
- A check is bounded (:mod:`~fh_notebook.contract.visits`), whatever the schema.
- ``multipleOf`` is about decimals (:mod:`~fh_notebook.contract.multiples`); the library divides in binary.

The formats that are checked do not depend on which optional packages happen to be installed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fh_notebook.contract.canonical import json_problems
from fh_notebook.contract.explain import explain
from fh_notebook.contract.multiples import is_multiple
from fh_notebook.contract.patterns import TooSlow, keywords, unnamed
from fh_notebook.contract.patterns import found as is_found
from fh_notebook.contract.plain_schema import is_plain
from fh_notebook.contract.spell import short
from fh_notebook.contract.visits import TooManyVisits, bounded, counted
from fh_notebook.problems import Problem
from fh_notebook.values import is_number

if TYPE_CHECKING:
    from jsonschema import FormatChecker
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

__all__ = ["formats", "library_errors", "problems", "root_of", "schema_problems", "validator_class", "why_not"]

MAX_PROBLEMS: Final = 1_000
"""More sentences are read by nobody, and a hostile list of a million wrong items would make a million of them."""

_DIALECTS: Final = {
    "2020-12": "Draft202012Validator",
    "2019-09": "Draft201909Validator",
    "draft-07": "Draft7Validator",
    "draft-06": "Draft6Validator",
    "draft-04": "Draft4Validator",
}
"""The dialects that are read by their own rules; whatever else ``$schema`` says is read as 2020-12."""


def problems(schema: Mapping[str, Any], inputs: Any) -> list[Problem]:
    """Return everything about `inputs` that does not fit `schema`.

    Parameters
    ----------
    schema : Mapping
        A JSON Schema of an object, as :func:`~fh_notebook.contract.schema.to_schema` returns it.
    inputs : Mapping
        Names of Start variables and their values. It is not changed.

    Returns
    -------
    list of Problem
        In the order of the variables, unknown names last. Empty when all is well. More than some :data:`MAX_PROBLEMS`
        are not listed; the last one then says so.

    Examples
    --------
    >>> closed = {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}},
    ...           "additionalProperties": False}
    >>> [problem] = problems(closed, {"tags": ["a", 3]})
    >>> problem.path, problem.keyword, str(problem)
    (('tags', 1), 'type', 'tags[1]: 3 is not a text')
    >>> print(*problems(closed, {"tag": []}))
    tag: there is no such variable; did you mean 'tags'?
    """
    if not isinstance(inputs, Mapping):
        return [Problem((), "type", short(inputs), "is not a mapping of names to values", "give {'name': value}")]
    found = json_problems(inputs)[:MAX_PROBLEMS]
    if not set(schema) - {"type"}:
        return found  # open: there is nothing to check, and no need to import the library
    return found + _told(validator_class(schema), root_of(schema), inputs, "inputs")


def schema_problems(schema: dict[str, Any]) -> list[Problem]:
    """Return everything that makes `schema` unusable; the paths lead into the schema.

    Examples
    --------
    >>> print(*schema_problems({"type": "object", "properties": {"n": {"type": "whole"}}}))
    properties.n.type: 'whole' is not one of 'array', 'boolean', 'integer', 'null', 'number', 'object' or 'string'
    """
    if found := json_problems(schema):
        return found
    if is_plain(schema):
        return []
    kind = validator_class(schema)
    return _told(kind, kind.META_SCHEMA, schema, "schema") or _lost_references(schema)


def _told(kind: type[Validator], schema: Mapping[str, Any], value: Any, what: str) -> list[Problem]:
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # ships no types; fetches nothing

    make: Callable[..., Validator] = kind
    checker = make(schema, registry=REGISTRY, format_checker=formats())
    came: list[ValidationError] = []
    try:
        with bounded(value):
            came.extend(islice(checker.iter_errors(value), MAX_PROBLEMS))
    except library_errors(ValueError) as broken:
        return [*explain(came, schema), Problem(message=f"{what}: could not be checked to the end; {why_not(broken)}")]
    told = explain(came, schema)
    if len(came) == MAX_PROBLEMS:
        told.append(Problem(message=f"{what}: there are more problems than these"))
    return told


def library_errors(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """Return what the library may raise in the middle of a check, and `more`; none of it may end in a traceback.

    A schema that refers to itself without end, a name that is not a string, an integer of more digits than Python
    spells; and what is no schema at all, where only a ``$ref`` leads to it: no meta-schema has judged that.
    """
    from jsonschema.exceptions import UnknownType
    from referencing.exceptions import Unresolvable

    of_schema = (re.error, UnknownType, Unresolvable, TooManyVisits)
    return RecursionError, ArithmeticError, TypeError, AttributeError, *of_schema, *more


def why_not(broken: Exception) -> str:
    """Return in words why something could not be checked to the end."""
    from referencing.exceptions import Unresolvable

    if isinstance(broken, RecursionError):
        return "something is nested too deep, or the schema refers to itself without end"
    if isinstance(broken, TooSlow | TooManyVisits):
        return str(broken)
    if isinstance(broken, TypeError):
        return "a name or a value is none of JSON's"
    if isinstance(broken, ValueError | ArithmeticError):
        return "a number is too large; give it as a text"
    if isinstance(broken, re.error):
        return "a pattern of the schema cannot be read"
    return f"a $ref of the schema leads {'nowhere' if isinstance(broken, Unresolvable) else 'to what is no schema'}"


def _lost_references(schema: dict[str, Any]) -> list[Problem]:
    from jsonschema_specifications import REGISTRY
    from referencing import Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    root = Resource.from_contents(schema, default_specification=DRAFT202012)
    lost: list[str] = []
    pending = [(root, REGISTRY.with_resource("", root).resolver_with_root(root))]
    while pending:
        resource, resolver = pending.pop()
        named = resource.contents.get("$ref") if isinstance(resource.contents, Mapping) else None
        if isinstance(named, str):
            try:
                resolver.lookup(named)
            except (Unresolvable, ValueError, TypeError):  # a step into a list by a word, or into a text
                lost.append(named)
        pending += [(sub, resolver.in_subresource(sub)) for sub in resource.subresources()]
    message, hint = "is not in this schema, and nothing is fetched", "define it under $defs"
    return [Problem(("$ref",), "$ref", short(name), message, hint) for name in lost]


def root_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return `schema` without the name of its dialect, which is told by :func:`validator_class`."""
    # The library answers a `$schema` that it meets again (by `"$ref": "#"`) with a class of its own, without our bends.
    return {name: value for name, value in schema.items() if name != "$schema"}


def validator_class(schema: Mapping[str, Any], search: Callable[[str, str], bool] = is_found) -> type[Validator]:
    """Return the library's class for the dialect of `schema`, bent as this file says; `search` looks for patterns."""
    named = schema.get("$schema")
    dialect = next((w for w in _DIALECTS if isinstance(named, str) and w in named), "2020-12")
    return _bent_once(_DIALECTS[dialect]) if search is is_found else _bent(_DIALECTS[dialect], search)


@cache
def _bent_once(name: str) -> type[Validator]:
    return _bent(name, is_found)


def _bent(name: str, search: Callable[[str, str], bool]) -> type[Validator]:
    import jsonschema
    from jsonschema import validators

    kind = getattr(jsonschema, name)
    matching = keywords(search)
    types = {
        "array": lambda _, value: isinstance(value, list | tuple),
        "object": lambda _, value: isinstance(value, Mapping),
    }
    bends = {
        **matching,
        "additionalProperties": partial(_additional, matching["additionalProperties"], search),
        "multipleOf": _multiple,
        "required": _required,
        "uniqueItems": _unique,
    }
    extend: Callable[..., Any] = validators.extend  # untyped in the stubs
    made = extend(kind, bends, type_checker=kind.TYPE_CHECKER.redefine_many(types))
    made.evolve = counted(made.evolve)  # on a class of our own; the library takes no other way to go on
    bent: type[Validator] = made
    return bent


def _required(validator: Validator, names: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, Mapping):
        for name in names:
            if name not in instance:
                yield ValidationError("", path=[name])


def _multiple(validator: Validator, step: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    # Other kinds of number have no JSON form, which is told elsewhere.
    if is_number(instance) and not is_multiple(instance, step):
        yield ValidationError("")


def _additional(
    original: Any, search: Callable[[str, str], bool], validator: Validator, rule: Any, instance: Any, schema: Any
) -> Iterable[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if rule is not False:
        found: Iterable[ValidationError] = original(validator, rule, instance, schema) or ()
        return found
    if not isinstance(instance, Mapping):
        return ()
    return (ValidationError("", path=[name]) for name in unnamed(instance, schema, search))


def _unique(validator: Validator, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if not rule or not isinstance(instance, list | tuple):
        return
    first: dict[Any, int] = {}
    for index, item in enumerate(instance):
        earlier = first.setdefault(_key(item), index)
        if earlier != index:
            yield ValidationError("", path=[index], instance=item, validator_value=earlier)


def _key(value: Any) -> Any:
    """Return what is equal for values that are equal in JSON: 1 is 1.0, and neither is true."""
    if isinstance(value, Mapping):
        return ("object", frozenset((name, _key(item)) for name, item in value.items()))
    if isinstance(value, list | tuple):
        return ("array", tuple(_key(item) for item in value))
    kind = "number" if is_number(value) else type(value).__name__
    return (kind, value)


@cache
def formats() -> FormatChecker:
    """Return the formats that are checked."""
    from jsonschema import FormatChecker

    # These four need no optional package and no rule of ours.
    checker = FormatChecker(formats=("ipv4", "ipv6", "uuid", "idn-email"))
    for name, test in _FORMATS.items():
        checker.checks(name)(_of_text(test))
    return checker


def _of_text(test: Callable[[str], bool]) -> Callable[[object], bool]:
    def holds(value: object) -> bool:
        return not isinstance(value, str) or test(value)

    return holds


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def _is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text)) and _reads(date.fromisoformat, text)


def _is_moment(text: str) -> bool:
    # RFC 3339 demands the offset: a moment without one is another moment on another machine.
    parts = _MOMENT.fullmatch(text)
    return bool(parts) and _reads(datetime.fromisoformat, f"{parts[1]}T{parts[2]}{parts[4].upper()}" if parts else "")


def _is_email(text: str) -> bool:
    name, at, host = text.rpartition("@")
    return bool(name and at and host) and not re.search(r"\s", text)


def _is_uri(text: str) -> bool:
    if re.search(r"[\s<>\"{}|\\^`]", text) or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:.", text):
        return False
    return _reads(urlsplit, text)


def _is_pattern(text: str) -> bool:
    return _reads(re.compile, text)


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except (ValueError, re.error, OverflowError, RecursionError):
        return False
    return True


_FORMATS: Final = {
    "date": _is_date,
    "date-time": _is_moment,
    "email": _is_email,
    "regex": _is_pattern,
    "uri": _is_uri,
}
