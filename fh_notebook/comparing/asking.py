"""What may be asked of a comparison, and how a slip is told.

Rule of this file: an error is one line with the value, what there is, and the nearest name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from fh_notebook import arguments
from fh_notebook.comparing.notes import FAILED
from fh_notebook.comparing.pairs import Pair
from fh_notebook.comparing.scorer_base import number_of
from fh_notebook.comparing.sources import Taken
from fh_notebook.comparing.verdict import of_pair
from fh_notebook.contract.spell import listed, nearest, short
from fh_notebook.errors import InputError

if TYPE_CHECKING:
    from fh_notebook.comparing.comparison import Comparison

__all__ = [
    "assert_better",
    "check_chances",
    "check_difference",
    "check_failed",
    "check_one_of",
    "check_zero",
    "column",
    "column_named",
    "no_variant",
]


def check_failed(failed: Any) -> None:
    """Raise unless `failed` is known.

    Raises
    ------
    InputError
        It is not.
    """
    check_one_of("failed", failed, FAILED)


def check_zero(failed: str, scorer: str, *, lower: bool) -> None:
    """Raise where a failed run would count as the best of all.

    Raises
    ------
    InputError
        Lower is better, and failed runs count as 0.
    """
    if failed == "zero" and lower:
        raise InputError(
            f"by {scorer} lower is better, so failed='zero' would make a failed run the best; leave it out"
        )


def check_one_of(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise unless `value` is one of the `choices`.

    Raises
    ------
    InputError
        It is not.
    """
    if value not in choices:
        raise InputError(f"{name} is {short(value)}; give {listed(choices)}")


def check_chances(**chances: Any) -> None:
    """Raise unless all are between 0 and 1.

    Raises
    ------
    InputError
        One is not.
    """
    for name, value in chances.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise InputError(f"{name} is {short(value)}; give a number between 0 and 1")


def check_difference(difference: Any) -> None:
    """Raise unless `difference` is a number, or not given.

    Raises
    ------
    InputError
        It is not.
    """
    if difference is not None and (isinstance(difference, bool) or number_of(difference) is None):
        raise InputError(f"difference is {short(difference)}; give a number, in the unit of the score")


def column(taken: Taken, by: Any) -> pd.Series[Any]:
    """Return a column of the rows, by its name or the end of it.

    Raises
    ------
    InputError
        There is none.
    """
    values = taken.column(column_named(taken, by, "to slice by"))
    if values is None:
        raise InputError(f"the name of the column {short(by)} is no text; rename it: frame.columns = map(str, frame)")
    return values.set_axis(taken.lines.index)


def column_named(taken: Taken, by: Any, what_for: str) -> str:
    """Return the whole name of a column of the rows that is told by its name, or by what stands behind the dot of it.

    Raises
    ------
    InputError
        There is none.
    """
    own = arguments.column_text(by)
    names = [own, f"metadata.{own}", f"in.{own}"] if isinstance(own, str) else []
    for name in names:
        if name in taken.names:
            return name
    close = nearest(by, [*taken.names, *(name.partition(".")[2] for name in taken.names)])
    hint = f"did you mean {close!r}?" if close else f"the columns are {listed(taken.names, 'and')}"
    raise InputError(f"there is no column {short(by)} {what_for}; {hint}")


def no_variant(name: Any, there: Iterable[Any]) -> str:
    """Return that there is no such variant, with the nearest name."""
    variants = list(there)
    close = nearest(name, variants)
    hint = f"did you mean {close!r}?" if close else f"there are {listed(variants, 'and')}"
    return f"there is no variant {short(name)}; {hint}"


def assert_better(cmp: Comparison, pairs: Sequence[Pair], variant: str, *, than: str, alpha: float) -> None:
    """Raise unless `variant` is better `than` another one (see ``Comparison.assert_better``).

    Raises
    ------
    AssertionError
        It is not, or the rows are too few to say so.
    InputError
        There is no such variant.
    """
    check_chances(alpha=alpha)
    for name in (variant, than):
        if name not in cmp.variants:
            raise InputError(no_variant(name, cmp.variants))
    if not cmp.scorer:
        raise InputError(cmp.verdict)
    found = next((p for p in pairs if {p.a, p.b} == {variant, than} and p.a != p.b), None)
    if found is None:
        raise InputError(f"{variant!r} and {than!r} were not compared with each other")
    turned = found if found.b == variant else found.turned()
    if not turned.is_better(alpha):
        ahead = turned if turned.lead >= 0 else turned.turned()
        raise AssertionError(
            f"{variant} is not better than {than} (alpha = {alpha:g}): {of_pair(ahead, pairs, alpha=alpha)}"
        )
