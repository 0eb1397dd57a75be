"""`compare` and `Comparison`: the facade of a comparison.

It documents and checks what can be asked, and delegates: everything else is a function of the data (`data.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import pandas as pd

from fh_notebook.batching.batch import Batch
from fh_notebook.batching.export.columns import FrameSource
from fh_notebook.batching.export.export import arrow_stream
from fh_notebook.comparing import tables
from fh_notebook.comparing.corrections import ExpectedEditor, corrections_frame, write_corrected
from fh_notebook.comparing.data import ComparisonData, check_failed
from fh_notebook.comparing.diff.row_diff import RowDiff, compare_row
from fh_notebook.comparing.rating import labels as labelling
from fh_notebook.comparing.rating.agreement import Agreement
from fh_notebook.comparing.rating.human_ratings import HumanRatings, check_person
from fh_notebook.comparing.rating.ratings import Ratings
from fh_notebook.comparing.report import display, inspect_logs, mlflow_runs, report
from fh_notebook.comparing.score_set import ScoreSet
from fh_notebook.comparing.scorers.runner import Score, parts_table
from fh_notebook.comparing.stats.pairs import ALPHA, POWER
from fh_notebook.comparing.verdicts import gates
from fh_notebook.comparing.verdicts.best import best_frame
from fh_notebook.comparing.verdicts.classes import Classes, classes_of
from fh_notebook.comparing.verdicts.repeats import Repeats, repeats_of
from fh_notebook.comparing.verdicts.tradeoff import tradeoff_frame
from fh_notebook.comparing.verdicts.verdict import notes_of, verdict_of
from fh_notebook.core import arguments, hooks
from fh_notebook.core.config import resolution
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import with_partial_repr
from fh_notebook.core.text.shown_frame import ShownFrame
from fh_notebook.core.values import ColumnName
from fh_notebook.errors import InputError
from fh_notebook.session import session


class CompareKeywords(TypedDict, total=False):
    """The options of a comparison, as keywords of :func:`compare`."""

    score: Score
    pair_on: ColumnName
    failed: Literal["drop", "zero"]


@arguments.public
@arguments.explicit_signature(CompareKeywords, {"score": None, "pair_on": "row", "failed": "drop"})
def compare(
    batch_or_frame: Batch | pd.DataFrame | Sequence[Any] | Mapping[str, Any],
    **options: Unpack[CompareKeywords],
) -> Comparison:
    """Compare the variants of a batch, a frame or a list on the same rows, or the same variant on two dates.

    Parameters
    ----------
    batch_or_frame : Batch, DataFrame, list, or mapping
        A frame, or a list of records, needs `pair_on`, ``variant`` and the score column (or ``output``, for a scorer),
        no more. A frame of another library, a dict of columns and a file are read as :func:`fh_notebook.batch` reads
        them. A list may also hold runs. A mapping of names to any of these compares the same variant under each
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
    score, pair_on, failed = options.get("score"), options.get("pair_on", "row"), options.get("failed", "drop")
    check_failed(failed)
    is_partitioned = isinstance(batch_or_frame, Batch) and batch_or_frame.is_partitioned
    if is_partitioned or type(batch_or_frame).__module__.startswith("dask."):
        # It has the same tables, and no row: those stay where they are.
        comparison: Comparison = hooks.partitions().compare(batch_or_frame, score=score, pair_on=pair_on, failed=failed)
        return comparison
    return Comparison(ScoreSet.of(batch_or_frame, score, pair_on=pair_on, failed=failed), HumanRatings())


@arguments.public
@with_partial_repr
class Comparison:
    """The result of :func:`compare`. Its tables are DataFrames, new ones at each call.

    Attributes
    ----------
    score_set : ScoreSet
        The runs, with the score that is shown and others: what this is a comparison of, at this moment.
    """

    def __init__(self, score_set: ScoreSet, ratings: HumanRatings) -> None:
        self.score_set = score_set
        self._ratings = ratings

    @property
    def data(self) -> ComparisonData:
        """The data that is compared now, as a value: tables, plots and reports are made from it."""
        return self.score_set.data

    @property
    def scorer(self) -> str:
        """The scorer's name; empty when nothing was scored."""
        return self.data.scorer

    @property
    def variants(self) -> list[str]:
        """The variants, in the order in which they were planned, or first appear."""
        return list(self.data.variants)

    @property
    def pair_on(self) -> ColumnName:
        """The column by which runs are paired."""
        return self.data.pair_on

    @property
    def failed(self) -> str:
        """The way in which a failed run counts: ``drop`` or ``zero``."""
        return self.data.failed

    # --- tables

    def summary(self) -> pd.DataFrame:
        """Return a table with one row for each variant.

        Columns: ``variant``; ``n`` scored runs; ``missing``: runs without a score that did not fail (the scorer raised
        or had nothing to compare with, the run is unknown or pending); ``failed`` runs; ``mean`` with its 95 % interval
        ``ci_low, ci_high`` and ``median``, all three over distinct rows: repeats of a row, and rows with equal inputs,
        are averaged first; ``p50_s, p95_s``: seconds of completed runs. With ``fh.configure(price_per_call=)`` also
        ``cost``, of the calls that ran or may have run.

        The interval of yes/no is Blaker's exact one, which covers in at least 95 %, see
        :mod:`fh_notebook.comparing.stats.intervals`; that of numbers is the BCa bootstrap's. Below 40 rows plain BCa
        covers too seldom (86 % at 6 rows, 91 % at 12) and is widened as Student's is, which covers in 93 to 97 %; above
        5,000 it is computed without resampling. It lies in the range of the score, as the scorer states it (``bounds``,
        a judge's or a rating's scale), else as the scores show it: 0 to 1, -1 to 1, from 0 on, or any number. Numbers
        that are all equal have one with a width (``all equal``). ``attrs["interval"]`` names it for each variant:
        ``blaker``, ``bca``, ``bca, widened``, ``bca, analytic``; ``attrs["rows"]`` has the number of distinct rows.
        """
        return tables.summary(self.data)

    def pairs(self) -> pd.DataFrame:
        """Return a table with one row for each pair of variants, `a` before `b`, on the rows where both have a score.

        Rows with equal inputs are one of them. Columns: ``a, b, n, mean_a, mean_b``; ``difference`` (b - a) with its
        95 % interval ``ci_low, ci_high``; ``wins, ties, losses`` of b, where scores that
        are the same to 12 digits of the largest tie; ``test``:
        ``mcnemar_exact`` for yes/no, else ``wilcoxon``, ``none`` below 6 pairs; its ``p``, and ``p_holm``: corrected
        for all pairs; ``effect``: the matched-pairs rank-biserial correlation, from -1 to 1; ``p_permutation``: of the
        paired permutation test of the mean; ``interval``: the rule of the interval (``tango`` for yes/no, the score
        interval of Tango (1998), which covers in about 94 % at worst, see :mod:`fh_notebook.comparing.stats.intervals`;
        with repeats ``tango, clustered``; of numbers ``t`` below 40 pairs, ``bca`` up to 5,000, ``normal`` above).
        """
        frame = tables.pairs(data := self.data)
        return ShownFrame.of(
            frame,
            lambda frame: display.pairs_cells(frame, data),
            drawn=lambda frame: display.pairs_cells(frame, data, drawn=True),
            style=html.join([html.STYLE, display.STYLE]),
            table_cls="fh-table fh-num",
            around="fh-pairs",
            caption=data.runs.secret().masked(verdict_of(data)) if len(frame) else "",
            note=" ".join((*display.pairs_notes(frame), display.MORE_OF_PAIRS)) if len(frame) else "",
        )

    def leaderboard(self) -> pd.DataFrame:
        """Return the variants by their means, best first, with everything that is known of each.

        Columns: ``rank``, those of :meth:`summary`, then ``rows``, ``interval`` (the rule of the interval),
        ``failure_rate``, and ``beats``: the variants that it is better than after Holm's correction.
        """
        return tables.leaderboard(self.data)

    def best(self, *, alpha: float = ALPHA, value: Literal["score", "seconds"] = "score") -> pd.DataFrame:
        """Return the variants that may be the best one: a leaderboard in groups that can be distinguished.

        Columns: ``variant``; distinct ``rows``; ``mean`` with its 95 % interval ``ci_low, ci_high``; ``probability`` of
        being best, by a paired bootstrap of rows, ties shared; ``may_be_best``: whether no other variant is better than
        it, by test (after Holm's correction for all pairs) and interval; ``group``, from 1, which has those; group 2
        has the variants that are beaten only by those of group 1, and so on; ``beaten_by``: the variants that are
        better. A best variant is in group 1 with a chance of about ``1 - alpha`` or more; of few rows with very skewed
        scores it is less: see :mod:`fh_notebook.comparing.stats.best`. It agrees with the verdict, which calls a
        variant the best only where it is alone in its group.

        Parameters
        ----------
        alpha : float
            The chance that a best variant is left out of group 1.
        value : {"score", "seconds"}
            What is compared; seconds are those of completed runs, fewer are better.

        Raises
        ------
        InputError
            Nothing was scored, of several dates only some pairs are compared, or an argument cannot be used.

        Examples
        --------
        >>> names = ["a"] * 20 + ["b"] * 20 + ["c"] * 20
        >>> frame = pd.DataFrame({"row": [*range(20)] * 3, "variant": names, "s": [1] * 39 + [0] * 21})
        >>> compare(frame, score="s").best()[["variant", "group", "beaten_by"]].values.tolist()
        [['a', 1, ''], ['b', 1, ''], ['c', 2, 'a, b']]
        """
        arguments.check(Comparison.best, locals())
        return best_frame(self.data, alpha=alpha, value=value)

    def tradeoff(self, *, cost: ColumnName | Callable[[Any], Any] | None = None) -> pd.DataFrame:
        """Return the score of each variant beside its median seconds, or its cost, and whether it is in the Pareto set.

        Columns: ``variant``; ``score``, the mean as in :meth:`summary`; ``seconds``, the median of completed runs; each
        with its 95 % interval (``score_low, score_high, seconds_low, seconds_high``; that of the median has the order
        statistics as limits, none below six rows); ``pareto``: whether no other variant is at least as good in both and
        better in one of them. With `cost` there are ``cost, cost_low, cost_high`` in place of seconds: the mean over
        distinct rows. ``cmp.plot("tradeoff")`` draws it.

        Parameters
        ----------
        cost : str or function, optional
            A column with what each run costs, or a function of the run that gives it, such as
            ``lambda run: prices[run.variant]``; ``None`` for a run whose cost is not known.

        Raises
        ------
        InputError
            Nothing was scored or timed, or `cost` cannot be used.

        Examples
        --------
        >>> frame = pd.DataFrame({"row": [0, 0, 0], "variant": ["a", "b", "c"], "s": [1, 0, 0], "eur": [3, 1, 2]})
        >>> compare(frame, score="s").tradeoff(cost="eur")[["variant", "cost", "pareto"]].values.tolist()
        [['a', 3.0, True], ['b', 1.0, True], ['c', 2.0, False]]
        """
        arguments.check(Comparison.tradeoff, locals())
        return tradeoff_frame(self.data, cost)

    def wide(self) -> pd.DataFrame:
        """Return a table with one row for each input row, the variants side by side.

        Columns: the one that pairs, ``expected_output`` where there is one, ``corrected_from`` where one is corrected
        (what the table says, see :meth:`correct`), ``outputs_differ``, ``scores_differ`` where there are scores, then
        for every variant ``<variant>.output``, ``<variant>.score``, ``<variant>.seconds``. Of repeats: the first
        output, the means of scores and seconds. Only completed runs differ in their outputs, and only scores that are
        there differ.
        """
        return tables.wide(self.data)

    def disagreements(self, by: Literal["score", "output"] | None = None) -> pd.DataFrame:
        """Return the rows of :meth:`wide` on which the variants differ.

        Parameters
        ----------
        by : {"score", "output"}, optional
            In what; in the score where there is one, else in the output.

        Raises
        ------
        InputError
            `by` is something else, or there is no score.
        """
        arguments.check(Comparison.disagreements, locals())
        return tables.disagreements(self.data, by)

    def slice(self, by: ColumnName | list[ColumnName]) -> pd.DataFrame:
        """Return :meth:`summary` for each value of a column of the rows, such as a language or a factor of ``fh.grid``.

        A column that is called as one of the summary stands as ``in.<name>``. Nothing is tested: among many
        slices, some differ by chance. ``cmp.plot(by=...)`` draws them.

        Parameters
        ----------
        by : str or list of str
            A column (also a number, where it is called so), also by its name behind ``metadata.`` or ``in.``. A list
            of columns gives a slice for each combination of their values.

        Raises
        ------
        InputError
            There is no such column.

        Examples
        --------
        >>> frame = pd.DataFrame({"row": [0, 1], "variant": "a", "s": [1, 0], "language": ["en", "de"]})
        >>> compare(frame, score="s").slice(by="language")[["language", "variant", "mean"]].values.tolist()
        [['en', 'a', 1.0], ['de', 'a', 0.0]]
        """
        arguments.check(Comparison.slice, locals())
        return tables.slices(self.data, by)

    def power(self, *, difference: float | None = None, power: float = POWER, alpha: float = ALPHA) -> pd.DataFrame:
        """Return the difference that each pair can detect, and the number of rows that it needs.

        Columns: ``a, b, n``; ``difference``: the one seen, or the one asked for; ``power``: the chance that so many
        rows show it; ``rows_needed`` for the power asked for, and ``rows_more`` of them; ``detectable``: the smallest
        difference that so many rows show. `alpha` is divided by the number of pairs, as Holm's first step does. Fewer
        than 6 rows are not tested: their ``power`` is 0, ``detectable`` infinite, and ``rows_needed`` at least 6.

        Parameters
        ----------
        difference : float, optional
            The one that would matter; by default the one that was seen.
        power : float
            The chance to see it.
        alpha : float
            The chance to see one that is not there.

        Raises
        ------
        InputError
            A chance is not between 0 and 1, or the difference is no number.
        """
        arguments.check(Comparison.power, locals())
        return tables.power(self.data, difference=difference, power=power, alpha=alpha)

    def score_errors(self) -> pd.DataFrame:
        """Return the runs whose scorer raised, or gave no score that can be used: the pair, ``variant``, ``error``."""
        return tables.score_errors(self.data)

    # --- sentences

    @property
    def verdict(self) -> str:
        """One sentence that claims no more than the numbers."""
        return html.Sentence(verdict_of(self.data), self.data.variants)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the numbers: what was left out, or may have changed."""
        return notes_of(self.data)

    def assert_better(self, variant: str, *, than: str, alpha: float = ALPHA) -> None:
        """Raise unless `variant` is better `than` another one: by the test after Holm, and by the mean's interval.

        For CI: one line in a test that fails when a variant is not better any more.

        Raises
        ------
        GateFailed
            It is not, or that cannot be told; with the sentence. It is an AssertionError, too.
        InputError
            There is no such variant, or nothing was scored.

        Examples
        --------
        >>> frame = pd.DataFrame({"row": [*range(9)] * 2, "variant": ["a"] * 9 + ["b"] * 9, "s": [0] * 9 + [1] * 9})
        >>> compare(frame, score="s").assert_better("b", than="a")
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        arguments.check(Comparison.assert_better, locals())
        gates.assert_better(self.data, variant, than=than, alpha=alpha)

    def assert_not_worse(
        self,
        variant: str,
        *,
        than: str,
        by: float,
        alpha: float = ALPHA,
        value: Literal["score", "seconds"] = "score",
    ) -> None:
        """Raise unless it is shown that `variant` is no worse `than` another one by more than a margin.

        It passes when the lower limit of the two-sided interval of level ``1 - alpha`` of the paired difference is
        above ``-by`` (where lower is better, as of seconds, the upper limit below ``+by``): a non-inferiority test on
        the rows that both have. Too few rows do not pass. For CI; on the command line ``--require-not-worse``.

        Parameters
        ----------
        variant : str
            The one that is to be shipped.
        than : str
            The baseline.
        by : float
            The margin in the unit of the value, from 0 on: 0.02 of yes/no scores is 2 percentage points.
        alpha : float
            The level of the interval is ``1 - alpha``.
        value : {"score", "seconds"}
            What is compared; seconds are those of completed runs.

        Raises
        ------
        GateFailed
            It is worse, or the rows are too few to tell; with the sentence. It is an AssertionError, too.
        InputError
            There is no such variant, nothing was scored, or a number cannot be used.

        Examples
        --------
        >>> frame = pd.DataFrame({"row": [*range(99)] * 2, "variant": ["a"] * 99 + ["b"] * 99, "s": [1] * 198})
        >>> compare(frame, score="s").assert_not_worse("b", than="a", by=0.05)
        """
        __tracebackhide__ = True
        arguments.check(Comparison.assert_not_worse, locals())
        gates.assert_not_worse(self.data, variant, than=than, by=by, alpha=alpha, value=value)

    def is_equivalent(
        self,
        a: str,
        b: str,
        *,
        by: float,
        alpha: float = ALPHA,
        value: Literal["score", "seconds"] = "score",
    ) -> bool:
        """Return whether it is shown that two variants differ by less than `by`, in either direction.

        Both limits of the two-sided interval of level ``1 - alpha`` of the paired difference have to be inside ±`by`.

        Parameters
        ----------
        a, b : str
            The variants.
        by, alpha, value
            As in :meth:`assert_not_worse`.

        Raises
        ------
        InputError
            As there.

        Examples
        --------
        >>> frame = pd.DataFrame({"row": [*range(99)] * 2, "variant": ["a"] * 99 + ["b"] * 99, "s": [1] * 198})
        >>> compare(frame, score="s").is_equivalent("a", "b", by=0.05)
        True
        """
        arguments.check(Comparison.is_equivalent, locals())
        return gates.is_equivalent(self.data, a, b, by=by, alpha=alpha, value=value)

    # --- labels as expected outputs

    def classes(self) -> Classes:
        """Return how well each variant finds each label, where ``expected_output`` is one of a few labels.

        Returns
        -------
        Classes
            ``.frame`` has precision, recall and F1 of each variant and label and their macro averages, with 95 %
            intervals (see :mod:`fh_notebook.comparing.stats.classes`); ``.confusion(variant)`` what is taken for what,
            ``.confusion(variant, minus=other)`` what more often than by another one. It shows itself.

        Raises
        ------
        InputError
            There is no ``expected_output``, or it has too many different values to be labels.

        Examples
        --------
        >>> frame = pd.DataFrame({
        ...     "row": range(6), "variant": "a", "output": ["x", "x", "y", "y", "x", "z"],
        ...     "expected_output": ["x", "x", "y", "y", "y", "y"],
        ... })
        >>> compare(frame).classes().confusion("a").to_dict("index")["y"]
        {'x': 1, 'y': 2, '(other)': 1}
        """
        return classes_of(self.data)

    # --- repeats of rows

    def repeats(self) -> Repeats:
        """Return how often a variant repeats its answer to a row, and how often it is right again.

        For a batch with ``repeats=``, or a table with several lines a row and variant.

        Returns
        -------
        Repeats
            ``.frame`` has the agreement of each variant's answers and the variance of its scores within and between
            rows; ``.passes`` pass@k and pass^k of scores that are right or wrong; ``.answers`` the different answers to
            each row with their counts; with 95 % intervals over rows, see :mod:`fh_notebook.comparing.stats.repeats`.
            It shows itself.

        Raises
        ------
        InputError
            No row has two answers of one variant.

        Examples
        --------
        >>> output = ["billing", "billing", "other", "billing", "billing", "billing"]
        >>> frame = pd.DataFrame({"row": [0, 0, 0, 1, 1, 1], "variant": "a", "output": output})
        >>> compare(frame).repeats().answers[["row", "answer", "count"]].values.tolist()
        [[0, 'billing', 2], [0, 'other', 1], [1, 'billing', 3]]
        """
        return repeats_of(self.data)

    # --- scores

    def add_score(self, score: Any, *, name: str | None = None, version: str | int | None = None) -> Comparison:
        """Score the same runs by one more scorer, and return the comparison itself.

        :meth:`scores` shows all of them beside each other; ``cmp.by(name)`` is the comparison by one of them. Where
        nothing had scored before, this one becomes the comparison's own.

        Parameters
        ----------
        score : str or function
            As in :func:`compare`.
        name : str, optional
            Under which it stands; the scorer's own by default.
        version : str or int, optional
            Of a function of your own, as in ``fh.score.scorer``.

        Raises
        ------
        InputError
            The scorer cannot be used, or there is one of this name: give it another, or ask `rescore`.

        Examples
        --------
        >>> import fh_notebook as fh
        >>> frame = pd.DataFrame({"row": 0, "variant": ["a", "b"], "output": ["x", "yes"], "expected_output": "x"})
        >>> cmp = fh.compare(frame).add_score(fh.score.length(), name="letters")
        >>> cmp.scores()[["variant", "exact()", "letters"]].values.tolist()
        [['a', 1.0, 1.0], ['b', 0.0, 3.0]]
        """
        arguments.check(Comparison.add_score, locals())
        self.score_set.add(score, name=name, version=version)
        return self

    def rescore(self, score: Any = None, *, version: str | int | None = None, fresh: bool = False) -> Comparison:
        """Read the batch again and score what is new, by the same scorers or another one; return the comparison.

        Saved scores of unchanged scorers cost nothing; those that had an error are tried again.

        Parameters
        ----------
        score : str or function, optional
            In the place of the comparison's own; by default the same scorers once more.
        version : str or int, optional
            Of a function of your own, as in ``fh.score.scorer``.
        fresh : bool
            Score everything anew, also what is saved; a judge is then asked and paid for again.

        Raises
        ------
        InputError
            The scorer cannot be used.
        """
        arguments.check(Comparison.rescore, locals())
        self.score_set.rescore(score, version=version, fresh=fresh)
        return self

    def by(self, name: str) -> Comparison:
        """Return the comparison of the same runs by another one of its scores.

        Raises
        ------
        InputError
            There is none of this name.
        """
        arguments.check(Comparison.by, locals())
        if name == self.scorer:
            return self
        return Comparison(self.score_set.by(name), self._ratings)

    def scores(self) -> pd.DataFrame:
        """Return all scores, one row for each run: the pair, ``variant``, then one column per score; NaN if missing."""
        return self.score_set.table()

    def long(self, columns: Sequence[ColumnName] | None = None) -> pd.DataFrame:
        """Return all scores in long format, one row for each run and score, for packages of statistics and plots.

        Columns: the pair (``row``), ``variant``, ``repeat`` from 1, those of `columns`, ``scorer`` and ``score``; a
        missing score is NaN. A mixed model of a batch with repeats is ``score ~ variant + (1 | row)`` over it.
        ``polars.DataFrame(cmp)``, ``pyarrow.table(cmp)`` and DuckDB read this table, by Arrow.

        Parameters
        ----------
        columns : list of str, optional
            Columns of the rows, such as the factors of ``fh.grid``; also by a name behind ``metadata.`` or ``in.``.

        Raises
        ------
        InputError
            Nothing was scored, or there is no such column.

        Examples
        --------
        >>> frame = pd.DataFrame({"row": [0, 0], "variant": ["a", "a"], "tone": "calm", "s": [1, 0]})
        >>> compare(frame, score="s").long(["tone"]).values.tolist()
        [[0, 'a', 1, 'calm', 's', 1.0], [0, 'a', 2, 'calm', 's', 0.0]]
        """
        arguments.check(Comparison.long, locals())
        return self.score_set.long([] if columns is None else list(columns))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return :meth:`long` by the Arrow PyCapsule interface; the other tables are DataFrames."""
        return arrow_stream(FrameSource(self.long()), requested_schema)

    def parts(self) -> pd.DataFrame:
        """Return the parts of the scores, one row for each run: the pair, ``variant``, ``score``, one column per part.

        Parts are the fields of `json_fields`, the members of `weighted`, the reason of a judge, and what a function of
        your own gives in a dict.
        """
        return parts_table(self.data.lines, self.pair_on)

    # --- corrections of expected outputs

    def correct(self, row: Any, *, expected: Any, note: str = "", author: str | None = None) -> Comparison:
        """Correct a wrong ``expected_output`` of a row, and return the comparison, scored by it.

        The correction is saved in the store, beside the table, which stays as it is. It belongs to the workspace, the
        deployment and the inputs: it applies in every batch that has these inputs, to all rows of them, as long as the
        table's ``expected_output`` is the one that was replaced here; a table that says something else wins. It is of
        the whole row, also of variants of another deployment there. Only the rows that it changes are scored again, by
        every score of this comparison; a judge that reads the expected output is asked again for these, and open pages
        of the comparison show it. A comparison over partitions has no corrections, and says so. (:meth:`corrected` is
        something else: a judge's scores, corrected by labels.)

        Parameters
        ----------
        row : object
            Which row: a value of the column that pairs.
        expected : object
            What is expected of it: a text, a number, or another JSON value; ``None`` for nothing. The table's own value
            takes an earlier correction back.
        note : str
            Why, for whoever reads it later.
        author : str, optional
            Who corrects; by default the name of the user of this machine.

        Raises
        ------
        InputError
            There is no such row, it is of a table and not of a batch, nothing is expected in it, it is so already, or
            an argument cannot be saved.

        Examples
        --------
        >>> import fh_notebook as fh
        >>> hive = fh.local.demo_hive().client()
        >>> rows = [{"ticket": "I was charged twice.", "expected_output": "other"}]
        >>> batch = fh.batch(rows, "support-triage", variants=["keywords"], client=hive, progress=False)
        >>> cmp = fh.compare(batch).correct(0, expected="billing", note="a charge is billing")
        >>> cmp.wide()["expected_output"].tolist(), cmp.corrections()["replaced"].tolist()
        (['billing'], ['other'])
        """
        arguments.check(Comparison.correct, locals())
        self.score_set.correct(row, expected, note=note, author=check_person(author, "author"))
        if resolution.store_path() is None:
            session.tell_once("Corrections are not saved (store=None): they end with this kernel.")
        return self

    def corrections(self) -> pd.DataFrame:
        """Return the corrections of the rows' expected outputs, one row for each.

        Columns: the one that pairs; ``replaced``: the value that the table had; ``expected``: the corrected one;
        ``note``, ``author``, ``corrected_at`` (UTC); ``applies``: whether it counts here; ``table_says``: the table's
        value now. One that does not apply is of a table that says something else since; one whose value the table has
        taken over is not listed. ``fh.forget(batch)`` and ``retention_days`` leave corrections,
        ``fh.forget(everything=True)`` removes them.
        """
        return corrections_frame(self.data.runs, self.pair_on)

    def write_corrected(self, path: str | PathLike[str]) -> Path:
        """Write the batch's table with the corrections in ``expected_output`` to a new file, and return its path.

        It has the rows and columns that were run. Values keep their kinds in ``.parquet``, ``.json`` and ``.jsonl``,
        so ``fh.batch(path, ..., reuse="store")`` makes no call; a cell of a ``.csv`` or ``.tsv`` is read as text, which
        is another input than a number was. In ``.parquet`` a column of several kinds is text, and JSON what is none;
        ``.json`` and ``.jsonl`` do not hold labels of rows. Texts are written as they are, for a program and not for a
        spreadsheet; values of password Start variables are masked.

        Parameters
        ----------
        path : path
            Ends in ``.csv``, ``.tsv``, ``.jsonl``, ``.json`` or ``.parquet``. A file that is there is never replaced.

        Raises
        ------
        InputError
            It is not the comparison of one batch.
        SettingsError
            The file is there already, cannot be written there, cannot hold the rows' labels, or what it needs is not
            installed.
        """
        arguments.check(Comparison.write_corrected, locals())
        return write_corrected(self.data.runs, path)

    def _expected_editor(self, *, is_offered: bool | None = None) -> ExpectedEditor:
        return ExpectedEditor(lambda: self.data, self.correct, self.score_set.subscribe, is_offered=is_offered)

    # --- ratings

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
        question: str | None = None,
        corrections: bool | None = None,
    ) -> Any:
        """Rate outputs blind, by keys: two side by side, or with `scale` or `labels` one at a time.

        Rows come in an order by chance, and so does which of two is on the left; whose they are is nowhere in the page
        before the last one is rated. Keys: ``1`` the left one, ``2`` the right one, ``0`` or ``t`` equally good, ``s``
        skip, ``u`` undo; of a scale or of labels their number. Each rating is in the store before the page counts it:
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
        question : str, optional
            What is asked above the outputs, such as ``"Which letter would you send?"``. Ratings by any wording count
            together.
        corrections : bool, optional
            Whether the page corrects expected outputs (see :meth:`correct`); by default it does, except in an app
            (Voila), whose visitors would correct for everybody.

        Returns
        -------
        Rater
            Shows itself under the cell; ``.session`` says how far it is.

        Raises
        ------
        InputError
            There is no such variant, row or column, or nothing to be rated.
        """
        arguments.check(Comparison.rate, locals(), but={"pair", "rows", "show"})
        return self._ratings.rate(
            self.data, pair=pair, rater=rater, rows=rows, scale=scale, labels=labels, seed=seed, show=show,
            skipped=skipped, question=question, corrections=self._expected_editor(is_offered=corrections),
        )  # fmt: skip

    def ratings(self, *, rater: str | None = None) -> Ratings:
        """Return all human ratings of these outputs, whatever was asked: ``.frame``, ``.to_csv()``, ``.to_parquet()``.

        Parameters
        ----------
        rater : str, optional
            Only of this person.
        """
        arguments.check(Comparison.ratings, locals())
        return self._ratings.ratings(self.data, rater=rater)

    def rated(
        self,
        *,
        rater: str | None = None,
        scale: int | None = None,
        labels: Sequence[str] | None = None,
        label: str | None = None,
    ) -> Comparison:
        """Return the comparison with the human ratings as its score: ``cmp.rated().pairs()`` shows which variant wins.

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
        arguments.check(Comparison.rated, locals())
        data = self._ratings.rated(self.data, rater=rater, scale=scale, labels=labels, label=label)
        return Comparison(self.score_set.beside(data, None), self._ratings)

    def agreement(self, *, scale: int | None = None, labels: Sequence[str] | None = None) -> Agreement:
        """Return how far people agree with each other, and each score of this comparison with people.

        Two people by Cohen's kappa (on a scale weighted by squared distances), more of them by Fleiss' too,
        and by Krippendorff's alpha on a scale or where only some have rated an item; a judge or a scorer by which of
        two outputs it prefers, against the majority of people.

        Parameters
        ----------
        scale, labels : optional
            Which question, as in :meth:`rate`; by default which of two is better, or the only one that was asked.

        Raises
        ------
        InputError
            Nobody has rated.
        """
        arguments.check(Comparison.agreement, locals())
        return self._ratings.agreement(self.data, self.score_set.lines_by_name(), scale=scale, labels=labels)

    # --- a judge's scores, corrected by labels of people

    def label(
        self,
        n: int = 40,
        *,
        rater: str | None = None,
        scale: int | None = None,
        seed: int = 0,
        show: Sequence[ColumnName] | None = None,
    ) -> Any:
        """Label the outputs of some rows blind, by keys, so that :meth:`corrected` can correct a judge's scores.

        The rows are drawn by chance, from all of them alike. That matters: rows that look interesting are those on
        which a judge errs, and labels of those would say that it errs as often on all. Yes/no scores are labelled
        right or wrong, other scores on a scale. Labels are ratings: they are saved in the store as they are given.

        Parameters
        ----------
        n : int
            Rows, from 10 on; :meth:`labels_needed` says how many more make an interval narrow enough.
        rater, seed, show
            As in :meth:`rate`. With another seed other rows are drawn.
        scale : int, optional
            Points of the scale; of scores that are numbers 5 by default. They lie evenly between the scorer's bounds.

        Returns
        -------
        Rater
            Shows itself under the cell.

        Raises
        ------
        InputError
            There is no score, or nothing to be labelled.
        """
        arguments.check(Comparison.label, locals(), but={"show"})
        scale, answers = labelling.question_of_labels(self.data, scale)
        return self._ratings.rate(
            self.data, pair=None, rater=rater, rows=labelling.rows_drawn(n), scale=scale, labels=answers, seed=seed,
            show=show, skipped=False, question=None, corrections=self._expected_editor(),
        )  # fmt: skip

    def corrected(
        self, labels: pd.DataFrame | None = None, *, rater: str | None = None, scale: int | None = None
    ) -> Comparison:
        """Return the comparison with the judge's scores corrected by human labels: ``summary()``, ``pairs()``, verdict.

        A judge may err more often on one variant than on another. The labels measure its errors on rows that were
        drawn by chance, and all rows that it scored make the corrected mean precise: prediction-powered inference
        (PPI++), see :mod:`fh_notebook.comparing.stats.correction`. Intervals are never wider than those of the labels
        alone. The notes say how often the judge agrees with people, and warn where it favours a variant or length.

        Parameters
        ----------
        labels : DataFrame, optional
            Labels made elsewhere: the columns ``row``, ``variant`` and ``label`` (true, false or a number in the unit
            of the scores), of rows that were drawn by chance. By default those of :meth:`label`.
        rater : str, optional
            Only the labels of this person; by default the mean over all.
        scale : int, optional
            As given to :meth:`label`.

        Returns
        -------
        Comparison
            ``n``, wins and losses of its pairs are those of the labelled rows.

        Raises
        ------
        InputError
            There is no score, or there are fewer than 10 labels of a variant.

        Examples
        --------
        >>> frame = pd.DataFrame({"row": range(100), "variant": "a", "s": [1, 0] * 50})
        >>> labels = pd.DataFrame({"row": range(20), "variant": "a", "label": [1, 0, 1, 1] * 5})
        >>> compare(frame, score="s").corrected(labels).summary()["mean"].round(2).tolist()
        [0.75]
        """
        arguments.check(Comparison.corrected, locals(), but={"labels"})
        if labels is not None and not isinstance(labels, pd.DataFrame):
            raise InputError("labels must be a DataFrame with the columns 'row', 'variant' and 'label'")
        if labels is None:
            scale, answers = labelling.question_of_labels(self.data, scale)
            rated = self._ratings.rated(self.data, rater=rater, scale=scale, labels=answers, label=None)
            values = labelling.labels_of_ratings(self.data, rated, scale)
        else:
            values = labelling.labels_of_frame(self.data, labels)
        data = labelling.with_labels(self.data, values)
        return Comparison(self.score_set.beside(data, None), self._ratings)

    def judge_errors(self) -> pd.DataFrame:
        """Return how the judge's scores compare with the labels, by variant; for a :meth:`corrected` comparison.

        Columns: ``variant``; ``labels``: labelled rows; ``agreement``: the share of them on which both say the same (of
        numbers their correlation); ``sensitivity`` and ``specificity``: the share of right and of wrong outputs that
        the judge recognises (NaN of numbers); ``bias``: the judge's mean less that of the labels, with its 95 %
        interval ``bias_low, bias_high``.

        Raises
        ------
        InputError
            There are no labels.
        """
        return labelling.errors_table(self.data)

    def labels_needed(self, width: float = 0.05) -> pd.DataFrame:
        """Return about how many labels give corrected intervals of this width; for a :meth:`corrected` comparison.

        Columns: ``variant``; ``labels``: those that there are; ``width``: of the interval now; ``needed`` labels for
        the one asked for, as long as they are few beside the rows; infinite where no number does.

        Parameters
        ----------
        width : float
            Of the 95 % interval of a variant's mean, from its lower to its upper limit.

        Raises
        ------
        InputError
            There are no labels, or `width` is not above 0.
        """
        arguments.check(Comparison.labels_needed, locals())
        return labelling.needed_table(self.data, width)

    # --- what it shows

    def diff(self, row: Any, *, a: str | None = None, b: str | Sequence[str] | None = None) -> RowDiff:
        """Return the differences between the answers to one row and a baseline: words of texts, paths of JSON.

        Parameters
        ----------
        row : object
            Which row: a value of the column that pairs.
        a : str, optional
            The baseline: a variant, or ``"expected_output"``; the first variant by default, and of a comparison of two
            dates the same variant on the first.
        b : str or list of str, optional
            What is compared to it; all the others by default.

        Returns
        -------
        RowDiff
            It shows itself; ``.parts`` are the values, ``.frame`` the same with one line a difference.

        Raises
        ------
        InputError
            There is no such row or variant.

        Examples
        --------
        >>> frame = pd.DataFrame({"row": 3, "variant": ["a", "b"], "output": ["It is late.", "It is lost."]})
        >>> print(compare(frame).diff(row=3))
        row 3, compared to a
        a:
          It is late.
        b:
          differs: 1 word added, 1 removed
          It is [-late-]{+lost+}.
        """
        arguments.check(Comparison.diff, locals())
        return compare_row(self.data, row, a=a, b=b)

    def browse(
        self,
        *,
        columns: Sequence[ColumnName] | None = None,
        page_size: int = 25,
        corrections: bool | None = None,
    ) -> Any:
        """Return a live table of the rows, variants side by side: to sort, search, filter and open by keyboard.

        A page shows one page of it at a time and asks the kernel for the next, so 100,000 rows embed nothing. An opened
        row shows the outputs beside each other and what is different. While a batch is running, answers appear as they
        come. A saved notebook keeps the page that was shown last, as plain HTML and as text.

        Parameters
        ----------
        columns : list of str, optional
            The rows' own columns to be shown; by default the first two.
        page_size : int
            Rows a page, from 1 to 100.
        corrections : bool, optional
            Whether the page corrects expected outputs (see :meth:`correct`); by default it does, except in an app
            (Voila), whose visitors would correct for everybody.

        Returns
        -------
        Browser
            It shows itself; ``.frame`` is what the filters leave, in the order shown, ``.view`` how it is looked at.

        Raises
        ------
        InputError
            There is no such column, or the size is none.

        Examples
        --------
        >>> frame = pd.DataFrame({"row": [0, 0, 1, 1], "variant": ["a", "b"] * 2, "output": list("xyzz")})
        >>> browser = compare(frame).browse()
        >>> browser.show(only="different").frame["row"].tolist()
        [0]
        """
        arguments.check(Comparison.browse, locals(), but={"columns"})
        return hooks.frontend().browse(self, columns=columns, page_size=page_size, corrections=corrections)

    def plot(
        self,
        kind: str | None = None,
        *,
        backend: Literal["matplotlib"] = "matplotlib",
        cost: ColumnName | Callable[[Any], Any] | None = None,
        by: ColumnName | list[ColumnName] | None = None,
    ) -> Any:
        """Return the figure of the comparison: scores, paired differences, wins, seconds.

        It has no background and Jupyter's own colour of text, so that it reads in both themes; ``figure.alt`` says in
        words what it shows.

        Parameters
        ----------
        kind : {"scores", "differences", "wins", "seconds", "confusion", "tradeoff"}, optional
            One of them alone. ``"confusion"`` and ``"tradeoff"`` are drawn only when asked for: the confusion table of
            each variant, where answers are labels, and what the best one answers more often than the next; the score
            beside seconds, or cost, with both intervals.
        backend : {"matplotlib"}
            What draws it.
        cost : str or function, optional
            Of ``"tradeoff"``, as in :meth:`tradeoff`.
        by : str or list of str, optional
            As in :meth:`slice`: the scores for each value of a column, or of a factor of ``fh.grid``, as a panel each
            with one axis; for at most 24 of them.

        Returns
        -------
        Plot
            A matplotlib ``Figure`` that shows itself.

        Raises
        ------
        InputError
            `kind` or `backend` is something else, or there is nothing of it to be drawn.
        """
        arguments.check(Comparison.plot, locals())
        from fh_notebook.comparing.plots.matplotlib_plots import plot

        return plot(self.data, kind, backend=backend, cost=cost, by=by)

    def report(self, path: str | PathLike[str]) -> Path:
        """Write everything into one file, and return its path: ``.html``, ``.md`` or ``.xlsx``.

        The page needs no network and runs nothing of a model's; all rows are in it. No key is, nor are the values of
        password Start variables: where an answer or an error repeats one, it is masked.

        Raises
        ------
        SettingsError
            It cannot be written there, or what it needs is not installed.
        """
        arguments.check(Comparison.report, locals())
        return report.write_report(self.data, path)

    # --- what other tools read

    def to_mlflow(
        self,
        experiment: str,
        *,
        tracking_uri: str | PathLike[str] | None = None,
        baseline: str | None = None,
        parent_run: str | None = None,
    ) -> dict[str, str]:
        """Write the comparison to MLflow, a run for each variant, and return the ids of the runs by variant.

        A run has as parameters where the answers are from and how they were scored (``deployment``, ``batch``,
        ``variant``, ``scorer``, ``rows``, ``baseline``, ``fh_notebook``, ...); as metrics the columns of
        :meth:`summary`, and ``difference`` from the baseline with ``difference_ci_low, difference_ci_high, p, p_holm``,
        as in :meth:`pairs`; a number that is not known is no metric. The table ``rows.json`` has its runs with every
        score, ``report.html`` is that of :meth:`report`, and the description is the verdict. Metrics are of the
        comparison's own score; ``cmp.by(name).to_mlflow(...)`` writes those of another one. The runs of one call have
        the same tag ``fh_notebook.comparison``, and ``fh_notebook.baseline_run`` is the run of the baseline. Secrets
        are masked as in :meth:`report`.

        A second call writes new runs, and changes none that are there. Where a run cannot be written, all runs of the
        call are marked as failed. The active run and the tracking URI of the process stay as they are. MLflow is
        installed by ``pip install mlflow``; for a server or a file store ``mlflow-skinny`` is enough.

        Parameters
        ----------
        experiment : str
            The name of the experiment, which is made where there is none.
        tracking_uri : str or path, optional
            The address of a server, ``sqlite:///mlflow.db``, or the folder of a file store (newer releases of MLflow
            ask for ``MLFLOW_ALLOW_FILE_STORE=true`` with it); by default what MLflow is configured for.
        baseline : str, optional
            The variant that the others are compared with; by default the first one.
        parent_run : str, optional
            The id of a run under which MLflow shows these ones.

        Raises
        ------
        InputError
            There is no such variant, or no name of an experiment.
        SettingsError
            MLflow is not installed, or it cannot write the runs, with the reason.

        Examples
        --------
        Where MLflow is installed::

            runs = cmp.to_mlflow("triage", tracking_uri="sqlite:///mlflow.db", baseline="live")
            runs["live"]  # the id of its run
        """
        arguments.check(Comparison.to_mlflow, locals())
        return mlflow_runs.write_mlflow_runs(
            *self.score_set.snapshot(), experiment=experiment, tracking_uri=tracking_uri,
            baseline=baseline, parent_run=parent_run,
        )  # fmt: skip

    def to_inspect(self, path: str | PathLike[str]) -> dict[str, Path]:
        """Write the runs as logs of Inspect, a file for each variant, and return the files by variant.

        ``inspect view --log-dir PATH`` opens them, and ``inspect_ai.log.read_eval_log`` reads them. The model of a log
        is the variant. A sample is a run: its id is the label of the row, its epoch the repeat; its input is the one
        text variable, or all Start variables as JSON (of a table, its columns); its target is ``expected_output``; it
        has every score that there is, the columns of the row as metadata, and the error of a run that has no answer.
        The metrics of a score are ``mean`` and its interval ``ci_low, ci_high``, as in :meth:`summary`, and ``stderr``
        over distinct rows. Runs that are pending are left out, and the log says that it was cancelled. The viewer shows
        outputs as plain text, and secrets are masked as in :meth:`report`.

        Inspect is installed by ``pip install inspect-ai``.

        Parameters
        ----------
        path : path
            The folder of the logs, which is made where there is none. A file is called ``<variant>.eval``, with ``_``
            for what a file name cannot have; one of that name is replaced.

        Raises
        ------
        SettingsError
            Inspect is not installed, or the logs cannot be written there.

        Examples
        --------
        Where Inspect is installed::

            cmp.to_inspect("logs")["live"]  # logs/live.eval
        """
        arguments.check(Comparison.to_inspect, locals())
        return inspect_logs.write_inspect_logs(*self.score_set.snapshot(), path)

    def __repr__(self) -> str:
        return display.comparison_text(self.data)

    def _repr_html_(self) -> str:
        return display.comparison_html(self.data)
