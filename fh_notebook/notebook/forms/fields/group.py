"""Fields that contain fields: objects, and choices of kinds.

Rule of this file: what lies inside is made when it is first needed, so a schema that holds itself is built as far as a
person has opened it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import in_words, listed
from fh_notebook.notebook.forms.fields.base import Field, button_of, set_traits
from fh_notebook.notebook.forms.fields.help_text import state_note
from fh_notebook.notebook.forms.model.containers import GroupState, OneOfState
from fh_notebook.notebook.forms.model.kinds import Control


class GroupField(Field, control=Control.GROUP):
    """An object, with a field for each of its names."""

    state: GroupState
    holds_others = True
    bare = False
    """Whether it stands under a choice that has its name and its menu."""
    _fields: dict[str, Field] | None = None
    _inner: Any = None
    _open_button: Any = None
    _extras: Any = None

    @property
    def fields(self) -> dict[str, Field]:
        """Its fields by name."""
        if self._fields is None:
            self._fields = {name: self.view.field_of(state) for name, state in self.state.fields.items()}
        return self._fields

    def children(self) -> Iterator[Field]:
        """Yield its fields that were made so far."""
        for field in (self._fields or {}).values():
            yield field
            yield from field.children()

    def _make(self) -> Any:
        return self.view.look.html(self._heading(), layout=self.view.look.title)

    def _heading(self) -> str:
        # A heading to who hears the page as well, so that they find the fields that stand under it.
        level = str(min(3 + len(self.state.path), 6))
        heading = html.el("div", self.name_html(), cls="fh-title", role="heading", aria_level=level)
        return f"{heading}{self.help_html()}"

    def _show_label(self) -> None:
        if self.state.can_show:
            set_traits(self.control, value=self._heading())

    def _show(self) -> None:
        if self.state.is_set and not self.state.is_null:
            if self._inner is None:
                self._inner = self._make_inner()
            for field in self.fields.values():
                field.refresh()

    def _make_inner(self) -> Any:
        from ipywidgets import VBox

        return VBox(
            [field.widget for field in self.fields.values()], layout=self.view.look.inner, _dom_classes=("fh-group",)
        )

    def _parts(self, control: Any) -> tuple[Any, ...]:
        is_open = self.state.is_set and not self.state.is_null and control is self.control
        extra = self._extra_names() if is_open else None
        inner = self._inner if is_open else None
        is_bare = self.bare and control is self.control
        head = () if is_bare else (control, *self.ends())
        return (*head, self.more_line, self.open_button(), self.problem_line(), inner, extra)

    def open_button(self) -> Any:
        """Return what begins the object, where it is not there: its fields come with it."""
        is_offered = not self.state.is_set and not self.bare
        if is_offered and self._open_button is None:
            tooltip = f"{self.label}: fill in its fields"
            self._open_button = button_of(self, "Add", tooltip, self.state.fill, _dom_classes=("fh-begin",))
        return self._open_button if is_offered else None

    def _extra_names(self) -> Any:
        """Return a line about what was given under names that have no field, and is sent."""
        if not self.state.extras:
            return None
        names = listed(list(self.state.extras), "and")
        note = html.el("div", f"also sent, without a field: {names}", cls="fh-note")
        if self._extras is None:
            self._extras = self.view.look.html(note)
        set_traits(self._extras, value=note)
        return self._extras


class OneOfField(Field, control=Control.ONE_OF):
    """A choice of kinds, with the field of the one that is chosen."""

    state: OneOfState
    holds_others = True
    has_placeholder = True
    is_cleared = True
    _inside: dict[int, Field]

    def _make(self) -> Any:
        from ipywidgets import Dropdown

        self._inside = {}
        look = self.view.look
        control = Dropdown(
            **self.labelled(),
            options=self._labels(),
            value=-1,
            layout=look.control,
            style=look.plain_style,
            _dom_classes=("fh-control",),
        )
        self.on_input(control, lambda index: self.state.choose(index) if index >= 0 else self.state.unset())
        return control

    def _labels(self) -> tuple[tuple[str, int], ...]:
        first = state_note(self.state) if not self._is_open else ""
        none = first or ("not sent" if self.state.switchable else "choose …")
        return ((none, -1), *((label, i) for i, label in enumerate(self.state.labels)))

    @property
    def _is_open(self) -> bool:
        return self.state.is_open

    def _show(self) -> None:
        set_traits(self.control, options=self._labels())
        set_traits(self.control, value=self.state.index if self._is_open and self.state.index is not None else -1)
        if (branch := self._branch()) is not None:
            branch.refresh()

    def _what_to_do(self, expected: str) -> str:
        """Return which kinds there are to choose from."""
        return f"Choose {in_words(self.state.labels)}"

    def _branch(self) -> Field | None:
        """The field of the chosen branch; none for a constant, which its name says."""
        state, index = self.state.branch, self.state.index
        if not self._is_open or state is None or index is None:
            return None
        if index not in self._inside:
            field = self._inside[index] = self.view.field_of(state, label=self.state.labels[index])
            if isinstance(field, GroupField):
                field.bare = True
        return self._inside[index]

    def children(self) -> Iterator[Field]:
        """Yield the fields of its branches that were made so far."""
        for field in getattr(self, "_inside", {}).values():
            yield field
            yield from field.children()

    def _parts(self, control: Any) -> tuple[Any, ...]:
        branch = self._branch() if control is self.control else None
        inside = None if branch is None else branch.widget
        return (control, *self.ends(), self.more_line, self.problem_line(), inside)
