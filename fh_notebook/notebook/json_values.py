"""A notebook's value -> what JSON can say: the value of ``{{ expression }}``.

Rule of this file: a value keeps its kind. What a table calls missing is null, a column is a list, a number of numpy is
a number (`contract.jsonable`); what has no JSON form is named with its expression, and never becomes a text by itself.
"""

from __future__ import annotations

import re
from typing import Any

from fh_notebook.contract.canonical import json_problems
from fh_notebook.contract.jsonable import jsonable
from fh_notebook.contract.spell import nearest
from fh_notebook.errors import InputError
from fh_notebook.notebook.template import braced

__all__ = ["as_json", "value_of"]


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
        raise InputError([f"{braced(source)}: {problem if problem.path else problem.sentence}" for problem in problems])
    return made


def value_of(source: str, names: dict[str, Any]) -> Any:
    """Return the value of a notebook expression as JSON's kinds: the user's own code, in the user's own `names`.

    Raises
    ------
    InputError
        It has no JSON form.
    Exception
        Whatever the expression raises; of a name that is not there, with the nearest one that is.

    Examples
    --------
    >>> value_of("tickts[0]", {"tickets": ["late"]})
    Traceback (most recent call last):
    NameError: name 'tickts' is not defined; did you mean 'tickets'?
    """
    trouble = ""
    try:
        return as_json(eval(source, names), source)  # noqa: S307 - it is the user's cell
    except NameError as broken:
        # A name that only the user's own function speaks of is none of the cell's.
        written = isinstance(broken.name, str) and re.search(rf"\b{re.escape(broken.name)}\b", source)
        close = nearest(broken.name, (n for n in names if not n.startswith("_"))) if written else None
        if close is None:
            raise
        trouble, name = f"{broken}; did you mean {close!r}?", broken.name
    raise NameError(trouble, name=name)
