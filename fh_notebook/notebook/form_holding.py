"""A field with fields inside: what an object and a choice of kinds have in common. Pure.

Rule of this file: it is set when something in it is; switched off, it keeps what was typed. A value that its own fields
cannot show, and null, is held as it is, and shown as JSON.
"""

from __future__ import annotations

from typing import Any

from fh_notebook.contract.secrets import hidden
from fh_notebook.notebook.form_declared import Place
from fh_notebook.notebook.form_kinds import Shape
from fh_notebook.notebook.form_state import FieldState, Model
from fh_notebook.values import UNSET

__all__ = ["HoldingState"]


class HoldingState(FieldState):
    """A field whose value is made of what lies inside of it."""

    def __init__(self, model: Model, place: Place, schema: Any, shape: Shape) -> None:
        self._raw: Any = UNSET
        """A value that its fields cannot show, as a wrong default is, or null."""
        self._on = False
        """Whether it is sent, though perhaps nothing is set in it."""
        super().__init__(model, place, schema, shape)

    def _beginning(self) -> Any:
        return UNSET

    def _begin_taking(self, value: Any) -> None:
        """Forget what was there before a value is taken."""
        self.draft, self._raw = "", UNSET
        self._on = value is not UNSET

    def _hold(self, value: Any) -> None:
        """Hold a value that its fields cannot show."""
        self._raw = hidden(value) if self.secret else value

    def _clear(self) -> None:
        self._on, self._raw = False, UNSET

    def child_changed(self, child: FieldState) -> None:
        """Switch it on when something in it is set."""
        if child.is_set:
            self._on, self._raw = True, UNSET
        self.touched = True
        if self._place.parent is not None:
            self._place.parent.child_changed(self)

    def _keep(self, text: str) -> None:
        self._hold(text)

    @property
    def can_fill(self) -> bool:
        """Whether its switch has something to set it to: always, its fields."""
        return True

    @property
    def can_show(self) -> bool:
        """Whether its fields show the value; else JSON does."""
        return not self.draft and self._raw in (UNSET, None)
