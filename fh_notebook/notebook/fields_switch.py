"""The switch beside a field: whether its name is sent at all, and where null is a value, whether null is.

Rule of this file: a switch shows what the state says, also right after a click: one that has nothing to set its field
to (a number that was never typed) waits, greyed, for a value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fh_notebook.notebook.fields_put import put
from fh_notebook.notebook.form_state import FieldState

if TYPE_CHECKING:
    from fh_notebook.notebook.fields_base import Field

__all__ = ["made_switch", "show_switch"]

NULL_SWITCH: Final = {"unset": "not set", "null": "null", "value": "a value"}
"""The choices of a switch that knows null, and how they are called."""


def made_switch(field: Field) -> Any:
    """Return the switch of a field; ``None`` for one that must be given and takes no null."""
    if field.state.nullable:
        return _null_switch(field)
    return _check(field) if field.state.switchable else None


def show_switch(switch: Any, state: FieldState) -> None:
    """Show what the state says."""
    if state.nullable:
        put(switch, value="null" if state.is_null else "value" if state.is_set or not state.switchable else "unset")
    else:
        put(switch, value=state.is_set, disabled=not state.is_set and not state.can_fill)


def _check(field: Field) -> Any:
    from ipywidgets import Checkbox

    look, state = field.view.look, field.state
    # Fifty switches that are all called "set" are no help to who hears them: the CSS shows no more than that word.
    switch = Checkbox(
        description=f"set {field.label.removesuffix(' *')}",
        indent=False,
        layout=look.switch,
        style=look.check_style,
        _dom_classes=("fh-switch", "fh-heard"),
    )
    field.hear(switch, lambda on: state.fill() if on else state.unset())
    return switch


def _null_switch(field: Field) -> Any:
    from ipywidgets import Dropdown

    look, state = field.view.look, field.state
    kinds = [kind for kind in NULL_SWITCH if kind != "unset" or state.switchable]
    switch = Dropdown(
        options=[(NULL_SWITCH[kind], kind) for kind in kinds],
        description=f"what to send for {field.label}",
        layout=look.choice_switch,
        style=look.plain_style,
        _dom_classes=("fh-switch", "fh-heard"),
    )
    field.hear(switch, lambda kind: _switched(state, kind))
    return switch


def _switched(state: FieldState, kind: str) -> None:
    if kind == "null":
        state.set(None)
    elif kind == "unset":
        state.unset()
    else:
        if state.is_null:
            state.unset()
        state.fill()
