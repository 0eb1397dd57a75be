"""``fh-notebook batch --compare`` and ``--race``: which variant is better, after the batch or while it runs; and gates,
by which a step of CI fails unless a variant is shown to be no worse than the baseline.

Rules of this file:

1. Whatever can be wrong with the two options is told before the first call is paid for; and a comparison that cannot
   be made afterwards loses no answer.
2. It does what ``fh.race`` does; what a race has not is refused before anything is read.
"""

from __future__ import annotations

import argparse
import inspect
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import fh_notebook as fh
from fh_notebook.batching.options import written_options
from fh_notebook.core.text.formatting import listed, nearest
from fh_notebook.core.text.messages import COMMAND, Audience, flag
from fh_notebook.errors import FetchHiveError, SettingsError
from fh_notebook.racing.options import NOT_OF_A_RACE, RaceOptions

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch
    from fh_notebook.client.clients import Client
    from fh_notebook.comparing.comparison import Comparison
    from fh_notebook.racing.race import Race


class Compared(NamedTuple):
    """What came of a comparison."""

    lines: list[str]
    """What to say."""
    problem: str = ""
    """Why there is no comparison."""
    failed_gates: Sequence[str] = ()
    """What the gates say that are not passed."""
    code: int = 0
    """The exit code of the gates; 0 where all are passed, or none was asked for."""


CompareOptions = Callable[["Batch"], Compared]
"""Compares a batch."""

NOT_SHOWN: Final = 5
"""Exit code: it is not shown that a variant is no worse than the baseline."""
WORSE: Final = 6
"""Exit code: a variant is worse than the baseline."""


_COLUMN: Final = re.compile(r"out\..+|elapsed_s|attempts")
"""Columns of a batch that can be scores: parts of outputs that are objects, and what was measured."""


def compare_options(args: argparse.Namespace) -> CompareOptions | None:
    """Return how the batch is to be compared; ``None`` where it is not."""
    from fh_notebook.comparing.data import check_zero
    from fh_notebook.comparing.report.report import check_report

    _check_gates(args)
    if args.compare is None and args.report is None:
        if args.failed is not None and args.race is None:
            raise SettingsError("--failed needs a comparison; give --compare or --report as well")
        return None
    score = None if args.compare is None else score_of(args.compare, "--compare")
    if args.failed is not None:
        check_zero(args.failed, args.compare or "", lower=_is_lower(score))
    if args.report is not None:
        _check_other_file(check_report(args.report), args)

    def compare_it(batch: Batch) -> Compared:
        from fh_notebook.comparing.report import display

        try:
            cmp = fh.compare(batch, score=score, failed=args.failed or "drop")
            lines = [display.summary_text(cmp.data, COMMAND)]
            if args.report is not None:
                cmp.report(args.report)
                lines.append(f"Written to {args.report!r}: the comparison")
            gates = list(_gates(args, cmp))
        except FetchHiveError as exc:
            return Compared([], exc.text(COMMAND))
        failed = {line: code for line, code in gates if code}
        return Compared([*lines, *(line for line, _ in gates)], "", [*failed], max(failed.values(), default=0))

    return compare_it


def _check_gates(args: argparse.Namespace) -> None:
    """Raise where the options of the gates do not go together."""
    gates = [name for name in ("require_not_worse", "fail_if_worse") if getattr(args, name) is not None]
    if args.baseline is None and gates:
        raise SettingsError(f"{flag(gates[0])} needs --baseline VARIANT: the one that the others are compared with")
    if args.baseline is None:
        return
    if not gates:
        raise SettingsError("--baseline needs a gate; give --require-not-worse or --fail-if-worse as well")
    if args.race is not None:
        raise SettingsError(
            "--baseline cannot be used with --race, which ends as soon as one is better; give --compare"
        )
    if args.compare is None:
        raise SettingsError(f"{flag(gates[0])} needs --compare SCORE")
    for name in gates:
        if not (math.isfinite(by := getattr(args, name)) and by >= 0):
            raise SettingsError(f"{flag(name)} takes a number, at least 0, such as 0.02 for a score from 0 to 1")


def check_baseline(args: argparse.Namespace, known: Sequence[str]) -> None:
    """Raise unless the baseline of the gates is one of the variants that are called, and not the only one."""
    if args.baseline is None:
        return
    called = args.variant or list(known)
    if args.baseline not in called:
        close = nearest(args.baseline, called)
        hint = f"did you mean {close!r}?" if close else f"-v {args.baseline} calls it as well"
        raise SettingsError(f"--baseline {args.baseline!r} is not one of the variants that are called; {hint}")
    if len(set(called)) == 1:
        raise SettingsError(f"{args.baseline!r} is the only variant that is called; name the new one as well, by -v")


def _gates(args: argparse.Namespace, cmp: Comparison) -> Iterator[tuple[str, int]]:
    """Yield what each gate says of each variant against the baseline, and its exit code: 0 where it is passed."""
    from fh_notebook.comparing.stats.pairs import ALPHA
    from fh_notebook.comparing.verdicts.gates import GateOutcome, margin_of

    for name, failing, code in (
        ("require_not_worse", (GateOutcome.WORSE, GateOutcome.UNCLEAR), NOT_SHOWN),
        ("fail_if_worse", (GateOutcome.WORSE,), WORSE),
    ):
        if (by := getattr(args, name)) is None:
            continue
        for variant in cmp.variants:
            if variant != args.baseline:
                margin = margin_of(cmp.data, variant, than=args.baseline, by=by, alpha=ALPHA)
                failed = margin.outcome in failing
                yield f"{flag(name)} {by:g} {'failed' if failed else 'passed'}: {margin}", code if failed else 0


def checked_rows(args: argparse.Namespace, rows: Any, client: Client) -> Any:
    """Return the rows with the columns that ``--compare`` needs; a file is read unless it is large."""
    from fh_notebook.batching.api import known_deployment
    from fh_notebook.batching.tables.row_sources import RowStream, open_rows
    from fh_notebook.comparing.scorers.runner import check_columns

    if args.compare is None:
        return rows
    score = score_of(args.compare, "--compare")
    opened = rows if hasattr(rows, "columns") else open_rows(rows, known_deployment(client, args.deployment))
    if isinstance(opened, RowStream):  # a large file, which the batch reads again, window by window
        check_columns(score, opened.read(next(opened.windows(1))).columns)
        return rows
    check_columns(score, opened.columns)
    return opened


def _check_other_file(report: Path, args: argparse.Namespace) -> None:
    """Raise where the report would be written over the rows or the answers: nobody gets those back from it."""
    from fh_notebook.batching.tables.row_files import reads_from

    for path, content in ((args.data, "rows"), (args.out, "answers")):
        if path is not None and reads_from(Path(path), report):
            raise SettingsError(
                f"{args.report} is the file of the {content}, which would be overwritten; give --report another name"
            )


def _is_lower(score: Any) -> bool:
    from fh_notebook.comparing.scorers.runner import LOWER_IS_BETTER

    return score in LOWER_IS_BETTER if isinstance(score, str) else bool(getattr(score, "lower_is_better", False))


def score_of(name: str, option: str) -> Any:
    """Return the built-in scorer of this name, ``exact`` of another column, or the column of scores itself."""
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
        f"did you mean {close}?" if close else f"give {listed(sorted(ready))}, or a column of the output like out.score"
    )
    raise SettingsError(f"{option} {name!r} is not a scorer; {hint}")


def ready_scorers() -> dict[str, Callable[[], Any]]:
    """Return the scorers of ``fh.score`` that need no argument, by name."""
    scorers: dict[str, Callable[[], Any]] = {}
    for name in fh.score.__all__:
        scorer = getattr(fh.score, name)
        # `scorer` makes scorers of functions, and is none.
        if inspect.isfunction(scorer) and name != "scorer" and _needs_nothing(scorer):
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
    """Raise where an option goes with ``--race`` only, or not with it."""
    if args.race is None:
        if option := next((name for name in _ITS_OWN if getattr(args, name) is not None), None):
            raise SettingsError(f"{flag(option)} needs --race SCORE")
    elif strange := next((name for name in NOT_OF_A_RACE if getattr(args, name, None) and name != "fresh"), None):
        raise SettingsError(
            f"{flag(strange)} cannot be used with --race, which takes rows until the result is clear; leave it out"
        )


def run_race(
    args: argparse.Namespace, rows: Any, options_given: dict[str, Any], reader: Audience, *, progress: bool
) -> Race | None:
    """Run the race that the options ask for; ``None`` where they ask for none."""
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
