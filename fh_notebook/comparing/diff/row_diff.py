"""`RowDiff`: the answers to one row against a baseline, as text and as HTML: what ``cmp.diff(row)`` returns.

Texts are compared by words, objects and lists by paths; an answer that did not complete shows its status. Of repeats,
the first completed run is shown, as in `Comparison.wide`, and how often there was each answer. Passwords and keys are
masked wherever they occur.

What a model wrote is text, escaped and cut. No meaning depends on colour, and the text version contains all that the
page contains, with ``[-removed-]`` and ``{+added+}`` as in ``wdiff``.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.batching.rendering import one_line
from fh_notebook.batching.tables.rows import EXPECTED, label_from
from fh_notebook.batching.tables.values import object_series, plain
from fh_notebook.comparing.data import ComparisonData, no_variant
from fh_notebook.comparing.diff.answer_groups import AnswerGroup, groups_of_answers, groups_text
from fh_notebook.comparing.diff.json_diff import Change, Changes, changes_of
from fh_notebook.comparing.diff.markup import MARKS_STYLE, changes_style, changes_table, mark_text, path_pieces
from fh_notebook.comparing.diff.text_diff import LIMIT, TextDifference, compare_runs, compare_texts, with_gaps
from fh_notebook.comparing.masks import RowMasker
from fh_notebook.comparing.scorers.output_values import parse_query, select
from fh_notebook.comparing.stats.number_format import ScoreText
from fh_notebook.contract.output import CSS as OUTPUT_CSS
from fh_notebook.contract.output import OutputOptions, ShownOutput, copy_view, json_value, output_view
from fh_notebook.contract.run import Run, action_text, with_action
from fh_notebook.core import hooks
from fh_notebook.core.json_values import is_missing, pretty
from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import listed, nearest, ordinal, seconds_text, short
from fh_notebook.core.text.html import swatch
from fh_notebook.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantAnswer:
    """The answer of one variant to a row."""

    variant: str
    status: str = "completed"
    output: Any = None
    error: str | None = None
    client_action: str | None = None
    """As `Run.client_action`."""
    score: float = float("nan")
    seconds: float = float("nan")
    answers: int = 1
    """The number of runs of the row; with repeats, this is the first completed one."""
    groups: tuple[AnswerGroup, ...] = ()
    """The different answers of the repeats, the most frequent first; empty of one run."""
    lister: str = ""
    """The run whose output lists files (`Run.identity`)."""

    @property
    def ok(self) -> bool:
        """Whether there is an output to compare."""
        return self.status == "completed"

    @property
    def repeats(self) -> str:
        """Which answers the repeats gave, in a line; empty of one run."""
        if self.answers < 2:
            return ""
        groups = f": {groups_text(self.groups)}" if self.groups else ""
        return f"the first of {self.answers:,} answers{groups}"

    @property
    def run(self) -> Run:
        """The answer as a run."""
        return Run(
            status=self.status,
            output=self.output,
            error=self.error,
            client_action=self.client_action,
            variant=self.variant,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDiff:
    """One answer compared to another: ``words`` for texts, ``changes`` for JSON, neither where one did not complete."""

    a: VariantAnswer
    b: VariantAnswer
    words: TextDifference | None = None
    changes: Changes | None = None

    @property
    def same(self) -> bool:
        """Whether nothing but white space differs; answers that were not compared are not the same."""
        difference = self.changes if self.changes is not None else self.words
        return difference is not None and difference.same

    def __str__(self) -> str:
        """Return the differences in one line."""
        if self.changes is not None:
            return str(self.changes)
        if self.words is not None:
            return str(self.words)
        missing = self.b if not self.b.ok else self.a
        return f"not compared: {missing.variant} {STATES.get(missing.status, f'is {missing.status}')}"


STATES: Final = {"failed": "failed", "pending": "is pending", "unknown": "may have run", "missing": "has no run"}


def compare_answers(a: VariantAnswer, b: VariantAnswer, *, limit: int = LIMIT) -> AnswerDiff:
    """Compare answer `b` to answer `a`; `limit` is how many characters of texts are compared.

    Examples
    --------
    >>> first = VariantAnswer(variant="a", output={"label": "late"})
    >>> second = VariantAnswer(variant="b", output='{"label": "lost"}')
    >>> compare_answers(first, second).changes.listed
    (Change(kind='changed', path='label', before='late', after='lost'),)
    >>> first, second = (VariantAnswer(variant=name, output=f"It is {name}.") for name in ("late", "lost"))
    >>> print(compare_answers(first, second))
    differs: 1 word added, 1 removed
    """
    if not (a.ok and b.ok):
        return AnswerDiff(a=a, b=b)
    first, second = json_value(a.output), json_value(b.output)
    if isinstance(first, Mapping | list) and isinstance(second, Mapping | list):
        return AnswerDiff(a=a, b=b, changes=changes_of(first, second))
    return AnswerDiff(a=a, b=b, words=compare_runs(b.run, a.run, limit=limit))


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
"""The text that is shown for an empty answer, as in rating."""

SIGNS: Final = {"added": "+", "removed": "-", "changed": "~"}


STYLE: Final = html.Html(
    f"<style>{MARKS_STYLE}{changes_style('.fh')}{OUTPUT_CSS}"
    ".fh .fh-inputs{margin:0 0 8px;overflow-wrap:anywhere}"
    ".fh .fh-against{display:flex;flex-wrap:wrap;gap:2px 8px;align-items:baseline;margin:16px 0 4px;"
    "overflow-wrap:anywhere}"
    ".fh .fh-whole{margin-top:12px}"
    ".fh .fh-legend{margin-top:4px}.fh .fh-legend :is(ins,del){color:var(--jp-ui-font-color1,inherit)}"
    "</style>"
)


# --- HTML


@dataclass(frozen=True, kw_only=True)
class RowDiff:
    """The answers of the variants to one row, each against a baseline, shown as HTML and as text.

    Attributes
    ----------
    row : object
        Which row: a value of the column that pairs.
    parts : tuple of AnswerDiff
        One a variant: ``part.a`` is the baseline, ``part.b`` the variant, ``part.words`` or ``part.changes`` what is
        different, ``str(part)`` the same in a line.
    """

    row: Any
    parts: tuple[AnswerDiff, ...]
    pair_on: str = "row"
    place: tuple[int, int] | None = None
    """Which row of how many it is, from 1; ``None`` where nobody has counted."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """The row's own columns, such as the ticket."""
    score_text: ScoreText | None = None
    """The format of a score; ``None`` where nothing was scored."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """Of the variants of the comparison."""
    scored_path: tuple[str | int, ...] = ()
    """The part of an output that is scored; empty for the whole."""
    alone: tuple[VariantAnswer, ...] = ()
    """Of a row with nothing to compare: the only variant's answer."""
    scored_by: str = ""
    """The scorer, and what its score means; empty where nothing was scored."""
    correction: str = ""
    """From what the expected output was corrected, by whom and why; empty where it was not."""

    @property
    def same(self) -> bool:
        """Whether all answers are the same."""
        return all(part.same for part in self.parts)

    @property
    def answers(self) -> tuple[VariantAnswer, ...]:
        """Every answer once, baselines before what is compared to them."""
        answers = {answer.variant: answer for part in self.parts for answer in (part.a, part.b)}
        return tuple(answers.values()) or self.alone

    @property
    def frame(self) -> pd.DataFrame:
        """One line a difference.

        Columns: ``a, b``: the two variants; ``kind``: ``added`` (only b has it), ``removed`` (only a) or ``changed``;
        ``path`` into the JSON, empty for texts; ``before, after``: what each has there.
        """
        lines = [(p.a.variant, p.b.variant, *line) for p in self.parts for line in _frame_rows(p)]
        columns: Sequence[str] = ("a", "b", "kind", "path", "before", "after")
        return pd.DataFrame({name: object_series([line[at] for line in lines]) for at, name in enumerate(columns)})

    def __str__(self) -> str:
        return diff_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return diff_html(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return it with what can be clicked; nothing where nobody could click, so IPython asks for HTML."""
        outputs = [ShownOutput(answer.output, _options(answer, self.scored_path)) for answer in self.answers]
        return hooks.frontend().outputs_bundle(lambda prefix: diff_html(self, prefix), outputs)


def diff_html(diff: RowDiff, prefix: str = "") -> html.Html:
    """Return what is different on a row, then all its answers, folded; of a row with one answer, this one.

    Where a script serves the answers, their keys are `prefix` and their number.
    """
    head = html.el("div", html.sentence("strong", _title(diff), diff.colours), cls="fh-head")
    inputs_html = [
        html.el("span", f"{name}: ", html.el("bdi", value) if html.direction(value) else value)
        for name, value in _input_texts(diff)
    ]
    inputs = html.el("div", html.join(inputs_html, " · "), cls="fh-dim fh-inputs") if inputs_html else None
    keys = {answer.variant: f"{prefix}{number}" if prefix else "" for number, answer in enumerate(diff.answers)}
    cards = html.el("div", *(_card_html(answer, diff, keys[answer.variant]) for answer in diff.answers), cls="fh-side")
    answers = cards
    if diff.parts:
        answers = html.el("details", html.el("summary", "All answers in full"), cards, cls="fh-fold fh-whole")
    parts = (_part_html(part, diff, keys) for part in diff.parts)
    return html.el(
        "div", html.STYLE, STYLE, head, inputs, *parts,
        answers,
        cls="fh fh-diff",
    )  # fmt: skip


def _diffs_by_variant(diff: RowDiff) -> dict[str, list[AnswerDiff]]:
    """Return the differences by variant: with three dates the last has one to each earlier date."""
    diffs_by_variant: dict[str, list[AnswerDiff]] = {}
    for part in diff.parts:
        diffs_by_variant.setdefault(part.b.variant, []).append(part)
    return diffs_by_variant


def _title(diff: RowDiff) -> str:
    baselines = dict.fromkeys(part.a.variant for part in diff.parts)
    against = f", compared to {', '.join(baselines)}" if baselines else "; one variant, and nothing to compare it to"
    place = f" ({ordinal(diff.place[0])} of {diff.place[1]:,})" if diff.place is not None else ""
    scored = f"; scored by {diff.scored_by}" if diff.scored_by else ""
    return one_line(f"{diff.pair_on} {diff.row}{place}{against}{scored}", 200)


def _input_texts(diff: RowDiff) -> list[tuple[str, str]]:
    inputs = [(name, value) for name, value in diff.inputs.items() if not is_missing(value)]
    texts = [(name, value if isinstance(value, str) else value_text(plain(value))) for name, value in inputs[:8]]
    texts += [("corrected", diff.correction)] if diff.correction else []
    return [(one_line(name), one_line(value, VALUE_SHOWN)) for name, value in texts]


NAME_SHOWN: Final = 60
"""Characters of a variant's name in the legend."""

WHOLE: Final = "the comparison's frame has everything"
"""Where a text is that is cut."""


def _name_html(variant: str, colours: Mapping[str, str]) -> html.Html:
    mark = swatch(colours[variant]) if variant in colours else None
    return html.el("strong", mark, html.el("bdi", variant))


def _options(answer: VariantAnswer, path: tuple[str | int, ...], key: str = "") -> OutputOptions:
    return OutputOptions(whole=WHOLE, open_chars=html.CHARS_OPEN // 2, path=path, key=key, run=answer.lister)


def _card_html(answer: VariantAnswer, diff: RowDiff, key: str) -> html.Html:
    facts = html.el("span", _facts_text(answer, diff.score_text), cls="fh-dim")
    badge = html.badge(answer.status) if not answer.ok else None
    head = html.el("div", _name_html(answer.variant, diff.colours), " ", badge, " ", facts, cls="fh-head")
    body = output_view(answer.output, _options(answer, diff.scored_path, key)) if answer.ok else _error_html(answer)
    return html.el("div", head, body, cls="fh-card")


def _error_html(answer: VariantAnswer) -> html.Html:
    error = answer.error or str(answer.status)
    error_html = html.el("div", html.clip(error), cls="fh-error", dir=html.direction(error))
    action = action_text(answer.client_action)
    return html.join([error_html, html.el("div", f"→ {action}", cls="fh-cure")]) if action else error_html


def _facts_text(answer: VariantAnswer, score_text: ScoreText | None) -> str:
    facts = [] if score_text is None else [score_text.alone(answer.score)]
    facts += [seconds_text(answer.seconds)] if answer.seconds == answer.seconds else []
    facts += [answer.repeats] if answer.repeats else []
    return " · ".join(facts)


def _output_text(answer: VariantAnswer) -> str:
    if answer.output is None or answer.output == "":
        return EMPTY
    return answer.output if isinstance(answer.output, str) else pretty(answer.output, limit=html.TEXT_CAP + 1)[0]


def _said_of(part: AnswerDiff, score_text: ScoreText | None) -> str:
    """Return what is different in a line, and how both are scored: a difference alone does not say which is better."""
    if score_text is None or part.a.score != part.a.score or part.b.score != part.b.score:
        return str(part)
    return f"{part} · {score_text.alone(part.a.score)} → {score_text(part.b.score)}"


def _legend(part: AnswerDiff) -> html.Html:
    """Return what the marks of a text mean."""
    removed, added = (html.el("bdi", one_line(answer.variant, NAME_SHOWN)) for answer in (part.a, part.b))
    return html.el(
        "div", html.el("del", "struck through"), ": only ", removed, " · ", html.el("ins", "underlined"), ": only ",
        added, cls="fh-dim fh-legend",
    )  # fmt: skip


def _part_html(part: AnswerDiff, diff: RowDiff, keys: Mapping[str, str]) -> html.Html:
    """Return one answer against another: both names with Copy, what is different in a line, and the differences."""

    def name(answer: VariantAnswer) -> html.Html:
        copy = copy_view(answer.output, _options(answer, (), keys[answer.variant])) if answer.ok else None
        return html.join(filter(None, [_name_html(answer.variant, diff.colours), copy]), " ")

    names = html.join(map(name, (part.a, part.b)), " → ")
    said = html.el("span", _said_of(part, diff.score_text), cls="fh-dim")
    head = html.el("div", names, " ", said, cls="fh-against")
    body: html.Html | None = None
    if part.words is not None and not part.words.same:
        marked = mark_text(part.words, cap=html.TEXT_CAP, whole=WHOLE, both=True)
        body = html.join([marked, _legend(part)])
    elif part.changes is not None and not part.changes.same:
        body = _changes_html(part.changes, (part.a.variant, part.b.variant), diff.inputs.get(EXPECTED))
    elif part.words is None and part.changes is None:
        body = _error_html(part.b if not part.b.ok else part.a)
    return html.el("div", head, body)


def _changes_html(changes: Changes, names: Sequence[str], expected: Any) -> html.Html:
    """Return the changes, with what is expected in each place where something is: it says which of two is right."""
    changes_shown = changes.listed[:CHANGES_SHOWN]
    values = [(c, _expected_at(expected, c.path)) for c in changes_shown]
    has_expected = any(text for _, text in values)
    rows = [
        (f"{SIGNS[c.kind]} {c.kind}", path_pieces(c.path) or ["the whole value"], *_before_and_after(c),
         *([text] if has_expected else []))
        for c, text in values
    ]  # fmt: skip
    names = [*names, *(["expected"] if has_expected else [])]
    left = len(changes.listed) - len(changes_shown)
    more = html.el("div", f"… {left:,} more; cmp.diff(row).frame has everything", cls="fh-dim") if left else None
    return html.el("div", changes_table(rows, names), more)


def _expected_at(expected: Any, path: str) -> str:
    if isinstance(expected, str):
        expected = json_value(expected)
    if not path or not isinstance(expected, Mapping | list):
        return ""
    try:
        steps = parse_query(path)
    except InputError:  # a name that no path can say, or a place too deep for one
        return ""
    if any(step.kind not in ("name", "place") for step in steps):
        return ""
    return next(map(value_text, select(steps, expected)), "")


def _before_and_after(change: Change) -> tuple[object, object]:
    before, after = change.before, change.after
    if change.kind == "changed" and _are_long(before, after):
        difference = compare_texts(after, before, limit=10_000)
        return html.clip(before, VALUE_SHOWN), mark_text(
            difference, cap=2_000, whole=".frame has everything", both=True
        )
    return (
        "" if change.kind == "added" else value_text(before),
        "" if change.kind == "removed" else value_text(after),
    )


def _are_long(before: Any, after: Any) -> bool:
    return isinstance(before, str) and isinstance(after, str) and min(len(before), len(after)) > WORDS_MARKED


def value_text(value: Any, limit: int = VALUE_SHOWN) -> str:
    """Return a JSON value in one printable line of at most `limit` characters.

    Examples
    --------
    >>> value_text({"a": [1, "x"]}), value_text([1, 2, 3], 5)
    ('{"a": [1, "x"]}', '[1, …')
    """
    if isinstance(value, str):
        return one_line(json.dumps(value[: limit * 2], ensure_ascii=False), limit)
    text, is_whole = pretty(value, limit=limit * 4, indent=None)
    return one_line(text if is_whole else f"{text}…", limit)


# --- text


def diff_text(diff: RowDiff) -> str:
    """Return a row's differences as text."""
    by_name = _diffs_by_variant(diff)
    inputs = " · ".join(f"{name}: {value}" for name, value in _input_texts(diff))
    text_lines = [_title(diff), *([inputs] if inputs else [])]
    for answer in diff.answers:
        facts = _facts_text(answer, diff.score_text)
        text_lines.append(f"{one_line(answer.variant)}{f' ({facts})' if facts else ''}:")
        if not (parts := by_name.get(answer.variant, ())):
            error = with_action(answer.error or "", answer.client_action)
            shown = _output_text(answer) if answer.ok else f"{answer.status}: {error}".rstrip(": ")
            text_lines.append(_indent(html.folded_text(shown, whole="the comparison's frame has everything")))
        for part in parts:
            to = f"to {one_line(part.a.variant)}: " if len(parts) > 1 else ""
            text_lines += [f"  {to}{part}", *_diff_lines(part)]
    return "\n".join(text_lines)


def _diff_lines(part: AnswerDiff) -> Iterator[str]:
    if part.changes is not None:
        for change in part.changes.listed[:CHANGES_SHOWN]:
            yield f"  {SIGNS[change.kind]} {html.printable(change.path) or '(the whole value)'}: {_change_text(change)}"
        if (left := len(part.changes.listed) - CHANGES_SHOWN) > 0:
            yield f"  … {left:,} more; .frame has everything"
    elif part.words is not None and not part.words.same:
        yield _indent(wdiff(part.words))
    elif not part.b.ok and (part.b.error or part.b.client_action):
        yield f"  {with_action(one_line(part.b.error or '', VALUE_SHOWN), part.b.client_action)}"


def _change_text(change: Change) -> str:
    if change.kind == "changed":
        return f"{value_text(change.before)} → {value_text(change.after)}"
    return value_text(change.after if change.kind == "added" else change.before)


def wdiff(difference: TextDifference, limit: int = TEXT_SHOWN) -> str:
    """Return two texts as one, with ``[-what only the first has-]`` and ``{+what only this has+}``.

    Examples
    --------
    >>> print(wdiff(compare_texts("It is lost.", "It is late.")))
    It is [-late-]{+lost+}.
    """
    parts, length = [], 0
    for segment in with_gaps(difference.segments, AROUND):
        words = segment.text.rstrip()
        after = segment.text[len(words) :]
        if segment.kind in ("here", "there"):
            begin, end = ("{+", "+}") if segment.kind == "here" else ("[-", "-]")
            parts.append(f"{begin}{words}{end}{after}")
        else:
            parts.append(" […] " if segment.kind == "gap" else segment.text)
        length += len(parts[-1])
        if length > limit:
            return html.printable(html.clip("".join(parts), limit))
    return html.printable("".join(parts))


def _indent(text: str) -> str:
    return textwrap.indent(text, "  ", lambda line: True)


def _frame_rows(part: AnswerDiff) -> list[tuple[Any, ...]]:
    if part.changes is not None:
        return [(c.kind, c.path, c.before, c.after) for c in part.changes.listed]
    segments = part.words.segments if part.words is not None else ()
    lines: list[tuple[Any, ...]] = []
    before = ""
    for segment in segments:
        if segment.kind == "there":
            lines.append(("removed", "", segment.text, None))
        elif segment.kind == "here" and before == "there":
            lines[-1] = ("changed", "", lines[-1][2], segment.text)
        elif segment.kind == "here":
            lines.append(("added", "", None, segment.text))
        before = segment.kind
    return lines


MISSING: Final = "missing"
"""The status of a variant that has no run on a row, not even a planned one."""


def compare_row(
    data: ComparisonData, row: Any, *, a: str | None = None, b: str | Sequence[str] | None = None
) -> RowDiff:
    """Return the answers to a row against a baseline (see ``Comparison.diff``)."""
    if getattr(row, "ndim", 0) or isinstance(row, list | dict | set | np.ndarray) or row is pd.NA:
        raise InputError(f"row is {short(row)}; give one value of {short(data.pair_on)}")
    lines = data.lines
    pairs_at = lines["pair"].tolist()
    places = [at for at, pair in enumerate(pairs_at) if pair == row]
    if not places:  # a value of the frame's own index: a moment, a row of a MultiIndex
        label = label_from(row)
        places = [at for at, pair in enumerate(pairs_at) if pair == label]
        row = label if places else row
    if not places:
        raise InputError(_no_row_message(row, data))
    masks = data.runs.secret().masks()
    answers = {variant: masked(answer_of(data, places, variant), row, masks) for variant in data.variants}
    if data.runs.expected is not None:
        expected = data.runs.expected.get(row)
        answers[EXPECTED] = VariantAnswer(
            variant=EXPECTED, output=masks.value(row, expected), status=MISSING if expected is None else "completed"
        )
    pairs = [
        (_answer_named(first, answers), _answer_named(second, answers)) for first, second in _variant_pairs(data, a, b)
    ]
    alone = () if pairs else tuple(answers.values())
    inputs = {name: masks.value(row, data.runs.cells(name, places[:1])[0]) for name in data.leading_columns}
    if EXPECTED in answers and EXPECTED not in {name for pair in pairs for name in (pair[0].variant, pair[1].variant)}:
        inputs[EXPECTED] = answers[EXPECTED].output
    labels = list(dict.fromkeys(pairs_at)) if all(isinstance(pair, Hashable) for pair in pairs_at) else []
    return RowDiff(
        row=row,
        parts=tuple(compare_answers(first, second) for first, second in pairs),
        pair_on=data.pair_on,
        place=(labels.index(row) + 1, len(labels)) if len(labels) > 1 and row in labels else None,
        inputs=inputs,
        score_text=data.score_text if data.scorer else None,
        colours=data.colours,
        scored_path=data.runs.scored_path,
        alone=alone,
        scored_by=": ".join(filter(None, (data.scorer, data.runs.criterion))),
        correction=data.runs.correction_story(row),
    )


def _variant_pairs(data: ComparisonData, a: str | None, b: str | Sequence[str] | None) -> list[tuple[str, str]]:
    if a is None and b is None and data.variant_pairs is not None:
        return list(data.variant_pairs)  # of two dates: each variant against itself
    compared = [b] if isinstance(b, str) else list(b) if b is not None else None
    first = a if a is not None else next((v for v in data.variants if compared is None or v not in compared), None)
    if first is None:
        raise InputError("no variant is left as the baseline; name it: cmp.diff(row, a=...)")
    return [(first, variant) for variant in (compared if compared is not None else data.variants) if variant != first]


def _answer_named(variant: Any, answers: dict[str, VariantAnswer]) -> VariantAnswer:
    if variant not in answers:
        raise InputError(no_variant(variant, answers))
    return answers[variant]


def _no_row_message(row: Any, data: ComparisonData) -> str:
    pairs = list(dict.fromkeys(data.lines["pair"]))
    close = nearest(row, [pair for pair in pairs if isinstance(pair, str)])
    if close is None:
        close = next((pair for pair in pairs if short(pair).strip("'") == short(row).strip("'")), None)
    hint = f"did you mean {close!r}?" if close is not None else f"the values are {listed(pairs, 'and') or 'none'}"
    return f"the {data.pair_on} {short(row)} does not exist; {hint}"


def answer_of(data: ComparisonData, places: Sequence[int], variant: str) -> VariantAnswer:
    """Return the answer of a variant on the lines of one row: with repeats the first completed one, their groups."""
    lines, path = data.lines, data.runs.scored_path
    own_indices = [at for at in places if lines["variant"].iat[at] == variant]
    if not own_indices:
        return VariantAnswer(variant=variant, status=MISSING, answers=0)
    completed = [at for at in own_indices if lines["status"].iat[at] == "completed"]
    at = completed[0] if completed else own_indices[0]
    line: dict[Any, Any] = lines.iloc[[at]].to_dict("records")[0]
    error, action = (None if is_missing(line[name]) else str(line[name]) for name in ("error", "client_action"))
    return VariantAnswer(
        variant=variant,
        status=str(line["status"]),
        output=line["output"],
        error=error,
        client_action=action,
        score=float(line["score"]),
        seconds=float(line["seconds"]),
        answers=len(own_indices),
        groups=groups_of_answers(lines["output"].iloc[completed].tolist(), path) if len(own_indices) > 1 else (),
        lister=data.runs.lister_at(at, line["output"]),
    )


def masked(answer: VariantAnswer, row: Any, masks: RowMasker) -> VariantAnswer:
    """Return an answer without the passwords and keys that it, or its error, repeats."""
    error, action = (text and masks.of(row)(text) for text in (answer.error, answer.client_action))
    groups = tuple(replace(group, value=masks.value(row, group.value)) for group in answer.groups)
    output = masks.value(row, answer.output)
    return replace(answer, output=output, error=error, client_action=action, groups=groups)
