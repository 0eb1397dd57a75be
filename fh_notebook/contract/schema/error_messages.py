"""Problems of validation: path, message and hint for each validation error.

Rule of this file: the library's own messages are never used. They spell out whole values, and a value may be huge,
hostile, or secret. A value under a variable that has a password in it is never spelt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from fh_notebook.contract.schema.references import effective_schema
from fh_notebook.contract.secrets import Secrets
from fh_notebook.core.text.formatting import FORMATS, kind_text, listed, nearest, path_text, short, types_of
from fh_notebook.core.text.messages import counted
from fh_notebook.core.text.problems import Problem


@dataclass(frozen=True, slots=True)
class BrokenRule:
    """A rule of a schema that a value breaks."""

    keyword: str | None
    """``None`` for the schema ``false``."""
    path: tuple[str | int, ...]
    """Where the value is."""
    instance: Any
    """The value; for ``required`` and ``additionalProperties`` the object."""
    limit: Any
    """What the schema says under the keyword; for ``uniqueItems`` the place of the first equal item."""
    schema: Mapping[str, Any]
    """The part of the schema that has the keyword."""
    branches: tuple[tuple[BrokenRule, ...], ...] = ()
    """What is broken of each alternative of ``anyOf`` and ``oneOf``; none where several fit."""


def explain(errors: Iterable[BrokenRule], schema: Mapping[str, Any]) -> list[Problem]:
    """Return one problem for each of the `errors`, in the order of the schema's properties, without repetitions."""
    pending = list(errors)
    if not pending:
        return []
    properties = schema.get("properties")
    order = {name: i for i, name in enumerate(properties)} if isinstance(properties, Mapping) else {}
    pending.sort(key=lambda e: order.get(e.path[0], len(order)) if e.path else len(order))
    # "It is not one of these" says all that "it is not a text" says.
    chosen = {e.path for e in pending if e.keyword == "enum"}
    pending = [e for e in pending if e.keyword != "type" or e.path not in chosen]
    secrets = Secrets.of(schema)
    return list(dict.fromkeys(problem for error in pending for problem in _problems(error, secrets, schema)))


@dataclass(frozen=True, slots=True)
class _Case:
    """One error with what a sentence needs of it."""

    error: BrokenRule
    secrets: Secrets
    root: Mapping[str, Any]
    """The whole schema, in which references look."""

    @property
    def path(self) -> tuple[str | int, ...]:
        return self.error.path

    def problem(self, message: str, hint: str = "", *, value: str = "", expected: str = "") -> Problem:
        return Problem(self.path, self.error.keyword or "", value, message, hint, expected=expected)

    def of_value(self, message: str, hint: str = "", *, expected: str = "") -> Problem:
        """Return the problem with the value alone, for a sentence about its content and not its kind."""
        return self.problem(message, hint, value=self.brief, expected=expected)

    @property
    def hidden(self) -> bool:
        return self.secrets.cover(list(self.path))

    @property
    def value(self) -> str:
        """The value as the subject of a sentence: what it is, unless that is plain to see."""
        value = self.error.instance
        if self.hidden:
            return "the value"
        if isinstance(value, str):
            return f"the text {short(value)}" if value else "an empty text"
        if isinstance(value, Mapping):
            return f"the object {short(value)}"
        return f"the list {short(value)}" if isinstance(value, list | tuple) else short(value)

    @property
    def brief(self) -> str:
        """The value alone, for a sentence about its content and not its kind."""
        return "the value" if self.hidden else short(self.error.instance)

    @property
    def limit(self) -> Any:
        return self.error.limit

    @property
    def count(self) -> str:
        return f"{self.limit:,}" if isinstance(self.limit, int) else short(self.limit)

    @property
    def held(self) -> Mapping[str, Any]:
        """The value as an object; empty when it is none."""
        return self.error.instance if isinstance(self.error.instance, Mapping) else {}

    @property
    def name(self) -> str:
        """The last name of the path."""
        return str(self.path[-1]) if self.path else ""

    @property
    def properties(self) -> Mapping[str, Any]:
        declared = self.schema.get("properties")
        return declared if isinstance(declared, Mapping) else {}

    @property
    def schema(self) -> Mapping[str, Any]:
        return self.error.schema


def _problems(error: BrokenRule, secrets: Secrets, root: Mapping[str, Any]) -> list[Problem]:
    value = error.instance
    if isinstance(value, float) and not isfinite(value):
        return []  # json_problems tells it, once
    if not isinstance(value, str | int | float | Mapping | list | tuple | None):
        return []
    case = _Case(error, secrets, root)
    if error.keyword in ("anyOf", "oneOf"):
        return _alternatives(case)
    return [_PROBLEM.get(str(error.keyword), _fallback)(case)]


def _type(case: _Case) -> Problem:
    needed = types_of(case.limit)
    hint = "" if case.hidden else _type_hint(case.error.instance, needed, case.schema)
    expected = kind_text({"type": needed, "format": case.schema.get("format")})
    return case.problem(f"is not {expected}", hint, value=case.value, expected=expected)


_WHOLE = re.compile(r"\s*[+-]?\d{1,15}\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*[+-]?\d{1,15}\.\d{1,15}\s*", re.ASCII)


def _type_hint(value: Any, needed: Sequence[str], schema: Mapping[str, Any]) -> str:
    if not isinstance(value, str) or "string" in needed:
        return ""
    start = value.lstrip()[:1]
    if "array" in needed:
        if not start:
            return "give [], or leave it out"
        return "give a list, not its JSON text" if start == "[" else f"give {short(_likely_list(value, schema))}"
    if "object" in needed and start == "{":
        return "give an object, not its JSON text"
    is_number = _WHOLE.fullmatch(value) or ("number" in needed and _DECIMAL.fullmatch(value))
    if is_number and {"integer", "number"} & {*needed}:
        return f"give {value.strip()} without quotes"
    if "boolean" in needed and value.strip().lower() in ("true", "false"):
        return f"give {value.strip().capitalize()} without quotes"
    if "boolean" in needed and value.strip().lower() in ("yes", "no", "on", "off", "y", "n"):
        return "write true or false"
    return ""


def _likely_list(text: str, schema: Mapping[str, Any]) -> list[Any]:
    """Return the list that a text was most likely meant to be: "late, lost" or lines that begin with dashes."""
    parts = text.strip().split("\n") if "\n" in text.strip() else text.split(",")
    items = [short(part.strip().removeprefix("- "), 30)[1:-1] for part in parts if part.strip()] or [text]
    items_schema = schema.get("items")
    is_number = isinstance(items_schema, Mapping) and items_schema.get("type") in ("integer", "number")
    return [int(item) for item in items] if is_number and all(map(_WHOLE.fullmatch, items)) else items


def _missing(case: _Case) -> Problem:
    expected = case.properties.get(case.name)
    if isinstance(expected, Mapping):
        expected = effective_schema(expected, case.root)
    if case.hidden and isinstance(expected, Mapping):
        expected = {"type": expected.get("type", [])}  # the choices of a secret are secret
    kind = kind_text(expected) if expected else "a value"
    return case.problem("is missing", f"give {kind}", expected=kind)


def _unknown(case: _Case) -> Problem:
    noun = "variable" if len(case.path) == 1 else "name here"
    if (close := nearest(case.name, case.properties)) is not None:
        return case.problem(f"no such {noun}", f"did you mean {short(close)}?")
    names = list(case.properties)
    hint = f"there are {listed(names, 'and')}" if len(names) > 1 else f"there is only {listed(names)}"
    return case.problem(f"no such {noun}", hint if names else "none is accepted here")


def _enum(case: _Case) -> Problem:
    if case.hidden or not isinstance(case.limit, list):
        return case.of_value("is not one of the values allowed")
    close = nearest(case.error.instance, case.limit)
    return case.of_value(
        f"is not one of {listed(case.limit)}", f"did you mean {short(close)}?" if close is not None else ""
    )


def _const(case: _Case) -> Problem:
    return case.of_value("is not the one value allowed", "" if case.hidden else f"give {short(case.limit)}")


_DATE_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}.{0,40}", re.ASCII)


def _format(case: _Case) -> Problem:
    # The day of a moment in place of a day, as a Timestamp gives it.
    date_time = _DATE_TIME.fullmatch(case.error.instance) if isinstance(case.error.instance, str) else None
    is_day = date_time is not None and case.limit == "date" and not case.hidden
    day = f"give its day, '{date_time[1]}'" if date_time is not None and is_day else ""
    expected = FORMATS.get(case.limit, f"a valid {short(case.limit)}")
    return case.of_value(f"is not {expected}", day, expected=expected)


def _length(case: _Case) -> Problem:
    value = case.error.instance
    size = len(value) if isinstance(value, str | Mapping | list | tuple) else 0
    name = str(case.error.keyword)
    unit = {"Length": "character", "Items": "item", "Properties": "name"}[name[3:]]
    bound = f"at {'least' if name.startswith('min') else 'most'} {case.count} {unit}{'' if case.limit == 1 else 's'}"
    if not size:
        return case.problem("is empty", f"give {bound}")
    if case.hidden:
        return case.problem("the value has the wrong length", f"give {bound}")
    return case.problem(f"has {size:,} {unit}{'' if size == 1 else 's'}", f"give {bound}")


def _pattern(case: _Case) -> Problem:
    return case.of_value(f"does not match the pattern {_pattern_text(case.limit)}")


def _pattern_text(pattern: Any) -> str:
    """Return a regular expression as it was written, shortened and printable."""
    return short(pattern)[1:-1].replace("\\\\", "\\")


def _unique(case: _Case) -> Problem:
    first = path_text([*case.path[:-1], case.limit])
    return case.of_value(f"is a duplicate of {first}", "give each item once")


def _too_many(case: _Case) -> Problem:
    allowed = len(case.schema.get("prefixItems", []))
    count = len(case.error.instance) if isinstance(case.error.instance, list | tuple) else 0
    return case.problem(f"has {counted(count, 'item')}", f"give at most {allowed:,}")


def _depends(case: _Case) -> Problem:
    missing = [
        f"{short(name)} (needed with {short(present)})"
        for present, names in case.limit.items()
        if isinstance(names, list) and present in case.held
        for name in names
        if name not in case.held
    ]
    return case.problem(f"{', '.join(missing)} is missing", "give it")


def _contains(case: _Case) -> Problem:
    expected = "wanted" if case.hidden else kind_text(case.limit)
    return case.problem(f"has no item that is {expected}", value=case.value)


def _fallback(case: _Case) -> Problem:
    if case.error.keyword is None:
        return case.of_value("is not accepted", "leave it out")  # the library does not say under which name
    return case.of_value(f"does not fit the schema's {short(case.error.keyword)[1:-1]}")


_PROBLEM: Final[Mapping[str, Callable[[_Case], Problem]]] = {
    "type": _type,
    "required": _missing,
    "additionalProperties": _unknown,
    "enum": _enum,
    "const": _const,
    "minimum": lambda c: c.of_value("is too small", f"give at least {short(c.limit)}"),
    "maximum": lambda c: c.of_value("is too large", f"give at most {short(c.limit)}"),
    "exclusiveMinimum": lambda c: c.of_value("is too small", f"give more than {short(c.limit)}"),
    "exclusiveMaximum": lambda c: c.of_value("is too large", f"give less than {short(c.limit)}"),
    "multipleOf": lambda c: c.of_value(f"is not a multiple of {short(c.limit)}"),
    "minLength": _length,
    "maxLength": _length,
    "minItems": _length,
    "maxItems": _length,
    "minProperties": _length,
    "maxProperties": _length,
    "pattern": _pattern,
    "format": _format,
    "uniqueItems": _unique,
    "dependentRequired": _depends,
    "items": _too_many,
    "contains": _contains,
    "not": lambda c: c.of_value("is not allowed here"),
}


def _alternatives(case: _Case) -> list[Problem]:
    """Tell a failed anyOf or oneOf by the one branch that was meant, or else by all that would do."""
    branches = case.error.branches
    if not branches:
        hint = "give a value that fits only one of them"
        return [case.problem("fits more than one of the kinds allowed", hint, value=case.value)]
    of_kind = [b for b in branches if not any(e.path == case.path and e.keyword in ("type", None) for e in b)]
    likely = [b for b in of_kind if not any(_is_choice(e) and e.path == case.path for e in b)] or of_kind
    if len(likely) > 1:  # a tagged union: the branch with the right tag
        likely = [b for b in likely if not any(map(_is_choice, b))] or likely
    if len(likely) == 1:
        return [problem for error in likely[0] for problem in _problems(error, case.secrets, case.root)]
    limit = case.limit if isinstance(case.limit, list) else []
    kinds = list(dict.fromkeys(kind_text(s) for s in limit[:10]))
    if case.hidden or not kinds:
        return [case.problem("is not of a kind that is allowed", value=case.value)]
    message = f"is {'not' if len(kinds) == 1 else 'neither'} {' nor '.join(kinds)}"
    closest = min(likely, key=len, default=())
    if closest and not _is_choice(closest[0]):
        nearest_one = "; ".join(map(str, _problems(closest[0], case.secrets, case.root)[:1]))
        message += f" (nearest: {nearest_one})"
    return [case.problem(message, value=case.value)]


def _is_choice(error: BrokenRule) -> bool:
    return error.keyword in ("const", "enum")
