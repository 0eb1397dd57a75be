"""What a person is asked about outputs: which of two is better, how good one is, or which label fits it. Pure.

Rule of this file: a key means a place (the left or the right one) or an answer, never a variant.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError

__all__ = ["PAIR", "SIDES", "SKIP", "TIE", "Kind", "kind_named", "kind_of", "turned"]

SKIP: Final = "skip"
TIE: Final = "tie"
SIDES: Final = ("a", "b", TIE)
"""What may be said of two: the first one, the second one, neither."""
MOST: Final = 9
"""Answers that the keys 1 to 9 stand for."""
LABEL_CAP: Final = 60
"""Characters of a label: it is a button."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A question, with its answers in the order of their keys."""

    name: str
    """As it is kept: ``pair``, ``scale 5``, or ``labels`` with their names as JSON."""
    answers: tuple[str, ...]
    """What the keys 1, 2, ... stand for; of a pair the places."""

    @property
    def is_pair(self) -> bool:
        """Whether two outputs are compared."""
        return self.name == "pair"

    @property
    def is_scale(self) -> bool:
        """Whether the answers are numbers."""
        return self.name.startswith("scale ")

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be said, as it is kept; a skip says nothing."""
        return SIDES if self.is_pair else self.answers

    @property
    def in_words(self) -> str:
        """The question as it is told.

        Examples
        --------
        >>> PAIR.in_words, kind_of(5, None).in_words, kind_of(None, ["good", "bad"]).in_words
        ('which is better', 'on a scale from 1 to 5', 'good or bad')
        """
        if self.is_pair:
            return "which is better"
        if self.is_scale:
            return f"on a scale from 1 to {len(self.answers)}"
        return f"{', '.join(self.answers[:-1])} or {self.answers[-1]}"

    def choice_of(self, key: str, *, swapped: bool) -> str | None:
        """Return what a key means for outputs shown in this order; ``None`` where it means nothing.

        Examples
        --------
        >>> PAIR.choice_of("1", swapped=True), PAIR.choice_of("tie", swapped=True), PAIR.choice_of("4", swapped=False)
        ('b', 'tie', None)
        """
        if key == SKIP or (key == TIE and self.is_pair):
            return key
        if not (len(key) == 1 and key.isascii() and key.isdigit() and 1 <= int(key) <= len(self.answers)):
            return None
        place = int(key) - 1
        return "ab"[place ^ swapped] if self.is_pair else self.answers[place]


def turned(choice: str) -> str:
    """Return what was said of two by somebody who has them in the other order."""
    return {"a": "b", "b": "a"}.get(choice, choice)


PAIR: Final = Kind("pair", ("1", "2"))


def kind_of(scale: Any, labels: Any) -> Kind:
    """Return the question that ``scale=`` and ``labels=`` ask for: by default, which of two is better.

    Raises
    ------
    InputError
        Both are given, or one of them cannot be used.
    """
    if scale is not None and labels is not None:
        raise InputError("scale= and labels= are two questions; ask one at a time")
    if scale is not None:
        if isinstance(scale, bool) or not isinstance(scale, int) or not 2 <= scale <= MOST:
            raise InputError(f"scale is {short(scale)}; give a whole number from 2 to {MOST}: one key each")
        return Kind(f"scale {scale}", tuple(str(n) for n in range(1, scale + 1)))
    return PAIR if labels is None else Kind(f"labels {_spelt(labels)}", tuple(labels))


def _spelt(labels: Any) -> str:
    if isinstance(labels, str) or not isinstance(labels, Sequence) or not 2 <= len(labels) <= MOST:
        raise InputError(f"labels is {short(labels)}; give a list of 2 to {MOST} texts: one key each")
    for label in labels:
        if not isinstance(label, str) or not label.strip() or len(label) > LABEL_CAP:
            raise InputError(f"a label is {short(label)}; give a text of at most {LABEL_CAP} characters")
    if len(set(labels)) < len(labels) or {SKIP, TIE} & set(labels):
        raise InputError(f"labels is {short(list(labels))}; each once, and none of them 'skip' or 'tie'")
    return json.dumps(list(labels), ensure_ascii=False)


def kind_named(name: str) -> Kind | None:
    """Return the question that is kept under this name; ``None`` where there is none of that name.

    Examples
    --------
    >>> kind_named('labels ["good", "bad"]').answers, kind_named("scale 5").answers[-1], kind_named("?")
    (('good', 'bad'), '5', None)
    """
    what, _, of = name.partition(" ")
    try:
        found = PAIR if name == "pair" else kind_of(int(of), None) if what == "scale" else kind_of(None, json.loads(of))
    except (ValueError, InputError, RecursionError):
        return None
    return found if found.name == name else None
