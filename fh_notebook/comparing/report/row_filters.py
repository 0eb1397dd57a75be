"""Filters of a comparison's rows and their labels: the browser of rows and a report offer the same by one click."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Final

FILTERS: Final = {
    "": "all rows",
    "different": "outputs differ",
    "scores": "scores differ",
    "tied": "scores tie",
    "failed": "failed",
    "not_sent": "not sent",
    "unknown": "outcome unknown",
    "pending": "pending",
    "unscored": "a score is missing",
}
"""Which rows are shown, and in words."""
SCORE_FILTERS: Final = ("scores", "tied", "unscored")
"""Those that there are only where something is scored."""

ONLY_RIGHT: Final = "the only right one"
"""Behind the score of an answer that is right where every other one of its row is wrong, each in all its repeats."""

WINS_SHOWN: Final = 6
"""Variants whose wins are offered by one click."""

_ALWAYS: Final = ("different", "failed")
_RARE: Final = ("not_sent", "unknown", "pending")


def quick_filters(
    variants: Mapping[int, str], counts: Mapping[str, int] | None, *, is_scored: bool, is_right_or_wrong: bool
) -> dict[str, str]:
    """Return the filters that one click offers, and their labels; ``won:0`` is of the plan's first variant.

    Examples
    --------
    >>> counts = {"failed": 0, "not_sent": 0, "unknown": 3, "pending": 0}
    >>> list(quick_filters({0: "a", 1: "b"}, counts, is_scored=True, is_right_or_wrong=True).values())
    ['outputs differ', 'failed', 'outcome unknown', 'only a right', 'only b right']
    """
    names = [*_ALWAYS, *(name for name in _RARE if counts and counts[name])]
    if len(variants) < 2:
        return {name: FILTERS[name] for name in names if name != "different"}
    won = "only {} right" if is_right_or_wrong else "{} wins"
    winners = islice(variants.items(), WINS_SHOWN if is_scored else 0)
    return {name: FILTERS[name] for name in names} | {f"won:{place}": won.format(name) for place, name in winners}
