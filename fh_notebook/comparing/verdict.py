"""One sentence under a comparison.

Rule of this file: it claims no more than the numbers. It says which mean is higher on the rows that both answered, and
on how many rows, and that chance was not tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from fh_notebook.comparing.tables import per_row

__all__ = ["verdict"]

FEWEST_ROWS: Final = 6
"""Below this no pattern of wins can be told from chance: all of 5 rows won has p = 2/32 = 0.06 by the sign test."""


def verdict(frame: pd.DataFrame, summary: pd.DataFrame, *, scorer: str) -> str:
    """Return what can be said of the two best variants, in one sentence.

    Parameters
    ----------
    frame : DataFrame
        One line a run, from :func:`~fh_notebook.comparing.scoring.scored`.
    summary : DataFrame
        One line a variant.
    scorer : str
        What scored; empty when nothing did.
    """
    if not scorer:
        return "No score: there is no expected_output and score= was not given, so only failures and seconds compare."
    known = summary[summary["n"] > 0].sort_values("mean", ascending=False, kind="stable")
    if known.empty:
        return f"No run could be scored by {scorer}{_first_error(frame)}."
    names = known["variant"].tolist()
    if len(names) == 1:
        first = known.iloc[0]
        return f"{names[0]} scores {first['mean']:.2f} by {scorer} on {first['n']} runs; there is none to compare with."
    return _of_two(frame, names[0], names[1], more=len(names) > 2)


def _first_error(frame: pd.DataFrame) -> str:
    errors = [error for error in frame["score_error"] if error]
    return f": {errors[0]}" if errors else ""


def _of_two(frame: pd.DataFrame, best: str, next_best: str, *, more: bool) -> str:
    a, b = (per_row(frame[frame["variant"] == name]) for name in (best, next_best))
    shared = [pair for pair in a.index if pair in set(b.index)]
    if len(shared) < FEWEST_ROWS:
        return f"Not enough to tell: {len(shared)} {_rows(shared)} a score of both {best} and {next_best}."
    x, y = a.loc[shared], b.loc[shared]
    if x.mean() < y.mean():  # on the rows of both it may be the other way round
        best, next_best, x, y = next_best, best, y, x
    wins, losses = int((x > y).sum()), int((x < y).sum())
    among = "Of the two best: " if more else ""
    if wins == losses == 0:
        return f"{among}{best} and {next_best} score the same on each of the {len(shared)} rows that both answered."
    means = f"{best} scores {x.mean():.2f} and {next_best} {y.mean():.2f}"
    tally = f"better on {wins}, worse on {losses}, the same on {len(shared) - wins - losses}"
    return (
        f"{among}{means} on the {len(shared)} rows that both answered ({tally}); "
        "whether that is more than chance is not tested here."
    )


def _rows(shared: Sequence[object]) -> str:
    return "row has" if len(shared) == 1 else "rows have"
