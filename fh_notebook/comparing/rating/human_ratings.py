"""`HumanRatings`: start a rating session, save its ratings, and report them for a comparison.

Ratings are found by what was rated, in the session's store and in the files that batches were read from. A new rating
is stored in the session's store before the page is told.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.batching.tables.rating_hash import stored_label
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData, ScoredRuns, no_variant
from fh_notebook.comparing.rating.agreement import Agreement, between_people, preferences_of_people, with_scorer
from fh_notebook.comparing.rating.questions import PAIR, Items, Question, items_of, pairs_among, question_of
from fh_notebook.comparing.rating.rating_session import RatingSession, seeded_draw
from fh_notebook.comparing.rating.ratings import (
    SCORER,
    CountedRatings,
    Ratings,
    count_ratings,
    preferred_text,
    rated_alone,
    rated_pairs,
)
from fh_notebook.comparing.stats.number_format import figure, percent
from fh_notebook.comparing.verdicts.verdict import verdict_of
from fh_notebook.core import hooks
from fh_notebook.core.text.formatting import listed, short
from fh_notebook.core.text.messages import counted
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import InputError
from fh_notebook.session import session

if TYPE_CHECKING:
    import pandas as pd

    from fh_notebook.store.store import Store
    from fh_notebook.store.tables.ratings import RatingRow

PERSON_CAP: Final = 60
"""Characters of a person's name."""

QUESTION_CAP: Final = 200
"""Characters of a question's wording."""


def check_person(name: Any, parameter: str) -> str:
    """Return the name of a person, who rates or corrects: the given one, or that of the user of this machine."""
    if name is None:
        from getpass import getuser

        try:
            return getuser()[:PERSON_CAP] or "me"
        except (OSError, KeyError, ImportError):  # a container without a user's name
            return "me"
    if not isinstance(name, str) or not name.strip() or len(name) > PERSON_CAP:
        raise InputError(f"{parameter} is {short(name)}; give a name of at most {PERSON_CAP} characters")
    return name.strip()


def check_wording(question: str) -> str:
    """Return the wording of a question."""
    if not question.strip() or len(question) > QUESTION_CAP:
        raise InputError(f"question is {short(question)}; give a string of at most {QUESTION_CAP} characters")
    return question.strip()


def check_pair(pair: Any, variants: Sequence[str]) -> tuple[str, str]:
    """Return two variants in the order in which they are compared."""
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise InputError(f"pair is {short(pair)}; give two variants, such as {tuple(variants[:2])}")
    for name in pair:
        if name not in variants:
            raise InputError(no_variant(name, variants))
    first, second = sorted(pair, key=list(variants).index)
    if first == second:
        raise InputError(f"pair is {short(tuple(pair))}; give two variants")
    return first, second


def check_shown_columns(show: Any, runs: ScoredRuns) -> list[str] | None:
    """Return the columns to show; ``None`` for all columns of the row."""
    if show is None:
        return None
    if isinstance(show, str) or not isinstance(show, Sequence):
        raise InputError(f"show is {short(show)}; give a list of columns")
    return [runs.column_named(name, "to show") for name in show]


def nothing_to_rate(kind: Question, items: Items, variants: Sequence[str]) -> str:
    """Return why there is nothing to rate, in words."""
    if items.same:
        return f"nothing to rate: both outputs are identical in all {len(items.same):,} pairs"
    if not variants:
        return "nothing to rate: there are no runs"
    if kind.is_pair and len(variants) < 2:
        return "nothing to rate: only one variant ran; scale=5 or labels=[...] rates each output by itself"
    return "nothing to rate: no row has completed runs" + (" of two variants" if kind.is_pair else "")


class HumanRatings:
    """Ratings of outputs by people. Each method takes the data of the comparison."""

    def __init__(self) -> None:
        self._rated_in: tuple[Store, ...] = ()
        """The stores that rating pages write to, also after the session's store changed."""

    def rate(
        self,
        data: ComparisonData,
        *,
        pair: tuple[str, str] | None,
        rater: str | None,
        rows: int | Sequence[Any] | None,
        scale: int | None,
        labels: Sequence[str] | None,
        seed: int,
        show: Sequence[ColumnName] | None,
        skipped: bool,
        question: str | None,
        corrections: Any,
    ) -> Any:
        """Return the page that asks a person for ratings (see ``Comparison.rate``)."""
        kind = question_of(scale, labels)
        rater_name = check_person(rater, "rater")
        wording = kind.wording if question is None else check_wording(question)
        shown_columns = check_shown_columns(show, data.runs)
        items = self._requested_items(data, kind, pair=pair, rows=rows, seed=seed, show=shown_columns)
        about = data.runs.about
        rating = RatingSession(
            items.asked,
            kind,
            rater=rater_name,
            seed=seed,
            known=self._rating_rows(data, [item.id for item in items.asked]),
            skipped=skipped,
            batch=str(about.get("batch") or ""),
            workspace=str(about.get("workspace") or ""),
        )
        if (store := session.store_or_memory()) not in self._rated_in:
            self._rated_in = (*self._rated_in, store)
        return hooks.frontend().show_rater(
            rating, items, store=store, result=lambda: self.result(data, kind, rater_name), question=wording,
            corrections=corrections,
        )  # fmt: skip

    def result(self, data: ComparisonData, kind: Question, rater: str) -> list[str]:
        """Return the result of one rater in sentences, the names in them."""
        labels = None if kind.is_pair or kind.is_scale else list(kind.answers)
        scale = len(kind.answers) if kind.is_scale else None
        try:
            rated = self.rated(data, rater=rater, scale=scale, labels=labels, label=None)
        except InputError as exc:  # all were skipped
            return [str(exc)]
        if not kind.is_pair:
            return result_sentences(rated, kind)
        counting = count_ratings(self.ratings(data, rater=rater).lines, kind)[rater].values()
        return [f"{preferred_text(counting)}.", *result_sentences(rated, kind)]

    def ratings(self, data: ComparisonData, *, rater: str | None) -> Ratings:
        """Return all ratings of these outputs, for every question (see ``Comparison.ratings``)."""
        row_of_item = {item.id: item.row for kind in (PAIR, _SINGLE) for item in self._all_items(data, kind).asked}
        lines = [x for x in self._rating_rows(data, list(row_of_item)) if rater is None or x.rater == rater]
        return Ratings(lines, labels=row_of_item, about=data.runs.about)

    def rated(
        self,
        data: ComparisonData,
        *,
        rater: str | None,
        scale: int | None,
        labels: Sequence[str] | None,
        label: str | None,
    ) -> ComparisonData:
        """Return the data of the same runs with the ratings as the score (see ``Comparison.rated``)."""
        kind, ratings = self._counted_ratings(data, scale, labels, rater)
        items = self._all_items(data, kind).asked
        if kind.is_pair:
            return rated_pairs(data, items, ratings)
        if label is not None and (kind.is_scale or label not in kind.answers):
            raise InputError(f"the label {short(label)} does not exist; the labels are {listed(kind.answers, 'and')}")
        shared = None if kind.is_scale else label or kind.answers[0]
        return rated_alone(data, items, ratings, shared, highest=len(kind.answers) if kind.is_scale else None)

    def agreement(
        self,
        data: ComparisonData,
        scored: Iterable[tuple[str, pd.DataFrame]],
        *,
        scale: int | None,
        labels: Sequence[str] | None,
    ) -> Agreement:
        """Return how far people agree with each other, and each score, by its name, with people."""
        kind, ratings = self._counted_ratings(data, scale, labels, None)
        lines = between_people(ratings, kind)
        if kind.is_pair or kind.is_scale:
            people = preferences_of_people(ratings, self._all_items(data, kind).asked, kind)
            lines += [with_scorer(name, frame, people) for name, frame in scored if name not in ("", SCORER)]
        return Agreement(lines)

    # --- what there is to be rated, and what was said

    def _counted_ratings(
        self, data: ComparisonData, scale: int | None, labels: Sequence[str] | None, rater: str | None
    ) -> tuple[Question, CountedRatings]:
        known = self.ratings(data, rater=rater)
        kind = question_of(scale, labels)
        if scale is None and labels is None and PAIR not in known.kinds and len(known.kinds) == 1:
            kind = known.kinds[0]
        counted_ratings = count_ratings(known.lines, kind)
        if not counted_ratings:
            rater_text = "nobody" if rater is None else short(rater)
            other_questions = [k.in_words for k in known.kinds if k != kind]
            hint = (
                f"; there are ratings {listed(other_questions, 'and')}: give scale= or labels="
                if other_questions
                else ": cmp.rate()"
            )
            raise InputError(f"{rater_text} has rated these outputs yet ({kind.in_words}){hint}")
        return kind, counted_ratings

    def _all_items(self, data: ComparisonData, kind: Question) -> Items:
        """Return the items of the rows that have ratings, which are few in a large table."""
        rated = {line.row for store in self._stores(data) for line in store.ratings.of_batch()}
        return _items_of_data(data, kind, wanted=lambda row: stored_label(row) in rated)

    def _requested_items(
        self, data: ComparisonData, kind: Question, *, pair: Any, rows: Any, seed: int, show: Sequence[str] | None
    ) -> Items:
        """Return the items that a rater is asked."""
        if isinstance(rows, int) and not isinstance(rows, bool):
            if rows < 1:
                raise InputError(f"rows is {rows}; give a number, at least 1, or the rows themselves")
            items = _items_of_data(
                data,
                kind,
                pair=pair,
                show=show,
                most=rows,
                order=lambda row: seeded_draw(seed, "row", stored_label(row)),
            )
        elif rows is not None:
            if (
                isinstance(rows, str | bytes | bool)
                or not isinstance(rows, Sequence)
                or not all(isinstance(row, Hashable) for row in rows)
            ):
                raise InputError(f"rows is {short(rows)}; give how many, or a list of rows")
            items = _items_of_data(data, kind, pair=pair, show=show, wanted=set(rows).__contains__)
            there = {item.row for item in items.asked}
            if missing := [row for row in rows if row not in there]:
                raise InputError(f"nothing to rate on the row {short(missing[0])}")
        else:
            items = _items_of_data(data, kind, pair=pair, show=show)
        if not items.asked:
            raise InputError(nothing_to_rate(kind, items, data.variants))
        return items

    def _stores(self, data: ComparisonData) -> list[Store]:
        """Return the stores with ratings: the session's store, those of open pages, and the files of the batches."""
        observations = data.runs.observations
        of_files = () if observations is None else observations.stores
        return list(dict.fromkeys(s for s in (session.store_or_memory(), *self._rated_in, *of_files) if s is not None))

    def _rating_rows(self, data: ComparisonData, items: Sequence[str]) -> list[RatingRow]:
        """Return all ratings of these items, the oldest first, of all stores."""
        newest: dict[str, RatingRow] = {}
        for store in self._stores(data):
            for line in store.ratings.of_items(items):
                # A rating that is reverted in one store is reverted.
                if line.uid not in newest or newest[line.uid].undone_at is None:
                    newest[line.uid] = line
        return sorted(newest.values(), key=lambda line: (line.rated_at, line.uid))


def _items_of_data(
    data: ComparisonData,
    kind: Question,
    *,
    pair: Any = None,
    show: Sequence[str] | None = None,
    wanted: Callable[[Any], bool] | None = None,
    order: Callable[[Any], int] | None = None,
    most: int | None = None,
) -> Items:
    pairs = data.variant_pairs if data.variant_pairs is not None else pairs_among(data.variants)
    if pair is not None:
        pairs = [check_pair(pair, data.variants)]
    return items_of(
        data.runs,
        kind,
        pair_on=data.pair_on,
        pairs=list(pairs),
        variants=data.variants if pair is None else list(pairs[0]),
        show=show,
        wanted=wanted,
        order=order,
        most=most,
    )


_SINGLE: Final = Question("outputs", ())
"""A question on one output: every such question has the same items."""


def result_sentences(rated: ComparisonData, kind: Question) -> list[str]:
    """Return the result in sentences with the names of the variants, for the end of a rating."""
    if not kind.is_pair:
        share = "" if kind.is_scale else f" ({kind.answers[0]})"
        means = [f"{line.variant} {figure(line.mean)}" for line in rated.summary_lines]
        return [f"Mean{share}: {', '.join(means)}.", verdict_of(rated)]
    sentences = []
    for line in tables.pairs(rated).to_dict("records"):
        ahead, behind = ("b", "a") if line["win_rate"] >= 0.5 else ("a", "b")
        rate, low, high = line["win_rate"], line["win_low"], line["win_high"]
        if ahead == "a":
            rate, low, high = 1 - rate, 1 - high, 1 - low
        level = f"{line[ahead]} and {line[behind]} are level: {line[ahead]} is preferred"
        head = level if rate == 0.5 else f"{line[ahead]} is preferred to {line[behind]}"
        p = f", sign test p = {line['p']:.2g}" if line["test"] == "sign" else ""
        wins, losses = (line["wins"], line["losses"]) if ahead == "b" else (line["losses"], line["wins"])
        sentences.append(
            f"{head} on {percent(rate)} of {counted(line['n'], 'row')} "
            f"(95 % interval {percent(low)} to {percent(high)}): {wins:,} won, "
            f"{counted(line['ties'], 'tie')}, {losses:,} lost{p}."
        )
    return sentences
