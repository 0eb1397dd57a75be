"""JSON Schema of Start variables from any source: mapping, model, function, frame or schema.

Rule of this file: whatever a user declares is turned into that language here, once, and a declaration that cannot be
read is refused here, with every problem at once. Beside it are `variables` (the constructors), `inference` (samples),
`from_python` (functions, classes, annotations and docstrings), `references`, `coercion` (text), `validation` and
`error_messages` (problems).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from fh_notebook.contract.schema.from_python import from_function
from fh_notebook.contract.schema.inference import infer
from fh_notebook.contract.schema.references import followed, meant
from fh_notebook.contract.schema.validation import problems, schema_problems
from fh_notebook.contract.schema.variables import (
    Variable,
    any_,
    array,
    boolean,
    choice,
    closed,
    date,
    datetime_,
    group,
    integer,
    number,
    object_schema,
    plain,
    text,
)
from fh_notebook.core import hooks
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.problems import Problem
from fh_notebook.errors import InputError

__all__ = [
    "Variable",
    "any_",
    "array",
    "boolean",
    "choice",
    "date",
    "datetime_",
    "fill_defaults",
    "from_function",
    "group",
    "infer",
    "integer",
    "number",
    "problems",
    "text",
    "to_schema",
]


def to_schema(inputs: Any) -> dict[str, Any]:
    """Return the JSON Schema of an object that `inputs` declares.

    Parameters
    ----------
    inputs : mapping, function, class, DataFrame, bool or None
        In this order of recognition:

        1. ``None``: nothing is said; the schema is open and nothing is checked. ``True`` says that any names may be
           given, ``False`` that none may.
        2. A mapping with a ``"$schema"`` or with ``"type": "object"``, both as strings: a JSON Schema, taken as it is.
        3. Any other mapping: names of Start variables, each with one of the constructors' results or a JSON Schema.
           The result is closed: a name that is not there is a problem.
        4. A class with ``model_json_schema`` (pydantic): the schema that it gives, closed in the same way at every
           depth, unless a model says ``extra="allow"``.
        5. A DataFrame: its columns, by :func:`~fh_notebook.batching.tables.schema.schema_of_frame`.
        6. A function, a TypedDict, a dataclass, a named tuple or another class: its signature, by
           :func:`~fh_notebook.contract.schema.from_python.from_function`.

    Returns
    -------
    dict
        A copy of its own, made of JSON values only.

    Raises
    ------
    InputError
        With every problem, each at its path.

    Examples
    --------
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
    if (named := schema.get("type", "object")) != "object":  # as of a pydantic model that is a list
        message = "Start variables are an object"
        raise InputError(Problem((), "type", message=message, hint=f"this schema is of type {short(named)}"))
    if found := schema_problems(schema):
        raise InputError(found, where="the schema of the inputs")
    return schema


def _from_mapping(inputs: Mapping[Any, Any]) -> dict[str, Any]:
    named = inputs.get("type")
    if isinstance(inputs.get("$schema"), str) or named == "object":
        schema: dict[str, Any] = plain(inputs)
        return schema
    try:
        return object_schema(inputs)
    except InputError as exc:
        if isinstance(inputs.get("properties"), Mapping) or isinstance(named, str):
            hint = 'for a whole JSON Schema, add "type": "object"'
            raise InputError([*exc.problems, hint]) from None
        raise


def _from_model(model: Any) -> dict[str, Any]:
    trouble = ""
    try:
        schema = closed(plain(model.model_json_schema()))
    except Exception as exc:  # pydantic's own: a field of a kind that has no JSON Schema
        trouble = f"inputs: {getattr(model, '__name__', 'the model')} has no JSON Schema: {str(exc).splitlines()[0]}"
    else:
        return schema
    raise InputError(trouble)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Write out a reference at the top, as a recursive model has it: everybody reads the variables' names there."""
    if "$ref" not in schema or "properties" in schema:
        return schema
    opened = {name: value for name, value in followed(schema, schema).items() if name != "$ref"}
    return plain(opened) if "properties" in opened else schema


def fill_defaults(schema: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return `inputs` with the declared defaults of those that are missing, also inside of given objects.

    Neither argument is changed, and the result shares no default with the schema.

    Raises
    ------
    InputError
        `inputs` is not a mapping.

    Examples
    --------
    >>> fill_defaults(to_schema({"a": integer(default=1), "b": text()}), {"b": "x"})
    {'b': 'x', 'a': 1}
    """
    if not isinstance(inputs, Mapping):
        raise InputError(problems(schema, inputs))
    return _filled(schema, inputs, schema)


def _filled(schema: Mapping[str, Any], values: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(values)
    properties = followed(schema, root).get("properties")
    for name, declared in properties.items() if isinstance(properties, Mapping) else ():
        says = followed(declared, root)
        if name not in filled and "default" in says:
            filled[name] = copy.deepcopy(says["default"])
        elif isinstance(filled.get(name), Mapping):
            filled[name] = _filled(meant(says, root), filled[name], root)
    return filled
