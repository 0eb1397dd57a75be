"""`Agreement`: how far people agree with each other, and a judge or a scorer with people.

Rule of this file: agreement is counted on what both have said, and how many that are is told. People are taken together
as their majority; where that is divided, they have said "tie". A scorer says which of two is better by its scores, so a
scale is asked the same way: which of two outputs of a row got the higher number.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook import html
from fh_notebook.batching.plan import counted
from fh_notebook.batching.wording import one_line
from fh_notebook.comparing.figures import figure, percent
from fh_notebook.comparing.kappa import Kappa, cohen, fleiss, krippendorff, table_of
from fh_notebook.comparing.rating_items import Item
from fh_notebook.comparing.rating_kinds import SIDES, TIE, Kind, turned
from fh_notebook.comparing.ratings import Standing
from fh_notebook.store.ratings import RatingLine

__all__ = [
    "PEOPLE",
    "Agreement",
    "Preferences",
    "between_people",
    "majority",
    "preferences_of_people",
    "preferences_of_scores",
    "with_scorer",
]

PEOPLE: Final = "people"
NAME_SHOWN: Final = 60

Preferences = dict[tuple[int, int], str]
"""By the lines of two outputs: ``a``, ``b`` or ``tie``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table."""

    who: str
    others: str
    what: str
    """``pairs`` or ``outputs``."""
    method: str
    found: Kappa


class Agreement:
    """How far people agree, and scorers with them. Made by ``cmp.agreement()``; ``str()`` of it is the sentences."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = tuple(lines)

    @property
    def frame(self) -> pd.DataFrame:
        """One line for two who are compared, and one for all people where there are three or more.

        Columns: ``who``, ``others``; ``n`` items that both have rated; ``agree``: the share on which they agree;
        ``kappa`` with its 95 % interval ``ci_low, ci_high``; ``method``: ``cohen``, ``cohen, weighted`` (a scale) or
        ``fleiss``. A kappa that is not defined, since all said the same always, is NaN.

        Fleiss' kappa knows no order of answers, and takes only items that all have rated. So three people or more have
        one more line on a scale, and where only some of them have rated an item: ``method`` is ``krippendorff``, or
        ``krippendorff, ordinal`` of a scale; ``n`` items that two or more have rated; ``agree`` the share of pairs of
        ratings of an item that are the same; ``alpha`` Krippendorff's alpha in place of ``kappa``, with its interval.
        """
        by_alpha = np.array([x.method in ALPHAS for x in self._lines], dtype=bool)
        values = pd.Series([x.found.kappa for x in self._lines], dtype="float64")
        return pd.DataFrame(
            {
                "who": pd.Series([x.who for x in self._lines], dtype="object"),
                "others": pd.Series([x.others for x in self._lines], dtype="object"),
                "n": pd.Series([x.found.n for x in self._lines], dtype="int64"),
                "agree": pd.Series([x.found.agree for x in self._lines], dtype="float64"),
                "kappa": values.mask(by_alpha),
                "ci_low": pd.Series([x.found.low for x in self._lines], dtype="float64"),
                "ci_high": pd.Series([x.found.high for x in self._lines], dtype="float64"),
                "method": pd.Series([x.method for x in self._lines], dtype="object"),
                "alpha": values.where(by_alpha),
            }
        )

    @property
    def sentences(self) -> list[str]:
        """What the table says, a sentence a line."""
        return [_sentence(line) for line in self._lines]

    def __str__(self) -> str:
        return "\n".join(self.sentences) or "One person has rated, and nothing scored: there is nobody to agree with."

    def __repr__(self) -> str:
        return html.printable(str(self))

    def _repr_html_(self) -> str:
        said = [html.el("p", sentence, cls="fh-say") for sentence in str(self).splitlines()]
        head = ("who", "with", "items", "agree", "kappa or alpha", "95% interval", "method")
        cells = [
            (
                one_line(x.who, NAME_SHOWN), one_line(x.others, NAME_SHOWN), f"{x.found.n:,}", percent(x.found.agree),
                figure(x.found.kappa), _interval(x.found), METHODS[x.method],
            )
            for x in self._lines
        ]  # fmt: skip
        table = html.table(head, cells, cls="fh-table fh-num") if cells else None
        return html.el("div", html.STYLE, *said, html.fold("the numbers", table) if table else None, cls="fh")


METHODS: Final = {
    "cohen": "Cohen's kappa",
    "cohen, weighted": "Cohen's kappa, squared distances",
    "fleiss": "Fleiss' kappa",
    "krippendorff": "Krippendorff's alpha",
    "krippendorff, ordinal": "Krippendorff's ordinal alpha",
}
ALPHAS: Final = ("krippendorff", "krippendorff, ordinal")
"""Methods whose value is alpha."""


def _sentence(line: Line) -> str:
    found, who = line.found, one_line(line.who, NAME_SHOWN)
    if line.method in ALPHAS:
        value = f"{found.kappa:.2f}" if not math.isnan(found.kappa) else "is not defined: all said the same"
        over = f"over {counted(found.n, line.what[:-1])} that two or more have rated"
        alike = f"{percent(found.agree)} of two ratings of one are the same"
        return f"{METHODS[line.method]} of {who} {value}{_in_brackets(found)}, {over}; {alike}."
    all_of_them = line.method == "fleiss"
    two = who if all_of_them else f"{who} and {one_line(line.others, NAME_SHOWN)}"
    if not found.n:
        return f"{two} have rated no {line.what[:-1]} in common."
    kappa = f"kappa {found.kappa:.2f}" if not math.isnan(found.kappa) else "kappa is not defined: all said the same"
    told = f"{percent(found.agree)} of {counted(found.n, line.what[:-1])}, {kappa}{_in_brackets(found)}"
    if line.others == PEOPLE:
        return f"{who} agrees with people in {told}."
    if line.method == "cohen, weighted":
        return f"{two}, weighted by how far apart they are, agree in {told}."
    return f"{two} agree in {told}."


def _interval(found: Kappa) -> str:
    return "" if math.isnan(found.low) else f"{found.low:.2f} to {found.high:.2f}"


def _in_brackets(found: Kappa) -> str:
    return f" (95 % interval {_interval(found)})" if _interval(found) else ""


# --- people


def between_people(said: Standing, kind: Kind) -> list[Line]:
    """Return how far every two agree, and all of them where there are more than two."""
    what = "pairs" if kind.is_pair else "outputs"
    method = "cohen, weighted" if kind.is_scale else "cohen"
    lines = []
    for (one, of_one), (other, of_other) in combinations(said.items(), 2):
        both = [item for item in of_one if item in of_other]
        first = [of_one[item].choice for item in both]
        second = [_as_in(of_other[item], of_one[item]) for item in both]
        counts = table_of(first, second, kind.choices)
        lines.append(Line(who=one, others=other, what=what, method=method, found=cohen(counts, ordered=kind.is_scale)))
    if len(said) > 2:
        lines += _all_of_them(said, kind, what)
    return lines


def _all_of_them(said: Standing, kind: Kind, what: str) -> list[Line]:
    rated: dict[str, list[RatingLine]] = {}
    for of in said.values():
        for item, line in of.items():
            rated.setdefault(item, []).append(line)
    counts = np.zeros((len(rated), len(kind.choices)))
    for place, lines in enumerate(rated.values()):
        for line in lines:
            counts[place, kind.choices.index(_as_in(line, lines[0]))] += 1
    times = counts.sum(1)
    shared = times == len(said)
    who = f"{', '.join(list(said)[:-1])} and {list(said)[-1]}"
    found = [Line(who=who, others="", what=what, method="fleiss", found=fleiss(counts[shared]))]
    pairable = times >= 2
    if pairable.any() and (kind.is_scale or not shared[pairable].all()):
        method = "krippendorff, ordinal" if kind.is_scale else "krippendorff"
        alpha = krippendorff(counts, ordered=kind.is_scale)
        found.append(Line(who=who, others="", what=what, method=method, found=alpha))
    return found


def _as_in(line: RatingLine, other: RatingLine | Item) -> str:
    """What was said, by the names that another rating, or the item, has for the two."""
    return line.choice if line.a == other.a else turned(line.choice)


def majority(choices: Iterable[str]) -> str:
    """Return what most said; where the most are divided, a tie.

    Examples
    --------
    >>> majority(["a", "a", "b"]), majority(["a", "b"])
    ('a', 'tie')
    """
    first, *rest = Counter(choices).most_common(2)
    return TIE if rest and rest[0][1] == first[1] else first[0]


def preferences_of_people(said: Standing, items: Sequence[Item], kind: Kind) -> Preferences:
    """Return what people preferred: their majority, or on a scale the higher mean."""
    if kind.is_pair:
        found: Preferences = {}
        for item in items:
            given = [of[item.id] for of in said.values() if item.id in of]
            if given and item.place_b is not None:
                found[item.place_a, item.place_b] = majority(_as_in(x, item) for x in given)
        return found
    means = {
        item.place_a: fmean(numbers)
        for item in items
        if (numbers := [float(of[item.id].choice) for of in said.values() if item.id in of])
    }
    by_row: dict[Any, list[Item]] = {}
    for item in items:
        if item.place_a in means:
            by_row.setdefault(item.row, []).append(item)
    return {
        (x.place_a, y.place_a): _side(means[x.place_a], means[y.place_a])
        for of in by_row.values()
        for x, y in combinations(of, 2)
        if x.a != y.a
    }


def _side(first: float, second: float) -> str:
    return TIE if first == second else "a" if first > second else "b"


# --- a scorer


def preferences_of_scores(lines: pd.DataFrame, wanted: Iterable[tuple[int, int]]) -> Preferences:
    """Return which of two outputs a scorer prefers: by a verdict on both where there is one, else by its scores."""
    scores = lines["score"].tolist()
    parts = lines["parts"].tolist() if "parts" in lines else [None] * len(scores)
    names = lines["variant"].tolist()
    lower = bool(lines.attrs.get("lower_is_better", False))
    found: Preferences = {}
    for first, second in wanted:
        verdict = _verdict(parts[first], names[second])
        if verdict is not None:
            found[first, second] = _side(verdict, 1 - verdict)
        elif not (math.isnan(scores[first]) or math.isnan(scores[second])):
            x, y = scores[first], scores[second]
            found[first, second] = _side(y, x) if lower else _side(x, y)
    return found


def _verdict(parts: Any, other: str) -> float | None:
    """What a judge of two at a time gave the first of them, of one point."""
    share = parts.get(f"vs {other}") if isinstance(parts, Mapping) else None
    return float(share) if isinstance(share, float) and not math.isnan(share) else None


def with_scorer(name: str, lines: pd.DataFrame, people: Preferences) -> Line:
    """Return how far a scorer agrees with people on which of two is better."""
    scorer = preferences_of_scores(lines, people)
    counts = table_of([scorer[pair] for pair in scorer], [people[pair] for pair in scorer], SIDES)
    return Line(who=name, others=PEOPLE, what="pairs", method="cohen", found=cohen(counts))
