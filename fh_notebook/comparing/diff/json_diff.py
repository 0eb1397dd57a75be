"""Difference of two JSON values, by paths: what was added, removed and changed. Pure, and bounded in time.

Objects are compared by their names, in any order. Items of lists are aligned first, so one more item at the beginning
is one addition. Nothing recurses, so no depth is too deep; a budget of characters and changes ends the comparison,
which the result says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from fh_notebook.comparing.diff.text_diff import matches
from fh_notebook.core.json_values import canonical_json

MOST: Final = 10_000
"""Changes that are looked for at most: values with more are other values."""
BUDGET: Final = 8_000_000
"""Characters of items that are serialized to align lists; beyond it, items are compared by index."""

ChangeKind = Literal["added", "removed", "changed"]
_KINDS: Final[tuple[ChangeKind, ...]] = ("added", "removed", "changed")
_PLAIN_NAME_ENDS: Final = frozenset(".[]\"' \n\t")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of two JSON values."""

    kind: ChangeKind
    """``added``: only the second value has it; ``removed``: only the first; ``changed``: both, otherwise."""
    path: str
    """Where, such as ``items[0].name``, which ``fh.score.exact(path=...)`` takes too; a name with a dot or a bracket is
    ``['a.b']``, and the whole value is empty. The place in a list is that of the second value, but of what was removed:
    that of the first."""
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class Changes:
    """The differences of two JSON values."""

    listed: tuple[Change, ...]
    to_end: bool = True
    """Whether the comparison was completed."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not self.listed

    def count(self, kind: ChangeKind) -> int:
        """Return the number of changes of a kind."""
        return sum(change.kind == kind for change in self.listed)

    def __str__(self) -> str:
        """Return the differences in one line."""
        if self.same:
            return "same"
        counts = [f"{n:,} {kind}" for kind in _KINDS if (n := self.count(kind))]
        return f"differs: {', '.join(counts)}{'' if self.to_end else '; not compared to the end'}"


def changes_of(before: Any, after: Any, *, most: int = MOST) -> Changes:
    """Return the differences of two JSON values in the order of the paths.

    Examples
    --------
    >>> found = changes_of({"label": "late", "tags": ["b"]}, {"label": "lost", "tags": ["a", "b"], "score": 1})
    >>> for change in found.listed:
    ...     print(change.kind, change.path, change.before, change.after)
    changed label late lost
    added tags[0] None a
    added score None 1
    >>> print(found)
    differs: 2 added, 1 changed
    """
    walk = _JsonWalker()
    listed: list[Change] = []
    for change in walk.changes(before, after):
        if len(listed) == most:
            return Changes(tuple(listed), to_end=False)
        listed.append(change)
    return Changes(tuple(listed))


def are_same_values(first: Any, second: Any) -> bool:
    """Whether two JSON values have no difference: as `changes_of`, which also looks for where it is.

    Examples
    --------
    >>> are_same_values({"a": 1, "b": [float("nan")]}, {"b": [float("nan")], "a": 1.0}), are_same_values([1], [True])
    (True, False)
    """
    pending = [(first, second)]
    while pending:
        one, other = pending.pop()
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            if one.keys() != other.keys():
                return False
            pending += [(value, other[name]) for name, value in one.items()]
        elif _is_list(one) and _is_list(other):
            if len(one) != len(other):
                return False
            pending += zip(one, other, strict=True)
        elif not _is_equal(one, other):
            return False
    return True


_Paths = tuple[str, str]
"""Where a value is before, and where it is after: an item of a list moves with those that come or go before it."""

_Pending = Change | tuple[_Paths, Any, Any]
"""A change, or two values that are not compared yet, and where they are."""


class _JsonWalker:
    """Traverses two values together, in order, without recursion."""

    def __init__(self) -> None:
        self._left = BUDGET

    def changes(self, before: Any, after: Any) -> Iterator[Change]:
        pending: list[_Pending] = [(("", ""), before, after)]
        while pending:
            item = pending.pop()
            if isinstance(item, Change):
                yield item
                continue
            paths, first, second = item
            if isinstance(first, Mapping) and isinstance(second, Mapping):
                pending.extend(reversed(list(_pending_of_names(paths, first, second))))
            elif _is_list(first) and _is_list(second):
                pending.extend(reversed(list(self._pending_of_items(paths, first, second))))
            elif not _is_equal(first, second):
                yield Change("changed", paths[1], first, second)

    def _pending_of_items(self, paths: _Paths, first: Sequence[Any], second: Sequence[Any]) -> Iterator[_Pending]:
        old, new = paths
        i = j = 0
        for at, of, length in [*sorted(self._align(first, second)), (len(first), len(second), 0)]:
            both = min(at - i, of - j)  # neighbours that have no like on the other side changed into each other
            yield from (((f"{old}[{i + k}]", f"{new}[{j + k}]"), first[i + k], second[j + k]) for k in range(both))
            yield from (Change("removed", f"{old}[{k}]", before=first[k]) for k in range(i + both, at))
            yield from (Change("added", f"{new}[{k}]", after=second[k]) for k in range(j + both, of))
            i, j = at + length, of + length

    def _align(self, first: Sequence[Any], second: Sequence[Any]) -> Iterator[tuple[int, int, int]]:
        if self._left <= 0:
            return iter(())
        numbers: dict[Any, int] = {}
        codes = [
            [numbers.setdefault(self._item_code(item), len(numbers)) for item in items] for items in (first, second)
        ]
        return matches(*codes)

    def _item_code(self, item: Any) -> Any:
        if type(item) is str:  # most items of long lists; never the spelling of a number
            return f'"{item}'
        if self._left <= 0:
            return object()
        try:
            text = canonical_json(item)
        except (TypeError, ValueError, RecursionError):  # no JSON, or nested deeper than Python writes
            self._left -= 10_000
            return object()
        self._left -= len(text)
        return text


def _pending_of_names(paths: _Paths, first: Mapping[Any, Any], second: Mapping[Any, Any]) -> Iterator[_Pending]:
    old, new = paths
    for name, value in first.items():
        removed = _child_path(old, name)
        in_both = name in second
        yield ((removed, _child_path(new, name)), value, second[name]) if in_both else Change("removed", removed, value)
    yield from (
        Change("added", _child_path(new, name), after=value) for name, value in second.items() if name not in first
    )


def _child_path(path: str, name: Any) -> str:
    text = str(name)
    if not text or not _PLAIN_NAME_ENDS.isdisjoint(text):
        return f"{path}[{text!r}]"
    return f"{path}.{text}" if path else text


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_equal(first: Any, second: Any) -> bool:
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    try:
        # A missing number (NaN) equals another one.
        return bool(first == second) or bool(first != first and second != second)
    except (TypeError, ValueError, RecursionError):
        return False
