"""Options of ``fh-notebook batch``, their values as arguments of ``fh.batch``, and its exit codes.

Rule of this file: an option that was not given is not passed on, so that the defaults are those of ``fh.batch``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.batching.options import BatchOptions, OptionSyntax, written_options
from fh_notebook.cli.completion import names, variants
from fh_notebook.cli.terminal import add_command
from fh_notebook.core.text.messages import flag
from fh_notebook.errors import SettingsError
from fh_notebook.racing.options import RaceOptions

if TYPE_CHECKING:
    from fh_notebook.client.callbacks.receiver import CallbackReceiver
    from fh_notebook.contract.run import Run

__all__ = ["EXIT_CODES", "NO_KEY", "add_parser", "failure_hints", "given", "settings_given"]


EXIT_CODES: Final = """\
exit codes:
  0    every row is completed
  1    some rows failed or are unknown (also where --fail-on-error stopped it),
       or the file could not be written
  2    bad input or settings: nothing was called
  3    stopped by a limit: the rest is pending, run the same command again
  4    the service refused the key, or does not know the deployment or variant
  130  interrupted (Ctrl+C or SIGTERM): what is finished is kept,
       run the same command again
with --race: 0 when it is decided (a winner, or no difference that matters),
3 when it is not

The key comes from FETCH_HIVE_API_KEY, the system's keyring, or the file of
--env-file; it is never an option."""


def failure_hints(failed: Iterable[Run], again: str) -> Iterator[str]:
    """Yield what to do about runs that failed, a line for each kind of failure.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> print(*failure_hints([Run(status="failed", error_code="connect")], "run it again"))
    1 reached nobody: look at the address, the network and the proxy (fh-notebook doctor --check), and run it again.
    """
    from fh_notebook.contract.retry import NOT_REACHED
    from fh_notebook.contract.reuse import is_reusable

    kinds: Counter[str] = Counter()
    for run in failed:
        if run.error_code in NOT_REACHED:
            kinds["nobody"] += 1
        elif not is_reusable(run):
            kinds["moment"] += 1
        else:
            kinds["row"] += 1
    if n := kinds["nobody"]:
        look = "look at the address, the network and the proxy (fh-notebook doctor --check)"
        yield f"{n:,} reached nobody: {look}, and {again}."
    if n := kinds["moment"]:
        yield f"{n:,} failed at the service and not by {'its row' if n == 1 else 'their rows'}: later, {again}."
    if kinds["row"]:
        yield f"What failed is kept as failed: correct its rows and {again}; no answer is paid for twice."


EXAMPLES: Final = """
    # what would be called, and what it takes
    fh-notebook batch tickets.csv -d support-triage --dry-run
    # a pilot of 5 rows, then all of them: the pilot is not called again
    fh-notebook batch tickets.csv -d support-triage --first 5 -o answers.csv
    fh-notebook batch tickets.csv -d support-triage -o answers.csv
    # two variants compared, with a report; 200 calls at most
    fh-notebook batch tickets.csv -d support-triage -v keywords -v nearest \\
      --max-calls 200 --compare exact --report triage.html
    # the file's column is called "text", the Start variable "ticket"
    fh-notebook batch mails.csv -d support-triage --map ticket=text -o a.csv
"""


NO_KEY: Final = "set FETCH_HIVE_API_KEY, or name a file that says it with --env-file"


class _Refused(argparse.Action):
    """An option for a key, which is not one; what it was given is not repeated."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.exit(
            2,
            f"{parser.prog}: a key is never an option: everybody on this machine can read it, and the shell keeps it; "
            f"{NO_KEY}. Replace the key that you have just typed.\n",
        )


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "batch",
        help="run a file of rows through the variants of a deployment",
        about="Run every row of a file through every variant, keep each answer, and write them to a file. The same "
        "command again goes on where it was: what is answered is not called twice.",
        usage="DATA -d NAME [-v VARIANT]... [-o FILE] [OPTION]...",
        examples=EXAMPLES,
        more=EXIT_CODES,
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="a .csv, .tsv, .jsonl, .json or .parquet file")
    _add_what(parser)
    _add_how(parser)
    _add_apart(parser)
    _add_out(parser)
    _add_where(parser)


def _add_what(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what is called")
    name = what.add_argument("-d", "--deployment", required=True, metavar="NAME", help="what runs")
    name.completer = names  # type: ignore[attr-defined]  # argcomplete looks for it there
    variant = what.add_argument(
        "-v", "--variant", action="append", metavar="VARIANT", help="again for each; all that are known by default"
    )
    variant.completer = variants  # type: ignore[attr-defined]  # as above
    what.add_argument(
        "--map", action="append", type=_pair, metavar="VARIABLE=COLUMN", help="which column a Start variable takes"
    )
    what.add_argument(
        "--const", action="append", type=_pair, metavar="VARIABLE=TEXT", help="a value that is the same for every row"
    )
    _add_written(what, "what")


def _add_how(parser: argparse.ArgumentParser) -> None:
    how = parser.add_argument_group("how it is called")
    _add_written(how, "how")
    how.add_argument("--price-per-call", type=float, metavar="X", help="shows what the plan costs; for --max-cost")
    how.add_argument("--daily-cap", type=int, metavar="N", help="calls that your plan allows a day, for the plan shown")


def _add_apart(parser: argparse.ArgumentParser) -> None:
    how = parser.add_argument_group("by callback, or on a cluster")
    _add_written(how, "delivery")
    how.add_argument(
        "--public-url", metavar="URL", help="a tunnel's or reverse proxy's address that passes callbacks on to here"
    )
    how.add_argument(
        "--callback-port", type=int, metavar="N", help="the port that it passes them on to (default: a free one)"
    )
    how.add_argument(
        "--dask", metavar="ADDRESS", help="run on the workers of a Dask cluster: the scheduler's address (tcp://...)"
    )
    how.add_argument("--parts", metavar="FOLDER", help="with --dask: a folder that all workers share, for the answers")


def _add_out(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("what comes out")
    where.add_argument(
        "-o", "--out", metavar="FILE", help="write the answers to a .csv, .csv.gz, .tsv, .xlsx, .parquet or .jsonl file"
    )
    where.add_argument(
        "--compare",
        metavar="SCORE",
        help="compare the variants afterwards: exact, contains, ..., or a column like out.x",
    )
    where.add_argument(
        "--report", metavar="FILE", help="write the comparison to an .html, .md or .xlsx file; scores by --compare"
    )
    where.add_argument(
        "--failed",
        choices=("drop", "zero"),
        help="whether failed runs have no score or count as 0 in the comparison (default: drop)",
    )
    where.add_argument(
        "--race",
        metavar="SCORE",
        help="run rows in a random order until it is clear which variant is better, and stop: exact, exact:COLUMN, ...",
    )
    for name, written in written_options(RaceOptions).items():
        _add_option(where, name, replace(written, help=f"of --race: {written.help}"))
    where.add_argument("-q", "--quiet", action="store_true", help="say nothing unless something went wrong")


def _add_where(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("where calls go")
    where.add_argument("--local", action="store_true", help="the demo hive in this process: no key, no network")
    where.add_argument("--base-url", metavar="URL", help="the service's address; it ends in /v1")
    where.add_argument("--env-file", type=Path, metavar="FILE", help="a .env file with FETCH_HIVE_API_KEY")
    for name in ("--api-key", "--key", "--token"):
        where.add_argument(name, action=_Refused, nargs="?", help=argparse.SUPPRESS)


def _add_written(group: Any, heading: str) -> None:
    for name, written in written_options(BatchOptions).items():
        if written.group == heading:
            _add_option(group, name, written)


def _add_option(group: Any, name: str, written: OptionSyntax) -> None:
    """Add an option to a group of the parser; one that is not given is ``None``."""
    shown: dict[str, Any] = {"dest": name, "default": None, "help": written.help, **written.for_parser()}
    group.add_argument(flag(name), **shown)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not VARIABLE=VALUE")
    return name, value


def given(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given, as arguments of ``fh.batch``."""
    passed = {name: getattr(args, name) for name in written_options(BatchOptions) if getattr(args, name) is not None}
    if passed.get("reuse") == "none":
        passed["reuse"] = None
    if (receiver := _receiver(args)) is not None:
        passed["receiver"] = receiver
    return passed | ({"variants": args.variant} if args.variant else {})


def _receiver(args: argparse.Namespace) -> CallbackReceiver | None:
    """Return who receives callbacks, where the options say something of it; it does not listen yet."""
    if args.public_url is None and args.callback_port is None:
        return None
    if args.delivery not in ("callback", "auto"):
        raise SettingsError("--public-url and --callback-port are for --delivery callback or auto")
    from fh_notebook.client.callbacks.receiver import CallbackReceiver

    return CallbackReceiver(public_url=args.public_url, port=args.callback_port or 0)


def settings_given(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given, as arguments of ``fh.configure``."""
    named = {"price_per_call": args.price_per_call, "daily_cap": args.daily_cap, "dotenv": args.env_file}
    return {name: value for name, value in named.items() if value is not None}
