"""Masking of secrets: values of password Start variables and API keys, in everything that a comparison shows.

A column that contains a password is left out, and the password is masked in all other texts: an error of the service
may repeat what it was sent, and so may an answer. Reports, differences, the row browser and rating all mask here. The
compared runs hold the passwords; nothing is read again to find them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fh_notebook.comparing.scorers.observations import Observations, is_source
from fh_notebook.contract.secrets import Mask
from fh_notebook.core.redaction import redact, redactor

FEW: Final = 100
"""Up to this number, every password is searched in every text; above it, each in the texts of its own row only."""
NOTHING: Final = frozenset[str]()
AT_ONCE: Final = 1_000
"""Number of texts that are first searched as one."""


@dataclass(frozen=True, slots=True)
class HiddenValues:
    """Columns that are left out, and values that are masked."""

    columns: frozenset[str] = frozenset()
    values: Mapping[Any, frozenset[str]] = field(default_factory=dict, repr=False)
    """By the label of the row."""

    def masked(self, text: str) -> str:
        """Return a text that belongs to no row, with all values and keys masked."""
        return redact(text, frozenset().union(*self.values.values()))

    def masks(self) -> RowMasker:
        """Return the masker for texts of many rows."""
        return RowMasker(self)


class RowMasker:
    """Masker for texts of rows; :meth:`HiddenValues.masks` returns one."""

    def __init__(self, hidden: HiddenValues) -> None:
        every = frozenset[str]().union(*hidden.values.values())
        self._everywhere = every if len(every) <= FEW else frozenset[str]()
        self._values = hidden.values

    def of(self, pair: Any) -> Callable[[str], str]:
        """Return the function that masks secrets in a text of a row."""
        return redactor(self._secrets_of(pair))

    def value(self, pair: Any, value: Any) -> Any:
        """Return a text or a JSON value of a row with secrets masked.

        Examples
        --------
        >>> masks = HiddenValues(values={7: frozenset({"hunter2"})}).masks()
        >>> masks.value(7, {"said": ["it is hunter2"]}), masks.value(8, "hunter fhk_" + "0123456789")
        ({'said': ['it is ***']}, 'hunter fhk_***')
        """
        return Mask(self._secrets_of(pair)).value(value)

    def many(self, pairs: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """Return :meth:`value` of many values, each of its row; texts without a secret cost almost nothing.

        Examples
        --------
        >>> HiddenValues().masks().many([0, 1, 2], ["late", {"key": "fhk_" + "0123456789"}, None])
        ['late', {'key': 'fhk_***'}, None]
        """
        masked = list(values)
        texts_only = set(map(type, masked)) <= {str}
        if self._values or not texts_only:
            for index, value in enumerate(masked):
                if type(value) is not str:
                    masked[index] = None if value is None else self.value(pairs[index], value)
                elif hidden := self._secrets_of(pairs[index]):
                    masked[index] = redact(value, hidden)
        for begin in range(0, len(masked), AT_ONCE):
            part = masked[begin : begin + AT_ONCE]
            whole = "\n".join(part if texts_only else [value for value in part if type(value) is str])
            if redact(whole) != whole:
                masked[begin : begin + AT_ONCE] = [redact(own) if type(own) is str else own for own in part]
        return masked

    def _secrets_of(self, pair: Any) -> frozenset[str]:
        return self._everywhere | self._values.get(pair, frozenset()) if self._values else self._everywhere


def find_hidden(observations: Observations, names: Iterable[str]) -> HiddenValues:
    """Return what the runs of a batch hide. The Start variables of a table are not known, so it hides nothing."""
    columns, values = set[str](), dict[Any, frozenset[str]]()
    open_names = {name for name in names if is_source(name)}
    for place in observations.hiding:
        observation = observations[place]
        if hidden := observation.hidden:
            if hidden_columns := {name for name in open_names if observation.row.get(name) in hidden}:
                open_names -= hidden_columns
                columns |= hidden_columns
            values[observation.pair] = values.get(observation.pair, NOTHING) | Mask.of(hidden).texts
    return HiddenValues(frozenset(columns), values)
