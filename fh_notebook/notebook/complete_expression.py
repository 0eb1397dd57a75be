"""Inside ``{{ ... }}`` of a body: names of the namespace, and a frame's columns after ``row.`` and ``row["``.

Rule of this file: nothing is evaluated. Attributes of other objects are left to IPython's own completion, which knows
how to look at them without running what should not run.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import Any, Final

from fh_notebook.notebook.complete_names import by_use, columns
from fh_notebook.notebook.complete_offer import NOTHING, Offer, joined, offer
from fh_notebook.notebook.template import MAX_LENGTH

__all__ = ["complete_expression"]

_ATTRIBUTE: Final = re.compile(r"(?<![\w.\])])([^\W\d]\w*)\.(\w*)\Z")
_ITEM: Final = re.compile(r"""(?<![\w.\])])([^\W\d]\w*)\[(["'])((?:(?!\2)[^\\\n]|\\.)*)\Z""")
_NAME: Final = re.compile(r"(?<![\w.])([^\W\d]\w*|)\Z")


def complete_expression(body: str, after: str, names: Mapping[str, Any], over: str | None) -> Offer | None:
    """Return what can stand at the end of `body`, or ``None`` when no expression is open there.

    Parameters
    ----------
    body : str
        The cell's body before the cursor.
    after : str
        The text behind the cursor.
    names : Mapping
        The user's variables.
    over : str or None
        The variable that ``--over`` names: ``row`` is one row of it.

    Examples
    --------
    >>> rows = [{"ticket": "late", "case no": 1}]
    >>> complete_expression("text: {{ row.ti", " }}", {"rows": rows}, "rows").texts
    ('ticket',)
    >>> complete_expression("text: {{ row['", "", {"rows": rows}, "rows").texts
    ("ticket']", "case no']")
    """
    source = _open_expression(body)
    if source is None:
        return None
    if item := _ITEM.search(source):
        name, quote, typed = item.groups()
        return _items(typed, quote, after, _columns(name, names, over))
    if _in_string(source):
        return NOTHING
    if attribute := _ATTRIBUTE.search(source):
        name, typed = attribute.groups()
        if name != "row" or over is None:
            return NOTHING
        return offer(typed, "column", [c for c in _columns(name, names, over) if _can_be_attribute(c)])
    if found := _NAME.search(source):
        row = offer(found[1], "row", ["row"] if over is not None else [])
        return joined(row, offer(found[1], "name", [n for n in by_use(names) if over is None or n != "row"]))
    return NOTHING


def _open_expression(body: str) -> str | None:
    """Return the source of the expression that is open at the end of `body`; one stands on one line."""
    line = body[body.rfind("\n") + 1 :][-MAX_LENGTH:]
    start = line.rfind("{{")
    if start < 0:
        return None
    source = line[start + 2 :]
    # A "}}" may end a dict of the expression, as in `{{ {"a": {}} | `: then as many braces were opened.
    return source if source.count("{") - source.count("}") > -2 else None


def _in_string(source: str) -> bool:
    quote = ""
    skip = False
    for char in source:
        if skip:
            skip = False
        elif char == "\\" and quote:
            skip = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
    return bool(quote)


def _columns(name: str, names: Mapping[str, Any], over: str | None) -> list[str]:
    source = over if name == "row" and over is not None else name
    return columns(names.get(source))


def _can_be_attribute(name: str) -> bool:
    # What begins with two underscores is Python's own, or renamed inside a class.
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")


def _items(typed: str, quote: str, after: str, names: list[str]) -> Offer:
    """The keys between brackets; what an editor has closed by itself behind the cursor is not closed again."""
    end = "" if after.startswith(quote) else quote if after.startswith("]") else f"{quote}]"

    def spell(name: str) -> str:
        inner = repr(name)[1:-1].replace("\\'", "'").replace(quote, "\\" + quote)
        return inner + end

    return offer(typed, "column", names, spell=spell)
