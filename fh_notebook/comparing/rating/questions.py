"""Rating questions: which of two outputs is better, how good one is, or which label fits; and the items that are rated.
Pure.

A key of the keyboard means a place (the left or the right output) or an answer, never a variant.

A rating belongs to what was read. An item is the hash of its row, of the keys of the runs (without keys, of the row's
own columns) and of the texts of the outputs, in any order. So the same outputs are the same item in another kernel and
in another person's store, and an output that changed is another item. Only columns that are the same for all runs of
the row are shown: one that differs would identify a variant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, Final

from fh_notebook.batching.tables.frames import RESERVED
from fh_notebook.batching.tables.rating_hash import digest_of, hash_of, sorted_json, text_of
from fh_notebook.batching.tables.values import plain
from fh_notebook.comparing.data import ScoredRuns
from fh_notebook.comparing.scorers.observations import has_answer
from fh_notebook.core.text.formatting import short
from fh_notebook.errors import InputError

SKIP: Final = "skip"

TIE: Final = "tie"

SIDES: Final = ("a", "b", TIE)
"""The choices for a pair: the first output, the second output, neither."""

MOST: Final = 9
"""Answers that the keys 1 to 9 stand for."""

LABEL_CAP: Final = 60
"""Characters of a label: it is a button."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, with its answers in the order of their keys."""

    name: str
    """As it is saved: ``pair``, ``scale 5``, or ``labels`` with their names as JSON."""
    answers: tuple[str, ...]
    """The answers of the keys 1, 2, ...; for a pair the positions."""

    @property
    def is_pair(self) -> bool:
        """Whether two outputs are compared."""
        return self.name == "pair"

    @property
    def is_scale(self) -> bool:
        """Whether the answers are numbers."""
        return self.name.startswith("scale ")

    @property
    def choices(self) -> tuple[str, ...]:
        """The choices as they are stored; a skip is none."""
        return SIDES if self.is_pair else self.answers

    @property
    def in_words(self) -> str:
        """The question in words.

        Examples
        --------
        >>> PAIR.in_words, question_of(5, None).in_words, question_of(None, ["good", "bad"]).in_words
        ('which is better', 'on a scale from 1 to 5', 'good or bad')
        """
        if self.is_pair:
            return "which is better"
        if self.is_scale:
            return f"on a scale from 1 to {len(self.answers)}"
        return f"{', '.join(self.answers[:-1])} or {self.answers[-1]}"

    @property
    def wording(self) -> str:
        """What is asked above the outputs, unless the caller asks otherwise."""
        if self.is_pair:
            return "Which output is better for these inputs?"
        return "How good is this output for these inputs?" if self.is_scale else "Which label fits this output?"

    def choice_of(self, key: str, *, swapped: bool) -> str | None:
        """Return the choice of a key for outputs shown in this order; ``None`` for another key.

        Examples
        --------
        >>> PAIR.choice_of("1", swapped=True), PAIR.choice_of("tie", swapped=True), PAIR.choice_of("4", swapped=False)
        ('b', 'tie', None)
        """
        if key == SKIP or (key == TIE and self.is_pair):
            return key
        if not (len(key) == 1 and key.isascii() and key.isdigit() and 1 <= int(key) <= len(self.answers)):
            return None
        index = int(key) - 1
        return "ab"[index ^ swapped] if self.is_pair else self.answers[index]


def swap_sides(choice: str) -> str:
    """Return the choice for a pair in the other order."""
    return {"a": "b", "b": "a"}.get(choice, choice)


PAIR: Final = Question("pair", ("1", "2"))


def question_of(scale: Any, labels: Any) -> Question:
    """Return the question that ``scale=`` and ``labels=`` ask for: by default, which of two is better."""
    if scale is not None and labels is not None:
        raise InputError("scale= and labels= ask different questions; give only one")
    if scale is not None:
        if isinstance(scale, bool) or not isinstance(scale, int) or not 2 <= scale <= MOST:
            raise InputError(f"scale is {short(scale)}; give a whole number from 2 to {MOST} (one key for each)")
        return Question(f"scale {scale}", tuple(str(n) for n in range(1, scale + 1)))
    return PAIR if labels is None else Question(f"labels {_labels_name(labels)}", tuple(labels))


def _labels_name(labels: Any) -> str:
    if isinstance(labels, str) or not isinstance(labels, Sequence) or not 2 <= len(labels) <= MOST:
        raise InputError(f"labels is {short(labels)}; give a list of 2 to {MOST} strings (one key for each)")
    for label in labels:
        if not isinstance(label, str) or not label.strip() or len(label) > LABEL_CAP:
            raise InputError(f"a label is {short(label)}; give a string of at most {LABEL_CAP} characters")
    if len(set(labels)) < len(labels) or {SKIP, TIE} & set(labels):
        raise InputError(f"labels is {short(list(labels))}; give each label once; 'skip' and 'tie' cannot be labels")
    return json.dumps(list(labels), ensure_ascii=False)


def question_named(name: str) -> Question | None:
    """Return the question that is stored under this name; ``None`` for an unknown name.

    Examples
    --------
    >>> question_named('labels ["good", "bad"]').answers, question_named("scale 5").answers[-1], question_named("?")
    (('good', 'bad'), '5', None)
    """
    kind, _, of = name.partition(" ")
    try:
        question = (
            PAIR
            if name == "pair"
            else question_of(int(of), None)
            if kind == "scale"
            else question_of(None, json.loads(of))
        )
    except (ValueError, InputError, RecursionError):
        return None
    return question if question.name == name else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question: two outputs of a row, or one."""

    id: str
    """Its hash."""
    row: Any
    a: str
    b: str | None
    """The variants."""
    line_a: int
    line_b: int | None
    """Their lines in the comparison."""


@dataclass(frozen=True, kw_only=True)
class Items:
    """The items that can be rated, with their outputs."""

    asked: tuple[Item, ...]
    same: tuple[Item, ...]
    """Pairs whose outputs are the same text: ties, which are not rated."""
    output: Callable[[int], Any]
    """The output on a line, secrets masked."""
    run: Callable[[int], str]
    """The run of a line whose output lists files (`Run.identity`)."""
    about: Callable[[Item], list[tuple[str, str]]]
    """The row's columns that do not identify a variant."""


def items_of(
    runs: ScoredRuns,
    kind: Question,
    *,
    pair_on: str,
    pairs: Sequence[tuple[str, str]],
    variants: Sequence[str],
    show: Sequence[str] | None = None,
    wanted: Callable[[Any], bool] | None = None,
    order: Callable[[Any], int] | None = None,
    most: int | None = None,
) -> Items:
    """Return what can be rated: of completed runs, repeat by repeat."""
    columns = _Columns(runs, pair_on, show)
    outputs = runs.lines["output"].tolist()
    texts = _Texts(outputs)
    rows = lines_by_row(runs)

    @cache
    def digest(variant: str, position: int) -> bytes:
        return digest_of([variant, columns.identity(position), texts.of(position)])

    items: dict[str, Item] = {}
    same: dict[str, Item] = {}
    with_any = 0
    for row in rows if order is None else sorted(rows, key=order):
        if most is not None and with_any >= most:
            break
        if wanted is not None and not wanted(row):
            continue
        before = len(items)
        for runs_of_item in _runs_of(rows[row], kind, pairs, variants):
            a, i = runs_of_item[0]
            b, j = runs_of_item[1] if len(runs_of_item) == 2 else (None, None)
            item_id = hash_of(row, [digest(variant, position) for variant, position in runs_of_item])
            item = Item(id=item_id, row=row, a=a, b=b, line_a=i, line_b=j)
            alike = len(runs_of_item) == 2 and len({texts.of(position).strip() for _, position in runs_of_item}) == 1
            (same if alike else items).setdefault(item.id, item)
        with_any += len(items) > before
    masks, of_place = runs.secret().masks(), runs.lines["pair"].tolist()
    by_row = {row: [position for places in of.values() for position in places] for row, of in rows.items()}
    return Items(
        asked=tuple(items.values()),
        same=tuple(same.values()),
        output=lambda position: masks.value(of_place[position], outputs[position]),
        run=lambda position: runs.lister_at(position, outputs[position]),
        about=lambda item: [(name, masks.of(item.row)(text)) for name, text in columns.shown(by_row[item.row])],
    )


def _runs_of(
    places: dict[str, list[int]], kind: Question, pairs: Sequence[tuple[str, str]], variants: Sequence[str]
) -> Iterator[tuple[tuple[str, int], ...]]:
    """Yield the runs of each item of a row, by variant and line: two runs, or one."""
    if kind.is_pair:
        for a, b in pairs:
            yield from (((a, i), (b, j)) for i, j in zip(places.get(a, ()), places.get(b, ()), strict=False))
    else:
        yield from (((variant, position),) for variant in variants for position in places.get(variant, ()))


def lines_by_row(runs: ScoredRuns) -> dict[Any, dict[str, list[int]]]:
    """Return the lines of completed runs: row -> variant -> places, in the order of the table."""
    lines = runs.lines
    rows: dict[Any, dict[str, list[int]]] = {}
    columns = (lines[name].tolist() for name in ("pair", "variant", "status", "output", "error"))
    for position, (row, variant, *answer) in enumerate(zip(*columns, strict=True)):
        if has_answer(*answer):
            rows.setdefault(row, {}).setdefault(variant, []).append(position)
    return rows


def pairs_among(variants: Sequence[str]) -> list[tuple[str, str]]:
    """Return every two of the variants."""
    return list(combinations(variants, 2))


class _Texts:
    """The outputs as text, each converted once."""

    def __init__(self, outputs: Sequence[Any]) -> None:
        self._outputs = outputs
        self._made: dict[int, str] = {}

    def of(self, position: int) -> str:
        if position not in self._made:
            self._made[position] = text_of(self._outputs[position])
        return self._made[position]


class _Columns:
    """The row's columns: the identity of an item without a key, and the columns that are shown."""

    def __init__(self, runs: ScoredRuns, pair_on: str, show: Sequence[str] | None) -> None:
        own = {*RESERVED, str(pair_on), runs.scorer}
        names = [n for n in runs.names if n not in own and not n.startswith("out.")]
        self._runs = runs
        self._names = names if show is None else list(show)
        self._keys = _column_values(runs, "key")
        self._source = [] if self._keys else list(_columns_of_rows(runs, names))
        self._shown: list[tuple[str, list[Any]]] | None = None

    def identity(self, position: int) -> str:
        """Return the identity of a run besides its output: the key of its job, else the row's columns."""
        key = self._keys[position] if self._keys else None
        if isinstance(key, str):
            return key
        return sorted_json({name: plain(values[position]) for name, values in self._source})

    def shown(self, places: Sequence[int]) -> list[tuple[str, str]]:
        """Return the columns that are equal on all these lines, as text, without those of passwords."""
        if self._shown is None:
            secret = self._runs.secret().columns
            columns = ((name, _column_values(self._runs, name)) for name in self._names if name not in secret)
            self._shown = [(name, values) for name, values in columns if values is not None]
        texts_shown = []
        for name, values in self._shown:
            texts = {text_of(values[position]) for position in places}
            if len(texts) == 1 and (text := texts.pop()):
                texts_shown.append((name, text))
        return texts_shown


def _columns_of_rows(runs: ScoredRuns, names: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the columns that are equal on all lines of a row: a score of a run does not change the question."""
    pairs = runs.lines["pair"].tolist()
    for name in names:
        values, first = _column_values(runs, name) or [], dict[Any, Any]()
        if all(_is_same(first.setdefault(pair, value), value) for pair, value in zip(pairs, values, strict=False)):
            yield name, values


def _is_same(first: Any, second: Any) -> bool:
    try:
        return first is second or bool(first == second) or bool(first != first and second != second)
    except (ValueError, TypeError, RecursionError):  # an array
        return sorted_json(plain(first)) == sorted_json(plain(second))


def _column_values(runs: ScoredRuns, name: str) -> list[Any] | None:
    column = runs.column(name)
    return None if column is None else column.tolist()
