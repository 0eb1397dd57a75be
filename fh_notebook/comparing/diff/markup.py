"""HTML of differences: a text with marks, and the table of changes of a JSON value.

No meaning depends on colour: what only this text has is underlined, what only the other has is struck through. Long
texts are folded, then cut, as elsewhere. The table has four columns in a wide place, and a block for each change in a
narrow one. A path breaks between its names and the words of a name, not inside of a word, unless a single word is wider
than its place; it can be copied unchanged, because no character marks the breaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from fh_notebook.comparing.diff.text_diff import Segment, TextDifference, gaps_text, with_gaps
from fh_notebook.core.text import html
from fh_notebook.core.text.messages import counted

_BREAKS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[_\-/])|(?=[.\[])")


def path_pieces(path: str) -> list[str]:
    """Return the pieces between which a path may break.

    Examples
    --------
    >>> path_pieces("items[0].postalCode")
    ['items', '[0]', '.postal', 'Code']
    """
    return [piece for piece in _BREAKS.split(path) if piece]


def changes_table(lines: Iterable[tuple[Any, ...]], names: Sequence[str]) -> html.Html:
    """Return the table of changes: sign and kind, the pieces of the path, what those of these names have there."""
    head = html.el("tr", *(html.el("th", name, scope="col") for name in ("change", "path", *names)))
    rows = (
        html.el("tr", html.el("td", kind), html.el("td", *map(_piece_html, path)), *map(_value_html, names, values))
        for kind, path, *values in lines
    )
    table = html.el("table", html.el("thead", head), html.el("tbody", *rows), cls="fh-table fh-changes")
    return html.el("div", table, cls="fh-changed")


def _piece_html(piece: str) -> html.Html:
    return html.el("span", piece, cls="fh-piece")


def _value_html(name: str, value: object) -> html.Html:
    return html.el("td", value, cls="fh-value", data_name=name, dir=html.direction(value))


def changes_style(inside: str) -> str:
    """Return the style of such tables inside a selector."""
    # With the wrapper: another output of the page has html.STYLE again, behind this style.
    table = f"{inside} .fh-changed table.fh-changes"
    values = f"{table} td.fh-value"
    narrow = (
        f"{table},{table} tbody{{display:block}}{table} thead{{display:none}}"
        f"{table} tr{{display:grid;grid-template-columns:max-content minmax(0,1fr);"
        "border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.4))}"
        f"{table} td{{border:0;padding:2px 8px 2px 0}}"
        f"{values}{{grid-column:1/-1;display:grid;grid-template-columns:8em minmax(0,1fr)}}"
        f"{values}::before{{content:attr(data-name);color:var(--jp-ui-font-color2,inherit)}}"
        f"{table} td:empty{{display:none}}{table} tr>:first-child{{padding-top:6px}}"
        f"{table} tr>:nth-child(2){{padding-top:6px}}{table} tr>:last-child{{padding-bottom:6px}}"
    )
    return (
        f"{inside} .fh-changed{{container-type:inline-size;max-width:100%}}"
        f"{table}{{display:table;table-layout:fixed;width:100%;margin:4px 0}}"
        f"{table} td,{table} th{{min-width:0;max-width:none;white-space:pre-wrap;overflow-wrap:anywhere}}"
        f"{table} th:first-child{{width:7em}}{table} th:nth-child(2){{width:26%}}"
        f"{table} td:first-child{{font-weight:600;white-space:nowrap}}"
        f"{table} td:nth-child(2){{font-family:var(--jp-code-font-family,monospace)}}"
        f"{table} .fh-piece{{display:inline-block;max-width:100%}}"
        f"{table} .fh-out{{border:0;padding:0;background:none;font-size:inherit}}"
        f"@container (max-width:400px){{{narrow}}}"
    )


AROUND: Final = 160
"""Characters that are kept at each end of a common part, where only differences are shown."""
GAP_SHOWN: Final = 1_000
"""Characters of such a part that opens."""

A_MARK: Final = 70
"""Characters of HTML that a mark takes, in the mean: those of both its tags, and of the part behind it."""

MARKS: Final = 2_000
"""Most marks that are shown."""


def marks_style(inside: str) -> str:
    """Return the style of marks inside a selector."""
    return (
        # Each piece for itself: a number behind a Latin word in a Hebrew line would join it over what is between them.
        f"{inside} :is(ins,.fh-marked>span,.fhb-marks>span){{unicode-bidi:isolate}}"
        f"{inside} ins,{inside} del{{color:inherit;border-radius:2px;padding:0 1px}}"
        f"{inside} ins{{text-decoration:underline 2px;background:rgba(46,160,67,.22)}}"
        f"{inside} del{{text-decoration:line-through;background:rgba(229,83,75,.2)}}"
        # What stands for a word is not read as part of it; a margin, so that copied text stays as it is.
        f"{inside} :is(del+ins,ins+del,del+span:empty+ins,ins+span:empty+del){{margin-inline-start:4px}}"
        f"{inside} .fh-gap{{margin:4px 0;color:var(--jp-ui-font-color2,inherit)}}"
        f"{inside} .fh-gap>summary{{cursor:pointer;font:12px/1.6 var(--jp-ui-font-family,system-ui,sans-serif)}}"
    )


MARKS_STYLE: Final = marks_style(".fh")


def mark_text(
    difference: TextDifference,
    *,
    cap: int,
    whole: str,
    both: bool,
    more: html.Html | None = None,
    open_chars: int = html.CHARS_OPEN,
    open_lines: int = html.LINES_OPEN,
    mark_size: int = 0,
) -> html.Html:
    """Return the difference as one marked text.

    Examples
    --------
    >>> from fh_notebook.comparing.diff.text_diff import compare_texts
    >>> found = compare_texts("It is late.", "It is lost.")
    >>> "late</ins>" in mark_text(found, cap=99, whole="", both=False)
    True
    >>> "lost</del>" in mark_text(found, cap=99, whole="", both=True)
    True
    """
    parts = [part for part in difference.segments if both or part.kind != "there"]
    if both:
        parts = list(with_gaps(parts, AROUND))
    shown = _limit_segments(parts, cap, mark_size)
    left = _open_length(parts) - _open_length(shown)
    text = "".join(part.text for part in shown if part.kind != "gap")
    # What was removed does not turn it.
    said = "".join(part.text for part in shown if part.kind not in ("gap", "there"))
    open_part, _ = html.opened(text, open_lines, open_chars)
    head, rest = _split_segments(shown, len(open_part)) if len(open_part) < len(text) else (shown, [])
    end = [html.el("div", f"… {counted(left, 'more character')}; {whole}", cls="fh-dim"), more] if left else []
    if rest:
        summary = f"… {counted(len(text) - len(open_part), 'more character')}"
        end = [html.fold(summary, html.el("div", *map(_segment_html, rest), *end, cls="fh-rest", tabindex=0))]
    style = "white-space:pre-wrap;unicode-bidi:isolate"
    return html.el(
        "div",
        *map(_segment_html, head),
        *end,
        cls=f"{html.text_class(text)} fh-marked",
        dir=html.direction(said),
        style=style,
    )


def _open_length(parts: Iterable[Segment]) -> int:
    """Return the characters of the parts that are not folded."""
    return sum(len(part.text) for part in parts if part.kind != "gap")


def _limit_segments(parts: Sequence[Segment], cap: int, mark_size: int) -> list[Segment]:
    """Return the first `cap` characters of the parts, with at most `MARKS` marks; each takes `mark_size` of them."""
    shown, marks = [], 0
    for part in parts:
        marks += part.kind in ("here", "there")
        if cap <= 0 or marks > MARKS:
            break
        cap -= mark_size if part.kind != "same" else 0
        if part.kind == "gap":
            shown.append(part)
            cap -= min(len(part.text), GAP_SHOWN) if mark_size else 0
            continue
        shown.append(Segment(part.kind, part.text[: max(cap, 1)]))
        cap -= len(part.text)
    return shown


def _split_segments(parts: Sequence[Segment], at: int) -> tuple[list[Segment], list[Segment]]:
    """Return the parts before a position in their text, in which gaps do not count, and those after it."""
    head: list[Segment] = []
    rest: list[Segment] = []
    for part in parts:
        if part.kind == "gap":
            (head if at else rest).append(part)
            continue
        if part.text[:at]:
            head.append(Segment(part.kind, part.text[:at]))
        if part.text[at:]:
            rest.append(Segment(part.kind, part.text[at:]))
        at = max(at - len(part.text), 0)
    return head, rest


def _segment_html(part: Segment) -> html.Html:
    """Return a part in its mark, with the white space at its end outside; a gap as a line that opens it."""
    if part.kind == "gap":
        # In the direction of our own words, whatever stands around it.
        line = html.el("summary", gaps_text(len(part.text)), dir="ltr")
        return html.el(
            "details",
            line,
            html.el("div", html.clip(part.text, GAP_SHOWN), dir=html.direction(part.text)),
            cls="fh-gap",
        )
    tag, title = {
        "here": ("ins", "only here"),
        "there": ("del", "only in the first"),
        "uncompared": ("span", "not compared"),
        "same": ("span", None),
    }[part.kind]
    words = part.text.rstrip()
    blanks = part.text[len(words) :]
    # A text has the direction of what it says now: what was removed has its own, and does not count.
    turned = html.direction(words) or "ltr" if tag == "del" else None
    return html.join(
        [html.el(tag, html.marked(words, "", len(words)), title=title, dir=turned), html.el("span", blanks)]
    )
