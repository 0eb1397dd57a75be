"""Scores of a race: the outcomes of a row become one score per variant, on a scale from 0 to 1.

A race scores a row as a comparison does: repeats of a row are averaged to one value, a failed run has no score or
counts as 0 by an explicit rule, and a run that may have run has no score.

The scale is fixed before the first score is seen, and never derived from scores: a bound that is learned from the data
is not a bound. A score outside of the bounds is reported, and never adjusted silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.model import Job, Outcome
from fh_notebook.batching.tables.frames import COLUMNS, source_name
from fh_notebook.comparing.masks import find_hidden
from fh_notebook.comparing.scorers.observations import Observation, cell_of, corrected_observations, hidden_in
from fh_notebook.comparing.scorers.runner import LOWER_IS_BETTER, OUTPUT_PREFIX, Score, pinned, score_runs
from fh_notebook.contract.run import Run, with_action
from fh_notebook.core.arguments import is_finite
from fh_notebook.core.text.formatting import short
from fh_notebook.core.text.messages import Message, option
from fh_notebook.errors import InputError, SettingsError
from fh_notebook.racing.evidence import Numbers

RANKS: Final = "ranks"

Bounds = tuple[float, float] | Literal["ranks"] | None


BOUNDS_HINT: Final = "give bounds=(lowest, highest), or bounds='ranks' to count only which variant is ahead on a row"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreScale:
    """How scores become numbers in [0, 1].

    Examples
    --------
    >>> ScoreScale.of((0, 10), lower=True).of_scores(np.array([2.0, 10.0, 12.0])).tolist()
    [0.8, 0.0, 0.0]
    """

    low: float = 0.0
    high: float = 1.0
    lower: bool = False
    """Whether less is better."""
    by_rank: bool = False
    """Whether only who is ahead counts: then scores need no bounds."""
    stated: bool = False
    """Whether the bounds were given: then a score beyond them counts as the bound."""

    @classmethod
    def of(cls, bounds: Any, *, lower: bool) -> ScoreScale:
        """Return the scale for `bounds`. Without bounds, a score where lower is better (seconds) is ranked."""
        if (isinstance(bounds, str) and bounds == RANKS) or (bounds is None and lower):
            return cls(lower=lower, by_rank=True)
        if bounds is None:
            return cls(lower=lower)
        if not isinstance(bounds, tuple | list) or len(bounds) != 2 or not all(map(is_finite, bounds)):
            raise SettingsError(f"bounds is {short(bounds)}; {BOUNDS_HINT}")
        low, high = map(float, bounds)
        if low >= high:
            raise SettingsError(f"bounds is {short(bounds)}: the first one must be the lower one")
        return cls(low=low, high=high, lower=lower, stated=True)

    def of_scores(self, scores: Numbers) -> Numbers:
        """Return scores as they are compared; a missing one is NaN and stays it."""
        if self.by_rank:
            return -scores if self.lower else scores
        unit = np.clip((scores - self.low) / (self.high - self.low), 0.0, 1.0)
        return np.asarray(1.0 - unit if self.lower else unit)

    def check(self, scores: Numbers, *, where: str) -> None:
        """Raise where a score is beyond bounds that nobody has stated."""
        if self.by_rank or self.stated:
            return
        strange = scores[(scores < self.low) | (scores > self.high)]
        if len(strange):
            raise InputError(
                f"{where} has the score {strange[0]:g}, and a race takes scores from 0 to 1; {BOUNDS_HINT}"
            )

    def beyond(self, scores: Numbers) -> int:
        """Return how many scores count as the bound that they are beyond."""
        if self.by_rank:
            return 0
        return int(((scores < self.low) | (scores > self.high)).sum())

    def in_units(self, lead: float) -> float:
        """Return how much better one is, in the unit of the score; by rank it stays a share of rows."""
        return lead if self.by_rank else lead * (self.high - self.low)

    def unit_of(self, difference: float, name: str) -> float:
        """Return a difference in the unit of the score as one of what is compared."""
        unit = difference if self.by_rank else difference / (self.high - self.low)
        if not 0 < unit < 1:
            most = "1" if self.by_rank else f"{self.high - self.low:g}"
            raise SettingsError(
                Message("{} is {}; give a number above 0 and below {}", (option(name), repr(difference), most))
            )
        return unit


@dataclass(frozen=True, slots=True)
class RowScores:
    """One decided row."""

    scores: NDArray[np.float64]
    """Of each variant, in the order of the plan; NaN where there is none."""
    failed: int
    """Runs that failed."""
    missing: int
    """Runs without a score that did not fail."""


def calls_service(score: Any) -> bool:
    """Whether a scorer may cost calls of its own, as a judge does, or one that has a judge among its members."""
    return hasattr(score, "score_all") or any(calls_service(member) for member in getattr(score, "members", ()))


def is_lower(score: Any) -> bool:
    """Whether a lower score is the better one."""
    return score in LOWER_IS_BETTER if isinstance(score, str) else bool(getattr(score, "lower_is_better", False))


class RowScorer:
    """Scores rows.

    Parameters
    ----------
    score : str, function or None
        As in a comparison.
    variants : sequence of str
        In the order of the plan.
    failed : {"drop", "zero"}
        What a failed run counts as.
    workspace : str
        In which is called, and whose corrections of expected outputs apply.
    """

    def __init__(self, score: Score, variants: Sequence[str], *, failed: str, workspace: str) -> None:
        self._workspace = workspace
        self._score: Score = pinned(score)
        self._places = {name: index for index, name in enumerate(variants)}
        self.failed = failed
        self.name = ""
        """What scored; empty before the first row."""
        self.error = ""
        """Why the first run without a score has none."""
        self.failures: dict[str, str] = {}
        """How the first failed run of a variant failed."""
        self.unknown: dict[str, Run] = {}
        """The first run of a variant that may have run and has no answer; its error masked."""
        self.completed = 0
        """Runs that a scorer had something to say of."""

    def mark(self, rows: Sequence[Sequence[tuple[Job, Outcome, Mapping[str, Any]]]]) -> list[RowScores]:
        """Return what each row scores; a row is its runs."""
        entries = [_observation(*entry, score=self._score, workspace=self._workspace) for row in rows for entry in row]
        observations = corrected_observations(entries)
        masked = find_hidden(observations, ()).masked  # an error may repeat what a run was sent
        for observation in observations:
            if observation.run is None or observation.run.ok:
                self.completed += observation.completed
            elif observation.run.status == "failed":
                error = masked(observation.run.error or "its runs failed").rstrip(".")
                self.failures.setdefault(observation.variant, with_action(error, observation.run.client_action))
            elif observation.variant not in self.unknown:
                self.unknown[observation.variant] = replace(
                    observation.run, error=masked(observation.run.error or "no answer arrived")
                )
        if not observations:
            return [self._of_row(pd.DataFrame()) for _ in rows]
        lines, self.name = score_runs(observations, self._score)
        self.error = self.error or masked(next((error for error in lines["score_error"] if error), ""))
        ends = np.cumsum([len(row) for row in rows])
        return [self._of_row(lines.iloc[end - len(row) : end]) for row, end in zip(rows, ends, strict=True)]

    def unknown_text(self, variant: str) -> str:
        """Return why the outcome of a variant's first run without one is unknown; empty where each has one."""
        run = self.unknown.get(variant)
        return "" if run is None else with_action(run.error or "", run.client_action)

    def _of_row(self, lines: pd.DataFrame) -> RowScores:
        scores = np.full(len(self._places), np.nan)
        if not len(lines):
            return RowScores(scores, failed=0, missing=0)
        failed = (lines["status"] == "failed").to_numpy()
        values = lines["score"].to_numpy(dtype="float64")
        missing = int((np.isnan(values) & ~failed).sum())
        if self.failed == "zero":
            values = np.where(failed, 0.0, values)
        by_variant: dict[str, list[float]] = {}
        for name, value in zip(lines["variant"], values.tolist(), strict=True):
            if value == value:
                by_variant.setdefault(name, []).append(value)
        for name, several in by_variant.items():
            scores[self._places[name]] = float(np.mean(several))
        return RowScores(scores, failed=int(failed.sum()), missing=missing)


def _observation(job: Job, outcome: Outcome, source: Mapping[str, Any], *, score: Any, workspace: str) -> Observation:
    output = outcome.run.output
    row = {column.name: cell_of(column.value(job, outcome)) for column in COLUMNS}
    row |= {source_name(name): value for name, value in source.items()}
    if isinstance(score, str) and score.startswith(OUTPUT_PREFIX):
        row[score] = None  # of an output without this part
    if isinstance(output, Mapping):
        row |= {f"{OUTPUT_PREFIX}{name}": value for name, value in output.items()}
    # Paired by its place: two rows may have the same label.
    return Observation(
        pair=job.position, variant=job.label, run=outcome.run, row=row, line=outcome.line, hidden=hidden_in(job),
        job=job, workspace=workspace,
    )  # fmt: skip
