"""The tables of a comparison: what each of its methods returns, column by column.

Rule of this file: it says what the columns mean, and hands on to `tables.py`, `pairs.py`, `slices.py` and `power.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from fh_notebook import arguments, settings
from fh_notebook.comparing import asking
from fh_notebook.comparing.grid import Grid
from fh_notebook.comparing.pairs import ALPHA, Pair, all_pairs, pairs_table
from fh_notebook.comparing.power import POWER, power_table
from fh_notebook.comparing.slices import slice_table
from fh_notebook.comparing.sources import Taken
from fh_notebook.comparing.tables import differing_scores, leaderboard_table, summary_table, wide_table
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.optional_deps import is_installed
from fh_notebook.values import ColumnName

__all__ = ["Tabling"]


class Tabling:
    """The part of a comparison that gives tables. Whoever has it takes what was scored."""

    pair_on: str
    scorer: str
    variants: list[str]
    _frame: pd.DataFrame
    _taken: Taken
    _which: Sequence[tuple[str, str]] | None

    def summary(self) -> pd.DataFrame:
        """Return one line a variant.

        Columns: ``variant``; ``n`` scored runs; ``missing``: runs without a score that did not fail (the scorer raised
        or had nothing to compare with, the run is unknown or pending); ``failed`` runs; ``mean`` with its 95 % interval
        ``ci_low, ci_high`` and ``median``, all three over distinct rows: repeats of a row, and rows with equal inputs,
        are averaged first; ``p50_s, p95_s``: seconds of completed runs. With ``fh.configure(price_per_call=)`` also
        ``cost``, of the calls that ran or may have run.

        The interval of yes/no is Blaker's exact one, which covers in at least 95 %, see
        :mod:`fh_notebook.comparing.blaker`; that of numbers is the BCa bootstrap's. Below 40 rows plain BCa covers too
        seldom (86 % at 6 rows, 91 % at 12) and is widened as Student's is, which covers in 93 to 97 %; above 5,000 it
        is computed
        without resampling. It lies in the range of the score, as the scorer states it (``bounds``, a judge's or a
        rating's scale), else as the scores show it: 0 to 1, -1 to 1, from 0 on, or any number. Numbers
        that are all equal have one with a width (``all equal``). ``attrs["interval"]`` names it for each variant:
        ``blaker``, ``bca``, ``bca, widened``, ``bca, analytic``; ``attrs["rows"]`` has the number of distinct rows.
        """
        return summary_table(self._frame, self._grid, price=settings.current().price_per_call)

    def pairs(self) -> pd.DataFrame:
        """Return one line a pair of variants, `a` before `b`, on the rows that both have a score of.

        Rows with equal inputs are one of them. Columns: ``a, b, n, mean_a, mean_b``; ``difference`` (b - a) with its
        95 % interval ``ci_low, ci_high``; ``wins, ties, losses`` of b, where scores that
        are the same to 12 digits of the largest tie; ``test``:
        ``mcnemar_exact`` for yes/no, else ``wilcoxon``, ``none`` below 6 pairs; its ``p``, and ``p_holm``: corrected
        for all pairs; ``effect``: the matched-pairs rank-biserial correlation, from -1 to 1; ``p_permutation``: of the
        paired permutation test of the mean; ``interval``: the rule of the interval (``tango`` for yes/no, the score
        interval of Tango (1998), which covers in about 94 % at worst, see :mod:`fh_notebook.comparing.tango`; with
        repeats ``tango, clustered``; of numbers ``t`` below 40 pairs, ``bca`` up to 5,000, ``normal`` above).

        Raises
        ------
        SettingsError
            Scores are numbers and scipy is not installed.
        """
        return pairs_table(self._tested)

    def leaderboard(self) -> pd.DataFrame:
        """Return the variants by their means, best first, with everything that is known of each.

        Columns: ``rank``, those of :meth:`summary`, then ``rows``, ``interval`` (the rule of the interval),
        ``failure_rate``, and ``beats``: the variants that it is better than after Holm's correction.
        """
        return leaderboard_table(self.summary(), self._frame, self._pairs, lower=self._lower)

    def wide(self) -> pd.DataFrame:
        """Return one line a row, the variants beside each other.

        Columns: the one that pairs, ``expected_output`` where there is one, ``outputs_differ``, ``scores_differ`` where
        there are scores, then for every variant ``<variant>.output``, ``<variant>.score``, ``<variant>.seconds``. Of
        repeats: the first output, the means of scores and seconds. Only completed runs differ in their outputs, and
        only scores that are there differ.
        """
        return self._wide(self._frame)

    def disagreements(self, by: Literal["score", "output"] | None = None) -> pd.DataFrame:
        """Return the lines of :meth:`wide` on which the variants differ.

        Parameters
        ----------
        by : {"score", "output"}, optional
            In what; in the score where there is one, else in the output.

        Raises
        ------
        InputError
            `by` is something else, or there is no score.
        """
        arguments.check(Tabling.disagreements, locals())
        by = by or ("score" if self.scorer else "output")
        if by not in ("score", "output"):
            raise InputError(f"by is {by!r}; give 'score' or 'output'")
        if by == "score" and not self.scorer:
            raise InputError("there is no score to differ in; give compare(..., score=...), or by='output'")
        table = self._rows(self._differing) if by == "score" else self.wide()
        return table[table[f"{by}s_differ"]].reset_index(drop=True)

    def slice(self, by: ColumnName) -> pd.DataFrame:
        """Return :meth:`summary` for each value of a column of the rows, such as a language.

        Nothing is tested: among many slices, some differ by chance.

        Parameters
        ----------
        by : str
            A column (also a number, where it is called so), also by its name behind ``metadata.`` or ``in.``.

        Raises
        ------
        InputError
            There is no such column.

        Examples
        --------
        >>> frame = pd.DataFrame({"row": [0, 1], "variant": "a", "s": [1, 0], "language": ["en", "de"]})
        >>> from fh_notebook.comparing.comparison import compare
        >>> compare(frame, score="s").slice(by="language")[["language", "variant", "mean"]].values.tolist()
        [['en', 'a', 1.0], ['de', 'a', 0.0]]
        """
        arguments.check(Tabling.slice, locals())
        values = asking.column(self._taken, by)
        return slice_table(self._frame, values, by, self.variants, price=settings.current().price_per_call)

    def power(self, *, difference: float | None = None, power: float = POWER, alpha: float = ALPHA) -> pd.DataFrame:
        """Return what each pair can see, and how many rows it would need.

        Columns: ``a, b, n``; ``difference``: the one seen, or the one asked for; ``power``: the chance that so many
        rows show it; ``rows_needed`` for the power asked for, and ``rows_more`` of them; ``detectable``: the smallest
        difference that so many rows show. `alpha` is divided by the number of pairs, as Holm's first step does.

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
        arguments.check(Tabling.power, locals())
        asking.check_chances(power=power, alpha=alpha)
        asking.check_difference(difference)
        return power_table(self._pairs, difference=difference, power=power, alpha=alpha)

    def score_errors(self) -> pd.DataFrame:
        """Return the runs whose scorer raised, or gave no score that can be used: the pair, ``variant``, ``error``."""
        broken = self._frame[self._frame["score_error"].notna()]
        columns = {"pair": self.pair_on, "score_error": "error"}
        return broken[["pair", "variant", "score_error"]].rename(columns=columns).reset_index(drop=True)

    # --- what the tables are made of

    @property
    def _lower(self) -> bool:
        return self._taken.is_lower

    @cached_property
    def _grid(self) -> Grid:
        return Grid.of(self._frame, self.variants, by="cluster")

    @cached_property
    def _grid_of_rows(self) -> Grid:
        """Of rows that ask the same, each by itself."""
        return Grid.of(self._frame, self.variants)

    @cached_property
    def _pairs(self) -> list[Pair]:
        """All pairs; without their tests where those need scipy and it is not installed."""
        try:
            return self._tested
        except SettingsError:
            if is_installed("scipy"):
                raise
            return all_pairs(self._grid, self._which, tests=False, lower=self._lower)

    @cached_property
    def _tested(self) -> list[Pair]:
        return all_pairs(self._grid, self._which, lower=self._lower)

    @cached_property
    def _differing(self) -> list[Any]:
        """The pairs whose scores differ, those that differ most first."""
        return differing_scores(self._frame, self._grid_of_rows, self._which)

    def _rows(self, pairs: Sequence[Any]) -> pd.DataFrame:
        """Return the lines of :meth:`wide` of some rows only: it takes no longer than they are many."""
        return self._wide(self._frame[self._frame["pair"].isin(list(pairs))])

    def _wide(self, lines: pd.DataFrame) -> pd.DataFrame:
        return wide_table(
            lines, self.variants, pair_on=self.pair_on, expected=self._taken.expected, has_score=bool(self.scorer)
        )
