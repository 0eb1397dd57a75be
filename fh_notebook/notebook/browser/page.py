"""One page of the browser as JSON: texts and numbers of the shown rows, never HTML.

Rule of this file: a page puts every text in as text, and the view of an output is escaped, so nothing a model said can
run; what could not be seen (control characters, marks that turn the direction) is written out here. One page of 100
rows x 4 variants stays under 300 KB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from fh_notebook.batching.rendering import one_line
from fh_notebook.comparing.diff.answer_groups import groups_text
from fh_notebook.comparing.diff.markup import path_pieces
from fh_notebook.comparing.diff.row_diff import (
    EMPTY,
    SIGNS,
    STATES,
    AnswerDiff,
    VariantAnswer,
    compare_answers,
    value_text,
)
from fh_notebook.comparing.diff.text_diff import gaps_text, with_gaps
from fh_notebook.comparing.plots.panels import distinct_texts
from fh_notebook.comparing.report.row_filters import FILTERS, ONLY_RIGHT, SCORE_FILTERS, quick_filters
from fh_notebook.comparing.stats.classes import OTHER
from fh_notebook.contract.output import OutputOptions, ShownOutput, excerpt, forms_of, output_view
from fh_notebook.contract.run import action_text, with_action
from fh_notebook.core.json_values import pretty
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import seconds_text
from fh_notebook.notebook.browser import table as table_module
from fh_notebook.notebook.browser.query import RowFinder, TableQuery, sorts
from fh_notebook.notebook.browser.table import BrowserTable

CELL: Final = 160
"""Characters of an output in the table; of a page of many variants fewer, so that it stays small."""
CELLS: Final = 120_000
"""Characters of all outputs of one page of the table together."""
OUTPUT: Final = 20_000
"""Characters of an output that is opened; of many variants fewer."""
OPENED: Final = 100_000
"""Characters of an opened row together, outputs and differences each."""
COMPARED: Final = 60_000
"""Characters that are compared for the marks: more than are shown."""
CHANGES: Final = 200
MARKS: Final = 2_000
VALUES: Final = 100
"""Values of a column that are offered, the most frequent first."""
KEPT_CAP: Final = 200_000
"""Bytes of a saved picture in a page, which may show hundreds."""
NAME: Final = 80
AROUND: Final = 160
"""Characters of what both have that stand around a difference."""
WHOLE: Final = "the comparison's frame has everything"
GAP_SHOWN: Final = 4_000
"""Characters of what both have, and is folded, that open."""


def table_head(table: BrowserTable, columns: Sequence[str], *, live: bool) -> dict[str, Any]:
    """Return what does not change from page to page."""
    scored = bool(table.scorer)
    return {
        "pair_on": _name(table.pair_on),
        "variants": [*distinct_texts(table.variants, NAME).values()],
        "short": [*distinct_texts(table.variants, html.NAME_UNBROKEN).values()],
        "ids": table.variants,
        "colours": [*table.colours.values()],
        "scorer": _name(table.scorer),
        "lower": table.lower,
        "columns": [_name(name) for name in columns],
        "column_ids": list(columns),
        "expected": table.has_expected,
        "own": [[name, _name(name)] for name in table.columns[:200]],
        "only": [[key, label] for key, label in FILTERS.items() if scored or key not in SCORE_FILTERS],
        "sorts": [
            [key, _name(label)]
            for key, label in sorts(
                table.variants,
                table.columns[:200],
                scored=scored,
                seconds=table.is_timed,
                expected=table.has_expected,
            ).items()
        ],
        "total": table.rows,
        "live": live,
        **_confusions(table),
    }


def _confusions(table: BrowserTable) -> dict[str, Any]:
    """Return the confusion tables, once they are counted: each cell filters its rows."""
    if not table.is_warm or not (labels := table.labels_expected):
        return {"labels": [], "label_ids": [], "confusions": []}
    shown = [_name(table.label_shown(label)) for label in labels]
    return {"labels": [*shown, OTHER], "label_ids": [*labels, OTHER], "confusions": table.confusions}


def table_page(finder: RowFinder, view: TableQuery, columns: Sequence[str], *, status: str = "") -> dict[str, Any]:
    """Return one page of the table, and the opened row."""
    table, order = finder.table, finder.order(view)
    pages = max(-(-len(order) // view.size), 1)
    page = min(view.page, pages - 1)
    rows = [int(row) for row in order[page * view.size : (page + 1) * view.size]]
    most = max(min(CELL, CELLS // max(len(rows) * len(table.variants), 1)), 20)
    own = _own_of(table, rows, columns)
    return {
        "found": len(order),
        "total": table.rows,
        "pages": pages,
        "page": page,
        "view": _view_data(view, page),
        "rows": [
            _row(table, row, texts, differs, most, view.search.strip().casefold())
            for row, texts, differs in zip(rows, own, table.differs(rows), strict=True)
        ],
        "counts": _counts(table),
        "values": _values(table, view.facet),
        "open": _opened(table, view, order),
        "said": status,
    }


def _view_data(view: TableQuery, page: int) -> dict[str, Any]:
    names = ("search", "only", "won", "low", "low_of", "sort", "down", "size", "open", "baseline", "facet")
    return {
        **{name: getattr(view, name) for name in names},
        "page": page,
        "where": [[column, value, _name(f"{column}: {value or '(empty)'}")] for column, value in view.where],
        "confusion": [*view.confusion],
    }


def _own_of(table: BrowserTable, rows: Sequence[int], columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Return of each row its own columns as texts: a column is asked once, for all of them."""
    return list(zip(*(table.shown(name, rows) for name in columns), strict=True)) if columns else [()] * len(rows)


def _counts(table: BrowserTable) -> list[list[Any]]:
    """Return the views that are offered by one click: which field of the query has which value, its name and its rows.

    The number is ``None`` until it is known.
    """
    counts = table.counts if table.is_warm else None
    names = dict(enumerate(distinct_texts(table.variants, html.NAME_UNBROKEN).values()))
    offered = quick_filters(names, counts, is_scored=bool(table.scorer), is_right_or_wrong=table.is_right_or_wrong)
    return [
        [*_field_of(name, table.variants), _name(label), counts and counts[name]] for name, label in offered.items()
    ]


def _field_of(name: str, variants: Sequence[str]) -> tuple[str, str]:
    """Return the field of the query that a filter sets, and its value."""
    return ("won", variants[int(name[4:])]) if name.startswith("won:") else ("only", name)


def _row(table: BrowserTable, row: int, own: Sequence[str], differs: bool, most: int, wanted: str) -> dict[str, Any]:
    best = table.best(row)
    return {
        "row": row,
        "label": one_line(table.label(row), NAME),
        "differs": differs,
        "own": [_excerpt(text, most, wanted) for text in own],
        "expected": _excerpt(table_module.cell_text(table.expected(row)), most, wanted) if table.has_expected else None,
        "corrected": table.correction_mark(row),
        "cells": [_cell(table, row, variant, best == variant, most, wanted) for variant in range(len(table.variants))],
    }


BEFORE: Final = 40
"""Characters in front of what was searched for, where it is not in the beginning of a cell."""


def _excerpt(text: str, most: int, wanted: str) -> str:
    """Return a text in one line, from its beginning or, where it is far behind, from before what was searched for."""
    at = text[:SEARCHED_FOR].casefold().find(wanted) if wanted else -1
    return one_line(text, most) if at < most - len(wanted) else f"…{one_line(text[max(at - BEFORE, 0) :], most - 1)}"


SEARCHED_FOR: Final = 100_000
"""Characters of a cell in which the place of what was searched for is looked for."""


def _cell(table: BrowserTable, row: int, variant: int, best: bool, most: int, wanted: str) -> dict[str, Any]:
    answer = table.answer(row, variant)
    text = answer.output if answer.ok else with_action(answer.error or "", answer.client_action)
    output = text if isinstance(text, str) else value_text(text, most) if text is not None else ""
    output = groups_text(answer.groups) if answer.groups else output
    # What is searched for is found in the output as it is, else its words are shown.
    is_words = answer.ok and not answer.groups and not wanted
    shown = excerpt(answer.output, most) if is_words else _excerpt(output, most, wanted)
    return {
        "text": shown or (EMPTY if answer.ok else ""),
        "status": "" if answer.ok else one_line(answer.status, 40),
        "score": cell_score(table, answer),
        "right": _is_right(table, answer),
        "best": best_word(table, row, variant) if best else "",
    }


def _is_right(table: BrowserTable, answer: VariantAnswer) -> bool | None:
    """Return whether an answer is right; ``None`` where a score is another number, or there is none."""
    return bool(answer.score) if table.scorer and table.is_right_or_wrong and answer.score in (0.0, 1.0) else None


def best_word(table: BrowserTable, row: int, winner: int) -> str:
    """Return what the winner of a row is called: the only right one where all its repeats, and no others, are right."""
    scores = [table.answer(row, variant).score for variant in range(len(table.variants))]
    is_only = table.is_right_or_wrong and all(score == (at == winner) for at, score in enumerate(scores))
    return ONLY_RIGHT if is_only else "best"


def cell_score(table: BrowserTable, answer: VariantAnswer, *, alone: bool = False) -> str:
    """Return a score as it is read; nothing where nothing is scored, or there is no answer.

    `alone`: whether it says that it is a score: a number alone may be anything.
    """
    if not table.scorer or (not answer.ok and answer.score != answer.score):
        return ""
    return table.score_text.alone(answer.score) if alone else table.score_text(answer.score)


def _values(table: BrowserTable, column: str) -> list[list[Any]]:
    if not column or column not in table.columns:
        return []
    codes, texts = table.values(column)
    counts = np.bincount(codes, minlength=len(texts)) if len(texts) else np.array([], dtype=int)
    most = np.argsort(-counts, kind="stable")[:VALUES]
    return [[texts[at], _name(texts[at] or "(empty)"), int(counts[at])] for at in most if len(texts[at]) <= 1_000]


# --- the opened row


def _opened(table: BrowserTable, view: TableQuery, order: Any) -> dict[str, Any] | None:
    row = view.open
    if row is None or row >= table.rows:
        return None
    first = table.variants.index(view.baseline) if view.baseline in table.variants else 0
    baseline = table.answer(row, first)
    at = np.flatnonzero(order == row)
    most = max(min(OUTPUT, OPENED // len(table.variants)), 500)
    values = [(_name(name), table_module.cell_text(table.own(name, [row])[0])) for name in table.columns[:30]]
    if table.has_expected:
        values.append(("expected", table_module.cell_text(table.expected(row))))
    cards = []
    for variant in range(len(table.variants)):
        answer = table.answer(row, variant)
        diff = compare_answers(baseline, answer, limit=COMPARED) if variant != first else None
        shown = shown_of_card(table, answer, wanted=view.search.strip(), key=f"{row}-{variant}", most=most)
        best = best_word(table, row, variant) if table.best(row) == variant else ""
        cards.append(_card(table, answer, diff, most, best, shown))
    return {
        "row": row,
        "label": one_line(table.label(row), NAME),
        "place": int(at[0]) + 1 if len(at) else None,
        "own": [[name, *_cut(text, 4_000)] for name, text in values],
        "story": _cut(table.correction_story(row), 4_000)[0],
        "baseline": first,
        "cards": cards,
    }


def _card(
    table: BrowserTable, answer: VariantAnswer, diff: AnswerDiff | None, most: int, best: str, shown: ShownOutput
) -> dict[str, Any]:
    marks = [] if diff is None else _marks(diff, most)
    return {
        "status": one_line(answer.status, 40),
        "score": cell_score(table, answer, alone=True),
        "right": _is_right(table, answer),
        "seconds": seconds_text(answer.seconds) if answer.seconds == answer.seconds else "",
        "repeats": answer.repeats,
        "best": best,
        "text": html.folded_text(answer_text(answer, most)[:most], whole=WHOLE),
        "view": output_view(shown.output, shown.options),
        "said": "" if diff is None else html.printable(str(diff)),
        "marks": marks,
        "is_prose": html.is_prose("".join(text for _, text, *_ in marks)),
        "changes": [] if diff is None else _changes(diff),
    }


def shown_of_card(
    table: BrowserTable, answer: VariantAnswer, *, wanted: str = "", key: str = "", most: int = OUTPUT
) -> ShownOutput:
    """Return what the card of an answer shows: its output, or the error of a failed run, `wanted` marked in it."""
    output = answer.output if answer.ok else answer_text(answer, most)
    cap = most if forms_of(output) in ((), ("text",)) else max(most // 3, 500)  # several forms are several texts
    options = OutputOptions(
        whole=WHOLE, cap=cap, path=table.scored_path, wanted=wanted, key=key, run=answer.lister, kept_cap=KEPT_CAP
    )
    return ShownOutput(output, options)


def answer_text(answer: VariantAnswer, most: int) -> str:
    """Return what a variant said, as text; of a failed run its error; of JSON at most a character more than `most`."""
    if not answer.ok:
        error, action = answer.error or STATES.get(answer.status, answer.status), action_text(answer.client_action)
        return f"{error}\n→ {action}" if action else error
    if answer.output is None or answer.output == "":
        return EMPTY
    return answer.output if isinstance(answer.output, str) else pretty(answer.output, limit=most + 1)[0]


def _cut(text: str, most: int) -> tuple[str, int]:
    """Return the beginning of a text, and how many characters are behind it."""
    return html.printable(text[:most]), max(len(text) - most, 0)


def _marks(diff: AnswerDiff, most: int) -> list[list[str]]:
    """Return two texts as one, in pieces: those of segments, a ``gap`` with the line that opens it, and ``cut``."""
    if diff.words is None or diff.words.same:
        return []
    pieces: list[list[str]] = []
    left = most
    for segment in with_gaps(diff.words.segments, AROUND):
        if left <= 0 or len(pieces) > MARKS:
            pieces.append(["cut", "… the rest is not shown"])
            break
        if segment.kind == "gap":
            pieces.append(["gap", html.printable(html.clip(segment.text, GAP_SHOWN)), gaps_text(len(segment.text))])
            continue
        pieces.append([segment.kind, html.printable(segment.text[:left])])
        left -= len(segment.text)
    return pieces


def _changes(diff: AnswerDiff) -> list[list[Any]]:
    """Return the changes of JSON: a sign, the kind, the pieces of the path, what was, what is."""
    listed = diff.changes.listed if diff.changes is not None else ()
    lines: list[list[Any]] = [
        [SIGNS[c.kind], c.kind, path_pieces(one_line(c.path, 200)) or ["the whole value"],
         "" if c.kind == "added" else value_text(c.before), "" if c.kind == "removed" else value_text(c.after)]
        for c in listed[:CHANGES]
    ]  # fmt: skip
    left = len(listed) - len(lines)
    return [*lines, ["", "", [f"… {left:,} more; cmp.diff(row).frame has everything"], "", ""]] if left else lines


def _name(text: Any) -> str:
    return one_line(text, NAME)
