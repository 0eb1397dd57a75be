"""`FieldState`: value, text and problems of one field. Pure.

Rule of this file: four things differ and stay different: not set (the name is left out), empty, null, and the default.
An optional field begins not set, with a default too: what is sent is what somebody has set. A default that must be seen
is begun with: of a required field, and one that does not fit. No `repr` holds a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from enum import Enum
from typing import Any, Protocol

from fh_notebook.contract.schema.alternatives import same_json
from fh_notebook.contract.schema.validation import fits
from fh_notebook.contract.schema.variables import plain
from fh_notebook.contract.secrets import hidden
from fh_notebook.core.json_values import json_problems, jsonable
from fh_notebook.core.text.formatting import path_text, short
from fh_notebook.core.text.problems import Problem
from fh_notebook.core.values import UNSET
from fh_notebook.errors import InputError
from fh_notebook.notebook.forms.model.kinds import FieldKind, Shape
from fh_notebook.notebook.forms.model.text_codec import (
    ParsedText,
    can_show,
    field_text,
    json_text,
    read_json,
    read_text,
    refuse_endless,
)

Path = tuple[str | int, ...]


class SentAs(Enum):
    """What is sent for a field: four states that differ, and any other value."""

    NOTHING = "not sent"
    DEFAULT = "the default"
    NULL = "null"
    EMPTY = "empty"
    VALUE = "a value"


class Container(Protocol):
    """What a field lies in."""

    def child_changed(self, child: Any) -> None:
        """Hear that one of its fields has another value."""


class FieldLocation:
    """Where a field is: its name, its path, whether it must be given, and in what it lies."""

    __slots__ = ("name", "parent", "path", "required", "within")

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        required: bool,
        parent: Container | None = None,
        within: frozenset[str | int] = frozenset(),
    ) -> None:
        self.name = name
        self.path = path
        self.required = required
        self.parent = parent
        self.within = within
        """The references and schemas on the way here: one that comes again is a schema that holds itself."""


class Model(Protocol):
    """What a field needs of the form that it is part of."""

    all_touched: bool

    @property
    def lock(self) -> AbstractContextManager[Any]:
        """Held while two threads could make the same field."""

    @property
    def root(self) -> Mapping[str, Any]:
        """Where references look."""

    def state_of(self, location: FieldLocation, schema: Any) -> FieldState:
        """Return the state of a property that lies in another one."""

    def changed(self) -> None:
        """Hear that a value is another one."""

    def problems_at(self, path: tuple[str | int, ...]) -> list[Problem]:
        """Return the problems of the value at a path."""


class FieldState:
    """One property: what its schema says, its value, whether it is set, and its problems.

    A value is set by a program (:meth:`set`), or from what a person typed (:meth:`set_text`). A field with fields
    inside overrides :meth:`begin`, :attr:`current`, :meth:`load` and :meth:`hold`: all else is written with these.

    Attributes
    ----------
    model : Model
        The form that it is part of.
    location : FieldLocation
        Where it is in the form.
    """

    def __init__(self, model: Model, location: FieldLocation, schema: Any, shape: Shape) -> None:
        self.model = model
        self.location = location
        self.schema: Any = schema
        """As it was written."""
        self.shape = shape
        self.kind: FieldKind = shape.kind
        self.name, self.path, self.required = location.name, location.path, location.required
        self.draft = ""
        """Why the text that was typed cannot be read; empty when it can."""
        self.touched = False
        """Whether a person or a program has set it since the form was built."""
        self.was_left = False
        """Whether a person has left its control, without a value perhaps."""
        self.sends_address = False
        """Of a file: whether the address of an upload is sent in place of its content."""
        self.passed_over = False
        """Whether what it lies in was given without it."""
        self._before: Any = UNSET
        """What it was before it was left out."""
        self._value: Any = UNSET
        self.begin()

    def begin(self) -> None:
        """Set it to what a new form has: its default or constant where that is begun with."""
        if self.begins_with_default:
            self._value = self._copy(self.default)
        elif self.kind is FieldKind.CONST and self.required:
            self._value = self._copy(self.const)

    def __repr__(self) -> str:
        state = "set" if self.is_set else "not set"
        return f"<{path_text(self.path)}: {self.kind}, {'required' if self.required else 'optional'}, {state}>"

    # ------------------------------------------------------------------ what its schema says

    @property
    def keywords(self) -> Mapping[str, Any]:
        """The keywords of its schema, with those behind references."""
        return self.shape.keywords

    @property
    def nullable(self) -> bool:
        """Whether null is a value beside those of the kind."""
        return self.shape.nullable

    @property
    def secret(self) -> bool:
        """Whether its value is or holds a password."""
        return self.shape.secret

    @property
    def marks(self) -> frozenset[str | int]:
        """What its schema is known by when it comes again inside of itself."""
        return frozenset({id(self.schema), *self.shape.refs})

    @property
    def recursive(self) -> bool:
        """Whether it lies in its own schema: then a person begins it, default or not, or there would be no end."""
        return bool(self.marks & self.location.within)

    @property
    def switchable(self) -> bool:
        """Whether it may be left out: beside its value is a button that removes it."""
        return not self.required

    @property
    def title(self) -> str:
        """The schema's title; empty without one."""
        return self._text("title")

    @property
    def description(self) -> str:
        """The schema's description; empty without one."""
        return self._text("description")

    def _text(self, keyword: str) -> str:
        value = self.keywords.get(keyword)
        return value if isinstance(value, str) else ""

    @property
    def default(self) -> Any:
        """The schema's default; ``UNSET`` without one."""
        return self.keywords.get("default", UNSET)

    @property
    def begins_with_default(self) -> bool:
        """Whether a new form is set to its default: it must be given, or nobody would see that its default is wrong."""
        return self.default is not UNSET and (self.required or self._fits(self.default) is False)

    def _fits(self, value: Any) -> bool | None:
        """Whether a value fits; ``None`` where only the whole schema can tell."""
        if json_problems(value):
            return False
        root = self.model.root
        definitions = {name: root[name] for name in ("$defs", "definitions") if name in root}
        for beside in ({}, definitions):
            with suppress(InputError):  # a reference leads out of it
                return fits({**beside, "allOf": [self.schema]}, value)
        return None

    @property
    def const(self) -> Any:
        """The one value allowed; null where nothing else is."""
        return self.keywords.get("const")

    @property
    def examples(self) -> list[Any]:
        """The schema's examples; none of a secret."""
        values = self.keywords.get("examples")
        return list(values) if isinstance(values, list) and not self.secret else []

    # ------------------------------------------------------------------ its value

    @property
    def value(self) -> Any:
        """What would be sent for it; ``UNSET`` when it is left out.

        What cannot be read is its text, and one of the problems says so.
        """
        with self.model.lock:
            return plain(self.current)

    @property
    def current(self) -> Any:
        """The value itself, of which :attr:`value` is a copy: read it while the model's lock is held."""
        return self._value

    @property
    def is_set(self) -> bool:
        """Whether its name is sent."""
        return self.current is not UNSET

    @property
    def is_null(self) -> bool:
        """Whether null is sent."""
        return self.current is None

    def set(self, value: Any) -> None:
        """Set it: to any value, also to one that does not fit; to ``UNSET`` as :meth:`unset` does."""
        refuse_endless(value, self.path)
        with self.model.lock:
            if value is None or value is UNSET:
                self._remember()
            self.load(value)
            for part in self.walk():
                part.touched = True
            self.changed()

    def _remember(self) -> None:
        value = self.current
        if self._sent_as(value) is SentAs.VALUE and not self.draft:
            self._before = value

    def unset(self) -> None:
        """Leave it out of what is sent; :meth:`fill` brings back what it was."""
        with self.model.lock:
            self._remember()
            self.load(UNSET)
            self.changed()

    def set_text(self, text: str) -> None:
        """Set it to what `text` means; an empty text leaves it out, so that nothing is sent unawares.

        To send an empty text: ``set("")``, or ``send_as(SentAs.EMPTY)``.
        """
        self._accept(text, ParsedText(UNSET) if not text else read_text(text, self.shape, self.model.root))

    def set_json(self, text: str) -> None:
        """Set it to the value that a JSON text says."""
        self._accept(text, read_json(text) if text.strip() else ParsedText(UNSET))

    def _accept(self, text: str, read: ParsedText) -> None:
        with self.model.lock:
            self.load(read.value)
            if read.error:
                self.hold(text)
            self.draft = read.error
            self.changed()

    def hold(self, value: Any) -> None:
        """Hold a value as it is: a text that cannot be read, or what its own fields cannot show."""
        self._value = value

    @property
    def json_text(self) -> str:
        """What a JSON editor shows."""
        value = self.current
        if value is UNSET:
            return ""
        return value if self.draft and isinstance(value, str) else json_text(value)

    @property
    def text(self) -> str:
        """What a text field shows: what was typed, or the value in the same spelling."""
        value = self.current
        if value is None and self.kind is not FieldKind.JSON:
            return ""
        return value if self.draft and isinstance(value, str) else field_text(value, self.shape)

    @property
    def can_show(self) -> bool:
        """Whether the kind's own field shows the value so that it reads back as the same; else JSON does."""
        return not self.draft and can_show(self.current, self.shape, self.model.root)

    # ------------------------------------------------------------------ what of it is sent

    @property
    def sent_as(self) -> SentAs:
        with self.model.lock:
            return self._sent_as(self.current)

    def _sent_as(self, value: Any) -> SentAs:
        if value is UNSET:
            return SentAs.NOTHING
        if self.default is not UNSET and same_json(value, self.default):
            return SentAs.DEFAULT
        if value is None:
            return SentAs.NULL
        return SentAs.EMPTY if self.empty is not UNSET and same_json(value, self.empty) else SentAs.VALUE

    @property
    def sendable_as(self) -> tuple[SentAs, ...]:
        """What can be sent for it beside what a person types: in the order of a menu."""
        is_offered = {
            SentAs.NOTHING: self.switchable,
            SentAs.DEFAULT: self.default is not UNSET,
            SentAs.NULL: self.nullable,
            SentAs.EMPTY: self.empty is not UNSET,
            SentAs.VALUE: self._sent_as(self._before) is SentAs.VALUE,
        }
        return tuple(sent for sent in SentAs if is_offered[sent] or sent is self.sent_as)

    def send_as(self, sent: SentAs) -> None:
        """Set it to what a person chose in its menu; ``VALUE`` brings back what it was before."""
        if sent is self.sent_as:
            return
        if sent is SentAs.NOTHING:
            self.unset()
        elif sent is SentAs.VALUE:
            if self.is_set:
                self.unset()
            self.fill()
        else:
            values = {SentAs.DEFAULT: self.default, SentAs.NULL: None, SentAs.EMPTY: self.empty}
            with self.model.lock:
                self._remember()
                self.set(values[sent])

    def fill(self) -> None:
        """Set it to something to begin with: to what it was before, the default, or empty."""
        with self.model.lock:
            if not self.is_set and (value := self._first()) is not UNSET:
                self.load(value)
                self.changed()

    def _first(self) -> Any:
        if self._before is not UNSET:
            return self._before
        if self.default is not UNSET:
            return self.default
        return self.const if self.kind is FieldKind.CONST else self.empty

    @property
    def empty(self) -> Any:
        """The empty value of its kind, where one can be meant; else ``UNSET``."""
        rules = self.kind.rules
        shortest = self.keywords.get("minItems" if rules.is_list else "minLength", 0)
        can_be_meant = rules.empty is not None and not shortest and "pattern" not in self.keywords
        return rules.empty() if rules.empty is not None and can_be_meant else UNSET

    def load(self, value: Any) -> None:
        """Set it without noting an edit, as a form that is built does; ``UNSET`` leaves it out."""
        self.draft = ""
        self._value = UNSET if value is UNSET else self._copy(jsonable(value))

    def _copy(self, value: Any) -> Any:
        copied = plain(value)
        return hidden(copied) if self.kind is FieldKind.PASSWORD else copied

    def changed(self) -> None:
        """Note that it was set, and tell the form and what it lies in."""
        self.touched = True
        self.model.changed()
        if self.location.parent is not None:
            self.location.parent.child_changed(self)

    def child_changed(self, child: FieldState) -> None:
        """Hear that something inside of it was set."""

    # ------------------------------------------------------------------ its problems

    @property
    def problems(self) -> list[Problem]:
        """All problems of its present value, those of its parts among them."""
        return self.model.problems_at(self.path)

    @property
    def own_problems(self) -> list[Problem]:
        """Its problems without those that a field inside of it shows."""
        return self.problems

    @property
    def shown_problems(self) -> list[Problem]:
        """The problems to show beside it: once it was edited or left, or Run; of a default or a given value at once."""
        if self.touched or self.was_left or self.model.all_touched or self.was_given_wrong:
            return self.own_problems
        return []

    @property
    def was_given_wrong(self) -> bool:
        """Whether a default or a given value may not fit; what plainly fits is not judged yet."""
        value = self.current
        if value is UNSET:
            return self.required and self.passed_over
        return self._fits(value) is not True

    def walk(self) -> Iterator[FieldState]:
        """Yield it and every field inside of it that was made so far."""
        yield self

    @property
    def noted(self) -> str:
        """What its present value is, in a few words; of a secret only that it is there."""
        value = self.current
        if value is UNSET:
            has_seen_default = self.default is not UNSET and not self.secret
            return f"not set (default {short(self.default)})" if has_seen_default else "not set"
        return "set, hidden" if self.secret else short(value)
