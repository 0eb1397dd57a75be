"""What is rated: the pairs of outputs on the same row, or every output alone, each with the hash that it is known by.

Rule of this file: a rating is of what was read. An item is the hash of its row, the runs' keys (without keys, of the
columns that are the row's own) and the outputs' texts, whatever order they are in; so the same outputs are the same
item in another kernel and in another person's store, and an output that changed is another item. Of the row only
columns are shown that are the same for all its runs: one that differs would say which is which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

from fh_notebook.batching.cells import plain
from fh_notebook.batching.frames import RESERVED
from fh_notebook.batching.rating_hash import digest_of, hash_of, spelt, text_of
from fh_notebook.comparing.data import ScoredRuns
from fh_notebook.comparing.rating_kinds import Kind

__all__ = ["Item", "Items", "items_of", "pairs_among", "places_by_row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question: two outputs of a row, or one."""

    id: str
    """Its hash."""
    row: Any
    a: str
    b: str | None
    """The variants."""
    place_a: int
    place_b: int | None
    """The lines of the comparison that they are on."""


@dataclass(frozen=True, kw_only=True)
class Items:
    """All that can be asked, and what is read of each."""

    asked: tuple[Item, ...]
    same: tuple[Item, ...]
    """Pairs whose outputs are the same text: ties, and nobody is asked."""
    text: Callable[[int], str]
    """The output on a line."""
    about: Callable[[Item], list[tuple[str, str]]]
    """The row's own columns, those that say nothing of whose an output is."""


def items_of(
    runs: ScoredRuns,
    kind: Kind,
    *,
    pair_on: str,
    pairs: Sequence[tuple[str, str]],
    variants: Sequence[str],
    show: Sequence[str] | None = None,
    wanted: Callable[[Any], bool] | None = None,
    order: Callable[[Any], int] | None = None,
    most: int | None = None,
) -> Items:
    """Return what can be rated: of completed runs, repeat by repeat.

    Parameters
    ----------
    runs : ScoredRuns
        The runs.
    kind : Kind
        What is asked.
    pair_on : str
        The column that tells which runs belong together.
    pairs, variants : sequence
        Which variants are compared with each other, or rated alone.
    show : sequence of str, optional
        The columns that are shown above the outputs; by default all of the row's own.
    wanted : function of a row's label, optional
        Which rows; what is not looked at costs nothing.
    order, most : optional
        At most so many rows with something to be asked, the first in this order.
    """
    columns = _Columns(runs, pair_on, show)
    texts = _Texts(runs.lines["output"].tolist())
    rows = places_by_row(runs)

    @cache
    def digest(variant: str, place: int) -> bytes:
        return digest_of([variant, columns.identity(place), texts.of(place)])

    asked: dict[str, Item] = {}
    same: dict[str, Item] = {}
    with_any = 0
    for row in rows if order is None else sorted(rows, key=order):
        if most is not None and with_any >= most:
            break
        if wanted is not None and not wanted(row):
            continue
        before = len(asked)
        for those in _runs_of(rows[row], kind, pairs, variants):
            a, i = those[0]
            b, j = those[1] if len(those) == 2 else (None, None)
            item_id = hash_of(row, [digest(variant, place) for variant, place in those])
            item = Item(id=item_id, row=row, a=a, b=b, place_a=i, place_b=j)
            alike = len(those) == 2 and len({texts.of(place).strip() for _, place in those}) == 1
            (same if alike else asked).setdefault(item.id, item)
        with_any += len(asked) > before
    masks, of_place = runs.secret().masks(), runs.lines["pair"].tolist()
    by_row = {row: [place for places in of.values() for place in places] for row, of in rows.items()}
    return Items(
        asked=tuple(asked.values()),
        same=tuple(same.values()),
        text=lambda place: masks.of(of_place[place], texts.of(place)),
        about=lambda item: [(name, masks.of(item.row, text)) for name, text in columns.shown(by_row[item.row])],
    )


def _runs_of(
    places: dict[str, list[int]], kind: Kind, pairs: Sequence[tuple[str, str]], variants: Sequence[str]
) -> Iterator[tuple[tuple[str, int], ...]]:
    """Yield what is asked together of one row, each run by its variant and line: two runs, or one."""
    if kind.is_pair:
        for a, b in pairs:
            yield from (((a, i), (b, j)) for i, j in zip(places.get(a, ()), places.get(b, ()), strict=False))
    else:
        yield from (((variant, place),) for variant in variants for place in places.get(variant, ()))


def places_by_row(runs: ScoredRuns) -> dict[Any, dict[str, list[int]]]:
    """Return the lines of completed runs: row -> variant -> places, in the order of the table."""
    lines = runs.lines
    rows: dict[Any, dict[str, list[int]]] = {}
    columns = (lines["pair"].tolist(), lines["variant"].tolist(), lines["status"].tolist())
    for place, (row, variant, status) in enumerate(zip(*columns, strict=True)):
        if status == "completed":
            rows.setdefault(row, {}).setdefault(variant, []).append(place)
    return rows


def pairs_among(variants: Sequence[str]) -> list[tuple[str, str]]:
    """Return every two of the variants."""
    return list(combinations(variants, 2))


class _Texts:
    """The outputs as text, each made once."""

    def __init__(self, outputs: Sequence[Any]) -> None:
        self._outputs = outputs
        self._made: dict[int, str] = {}

    def of(self, place: int) -> str:
        if place not in self._made:
            self._made[place] = text_of(self._outputs[place])
        return self._made[place]


class _Columns:
    """The row's own columns: what makes an item without a key, and what is shown of it."""

    def __init__(self, runs: ScoredRuns, pair_on: str, show: Sequence[str] | None) -> None:
        own = {*RESERVED, str(pair_on), runs.scorer}
        names = [n for n in runs.names if n not in own and not n.startswith("out.")]
        self._runs = runs
        self._names = names if show is None else list(show)
        self._keys = _values(runs, "key")
        self._source = [] if self._keys else list(_of_rows(runs, names))
        self._shown: list[tuple[str, list[Any]]] | None = None

    def identity(self, place: int) -> str:
        """What a run is known by beside its output: the key of its job, else the row's columns."""
        key = self._keys[place] if self._keys else None
        return key if isinstance(key, str) else spelt({name: plain(values[place]) for name, values in self._source})

    def shown(self, places: Sequence[int]) -> list[tuple[str, str]]:
        """The columns that are the same on all these lines, as text; a password's never."""
        if self._shown is None:
            secret = self._runs.secret().columns
            found = ((name, _values(self._runs, name)) for name in self._names if name not in secret)
            self._shown = [(name, values) for name, values in found if values is not None]
        told = []
        for name, values in self._shown:
            texts = {text_of(values[place]) for place in places}
            if len(texts) == 1 and (text := texts.pop()):
                told.append((name, text))
        return told


def _of_rows(runs: ScoredRuns, names: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the columns that say the same on all lines of a row: another score of a run makes no other question."""
    pairs = runs.lines["pair"].tolist()
    for name in names:
        values, first = _values(runs, name) or [], dict[Any, Any]()
        if all(_is_same(first.setdefault(pair, value), value) for pair, value in zip(pairs, values, strict=False)):
            yield name, values


def _is_same(one: Any, two: Any) -> bool:
    try:
        return one is two or bool(one == two) or bool(one != one and two != two)
    except (ValueError, TypeError, RecursionError):  # an array
        return spelt(plain(one)) == spelt(plain(two))


def _values(runs: ScoredRuns, name: str) -> list[Any] | None:
    found = runs.column(name)
    return None if found is None else found.tolist()
