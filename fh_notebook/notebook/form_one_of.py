"""A choice of kinds: which one, and a field of that kind. Pure.

Rule of this file: each kind's field is made when it is chosen and kept afterwards, so trying another loses nothing. A
value that is given chooses the kind that it looks most like; whether it fits, the contract says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fh_notebook.contract.spell import KIND_OF_TYPE
from fh_notebook.notebook.form_declared import Place
from fh_notebook.notebook.form_group import GroupState
from fh_notebook.notebook.form_holding import HoldingState
from fh_notebook.notebook.form_kinds import Kind, Shape, shape_of
from fh_notebook.notebook.form_options import same
from fh_notebook.notebook.form_state import FieldState, Model
from fh_notebook.problems import Problem
from fh_notebook.values import UNSET

__all__ = ["OneOfState", "likeness"]


class OneOfState(HoldingState):
    """One of several kinds: its value is that of the chosen branch."""

    def __init__(self, model: Model, place: Place, schema: Any, shape: Shape) -> None:
        self._branches: dict[int, FieldState] = {}
        self.index: int | None = None
        """Which of the branches is chosen; ``None`` while none is."""
        super().__init__(model, place, schema, shape)
        if self.default is not UNSET and not self.recursive:
            self._take(self.default)

    @property
    def labels(self) -> list[str]:
        """What the branches are called."""
        return [branch.label for branch in self.shape.branches]

    @property
    def branch(self) -> FieldState | None:
        """The field of the chosen branch."""
        return None if self.index is None else self._branch(self.index)

    @property
    def is_open(self) -> bool:
        """Whether the chosen branch is what is sent, though perhaps nothing is set in it yet."""
        return self._on and self._raw is UNSET and self.index is not None

    def _branch(self, index: int) -> FieldState:
        with self._model.lock:  # as the fields of a group
            if index not in self._branches:
                within = self._place.within | self.marks
                place = Place(self.name, self.path, required=True, parent=self, within=within)
                self._branches[index] = self._model.state_of(place, self.shape.branches[index].schema)
            return self._branches[index]

    def choose(self, index: int | None) -> None:
        """Choose a branch by its place among the labels; ``None`` leaves the field out."""
        with self._model.lock:
            self.draft, self._raw = "", UNSET
            self.index = index
            self._on = index is not None
            branch = self.branch
            if branch is not None and not branch.is_set and branch.kind in (Kind.GROUP, Kind.CONST):
                branch.fill()
            if isinstance(branch, GroupState):
                branch.fill_constants()  # they say which branch it is, also where they need not be given
            self._changed()

    def _now(self) -> Any:
        if self._raw is not UNSET:
            return self._raw
        branch = self.branch
        return branch._now() if self._on and branch is not None else UNSET

    def _take(self, value: Any) -> None:
        self._begin_taking(value)
        if value is UNSET:
            return
        value = self._own(value)
        if value is None and self.nullable:
            self._raw = None
            return
        likely = [likeness(value, branch.schema, self._model.root) for branch in self.shape.branches]
        best = max(likely)
        if not best:
            self._hold(value)
            return
        self.index = likely.index(best)
        self._branch(self.index).load(value)

    def fill(self) -> None:
        """Switch it on, with the branch that was chosen before, else the first."""
        self.choose(0 if self.index is None else self.index)

    @property
    def own_problems(self) -> list[Problem]:
        """Its problems without those that the branch shows, beside itself or beside its own fields."""
        branch = self.branch
        if branch is None or self._raw is not UNSET or not self._on:
            return self.problems
        shown = {problem for state in branch.walk() if state is not branch for problem in state.problems}
        if branch.kind is not Kind.CONST:  # of a constant no field is shown
            shown.update(branch.shown_problems)
        return [problem for problem in self.problems if problem not in shown]

    def walk(self) -> Iterator[FieldState]:
        """Yield it and every field inside of it that was made so far."""
        yield self
        for branch in self._branches.values():
            yield from branch.walk()


def likeness(value: Any, schema: Any, root: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> int:
    """Return how much `value` looks like what `schema` describes: 0 for another kind, more the nearer it is.

    `seen` has the references on the way here: a choice that is one of its own kinds is looked at once.

    Examples
    --------
    >>> circle = {"properties": {"kind": {"const": "circle"}, "r": {}}, "required": ["kind", "r"]}
    >>> square = {"properties": {"kind": {"const": "square"}, "a": {}}, "required": ["kind", "a"]}
    >>> [likeness({"kind": "square", "a": 1}, shape, {}) for shape in (circle, square)]
    [1, 7]
    """
    shape = shape_of(schema, root)
    if shape.kind is Kind.NOTHING or (shape.branches and shape.refs & seen):
        return 0
    if shape.kind is Kind.CONST:
        return 8 if same(value, shape.says.get("const")) else 0
    if shape.options and shape.kind is Kind.CHOICE:
        return 8 if any(same(value, option.value) for option in shape.options) else 0
    if shape.branches:
        return max(likeness(value, branch.schema, root, seen | shape.refs) for branch in shape.branches)
    if value is None:
        return 1 if shape.nullable or shape.kind is Kind.JSON else 0
    if isinstance(value, Mapping) and shape.kind is Kind.GROUP:
        return _object_likeness(value, shape, root)
    types = shape.types or ([] if shape.kind is Kind.JSON else ["string"])
    return (2 if types else 1) if not types or _is_of(value, types) else 0


def _is_of(value: Any, types: list[str]) -> bool:
    if isinstance(value, Mapping | list):
        return ("object" if isinstance(value, Mapping) else "array") in types
    named = KIND_OF_TYPE.get(str if isinstance(value, str) else type(value))
    return named in types or (named == "integer" and "number" in types)


def _object_likeness(value: Mapping[str, Any], shape: Shape, root: Mapping[str, Any]) -> int:
    properties = shape.says["properties"]
    required = shape.says.get("required")
    score = 2
    for name, says in properties.items():
        tag = shape_of(says, root) if name in value else None
        if tag is not None and tag.kind is Kind.CONST:
            if not same(value[name], tag.says.get("const")):
                return 1  # the tag of another branch
            score += 3
    score += 1 if isinstance(required, list) and all(name in value for name in required) else 0
    return score + (1 if all(name in properties for name in value) else 0)
