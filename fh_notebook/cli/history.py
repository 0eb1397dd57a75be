"""``fh-notebook history``: saved runs and batches, as a table or JSON.

Rule of this file: it shows what ``fh.history()`` returns. What a model said is hostile text: no control code of it
reaches the terminal.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import fh_notebook as fh
from fh_notebook.cli.completion import names
from fh_notebook.cli.terminal import Style, add_command, shorten, table, terminal_width, width, wrapped
from fh_notebook.core.text.html import printable
from fh_notebook.core.text.messages import COMMAND
from fh_notebook.errors import SettingsError, StoreError

LIMIT: Final = 20
"""Lines that fit on a screen."""
HEADER: Final = ("when (UTC)", "what", "variants", "outcome", "answer")
WIDE: Final = 120
CAPS: Final = {False: (22, 12, 15), True: (40, 30, 30)}
"""Columns of the page that what, variants and outcome take at most, on a page that is not wide or is. A longer name has
a line of its own."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "history",
        help="list earlier batches and single runs, the newest first",
        about=(
            "List the saved batches and runs, the newest first. No call is made. In a notebook, fh.history() "
            "returns them as a table, and fh.open_batch(NAME) opens a batch again."
        ),
        examples="""
            fh-notebook history
            fh-notebook history support-triage -n 50
            fh-notebook history --json > history.json
        """,
    )
    name = parser.add_argument("name", nargs="?", metavar="NAME", help="only runs of this deployment")
    name.completer = names  # type: ignore[attr-defined]  # argcomplete looks for it there
    parser.add_argument("-n", "--limit", type=int, default=LIMIT, metavar="N", help="lines (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="as a JSON list, with every column")


def run(args: argparse.Namespace) -> int:
    """Print the table and return 0, also when nothing was run yet; 2 where the store or the limit cannot be used."""
    try:
        lines = fh.history(deployment=args.name, limit=args.limit).to_dict("records")
    except (SettingsError, StoreError) as exc:
        print(f"fh-notebook history: {exc.text(COMMAND)}", file=sys.stderr)
        return 2
    _print(lines, args)
    return 0


def _print(lines: list[dict[Any, Any]], args: argparse.Namespace) -> None:
    if args.json:
        from fh_notebook.batching.history.history import record_of

        print(json.dumps([record_of(line) for line in lines], indent=1), flush=True)
        return
    if not lines:
        print("No runs yet: each answer will be a row here." if args.name is None else "No rows.", flush=True)
        return
    columns = terminal_width(sys.stdout)
    cells = [_cells(line, CAPS[columns >= WIDE]) for line in lines]
    above = [_above(row, CAPS[columns >= WIDE][0], columns) for row in cells]
    head, body = table(
        HEADER, [["", "", *row[2:]] if own else row for row, own in zip(cells, above, strict=True)], columns
    )
    texts = [text for own, line in zip(above, body, strict=True) for text in (*own, line)]
    print("\n".join([Style(sys.stdout).bold(head), *texts]), flush=True)


def _above(row: Sequence[str], cap: int, columns: int) -> list[str]:
    """Return the lines that a name takes which is too long for its column: a name is never cut, it is typed again."""
    when, what = row[:2]
    if width(what) <= cap:
        return []
    parts = wrapped(what, columns - width(when) - 2)
    return [f"{when if not index else ' ' * width(when)}  {part}" for index, part in enumerate(parts)]


def _cells(line: Mapping[Any, Any], caps: Sequence[int]) -> list[str]:
    from fh_notebook.batching.history.history import answer_of, outcome_of, record_of, what_of

    record = record_of(line)
    short = [
        shorten(printable(text), cap)
        for text, cap in zip(
            (record["variants"] or "", outcome_of(record, is_short=caps == CAPS[False])), caps[1:], strict=True
        )
    ]
    return [
        f"{line['at']:%Y-%m-%d %H:%M}",
        printable(what_of(record)).replace("\n", " "),
        *short,
        printable(answer_of(record)),
    ]
