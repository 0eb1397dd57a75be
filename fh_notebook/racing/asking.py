"""What may be asked of a race, and how a slip is told: in one line, before a call is paid for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fh_notebook.comparing.asking import check_chances, check_failed, check_zero
from fh_notebook.contract.spell import short
from fh_notebook.errors import SettingsError

__all__ = ["check", "check_zero", "checked_variants", "named"]


def check(rows: Any, own: Mapping[str, Any]) -> None:
    """Raise where the rows, or one of the race's own options, cannot be meant.

    Raises
    ------
    InputError, SettingsError
        With the cure.
    """
    if isinstance(rows, Iterator):
        raise SettingsError(
            "a race draws its rows at random, so it must know all of them, and an iterator does not; give list(rows)"
        )
    check_chances(alpha=own["alpha"])
    check_failed(own["failed"])
    for name in ("patience", "lookahead"):
        value = own[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise SettingsError(f"{name} is {short(value)}; give a whole number of rows from 1")
    if isinstance(own["seed"], bool) or not isinstance(own["seed"], int):
        raise SettingsError(f"seed is {short(own['seed'])}; give a whole number")
    least = own["min_difference"]
    if least is not None and (isinstance(least, bool) or not isinstance(least, int | float) or not least > 0):
        raise SettingsError(f"min_difference is {short(least)}; give a number above 0, in the unit of the score")


def checked_variants(variants: Sequence[str]) -> tuple[str, ...]:
    """Return who races.

    Raises
    ------
    SettingsError
        There are not two.
    """
    if len(variants) < 2:
        alone = f"there is only {variants[0]!r}" if variants else "there is none"
        raise SettingsError(f"a race needs two variants at least, and {alone}; name them: variants=['a', 'b']")
    return tuple(variants)


def named(score: Any) -> str:
    """Return what a score is called."""
    return score if isinstance(score, str) else str(getattr(score, "name", getattr(score, "__name__", "score")))
