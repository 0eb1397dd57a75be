"""One line of a form over rows: what one Start variable takes, and the constant where it is one.

Rule of this file: a constant for a password is typed unseen, and its box is emptied as soon as its text has come: what
a page saves with a notebook is what the box holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ipywidgets import Dropdown, Layout, Password, Text

from fh_notebook import html
from fh_notebook.contract.spell import path_text
from fh_notebook.notebook.fields_put import Showing
from fh_notebook.notebook.form_batch_core import BatchCore
from fh_notebook.notebook.form_over import From
from fh_notebook.notebook.form_parts import LABELLED, Look, hear_all, unheard
from fh_notebook.notebook.form_reading import json_line
from fh_notebook.values import MASK, Secret

__all__ = ["SourceLine"]

_CONSTANT: Final = ("constant", "")
_NOTHING: Final = ("nothing", "")


class SourceLine:
    """One Start variable: where its value is from, and the constant where it is one."""

    def __init__(self, core: BatchCore, name: str, look: Look, edited: Callable[[], object]) -> None:
        self._core, self._name, self._look, self._edited = core, name, look, edited
        mapping = core.mapping
        self._showing = Showing()
        self._constant: Any = None
        needed = "*" if mapping.is_required(name) else ""
        columns = [(f"column {column}", ("column", column)) for column in mapping.rows.columns]
        self._from = Dropdown(
            options=[*columns, ("a constant …", _CONSTANT), (_left_out(core, name), _NOTHING)],
            description=f"{html.printable(path_text([name]))}{needed}",
            style={"description_width": "132px"},
            layout=Layout(width="100%", max_width="420px", margin="2px 8px 2px 0"),
        )
        self._from.add_class("fh-from")
        self._from.observe(self._chosen, "value")
        self.widget = look.row(self._from)

    def follow(self) -> None:
        """Show what the variable takes."""
        source = self._core.mapping.sources[self._name]
        with self._showing:
            if source.kind is From.COLUMN:
                column = ("column", source.column)
                # A column that a program gave and that is not there: the mapping's problem names it.
                self._from.value = column if source.column in self._core.mapping.rows.columns else None
            else:
                self._from.value = _CONSTANT if source.kind is From.CONSTANT else _NOTHING
            self._offer_constant(source.kind is From.CONSTANT)
            if self._constant is not None and not self._is_secret and source.kind is From.CONSTANT:
                value = source.value
                self._constant.value = value if isinstance(value, str) else html.printable(json_line(value))

    @property
    def _is_secret(self) -> bool:
        return self._core.mapping.is_secret(self._name)

    @property
    def _is_set(self) -> bool:
        return bool(self._core.mapping.sources[self._name].value)

    def _offer_constant(self, is_offered: bool) -> None:
        if not is_offered:
            self.widget.children = (self._from,)
            return
        if self._constant is None:
            self._constant = self._new_constant()
        self.widget.children = (self._from, self._constant)
        hear_all(self.widget)

    def _new_constant(self) -> Any:
        # Named, since on a narrow page it stands below what it belongs to.
        named = f"{html.printable(path_text([self._name]))} in every row"
        more = {"layout": self._look.input, "style": LABELLED, "continuous_update": False, "description": named}
        made = (
            unheard(Password)(placeholder="set, hidden" if self._is_set else "not shown", **more)
            if self._is_secret
            else Text(**more)
        )
        made.add_class("fh-constant")
        made.observe(self._typed, "value")
        return made

    def _chosen(self, change: Any) -> None:
        if self._showing or change["new"] is None:
            return
        kind, column = change["new"]
        mapping = self._core.mapping
        if kind == "column":
            mapping.take_column(self._name, column)
        elif kind == "constant":
            mapping.take_typed(self._name, "")
        else:
            mapping.take_nothing(self._name)
        self._offer_constant(kind == "constant")
        self._edited()

    def _typed(self, change: Any) -> None:
        if self._showing:
            return
        typed = Secret(change["new"]) if self._is_secret else change["new"]
        if isinstance(typed, Secret):
            if not typed:
                return  # it was emptied here
            self._constant.value = ""
            self._constant.placeholder = "set, hidden"
            self._core.mapping.take_typed(self._name, typed.reveal())
        else:
            self._core.mapping.take_typed(self._name, typed)
        self._edited()


def _left_out(core: BatchCore, name: str) -> str:
    schema = core.mapping.schema_of(name)
    if not isinstance(schema, dict) or "default" not in schema:
        return "not sent"
    return f"default: {MASK if core.mapping.is_secret(name) else json_line(schema['default'])[:60]}"
