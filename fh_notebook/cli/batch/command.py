"""``fh-notebook batch``: run a file of rows through the variants of a deployment, also on a Dask cluster.

Rules of this file:

1. Parquet is read by the workers, partition by partition; other files are read here, and cut.
2. It does what ``fh.batch`` does and decides nothing of its own. The plan, the progress and complaints go to stderr,
   what is read afterwards to stdout. A key is never an option: command lines are seen by everybody on the machine.

Exit codes::

    0    every row is completed
    1    some rows failed or are unknown (also where --fail-on-error stopped it), or the file could not be written
    2    bad input or settings: nothing was called
    3    stopped by a limit: the rest is pending, run the same command again
    4    the service refused the key
    130  interrupted (Ctrl+C or SIGTERM): what is finished is kept, run the same command again

With ``--race``: 0 when it is decided (a winner, or no difference that matters), 3 when it is not.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fh_notebook as fh
from fh_notebook.batching.options import BatchOptions
from fh_notebook.cli.batch.compare import (
    CompareOptions,
    check_race,
    checked_rows,
    code_of_race,
    compare_options,
    run_race,
)
from fh_notebook.cli.batch.options import NO_KEY, add_parser, failure_hints, given, settings_given
from fh_notebook.cli.terminal import nobody_reads_on
from fh_notebook.core.config.urls import LOCAL, hostname, is_loopback
from fh_notebook.core.optional_deps import ensure_installed
from fh_notebook.core.text.messages import COMMAND
from fh_notebook.errors import AuthError, InputError, SettingsError, StoreError

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch
    from fh_notebook.client.clients import Client
    from fh_notebook.contract.deployment import Deployment
    from fh_notebook.racing.race import Race

__all__ = ["add_parser", "connect", "exit_code", "rows_for", "run"]


WAIT_S: Final = 10.0
"""How long a scheduler may take to answer."""


@contextmanager
def connect(args: argparse.Namespace) -> Iterator[Any]:
    """Give the client of the cluster that ``--dask`` names, or ``None``.

    Raises
    ------
    SettingsError
        Nobody answers there, or Dask is not installed.
    """
    if args.dask is None:
        yield None
        return
    ensure_installed("distributed", "--dask needs")
    from distributed import Client

    try:
        client = Client(args.dask, timeout=WAIT_S)
    except (OSError, TimeoutError, ValueError) as exc:
        raise SettingsError(
            f"no Dask scheduler answers at {args.dask} ({type(exc).__name__}): look at the address and the network, "
            "or leave --dask out to call from here"
        ) from None
    try:
        yield client
    finally:
        client.close()


def rows_for(args: argparse.Namespace, dask: Any) -> Any:
    """Return the rows: the path, or what workers read of it."""
    if dask is None or args.data.suffix != ".parquet":
        return args.data
    import dask.dataframe as dd

    return dd.read_parquet(str(args.data))


DONE: Final = 0

FAILED: Final = 1

MISUSED: Final = 2

STOPPED: Final = 3

REFUSED: Final = 4

INTERRUPTED: Final = 130


_CODES_OF_STOPS: Final = {
    "cancelled": INTERRUPTED,
    "auth": REFUSED,
    "unknown_name": REFUSED,
    "fail_on_error": FAILED,
    "defect": FAILED,
}
"""By the reason of `Stopped`; any other one is a limit."""


_READERS: Final = {".csv": "read_csv", ".csv.gz": "read_csv", ".parquet": "read_parquet", ".xlsx": "read_excel"}


# --- running it


def run(args: argparse.Namespace) -> int:
    """Run the batch and return the exit code: see the top of this file.

    Raises
    ------
    KeyboardInterrupt
        It was interrupted before the first call, or while the file was written.
    """
    try:
        with _terminated_as_interrupted():
            return _run(args)
    except (InputError, SettingsError, StoreError) as exc:
        problems = [problem.text(COMMAND) for problem in getattr(exc, "problems", ())]
        _complain(problems if len(problems) > 1 else [exc.text(COMMAND)])
        return MISUSED
    except AuthError as exc:
        _complain([exc.text(COMMAND)])
        return REFUSED


def _run(args: argparse.Namespace) -> int:
    from fh_notebook.batching.api import begun
    from fh_notebook.batching.progress.display import TextProgress

    check_race(args)
    target = _target(args)
    compare_it = compare_options(args)
    fh.configure(**settings_given(args))
    with _client(args) as client, connect(args) as dask:
        shown = not (args.quiet or args.dry_run)
        asked = {"client": client, "inputs": _inputs(args, client), **given(args)}
        reader = replace(COMMAND, resume=_again(args))
        rows = checked_rows(args, rows_for(args, dask))
        race = run_race(args, rows, asked, reader, progress=shown)
        batch = (
            race.batch
            if race is not None
            else begun(
                rows,
                args.deployment,
                BatchOptions(
                    progress=TextProgress if shown else False,
                    dask=dask,
                    parts=args.parts,
                    **asked,
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

    if args.out is None:
        return None
    target = check_export(args.out)
    with suppress(OSError):
        if os.path.samefile(target, args.data):
            raise SettingsError(f"{args.out} is the file of the rows, which would be lost; give -o another name")
    return target


def _client(args: argparse.Namespace) -> Client:
    """Return whom to ask. Without a key that is never the demo hive by itself: nobody would notice in a log."""
    from fh_notebook.core.config import resolution

    if args.local:
        if args.base_url is not None:
            raise SettingsError("--local and --base-url exclude each other")
        return fh.Client(base_url=LOCAL)
    address, _ = resolution.find_base_url(args.base_url)
    if address != LOCAL and not is_loopback(hostname(address)):
        found = resolution.find_key(base_url=address)
        if found.key is None:
            told = [f"there is no key for {hostname(address)}", *found.hints, NO_KEY, "--local runs the demo"]
            raise SettingsError("; ".join(told))
    return fh.Client(base_url=address)


def _inputs(args: argparse.Namespace, client: Client) -> dict[str, Any] | None:
    """Return what ``--map`` and ``--const`` say; a constant is read as its Start variable is declared, as a cell is."""
    from fh_notebook.contract.schema.coercion import coerced

    columns, constants = args.map or [], args.const or []
    names = [name for name, _ in (*columns, *constants)]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise SettingsError(f"--map and --const say twice what {', '.join(doubled)} takes")
    inputs: dict[str, Any] = dict(columns)
    if constants:
        known: Deployment | None = fh.deployments(client).get(args.deployment)
        schema: Mapping[str, Any] = known.inputs if known is not None else {}
        for name, text in constants:
            inputs[name] = fh.const(coerced(text, schema.get("properties", {}).get(name), schema))
    return inputs or None


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM as Ctrl+C is taken: what is finished is kept, and written."""
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
        return _CODES_OF_STOPS.get(stopped.reason, STOPPED)
    if counts.failed or counts.unknown:
        return FAILED
    return STOPPED if counts.pending else DONE


def _end(
    args: argparse.Namespace, batch: Batch, target: Path | None, compare_it: CompareOptions | None, race: Race | None
) -> int:
    from fh_notebook.batching.export.export import export
    from fh_notebook.batching.messages import digest

    code = exit_code(batch) if race is None else code_of_race(race)
    if args.quiet and code:
        _complain([batch.summary() if race is None else f"{batch.name}: {race.verdict}"])
    lines = [digest(outcome.run for _, outcome, _ in batch.entries() if outcome)] if code else []
    lines += [repr(race)] if race is not None else []
    if target is not None:
        try:
            lines.append(f"Written to {export(batch, args.out)!r}")
        except SettingsError as exc:
            _complain([f"{exc.text(COMMAND)}; the answers are kept: {_again(args)}, nothing is called twice"])
            code = code or FAILED
    if compare_it is not None:
        told, trouble = compare_it(batch)
        lines += told
        if trouble:
            _complain([f"{trouble}; the answers are kept: {_again(args)}, nothing is called twice"])
            code = code or FAILED
    if not args.quiet:
        _say([line for line in (*lines, *_what_next(args, batch, code)) if line])
    return code


def _what_next(args: argparse.Namespace, batch: Batch, code: int) -> Iterator[str]:
    from fh_notebook.batching.export.files import suffix_of

    if batch.counts.failed and code == FAILED:
        yield from failure_hints([o.run for _, o, _ in batch.entries() if o and o.run.status == "failed"], _again(args))
    if code == DONE and (args.first or args.sample):
        yield "This was a pilot: the same command without --first and --sample goes on, and repays nothing."
    if args.race is not None:
        return
    if args.out is None and not (batch.counts.done or batch.counts.failed or batch.counts.unknown):
        return  # no answer came, so there is none to write
    if args.out is None:
        yield f"The answers are kept: {_again(args)} with -o answers.csv to write them; nothing is called twice."
    elif (
        code == DONE
        and not (args.compare or args.report)
        and len(batch.plan().variants) > 1
        and (read := _READERS.get(suffix_of(Path(args.out))))
    ):
        yield f"Which variant is better: fh.compare(pandas.{read}({args.out!r}))"


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
