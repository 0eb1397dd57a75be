"""``fh-notebook batch --compare`` and ``--race``: which variant is better, after the batch or while it runs.

Rules of this file:

1. Whatever can be wrong with the two options is told before the first call is paid for; and a comparison that cannot
   be made afterwards loses no answer.
2. It does what ``fh.race`` does; what a race has not is refused before anything is read.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fh_notebook as fh
from fh_notebook.batching.options import written_options
from fh_notebook.core.text.formatting import listed, nearest
from fh_notebook.core.text.messages import COMMAND, Audience, flag
from fh_notebook.errors import FetchHiveError, SettingsError
from fh_notebook.racing.options import NOT_OF_A_RACE, RaceOptions

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch
    from fh_notebook.racing.race import Race

__all__ = [
    "CompareOptions",
    "check_race",
    "checked_rows",
    "code_of_race",
    "compare_options",
    "ready_scorers",
    "run_race",
    "score_of",
]


CompareOptions = Callable[["Batch"], tuple[list[str], str]]
"""Compares a batch; returns what to say, and what went wrong."""


_COLUMN: Final = re.compile(r"out\..+|elapsed_s|attempts")
"""Columns of a batch that can be scores: parts of outputs that are objects, and what was measured."""


def compare_options(args: argparse.Namespace) -> CompareOptions | None:
    """Return how the batch is to be compared; ``None`` where it is not.

    Raises
    ------
    SettingsError
        There is no such scorer, or the report cannot be written there, or not without a loss; or failed runs would
        count as the best.
    """
    from fh_notebook.comparing.data import check_zero
    from fh_notebook.comparing.report.report import check_report

    if args.compare is None and args.report is None:
        if args.failed is not None and args.race is None:
            raise SettingsError("--failed is of a comparison; give --compare or --report as well")
        return None
    score = None if args.compare is None else score_of(args.compare, "--compare")
    if args.failed is not None:
        check_zero(args.failed, args.compare or "", lower=_is_lower(score))
    if args.report is not None:
        _check_other_file(check_report(args.report), args)

    def compare_it(batch: Batch) -> tuple[list[str], str]:
        from fh_notebook.comparing.report import display

        try:
            cmp = fh.compare(batch, score=score, failed=args.failed or "drop")
            lines = [display.summary_text(cmp.data, COMMAND)]
            if args.report is not None:
                cmp.report(args.report)
                lines.append(f"Written to {args.report!r}: the comparison")
        except FetchHiveError as exc:
            return [], exc.text(COMMAND)
        return lines, ""

    return compare_it


def checked_rows(args: argparse.Namespace, rows: Any) -> Any:
    """Return the rows, read where they are a file, with the columns that ``--compare`` reads.

    Raises
    ------
    InputError
        The rows cannot be read, or do not have them.
    """
    from fh_notebook.batching.tables.rows import read_rows
    from fh_notebook.comparing.scorers.runner import check_columns

    if args.compare is None:
        return rows
    read = rows if hasattr(rows, "columns") else read_rows(rows)
    check_columns(score_of(args.compare, "--compare"), read.columns)
    return read


def _check_other_file(report: Path, args: argparse.Namespace) -> None:
    """Raise where the report would be written over the rows or the answers: nobody gets those back from it."""
    for path, content in ((args.data, "rows"), (args.out, "answers")):
        if path is not None and report.resolve() == Path(path).resolve():
            raise SettingsError(
                f"{args.report} is the file of the {content}, which would be lost; give --report another name"
            )


def _is_lower(score: Any) -> bool:
    from fh_notebook.comparing.scorers.runner import LOWER_IS_BETTER

    return score in LOWER_IS_BETTER if isinstance(score, str) else bool(getattr(score, "lower_is_better", False))


def score_of(name: str, option: str) -> Any:
    """Return the ready scorer of this name, ``exact`` of another column, or the column of scores itself.

    Raises
    ------
    SettingsError
        There is none.
    """
    ready = ready_scorers()
    kind, _, column = name.partition(":")
    if kind == "exact" and column:
        return fh.score.exact(column)
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
    raise SettingsError(f"{option} {name!r} is no scorer; {hint}")


def ready_scorers() -> dict[str, Callable[[], Any]]:
    """Return the scorers of ``fh.score`` that need no argument, by name."""
    scorers: dict[str, Callable[[], Any]] = {}
    for name in fh.score.__all__:
        scorer = getattr(fh.score, name)
        if inspect.isfunction(scorer) and _needs_nothing(scorer):
            scorers[name] = scorer
    return scorers


def _needs_nothing(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(p.default is not p.empty for p in parameters) and not any(p.kind in kinds for p in parameters)


_ITS_OWN: Final = tuple(written_options(RaceOptions))

_RACE_CODES: Final = {"winner": 0, "no difference": 0, "budget spent": 3, "interrupted": 130}

_REFUSED: Final = 4


def check_race(args: argparse.Namespace) -> None:
    """Raise where an option goes with ``--race`` only, or not with it.

    Raises
    ------
    SettingsError
        With the option.
    """
    if args.race is None:
        if option := next((name for name in _ITS_OWN if getattr(args, name) is not None), None):
            raise SettingsError(f"{flag(option)} is an option of --race SCORE; give that, too")
    elif strange := next((name for name in NOT_OF_A_RACE if getattr(args, name, None) and name != "fresh"), None):
        raise SettingsError(
            f"{flag(strange)} does not go with --race, which takes rows until it is clear; leave it out"
        )


def run_race(
    args: argparse.Namespace, rows: Any, options_given: dict[str, Any], reader: Audience, *, progress: bool
) -> Race | None:
    """Run the race that the options ask for; ``None`` where they ask for none.

    Raises
    ------
    SettingsError
        There is no such scorer, or as ``fh.race`` says.
    """
    from fh_notebook.batching.progress.display import NoProgress
    from fh_notebook.racing.api import prepare_race
    from fh_notebook.racing.display import RaceText

    if args.race is None:
        return None
    race_options = {name: getattr(args, name) for name in _ITS_OWN if getattr(args, name) is not None}
    race_options |= {"failed": args.failed} if args.failed is not None else {}
    if options_given.pop("fresh", False):
        options_given["reuse"] = None
    score = score_of(args.race, "--race")
    options = RaceOptions.of(score=score, **{**options_given, **race_options, "progress": NoProgress})
    race = prepare_race(rows, args.deployment, options, reader)
    if progress:
        race.show_by(lambda: RaceText(race))
    return race if options_given.get("dry_run") else race.resume(retry_unknown=bool(options_given.get("retry_unknown")))


def code_of_race(race: Race) -> int:
    """Return the exit code that says how a race ended."""
    stopped = race.batch.stopped
    if race.winner is None and stopped is not None and stopped.reason in ("auth", "unknown_name"):
        return _REFUSED
    return _RACE_CODES.get(race.ending, 3)
