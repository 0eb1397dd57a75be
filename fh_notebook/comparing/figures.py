"""Scores and seconds as they are read: in summaries, under answers, in plots. Pure."""

from __future__ import annotations

__all__ = ["figure", "percent", "score_text", "seconds"]


def figure(value: float) -> str:
    """Return a score as it is read: three digits, missing as nothing.

    Examples
    --------
    >>> figure(0.7512), figure(float("nan")), figure(123.456), figure(1.0)
    ('0.751', '', '123', '1.000')
    """
    if value != value:
        return ""
    size = abs(value)
    if size >= 1e6 or 0 < size < 0.0005:
        return f"{value:.3g}"
    return f"{value:,.3f}" if size < 10 else f"{value:,.1f}" if size < 100 else f"{value:,.0f}"


def seconds(value: float) -> str:
    """Return seconds as they are read."""
    return "" if value != value else f"{value:.3f}" if value < 1 else f"{value:.1f}"


def percent(share: float) -> str:
    """Return a share as it is read: missing as nothing."""
    return "" if share != share else f"{100 * share:.0f} %"


def score_text(score: float, yes_no: bool) -> str:
    """Return a score under an output: right and wrong as marks that need no colour."""
    if score != score:
        return "no score"
    if yes_no and score in (0.0, 1.0):
        return "✓ 1" if score else "✗ 0"
    return figure(score)
