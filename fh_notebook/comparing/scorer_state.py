"""What a function writes to: a counter, a list that it appends to. Pure, from bytecode.

Rule of this file: what a function changes at each call is no constant of it, and no reason to score again; whatever is
not plainly written to counts as read. A list that it only reads is a constant.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from types import CodeType
from typing import Final

__all__ = ["codes_in", "written_by"]

WRITING: Final = frozenset({"append", "appendleft", "add", "extend", "insert", "setdefault", "update"})
"""Methods of Python's containers that change them."""
LOADS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"})
KEYS: Final = LOADS | {"LOAD_CONST", "LOAD_FAST", "LOAD_FAST_BORROW", "LOAD_SMALL_INT"}
STORES: Final = frozenset({"STORE_GLOBAL", "STORE_DEREF", "DELETE_GLOBAL", "DELETE_DEREF"})


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """Yield a function's code and that of the functions inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)


def written_by(code: CodeType) -> frozenset[str]:
    """Return the names from outside that a function writes to.

    Examples
    --------
    >>> seen, labels, counts = [], ["a"], {}
    >>> def score(run):
    ...     seen.append(run.text)
    ...     counts[run.text] = counts.get(run.text, 0) + 1
    ...     return run.text in labels
    >>> sorted(written_by(score.__code__))
    ['counts', 'seen']
    """
    found: set[str] = set()
    for part in codes_in(code):
        steps = [step for step in dis.get_instructions(part) if step.opname not in ("CACHE", "PUSH_NULL")]
        for place, step in enumerate(steps):
            if step.opname in STORES or (step.opname in LOADS and _is_written(steps[place + 1 : place + 9])):
                found.add(str(step.argval))
    return frozenset(found)


def _is_written(following: Sequence[dis.Instruction]) -> bool:
    """Whether what was just loaded is changed: ``x.append(...)``, ``x[key] = ...``, ``x[key] += ...``."""
    if not following:
        return False
    if following[0].opname in ("LOAD_METHOD", "LOAD_ATTR") and following[0].argval in WRITING:
        return True
    if following[0].opname not in KEYS:
        return False
    rest = [step.opname for step in following[1:]]
    while rest and rest[0] == "LOAD_ATTR":  # x[run.text]
        rest.pop(0)
    return rest[:1] == ["STORE_SUBSCR"] or rest[:3] == ["COPY", "COPY", "BINARY_SUBSCR"]
