"""Two texts compared, as one text with marks.

Rule of this file: no colour says what a line does not: what only this one has is underlined, what only the other has is
struck through. Long stretches that both have are cut to what stands around the differences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fh_notebook import html
from fh_notebook.comparing.diff import Difference, Segment

__all__ = ["MARKS_STYLE", "marked"]

AROUND: Final = 300
"""Characters that are left at each end of what both texts have."""
MARKS: Final = 2_000
"""Marks that are shown at most: a text with more is another text."""

MARKS_STYLE: Final = (
    ".fh ins,.fh del{color:inherit;border-radius:2px;padding:0 1px}"
    ".fh ins{text-decoration:underline 2px;background:rgba(46,160,67,.22)}"
    ".fh del{text-decoration:line-through;background:rgba(229,83,75,.2)}"
)


def marked(found: Difference, *, cap: int, whole: str, both: bool) -> html.Html:
    """Return what was `found` as one text.

    Parameters
    ----------
    found : Difference
        This text, compared to the first variant's.
    cap : int
        Characters that are shown at most.
    whole : str
        Where all of it is, in words.
    both : bool
        Whether what only the other text has is shown too, and what both have is cut.

    Examples
    --------
    >>> from fh_notebook.comparing.diff import compare_texts
    >>> "<ins>late.</ins>" in marked(compare_texts("It is late.", "It is lost."), cap=99, whole="", both=False)
    False
    """
    parts = list(_parts(found, both))
    left, shown, marks, open_to = cap, [], 0, len(parts)
    for number, part in enumerate(parts):
        if left <= 0 or marks >= MARKS:
            open_to = number
            break
        shown.append(_element(part, left))
        left -= len(part.text)
        marks += part.kind in ("here", "there")
    more = sum(len(part.text) for part in parts[open_to:]) + max(-left, 0)
    end = html.el("div", f"… {more:,} more characters; {whole}", cls="fh-dim") if more else None
    return html.el("div", *shown, end, cls="fh-out fh-marked", dir="auto", style=_STYLE)


_STYLE: Final = "white-space:pre-wrap;unicode-bidi:isolate;max-height:40em;overflow:auto"


def _parts(found: Difference, both: bool) -> Iterator[Segment]:
    last = len(found.segments) - 1
    for number, part in enumerate(found.segments):
        if part.kind == "there" and not both:
            continue
        if not both or part.kind != "same" or len(part.text) <= 3 * AROUND:
            yield part
            continue
        text, cut = part.text, len(part.text)
        before = text[:AROUND] if number else ""
        after = text[-AROUND:] if number < last else ""
        cut -= len(before) + len(after)
        yield Segment("same", f"{before} […{cut:,} characters that are the same…] {after}")


def _element(part: Segment, left: int) -> html.Html:
    tag = {"here": "ins", "there": "del"}.get(part.kind, "span")
    title = {"here": "only here", "there": "only in the first", "uncompared": "not compared"}.get(part.kind)
    return html.el(tag, part.text[:left], title=title)
