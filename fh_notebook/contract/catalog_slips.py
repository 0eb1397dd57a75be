"""What is certainly a mistake in one variable of the catalogue's short form, though JSON Schema passes over it. Pure.

Rule of this file: it tells only what no author can have meant. A value is checked by a look where a look is enough: the
library of schemas takes most of a second to import, which a person who presses Tab does not wait for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fh_notebook.contract.secrets import holds_secret
from fh_notebook.contract.spell import FORMATS, KINDS, short, types_of
from fh_notebook.contract.validate import problems, schema_problems
from fh_notebook.problems import Path, Problem
from fh_notebook.values import is_number

__all__ = ["Slip", "slips_of"]

# Those of JSON Schema, and what pydantic and OpenAPI write; near to one of these is a slip.
_FORMATS: Final = (
    *FORMATS,
    *("textarea", "password", "time", "duration", "hostname", "idn-email", "idn-hostname", "iri", "iri-reference"),
    *("uri-reference", "uri-template", "json-pointer", "relative-json-pointer", "int32", "int64", "float", "double"),
    *("byte", "binary", "base64url", "path", "file-path", "directory-path", "json-string", "color", "name-email"),
    *("multi-host-uri", "ipv4network", "ipv6network", "ipv4interface", "ipv6interface", "ipvanyaddress", "decimal"),
    *(f"uuid{version}" for version in range(1, 9)),
)
_NEAR: Final = 0.8

_NUMBERS: Final = ("integer", "number")
_OF: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _NUMBERS),
    **dict.fromkeys(("minLength", "maxLength", "pattern"), ("string",)),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"), ("array",)),
    **dict.fromkeys(
        ("properties", "additionalProperties", "patternProperties", "minProperties", "maxProperties"), ("object",)
    ),
}
"""Keyword -> the types of which it says something."""


@dataclass(frozen=True, slots=True)
class Slip:
    """A mistake at one keyword of a variable."""

    path: Path
    """Where it is: the variable's name, then keywords and names down to the place."""
    problem: Problem
    """At the variable, or the part of it: by names alone."""


def slips_of(name: str, schema: Mapping[str, Any]) -> list[Slip]:
    """Return what is certainly wrong with a variable that JSON Schema would take.

    Examples
    --------
    >>> for slip in slips_of("t", {"type": "string", "format": "textaera", "minimum": 3, "default": 3}):
    ...     print(slip.problem)
    t: the format 'textaera' is not known; did you mean 'textarea'?
    t: 'minimum' says nothing of a text; it is for a number
    t: the default 3 is not a text
    """
    return list(_slips((name,), (name,), schema))


def _slips(path: Path, named: Path, schema: Any) -> Iterator[Slip]:
    if not isinstance(schema, Mapping):
        return
    for word in schema:
        problem = _format(schema[word]) if word == "format" else _idle(word, schema.get("type"))
        if problem:
            yield Slip((*path, word), problem.inside(named))
    for place, problem in _values(schema):
        yield Slip((*path, *place), problem.inside(named))
    properties = schema.get("properties")
    for name, part in properties.items() if isinstance(properties, Mapping) else ():
        yield from _slips((*path, "properties", name), (*named, name), part)
    yield from _slips((*path, "items"), (*named, "items"), schema.get("items"))


def _format(said: Any) -> Problem | None:
    if not isinstance(said, str) or said in _FORMATS:
        return None
    folded = said.casefold().replace("_", "-")
    close = difflib.get_close_matches(folded, _FORMATS, n=1, cutoff=_NEAR) if len(folded) <= 40 else []
    if not close:
        return None
    return Problem((), "format", f"the format {short(said)}", "is not known", f"did you mean {close[0]!r}?")


def _idle(word: str, kind: Any) -> Problem | None:
    """Tell a keyword that says nothing of any of the types that are named."""
    types = types_of(kind) if isinstance(kind, str | list) else []
    meant = _OF.get(word)
    if not meant or not types or not set(types) <= set(KINDS) or set(types) & set(meant):
        return None
    kinds = " or ".join(dict.fromkeys(KINDS[t] for t in types))
    return Problem((), word, repr(word), f"says nothing of {kinds}", f"it is for {KINDS[meant[-1]]}")


def _values(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Problem]]:
    """Tell the values in a schema that it does not take itself, each with its place."""
    given: list[tuple[Path, str, Any]] = []
    if "default" in schema:
        given.append((("default",), "default", schema["default"]))
    for word, called in (("enum", "choice"), ("examples", "example")):
        listed = schema.get(word)
        given += [((word, i), called, value) for i, value in enumerate(listed if isinstance(listed, list) else ())]
    if not given:
        return
    hidden = holds_secret(schema, refs=True)
    bare = {word: said for word, said in schema.items() if word not in ("default", "examples", "required")}
    if isinstance(schema.get("required"), list):
        bare["required"] = schema["required"]
    only_type = {"type": bare["type"]} if "type" in bare else {}
    for place, called, value in given:
        # Of a choice, the kind alone: bounds beside choices narrow them, and that may be meant.
        if problem := _misfit(value, only_type if called == "choice" else bare):
            if hidden:
                problem = Problem((), problem.keyword, message="is not one that the variable takes")
            yield place, replace(problem, value=" ".join(filter(None, (f"the {called}", problem.value))))


def _misfit(value: Any, schema: Mapping[str, Any]) -> Problem | None:
    """Return what is wrong with a value of a variable, to be read after a noun; ``None`` when it fits."""
    if _fits_at_a_look(value, schema):
        return None
    whole: dict[str, Any] = {"type": "object", "properties": {"value": dict(schema)}}
    if schema_problems(whole):  # told as what it is
        return None
    found = problems(whole, {"value": value})
    if not found:
        return None
    problem = found[0]
    if problem.path is None or len(problem.path) != 1:
        inside = replace(problem, path=problem.path[1:] if problem.path else None)
        return Problem((), problem.keyword, message=f"does not fit: {inside}")
    if not problem.value:
        return replace(problem, path=())
    # As the file spells it; the noun before it is there already.
    shown = {None: "null", True: "true", False: "false"}[value] if isinstance(value, bool | None) else short(value)
    return replace(problem, path=(), value=shown)


def _fits_at_a_look(value: Any, schema: Mapping[str, Any]) -> bool:
    if not set(schema) <= _LOOKED_AT or (schema.get("format") not in (None, "textarea", "password")):
        return False
    types = types_of(schema["type"]) if isinstance(schema.get("type"), str | list) else [_type_of(value)]
    if _type_of(value) not in types and not (_type_of(value) == "integer" and "number" in types):
        return False
    if "enum" in schema and not _is_among(value, schema["enum"]):
        return False
    size = len(value) if isinstance(value, str) else 0
    number = value if isinstance(value, int | float) else 0
    bounds = {"minLength": size, "maxLength": size, "minimum": number, "maximum": number}
    return all(
        is_number(schema[word]) and (have >= schema[word] if word.startswith("min") else have <= schema[word])
        for word, have in bounds.items()
        if word in schema
    )


_LOOKED_AT: Final = frozenset(
    {"type", "enum", "format", "description", "title", "minLength", "maxLength", "minimum", "maximum"}
)


def _is_among(value: Any, choices: Any) -> bool:
    return isinstance(choices, list) and any(type(c) is type(value) and c == value for c in choices)


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    kinds: list[tuple[Any, str]] = [(str, "string"), (int, "integer"), (float, "number"), (Mapping, "object")]
    return next((name for kind, name in kinds if isinstance(value, kind)), "array")
