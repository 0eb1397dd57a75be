"""What one cell of a table is as a JSON value.

Rule of this file: a table's own convention, and no more. What a value means is said in `contract.jsonable`, what a text
means in `contract.coerce`; here, what is missing is null.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from fh_notebook.contract.jsonable import is_missing, jsonable

__all__ = ["is_missing", "object_series", "plain"]


def plain(value: Any) -> Any:
    """Return `value` as JSON can say it: numpy and pandas scalars as Python's, times as ISO 8601 text, missing as null.

    What has no JSON form (a set, bytes) is left as it is: the check names it.

    Examples
    --------
    >>> plain(np.int64(3)), plain(pd.Timestamp("2026-11-25 08:00", tz="UTC")), plain((np.float64(0.5), pd.NA))
    (3, '2026-11-25T08:00:00+00:00', [0.5, None])
    """
    return jsonable(value, missing_is_null=True)


def object_series(values: Iterable[Any]) -> pd.Series[Any]:
    """Return a column that holds `values` as they are: pandas must not take a list or a dict for several cells.

    Examples
    --------
    >>> object_series([[1, 2], None, {"a": 1}]).tolist()
    [[1, 2], None, {'a': 1}]
    """
    given = list(values)
    held = np.empty(len(given), dtype=object)
    for place, value in enumerate(given):
        held[place] = value
    return pd.Series(held, dtype=object)
