"""The part of a comparison that people rate: `rate`, `ratings`, `rated` and `agreement`.

Rule of this file: what was rated is found by what was read, in the session's store and in the file that the batch came
from; what a person does is kept in the session's store, before the page is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from fh_notebook import arguments, views
from fh_notebook.batching.rating_hash import kept_label
from fh_notebook.comparing.rating_asking import checked_pair, checked_rater, checked_show, own_store, why_nothing
from fh_notebook.comparing.rating_items import Items, items_of, pairs_among
from fh_notebook.comparing.rating_kinds import PAIR, Kind, kind_of
from fh_notebook.comparing.rating_session import RatingSession, drawn
from fh_notebook.contract.spell import listed, short
from fh_notebook.errors import InputError
from fh_notebook.values import ColumnName

if TYPE_CHECKING:
    from fh_notebook.comparing.agreement import Agreement
    from fh_notebook.comparing.comparison import Comparison
    from fh_notebook.comparing.ratings import Ratings
    from fh_notebook.store.store import Store

__all__ = ["Rating"]


class Rating:
    """The part of a comparison that people rate."""

    _source: Any = None
    """What is compared; a batch out of a file brings ratings along."""
    _rated_in: tuple[Store, ...] = ()
    """The stores that pages of ratings of this comparison write to, whatever the session's is now."""

    @property
    def _compared(self) -> Comparison:
        return cast("Comparison", self)

    def rate(
        self,
        pair: tuple[str, str] | None = None,
        *,
        rater: str | None = None,
        rows: int | Sequence[Any] | None = None,
        scale: int | None = None,
        labels: Sequence[str] | None = None,
        seed: int = 0,
        show: Sequence[ColumnName] | None = None,
        skipped: bool = False,
    ) -> Any:
        """Rate outputs blind, by keys: two beside each other, or with `scale` or `labels` one at a time.

        Rows come in an order by chance, and so does which of two is on the left; whose they are is nowhere in the page
        before the last one is rated. Keys: ``1`` the left one, ``2`` the right one, ``0`` or ``t`` a tie, ``s`` skip,
        ``u`` undo; of a scale or of labels their number. Each rating is in the store before the page counts it, so
        another kernel goes on where this one ended. Pairs of the same text are not asked.

        Parameters
        ----------
        pair : (str, str), optional
            Two variants; by default every two.
        rater : str, optional
            Who rates; by default the name of the user of this machine.
        rows : int or sequence, optional
            So many rows, drawn by chance and the same for everybody; or the rows themselves.
        scale : int, optional
            Rate each output by itself, from 1 to so many.
        labels : list of str, optional
            Rate each output by itself, with one of these.
        seed : int
            Of what is left to chance. With the same one all raters begin with the same rows.
        show : list of str, optional
            The columns of the row that are shown above the outputs; by default all that are the same for every
            variant.
        skipped : bool
            Ask again what was skipped.

        Returns
        -------
        Rater
            Shows itself under the cell; ``.session`` says how far it is.

        Raises
        ------
        InputError
            There is no such variant, row or column, or nothing to be rated.
        """
        arguments.check(Rating.rate, locals(), but={"pair", "rows", "show"})
        kind = kind_of(scale, labels)
        who = checked_rater(rater)
        items = self._asked(kind, pair=pair, rows=rows, seed=seed, show=checked_show(self._compared, show))
        about = self._compared._taken.about
        made = RatingSession(
            items.asked,
            kind,
            rater=who,
            seed=seed,
            known=self._lines([item.id for item in items.asked]),
            skipped=skipped,
            batch=str(about.get("batch") or ""),
            workspace=str(about.get("workspace") or ""),
        )
        if (store := own_store()) not in self._rated_in:
            self._rated_in = (*self._rated_in, store)
        return views.frontend().show_rater(made, items, store=store, result=self._result_of(kind, who))

    def _result_of(self, kind: Kind, rater: str) -> Any:
        def result() -> list[str]:
            from fh_notebook.comparing.rating_result import result_of

            return result_of(self._compared, kind, rater)

        return result

    def ratings(self, *, rater: str | None = None) -> Ratings:
        """Return what people said of these outputs, whatever was asked: ``.frame``, ``.to_csv()``, ``.to_parquet()``.

        Parameters
        ----------
        rater : str, optional
            Only of this person.
        """
        arguments.check(Rating.ratings, locals())
        from fh_notebook.comparing.ratings import Ratings

        known = {item.id: item.row for kind in (PAIR, _ALONE) for item in self._all_items(kind).asked}
        lines = [x for x in self._lines(list(known)) if rater is None or x.rater == rater]
        return Ratings(lines, labels=known, about=self._compared._taken.about)

    def rated(
        self,
        *,
        rater: str | None = None,
        scale: int | None = None,
        labels: Sequence[str] | None = None,
        label: str | None = None,
    ) -> Comparison:
        """Return the comparison with what people said as its score: ``cmp.rated().pairs()`` has who wins.

        Parameters
        ----------
        rater : str, optional
            Only by this person; by default the mean over all who rated a row.
        scale, labels : optional
            Which question, as in :meth:`rate`; by default which of two is better, or the only one that was asked.
        label : str, optional
            Of labels: the one whose share is the score; by default the first.

        Returns
        -------
        Comparison
            Of which of two is better: ``pairs()`` also has ``win_rate, win_low, win_high``, tested by the sign test.

        Raises
        ------
        InputError
            Nobody has rated, or there is no such label.
        """
        arguments.check(Rating.rated, locals())
        from fh_notebook.comparing.rated import rated_alone, rated_pairs

        kind, said = self._said(scale, labels, rater)
        items = self._all_items(kind)
        if kind.is_pair:
            made: Comparison = rated_pairs(self._compared, items.asked, said)
        else:
            if label is not None and (kind.is_scale or label not in kind.answers):
                raise InputError(f"there is no label {short(label)}; there are {listed(kind.answers, 'and')}")
            shared = None if kind.is_scale else label or kind.answers[0]
            highest = len(kind.answers) if kind.is_scale else None
            made = rated_alone(self._compared, items.asked, said, shared, highest=highest)
        made._source, made._rated_in = self._source, self._rated_in
        made._begin(None, self._compared._again)
        return made

    def agreement(self, *, scale: int | None = None, labels: Sequence[str] | None = None) -> Agreement:
        """Return how far people agree with each other, and each score of this comparison with people.

        Two people by Cohen's kappa (on a scale weighted by squared distances), more of them by Fleiss' too; a judge or
        a scorer by which of two outputs it prefers, against the majority of people.

        Parameters
        ----------
        scale, labels : optional
            Which question, as in :meth:`rate`; by default which of two is better, or the only one that was asked.

        Raises
        ------
        InputError
            Nobody has rated.
        """
        arguments.check(Rating.agreement, locals())
        from fh_notebook.comparing.agreement import Agreement, between_people, preferences_of_people, with_scorer
        from fh_notebook.comparing.rated import SCORER

        kind, said = self._said(scale, labels, None)
        lines = between_people(said, kind)
        if kind.is_pair or kind.is_scale:
            people = preferences_of_people(said, self._all_items(kind).asked, kind)
            cmp = self._compared
            scored = [(cmp.scorer, cmp._frame), *((name, taken.lines) for name, taken in cmp._others.items())]
            lines += [with_scorer(name, frame, people) for name, frame in scored if name not in ("", SCORER)]
        return Agreement(lines)

    # --- what there is to be rated, and what was said

    def _said(self, scale: int | None, labels: Sequence[str] | None, rater: str | None) -> tuple[Kind, Any]:
        from fh_notebook.comparing.ratings import standing_of

        found = self.ratings(rater=rater)
        kind = kind_of(scale, labels)
        if scale is None and labels is None and PAIR not in found.kinds and len(found.kinds) == 1:
            kind = found.kinds[0]
        said = standing_of(found.lines, kind)
        if not said:
            who = "nobody" if rater is None else short(rater)
            others = [k.in_words for k in found.kinds if k != kind]
            hint = f"; there are ratings {listed(others, 'and')}: give scale= or labels=" if others else ": cmp.rate()"
            raise InputError(f"{who} has rated these outputs yet ({kind.in_words}){hint}")
        return kind, said

    def _all_items(self, kind: Kind) -> Items:
        """What can have been rated: of the rows that anybody rated, which are few of a large table."""
        rated = {line.row for store in self._stores() for line in store.ratings.of_batch()}
        return self._items(kind, wanted=lambda row: kept_label(row) in rated)

    def _items(
        self,
        kind: Kind,
        *,
        pair: Any = None,
        show: Sequence[ColumnName] | None = None,
        wanted: Callable[[Any], bool] | None = None,
        order: Callable[[Any], int] | None = None,
        most: int | None = None,
    ) -> Items:
        cmp = self._compared
        pairs = cmp._which if cmp._which is not None else pairs_among(cmp.variants)
        if pair is not None:
            pairs = [checked_pair(pair, cmp.variants)]
        return items_of(
            cmp._taken,
            kind,
            pair_on=cmp.pair_on,
            pairs=list(pairs),
            variants=cmp.variants if pair is None else list(pairs[0]),
            show=show,
            wanted=wanted,
            order=order,
            most=most,
        )

    def _asked(self, kind: Kind, *, pair: Any, rows: Any, seed: int, show: Sequence[ColumnName] | None) -> Items:
        """What a rater is asked.

        Raises
        ------
        InputError
            There is no such variant or row, or nothing to be rated.
        """
        if isinstance(rows, int) and not isinstance(rows, bool):
            if rows < 1:
                raise InputError(f"rows is {rows}; give a number from 1, or the rows themselves")
            found = self._items(
                kind, pair=pair, show=show, most=rows, order=lambda row: drawn(seed, "row", kept_label(row))
            )
        elif rows is not None:
            if (
                isinstance(rows, str | bytes | bool)
                or not isinstance(rows, Sequence)
                or not all(isinstance(row, Hashable) for row in rows)
            ):
                raise InputError(f"rows is {short(rows)}; give how many, or a list of rows")
            found = self._items(kind, pair=pair, show=show, wanted=set(rows).__contains__)
            there = {item.row for item in found.asked}
            if missing := [row for row in rows if row not in there]:
                raise InputError(f"there is nothing to rate on the row {short(missing[0])}")
        else:
            found = self._items(kind, pair=pair, show=show)
        if not found.asked:
            raise InputError(why_nothing(kind, found, self._compared.variants))
        return found

    def _stores(self) -> list[Store]:
        """Where ratings are: in the session's store, those they were given in, and the file of the batch."""
        stores = (own_store(), *self._rated_in, getattr(self._source, "_file_store", None))
        return list(dict.fromkeys(store for store in stores if store is not None))

    def _lines(self, items: Sequence[str]) -> list[Any]:
        """All ratings of these items, the oldest first: those of the session's store, and those that a file brought."""
        found: dict[str, Any] = {}
        for store in self._stores():
            for line in store.ratings.of_items(items):
                # Taken back in one of them is taken back.
                if line.uid not in found or found[line.uid].undone_at is None:
                    found[line.uid] = line
        return sorted(found.values(), key=lambda line: (line.rated_at, line.uid))


_ALONE: Final = Kind("outputs", ())
"""Of any question on one output: its items are the same."""
