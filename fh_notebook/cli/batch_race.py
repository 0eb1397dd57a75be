"""``fh-notebook batch --race SCORE``: rows only until it is clear which variant is better.

Rule of this file: it does what ``fh.race`` does; what a race has not is refused before anything is read.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.audience import Audience, flag
from fh_notebook.batching.options import written_options
from fh_notebook.cli.batch_compare import score_of
from fh_notebook.errors import SettingsError
from fh_notebook.racing.options import NOT_OF_A_RACE, RaceOptions

if TYPE_CHECKING:
    from fh_notebook.racing.race import Race

__all__ = ["check_race", "code_of_race", "run_race"]

_ITS_OWN: Final = tuple(written_options(RaceOptions))
_CODES: Final = {"winner": 0, "no difference": 0, "budget spent": 3, "interrupted": 130}
_REFUSED: Final = 4


def check_race(args: argparse.Namespace) -> None:
    """Raise where an option goes with ``--race`` only, or not with it.

    Raises
    ------
    SettingsError
        With the option.
    """
    if args.race is None:
        if own := next((name for name in _ITS_OWN if getattr(args, name) is not None), None):
            raise SettingsError(f"{flag(own)} is an option of --race SCORE; give that, too")
    elif strange := next((name for name in NOT_OF_A_RACE if getattr(args, name, None) and name != "fresh"), None):
        raise SettingsError(
            f"{flag(strange)} does not go with --race, which takes rows until it is clear; leave it out"
        )


def run_race(
    args: argparse.Namespace, rows: Any, asked: dict[str, Any], reader: Audience, *, progress: bool
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
    own = {name: getattr(args, name) for name in _ITS_OWN if getattr(args, name) is not None}
    own |= {"failed": args.failed} if args.failed is not None else {}
    if asked.pop("fresh", False):
        asked["reuse"] = None
    score = score_of(args.race, "--race")
    options = RaceOptions.of(score=score, **{**asked, **own, "progress": NoProgress})
    made = prepare_race(rows, args.deployment, options, reader)
    if progress:
        made.show_by(lambda: RaceText(made))
    return made if asked.get("dry_run") else made.resume(retry_unknown=bool(asked.get("retry_unknown")))


def code_of_race(race: Race) -> int:
    """Return the exit code that says how a race ended."""
    stopped = race.batch.stopped
    if race.winner is None and stopped is not None and stopped.reason in ("auth", "unknown_name"):
        return _REFUSED
    return _CODES.get(race.ending, 3)
