"""Deployments of every kind, for properties of the catalogue: what can be declared with `fh.*`, and hostile words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

import fh_notebook as fh
from fh_notebook.contract.catalog.reader import VERSION
from fh_notebook.contract.catalog.writer import HEADER, block, data_of


def dump_catalog(deployments: Iterable[fh.Deployment]) -> str:
    """Return the text of a new catalogue with these deployments, by what `Deployment.save` writes of each."""
    entries = {d.name: data_of(d) for d in deployments}
    return "\n".join([f"{HEADER}version: {VERSION}", *block("deployments", entries, open_levels=3), ""])


_LETTERS = st.characters(exclude_categories=("Cs",))
_ODD = (
    *(
        "no",
        "Yes",
        "on",
        "y",
        "true",
        "3",
        "1e5",
        "0x1f",
        "1_000",
        "12:30",
        "2026-01-01",
        ".inf",
        "null",
        "~",
        "<<",
        "=",
    ),
    *(
        "a: b",
        "- a",
        "#x",
        "a #b",
        "'",
        '"',
        "\\",
        "{{ x }}",
        "*a",
        "&a",
        "!t",
        "%",
        "@",
        "`",
        "|",
        ">",
        "? a",
        "-",
        "...",
    ),
    *("\t", "\n", " a", "a ", "a\nb", "a\n\n b\n", "a\nb\n\n", "line\n# c\n", "---", "\r\n", "\x00", "\x85", "\ufeff"),
    *(
        "é",
        "😀",
        "\u2028",
        "\ufffe",
        "x" * 1_100,
        "type",
        "$schema",
        "required",
        "default",
        "deployments",
        "properties",
    ),
)
_TEXTS = st.one_of(st.sampled_from(_ODD), st.text(_LETTERS, max_size=20))


# Composites, since hypothesis spells out every other strategy, and these would take pages.
@st.composite
def _texts(draw: st.DrawFn) -> str:
    return draw(_TEXTS)


TEXTS = _texts()
NAMES = TEXTS.filter(lambda text: bool(text.strip()))
_NUMBERS = st.one_of(st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False))
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, TEXTS),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(TEXTS, below, max_size=3)),
    max_leaves=6,
)


@st.composite
def _values(draw: st.DrawFn) -> Any:
    return draw(_JSON)


JSON = _values()


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


_COUNTS = _maybe(st.integers(0, 9))
_COMMON: dict[str, Any] = {
    "description": _maybe(TEXTS),
    "required": _maybe(st.booleans()),
    "default": st.one_of(st.just(fh.UNSET), JSON),
}
_SHOWN = {**_COMMON, "examples": _maybe(st.lists(JSON, min_size=1, max_size=3))}
_PATTERNS = _maybe(st.sampled_from(["^a$", r"[a-z]+: \d", "#"]))
_KINDS = st.one_of(
    st.builds(fh.text, multiline=st.booleans(), min_length=_COUNTS, max_length=_COUNTS, pattern=_PATTERNS, **_SHOWN),
    st.builds(fh.text, secret=st.just(True), required=_maybe(st.booleans())),
    st.builds(fh.integer, minimum=_COUNTS, maximum=_COUNTS, **_SHOWN),
    st.builds(fh.number, minimum=_maybe(st.floats(-1e300, 1e300)), **_SHOWN),
    *(st.builds(kind, **_COMMON) for kind in (fh.boolean, fh.date, fh.datetime_)),
    st.builds(fh.any_, **_SHOWN),
    st.builds(
        lambda values, options: fh.choice(*values, **options),
        st.lists(JSON.filter(lambda value: not isinstance(value, list)), min_size=1, max_size=4),
        st.fixed_dictionaries(_COMMON),
    ),
)


@st.composite
def _leaves(draw: st.DrawFn) -> fh.Variable:
    return draw(_KINDS)


_VARIABLES = st.recursive(
    _leaves(),
    lambda below: st.one_of(
        st.builds(fh.array, _maybe(below), min_items=_COUNTS, unique=st.booleans(), **_COMMON),
        st.builds(fh.group, st.dictionaries(TEXTS, below, max_size=3), **_COMMON),
    ),
    max_leaves=4,
)


@st.composite
def _variables(draw: st.DrawFn) -> fh.Variable:
    return draw(_VARIABLES)


VARIABLES = _variables()
_WHOLE = st.sampled_from(
    [
        {"type": "object", "properties": {"a": True, "b": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "string"}}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {"items": [{}, {}]}}},
        {"type": "object", "required": ["b", "a"], "properties": {"a": {}, "b": {}}, "descripton": "passed over"},
    ]
)
INPUTS = st.one_of(st.none(), _WHOLE, st.dictionaries(TEXTS, VARIABLES, max_size=4))
DEPLOYMENTS = st.builds(
    lambda name, variants, inputs, description: fh.Deployment(
        name, variants=variants, inputs=inputs, description=description
    ),
    NAMES,
    st.lists(NAMES, max_size=4),
    INPUTS,
    _maybe(TEXTS),
)
SEVERAL = st.lists(DEPLOYMENTS, max_size=3, unique_by=lambda deployment: deployment.name)
