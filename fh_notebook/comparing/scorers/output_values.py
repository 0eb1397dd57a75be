"""Values inside an output: paths and queries that select them, and equality with an expected value.

``items[0].name`` leads to one value, ``$.items[*].name`` to any number of values. A path is parsed when the scorer is
made, so a mistake is one error and not a hundred missing scores. Its evaluation takes time in proportion to the output:
a value is visited once a step, and at most `MAX_VALUES` are.

A text that can only be the value equals this value; ``True`` does not equal 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from fh_notebook.contract.run import json_of
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import short
from fh_notebook.errors import InputError

NOTHING: Final = object()
"""The result of a path that selects no value; it equals no expected value."""

MAX_VALUES: Final = 100_000
"""Values that a query visits in one output; an output with more has a missing score with this reason."""

MAX_STEPS: Final = 100


_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def parse_path(path: str | None) -> tuple[str | int, ...]:
    """Read ``items[0].name`` as ``("items", 0, "name")``."""
    if path is None:
        return ()
    _check_text(path)
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise InputError(f"path {short(path)} cannot be read; write it like 'label' or 'items[0].name'")
        steps.append(int(match[2]) if match[2] is not None else match[1])
        at = match.end()
    if not steps:
        raise InputError("path is empty; leave it out to take the whole output")
    return tuple(steps)


def _check_text(path: Any) -> None:
    if not isinstance(path, str):
        raise InputError(f"path is {short(path)}; give a string, such as 'label' or 'items[0].name'")
    arguments.check_one("path", path, "str")


def part_of(output: Any, steps: tuple[str | int, ...]) -> Any:
    """Return the value at a path of an output, or `NOTHING`; an output of JSON text is parsed."""
    if not steps:
        return output
    try:
        value = json_of(output)
    except ValueError:
        return NOTHING
    for step in steps:
        value = _child(value, step)
    return value


def _child(value: Any, step: str | int) -> Any:
    if isinstance(step, str):
        return value.get(step, NOTHING) if isinstance(value, Mapping) else NOTHING
    return value[step] if isinstance(value, list) and -len(value) <= step < len(value) else NOTHING


def text_of(value: Any) -> str:
    """Return a value as text: a text unchanged, nothing as an empty text, any other value as JSON."""
    if value is NOTHING or value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class Step(NamedTuple):
    """One step of a query."""

    kind: Literal["name", "place", "each", "below"]
    """``below``: the value itself and everything in it (RFC 9535, section 2.5.2: descendants)."""
    at: str | int = ""


_QUERY_STEP: Final = re.compile(
    r"""(?P<below>\.\.(?=[^.]))?  # two dots, before a name or a bracket
        (?:
          \[\s*(?: (?P<each>\*) | (?P<place>-?\d{1,9}) | (?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*") )\s*\]
        | (?P<dot>\.)?(?: (?P<star>\*) | (?P<name>[^.\[\]*'"]+) )
        )""",
    re.VERBOSE,
)


def parse_query(path: str) -> tuple[Step, ...]:
    """Read a query: names, ``[0]``, ``[-1]``, ``['a name']``, ``*`` and ``..``, a part of RFC 9535 without filters.

    Examples
    --------
    >>> [step.kind for step in parse_query("$.items[*]..name")]
    ['name', 'each', 'below', 'name']
    """
    _check_text(path)
    at = 1 if path.startswith("$") else 0
    steps: list[Step] = []
    while at < len(path):
        match = _QUERY_STEP.match(path, at)
        needs_dot = bool(at) and match is not None and (match["star"] or match["name"]) and not match["below"]
        if match is None or (needs_dot and not match["dot"]) or (match["below"] and match["dot"]):
            raise InputError(
                f"path {short(path)} cannot be read; write it like 'label', '$.items[*].name' or '$..price'"
            )
        steps += [Step("below")] if match["below"] else []
        steps.append(_step(match))
        at = match.end()
    if not steps or len(steps) > MAX_STEPS:
        raise InputError(f"path {short(path)} has {len(steps)} steps; give 1 to {MAX_STEPS}")
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["each"] or match["star"]:
        return Step("each")
    if match["place"]:
        return Step("place", int(match["place"]))
    quoted = match["quoted"]
    return Step("name", re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted else match["name"])


def select(steps: Sequence[Step], value: Any) -> list[Any]:
    """Return all values that a query selects, each once."""
    values, left = [value], MAX_VALUES
    for step in steps:
        next_values: list[Any] = []
        for match in _descendants(values) if step.kind == "below" else _follow_step(_without_repeats(values), step):
            left -= 1
            if left < 0:
                raise InputError(f"the output has more than the {MAX_VALUES:,} values that a path searches")
            next_values.append(match)
        values = next_values
    return values


def _without_repeats(values: list[Any]) -> list[Any]:
    """Return the values without repeated containers, compared by identity: descendants of descendants are repeats."""
    containers = {id(value): value for value in values if isinstance(value, Mapping | list)}
    return [*containers.values(), *(value for value in values if not isinstance(value, Mapping | list))]


def _follow_step(values: list[Any], step: Step) -> Iterator[Any]:
    for value in values:
        if step.kind == "each":
            yield from _children(value)
        elif (match := _child(value, step.at)) is not NOTHING:
            yield match


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descendants(values: list[Any]) -> Iterator[Any]:
    """Yield values and their descendants in document order, each container once."""
    met: set[int] = set()
    pending = values[::-1]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping | list):
            if id(value) in met:
                continue
            met.add(id(value))
            pending += list(_children(value))[::-1]
        yield value


def is_same(output: Any, expected: Any) -> bool:
    r"""Whether an output equals the expected cell of a table, which may be text (CSV) or a number read by pandas.

    Examples
    --------
    >>> is_same("billing\n", "billing"), is_same({"a": 1}, '{"a": 1.0}'), is_same("3", 3), is_same("1", True)
    (True, True, True, False)
    """
    if isinstance(output, str) and isinstance(expected, str):
        return output.strip() == expected.strip()
    if isinstance(expected, str) and output is not NOTHING:
        try:
            expected = json.loads(expected)
        except (ValueError, RecursionError):
            return False
    if isinstance(output, str) and isinstance(expected, bool | int | float):
        try:
            # pandas reads True, TRUE and true as the same value; JSON has only the last.
            output = json.loads(output.lower() if isinstance(expected, bool) else output)
        except (ValueError, RecursionError):
            return False
    return is_equal(output, expected)


def is_equal(a: Any, b: Any) -> bool:
    """Whether two JSON values are the same; ``True`` is not 1, and 1 is 1.0."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(is_equal(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(is_equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
