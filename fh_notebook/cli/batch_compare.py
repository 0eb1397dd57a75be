"""``fh-notebook batch --compare SCORE --report FILE``: which variant is better, when the batch is done.

Rule of this file: whatever can be wrong with the two options is told before the first call is paid for; and a
comparison that cannot be made afterwards loses no answer.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.errors import FetchHiveError, SettingsError

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch

__all__ = ["Comparing", "comparing", "ready_scorers"]

Comparing = Callable[["Batch"], tuple[list[str], str]]
"""Compares a batch; returns what to say, and what went wrong."""

_COLUMN: Final = re.compile(r"out\..+|elapsed_s|attempts")
"""Columns of a batch that can be scores: parts of outputs that are objects, and what was measured."""


def comparing(args: argparse.Namespace) -> Comparing | None:
    """Return how the batch is to be compared; ``None`` where it is not.

    Raises
    ------
    SettingsError
        There is no such scorer, or the report cannot be written there.
    """
    from fh_notebook.comparing.report import check_report

    if args.compare is None and args.report is None:
        return None
    score = None if args.compare is None else _score(args.compare)
    if args.report is not None:
        check_report(args.report)

    def compare_it(batch: Batch) -> tuple[list[str], str]:
        import fh_notebook as fh
        from fh_notebook.comparing import view

        try:
            cmp = fh.compare(batch, score=score)
            told = [view.words(cmp)]
            if args.report is not None:
                cmp.report(args.report)
                told.append(f"Written to {args.report!r}: the comparison")
        except FetchHiveError as broken:
            return [], str(broken)
        return told, ""

    return compare_it


def _score(name: str) -> Any:
    """Return the ready scorer of this name, or the column."""
    from fh_notebook.contract.spell import listed, nearest

    ready = ready_scorers()
    if name in ready:
        return ready[name]()
    if _COLUMN.fullmatch(name):
        return name
    close = nearest(name, ready)
    hint = (
        f"did you mean {close}?"
        if close
        else f"there are {listed(sorted(ready))}, or a column of the output like out.score"
    )
    raise SettingsError(f"--compare {name!r} is no scorer; {hint}")


def ready_scorers() -> dict[str, Callable[[], Any]]:
    """Return the scorers of ``fh.score`` that need no argument, by name."""
    import fh_notebook as fh

    found: dict[str, Callable[[], Any]] = {}
    for name in fh.score.__all__:
        made = getattr(fh.score, name)
        if inspect.isfunction(made) and _needs_nothing(made):
            found[name] = made
    return found


def _needs_nothing(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(p.default is not p.empty for p in parameters) and not any(p.kind in kinds for p in parameters)
