"""The line of a ``%%fetchhive`` cell at the cursor: deployments, options, and the values that options take.

Rule of this file: the options are read from the parser that will read the line, so what is offered is what it takes;
names are quoted as the line's shell rules want them.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from fh_notebook.contract.deployment import Deployment
from fh_notebook.notebook.complete_names import columns, row_names
from fh_notebook.notebook.complete_offer import NOTHING, Offer, joined, offer
from fh_notebook.notebook.complete_words import Word, split_words
from fh_notebook.notebook.line import MagicParser

__all__ = ["CellLine", "complete_line", "offer_words"]

Deployments = Callable[[], Mapping[str, Deployment]]

_RIVALS: Final = {"variants": "all_variants", "all_variants": "variants"}
"""Options that the line refuses together."""


class CellLine:
    """The line before the cursor, read as far as it makes sense; and what of it stands behind the cursor.

    Examples
    --------
    >>> from fh_notebook.notebook.line import parser
    >>> line = CellLine(parser(), " 'my flow' -v short --over tickets --va")
    >>> line.value("name"), line.values["variants"], line.value("over"), line.word.text
    ('my flow', ['short'], 'tickets', '--va')
    """

    def __init__(self, parser: MagicParser, before: str, after: str = "") -> None:
        self.actions = [action for action in parser.actions if action.option_strings]
        """The parser's options."""
        self._by_name = {name: action for action in self.actions for name in action.option_strings}
        words, self.word = split_words(before)
        self.after = after
        """The rest of the line."""
        self.given: set[str] = set()
        """What options the line has, by their `dest`."""
        self.values: dict[str, list[str]] = {}
        self.pending = self._read(words)
        """The option whose value stands at the cursor."""
        # What follows the cursor directly is the end of the word at the cursor.
        rest, last = split_words(after if after[:1].isspace() else after.partition(" ")[2])
        self._read([*rest, last.text] if last.raw else rest)

    def _read(self, words: Iterable[str]) -> argparse.Action | None:
        pending: argparse.Action | None = None
        for word in words:
            if pending is not None:
                self._take(pending.dest, word)
                pending = None
            elif word.startswith("-"):
                pending = self._read_option(word)
            else:
                self._take("name", word)
        return pending

    def _read_option(self, word: str) -> argparse.Action | None:
        """Take an option; return it when its value is the next word."""
        action, value = self.option_in(word)
        if action is None:
            return None
        self.given.add(action.dest)
        if value is not None:
            self._take(action.dest, value)
        return action if value is None and action.nargs != 0 else None

    def option_in(self, word: str) -> tuple[argparse.Action | None, str | None]:
        """Return the option that `word` is, and its value where that is in it: ``--show=json``, ``-vshort``."""
        name, equals, value = word.partition("=")
        if name in self._by_name:
            return self._by_name[name], value if equals else None
        short = self._by_name.get(word[:2])
        return (short, word[2:]) if short is not None and short.nargs != 0 else (None, None)

    def _take(self, dest: str, value: str) -> None:
        self.values.setdefault(dest, []).append(value)

    def value(self, dest: str) -> str | None:
        """Return what was given for `dest`, where it was."""
        found = self.values.get(dest)
        return found[0] if found else None

    def deployment(self, deployments: Deployments) -> Deployment | None:
        """Return the deployment that the line names, where it is known."""
        name = self.value("name")
        return deployments().get(name) if name else None

    def free_options(self) -> list[str]:
        """Return the names of the options that can still be given: long ones first, ``--help`` last."""
        free = [
            action
            for action in self.actions
            if action.help != argparse.SUPPRESS
            # What may be given several times begins as an empty list.
            and (action.dest not in self.given or action.default == [])
            and _RIVALS.get(action.dest) not in self.given
        ]
        free.sort(key=lambda action: action.dest == "help")
        names = [name for action in free for name in action.option_strings]
        return sorted(names, key=lambda name: not name.startswith("--"))


def complete_line(line: CellLine, deployments: Deployments, names: Mapping[str, Any]) -> Offer:
    """Return what can stand at the cursor of `line`."""
    word = line.word
    if line.pending is not None:
        return _values(line, line.pending, word, deployments, names)
    if word.raw.startswith("-"):
        action, value = line.option_in(word.text)
        if action is not None and value is not None:
            name = word.text.partition("=")[0]
            begins = len(name) + 1 if name in action.option_strings else len("-v")
            inside = Word(word.raw[begins:], value, word.quote)
            return _values(line, action, inside, deployments, names, joined_on=True)
        return offer(word.raw, "option", line.free_options())
    named = NOTHING if line.value("name") else offer_words(word, "deployment", deployments(), line.after)
    return named if word.raw else joined(named, offer("", "option", line.free_options()))


def _values(
    line: CellLine,
    action: argparse.Action,
    word: Word,
    deployments: Deployments,
    names: Mapping[str, Any],
    *,
    joined_on: bool = False,
) -> Offer:
    """What `action` takes."""
    if action.choices is not None:
        return offer_words(word, "value", [str(choice) for choice in action.choices], line.after)
    if action.dest == "variants":
        found = line.deployment(deployments)
        left = [v for v in found.variants if v not in line.values.get("variants", ())] if found else []
        return offer_words(word, "variant", left, line.after, joined_on=joined_on)
    if action.dest == "over":
        return offer_words(word, "frame", row_names(names), line.after)
    if action.dest in ("score", "race"):
        scores = [f"exact:{column}" for column in columns(names.get(line.value("over") or ""))]
        return offer_words(word, "column", scores or ["exact:"], line.after)
    return NOTHING


def offer_words(word: Word, type_: str, names: Iterable[str], after: str = "", *, joined_on: bool = False) -> Offer:
    """Return `names` as words of a line, in the quotes that were opened, or in those that they need.

    One that begins with a hyphen would be read as an option, unless it is `joined_on` to its own: ``--variant=-a``.
    """
    names = (name for name in names if joined_on or not name.startswith("-"))

    def spell(name: str) -> str:
        if word.quote == '"' and word.raw.startswith('"'):
            escaped = name.replace("\\", "\\\\").replace('"', '\\"')
            # An editor that closes quotes by itself has put one behind the cursor.
            return f'"{escaped}' + ("" if after.startswith('"') else '"')
        quoted = shlex.quote(name)
        if word.quote == "'" and word.raw.startswith("'") and "'" not in name:
            return f"'{name}" + ("" if after.startswith("'") else "'")
        return quoted

    return offer(word.raw, type_, names, typed=word.text, spell=spell)
