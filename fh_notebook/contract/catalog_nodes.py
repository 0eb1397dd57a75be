"""The nodes of a catalogue's YAML -> plain values, every problem collected with its line. Pure.

Rule of this file: a node is read to its end whatever is wrong with it, so that all problems are told at once; what
comes out is made of JSON's kinds only.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import yaml

from fh_notebook.contract.catalog_trouble import glued
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError

__all__ = ["Reading", "kind_of", "line_of"]

MAX_TOLD: Final = 100
"""Problems that are told: more are not read, and most of them come from one."""

Entries = dict[str, tuple[yaml.Node, yaml.Node]]
"""The entries of a mapping: name -> (the key's node, the value's node)."""

_PREFIX: Final = "tag:yaml.org,2002:"
_KINDS: Final = {"str": "text", "null": "nothing", "bool": "true or false", "int": "number", "float": "number"}


def line_of(node: yaml.Node) -> int:
    """Return the line in which a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def kind_of(node: yaml.Node) -> str:
    """Return in a word what a node is: ``text``, ``list``, ``mapping``, ``nothing``, ..."""
    if isinstance(node, yaml.ScalarNode):
        return _KINDS.get(node.tag.removeprefix(_PREFIX), "text")
    return "list" if isinstance(node, yaml.SequenceNode) else "mapping"


class Reading:
    """One reading of one file: what was wrong so far.

    Parameters
    ----------
    where : str
        The file's name.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.count = 0
        self._told: list[tuple[int, str]] = []

    def told_in(self, line: int) -> bool:
        """Whether something was told of a line already."""
        return any(line == earlier for earlier, _ in self._told)

    def tell(self, place: yaml.Node | int, problem: str) -> None:
        """Note a problem at a node or in a line."""
        self.count += 1
        if self.count <= MAX_TOLD:
            line = place if isinstance(place, int) else line_of(place)
            self._told.append((line, f"{self.where}, line {line}: {problem}"))

    def end(self) -> None:
        """Raise everything that was told, in the order of the lines.

        Raises
        ------
        InputError
            Something was told.
        """
        told = [sentence for _, sentence in sorted(self._told, key=lambda t: t[0])]
        if self.count > MAX_TOLD:
            told.append(f"{self.where}: and {self.count - MAX_TOLD:,} more")
        if told:
            raise InputError(told)

    def entries(self, node: yaml.MappingNode) -> Entries:
        """Return the entries of a mapping by their names, as they were written; of two with one name, the first."""
        self._check_tag(node, "map")
        found: Entries = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.tell(key, f"a {kind_of(key)} is no name; put a text with brackets or braces in quotes")
                continue
            # `1.50` and `null` are names as they are written; `~` and nothing at all are no names.
            name = key.value
            if not name and not key.style:
                self.tell(key, "there is no name before the colon")
            elif slip := _glued_name(node, key, value):
                self.tell(key, slip)
            elif name in found:
                self.tell(key, f"{short(name)} is given twice; the first is in line {line_of(found[name][0])}")
            else:
                found[name] = (key, value)
        return found

    def tell_kind(self, node: yaml.Node, problem: str) -> None:
        """Note that a node is no mapping, by `problem`, or by the blank that is missing after a colon."""
        is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
        self.tell(node, (glued(node.value) if is_plain else None) or problem)

    def text(self, what: str, node: yaml.Node) -> str | None:
        """Return the text that a node is; ``None``, and a problem, when it is something else."""
        value = self.value(node) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(value, str):
            return value
        cure = "; put it in quotes" if isinstance(node, yaml.ScalarNode) and node.value else ""
        self.tell(node, f"{what} is a {kind_of(node)}, not a text{cure}".replace("is a nothing", "is empty"))
        return None

    def value(self, node: yaml.Node) -> Any:
        """Return a node as a plain value."""
        if isinstance(node, yaml.MappingNode):
            return {name: self.value(value) for name, (_, value) in self.entries(node).items()}
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, "seq")
            return [self.value(item) for item in node.value]
        return self._scalar(node)

    def _scalar(self, node: yaml.Node) -> Any:
        kind = node.tag.removeprefix(_PREFIX)
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
            self.tell(node, f"{short(node.value)} is no number that JSON can say; put it in quotes")
        elif kind != "str":
            self.tell(node, f"the tag {short(node.tag)} is not read; leave it out, or put the text in quotes")
        return node.value

    def _check_tag(self, node: yaml.Node, expected: str) -> None:
        if node.tag != _PREFIX + expected:
            self.tell(node, f"the tag {short(node.tag)} is not read; leave it out")


def _glued_name(mapping: yaml.MappingNode, key: yaml.ScalarNode, value: yaml.Node) -> str | None:
    """Tell a name that holds its value, for want of a blank: ``ticket:{type: string}``, ``{type:string}``."""
    if key.style is not None or not (slip := glued(key.value)):
        return None
    # The rest of the line is what the value was meant to be; between braces, no colon follows at all.
    opens = re.search(r":[\[{]", key.value)
    is_alone = mapping.flow_style and value.start_mark.index == value.end_mark.index == key.end_mark.index
    return f"{slip.partition(':')[0]} of {short(key.value.partition(':')[0])}" if opens else slip if is_alone else None
