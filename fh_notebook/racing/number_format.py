"""Number formatting of a race: one format for all evidence, one for all leads and one for all means. Pure.

A format follows from the scale of the scores, so that a column keeps it while the race runs, in tables, sentences and
plots. Two formats follow from the scores so far, and may change with a row: leads are in percentage points, as the
differences of a comparison, while scores from 0 to 1 are all 0 or 1; and means have three digits of the largest where
only ranks count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fh_notebook.comparing.stats.number_format import difference_unit
from fh_notebook.core.text.formatting import figures, figures_form
from fh_notebook.racing.state import RaceState

LARGE: Final = 1e6
"""Evidence of more is written with an exponent."""

PART: Final = 0.1
"""Of a scale: a lead of this size has three digits."""


def evidence_text(value: float) -> str:
    """Return evidence against a variant; nobody asks how little there is, so that below 0.005 is 0.

    Examples
    --------
    >>> list(map(evidence_text, [31.7, 0.039, 2e-7, 1234.5, 4e7, float("nan")]))
    ['31.70', '0.04', '0.00', '1,234.50', '4e+07', '']
    """
    return "" if value != value else f"{value:,.2f}" if value < LARGE else f"{value:.3g}"


def lead_format(tally: RaceState) -> Callable[[float], str]:
    """Return the format of leads and of the ends of their intervals; missing as nothing.

    Examples
    --------
    >>> from fh_notebook.racing.scores import ScoreScale
    >>> tally = RaceState(["a", "b"], scale=ScoreScale.of((0, 100), lower=False), alpha=0.05)
    >>> list(map(lead_format(tally), [12.34, -0.0012, float("nan")]))
    ['12.3', '0.0', '']

    In percentage points until a row has a score of less than 1 and more than 0:

    >>> import numpy as np
    >>> tally = RaceState(["a", "b"], scale=ScoreScale(), alpha=0.05)
    >>> for row in ([0.0, 1.0], [0.5, 1.0]):
    ...     tally.take(np.array(row))
    ...     print(lead_format(tally)(0.25))
    25.0
    0.250
    """
    form, unit = (",.1f", 100) if tally.yes_no else (figures_form([PART * tally.scale.in_units(1.0)]), 1)
    return lambda value: "" if value != value else f"{unit * value:z{form}}"


def lead_text(tally: RaceState, lead: float) -> str:
    """Return a lead with its unit for a sentence, where one that is little is not 0.

    Examples
    --------
    >>> from fh_notebook.racing.scores import ScoreScale
    >>> tally = RaceState(["a", "b"], scale=ScoreScale(), alpha=0.05)
    >>> lead_text(tally, 0.25), lead_text(tally, 0.0001)
    ('0.250', 'less than 0.001')
    """
    text = lead_format(tally)
    shown = text(lead)
    shown = f"less than {shown[:-1]}1" if lead > 0 and shown == text(0.0) else shown
    return f"{shown}{difference_unit(shown, share=tally.yes_no)}"


def mean_format(tally: RaceState, means: list[float]) -> Callable[[float], str]:
    """Return the format of means of scores; where only ranks count, scores have no scale, and `means` tell it."""
    scale = tally.scale
    return figures(means if scale.by_rank else [PART * scale.in_units(1.0)])
