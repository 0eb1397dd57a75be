"""Prompts: ask the user for a hidden value, lines of text, or a confirmation.

Rule of this file: what is typed at a hidden prompt goes into a `Secret` at once; it is in no variable, no ``In`` and no
output. JupyterLab saves what is typed at an open prompt with the notebook's outputs, and only dots for a hidden one.
"""

from __future__ import annotations

import builtins
import getpass
import sys
import warnings
from collections.abc import Callable
from typing import Any

from IPython.core.error import StdinNotImplementedError

from fh_notebook.core.values import Secret
from fh_notebook.errors import SettingsError
from fh_notebook.notebook.kernel.shell import Stopped

__all__ = ["ask_hidden", "ask_lines", "ask_yes", "has_page"]


def has_page(shell: Any) -> bool:
    """Whether `shell` is a kernel, whose front end shows one box of one line, and not a terminal."""
    return getattr(shell, "kernel", None) is not None


def ask_hidden(prompt: str, *, cure: str) -> Secret:
    """Return what the person types, which is not shown.

    Parameters
    ----------
    prompt : str
        The question.
    cure : str
        What to do where nobody can be asked.

    Raises
    ------
    SettingsError
        There is no one to ask (nbclient, papermill), or what is typed would be shown.
    Stopped
        The person interrupted.
    """

    def ask() -> Secret:
        with warnings.catch_warnings():
            # Raised before anything is read: without it, getpass goes on and shows what is typed.
            warnings.simplefilter("error", getpass.GetPassWarning)
            # By way of the module: ipykernel puts its own getpass there.
            return Secret(getpass.getpass(prompt))

    return _asked(ask, cure)


def ask_lines(prompt: str, is_open: Callable[[str], bool], *, cure: str) -> Secret:
    """Return the lines that the person types in a terminal, until they are whole or one is empty; they are shown.

    Raises
    ------
    SettingsError
        There is no one to ask.
    Stopped
        The person interrupted.
    """

    def ask() -> Secret:
        if not _is_terminal():
            raise EOFError  # what comes through a pipe are the next lines of a script, and no answers
        lines = [builtins.input(prompt)]
        while is_open("\n".join(lines)) and (line := builtins.input("... ")).strip():
            lines.append(line)
        return Secret("\n".join(lines))

    return _asked(ask, cure)


def ask_yes(shell: Any, question: str) -> bool | None:
    """Return whether the person says yes; an empty line and an interrupt are no. ``None`` where nobody can be asked.

    Parameters
    ----------
    shell : InteractiveShell
        Who asks.
    question : str
        It is shown with ``[y/N]`` behind it.
    """
    if not (has_page(shell) or _is_terminal()):
        return None  # what comes through a pipe are the next lines of a script, and no answers
    try:
        return builtins.input(f"{question} [y/N]: ").strip().lower() in ("y", "yes")
    except (StdinNotImplementedError, EOFError, OSError):
        return None
    except KeyboardInterrupt:
        return False


def _is_terminal() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # it is closed
        return False


def _asked(ask: Callable[[], Secret], cure: str) -> Secret:
    try:
        return ask()
    except (StdinNotImplementedError, EOFError, OSError, getpass.GetPassWarning):
        stopped = False
    except KeyboardInterrupt:
        stopped = True
    if stopped:
        raise Stopped("nothing was given, and nothing was changed")
    raise SettingsError(f"nobody can be asked here (no stdin: nbclient, papermill, a script); {cure}")
