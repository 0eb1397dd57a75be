"""The ``inputs:`` of a deployment in the catalogue, to and from Start variables.

Rule of this file: a whole JSON Schema is taken as it is; in the short form, variable by variable, a word that is near
to a keyword of JSON Schema is a slip, and told, since JSON Schema itself would pass over it in silence.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fh_notebook.contract.catalog.nodes import NodeReader, kind_of, line_of, location_name
from fh_notebook.contract.schema.variables import Variable, object_schema
from fh_notebook.core.text.formatting import KINDS, nearest, short
from fh_notebook.core.text.problems import Path, Problem

WORDS: Final[dict[str, dict[str, Any]]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "array": {"type": "array"},
    "object": {"type": "object"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "any": {},
}
"""What may stand for a schema in a single word."""

_WORD_SLIPS: Final = {"str": "text", "string": "text", "int": "integer", "float": "number", "bool": "boolean"} | {
    **dict.fromkeys(("list", "tuple"), "array"),
    **dict.fromkeys(("dict", "mapping", "group"), "object"),
    **dict.fromkeys(("date-time", "timestamp", "moment"), "datetime"),
}
_TYPE_SLIPS: Final = {word: kind for word, schema in WORDS.items() if (kind := schema.get("type"))} | {
    slip: WORDS[word]["type"] for slip, word in _WORD_SLIPS.items()
}

# JSON Schema 2020-12, and what earlier dialects and OpenAPI add, by what a keyword's value is.
OF_SCHEMAS: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
"""Keywords whose value is names with a schema each."""
_SCHEMAS: Final = (
    *("items", "additionalItems", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else"),
    *("unevaluatedItems", "unevaluatedProperties", "contentSchema", "allOf", "anyOf", "oneOf", "prefixItems"),
)
_KEYWORDS: Final = (
    *("type", "enum", "const", "default", "description", "title", "examples", "format", "required", "pattern"),
    *("minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minItems", "maxItems", "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties"),
    *("dependentRequired", "dependencies", "readOnly", "writeOnly", "deprecated", "contentEncoding"),
    *("contentMediaType", "$ref", "$schema", "$id", "$anchor", "$comment", "$vocabulary", "$dynamicRef"),
    *("$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "id", "example", "nullable", "discriminator", "xml"),
    "step",  # ours: by how much the control of a form moves
    *("externalDocs", "enumNames", *OF_SCHEMAS, *_SCHEMAS),
)
_KEYWORD_SLIPS: Final = {
    "min": "minimum",
    "max": "maximum",
    "desc": "description",
    "help": "description",
    "kind": "type",
    "choices": "enum",
    "options": "enum",
    "values": "enum",
    "optional": "required: false",
    "multiline": "format: textarea",
    "secret": "format: password",
    "password": "format: password",
}
_NEAR: Final = 0.8
"""Closer than for other names: a schema may carry words of other tools, which are not ours to judge."""


def is_whole(inputs: Mapping[str, Any]) -> bool:
    """Whether ``inputs`` is a whole JSON Schema, by the rule of :func:`~fh_notebook.contract.schema.build.to_schema`.

    Examples
    --------
    >>> is_whole({"type": "object"}), is_whole({"type": {"type": "string"}})
    (True, False)
    """
    return isinstance(inputs.get("$schema"), str) or inputs.get("type") == "object"


def fields_of(inputs: Mapping[str, Any]) -> dict[str, Variable]:
    """Return the variables of the short form; an entry that is not a variable is left out.

    Examples
    --------
    >>> fields_of({"tags": {"type": "array", "required": False}, "topic": "text"})["tags"]
    Variable(schema={'type': 'array'}, required=False)
    """
    fields: dict[str, Variable] = {}
    for name, declared in inputs.items():
        schema = WORDS.get(declared) if isinstance(declared, str) else declared
        if not isinstance(schema, Mapping):
            continue
        schema = dict(schema)
        required = "default" not in schema
        if isinstance(schema.get("required"), bool):
            required = schema.pop("required")
        fields[name] = Variable(schema, required)
    return fields


def schema_of_inputs(inputs: Mapping[str, Any], *, is_open: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of ``inputs:``; with ``open: true`` beside it, it accepts other names, too.

    Examples
    --------
    >>> schema_of_inputs({"topic": {"type": "string", "required": False}}, is_open=True)
    {'type': 'object', 'properties': {'topic': {'type': 'string'}}}
    """
    if is_whole(inputs):
        return dict(inputs)
    schema = object_schema(fields_of(inputs))
    return (
        {keyword: value for keyword, value in schema.items() if keyword != "additionalProperties"}
        if is_open
        else schema
    )


def inputs_of(reading: NodeReader, path: Path, node: Node) -> Any:
    """Return the value of ``inputs:`` as `Deployment` takes it; every problem is added to `reading`."""
    if kind_of(node) == "nothing":
        return None
    if not isinstance(node, MappingNode):
        reading.add_kind_problem(
            node, path, location_name(path), "write each variable as `name: {type: string}` below it"
        )
        return None
    plain = reading.value(node)
    if is_whole(plain):
        return plain
    before = reading.count
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value in plain:
            _check_variable(reading, (*path, key.value), value)
    if reading.count == before and _looks_whole(plain):
        hint = "for a whole JSON Schema, write `type: object` beside `properties:`"
        reading.add(node, Problem(path, "required", message=hint))
    readable = fields_of(plain)
    return {name: declared for name, declared in plain.items() if name in readable}


def _looks_whole(inputs: Mapping[str, Any]) -> bool:
    properties = inputs.get("properties")
    return isinstance(properties, dict) and bool(properties) and all(isinstance(v, dict) for v in properties.values())


def _check_variable(reading: NodeReader, path: Path, node: Node) -> None:
    if isinstance(node, MappingNode):
        _check_keywords(reading, path, node, is_variable=True)
    elif kind_of(node) == "nothing":
        empty = Problem(path, "required", location_name(path), "is empty", f"write its kind: {', '.join(WORDS)}")
        reading.add(node, empty, named=False)
    elif isinstance(node, ScalarNode):
        if kind_of(node) != "text" or node.value not in WORDS:
            word = node.value.casefold()
            close = _WORD_SLIPS.get(word) or nearest(word, WORDS)
            hint = f"did you mean {close!r}?" if close else f"the kinds are {', '.join(WORDS)}, or a JSON Schema"
            reading.add(node, Problem(path, "enum", f"the kind {short(node.value)}", "is not known", hint))
    else:
        instruction = "write {type: ...}, or {enum: [...]} for a choice"
        reading.add(node, Problem(path, "type", location_name(path), "is a list", instruction), named=False)


def _check_keywords(reading: NodeReader, path: Path, node: MappingNode, *, is_variable: bool = False) -> None:
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            continue
        keyword = key.value
        if keyword not in _KEYWORDS and (close := _keyword_meant(keyword)):
            hint = f"did you mean {short(close)}?"
            reading.add(key, Problem(path, "additionalProperties", short(keyword), "is not a keyword", hint))
        elif keyword == "type":
            _check_type(reading, path, value)
        elif keyword == "required" and is_variable:
            _check_required(reading, path, value)
        elif keyword in OF_SCHEMAS and isinstance(value, MappingNode):
            for name, schema in value.value:
                _go_on(reading, (*path, str(name.value)), schema)
        elif keyword in _SCHEMAS:
            for schema in value.value if isinstance(value, SequenceNode) else [value]:
                _go_on(reading, (*path, keyword), schema)


def _go_on(reading: NodeReader, path: Path, node: Node) -> None:
    if isinstance(node, MappingNode):
        _check_keywords(reading, path, node)


def _keyword_meant(word: str) -> str | None:
    folded = word.casefold()
    if folded in _KEYWORD_SLIPS:
        return _KEYWORD_SLIPS[folded]
    if folded.startswith("x-") or len(folded) > 40:
        return None
    known = {keyword.casefold(): keyword for keyword in _KEYWORDS}
    close = difflib.get_close_matches(folded.replace("-", "").replace("_", ""), known, n=1, cutoff=_NEAR)
    return known[close[0]] if close else None


def _check_type(reading: NodeReader, path: Path, node: Node) -> None:
    for type_node in node.value if isinstance(node, SequenceNode) else [node]:
        if kind_of(type_node) == "text" and isinstance(type_node.value, str) and type_node.value not in KINDS:
            type_name = type_node.value.casefold()
            close = _TYPE_SLIPS.get(type_name) or nearest(type_name, KINDS)
            hint = f"did you mean {close!r}?" if close else f"the types are {', '.join(KINDS)}"
            reading.add(type_node, Problem(path, "enum", f"the type {short(type_node.value)}", "is not known", hint))


def _check_required(reading: NodeReader, path: Path, node: Node) -> None:
    # A list of names is a group's own keyword, and judged as such.
    if isinstance(node, ScalarNode) and kind_of(node) != "true or false":
        message = f"required is {short(node.value)}"
        reading.add(node, Problem(path, "type", message=message, hint="write true or false"))


def lines_of(node: Node) -> dict[tuple[str | int, ...], int]:
    """Return the line of every name and item in ``inputs:`` by its path; of a reference, by ``$ref`` and its target."""
    lines: dict[tuple[str | int, ...], int] = {}
    pending: list[tuple[tuple[str | int, ...], Node]] = [((), node)]
    while pending:
        path, current = pending.pop()
        if isinstance(current, SequenceNode):
            for index, item in enumerate(current.value):
                lines[*path, index] = line_of(item)
                pending.append(((*path, index), item))
        for key, value in current.value if isinstance(current, MappingNode) else ():
            below = (*path, str(key.value))
            lines[below] = lines["properties", *below] = line_of(key)  # as a whole schema, and in the short form
            if key.value == "$ref":
                lines["$ref", short(value.value)] = line_of(key)
            pending.append((below, value))
    return lines


def line_of_problem(problem: Problem, lines: Mapping[tuple[str | int, ...], int]) -> int | None:
    """Return the line of a problem, or of the nearest parent of its path; ``None`` without one."""
    path = (*(problem.path or ()), *([problem.value] if problem.keyword == "$ref" else []))
    return next((lines[path[:size]] for size in range(len(path), 0, -1) if path[:size] in lines), None)
