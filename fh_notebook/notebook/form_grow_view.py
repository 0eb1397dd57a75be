"""The panel in which a form grows: a variable by name and kind, a pasted Code Snippet, the columns of a DataFrame.

Rule of this file: a pasted snippet may have a key in it, so the box is emptied as soon as its text has come: what a
page saves with a notebook is what the box holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ipywidgets import Box, Checkbox, Dropdown, Layout, Text, Textarea

from fh_notebook.contract.snippet import is_placeholder
from fh_notebook.notebook.form_grow import (
    KINDS,
    Grown,
    can_grow,
    renamed,
    with_columns,
    with_snippet,
    with_variable,
)
from fh_notebook.notebook.form_panel import Reused
from fh_notebook.notebook.form_parts import LABELLED, Look, line, unheard
from fh_notebook.notebook.notices import running_shell
from fh_notebook.store import catalog_file
from fh_notebook.values import Secret

__all__ = ["GrowPanel"]

_PASTE: Final = "Paste the Code Snippet (curl) of the deployment here, and leave the box."


class GrowPanel:
    """The widgets; the core is what grows."""

    def __init__(self, core: Reused, look: Look) -> None:
        self._core, self._look = core, look
        self._said = look.text(dom_class="fh-grow-said")
        self._rows = [self._naming(), self._adding(), self._pasting(), self._taking(), self._saving()]
        self.widget = look.column(*self._rows, self._said, dom_class="fh-grow")
        self.follow()

    def follow(self) -> None:
        """Show what can be done with the deployment as it is."""
        grows, nameless = can_grow(self._core.deployment), is_placeholder(self._core.deployment.name)
        naming, adding, pasting, taking, _ = self._rows
        frames = _frames()
        shown = ((naming, nameless), (adding, grows), (pasting, grows), (taking, grows and bool(frames)))
        for row, is_shown in shown:
            row.layout.display = None if is_shown else "none"
        if tuple(self._frame.options) != frames:
            self._frame.options = frames
            self._frame.value = frames[0] if frames else None

    # --- rows

    def _row(self, *children: Any) -> Any:
        # A layout of its own, since it is shown or not by itself.
        return Box(children, layout=Layout(flex_flow="row wrap", align_items="center", overflow="visible"))

    def _naming(self) -> Any:
        self._new_name = Text(
            description="Deployment", placeholder="its name", continuous_update=False, style=LABELLED,
            layout=self._look.input,
        )  # fmt: skip
        self._new_name.add_class("fh-deployment-name")
        return self._row(self._new_name, self._button("Use this name", "Run calls it", "fh-rename", self._rename))

    def _adding(self) -> Any:
        self._name = Text(
            description="New variable", placeholder="its name", continuous_update=False, style=LABELLED,
            layout=self._look.input,
        )  # fmt: skip
        self._name.add_class("fh-new-name")
        self._kind = Dropdown(options=KINDS, description="Kind", style=LABELLED, layout=self._look.input)
        self._kind.add_class("fh-new-kind")
        self._required = Checkbox(
            value=True, description="required", indent=False, style=LABELLED, layout=self._look.input
        )
        add = self._button("Add", "Add a field for this Start variable", "fh-add-variable", self._add)
        return self._row(self._name, self._kind, self._required, add)

    def _pasting(self) -> Any:
        self._paste = unheard(Textarea)(
            placeholder=_PASTE, rows=2, continuous_update=False, description="Snippet", style=LABELLED,
            layout=Layout(width="100%", max_width="640px", height="auto"),
        )  # fmt: skip
        self._paste.add_class("fh-snippet")
        self._paste.observe(self._pasted, "value")
        return self._row(self._paste)

    def _taking(self) -> Any:
        self._frame = Dropdown(options=(), description="DataFrame", style=LABELLED, layout=self._look.input)
        self._frame.add_class("fh-frame")
        self._take = self._button("Take its columns", "A field for each column", "fh-take-columns", self._take_columns)
        return self._row(self._frame, self._take)

    def _saving(self) -> Any:
        save = self._button("Save to catalogue", "Write the deployment into fetchhive.yaml", "fh-save", self._save)
        return self._row(save)

    def _button(self, text: str, tooltip: str, dom_class: str, act: Callable[[], object]) -> Any:
        return self._look.button(text, tooltip, dom_class, self._look.safely(act, self._trouble))

    # --- what is done

    def _rename(self) -> None:
        self._core.grow(Grown(deployment=renamed(self._core.deployment, self._new_name.value)))
        self._tell(f"Run calls {self._core.deployment.name}.")

    def _add(self) -> None:
        grown = with_variable(self._core.deployment, self._name.value, self._kind.value, required=self._required.value)
        self._grow(grown)
        self._name.value = ""

    def _pasted(self, change: Any) -> None:
        text = Secret(change["new"])
        if not text:
            return
        self._paste.value = ""
        self._look.safely(lambda: self._grow(with_snippet(self._core.deployment, text.reveal())), self._trouble)()

    def _take_columns(self) -> None:
        shell = running_shell()
        self._grow(with_columns(self._core.deployment, shell.user_ns[self._frame.value]))

    def _save(self) -> None:
        path = self._core.deployment.save()
        self._tell(f"Saved {self._core.deployment.name} in {catalog_file.shown(path)}.")

    def _grow(self, grown: Grown) -> None:
        self._core.grow(grown)
        self._tell(grown.told)

    def _tell(self, text: str) -> None:
        self._said.value = line(text, kind="plain")

    def _trouble(self, text: str) -> None:
        self._said.value = line(text, kind="error")


def _frames() -> tuple[str, ...]:
    """The names of the notebook's DataFrames; without pandas there is none."""
    names = getattr(running_shell(), "user_ns", {})
    return tuple(
        name
        for name, value in list(names.items())
        if not name.startswith("_") and type(value).__name__ == "DataFrame" and hasattr(value, "dtypes")
    )
