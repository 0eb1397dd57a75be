"""Panels of a comparison's plot (scores, paired differences, wins, seconds, trade-off), as values and in words.

Each panel shows what a table contains, best first, and describes it in words; its title is the result. This module
needs no drawing library, but for the names that are drawn: `fonts.py` knows what of them can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, count, pairwise, takewhile
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.rendering import one_line
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.stats.classes import OTHER, ConfusionRows
from fh_notebook.comparing.stats.hypothesis_tests import FEWEST_PAIRS
from fh_notebook.comparing.stats.number_format import (
    axis_ends,
    figure,
    p_text,
    percent,
    percents,
    points,
    seconds,
    seconds_format,
    share_head,
    signed,
)
from fh_notebook.comparing.stats.pairs import Pair, tested_in
from fh_notebook.comparing.stats.summary import summary_table
from fh_notebook.comparing.verdicts.tradeoff import Tradeoff
from fh_notebook.comparing.verdicts.verdict import after_holm, winner_of
from fh_notebook.core.text.formatting import figures, in_words, short
from fh_notebook.core.text.messages import agreeing, counted
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import InputError

INK: Final = "#7a7d85"
"""4.1 to 1 on white, 4.6 to 1 on JupyterLab's black (WCAG 2.2 asks 3 to 1 of figures)."""
GREY: Final = "#9a9da5"
"""Of what belongs to no variant: ties, and differences that are not decided."""

NAME_SHOWN: Final = 28
"""Characters of a variant's name beside a plot."""
OF_PAIR_SHOWN: Final = 16
"""Of two names in one line."""
ALL_PAIRS_OF: Final = 4
"""Variants of which all pairs are drawn; of more only those with the best one."""
MOST_PAIRS: Final = 28
"""More lines than that nobody reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotData:
    """The data of a plot."""

    summary: pd.DataFrame
    """Best first."""
    pairs: Sequence[Pair]
    """Those that are drawn, the better variant of each as `b`, the best one's first."""
    seconds: dict[str, Any]
    """The seconds of the completed runs by variant, in the order of the summary."""
    scorer: str
    criterion: str
    """What makes an output right, or what the score measures; empty where the scorer does not say."""
    yes_no: bool
    lower: bool
    """Whether a lower score is the better one."""
    winner: str | None
    """The variant that is better than every other one."""
    corrected: str
    """What is said of a p value of these pairs: whether it is corrected."""
    comparisons: int
    """The tested pairs, for which p values are corrected."""
    colours: Mapping[str, str]
    classes: Mapping[str, ConfusionRows] = field(default_factory=dict)
    """What each variant says of each row, where answers are labels."""
    tradeoff: Tradeoff | None = None
    """Of score and seconds, or cost; drawn only where it is asked for."""


def plot_data(data: ComparisonData, *, tradeoff: Tradeoff | None = None) -> PlotData:
    """Return the data of a comparison's plot."""
    lines = data.lines[["variant", "seconds"]].dropna()
    summary = tables.leaderboard(data)
    return PlotData(
        summary=summary,
        pairs=_drawn_pairs(data, summary["variant"].tolist()) if data.scorer else [],
        seconds={v: lines["seconds"][lines["variant"] == v].to_numpy() for v in summary["variant"]},
        scorer=data.scorer,
        criterion=data.runs.criterion,
        yes_no=data.is_share,
        lower=data.lower,
        winner=winner_of(data),
        corrected=after_holm(data.pairs),
        comparisons=tested_in(data.pairs),
        colours=data.colours,
        classes=_with_masked_labels(data),
        tradeoff=tradeoff,
    )


def _with_masked_labels(data: ComparisonData) -> dict[str, ConfusionRows]:
    rows = data.class_rows
    if not rows:
        return {}
    masked = data.runs.secret().masked
    return {variant: replace(of, labels=[masked(label) for label in of.labels]) for variant, of in rows.items()}


def _drawn_pairs(data: ComparisonData, best_first: Sequence[str]) -> list[Pair]:
    pairs = [pair for pair in data.pairs if pair.n]
    if data.variant_pairs is not None:  # a change from one date to the next keeps its direction
        return pairs[:MOST_PAIRS]
    rank = {variant: index for index, variant in enumerate(best_first)}
    turned = [pair if rank[pair.b] < rank[pair.a] else pair.turned() for pair in pairs]
    ordered = sorted(turned, key=lambda pair: (rank[pair.b], rank[pair.a]))
    if len(rank) > ALL_PAIRS_OF:
        ordered = [pair for pair in ordered if pair.b == ordered[0].b]
    return ordered[:MOST_PAIRS]


KINDS: Final[dict[str, Callable[[PlotData], bool]]] = {
    "scores": lambda facts: bool((facts.summary["n"] > 0).any()),
    "differences": lambda facts: bool(facts.pairs),
    "wins": lambda facts: bool(facts.pairs),
    "seconds": lambda facts: any(len(values) for values in facts.seconds.values()),
    "confusion": lambda facts: bool(facts.classes),
    "tradeoff": lambda facts: facts.tradeoff is not None,
}
"""The kinds of panels, each with a check whether there is data for it."""
ON_REQUEST: Final = frozenset({"confusion", "tradeoff"})
"""The kinds that are drawn only when they are asked for: a table shows them, too."""


def kinds_drawn(facts: PlotData) -> list[str]:
    """Return the kinds that are drawn where none is asked for."""
    return [name for name, has in KINDS.items() if name not in ON_REQUEST and has(facts)]


def named(text: str, most: int = NAME_SHOWN) -> str:
    """Return a text for a plot, shortened between its words: one line, which matplotlib does not read as a formula."""
    return _shortened(_words(text, most), [0], most).replace("$", r"\$")


def distinct_names(names: Iterable[str], most: int = NAME_SHOWN) -> dict[str, str]:
    """Return the texts of names for a plot: those of :func:`distinct_texts`, distinct in what can be drawn of them."""
    from fh_notebook.comparing.plots.fonts import drawable

    texts = {name: drawable(text) for name, text in distinct_texts(names, most).items()}
    return {name: named(text, most) for name, text in _numbered(texts, most).items()}


def distinct_texts(names: Iterable[str], most: int) -> dict[str, str]:
    """Return the texts of names: at most `most` characters, different for different names.

    A long name is shortened between its words. What tells it from the others stays, then its beginning and its end.
    Where texts are the same all the same, they have a number.

    Examples
    --------
    >>> list(distinct_texts(["prompt-with-examples-v1", "prompt-with-examples-v2", "short"], 16).values())
    ['prompt-with-…v1', 'prompt-with-…v2', 'short']
    >>> list(distinct_texts(["the old prompt with many examples", "the new prompt with many examples"], 16).values())
    ['the old…examples', 'the new…examples']
    """
    words = {name: _words(name, most) for name in names}
    in_order, keys = sorted(words, key=words.__getitem__), dict[str, set[int]]()
    shared = [_common_words(words[a], words[b]) for a, b in pairwise(in_order)]
    for place, name in enumerate(in_order):
        # Where a name differs from each other one: between sorted names the least of what their neighbours share.
        before, after = accumulate(reversed(shared[:place]), min), accumulate(shared[place:], min)
        keys[name] = {0, *before, *after}
    return _numbered({name: _shortened(words[name], sorted(keys[name], reverse=True), most) for name in words}, most)


NAME_READ: Final = 400
"""Characters of a name that is shortened: what is behind them tells no names apart."""
_WORD: Final = re.compile(r"[^\s/:|_-]*[\s/:|_-]+|[^\s/:|_-]+")


def _words(name: str, most: int) -> list[str]:
    """Return the words of a name, each with the space or mark behind it; of one that is long the letters."""
    found = _WORD.findall(one_line(name, NAME_READ))
    return [part for word in found for part in ([word] if len(word) <= 2 * most // 3 else word)]


def _common_words(one: Sequence[str], other: Sequence[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _shortened(words: Sequence[str], keys: Iterable[int], most: int) -> str:
    """Return the words of a name that tell it from others (`keys`), and as many of the others as `most` lets in."""
    whole = "".join(words)
    if len(whole) <= most:
        return whole
    last = len(words) - 1
    shown: set[int] = set()
    for place in [*(min(key, last) for key in keys), last]:
        if len(_with_gaps(words, shown | {place})) <= most:
            shown.add(place)
    is_growing = True
    while is_growing:
        beside = sorted({place + step for place in shown for step in (-1, 1)} - shown)
        fits = [p for p in beside if 0 <= p <= last and len(_with_gaps(words, shown | {p})) <= most]
        is_growing = bool(fits)
        shown |= set(sorted(fits, key=lambda p: _chars_beside(words, shown, p))[:1])
    return _with_gaps(words, shown)


def _chars_beside(words: Sequence[str], shown: Collection[int], place: int) -> int:
    """Return the length of what is shown right beside a word: the shortest run grows first."""
    sides = (range(place - 1, -1, -1), range(place + 1, len(words)))
    return sum(len(words[p]) for side in sides for p in takewhile(shown.__contains__, side))


def _with_gaps(words: Sequence[str], shown: Collection[int]) -> str:
    """Return the words that are shown, with one mark in place of those that are left out between and beside them."""
    runs = [""]
    for place, word in enumerate(words):
        if place in shown:
            runs[-1] += word
        elif runs[-1] or place == 0:
            runs.append("")
    return "…".join(run.strip() for run in runs)


def _numbered(texts: Mapping[str, str], most: int) -> dict[str, str]:
    """Return the texts with a number behind those of names that have equal ones."""
    alike = {name for group in _groups_of_equal_texts(texts) for name in group}
    used = {text for name, text in texts.items() if name not in alike}
    numbered = dict(texts)
    for name in (name for name in texts if name in alike):
        candidates = (f"{one_line(texts[name], most - len(f' #{n}'))} #{n}" for n in count(1))
        numbered[name] = next(text for text in candidates if text not in used)
        used.add(numbered[name])
    return numbered


def _groups_of_equal_texts(texts: Mapping[str, str]) -> list[list[str]]:
    """Return the groups of names with equal texts."""
    by_text: dict[str, list[str]] = {}
    for name, text in texts.items():
        by_text.setdefault(text, []).append(name)
    return [names for names in by_text.values() if len(names) > 1]


# --- in words: the titles of the panels, and what is read where the picture is not

MOST_NAMED: Final = 2
"""Names of a title."""


def alike_first(texts: Mapping[str, str]) -> list[str]:
    """Return the names whose figures read as that of the first one: what reads the same is not ranked."""
    first = next(iter(texts.values()))
    return [name for name, text in texts.items() if text == first]


def first_text(texts: Mapping[str, str]) -> str:
    """Return who is first, of names with their figures as they are read, in the order of these.

    Examples
    --------
    >>> first_text({"a": "75 %", "b": "75 %", "c": "50 %"}), first_text(dict.fromkeys("abc", "75 %") | {"d": "50 %"})
    ('a and b', '3 of 4 variants')
    """
    first = alike_first(texts)
    return in_words(first, "and") if len(first) <= MOST_NAMED else f"{len(first)} of {len(texts)} variants"


def equal_text(texts: Mapping[str, str], when: str = "") -> str:
    """Return that the figures of all names read the same; empty where they do not, or there is one alone.

    Examples
    --------
    >>> equal_text({"a": "75 %", "b": "75 %"}), equal_text(dict.fromkeys("abc", "75 %"), "on 2026-12-01")
    ('Both variants are equal: 75 %', 'All 3 variants are equal on 2026-12-01: 75 %')
    """
    if len(texts) < 2 or len(alike_first(texts)) < len(texts):
        return ""
    variants = "Both variants" if len(texts) == 2 else f"All {len(texts)} variants"
    return f"{variants} are equal{when and f' {when}'}: {next(iter(texts.values()))}"


MARKS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles of seconds that are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelText:
    """A panel in words."""

    title: str
    """The result."""
    measure: str
    """What is drawn: the label of the axis."""
    alt: str
    rows: int
    """Lines of it: its height."""


def score_format(facts: PlotData) -> Callable[[float], str]:
    """Return how scores are written: shares as percent, else as numbers with one format."""
    lines = scored_lines(facts)
    if facts.yes_no:
        return percents(max((line["rows"] for line in lines), default=0))
    return figures([line[name] for line in lines for name in ("mean", "ci_low", "ci_high")])


def difference_text(facts: PlotData, difference: float) -> str:
    """Return a difference of means with its sign; of shares in percentage points."""
    if not facts.yes_no:
        return signed(difference)
    difference += 0.0  # no negative zero
    return f"{'+' if difference >= 0 else ''}{points(difference)} points"


def _in_title(facts: PlotData, variant: str) -> str:
    return distinct_names(facts.colours, TITLE_NAME_SHOWN)[variant]


TITLE_NAME_SHOWN: Final = 24
CRITERION_SHOWN: Final = 60


def _scores(facts: PlotData) -> PanelText:
    lines, text = scored_lines(facts), score_format(facts)
    means = (
        f"{line['variant']} {text(line['mean'])} ({text(line['ci_low'])} to {text(line['ci_high'])})" for line in lines
    )
    texts = {_in_title(facts, line["variant"]): text(line["mean"]) for line in lines}
    best = f"{next(iter(texts))} {text(lines[0]['mean'])}"
    if len(lines) == 1:
        title = best
    elif facts.winner is not None:
        title = f"{best}, better than every other variant" if len(lines) > 2 else f"{best}, the better one"
    else:
        place = "lowest" if facts.lower else "highest"
        title = equal_text(texts) or f"{first_text(texts)} {text(lines[0]['mean'])}: {place}, not clearly best"
    name = named(facts.scorer)
    mean = f"share of rows that are {share_head(lower=facts.lower)}" if facts.yes_no else "mean"
    return PanelText(
        title=title,
        measure=f"{mean} by {name}, 95 % interval"
        f"{f'{chr(10)}{named(facts.criterion, CRITERION_SHOWN)}' if facts.criterion else ''}",
        alt=f"Mean score with 95 % interval: {', '.join(means)}.",
        rows=len(lines),
    )


def _differences(facts: PlotData) -> PanelText:
    limit = points if facts.yes_no else figure
    differences = (
        f"{p.b} minus {p.a} {difference_text(facts, p.difference)} ({limit(p.ci_low)} to {limit(p.ci_high)}"
        f"{f', {p_text(p.p_holm)}{facts.corrected}' if p.tested else ', not tested'})"
        for p in facts.pairs
    )
    decided = sum(pair.is_better() or pair.turned().is_better() for pair in facts.pairs)
    total = counted(len(facts.pairs), "difference")
    corrected = f", corrected for {facts.comparisons} comparisons (Holm)" if facts.corrected else ""
    if not any(pair.tested for pair in facts.pairs):
        title = f"No difference is tested: fewer than {FEWEST_PAIRS} rows"
    elif not decided:
        title = "No difference is significant at 5 %"
    elif decided < len(facts.pairs):
        title = f"{decided:,} of {total} {agreeing(decided, 'are')} significant at 5 %"
    else:
        title = f"{f'All {total} are' if decided > 1 else 'The difference is'} significant at 5 %"
    return PanelText(
        title=title,
        measure=f"difference {'in points' if facts.yes_no else 'of scores'} on the rows of both, and 95 % "
        f"interval{', grey where it is not significant' if decided < len(facts.pairs) else ''}; p{corrected}",
        alt=f"Paired differences: {', '.join(differences)}.",
        rows=len(facts.pairs),
    )


def _wins(facts: PlotData) -> PanelText:
    counts = (f"{p.b} against {p.a} {p.wins:,} won, {p.ties:,} tied, {p.losses:,} lost" for p in facts.pairs)
    first = facts.pairs[0]
    names = distinct_names(facts.colours, OF_PAIR_SHOWN)
    return PanelText(
        title=f"{names[first.b]} wins {first.wins:,} and loses {first.losses:,} of {counted(first.n, 'row')} "
        f"against {names[first.a]}",
        measure="rows won / tied / lost of those where both have a score, in the winner's colour, ties grey",
        alt=f"Rows: {', '.join(counts)}.",
        rows=len(facts.pairs),
    )


def _seconds(facts: PlotData) -> PanelText:
    marks = marks_of(facts)
    times = (f"{name} median {seconds(m[2])}, 95 % below {seconds(m[4])}" for name, m in marks.items())
    texts = {_in_title(facts, name): f"median {seconds(quantiles[2])} s" for name, quantiles in marks.items()}
    first, median = first_text(texts), next(iter(texts.values()))
    fastest = f" {agreeing(len(alike_first(texts)), 'are')} fastest" if len(texts) > 1 else ""
    return PanelText(
        title=equal_text(texts) or f"{first}{fastest}: {median}",
        measure="seconds: dot = median, thick line = middle half of the calls, thin line = from 5 % to 95 % of them",
        alt=f"Seconds of completed runs: {', '.join(times)}.",
        rows=len(marks),
    )


LABEL_SHOWN: Final = 20
"""Characters of a label in a title."""
LABELS_DRAWN: Final = 12
"""Labels of a drawn confusion table: those with the most expected rows. The table has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """A confusion table as it is drawn: of a variant, or what it answers more often than another one."""

    variant: str
    minus: str | None
    labels: Sequence[str]
    """The expected labels that are drawn: lines."""
    predicted: Sequence[str]
    """The same and `OTHER`: columns."""
    cells: NDArray[np.float64]
    """Rows of the table of runs, lines x columns."""
    left_out: int
    """Labels that are not drawn."""
    found: float
    """The share of rows whose label is found, of all labels."""
    found_by_other: float = 0.0
    """That of the variant that is subtracted."""


def confusions_of(facts: PlotData) -> list[Confusion]:
    """Return the confusion table of each variant, best first, and what the best answers more often than the next."""
    variants = [variant for variant in facts.summary["variant"] if variant in facts.classes]
    tables = {variant: facts.classes[variant].table for variant in variants}
    labels = list(facts.classes[variants[0]].labels)
    total = np.asarray(sum(tables.values()))
    drawn = np.sort(np.argsort(-total.sum(axis=1), kind="stable")[:LABELS_DRAWN])
    has_other = len(drawn) < len(labels) or bool(total[:, -1].any())

    def confusion(variant: str, minus: str | None = None) -> Confusion:
        table = tables[variant] if minus is None else tables[variant] - tables[minus]
        columns = table[np.ix_(drawn, drawn)]
        other = table[drawn].sum(axis=1) - columns.sum(axis=1)
        return Confusion(
            variant=variant, minus=minus, labels=[labels[at] for at in drawn],
            predicted=[*(labels[at] for at in drawn), *([OTHER] if has_other else [])],
            cells=np.column_stack([columns, other]) if has_other else columns,
            left_out=len(labels) - len(drawn),
            found=_share_found(tables[variant]), found_by_other=_share_found(tables[minus]) if minus else 0.0,
        )  # fmt: skip

    pair = [confusion(variants[0], variants[1])] if len(variants) > 1 else []
    return [*map(confusion, variants), *pair]


def _share_found(table: NDArray[np.float64]) -> float:
    return float(np.trace(table[:, :-1]) / table.sum())


def confusion_text(facts: PlotData, table: Confusion) -> PanelText:
    """Return a confusion table in words: how many labels are found, and what is mistaken for what most often."""
    name = _in_title(facts, table.variant)
    wrong = table.cells.copy()
    wrong[np.arange(len(table.labels)), np.arange(len(table.labels))] = 0
    line, column = divmod(int(np.argmax(np.abs(wrong))), wrong.shape[1])
    texts = distinct_names(table.predicted, LABEL_SHOWN)
    count, expected, predicted = wrong[line, column], texts[table.labels[line]], texts[table.predicted[column]]
    is_one = abs(count) == 1
    if table.minus is None:
        most = f"; {expected} answered as {predicted} on {count:,.4g} row{'' if is_one else 's'}" if count else ""
        title = f"{name} finds {percent(table.found)} of the labels{most}"
        measure = "answered, in rows"
    else:
        other = _in_title(facts, table.minus)
        more = f"{abs(count):,.4g} {'more' if count > 0 else 'fewer'} row{'' if is_one else 's'}"
        most = f"; {expected} answered as {predicted} on {more}" if count else ""
        title = f"{name} finds {percent(table.found)} of the labels, {other} {percent(table.found_by_other)}{most}"
        measure = f"answered by {name} minus {other}, in rows, coloured by the variant that does so more often"
    if table.left_out:
        measure += f" (the {len(table.labels)} most frequent of {len(table.labels) + table.left_out} labels)"
    lines = "; ".join(
        f"{label}: {', '.join(f'{n:,.4g} {to}' for n, to in zip(row, table.predicted, strict=True) if n)}"
        for label, row in zip(table.labels, table.cells, strict=True)
        if row.any()
    )
    said = f"{title}. Expected and answered: {lines or 'no difference'}.".replace(r"\$", "$")
    return PanelText(title=title, measure=measure, alt=said, rows=len(table.labels))


def expense_format(tradeoff: Tradeoff) -> Callable[[float], str]:
    """Return how seconds, or costs, of a trade-off are written: with one format."""
    values = [x for line in tradeoff.lines for x in (line.expense, line.expense_low, line.expense_high)]
    return seconds_format(values) if tradeoff.measure == "seconds" else figures(values)


def tradeoff_text(facts: PlotData, tradeoff: Tradeoff) -> PanelText:
    """Return a trade-off in words: the variants of the Pareto set, and what each variant scores and takes."""
    score, expense = score_format(facts), expense_format(tradeoff)
    is_timed = tradeoff.measure == "seconds"
    least, unit = ("fastest", " s") if is_timed else ("cheapest", "")
    names = [_in_title(facts, line.variant) for line in tradeoff.pareto]
    if len(tradeoff.lines) == 1:
        title = f"{names[0]} {score(tradeoff.lines[0].score)}, {expense(tradeoff.lines[0].expense)}{unit}"
    elif len(names) == 1:
        title = f"{names[0]} has the best score and is {least}"
    elif len(names) == 2:
        title = f"{names[0]} has the best score, {names[1]} is {least}"
    else:
        title = (
            f"{len(names)} of {counted(len(tradeoff.lines), 'variant')} are in the Pareto set: {names[0]} has "
            "the best score"
        )
        title += f", {names[-1]} is {least}"
    points = (
        f"{line.variant} {score(line.score)} ({score(line.score_low)} to {score(line.score_high)}), "
        f"{expense(line.expense)}{unit} ({expense(line.expense_low)} to {expense(line.expense_high)})"
        f"{', Pareto set' if line.pareto else ''}"
        for line in tradeoff.lines
    )
    what = "median seconds" if is_timed else "mean cost"
    return PanelText(
        title=title,
        measure=f"{what}, 95 % intervals; the line joins the Pareto set",
        alt=f"Score and {what} with 95 % intervals: {'; '.join(points)}.",
        rows=max(8, 2 * len(tradeoff.lines)),
    )


MOST_FACETS: Final = 24
"""More panels of one plot are not read."""


@dataclass(frozen=True, kw_only=True)
class Facet:
    """The scores of one slice: a panel of its own, on the axis of all."""

    facts: PlotData
    text: PanelText
    limits: tuple[float, float]
    """Of the axis."""


def facets_of(data: ComparisonData, facts: PlotData, by: ColumnName | list[ColumnName]) -> list[Facet]:
    """Return the facets of a plot of scores: one for each value of a column, or combination of values of several."""
    slices, masked = tables.Slices.of(data, by), data.runs.secret().masked
    if len(slices.values) > MOST_FACETS:
        raise InputError(
            f"by has {len(slices.values):,} values, more than the {MOST_FACETS} panels of a plot; use cmp.slice(by=...)"
        )
    scored: list[tuple[str, PlotData]] = []
    order = {variant: place for place, variant in enumerate(facts.summary["variant"])}
    shown = {
        name: distinct_names(masked(_value_text(values[place])) for values in slices.values)
        for place, name in enumerate(slices.names)
    }
    for number, values in enumerate(slices.values):
        lines = slices.lines[number * len(order) : (number + 1) * len(order)]
        lines = sorted((line for line in lines if line.n), key=lambda line: order[line.variant])
        pairs = zip(slices.names, values, strict=True)
        name = ", ".join(f"{named(str(name))} = {shown[name][masked(_value_text(value))]}" for name, value in pairs)
        if lines:
            summary = summary_table(lines).assign(rows=[line.rows for line in lines])
            scored.append((name, replace(facts, summary=summary, winner=None)))
    if not scored:
        raise InputError("nothing to draw by these columns: nothing was scored")
    limits = score_limits(facts, [line for _, of in scored for line in scored_lines(of)])
    return [Facet(facts=of, text=_facet_text(of, name), limits=limits) for name, of in scored]


def _value_text(value: Any) -> str:
    return value if isinstance(value, str) else short(value)


def score_limits(facts: PlotData, lines: Sequence[Mapping[Any, Any]]) -> tuple[float, float]:
    """Return the ends of the axis of scores: of shares from none to all, else round numbers."""
    ends = [line[end] for line in lines for end in ("mean", "ci_low", "ci_high")]
    return (0.0, 1.0) if facts.yes_no else axis_ends(ends)


def _facet_text(facts: PlotData, name: str) -> PanelText:
    panel, lines = _scores(facts), scored_lines(facts)
    text, best_first = score_format(facts), sorted(lines, key=lambda line: float(line["mean"]), reverse=not facts.lower)
    texts = {_in_title(facts, line["variant"]): text(line["mean"]) for line in best_first}
    title = f"{name}: {first_text(texts)} {text(best_first[0]['mean'])}"
    return replace(panel, title=title, alt=f"{name}: {panel.alt}".replace(r"\$", "$"))


PANEL_TEXTS: Final[dict[str, Callable[[PlotData], PanelText]]] = {
    "scores": _scores,
    "differences": _differences,
    "wins": _wins,
    "seconds": _seconds,
}


def scored_lines(facts: PlotData) -> list[dict[Any, Any]]:
    """Return the lines of the summary that have a score, best first."""
    return [line for line in facts.summary.to_dict("records") if line["n"]]


def marks_of(facts: PlotData) -> dict[str, Any]:
    """Return the quantiles of the seconds of each variant that has some, the fastest one first."""
    marks = {name: np.quantile(values, MARKS) for name, values in facts.seconds.items() if len(values)}
    return dict(sorted(marks.items(), key=lambda mark: float(mark[1][2])))
