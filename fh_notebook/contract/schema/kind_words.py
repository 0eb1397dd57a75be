"""Kinds and limits of a value in the words of a person who fills it in: ``number, at most two decimals``. Pure.

Rule of this file: names, titles and choices are somebody else's text, printable and cut. A message of an error has
`kind_text` of `core.text.formatting`, which reads within a sentence; this is for tables, labels and remarks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fh_notebook.contract.schema.alternatives import Option, branches_of, effective_keywords, options_of
from fh_notebook.contract.schema.file_texts import file_encoding
from fh_notebook.core.text.formatting import CHOICES_CAP, FORMATS, KINDS, in_words, short, types_of
from fh_notebook.core.text.messages import counted

MANY: Final = {
    "string": "texts",
    "integer": "whole numbers",
    "number": "numbers",
    "boolean": "true or false values",
    "array": "lists",
    "object": "objects",
}
"""JSON Schema's types in the plural, as items of a list."""

MAX_DEPTH: Final = 3
"""Lists within lists that are told."""


def kind_words(schema: Any, root: Mapping[str, Any]) -> str:
    """Return what a value of `schema` is, with its limits; `root` is the whole schema, in which references look.

    Examples
    --------
    >>> for schema in ({"type": "number", "minimum": 0, "maximum": 50_000, "multipleOf": 0.01},
    ...                {"enum": ["calm", "brief", None]}, {"type": "array", "items": {"enum": ["de", "en"]}},
    ...                {"type": "object", "properties": {"street": {}, "city": {}}},
    ...                {"oneOf": [{"title": "Cheque", "type": "object"}, {"type": "string"}]}):
    ...     print(kind_words(schema, {}))
    number, 0 to 50000, at most two decimals
    one of: calm, brief, null
    list, any of: de, en
    group of 2 fields
    one of 2 kinds: Cheque or a text
    """
    return _words(schema, root, 0)


def _words(schema: Any, root: Mapping[str, Any], depth: int) -> str:
    if schema is False:
        return "no value"
    if not isinstance(schema, Mapping):
        return "anything"
    keywords, nullable, _ = effective_keywords(schema, root)
    types = types_of(keywords.get("type", []))
    nullable = nullable or ("null" in types and len(types) > 1)
    words = [_kind(keywords, [t for t in types if t != "null"], root, depth), *limit_words(keywords)]
    words += [pattern_words(keywords)] if pattern_words(keywords) else []
    return ", ".join(words) + (", or null" if nullable and "enum" not in keywords else "")


def _kind(keywords: Mapping[str, Any], types: Sequence[str], root: Mapping[str, Any], depth: int) -> str:
    if "const" in keywords:
        return f"always {_choice(keywords['const'])}"
    if options := options_of(keywords, root):
        return f"one of: {_choices(options)}"
    if branches := branches_of(keywords, root):
        return f"one of {len(branches)} kinds: {in_words([branch.label for branch in branches[:CHOICES_CAP]])}"
    if keywords.get("format") == "password":
        return "secret"
    if types == ["array"] or (not types and isinstance(keywords.get("items"), Mapping)):
        return _list(keywords, root, depth)
    properties = keywords.get("properties")
    if types == ["object"] or (not types and isinstance(properties, Mapping)):
        return f"group of {counted(len(properties), 'field')}" if properties else "object with names of your own"
    if types in ([], ["string"]) and (text := _text(keywords)):
        return text
    return in_words([_without_article(KINDS.get(name, name)) for name in types]) if types else "anything"


def _text(keywords: Mapping[str, Any]) -> str:
    format_ = keywords.get("format")
    if file_encoding(keywords):
        return "file"
    if format_ == "textarea":
        return "text of several lines"
    return _without_article(FORMATS[format_]) if isinstance(format_, str) and format_ in FORMATS else ""


def _list(keywords: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> str:
    if not isinstance(keywords.get("items"), Mapping) or depth >= MAX_DEPTH:
        return "list"
    item = effective_keywords(keywords["items"], root)[0]
    if options := options_of(item, root):
        return f"list, any of: {_choices(options)}"
    properties = item.get("properties")
    if isinstance(properties, Mapping) and properties:
        return f"list of groups of {counted(len(properties), 'field')}"
    types = types_of(item.get("type", []))
    if len(types) == 1 and types[0] in MANY and not {"items", "format", "oneOf", "anyOf", "pattern"} & item.keys():
        told = ", ".join(limit_words(item))
        return f"list of {MANY[types[0]]}{f', each {told}' if told else ''}"
    each = _words(keywords["items"], root, depth + 1)
    return "list" if each == "anything" else f"list, each item: {each}"


def _without_article(words: str) -> str:
    return re.sub(r"^an? ", "", words)


_PLAIN: Final = re.compile(r"[^\W\d][\w ./+&-]*[\w.+]|[^\W\d]")
"""A text that is read as a text wherever it stands, without quotes."""


def _choices(options: Sequence[Option]) -> str:
    told = [_choice(option.value) for option in options[:CHOICES_CAP]]
    more = len(options) - CHOICES_CAP
    return ", ".join(told) + (f" and {more:,} more" if more > 0 else "")


def _choice(value: Any) -> str:
    """Return a value as one would type it: in quotes where it would be taken for another kind's."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    is_plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.casefold() not in _OTHER
    return short(value, 40)[1:-1] if is_plain else short(value, 40)


_OTHER: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off"})


def pattern_words(keywords: Mapping[str, Any]) -> str:
    """Return which texts match; nothing where a description says it in words, which say more than an expression.

    Examples
    --------
    >>> pattern_words({"pattern": "^[A-Z]+$"}), pattern_words({"pattern": "^[A-Z]+$", "description": "Capitals."})
    ('matching ^[A-Z]+$', '')
    """
    pattern = keywords.get("pattern")
    if not isinstance(pattern, str) or str(keywords.get("description") or "").strip():
        return ""
    return f"matching {short(pattern, 80)[1:-1]}".replace("\\\\", "\\")


def limit_words(keywords: Mapping[str, Any]) -> Iterator[str]:
    """Yield the limits of a number, a text or a list.

    Examples
    --------
    >>> list(limit_words({"minimum": 1, "maximum": 9, "multipleOf": 0.01})), list(limit_words({"minLength": 1}))
    (['1 to 9', 'at most two decimals'], ['at least 1 character'])
    """
    yield from _between(keywords.get("minimum"), keywords.get("maximum"), "")
    if "exclusiveMinimum" in keywords:
        yield f"more than {short(keywords['exclusiveMinimum'])}"
    if "exclusiveMaximum" in keywords:
        yield f"less than {short(keywords['exclusiveMaximum'])}"
    if "multipleOf" in keywords:
        yield _multiple_text(keywords["multipleOf"])
    yield from _between(keywords.get("minLength"), keywords.get("maxLength"), "character")
    yield from _between(keywords.get("minItems"), keywords.get("maxItems"), "item")
    if keywords.get("uniqueItems") is True:
        yield "each once"


_DECIMALS: Final = ("", "one decimal", "two decimals", "three decimals", "four decimals")


def _multiple_text(unit: Any) -> str:
    """Return in words what a number is a multiple of.

    Examples
    --------
    >>> _multiple_text(0.01), _multiple_text(5)
    ('at most two decimals', 'a multiple of 5')
    """
    places = next((places for places in range(1, len(_DECIMALS)) if unit == 10**-places), 0)
    return f"at most {_DECIMALS[places]}" if places else f"a multiple of {short(unit)}"


def _between(least: Any, most: Any, unit: str) -> Iterator[str]:
    def counted(number: Any) -> str:
        formatted = (
            f"{number:,}" if isinstance(number, int) and not isinstance(number, bool) and unit else short(number)
        )
        return f"{formatted} {unit}{'' if number == 1 else 's'}" if unit else formatted

    if least is not None and most is not None:
        yield f"{short(least)} to {counted(most)}" if least != most else f"exactly {counted(most)}"
    elif least is not None:
        yield f"at least {counted(least)}"
    elif most is not None:
        yield f"at most {counted(most)}"
