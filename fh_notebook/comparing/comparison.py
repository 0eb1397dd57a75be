"""`compare` and `Comparison`: variants side by side on the same rows.

Rule of this file: tables out, sentences beside them; whatever a model said is text in them, escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import pandas as pd

from fh_notebook import html
from fh_notebook.batching.batch import Batch
from fh_notebook.batching.plan import counted
from fh_notebook.batching.rows import EXPECTED
from fh_notebook.batching.wording import frame_html, frame_text
from fh_notebook.comparing.scoring import Observation, Score, observations, scored
from fh_notebook.comparing.scoring_many import ManyScores
from fh_notebook.comparing.tables import incomplete_rows, summary_table, wide_table
from fh_notebook.comparing.verdict import verdict
from fh_notebook.errors import InputError

__all__ = ["Comparison", "compare"]

ROWS_SHOWN: Final = 10


def compare(batch_or_frame: Batch | pd.DataFrame, *, score: Score = None, pair_on: str = "row") -> Comparison:
    """Compare the variants of a batch, or of a frame, on the same rows.

    Parameters
    ----------
    batch_or_frame : Batch or DataFrame
        A frame needs `pair_on`, ``variant`` and the score column (or ``output``, for a scorer), no more.
    score : str, function or None
        A column, or a function ``(run)`` or ``(run, row)`` that gives true, false, a number, or ``None`` for no score;
        ready ones are in ``fh.score``. ``None`` is ``fh.score.exact()`` where there is an ``expected_output``; else
        only failures and seconds compare.
    pair_on : str
        The column that tells which runs belong together.

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
    found = observations(batch_or_frame, pair_on=pair_on)

    def again(score: Score, *, fresh: bool = False, anew: bool = False) -> _Taken:
        nonlocal found
        found = observations(batch_or_frame, pair_on=pair_on) if anew else found
        return _taken(found, score, fresh)

    made = Comparison(_taken(found, score), pair_on=pair_on)
    made._begin(score, again)
    return made


@dataclass(frozen=True)
class _Taken:
    lines: pd.DataFrame
    scorer: str
    expected: dict[Any, Any] | None


def _taken(found: Sequence[Observation], score: Score, fresh: bool = False) -> _Taken:
    lines, scorer = scored(found, score, fresh=fresh)
    expected = {o.pair: o.row[EXPECTED] for o in found if EXPECTED in o.row}
    return _Taken(lines, scorer, expected or None)


class Comparison(ManyScores):
    """What :func:`compare` found. The tables are DataFrames, new ones at each call.

    Attributes
    ----------
    scorer : str
        What scored; empty when nothing did.
    variants : list of str
        In the order in which they were planned, or first appear.
    """

    def __init__(self, taken: _Taken, *, pair_on: str) -> None:
        self.pair_on = pair_on
        self._take(taken)

    def _take(self, taken: _Taken) -> None:
        self.scorer = taken.scorer
        self.variants: list[str] = list(dict.fromkeys(taken.lines["variant"]))
        self._frame = taken.lines
        self._expected = taken.expected

    def _sibling(self, taken: _Taken) -> Comparison:
        return Comparison(taken, pair_on=self.pair_on)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the scorer has to say of its scores, such as a judge's position bias."""
        return tuple(self._frame.attrs.get("notes", ()))

    def summary(self) -> pd.DataFrame:
        """Return one line a variant.

        Columns: ``variant``; ``n`` scored runs; ``missing``: runs without a score that did not fail (the scorer raised
        or had nothing to compare with, the run is unknown or pending); ``failed`` runs, which are not scored; ``mean``
        with its 95 % interval ``ci_low, ci_high`` (Wilson's for yes/no, Student's else), and ``median``, all three over
        rows: repeats of a row are averaged first; ``p50_s, p95_s``: seconds of completed runs.
        """
        return summary_table(self._frame, self.variants)

    def wide(self) -> pd.DataFrame:
        """Return one line a row, the variants beside each other.

        Columns: the one that pairs, ``expected_output`` where there is one, ``outputs_differ``, ``scores_differ`` where
        there are scores, then for every variant ``<variant>.output``, ``<variant>.score``, ``<variant>.seconds``. Of
        repeats: the first output, the means of scores and seconds. Only completed runs differ in their outputs, and
        only scores that are there differ.
        """
        return wide_table(
            self._frame,
            self.variants,
            pair_on=self.pair_on,
            expected=self._expected,
            has_score=bool(self.scorer),
        )

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
        by = by or ("score" if self.scorer else "output")
        if by not in ("score", "output"):
            raise InputError(f"by is {by!r}; give 'score' or 'output'")
        if by == "score" and not self.scorer:
            raise InputError("there is no score to differ in; give compare(..., score=...), or by='output'")
        table = self.wide()
        return table[table[f"{by}s_differ"]].reset_index(drop=True)

    def score_errors(self) -> pd.DataFrame:
        """Return the runs whose scorer raised, or gave no score that can be used: the pair, ``variant``, ``error``."""
        broken = self._frame[self._frame["score_error"].notna()]
        columns = {"pair": self.pair_on, "score_error": "error"}
        return broken[["pair", "variant", "score_error"]].rename(columns=columns).reset_index(drop=True)

    @cached_property
    def verdict(self) -> str:
        """One sentence that claims no more than the numbers."""
        return verdict(self._frame, self.summary(), scorer=self.scorer)

    def _title(self) -> str:
        rows = self._frame["pair"].nunique(dropna=False)
        by = f" by {self.scorer}" if self.scorer else ""
        return f"{counted(len(self.variants), 'variant')} on {counted(rows, 'row')}{by}"

    def _differing(self) -> tuple[str, pd.DataFrame]:
        if len(self.variants) < 2:
            return "", pd.DataFrame()
        table = self.disagreements()
        shown = min(len(table), ROWS_SHOWN)
        by: Literal["score", "output"] = "score" if self.scorer else "output"
        left = incomplete_rows(self._frame, self.variants, by)
        lacking = f"; on {counted(left, 'row')} a variant has no {by if self.scorer else 'answer'}" if left else ""
        first = f"; the first {shown}:" if shown else "."
        return f"The variants differ on {counted(len(table), 'row')}{lacking}{first}", table

    def __repr__(self) -> str:
        summary = self.summary()
        about, table = self._differing()
        parts = [
            f"Comparison of {self._title()}",
            frame_text(summary, list(summary.columns)),
            self.verdict,
            *self.notes,
            about,
            frame_text(table.head(ROWS_SHOWN), self._columns_shown(table)),
        ]
        return "\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        summary = self.summary()
        about, table = self._differing()
        return html.el(
            "div",
            html.STYLE,
            html.el("div", html.el("strong", f"Comparison of {self._title()}"), cls="fh-head"),
            frame_html(summary, list(summary.columns)),
            html.el("p", self.verdict),
            *(html.el("p", note, cls="fh-dim") for note in self.notes),
            html.el("p", about, cls="fh-dim") if about else None,
            frame_html(table.head(ROWS_SHOWN), self._columns_shown(table)) if about else None,
            cls="fh",
        )

    def _columns_shown(self, table: pd.DataFrame) -> list[str]:
        hidden = ("outputs_differ", "scores_differ")
        return [c for c in table.columns if c not in hidden and not c.endswith(".seconds")]
