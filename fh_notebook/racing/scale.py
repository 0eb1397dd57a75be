"""Scores of any kind -> numbers in [0, 1], more is better: what evidence is taken from. Pure.

Rule of this file: how scores are scaled is settled before the first of them is seen, and never by them: a bound that
was learned from the data would not be one. A score that does not keep to it is told, never bent by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from fh_notebook.arguments import is_finite
from fh_notebook.audience import Message, option
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.racing.bets import Numbers

__all__ = ["RANKS", "Bounds", "Scale"]

RANKS: Final = "ranks"
Bounds = tuple[float, float] | Literal["ranks"] | None

CURE: Final = "give bounds=(lowest, highest), or bounds='ranks' to count only which variant is ahead on a row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How scores become numbers in [0, 1].

    Examples
    --------
    >>> Scale.of((0, 10), lower=True).of_scores(np.array([2.0, 10.0, 12.0])).tolist()
    [0.8, 0.0, 0.0]
    """

    low: float = 0.0
    high: float = 1.0
    lower: bool = False
    """Whether less is better."""
    by_rank: bool = False
    """Whether only who is ahead counts: then scores need no bounds."""
    stated: bool = False
    """Whether the bounds were given: then a score beyond them counts as the bound."""

    @classmethod
    def of(cls, bounds: Any, *, lower: bool) -> Scale:
        """Return the scale that `bounds` ask for; without any, of what a lower score is better of (seconds): by rank.

        Raises
        ------
        SettingsError
            They are no bounds.
        """
        if (isinstance(bounds, str) and bounds == RANKS) or (bounds is None and lower):
            return cls(lower=lower, by_rank=True)
        if bounds is None:
            return cls(lower=lower)
        if not isinstance(bounds, tuple | list) or len(bounds) != 2 or not all(map(is_finite, bounds)):
            raise SettingsError(f"bounds is {short(bounds)}; {CURE}")
        low, high = map(float, bounds)
        if low >= high:
            raise SettingsError(f"bounds is {short(bounds)}: the first one must be the lower one")
        return cls(low=low, high=high, lower=lower, stated=True)

    def of_scores(self, scores: Numbers) -> Numbers:
        """Return scores as they are compared; a missing one is NaN and stays it."""
        if self.by_rank:
            return -scores if self.lower else scores
        unit = np.clip((scores - self.low) / (self.high - self.low), 0.0, 1.0)
        return np.asarray(1.0 - unit if self.lower else unit)

    def check(self, scores: Numbers, *, where: str) -> None:
        """Raise where a score is beyond bounds that nobody has stated.

        Raises
        ------
        InputError
            With the cure.
        """
        if self.by_rank or self.stated:
            return
        strange = scores[(scores < self.low) | (scores > self.high)]
        if len(strange):
            raise InputError(f"{where} has the score {strange[0]:g}, and a race takes scores from 0 to 1; {CURE}")

    def beyond(self, scores: Numbers) -> int:
        """Return how many scores count as the bound that they are beyond."""
        if self.by_rank:
            return 0
        return int(((scores < self.low) | (scores > self.high)).sum())

    def in_units(self, lead: float) -> float:
        """Return how much better one is, in the unit of the score; by rank it stays a share of rows."""
        return lead if self.by_rank else lead * (self.high - self.low)

    def unit_of(self, difference: float, name: str) -> float:
        """Return a difference in the unit of the score as one of what is compared.

        Raises
        ------
        SettingsError
            It is none that could be; with the `name` of the option.
        """
        unit = difference if self.by_rank else difference / (self.high - self.low)
        if not 0 < unit < 1:
            most = "1" if self.by_rank else f"{self.high - self.low:g}"
            raise SettingsError(
                Message("{} is {}; give a number above 0 and below {}", (option(name), repr(difference), most))
            )
        return unit
