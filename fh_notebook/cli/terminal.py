"""Terminal output: tables that fit, a progress line, styles, and the format of ``--help``.

Rules of this file:

1. No line is longer than a terminal of 80 columns, however wide the reader's own is; an example stands as it is
   typed, in one line with what it is for above it, or beside it after ``#``.
2. A pipe gets plain lines, the same ones each time; nothing here knows what the words mean.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import sys
import textwrap
import time
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

WIDTH: Final = 79
"""Columns of a line of help: text that is wider is read worse, and 80 break it in a terminal of 80."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Argparse's own, never wider than 80 columns, with room for short options beside what they mean."""

    def __init__(self, prog: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(prog, max_help_position=26, width=WIDTH)


def add_command(
    commands: Any, name: str, *, help: str, about: str, examples: str, more: str = "", usage: str | None = None
) -> argparse.ArgumentParser:
    """Add a command to the parser's `commands` and return its parser."""
    paragraphs = "\n\n".join(textwrap.fill(part, WIDTH) for part in about.split("\n\n"))
    typed_lines = textwrap.dedent(examples).strip("\n")
    lines = textwrap.indent(in_powershell(typed_lines) if os.name == "nt" else typed_lines, "  ")
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        usage=f"fh-notebook {name} {usage}" if usage else None,
        description=paragraphs,
        epilog=f"examples:\n{lines}" + (f"\n\n{more}" if more else ""),
        formatter_class=_Formatter,
    )
    return parser


_WORD: Final = r"""(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\])+"""
"""A word of a POSIX shell: parts in quotes and parts without, one behind the other."""
_ASSIGNMENT: Final = re.compile(rf"^( *)(export +)?([A-Za-z_]\w*)=({_WORD}|)(?: +(?=[^\s#])|(?=$))", re.MULTILINE)


def in_powershell(lines: str) -> str:
    r"""Return command lines of a POSIX shell for PowerShell: continued lines, and environment variables that are set.

    A value is a verbatim string, in single quotation marks with those in it doubled (PowerShell, about_Quoting_Rules);
    one that names variables is an expandable one, in double quotation marks.

    >>> print(in_powershell("KEY=any jupyter lab\nfh-notebook lab \\\n  --no-browser"))
    $env:KEY='any'
    jupyter lab
    fh-notebook lab `
      --no-browser
    """

    def set_variable(found: re.Match[str]) -> str:
        indent, export, name, value = found.groups()
        is_alone = found.end() == len(lines) or lines[found.end()] == "\n"
        if is_alone and not export:
            return found[0]  # a variable of that shell alone
        return f"{indent}$env:{name}={_powershell_value(value)}" + ("" if is_alone else f"\n{indent}")

    while (changed := _ASSIGNMENT.sub(set_variable, lines)) != lines:
        lines = changed
    return re.sub(r" \\$", " `", lines, flags=re.MULTILINE)


def _powershell_value(word: str) -> str:
    r"""Return a word of a POSIX shell as a string of PowerShell.

    >>> print(_powershell_value("'it costs $5'"), _powershell_value('"it\'s"'), _powershell_value('"$DATA/new files"'))
    'it costs $5' 'it''s' "${env:DATA}/new files"
    """
    if "$" in re.sub(r"'[^']*'|\\.", "", word):
        return '"' + re.sub(r"\$\{?(\w+)\}?", r"${env:\1}", "".join(shlex.split(word))) + '"'
    return "'" + "".join(shlex.split(word)).replace("'", "''") + "'"


PIPE_WIDTH: Final = 80
"""Columns where there is no terminal to ask."""

_REDRAW_S: Final = 0.1

_BAR: Final = 24


def terminal_width(stream: TextIO) -> int:
    """Return the columns of the terminal behind `stream`: ``COLUMNS`` first, 80 in a pipe, never under 60."""
    if not stream.isatty() and not os.environ.get("COLUMNS"):
        return PIPE_WIDTH
    return max(60, shutil.get_terminal_size((PIPE_WIDTH, 24)).columns)


def typed(command: str) -> str:
    """Return what one types for a `command` of this environment: its name, or its path where the name is another's.

    An environment that is not activated is not on the PATH: its ``pip`` would be the system's.
    """
    folder = Path(sys.executable).parent
    ours, first = shutil.which(command, path=str(folder)), shutil.which(command)
    if ours is None or (first is not None and Path(first) == Path(ours)):
        return command
    path = Path(ours)
    shown_path = str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
    return shlex.quote(shown_path) if os.name == "posix" else shown_path


def show_what_can_be_shown() -> None:
    """Let an answer in Japanese not break a terminal that cannot show it: it is shown with question marks."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def nobody_reads_on(stream: TextIO | None = None) -> None:
    """Write no more to a reader (``head``, a pager) that has seen enough.

    Without this, the interpreter complains when it flushes at exit.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())


class Style:
    """Bold, or plain: only on a terminal, and not where TERM is dumb or ``NO_COLOR`` is set (https://no-color.org)."""

    def __init__(self, stream: TextIO) -> None:
        self.on = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def bold(self, text: str) -> str:
        """Return `text` in bold."""
        return f"\x1b[1m{text}\x1b[0m" if self.on else text


def width(text: str) -> int:
    r"""Return the columns that `text` takes: two for a wide East Asian sign or an emoji, none for a combining mark.

    Examples
    --------
    >>> width("abc"), width("二重"), width("e\u0301")
    (3, 4, 1)
    """
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def shorten(text: str, columns: int) -> str:
    r"""Return `text` as one line of at most `columns` columns, with ``…`` for what was left out.

    Examples
    --------
    >>> shorten("My parcel\nis late", 12), shorten("二重に請求", 5)
    ('My parcel i…', '二重…')
    """
    line = " ".join(text.split())
    if width(line) <= columns:
        return line
    head = ""
    for sign in line:
        if width(head + sign) > columns - 1:
            break
        head += sign
    return head + "…"


def wrapped(text: str, columns: int) -> list[str]:
    r"""Return `text` as lines of at most `columns` columns, cut wherever one is full: nothing is left out.

    Examples
    --------
    >>> wrapped("triage-of-june", 6), wrapped("二重に", 5)
    (['triage', '-of-ju', 'ne'], ['二重', 'に'])
    """
    lines = [""]
    for sign in text:
        if width(lines[-1] + sign) > columns and lines[-1]:
            lines.append("")
        lines[-1] += sign
    return lines


def table(
    header: Sequence[str], rows: Iterable[Sequence[str]], columns: int, *, right: Iterable[int] = ()
) -> tuple[str, list[str]]:
    r"""Return the head and the lines of a table that is at most `columns` wide; the last column gives way.

    Examples
    --------
    >>> head, lines = table(["variant", "failures"], [["keywords", "0"]], 80, right=[1])
    >>> print(head, *lines, sep="\n")
    variant   failures
    keywords         0
    """
    cells = [list(map(str, row)) for row in rows]
    flush = set(right)
    last = len(header) - 1
    widths = [max(width(cell) for cell in (name, *(row[i] for row in cells))) for i, name in enumerate(header)]
    room = columns - sum(widths[:last]) - 2 * last
    widths[last] = min(widths[last], max(room, 8))

    def line(row: Sequence[str]) -> str:
        parts = []
        for i, cell in enumerate(row):
            text = shorten(cell, widths[i])
            gap = " " * (widths[i] - width(text))
            parts.append(gap + text if i in flush else text + gap)
        return "  ".join(parts).rstrip()

    return line(header), [line(row) for row in cells]


class ProgressLine:
    """One line that counts up: redrawn in place on a terminal, written once at the end into a pipe.

    Parameters
    ----------
    total : int
        What the count goes to.
    unit : str
        What is counted.
    stream : TextIO, optional
        Where it is written; the process' stdout unless given.
    """

    def __init__(self, total: int, unit: str, stream: TextIO | None = None) -> None:
        self._total = total
        self._unit = unit
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._began = self._drawn = time.monotonic()
        self.done = 0

    def advance(self) -> None:
        """Count one more; drawn at most ten times a second."""
        self.done += 1
        now = time.monotonic()
        if self._live and now - self._drawn >= _REDRAW_S:
            self._drawn = now
            self._write(end="")

    def close(self) -> None:
        """Write the last state and end the line."""
        self._write(end="\n")

    def _write(self, end: str) -> None:
        full = _BAR * self.done // max(self._total, 1)
        text = (
            f"[{'#' * full}{'.' * (_BAR - full)}] {self.done}/{self._total} {self._unit}"
            f" in {time.monotonic() - self._began:.1f} s"
        )
        self._stream.write((f"\r\x1b[K{text}" if self._live else text) + end)
        self._stream.flush()
