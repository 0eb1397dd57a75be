"""What may be asked of a rating, how a slip is told, and where ratings are kept.

Rule of this file: an error is one line with the value, what there is, and the nearest name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from fh_notebook import session
from fh_notebook.comparing import asking
from fh_notebook.comparing.rating_items import Items
from fh_notebook.comparing.rating_kinds import Kind
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError
from fh_notebook.store.store import Store

__all__ = ["checked_pair", "checked_rater", "checked_show", "own_store", "why_nothing"]

RATER_CAP: Final = 60
"""Characters of a rater's name."""


def own_store() -> Store:
    """Where ratings are kept; with ``store=None``, as long as this process lives."""
    return session.store() or _in_memory()


@cache
def _in_memory() -> Store:
    return Store.in_memory()


def checked_rater(rater: Any) -> str:
    """Return who rates: as it is given, else the name of the user of this machine.

    Raises
    ------
    InputError
        It is no name.
    """
    if rater is None:
        from getpass import getuser

        try:
            return getuser()[:RATER_CAP] or "me"
        except (OSError, KeyError, ImportError):  # a container without a user's name
            return "me"
    if not isinstance(rater, str) or not rater.strip() or len(rater) > RATER_CAP:
        raise InputError(f"rater is {short(rater)}; give a name of at most {RATER_CAP} characters")
    return rater.strip()


def checked_pair(pair: Any, variants: Sequence[str]) -> tuple[str, str]:
    """Return two variants in the order in which they are compared.

    Raises
    ------
    InputError
        They are not two of them.
    """
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise InputError(f"pair is {short(pair)}; give two variants, such as {tuple(variants[:2])}")
    for name in pair:
        if name not in variants:
            raise InputError(asking.no_variant(name, variants))
    first, second = sorted(pair, key=list(variants).index)
    if first == second:
        raise InputError(f"pair is {short(tuple(pair))}; give two variants")
    return first, second


def checked_show(show: Any, columns: Sequence[str]) -> list[str] | None:
    """Return the columns that are to be shown; ``None`` for all of the row's own.

    Raises
    ------
    InputError
        There is no such column.
    """
    if show is None:
        return None
    if isinstance(show, str) or not isinstance(show, Sequence):
        raise InputError(f"show is {short(show)}; give a list of columns")
    return [asking.column_named(columns, name, "to show") for name in show]


def why_nothing(kind: Kind, found: Items, variants: Sequence[str]) -> str:
    """Return why there is nothing to be rated, in words."""
    if found.same:
        return f"there is nothing to rate: on all {len(found.same):,} pairs the outputs are the same text"
    if not variants:
        return "there is nothing to rate: there are no runs"
    if kind.is_pair and len(variants) < 2:
        return "there is nothing to rate: only one variant ran; scale=5 or labels=[...] rates each output by itself"
    return "there is nothing to rate: no row has completed runs" + (" of two variants" if kind.is_pair else "")
