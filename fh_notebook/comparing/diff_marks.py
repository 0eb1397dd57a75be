"""Two texts compared, as one text with marks.

Rule of this file: no colour says what a line does not: what only this one has is underlined, what only the other has is
struck through. What is long is folded, then capped, as any other text is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fh_notebook import html
from fh_notebook.comparing.diff import Difference, Segment
from fh_notebook.plural import agreeing, counted

__all__ = ["MARKS_STYLE", "marked", "marks_style"]

AROUND: Final = 300
"""Characters that are left at each end of what both texts have, where only differences are looked at."""
MARKS: Final = 2_000
"""Marks that are shown at most: a text with more is another text."""


def marks_style(inside: str) -> str:
    """Return the style of marks inside of what a selector finds."""
    return (
        f"{inside} ins,{inside} del{{color:inherit;border-radius:2px;padding:0 1px}}"
        f"{inside} ins{{text-decoration:underline 2px;background:rgba(46,160,67,.22)}}"
        f"{inside} del{{text-decoration:line-through;background:rgba(229,83,75,.2)}}"
    )


MARKS_STYLE: Final = marks_style(".fh")


def marked(found: Difference, *, cap: int, whole: str, both: bool) -> html.Html:
    """Return what was `found` as one text.

    Parameters
    ----------
    found : Difference
        This text, compared to another.
    cap : int
        Characters that are shown at most.
    whole : str
        Where all of it is, in words.
    both : bool
        Whether what only the other text has is shown too, and of what both have only what stands around.

    Examples
    --------
    >>> from fh_notebook.comparing.diff import compare_texts
    >>> found = compare_texts("It is late.", "It is lost.")
    >>> "late</ins>" in marked(found, cap=99, whole="", both=False)
    True
    >>> "lost</del>" in marked(found, cap=99, whole="", both=True)
    True
    """
    parts = list(_parts(found, both))
    kept = _kept(parts, cap)
    more = sum(len(part.text) for part in parts) - sum(len(part.text) for part in kept)
    text = "".join(part.text for part in kept)
    open_part, _ = html.opened(text)
    head, rest = _cut(kept, len(open_part))
    end = [html.el("div", f"… {counted(more, 'more character')}; {whole}", cls="fh-dim")] if more else []
    if rest:
        said = f"… {counted(len(text) - len(open_part), 'more character')}"
        end = [html.fold(said, html.el("div", *map(_element, rest), *end, cls="fh-rest"))]
    style = "white-space:pre-wrap;unicode-bidi:isolate"
    return html.el("div", *map(_element, head), *end, cls="fh-out fh-marked", dir="auto", style=style)


def _parts(found: Difference, both: bool) -> Iterator[Segment]:
    last = len(found.segments) - 1
    for number, part in enumerate(found.segments):
        if part.kind == "there" and not both:
            continue
        if not both or part.kind != "same" or len(part.text) <= 3 * AROUND:
            yield part
            continue
        before = part.text[:AROUND] if number else ""
        after = part.text[-AROUND:] if number < last else ""
        left = len(part.text) - len(before) - len(after)
        yield Segment("same", f"{before} […{counted(left, 'character')} {agreeing(left, 'are')} the same…] {after}")


def _kept(parts: Sequence[Segment], cap: int) -> list[Segment]:
    """Return the first `cap` characters of the parts, with not too many marks in them."""
    kept, marks = [], 0
    for part in parts:
        marks += part.kind in ("here", "there")
        if cap <= 0 or marks > MARKS:
            break
        kept.append(Segment(part.kind, part.text[:cap]))
        cap -= len(part.text)
    return kept


def _cut(parts: Sequence[Segment], at: int) -> tuple[list[Segment], list[Segment]]:
    """Return the parts before a place in their text, and those behind it."""
    head: list[Segment] = []
    rest: list[Segment] = []
    for part in parts:
        if part.text[:at]:
            head.append(Segment(part.kind, part.text[:at]))
        if part.text[at:]:
            rest.append(Segment(part.kind, part.text[at:]))
        at = max(at - len(part.text), 0)
    return head, rest


def _element(part: Segment) -> html.Html:
    """A part in its mark, white space at its end outside of it."""
    tag, title = {
        "here": ("ins", "only here"),
        "there": ("del", "only in the first"),
        "uncompared": ("span", "not compared"),
        "same": ("span", None),
    }[part.kind]
    words = part.text.rstrip()
    # Two texts of at most a cap's length each: an element cuts what is longer.
    return html.join([html.el(tag, words, title=title), html.el("span", part.text[len(words) :])])
