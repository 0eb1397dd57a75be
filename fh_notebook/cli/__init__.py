"""Command line ``fh-notebook``: one module a command, each with ``add_parser(subparsers)`` and ``run(args) -> int``.

Rule of this package: a command prints, and returns an exit code: 0 done, 1 not done (one line says why), 2 misused, 130
stopped by Ctrl+C; ``batch`` has a few more. It combines the public functions and has no logic of its own.

Start with `command_line`, which finds the commands.
"""

from __future__ import annotations

from fh_notebook.cli.command_line import main as main
