"""How the help of each command looks: what it does, its options, and lines that can be pasted.

Rule of this file: no line is longer than a terminal of 80 columns, however wide the reader's own is; an example stands
as it is typed, in one line with what it is for above it, or beside it after ``#``.
"""

from __future__ import annotations

import argparse
import textwrap
from typing import Any, Final

__all__ = ["WIDTH", "add_command"]

WIDTH: Final = 79
"""Columns of a line of help: text that is wider is read worse, and 80 break it in a terminal of 80."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Argparse's own, never wider than 80 columns, with room for short options beside what they mean."""

    def __init__(self, prog: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(prog, max_help_position=26, width=WIDTH)


def add_command(
    commands: Any, name: str, *, help: str, about: str, examples: str, more: str = "", usage: str | None = None
) -> argparse.ArgumentParser:
    """Add a command to the parser's `commands` and return its parser.

    Parameters
    ----------
    commands : argparse's action of sub-commands
        Where it is added.
    name : str
        What is typed.
    help : str
        The line in the list of all commands.
    about : str
        What it does: paragraphs, which are wrapped here.
    examples : str
        Lines as they are typed.
    more : str, optional
        Paragraphs below the examples, as they stand.
    usage : str, optional
        The words after the command's name, where all options are too many to be read.
    """
    paragraphs = "\n\n".join(textwrap.fill(part, WIDTH) for part in about.split("\n\n"))
    lines = textwrap.indent(textwrap.dedent(examples).strip("\n"), "  ")
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        usage=f"fh-notebook {name} {usage}" if usage else None,
        description=paragraphs,
        epilog=f"examples:\n{lines}" + (f"\n\n{more}" if more else ""),
        formatter_class=_Formatter,
    )
    return parser
