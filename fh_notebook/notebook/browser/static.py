"""One page of the browser as HTML and text without a widget.

Rule of this file: it is made from what the page was sent, so the two never say different things; texts are escaped by
`html.el`, which knows nothing of a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fh_notebook.comparing.diff.markup import MARKS_STYLE, changes_style, changes_table
from fh_notebook.comparing.diff.row_diff import SIGNS
from fh_notebook.contract import output as output_view
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import counted
from fh_notebook.notebook.shell import no_lost_widget

_CELLS: Final = ".fh.fh-browse-static .fh-cells"
"""Weighs more than html.STYLE, which another output of the page has again, behind this style."""
STYLE: Final = html.Html(
    f"<style>{MARKS_STYLE}{changes_style('.fh')}{output_view.CSS}"
    f"{_CELLS} td{{min-width:3em;max-width:32em;overflow-wrap:anywhere}}{_CELLS} td~td{{min-width:9em}}"
    f"{_CELLS} td:first-child{{font-weight:600}}"
    ".fh-score{display:block;font-size:11px;opacity:.85;font-variant-numeric:tabular-nums}"
    "</style>"
)
_KEEP: Final = "white-space:pre-wrap;overflow-wrap:anywhere"


def page_html(head: Mapping[str, Any], page: Mapping[str, Any], *, cls: str = "") -> html.Html:
    """Return a page as plain HTML; `cls` is a class by which the widget hides it while it is there itself."""
    rows = [_row(head, row) for row in page["rows"]]
    return html.el(
        "div",
        html.STYLE,
        STYLE,
        no_lost_widget("fh-browse-static"),
        html.el("div", html.el("strong", title(head)), " ", html.el("span", where(page), cls="fh-dim"), cls="fh-head"),
        html.stacked(_columns(head, page), rows, cls="fh-table fh-cells") if rows else None,
        _opened(head, page["open"]) if page["open"] else None,
        cls=f"fh fh-browse-static {cls}".strip(),
    )


def title(head: Mapping[str, Any]) -> str:
    """Return what is looked at, in a line."""
    by = f" by {head['scorer']}" if head["scorer"] else ""
    return f"{counted(head['total'], 'row')} x {counted(len(head['variants']), 'variant')}{by}"


def where(page: Mapping[str, Any]) -> str:
    """Return which rows are shown, in words.

    Examples
    --------
    >>> where({"found": 0, "total": 9, "page": 0, "rows": [], "view": {"size": 25}, "said": ""})
    '0 of 9 rows match the filters'
    >>> where({"found": 30, "total": 60, "page": 1, "pages": 2, "rows": ["..."], "said": ""})
    'page 2 of 2 · 30 of 60 rows'
    """
    status = f" · {page['said']}" if page["said"] else ""
    if not page["rows"]:
        none = f"0 of {page['total']:,} rows match the filters" if page["total"] else "no rows"
        return f"{none}{status}"
    which = f"page {page['page'] + 1:,} of {page['pages']:,} · " if page["pages"] > 1 else ""
    found = "" if page["found"] == page["total"] else f"{page['found']:,} of "
    return f"{which}{found}{counted(page['total'], 'row')}{status}"


def _columns(head: Mapping[str, Any], page: Mapping[str, Any]) -> list[str]:
    expected = ["expected"] if any(row["expected"] is not None for row in page["rows"]) else []
    return [head["pair_on"], *head["columns"], *expected, *head["variants"]]


def _row(head: Mapping[str, Any], row: Mapping[str, Any]) -> list[object]:
    expected = [_expected(row)] if row["expected"] is not None else []
    return [row["label"], *row["own"], *expected, *map(_cell, row["cells"])]


def _expected(row: Mapping[str, Any]) -> object:
    mark = html.el("span", row["corrected"], cls="fh-score")
    return html.join([html.el("span", row["expected"]), mark], " ") if row["corrected"] else row["expected"]


def _cell(cell: Mapping[str, Any]) -> html.Html:
    status = html.badge(cell["status"]) if cell["status"] else None
    score = html.el("span", cell_score(cell), cls="fh-score") if cell["score"] else None
    return html.el("div", status, " " if status else None, cell["text"], " ", score)


def cell_score(cell: Mapping[str, Any]) -> str:
    """Return a score as it is shown, the winner's with its word."""
    return " · ".join(filter(None, (cell["score"], cell["best"])))


def _opened(head: Mapping[str, Any], row: Mapping[str, Any]) -> html.Html:
    values = html.el("div", *(_own(*item) for item in row["own"] if item[1]), cls="fh-dim")
    cards = [
        _card(name, card, head["variants"][row["baseline"]])
        for name, card in zip(head["variants"], row["cards"], strict=True)
    ]
    heading = html.el("div", html.el("strong", f"{head['pair_on']} {row['label']}"), cls="fh-head")
    return html.el("div", heading, values, html.el("div", *cards, cls="fh-side"))


def _own(name: str, text: str, more: int) -> html.Html:
    left = f" … ({counted(more, 'more character')})" if more else ""
    return html.el(
        "div", html.el("b", name), ": ", html.el("span", f"{text}{left}", dir=html.direction(text)), style=_KEEP
    )


def _card(name: str, card: Mapping[str, Any], baseline: str) -> html.Html:
    badge = html.badge(card["status"]) if card["status"] != "completed" else None
    facts = html.el("span", " · ".join(facts_of(card)), cls="fh-dim")
    font = "fh-out fh-prose" if card["is_prose"] else "fh-out"
    marks = html.el(
        "div", *(_piece(*piece) for piece in card["marks"]), cls=font, dir=html.direction(card["text"]), style=_KEEP
    )
    changes = changes_table(((f"{c[0]} {c[1]}", *c[2:]) for c in card["changes"]), (baseline, name))
    return html.el(
        "div",
        html.el("div", html.el("strong", html.el("bdi", name)), " ", badge, " ", facts, cls="fh-head"),
        card["view"],
        html.sentence("div", f"Compared to {baseline}: {card['said']}", [baseline], cls="fh-dim")
        if card["said"]
        else None,
        marks if card["marks"] else None,
        changes if card["changes"] else None,
        cls="fh-card",
    )


def facts_of(card: Mapping[str, Any]) -> list[str]:
    """Return what is known of an answer beside its output."""
    score = [cell_score(card)] if card["score"] else []
    return [*score, *(card[name] for name in ("seconds", "repeats") if card[name])]


def _piece(kind: str, text: str, line: str = "") -> html.Html:
    if kind == "gap":
        return html.el(
            "details", html.el("summary", line, dir="ltr"), html.el("div", text, dir=html.direction(text)), cls="fh-gap"
        )
    tag = {"here": "ins", "there": "del"}.get(kind, "span")
    turned, style = (html.direction(text) or "ltr", None) if tag == "del" else (None, "unicode-bidi:isolate")
    return html.el(tag, text, cls="fh-dim" if kind in ("cut", "uncompared") else "", dir=turned, style=style)


# --- text


def page_text(head: Mapping[str, Any], page: Mapping[str, Any]) -> str:
    """Return a page as text: a line a row and variant."""
    lines = [f"{title(head)}: {where(page)}"]
    for row in page["rows"]:
        values = [f"{name}: {text}" for name, text in zip(head["columns"], row["own"], strict=True) if text]
        corrected = f" ({row['corrected']})" if row["corrected"] else ""
        expected = [f"expected: {row['expected']}{corrected}"] if row["expected"] or corrected else []
        differs = ["outputs differ"] if row["differs"] else []
        lines.append(" · ".join([f"{head['pair_on']} {row['label']}", *values, *expected, *differs]))
        lines += [f"  {name}: {_cell_text(cell)}" for name, cell in zip(head["variants"], row["cells"], strict=True)]
    return "\n".join([*lines, *(_opened_text(head, page["open"]) if page["open"] else ())])


def _cell_text(cell: Mapping[str, Any]) -> str:
    status = f"[{cell['status']}] " if cell["status"] else ""
    score = f" ({cell_score(cell)})" if cell["score"] else ""
    return f"{status}{cell['text']}{score}"


def _opened_text(head: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n{head['pair_on']} {row['label']}, opened; compared to {head['variants'][row['baseline']]}"
    if row["story"]:
        yield f"corrected: {row['story']}"
    for name, card in zip(head["variants"], row["cards"], strict=True):
        facts = f" ({', '.join(facts_of(card))})" if facts_of(card) else ""
        yield f"{name}{facts}: {card['status']}"
        yield card["text"]
        if card["said"]:
            yield card["said"]
        if card["marks"]:
            yield "".join(_marked(*piece) for piece in card["marks"])
        yield from (_changed(change) for change in card["changes"])


def _marked(kind: str, text: str, line: str = "") -> str:
    if kind == "gap":
        return f" {line} "
    words = text.rstrip()
    begin, end = {"here": ("{+", "+}"), "there": ("[-", "-]")}.get(kind, ("", ""))
    return f"{begin}{words}{end}{text[len(words) :]}"


def _changed(change: Sequence[Any]) -> str:
    sign, _, pieces, before, after = change
    path = "".join(pieces)
    if sign == SIGNS["changed"]:
        return f"{sign} {path}: {before} → {after}"
    return f"{sign} {path}: {before or after}" if sign else path
