"""Combined scorers: `all_of`, `any_of`, `not_`, `weighted`.

Each member is scored as it would be alone (an async one on the background loop, a judge through its batch, each cached
under its own version); then the results are combined. An error of a member is an error of the whole. What a missing
member leaves undecided is missing (S. C. Kleene, "Introduction to Metamathematics" (1952), section 64: false and
unknown is false, true and unknown is unknown).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fh_notebook.comparing.scorers.base import NO_SCORE, ScoreResult, number_of, score_result
from fh_notebook.comparing.scorers.function import scorer_of
from fh_notebook.contract.run import Run
from fh_notebook.core import arguments
from fh_notebook.core.text.formatting import short
from fh_notebook.errors import InputError

Part = Any
"""A scorer, a function, or the name of a column."""


@dataclass(frozen=True)
class Combined:
    """Several scorers as one."""

    name: str
    members: Sequence[Any] = field(repr=False)
    combine: Callable[[Sequence[ScoreResult]], ScoreResult] = field(repr=False)
    lower_is_better: bool = field(default=False, repr=False)

    @property
    def is_async(self) -> bool:
        """Whether a part is async or a judge: then it cannot score a single run."""
        return any(getattr(member, "is_async", False) for member in self.members)

    def __call__(self, run: Run, row: Mapping[str, Any] | None = None) -> Any:
        """Return the score of one run, or ``None``.

        Raises
        ------
        InputError
            A part is async or a judge, which only ``fh.compare`` can ask; or a part gave no score that can be used.
        """
        result = self.combine([self._result_of_member(member, run, row or {}) for member in self.members])
        if result.error is not None:
            raise InputError(result.error)
        if result.parts is not None:
            return {**result.parts, "score": None if math.isnan(result.score) else result.score}
        return None if math.isnan(result.score) else bool(result.score)

    def _result_of_member(self, member: Any, run: Run, row: Mapping[str, Any]) -> ScoreResult:
        if isinstance(member, str):
            return score_result(row.get(member))
        if getattr(member, "is_async", False) or not callable(member):
            raise InputError(f"{member.name} cannot score a single run; give {self.name} to fh.compare(..., score=)")
        return score_result(member(run, row))

    def __repr__(self) -> str:
        return self.name


@arguments.public
def all_of(*scorers: Part) -> Combined:
    """Return a scorer that is true if all of the given scorers are true.

    Parameters
    ----------
    scorers : scorers, functions, or names of columns
        Each gives true or false (or 1 and 0).

    Raises
    ------
    InputError
        There are none.

    Examples
    --------
    >>> from fh_notebook.comparing.scorers.registry import contains, length
    >>> both = all_of(contains(), length("words", at_most=3))
    >>> both, both(Run(status="completed", output="It is about billing, sadly"), {"expected_output": "billing"})
    (all_of(contains(), length('words', at_most=3)), False)
    """
    arguments.check(all_of, locals())
    return _logical_scorer("all_of", scorers, partial(_combine_logical, stops_at=False))


@arguments.public
def any_of(*scorers: Part) -> Combined:
    """Return a scorer that is true if at least one of the given scorers is true.

    Parameters
    ----------
    scorers : scorers, functions, or names of columns
        Each gives true or false (or 1 and 0).

    Raises
    ------
    InputError
        There are none.

    Examples
    --------
    >>> from fh_notebook.comparing.scorers.registry import exact, json_valid
    >>> any_of(exact(), json_valid())(Run(status="completed", output="[1]"), {"expected_output": "billing"})
    True
    """
    arguments.check(any_of, locals())
    return _logical_scorer("any_of", scorers, partial(_combine_logical, stops_at=True))


@arguments.public
def not_(scorer: Part) -> Combined:
    """Return a scorer that is true if the given one is false, and has no score if the given one has none.

    Parameters
    ----------
    scorer : scorer, function, or name of a column
        Gives true or false (or 1 and 0).

    Examples
    --------
    >>> from fh_notebook.comparing.scorers.registry import contains
    >>> not_(contains("rude"))(Run(status="completed", output="Sorry"), {"rude": "idiot"})
    True
    """
    arguments.check(not_, locals())

    def negate(parts: Sequence[ScoreResult]) -> ScoreResult:
        result = _combine_logical(parts, stops_at=False)
        return ScoreResult(1.0 - result.score, result.error)

    return _logical_scorer("not_", (scorer,), negate)


@arguments.public
def weighted(*scorers: Part | tuple[Part, float], **named: Part | tuple[Part, float]) -> Combined:
    """Return a scorer that is the weighted mean of several scorers; their scores are its parts.

    Where one of them has no score, the whole has none: a mean of what is left would be of another kind.

    Parameters
    ----------
    scorers : scorers, or tuples of a scorer and its weight
        The weight is 1 unless given. A list of them, or a mapping of scorers to weights, will do.
    named : the same, with a name
        Under which the part stands.

    Raises
    ------
    InputError
        There are none, or the weights cannot be meant.

    Examples
    --------
    >>> from fh_notebook.comparing.scorers.registry import exact, length
    >>> rated = weighted(right=(exact(), 3), short=length(at_most=10))
    >>> rated(Run(status="completed", output="other"), {"expected_output": "billing"})
    {'right': 0.0, 'short': 1.0, 'score': 0.25}
    """
    arguments.check(weighted, locals())
    scorers_by_name = [(None, part) for part in _given_scorers(scorers)] + list(named.items())
    pairs = [(name, *(part if isinstance(part, tuple) else (part, 1))) for name, part in scorers_by_name]
    if bad := [p for p in pairs if len(p) != 3]:
        raise InputError(f"weighted takes scorers, or pairs of a scorer and its weight, not {short(bad[0][1:])}")
    weights = [number_of(weight) for _, _, weight in pairs]
    if any(w is None or isinstance(p[2], bool) or w < 0 for w, p in zip(weights, pairs, strict=True)) or (
        pairs and not sum(w or 0.0 for w in weights)
    ):
        raise InputError(
            f"the weights are {short([w for _, _, w in pairs])}; give numbers from 0 up, at least one above 0"
        )
    members = _members("weighted", [part for _, part, _ in pairs])
    names = _unique_names([name or _name_of(m) for (name, _, _), m in zip(pairs, members, strict=True)])
    sizes = [float(w or 0.0) for w in weights]

    def mean(parts: Sequence[ScoreResult]) -> ScoreResult:
        if error := next((part.error for part in parts if part.error), None):
            return ScoreResult(float("nan"), error)
        parts_by_name = {name: None if math.isnan(p.score) else p.score for name, p in zip(names, parts, strict=True)}
        # A weight of 0 only shows a part.
        score = math.fsum(size * part.score for size, part in zip(sizes, parts, strict=True) if size) / math.fsum(sizes)
        return ScoreResult(score, None, parts_by_name)

    weights_told = ", ".join(f"{name}: {size:g}" for name, size in zip(names, sizes, strict=True))
    lower = all(getattr(m, "lower_is_better", False) for m in members)
    return Combined(f"weighted({weights_told})", members, mean, lower_is_better=lower)


def _members(name: str, scorers: Sequence[Part]) -> list[Any]:
    parts = _given_scorers(scorers)
    if not parts:
        raise InputError(f"{name} has nothing to combine; give it scorers")
    return [_as_member(part, name) for part in parts]


def _given_scorers(scorers: Sequence[Part]) -> list[Part]:
    """Return what was given one by one, as one list, or as one mapping of scorers to weights."""
    if len(scorers) == 1 and isinstance(scorers[0], list):
        return scorers[0]
    if len(scorers) == 1 and isinstance(scorers[0], Mapping):
        return list(scorers[0].items())
    return list(scorers)


def _as_member(part: Part, name: str) -> Any:
    is_ready = isinstance(part, str | Combined) or hasattr(part, "score_all") or hasattr(part, "is_async")
    if not is_ready and not callable(part):
        raise InputError(f"{name} takes scorers, functions of a run, or names of columns, not {short(part)}")
    return part if is_ready else scorer_of(part)


def _name_of(member: Any) -> str:
    return member if isinstance(member, str) else str(member.name)


def _logical_scorer(
    name: str, scorers: Sequence[Part], combine: Callable[[Sequence[ScoreResult]], ScoreResult]
) -> Combined:
    members = _members(name, scorers)
    return Combined(f"{name}({', '.join(map(_name_of, members))})", members, combine)


def _unique_names(names: list[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name} {names[:i].count(name) + 1}" for i, name in enumerate(names)]


def _combine_logical(parts: Sequence[ScoreResult], *, stops_at: bool) -> ScoreResult:
    """All of them, or (``stops_at=True``) any of them."""
    if error := next((part.error for part in parts if part.error), None):
        return ScoreResult(float("nan"), error)
    scores = [part.score for part in parts]
    if strange := [s for s in scores if s not in (0.0, 1.0) and not math.isnan(s)]:
        return ScoreResult(float("nan"), f"a part gave {strange[0]:g}, which is neither true nor false")
    if float(stops_at) in scores:
        return ScoreResult(float(stops_at))
    return NO_SCORE if any(math.isnan(s) for s in scores) else ScoreResult(float(not stops_at))
