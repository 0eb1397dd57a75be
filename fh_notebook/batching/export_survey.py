"""What an export needs of a batch, and a first look at all of it.

Rule of this file: no more than three parts are held at once, the first two and the one that is looked at; a table of
several parts is read twice, once to be looked at and once to be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Protocol

import pandas as pd

from fh_notebook.batching.export_columns import as_shaped, index_as_columns, shape_of
from fh_notebook.batching.outcomes import Counts
from fh_notebook.batching.provenance import ATTRS

__all__ = ["Source", "Survey"]

PART: Final = 2_000
"""Lines that are held at once: of outputs of 3 kB some 6 MB."""


class Source(Protocol):
    """What an export needs of a batch."""

    @property
    def name(self) -> str:
        """The batch's name."""
        ...

    @property
    def running(self) -> bool:
        """Whether calls are being made."""
        ...

    @property
    def counts(self) -> Counts:
        """How far it is."""
        ...

    @property
    def frame(self) -> pd.DataFrame:
        """All its lines."""
        ...

    def iter_frames(self, n: int = ...) -> Iterator[pd.DataFrame]:
        """Yield its lines in parts."""
        ...


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What a first look at all parts has found."""

    shape: dict[str, Any]
    attrs: dict[Any, Any]
    template: pd.DataFrame
    """All columns with their kinds, and no line."""
    parts: Callable[[], Iterable[pd.DataFrame]]
    """Gives all of them anew."""
    index_names: list[Any]
    """Of the levels of the table's own index, which are its first columns here; none without one, or not asked for."""

    @classmethod
    def of(cls, source: Source, *, with_index: bool = False) -> Survey:
        """Look at all parts of `source`."""
        read = index_as_columns if with_index else _as_it_is
        stream = source.iter_frames(PART)
        came, second = next(stream, None), next(stream, None)
        if came is None:
            came = source.frame  # which has no line either
        first, attrs = read(came), came.attrs
        names = list(came.index.names) if first is not came else []
        if second is None:
            only, shape = first, shape_of([first])
            template = _none_of(first, shape)
            return cls(shape=shape, attrs=attrs, template=template, parts=lambda: [only], index_names=names)
        head = first.iloc[:0]
        shape = shape_of(chain([first, read(second)], map(read, stream)))
        return cls(
            shape=shape,
            attrs=attrs,
            template=_none_of(head, shape),
            parts=lambda: map(read, source.iter_frames(PART)),
            index_names=names,
        )

    def shaped(self) -> Iterator[pd.DataFrame]:
        """Yield the parts with all columns, each of its kind."""
        return (as_shaped(part, self.shape) for part in self.parts())

    @property
    def about(self) -> dict[str, Any]:
        """Where the lines are from, if they say so."""
        found = self.attrs.get(ATTRS)
        return found if isinstance(found, dict) else {}


def _as_it_is(part: pd.DataFrame) -> pd.DataFrame:
    return part


def _none_of(part: pd.DataFrame, shape: dict[str, Any]) -> pd.DataFrame:
    return as_shaped(part.iloc[:0], shape)
