"""State of fields that contain fields: objects, and choices of kinds. Pure.

Rules of this file:

- It is set when something in it is; switched off, it keeps what was typed. A value that its own fields cannot show, and
  null, is held as it is, and shown as JSON.
- A required group is always there, with whatever is set in it; an optional one appears when something in it is set. A
  group that holds itself is never begun by itself. Names that have no field are kept and sent.
- Each kind's field is made when it is chosen and kept afterwards, so trying another loses nothing. A value that is
  given chooses the kind that it looks most like; whether it fits, the contract says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fh_notebook.contract.schema.alternatives import same_json
from fh_notebook.contract.schema.variables import plain
from fh_notebook.contract.secrets import hidden, with_hidden
from fh_notebook.core.text.formatting import KIND_OF_TYPE
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.notebook.forms.model.field import FieldLocation, FieldState, Model, SentAs
from fh_notebook.notebook.forms.model.kinds import FieldKind, Shape, shape_of


class _ContainerState(FieldState):
    """A field whose value is made of what lies inside of it."""

    def __init__(self, model: Model, location: FieldLocation, schema: Any, shape: Shape) -> None:
        self._raw: Any = UNSET
        """A value that its fields cannot show, as a wrong default is, or null."""
        self._on = False
        """Whether it is sent, though perhaps nothing is set in it."""
        super().__init__(model, location, schema, shape)

    def load(self, value: Any) -> None:
        """Set it without noting an edit; ``UNSET`` switches it off, and its fields keep what they have."""
        self.draft, self._raw = "", UNSET
        self._on = value is not UNSET
        if self._on:
            self._load_fields(plain(value))

    def _load_fields(self, value: Any) -> None:
        """Give a value to the fields inside; hold one that they cannot show."""
        raise NotImplementedError

    def hold(self, value: Any) -> None:
        """Hold a value that its fields cannot show."""
        self._raw = hidden(value) if self.secret else value

    def child_changed(self, child: FieldState) -> None:
        """Switch it on when something in it is set."""
        if child.is_set:
            self._on, self._raw = True, UNSET
        self.touched = True
        if self.location.parent is not None:
            self.location.parent.child_changed(self)

    @property
    def sendable_as(self) -> tuple[SentAs, ...]:
        """What can be sent for it: always its fields, which keep what was typed."""
        offered = super().sendable_as
        return offered if SentAs.VALUE in offered or not self.nullable else (*offered, SentAs.VALUE)

    @property
    def can_show(self) -> bool:
        """Whether its fields show the value; else JSON does."""
        return not self.draft and self._raw in (UNSET, None)


class GroupState(_ContainerState):
    """An object: its value is made of its fields, each of which is made when it is first asked for."""

    def __init__(self, model: Model, location: FieldLocation, schema: Any, shape: Shape) -> None:
        self._fields: dict[str, FieldState] | None = None
        self.extras: dict[str, Any] = {}
        """What was given under names that have no field."""
        super().__init__(model, location, schema, shape)

    def begin(self) -> None:
        """Set it to its default where that is begun with; a required one is there without any."""
        if self.recursive:
            return
        if self.begins_with_default:
            self.load(self.default)
        elif self.required:
            self._on = True

    @property
    def switchable(self) -> bool:
        """Whether there is a switch beside it."""
        return not self.required or self.recursive

    @property
    def fields(self) -> dict[str, FieldState]:
        """Its fields by name."""
        with self.model.lock:  # two threads that ask first get the same ones: what is set in others would be lost
            if self._fields is None:
                self._fields = self._make_fields()
            return self._fields

    def _make_fields(self) -> dict[str, FieldState]:
        within = self.location.within | self.marks
        required = self.keywords.get("required")
        needed = required if isinstance(required, list) else []
        return {
            name: self.model.state_of(
                FieldLocation(name, (*self.path, name), required=name in needed, parent=self, within=within),
                schema,
            )
            for name, schema in properties_of(self.keywords).items()
        }

    @property
    def value(self) -> Any:
        """What would be sent for it, of which no `repr` shows a secret; ``UNSET`` when it is left out."""
        value = super().value
        return without_secrets_shown(self.fields, value) if self.secret and isinstance(value, dict) else value

    @property
    def current(self) -> Any:
        """The value itself, put together from its fields."""
        if self._raw is not UNSET:
            return self._raw
        if not self._on:
            return UNSET
        values = {name: value for name, state in self.fields.items() if (value := state.current) is not UNSET}
        return {**values, **self.extras}

    def _load_fields(self, value: Any) -> None:
        if not isinstance(value, Mapping):
            self.hold(value)
            return
        # Exactly this: a field that it does not name is left out.
        for name, state in self.fields.items():
            state.load(value.get(name, UNSET))
            state.passed_over = name not in value
        self.extras = {name: item for name, item in value.items() if name not in self.fields}

    def fill(self) -> None:
        """Switch it on, with what was typed before, else with its default."""
        with self.model.lock:
            if not self._on and self.default is not UNSET and not any(state.is_set for state in self.fields.values()):
                self.load(self.default)
            self._on, self._raw = True, UNSET
            self.changed()

    def fill_constants(self) -> None:
        """Set its constants that are not set."""
        for state in self.fields.values():
            if state.kind is FieldKind.CONST and not state.is_set:
                state.fill()

    @property
    def own_problems(self) -> list[Problem]:
        """Its problems without those of its fields."""
        if not self._on or self._raw is not UNSET:
            return self.problems
        inside = {problem for state in self.fields.values() for problem in state.problems}
        return [problem for problem in self.problems if problem not in inside]

    @property
    def was_given_wrong(self) -> bool:
        """Whether what was given for it may not fit, its fields aside: no object, or a name that is not taken."""
        return bool(self._raw is not UNSET or self.extras) and super().was_given_wrong

    def walk(self) -> Iterator[FieldState]:
        """Yield it and every field inside of it that was made so far."""
        yield self
        for state in (self._fields or {}).values():
            yield from state.walk()


class OneOfState(_ContainerState):
    """One of several kinds: its value is that of the chosen branch."""

    def __init__(self, model: Model, location: FieldLocation, schema: Any, shape: Shape) -> None:
        self._branches: dict[int, FieldState] = {}
        self.index: int | None = None
        """Which of the branches is chosen; ``None`` while none is."""
        super().__init__(model, location, schema, shape)

    def begin(self) -> None:
        """Set it to its default where that is begun with."""
        if self.begins_with_default and not self.recursive:
            self.load(self.default)

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
        with self.model.lock:  # as the fields of a group
            if index not in self._branches:
                within = self.location.within | self.marks
                location = FieldLocation(self.name, self.path, required=True, parent=self, within=within)
                self._branches[index] = self.model.state_of(location, self.shape.branches[index].schema)
            return self._branches[index]

    def choose(self, index: int | None) -> None:
        """Choose a branch by its place among the labels; ``None`` leaves the field out."""
        with self.model.lock:
            self.draft, self._raw = "", UNSET
            self.index = index
            self._on = index is not None
            branch = self.branch
            if branch is not None and not branch.is_set and branch.kind in (FieldKind.GROUP, FieldKind.CONST):
                branch.fill()
            if isinstance(branch, GroupState):
                branch.fill_constants()  # they say which branch it is, also where they need not be given
            self.changed()

    @property
    def current(self) -> Any:
        """The value itself, put together from its fields."""
        if self._raw is not UNSET:
            return self._raw
        branch = self.branch
        return branch.current if self._on and branch is not None else UNSET

    def _load_fields(self, value: Any) -> None:
        if value is None and self.nullable:
            self._raw = None
            return
        likely = [likeness(value, branch.schema, self.model.root) for branch in self.shape.branches]
        best = max(likely)
        if not best:
            self.hold(value)
            return
        self.index = likely.index(best)
        self._branch(self.index).load(value)

    def fill(self) -> None:
        """Switch it on, with the branch that was chosen before, else with its default, else the first branch."""
        if self.index is None and self.default is not UNSET:
            self.set(self.default)
        else:
            self.choose(0 if self.index is None else self.index)

    @property
    def own_problems(self) -> list[Problem]:
        """Its problems without those that the branch shows, beside itself or beside its own fields."""
        branch = self.branch
        if branch is None or self._raw is not UNSET or not self._on:
            return self.problems
        branch_problems = {problem for state in branch.walk() if state is not branch for problem in state.problems}
        if branch.kind is not FieldKind.CONST:  # of a constant no field is shown
            branch_problems.update(branch.shown_problems)
        return [problem for problem in self.problems if problem not in branch_problems]

    def walk(self) -> Iterator[FieldState]:
        """Yield it and every field inside of it that was made so far."""
        yield self
        for branch in self._branches.values():
            yield from branch.walk()


def without_secrets_shown(fields: Mapping[str, FieldState], values: dict[str, Any]) -> dict[str, Any]:
    """Return what fields hold, as copied, so that no `repr` shows a secret that is true or false."""
    secret_states = {name: state for name, state in fields.items() if state.secret and name in values}
    for name, state in secret_states.items():
        if isinstance(state, GroupState) and isinstance(values[name], dict):
            values[name] = without_secrets_shown(state.fields, values[name])
    return with_hidden(values, secret_states)


def properties_of(keywords: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the declared properties; none where the schema declares none."""
    properties = keywords.get("properties")
    return {str(name): schema for name, schema in properties.items()} if isinstance(properties, Mapping) else {}


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
    if shape.kind is FieldKind.NOTHING or (shape.branches and shape.refs & seen):
        return 0
    if shape.kind is FieldKind.CONST:
        return 8 if same_json(value, shape.keywords.get("const")) else 0
    if shape.options and shape.kind is FieldKind.CHOICE:
        return 8 if any(same_json(value, option.value) for option in shape.options) else 0
    if shape.branches:
        return max(likeness(value, branch.schema, root, seen | shape.refs) for branch in shape.branches)
    if value is None:
        return 1 if shape.nullable or shape.kind is FieldKind.JSON else 0
    if isinstance(value, Mapping) and shape.kind is FieldKind.GROUP:
        return _object_likeness(value, shape, root)
    types = shape.types or ([] if shape.kind is FieldKind.JSON else ["string"])
    return (2 if types else 1) if not types or _is_of(value, types) else 0


def _is_of(value: Any, types: list[str]) -> bool:
    if isinstance(value, Mapping | list):
        return ("object" if isinstance(value, Mapping) else "array") in types
    type_name = KIND_OF_TYPE.get(str if isinstance(value, str) else type(value))
    return type_name in types or (type_name == "integer" and "number" in types)


def _object_likeness(value: Mapping[str, Any], shape: Shape, root: Mapping[str, Any]) -> int:
    properties = shape.keywords["properties"]
    required = shape.keywords.get("required")
    score = 2
    for name, property_schema in properties.items():
        tag = shape_of(property_schema, root) if name in value else None
        if tag is not None and tag.kind is FieldKind.CONST:
            if not same_json(value[name], tag.keywords.get("const")):
                return 1  # the tag of another branch
            score += 3
    score += 1 if isinstance(required, list) and all(name in value for name in required) else 0
    return score + (1 if all(name in properties for name in value) else 0)
