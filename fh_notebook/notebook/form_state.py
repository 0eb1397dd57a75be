"""One field of a form without its widget: what is set, what was typed, what is wrong with it. Pure.

Rule of this file: four things differ and stay different: not set (the name is left out), empty, null, and the default.
A field with a default begins set to it, because what is sent must be seen; once it is unset, nothing is sent for it.
No `repr` holds a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from fh_notebook.contract.jsonable import jsonable
from fh_notebook.contract.objects import plain
from fh_notebook.contract.secrets import hidden
from fh_notebook.contract.spell import path_text, short
from fh_notebook.notebook.form_declared import Declared, Place
from fh_notebook.notebook.form_kinds import Kind, Shape
from fh_notebook.notebook.form_quick import surely_fits
from fh_notebook.notebook.form_reading import (
    Read,
    can_show,
    json_text,
    read_json,
    read_text,
    refuse_endless,
    text_of,
)
from fh_notebook.problems import Problem
from fh_notebook.values import UNSET

__all__ = ["FieldState", "Model"]


class Model(Protocol):
    """What a field needs of the form that it is part of."""

    all_touched: bool

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held while two threads could make the same field."""

    @property
    def root(self) -> Mapping[str, Any]:
        """Where references look."""

    def state_of(self, place: Place, schema: Any) -> FieldState:
        """Return the state of a property that lies in another one."""

    def changed(self) -> None:
        """Hear that a value is another one."""

    def problems_at(self, path: tuple[str | int, ...]) -> list[Problem]:
        """Return the problems of the value at a path."""


class FieldState(Declared):
    """One property: its value, whether it is set, and its problems.

    A value is set by a program (:meth:`set`), or from what a person typed (:meth:`set_text`).
    """

    def __init__(self, model: Model, place: Place, schema: Any, shape: Shape) -> None:
        super().__init__(place, schema, shape)
        self._model = model
        self.draft = ""
        """Why the text that was typed cannot be read; empty when it can."""
        self.touched = False
        """Whether a person or a program has set it since the form was built."""
        self.passed_over = False
        """Whether what it lies in was given without it."""
        self._before: Any = UNSET
        """What it was before it was switched off."""
        self._value: Any = self._beginning()

    def _beginning(self) -> Any:
        if self.default is not UNSET:
            return self._own(self.default)
        if self.kind is Kind.CONST and self.required:
            return self._own(self.const)  # there is nothing to choose
        return UNSET

    def __repr__(self) -> str:
        state = "set" if self.is_set else "not set"
        return f"<{path_text(self.path)}: {self.kind}, {'required' if self.required else 'optional'}, {state}>"

    # ------------------------------------------------------------------ its value

    @property
    def value(self) -> Any:
        """What would be sent for it; ``UNSET`` when it is left out.

        What cannot be read is its text, and one of the problems says so.
        """
        with self._model.lock:
            return plain(self._now())

    def _now(self) -> Any:
        return self._value

    @property
    def is_set(self) -> bool:
        """Whether its name is sent."""
        return self._now() is not UNSET

    @property
    def is_null(self) -> bool:
        """Whether null is sent."""
        return self._now() is None

    def set(self, value: Any) -> None:
        """Set it: to any value, also to one that does not fit; to ``UNSET`` as :meth:`unset` does.

        Raises
        ------
        InputError
            It is nested deeper than anything that can be sent.
        """
        refuse_endless(value, self.path)
        with self._model.lock:
            if value is None or value is UNSET:
                self._remember()
            self._take(value)
            for part in self.walk():
                part.touched = True
            self._changed()

    def _remember(self) -> None:
        value = self._now()
        if value is not UNSET and value is not None and not self.draft:
            self._before = value

    def unset(self) -> None:
        """Leave it out of what is sent; :meth:`fill` brings back what it was."""
        with self._model.lock:
            self._remember()
            self.draft = ""
            self._clear()
            self._changed()

    def set_text(self, text: str) -> None:
        """Set it to what `text` means; an empty text leaves a required field unset, so that nothing is sent unawares.

        To send an empty text for a required field: ``set("")``.
        """
        if text or self.required or self.empty is UNSET or not self.is_set:
            self._accept(text, Read(UNSET) if not text else read_text(text, self.shape, self._model.root))
        else:
            self.set(self.empty)  # its switch is on, and nothing is in it

    def set_json(self, text: str) -> None:
        """Set it to the value that a JSON text says."""
        self._accept(text, read_json(text) if text.strip() else Read(UNSET))

    def _accept(self, text: str, read: Read) -> None:
        with self._model.lock:
            self._take(read.value)
            if read.trouble:
                self._keep(text)
            self.draft = read.trouble
            self._changed()

    def _keep(self, text: str) -> None:
        """Hold a text that cannot be read."""
        self._value = text

    @property
    def json_text(self) -> str:
        """What a JSON editor shows."""
        value = self._now()
        if value is UNSET:
            return ""
        return value if self.draft and isinstance(value, str) else json_text(value)

    @property
    def text(self) -> str:
        """What a text field shows: what was typed, or the value in the same spelling."""
        value = self._now()
        if value is None and self.kind is not Kind.JSON:
            return ""
        return value if self.draft and isinstance(value, str) else text_of(value, self.shape)

    @property
    def can_show(self) -> bool:
        """Whether the kind's own field shows the value so that it reads back as the same; else JSON does."""
        return not self.draft and can_show(self._now(), self.shape, self._model.root)

    def fill(self) -> None:
        """Set it to something to begin with, as its switch does: to what it was before, the default, or empty."""
        with self._model.lock:
            if not self.is_set and (value := self._first()) is not UNSET:
                self._take(value)
                self._changed()

    @property
    def can_fill(self) -> bool:
        """Whether its switch has something to set it to."""
        return self._first() is not UNSET

    def _first(self) -> Any:
        if self._before is not UNSET:
            return self._before
        if self.default is not UNSET:
            return self.default
        return self.const if self.kind is Kind.CONST else self.empty

    @property
    def empty(self) -> Any:
        """The empty value of its kind, where one can be meant; else ``UNSET``."""
        shortest = self.says.get("minItems" if self.kind in _LISTS else "minLength", 0)
        return _EMPTY[self.kind]() if self.kind in _EMPTY and not shortest else UNSET

    def _take(self, value: Any) -> None:
        self.draft = ""
        if value is UNSET:
            self._clear()
        else:
            self._value = self._own(jsonable(value))

    def _own(self, value: Any) -> Any:
        copied = plain(value)
        return hidden(copied) if self.kind is Kind.PASSWORD else copied

    def _clear(self) -> None:
        self._value = UNSET

    def _changed(self) -> None:
        self.touched = True
        self._model.changed()
        if self._place.parent is not None:
            self._place.parent.child_changed(self)

    def child_changed(self, child: FieldState) -> None:
        """Hear that something inside of it was set."""

    def load(self, value: Any) -> None:
        """Set it as the form is built: a value that was given, not an edit."""
        self._take(value)

    # ------------------------------------------------------------------ its problems

    @property
    def problems(self) -> list[Problem]:
        """All problems of its present value, those of its parts among them."""
        return self._model.problems_at(self.path)

    @property
    def own_problems(self) -> list[Problem]:
        """Its problems without those that a field inside of it shows."""
        return self.problems

    @property
    def shown_problems(self) -> list[Problem]:
        """The problems to show beside it: after the first edit or Run, and of a default or a given value at once."""
        if self.touched or self._model.all_touched or self._was_given_wrong:
            return self.own_problems
        return []

    @property
    def _was_given_wrong(self) -> bool:
        """Whether a default or a given value may not fit; what plainly fits is not judged yet."""
        value = self._now()
        if value is UNSET:
            return self.required and self.passed_over
        return not surely_fits(value, self.schema)

    def walk(self) -> Iterator[FieldState]:
        """Yield it and every field inside of it that was made so far."""
        yield self

    @property
    def noted(self) -> str:
        """What its present value is, in a few words; of a secret only that it is there."""
        value = self._now()
        if value is UNSET:
            return "not set"
        return "set, hidden" if self.secret else short(value)


_LISTS: Final = frozenset({Kind.TEXTS, Kind.NUMBERS, Kind.CHOICES, Kind.TABLE})
_EMPTY: Final[Mapping[Kind, Any]] = {
    **dict.fromkeys((Kind.TEXT, Kind.MULTILINE), str),
    **dict.fromkeys(_LISTS, list),
    Kind.OBJECT: dict,
}
"""Kinds whose empty value may be meant."""
