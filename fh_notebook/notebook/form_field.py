"""What a program holds of a form's fields: ``form.fields["ticket"].value = "Late."``.

Rule of this file: a field is a name for a state of the model. It needs no widget, and a widget that shows the same
state follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fh_notebook.notebook.form_group import GroupState
from fh_notebook.notebook.form_state import FieldState

__all__ = ["Field", "Fields", "GroupField"]


class Field:
    """One Start variable of a form, or one value of an object in it.

    Parameters
    ----------
    state : FieldState
        What is known of it.
    changed : callable
        Called after a program has set it.
    """

    def __init__(self, state: FieldState, changed: Callable[[], object]) -> None:
        self._state = state
        self._changed = changed

    @property
    def name(self) -> str:
        """The name of the Start variable."""
        return self._state.name

    @property
    def value(self) -> Any:
        """What Run would send for it now; ``fh.UNSET`` when it is not set. Any value can be assigned.

        One that does not fit is kept, and told in :attr:`problems`; ``fh.UNSET`` leaves the variable out.
        """
        return self._state.value

    @value.setter
    def value(self, value: Any) -> None:
        self._state.set(value)
        self._changed()

    @property
    def problems(self) -> list[str]:
        """What is wrong with its present value, one sentence each."""
        return self._state.problems

    @property
    def required(self) -> bool:
        """Whether a call without it is refused."""
        return self._state.required

    @property
    def kind(self) -> str:
        """How it is typed in: ``"text"``, ``"choice"``, ``"table"``, ..."""
        return str(self._state.kind)

    @property
    def description(self) -> str:
        """What the schema says of it; empty where it says nothing."""
        return self._state.description

    def unset(self) -> None:
        """Leave the variable out of what is sent."""
        self._state.unset()
        self._changed()

    def __repr__(self) -> str:
        return repr(self._state)


class GroupField(Field):
    """An object, with a field for each of its values."""

    _state: GroupState

    @property
    def fields(self) -> Fields:
        """Its fields by name."""
        return Fields(self._state.fields, self._changed)


class Fields(Mapping[str, Field]):
    """The fields of a form or of an object, by the name of each."""

    def __init__(self, states: Mapping[str, FieldState], changed: Callable[[], object]) -> None:
        self._states = states
        self._changed = changed

    def __getitem__(self, name: str) -> Field:
        state = self._states[name]
        made = GroupField if isinstance(state, GroupState) else Field
        return made(state, self._changed)

    def __iter__(self) -> Iterator[str]:
        return iter(self._states)

    def __len__(self) -> int:
        return len(self._states)

    def __repr__(self) -> str:
        return repr(list(self._states.values()))
