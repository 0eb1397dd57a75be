"""``fh-notebook autoload``: the start-up file that loads the extension in every session of IPython.

Rules of this file:

1. It is a file of its own in the start-up folder of the profile; nothing of the user's is edited, and `--undo` removes
   nothing that was changed by hand.
2. One IPython folder serves all environments of a user: where the package is not installed, the file does nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any, Final

from fh_notebook.cli.terminal import add_command

LINES: Final = """\
# Written by: fh-notebook autoload. To remove it: fh-notebook autoload --undo
if __import__("importlib.util").util.find_spec("fh_notebook"):
    get_ipython().run_line_magic("load_ext", "fh_notebook")
"""
"""The content of the file. It binds no name, since that would be in every session, or hide one of the user's."""

NAME: Final = "50-fh_notebook.py"
"""IPython runs start-up files in the order of their names; 50 is the number that its documentation uses."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "autoload",
        help="load the extension in every session of IPython and Jupyter",
        about=(
            "Write a start-up file that runs `%load_ext fh_notebook` in every session of IPython, kernels of "
            "Jupyter included. It is shown first, and written after you confirm. Environments without this "
            "package ignore it."
        ),
        examples="""
            fh-notebook autoload
            fh-notebook autoload --yes      # without a question, for scripts
            fh-notebook autoload --undo     # remove it
        """,
    )
    parser.add_argument("--undo", action="store_true", help="remove the file")
    parser.add_argument("--profile", default="default", metavar="NAME", help="the IPython profile (default: default)")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """Write or remove the file; return 0, 1 where that fails or is declined, or 2 where nobody can be asked."""
    file = startup_file(args.profile)
    try:
        return _remove(file, args) if args.undo else _write(file, args)
    except OSError as exc:
        print(f"{file} cannot be changed ({exc.strerror}); check the permissions of its folder", file=sys.stderr)
        return 1


def startup_file(profile: str = "default") -> Path:
    """Return the path of the file, whether it exists or not.

    Notes
    -----
    IPython's folder is ``IPYTHONDIR``, or ``.ipython`` in the home folder (documentation of IPython, "The IPython
    directory").
    """
    folder = Path(os.environ.get("IPYTHONDIR") or "~/.ipython").expanduser()
    return folder / f"profile_{profile}" / "startup" / NAME


def _write(file: Path, args: argparse.Namespace) -> int:
    present = _content(file)
    if present == LINES:
        print(f"{file} already exists; new sessions load the extension")
        return 0
    if present is not None:
        print(f"{file} was changed by hand; remove it, then run this command again", file=sys.stderr)
        return 1
    print(f"{file}:\n\n{LINES}")
    if (answer := _answer("Write this file?", args)) is not None:
        return answer
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(LINES, encoding="utf-8")
    print("Written. New sessions load the extension; to remove it: fh-notebook autoload --undo")
    return 0


def _remove(file: Path, args: argparse.Namespace) -> int:
    present = _content(file)
    if present is None:
        print(f"nothing to remove: {file} does not exist")
        return 0
    if present != LINES:
        print(f"{file} was changed by hand; remove it yourself", file=sys.stderr)
        return 1
    print(f"{file}:\n\n{LINES}")
    if (answer := _answer("Remove this file?", args)) is not None:
        return answer
    file.unlink()
    print("Removed. New sessions load the extension only by %load_ext fh_notebook")
    return 0


def _content(file: Path) -> str | None:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else None


def _answer(question: str, args: argparse.Namespace) -> int | None:
    """Return the exit code where the answer is not yes, ``None`` where it is."""
    if args.yes:
        return None
    if not sys.stdin.isatty():
        print(
            "nothing was changed: confirmation is not possible here; run it in a terminal, or with --yes",
            file=sys.stderr,
        )
        return 2
    try:
        said = input(f"{question} [y/N] ").strip().lower()
    except EOFError:
        said = ""
    if said in ("y", "yes"):
        return None
    print("Nothing was changed.")
    return 1
