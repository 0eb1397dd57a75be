"""``fh-notebook demo``: the shipped tickets through both variants on a local hive, and which one is better.

Rule of this file: everything that it shows comes from ``fh.batch`` and ``fh.compare``, as in a notebook; nothing is kept,
and no call leaves this machine.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fh_notebook.cli.terminal import Progress, Style, table, terminal_width

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch
    from fh_notebook.batching.events import Event
    from fh_notebook.comparing.comparison import Comparison
    from fh_notebook.local.hive import LocalHive

__all__ = ["add_parser", "run"]

RIGHT, WRONG, FAILED = "*", " ", "!"
"""Marks before a label: they say without colour what the colour says."""

NEXT: Final = """\
What to open next
  fh-notebook lab       JupyterLab on the quickstart notebook (pip install 'fh-notebook[lab]')
  %load_ext fh_notebook   in a notebook of your own, then a cell:

    %%fetchhive support-triage -v keywords -v nearest
    ticket: I was charged twice for the same order.

Without a key both use a local hive like this one; with FETCH_HIVE_API_KEY set, Fetch Hive."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = commands.add_parser(
        "demo",
        help="run the shipped support tickets through two variants, and compare them (no key, no network)",
        description="Run the shipped support tickets through two variants on a local hive, and compare them.",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the made-up pauses before each answer (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Run the demo and return 0; 1 when a call had no outcome."""
    if hasattr(sys.stdout, "reconfigure"):
        # Tickets in Japanese must not break a terminal that cannot show them.
        sys.stdout.reconfigure(errors="replace")
    try:
        return _demo(args.seed)
    except BrokenPipeError:
        # The reader (head, a pager) has seen enough. Without this, the interpreter complains when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _demo(seed: int) -> int:
    import fh_notebook as fh
    from fh_notebook.local.demo import demo_hive

    fh.configure(store=None)
    hive = demo_hive(seed=seed)
    with hive.serve() as server, fh.Client(base_url=server.url, api_key="demo") as client:
        batch = _run_batch(hive, server.url, client)
    comparison = fh.compare(batch)
    style, columns = Style(sys.stdout), terminal_width(sys.stdout)
    _print_differences(batch, style, columns)
    _print_failures(batch, style, columns)
    _print_summary(comparison, style, columns)
    print(f"\n{NEXT}")
    return 0 if batch.pending.empty else 1


def _run_batch(hive: LocalHive, url: str, client: Any) -> Batch:
    import fh_notebook as fh
    from fh_notebook.batching.events import Finished
    from fh_notebook.local.demo import tickets

    rows = tickets()
    languages = {row["metadata.language"] for row in rows}
    deployment = hive.deployments()[0]
    print(
        f"{len(rows)} support tickets in {len(languages)} languages, through {len(deployment.variants)} variants of "
        f"{deployment.name}\non a local hive at {url} (no key, no network, nothing kept)\n"
    )
    progress = Progress(len(rows) * len(deployment.variants), "calls")

    def count(event: Event) -> None:
        if isinstance(event, Finished):
            progress.advance()

    try:
        return fh.batch(rows, deployment, client=client, progress=False, on_event=count)
    finally:
        progress.close()


def _print_differences(batch: Batch, style: Style, columns: int) -> None:
    """Print the tickets whose answers are not the same in every variant."""
    by_row: dict[Any, dict[str, Mapping[str, Any]]] = {}
    for record in batch.frame.to_dict("records"):
        by_row.setdefault(record["row"], {})[str(record["variant"])] = record
    differing = {row: runs for row, runs in by_row.items() if len({_answer(run) for run in runs.values()}) > 1}
    if not differing:
        return
    variants = list(next(iter(differing.values())))
    lines = [
        [str(row), str(first["expected_output"]), *(_marked(runs[name]) for name in variants), str(first["ticket"])]
        for row, runs in differing.items()
        for first in [runs[variants[0]]]
    ]
    print(f"\nThey differ on {len(differing)} of {len(by_row)} tickets ({RIGHT} right, {FAILED} failed)")
    _print_table(["row", "expected", *(f"  {name}" for name in variants), "ticket"], lines, style, columns, right=[0])


def _answer(run: Mapping[str, Any]) -> str:
    return str(run["output"]) if run["status"] == "completed" else str(run["status"])


def _marked(run: Mapping[str, Any]) -> str:
    mark = FAILED if run["status"] != "completed" else RIGHT if run["output"] == run["expected_output"] else WRONG
    return f"{mark} {_answer(run)}"


def _print_failures(batch: Batch, style: Style, columns: int) -> None:
    """Print the failed runs with what they say: a failure is a row like any other."""
    lines = [
        [str(run["row"]), str(run["variant"]), str(run["ticket"]), str(run["error"])]
        for run in batch.failures.to_dict("records")
    ]
    if lines:
        print("\nFailed runs (a failure is a row, not a crash)")
        _print_table(["row", "variant", "ticket", "error"], lines, style, columns, right=[0])


def _print_summary(comparison: Comparison, style: Style, columns: int) -> None:
    """Print one line a variant."""
    print(comparison.summary())


def _print_table(
    header: Sequence[str], lines: Sequence[Sequence[str]], style: Style, columns: int, *, right: Sequence[int] = ()
) -> None:
    head, body = table(header, lines, columns, right=right)
    print(style.bold(head))
    for line in body:
        print(line)
