"""Registry of the ``%fetchhive`` commands: names, help, parsers, and dispatch of a line to its function.

Rule of this file: it hands on, and what is wrong is one line. A key is never a word of a line: a cell is saved with the
notebook, and saved in ``In`` and in the history, so whatever looks like a key is refused before anything reads it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any, Final, NoReturn

from IPython.core.error import UsageError

from fh_notebook.contract.snippet.parser import looks_like_snippet
from fh_notebook.core.config import credentials
from fh_notebook.core.redaction import redact
from fh_notebook.core.text.formatting import nearest, short
from fh_notebook.core.text.messages import CELL
from fh_notebook.errors import FetchHiveError
from fh_notebook.notebook.cell.options import CELL_HELP, HelpShown, MagicParser, whole_from_1, words_of
from fh_notebook.notebook.cell.options import parser as cell_parser
from fh_notebook.notebook.shell import Masked, Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of ``%fetchhive``."""

    name: str
    help: str
    """What it does, in one line: for the help and for completion."""
    examples: tuple[str, ...]
    function: str
    """Where ``function(shell, options)`` is, as ``module:name``: imported when the command is first used, since loading
    the extension must cost nothing."""
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What its parser takes: the name or the option, and the keywords of ``add_argument``. Completion knows what is
    meant by the positional ``name`` (a deployment), ``address``, ``command`` and ``variable``."""


_ALL: Final = (
    Command(
        name="login",
        help=("ask for the API key, without showing it, and save it in the system's keyring, or in this kernel only"),
        examples=("login", "login --here --check"),
        function="fh_notebook.notebook.commands.connection:login",
        arguments={
            "--here": {"action": "store_true", "help": "save the key in this kernel only, not in the keyring"},
            "--check": {"action": "store_true", "help": "ask the service whether it accepts the key (runs nothing)"},
        },
    ),
    Command(
        name="logout",
        help="delete the key from this kernel and from the keyring",
        examples=("logout",),
        function="fh_notebook.notebook.commands.connection:logout",
    ),
    Command(
        name="use",
        help="show where calls go, or change it: local, live, or an address",
        examples=("use", "use local", "use live", "use http://127.0.0.1:8000/v1"),
        function="fh_notebook.notebook.commands.connection:use",
        arguments={
            "address": {
                "nargs": "?",
                "metavar": "local|live|URL",
                "help": "the address ends in /v1; without one, show what is in use",
            }
        },
    ),
    Command(
        name="deployments",
        help="show the known deployments",
        examples=("deployments",),
        function="fh_notebook.notebook.commands.description:deployments",
    ),
    Command(
        name="describe",
        help="show a deployment's variants and Start variables, and a cell to begin with",
        examples=("describe support-triage",),
        function="fh_notebook.notebook.commands.description:describe",
        arguments={"name": {"metavar": "NAME", "help": "the deployment"}},
    ),
    Command(
        name="snippet",
        help="read a pasted Code Snippet and save its deployment in the catalogue; no call is made",
        examples=(
            "snippet            asks for the text; a terminal shows it, a page does not",
            "snippet pasted     takes the text of the variable `pasted`\n",
            "%%fetchhive snippet           with the snippet below it, as the cell's body",
        ),
        function="fh_notebook.notebook.commands.snippet:snippet",
        arguments={
            "variable": {
                "nargs": "?",
                "metavar": "VARIABLE",
                "help": "the notebook variable that has the snippet's text",
            }
        },
    ),
    Command(
        name="history",
        help="list the saved runs and batches",
        examples=("history", "history support-triage -n 20"),
        function="fh_notebook.notebook.commands.history:history",
        arguments={
            "name": {"nargs": "?", "metavar": "NAME", "help": "only runs of this deployment"},
            "-n": {
                "type": whole_from_1,
                "default": 100,
                "metavar": "N",
                "dest": "limit",
                "help": "at most N rows (100)",
            },
        },
    ),
    Command(
        name="pending",
        help="show the runs still in progress at the service, and how to look them up",
        examples=("pending",),
        function="fh_notebook.notebook.commands.history:pending",
    ),
    Command(
        name="last",
        help="return the last result: a Run, or a Batch",
        examples=("last", "run = _"),
        function="fh_notebook.notebook.commands.history:last",
    ),
    Command(
        name="help",
        help="show this help, the help of one command, or that of a cell's options (help cell)",
        examples=("help login", "help cell"),
        function="fh_notebook.notebook.commands.registry:show_help",
        arguments={
            "command": {
                "nargs": "?",
                "metavar": "COMMAND",
                "help": "one of them, or cell: the options of %%%%fetchhive",
            }
        },
    ),
)
COMMANDS: Final[Mapping[str, Command]] = {command.name: command for command in _ALL}

_KEY: Final = re.compile(r"fhk_[A-Za-z0-9_-]{6,}")
"""Keys begin so (CONTRACT section 1)."""


def refuse_key(line: str, magic: str) -> None:
    """Refuse a line that has a key in it; the message does not repeat it."""
    if _KEY.search(line):
        _refuse(magic)


def _refuse(magic: str) -> NoReturn:
    raise UsageError(
        f"{magic}: an API key does not belong in a cell. It is now in this cell and in the history: delete the "
        f"line, and create a new one in your workspace's settings; {credentials.LOGIN_HINT}"
    )


def is_snippet_cell(line: str, cell: str) -> bool:
    """Whether a ``%%fetchhive`` cell is the command ``snippet`` and not a call of a deployment of that name.

    Examples
    --------
    >>> is_snippet_cell("snippet", "curl ..."), is_snippet_cell("snippet -v live", "ticket: late")
    (True, False)
    """
    first, _, rest = line.strip().partition(" ")
    if first != "snippet":
        return False

    return not rest.strip() or looks_like_snippet(cell)


def run_command(shell: Any, line: str, cell: str | None = None) -> Any:
    """Do what a ``%fetchhive`` line says, in `shell`, and return what its value is."""
    refuse_key(line, "%fetchhive")
    # What is pasted may have a key in it, which is in the cell, in a variable, or was typed at the prompt.
    is_pasted = line.split()[:1] == ["snippet"]
    error: BaseException
    try:
        return _run(shell, line, cell)
    except HelpShown:
        return None
    except UsageError:
        raise  # one line, of IPython's own
    except (FetchHiveError, Stopped) as exc:
        if isinstance(exc, FetchHiveError):
            exc.audience = CELL
        error = Masked(exc) if is_pasted and not hasattr(exc, "_render_traceback_") else exc
    except (Exception, KeyboardInterrupt) as exc:
        if not is_pasted:
            raise
        error = Masked(exc)
    error.__context__ = None  # kept as __cause__ where there is one; a context would be shown in full
    raise error


def _run(shell: Any, line: str, cell: str | None) -> Any:
    words = words_of(line, "%fetchhive")
    if not words or words[0] in ("-h", "--help"):
        return show_help(shell, argparse.Namespace(command=None))
    name, *rest = words
    if name not in COMMANDS:
        raise UsageError(redact(_unknown(name, rest)))
    options = _options(name, rest)
    if cell is not None:
        options.cell = cell
    return resolve_name(COMMANDS[name].function)(shell, options)


def _options(name: str, rest: list[str]) -> argparse.Namespace:
    try:
        return command_parser(name).parse_args(rest)
    except UsageError:
        if name != "login":
            raise
    # What is wrong after `login` may be a key: neither argparse's words nor its error, which repeat it, go on.
    _refuse("%fetchhive login")


def _unknown(name: str, rest: list[str]) -> str:
    if close := nearest(name, COMMANDS):
        return f"%fetchhive: unknown command {short(name)}; did you mean {close}? See %fetchhive help"
    if rest or "-" in name or "_" in name:
        return (
            f"%fetchhive: unknown command {short(name)}; a call is a cell, with %%: %%fetchhive {name} -v VARIANT, "
            f"and its inputs below it, or {{}} when there are none"
        )
    return f"%fetchhive: unknown command {short(name)}. See %fetchhive help"


# --- help and options


def command_parser(name: str) -> MagicParser:
    """Return the parser of what follows a command; completion reads its options too."""
    prog, command = f"%fetchhive {name}", COMMANDS[name]
    parser = MagicParser(
        prog=prog,
        description=f"{command.help[0].upper()}{command.help[1:]}.",
        epilog="\n".join(["examples:", *(f"  {_example_line(example)}" for example in command.examples)]),
        see=f"{prog} --help",
    )
    parser.set_defaults(cell=None)
    for argument, keywords in command.arguments.items():
        parser.add_argument(argument, **keywords)
    return parser


def _example_line(example: str) -> str:
    """Return an example as it is typed: most begin with the name of a command."""
    return f"%fetchhive {example}" if example.split()[0] in COMMANDS else example


def show_help(shell: Any, options: argparse.Namespace) -> None:
    """Print the help of all commands, of one, or of a cell's options."""
    name = options.command
    if name is None:
        print(_all_help())  # noqa: T201 - a cell's output
        return
    if name.lstrip("%") in ("cell", "fetchhive"):
        cell_parser().print_help()
        return
    if name not in COMMANDS:
        raise UsageError(redact(_unknown(name, [])))
    command_parser(name).print_help()


def _all_help() -> str:
    lines = [
        f"A call is a cell ({CELL_HELP} shows its options):",
        "",
        "  %%fetchhive support-triage -v keywords -v nearest --out runs",
        "  ticket: |",
        "    Parcel is late and the tracking page is empty.",
        "",
        "Every other command is a line (%fetchhive help COMMAND shows more):",
        "",
        *(f"  %fetchhive {name.ljust(max(map(len, COMMANDS)))}  {command.help}" for name, command in COMMANDS.items()),
    ]
    return "\n".join(lines)
