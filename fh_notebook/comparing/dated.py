"""Before and after: batches with a name each, ``fh.compare({"monday": b1, "today": b2})``.

Rule of this file: a live variant can change without a word, so the same variant on two dates is compared as two are;
and what would make that comparison a false one (the same answers twice, other inputs in a row) is told. A row's number
is its place in a table and says nothing of what was asked: where the same inputs stand in other places, rows are paired
by their inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import pandas as pd

from fh_notebook import arguments
from fh_notebook.batching.frames import RESERVED
from fh_notebook.batching.plan import counted
from fh_notebook.batching.rows import EXPECTED
from fh_notebook.comparing.data import ScoredRuns
from fh_notebook.comparing.notes import span_note
from fh_notebook.comparing.scoring import Observation, Score, column_score, observations
from fh_notebook.comparing.sources import about_of, as_table, of_observations
from fh_notebook.contract.canonical import canonical_json
from fh_notebook.contract.spell import listed
from fh_notebook.errors import InputError
from fh_notebook.values import ColumnName

__all__ = ["take_dated"]


def take_dated(sources: Mapping[Any, Any], *, score: Score, pair_on: ColumnName, fresh: bool = False) -> ScoredRuns:
    """Read several batches or tables under names of their own; the same variant under every two names is compared.

    The variants are called by the names where each has one variant only, else ``variant (name)``.

    Raises
    ------
    InputError
        There is only one, two names read the same, or they have no variant in common.
    """
    column = arguments.column_text(pair_on)
    if len(sources) < 2:
        raise InputError(f"give at least two, by name: {{'before': ..., 'after': ...}}; there is {len(sources)}")
    if len({str(name) for name in sources}) < len(sources):
        raise InputError(f"two of the names read the same: {listed([*map(str, sources)], 'and')}; give each its own")
    tables = {str(name): as_table(source) for name, source in sources.items()}
    found = {name: observations(source, pair_on=column) for name, source in tables.items()}
    moved = _pair_by_inputs(found, score) if column == "row" else []
    of_name = {name: list(dict.fromkeys(o.variant for o in part)) for name, part in found.items()}
    alone = all(len(variants) == 1 for variants in of_name.values())
    labelled = {
        name: [replace(o, variant=_label(name, o.variant, alone)) for o in part] for name, part in found.items()
    }
    which = _which(of_name, alone)
    runs = of_observations([o for part in labelled.values() for o in part], score, fresh=fresh)
    notes = [*moved, *_other_variants(of_name, alone), *_same_answers(runs.lines, which)]
    other, most = _other_inputs(found, score)
    notes += other
    caution = f"With other inputs on {counted(most, 'row')}" if most else ""
    for name in labelled:
        within = runs.lines["variant"].isin([_label(name, v, alone) for v in of_name[name]])
        notes += [note] if (note := span_note(runs.lines["started_at"][within], f"The answers of {name}")) else []

    about = {"compared": {name: about_of(source) for name, source in tables.items()}}
    return replace(runs, notes=tuple(notes), about=about, caution=caution, which=tuple(which))


def _label(name: str, variant: str, alone: bool) -> str:
    return name if alone else f"{variant} ({name})"


def _which(of_name: Mapping[str, list[str]], alone: bool) -> list[tuple[str, str]]:
    if alone:
        return list(combinations(of_name, 2))
    which = [
        (_label(first, variant, alone), _label(second, variant, alone))
        for first, second in combinations(of_name, 2)
        for variant in of_name[first]
        if variant in of_name[second]
    ]
    if not which:
        told = "; ".join(f"{name} has {listed(variants, 'and')}" for name, variants in of_name.items())
        raise InputError(f"no variant is in two of them ({told}); before and after compares the same variant")
    return which


def _other_variants(of_name: Mapping[str, list[str]], alone: bool) -> list[str]:
    if not alone or len({variants[0] for variants in of_name.values()}) == 1:
        return []
    return ["These are not the same variant: " + ", ".join(f"{name} ran {v[0]}" for name, v in of_name.items()) + "."]


def _same_answers(lines: pd.DataFrame, which: list[tuple[str, str]]) -> list[str]:
    """Say where two names hold the very same runs: then nothing was called anew."""
    told = []
    ids = {v: set(part.dropna()) for v, part in lines.groupby("variant")["request_id"]}
    for first, second in which:
        if same := ids.get(first, set()) & ids.get(second, set()):
            told.append(
                f"{counted(len(same), 'answer')} of {second} {'is' if len(same) == 1 else 'are'} the very run of "
                f"{first}, reused: call anew with fh.batch(..., fresh=True), or the two cannot differ there."
            )
    return told


def _pair_by_inputs(found: dict[str, list[Observation]], score: Score) -> list[str]:
    """Pair the rows of all names with those of the first by their inputs, where more rows find their like so.

    The k-th row of the same inputs is paired with the k-th of them. Rows without their like are left alone.
    """
    (first, *rest), told = found, []
    before = _inputs_of(found[first], found, score)
    for name in rest:
        after = _inputs_of(found[name], found, score)
        paired: dict[Any, Any] = {pair: pair for pair, asked in after.items() if before.get(pair) == asked}
        by_place = len(paired)
        open_of: dict[str, list[Any]] = {}
        for pair in reversed([pair for pair in before if pair not in paired]):
            open_of.setdefault(before[pair], []).append(pair)
        for pair, asked in after.items():
            if pair not in paired and open_of.get(asked):
                paired[pair] = open_of[asked].pop()
        if (more := len(paired) - by_place) <= 0:
            continue
        alone = {pair: f"{pair} ({name})" for pair in after if pair not in paired and pair in before}
        found[name] = [replace(o, pair=paired.get(o.pair, alone.get(o.pair, o.pair))) for o in found[name]]
        told.append(
            f"{counted(more, 'row')} of {name} {'has' if more == 1 else 'have'} another place than the same inputs in "
            f"{first}, so rows are paired by their inputs and not by their numbers."
        )
    return told


def _inputs_of(part: list[Observation], found: Mapping[str, list[Observation]], score: Score) -> dict[Any, str]:
    """Return the inputs of each row as a text, of the source columns that all names have; nothing without any."""
    shared = set.intersection(*(set(_source(of[0], score)) if of else set() for of in found.values()))
    try:
        return {
            o.pair: canonical_json({k: v for k, v in _source(o, score).items() if k in shared}) for o in part if shared
        }
    except (TypeError, ValueError):
        return {}


def _other_inputs(found: Mapping[str, list[Observation]], score: Score) -> tuple[list[str], int]:
    """Say on how many rows the source columns that both have are not the same; a column of scores is none."""
    (first, *rest), told, most = found, [], 0
    before = {o.pair: _source(o, score) for o in found[first]}
    for name in rest:
        after = {o.pair: _source(o, score) for o in found[name]}
        other = [pair for pair in after if pair in before and _differ(before[pair], after[pair])]
        most = max(most, len(other))
        if other:
            told.append(
                f"On {counted(len(other), 'row')} the inputs of {first} and {name} are not the same (the first: "
                f"{other[0]}); pair_on= names another column to pair by."
            )
    return told, most


def _source(observation: Observation, score: Score) -> dict[str, Any]:
    row = observation.row
    score = column_score(score, row)
    other = {*RESERVED, EXPECTED, *([score] if isinstance(score, str) else [])}
    return {k: v for k, v in row.items() if k not in other and not k.startswith("out.")}


def _differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    shared = a.keys() & b.keys()
    try:
        return any(canonical_json(a[name]) != canonical_json(b[name]) for name in shared)
    except (TypeError, ValueError):
        return False
