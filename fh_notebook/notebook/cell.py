"""The text of a ``%%fetchhive`` cell -> what it asks for. Pure: no shell, no call.

Rule of this file: a body is data. YAML and JSON are read by a loader that builds only JSON's kinds (so ``no`` is a
text, a date is a text, and nothing is constructed or expanded), a snippet is parsed and never executed, and a text that
cannot be read is one line with its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from fh_notebook.contract.models import Deployment, InvokeRequest
from fh_notebook.contract.snippet import Snippet, looks_like_snippet, parse_snippet
from fh_notebook.errors import InputError

__all__ = ["CellCall", "read_cell", "read_mapping"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCall:
    """What one cell asks for: a deployment, one or several variants, and one set of inputs."""

    deployment: Deployment
    variants: tuple[str, ...]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] | None = None
    callback_url: str | None = None
    user: str | None = None
    tool_approval: str | None = None
    key_was_dropped: bool = False
    """Whether a pasted snippet carried a key, which is not used."""
    ignored: tuple[str, ...] = ()
    """Fields of a pasted snippet that a workflow's call does not have; they are not sent."""

    def requests(self) -> list[InvokeRequest]:
        """Return one checked request a variant, in order.

        Raises
        ------
        InputError
            The inputs do not fit the Start variables.
        """
        inputs = self.deployment.complete(self.inputs)
        return [
            InvokeRequest(
                deployment=self.deployment.name,
                variant=variant,
                inputs=inputs,
                metadata=self.metadata,
                callback_url=self.callback_url,
                user=self.user,
                tool_approval=self.tool_approval,
            )
            for variant in self.variants
        ]


def read_cell(
    body: str,
    *,
    name: str | None = None,
    variants: tuple[str, ...] = (),
    find: Callable[[str], Deployment | None] = lambda name: None,
) -> CellCall:
    """Return what a cell with this `body` asks for.

    Parameters
    ----------
    body : str
        A YAML or JSON mapping of inputs, a pasted Code Snippet, or nothing.
    name : str, optional
        The deployment that the cell's line names.
    variants : tuple of str
        The variants that the line names.
    find : callable
        Looks a deployment up by its name where deployments are known.

    Raises
    ------
    InputError
        No deployment or variant is named, or the body is neither a mapping nor a snippet.
    SnippetError
        The body is a snippet of something else, or a broken one.
    """
    if looks_like_snippet(body):
        return _from_snippet(parse_snippet(body), name, variants)
    if not name:
        raise InputError("which deployment? Name it: %%fetchhive NAME -v VARIANT, or paste its Code Snippet")
    deployment = find(name) or Deployment(name)
    chosen = _chosen(deployment, variants)
    return CellCall(deployment=deployment, variants=chosen, inputs=read_mapping(body, where=name))


def _from_snippet(snippet: Snippet, name: str | None, variants: tuple[str, ...]) -> CellCall:
    request = snippet.request
    if name and name != request.deployment:
        raise InputError(f"the line names {name!r}, the snippet {request.deployment!r}: leave one of them out")
    deployment = snippet.deployment
    chosen = variants or ((request.variant,) if request.variant else ())
    return CellCall(
        deployment=deployment,
        variants=_chosen(deployment, chosen),
        inputs=request.inputs,
        metadata=request.metadata,
        callback_url=request.callback_url,
        user=request.user,
        tool_approval=request.tool_approval,
        key_was_dropped=snippet.key is not None,
        ignored=snippet.ignored,
    )


def _chosen(deployment: Deployment, variants: tuple[str, ...]) -> tuple[str, ...]:
    """The variants to run; without any named, the only one there is."""
    if variants:
        return tuple(dict.fromkeys(variants))
    if len(deployment.variants) == 1:
        return deployment.variants
    known = " or ".join(f"-v {v}" for v in deployment.variants) or "-v NAME"
    raise InputError(f"which variant? Say {known}", where=deployment.name)


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
