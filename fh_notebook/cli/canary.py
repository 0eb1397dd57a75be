"""``fh-notebook canary``: call today's rows of a fixed sample, and show by the exit code whether they are answered as
before; for cron.

Rule of this file: it does what ``fh.canary`` does and decides nothing of its own. What is read afterwards goes to
stdout, complaints and the progress to stderr. A day that cannot be completed is no change: it has a code of its own.

Exit codes::

    0    no change is shown; today is done
    1    every call of today failed: nothing was learned
    2    bad input or settings: nothing was called
    3    stopped by a limit before today's last row: run the same command again
    4    the service refused the key, or does not know the deployment or variant
    7    changed
    130  interrupted (Ctrl+C or SIGTERM): run the same command again
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fh_notebook as fh
from fh_notebook.batching.options import written_options
from fh_notebook.cli.batch import (
    CODES_OF_STOPS,
    DATA,
    FAILED,
    MISUSED,
    REFUSED,
    STOPPED,
    add_option,
    add_where,
    address_of,
    client_of,
    terminated_as_interrupted,
)
from fh_notebook.cli.batch_compare import score_of
from fh_notebook.cli.completion import names, variants
from fh_notebook.cli.terminal import add_command
from fh_notebook.core.text.messages import COMMAND
from fh_notebook.errors import AuthError, InputError, SettingsError, StoreError
from fh_notebook.monitoring.canary_options import CanaryOptions

if TYPE_CHECKING:
    from fh_notebook.monitoring.canary import Canary

CHANGED: Final = 7
"""Exit code: a change is found."""

EXIT_CODES: Final = """\
exit codes:
  0    no change is shown; today is done
  1    every call of today failed: nothing was learned
  2    bad input or settings: nothing was called
  3    stopped by a limit before today's last row: run the same command again
  4    the service refused the key, or does not have the deployment or variant
  7    a change is found: no more calls are made; another --name starts again
  130  interrupted (Ctrl+C or SIGTERM): run the same command again

The key comes from FETCH_HIVE_API_KEY, the system's keyring, or the file of
--env-file; it is never an option."""

EXAMPLES: Final = """
    # once a day, by cron: 20 rows are called, compared with a saved batch
    fh-notebook canary golden.csv -d support-triage -v live --score exact \\
      --baseline triage-june --name live-canary --rows-per-day 20
    # without --baseline, the first pass over the rows is the baseline
    fh-notebook canary golden.csv -d support-triage -v live --score exact
"""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "canary",
        help="call the same rows again every day, and report whether they have changed",
        about=(
            "Call some rows of a fixed sample again, once a day, and exit with code 7 when their scores have "
            "changed. The chance of a false alarm is at most --alpha over all days together. The same "
            "command on the same day makes no further calls. In a notebook, fh.canary() does the same."
        ),
        usage="DATA -d NAME -v VARIANT --score SCORE [OPTION]...",
        examples=EXAMPLES,
        more=EXIT_CODES,
    )
    parser.add_argument("data", type=Path, metavar="DATA", help=DATA)
    group = parser.add_argument_group("what is watched")
    name = group.add_argument("-d", "--deployment", required=True, metavar="NAME", help="the deployment")
    name.completer = names  # type: ignore[attr-defined]  # argcomplete looks for it there
    variant = group.add_argument("-v", "--variant", required=True, metavar="VARIANT", help="the variant")
    variant.completer = variants  # type: ignore[attr-defined]  # as above
    group.add_argument(
        "--score", required=True, metavar="SCORE", help="exact, exact:COLUMN, contains, ..., or a column like out.x"
    )
    group.add_argument("--baseline", metavar="BATCH", help="the name of a saved batch of the same rows and variant")
    for option_name, syntax in written_options(CanaryOptions).items():
        add_option(group, option_name, syntax)
    group.add_argument(
        "-q", "--quiet", action="store_true", help="print nothing unless scores have changed or something went wrong"
    )
    add_where(parser)


def run(args: argparse.Namespace) -> int:
    """Make today's calls and return the exit code: see the top of this file."""
    from fh_notebook.batching.progress.display import TextProgress
    from fh_notebook.contract.deployment import Deployment
    from fh_notebook.monitoring.canary import read_sample, start_canary
    from fh_notebook.session.session import find_deployment_at

    try:
        if args.env_file is not None:
            fh.configure(dotenv=args.env_file)
        given = {name: getattr(args, name) for name in written_options(CanaryOptions)}
        options = CanaryOptions(
            variant=args.variant,
            score=score_of(args.score, "--score"),
            baseline=args.baseline,
            **{name: value for name, value in given.items() if value is not None},
        )
        target = find_deployment_at(address_of(args), args.deployment) or Deployment(args.deployment)
        sample = read_sample(args.data, options.score, target)  # before a key is asked for
        with terminated_as_interrupted(), client_of(args) as client:
            watched = start_canary(
                sample,
                args.deployment,
                options,
                client=client,
                audience=COMMAND,
                progress=False if args.quiet else TextProgress,
            )
    except (InputError, SettingsError, StoreError) as exc:
        problems = [problem.text(COMMAND) for problem in getattr(exc, "problems", ())]
        return _complain(problems if len(problems) > 1 else [exc.text(COMMAND)], MISUSED)
    except AuthError as exc:
        return _complain([exc.text(COMMAND)], REFUSED)
    code = exit_code(watched)
    if code or not args.quiet:
        print(watched, flush=True)
    return code


def exit_code(watched: Canary) -> int:
    """Return the exit code that says what a canary has found."""
    if watched.changed:
        return CHANGED
    if watched.stopped is not None:
        return CODES_OF_STOPS.get(watched.stopped.reason, STOPPED)
    if not watched.is_done_today:
        return STOPPED
    last = watched.summary().iloc[-1] if watched.days else None
    return FAILED if last is not None and not last["scored"] else 0


def _complain(lines: list[str], code: int) -> int:
    for line in lines:
        print(f"fh-notebook canary: {line}", file=sys.stderr, flush=True)
    return code
