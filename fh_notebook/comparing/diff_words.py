"""What two lists of words have in common, in order. Pure.

Rule of this file: it ends soon, whatever the lists are. The way is patience diff (Bram Cohen: the words that both have
exactly once are the anchors) around Myers' greedy one (Algorithmica 1, 1986), which finds few differences fast and is
given up where there are many; and there is a budget of steps for all of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

__all__ = ["matches"]

STEPS_A_WORD: Final = 35
LEAST: Final = 600_000
STEPS: Final = 3_000_000
"""What one comparison may cost, by the words of both: two unrelated texts of 10,000 words take 0.1 s, and no texts
more than some 0.5 s. Texts of which half the words were changed need a tenth of it."""
FEW: Final = 48
"""Differences that Myers' way looks for before the anchors are tried."""
MANY: Final = 600
"""And where there are no anchors."""


def matches(a: Sequence[int], b: Sequence[int], *, steps: int | None = None) -> Iterator[tuple[int, int, int]]:
    """Yield (place in a, place in b, length) of what both have in common, in no order.

    Parameters
    ----------
    a, b : sequence of int
        The words, each as a number.
    steps : int, optional
        What it may cost; when it is used up, the rest counts as different.

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
        """Yield (place in a, place in b, length), in no order."""
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
            found = self._myers(low, high, start, stop, FEW)
            if found is None and (anchors := self._anchors(low, high, start, stop)):
                edges = [(low, start), *anchors, (high, stop)]
                # An anchor itself begins the part behind it, and is taken off there with what follows it.
                pending += [(x, u, y, v) for (x, y), (u, v) in pairwise(edges)]
                continue
            yield from found or self._myers(low, high, start, stop, MANY) or ()

    def _anchors(self, low: int, high: int, start: int, stop: int) -> list[tuple[int, int]]:
        """The longest row of words that both parts have once, in order in both."""
        a, b = self._a, self._b
        once_a, once_b = Counter(a[low:high]), Counter(b[start:stop])
        places = {word: at for at, word in enumerate(b[start:stop], start) if once_b[word] == 1}
        pairs = [(at, places[w]) for at, w in enumerate(a[low:high], low) if once_a[w] == 1 and w in places]
        ends: list[int] = []  # the least last place in b of an increasing row, by its length
        tails: list[int] = []
        before: list[int] = []
        for number, (_, place) in enumerate(pairs):
            at = bisect_left(ends, place)
            before.append(tails[at - 1] if at else -1)
            ends[at : at + 1] = [place]
            tails[at : at + 1] = [number]
        row, number = [], tails[-1] if tails else -1
        while number >= 0:
            row.append(pairs[number])
            number = before[number]
        return row[::-1]

    def _myers(self, low: int, high: int, start: int, stop: int, most: int) -> list[tuple[int, int, int]] | None:
        """The runs in common where at most `most` words differ; ``None`` where there are more."""
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
                    return [(low + p, start + q, length) for p, q, length in _traced(history, n, m)]
        return None


def _traced(history: Sequence[Sequence[int]], n: int, m: int) -> Iterator[tuple[int, int, int]]:
    """Go back the way that Myers' search came, and yield its diagonals."""
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
