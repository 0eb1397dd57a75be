"""What a form offers besides: the request, earlier calls, a copy as code, the dataset, more variables.

Rule of this file: each is a button that opens and closes a panel; a panel is made when it is first opened, and follows
what is typed only while it is open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ipywidgets import ToggleButton

from fh_notebook.contract.snippet import is_placeholder
from fh_notebook.notebook.form_grow import can_grow
from fh_notebook.notebook.form_grow_view import GrowPanel
from fh_notebook.notebook.form_panel import Panel, Reused
from fh_notebook.notebook.form_parts import Look, hear_all
from fh_notebook.notebook.form_request import RequestPanel
from fh_notebook.notebook.form_reuse import CopyPanel, HistoryPanel

__all__ = ["Tools"]

_GROW: Final = ("Variables …", "Add Start variables, and save them to the catalogue")
_ADD: Final = "Collect these inputs as a row of form.dataset, which fh.batch takes"
_SAVE: Final = ("Catalogue …", "Save the deployment to the catalogue")


class Tools:
    """The row of buttons, and the panels that are open.

    Parameters
    ----------
    core : Reused
        Whose: a form's, or a form's over rows.
    look : Look
        The form's layouts.
    say : callable
        Shows one line beside Run.
    collect : callable, optional
        Adds the inputs to those for a batch; a form over rows has them already.
    is_empty : bool
        Whether there is nothing to fill in yet: then the panel to add variables is open.
    """

    def __init__(
        self,
        core: Reused,
        look: Look,
        say: Callable[..., None],
        *,
        collect: Callable[[], object] | None = None,
        is_empty: bool = False,
    ) -> None:
        self._core, self._look = core, look
        self._panels: dict[str, Panel] = {}
        self._open: list[str] = []
        self._buttons = {
            "request": self._toggle("request", "Request", "Show exactly what Run would send"),
            "history": self._toggle("history", "Earlier calls", "Fill the fields with what was sent before"),
            "copy": self._toggle("copy", "Copy as …", "What Run does, as a %%fetchhive cell or as code"),
            "grow": self._toggle("grow", *_GROW if can_grow(core.deployment) else _SAVE),
        }
        buttons = list(self._buttons.values())
        if collect is not None:
            add = look.safely(collect, lambda trouble: say(trouble, kind="error"))
            buttons.append(look.button("Add to batch", _ADD, "fh-add", add))
        self._row = look.row(*buttons, dom_class="fh-tools")
        self._place = look.column()
        self.widget = look.column(self._row, self._place)
        if is_placeholder(core.deployment.name) or (can_grow(core.deployment) and is_empty):
            self._buttons["grow"].value = True

    def follow(self) -> None:
        """Have what is open show the form as it is now."""
        for name in self._open:
            self._panels[name].follow()

    def ran(self) -> None:
        """Have the earlier calls, where they are open, show the last one too."""
        if "history" in self._open:
            self._read_history()

    def _toggle(self, name: str, text: str, tooltip: str) -> Any:
        button = ToggleButton(description=text, tooltip=tooltip, layout=self._look.button_layout)
        button.add_class(f"fh-open-{name}")
        button.observe(lambda change: self._turned(name, change["new"]), "value")
        return button

    def _turned(self, name: str, is_open: bool) -> None:
        if is_open:
            panel = self._panels.get(name) or self._made(name)
            self._open.append(name)
            self._place.children = (*self._place.children, panel.widget)
            panel.follow()
            if name == "history":
                self._read_history()
            hear_all(panel.widget)
        else:
            self._open.remove(name)
            closed = self._panels[name].widget
            self._place.children = tuple(child for child in self._place.children if child is not closed)

    def _made(self, name: str) -> Panel:
        kinds: dict[str, Callable[[Reused, Look], Panel]] = {
            "request": RequestPanel,
            "history": HistoryPanel,
            "copy": CopyPanel,
            "grow": GrowPanel,
        }
        self._panels[name] = made = kinds[name](self._core, self._look)
        return made

    def _read_history(self) -> None:
        panel = self._panels["history"]
        if isinstance(panel, HistoryPanel):
            panel.read()
