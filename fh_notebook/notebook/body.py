"""The body of a ``%%fetchhive`` cell -> inputs. Pure.

Rule of this file: a body is data. YAML and JSON are read by a loader that builds only JSON's kinds (so ``no`` is a
text, a date is a text, and nothing is constructed or expanded), and a text that cannot be read is one line with its
place.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from fh_notebook.contract.models import Deployment
from fh_notebook.errors import InputError
from fh_notebook.notebook.template import Template

__all__ = ["read_inputs", "read_mapping"]


def read_inputs(template: Template, deployment: Deployment) -> dict[str, Any]:
    """Return the inputs that a body is, its expressions still tokens.

    Raises
    ------
    InputError
        It is no mapping, and not the text of a deployment with one text variable.
    """
    trouble: InputError
    try:
        inputs = read_mapping(template.text, where=deployment.name)
    except InputError as broken:
        trouble = broken
    else:
        single = _single_text(deployment)
        # "My order: it broke" is a sentence, and not a variable called "My order".
        is_prose = inputs and " " in next(iter(inputs)) and not set(inputs) & set(deployment.variable_names)
        return {single: template.text.strip()} if single and is_prose else inputs
    if (single := _single_text(deployment)) and not _names_a_variable(template.text, deployment):
        return {single: template.text.strip()}
    raise InputError([template.untoken(p) for p in trouble.problems], where=trouble.where)


def _single_text(deployment: Deployment) -> str | None:
    """The one text variable of a deployment, when nothing else must be given."""
    properties = deployment.inputs.get("properties", {})
    texts = [name for name, schema in properties.items() if isinstance(schema, dict) and schema.get("type") == "string"]
    needed = deployment.inputs.get("required", [])
    wanted = [name for name in texts if name in needed] or texts
    return wanted[0] if len(wanted) == 1 and set(needed) <= set(wanted) else None


def _names_a_variable(text: str, deployment: Deployment) -> bool:
    """Whether a body was meant as a mapping: a broken one is told, never sent as a text that costs money."""
    start = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")).lstrip()
    if start.startswith("{"):
        return True
    first = re.match(r"""["']?([^\n:"']*)["']?\s*:""", start)
    return first is not None and first[1].strip() in deployment.variable_names


class _PlainLoader(yaml.SafeLoader):
    """YAML that builds only what JSON can say: the 1.2 core words, no dates, no anchors, no repeated keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as in the base class

    def compose_node(self, parent: Any, index: Any) -> Any:
        # An alias can make a short text a huge value ("billion laughs"), and no input needs one.
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "'*' begins an alias; quote the text", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise yaml.constructor.ConstructorError(None, None, "a name must be a text", key_node.start_mark)
            if _name(key) in built:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", key_node.start_mark)
            built[_name(key)] = self.construct_object(value_node, deep=True)
        return built


# The core schema of YAML 1.2.2, section 10.3.2, without octal and without infinities, which JSON does not have.
# (PyYAML's own follow YAML 1.1, where `no` is false, 12:30 is a number and 2026-11-25 is a date.)
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", [*"tTfF"]),
    ("null", r"^(?:null|Null|NULL|~|)$", [*"nN~", ""]),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", [*"-+0123456789"]),
    ("float", r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?$", [*"-+0123456789"]),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _int(loader: _PlainLoader, node: Any) -> int:
    return int(loader.construct_scalar(node))


def _float(loader: _PlainLoader, node: Any) -> float:
    return float(loader.construct_scalar(node))


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _int)
_PlainLoader.add_constructor("tag:yaml.org,2002:float", _float)


def read_mapping(text: str, *, where: str = "") -> dict[str, Any]:
    r"""Return the mapping that `text` is, in YAML or JSON; an empty text is an empty mapping.

    Raises
    ------
    InputError
        It is neither, with the line and the cure.

    Examples
    --------
    >>> read_mapping("ticket: |\n  Where is it?\nurgent: no\nmax_words: 12")
    {'ticket': 'Where is it?\n', 'urgent': 'no', 'max_words': 12}
    """
    if (value := _as_json(text)) is not None:
        return value
    trouble = ""
    try:
        value = yaml.load(text, Loader=_PlainLoader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.MarkedYAMLError as broken:
        trouble = _words(broken)
    except (yaml.YAMLError, ValueError, RecursionError) as broken:
        trouble = f"the cell's body cannot be read ({' '.join(str(broken).split())[:200]})"
    if trouble:  # raised outside the block: a notebook shows one line only for an error without a context
        raise InputError(trouble, where=where)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(
            f"the cell's body is a {_kind(value)}, not a mapping of inputs; write `name: value` lines, or JSON",
            where=where,
        )
    return value


def _as_json(text: str) -> dict[str, Any] | None:
    """Return the object that `text` is in JSON, or ``None``: then it is read as YAML, which says what is wrong.

    YAML is nearly a superset of JSON, but for one escape: a character beyond the first 65,536, as two of them.
    """
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) < len(pairs):
        raise ValueError
    return built


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _name(key: object) -> str:
    """A name as it was written: `true:` and `3:` are names too."""
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    return str(key)


def _kind(value: object) -> str:
    return {str: "text", list: "list", bool: "true or false"}.get(type(value), "number")


def _words(broken: yaml.MarkedYAMLError) -> str:
    mark = broken.problem_mark or broken.context_mark
    open_end = "<stream end>" in (broken.problem or "") and broken.context_mark is not None
    if open_end:
        mark = broken.context_mark
    place = f"line {mark.line + 1} of the body, column {mark.column + 1}" if mark else "the body"
    if open_end:
        return f"{place}: what begins here with [, {{ or a quote is not closed"
    problem = (broken.problem or broken.context or "is not YAML or JSON").replace("\n", " ")
    hint = ""
    if "mapping values are not allowed" in problem:
        hint = "; a text with a colon wants quotes, or `name: |` and the text on indented lines below"
    elif "alias" not in problem and "given twice" not in problem:
        hint = "; put texts with special signs in quotes, or use `name: |`"
    return f"{place}: {problem}{hint}"
