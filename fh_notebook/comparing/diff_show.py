"""A row's differences as HTML and as text.

Rule of this file: whatever a model said is text, escaped and cut; no colour says what a word, a sign or a line does
not; and what the page shows, the text twin says as well, with ``[-removed-]`` and ``{+added+}`` as ``wdiff`` has them.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from fh_notebook import html
from fh_notebook.batching.cells import is_missing, object_series, plain
from fh_notebook.batching.wording import one_line
from fh_notebook.comparing.diff import Difference, compare_texts
from fh_notebook.comparing.diff_changes import changes_style, changes_table, pieces_of
from fh_notebook.comparing.diff_json import Change, Changes
from fh_notebook.comparing.diff_marks import MARKS_STYLE, marked
from fh_notebook.comparing.diff_row import Answer, Versus
from fh_notebook.contract.jsonable import pretty

__all__ = ["EMPTY", "SIGNS", "RowDiff", "page", "spelt", "text", "wdiff"]

CHANGES_SHOWN: Final = 100
VALUE_SHOWN: Final = 300
"""Characters of one value beside its path."""
TEXT_SHOWN: Final = 2_000
"""Characters of one difference, or of one output, in the text twin."""
AROUND: Final = 80
"""Characters of what both have that stand around a difference in the text twin."""
WORDS_MARKED: Final = 40
"""A text of a JSON value that is longer than so many characters has its words marked."""
EMPTY: Final = "(empty)"
"""What an answer without any text is shown as, as in rating."""
SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}

STYLE: Final = html.Html(
    f"<style>{MARKS_STYLE}{changes_style('.fh')}"
    ".fh .fh-inputs{margin:0 0 8px;overflow-wrap:anywhere}"
    ".fh .fh-against{margin:8px 0 2px;overflow-wrap:anywhere}"
    "</style>"
)


# --- HTML


@dataclass(frozen=True, kw_only=True)
class RowDiff:
    """What the variants said to one row, each against a baseline; it shows itself as HTML and as text.

    Attributes
    ----------
    row : object
        Which row: a value of the column that pairs.
    parts : tuple of Versus
        One a variant: ``part.a`` is the baseline, ``part.b`` the variant, ``part.words`` or ``part.changes`` what is
        different, ``str(part)`` the same in a line.
    """

    row: Any
    parts: tuple[Versus, ...]
    pair_on: str = "row"
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """The row's own columns, such as the ticket."""
    has_score: bool = False
    alone: tuple[Answer, ...] = ()
    """Of a row with nothing to compare: the only variant's answer."""

    @property
    def same(self) -> bool:
        """Whether all variants said the same."""
        return all(part.same for part in self.parts)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Every answer once, baselines before what is compared to them."""
        found = {answer.variant: answer for part in self.parts for answer in (part.a, part.b)}
        return tuple(found.values()) or self.alone

    @property
    def frame(self) -> pd.DataFrame:
        """One line a difference.

        Columns: ``a, b``: the two variants; ``kind``: ``added`` (only b has it), ``removed`` (only a) or ``changed``;
        ``path`` into the JSON, empty for texts; ``before, after``: what each has there.
        """
        lines = [(p.a.variant, p.b.variant, *line) for p in self.parts for line in _lines(p)]
        columns: Sequence[str] = ("a", "b", "kind", "path", "before", "after")
        return pd.DataFrame({name: object_series([line[at] for line in lines]) for at, name in enumerate(columns)})

    def __str__(self) -> str:
        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return page(self)


def page(diff: RowDiff) -> html.Html:
    """Return a row's answers beside each other, with what is different under each."""
    by_name = _by_variant(diff)
    cards = [_card(answer, by_name.get(answer.variant, ()), diff.has_score) for answer in diff.answers]
    head = html.el("div", html.el("strong", _title(diff)), cls="fh-head")
    told = [
        html.el("span", f"{name}: ", html.el("bdi", value) if html.direction(value) else value)
        for name, value in _inputs(diff)
    ]
    inputs = html.el("div", html.join(told, " · "), cls="fh-dim fh-inputs") if told else None
    return html.el(
        "div", html.STYLE, STYLE, head, inputs, html.el("div", *cards, cls="fh-side"), cls="fh fh-diff"
    )  # fmt: skip


def _by_variant(diff: RowDiff) -> dict[str, list[Versus]]:
    """Return what each variant is compared to: of three dates the last one to both before it."""
    found: dict[str, list[Versus]] = {}
    for part in diff.parts:
        found.setdefault(part.b.variant, []).append(part)
    return found


def _title(diff: RowDiff) -> str:
    baselines = dict.fromkeys(part.a.variant for part in diff.parts)
    against = f", against {', '.join(baselines)}" if baselines else "; one variant, and nothing to compare it to"
    return one_line(f"{diff.pair_on} {diff.row}{against}", 200)


def _inputs(diff: RowDiff) -> list[tuple[str, str]]:
    known = [(name, value) for name, value in diff.inputs.items() if not is_missing(value)]
    told = [(name, value if isinstance(value, str) else spelt(plain(value))) for name, value in known[:8]]
    return [(one_line(name), one_line(value, VALUE_SHOWN)) for name, value in told]


def _card(answer: Answer, parts: Sequence[Versus], has_score: bool) -> html.Html:
    facts = html.el("span", _facts(answer, has_score), cls="fh-dim")
    badge = html.badge(answer.status) if not answer.ok else None
    head = html.el("div", html.el("strong", answer.variant), " ", badge, " ", facts, cls="fh-head")
    whole = "the comparison's frame has all"
    if answer.ok:
        body = html.folded(_output(answer), whole=whole, open_chars=html.CHARS_OPEN // 2)
    else:
        error = answer.error or str(answer.status)
        body = html.el("div", html.clip(error), cls="fh-error", dir=html.direction(error))
    return html.el("div", head, body, *(told for part in parts for told in _against(part, whole)), cls="fh-card")


def _facts(answer: Answer, has_score: bool) -> str:
    told = [f"score {answer.score:.4g}"] if answer.score == answer.score else ["no score"] * has_score
    told += [f"{answer.seconds:.3g} s"] if answer.seconds == answer.seconds else []
    told += [f"the first of {answer.answers:,} answers"] if answer.answers > 1 else []
    return " · ".join(told)


def _output(answer: Answer) -> str:
    if answer.output is None or answer.output == "":
        return EMPTY
    return answer.output if isinstance(answer.output, str) else pretty(answer.output, limit=html.TEXT_CAP + 1)[0]


def _against(part: Versus, whole: str) -> Iterator[html.Html]:
    yield html.el("div", f"To {part.a.variant}: {part}", cls="fh-against fh-dim")
    if part.words is not None and not part.words.same:
        yield marked(part.words, cap=html.TEXT_CAP, whole=whole, both=True)
    if part.changes is not None and not part.changes.same:
        yield _table(part.changes)


def _table(changes: Changes) -> html.Html:
    shown = changes.listed[:CHANGES_SHOWN]
    rows = [
        (f"{SIGNS[c.kind]} {c.kind}", pieces_of(c.path) or ["the whole value"], *_both(c))
        for c in shown
    ]  # fmt: skip
    left = len(changes.listed) - len(shown)
    more = html.el("div", f"… {left:,} more; cmp.diff(row).frame has all", cls="fh-dim") if left else None
    return html.el("div", changes_table(rows), more)


def _both(change: Change) -> tuple[object, object]:
    before, after = change.before, change.after
    if change.kind == "changed" and _are_long(before, after):
        found = compare_texts(after, before, limit=10_000)
        return html.clip(before, VALUE_SHOWN), marked(found, cap=2_000, whole=".frame has all", both=True)
    return (
        "" if change.kind == "added" else spelt(before),
        "" if change.kind == "removed" else spelt(after),
    )


def _are_long(before: Any, after: Any) -> bool:
    return isinstance(before, str) and isinstance(after, str) and min(len(before), len(after)) > WORDS_MARKED


def spelt(value: Any, limit: int = VALUE_SHOWN) -> str:
    """Return a JSON value in one printable line of at most `limit` characters.

    Examples
    --------
    >>> spelt({"a": [1, "x"]}), spelt([1, 2, 3], 5)
    ('{"a": [1, "x"]}', '[1, …')
    """
    if isinstance(value, str):
        return one_line(json.dumps(value[: limit * 2], ensure_ascii=False), limit)
    told, is_whole = pretty(value, limit=limit * 4, indent=None)
    return one_line(told if is_whole else f"{told}…", limit)


# --- text


def text(diff: RowDiff) -> str:
    """Return a row's differences as text."""
    by_name = _by_variant(diff)
    inputs = " · ".join(f"{name}: {value}" for name, value in _inputs(diff))
    said = [_title(diff), *([inputs] if inputs else [])]
    for answer in diff.answers:
        facts = _facts(answer, diff.has_score)
        said.append(f"{one_line(answer.variant)}{f' ({facts})' if facts else ''}:")
        if not (parts := by_name.get(answer.variant, ())):
            shown = _output(answer) if answer.ok else f"{answer.status}: {answer.error or ''}".rstrip(": ")
            said.append(_indented(html.folded_text(shown, whole="the comparison's frame has all")))
        for part in parts:
            to = f"to {one_line(part.a.variant)}: " if len(parts) > 1 else ""
            said += [f"  {to}{part}", *_told(part)]
    return "\n".join(said)


def _told(part: Versus) -> Iterator[str]:
    if part.changes is not None:
        for change in part.changes.listed[:CHANGES_SHOWN]:
            yield f"  {SIGNS[change.kind]} {html.printable(change.path) or '(the whole value)'}: {_arrow(change)}"
        if (left := len(part.changes.listed) - CHANGES_SHOWN) > 0:
            yield f"  … {left:,} more; .frame has all"
    elif part.words is not None and not part.words.same:
        yield _indented(wdiff(part.words))
    elif not part.b.ok and part.b.error:
        yield f"  {one_line(part.b.error, VALUE_SHOWN)}"


def _arrow(change: Change) -> str:
    if change.kind == "changed":
        return f"{spelt(change.before)} → {spelt(change.after)}"
    return spelt(change.after if change.kind == "added" else change.before)


def wdiff(found: Difference, limit: int = TEXT_SHOWN) -> str:
    """Return two texts as one, with ``[-what only the first has-]`` and ``{+what only this has+}``.

    Examples
    --------
    >>> print(wdiff(compare_texts("It is lost.", "It is late.")))
    It is [-late-]{+lost+}.
    """
    parts, length, last = [], 0, len(found.segments) - 1
    for number, segment in enumerate(found.segments):
        words = segment.text.rstrip()
        after = segment.text[len(words) :]
        if segment.kind in ("here", "there"):
            begin, end = ("{+", "+}") if segment.kind == "here" else ("[-", "-]")
            parts.append(f"{begin}{words}{end}{after}")
        elif len(segment.text) > 3 * AROUND:
            head = segment.text[:AROUND] if number else ""
            tail = segment.text[-AROUND:] if number < last else ""
            parts.append(f"{head} […] {tail}")
        else:
            parts.append(segment.text)
        length += len(parts[-1])
        if length > limit:
            return html.printable(html.clip("".join(parts), limit))
    return html.printable("".join(parts))


def _indented(said: str) -> str:
    return textwrap.indent(said, "  ", lambda line: True)


def _lines(part: Versus) -> list[tuple[Any, ...]]:
    if part.changes is not None:
        return [(c.kind, c.path, c.before, c.after) for c in part.changes.listed]
    segments = part.words.segments if part.words is not None else ()
    found: list[tuple[Any, ...]] = []
    before = ""
    for segment in segments:
        if segment.kind == "there":
            found.append(("removed", "", segment.text, None))
        elif segment.kind == "here" and before == "there":
            found[-1] = ("changed", "", found[-1][2], segment.text)
        elif segment.kind == "here":
            found.append(("added", "", None, segment.text))
        before = segment.kind
    return found
