"""Scores and seconds as they are read: in summaries, under answers, in plots. Pure."""

from __future__ import annotations

__all__ = ["figure", "percent", "score_text", "seconds", "signed"]


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


def signed(value: float) -> str:
    """Return a difference as it is read, with its sign.

    Examples
    --------
    >>> signed(0.25), signed(-0.25), signed(0.0), signed(1e160)
    ('+0.250', '-0.250', '+0.000', '+1e+160')
    """
    return figure(value) if value < 0 or value != value else f"+{figure(abs(value))}"


def seconds(value: float) -> str:
    """Return seconds as they are read."""
    if value != value:
        return ""
    return f"{value:.3f}" if value < 1 else f"{value:.1f}" if value < 1e6 else f"{value:.3g}"


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
