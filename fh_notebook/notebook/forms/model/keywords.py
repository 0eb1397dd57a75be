"""Keywords of a schema property that apply together: references and ``allOf`` resolved. Pure.

Rule of this file: it is for how a field looks, so two parts that say the same keyword are no trouble: the nearer one is
shown. Whether a value fits all of them, the contract says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fh_notebook.contract.schema.references import MAX_HOPS, resolve_reference

__all__ = ["effective_keywords", "reaches_secret", "united_keywords"]


def effective_keywords(
    schema: Mapping[str, Any], root: Mapping[str, Any]
) -> tuple[dict[str, Any], bool, frozenset[str]]:
    """Return the keywords that hold together, whether null is allowed beside them, and the references that led to them.

    Examples
    --------
    >>> root = {"$defs": {"N": {"type": "integer"}}}
    >>> effective_keywords({"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}], "title": "n"}, root)
    ({'type': 'integer', 'title': 'n'}, True, frozenset({'#/$defs/N'}))
    """
    keywords: dict[str, Any] = dict(schema)
    nullable, refs = False, set()
    for _ in range(MAX_HOPS):
        if isinstance(target := keywords.pop("$ref", None), str):
            refs.add(target)
            far = resolve_reference({"$ref": target}, root)
            if set(far) <= {"$ref"}:
                return {**keywords, "$ref": target, "type": []}, nullable, frozenset(refs)
            keywords = united_keywords(keywords, {name: value for name, value in far.items() if name != "$ref"})
        elif isinstance(parts := keywords.get("allOf"), list):
            del keywords["allOf"]
            for part in filter(_is_mapping, parts):
                refs |= {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
                keywords = united_keywords(
                    keywords, {n: v for n, v in resolve_reference(part, root).items() if n != "$ref"}
                )
        elif (only := _only_beside_null(keywords, root)) is not None:
            keyword, part = only
            del keywords[keyword]
            # The part's own title and description say less of this field than the field's do.
            keywords, nullable = united_keywords(keywords, part), True
        else:
            break
    return keywords, nullable, frozenset(refs)


def _is_mapping(part: Any) -> bool:
    return isinstance(part, Mapping)


def _only_beside_null(keywords: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    for keyword in ("anyOf", "oneOf"):
        parts = keywords.get(keyword)
        if isinstance(parts, list):
            telling = [p for p in parts if resolve_reference(p, root).get("type") != "null"]
            if len(telling) == 1 < len(parts) and isinstance(telling[0], Mapping):
                return keyword, telling[0]
    return None


def united_keywords(near: Mapping[str, Any], far: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of both, `near` before `far`; properties and required names are joined."""
    both = {**far, **near}
    for name in ("properties", "$defs"):
        if isinstance(near.get(name), Mapping) and isinstance(far.get(name), Mapping):
            both[name] = {**far[name], **near[name]}
    if isinstance(near.get("required"), list) and isinstance(far.get("required"), list):
        both["required"] = [*near["required"], *far["required"]]
    return both


def reaches_secret(schema: Any, root: Mapping[str, Any]) -> bool:
    """Whether a password is anywhere in what `schema` describes, also behind references."""
    pending, seen = [schema], set()
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            if part.get("format") == "password" or part.get("writeOnly") is True:
                return True
            if isinstance(target := part.get("$ref"), str) and target not in seen:
                seen.add(target)
                pending.append({n: v for n, v in resolve_reference({"$ref": target}, root).items() if n != "$ref"})
            pending += [value for name, value in part.items() if name not in _DATA]
        elif isinstance(part, list | tuple):
            pending += part
    return False


_DATA: Final = frozenset({"const", "enum", "default", "examples", "$defs", "definitions"})
"""Keywords whose values are data, not schemas; and definitions, which count where a reference leads to them."""
