"""`fits`: whether any JSON value fits a schema, with patterns that somebody else bounds.

Rule of this file: an answer of a model is hostile, also to a pattern of the user's schema: no pattern is matched here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fh_notebook.contract.validate import _formats, _kind_of, _root, _why
from fh_notebook.errors import InputError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

__all__ = ["fits"]


def fits(schema: Mapping[str, Any], value: Any, *, search: Callable[[str, str], bool]) -> bool:
    """Whether any JSON value fits a schema; patterns are asked of `search(pattern, text)`, which may be bounded.

    Raises
    ------
    InputError
        It cannot be checked to the end, or `search` raised it.

    Examples
    --------
    >>> import re
    >>> [fits({"pattern": "^a"}, text, search=lambda pattern, text: bool(re.search(pattern, text))) for text in "ab"]
    [True, False]
    """
    from jsonschema import validators
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # ships no types; fetches nothing
    from referencing.exceptions import Unresolvable

    extend: Callable[..., Callable[..., Validator]] = validators.extend
    make = extend(_kind_of(schema), _searching(search))
    try:
        checker = make(_root(schema), registry=REGISTRY, format_checker=_formats())
        return next(iter(checker.iter_errors(value)), None) is None
    except (RecursionError, ArithmeticError, TypeError, Unresolvable) as broken:
        raise InputError(f"it could not be checked to the end; {_why(broken)}") from None


def _searching(search: Callable[[str, str], bool]) -> dict[str, Callable[..., Iterator[ValidationError]]]:
    """Return the keywords that match a pattern, so that they ask `search`."""
    from jsonschema.exceptions import ValidationError

    def pattern(validator: Validator, rule: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not search(rule, instance):
            yield ValidationError("")

    def by_pattern(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, Mapping):
            for wanted, part in rule.items():
                for name, value in instance.items():
                    if search(wanted, name):
                        yield from validator.descend(value, part, path=name, schema_path=wanted)

    def additional(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, Mapping):
            patterns = schema.get("patternProperties", {})
            for name, value in instance.items():
                if name not in schema.get("properties", {}) and not any(search(p, name) for p in patterns):
                    yield from validator.descend(value, rule, path=name)

    return {"pattern": pattern, "patternProperties": by_pattern, "additionalProperties": additional}
