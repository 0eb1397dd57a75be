"""``fh-notebook batch``: run a file of rows through the variants of a deployment, also on a Dask cluster.

Rules of this file:

1. Parquet is read by the workers, partition by partition; other files are read here, and cut.
2. An option that was not given is not passed on, so the defaults are those of ``fh.batch``.
3. It does what ``fh.batch`` does and decides nothing of its own. The plan, the progress and complaints go to stderr,
   what is read afterwards to stdout. A key is never an option: command lines are seen by everybody on the machine.

4. Its exit codes are documented once, in its ``--help``.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fh_notebook as fh
from fh_notebook.batching.model import open_reason
from fh_notebook.batching.options import BatchOptions, OptionSyntax, written_options
from fh_notebook.batching.tables.accepted import FILES
from fh_notebook.cli.batch_compare import (
    CompareOptions,
    check_baseline,
    check_race,
    checked_rows,
    code_of_race,
    compare_options,
    run_race,
)
from fh_notebook.cli.completion import names, variants
from fh_notebook.cli.terminal import add_command, nobody_reads_on
from fh_notebook.core.config.urls import LOCAL, hostname, is_loopback
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.text.messages import COMMAND, flag
from fh_notebook.errors import AuthError, InputError, SettingsError, StoreError
from fh_notebook.racing.options import RaceOptions

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch
    from fh_notebook.client.callbacks.receiver import CallbackReceiver
    from fh_notebook.client.clients import Client
    from fh_notebook.contract.deployment import Deployment
    from fh_notebook.contract.run import Run
    from fh_notebook.racing.race import Race


# --- its options


EXIT_CODES: Final = """\
exit codes:
  0    every row is completed
  1    some rows failed or are unknown (also when --fail-on-error stopped it),
       or the file could not be written
  2    bad input or settings: nothing was called
  3    none failed, and some have no outcome yet: stopped by a limit (run the
       same command again), or they wait for a decision or have not ended
  4    the service refused the key, or does not have the deployment or variant
  5    with --require-not-worse: it is not shown that every variant is no worse
       than the baseline (it is worse, or the rows are too few)
  6    with --fail-if-worse: a variant is worse than the baseline
  130  interrupted (Ctrl+C or SIGTERM): what is finished is saved,
       run the same command again
with --race: 0 when it is decided (a winner, or no difference that matters),
3 when it is not

The key comes from FETCH_HIVE_API_KEY, the system's keyring, or the file of
--env-file; it is never an option."""


EXAMPLES: Final = """
    # the plan only: which calls would be made, and their cost
    fh-notebook batch tickets.csv -d support-triage --dry-run
    # a pilot of 5 rows, then all rows: the rows of the pilot are not called again
    fh-notebook batch tickets.csv -d support-triage --first 5 -o answers.csv
    fh-notebook batch tickets.csv -d support-triage -o answers.csv
    # two variants compared, with a report; 200 calls at most
    fh-notebook batch tickets.csv -d support-triage -v keywords -v nearest \\
      --max-calls 200 --compare exact --report triage.html
    # in CI: fails unless the new variant is shown to be no worse than the old one
    fh-notebook batch tickets.csv -d support-triage -v keywords -v nearest \\
      --compare exact --baseline keywords --require-not-worse 0.02
    # the file's column is called "text", the Start variable "ticket"
    fh-notebook batch mails.csv -d support-triage --map ticket=text -o a.csv
"""


DATA: Final = f"the rows: {FILES}; put a pattern in quotes"


NO_KEY: Final = "set FETCH_HIVE_API_KEY, or give a file that contains it with --env-file"


class _Refused(argparse.Action):
    """An option for a key, which is not one; what it was given is not repeated."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.exit(
            2,
            (
                f"{parser.prog}: do not give a key as an option: other users of this machine can read it, and the "
                f"shell saves it in its history; {NO_KEY}. Replace the key that you have just typed.\n"
            ),
        )


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "batch",
        help="run a file of rows through the variants of a deployment",
        about=(
            "Run every row of a file through every variant, save each answer as it arrives, and write the answers"
            " to a file. The same command again continues where it stopped: answered rows are not called again."
        ),
        usage="DATA -d NAME [-v VARIANT]... [-o FILE] [OPTION]...",
        examples=EXAMPLES,
        more=EXIT_CODES,
    )
    parser.add_argument("data", type=Path, metavar="DATA", help=DATA)
    _add_what(parser)
    _add_how(parser)
    _add_delivery(parser)
    _add_out(parser)
    add_where(parser)


def _add_what(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to call")
    name = group.add_argument("-d", "--deployment", required=True, metavar="NAME", help="the deployment")
    name.completer = names  # type: ignore[attr-defined]  # argcomplete looks for it there
    variant = group.add_argument(
        "-v",
        "--variant",
        action="append",
        metavar="VARIANT",
        help="a variant; repeat it for more (default: all known variants)",
    )
    variant.completer = variants  # type: ignore[attr-defined]  # as above
    group.add_argument(
        "--map", action="append", type=_pair, metavar="VARIABLE=COLUMN", help="the column that fills a Start variable"
    )
    group.add_argument(
        "--const", action="append", type=_pair, metavar="VARIABLE=TEXT", help="a value that is the same for every row"
    )
    _add_declared(group, "what")


def _add_how(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to call it")
    _add_declared(group, "how")
    group.add_argument(
        "--price-per-call",
        type=float,
        metavar="X",
        help="the price of a call: shows the cost of the plan, and enables --max-cost",
    )
    group.add_argument("--daily-cap", type=int, metavar="N", help="calls a day that your subscription allows")


def _add_delivery(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("by callback, or on a cluster")
    _add_declared(group, "delivery")
    group.add_argument(
        "--public-url",
        metavar="URL",
        help="the address of a tunnel or reverse proxy that forwards callbacks to this machine",
    )
    group.add_argument(
        "--callback-port",
        type=int,
        metavar="N",
        help="the port on this machine to which it forwards them (default: a free one)",
    )
    group.add_argument(
        "--dask", metavar="ADDRESS", help="run on the workers of a Dask cluster: the scheduler's address (tcp://...)"
    )
    group.add_argument(
        "--parts", metavar="FOLDER", help="with --dask: a folder that all workers share, for the answers"
    )


def _add_out(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what comes out")
    group.add_argument(
        "-o", "--out", metavar="FILE", help="write the answers to a .csv, .csv.gz, .tsv, .xlsx, .parquet or .jsonl file"
    )
    group.add_argument(
        "--compare",
        metavar="SCORE",
        help="compare the variants afterwards: exact, contains, ..., or a column like out.x",
    )
    group.add_argument(
        "--report", metavar="FILE", help="write the comparison to an .html, .md or .xlsx file; scores by --compare"
    )
    group.add_argument(
        "--failed",
        choices=("drop", "zero"),
        help="whether failed runs have no score or count as 0 in the comparison (default: drop)",
    )
    baseline = group.add_argument(
        "--baseline", metavar="VARIANT", help="the variant that the gates below compare the others with"
    )
    baseline.completer = variants  # type: ignore[attr-defined]  # as above
    group.add_argument(
        "--require-not-worse",
        type=float,
        metavar="BY",
        help="fail with code 5 unless it is shown that no variant scores worse than the baseline by more than BY",
    )
    group.add_argument(
        "--fail-if-worse",
        type=float,
        metavar="BY",
        help="fail with code 6 only if it is shown that a variant scores worse than the baseline by more than BY",
    )
    group.add_argument(
        "--race",
        metavar="SCORE",
        help="run rows in a random order until it is clear which variant is better, and stop: exact, exact:COLUMN, ...",
    )
    for name, syntax in written_options(RaceOptions).items():
        add_option(group, name, replace(syntax, help=f"of --race: {syntax.help}"))
    group.add_argument("-q", "--quiet", action="store_true", help="print nothing unless something went wrong")


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where calls go: what `client_of` reads."""
    group = parser.add_argument_group("where calls go")
    group.add_argument(
        "--local", action="store_true", help="the demo's local hive in this process: no API key, no network"
    )
    group.add_argument("--base-url", metavar="URL", help="the service's address; it ends in /v1")
    group.add_argument(
        "--env-file",
        type=Path,
        metavar="FILE",
        help="a .env file with FETCH_HIVE_API_KEY, FETCH_HIVE_BASE_URL or FETCH_HIVE_WORKSPACE_ID",
    )
    for name in ("--api-key", "--key", "--token"):
        group.add_argument(name, action=_Refused, nargs="?", help=argparse.SUPPRESS)


def _add_declared(group: Any, heading: str) -> None:
    for name, syntax in written_options(BatchOptions).items():
        if syntax.group == heading:
            add_option(group, name, syntax)


def add_option(group: Any, name: str, syntax: OptionSyntax) -> None:
    """Add an option to a group of the parser; one that is not given is ``None``."""
    keywords: dict[str, Any] = {"dest": name, "default": None, "help": syntax.help, **syntax.for_parser()}
    group.add_argument(flag(name), **keywords)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not VARIABLE=VALUE")
    return name, value


def options_given(args: argparse.Namespace) -> dict[str, Any]:
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
    if args.delivery != "callback":
        raise SettingsError("--public-url and --callback-port are for --delivery callback")
    from fh_notebook.client.callbacks.receiver import CallbackReceiver

    return CallbackReceiver(public_url=args.public_url, port=args.callback_port or 0)


def settings_given(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given, as arguments of ``fh.configure``."""
    settings = {"price_per_call": args.price_per_call, "daily_cap": args.daily_cap, "dotenv": args.env_file}
    return {name: value for name, value in settings.items() if value is not None}


# --- where rows come from and calls go


WAIT_S: Final = 10.0
"""How long a scheduler may take to answer."""


@contextmanager
def connect(args: argparse.Namespace) -> Iterator[Any]:
    """Give the client of the cluster that ``--dask`` names, or ``None``."""
    if args.dask is None:
        yield None
        return
    ensure_installed("distributed", "--dask needs")
    from distributed import Client

    try:
        client = Client(args.dask, timeout=WAIT_S)
    except (OSError, TimeoutError, ValueError) as exc:
        raise SettingsError(
            f"no Dask scheduler answers at {args.dask} ({type(exc).__name__}): check the address and the network, "
            "or leave --dask out to call from here"
        ) from None
    try:
        yield client
    finally:
        client.close()


def rows_for(args: argparse.Namespace, dask: Any) -> Any:
    """Return the rows: the path, or what workers read of it."""
    from fh_notebook.batching.tables.row_files import is_parquet

    if dask is None or not is_parquet(args.data):
        return args.data
    import dask.dataframe as dd

    return dd.read_parquet(str(args.data))


DONE: Final = 0

FAILED: Final = 1

MISUSED: Final = 2

STOPPED: Final = 3

REFUSED: Final = 4

INTERRUPTED: Final = 130


CODES_OF_STOPS: Final = {
    "cancelled": INTERRUPTED,
    "auth": REFUSED,
    "unknown_name": REFUSED,
    "fail_on_error": FAILED,
    "defect": FAILED,
}
"""By the reason of `BatchStopped`; any other one is a limit."""


_READERS: Final = {".csv": "read_csv", ".csv.gz": "read_csv", ".parquet": "read_parquet", ".xlsx": "read_excel"}


# --- running it


def run(args: argparse.Namespace) -> int:
    """Run the batch and return the exit code: see the top of this file."""
    try:
        with terminated_as_interrupted():
            return _run(args)
    except (InputError, SettingsError, StoreError) as exc:
        problems = [problem.text(COMMAND) for problem in getattr(exc, "problems", ())]
        _complain(problems if len(problems) > 1 else [exc.text(COMMAND)])
        return MISUSED
    except AuthError as exc:
        _complain([exc.text(COMMAND)])
        return REFUSED


def _run(args: argparse.Namespace) -> int:
    from fh_notebook.batching.api import start_batch
    from fh_notebook.batching.progress.display import TextProgress

    check_race(args)
    target = _target(args)
    compare_it = compare_options(args)
    fh.configure(**settings_given(args))
    with client_of(args) as client, connect(args) as dask:
        shows_progress = not (args.quiet or args.dry_run)
        check_baseline(args, _known_variants(args, client))
        options = {"client": client, "inputs": _inputs(args, client), **options_given(args)}
        reader = replace(COMMAND, resume=_again(args))
        rows = checked_rows(args, rows_for(args, dask), client)
        race = run_race(args, rows, options, reader, progress=shows_progress)
        batch = (
            race.batch
            if race is not None
            else start_batch(
                rows,
                args.deployment,
                BatchOptions(
                    progress=TextProgress if shows_progress else False,
                    dask=dask,
                    parts=args.parts,
                    **options,
                ),
                reader,
            )
        )
        if args.dry_run:
            _say([race.plan_line if race is not None else str(batch.plan())])
            return DONE
        return _end(args, batch, target, compare_it, race)


def _target(args: argparse.Namespace) -> Path | None:
    """Return where to write, checked before a call is paid for."""
    from fh_notebook.batching.export.export import check_export
    from fh_notebook.batching.tables.row_files import reads_from

    if args.out is None:
        return None
    target = check_export(args.out)
    if reads_from(args.data, target):
        raise SettingsError(f"{args.out} is one of the files of rows, or would become one; give -o another name")
    return target


def address_of(args: argparse.Namespace) -> str:
    """Return where calls go."""
    from fh_notebook.core.config import resolution

    if args.local and args.base_url is not None:
        raise SettingsError("--local and --base-url cannot be used together")
    return LOCAL if args.local else resolution.find_base_url(args.base_url)[0]


def client_of(args: argparse.Namespace) -> Client:
    """Return whom to ask. Without a key that is never the demo hive by itself: nobody would notice in a log."""
    from fh_notebook.core.config import resolution

    address = address_of(args)
    if address != LOCAL and not is_loopback(hostname(address)):
        resolved = resolution.find_key(base_url=address)
        if resolved.key is None:
            reasons = [f"no API key is set for {hostname(address)}", *resolved.hints, NO_KEY, "--local runs the demo"]
            raise SettingsError("; ".join(reasons))
    return fh.Client(base_url=address)


def _known_variants(args: argparse.Namespace, client: Client) -> list[str]:
    deployment: Deployment | None = fh.deployments(client).get(args.deployment)
    return list(deployment.variants) if deployment is not None else []


def _inputs(args: argparse.Namespace, client: Client) -> dict[str, Any] | None:
    """Return what ``--map`` and ``--const`` say; a constant is read as its Start variable is declared, as a cell is."""
    from fh_notebook.contract.schema.coercion import coerce

    columns, constants = args.map or [], args.const or []
    names = [name for name, _ in (*columns, *constants)]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"--map and --const both set {', '.join(doubled)}")
    inputs: dict[str, Any] = dict(columns)
    if constants:
        deployment: Deployment | None = fh.deployments(client).get(args.deployment)
        schema: Mapping[str, Any] = deployment.inputs if deployment is not None else {}
        for name, text in constants:
            inputs[name] = fh.const(coerce(text, schema.get("properties", {}).get(name), schema))
    return inputs or None


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM as Ctrl+C is taken: what is finished is saved, and written."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# --- how it ended


def exit_code(batch: Batch) -> int:
    """Return the exit code that says how a batch ended."""
    counts, stopped = batch.counts, batch.stopped
    if stopped is not None and (counts.pending or stopped.reason == "cancelled"):
        return CODES_OF_STOPS.get(stopped.reason, STOPPED)
    if counts.failed or (counts.unknown and _may_have_run(batch)):
        return FAILED
    return STOPPED if counts.pending or counts.unknown else DONE


def _may_have_run(batch: Batch) -> bool:
    """Whether the outcome of a job is lost; a run that waits for a decision or has not ended still has one to come."""
    outcomes = (outcome for _, outcome, _ in batch.entries() if outcome)
    return any(outcome.run.status == "unknown" and not open_reason(outcome.run) for outcome in outcomes)


def _end(
    args: argparse.Namespace, batch: Batch, target: Path | None, compare_it: CompareOptions | None, race: Race | None
) -> int:
    from fh_notebook.batching.export.export import export
    from fh_notebook.batching.rendering import digest, error_groups

    code = exit_code(batch) if race is None else code_of_race(race)
    if args.quiet and code:
        _complain([batch.summary() if race is None else f"{batch.name}: {race.verdict}"])
    lines = (
        [digest(error_groups((job.row, job.key, outcome.run) for job, outcome, _ in batch.entries() if outcome))]
        if code
        else []
    )
    lines += [repr(race)] if race is not None else []
    if target is not None:
        try:
            lines.append(f"Written to {export(batch, args.out)!r}")
        except SettingsError as exc:
            _complain([f"{exc.text(COMMAND)}; the answers are saved: {_again(args)}, nothing is called twice"])
            code = code or FAILED
    if compare_it is not None:
        compared = compare_it(batch)
        lines += compared.lines
        if compared.problem:
            _complain([f"{compared.problem}; the answers are saved: {_again(args)}, nothing is called twice"])
            code = code or FAILED
        if compared.code and code in (DONE, FAILED):  # a comparison of a part of the rows decides nothing
            code = compared.code
            if args.quiet:
                _complain(compared.failed_gates)
    if not args.quiet:
        _say([line for line in (*lines, *_what_next(args, batch, code)) if line])
    return code


def _what_next(args: argparse.Namespace, batch: Batch, code: int) -> Iterator[str]:
    from fh_notebook.batching.export.export import suffix_of

    if batch.counts.failed and code == FAILED:
        yield from failure_hints([o.run for _, o, _ in batch.entries() if o and o.run.status == "failed"], _again(args))
    if code == DONE and (args.first or args.sample):
        yield (
            "This was a pilot: the same command without --first and --sample continues it, and pays for nothing twice."
        )
    if args.race is not None:
        return
    if args.out is None and not (batch.counts.done or batch.counts.failed or batch.counts.unknown):
        return  # no answer came, so there is none to write
    if args.out is None:
        yield f"The answers are saved: {_again(args)} with -o answers.csv to write them; nothing is called twice."
    elif (
        code == DONE
        and not (args.compare or args.report)
        and len(batch.plan().variants) > 1
        and (read := _READERS.get(suffix_of(Path(args.out))))
    ):
        yield f"Which variant is better: fh.compare(pandas.{read}({args.out!r}))"


def failure_hints(failed: Iterable[Run], again: str) -> Iterator[str]:
    """Yield what to do about runs that failed, a line for each kind of failure.

    Examples
    --------
    >>> from fh_notebook.contract.run import Run
    >>> print(*failure_hints([Run(status="failed", error_code="connect")], "retry"))
    1 did not reach the service: check the address, the network and the proxy (fh-notebook doctor --check), and retry.
    """
    from fh_notebook.contract.job_key import is_reusable
    from fh_notebook.contract.retry import NOT_REACHED

    kinds: Counter[str] = Counter()
    for run in failed:
        if run.error_code in NOT_REACHED:
            kinds["nobody"] += 1
        elif not is_reusable(run):
            kinds["moment"] += 1
        else:
            kinds["row"] += 1
    if n := kinds["nobody"]:
        look = "check the address, the network and the proxy (fh-notebook doctor --check)"
        yield f"{n:,} did not reach the service: {look}, and {again}."
    if n := kinds["moment"]:
        yield (
            f"{n:,} failed because of the service, not because of {'its row' if n == 1 else 'their rows'}: "
            f"later, {again}."
        )
    if kinds["row"]:
        yield f"Failed rows are saved as failed: correct them and {again}; no answer is paid for twice."


def _say(lines: Sequence[str]) -> None:
    try:
        print(*lines, sep="\n", end="\n" if lines else "", flush=True)
    except BrokenPipeError:  # the code stays that of the batch
        nobody_reads_on()


def _again(args: argparse.Namespace) -> str:
    """Return how one goes on: not with what calls everything anew."""
    anew = "--fresh" if args.fresh else "--reuse none" if args.reuse == "none" else ""
    return f"{COMMAND.resume} without {anew}" if anew else COMMAND.resume


def _complain(lines: Sequence[str]) -> None:
    try:
        for line in lines:
            print(f"fh-notebook batch: {line}", file=sys.stderr, flush=True)
    except BrokenPipeError:  # the code says it all the same, and what is still to be written is
        nobody_reads_on(sys.stderr)
