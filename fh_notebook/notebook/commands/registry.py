"""Registry of the ``%fetchhive`` commands: names, help, parsers, and dispatch of a line to its function.

Rule of this file: it hands on, and what is wrong is one line. A key is never a word of a line: a cell is saved with the
notebook, and kept in ``In`` and in the history, so whatever looks like a key is refused before anything reads it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from IPython.core.error import UsageError

from fh_notebook.contract.snippet.parser import looks_like_snippet
from fh_notebook.core.config import credentials
from fh_notebook.core.text.formatting import nearest, short
from fh_notebook.core.text.messages import CELL
from fh_notebook.core.values import redact
from fh_notebook.errors import FetchHiveError
from fh_notebook.notebook.cell.options import CELL_HELP, HelpShown, MagicParser, parser, whole_from_1, words_of
from fh_notebook.notebook.commands.connection import use
from fh_notebook.notebook.kernel.shell import Masked, Stopped

__all__ = ["COMMANDS", "command_parser", "is_snippet_cell", "refuse_key", "run_command"]

COMMANDS: Final[Mapping[str, str]] = {
    "login": "ask for the workspace key, without showing it; kept in the system's keyring, or in this kernel only",
    "logout": "forget the key, in this kernel and in the keyring",
    "use": "say where calls go, or send them elsewhere: local, live, or an address",
    "deployments": "show every deployment that is known",
    "describe": "show a deployment's variants and Start variables, and a cell to begin with",
    "snippet": "read a pasted Code Snippet and save its deployment in the catalogue; no call is made",
    "history": "show what was run, from the store of kept answers",
    "last": "give the last result again: a Run, or a Batch",
    "help": "show this help, or that of one command, or of a cell's options: help cell",
}
"""Name -> what it does, in one line: for the help and for completion."""

_EXAMPLES: Final[Mapping[str, str]] = {
    "login": "  %fetchhive login\n  %fetchhive login --here --check",
    "logout": "  %fetchhive logout",
    "use": "  %fetchhive use\n  %fetchhive use local\n  %fetchhive use live\n  %fetchhive use http://127.0.0.1:8000/v1",
    "deployments": "  %fetchhive deployments",
    "describe": "  %fetchhive describe support-triage",
    "snippet": "  %fetchhive snippet            asks for the text; on a page it is not shown, in a terminal it is\n"
    "  %fetchhive snippet pasted     takes the text of the variable `pasted`\n\n"
    "  %%fetchhive snippet           with the snippet below it, as the cell's body",
    "history": "  %fetchhive history\n  %fetchhive history support-triage -n 20",
    "last": "  %fetchhive last\n  run = _",
    "help": "  %fetchhive help login\n  %fetchhive help cell",
}

_KEY: Final = re.compile(r"fhk_[A-Za-z0-9_-]{6,}")
"""Keys begin so (CONTRACT section 1)."""


def refuse_key(line: str, magic: str) -> None:
    """Refuse a line that has a key in it; the message does not repeat it.

    Raises
    ------
    UsageError
        With what to do now: the key is where it should not be.
    """
    if _KEY.search(line):
        _refuse(magic)


def _refuse(magic: str) -> NoReturn:
    raise UsageError(
        f"{magic}: a key does not belong in a cell. It is in this cell and in the history now: delete the line, and "
        f"make a new key in your workspace's settings; {credentials.LOGIN_HINT}"
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
    """Do what a ``%fetchhive`` line says, in `shell`, and return what its value is.

    Parameters
    ----------
    shell : InteractiveShell
        Whose names are read; ``_`` takes the value, as that of any line.
    line : str
        What follows ``%fetchhive``.
    cell : str, optional
        The body, of ``%%fetchhive snippet``.

    Raises
    ------
    FetchHiveError, Stopped, UsageError
        Each shows as one line.
    Masked
        Something unexpected, where a snippet is read.
    """
    refuse_key(line, "%fetchhive")
    # What is pasted may have a key in it, which is in the cell, in a variable, or was typed at the prompt.
    is_pasted = line.split()[:1] == ["snippet"]
    trouble: BaseException
    try:
        return _run(shell, line, cell)
    except HelpShown:
        return None
    except UsageError:
        raise  # one line, of IPython's own
    except (FetchHiveError, Stopped) as exc:
        if isinstance(exc, FetchHiveError):
            exc.audience = CELL
        trouble = Masked(exc) if is_pasted and not hasattr(exc, "_render_traceback_") else exc
    except (Exception, KeyboardInterrupt) as exc:
        if not is_pasted:
            raise
        trouble = Masked(exc)
    trouble.__context__ = None  # kept as __cause__ where there is one; a context would be shown in full
    raise trouble


def _run(shell: Any, line: str, cell: str | None) -> Any:
    words = words_of(line, "%fetchhive")
    if not words or words[0] in ("-h", "--help"):
        return _help(argparse.Namespace(command=None))
    name, *rest = words
    if name not in COMMANDS:
        raise UsageError(redact(_unknown(name, rest)))
    options = _options(name, rest)
    if cell is not None:
        options.cell = cell
    return _doer(name)(shell, options)


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
        return f"%fetchhive: there is no command {short(name)}; did you mean {close}? See %fetchhive help"
    if rest or "-" in name or "_" in name:
        return (
            f"%fetchhive: there is no command {short(name)}; a call is a cell, with %%: %%fetchhive {name} -v VARIANT, "
            "and its inputs below it, or {} when there is nothing to give"
        )
    return f"%fetchhive: there is no command {short(name)}. See %fetchhive help"


def _doer(name: str) -> Callable[[Any, argparse.Namespace], Any]:
    """Return the function of a command; imported with its first use, since loading the extension must cost nothing."""
    if name in ("login", "logout"):
        from fh_notebook.notebook.commands import connection

        return {"login": connection.login, "logout": connection.logout}[name]
    if name == "use":
        return use
    if name in ("deployments", "describe"):
        from fh_notebook.notebook.commands import description

        return {"deployments": description.deployments, "describe": description.describe}[name]
    if name == "snippet":
        from fh_notebook.notebook.commands.snippet import snippet

        return snippet
    if name in ("history", "last"):
        from fh_notebook.notebook.commands import history

        return {"history": history.history, "last": history.last}[name]
    return lambda shell, options: _help(options)


# --- help and options


def command_parser(name: str) -> MagicParser:
    """Return the parser of what follows a command; completion reads its options too."""
    prog = f"%fetchhive {name}"
    made = MagicParser(
        prog=prog,
        description=f"{COMMANDS[name][0].upper()}{COMMANDS[name][1:]}.",
        epilog=f"examples:\n{_EXAMPLES[name]}",
        see=f"{prog} --help",
    )
    add = made.add_argument
    if name == "login":
        add("--here", action="store_true", help="keep the key in this kernel only, not in the keyring")
        add("--check", action="store_true", help="ask the service whether it takes the key (runs nothing)")
    elif name == "use":
        add(
            "address",
            nargs="?",
            metavar="local|live|URL",
            help="the address ends in /v1; without one, say what is in use",
        )
    elif name == "describe":
        add("name", metavar="NAME", help="the deployment")
    elif name == "snippet":
        add("variable", nargs="?", metavar="VARIABLE", help="the notebook variable that has the snippet's text")
        made.set_defaults(cell=None)
    elif name == "history":
        add("name", nargs="?", metavar="NAME", help="only runs of this deployment")
        add("-n", type=whole_from_1, default=100, metavar="N", dest="limit", help="at most N lines (100)")
    elif name == "help":
        add("command", nargs="?", metavar="COMMAND", help="one of them, or cell: the options of %%%%fetchhive")
    return made


def _help(options: argparse.Namespace) -> None:
    name = options.command
    if name is None:
        print(_all_help())  # noqa: T201 - a cell's output
        return
    if name.lstrip("%") in ("cell", "fetchhive"):
        parser().print_help()
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
        "Everything else is a line (%fetchhive help COMMAND says more):",
        "",
        *(f"  %fetchhive {name.ljust(max(map(len, COMMANDS)))}  {text}" for name, text in COMMANDS.items()),
    ]
    return "\n".join(lines)
