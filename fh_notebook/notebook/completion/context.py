"""Names that completion knows: variables, deployments and commands, read from the shell and the session.

Rule of this file: nothing is told and nothing is sent; what cannot be found has no candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from fh_notebook.contract.deployment import Deployment
from fh_notebook.core.config import settings
from fh_notebook.core.config.urls import DEFAULT_BASE_URL, LOCAL
from fh_notebook.core.values import log
from fh_notebook.notebook.cell.options import MagicParser, parser
from fh_notebook.notebook.commands import registry
from fh_notebook.notebook.completion.completer import Commands, CompletionContext
from fh_notebook.session import session

__all__ = ["completion_context", "deployments"]


def completion_context(shell: Any) -> CompletionContext:
    """Return what completion in `shell` can use; deployments are looked up when they are needed."""
    return CompletionContext(deployments=deployments, names=_user_names(shell), parser=_parser(), commands=_commands())


@cache
def _parser() -> MagicParser:
    return parser()


def _user_names(shell: Any) -> Mapping[str, Any]:
    """The user's variables, without those that IPython itself has put there."""
    hidden = shell.user_ns_hidden
    return {name: value for name, value in dict(shell.user_ns).items() if name not in hidden}


def _commands() -> Commands:
    configured = settings.current().base_url
    own = [configured] if isinstance(configured, str) and configured != DEFAULT_BASE_URL else []
    addresses = dict.fromkeys([LOCAL, "live", *own])
    lines = {name: command.help for name, command in registry.COMMANDS.items()}
    return Commands(help=lines, parser=registry.command_parser, addresses=tuple(addresses))


def deployments() -> Mapping[str, Deployment]:
    """Return every deployment that is known, by name; none when the catalogue cannot be read."""
    try:
        return session.deployments()
    except Exception as exc:  # whatever it is: a person is typing, and the next cell will tell
        log.debug("no deployments to complete: %s", exc)
        return {}
