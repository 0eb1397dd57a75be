"""Wrong values: fourteen kinds of them, in 30 values, none of which may end in a traceback of internals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

HUGE: Final = 10**5000
"""Python refuses to spell an integer of more than 4,300 digits."""


class Anything:
    """A class of nobody's."""


def nothing() -> None:
    """Take nothing."""


def _itself_in_list() -> list[Any]:
    made: list[Any] = [1]
    made.append(made)
    return made


def _itself_in_dict() -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    made["self"] = made
    return made


KINDS: Final[dict[str, dict[str, Callable[[], Any]]]] = {
    "None": {"None": lambda: None},
    "bool": {"True": lambda: True},
    "int": {"-1": lambda: -1, "5": lambda: 5, "10**30": lambda: 10**30, "10**5000": lambda: HUGE},
    "float": {"1.5": lambda: 1.5, "nan": lambda: math.nan, "inf": lambda: math.inf, "1e308": lambda: 1e308},
    "bytes": {"bytes": lambda: b"\xff\x00"},
    "text": {"text": lambda: "text", "empty": lambda: "", "surrogate": lambda: "a\ud800", "null byte": lambda: "a\x00"},
    "list": {"[1]": lambda: [1], "[[]]": lambda: [[]], "list in itself": _itself_in_list},
    "dict": {"{1: 2}": lambda: {1: 2}, "dict in itself": _itself_in_dict},
    "set": {"set": lambda: {1}},
    "object": {"object": object},
    "callable": {"function": lambda: nothing, "class": lambda: Anything},
    "DataFrame": {"DataFrame": lambda: pd.DataFrame({"x": [1.0, math.nan]})},
    "array": {
        "numbers": lambda: np.array([1, 2]),
        "texts": lambda: np.array(["a", "b"]),
        "array(0)": lambda: np.array(0),
        "Index": lambda: pd.Index(["q", "r"]),
    },
    "missing": {"NA": lambda: pd.NA},
}
"""By kind, how each value is made; made anew for each call."""

VALUES: Final = {name: make for values in KINDS.values() for name, make in values.items()}
