"""The rows on which the variants of a comparison differ: what was asked, what was expected, what each said.

Rule of this file: what stands here is masked as everything that is shown row by row, escaped and cut; all of it is in
`Comparison.browse`.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from fh_notebook import html
from fh_notebook.batching.cells import is_missing
from fh_notebook.batching.plan import counted
from fh_notebook.batching.wording import one_line
from fh_notebook.comparing import tables
from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.figures import score_text
from fh_notebook.comparing.tables import incomplete_rows
from fh_notebook.values import MASK

__all__ = ["differing", "rows_html"]

ROWS_SHOWN: Final = 10
OUTPUT_SHOWN: Final = 200
"""Characters of an output beside the others."""
ASKED_SHOWN: Final = 120
"""Characters of what was asked: enough to know the row again, and little where it is narrow."""
INPUTS_SHOWN: Final = 2
"""So many of what a row asked stand before what was said; the rest is in `Comparison.browse`."""


def differing(data: ComparisonData, most: int = ROWS_SHOWN) -> tuple[str, pd.DataFrame]:
    """Return a sentence on how many rows differ, and the lines of those that differ most."""
    if len(data.variants) < 2:
        return "", pd.DataFrame()
    by: Literal["score", "output"] = "score" if data.scorer else "output"
    if by == "score":
        found, pairs = len(data.differing), data.differing[:most]
        rows = tables.wide(data, pairs)
        places = {pair: place for place, pair in enumerate(pairs)}
        table = rows.iloc[sorted(range(len(rows)), key=lambda i: places[rows[data.pair_on].iloc[i]])]
    else:
        whole = tables.disagreements(data, "output")
        found, table = len(whole), whole.head(most)
    left = incomplete_rows(data, by)
    lacking = f"; on {counted(left, 'row')} a variant has no {by if data.scorer else 'answer'}" if left else ""
    shown = len(table)
    cut = f"; the {shown} that differ most:" if by == "score" else f"; the first {shown}:"
    first = "." if not shown else ":" if shown == found else cut
    sentence = f"The variants differ on {counted(found, 'row')}{lacking}{first}"
    return sentence, _as_shown(data, table.reset_index(drop=True))


def _asked(data: ComparisonData) -> list[str]:
    """Return the columns that say what a row asked: Start variables before other columns."""
    names = data.row_columns if len(data.variants) > 1 else []
    return [n for n in names if n.startswith("in.")] or [n for n in names if not n.startswith("metadata.")]


def _as_shown(data: ComparisonData, table: pd.DataFrame) -> pd.DataFrame:
    """Return the lines with what was asked behind what pairs them, and all of it masked."""
    table.attrs["asked"] = []
    if table.empty:
        return table
    rows = list(table[data.pair_on])
    masks = data.runs.secret().masks()
    said = [f"{variant}.output" for variant in data.variants]
    for name in (*said, *(["expected_output"] if "expected_output" in table else [])):
        table[name] = pd.Series(masks.many(rows, table[name].tolist()), dtype=object, index=table.index)
    places: dict[Any, int] = {}
    pairs = data.lines["pair"]
    for place in np.flatnonzero(pairs.isin(rows)).tolist():
        places.setdefault(pairs.iat[place], place)
    asked: list[str] = []
    for name in _asked(data):
        if len(asked) == INPUTS_SHOWN:
            break
        head = name.removeprefix("in.")
        cells = masks.many(rows, data.runs.cells(name, [places[row] for row in rows]))
        if head not in table and set(map(str, cells)) != {MASK}:
            table.insert(1 + len(asked), head, pd.Series(cells, dtype=object, index=table.index))
            asked.append(head)
    table.attrs["asked"] = asked
    return table


def rows_html(data: ComparisonData, table: pd.DataFrame) -> html.Html:
    """Return rows with the variants beside each other, the score under each output."""
    expected = "expected_output" in table
    asked = table.attrs["asked"]
    head = [data.pair_on, *asked, *(["expected"] if expected else []), *data.variants]
    lines = []
    for line in table.to_dict("records"):
        cells: list[Any] = [one_line(line[data.pair_on], 40), *(_said(line[name], ASKED_SHOWN) for name in asked)]
        cells += [_said(line["expected_output"])] if expected else []
        cells += [_answer(data, line, variant) for variant in data.variants]
        lines.append(cells)
    return html.stacked(head, lines, cls="fh-table fh-cells")


def _answer(data: ComparisonData, line: dict[Any, Any], variant: str) -> html.Html:
    output, score = line[f"{variant}.output"], line.get(f"{variant}.score", float("nan"))
    said = _said(output) or ("no answer" if score != score else "")
    parts = [
        html.el("span", said, cls="" if output is not None else "fh-dim", dir=html.direction(said)),
        html.el("span", score_text(score, data.grid.yes_no), cls="fh-score"),
    ]
    return html.join(parts, " ")  # apart also on GitHub, which takes all style away


def _said(value: Any, limit: int = OUTPUT_SHOWN) -> str:
    return "" if is_missing(value) else one_line(value, limit)
