"""Whether a pattern of a schema is found in a text, within a time limit. Pure.

Rule of this file: patterns come from catalogues and schemas, which others write, and texts from anybody. Python's own
``re`` cannot be stopped, and sixty characters keep ``(a|aa)+$`` busy for years; so a pattern that could be slow is
matched by the package ``regex``, which reads the same patterns and takes a time limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.contract.spell import short

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

__all__ = ["TIMEOUT_S", "TooSlow", "found", "keywords"]

TIMEOUT_S: Final = 0.25
"""For one text: a sane pattern takes microseconds."""
MAX_QUICK: Final = 2_000
"""Characters on which a pattern with one repeat is quick whatever it says: it takes quadratic time at worst."""
_REPEATS: Final = re.compile(r"[*+?{|]")


class TooSlow(ValueError):
    """A pattern took longer than `TIMEOUT_S` on a text."""


def found(pattern: str, text: str) -> bool:
    """Whether `pattern` is found in `text`.

    Raises
    ------
    TooSlow
        It takes too long.
    re.error
        It is no pattern.

    Examples
    --------
    >>> found("^[A-Z]{2}-[0-9]+$", "AB-17"), found("^(a+)+$", "b")
    (True, False)
    >>> found("(a|aa)+$", "a" * 60 + "!")
    Traceback (most recent call last):
    ...
    fh_notebook.contract.patterns.TooSlow: the pattern '(a|aa)+$' takes too long on a text of 61 characters; ...
    """
    if len(text) <= MAX_QUICK and len(_REPEATS.findall(pattern)) <= 1:
        return re.search(pattern, text) is not None
    import regex

    try:
        return regex.search(re.compile(pattern).pattern, text, timeout=TIMEOUT_S) is not None
    except TimeoutError:
        pass
    except regex.error:  # re reads it, and regex does not: nothing can be said of any text
        raise re.error("it is not read alike everywhere", pattern) from None
    # The text is not spelt: nobody knows here whether it is a password.
    words = f"takes too long on a text of {len(text):,} characters; write it without a repeat inside a repeat"
    raise TooSlow(f"the pattern {short(pattern)} {words}")


def keywords(search: Callable[[str, str], bool] = found) -> dict[str, Callable[..., Iterator[ValidationError]]]:
    """Return the keywords of JSON Schema that match a pattern, for the library, so that they ask `search`."""
    from jsonschema.exceptions import ValidationError

    def pattern(validator: Validator, rule: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not search(rule, instance):
            yield ValidationError("")

    def by_pattern(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, Mapping):
            for wanted, part in rule.items():
                for name, value in instance.items():
                    if isinstance(name, str) and search(wanted, name):
                        yield from validator.descend(value, part, path=name, schema_path=wanted)

    def additional(validator: Any, rule: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, Mapping):
            for name in unnamed(instance, schema, search):
                yield from validator.descend(instance[name], rule, path=name)

    return {"pattern": pattern, "patternProperties": by_pattern, "additionalProperties": additional}


def unnamed(instance: Mapping[Any, Any], schema: Any, search: Callable[[str, str], bool] = found) -> Iterator[str]:
    """Return the names that a schema neither lists nor has a pattern for; one that is no text is told elsewhere."""
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name in instance:
        if isinstance(name, str) and name not in known and not any(search(p, name) for p in patterns):
            yield name
