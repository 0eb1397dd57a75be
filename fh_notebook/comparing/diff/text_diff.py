"""Difference of two texts, by words. Pure, and bounded in time.

A word is compared without the white space behind it, so a text that was only wrapped again is the same. The common
beginning and end are removed first, at the speed of comparing strings. Of the rest, at most `limit` characters are
compared, with a budget of steps; a part that was not compared is marked.

The words of both are matched by patience diff (Bram Cohen: the words that both have exactly once are the anchors)
around Myers' greedy algorithm (Algorithmica 1, 1986), which finds few differences fast and is abandoned where there are
many.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, Literal

from fh_notebook.contract.run import Run
from fh_notebook.core.json_values import pretty
from fh_notebook.core.text.messages import agreeing, counted

STEPS_A_WORD: Final = 35

LEAST: Final = 600_000

STEPS: Final = 3_000_000
"""What one comparison may cost, by the words of both: two unrelated texts of 10,000 words take 0.1 s, and no texts
more than some 0.5 s. Texts of which half the words were changed need a tenth of it."""

FEW: Final = 48
"""Differences up to which Myers' algorithm runs before anchors are tried."""

MANY: Final = 600
"""Differences up to which it runs without anchors."""


def matches(a: Sequence[int], b: Sequence[int], *, steps: int | None = None) -> Iterator[tuple[int, int, int]]:
    """Yield (index in a, index in b, length) of the common runs, in no order.

    Examples
    --------
    >>> sorted(matches([1, 2, 3, 4], [9, 2, 3, 5, 4]))
    [(1, 1, 2), (3, 4, 1)]
    """
    if steps is None:
        steps = min(max(STEPS_A_WORD * (len(a) + len(b)), LEAST), STEPS)
    return _Matcher(a, b, steps).matches()


class _Matcher:
    """Finds the runs of words that two lists have in common, in order, within a budget of steps."""

    def __init__(self, a: Sequence[int], b: Sequence[int], steps: int) -> None:
        self._a, self._b, self._steps = a, b, steps

    def matches(self) -> Iterator[tuple[int, int, int]]:
        """Yield (index in a, index in b, length) in no order."""
        pending = [(0, len(self._a), 0, len(self._b))]
        while pending:
            low, high, start, stop = pending.pop()
            a, b = self._a, self._b
            length = 0
            while low + length < high and start + length < stop and a[low + length] == b[start + length]:
                length += 1
            if length:
                yield low, start, length
                low, start = low + length, start + length
            length = 0
            while low < high - length and start < stop - length and a[high - length - 1] == b[stop - length - 1]:
                length += 1
            if length:
                high, stop = high - length, stop - length
                yield high, stop, length
            if low == high or start == stop or self._steps <= 0:
                continue
            self._steps -= (high - low) + (stop - start)
            common = self._myers(low, high, start, stop, FEW)
            if common is None and (anchors := self._anchors(low, high, start, stop)):
                edges = [(low, start), *anchors, (high, stop)]
                # An anchor itself begins the part behind it, and is taken off there with what follows it.
                pending += [(x, u, y, v) for (x, y), (u, v) in pairwise(edges)]
                continue
            yield from common or self._myers(low, high, start, stop, MANY) or ()

    def _anchors(self, low: int, high: int, start: int, stop: int) -> list[tuple[int, int]]:
        """Return the longest increasing sequence of words that both parts have once."""
        a, b = self._a, self._b
        once_a, once_b = Counter(a[low:high]), Counter(b[start:stop])
        position_of = {word: at for at, word in enumerate(b[start:stop], start) if once_b[word] == 1}
        pairs = [(at, position_of[w]) for at, w in enumerate(a[low:high], low) if once_a[w] == 1 and w in position_of]
        ends: list[int] = []  # the least last place in b of an increasing row, by its length
        tails: list[int] = []
        before: list[int] = []
        for number, (_, position) in enumerate(pairs):
            at = bisect_left(ends, position)
            before.append(tails[at - 1] if at else -1)
            ends[at : at + 1] = [position]
            tails[at : at + 1] = [number]
        row, number = [], tails[-1] if tails else -1
        while number >= 0:
            row.append(pairs[number])
            number = before[number]
        return row[::-1]

    def _myers(self, low: int, high: int, start: int, stop: int, most: int) -> list[tuple[int, int, int]] | None:
        """Return the common runs where at most `most` words differ; ``None`` where more do."""
        a, b = self._a[low:high], self._b[start:stop]
        n, m, steps = len(a), len(b), self._steps
        furthest = [0] * (2 * min(most, n + m) + 3)  # by k from the middle: a list, because this is where the time goes
        middle = len(furthest) // 2
        history: list[list[int]] = []
        for d in range(min(most, n + m) + 1):
            steps -= d + 1
            self._steps = steps
            if steps <= 0:
                return None
            history.append(furthest[middle - d - 1 : middle + d + 2])
            for at in range(middle - d, middle + d + 1, 2):
                left, right = furthest[at - 1], furthest[at + 1]
                x = right if at == middle - d or (left < right and at != middle + d) else left + 1
                y = x - at + middle
                begun = x
                while x < n and y < m and a[x] == b[y]:
                    x += 1
                    y += 1
                steps -= x - begun
                furthest[at] = x
                if x >= n and y >= m:
                    return [(low + p, start + q, length) for p, q, length in _backtrack(history, n, m)]
        return None


def _backtrack(history: Sequence[Sequence[int]], n: int, m: int) -> Iterator[tuple[int, int, int]]:
    """Follow Myers' search backwards, and yield its diagonals."""
    x, y = n, m
    for d in range(len(history) - 1, -1, -1):
        furthest, k = history[d], x - y
        at = k + d + 1
        down = k == -d or (k != d and furthest[at - 1] < furthest[at + 1])
        from_k = k + 1 if down else k - 1
        px = furthest[from_k + d + 1]
        py = px - from_k
        after = (px, py + 1) if down else (px + 1, py)
        if d == 0:
            after = (0, 0)
        if x > after[0]:
            yield after[0], after[1], x - after[0]
        x, y = px, py


LIMIT: Final = 200_000
"""Characters of each text, between their common beginning and end, that are compared at most."""

HARDLY_ANY: Final = 0.25
"""The share of the words of two texts below which both are different texts, not two forms of one."""

PRETTY_LIMIT: Final = 1_000_000
"""Characters of a JSON output's pretty text that are made at most: some 0.3 s."""

SegmentKind = Literal["same", "here", "there", "uncompared", "gap"]


# Each sign of Chinese and Japanese is a word of its own: there are no blanks to tell words by.
_IDEOGRAPHS: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"

_BETWEEN_BLANKS: Final = re.compile(rf"[{_IDEOGRAPHS}]|[^\s{_IDEOGRAPHS}]+")
_LETTER: Final = re.compile(r"\w")
_WORD: Final = re.compile(rf"(?:[{_IDEOGRAPHS}]|[^\W{_IDEOGRAPHS}]+|[^\w\s])\s*")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text."""

    kind: SegmentKind
    """``same``: both have it; ``here``: only this text; ``there``: only the other; ``uncompared``: of this text;
    ``gap``: both have it, and it is folded where only differences are looked at."""
    text: str


@dataclass(frozen=True)
class TextDifference:
    """The difference of two texts.

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
        """Whether no compared word differs; white space may."""
        return all(segment.kind in ("same", "uncompared") for segment in self.segments)

    @cached_property
    def words(self) -> tuple[int, int]:
        """The number of words only this text has, and only the other."""
        own, other = (
            sum(_count_words(segment.text) for segment in self.segments if segment.kind == kind)
            for kind in ("here", "there")
        )
        return own, other

    @property
    def is_rewritten(self) -> bool:
        """Whether the texts share hardly any of the words that were compared: then to mark all others tells nothing.

        Examples
        --------
        >>> compare_texts("Dear Ann, it is late.", "We are sorry for the delay.").is_rewritten
        True
        >>> compare_texts("Dear Ann, it is late.", "Dear Ben, it was lost.").is_rewritten
        False
        """
        common = 2 * sum(_count_words(segment.text) for segment in self.segments if segment.kind == "same")
        return common < HARDLY_ANY * (common + sum(self.words))

    def __str__(self) -> str:
        """Return in one line what this text has added to the other one and removed from it.

        Examples
        --------
        >>> str(compare_texts("a b c", "a d")), str(compare_texts("Sent.", "Sent"))
        ('differs: 2 words added, 1 removed', 'differs: only in punctuation')
        """
        if self.identical:
            return "same"
        end = "" if self.to_end else "; not compared to the end"
        if self.same:
            return f"same words, other white space{end}" if self.to_end else "same as far as compared"
        added, removed = self.words
        if not added and not removed:
            return f"differs: only in punctuation{end}"
        return f"differs: {counted(added, 'word')} added, {removed:,} removed{end}"


def _count_words(text: str) -> int:
    """Return the number of words as a person counts: a date is one, and punctuation alone is none."""
    return sum(_LETTER.search(match[0]) is not None for match in _BETWEEN_BLANKS.finditer(text))


def with_gaps(segments: Sequence[Segment], around: int) -> Iterator[Segment]:
    """Yield the segments with what is the same folded: long parts of it are gaps between some `around` characters.

    Words are not cut, unless one is longer than half of `around`.

    Examples
    --------
    >>> same = Segment("same", "It was on Monday that we sent it, as you know.")
    >>> [part.text for part in with_gaps([same, Segment("here", "Sorry.")], 8)]
    ['It was on Monday that we sent it, as you ', 'know.', 'Sorry.']
    """
    last = len(segments) - 1
    for number, segment in enumerate(segments):
        text = segment.text
        if segment.kind != "same" or len(text) <= 3 * around:
            yield segment
            continue
        begin = _cut_beside_blank(range(around, around // 2, -1), text) if number else 0
        behind = range(len(text) - around, len(text) - around // 2)
        end = _cut_beside_blank(behind, text) if number < last else len(text)
        parts = (Segment("same", text[:begin]), Segment("gap", text[begin:end]), Segment("same", text[end:]))
        yield from (part for part in parts if part.text)


def _cut_beside_blank(places: range, text: str) -> int:
    """Return the first of the places before which is a blank, so that no word is cut; else the first one."""
    return next((place for place in places if text[place - 1].isspace()), places[0])


def gaps_text(count: int) -> str:
    """Return what stands in the place of `count` characters that both texts have."""
    return f"… {counted(count, 'character')} {agreeing(count, 'are')} the same …"


def compare_texts(text: str, other_text: str, *, limit: int = LIMIT) -> TextDifference:
    """Return the difference of `text` to `other_text` by words.

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
    ('same words, other white space', 'differs: 1 word added, 1 removed')
    """
    if text == other_text:
        return TextDifference((Segment("same", text),) if text else (), identical=True)
    begin = _common_begin(text, other_text)
    end = _common_end(text, other_text, begin)
    mine, other = text[begin : len(text) - end], other_text[begin : len(other_text) - end]
    cut = _cut_at_word(mine, limit)
    cut_other = _cut_at_word(other, limit)
    to_end = cut >= len(mine) and cut_other >= len(other)
    middle = [*_compare_words(mine[:cut], other[:cut_other])]
    rest = [Segment("uncompared", mine[cut:])] if mine[cut:] else []
    parts = [Segment("same", text[:begin]), *middle, *rest, Segment("same", text[len(text) - end :])]
    return TextDifference(tuple(_join_segments(parts)), to_end=to_end)


def compare_runs(run: Run, other_run: Run, *, limit: int = LIMIT) -> TextDifference:
    """Return the difference of the outputs of two runs; JSON outputs are compared as formatted text.

    Examples
    --------
    >>> one, two = (Run(status="completed", output={"b": 1, "a": label}) for label in ("late", "lost"))
    >>> print(compare_runs(one, two))
    differs: 1 word added, 1 removed
    """
    mine, mine_whole = text_to_compare(run)
    other, other_whole = text_to_compare(other_run)
    difference = compare_texts(mine, other, limit=limit)
    if mine_whole and other_whole:
        return difference
    return TextDifference(difference.segments, to_end=False)


def text_to_compare(run: Run) -> tuple[str, bool]:
    """Return the text by which a run is compared, and whether it is complete: JSON has its names sorted.

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


def _common_begin(text: str, other_text: str) -> int:
    """Return the length of the common beginning, to the end of a word."""
    low, high = 0, min(len(text), len(other_text))
    while low < high:  # by halves, each a comparison of strings
        middle = (low + high + 1) // 2
        if text[low:middle] == other_text[low:middle]:
            low = middle
        else:
            high = middle - 1
    for at in range(low, max(low - _FAR, 0), -1):
        if text[at - 1].isspace() and not text[at : at + 1].isspace() and not other_text[at : at + 1].isspace():
            return at
    return max(low - _FAR, 0)


def _common_end(text: str, other_text: str, begin: int) -> int:
    """Return the length of the common end after the common beginning, from the beginning of a word."""
    low, high = 0, min(len(text), len(other_text)) - begin
    while low < high:
        middle = (low + high + 1) // 2
        if text[len(text) - middle : len(text) - low] == other_text[len(other_text) - middle : len(other_text) - low]:
            low = middle
        else:
            high = middle - 1
    start = len(text) - low
    for at in range(start + 1, min(start + _FAR, len(text))):
        if text[at - 1].isspace() and not text[at].isspace():
            return len(text) - at
    return max(low - _FAR, 0)


_FAR: Final = 1_000
"""Characters that are looked at for the border of a word."""


def _cut_at_word(text: str, limit: int) -> int:
    """Return where to cut `text` near its `limit`: after white space where there is some."""
    if len(text) <= limit:
        return len(text)
    return next((at for at in range(limit, max(limit - _FAR, 0), -1) if text[at - 1].isspace()), limit)


# --- words


def _compare_words(text: str, other_text: str) -> Iterator[Segment]:
    before = len(text) - len(text.lstrip())
    yield Segment("same", text[:before])  # white space, which is not compared
    mine, other = _WORD.findall(text), _WORD.findall(other_text)
    numbers: dict[str, int] = {}
    a = [numbers.setdefault(word.rstrip(), len(numbers)) for word in mine]
    b = [numbers.setdefault(word.rstrip(), len(numbers)) for word in other]
    i = j = 0
    for at, of, length in [*sorted(matches(a, b)), (len(a), len(b), 0)]:
        yield Segment("there", "".join(other[j:of]))
        yield Segment("here", "".join(mine[i:at]))
        yield Segment("same", "".join(mine[at : at + length]))
        i, j = at + length, of + length


def _join_segments(parts: Sequence[Segment]) -> Iterator[Segment]:
    """The parts without empty ones, neighbours of a kind as one."""
    kind: SegmentKind | None = None
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
