"""``fh-notebook demo``: the shipped tickets through both variants on a local hive, and their comparison.

Rule of this file: everything that it shows comes from ``fh.batch`` and ``fh.compare``, as in a notebook; nothing is
saved, and no call leaves this machine.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

import fh_notebook as fh
from fh_notebook.batching.model import Finished
from fh_notebook.cli.terminal import ProgressLine, Style, add_command, shorten, table, terminal_width, typed
from fh_notebook.core.optional_deps import is_installed

if TYPE_CHECKING:
    from fh_notebook.batching.batch import Batch
    from fh_notebook.batching.model import Event
    from fh_notebook.client.clients import Client
    from fh_notebook.comparing.comparison import Comparison
    from fh_notebook.local.hive import LocalHive

RIGHT: Final = "*"
WRONG: Final = "-"
NONE: Final = " "
"""Marks before a label: they say without colour what the colour says."""

AT_ONCE: Final = 4
"""Calls at once: about what a subscription allows, and few enough that the seconds are those of the variants, not of a
queue in front of one processor."""

NEXT: Final = """\
What to open next
{lab}
  %load_ext fh_notebook  in a notebook of your own, and then a cell:

    %%fetchhive support-triage -v keywords -v nearest
    ticket: I was charged twice for the same order.

Without a key, both use a local hive like this one."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "demo",
        help="run the shipped support tickets through two variants, and compare them (no key, no network)",
        about=(
            "Run the shipped support tickets through two variants on a local hive, and compare them. It takes a"
            " few seconds, needs no key and no network, and saves nothing."
        ),
        examples="fh-notebook demo\nfh-notebook demo --seed 7   # other pauses, the same answers",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the simulated pauses before each answer (default: 0)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo and return 0; 1 when calls had no outcome, or a variant had no answer at all."""
    from fh_notebook.local.demo import demo_hive

    fh.configure(store=None)
    hive = demo_hive(seed=args.seed)
    with hive.serve() as server, fh.Client(base_url=server.url, api_key="demo") as client:
        batch = _run_batch(hive, server.url, client)
    if batch.stopped is not None and batch.stopped.reason == "cancelled":
        raise KeyboardInterrupt  # the batch has taken it, as a cell must
    page = _Page(sys.stdout)
    comparison = fh.compare(batch)
    _print_differences(comparison, batch, page)
    _print_failures(batch, page)
    _print_summary(comparison, page)
    print(f"\n{NEXT.format(lab=_lab())}")
    return 0 if batch.pending.empty and comparison.summary()["n"].all() else 1


def _lab() -> str:
    """What opens the notebooks, as this shell finds it: in an environment that is not activated, by its path."""
    command = f"{typed('fh-notebook')} lab"
    if is_installed("jupyterlab"):
        return f"  {command}\n{'':25}opens JupyterLab on the quickstart notebook"
    return (
        f"  {typed('pip')} install 'fh-notebook[lab]'\n  {command}\n{'':25}opens JupyterLab on the quickstart notebook"
    )


def _run_batch(hive: LocalHive, url: str, client: Client) -> Batch:
    from fh_notebook.local.demo import tickets

    rows = tickets()
    languages = {row["metadata.language"] for row in rows}
    deployment = hive.deployments()[0]
    print(
        f"{len(rows)} support tickets in {len(languages)} languages, through {len(deployment.variants)} variants of "
        f"{deployment.name}\non a local hive at {url} (no key, no network, nothing saved)\n"
    )
    progress = ProgressLine(len(rows) * len(deployment.variants), "calls")

    def count(event: Event) -> None:
        if isinstance(event, Finished):
            progress.advance()

    try:
        return fh.batch(rows, deployment, client=client, max_concurrency=AT_ONCE, progress=False, on_event=count)
    finally:
        progress.close()


class _Page:
    """Where the tables go: how wide it is, and whether it has colours."""

    def __init__(self, stream: TextIO) -> None:
        self.style = Style(stream)
        self.columns = terminal_width(stream)

    def table(self, title: str, header: Sequence[str], lines: Sequence[Sequence[str]], right: Sequence[int]) -> None:
        head, body = table(header, lines, self.columns, right=right)
        print("\n".join(["", title, self.style.bold(head), *body]))


def _print_differences(comparison: Comparison, batch: Batch, page: _Page) -> None:
    """Print the tickets whose answers are not the same in every variant."""
    frame = batch.frame
    texts = dict(zip(frame["row"], frame["ticket"], strict=True))
    differing = comparison.disagreements(by="output").to_dict("records")
    lines = [
        [
            str(line["row"]),
            str(line["expected_output"]),
            *(_marked(line, variant) for variant in comparison.variants),
            str(texts[line["row"]]),
        ]
        for line in differing
    ]
    page.table(
        f"They differ on {len(lines)} of {len(texts)} tickets ({RIGHT} right, {WRONG} wrong):",
        ["row", "expected", *(f"  {name}" for name in comparison.variants), "ticket"],
        lines,
        right=[0],
    )


def _marked(line: Mapping[Hashable, Any], variant: str) -> str:
    """Return the answer of `variant` with its mark."""
    output = line[f"{variant}.output"]
    if output is None:
        return f"{NONE} no answer"
    return f"{RIGHT if line[f'{variant}.score'] == 1 else WRONG} {output}"


def _print_failures(batch: Batch, page: _Page) -> None:
    """Print the failed runs with what they say."""
    lines = [
        [str(run["row"]), str(run["variant"]), shorten(str(run["ticket"]), 20), str(run["error"])]
        for run in batch.failures.to_dict("records")
    ]
    if lines:
        page.table("A failed run is a row like any other:", ["row", "variant", "ticket", "error"], lines, right=[0])


def _print_summary(comparison: Comparison, page: _Page) -> None:
    """Print one line a variant, and what can be said of them."""
    lines = [
        [
            str(line["variant"]),
            f"{100 * line['mean']:.1f} %",
            f"{line['mean'] * line['n']:.0f} of {line['n']}",
            f"{100 * line['ci_low']:.0f} to {100 * line['ci_high']:.0f} %",
            f"{line['p50_s']:.3f} s",
            f"{line['p95_s']:.3f} s",
            str(line["failed"]),
        ]
        for line in comparison.summary().to_dict("records")
    ]
    header = ["variant", "right", "rows", "95 % interval", "median time", "95th percentile", "failed"]
    page.table("Which is better?", header, lines, right=range(1, len(header)))
    print(f"\n{textwrap.fill(comparison.verdict, page.columns)}")
