"""Number formatting of a race: one format for all evidence, and one for all leads, of a table or a plot. Pure.

Leads of yes/no scores are in percentage points, as the differences of a comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fh_notebook.comparing.stats.number_format import points_format
from fh_notebook.core.text.formatting import figures
from fh_notebook.racing.state import PairStanding

__all__ = ["evidence_format", "lead_format"]


def evidence_format(values: Iterable[float]) -> Callable[[float], str]:
    """Return one format for evidence against variants; nobody asks how little there is, so that below 0.01 is 0.

    Examples
    --------
    >>> list(map(evidence_format([31.7, 0.039, 2e-7]), [31.7, 0.039, 2e-7]))
    ['31.70', '0.04', '0.00']
    """
    return figures([value for value in values if value >= 0.01])


def lead_format(pairs: Sequence[PairStanding], *, yes_no: bool) -> Callable[[float], str]:
    """Return one format for leads and their intervals, which stand below each other."""
    values = [value for pair in pairs for value in (pair.lead, pair.low, pair.high)]
    return points_format(values) if yes_no else figures(values)
