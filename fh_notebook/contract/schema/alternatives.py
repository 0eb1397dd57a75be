"""Alternatives of a value: the values and the kinds to choose from, and the keywords that hold together. Pure.

References and ``allOf`` are resolved (`effective_keywords`); where two parts give the same keyword, the nearer one is
told. This is for what a person reads and fills in: whether a value is valid is decided with the schema as written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook.contract.schema.references import MAX_HOPS, resolve_reference
from fh_notebook.core.text.formatting import KINDS, kind_text, short, types_of


@dataclass(frozen=True, slots=True)
class Option:
    """One value to choose, and how it is called."""

    value: Any
    label: str


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several kinds of value, and how it is called."""

    schema: Any
    label: str


def options_of(keywords: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Option, ...]:
    """Return the values to choose from: an ``enum``, or alternatives that are constants, by their titles."""
    values = keywords.get("enum")
    if isinstance(values, list) and values:
        other_labels = _labels_of_others(values)
        return tuple(Option(value, option_label(value, other_labels)) for value in _each_once(values))
    parts = keywords.get("oneOf") or keywords.get("anyOf")
    if not isinstance(parts, list) or not parts:
        return ()
    alternatives = [resolve_reference(part, root) for part in parts]
    if not all("const" in part or part.get("type") == "null" for part in alternatives):
        return ()
    values = [part.get("const") for part in alternatives]
    titles = [part.get("title") for part in alternatives]
    other_labels = _labels_of_others(values)
    return tuple(
        Option(value, short(title, 80)[1:-1] if isinstance(title, str) and title else option_label(value, other_labels))
        for value, title in zip(values, titles, strict=True)
    )


def _each_once(values: Sequence[Any]) -> Iterator[Any]:
    seen: list[Any] = []
    texts: set[str] = set()  # most are texts, and a list of cities has thousands
    for value in values:
        if isinstance(value, str):
            if value not in texts:
                texts.add(value)
                yield value
        elif not any(same_json(value, other) for other in seen):
            seen.append(value)
            yield value


def _labels_of_others(values: Sequence[Any]) -> frozenset[str]:
    """Return how those that are no texts are called."""
    return frozenset(option_label(value) for value in values if not isinstance(value, str))


def same_json(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same and of the same kind: ``1`` is not ``True``, and not ``1.0`` here.

    Examples
    --------
    >>> same_json([1], [1]), same_json(1, True), same_json({"a": 1}, {"a": 1.0})
    (True, False, False)
    """
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same_json(left[name], right[name]) for name in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same_json, left, right))
    return isinstance(left, type(right)) and isinstance(right, type(left)) and bool(left == right)


def option_label(value: Any, other_labels: Collection[str] = ()) -> str:
    """Return how a value is called in a list of choices; a text that another kind's value looks like is quoted.

    `other_labels` has the labels of the values that are no texts.

    Examples
    --------
    >>> [option_label(v, {"1", "null", "true"}) for v in ("calm", 1, "1", None, "", True)]
    ['calm', '1', "'1'", 'null', "''", 'true']
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if not isinstance(value, str):
        return short(value, 80)
    looks_so = value.strip() != value or value in other_labels
    return short(value, 80) if looks_so or not value else short(value, 80)[1:-1].replace("\\'", "'")


# Keywords of a branch that only narrow what its base has said: there is nothing of its own to fill in.
_NARROWING: Final = frozenset({"required", "not", "title", "description", "$comment", "minProperties", "maxProperties"})


def branches_of(keywords: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Branch, ...]:
    """Return the kinds to choose from: of ``oneOf``, ``anyOf``, or a list of types; none where there is no choice."""
    for keyword in ("oneOf", "anyOf"):
        parts = keywords.get(keyword)
        if isinstance(parts, list) and len(parts) > 1:
            base = {name: value for name, value in keywords.items() if name not in (keyword, "default", "examples")}
            telling = [part for part in parts if resolve_reference(part, root).get("type") != "null"]
            if all(isinstance(p, Mapping) and _NARROWING.issuperset(p) for p in telling):
                return ()
            return _named([_branch(base, part) for part in telling], telling, root)
    types = [t for t in types_of(keywords.get("type", [])) if t in KINDS and t != "null"]
    if len(types) > 1 and set(types) != {"integer", "number"}:
        base = {name: value for name, value in keywords.items() if name not in ("type", "default", "examples")}
        branches = [{**base, "type": t} for t in types]
        return _named(branches, [{"type": t} for t in types], root)
    return ()


def _branch(base: Mapping[str, Any], part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    constraints = {name: base[name] for name in base if name not in ("title", "description")}
    return united_keywords(part, constraints) if "$ref" not in part else {**constraints, "allOf": [part]}


def _named(branches: Sequence[Any], parts: Sequence[Any], root: Mapping[str, Any]) -> tuple[Branch, ...]:
    labels = [_branch_label(part, root) for part in parts]
    return tuple(
        Branch(branch, label if labels.count(label) == 1 else f"{label} ({i + 1})")
        for i, (branch, label) in enumerate(zip(branches, labels, strict=True))
    )


def _branch_label(part: Any, root: Mapping[str, Any]) -> str:
    part_keywords = resolve_reference(part, root)
    if isinstance(title := part_keywords.get("title"), str) and title:
        return short(title)[1:-1]
    if isinstance(part, Mapping) and isinstance(part.get("$ref"), str):
        return short(part["$ref"].rpartition("/")[2] or "the whole again")[1:-1]
    properties = part_keywords.get("properties")
    for tag in properties.values() if isinstance(properties, Mapping) else ():
        if isinstance(tag, Mapping) and isinstance(tag.get("const"), str):
            return short(tag["const"])[1:-1]
    if isinstance(properties, Mapping) and properties:
        return f"an object with {', '.join(short(name, 20)[1:-1] for name in list(properties)[:3])}"
    return kind_text(part_keywords) if isinstance(part, Mapping) and part else "any JSON"


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
