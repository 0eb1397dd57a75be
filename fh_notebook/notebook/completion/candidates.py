"""`Completions`: candidates, and the range of text that they replace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple


class Candidate(NamedTuple):
    """One text that can be put in."""

    text: str
    type: str
    """What it is, shown beside it: ``option``, ``deployment``, ``variant``, ``variable``, ``value``, ``column``, ..."""


@dataclass(frozen=True, slots=True)
class Completions:
    """Candidates, best first."""

    candidates: tuple[Candidate, ...] = ()
    fragment: str = ""
    """The text right before the cursor that a candidate takes the place of."""
    closed: bool = field(default=False, repr=False, compare=False)
    """Whether nothing else can stand there, even where there are no candidates."""

    @property
    def texts(self) -> tuple[str, ...]:
        """The candidates' texts."""
        return tuple(candidate.text for candidate in self.candidates)


NOTHING: Final = Completions()


def matching_completions(
    fragment: str, type_: str, names: Iterable[str], *, typed: str | None = None, spell: Callable[[str], str] = str
) -> Completions:
    """Return those of `names` that begin with what was typed, in either case of letters, each once.

    Examples
    --------
    >>> matching_completions("sh", "variant", ["Short", "long", "short"]).texts
    ('Short', 'short')
    """
    prefix = (fragment if typed is None else typed).casefold()
    chosen = dict.fromkeys(spell(name) for name in names if name.casefold().startswith(prefix))
    return Completions(tuple(Candidate(text, type_) for text in chosen), fragment) if chosen else NOTHING


def joined_completions(*offers: Completions) -> Completions:
    """Return offers for one fragment as one, the first one's candidates first."""
    some = [offer for offer in offers if offer.candidates]
    return Completions(tuple(c for offer in some for c in offer.candidates), some[0].fragment) if some else NOTHING
