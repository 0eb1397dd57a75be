"""A quick yes to inputs that plainly fit: most rows of most batches.

Rule of this file: it never says yes where jsonschema would not. What is not plain (a choice, a length, a reference, a
value of another kind) is not judged here: then `contract.validate` looks, which costs ten times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["quick_check"]

_KINDS: Final[dict[Any, frozenset[type]]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
}
_SAY_NOTHING: Final = frozenset(
    {"type", "title", "description", "default", "examples", "$comment", "deprecated", "step"}
)
"""Keywords beside ``type`` that no value can break."""
_FREE_FORMATS: Final = frozenset({"textarea", "password"})
"""Formats of ours that say how a value is typed in, not what it is."""
_AROUND: Final = _SAY_NOTHING | {"properties", "required", "additionalProperties", "$schema"}


def quick_check(schema: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool] | None:
    """Return a function that says ``True`` of inputs which plainly fit; ``None`` where `schema` is not plain itself.

    ``False`` means nothing: they may fit or not.

    Examples
    --------
    >>> fits = quick_check({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    >>> fits({"n": 3}), fits({"n": "3"}), fits({})
    (True, False, False)
    >>> quick_check({"type": "object", "properties": {"n": {"minimum": 3}}}) is None
    True
    """
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    if schema.get("type") != "object" or not _AROUND.issuperset(schema):
        return None
    if not isinstance(properties, Mapping) or not isinstance(required, list | tuple):
        return None
    if schema.get("additionalProperties", True) not in (True, False):
        return None
    kinds: dict[str, frozenset[type]] = {}
    for name, says in properties.items():
        if not isinstance(says, Mapping) or not isinstance(says.get("type"), str) or says["type"] not in _KINDS:
            return None
        if not _SAY_NOTHING.issuperset(says) and not _is_free(says):
            return None
        kinds[name] = _KINDS[says["type"]]
    needed = frozenset(required)

    def fits(inputs: Mapping[str, Any]) -> bool:
        for name, value in inputs.items():
            if name not in kinds or type(value) not in kinds[name]:
                return False
        return needed <= inputs.keys()

    return fits


def _is_free(says: Mapping[str, Any]) -> bool:
    return (_SAY_NOTHING | {"format"}).issuperset(says) and says.get("format") in _FREE_FORMATS
