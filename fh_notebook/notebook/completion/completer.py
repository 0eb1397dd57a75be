"""Completer: candidates at the cursor of a cell, and the names that they are taken from.

- The cell accepts each candidate as it stands; a text that makes no sense has no candidates.
- Options and arguments of a command are read from the parser that will read its line.
- No code of the user is called: only plain dicts, lists and pandas frames are inspected, recognised by their type.
- `complete` is pure; `completion_context` reads the variables of the shell and the deployments of the session. It
  prints and sends nothing, and a name that cannot be looked up has no candidate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from fh_notebook.contract.deployment import Deployment
from fh_notebook.core.config import settings
from fh_notebook.core.config.urls import DEFAULT_BASE_URL, LOCAL
from fh_notebook.core.redaction import log
from fh_notebook.notebook.cell.options import MagicParser, parser
from fh_notebook.notebook.commands import registry
from fh_notebook.notebook.completion.body import complete_body
from fh_notebook.notebook.completion.candidates import NOTHING, Completions, joined_completions, matching_completions
from fh_notebook.notebook.completion.line import (
    CellLine,
    DeploymentLookup,
    complete_line,
    split_words,
    word_completions,
)
from fh_notebook.notebook.shell import text_names
from fh_notebook.session import session


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """The commands of the line magic, as `commands` has them."""

    help: Mapping[str, str] = field(default_factory=dict)
    """Each with its one-line help."""
    parser: Callable[[str], MagicParser] = lambda name: MagicParser(see="")
    """The parser of what follows a command."""
    addresses: Sequence[str] = ()
    """Where calls can go."""


def complete_command(
    line: str, after: str, commands: Commands, deployments: DeploymentLookup, names: Mapping[str, Any]
) -> Completions:
    """Return what can stand at the end of `line`, which begins behind ``%fetchhive``.

    Examples
    --------
    >>> complete_command("d", "", Commands(help={"describe": "show one", "use": "local"}), dict, {}).texts
    ('describe',)
    """
    words, word = split_words(line)
    if not words:
        return word_completions(word, "command", commands.help, after)
    name = words[0]
    if name not in commands.help or not line.lstrip().startswith(name):
        return NOTHING
    parser = commands.parser(name)
    rest = CellLine(parser, line.lstrip()[len(name) :], after)
    if rest.pending is not None:
        return NOTHING
    if word.raw.startswith("-"):
        return matching_completions(word.raw, "option", rest.free_options())
    arguments = [action.dest for action in parser.actions if not action.option_strings]
    argument = dict(enumerate(arguments)).get(len(rest.values.get("name", ())), "")
    about = {
        "name": lambda: word_completions(word, "deployment", deployments(), after),
        "address": lambda: word_completions(word, "address", commands.addresses, after),
        "command": lambda: word_completions(word, "command", [*commands.help, "cell"], after),
        "variable": lambda: word_completions(word, "name", text_names(names), after),
    }
    offer = about[argument]() if argument in about else NOTHING
    return offer if word.raw else joined_completions(offer, matching_completions("", "option", rest.free_options()))


_CELL: Final = re.compile(r"\s*%%fetchhive(?=\s|$)")

# IPython also knows `name = %magic`; what is before is not ours to judge.
_COMMAND: Final = re.compile(r"\s*(?:[\w.,\s]+=\s*)?%fetchhive[ \t]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionContext:
    """What candidates are taken from."""

    deployments: Callable[[], Mapping[str, Deployment]] = dict
    """Asked only where a deployment matters: the first answer may have to make the local hive."""
    names: Mapping[str, Any] = field(default_factory=dict)
    """The user's variables."""
    parser: MagicParser = field(default_factory=parser)
    """Of the cell's line."""
    commands: Commands = field(default_factory=Commands)
    """The words after ``%fetchhive``."""


def complete(text: str, cursor: int, context: CompletionContext) -> Completions:
    """Return what can stand at `cursor`, counted in characters of `text`, the whole cell.

    The fragment of the offer is the text right before the cursor that a candidate takes the place of. An offer in a
    line or a body of ours is closed: names of Python and of files have no place there.

    Examples
    --------
    >>> context = CompletionContext(deployments=lambda: {"triage": Deployment("triage", variants=["short", "long"])})
    >>> complete("%%fetchhive tri", 15, context).texts
    ('triage',)
    >>> complete("%%fetchhive triage -v sh", 24, context)
    Completions(candidates=(Candidate(text='short', type='variant'),), fragment='sh')
    """
    before, after = text[:cursor], text[cursor:]
    cell = _CELL.match(before)
    if cell is None:
        start = before.rfind("\n") + 1
        command = _COMMAND.match(before, start)
        # A line of another cell magic is that magic's own.
        if command is None or text.lstrip().startswith("%%"):
            return NOTHING
        rest = after.partition("\n")[0]
        offer = complete_command(before[command.end() :], rest, context.commands, context.deployments, context.names)
        return replace(offer, closed=True)
    first, newline, body = before[cell.end() :].partition("\n")
    if not newline:
        if not first:
            return NOTHING  # the cursor is in the magic's own name, which IPython completes
        on_line = CellLine(context.parser, first, after.partition("\n")[0])
        return replace(complete_line(on_line, context.deployments, context.names), closed=True)
    line = CellLine(context.parser, f"{first}\n")
    if _is_in_expression(body):
        return NOTHING  # Python, which IPython completes
    return replace(complete_body(body, after, line.deployment(context.deployments)), closed=True)


def _is_in_expression(body: str) -> bool:
    """Whether a ``{{`` is open at the end of `body`; an expression stands on one line."""
    line = body[body.rfind("\n") + 1 :]
    return line.rfind("{{") > line.rfind("}}")


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
    configured_address = [configured] if isinstance(configured, str) and configured != DEFAULT_BASE_URL else []
    addresses = dict.fromkeys([LOCAL, "live", *configured_address])
    lines = {name: command.help for name, command in registry.COMMANDS.items()}
    return Commands(help=lines, parser=registry.command_parser, addresses=tuple(addresses))


def deployments() -> Mapping[str, Deployment]:
    """Return the known deployments by name; none when the catalogue cannot be read."""
    try:
        return session.deployments()
    except Exception as exc:  # whatever it is: a person is typing, and the next cell will tell
        log.debug("no deployments to complete: %s", exc)
        return {}
