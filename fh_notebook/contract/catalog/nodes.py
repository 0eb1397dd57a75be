"""YAML nodes of a catalogue as plain values, with every problem and its line.

Rule of this file: a node is read to its end whatever is wrong with it, so that all problems are reported at once. The
result consists of JSON's kinds only.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fh_notebook.contract.catalog.yaml_loader import (
    MISSING_BLANK,
    missing_blank_message,
    tag_of,
    with_blank_after_colon,
)
from fh_notebook.core.text.formatting import path_text, short
from fh_notebook.core.text.problems import Path, Problem
from fh_notebook.errors import InputError

MAX_PROBLEMS: Final = 100
"""Problems in one error: more are not read, and most of them have one cause."""

Entries = dict[str, tuple[Node, Node]]
"""The entries of a mapping: name -> (the key's node, the value's node)."""

_KINDS: Final = {"str": "text", "null": "nothing", "bool": "true or false", "int": "number", "float": "number"}


def line_of(node: Node) -> int:
    """Return the line in which a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def kind_of(node: Node) -> str:
    """Return in a word what a node is: ``text``, ``list``, ``mapping``, ``nothing``, ..."""
    if isinstance(node, ScalarNode):
        return _KINDS.get(tag_of(node), "text")
    return "list" if isinstance(node, SequenceNode) else "mapping"


def location_name(path: Path) -> str:
    """Return the name of a position in the catalogue, for messages.

    Examples
    --------
    >>> location_name(("triage", "inputs", "tone"))
    "'triage': inputs.tone"
    """
    name, *rest = path
    return f"{short(name)}: {path_text(rest)}" if rest else short(name)


class NodeReader:
    """One reading of one file, with its problems so far.

    Parameters
    ----------
    where : str
        The file's name.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.count = 0
        self._problems: list[Problem] = []

    def has_problem_in(self, line: int) -> bool:
        """Whether a line has a problem already."""
        return any(line == earlier.line for earlier in self._problems)

    def add(self, at: Node | int, problem: Problem, *, named: bool = True) -> None:
        """Add a problem at a node or in a line; its text begins with its path unless it is `named` in it."""
        self.count += 1
        if self.count <= MAX_PROBLEMS:
            line = at if isinstance(at, int) else line_of(at)
            location = f"{self.where}, line {line}" + (
                f": {location_name(problem.path)}" if named and problem.path else ""
            )
            self._problems.append(replace(problem, line=line, place=location))

    def end(self) -> None:
        """Raise all problems, in the order of the lines."""
        problems = sorted(self._problems, key=lambda problem: problem.line or 0)
        if self.count > MAX_PROBLEMS:
            problems.append(Problem(place=self.where, message=f"and {self.count - MAX_PROBLEMS:,} more"))
        if problems:
            raise InputError(problems)

    def entries(self, node: MappingNode) -> Entries:
        """Return the entries of a mapping by their names, as they were written; of two with one name, the first."""
        self._check_tag(node, "map")
        entries: Entries = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                hint = "put a text with brackets or braces in quotes"
                self.add(key, Problem(None, "propertyNames", f"a {kind_of(key)}", "is not a name", hint))
                continue
            # `1.50` and `null` are names as they are written; `~` and nothing at all are no names.
            name = key.value
            if not name and not key.style:
                self.add(key, Problem(None, "propertyNames", message="a name is missing before the colon"))
            elif slip := _missing_blank_problem(node, key, value):
                self.add(key, Problem(None, "syntax", message=slip))
            elif name in entries:
                self.add(key, duplicate_problem(name, line_of(entries[name][0])))
            else:
                entries[name] = (key, value)
        return entries

    def add_kind_problem(self, node: Node, path: Path, what: str, hint: str) -> None:
        """Add the problem of a node that should be a mapping, or of the blank that is missing after a colon."""
        is_plain = isinstance(node, ScalarNode) and node.style is None
        if correction := with_blank_after_colon(node.value) if is_plain else None:
            self.add(node, Problem(path, "syntax", message=missing_blank_message(correction)), named=False)
        else:
            self.add(node, Problem(path, "type", what, f"is a {kind_of(node)}", hint), named=False)

    def text(self, path: Path, node: Node, part: str = "") -> str | None:
        """Return the text that a node is, or a `part` of it; ``None``, and a problem, when it is something else."""
        value = self.value(node) if isinstance(node, ScalarNode) else None
        if isinstance(value, str):
            return value
        hint = "put it in quotes" if isinstance(node, ScalarNode) and node.value else ""
        actual = "empty" if kind_of(node) == "nothing" else f"a {kind_of(node)}"
        problem = Problem(path, "type", part or location_name(path), f"is {actual}, not a string", hint)
        self.add(node, problem, named=bool(part))
        return None

    def value(self, node: Node) -> Any:
        """Return a node as a plain value."""
        if isinstance(node, MappingNode):
            return {name: self.value(value) for name, (_, value) in self.entries(node).items()}
        if isinstance(node, SequenceNode):
            self._check_tag(node, "seq")
            return [self.value(item) for item in node.value]
        return self._scalar(node)

    def _scalar(self, node: Node) -> Any:
        kind = tag_of(node)
        try:
            if kind in ("bool", "null"):
                return {"true": True, "false": False}.get(node.value.lower()) if kind == "bool" else None
            if kind == "int":
                return int(node.value)
            if kind == "float" and math.isfinite(number := float(node.value)):
                return number
        except ValueError:
            pass
        if kind in ("int", "float"):
            beyond = Problem(
                None, "type", short(node.value), "is not a number that JSON can represent", "put it in quotes"
            )
            self.add(node, beyond)
        elif kind != "str":
            self.add(node, _no_tag(node, "leave it out, or put the text in quotes"))
        return node.value

    def _check_tag(self, node: Node, expected: str) -> None:
        if tag_of(node) != expected:
            self.add(node, _no_tag(node, "leave it out"))


def _no_tag(node: Node, hint: str) -> Problem:
    return Problem(None, "tag", f"the tag {short(node.tag)}", "is not read", hint)


def duplicate_problem(name: str, first: int) -> Problem:
    """Return the problem of a name that was given in the line `first`, too."""
    return Problem(None, "uniqueItems", short(name), "is given twice", f"the first is in line {first}")


def _missing_blank_problem(mapping: MappingNode, key: ScalarNode, value: Node) -> str | None:
    """Return the problem of a name that contains its value: ``ticket:{type: string}``, ``{type:string}``."""
    if key.style is not None or not (correction := with_blank_after_colon(key.value)):
        return None
    # The rest of the line is what the value was meant to be; between braces, no colon follows at all.
    opens = re.search(r":[\[{]", key.value)
    is_alone = mapping.flow_style and value.start_mark.index == value.end_mark.index == key.end_mark.index
    if opens:
        return f"{MISSING_BLANK} of {short(key.value.partition(':')[0])}"
    return missing_blank_message(correction) if is_alone else None
