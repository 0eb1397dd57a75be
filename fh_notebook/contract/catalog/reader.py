"""Reader of ``fetchhive.yaml``: text to Deployments.

Rule of this file: everything that is wrong is told at once, each with its line and the nearest right word; a file with
a problem gives nothing at all, so that nobody works with half of a catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from fh_notebook.contract.catalog.deployments import Deployments
from fh_notebook.contract.catalog.inputs import inputs_of, is_whole, line_of_problem, lines_of, schema_of_inputs
from fh_notebook.contract.catalog.nodes import NodeReader, duplicate_problem, kind_of, line_of, location_name
from fh_notebook.contract.catalog.yaml_loader import compose, yaml_error_in
from fh_notebook.contract.deployment import Deployment
from fh_notebook.core.text.formatting import nearest, short
from fh_notebook.core.text.problems import Path, Problem
from fh_notebook.errors import InputError

VERSION: Final = 1
MAX_BYTES: Final = 1_000_000
"""A catalogue of a thousand deployments has a tenth of this; a larger file is something else."""

TOP_KEYS: Final = ("version", "deployments")
KEYS: Final = ("description", "variants", "inputs", "open")

# Words that people write for one of ours, and that are not near to it.
_SLIPS: Final = {"variables": "inputs", "schema": "inputs", "fields": "inputs", "workflows": "deployments"}


def read_catalog(text: str, *, where: str = "fetchhive.yaml") -> Deployments:
    r"""Return the deployments that the text of a catalogue declares.

    Examples
    --------
    >>> known = read_catalog('''
    ... deployments:
    ...   support-triage:
    ...     variants: [keywords, nearest]
    ...     inputs:
    ...       ticket: {type: string, format: textarea}
    ...       tone: {enum: [calm, brief], default: calm}
    ... ''')
    >>> known["support-triage"].inputs["required"], known.source_of("support-triage")
    (['ticket'], 'fetchhive.yaml:3')
    """
    # The bytes are counted where there may be too many only: a letter has four at most.
    if len(text) > MAX_BYTES or (len(text) > MAX_BYTES // 4 and len(text.encode(errors="replace")) > MAX_BYTES):
        message_size = f"has more than {MAX_BYTES:,} bytes"
        raise InputError(
            Problem(None, "maxLength", where, message_size, "a catalogue is smaller, so this is another file")
        )
    reading = NodeReader(where)
    problem: Problem | None = None
    known: list[tuple[Deployment, str]] = []
    try:
        known = _read_root(reading, compose(text))
    except YAMLError as exc:
        line, message = yaml_error_in(exc, text)
        problem = Problem(None, "syntax", message=message, line=line, place=f"{where}, line {line}")
    except RecursionError:
        problem = Problem(None, "depth", message="something is nested too deeply to be read", place=where)
    if problem:  # raised outside the block: a notebook shows one line only for an error without a context
        raise InputError(problem)
    reading.end()
    return Deployments(known)


def _read_root(reading: NodeReader, root: Node | None) -> list[tuple[Deployment, str]]:
    if root is None or kind_of(root) == "nothing":
        return []
    if not isinstance(root, MappingNode):
        reading.add_kind_problem(root, (), "the file", f"begin it with `version: {VERSION}` and `deployments:`")
        return []
    entries = reading.entries(root)
    for name, (key, value) in entries.items():
        if name not in TOP_KEYS:
            reading.add(key, unknown_key((), name, TOP_KEYS))
        elif name == "version":
            _check_version(reading, value)
    if "deployments" not in entries:
        return []
    return _read_deployments(reading, entries["deployments"][1])


def unknown_key(path: Path, name: str, known: Collection[str], slips: Mapping[str, str] = _SLIPS) -> Problem:
    """Return the problem of a key that is not known at its place."""
    slip = slips.get(name.casefold())
    close = slip if slip in known else nearest(name, known)
    hint = f"did you mean {close!r}?" if close else f"the keys are {', '.join(known)}"
    return Problem(path, "additionalProperties", short(name), "is not known here", hint)


def _check_version(reading: NodeReader, node: Node) -> None:
    value = reading.value(node)
    if isinstance(value, bool) or value != VERSION:
        hint = f"write `version: {VERSION}`, or update fh_notebook"
        problem = Problem(("version",), "const", f"version {short(value)}", "is not known", hint)
        reading.add(node, problem, named=False)


def _read_deployments(reading: NodeReader, node: Node) -> list[tuple[Deployment, str]]:
    if kind_of(node) == "nothing":
        return []
    if not isinstance(node, MappingNode):
        hint = "write each as `name:`, with its lines indented below"
        reading.add_kind_problem(node, ("deployments",), "deployments", hint)
        return []
    deployments: list[tuple[Deployment, str]] = []
    lines: dict[str, int] = {}
    for name, (key, value) in reading.entries(node).items():
        bare = name.strip()
        if not bare:
            reading.add(key, Problem(None, "minLength", message="a deployment needs a name"))
        elif bare in lines:
            reading.add(key, duplicate_problem(bare, lines[bare]))
        else:
            lines[bare] = line_of(key)
            deployment = _read_deployment(reading, bare, key, value)
            deployments += [(deployment, f"{reading.where}:{lines[bare]}")] if deployment else []
    return deployments


def _read_deployment(reading: NodeReader, name: str, key: Node, node: Node) -> Deployment | None:
    if kind_of(node) == "nothing":
        return Deployment(name)
    if not isinstance(node, MappingNode):
        reading.add_kind_problem(node, (name,), short(name), f"write {', '.join(KEYS)} below it")
        return None
    values: dict[str, Any] = {}
    entries = reading.entries(node)
    for keyword, (keyword_node, value) in entries.items():
        if keyword not in KEYS:
            reading.add(keyword_node, unknown_key((name,), keyword, KEYS))
        else:
            values[keyword] = _READERS[keyword](reading, (name, keyword), value)
    inputs, is_open = values.get("inputs"), values.pop("open", None)
    is_short = isinstance(inputs, dict) and not is_whole(inputs)
    if is_open is not None and (problem := _open_problem(name, inputs, is_open)):
        reading.add(entries["open"][0], problem, named=False)
    # Built even when something was told: what else is wrong with it is told too.
    error: InputError
    try:
        if inputs is not None:
            values["inputs"] = schema_of_inputs(inputs, is_open=bool(is_open))
        return Deployment(name, **values)
    except InputError as exc:
        error = exc
    lines = lines_of(entries["inputs"][1]) if "inputs" in entries else {}
    for problem_of_schema in error.problems:
        line = line_of_problem(problem_of_schema, lines) or line_of(key)
        path = problem_of_schema.path or ()
        if not (reading.has_problem_in(line) and _is_judged(path)):
            inner_path = path[1:] if is_short and path[:1] == ("properties",) else path
            reading.add(line, replace(problem_of_schema, path=(name, "inputs", *inner_path)))
    return None


def _open_problem(name: str, inputs: dict[str, Any] | None, is_open: bool) -> Problem | None:
    path = (name, "open")
    if inputs is not None and is_whole(inputs):
        hint = "a whole JSON Schema sets it by additionalProperties"
        return Problem(
            path, "dependentRequired", location_name(path), "is for variables that are listed one by one", hint
        )
    if inputs is None and not is_open:
        value, hint = f"{location_name(path)}: false", "write `inputs: {}` if it takes none"
        return Problem(path, "dependentRequired", value, "has no effect without inputs", hint)
    return None


def _is_judged(path: tuple[str | int, ...]) -> bool:
    """Whether `inputs` has a better message for a problem there."""
    names = [part for part in path[-2:] if isinstance(part, str)]
    return names[-1:] in (["type"], ["required"])


def _read_description(reading: NodeReader, path: Path, node: Node, part: str = "") -> str | None:
    return None if kind_of(node) == "nothing" else reading.text(path, node, part)


def _read_variants(reading: NodeReader, path: Path, node: Node) -> list[str]:
    if kind_of(node) == "nothing":
        return []
    if isinstance(node, ScalarNode):
        return _read_variant(reading, path, node)
    if isinstance(node, SequenceNode):
        names: list[str] = []
        for item in node.value:
            new_names = _read_variant(reading, path, item)
            if set(new_names) & set(names):
                reading.add(item, Problem(path, "uniqueItems", short(new_names[0]), "is given twice"))
            names += new_names
        return names
    entries = reading.entries(node) if isinstance(node, MappingNode) else {}
    for name, (key, value) in entries.items():
        if not name.strip():
            reading.add(key, _no_name(path))
        _read_description(reading, path, value, f"the description of {short(name)}")
    return [name for name in entries if name.strip()]


def _no_name(path: Path) -> Problem:
    return Problem(path, "minLength", message="a variant needs a name")


def _read_variant(reading: NodeReader, path: Path, node: Node) -> list[str]:
    name = reading.text(path, node, "a variant")
    if name is not None and not name.strip():
        reading.add(node, _no_name(path))
    return [name] if name and name.strip() else []


def _read_open(reading: NodeReader, path: Path, node: Node) -> bool | None:
    if kind_of(node) == "nothing":
        return None
    value = reading.value(node) if isinstance(node, ScalarNode) else None
    if isinstance(value, bool):
        return value
    actual = short(value) if isinstance(value, str) else f"a {kind_of(node)}"
    reading.add(node, Problem(path, "type", location_name(path), f"is {actual}", "write true or false"), named=False)
    return None


_READERS: Final[dict[str, Callable[[NodeReader, Path, Node], Any]]] = {
    "description": _read_description,
    "variants": _read_variants,
    "inputs": inputs_of,
    "open": _read_open,
}
