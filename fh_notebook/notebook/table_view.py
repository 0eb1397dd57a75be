"""A model's JSON as a table: a list of objects as rows, an object as names and values.

Rule of this file: cells, columns and rows are capped, rows are folded, and what is left out says where it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from fh_notebook import html
from fh_notebook.plural import counted

__all__ = ["table_of"]

ROWS_OPEN: Final = 20
ROWS_SHOWN: Final = 100
COLUMNS_SHOWN: Final = 20
CELL_CAP: Final = 300
"""What of one output is shown as a table, in rows, columns and characters; the value itself stays whole."""


def table_of(value: Any, *, whole: str = "run.text has all") -> html.Html | None:
    """Return a JSON value as a table; ``None`` for one that has no rows.

    Parameters
    ----------
    value : object
        What :meth:`Run.json` gives.
    whole : str
        Where all of it is, in words.

    Examples
    --------
    >>> "<td>billing</td>" in table_of({"label": "billing"})
    True
    >>> table_of("text") is None
    True
    """
    if isinstance(value, dict):
        shown = list(value.items())[:ROWS_SHOWN]
        return _folded(("name", "value"), [(html.clip(k, CELL_CAP), _cell(v)) for k, v in shown], len(value), 0, whole)
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        names = list(dict.fromkeys(name for row in value[:ROWS_SHOWN] for name in row))
        columns = names[:COLUMNS_SHOWN]
        rows = [[_cell(row.get(name, "")) for name in columns] for row in value[:ROWS_SHOWN]]
        return _folded([html.clip(c, CELL_CAP) for c in columns], rows, len(value), len(names) - len(columns), whole)
    return None


def _folded(
    columns: Sequence[str], rows: Sequence[Sequence[str]], total: int, columns_left: int, whole: str
) -> html.Html:
    parts = [html.table(columns, rows[:ROWS_OPEN])]
    if rest := rows[ROWS_OPEN:]:
        parts.append(html.fold(f"… {counted(total - ROWS_OPEN, 'more row')}", html.table(columns, rest)))
    left = [counted(total - len(rows), "more row")] if total > len(rows) else []
    left += [counted(columns_left, "more column")] if columns_left else []
    note = html.el("div", f"{' and '.join(left)} not shown; {whole}", cls="fh-dim") if left else None
    return html.el("div", *parts, note)


def _cell(value: Any) -> str:
    return html.clip(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), CELL_CAP)
