"""The body of a ``%%fetchhive`` cell at the cursor: names of Start variables, and the values that they can have.

Rule of this file: the place (which object, name or value) comes from `complete_yaml`; what can stand there is read from
the deployment's schema, required variables first. A body in JSON is not completed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fh_notebook.contract.deployment import Deployment
from fh_notebook.contract.refs import followed
from fh_notebook.notebook.complete_offer import NOTHING, Offer, joined, offer
from fh_notebook.notebook.complete_place import Place
from fh_notebook.notebook.complete_yaml import yaml_place

__all__ = ["complete_body"]

Schema = Mapping[str, Any]

_DEPTH: Final = 12
"""Alternatives within alternatives that are looked at: a schema can refer to itself."""
_LONGEST: Final = 80
"""Characters of a value that is offered; a default that is longer is a text to read, not to pick."""


def complete_body(body: str, after: str, deployment: Deployment | None) -> Offer:
    r"""Return what can stand at the end of `body`.

    Examples
    --------
    >>> import fh_notebook as fh
    >>> dep = fh.Deployment("triage", inputs={"tone": fh.choice("calm", "brief", required=False), "ticket": fh.text()})
    >>> complete_body("t", "", dep).texts
    ('ticket: ', 'tone: ')
    >>> complete_body("ticket: late\ntone: ", "", dep).texts
    ('calm', 'brief')
    """
    if deployment is None or body.lstrip().startswith("{"):  # a body in JSON, or in one expression
        return NOTHING
    place = yaml_place(body, after)
    if place is None:
        return NOTHING
    root = deployment.inputs
    here = list(_at(root, place.path, root))
    if not place.is_name:
        return _values(place, here)
    # An item of a list, `- `, may be an object or a value.
    values = _values(place, here) if place.path[-1:] == (None,) else NOTHING
    return joined(_names(place, here), values)


def _alternatives(schema: Any, root: Schema, depth: int = _DEPTH) -> Iterator[Schema]:
    """Yield `schema` with what it refers to, and the parts that it is made of."""
    if depth == 0:
        return
    here = followed(schema, root)
    yield here
    for several in ("allOf", "anyOf", "oneOf"):
        for part in _listed(here.get(several)):
            yield from _alternatives(part, root, depth - 1)


def _at(schema: Any, path: tuple[str | None, ...], root: Schema) -> Iterator[Schema]:
    """Yield the schemas of what stands at `path`; ``None`` in it is an item of a list."""
    for one in _alternatives(schema, root):
        if not path:
            yield one
            continue
        step = path[0]
        properties = one.get("properties")
        if step is None:
            yield from _at(one.get("items"), path[1:], root)
        elif isinstance(properties, Mapping) and step in properties:
            yield from _at(properties[step], path[1:], root)


def _names(place: Place, here: list[Schema]) -> Offer:
    known = [name for one in here for name in _mapping(one.get("properties"))]
    needed = {name for one in here for name in _listed(one.get("required")) if isinstance(name, str)}
    free = [name for name in dict.fromkeys(known) if isinstance(name, str) and name not in place.given]
    ordered = sorted(filter(place.can_say, free), key=lambda name: name not in needed)
    return offer(place.fragment, "variable", ordered, typed=place.typed, spell=place.spell_name)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _values(place: Place, here: list[Schema]) -> Offer:
    values = [value for one in here for value in _said(one)]
    texts = [v for v in values if isinstance(v, str) and len(v) <= _LONGEST and v.isprintable() and place.can_say(v)]
    # Words that are no texts: true, false, null and numbers. In quotes they would be texts.
    words = [json.dumps(v) for v in values if not isinstance(v, str | list | dict)] if not place.quote else []
    return joined(
        offer(place.fragment, "value", texts, typed=place.typed, spell=place.spell_text),
        offer(place.fragment, "value", words),
    )


def _said(schema: Schema) -> Iterable[Any]:
    """The values that a schema names: all that there are, else its default and examples."""
    if "const" in schema:
        return [schema["const"]]
    if isinstance(schema.get("enum"), list):
        return list(schema["enum"])
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else _listed(kinds)
    named = [True, False] if "boolean" in kinds else []
    default = [schema["default"]] if "default" in schema and schema["default"] not in named else []
    return [*default, *named, *_listed(schema.get("examples"))]
