"""Entry point of ``fh-notebook``: its parser, its commands and their exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from fh_notebook.cli.completion import complete
from fh_notebook.cli.terminal import nobody_reads_on, show_what_can_be_shown
from fh_notebook.core.text.formatting import in_words, nearest, short
from fh_notebook.core.text.messages import COMMAND
from fh_notebook.errors import FetchHiveError
from fh_notebook.version import __version__

COMMANDS: Final = ("demo", "lab", "serve", "batch", "canary", "history", "probe", "doctor", "autoload", "completion")
"""In the order in which a newcomer meets them."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fh-notebook",
        description="A Jupyter workbench for Fetch Hive workflows. Begin with: fh-notebook demo",
        epilog="fh-notebook COMMAND --help has the options of a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"fh-notebook {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"fh_notebook.cli.{name}").add_parser(commands)
    return parser


def _no_such(command: str) -> str:
    """Return what is said of a word that is no command."""
    close = nearest(command, COMMANDS)
    return (
        f"the command {short(command)} does not exist; "
        f"{f'did you mean {close}?' if close else f'give {in_words(COMMANDS)}'}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = _parser()
    complete(parser)
    words = list(sys.argv[1:] if argv is None else argv)
    if (typed := next((word for word in words if not word.startswith("-")), None)) not in (None, *COMMANDS):
        parser.error(_no_such(str(typed)))
    args = parser.parse_args(words)
    if args.command is None:  # a newcomer, who does not know the commands
        parser.print_help(sys.stderr)
        return 2
    show_what_can_be_shown()
    code = 0
    try:
        code = int(import_module(f"fh_notebook.cli.{args.command}").run(args))
        sys.stdout.flush()
    except BrokenPipeError:
        nobody_reads_on()
    except FetchHiveError as exc:
        print(f"fh-notebook {args.command}: {exc.text(COMMAND)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    return code
