"""Trade-off of score and seconds, or of score and cost: both with intervals, and the Pareto set of the variants.

A variant is in the Pareto set unless another one is at least as good in both and better in one of them, by the figures
that are shown: it says between which variants there is a choice, and nothing of how certain the figures are.

Seconds are the median of the completed runs, as in the summary, with the interval of order statistics. Cost is a mean
over distinct rows, as a score is, since a sum is what is paid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from fh_notebook.comparing.data import ComparisonData
from fh_notebook.comparing.scorers.base import number_of
from fh_notebook.comparing.stats.grid import Grid
from fh_notebook.comparing.stats.intervals import NAN, Interval, ScoreRange, interval_of_median, intervals_of_means
from fh_notebook.comparing.stats.number_format import MEDIAN_TIME, interval_text, percents, seconds_format, share_head
from fh_notebook.core.text.formatting import figures, short
from fh_notebook.core.text.shown_frame import ShownFrame
from fh_notebook.errors import InputError

Cost = str | Callable[[Any], Any] | None
"""What a run costs: a column of the rows, a function of the run, or nothing, which takes seconds."""

SECONDS: Final = "seconds"
COST: Final = "cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeoffLine:
    """The score of a variant, and what it takes."""

    variant: str
    score: float
    score_low: float
    score_high: float
    expense: float
    """Median seconds, or mean cost."""
    expense_low: float
    expense_high: float
    pareto: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """The trade-off of all variants that have a score and an expense, the best score first."""

    lines: tuple[TradeoffLine, ...]
    measure: str
    """``seconds`` or ``cost``."""

    @property
    def pareto(self) -> list[TradeoffLine]:
        """The lines of the Pareto set, the best score first."""
        return [line for line in self.lines if line.pareto]


def tradeoff_of(data: ComparisonData, cost: Cost = None) -> Tradeoff:
    """Return the trade-off of score and seconds, or cost."""
    if not data.scorer:
        raise InputError("nothing was scored; give compare(..., score=...)")
    expenses = _seconds(data) if cost is None else _costs(data, cost)
    scored = [line for line in data.summary_lines if line.n and line.variant in expenses]
    if not scored:
        raise InputError("no run has a measured time" if cost is None else f"no run has a cost by {short(cost)}")
    scored.sort(key=lambda line: line.mean if data.lower else -line.mean)
    points = [(line.mean if data.lower else -line.mean, expenses[line.variant][0]) for line in scored]
    lines = [
        TradeoffLine(
            variant=line.variant, score=line.mean, score_low=line.ci_low, score_high=line.ci_high, expense=middle,
            expense_low=interval.low, expense_high=interval.high,
            pareto=not any(_dominates(other, point) for other in points),
        )
        for line, point in zip(scored, points, strict=True)
        for middle, interval in [expenses[line.variant]]
    ]  # fmt: skip
    return Tradeoff(lines=tuple(lines), measure=SECONDS if cost is None else COST)


def _dominates(point: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether one point is at least as low as another in both, and lower in one."""
    return point != other and point[0] <= other[0] and point[1] <= other[1]


def _seconds(data: ComparisonData) -> dict[str, tuple[float, Interval]]:
    lines = data.lines[data.lines["seconds"].notna()]
    return {
        str(variant): (
            float(runs["seconds"].median()),
            interval_of_median(
                runs["seconds"].to_numpy(dtype="float64"), clusters=pd.factorize(runs["cluster"])[0].astype(np.int64)
            ),
        )
        for variant, runs in lines.groupby("variant", sort=False)
    }


def _costs(data: ComparisonData, cost: str | Callable[[Any], Any]) -> dict[str, tuple[float, Interval]]:
    names = ("cluster", "pair", "variant")
    priced: pd.DataFrame = pd.DataFrame({name: data.lines[name] for name in names})
    priced["score"] = _cost_of_runs(data, cost)
    grid = Grid.of(priced, data.variants, by="cluster")
    known = {variant: values for variant in grid.variants if len(values := grid.of_variant(variant))}
    ranges = [ScoreRange.of([*known.values()], (0.0, float("inf")))] * len(known)
    intervals = intervals_of_means([*known.values()], within=ranges)
    return {
        variant: (float(values.mean()), interval)
        for (variant, values), interval in zip(known.items(), intervals, strict=True)
    }


def _cost_of_runs(data: ComparisonData, cost: str | Callable[[Any], Any]) -> list[float]:
    """Return what each run costs; NaN where that is not known."""
    if callable(cost):
        if data.runs.observations is None:
            raise InputError("cost is a function of a run, and these are rows of a table; give the name of a column")
        values = [None if seen.run is None else cost(seen.run) for seen in data.runs.observations]
    else:
        column = data.runs.column(data.runs.column_named(cost, "for cost="))
        values = [] if column is None else column.tolist()
    numbers = [NAN if value is None or value != value else number_of(value) for value in values]
    if any(number is None for number in numbers):
        wrong = next(value for value, number in zip(values, numbers, strict=True) if number is None)
        raise InputError(f"cost gives {short(wrong)}; it must be a number for each run, or None where it is not known")
    return [NAN if number is None else float(number) for number in numbers]


def tradeoff_frame(data: ComparisonData, cost: Cost = None) -> ShownFrame:
    """Return one line a variant, the best score first (see ``Comparison.tradeoff``)."""
    found = tradeoff_of(data, cost)
    measure = found.measure
    names = {
        "variant": "variant", "score": "score", "score_low": "score_low", "score_high": "score_high",
        "expense": measure, "expense_low": f"{measure}_low", "expense_high": f"{measure}_high", "pareto": "pareto",
    }  # fmt: skip
    table = pd.DataFrame(
        {name: pd.Series([getattr(line, field) for line in found.lines]) for field, name in names.items()}
    )

    def cells(frame: pd.DataFrame) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
        scores = [x for name in ("score", "score_low", "score_high") for x in frame[name]]
        expenses = [x for name in names.values() if name.startswith(measure) for x in frame[name]]
        score = (
            percents(max((line.rows for line in data.summary_lines), default=0)) if data.is_share else figures(scores)
        )
        expense = seconds_format(expenses) if measure == SECONDS else figures(expenses)
        heads = [
            "variant", share_head(lower=data.lower) if data.is_share else "score", "95 % interval",
            MEDIAN_TIME if measure == SECONDS else "mean cost", "95 % interval", "Pareto set",
        ]  # fmt: skip
        shown = [
            [
                line["variant"], score(line["score"]), interval_text(score, line["score_low"], line["score_high"]),
                expense(line[measure]), interval_text(expense, line[f"{measure}_low"], line[f"{measure}_high"]),
                "yes" if line["pareto"] else "no",
            ]
            for line in frame.to_dict("records")
        ]  # fmt: skip
        return heads, shown

    return ShownFrame.of(table, cells)
