"""The outcomes of whole rows -> one score a variant, by the scorers of a comparison.

Rule of this file: what a comparison would make of a row, a race makes of it: repeats of a row are averaged to one
value, a failed run has no score or counts as 0 by an explicit rule, a run that may have run has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fh_notebook.batching.frames import COLUMNS, source_name
from fh_notebook.batching.job import Job
from fh_notebook.batching.outcomes import Outcome
from fh_notebook.comparing.hiding import hidden_of
from fh_notebook.comparing.scorer_run import pinned
from fh_notebook.comparing.scoring import LOWER, OUT, Score, scored
from fh_notebook.comparing.scoring_source import Observation, cell_of, hidden_in
from fh_notebook.contract.run import Run

__all__ = ["Marked", "Marker", "calls_service", "is_lower"]


@dataclass(frozen=True, slots=True)
class Marked:
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
    return score in LOWER if isinstance(score, str) else bool(getattr(score, "lower_is_better", False))


class Marker:
    """Scores rows.

    Parameters
    ----------
    score : str, function or None
        As in a comparison.
    variants : sequence of str
        In the order of the plan.
    failed : {"drop", "zero"}
        What a failed run counts as.
    """

    def __init__(self, score: Score, variants: Sequence[str], *, failed: str) -> None:
        self._score: Score = pinned(score)
        self._places = {name: place for place, name in enumerate(variants)}
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

    def mark(self, rows: Sequence[Sequence[tuple[Job, Outcome, Mapping[str, Any]]]]) -> list[Marked]:
        """Return what each row scores; a row is its runs.

        Raises
        ------
        InputError, SettingsError
            The scorer cannot be used.
        """
        found = [_observation(*entry, score=self._score) for row in rows for entry in row]
        masked = hidden_of(found, ()).masked  # an error may repeat what a run was sent
        for seen in found:
            if seen.run is None or seen.run.ok:
                self.completed += seen.completed
            elif seen.run.status == "failed":
                self.failures.setdefault(seen.variant, masked(seen.run.error or "its runs failed"))
            elif seen.variant not in self.unknown:
                self.unknown[seen.variant] = replace(seen.run, error=masked(seen.run.error or "no answer came"))
        if not found:
            return [self._of_row(pd.DataFrame()) for _ in rows]
        lines, self.name = scored(found, self._score)
        self.error = self.error or masked(next((error for error in lines["score_error"] if error), ""))
        ends = np.cumsum([len(row) for row in rows])
        return [self._of_row(lines.iloc[end - len(row) : end]) for row, end in zip(rows, ends, strict=True)]

    def _of_row(self, lines: pd.DataFrame) -> Marked:
        scores = np.full(len(self._places), np.nan)
        if not len(lines):
            return Marked(scores, failed=0, missing=0)
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
        return Marked(scores, failed=int(failed.sum()), missing=missing)


def _observation(job: Job, outcome: Outcome, source: Mapping[str, Any], *, score: Any) -> Observation:
    output = outcome.run.output
    row = {column.name: cell_of(column.value(job, outcome)) for column in COLUMNS}
    row |= {source_name(name): value for name, value in source.items()}
    if isinstance(score, str) and score.startswith(OUT):
        row[score] = None  # of an output without this part
    if isinstance(output, Mapping):
        row |= {f"{OUT}{name}": value for name, value in output.items()}
    # Paired by its place: two rows may have the same label.
    return Observation(
        pair=job.position, variant=job.label, run=outcome.run, row=row, line=outcome.line, hidden=hidden_in(job)
    )
