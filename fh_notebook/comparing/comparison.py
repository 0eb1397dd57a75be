"""`compare` and `Comparison`: variants side by side on the same rows.

Rule of this file: it reads and hands on. Scores come from `scoring.py`, tables from `tabling.py`, what is shown from
`showing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from fh_notebook import arguments, views
from fh_notebook.audience import PYTHON, Audience
from fh_notebook.batching.batch import Batch
from fh_notebook.comparing import asking
from fh_notebook.comparing.clusters import distinct_text, note_of
from fh_notebook.comparing.dated import take_dated
from fh_notebook.comparing.notes import notes_of
from fh_notebook.comparing.rating_part import Rating
from fh_notebook.comparing.scoring import Score
from fh_notebook.comparing.scoring_again import Rescoring
from fh_notebook.comparing.scoring_many import ManyScores
from fh_notebook.comparing.showing import Showing
from fh_notebook.comparing.sources import Taken, take
from fh_notebook.comparing.tabling import Tabling
from fh_notebook.comparing.verdict import verdict
from fh_notebook.half_made import shows_half_made
from fh_notebook.values import ColumnName

__all__ = ["Comparison", "compare"]


def compare(
    batch_or_frame: Batch | pd.DataFrame | Sequence[Any] | Mapping[str, Any],
    *,
    score: Score = None,
    pair_on: ColumnName = "row",
    failed: Literal["drop", "zero"] = "drop",
) -> Comparison:
    """Compare the variants of a batch, a frame or a list on the same rows, or the same variant on two dates.

    Parameters
    ----------
    batch_or_frame : Batch, DataFrame, list, or mapping
        A frame, or a list of records, needs `pair_on`, ``variant`` and the score column (or ``output``, for a scorer),
        no more. A list may also hold runs. A mapping of names to any of these compares the same variant under each
        name: ``{"monday": b1, "today": b2}``. Rows are paired by their inputs where the same inputs have other numbers
        in one of them; a verdict over rows of the same number and other inputs begins with how many. A batch over
        partitions, or a ``dask.dataframe``, is compared where its rows are: ``summary``, ``pairs``, ``verdict``,
        ``notes`` and lazy ``scores``, and no row comes here.
    score : str, function or None
        A column (of ``elapsed_s`` and ``attempts`` less is better), or a function ``(run)`` or ``(run, row)`` that
        gives true, false, a number, or ``None`` for no score; ready ones are in ``fh.score``. ``None`` is
        ``fh.score.exact()`` where there is an ``expected_output``; else only failures and seconds compare.
    pair_on : str
        The column that tells which runs belong together; also a number, where a frame's column is called so.
    failed : {"drop", "zero"}
        Failed runs have no score, or count as 0. Either way they are counted, and it is said.

    Raises
    ------
    InputError
        A column is missing, or the scorer cannot be used.

    Examples
    --------
    >>> frame = pd.DataFrame({"row": [0, 0, 1, 1], "variant": ["a", "b"] * 2, "score": [1, 0, 1, 1]})
    >>> compare(frame, score="score").summary()[["variant", "n", "mean"]].values.tolist()
    [['a', 2, 1.0], ['b', 2, 0.5]]
    """
    arguments.check(compare, locals(), but={"score"})
    asking.check_failed(failed)
    if type(batch_or_frame).__module__.startswith(("dask.", "fh_notebook.scaling.")):
        # It has the same tables, and no row: those stay where they are.
        many: Comparison = views.partitions().compare(batch_or_frame, score=score, pair_on=pair_on, failed=failed)
        return many
    which = None

    def read(score: Score, fresh: bool) -> Taken:
        nonlocal which
        if isinstance(batch_or_frame, Mapping):
            taken, which = take_dated(batch_or_frame, score=score, pair_on=pair_on, fresh=fresh)
            return taken
        return take(batch_or_frame, score=score, pair_on=pair_on, fresh=fresh)

    taken = read(score, False)
    made = Comparison(taken, pair_on=pair_on, failed=failed, which=which)
    made._begin(score, Rescoring(taken, read))
    made._source = batch_or_frame
    return made


@shows_half_made
class Comparison(ManyScores, Tabling, Rating, Showing):
    """What :func:`compare` found. The tables are DataFrames, new ones at each call.

    Attributes
    ----------
    scorer : str
        What scored; empty when nothing did.
    variants : list of str
        In the order in which they were planned, or first appear.
    failed : str
        What a failed run counts as: ``drop`` or ``zero``.
    """

    def __init__(
        self, taken: Taken, *, pair_on: ColumnName, failed: str = "drop", which: Sequence[tuple[str, str]] | None = None
    ) -> None:
        self.pair_on = pair_on
        self.failed = failed
        self._which = which
        self._source: Any = None  # what was compared: a batch that is running can be read again
        self._take(taken)

    def _take(self, taken: Taken) -> None:
        """Show what was scored.

        Raises
        ------
        InputError
            By this score a failed run would be the best; what is shown stays as it was.
        """
        asking.check_zero(self.failed, taken.scorer, lower=taken.is_lower)
        self.scorer = taken.scorer
        self.variants: list[str] = list(dict.fromkeys(taken.lines["variant"]))
        self._taken = taken
        self._frame = taken.lines
        if self.failed == "zero" and taken.scorer:
            zeros = self._frame["score"].where(self._frame["status"] != "failed", 0.0)
            self._frame = self._frame.assign(score=zeros)

    @property
    def _row_count(self) -> int:
        return int(self._frame["pair"].nunique(dropna=False))

    @property
    def _rows_text(self) -> str:
        """How many rows there are, and how many of them are distinct."""
        return distinct_text(self._row_count, self._distinct_count)

    @property
    def _distinct_count(self) -> int:
        return int(self._frame["cluster"].nunique())

    def _sibling(self, taken: Taken) -> Comparison:
        """Return a comparison of the same runs by another score."""
        made = Comparison(taken, pair_on=self.pair_on, failed=self.failed, which=self._which)
        made._source = self._source
        return made

    # --- sentences

    @cached_property
    def verdict(self) -> str:
        """One sentence that claims no more than the numbers."""
        errors = (error for error in self._frame["score_error"] if error)
        said = verdict(
            self.summary(),
            self._pairs,
            scorer=self.scorer,
            error=next(errors, ""),
            dated=self._which is not None,
            lower=self._lower,
            completed=bool((self._frame["status"] == "completed").any()),
        )
        return f"{self._taken.caution}: {said}" if self._taken.caution else said

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What must be said beside the numbers: what was left out, or may have changed meanwhile."""
        return self.notes_for(PYTHON)

    def notes_for(self, audience: Audience) -> tuple[str, ...]:
        """Return :attr:`notes` as `audience` reads them."""
        said = self._frame.attrs.get("notes", ())  # by the scorer itself, such as a judge's bias
        alike = note_of(self._row_count, self._distinct_count)
        told = notes_of(self._frame, scorer=self.scorer, failed=self.failed, audience=audience)
        return (*([alike] if alike else []), *self._taken.notes, *said, *told)
