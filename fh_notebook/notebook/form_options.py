"""What there is to choose: values out of a few, and kinds of value. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook.contract.refs import followed
from fh_notebook.contract.spell import KINDS, kind_text, short, types_of
from fh_notebook.notebook.form_merging import united

__all__ = ["Branch", "Option", "branches_of", "option_label", "options_of", "same"]


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


def options_of(says: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Option, ...]:
    """Return the values to choose from: an ``enum``, or alternatives that are constants, by their titles."""
    values = says.get("enum")
    if isinstance(values, list) and values:
        taken = _labels_of_others(values)
        return tuple(Option(value, option_label(value, taken)) for value in _each_once(values))
    parts = says.get("oneOf") or says.get("anyOf")
    if not isinstance(parts, list) or not parts:
        return ()
    found = [followed(part, root) for part in parts]
    if not all("const" in part or part.get("type") == "null" for part in found):
        return ()
    values = [part.get("const") for part in found]
    titles = [part.get("title") for part in found]
    taken = _labels_of_others(values)
    return tuple(
        Option(value, short(title, 80)[1:-1] if isinstance(title, str) and title else option_label(value, taken))
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
        elif not any(same(value, other) for other in seen):
            seen.append(value)
            yield value


def _labels_of_others(values: Sequence[Any]) -> frozenset[str]:
    """Return how those that are no texts are called."""
    return frozenset(option_label(value) for value in values if not isinstance(value, str))


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same and of the same kind: ``1`` is not ``True``, and not ``1.0`` here.

    Examples
    --------
    >>> same([1], [1]), same(1, True), same({"a": 1}, {"a": 1.0})
    (True, False, False)
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, type(other)) and isinstance(other, type(one)) and bool(one == other)


def option_label(value: Any, taken: Collection[str] = ()) -> str:
    """Return how a value is called in a list of choices; a text that another kind's value looks like is quoted.

    `taken` has the labels of the values that are no texts.

    Examples
    --------
    >>> [option_label(v, {"1", "null", "true"}) for v in ("calm", 1, "1", None, "", True)]
    ['calm', '1', "'1'", 'null', "''", 'true']
    """
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if not isinstance(value, str):
        return short(value, 80)
    looks_so = value.strip() != value or value in taken
    return short(value, 80) if looks_so or not value else short(value, 80)[1:-1].replace("\\'", "'")


# Keywords of a branch that only narrow what its base has said: there is nothing of its own to fill in.
_NARROWING: Final = frozenset({"required", "not", "title", "description", "$comment", "minProperties", "maxProperties"})


def branches_of(says: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Branch, ...]:
    """Return the kinds to choose from: of ``oneOf``, ``anyOf``, or a list of types; none where there is no choice."""
    for keyword in ("oneOf", "anyOf"):
        parts = says.get(keyword)
        if isinstance(parts, list) and len(parts) > 1:
            base = {name: value for name, value in says.items() if name not in (keyword, "default", "examples")}
            telling = [part for part in parts if followed(part, root).get("type") != "null"]
            if all(isinstance(p, Mapping) and _NARROWING.issuperset(p) for p in telling):
                return ()
            return _named([_branch(base, part) for part in telling], telling, root)
    types = [t for t in types_of(says.get("type", [])) if t in KINDS and t != "null"]
    if len(types) > 1 and set(types) != {"integer", "number"}:
        base = {name: value for name, value in says.items() if name not in ("type", "default", "examples")}
        branches = [{**base, "type": t} for t in types]
        return _named(branches, [{"type": t} for t in types], root)
    return ()


def _branch(base: Mapping[str, Any], part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    told = {name: base[name] for name in base if name not in ("title", "description")}
    return united(part, told) if "$ref" not in part else {**told, "allOf": [part]}


def _named(branches: Sequence[Any], parts: Sequence[Any], root: Mapping[str, Any]) -> tuple[Branch, ...]:
    labels = [_branch_label(part, root) for part in parts]
    return tuple(
        Branch(branch, label if labels.count(label) == 1 else f"{label} ({i + 1})")
        for i, (branch, label) in enumerate(zip(branches, labels, strict=True))
    )


def _branch_label(part: Any, root: Mapping[str, Any]) -> str:
    says = followed(part, root)
    if isinstance(title := says.get("title"), str) and title:
        return short(title)[1:-1]
    if isinstance(part, Mapping) and isinstance(part.get("$ref"), str):
        return short(part["$ref"].rpartition("/")[2] or "the whole again")[1:-1]
    properties = says.get("properties")
    for tag in properties.values() if isinstance(properties, Mapping) else ():
        if isinstance(tag, Mapping) and isinstance(tag.get("const"), str):
            return short(tag["const"])[1:-1]
    if isinstance(properties, Mapping) and properties:
        return f"an object with {', '.join(short(name, 20)[1:-1] for name in list(properties)[:3])}"
    return kind_text(says) if isinstance(part, Mapping) and part else "any JSON"
