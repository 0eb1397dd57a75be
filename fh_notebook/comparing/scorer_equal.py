"""Whether an output is what was expected, across the kinds that a table and a model write.

Rule of this file: a text that can only be the value is that value; ``True`` is not 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fh_notebook.comparing.scorer_paths import NOTHING

__all__ = ["is_equal", "is_same"]


def is_same(output: Any, wanted: Any) -> bool:
    r"""Whether an output is what a cell of a table expects: a CSV holds nothing but text, pandas makes numbers of it.

    Examples
    --------
    >>> is_same("billing\n", "billing"), is_same({"a": 1}, '{"a": 1.0}'), is_same("3", 3), is_same("1", True)
    (True, True, True, False)
    """
    if isinstance(output, str) and isinstance(wanted, str):
        return output.strip() == wanted.strip()
    if isinstance(wanted, str) and output is not NOTHING:
        try:
            wanted = json.loads(wanted)
        except (ValueError, RecursionError):
            return False
    if isinstance(output, str) and isinstance(wanted, bool | int | float):
        try:
            # pandas takes True, TRUE and true for the same; JSON has but one of them.
            output = json.loads(output.lower() if isinstance(wanted, bool) else output)
        except (ValueError, RecursionError):
            return False
    return is_equal(output, wanted)


def is_equal(a: Any, b: Any) -> bool:
    """Whether two JSON values are the same; ``True`` is not 1, and 1 is 1.0."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(is_equal(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(is_equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
