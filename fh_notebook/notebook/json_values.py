"""A notebook's value -> what JSON can say: the value of ``{{ expression }}``.

Rule of this file: a value keeps its kind. What a table calls missing is null, a column is a list, a number of numpy is
a number; what has no JSON form is named with its expression, and never becomes a text by itself.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

from fh_notebook.contract.canonical import json_problems
from fh_notebook.errors import InputError

__all__ = ["as_json"]


def as_json(value: Any, source: str) -> Any:
    """Return `value` as JSON's kinds.

    Raises
    ------
    InputError
        It has no JSON form; with the expression's `source`.
    """
    # A program without pandas has no value of pandas; a plain one is not slowed down by importing it.
    made = _from_tables(value) if "pandas" in sys.modules or "numpy" in sys.modules else value
    made = _whole(made)
    if problems := json_problems(made):
        raise InputError([f"{{{{ {source} }}}}: {p}" for p in problems])
    return made


def _from_tables(value: Any) -> Any:
    import pandas as pd

    from fh_notebook.batching.cells import is_missing, plain

    if isinstance(value, pd.DataFrame):
        value = value.to_dict(orient="records")
    elif isinstance(value, pd.Series | pd.Index):
        value = value.tolist()

    def nulled(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: nulled(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [nulled(inner) for inner in item]
        return None if is_missing(item) else item

    return nulled(plain(value))


def _whole(value: Any) -> Any:
    """Decimals as numbers, where that loses nothing that JSON's readers keep; tuples as lists."""
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value
