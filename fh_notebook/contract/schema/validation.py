"""Validation of inputs, outputs and schemas by jsonschema-rs, imported at first use.

- Nothing is fetched: a ``$ref`` that points outside of the schema is an error of the schema.
- A missing and an unknown name are each an error of their own, at their own path.
- Any mapping is an object and any tuple a list, as for the encoder that will write them.
- Patterns are those of JSON Schema (ECMA 262): matched in linear time, or within a limit of steps where they look
  around or back.
- A schema that would look too often at one value is refused before it is tried
(:mod:`~fh_notebook.contract.schema.references`):
  the library cannot be stopped.
- The formats that are checked are those below; others say how a value is typed in, or are nobody's to check.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache, lru_cache
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fh_notebook.contract.schema.error_messages import BrokenRule, explain
from fh_notebook.contract.schema.references import MOST, References
from fh_notebook.core.json_values import MAX_DEPTH, MAX_INT_BITS, json_problems
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.problems import Path, Problem
from fh_notebook.core.values import is_number
from fh_notebook.errors import InputError

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError, Validator

MAX_PROBLEMS: Final = 1_000
"""More sentences are read by nobody, and a hostile list of a million wrong items would make a million of them."""
MAX_STEPS: Final = 100_000
"""Of a pattern that looks around or back, on one text: some milliseconds."""

_DIALECTS: Final = {
    "2020-12": ("Draft202012Validator", "https://json-schema.org/draft/2020-12/schema"),
    "2019-09": ("Draft201909Validator", "https://json-schema.org/draft/2019-09/schema"),
    "draft-07": ("Draft7Validator", "http://json-schema.org/draft-07/schema#"),
    "draft-06": ("Draft6Validator", "http://json-schema.org/draft-06/schema#"),
    "draft-04": ("Draft4Validator", "http://json-schema.org/draft-04/schema#"),
}
"""The dialects that are read by their own rules; whatever else ``$schema`` says is read as 2020-12."""

_TOO_DEEP: Final = "something is nested too deeply"
_ENDLESS: Final = f"{_TOO_DEEP}, or the schema refers to itself without end"
_MULTIPLIES: Final = (
    f"the check would visit the schema more than {MOST:,} times: a second reference to a definition doubles its "
    "visits; refer to each once"
)
_NOWHERE: Final = "a $ref of the schema has no target"
_NO_SCHEMA: Final = "a $ref of the schema points to something that is not a schema"
_NO_PATTERN: Final = "a pattern of the schema cannot be read; use the syntax of JSON Schema (ECMA 262)"


def problems(schema: Mapping[str, Any], inputs: Any) -> list[Problem]:
    """Return everything about `inputs` that does not fit `schema`.

    Examples
    --------
    >>> closed = {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}},
    ...           "additionalProperties": False}
    >>> [problem] = problems(closed, {"tags": ["a", 3]})
    >>> problem.path, problem.keyword, str(problem)
    (('tags', 1), 'type', 'tags[1]: 3 is not a text')
    >>> print(*problems(closed, {"tag": []}))
    tag: no such variable; did you mean 'tags'?
    """
    return Checker.of(schema).problems(inputs)


def fits(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether any JSON value fits a schema.

    Examples
    --------
    >>> [fits({"pattern": "^a"}, text) for text in "ab"]
    [True, False]
    """
    return Checker.of(schema).fits(value)


def schema_problems(schema: dict[str, Any]) -> list[Problem]:
    """Return everything that makes `schema` unusable; the paths lead into the schema.

    Examples
    --------
    >>> print(*schema_problems({"type": "object", "properties": {"n": {"type": "whole"}}}))
    properties.n.type: 'whole' is not one of 'array', 'boolean', 'integer', 'null', 'number', 'object' or 'string'
    """
    if problems := json_problems(schema):
        return problems
    if problems := _problems_of_value(
        _metaschema_validator(_dialect(schema)), {}, {}, _plain(schema, []), schema, "schema"
    ):
        return problems
    message, hint = "is not in this schema, and nothing is fetched", "define it under $defs"
    return [Problem(("$ref",), "$ref", short(name), message, hint) for name in Checker.of(schema).unresolved]


_UNCHECKED: Final = "could not be checked to the end"


class _Unchecked(ValueError):
    """Something could not be checked to the end; the message says why."""


@dataclass(frozen=True, slots=True)
class Checker:
    """A schema that is ready to check many values."""

    schema: Mapping[str, Any]
    """Without the name of its dialect."""
    dialect: str
    error: str = ""
    """Why it cannot be used."""
    unresolved: tuple[str, ...] = ()
    """The references that lead nowhere."""
    resources: Mapping[str, Any] = field(default_factory=dict)
    """The schema and those that are bundled in it, by their address."""
    max_depth: int = MAX_DEPTH
    """Deeper values would be looked at too often."""
    validators: tuple[Validator, Validator] | None = None
    """One that says whether a value fits, and one that says what does not; ``None`` with an `error`."""

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> Checker:
        """Return the checker of a schema; equal schemas have the same one."""
        # The library answers a `$schema` that it does not know with an error.
        keywords = {name: value for name, value in schema.items() if name != "$schema"}
        try:
            return _compiled(json.dumps(keywords), _dialect(schema))
        except (RecursionError, ValueError):
            return cls(keywords, _dialect(schema), _TOO_DEEP)

    def __reduce__(self) -> tuple[Callable[[str, str], Checker], tuple[str, str]]:
        return _compiled, (json.dumps(self.schema), self.dialect)  # on a worker it is compiled again

    def fits(self, value: Any) -> bool:
        """Whether `value`, any JSON value, fits."""
        from jsonschema_rs import ValidationError

        try:
            plain, quick, _ = self._ready(value, [])
            if quick.is_valid(plain):
                return True
            quick.validate(plain)
        except ValidationError as exc:
            if slow := _too_slow(exc):
                raise InputError(Problem(keyword="pattern", message=f"it {_UNCHECKED}; {slow}")) from None
        except _Unchecked as exc:
            raise InputError(f"it {_UNCHECKED}; {exc}") from None
        return False

    def problems(self, inputs: Any) -> list[Problem]:
        """Return everything about `inputs` that does not fit, as :func:`problems` does."""
        if not isinstance(inputs, Mapping):
            return [Problem((), "type", short(inputs), "is not a mapping of names to values", "give {'name': value}")]
        odd: list[Any] = []
        try:
            plain, quick, full = self._ready(inputs, odd)
        except _Unchecked as exc:
            problem = Problem(message=f"inputs: {_UNCHECKED}; {exc}")
            return [*json_problems(inputs)[:MAX_PROBLEMS], problem]
        if not odd and quick.is_valid(plain):
            return []
        return json_problems(inputs)[:MAX_PROBLEMS] + _problems_of_value(
            full, self.schema, self.resources, plain, inputs, "inputs"
        )

    def _ready(self, value: Any, odd: list[Any]) -> tuple[Any, Validator, Validator]:
        """Return `value` as the library reads it, and the two validators."""
        if self.validators is None:
            raise _Unchecked(self.error)
        plain = _plain(value, odd)
        if self.max_depth < MAX_DEPTH and _depth(plain) > self.max_depth:
            raise _Unchecked(_MULTIPLIES)
        return plain, *self.validators


@lru_cache(maxsize=1_024)
def _compiled(text: str, dialect: str) -> Checker:
    import jsonschema_rs

    schema = json.loads(text)
    references = References(schema)
    checker = Checker(schema, dialect, "", tuple(references.unresolved), references.resources)
    try:
        depth = references.max_depth()
        if depth == 0:  # the library would not come to the end of compiling it
            return replace(checker, error=_MULTIPLIES)
        plain = _plain(schema, [])
        factory = getattr(jsonschema_rs, _DIALECTS[dialect][0])
        quick = factory(plain, **_options())
        full = factory(plain, **_options(), keywords={"required": _Required})
    except RecursionError:
        return replace(checker, error=_ENDLESS)
    except jsonschema_rs.ValidationError as exc:
        return replace(checker, error=_unusable_reason(exc))
    except ValueError:  # of the library, which reads a schema of some hundred levels
        return replace(checker, error=_TOO_DEEP)
    return replace(checker, max_depth=depth, validators=(quick, full))


@cache
def _metaschema_validator(dialect: str) -> Validator:
    """Return what checks a schema itself."""
    import jsonschema_rs

    name, address = _DIALECTS[dialect]
    validator: Validator = getattr(jsonschema_rs, name)({"$ref": address}, **_options())
    return validator


def _options() -> dict[str, Any]:
    from jsonschema_rs import FancyRegexOptions

    limit = FancyRegexOptions(backtrack_limit=MAX_STEPS)
    return {"offline": True, "validate_formats": True, "formats": _formats(), "pattern_options": limit}


def _dialect(schema: Mapping[str, Any]) -> str:
    declared = schema.get("$schema")
    return next((w for w in _DIALECTS if isinstance(declared, str) and w in declared), "2020-12")


class _Required:
    """The keyword ``required`` as one error for all names that an object lacks.

    The library makes one for each name, each with a copy of the object: quadratic time where thousands are missing.
    """

    def __init__(self, schema: Mapping[str, Any], names: list[str], path: list[str | int]) -> None:
        self.names = names

    def validate(self, instance: Any) -> None:
        """Refuse an object that lacks a name."""
        if isinstance(instance, dict) and not all(name in instance for name in self.names):
            raise ValueError


def _unusable_reason(exc: ValidationError) -> str:
    """Return in words why a schema cannot be used."""
    from jsonschema_rs import ValidationErrorKind as Kind

    if isinstance(exc.kind, Kind.Referencing):
        return _NOWHERE
    return _NO_PATTERN if isinstance(exc.kind, Kind.Format) else _NO_SCHEMA


def _problems_of_value(
    checker: Validator, schema: Mapping[str, Any], resources: Mapping[str, Any], plain: Any, value: Any, noun: str
) -> list[Problem]:
    errors = list(islice(checker.iter_errors(plain), MAX_PROBLEMS))
    slow = dict.fromkeys(filter(None, map(_too_slow, errors)))
    broken_rules = _rules((error for error in errors if not _too_slow(error)), value, resources)
    problems = explain(broken_rules[:MAX_PROBLEMS], schema)
    problems += [Problem(keyword="pattern", message=f"{noun}: {_UNCHECKED}; {why}") for why in slow]
    if max(len(errors), len(broken_rules)) >= MAX_PROBLEMS:
        problems.append(Problem(message=f"{noun}: there are more problems than these"))
    return problems


def _too_slow(error: ValidationError) -> str:
    """Return what to say of a pattern that needed more than `MAX_STEPS`; empty where none did."""
    from jsonschema_rs import ValidationErrorKind as Kind

    if not isinstance(error.kind, Kind.BacktrackLimitExceeded | Kind.RegexEngineFailure):
        return ""
    # The text is not spelt: nobody knows here whether it is a password.
    return "a pattern of the schema takes too long on a string; write it without a repeat inside a repeat"


def _rules(errors: Iterable[ValidationError], value: Any, resources: Mapping[str, Any]) -> list[BrokenRule]:
    """Return errors of the library as ours; those of one value in the order of the schema's keywords."""
    all_rules: list[BrokenRule] = []
    for _, of_one in groupby(errors, key=lambda error: (error.instance_path, error.schema_path[:-1])):
        rules = [rule for error in of_one for rule in islice(_broken_rules(error, value, resources), MAX_PROBLEMS)]
        all_rules += sorted(rules, key=lambda rule: [*rule.schema, rule.keyword].index(rule.keyword))
    return all_rules


def _broken_rules(error: ValidationError, value: Any, resources: Mapping[str, Any]) -> Iterator[BrokenRule]:
    """Yield an error of the library as ours: one for each missing, unknown or repeated part."""
    from jsonschema_rs import ValidationErrorKind as Kind

    kind: Any = error.kind
    path, instance = _locate(value, error.instance_path)
    address = (error.absolute_keyword_location or "").partition("#")[0]
    _, holder = _locate(resources.get(address), error.schema_path[:-1])
    schema = holder if isinstance(holder, Mapping) else {}
    keyword: str | None = str(error.schema_path[-1]) if error.schema_path else None
    if isinstance(kind, Kind.PropertyNames):
        kind, instance = kind.error.kind, kind.error.instance
    if isinstance(kind, Kind.FalseSchema) and keyword == "items":  # no item more than those of `prefixItems`
        path, instance = _locate(value, error.instance_path[:-1])
    elif isinstance(kind, Kind.FalseSchema):
        keyword = None
    rule = BrokenRule(keyword, path, instance, schema.get(keyword or "", kind.value), schema)
    if keyword == "required" and isinstance(instance, Mapping) and isinstance(rule.limit, list):
        names = map(_restored_name, rule.limit)
        yield from (replace(rule, path=(*path, name)) for name in names if name not in instance)
    elif isinstance(kind, Kind.AdditionalProperties):
        yield from (replace(rule, path=(*path, _restored_name(name))) for name in kind.unexpected)
    elif isinstance(kind, Kind.UniqueItems):
        for index, earlier in _repeated(instance):
            yield replace(rule, path=(*path, index), instance=instance[index], limit=earlier)
    elif isinstance(kind, Kind.AnyOf | Kind.OneOfNotValid):
        yield replace(rule, branches=tuple(tuple(_rules(branch, value, resources)) for branch in kind.context))
    else:
        yield rule


def _locate(part: Any, path: Iterable[str | int]) -> tuple[Path, Any]:
    """Return a path of the library's and the part that it leads to; there, a name of digits is a number."""
    resolved_path: list[str | int] = []
    for step in path:
        resolved_path.append(_restored_name(str(step)) if isinstance(part, Mapping) else step)
        try:
            part = part[resolved_path[-1]]
        except (KeyError, IndexError, TypeError):  # a name that is no text, or a schema under an unknown address
            part = _NOTHING
    return tuple(resolved_path), part


_EMPTY: Final = "\ue000"
"""Stands for an empty name, which the library leaves out of its paths."""


def _restored_name(name: str) -> str:
    return "" if name == _EMPTY else name


_NOTHING: Final = object()


def _repeated(items: Any) -> Iterator[tuple[int, int]]:
    """Yield the place of each item that was there already, and the first place of it."""
    positions: dict[Any, int] = {}
    for index, item in enumerate(items):
        earlier = positions.setdefault(_key(item), index)
        if earlier != index:
            yield index, earlier


def _key(value: Any) -> Any:
    """Return what is equal for values that are equal in JSON: 1 is 1.0, and neither is true."""
    if isinstance(value, Mapping):
        return ("object", frozenset((name, _key(item)) for name, item in value.items()))
    if isinstance(value, list | tuple):
        return ("array", tuple(_key(item) for item in value))
    kind = "number" if is_number(value) else type(value).__name__
    return (kind, value)


def _plain(value: Any, odd: list[Any], depth: int = 0) -> Any:
    """Return `value` of Python's own types, which alone the library reads; what JSON cannot say is put in `odd`."""
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        text = value if type(value) is str else str.__str__(value)
        if text.isascii():
            return text
        encodable = text.encode("utf-8", "replace").decode()
        if encodable != text:
            odd.append(value)
        return encodable
    if isinstance(value, int):
        if value.bit_length() <= MAX_INT_BITS:
            return int.__index__(value)
        odd.append(value)
        return MAX_INT_BITS
    if isinstance(value, float):
        if not math.isfinite(value):
            odd.append(value)
        return float.__float__(value)
    if depth > MAX_DEPTH:
        raise _Unchecked(_TOO_DEEP)
    if isinstance(value, list | tuple):
        return [_plain(item, odd, depth + 1) for item in value]
    if not isinstance(value, Mapping):
        odd.append(value)
        return None
    copied: dict[str, Any] = {}
    for name, item in value.items():
        if not isinstance(name, str):
            odd.append(name)
        copied[_plain(str(name), odd) or _EMPTY] = _plain(item, odd, depth + 1)
    if isinstance(names := copied.get("required"), list) and "" in names:  # of a schema
        copied["required"] = [_EMPTY if name == "" else name for name in names]
    return copied


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


@cache
def _formats() -> dict[str, Callable[[str], bool]]:
    """Return our formats, and the library's other ones as such that any text has."""
    unchecked = (
        "duration hostname idn-hostname iri iri-reference json-pointer relative-json-pointer time uri-reference "
        "uri-template"
    )
    return {**dict.fromkeys(unchecked.split(), lambda text: True), **_FORMATS}


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def _is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text)) and _reads(date.fromisoformat, text)


def _is_date_time(text: str) -> bool:
    # RFC 3339 demands the offset: a moment without one is another moment on another machine.
    parts = _DATE_TIME.fullmatch(text)
    return bool(parts) and _reads(datetime.fromisoformat, f"{parts[1]}T{parts[2]}{parts[4].upper()}" if parts else "")


def _is_email(text: str) -> bool:
    name, at, host = text.rpartition("@")
    return bool(name and at and host) and not re.search(r"\s", text)


def _is_uri(text: str) -> bool:
    if re.search(r"[\s<>\"{}|\\^`]", text) or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:.", text):
        return False
    return _reads(urlsplit, text)


def _is_pattern(text: str) -> bool:
    """Whether JSON Schema or Python can read it: a catalogue with a pattern of Python's alone is still opened."""
    import jsonschema_rs

    try:
        jsonschema_rs.validator_for({"pattern": text})
    except (jsonschema_rs.ValidationError, ValueError):
        return _reads(re.compile, text)
    return True


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except (ValueError, re.error, OverflowError, RecursionError):
        return False
    return True


_FORMATS: Final[Mapping[str, Callable[[str], bool]]] = {
    "date": _is_date,
    "date-time": _is_date_time,
    "email": _is_email,
    "idn-email": _is_email,
    "regex": _is_pattern,
    "uri": _is_uri,
}
