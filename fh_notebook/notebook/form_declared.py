"""Where a field is and what its schema says of it: all that no edit changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fh_notebook.notebook.form_kinds import Kind, Shape
from fh_notebook.values import MASK, UNSET

if TYPE_CHECKING:
    from fh_notebook.notebook.form_state import FieldState

__all__ = ["Declared", "Hidden", "Place", "hidden", "with_hidden"]

Path = tuple[str | int, ...]


class Hidden(str):
    """A password as it is sent: a text in everything but its `repr`, so that a cell that shows it does not.

    Examples
    --------
    >>> {"token": Hidden("correct-horse")}
    {'token': '***'}
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


class HiddenInt(int):
    """A whole number that is a password: a number in everything but its `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


class HiddenFloat(float):
    """A number that is a password: a number in everything but its `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


class HiddenParts(dict[str, Any]):
    """Named values of which some are passwords that cannot hide themselves: true and false. Its `repr` hides them."""

    def __init__(self, values: Mapping[str, Any], names: Iterable[str]) -> None:
        super().__init__(values)
        self._names = frozenset(names)

    def __repr__(self) -> str:
        return repr({name: MASK if name in self._names else value for name, value in self.items()})


def with_hidden(values: dict[str, Any], secret: Iterable[str]) -> dict[str, Any]:
    """Return values by name that do not show, in a `repr`, a secret which is true or false.

    Examples
    --------
    >>> with_hidden({"agreed": True, "loud": False}, ["agreed"])
    {'agreed': '***', 'loud': False}
    """
    names = [name for name in secret if isinstance(values.get(name), bool)]
    return HiddenParts(values, names) if names else values


def hidden(value: Any) -> Any:
    """Return a value whose texts and numbers do not show in a `repr`; of true and false see :func:`with_hidden`.

    Examples
    --------
    >>> hidden({"pin": 1234, "rate": 0.5, "codes": ["a", 7]})
    {'pin': '***', 'rate': '***', 'codes': ['***', '***']}
    >>> hidden(1234) + 1
    1235
    """
    if isinstance(value, str):
        return Hidden(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return HiddenInt(value) if isinstance(value, int) else HiddenFloat(value)
    if isinstance(value, Mapping):
        return with_hidden({name: hidden(item) for name, item in value.items()}, value)
    return [hidden(item) for item in value] if isinstance(value, list) else value


class Place:
    """Where a field is: its name, its path, whether it must be given, and in what it lies."""

    __slots__ = ("name", "parent", "path", "required", "within")

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        required: bool,
        parent: FieldState | None = None,
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
