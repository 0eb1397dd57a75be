"""Two texts, word by word: what both have, what only this one has, and what only the other has.

Rule of this file: pure, and never slow. A word is compared without the white space behind it, so a text that was merely
wrapped anew is the same. What both texts begin and end with is taken off first, at the speed of comparing strings; of
what is left, at most `limit` characters are looked at, with a budget of steps, and what was not compared says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from fh_notebook.comparing.diff_words import matches
from fh_notebook.contract.jsonable import pretty
from fh_notebook.contract.run import Run

__all__ = ["LIMIT", "Difference", "Segment", "compare_runs", "compare_texts", "text_to_compare"]

LIMIT: Final = 200_000
"""Characters of each text, between their common beginning and end, that are compared at most."""
PRETTY_LIMIT: Final = 1_000_000
"""Characters of a JSON output's pretty text that are made at most: some 0.3 s."""
Kind = Literal["same", "here", "there", "uncompared"]

# Each sign of Chinese and Japanese is a word of its own: there are no blanks to tell words by.
_IDEOGRAPHS: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD: Final = re.compile(rf"(?:[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]+|[^\w\s])\s*")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text."""

    kind: Kind
    """``same``: both have it; ``here``: only this text; ``there``: only the other; ``uncompared``: of this text."""
    text: str


@dataclass(frozen=True)
class Difference:
    """What came of comparing two texts.

    The texts of all segments but those that are only ``there`` are, one after the other, exactly this text.
    The same without those that are only ``here`` are the other one, but for white space.
    """

    segments: tuple[Segment, ...]
    to_end: bool = True
    """Whether both texts were compared to their ends."""
    identical: bool = False
    """Whether they are the same character by character."""

    @property
    def same(self) -> bool:
        """Whether no word differs, as far as was compared; white space may."""
        return all(segment.kind in ("same", "uncompared") for segment in self.segments)

    @cached_property
    def words(self) -> tuple[int, int]:
        """How many words only this text has, and how many only the other."""
        here, there = (
            sum(sum(1 for _ in _WORD.finditer(s.text)) for s in self.segments if s.kind == kind)
            for kind in ("here", "there")
        )
        return here, there

    def __str__(self) -> str:
        """Return what is different in one line."""
        if self.identical:
            return "same"
        end = "" if self.to_end else "; not compared to the end"
        if self.same:
            return f"same words, other white space{end}" if self.to_end else "same as far as compared"
        here, there = self.words
        return f"differs: {_words(here)} only here, {_words(there)} only there{end}"


def _words(number: int) -> str:
    return "1 word" if number == 1 else f"{number:,} words"


def compare_texts(here: str, there: str, *, limit: int = LIMIT) -> Difference:
    """Return what of `here` is not in `there`, and the other way round, by words.

    Parameters
    ----------
    here, there : str
        The texts, of any length.
    limit : int
        Characters of each that are compared at most, between what both begin and end with.

    Examples
    --------
    >>> for segment in compare_texts("Your parcel is late.", "The parcel is late, sorry.").segments:
    ...     print(segment.kind, repr(segment.text))
    there 'The '
    here 'Your '
    same 'parcel is late'
    there ', sorry'
    same '.'
    >>> str(compare_texts("a b c", "a  b c")), str(compare_texts("a b", "a c"))
    ('same words, other white space', 'differs: 1 word only here, 1 word only there')
    """
    if here == there:
        return Difference((Segment("same", here),) if here else (), identical=True)
    begin = _common_begin(here, there)
    end = _common_end(here, there, begin)
    mine, other = here[begin : len(here) - end], there[begin : len(there) - end]
    cut = _at_word(mine, limit)
    cut_other = _at_word(other, limit)
    to_end = cut >= len(mine) and cut_other >= len(other)
    middle = [*_compared(mine[:cut], other[:cut_other])]
    rest = [Segment("uncompared", mine[cut:])] if mine[cut:] else []
    parts = [Segment("same", here[:begin]), *middle, *rest, Segment("same", here[len(here) - end :])]
    return Difference(tuple(_joined(parts)), to_end=to_end)


def compare_runs(here: Run, there: Run, *, limit: int = LIMIT) -> Difference:
    """Return what the output of one run has otherwise than that of another; JSON outputs by their pretty text.

    Examples
    --------
    >>> one, two = (Run(status="completed", output={"b": 1, "a": label}) for label in ("late", "lost"))
    >>> print(compare_runs(one, two))
    differs: 1 word only here, 1 word only there
    """
    mine, mine_whole = text_to_compare(here)
    other, other_whole = text_to_compare(there)
    found = compare_texts(mine, other, limit=limit)
    if mine_whole and other_whole:
        return found
    return Difference(found.segments, to_end=False)


def text_to_compare(run: Run) -> tuple[str, bool]:
    """Return the text by which a run is compared, and whether it is all of it: JSON has its names sorted.

    Examples
    --------
    >>> text_to_compare(Run(status="completed", output='{"b": 1, "a": 2}'))[0].split()
    ['{', '"a":', '2,', '"b":', '1', '}']
    """
    value = run.output
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", "`"):
        try:
            value = run.json()
        except (ValueError, RecursionError):
            return run.output, True
    if value is None or isinstance(value, str):
        return value or "", True
    return pretty(value, limit=PRETTY_LIMIT, sort=True)


# --- what both begin and end with


def _common_begin(one: str, two: str) -> int:
    """How many characters both begin with, to the end of a word."""
    low, high = 0, min(len(one), len(two))
    while low < high:  # by halves, each a comparison of strings
        middle = (low + high + 1) // 2
        if one[low:middle] == two[low:middle]:
            low = middle
        else:
            high = middle - 1
    for at in range(low, max(low - _FAR, 0), -1):
        if one[at - 1].isspace() and not one[at : at + 1].isspace() and not two[at : at + 1].isspace():
            return at
    return max(low - _FAR, 0)


def _common_end(one: str, two: str, begin: int) -> int:
    """How many characters both end with, behind their common beginning, from the beginning of a word."""
    low, high = 0, min(len(one), len(two)) - begin
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == two[len(two) - middle : len(two) - low]:
            low = middle
        else:
            high = middle - 1
    start = len(one) - low
    for at in range(start + 1, min(start + _FAR, len(one))):
        if one[at - 1].isspace() and not one[at].isspace():
            return len(one) - at
    return max(low - _FAR, 0)


_FAR: Final = 1_000
"""Characters that are looked at for the border of a word."""


def _at_word(text: str, limit: int) -> int:
    """Where to cut `text`, near its `limit`: behind white space where there is some."""
    if len(text) <= limit:
        return len(text)
    return next((at for at in range(limit, max(limit - _FAR, 0), -1) if text[at - 1].isspace()), limit)


# --- words


def _compared(here: str, there: str) -> Iterator[Segment]:
    before = len(here) - len(here.lstrip())
    yield Segment("same", here[:before])  # white space, which is not compared
    mine, other = _WORD.findall(here), _WORD.findall(there)
    numbers: dict[str, int] = {}
    a = [numbers.setdefault(word.rstrip(), len(numbers)) for word in mine]
    b = [numbers.setdefault(word.rstrip(), len(numbers)) for word in other]
    i = j = 0
    for at, of, length in [*sorted(matches(a, b)), (len(a), len(b), 0)]:
        yield Segment("there", "".join(other[j:of]))
        yield Segment("here", "".join(mine[i:at]))
        yield Segment("same", "".join(mine[at : at + length]))
        i, j = at + length, of + length


def _joined(parts: Sequence[Segment]) -> Iterator[Segment]:
    """The parts without empty ones, neighbours of a kind as one."""
    kind: Kind | None = None
    texts: list[str] = []
    for part in parts:
        if not part.text:
            continue
        if part.kind != kind and kind is not None:
            yield Segment(kind, "".join(texts))
            texts = []
        kind = part.kind
        texts.append(part.text)
    if kind is not None:
        yield Segment(kind, "".join(texts))
