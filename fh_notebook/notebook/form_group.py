"""An object with fields of its own. Pure.

Rule of this file: a required group is always there, with whatever is set in it; an optional one appears when something
in it is set, and keeps what was typed while it is switched off. A group that holds itself is never begun by itself.
Names that have no field are kept and sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fh_notebook.contract.secrets import with_hidden
from fh_notebook.notebook.form_declared import Place
from fh_notebook.notebook.form_holding import HoldingState
from fh_notebook.notebook.form_kinds import Kind, Shape
from fh_notebook.notebook.form_state import FieldState, Model
from fh_notebook.problems import Problem
from fh_notebook.values import UNSET

__all__ = ["GroupState", "properties_of", "without_secrets_shown"]


class GroupState(HoldingState):
    """An object: its value is made of its fields, each of which is made when it is first asked for."""

    def __init__(self, model: Model, place: Place, schema: Any, shape: Shape) -> None:
        self._fields: dict[str, FieldState] | None = None
        self.extras: dict[str, Any] = {}
        """What was given under names that have no field."""
        super().__init__(model, place, schema, shape)
        if self.recursive:
            return
        if self.default is not UNSET:
            self._take(self.default)
        elif self.required:
            self._on = True

    @property
    def switchable(self) -> bool:
        """Whether there is a switch beside it."""
        return not self.required or self.recursive

    @property
    def fields(self) -> dict[str, FieldState]:
        """Its fields by name."""
        with self._model.lock:  # two threads that ask first get the same ones: what is set in others would be lost
            if self._fields is None:
                self._fields = self._made()
            return self._fields

    def _made(self) -> dict[str, FieldState]:
        within = self._place.within | self.marks
        required = self.says.get("required")
        needed = required if isinstance(required, list) else []
        return {
            name: self._model.state_of(
                Place(name, (*self.path, name), required=name in needed, parent=self, within=within),
                schema,
            )
            for name, schema in properties_of(self.says).items()
        }

    @property
    def value(self) -> Any:
        """What would be sent for it, of which no `repr` shows a secret; ``UNSET`` when it is left out."""
        value = super().value
        return without_secrets_shown(self.fields, value) if self.secret and isinstance(value, dict) else value

    def _now(self) -> Any:
        if self._raw is not UNSET:
            return self._raw
        if not self._on:
            return UNSET
        held = {name: value for name, state in self.fields.items() if (value := state._now()) is not UNSET}
        return {**held, **self.extras}

    def _take(self, value: Any) -> None:
        self._begin_taking(value)
        if value is UNSET:
            return
        value = self._own(value)
        if not isinstance(value, Mapping):
            self._hold(value)
            return
        # Exactly this: a field that it does not name is left out.
        for name, state in self.fields.items():
            state.load(value.get(name, UNSET))
            state.passed_over = name not in value
        self.extras = {name: item for name, item in value.items() if name not in self.fields}

    def fill(self) -> None:
        """Switch it on, with what was typed before."""
        with self._model.lock:
            self._on, self._raw = True, UNSET
            self._changed()

    def fill_constants(self) -> None:
        """Set its constants that are not set."""
        for state in self.fields.values():
            if state.kind is Kind.CONST and not state.is_set:
                state.fill()

    @property
    def own_problems(self) -> list[Problem]:
        """Its problems without those of its fields."""
        if not self._on or self._raw is not UNSET:
            return self.problems
        inside = {problem for state in self.fields.values() for problem in state.problems}
        return [problem for problem in self.problems if problem not in inside]

    @property
    def _was_given_wrong(self) -> bool:
        # Its fields show theirs; of itself there is only what is no object, or a name that is not taken.
        return bool(self._raw is not UNSET or self.extras) and super()._was_given_wrong

    def walk(self) -> Iterator[FieldState]:
        """Yield it and every field inside of it that was made so far."""
        yield self
        for state in (self._fields or {}).values():
            yield from state.walk()


def without_secrets_shown(fields: Mapping[str, FieldState], values: dict[str, Any]) -> dict[str, Any]:
    """Return what fields hold, as copied, so that no `repr` shows a secret that is true or false."""
    held = {name: state for name, state in fields.items() if state.secret and name in values}
    for name, state in held.items():
        if isinstance(state, GroupState) and isinstance(values[name], dict):
            values[name] = without_secrets_shown(state.fields, values[name])
    return with_hidden(values, held)


def properties_of(says: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the declared properties; none where the schema declares none."""
    found = says.get("properties")
    return {str(name): schema for name, schema in found.items()} if isinstance(found, Mapping) else {}
