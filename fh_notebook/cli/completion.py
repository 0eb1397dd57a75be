"""``fh-notebook completion``: shell completion of commands, options and names.

Rule of this file: completing asks nobody and writes nothing; a name comes from the catalogue's file or the local hive,
and where that cannot be read, nothing is offered: a person in the middle of a line is not told of it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import Any, Final

from fh_notebook.cli.terminal import add_command

SHELLS: Final = {
    "bash": ('eval "$(fh-notebook completion bash)"', "~/.bashrc"),
    "zsh": ('eval "$(fh-notebook completion zsh)"', "~/.zshrc, after compinit"),
    "fish": ("fh-notebook completion fish | source", "~/.config/fish/config.fish"),
    "powershell": ("fh-notebook completion powershell | Out-String | Invoke-Expression", "$PROFILE"),
}
"""What is put where, so that every new shell completes: the line, and the file."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser's `commands`."""
    parser = add_command(
        commands,
        "completion",
        help="print the code that enables Tab completion of fh-notebook in your shell",
        about=(
            "Print the code that enables Tab completion of commands, options, files, deployments and variants. "
            "Add the line for your shell below to its start-up file."
        ),
        examples="\n".join(f"# {file}:\n{line}" for line, file in SHELLS.values()),
    )
    parser.add_argument("shell", choices=list(SHELLS), help="your shell")


def run(args: argparse.Namespace) -> int:
    """Print the script and return 0."""
    from argcomplete.shell_integration import shellcode

    print(shellcode(["fh-notebook"], shell=args.shell))
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks, and end the process then; do nothing in any other case."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete

    argcomplete.autocomplete(parser, always_complete_options="long")


def names(prefix: str, **_: Any) -> list[str]:
    """Return the deployments that are known and begin with `prefix`."""
    return _beginning(_deployments(), prefix)


def variants(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Return the variants of the deployment that was named on the line; of all, when none was."""
    deployments = _deployments()
    name = getattr(parsed_args, "deployment", None)
    chosen = [deployments[name]] if name in deployments else deployments.values()
    return _beginning((variant for deployment in chosen for variant in deployment.variants), prefix)


def _deployments() -> dict[str, Any]:
    try:
        from fh_notebook.session import session

        return dict(session.deployments())
    except Exception:  # a catalogue that cannot be read, an address that cannot be used: `doctor` tells of them
        return {}


def _beginning(words: Iterable[str], prefix: str) -> list[str]:
    return sorted({word for word in words if word.startswith(prefix)})
