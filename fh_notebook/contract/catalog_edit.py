"""One deployment into the text of a catalogue, every other word of which stays as it is. Pure.

Rule of this file: an edit is a few replacements at places that the YAML parser gave. What comes out is read again; if
it does not say exactly what was meant, or a comment is gone, nothing is edited and the user is told what to paste.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import yaml

from fh_notebook.contract.catalog import Deployments, same
from fh_notebook.contract.catalog_nodes import kind_of
from fh_notebook.contract.catalog_places import Edit, Layout, comments_of
from fh_notebook.contract.catalog_read import VERSION, read_catalog
from fh_notebook.contract.catalog_variables import fields_of, is_whole
from fh_notebook.contract.catalog_write import HEADER, data_of, paste_of, written
from fh_notebook.contract.catalog_yaml import block
from fh_notebook.contract.models import Deployment
from fh_notebook.contract.plain_yaml import compose
from fh_notebook.contract.spell import short
from fh_notebook.errors import InputError

__all__ = ["put"]

PASTE_CAP: Final = 2_000
"""Characters of what is to be pasted; more is better written by hand than copied out of a message."""


class _Odd(Exception):
    """The text cannot be edited at this place; a way out of the depth of a file, never seen outside of `put`."""


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
    known = read_catalog(text, where=where)
    old, new = known.get(deployment.name), written(deployment)
    if same(old, deployment) or same(old, new):
        return text
    if not text.strip():
        text = HEADER
    refusal = f"{where} was left as it is: it cannot be edited without changing something else"
    try:
        edited = _edited(text, new, known)
        if _says(edited, known, new, where) and not Counter(comments_of(text)) - Counter(comments_of(edited)):
            return edited
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


def _edited(text: str, new: Deployment, known: Deployments) -> str:
    layout = Layout(text)
    root = compose(text)
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
    if not isinstance(value, yaml.MappingNode) or not value.value:
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


def _entries(node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Return the entries of a mapping that is written in lines."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style:
        raise _Odd
    return {key.value: (key, value) for key, value in node.value}


def _deployment_edits(
    layout: Layout, key: yaml.Node, node: yaml.Node, old: Deployment, new: Deployment, indent: int, step: int
) -> Iterator[Edit]:
    """Change only those of a deployment's keys that say something else now."""
    data = data_of(new)
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        yield layout.replaced(key, node, block(key.value, data, indent, step=step, open_levels=2))
        return
    entries = _entries(node)
    column = node.start_mark.column
    inner = column - indent
    for word, (word_key, value) in entries.items():
        if word not in data:
            if _meaning(old, word) not in (None, ()):
                yield layout.removed(word_key, value)
        elif _meaning(old, word) != _meaning(new, word):
            if word == "inputs" and _is_by_name(value, data[word]):
                yield from _variable_edits(layout, word_key, value, old, new, inner)
            else:
                lines = block(word, data[word], column, step=inner, open_levels=int(word == "inputs"))
                yield layout.replaced(word_key, value, lines)
    added = [line for w in data if w not in entries for line in block(w, data[w], column, step=inner, open_levels=1)]
    if added:
        yield layout.appended(node, added)


def _meaning(deployment: Deployment, word: str) -> Any:
    if word == "inputs":
        return None if deployment.inputs == {"type": "object"} else (deployment.inputs, deployment.variable_names)
    return getattr(deployment, word)


def _is_by_name(node: yaml.Node, data: dict[str, Any]) -> bool:
    """Whether the variables are one by one before and after, in lines of their own."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style or is_whole(data):
        return False
    plain = {key.value: value.value for key, value in node.value}
    return not is_whole(plain)


def _variable_edits(
    layout: Layout, key: yaml.Node, node: yaml.Node, old: Deployment, new: Deployment, step: int
) -> Iterator[Edit]:
    """Change only those variables that are declared otherwise now."""
    data = data_of(new)["inputs"]
    column = node.start_mark.column
    entries = _entries(node)
    kept = [name for name in entries if name in data]
    if not kept or list(data)[: len(kept)] != kept:  # the order counts: it is that of the form
        yield layout.replaced(key, node, block(key.value, data, key.start_mark.column, step=step, open_levels=1))
        return
    before = fields_of(data_of(old)["inputs"])
    after = fields_of(data)
    for name, (name_key, value) in entries.items():
        if name not in data:
            yield layout.removed(name_key, value)
        elif before.get(name) != after[name]:
            yield layout.replaced(name_key, value, block(name, data[name], column, step=step))
    added = [line for name in list(data)[len(kept) :] for line in block(name, data[name], column, step=step)]
    if added:
        yield layout.appended(node, added)
