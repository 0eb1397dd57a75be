"""A notebook's value -> what JSON can say: the value of ``{{ expression }}``.

Rule of this file: a value keeps its kind. What a table calls missing is null, a column is a list, a number of numpy is
a number (`contract.jsonable`); what has no JSON form is named with its expression, and never becomes a text by itself.
"""

from __future__ import annotations

from typing import Any

from fh_notebook.contract.canonical import json_problems
from fh_notebook.contract.jsonable import jsonable
from fh_notebook.errors import InputError

__all__ = ["as_json"]


def as_json(value: Any, source: str) -> Any:
    """Return `value` as JSON's kinds.

    Raises
    ------
    InputError
        It has no JSON form; with the expression's `source`.

    Examples
    --------
    >>> import pandas as pd
    >>> as_json(pd.DataFrame({"n": [1, None]}), "df")
    [{'n': 1.0}, {'n': None}]
    """
    made = jsonable(value, missing_is_null=True)
    if problems := json_problems(made):
        raise InputError([f"{{{{ {source} }}}}: {p}" for p in problems])
    return made
