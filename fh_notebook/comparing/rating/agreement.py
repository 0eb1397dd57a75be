"""`Agreement`: agreement of raters with each other, and of scorers with raters, by share and kappa.

Agreement is counted on items that both have rated, and their number is given. People together are their majority; where
it is divided, they have said "tie". A scorer prefers the output with the better score, so a scale is read the same way:
which of two outputs of a row got the higher number.

**Kappa** is Cohen's for two raters, Fleiss' for more; Krippendorff's alpha is used where neither fits. Where chance
alone would always agree (everybody always says the same), it is not defined and NaN; the share of agreement stands
beside it. Its interval lies within the possible values of kappa and has a width at full agreement too: ten items on
which all agree do not prove that all always do.

For the interval, four items are added on which the answers are independent, as A. Agresti and B. A. Coull do for a
share ("Approximate is better than 'exact' for interval estimation of binomial proportions", The American Statistician
52 (1998), 119-126). Kappa and its large sample variance are computed with these items, and the quantile of Student's t
has as many degrees of freedom as there are items. The limits include the observed kappa. With more than two raters,
fewer items are added, since each of them says more.

Coverage of Cohen's kappa of two answers was counted exactly, for kappas of 0 to 0.9 and answers that each of the two
gives in 50 to 95 %: of 95 % intervals it is at least 94.1 % for 6 to 30 items and 93.5 % for 100 (4,000 draws).
Wilson's interval of the share of agreement over the effective number of items covers 61.7 % at the worst, near kappa 0,
at widths that are 9 % smaller. Fleiss' kappa was simulated: at least 92.4 % of 2,000 datasets each are covered with
three raters, and, which is too few, 87.2 % (6 items) to 92.7 % (100) with five. ``python -m tests.benchmarks coverage``
has the figures. Of 95 % intervals of Krippendorff's alpha, 600 simulated datasets each, 91 to 99 % covered it (10 to 50
items, 3 or 5 raters, up to 40 % of the ratings missing).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.rendering import one_line
from fh_notebook.comparing.rating.questions import SIDES, TIE, Item, Question, swap_sides
from fh_notebook.comparing.rating.ratings import CountedRatings
from fh_notebook.comparing.stats.intervals import LEVEL, NAN, Numbers, t_quantile
from fh_notebook.comparing.stats.number_format import figure, percent
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import counted
from fh_notebook.store.tables.ratings import RatingRow

FEWEST_ITEMS: Final = 2

_STEP: Final = 1e-4
"""Of an item's weight, to see how far alpha moves with it."""

ADDED: Final = 4.0
"""Items without agreement beyond chance that an interval is computed with."""


class Kappa(NamedTuple):
    """The agreement of two or more raters."""

    n: int
    """Items that all of them rated; for alpha, items that two or more rated."""
    agree: float
    """The share on which they agree; on a scale, each disagreement counts by how far it is."""
    kappa: float
    """Cohen's or Fleiss' kappa, or Krippendorff's alpha."""
    low: float
    high: float
    """95 % interval of kappa; NaN where it has none."""


def table_of(first: Sequence[str], second: Sequence[str], answers: Sequence[str]) -> NDArray[np.float64]:
    """Return the table of two raters: how often each pair of answers occurs.

    Examples
    --------
    >>> table_of("aab", "abb", "ab").tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    index = {answer: n for n, answer in enumerate(answers)}
    counts = np.zeros((len(answers), len(answers)))
    for x, y in zip(first, second, strict=True):
        counts[index[x], index[y]] += 1
    return counts


def cohen(counts: Numbers, *, ordered: bool = False) -> Kappa:
    """Return Cohen's kappa of two raters, from how often each answer of the one met each of the other.

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960),
    37-46; with `ordered`, answers that are far apart disagree more (squares of the distance: J. Cohen, "Weighted
    kappa", Psychological Bulletin 70 (1968), 213-220). The variance is that of J. L. Fleiss, J. Cohen and B. S.
    Everitt, "Large sample standard errors of kappa and weighted kappa", Psychological Bulletin 72 (1969), 323-327,
    formula 13.

    Examples
    --------
    >>> estimate = cohen(np.array([[20.0, 5.0], [10.0, 15.0]]))
    >>> estimate.n, estimate.agree, round(estimate.kappa, 2), round(estimate.low, 2), round(estimate.high, 2)
    (50, 0.7, 0.4, 0.12, 0.62)
    """
    n, k = int(counts.sum()), len(counts)
    if not n:
        return Kappa(0, NAN, NAN, NAN, NAN)
    weights = np.eye(k)
    if ordered and k > 1:
        far = np.subtract.outer(np.arange(k), np.arange(k)) / (k - 1)
        weights = 1.0 - far**2
    agree, kappa, _ = _cohen_estimate(counts, weights)
    return Kappa(
        n, agree, kappa, *_kappa_interval(kappa, n, _cohen_estimate(counts + ADDED / k**2, weights)[1:], least=-1.0)
    )


def _cohen_estimate(counts: Numbers, weights: Numbers) -> tuple[float, float, float]:
    """Return the share of agreement, kappa, and the variance of kappa."""
    n = float(counts.sum())
    shares = counts / n
    rows, columns = shares.sum(1), shares.sum(0)
    agreement, chance = float((weights * shares).sum()), float(rows @ weights @ columns)
    if chance > 1 - 1e-12:
        return agreement, NAN, NAN
    of_row, of_column = weights @ columns, rows @ weights
    terms = (weights * (1 - chance) - (of_row[:, None] + of_column[None, :]) * (1 - agreement)) ** 2
    variance = (float((shares * terms).sum()) - (agreement * chance - 2 * chance + agreement) ** 2) / (
        n * (1 - chance) ** 4
    )
    return agreement, (agreement - chance) / (1 - chance), variance


def _kappa_interval(kappa: float, n: int, mended: tuple[float, float], *, least: float) -> tuple[float, float]:
    """Return the interval of a kappa, from kappa and variance with the items that are added, and its lowest value."""
    if n < FEWEST_ITEMS or math.isnan(kappa):
        return NAN, NAN
    centre, variance = mended
    half = t_quantile((1 + LEVEL) / 2, n) * math.sqrt(max(variance, 0.0))
    return max(least, min(kappa, centre - half)), min(1.0, max(kappa, centre + half))


def fleiss(counts: Numbers) -> Kappa:
    """Return Fleiss' kappa of several raters, from how many gave each answer to each item.

    J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76 (1971), 378-382.
    Every item has the same number of raters. The variance is that of the influence of the items (the infinitesimal
    jackknife: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 21).

    Examples
    --------
    >>> estimate = fleiss(np.array([[3.0, 0.0], [0.0, 3.0], [2.0, 1.0], [3.0, 0.0]]))
    >>> estimate.n, round(estimate.agree, 3), round(estimate.kappa, 3)
    (4, 0.833, 0.625)
    """
    n = len(counts)
    if not n:
        return Kappa(0, NAN, NAN, NAN, NAN)
    raters = float(counts[0].sum())
    agree, kappa, _ = _fleiss_estimate(counts, np.ones(n))
    mended = _fleiss_estimate(*_with_added(counts, raters))[1:]
    return Kappa(n, agree, kappa, *_kappa_interval(kappa, n, mended, least=-1 / (raters - 1)))


def _with_added(counts: Numbers, raters: float) -> tuple[Numbers, Numbers]:
    """Return the counts with the items that are added, and the weights of all.

    Of what is added, 1 / raters agrees fully and the rest not at all: then its kappa is 0. More raters say more on an
    item, so fewer items are added.
    """
    k, extra = counts.shape[1], ADDED / (raters - 1)
    added = np.vstack([raters * np.eye(k), np.full((1, k), raters / k)])
    weights = [np.ones(len(counts)), np.full(k, extra / raters / k), np.array([extra * (1 - 1 / raters)])]
    return np.vstack([counts, added]), np.concatenate(weights)


def _fleiss_estimate(counts: Numbers, weights: Numbers) -> tuple[float, float, float]:
    """Return the share of agreement, kappa, and the variance of kappa."""
    n, raters = float(weights.sum()), float(counts[0].sum())
    same = (np.square(counts).sum(1) - raters) / (raters * (raters - 1))
    shares_of_answers = counts / raters
    agreement, shares = float(weights @ same) / n, weights @ shares_of_answers / n
    chance = float(shares @ shares)
    if chance > 1 - 1e-12:
        return agreement, NAN, NAN
    influence = (same - agreement) / (1 - chance) - (1 - agreement) / (1 - chance) ** 2 * 2 * (
        shares_of_answers @ shares - chance
    )
    return agreement, (agreement - chance) / (1 - chance), float(weights @ np.square(influence)) / n**2


def krippendorff(counts: Numbers, *, ordered: bool = False) -> Kappa:
    """Return Krippendorff's alpha, from how many gave each answer to each item, whoever and however many they are.

    K. Krippendorff, "Content Analysis: An Introduction to Its Methodology" (4th edition, 2019), chapter 12; with
    `ordered`, answers disagree by how many ratings lie between them (his ordinal metric). The variance is that of the
    influence of the items, as in :func:`fleiss`. ``agree`` is the share of pairs of ratings of an item that are the
    same.

    Examples
    --------
    >>> estimate = krippendorff(np.array([[3.0, 0, 0], [0, 2, 0], [0, 1, 1], [0, 0, 1]]), ordered=True)
    >>> estimate.n, round(estimate.agree, 3), round(estimate.kappa, 3)
    (3, 0.8, 0.857)
    """
    counts = counts[counts.sum(1) >= 2]
    n, rating_counts = len(counts), counts.sum(1)
    if not n:
        return Kappa(0, NAN, NAN, NAN, NAN)
    agree = float((counts * (counts - 1)).sum() / (rating_counts * (rating_counts - 1)).sum())
    alpha = float(_alpha_of(_coincidences(counts).sum(0), ordered))
    mended, weights = _with_added(counts, float(rating_counts.mean()))
    items = _coincidences(mended)
    total = np.tensordot(weights, items, 1)
    slopes = (_alpha_of(total + _STEP * items, ordered) - _alpha_of(total - _STEP * items, ordered)) / (2 * _STEP)
    centre, variance = float(_alpha_of(total, ordered)), float(weights @ np.square(slopes))
    return Kappa(n, agree, alpha, *_kappa_interval(alpha, n, (centre, variance), least=min(alpha, -1.0)))


def _coincidences(counts: Numbers) -> Numbers:
    """Return of each item how often each answer met each other one, so that each rating counts once."""
    met = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1])
    return np.asarray(met / (counts.sum(1) - 1)[:, None, None])


def _alpha_of(coincidences: Numbers, ordered: bool) -> Numbers:
    """Return alpha of each table of coincidences; NaN where all ratings are the same."""
    answer_counts = coincidences.sum(-1)
    far = 1.0 - np.eye(answer_counts.shape[-1])
    if ordered:
        position = answer_counts.cumsum(-1) - answer_counts / 2
        far = np.square(position[..., :, None] - position[..., None, :])
    total = answer_counts.sum(-1)
    observed = (coincidences * far).sum((-2, -1)) * (total - 1)
    chance = (answer_counts[..., :, None] * answer_counts[..., None, :] * far).sum((-2, -1))
    with np.errstate(invalid="ignore"):
        return np.asarray(1.0 - observed / np.where(chance > 0, chance, NAN))


PEOPLE: Final = "people"

NAME_SHOWN: Final = 60


OutputPreferences = dict[tuple[int, int], str]
"""The preference ``a``, ``b`` or ``tie`` by the lines of two outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementLine:
    """One line of the table."""

    who: str
    others: str
    what: str
    """``pairs`` or ``outputs``."""
    method: str
    estimate: Kappa


class Agreement:
    """Agreement of people, and of scorers with people; ``str()`` has the sentences. Returned by ``cmp.agreement()``."""

    def __init__(self, lines: Sequence[AgreementLine]) -> None:
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
        values = pd.Series([x.estimate.kappa for x in self._lines], dtype="float64")
        return pd.DataFrame(
            {
                "who": pd.Series([x.who for x in self._lines], dtype="object"),
                "others": pd.Series([x.others for x in self._lines], dtype="object"),
                "n": pd.Series([x.estimate.n for x in self._lines], dtype="int64"),
                "agree": pd.Series([x.estimate.agree for x in self._lines], dtype="float64"),
                "kappa": values.mask(by_alpha),
                "ci_low": pd.Series([x.estimate.low for x in self._lines], dtype="float64"),
                "ci_high": pd.Series([x.estimate.high for x in self._lines], dtype="float64"),
                "method": pd.Series([x.method for x in self._lines], dtype="object"),
                "alpha": values.where(by_alpha),
            }
        )

    @property
    def sentences(self) -> list[str]:
        """One sentence for each line of the table."""
        return [_sentence(line) for line in self._lines]

    def __str__(self) -> str:
        return "\n".join(self.sentences) or (
            "One person has rated, and nothing was scored: agreement needs two people, or a score."
        )

    def __repr__(self) -> str:
        return html.printable(str(self))

    def _repr_html_(self) -> str:
        sentences = [html.sentence("p", sentence, cls="fh-say") for sentence in str(self).splitlines()]
        head = ("who", "with", "items", "agree", "kappa or alpha", "95 % interval", "method")
        cells = [
            (
                one_line(x.who, NAME_SHOWN), one_line(x.others, NAME_SHOWN), f"{x.estimate.n:,}",
                percent(x.estimate.agree), figure(x.estimate.kappa), _interval_text(x.estimate), METHODS[x.method],
            )
            for x in self._lines
        ]  # fmt: skip
        table = html.table(head, cells, cls="fh-table fh-num") if cells else None
        return html.el("div", html.STYLE, *sentences, html.fold("the numbers", table) if table else None, cls="fh")


METHODS: Final = {
    "cohen": "Cohen's kappa",
    "cohen, weighted": "Cohen's kappa, squared distances",
    "fleiss": "Fleiss' kappa",
    "krippendorff": "Krippendorff's alpha",
    "krippendorff, ordinal": "Krippendorff's ordinal alpha",
}

ALPHAS: Final = ("krippendorff", "krippendorff, ordinal")
"""Methods whose value is alpha."""


def _sentence(line: AgreementLine) -> str:
    estimate, rater = line.estimate, one_line(line.who, NAME_SHOWN)
    if line.method in ALPHAS:
        value = (
            f"{estimate.kappa:.2f}" if not math.isnan(estimate.kappa) else "is not defined: all ratings are the same"
        )
        over = f"over {counted(estimate.n, line.what[:-1])} that at least two people have rated"
        alike = f"{percent(estimate.agree)} of the pairs of ratings of one item agree"
        return f"{METHODS[line.method]} of {rater} {value}{_interval_in_brackets(estimate)}, {over}; {alike}."
    all_of_them = line.method == "fleiss"
    two = rater if all_of_them else f"{rater} and {one_line(line.others, NAME_SHOWN)}"
    if not estimate.n:
        return f"{two} have rated no {line.what[:-1]} in common."
    kappa = (
        f"kappa {estimate.kappa:.2f}"
        if not math.isnan(estimate.kappa)
        else "kappa is not defined: all ratings are the same"
    )
    share = (
        f"{percent(estimate.agree)} of {counted(estimate.n, line.what[:-1])}, {kappa}{_interval_in_brackets(estimate)}"
    )
    if line.others == PEOPLE:
        return f"{rater} agrees with people in {share}."
    if line.method == "cohen, weighted":
        return f"{two}, weighted by how far apart they are, agree in {share}."
    return f"{two} agree in {share}."


def _interval_text(estimate: Kappa) -> str:
    return "" if math.isnan(estimate.low) else f"{estimate.low:.2f} to {estimate.high:.2f}"


def _interval_in_brackets(estimate: Kappa) -> str:
    return f" (95 % interval {_interval_text(estimate)})" if _interval_text(estimate) else ""


# --- people


def between_people(ratings: CountedRatings, kind: Question) -> list[AgreementLine]:
    """Return the agreement of every two people, and of all where there are more than two."""
    item_name = "pairs" if kind.is_pair else "outputs"
    method = "cohen, weighted" if kind.is_scale else "cohen"
    lines = []
    for (first_rater, of_one), (second_rater, of_other) in combinations(ratings.items(), 2):
        both = [item for item in of_one if item in of_other]
        first = [of_one[item].choice for item in both]
        second = [_choice_in_order_of(of_other[item], of_one[item]) for item in both]
        counts = table_of(first, second, kind.choices)
        lines.append(
            AgreementLine(
                who=first_rater,
                others=second_rater,
                what=item_name,
                method=method,
                estimate=cohen(counts, ordered=kind.is_scale),
            )
        )
    if len(ratings) > 2:
        lines += _between_all(ratings, kind, item_name)
    return lines


def _between_all(ratings: CountedRatings, kind: Question, item_name: str) -> list[AgreementLine]:
    rated: dict[str, list[RatingRow]] = {}
    for of in ratings.values():
        for item, line in of.items():
            rated.setdefault(item, []).append(line)
    counts = np.zeros((len(rated), len(kind.choices)))
    for index, lines in enumerate(rated.values()):
        for line in lines:
            counts[index, kind.choices.index(_choice_in_order_of(line, lines[0]))] += 1
    times = counts.sum(1)
    shared = times == len(ratings)
    raters = f"{', '.join(list(ratings)[:-1])} and {list(ratings)[-1]}"
    agreement_lines = [
        AgreementLine(who=raters, others="", what=item_name, method="fleiss", estimate=fleiss(counts[shared]))
    ]
    pairable = times >= 2
    if pairable.any() and (kind.is_scale or not shared[pairable].all()):
        method = "krippendorff, ordinal" if kind.is_scale else "krippendorff"
        alpha = krippendorff(counts, ordered=kind.is_scale)
        agreement_lines.append(AgreementLine(who=raters, others="", what=item_name, method=method, estimate=alpha))
    return agreement_lines


def _choice_in_order_of(line: RatingRow, other: RatingRow | Item) -> str:
    """Return the choice of a rating in the order of another rating, or of the item."""
    return line.choice if line.a == other.a else swap_sides(line.choice)


def majority(choices: Iterable[str]) -> str:
    """Return the most frequent choice; a tie where two are equally frequent.

    Examples
    --------
    >>> majority(["a", "a", "b"]), majority(["a", "b"])
    ('a', 'tie')
    """
    first, *rest = Counter(choices).most_common(2)
    return TIE if rest and rest[0][1] == first[1] else first[0]


def preferences_of_people(ratings: CountedRatings, items: Sequence[Item], kind: Question) -> OutputPreferences:
    """Return the preferences of people: their majority, or on a scale the higher mean."""
    if kind.is_pair:
        preferences: OutputPreferences = {}
        for item in items:
            rows = [of[item.id] for of in ratings.values() if item.id in of]
            if rows and item.line_b is not None:
                preferences[item.line_a, item.line_b] = majority(_choice_in_order_of(x, item) for x in rows)
        return preferences
    means = {
        item.line_a: fmean(numbers)
        for item in items
        if (numbers := [float(of[item.id].choice) for of in ratings.values() if item.id in of])
    }
    by_row: dict[Any, list[Item]] = {}
    for item in items:
        if item.line_a in means:
            by_row.setdefault(item.row, []).append(item)
    return {
        (x.line_a, y.line_a): _preferred_side(means[x.line_a], means[y.line_a])
        for of in by_row.values()
        for x, y in combinations(of, 2)
        if x.a != y.a
    }


def _preferred_side(first: float, second: float) -> str:
    return TIE if first == second else "a" if first > second else "b"


# --- a scorer


def preferences_of_scores(lines: pd.DataFrame, pairs: Iterable[tuple[int, int]]) -> OutputPreferences:
    """Return the preferences of a scorer: its pairwise verdict where there is one, else the better score."""
    scores = lines["score"].tolist()
    parts = lines["parts"].tolist() if "parts" in lines else [None] * len(scores)
    names = lines["variant"].tolist()
    lower = bool(lines.attrs.get("lower_is_better", False))
    preferences: OutputPreferences = {}
    for first, second in pairs:
        verdict = _pairwise_share(parts[first], names[second])
        if verdict is not None:
            preferences[first, second] = _preferred_side(verdict, 1 - verdict)
        elif not (math.isnan(scores[first]) or math.isnan(scores[second])):
            x, y = scores[first], scores[second]
            preferences[first, second] = _preferred_side(y, x) if lower else _preferred_side(x, y)
    return preferences


def _pairwise_share(parts: Any, other: str) -> float | None:
    """What a judge of two at a time gave the first of them, of one point."""
    share = parts.get(f"vs {other}") if isinstance(parts, Mapping) else None
    return float(share) if isinstance(share, float) and not math.isnan(share) else None


def with_scorer(name: str, lines: pd.DataFrame, people: OutputPreferences) -> AgreementLine:
    """Return the agreement of a scorer with people on which of two outputs is better."""
    scorer = preferences_of_scores(lines, people)
    counts = table_of([scorer[pair] for pair in scorer], [people[pair] for pair in scorer], SIDES)
    return AgreementLine(who=name, others=PEOPLE, what="pairs", method="cohen", estimate=cohen(counts))
