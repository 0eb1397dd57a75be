"""One deployment into the text of a catalogue, every other word of which stays as it is. Pure.

Rule of this file: an edit is a few replacements at places that the YAML parser gave. What comes out is read again; if
it does not say exactly what was meant, or a comment of what stays is gone, nothing is edited and the user is told what
to paste.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from fh_notebook.contract.catalog import Deployments, same
from fh_notebook.contract.catalog_changes import changes_of, kept
from fh_notebook.contract.catalog_nodes import kind_of
from fh_notebook.contract.catalog_places import Edit, Layout, comments_of
from fh_notebook.contract.catalog_read import VERSION, read_catalog
from fh_notebook.contract.catalog_variables import fields_of, is_whole
from fh_notebook.contract.catalog_write import HEADER, data_of, paste_of, written
from fh_notebook.contract.catalog_yaml import block
from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.plain_yaml import compose
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError

__all__ = ["Edited", "edited", "put"]

PASTE_CAP: Final = 2_000
"""Characters of what is to be pasted; more is better written by hand than copied out of a message."""


class _Odd(Exception):
    """The text cannot be edited at this place; a way out of the depth of a file, never seen outside of `put`."""


@dataclass(frozen=True, slots=True)
class Edited:
    """A catalogue's text after an edit."""

    text: str
    changes: str = ""
    """What of the deployment that was there is gone or different now; empty for nothing."""


def put(text: str, deployment: Deployment, *, where: str = "fetchhive.yaml") -> str:
    r"""Return the catalogue's text with `deployment` in it, in place of the one of its name or after the others.

    Raises
    ------
    InputError
        The text is broken, or cannot be edited without changing something else.

    Examples
    --------
    >>> text = "deployments:\n  a:  # the first\n    variants: [x]\n"
    >>> print(put(text, Deployment("a", variants=["x", "z"])), end="")
    deployments:
      a:  # the first
        variants: [x, z]
    """
    return edited(text, deployment, where=where).text


def edited(text: str, deployment: Deployment, *, where: str = "fetchhive.yaml") -> Edited:
    """Return what :func:`put` does, and what it took away. A description that was there stays, where no new one is.

    Raises
    ------
    InputError
        As there.
    """
    known = read_catalog(text, where=where)
    old = known.get(deployment.name)
    deployment = kept(old, deployment)
    new = written(deployment)
    if same(old, deployment) or same(old, new):
        return Edited(text)
    if not text.strip():
        text = HEADER
    refusal = f"{where} was left as it is: it cannot be edited without changing something else"
    try:
        layout = Layout(text)
        made = _edited(layout, new, known)
        lost = Counter(comments_of(text)) - Counter(comments_of(made)) - Counter(layout.dropped)
        if _says(made, known, new, where) and not lost:
            return Edited(made, changes_of(old, new, layout.dropped) if old else "")
    except (_Odd, RecursionError):
        refusal = f"{where} was left as it is: this place of it ({{…}} on one line, or an odd layout) is not edited"
    paste = paste_of(new)
    cure = f"paste below `deployments:` (in place of {short(new.name)}) " if old else "paste below `deployments:` "
    shown = paste if len(paste) <= PASTE_CAP else f"{paste[:PASTE_CAP]} …"
    raise InputError(f"{refusal}; {cure}this line: {shown}")


def _says(text: str, before: Deployments, new: Deployment, where: str) -> bool:
    """Whether a text says what was said before, and the new deployment."""
    try:
        after = read_catalog(text, where=where)
    except InputError:
        return False
    names = list(before) + [new.name] * (new.name not in before)
    return list(after) == names and all(same(after[n], new if n == new.name else before[n]) for n in names)


def _edited(layout: Layout, new: Deployment, known: Deployments) -> str:
    root = compose(layout.text)
    data = data_of(new)
    if root is None or kind_of(root) == "nothing":
        lines = [f"version: {VERSION}", *block("deployments", {new.name: data}, open_levels=3)]
        return layout.with_lines_at_end(lines)
    entries = _entries(root)
    if "deployments" not in entries:
        lines = block("deployments", {new.name: data}, root.start_mark.column, open_levels=3)
        return layout.with_lines_at_end(lines)
    key, value = entries["deployments"]
    column = key.start_mark.column
    if not isinstance(value, MappingNode) or not value.value:
        lines = block("deployments", {new.name: data}, column, open_levels=3)
        return layout.apply([layout.replaced(key, value, lines)])
    _entries(value)  # between braces, nothing is edited
    indent = value.start_mark.column
    step = max(1, indent - column) if indent > column else 2
    at = next(((k, v) for k, v in value.value if k.value.strip() == new.name), None)
    if at is None:
        lines = block(new.name, data, indent, step=step, open_levels=2)
        return layout.apply([layout.appended(value, lines)])
    return layout.apply(list(_deployment_edits(layout, *at, known[new.name], new, indent, step)))


def _entries(node: Node) -> dict[str, tuple[Node, Node]]:
    """Return the entries of a mapping that is written in lines."""
    if not isinstance(node, MappingNode) or node.flow_style:
        raise _Odd
    return {key.value: (key, value) for key, value in node.value}


def _deployment_edits(
    layout: Layout, key: Node, node: Node, old: Deployment, new: Deployment, indent: int, step: int
) -> Iterator[Edit]:
    """Change only those of a deployment's keys that say something else now."""
    data = data_of(new)
    if not isinstance(node, MappingNode) or node.flow_style or not node.value:
        yield layout.replaced(key, node, block(key.value, data, indent, step=step, open_levels=2))
        return
    entries = _entries(node)
    column = node.start_mark.column
    inner = column - indent
    is_other = _meaning(old, "inputs") != _meaning(new, "inputs")
    for word, (word_key, value) in entries.items():
        if word == "open":  # it belongs to the inputs, and stays as it is with them
            if is_other:
                yield from _open_edits(layout, word_key, value, data, inner)
        elif word not in data:
            if _meaning(old, word) not in (None, ()):
                yield layout.removed(word_key, value)
        elif _meaning(old, word) != _meaning(new, word):
            if word == "inputs" and _is_by_name(value, data[word]):
                yield from _variable_edits(layout, word_key, value, old, new, inner)
            else:
                lines = block(word, data[word], column, step=inner, open_levels=int(word == "inputs"))
                yield layout.replaced(word_key, value, lines, _gone(value, word, new))
    wanted = [word for word in data if word not in entries and (word != "open" or is_other)]
    added = [line for word in wanted for line in block(word, data[word], column, step=inner, open_levels=1)]
    if added:
        yield layout.appended(node, added)


def _open_edits(layout: Layout, key: Node, value: Node, data: dict[str, Any], step: int) -> Iterator[Edit]:
    is_true = str(value.value).lower() == "true"
    if "open" in data:
        if not is_true:
            yield layout.replaced(key, value, block("open", True, key.start_mark.column, step=step))
    elif is_true or is_whole(data.get("inputs", {"type": "object"})):
        yield layout.removed(key, value)


def _gone(value: Node, word: str, new: Deployment) -> list[tuple[Node, Node]]:
    """Return the variants or variables in `value` that the new deployment does not have."""
    if word == "variants" and isinstance(value, SequenceNode):
        return [(item, item) for item in value.value if item.value not in new.variants]
    if word == "inputs" and isinstance(value, MappingNode) and not value.flow_style:
        names = [key.value for key, _ in value.value]
        if not ({"type", "$schema"} & set(names)):
            return [(key, said) for key, said in value.value if key.value not in new.variable_names]
    return []


def _meaning(deployment: Deployment, word: str) -> Any:
    if word == "inputs":
        return None if deployment.inputs == {"type": "object"} else (deployment.inputs, deployment.variable_names)
    return getattr(deployment, word)


def _is_by_name(node: Node, data: dict[str, Any]) -> bool:
    """Whether the variables are one by one before and after, in lines of their own."""
    if not isinstance(node, MappingNode) or node.flow_style or is_whole(data):
        return False
    plain = {key.value: value.value for key, value in node.value}
    return not is_whole(plain)


def _variable_edits(
    layout: Layout, key: Node, node: Node, old: Deployment, new: Deployment, step: int
) -> Iterator[Edit]:
    """Change only those variables that are declared otherwise now."""
    data = data_of(new)["inputs"]
    column = node.start_mark.column
    entries = _entries(node)
    staying = [name for name in entries if name in data]
    if not staying or list(data)[: len(staying)] != staying:  # the order counts: it is that of the form
        lines = block(key.value, data, key.start_mark.column, step=step, open_levels=1)
        yield layout.replaced(key, node, lines, _gone(node, "inputs", new))
        return
    before = fields_of(data_of(old)["inputs"])
    after = fields_of(data)
    for name, (name_key, value) in entries.items():
        if name not in data:
            yield layout.removed(name_key, value)
        elif before.get(name) != after[name]:
            yield layout.replaced(name_key, value, block(name, data[name], column, step=step))
    added = [line for name in list(data)[len(staying) :] for line in block(name, data[name], column, step=step)]
    if added:
        yield layout.appended(node, added)
