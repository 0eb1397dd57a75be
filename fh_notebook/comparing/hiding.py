"""What nothing shown of a comparison may say: values of password Start variables and API keys, whoever repeats them.

Rule of this file: a column that a password was taken from is left out, and the password is masked in every other text:
a service's error may repeat what it was sent, and so may an answer. Reports, differences, the browser of rows and
rating all mask here. The runs that were compared have the passwords: nothing is read again for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.batching.frames import RESERVED
from fh_notebook.batching.rows import EXPECTED
from fh_notebook.comparing.diff import pretty
from fh_notebook.comparing.scoring_source import Observation, is_source
from fh_notebook.values import MASK, redact

if TYPE_CHECKING:
    from fh_notebook.comparing.comparison import Comparison

__all__ = ["Hidden", "Masks", "hidden_of", "row_columns"]

SHORTEST: Final = 4
"""A password of fewer letters would mask half of every text."""
FEW: Final = 100
"""Up to so many passwords each is looked for in every text; of more, each in the texts of its own row."""
NOTHING: Final = frozenset[str]()
DEEP_SHOWN: Final = 10_000
"""Characters of a value that is nested too deep to be masked part by part."""
AT_ONCE: Final = 1_000
"""So many texts are first looked at as one."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Columns that are left out, and values that are masked."""

    columns: frozenset[str] = frozenset()
    values: Mapping[Any, frozenset[str]] = field(default_factory=dict, repr=False)
    """By what a row is paired by."""

    def masked(self, text: str) -> str:
        """Return a text that is of no row, without any of the values and without keys."""
        return redact(_without(text, frozenset().union(*self.values.values())))

    def masks(self) -> Masks:
        """Return what masks the texts of rows, many of them."""
        return Masks(self)


class Masks:
    """Masks what is said on rows. Made by :meth:`Hidden.masks`."""

    def __init__(self, hidden: Hidden) -> None:
        every = frozenset[str]().union(*hidden.values.values())
        self._everywhere = every if len(every) <= FEW else frozenset[str]()
        self._values = hidden.values

    def of(self, pair: Any, text: str) -> str:
        """Return a text of a row as it may be shown."""
        return redact(_without(text, self._of(pair)))

    def value(self, pair: Any, value: Any) -> Any:
        """Return a text or a JSON value of a row as it may be shown.

        Examples
        --------
        >>> masks = Hidden(values={7: frozenset({"hunter2"})}).masks()
        >>> masks.value(7, {"said": ["it is hunter2"]}), masks.value(8, "hunter fhk_" + "0123456789")
        ({'said': ['it is ***']}, 'hunter fhk_***')
        """
        hidden = self._of(pair)
        try:
            return _masked(value, hidden)
        except RecursionError:  # nested deeper than anybody reads, or in itself: the beginning of its text is shown
            return _beginning(value, hidden)

    def many(self, pairs: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """Return :meth:`value` of many, each of its row; texts that say nothing secret cost next to nothing.

        Examples
        --------
        >>> Hidden().masks().many([0, 1, 2], ["late", {"key": "fhk_" + "0123456789"}, None])
        ['late', {'key': 'fhk_***'}, None]
        """
        found = list(values)
        texts_only = set(map(type, found)) <= {str}
        if self._values or not texts_only:
            for at, value in enumerate(found):
                if type(value) is not str:
                    found[at] = None if value is None else self.value(pairs[at], value)
                elif hidden := self._of(pairs[at]):
                    found[at] = _without(value, hidden)
        for begin in range(0, len(found), AT_ONCE):
            part = found[begin : begin + AT_ONCE]
            whole = "\n".join(part if texts_only else [value for value in part if type(value) is str])
            if redact(whole) != whole:
                found[begin : begin + AT_ONCE] = [redact(own) if type(own) is str else own for own in part]
        return found

    def _of(self, pair: Any) -> frozenset[str]:
        return self._everywhere | self._values.get(pair, frozenset()) if self._values else self._everywhere


def _masked(value: Any, hidden: frozenset[str]) -> Any:
    if isinstance(value, str):
        return redact(_without(value, hidden))
    if isinstance(value, Mapping):
        return {_masked(name, hidden): _masked(part, hidden) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(part, hidden) for part in value]
    return MASK if value is not None and str(value) in hidden else value


def _beginning(value: Any, hidden: frozenset[str]) -> str:
    """Return what the text of a JSON value begins with, passwords masked as JSON spells them, half of one left out."""
    spelt = hidden.union(json.dumps(own, ensure_ascii=False)[1:-1] for own in hidden)
    told, is_whole = pretty(value, limit=DEEP_SHOWN)
    half = 0 if is_whole else max(map(len, spelt), default=1) - 1
    shown = redact(_without(told, spelt))
    return shown[: max(0, len(shown) - half)]


def _without(text: str, values: frozenset[str]) -> str:
    for value in sorted(values, key=len, reverse=True):  # of two that begin alike, the longer one first
        text = text.replace(value, MASK)
    return text


def hidden_of(found: Iterable[Observation], names: Iterable[str]) -> Hidden:
    """Return what the runs of a batch hide; of a table no Start variables are known, and so no passwords.

    Parameters
    ----------
    found : iterable of Observation
        The runs.
    names : iterable of str
        The columns of their rows.
    """
    columns, values = set[str](), dict[Any, frozenset[str]]()
    open_names = {name for name in names if is_source(name)}
    for one in found:
        if hidden := one.hidden:
            if taken := {name for name in open_names if one.row.get(name) in hidden}:
                open_names -= taken
                columns |= taken
            values[one.pair] = values.get(one.pair, NOTHING).union(_texts(hidden))
    return Hidden(frozenset(columns), values)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts and numbers in a value, as they would be said."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
    elif value is not None and not isinstance(value, bool) and len(text := str(value)) >= SHORTEST:
        yield text


def row_columns(cmp: Comparison) -> list[str]:
    """Return the columns that are the user's own, without those whose values must not be shown."""
    own = (str(cmp.pair_on), cmp.scorer, EXPECTED, *RESERVED)
    names = [name for name in cmp._taken.names if name not in own and not name.startswith("out.")]
    hidden = cmp._taken.secret().columns if names else frozenset()
    return [name for name in names if name not in hidden]
