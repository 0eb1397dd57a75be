"""What other rooms read of a comparison beside what it gives to a user: the doors of `browse` and of a race's `power`.

Rule of this file: who is in another room asks here, so that only this room reads what begins with an underscore; and
each door asks anew, since a comparison that is scored again has other lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from fh_notebook.comparing.grid import Grid
from fh_notebook.comparing.scoring_again import Rescoring
from fh_notebook.comparing.sources import Taken

if TYPE_CHECKING:
    from fh_notebook.comparing.comparison import Comparison
    from fh_notebook.comparing.scoring import Score
    from fh_notebook.comparing.scoring_many import Again

__all__ = [
    "again_of",
    "grid_of",
    "grid_of_rows",
    "is_lower",
    "lines_of",
    "own_score_of",
    "rows_of",
    "sibling_of",
    "source_of",
    "taken_of",
]


def lines_of(cmp: Comparison) -> pd.DataFrame:
    """Return one line a run, with its score as it counts: see :class:`~fh_notebook.comparing.sources.Taken`."""
    return cmp._frame


def taken_of(cmp: Comparison) -> Taken:
    """Return what was read: columns of the rows, what is expected, what must be masked."""
    return cmp._taken


def grid_of(cmp: Comparison) -> Grid:
    """Return the scores as an array, distinct rows x variants: what every statistic is computed from."""
    return cmp._grid


def grid_of_rows(cmp: Comparison) -> Grid:
    """Return the scores as an array, rows x variants, those that ask the same each by itself: what is shown of rows."""
    return cmp._grid_of_rows


def is_lower(cmp: Comparison) -> bool:
    """Whether a lower score is the better one."""
    return cmp._lower


def rows_of(cmp: Comparison, pairs: Sequence[Any]) -> pd.DataFrame:
    """Return the lines of ``cmp.wide()`` of some rows only."""
    return cmp._rows(pairs)


def source_of(cmp: Comparison) -> Any:
    """Return what was compared: a batch, a table, a list, or several by name."""
    return cmp._source


def own_score_of(cmp: Comparison) -> Any:
    """Return what scored first, as it was given."""
    return cmp._scores.get(cmp.scorer)


def again_of(cmp: Comparison) -> Again:
    """Return what scores the runs again, for somebody who reads the source on his own: the comparison is left alone."""
    again = cmp._again
    return again.apart() if isinstance(again, Rescoring) else again


def sibling_of(cmp: Comparison, taken: Taken, score: Score, again: Again) -> Comparison:
    """Return a comparison of the same kind of what was `taken`, scored again by `again`."""
    sibling: Comparison = cmp._beside(taken, score, again)
    return sibling
