"""Before and after: batches with a name each, ``fh.compare({"monday": b1, "today": b2})``.

Rule of this file: a live variant can change without a word, so the same variant on two dates is compared as two are;
and what would make that comparison a false one (the same answers twice, other inputs in a row) is told.
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
from fh_notebook.comparing.notes import span_note
from fh_notebook.comparing.scoring import Observation, Score, column_score, observations
from fh_notebook.comparing.sources import Taken, about_of, as_table, of_observations
from fh_notebook.contract.canonical import canonical_json
from fh_notebook.contract.spell import listed
from fh_notebook.errors import InputError

__all__ = ["take_dated"]


def take_dated(
    sources: Mapping[Any, Any], *, score: Score, pair_on: str, fresh: bool = False
) -> tuple[Taken, list[tuple[str, str]]]:
    """Read several batches or tables under names of their own.

    Returns
    -------
    Taken
        With variants that are called by the names where each has one variant only, else ``variant (name)``.
    list of (str, str)
        Which of them are compared: the same variant under every two names.

    Raises
    ------
    InputError
        There is only one, two names read the same, or they have no variant in common.
    """
    pair_on = arguments.column_text(pair_on)
    if len(sources) < 2:
        raise InputError(f"give at least two, by name: {{'before': ..., 'after': ...}}; there is {len(sources)}")
    if len({str(name) for name in sources}) < len(sources):
        raise InputError(f"two of the names read the same: {listed([*map(str, sources)], 'and')}; give each its own")
    tables = {str(name): as_table(source) for name, source in sources.items()}
    found = {name: observations(source, pair_on=pair_on) for name, source in tables.items()}
    of_name = {name: list(dict.fromkeys(o.variant for o in part)) for name, part in found.items()}
    alone = all(len(variants) == 1 for variants in of_name.values())
    labelled = {
        name: [replace(o, variant=_label(name, o.variant, alone)) for o in part] for name, part in found.items()
    }
    which = _which(of_name, alone)
    taken = of_observations([o for part in labelled.values() for o in part], score, fresh=fresh)
    notes = [*_other_variants(of_name, alone), *_same_answers(taken.lines, which)]
    notes += _other_inputs(found, score)
    for name in labelled:
        within = taken.lines["variant"].isin([_label(name, v, alone) for v in of_name[name]])
        notes += [note] if (note := span_note(taken.lines["started_at"][within], f"The answers of {name}")) else []

    about = {"compared": {name: about_of(source) for name, source in tables.items()}}
    return replace(taken, notes=tuple(notes), about=about), which


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


def _other_inputs(found: Mapping[str, list[Observation]], score: Score) -> list[str]:
    """Say on how many rows the source columns that both have are not the same; a column of scores is none."""
    (first, *rest), told = found, []
    before = {o.pair: _source(o, score) for o in found[first]}
    for name in rest:
        after = {o.pair: _source(o, score) for o in found[name]}
        other = [pair for pair in after if pair in before and _differ(before[pair], after[pair])]
        if other:
            told.append(
                f"On {counted(len(other), 'row')} the inputs of {first} and {name} are not the same (the first: "
                f"{other[0]}); pair_on= names another column to pair by."
            )
    return told


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
