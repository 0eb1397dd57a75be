"""What nothing shown of a comparison may say: the values of password Start variables, whoever repeats them.

Rule of this file: a column that a password was taken from is left out, and the password is masked in every other text:
a service's error may repeat what it was sent, and so may an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.frames import source_name
from fh_notebook.values import MASK, redact

__all__ = ["Hidden", "Masks", "hidden_of"]

SHORTEST: Final = 4
"""A password of fewer letters would mask half of every text."""
FEW: Final = 100
"""Up to so many passwords each is looked for in every text; of more, each in the texts of its own row."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Columns that are left out, and values that are masked."""

    columns: frozenset[str] = frozenset()
    values: Mapping[Any, frozenset[str]] = field(default_factory=dict, repr=False)
    """By what a row is paired by."""

    @classmethod
    def joined(cls, parts: Iterable[Hidden]) -> Hidden:
        """Return what several sources hide."""
        columns, values = frozenset[str](), dict[Any, frozenset[str]]()
        for part in parts:
            columns |= part.columns
            for pair, texts in part.values.items():
                values[pair] = values.get(pair, frozenset()) | texts
        return cls(columns, values)

    def masked(self, text: str) -> str:
        """Return a text that is of no row, without any of the values and without keys."""
        return redact(_without(text, frozenset().union(*self.values.values())))

    def masks(self) -> Masks:
        """Return what masks the texts of rows, many of them."""
        return Masks(self)


class Masks:
    """Masks what is said on rows. Made by :meth:`Hidden.masks`; false where there is nothing to be masked."""

    def __init__(self, hidden: Hidden) -> None:
        every = frozenset[str]().union(*hidden.values.values())
        self._everywhere = every if len(every) <= FEW else frozenset[str]()
        self._values = hidden.values

    def of(self, pair: Any, text: str) -> str:
        """Return a text of a row as it may be shown; keys are :func:`redact`'s to mask."""
        return _without(text, self._of(pair)) if self._values else text

    def value(self, pair: Any, value: Any) -> Any:
        """Return a text or a JSON value of a row as it may be shown.

        Examples
        --------
        >>> masks = Hidden(values={7: frozenset({"hunter2"})}).masks()
        >>> masks.value(7, {"said": ["it is hunter2"]}), masks.value(8, "hunter"), bool(Hidden().masks())
        ({'said': ['it is ***']}, 'hunter', False)
        """
        return _masked(value, self._of(pair)) if self._values else value

    def _of(self, pair: Any) -> frozenset[str]:
        return self._everywhere | self._values.get(pair, frozenset())

    def __bool__(self) -> bool:
        return bool(self._values)


def _masked(value: Any, hidden: frozenset[str]) -> Any:
    if isinstance(value, str):
        return _without(value, hidden)
    if isinstance(value, Mapping):
        return {_masked(name, hidden): _masked(part, hidden) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(part, hidden) for part in value]
    return MASK if value is not None and str(value) in hidden else value


def _without(text: str, values: frozenset[str]) -> str:
    for value in sorted(values, key=len, reverse=True):  # of two that begin alike, the longer one first
        text = text.replace(value, MASK)
    return text


def hidden_of(source: Any, *, pair_on: str) -> Hidden:
    """Return what a batch hides; anything else has no Start variables, so that nothing is known of it."""
    if not isinstance(source, Batch):
        return Hidden()
    columns, values = set[str](), dict[Any, set[str]]()
    for job, _, row in source.entries():
        if job.secrets.all or job.secrets.names:
            hidden = [value for name, value in job.inputs.items() if job.secrets.cover([name]) and value is not None]
            columns |= {source_name(name) for name, value in row.items() if value in hidden}
            pair = job.row if pair_on == "row" else {source_name(n): v for n, v in row.items()}.get(pair_on)
            values.setdefault(pair, set()).update(_texts(hidden))
    return Hidden(frozenset(columns), {pair: frozenset(texts) for pair, texts in values.items()})


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts and numbers in a value, as they would be said."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif value is not None and not isinstance(value, bool) and len(text := str(value)) >= SHORTEST:
        yield text
