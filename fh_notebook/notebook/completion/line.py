"""Completion in the line of a cell: the words of an unfinished line, deployments, options and their values. Pure.

Rule of this file: the options are read from the parser that will read the line, so what is offered is what it takes;
names are quoted as the line's shell rules want them.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from fh_notebook.contract.deployment import Deployment
from fh_notebook.notebook.cell.options import MagicParser
from fh_notebook.notebook.completion.candidates import NOTHING, Completions, joined_completions, matching_completions
from fh_notebook.notebook.shell import columns, row_names


class LineWord(NamedTuple):
    """The word that the line ends in; empty behind a blank."""

    raw: str
    """As it stands, quotes and all."""
    text: str
    """As it will be read."""
    quote: str
    """The quote that is open at its end: ``'``, ``"`` or nothing."""


def split_words(line: str) -> tuple[list[str], LineWord]:
    r"""Return the finished words of `line`, and the one that it ends in.

    Examples
    --------
    >>> split_words("triage -v 'my va")
    (['triage', '-v'], LineWord(raw="'my va", text='my va', quote="'"))
    >>> split_words(r"triage\ 2 ")
    (['triage 2'], LineWord(raw='', text='', quote=''))
    """
    words: list[str] = []
    start, text, quote, position = 0, "", "", 0
    while position < len(line):
        char = line[position]
        position += 1
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"' and line[position : position + 1] in ('"', "\\"):
                text += line[position]
                position += 1
            else:
                text += char
        elif char in " \t\r\n":
            if position - 1 > start:
                words.append(text)
            start, text = position, ""
        elif char in "\"'":
            quote = char
        elif char == "\\":
            text += line[position : position + 1]
            position += 1
        else:
            text += char
    return words, LineWord(line[start:], text, quote)


DeploymentLookup = Callable[[], Mapping[str, Deployment]]


_RIVALS: Final = {"variants": "all_variants", "all_variants": "variants"}
"""Options that the line refuses together."""


class CellLine:
    """The line before the cursor, read as far as it makes sense; and what of it stands behind the cursor.

    Examples
    --------
    >>> from fh_notebook.notebook.cell.options import parser
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
        self.pending = self._read_words(words)
        """The option whose value stands at the cursor."""
        # What follows the cursor directly is the end of the word at the cursor.
        rest, last = split_words(after if after[:1].isspace() else after.partition(" ")[2])
        self._read_words([*rest, last.text] if last.raw else rest)

    def _read_words(self, words: Iterable[str]) -> argparse.Action | None:
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
        values = self.values.get(dest)
        return values[0] if values else None

    def deployment(self, deployments: DeploymentLookup) -> Deployment | None:
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


def complete_line(line: CellLine, deployments: DeploymentLookup, names: Mapping[str, Any]) -> Completions:
    """Return what can stand at the cursor of `line`."""
    word = line.word
    if line.pending is not None:
        return _values(line, line.pending, word, deployments, names)
    if word.raw.startswith("-"):
        action, value = line.option_in(word.text)
        if action is not None and value is not None:
            name = word.text.partition("=")[0]
            begins = len(name) + 1 if name in action.option_strings else len("-v")
            inside = LineWord(word.raw[begins:], value, word.quote)
            return _values(line, action, inside, deployments, names, joined_on=True)
        return matching_completions(word.raw, "option", line.free_options())
    offer = NOTHING if line.value("name") else word_completions(word, "deployment", deployments(), line.after)
    return offer if word.raw else joined_completions(offer, matching_completions("", "option", line.free_options()))


def _values(
    line: CellLine,
    action: argparse.Action,
    word: LineWord,
    deployments: DeploymentLookup,
    names: Mapping[str, Any],
    *,
    joined_on: bool = False,
) -> Completions:
    """What `action` takes."""
    if action.choices is not None:
        return word_completions(word, "value", [str(choice) for choice in action.choices], line.after)
    if action.dest == "variants":
        deployment = line.deployment(deployments)
        left = [v for v in deployment.variants if v not in line.values.get("variants", ())] if deployment else []
        return word_completions(word, "variant", left, line.after, joined_on=joined_on)
    if action.dest == "over":
        return word_completions(word, "frame", row_names(names), line.after)
    if action.dest in ("score", "race"):
        scores = [f"exact:{column}" for column in columns(names.get(line.value("over") or ""))]
        return word_completions(word, "column", scores or ["exact:"], line.after)
    return NOTHING


def word_completions(
    word: LineWord, type_: str, names: Iterable[str], after: str = "", *, joined_on: bool = False
) -> Completions:
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

    return matching_completions(word.raw, type_, names, typed=word.text, spell=spell)
