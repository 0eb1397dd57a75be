"""Where a field is and what its schema says of it: all that no edit changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from fh_notebook.notebook.form_kinds import Kind, Shape
from fh_notebook.values import UNSET

__all__ = ["Container", "Declared", "Place"]

Path = tuple[str | int, ...]


class Container(Protocol):
    """What a field lies in."""

    def child_changed(self, child: Any) -> None:
        """Hear that one of its fields has another value."""


class Place:
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


class Declared:
    """One property as the schema declares it."""

    def __init__(self, place: Place, schema: Any, shape: Shape) -> None:
        self._place = place
        self.schema: Any = schema
        """As it was written."""
        self.shape = shape
        self.kind: Kind = shape.kind
        self.name, self.path, self.required = place.name, place.path, place.required

    @property
    def says(self) -> Mapping[str, Any]:
        """The keywords of its schema, with those behind references."""
        return self.shape.says

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
        return bool(self.marks & self._place.within)

    @property
    def switchable(self) -> bool:
        """Whether it may be left out: beside such a field is a switch."""
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
        said = self.says.get(keyword)
        return said if isinstance(said, str) else ""

    @property
    def default(self) -> Any:
        """The schema's default; ``UNSET`` without one."""
        return self.says.get("default", UNSET)

    @property
    def const(self) -> Any:
        """The one value allowed; null where nothing else is."""
        return self.says.get("const")

    @property
    def examples(self) -> list[Any]:
        """The schema's examples; none of a secret."""
        said = self.says.get("examples")
        return list(said) if isinstance(said, list) and not self.secret else []
