"""The words after ``%fetchhive``: its commands, their options, and what they are about.

Rule of this file: the options and places of a command are read from the parser that will read its line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fh_notebook.notebook.complete_line import CellLine, Deployments, offer_words
from fh_notebook.notebook.complete_names import texts
from fh_notebook.notebook.complete_offer import NOTHING, Offer, joined, offer
from fh_notebook.notebook.complete_words import split_words
from fh_notebook.notebook.line import MagicParser

__all__ = ["Commands", "complete_command"]


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
    line: str, after: str, commands: Commands, deployments: Deployments, names: Mapping[str, Any]
) -> Offer:
    """Return what can stand at the end of `line`, which begins behind ``%fetchhive``.

    Examples
    --------
    >>> complete_command("d", "", Commands(help={"describe": "show one", "use": "local"}), dict, {}).texts
    ('describe',)
    """
    words, word = split_words(line)
    if not words:
        return offer_words(word, "command", commands.help, after)
    name = words[0]
    if name not in commands.help or not line.lstrip().startswith(name):
        return NOTHING
    parser = commands.parser(name)
    rest = CellLine(parser, line.lstrip()[len(name) :], after)
    if rest.pending is not None:
        return NOTHING
    if word.raw.startswith("-"):
        return offer(word.raw, "option", rest.free_options())
    places = [action.dest for action in parser.actions if not action.option_strings]
    place = dict(enumerate(places)).get(len(rest.values.get("name", ())), "")
    about = {
        "name": lambda: offer_words(word, "deployment", deployments(), after),
        "address": lambda: offer_words(word, "address", commands.addresses, after),
        "command": lambda: offer_words(word, "command", [*commands.help, "cell"], after),
        "variable": lambda: offer_words(word, "name", texts(names), after),
    }
    found = about[place]() if place in about else NOTHING
    return found if word.raw else joined(found, offer("", "option", rest.free_options()))
