"""What changed in a JSON value as a table that is read at any width: in a wide place four columns, in a narrow one a
block a change, with the path in its first line.

Rule of this file: a path breaks between its names and the words of a name, not inside of a word, unless a single word
is wider than its place; and it is copied as it is, since no character marks the places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from fh_notebook import html

__all__ = ["changes_style", "changes_table", "pieces_of"]

NAMES: Final = ("before", "after")
_BREAKS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[_\-/])|(?=[.\[])")


def pieces_of(path: str) -> list[str]:
    """Return a path in the pieces that it may be broken into.

    Examples
    --------
    >>> pieces_of("items[0].postalCode")
    ['items', '[0]', '.postal', 'Code']
    """
    return [piece for piece in _BREAKS.split(path) if piece]


def changes_table(lines: Iterable[tuple[str, list[str], object, object]]) -> html.Html:
    """Return the table of changes: sign and kind, the pieces of the path, what was, what is."""
    head = html.el("tr", *(html.el("th", name, scope="col") for name in ("", "path", *NAMES)))
    rows = (
        html.el("tr", html.el("td", kind), html.el("td", *map(_piece, path)), *map(_value, NAMES, values))
        for kind, path, *values in lines
    )
    made = html.el("table", html.el("thead", head), html.el("tbody", *rows), cls="fh-table fh-changes")
    return html.el("div", made, cls="fh-changed")


def _piece(piece: str) -> html.Html:
    return html.el("span", piece, cls="fh-piece")


def _value(name: str, value: object) -> html.Html:
    return html.el("td", value, cls=f"fh-{name}", dir=html.direction(value))


def changes_style(inside: str) -> str:
    """Return the style of such tables inside of what a selector finds."""
    # With the wrapper: another output of the page has html.STYLE again, behind this style.
    table = f"{inside} .fh-changed table.fh-changes"
    values = f"{table} td.fh-before,{table} td.fh-after"
    labels = f"{table} td.fh-before::before,{table} td.fh-after::before"
    narrow = (
        f"{table},{table} tbody{{display:block}}{table} thead{{display:none}}"
        f"{table} tr{{display:grid;grid-template-columns:max-content minmax(0,1fr);"
        "border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.4))}"
        f"{table} td{{border:0;padding:2px 8px 2px 0}}"
        f"{values}{{grid-column:1/-1;display:grid;grid-template-columns:4.5em minmax(0,1fr)}}"
        f"{table} td.fh-before::before{{content:'before'}}{table} td.fh-after::before{{content:'after'}}"
        f"{labels}{{color:var(--jp-ui-font-color2,inherit)}}"
        f"{table} td:empty{{display:none}}{table} tr>:first-child{{padding-top:6px}}"
        f"{table} tr>:nth-child(2){{padding-top:6px}}{table} tr>:last-child{{padding-bottom:6px}}"
    )
    return (
        f"{inside} .fh-changed{{container-type:inline-size;max-width:100%}}"
        f"{table}{{display:table;table-layout:fixed;width:100%;margin:4px 0}}"
        f"{table} td,{table} th{{min-width:0;max-width:none;white-space:pre-wrap;overflow-wrap:anywhere}}"
        f"{table} th:first-child{{width:7em}}{table} th:nth-child(2){{width:36%}}"
        f"{table} td:first-child{{font-weight:600;white-space:nowrap}}"
        f"{table} td:nth-child(2){{font-family:var(--jp-code-font-family,monospace)}}"
        f"{table} .fh-piece{{display:inline-block;max-width:100%}}"
        f"{table} .fh-out{{border:0;padding:0;background:none;font-size:inherit}}"
        f"@container (max-width:620px){{{narrow}}}"
    )
