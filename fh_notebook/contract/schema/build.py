"""JSON Schema of Start variables from any source: mapping, model, function, frame, schema or sample values.

Rules of this file:

1. Every declaration is converted here, once, and an invalid one is refused here, with all its problems. The other
   modules are `variables` (the constructors), `from_python` (functions, classes, annotations and docstrings),
   `references`, `coercion` (text), `validation` and `error_messages` (problems).
2. A schema inferred from samples must not refuse what the samples cannot show: it is open, requires nothing, has no
   bounds and no checked formats, and accepts every sample that it was inferred from.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fh_notebook.contract.schema.from_python import from_function
from fh_notebook.contract.schema.references import effective_schema, resolve_reference
from fh_notebook.contract.schema.validation import problems, schema_problems
from fh_notebook.contract.schema.variables import (
    closed,
    object_schema,
    plain,
)
from fh_notebook.core import hooks
from fh_notebook.core.text.formatting import KIND_OF_TYPE, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError


def to_schema(inputs: Any) -> dict[str, Any]:
    """Return the JSON Schema of an object that `inputs` declares.

    Examples
    --------
    >>> from fh_notebook.contract.schema.variables import choice, text
    >>> to_schema({"tone": choice("calm", "brief"), "type": text(required=False)})["required"]
    ['tone']
    >>> to_schema(None)
    {'type': 'object'}
    >>> to_schema(False)
    {'type': 'object', 'properties': {}, 'additionalProperties': False}
    """
    if inputs is None:
        return {"type": "object"}
    if isinstance(inputs, bool):  # the two schemas of JSON Schema that are no object
        return {"type": "object", "properties": {}, "additionalProperties": inputs}
    if isinstance(inputs, Mapping):
        schema = _resolved(_from_mapping(inputs))
    elif callable(getattr(inputs, "model_json_schema", None)):
        schema = _resolved(_from_model(inputs))
    elif hasattr(inputs, "dtypes") and hasattr(inputs, "columns") and not isinstance(inputs, type):
        schema = hooks.frame_schema().schema_of_frame(inputs)
    elif callable(inputs):
        schema = from_function(inputs)
    else:
        hint = "give a mapping like {'name': fh.text()}"
        raise InputError(Problem((), "type", short(inputs), "declares no Start variables", hint))
    if (declared_type := schema.get("type", "object")) != "object":  # as of a pydantic model that is a list
        message = "Start variables are an object"
        raise InputError(Problem((), "type", message=message, hint=f"this schema is of type {short(declared_type)}"))
    if invalid := schema_problems(schema):
        raise InputError(invalid, where="the schema of the inputs")
    return schema


def _from_mapping(inputs: Mapping[Any, Any]) -> dict[str, Any]:
    declared_type = inputs.get("type")
    if isinstance(inputs.get("$schema"), str) or declared_type == "object":
        schema: dict[str, Any] = plain(inputs)
        return schema
    try:
        return object_schema(inputs)
    except InputError as exc:
        if isinstance(inputs.get("properties"), Mapping) or isinstance(declared_type, str):
            hint = 'for a whole JSON Schema, add "type": "object"'
            raise InputError([*exc.problems, hint]) from None
        raise


def _from_model(model: Any) -> dict[str, Any]:
    message = ""
    try:
        schema = closed(plain(model.model_json_schema()))
    except Exception as exc:  # pydantic's own: a field of a kind that has no JSON Schema
        message = f"inputs: {getattr(model, '__name__', 'the model')} has no JSON Schema: {str(exc).splitlines()[0]}"
    else:
        return schema
    raise InputError(message)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Write out a reference at the top, as a recursive model has it: everybody reads the variables' names there."""
    if "$ref" not in schema or "properties" in schema:
        return schema
    resolved = {name: value for name, value in resolve_reference(schema, schema).items() if name != "$ref"}
    return plain(resolved) if "properties" in resolved else schema


def fill_defaults(schema: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return `inputs` with the declared defaults of those that are missing, also inside of given objects.

    Neither argument is changed, and the result shares no default with the schema.

    Examples
    --------
    >>> from fh_notebook.contract.schema.variables import integer, text
    >>> fill_defaults(to_schema({"a": integer(default=1), "b": text()}), {"b": "x"})
    {'b': 'x', 'a': 1}
    """
    if not isinstance(inputs, Mapping):
        raise InputError(problems(schema, inputs))
    return _with_defaults(schema, inputs, schema)


def _with_defaults(schema: Mapping[str, Any], values: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(values)
    properties = resolve_reference(schema, root).get("properties")
    for name, declared in properties.items() if isinstance(properties, Mapping) else ():
        variable = resolve_reference(declared, root)
        if name not in filled and "default" in variable:
            filled[name] = copy.deepcopy(variable["default"])
        elif isinstance(filled.get(name), Mapping):
            filled[name] = _with_defaults(effective_schema(variable, root), filled[name], root)
    return filled


MAX_DEPTH: Final = 20
"""Deeper than this nobody fills in a form; whatever is there is taken."""

LONG_TEXT: Final = 80
"""A sample text longer than this, or with a line break, gets several lines in a form."""


def infer(samples: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an open JSON Schema of the inputs of which `samples` are examples.

    Examples
    --------
    >>> infer({"topic": "AI", "words": 100, "tags": ["a"]})["properties"]
    {'topic': {'type': 'string'}, 'words': {'type': 'integer'}, 'tags': {'type': 'array', 'items': {'type': 'string'}}}
    >>> infer([{"n": 1}, {"n": 2.5}, {"n": None}])["properties"]
    {'n': {'type': ['number', 'null']}}
    """
    kinds = _SampleKinds()
    for sample in [samples] if isinstance(samples, Mapping) else samples:
        if not isinstance(sample, Mapping):
            raise InputError(f"a sample of inputs is a mapping of names to values, not {short(sample)}")
        kinds.add(sample)
    return {"type": "object", "properties": kinds.properties()}


@dataclass(slots=True)
class _SampleKinds:
    """What was seen at one place of the samples."""

    kinds: set[str] = field(default_factory=set)
    names: dict[str, _SampleKinds] = field(default_factory=dict)
    items: _SampleKinds | None = None
    long: bool = False

    def add(self, value: Any, depth: int = 0) -> None:
        self.kinds.add(_kind(value) if depth < MAX_DEPTH else "any")
        if depth >= MAX_DEPTH:
            return
        if isinstance(value, str):
            self.long = self.long or len(value) > LONG_TEXT or "\n" in value
        elif isinstance(value, Mapping):
            for name, item in value.items():
                self.names.setdefault(str(name), _SampleKinds()).add(item, depth + 1)
        elif isinstance(value, list | tuple):
            self.items = self.items or _SampleKinds()
            for item in value:
                self.items.add(item, depth + 1)

    def properties(self) -> dict[str, Any]:
        return {name: kinds.schema() for name, kinds in self.names.items()}

    def schema(self) -> dict[str, Any]:
        kinds = self.kinds - {"integer"} if "number" in self.kinds else self.kinds
        if "any" in kinds or kinds <= {"null"}:
            return {}  # null alone says only that the variable exists
        # null last: what the variable is when it is something is read first
        names = sorted(kinds, key=lambda kind: (kind == "null", kind))
        schema: dict[str, Any] = {"type": names[0] if len(names) == 1 else names}
        if self.long and kinds <= {"string", "null"}:
            schema["format"] = "textarea"
        if self.names:
            schema["properties"] = self.properties()
        if self.items is not None and (items := self.items.schema()):
            schema["items"] = items
        return schema


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list | tuple):
        return "array"
    return next((name for kind, name in KIND_OF_TYPE.items() if isinstance(value, kind)), "any")
