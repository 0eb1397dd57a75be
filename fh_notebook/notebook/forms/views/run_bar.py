"""Run bar: variants, repeats, delivery, Run, Cancel, and one line of status.

It shows :class:`VariantSelection` and reports clicks; it decides nothing. While calls are in progress, Run is disabled,
because a second click would cost again, and Cancel beside it is enabled. Fields stay editable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ipywidgets import HTML, BoundedIntText, Checkbox, Layout, SelectMultiple, Text

from fh_notebook.core.text import html
from fh_notebook.core.text.messages import counted
from fh_notebook.notebook.forms.control.selection import MOST_REPEATS, VariantSelection
from fh_notebook.notebook.forms.fields.base import UpdateGuard, field_anchor
from fh_notebook.notebook.results.answer_card import IN_BACKGROUND
from fh_notebook.notebook.ui.widgets import LABELLED, FormTheme, enable_all_clicks, line

CHECKED_MOST: Final = 12
"""Variants that have a box each; more are a list to choose from."""


LINKED_MOST: Final = 12
"""Links in one line; the others are behind a fold."""
FOLDED_MOST: Final = 200
"""Links behind the fold."""
NAME_CAP: Final = 60


@dataclass(frozen=True, slots=True)
class FieldLink:
    """A field that keeps Run from sending, as the line of status leads to it."""

    name: str
    anchors: Sequence[str]
    """The classes of the field, and of those that it lies in, from the inside."""

    @classmethod
    def of(cls, name: str, path: tuple[str | int, ...]) -> FieldLink:
        """Return the link of this name to what lies at `path`."""
        anchors = [field_anchor(path[:length]) for length in range(len(path), 0, -1)]
        return cls(html.clip(name, NAME_CAP), anchors)

    def html(self) -> html.Html:
        """Return it for the page's script, which leads to the field; the form hears of it, and shows its page."""
        names, name = " ".join(self.anchors), self.name
        return html.el(
            "a", name, href="#", cls="fh-go", data_go=names, data_act=f"go {names}", dir=html.direction(name)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunActions:
    """What a person can do in the row."""

    run: Callable[[], object]
    cancel: Callable[[], object]
    chosen: Callable[[], object]
    """Other variants were chosen, another number of repeats, or another way in which answers come."""


class RunBar:
    """The row of widgets.

    Parameters
    ----------
    look : FormTheme
        The form's layouts.
    selection : VariantSelection
        What is chosen; changed here when a person chooses.
    acts : RunActions
        What is done.
    is_app : bool
        Whether the form is for users who see no calls: then Run has no number, and repeats and delivery are not shown.
    """

    def __init__(self, look: FormTheme, selection: VariantSelection, acts: RunActions, *, is_app: bool = False) -> None:
        self._look, self._selection, self._acts = look, selection, acts
        self._is_app = is_app
        self._showing = UpdateGuard()
        self._calls: int | None = None
        self._problems = 0
        self._is_busy = self._is_done = False
        self._name: Any = None
        """The box for names, where no variant is known to choose from."""
        self._variants = look.row(dom_class="fh-variants")
        self._run = look.button("Run", "", "fh-run", acts.run, button_style="primary", icon="play")
        self._cancel = look.button(
            "Cancel",
            "Cancel the calls. Answers that arrived are saved.",
            "fh-cancel fh-ends",
            acts.cancel,
            disabled=True,
        )
        self._repeats = BoundedIntText(
            value=selection.repeats, min=1, max=MOST_REPEATS, description="Runs per variant", style=LABELLED,
            layout=Layout(width="172px", margin="2px 6px 2px 0"), tooltip="How often each variant is called",
            _dom_classes=("fh-repeats",),
        )  # fmt: skip
        self._repeats.observe(self._repeated, "value")
        self._callback = Checkbox(
            description=IN_BACKGROUND, indent=False, layout=look.input, style=LABELLED,
            tooltip="The call ends at once; Fetch Hive sends the answer here when it is ready (a callback)",
            _dom_classes=("fh-by-callback",),
        )  # fmt: skip
        self._callback.observe(self._delivered, "value")
        self.progress = look.text(dom_class="fh-progress")
        """Where it stands how far a run is."""
        self._status = look.text(dom_class="fh-status")
        more = () if is_app else (self._repeats, self._callback)
        self.widget = look.column(
            *(() if is_app and len(selection.offered) == 1 else (self._variants,)),
            look.row(self._run, self._cancel, *more),
            self.progress,
            self._status,
            dom_class="fh-run-bar",
        )
        self.follow()

    def follow(self) -> None:
        """Show the selection as it is."""
        with self._showing:
            self._offer()
            self._repeats.value = self._selection.repeats
            self._callback.value = self._selection.delivery != "direct"
            self.show_calls(self._selection.calls)

    def show_calls(self, number: int | None, *, is_done: bool = False) -> None:
        """Show on Run how many calls it makes; ``None`` while that is not known.

        `is_done`: the answers are shown already, and Run would do nothing.
        """
        self._calls, self._is_done = number, is_done
        self._name_run()

    def refuse(self, links: Sequence[FieldLink], others: Sequence[str] = ()) -> None:
        """Say what keeps Run from sending, once it was pressed: a link to each problem, and what is of no field.

        With neither, what was said before is taken back.
        """
        self._problems = len(links) + len(others)
        self._name_run()
        if not self._problems:
            self.say("")
            return
        parts: list[Any] = ["Nothing was sent.", *map(_sentence, others)]
        if links:
            end = "" if links[LINKED_MOST:] else "."
            parts.append(
                html.el("span", counted(len(links), "field"), " to correct: ", _listed(links[:LINKED_MOST]), end)
            )
            parts += [_folded(links[LINKED_MOST:])] if links[LINKED_MOST:] else []
        self.say(html.join([html.el("span", part) for part in parts], " "), "error")

    def _name_run(self) -> None:
        is_told = (
            not self._is_app and self._calls is not None and self._calls != 1 and (self._calls or not self._problems)
        )
        calls = f" {self._calls:,} calls" if is_told else ""
        problems = f" · {self._problems:,} to correct" if self._problems else ""
        self._run.description = f"Running{calls} …" if self._is_busy else f"Run{calls}{problems}"
        self._run.icon = "hourglass-half" if self._is_busy else "play"
        self._run.disabled = self._is_busy or self._is_done
        self._run.button_style = "" if self._calls == 0 and not self._is_busy else "primary"  # it would call nothing
        sent = "Run" if self._is_app else f"Send it: {self._selection.in_words(self._calls)}"
        self._run.tooltip = f"{sent} (Ctrl+Enter, ⌘Enter)"

    def say(self, text: str | html.Html, kind: str = "dim") -> None:
        """Show one line beside the buttons."""
        self._status.value = line(text, kind=kind)
        enable_all_clicks(self.widget)

    def running(self, is_running: bool, *, may_run: bool = True) -> None:
        """Show whether there is something to cancel, and whether Run can be pressed meanwhile."""
        self._is_busy = is_running and not may_run
        self._cancel.disabled = not is_running
        (self.widget.add_class if self._is_busy else self.widget.remove_class)("fh-busy")
        self._name_run()
        enable_all_clicks(self.widget)

    def cancelling(self) -> None:
        """Show that the click was heard: a second one would do no more."""
        self._cancel.disabled = True

    # --- variants

    def _offer(self) -> None:
        offered = self._selection.offered
        if not offered:
            if not self._is_typed():
                self._variants.children = (self._typing(),)
        elif self._is_typed():
            self._variants.children[0].value = ", ".join(self._selection.chosen)
        elif len(offered) > CHECKED_MOST:
            self._choose_in_list(offered)
        else:
            descriptions = [getattr(box, "description", "") for box in self._variants.children[1:]]
            if descriptions != list(offered):
                label = HTML("Variants", layout=self._look.input)
                self._variants.children = (label, *(self._box(name) for name in offered))
            for box in self._variants.children[1:]:
                box.value = box.description in self._selection.chosen

    def _is_typed(self) -> bool:
        return any(child is self._name for child in self._variants.children)

    def _box(self, name: str) -> Any:
        box = Checkbox(
            value=name in self._selection.chosen, description=name, indent=False, layout=self._look.input,
            style=LABELLED, _dom_classes=("fh-variant",),
        )  # fmt: skip
        box.observe(lambda _: self._checked(), "value")
        return box

    def _checked(self) -> None:
        if not self._showing:
            self._selection.choose([box.description for box in self._variants.children[1:] if box.value])
            self._changed()

    def _choose_in_list(self, offered: Sequence[str]) -> None:
        if not any(isinstance(child, SelectMultiple) for child in self._variants.children):
            listed = SelectMultiple(options=offered, rows=8, description="Variants", style=LABELLED)
            listed.add_class("fh-variant")
            listed.observe(self._selected, "value")
            self._variants.children = (listed,)
        [listed] = self._variants.children
        if tuple(listed.options) != tuple(offered):
            listed.options = offered
        listed.value = self._selection.chosen

    def _selected(self, change: Any) -> None:
        if not self._showing:
            self._selection.choose(change["new"])
            self._changed()

    def _typing(self) -> Any:
        self._name = typed = Text(
            description="Variant", placeholder="its name; several: a, b", continuous_update=False, style=LABELLED,
            layout=self._look.input,
        )  # fmt: skip
        typed.add_class("fh-variant-name")
        typed.observe(self._named, "value")
        return typed

    def _named(self, change: Any) -> None:
        if not self._showing:
            self._selection.name_them(change["new"])
            self._changed()

    def _repeated(self, change: Any) -> None:
        if not self._showing:
            self._selection.repeats = int(change["new"])
            self._changed()

    def _delivered(self, change: Any) -> None:
        if not self._showing:
            self._selection.delivery = "callback" if change["new"] else "direct"
            self._changed()

    def _changed(self) -> None:
        self.follow()
        self._acts.chosen()


def _listed(links: Sequence[FieldLink]) -> html.Html:
    return html.join([link.html() for link in links], ", ")


def _folded(links: Sequence[FieldLink]) -> html.Html:
    left = len(links) - FOLDED_MOST
    more = f" and {left:,} more, shown beside their fields" if left > 0 else ""
    return html.fold(f"and {len(links):,} more", html.el("div", _listed(links[:FOLDED_MOST]), f"{more}."))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
